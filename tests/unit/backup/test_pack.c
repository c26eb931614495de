/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include <stdio.h>
#include <string.h>

#include "backup/pack.h"
#include "box.h"
#include "crypto/crypto.h"

static const struct pack_about about = {
    .id = {"4j3b7whgk4gcb6de5n3fa1xyqz"},
    .created = INT64_C(1'763'000'000) * WHEN_SECOND,
    .program = STR("0.1.0"),
    .host = STR("ca"),
    .organization = STR("Example Hospital"),
    .domain = STR("hospital.example"),
    .by = STR("uid 0"),
    .reason = STR("INC-7"),
    .node = {"4j3b7whgk4gcb6de5n3fa1xyqa"},
    .schema = 24,
    .records = 7,
    .note = STR(""),
    .clock = INT64_C(1'762'999'000) * WHEN_SECOND,
};

struct file {
    struct pack_entry e;
    struct str content;
};

static const struct file files[] = {
    {{.dir = true, .path = STR("ca"), .owner = STR(""), .mode = 0700}, STR("")},
    {{.path = STR("ca/rsa-1.key"), .owner = STR(""), .mode = 0600, .size = 3}, STR("key")},
    {{.path = STR("ca/void"), .owner = STR(""), .mode = 0644, .size = 0}, STR("")},
    {{.dir = true, .path = STR("db"), .owner = STR("autarky-core"), .mode = 0700}, STR("")},
    {{.path = STR("db/store.db"), .owner = STR("autarky-core"), .mode = 0600, .size = 8},
     STR("database")},
};
enum { FILES = sizeof(files) / sizeof(files[0]) };

static enum rc write_files(struct pack_out *p, const struct file *f, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        TRY(pack_entry(p, &f[i].e, NULL));
        if (!f[i].e.dir)
            TRY(pack_bytes(p, f[i].content, NULL));
    }
    return RC_OK;
}

static enum rc pack(const struct file *f, size_t n, struct buf *out)
{
    CLEANUP(seal_writer_freep) struct seal_writer *w = NULL;
    CLEANUP(pack_out_done) struct pack_out p = {};
    const struct seal_sink to = {box_put, out};
    struct seal_sum sum;

    TRY(seal_writer_new(&to, BOX_PASSPHRASE, BOX_LOG_N, &w, NULL));
    TRY(pack_begin(&p, w, &about, NULL));
    TRY(write_files(&p, f, n));
    return pack_end(&p, &sum, NULL);
}

struct seen {
    struct pack_about about;
    struct buf text;
};

static enum rc on_about(void *arg, const struct pack_about *a, struct err *)
{
    ((struct seen *)arg)->about = *a;
    return RC_OK;
}

static enum rc on_entry(void *arg, const struct pack_entry *e, struct err *)
{
    struct seen *s = arg;

    buf_printf(&s->text, "%s%.*s %.*s %o %llu\n", e->dir ? "/" : "", STR_ARG(e->path),
               STR_ARG(e->owner), e->mode, (unsigned long long)e->size);
    return buf_rc(&s->text);
}

static enum rc on_bytes(void *arg, struct str bytes, struct err *)
{
    struct seen *s = arg;

    buf_puts(&s->text, bytes);
    buf_u8(&s->text, '\n');
    return buf_rc(&s->text);
}

static enum rc unpack(struct str sealed, struct seen *seen, struct arena *a, struct pack_sum *sum)
{
    CLEANUP(seal_reader_freep) struct seal_reader *r = NULL;
    struct box_source s = {.left = sealed};
    const struct seal_source from = {box_get, &s};
    const struct pack_visit visit = {on_about, on_entry, on_bytes, NULL, seen};

    TRY(seal_reader_new(&from, BOX_PASSPHRASE, &r, NULL));
    return pack_read(r, a, &visit, sum, NULL);
}

static enum rc both(const struct file *f, size_t n)
{
    CLEANUP(buf_done) struct buf sealed = BUF_INIT(BOX_MAX);
    CLEANUP(arena_done) struct arena a = ARENA_INIT(1 << 20);
    struct seen seen = {.text = BUF_INIT(BOX_MAX)};
    struct pack_sum sum;
    enum rc rc = pack(f, n, &sealed);

    if (rc == RC_OK)
        rc = unpack(buf_str(&sealed), &seen, &a, &sum);
    buf_done(&seen.text);
    return rc;
}

static void all_of_it_comes_back(void)
{
    CLEANUP(buf_done) struct buf sealed = BUF_INIT(BOX_MAX);
    CLEANUP(buf_done) struct buf text = BUF_INIT(BOX_MAX);
    CLEANUP(arena_done) struct arena a = ARENA_INIT(1 << 20);
    struct seen seen = {.text = BUF_INIT(BOX_MAX)};
    struct pack_sum sum = {};
    enum rc rc;

    CHECK_OK(crypto_init());
    CHECK_OK(pack(files, FILES, &sealed));
    rc = unpack(buf_str(&sealed), &seen, &a, &sum);
    text = seen.text;
    CHECK_OK(rc);
    CHECK_INT(sum.entries, FILES);
    CHECK_STR(buf_str(&text), "/ca  700 0\nca/rsa-1.key  600 3\nkey\nca/void  644 0\n"
                              "/db autarky-core 700 0\ndb/store.db autarky-core 600 8\ndatabase\n");
    CHECK_STR(seen.about.organization, "Example Hospital");
    CHECK_STR(seen.about.reason, "INC-7");
    CHECK_STR(id_str(&seen.about.id), "4j3b7whgk4gcb6de5n3fa1xyqz");
    CHECK_INT(seen.about.created, about.created);
    CHECK_INT(seen.about.clock, about.clock);
    CHECK_INT(seen.about.schema, 24);
    CHECK_INT(seen.about.records, 7);
}

/* Whoever has the passphrase can have written anything. */
static void what_no_backup_has(void)
{
    static const struct file bad[] = {
        {{.path = STR("../x"), .mode = 0600}, STR("")},
        {{.path = STR("/etc/passwd"), .mode = 0600}, STR("")},
        {{.path = STR("ca/../../x"), .mode = 0600}, STR("")},
        {{.path = STR("ca//x"), .mode = 0600}, STR("")},
        {{.path = STR("ca/."), .mode = 0600}, STR("")},
        {{.path = STR("ca/"), .mode = 0600}, STR("")},
        {{.path = STR(""), .mode = 0600}, STR("")},
        {{.path = STR("a b"), .mode = 0600}, STR("")},
        {{.path = STR("a\nb"), .mode = 0600}, STR("")},
        {{.path = STR("a/b/c/d/e/f/g"), .mode = 0600}, STR("")},
        {{.path = STR("x"), .mode = 04755}, STR("")},
        {{.path = STR("x"), .mode = 0622}, STR("")},
        {{.path = STR("x"), .owner = STR("root"), .mode = 0600}, STR("")},
        {{.path = STR("x"), .owner = STR("autarky-other"), .mode = 0600}, STR("")},
        {{.path = STR("db/store.db-journal"), .mode = 0600}, STR("")},
        {{.path = STR("db/store.db-wal"), .mode = 0600}, STR("")},
        {{.path = STR("db/.tmp-x"), .mode = 0600}, STR("")},
        {{.path = STR("policy.override"), .mode = 0600}, STR("")},
        {{.path = STR("serve.lock"), .mode = 0600}, STR("")},
    };
    static const struct file good = {{.path = STR("x"), .mode = 0600}, STR("")};

    CHECK_OK(crypto_init());
    CHECK_OK(both(&good, 1));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        CHECK_RC(both(&bad[i], 1), RC_PARSE);
}

static void out_of_order(void)
{
    struct file twice[] = {files[1], files[1]}, back[] = {files[3], files[0]};

    CHECK_OK(crypto_init());
    CHECK_RC(both(twice, 2), RC_PARSE);
    CHECK_RC(both(back, 2), RC_PARSE);
}

static void too_large(void)
{
    CLEANUP(buf_done) struct buf sealed = BUF_INIT(BOX_MAX);
    CLEANUP(seal_writer_freep) struct seal_writer *w = NULL;
    CLEANUP(pack_out_done) struct pack_out p = {};
    CLEANUP(arena_done) struct arena a = ARENA_INIT(1 << 20);
    const struct seal_sink to = {box_put, &sealed};
    const struct pack_entry e = {.path = STR("x"), .mode = 0600, .size = PACK_FILE_MAX + 1};
    struct seen seen = {.text = BUF_INIT(0)};
    struct pack_sum read;
    struct seal_sum sum;

    CHECK_OK(crypto_init());
    CHECK_OK(seal_writer_new(&to, BOX_PASSPHRASE, BOX_LOG_N, &w, NULL));
    CHECK_OK(pack_begin(&p, w, &about, NULL));
    CHECK_OK(pack_entry(&p, &e, NULL));
    CHECK_OK(seal_end(w, &sum, NULL));
    CHECK_RC(unpack(buf_str(&sealed), &seen, &a, &read), RC_PARSE);
}

/* A file that changed its size while it was read ends it. */
static void not_as_long_as_said(void)
{
    struct file longer = {{.path = STR("x"), .mode = 0600, .size = 2}, STR("abc")};
    struct file shorter[] = {{{.path = STR("x"), .mode = 0600, .size = 4}, STR("abc")},
                             {{.path = STR("y"), .mode = 0600, .size = 0}, STR("")}};

    CHECK_OK(crypto_init());
    CHECK_RC(both(&longer, 1), RC_AGAIN);
    CHECK_RC(both(shorter, 2), RC_AGAIN);
    CHECK_RC(both(shorter, 1), RC_AGAIN);
}

static enum rc read_about(const char *json)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(64 * 1024);
    struct pack_about out;

    return pack_about_read(str_of(json), &a, &out, NULL);
}

#define ABOUT(v, node, schema)                                                                     \
    "{\"v\":" v ",\"id\":\"4j3b7whgk4gcb6de5n3fa1xyqz\",\"created\":1,\"program\":\"1\","          \
    "\"host\":\"\",\"organization\":\"\",\"domain\":\"\",\"by\":\"\",\"reason\":\"\",\"node\":"    \
    "\"" node "\",\"schema\":" schema ",\"records\":0,\"note\":\"\",\"clock\":0}"
#define NODE "4j3b7whgk4gcb6de5n3fa1xyqz"

static void what_it_says_of_itself(void)
{
    CHECK_OK(read_about(ABOUT("1", NODE, "24")));
    CHECK_RC(read_about(ABOUT("2", NODE, "24")), RC_VERSION);
    CHECK_RC(read_about(ABOUT("0", NODE, "24")), RC_PARSE);
    CHECK_RC(read_about(ABOUT("1", "x", "24")), RC_PARSE);
    CHECK_RC(read_about(ABOUT("1", NODE, "0")), RC_PARSE);
    CHECK_RC(read_about(ABOUT("1", NODE, "-1")), RC_PARSE);
    CHECK_RC(read_about("{\"v\":1}"), RC_PARSE);
    CHECK_RC(read_about("[]"), RC_PARSE);
    CHECK_RC(read_about(""), RC_PARSE);
}

CHECK_MAIN(CHECK_TEST(all_of_it_comes_back), CHECK_TEST(what_no_backup_has),
           CHECK_TEST(out_of_order), CHECK_TEST(too_large), CHECK_TEST(not_as_long_as_said),
           CHECK_TEST(what_it_says_of_itself))
