/* SPDX-License-Identifier: Apache-2.0 */
/* Accounts of TXT records, asked as acme-dns and httpreq are, beside a name server that the test
 * plays: nothing is acknowledged that is not on disk and with it. */
#include "play.h"

#include "base/text.h"
#include "core/txt.h"
#include "core/txt_ask.h"
#include "ipc/text_messages.h"
#include "json/json.h"
#include "store/txt.h"

#define ZONE "acme.hospital.example"
#define V1 "LPsIwTo7o8BoG0-vjCyGQGBWSVIPxI-i_X336eUOQZo"
#define V2 "aPsIwTo7o8BoG0-vjCyGQGBWSVIPxI-i_X336eUOQZo"

enum { HEARD_MAX = 8 };

/* A server of TXT records that remembers what it was told last. */
struct server {
    struct ipc_chan *core_end, *end;
    unsigned messages, names, whole; /* messages; names in all of them; how many were the last */
    char label[64], values[2][65];
    size_t n_values;
    bool deaf; /* does not answer */
    struct ipc_req *held;
};

struct account {
    char username[40], password[48], subdomain[40];
};

static struct server server;

static void on_texts(void *, struct ipc_req *req, const void *msg, int)
{
    const struct ipc_texts *m = msg;

    server.messages++;
    server.names += (unsigned)m->names.n;
    server.whole += m->last;
    for (size_t i = 0; i < m->names.n; i++) {
        const struct ipc_text *t = &m->names.v[i];

        IGNORE_RC(str_copyz(t->label, server.label, sizeof(server.label)));
        server.n_values = t->values.n;
        for (size_t k = 0; k < t->values.n; k++)
            IGNORE_RC(str_copyz(t->values.v[k], server.values[k], sizeof(server.values[k])));
    }
    if (server.deaf)
        server.held = req;
    else
        IGNORE_RC(ipc_reply(req, NULL));
}

static bool server_comes(struct play *p)
{
    static const struct ipc_handler handlers[] = {{IPC_TEXTS, on_texts}};
    struct ipc_chan_conf core = {ROLE_CORE, ROLE_TXT, NULL, 0, on_close, p};
    struct ipc_chan_conf txt = {ROLE_TXT, ROLE_CORE, handlers, 1, on_close, p};
    int fds[2];

    server = (struct server){};
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0 ||
        ipc_chan_new(p->w.ev, fds[0], &core, &server.core_end) != RC_OK ||
        ipc_chan_new(p->w.ev, fds[1], &txt, &server.end) != RC_OK)
        return false;
    core_txt_server(&p->core, server.core_end);
    world_spin(&p->w);
    return true;
}

static void server_goes(struct play *p)
{
    ipc_req_drop(MOVE(server.held));
    ipc_chan_free(MOVE(server.end));
    ipc_chan_free(MOVE(server.core_end));
    core_txt_server(&p->core, NULL);
    world_spin(&p->w);
}

static const struct addr_net everywhere[] = {{{4, {0}}, 0}};

static bool begin(struct play *p, struct conf *conf)
{
    if (!play_init(p))
        return false;
    *conf = *p->w.conf;
    conf->txt.zone = STR(ZONE);
    conf->txt.allow = (struct conf_nets){everywhere, 1};
    conf->txt.accounts = 3;
    p->core.conf = conf;
    return core_txt_new(&p->core) == RC_OK;
}

static void end(struct play *p)
{
    if (p->core.txt)
        server_goes(p);
    core_txt_stop(&p->core);
    if (p->w.store)
        store_collect(p->w.store);
    core_txt_free(&p->core);
    play_done(p);
}

#define START(p)                                                                                   \
    struct conf conf;                                                                              \
    CLEANUP(end) struct play p = {.w.dir.fd = -1};                                                 \
    CHECK(begin(&p, &conf))

static bool take(const struct json *o, const char *name, char *out, size_t cap)
{
    struct str s;

    return json_str(json_get(o, name), &s) == RC_OK && str_copyz(s, out, cap) == RC_OK;
}

static bool registers(struct play *p, const char *body, struct account *out)
{
    CLEANUP(json_freep) struct json_doc *doc = NULL;
    const struct json *o;

    if (ask(p, "POST", "/acme-dns/register", NULL, body) != 201 ||
        json_parse(buf_str(&p->got.body), 4096, &doc, NULL) != RC_OK)
        return false;
    o = json_root(doc);
    return take(o, "username", out->username, sizeof(out->username)) &&
           take(o, "password", out->password, sizeof(out->password)) &&
           take(o, "subdomain", out->subdomain, sizeof(out->subdomain));
}

static int update(struct play *p, const struct account *a, const char *subdomain, const char *txt)
{
    char user[80], key[80], body[200];
    const char *headers[] = {user, key, NULL};

    snprintf(user, sizeof(user), "x-api-user: %s", a->username);
    snprintf(key, sizeof(key), "x-api-key: %s", a->password);
    snprintf(body, sizeof(body), "{\"subdomain\":\"%s\",\"txt\":\"%s\"}", subdomain, txt);
    return ask(p, "POST", "/acme-dns/update", headers, body);
}

static int httpreq(struct play *p, const char *verb, const struct account *a, const char *fqdn)
{
    CLEANUP(buf_done) struct buf basic = BUF_INIT(256);
    char pair[120], target[40], body[300];
    const char *headers[] = {NULL, NULL};

    snprintf(pair, sizeof(pair), "%s:%s", a->username, a->password);
    buf_putz(&basic, "authorization: Basic ");
    text_b64(&basic, str_of(pair));
    headers[0] = buf_z(&basic);
    snprintf(target, sizeof(target), "/httpreq/%s", verb);
    snprintf(body, sizeof(body), "{\"fqdn\":\"%s\",\"value\":\"" V1 "\"}", fqdn);
    return ask(p, "POST", target, headers, body);
}

static void an_account_and_its_values(void)
{
    struct account a;
    char all[64];

    START(p);
    CHECK(server_comes(&p));
    CHECK_INT(server.whole, 1); /* all that there is: nothing */
    CHECK(registers(&p, "", &a));
    CHECK_INT(strlen(a.password), CORE_TXT_PASSWORD);
    CHECK_INT(strlen(a.subdomain), STORE_TXT_UUID);
    CHECK(in_words(&p, "\"allowfrom\":[]"));
    snprintf(all, sizeof(all), "%s." ZONE, a.subdomain);
    CHECK(in_words(&p, all));
    CHECK_STR(str_of(server.label), a.subdomain);
    CHECK_INT(server.n_values, 0);
    CHECK_INT(update(&p, &a, a.subdomain, V1), 200);
    CHECK_STR(buf_str(&p.got.body), "{\"txt\":\"" V1 "\"}");
    CHECK_INT(server.n_values, 1);
    CHECK_INT(update(&p, &a, a.subdomain, V2), 200);
    CHECK_INT(server.n_values, 2);
    CHECK_STR(str_of(server.values[0]), V2);
    CHECK_STR(str_of(server.values[1]), V1);
    CHECK_INT(ask(&p, "GET", "/acme-dns/health", NULL, ""), 200);
    CHECK_INT(ask(&p, "GET", "/acme-dns/update", NULL, ""), 405);
    CHECK_INT(ask(&p, "GET", "/acme-dns/else", NULL, ""), 404);
}

static void who_it_is_not(void)
{
    struct account a, b, other;

    START(p);
    CHECK(server_comes(&p));
    CHECK(registers(&p, "", &a) && registers(&p, "{}", &b));
    server.messages = 0;
    other = a;
    other.password[5] = other.password[5] == 'x' ? 'y' : 'x';
    CHECK_INT(update(&p, &other, a.subdomain, V1), 401);
    CHECK_STR(buf_str(&p.got.body), "{\"error\":\"forbidden\"}");
    CHECK_INT(update(&p, &a, b.subdomain, V1), 401);
    other = a;
    memcpy(other.username, b.username, sizeof(other.username));
    CHECK_INT(update(&p, &other, b.subdomain, V1), 401);
    other.username[0] = '\0';
    CHECK_INT(update(&p, &other, a.subdomain, V1), 401);
    CHECK_INT(ask(&p, "POST", "/acme-dns/update", NULL, "{}"), 401);
    CHECK_INT(httpreq(&p, "present", &other, "x"), 401);
    CHECK_INT(update(&p, &a, a.subdomain, "short"), 400);
    CHECK_STR(buf_str(&p.got.body), "{\"error\":\"bad_txt\"}");
    CHECK_INT(server.messages, 0);
}

static void by_httpreq(void)
{
    struct account a;
    char fqdn[80];

    START(p);
    CHECK(server_comes(&p));
    CHECK(registers(&p, "", &a));
    snprintf(fqdn, sizeof(fqdn), "%s.ACME.hospital.example.", a.subdomain);
    CHECK_INT(httpreq(&p, "present", &a, fqdn), 200);
    CHECK_INT(server.n_values, 1);
    CHECK_INT(httpreq(&p, "cleanup", &a, fqdn), 200);
    CHECK_INT(server.n_values, 0);
    CHECK_INT(httpreq(&p, "present", &a, "_acme-challenge.www.hospital.example."), 200);
    CHECK_INT(server.n_values, 1);
    CHECK_INT(httpreq(&p, "present", &a, "0.acme.hospital.example."), 400);
    CHECK_STR(buf_str(&p.got.body), "{\"error\":\"bad_fqdn\"}");
}

static void from_where(void)
{
    static const struct addr_net elsewhere[] = {{{4, {192, 0, 2}}, 24}};
    struct account a;

    START(p);
    CHECK(server_comes(&p));
    CHECK(registers(&p, "{\"allowfrom\":[\"192.0.2.1/24\"]}", &a));
    CHECK(in_words(&p, "\"allowfrom\":[\"192.0.2.1/24\"]"));
    CHECK_INT(update(&p, &a, a.subdomain, V1), 401); /* 10.1.2.3 asks */
    CHECK(registers(&p, "{\"allowfrom\":[\"192.0.2.1/24\",\"10.1.9.9/16\"]}", &a));
    CHECK_INT(update(&p, &a, a.subdomain, V1), 200);
    CHECK_INT(ask(&p, "POST", "/acme-dns/register", NULL, "{\"allowfrom\":[\"10.0.0.0\"]}"), 400);
    CHECK_STR(buf_str(&p.got.body), "{\"error\":\"invalid_allowfrom_cidr\"}");
    CHECK_INT(ask(&p, "POST", "/acme-dns/register", NULL, "{"), 400);
    CHECK(registers(&p, "", &a));
    CHECK_INT(ask(&p, "POST", "/acme-dns/register", NULL, ""), 403);
    CHECK_STR(buf_str(&p.got.body), "{\"error\":\"too_many_accounts\"}");
    conf.txt.allow = (struct conf_nets){elsewhere, 1};
    CHECK_INT(ask(&p, "POST", "/acme-dns/register", NULL, ""), 403);
    conf.txt.zone = STR("");
    CHECK_INT(ask(&p, "GET", "/acme-dns/health", NULL, ""), 404);
}

/* What was not told is not acknowledged, and is told when the server is back. */
static void the_server_is_away(void)
{
    struct account a;

    START(p);
    CHECK(server_comes(&p));
    CHECK(registers(&p, "", &a));
    server_goes(&p);
    CHECK_INT(update(&p, &a, a.subdomain, V1), 503);
    CHECK_STR(buf_str(&p.got.body), "{\"error\":\"unavailable\"}");
    CHECK(server_comes(&p));
    CHECK_INT(server.whole, 1);
    CHECK_INT(server.names, 1);
    CHECK_STR(str_of(server.values[0]), V1);
    server.deaf = true;
    CHECK_INT(update(&p, &a, a.subdomain, V2), -2); /* no answer: it is not there yet */
    server.deaf = false;
    CHECK_OK(ipc_reply(MOVE(server.held), NULL));
    world_spin(&p.w);
    CHECK(p.got.came);
    CHECK_INT(p.got.status, 200);
}

CHECK_MAIN(CHECK_TEST_ONCE(an_account_and_its_values), CHECK_TEST_ONCE(who_it_is_not),
           CHECK_TEST_ONCE(by_httpreq), CHECK_TEST_ONCE(from_where),
           CHECK_TEST_ONCE(the_server_is_away))
