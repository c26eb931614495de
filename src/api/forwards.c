/* SPDX-License-Identifier: Apache-2.0 */
/* Where the audit log goes as well, as status and doctor show it. */
#include "api/forwards.h"

#include "api/admin.h"
#include "base/buf.h"

enum { TEXT_MAX = 1024 };

static const char *kind_of(const struct api_forward *f)
{
    if (f->server.n == 0)
        return "file";
    return f->plain ? "syslog over TCP" : "syslog over TLS";
}

void api_forwards_put(const struct api_view *v, struct json_out *o)
{
    json_key(o, "forward");
    json_arr(o);
    for (size_t i = 0; i < v->n_forwards; i++) {
        const struct api_forward *f = &v->forwards[i];

        json_obj(o);
        json_kv_str(o, "name", f->name);
        json_kv_z(o, "kind", kind_of(f));
        if (f->server.n)
            json_kv_str(o, "server", f->server);
        json_kv_u64(o, "through", f->done);
        json_kv_u64(o, "backlog", f->backlog);
        json_kv_u64(o, "lag_seconds", api_forward_lag(f, v->now));
        json_kv_u64(o, "failures", f->failures);
        if (f->failures) {
            json_kv_when(o, "failing_since", f->since);
            json_kv_str(o, "error", f->why);
        }
        json_end(o);
    }
    json_end(o);
}

uint64_t api_forward_lag(const struct api_forward *f, when_t now)
{
    return f->oldest && f->oldest < now ? (uint64_t)((now - f->oldest) / WHEN_SECOND) : 0;
}

void api_forward_text(const struct api_forward *f, when_t now, struct buf *out)
{
    char since[WHEN_TEXT];

    buf_printf(out, "%.*s (%s) has the audit log up to record %llu", STR_ARG(f->name), kind_of(f),
               (unsigned long long)f->done);
    if (f->backlog)
        buf_printf(out, "; %llu are still to come, the oldest %llu seconds old",
                   (unsigned long long)f->backlog, (unsigned long long)api_forward_lag(f, now));
    if (f->failures)
        buf_printf(out, "; %u attempts failed since %s: %.*s", f->failures,
                   when_text(f->since, since), STR_ARG(str_utf8_head(f->why, TEXT_MAX / 2)));
}
