/* SPDX-License-Identifier: Apache-2.0 */
#include "ipc/errs_int.h"

enum { CODE_MAX = 80, TYPE_MAX = 64 };

MSG(msg_unknown, "ipc.unknown-message", "{0} ({1}; the other process runs another version)");

/* RFC 8555 section 6.7, RFC 8738, 8739, 9115, 9444, 9773, and our own. */
static const char *const types[] = {
    "accountDoesNotExist",
    "alreadyReplaced",
    "alreadyRevoked",
    "autoRenewalCanceled",
    "autoRenewalExpired",
    "autoRenewalCancellationInvalid",
    "autoRenewalRevocationNotSupported",
    "badCSR",
    "badNonce",
    "badPublicKey",
    "badRevocationReason",
    "badSignatureAlgorithm",
    "caa",
    "compound",
    "connection",
    "dns",
    "externalAccountRequired",
    "incorrectResponse",
    "invalidContact",
    "invalidProfile",
    "malformed",
    "orderNotReady",
    "rateLimited",
    "rejectedIdentifier",
    "serverInternal",
    "tls",
    "unauthorized",
    "unknownDelegation",
    "unsupportedContact",
    "unsupportedIdentifier",
    "userActionRequired",
};

void ipc_err_put(const struct err *err, struct buf *out)
{
    buf_u8(out, (uint8_t)err->rc);
    buf_u16(out, err->status > 0 && err->status < 1000 ? (uint16_t)err->status : 0);
    buf_lstr(out, str_of(err->msg ? err->msg->code : ""));
    buf_lstr(out, str_of(err->type));
    buf_u8(out, err->n_args);
    for (size_t i = 0; i < err->n_args; i++)
        buf_lstr(out, err_arg(err, i));
}

static const char *find_type(struct str s)
{
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        if (str_eq(s, str_of(types[i])))
            return types[i];
    return NULL;
}

static const struct msg *find_msg(struct str code)
{
    const struct msg *const *all;
    size_t n;

    /* Nothing went wrong: the catalogue is long, and most replies are such. */
    if (code.n == 0 || memchr(code.p, '\0', code.n))
        return NULL;
    msg_all(&all, &n);
    for (size_t i = 0; i < n; i++)
        if (strncmp(all[i]->code, code.p, code.n) == 0 && all[i]->code[code.n] == '\0')
            return all[i];
    return NULL;
}

static enum rc get_args(struct rd *r, struct str args[static MSG_ARGS_MAX], size_t *out_n)
{
    uint8_t n = rd_u8(r);
    size_t total = 0;

    if (n > MSG_ARGS_MAX)
        return RC_PARSE;
    for (size_t i = 0; i < n; i++) {
        args[i] = rd_lstr(r, ERR_ARGS_BYTES);
        total += args[i].n;
    }
    *out_n = n;
    return total > ERR_ARGS_BYTES ? RC_PARSE : rd_rc(r);
}

enum rc ipc_err_get(struct rd *r, struct err *out)
{
    struct str args[MSG_ARGS_MAX];
    size_t n_args = 0;
    uint8_t rc = rd_u8(r);
    uint16_t status = rd_u16(r);
    struct str code = rd_lstr(r, CODE_MAX);
    struct str type = rd_lstr(r, TYPE_MAX);
    const struct msg *msg;

    TRY(get_args(r, args, &n_args));
    if (rc >= RC_COUNT || status >= 1000)
        return RC_PARSE;
    msg = find_msg(code);
    /* Both return the code they are given. */
    if (msg)
        IGNORE_RC(
            err_set(out, (enum rc)rc, msg, (struct err_at){__FILE__, __LINE__}, args, n_args));
    else if (code.n)
        IGNORE_RC(ERR(out, (enum rc)rc, msg_unknown, str_of(rc_text((enum rc)rc)), code));
    else
        *out = (struct err){.rc = (enum rc)rc};
    out->type = find_type(type);
    out->status = status;
    return RC_OK;
}
