/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 8555 section 7.4.2: a server may offer other chains for the same certificate. */
#include "base/text.h"
#include "client/client_int.h"
#include "crypto/hash.h"
#include "ev/clock.h"
#include "x509/name.h"
#include "x509/verify.h"

/* ---- which one is wanted */

/* As bytes, from hexadecimal with or without colons, SHA256: before it or not; RC_PARSE: it is
 * something else. */
static enum rc fingerprint(struct str text, struct buf *out)
{
    CLEANUP(buf_done) struct buf hex = BUF_INIT((size_t)CRYPTO_SHA256_BYTES * 2);

    if (str_starts(text, STR("SHA256:")))
        text = str_skip(text, sizeof("SHA256:") - 1);
    for (size_t i = 0; i < text.n; i++)
        if (text.p[i] != ':')
            buf_u8(&hex, (uint8_t)text.p[i]);
    if (buf_rc(&hex) != RC_OK || hex.n != (size_t)CRYPTO_SHA256_BYTES * 2)
        return RC_PARSE;
    return text_unhex(buf_str(&hex), out);
}

static bool has_fingerprint(const struct x509_cert *certs, size_t n, struct str wanted)
{
    unsigned char got[CRYPTO_SHA256_BYTES];

    for (size_t i = 0; i < n; i++)
        if (x509_cert_fingerprint(&certs[i], got) == RC_OK &&
            str_eq(str_bytes(got, sizeof(got)), wanted))
            return true;
    return false;
}

/* A root is not sent as a rule: one that is trusted here, and that the chain ends in. */
static bool has_root(const struct client_run *run, const struct x509_cert *certs, size_t n,
                     struct str wanted)
{
    const struct client *c = run->c;
    struct str chain[X509_CHAIN_MAX];
    struct x509_verify_in v = {.leaf = certs[0].der,
                               .chain = chain,
                               .n_roots = 1,
                               .at = clock_now(ev_clock(c->ev)),
                               .purpose = X509_FOR_SERVER};
    unsigned char got[CRYPTO_SHA256_BYTES];

    for (size_t i = 1; i < n; i++)
        chain[v.n_chain++] = certs[i].der;
    if (certs[0].not_before > v.at) /* as client_chain_check has it */
        v.at = certs[0].not_before;
    for (size_t i = 0; i < c->n_roots; i++) {
        if (crypto_sha256(c->roots[i], got) != RC_OK ||
            !str_eq(str_bytes(got, sizeof(got)), wanted))
            continue;
        v.roots = &c->roots[i];
        return x509_verify(&v, NULL) == RC_OK;
    }
    return false;
}

/* Of a CA in it, or of the one that issued its last certificate. */
static bool has_name(const struct x509_cert *certs, size_t n, struct str wanted)
{
    struct x509_subject top = {};

    for (size_t i = 1; i < n; i++)
        if (str_eq(certs[i].common_name, wanted))
            return true;
    return x509_name_parse(certs[n - 1].issuer, &top, NULL) == RC_OK &&
           str_eq(top.common_name, wanted);
}

enum rc client_alternate_fits(const struct client_run *run, struct str pem)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(CLIENT_CHAIN_ARENA_MAX);
    CLEANUP(buf_done) struct buf wanted = BUF_INIT(CRYPTO_SHA256_BYTES);
    struct x509_cert *certs;
    bool fits;
    size_t n;

    TRY(x509_cert_read_pem(&a, pem, X509_CHAIN_MAX, &certs, &n, NULL));
    fits = fingerprint(run->chain_choice, &wanted) == RC_OK
               ? has_fingerprint(certs, n, buf_str(&wanted)) ||
                     has_root(run, certs, n, buf_str(&wanted))
               : has_name(certs, n, run->chain_choice);
    return fits ? RC_OK : RC_NOTFOUND;
}

/* ---- asking for them */

static void next(struct client_run *run);

/* One that cannot be had, or read, is not the one. */
static void on_alternate(void *arg, const struct client_reply *reply)
{
    struct client_run *run = arg;

    if (reply->rc == RC_OK && client_alternate_fits(run, reply->answer->body) == RC_OK)
        client_certificate_take(run, reply->answer->body, true);
    else
        next(run);
}

static void next(struct client_run *run)
{
    CLEANUP(buf_done) struct buf first = BUF_INIT(0);

    if (run->next_alternate < run->n_alternates) {
        buf_reset(&run->payload);
        client_run_post(run, "another chain", run->alternates[run->next_alternate++], on_alternate);
        run->request.accept = STR("application/pem-certificate-chain");
        run->request.max_body = CLIENT_CHAIN_MAX;
        return;
    }
    first = run->first; /* it has to outlive the run */
    buf_init(&run->first, 0);
    client_certificate_take(run, buf_str(&first), false);
}

static enum rc keep(struct client_run *run, const struct client_answer *answer)
{
    struct str *urls;

    run->next_alternate = run->n_alternates = 0;
    arena_done(&run->alternates_arena);
    buf_reset(&run->first);
    buf_puts(&run->first, answer->body);
    TRY(buf_rc(&run->first));
    urls = ARENA_ARRAY(&run->alternates_arena, struct str, CLIENT_ALTERNATES_MAX);
    if (!urls)
        return RC_NOMEM;
    run->alternates = urls;
    for (size_t i = 0; i < CLIENT_LINKS_MAX; i++)
        TRY(client_alternates_read(&run->alternates_arena, answer->links[i], urls,
                                   CLIENT_ALTERNATES_MAX, &run->n_alternates));
    return RC_OK;
}

void client_alternates_begin(struct client_run *run, const struct client_answer *first)
{
    struct err err = ERR_INIT;
    enum rc rc = keep(run, first);

    if (rc == RC_OK)
        next(run);
    else
        client_run_fail(run, rc, &err, NULL);
}
