/* SPDX-License-Identifier: Apache-2.0 */
/* Many sites: each is handed on once, one that is replaced is the only one that is handed on again,
 * and a configuration with others is taken. AUTARKY_MANY=10000 prints what it costs. */
#include "world.h"

#include <stdlib.h>
#include <time.h>

enum { SITES = 600, PLENTY = 200'000, NAME_BYTES = 40, LEAF_BYTES = 900 };

struct many {
    struct world w;
    size_t n;
    struct conf_site *sites;
    char (*names)[NAME_BYTES];
    unsigned *seen; /* identities, of each site */
    unsigned came, wrong;
    struct pushed pushed;
    bool with_keys;
    char round; /* of the leaves that are given */
    struct ipc_chan *here, *there;
};

static void many_done(struct many *m)
{
    if (m->w.running && m->here)
        role_keeper.each_peer(m->w.env, ROLE_GATEWAY, 0, NULL);
    ipc_chan_free(m->here);
    ipc_chan_free(m->there);
    world_done(&m->w);
    mem_free(m->sites);
    mem_free(m->names);
    mem_free(m->seen);
    pushed_done(&m->pushed);
}

static double cpu_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void show(const char *what, size_t n, double since)
{
    if (getenv("AUTARKY_MANY"))
        printf("%zu sites: %-32s %10.2f ms CPU\n", n, what, cpu_ms() - since);
}

static void on_one(void *arg, struct ipc_req *req, const void *msg, int)
{
    const struct ipc_identity *got = msg;
    struct many *m = arg;
    struct str leaf, key;
    uint64_t i;

    if (!pushed_find(&m->pushed, got, &leaf, &key) || leaf.n != LEAF_BYTES ||
        leaf.p[LEAF_BYTES - 1] != m->round || !str_eq(key, m->with_keys ? STR("key") : STR("")))
        m->wrong++;
    if (str_u64(str_head(str_skip(got->site, 1), 7), m->n - 1, &i) == RC_OK)
        m->seen[i]++;
    m->came++;
    IGNORE_RC(ipc_reply(req, NULL));
}

static void on_the_segment(void *arg, struct ipc_req *, const void *msg, int fd)
{
    pushed_segment(&((struct many *)arg)->pushed, msg, fd);
}

static void on_keys(void *, struct ipc_req *req, const void *, int)
{
    IGNORE_RC(ipc_reply(req, NULL));
}

static enum rc many_init(struct many *m, unsigned algorithms)
{
    const char *wanted = getenv("AUTARKY_MANY");

    TRY(world_init(&m->w));
    m->n = wanted ? (size_t)strtoul(wanted, NULL, 10) : SITES;
    m->sites = mem_calloc(m->n, sizeof(*m->sites));
    m->names = mem_calloc(m->n, sizeof(*m->names));
    m->seen = mem_calloc(m->n, sizeof(*m->seen));
    if (!m->sites || !m->names || !m->seen)
        return RC_NOMEM;
    for (size_t i = 0; i < m->n; i++) {
        snprintf(m->names[i], NAME_BYTES, "s%07zu.hospital.example", i);
        m->sites[i] = (struct conf_site){
            .name = str_of(m->names[i]), .algorithms = algorithms, .profile = STR("default")};
    }
    m->w.conf[0].gateway.sites = m->sites;
    m->w.conf[0].gateway.n_sites = m->n;
    return keeper_starts(&m->w, NULL);
}

static enum rc give(struct many *m, struct keeper_slot *slot)
{
    char der[LEAF_BYTES] = "leaf";
    const struct x509_cert leaf = {.der = {der, LEAF_BYTES}};

    der[LEAF_BYTES - 1] = m->round;
    return keeper_slot_set(slot, &leaf, 1, STR("key"), STR(""));
}

static enum rc give_all(struct many *m)
{
    struct keeper *k = m->w.env->state;

    LIST_FOREACH (it, &k->slots)
        TRY(give(m, LIST_ENTRY(it, struct keeper_slot, link)));
    return RC_OK;
}

static enum rc a_worker(struct many *m)
{
    static const struct ipc_handler handlers[] = {
        {IPC_SEGMENT, on_the_segment}, {IPC_IDENTITY, on_one}, {IPC_TICKETS, on_keys}};
    struct ipc_chan_conf keeper = {ROLE_KEEPER, ROLE_GATEWAY, NULL, 0, on_close, &m->w};
    struct ipc_chan_conf gateway = {ROLE_GATEWAY, ROLE_KEEPER, handlers, 3, on_close, m};
    int fds[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0)
        return RC_IO;
    TRY(ipc_chan_new(m->w.env->ev, fds[0], &keeper, &m->here));
    TRY(ipc_chan_new(m->w.env->ev, fds[1], &gateway, &m->there));
    role_keeper.each_peer(m->w.env, ROLE_GATEWAY, 0, m->here);
    return RC_OK;
}

/* Until so many have come, and then a little longer: there should be no more. */
static void receive(struct many *m, unsigned n)
{
    for (unsigned i = 0; i < PLENTY && m->came < n; i++)
        ev_run_once(m->w.env->ev, EV_NOWAIT);
    turn(&m->w);
    CHECK_INT(m->came, n);
    CHECK_INT(m->wrong, 0);
    for (size_t i = 0; i < m->n; i++)
        CHECK(m->seen[i] > 0);
}

static void handed_on_once(void)
{
    CLEANUP(many_done) struct many m = {.with_keys = true};
    struct keeper_slot *slot;
    struct keeper *k;
    double since = cpu_ms();

    CHECK_OK(many_init(&m, 1u << CONF_KEY_ECDSA));
    show("taken from the configuration", m.n, since);
    k = m.w.env->state;
    CHECK_OK(give_all(&m));
    since = cpu_ms();
    CHECK_OK(a_worker(&m));
    receive(&m, (unsigned)m.n);
    show("handed to a worker", m.n, since);

    slot = keeper_slot_find(k, m.sites[m.n / 2].name, CONF_KEY_ECDSA);
    CHECK(slot && slot->pair);
    since = cpu_ms();
    CHECK_OK(give(&m, slot));
    keeper_push_look(k);
    receive(&m, (unsigned)m.n + 1);
    show("one replaced", m.n, since);
    CHECK_INT(m.seen[m.n / 2], 2);
}

/* What was replaced stays in the segment until most of it is such; then all are in another, and
 * workers have them from there. */
static void a_segment_that_is_mostly_gone(void)
{
    CLEANUP(many_done) struct many m = {.with_keys = true};
    struct keeper *k;

    CHECK_OK(many_init(&m, 1u << CONF_KEY_ECDSA));
    k = m.w.env->state;
    CHECK_OK(give_all(&m));
    CHECK_OK(a_worker(&m));
    receive(&m, (unsigned)m.n);
    CHECK_INT(m.pushed.segments, 1);
    CHECK_INT(segment_used(k->pairs.segment), m.n * (LEAF_BYTES + 3));
    m.round = 1;
    CHECK_OK(give_all(&m)); /* half of it is gone, and no more than that */
    keeper_push_look(k);
    receive(&m, 2 * (unsigned)m.n);
    CHECK_INT(m.pushed.segments, 1);
    m.round = 2;
    CHECK_OK(give_all(&m));
    keeper_push_look(k);
    receive(&m, 3 * (unsigned)m.n);
    CHECK_INT(m.pushed.segments, 2);
    CHECK_INT(segment_used(k->pairs.segment), m.n * (LEAF_BYTES + 3));
    CHECK_INT(k->pairs.gone, 0);
}

/* Keys that workers are no longer to have are in nothing that they are handed. */
static void keys_leave_the_segment(void)
{
    CLEANUP(many_done) struct many m = {.with_keys = true};
    struct keeper *k;

    CHECK_OK(many_init(&m, 1u << CONF_KEY_ECDSA));
    k = m.w.env->state;
    CHECK_OK(give_all(&m));
    CHECK_OK(a_worker(&m));
    receive(&m, (unsigned)m.n);
    m.w.conf[0].gateway.keys = CONF_KEYS_KEEPER;
    m.with_keys = false;
    CHECK_OK(role_keeper.prepare(m.w.env, m.w.env->conf, NULL));
    role_keeper.commit(m.w.env);
    receive(&m, 2 * (unsigned)m.n);
    CHECK_INT(m.pushed.segments, 2);
    CHECK_INT(segment_used(k->pairs.segment), m.n * LEAF_BYTES);
}

/* More sites come than there is room for: what finds none goes to workers as bytes, then all are in
 * a larger one. */
static void a_segment_that_is_full(void)
{
    CLEANUP(many_done) struct many m = {.with_keys = true};
    struct keeper *k;

    CHECK_OK(many_init(&m, 1u << CONF_KEY_ECDSA));
    k = m.w.env->state;
    keeper_pairs_share(&k->pairs, 0, true);
    for (; !k->pairs.full; m.round++)
        CHECK_OK(give_all(&m));
    m.round--;
    CHECK_OK(a_worker(&m));
    receive(&m, (unsigned)m.n);
    CHECK_INT(m.pushed.segments, 1);
    keeper_push_look(k);
    receive(&m, 2 * (unsigned)m.n);
    CHECK_INT(m.pushed.segments, 2);
    CHECK_INT(segment_used(k->pairs.segment), m.n * (LEAF_BYTES + 3));
}

CHECK_MAIN(CHECK_TEST_ONCE(handed_on_once), CHECK_TEST_ONCE(a_segment_that_is_mostly_gone),
           CHECK_TEST_ONCE(keys_leave_the_segment), CHECK_TEST_ONCE(a_segment_that_is_full))
