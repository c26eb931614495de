/* SPDX-License-Identifier: Apache-2.0 */
/* `autarky report`: what an auditor reads, as files (report/report.h). They appear whole or not at
 * all: they are written beside their directory, which then takes its name. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "cmd/ask.h"
#include "conf/conf.h"
#include "ev/clock.h"
#include "json/out.h"
#include "report/report.h"
#include "store/store.h"

enum {
    PATH_ROOM = 4096,
    PROBLEMS_MAX = 64 * 1024,
    JSON_ROOM = 4096,
    MONTHS_BACK = 24, /* how long a timer may have been away */
    MONTH_TEXT = 16,
};

MSG(msg_busy, "report.busy", "{0} is being written by another `autarky report`");
MSG(msg_dir, "report.dir", "{0} cannot be made: {1}");
MSG(msg_exists, "report.exists", "{0} is there already; name another directory with --out");

struct making {
    const struct cmd_args *args;
    struct store *store;
    const struct conf *conf;
    char out[PATH_ROOM], part[PATH_ROOM + 8];
    struct report_span span;
    struct report_numbers numbers;
    bool shown; /* by the server, as it is in `reports` */
};

/* ---- by mail */

static enum rc show_mailed(const struct json *root)
{
    struct json_iter it = json_iter(json_get(root, "mailed"));
    const struct json *v;
    struct str month;

    if (!json_len(json_get(root, "mailed")))
        fprintf(stderr, "autarky: %.*s was mailed all of them before\n",
                STR_ARG(json_shown(root, "receiver")));
    while (json_next(&it, NULL, &v))
        if (json_str(v, &month) == RC_OK)
            printf("%.*s goes to %.*s\n", STR_ARG(month), STR_ARG(json_shown(root, "recipients")));
    return RC_OK;
}

/* By the server, which keeps it until it is delivered; of a month that was asked for that one, else
 * what the receiver was not mailed yet. */
static int mail(const struct making *m, int status)
{
    if (status != CMD_DONE || !m->args->values[CMD_OPT_REPORT_MAIL])
        return status;
    return ask_and_show(m->args, "report mail", NULL, show_mailed);
}

/* ---- files */

static enum rc dir_failed(const char *path, struct err *err)
{
    return ERR(err, RC_IO, msg_dir, str_of(path), str_of(strerrordesc_np(errno)));
}

/* What is in `reports` the server shows, whose group the database has; the directory closes what is
 * in it to everybody else. */
static void let_server_read(const struct cmd_args *args, int fd)
{
    char db[PATH_ROOM];
    struct stat st;

    (void)snprintf(db, sizeof(db), "%s/db", cmd_data(args));
    if (stat(db, &st) != 0 || fchown(fd, (uid_t)-1, st.st_gid) != 0 || fchmod(fd, 0750) != 0)
        fprintf(stderr, "autarky: the server will not be able to show the report: %s\n",
                strerrordesc_np(errno));
}

/* Its files, when they are whole. */
static void let_files_be_read(int fd)
{
    DIR *d = fdopendir(dup(fd));
    const struct dirent *e;
    bool good = d != NULL;

    while (d && (e = readdir(d)))
        if (e->d_name[0] != '.')
            good = fchmodat(fd, e->d_name, 0644, 0) == 0 && good;
    if (!good)
        fprintf(stderr, "autarky: the server will not be able to show the files of the report\n");
    if (d)
        closedir(d);
}

static enum rc make_reports(const struct cmd_args *args, struct err *err)
{
    CLEANUP(fd_closep) int fd = -1;
    char dir[PATH_ROOM];

    (void)snprintf(dir, sizeof(dir), "%s/reports", cmd_data(args));
    if (mkdir(dir, 0700) != 0)
        return errno == EEXIST ? RC_OK : dir_failed(dir, err);
    fd = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return dir_failed(dir, err);
    let_server_read(args, fd);
    return RC_OK;
}

/* Locked, so that two do not write into it; what a crash left there is written over. */
static enum rc open_part(struct making *m, int *out, struct err *err)
{
    CLEANUP(fd_closep) int fd = -1;

    (void)snprintf(m->part, sizeof(m->part), "%s.part", m->out);
    if (mkdir(m->part, 0700) != 0 && errno != EEXIST)
        return dir_failed(m->part, err);
    fd = open(m->part, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return dir_failed(m->part, err);
    if (flock(fd, LOCK_EX | LOCK_NB) != 0)
        return ERR(err, RC_AGAIN, msg_busy, str_of(m->out));
    if (m->shown)
        let_server_read(m->args, fd);
    *out = fd_move(&fd);
    return RC_OK;
}

static enum rc sync_parent(const char *path, struct err *err)
{
    CLEANUP(fd_closep) int fd = -1;
    const char *slash = strrchr(path, '/');
    char parent[PATH_ROOM];

    (void)snprintf(parent, sizeof(parent), "%.*s", slash ? (int)(slash - path) + 1 : 1,
                   slash ? path : ".");
    fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd >= 0 && fsync(fd) == 0 ? RC_OK : dir_failed(path, err);
}

/* One state of the database for all of it, while the server goes on. */
static enum rc write_all(struct making *m, int dir, struct err *err)
{
    const struct report_asked asked = {m->conf->organization, m->span};
    struct store_txn *txn;
    enum rc rc;

    TRY(store_read_begin(m->store, &txn));
    rc = report_write(txn, &asked, dir, m->part, &m->numbers, err);
    store_read_end(txn);
    return rc;
}

static enum rc make(struct making *m, struct err *err)
{
    CLEANUP(fd_closep) int dir = -1;
    struct stat st;

    if (stat(m->out, &st) == 0)
        return ERR(err, RC_EXISTS, msg_exists, str_of(m->out));
    TRY(open_part(m, &dir, err));
    TRY(write_all(m, dir, err));
    if (m->shown)
        let_files_be_read(dir);
    if (renameat2(AT_FDCWD, m->part, AT_FDCWD, m->out, RENAME_NOREPLACE) != 0)
        return errno == EEXIST ? ERR(err, RC_EXISTS, msg_exists, str_of(m->out))
                               : dir_failed(m->out, err);
    return sync_parent(m->out, err);
}

/* ---- what is said */

static int show(const struct making *m)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(JSON_ROOM);
    struct report_number numbers[REPORT_NUMBERS];
    struct json_out o;

    report_numbers_list(&m->numbers, numbers);
    json_out_init(&o, &text, JSON_COMPACT);
    json_obj(&o);
    json_kv_z(&o, "directory", m->out);
    json_kv_when(&o, "from", m->span.from);
    json_kv_when(&o, "before", m->span.before);
    if (!cmd_json(m->args))
        printf("%s\n", m->out);
    for (size_t i = 0; i < REPORT_NUMBERS; i++) {
        json_kv_u64(&o, numbers[i].name, numbers[i].n);
        if (!cmd_json(m->args))
            printf("%12llu  %s\n", (unsigned long long)numbers[i].n, numbers[i].title);
    }
    json_end(&o);
    if (json_out_done(&o) != RC_OK)
        return cmd_failf("no memory for the answer");
    if (cmd_json(m->args))
        printf("%.*s\n", STR_ARG(buf_str(&text)));
    return CMD_DONE;
}

static int make_and_show(struct making *m)
{
    struct err err = ERR_INIT;

    err.rc = make(m, &err);
    return err.rc == RC_OK ? show(m) : cmd_fail(&err);
}

/* ---- which time */

static enum rc read_time(const char *text, when_t now, when_t *out)
{
    return strcmp(text, "now") == 0 ? (*out = now, RC_OK) : when_parse(str_of(text), out);
}

/* CMD_DONE, or the exit status after having said what is wrong. */
static int read_span(const struct cmd_args *args, when_t now, struct report_span *out)
{
    const char *month = args->values[CMD_OPT_MONTH];
    const char *from = args->values[CMD_OPT_REPORT_FROM], *to = args->values[CMD_OPT_REPORT_TO];

    if (month && (from || to))
        return cmd_usagef("--month is a time by itself; leave out --from and --to");
    if (!from != !to)
        return cmd_usagef("--from and --to go together");
    if (month && report_month(str_of(month), out) != RC_OK)
        return cmd_usagef("--month is \"%s\"; a month is written as in 2026-10", month);
    if (from && (read_time(from, now, &out->from) != RC_OK ||
                 read_time(to, now, &out->before) != RC_OK || out->from >= out->before))
        return cmd_usagef("--from and --to are times as in 2026-10-01T00:00:00Z, the first one "
                          "before the other, which may be \"now\"");
    if (!month && !from && report_last_month(now, out) != RC_OK)
        return cmd_usagef("the clock of this machine is not set");
    if (out->before > now)
        return cmd_usagef("that time is not over; a report of the days until now takes --from and "
                          "--to now");
    return CMD_DONE;
}

static bool month_dir(struct making *m, char text[static MONTH_TEXT])
{
    struct when_civil c;
    struct stat st;

    if (when_to_civil(m->span.from, &c) != RC_OK)
        return false;
    (void)snprintf(text, MONTH_TEXT, "%04d-%02d", c.year, c.month);
    (void)snprintf(m->out, sizeof(m->out), "%s/reports/%s", cmd_data(m->args), text);
    return stat(m->out, &st) == 0;
}

/* All months since the last one that is there, so that none is missed however long nobody asked;
 * without any, the last one alone. */
static int make_months(struct making *m, when_t now)
{
    struct report_span months[MONTHS_BACK];
    char text[MONTH_TEXT];
    int status = CMD_DONE;
    size_t n = 0;

    while (n < MONTHS_BACK) {
        if (report_last_month(n ? months[n - 1].from : now, &months[n]) != RC_OK)
            break;
        m->span = months[n];
        if (month_dir(m, text))
            break;
        n++;
    }
    if (n == 0) {
        fprintf(stderr, "autarky: %s is there already; nothing is missing\n", m->out);
        return CMD_DONE;
    }
    for (n = n == MONTHS_BACK ? 1 : n; n > 0 && status == CMD_DONE; n--) {
        m->span = months[n - 1];
        (void)month_dir(m, text);
        status = make_and_show(m);
    }
    return status;
}

/* ---- the command */

static enum rc open_store(struct making *m, when_t now, struct err *err)
{
    CLEANUP(buf_done) struct buf db = BUF_INIT(PATH_ROOM);
    struct store_options options = {.now = now, .look = true};

    buf_printf(&db, "%s/db", cmd_data(m->args));
    TRY(buf_rc(&db));
    options.dir = buf_z(&db);
    return store_open(&options, &m->store, err);
}

static void making_done(struct making *m)
{
    store_close(m->store);
    conf_unref(m->conf);
}

int cmd_report(const struct cmd_args *args)
{
    CLEANUP(making_done) struct making m = {.args = args};
    CLEANUP(buf_done) struct buf problems = BUF_INIT(PROBLEMS_MAX);
    bool months = !args->values[CMD_OPT_OUT] && !args->values[CMD_OPT_REPORT_FROM];
    when_t now = clock_now(clock_system());
    struct err err = ERR_INIT;
    char text[MONTH_TEXT];
    int status = read_span(args, now, &m.span);

    if (status != CMD_DONE)
        return status;
    if (args->values[CMD_OPT_REPORT_MAIL] && !months)
        return cmd_usagef("--mail is about months; leave out --from, --to and --out");
    if (!months && !args->values[CMD_OPT_OUT])
        return cmd_usagef("--out says where the files of that time go");
    if (cmd_load_config(args, &m.conf, &problems) != RC_OK)
        return cmd_show_problems(buf_str(&problems));
    err.rc = open_store(&m, now, &err);
    if (err.rc != RC_OK)
        return cmd_fail(&err);
    if (!months) {
        (void)snprintf(m.out, sizeof(m.out), "%s", args->values[CMD_OPT_OUT]);
        return make_and_show(&m);
    }
    m.shown = true;
    err.rc = make_reports(args, &err);
    if (err.rc != RC_OK)
        return cmd_fail(&err);
    if (!args->values[CMD_OPT_MONTH])
        return mail(&m, make_months(&m, now));
    if (month_dir(&m, text) && args->values[CMD_OPT_REPORT_MAIL])
        return mail(&m, CMD_DONE);
    return mail(&m, make_and_show(&m));
}
