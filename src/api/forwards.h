/* SPDX-License-Identifier: Apache-2.0 */
/* Where the audit log goes as well (audit.forward), for status and doctor. */
#pragma once

#include "base/buf.h"
#include "base/when.h"
#include "json/out.h"

struct api_view;

/* A destination, as it is now; all borrowed. */
struct api_forward {
    struct str name;
    struct str server; /* address and port; empty: a file */
    bool plain;        /* without TLS */
    bool known;        /* how far it has come */
    uint64_t done;     /* sequence of the last record that it has */
    uint64_t backlog;  /* records that it does not have */
    when_t oldest;     /* of these; 0: there is none */
    unsigned failures; /* one after the other, up to now */
    when_t since;      /* of the first of them */
    struct str why;    /* of the last */
};

/* "forward":[{"name","kind","server","through","backlog","lag_seconds","failures","failing_since",
 * "error"}...] */
void api_forwards_put(const struct api_view *v, struct json_out *o);
/* Age of the oldest record that it does not have, in seconds. */
uint64_t api_forward_lag(const struct api_forward *f, when_t now);
/* In words, for doctor. */
void api_forward_text(const struct api_forward *f, when_t now, struct buf *out);
