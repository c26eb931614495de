/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 8555 sections 7.1.1 (directory) and 7.3 (account): once for all runs, and anew after an hour
 * or a failure, because either may have changed on the server. */
#include "client/client_int.h"
#include "ev/clock.h"
#include "http/url.h"
#include "jose/eab.h"
#include "json/out.h"

MSG(msg_terms, "client.terms",
    "the server wants its terms of service ({0}) to be agreed to, and nobody has (--agree-tos)");
MSG(msg_eab, "client.eab",
    "the server takes new accounts with an external binding only (RFC 8555 section 7.3.4), and "
    "none was given; ask whoever runs it for a key id and its key");
MSG(msg_elsewhere, "client.elsewhere",
    "the directory {0} leads to {1}, which is at another host: nothing is signed for that");
MSG(msg_no_url, "client.account-url", "the server gave the account no usable URL");

static bool only_existing(const struct client *c);

static bool settled(struct client *c)
{
    return c->kid[0] && !c->stale && clock_mono(ev_clock(c->ev)) < c->fresh_until;
}

static void on_directory(void *arg, const struct client_reply *reply);

static void begin(struct client *c)
{
    struct client_request *r = &c->setup;

    c->setting_up = true;
    c->heard = false;
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

    if (str_eq(reply->problem, STR("accountDoesNotExist")) && !c->only_existing &&
        only_existing(c)) {
        end(c, NULL, ERR(&err, RC_UNSUPPORTED, msg_eab), &err);
        return;
    }
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

static enum rc put_binding(struct client *c, struct json_out *o)
{
    CLEANUP(buf_done) struct buf binding = BUF_INIT(CLIENT_DOCUMENT_MAX);
    const struct jose_eab_in in = {.kid = c->eab_kid,
                                   .url = c->directory.new_account,
                                   .jwk = jose_jwk_json(c->jwk),
                                   .key = c->eab_key};

    TRY(jose_eab_sign(&in, &binding));
    json_key(o, "externalAccountBinding");
    json_put_raw(o, buf_str(&binding));
    return RC_OK;
}

static enum rc put_new_account(struct client *c, struct json_out *o)
{
    if (c->agree_terms)
        json_kv_bool(o, "termsOfServiceAgreed", true);
    if (c->n_contacts) {
        json_key(o, "contact");
        json_arr(o);
        for (size_t i = 0; i < c->n_contacts; i++)
            json_put_str(o, c->contacts[i]);
        json_end(o);
    }
    return c->eab_kid.n ? put_binding(c, o) : RC_OK;
}

/* Without a binding where one is needed there may still be an account from before. */
static bool only_existing(const struct client *c)
{
    return c->only_existing || (c->directory.eab_required && c->eab_kid.n == 0);
}

static enum rc ask_account(struct client *c, struct err *err)
{
    struct client_request *r = &c->setup;
    struct json_out o;
    enum rc rc = RC_OK;

    if (c->directory.terms.n && !c->agree_terms && !c->only_existing)
        return ERR(err, RC_DENIED, msg_terms, c->directory.terms);
    buf_reset(&c->payload);
    json_out_init(&o, &c->payload, JSON_COMPACT);
    json_obj(&o);
    if (only_existing(c))
        json_kv_bool(&o, "onlyReturnExisting", true);
    else
        rc = put_new_account(c, &o);
    json_end(&o);
    TRY(rc);
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

static enum rc same_host(const struct client *c, struct str text, struct err *err)
{
    struct http_url own, url;

    TRY(http_url_parse(c->directory_url, &own, err));
    TRY(http_url_parse(text, &url, err));
    if (http_url_same_origin(&own, &url))
        return RC_OK;
    return ERR(err, RC_DENIED, msg_elsewhere, c->directory_url, text);
}

static enum rc judge(const struct client *c, const struct client_directory *d, struct err *err)
{
    if (!c->one_host)
        return RC_OK;
    TRY(same_host(c, d->new_account, err));
    return same_host(c, d->new_order, err);
}

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
    if (rc == RC_OK)
        rc = judge(c, &directory, &err);
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
