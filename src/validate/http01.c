/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 8555 section 8.3, RFC 8738 section 3. Each URL, the challenge's own and those of redirects,
 * is one hop: look its host up, judge the addresses, dial one exactly as judged, fetch. */
#include <stdio.h>

#include "ev/clock.h"
#include "validate/reach.h"
#include "validate/validate_int.h"

MSG(msg_dns, "validate.dns",
    "http-01 for {0}: found no address for {1}: {2}. Looked for A and AAAA records; create one, or "
    "set `resolvers` to name servers that know it");
MSG(msg_address, "validate.address",
    "http-01 for {0}: cannot fetch {1}: none of its addresses may be connected to: {2}");
MSG(msg_connect, "validate.connect",
    "http-01 for {0}: cannot fetch {1}: {2}. A server must listen there, and firewalls let it be "
    "reached from this host");
MSG(msg_silent, "validate.silent",
    "http-01 for {0}: {1} was asked for {2} and did not answer within {3}");
MSG(msg_slow, "validate.slow",
    "http-01 for {0}: could not fetch {1} within {2}; it got as far as {3}");
MSG(msg_broken, "validate.broken", "http-01 for {0}: cannot fetch {1} from {2}: {3}");
MSG(msg_not_http, "validate.not-http",
    "http-01 for {0}: what {2} sent for {1} cannot be understood: {3}");
MSG(msg_status, "validate.status",
    "http-01 for {0}: {1} at {2} answered {3}, not 200. The challenge's file must be found there");
MSG(msg_content, "validate.content",
    "http-01 for {0}: {1} at {2} holds {3}, not this challenge's key authorization ({4} bytes)");
MSG(msg_location, "validate.location",
    "http-01 for {0}: {1} at {2} answered {3} without saying where to go (Location)");
MSG(msg_redirect, "validate.redirect", "http-01 for {0}: {1} redirects to {2}: {3}");

enum {
    URL_SHOWN = 240, /* bytes of a URL in messages */
    SPAN_BYTES = 64,
    TEXT_BYTES = 512,
    STATUS_BYTES = 16,
    KEPT_BACK = 10,       /* one part in so many */
    THUMBPRINT_TEXT = 43, /* RFC 8555 section 8.1: base64url of SHA-256 */
};
#define CONNECT_MIN WHEN_SECOND

static struct validate_hop *hop_of(struct validation *run)
{
    return &run->hops[run->n_hops - 1];
}

static int64_t now(const struct validation *run)
{
    return clock_mono(ev_clock(run->owner->ev));
}

static struct str shown(struct str url)
{
    return str_utf8_head(url, URL_SHOWN);
}

/* Ends the attempt with run->err, which was just set. */
static void fail(struct validation *run, const char *type)
{
    validate_finish(run, err_problem(&run->err, RC_DENIED, type, 0));
}

static struct str kept_text(struct validation *run, const struct err *err)
{
    char cut[TEXT_BYTES];
    struct str kept;

    err_textz(err, cut, sizeof(cut));
    return arena_str(&run->arena, str_of(cut), &kept) == RC_OK ? kept : STR("");
}

/* ---- connecting */

static void fetch(struct validation *run);

static void add_dial(struct validation *run, enum rc rc, const struct err *err, int64_t began)
{
    struct validate_hop *hop = hop_of(run);

    hop->dials[hop->n_dials++] = (struct validate_dial){
        .to = {run->addrs[run->next_addr], hop->url.port},
        .rc = rc,
        .why = rc == RC_OK ? STR("") : kept_text(run, err),
        .micros = now(run) - began,
    };
}

/* All addresses were refused, by us or by the network. */
static void fail_dials(struct validation *run, bool none_allowed)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(HTTP01_DIALS_MAX * TEXT_BYTES);
    const struct validate_hop *hop = hop_of(run);

    for (size_t i = 0; i < hop->n_dials; i++) {
        buf_putz(&text, i ? "; " : "");
        buf_puts(&text, hop->dials[i].why);
    }
    if (!none_allowed) {
        IGNORE_RC(ERR(&run->err, RC_DENIED, msg_connect, run->ask.identifier, shown(hop->text),
                      buf_str(&text)));
        fail(run, "connection");
        return;
    }
    IGNORE_RC(ERR(&run->err, RC_DENIED, msg_address, run->ask.identifier, shown(hop->text),
                  buf_str(&text)));
    /* Where a redirect leads is no property of the identifier. */
    fail(run, run->n_hops == 1 ? "rejectedIdentifier" : "connection");
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
    int64_t left = run->deadline - now(run);
    int64_t wait = (left - left / KEPT_BACK) / (int64_t)(run->n_addrs - run->next_addr);

    return wait < CONNECT_MIN ? CONNECT_MIN : wait;
}

/* Dials the next address that may be dialled. */
static void dial(struct validation *run)
{
    struct validate_hop *hop = hop_of(run);

    for (; run->next_addr < run->n_addrs; run->next_addr++) {
        struct addr_port to = {run->addrs[run->next_addr], hop->url.port};
        struct err err = ERR_INIT;
        enum rc rc = validate_reach(run->conf, &to.addr, &err);

        if (rc != RC_OK) {
            add_dial(run, rc, &err, now(run));
            continue;
        }
        run->dialled = now(run);
        rc = validate_fetch_start(&run->fetch, &hop->url, &to, HTTP01_BODY_MAX, connect_time(run));
        if (rc != RC_OK)
            validate_finish(run, rc);
        return;
    }
    fail_dials(run, none_allowed(run));
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
    struct validate_hop *hop = hop_of(run);
    struct err why = ERR_INIT;

    run->n_addrs = run->next_addr = 0;
    add_addrs(run, hop->aaaa, hop->a->n ? HTTP01_DIALS_MAX / 2 : HTTP01_DIALS_MAX);
    add_addrs(run, hop->a, HTTP01_DIALS_MAX);
    if (run->n_addrs) {
        dial(run);
        return;
    }
    IGNORE_RC(dns_answer_err(telling(hop->aaaa, hop->a), &why));
    IGNORE_RC(ERR(&run->err, RC_DENIED, msg_dns, run->ask.identifier, hop->a->name,
                  kept_text(run, &why)));
    fail(run, "dns");
}

static void on_aaaa(void *arg, enum rc rc, const struct dns_answer *answer)
{
    struct validation *run = arg;

    run->lookup_aaaa = NULL;
    hop_of(run)->aaaa = answer;
    if (rc != RC_OK)
        validate_finish(run, rc);
    else if (!run->lookup_a)
        resolved(run);
}

static void on_a(void *arg, enum rc rc, const struct dns_answer *answer)
{
    struct validation *run = arg;

    run->lookup_a = NULL;
    hop_of(run)->a = answer;
    if (rc != RC_OK)
        validate_finish(run, rc);
    else if (!run->lookup_aaaa)
        resolved(run);
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

/* Half of the time that is left is for fetching. */
static enum rc look_up(struct validation *run)
{
    struct dns_question q = {.timeout = (run->deadline - now(run)) / 2, .arena = &run->arena};
    struct dns_resolver *resolver = run->owner->resolver;

    TRY(plain_host(run, hop_of(run)->url.at.host, &q.name));
    q.type = DNS_AAAA;
    TRY(dns_lookup_start(resolver, &q, on_aaaa, run, &run->lookup_aaaa));
    q.type = DNS_A;
    return dns_lookup_start(resolver, &q, on_a, run, &run->lookup_a);
}

static void fetch(struct validation *run)
{
    const struct validate_hop *hop = hop_of(run);
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

/* ---- redirects */

static void fail_redirect(struct validation *run, struct str to, struct str why, const char *type)
{
    IGNORE_RC(ERR(&run->err, RC_DENIED, msg_redirect, run->ask.identifier, shown(hop_of(run)->text),
                  shown(to), why));
    fail(run, type);
}

/* Why this URL is not fetched; NULL when it is. */
static const char *objection(const struct validation *run, const struct validate_hop *next)
{
    if (next->url.tls)
        return "validation does not follow redirects to https; serve the challenge's path by http";
    if (next->url.port != 80 && next->url.port != run->conf->validation.http_port)
        return "redirects may lead to port 80 and validation.http_port only";
    for (size_t i = 0; i < run->n_hops; i++)
        if (str_eq(run->hops[i].text, next->text))
            return "that was fetched before; the redirects run in a circle";
    return run->n_hops == HTTP01_HOPS_MAX ? "that is one redirect more than 10" : NULL;
}

static enum rc put_hop(struct validation *run, const struct http_url *url, struct validate_hop *out)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(2 * HTTP_URL_MAX);

    out->url = *url;
    http_url_put(url, &text);
    TRY(buf_rc(&text));
    return arena_str(&run->arena, buf_str(&text), &out->text);
}

static void redirect(struct validation *run, struct str where)
{
    struct validate_hop *hop = hop_of(run), next = {.n_dials = 0};
    char at[ADDR_TEXT], status[STATUS_BYTES];
    struct err why = ERR_INIT;
    struct http_url url;
    enum rc rc;
    const char *no;

    if (!where.n) {
        snprintf(status, sizeof(status), "%d", hop->status);
        IGNORE_RC(ERR(&run->err, RC_DENIED, msg_location, run->ask.identifier, shown(hop->text),
                      str_of(addr_port_text(&run->fetch.to, at)), str_of(status)));
        fail(run, "incorrectResponse");
        return;
    }
    rc = http_url_resolve(&run->arena, &hop->url, where, &url, &why);
    if (rc == RC_OK)
        rc = put_hop(run, &url, &next);
    if (rc == RC_NOMEM) {
        validate_finish(run, rc);
        return;
    }
    if (rc != RC_OK) {
        fail_redirect(run, where, kept_text(run, &why), "incorrectResponse");
        return;
    }
    no = objection(run, &next);
    if (no) {
        fail_redirect(run, next.text, str_of(no), "connection");
        return;
    }
    run->hops[run->n_hops++] = next;
    fetch(run);
}

/* ---- the answer */

/* What was found, without a byte of it: the page may be anybody's. */
static const char *describe(const struct validation *run, struct str body, bool cut,
                            char text[static SPAN_BYTES])
{
    size_t dot = str_find(body, '.');

    if (cut)
        return "more than 512 bytes";
    if (body.n == 0)
        return "nothing";
    if (dot < body.n && body.n - dot - 1 == THUMBPRINT_TEXT)
        return str_eq(str_head(body, dot), run->ask.token)
                   ? "the key authorization of another account"
                   : "the key authorization of another challenge";
    snprintf(text, SPAN_BYTES, "%zu bytes of something else", body.n);
    return text;
}

/* RFC 8555 section 8.3: white space at the end does not count. */
static struct str trim_end(struct str s)
{
    while (s.n && (s.p[s.n - 1] == ' ' || (s.p[s.n - 1] >= '\t' && s.p[s.n - 1] <= '\r')))
        s.n--;
    return s;
}

static void judge_body(struct validation *run, bool cut)
{
    const struct validate_hop *hop = hop_of(run);
    struct str body = trim_end(http_client_body(run->fetch.http));
    char at[ADDR_TEXT], text[SPAN_BYTES], wanted[STATUS_BYTES];

    if (!cut && str_eq(body, run->ask.key_authorization)) {
        validate_finish(run, RC_OK);
        return;
    }
    snprintf(wanted, sizeof(wanted), "%zu", run->ask.key_authorization.n);
    IGNORE_RC(ERR(&run->err, RC_DENIED, msg_content, run->ask.identifier, shown(hop->text),
                  str_of(addr_port_text(&run->fetch.to, at)),
                  str_of(describe(run, body, cut, text)), str_of(wanted)));
    fail(run, "incorrectResponse");
}

static void judge(struct validation *run, bool cut)
{
    struct validate_hop *hop = hop_of(run);
    char at[ADDR_TEXT], status[STATUS_BYTES];

    hop->status = http_client_status(run->fetch.http);
    hop->body_n = http_client_body(run->fetch.http).n;
    switch (hop->status) {
    case 200:
        judge_body(run, cut);
        break;
    case 301:
    case 302:
    case 303:
    case 307:
    case 308:
        redirect(run, http_client_header(run->fetch.http, STR("location")));
        break;
    default:
        snprintf(status, sizeof(status), "%d", hop->status);
        IGNORE_RC(ERR(&run->err, RC_DENIED, msg_status, run->ask.identifier, shown(hop->text),
                      str_of(addr_port_text(&run->fetch.to, at)), str_of(status)));
        fail(run, "unauthorized");
    }
}

static void fail_response(struct validation *run, enum rc rc, const struct err *err)
{
    const struct msg *m = rc == RC_PARSE ? &msg_not_http : &msg_broken;
    char at[ADDR_TEXT];

    IGNORE_RC(ERR(&run->err, RC_DENIED, *m, run->ask.identifier, shown(hop_of(run)->text),
                  str_of(addr_port_text(&run->fetch.to, at)), kept_text(run, err)));
    fail(run, rc == RC_PARSE ? "incorrectResponse" : "connection");
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
        if (rc == RC_OK || rc == RC_TOOBIG)
            judge(run, rc == RC_TOOBIG);
        else
            fail_response(run, rc, err);
    }
}

void validate_http01_timeout(struct validation *run)
{
    CLEANUP(buf_done) struct buf span = BUF_INIT(SPAN_BYTES);
    char at[ADDR_TEXT];
    struct str where = run->n_hops ? shown(hop_of(run)->text) : STR("");
    struct str to = str_of(addr_port_text(&run->fetch.to, at));
    bool asking = run->lookup_a || run->lookup_aaaa;

    when_put_span(&span, run->conf->validation.timeout);
    if (!asking && run->fetch.connected) {
        IGNORE_RC(
            ERR(&run->err, RC_DENIED, msg_silent, run->ask.identifier, to, where, buf_str(&span)));
    } else {
        IGNORE_RC(ERR(&run->err, RC_DENIED, msg_slow, run->ask.identifier, where, buf_str(&span),
                      asking ? STR("asking name servers for the address") : to));
    }
    fail(run, asking ? "dns" : "connection");
}

static enum rc first_url(struct validation *run, struct http_url *out)
{
    struct str host = run->ask.identifier, text;
    bool v6 = str_find(host, ':') < host.n;

    text = arena_printf(&run->arena, "http://%s%.*s%s:%u/.well-known/acme-challenge/%.*s",
                        v6 ? "[" : "", STR_ARG(host), v6 ? "]" : "",
                        (unsigned)run->conf->validation.http_port, STR_ARG(run->ask.token));
    return text.p ? http_url_parse(text, out, NULL) : RC_NOMEM;
}

void validate_http01(struct validation *run)
{
    struct http_url url;
    enum rc rc = first_url(run, &url);

    run->fetch.fn = on_fetched;
    run->fetch.arg = run;
    if (rc == RC_OK)
        rc = put_hop(run, &url, &run->hops[run->n_hops]);
    if (rc != RC_OK) {
        validate_finish(run, rc);
        return;
    }
    run->n_hops++;
    fetch(run);
}
