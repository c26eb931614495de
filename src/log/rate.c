/* SPDX-License-Identifier: Apache-2.0 */
#include "log/log_int.h"

/* The last entry is for all codes that found no free one. */
static struct log_rate table[LOG_CODES_MAX + 1] = {[LOG_CODES_MAX] = {.code = "other"}};
static uint64_t waiting; /* suppressed lines not yet told, all entries together */

static struct log_rate *entry_of(const char *code)
{
    uint32_t hash = 2166136261u;

    /* Codes are our own literals, so the hash needs no secret. */
    for (const char *c = code; *c; c++)
        hash = (hash ^ (unsigned char)*c) * 16777619u;
    for (uint32_t i = 0; i < LOG_CODES_MAX; i++) {
        struct log_rate *r = &table[(hash + i) % LOG_CODES_MAX];

        if (!r->code)
            r->code = code;
        if (r->code == code || strcmp(r->code, code) == 0)
            return r;
    }
    return &table[LOG_CODES_MAX];
}

bool log_rate_take(const char *code, int64_t seconds, uint32_t limit)
{
    struct log_rate *r = entry_of(code);
    int64_t window = seconds / LOG_RATE_SECONDS;

    if (r->window != window) {
        r->window = window;
        r->count = 0;
    }
    if (r->count < limit) {
        r->count++;
        return true;
    }
    r->suppressed++;
    waiting++;
    return false;
}

bool log_rate_next(int64_t seconds, bool all, const char **out_code, uint64_t *out_n)
{
    int64_t window = seconds / LOG_RATE_SECONDS;

    for (size_t i = 0; waiting && i <= LOG_CODES_MAX; i++) {
        struct log_rate *r = &table[i];

        if (!r->suppressed || (!all && r->window == window))
            continue;
        *out_code = r->code;
        *out_n = r->suppressed;
        waiting -= r->suppressed;
        r->suppressed = 0;
        return true;
    }
    return false;
}
