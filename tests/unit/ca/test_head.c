/* SPDX-License-Identifier: Apache-2.0 */
/* The signer's side of the audit log, against a core that wants another past. */
#include "check.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "ca/head.h"
#include "crypto/crypto.h"
#include "ipc/status_messages.h"
#include "world.h"

enum { LEAVES = 40 };

struct leaves {
    struct tree_hash leaf[LEAVES];
    unsigned char salt;
};

static enum rc grow(struct leaves *l, unsigned char salt)
{
    for (unsigned i = 0; i < LEAVES; i++) {
        unsigned char bytes[2] = {(unsigned char)i, i >= 5 ? salt : 0};

        TRY(tree_leaf(str_bytes(bytes, sizeof(bytes)), &l->leaf[i]));
    }
    return RC_OK;
}

static enum rc read_whole(void *arg, uint64_t first, unsigned height, struct tree_hash *out)
{
    const struct leaves *l = arg;
    struct tree t = {};

    for (uint64_t i = 0; i < UINT64_C(1) << height; i++)
        TRY(tree_add(&t, &l->leaf[first + i]));
    return tree_root(&t, out);
}

static enum rc ask(struct ca_head *h, struct leaves *l, uint64_t from, uint64_t to, struct err *err)
{
    struct tree t;
    struct tree_hash root;
    struct tree_proof proof;
    struct ipc_sign_head msg = {.from = from, .size = to};

    TRY(tree_at(to, read_whole, l, &t));
    TRY(tree_root(&t, &root));
    TRY(tree_prove(from, to, read_whole, l, &proof));
    msg.root = str_bytes(root.b, TREE_HASH);
    msg.proof = str_bytes(proof.hash, proof.n * TREE_HASH);
    return ca_head_sign(h, &msg, WORLD_NOW, err);
}

static enum rc open_head(struct world *w, struct ca_head **out)
{
    CLEANUP(secret_freep) struct secret *passphrase = NULL;
    CLEANUP(ca_key_loader_done)
    struct ca_key_loader loader = {.data = w->dir.fd, .conf = w->conf};

    if (!world_passphrase(&passphrase))
        return RC_NOMEM;
    loader.passphrase = passphrase;
    (void)mkdirat(w->dir.fd, "trust", 0755);
    return ca_head_open(&loader, out, NULL);
}

static uint64_t last_size(const struct ca_head *h)
{
    struct note n;

    return note_parse(ca_head_last(h), &n, NULL) == RC_OK ? n.head.size : 0;
}

static void only_what_continues_is_signed(void)
{
    CLEANUP(world_done) struct world w = {.dir.fd = -1};
    CLEANUP(ca_head_freep) struct ca_head *h = NULL;
    struct leaves right, wrong;
    struct ipc_sign_head nothing = {};

    CHECK(world_start(&w, NULL));
    CHECK_OK(open_head(&w, &h));
    CHECK_OK(grow(&right, 0));
    CHECK_OK(grow(&wrong, 1));
    CHECK_OK(ca_head_sign(h, &nothing, WORLD_NOW, NULL));
    CHECK_INT(ca_head_last(h).n, 0);
    CHECK_OK(ask(h, &right, 0, 7, NULL));
    CHECK_INT(last_size(h), 7);
    CHECK_OK(ask(h, &right, 7, 7, NULL));
    CHECK_OK(ask(h, &right, 7, 20, NULL));
    CHECK_RC(ask(h, &right, 7, 25, NULL), RC_CONFLICT); /* as if the last one had not been */
    CHECK_RC(ask(h, &right, 0, 25, NULL), RC_CONFLICT); /* as if none had */
    CHECK_RC(ask(h, &wrong, 20, 25, NULL), RC_DENIED);  /* another past */
    CHECK_RC(ask(h, &wrong, 20, 20, NULL), RC_DENIED);  /* in place of the last one */
    CHECK_INT(last_size(h), 20);
    CHECK_OK(ask(h, &right, 20, 33, NULL));
}

static void what_was_signed_survives(void)
{
    CLEANUP(world_done) struct world w = {.dir.fd = -1};
    struct leaves right, wrong;

    CHECK(world_start(&w, NULL));
    CHECK_OK(grow(&right, 0));
    CHECK_OK(grow(&wrong, 1));
    for (uint64_t size = 1; size < 12; size++) {
        CLEANUP(ca_head_freep) struct ca_head *h = NULL;

        CHECK_OK(open_head(&w, &h));
        CHECK_INT(last_size(h), size - 1);
        if (size > 6)
            CHECK_RC(ask(h, &wrong, size - 1, size, NULL), RC_DENIED);
        CHECK_OK(ask(h, &right, size - 1, size, NULL));
    }
}

/* The power goes in the middle of a write: what was there before is there. */
static void a_torn_slot_is_the_head_before(void)
{
    CLEANUP(world_done) struct world w = {.dir.fd = -1};
    CLEANUP(buf_done) struct buf file = BUF_INIT(4 * CA_HEAD_SLOT);
    struct leaves right;

    CHECK(world_start(&w, NULL));
    CHECK_OK(grow(&right, 0));
    {
        CLEANUP(ca_head_freep) struct ca_head *h = NULL;

        CHECK_OK(open_head(&w, &h));
        CHECK_OK(ask(h, &right, 0, 3, NULL));
        CHECK_OK(ask(h, &right, 3, 9, NULL));
    }
    CHECK_OK(file_read(w.dir.fd, CA_HEAD_FILE, &file, NULL));
    CHECK_INT(file.n, 2 * CA_HEAD_SLOT);
    for (size_t kept = 0; kept < 200; kept += 7) {
        CLEANUP(buf_done) struct buf torn = BUF_INIT(4 * CA_HEAD_SLOT);
        CLEANUP(ca_head_freep) struct ca_head *h = NULL;

        buf_put(&torn, file.p, file.n);
        memset(torn.p + CA_HEAD_SLOT + kept, 0, CA_HEAD_SLOT - kept);
        CHECK_OK(file_write(w.dir.fd, CA_HEAD_FILE, buf_str(&torn), 0600, FILE_OWNER_SELF, NULL));
        CHECK_OK(open_head(&w, &h));
        CHECK_INT(last_size(h), 3);
    }
    file.p[40] ^= 1;
    file.p[CA_HEAD_SLOT + 40] ^= 1;
    CHECK_OK(file_write(w.dir.fd, CA_HEAD_FILE, buf_str(&file), 0600, FILE_OWNER_SELF, NULL));
    {
        struct ca_head *h = NULL;

        CHECK_RC(open_head(&w, &h), RC_CORRUPT);
    }
}

static void a_new_log_has_another_name_and_the_same_key(void)
{
    CLEANUP(world_done) struct world w = {.dir.fd = -1};
    CLEANUP(buf_done) struct buf last = BUF_INIT(NOTE_MAX);
    CLEANUP(buf_done) struct buf origin = BUF_INIT(NOTE_NAME_MAX);
    CLEANUP(ca_head_freep) struct ca_head *h = NULL;
    const struct ca_head_restart bad = {STR("uid 0"), STR("two\nlines")};
    const struct ca_head_restart good = {STR("uid 0"), STR("INC-7: the disk is lost")};
    struct leaves right, wrong;

    CHECK(world_start(&w, NULL));
    CHECK_OK(grow(&right, 0));
    CHECK_OK(grow(&wrong, 1));
    CHECK_OK(open_head(&w, &h));
    CHECK(str_ends(ca_head_origin(h), STR("/audit/1")));
    CHECK_OK(ask(h, &right, 0, 30, NULL));
    CHECK_INT(ca_head_restarted(h).by.n, 0);
    ca_head_free(MOVE(h));
    CHECK_RC(ca_head_begin_anew(w.dir.fd, &bad, &last, &origin, NULL), RC_INVAL);
    buf_reset(&origin);
    CHECK_OK(ca_head_begin_anew(w.dir.fd, &good, &last, &origin, NULL));
    CHECK(str_ends(buf_str(&origin), STR("/audit/2")));
    CHECK(last.n > 0);
    CHECK_OK(open_head(&w, &h));
    CHECK(str_eq(ca_head_origin(h), buf_str(&origin)));
    CHECK_STR(ca_head_restarted(h).by, "uid 0");
    CHECK_STR(ca_head_restarted(h).why, "INC-7: the disk is lost");
    CHECK_INT(last_size(h), 0);
    CHECK_OK(ask(h, &wrong, 0, 8, NULL));
}

/* Of one log, as two restores of one backup begin it; the second one stays. */
static enum rc twice(struct world *w, const char *name)
{
    const struct ca_head_restart apart = {STR("uid 0"), STR("restored"), true};
    CLEANUP(buf_done) struct buf pub = BUF_INIT(1 << 16);
    CLEANUP(buf_done) struct buf last = BUF_INIT(NOTE_MAX);
    CLEANUP(buf_done) struct buf one = BUF_INIT(NOTE_NAME_MAX);
    CLEANUP(buf_done) struct buf other = BUF_INIT(NOTE_NAME_MAX);

    TRY(file_read(w->dir.fd, CA_HEAD_KEYS, &pub, NULL));
    TRY(ca_head_begin_anew(w->dir.fd, &apart, &last, &one, NULL));
    TRY(file_write(w->dir.fd, CA_HEAD_KEYS, buf_str(&pub), 0644, FILE_OWNER_SELF, NULL));
    TRY(ca_head_begin_anew(w->dir.fd, &apart, &last, &other, NULL));
    if (!memmem(one.p, one.n, name, strlen(name)) || one.n != other.n)
        return RC_INVAL;
    return str_eq(buf_str(&one), buf_str(&other)) ? RC_EXISTS : RC_OK;
}

static void two_that_begin_apart_have_two_names(void)
{
    CLEANUP(world_done) struct world w = {.dir.fd = -1};
    CLEANUP(ca_head_freep) struct ca_head *h = NULL;
    const struct ca_head_restart plain = {STR("uid 0"), STR("INC-7"), false};
    CLEANUP(buf_done) struct buf last = BUF_INIT(NOTE_MAX);
    CLEANUP(buf_done) struct buf origin = BUF_INIT(NOTE_NAME_MAX);

    CHECK(world_start(&w, NULL));
    CHECK_OK(open_head(&w, &h));
    ca_head_free(MOVE(h));
    CHECK_OK(twice(&w, "/audit/2-"));
    CHECK_OK(twice(&w, "/audit/3-")); /* of one that was restored itself */
    CHECK_OK(ca_head_begin_anew(w.dir.fd, &plain, &last, &origin, NULL));
    CHECK(str_ends(buf_str(&origin), STR("/audit/4")));
    CHECK_OK(open_head(&w, &h));
    CHECK(str_eq(ca_head_origin(h), buf_str(&origin)));
}

CHECK_MAIN(CHECK_TEST_ONCE(only_what_continues_is_signed),
           CHECK_TEST_ONCE(what_was_signed_survives),
           CHECK_TEST_ONCE(a_torn_slot_is_the_head_before),
           CHECK_TEST_ONCE(a_new_log_has_another_name_and_the_same_key),
           CHECK_TEST_ONCE(two_that_begin_apart_have_two_names))
