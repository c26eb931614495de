/* SPDX-License-Identifier: Apache-2.0 */
/* Targets of Prometheus's blackbox exporter, from the configuration of a Prometheus (scrape_configs
 * whose metrics_path is /probe) or from a file of its file-based discovery, YAML or JSON. The same
 * plain YAML as the configuration: no anchors, aliases or tags. */
#pragma once

#include "base/err.h"

struct conf_scrape {
    struct str job;    /* "": the file names none */
    struct str module; /* of the exporter, the first one; "": none is named */
    struct str target; /* as it stands: a URL, HOST:PORT, a host; "" when `left` says something */
    struct str left;   /* what of this job was not taken, in words */
};

/* Calls `fn` for each target in order, and once for each job, or part of one, that is left out; its
 * strings live as long as the call. RC_PARSE with the first thing that is wrong, and where;
 * RC_INVAL when it is neither of the two; RC_TOOBIG past CONF_FILE_BYTES_MAX; what `fn` returns
 * ends it. */
enum rc conf_scrape_read(struct str name, struct str text,
                         enum rc (*fn)(void *arg, const struct conf_scrape *one), void *arg,
                         struct err *err);
