/* SPDX-License-Identifier: Apache-2.0 */
/* Records, heads and an export of them, from a real database; then every record altered, removed,
 * doubled, exchanged and swallowed, each of which has to be found, between the right two heads. */
#include "check.h"

#include <sys/stat.h>

#include "audit/audit.h"
#include "audit/export.h"
#include "audit/log.h"
#include "audit/verify.h"
#include "base/file.h"
#include "crypto/crypto.h"
#include "unit/store/fixture.h"

enum { RECORDS = 60, EVERY = 7, FILE_BYTES = 256 * 1024, MANY = 700 };
#define ORIGIN "hospital.example/audit/1"

struct bench {
    struct fix f;
    char out[80];
    int dir;
    struct crypto_key *key;
    struct buf vkey;
    struct note_key verifier;
    struct tree_head last;
    uint64_t folds;
};

static void bench_done(struct bench *b)
{
    if (b->dir >= 0)
        close(b->dir);
    if (b->out[0] && fix_empty(b->out))
        (void)rmdir(b->out);
    note_key_done(&b->verifier);
    crypto_key_unref(b->key);
    buf_done(&b->vkey);
    fix_done(&b->f);
}

static enum rc append(struct store_txn *txn, void *arg)
{
    const unsigned *n = arg;
    struct audit_event e = {.at = FIX_NOW + *n, .action = "order.created", .object_kind = "order"};

    return audit_append(txn, &e, NULL);
}

/* As core and signer do it, in one. */
static enum rc sign(struct store_txn *txn, void *arg)
{
    struct bench *b = arg;
    CLEANUP(buf_done) struct buf text = BUF_INIT(NOTE_MAX);
    struct audit_step step;
    struct note note;
    bool more;

    do {
        TRY(audit_log_fold(txn, &more));
        b->folds++;
    } while (more);
    TRY(audit_log_step(txn, &b->last, &step));
    if (step.behind)
        return RC_CONFLICT;
    TRY(tree_check(&step.from, &step.to, step.proof.hash, step.proof.n));
    TRY(note_sign(STR(ORIGIN), &step.to, FIX_NOW + (int64_t)step.to.size * WHEN_SECOND, b->key,
                  &text));
    TRY(note_parse(buf_str(&text), &note, NULL));
    b->last = step.to;
    return audit_log_keep(txn, &note, buf_str(&text));
}

static enum rc export(struct bench *b) {
    struct audit_exported done;

    (void)snprintf(b->out, sizeof(b->out), "%s-out", b->f.dir);
    if (mkdir(b->out, 0700) != 0) return RC_IO;
    b->dir = open(b->out, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return audit_export(READ(&b->f), b->dir, b->out, &done, NULL);
}

static enum rc begin(struct bench *b, unsigned records, unsigned every)
{
    TRY(crypto_init());
    TRY(fix_open(&b->f));
    buf_init(&b->vkey, NOTE_KEY_MAX);
    TRY(crypto_key_generate((struct crypto_key_spec){CRYPTO_KEY_ED25519, 0}, &b->key));
    TRY(note_key_put(STR(ORIGIN), NOTE_ED25519, b->key, &b->vkey));
    TRY(note_key_parse(buf_str(&b->vkey), &b->verifier, NULL));
    for (unsigned i = 1; i <= records; i++) {
        TRY(store_write_now(b->f.s, append, &i));
        if (i % every == 0)
            TRY(store_write_now(b->f.s, sign, b));
    }
    return export(b);
}

static enum rc verify_with(struct bench *b, int heads, struct audit_verdict *v)
{
    const struct audit_verify in = {.dir = b->dir,
                                    .name = "export",
                                    .keys = &b->verifier,
                                    .n_keys = 1,
                                    .heads = heads,
                                    .heads_name = "kept"};

    return audit_verify(&in, v, NULL);
}

static enum rc verify(struct bench *b, struct audit_verdict *v)
{
    return verify_with(b, -1, v);
}

static enum rc put(struct bench *b, const char *name, struct str text)
{
    return file_write(b->dir, name, text, 0600, FILE_OWNER_SELF, NULL);
}

static void what_is_whole_is_good(void)
{
    CLEANUP(bench_done) struct bench b = {.dir = -1};
    struct audit_verdict v;

    CHECK_OK(begin(&b, RECORDS, EVERY));
    CHECK_OK(verify(&b, &v));
    CHECK(audit_verdict_good(&v));
    CHECK_INT(v.records, RECORDS);
    CHECK_INT(v.heads, RECORDS / EVERY);
    CHECK_INT(v.covered, RECORDS / EVERY * EVERY);
}

/* What a proof stands on when there is more than one kept subtree. */
static void subtrees_that_are_kept_count_like_records(void)
{
    CLEANUP(bench_done) struct bench b = {.dir = -1};
    struct audit_verdict v;

    CHECK_OK(begin(&b, MANY, 100));
    CHECK_OK(verify(&b, &v));
    CHECK(audit_verdict_good(&v));
    CHECK_INT(v.covered, MANY);
    CHECK_INT(v.heads, 7);
}

enum tamper { ALTER, REMOVE, TWICE, EXCHANGE, INSERT, TAMPERS };

static const char forged[] = "{\"action\":\"order.created\",\"sequence\":5,\"v\":1}\n";

/* The lines, with what is done to line `n` (from 0). */
static void tampered(struct str all, size_t n, enum tamper how, struct buf *out)
{
    struct str line, next = {NULL, 0};

    for (size_t i = 0; str_next(&all, '\n', &line); i++) {
        if (i == n && how == REMOVE)
            continue;
        if (i == n && how == EXCHANGE && all.n) {
            str_next(&all, '\n', &next);
            buf_puts(out, next);
            buf_u8(out, '\n');
            i++;
        }
        if (i == n && how == INSERT)
            buf_putz(out, forged);
        buf_puts(out, line);
        if (i == n && how == ALTER)
            out->p[out->n - line.n + 12] ^= 1;
        buf_u8(out, '\n');
        if (i == n && how == TWICE) {
            buf_puts(out, line);
            buf_u8(out, '\n');
        }
    }
}

static void check_found(const struct audit_verdict *v, size_t record, enum tamper how)
{
    size_t last = RECORDS / EVERY * EVERY;

    record += how == TWICE; /* it is the second that is too many */
    if (record > last) {    /* no head is about it */
        CHECK(audit_verdict_good(v) == (how == ALTER || (how == REMOVE && record == RECORDS) ||
                                        (how == EXCHANGE && record == RECORDS)));
        return;
    }
    CHECK(!audit_verdict_good(v));
    CHECK(v->n_spans >= 1);
    /* Two that change places may stand on either side of a head. */
    CHECK(v->spans[0].from == (record - 1) / EVERY * EVERY);
    CHECK(v->n_spans == 1);
    if (how != EXCHANGE)
        CHECK(v->spans[0].to == v->spans[0].from + EVERY);
    CHECK(!v->spans[0].missing);
}

static void every_record_is_missed(void)
{
    CLEANUP(bench_done) struct bench b = {.dir = -1};
    CLEANUP(buf_done) struct buf all = BUF_INIT(FILE_BYTES);
    CLEANUP(buf_done) struct buf changed = BUF_INIT(FILE_BYTES);
    char name[AUDIT_FILE_NAME];
    struct audit_verdict v;

    CHECK_OK(begin(&b, RECORDS, EVERY));
    audit_bundle_name(1, name);
    CHECK_OK(file_read(b.dir, name, &all, NULL));
    for (enum tamper how = ALTER; how < TAMPERS; how++) {
        for (size_t n = 0; n < RECORDS; n++) {
            buf_reset(&changed);
            tampered(buf_str(&all), n, how, &changed);
            CHECK_OK(put(&b, name, buf_str(&changed)));
            CHECK_OK(verify(&b, &v));
            check_found(&v, n + 1, how);
        }
    }
}

/* Every record has a head here, so the two have one each: the earlier one's place is taken by the
 * last record, and where that belongs nothing is left. */
static void the_last_two_changed_places(void)
{
    CLEANUP(bench_done) struct bench b = {.dir = -1};
    CLEANUP(buf_done) struct buf all = BUF_INIT(FILE_BYTES);
    CLEANUP(buf_done) struct buf changed = BUF_INIT(FILE_BYTES);
    char name[AUDIT_FILE_NAME];
    struct audit_verdict v;

    CHECK_OK(begin(&b, 5, 1));
    audit_bundle_name(1, name);
    CHECK_OK(file_read(b.dir, name, &all, NULL));
    tampered(buf_str(&all), 3, EXCHANGE, &changed);
    CHECK_OK(put(&b, name, buf_str(&changed)));
    CHECK_OK(verify(&b, &v));
    CHECK_INT(v.n_spans, 2);
    CHECK(v.spans[0].from == 3 && v.spans[0].to == 4 && !v.spans[0].missing);
    CHECK(v.spans[1].from == 4 && v.spans[1].to == 5 && v.spans[1].missing);
}

/* Without the frontiers, what comes after a break cannot be told from it. */
static void two_breaks_are_two_spans(void)
{
    CLEANUP(bench_done) struct bench b = {.dir = -1};
    CLEANUP(buf_done) struct buf all = BUF_INIT(FILE_BYTES);
    CLEANUP(buf_done) struct buf one = BUF_INIT(FILE_BYTES);
    CLEANUP(buf_done) struct buf two = BUF_INIT(FILE_BYTES);
    char name[AUDIT_FILE_NAME];
    struct audit_verdict v;

    CHECK_OK(begin(&b, RECORDS, EVERY));
    audit_bundle_name(1, name);
    CHECK_OK(file_read(b.dir, name, &all, NULL));
    tampered(buf_str(&all), 40, REMOVE, &one);
    tampered(buf_str(&one), 9, ALTER, &two);
    CHECK_OK(put(&b, name, buf_str(&two)));
    CHECK_OK(verify(&b, &v));
    CHECK_INT(v.n_spans, 2);
    CHECK(v.spans[0].from == 7 && v.spans[0].to == 14);
    CHECK(v.spans[1].from == 35 && v.spans[1].to == 42);
    CHECK_INT(unlinkat(b.dir, AUDIT_FRONTIERS_FILE, 0), 0);
    CHECK_OK(verify(&b, &v));
    CHECK_INT(v.n_spans, 1);
    CHECK(v.spans[0].from == 7 && v.spans[0].to == 56);
}

/* The end with its heads is gone: only who kept a head sees it. */
static void a_cut_tail_shows_against_a_kept_head(void)
{
    CLEANUP(bench_done) struct bench b = {.dir = -1};
    CLEANUP(buf_done) struct buf all = BUF_INIT(FILE_BYTES);
    CLEANUP(buf_done) struct buf heads = BUF_INIT(FILE_BYTES);
    struct str rest, note = {NULL, 0};
    char name[AUDIT_FILE_NAME];
    struct audit_verdict v;
    int kept;

    CHECK_OK(begin(&b, RECORDS, EVERY));
    audit_bundle_name(1, name);
    CHECK_OK(file_read(b.dir, name, &all, NULL));
    CHECK_OK(file_read(b.dir, AUDIT_HEADS_FILE, &heads, NULL));
    /* 30 records, 4 heads. */
    rest = buf_str(&all);
    for (unsigned i = 0; i < 30; i++)
        str_next(&rest, '\n', &note);
    CHECK_OK(put(&b, name, str_head(buf_str(&all), all.n - rest.n)));
    CHECK_OK(verify(&b, &v));
    CHECK(!audit_verdict_good(&v) && v.n_spans == 1);
    CHECK(v.spans[0].from == 28 && v.spans[0].to == 56 && v.spans[0].missing);
    rest = buf_str(&heads);
    for (unsigned empty = 0; empty < 2 * 4; empty += note.n == 0) /* before and behind signatures */
        str_next(&rest, '\n', &note);
    CHECK_OK(put(&b, AUDIT_HEADS_FILE, str_head(buf_str(&heads), heads.n - rest.n)));
    CHECK_OK(verify(&b, &v));
    CHECK(audit_verdict_good(&v) && v.witnessed == 0);
    CHECK_OK(put(&b, "kept", rest));
    kept = openat(b.dir, "kept", O_RDONLY | O_CLOEXEC);
    CHECK_OK(verify_with(&b, kept, &v));
    close(kept);
    CHECK(!audit_verdict_good(&v) && v.witnessed == 56);
    CHECK(v.n_spans >= 1 && v.spans[v.n_spans - 1].to == 56);
}

static void heads_that_are_not_the_logs_prove_nothing(void)
{
    CLEANUP(bench_done) struct bench b = {.dir = -1};
    CLEANUP(buf_done) struct buf heads = BUF_INIT(FILE_BYTES);
    CLEANUP(crypto_key_unrefp) struct crypto_key *thief = NULL;
    struct audit_verdict v;
    int kept;

    CHECK_OK(begin(&b, RECORDS, EVERY));
    CHECK_OK(crypto_key_generate((struct crypto_key_spec){CRYPTO_KEY_ED25519, 0}, &thief));
    CHECK_OK(note_sign(STR(ORIGIN), &b.last, FIX_NOW, thief, &heads));
    CHECK_OK(put(&b, "kept", buf_str(&heads)));
    CHECK_OK(put(&b, AUDIT_HEADS_FILE, buf_str(&heads)));
    CHECK_OK(verify(&b, &v));
    CHECK(!audit_verdict_good(&v));
    CHECK(v.heads == 0 && v.unsigned_heads == 1 && v.covered == 0);
    kept = openat(b.dir, "kept", O_RDONLY | O_CLOEXEC);
    CHECK_RC(verify_with(&b, kept, &v), RC_DENIED);
    close(kept);
    CHECK_INT(unlinkat(b.dir, AUDIT_HEADS_FILE, 0), 0);
    CHECK_RC(verify(&b, &v), RC_NOTFOUND);
}

static enum rc remove_last(struct store_txn *txn, void *)
{
    /* checksrc: allow sql: what nobody may do */
    return sql_exec(txn->db, "DELETE FROM events WHERE sequence > 50");
}

/* As a database that was restored. */
static void a_log_that_lost_records_is_behind(void)
{
    CLEANUP(bench_done) struct bench b = {.dir = -1};

    CHECK_OK(begin(&b, RECORDS, EVERY));
    CHECK_OK(store_write_now(b.f.s, remove_last, NULL));
    CHECK_RC(store_write_now(b.f.s, sign, &b), RC_CONFLICT);
}

static enum rc alter_one(struct store_txn *txn, void *)
{
    /* checksrc: allow sql: what nobody may do */
    return sql_exec(txn->db, "UPDATE events SET bytes = CAST(REPLACE(CAST(bytes AS TEXT),"
                             " 'order.created', 'order.changed') AS BLOB) WHERE sequence = 3");
}

static void a_past_that_was_changed_is_no_continuation(void)
{
    CLEANUP(bench_done) struct bench b = {.dir = -1};
    unsigned n = 61;

    CHECK_OK(begin(&b, RECORDS, EVERY));
    CHECK_OK(store_write_now(b.f.s, alter_one, NULL));
    CHECK_OK(store_write_now(b.f.s, append, &n));
    CHECK_RC(store_write_now(b.f.s, sign, &b), RC_DENIED);
}

static void any_two_heads(void)
{
    CLEANUP(bench_done) struct bench b = {.f.s = NULL};
    struct audit_between known = {.from = 0}, none = {.to = 7}, larger = {.from = 261, .to = 260};

    CHECK_OK(begin(&b, 530, 10));
    for (uint64_t to = 10; to <= 530; to += 130)
        for (uint64_t from = 10; from <= to; from += 10) {
            struct audit_between p = {.from = from, .to = to};
            struct audit_between before = {.from = 0, .to = from};
            struct note old, new;

            CHECK_OK(audit_log_prove(READ(&b.f), &b.f.a, &p));
            CHECK_OK(audit_log_prove(READ(&b.f), &b.f.a, &before));
            CHECK_INT(before.proof.n, 0);
            CHECK_OK(note_parse(p.note, &new, NULL));
            CHECK_OK(note_parse(before.note, &old, NULL));
            CHECK_INT(new.head.size, to);
            CHECK_OK(tree_check(&old.head, &new.head, p.proof.hash, p.proof.n));
        }
    CHECK_OK(audit_log_prove(READ(&b.f), &b.f.a, &known));
    CHECK_INT(known.to, 530);
    CHECK_RC(audit_log_prove(READ(&b.f), &b.f.a, &none), RC_NOTFOUND);
    CHECK_RC(audit_log_prove(READ(&b.f), &b.f.a, &larger), RC_INVAL);
}

FIX_MAIN(CHECK_TEST(what_is_whole_is_good), CHECK_TEST_ONCE(any_two_heads),
         CHECK_TEST_ONCE(subtrees_that_are_kept_count_like_records),
         CHECK_TEST_ONCE(every_record_is_missed), CHECK_TEST_ONCE(two_breaks_are_two_spans),
         CHECK_TEST_ONCE(the_last_two_changed_places),
         CHECK_TEST_ONCE(a_cut_tail_shows_against_a_kept_head),
         CHECK_TEST_ONCE(heads_that_are_not_the_logs_prove_nothing),
         CHECK_TEST_ONCE(a_log_that_lost_records_is_behind),
         CHECK_TEST_ONCE(a_past_that_was_changed_is_no_continuation))
