/* SPDX-License-Identifier: Apache-2.0 */
#include "base/text.h"
#include "courier/smtp.h"

enum {
    WORD_BYTES = 42,  /* of text in one encoded word, which may have 75 characters */
    FOLD_BYTES = 900, /* a line of a body that may stay as it is; RFC 5321 has 998 */
    B64_LINE = 57,    /* bytes that become 76 characters */
    PLAIN_SUBJECT = 200,
};

static void put_date(when_t at, struct buf *out)
{
    static const char *const days[] = {"Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"};
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    struct when_civil c;

    if (when_to_civil(at, &c) != RC_OK && when_to_civil(0, &c) != RC_OK)
        return;
    buf_printf(out, "Date: %s, %d %s %04d %02d:%02d:%02d +0000\r\n",
               days[at > 0 ? at / WHEN_DAY % 7 : 0], c.day, months[c.month - 1], c.year, c.hour,
               c.minute, c.second);
}

/* RFC 2047 section 5: each word whole characters. What is not UTF-8 ends it. */
static void put_words(struct str text, struct buf *out)
{
    for (bool first = true; text.n; first = false) {
        struct str word = str_utf8_head(text, WORD_BYTES);

        if (word.n == 0)
            return;
        buf_putz(out, first ? "=?UTF-8?B?" : "\r\n =?UTF-8?B?");
        text_b64(out, word);
        buf_putz(out, "?=");
        text = str_skip(text, word.n);
    }
}

static void put_subject(struct str subject, struct buf *out)
{
    buf_putz(out, "Subject: ");
    if (str_printable(subject) && subject.n <= PLAIN_SUBJECT && str_find(subject, '=') == subject.n)
        buf_puts(out, subject);
    else
        put_words(subject, out);
    buf_putz(out, "\r\n");
}

/* Printable ASCII in lines of a bearable length. */
static bool is_plain(struct str body)
{
    struct str line;

    while (str_next(&body, '\n', &line))
        if (!str_printable(line) || line.n > FOLD_BYTES)
            return false;
    return true;
}

static void put_plain(struct str body, struct buf *out)
{
    struct str line;

    buf_putz(out, "Content-Transfer-Encoding: 7bit\r\n\r\n");
    while (str_next(&body, '\n', &line)) {
        buf_puts(out, line);
        buf_putz(out, "\r\n");
    }
}

static void put_base64(struct str body, struct buf *out)
{
    buf_putz(out, "Content-Transfer-Encoding: base64\r\n\r\n");
    for (; body.n; body = str_skip(body, B64_LINE)) {
        text_b64(out, str_head(body, B64_LINE));
        buf_putz(out, "\r\n");
    }
}

static void put_to(struct str to, struct buf *out)
{
    const char *between = "To: ";
    struct str one;

    while (str_next(&to, ',', &one)) {
        buf_printf(out, "%s<%.*s>", between, STR_ARG(one));
        between = ",\r\n ";
    }
    buf_putz(out, "\r\n");
}

void courier_letter_put(const struct courier_letter *l, struct buf *out)
{
    struct str domain = str_skip(l->from, str_find(l->from, '@') + 1);

    put_date(l->date, out);
    buf_printf(out, "From: <%.*s>\r\n", STR_ARG(l->from));
    put_to(l->to, out);
    buf_printf(out, "Message-ID: <%.*s@%.*s>\r\n", STR_ARG(l->id), STR_ARG(domain));
    put_subject(l->subject, out);
    buf_putz(out, "Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n"
                  "Content-Type: text/plain; charset=utf-8\r\n");
    if (is_plain(l->body))
        put_plain(l->body, out);
    else
        put_base64(l->body, out);
}
