/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 8555 section 8.3, RFC 8738 section 3. Each URL, the challenge's own and those of redirects,
 * is one hop: look its host up, judge the addresses, dial one exactly as judged, fetch. */
#include <stdio.h>

#include "validate/validate_int.h"

MSG(msg_broken, "validate.broken", "{0}: cannot fetch {1} from {2}: {3}");
MSG(msg_not_http, "validate.not-http", "{0}: what {2} sent for {1} cannot be understood: {3}");
MSG(msg_status, "validate.status",
    "{0}: {1} at {2} answered {3}, not 200. The challenge's file must be found there");
MSG(msg_content, "validate.content",
    "{0}: {1} at {2} holds {3}, not this challenge's key authorization ({4} bytes)");
MSG(msg_location, "validate.location",
    "{0}: {1} at {2} answered {3} without saying where to go (Location)");
MSG(msg_redirect, "validate.redirect", "{0}: {1} redirects to {2}: {3}");

enum {
    URL_SHOWN = 240, /* bytes of a URL in messages */
    SPAN_BYTES = 64,
    STATUS_BYTES = 16,
    REDIRECT_MAX = 2000,  /* bytes of a URL that is followed */
    THUMBPRINT_TEXT = 43, /* RFC 8555 section 8.1: base64url of SHA-256 */
};
static struct str shown(struct str url)
{
    return str_utf8_head(url, URL_SHOWN);
}

/* ---- redirects */

static void fail_redirect(struct validation *run, struct str to, struct str why, const char *type)
{
    IGNORE_RC(ERR(&run->err, RC_DENIED, msg_redirect, run->what,
                  shown(validate_hop_last(run)->text), shown(to), why));
    validate_fail(run, type);
}

static bool may_lead_to(const struct conf *conf, uint16_t port)
{
    for (size_t i = 0; i < conf->validation.redirect_ports.n; i++)
        if (conf->validation.redirect_ports.p[i] == port)
            return true;
    return conf->validation.http_port == port;
}

/* Why this URL is not fetched; NULL when it is. */
static const char *objection(const struct validation *run, const struct validate_hop *next)
{
    if (!may_lead_to(run->conf, next->url.port))
        return "redirects may lead to the ports of validation.redirect_ports and http_port only";
    if (next->text.n > REDIRECT_MAX)
        return "that URL is longer than 2000 bytes";
    for (size_t i = 0; i < run->n_hops; i++)
        if (str_eq(run->hops[i].text, next->text))
            return "that was fetched before; the redirects run in a circle";
    return run->n_hops == HOPS_MAX ? "that is one redirect more than 10" : NULL;
}

static void redirect(struct validation *run, struct str where)
{
    struct validate_hop *hop = validate_hop_last(run), next = {.n_dials = 0};
    char at[ADDR_TEXT], status[STATUS_BYTES];
    struct err why = ERR_INIT;
    struct http_url url;
    enum rc rc;
    const char *no;

    if (!where.n) {
        snprintf(status, sizeof(status), "%d", hop->status);
        IGNORE_RC(ERR(&run->err, RC_DENIED, msg_location, run->what, shown(hop->text),
                      str_of(addr_port_text(&run->fetch.to, at)), str_of(status)));
        validate_fail(run, "incorrectResponse");
        return;
    }
    rc = http_url_resolve(&run->arena, &hop->url, where, &url, &why);
    if (rc == RC_OK)
        rc = validate_hop_put(run, &url, &next);
    if (rc == RC_NOMEM) {
        validate_finish(run, rc);
        return;
    }
    if (rc != RC_OK) {
        fail_redirect(run, where, validate_text(run, &why), "incorrectResponse");
        return;
    }
    no = objection(run, &next);
    if (no) {
        fail_redirect(run, next.text, str_of(no), "connection");
        return;
    }
    run->hops[run->n_hops++] = next;
    validate_hop(run);
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
    const struct validate_hop *hop = validate_hop_last(run);
    struct str body = trim_end(http_client_body(run->fetch.http));
    char at[ADDR_TEXT], text[SPAN_BYTES], wanted[STATUS_BYTES];

    if (!cut && str_eq(body, run->ask.key_authorization)) {
        validate_proven(run);
        return;
    }
    snprintf(wanted, sizeof(wanted), "%zu", run->ask.key_authorization.n);
    IGNORE_RC(ERR(&run->err, RC_DENIED, msg_content, run->what, shown(hop->text),
                  str_of(addr_port_text(&run->fetch.to, at)),
                  str_of(describe(run, body, cut, text)), str_of(wanted)));
    validate_fail(run, "incorrectResponse");
}

static void judge(struct validation *run, bool cut)
{
    struct validate_hop *hop = validate_hop_last(run);
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
        IGNORE_RC(ERR(&run->err, RC_DENIED, msg_status, run->what, shown(hop->text),
                      str_of(addr_port_text(&run->fetch.to, at)), str_of(status)));
        validate_fail(run, "unauthorized");
    }
}

static void fail_response(struct validation *run, enum rc rc, const struct err *err)
{
    const struct msg *m = rc == RC_PARSE ? &msg_not_http : &msg_broken;
    char at[ADDR_TEXT];

    IGNORE_RC(ERR(&run->err, RC_DENIED, *m, run->what, shown(validate_hop_last(run)->text),
                  str_of(addr_port_text(&run->fetch.to, at)), validate_text(run, err)));
    validate_fail(run, rc == RC_PARSE ? "incorrectResponse" : "connection");
}

static void on_hop(struct validation *run, enum rc rc, const struct err *err)
{
    if (rc == RC_OK || rc == RC_TOOBIG)
        judge(run, rc == RC_TOOBIG);
    else
        fail_response(run, rc, err);
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

static void begin(struct validation *run)
{
    struct http_url url;
    enum rc rc = first_url(run, &url);

    run->on_hop = on_hop;
    if (rc == RC_OK)
        rc = validate_hop_first(run, &url);
    if (rc == RC_OK)
        validate_hop(run);
    else
        validate_finish(run, rc);
}

const struct validate_method validate_http01 = {
    .name = "http-01",
    .ips = true,
    .begin = begin,
    .late = validate_hop_late,
};
