/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/agents.h"
#include "cmd/alert.h"
#include "cmd/backup.h"
#include "cmd/cert.h"
#include "cmd/cmd.h"
#include "cmd/operators.h"
#include "program/program.h"
#include "program/rows.h"
#include "serve/serve.h"
#include "store/store.h"

static const struct cmd_row rows[] = {
    {"init", NULL, "make a certificate authority",
     "Makes root and issuers, the database and autarky.yaml in the data directory, and nothing\n"
     "that is there already is touched. Asks nothing when it is not run on a terminal.\n"
     "Without a passphrase option one is made up and kept in the data directory, readable by\n"
     "its owner alone: a copy of the keys without that file is then worth nothing.",
     NULL,
     OPTIONS(OPT(ORGANIZATION), OPT(COUNTRY), OPT(DOMAIN), OPT(ALGORITHMS), OPT(SPECIAL),
             OPT(STAGING), OPT(ROOT_PASSPHRASE_FILE), OPT(OFFLINE_ROOT), OPT(PASSPHRASE_FILE),
             OPT(PASSPHRASE_CREDENTIAL), OPT(PASSPHRASE_PROMPT), OPT(DRY_RUN)),
     cmd_init},
    {"serve", NULL, "run everything that the configuration enables",
     "In the foreground. SIGHUP or `autarky reload` reads the configuration again, SIGUSR2\n"
     "or `autarky upgrade` puts the program that is installed now in its place, SIGTERM ends in\n"
     "order.",
     NULL, NULL, cmd_serve},
    {"reload", NULL, "let the running server read its configuration again",
     "Either every part of it takes the new configuration, or all keep the old one and the\n"
     "reasons are shown. One that changes what sites pass on waits for gateway.change_window.",
     NULL, OPTIONS(OPT(REASON), OPT(DESPITE_WINDOW)), cmd_reload},
    {"upgrade", NULL, "put the program that is installed now in the place of the running one",
     "The running server looks whether the file at its path can take over with this configuration\n"
     "and database; if not it goes on as it is. Otherwise the new program gets its sockets: no\n"
     "connection is refused, and what the gateway's sites have under way has gateway.drain to\n"
     "finish. Returns when all processes of the new program are ready.",
     NULL, OPTIONS(OPT(REASON)), cmd_upgrade},
    {"status", NULL, "show how the running server is", NULL, NULL, NULL, cmd_status},
    {"doctor", NULL, "show what is wrong, and the command that mends it", NULL, NULL, NULL,
     cmd_doctor},
    {"config", "check", "read the configuration and list every error in it", NULL, NULL, NULL,
     cmd_config_check},
    {"config", "show", "print the configuration with all defaults filled in", NULL, NULL, NULL,
     cmd_config_show},
    {"cert", "list", "list certificates, the newest first",
     "Those of the staging directory are left out; --staging lists them, and no others.", NULL,
     OPTIONS(OPT(LIMIT), OPT(CURSOR), OPT(NAME), OPT(UNDER), OPT(STATUS), OPT(STAGING)),
     cmd_cert_list},
    {"cert", "find", "find certificates by what is known of them",
     "WORD is a name, an address, a serial number or the hash of a key. All that is given must\n"
     "hold. The newest come first. Those of the staging directory are left out unless serial\n"
     "number, key or issuer say which, or --staging, which finds no others.",
     "[WORD]",
     OPTIONS(OPT(LIMIT), OPT(CURSOR), OPT(NAME), OPT(UNDER), OPT(STATUS), OPT(STAGING), OPT(SERIAL),
             OPT(PUBLIC_KEY), OPT(OWNER), OPT(ISSUER), OPT(EXPIRES_BEFORE), OPT(EXPIRES_AFTER)),
     cmd_cert_find},
    {"cert", "show", "show a certificate and all that is known of it", NULL, "SERIAL", NULL,
     cmd_cert_show},
    {"cert", "issue", "make a key and have it certified, without ACME",
     "Writes cert.pem, chain.pem (the issuers without the root), fullchain.pem (both) and\n"
     "privkey.pem. The key is made here and never leaves this program but into its file, which\n"
     "is readable by its owner alone. Nothing that is there is overwritten without --force.\n"
     "With --key-by-ca the CA makes the key, of a profile like tlcp-enc, and sends it in an\n"
     "envelope (SM2EnvelopedKey, GM/T 0009) that only --sign-key opens. Unless the organisation\n"
     "has a key of escrow (ca.escrow), which is said then, nothing of it is kept.",
     NULL,
     OPTIONS(OPT(CERT_NAME), OPT(PROFILE), OPT(KEY), OPT(KEY_BY_CA), OPT(SIGN_KEY),
             OPT(COMMON_NAME), OPT(OUT), OPT(FORMAT), OPT(P12_PASSWORD_FILE), OPT(WITH_ROOT),
             OPT(FORCE), OPT(REASON), OPT(OWNER), OPT(TEAM), OPT(SERVICE), OPT(DRY_RUN)),
     cmd_cert_issue},
    {"cert", "sign", "certify the key of a certificate request (PKCS#10), without ACME",
     "CSRFILE is DER or PEM, or - for standard input. Names come from the request, unless --name\n"
     "gives others; the rest is the profile's. Writes cert.pem, chain.pem and fullchain.pem.\n"
     "With --key-by-ca the certificate is for a key that the CA makes, and enveloped.der is that\n"
     "key for the one of the request: `autarky cert open` opens it.",
     "CSRFILE",
     OPTIONS(OPT(CERT_NAME), OPT(PROFILE), OPT(KEY_BY_CA), OPT(COMMON_NAME), OPT(OUT), OPT(FORMAT),
             OPT(WITH_ROOT), OPT(FORCE), OPT(REASON), OPT(OWNER), OPT(TEAM), OPT(SERVICE),
             OPT(DRY_RUN)),
     cmd_cert_sign},
    {"cert", "open", "open the envelope of a key that a CA made",
     "ENVELOPE is an SM2EnvelopedKey (GM/T 0009) in DER, as enveloped.der, or as `autarky cert\n"
     "escrow` wrote it: then --sign-key is the key of escrow. The key is written as privkey.pem\n"
     "only if it is that of the certificate, or of --public-key where that is not kept any more.\n"
     "Asks no server.",
     "ENVELOPE",
     OPTIONS(OPT(SIGN_KEY), OPT(SIGN_KEY_PASSPHRASE_FILE), OPT(CERT), OPT(OPEN_PUBLIC_KEY),
             OPT(OUT), OPT(FORCE)),
     cmd_cert_open},
    {"cert", "escrow", "hand out the key of a certificate as it is escrowed, sealed",
     "Of a key that the CA made while the configuration had ca.escrow. It is of no use without\n"
     "the private half of that key, which the organisation keeps elsewhere: there `autarky cert\n"
     "open` opens it. Takes a reason, which stands in the audit log beside who asked; and another\n"
     "person where control.two_persons has key.escrow.",
     "SERIAL", OPTIONS(OPT(REASON), OPT(ESCROW_OUT), OPT(DRY_RUN)), cmd_cert_escrow},
    {"cert", "revoke", "revoke a certificate",
     "A key that is compromised is never certified again. Revoking cannot be taken back.", "SERIAL",
     OPTIONS(OPT(REVOKE_REASON), OPT(WHOLE), OPT(WHY), OPT(DRY_RUN)), cmd_cert_revoke},
    {"cert", "export", "write a certificate and its chain to files",
     "As `autarky cert issue`, without the key, which is not kept here; without --out the\n"
     "certificate and its issuers go to standard output.",
     "SERIAL",
     OPTIONS(OPT(OUT), OPT(FORMAT), OPT(P12_PASSWORD_FILE), OPT(KEY_FILE), OPT(WITH_ROOT),
             OPT(FORCE), OPT(DRY_RUN)),
     cmd_cert_export},
    {"issuer", "list", "list roots and issuers, and which is to be replaced", NULL, NULL,
     OPTIONS(OPT(LIMIT), OPT(CURSOR)), cmd_issuer_list},
    {"issuer", "create", "make issuers that are missing, or another hierarchy",
     "Needs the key of the root that signs, in root/ of the data directory or in a token. With\n"
     "--special, and roots of its own, the hierarchy for names that are not of this\n"
     "organisation; with --staging that of the staging directory.\n"
     "With --csr only their keys are made here, and requests on media for a root elsewhere.",
     NULL,
     OPTIONS(OPT(ALGORITHMS), OPT(SPECIAL), OPT(STAGING), OPT(ROOT_PASSPHRASE_FILE), OPT(SHARE),
             OPT(REASON), OPT(DRY_RUN), OPT(CSR), OPT(MEDIA), OPT(TOKEN)),
     cmd_issuer_create},
    {"issuer", "rotate", "make the replacement of an issuer, or of all",
     "The new one is published at once and signs after ca.rotation.overlap; until then the old\n"
     "one does. When domain, names.internal or names.single have changed, it signs at once.\n"
     "--due is for a timer: it does nothing while nothing is due. The new key is made where the\n"
     "old one is, or in --token. With --csr only keys are made here, and requests on media for a\n"
     "root elsewhere; `issuer import` then does the rest.",
     "[REF]",
     OPTIONS(OPT(DUE), OPT(NOW), OPT(ROOT_PASSPHRASE_FILE), OPT(SHARE), OPT(REASON), OPT(DRY_RUN),
             OPT(CSR), OPT(MEDIA), OPT(TOKEN)),
     cmd_issuer_rotate},
    {"issuer", "retire", "let an issuer sign no more certificates",
     "What it signed stays good, and it is served until the last of it has ended.", "REF",
     OPTIONS(OPT(REASON), OPT(DRY_RUN)), cmd_issuer_retire},
    {"issuer", "cross-sign", "let clients of an old and of a new root verify",
     "Makes certificates of the root by each other one of its kind, and of those by it. They are\n"
     "served with every chain from then on. With --media only requests are written, for roots\n"
     "elsewhere: `root sign` signs them there, and `issuer import` brings them back.",
     "ROOT", OPTIONS(OPT(ROOT_PASSPHRASE_FILE), OPT(SHARE), OPT(REASON), OPT(MEDIA), OPT(DRY_RUN)),
     cmd_issuer_cross_sign},
    {"issuer", "revoke", "revoke an issuer, and with it all that it signed",
     "REF may also be a cross certificate, as in root-rsa-2-by-root-rsa: no chain has it then.\n"
     "--reason may be one of RFC 5280, as in superseded; otherwise the list says cACompromise,\n"
     "of a cross certificate cessationOfOperation.\n"
     "With --media only a request is written, for a root elsewhere; it is revoked by the list\n"
     "that `root sign` makes there and `issuer import` takes.",
     "REF",
     OPTIONS(OPT(ROOT_PASSPHRASE_FILE), OPT(SHARE), OPT(REASON), OPT(YES), OPT(MEDIA),
             OPT(DRY_RUN)),
     cmd_issuer_revoke},
    {"site", "add", "put a web site on HTTPS",
     "Writes it into conf.d/sites.yaml of the data directory, unless something is wrong with it,\n"
     "and lets the running server read its configuration again. Its certificates come by\n"
     "themselves, and so do their successors.",
     "NAME", OPTIONS(OPT(BACKEND), OPT(ALGORITHMS), OPT(PROFILE), OPT(REASON), OPT(DRY_RUN)),
     cmd_site_add},
    {"site", "remove", "take a web site off the gateway",
     "What `autarky site add` has written. A site in another file is removed there, by hand.\n"
     "Its keys and certificates stay in the data directory, below sites.",
     "NAME", OPTIONS(OPT(REASON), OPT(DRY_RUN)), cmd_site_remove},
    {"site", "list", "list the gateway's sites and how their certificates are", NULL, NULL,
     OPTIONS(OPT(LIMIT), OPT(CURSOR)), cmd_site_list},
    {"site", "check", "show what a browser would get from a site, and why not",
     "Looks at its certificates and asks its backends, from here.", "NAME", NULL, cmd_site_check},
    {"site", "renew", "let a site have new certificates now", NULL, "NAME", OPTIONS(OPT(REASON)),
     cmd_site_renew},
    {"root", "create", "make a root key, on a machine without a network",
     "Makes the data directory, the keys of the roots (encrypted files, or in a token) and their\n"
     "certificates. With --shares the passphrase is split: any M of N people open the key.\n"
     "Where a server is: only --next, for roots whose keys are in root/ of its data directory.",
     NULL,
     OPTIONS(OPT(ORGANIZATION), OPT(COUNTRY), OPT(DOMAIN), OPT(ALGORITHMS), OPT(SPECIAL),
             OPT(STAGING), OPT(ROOT_PASSPHRASE_FILE), OPT(SHARES), OPT(SHARE), OPT(TOKEN),
             OPT(PKCS11_MODULE), OPT(PIN_FILE), OPT(NEXT)),
     cmd_root_create},
    {"root", "export", "write certificates of roots and the transcript to media", NULL, NULL,
     OPTIONS(OPT(MEDIA)), cmd_root_export},
    {"root", "sign", "sign the requests that lie on media",
     "Shows each certificate as it will be, and signs it after a yes. With it goes a list of what\n"
     "the root has revoked, what the media want revoked included; --crl makes the lists alone,\n"
     "anew. Another root is certified only when it is in trust/ of this machine.",
     NULL,
     OPTIONS(OPT(MEDIA), OPT(ROOT_PASSPHRASE_FILE), OPT(SHARE), OPT(CRL), OPT(CRL_DAYS), OPT(YES)),
     cmd_root_sign},
    {"root", "forget", "wipe the root keys on this machine",
     "Overwrites and removes keys, passphrase and shares below root; certificates and transcript\n"
     "stay. Keys in tokens stay as well.",
     NULL, OPTIONS(OPT(SHARES_ONLY), OPT(YES)), cmd_root_forget},
    {"issuer", "import", "take the certificates that a root elsewhere has signed",
     "From media: certificates for the keys whose requests wait here, cross certificates of roots\n"
     "that are known, lists of roots with what they revoke, and, after a yes, roots that are new\n"
     "here. The running server takes them up.",
     NULL, OPTIONS(OPT(MEDIA), OPT(REASON), OPT(YES)), cmd_issuer_import},
    {"approval", "list", "list what takes other persons, the newest first", NULL, NULL,
     OPTIONS(OPT(LIMIT), OPT(CURSOR)), cmd_approval_list},
    {"approval", "show", "show all that is known of what one is to allow",
     "Names stand beside how people read them, for what looks alike need not be the same; of a\n"
     "certificate also who asks from where, by what each name was proven, and the request.",
     "ID", NULL, cmd_approval_show},
    {"approval", "grant", "allow what somebody else has asked for",
     "A command once, and until it expires: whoever asked gives the same command again. A\n"
     "certificate once, within control.approval_wait, unless --for or --renewals says more; it is\n"
     "of that account, those names, that profile and kind of key.",
     "ID", OPTIONS(OPT(FOR), OPT(GRANT_RENEWALS), OPT(REASON), OPT(DRY_RUN)), cmd_approval_grant},
    {"approval", "deny", "refuse what somebody else has asked for",
     "Whoever asked for a certificate is told the reason.", "ID",
     OPTIONS(OPT(REASON), OPT(DRY_RUN)), cmd_approval_deny},
    {"eab", "create", "make a key that binds an ACME account (RFC 8555 section 7.3.4)",
     "Prints its kid and the key itself, which is told this once, for the client: certbot takes\n"
     "them as --eab-kid and --eab-hmac-key. Rules of the policy can be for accounts of such keys\n"
     "alone (policy[].eab), and acme.eab: required lets nobody in without.",
     "NAME", OPTIONS(OPT(ACCOUNTS), OPT(EXPIRES), OPT(REASON), OPT(DRY_RUN)), cmd_eab_create},
    {"eab", "list", "list the keys that bind ACME accounts", NULL, NULL,
     OPTIONS(OPT(LIMIT), OPT(CURSOR)), cmd_eab_list},
    {"eab", "revoke", "let a key make no more accounts",
     "The accounts that were made with it stay as they are.", "NAME",
     OPTIONS(OPT(REASON), OPT(DRY_RUN)), cmd_eab_revoke},
    {"account", "list", "list ACME accounts, the oldest first", NULL, NULL,
     OPTIONS(OPT(LIMIT), OPT(CURSOR), OPT(EAB), OPT(ACCOUNT_STATUS)), cmd_account_list},
    {"account", "show", "show an ACME account",
     "ID is as in `autarky account list`, or the URL of the account.", "ID", NULL,
     cmd_account_show},
    {"account", "deactivate", "end an ACME account",
     "Nothing is done for it any more, and its key makes no other. Its certificates stay valid;\n"
     "this cannot be taken back.",
     "ID", OPTIONS(OPT(REASON), OPT(DRY_RUN)), cmd_account_deactivate},
    {"renewal", "pull", "let clients renew a set of certificates soon",
     "All that is given must hold of a certificate issued before now. Clients that ask when to\n"
     "renew (RFC 9773) learn it when they next look, within 6 hours as a rule; each gets a time\n"
     "of its own until --within.",
     NULL,
     OPTIONS(OPT(ISSUER), OPT(PROFILE), OPT(PUBLIC_KEY), OPT(NAME), OPT(UNDER), OPT(WITHIN),
             OPT(URL), OPT(REASON), OPT(DRY_RUN)),
     cmd_renewal_pull},
    {"renewal", "list", "list the renewals that were pulled forward", NULL, NULL,
     OPTIONS(OPT(LIMIT), OPT(CURSOR)), cmd_renewal_list},
    {"txt", "list", "list the accounts of the server of TXT records, the oldest first", NULL, NULL,
     OPTIONS(OPT(LIMIT), OPT(CURSOR)), cmd_txt_list},
    {"txt", "remove", "remove an account of the server of TXT records",
     "NAME is what an alias leads to, or its first label. Nobody can set values there any more, "
     "and\nthe name is gone from the zone.",
     "NAME", OPTIONS(OPT(REASON), OPT(DRY_RUN)), cmd_txt_remove},
    {"policy", "check", "find rules that cannot be meant so",
     "Rules that never decide, that contradict each other, that allow what cannot be proven or\n"
     "certified, and that are wider than is likely to be meant; what to do, for each. Ends with\n"
     "status 2 when there is one. Of the configuration in the file, as is explain. With "
     "--dry-run:\n"
     "which valid certificates of the running server could not be had again under these rules.",
     NULL, OPTIONS(OPT(DRY_RUN)), cmd_policy_check},
    {"policy", "explain", "show which rule decides about a name, and why",
     "All rules that have the name, and what each says; several --name are looked at as one\n"
     "certificate. With --account the running server is asked for the key that it was made with,\n"
     "unless --eab says it. --client-certificate is a name, or team:, owner:, sha256: as rules\n"
     "have them, of any certificate; with serial: the running server says what is in it.",
     NULL,
     OPTIONS(OPT(ACCOUNT), OPT(CERT_NAME), OPT(EAB), OPT(CLIENT_CERTIFICATE), OPT(FROM),
             OPT(PROFILE)),
     cmd_policy_explain},
    {"policy", "accept", "accept the policy in the files without a second person, as root",
     "For when nobody is left who could be the second person, or the policy that was accepted can\n"
     "not be read any more. The next start of the service takes exactly the policy that the files\n"
     "have now, and the audit log has who accepted it, why, and what was changed. With --dry-run:\n"
     "shows that policy, and accepts nothing.",
     NULL, OPTIONS(OPT(REASON), OPT(DRY_RUN)), cmd_policy_accept},
    {"alert", "list", "list what is wrong or soon will be, and silences",
     "What is over is kept for 90 days; --over lists it.", NULL,
     OPTIONS(OPT(LIMIT), OPT(CURSOR), OPT(KIND), OPT(OWNER), OPT(OVER)), cmd_alert_list},
    {"alert", "show", "show an alert, and who was told of it", NULL, "ID", NULL, cmd_alert_show},
    {"alert", "ack", "say that you know of an alert and see to it",
     "Nobody is told of it again, unless it becomes worse, or is over.", "ID",
     OPTIONS(OPT(REASON), OPT(DRY_RUN)), cmd_alert_ack},
    {"alert", "silence", "let nobody be told of some alerts for a time",
     "Of what fits all that is given. What is silent is listed all the same, and is told when the\n"
     "silence ends, if it is not over then.",
     NULL, OPTIONS(OPT(KIND), OPT(OBJECT), OPT(OWNER), OPT(UNTIL), OPT(REASON), OPT(DRY_RUN)),
     cmd_alert_silence},
    {"alert", "unsilence", "end a silence before its time", NULL, "ID",
     OPTIONS(OPT(REASON), OPT(DRY_RUN)), cmd_alert_unsilence},
    {"alert", "silences", "list the silences that hold", NULL, NULL,
     OPTIONS(OPT(LIMIT), OPT(CURSOR)), cmd_alert_silences},
    {"alert", "deliveries", "list what was sent to receivers, and what waits", NULL, NULL,
     OPTIONS(OPT(LIMIT), OPT(CURSOR)), cmd_alert_deliveries},
    {"alert", "test", "tell a receiver something harmless",
     "At once and once; says what the receiver's server answered, or why it does not have it.",
     "RECEIVER", OPTIONS(OPT(REASON)), cmd_alert_test},
    {"issuance", "freeze", "issue nothing more, or nothing for a part of it",
     "Everything, or what --zone, --issuer or --account names. Orders that are refused say since\n"
     "when, by whom and why. Certificates that the server itself lives on are not concerned.",
     NULL, OPTIONS(OPT(ZONE), OPT(ISSUER), OPT(ACCOUNT), OPT(RENEWALS), OPT(REASON), OPT(DRY_RUN)),
     cmd_issuance_freeze},
    {"issuance", "thaw", "lift a lock",
     "By its ID, by what it is of, or the only one that holds. Takes a second person where\n"
     "control.two_persons has issuance.thaw.",
     "[ID]", OPTIONS(OPT(ZONE), OPT(ISSUER), OPT(ACCOUNT), OPT(REASON), OPT(DRY_RUN)),
     cmd_issuance_thaw},
    {"issuance", "status", "show what is frozen, since when, by whom and why",
     "--limit and --cursor are of the locks that were lifted.", NULL,
     OPTIONS(OPT(LIMIT), OPT(CURSOR)), cmd_issuance_status},
    {"forward", NULL, "let programs that know no TLCP reach a server that speaks it",
     "Listens on that address (port 0: one that is free, printed) and carries what comes to the\n"
     "server and back, under TLCP. The server has to show both of its certificates, for its name "
     "or\n"
     "address, by one of the roots of --root, otherwise of the data directory. Where it asks its\n"
     "clients for certificates, it is shown those of --sign-cert and --enc-cert.",
     "HOST:PORT",
     OPTIONS(OPT(TLCP), OPT(ALPN), OPT(ROOT), OPT(SIGN_CERT), OPT(SIGN_KEY), OPT(ENC_CERT),
             OPT(ENC_KEY)),
     cmd_forward},
    {"agent", "token", "create: make a token by which one host can enrol, once",
     "The word behind it is create. The token goes to standard output, this once; with --name the\n"
     "agent is called so, whatever its host says. agents.enabled has to be true.",
     "create", OPTIONS(OPT(AGENT_NAME), OPT(AGENT_WITHIN), OPT(REASON), OPT(DRY_RUN)),
     cmd_agent_token},
    {"agent", "list", "list the agents that report, how they are, and tokens that wait", NULL, NULL,
     OPTIONS(OPT(LIMIT), OPT(CURSOR)), cmd_agent_list},
    {"agent", "tokens", "list the tokens that wait", NULL, NULL, OPTIONS(OPT(LIMIT), OPT(CURSOR)),
     cmd_agent_tokens},
    {"agent", "show", "show what an agent reported last", NULL, "NAME", NULL, cmd_agent_show},
    {"agent", "remove", "let an agent report no more, and revoke its own certificate",
     "What it keeps on its host stays. With the id of a token that waits, that token is taken "
     "back.",
     "NAME", OPTIONS(OPT(REASON), OPT(DRY_RUN)), cmd_agent_remove},
    {"agent", "renew", "ask an agent to renew every certificate that it keeps",
     "It hears of it with its next report, and obeys if it was enrolled with --allow-renew.",
     "NAME", OPTIONS(OPT(REASON), OPT(DRY_RUN)), cmd_agent_renew},
    CMD_CLIENT_ROWS,
    {"probe", NULL, "show what the CA sees of a name, or what a server of TLCP offers",
     "With --as-ca: the answers that each name server of its zone, and those that hold the zone,\n"
     "give the running server now; whether http-01 would reach anybody; whether CAA would allow a\n"
     "certificate. Nothing is proven, and nothing changed. With --tlcp HOST:PORT: which suites a\n"
     "server of TLCP accepts, its certificates, unverified, and whether it resumes sessions; of\n"
     "suites that want certificates of the client more is seen with --sign-cert and --enc-cert.",
     "[NAME]",
     OPTIONS(OPT(AS_CA), OPT(TLCP), OPT(SIGN_CERT), OPT(SIGN_KEY), OPT(ENC_CERT), OPT(ENC_KEY)),
     cmd_probe},
    {"scan", NULL, "look at what is served in networks, and judge it",
     "TARGET is an address, a network as in 10.1.0.0/16, a name (all of its addresses),\n"
     "[PROTOCOL:]HOST:PORT, or @FILE with such targets, @csv:FILE for a table, @prometheus:FILE\n"
     "for those of a blackbox exporter. TLS, TLS behind STARTTLS, and TLCP: certificates, "
     "versions\n"
     "and groups; each is ours or foreign, expired, weak, for another name. What was interrupted\n"
     "is gone on with by the same command.",
     "TARGET...",
     OPTIONS(OPT(PORTS), OPT(AT_ONCE), OPT(PER_HOST), OPT(RATE), OPT(SCAN_TIMEOUT), OPT(DEADLINE),
             OPT(QUICK), OPT(OURS), OPT(SCAN_OUT)),
     cmd_scan},
    {"inventory", "list", "list what is served, where, and what is to be thought of it",
     "The endpoints that scans have found, in that order. Verdicts: ours, foreign, expired, "
     "early,\n"
     "weak, mismatched, unreadable; and of ours current, superseded, revoked (and served all the\n"
     "same), unregistered.",
     NULL,
     OPTIONS(OPT(LIMIT), OPT(CURSOR), OPT(NETWORK), OPT(VERDICT), OPT(UNDER), OPT(OWNER),
             OPT(EXPIRES_BEFORE), OPT(UNSEEN_FOR), OPT(CSV)),
     cmd_inventory_list},
    {"inventory", "show", "show an endpoint and the certificate that it shows", NULL, "ENDPOINT",
     NULL, cmd_inventory_show},
    {"inventory", "history", "show how an endpoint has changed, the newest first", NULL, "ENDPOINT",
     OPTIONS(OPT(LIMIT), OPT(CURSOR)), cmd_inventory_history},
    {"inventory", "owner", "say whose an endpoint is",
     "Without --owner and --service, what was said is taken back, and what the register or\n"
     "inventory.owners of the configuration says counts again.",
     "ENDPOINT", OPTIONS(OPT(OWNER), OPT(SERVICE), OPT(REASON), OPT(DRY_RUN)), cmd_inventory_owner},
    {"inventory", "orphans", "list living certificates that no scan has found anywhere", NULL, NULL,
     OPTIONS(OPT(LIMIT), OPT(CURSOR)), cmd_inventory_orphans},
    {"inventory", "import", "take what a scan wrote to a file into the inventory",
     "FILE is of `autarky scan --out`, perhaps from another network. The same file a second time\n"
     "changes nothing.",
     "FILE", NULL, cmd_inventory_import},
    {"audit", "export", "write the audit log and its signed heads to files",
     "Into a directory that is empty or not there yet; if the server runs, it has a head signed\n"
     "first. The public key to check them with is trust/audit.pub, which is better kept elsewhere.",
     NULL, OPTIONS(OPT(OUT)), cmd_audit_export},
    {"audit", "verify", "hold an export of the audit log against its signed heads",
     "Offline, with the public key alone. Names the records between two signed heads among which\n"
     "one was altered, removed, inserted or put elsewhere. That the newest records are gone, with\n"
     "their heads, shows only against a head that was kept elsewhere (--head).",
     "DIR", OPTIONS(OPT(AUDIT_KEY), OPT(HEAD), OPT(WITNESS)), cmd_audit_verify},
    {"audit", "head", "have the head of the audit log signed now, and print it",
     "It can be kept elsewhere, be countersigned by a witness, or be put on paper.", NULL, NULL,
     cmd_audit_head},
    {"audit", "prove", "prove that a signed head continues the log as somebody knows it",
     "Prints what a witness wants to see before it countersigns (C2SP tlog-witness): the size, "
     "the\n"
     "hashes of the consistency proof (RFC 6962 section 2.1.2), an empty line, and the head.",
     NULL, OPTIONS(OPT(PROVE_FROM), OPT(PROVE_TO)), cmd_audit_prove},
    {"audit", "restart", "begin a new audit log where the signed one cannot go on",
     "For a database that was restored and lacks records that were signed. The records stay, the\n"
     "next head is the first of a log with another name, and the break is an event in it, with\n"
     "who did it and why. Prints the head that was signed last: keep it.",
     NULL, OPTIONS(OPT(REASON), OPT(YES)), cmd_audit_restart},
    {"prober", NULL, "validate for a CA that cannot reach this part of the network",
     "Runs in the foreground on a host inside of it, connects to the CA, and validates what is in\n"
     "the zones and networks that `probers` of the CA's autarky.yaml gives to the key of its\n"
     "certificate. Nobody connects to it. Make the certificate where the CA is: autarky cert "
     "issue\n"
     "--profile client --name NAME.",
     NULL, OPTIONS(OPT(SERVER), OPT(CERT), OPT(KEY_PEM), OPT(ROOT)), cmd_prober},
    {"ui", "link", "print a link that signs in to the dashboard, once",
     "It works for 15 minutes. Who opens it may see everything and change nothing, for 8 hours.",
     NULL, OPTIONS(OPT(REASON)), cmd_ui_link},
    {"user", "add", "let a person operate the CA from elsewhere",
     "With a password and one-time codes (RFC 6238), whose key is shown this once, at /ui/ and\n"
     "/api/v1/. What each role may do is in the manual. --host-user counts where a second person "
     "is\n"
     "wanted: nobody is two of them. Users of this host use the control socket "
     "(control.operators).",
     "NAME", OPTIONS(OPT(ROLE), OPT(HOST_USER), OPT(PASSWORD_FILE), OPT(REASON), OPT(DRY_RUN)),
     cmd_user_add},
    {"user", "list", "list the users who may sign in, and who could", NULL, NULL,
     OPTIONS(OPT(LIMIT), OPT(CURSOR)), cmd_user_list},
    {"user", "password", "give a user another password", "The user's sessions end.", "NAME",
     OPTIONS(OPT(PASSWORD_FILE), OPT(REASON), OPT(DRY_RUN)), cmd_user_password},
    {"user", "totp", "give a user another key of one-time codes",
     "It is shown this once. The user's sessions end.", "NAME", OPTIONS(OPT(REASON), OPT(DRY_RUN)),
     cmd_user_totp},
    {"user", "role", "let a user do other things", "The user's sessions end.", "NAME",
     OPTIONS(OPT(ROLE), OPT(REASON), OPT(DRY_RUN)), cmd_user_role},
    {"user", "remove", "let a user sign in no more",
     "The user's sessions end, and the tokens that the user made. The name is not given again.",
     "NAME", OPTIONS(OPT(REASON), OPT(DRY_RUN)), cmd_user_remove},
    {"user-certificate", "add", "let whoever has that certificate be the user",
     "It has to be one of this CA's for clients (`autarky cert issue --profile client`), and good. "
     "At\n/api/v1/ and /ui/ it stands for password and code, where control.certificates is true.",
     "NAME", OPTIONS(OPT(SERIAL), OPT(REASON), OPT(DRY_RUN)), cmd_user_certificate_add},
    {"user-certificate", "remove", "let a certificate be a certificate only",
     "The user's sessions end.", "NAME", OPTIONS(OPT(SERIAL), OPT(REASON), OPT(DRY_RUN)),
     cmd_user_certificate_remove},
    {"user-certificate", "list", "list the certificates by which users are known", NULL, NULL,
     OPTIONS(OPT(LIMIT), OPT(CURSOR)), cmd_user_certificate_list},
    {"token", "create", "make a token with which a program may use /api/v1/",
     "It is shown this once, and sent as Authorization: Bearer. What takes a person, no token may.",
     "NAME", OPTIONS(OPT(ROLE), OPT(TOKEN_EXPIRES), OPT(REASON), OPT(DRY_RUN)), cmd_token_create},
    {"token", "list", "list the tokens of programs", NULL, NULL, OPTIONS(OPT(LIMIT), OPT(CURSOR)),
     cmd_token_list},
    {"token", "revoke", "let a token be good for nothing", NULL, "NAME",
     OPTIONS(OPT(REASON), OPT(DRY_RUN)), cmd_token_revoke},
    {"session", "list", "list who is signed in", NULL, NULL, OPTIONS(OPT(LIMIT), OPT(CURSOR)),
     cmd_session_list},
    {"session", "end", "sign somebody out", NULL, "ID", OPTIONS(OPT(REASON), OPT(DRY_RUN)),
     cmd_session_end},
    {"report", NULL, "write what happened to certificates in a month, for auditors",
     "HTML to read and print, CSV for each table, and JSON, as of the end of that time: made "
     "again\n"
     "later, it has the same bytes. Reads the database, with or without the server. Without\n"
     "options it writes each month that is over and missing to reports of the data directory.",
     NULL, OPTIONS(OPT(MONTH), OPT(REPORT_FROM), OPT(REPORT_TO), OPT(OUT), OPT(REPORT_MAIL)),
     cmd_report},
    {"backup", "create", "write everything that matters to one encrypted file",
     "Run it as the owner of the data directory, whether the server runs or not. The file has the\n"
     "database, all keys and the configuration: whoever has it and its passphrase has the CA. "
     "Keys\n"
     "in tokens and files outside of the data directory are not in it.",
     NULL, OPTIONS(OPT(BACKUP_OUT), OPT(BACKUP_PASSPHRASE_FILE), OPT(REASON), OPT(DRY_RUN)),
     cmd_backup_create},
    {"backup", "verify", "prove that a backup can be restored, and say what it is of",
     "Reads all of it, and looks into it: the database against itself, the audit log against its\n"
     "signed head, each key against its certificate. FILE may be - for standard input. Needs room\n"
     "for the database in $TMPDIR.",
     "FILE", OPTIONS(OPT(BACKUP_PASSPHRASE_FILE)), cmd_backup_verify},
    {"backup", "restore", "make a data directory out of a backup",
     "--data must not be there, or be empty; FILE may be - for standard input. Either all of it "
     "is\n"
     "there in the end or nothing. Certificates and revocations since the backup are unknown "
     "then:\n"
     "read chapter 25 of the manual first.",
     "FILE", OPTIONS(OPT(BACKUP_PASSPHRASE_FILE), OPT(REASON)), cmd_backup_restore},
    {"drill", "runner", "prove that the runner executes what is declared, and nothing else",
     "Lets the running server execute a harmless command, and asks it for others, which it must\n"
     "refuse.",
     NULL, OPTIONS(OPT(REASON)), cmd_drill_runner},
    CMD_COMMON_ROWS,
};

const struct cmd_row *cmd_rows(size_t *out_n)
{
    *out_n = sizeof(rows) / sizeof(rows[0]);
    return rows;
}

const struct program program = {
    .name = "autarky",
    .title = "Autarky: certificates for a network of one's own.",
    .schema = store_schema_program,
    .handover = SERVE_HANDOVER,
    .has = cmd_has,
};
