/* SPDX-License-Identifier: Apache-2.0 */
/* lego's DNS providers that are also known here: its variables, from the file that the challenge
 * names, become settings of agent/dns_conf.h and provider/provider.h. */
#include <stdio.h>

#include "takeover/lego_int.h"

enum { SETTINGS = 6, SETTINGS_MAX_BYTES = 8192, NAMES = 3, SHOWN = 64 };

static const struct provider {
    const char *names[2], *kind;
    struct {
        const char *setting, *variables[NAMES];
        bool optional;
    } of[SETTINGS];
} providers[] = {
    {{"rfc2136", "dnsupdate"},
     "rfc2136",
     {{"server", {"DNSUPDATE_NAMESERVER", "RFC2136_NAMESERVER"}, false},
      {"key", {"DNSUPDATE_TSIG_KEY", "RFC2136_TSIG_KEY"}, false},
      {"algorithm", {"DNSUPDATE_TSIG_ALGORITHM", "RFC2136_TSIG_ALGORITHM"}, false},
      {"secret", {"DNSUPDATE_TSIG_SECRET", "RFC2136_TSIG_SECRET"}, false}}},
    {{"acme-dns", "acmedns"},
     "acme-dns",
     {{"url", {"ACME_DNS_API_BASE"}, false}, {"accounts", {"ACME_DNS_STORAGE_PATH"}, false}}},
    {{"alidns"},
     "alibaba",
     {{"access_key_id", {"ALICLOUD_ACCESS_KEY"}, false},
      {"access_key_secret", {"ALICLOUD_SECRET_KEY"}, false},
      {"security_token", {"ALICLOUD_SECURITY_TOKEN"}, true}}},
    {{"azuredns"},
     "azure",
     {{"tenant", {"AZURE_TENANT_ID"}, false},
      {"client_id", {"AZURE_CLIENT_ID"}, false},
      {"client_secret", {"AZURE_CLIENT_SECRET"}, false},
      {"subscription", {"AZURE_SUBSCRIPTION_ID"}, false},
      {"resource_group", {"AZURE_RESOURCE_GROUP"}, false},
      {"zone", {"AZURE_ZONE_NAME"}, true}}},
    {{"cloudflare"},
     "cloudflare",
     {{"token", {"CLOUDFLARE_DNS_API_TOKEN", "CF_DNS_API_TOKEN"}, false}}},
    {{"httpreq"},
     "httpreq",
     {{"url", {"HTTPREQ_ENDPOINT"}, false},
      {"username", {"HTTPREQ_USERNAME"}, true},
      {"password", {"HTTPREQ_PASSWORD"}, true},
      {"mode", {"HTTPREQ_MODE"}, true}}},
    {{"pdns"},
     "powerdns",
     {{"url", {"PDNS_API_URL"}, false},
      {"key", {"PDNS_API_KEY"}, false},
      {"server", {"PDNS_SERVER_NAME"}, true}}},
    {{"route53"},
     "route53",
     {{"access_key_id", {"AWS_ACCESS_KEY_ID"}, false},
      {"secret_access_key", {"AWS_SECRET_ACCESS_KEY"}, false},
      {"session_token", {"AWS_SESSION_TOKEN"}, true},
      {"region", {"AWS_REGION"}, true}}},
    {{"tencentcloud"},
     "tencent",
     {{"secret_id", {"TENCENTCLOUD_SECRET_ID"}, false},
      {"secret_key", {"TENCENTCLOUD_SECRET_KEY"}, false},
      {"token", {"TENCENTCLOUD_SESSION_TOKEN"}, true}}},
};

static const struct provider *find(struct str name)
{
    for (size_t i = 0; i < sizeof(providers) / sizeof(providers[0]); i++)
        for (size_t k = 0; k < 2 && providers[i].names[k]; k++)
            if (str_eq(name, str_of(providers[i].names[k])))
                return &providers[i];
    return NULL;
}

/* A value of one line; empty when the file has none, or one that only a shell could know. */
static struct str value_of(const struct takeover_vars *vars, const char *const *names)
{
    for (size_t i = 0; i < NAMES && names[i]; i++) {
        struct str value = takeover_shell_value(vars, names[i]);

        if (value.n && str_find(value, '\n') == value.n && str_find(value, '\r') == value.n)
            return value;
    }
    return STR("");
}

/* lego's names of algorithms are domain names. */
static void put_setting(struct buf *b, const char *name, struct str value)
{
    bool lower = strcmp(name, "algorithm") == 0 || strcmp(name, "mode") == 0;

    if (lower && str_ends(value, STR(".")))
        value.n--;
    buf_printf(b, "%s: ", name);
    if (lower)
        buf_put_lower(b, value);
    else
        buf_puts(b, value);
    buf_u8(b, '\n');
}

/* Without one it is HMAC-SHA1 there. */
static bool is_strong(struct str algorithm)
{
    static const char *const strong[] = {"hmac-sha256", "hmac-sha384", "hmac-sha512"};

    if (str_ends(algorithm, STR(".")))
        algorithm.n--;
    for (size_t i = 0; i < sizeof(strong) / sizeof(strong[0]); i++)
        if (str_ieq(algorithm, str_of(strong[i])))
            return true;
    return false;
}

static enum rc translate(struct takeover_finder *f, const struct provider *p,
                         const struct takeover_vars *vars, struct takeover_cert *c)
{
    CLEANUP(buf_wipe) struct buf b = BUF_INIT(SETTINGS_MAX_BYTES);

    buf_printf(&b, "# of lego's provider %s\n", p->names[0]);
    for (size_t i = 0; i < SETTINGS && p->of[i].setting; i++) {
        struct str value = value_of(vars, p->of[i].variables);

        if (strcmp(p->of[i].setting, "algorithm") == 0 && !is_strong(value))
            takeover_cannot(f, c,
                            "lego signs its updates of DNS by HMAC-SHA1 or HMAC-MD5, which is not "
                            "done here: give the name server a key of hmac-sha256, and use --dns");
        else if (value.n)
            put_setting(&b, p->of[i].setting, value);
        else if (!p->of[i].optional)
            takeover_cannot(f, c,
                            "the file with the variables of lego's DNS provider lacks %s: --dns %s "
                            "--dns-config says it instead",
                            p->of[i].variables[0], p->kind);
    }
    TRY(buf_rc(&b));
    c->plan.way = AGENT_DNS;
    c->plan.style = str_of(p->kind);
    TRY(takeover_join(f, c->dir, STR(".autarky/dns.conf"), &c->plan.value));
    return arena_str(&f->t->arena, buf_str(&b), &c->dns_conf);
}

static enum rc take_program(struct takeover_finder *f, const struct takeover_vars *vars,
                            struct takeover_cert *c)
{
    struct str path = takeover_shell_value(vars, "EXEC_PATH");

    if (!str_starts(path, STR("/"))) {
        takeover_no_way(f, c, "lego ran a program whose path is not written down (EXEC_PATH)");
        return RC_OK;
    }
    c->plan.way = AGENT_HOOK;
    c->plan.style =
        str_eq(takeover_shell_value(vars, "EXEC_MODE"), STR("RAW")) ? STR("lego-raw") : STR("lego");
    c->plan.challenge = STR("dns-01");
    c->plan.value = path;
    takeover_note(f, c,
                  "its program for DNS gets no other variables than lego's own: see --hook-env");
    return RC_OK;
}

enum rc takeover_lego_dns(struct takeover_finder *f, const struct takeover_lego *l,
                          const struct conf_node *dns, struct takeover_cert *c)
{
    static const char *const known[] = {"provider", "envFile", NULL};
    struct str name = takeover_lego_text(dns, "provider");
    struct str file = takeover_lego_text(dns, "envFile"), path, text = {"", 0};
    struct takeover_vars vars = {.arena = &f->t->arena};
    const struct provider *p = find(name);
    bool program = str_eq(name, STR("exec"));
    char how[128];
    enum rc rc;

    TRY(takeover_lego_rest(f, c, dns, "dns", known));
    snprintf(how, sizeof(how), "lego used its DNS provider %.*s%s", STR_ARG(str_head(name, SHOWN)),
             p || program ? ", with variables of its environment" : "");
    if ((!p && !program) || file.n == 0) {
        takeover_no_way(f, c, how);
        return RC_OK;
    }
    TRY(takeover_join(f, l->dir, file, &path));
    rc = takeover_file(f, path, &text);
    if (rc == RC_OK)
        rc = takeover_shell_read(&vars, text);
    if (rc != RC_OK)
        return takeover_cannot_err(f, c, rc);
    return program ? take_program(f, &vars, c) : translate(f, p, &vars, c);
}
