/* SPDX-License-Identifier: Apache-2.0 */
#include "agentd/enrol.h"

#include <stdio.h>

#include "base/text.h"
#include "base/when.h"
#include "client/http.h"
#include "ev/ev.h"
#include "json/json.h"
#include "json/out.h"
#include "tls/site.h"
#include "x509/cert.h"
#include "x509/csr.h"

#define ALPN "autarky-agent"
#define AGENTS "/api/v1/agents/"

enum { URL_MAX = 2048, REQUEST_MAX = 64 * 1024, SHOWN = 400, NAME_MAX_BYTES = 256 };

MSG(msg_url, "agentd.server-url",
    "\"{0}\" is no URL of a server: it is as in https://ca.hospital.example:8555");
MSG(msg_enrolled, "agentd.enrolled",
    "this agent is enrolled already, as {0} at {1}; another --dir is another agent, and to begin "
    "anew remove its directory");
MSG(msg_refused, "agentd.refused", "the server refuses: {0}");
MSG(msg_status, "agentd.status",
    "the server answers with status {0}, and not as an Autarky of this version would");
MSG(msg_answer, "agentd.answer", "the server's answer has no usable \"{0}\"");

/* ---- the way there */

enum rc agentd_link_open(const struct agent_world *w, const struct agentd_home *h, bool nobody,
                         struct agentd_link *out, struct err *err)
{
    CLEANUP(agentd_link_done) struct agentd_link l = {};
    struct client_reach_conf reach = {.ev = w->ev, .net = w->net, .proxies = w->proxies};

    TRY(agent_trust_load(&l.trust, STR(""), buf_str(&h->roots), err));
    if (!nobody) {
        TRY(tls_identity_new(buf_str(&h->chain), h->key, &l.identity, err));
        reach.identity = l.identity;
        reach.alpn = STR(ALPN);
    }
    reach.trust = l.trust.tls;
    TRY(client_http_net(&reach, &l.transport));
    *out = l;
    /* NOLINTNEXTLINE(clang-analyzer-deadcode.DeadStores): the cleanup reads it */
    l = (struct agentd_link){};
    return RC_OK;
}

void agentd_link_done(struct agentd_link *l)
{
    client_transport_free(l->transport);
    tls_identity_unref(l->identity);
    agent_trust_done(&l->trust);
    *l = (struct agentd_link){};
}

enum rc agentd_link_post(struct agentd_link *l, const struct agentd_home *h, const char *path,
                         struct str body, client_answer_fn fn, void *arg)
{
    CLEANUP(buf_done) struct buf url = BUF_INIT(URL_MAX);
    struct client_exchange *exchange;
    struct client_ask ask = {.method = "POST",
                             .accept = STR("application/json"),
                             .content_type = STR("application/json"),
                             .body = body,
                             .max_body = AGENTD_ANSWER_MAX,
                             .timeout = AGENTD_CALL_SECONDS * WHEN_SECOND};

    buf_printf(&url, "%.*s" AGENTS "%s", STR_ARG(h->server), path);
    TRY(buf_rc(&url));
    ask.url = buf_str(&url);
    return client_transport_send(l->transport, &ask, fn, arg, &exchange);
}

/* ---- what is said */

/* One line for a terminal, without what would steer it. */
static bool is_sayable(struct str s)
{
    return str_utf8(s) && str_find(s, '\n') == s.n && str_find(s, '\r') == s.n;
}

/* Its own words, which are for people. */
static enum rc refusal(const struct client_answer *answer, struct err *err)
{
    CLEANUP(json_freep) struct json_doc *doc = NULL;
    enum rc rc = answer->status == 429 || answer->status == 503 ? RC_AGAIN : RC_DENIED;
    struct str detail;
    char digits[16];

    if (json_parse(answer->body, AGENTD_ANSWER_MAX, &doc, NULL) == RC_OK &&
        json_str(json_get(json_root(doc), "detail"), &detail) == RC_OK && is_sayable(detail))
        return ERR(err, rc, msg_refused, str_utf8_head(detail, SHOWN));
    (void)snprintf(digits, sizeof(digits), "%d", answer->status);
    return ERR(err, rc == RC_AGAIN ? rc : RC_PARSE, msg_status, str_of(digits));
}

enum rc agentd_answer(const struct client_answer *answer, struct json_doc **doc, struct err *err)
{
    if (answer->rc != RC_OK && answer->err && err)
        *err = *answer->err;
    TRY(answer->rc);
    if (answer->status != 200)
        return refusal(answer, err);
    return json_parse(answer->body, AGENTD_ANSWER_MAX, doc, err);
}

enum rc agentd_put_csr(const struct crypto_key *key, struct str token, struct str name,
                       struct buf *out, struct err *err)
{
    CLEANUP(buf_done) struct buf csr = BUF_INIT(X509_CSR_MAX);
    const struct x509_csr_in in = {.key = key};
    struct json_out o;

    TRY(x509_csr_build(&in, &csr, err));
    json_out_init(&o, out, JSON_COMPACT);
    json_obj(&o);
    json_kv_b64url(&o, "csr", buf_str(&csr));
    if (token.n)
        json_kv_str(&o, "token", token);
    if (name.n)
        json_kv_str(&o, "name", name);
    json_end(&o);
    return json_out_done(&o);
}

enum rc agentd_take_chain(struct agentd_home *h, const struct json_doc *doc, struct crypto_key *key,
                          struct err *err)
{
    CLEANUP(tls_identity_unrefp) struct tls_identity *fits = NULL;
    struct str chain;

    if (json_str(json_get(json_root(doc), "chain"), &chain) != RC_OK)
        return ERR(err, RC_PARSE, msg_answer, STR("chain"));
    TRY(tls_identity_new(chain, key, &fits, err));
    return agentd_home_put_identity(h, key, chain, err);
}

/* ---- enrolment */

struct wait {
    struct json_doc *doc;
    struct err *err;
    enum rc rc;
    bool ended;
};

static void on_answer(void *arg, const struct client_answer *answer)
{
    struct wait *w = arg;

    w->ended = true;
    w->rc = agentd_answer(answer, &w->doc, w->err);
}

/* It is kept, and told on a terminal. */
static enum rc get_text(struct agentd_home *h, const struct json_doc *doc, const char *name,
                        struct str *out, struct err *err)
{
    struct str text;

    if (json_str(json_get(json_root(doc), name), &text) != RC_OK || text.n == 0 ||
        text.n > NAME_MAX_BYTES || !str_printable(text))
        return ERR(err, RC_PARSE, msg_answer, str_of(name));
    return arena_str(&h->arena, text, out);
}

/* The certificate comes last: with it the agent is one. */
static enum rc take(struct agentd_home *h, const struct json_doc *doc, struct err *err)
{
    TRY(get_text(h, doc, "agent", &h->id, err));
    TRY(get_text(h, doc, "name", &h->name, err));
    TRY(agentd_home_put_settings(h, err));
    return agentd_take_chain(h, doc, h->key, err);
}

/* The key is on the disk before it is certified, so that the same one asks again when the answer
 * was lost: the server would let no other one. */
static enum rc make_key(struct agentd_home *h, struct err *err)
{
    CLEANUP(crypto_key_unrefp) struct crypto_key *key = NULL;

    if (h->key)
        return RC_OK;
    TRY(crypto_key_generate((struct crypto_key_spec){CRYPTO_KEY_P256, 0}, &key));
    return agentd_home_put_identity(h, key, STR(""), err);
}

static enum rc prepare(struct agentd_home *h, const struct agentd_enrolment *e, struct err *err)
{
    struct http_url url;
    struct str server = e->server;

    while (str_ends(server, STR("/")))
        server.n--;
    if (!str_starts(server, STR("https://")) || http_url_parse(server, &url, NULL) != RC_OK)
        return ERR(err, RC_INVAL, msg_url, e->server);
    TRY(arena_str(&h->arena, server, &h->server));
    h->renews = e->renews;
    if (e->roots.n)
        TRY(agentd_home_put_roots(h, e->roots, err));
    return make_key(h, err);
}

enum rc agentd_enrol(const struct agent_world *w, struct agentd_home *h,
                     const struct agentd_enrolment *e, struct err *err)
{
    CLEANUP(agentd_link_done) struct agentd_link link = {};
    CLEANUP(buf_wipe) struct buf body = BUF_INIT(REQUEST_MAX);
    struct wait wait = {.err = err};
    enum rc rc;

    if (agentd_home_enrolled(h))
        return ERR(err, RC_EXISTS, msg_enrolled, h->name, h->server);
    TRY(prepare(h, e, err));
    TRY(agentd_link_open(w, h, true, &link, err));
    TRY(agentd_put_csr(h->key, e->token, e->name, &body, err));
    TRY(agentd_link_post(&link, h, "enrol", buf_str(&body), on_answer, &wait));
    while (!wait.ended)
        ev_run_once(w->ev, EV_WAIT);
    rc = wait.rc;
    if (rc == RC_OK)
        rc = take(h, wait.doc, err);
    json_free(wait.doc);
    return rc;
}
