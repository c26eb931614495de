/* SPDX-License-Identifier: Apache-2.0 */
/* Rows that stand in the tables of both programs, autarky (cmd/table.c) and autarky-agent
 * (subscriber/program.c): written once, compiled into each. Only those two include this,
 * behind cmd/cmd.h. */
#pragma once

#define OPT(o) CMD_OPT_##o
#define OPTIONS(...) ((const unsigned char[]){__VA_ARGS__, 0})

/* What all of `import` take. */
#define IMPORT                                                                                     \
    OPTIONS(OPT(IMPORT_NAME), OPT(CA_FILE), OPT(ACME_SERVER), OPT(ACCOUNT_KEY), OPT(HTTP_LISTEN),  \
            OPT(WEBROOT), OPT(ALPN_LISTEN), OPT(DNS), OPT(DNS_CONFIG), OPT(HOOK), OPT(HOOK_ENV),   \
            OPT(HOOK_USER), OPT(HOOK_TIMEOUT), OPT(HOOK_CHAIN), OPT(CHALLENGE), OPT(REUSE_KEY),    \
            OPT(DESPITE_TIMER), OPT(EXIT_CODE), OPT(DRY_RUN))
#define IMPORT_DETAILS                                                                             \
    "Its files are read, nothing of it is executed. Services find their certificates where they\n" \
    "are; from then on `autarky renew` and `autarky agent run` keep them. What could not be\n"     \
    "carried over is said. A second time does nothing. --name takes those certificates alone.\n"

/* The ACME client and its agent. */
#define CMD_ROW_OBTAIN                                                                             \
    {                                                                                              \
        "obtain", NULL, "obtain a certificate from any ACME server (RFC 8555)",                    \
            "Needs neither a running Autarky nor root. Control is proven in one of the\n"          \
            "ways that are listed. The files in DIR are links to a set that is exchanged\n"        \
            "as a whole; privkey.pem is readable by its owner alone. What was asked for\n"         \
            "is remembered there, and `autarky renew DIR` renews it. With --dry-run the\n"         \
            "server is asked for its directory, and nothing is ordered. PROTOCOL is tls,\n"        \
            "tlcp, smtp, imap, pop3, ldap, postgres, mysql, ftp, xmpp or xmpp-server;\n"           \
            "without HOST it is every address of every name. What is not seen to be\n"             \
            "served is taken back.",                                                               \
            NULL,                                                                                  \
            OPTIONS(OPT(ACME_SERVER), OPT(CA_FILE), OPT(CA_FINGERPRINT), OPT(CA_URL), OPT(PROXY),  \
                    OPT(NO_PROXY), OPT(PROXY_PRIVATE), OPT(ACME_NAME), OPT(ACME_OUT),              \
                    OPT(AGREE_TOS), OPT(HTTP_LISTEN), OPT(WEBROOT), OPT(ALPN_LISTEN), OPT(DNS),    \
                    OPT(DNS_CONFIG), OPT(DNS_PERSIST), OPT(RESOLVER), OPT(HOOK), OPT(HOOK_ENV),    \
                    OPT(HOOK_USER), OPT(HOOK_TIMEOUT), OPT(HOOK_CHAIN), OPT(CHALLENGE),            \
                    OPT(ACME_KEY), OPT(REUSE_KEY), OPT(KEY_URI), OPT(PKCS11_MODULE), OPT(KEY_PIN), \
                    OPT(ACME_PROFILE), OPT(CONTACT), OPT(EAB_KID), OPT(EAB_KEY_FILE), OPT(CHAIN),  \
                    OPT(ACCOUNT_KEY), OPT(FILE_OWNER), OPT(FILE_GROUP), OPT(KEY_MODE),             \
                    OPT(SELINUX), OPT(OCSP), OPT(OCSP_AGE), OPT(COMBINED), OPT(FOR_SERVICE),       \
                    OPT(RELOAD), OPT(RELOAD_TIMEOUT), OPT(RELOAD_WINDOW), OPT(RENEW_WINDOW),       \
                    OPT(DESPITE_WINDOW), OPT(PROVE), OPT(PROVE_FOR), OPT(PAIR),                    \
                    OPT(FALLBACK_SERVER), OPT(FALLBACK_CA_FILE), OPT(FALLBACK_CA_FINGERPRINT),     \
                    OPT(FALLBACK_CA_URL), OPT(FALLBACK_ACCOUNT_KEY), OPT(FALLBACK_PROFILE),        \
                    OPT(FALLBACK_EAB_KID), OPT(FALLBACK_EAB_KEY_FILE), OPT(ISSUANCE_TIMEOUT),      \
                    OPT(DRY_RUN)),                                                                 \
            cmd_obtain                                                                             \
    }

#define CMD_ROW_RENEW                                                                              \
    {                                                                                              \
        "renew", NULL, "renew what `autarky obtain` has obtained, where it is due",                \
            "DIR is what was given as --out, with what is below it, for further kinds of\n"        \
            "keys, or a directory of such directories. When is\n"                                  \
            "the server's to say (RFC 9773), else two thirds of the lifetime. Meant to be\n"       \
            "run by a timer, often: what is not due costs no connection, and after a\n"            \
            "failure pauses grow from a minute to six hours.",                                     \
            "DIR",                                                                                 \
            OPTIONS(OPT(RENEW_FORCE), OPT(REUSE_KEY), OPT(NEW_KEY), OPT(DESPITE_WINDOW),           \
                    OPT(ALONE), OPT(FIRST_SILENT), OPT(JITTER), OPT(ISSUANCE_TIMEOUT),             \
                    OPT(EXIT_CODE), OPT(DRY_RUN)),                                                 \
            cmd_renew                                                                              \
    }

#define CMD_ROW_AGENT_RUN                                                                          \
    {                                                                                              \
        "agent", "run", "keep what `autarky obtain` obtained renewed, as long as it runs",         \
            "DIR is as for renew, which it runs for each certificate when it is time:\n"           \
            "instead of a timer, and beside one where there is one. A certificate that is\n"       \
            "added is found within a minute, or by SIGHUP. SIGTERM ends what is under way\n"       \
            "and leaves what is in place. It tells systemd that it is ready, how it is,\n"         \
            "and that it lives. Where the host is enrolled (agent enrol) it reports to\n"          \
            "its server.",                                                                         \
            "DIR...", OPTIONS(OPT(AGENT_DIR)), cmd_agent_daemon                                    \
    }

#define CMD_ROW_AGENT_ENROL                                                                        \
    {                                                                                              \
        "agent", "enrol", "have `autarky agent run` of this host report to a server",              \
            "The host gets a certificate of the server's CA for a key that it makes, by\n"         \
            "which it is known there from then on, and which it renews by itself.\n"               \
            "--ca-file or --ca-fingerprint say who the server is; otherwise this\n"                \
            "machine's roots do. Where an answer was lost, the same command goes on.",             \
            NULL,                                                                                  \
            OPTIONS(OPT(AGENT_SERVER), OPT(AGENT_TOKEN_FILE), OPT(AGENT_DIR), OPT(AGENT_NAME),     \
                    OPT(ALLOW_RENEW), OPT(CA_FILE), OPT(CA_FINGERPRINT), OPT(CA_URL)),             \
            cmd_agent_enrol                                                                        \
    }

#define CMD_ROW_AGENT_DOCTOR                                                                       \
    {                                                                                              \
        "agent", "doctor", "say what is, or will be, in the way of renewals, and what to do",      \
            "Of every certificate in DIR, or in the directories below it: whether it is\n"         \
            "valid, what failed last, whether the proof could be given and the server\n"           \
            "answers, whose clock is wrong, whether updates of DNS are signed; and who\n"          \
            "else renews on this machine. Nothing is changed.",                                    \
            "DIR...", NULL, cmd_agent_doctor                                                       \
    }

#define CMD_ROW_IMPORT_DEHYDRATED                                                                  \
    {                                                                                              \
        "import", "dehydrated", "take over what dehydrated keeps",                                 \
            IMPORT_DETAILS "DIR is where its config is, or that file; otherwise /etc/dehydrated.", \
            "[DIR]", IMPORT, cmd_import                                                            \
    }

#define CMD_ROW_IMPORT_CERTBOT                                                                     \
    {                                                                                              \
        "import", "certbot", "take over what certbot keeps",                                       \
            IMPORT_DETAILS "DIR is its configuration directory; otherwise /etc/letsencrypt.",      \
            "[DIR]", IMPORT, cmd_import                                                            \
    }

#define CMD_ROW_IMPORT_ACME_SH                                                                     \
    {                                                                                              \
        "import", "acme.sh", "take over what acme.sh keeps",                                       \
            IMPORT_DETAILS "DIR is its home; otherwise ~/.acme.sh.", "[DIR]", IMPORT, cmd_import   \
    }

#define CMD_ROW_IMPORT_LEGO                                                                        \
    {                                                                                              \
        "import", "lego", "take over what lego keeps",                                             \
            IMPORT_DETAILS                                                                         \
            "DIR is what lego has as --path, or version 5's .lego.yml; otherwise .lego. Only\n"    \
            "in that file is the way of proof written down, in version 4 nor is the server:\n"     \
            "--server and one of the ways say them.",                                              \
            "[DIR]", IMPORT, cmd_import                                                            \
    }

#define CMD_CLIENT_ROWS                                                                            \
    CMD_ROW_OBTAIN, CMD_ROW_RENEW, CMD_ROW_AGENT_RUN, CMD_ROW_AGENT_ENROL, CMD_ROW_AGENT_DOCTOR,   \
        CMD_ROW_IMPORT_DEHYDRATED, CMD_ROW_IMPORT_CERTBOT, CMD_ROW_IMPORT_ACME_SH,                 \
        CMD_ROW_IMPORT_LEGO

/* What every program says of itself. */
#define CMD_ROW_VERSION                                                                            \
    {                                                                                              \
        "version", NULL, "print the version of this program and of what it is linked with", NULL,  \
            NULL, NULL, cmd_version                                                                \
    }

#define CMD_ROW_COMPLETION                                                                         \
    {                                                                                              \
        "completion", NULL, "print what lets a shell complete commands and options",               \
            "SHELL is bash, zsh or fish. For this shell: source <(autarky completion\n"            \
            "bash), and in fish: autarky completion fish | source.",                               \
            "SHELL", NULL, cmd_completion                                                          \
    }

#define CMD_COMMON_ROWS CMD_ROW_VERSION, CMD_ROW_COMPLETION
