/* SPDX-License-Identifier: Apache-2.0 */
/* What an agent says of itself, read: a JSON object with
 *
 *     "version" (of the program), "at" (its clock), "started", "heard" (number of the wish to renew
 *     that it has heard of last), "renews" (its configuration lets it obey), "counts":
 *     {"certificates","failing","unproven"} of all it keeps, "next" (the earliest renewal), "more"
 *     (how many are not among the following), "certificates": [{"directory","names","serial",
 *     "sha256","server","not_before","not_after","issued","next","failures","why","unproven",
 *     "proven" (when every place was seen to serve it),"places","issue_ms" (from the request to the
 *     certificate),"prove_ms" (from there to the proof),"window" (a new one is ready, and waits
 *     until then),"outside" (when it was taken into use outside of its windows)}...],
 *     "changes" (api/agent_changes.h)
 *
 * An agent may lie, about itself and nothing else: it is held to form and size alone, members that
 * are not known are left out (a later program may say more), and what is kept is written anew. */
#pragma once

#include "api/agent_changes.h"
#include "base/err.h"
#include "store/agents.h"

enum {
    API_REPORT_MAX = 64 * 1024,    /* bytes */
    API_REPORT_CERTIFICATES = 200, /* those in trouble come first */
    API_REPORT_NAMES = 100,        /* of one of them */
    API_REPORT_TEXT = 1024,        /* bytes of one text */
    API_REPORT_COUNT = 1'000'000,
};

struct api_report {
    when_t at;
    when_t heard;                       /* 0: of none */
    struct store_agent_summary summary; /* without the skew; `program` lies in the arena */
    struct api_change *changes;         /* in the arena, too; not among what is kept */
    size_t n_changes;
};

/* Text of a report as terminals can show it: UTF-8 of `max` bytes without control characters. */
bool api_report_text(const struct json *v, size_t max, struct str *out);
/* Appends to `out` what is to be kept. RC_PARSE: no JSON; RC_INVAL and which member; RC_TOOBIG. */
enum rc api_report_read(struct arena *a, struct str text, struct api_report *out, struct buf *kept,
                        struct err *err);
