/* SPDX-License-Identifier: Apache-2.0 */
#include "waf/library.h"

#include <dlfcn.h>
#include <string.h>

MSG(msg_missing, "waf.engine-missing",
    "{0}, which inspects requests, cannot be loaded: {1}; Debian has it in the package "
    "libmodsecurity3 (apt install libmodsecurity3 modsecurity-crs), or set `waf` of all sites to "
    "off");
MSG(msg_other, "waf.engine-other", "{0} is not the library that is meant: it lacks {1}");

#define AT(member) offsetof(struct waf_library, member)

static const struct {
    const char *name;
    size_t at;
} symbols[] = {
    {"msc_init", AT(init)},
    {"msc_cleanup", AT(cleanup)},
    {"msc_set_connector_info", AT(set_connector_info)},
    {"msc_set_log_cb", AT(set_log_cb)},
    {"msc_create_rules_set", AT(create_rules_set)},
    {"msc_rules_add", AT(rules_add)},
    {"msc_rules_add_file", AT(rules_add_file)},
    {"msc_new_transaction_with_id", AT(new_transaction)},
    {"msc_process_connection", AT(process_connection)},
    {"msc_process_uri", AT(process_uri)},
    {"msc_add_n_request_header", AT(add_header)},
    {"msc_process_request_headers", AT(process_headers)},
    {"msc_append_request_body", AT(append_body)},
    {"msc_process_request_body", AT(process_body)},
    {"msc_intervention", AT(intervention)},
    {"msc_transaction_cleanup", AT(transaction_cleanup)},
};

enum rc waf_library_open(const char *name, struct waf_library *out, struct err *err)
{
    /* Everything is resolved now: later no memory can be made executable. */
    struct waf_library lib = {.handle = dlopen(name, RTLD_NOW | RTLD_LOCAL)};

    if (!lib.handle)
        return ERR(err, RC_NOTFOUND, msg_missing, str_of(name), str_of(dlerror()));
    for (size_t i = 0; i < sizeof(symbols) / sizeof(symbols[0]); i++) {
        void *p = dlsym(lib.handle, symbols[i].name);

        if (!p) {
            dlclose(lib.handle);
            return ERR(err, RC_NOTFOUND, msg_other, str_of(name), str_of(symbols[i].name));
        }
        memcpy((char *)&lib + symbols[i].at, &p, sizeof(p));
    }
    lib.engine = lib.init();
    if (!lib.engine)
        return RC_NOMEM;
    lib.set_connector_info(lib.engine, "Autarky");
    *out = lib;
    return RC_OK;
}

void waf_library_close(struct waf_library *lib)
{
    if (lib->engine)
        lib->cleanup(lib->engine);
    lib->engine = NULL;
}
