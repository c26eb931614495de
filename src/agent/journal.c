/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/journal.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "ev/clock.h"
#include "ev/ev.h"
#include "json/json.h"
#include "json/out.h"

MSG(msg_open, "agent.journal",
    "the journal {0}/{1} cannot be written: {2}; the program runs as its owner, or as root");

#define JOURNAL AGENT_HOME "/journal"
#define TOLD AGENT_HOME "/journal.told"

enum { LINE_BYTES = 4 * AGENT_NOTE_TEXT * 6 + 256, TOLD_BYTES = 128 };

struct agent_journal {
    int fd;
    uint64_t last;
    bool torn; /* the last line has no end */
    bool said; /* that it cannot be written */
};

static const char *const names[AGENT_CHANGES] = {
    [AGENT_RECORD_ADDED] = "record-added", [AGENT_RECORD_REMOVED] = "record-removed",
    [AGENT_INSTALLED] = "installed",       [AGENT_RESTORED] = "restored",
    [AGENT_RELOADED] = "reloaded",
};

const char *agent_change_name(enum agent_change what)
{
    return names[what];
}

/* ---- reading */

static bool read_what(struct str name, enum agent_change *out)
{
    for (size_t i = 0; i < AGENT_CHANGES; i++)
        if (str_eq(name, str_of(names[i]))) {
            *out = (enum agent_change)i;
            return true;
        }
    return false;
}

static bool read_note(const struct json *root, struct agent_note *out)
{
    int64_t n;

    *out = (struct agent_note){.subject = json_shown(root, "subject"),
                               .by = json_shown(root, "by"),
                               .why = json_shown(root, "why")};
    if (json_i64(json_get(root, "n"), &n) != RC_OK || n <= 0 ||
        when_parse(json_shown(root, "at"), &out->at) != RC_OK)
        return false;
    out->n = (uint64_t)n;
    return read_what(json_shown(root, "what"), &out->what);
}

struct reading {
    uint64_t after;
    agent_note_fn fn;
    void *arg;
};

/* False: enough. */
static bool read_line(const struct reading *r, struct str line, enum rc *rc)
{
    CLEANUP(json_freep) struct json_doc *doc = NULL;
    struct agent_note note;

    if (line.n == 0)
        return true;
    *rc = json_parse(line, LINE_BYTES, &doc, NULL);
    if (*rc == RC_NOMEM)
        return false;
    if (*rc != RC_OK || !read_note(json_root(doc), &note) || note.n <= r->after) {
        *rc = RC_OK;
        return true;
    }
    return r->fn(r->arg, &note);
}

static enum rc read_all(const struct reading *r, struct str text)
{
    enum rc rc = RC_OK;
    struct str line;

    while (text.n && str_cut(text, '\n', &line, &text) && read_line(r, line, &rc))
        continue;
    return rc;
}

enum rc agent_journal_each(const struct agent_place *p, uint64_t after, agent_note_fn fn, void *arg)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(AGENT_JOURNAL_MAX);
    const struct reading r = {after, fn, arg};
    enum rc rc = file_read(p->dir, JOURNAL, &text, NULL);

    if (rc == RC_NOTFOUND)
        return RC_OK;
    TRY(rc);
    return read_all(&r, buf_str(&text));
}

static bool take_last(void *arg, const struct agent_note *note)
{
    uint64_t *last = arg;

    if (note->n > *last)
        *last = note->n;
    return true;
}

uint64_t agent_journal_last(const struct agent_place *p)
{
    CLEANUP(fd_closep) int fd = openat(p->dir, JOURNAL, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    off_t size = fd < 0 ? 0 : lseek(fd, 0, SEEK_END);
    uint64_t last = 0;
    const struct reading r = {0, take_last, &last};
    char tail[LINE_BYTES];
    ssize_t n;

    if (size <= 0)
        return 0;
    n = pread(fd, tail, sizeof(tail), size > (off_t)sizeof(tail) ? size - (off_t)sizeof(tail) : 0);
    if (n <= 0 || read_all(&r, str_bytes(tail, (size_t)n)) != RC_OK)
        return 0;
    return last;
}

/* ---- told */

/* *who lies in `text`. */
static uint64_t read_told(const struct agent_place *p, struct buf *text, struct str *who)
{
    struct str number;
    uint64_t n = 0;

    if (file_read(p->dir, TOLD, text, NULL) != RC_OK)
        return 0;
    str_cut(str_trim(buf_str(text)), ' ', &number, who);
    return str_u64(number, INT64_MAX, &n) == RC_OK ? n : 0;
}

uint64_t agent_journal_told(const struct agent_place *p, struct str who)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(TOLD_BYTES);
    struct str told;
    uint64_t n = read_told(p, &text, &told);

    return n && str_eq(told, who) ? n : 0;
}

/* A job that begins just now sweeps away what is half written. */
enum rc agent_journal_tell(const struct agent_place *p, struct str who, uint64_t n, struct err *err)
{
    char text[TOLD_BYTES];
    int len = snprintf(text, sizeof(text), "%llu %.*s\n", (unsigned long long)n, STR_ARG(who));

    if (len < 0 || (size_t)len >= sizeof(text))
        return RC_TOOBIG;
    if (file_write(p->dir, TOLD, str_of(text), 0600, FILE_OWNER_SELF, NULL) == RC_OK)
        return RC_OK;
    return file_write(p->dir, TOLD, str_of(text), 0600, FILE_OWNER_SELF, err);
}

/* ---- writing */

/* The lines at the end, from the beginning of one on. */
static struct str newest(struct str text)
{
    struct str line, rest;

    if (text.n <= 2 * AGENT_JOURNAL_KEPT)
        return text;
    str_cut(str_skip(text, text.n - AGENT_JOURNAL_KEPT), '\n', &line, &rest);
    return rest;
}

/* One that is too large to be read is of nobody's making here, and begins anew. */
static enum rc shorten(const struct agent_place *p, struct agent_journal *j, struct err *err)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(AGENT_JOURNAL_MAX);
    const struct reading r = {0, take_last, &j->last};
    enum rc rc = file_read(p->dir, JOURNAL, &text, err);
    struct str kept;

    if (rc == RC_NOTFOUND)
        return RC_OK;
    if (rc != RC_OK && rc != RC_TOOBIG)
        return rc;
    TRY(read_all(&r, buf_str(&text)));
    kept = newest(buf_str(&text));
    j->torn = kept.n && kept.p[kept.n - 1] != '\n';
    if (rc == RC_OK && kept.n == text.n)
        return RC_OK;
    return file_write(p->dir, JOURNAL, kept, 0600, FILE_OWNER_SELF, err);
}

static enum rc open_it(const struct agent_place *p, struct agent_journal *j, struct err *err)
{
    CLEANUP(buf_done) struct buf told = BUF_INIT(TOLD_BYTES);
    struct str who;

    j->last = read_told(p, &told, &who); /* so that no number comes again where the file is lost */
    TRY(shorten(p, j, err));
    j->fd = openat(p->dir, JOURNAL, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    return j->fd < 0 ? RC_IO : file_sync_dir(p->dir, AGENT_HOME, err);
}

enum rc agent_journal_open(const struct agent_place *p, struct agent_journal **out, struct err *err)
{
    CLEANUP(agent_journal_freep) struct agent_journal *j = MEM_NEW(struct agent_journal);
    struct err why = ERR_INIT;
    char line[512];

    if (!j)
        return RC_NOMEM;
    j->fd = -1;
    why.rc = open_it(p, j, &why);
    if (why.rc == RC_NOMEM)
        return RC_NOMEM;
    if (why.rc != RC_OK)
        return ERR(err, RC_IO, msg_open, str_of(p->path), STR(JOURNAL),
                   str_of(why.msg ? err_textz(&why, line, sizeof(line)) : rc_text(why.rc)));
    *out = MOVE(j);
    return RC_OK;
}

void agent_journal_free(struct agent_journal *j)
{
    if (!j)
        return;
    fd_close(&j->fd);
    mem_free(j);
}

static enum rc put_line(const struct agent_journal *j, const struct agent_note *note,
                        struct buf *out)
{
    struct json_out o;

    if (j->torn)
        buf_putz(out, "\n");
    json_out_init(&o, out, JSON_COMPACT);
    json_obj(&o);
    json_kv_u64(&o, "n", note->n);
    json_kv_when(&o, "at", note->at);
    json_kv_z(&o, "what", names[note->what]);
    json_kv_printable(&o, "subject", note->subject, AGENT_NOTE_TEXT);
    json_kv_printable(&o, "by", note->by, AGENT_NOTE_TEXT);
    json_kv_printable(&o, "why", note->why, AGENT_NOTE_TEXT);
    json_end(&o);
    TRY(json_out_done(&o));
    buf_putz(out, "\n");
    return buf_rc(out);
}

static enum rc put_note(struct agent_journal *j, const struct agent_note *note)
{
    CLEANUP(buf_done) struct buf line = BUF_INIT(LINE_BYTES);

    TRY(put_line(j, note, &line));
    j->torn = true;
    if (!file_put_all(j->fd, buf_str(&line)) || fdatasync(j->fd) != 0)
        return RC_IO;
    j->torn = false;
    return RC_OK;
}

void agent_note(const struct agent_world *w, enum agent_change what, struct str subject,
                struct str by, const struct err *why)
{
    when_t now = clock_now(ev_clock(w->ev));
    struct agent_note note = {.at = now, .what = what, .subject = subject, .by = by};
    struct agent_journal *j = w->journal;
    char text[2 * AGENT_NOTE_TEXT];
    enum rc rc;

    if (!j)
        return;
    if (why && why->rc != RC_OK)
        note.why = str_of(why->msg ? err_textz(why, text, sizeof(text)) : rc_text(why->rc));
    note.n = now > 0 && (uint64_t)now > j->last ? (uint64_t)now : j->last + 1;
    j->last = note.n;
    rc = put_note(j, &note);
    if (rc != RC_OK && !j->said)
        agent_say(w, true, "what was changed (%s) cannot be written to the journal: %s",
                  names[what], rc_text(rc));
    j->said = j->said || rc != RC_OK;
}
