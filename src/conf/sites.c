/* SPDX-License-Identifier: Apache-2.0 */
/* What of the gateway's sites only several values together show. */
#include "conf/tree_int.h"

MSG(msg_drain, "conf.site-drain",
    "the site {0} drains {1}, which is not among its `backends`: take it out here, too");
MSG(msg_drain_all, "conf.site-drain-all",
    "the site {0} drains all of its backends: nobody would be there for new clients");
MSG(msg_alone, "conf.site-alone",
    "the site {0} has one backend: `balance`, `sticky` and `slow_start` need several");

MSG(msg_ca_file, "conf.site-ca-file",
    "the site {0} names {1}, which is not in conf.d of the data directory: put it there, with a "
    "name that ends in .pem, owned by root and writable by nobody else");
MSG(msg_ca_text, "conf.site-ca-text", "the site {0} names {1}, in which there is no certificate");
MSG(msg_demand, "conf.site-demand",
    "the site {0} has the backend {1}, which nothing is there to hold against: give `backend_ca`, "
    "`backend_keys` or both");
MSG(msg_demand_nobody, "conf.site-demand-nobody",
    "the site {0} has `backend_ca`, `backend_keys` or `backend_name`, and no backend with https");
MSG(msg_shared, "conf.site-shared",
    "the site {0} has `send_proxy`, and {1} speaks HTTP/2: requests of many clients share a "
    "connection there, whose first bytes would tell of one; take http:// or https://, or leave it "
    "out");
MSG(msg_clients, "conf.site-clients",
    "the site {0} has `client_crl` or `client_optional`, which do nothing without `client_ca`");
MSG(msg_clients_header, "conf.site-clients-header",
    "the site {0} sets {1} in `request_headers`, by which backends are told of clients' "
    "certificates: take it out there");
MSG(msg_crl_text, "conf.site-crl-text",
    "the site {0} names {1}, in which there is no list of revoked certificates in PEM; of one in "
    "DER makes PEM: openssl crl -inform DER -in LIST -out {1}");
MSG(msg_burst, "conf.site-burst", "the site {0} has `burst`, which does nothing without `rate`");
MSG(msg_default, "conf.site-default",
    "{0} is not among `sites`, and clients that name none would be refused: correct it, or leave "
    "it "
    "out");
MSG(msg_connection_burst, "conf.connection-burst",
    "it does nothing without `connection_rate`: give that, too, or leave it out");
MSG(msg_headers, "conf.site-headers", "the site {0} has more than {1} headers of one kind");
MSG(msg_no_algorithm, "conf.site-algorithms-none",
    "the site {0} has no `algorithms`: with none it cannot have a certificate");
MSG(msg_mixed, "conf.site-passes-mixed",
    "the site {0} has backends with tls:// beside {1}: TLS ends either here or there");
MSG(msg_passes, "conf.site-passes",
    "the site {0} has `{1}`, and passes connections on as they are (tls://): the gateway sees "
    "neither requests nor answers of it");
MSG(msg_sm, "conf.site-tls-sm",
    "the site {0} has `tls_sm`, and {1} does not speak TLS 1.3 with SM algorithms (RFC 8998), "
    "which "
    "takes OpenSSL 4.0 or later: leave it out (TLCP does without), or run an Autarky that was "
    "built "
    "with such a one (script/build --openssl 4)");
MSG(msg_sm_bare, "conf.site-tls-sm-bare",
    "the site {0} has `tls_sm`, which takes an SM2 certificate: add sm2 to its `algorithms`");
MSG(msg_path_passes, "conf.path-passes",
    "{0} cannot go another way: of the site {1}, or in its `backends`, is tls://, and what passes "
    "on as it is has no paths");
MSG(msg_paths_many, "conf.paths-many", "there are more than {0} paths");
MSG(msg_path_site, "conf.path-site", "{0} is of the site {1}, which is not among `sites`");
MSG(msg_path_plain, "conf.path-plain",
    "{0} cannot be compared: no \"?\", \"%\", \";\" or \"\\\", and no \"//\" or \"/.\"");
MSG(msg_path_what, "conf.path-what",
    "{0} needs one of: `backends` or `replace`, `redirect`, `answer`");
MSG(msg_path_status, "conf.path-status",
    "the `status` of {0} does not fit: 301, 302, 303, 307 or 308 for `redirect`, 200 to 599 with a "
    "body for `answer`, none else");
MSG(msg_path_replace, "conf.path-replace",
    "{0} cannot stand for {1}: both end with \"/\", or none does, and there is no \"?\"");
MSG(msg_path_twice, "conf.path-twice", "{0} stands there twice for the site {1}");

MSG(msg_waf_rules, "conf.waf-rules",
    "`gateway.waf.rules` is {0}: the process that inspects can read below /etc/modsecurity, "
    "/usr/share/modsecurity-crs and DATA/waf alone (as in waf/site.conf); put the rules there");

static bool has(const struct conf_strs *list, struct str s)
{
    for (size_t i = 0; i < list->n; i++)
        if (str_eq(list->p[i], s))
            return true;
    return false;
}

static bool secure(struct str url)
{
    return str_starts(url, STR("https://")) || str_starts(url, STR("h2://"));
}

static bool is_h2(struct str url)
{
    return str_starts(url, STR("h2://")) || str_starts(url, STR("h2c://"));
}

static bool is_tls(struct str url)
{
    return str_starts(url, STR("tls://"));
}

/* What is about requests does not go with connections that are passed on; NULL: there is none. */
static const char *about_requests(const struct conf_site *s)
{
    const struct {
        bool there;
        const char *key;
    } keys[] = {
        {s->sticky, "sticky"},
        {s->check.n, "check"},
        {s->rate, "rate"},
        {s->hsts, "hsts"},
        {s->request_headers.n, "request_headers"},
        {s->response_headers.n, "response_headers"},
        {s->maintenance.n, "maintenance"},
        {s->backend_ca.n, "backend_ca"},
        {s->backend_keys.n, "backend_keys"},
        {s->backend_name.n, "backend_name"},
        {s->client_ca.n, "client_ca"},
        {s->tls_sm, "tls_sm"},
        {s->waf != CONF_WAF_OFF, "waf"},
    };

    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
        if (keys[i].there)
            return keys[i].key;
    return NULL;
}

static enum rc check_passes(struct conf_report *report, const struct conf_node *n,
                            const struct conf_site *s)
{
    const char *key = about_requests(s);

    for (size_t i = 0; i < s->backends.n; i++)
        if (is_tls(s->backends.p[i]) != s->passes)
            return CONF_COMPLAIN(report, n, msg_mixed, s->name, s->backends.p[s->passes ? i : 0]);
    if (!s->passes && s->algorithms == 0)
        return CONF_COMPLAIN(report, n, msg_no_algorithm, s->name);
    if (!s->passes && s->tls_sm && !(s->algorithms & 1u << CONF_KEY_SM2))
        return CONF_COMPLAIN(report, n, msg_sm_bare, s->name);
    if (s->passes && key)
        return CONF_COMPLAIN(report, n, msg_passes, s->name, str_of(key));
    return RC_OK;
}

static enum rc check_clients(struct conf_report *report, const struct conf_node *n,
                             const struct conf_site *s)
{
    if (s->client_ca.n == 0 && (s->client_crl.n || s->client_optional))
        return CONF_COMPLAIN(report, n, msg_clients, s->name);
    for (size_t i = 0; i < s->request_headers.n; i++) {
        struct str h = s->request_headers.p[i];

        if (str_starts(h, STR("x-client-cert")) || str_starts(h, STR("client-cert")))
            return CONF_COMPLAIN(report, n, msg_clients_header, s->name,
                                 str_head(h, str_find(h, ':')));
    }
    return RC_OK;
}

/* One with https; p == NULL: none. */
static struct str secure_one(const struct conf *conf, const struct conf_site *s)
{
    for (size_t i = 0; i < s->backends.n; i++)
        if (secure(s->backends.p[i]))
            return s->backends.p[i];
    for (size_t i = 0; i < conf->gateway.n_paths; i++) {
        const struct conf_path *p = &conf->gateway.paths[i];

        for (size_t k = 0; str_eq(p->site, s->name) && k < p->backends.n; k++)
            if (secure(p->backends.p[k]))
                return p->backends.p[k];
    }
    return (struct str){NULL, 0};
}

/* Requests of many clients share a connection of HTTP/2, and its first bytes can be about one. */
static enum rc check_shared(struct conf_report *report, const struct conf_node *n,
                            const struct conf *conf, const struct conf_site *s)
{
    if (s->send_proxy == CONF_SEND_PROXY_OFF)
        return RC_OK;
    for (size_t i = 0; i < s->backends.n; i++)
        if (is_h2(s->backends.p[i]))
            return CONF_COMPLAIN(report, n, msg_shared, s->name, s->backends.p[i]);
    for (size_t i = 0; i < conf->gateway.n_paths; i++) {
        const struct conf_path *p = &conf->gateway.paths[i];

        for (size_t k = 0; str_eq(p->site, s->name) && k < p->backends.n; k++)
            if (is_h2(p->backends.p[k]))
                return CONF_COMPLAIN(report, n, msg_shared, s->name, p->backends.p[k]);
    }
    return RC_OK;
}

/* No backend with https is ever taken as it is. */
static enum rc check_demand(struct conf_report *report, const struct conf_node *n,
                            const struct conf *conf, const struct conf_site *s)
{
    struct str one = secure_one(conf, s);
    bool demands = s->backend_ca.n || s->backend_keys.n;

    if (one.p && !demands)
        return CONF_COMPLAIN(report, n, msg_demand, s->name, one);
    if (!one.p && (demands || s->backend_name.n))
        return CONF_COMPLAIN(report, n, msg_demand_nobody, s->name);
    return RC_OK;
}

static enum rc check_site(struct conf_report *report, const struct conf_node *n,
                          const struct conf_site *s)
{
    bool chooses = s->balance != CONF_BALANCE_FIRST || s->sticky || s->slow_start;

    for (size_t i = 0; i < s->drain.n; i++)
        if (!has(&s->backends, s->drain.p[i]))
            return CONF_COMPLAIN(report, n, msg_drain, s->name, s->drain.p[i]);
    if (s->drain.n >= s->backends.n)
        return CONF_COMPLAIN(report, n, msg_drain_all, s->name);
    if (chooses && s->backends.n == 1)
        return CONF_COMPLAIN(report, n, msg_alone, s->name);
    if (s->burst && !s->rate)
        return CONF_COMPLAIN(report, n, msg_burst, s->name);
    if (s->request_headers.n > CONF_SITE_HEADERS_MAX ||
        s->response_headers.n > CONF_SITE_HEADERS_MAX)
        return CONF_COMPLAIN(report, n, msg_headers, s->name, STR("10"));
    return RC_OK;
}

/* ---- paths */

/* What can be compared with the paths of requests: they are compared without escapes and with one
 * slash where there are several. */
static bool is_plain(struct str path)
{
    for (size_t i = 0; i < path.n; i++)
        if (str_find(STR("?%;\\"), path.p[i]) < 4 ||
            (path.p[i] == '/' && i + 1 < path.n && str_find(STR("/."), path.p[i + 1]) < 2))
            return false;
    return true;
}

static bool same_end(struct str a, struct str b)
{
    return str_ends(a, STR("/")) == str_ends(b, STR("/"));
}

static bool fits_status(const struct conf_path *p)
{
    static const uint64_t redirects[] = {301, 302, 303, 307, 308};

    if (p->status == 0)
        return true;
    if (p->answer.n)
        return p->status >= 200 && p->status != 204 && p->status != 205 && p->status != 304;
    for (size_t i = 0; p->redirect.n && i < sizeof(redirects) / sizeof(redirects[0]); i++)
        if (redirects[i] == p->status)
            return true;
    return false;
}

/* What it is about is not looked at, or would not be. */
static bool is_passed(const struct conf *conf, const struct conf_path *p)
{
    for (size_t i = 0; i < p->backends.n; i++)
        if (is_tls(p->backends.p[i]))
            return true;
    return conf_site_find(conf, p->site)->passes;
}

static enum rc check_path(struct conf_report *report, const struct conf_node *n,
                          const struct conf *conf, size_t i)
{
    const struct conf_path *p = &conf->gateway.paths[i];
    bool passes = p->backends.n || p->replace.n;

    if (i >= CONF_PATHS_MAX)
        return CONF_COMPLAIN(report, n, msg_paths_many, STR("1000"));
    if (!conf_site_find(conf, p->site))
        return CONF_COMPLAIN(report, n, msg_path_site, p->path, p->site);
    if (is_passed(conf, p))
        return CONF_COMPLAIN(report, n, msg_path_passes, p->path, p->site);
    if (!is_plain(p->path))
        return CONF_COMPLAIN(report, n, msg_path_plain, p->path);
    if (passes + (p->redirect.n > 0) + (p->answer.n > 0) != 1)
        return CONF_COMPLAIN(report, n, msg_path_what, p->path);
    if (!fits_status(p))
        return CONF_COMPLAIN(report, n, msg_path_status, p->path);
    if (p->replace.n && (str_find(p->replace, '?') < p->replace.n ||
                         (p->replace.n > 1 && !same_end(p->path, p->replace))))
        return CONF_COMPLAIN(report, n, msg_path_replace, p->replace, p->path);
    for (size_t k = 0; k < i; k++)
        if (str_eq(conf->gateway.paths[k].site, p->site) &&
            str_eq(conf->gateway.paths[k].path, p->path))
            return CONF_COMPLAIN(report, n, msg_path_twice, p->path, p->site);
    return RC_OK;
}

static const struct conf_node *first_of(const struct conf_node *root, struct str key)
{
    const struct conf_node *list = conf_node_get(conf_node_get(root, STR("gateway")), key);

    return list ? list->first : NULL;
}

/* The text of a file that a key names; nothing where it names none. */
struct named {
    struct str file, begins; /* what has to be in it */
    const struct msg *lacks;
};

static enum rc fill_text(struct conf_report *report, const struct conf_node *n,
                         const struct conf_input *in, const struct named *what,
                         const struct conf_site *s, struct str *out)
{
    struct str text = conf_input_pem(in, what->file);

    if (what->file.n == 0)
        return RC_OK;
    if (!text.p)
        return CONF_COMPLAIN(report, n, msg_ca_file, s->name, what->file);
    if (!memmem(text.p, text.n, what->begins.p, what->begins.n))
        return CONF_COMPLAIN(report, n, *what->lacks, s->name, what->file);
    *out = text;
    return RC_OK;
}

enum { SITE_FILES = 3 };

/* What was stored last of each kind of file: thousands of sites may name one. */
struct stored {
    struct str file, text;
};

static enum rc fill_site(struct conf_report *report, const struct conf_node *n,
                         const struct conf_input *in, struct arena *a,
                         struct stored last[static SITE_FILES], struct conf_site *s)
{
    static const struct str cert = STR("-----BEGIN CERTIFICATE-----"),
                            crl = STR("-----BEGIN X509 CRL-----");
    const struct {
        struct named what;
        struct str *out;
    } files[SITE_FILES] = {
        {{s->backend_ca, cert, &msg_ca_text}, &s->backend_roots},
        {{s->client_ca, cert, &msg_ca_text}, &s->client_roots},
        {{s->client_crl, crl, &msg_crl_text}, &s->client_lists},
    };

    if (s->tls_sm && in->without_sm)
        return CONF_COMPLAIN(report, n, msg_sm, s->name, str_of(in->without_sm));
    for (size_t i = 0; i < SITE_FILES; i++) {
        struct str text = {NULL, 0};

        TRY(fill_text(report, n, in, &files[i].what, s, &text));
        if (!text.p)
            continue;
        if (!str_eq(files[i].what.file, last[i].file))
            TRY(arena_str(a, text, &last[i].text));
        last[i].file = files[i].what.file;
        *files[i].out = last[i].text;
    }
    return RC_OK;
}

enum rc conf_fill_sites(struct conf_report *report, const struct conf_node *root,
                        const struct conf_input *in, struct arena *a, struct conf *conf)
{
    const struct conf_node *n = first_of(root, STR("sites"));
    /* Made by load.c, in the same arena. */
    struct conf_site *sites = (struct conf_site *)(uintptr_t)conf->gateway.sites;
    struct stored last[SITE_FILES] = {};

    for (size_t i = 0; i < conf->gateway.n_sites; i++) {
        sites[i].passes = sites[i].backends.n && is_tls(sites[i].backends.p[0]);
        if (sites[i].passes)
            sites[i].algorithms = 0; /* certificates are its backends' */
    }
    for (size_t i = 0; n && !report->n && i < conf->gateway.n_sites; i++, n = n->next)
        TRY(fill_site(report, n, in, a, last, &sites[i]));
    return RC_OK;
}

/* Where the process of these can look at all (waf/waf.c). */
static enum rc check_waf(struct conf_report *report, const struct conf_node *root,
                         const struct conf *conf)
{
    static const struct str places[] = {STR("/etc/modsecurity/"),
                                        STR("/usr/share/modsecurity-crs/"), STR("waf/")};
    struct str rules = conf->gateway.waf.rules;
    bool there = rules.n == 0;

    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
        there |= str_starts(rules, places[i]) && !memmem(rules.p, rules.n, "/../", 4);
    if (there)
        return RC_OK;
    return CONF_COMPLAIN(
        report,
        conf_node_get(conf_node_get(conf_node_get(root, STR("gateway")), STR("waf")), STR("rules")),
        msg_waf_rules, rules);
}

/* What is about none of the sites alone. */
static enum rc check_gateway(struct conf_report *report, const struct conf_node *root,
                             const struct conf *conf)
{
    const struct conf_node *gateway = conf_node_get(root, STR("gateway"));
    struct str name = conf->gateway.default_site;

    if (name.n && !conf_site_find(conf, name))
        TRY(CONF_COMPLAIN(report, conf_node_get(gateway, STR("default_site")), msg_default, name));
    if (conf->gateway.connection_burst && !conf->gateway.connection_rate)
        TRY(CONF_COMPLAIN(report, conf_node_get(gateway, STR("connection_burst")),
                          msg_connection_burst));
    return check_waf(report, root, conf);
}

enum rc conf_check_sites(struct conf_report *report, const struct conf_node *root,
                         const struct conf_input *in, const struct conf *conf)
{
    const struct conf_node *n = first_of(root, STR("sites"));

    for (size_t i = 0; n && !report->n && i < conf->gateway.n_sites; i++, n = n->next) {
        TRY(check_site(report, n, &conf->gateway.sites[i]));
        TRY(check_passes(report, n, &conf->gateway.sites[i]));
        if (!in->one_site) /* it looks at paths, which are left out then */
            TRY(check_demand(report, n, conf, &conf->gateway.sites[i]));
        TRY(check_shared(report, n, conf, &conf->gateway.sites[i]));
        TRY(check_clients(report, n, &conf->gateway.sites[i]));
    }
    if (!report->n)
        TRY(check_gateway(report, root, conf));
    n = first_of(root, STR("paths"));
    for (size_t i = 0; n && !report->n && i < conf->gateway.n_paths; i++, n = n->next)
        TRY(check_path(report, n, conf, i));
    return RC_OK;
}
