/* SPDX-License-Identifier: Apache-2.0 */
/* `autarky audit verify`: no server, no data directory, no network; files and a public key. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "audit/verify.h"
#include "base/fd.h"
#include "base/file.h"
#include "ca/head.h"
#include "cmd/cmd.h"
#include "crypto/crypto.h"
#include "json/out.h"

enum { KEYS_TEXT = 64 * 1024, ANSWER_MAX = 64 * 1024, PATH_BYTES = 4096 };

struct keys {
    struct buf text;
    struct note_key key[AUDIT_KEYS_MAX];
    size_t n;
};

static void keys_done(struct keys *k)
{
    for (size_t i = 0; i < k->n; i++)
        note_key_done(&k->key[i]);
    buf_done(&k->text);
}

static int read_keys(const char *path, struct keys *k)
{
    struct err err = ERR_INIT;
    struct str rest, line;

    buf_init(&k->text, KEYS_TEXT);
    err.rc = file_read(AT_FDCWD, path, &k->text, &err);
    rest = buf_str(&k->text);
    while (err.rc == RC_OK && str_next(&rest, '\n', &line)) {
        line = str_trim(line);
        if (line.n == 0)
            continue;
        if (k->n == AUDIT_KEYS_MAX)
            return cmd_failf("%s holds more than %d keys", path, AUDIT_KEYS_MAX);
        err.rc = note_key_parse(line, &k->key[k->n], &err);
        k->n += err.rc == RC_OK;
    }
    if (err.rc != RC_OK)
        return cmd_fail(&err);
    return k->n ? CMD_DONE : cmd_failf("%s holds no public key of a log", path);
}

/* ---- what came of it */

static const char *when_of(when_t t, char text[static WHEN_TEXT])
{
    return t ? when_text(t, text) : "the beginning";
}

static void show_span(const struct audit_span *s)
{
    char after[WHEN_TEXT], until[WHEN_TEXT];

    printf("records %" PRIu64 " to %" PRIu64 ", between the heads of %s and %s: %s\n", s->from + 1,
           s->to, when_of(s->after, after), when_of(s->until, until),
           s->missing ? "signed, and not all there: the end is cut off"
                      : "not as they were signed: one is altered, removed, inserted or moved");
}

static void show(const struct audit_verdict *v)
{
    char at[WHEN_TEXT];

    for (size_t i = 0; i < v->n_spans; i++)
        show_span(&v->spans[i]);
    if (v->more_spans)
        printf("and more such spans\n");
    if (v->unsigned_heads)
        printf("%" PRIu64 " heads in the export are not signed by the log, or out of place\n",
               v->unsigned_heads);
    if (v->tail_damaged)
        printf("behind the last head, records are missing or there twice\n");
    printf("%" PRIu64 " records, %" PRIu64 " signed heads", v->records, v->heads);
    if (v->heads)
        printf(", the last of %s for %" PRIu64 " records", when_of(v->covered_at, at), v->covered);
    printf("\n");
    if (v->records > v->covered)
        printf("%" PRIu64 " records are newer than the last head: nothing is proven of them\n",
               v->records - v->covered);
    if (!v->witnessed)
        printf("no head from elsewhere was given (--head): that newer records and heads were cut "
               "off together would not show\n");
    printf("%s\n", audit_verdict_good(v) ? "good" : "NOT GOOD");
}

static void put_spans(const struct audit_verdict *v, struct json_out *o)
{
    json_key(o, "spans");
    json_arr(o);
    for (size_t i = 0; i < v->n_spans; i++) {
        const struct audit_span *s = &v->spans[i];

        json_obj(o);
        json_kv_u64(o, "first", s->from + 1);
        json_kv_u64(o, "last", s->to);
        json_kv_bool(o, "missing", s->missing);
        json_end(o);
    }
    json_end(o);
}

static void show_json(const struct audit_verdict *v)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(ANSWER_MAX);
    struct json_out o;

    json_out_init(&o, &text, JSON_COMPACT);
    json_obj(&o);
    json_kv_bool(&o, "good", audit_verdict_good(v));
    json_kv_u64(&o, "records", v->records);
    json_kv_u64(&o, "heads", v->heads);
    json_kv_u64(&o, "covered", v->covered);
    json_kv_u64(&o, "witnessed", v->witnessed);
    json_kv_u64(&o, "unsigned_heads", v->unsigned_heads);
    json_kv_bool(&o, "tail_damaged", v->tail_damaged);
    json_kv_bool(&o, "more_spans", v->more_spans);
    put_spans(v, &o);
    json_end(&o);
    if (json_out_done(&o) != RC_OK)
        return;
    buf_putz(&text, "\n");
    cmd_print(buf_str(&text));
}

static int check(const struct cmd_args *args, struct audit_verify *in)
{
    CLEANUP(fd_closep) int dir = -1;
    CLEANUP(fd_closep) int heads = -1;
    struct audit_verdict v;
    struct err err = ERR_INIT;

    dir = open(in->name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0)
        return cmd_failf("%s cannot be opened as a directory: %s", in->name, strerror(errno));
    if (in->heads_name)
        heads = open(in->heads_name, O_RDONLY | O_CLOEXEC);
    if (in->heads_name && heads < 0)
        return cmd_failf("%s cannot be read: %s", in->heads_name, strerror(errno));
    in->dir = dir;
    in->heads = heads;
    err.rc = audit_verify(in, &v, &err);
    if (err.rc != RC_OK)
        return cmd_fail(&err);
    if (cmd_json(args))
        show_json(&v);
    else
        show(&v);
    return audit_verdict_good(&v) ? CMD_DONE : CMD_FAILED;
}

static int verify(const struct cmd_args *args, struct keys *log, struct keys *witness)
{
    const char *key = args->values[CMD_OPT_AUDIT_KEY];
    char path[PATH_BYTES];
    struct audit_verify in = {.name = args->operand, .heads_name = args->values[CMD_OPT_HEAD]};
    int status;

    if (args->values[CMD_OPT_WITNESS] && !in.heads_name)
        return cmd_usagef("--witness is about the heads that --head names");
    snprintf(path, sizeof(path), "%s/" CA_HEAD_KEYS, cmd_data(args));
    status = read_keys(key ? key : path, log);
    if (status == CMD_DONE && args->values[CMD_OPT_WITNESS]) {
        status = read_keys(args->values[CMD_OPT_WITNESS], witness);
        in.witness = &witness->key[0];
    }
    if (status != CMD_DONE)
        return status;
    in.keys = log->key;
    in.n_keys = log->n;
    return check(args, &in);
}

int cmd_audit_verify(const struct cmd_args *args)
{
    CLEANUP(keys_done) struct keys log = {};
    CLEANUP(keys_done) struct keys witness = {};
    struct err err = ERR_INIT;
    int status;

    err.rc = crypto_init();
    if (err.rc != RC_OK)
        return cmd_fail(&err);
    status = verify(args, &log, &witness);
    crypto_done();
    return status;
}
