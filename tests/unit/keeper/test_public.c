/* SPDX-License-Identifier: Apache-2.0 */
#include "world.h"

#include "base/text.h"
#include "crypto/hash.h"
#include "json/json.h"

#define FIRST ACME_FAKE "/directory"
#define SECOND ACME_FAKE "/second/directory"
#define SITE "wiki.hospital.example"

/* Front, and an emissary that reaches one server under both URLs. */
struct outside {
    struct world *w;
    struct acme_fake fake;
    struct ipc_chan *here, *there, *front_here, *front_there;
    struct conf_directory directories[2];
    bool first_ails, first_hangs;
    unsigned fetched, shown, hidden;
};

struct fetch {
    struct ipc_req *req;
    char url[512];
};

static void on_answer(void *arg, const struct client_answer *a)
{
    struct fetch *f = arg;
    struct ipc_fetched reply = {.status = (uint32_t)a->status,
                                .nonce = a->nonce,
                                .location = a->location,
                                .retry_after = a->retry_after,
                                .content_type = a->content_type,
                                .body = a->body};

    if (a->rc == RC_OK)
        IGNORE_RC(ipc_reply(f->req, &reply));
    else
        ipc_reply_err(f->req, a->err ? a->err : &(struct err){.rc = a->rc});
    mem_free(f);
}

static void drop(void *req)
{
    ipc_req_drop(req);
}

static void on_fetch(void *arg, struct ipc_req *req, const void *msg, int)
{
    struct outside *o = arg;
    const struct ipc_fetch *m = msg;
    struct fetch *f = MEM_NEW(struct fetch);
    struct ipc_fetched ill = {.status = 503};
    struct client_exchange *x;
    struct client_ask ask = {.accept = m->accept,
                             .content_type = m->content_type,
                             .body = m->body,
                             .max_body = m->max_body,
                             .timeout = m->timeout};

    o->fetched++;
    if (o->first_hangs && str_eq(m->directory, STR(FIRST))) {
        mem_free(f);
        ipc_req_on_cancel(req, drop, req);
        return;
    }
    if (!f || (o->first_ails && str_eq(m->directory, STR(FIRST)))) {
        mem_free(f);
        IGNORE_RC(ipc_reply(req, &ill));
        return;
    }
    f->req = req;
    ask.method = str_eq(m->method, STR("POST"))   ? "POST"
                 : str_eq(m->method, STR("HEAD")) ? "HEAD"
                                                  : "GET";
    IGNORE_RC(str_copyz(str_eq(m->url, STR(SECOND)) ? STR(FIRST) : m->url, f->url, sizeof(f->url)));
    ask.url = str_of(f->url);
    if (client_transport_send(&o->fake.transport, &ask, on_answer, f, &x) != RC_OK) {
        mem_free(f);
        ipc_req_drop(req);
    }
}

static void on_proof(void *arg, struct ipc_req *req, const void *msg, int)
{
    struct outside *o = arg;
    const struct ipc_proof *m = msg;

    if (str_eq(m->site, STR(SITE)) && m->challenge == CONF_SITE_HTTP_01 &&
        str_starts(m->key_authorization, m->token)) {
        o->shown += m->shown;
        o->hidden += !m->shown;
    }
    IGNORE_RC(ipc_reply(req, NULL));
}

static enum rc join(struct outside *o, enum role role, const struct ipc_handler *handlers, size_t n,
                    struct ipc_chan **here, struct ipc_chan **there)
{
    struct ipc_chan_conf keeper = {ROLE_KEEPER, role, NULL, 0, on_close, o->w->env};
    struct ipc_chan_conf peer = {role, ROLE_KEEPER, handlers, n, on_close, o};
    int fds[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0)
        return RC_IO;
    TRY(ipc_chan_new(o->w->env->ev, fds[0], &keeper, here));
    TRY(ipc_chan_new(o->w->env->ev, fds[1], &peer, there));
    role_keeper.peer(o->w->env, role, *here);
    return RC_OK;
}

static enum rc outside_comes(struct outside *o)
{
    static const struct ipc_handler emissary[] = {{IPC_FETCH, on_fetch}, {IPC_RECORD, on_proof}};
    static const struct ipc_handler front[] = {{IPC_PLAIN_PROOF, on_proof}};

    TRY(join(o, ROLE_FRONT, front, 1, &o->front_here, &o->front_there));
    return join(o, ROLE_EMISSARY, emissary, 2, &o->here, &o->there);
}

static void outside_goes(struct outside *o)
{
    if (o->w->running) {
        role_keeper.peer(o->w->env, ROLE_FRONT, NULL);
        role_keeper.peer(o->w->env, ROLE_EMISSARY, NULL);
    }
    ipc_chan_free(MOVE(o->here));
    ipc_chan_free(MOVE(o->there));
    ipc_chan_free(MOVE(o->front_here));
    ipc_chan_free(MOVE(o->front_there));
}

static void outside_done(struct outside *o)
{
    outside_goes(o);
    keeper_ends(o->w);
    acme_fake_done(&o->fake);
}

static enum rc outside_init(struct outside *o, struct world *w)
{
    o->w = w;
    if (!acme_fake_start(&o->fake, w->env->ev))
        return RC_NOMEM;
    o->fake.now = NOW;
    o->fake.life = LIFE;
    o->fake.authorization = "pending";
    o->fake.proves = true;
    o->fake.cert = FAKE_OTHER_ROOT;
    o->directories[0] = (struct conf_directory){.url = STR(FIRST), .terms = true};
    o->directories[1] = (struct conf_directory){.url = STR(SECOND), .terms = true};
    w->conf[0].gateway.others.directories = o->directories;
    w->conf[0].gateway.others.n_directories = 2;
    w->conf[0].gateway.n_sites = 1;
    w->sites[0].directory = STR(FIRST);
    TRY(keeper_starts_with_all(w));
    pass(w, 3 * WHEN_SECOND, WHEN_SECOND);
    return RC_OK;
}

#define BEGIN_OUTSIDE(w, o)                                                                        \
    BEGIN(w);                                                                                      \
    CLEANUP(outside_done) struct outside o = {};                                                   \
    CHECK_OK(outside_init(&o, &w))

/* Of the first one. */
static enum rc path_of_account(char out[static 128])
{
    CLEANUP(buf_done) struct buf hex = BUF_INIT(64);
    unsigned char digest[CRYPTO_SHA256_BYTES];

    TRY(crypto_sha256(STR(FIRST), digest));
    text_hex(&hex, str_bytes(digest, sizeof(digest) / 2));
    snprintf(out, 128, "keeper/accounts/%s.pem", buf_z(&hex));
    return RC_OK;
}

static const char *told(struct world *w)
{
    return ask_sites(w, 0, 9) == RC_OK ? buf_z(&w->told) : "no answer";
}

static uint64_t failures_on_disk(struct world *w)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(1 << 16);
    CLEANUP(json_freep) struct json_doc *doc = NULL;
    uint64_t n = 0;

    if (file_read(w->dir.fd, "keeper/" SITE "/ecdsa.json", &text, NULL) != RC_OK ||
        json_parse(buf_str(&text), 1 << 16, &doc, NULL) != RC_OK)
        return UINT64_MAX;
    IGNORE_RC(json_u64(json_get(json_root(doc), "public_failures"), &n));
    return n;
}

static void is_replaced(void)
{
    BEGIN_OUTSIDE(w, o);
    CHECK_INT(w.fake.n_orders, 1); /* ours, and nobody carries anything outside */
    CHECK_STR(str_of(told(&w)), SITE " 1 meanwhile 0 serial;");
    CHECK_OK(outside_comes(&o));
    pass(&w, 10 * WHEN_SECOND, WHEN_SECOND);
    CHECK_INT(o.fake.n_orders, 1);
    CHECK_INT(o.fake.refused, 0);
    CHECK(o.shown > 0 && o.shown == o.hidden);
    CHECK_INT(w.workers[0].proofs, 1);
    CHECK_STR(str_of(told(&w)), SITE " 1 valid 0 serial;");
    CHECK_STR(str_of(slot_of(&w, SITE)->directory), FIRST);
    CHECK_INT(count(&w.workers[0].seen, SITE " 1;"), 2);
    CHECK_INT(w.workers[0].wrong, 0);
    CHECK_INT(w.fake.n_orders, 1);

    /* A keeper that comes after it has it, and orders nothing. */
    outside_goes(&o);
    keeper_ends(&w);
    CHECK_OK(keeper_starts_with_all(&w));
    CHECK_OK(outside_comes(&o));
    pass(&w, 10 * WHEN_SECOND, WHEN_SECOND);
    CHECK_STR(str_of(told(&w)), SITE " 1 valid 0 serial;");
    CHECK_INT(o.fake.n_orders + w.fake.n_orders, 2);

    /* Without `directory` it is one of ours again. */
    outside_goes(&o);
    keeper_ends(&w);
    w.sites[0].directory = STR("");
    CHECK_OK(keeper_starts_with_all(&w));
    pass(&w, 5 * WHEN_SECOND, WHEN_SECOND);
    CHECK(!slot_of(&w, SITE)->directory);
    CHECK_INT(w.fake.n_orders, 2);
}

/* Whoever dies in the middle, and is started anew, waits as after a failure. */
static void is_a_failure_until_it_is_none(void)
{
    BEGIN_OUTSIDE(w, o);
    o.fake.silent = true;
    CHECK_OK(outside_comes(&o));
    pass(&w, 2 * WHEN_SECOND, WHEN_SECOND);
    CHECK(o.fetched > 0);
    CHECK_INT(slot_of(&w, SITE)->public.failures, 0);
    CHECK_INT(failures_on_disk(&w), 1);
    outside_goes(&o);
    keeper_ends(&w);
    CHECK_OK(keeper_starts_with_all(&w));
    CHECK_OK(outside_comes(&o));
    o.fetched = 0;
    pass(&w, 40 * WHEN_SECOND, 10 * WHEN_SECOND);
    CHECK_INT(o.fetched, 0);
    CHECK_INT(failures_on_disk(&w), 1);
    pass(&w, 60 * WHEN_SECOND, 10 * WHEN_SECOND);
    CHECK(o.fetched > 0);
    CHECK_INT(failures_on_disk(&w), 2);
    o.fake.silent = false;
    pass(&w, 20 * WHEN_MINUTE, 10 * WHEN_SECOND);
    CHECK_STR(str_of(slot_of(&w, SITE)->directory), FIRST);
    CHECK_INT(failures_on_disk(&w), 0);
}

static void falls_back_to_the_second(void)
{
    BEGIN_OUTSIDE(w, o);
    w.sites[0].fallback = STR(SECOND);
    outside_goes(&o);
    keeper_ends(&w);
    o.first_ails = true;
    CHECK_OK(keeper_starts_with_all(&w));
    CHECK_OK(outside_comes(&o));
    pass(&w, 120 * WHEN_SECOND, WHEN_SECOND);
    CHECK_STR(str_of(slot_of(&w, SITE)->directory), SECOND);
    CHECK_STR(str_of(told(&w)), SITE " 1 valid 0 serial;");
}

static void keeps_ours_when_what_comes_is_wrong(void)
{
    BEGIN_OUTSIDE(w, o);
    o.fake.cert = FAKE_OTHER_KEY;
    CHECK_OK(outside_comes(&o));
    pass(&w, 10 * WHEN_SECOND, WHEN_SECOND);
    CHECK_STR(str_of(told(&w)),
              SITE " 1 meanwhile 1 serial the certificate is for another key than "
                   "the one it was asked for;");
    CHECK(!slot_of(&w, SITE)->directory);
    CHECK_INT(o.fake.n_orders, 1);
}

/* A chain that no worker can be handed, one that OpenSSL would not show, one that ends at once:
 * ours goes on serving, and the next attempt waits. */
static void keeps_ours_when_what_comes_is_of_no_use(void)
{
    static const struct {
        enum acme_fake_cert cert;
        when_t to;
        const char *why;
    } cases[] = {
        {FAKE_BIG, 0, "has more than 64 KiB"},
        {FAKE_ODD_SIGNATURE, 0, "certificate 2 of the chain is signed"},
        {FAKE_OTHER_ROOT, NOW + WHEN_HOUR, "which is too soon"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        BEGIN_OUTSIDE(w, o);
        o.fake.cert = cases[i].cert;
        o.fake.other_to = cases[i].to;
        CHECK_OK(outside_comes(&o));
        pass(&w, 20 * WHEN_SECOND, WHEN_SECOND);
        CHECK(strstr(told(&w), SITE " 1 meanwhile 1 serial"));
        if (!strstr(told(&w), cases[i].why))
            fail_msg("case %zu: %s", i, told(&w));
        CHECK(!slot_of(&w, SITE)->directory);
        CHECK_INT(o.fake.n_orders, 1);
    }
}

/* Nor does a CA get endless orders by the times of what it issues. */
static void waits_between_certificates(void)
{
    unsigned before;
    BEGIN_OUTSIDE(w, o);

    o.fake.other_from = WHEN_DAY;
    CHECK_OK(outside_comes(&o));
    pass(&w, 10 * WHEN_SECOND, WHEN_SECOND);
    CHECK_STR(str_of(slot_of(&w, SITE)->directory), FIRST);
    CHECK_INT(o.fake.n_orders, 1);
    pass(&w, 5 * WHEN_HOUR, 10 * WHEN_MINUTE);
    CHECK_INT(o.fake.n_orders, 1);
    outside_goes(&o); /* nor by a keeper that comes after it */
    keeper_ends(&w);
    CHECK_OK(keeper_starts_with_all(&w));
    CHECK_OK(outside_comes(&o));
    pass(&w, 10 * WHEN_SECOND, WHEN_SECOND);
    CHECK_INT(o.fake.n_orders, 1);
    CHECK_OK(ask_renew(&w, SITE)); /* a person may */
    pass(&w, 10 * WHEN_SECOND, WHEN_SECOND);
    CHECK_INT(o.fake.n_orders, 2);
    before = o.fake.n_orders;
    pass(&w, 2 * WHEN_DAY, 10 * WHEN_MINUTE);
    CHECK(o.fake.n_orders > before && o.fake.n_orders <= before + 8);
}

static enum rc restart(struct outside *o)
{
    outside_goes(o);
    keeper_ends(o->w);
    TRY(keeper_starts_with_all(o->w));
    TRY(outside_comes(o));
    pass(o->w, 5 * WHEN_SECOND, WHEN_SECOND);
    return RC_OK;
}

static enum rc reload(struct world *w)
{
    struct conf *next = w->env->conf == &w->conf[0] ? &w->conf[1] : &w->conf[0];

    *next = *w->env->conf;
    TRY(role_keeper.prepare(w->env, next, NULL));
    w->env->conf = next;
    role_keeper.commit(w->env);
    pass(w, 5 * WHEN_SECOND, WHEN_SECOND);
    return RC_OK;
}

static enum rc spoil(struct world *w, const char *path)
{
    return file_write(w->dir.fd, path, STR("?"), 0600, FILE_OWNER_SELF, NULL);
}

/* What is wrong with the files of one CA stops that one, and nothing else. */
static void one_ca_that_cannot_be_used(void)
{
    char account[128];
    BEGIN_OUTSIDE(w, o);

    w.conf[0].gateway.n_sites = 2;
    o.directories[0].eab_kid = STR("kid");
    o.directories[0].eab_key_file = STR("/none/such.key");
    CHECK_OK(restart(&o));
    CHECK_INT(o.fetched, 0);
    CHECK(strstr(told(&w), SITE " 1 meanwhile 1 serial the file /none/such.key holds no key"));
    CHECK(strstr(told(&w), "lab.hospital.example 1 valid 0 serial;"));

    o.directories[0].eab_kid = o.directories[0].eab_key_file = STR("");
    CHECK_OK(path_of_account(account));
    CHECK_OK(spoil(&w, account));
    CHECK_OK(restart(&o));
    CHECK_OK(ask_renew(&w, SITE));
    pass(&w, 5 * WHEN_SECOND, WHEN_SECOND);
    CHECK_INT(o.fetched, 0);
    CHECK(strstr(told(&w), "cannot be used"));
    CHECK(strstr(told(&w), "lab.hospital.example 1 valid 0 serial;"));

    /* The fallback is asked, for this one has another account. */
    w.sites[0].fallback = STR(SECOND);
    CHECK_OK(reload(&w));
    CHECK_OK(ask_renew(&w, SITE));
    pass(&w, 10 * WHEN_SECOND, WHEN_SECOND);
    CHECK_STR(str_of(slot_of(&w, SITE)->directory), SECOND);

    /* Mended, and taken at the next change of the configuration. */
    CHECK_INT(unlinkat(w.dir.fd, account, 0), 0);
    crypto_key_unref(MOVE(o.fake.account)); /* the server knows one alone */
    CHECK_OK(reload(&w));
    CHECK_OK(ask_renew(&w, SITE));
    pass(&w, 10 * WHEN_SECOND, WHEN_SECOND);
    CHECK_STR(str_of(slot_of(&w, SITE)->directory), FIRST);
}

/* What became of attempts at a CA goes with it. */
static void leaves_no_trouble_behind(void)
{
    BEGIN_OUTSIDE(w, o);

    o.first_ails = true;
    CHECK_OK(outside_comes(&o));
    pass(&w, 2 * WHEN_MINUTE, WHEN_SECOND);
    CHECK(slot_of(&w, SITE)->public.failures > 0);
    CHECK(strstr(told(&w), SITE " 1 meanwhile "));
    while (slot_of(&w, SITE)->at)
        pass(&w, WHEN_SECOND, WHEN_SECOND);
    w.sites[0].directory = STR("");
    CHECK_OK(reload(&w));
    CHECK_STR(str_of(told(&w)), SITE " 1 valid 0 serial;");

    /* Neither when it goes while it is asked, ... */
    w.sites[0].directory = STR(FIRST);
    CHECK_OK(reload(&w));
    CHECK(slot_of(&w, SITE)->at);
    w.sites[0].directory = STR("");
    CHECK_OK(reload(&w));
    pass(&w, 2 * WHEN_MINUTE, WHEN_SECOND);
    CHECK(!slot_of(&w, SITE)->at);
    CHECK_STR(str_of(told(&w)), SITE " 1 valid 0 serial;");

    /* ... nor by what is on disk. */
    w.sites[0].directory = STR(FIRST);
    CHECK_OK(reload(&w));
    CHECK(failures_on_disk(&w) > 0);
    w.sites[0].directory = STR("");
    CHECK_OK(restart(&o));
    CHECK_STR(str_of(told(&w)), SITE " 1 valid 0 serial;");
}

/* Runs under way at that CA. */
static unsigned runs_at(struct world *w, const char *directory)
{
    unsigned n = 0;

    LIST_FOREACH (it, &((struct keeper *)w->env->state)->slots) {
        const struct keeper_slot *slot = LIST_ENTRY(it, struct keeper_slot, link);

        n += slot->at && strcmp(slot->at->url, directory) == 0;
    }
    return n;
}

/* One that hangs has two of the places, and one order for a site. */
static void one_ca_that_hangs(void)
{
    static const char *const names[] = {SITE, "b.hospital.example", "c.hospital.example",
                                        "d.hospital.example", "e.hospital.example"};
    BEGIN_OUTSIDE(w, o);

    for (size_t i = 0; i < 5; i++) {
        set_site(&w, i, names[i], 1u << CONF_KEY_ECDSA);
        w.sites[i].directory = i < 4 ? STR(FIRST) : STR(SECOND);
        w.sites[i].challenge = i == 1 ? CONF_SITE_TLS_ALPN_01 : CONF_SITE_HTTP_01;
    }
    w.conf[0].gateway.n_sites = 5;
    outside_goes(&o);
    keeper_ends(&w);
    o.first_hangs = true;
    o.fake.identifier = names[4];
    CHECK_OK(keeper_starts_with_all(&w));
    CHECK_OK(outside_comes(&o));
    pass(&w, 20 * WHEN_SECOND, WHEN_SECOND);
    CHECK_INT(runs_at(&w, FIRST), KEEPER_PUBLIC_EACH_MAX);
    CHECK_STR(str_of(slot_of(&w, names[4])->directory), SECOND);

    set_site(&w, 0, SITE, 1u << CONF_KEY_ECDSA | 1u << CONF_KEY_RSA);
    w.sites[0].directory = STR(FIRST);
    w.conf[0].gateway.n_sites = 1;
    CHECK_OK(restart(&o));
    CHECK_OK(ask_renew(&w, SITE)); /* the pauses that are on disk */
    pass(&w, 20 * WHEN_SECOND, WHEN_SECOND);
    CHECK_INT(runs_at(&w, FIRST), 1);
}

static void on_presented(void *arg, enum rc rc, const struct err *)
{
    *(enum rc *)arg = rc;
}

/* Nothing is shown for a site that has no order at that CA. */
static void shows_nothing_for_others(void)
{
    const struct client_proof proof = {.type = STR("http-01"),
                                       .identifier_type = STR("dns"),
                                       .identifier = STR(SITE),
                                       .token = STR("t"),
                                       .key_authorization = STR("t.x")};
    const struct keeper_ca *ca;
    enum rc rc = RC_COUNT;
    BEGIN_OUTSIDE(w, o);

    CHECK_OK(outside_comes(&o));
    pass(&w, 10 * WHEN_SECOND, WHEN_SECOND);
    o.shown = 0;
    ca = slot_of(&w, SITE)->first;
    CHECK(ca && !slot_of(&w, SITE)->at);
    ca->solver.present(ca->solver.arg, &proof, on_presented, &rc);
    turn(&w);
    CHECK_RC(rc, RC_DENIED);
    CHECK_INT(o.shown, 0);
}

static void has_ours_again_before_it_ends(void)
{
    BEGIN_OUTSIDE(w, o);
    CHECK_OK(outside_comes(&o));
    pass(&w, 10 * WHEN_SECOND, WHEN_SECOND);
    CHECK_STR(str_of(slot_of(&w, SITE)->directory), FIRST);
    o.first_ails = true;
    w.fake.now = NOW + LIFE - 2 * WHEN_DAY;
    pass(&w, LIFE - WHEN_DAY - 2 * WHEN_HOUR, 2 * WHEN_HOUR); /* the fake's begin a day ago */
    CHECK_STR(str_of(slot_of(&w, SITE)->directory), FIRST);
    pass(&w, 2 * WHEN_HOUR, 10 * WHEN_MINUTE);
    CHECK(!slot_of(&w, SITE)->directory);
    CHECK(slot_of(&w, SITE)->public.failures > 5);
}

CHECK_MAIN(CHECK_TEST_ONCE(is_replaced), CHECK_TEST_ONCE(is_a_failure_until_it_is_none),
           CHECK_TEST_ONCE(falls_back_to_the_second),
           CHECK_TEST_ONCE(keeps_ours_when_what_comes_is_wrong),
           CHECK_TEST_ONCE(keeps_ours_when_what_comes_is_of_no_use),
           CHECK_TEST_ONCE(waits_between_certificates), CHECK_TEST_ONCE(one_ca_that_cannot_be_used),
           CHECK_TEST_ONCE(leaves_no_trouble_behind), CHECK_TEST_ONCE(one_ca_that_hangs),
           CHECK_TEST_ONCE(shows_nothing_for_others),
           CHECK_TEST_ONCE(has_ours_again_before_it_ends))
