/* SPDX-License-Identifier: Apache-2.0 */
/* Each host that a challenge leads to: looked up, its addresses judged, one of them dialled exactly
 * as it was judged. */
#include "ev/clock.h"
#include "validate/reach.h"
#include "validate/validate_int.h"

MSG(msg_dns, "validate.dns",
    "{0}: found no address for {1}: {2}. Looked for A and AAAA records; create one, or "
    "set `resolvers` to name servers that know it");
MSG(msg_address, "validate.address",
    "{0}: cannot fetch {1}: none of its addresses may be connected to: {2}");
MSG(msg_connect, "validate.connect",
    "{0}: cannot fetch {1}: {2}. A server must listen there, and firewalls let it be "
    "reached from this host");
MSG(msg_silent, "validate.silent", "{0}: {1} was asked for {2} and did not answer within {3}");
MSG(msg_slow, "validate.slow", "{0}: could not fetch {1} within {2}; it got as far as {3}");
enum {
    URL_SHOWN = 240, /* bytes of a URL in messages */
    SPAN_BYTES = 64,
    TEXT_BYTES = 512,
    KEPT_BACK = 10, /* one part in so many */
};
#define CONNECT_MIN WHEN_SECOND

struct validate_hop *validate_hop_last(struct validation *run)
{
    return &run->hops[run->n_hops - 1];
}

static struct str shown(struct str url)
{
    return str_utf8_head(url, URL_SHOWN);
}

/* ---- connecting */

static void add_dial(struct validation *run, enum rc rc, const struct err *err, int64_t began)
{
    struct validate_hop *hop = validate_hop_last(run);

    hop->dials[hop->n_dials++] = (struct validate_dial){
        .to = {run->addrs[run->next_addr], hop->url.port},
        .rc = rc,
        .why = rc == RC_OK ? STR("") : validate_text(run, err),
        .micros = validate_now(run) - began,
    };
}

/* All addresses were refused, by us or by the network. */
static void fail_dials(struct validation *run, bool none_allowed)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(HOP_DIALS_MAX * TEXT_BYTES);
    const struct validate_hop *hop = validate_hop_last(run);

    for (size_t i = 0; i < hop->n_dials; i++) {
        buf_putz(&text, i ? "; " : "");
        buf_puts(&text, hop->dials[i].why);
    }
    if (!none_allowed) {
        IGNORE_RC(
            ERR(&run->err, RC_DENIED, msg_connect, run->what, shown(hop->text), buf_str(&text)));
        validate_fail(run, "connection");
        return;
    }
    IGNORE_RC(ERR(&run->err, RC_DENIED, msg_address, run->what, shown(hop->text), buf_str(&text)));
    /* Where a redirect leads is no property of the identifier. */
    validate_fail(run, run->n_hops == 1 ? "rejectedIdentifier" : "connection");
}

static bool none_allowed(struct validation *run)
{
    for (size_t i = 0; i < run->n_addrs; i++)
        if (validate_reach(run->conf, &run->addrs[i], NULL) == RC_OK)
            return false;
    return true;
}

/* How long connecting may take: a share of the time that is left, with something kept back, so that
 * it is told which address was silent. */
static int64_t connect_time(const struct validation *run)
{
    int64_t left = run->deadline - validate_now(run);
    int64_t wait = (left - left / KEPT_BACK) / (int64_t)(run->n_addrs - run->next_addr);

    return wait < CONNECT_MIN ? CONNECT_MIN : wait;
}

static void on_fetched(void *arg, enum rc rc, const struct err *err);

static enum rc start(struct validation *run, const struct addr_port *to)
{
    struct validate_hop *hop = validate_hop_last(run);
    struct validate_fetch_plan plan = {
        .url = &hop->url,
        .to = *to,
        .max_body = HTTP01_BODY_MAX,
        .timeout = connect_time(run),
        .alpn = run->alpn,
        .server_name = run->server_name,
    };

    if (!run->alpn.n && !hop->url.at.addr.n)
        plan.server_name = hop->host;
    run->fetch.fn = on_fetched;
    run->fetch.arg = run;
    return validate_fetch_start(&run->fetch, &plan);
}

/* Dials the next address that may be dialled. */
static void dial(struct validation *run)
{
    struct validate_hop *hop = validate_hop_last(run);

    for (; run->next_addr < run->n_addrs; run->next_addr++) {
        struct addr_port to = {run->addrs[run->next_addr], hop->url.port};
        struct err err = ERR_INIT;
        enum rc rc = validate_reach(run->conf, &to.addr, &err);

        if (rc != RC_OK) {
            add_dial(run, rc, &err, validate_now(run));
            continue;
        }
        run->dialled = validate_now(run);
        rc = start(run, &to);
        if (rc != RC_OK)
            validate_finish(run, rc);
        return;
    }
    fail_dials(run, none_allowed(run));
}

static void on_fetched(void *arg, enum rc rc, const struct err *err)
{
    struct validation *run = arg;

    if (rc == RC_NOMEM || rc == RC_IO) {
        validate_finish(run, rc);
    } else if (!run->fetch.connected) {
        add_dial(run, rc, err, run->dialled);
        run->next_addr++;
        dial(run);
    } else {
        add_dial(run, RC_OK, NULL, run->dialled);
        run->on_hop(run, rc, err);
    }
}

/* ---- addresses */

static void add_addrs(struct validation *run, const struct dns_answer *answer, size_t max)
{
    for (size_t i = 0; i < answer->n && run->n_addrs < max; i++) {
        bool there = false;

        for (size_t j = 0; j < run->n_addrs; j++)
            there = there || addr_eq(&run->addrs[j], &answer->records[i].addr);
        if (!there)
            run->addrs[run->n_addrs++] = answer->records[i].addr;
    }
}

/* Which of two failures says more: a server's trouble may hide records. */
static const struct dns_answer *telling(const struct dns_answer *aaaa, const struct dns_answer *a)
{
    bool nothing = a->status == DNS_NO_DATA || a->status == DNS_NO_NAME;

    return nothing && aaaa->status != DNS_NO_DATA ? aaaa : a;
}

static void resolved(struct validation *run)
{
    struct validate_hop *hop = validate_hop_last(run);
    struct err why = ERR_INIT;

    run->n_addrs = run->next_addr = 0;
    add_addrs(run, hop->aaaa, hop->a->n ? HOP_DIALS_MAX / 2 : HOP_DIALS_MAX);
    add_addrs(run, hop->a, HOP_DIALS_MAX);
    if (run->n_addrs) {
        dial(run);
        return;
    }
    IGNORE_RC(dns_answer_err(telling(hop->aaaa, hop->a), &why));
    IGNORE_RC(
        ERR(&run->err, RC_DENIED, msg_dns, run->what, hop->a->name, validate_text(run, &why)));
    validate_fail(run, "dns");
}

static void on_aaaa(void *arg, enum rc rc, const struct dns_answer *answer)
{
    struct validation *run = arg;

    run->lookup_aaaa = NULL;
    validate_hop_last(run)->aaaa = answer;
    if (rc != RC_OK)
        validate_finish(run, rc);
    else if (!run->lookup_a)
        resolved(run);
}

static void on_a(void *arg, enum rc rc, const struct dns_answer *answer)
{
    struct validation *run = arg;

    run->lookup_a = NULL;
    validate_hop_last(run)->a = answer;
    if (rc != RC_OK)
        validate_finish(run, rc);
    else if (!run->lookup_aaaa)
        resolved(run);
}

/* Half of the time that is left is for fetching. */
static enum rc look_up(struct validation *run)
{
    struct dns_question q = {.timeout = validate_left(run) / 2, .arena = &run->arena};
    struct dns_resolver *resolver = run->owner->resolver;

    q.name = validate_hop_last(run)->host;
    q.type = DNS_AAAA;
    TRY(dns_lookup_start(resolver, &q, on_aaaa, run, &run->lookup_aaaa));
    q.type = DNS_A;
    return dns_lookup_start(resolver, &q, on_a, run, &run->lookup_a);
}

void validate_hop(struct validation *run)
{
    const struct validate_hop *hop = validate_hop_last(run);
    enum rc rc;

    if (hop->url.at.addr.n) {
        run->addrs[0] = hop->url.at.addr;
        run->n_addrs = 1;
        run->next_addr = 0;
        dial(run);
        return;
    }
    rc = look_up(run);
    if (rc != RC_OK)
        validate_finish(run, rc);
}

/* Lower case, without a final dot. */
static enum rc plain_host(struct validation *run, struct str host, struct str *out)
{
    char *text = arena_alloc(&run->arena, host.n + 1);

    if (!text)
        return RC_NOMEM;
    for (size_t i = 0; i < host.n; i++)
        text[i] = (char)(host.p[i] >= 'A' && host.p[i] <= 'Z' ? host.p[i] | 0x20 : host.p[i]);
    *out = str_bytes(text, host.n && host.p[host.n - 1] == '.' ? host.n - 1 : host.n);
    return RC_OK;
}

enum rc validate_hop_put(struct validation *run, const struct http_url *url,
                         struct validate_hop *out)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(2 * HTTP_URL_MAX);

    out->url = *url;
    TRY(plain_host(run, url->at.host, &out->host));
    http_url_put(url, &text);
    TRY(buf_rc(&text));
    return arena_str(&run->arena, buf_str(&text), &out->text);
}

enum rc validate_hop_first(struct validation *run, const struct http_url *url)
{
    TRY(validate_hop_put(run, url, &run->hops[run->n_hops]));
    run->n_hops++;
    return RC_OK;
}

void validate_hop_late(struct validation *run)
{
    CLEANUP(buf_done) struct buf span = BUF_INIT(SPAN_BYTES);
    char at[ADDR_TEXT];
    struct str where = run->n_hops ? shown(validate_hop_last(run)->text) : STR("");
    struct str to = str_of(addr_port_text(&run->fetch.to, at));
    bool asking = run->lookup_a || run->lookup_aaaa;

    when_put_span(&span, run->conf->validation.timeout);
    if (!asking && run->fetch.connected) {
        IGNORE_RC(ERR(&run->err, RC_DENIED, msg_silent, run->what, to, where, buf_str(&span)));
    } else {
        IGNORE_RC(ERR(&run->err, RC_DENIED, msg_slow, run->what, where, buf_str(&span),
                      asking ? STR("asking name servers for the address") : to));
    }
    validate_fail(run, asking ? "dns" : "connection");
}
