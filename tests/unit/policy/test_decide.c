/* SPDX-License-Identifier: Apache-2.0 */
/* The index against a plain reading of the rules, on random configurations and questions. */
#include "check.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/name.h"
#include "policy/policy.h"
#include "unit/policy/rules.h"

enum {
    RULES = 30,
    CASES = 1'000'000,
    BY_CONFIGURATION = 20'000,
    TEXT_MAX = 64 * 1024,
};

/* ---- chance, repeatable */

static uint64_t state;

static unsigned roll(unsigned n)
{
    state += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t z = state;
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (unsigned)((z ^ (z >> 31)) % n);
}

static const char *one_of(const char *const *list, unsigned n)
{
    return list[roll(n)];
}

static const char *const labels[] = {"a", "b", "web-1", "web-2", "db", "x"};
static const char *const tops[] = {"hospital.example", "lan", "hospital.example"};
static const char *const starred[] = {"web-*", "*b", "*", "w*-*", "a"};
static const char *const clients[] = {"k1", "k2", "k3", "k4"};
static const char *const shown[] = {"pump-1.hospital.example", "pump-2.hospital.example",
                                    "team:wards", "owner:carol"};
static const char *const nets[] = {"10.0.0.0/8", "10.1.0.0/16", "10.1.2.0/24", "fd00::/8",
                                   "10.1.2.3/32"};
static const char *const hosts[] = {"10.1.2.3", "10.1.2.4", "10.1.9.9",
                                    "10.9.9.9", "fd00::1",  "192.0.2.1"};

#define ANY(list) one_of(list, sizeof(list) / sizeof((list)[0]))

/* ---- random rules, as a file */

static void put_name(struct buf *out, const char *const *from, unsigned n)
{
    for (unsigned k = roll(3); k > 0; k--)
        buf_printf(out, "%s.", one_of(from, n));
    buf_putz(out, ANY(tops));
}

static void put_pattern(struct buf *out)
{
    unsigned kind = roll(10);

    buf_putz(out, "\"");
    if (kind == 0)
        buf_putz(out, "*");
    if (kind > 0 && kind < 5)
        buf_putz(out, "*.");
    if (kind > 0 && kind < 8)
        put_name(out, labels, 6);
    if (kind >= 8)
        put_name(out, starred, 5);
    buf_putz(out, "\"");
}

static void put_list(struct buf *out, const char *key, const char *const *from, unsigned n)
{
    buf_printf(out, ", %s: [", key);
    for (unsigned k = 0, many = 1 + roll(2); k < many; k++)
        buf_printf(out, "%s\"%s\"", k ? ", " : "", one_of(from, n));
    buf_putz(out, "]");
}

static void put_rule(struct buf *out, unsigned i)
{
    static const char *const wild[] = {"false", "true", "never", "allow"};
    static const char *const others[] = {"", ", operators", ", gateway", ", gateway, operators"};

    buf_printf(out, "  - {name: r%u, wildcards: %s, labels: %u, subdomains: %s, allow: [", i,
               ANY(wild), roll(3) ? 0 : 1 + roll(2), roll(2) ? "true" : "false");
    put_pattern(out);
    buf_putz(out, ", ");
    put_pattern(out);
    buf_putz(out, "]");
    if (roll(3) == 0)
        put_list(out, "addresses", nets, 5);
    if (roll(3) == 0)
        put_list(out, "networks", nets, 5);
    if (roll(4) == 0)
        put_list(out, "eab", clients, 4);
    if (roll(4) == 0)
        put_list(out, "accounts", clients, 4);
    if (roll(4) == 0)
        put_list(out, "client_certificates", shown, 4);
    if (roll(6) == 0)
        buf_putz(out, ", groups: [g]");
    if (roll(3) == 0)
        buf_printf(out, ", from: [clients%s]", ANY(others));
    buf_putz(out, "}\n");
}

static enum rc random_rules(const struct conf **out)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(TEXT_MAX);

    buf_putz(&text, "organization: E\ndomain: hospital.example\n"
                    "control: {certificates: true}\n"
                    "groups: [{name: g, eab: [k1, k2], accounts: [k3], "
                    "client_certificates: [\"team:wards\"]}]\npolicy:\n");
    for (unsigned i = 0; i < RULES; i++)
        put_rule(&text, i);
    TRY(buf_rc(&text));
    return rules_load(buf_str(&text), out);
}

/* ---- the plain reading */

/* Recursive over characters: "*" inside of labels stands for no dot, a "*." in front for labels. */
/* NOLINTNEXTLINE(misc-no-recursion): as deep as the name is long */
static bool glob(const char *p, const char *s)
{
    if (*p == '\0')
        return *s == '\0';
    if (*p != '*')
        return *p == *s && glob(p + 1, s + 1);
    for (;; s++) {
        if (glob(p + 1, s))
            return true;
        if (*s == '\0' || *s == '.')
            return false;
    }
}

static bool plain_fits(const char *pattern, const char *name, uint64_t most)
{
    uint64_t n = 1;

    if (strcmp(pattern, "*") == 0)
        return !most || name_labels(str_of(name)) <= most;
    if (strncmp(pattern, "*.", 2) != 0)
        return glob(pattern, name);
    for (const char *s = strchr(name, '.'); s; s = strchr(s + 1, '.'), n++)
        if ((!most || n <= most) && glob(pattern + 2, s + 1))
            return true;
    return false;
}

static void plain_rank(const char *pattern, unsigned out[static 2])
{
    const char *p = strncmp(pattern, "*.", 2) == 0 ? pattern + 2 : pattern;

    out[0] = out[1] = 0;
    if (strcmp(pattern, "*") == 0)
        return;
    if (!strchr(pattern, '*')) {
        out[0] = 1000;
        return;
    }
    for (out[0] = 1; *p; p++) {
        out[0] += *p == '.';
        out[1] += *p != '*';
    }
}

/* In this order, the higher the more specific; the rule itself last. */
struct score {
    unsigned v[6];
};

static bool higher(const struct score *a, const struct score *b)
{
    for (size_t i = 0; i < 6; i++)
        if (a->v[i] != b->v[i])
            return a->v[i] > b->v[i];
    return false;
}

static bool holds(const struct conf_strs *list, struct str s)
{
    for (size_t i = 0; s.n && i < list->n; i++)
        if (str_eq(list->p[i], s))
            return true;
    return false;
}

static bool holds_shown(const struct conf_strs *list, const struct policy_query *q)
{
    for (size_t i = 0; q->shown && i < q->shown->n; i++)
        if (holds(list, q->shown->texts[i]))
            return true;
    return false;
}

/* 0: not for that client. */
static unsigned plain_client(const struct conf *conf, const struct conf_rule *r,
                             const struct policy_query *q)
{
    const struct conf_group *g = &conf->groups[0];

    if (r->eab.n + r->accounts.n + r->client_certificates.n + r->groups.n == 0)
        return 1;
    if (holds(&r->accounts, q->account))
        return 5;
    if (holds_shown(&r->client_certificates, q))
        return 4;
    if (holds(&r->eab, q->eab))
        return 3;
    return r->groups.n && (holds(&g->eab, q->eab) || holds(&g->accounts, q->account) ||
                           holds_shown(&g->client_certificates, q))
               ? 2
               : 0;
}

/* 0: not from there. */
static unsigned plain_net(const struct conf_rule *r, const struct addr *from)
{
    unsigned best = 0;

    if (r->networks.n == 0)
        return 1;
    for (size_t i = 0; i < r->networks.n; i++)
        if (addr_net_has(&r->networks.p[i], from) && r->networks.p[i].bits + 2u > best)
            best = r->networks.p[i].bits + 2u;
    return best;
}

static bool plain_name(const struct conf_rule *r, const struct policy_query *q, struct score *out)
{
    bool any = false;
    struct addr a;

    for (size_t i = 0; q->type == POLICY_IP && i < r->addresses.n; i++)
        if (addr_parse(q->value, &a) == RC_OK && addr_net_has(&r->addresses.p[i], &a)) {
            out->v[0] =
                !any || r->addresses.p[i].bits > out->v[0] ? r->addresses.p[i].bits : out->v[0];
            any = true;
        }
    for (size_t i = 0; q->type == POLICY_DNS && i < r->allow.n; i++) {
        unsigned rank[2];

        if (!plain_fits(r->allow.p[i].p, q->value.p, r->labels))
            continue;
        plain_rank(r->allow.p[i].p, rank);
        if (!any || rank[0] > out->v[0] || (rank[0] == out->v[0] && rank[1] > out->v[1]))
            memcpy(out->v, rank, sizeof(rank));
        any = true;
    }
    return any;
}

static const struct conf_rule *plain(const struct conf *conf, const struct policy_query *q)
{
    const struct conf_rule *best = NULL;
    struct score top = {};

    for (size_t i = 0; i < conf->n_policy; i++) {
        const struct conf_rule *r = &conf->policy[i];
        struct score s = {};

        if (!plain_name(r, q, &s))
            continue;
        s.v[2] = plain_client(conf, r, q);
        s.v[3] = r->from == 1u << q->from;
        s.v[4] = plain_net(r, &q->requester);
        s.v[5] = (unsigned)(conf->n_policy - i);
        if (!s.v[2] || !s.v[4] || !(r->from & 1u << q->from) ||
            (str_starts(q->value, STR("*.")) && r->wildcards == CONF_WILDCARDS_FALSE))
            continue;
        if (!best || higher(&s, &top)) {
            best = r;
            top = s;
        }
    }
    return best;
}

/* ---- questions */

struct question {
    struct policy_query q;
    struct policy_shown shown;
    char text[256];
};

static void random_question(struct question *out)
{
    CLEANUP(buf_done) struct buf name = BUF_INIT(256);

    out->q = (struct policy_query){.type = roll(4) ? POLICY_DNS : POLICY_IP,
                                   .from = roll(3) ? CONF_FROM_CLIENTS : CONF_FROM_OPERATORS};
    if (out->q.type == POLICY_IP) {
        buf_putz(&name, ANY(hosts));
    } else {
        if (roll(4) == 0)
            buf_putz(&name, "*.");
        put_name(&name, labels, 6);
    }
    snprintf(out->text, sizeof(out->text), "%s", buf_z(&name) ? buf_z(&name) : "");
    out->q.value = str_of(out->text);
    if (roll(3))
        out->q.eab = str_of(ANY(clients));
    if (roll(3))
        out->q.account = str_of(ANY(clients));
    out->shown.n = 0;
    if (roll(2))
        for (unsigned k = roll(3) + 1; k > 0; k--)
            out->shown.texts[out->shown.n++] = str_of(ANY(shown));
    out->q.shown = roll(5) ? &out->shown : NULL;
    if (roll(5))
        IGNORE_RC(addr_parse(str_of(ANY(hosts)), &out->q.requester)); /* all of them are right */
}

static size_t cases_left(void)
{
    const char *less = getenv("AUTARKY_FAIL_ALLOC");

    return less ? BY_CONFIGURATION / 20 : CASES;
}

static uint64_t seed(void)
{
    const char *given = getenv("AUTARKY_SEED");

    return given ? strtoull(given, NULL, 10) : (uint64_t)time(NULL) * 1000003 + (uint64_t)getpid();
}

static void same_as_a_plain_reading(void)
{
    size_t left = cases_left(), allowed = 0, all = left;

    state = seed();
    printf("# seed %llu (AUTARKY_SEED repeats it)\n", (unsigned long long)state);
    while (left > 0) {
        CLEANUP(conf_unrefp) const struct conf *conf = NULL;
        CLEANUP(policy_unrefp) struct policy *p = NULL;

        CHECK_OK(random_rules(&conf));
        CHECK_OK(policy_new(conf, &p, NULL));
        for (size_t i = 0; i < BY_CONFIGURATION && left > 0; i++, left--) {
            struct policy_verdict v = {};
            struct question ask;
            const struct conf_rule *want;
            enum rc rc;

            random_question(&ask);
            if (mem_fail_fired())
                return;
            if (ask.q.type == POLICY_IP ? str_eq(ask.q.value, STR("")) : ask.q.value.n == 0)
                continue;
            if (policy_space_of(conf, ask.q.type,
                                name_is_wildcard(ask.q.value) ? str_skip(ask.q.value, 2)
                                                              : ask.q.value) != POLICY_INTRANET)
                continue;
            want = plain(conf, &ask.q);
            rc = policy_judge(p, &ask.q, &v, NULL);
            if (want && name_is_wildcard(ask.q.value) && want->wildcards == CONF_WILDCARDS_NEVER)
                want = NULL;
            if (rc != (want ? RC_OK : RC_DENIED) || (want && v.terms != want))
                fail_msg("%s for key %.*s, account %.*s: %.*s, not %.*s", ask.text,
                         STR_ARG(ask.q.eab), STR_ARG(ask.q.account), STR_ARG(v.rule),
                         STR_ARG(want ? want->name : STR("nobody")));
            allowed += want != NULL;
        }
    }
    CHECK(allowed > 0 && allowed < all);
}

CHECK_MAIN(CHECK_TEST(same_as_a_plain_reading))
