/* SPDX-License-Identifier: Apache-2.0 */
#include "prove/prove.h"

#include <fcntl.h>
#include <stdio.h>

#include "base/file.h"
#include "base/when.h"
#include "ev/clock.h"
#include "ev/ev.h"
#include "net/lookup.h"
#include "prove/compare.h"
#include "prove/probe.h"
#include "x509/cert.h"

MSG(msg_sm2, "prove.sm2",
    "certificates of SM2 are served by TLCP: name the place as tlcp:HOST:PORT, or tlcp:PORT");
MSG(msg_tlcp, "prove.tlcp",
    "tlcp:{0}:{1} is a place for certificates of SM2, and this one has another key: name it as "
    "tls:HOST:PORT");
MSG(msg_beside, "prove.pair-file",
    "the other certificate of the pair cannot be read: {0}; --pair names the directory that "
    "`autarky obtain --out` has for it");
MSG(msg_lookup, "prove.lookup", "{0} cannot be looked up: {1}");
MSG(msg_many, "prove.addresses", "{0} has more than {1} addresses");
MSG(msg_one, "prove.failed", "{0}: {1}");
MSG(msg_more, "prove.failed-several", "{0}: {1}; and so, or likewise, at {2} more of {3} places");

enum { ARENA_BYTES = 4 << 20, WHY_MAX = 600, WHERE_MAX = 800, BESIDE_MAX = 256 * 1024 };

#define FIRST_PAUSE (WHEN_SECOND / 4)
#define MOST_PAUSE (4 * WHEN_SECOND)

/* One address that is asked for one name. */
struct place {
    struct prove *owner;
    const struct prove_ask *ask;
    struct addr_port to;
    struct prove_probe *probe;
    bool waits; /* for its turn in this round */
    bool good;
    char *why;
};

struct prove {
    struct prove_conf conf;
    enum tls_look_key key;
    struct arena arena;
    struct place *places;
    size_t n, running;
    bool *looked_up;  /* of each ask */
    char *lookup_why; /* of the first that could not be */
    const struct prove_ask *lookup_ask;
    size_t not_looked_up;
    struct ev_timer next;
    int64_t end, pause;
};

static int64_t now(const struct prove *p)
{
    return clock_mono(ev_clock(p->conf.ev));
}

void prove_free(struct prove *p)
{
    if (!p)
        return;
    ev_timer_stop(&p->next);
    for (size_t i = 0; i < p->n; i++)
        prove_probe_free(p->places[i].probe);
    arena_done(&p->arena);
    mem_free(p);
}

/* ---- addresses */

static void keep_why(struct prove *p, char **to, const struct err *err)
{
    char text[WHY_MAX];
    struct str copy;

    err_textz(err, text, sizeof(text));
    /* Once for each place: what it says at last may be another reason of the same place. */
    if (!*to)
        *to = arena_alloc(&p->arena, WHY_MAX);
    copy = str_utf8_head(str_of(text), WHY_MAX - 1);
    if (*to)
        IGNORE_RC(str_copyz(copy, *to, WHY_MAX)); /* it fits */
}

static enum rc add_place(struct prove *p, const struct prove_ask *ask, const struct addr *a,
                         struct err *err)
{
    if (p->n == PROVE_PLACES_MAX)
        return ERR(err, RC_TOOBIG, msg_many, ask->host, STR("500"));
    p->places[p->n++] = (struct place){.owner = p, .ask = ask, .to = {*a, ask->target->port}};
    return RC_OK;
}

static enum rc look_up(struct prove *p, const struct prove_ask *ask, struct err *err)
{
    struct addr found[PROVE_ADDRESSES_MAX];
    struct err why = ERR_INIT;
    char line[256];
    size_t n = 0;
    enum rc rc = net_lookup(ask->host, found, PROVE_ADDRESSES_MAX, &n, &why);

    if (rc == RC_NOMEM)
        return rc;
    if (rc != RC_OK)
        return ERR(err, RC_NOTFOUND, msg_lookup, ask->host,
                   str_of(err_textz(&why, line, sizeof(line))));
    if (n > PROVE_ADDRESSES_MAX)
        return ERR(err, RC_TOOBIG, msg_many, ask->host, STR("16"));
    for (size_t i = 0; i < n; i++)
        TRY(add_place(p, ask, &found[i], err));
    return RC_OK;
}

/* Those that have no address yet; a resolver may have had a bad moment. */
static void look_up_all(struct prove *p)
{
    p->not_looked_up = 0;
    for (size_t i = 0; i < p->conf.n_asks; i++) {
        struct err err = ERR_INIT;
        size_t before = p->n;

        if (p->looked_up[i])
            continue;
        err.rc = look_up(p, &p->conf.asks[i], &err);
        p->looked_up[i] = err.rc == RC_OK;
        if (err.rc == RC_OK)
            continue;
        p->n = before;
        if (p->not_looked_up++ == 0) {
            keep_why(p, &p->lookup_why, &err);
            p->lookup_ask = &p->conf.asks[i];
        }
    }
}

/* ---- the end of it */

static void describe(const struct prove_ask *ask, const struct addr_port *at,
                     char out[static WHERE_MAX])
{
    const struct starttls_protocol *protocol = ask->target->protocol;
    const char *plain = ask->target->tlcp ? "TLCP" : "TLS";
    char text[ADDR_TEXT];
    int n = snprintf(out, WHERE_MAX, "%s %.*s", protocol ? starttls_name(protocol) : plain,
                     STR_ARG(ask->host));

    if (n > 0 && at)
        n += snprintf(out + n, WHERE_MAX - (size_t)n, " at %s", addr_port_text(at, text));
    if (n > 0 && ask->name.n && !str_eq(ask->name, ask->host))
        snprintf(out + n, WHERE_MAX - (size_t)n, " asked for %.*s", STR_ARG(ask->name));
}

static void finish(struct prove *p)
{
    const struct place *first = NULL;
    size_t bad = p->not_looked_up;
    struct err err = ERR_INIT;
    char where[WHERE_MAX], more[24], all[24];
    struct str why;

    for (size_t i = 0; i < p->n; i++)
        if (!p->places[i].good) {
            first = first ? first : &p->places[i];
            bad++;
        }
    if (bad == 0) {
        p->conf.fn(p->conf.arg, RC_OK, NULL);
        return;
    }
    if (first)
        describe(first->ask, &first->to, where);
    else
        describe(p->lookup_ask, NULL, where);
    why = str_of(first ? first->why : p->lookup_why);
    snprintf(more, sizeof(more), "%zu", bad - 1);
    snprintf(all, sizeof(all), "%zu", p->n + p->not_looked_up);
    err.rc = bad > 1
                 ? ERR(&err, RC_CONFLICT, msg_more, str_of(where), why, str_of(more), str_of(all))
                 : ERR(&err, RC_CONFLICT, msg_one, str_of(where), why);
    p->conf.fn(p->conf.arg, RC_CONFLICT, &err);
}

/* ---- a round */

static void start_some(struct prove *p);

static void round_ended(struct prove *p)
{
    bool good = p->not_looked_up == 0;

    for (size_t i = 0; i < p->n; i++)
        good = good && p->places[i].good;
    if (good || now(p) + p->pause > p->end) {
        finish(p);
        return;
    }
    ev_timer_start(&p->next, p->pause, 0);
    p->pause = p->pause * 2 < MOST_PAUSE ? p->pause * 2 : MOST_PAUSE;
}

static enum rc compare_pair(const struct prove *p, struct str served, struct err *err)
{
    CLEANUP(buf_done) struct buf beside = BUF_INIT(BESIDE_MAX);
    struct prove_pair pair = {served, p->conf.chain, p->conf.before, STR("")};
    struct err why = ERR_INIT;
    char line[256];
    enum rc rc = RC_OK;

    if (p->conf.beside)
        rc = file_read(AT_FDCWD, p->conf.beside, &beside, &why);
    if (rc == RC_NOMEM)
        return rc;
    if (rc != RC_OK)
        return ERR(err, rc, msg_beside, str_of(err_textz(&why, line, sizeof(line))));
    pair.beside = buf_str(&beside);
    return prove_compare_pair(&pair, err);
}

static enum rc compare(const struct prove *p, struct str served, struct err *err)
{
    if (p->key == TLS_LOOK_SM2)
        return compare_pair(p, served, err);
    return prove_compare(served, p->conf.chain, p->conf.before, err);
}

static void on_shown(void *arg, enum rc rc, struct str chain, const struct err *why)
{
    struct place *place = arg;
    struct prove *p = place->owner;
    struct err err = why ? *why : ERR_INIT;

    if (rc == RC_OK)
        err.rc = rc = compare(p, chain, &err);
    place->good = rc == RC_OK;
    if (!place->good)
        keep_why(p, &place->why, &err);
    prove_probe_free(MOVE(place->probe));
    p->running--;
    start_some(p);
}

static void start_one(struct prove *p, struct place *place)
{
    const struct prove_probe_conf conf = {.ev = p->conf.ev,
                                          .net = p->conf.net,
                                          .to = place->to,
                                          .protocol = place->ask->target->protocol,
                                          .name = place->ask->name,
                                          .key = p->key,
                                          .fn = on_shown,
                                          .arg = place};
    struct err err = ERR_INIT;

    place->waits = false;
    err.rc = prove_probe_new(&conf, &place->probe);
    p->running += err.rc == RC_OK;
    if (err.rc != RC_OK)
        keep_why(p, &place->why, &err);
}

static void start_some(struct prove *p)
{
    for (size_t i = 0; i < p->n && p->running < PROVE_AT_ONCE; i++)
        if (p->places[i].waits)
            start_one(p, &p->places[i]);
    if (p->running == 0)
        round_ended(p);
}

static void on_round(void *arg)
{
    struct prove *p = arg;

    look_up_all(p);
    for (size_t i = 0; i < p->n; i++)
        p->places[i].waits = !p->places[i].good;
    start_some(p);
}

/* ---- the beginning */

static enum tls_look_key look_for(enum crypto_key_type type)
{
    static const enum tls_look_key keys[CRYPTO_KEY_TYPES] = {
        [CRYPTO_KEY_RSA] = TLS_LOOK_RSA,         [CRYPTO_KEY_P256] = TLS_LOOK_ECDSA,
        [CRYPTO_KEY_P384] = TLS_LOOK_ECDSA,      [CRYPTO_KEY_ED25519] = TLS_LOOK_ED25519,
        [CRYPTO_KEY_SM2] = TLS_LOOK_SM2,         [CRYPTO_KEY_MLDSA44] = TLS_LOOK_MLDSA44,
        [CRYPTO_KEY_MLDSA65] = TLS_LOOK_MLDSA65, [CRYPTO_KEY_MLDSA87] = TLS_LOOK_MLDSA87,
    };

    return keys[type];
}

enum rc prove_target_fits(const struct prove_target *t, enum crypto_key_type type, struct err *err)
{
    char port[8];

    if (t->tlcp == (type == CRYPTO_KEY_SM2))
        return RC_OK;
    if (!t->tlcp)
        return ERR(err, RC_INVAL, msg_sm2);
    snprintf(port, sizeof(port), "%u", t->port);
    return ERR(err, RC_INVAL, msg_tlcp, t->host, str_of(port));
}

static enum rc prepare(struct prove *p, struct err *err)
{
    CLEANUP(crypto_key_unrefp) struct crypto_key *key = NULL;
    struct x509_cert *certs;
    size_t n;

    TRY(x509_cert_read_pem(&p->arena, p->conf.chain, X509_CHAIN_MAX, &certs, &n, err));
    TRY(x509_cert_key(&certs[0], &key, err));
    for (size_t i = 0; i < p->conf.n_asks; i++)
        TRY(prove_target_fits(p->conf.asks[i].target, crypto_key_type(key), err));
    p->key = look_for(crypto_key_type(key));
    p->places = ARENA_ARRAY(&p->arena, struct place, PROVE_PLACES_MAX);
    p->looked_up = ARENA_ARRAY(&p->arena, bool, p->conf.n_asks);
    return p->places && p->looked_up ? RC_OK : RC_NOMEM;
}

enum rc prove_start(const struct prove_conf *conf, struct prove **out, struct err *err)
{
    CLEANUP(prove_freep) struct prove *p = MEM_NEW(struct prove);

    if (!p)
        return RC_NOMEM;
    p->conf = *conf;
    p->arena = ARENA_INIT(ARENA_BYTES);
    ev_timer_init(&p->next, conf->ev, on_round, p);
    TRY(prepare(p, err));
    p->end = now(p) + conf->window;
    p->pause = FIRST_PAUSE;
    ev_timer_start(&p->next, 0, 0);
    *out = MOVE(p);
    return RC_OK;
}
