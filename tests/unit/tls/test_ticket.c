/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include "pair.h"
#include "tls/tls_int.h"

enum { NAME_BYTES = 16 };

static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};

/* Two servers with one identity, as two workers are. */
struct workers {
    struct world w; /* its context is the one that is spoken to */
    struct tls_context *other;
    SSL_SESSION *left; /* by the last connection, to be resumed */
    char bytes[6][TLS_TICKET_KEY];
    struct str keys[6]; /* newest first */
};

static void workers_done(struct workers *s)
{
    hang_up(&s->w);
    SSL_SESSION_free(s->left);
    tls_context_free(s->other);
    world_done(&s->w);
}

static enum rc workers_init(struct workers *s)
{
    CLEANUP(tls_identity_unrefp) struct tls_identity *id = NULL;
    struct tls_context_conf conf = {};

    *s = (struct workers){};
    for (size_t i = 0; i < 6; i++) {
        memset(s->bytes[i], (int)('a' + i), TLS_TICKET_KEY);
        s->keys[i] = str_bytes(s->bytes[i], TLS_TICKET_KEY);
    }
    TRY(world_init(&s->w, &conf));
    TRY(tls_context_new(&conf, &s->other));
    TRY(identity_of(key_p256, "one", &id));
    tls_context_set_identity(s->w.context, id);
    tls_context_set_identity(s->other, id);
    return RC_OK;
}

#define BEGIN(s)                                                                                   \
    CLEANUP(workers_done) struct workers s = {.w = {.client_fd = -1}};                             \
    CHECK_OK(workers_init(&s))

static void to_the_other(struct workers *s)
{
    struct tls_context *here = s->w.context;

    hang_up(&s->w);
    s->w.context = s->other;
    s->other = here;
}

/* Shakes hands, with a session to resume or NULL, and gets a new one. */
static enum rc dial(struct workers *s, SSL_SESSION *session, int version)
{
    char in[4];

    TRY(connect_pair(&s->w));
    SSL_set_min_proto_version(s->w.client, version);
    SSL_set_max_proto_version(s->w.client, version);
    if (session)
        SSL_set_session(s->w.client, session);
    shake(&s->w);
    TRY(s->w.opened);
    TRY(exchange(&s->w));
    SSL_read(s->w.client, in, sizeof(in));
    SSL_shutdown(s->w.client);
    SSL_SESSION_free(s->left);
    s->left = SSL_get1_session(s->w.client);
    return RC_OK;
}

static enum rc fresh(struct workers *s, int version)
{
    return dial(s, NULL, version);
}

static enum rc resume(struct workers *s, int version)
{
    return dial(s, s->left, version);
}

static bool resumed(const struct workers *s)
{
    return SSL_session_reused(s->w.client) && tls_conn_resumed(s->w.conn);
}

/* The ticket begins with the name of the key that it is under. */
static bool under(const struct workers *s, struct str key)
{
    const unsigned char *ticket = NULL;
    size_t n = 0;

    SSL_SESSION_get0_ticket(s->left, &ticket, &n);
    return str_eq(str_head(str_bytes(ticket, n), NAME_BYTES), str_head(key, NAME_BYTES));
}

static void workers_resume_each_others(void)
{
    BEGIN(s);
    CHECK_OK(tls_context_set_ticket_keys(s.w.context, s.keys, 3));
    CHECK_OK(tls_context_set_ticket_keys(s.other, s.keys, 3));
    for (size_t v = 0; v < 2; v++) {
        CHECK_OK(fresh(&s, versions[v]));
        to_the_other(&s);
        CHECK_OK(resume(&s, versions[v]));
        CHECK(resumed(&s));
    }
}

static void not_without_common_keys(void)
{
    BEGIN(s);
    for (size_t v = 0; v < 2; v++) {
        /* Each with its own. */
        CHECK_OK(fresh(&s, versions[v]));
        to_the_other(&s);
        CHECK_OK(resume(&s, versions[v]));
        CHECK(!resumed(&s));
    }
    CHECK_OK(tls_context_set_ticket_keys(s.w.context, s.keys, 3));
    CHECK_OK(tls_context_set_ticket_keys(s.other, s.keys + 3, 3));
    for (size_t v = 0; v < 2; v++) {
        CHECK_OK(fresh(&s, versions[v]));
        to_the_other(&s);
        CHECK_OK(resume(&s, versions[v]));
        CHECK(!resumed(&s));
    }
}

/* The same name over another key. */
static void forged(void)
{
    BEGIN(s);
    CHECK_OK(tls_context_set_ticket_keys(s.w.context, s.keys, 3));
    memset(s.bytes[1] + NAME_BYTES, 'x', TLS_TICKET_KEY - NAME_BYTES);
    CHECK_OK(tls_context_set_ticket_keys(s.other, s.keys, 3));
    for (size_t v = 0; v < 2; v++) {
        CHECK_OK(fresh(&s, versions[v]));
        to_the_other(&s);
        CHECK_OK(resume(&s, versions[v]));
        CHECK(!resumed(&s));
    }
}

static void rotates(void)
{
    BEGIN(s);
    for (size_t v = 0; v < 2; v++) {
        /* The second of the list encrypts. */
        CHECK_OK(tls_context_set_ticket_keys(s.w.context, s.keys + 3, 3));
        CHECK_OK(fresh(&s, versions[v]));
        CHECK(under(&s, s.keys[4]));
        CHECK_OK(resume(&s, versions[v]));
        CHECK(resumed(&s));

        /* The oldest decrypts, and the ticket is renewed. */
        CHECK_OK(tls_context_set_ticket_keys(s.w.context, s.keys + 2, 3));
        CHECK_OK(resume(&s, versions[v]));
        CHECK(resumed(&s));
        CHECK(under(&s, s.keys[3]));
        CHECK_OK(resume(&s, versions[v]));
        CHECK(resumed(&s));

        /* Rotated out. */
        CHECK_OK(tls_context_set_ticket_keys(s.w.context, s.keys, 3));
        CHECK_OK(resume(&s, versions[v]));
        CHECK(!resumed(&s));
    }
}

/* A worker that uses the next key already leaves such tickets to one that does not; TLS 1.2 keeps
 * that ticket, TLS 1.3 wants a new one each time. */
static void ahead_of_the_others(void)
{
    BEGIN(s);
    CHECK_OK(tls_context_set_ticket_keys(s.w.context, s.keys, 3));
    CHECK_OK(tls_context_set_ticket_keys(s.other, s.keys + 1, 3));
    for (size_t v = 0; v < 2; v++) {
        CHECK_OK(fresh(&s, versions[v]));
        to_the_other(&s);
        CHECK_OK(resume(&s, versions[v]));
        CHECK(resumed(&s));
        CHECK(under(&s, s.keys[v == 0 ? 1 : 2]));
        to_the_other(&s);
    }
}

/* What TLS sealed with these keys is nothing that TLCP sealed with them. */
static void not_for_another_protocol(void)
{
    CLEANUP(buf_done) struct buf out = BUF_INIT(4096);
    const unsigned char *ticket = NULL;
    size_t n = 0;
    bool renew;
    BEGIN(s);

    CHECK_OK(tls_context_set_ticket_keys(s.w.context, s.keys, 3));
    CHECK_OK(fresh(&s, TLS1_2_VERSION));
    SSL_SESSION_get0_ticket(s.left, &ticket, &n);
    CHECK(n > 80 && under(&s, s.keys[1]));
    CHECK_RC(tls_tickets_open(tls_context_tickets(s.w.context), str_bytes(ticket, n), &out, &renew),
             RC_DENIED);
}

static void lives_for_a_named_time(void)
{
    BEGIN(s);
    for (size_t i = 0; i < 4; i++) {
        if (i == 2)
            CHECK_OK(tls_context_set_ticket_keys(s.w.context, s.keys, 3));
        CHECK_OK(fresh(&s, versions[i % 2]));
        CHECK_INT(SSL_SESSION_get_ticket_lifetime_hint(s.left), TLS_TICKET_SECONDS);
    }
}

static void bad_keys(void)
{
    BEGIN(s);
    CHECK_OK(tls_context_set_ticket_keys(s.w.context, s.keys, 3));
    CHECK_RC(tls_context_set_ticket_keys(s.w.context, s.keys, 0), RC_INVAL);
    CHECK_RC(tls_context_set_ticket_keys(s.w.context, s.keys, TLS_TICKET_KEYS_MIN - 1), RC_INVAL);
    CHECK_RC(tls_context_set_ticket_keys(s.w.context, s.keys, TLS_TICKET_KEYS_MAX + 1), RC_INVAL);
    s.keys[3].n--;
    CHECK_RC(tls_context_set_ticket_keys(s.w.context, s.keys + 2, 3), RC_INVAL);
    s.keys[3] = s.keys[5];
    CHECK_RC(tls_context_set_ticket_keys(s.w.context, s.keys + 3, 3), RC_INVAL);
    /* The ones before are still in force. */
    CHECK_OK(fresh(&s, TLS1_3_VERSION));
    CHECK_OK(resume(&s, TLS1_3_VERSION));
    CHECK(resumed(&s));
    CHECK_OK(tls_context_set_ticket_keys(s.w.context, s.keys, 3));
}

CHECK_MAIN(CHECK_TEST(workers_resume_each_others), CHECK_TEST(not_without_common_keys),
           CHECK_TEST(forged), CHECK_TEST(rotates), CHECK_TEST(ahead_of_the_others),
           CHECK_TEST(not_for_another_protocol), CHECK_TEST(lives_for_a_named_time),
           CHECK_TEST(bad_keys))
