/* SPDX-License-Identifier: Apache-2.0 */
#include "log/log_int.h"

#include <stdio.h>

#include "base/err.h"
#include "base/id.h"

/* Room to end any line: an ellipsis, a quote, a brace, a newline. */
enum { LINE_TAIL = 8, NUMBER_MAX = 24 };

static void put(struct log_line *l, const char *p, size_t n)
{
    if (l->cut)
        return;
    if (n > LOG_LINE_MAX - LINE_TAIL - l->n) {
        l->cut = true;
        return;
    }
    memcpy(l->p + l->n, p, n);
    l->n += n;
}

static void putz(struct log_line *l, const char *z)
{
    put(l, z, strlen(z));
}

/* For the tail, which put() leaves free. */
static void put_tail(struct log_line *l, const char *z)
{
    size_t n = strlen(z);

    memcpy(l->p + l->n, z, n);
    l->n += n;
}

/* Length of the UTF-8 character at `s` if it may be shown as it is, else 0. Characters without
 * width, other line ends and those that turn the direction of writing are refused: they make a line
 * look like what it is not. */
static size_t plain_char(struct str s)
{
    uint32_t c;
    size_t n = str_utf8_next(s, &c);

    if (n == 0 || str_is_control(c) || c == '"' || c == '\\' || c == 0xfeff)
        return 0;
    if ((c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) ||
        (c >= 0x2066 && c <= 0x2069))
        return 0;
    return n;
}

/* The inside of a quoted value. Both formats escape alike, except that a byte which is no character
 * is \xNN in text and \u00NN in JSON, which has no other way. */
static void put_escaped(struct log_line *l, enum log_format format, struct str s)
{
    bool shortened = s.n > LOG_VALUE_MAX;

    for (s = str_head(s, LOG_VALUE_MAX); s.n && !l->cut;) {
        unsigned char c = (unsigned char)s.p[0];
        size_t n = plain_char(s);
        char esc[8] = {'\\', (char)c};

        if (c == '\n' || c == '\r' || c == '\t')
            esc[1] = c == '\n' ? 'n' : c == '\r' ? 'r' : 't';
        else if (n == 0 && c != '"' && c != '\\')
            snprintf(esc, sizeof(esc), format == LOG_FORMAT_JSON ? "\\u%04x" : "\\x%02x", c);
        if (n)
            put(l, s.p, n);
        else
            putz(l, esc);
        s = str_skip(s, n ? n : 1);
    }
    if (shortened)
        put(l, "\xe2\x80\xa6", 3);
}

/* Text values that hold nothing but these need no quotes. */
static bool is_bare(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');

        if (!word && !memchr("-._/:*@+,[]%~", c, sizeof("-._/:*@+,[]%~") - 1))
            return false;
    }
    return s.n > 0 && s.n <= LOG_VALUE_MAX;
}

static void put_key(struct log_line *l, enum log_format format, const char *key)
{
    if (format == LOG_FORMAT_JSON) {
        putz(l, l->n > 1 ? ",\"" : "\"");
        putz(l, key);
        putz(l, "\":");
    } else {
        putz(l, " ");
        putz(l, key);
        putz(l, "=");
    }
}

static void put_str(struct log_line *l, enum log_format format, const char *key, struct str value)
{
    size_t start = l->n;

    /* A field that does not fit is left out whole, so that a cut line still is well formed. */
    put_key(l, format, key);
    if (format == LOG_FORMAT_TEXT && is_bare(value)) {
        put(l, value.p, value.n);
    } else {
        put(l, "\"", 1);
        put_escaped(l, format, value);
        put(l, "\"", 1);
    }
    if (l->cut)
        l->n = start;
}

static void put_word(struct log_line *l, enum log_format format, const char *key, const char *word)
{
    size_t start = l->n;

    put_key(l, format, key);
    putz(l, word);
    if (l->cut)
        l->n = start;
}

static void put_err(struct log_line *l, enum log_format format, const struct err *err)
{
    char text[LOG_VALUE_MAX];

    put_str(l, format, "rc", str_of(rc_text(err->rc)));
    if (err->msg)
        put_str(l, format, "err", str_of(err->msg->code));
    put_str(l, format, "text", str_of(err_textz(err, text, sizeof(text))));
}

static void put_field(struct log_line *l, enum log_format format, const struct log_field *f)
{
    char number[NUMBER_MAX];

    switch (f->kind) {
    case LOG_KIND_STR:
        put_str(l, format, f->key, f->s);
        break;
    case LOG_KIND_INT:
        snprintf(number, sizeof(number), "%lld", (long long)f->i);
        put_word(l, format, f->key, number);
        break;
    case LOG_KIND_BOOL:
        put_word(l, format, f->key, f->i ? "true" : "false");
        break;
    case LOG_KIND_ERR:
        if (f->err)
            put_err(l, format, f->err);
        break;
    }
}

/* RFC 3339 with milliseconds; when_text has whole seconds only. */
static const char *time_text(when_t at, char text[static WHEN_TEXT])
{
    struct when_civil c;

    if (when_to_civil(at, &c) != RC_OK)
        return "1970-01-01T00:00:00.000Z";
    snprintf(text, WHEN_TEXT, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", c.year % 10000, c.month % 100,
             c.day % 100, c.hour % 100, c.minute % 100, c.second % 100, c.micros / 1000 % 1000);
    return text;
}

static void put_head(struct log_line *l, enum log_format format, const struct log_head *head)
{
    char text[WHEN_TEXT];

    if (format == LOG_FORMAT_JSON) {
        put(l, "{", 1);
        put_str(l, format, "time", str_of(time_text(head->at, text)));
        put_str(l, format, "role", str_of(head->role));
        put_str(l, format, "level", str_of(log_level_name(head->level)));
        put_str(l, format, "event", str_of(head->code));
    } else {
        putz(l, time_text(head->at, text));
        put(l, " ", 1);
        putz(l, head->role);
        put(l, " ", 1);
        putz(l, log_level_name(head->level));
        put(l, " ", 1);
        putz(l, head->code);
    }
    if (head->request)
        put_str(l, format, "req", id_str(head->request));
}

void log_line_render(struct log_line *l, enum log_format format, const struct log_head *head,
                     const struct log_field *fields)
{
    l->n = 0;
    l->cut = false;
    put_head(l, format, head);
    for (int i = 0; i < LOG_FIELDS_MAX && fields[i].key; i++)
        put_field(l, format, &fields[i]);
    if (format == LOG_FORMAT_JSON)
        put_tail(l, "}\n");
    else
        put_tail(l, l->cut ? " \xe2\x80\xa6\n" : "\n");
}
