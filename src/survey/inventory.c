/* SPDX-License-Identifier: Apache-2.0 */
/* `autarky inventory`: what is served where, as the running server has it. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "audit/lines.h"
#include "cmd/ask.h"
#include "cmd/cert.h"
#include "conf/text.h"
#include "ev/clock.h"
#include "scan/record.h"
#include "survey/scan_int.h"

enum {
    BATCH_BYTES = 400 * 1024, /* of one delivery: more than SCAN_RECORD_MAX, less than a request */
    BATCH_LINES = 500,
    TAKEN_MAX = 1024,
    PAGE_MAX = 16 * 1024 * 1024,
    LIMIT_MAX = 1000,
    CELL_MAX = 64 * 1024,
    IMPORT_MAX = 16 * 1024 * 1024,
};

/* ---- telling the server */

/* As many lines as one delivery takes, as a list of JSON; how many bytes they are. */
static enum rc batch(struct str lines, bool quick, struct buf *out, size_t *out_n)
{
    struct str rest = lines, line;
    size_t n = 0;

    buf_printf(out, "{\"quick\":%s,\"records\":[", quick ? "true" : "false");
    for (; n < BATCH_LINES && rest.n; n++) {
        if (str_find(rest, '\n') == rest.n || str_find(rest, '\n') > SCAN_RECORD_MAX)
            return RC_PARSE;
        if (n && lines.n - rest.n + str_find(rest, '\n') > BATCH_BYTES)
            break;
        IGNORE_RC(str_next(&rest, '\n', &line) ? RC_OK : RC_PARSE); /* there is one */
        buf_putz(out, n ? "," : "");
        buf_puts(out, line);
    }
    buf_putz(out, "]}");
    *out_n = lines.n - rest.n;
    return buf_rc(out);
}

enum rc inventory_deliver(const char *data, bool quick, struct buf *lines, struct err *err)
{
    do {
        CLEANUP(buf_done) struct buf ask = BUF_INIT((size_t)BATCH_BYTES + SCAN_RECORD_MAX);
        CLEANUP(buf_done) struct buf answer = BUF_INIT(TAKEN_MAX);
        size_t n;

        TRY(batch(buf_str(lines), quick, &ask, &n));
        TRY(cmd_control(data, "inventory deliver", buf_str(&ask), &answer, err));
        buf_consume(lines, n);
    } while (lines->n);
    return RC_OK;
}

static enum rc import_line(const struct cmd_args *args, struct str line, struct buf *lines,
                           struct err *err)
{
    buf_puts(lines, line);
    buf_putz(lines, "\n");
    TRY(buf_rc(lines));
    return lines->n < BATCH_BYTES ? RC_OK : inventory_deliver(cmd_data(args), false, lines, err);
}

/* A file of `autarky scan --out`, brought from another network. */
int cmd_inventory_import(const struct cmd_args *args)
{
    int fd = open(args->operand, O_RDONLY | O_CLOEXEC);
    CLEANUP(buf_done) struct buf lines = BUF_INIT(IMPORT_MAX);
    CLEANUP(lines_done) struct lines file = {.fd = -1};
    struct err err = ERR_INIT;
    unsigned long long n = 0;
    struct str line;

    if (fd < 0)
        return cmd_failf("cannot open %s: %s", args->operand, strerrordesc_np(errno));
    lines_init(&file, fd, SCAN_RECORD_MAX);
    while ((err.rc = lines_next(&file, &line)) == RC_OK) {
        n++;
        if (line.n)
            err.rc = import_line(args, line, &lines, &err);
        if (err.rc != RC_OK)
            break;
    }
    if (err.rc == RC_NOTFOUND && !err.msg)
        err.rc = inventory_deliver(cmd_data(args), false, &lines, &err);
    if (err.rc != RC_OK)
        return cmd_fail(&err);
    fprintf(stderr, "autarky: %llu records of %s are in the inventory\n", n, args->operand);
    return CMD_DONE;
}

/* ---- the question */

static const struct {
    enum cmd_option option;
    const char *name;
} texts[] = {
    {CMD_OPT_CURSOR, "cursor"},   {CMD_OPT_UNDER, "under"},     {CMD_OPT_OWNER, "owner"},
    {CMD_OPT_NETWORK, "network"}, {CMD_OPT_VERDICT, "verdict"}, {CMD_OPT_SERVICE, "service"},
    {CMD_OPT_REASON, "reason"},
};

static int put_options(const struct cmd_args *args, struct json_out *o)
{
    const char *unseen = args->values[CMD_OPT_UNSEEN_FOR];
    const char *before = args->values[CMD_OPT_EXPIRES_BEFORE];
    when_t span = 0;
    uint64_t limit;

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        if (args->values[texts[i].option])
            json_kv_z(o, texts[i].name, args->values[texts[i].option]);
    if (args->values[CMD_OPT_DRY_RUN])
        json_kv_bool(o, "dry_run", true);
    if (args->values[CMD_OPT_LIMIT]) {
        if (str_u64(str_of(args->values[CMD_OPT_LIMIT]), LIMIT_MAX, &limit) != RC_OK || !limit)
            return cmd_usagef("--limit is a number from 1 to %d", LIMIT_MAX);
        json_kv_u64(o, "limit", limit);
    }
    if (unseen) {
        if (conf_span_parse(str_of(unseen), &span) != RC_OK)
            return cmd_usagef("--unseen-for is a length of time, as in 7d");
        json_kv_when(o, "seen_before", clock_now(clock_system()) - span);
    }
    return before ? cert_put_when("--expires-before", before, "expires_before", o) : CMD_DONE;
}

/* `endpoint` is the operand, `cursor` where a page begins; either may be NULL. */
static int question(const struct cmd_args *args, const char *cursor, struct buf *out)
{
    struct err err = ERR_INIT;
    struct json_out o;
    int status;

    json_out_init(&o, out, JSON_COMPACT);
    json_obj(&o);
    if (args->operand)
        json_kv_z(&o, "endpoint", args->operand);
    status = put_options(args, &o);
    if (cursor)
        json_kv_z(&o, "cursor", cursor);
    json_end(&o);
    err.rc = json_out_done(&o);
    return status != CMD_DONE || err.rc == RC_OK ? status : cmd_fail(&err);
}

static int ask(const struct cmd_args *args, const char *command, cmd_show_fn show)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(ASK_MAX);
    int status = question(args, NULL, &text);

    return status == CMD_DONE ? cmd_ask(args, command, buf_str(&text), show) : status;
}

/* ---- what strangers said, on a terminal */

/* Marks that turn the direction of text, and that are not seen. */
static bool is_hidden(uint32_t cp)
{
    return (cp >= 0x200b && cp <= 0x200f) || (cp >= 0x2028 && cp <= 0x202e) ||
           (cp >= 0x2060 && cp <= 0x206f) || cp == 0xfeff || cp == 0x61c;
}

static void put_safe(struct str s, struct buf *out)
{
    uint32_t cp = 0;

    while (s.n) {
        size_t n = str_utf8_next(s, &cp);

        if (n && !str_is_control(cp) && !is_hidden(cp))
            buf_puts(out, str_head(s, n));
        else
            buf_putz(out, "?");
        s = str_skip(s, n ? n : 1);
    }
}

static void put_list(const struct json *list, const char *between, struct buf *out)
{
    struct json_iter it = json_iter(list);
    const struct json *v;
    struct str text;

    for (size_t n = 0; json_next(&it, NULL, &v); n++) {
        buf_putz(out, n ? between : "");
        if (json_str(v, &text) == RC_OK)
            put_safe(text, out);
    }
}

static void print_safe(const char *label, struct str text)
{
    CLEANUP(buf_done) struct buf safe = BUF_INIT(CELL_MAX);

    put_safe(text, &safe);
    if (text.n)
        printf("%-16s %.*s\n", label, STR_ARG(buf_str(&safe)));
}

static void print_list(const char *label, const struct json *list)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(CELL_MAX);

    put_list(list, ", ", &text);
    if (text.n)
        printf("%-16s %.*s\n", label, STR_ARG(buf_str(&text)));
}

/* ---- lists */

static void print_row(const struct json *v)
{
    CLEANUP(buf_done)
    struct buf endpoint = BUF_INIT(CELL_MAX), verdicts = BUF_INIT(CELL_MAX),
               owner = BUF_INIT(CELL_MAX);
    struct str ends = json_shown(json_get(v, "certificate"), "not_after");

    put_safe(json_shown(v, "endpoint"), &endpoint);
    put_list(json_get(v, "verdicts"), ",", &verdicts);
    put_safe(json_shown(v, "owner"), &owner);
    if (!verdicts.n)
        buf_puts(&verdicts, STR("-"));
    printf("%-40.*s  %-10.*s  %-24.*s  %.*s\n", STR_ARG(buf_str(&endpoint)),
           STR_ARG(ends.n ? str_head(ends, 10) : STR("-")), STR_ARG(buf_str(&verdicts)),
           STR_ARG(owner.n ? buf_str(&owner) : STR("-")));
}

static enum rc show_list(const struct json *root)
{
    struct json_iter it = json_iter(json_get(root, "items"));
    struct str next = json_shown(root, "next");
    const struct json *v;

    printf("%-40s  %-10s  %-24s  %s\n", "ENDPOINT", "ENDS", "VERDICTS", "OWNER");
    while (json_next(&it, NULL, &v))
        print_row(v);
    if (next.n)
        fprintf(stderr, "there are more: --cursor %.*s\n", STR_ARG(next));
    return RC_OK;
}

/* A cell of RFC 4180. Spreadsheets take what begins so for a formula, and it may be a stranger's.
 */
static void put_cell(struct str text, bool first, struct buf *out)
{
    bool formula = text.n && memchr("=+-@\t\r", text.p[0], 6);

    buf_putz(out, first ? "\"" : ",\"");
    buf_putz(out, formula ? "'" : "");
    for (size_t i = 0; i < text.n; i++) {
        buf_put(out, text.p + i, 1);
        if (text.p[i] == '"')
            buf_putz(out, "\"");
    }
    buf_putz(out, "\"");
}

static void put_csv_list(const struct json *list, struct buf *out)
{
    CLEANUP(buf_done) struct buf cell = BUF_INIT(CELL_MAX);

    put_list(list, " ", &cell);
    put_cell(buf_str(&cell), false, out);
}

static enum rc put_csv_row(const struct json *v, struct buf *out)
{
    static const char *const whole[] = {"protocol", "address",    "name",      "owner",
                                        "service",  "first_seen", "last_seen", "changed"};
    static const char *const certificate[] = {"sha256", "subject",    "issuer",   "serial",
                                              "key",    "not_before", "not_after"};
    const struct json *c = json_get(v, "certificate");

    put_cell(json_shown(v, "endpoint"), true, out);
    put_csv_list(json_get(v, "verdicts"), out);
    for (size_t i = 0; i < sizeof(whole) / sizeof(whole[0]); i++) {
        CLEANUP(buf_done) struct buf cell = BUF_INIT(CELL_MAX);

        put_safe(json_shown(v, whole[i]), &cell);
        put_cell(buf_str(&cell), false, out);
    }
    put_csv_list(json_get(v, "versions"), out);
    for (size_t i = 0; i < sizeof(certificate) / sizeof(certificate[0]); i++) {
        CLEANUP(buf_done) struct buf cell = BUF_INIT(CELL_MAX);

        put_safe(json_shown(c, certificate[i]), &cell);
        put_cell(buf_str(&cell), false, out);
    }
    put_csv_list(json_get(c, "names"), out);
    buf_putz(out, "\r\n");
    return buf_rc(out);
}

/* A page; *next is where the next one begins, or empty. */
static enum rc csv_page(struct str answer, struct buf *next)
{
    CLEANUP(json_freep) struct json_doc *doc = NULL;
    CLEANUP(buf_done) struct buf text = BUF_INIT(PAGE_MAX);
    struct json_iter it;
    const struct json *v;

    TRY(json_parse(answer, PAGE_MAX, &doc, NULL));
    it = json_iter(json_get(json_root(doc), "items"));
    while (json_next(&it, NULL, &v))
        TRY(put_csv_row(v, &text));
    cmd_print(buf_str(&text));
    buf_reset(next);
    buf_puts(next, json_shown(json_root(doc), "next"));
    return buf_rc(next);
}

static int export_csv(const struct cmd_args *args)
{
    CLEANUP(buf_done) struct buf next = BUF_INIT(ASK_MAX);
    struct err err = ERR_INIT;

    cmd_print(
        STR("endpoint,verdicts,protocol,address,name,owner,service,first_seen,last_seen,"
            "changed,versions,sha256,subject,issuer,serial,key,not_before,not_after,names\r\n"));
    do {
        CLEANUP(buf_done) struct buf text = BUF_INIT(ASK_MAX);
        CLEANUP(buf_done) struct buf answer = BUF_INIT(PAGE_MAX);
        int status = question(args, next.n ? buf_z(&next) : NULL, &text);

        if (status != CMD_DONE)
            return status;
        err.rc = cmd_control(cmd_data(args), "inventory list", buf_str(&text), &answer, &err);
        if (err.rc == RC_OK)
            err.rc = csv_page(buf_str(&answer), &next);
    } while (err.rc == RC_OK && next.n);
    return err.rc == RC_OK ? CMD_DONE : cmd_fail(&err);
}

int cmd_inventory_list(const struct cmd_args *args)
{
    if (!args->values[CMD_OPT_CSV])
        return ask(args, "inventory list", show_list);
    if (args->values[CMD_OPT_CURSOR] || cmd_json(args))
        return cmd_usagef("--csv writes all there is: neither --cursor nor --json goes with it");
    return export_csv(args);
}

static enum rc show_orphans(const struct json *root)
{
    struct json_iter it = json_iter(json_get(root, "items"));
    struct str next = json_shown(root, "next");
    const struct json *v;

    printf("%-40s  %-10s  %-10s  %s\n", "SERIAL", "ISSUED", "ENDS", "NAMES");
    while (json_next(&it, NULL, &v)) {
        printf("%-40.*s  %-10.*s  %-10.*s  ", STR_ARG(json_shown(v, "serial")),
               STR_ARG(str_head(json_shown(v, "issued"), 10)),
               STR_ARG(str_head(json_shown(v, "not_after"), 10)));
        cert_print_list(json_get(v, "names"));
        printf("\n");
    }
    if (next.n)
        fprintf(stderr, "there are more: --cursor %.*s\n", STR_ARG(next));
    return RC_OK;
}

int cmd_inventory_orphans(const struct cmd_args *args)
{
    return ask(args, "inventory orphans", show_orphans);
}

/* ---- one of them */

static enum rc show_one(const struct json *v)
{
    static const char *const whole[] = {"endpoint",   "state",     "cipher",  "weak",
                                        "why",        "owner",     "service", "owner_from",
                                        "first_seen", "last_seen", "changed"};
    static const char *const certificate[] = {"sha256",     "subject",   "issuer",
                                              "serial",     "key",       "signature",
                                              "not_before", "not_after", "pem"};
    const struct json *c = json_get(v, "certificate");

    for (size_t i = 0; i < sizeof(whole) / sizeof(whole[0]); i++)
        print_safe(whole[i], json_shown(v, whole[i]));
    print_list("verdicts", json_get(v, "verdicts"));
    print_list("versions", json_get(v, "versions"));
    print_list("groups", json_get(v, "groups"));
    print_list("names", json_get(c, "names"));
    for (size_t i = 0; i + 1 < sizeof(certificate) / sizeof(certificate[0]); i++)
        print_safe(certificate[i], json_shown(c, certificate[i]));
    printf("%.*s", STR_ARG(json_shown(c, "pem"))); /* Base64 */
    return RC_OK;
}

int cmd_inventory_show(const struct cmd_args *args)
{
    return ask(args, "inventory show", show_one);
}

static enum rc show_history(const struct json *root)
{
    struct json_iter it = json_iter(json_get(root, "changes"));
    const struct json *v;

    while (json_next(&it, NULL, &v)) {
        CLEANUP(buf_done) struct buf old = BUF_INIT(CELL_MAX), new = BUF_INIT(CELL_MAX);

        put_safe(json_shown(v, "old"), &old);
        put_safe(json_shown(v, "new"), &new);
        printf("%.*s  %-12.*s %.*s -> %.*s\n", STR_ARG(json_shown(v, "time")),
               STR_ARG(json_shown(v, "what")), STR_ARG(old.n ? buf_str(&old) : STR("-")),
               STR_ARG(new.n ? buf_str(&new) : STR("-")));
    }
    return RC_OK;
}

int cmd_inventory_history(const struct cmd_args *args)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(ASK_MAX);
    CLEANUP(buf_done) struct buf answer = BUF_INIT(PAGE_MAX);
    int status = question(args, NULL, &text);
    struct err err = ERR_INIT;

    if (status != CMD_DONE)
        return status;
    err.rc = ask_pages(args, "inventory history", buf_str(&text), &answer, &err);
    return err.rc == RC_OK ? ask_show_list(args, &answer, show_history) : cmd_fail(&err);
}

static enum rc show_owner(const struct json *root)
{
    print_safe("endpoint", json_shown(root, "endpoint"));
    print_safe("owner", json_shown(root, "owner"));
    print_safe("service", json_shown(root, "service"));
    if (ask_dry(root))
        printf("nothing was changed: this was a dry run\n");
    return RC_OK;
}

int cmd_inventory_owner(const struct cmd_args *args)
{
    return ask(args, "inventory owner", show_owner);
}
