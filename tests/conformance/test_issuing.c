/* SPDX-License-Identifier: Apache-2.0 */
/* The power is cut at every point of real issuing: several ACME clients at once, from account to
 * certificate and revocation, while the signer comes and goes and core starts again. Whatever the
 * disk then holds, a CA that starts on it has all that was acknowledged and finishes what was
 * begun. Meanwhile an operator has certificates made with keys in escrow: of these, both are there
 * or neither. */
#include "acme_client.h"

#include "base/text.h"
#include "power.h"
#include "store/escrows.h"
#include "unit/store/fixture.h"
#include "x509/cert.h"

enum { CLIENTS = 4, TICKS = 24, ACKS_MAX = 512, KEPT_MAX = 16 << 20, PAYLOAD_MAX = 64 * 1024 };

/* What an answer promised. */
enum fact { ACCOUNT, ORDER, CHALLENGE, CERTIFICATE, REVOKED, ESCROWED };

struct ack {
    enum fact fact;
    struct id id;                   /* of what it is about */
    enum store_order_status status; /* of an order */
    struct str der;                 /* of a certificate */
};

/* How often the run synchronises: at every commit, at checkpoints only, never. */
enum care { FULL, NORMAL, NEVER };

struct run {
    struct world w;
    struct vfs *v;
    enum care care;
    struct arena kept;
    struct ack acks[ACKS_MAX];
    size_t n_acks;
    bool failed;                      /* to keep record */
    struct id revoking;               /* what the next revocation is about */
    struct store_certificate *issued; /* by the end of the run that was not cut short */
    size_t n_issued;
    when_t end;
    unsigned lost;      /* states in which something acknowledged was not there */
    unsigned recovered; /* reservations that recovery found */
    unsigned escrowed;  /* keys in escrow that were found, in all states together */
};

static void run_done(struct run *run)
{
    world_done(&run->w);
    arena_done(&run->kept);
    vfs_free(run->v);
}

/* ---- what is acknowledged, the moment it is */

static struct id id_behind(struct str path, const char *head)
{
    struct str rest = str_skip(path, strlen(head));
    struct id id = {""};

    IGNORE_RC(id_parse(str_head(rest, str_find(rest, '/')), &id)); /* the check finds "" lost */
    return id;
}

static struct id id_located(const struct http_exchange *x)
{
    struct str url = world_header(x, "Location");
    struct id id = {""};

    if (url.n >= ID_TEXT)
        IGNORE_RC(id_parse(str_skip(url, url.n - (ID_TEXT - 1)), &id));
    return id;
}

static bool note_order(const struct http_exchange *x, struct ack *ack)
{
    CLEANUP(json_freep) struct json_doc *doc = NULL;
    struct str status;

    if (json_parse(buf_str(&x->res.body), PAYLOAD_MAX, &doc, NULL) != RC_OK ||
        json_str(json_get(json_root(doc), "status"), &status) != RC_OK)
        return false;
    for (unsigned s = 0; s < STORE_ORDER_STATUSES; s++)
        if (str_eq(status, str_of(store_order_status_text(s)))) {
            ack->status = s;
            return true;
        }
    return false;
}

static bool note_certificate(struct run *run, const struct http_exchange *x, struct ack *ack)
{
    struct x509_cert *chain;
    size_t n;

    if (x509_cert_read_pem(&run->kept, buf_str(&x->res.body), 4, &chain, &n, NULL) != RC_OK)
        return false;
    ack->der = chain[0].der;
    return true;
}

static bool note(struct run *run, const struct http_exchange *x, struct ack *ack)
{
    struct str path = x->req.path;

    if (str_eq(path, STR("/acme/new-account"))) {
        *ack = (struct ack){.fact = ACCOUNT, .id = id_located(x)};
        return true;
    }
    if (str_eq(path, STR("/acme/new-order"))) {
        *ack = (struct ack){.fact = ORDER, .id = id_located(x)};
        return note_order(x, ack);
    }
    if (str_starts(path, STR("/acme/order/"))) {
        *ack = (struct ack){.fact = ORDER, .id = id_behind(path, "/acme/order/")};
        return note_order(x, ack);
    }
    if (str_starts(path, STR("/acme/challenge/"))) {
        *ack = (struct ack){.fact = CHALLENGE, .id = id_behind(path, "/acme/challenge/")};
        return true;
    }
    if (str_starts(path, STR("/acme/certificate/"))) {
        *ack = (struct ack){.fact = CERTIFICATE, .id = id_behind(path, "/acme/certificate/")};
        return note_certificate(run, x, ack);
    }
    *ack = (struct ack){.fact = REVOKED, .id = run->revoking};
    return str_eq(path, STR("/acme/revoke-cert"));
}

static void on_answer(void *arg, const struct http_exchange *x)
{
    struct run *run = arg;

    if (x->res.status >= 300 || !str_eq(x->req.method, STR("POST")) ||
        str_starts(x->req.path, STR("/acme/authorization/")))
        return;
    if (run->n_acks == ACKS_MAX || !note(run, x, &run->acks[run->n_acks])) {
        run->failed = true;
        return;
    }
    vfs_mark(run->v, run->n_acks++);
}

/* ---- an operator, who has no order: what is cut short is voided */

static void on_escrowed(void *arg, enum rc rc, const struct store_certificate *certificate,
                        const struct err *)
{
    struct run *run = arg;

    if (rc != RC_OK)
        return; /* the signer is away, or core ended */
    if (run->n_acks == ACKS_MAX) {
        run->failed = true;
        return;
    }
    run->acks[run->n_acks] = (struct ack){.fact = ESCROWED, .id = certificate->id};
    vfs_mark(run->v, run->n_acks++);
}

/* What is sealed is nothing to the database. */
static bool begin_escrow(struct run *run)
{
    CLEANUP(crypto_key_unrefp) struct crypto_key *key = NULL;
    struct str name = STR("escrow.hospital.example");
    struct ca_request request = {
        .profile = STR("default"),
        .key_type = CRYPTO_KEY_P256,
        .dns = &name,
        .n_dns = 1,
        .origin = STR("operator"),
        .asker = STR("uid 0"),
        .key_made = true,
        .escrow = STR("sealed"),
    };
    enum rc rc = crypto_key_generate((struct crypto_key_spec){CRYPTO_KEY_P256, 0}, &key);

    if (rc != RC_OK)
        return false;
    request.spki = crypto_key_spki(key);
    return ca_issue(run->w.ca, &request, on_escrowed, run, NULL) == RC_OK;
}

/* ---- the clients, a step each per tick, all steps of a tick under way at once */

enum step { REGISTER, NEW_ORDER, PROVE, FINALIZE, POLL, FETCH, REVOKE };

struct worker {
    struct client c;
    unsigned number, orders;
    enum step step;
    char name[64], order[256], url[256];
    struct str der;
    struct world_call call;
};

static bool begin_order(struct worker *k)
{
    char payload[256];

    snprintf(k->name, sizeof(k->name), "h%u.c%u.hospital.example", k->orders++, k->number);
    snprintf(payload, sizeof(payload), "{\"identifiers\":[{\"type\":\"dns\",\"value\":\"%s\"}]}",
             k->name);
    return client_begin(&k->c, "/acme/new-order", payload, &k->call);
}

static bool begin_finalize(struct worker *k)
{
    CLEANUP(buf_done) struct buf payload = BUF_INIT(PAYLOAD_MAX);
    char url[300];

    snprintf(url, sizeof(url), "%s/finalize", k->order);
    return client_csr(k->name, &payload) && client_begin(&k->c, url, buf_z(&payload), &k->call);
}

static bool begin_revoke(struct run *run, struct worker *k)
{
    CLEANUP(buf_done) struct buf payload = BUF_INIT(PAYLOAD_MAX);

    run->revoking = id_behind(str_skip(str_of(k->url), strlen(CLIENT_BASE)), "/acme/certificate/");
    buf_putz(&payload, "{\"certificate\":\"");
    text_b64url(&payload, k->der);
    buf_putz(&payload, "\"}");
    return client_begin(&k->c, "/acme/revoke-cert", buf_z(&payload), &k->call);
}

/* What has to be asked alone, so that begin_step only sends. */
static bool prepare_step(struct worker *k)
{
    if (k->step == PROVE && !client_challenge(&k->c, k->order, k->url))
        return false;
    return client_nonce(&k->c, k->c.nonce);
}

static bool begin_step(struct run *run, struct worker *k)
{
    switch (k->step) {
    case REGISTER:
        return client_begin(&k->c, "/acme/new-account", "{\"termsOfServiceAgreed\":true}",
                            &k->call);
    case NEW_ORDER:
        return begin_order(k);
    case PROVE:
        return client_begin(&k->c, k->url, "{}", &k->call);
    case FINALIZE:
        return begin_finalize(k);
    case POLL:
        return client_begin(&k->c, k->order, "", &k->call);
    case FETCH:
        return client_begin(&k->c, k->url, "", &k->call);
    case REVOKE:
        return begin_revoke(run, k);
    }
    return false;
}

static bool order_answered(struct worker *k, const struct reply *r)
{
    if (str_eq(reply_text(r, "status"), STR("processing"))) {
        k->step = POLL;
        return true;
    }
    k->step = FETCH;
    return str_copyz(reply_text(r, "certificate"), k->url, sizeof(k->url)) == RC_OK && k->url[0];
}

static bool certificate_answered(struct run *run, struct worker *k)
{
    k->der = run->acks[run->n_acks - 1].der;
    for (size_t i = 0; i < run->n_acks; i++)
        if (run->acks[i].fact == CERTIFICATE && str_ends(str_of(k->url), id_str(&run->acks[i].id)))
            k->der = run->acks[i].der;
    /* One at a time, for `revoking`. */
    k->step = k->number == 0 ? REVOKE : NEW_ORDER;
    return true;
}

static bool end_step(struct run *run, struct worker *k)
{
    CLEANUP(reply_done) struct reply r = client_end(&k->call);

    if (!r.x || r.status >= 300)
        return false;
    switch (k->step) {
    case REGISTER:
        k->step = NEW_ORDER;
        return str_copyz(world_header(r.x, "Location"), k->c.kid, sizeof(k->c.kid)) == RC_OK;
    case NEW_ORDER:
        k->step = PROVE;
        return str_copyz(world_header(r.x, "Location"), k->order, sizeof(k->order)) == RC_OK;
    case PROVE:
        k->step = FINALIZE;
        return true;
    case FINALIZE:
    case POLL:
        return order_answered(k, &r);
    case FETCH:
        return certificate_answered(run, k);
    case REVOKE:
        k->step = NEW_ORDER;
        return true;
    }
    return false;
}

static bool take_care(struct run *run)
{
    return run->care != NORMAL ||
           sql_exec(&run->w.store->write_db, "PRAGMA synchronous = NORMAL") == RC_OK;
}

/* What befalls the processes. */
static bool disturb(struct run *run, unsigned tick)
{
    if (tick % 7 == 3)
        world_signer(&run->w, false);
    if (tick == 11 || tick == 18)
        return world_restart(&run->w) && take_care(run);
    if (tick % 7 == 6)
        world_signer(&run->w, true);
    if (tick % 5 == 4)
        return store_checkpoint(run->w.store) == RC_OK;
    return true;
}

/* Each begins a tick later than the one before: so each commit has jobs of several kinds. */
static bool busy_tick(struct run *run, struct worker *workers, unsigned tick)
{
    size_t n = tick < CLIENTS ? tick + 1 : CLIENTS;

    clock_fake_advance(&run->w.clock, WHEN_SECOND);
    if (!disturb(run, tick))
        return false;
    world_spin(&run->w);
    for (size_t i = 0; i < n; i++)
        if (!prepare_step(&workers[i]))
            return false;
    if (!begin_escrow(run))
        return false;
    for (size_t i = 0; i < n; i++)
        if (!begin_step(run, &workers[i]))
            return false;
    for (size_t i = 0; i < n; i++)
        if (!end_step(run, &workers[i]))
            return false;
    return true;
}

static bool busy_run(struct run *run)
{
    struct store_certificate_filter all = {.statuses = 0};
    struct worker workers[CLIENTS] = {};
    struct store_cursor at = {0};
    bool good = true;

    for (unsigned i = 0; i < CLIENTS; i++) {
        workers[i].number = i;
        good = good && client_start(&workers[i].c, &run->w);
    }
    for (unsigned tick = 0; good && tick < TICKS; tick++)
        good = busy_tick(run, workers, tick);
    for (unsigned i = 0; i < CLIENTS; i++)
        client_done(&workers[i].c);
    world_signer(&run->w, true);
    world_spin(&run->w);
    run->end = run->w.clock.now;
    return good && !run->failed &&
           store_certificate_list(store_read(run->w.store), &run->kept, &all, &at, &run->issued,
                                  &run->n_issued) == RC_OK;
}

/* ---- after the lights came back */

static const char *ack_lost(struct store_txn *txn, struct arena *a, const struct ack *ack)
{
    struct store_account account;
    struct store_order order;
    struct store_challenge challenge;
    struct store_certificate certificate;
    struct store_escrow escrow;

    switch (ack->fact) {
    case ACCOUNT:
        return store_account_get(txn, a, &ack->id, &account) == RC_OK ? NULL : "an account";
    case ORDER:
        if (store_order_get(txn, a, &ack->id, &order) != RC_OK)
            return "an order";
        return order.status >= ack->status && order.status <= STORE_ORDER_VALID
                   ? NULL
                   : "the status of an order";
    case CHALLENGE:
        /* The prober, asked again by recovery, found it proven. */
        return store_challenge_get(txn, a, &ack->id, &challenge) == RC_OK &&
                       challenge.status == STORE_CHALLENGE_VALID
                   ? NULL
                   : "a challenge";
    case CERTIFICATE:
        return store_certificate_get(txn, a, &ack->id, &certificate) == RC_OK &&
                       str_eq(certificate.der, ack->der)
                   ? NULL
                   : "a certificate";
    case REVOKED:
        return store_certificate_get(txn, a, &ack->id, &certificate) == RC_OK &&
                       certificate.status == STORE_CERTIFICATE_REVOKED
                   ? NULL
                   : "a revocation";
    case ESCROWED:
        return store_escrow_get(txn, a, &ack->id, &escrow) == RC_OK ? NULL : "a key in escrow";
    }
    return NULL;
}

static bool acks_hold(struct run *run, struct arena *a, const uint64_t *marks, size_t n,
                      char why[static 256])
{
    for (size_t i = 0; i < n; i++) {
        const struct ack *ack = &run->acks[marks[i]];
        const char *lost = ack_lost(store_read(run->w.store), a, ack);

        if (lost) {
            snprintf(why, 256, "%s was acknowledged and is not there: %s", lost, ack->id.z);
            run->lost++;
            return false;
        }
    }
    return true;
}

static const char *order_wrong(struct store_txn *txn, struct arena *a,
                               const struct store_order *order)
{
    struct store_certificate c;
    bool there = order->certificate.z[0] &&
                 store_certificate_get(txn, a, &order->certificate, &c) == RC_OK &&
                 str_eq(id_str(&c.order), id_str(&order->id));

    if (order->status == STORE_ORDER_PROCESSING)
        return "is processing still";
    if (order->status == STORE_ORDER_INVALID)
        return "has become invalid";
    if (there != (order->status == STORE_ORDER_VALID))
        return "is valid without its certificate, or the reverse";
    return NULL;
}

static bool orders_fit(struct run *run, struct arena *a, char why[static 256])
{
    struct store_order_filter all = {.statuses = 0};
    struct store_txn *txn = store_read(run->w.store);
    struct store_cursor at = {0};
    struct store_order *orders;
    size_t n;

    if (store_order_list(txn, a, &all, &at, &orders, &n) != RC_OK)
        return false;
    for (size_t i = 0; i < n; i++) {
        const char *wrong = order_wrong(txn, a, &orders[i]);

        if (wrong) {
            snprintf(why, 256, "order %s %s", orders[i].id.z, wrong);
            return false;
        }
    }
    return true;
}

/* Whoever signed it, before the loss or after: an order has one certificate, with the serial that
 * was reserved for it. */
static const char *certificate_wrong(struct run *run, struct arena *a,
                                     const struct store_certificate *c)
{
    struct store_txn *txn = store_read(run->w.store);
    struct store_event_filter filter = {.action = STR("certificate.issued"),
                                        .object = id_str(&c->id)};
    const struct store_certificate *known = NULL;
    struct store_issuance issuance;
    struct store_event *events;
    struct store_order order;
    size_t n;

    for (size_t i = 0; i < run->n_issued; i++)
        if (str_eq(id_str(&run->issued[i].order), id_str(&c->order)))
            known = &run->issued[i];
    if (!known || !str_eq(known->serial, c->serial))
        return "has another serial than was reserved";
    if (store_order_get(txn, a, &c->order, &order) != RC_OK ||
        !str_eq(id_str(&order.certificate), id_str(&c->id)))
        return "is not its order's";
    if (store_issuance_by_serial(txn, a, c->serial, &issuance) != RC_OK ||
        issuance.state != STORE_ISSUANCE_DONE)
        return "was never reserved";
    if (store_event_list(txn, a, &filter, &events, &n) != RC_OK || n != 1)
        return "has not one event of its issuing";
    return NULL;
}

/* It has its key in escrow, and the one event that says so. */
static const char *escrow_wrong(struct run *run, struct arena *a, const struct store_certificate *c)
{
    struct store_txn *txn = store_read(run->w.store);
    struct store_event_filter filter = {.action = STR("key.escrowed"), .object = id_str(&c->id)};
    struct store_escrow escrow;
    struct store_event *events;
    size_t n;

    if (store_escrow_get(txn, a, &c->id, &escrow) != RC_OK ||
        !str_eq(escrow.envelope, STR("sealed")))
        return "is without its key in escrow";
    if (store_event_list(txn, a, &filter, &events, &n) != RC_OK || n != 1)
        return "has not one event of its key";
    run->escrowed++;
    return NULL;
}

/* None is in escrow but with those certificates. */
static bool escrows_fit(struct run *run, size_t certificates, char why[static 256])
{
    uint64_t n;

    if (store_escrow_count(store_read(run->w.store), NULL, &n) == RC_OK && n == certificates)
        return true;
    snprintf(why, 256, "a key is in escrow without its certificate");
    return false;
}

static bool certificates_fit(struct run *run, struct arena *a, char why[static 256])
{
    struct store_certificate_filter all = {.statuses = 0};
    struct store_cursor at = {0};
    struct store_certificate *list;
    size_t n, escrowed = 0;

    if (store_certificate_list(store_read(run->w.store), a, &all, &at, &list, &n) != RC_OK)
        return false;
    for (size_t i = 0; i < n; i++) {
        bool operators = str_eq(list[i].origin, STR("operator"));
        const char *wrong =
            operators ? escrow_wrong(run, a, &list[i]) : certificate_wrong(run, a, &list[i]);

        escrowed += operators;

        for (size_t k = 0; k < i && !wrong; k++)
            if (str_eq(list[k].serial, list[i].serial))
                wrong = "has a serial that another one has, too";
        if (wrong) {
            snprintf(why, 256, "certificate %s %s", list[i].id.z, wrong);
            return false;
        }
    }
    return escrows_fit(run, escrowed, why);
}

static bool events_fit(struct run *run, struct arena *a, char why[static 256])
{
    struct store_event_filter filter = {.limit = STORE_PAGE_MAX};
    struct store_event *list;
    size_t n;

    if (store_event_list(store_read(run->w.store), a, &filter, &list, &n) != RC_OK)
        return false;
    for (size_t i = 0; i < n; i++)
        if (list[i].sequence != i + 1) {
            snprintf(why, 256, "the audit log has a hole before its event %zu", i + 1);
            return false;
        }
    return n < STORE_PAGE_MAX;
}

static size_t reservations(struct run *run, struct store *s, struct arena *a)
{
    struct store_cursor at = {0};
    struct store_issuance *rows;
    size_t n = SIZE_MAX;

    run->failed |= store_issuance_reserved(store_read(s), a, 0, &at, &rows, &n) != RC_OK;
    return n;
}

static bool check(struct store *s, const uint64_t *marks, size_t n_marks, char why[static 256],
                  void *arg)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(KEPT_MAX);
    struct run *run = arg;
    bool good;

    if (n_marks == 0)
        return true; /* an `init` that was cut short is begun again by hand */
    run->recovered += (unsigned)reservations(run, s, &a);
    /* Past the time that an attempt to validate may take. */
    clock_fake_set(&run->w.clock, run->end + WHEN_MINUTE);
    snprintf(why, 256, "the CA does not start, or finds what it cannot read");
    good = world_visit(&run->w, s) && acks_hold(run, &a, marks, n_marks, why) &&
           orders_fit(run, &a, why) && certificates_fit(run, &a, why) && events_fit(run, &a, why);
    if (good && reservations(run, s, &a) > 0) {
        snprintf(why, 256, "recovery left a reservation");
        good = false;
    }
    world_leave(&run->w);
    return good;
}

static enum rc run_and_replay(struct run *run, enum care care, struct power_report *report)
{
    CLEANUP(fix_done) struct fix replayed = {};
    struct world_disk disk = {"issuing", care == NEVER ? STORE_SYNC_OFF : STORE_SYNC_FULL};
    const char *all = getenv("AUTARKY_POWER_ALL");
    struct power_plan plan = {.seed = 20261120,
                              .variants = 1,
                              .stride = all            ? 1
                                        : care == FULL ? 16
                                                       : 200,
                              .check = check,
                              .arg = run};

    *run = (struct run){.care = care, .w = {.dir = {.fd = -1}}};
    arena_init(&run->kept, KEPT_MAX);
    TRY(vfs_new("issuing", &run->v));
    if (!world_start_on(&run->w, NULL, &disk) || !take_care(run))
        return RC_INVAL;
    run->w.on_answer = on_answer;
    run->w.on_answer_arg = run;
    if (!busy_run(run))
        return RC_CONFLICT;
    world_stop(&run->w);
    TRY(fix_dir(&replayed));
    plan.dir = replayed.dir;
    TRY(power_replay(run->v, &plan, report));
    print_message("# %zu certificates, %zu answers; %u points, %u states; recovery found %u "
                  "reservations; %u keys in escrow; %u failures, %u of them losses%s%s\n",
                  run->n_issued, run->n_acks, report->points, report->states, run->recovered,
                  run->escrowed, report->failures, run->lost, report->first[0] ? "\n# first: " : "",
                  report->first);
    return run->failed ? RC_CORRUPT : RC_OK;
}

static void nothing_acknowledged_is_lost(void)
{
    CLEANUP(run_done) struct run run = {};
    struct power_report report;

    CHECK_OK(run_and_replay(&run, FULL, &report));
    if (report.failures)
        fail_msg("%u of %u: %s", report.failures, report.states, report.first);
    CHECK(run.n_issued >= 2 * CLIENTS);
    CHECK(run.recovered > 0);
    CHECK(run.escrowed > report.states);
    CHECK(report.states > 300);
}

/* The proofs that the check can fail. */
static void synchronising_at_checkpoints_only_is_found_out(void)
{
    CLEANUP(run_done) struct run run = {};
    struct power_report report;

    CHECK_OK(run_and_replay(&run, NORMAL, &report));
    CHECK(run.lost > 0);
}

static void not_synchronising_is_found_out(void)
{
    CLEANUP(run_done) struct run run = {};
    struct power_report report;

    CHECK_OK(run_and_replay(&run, NEVER, &report));
    CHECK(report.failures > 0);
}

CHECK_MAIN(CHECK_TEST_ONCE(nothing_acknowledged_is_lost),
           CHECK_TEST_ONCE(synchronising_at_checkpoints_only_is_found_out),
           CHECK_TEST_ONCE(not_synchronising_is_found_out))
