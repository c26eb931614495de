/* SPDX-License-Identifier: Apache-2.0 */
/* What a decision costs with many rules. They are put into a configuration that was loaded without,
 * for a file holds fewer values than these would be.
 * Usage: bench_policy RULES */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/mem.h"
#include "conf/load.h"
#include "policy/policy.h"

enum { DECISIONS = 20'000, TEXTS = 128, ROUNDS = 5, TOP = 100, STEP = 7919 };

static double now_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static struct str text_of(char **pool, const char *fmt, size_t a, size_t b)
{
    struct str s = {*pool, (size_t)snprintf(*pool, TEXTS, fmt, a, b)};

    *pool += TEXTS;
    return s;
}

/* How the rules differ. */
enum layout { BY_NAME, BY_KEY, BY_NETWORK, BY_STAR, BY_END, LAYOUTS };
static const char *const layouts[LAYOUTS] = {
    [BY_NAME] = "each its own domain, key and network",
    [BY_KEY] = "one domain, each its own key",
    [BY_NETWORK] = "one domain, each its own network",
    [BY_STAR] = "each its own pump-N-*.DOMAIN",
    [BY_END] = "each its own *-N.DOMAIN",
};
/* Of rule i: its pattern, and a name that it fits. */
static const char *const patterns[LAYOUTS] = {
    [BY_NAME] = "*.t%zu.d%zu.hospital.example", [BY_KEY] = "*.hospital.example",
    [BY_NETWORK] = "*.hospital.example",        [BY_STAR] = "pump-%zu-*.hospital.example",
    [BY_END] = "*-%zu.hospital.example",
};
static const char *const names[LAYOUTS] = {
    [BY_NAME] = "www.app.t%zu.d%zu.hospital.example",
    [BY_KEY] = "www.app.t%zu.d%zu.hospital.example",
    [BY_NETWORK] = "www.app.t%zu.d%zu.hospital.example",
    [BY_STAR] = "pump-%zu-b.hospital.example",
    [BY_END] = "pump-%zu.hospital.example",
};

struct bench {
    const struct conf *conf;
    struct conf_rule *rules;
    struct str *patterns, *keys;
    struct addr_net *nets;
    char *pool;
    size_t n;
};

static void make_rule(struct bench *b, enum layout layout, size_t i, char **pool)
{
    struct conf_rule *r = &b->rules[i];

    b->patterns[i] = text_of(pool, patterns[layout], i, i % TOP);
    b->keys[i] = text_of(pool, "key-%zu-%zu", i, i % TOP);
    b->nets[i] = (struct addr_net){.base = {4, {10, (uint8_t)(i >> 8), (uint8_t)i, 0}}, .bits = 24};
    *r = (struct conf_rule){.name = text_of(pool, "rule-%zu-%zu", i, i % TOP),
                            .from = 1u << CONF_FROM_CLIENTS,
                            .allow = {&b->patterns[i], 1},
                            .names_max = CONF_RULE_NAMES_MAX,
                            .key_algorithms = 1,
                            .challenges = 1};
    if (layout == BY_NAME || layout == BY_KEY)
        r->eab = (struct conf_strs){&b->keys[i], 1};
    if (layout == BY_NAME || layout == BY_NETWORK)
        r->networks = (struct conf_nets){&b->nets[i], 1};
}

/* Microseconds; 0: it went wrong. */
static double decide(const struct bench *b, const struct policy *p, enum layout layout,
                     size_t *out_allowed)
{
    double start = now_us();
    size_t i = 0;

    for (size_t k = 0; k < DECISIONS; k++) {
        char name[TEXTS];
        struct policy_query q = {
            .value = {name, (size_t)snprintf(name, sizeof(name), names[layout], i, i % TOP)},
            .requester = {4, {10, (uint8_t)(i >> 8), (uint8_t)i, 9}},
            .account = STR("01hzexampleaccount"),
            .eab = b->keys[i],
        };
        struct policy_verdict v;

        *out_allowed += policy_judge(p, &q, &v, NULL) == RC_OK;
        for (i += STEP; i >= b->n; i -= b->n)
            ;
    }
    return (now_us() - start) / DECISIONS;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static int measure(struct bench *b, enum layout layout)
{
    CLEANUP(policy_unrefp) struct policy *p = NULL;
    double times[ROUNDS], start;
    size_t allowed = 0;
    char *pool = b->pool;

    for (size_t i = 0; i < b->n; i++)
        make_rule(b, layout, i, &pool);
    start = now_us();
    if (policy_new(b->conf, &p, NULL) != RC_OK)
        return 1;
    start = now_us() - start;
    for (size_t k = 0; k < ROUNDS; k++)
        times[k] = decide(b, p, layout, &allowed);
    if (allowed != (size_t)ROUNDS * DECISIONS)
        return 1;
    qsort(times, ROUNDS, sizeof(times[0]), by_value);
    printf("%s\t%.2f\t%.1f\n", layouts[layout], times[ROUNDS / 2], start / 1000);
    return 0;
}

static const char text[] = "organization: Bench\ndomain: hospital.example\n";

static enum rc load(struct bench *b)
{
    struct conf_report report;
    struct conf_input in;
    struct conf *conf;
    enum rc rc;

    conf_input_init(&in);
    conf_report_init(&report);
    rc = conf_input_add(&in, STR("bench.yaml"), str_of(text));
    if (rc == RC_OK)
        rc = conf_load(&in, &b->conf, &report);
    conf_report_done(&report);
    conf_input_done(&in);
    TRY(rc);
    conf = (struct conf *)(uintptr_t)b->conf; /* nobody else has it */
    conf->policy = b->rules;
    conf->n_policy = b->n;
    return RC_OK;
}

int main(int argc, char **argv)
{
    struct bench b = {.n = argc > 1 ? strtoul(argv[1], NULL, 10) : 10000};
    int failed = 0;

    if (b.n == 0 || b.n > CONF_RULES_MAX)
        return 64;
    b.rules = mem_calloc(b.n, sizeof(*b.rules));
    b.patterns = mem_calloc(b.n, sizeof(*b.patterns));
    b.keys = mem_calloc(b.n, sizeof(*b.keys));
    b.nets = mem_calloc(b.n, sizeof(*b.nets));
    b.pool = mem_calloc(b.n * 4, TEXTS);
    if (!b.rules || !b.patterns || !b.keys || !b.nets || !b.pool)
        return 1;
    if (load(&b) != RC_OK)
        return 1;
    for (enum layout l = BY_NAME; l < LAYOUTS; l++)
        failed |= measure(&b, l);
    conf_unref(b.conf);
    mem_free(b.rules);
    mem_free(b.patterns);
    mem_free(b.keys);
    mem_free(b.nets);
    mem_free(b.pool);
    return failed;
}
