/* SPDX-License-Identifier: Apache-2.0 */
/* Targets as a Prometheus has them for its blackbox exporter (conf/scrape.h). */
#pragma once

#include "scan/target.h"

/* Adds what a URL with https, or HOST:PORT, names; by STARTTLS where the port is that of such a
 * protocol, or the exporter's module is called after one and "starttls". What is left out, and why,
 * goes to `left`, as do names without address. As conf_scrape_read and scan_target_add. */
enum rc scan_prometheus_read(struct scan_targets *t, struct str name, struct str text,
                             scan_unknown_fn left, void *arg, struct err *err);
