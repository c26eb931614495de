/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 8555 section 7.4: an order made, watched and finalized. */
#include "client/client_int.h"

#include <stdio.h>

#include "json/out.h"
#include "x509/csr.h"

MSG(msg_profile, "client.profile",
    "the server offers no profile \"{0}\"; it has: {1}. Choose one of them, or none");
MSG(msg_no_url, "client.order-url", "the server gave the order no usable URL");
MSG(msg_invalid, "client.order-invalid", "the order came to nothing: {0}");
MSG(msg_not_ready, "client.order-stuck",
    "the order was finalized {0} times and is still not under way");

/* ---- new-order */

static void put_names(struct json_out *o, const struct client_run *run)
{
    char text[ADDR_TEXT];

    json_key(o, "identifiers");
    json_arr(o);
    for (size_t i = 0; i < run->n_dns; i++) {
        json_obj(o);
        json_kv_z(o, "type", "dns");
        json_kv_str(o, "value", run->dns[i]);
        json_end(o);
    }
    for (size_t i = 0; i < run->n_ips; i++) {
        json_obj(o);
        json_kv_z(o, "type", "ip");
        json_kv_z(o, "value", addr_text(&run->ips[i], text));
        json_end(o);
    }
    json_end(o);
}

static void list_profiles(const struct client_directory *d, struct buf *out)
{
    for (size_t i = 0; i < d->n_profiles; i++)
        buf_printf(out, "%s%.*s", i ? ", " : "", STR_ARG(d->profiles[i]));
    if (d->n_profiles == 0)
        buf_putz(out, "none");
}

/* A server that knows no profiles has one way to issue; whether that is the one wanted, nobody can
 * say but for the default. */
static enum rc check_profile(const struct client_run *run, bool *out_send, struct err *err)
{
    const struct client_directory *d = &run->c->directory;
    CLEANUP(buf_done) struct buf list = BUF_INIT(CLIENT_DOCUMENT_MAX);

    *out_send = false;
    if (run->profile.n == 0)
        return RC_OK;
    for (size_t i = 0; i < d->n_profiles; i++)
        *out_send = *out_send || str_eq(d->profiles[i], run->profile);
    if (*out_send || (!d->has_profiles && str_eq(run->profile, STR("default"))))
        return RC_OK;
    list_profiles(d, &list);
    return ERR(err, RC_UNSUPPORTED, msg_profile, run->profile, buf_str(&list));
}

static void on_order(void *arg, const struct client_reply *reply);
static void handle(struct client_run *run);

static enum rc ask_order(struct client_run *run, struct err *err)
{
    struct json_out o;
    struct str url;
    bool profile;

    TRY(check_profile(run, &profile, err));
    buf_reset(&run->payload);
    json_out_init(&o, &run->payload, JSON_COMPACT);
    json_obj(&o);
    put_names(&o, run);
    if (profile)
        json_kv_str(&o, "profile", run->profile);
    if (run->replaces.n && run->c->directory.renewal_info.n)
        json_kv_str(&o, "replaces", run->replaces);
    json_end(&o);
    TRY(json_out_done(&o));
    /* Another run may read the directory anew while this request is on its way. */
    TRY(arena_str(&run->arena, run->c->directory.new_order, &url));
    client_run_post(run, "newOrder", url, on_order);
    return RC_OK;
}

void client_order_begin(struct client_run *run)
{
    struct err err = ERR_INIT;
    enum rc rc;

    run->polls = 0;
    run->finalizes = 0;
    if (run->resumed.n) {
        run->order_url = run->resumed;
        run->resumed.n = 0;
        client_order_look(run);
        return;
    }
    rc = ask_order(run, &err);
    if (rc != RC_OK)
        client_run_fail(run, rc, &err, NULL);
}

/* Into run->order; false when the run has ended for it. */
static bool take_order(struct client_run *run, const struct client_reply *reply)
{
    struct err err = ERR_INIT;
    enum rc rc = reply->rc;

    if (rc != RC_OK) {
        client_run_fail(run, rc, reply->err, reply);
        return false;
    }
    arena_done(&run->order_arena);
    rc = client_order_read(&run->order_arena, reply->answer->body, &run->order, &err);
    if (rc != RC_OK)
        client_run_fail(run, rc, &err, NULL);
    return rc == RC_OK;
}

static void on_order(void *arg, const struct client_reply *reply)
{
    struct client_run *run = arg;
    struct err err = ERR_INIT;
    struct str url;
    enum rc rc;

    /* RFC 9773 section 5: somebody has replaced it already, or it is not ours to replace, of
     * another account or server; the certificate is wanted all the same. */
    if (reply->rc == RC_DENIED && run->replaces.n) {
        run->replaces.n = 0;
        client_order_begin(run);
        return;
    }
    if (!take_order(run, reply))
        return;
    url = reply->answer->location;
    if (url.n == 0 || url.n > CLIENT_URL_MAX) {
        client_run_fail(run, ERR(&err, RC_PARSE, msg_no_url), &err, NULL);
        return;
    }
    rc = arena_str(&run->arena, url, &run->order_url);
    if (rc != RC_OK)
        client_run_fail(run, rc, &err, NULL);
    else
        handle(run);
}

/* ---- watching */

static void on_look(void *arg, const struct client_reply *reply)
{
    struct client_run *run = arg;

    if (!take_order(run, reply))
        return;
    if (run->order.status == CLIENT_PROCESSING)
        client_run_undecided(run, reply->retry_at);
    else
        handle(run);
}

void client_order_look(struct client_run *run)
{
    buf_reset(&run->payload);
    client_run_post(run, "the order", run->order_url, on_look);
}

/* ---- finalize */

static void on_finalize(void *arg, const struct client_reply *reply)
{
    struct client_run *run = arg;

    /* Not yet; or the answer to an earlier try got lost. The order itself knows. */
    if (reply->rc != RC_OK && str_eq(reply->problem, STR("orderNotReady"))) {
        client_run_pause(run, reply->retry_at, client_order_look);
        return;
    }
    if (!take_order(run, reply))
        return;
    if (run->order.status == CLIENT_PROCESSING)
        client_run_undecided(run, reply->retry_at);
    else if (run->order.status == CLIENT_READY)
        client_run_pause(run, reply->retry_at, client_order_look);
    else
        handle(run);
}

static enum rc keep(struct client_run *run, struct err *err)
{
    enum rc rc = run->keep ? run->keep(run->keep_arg, run->order_url, err) : RC_OK;

    run->keep = NULL;
    run->ours = rc != RC_OK;
    return rc;
}

static enum rc ask_finalize(struct client_run *run, struct err *err)
{
    CLEANUP(buf_done) struct buf csr = BUF_INIT(X509_CSR_MAX);
    struct x509_csr_in in = {.key = run->key,
                             .dns = run->dns,
                             .ips = run->ips,
                             .n_dns = run->n_dns,
                             .n_ips = run->n_ips};
    struct json_out o;
    char digits[16];

    if (run->finalizes == CLIENT_FINALIZE_MAX) {
        snprintf(digits, sizeof(digits), "%u", run->finalizes);
        return ERR(err, RC_CONFLICT, msg_not_ready, str_of(digits));
    }
    run->finalizes++;
    TRY(x509_csr_build(&in, &csr, err));
    TRY(keep(run, err));
    buf_reset(&run->payload);
    json_out_init(&o, &run->payload, JSON_COMPACT);
    json_obj(&o);
    json_kv_b64url(&o, "csr", buf_str(&csr));
    json_end(&o);
    TRY(json_out_done(&o));
    client_run_post(run, "finalize", run->order.finalize, on_finalize);
    return RC_OK;
}

static enum rc fail_order(const struct client_run *run, struct err *err)
{
    struct str why = run->order.error;

    if (why.n == 0)
        why = str_of(client_status_text(run->order.status));
    return ERR(err, RC_CONFLICT, msg_invalid, why);
}

static void handle(struct client_run *run)
{
    struct err err = ERR_INIT;
    enum rc rc = RC_OK;

    if (run->order.status != CLIENT_PROCESSING) {
        run->deciding = false;
        ev_timer_stop(&run->decide);
    }
    switch (run->order.status) {
    case CLIENT_PENDING:
        client_authorizations_begin(run);
        return;
    case CLIENT_PROCESSING:
        client_run_undecided(run, 0);
        return;
    case CLIENT_VALID:
        client_certificate_begin(run);
        return;
    case CLIENT_READY:
        rc = ask_finalize(run, &err);
        break;
    case CLIENT_INVALID:
    case CLIENT_DEACTIVATED:
    case CLIENT_EXPIRED:
    case CLIENT_REVOKED:
        rc = fail_order(run, &err);
        break;
    }
    if (rc != RC_OK)
        client_run_fail(run, rc, &err, NULL);
}
