/* SPDX-License-Identifier: Apache-2.0 */
/* A mail's dialogue, against servers that are played; and the mail itself. */
#include "check.h"

#include <string.h>

#include "courier/smtp.h"

#define MESSAGE "Subject: x\r\n\r\n.hidden\r\nend\r\n"

struct talk {
    struct courier_mail mail;
    struct courier_smtp s;
    struct buf out;
    struct err err;
    enum rc rc;
};

static void talk_done(struct talk *t)
{
    courier_smtp_done(&t->s);
    buf_done(&t->out);
}

static void talk_init(struct talk *t)
{
    *t = (struct talk){.mail = {.host = STR("ca.example"),
                                .from = STR("ca@a.example"),
                                .to = STR("x@a.example,y@a.example"),
                                .message = STR(MESSAGE),
                                .greets = true,
                                .secret = true}};
    buf_init(&t->out, 1 << 16);
}

/* The server says it in pieces of `piece` bytes. */
static enum rc hears(struct talk *t, const char *said, size_t piece)
{
    struct str rest = str_of(said);

    t->rc = courier_smtp_init(&t->s, &t->mail, &t->out);
    t->rc = t->rc == RC_OK ? RC_AGAIN : t->rc;
    while (t->rc == RC_AGAIN && rest.n) {
        t->rc = courier_smtp_feed(&t->s, str_head(rest, piece), &t->out, &t->err);
        rest = str_skip(rest, piece);
    }
    return t->rc;
}

#define BEGIN(t)                                                                                   \
    CLEANUP(talk_done) struct talk t = {};                                                         \
    talk_init(&t)

static void a_mail_is_taken(void)
{
    for (size_t piece = 1; piece < 300; piece += 42) {
        BEGIN(t);
        CHECK_OK(hears(&t,
                       "220 mail\r\n250-mail\r\n250 SIZE 1000\r\n250 ok\r\n250 ok\r\n251 ok\r\n"
                       "354 go\r\n250 2.0.0 queued as 1\r\n",
                       piece));
        CHECK_STR(buf_str(&t.out),
                  "EHLO ca.example\r\nMAIL FROM:<ca@a.example>\r\nRCPT TO:<x@a.example>\r\n"
                  "RCPT TO:<y@a.example>\r\nDATA\r\nSubject: x\r\n\r\n..hidden\r\nend\r\n.\r\n"
                  "QUIT\r\n");
        CHECK_STR(str_of(t.s.text), "250 2.0.0 queued as 1");
        CHECK_INT(t.s.accepted, 2);
    }
}

static void signing_in(void)
{
    BEGIN(t);
    t.mail.user = STR("ca");
    t.mail.password = STR("secret");
    t.mail.greets = false;
    CHECK_RC(hears(&t, "250-mail\r\n250 AUTH LOGIN PLAIN\r\n235 ok\r\n", 1000), RC_AGAIN);
    CHECK_STR(buf_str(&t.out), "EHLO ca.example\r\nAUTH PLAIN AGNhAHNlY3JldA==\r\n"
                               "MAIL FROM:<ca@a.example>\r\n");
    buf_reset(&t.out);
    courier_smtp_done(&t.s);
    CHECK_RC(hears(&t, "250 AUTH LOGIN\r\n334 VXNlcg==\r\n334 UGFzcw==\r\n235 ok\r\n", 7),
             RC_AGAIN);
    CHECK_STR(buf_str(&t.out), "EHLO ca.example\r\nAUTH LOGIN\r\nY2E=\r\nc2VjcmV0\r\n"
                               "MAIL FROM:<ca@a.example>\r\n");
    courier_smtp_done(&t.s);
    CHECK_RC(hears(&t, "250 AUTH LOGIN\r\n334 x\r\n334 x\r\n535 wrong\r\n", 7), RC_DENIED);
    CHECK_STR(err_arg(&t.err, 1), "535 wrong");
    courier_smtp_done(&t.s);
    CHECK_RC(hears(&t, "250 mail\r\n", 7), RC_UNSUPPORTED);
}

/* A password never goes where others can read it. */
static void no_password_without_tls(void)
{
    BEGIN(t);
    t.mail.user = STR("ca");
    t.mail.password = STR("secret");
    t.mail.secret = false;
    CHECK_RC(hears(&t, "220 m\r\n250 AUTH LOGIN PLAIN\r\n", 1000), RC_AGAIN);
    CHECK_STR(buf_str(&t.out), "EHLO ca.example\r\nMAIL FROM:<ca@a.example>\r\n");
}

static void refusals(void)
{
    static const struct {
        const char *said;
        enum rc rc;
    } cases[] = {
        {"554 no\r\n", RC_DENIED},
        {"220 m\r\n502 no\r\n", RC_DENIED},
        {"220 m\r\n250 m\r\n550 not you\r\n", RC_DENIED},
        {"220 m\r\n250 m\r\n250 ok\r\n550 no\r\n550 no\r\n", RC_DENIED},
        {"220 m\r\n250 m\r\n250 ok\r\n250 ok\r\n450 later\r\n", RC_DENIED},
        {"220 m\r\n250 m\r\n250 ok\r\n250 ok\r\n250 ok\r\n354 go\r\n451 full\r\n", RC_DENIED},
        {"SSH-2.0-OpenSSH\r\n", RC_PARSE},
        {"220x\r\n", RC_PARSE},
        {"22\r\n", RC_PARSE},
        {"999 x\r\n", RC_PARSE},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        BEGIN(t);
        CHECK_RC(hears(&t, cases[i].said, 1000), cases[i].rc);
        CHECK(t.err.msg);
    }
}

static void one_recipient_is_enough(void)
{
    BEGIN(t);
    CHECK_OK(
        hears(&t, "220 m\r\n250 m\r\n250 ok\r\n550 no\r\n250 ok\r\n354 go\r\n250 queued\r\n", 9));
    CHECK_INT(t.s.accepted, 1);
    CHECK_INT(t.s.refused, 1);
}

static void limits(void)
{
    static char line[COURIER_SMTP_LINE_MAX + 100];
    static char lines[100 * 8 + 1];

    memset(line, 'x', sizeof(line) - 1);
    for (size_t i = 0; i < 100; i++)
        memcpy(lines + 8 * i, "220-ab\r\n", 8);
    {
        BEGIN(t);
        CHECK_RC(hears(&t, line, 500), RC_TOOBIG);
    }
    {
        BEGIN(t);
        CHECK_RC(hears(&t, lines, 500), RC_PARSE);
    }
}

/* ---- the mail */

static void letter(const char *subject, const char *body, struct buf *out)
{
    const struct courier_letter l = {.from = STR("ca@a.example"),
                                     .to = STR("x@a.example,y@a.example"),
                                     .subject = str_of(subject),
                                     .body = str_of(body),
                                     .id = STR("abc"),
                                     .date = INT64_C(1'800'000'000) * WHEN_SECOND};

    courier_letter_put(&l, out);
}

static void a_plain_letter(void)
{
    CLEANUP(buf_done) struct buf out = BUF_INIT(1 << 16);

    letter("[a.example] critical: x", "one\n.two\n", &out);
    CHECK_OK(buf_rc(&out));
    CHECK_STR(buf_str(&out), "Date: Fri, 15 Jan 2027 08:00:00 +0000\r\nFrom: <ca@a.example>\r\n"
                             "To: <x@a.example>,\r\n <y@a.example>\r\n"
                             "Message-ID: <abc@a.example>\r\nSubject: [a.example] critical: x\r\n"
                             "Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n"
                             "Content-Type: text/plain; charset=utf-8\r\n"
                             "Content-Transfer-Encoding: 7bit\r\n\r\none\r\n.two\r\n");
}

/* Whatever stands in them begins no header. */
static void nothing_gets_out_of_its_place(void)
{
    static const char *const bad[] = {"x\r\nBcc: y@evil.example", "x\ny", "=?UTF-8?Q?x?=", "\x01",
                                      "\xff\xfe"};

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        CLEANUP(buf_done) struct buf out = BUF_INIT(1 << 16);
        struct str rest, line;

        letter(bad[i], bad[i], &out);
        CHECK_OK(buf_rc(&out));
        rest = buf_str(&out);
        while (str_next(&rest, '\n', &line)) {
            CHECK(!str_starts(line, STR("Bcc")));
            CHECK(line.n <= 998);
            for (size_t k = 0; k < line.n; k++)
                CHECK(line.p[k] == '\r' || (line.p[k] >= ' ' && line.p[k] <= '~'));
        }
    }
}

static void other_alphabets(void)
{
    CLEANUP(buf_done) struct buf out = BUF_INIT(1 << 16);

    letter("\xc3\xbc\xe4\xb8\xad", "\xe4\xb8\xad\n", &out);
    CHECK(strstr(buf_z(&out), "\r\nSubject: =?UTF-8?B?w7zkuK0=?=\r\n"));
    CHECK(strstr(buf_z(&out), "Content-Transfer-Encoding: base64\r\n\r\n5LitCg==\r\n"));
}

CHECK_MAIN(CHECK_TEST(a_mail_is_taken), CHECK_TEST(signing_in), CHECK_TEST(no_password_without_tls),
           CHECK_TEST(refusals), CHECK_TEST(one_recipient_is_enough), CHECK_TEST(limits),
           CHECK_TEST(a_plain_letter), CHECK_TEST(nothing_gets_out_of_its_place),
           CHECK_TEST(other_alphabets))
