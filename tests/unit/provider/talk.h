/* SPDX-License-Identifier: Apache-2.0 */
/* A conversation with a DNS provider, of which the test is the far end. */
#pragma once

#include "check.h"

#include "client/client.h"
#include "crypto/crypto.h"
#include "provider/provider.h"

static const struct client_proof proof = {.type = STR("dns-01"),
                                          .identifier = STR("wiki.hospital.example"),
                                          .token = STR("token"),
                                          .key_authorization = STR("token.thumb")};

struct talk {
    struct provider *p;
    struct provider_call call;
    struct provider_ask ask;
    struct str value;
};
#define TALK_INIT ((struct talk){.ask = PROVIDER_ASK_INIT})

[[maybe_unused]] static enum rc begin(struct talk *t, const char *kind, const char *settings,
                                      bool remove)
{
    TRY(crypto_init());
    TRY(provider_parse(provider_kind_find(str_of(kind)), str_of(settings), STR("dns.conf"), &t->p,
                       NULL));
    TRY(provider_call_init(&t->call, t->p, &proof, remove));
    t->value = t->call.value;
    return RC_OK;
}

[[maybe_unused]] static void end(struct talk *t)
{
    provider_ask_done(&t->ask);
    provider_call_done(&t->call);
    provider_free(t->p);
    crypto_done();
    *t = TALK_INIT;
}

/* The next request; its body with '#' where the value is. */
[[maybe_unused]] static void expect(struct talk *t, const char *method, const char *url,
                                    const char *headers, const char *body)
{
    CLEANUP(buf_done) struct buf want = BUF_INIT(PROVIDER_ASK_MAX);

    provider_ask_done(&t->ask);
    t->ask = PROVIDER_ASK_INIT;
    CHECK_OK(provider_ask(&t->call, &t->ask, NULL));
    CHECK(t->ask.method != NULL);
    CHECK_STR(str_of(t->ask.method), method);
    CHECK_STR(buf_str(&t->ask.url), url);
    CHECK_STR(buf_str(&t->ask.headers), headers);
    for (; *body; body++)
        if (*body == '#')
            buf_puts(&want, t->value);
        else
            buf_put(&want, body, 1);
    CHECK_OK(buf_rc(&want));
    CHECK_STR(buf_str(&t->ask.body), buf_z(&want));
}

[[maybe_unused]] static void expect_end(struct talk *t)
{
    provider_ask_done(&t->ask);
    t->ask = PROVIDER_ASK_INIT;
    CHECK_OK(provider_ask(&t->call, &t->ask, NULL));
    CHECK(t->ask.method == NULL);
}

[[maybe_unused]] static void answer(struct talk *t, int status, const char *body)
{
    CHECK_OK(provider_take(&t->call, status, str_of(body), NULL));
}

[[maybe_unused]] static void refuses(struct talk *t, int status, const char *body, enum rc want,
                                     const char *says)
{
    struct err err = ERR_INIT;
    char text[2048];

    CHECK_RC(provider_take(&t->call, status, str_of(body), &err), want);
    CHECK(err.msg != NULL);
    CHECK(strstr(err_textz(&err, text, sizeof(text)), says) != NULL);
}

/* `text` with '#' where the value is. */
[[maybe_unused]] static void answer_with(struct talk *t, const char *text)
{
    CLEANUP(buf_done) struct buf b = BUF_INIT(PROVIDER_ASK_MAX);

    for (; *text; text++)
        if (*text == '#')
            buf_puts(&b, t->value);
        else
            buf_put(&b, text, 1);
    CHECK_OK(buf_rc(&b));
    answer(t, 200, buf_z(&b));
}

[[maybe_unused]] static void cannot_ask(struct talk *t, const char *code)
{
    struct err err = ERR_INIT;

    CHECK(provider_ask(&t->call, &t->ask, &err) != RC_OK);
    CHECK(err.msg != NULL);
    CHECK_STR(str_of(err.msg->code), code);
}

/* `status` and `body` mean "not now": five times there is a pause, twice as long each time or as
 * long as the server wants it, and then it is an error that says so; at once when that is more than
 * a minute. */
[[maybe_unused]] static void is_patient(struct talk *t, int status, const char *body,
                                        const char *says)
{
    t->call.retry_after = WHEN_MINUTE + 1;
    refuses(t, status, body, RC_DENIED, says);
    t->call.retry_after = 3 * WHEN_SECOND;
    for (int i = 0; i < 5; i++) {
        t->call.listed = true;
        answer(t, status, body);
        expect_end(t);
        CHECK_INT(t->ask.after, i < 2 ? 3 * WHEN_SECOND : WHEN_SECOND << i);
        CHECK(!t->call.listed); /* and what was asked may have happened */
    }
    refuses(t, status, body, RC_DENIED, says);
    t->call.retry_after = 0;
}
