/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/proxy.h"

#include <stdlib.h>
#include <string.h>

MSG(msg_secret, "agent.proxy-secret",
    "--proxy takes no user and password, which others could read in the list of processes: give "
    "the whole in the environment variable HTTPS_PROXY");

static struct str from_environment(const char *upper, const char *lower)
{
    const char *value =
        upper ? getenv(upper) : NULL; /* NOLINT(concurrency-mt-unsafe): one thread */

    if (!value || !value[0])
        value = getenv(lower); /* NOLINT(concurrency-mt-unsafe): one thread */
    return str_of(value);
}

static enum rc load_one(struct client_proxy *p, const struct agent_plan *plan, struct str fallback,
                        struct err *err)
{
    struct str url = plan->proxy.n ? plan->proxy : fallback;
    struct str except =
        plan->no_proxy.n ? plan->no_proxy : from_environment("NO_PROXY", "no_proxy");

    if (url.n == 0 || str_eq(url, STR(AGENT_PROXY_NONE)))
        return RC_OK;
    if (plan->proxy.n && str_find(plan->proxy, '@') < plan->proxy.n)
        return ERR(err, RC_INVAL, msg_secret);
    p->for_private = plan->proxy_private.n > 0;
    TRY(client_proxy_parse(url, p, err));
    return client_proxy_except(p, except, err);
}

enum rc agent_proxies_load(struct agent_proxies *p, const struct agent_plan *plan, struct err *err)
{
    *p = (struct agent_proxies){};
    TRY(load_one(&p->of[0], plan, from_environment(NULL, "http_proxy"), err));
    return load_one(&p->of[1], plan, from_environment("HTTPS_PROXY", "https_proxy"), err);
}

void agent_proxies_done(struct agent_proxies *p)
{
    explicit_bzero(p, sizeof(*p));
}
