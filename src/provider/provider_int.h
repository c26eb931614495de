/* SPDX-License-Identifier: Apache-2.0 */
/* What the kinds share. */
#pragma once

#include "provider/provider.h"

extern const struct provider_kind provider_acme_dns, provider_alibaba, provider_azure,
    provider_cloudflare, provider_httpreq, provider_powerdns, provider_route53, provider_tencent;

/* Its value in a setting of the kind's own, counted from 0. */
static inline struct str provider_own(const struct provider *p, size_t i)
{
    return p->values[PROVIDER_OWN + i];
}

/* The URL `base` without a final slash, and `path`. */
void provider_put_base(struct str base, const char *path, struct buf *out);
/* The URL of the API, without a final slash, and `path`. */
void provider_put_url(const struct provider_call *call, struct provider_ask *out, const char *path);
/* RC_INVAL: the value has characters that a header cannot have. */
enum rc provider_put_header(const struct provider_call *call, struct provider_ask *out,
                            const char *name, struct str value, struct err *err);
/* RC_INVAL, as provider_put_header; `name` is for the message. */
enum rc provider_check_header(const struct provider_call *call, const char *name, struct str value,
                              struct err *err);
/* The name without its first label; false when only a single one would be left. */
bool provider_shorten(struct str *name);
/* The next shorter name in call->at is asked for, where no `zone` is set. RC_NOTFOUND: there is no
 * other, as kind->no_zone says. */
enum rc provider_next_zone(struct provider_call *call, struct err *err);
/* The domain that was asked for is `name`, or `puny` in ASCII: the zone, if it holds the record.
 * RC_PARSE: there is no name. */
enum rc provider_take_zone(struct provider_call *call, struct str name, struct str puny,
                           struct err *err);
/* The name without its final dot, if it has one. */
struct str provider_undot(struct str name);
/* The labels of `name` below `zone`, neither with a final dot: "@" for the zone itself, as most
 * APIs say it, and nothing for a name that is not within. */
struct str provider_below(struct str name, struct str zone);
/* The server cannot just now: a limit of requests, a fault of its own. What was asked may have
 * happened all the same. */
static inline bool provider_busy(int status)
{
    return status == 429 || status >= 500;
}
/* The same, and it says that it did not begin: what must not happen twice is asked again. */
static inline bool provider_declined(int status)
{
    return status == 429 || status == 503;
}
/* The list is read again after a pause, longer each time, and not before Retry-After says. False:
 * that was often enough, or the server wants more patience than there is. */
bool provider_later(struct provider_call *call);
/* Somebody else changed the records since they were listed: they are listed again. False: that was
 * often enough. */
bool provider_raced(struct provider_call *call);
/* Nothing that would end a part of a URL. */
bool provider_safe(struct str id);
/* "refused, with status N, and what it says". */
enum rc provider_refused(const struct provider_call *call, int status, struct str said,
                         struct err *err);
/* The same of an answer that has a code, which may be empty, and a message. */
enum rc provider_refused_code(struct provider_call *call, int status, struct str code,
                              struct str message, struct err *err);
/* The same of an answer of the server `at`, which need not be the one of `url`. */
enum rc provider_refused_at(struct provider_call *call, struct str at, int status, struct str code,
                            struct str message, struct err *err);
/* "this is no answer". */
enum rc provider_strange(const struct provider_call *call, struct err *err);
enum rc provider_strange_at(const struct provider_call *call, struct str at, struct err *err);
