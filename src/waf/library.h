/* SPDX-License-Identifier: Apache-2.0 */
/* The rule engine, libmodsecurity of the OWASP project, version 3: loaded where requests are
 * inspected and nowhere else, so that nothing of Autarky is built with it and no other process has
 * it in its memory. What is used of its C interface is declared here once more; that interface has
 * been the same since 3.0.0. */
#pragma once

#include <stddef.h>

#include "base/err.h"

/* The library's file, as the dynamic linker finds it, and who has it. */
#define WAF_LIBRARY "libmodsecurity.so.3"

/* What a transaction is to be ended with; the texts are malloc's. */
struct waf_intervention {
    int status;
    int pause;
    char *url;
    char *log;
    int disruptive;
};

struct waf_library {
    void *handle;
    void *engine; /* made by waf_library_open */
    void *(*init)(void);
    void (*cleanup)(void *engine);
    void (*set_connector_info)(void *engine, const char *text);
    void (*set_log_cb)(void *engine, void (*fn)(void *arg, const void *line));
    void *(*create_rules_set)(void);
    int (*rules_add)(void *rules, const char *text, const char **error);
    int (*rules_add_file)(void *rules, const char *path, const char **error);
    void *(*new_transaction)(void *engine, void *rules, const char *id, void *log_arg);
    int (*process_connection)(void *t, const char *client, int port, const char *server,
                              int server_port);
    int (*process_uri)(void *t, const char *uri, const char *method, const char *version);
    int (*add_header)(void *t, const unsigned char *name, size_t name_n, const unsigned char *value,
                      size_t value_n);
    int (*process_headers)(void *t);
    int (*append_body)(void *t, const unsigned char *bytes, size_t n);
    int (*process_body)(void *t);
    int (*intervention)(void *t, struct waf_intervention *out);
    void (*transaction_cleanup)(void *t);
};

/* Loads `name`, WAF_LIBRARY but in tests, and makes its engine,
 * which looks at the host's interfaces and so has to be made before confinement. RC_NOTFOUND: it is
 * not there, or lacks something; `err` names the package. */
enum rc waf_library_open(const char *name, struct waf_library *out, struct err *err);
/* Its engine goes; the library stays until the process ends. Allowed on zeroes. */
void waf_library_close(struct waf_library *lib);
