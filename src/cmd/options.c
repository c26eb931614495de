/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>

#include "cmd/cmd.h"
#include "program/program.h"

#include "provider/provider.h"

static_assert(CMD_OPT_COUNT <= 256, "each fits into a byte");

static const struct cmd_option_row options[CMD_OPT_COUNT] = {
    [CMD_OPT_DATA] =
        {"--data", "DIR",
         "where everything is kept; otherwise $AUTARKY_DATA, otherwise /var/lib/autarky"},
    [CMD_OPT_CONFIG] = {"--config", "FILE",
                        "the configuration; otherwise autarky.yaml in the data directory"},
    [CMD_OPT_JSON] = {"--json", NULL, "print JSON"},
    [CMD_OPT_HELP] = {"--help", NULL, "show this"},
    [CMD_OPT_DRY_RUN] = {"--dry-run", NULL, "say what would be done, and do nothing"},
    [CMD_OPT_ORGANIZATION] =
        {"--organization", "NAME",
         "goes into the names of the CA and into every certificate; 1 to 64 characters"},
    [CMD_OPT_COUNTRY] = {"--country", "CC", "two letters, if certificates are to carry it"},
    [CMD_OPT_DOMAIN] = {"--domain", "DOMAIN",
                        "the domain whose names, with all below it, this CA vouches for"},
    [CMD_OPT_ALGORITHMS] = {"--algorithms", "LIST",
                            "of keys and certificates, as in rsa,ecdsa; otherwise all there are"},
    [CMD_OPT_ROOT_PASSPHRASE_FILE] =
        {"--root-passphrase-file", "FILE",
         "its first line encrypts the key of the root; otherwise one is made up"},
    [CMD_OPT_PASSPHRASE_FILE] =
        {"--passphrase-file", "FILE",
         "its first line encrypts the keys of the issuers; read at every start"},
    [CMD_OPT_PASSPHRASE_CREDENTIAL] =
        {"--passphrase-credential", "NAME",
         "the same from a systemd credential, set now as $CREDENTIALS_DIRECTORY/NAME"},
    [CMD_OPT_PASSPHRASE_PROMPT] = {"--passphrase-prompt", NULL,
                                   "ask for it now and at every start, on the terminal"},
    [CMD_OPT_LIMIT] = {"--limit", "N", "a page of so many at most, 1 to 1000"},
    [CMD_OPT_CURSOR] = {"--cursor", "TEXT", "go on where an earlier list ended (its \"next\")"},
    [CMD_OPT_NAME] = {"--name", "NAME", "only those for exactly this name"},
    [CMD_OPT_UNDER] = {"--under", "DOMAIN", "only those for names at or below this domain"},
    [CMD_OPT_STATUS] = {"--status", "STATUS", "only valid, or only revoked ones"},
    [CMD_OPT_BACKEND] = {"--backend", "URL",
                         "where the site really is, as in http://10.0.3.7:8080; several, one after "
                         "the other, are tried in this order",
                         CMD_MANY},
    [CMD_OPT_SPECIAL] = {"--special", NULL,
                         "the special hierarchy, for names of others and public addresses"},
    [CMD_OPT_STAGING] = {"--staging", NULL,
                         "the staging hierarchy, which nobody trusts, and its certificates"},
    [CMD_OPT_MEDIA] = {"--media", "DIR",
                       "a directory, on removable media, by which two machines talk"},
    [CMD_OPT_SHARES] = {"--shares", "M/N",
                        "split the root passphrase into N shares, any M of which open it"},
    [CMD_OPT_SHARE] = {"--share", "FILE",
                       "a share of the root passphrase; repeat it; otherwise they are asked for",
                       CMD_MANY},
    [CMD_OPT_SHARES_ONLY] = {"--shares-only", NULL, "only the sheets with the shares"},
    [CMD_OPT_TOKEN] = {"--token", "URI",
                       "make the keys in this PKCS#11 token, as in pkcs11:token=CA"},
    [CMD_OPT_PKCS11_MODULE] = {"--pkcs11-module", "FILE", "the module that reaches the token"},
    [CMD_OPT_PIN_FILE] = {"--pin-file", "FILE",
                          "its first line is the PIN of the token; otherwise it is asked for"},
    [CMD_OPT_CSR] = {"--csr", NULL, "make a request for a root that is elsewhere"},
    [CMD_OPT_NEXT] = {"--next", NULL, "the successor of a root that is there"},
    [CMD_OPT_OFFLINE_ROOT] = {"--offline-root", "DIR",
                              "the root is elsewhere; its certificates are in this directory"},
    [CMD_OPT_DUE] = {"--due", NULL, "those whose end is near, or that are made for other names"},
    [CMD_OPT_NOW] = {"--now", NULL, "the new one signs at once, not after ca.rotation.overlap"},
    [CMD_OPT_YES] = {"--yes", NULL, "do not ask, and do what cannot be taken back"},
    [CMD_OPT_PROFILE] = {"--profile", "NAME", "of its certificates; otherwise default"},
    [CMD_OPT_OUT] = {"--out", "DIR", "where the files go; made if it is not there"},
    [CMD_OPT_FORCE] = {"--force", NULL, "overwrite files that are there"},
    [CMD_OPT_FOR] = {"--for", "TIME", "for any number of certificates until then, as in 90d"},
    [CMD_OPT_GRANT_RENEWALS] = {"--renewals", NULL,
                                "and for its renewals, while the one before is valid"},
    [CMD_OPT_REASON] = {"--reason", "TEXT", "why, or a ticket; for the register and the trail"},
    [CMD_OPT_CERT_NAME] =
        {"--name", "NAME",
         "what it is for: a DNS name, an address, and where the profile has them a "
         "mail address or a URI; several, one after the other",
         CMD_MANY},
    [CMD_OPT_COMMON_NAME] = {"--common-name", "TEXT",
                             "CN of its subject; otherwise the first name that fits"},
    [CMD_OPT_KEY] =
        {"--key", "KIND",
         "ecdsa (p256), p384, rsa (rsa3072), rsa2048, rsa4096, ed25519, sm2, mldsa44, mldsa65, "
         "mldsa87; otherwise ecdsa, for the tlcp profiles sm2"},
    [CMD_OPT_FORMAT] = {"--format", "LIST", "of pem,der,p12; otherwise pem"},
    [CMD_OPT_P12_PASSWORD_FILE] = {"--p12-password-file", "FILE",
                                   "its first line encrypts the PKCS#12 file"},
    [CMD_OPT_WITH_ROOT] = {"--with-root", NULL, "put the root at the end of the chains, too"},
    [CMD_OPT_KEY_FILE] = {"--key-file", "FILE",
                          "the private key, in PEM, that goes into the PKCS#12 file"},
    [CMD_OPT_OWNER] = {"--owner", "TEXT", "who answers for it"},
    [CMD_OPT_TEAM] = {"--team", "TEXT", "and their team"},
    [CMD_OPT_SERVICE] = {"--service", "TEXT", "what it is used by"},
    [CMD_OPT_SERIAL] = {"--serial", "SERIAL", "only the one with this serial number"},
    [CMD_OPT_PUBLIC_KEY] =
        {"--public-key", "FILE",
         "only those with the key in this file (a certificate, a request or a key, in "
         "PEM), or the SHA-256 of its SubjectPublicKeyInfo in hexadecimal"},
    [CMD_OPT_SERVER] = {"--server", "HOST:PORT",
                        "the CA's API listener; the port is 8555 if none is given"},
    [CMD_OPT_CERT] = {"--cert", "FILE", "the certificate, in PEM, with those of its issuers"},
    [CMD_OPT_SIGN_KEY] = {"--sign-key", "FILE", "the SM2 key that signs, in PEM"},
    [CMD_OPT_SIGN_CERT] = {"--sign-cert", "FILE",
                           "the client's certificate that signs, in PEM, with its issuers"},
    [CMD_OPT_ENC_CERT] = {"--enc-cert", "FILE", "and the one that is encrypted to"},
    [CMD_OPT_ENC_KEY] = {"--enc-key", "FILE", "the key of that one, in PEM"},
    [CMD_OPT_KEY_BY_CA] = {"--key-by-ca", NULL,
                           "the CA makes the key (SM2, to encrypt to) and sends it enveloped"},
    [CMD_OPT_KEY_PEM] = {"--key", "FILE", "its private key, in PEM, readable by its owner alone"},
    [CMD_OPT_ROOT] = {"--root", "FILE",
                      "the roots of the CA, in PEM, as in trust/roots.pem of its data"},
    [CMD_OPT_ISSUER] = {"--issuer", "REF", "only those of this issuer, as in rsa-1"},
    [CMD_OPT_EXPIRES_BEFORE] =
        {"--expires-before", "TIME",
         "only those that end before it: 2026-11-20T18:24:00Z, 2026-11-20, or "
         "a time from now, as in 30d"},
    [CMD_OPT_EXPIRES_AFTER] = {"--expires-after", "TIME", "only those that end then or later"},
    [CMD_OPT_REVOKE_REASON] = {"--reason", "REASON",
                               "unspecified, keyCompromise, affiliationChanged, superseded, "
                               "cessationOfOperation or privilegeWithdrawn"},
    [CMD_OPT_WHOLE] = {"--whole", NULL,
                       "with it all that is valid of the same logical certificate: the other "
                       "algorithms of a site, both of TLCP, those before it"},
    [CMD_OPT_WHY] = {"--why", "TEXT", "in words, or a ticket; for the trail"},
    [CMD_OPT_ACCOUNTS] = {"--accounts", "N", "how many accounts it may make; otherwise 1"},
    [CMD_OPT_EXPIRES] = {"--expires", "TIME",
                         "no account after that: 2026-12-24T18:00:00Z, or a time from now, as in "
                         "30d; otherwise never"},
    [CMD_OPT_ROLE] = {"--role", "ROLES",
                      "some of viewer, operator, approver, officer, auditor, with commas between"},
    [CMD_OPT_HOST_USER] = {"--host-user", "NAME",
                           "the user of this host who is the same person, or none"},
    [CMD_OPT_PASSWORD_FILE] = {"--password-file", "FILE",
                               "its first line is the password; otherwise it is asked for"},
    [CMD_OPT_TOKEN_EXPIRES] =
        {"--expires", "TIME",
         "good until then: 2026-12-24T18:00:00Z, or a time from now, as in 90d"},
    [CMD_OPT_EAB] = {"--eab", "NAME", "only those that were made with this key"},
    [CMD_OPT_CLIENT_CERTIFICATE] = {"--client-certificate", "WHICH",
                                    "shown by the client: serial:HEX of the running server's "
                                    "register, or what a rule may have"},
    [CMD_OPT_WITHIN] = {"--within", "TIME",
                        "when the last of them is to be renewed: a time from now, as in 6h, which "
                        "is spread over; otherwise 24h"},
    [CMD_OPT_URL] = {"--url", "URL", "a page that says why, for clients to show"},
    [CMD_OPT_ACCOUNT_STATUS] =
        {"--status", "STATUS", "only valid, only deactivated (by the client) or only revoked ones"},
    [CMD_OPT_AS_CA] = {"--as-ca", NULL,
                       "from where, and in the way that, challenges are validated"},
    [CMD_OPT_TLCP] = {"--tlcp", "HOST:PORT",
                      "TLCP (GB/T 38636): the server to look at, or where to listen"},
    [CMD_OPT_ALPN] = {"--alpn", "PROTOCOL",
                      "what is spoken behind TLCP, as in h2: the server has to choose it"},
    [CMD_OPT_CRL] = {"--crl", NULL, "the lists of what the roots have revoked, and nothing else"},
    [CMD_OPT_CRL_DAYS] = {"--crl-days", "N",
                          "until the next list has to be there, 1 to 1098; otherwise 366"},
    [CMD_OPT_AUDIT_KEY] = {"--key", "FILE",
                           "the log's public key, kept elsewhere; otherwise trust/audit.pub"},
    [CMD_OPT_HEAD] = {"--head", "FILE",
                      "signed heads that were kept elsewhere: what is missing against them shows"},
    [CMD_OPT_WITNESS] = {"--witness", "FILE",
                         "public key of the witness that has to have signed them, too"},
    [CMD_OPT_ZONE] = {"--zone", "DOMAIN", "this domain and all below it"},
    [CMD_OPT_ACCOUNT] = {"--account", "ID", "the ACME account with this id"},
    [CMD_OPT_RENEWALS] = {"--renewals", NULL,
                          "renewals of existing names, too, which go on otherwise"},
    [CMD_OPT_ACME_SERVER] = {"--server", "URL", "the ACME server: the URL of its directory"},
    [CMD_OPT_CA_FILE] =
        {"--ca-file", "FILE",
         "roots in PEM that this server may be under, beside those of this machine"},
    [CMD_OPT_ACME_NAME] = {"--name", "NAME",
                           "a DNS name or an address for the certificate; several, one after the "
                           "other",
                           CMD_MANY},
    [CMD_OPT_ACME_KEY] = {"--key", "KIND",
                          "ecdsa (p256), p384, rsa (rsa3072), rsa2048, rsa4096, ed25519, sm2, "
                          "mldsa65 ...; otherwise ecdsa; several: a certificate for each, the "
                          "further ones in DIR/KIND",
                          CMD_KINDS},
    [CMD_OPT_ACME_PROFILE] = {"--profile", "NAME",
                              "one that the server offers; otherwise its choice"},
    [CMD_OPT_ACME_OUT] = {"--out", "DIR",
                          "where cert.pem, chain.pem, fullchain.pem and privkey.pem go"},
    [CMD_OPT_AGREE_TOS] = {"--agree-tos", NULL, "agree to the terms of service of the server"},
    [CMD_OPT_HTTP_LISTEN] = {"--http-listen", "ADDR:PORT",
                             "prove by http-01 with a listener here, as in 0.0.0.0:80"},
    [CMD_OPT_WEBROOT] = {"--webroot", "DIR",
                         "prove by http-01 with files below what a web server serves / from"},
    [CMD_OPT_ALPN_LISTEN] = {"--alpn-listen", "ADDR:PORT",
                             "prove by tls-alpn-01 with a listener here, as in 0.0.0.0:443"},
    [CMD_OPT_DNS] = {"--dns", "WAY",
                     "prove by dns-01; WAY is rfc2136 (dynamic updates), " PROVIDER_KINDS},
    [CMD_OPT_DNS_CONFIG] = {"--dns-config", "FILE",
                            "which name server or API, with which key: see autarky(1), FILES"},
    [CMD_OPT_DNS_PERSIST] = {"--dns-persist", NULL,
                             "prove by dns-persist-01, a TXT record that stays; with --dns rfc2136 "
                             "it is written"},
    [CMD_OPT_RESOLVER] = {"--resolver", "ADDR",
                          "asked whether that record is there; several, as in 10.0.0.53,10.0.1.53"},
    [CMD_OPT_HOOK] = {"--hook", "STYLE:PATH",
                      "prove by a hook for dehydrated, certbot (AUTH,CLEANUP), lego, lego-raw, "
                      "uacme, mod_md, mod_md-2, acme.sh"},
    [CMD_OPT_HOOK_ENV] = {"--hook-env", "FILE",
                          "lines NAME=value for its environment, which is otherwise empty but for "
                          "PATH, HOME and LANG"},
    [CMD_OPT_HOOK_USER] = {"--hook-user", "USER",
                           "as whom it is executed, with that user's groups and no way to more "
                           "rights; otherwise as who runs this"},
    [CMD_OPT_HOOK_TIMEOUT] = {"--hook-timeout", "TIME", "of each of its calls; otherwise 5m"},
    [CMD_OPT_HOOK_CHAIN] = {"--hook-chain", NULL,
                            "one call of dehydrated's hook for all challenges, as with "
                            "HOOK_CHAIN=yes"},
    [CMD_OPT_REUSE_KEY] = {"--reuse-key", NULL,
                           "keep the private key with each renewal; otherwise each makes one"},
    [CMD_OPT_NEW_KEY] = {"--new-key", NULL,
                         "now, and with a new private key, whatever was said before"},
    [CMD_OPT_CHALLENGE] = {"--challenge", "TYPE",
                           "that the hook answers: dns-01, or http-01; "
                           "otherwise dns-01"},
    [CMD_OPT_EAB_KID] = {"--eab-kid", "KID",
                         "bind the new account to this key id, which the server's people gave out"},
    [CMD_OPT_EAB_KEY_FILE] = {"--eab-key-file", "FILE",
                              "its first line is the key that came with it, in base64url; or "
                              "credential:NAME, of systemd"},
    [CMD_OPT_CONTACT] = {"--contact", "MAIL", "mail address for the account; otherwise none"},
    [CMD_OPT_CHAIN] = {"--chain", "WHICH",
                       "of several chains the one with this issuer (its name), or this certificate "
                       "(SHA-256)"},
    [CMD_OPT_ACCOUNT_KEY] =
        {"--account-key", "FILE",
         "the account's key, made if it is not there, also pkcs11:token=...;object=... "
         "(--pkcs11-module); otherwise one in DIR"},
    [CMD_OPT_RENEW_FORCE] = {"--force", NULL, "renew now, due or not"},
    [CMD_OPT_ALONE] = {"--alone", NULL, "this directory alone, none below it"},
    [CMD_OPT_FIRST_SILENT] = {"--first-silent", NULL,
                              "the first server is known not to answer: ask the fallback alone"},
    [CMD_OPT_JITTER] = {"--jitter", "TIME",
                        "wait a random time up to this first, as in 10m; for timers"},
    [CMD_OPT_EXIT_CODE] = {"--exit-code", NULL, "status 1 where there was nothing to do"},
    [CMD_OPT_ISSUANCE_TIMEOUT] = {"--issuance-timeout", "TIME",
                                  "how long to wait for a server that has the order and has not "
                                  "decided; otherwise 15m in all"},
    [CMD_OPT_FILE_OWNER] = {"--owner", "USER", "whose the files are; otherwise who runs this"},
    [CMD_OPT_FILE_GROUP] = {"--group", "GROUP", "their group"},
    [CMD_OPT_KEY_MODE] = {"--mode", "MODE",
                          "of privkey.pem, as in 0640: its group reads it; otherwise 0600"},
    [CMD_OPT_KEY_URI] = {"--key-uri", "URI",
                         "the key in a token, pkcs11:token=...;object=...; --key is made if "
                         "missing"},
    [CMD_OPT_KEY_PIN] = {"--pin-file", "FILE",
                         "its first line is the PIN of that token; or credential:NAME"},
    [CMD_OPT_OCSP] = {"--ocsp", NULL,
                      "keep the OCSP answer of the certificate in ocsp.der, for services that show "
                      "it"},
    [CMD_OPT_OCSP_AGE] = {"--ocsp-age", "TIME",
                          "fetch it anew when it is so old, as in 12h; otherwise after half of its "
                          "life"},
    [CMD_OPT_SELINUX] = {"--selinux", "LABEL",
                         "of the files, as in system_u:object_r:cert_t:s0; otherwise their "
                         "place's"},
    [CMD_OPT_COMBINED] = {"--combined", "FILE",
                          "write fullchain.pem and privkey.pem into this one as well"},
    [CMD_OPT_FOR_SERVICE] = {"--for", "SERVICE",
                             "what that wants, as far as it is not said: nginx, haproxy, postfix "
                             "..."},
    [CMD_OPT_RELOAD] = {"--reload", "HOW",
                        "afterwards: a program's path and arguments, unit:NAME, "
                        "signal:HUP:PIDFILE, shell:COMMAND"},
    [CMD_OPT_RELOAD_TIMEOUT] = {"--reload-timeout", "TIME",
                                "how long that may take; otherwise 60s"},
    [CMD_OPT_RELOAD_WINDOW] = {"--reload-window", "WHEN",
                               "take a new one into use only then, as in \"Sun 02:00-04:00\"; "
                               "otherwise at once"},
    [CMD_OPT_RENEW_WINDOW] = {"--renew-window", "WHEN", "renew only then; otherwise at any time"},
    [CMD_OPT_DESPITE_WINDOW] = {"--despite-window", NULL, "now, whatever these windows say"},
    [CMD_OPT_PROVE] = {"--prove", "[PROTOCOL:][HOST:]PORT",
                       "look whether it is served there, else go back; several may be given",
                       CMD_MORE},
    [CMD_OPT_PROVE_FOR] = {"--prove-for", "TIME",
                           "how long it may take until it is served; otherwise 30s"},
    [CMD_OPT_PAIR] = {"--pair", "DIR",
                      "of TLCP: --out of the other certificate, which --prove wants to see, too"},
    [CMD_OPT_FROM] = {"--from", "WHO",
                      "the address that the request comes from; or gateway, operators"},
    [CMD_OPT_PORTS] = {"--ports", "LIST", "as in 443,8000-8010,smtp:25, instead of the usual ones"},
    [CMD_OPT_AT_ONCE] = {"--at-once", "N", "endpoints that are looked at together; otherwise 500"},
    [CMD_OPT_PER_HOST] = {"--per-host", "N", "the same at one address; otherwise 4"},
    [CMD_OPT_RATE] = {"--rate", "N", "connections a second; otherwise 500"},
    [CMD_OPT_SCAN_TIMEOUT] = {"--timeout", "TIME", "for one connection; otherwise 5s"},
    [CMD_OPT_DEADLINE] = {"--deadline", "TIME", "for all of it; otherwise 24h"},
    [CMD_OPT_QUICK] = {"--quick", NULL,
                       "one handshake for each endpoint: no other versions, groups or TLCP"},
    [CMD_OPT_OURS] =
        {"--ours", "FILE",
         "roots and issuers, PEM: what they signed is ours; otherwise those of --data"},
    [CMD_OPT_SCAN_OUT] = {"--out", "FILE",
                          "what is found, a line of JSON for each endpoint; otherwise the server's "
                          "inventory has it"},
    [CMD_OPT_AGENT_NAME] = {"--name", "HOST",
                            "what the agent is called; otherwise as its host calls itself"},
    [CMD_OPT_AGENT_WITHIN] = {"--within", "TIME", "how long the token can be used; otherwise 1d"},
    [CMD_OPT_AGENT_SERVER] = {"--server", "URL",
                              "the server, as in https://ca.hospital.example:8555"},
    [CMD_OPT_AGENT_TOKEN_FILE] = {"--token-file", "FILE", "holds the token, in its first line"},
    [CMD_OPT_AGENT_DIR] = {"--dir", "DIR",
                           "where the agent keeps its enrolment; otherwise /var/lib/autarky-agent"},
    [CMD_OPT_ALLOW_RENEW] = {"--allow-renew", NULL,
                             "renew everything at once when the server asks for it"},
    [CMD_OPT_NETWORK] = {"--network", "CIDR", "only addresses in it, as in 10.1.0.0/16"},
    [CMD_OPT_VERDICT] = {"--verdict", "LIST",
                         "only those of which one holds, as in revoked,expired"},
    [CMD_OPT_UNSEEN_FOR] = {"--unseen-for", "TIME", "only those that no scan saw for so long"},
    [CMD_OPT_CA_FINGERPRINT] =
        {"--ca-fingerprint", "SHA256:HEX",
         "of the root that this server is under: it is fetched, compared and "
         "kept, and alone counts"},
    [CMD_OPT_CA_URL] = {"--ca-url", "URL",
                        "where that root can be fetched; otherwise /trust/ of the server's host"},
    [CMD_OPT_PROXY] = {"--proxy", "URL",
                       "reach the server through this proxy, http://HOST:PORT, or none; otherwise "
                       "$HTTPS_PROXY"},
    [CMD_OPT_NO_PROXY] =
        {"--no-proxy", "LIST",
         "not for these names (and those below), addresses and networks; otherwise "
         "$NO_PROXY"},
    [CMD_OPT_PROXY_PRIVATE] =
        {"--proxy-private", NULL,
         "for servers with private addresses, too, which are reached directly "
         "otherwise"},
    [CMD_OPT_KIND] = {"--kind", "KIND", "only alerts of this kind, as in certificate, crl, lock"},
    [CMD_OPT_OBJECT] = {"--object", "NAME",
                        "what they are about, as in wiki.hospital.example; *.x: all below x"},
    [CMD_OPT_UNTIL] = {"--until", "TIME", "2026-12-24T18:00:00Z, or a time from now, as in 8h"},
    [CMD_OPT_OVER] = {"--over", NULL, "those that are over, the last first"},
    [CMD_OPT_IMPORT_NAME] = {"--name", "NAME",
                             "only what that client calls so; several, one after the other",
                             CMD_MANY},
    [CMD_OPT_DESPITE_TIMER] = {"--despite-timer", NULL,
                               "although a timer or cron still runs that client"},
    [CMD_OPT_MONTH] = {"--month", "YYYY-MM", "that month, in UTC"},
    [CMD_OPT_PROVE_FROM] = {"--from", "SIZE",
                            "records under the head that is known already, 0 for none"},
    [CMD_OPT_PROVE_TO] = {"--to", "SIZE", "records under the head to prove; otherwise the newest"},
    [CMD_OPT_REPORT_MAIL] = {"--mail", "RECEIVER",
                             "and let the server mail its numbers to this receiver of alerts"},
    [CMD_OPT_REPORT_FROM] = {"--from", "TIME", "from then on, as in 2026-10-01T00:00:00Z"},
    [CMD_OPT_REPORT_TO] = {"--to", "TIME", "until then, and as of then; or now"},
    [CMD_OPT_FALLBACK_SERVER] = {"--fallback-server", "URL",
                                 "a second server, asked when the first does not answer, is ill or "
                                 "asks for too much patience"},
    [CMD_OPT_FALLBACK_CA_FILE] = {"--fallback-ca-file", "FILE", "as --ca-file, of that one"},
    [CMD_OPT_FALLBACK_CA_FINGERPRINT] = {"--fallback-ca-fingerprint", "SHA256:HEX",
                                         "as --ca-fingerprint, of that one"},
    [CMD_OPT_FALLBACK_CA_URL] = {"--fallback-ca-url", "URL", "as --ca-url, of that one"},
    [CMD_OPT_FALLBACK_ACCOUNT_KEY] =
        {"--fallback-account-key", "FILE",
         "of the account there, as --account-key; otherwise one in DIR"},
    [CMD_OPT_FALLBACK_PROFILE] = {"--fallback-profile", "NAME",
                                  "one that it offers; otherwise its choice"},
    [CMD_OPT_FALLBACK_EAB_KID] = {"--fallback-eab-kid", "KID", "as --eab-kid, of that one"},
    [CMD_OPT_FALLBACK_EAB_KEY_FILE] = {"--fallback-eab-key-file", "FILE",
                                       "as --eab-key-file, of that one"},
    [CMD_OPT_CSV] = {"--csv", NULL, "all of them, as a table (RFC 4180)"},
    [CMD_OPT_BACKUP_OUT] = {"--out", "FILE",
                            "where the backup goes, - for standard output; nothing is overwritten"},
    [CMD_OPT_BACKUP_PASSPHRASE_FILE] =
        {"--passphrase-file", "FILE",
         "its first line is the passphrase of the backup; otherwise it is asked for"},
    [CMD_OPT_SIGN_KEY_PASSPHRASE_FILE] =
        {"--sign-key-passphrase-file", "FILE",
         "its first line opens --sign-key where that is encrypted; otherwise it is asked for"},
    [CMD_OPT_OPEN_PUBLIC_KEY] =
        {"--public-key", "FILE",
         "instead of --cert: a request or a key in PEM, or the SHA-256 of the "
         "SubjectPublicKeyInfo in hexadecimal"},
    [CMD_OPT_ESCROW_OUT] = {"--out", "FILE",
                            "where the sealed key goes, in DER; nothing is overwritten"},
};

const struct cmd_option_row *cmd_option_rows(void)
{
    return options;
}

bool cmd_takes(const struct cmd_row *row, size_t option)
{
    if (option == CMD_OPT_DATA || option == CMD_OPT_CONFIG)
        return program.schema != NULL;
    if (option <= CMD_OPT_HELP)
        return true;
    for (const unsigned char *o = row->options; o && *o; o++)
        if (*o == option)
            return true;
    return false;
}
