/* SPDX-License-Identifier: Apache-2.0 */
/* When certificates are renewed (RFC 9773 section 4.2): the window of each, which lies where its
 * own digest says within the spread, so that what was issued together does not come back together;
 * the same at each look and on each node. And what that comes to for many, day by day. */
#pragma once

#include "conf/conf.h"
#include "store/hours.h"

struct outlook_window {
    when_t first, last;
};

/* Where in a span the certificate with that digest lies: the same part of each. */
when_t outlook_within(const struct store_hash *fingerprint, when_t span);
/* By its lifetime and acme.renewal; whether it was pulled forward or revoked is the caller's to
 * know. */
struct outlook_window outlook_window_of(const struct conf *conf, when_t not_before,
                                        when_t not_after, const struct store_hash *fingerprint);

enum { OUTLOOK_DAYS = 30 };

/* How many renewals each of the next days brings: the first is from `begin` on. */
struct outlook_forecast {
    const struct conf *conf;
    when_t begin;
    uint64_t parts[OUTLOOK_DAYS]; /* of OUTLOOK_PARTS that make one */
};
enum { OUTLOOK_PARTS = 1000 };
/* Adds certificates that were not renewed: spread evenly, as their digests are. */
void outlook_forecast_add(struct outlook_forecast *f, const struct store_cohort *cohort);
/* Of day `i`, rounded so that the days together are right. */
uint64_t outlook_forecast_day(const struct outlook_forecast *f, size_t i);
