/* SPDX-License-Identifier: Apache-2.0 */
/* Receivers and routes of alerts: what of one goes together. */
#include "conf/tree_int.h"

MSG(msg_many, "conf.alerts-many", "there are more than {0} {1}");
MSG(msg_needs, "conf.receiver-needs", "the receiver {0} is of kind {1}, which needs `{2}`");
MSG(msg_not, "conf.receiver-not", "the receiver {0} is of kind {1}: `{2}` is of another one");
MSG(msg_roots, "conf.receiver-roots",
    "the receiver {0} needs `roots`, the file with the CA certificates that its server is held "
    "against; or `plain: true`, when everybody on the way may read and change what is sent");
MSG(msg_tls, "conf.receiver-tls",
    "the receiver {0} is without TLS: `roots`, `server_name`, `implicit_tls` and URLs with https "
    "are about TLS");
MSG(msg_no_server, "conf.receiver-no-server",
    "the receiver {0} is a program of this host: `roots`, `server_name`, `implicit_tls` and "
    "`plain` are about servers");
MSG(msg_password, "conf.receiver-password",
    "the receiver {0} has one of `user` and `password_file`; it takes both, and TLS");
MSG(msg_dial, "conf.receiver-dial",
    "the URL of the receiver {0} has a name: say with `server` which address and port are "
    "connected to, for names are not looked up for alerts");
MSG(msg_mailbox, "conf.receiver-mailbox", "\"{0}\" is no mailbox, as in pki@hospital.example");
MSG(msg_program, "conf.receiver-program",
    "the receiver {0} needs an absolute path at the beginning of `command`, and not more than {1} "
    "words in it");
MSG(msg_as, "conf.receiver-as",
    "the receiver {0} cannot run its program as {1}: give it a user of its own (useradd --system "
    "--no-create-home --shell /usr/sbin/nologin NAME)");
MSG(msg_nobody, "conf.receiver-nobody",
    "the receiver {0} needs a mailbox in `to` beside owner and team, for certificates of which "
    "nobody is known");
MSG(msg_unknown, "conf.route-unknown", "there is no receiver {0} under `receivers`");
MSG(msg_quiet, "conf.route-quiet", "\"{0}\" is no time of the day, as in 22:00-06:00");

const struct conf_receiver *conf_receiver_find(const struct conf *conf, struct str name)
{
    for (size_t i = 0; i < conf->n_receivers; i++)
        if (str_eq(conf->receivers[i].name, name))
            return &conf->receivers[i];
    return NULL;
}

static enum rc parse_minute(struct str text, unsigned *out)
{
    uint64_t hours, minutes;

    if (text.n != 5 || text.p[2] != ':')
        return RC_PARSE;
    if (str_u64(str_head(text, 2), 23, &hours) != RC_OK ||
        str_u64(str_skip(text, 3), 59, &minutes) != RC_OK)
        return RC_PARSE;
    *out = (unsigned)(hours * 60 + minutes);
    return RC_OK;
}

enum rc conf_quiet_parse(struct str text, unsigned *out_from, unsigned *out_to)
{
    struct str from, to;

    if (!str_cut(text, '-', &from, &to))
        return RC_PARSE;
    TRY(parse_minute(from, out_from));
    return parse_minute(to, out_to);
}

/* A subset of RFC 5321 that needs no quoting anywhere: dot-string and domain. */
bool conf_mailbox_good(struct str s)
{
    struct str local, domain;

    if (!str_cut(s, '@', &local, &domain) || local.n == 0 || local.n > 64 || domain.n == 0)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool alnum = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');

        if (!alnum && str_find(STR(".-_+@"), c) == 5)
            return false;
    }
    return s.p[0] != '.' && str_find(domain, '@') == domain.n && s.n <= CONF_MAILBOX_MAX;
}

static bool is_word(struct str s)
{
    return str_eq(s, STR("owner")) || str_eq(s, STR("team"));
}

static enum rc check_mail(struct conf_report *report, const struct conf_node *n,
                          const struct conf_receiver *r)
{
    size_t boxes = 0;

    if (!conf_mailbox_good(r->from))
        return CONF_COMPLAIN(report, n, msg_mailbox, r->from);
    for (size_t i = 0; i < r->to.n; i++) {
        if (is_word(r->to.p[i]))
            continue;
        if (!conf_mailbox_good(r->to.p[i]))
            return CONF_COMPLAIN(report, n, msg_mailbox, r->to.p[i]);
        boxes++;
    }
    if (boxes == 0)
        return CONF_COMPLAIN(report, n, msg_nobody, r->name);
    if (!r->user.n != !r->password_file.n || (r->user.n && r->plain))
        return CONF_COMPLAIN(report, n, msg_password, r->name);
    return RC_OK;
}

static bool is_address(struct str url)
{
    struct str rest = str_skip(url, str_find(url, ':') + 3), host = rest, tail;
    struct addr a;

    str_cut(rest, '/', &host, &tail);
    if (str_starts(host, STR("["))) {
        str_cut(str_skip(host, 1), ']', &host, &tail);
    } else {
        rest = host;
        str_cut(rest, ':', &host, &tail);
    }
    return addr_parse(host, &a) == RC_OK;
}

/* What a kind has to have, and what it cannot have. */
static const struct {
    const char *name;
    size_t offset;
    unsigned needs, takes; /* bits of kinds */
} members[] = {
#define W (1u << CONF_RECEIVER_WEBHOOK)
#define A (1u << CONF_RECEIVER_ALERTMANAGER)
#define M (1u << CONF_RECEIVER_MAIL)
#define S (1u << CONF_RECEIVER_SYSLOG)
#define E (1u << CONF_RECEIVER_EXEC)
    {"url", offsetof(struct conf_receiver, url), W | A, W | A},
    {"server", offsetof(struct conf_receiver, server), M | S, W | A | M | S},
    {"secret_file", offsetof(struct conf_receiver, secret_file), W, W},
    {"from", offsetof(struct conf_receiver, from), M, M},
    {"user", offsetof(struct conf_receiver, user), E, M | E},
    {"password_file", offsetof(struct conf_receiver, password_file), 0, M},
};

static enum rc check_members(struct conf_report *report, const struct conf_node *n,
                             const struct conf_receiver *r)
{
    struct str kind = str_of(conf_receiver_kind_text(r->kind));
    unsigned bit = 1u << r->kind;

    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        struct str value;

        memcpy(&value, (const char *)r + members[i].offset, sizeof(value));
        if (value.n == 0 && members[i].needs & bit)
            return CONF_COMPLAIN(report, n, msg_needs, r->name, kind, str_of(members[i].name));
        if (value.n && !(members[i].takes & bit))
            return CONF_COMPLAIN(report, n, msg_not, r->name, kind, str_of(members[i].name));
    }
    if (r->to.n && r->kind != CONF_RECEIVER_MAIL)
        return CONF_COMPLAIN(report, n, msg_not, r->name, kind, STR("to"));
    if (r->command.n && r->kind != CONF_RECEIVER_EXEC)
        return CONF_COMPLAIN(report, n, msg_not, r->name, kind, STR("command"));
    return RC_OK;
}

/* A user that has something of the authority's is none for a program that tells others of it. */
static enum rc check_exec(struct conf_report *report, const struct conf_node *n,
                          const struct conf_receiver *r)
{
    if (r->roots.n || r->server_name.n || r->implicit || r->plain)
        return CONF_COMPLAIN(report, n, msg_no_server, r->name);
    if (r->command.n == 0)
        return CONF_COMPLAIN(report, n, msg_needs, r->name, STR("exec"), STR("command"));
    if (r->command.n > CONF_RECEIVER_WORDS_MAX || !str_starts(r->command.p[0], STR("/")))
        return CONF_COMPLAIN(report, n, msg_program, r->name, STR("32"));
    if (str_eq(r->user, STR("root")) || str_starts(r->user, STR("autarky-")))
        return CONF_COMPLAIN(report, n, msg_as, r->name, r->user);
    return RC_OK;
}

static enum rc check_server(struct conf_report *report, const struct conf_node *n,
                            const struct conf_receiver *r)
{
    bool tls = r->roots.n || r->server_name.n || r->implicit;
    bool web = r->url.n > 0;
    bool secure = str_starts(r->url, STR("https:"));

    if (r->plain && (tls || secure))
        return CONF_COMPLAIN(report, n, msg_tls, r->name);
    if (!r->plain && (r->roots.n == 0 || (web && !secure)))
        return CONF_COMPLAIN(report, n, msg_roots, r->name);
    if (web && r->server.n == 0 && !is_address(r->url))
        return CONF_COMPLAIN(report, n, msg_dial, r->name);
    return r->kind == CONF_RECEIVER_MAIL ? check_mail(report, n, r) : RC_OK;
}

static enum rc check_receiver(struct conf_report *report, const struct conf_node *n,
                              const struct conf_receiver *r)
{
    size_t before = report->n;

    TRY(check_members(report, n, r));
    if (report->n != before)
        return RC_OK;
    return r->kind == CONF_RECEIVER_EXEC ? check_exec(report, n, r) : check_server(report, n, r);
}

static enum rc check_route(struct conf_report *report, const struct conf_node *n,
                           const struct conf *conf, const struct conf_route *r)
{
    unsigned from, to;

    if (r->n_at > CONF_ROUTE_RUNGS_MAX)
        return CONF_COMPLAIN(report, n, msg_many, STR("8"), STR("times in `at` of alerts"));
    for (size_t i = 0; i < r->to.n; i++)
        if (!conf_receiver_find(conf, r->to.p[i]))
            return CONF_COMPLAIN(report, n, msg_unknown, r->to.p[i]);
    if (r->quiet.n && conf_quiet_parse(r->quiet, &from, &to) != RC_OK)
        return CONF_COMPLAIN(report, n, msg_quiet, r->quiet);
    return RC_OK;
}

enum rc conf_check_alerts(struct conf_report *report, const struct conf_node *root,
                          const struct conf *conf)
{
    const struct conf_node *receivers = conf_node_get(root, STR("receivers"));
    const struct conf_node *routes = conf_node_get(root, STR("alerts"));
    const struct conf_node *n = receivers ? receivers->first : NULL;

    for (size_t i = 0; n && !report->n && i < conf->n_receivers; i++, n = n->next) {
        if (i == CONF_RECEIVERS_MAX)
            return CONF_COMPLAIN(report, n, msg_many, STR("16"), STR("receivers"));
        TRY(check_receiver(report, n, &conf->receivers[i]));
    }
    n = routes ? routes->first : NULL;
    for (size_t i = 0; n && !report->n && i < conf->n_routes; i++, n = n->next) {
        if (i == CONF_ROUTES_MAX)
            return CONF_COMPLAIN(report, n, msg_many, STR("64"), STR("entries in `alerts`"));
        TRY(check_route(report, n, conf, &conf->routes[i]));
    }
    return RC_OK;
}
