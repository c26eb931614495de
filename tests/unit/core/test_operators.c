/* SPDX-License-Identifier: Apache-2.0 */
/* Who may do what, all of it: every command, every role, as requests of /api/v1/ with sessions and
 * with tokens. And signing in. Front is played here. */
#include "play.h"

#include "base/text.h"

/* What is meant, written down once more and apart from the program: V O A S U, and who may use a
 * token ("+"). A command that is not here fails the test. */
static const struct {
    const char *name, *roles;
} meant[] = {
    {"status", "VOSU+"},
    {"doctor", "VOSU+"},
    {"cert list", "VOSU+"},
    {"cert show", "VOSU+"},
    {"cert numbers", "VOSU+"},
    {"cert sign", "O+"},
    {"cert revoke", "OS+"},
    {"cert escrow", "S"},
    {"ui link", ""},
    {"reload", "OS+"},
    {"upgrade", ""},
    {"site list", "VOSU+"},
    {"site renew", "O+"},
    {"issuer list", "VOSU+"},
    {"issuer change", "S"},
    {"signer restart", "S"},
    {"approval list", "VOASU+"},
    {"approval show", "VOASU+"},
    {"approval grant", "A"},
    {"approval deny", "A"},
    {"eab create", "S+"},
    {"eab list", "VOSU+"},
    {"eab revoke", "OS+"},
    {"account list", "VOSU+"},
    {"account show", "VOSU+"},
    {"account deactivate", "OS+"},
    {"renewal pull", "OS+"},
    {"renewal list", "VOSU+"},
    {"txt list", "VOSU+"},
    {"txt remove", "OS+"},
    {"inventory list", "VOSU+"},
    {"inventory show", "VOSU+"},
    {"inventory history", "VOSU+"},
    {"inventory orphans", "VOSU+"},
    {"inventory deliver", "O+"},
    {"inventory owner", "OS+"},
    {"agent list", "VOSU+"},
    {"agent show", "VOSU+"},
    {"agent tokens", "VOSU+"},
    {"agent token", "OS+"},
    {"agent remove", "OS+"},
    {"agent renew", "OS+"},
    {"alert list", "VOSU+"},
    {"alert show", "VOSU+"},
    {"alert deliveries", "VOSU+"},
    {"alert silences", "VOSU+"},
    {"alert ack", "OS+"},
    {"alert silence", "OS+"},
    {"alert unsilence", "OS+"},
    {"alert test", "OS+"},
    {"report list", "SU+"},
    {"report file", "SU+"},
    {"report mail", "S+"},
    {"issuance freeze", "OS+"},
    {"issuance thaw", "S"},
    {"issuance status", "VOSU+"},
    {"probe", "OS+"},
    {"drill runner", "S+"},
    {"audit head", "SU+"},
    {"backup begin", ""},
    {"backup created", ""},
    {"audit list", "SU+"},
    {"policy explain", "VOSU+"},
    {"config show", "OSU+"},
    {"user add", "S"},
    {"user-certificate add", "S"},
    {"user-certificate list", "SU+"},
    {"user-certificate remove", "S"},
    {"user list", "SU+"},
    {"user password", "S"},
    {"user remove", "S"},
    {"user role", "S"},
    {"user totp", "S"},
    {"token create", "S"},
    {"token list", "SU+"},
    {"token revoke", "S"},
    {"session list", "SU+"},
    {"session end", "S"},
};

/* ---- roles */

static bool session_of(struct play *p, unsigned roles, char cookie[static 128])
{
    struct ui_user user = {.n = 1000 + roles, .roles = roles, .person = CORE_PERSONS + 1000};
    const struct addr from = {4, {10, 1, 2, 3}};
    char token[UI_TOKEN_TEXT];

    snprintf(user.name, sizeof(user.name), "role-%u", roles);
    if (ui_session_new(&p->core.ui.sessions, &user, &from, clock_now(ev_clock(p->w.ev)), token) !=
        RC_OK)
        return false;
    snprintf(cookie, 128, "cookie: __Host-autarky=%s", token);
    return true;
}

static enum rc add_token(struct store_txn *txn, void *arg)
{
    return store_token_add(txn, arg);
}

static bool token_of(struct play *p, unsigned roles, char header[static 128])
{
    char name[16], text[64];
    struct store_token t = {
        .roles = roles, .person = 1000, .created = WORLD_NOW, .expires = WORLD_NOW + WHEN_DAY};

    snprintf(name, sizeof(name), "t%u", roles);
    snprintf(text, sizeof(text), "atk_%043u", roles);
    snprintf(header, 128, "authorization: Bearer %s", text);
    t.name = str_of(name);
    return id_new(&t.id) == RC_OK && crypto_sha256(str_of(text), t.digest.b) == RC_OK &&
           store_write_now(p->w.store, add_token, &t) == RC_OK;
}

static const char *meant_for(const char *command)
{
    for (size_t i = 0; i < sizeof(meant) / sizeof(meant[0]); i++)
        if (strcmp(meant[i].name, command) == 0)
            return meant[i].roles;
    return NULL;
}

static bool refused(struct play *p, const char *command, const char *who)
{
    const char *headers[] = {who, "origin: https://" HOST, NULL};
    char target[96];
    int status;

    snprintf(target, sizeof(target), "/api/v1/%s", command);
    for (char *c = target; *c; c++)
        if (*c == ' ')
            *c = '/';
    status = ask(p, "POST", target, headers, "{\"dry_run\":true}");
    return status == 403 && (strcmp(p->got.code, "core.admin-roles") == 0 ||
                             strcmp(p->got.code, "core.admin-person") == 0);
}

static void every_command_and_every_role(void)
{
    static const char letters[] = "VOASU";
    size_t n = 0, n_actions;
    const char *command;

    BEGIN(p);
    for (unsigned role = 0; role < OPERATORS_ROLES; role++) {
        char cookie[128], token[128];

        CHECK(session_of(&p, 1u << role, cookie));
        CHECK(token_of(&p, 1u << role, token));
        for (n = 0; (command = core_admin_name(n)); n++) {
            const char *roles = meant_for(command);
            bool may, may_token;

            CHECK(roles); /* it is to be written down who may */
            may = strchr(roles, letters[role]) != NULL;
            may_token = may && strchr(roles, '+');
            if (refused(&p, command, cookie) == may || refused(&p, command, token) == may_token) {
                fprintf(stderr, "%s by %c\n", command, letters[role]);
                CHECK(!"it is allowed or refused as meant");
            }
        }
    }
    CHECK_INT(n, sizeof(meant) / sizeof(meant[0]));
    operators_actions(&n_actions);
    CHECK_INT(n_actions, n);
}

/* ---- the document */

static bool refuses_argument(struct play *p, const char *target, const char *const *who,
                             const char *args)
{
    return ask(p, "POST", target, who, args) == 400 &&
           str_starts(str_of(p->got.code), STR("core.api-"));
}

/* Each operation of the document is walked: it is there, and takes what the document says and
 * nothing else. */
static void each_operation_of_the_document(struct play *p, const struct json *paths,
                                           const char *const *who)
{
    struct json_iter it = json_iter(paths);
    const struct json *path;
    struct str name;

    while (json_next(&it, &name, &path)) {
        const struct json *post = json_get(path, "post"), *body_schema, *schema;
        struct json_iter args;
        const struct json *v;
        char target[96], body[128];
        struct str arg;

        (void)snprintf(target, sizeof(target), "/api/v1%.*s", STR_ARG(name));
        CHECK(post);
        body_schema = json_get(
            json_get(json_get(json_get(post, "requestBody"), "content"), "application/json"),
            "schema");
        schema = json_get(body_schema, "properties");
        CHECK(schema);
        if (json_len(json_get(post, "x-roles")) == 0)
            continue; /* root's alone */
        CHECK(refuses_argument(p, target, who, "{\"no_such\":\"x\"}"));
        if (json_len(json_get(body_schema, "required"))) {
            CHECK_INT(ask(p, "POST", target, who, "{}"), 400);
            CHECK_STR(str_of(p->got.code), "core.api-missing");
        }
        args = json_iter(schema);
        while (json_next(&args, &arg, &v)) {
            (void)snprintf(body, sizeof(body), "{\"%.*s\":{}}", STR_ARG(arg));
            CHECK(refuses_argument(p, target, who, body));
            CHECK_STR(str_of(p->got.code), "core.api-argument");
        }
        if (json_get(path, "get"))
            CHECK(ask(p, "GET", target, who, "") != 405);
        else
            CHECK_INT(ask(p, "GET", target, who, ""), 405);
    }
}

static void the_document_is_right(void)
{
    CLEANUP(json_freep) struct json_doc *doc = NULL;
    char cookie[128], path[96];
    const char *session[] = {cookie, "origin: https://" HOST, NULL};
    const struct json *paths;
    const char *command;
    size_t n = 0;

    BEGIN(p);
    CHECK_INT(ask(&p, "GET", "/api/v1/openapi.json", NULL, ""), 200); /* to everybody */
    CHECK_OK(json_parse(buf_str(&p.got.body), 1 << 20, &doc, NULL));
    paths = json_get(json_root(doc), "paths");
    for (n = 0; (command = core_admin_name(n)); n++) {
        const struct operators_action *action = operators_action_find(str_of(command));
        const struct json *post;

        (void)snprintf(path, sizeof(path), "/%s", command);
        for (char *c = path; *c; c++)
            if (*c == ' ')
                *c = '/';
        post = json_get(json_get(paths, path), "post");
        CHECK(post);
        CHECK_INT(json_len(json_get(post, "security")), action->person ? 1 : 2);
        CHECK_INT(json_len(json_get(post, "x-roles")), __builtin_popcount(action->roles));
        CHECK(!json_get(json_get(paths, path), "get") == !core_admin_reads(str_of(command)));
    }
    CHECK_INT(json_len(paths), n);
    CHECK(session_of(&p, OPERATORS_ALL, cookie));
    each_operation_of_the_document(&p, paths, session);
}

/* The control socket has no other message than the one that names a command. */
static void nothing_beside_commands(void)
{
    size_t n;
    const struct ipc_rule *rules = ipc_rules(&n);

    for (size_t i = 0; i < n; i++)
        if (rules[i].name && rules[i].from & IPC_ROLE(ROLE_ADMIN))
            CHECK_INT(rules[i].type, IPC_ADMIN);
}

static void who_is_nobody(void)
{
    const char *bad[] = {"authorization: Bearer atk_no", NULL};
    const char *basic[] = {"authorization: Basic YTpi", NULL};
    char cookie[128], token[128];
    const char *session[] = {cookie, NULL, NULL}, *bearer[] = {token, NULL};

    BEGIN(p);
    CHECK_INT(ask(&p, "GET", "/api/v1/status", NULL, ""), 401);
    CHECK_INT(ask(&p, "GET", "/api/v1/status", bad, ""), 401);
    CHECK_INT(ask(&p, "GET", "/api/v1/status", basic, ""), 401);
    CHECK(session_of(&p, OPERATORS_ALL, cookie));
    CHECK_INT(ask(&p, "GET", "/api/v1/issuance/status", session, ""), 200);
    CHECK(in_words(&p, "\"frozen\":false"));
    /* Another site has the browser send the cookie. */
    CHECK_INT(ask(&p, "POST", "/api/v1/issuance/freeze", session, "{}"), 403);
    CHECK_STR(str_of(p.got.code), "core.api-origin");
    session[1] = "origin: https://evil.example";
    CHECK_INT(ask(&p, "POST", "/api/v1/issuance/freeze", session, "{}"), 403);
    session[1] = "origin: null";
    CHECK_INT(ask(&p, "POST", "/api/v1/issuance/freeze", session, "{}"), 403);
    session[1] = "origin: http://" HOST;
    CHECK_INT(ask(&p, "POST", "/api/v1/issuance/freeze", session, "{}"), 403);
    session[1] = "origin: https://" HOST;
    CHECK_INT(ask(&p, "GET", "/api/v1/issuance/freeze", session, ""), 405);
    CHECK_INT(ask(&p, "POST", "/api/v1/issuance/freeze", session, "{\"reason\":\"INC-7\"}"), 200);
    CHECK_INT(ask(&p, "POST", "/api/v1/no/such", session, "{}"), 501);
    CHECK_INT(ask(&p, "POST", "/api/v1/cert/show", session, "{"), 400);
    CHECK(token_of(&p, 1u << OPERATORS_VIEWER, token));
    CHECK_INT(ask(&p, "GET", "/api/v1/issuance/status", bearer, ""), 200);
    clock_fake_advance(&p.w.clock, WHEN_DAY);
    CHECK_INT(ask(&p, "GET", "/api/v1/issuance/status", bearer, ""), 401);
}

/* ---- signing in */

static int sign_in(struct play *p, const char *user, const char *password, bool right_code,
                   const char *header)
{
    const char *headers[] = {header, NULL};
    char code[OPERATORS_TOTP_TEXT] = "000000", body[512];
    when_t now = clock_now(ev_clock(p->w.ev));

    if (right_code &&
        operators_totp_code(str_of(totp_key), (uint64_t)(now / (30 * WHEN_SECOND)), code) != RC_OK)
        return -1;
    snprintf(body, sizeof(body), "user=%s&password=%s&code=%s", user, password, code);
    return ask(p, "POST", "/ui/sign-in", headers, body);
}

#define GOOD "correct+horse%20battery"

static void signing_in(void)
{
    CLEANUP(buf_done) struct buf wrong = BUF_INIT(64 * 1024);
    char cookie[160];
    const char *session[] = {cookie, "origin: https://" HOST, NULL};

    BEGIN(p);
    CHECK(has_user(&p, "alice"));
    CHECK_INT(sign_in(&p, "alice", "wrong", true, NULL), 403);
    buf_puts(&wrong, buf_str(&p.got.body));
    clock_fake_advance(&p.w.clock, WHEN_SECOND);
    CHECK_INT(sign_in(&p, "alice", GOOD, false, NULL), 403);
    CHECK_STR(buf_str(&p.got.body), buf_z(&wrong)); /* the same words */
    clock_fake_advance(&p.w.clock, WHEN_SECOND);
    CHECK_INT(sign_in(&p, "mallory", GOOD, true, NULL), 403);
    CHECK_STR(buf_str(&p.got.body), buf_z(&wrong));
    CHECK(!p.got.cookie[0]);
    clock_fake_advance(&p.w.clock, WHEN_SECOND);
    CHECK_INT(sign_in(&p, "alice", GOOD, true, "origin: https://evil.example"), 403);
    CHECK(in_words(&p, "another site"));
    CHECK_INT(sign_in(&p, "alice", GOOD, true, "sec-fetch-site: cross-site"), 403);
    CHECK(in_words(&p, "another site"));
    CHECK_INT(sign_in(&p, "alice", GOOD, true, "origin: https://" HOST), 303);
    snprintf(cookie, sizeof(cookie), "cookie: %s", p.got.cookie);
    CHECK(str_starts(str_of(p.got.cookie), STR("__Host-autarky=")));
    CHECK_INT(ask(&p, "GET", "/api/v1/session/list", session, ""), 200);
    CHECK(in_words(&p, "\"user\":\"alice\""));
    clock_fake_advance(&p.w.clock, WHEN_SECOND);
    CHECK_INT(sign_in(&p, "alice", GOOD, true, NULL), 403); /* that code was used */
    CHECK_INT(ask(&p, "POST", "/api/v1/user/role", session,
                  "{\"name\":\"alice\",\"roles\":\"operator\"}"),
              403);
    CHECK_STR(str_of(p.got.code), "core.user-own");
    CHECK_INT(ask(&p, "POST", "/api/v1/user/password", session,
                  "{\"name\":\"alice\",\"password\":\"short\"}"),
              400);
    CHECK_INT(ask(&p, "POST", "/api/v1/user/password", session,
                  "{\"name\":\"alice\",\"password\":\"another password\"}"),
              200);
    CHECK(!in_words(&p, "another"));
    CHECK_INT(ask(&p, "GET", "/api/v1/session/list", session, ""), 401); /* it has ended */
}

/* Signing in again ends the session that the browser had: a cookie that somebody put there, or
 * knows, is worth nothing afterwards. */
static void one_session_of_a_browser(void)
{
    char first[160], second[160];
    const char *before[] = {first, NULL}, *after[] = {second, NULL};

    BEGIN(p);
    CHECK(has_user(&p, "alice"));
    CHECK_INT(sign_in(&p, "alice", GOOD, true, "cookie: __Host-autarky=chosen"), 303);
    CHECK(!strstr(p.got.cookie, "chosen"));
    snprintf(first, sizeof(first), "cookie: %s", p.got.cookie);
    CHECK_INT(ask(&p, "GET", "/api/v1/status", before, ""), 200);
    clock_fake_advance(&p.w.clock, WHEN_MINUTE);
    CHECK_INT(sign_in(&p, "alice", GOOD, true, first), 303);
    snprintf(second, sizeof(second), "cookie: %s", p.got.cookie);
    CHECK_INT(ask(&p, "GET", "/api/v1/status", before, ""), 401);
    CHECK_INT(ask(&p, "GET", "/api/v1/status", after, ""), 200);
}

static void a_stranger_does_not_lock_out(void)
{
    char known[200];

    BEGIN(p);
    CHECK(has_user(&p, "alice"));
    CHECK(has_user(&p, "bob"));
    CHECK_INT(sign_in(&p, "alice", GOOD, true, NULL), 303);
    snprintf(known, sizeof(known), "cookie: %s", p.got.known);
    CHECK(strstr(known, "__Host-autarky-known="));
    for (int i = 0; i < OPERATORS_TRIES_FREE; i++) {
        clock_fake_advance(&p.w.clock, 10 * WHEN_SECOND);
        CHECK_INT(sign_in(&p, "alice", "x", false, NULL), 403);
    }
    CHECK_INT(sign_in(&p, "alice", GOOD, true, NULL), 429);
    CHECK_INT(sign_in(&p, "bob", GOOD, true, known), 429);    /* it is alice's */
    CHECK_INT(sign_in(&p, "alice", GOOD, false, known), 403); /* and opens nothing */
    CHECK_INT(sign_in(&p, "alice", GOOD, true, known), 303);
}

static void count_answer(void *arg, const struct ipc_answer *a)
{
    (void)a;
    ++*(int *)arg;
}

/* Passwords are looked at beside the loop: it answers others meanwhile. */
static void others_are_answered_meanwhile(void)
{
    char cookie[128];
    struct ipc_pair session = {STR("cookie"), STR("")};
    struct ipc_http slow = {.listener = STR("api"),
                            .method = STR("POST"),
                            .target = STR("/ui/sign-in"),
                            .host = STR(HOST),
                            .client = {4, {10, 1, 2, 3}},
                            .content_type = STR("application/x-www-form-urlencoded"),
                            .body = STR("user=alice&password=x&code=1")};
    struct ipc_http quick = {.listener = STR("api"),
                             .method = STR("GET"),
                             .target = STR("/api/v1/status"),
                             .host = STR(HOST),
                             .headers = {&session, 1}};
    int tried = 0, answered_others = 0;
    struct ipc_ask ask_slow = {.type = IPC_HTTP, .msg = &slow, .fn = count_answer, .arg = &tried};
    struct ipc_ask ask_quick = {
        .type = IPC_HTTP, .msg = &quick, .fn = count_answer, .arg = &answered_others};

    BEGIN(p);
    CHECK(session_of(&p, OPERATORS_ALL, cookie));
    session.value = str_skip(str_of(cookie), strlen("cookie: "));
    for (int i = 0; i < OPERATORS_TRIES_SECOND; i++)
        CHECK_OK(ipc_call(p.there, &ask_slow, NULL));
    CHECK_OK(ipc_call(p.there, &ask_quick, NULL));
    for (int i = 0; i < SPINS && !answered_others; i++)
        world_spin(&p.w);
    CHECK_INT(answered_others, 1);
    CHECK(tried < OPERATORS_TRIES_SECOND);
    CHECK(core_passwords_pending(p.core.passwords) > 0);
    for (int i = 0; i < SPINS && tried < OPERATORS_TRIES_SECOND; i++) {
        world_spin(&p.w);
        if (core_passwords_pending(p.core.passwords))
            ev_run_once(p.w.ev, EV_WAIT);
    }
    CHECK_INT(tried, OPERATORS_TRIES_SECOND);
}

/* What a user has given to programs ends with the user. */
static void tokens_end_with_their_maker(void)
{
    char cookie[160], bearer[160];
    const char *session[] = {cookie, "origin: https://" HOST, NULL}, *token[] = {bearer, NULL};
    char officer[128];
    const char *other[] = {officer, "origin: https://" HOST, NULL};
    const char *text;

    BEGIN(p);
    CHECK(has_user(&p, "alice"));
    CHECK(session_of(&p, 1u << OPERATORS_OFFICER, officer));
    CHECK_INT(sign_in(&p, "alice", GOOD, true, NULL), 303);
    snprintf(cookie, sizeof(cookie), "cookie: %s", p.got.cookie);
    CHECK_INT(ask(&p, "POST", "/api/v1/token/create", session,
                  "{\"name\":\"n\",\"roles\":\"viewer\",\"expires\":\"1d\"}"),
              200);
    text = strstr(buf_z(&p.got.body), "atk_");
    CHECK(text);
    snprintf(bearer, sizeof(bearer), "authorization: Bearer %.47s", text);
    CHECK_INT(ask(&p, "GET", "/api/v1/status", token, ""), 200);
    CHECK_INT(ask(&p, "POST", "/api/v1/user/remove", other, "{\"name\":\"alice\"}"), 200);
    CHECK(in_words(&p, "\"tokens\":1"));
    CHECK_INT(ask(&p, "GET", "/api/v1/status", token, ""), 401);
    CHECK_STR(str_of(p.got.code), "core.api-token");
    CHECK_INT(ask(&p, "GET", "/api/v1/token/list", other, ""), 200);
    CHECK(in_words(&p, "\"revoked\":"));
}

/* As soon as anything takes two persons, making a user does: else one alone made the second. */
static void nobody_makes_the_second_person(void)
{
    char cookie[128];
    const char *session[] = {cookie, "origin: https://" HOST, NULL};
    struct conf conf;

    BEGIN(p);
    conf = *p.w.conf;
    conf.control.two_persons = 1u << CONF_TWO_THAW;
    p.core.conf = &conf;
    CHECK(has_user(&p, "bob"));
    CHECK(session_of(&p, 1u << OPERATORS_OFFICER, cookie));
    CHECK_INT(ask(&p, "POST", "/api/v1/user/add", session,
                  "{\"name\":\"me-too\",\"roles\":\"approver\",\"host_user\":-1,"
                  "\"password\":\"" PASSWORD "\"}"),
              403);
    CHECK_STR(str_of(p.got.code), API_APPROVAL_WAITS);
    CHECK_INT(ask(&p, "POST", "/api/v1/user/totp", session, "{\"name\":\"bob\"}"), 403);
    CHECK_INT(
        ask(&p, "POST", "/api/v1/user/role", session, "{\"name\":\"bob\",\"roles\":\"approver\"}"),
        403);
    CHECK_INT(ask(&p, "POST", "/api/v1/user/password", session,
                  "{\"name\":\"bob\",\"password\":\"" PASSWORD "\"}"),
              403);
    CHECK_INT(ask(&p, "POST", "/api/v1/user/remove", session, "{\"name\":\"bob\"}"), 200);
}

static void guessing_takes_long(void)
{
    int status = 0;

    BEGIN(p);
    CHECK(has_user(&p, "alice"));
    for (int i = 0; i < OPERATORS_TRIES_FREE; i++) {
        clock_fake_advance(&p.w.clock, WHEN_SECOND);
        CHECK_INT(sign_in(&p, "nobody", "x", false, NULL), 403);
    }
    /* As long for a name that there is not. */
    status = sign_in(&p, "nobody", "x", false, NULL);
    CHECK_INT(status, 429);
    CHECK_INT(sign_in(&p, "alice", GOOD, true, NULL), 429);
    clock_fake_advance(&p.w.clock, 2 * WHEN_SECOND);
    CHECK_INT(sign_in(&p, "alice", GOOD, true, NULL), 303);
}

static void users_come_and_go(void)
{
    char cookie[128];
    const char *session[] = {cookie, "origin: https://" HOST, NULL};

    BEGIN(p);
    CHECK(has_user(&p, "role-8"));
    CHECK(session_of(&p, 1u << OPERATORS_OFFICER, cookie));
    p.core.ui.sessions.sessions[0].user.n = 1; /* whom the store has */
    CHECK_INT(ask(&p, "POST", "/api/v1/user/add", session,
                  "{\"name\":\"bob\",\"roles\":\"operator\",\"host_user\":-1,"
                  "\"password\":\"" PASSWORD "\"}"),
              200);
    CHECK(in_words(&p, "\"totp\":\"otpauth://totp/Example%20Hospital:bob?secret="));
    CHECK(!in_words(&p, PASSWORD));
    CHECK_INT(ask(&p, "POST", "/api/v1/user/add", session,
                  "{\"name\":\"bob\",\"roles\":\"operator\",\"host_user\":-1,"
                  "\"password\":\"" PASSWORD "\"}"),
              409);
    CHECK_INT(ask(&p, "POST", "/api/v1/user/add", session,
                  "{\"name\":\"eve\",\"roles\":\"operator\",\"password\":\"" PASSWORD "\"}"),
              400);
    CHECK_INT(ask(&p, "GET", "/api/v1/user/list", session, ""), 200);
    CHECK(in_words(&p, "\"name\":\"bob\",\"roles\":\"operator\""));
    CHECK(!in_words(&p, "totp"));
    CHECK_INT(ask(&p, "POST", "/api/v1/user/remove", session, "{\"name\":\"bob\"}"), 200);
    CHECK_INT(ask(&p, "POST", "/api/v1/user/totp", session, "{\"name\":\"bob\"}"), 409);
    CHECK_INT(ask(&p, "POST", "/api/v1/token/create", session,
                  "{\"name\":\"n\",\"roles\":\"approver\",\"expires\":\"1d\"}"),
              400);
    CHECK_INT(
        ask(&p, "POST", "/api/v1/token/create", session, "{\"name\":\"n\",\"roles\":\"viewer\"}"),
        400);
    CHECK_INT(ask(&p, "POST", "/api/v1/token/create", session,
                  "{\"name\":\"n\",\"roles\":\"viewer\",\"expires\":\"1d\"}"),
              200);
    CHECK(in_words(&p, "\"token\":\"atk_"));
    CHECK_INT(ask(&p, "GET", "/api/v1/token/list", session, ""), 200);
    CHECK(!in_words(&p, "atk_"));
    CHECK_INT(ask(&p, "POST", "/api/v1/session/end", session, "{\"id\":\"x\"}"), 404);
    CHECK_INT(ask(&p, "POST", "/api/v1/session/end", session, "{}"), 404);
    CHECK_INT(ask(&p, "POST", "/api/v1/session/end", session, "{\"name\":\"role-8\"}"), 200);
    CHECK(in_words(&p, "\"sessions\":1"));
    CHECK_INT(ask(&p, "GET", "/api/v1/token/list", session, ""), 401);
}

CHECK_MAIN(CHECK_TEST_ONCE(every_command_and_every_role), CHECK_TEST(nothing_beside_commands),
           CHECK_TEST_ONCE(who_is_nobody), CHECK_TEST_ONCE(the_document_is_right),
           CHECK_TEST_ONCE(signing_in), CHECK_TEST_ONCE(one_session_of_a_browser),
           CHECK_TEST_ONCE(a_stranger_does_not_lock_out),
           CHECK_TEST_ONCE(others_are_answered_meanwhile),
           CHECK_TEST_ONCE(tokens_end_with_their_maker),
           CHECK_TEST_ONCE(nobody_makes_the_second_person), CHECK_TEST_ONCE(guessing_takes_long),
           CHECK_TEST_ONCE(users_come_and_go))
