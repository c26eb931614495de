/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/tlcp_int.h"

#include <fcntl.h>

#include "base/fd.h"
#include "base/file.h"
#include "cmd/cmd.h"
#include "cmd/site_int.h"
#include "crypto/pem.h"
#include "ev/clock.h"
#include "tls/tlcp_client.h"
#include "x509/cert.h"
#include "x509/verify.h"

MSG(msg_pair, "cmd.tlcp-pair", "{0}: {1}");
MSG(msg_roots, "cmd.tlcp-roots", "{0} has more roots than can be used");

enum { PORT_DEFAULT = 443, FILE_MAX = 1024 * 1024, ARENA_MAX = 8 * 1024 * 1024 };

bool cmd_tlcp_target(const char *text, struct cmd_tlcp_target *out)
{
    struct str s = str_of(text), name, number;
    struct addr_port at;
    uint64_t port = PORT_DEFAULT;

    *out = (struct cmd_tlcp_target){.port = PORT_DEFAULT};
    if (addr_port_parse(s, &at) == RC_OK || addr_parse(s, &at.addr) == RC_OK) {
        if (addr_port_parse(s, &at) == RC_OK)
            out->port = at.port;
        out->ip = at.addr;
        addr_text(&at.addr, out->host);
        return out->port > 0;
    }
    if (str_cut(s, ':', &name, &number) && str_u64(number, UINT16_MAX, &port) != RC_OK)
        return false;
    out->port = (uint16_t)port;
    return port > 0 && name_canonical(name, false, out->host) == RC_OK;
}

enum rc cmd_tlcp_roots(const char *path, struct cmd_tlcp_roots *out, struct err *err)
{
    CLEANUP(buf_done) struct buf pem = BUF_INIT(FILE_MAX);
    struct x509_cert *certs;
    enum rc rc;

    arena_init(&out->arena, ARENA_MAX);
    TRY(file_read(AT_FDCWD, path, &pem, err));
    rc = x509_cert_read_pem(&out->arena, buf_str(&pem), CMD_TLCP_ROOTS_MAX, &certs, &out->n, err);
    if (rc == RC_TOOBIG)
        return ERR(err, rc, msg_roots, str_of(path));
    TRY(rc);
    for (size_t i = 0; i < out->n; i++)
        out->certs[i] = certs[i].der;
    return RC_OK;
}

void cmd_tlcp_roots_done(struct cmd_tlcp_roots *r)
{
    arena_done(&r->arena);
}

enum rc cmd_tlcp_judge(void *check, const struct str *certs, size_t n, enum x509_trouble *trouble,
                       struct err *err)
{
    const struct cmd_tlcp_check *c = check;
    struct x509_verify_in in = {
        .leaf = certs[0],
        .chain = certs + 1,
        .n_chain = n - 1,
        .roots = c->roots->certs,
        .n_roots = c->roots->n,
        .at = clock_now(clock_system()),
        .purpose = X509_FOR_SERVER,
    };
    size_t encrypts = 0;
    enum rc rc;

    if (c->target->ip.n)
        in.ip = &c->target->ip;
    else
        in.dns = str_of(c->target->host);
    rc = x509_verify(&in, err);
    if (rc == RC_OK)
        rc = tlcp_conn_encryption(c->conn, &encrypts);
    in.leaf = certs[encrypts];
    if (rc == RC_OK)
        rc = x509_verify(&in, err);
    if (rc != RC_OK)
        *trouble = x509_verify_trouble(err);
    return rc;
}

static enum rc attempt(struct cmd_tlcp_dial *d, struct err *err)
{
    struct cmd_tlcp_check check = {.roots = d->roots, .target = d->target};
    struct tlcp_client_conf conf = d->conf;

    cmd_tlcp_dial_done(d);
    if (!d->target->ip.n)
        conf.server_name = str_of(d->target->host);
    if (d->roots) {
        conf.judge = cmd_tlcp_judge;
        conf.arg = &check;
    }
    conf.single = conf.ecdhe_vector = conf.raw_verify = d->gmssl;
    TRY(site_connect(str_of(d->target->host), d->target->port, &d->fd, err));
    TRY(tlcp_client_new(&conf, &d->conn));
    check.conn = d->conn;
    return tls_tlcp_connect(d->conn, d->fd, err);
}

enum rc cmd_tlcp_dial(struct cmd_tlcp_dial *d, struct err *err)
{
    enum rc rc;

    d->gmssl = false;
    rc = attempt(d, err);
    if (rc != RC_NET || !d->conf.identity || !d->conn || !tlcp_conn_asked(d->conn))
        return rc;
    /* What was wrong the first time is what is told. */
    d->gmssl = true;
    return attempt(d, NULL) == RC_OK ? RC_OK : rc;
}

void cmd_tlcp_dial_done(struct cmd_tlcp_dial *d)
{
    tlcp_conn_free(MOVE(d->conn));
    fd_close(&d->fd);
}

/* ---- the client's pair */

static enum rc say_file(const char *path, enum rc rc, struct err *why, struct err *err)
{
    char text[512];

    why->rc = rc;
    return ERR(err, rc, msg_pair, str_of(path), str_of(err_textz(why, text, sizeof(text))));
}

static enum rc read_key(const char *path, struct crypto_key **out, struct err *err)
{
    CLEANUP(buf_wipe) struct buf pem = BUF_INIT(CRYPTO_PEM_MAX);
    struct err why = ERR_INIT;
    enum rc rc;

    TRY(file_read(AT_FDCWD, path, &pem, err));
    rc = crypto_pem_read(buf_str(&pem), NULL, out, &why);
    return rc == RC_OK ? rc : say_file(path, rc, &why, err);
}

static enum rc read_pair(const struct cmd_args *args, struct tlcp_identity **out, struct err *err)
{
    CLEANUP(crypto_key_unrefp) struct crypto_key *sign = NULL, *encrypt = NULL;
    CLEANUP(buf_done) struct buf sign_pem = BUF_INIT(FILE_MAX), encrypt_pem = BUF_INIT(FILE_MAX);
    struct tlcp_identity_in in;
    struct err why = ERR_INIT;
    enum rc rc;

    TRY(read_key(args->values[CMD_OPT_SIGN_KEY], &sign, err));
    TRY(read_key(args->values[CMD_OPT_ENC_KEY], &encrypt, err));
    TRY(file_read(AT_FDCWD, args->values[CMD_OPT_SIGN_CERT], &sign_pem, err));
    TRY(file_read(AT_FDCWD, args->values[CMD_OPT_ENC_CERT], &encrypt_pem, err));
    in = (struct tlcp_identity_in){buf_str(&sign_pem), sign, buf_str(&encrypt_pem), encrypt};
    rc = tlcp_identity_new(&in, out, &why);
    return rc == RC_OK ? rc : say_file(args->values[CMD_OPT_SIGN_CERT], rc, &why, err);
}

int cmd_tlcp_identity(const struct cmd_args *args, struct tlcp_identity **out)
{
    static const enum cmd_option options[] = {CMD_OPT_SIGN_CERT, CMD_OPT_SIGN_KEY, CMD_OPT_ENC_CERT,
                                              CMD_OPT_ENC_KEY};
    enum { PAIR = sizeof(options) / sizeof(options[0]) };
    struct err err = ERR_INIT;
    size_t given = 0;

    for (size_t i = 0; i < PAIR; i++)
        given += args->values[options[i]] != NULL;
    if (given == 0)
        return CMD_DONE;
    if (given < PAIR)
        return cmd_usagef("--sign-cert, --sign-key, --enc-cert and --enc-key belong together: a "
                          "client of TLCP shows two certificates, and has a key for each");
    err.rc = read_pair(args, out, &err);
    return err.rc == RC_OK ? CMD_DONE : cmd_fail(&err);
}
