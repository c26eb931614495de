/* SPDX-License-Identifier: Apache-2.0 */
/* What an administrator's question needs: a whole CA with certificates in its register, made by
 * hand so that names and times are known, and the answer read back as JSON. */
#pragma once

#include "world.h"

#include <stdio.h>

#include "api/admin.h"
#include "ipc/messages.h"
#include "ipc/role.h"
#include "json/json.h"
#include "store/certificates.h"
#include "store/store.h"

/* Made by main: the failing-allocation mode is to be about answers. A test that changes its clock
 * sets it back. */
static struct world world = {.dir.fd = -1};

enum { FIX_ANSWER_MAX = 4 * 1024 * 1024 };

/* An answer, with CLEANUP(answer_done). */
struct answer {
    struct buf text;
    struct json_out out;
    struct json_doc *doc;
    const struct json *root;
    struct err err;
};

[[maybe_unused]] static void answer_done(struct answer *a)
{
    json_free(a->doc);
    buf_done(&a->text);
}

[[maybe_unused]] static void answer_begin(struct answer *a)
{
    *a = (struct answer){.text = BUF_INIT(FIX_ANSWER_MAX), .err = ERR_INIT};
    json_out_init(&a->out, &a->text, JSON_COMPACT);
}

[[maybe_unused]] static enum rc answer_end(struct answer *a, enum rc rc)
{
    TRY(rc);
    TRY(json_out_done(&a->out));
    TRY(json_parse(buf_str(&a->text), FIX_ANSWER_MAX, &a->doc, NULL));
    a->root = json_root(a->doc);
    return RC_OK;
}

/* The member as text, or "". */
[[maybe_unused]] static struct str text_of(const struct json *obj, const char *name)
{
    struct str s = {NULL, 0};

    return json_str(json_get(obj, name), &s) == RC_OK ? s : (struct str){NULL, 0};
}

[[maybe_unused]] static int64_t number_of(const struct json *obj, const char *name)
{
    int64_t n = -1;

    return json_i64(json_get(obj, name), &n) == RC_OK ? n : -1;
}

[[maybe_unused]] static bool truth_of(const struct json *obj, const char *name)
{
    bool b = false;

    return json_bool(json_get(obj, name), &b) == RC_OK && b;
}

/* One certificate for the register. */
struct row {
    const char *name;
    enum store_name_type type;
    unsigned serial;
    when_t issued;
    when_t not_after;
    bool revoked;
};

struct rows_job {
    struct ca *ca;
    const struct row *rows;
    size_t n;
};

[[maybe_unused]] static enum rc add_row(struct store_txn *txn, const struct row *r, struct ca *ca)
{
    struct store_name name = {r->type, str_of(r->name)};
    unsigned char serial[] = {0x41, (unsigned char)(r->serial >> 8), (unsigned char)r->serial};
    struct store_certificate c = {
        .issuer = ca_issuer_find(ca, STR("rsa-1"))->id,
        .serial = str_bytes(serial, sizeof(serial)),
        .der = STR("not looked at"),
        .hierarchy = STR("intranet"),
        .profile = STR("default"),
        .not_before = r->issued,
        .not_after = r->not_after,
        .authority_key_id = STR("key"),
        .names = &name,
        .n_names = 1,
        .origin = STR("acme"),
        .requester = {4, {10, 0, 0, 7}},
        .issued = r->issued,
    };

    memcpy(c.fingerprint.b, serial, sizeof(serial));
    TRY(id_new(&c.id));
    TRY(id_new(&c.logical));
    TRY(store_certificate_add(txn, &c, &(struct id){}));
    return r->revoked ? store_certificate_revoke(txn, &c.id, r->issued + WHEN_HOUR, 4) : RC_OK;
}

[[maybe_unused]] static enum rc add_rows(struct store_txn *txn, void *arg)
{
    const struct rows_job *job = arg;

    for (size_t i = 0; i < job->n; i++)
        TRY(add_row(txn, &job->rows[i], job->ca));
    return RC_OK;
}

/* The database as a visitor sees it, with CLEANUP(store_closep): what SQLite keeps for the next
 * question is gone with it. */
static enum rc visit(struct store **out)
{
    struct store_options o = {
        .dir = world.db, .now = WORLD_NOW, .look = true, .sync = STORE_SYNC_OFF};

    return CHECK_SPARED(store_open(&o, out, NULL)); /* it is test_store that lets it fail */
}

static struct api_view view(struct store *s)
{
    return (struct api_view){.store = s,
                             .ca = world.ca,
                             .conf = world.conf,
                             .signer = true,
                             .prober = true,
                             .now = WORLD_NOW};
}

/* What `fn` answers to `args`, JSON text. */
[[maybe_unused]] static enum rc ask_of(api_look_fn fn, const char *args, struct answer *a)
{
    CLEANUP(store_closep) struct store *s = NULL;
    CLEANUP(json_freep) struct json_doc *doc = NULL;
    struct api_view v;

    answer_done(a);
    answer_begin(a);
    TRY(visit(&s));
    v = view(s);
    TRY(json_parse(str_of(args), 4096, &doc, NULL));
    return answer_end(a, fn(&v, json_root(doc), &a->out, &a->err));
}

/* Runs the tests on a world with these certificates, and what `also` writes (NULL: nothing); what
 * main returns. */
[[maybe_unused]] static int run_and(enum rc (*also)(struct store_txn *txn, void *arg),
                                    const struct row *rows, size_t n,
                                    const struct check_test *tests, size_t n_tests)
{
    struct rows_job job = {.rows = rows, .n = n};
    int failed = 1;

    if (world_start(&world, NULL)) {
        job.ca = world.ca;
        failed = store_write_now(world.store, add_rows, &job) != RC_OK ||
                 (also && store_write_now(world.store, also, NULL) != RC_OK);
        store_close(MOVE(world.store));
        if (!failed)
            failed = check_run(tests, n_tests);
    }
    world_done(&world);
    return failed;
}

[[maybe_unused]] static int run_with(const struct row *rows, size_t n,
                                     const struct check_test *tests, size_t n_tests)
{
    return run_and(NULL, rows, n, tests, n_tests);
}
