/* SPDX-License-Identifier: Apache-2.0 */
#include "courier/smtp.h"

#include "base/text.h"

MSG(msg_refused, "courier.smtp-refused", "the mail server refuses {0}: {1}");
MSG(msg_nonsense, "courier.smtp-nonsense", "the mail server does not speak SMTP: {0}");
MSG(msg_auth, "courier.smtp-auth",
    "the mail server offers neither AUTH PLAIN nor AUTH LOGIN, so {0} cannot sign in");
MSG(msg_nobody, "courier.smtp-nobody", "the mail server takes nobody of {0}: {1}");
MSG(msg_long, "courier.smtp-long", "the mail server says more than {0} bytes");

enum { WORD_MAX = 1024 };

struct reply {
    unsigned code;
    bool last;
    struct str text;
};

/* RFC 5321 section 4.2: three digits, then a space or a hyphen and text, or nothing. */
static enum rc read_reply(struct str line, struct reply *out)
{
    uint64_t code;

    if (line.n < 3 || str_u64(str_head(line, 3), 599, &code) != RC_OK || code < 200)
        return RC_PARSE;
    if (line.n > 3 && line.p[3] != ' ' && line.p[3] != '-')
        return RC_PARSE;
    *out = (struct reply){(unsigned)code, line.n == 3 || line.p[3] == ' ', str_skip(line, 4)};
    return RC_OK;
}

/* What is told of it: printable, short. */
static void keep_text(struct courier_smtp *s, struct str line)
{
    size_t n = 0;

    for (size_t i = 0; i < line.n && n < COURIER_SMTP_TEXT_MAX; i++)
        s->text[n++] = line.p[i] >= ' ' && line.p[i] <= '~' ? line.p[i] : '?';
    s->text[n] = 0;
}

static enum rc refuse(const struct courier_smtp *s, struct str what, struct err *err)
{
    return ERR(err, RC_DENIED, msg_refused, what, str_of(s->text));
}

/* ---- what is said */

static enum rc say_word(struct str word, struct buf *out)
{
    text_b64(out, word);
    buf_putz(out, "\r\n");
    return RC_AGAIN;
}

static enum rc say_mail(struct courier_smtp *s, struct buf *out)
{
    s->step = COURIER_SMTP_MAIL;
    buf_printf(out, "MAIL FROM:<%.*s>\r\n", STR_ARG(s->mail->from));
    return RC_AGAIN;
}

static enum rc say_auth(struct courier_smtp *s, struct buf *out, struct err *err)
{
    CLEANUP(buf_wipe) struct buf word = BUF_INIT(WORD_MAX);

    if (s->mail->user.n == 0 || !s->mail->secret)
        return say_mail(s, out);
    s->step = COURIER_SMTP_AUTH;
    if (s->plain) { /* RFC 4616 */
        buf_u8(&word, 0);
        buf_puts(&word, s->mail->user);
        buf_u8(&word, 0);
        buf_puts(&word, s->mail->password);
        TRY(buf_rc(&word));
        buf_putz(out, "AUTH PLAIN ");
        return say_word(buf_str(&word), out);
    }
    if (!s->login)
        return ERR(err, RC_UNSUPPORTED, msg_auth, s->mail->user);
    buf_putz(out, "AUTH LOGIN\r\n");
    return RC_AGAIN;
}

static enum rc say_recipient(struct courier_smtp *s, struct buf *out, struct err *err)
{
    struct str to;

    if (s->accepted + s->refused < COURIER_SMTP_RECIPIENTS && str_next(&s->rest, ',', &to)) {
        s->step = COURIER_SMTP_RCPT;
        buf_printf(out, "RCPT TO:<%.*s>\r\n", STR_ARG(to));
        return RC_AGAIN;
    }
    if (s->accepted == 0)
        return ERR(err, RC_DENIED, msg_nobody, str_utf8_head(s->mail->to, 100), str_of(s->text));
    s->step = COURIER_SMTP_DATA;
    buf_putz(out, "DATA\r\n");
    return RC_AGAIN;
}

/* Section 4.5.2: a dot in front of each that begins a line. */
static enum rc say_message(struct courier_smtp *s, struct buf *out)
{
    struct str rest = s->mail->message;

    while (rest.n) {
        size_t n = str_find(rest, '\n');
        struct str line = str_head(rest, n < rest.n ? n + 1 : n);

        if (line.p[0] == '.')
            buf_putz(out, ".");
        buf_puts(out, line);
        rest = str_skip(rest, line.n);
    }
    buf_putz(out, ".\r\n");
    s->step = COURIER_SMTP_SENT;
    return RC_AGAIN;
}

/* ---- what is heard */

static void note_capability(struct courier_smtp *s, struct str text)
{
    struct str word, rest = text;

    if (!str_next(&rest, ' ', &word) || !str_ieq(word, STR("AUTH")))
        return;
    while (str_next(&rest, ' ', &word)) {
        s->plain |= str_ieq(word, STR("PLAIN"));
        s->login |= str_ieq(word, STR("LOGIN"));
    }
}

static enum rc answer_auth(struct courier_smtp *s, unsigned code, struct buf *out, struct err *err)
{
    if (code == 235)
        return say_mail(s, out);
    if (code != 334 || s->plain)
        return refuse(s, STR("the user or the password"), err);
    if (s->step == COURIER_SMTP_AUTH) {
        s->step = COURIER_SMTP_USER;
        return say_word(s->mail->user, out);
    }
    if (s->step == COURIER_SMTP_USER) {
        s->step = COURIER_SMTP_PASSWORD;
        return say_word(s->mail->password, out);
    }
    return refuse(s, STR("the user or the password"), err);
}

/* A whole reply has come; `code` is that of its last line. */
static enum rc answer(struct courier_smtp *s, unsigned code, struct buf *out, struct err *err)
{
    switch (s->step) {
    case COURIER_SMTP_GREETING:
        if (code != 220)
            return refuse(s, STR("everybody"), err);
        s->step = COURIER_SMTP_EHLO;
        buf_printf(out, "EHLO %.*s\r\n", STR_ARG(s->mail->host));
        return RC_AGAIN;
    case COURIER_SMTP_EHLO:
        return code == 250 ? say_auth(s, out, err) : refuse(s, STR("EHLO"), err);
    case COURIER_SMTP_AUTH:
    case COURIER_SMTP_USER:
    case COURIER_SMTP_PASSWORD:
        return answer_auth(s, code, out, err);
    case COURIER_SMTP_MAIL:
        return code == 250 ? say_recipient(s, out, err) : refuse(s, STR("the sender"), err);
    case COURIER_SMTP_RCPT:
        if (code / 100 == 4) /* come again for all of them */
            return refuse(s, STR("a recipient, and may take it later"), err);
        if (code / 10 == 25)
            s->accepted++;
        else
            s->refused++;
        return say_recipient(s, out, err);
    case COURIER_SMTP_DATA:
        return code == 354 ? say_message(s, out) : refuse(s, STR("the mail"), err);
    case COURIER_SMTP_SENT:
        if (code != 250)
            return refuse(s, STR("the mail"), err);
        buf_putz(out, "QUIT\r\n");
        return RC_OK;
    }
    return RC_PARSE;
}

static enum rc take_line(struct courier_smtp *s, struct str line, struct buf *out, struct err *err)
{
    struct reply r;

    if (read_reply(line, &r) != RC_OK || s->lines++ == COURIER_SMTP_REPLY_LINES) {
        keep_text(s, str_head(line, COURIER_SMTP_TEXT_MAX / 2));
        return ERR(err, RC_PARSE, msg_nonsense, str_of(s->text));
    }
    keep_text(s, line);
    if (s->step == COURIER_SMTP_EHLO && r.code == 250)
        note_capability(s, r.text);
    if (!r.last)
        return RC_AGAIN;
    s->lines = 0;
    return answer(s, r.code, out, err);
}

enum rc courier_smtp_feed(struct courier_smtp *s, struct str bytes, struct buf *out,
                          struct err *err)
{
    enum rc rc = RC_AGAIN;

    s->heard += bytes.n;
    if (s->heard > COURIER_SMTP_TALK_MAX)
        return ERR(err, RC_TOOBIG, msg_long, STR("131072"));
    while (rc == RC_AGAIN && bytes.n) {
        size_t n = str_find(bytes, '\n');
        bool whole = n < bytes.n;

        buf_puts(&s->in, str_head(bytes, n));
        TRY(buf_rc(&s->in));
        bytes = str_skip(bytes, whole ? n + 1 : n);
        if (!whole)
            break;
        rc = take_line(s, str_trim(buf_str(&s->in)), out, err);
        buf_reset(&s->in);
    }
    return rc == RC_AGAIN && buf_rc(out) != RC_OK ? buf_rc(out) : rc;
}

enum rc courier_smtp_init(struct courier_smtp *s, const struct courier_mail *mail, struct buf *out)
{
    *s = (struct courier_smtp){.mail = mail, .rest = mail->to};
    buf_init(&s->in, COURIER_SMTP_LINE_MAX);
    if (mail->greets)
        return RC_OK;
    s->step = COURIER_SMTP_EHLO;
    buf_printf(out, "EHLO %.*s\r\n", STR_ARG(mail->host));
    return buf_rc(out);
}

void courier_smtp_done(struct courier_smtp *s)
{
    buf_done(&s->in);
}
