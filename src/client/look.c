/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 9773: when the server would like a certificate to be renewed. */
#include "client/client_int.h"

#include "base/text.h"

MSG(msg_no_ari, "client.no-renewal-info", "the server does not say when to renew (no renewalInfo)");
MSG(msg_no_aki, "client.no-key-id",
    "the certificate does not name its issuer's key, so it has no ARI identifier");

/* The serial number as the DER INTEGER has it, so with a zero byte before a high bit. */
enum rc client_certid(const struct x509_cert *c, struct buf *out)
{
    unsigned char serial[X509_SERIAL_MAX + 1] = {0};
    size_t pad = c->serial.n && c->serial.b[0] & 0x80 ? 1 : 0;

    if (c->aki.n == 0 || c->serial.n == 0)
        return RC_NOTFOUND;
    memcpy(serial + pad, c->serial.b, c->serial.n);
    text_b64url(out, c->aki);
    buf_u8(out, '.');
    text_b64url(out, str_bytes(serial, c->serial.n + pad));
    return buf_rc(out);
}

static void on_window(void *arg, const struct client_reply *reply)
{
    struct client_run *run = arg;
    CLEANUP(arena_done) struct arena a = ARENA_INIT(CLIENT_ARENA_MAX);
    struct client_result result = {.rc = RC_OK, .retry_at = reply->retry_at};
    struct err err = ERR_INIT;
    enum rc rc = reply->rc;

    if (rc != RC_OK) {
        client_run_fail(run, rc, reply->err, reply);
        return;
    }
    rc = client_window_read(&a, reply->answer->body, &result.window, &err);
    if (rc == RC_OK)
        client_run_finish(run, &result);
    else
        client_run_fail(run, rc, &err, NULL);
}

void client_look_begin(struct client_run *run)
{
    struct str base = run->c->directory.renewal_info, url;
    struct err err = ERR_INIT;

    if (base.n == 0 || run->certid.n == 0) {
        client_run_fail(run,
                        base.n ? ERR(&err, RC_UNSUPPORTED, msg_no_aki)
                               : ERR(&err, RC_UNSUPPORTED, msg_no_ari),
                        &err, NULL);
        return;
    }
    url = arena_printf(&run->arena, "%.*s/%.*s", STR_ARG(base), STR_ARG(run->certid));
    if (!url.p) {
        client_run_fail(run, RC_NOMEM, &err, NULL);
        return;
    }
    run->request.get = true;
    client_run_post(run, "the renewal information", url, on_window);
}
