/* SPDX-License-Identifier: Apache-2.0 */
/* Heads of the audit log and the power cut at every point: whatever the signer has signed, the
 * database has the records for it and can prove the next head from it; a head that was written down
 * stays, and is that of the records. The signer plays on, as a process with a disk of its own does.
 */
#include "power_run.h"

#include <stdio.h>

#include "audit/audit.h"
#include "audit/log.h"
#include "crypto/crypto.h"
#include "store/events.h"
#include "store/heads.h"

enum { ROUNDS = 14, MANY = 300 };

/* What happened, as marks: a size, and what was done with it. */
enum { SIGNED = 0, KEPT = 1 };

static const char origin[] = "hospital.example/audit/1";

struct signer {
    struct crypto_key *key;
    struct tree_head head[ROUNDS + 1]; /* the first: none was signed */
    char note[ROUNDS + 1][NOTE_MAX + 1];
    unsigned n; /* signed */
};

struct run {
    struct store *s;
    struct vfs *v;
    struct signer *signer;
    unsigned records; /* of this round */
    unsigned round;
    struct audit_step step;
    bool more;
    const struct tree_head *from;
    const char *text; /* of the note that is to be kept */
};

static enum rc append(struct store_txn *txn, void *arg)
{
    const struct run *r = arg;

    for (unsigned i = 0; i < r->records; i++)
        TRY(audit_append(txn,
                         &(struct audit_event){.at = FIX_NOW + (when_t)r->round,
                                               .action = "order.created",
                                               .object_kind = "order"},
                         NULL));
    return RC_OK;
}

static enum rc fold(struct store_txn *txn, void *arg)
{
    struct run *r = arg;

    return audit_log_fold(txn, &r->more);
}

static enum rc make_step(struct store_txn *txn, void *arg)
{
    struct run *r = arg;

    return audit_log_step(txn, r->from, &r->step);
}

static enum rc keep(struct store_txn *txn, void *arg)
{
    const struct run *r = arg;
    struct note note;

    TRY(note_parse(str_of(r->text), &note, NULL));
    return audit_log_keep(txn, &note, str_of(r->text));
}

/* As ca/head.c does: only a continuation is signed. */
static enum rc sign(struct signer *g, const struct audit_step *step)
{
    CLEANUP(buf_done) struct buf note = BUF_INIT(NOTE_MAX);

    TRY(tree_check(&g->head[g->n], &step->to, step->proof.hash, step->proof.n));
    TRY(note_sign(str_of(origin), &step->to, FIX_NOW, g->key, &note));
    g->n++;
    g->head[g->n] = step->to;
    return str_copyz(buf_str(&note), g->note[g->n], sizeof(g->note[g->n]));
}

static enum rc fold_all(struct run *r)
{
    do
        TRY(store_write_now(r->s, fold, r));
    while (r->more);
    return RC_OK;
}

/* In every third round the note is not written down, as when core dies in between. */
static enum rc round_of(struct run *r)
{
    struct signer *g = r->signer;

    r->records = r->round % 5 == 3 ? MANY : 1 + r->round * 7 % 20;
    TRY(store_write_now(r->s, append, r));
    TRY(fold_all(r));
    r->from = &g->head[g->n];
    TRY(store_write_now(r->s, make_step, r));
    TRY(sign(g, &r->step));
    vfs_mark(r->v, g->head[g->n].size * 2 + SIGNED);
    if (r->round % 3 == 2)
        return RC_OK;
    r->text = g->note[g->n];
    TRY(store_write_now(r->s, keep, r));
    vfs_mark(r->v, g->head[g->n].size * 2 + KEPT);
    return r->round % 4 == 0 ? store_checkpoint(r->s) : RC_OK;
}

/* ---- after the power came back */

static enum rc add_leaf(void *arg, uint64_t sequence, struct str bytes)
{
    struct tree *t = arg;
    struct tree_hash leaf;

    if (sequence != t->size + 1)
        return RC_CORRUPT;
    TRY(tree_leaf(bytes, &leaf));
    return tree_add(t, &leaf);
}

static bool head_fits(struct store *s, const struct store_head *head, char why[static 256])
{
    struct tree tree = {};
    struct tree_hash root;
    struct note note;

    (void)snprintf(why, 256, "the newest head, of %llu records, is not that of the records",
                   (unsigned long long)head->size);
    return note_parse(head->note, &note, NULL) == RC_OK && note.head.size == head->size &&
           store_event_each(store_read(s), 1, head->size, add_leaf, &tree) == RC_OK &&
           tree_root(&tree, &root) == RC_OK && tree_same(&root, &note.head.root);
}

static bool newest_fits(struct store *s, uint64_t kept, char why[static 256])
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(1 << 20);
    struct store_head head = {};
    enum rc rc = store_head_last(store_read(s), &a, &head);

    if (rc == RC_OK && !head_fits(s, &head, why))
        return false;
    (void)snprintf(why, 256, "a head of %llu records was written down, the newest has %llu",
                   (unsigned long long)kept, (unsigned long long)head.size);
    return (rc == RC_OK || rc == RC_NOTFOUND) && head.size >= kept;
}

/* The next head: what core does first when it starts. */
static bool goes_on(struct store *s, struct signer *g, unsigned last, char why[static 256])
{
    struct run r = {.s = s, .signer = g, .records = 3, .from = &g->head[last]};

    (void)snprintf(why, 256, "no head continues that of %llu records",
                   (unsigned long long)r.from->size);
    if (store_write_now(s, append, &r) != RC_OK || fold_all(&r) != RC_OK ||
        store_write_now(s, make_step, &r) != RC_OK || r.step.behind)
        return false;
    if (tree_check(r.from, &r.step.to, r.step.proof.hash, r.step.proof.n) != RC_OK)
        return false;
    (void)snprintf(why, 256, "what was signed last cannot be written down");
    r.text = g->note[last];
    return last == 0 || store_write_now(s, keep, &r) == RC_OK;
}

static bool check(struct store *s, const uint64_t *marks, size_t n, char why[static 256], void *arg)
{
    struct signer *g = arg;
    uint64_t kept = 0;
    unsigned last = 0;

    for (size_t i = 0; i < n; i++)
        if (marks[i] % 2 == KEPT)
            kept = marks[i] / 2;
        else
            last++;
    return newest_fits(s, kept, why) && goes_on(s, g, last, why);
}

static enum rc all_rounds(struct store *s, struct vfs *v, void *arg)
{
    struct run run = {.s = s, .v = v, .signer = arg};

    for (; run.round < ROUNDS; run.round++)
        TRY(round_of(&run));
    return RC_OK;
}

static enum rc run_and_replay(enum store_sync sync, struct signer *g, struct power_report *report)
{
    return power_run(sync, all_rounds, g,
                     (struct power_plan){.seed = 20261128,
                                         .variants = 2,
                                         .stride = 5,
                                         .to_failure = sync == STORE_SYNC_OFF,
                                         .check = check,
                                         .arg = g},
                     report);
}

static void signer_done(struct signer *g)
{
    crypto_key_unref(g->key);
    crypto_done();
}

static enum rc signer_init(struct signer *g)
{
    TRY(crypto_init());
    return crypto_key_generate((struct crypto_key_spec){CRYPTO_KEY_ED25519, 0}, &g->key);
}

static void no_head_outlives_its_records(void)
{
    CLEANUP(signer_done) struct signer g = {};
    struct power_report report;

    CHECK_OK(signer_init(&g));
    CHECK_OK(run_and_replay(STORE_SYNC_FULL, &g, &report));
    if (report.failures)
        fail_msg("%u of %u: %s", report.failures, report.states, report.first);
    CHECK_INT(g.n, ROUNDS);
    CHECK(report.states > 200);
}

/* The proof that the check above can fail. */
static void not_synchronising_is_found_out(void)
{
    CLEANUP(signer_done) struct signer g = {};
    struct power_report report;

    CHECK_OK(signer_init(&g));
    CHECK_OK(run_and_replay(STORE_SYNC_OFF, &g, &report));
    CHECK(report.failures > 0);
}

CHECK_MAIN(CHECK_TEST_ONCE(no_head_outlives_its_records),
           CHECK_TEST_ONCE(not_synchronising_is_found_out))
