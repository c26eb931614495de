/* SPDX-License-Identifier: Apache-2.0 */
/* Names of certificates as people give them: sorted by kind, in the form in which they are
 * certified. */
#pragma once

#include "base/addr.h"
#include "base/arena.h"
#include "base/err.h"
#include "json/json.h"
#include "store/types.h"

/* Lists in the arena, each sorted and without duplicates. */
struct api_names {
    struct str *dns;
    struct addr *ips;
    struct str *emails;
    struct str *uris;
    size_t n_dns, n_ips, n_emails, n_uris;
};

/* What one text is: a URI when it holds "://", a mail address when it holds "@", otherwise an
 * address or a DNS name (a wildcard, too). `value` is a copy in the arena, canonical. RC_INVAL and
 * what is wrong with it. */
enum rc api_name_read(struct arena *a, struct str text, struct store_name *out, struct err *err);

/* A JSON array of such texts. RC_INVAL; RC_TOOBIG past 100. */
enum rc api_names_read(struct arena *a, const struct json *list, struct api_names *out,
                       struct err *err);
