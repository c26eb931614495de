/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/pin.h"

#include "base/file.h"
#include "base/text.h"
#include "client/http.h"
#include "crypto/hash.h"
#include "ev/ev.h"
#include "net/stream.h"
#include "x509/cert.h"
#include "x509/name.h"

MSG(msg_pin, "agent.pin",
    "\"{0}\" is no fingerprint: SHA256: and 64 hexadecimal digits, as the page /trust/ of the CA "
    "and "
    "`openssl x509 -noout -fingerprint -sha256` show it");
MSG(msg_https, "agent.pin-https", "{0} is no https URL; a fingerprint is for the root of one");
MSG(msg_none, "agent.pin-not-found",
    "no root with the fingerprint {0} was found, neither in the chain of {1} nor where it says "
    "that "
    "its issuers are, nor at {2}. Found: {3}. Compare the fingerprint with what the CA's people "
    "gave "
    "you; if it is right, somebody else answers, or --ca-url has to say where the root is");
MSG(msg_no_root, "agent.pin-no-root",
    "the certificate with the fingerprint {0} is there, and is not the root of a CA; give that of "
    "the root");
MSG(msg_stopped, "agent.pin-stopped", "stopped by a signal");

enum { NAMES_MAX = 700, SHOWN_MAX = 5, CERT_ARENA = 1 << 20, PATIENCE_SECONDS = 30 };

enum rc agent_pin_parse(struct str text, unsigned char out[static AGENT_PIN_BYTES])
{
    CLEANUP(buf_done) struct buf digits = BUF_INIT(2 * AGENT_PIN_BYTES);
    CLEANUP(buf_done) struct buf bytes = BUF_INIT(AGENT_PIN_BYTES);

    if (text.n > 7 && str_ieq(str_head(text, 7), STR("SHA256:")))
        text = str_skip(text, 7);
    for (size_t i = 0; i < text.n; i++)
        if (text.p[i] != ':')
            buf_u8(&digits, (uint8_t)text.p[i]);
    if (buf_rc(&digits) == RC_NOMEM)
        return RC_NOMEM;
    if (buf_rc(&digits) != RC_OK || digits.n != 2 * (size_t)AGENT_PIN_BYTES)
        return RC_PARSE;
    TRY(text_unhex(buf_str(&digits), &bytes));
    memcpy(out, bytes.p, AGENT_PIN_BYTES);
    return RC_OK;
}

/* ---- one text */

static enum rc see(const struct x509_cert *c, const unsigned char digest[static AGENT_PIN_BYTES],
                   struct agent_pin_seen *seen)
{
    buf_reset(&seen->issuer_at);
    for (size_t i = 0; i < c->n_issuer_urls && seen->issuer_at.n == 0; i++)
        if (str_starts(c->issuer_urls[i], STR("http://")))
            buf_puts(&seen->issuer_at, str_head(c->issuer_urls[i], HTTP_URL_MAX));
    TRY(buf_rc(&seen->issuer_at));
    if (seen->n++ >= SHOWN_MAX)
        return RC_OK;
    if (seen->n > 1)
        buf_putz(&seen->names, ", ");
    x509_name_text(c->subject, &seen->names);
    buf_putz(&seen->names, " SHA256:");
    text_hex(&seen->names, str_bytes(digest, AGENT_PIN_BYTES));
    return buf_rc(&seen->names) == RC_NOMEM ? RC_NOMEM : RC_OK;
}

/* What is no certificate is passed over. */
static enum rc look_at(struct str der, const unsigned char *pin, struct agent_pin_seen *seen,
                       struct buf *out)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(CERT_ARENA);
    unsigned char digest[CRYPTO_SHA256_BYTES];
    struct x509_cert c;
    enum rc rc = x509_cert_parse(&a, der, &c, NULL);

    if (rc == RC_NOMEM)
        return rc;
    if (rc != RC_OK)
        return RC_NOTFOUND;
    TRY(crypto_sha256(der, digest));
    if (memcmp(digest, pin, sizeof(digest)) != 0) {
        TRY(see(&c, digest, seen));
        return RC_NOTFOUND;
    }
    if (!c.is_ca || !x509_cert_self_issued(&c))
        return RC_DENIED;
    x509_cert_put_pem(der, out);
    return buf_rc(out);
}

enum rc agent_pin_find(struct str text, const unsigned char pin[static AGENT_PIN_BYTES],
                       struct agent_pin_seen *seen, struct buf *out)
{
    CLEANUP(buf_done) struct buf der = BUF_INIT(AGENT_PIN_FILE_MAX);
    struct str rest = text;
    enum rc rc;

    buf_init(&seen->names, NAMES_MAX);
    buf_init(&seen->issuer_at, HTTP_URL_MAX);
    seen->n = 0;
    if (str_starts(text, STR("\x30")))
        return look_at(text, pin, seen, out);
    for (size_t i = 0; i < X509_CERT_NAMES_MAX; i++) {
        buf_reset(&der);
        rc = text_unpem(&rest, STR("CERTIFICATE"), NULL, &der);
        if (rc == RC_OK)
            rc = look_at(buf_str(&der), pin, seen, out);
        else
            return rc == RC_NOMEM ? rc : RC_NOTFOUND;
        if (rc != RC_NOTFOUND)
            return rc;
    }
    return RC_NOTFOUND;
}

/* ---- where it may be */

struct hunt {
    const struct agent_pin *p;
    const struct agent_ca *ca;
    unsigned char pin[AGENT_PIN_BYTES];
    struct agent_pin_seen seen; /* of the last text */
    struct buf names;           /* of all */
    struct buf *out;
    bool ended;
    enum rc rc;
    struct err *err;
};

static void hunt_done(struct hunt *h)
{
    buf_done(&h->seen.names);
    buf_done(&h->seen.issuer_at);
    buf_done(&h->names);
}

static enum rc wait(struct hunt *h)
{
    while (!h->ended && !*h->p->stopped)
        ev_run_once(h->p->w->ev, EV_WAIT);
    return h->ended ? h->rc : ERR(h->err, RC_CANCELLED, msg_stopped);
}

static enum rc look(struct hunt *h, struct str text)
{
    enum rc rc;

    buf_done(&h->seen.names);
    buf_done(&h->seen.issuer_at);
    rc = agent_pin_find(text, h->pin, &h->seen, h->out);
    if (rc == RC_NOTFOUND && h->seen.n) {
        buf_printf(&h->names, "%s%.*s", h->names.n ? ", " : "", STR_ARG(buf_str(&h->seen.names)));
        return buf_rc(&h->names) == RC_NOMEM ? RC_NOMEM : RC_NOTFOUND;
    }
    return rc == RC_DENIED ? ERR(h->err, rc, msg_no_root, h->ca->ca_fingerprint) : rc;
}

static void on_reached(void *arg, enum rc rc, struct net_stream *stream, const struct err *why)
{
    struct hunt *h = arg;

    net_stream_free(stream);
    h->ended = true;
    h->rc = rc;
    if (rc != RC_OK)
        *h->err = *why;
}

/* Whoever answers: nothing is said to it. */
static enum rc in_chain(struct hunt *h, struct net *net, const struct http_url *url)
{
    CLEANUP(buf_done) struct buf chain = BUF_INIT(AGENT_PIN_FILE_MAX);
    CLEANUP(client_reach_cancelp) struct client_reach *reach = NULL;
    const struct client_reach_conf conf = {
        .ev = h->p->w->ev, .net = net, .chain = &chain, .proxies = h->p->w->proxies};
    enum rc rc;

    h->ended = false;
    TRY(client_reach_start(&conf, url, on_reached, h, &reach));
    rc = wait(h);
    if (h->ended)
        reach = NULL; /* it is gone with its callback */
    TRY(rc);
    return look(h, buf_str(&chain));
}

struct fetched {
    struct hunt *h;
    struct buf body;
};

static void on_fetched(void *arg, const struct client_answer *answer)
{
    struct fetched *f = arg;

    f->h->ended = true;
    f->h->rc = answer->rc == RC_OK && answer->status != 200 ? RC_NOTFOUND : answer->rc;
    if (f->h->rc == RC_OK)
        buf_puts(&f->body, answer->body);
}

/* RC_NOTFOUND whatever is in the way: it may be elsewhere. */
static enum rc at_url(struct hunt *h, struct net *net, struct str url)
{
    CLEANUP(client_transport_freep) struct client_transport *t = NULL;
    const struct client_reach_conf reach = {
        .ev = h->p->w->ev, .net = net, .proxies = h->p->w->proxies};
    const struct client_ask ask = {.method = "GET",
                                   .url = url,
                                   .max_body = AGENT_PIN_FILE_MAX,
                                   .timeout = PATIENCE_SECONDS * WHEN_SECOND};
    struct fetched f = {.h = h, .body = BUF_INIT(AGENT_PIN_FILE_MAX)};
    struct client_exchange *exchange;
    enum rc rc;

    h->ended = false;
    TRY(client_http_net(&reach, &t));
    rc = client_transport_send(t, &ask, on_fetched, &f, &exchange);
    if (rc == RC_OK)
        rc = wait(h);
    if (rc == RC_OK)
        rc = buf_rc(&f.body);
    if (rc == RC_OK)
        rc = look(h, buf_str(&f.body));
    buf_done(&f.body);
    return rc == RC_OK || rc == RC_NOMEM || rc == RC_CANCELLED || rc == RC_DENIED ? rc
                                                                                  : RC_NOTFOUND;
}

static enum rc behind_issuers(struct hunt *h, struct net *net)
{
    CLEANUP(buf_done) struct buf url = BUF_INIT(HTTP_URL_MAX);

    for (size_t i = 0; i < AGENT_PIN_HOPS_MAX && h->seen.issuer_at.n; i++) {
        enum rc rc;

        buf_reset(&url);
        buf_puts(&url, buf_str(&h->seen.issuer_at));
        TRY(buf_rc(&url));
        rc = at_url(h, net, buf_str(&url));
        if (rc != RC_NOTFOUND)
            return rc;
    }
    return RC_NOTFOUND;
}

/* The page of an Autarky, where its certificates are served over plain HTTP. */
static enum rc trust_page(const struct agent_ca *ca, const struct http_url *url, struct buf *out)
{
    struct http_url page = {.at = url->at, .port = 80, .path = STR("/trust/roots.pem")};

    page.at.port = 0;
    if (ca->ca_url.n)
        buf_puts(out, ca->ca_url);
    else
        http_url_put(&page, out);
    return buf_rc(out);
}

static enum rc everywhere(struct hunt *h)
{
    CLEANUP(buf_done) struct buf page = BUF_INIT(HTTP_URL_MAX);
    struct net *net = h->p->w->net;
    struct http_url url;
    enum rc rc;

    TRY(http_url_parse(h->ca->server, &url, h->err));
    if (!url.tls)
        return ERR(h->err, RC_INVAL, msg_https, h->ca->server);
    TRY(trust_page(h->ca, &url, &page));
    rc = in_chain(h, net, &url);
    if (rc == RC_NOTFOUND)
        rc = behind_issuers(h, net);
    if (rc == RC_NOTFOUND)
        rc = at_url(h, net, buf_str(&page));
    if (rc != RC_NOTFOUND)
        return rc;
    return ERR(h->err, RC_NOTFOUND, msg_none, h->ca->ca_fingerprint, h->ca->server, buf_str(&page),
               h->names.n ? buf_str(&h->names) : STR("nothing"));
}

static const char *keeping_place(const struct agent_ca *ca)
{
    return ca->fallback ? AGENT_HOME "/fallback-ca.pem" : AGENT_HOME "/ca.pem";
}

static enum rc kept(struct hunt *h)
{
    CLEANUP(buf_done) struct buf pem = BUF_INIT(AGENT_PIN_FILE_MAX);

    if (h->p->place->dir < 0)
        return RC_NOTFOUND;
    TRY(file_read(h->p->place->dir, keeping_place(h->ca), &pem, NULL));
    return look(h, buf_str(&pem));
}

enum rc agent_pin_root(const struct agent_pin *p, const struct agent_ca *ca, struct buf *out,
                       struct err *err)
{
    CLEANUP(hunt_done) struct hunt h = {.p = p, .ca = ca, .out = out, .err = err};
    enum rc rc = agent_pin_parse(ca->ca_fingerprint, h.pin);

    if (rc == RC_PARSE)
        return ERR(err, rc, msg_pin, ca->ca_fingerprint);
    TRY(rc);
    buf_init(&h.names, NAMES_MAX);
    rc = kept(&h);
    if (rc == RC_OK || rc == RC_NOMEM)
        return rc;
    buf_reset(&h.names);
    TRY(everywhere(&h));
    if (p->place->dir < 0)
        return RC_OK;
    return file_write(p->place->dir, keeping_place(ca), buf_str(out), 0644, FILE_OWNER_SELF, err);
}

enum rc agent_pin_trust(const struct agent_pin *p, const struct agent_ca *ca,
                        struct agent_trust *out, struct err *err)
{
    CLEANUP(buf_done) struct buf root = BUF_INIT(AGENT_PIN_FILE_MAX);

    if (ca->ca_fingerprint.n)
        TRY(agent_pin_root(p, ca, &root, err));
    return agent_trust_load(out, ca->ca_file, buf_str(&root), err);
}
