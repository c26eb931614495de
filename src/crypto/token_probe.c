/* SPDX-License-Identifier: Apache-2.0 */
#include <dlfcn.h>
#include <string.h>

#include "crypto/cryptoki_int.h"
#include "crypto/token_int.h"

MSG(msg_module, "crypto.token-module", "the PKCS#11 module {0} cannot be loaded: {1}");
MSG(msg_entry, "crypto.token-entry",
    "{0} is no PKCS#11 module: it has no function C_GetFunctionList that works");
MSG(msg_absent, "crypto.token-absent",
    "no token that matches {0} is there; {1} has {2}; connect or start it, then this goes on");
MSG(msg_several, "crypto.token-several",
    "more than one token matches {0}; add its serial: {1} has {2}");
MSG(msg_final, "crypto.token-final-try",
    "the token \"{0}\" says that one more wrong PIN locks it, so none was tried; log in once with "
    "the vendor's tool, and set the right PIN where ca.pkcs11.pin, or --pin-file, says");
MSG(msg_locked, "crypto.token-locked",
    "the PIN of the token \"{0}\" is locked; its security officer has to set a new one");
MSG(msg_no_pin, "crypto.token-no-pin",
    "the token \"{0}\" is not initialised or has no user PIN yet; the vendor's tool sets one");
MSG(msg_pin, "crypto.token-pin",
    "the token \"{0}\" refuses the PIN, which was tried once; set it right where ca.pkcs11.pin, or "
    "--pin-file, says: tokens lock after a few mistakes");
MSG(msg_gone, "crypto.token-gone", "{0}: the token \"{1}\" does not answer (Cryptoki says {2})");
MSG(msg_full, "crypto.token-full",
    "{0}: the token \"{1}\" has no room left; remove keys that nobody uses any more, with the "
    "vendor's tool");
MSG(msg_sessions, "crypto.token-sessions",
    "{0}: the token \"{1}\" has no free session; others use it at the same time");
MSG(msg_cannot, "crypto.token-cannot", "{0}: the token \"{1}\" cannot do that (Cryptoki says {2})");
MSG(msg_readonly, "crypto.token-read-only", "{0}: the token \"{1}\" is write protected");
MSG(msg_other, "crypto.token-failed", "{0}: the token \"{1}\" failed (Cryptoki says {2})");

enum { SLOTS_MAX = 64, LIST_MAX = 512 };

struct module {
    void *handle;
    struct ck_functions *f;
    bool initialized; /* by us, and so ours to end */
};

static void module_done(struct module *m)
{
    if (m->initialized)
        (void)m->f->finalize(NULL);
    if (m->handle)
        dlclose(m->handle);
}

enum rc crypto_token_failure(unsigned long rv, const char *what, const char *name, struct err *err)
{
    char hex[24];
    struct str w = str_of(what), t = str_of(name), code;

    snprintf(hex, sizeof(hex), "0x%02lx", rv);
    code = str_of(hex);
    switch (rv) {
    case CK_PIN_INCORRECT:
    case CK_PIN_INVALID:
    case CK_PIN_LEN_RANGE:
    case CK_PIN_EXPIRED:
    case CK_USER_NOT_LOGGED_IN:
        return ERR(err, RC_DENIED, msg_pin, t);
    case CK_PIN_LOCKED:
        return ERR(err, RC_DENIED, msg_locked, t);
    case CK_USER_PIN_NOT_INITIALIZED:
        return ERR(err, RC_DENIED, msg_no_pin, t);
    case CK_DEVICE_MEMORY:
        return ERR(err, RC_QUOTA, msg_full, w, t);
    case CK_SESSION_COUNT:
        return ERR(err, RC_AGAIN, msg_sessions, w, t);
    case CK_TOKEN_WRITE_PROTECTED:
        return ERR(err, RC_DENIED, msg_readonly, w, t);
    case CK_FUNCTION_NOT_SUPPORTED:
    case CK_MECHANISM_INVALID:
    case CK_MECHANISM_PARAM_INVALID:
    case CK_KEY_SIZE_RANGE:
    case CK_KEY_TYPE_INCONSISTENT:
    case CK_CURVE_NOT_SUPPORTED:
        return ERR(err, RC_UNSUPPORTED, msg_cannot, w, t, code);
    case CK_HOST_MEMORY:
        return RC_NOMEM;
    case CK_SLOT_ID_INVALID:
    case CK_GENERAL_ERROR:
    case CK_DEVICE_ERROR:
    case CK_DEVICE_REMOVED:
    case CK_KEY_HANDLE_INVALID:
    case CK_OBJECT_HANDLE_INVALID:
    case CK_SESSION_CLOSED:
    case CK_SESSION_HANDLE_INVALID:
    case CK_TOKEN_NOT_PRESENT:
    case CK_TOKEN_NOT_RECOGNIZED:
        return ERR(err, RC_AGAIN, msg_gone, w, t, code);
    default:
        return ERR(err, RC_CRYPTO, msg_other, w, t, code);
    }
}

static enum rc load(const struct crypto_token_at *at, struct module *m, struct err *err)
{
    struct ck_initialize_args args = {.flags = CK_INIT_OS_LOCKING};
    ck_get_function_list get;
    ck_ulong rv;

    m->handle = dlopen(at->module, RTLD_NOW | RTLD_LOCAL);
    if (!m->handle) {
        const char *why = dlerror();

        return ERR(err, RC_UNSUPPORTED, msg_module, str_of(at->module),
                   str_of(why ? why : "unknown"));
    }
    /* The one conversion that ISO C leaves open and POSIX demands. */
    *(void **)&get = dlsym(m->handle, "C_GetFunctionList");
    if (!get || get(&m->f) != CK_OK || !m->f)
        return ERR(err, RC_UNSUPPORTED, msg_entry, str_of(at->module));
    rv = m->f->initialize(&args);
    if (rv != CK_OK && rv != CK_CRYPTOKI_ALREADY_INITIALIZED)
        return crypto_token_failure(rv, "starting the module", at->module, err);
    m->initialized = rv == CK_OK;
    return RC_OK;
}

/* A padded field is the text, or the text was not asked for. */
static bool field_is(const unsigned char *field, size_t n, const char *want)
{
    while (n && field[n - 1] == ' ')
        n--;
    return !want[0] || str_eq(str_bytes(field, n), str_of(want));
}

static bool matches(ck_ulong slot, const struct ck_token_info *info,
                    const struct crypto_token_uri *uri)
{
    return field_is(info->label, sizeof(info->label), uri->token) &&
           field_is(info->manufacturer, sizeof(info->manufacturer), uri->manufacturer) &&
           field_is(info->model, sizeof(info->model), uri->model) &&
           field_is(info->serial, sizeof(info->serial), uri->serial) &&
           (!uri->has_slot || uri->slot == slot) && (info->flags & CK_FLAG_TOKEN_INITIALIZED);
}

static void put_token(const struct ck_token_info *info, struct buf *out)
{
    struct str label = str_trim(str_bytes(info->label, sizeof(info->label)));
    struct str serial = str_trim(str_bytes(info->serial, sizeof(info->serial)));

    if (!(info->flags & CK_FLAG_TOKEN_INITIALIZED))
        return;
    buf_printf(out, "%s\"%.*s\" (serial %.*s)", buf_str(out).n ? ", " : "", STR_ARG(label),
               STR_ARG(serial));
}

static enum rc select_token(const struct crypto_token_at *at, const struct module *m,
                            ck_ulong *out_slot, struct ck_token_info *out, struct err *err)
{
    CLEANUP(buf_done) struct buf list = BUF_INIT(LIST_MAX);
    CLEANUP(buf_done) struct buf want = BUF_INIT(3 * CRYPTO_TOKEN_URI_MAX);
    ck_ulong slots[SLOTS_MAX], n = SLOTS_MAX;
    ck_ulong rv = m->f->get_slot_list(1, slots, &n);
    size_t found = 0;

    if (rv != CK_OK)
        return crypto_token_failure(rv, "asking for tokens", at->module, err);
    for (ck_ulong i = 0; i < n && i < SLOTS_MAX; i++) {
        struct ck_token_info info;

        if (m->f->get_token_info(slots[i], &info) != CK_OK)
            continue;
        put_token(&info, &list);
        if (!matches(slots[i], &info, at->uri))
            continue;
        *out_slot = slots[i];
        *out = info;
        found++;
    }
    if (found == 1)
        return RC_OK;
    crypto_token_uri_put(at->uri, &want);
    if (buf_str(&list).n == 0)
        buf_putz(&list, "none");
    return found
               ? ERR(err, RC_CONFLICT, msg_several, buf_str(&want), str_of(at->module),
                     buf_str(&list))
               : ERR(err, RC_AGAIN, msg_absent, buf_str(&want), str_of(at->module), buf_str(&list));
}

static enum rc try_pin(const struct crypto_token_at *at, const struct module *m, ck_ulong slot,
                       struct secret *pin, const char *name, struct err *err)
{
    ck_ulong session;
    ck_ulong rv = m->f->open_session(slot, CK_SESSION_SERIAL, NULL, NULL, &session);

    if (rv != CK_OK)
        return crypto_token_failure(rv, "opening a session", name, err);
    rv = m->f->login(session, CK_USER, secret_bytes(pin), secret_len(pin));
    (void)m->f->close_session(session);
    if (rv == CK_PIN_INCORRECT && at->refused)
        *at->refused = true;
    if (rv != CK_OK && rv != CK_USER_ALREADY_LOGGED_IN)
        return crypto_token_failure(rv, "logging in", name, err);
    return RC_OK;
}

enum rc crypto_token_probe(const struct crypto_token_at *at, struct secret *pin,
                           char label[static CRYPTO_TOKEN_LABEL + 1], struct err *err)
{
    CLEANUP(module_done) struct module m = {.handle = NULL};
    struct ck_token_info info;
    ck_ulong slot = 0;

    TRY(load(at, &m, err));
    TRY(select_token(at, &m, &slot, &info, err));
    TRY(str_copyz(str_trim(str_bytes(info.label, sizeof(info.label))), label,
                  CRYPTO_TOKEN_LABEL + 1));
    if (info.flags & CK_FLAG_PIN_LOCKED)
        return ERR(err, RC_DENIED, msg_locked, str_of(label));
    if (!(info.flags & CK_FLAG_PIN_INITIALIZED))
        return ERR(err, RC_DENIED, msg_no_pin, str_of(label));
    if (info.flags & CK_FLAG_PIN_FINAL_TRY)
        return ERR(err, RC_DENIED, msg_final, str_of(label));
    return try_pin(at, &m, slot, pin, label, err);
}
