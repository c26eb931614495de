/* SPDX-License-Identifier: Apache-2.0 */
/* Values as people write them in the configuration and on the command line. */
#pragma once

#include "base/str.h"
#include "base/when.h"

/* "90d 12h", "90d12h", "5m": parts from the larger to the smaller unit, each unit once (d h m s
 * ms). RC_PARSE. */
enum rc conf_span_parse(struct str s, when_t *out);

/* "10MiB", "512KiB", "1GiB", "100B"; bytes. Units of 1000 are refused, as they are so often meant
 * as 1024. RC_PARSE, RC_TOOBIG past 2^63 - 1. */
enum rc conf_size_parse(struct str s, uint64_t *out);

#define CONF_RATE_PER_MAX (366 * WHEN_DAY)
struct conf_rate {
    uint64_t count; /* at least 1 */
    when_t per;
};

/* "50/1d", "10/1h". RC_PARSE. */
enum rc conf_rate_parse(struct str s, struct conf_rate *out);
