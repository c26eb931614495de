/* SPDX-License-Identifier: Apache-2.0 */
/* Which prober core asks, whom it lets take part, and what it makes of the answers: front and the
 * prober here are played. */
#include "world.h"

#include <stdio.h>
#include <sys/socket.h>

#include "base/id.h"
#include "base/text.h"
#include "core/core_int.h"
#include "crypto/crypto.h"
#include "crypto/hash.h"
#include "log/log.h"
#include "store/certificates.h"
#include "x509/cert.h"

struct play {
    struct world w;
    struct role_env env;
    struct core core;
    struct ipc_chan *core_front, *front, *core_prober, *prober;
    struct buf der;
    char key[2 * CRYPTO_SHA256_BYTES + 1];
    struct store_certificate row;
    /* what front and the prober here are asked */
    size_t far, own;
    struct str evidence; /* of the remote one's answer */
    bool silent;
    struct ipc_req *held[CORE_REMOTE_SHARE + 1];
    size_t n_held;
    /* what came back */
    size_t results;
    enum rc rc;
    char why[512], seen[1024], code[64];
};

static void quiet(void *, enum log_level, struct str)
{
}

static void on_close(void *, enum rc, const struct err *)
{
}

static void on_far(void *arg, struct ipc_req *req, const void *msg, int)
{
    struct play *p = arg;
    const struct ipc_far_validate *m = msg;
    struct ipc_validate_reply reply = {.ok = true, .evidence = p->evidence};

    CHECK_STR(m->prober, "ward");
    p->far++;
    if (p->silent)
        p->held[p->n_held++] = req;
    else
        IGNORE_RC(ipc_reply(req, &reply));
}

static void on_own(void *arg, struct ipc_req *req, const void *, int)
{
    struct play *p = arg;
    struct ipc_validate_reply reply = {.ok = true, .evidence = STR("{}")};

    p->own++;
    IGNORE_RC(ipc_reply(req, &reply));
}

static enum rc connect_to(struct play *p, enum role role, const struct ipc_handler *theirs,
                          struct ipc_chan **here, struct ipc_chan **there)
{
    static const struct ipc_handler of_core[] = {{IPC_PROBER, core_on_prober}};
    const struct ipc_chan_conf core = {ROLE_CORE, role, of_core, 1, on_close, &p->env};
    const struct ipc_chan_conf other = {role, ROLE_CORE, theirs, 1, on_close, p};
    int fds[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0)
        return RC_IO;
    TRY(ipc_chan_new(p->w.ev, fds[0], &core, here));
    return ipc_chan_new(p->w.ev, fds[1], &other, there);
}

/* ---- a certificate in the register */

static enum rc make(struct play *p, uint16_t eku, when_t not_after)
{
    CLEANUP(crypto_key_unrefp) struct crypto_key *key = NULL;
    CLEANUP(buf_done) struct buf tbs = BUF_INIT(X509_TBS_MAX), issuer = BUF_INIT(1024);
    CLEANUP(buf_done) struct buf hex = BUF_INIT(2 * CRYPTO_SHA256_BYTES);
    struct x509_subject subject = {.common_name = STR("ward")};
    struct x509_tbs_in in = {.not_before = WORLD_NOW - WHEN_HOUR,
                             .not_after = not_after,
                             .subject = subject,
                             .sig_alg = CRYPTO_SIG_ECDSA_SHA256,
                             .basic = X509_BASIC_LEAF,
                             .pathlen = -1,
                             .key_usage = X509_KU_DIGITAL_SIGNATURE,
                             .eku = eku};

    TRY(crypto_key_generate((struct crypto_key_spec){CRYPTO_KEY_P256, 0}, &key));
    TRY(crypto_sha256(crypto_key_spki(key), p->row.spki_sha256.b));
    text_hex(&hex, str_bytes(p->row.spki_sha256.b, sizeof(p->row.spki_sha256.b)));
    TRY(str_copyz(buf_str(&hex), p->key, sizeof(p->key)));
    TRY(x509_serial_random(&in.serial));
    TRY(x509_name_build(&subject, &issuer));
    in.issuer = buf_str(&issuer);
    in.spki = crypto_key_spki(key);
    TRY(x509_tbs_build(&in, &tbs, NULL));
    return x509_sign_tbs(key, buf_str(&tbs), &p->der);
}

static enum rc add_fn(struct store_txn *txn, void *arg)
{
    struct play *p = arg;

    return store_certificate_add(txn, &p->row, &(struct id){});
}

static enum rc revoke_fn(struct store_txn *txn, void *arg)
{
    struct play *p = arg;

    return store_certificate_revoke(txn, &p->row.id, WORLD_NOW, 1);
}

static void written(enum rc rc, void *arg)
{
    ((struct play *)arg)->rc = rc;
}

static enum rc write_it(struct play *p, enum rc (*fn)(struct store_txn *txn, void *arg))
{
    p->rc = RC_COUNT;
    TRY(store_write(p->w.store, fn, written, p));
    for (int i = 0; i < 100 && p->rc == RC_COUNT; i++)
        world_spin(&p->w);
    return p->rc;
}

static enum rc put_in_register(struct play *p)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(1 << 20);
    static const struct store_name name = {.type = STORE_NAME_DNS,
                                           .value = STR("ward.hospital.example")};
    struct x509_cert cert;

    TRY(x509_cert_parse(&a, buf_str(&p->der), &cert, NULL));
    p->row.serial = str_bytes(cert.serial.b, cert.serial.n);
    p->row.der = buf_str(&p->der);
    p->row.issuer = ca_issuer_at(p->w.ca, 0)->id;
    p->row.hierarchy = STR("intranet");
    p->row.profile = STR("client");
    p->row.not_before = cert.not_before;
    p->row.not_after = cert.not_after;
    p->row.authority_key_id = STR("key");
    p->row.names = &name;
    p->row.n_names = 1;
    p->row.origin = STR("csr");
    p->row.issued = WORLD_NOW;
    TRY(crypto_sha256(p->row.der, p->row.fingerprint.b));
    TRY(id_new(&p->row.id));
    TRY(id_new(&p->row.logical));
    return write_it(p, add_fn);
}

/* ---- all of it */

static void play_done(struct play *p)
{
    for (size_t i = 0; i < p->n_held; i++)
        ipc_req_drop(p->held[i]);
    ipc_chan_free(p->front);
    ipc_chan_free(p->core_front);
    ipc_chan_free(p->prober);
    ipc_chan_free(p->core_prober);
    if (p->core.ev)
        core_remotes_stop(&p->core);
    buf_done(&p->der);
    world_done(&p->w);
}

static bool play_init(struct play *p, uint16_t eku, when_t not_after)
{
    static const struct ipc_handler of_front[] = {{IPC_FAR_VALIDATE, on_far}};
    static const struct ipc_handler of_prober[] = {{IPC_VALIDATE, on_own}};
    CLEANUP(buf_done) struct buf extra = BUF_INIT(4096);

    log_init(&(struct log_conf){.role = "test", .sink = quiet});
    *p = (struct play){.w.dir.fd = -1, .evidence = STR("{\"a\":1}")};
    buf_init(&p->der, X509_CERT_MAX);
    if (crypto_init() != RC_OK || make(p, eku, not_after) != RC_OK)
        return false;
    buf_printf(&extra,
               "probers:\n  - {name: ward, zones: [ward.hospital.example], networks: "
               "[10.7.0.0/16], keys: [\"%s\"]}\n",
               p->key);
    if (!world_start(&p->w, buf_z(&extra)))
        return false;
    p->core = (struct core){.ev = p->w.ev,
                            .conf = p->w.conf,
                            .store = p->w.store,
                            .ca = p->w.ca,
                            .acme = p->w.acme,
                            .control = -1};
    list_init(&p->core.far);
    p->env = (struct role_env){.role = ROLE_CORE, .ev = p->w.ev, .conf = p->w.conf};
    p->env.state = &p->core;
    if (connect_to(p, ROLE_FRONT, of_front, &p->core_front, &p->front) != RC_OK ||
        connect_to(p, ROLE_PROBER, of_prober, &p->core_prober, &p->prober) != RC_OK)
        return false;
    p->core.front = p->core_front;
    p->core.prober = p->core_prober;
    return true;
}

#define BEGIN_WITH(p, eku, end)                                                                    \
    CLEANUP(play_done) struct play p = {.w.dir.fd = -1};                                           \
    CHECK(play_init(&p, eku, end))
#define BEGIN(p) BEGIN_WITH(p, X509_EKU_CLIENT_AUTH, WORLD_NOW + WHEN_DAY)

static void on_result(void *arg, const struct acme_validated *v)
{
    struct play *p = arg;

    p->results++;
    p->rc = v->rc;
    p->why[0] = '\0';
    if (v->why)
        err_textz(v->why, p->why, sizeof(p->why));
    IGNORE_RC(str_copyz(v->evidence, p->seen, sizeof(p->seen)));
}

static void validate(struct play *p, const char *identifier)
{
    const struct acme_validation v = {.challenge = STR("http-01"),
                                      .identifier_type = STR("dns"),
                                      .identifier = str_of(identifier),
                                      .token = STR("t"),
                                      .key_authorization = STR("t.k"),
                                      .attempt = 1};
    size_t before = p->results;

    CHECK_OK(core_validate(&p->core, &v, on_result, p));
    CHECK_INT(p->results, before); /* later, never from inside */
    world_spin(&p->w);
}

static void on_told(void *arg, const struct ipc_answer *a)
{
    struct play *p = arg;

    p->rc = a->rc;
    p->code[0] = '\0';
    if (a->err && a->err->msg)
        IGNORE_RC(str_copyz(str_of(a->err->msg->code), p->code, sizeof(p->code)));
}

static enum rc tell(struct play *p, const char *name, struct str der, bool here)
{
    const struct ipc_prober msg = {.name = str_of(name),
                                   .here = here,
                                   .address = {4, {10, 9, 0, 2}},
                                   .program = STR("0.1.0"),
                                   .certificate = der,
                                   .since = WORLD_NOW};
    const struct ipc_ask ask = {IPC_PROBER, &msg, 0, NULL, on_told, p};

    p->rc = RC_COUNT;
    TRY(ipc_call(p->front, &ask, NULL));
    world_spin(&p->w);
    return p->rc;
}

/* ---- what is to hold */

static void ours_never_takes_its_place(void)
{
    BEGIN(p);
    validate(&p, "wiki.ward.hospital.example");
    CHECK_RC(p.rc, RC_CLOSED);
    CHECK(strstr(p.why, "the prober ward, which alone validates wiki.ward.hospital.example, is "
                        "not connected") ||
          mem_fail_fired());
    validate(&p, "10.7.1.2");
    CHECK_RC(p.rc, RC_CLOSED);
    CHECK_INT(p.own, 0);
    CHECK_INT(p.far, 0);
    validate(&p, "wiki.hospital.example");
    CHECK_RC(p.rc, RC_OK);
    CHECK_INT(p.own, 1);
    CHECK_INT(p.far, 0);
}

static void asks_the_one_that_is_here(void)
{
    BEGIN(p);
    CHECK_OK(put_in_register(&p));
    CHECK_OK(tell(&p, "ward", buf_str(&p.der), true));
    validate(&p, "wiki.ward.hospital.example");
    CHECK_RC(p.rc, RC_OK);
    CHECK_INT(p.far, 1);
    CHECK_INT(p.own, 0);
    CHECK_STR(str_of(p.seen), "{\"prober\":\"ward\",\"seen\":{\"a\":1}}");
    CHECK_OK(tell(&p, "ward", STR(""), false));
    validate(&p, "wiki.ward.hospital.example");
    CHECK_RC(p.rc, RC_CLOSED);
    CHECK_INT(p.far, 1);
}

/* Front fell silent about it: so it is not there. */
static void silence_is_absence(void)
{
    BEGIN(p);
    CHECK_OK(put_in_register(&p));
    CHECK_OK(tell(&p, "ward", buf_str(&p.der), true));
    clock_fake_advance(&p.w.clock, CORE_REMOTE_SILENCE);
    validate(&p, "wiki.ward.hospital.example");
    CHECK_RC(p.rc, RC_CLOSED);
}

/* A proof whose evidence is none proves nothing, and cannot spoil the trail. */
static void nonsense_is_no_proof(void)
{
    static const char *const bad[] = {"{\"a\":1},\"prober\":\"other\"", "{", "x", "{} {}"};

    BEGIN(p);
    CHECK_OK(put_in_register(&p));
    CHECK_OK(tell(&p, "ward", buf_str(&p.der), true));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        p.evidence = str_of(bad[i]);
        validate(&p, "wiki.ward.hospital.example");
        CHECK(p.rc != RC_OK && p.rc != RC_DENIED);
        CHECK_STR(str_of(p.seen), "");
    }
}

/* One that takes and does not answer has its share, and others are asked all the same. */
static void has_its_share(void)
{
    BEGIN(p);
    CHECK_OK(put_in_register(&p));
    CHECK_OK(tell(&p, "ward", buf_str(&p.der), true));
    p.silent = true;
    for (int i = 0; i < CORE_REMOTE_SHARE; i++)
        validate(&p, "wiki.ward.hospital.example");
    CHECK_INT(p.results, 0);
    validate(&p, "wiki.ward.hospital.example");
    CHECK_RC(p.rc, RC_QUOTA);
    CHECK_INT(p.far, CORE_REMOTE_SHARE);
    validate(&p, "wiki.hospital.example");
    CHECK_RC(p.rc, RC_OK);
}

static void register_decides(void)
{
    BEGIN(p);
    CHECK_RC(tell(&p, "ward", buf_str(&p.der), true), RC_DENIED);
    CHECK_STR(str_of(p.code), "core.prober-not-ours");
    CHECK_OK(put_in_register(&p));
    CHECK_RC(tell(&p, "other", buf_str(&p.der), true), RC_DENIED);
    CHECK_STR(str_of(p.code), "core.prober-unknown");
    CHECK_RC(tell(&p, "ward", STR("nonsense"), true), RC_DENIED);
    CHECK_OK(tell(&p, "ward", buf_str(&p.der), true));
    CHECK_OK(write_it(&p, revoke_fn));
    CHECK_RC(tell(&p, "ward", buf_str(&p.der), true), RC_DENIED);
    CHECK_STR(str_of(p.code), "core.prober-revoked");
    validate(&p, "wiki.ward.hospital.example");
    CHECK_RC(p.rc, RC_CLOSED);
}

static void what_it_is_for_and_how_long(void)
{
    {
        BEGIN_WITH(p, X509_EKU_SERVER_AUTH, WORLD_NOW + WHEN_DAY);
        CHECK_OK(put_in_register(&p));
        CHECK_RC(tell(&p, "ward", buf_str(&p.der), true), RC_DENIED);
        CHECK_STR(str_of(p.code), "core.prober-not-client");
    }
    {
        BEGIN_WITH(p, X509_EKU_CLIENT_AUTH, WORLD_NOW);
        CHECK_OK(put_in_register(&p));
        CHECK_RC(tell(&p, "ward", buf_str(&p.der), true), RC_DENIED);
        CHECK_STR(str_of(p.code), "core.prober-expired");
    }
}

CHECK_MAIN(CHECK_TEST_ONCE(ours_never_takes_its_place), CHECK_TEST_ONCE(asks_the_one_that_is_here),
           CHECK_TEST_ONCE(silence_is_absence), CHECK_TEST_ONCE(nonsense_is_no_proof),
           CHECK_TEST_ONCE(has_its_share), CHECK_TEST_ONCE(register_decides),
           CHECK_TEST_ONCE(what_it_is_for_and_how_long))
