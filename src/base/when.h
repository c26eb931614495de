/* SPDX-License-Identifier: Apache-2.0 */
/* Points in time: microseconds since 1970-01-01 00:00:00 UTC, leap seconds not counted, as int64_t.
 * The clock itself is ev/clock; this is arithmetic and text only. */
#pragma once

#include "base/buf.h"

typedef int64_t when_t;

#define WHEN_SECOND INT64_C(1'000'000)
#define WHEN_MINUTE (60 * WHEN_SECOND)
#define WHEN_HOUR (60 * WHEN_MINUTE)
#define WHEN_DAY (24 * WHEN_HOUR)
/* 9999-12-31T23:59:59Z, the latest that RFC 5280 and RFC 3339 can write. */
#define WHEN_MAX (INT64_C(253'402'300'799) * WHEN_SECOND)

struct when_civil {
    int year; /* 1970 to 9999 */
    int month, day, hour, minute, second;
    int micros;
};

/* RC_INVAL outside 1970 to 9999. */
enum rc when_to_civil(when_t t, struct when_civil *out);
enum rc when_from_civil(const struct when_civil *c, when_t *out);

enum { WHEN_TEXT = 32 };
/* RFC 3339 in UTC, whole seconds: "2026-11-20T18:24:00Z"; "-" for a time out of range. Returns
 * `text`. */
const char *when_text(when_t t, char text[static WHEN_TEXT]);
/* RFC 3339 with any offset and fraction (cut to microseconds); a leap second becomes the second
 * after it. RC_PARSE otherwise, and when the time in UTC is not in 1970 to 9999. */
enum rc when_parse(struct str s, when_t *out);

/* A length of time as people write it: "90d", "12h", "5m", "30s", "250ms", "10us", sums from the
 * larger unit to the smaller, "1d12h"; RC_PARSE without a unit, RC_TOOBIG past WHEN_MAX. */
enum rc when_parse_span(struct str s, when_t *out);
/* The shortest such text: 90d, 36h, 5m; a minus sign before a negative span, which when_parse_span
 * does not read. */
void when_put_span(struct buf *out, when_t span);
