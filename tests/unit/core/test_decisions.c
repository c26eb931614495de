/* SPDX-License-Identifier: Apache-2.0 */
/* Persons decide at the control socket: what they see, what they may, and that commands say why
 * where that is wanted. */
#include "acme_client.h"

#include <stdio.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/text.h"
#include "core/core_int.h"
#include "log/log.h"
#include "net/net.h"
#include "store/approvals.h"
#include "store/certificates.h"
#include "store/locks.h"
#include "x509/csr.h"

#define CONFIG                                                                                     \
    WORLD_CONFIG                                                                                   \
    "    approval: true\n"                                                                         \
    "  - {name: two, allow: [two.hospital.example], approval: true, approvers: 2}\n"               \
    "  - {name: hands, from: [operators], allow: [\"*.hospital.example\"], approval: true}\n"
#define REASONED                                                                                   \
    WORLD_CONFIG                                                                                   \
    "    approval: true\n"                                                                         \
    "    reason: true\n"
#define OTHER "  - {name: other, allow: [other.hospital.example], reason: true}\n"
#define PEOPLE "control: {people: [a, b]}\n"
#define A "a.hospital.example"

struct play {
    struct world w;
    struct client c;
    struct core core;
    struct ipc_chan *admin;
    int control;
    char path[128];
    enum rc rc;
    bool answered;
    struct buf json;
    char code[64]; /* of an error's message */
    struct arena arena;
};

static void quiet(void *, enum log_level, struct str)
{
}

static void on_close(void *, enum rc, const struct err *)
{
}

static void answered(void *arg, const struct ipc_answer *a)
{
    struct play *p = arg;

    p->rc = a->rc;
    p->answered = true;
    p->code[0] = '\0';
    if (a->err && a->err->msg)
        snprintf(p->code, sizeof(p->code), "%s", a->err->msg->code);
    buf_reset(&p->json);
    if (a->rc == RC_OK)
        buf_puts(&p->json, ((const struct ipc_admin_reply *)a->msg)->json);
}

static enum rc ask(struct play *p, const char *command, const char *args)
{
    struct ipc_admin msg = {str_of(command), str_of(args)};
    struct ipc_ask ask = {.type = IPC_ADMIN, .msg = &msg, .fn = answered, .arg = p};

    p->answered = false;
    TRY(ipc_call(p->admin, &ask, NULL));
    for (int i = 0; i < 100 && !p->answered; i++)
        world_spin(&p->w);
    return p->answered ? p->rc : RC_TIMEOUT;
}

static void play_done(struct play *p)
{
    client_done(&p->c);
    ipc_chan_free(p->admin);
    if (p->control >= 0)
        core_admin_stop(&p->core);
    fd_close(&p->control);
    buf_done(&p->json);
    arena_done(&p->arena);
    world_done(&p->w);
}

static bool take_conf(struct play *p, const char *text)
{
    if (!world_reload(&p->w, text))
        return false;
    p->core.conf = p->w.conf;
    p->core.policy = p->w.policy;
    return true;
}

static bool play_init(struct play *p)
{
    struct log_conf quietly = {.role = "test", .sink = quiet};
    struct ipc_chan_conf conf = {ROLE_ADMIN, ROLE_CORE, NULL, 0, on_close, p};
    int fd;

    log_init(&quietly);
    buf_init(&p->json, 4 << 20);
    arena_init(&p->arena, 4 << 20);
    if (!world_start(&p->w, NULL))
        return false;
    p->core = (struct core){.ev = p->w.ev,
                            .store = p->w.store,
                            .ca = p->w.ca,
                            .acme = p->w.acme,
                            .revocation = p->w.revocation,
                            .admin_uid = geteuid(),
                            .people = {geteuid()},
                            .n_people = 1};
    list_init(&p->core.admins);
    snprintf(p->path, sizeof(p->path), "%s/control.sock", p->w.dir.path);
    if (!take_conf(p, CONFIG PEOPLE) || net_listen_unix(p->path, 0600, &p->control, NULL) != RC_OK)
        return false;
    p->core.control = p->control;
    return core_admin_start(&p->core) == RC_OK && net_connect_unix(p->path, &fd, NULL) == RC_OK &&
           ipc_chan_new(p->w.ev, fd, &conf, &p->admin) == RC_OK && client_start(&p->c, &p->w) &&
           client_register(&p->c);
}

#define BEGIN(p)                                                                                   \
    CLEANUP(play_done) struct play p = {.control = -1, .w.dir.fd = -1};                            \
    CHECK(play_init(&p))

/* An order that waits; the id of its approval. */
static bool waits(struct play *p, const char *name, char order[static 256],
                  struct store_approval *out)
{
    CLEANUP(reply_done) struct reply r = {.x = NULL};
    struct store_approval *list = NULL;
    size_t n = 0;

    clock_fake_advance(&p->w.clock, WHEN_SECOND);
    if (!client_order(&p->c, name, order) || !client_validate(&p->c, order))
        return false;
    r = client_finalize(&p->c, order, name);
    if (!str_eq(reply_text(&r, "status"), STR("processing")) ||
        store_approval_list(store_read(p->w.store), &p->arena, &(struct store_cursor){}, 0, &list,
                            &n) != RC_OK ||
        n == 0)
        return false;
    *out = list[0];
    return true;
}

static struct str reason_of_newest(struct play *p)
{
    struct store_certificate_filter acme = {.origin = STR("acme")};
    struct store_cursor at = {0};
    struct store_certificate *list;
    size_t n;

    if (store_certificate_list(store_read(p->w.store), &p->arena, &acme, &at, &list, &n) != RC_OK)
        return STR("no list");
    return n ? list[0].reason : STR("none");
}

static enum rc on(struct play *p, const char *command, const struct store_approval *row,
                  const char *more)
{
    char args[256];

    snprintf(args, sizeof(args), "{\"id\":\"%s\"%s}", row->id.z, more);
    return ask(p, command, args);
}

#define STATUS(p, order, want)                                                                     \
    do {                                                                                           \
        CLEANUP(reply_done) struct reply r_ = client_post(&(p)->c, (order), "");                   \
                                                                                                   \
        CHECK_STR(reply_text(&r_, "status"), (want));                                              \
    } while (0)

static void sees_all_and_grants(void)
{
    struct store_approval row;
    char order[256];

    BEGIN(p);
    CHECK(waits(&p, A, order, &row));
    CHECK_OK(on(&p, "approval show", &row, ""));
    CHECK(strstr(buf_z(&p.json), "\"names\":[{\"name\":\"" A "\"}]"));
    CHECK(strstr(buf_z(&p.json), "\"rules\":\"all\""));
    CHECK(strstr(buf_z(&p.json), "BEGIN CERTIFICATE REQUEST"));
    CHECK_OK(ask(&p, "approval list", "{}"));
    CHECK(strstr(buf_z(&p.json), row.id.z));
    CHECK_RC(on(&p, "approval grant", &row, ",\"for\":\"never\""), RC_INVAL);
    CHECK_RC(on(&p, "approval grant", &row, ",\"for\":\"20000d\""), RC_INVAL);
    CHECK_RC(ask(&p, "approval grant", "{\"id\":\"x\"}"), RC_NOTFOUND);
    CHECK_OK(on(&p, "approval grant", &row, ",\"dry_run\":true"));
    STATUS(&p, order, "processing");
    CHECK_OK(on(&p, "approval grant", &row, ",\"renewals\":true,\"for\":\"100d\""));
    CHECK_RC(on(&p, "approval grant", &row, ""), RC_CONFLICT);
    STATUS(&p, order, "valid");
    CHECK_OK(store_approval_get(store_read(p.w.store), &p.arena, &row.id, &row));
    CHECK_INT(row.scope, STORE_APPROVAL_RENEWALS);
    CHECK_INT(row.expires, clock_now(ev_clock(p.w.ev)) + 100 * WHEN_DAY);
    p.core.n_people = 0;
    CHECK_RC(on(&p, "approval grant", &row, ""), RC_DENIED);
    CHECK_STR(str_of(p.code), "core.approval-people");
}

static void denies_with_a_reason(void)
{
    struct store_approval row;
    char order[256];

    BEGIN(p);
    CHECK(waits(&p, A, order, &row));
    CHECK_RC(on(&p, "approval deny", &row, ""), RC_INVAL);
    STATUS(&p, order, "processing");
    CHECK_OK(on(&p, "approval deny", &row, ",\"reason\":\"no\""));
    STATUS(&p, order, "invalid");
    CHECK_RC(on(&p, "approval grant", &row, ""), RC_CONFLICT);
}

/* Where the rule that allows it wants one, as it is now; of those who ask themselves, before. */
static void grants_with_a_reason(void)
{
    struct store_approval row;
    char order[256];

    BEGIN(p);
    CHECK(waits(&p, A, order, &row));
    CHECK(take_conf(&p, CONFIG OTHER PEOPLE));
    CHECK_OK(on(&p, "approval grant", &row, ",\"dry_run\":true"));
    CHECK(take_conf(&p, REASONED PEOPLE));
    CHECK_RC(on(&p, "approval grant", &row, ""), RC_INVAL);
    CHECK_STR(str_of(p.code), "core.approval-reason-wanted");
    CHECK_RC(on(&p, "approval grant", &row, ",\"reason\":\" \\t\""), RC_INVAL);
    CHECK_RC(on(&p, "approval grant", &row, ",\"reason\":\"  \""), RC_INVAL);
    CHECK_STR(str_of(p.code), "core.approval-reason-wanted");
    STATUS(&p, order, "processing");
    CHECK_OK(on(&p, "approval grant", &row, ",\"reason\":\" T-7 \""));
    STATUS(&p, order, "valid");
    CHECK_STR(reason_of_newest(&p), "T-7");
}

static enum rc vote(struct store_txn *txn, void *arg)
{
    const struct store_approval *row = arg;
    struct store_approval_vote other = {.by = 4242,
                                        .at = WORLD_NOW,
                                        .grant = true,
                                        .scope = STORE_APPROVAL_ONCE,
                                        .until = WORLD_NOW + WHEN_DAY};
    uint64_t granted;

    return store_approval_vote(txn, &row->id, &other, &granted);
}

/* The same person counts once, and the narrower of two grants counts. */
static void two_different_persons(void)
{
    struct store_approval row;
    char order[256];

    BEGIN(p);
    CHECK(waits(&p, "two.hospital.example", order, &row));
    CHECK_OK(on(&p, "approval grant", &row, ",\"for\":\"30d\""));
    STATUS(&p, order, "processing");
    CHECK_RC(on(&p, "approval grant", &row, ",\"for\":\"30d\""), RC_EXISTS);
    CHECK_STR(str_of(p.code), "core.approval-voted");
    STATUS(&p, order, "processing");
    CHECK_OK(on(&p, "approval deny", &row, ",\"reason\":\"no\""));
    STATUS(&p, order, "invalid");
    CHECK(waits(&p, "two.hospital.example", order, &row));
    CHECK_OK(store_write_now(p.w.store, vote, &row));
    CHECK_OK(on(&p, "approval grant", &row, ",\"for\":\"30d\""));
    CHECK_OK(store_approval_get(store_read(p.w.store), &p.arena, &row.id, &row));
    CHECK_INT(row.scope, STORE_APPROVAL_ONCE);
    CHECK_INT(row.expires, WORLD_NOW + WHEN_DAY);
    STATUS(&p, order, "valid");
}

static bool sign_args(struct buf *out, const char *more)
{
    CLEANUP(crypto_key_unrefp) struct crypto_key *key = NULL;
    CLEANUP(buf_done) struct buf csr = BUF_INIT(X509_CSR_MAX);
    struct str name = STR(A);
    struct x509_csr_in in = {.dns = &name, .n_dns = 1};
    struct crypto_key_spec spec;

    if (crypto_key_spec_parse(STR("ecdsa"), &spec) != RC_OK ||
        crypto_key_generate(spec, &key) != RC_OK)
        return false;
    in.key = key;
    if (x509_csr_build(&in, &csr, NULL) != RC_OK)
        return false;
    buf_reset(out);
    buf_putz(out, "{\"csr\":\"");
    text_b64url(out, buf_str(&csr));
    buf_printf(out, "\"%s}", more);
    return buf_rc(out) == RC_OK;
}

/* Nobody allows their own; what another person allows counts once. */
static void operators_wait_as_well(void)
{
    CLEANUP(buf_done) struct buf args = BUF_INIT(1 << 16);
    struct store_approval *list;
    size_t n;

    BEGIN(p);
    CHECK(sign_args(&args, ",\"reason\":\"INC-1\""));
    CHECK_RC(ask(&p, "cert sign", buf_z(&args)), RC_DENIED);
    CHECK_STR(str_of(p.code), API_APPROVAL_WAITS);
    CHECK_RC(ask(&p, "cert sign", buf_z(&args)), RC_DENIED);
    CHECK_OK(store_approval_list(store_read(p.w.store), &p.arena, &(struct store_cursor){}, 0,
                                 &list, &n));
    CHECK_INT(n, 1);
    CHECK_STR(list[0].reason, "INC-1");
    CHECK_RC(on(&p, "approval grant", &list[0], ""), RC_DENIED);
    CHECK_STR(str_of(p.code), "core.approval-own");
    CHECK(sign_args(&args, ",\"dry_run\":true"));
    CHECK_OK(ask(&p, "cert sign", buf_z(&args)));
    CHECK(strstr(buf_z(&p.json), "\"approvers\":1"));
}

/* For the certificate, whatever commands need. */
static void operators_give_a_reason(void)
{
    static const char *const none[] = {"", ",\"reason\":\"\"", ",\"reason\":\"   \""};
    CLEANUP(buf_done) struct buf args = BUF_INIT(1 << 16);

    BEGIN(p);
    CHECK(take_conf(&p, WORLD_CONFIG "    reason: true\n"));
    for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
        CHECK(sign_args(&args, none[i]));
        CHECK_RC(ask(&p, "cert sign", buf_z(&args)), RC_DENIED);
        CHECK_STR(str_of(p.code), "api.sign-reason");
    }
    CHECK(sign_args(&args, ",\"reason\":\" T-8\""));
    CHECK_OK(ask(&p, "cert sign", buf_z(&args)));
    CHECK(strstr(buf_z(&p.json), "\"why\":\"T-8\""));
}

static void commands_say_why(void)
{
    static const char *const commands[] = {
        "cert sign",     "cert revoke",     "ui link",        "reload",        "site renew",
        "issuer change", "eab create",      "approval grant", "eab revoke",    "account deactivate",
        "renewal pull",  "issuance freeze", "drill runner",   "signer restart"};

    BEGIN(p);
    CHECK_RC(ask(&p, "cert revoke", "{}"), RC_INVAL);
    CHECK(strcmp(p.code, "core.admin-reason") != 0);
    CHECK(take_conf(&p, CONFIG "control: {people: [a, b], reasons: required}\n"));
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        CHECK_RC(ask(&p, commands[i], "{\"reason\":\" \",\"why\":\" \"}"), RC_INVAL);
        CHECK_STR(str_of(p.code), "core.admin-reason");
        IGNORE_RC(ask(&p, commands[i], "{\"dry_run\":true}"));
        CHECK(strcmp(p.code, "core.admin-reason") != 0);
    }
    CHECK_OK(ask(&p, "issuance freeze", "{\"reason\":\"INC-1\"}"));
    CHECK_OK(ask(&p, "status", "{}"));
}

static enum rc lock_by(struct store_txn *txn, void *who)
{
    struct store_lock lock = {
        .scope = STORE_LOCK_ALL, .reason = STR("INC-1"), .set_by = str_of(who), .set = WORLD_NOW};

    TRY(id_new(&lock.id));
    return store_lock_add(txn, &lock);
}

/* The configuration that wanted two persons for a restore may have been exchanged since. */
static void what_a_restore_froze_takes_two(void)
{
    struct store_approval *list;
    struct store_lock *locks;
    size_t n;

    BEGIN(p);
    CHECK_INT(p.core.conf->control.two_persons, 0);
    CHECK_OK(store_write_now(p.w.store, lock_by, "uid 0"));
    CHECK_OK(ask(&p, "issuance thaw", "{}"));
    CHECK_OK(store_write_now(p.w.store, lock_by, STORE_LOCK_BY_RESTORE));
    CHECK_RC(ask(&p, "issuance thaw", "{}"), RC_DENIED);
    CHECK_STR(str_of(p.code), API_APPROVAL_WAITS);
    CHECK_OK(store_approval_list(store_read(p.w.store), &p.arena, &(struct store_cursor){}, 0,
                                 &list, &n));
    CHECK_INT(n, 1);
    CHECK_RC(on(&p, "approval grant", &list[0], ""), RC_DENIED);
    CHECK_STR(str_of(p.code), "core.approval-own");
    CHECK_OK(store_lock_active(store_read(p.w.store), &p.arena, &locks, &n));
    CHECK_INT(n, 1);
}

CHECK_MAIN(CHECK_TEST_ONCE(sees_all_and_grants), CHECK_TEST_ONCE(denies_with_a_reason),
           CHECK_TEST_ONCE(grants_with_a_reason), CHECK_TEST_ONCE(two_different_persons),
           CHECK_TEST_ONCE(operators_wait_as_well), CHECK_TEST_ONCE(operators_give_a_reason),
           CHECK_TEST_ONCE(commands_say_why), CHECK_TEST_ONCE(what_a_restore_froze_takes_two))
