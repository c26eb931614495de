/* SPDX-License-Identifier: Apache-2.0 */
/* Core's side of its neighbours: a keeper that vouches and tells of the sites, an administrator on
 * the control socket, front that asks for the API's certificate. All of them are played here. */
#include "world.h"

#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "acme/acme_int.h"
#include "base/fd.h"
#include "base/name.h"
#include "core/core_int.h"
#include "ipc/public_messages.h"
#include "ipc/site_messages.h"
#include "log/log.h"
#include "net/net.h"
#include "store/certificates.h"
#include "store/events.h"
#include "store/txt.h"
#include "x509/csr.h"

#define SITES                                                                                      \
    "gateway:\n"                                                                                   \
    "  sites:\n"                                                                                   \
    "    - {name: wiki.hospital.example, backends: [\"http://10.0.3.7\", \"http://10.0.3.8\"],\n"  \
    "       algorithms: [rsa, ecdsa]}\n"                                                           \
    "    - {name: pacs.hospital.example, backends: [\"http://10.0.3.9\"], algorithms: [rsa]}\n"

enum { MANY = 300, PAGES_MAX = 8 };

/* Core with one neighbour at a time. */
struct play {
    struct world w;
    struct role_env env;
    struct core core;
    struct ipc_chan *here, *there; /* core's end, the neighbour's */
    int control;
    struct ipc_chan *admin;
    char path[128];
    /* the keeper */
    size_t asked, renewals;
    struct ipc_req *held; /* not answered */
    bool silent, refuses, strange;
    /* what came back */
    enum rc rc;
    bool answered;
    struct buf json;
    char code[64]; /* of an error's message */
};

static void quiet(void *, enum log_level, struct str)
{
}

static void on_close(void *, enum rc, const struct err *)
{
}

MSG(msg_no, "test.no", "no, {0}");

/* ---- the keeper */

static void on_sites(void *arg, struct ipc_req *req, const void *msg, int)
{
    struct play *p = arg;
    const struct ipc_sites_ask *ask = msg;
    const struct conf *conf = p->w.conf;
    struct ipc_site *list =
        arena_calloc(ipc_req_arena(req), ((size_t)ask->most + 1) * CONF_SITE_KEYS, sizeof(*list));
    struct ipc_sites reply = {.sites.v = list};
    struct err err = ERR_INIT;

    p->asked++;
    if (p->silent) {
        p->held = req;
        return;
    }
    if (p->refuses || !list) {
        IGNORE_RC(ERR(&err, RC_IO, msg_no, STR("thanks")));
        ipc_reply_err(req, &err);
        return;
    }
    for (size_t i = ask->from; i < conf->gateway.n_sites && i < ask->from + ask->most; i++)
        for (unsigned k = 0; k < CONF_SITE_KEYS; k++) {
            struct ipc_site *s = &list[reply.sites.n++];

            s->name = p->strange ? STR("elsewhere.example") : conf->gateway.sites[i].name;
            s->algorithm = (uint8_t)(p->strange && k ? 200 : k);
            s->state = k == CONF_KEY_RSA ? IPC_SITE_WAITING : IPC_SITE_VALID;
            s->next_at = WORLD_NOW + WHEN_DAY;
            if (k == CONF_KEY_RSA) {
                s->failures = 3;
                IGNORE_RC(ERR(&s->why, RC_DENIED, msg_no, STR("later")));
            } else {
                s->serial = STR("0A1B");
                s->not_after = WORLD_NOW + 90 * WHEN_DAY;
                s->staple = IPC_STAPLE_GOOD;
                s->staple_at = WORLD_NOW;
                s->staple_until = WORLD_NOW + WHEN_DAY;
            }
        }
    IGNORE_RC(ipc_reply(req, &reply));
}

static void on_renew(void *arg, struct ipc_req *req, const void *msg, int)
{
    struct play *p = arg;
    const struct ipc_renew *m = msg;
    struct err err = ERR_INIT;

    p->renewals++;
    if (p->refuses) {
        IGNORE_RC(ERR(&err, RC_IO, msg_no, m->site));
        ipc_reply_err(req, &err);
        return;
    }
    IGNORE_RC(ipc_reply(req, NULL));
}

/* A neighbour comes; what it may ask of core is what core.c lists. */
static enum rc comes(struct play *p, enum role role)
{
    static const struct ipc_handler of_core[] = {{IPC_VOUCH, core_on_vouch},
                                                 {IPC_API_CERT, core_on_api_cert},
                                                 {IPC_PUBLIC, core_on_public},
                                                 {IPC_CHANGED, core_on_changed}};
    static const struct ipc_handler of_keeper[] = {{IPC_SITES, on_sites}, {IPC_RENEW, on_renew}};
    struct ipc_chan_conf core = {ROLE_CORE, role, of_core, 4, on_close, &p->env};
    struct ipc_chan_conf other = {role, ROLE_CORE, of_keeper, 2, on_close, p};
    int fds[2];

    if (role != ROLE_KEEPER)
        other.n_handlers = 0;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0)
        return RC_IO;
    TRY(ipc_chan_new(p->w.ev, fds[0], &core, &p->here));
    TRY(ipc_chan_new(p->w.ev, fds[1], &other, &p->there));
    if (role == ROLE_KEEPER)
        core_sites_keeper(&p->core, p->here);
    return RC_OK;
}

static void goes(struct play *p)
{
    core_sites_keeper(&p->core, NULL);
    ipc_req_drop(MOVE(p->held));
    ipc_chan_free(MOVE(p->there));
    ipc_chan_free(MOVE(p->here));
}

static void note(void *arg, const struct ipc_answer *a)
{
    struct play *p = arg;

    p->answered = true;
    p->rc = a->rc;
    p->code[0] = '\0';
    if (a->rc != RC_OK && a->err && a->err->msg)
        IGNORE_RC(str_copyz(str_of(a->err->msg->code), p->code, sizeof(p->code)));
}

static enum rc ask(struct play *p, enum ipc_type type, const void *msg, ipc_answer_fn fn)
{
    struct ipc_ask ask = {.type = type, .msg = msg, .fn = fn, .arg = p};

    p->answered = false;
    TRY(ipc_call(p->there, &ask, NULL));
    for (int i = 0; i < 100 && !p->answered; i++)
        world_spin(&p->w);
    return p->answered ? p->rc : RC_TIMEOUT;
}

static enum rc vouch(struct play *p, const char *thumbprint)
{
    return ask(p, IPC_VOUCH, &(struct ipc_vouch){str_of(thumbprint)}, note);
}

/* ---- the administrator */

static void admin_answered(void *arg, const struct ipc_answer *a)
{
    struct play *p = arg;

    note(p, a);
    buf_reset(&p->json);
    if (a->rc == RC_OK)
        buf_puts(&p->json, ((const struct ipc_admin_reply *)a->msg)->json);
}

static enum rc begin(struct play *p, const char *command, const char *args)
{
    struct ipc_admin msg = {str_of(command), str_of(args)};
    struct ipc_ask ask = {.type = IPC_ADMIN, .msg = &msg, .fn = admin_answered, .arg = p};

    p->answered = false;
    return ipc_call(p->admin, &ask, NULL);
}

static enum rc end(struct play *p)
{
    for (int i = 0; i < 100 && !p->answered; i++)
        world_spin(&p->w);
    return p->answered ? p->rc : RC_TIMEOUT;
}

static enum rc admin(struct play *p, const char *command, const char *args)
{
    TRY(begin(p, command, args));
    return end(p);
}

static enum rc admin_comes(struct play *p)
{
    struct ipc_chan_conf conf = {ROLE_ADMIN, ROLE_CORE, NULL, 0, on_close, p};
    int fd;

    snprintf(p->path, sizeof(p->path), "%s/control.sock", p->w.dir.path);
    TRY(net_listen_unix(p->path, 0600, &p->control, NULL));
    p->core.control = p->control;
    TRY(core_admin_start(&p->core));
    TRY(net_connect_unix(p->path, &fd, NULL));
    return ipc_chan_new(p->w.ev, fd, &conf, &p->admin);
}

/* ---- all of it */

static void play_done(struct play *p)
{
    ipc_chan_free(p->admin);
    if (p->control >= 0)
        core_admin_stop(&p->core);
    if (p->core.acme)
        goes(p);
    fd_close(&p->control);
    buf_done(&p->json);
    core_names_done(&p->core.names);
    world_done(&p->w);
}

static bool play_init(struct play *p, const char *extra)
{
    struct log_conf quietly = {.role = "test", .sink = quiet};

    log_init(&quietly);
    *p = (struct play){.control = -1, .w.dir.fd = -1};
    buf_init(&p->json, 4 << 20);
    if (!world_start(&p->w, extra))
        return false;
    p->core = (struct core){.ev = p->w.ev,
                            .conf = p->w.conf,
                            .store = p->w.store,
                            .ca = p->w.ca,
                            .acme = p->w.acme,
                            .control = -1,
                            .admin_uid = geteuid()};
    list_init(&p->core.admins);
    p->env = (struct role_env){.role = ROLE_CORE, .ev = p->w.ev, .conf = p->w.conf};
    p->env.state = &p->core;
    return core_names_read(&p->core.names, p->w.conf) == RC_OK && admin_comes(p) == RC_OK;
}

#define BEGIN(p, extra)                                                                            \
    CLEANUP(play_done) struct play p = {.control = -1, .w.dir.fd = -1};                            \
    CHECK(play_init(&p, extra))

#define ONE "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define TWO "BAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

/* ---- vouching */

static void the_keepers_word_counts_until_it_goes(void)
{
    BEGIN(p, SITES);
    CHECK_OK(comes(&p, ROLE_KEEPER));
    CHECK(!p.w.acme->vouches);
    CHECK_OK(vouch(&p, ONE));
    CHECK(p.w.acme->vouches);
    CHECK_INT(p.w.acme->vouched.b[0], 0);
    CHECK_OK(vouch(&p, TWO));
    CHECK_INT(p.w.acme->vouched.b[0], 4);
    core_sites_keeper(&p.core, p.here); /* told again of the same */
    CHECK(p.w.acme->vouches);
    goes(&p);
    CHECK(!p.w.acme->vouches);
}

static void nonsense_is_refused_and_replaces_what_was(void)
{
    static const char *const bad[] = {"", "AAAA", ONE "*"};

    BEGIN(p, SITES);
    CHECK_OK(comes(&p, ROLE_KEEPER));
    for (size_t i = 0; i < 2; i++) {
        CHECK_OK(vouch(&p, ONE));
        CHECK(vouch(&p, bad[i]) != RC_OK);
        CHECK_STR(str_of(p.code), "core.vouch-thumbprint");
    }
    CHECK_RC(vouch(&p, bad[2]), RC_TOOBIG); /* by the message's table */
}

/* By ipc's table: the message does not even leave. */
static void nobody_else_can_say_it(void)
{
    static const enum role others[] = {ROLE_FRONT, ROLE_GATEWAY, ROLE_SIGNER, ROLE_PROBER,
                                       ROLE_RUNNER};

    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        BEGIN(p, SITES);
        CHECK_OK(comes(&p, others[i]));
        CHECK_RC(vouch(&p, ONE), RC_DENIED);
        CHECK(!p.w.acme->vouches);
    }
}

/* ---- sites */

#define NO_STAPLE "\"staple\":\"none\",\"staple_at\":null,\"staple_until\":null,\"directory\":null"

static void says_that_there_is_no_keeper(void)
{
    BEGIN(p, SITES);
    CHECK_OK(admin(&p, "site list", "{}"));
    CHECK_STR(
        buf_str(&p.json),
        "{\"keeper\":\"not running\",\"items\":["
        "{\"name\":\"pacs.hospital.example\",\"backends\":[\"http://10.0.3.9\"],"
        "\"profile\":\"default\",\"passes\":false,\"directory\":null,\"certificates\":["
        "{\"algorithm\":\"rsa\",\"state\":\"unknown\",\"serial\":null,\"not_after\":null,"
        "\"next_at\":null,\"failures\":0,\"reason\":null," NO_STAPLE "}]},"
        "{\"name\":\"wiki.hospital.example\",\"backends\":[\"http://10.0.3.7\","
        "\"http://"
        "10.0.3.8\"],\"profile\":\"default\",\"passes\":false,\"directory\":null,\"certificates\":["
        "{\"algorithm\":\"rsa\",\"state\":\"unknown\",\"serial\":null,\"not_after\":null,"
        "\"next_at\":null,\"failures\":0,\"reason\":null," NO_STAPLE "},"
        "{\"algorithm\":\"ecdsa\",\"state\":\"unknown\",\"serial\":null,\"not_after\":null,"
        "\"next_at\":null,\"failures\":0,\"reason\":null," NO_STAPLE "}]}],\"next\":null}");
    CHECK_RC(admin(&p, "site renew", "{\"name\":\"wiki.hospital.example\"}"), RC_CLOSED);
    CHECK_STR(str_of(p.code), "core.keeper-away");
}

static void no_sites_no_question(void)
{
    BEGIN(p, NULL);
    CHECK_OK(comes(&p, ROLE_KEEPER));
    CHECK_OK(admin(&p, "site list", "{}"));
    CHECK_STR(buf_str(&p.json), "{\"keeper\":\"running\",\"items\":[],\"next\":null}");
    CHECK_INT(p.asked, 0);
}

static void tells_what_the_keeper_says(void)
{
    BEGIN(p, SITES);
    CHECK_OK(comes(&p, ROLE_KEEPER));
    CHECK_OK(admin(&p, "site list", "{}"));
    CHECK(memmem(p.json.p, p.json.n, "\"keeper\":\"running\"", 18));
    CHECK(strstr(
        buf_z(&p.json),
        "{\"algorithm\":\"rsa\",\"state\":\"waiting\",\"serial\":null,\"not_after\":null,"
        "\"next_at\":\"2027-01-16T08:00:00Z\",\"failures\":3,\"reason\":\"no, later\"," NO_STAPLE
        "},"
        "{\"algorithm\":\"ecdsa\",\"state\":\"valid\",\"serial\":\"0A1B\","
        "\"not_after\":\"2027-04-15T08:00:00Z\",\"next_at\":\"2027-01-16T08:00:00Z\","
        "\"failures\":0,\"reason\":null,\"staple\":\"good\",\"staple_at\":"
        "\"2027-01-15T08:00:00Z\",\"staple_until\":\"2027-01-16T08:00:00Z\",\"directory\":null}]"));
}

/* A keeper that has not heard of the last reload, or worse. */
static void what_is_not_configured_is_not_shown(void)
{
    BEGIN(p, SITES);
    p.strange = true;
    CHECK_OK(comes(&p, ROLE_KEEPER));
    CHECK_OK(admin(&p, "site list", "{}"));
    CHECK(!strstr(buf_z(&p.json), "elsewhere"));
    CHECK(!strstr(buf_z(&p.json), "\"valid\""));
    CHECK(strstr(buf_z(&p.json), "\"unknown\""));
}

static void many_sites_come_in_pages(void)
{
    CLEANUP(buf_done) struct buf sites = BUF_INIT(1 << 20);
    size_t n = 0;

    buf_putz(&sites, "gateway:\n  sites:\n");
    for (int i = 0; i < MANY; i++)
        buf_printf(&sites, "    - {name: s%d.hospital.example, backends: [\"http://10.0.3.7\"]}\n",
                   i);
    BEGIN(p, buf_z(&sites));
    CHECK_OK(comes(&p, ROLE_KEEPER));
    CHECK_OK(admin(&p, "site list", "{}"));
    CHECK_INT(p.asked, 5);
    for (const char *at = buf_z(&p.json); (at = strstr(at, "\"0A1B\"")); at++)
        n++;
    CHECK_INT(n, 2 * MANY); /* of ECDSA and of SM2 */
    CHECK(!strstr(buf_z(&p.json), "\"unknown\""));
}

static void a_keeper_that_fails_is_an_error(void)
{
    BEGIN(p, SITES);
    p.refuses = true;
    CHECK_OK(comes(&p, ROLE_KEEPER));
    CHECK_RC(admin(&p, "site list", "{}"), RC_IO);
    CHECK_STR(str_of(p.code), "test.no");
    CHECK_RC(admin(&p, "site renew", "{\"name\":\"wiki.hospital.example\"}"), RC_IO);
}

static void a_keeper_that_dies_is_not_running(void)
{
    BEGIN(p, SITES);
    p.silent = true;
    CHECK_OK(comes(&p, ROLE_KEEPER));
    CHECK_OK(begin(&p, "site list", "{}"));
    world_spin(&p.w);
    CHECK_INT(p.asked, 1);
    CHECK(!p.answered);
    core_sites_keeper(&p.core, NULL);
    ipc_chan_free(MOVE(p.here));
    CHECK_OK(end(&p));
    CHECK(strstr(buf_z(&p.json), "\"keeper\":\"not running\""));
}

static void renews_one_that_there_is(void)
{
    BEGIN(p, SITES);
    CHECK_OK(comes(&p, ROLE_KEEPER));
    CHECK_OK(admin(&p, "site renew", "{\"name\":\"WIKI.hospital.example\"}"));
    CHECK_STR(buf_str(&p.json), "{\"name\":\"wiki.hospital.example\"}");
    CHECK_INT(p.renewals, 1);
    CHECK_RC(admin(&p, "site renew", "{\"name\":\"mail.hospital.example\"}"), RC_NOTFOUND);
    CHECK_STR(str_of(p.code), "core.site-unknown");
    CHECK_RC(admin(&p, "site renew", "{\"name\":\"not a name\"}"), RC_NOTFOUND);
    CHECK_RC(admin(&p, "site renew", "{}"), RC_INVAL);
    CHECK_STR(str_of(p.code), "core.site-name");
    CHECK_INT(p.renewals, 1);
}

/* ---- the API's own certificate */

static enum rc api_cert(struct play *p)
{
    CLEANUP(crypto_key_unrefp) struct crypto_key *key = NULL;
    CLEANUP(buf_done) struct buf csr = BUF_INIT(X509_CSR_MAX);
    struct str name = STR("localhost");
    struct x509_csr_in in = {.dns = &name, .n_dns = 1};

    TRY(crypto_key_generate((struct crypto_key_spec){CRYPTO_KEY_P256, 0}, &key));
    in.key = key;
    TRY(x509_csr_build(&in, &csr, NULL));
    return ask(p, IPC_API_CERT, &(struct ipc_api_cert){buf_str(&csr)}, note);
}

/* No rule allows anybody anything here; and each renewal is the same thing as before. */
static void no_rule_reaches_the_apis_certificate(void)
{
    static const char config[] = "organization: Example Hospital\n"
                                 "country: DE\n"
                                 "domain: hospital.example\n";
    CLEANUP(arena_done) struct arena a = ARENA_INIT(1 << 20);
    struct store_certificate_filter all = {.sort = STORE_CERTIFICATE_BY_ISSUED_NEWEST};
    struct store_certificate *list;
    struct store_cursor at = {0};
    size_t n;

    BEGIN(p, NULL);
    CHECK(world_reload(&p.w, config));
    p.core.conf = p.w.conf;
    CHECK_OK(comes(&p, ROLE_FRONT));
    CHECK_OK(api_cert(&p));
    clock_fake_advance(&p.w.clock, 60 * WHEN_DAY);
    CHECK_OK(api_cert(&p));
    CHECK_OK(store_certificate_list(store_read(p.w.store), &a, &all, &at, &list, &n));
    CHECK_INT(n, 2);
    for (size_t i = 0; i < n; i++) {
        CHECK_STR(list[i].origin, "system");
        CHECK_STR(id_str(&list[i].account), "");
        CHECK_STR(id_str(&list[i].order), "");
        CHECK(str_eq(id_str(&list[i].logical), id_str(&list[0].logical)));
    }
    CHECK(str_eq(id_str(&list[0].replaces), id_str(&list[1].id)));
    CHECK_STR(id_str(&list[1].replaces), "");
}

/* ---- the second person */

/* 1 when it does, and says so with these words (NULL: not asked); 0 when not; else -1. */
static int takes_two(struct play *p, const char *change, const char *what)
{
    CLEANUP(json_freep) struct json_doc *doc = NULL;
    CLEANUP(arena_done) struct arena a = ARENA_INIT(64 * 1024);
    struct core_approval approval;

    if (json_parse(str_of(change), 4096, &doc, NULL) != RC_OK ||
        core_approval_begin(&p->core, (struct core_who){0, CORE_NO_LOGIN}, json_root(doc), &a,
                            &approval) != RC_OK)
        return -1;
    if (!approval.needed)
        return 0;
    return !what || str_eq(approval.what, str_of(what)) ? 1 : -1;
}

#define NEW_RSA "\"issuers\":[{\"ref\":\"rsa-2\",\"parent\":\"root-rsa\"}]"
#define OLD_RSA "\"retire\":[{\"ref\":\"rsa-1\"}]"
#define BAD_RSA "\"revoke\":[{\"ref\":\"rsa-1\"}]"

/* What is listed cannot come along with what is not. */
static void each_part_of_a_change_counts(void)
{
    CLEANUP(play_done) struct play p = {.control = -1, .w.dir.fd = -1};

    CHECK(play_init(&p, "control: {two_persons: [issuer.create], people: [a, b]}\n"));
    CHECK_INT(takes_two(&p, "{" NEW_RSA "}", "issuer.create: new rsa-2 under root-rsa"), 1);
    CHECK_INT(takes_two(&p, "{" NEW_RSA "," BAD_RSA "}",
                        "issuer.create: new rsa-2 under root-rsa; revoke rsa-1"),
              1);
    CHECK_INT(takes_two(&p, "{\"crosses\":[{\"subject\":\"root-rsa-2\"}]," OLD_RSA "}", NULL), 1);
    CHECK_INT(takes_two(&p, "{}", NULL), 1);
    CHECK_INT(takes_two(&p, "{" NEW_RSA "," OLD_RSA "}", NULL), 0);
    CHECK_INT(takes_two(&p, "{" BAD_RSA "}", NULL), 0);
    /* Nothing is read of a root's parent, so nothing is said of it. */
    CHECK_INT(takes_two(&p, "{\"issuers\":[{\"ref\":\"root-rsa-2\",\"parent\":\"x; revoke y\"}]}",
                        "issuer.create: new root-rsa-2"),
              1);
}

static void a_rotation_counts_beside_a_revocation(void)
{
    CLEANUP(play_done) struct play p = {.control = -1, .w.dir.fd = -1};

    CHECK(play_init(&p, "control: {two_persons: [issuer.rotate], people: [a, b]}\n"));
    CHECK_INT(takes_two(&p, "{" NEW_RSA "," OLD_RSA "," BAD_RSA "}", NULL), 1);
    CHECK_INT(takes_two(&p, "{" NEW_RSA "}", NULL), 0);
}

static enum rc add_texts(struct store_txn *txn, void *)
{
    char uuid[STORE_TXT_UUID + 1];

    for (unsigned i = 0; i <= STORE_TXT_PAGE; i++) {
        struct store_txt t = {.created = WHEN_SECOND, .allow = STR("10.0.0.0/8 ::1")};

        snprintf(uuid, sizeof(uuid), "n%u", i);
        t.subdomain = t.username = str_of(uuid);
        TRY(store_txt_add(txn, &t, STORE_TXT_PAGE + 1));
    }
    return store_txt_present(txn, STR("n0"), STR("value"), WHEN_SECOND);
}

static void written(enum rc rc, void *arg)
{
    ((struct play *)arg)->rc = rc;
}

static bool has(const struct play *p, const char *words)
{
    return strstr(p->json.p, words) != NULL;
}

static void accounts_of_texts(void)
{
    BEGIN(p, "txt: {zone: acme.hospital.example}\n");
    p.rc = RC_COUNT;
    CHECK_OK(store_write(p.w.store, add_texts, written, &p));
    for (int k = 0; k < 100 && p.rc == RC_COUNT; k++)
        world_spin(&p.w);
    CHECK_OK(p.rc);
    CHECK_OK(admin(&p, "txt list", "{\"limit\":256}"));
    CHECK(has(&p, "{\"name\":\"n0\",\"fulldomain\":\"n0.acme.hospital.example\","
                  "\"allow\":[\"10.0.0.0/8\",\"::1\"],\"values\":[\"value\"],"));
    CHECK(has(&p, "\"next\":\"256\""));
    CHECK_OK(admin(&p, "txt list", "{\"cursor\":\"256\"}"));
    CHECK(has(&p, "{\"items\":[{\"name\":\"n256\","));
    CHECK(has(&p, "\"next\":null"));
    CHECK_RC(admin(&p, "txt list", "{\"cursor\":\"x\"}"), RC_INVAL);
    CHECK_OK(admin(&p, "txt remove", "{\"name\":\"n0\",\"dry_run\":true}"));
    CHECK_OK(admin(&p, "txt remove", "{\"name\":\"n0.acme.hospital.example\"}"));
    CHECK_RC(admin(&p, "txt remove", "{\"name\":\"n0\"}"), RC_NOTFOUND);
    CHECK_RC(admin(&p, "txt remove", "{\"name\":\"n1.elsewhere.example\"}"), RC_NOTFOUND);
    CHECK_RC(admin(&p, "txt remove", "{}"), RC_NOTFOUND);
    CHECK_OK(admin(&p, "txt list", "{}"));
    CHECK(has(&p, "{\"items\":[{\"name\":\"n1\","));
}

/* ---- what the audit log has of records and certificates elsewhere */

static size_t events(const struct play *p, const char *action, const char *words)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(4 << 20);
    struct store_event_filter filter = {.action = str_of(action)};
    struct store_event *list;
    size_t n = 0, found = 0;

    if (store_event_list(store_read(p->w.store), &a, &filter, &list, &n) != RC_OK)
        return 0;
    for (size_t i = 0; i < n; i++)
        found += memmem(list[i].bytes.p, list[i].bytes.n, words, strlen(words)) != NULL;
    return found;
}

static void records_of_sites_are_in_the_trail(void)
{
    struct ipc_changed m = {.site = STR("wiki.hospital.example"),
                            .zone = STR("hospital.example"),
                            .name = STR("_acme-challenge.wiki.hospital.example"),
                            .server = STR("10.0.0.53:53"),
                            .at = INT64_C(1795199040000000)};

    BEGIN(p, SITES);
    CHECK_OK(comes(&p, ROLE_EMISSARY));
    CHECK_OK(ask(&p, IPC_CHANGED, &m, note));
    CHECK_INT(events(&p, "site.record-added",
                     "{\"at\":\"2026-11-20T18:24:00Z\","
                     "\"record\":\"_acme-challenge.wiki.hospital.example\","
                     "\"server\":\"10.0.0.53:53\",\"zone\":\"hospital.example\"}"),
              1);
    CHECK_INT(events(&p, "site.record-added", "\"wiki.hospital.example\""), 1);
    m.removed = true;
    CHECK_OK(ask(&p, IPC_CHANGED, &m, note));
    CHECK_INT(events(&p, "site.record-removed", "hospital.example"), 1);
    m.reason = STR("it refuses");
    CHECK_OK(ask(&p, IPC_CHANGED, &m, note));
    CHECK_INT(events(&p, "site.record-failed", "\"change\":\"removed\""), 1);
    CHECK_INT(events(&p, "site.record-failed", "\"problem\":\"it refuses\""), 1);
    m.reason = STR("zone \xe5\x8c\xbb\n\x1b[2Jis\0gone\x7f");
    CHECK_OK(ask(&p, IPC_CHANGED, &m, note));
    CHECK_INT(events(&p, "site.record-failed", "\"problem\":\"zone ?????[2Jis?gone?\""), 1);
    m.site = STR("wiki\nhospital");
    CHECK_RC(ask(&p, IPC_CHANGED, &m, note), RC_INVAL);
    CHECK_INT(events(&p, "site.record-failed", ""), 2);
}

static void certificates_elsewhere_are_in_the_trail(void)
{
    struct ipc_public m = {.what = IPC_PUBLIC_FAILED,
                           .site = STR("wiki.hospital.example"),
                           .algorithm = CONF_KEY_RSA,
                           .directory = STR("https://ca.example/dir"),
                           .reason = STR("it is busy"),
                           .failures = 3};

    BEGIN(p, SITES);
    CHECK_OK(comes(&p, ROLE_KEEPER));
    CHECK_OK(ask(&p, IPC_PUBLIC, &m, note));
    CHECK_INT(events(&p, "site.certificate-failed", "\"failures\":3,\"problem\":\"it is busy\""),
              1);
    m.reason = STR("caf\xc3\xa9");
    CHECK_OK(ask(&p, IPC_PUBLIC, &m, note));
    CHECK_INT(events(&p, "site.certificate-failed", "\"problem\":\"caf??\""), 1);
    m.site = STR("\1");
    CHECK_RC(ask(&p, IPC_PUBLIC, &m, note), RC_INVAL);
}

CHECK_MAIN(CHECK_TEST_ONCE(records_of_sites_are_in_the_trail),
           CHECK_TEST_ONCE(certificates_elsewhere_are_in_the_trail),
           CHECK_TEST_ONCE(accounts_of_texts), CHECK_TEST_ONCE(each_part_of_a_change_counts),
           CHECK_TEST_ONCE(a_rotation_counts_beside_a_revocation),
           CHECK_TEST_ONCE(the_keepers_word_counts_until_it_goes),
           CHECK_TEST_ONCE(nonsense_is_refused_and_replaces_what_was),
           CHECK_TEST_ONCE(nobody_else_can_say_it), CHECK_TEST_ONCE(says_that_there_is_no_keeper),
           CHECK_TEST_ONCE(no_sites_no_question), CHECK_TEST_ONCE(tells_what_the_keeper_says),
           CHECK_TEST_ONCE(what_is_not_configured_is_not_shown),
           CHECK_TEST_ONCE(many_sites_come_in_pages),
           CHECK_TEST_ONCE(a_keeper_that_fails_is_an_error),
           CHECK_TEST_ONCE(a_keeper_that_dies_is_not_running),
           CHECK_TEST_ONCE(renews_one_that_there_is),
           CHECK_TEST_ONCE(no_rule_reaches_the_apis_certificate))
