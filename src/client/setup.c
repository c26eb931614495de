/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 8555 sections 7.1.1 (directory) and 7.3 (account): once for all runs, and anew after an hour
 * or a failure, because either may have changed on the server. */
#include "client/client_int.h"
#include "ev/clock.h"
#include "json/out.h"

MSG(msg_terms, "client.terms",
    "the server wants its terms of service ({0}) to be agreed to, and nobody has");
MSG(msg_eab, "client.eab",
    "the server takes accounts with an external binding only (RFC 8555 section 7.3.4), which this "
    "client has not");
MSG(msg_no_url, "client.account-url", "the server gave the account no usable URL");

static bool settled(struct client *c)
{
    return c->kid[0] && !c->stale && clock_mono(ev_clock(c->ev)) < c->fresh_until;
}

static void on_directory(void *arg, const struct client_reply *reply);

static void begin(struct client *c)
{
    struct client_request *r = &c->setup;

    c->setting_up = true;
    r->what = "the directory";
    r->url = c->directory_url;
    r->accept = STR("application/json");
    r->get = true;
    r->max_body = CLIENT_DOCUMENT_MAX;
    r->fn = on_directory;
    r->arg = c;
    client_request_start(r);
}

void client_setup_wait(struct client_run *run)
{
    struct client *c = run->c;

    if (settled(c)) {
        client_run_go(run);
        return;
    }
    list_push(&c->waiting, &run->wait);
    if (!c->setting_up)
        begin(c);
}

/* Those that wait are told; whoever comes to wait meanwhile is not among them. */
static void end(struct client *c, const struct client_reply *reply, enum rc rc,
                const struct err *err)
{
    struct list told;

    list_init(&told);
    list_splice(&told, &c->waiting);
    c->setting_up = false;
    c->stale = rc != RC_OK;
    for (struct list *it; (it = list_pop(&told)) != NULL;) {
        struct client_run *run = LIST_ENTRY(it, struct client_run, wait);
        struct err copy;

        if (rc == RC_OK) {
            client_run_go(run);
            continue;
        }
        copy = *err;
        client_run_fail(run, rc, &copy, reply);
    }
}

/* ---- the account */

static void on_account(void *arg, const struct client_reply *reply)
{
    struct client *c = arg;
    struct err err = ERR_INIT;
    struct str url;

    if (reply->rc != RC_OK) {
        end(c, reply, reply->rc, reply->err);
        return;
    }
    url = reply->answer->location;
    if (url.n == 0 || str_copyz(url, c->kid, sizeof(c->kid)) != RC_OK) {
        c->kid[0] = '\0';
        end(c, NULL, ERR(&err, RC_PARSE, msg_no_url), &err);
        return;
    }
    c->fresh_until = clock_mono(ev_clock(c->ev)) + CLIENT_DIRECTORY_SECONDS * WHEN_SECOND;
    end(c, NULL, RC_OK, &err);
}

static enum rc ask_account(struct client *c, struct err *err)
{
    struct client_request *r = &c->setup;
    struct json_out o;

    if (c->directory.terms.n && !c->agree_terms && !c->only_existing)
        return ERR(err, RC_DENIED, msg_terms, c->directory.terms);
    if (c->directory.eab_required && !c->only_existing)
        return ERR(err, RC_UNSUPPORTED, msg_eab);
    buf_reset(&c->payload);
    json_out_init(&o, &c->payload, JSON_COMPACT);
    json_obj(&o);
    if (c->only_existing)
        json_kv_bool(&o, "onlyReturnExisting", true);
    else if (c->agree_terms)
        json_kv_bool(&o, "termsOfServiceAgreed", true);
    json_end(&o);
    TRY(json_out_done(&o));
    r->what = "newAccount";
    r->url = c->directory.new_account;
    r->get = false;
    r->with_key = true;
    r->payload = buf_str(&c->payload);
    r->fn = on_account;
    client_request_start(r);
    return RC_OK;
}

/* ---- the directory */

static void on_directory(void *arg, const struct client_reply *reply)
{
    struct client *c = arg;
    CLEANUP(arena_done) struct arena arena = ARENA_INIT(CLIENT_ARENA_MAX);
    struct client_directory directory;
    struct err err = ERR_INIT;
    enum rc rc;

    if (reply->rc != RC_OK) {
        end(c, reply, reply->rc, reply->err);
        return;
    }
    rc = client_directory_read(&arena, reply->answer->body, &directory, &err);
    if (rc == RC_OK) {
        struct arena old = c->directory_arena;

        c->directory_arena = arena;
        c->directory = directory;
        arena = old;
        rc = ask_account(c, &err);
    }
    if (rc != RC_OK)
        end(c, NULL, rc, &err);
}

void client_setup_init(struct client *c)
{
    arena_init(&c->directory_arena, CLIENT_ARENA_MAX);
    buf_init(&c->payload, CLIENT_DOCUMENT_MAX);
    client_request_init(&c->setup, c);
    c->stale = true;
}

void client_setup_done(struct client *c)
{
    client_request_stop(&c->setup);
    buf_done(&c->payload);
    arena_done(&c->directory_arena);
}
