/* SPDX-License-Identifier: Apache-2.0 */
/* What a server of TLCP offers: one handshake for each suite, two that resume, its certificates. */
#include <stdio.h>

#include "base/text.h"
#include "cmd/cmd.h"
#include "cmd/tlcp_int.h"
#include "crypto/crypto.h"
#include "json/json.h"
#include "json/out.h"
#include "x509/cert.h"

enum { OUT_MAX = 256 * 1024, ARENA_MAX = 1024 * 1024, LINE = 1024 };

static const struct {
    uint16_t code;
    const char *name;
} suites[] = {
    {TLCP_ECC_SM4_GCM_SM3, "ECC_SM4_GCM_SM3"},
    {TLCP_ECC_SM4_CBC_SM3, "ECC_SM4_CBC_SM3"},
    {TLCP_ECDHE_SM4_GCM_SM3, "ECDHE_SM4_GCM_SM3"},
    {TLCP_ECDHE_SM4_CBC_SM3, "ECDHE_SM4_CBC_SM3"},
};
enum { SUITES = sizeof(suites) / sizeof(suites[0]) };

struct probe {
    struct cmd_tlcp_target target;
    struct json_out o;
    struct tlcp_session session;
    struct tlcp_identity *identity; /* NULL: none is shown */
    bool any;                       /* a handshake was finished */
    bool gmssl;                     /* the last one was, as GmSSL 3 has it alone */
    struct err refused;             /* why the last one was not */
};

/* One handshake; the connection is closed again. */
static enum rc shake(struct probe *p, const struct tlcp_client_conf *conf, struct tlcp_conn **out,
                     struct err *err)
{
    CLEANUP(cmd_tlcp_dial_done)
    struct cmd_tlcp_dial d = {.target = &p->target, .conf = *conf, .fd = -1};

    d.conf.identity = p->identity;
    TRY(cmd_tlcp_dial(&d, err));
    p->gmssl = d.gmssl;
    *out = MOVE(d.conn);
    return RC_OK;
}

static void put_certificates(struct probe *p, const struct tlcp_conn *c)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(ARENA_MAX);
    char serial[X509_SERIAL_TEXT];
    struct x509_cert cert;
    struct str der;
    size_t encrypts = 0;

    IGNORE_RC(tlcp_conn_encryption(c, &encrypts));
    json_key(&p->o, "certificates");
    json_arr(&p->o);
    for (size_t i = 0; (der = tlcp_conn_certificate(c, i)).n; i++) {
        json_obj(&p->o);
        json_kv_z(&p->o, "use", i == 0 ? "sign" : (i == encrypts ? "encrypt" : "issuer"));
        if (x509_cert_parse(&a, der, &cert, NULL) == RC_OK) {
            json_kv_str(&p->o, "common_name", cert.common_name);
            json_kv_z(&p->o, "serial", x509_serial_text(&cert.serial, serial));
            json_kv_when(&p->o, "not_after", cert.not_after);
        }
        json_end(&p->o);
    }
    json_end(&p->o);
}

static void try_suite(struct probe *p, size_t i)
{
    CLEANUP(tlcp_conn_freep) struct tlcp_conn *c = NULL;
    struct tlcp_client_conf conf = {.suites = &suites[i].code, .n_suites = 1};
    struct err err = ERR_INIT;
    char text[LINE];
    enum rc rc = shake(p, &conf, &c, &err);
    bool asks; /* it chose the suite, and would ask for certificates that there are not */

    json_obj(&p->o);
    json_kv_z(&p->o, "suite", suites[i].name);
    asks = rc != RC_OK && err.msg && str_eq(str_of(err.msg->code), STR("tlcp.client-identity"));
    json_kv_bool(&p->o, "accepted", rc == RC_OK || asks);
    json_kv_bool(&p->o, "certificates", asks);
    json_kv_bool(&p->o, "gmssl", rc == RC_OK && p->gmssl);
    if (rc != RC_OK && !asks) {
        err.rc = rc;
        json_kv_z(&p->o, "reason", err_textz(&err, text, sizeof(text)));
        p->refused = err;
    }
    json_end(&p->o);
    p->any |= rc == RC_OK || asks;
}

/* A second connection with the session of the first. */
static void try_resumption(struct probe *p)
{
    CLEANUP(tlcp_conn_freep) struct tlcp_conn *first = NULL, *second = NULL;
    struct tlcp_client_conf conf = {.alpn = STR("h2 http/1.1")};
    struct err err = ERR_INIT;
    bool resumed = false;

    /* GmSSL 3 refuses who offers protocols when it was given none. */
    if (shake(p, &conf, &first, &err) != RC_OK) {
        conf.alpn = STR("");
        if (shake(p, &conf, &first, &err) != RC_OK)
            return;
    }
    json_kv_str(&p->o, "alpn", tlcp_conn_alpn(first));
    put_certificates(p, first);
    if (tlcp_conn_session(first, &p->session) == RC_OK) {
        conf.session = &p->session;
        resumed = shake(p, &conf, &second, &err) == RC_OK && tlcp_conn_resumed(second);
    }
    json_kv_bool(&p->o, "resumes", resumed);
    explicit_bzero(&p->session, sizeof(p->session));
}

/* The same with a ticket. GmSSL 3 hangs up on who offers to keep one. */
static void try_tickets(struct probe *p)
{
    CLEANUP(tlcp_conn_freep) struct tlcp_conn *first = NULL, *second = NULL;
    struct tlcp_client_conf conf = {.tickets = true};
    struct err err = ERR_INIT;
    bool resumed = false;

    if (shake(p, &conf, &first, &err) == RC_OK && tlcp_conn_ticket(first).n &&
        tlcp_conn_session(first, &p->session) == RC_OK) {
        conf.session = &p->session;
        conf.ticket = tlcp_conn_ticket(first);
        resumed = shake(p, &conf, &second, &err) == RC_OK && tlcp_conn_resumed(second);
    }
    json_kv_bool(&p->o, "tickets", resumed);
    explicit_bzero(&p->session, sizeof(p->session));
}

static enum rc show(const struct json *root)
{
    struct json_iter it = json_iter(json_get(root, "suites"));
    const struct json *v;
    bool yes = false;

    while (json_next(&it, NULL, &v)) {
        struct str why = json_shown(v, "reason");
        bool asks = false, gmssl = false;

        IGNORE_RC(json_bool(json_get(v, "certificates"), &asks));
        IGNORE_RC(json_bool(json_get(v, "gmssl"), &gmssl));
        printf("%-18.*s %s%s%.*s\n", STR_ARG(json_shown(v, "suite")), why.n ? "no: " : "accepted",
               asks ? ", with certificates of the client"
                    : (gmssl ? ", the client's certificates only as GmSSL takes them" : ""),
               STR_ARG(why));
    }
    it = json_iter(json_get(root, "certificates"));
    while (json_next(&it, NULL, &v))
        printf("%-8.*s %.*s, serial %.*s, until %.*s\n", STR_ARG(json_shown(v, "use")),
               STR_ARG(json_shown(v, "common_name")), STR_ARG(json_shown(v, "serial")),
               STR_ARG(json_shown(v, "not_after")));
    if (json_get(root, "alpn")) {
        struct str alpn = json_shown(root, "alpn");

        printf("protocol %.*s\n", STR_ARG(alpn.n ? alpn : STR("none is chosen (ALPN)")));
    }
    if (json_bool(json_get(root, "resumes"), &yes) == RC_OK)
        printf("sessions %s\n", yes ? "are resumed" : "are not resumed");
    if (json_bool(json_get(root, "tickets"), &yes) == RC_OK)
        printf("tickets  %s\n", yes ? "are given, and resumed" : "are not given");
    return RC_OK;
}

static int probe(struct probe *p, const struct cmd_args *args)
{
    CLEANUP(buf_done) struct buf out = BUF_INIT(OUT_MAX);
    struct err err = ERR_INIT;

    json_out_init(&p->o, &out, JSON_COMPACT);
    json_obj(&p->o);
    json_kv_z(&p->o, "server", args->values[CMD_OPT_TLCP]);
    json_key(&p->o, "suites");
    json_arr(&p->o);
    for (size_t i = 0; i < SUITES; i++)
        try_suite(p, i);
    json_end(&p->o);
    if (p->any)
        try_resumption(p);
    if (p->any)
        try_tickets(p);
    json_end(&p->o);
    err.rc = json_out_done(&p->o);
    if (err.rc != RC_OK)
        return cmd_fail(&err);
    if (!p->any)
        return cmd_fail(&p->refused);
    return cmd_show(args, &out, show);
}

int cmd_probe_tlcp(const struct cmd_args *args)
{
    struct probe p = {};
    int status;

    if (!cmd_tlcp_target(args->values[CMD_OPT_TLCP], &p.target))
        return cmd_usagef("--tlcp takes a server: a name or an address, and a port, as in "
                          "wiki.example:443");
    if (crypto_init() != RC_OK)
        return cmd_failf("OpenSSL cannot be used");
    status = cmd_tlcp_identity(args, &p.identity);
    if (status == CMD_DONE)
        status = probe(&p, args);
    tlcp_identity_unref(p.identity);
    crypto_done();
    return status;
}
