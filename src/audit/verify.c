/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/verify.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "audit/audit.h"
#include "audit/export.h"
#include "audit/lines.h"
#include "base/text.h"

MSG(msg_open, "audit.export-read", "{0}/{1} cannot be read: {2}");
MSG(msg_none, "audit.no-export",
    "{0} holds no export of an audit log ({1} is not there); `autarky audit export` writes one");
MSG(msg_head, "audit.head-not-signed",
    "{0} holds a head that is not signed by the key of the log; it is another log's, or forged");
MSG(msg_witness, "audit.head-not-witnessed",
    "{0} holds a head that the witness has not signed, or whose signature does not hold");

enum {
    FRONTIER_LINE = 32 + TREE_FRONTIER_MAX * 48,
    BUNDLES_MISSING = 1024, /* so many files may be missing one after the other */
};

/* Heads in the order of their file; the next one is looked at before it is taken. */
struct heads {
    struct lines lines;
    const char *name;
    struct buf text; /* of the next one */
    struct note note;
    bool there;
};

struct work {
    const struct audit_verify *in;
    struct audit_verdict *out;
    struct err *err;
    struct heads own, theirs;
    struct lines frontiers;
    struct lines bundle;
    uint64_t next_bundle; /* number of its first record */

    struct tree tree;   /* of the records so far; when `lost`, only its size is right */
    bool lost, damaged; /* damaged: since the last head, though the tree may fit */
    struct tree_head last;
    when_t last_at;

    /* A record that claims a later place than it stands at; the next one tells which is right. */
    bool waits;
    uint64_t claimed;
    struct tree_hash leaf;
};

static enum rc open_file(const struct work *w, const char *name, size_t max, bool needed,
                         struct lines *out)
{
    int fd = openat(w->in->dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

    if (fd < 0 && errno == ENOENT && needed)
        return ERR(w->err, RC_NOTFOUND, msg_none, str_of(w->in->name), str_of(name));
    if (fd < 0 && errno != ENOENT)
        return ERR(w->err, RC_IO, msg_open, str_of(w->in->name), str_of(name),
                   str_of(strerror(errno)));
    lines_done(out);
    lines_init(out, fd, max);
    return RC_OK;
}

/* ---- heads */

/* Lines up to the second empty one: text and signatures. */
static enum rc read_note(struct heads *h)
{
    struct str line;
    unsigned empty = 0;
    enum rc rc;

    buf_reset(&h->text);
    while ((rc = lines_next(&h->lines, &line)) == RC_OK) {
        if (line.n == 0 && (buf_str(&h->text).n == 0 || ++empty == 2)) {
            if (empty == 2)
                return RC_OK;
            continue;
        }
        if (h->text.n + line.n < NOTE_MAX) {
            buf_puts(&h->text, line);
            buf_u8(&h->text, '\n');
        }
    }
    return rc == RC_NOTFOUND && buf_str(&h->text).n ? RC_OK : rc;
}

static bool signed_by_log(const struct work *w, const struct note *n)
{
    for (size_t i = 0; i < w->in->n_keys; i++)
        if (str_eq(w->in->keys[i].name, n->origin) && note_verify(n, &w->in->keys[i]) == RC_OK)
            return true;
    return false;
}

/* The export's own heads prove nothing when they are not signed; those of a witness were given to
 * be believed. */
static enum rc check_head(struct work *w, const struct heads *h, bool parsed, bool *out_good)
{
    bool theirs = h == &w->theirs;

    *out_good = parsed && signed_by_log(w, &h->note);
    if (!*out_good && theirs)
        return ERR(w->err, RC_DENIED, msg_head, str_of(h->name));
    if (theirs && w->in->witness && note_verify(&h->note, w->in->witness) != RC_OK)
        return ERR(w->err, RC_DENIED, msg_witness, str_of(h->name));
    if (!*out_good)
        w->out->unsigned_heads++;
    if (*out_good && theirs && h->note.head.size > w->out->witnessed)
        w->out->witnessed = h->note.head.size;
    return RC_OK;
}

static enum rc next_head(struct work *w, struct heads *h)
{
    h->there = false;
    while (!h->there) {
        enum rc rc = read_note(h);
        bool parsed;

        if (rc == RC_NOTFOUND)
            return RC_OK;
        TRY(rc);
        parsed = note_parse(buf_str(&h->text), &h->note, NULL) == RC_OK;
        TRY(check_head(w, h, parsed, &h->there));
    }
    return RC_OK;
}

/* The one with fewer records; NULL at the end of both. */
static struct heads *first_head(struct work *w)
{
    if (!w->own.there)
        return w->theirs.there ? &w->theirs : NULL;
    if (!w->theirs.there)
        return &w->own;
    return w->theirs.note.head.size < w->own.note.head.size ? &w->theirs : &w->own;
}

/* ---- judgement */

static void add_span(struct work *w, const struct note *until, bool missing)
{
    struct audit_verdict *v = w->out;
    struct audit_span *last = v->n_spans ? &v->spans[v->n_spans - 1] : NULL;

    if (last && last->to == w->last.size && last->missing == missing) {
        last->to = until->head.size;
        last->until = until->at;
        return;
    }
    if (v->n_spans == AUDIT_SPANS_MAX) {
        v->more_spans = true;
        return;
    }
    v->spans[v->n_spans++] =
        (struct audit_span){w->last.size, until->head.size, w->last_at, until->at, missing};
}

static bool read_frontier_line(struct str line, uint64_t size, struct tree *t)
{
    CLEANUP(buf_done) struct buf bytes = BUF_INIT(TREE_FRONTIER_MAX * TREE_HASH);
    struct str word;
    uint64_t n;

    if (!str_next(&line, ' ', &word) || str_u64(word, TREE_SIZE_MAX, &n) != RC_OK || n != size)
        return false;
    while (str_next(&line, ' ', &word))
        if (text_unb64(word, &bytes) != RC_OK)
            return false;
    if (buf_str(&bytes).n != tree_frontier_len(size) * sizeof(t->frontier[0]))
        return false;
    t->size = size;
    if (bytes.n) /* none of an empty tree */
        memcpy(t->frontier, bytes.p, bytes.n);
    return true;
}

/* Where a head does not fit, its own frontier is the tree to go on with, if it is the head's. */
static enum rc find_frontier(struct work *w, const struct tree_head *head)
{
    struct str line, size;
    struct tree_hash root;
    struct tree t = {};
    uint64_t n;
    enum rc rc;

    w->lost = true;
    while ((rc = lines_next(&w->frontiers, &line)) == RC_OK) {
        struct str rest = line;

        if (!str_next(&rest, ' ', &size) || str_u64(size, TREE_SIZE_MAX, &n) != RC_OK)
            continue;
        if (n > head->size)
            return RC_OK; /* and that one is gone for the next: it costs a wider span */
        if (n < head->size || !read_frontier_line(line, head->size, &t))
            continue;
        TRY(tree_root(&t, &root));
        if (!tree_same(&root, &head->root))
            continue;
        w->tree = t;
        w->lost = false;
        return RC_OK;
    }
    return rc == RC_NOTFOUND ? RC_OK : rc;
}

/* A head at the place where the records are now, or beyond their end. */
static enum rc judge(struct work *w, struct heads *h, bool missing)
{
    const struct tree_head *head = &h->note.head;
    struct tree_hash root;
    bool good = !w->lost && !w->damaged && !missing;

    w->out->heads++;
    if (good) {
        TRY(tree_root(&w->tree, &root));
        good = tree_same(&root, &head->root);
    }
    if (!good) {
        add_span(w, &h->note, missing);
        TRY(find_frontier(w, head));
    }
    w->damaged = false;
    w->last = *head;
    w->last_at = h->note.at;
    w->out->covered = head->size;
    w->out->covered_at = h->note.at;
    return next_head(w, h);
}

/* All heads of at most `size` records. Records up to there were passed over when `gap`. */
static enum rc judge_until(struct work *w, uint64_t size, bool gap)
{
    struct heads *h;

    while ((h = first_head(w)) && h->note.head.size <= size) {
        if (h->note.head.size < w->tree.size) {
            /* Out of its place, where it cannot be held against anything. */
            w->out->unsigned_heads++;
            TRY(next_head(w, h));
            continue;
        }
        if (gap) {
            w->damaged = true;
            w->tree.size = h->note.head.size;
        }
        TRY(judge(w, h, false));
    }
    return RC_OK;
}

static enum rc add_leaf(struct work *w, const struct tree_hash *leaf)
{
    TRY(judge_until(w, w->tree.size, false));
    if (!w->lost)
        return tree_add(&w->tree, leaf);
    w->tree.size++;
    return RC_OK;
}

/* Records up to `sequence`, itself not among them, are not there. */
static enum rc jump(struct work *w, uint64_t sequence)
{
    TRY(judge_until(w, w->tree.size, false));
    w->damaged = true;
    TRY(judge_until(w, sequence - 1, true));
    if (w->tree.size != sequence - 1) {
        w->tree.size = sequence - 1;
        w->lost = w->damaged = true;
    }
    return RC_OK;
}

/* ---- records */

/* The number that the record gives itself, which stands before its end; 0: none. */
static uint64_t claimed_sequence(struct str record)
{
    static const char tail[] = ",\"v\":1}", name[] = "\"sequence\":";
    size_t at = record.n, digits = 0;
    uint64_t n;

    if (!str_ends(record, STR(",\"v\":1}")))
        return 0;
    at -= sizeof(tail) - 1;
    while (at > digits && record.p[at - digits - 1] >= '0' && record.p[at - digits - 1] <= '9')
        digits++;
    if (!str_ends(str_head(record, at - digits), str_of(name)))
        return 0;
    return str_u64(str_skip(str_head(record, at), at - digits), TREE_SIZE_MAX, &n) == RC_OK ? n : 0;
}

/* What waits stands where it says, if the next one goes on from there; else it says something
 * wrong. */
static enum rc settle(struct work *w, uint64_t next)
{
    if (!w->waits)
        return RC_OK;
    w->waits = false;
    if (next == 0 || next == w->claimed + 1)
        TRY(jump(w, w->claimed));
    return add_leaf(w, &w->leaf);
}

/* It belongs before the last head, which did not fit: another one stands in its place there. */
static bool known_bad(const struct work *w, uint64_t sequence)
{
    const struct audit_verdict *v = w->out;

    return sequence <= w->last.size && v->n_spans && v->spans[v->n_spans - 1].to == w->last.size;
}

static enum rc take_record(struct work *w, struct str record)
{
    uint64_t sequence = claimed_sequence(record);
    struct tree_hash leaf;

    w->out->records++;
    TRY(settle(w, sequence ? sequence : 1));
    TRY(tree_leaf(record, &leaf));
    if (sequence > w->tree.size + 1) {
        w->waits = true;
        w->claimed = sequence;
        w->leaf = leaf;
        return RC_OK;
    }
    if (sequence == 0 || sequence == w->tree.size + 1)
        return add_leaf(w, &leaf);
    TRY(judge_until(w, w->tree.size, false));
    if (!known_bad(w, sequence))
        w->damaged = true; /* it was there already */
    return RC_OK;
}

static enum rc open_bundle(struct work *w)
{
    char name[AUDIT_FILE_NAME];

    for (unsigned i = 0; i < BUNDLES_MISSING; i++) {
        audit_bundle_name(w->next_bundle, name);
        w->next_bundle += AUDIT_BUNDLE;
        TRY(open_file(w, name, AUDIT_EVENT_MAX, false, &w->bundle));
        if (w->bundle.fd >= 0)
            return RC_OK;
    }
    return RC_NOTFOUND;
}

static enum rc read_records(struct work *w)
{
    struct str line;
    enum rc rc;

    while ((rc = open_bundle(w)) == RC_OK) {
        while ((rc = lines_next(&w->bundle, &line)) == RC_OK)
            TRY(take_record(w, line));
        if (rc != RC_NOTFOUND)
            return rc;
    }
    return rc == RC_NOTFOUND ? settle(w, 0) : rc;
}

/* What was signed and is not there any more. */
static enum rc judge_rest(struct work *w)
{
    struct heads *h;

    TRY(judge_until(w, w->tree.size, false));
    w->out->tail_damaged = w->damaged;
    while ((h = first_head(w)))
        TRY(judge(w, h, true));
    return RC_OK;
}

static void done(struct work *w)
{
    lines_done(&w->own.lines);
    lines_done(&w->theirs.lines);
    lines_done(&w->frontiers);
    lines_done(&w->bundle);
    buf_done(&w->own.text);
    buf_done(&w->theirs.text);
}

static enum rc verify(struct work *w)
{
    int theirs = w->in->heads < 0 ? -1 : fcntl(w->in->heads, F_DUPFD_CLOEXEC, 3);

    lines_init(&w->theirs.lines, theirs, NOTE_MAX);
    TRY(open_file(w, AUDIT_HEADS_FILE, NOTE_MAX, true, &w->own.lines));
    TRY(open_file(w, AUDIT_FRONTIERS_FILE, FRONTIER_LINE, false, &w->frontiers));
    TRY(next_head(w, &w->own));
    TRY(next_head(w, &w->theirs));
    TRY(read_records(w));
    return judge_rest(w);
}

enum rc audit_verify(const struct audit_verify *in, struct audit_verdict *out, struct err *err)
{
    CLEANUP(done)
    struct work w = {.in = in, .out = out, .err = err, .next_bundle = 1};

    *out = (struct audit_verdict){};
    w.own.name = AUDIT_HEADS_FILE;
    w.theirs.name = in->heads_name;
    buf_init(&w.own.text, NOTE_MAX + 1);
    buf_init(&w.theirs.text, NOTE_MAX + 1);
    lines_init(&w.own.lines, -1, NOTE_MAX);
    lines_init(&w.theirs.lines, -1, NOTE_MAX);
    lines_init(&w.frontiers, -1, FRONTIER_LINE);
    lines_init(&w.bundle, -1, AUDIT_EVENT_MAX);
    return verify(&w);
}

bool audit_verdict_good(const struct audit_verdict *v)
{
    return v->n_spans == 0 && !v->more_spans && !v->tail_damaged && v->unsigned_heads == 0;
}
