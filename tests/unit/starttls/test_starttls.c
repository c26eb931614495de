/* SPDX-License-Identifier: Apache-2.0 */
/* Each protocol against servers that do as they should, that refuse, and that are hostile. */
#include "check.h"

#include "starttls/starttls.h"

enum { TURNS = 4, SAID = 4096 };

struct turn {
    const char *server; /* what it says; NULL: that is all */
    const char *client; /* what is then to be sent */
};

struct dialogue {
    const char *protocol;
    const char *first; /* what the client says before the server */
    struct turn turns[TURNS];
    enum rc rc; /* of the last turn */
    const char *code;
};

#define XMPP_HEAD                                                                                  \
    "<?xml version='1.0'?><stream:stream to='mail.example' version='1.0' xmlns='jabber:client' "   \
    "xmlns:stream='http://etherx.jabber.org/streams'>"
#define XMPP_TLS "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"
#define XMPP_OPEN "<?xml version=\"1.0\"?><stream:stream id='1>2' from='mail.example'>\n"

static const struct dialogue good[] = {
    {"smtp",
     "",
     {{"220-mail.example\r\n220 ESMTP\r\n", "EHLO localhost\r\n"},
      {"250-mail.example\r\n250-SIZE 1\r\n250-starttls\r\n250 HELP\r\n", "STARTTLS\r\n"},
      {"220 2.0.0 Ready\r\n", ""}},
     RC_OK,
     NULL},
    {"smtp",
     "",
     {{"220 x\n", "EHLO localhost\r\n"}, {"250 STARTTLS\n", "STARTTLS\r\n"}, {"220\n", ""}},
     RC_OK,
     NULL},
    {"imap",
     "",
     {{"* OK [CAPABILITY IMAP4rev1 STARTTLS] ready\r\n", "a STARTTLS\r\n"},
      {"* CAPABILITY IMAP4rev1\r\na OK begin\r\n", ""}},
     RC_OK,
     NULL},
    {"pop3", "", {{"+OK ready\r\n", "STLS\r\n"}, {"+OK\r\n", ""}}, RC_OK, NULL},
    {"ftp",
     "",
     {{"120 in a minute\r\n220-hello\r\nwhatever 230 it is\r\n230 nor this\r\n 220 not yet\r\n220 "
       "now\r\n",
       "AUTH TLS\r\n"},
      {"234 AUTH TLS OK.\r\n", ""}},
     RC_OK,
     NULL},
    {"xmpp",
     XMPP_HEAD,
     {{XMPP_OPEN "<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'>"
                 "<required/></starttls><mechanisms>text</mechanisms></stream:features>",
       XMPP_TLS},
      {"<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>", ""}},
     RC_OK,
     NULL},
    {"xmpp",
     XMPP_HEAD,
     {{XMPP_OPEN "<features>" XMPP_TLS "</features>", XMPP_TLS},
      {" <proceed xmlns=\"urn:ietf:params:xml:ns:xmpp-tls\"></proceed>", ""}},
     RC_OK,
     NULL},
};

static const struct dialogue bad[] = {
    {"smtp", "", {{"554 go away\r\n", ""}}, RC_DENIED, "starttls.refused"},
    {"smtp", "", {{"SSH-2.0-OpenSSH\r\n", ""}}, RC_PARSE, "starttls.nonsense"},
    {"smtp", "", {{"22\r\n", ""}}, RC_PARSE, "starttls.nonsense"},
    {"smtp", "", {{"220_\r\n", ""}}, RC_PARSE, "starttls.nonsense"},
    {"smtp",
     "",
     {{"220 x\r\n", "EHLO localhost\r\n"}, {"250-x\r\n250 XSTARTTLS\r\n", ""}},
     RC_UNSUPPORTED,
     "starttls.lacking"},
    {"smtp",
     "",
     {{"220 x\r\n", "EHLO localhost\r\n"}, {"502 what?\r\n", ""}},
     RC_DENIED,
     "starttls.refused"},
    {"smtp",
     "",
     {{"220 x\r\n", "EHLO localhost\r\n"},
      {"250 STARTTLS\r\n", "STARTTLS\r\n"},
      {"454 not now\r\n", ""}},
     RC_DENIED,
     "starttls.refused"},
    /* Answers before the question; text behind the agreement. */
    {"smtp", "", {{"220 x\r\n250 STARTTLS\r\n", NULL}}, RC_CONFLICT, "starttls.unasked"},
    {"smtp",
     "",
     {{"220 x\r\n", "EHLO localhost\r\n"},
      {"250 STARTTLS\r\n", "STARTTLS\r\n"},
      {"220 go\r\n250 injected\r\n", NULL}},
     RC_CONFLICT,
     "starttls.unasked"},
    {"imap", "", {{"* BYE\r\n", ""}}, RC_DENIED, "starttls.refused"},
    {"imap", "", {{"* PREAUTH in already\r\n", ""}}, RC_DENIED, "starttls.refused"},
    {"imap", "", {{"a OK\r\n", ""}}, RC_PARSE, "starttls.nonsense"},
    {"imap",
     "",
     {{"* OK\r\n", "a STARTTLS\r\n"}, {"a BAD what\r\n", ""}},
     RC_UNSUPPORTED,
     "starttls.lacking"},
    {"imap", "", {{"* OK\r\n", "a STARTTLS\r\n"}, {"a NO\r\n", ""}}, RC_DENIED, "starttls.refused"},
    {"imap", "", {{"* OK\r\n", "a STARTTLS\r\n"}, {"b OK\r\n", ""}}, RC_PARSE, "starttls.nonsense"},
    {"imap",
     "",
     {{"* OK\r\n", "a STARTTLS\r\n"}, {"a OK\r\n* CAPABILITY X\r\n", NULL}},
     RC_CONFLICT,
     "starttls.unasked"},
    {"pop3", "", {{"-ERR busy\r\n", ""}}, RC_DENIED, "starttls.refused"},
    {"pop3", "", {{"+OKAY\r\n", ""}}, RC_PARSE, "starttls.nonsense"},
    {"pop3",
     "",
     {{"+OK\r\n", "STLS\r\n"}, {"-ERR what\r\n", ""}},
     RC_UNSUPPORTED,
     "starttls.lacking"},
    {"pop3",
     "",
     {{"+OK\r\n", "STLS\r\n"}, {"+OK\r\n+OK\r\n", NULL}},
     RC_CONFLICT,
     "starttls.unasked"},
    {"ftp", "", {{"421 full\r\n", ""}}, RC_DENIED, "starttls.refused"},
    {"ftp", "", {{"hello\r\n", ""}}, RC_PARSE, "starttls.nonsense"},
    {"ftp", "", {{"530 x\r\n", ""}}, RC_DENIED, "starttls.refused"},
    {"ftp", "", {{"220 x\r\n", "AUTH TLS\r\n"}, {"534 no\r\n", ""}}, RC_DENIED, "starttls.refused"},
    {"ftp",
     "",
     {{"220 x\r\n", "AUTH TLS\r\n"}, {"500 x\r\n", ""}},
     RC_UNSUPPORTED,
     "starttls.lacking"},
    {"ftp",
     "",
     {{"220 x\r\n", "AUTH TLS\r\n"}, {"502 x\r\n", ""}},
     RC_UNSUPPORTED,
     "starttls.lacking"},
    {"ftp",
     "",
     {{"220 x\r\n", "AUTH TLS\r\n"}, {"504 x\r\n", ""}},
     RC_UNSUPPORTED,
     "starttls.lacking"},
    {"ftp",
     "",
     {{"220 x\r\n", "AUTH TLS\r\n"}, {"530 Please login.\r\n", ""}},
     RC_UNSUPPORTED,
     "starttls.lacking"},
    {"ftp",
     "",
     {{"220 x\r\n", "AUTH TLS\r\n"}, {"234 go\r\n331 x\r\n", NULL}},
     RC_CONFLICT,
     "starttls.unasked"},
    {"xmpp", XMPP_HEAD, {{"<html>", ""}}, RC_PARSE, "starttls.nonsense"},
    {"xmpp", XMPP_HEAD, {{"HTTP/1.1 400<", ""}}, RC_PARSE, "starttls.nonsense"},
    {"xmpp", XMPP_HEAD, {{"<!DOCTYPE x>", ""}}, RC_PARSE, "starttls.nonsense"},
    {"xmpp", XMPP_HEAD, {{XMPP_OPEN "<!-- <starttls/> -->", ""}}, RC_PARSE, "starttls.nonsense"},
    {"xmpp",
     XMPP_HEAD,
     {{XMPP_OPEN "<stream:error><host-unknown/></stream:error>", ""}},
     RC_DENIED,
     "starttls.refused"},
    {"xmpp", XMPP_HEAD, {{XMPP_OPEN "<stream:features/>", ""}}, RC_UNSUPPORTED, "starttls.lacking"},
    /* Of another namespace; and one that only closes. */
    {"xmpp",
     XMPP_HEAD,
     {{XMPP_OPEN "<stream:features><starttls xmlns='x'/></stream:features>", ""}},
     RC_UNSUPPORTED,
     "starttls.lacking"},
    {"xmpp",
     XMPP_HEAD,
     {{XMPP_OPEN "<stream:features>" XMPP_TLS "</stream:features>", XMPP_TLS},
      {"<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>", ""}},
     RC_DENIED,
     "starttls.refused"},
    {"xmpp",
     XMPP_HEAD,
     {{XMPP_OPEN "<stream:features>" XMPP_TLS "</stream:features>"
                 "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
       NULL}},
     RC_CONFLICT,
     "starttls.unasked"},
};

struct talk {
    struct starttls s;
    struct buf out;
    struct err err;
    enum rc rc;
};

static void talk_done(struct talk *t)
{
    starttls_done(&t->s);
    buf_done(&t->out);
}

static enum rc begin(struct talk *t, const char *protocol)
{
    *t = (struct talk){.err = ERR_INIT, .rc = RC_AGAIN};
    buf_init(&t->out, SAID);
    return starttls_init(&t->s, starttls_find(str_of(protocol)), STR("mail.example"), &t->out);
}

/* In pieces of that many bytes. */
static void say(struct talk *t, struct str bytes, size_t piece)
{
    buf_reset(&t->out);
    while (bytes.n && (t->rc == RC_AGAIN || t->rc == RC_OK)) {
        t->rc = starttls_feed(&t->s, str_head(bytes, piece), &t->out, &t->err);
        bytes = str_skip(bytes, piece);
    }
}

/* NULL when all went as it is written; else what did not. */
static const char *run(const struct dialogue *d, size_t piece, enum rc *out_rc, struct err *out_err)
{
    CLEANUP(talk_done) struct talk t = {};
    enum rc rc = begin(&t, d->protocol);

    *out_rc = rc == RC_OK ? RC_AGAIN : rc;
    if (rc != RC_OK || !str_eq(buf_str(&t.out), str_of(d->first)))
        return "first";
    for (size_t i = 0; i < TURNS && d->turns[i].server; i++) {
        bool last = i + 1 == TURNS || !d->turns[i + 1].server;

        say(&t, str_of(d->turns[i].server), piece);
        *out_rc = t.rc;
        *out_err = t.err;
        if (d->turns[i].client && !str_eq(buf_str(&t.out), str_of(d->turns[i].client)))
            return d->turns[i].server;
        if (!last && t.rc != RC_AGAIN)
            return d->turns[i].server;
    }
    return NULL;
}

static void servers_that_do_as_they_should(void)
{
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        for (size_t piece = 1; piece < 300; piece += 299 / 2) {
            struct err err = ERR_INIT;
            enum rc rc = RC_OK;
            const char *wrong = run(&good[i], piece, &rc, &err);

            CHECK_RC(rc, RC_OK);
            CHECK_STR(str_of(wrong ? wrong : ""), "");
        }
}

static void servers_that_do_not(void)
{
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct err err = ERR_INIT;
        enum rc rc = RC_OK;
        const char *wrong = run(&bad[i], SAID, &rc, &err);

        CHECK_RC(rc, bad[i].rc);
        CHECK_STR(str_of(wrong ? wrong : ""), "");
        CHECK(err.msg);
        CHECK_STR(str_of(err.msg->code), bad[i].code);
    }
}

/* ---- those whose bytes are no text */

static void postgres(void)
{
    CLEANUP(talk_done) struct talk t = {};

    CHECK_OK(begin(&t, "postgres"));
    CHECK(str_eq(buf_str(&t.out), STR("\0\0\0\x08\x04\xd2\x16\x2f")));
    say(&t, STR("S"), 1);
    CHECK_RC(t.rc, RC_OK);
    say(&t, STR("R"), 1);
    CHECK_RC(t.rc, RC_CONFLICT);
    talk_done(&t);
    CHECK_OK(begin(&t, "postgres"));
    say(&t, STR("SR\0\0\0\x08\0\0\0\0"), 10); /* CVE-2021-23222 */
    CHECK_RC(t.rc, RC_CONFLICT);
    talk_done(&t);
    CHECK_OK(begin(&t, "postgres"));
    say(&t, STR("N"), 1);
    CHECK_RC(t.rc, RC_UNSUPPORTED);
    talk_done(&t);
    CHECK_OK(begin(&t, "postgres"));
    say(&t, STR("E\0\0\0\x10too many"), 20);
    CHECK_RC(t.rc, RC_DENIED);
    talk_done(&t);
    CHECK_OK(begin(&t, "postgres"));
    say(&t, STR("HTTP/1.1"), 20);
    CHECK_RC(t.rc, RC_PARSE);
}

/* A handshake packet with these capabilities, low byte first. */
#define MYSQL(length, sequence, version, low, high)                                                \
    length "\0\0" sequence version "8.0\0"                                                         \
           "\1\0\0\0"                                                                              \
           "abcdefgh\0" low high

static void mysql(void)
{
    CLEANUP(talk_done) struct talk t = {};

    for (size_t piece = 1; piece < 60; piece += 29) {
        CHECK_OK(begin(&t, "mysql"));
        CHECK_INT(t.out.n, 0);
        say(&t, STR(MYSQL("\x14", "\0", "\x0a", "\0", "\x08")), piece);
        CHECK_RC(t.rc, RC_OK);
        CHECK_INT(t.out.n, 36);
        CHECK(str_starts(buf_str(&t.out), STR("\x20\0\0\x01\0\x8a\0\0")));
        talk_done(&t);
    }
    CHECK_OK(begin(&t, "mysql"));
    say(&t, STR(MYSQL("\x14", "\0", "\x0a", "\xff", "\xf7")), 100);
    CHECK_RC(t.rc, RC_UNSUPPORTED);
    talk_done(&t);
    CHECK_OK(begin(&t, "mysql"));
    say(&t, STR(MYSQL("\x14", "\0", "\x0a", "\0", "\x08") "x"), 100);
    CHECK_RC(t.rc, RC_CONFLICT);
    talk_done(&t);
    CHECK_OK(begin(&t, "mysql"));
    say(&t,
        STR("\x0d\0\0\0\xff\x69\x04"
            "is blocked"),
        100);
    CHECK_RC(t.rc, RC_DENIED);
    talk_done(&t);
    CHECK_OK(begin(&t, "mysql")); /* another version; another sequence; cut; no end; empty; huge */
    say(&t, STR(MYSQL("\x14", "\0", "\x09", "\0", "\x08")), 100);
    CHECK_RC(t.rc, RC_PARSE);
    talk_done(&t);
    CHECK_OK(begin(&t, "mysql"));
    say(&t, STR(MYSQL("\x14", "\1", "\x0a", "\0", "\x08")), 100);
    CHECK_RC(t.rc, RC_PARSE);
    talk_done(&t);
    CHECK_OK(begin(&t, "mysql"));
    say(&t,
        STR("\x05\0\0\0\x0a"
            "8.0\0"),
        100);
    CHECK_RC(t.rc, RC_PARSE);
    talk_done(&t);
    CHECK_OK(begin(&t, "mysql"));
    say(&t, STR("\x05\0\0\0\x0axxxx"), 100);
    CHECK_RC(t.rc, RC_PARSE);
    talk_done(&t);
    CHECK_OK(begin(&t, "mysql"));
    say(&t, STR("\0\0\0\0"), 100);
    CHECK_RC(t.rc, RC_PARSE);
    talk_done(&t);
    CHECK_OK(begin(&t, "mysql"));
    say(&t, STR("\xff\xff\xff\0"), 100);
    CHECK_RC(t.rc, RC_PARSE);
}

static void ldap(void)
{
    static const struct {
        struct str bytes;
        enum rc rc;
    } answers[] = {
        {STR("\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x00\x04\x00\x04\x00"), RC_OK},
        /* long lengths, as Active Directory has them */
        {STR("\x30\x84\x00\x00\x00\x10\x02\x01\x01\x78\x84\x00\x00\x00\x07\x0a\x01\x00\x04\x00\x04"
             "\x00"),
         RC_OK},
        {STR("\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x02\x04\x00\x04\x00"), RC_UNSUPPORTED},
        {STR("\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x34\x04\x00\x04\x00"), RC_DENIED},
        {STR("\x30\x0c\x02\x01\x00\x78\x07\x0a\x01\x00\x04\x00\x04\x00"), RC_DENIED},
        {STR("\x30\x0c\x02\x01\x02\x78\x07\x0a\x01\x00\x04\x00\x04\x00"), RC_PARSE},
        {STR("\x30\x0c\x02\x01\x01\x61\x07\x0a\x01\x00\x04\x00\x04\x00"), RC_PARSE},
        {STR("\x30\x0c\x02\x01\x01\x78\x08\x0a\x01\x00\x04\x00\x04\x00"), RC_PARSE},
        {STR("\x30\x80\x02\x01\x01\x78\x07\x0a"), RC_PARSE},
        {STR("\x30\x84\x7f\xff\xff\xff\x02"), RC_PARSE},
        {STR("\x30\x85\x00\x00\x00\x00\x0c"), RC_PARSE},
        {STR("\x15\x03\x01\x00\x02"), RC_PARSE},
        {STR("\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x00\x04\x00\x04\x00\x30"), RC_CONFLICT},
        {STR("\x30\x0c\x02\x01\x01"), RC_AGAIN},
    };
    CLEANUP(talk_done) struct talk t = {};

    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++)
        for (size_t piece = 1; piece < 100; piece += 98) {
            CHECK_OK(begin(&t, "ldap"));
            CHECK_INT(t.out.n, 31);
            CHECK(str_ends(buf_str(&t.out), STR("1.3.6.1.4.1.1466.20037")));
            say(&t, answers[i].bytes, piece);
            CHECK_RC(t.rc, answers[i].rc);
            talk_done(&t);
        }
}

/* ---- without end */

static void too_long(void)
{
    static const char *const lines[] = {"smtp", "imap", "pop3", "ftp"};
    static char x[STARTTLS_UNIT_MAX];
    CLEANUP(talk_done) struct talk t = {};

    memset(x, 'x', sizeof(x));
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        CHECK_OK(begin(&t, lines[i]));
        say(&t, str_bytes(x, sizeof(x)), sizeof(x));
        CHECK_RC(t.rc, RC_TOOBIG);
        talk_done(&t);
    }
    /* A tag without its end. */
    x[0] = '<';
    CHECK_OK(begin(&t, "xmpp"));
    say(&t, str_bytes(x, sizeof(x)), 100);
    CHECK_RC(t.rc, RC_TOOBIG);
    talk_done(&t);
    /* A message that is said to be longer than any. */
    CHECK_OK(begin(&t, "ldap"));
    say(&t, STR("\x30\x83\x01\x00\x00"), 100);
    CHECK_RC(t.rc, RC_PARSE);
}

static void endless(void)
{
    static const struct {
        const char *protocol, *first, *again;
    } talkers[] = {
        {"smtp", "", "220-and so on\r\n"}, {"ftp", "220-x\r\n", "and so on\r\n"},
        {"ftp", "", "120 soon\r\n"},       {"imap", "* OK\r\n", "* 1 EXISTS\r\n"},
        {"xmpp", XMPP_OPEN, "<x/>"},       {"xmpp", XMPP_OPEN, "text"},
    };
    CLEANUP(talk_done) struct talk t = {};

    for (size_t i = 0; i < sizeof(talkers) / sizeof(talkers[0]); i++) {
        size_t turns = 0;

        CHECK_OK(begin(&t, talkers[i].protocol));
        say(&t, str_of(talkers[i].first), SAID);
        while (t.rc == RC_AGAIN && turns++ < STARTTLS_TOTAL_MAX)
            say(&t, str_of(talkers[i].again), SAID);
        CHECK_RC(t.rc, RC_TOOBIG);
        talk_done(&t);
    }
}

static void names(void)
{
    CLEANUP(talk_done) struct talk t = {};

    CHECK(!starttls_find(STR("gopher")));
    CHECK(!starttls_find(STR("")));
    buf_init(&t.out, SAID);
    CHECK_RC(starttls_init(&t.s, starttls_find(STR("xmpp")), STR("a'><b"), &t.out), RC_INVAL);
    CHECK_OK(begin(&t, "xmpp-server"));
    CHECK(strstr(buf_z(&t.out), "xmlns='jabber:server'"));
}

CHECK_MAIN(CHECK_TEST(servers_that_do_as_they_should), CHECK_TEST(servers_that_do_not),
           CHECK_TEST(postgres), CHECK_TEST(mysql), CHECK_TEST(ldap), CHECK_TEST(too_long),
           CHECK_TEST(endless), CHECK_TEST(names))
