/* SPDX-License-Identifier: Apache-2.0 */
/* A client and a server of TLCP, and the wire between them, for the tests of this folder. */
#pragma once

#include "ev/clock.h"
#include "made.h"
#include "tlcp/conn.h"

#define TLCP_MAIN(...)                                                                             \
    int main(void)                                                                                 \
    {                                                                                              \
        static const struct check_test tests_[] = {__VA_ARGS__};                                   \
        int failed_ = 1;                                                                           \
        if (begin_all() == RC_OK)                                                                  \
            failed_ = check_run(tests_, sizeof(tests_) / sizeof(tests_[0]));                       \
        end_all();                                                                                 \
        return failed_;                                                                            \
    }

struct world {
    struct clock_fake clock;
    struct tlcp_sessions *sessions;
    struct tlcp_server_conf server_conf;
    struct tlcp_client_conf client_conf;
    struct tlcp_conn *server, *client;
    enum rc server_rc, client_rc; /* of the last shake */
    struct err server_why, client_why;
    struct tlcp_shown shown;
    enum rc chosen; /* what `choose` says */
    char name[64];  /* the body of server_name that it saw */
    size_t name_n;
    enum x509_trouble trouble; /* what judge_no finds, and says: */
    enum rc judged;
    size_t piece; /* bytes that go over at a time; 0: as many as there are */
};

static enum rc choose(void *arg, const struct tlcp_hello *hello, struct tlcp_shown *out,
                      struct err *)
{
    struct world *w = arg;

    w->name_n = hello->server_name.n < sizeof(w->name) ? hello->server_name.n : sizeof(w->name);
    if (w->name_n)
        memcpy(w->name, hello->server_name.p, w->name_n);
    *out = w->shown;
    return w->chosen;
}

/* Nobody's certificates are good; `arg` is the world, or NULL: of no reason. */
[[maybe_unused]] static enum rc judge_no(void *arg, const struct str *, size_t,
                                         enum x509_trouble *trouble, struct err *)
{
    const struct world *w = arg;

    if (w)
        *trouble = w->trouble;
    return w ? w->judged : RC_DENIED;
}

static void hang_up(struct world *w)
{
    tlcp_conn_free(MOVE(w->server));
    tlcp_conn_free(MOVE(w->client));
}

static void world_done(struct world *w)
{
    hang_up(w);
    tlcp_sessions_free(w->sessions);
    crypto_ossl_clear();
}

static enum rc world_init(struct world *w)
{
    *w = (struct world){.chosen = RC_OK, .judged = RC_DENIED};
    clock_fake_init(&w->clock, 1'000'000 * WHEN_SECOND);
    TRY(tlcp_sessions_new(&w->clock.clock, 4, &w->sessions));
    w->shown.identity = of_server.identity;
    memset(w->shown.bound, 7, sizeof(w->shown.bound));
    w->server_conf = (struct tlcp_server_conf){
        .sessions = w->sessions, .alpn = STR("h2 http/1.1"), .raw_verify = true, .choose = choose};
    return RC_OK;
}

#define WORLD(w)                                                                                   \
    CLEANUP(world_done) struct world w = {};                                                       \
    CHECK_OK(world_init(&w))

/* A fresh connection of both; nobody has said anything. */
static enum rc connect_pair(struct world *w)
{
    hang_up(w);
    w->server_rc = w->client_rc = RC_AGAIN;
    w->server_why = w->client_why = ERR_INIT;
    TRY(tlcp_server_new(&w->server_conf, w, &w->server));
    return tlcp_client_new(&w->client_conf, &w->client);
}

/* Puts bytes before one end; how many it took. */
static size_t feed(struct tlcp_conn *c, struct str bytes)
{
    size_t room;
    unsigned char *p = tlcp_conn_room(c, &room);

    if (!p)
        return 0;
    if (room > bytes.n)
        room = bytes.n;
    memcpy(p, bytes.p, room);
    tlcp_conn_came(c, room);
    return room;
}

/* Moves what one has to say to the other; false: nothing. */
static bool carry(struct world *w, struct tlcp_conn *from, struct tlcp_conn *to)
{
    struct str out = tlcp_conn_pending(from);
    size_t n;

    if (w->piece)
        out = str_head(out, w->piece);
    n = out.n ? feed(to, out) : 0;
    tlcp_conn_sent(from, n);
    return n > 0;
}

/* Lets both say what they have to say. */
[[maybe_unused]] static void shake(struct world *w)
{
    bool moved = true;

    while (moved) {
        if (w->client_rc == RC_AGAIN)
            w->client_rc = tlcp_conn_shake(w->client, &w->client_why);
        moved = carry(w, w->client, w->server);
        if (w->server_rc == RC_AGAIN)
            w->server_rc = tlcp_conn_shake(w->server, &w->server_why);
        moved |= carry(w, w->server, w->client);
        if (w->client_rc == RC_AGAIN)
            w->client_rc = tlcp_conn_shake(w->client, &w->client_why);
    }
}

/* `bytes` from one to the other, at whatever sizes. */
[[maybe_unused]] static enum rc say(struct world *w, struct tlcp_conn *from, struct tlcp_conn *to,
                                    struct str bytes)
{
    char in[4096];
    size_t n;

    while (bytes.n) {
        struct str expected;

        TRY(tlcp_conn_write(from, bytes, &n));
        expected = str_head(bytes, n);
        bytes = str_skip(bytes, n);
        while (expected.n) {
            enum rc rc = tlcp_conn_read(to, in, sizeof(in), &n);

            if (rc == RC_AGAIN && carry(w, from, to))
                continue;
            TRY(rc);
            if (!str_eq(str_bytes(in, n), str_head(expected, n)))
                return RC_CORRUPT;
            expected = str_skip(expected, n);
        }
    }
    return RC_OK;
}
