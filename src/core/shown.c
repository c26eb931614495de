/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates that clients of the API show. TLS has proven that the client has the key, and front
 * says which certificate it was; whether that is one of ours, and good at this moment, is looked up
 * in the register with every request, so that a revocation counts at once. */
#include "policy/shown.h"
#include "api/admin.h"
#include "api/page.h"
#include "core/change.h"
#include "core/operators.h"
#include "crypto/crypto.h"
#include "ev/clock.h"
#include "http/exchange.h"
#include "store/certificates.h"

MSG(msg_unknown, "core.shown-unknown", "the certificate that was shown is none of this CA's");
MSG(msg_nobody, "core.shown-nobody",
    "the certificate {0} is no user's; `autarky user-certificate add` makes it one's");
MSG(msg_of_user, "core.user-certificate-none",
    "the certificate {0} is not one of {1}'s; `autarky user-certificate list` shows all");
MSG(msg_taken, "core.user-certificate-taken", "the certificate {0} is a user's already: {1}'s");

enum { SHOWN_ARENA = 512 * 1024, LIST_ARENA = 4 * 1024 * 1024 };

void core_shown_take(const struct ipc_http *msg, struct http_shown *out)
{
    *out = (struct http_shown){};
    if (!str_eq(msg->listener, STR("api")) || msg->shown_sha256.n != sizeof(out->sha256) ||
        msg->shown_serial.n > sizeof(out->serial))
        return;
    memcpy(out->sha256, msg->shown_sha256.p, sizeof(out->sha256));
    for (size_t i = 0; i < msg->shown_serial.n; i++)
        out->serial[i] = (unsigned char)msg->shown_serial.p[i];
    out->n_serial = msg->shown_serial.n;
}

void core_shown_read(const struct core *core, const struct ipc_http *msg, struct http_shown *out)
{
    *out = (struct http_shown){};
    if (core->conf->control.certificates)
        core_shown_take(msg, out);
}

/* ---- whether it is good */

const char *core_shown_serial(const struct store_certificate *c, char out[static X509_SERIAL_TEXT])
{
    struct x509_serial serial;

    out[0] = '\0';
    return x509_serial_from_bytes(c->serial, &serial) == RC_OK ? x509_serial_text(&serial, out)
                                                               : out;
}

static enum rc check(const struct core *core, struct arena *a, const struct store_certificate *c,
                     enum policy_shown_as as, struct err *err)
{
    return policy_shown_check(store_read(core->store), a, c, as, clock_now(ev_clock(core->ev)),
                              err);
}

static enum rc find_shown(const struct core *core, const struct http_shown *shown, struct arena *a,
                          struct store_certificate *out, struct err *err)
{
    struct str serial = str_bytes(shown->serial, shown->n_serial);
    enum rc rc = RC_NOTFOUND;

    /* The serial only finds it; a stranger's certificate may have the same. */
    if (serial.n)
        rc = store_certificate_by_serial(store_read(core->store), a, serial, out);
    if (rc == RC_NOTFOUND ||
        (rc == RC_OK && memcmp(out->fingerprint.b, shown->sha256, sizeof(shown->sha256)) != 0))
        return ERR(err, RC_DENIED, msg_unknown);
    return rc;
}

enum rc core_shown_find(const struct core *core, const struct http_shown *shown, struct arena *a,
                        struct store_certificate *out, struct err *err)
{
    TRY(find_shown(core, shown, a, out, err));
    return check(core, a, out, POLICY_SHOWN_PERSON, err);
}

enum rc core_shown_client(void *arg, const struct http_shown *shown, struct arena *a,
                          struct store_certificate *out, struct err *err)
{
    const struct core *core = arg;

    TRY(find_shown(core, shown, a, out, err));
    return check(core, a, out, POLICY_SHOWN_CLIENT, err);
}

/* ---- whose it is */

static struct core_who who_of(const struct store_user *user)
{
    return (struct core_who){.uid = CORE_NO_LOGIN,
                             .login = CORE_NO_LOGIN,
                             .way = CORE_BY_CERTIFICATE,
                             .roles = user->roles,
                             .person = core_person_of(user),
                             .user = user->n};
}

enum rc core_shown_user(const struct core *core, const struct http_shown *shown, struct arena *a,
                        struct core_shown *out, struct err *err)
{
    char serial[X509_SERIAL_TEXT];
    enum rc rc;

    TRY(core_shown_find(core, shown, a, &out->certificate, err));
    rc = store_user_of_certificate(store_read(core->store), a, &out->certificate.id, &out->user);
    if (rc == RC_NOTFOUND)
        return ERR(err, RC_DENIED, msg_nobody,
                   str_of(core_shown_serial(&out->certificate, serial)));
    return rc;
}

enum rc core_shown_check(const struct core *core, const struct http_shown *shown,
                         struct core_who *out, struct err *err)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(SHOWN_ARENA);
    struct core_shown found;

    TRY(core_shown_user(core, shown, &a, &found, err));
    *out = who_of(&found.user);
    return str_copyz(found.user.name, out->name, sizeof(out->name));
}

bool core_shown_holds(const struct core *core, const struct id *certificate, int64_t user)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(SHOWN_ARENA);
    struct store_certificate c;
    struct store_user is;
    struct err err = ERR_INIT;

    return core->conf->control.certificates &&
           store_certificate_get(store_read(core->store), &a, certificate, &c) == RC_OK &&
           check(core, &a, &c, POLICY_SHOWN_PERSON, &err) == RC_OK &&
           store_user_of_certificate(store_read(core->store), &a, certificate, &is) == RC_OK &&
           is.n == user;
}

/* ---- user-certificate add, remove, list */

static void put_certificate(struct json_out *o, const struct store_certificate *c, struct str user)
{
    char serial[X509_SERIAL_TEXT];

    json_kv_str(o, "name", user);
    json_kv_z(o, "serial", core_shown_serial(c, serial));
    json_kv_when(o, "not_after", c->not_after);
    json_kv_z(o, "status", store_certificate_status_text(c->status));
}

static void put_changed(struct core_change *c, struct json_out *o)
{
    put_certificate(o, &c->certificate, c->user.name);
}

static void put_removed(struct core_change *c, struct json_out *o)
{
    if (!c->dry)
        ui_sessions_end_user(&c->core->ui.sessions, c->user.n);
    put_changed(c, o);
}

static enum rc find(struct core_change *c)
{
    struct api_view v = core_view(c->core, NULL);
    char serial[X509_SERIAL_TEXT];

    TRY(core_change_user(c));
    TRY(api_cert_find_serial(&v, c->args, c->a, &c->certificate, &c->err));
    return arena_str(c->a, str_of(core_shown_serial(&c->certificate, serial)), &c->serial);
}

static enum rc audit(struct store_txn *txn, struct core_change *c, const char *action)
{
    return core_change_audit(txn, c, action, "user", &c->user.id, c->user.name);
}

static enum rc add(struct store_txn *txn, struct core_change *c)
{
    struct store_user_certificate row = {.certificate = c->certificate.id,
                                         .serial = c->certificate.serial,
                                         .user = c->user.n,
                                         .added = c->now,
                                         .added_by = c->asker};
    struct store_user is = {};
    enum rc rc = store_user_of_certificate(txn, c->a, &c->certificate.id, &is);

    if (rc == RC_OK)
        return ERR(&c->err, RC_EXISTS, msg_taken, c->serial, is.name);
    if (rc == RC_NOTFOUND)
        rc = store_user_certificate_add(txn, &row);
    TRY(rc);
    return audit(txn, c, "user.certificate-added");
}

/* As a new password is: with it one is the user. */
static enum rc read_add(struct core_change *c)
{
    struct store_user is = {};
    enum rc rc;

    TRY(find(c));
    TRY(check(c->core, c->a, &c->certificate, POLICY_SHOWN_PERSON, &c->err));
    rc = store_user_of_certificate(store_read(c->core->store), c->a, &c->certificate.id, &is);
    if (rc != RC_NOTFOUND)
        return rc == RC_OK ? ERR(&c->err, RC_EXISTS, msg_taken, c->serial, is.name) : rc;
    c->write = add;
    c->put = put_changed;
    return core_operators_two(c, ~0u,
                              arena_printf(c->a,
                                           "operators.change: the certificate %.*s is user %.*s",
                                           STR_ARG(c->serial), STR_ARG(c->user.name)));
}

void core_user_certificate_add(struct core *core, struct ipc_req *req, const struct json *args,
                               struct core_who who)
{
    core_change_run(core, req, args, who, read_add);
}

static enum rc drop(struct store_txn *txn, struct core_change *c)
{
    enum rc rc = store_user_certificate_remove(txn, &c->certificate.id, c->user.n, c->now);

    if (rc == RC_NOTFOUND)
        return ERR(&c->err, rc, msg_of_user, c->serial, c->user.name);
    TRY(rc);
    return audit(txn, c, "user.certificate-removed");
}

/* Taking away takes no second person, and no good certificate. */
static enum rc read_remove(struct core_change *c)
{
    struct store_user is = {};
    enum rc rc;

    TRY(find(c));
    rc = store_user_of_certificate(store_read(c->core->store), c->a, &c->certificate.id, &is);
    if (rc == RC_NOTFOUND || (rc == RC_OK && is.n != c->user.n))
        return ERR(&c->err, RC_NOTFOUND, msg_of_user, c->serial, c->user.name);
    TRY(rc);
    c->write = drop;
    c->put = put_removed;
    return RC_OK;
}

void core_user_certificate_remove(struct core *core, struct ipc_req *req, const struct json *args,
                                  struct core_who who)
{
    core_change_run(core, req, args, who, read_remove);
}

static enum rc put_row(const void *arg, const void *row, struct json_out *o)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(SHOWN_ARENA);
    const struct store_user_certificate *u = row;
    const struct core *core = arg;
    struct store_certificate c;
    struct store_user user;

    TRY(store_user_get(store_read(core->store), &a, u->user, &user));
    if (user.removed)
        return RC_OK;
    TRY(store_certificate_get(store_read(core->store), &a, &u->certificate, &c));
    json_obj(o);
    put_certificate(o, &c, user.name);
    json_kv_when(o, "added", u->added);
    json_kv_str(o, "added_by", u->added_by);
    json_end(o);
    return RC_OK;
}

static enum rc read_rows(const void *arg, struct arena *a, struct store_cursor *at, unsigned limit,
                         const void **out, size_t *out_n)
{
    const struct core *core = arg;
    struct store_user_certificate *list;

    TRY(store_user_certificate_list(store_read(core->store), a, at, limit, &list, out_n));
    *out = list;
    return RC_OK;
}

enum rc core_user_certificate_list(struct core *core, const struct json *args, struct json_out *o,
                                   struct err *err)
{
    static const struct api_rows rows = {.name = "certificates",
                                         .size = sizeof(struct store_user_certificate),
                                         .at = offsetof(struct store_user_certificate, n),
                                         .order = API_BY_NUMBER,
                                         .read = read_rows,
                                         .put = put_row};

    json_obj(o);
    TRY(api_list(&rows, args, core, o, err));
    json_end(o);
    return RC_OK;
}
