/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/also.h"
#include "agent/place.h"
#include "base/file.h"
#include "client/pair.h"
#include "takeover/takeover.h"
#include "unit/x509/pki.h"

/* Of an account, made for nothing else. */
#define JWK                                                                                        \
    "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"gWn_ktA--mF9pfFllOZ8l8JboWQjSPPskpO-ngmBGwQ\","     \
    "\"y\":\"nvAea1QbuQtrEUr0jJ5fUuJKQORD7nqC0zPSXNuf82I\",\"d\":"                                 \
    "\"An65iiGoTksDdaWdP3tfLDnMJCsT51-tVsPa3_7xKBI\"}"
#define SERVER "https://ca.example:8555/acme/directory"

struct test {
    struct check_dir dir;
    struct pki pki;
    struct buf chain, leaf, issuer, key;
    struct takeover found;
    char home[128];
};

static void test_done(struct test *t)
{
    file_kill_at(0);
    takeover_done(&t->found);
    pki_done(&t->pki);
    buf_done(&t->chain);
    buf_done(&t->leaf);
    buf_done(&t->issuer);
    buf_wipe(&t->key);
    check_dir_done(&t->dir);
}

static enum rc test_init(struct test *t)
{
    struct str rest, der;

    TRY(crypto_init());
    check_dir_init(&t->dir);
    if (fchmod(t->dir.fd, 0755) != 0)
        return RC_IO;
    snprintf(t->home, sizeof(t->home), "%s", t->dir.path);
    TRY(pki_init(&t->pki));
    TRY(pki_chain(&t->pki, t->pki.leaf_key, &t->chain));
    buf_init(&t->leaf, CLIENT_PAIR_MAX);
    buf_init(&t->issuer, CLIENT_PAIR_MAX);
    buf_init(&t->key, CRYPTO_PEM_MAX);
    rest = buf_str(&t->chain);
    der = str_skip(rest, 1);
    for (size_t i = 0; i < der.n; i++) /* the second block */
        if (str_starts(str_skip(der, i), STR("-----BEGIN"))) {
            buf_puts(&t->leaf, str_head(rest, i + 1));
            buf_puts(&t->issuer, str_skip(rest, i + 1));
            break;
        }
    TRY(buf_rc(&t->issuer));
    return crypto_pem_put_clear(t->pki.leaf_key, &t->key);
}

/* With the directories above it. */
static enum rc put(struct test *t, const char *path, struct str text)
{
    char dir[256];

    for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
        snprintf(dir, sizeof(dir), "%.*s", (int)(slash - path), path);
        if (mkdirat(t->dir.fd, dir, 0755) != 0 && errno != EEXIST)
            return RC_IO;
    }
    return file_write(t->dir.fd, path, text, 0644, FILE_OWNER_SELF, NULL);
}

static enum rc put_z(struct test *t, const char *path, const char *text)
{
    return put(t, path, str_of(text));
}

/* Files with a number or time in their names, and links to them. */
static enum rc put_links(struct test *t, const char *from, const char *to, const char *mark)
{
    const struct {
        const char *name;
        struct str text;
    } files[] = {{"cert", buf_str(&t->leaf)},
                 {"chain", buf_str(&t->issuer)},
                 {"fullchain", buf_str(&t->chain)},
                 {"privkey", buf_str(&t->key)}};
    char path[256], target[256];

    for (size_t i = 0; i < 4; i++) {
        snprintf(path, sizeof(path), "%s/%s%s.pem", to, files[i].name, mark);
        TRY(put(t, path, files[i].text));
        snprintf(path, sizeof(path), "%s/%s.pem", from, files[i].name);
        TRY(put_z(t, path, ""));
        snprintf(target, sizeof(target), "%s/%s/%s%s.pem", t->dir.path, to, files[i].name, mark);
        if (unlinkat(t->dir.fd, path, 0) != 0 || symlinkat(target, t->dir.fd, path) != 0)
            return RC_IO;
    }
    return RC_OK;
}

static enum rc find(struct test *t, enum takeover_client client, struct takeover_wish wish)
{
    struct err err = ERR_INIT;

    wish.client = client;
    if (!wish.home)
        wish.home = t->home;
    takeover_done(&t->found);
    return takeover_find(&wish, &t->found, &err);
}

static bool noted(const struct test *t, const struct takeover_cert *c, const char *words)
{
    const struct str *notes = c ? c->notes : t->found.notes;

    for (size_t i = 0; i < (c ? c->n_notes : t->found.n_notes); i++)
        if (strstr(notes[i].p, words))
            return true;
    return false;
}

/* ---- dehydrated */

static enum rc put_dehydrated(struct test *t)
{
    TRY(put_z(t, "config",
              "CA=\"" SERVER "\"\nCURL_OPTS=\"--cacert /etc/roots.pem -4\"\nHOOK=/etc/hook\n"
              "WELLKNOWN=\"${BASEDIR}/www\"\nCONFIG_D=$BASEDIR/conf.d\nKEYSIZE=$(echo 1)\nid\n"));
    TRY(put_z(t, "conf.d/x.sh", "PRIVATE_KEY_RENEW=no\n"));
    TRY(put_z(
        t, "domains.txt",
        "# c\nWiki.Example www.wiki.example\nb.example *.b.example >star\nc.example\n../x\n"));
    TRY(put_z(t, "accounts/aHR0cHM6Ly9jYS5leGFtcGxlOjg1NTUvYWNtZS9kaXJlY3RvcnkK/account_key.pem",
              JWK));
    TRY(put_links(t, "certs/wiki.example", "certs/wiki.example", "-17"));
    TRY(put_links(t, "certs/star", "certs/star", "-17"));
    return put_z(t, "certs/star/config", "CHALLENGETYPE=dns-01\n");
}

static void dehydrated(void)
{
    CLEANUP(test_done) struct test t = {};
    const struct takeover_cert *c;
    char vars[1024];

    CHECK_OK(CHECK_SPARED(test_init(&t)));
    CHECK_OK(CHECK_SPARED(put_dehydrated(&t)));
    CHECK_OK(find(&t, TAKEOVER_DEHYDRATED, (struct takeover_wish){}));
    CHECK_INT(t.found.n, 3);
    CHECK(noted(&t, NULL, "KEYSIZE") && noted(&t, NULL, "\"id\"") && noted(&t, NULL, "../x"));
    CHECK(noted(&t, NULL, "CURL_OPTS has -4"));
    c = &t.found.certs[0];
    CHECK_STR(c->why, "");
    CHECK_STR(c->name, "wiki.example");
    CHECK_STR(c->plan.server, SERVER);
    CHECK_STR(c->plan.ca_file, "/etc/roots.pem");
    CHECK_INT(c->plan.n_dns, 2);
    CHECK_STR(c->plan.dns[0], "wiki.example");
    CHECK_INT(c->plan.way, AGENT_WEBROOT);
    CHECK_STR(c->plan.style, AGENT_WEBROOT_BARE);
    CHECK(str_ends(c->plan.value, STR("/www")));
    CHECK(
        str_starts(c->plan.reload, STR("shell:export COMMAND=sign_domains CHALLENGETYPE='http-01' "
                                       "KEY_ALGO='prime256v1' alias='wiki.example' WELLKNOWN='")));
    CHECK(strstr(c->plan.reload.p, "/www' BASEDIR='") &&
          strstr(c->plan.reload.p, "/alpn-certs' CONFIG='") &&
          strstr(c->plan.reload.p, "/config' PRIVATE_KEY_ROLLOVER='no'; "
                                   "exec '/etc/hook' deploy_cert 'wiki.example' '"));
    CHECK(c->account && noted(&t, c, "deploy_cert alone"));
    CHECK_STR(c->plan.reuse_key, "yes"); /* PRIVATE_KEY_RENEW */
    c = &t.found.certs[1];
    CHECK_STR(c->why, "");
    CHECK_STR(c->name, "star");
    CHECK_INT(c->plan.way, AGENT_HOOK);
    CHECK_STR(c->plan.value, "/etc/hook");
    CHECK_STR(c->plan.dns[1], "*.b.example");
    CHECK_STR(c->plan.reload, "");
    snprintf(vars, sizeof(vars),
             "WELLKNOWN=%s/www\nBASEDIR=%s\nCERTDIR=%s/certs\nALPNCERTDIR=%s/alpn-certs\n"
             "CONFIG=%s/config\nPRIVATE_KEY_ROLLOVER=no\n",
             t.dir.path, t.dir.path, t.dir.path, t.dir.path, t.dir.path);
    CHECK_STR(c->plan.hook_vars, vars);
    CHECK(t.found.certs[2].why.n); /* it was never obtained */
}

/* What one line more in the config makes of the first certificate. */
static void dehydrated_cannot(void)
{
    static const struct {
        const char *line, *why;
    } cases[] = {
        {"CHALLENGETYPE=tls-alpn-01\n", "no equivalent"},
        {"HOOK=$(which hook)\n", "the value of HOOK is not known"},
        {"HOOK=hook\n", "no absolute path"},
        {"CA=$(cat ca)\n", "--server"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CLEANUP(test_done) struct test t = {};
        char text[256];

        CHECK_OK(CHECK_SPARED(test_init(&t)));
        CHECK_OK(CHECK_SPARED(put_dehydrated(&t)));
        snprintf(text, sizeof(text), "CA=" SERVER "\n%s", cases[i].line);
        CHECK_OK(put_z(&t, "config", text));
        CHECK_OK(find(&t, TAKEOVER_DEHYDRATED, (struct takeover_wish){}));
        CHECK(t.found.certs[0].why.n && strstr(t.found.certs[0].why.p, cases[i].why));
    }
}

/* One that anybody could replace would not be run. */
static void hook_of_others(void)
{
    CLEANUP(test_done) struct test t = {};
    char text[512];

    CHECK_OK(CHECK_SPARED(test_init(&t)));
    CHECK_OK(CHECK_SPARED(put_dehydrated(&t)));
    CHECK_OK(CHECK_SPARED(put_z(&t, "hook", "#!/bin/sh\n")));
    CHECK(fchmodat(t.dir.fd, "hook", 0757, 0) == 0);
    snprintf(text, sizeof(text), "CA=" SERVER "\nHOOK=%s/hook\n", t.dir.path);
    CHECK_OK(CHECK_SPARED(put_z(&t, "config", text)));
    CHECK_OK(find(&t, TAKEOVER_DEHYDRATED, (struct takeover_wish){}));
    CHECK(t.found.certs[1].why.n && strstr(t.found.certs[1].why.p, "mend it: chmod go-w "));
    CHECK(fchmodat(t.dir.fd, "hook", 0755, 0) == 0);
    takeover_done(&t.found);
    CHECK_OK(find(&t, TAKEOVER_DEHYDRATED, (struct takeover_wish){}));
    CHECK_STR(t.found.certs[1].why, "");
}

static void dehydrated_key_ahead(void)
{
    CLEANUP(test_done) struct test t = {};

    CHECK_OK(CHECK_SPARED(test_init(&t)));
    CHECK_OK(CHECK_SPARED(put_dehydrated(&t)));
    CHECK_OK(CHECK_SPARED(put_z(&t, "config", "CA=" SERVER "\nPRIVATE_KEY_ROLLOVER=yes\n")));
    CHECK_OK(find(&t, TAKEOVER_DEHYDRATED, (struct takeover_wish){}));
    CHECK_STR(t.found.certs[0].plan.reuse_key, "");
    CHECK(noted(&t, &t.found.certs[0], "PRIVATE_KEY_ROLLOVER was not carried over"));
}

/* Of both certificates: one whose hook is told by a shell, and one whose hook is asked for proofs.
 */
static void dehydrated_ocsp(void)
{
    CLEANUP(test_done) struct test t = {};
    const struct takeover_cert *c;

    CHECK_OK(CHECK_SPARED(test_init(&t)));
    CHECK_OK(CHECK_SPARED(put_dehydrated(&t)));
    CHECK_OK(CHECK_SPARED(
        put_z(&t, "config", "CA=" SERVER "\nOCSP_FETCH=yes\nOCSP_DAYS=3\nHOOK=/etc/hook\n")));
    CHECK_OK(find(&t, TAKEOVER_DEHYDRATED, (struct takeover_wish){}));
    c = t.found.certs;
    CHECK_STR(c[0].plan.ocsp, "yes");
    CHECK_STR(c[0].plan.ocsp_age, "3d");
    CHECK(strstr(c[0].plan.reload.p,
                 "/ocsp.der' ] || exec '/etc/hook' deploy_ocsp 'wiki.example' '"));
    CHECK(strstr(c[0].plan.reload.p, "='no'; '/etc/hook' deploy_cert 'wiki.example' '"));
    CHECK_STR(c[1].plan.ocsp, "yes");
    CHECK_STR(c[1].plan.reload, "");
    CHECK_OK(CHECK_SPARED(put_z(&t, "config", "CA=" SERVER "\nOCSP_FETCH=yes\nOCSP_DAYS=x\n")));
    CHECK_OK(find(&t, TAKEOVER_DEHYDRATED, (struct takeover_wish){}));
    c = t.found.certs;
    CHECK_STR(c[0].plan.ocsp_age, "");
    CHECK(noted(&t, c, "OCSP_DAYS was not carried over"));
    CHECK_OK(CHECK_SPARED(put_z(&t, "config", "CA=" SERVER "\nOCSP_FETCH=yes\n")));
    CHECK_OK(find(&t, TAKEOVER_DEHYDRATED, (struct takeover_wish){}));
    c = t.found.certs;
    CHECK_STR(c[0].plan.ocsp_age, "5d");
    CHECK_OK(CHECK_SPARED(put_z(&t, "config", "CA=" SERVER "\n")));
    CHECK_OK(find(&t, TAKEOVER_DEHYDRATED, (struct takeover_wish){}));
    c = t.found.certs;
    CHECK_STR(c[0].plan.ocsp, "");
}

/* ---- certbot */

#define CERTBOT "[renewalparams]\naccount = 12ab\nserver = " SERVER "\n"

static enum rc put_certbot(struct test *t, const char *more)
{
    char text[1024];

    snprintf(text, sizeof(text), "version = 2.1.0\n" CERTBOT "%s", more);
    TRY(put_z(t, "renewal/wiki.conf", text));
    TRY(put_z(t, "accounts/ca.example:8555/acme/directory/12ab/private_key.json", JWK));
    TRY(put_z(t, "dns.ini",
              "dns_rfc2136_server = 10.0.0.53\ndns_rfc2136_port = 5353\ndns_rfc2136_name = k.\n"
              "dns_rfc2136_secret = c2VjcmV0\ndns_rfc2136_algorithm = HMAC-SHA512\n"));
    return put_links(t, "live/wiki", "archive/wiki", "3");
}

static void certbot(void)
{
    CLEANUP(test_done) struct test t = {};
    const struct takeover_cert *c;
    char more[512];

    CHECK_OK(CHECK_SPARED(test_init(&t)));
    snprintf(more, sizeof(more),
             "authenticator = dns-rfc2136\ndns_rfc2136_credentials = %s/dns.ini\nrenew_hook = "
             "systemctl reload nginx\nreuse_key = True\n",
             t.dir.path);
    CHECK_OK(CHECK_SPARED(put_certbot(&t, more)));
    CHECK_OK(find(&t, TAKEOVER_CERTBOT, (struct takeover_wish){}));
    CHECK_INT(t.found.n, 1);
    c = &t.found.certs[0];
    CHECK_STR(c->why, "");
    CHECK(c->account && str_ends(c->dir, STR("/live/wiki")));
    CHECK_INT(c->plan.n_dns, 2);
    CHECK_INT(c->plan.n_ips, 2);
    CHECK_INT(c->plan.way, AGENT_DNS);
    CHECK_STR(c->dns_conf, "# of certbot's plugin dns-rfc2136\nserver: 10.0.0.53:5353\nkey: k.\n"
                           "algorithm: hmac-sha512\nsecret: c2VjcmV0\n");
    CHECK(str_starts(c->plan.reload, STR("shell:export RENEWED_LINEAGE='")));
    CHECK(strstr(c->plan.reload.p, "RENEWED_DOMAINS='wiki.hospital.example *.apps.") &&
          strstr(c->plan.reload.p, "{ systemctl reload nginx\n} || exit; "));
    CHECK_STR(c->plan.reuse_key, "yes");
}

static void certbot_ways(void)
{
    static const struct {
        const char *more;
        enum agent_way way;
        const char *value, *why;
    } cases[] = {
        {"authenticator = standalone\nhttp01_port = 5002\n", AGENT_HTTP_LISTEN, "0.0.0.0:5002",
         "wildcard"},
        {"authenticator = standalone\nhttp01_address = ::1\n", AGENT_HTTP_LISTEN, "[::1]:80",
         "wildcard"},
        {"authenticator = webroot\nwebroot_path = /var/www,\n[[webroot_map]]\na = /var/www\n",
         AGENT_WEBROOT, "/var/www", "wildcard"},
        {"authenticator = webroot\nwebroot_path = /a, /b\n", AGENT_WEBROOT, "/a", "webroots"},
        {"authenticator = manual\npref_challs = dns-01,\nmanual_auth_hook = /a\n"
         "manual_cleanup_hook = /b\n",
         AGENT_HOOK, "/a,/b", NULL},
        {"authenticator = manual\nmanual_auth_hook = /a --x\n", 0, "", "for a shell"},
        {"authenticator = dns-cloudflare\n", 0, "", "dns-cloudflare"},
        {"authenticator = dns-rfc2136\ndns_rfc2136_credentials = /nowhere\n", 0, "", "/nowhere"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CLEANUP(test_done) struct test t = {};
        const struct takeover_cert *c;

        CHECK_OK(CHECK_SPARED(test_init(&t)));
        CHECK_OK(CHECK_SPARED(put_certbot(&t, cases[i].more)));
        CHECK_OK(find(&t, TAKEOVER_CERTBOT, (struct takeover_wish){}));
        c = &t.found.certs[0];
        CHECK_INT(c->plan.way, cases[i].way);
        CHECK_STR(c->plan.value.n ? c->plan.value : STR(""), cases[i].value);
        CHECK(cases[i].why ? c->why.n && strstr(c->why.p, cases[i].why) : !c->why.n);
    }
}

/* Others could have this program run theirs. */
static void hands_of_others(void)
{
    CLEANUP(test_done) struct test t = {};

    CHECK_OK(CHECK_SPARED(test_init(&t)));
    CHECK_OK(CHECK_SPARED(put_certbot(&t, "authenticator = manual\nmanual_auth_hook = /a\n")));
    CHECK(fchmodat(t.dir.fd, "renewal/wiki.conf", 0666, 0) == 0);
    CHECK_OK(find(&t, TAKEOVER_CERTBOT, (struct takeover_wish){}));
    CHECK(t.found.certs[0].why.n && strstr(t.found.certs[0].why.p, "written to by others"));
}

/* ---- acme.sh and lego */

static enum rc put_files(struct test *t, const char *dir, const char *const names[4])
{
    const struct str texts[] = {buf_str(&t->leaf), buf_str(&t->issuer), buf_str(&t->chain),
                                buf_str(&t->key)};
    char path[256];

    for (size_t i = 0; i < 4; i++) {
        snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
        if (names[i])
            TRY(put(t, path, texts[i]));
    }
    return RC_OK;
}

static enum rc put_acme_sh(struct test *t)
{
    static const char *const names[] = {"wiki.cer", "ca.cer", "fullchain.cer", "wiki.key"};
    char text[1024];

    TRY(put_z(t, "account.conf",
              "SAVED_NSUPDATE_SERVER='10.0.0.53'\nSAVED_NSUPDATE_KEY='/etc/k'\nCA_BUNDLE='/r'\n"));
    TRY(put_z(t, "ca/ca.example/acme/directory/account.key", JWK));
    snprintf(text, sizeof(text),
             "Le_Domain='wiki'\nLe_Alt='no'\nLe_Webroot='dns_nsupdate'\nLe_API='" SERVER "'\n"
             "Le_PreHook=''\nLe_RealKeyPath='%s/out/key.pem'\nLe_RealFullChainPath='%s/out/c.pem'\n"
             "Le_ReloadCmd='__ACME_BASE64__START_c3lzdGVtY3RsIHJlbG9hZCBuZ2lueA==__ACME_BASE64__"
             "END_'\n",
             t->dir.path, t->dir.path);
    TRY(put_z(t, "wiki_ecc/wiki.conf", text));
    TRY(put(t, "out/key.pem", buf_str(&t->key)));
    TRY(put(t, "out/c.pem", buf_str(&t->chain)));
    return put_files(t, "wiki_ecc", names);
}

static void acme_sh(void)
{
    CLEANUP(test_done) struct test t = {};
    const struct takeover_cert *c;
    char text[256];

    CHECK_OK(CHECK_SPARED(test_init(&t)));
    CHECK_OK(CHECK_SPARED(put_acme_sh(&t)));
    CHECK_OK(find(&t, TAKEOVER_ACME_SH, (struct takeover_wish){}));
    CHECK_INT(t.found.n, 1);
    c = &t.found.certs[0];
    CHECK_STR(c->why, "");
    CHECK_STR(c->name, "wiki_ecc");
    CHECK_STR(c->plan.reload, "shell:systemctl reload nginx");
    CHECK_STR(c->plan.ca_file, "/r");
    CHECK_STR(c->plan.reuse_key, "yes");
    CHECK_STR(c->dns_conf, "# of acme.sh's dns_nsupdate\nserver: 10.0.0.53\nkey_file: /etc/k\n");
    CHECK(c->account != NULL);
    CHECK_INT(c->plan.n_also, 6);
    snprintf(text, sizeof(text), "link:cert:%s/wiki_ecc/wiki.cer", t.dir.path);
    CHECK_STR(c->plan.also[0], text);
    snprintf(text, sizeof(text), "copy:privkey:%s/out/key.pem", t.dir.path);
    CHECK_STR(c->plan.also[5], text);
}

/* A plugin that has no equivalent here stays one, unless something of it is missing. */
static void acme_sh_plugin(void)
{
    CLEANUP(test_done) struct test t = {};
    const struct takeover_cert *c;
    char text[256];

    CHECK_OK(CHECK_SPARED(test_init(&t)));
    CHECK_OK(CHECK_SPARED(put_acme_sh(&t)));
    snprintf(text, sizeof(text),
             "Le_Webroot='dns_cf'\nLe_ForceNewDomainKey=1\nLe_API='" SERVER "'\n");
    CHECK_OK(CHECK_SPARED(put_z(&t, "wiki_ecc/wiki.conf", text)));
    CHECK_OK(CHECK_SPARED(put_z(&t, "acme.sh", "# acme.sh\n")));
    CHECK_OK(find(&t, TAKEOVER_ACME_SH, (struct takeover_wish){}));
    CHECK(t.found.certs[0].why.n && strstr(t.found.certs[0].why.p, "acme.sh used \"dns_cf\""));
    CHECK_OK(CHECK_SPARED(put_z(&t, "dnsapi/dns_cf.sh", "# plugin\n")));
    CHECK_OK(find(&t, TAKEOVER_ACME_SH, (struct takeover_wish){}));
    c = &t.found.certs[0];
    CHECK_STR(c->why, "");
    CHECK_INT(c->plan.way, AGENT_HOOK);
    CHECK_STR(c->plan.style, "acme.sh");
    CHECK_STR(c->plan.challenge, "dns-01");
    CHECK_STR(c->plan.reuse_key, "");
    snprintf(text, sizeof(text), "%s/dnsapi/dns_cf.sh", t.dir.path);
    CHECK_STR(c->plan.value, text);
    CHECK_OK(CHECK_SPARED(put_z(&t, "wiki_ecc/wiki.conf",
                                "Le_Webroot='dns_cf'\nLe_API='" SERVER
                                "'\nLe_ChallengeAlias='x.example'\n")));
    CHECK_OK(find(&t, TAKEOVER_ACME_SH, (struct takeover_wish){}));
    CHECK(t.found.certs[0].why.n && strstr(t.found.certs[0].why.p, "acme.sh used \"dns_cf\""));
}

static enum rc put_lego(struct test *t)
{
    static const char *const names[] = {NULL, "wiki.issuer.crt", "wiki.crt", "wiki.key"};

    TRY(put_z(t, "accounts/ca.example_8555/a@b/keys/a@b.key", JWK));
    return put_files(t, "certificates", names);
}

static void lego(void)
{
    CLEANUP(test_done) struct test t = {};
    struct takeover_wish wish = {.server = STR(SERVER)};
    const struct takeover_cert *c;

    CHECK_OK(CHECK_SPARED(test_init(&t)));
    CHECK_OK(CHECK_SPARED(put_lego(&t)));
    CHECK_OK(find(&t, TAKEOVER_LEGO, wish));
    CHECK_INT(t.found.n, 1);
    CHECK(t.found.certs[0].why.n && strstr(t.found.certs[0].why.p, "does not write down"));
    wish.way = AGENT_DNS;
    wish.style = STR("rfc2136");
    wish.value = STR("/etc/dns");
    CHECK_OK(find(&t, TAKEOVER_LEGO, wish));
    c = &t.found.certs[0];
    CHECK_STR(c->why, "");
    CHECK_STR(c->name, "wiki");
    CHECK(c->account && c->plan.n_also == 3);
    CHECK_STR(c->plan.value, "/etc/dns");
    wish.server = STR("");
    CHECK_OK(find(&t, TAKEOVER_LEGO, wish));
    CHECK(t.found.certs[0].why.n && strstr(t.found.certs[0].why.p, "--server"));
}

/* As version 5 leaves it, `server` in its account. */
static enum rc put_lego_5(struct test *t, const char *id, const char *server)
{
    static const char *const names[] = {NULL, "wiki.issuer.crt", "wiki.crt", "wiki.key"};
    char path[256], text[512];

    snprintf(path, sizeof(path), "accounts/ca.example_8555/%s/%s.key", id, id);
    TRY(put_z(t, path, JWK));
    snprintf(path, sizeof(path), "accounts/ca.example_8555/%s/account.json", id);
    snprintf(text, sizeof(text),
             "{\"server\": \"%s\", \"id\": \"%s\", \"email\": \"\", \"keyType\": \"EC256\", "
             "\"registration\": {\"status\": \"valid\", \"location\": \"https://x/1\"}}",
             server, id);
    TRY(put_z(t, path, text));
    TRY(put_z(t, "certificates/wiki.json",
              "{\"id\": \"wiki\", \"domains\": [\"wiki.hospital.example\"], \"keyType\": "
              "\"EC256\", \"certUrl\": \"https://x/c/1\", \"origin\": \"configuration\"}"));
    return put_files(t, "certificates", names);
}

static void lego_5(void)
{
    CLEANUP(test_done) struct test t = {};
    struct takeover_wish wish = {
        .way = AGENT_DNS, .style = STR("rfc2136"), .value = STR("/etc/dns")};
    const struct takeover_cert *c;

    CHECK_OK(CHECK_SPARED(test_init(&t)));
    CHECK_OK(CHECK_SPARED(put_lego_5(&t, "noemail@example.com", SERVER)));
    CHECK_OK(find(&t, TAKEOVER_LEGO, wish));
    CHECK_INT(t.found.n, 1);
    c = &t.found.certs[0];
    CHECK_STR(c->why, "");
    CHECK_STR(c->plan.server, SERVER);
    CHECK(c->account && c->plan.n_also == 3);
    /* Another one at the same host: the server says which. */
    CHECK_OK(CHECK_SPARED(put_lego_5(&t, "second", "https://ca.example:8555/acme/staging")));
    CHECK_OK(find(&t, TAKEOVER_LEGO, wish));
    CHECK(t.found.certs[0].why.n && strstr(t.found.certs[0].why.p, "--server"));
    CHECK(t.found.n_notes && strstr(t.found.notes[0].p, "there are 2 accounts"));
    wish.server = STR(SERVER);
    CHECK_OK(find(&t, TAKEOVER_LEGO, wish));
    CHECK_STR(t.found.certs[0].why, "");
    CHECK(t.found.certs[0].account && t.found.n_notes == 0);
    /* A file that says nothing is as none. */
    CHECK_OK(CHECK_SPARED(put_z(&t, "accounts/ca.example_8555/second/account.json", "{")));
    CHECK_OK(find(&t, TAKEOVER_LEGO, wish));
    CHECK(t.found.n_notes && strstr(t.found.notes[0].p, "at that server"));
}

#define SERVERS                                                                                    \
    "servers:\n  ours: {url: 'https://ca.example:8555/acme/directory', tlsSkipVerify: true}\n"     \
    "accounts:\n  boss@example.com: {server: ours, acceptsTermsOfService: true}\n"
#define HOOKS                                                                                      \
    "hooks:\n  deploy: {command: /usr/bin/deploy  'a b' $(id), timeout: 6s}\n"                     \
    "  post:\n    command: /usr/bin/after\n"
#define WIKI                                                                                       \
    "certificates:\n  'wiki':\n    domains:\n      - wiki.hospital.example\n      - 10.0.0.7\n"

static void lego_yaml(void)
{
    CLEANUP(test_done) struct test t = {};
    const struct takeover_cert *c;
    char text[256];

    CHECK_OK(CHECK_SPARED(test_init(&t)));
    CHECK_OK(CHECK_SPARED(put_lego_5(&t, "boss@example.com", SERVER)));
    CHECK_OK(
        CHECK_SPARED(put_z(&t, ".lego.yml",
                           "storage: .\n" SERVERS HOOKS
                           "challenges:\n  web: {http: {webroot: www/, proxyHeader: Host}}\n" WIKI
                           "    profile: short\n    preferredChain: Example Root\n"
                           "    mustStaple: true\n    renew: {reuseKey: true}\n")));
    CHECK_OK(find(&t, TAKEOVER_LEGO, (struct takeover_wish){}));
    CHECK_INT(t.found.n, 1);
    c = &t.found.certs[0];
    CHECK_STR(c->why, "");
    CHECK_STR(c->plan.server, SERVER);
    CHECK(c->account != NULL);
    CHECK_INT(c->plan.way, AGENT_WEBROOT);
    snprintf(text, sizeof(text), "%s/www", t.dir.path);
    CHECK_STR(c->plan.value, text);
    CHECK_STR(c->plan.profile, "short");
    CHECK_STR(c->plan.reuse_key, "yes");
    CHECK_STR(c->plan.chain, "Example Root");
    CHECK(c->plan.n_dns == 1 && c->plan.n_ips == 1);
    CHECK(strstr(c->plan.reload.p,
                 "LEGO_HOOK_CERT_DOMAINS='wiki.hospital.example,10.0.0.7' LEGO_HOOK_CERT_PATH="));
    CHECK(
        strstr(c->plan.reload.p,
               "; '/usr/bin/deploy' ''\\''a' 'b'\\''' '$(id)' || exit; '/usr/bin/after' || exit"));
    CHECK_STR(c->plan.reload_timeout, "2m");
    CHECK(noted(&t, c, "of the certificate in .lego.yml this was not carried over: mustStaple"));
    CHECK(noted(&t, c, "of http in .lego.yml this was not carried over: proxyHeader"));
    CHECK(noted(&t, c, "of the server in .lego.yml this was not carried over: tlsSkipVerify"));
}

/* What undoes something that is not done is not done, either. */
static void lego_hook_before(void)
{
    CLEANUP(test_done) struct test t = {};
    const struct takeover_cert *c;

    CHECK_OK(CHECK_SPARED(test_init(&t)));
    CHECK_OK(CHECK_SPARED(put_lego_5(&t, "boss@example.com", SERVER)));
    CHECK_OK(
        CHECK_SPARED(put_z(&t, ".lego.yml",
                           "storage: .\n" SERVERS HOOKS "  pre: {command: /usr/bin/before}\n" WIKI
                           "    challenge: http-01\n")));
    CHECK_OK(find(&t, TAKEOVER_LEGO, (struct takeover_wish){}));
    c = &t.found.certs[0];
    CHECK_STR(c->why, "");
    CHECK(strstr(c->plan.reload.p, "'/usr/bin/deploy'") && !strstr(c->plan.reload.p, "after"));
    CHECK(noted(&t, c, "what lego ran before a renewal was not carried over (/usr/bin/before)"));
}

/* As above with another challenge; what comes of it. */
static enum rc find_with(struct test *t, const char *more)
{
    CLEANUP(buf_done) struct buf b = BUF_INIT(8192);

    buf_printf(&b, "storage: %s\n" SERVERS "%s", t->dir.path, more);
    TRY(CHECK_SPARED(put(t, ".lego.yml", buf_str(&b))));
    TRY(find(t, TAKEOVER_LEGO, (struct takeover_wish){}));
    return t->found.n == 1 ? RC_OK : RC_CONFLICT;
}

static void lego_ways(void)
{
    static const struct {
        const char *yaml, *value, *why;
        enum agent_way way;
    } cases[] = {
        {WIKI "    challenge: http-01\n", "0.0.0.0:80", "", AGENT_HTTP_LISTEN},
        {WIKI "    challenge: tls-alpn-01\n", "0.0.0.0:443", "", AGENT_ALPN_LISTEN},
        {"challenges: {a: {tls: {address: '[::1]:8443'}}}\n" WIKI, "[::1]:8443", "",
         AGENT_ALPN_LISTEN},
        {"challenges: {a: {http: {address: '10.0.0.1:81'}}}\n" WIKI, "10.0.0.1:81", "",
         AGENT_HTTP_LISTEN},
        {"challenges: {a: {http: {address: ':5002'}}}\n" WIKI, "0.0.0.0:5002", "",
         AGENT_HTTP_LISTEN},
        {"challenges: {a: {http: {address: nowhere}}}\n" WIKI, NULL, "has no port", 0},
        {"challenges: {a: {http: {s3Bucket: b}}}\n" WIKI, NULL, "memcached or a bucket", 0},
        {"challenges: {a: {dnsPersist: {}}}\n" WIKI, NULL, "none of http-01", 0},
        {"challenges: {a: {http: {}}, b: {tls: {}}}\n" WIKI, NULL, "does not say how", 0},
        {WIKI "    challenge: gone\n", NULL, "does not define", 0},
        {WIKI "    challenge: http-01\n    account: other\n", "0.0.0.0:80", "", AGENT_HTTP_LISTEN},
        {"challenges: {a: {dns: {provider: gandi, envFile: env}}}\n" WIKI, NULL,
         "DNS provider gandi,", 0},
        {"challenges: {a: {dns: {provider: pdns}}}\n" WIKI, NULL, "variables of its environment",
         0},
        {"certificates: {wiki: {csr: /x.csr, challenge: http-01}}\n", NULL, "request (CSR)", 0},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CLEANUP(test_done) struct test t = {};
        const struct takeover_cert *c;

        CHECK_OK(CHECK_SPARED(test_init(&t)));
        CHECK_OK(CHECK_SPARED(put_lego_5(&t, "boss@example.com", SERVER)));
        CHECK_OK(find_with(&t, cases[i].yaml));
        c = &t.found.certs[0];
        if (cases[i].why[0]) {
            CHECK(c->why.n && strstr(c->why.p, cases[i].why));
            continue;
        }
        CHECK_STR(c->why, "");
        CHECK_INT(c->plan.way, cases[i].way);
        CHECK_STR(c->plan.value, cases[i].value);
    }
}

static void lego_dns(void)
{
    static const struct {
        const char *provider, *variables, *style, *conf;
    } cases[] = {
        {"rfc2136",
         "RFC2136_NAMESERVER=10.0.0.53:5353\nRFC2136_TSIG_KEY=acme\nRFC2136_TSIG_SECRET='c2Vj'\n"
         "export RFC2136_TSIG_ALGORITHM=hmac-SHA256.\n",
         "rfc2136",
         "# of lego's provider rfc2136\nserver: 10.0.0.53:5353\nkey: acme\nalgorithm: hmac-sha256\n"
         "secret: c2Vj\n"},
        {"pdns", "PDNS_API_URL=http://127.0.0.1:8081\nPDNS_API_KEY=k\n", "powerdns",
         "# of lego's provider pdns\nurl: http://127.0.0.1:8081\nkey: k\n"},
        {"cloudflare", "CF_DNS_API_TOKEN=t\n", "cloudflare",
         "# of lego's provider cloudflare\ntoken: t\n"},
        {"httpreq", "HTTPREQ_ENDPOINT=https://x\nHTTPREQ_MODE=RAW\n", "httpreq",
         "# of lego's provider httpreq\nurl: https://x\nmode: raw\n"},
        {"rfc2136", "RFC2136_NAMESERVER=10.0.0.53\nRFC2136_TSIG_KEY=a\nRFC2136_TSIG_SECRET=b\n",
         NULL, "HMAC-SHA1 or HMAC-MD5"},
        {"cloudflare", "CF_DNS_API_TOKEN=$(cat /secret)\n", NULL, "lacks CLOUDFLARE_DNS_API_TOKEN"},
        {"cloudflare", "CF_DNS_API_TOKEN='a\nurl: https://evil'\n", NULL, "lacks CLOUDFLARE"},
        {"exec", "EXEC_PATH=/usr/local/bin/dns\nEXEC_MODE=RAW\n", "lego-raw", NULL},
        {"exec", "EXEC_PATH=dns\n", NULL, "whose path is not written down"},
    };
    char yaml[512];

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CLEANUP(test_done) struct test t = {};
        const struct takeover_cert *c;

        CHECK_OK(CHECK_SPARED(test_init(&t)));
        CHECK_OK(CHECK_SPARED(put_lego_5(&t, "boss@example.com", SERVER)));
        CHECK_OK(CHECK_SPARED(put_z(&t, "env", cases[i].variables)));
        snprintf(yaml, sizeof(yaml), "challenges: {a: {dns: {provider: %s, envFile: env}}}\n" WIKI,
                 cases[i].provider);
        CHECK_OK(find_with(&t, yaml));
        c = &t.found.certs[0];
        if (!cases[i].style) {
            CHECK(c->why.n && strstr(c->why.p, cases[i].conf));
            continue;
        }
        CHECK_STR(c->why, "");
        CHECK_STR(c->plan.style, cases[i].style);
        if (cases[i].conf)
            CHECK_STR(c->dns_conf, cases[i].conf);
        else
            CHECK_STR(c->plan.value, "/usr/local/bin/dns");
    }
}

/* What is wrong with the file is an error: nobody knows what else stands in it. */
static void lego_broken(void)
{
    static const char *const broken[] = {
        "storage: &a .\n", "storage: .\nstorage: x\n", "- 1\n", "hooks: {deploy: !!python x}\n",
        "a: [\n",
    };

    for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
        CLEANUP(test_done) struct test t = {};

        CHECK_OK(CHECK_SPARED(test_init(&t)));
        CHECK_OK(CHECK_SPARED(put_z(&t, ".lego.yaml", broken[i])));
        CHECK_RC(find(&t, TAKEOVER_LEGO, (struct takeover_wish){}), RC_PARSE);
        CHECK_OK(CHECK_SPARED(put_z(&t, ".lego.yaml", "")));
        CHECK(fchmodat(t.dir.fd, ".lego.yaml", 0666, 0) == 0);
        CHECK_RC(find(&t, TAKEOVER_LEGO, (struct takeover_wish){}), RC_DENIED);
    }
}

/* The storage is named, and the file is beside it: if it is about that storage. */
static void lego_beside(void)
{
    CLEANUP(test_done) struct test t = {};
    char home[256];

    CHECK_OK(CHECK_SPARED(test_init(&t)));
    CHECK_OK(CHECK_SPARED(put_lego_5(&t, "boss@example.com", SERVER)));
    CHECK_OK(CHECK_SPARED(put_z(&t, ".lego/other", "")));
    snprintf(home, sizeof(home), "%s/.lego", t.dir.path);
    CHECK(renameat(t.dir.fd, "certificates", t.dir.fd, ".lego/certificates") == 0 &&
          renameat(t.dir.fd, "accounts", t.dir.fd, ".lego/accounts") == 0);
    CHECK_OK(CHECK_SPARED(put_z(&t, ".lego.yml", SERVERS WIKI "    challenge: http-01\n")));
    CHECK_OK(find(&t, TAKEOVER_LEGO, (struct takeover_wish){.home = home}));
    CHECK_INT(t.found.n, 1);
    CHECK_STR(t.found.certs[0].why, "");
    CHECK(t.found.certs[0].account != NULL);
    CHECK_OK(CHECK_SPARED(
        put_z(&t, ".lego.yml", "storage: other\n" SERVERS WIKI "    challenge: http-01\n")));
    CHECK_OK(find(&t, TAKEOVER_LEGO, (struct takeover_wish){.home = home}));
    CHECK(t.found.certs[0].why.n && strstr(t.found.certs[0].why.p, "does not write down"));
    /* A name with a wildcard is a file with another name; one that lego knows by itself is not. */
    CHECK_OK(
        CHECK_SPARED(put_z(&t, ".lego.yml",
                           "accounts: {a: {server: letsencrypt}}\n"
                           "certificates: {wi*ki: {}, wiki: {domains: [wiki.hospital.example], "
                           "challenge: http-01}}\n")));
    CHECK_OK(find(&t, TAKEOVER_LEGO, (struct takeover_wish){}));
    CHECK(t.found.certs[0].why.n &&
          strstr(t.found.certs[0].why.p, "\"letsencrypt\" is lego's name"));
}

/* ---- taking over */

/* What a service reads that knows these two files. */
static bool reads(const struct test *t, const char *chain, const char *key)
{
    CLEANUP(crypto_key_unrefp) struct crypto_key *k = NULL;
    CLEANUP(buf_done) struct buf b = BUF_INIT(CLIENT_PAIR_MAX);
    CLEANUP(buf_wipe) struct buf pem = BUF_INIT(CRYPTO_PEM_MAX);
    char path[256], real[4096];

    snprintf(path, sizeof(path), "%s/%s", t->dir.path, chain);
    if (!realpath(path, real) || file_read(AT_FDCWD, real, &b, NULL) != RC_OK)
        return false;
    snprintf(path, sizeof(path), "%s/%s", t->dir.path, key);
    if (!realpath(path, real) || file_read(AT_FDCWD, real, &pem, NULL) != RC_OK)
        return false;
    return str_eq(buf_str(&b), buf_str(&t->chain)) &&
           crypto_pem_read(buf_str(&pem), NULL, &k, NULL) == RC_OK &&
           crypto_key_same(k, t->pki.leaf_key);
}

/* Killed before each step: the paths show the pair that was there, and the second time completes
 * it.
 */
static void killed_everywhere(void)
{
    for (unsigned n = 1; n < 100; n++) {
        CLEANUP(test_done) struct test t = {};
        struct takeover_wish wish = {.server = STR(SERVER),
                                     .way = AGENT_DNS,
                                     .value = STR("/etc/dns"),
                                     .style = STR("rfc2136")};
        enum rc rc;

        CHECK_OK(CHECK_SPARED(test_init(&t)));
        CHECK_OK(put_certbot(&t, ""));
        CHECK_OK(put_lego(&t));
        CHECK_OK(find(&t, TAKEOVER_CERTBOT, wish));
        file_kill_at(n);
        rc = takeover_take(&t.found.certs[0], NULL);
        CHECK(reads(&t, "live/wiki/fullchain.pem", "live/wiki/privkey.pem"));
        CHECK_OK(find(&t, TAKEOVER_LEGO, wish));
        if (rc == RC_OK)
            rc = takeover_take(&t.found.certs[0], NULL);
        file_kill_at(0);
        CHECK(reads(&t, "live/wiki/fullchain.pem", "live/wiki/privkey.pem"));
        CHECK(reads(&t, "certificates/wiki.crt", "certificates/wiki.key"));
        CHECK_OK(find(&t, TAKEOVER_CERTBOT, wish));
        if (!t.found.certs[0].kept)
            CHECK_OK(takeover_take(&t.found.certs[0], NULL));
        CHECK_OK(find(&t, TAKEOVER_LEGO, wish));
        if (!t.found.certs[0].kept)
            CHECK_OK(takeover_take(&t.found.certs[0], NULL));
        CHECK_OK(find(&t, TAKEOVER_LEGO, wish));
        CHECK(t.found.certs[0].kept);
        CHECK(reads(&t, "live/wiki/fullchain.pem", "live/wiki/privkey.pem"));
        CHECK(reads(&t, "certificates/wiki.crt", "certificates/wiki.key"));
        if (rc == RC_OK)
            return;
    }
    fail_msg("it never came to an end");
}

static void takes(void)
{
    CLEANUP(test_done) struct test t = {};
    CLEANUP(agent_place_done) struct agent_place p = AGENT_PLACE_INIT;
    CLEANUP(buf_done) struct buf text = BUF_INIT(AGENT_STATE_MAX);
    CLEANUP(arena_done) struct arena a = ARENA_INIT(1 << 20);
    CLEANUP(crypto_key_unrefp) struct crypto_key *account = NULL;
    struct agent_state s;
    char dir[256], is[256];
    ssize_t n;

    CHECK_OK(CHECK_SPARED(test_init(&t)));
    CHECK_OK(CHECK_SPARED(put_acme_sh(&t)));
    CHECK_OK(find(&t, TAKEOVER_ACME_SH, (struct takeover_wish){}));
    CHECK_OK(takeover_take(&t.found.certs[0], NULL));
    snprintf(dir, sizeof(dir), "%s/wiki_ecc", t.dir.path);
    CHECK_OK(agent_place_open(dir, false, &p, NULL));
    CHECK_OK(agent_place_state(&p, &text, NULL));
    CHECK_OK(agent_state_read(&a, buf_str(&text), &s, NULL));
    CHECK_INT(s.plan.n_also, 6);
    CHECK_STR(s.plan.key, "p256");
    CHECK_OK(agent_place_account(&p, STR(""), &account, NULL));
    CHECK(crypto_key_same(account, t.found.certs[0].account));
    n = readlinkat(t.dir.fd, "wiki_ecc/fullchain.cer", is, sizeof(is));
    CHECK(n > 0);
    CHECK_STR(str_bytes(is, (size_t)n), ".autarky/live/fullchain.pem");

    /* The next set is seen everywhere, too; copies keep their mode. */
    CHECK(fchmodat(t.dir.fd, "out/key.pem", 0640, 0) == 0);
    CHECK_OK(put_z(&t, "out/key.pem", "old"));
    CHECK(fchmodat(t.dir.fd, "out/key.pem", 0640, 0) == 0);
    CHECK_OK(agent_also_put(&p, &s.plan, NULL));
    CHECK(reads(&t, "out/c.pem", "out/key.pem"));
    CHECK(reads(&t, "wiki_ecc/fullchain.cer", "wiki_ecc/wiki.key"));
}

CHECK_MAIN(CHECK_TEST(dehydrated), CHECK_TEST_ONCE(dehydrated_cannot), CHECK_TEST(certbot),
           CHECK_TEST_ONCE(certbot_ways), CHECK_TEST(hands_of_others), CHECK_TEST(acme_sh),
           CHECK_TEST(acme_sh_plugin), CHECK_TEST(lego), CHECK_TEST(lego_5), CHECK_TEST(lego_yaml),
           CHECK_TEST(lego_ways), CHECK_TEST(lego_dns), CHECK_TEST(lego_broken),
           CHECK_TEST(lego_beside), CHECK_TEST(hook_of_others), CHECK_TEST(dehydrated_key_ahead),
           CHECK_TEST(dehydrated_ocsp), CHECK_TEST(lego_hook_before),
           CHECK_TEST_ONCE(killed_everywhere), CHECK_TEST(takes))
