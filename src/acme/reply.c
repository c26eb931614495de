/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/parts_int.h"

#include "log/log.h"

enum { PROBLEM_JSON_MAX = 64 * 1024, DIRECTORY_URL_MAX = 512 };

static void free_request(struct acme_request *r)
{
    jose_jws_done(&r->jws);
    json_free(r->payload_doc);
    r->payload_doc = NULL;
}

struct json_out acme_reply_begin(struct acme_request *r)
{
    struct json_out o;

    buf_reset(&r->x->res.body);
    json_out_init(&o, &r->x->res.body, JSON_COMPACT);
    return o;
}

/* Every URL that the server gives goes through here: the public base, and the directory it is of.
 */
static void put_url(struct buf *out, const struct acme_request *r, const char *path,
                    const struct id *id, const char *tail)
{
    buf_printf(out, "%.*s%s%s%s%s", STR_ARG(r->base), acme_staging_prefix(r->staging),
               path + strlen("/acme"), id ? id->z : "", tail ? tail : "");
}

void acme_header_link(struct acme_request *r, const char *relation, const char *path,
                      const struct id *id)
{
    acme_header_link_to(r, relation, path, id, NULL);
}

void acme_header_link_to(struct acme_request *r, const char *relation, const char *path,
                         const struct id *id, const char *tail)
{
    CLEANUP(buf_done) struct buf url = BUF_INIT(DIRECTORY_URL_MAX);

    put_url(&url, r, path, id, tail);
    if (buf_rc(&url) != RC_OK)
        buf_fail(&r->x->res.body, buf_rc(&url));
    else
        http_header_addf(r->x, "Link", "<%s>;rel=\"%s\"", buf_z(&url), relation);
}

void acme_header_location(struct acme_request *r, const char *path, const struct id *id)
{
    CLEANUP(buf_done) struct buf url = BUF_INIT(DIRECTORY_URL_MAX);

    put_url(&url, r, path, id, NULL);
    if (buf_rc(&url) != RC_OK)
        buf_fail(&r->x->res.body, buf_rc(&url));
    else
        http_header_add(r->x, "Location", buf_str(&url));
}

/* RFC 8555 section 6.5: every answer to a POST carries a nonce, and section 7.1: a link to the
 * directory. Nothing that is signed for one client belongs in a cache. */
static void add_common_headers(struct acme_request *r)
{
    char nonce[ACME_NONCE_TEXT];

    if (r->fresh)
        http_header_addf(r->x, "Cache-Control", "public, max-age=%lld", (long long)r->fresh);
    else
        http_header_add(r->x, "Cache-Control", STR("no-store"));
    if (!r->post && r->route &&
        (r->route->handle == acme_directory || r->route->handle == acme_renewal_info))
        return;
    if (r->anybody) {
        acme_header_link(r, "index", "/acme/directory", NULL);
        return;
    }
    if (acme_nonce_new(acme_staging_nonces(r), nonce) == RC_OK)
        http_header_add(r->x, "Replay-Nonce", str_of(nonce));
    acme_header_link(r, "index", "/acme/directory", NULL);
}

void acme_reply_as(struct acme_request *r, int status, const char *content_type)
{
    add_common_headers(r);
    free_request(r);
    if (r->x->res.body.n == 0 && buf_rc(&r->x->res.body) == RC_OK) {
        r->x->res.status = status;
        http_finish(r->x);
        return;
    }
    http_reply(r->x, status, content_type);
}

void acme_reply_json(struct acme_request *r, int status)
{
    acme_reply_as(r, status, "application/json");
}

/* What the client is not told (see http_problem), and, so that an administrator who is asked can
 * answer, why it was refused. A nonce that was too old is everyday business. */
static void log_reason(const struct acme_request *r)
{
    bool failed = !r->err.type && !r->err.status;
    const struct id *now = log_request_current();
    struct id before = now ? *now : (struct id){""};
    struct err why = r->err, last = ERR_INIT;

    if (r->err.type && str_eq(str_of(r->err.type), STR("badNonce")))
        return;
    if (failed && !why.msg)
        store_last_error(r->acme->store, &last);
    if (failed && last.rc == why.rc)
        why = last;
    log_request(&r->x->id);
    if (failed)
        log_error("acme.failed", LOG_STR("path", r->x->req.path), LOG_ERR(&why));
    else
        log_info("acme.refused", LOG_STR("path", r->x->req.path),
                 LOG_Z("type", r->err.type ? r->err.type : "-"), LOG_ERR(&why));
    log_request(before.z[0] ? &before : NULL);
}

/* RFC 8555 section 6.2: with the algorithms to choose from. */
static void reply_algorithms(struct acme_request *r)
{
    struct json_out o = acme_reply_begin(r);

    json_obj(&o);
    http_problem_members(&o, &r->err);
    json_key(&o, "algorithms");
    json_arr(&o);
    for (enum jose_alg alg = JOSE_RS256; alg < JOSE_ALG_COUNT; alg++)
        json_put_z(&o, jose_alg_name(alg));
    json_end(&o);
    json_end(&o);
    IGNORE_RC(json_out_done(&o)); /* a failed body becomes a 500 at the end of the exchange */
    http_reply(r->x, http_problem_status(&r->err), "application/problem+json");
}

void acme_reply_fail(struct acme_request *r, enum rc rc)
{
    if (r->err.rc == RC_OK)
        r->err.rc = rc;
    log_reason(r);
    r->fresh = 0;
    if (rc == RC_QUOTA && r->retry_at) /* a whole second later at least */
        http_header_addf(
            r->x, "Retry-After", "%lld",
            (long long)(r->retry_at > r->now ? (r->retry_at - r->now) / WHEN_SECOND : 0) + 1);
    add_common_headers(r);
    free_request(r);
    if (r->err.type && str_eq(str_of(r->err.type), STR("badSignatureAlgorithm")))
        reply_algorithms(r);
    else
        http_problem_subs(r->x, &r->err, r->subs, r->n_subs);
}

void acme_put_url(struct json_out *o, struct acme_request *r, const char *path, const struct id *id,
                  const char *tail)
{
    CLEANUP(buf_done) struct buf url = BUF_INIT(DIRECTORY_URL_MAX);

    put_url(&url, r, path, id, tail);
    if (buf_rc(&url) != RC_OK)
        buf_fail(o->b, buf_rc(&url));
    json_put_str(o, buf_str(&url));
}

enum rc acme_problem_json(struct arena *a, const struct err *err,
                          const struct http_subproblem *subs, size_t n_subs, struct str *out)
{
    CLEANUP(buf_done) struct buf b = BUF_INIT(PROBLEM_JSON_MAX);
    struct json_out o;

    json_out_init(&o, &b, JSON_COMPACT);
    http_problem_put(&o, err, subs, n_subs);
    TRY(json_out_done(&o));
    return arena_str(a, buf_str(&b), out);
}

static enum rc run_job(struct store_txn *txn, void *arg)
{
    struct acme_request *r = arg;

    r->err = ERR_INIT;
    return r->job(txn, r);
}

static void job_failed(struct acme_request *r, enum rc rc)
{
    if (r->undo)
        r->undo(r);
    acme_reply_fail(r, rc);
}

static void job_done(enum rc rc, void *arg)
{
    struct acme_request *r = arg;

    if (rc == RC_OK)
        r->then(r);
    else
        job_failed(r, rc);
}

enum rc acme_write(struct acme_request *r, acme_job job, acme_then then)
{
    enum rc rc;

    r->job = job;
    r->then = then;
    rc = store_write(r->acme->store, run_job, job_done, r);
    if (rc != RC_OK && r->undo)
        r->undo(r);
    return rc;
}

enum rc acme_audit(struct store_txn *txn, struct acme_request *r, const char *action,
                   const char *kind, const struct id *object, struct str detail)
{
    struct audit_event event = {
        .at = r->now,
        .actor_kind = AUDIT_ACCOUNT,
        .actor = id_str(&r->account.id),
        .action = action,
        .object_kind = kind,
        .object = id_str(object),
        .request = id_str(&r->x->id),
        .address = r->client,
        .detail = detail,
    };

    return audit_append(txn, &event, NULL);
}
