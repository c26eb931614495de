/* SPDX-License-Identifier: Apache-2.0 */
/* How the certificates of the gateway's sites are, in numbers. Which site it is stands in `autarky
 * site list`: a label for each name would be as many series as there are sites. */
#include "keeper/keeper_int.h"

#include "metrics/metrics.h"

enum { VALID, FAILING, OBTAINING, MISSING, STATES };
static const char *const states[] = {"valid", "failing", "obtaining", "missing"};
METRIC_GAUGE_BY(certificates, "site_certificates",
                "Certificates that sites are configured to have: in force; in force, but the last "
                "attempt to renew failed; on order, the first one; none yet, or none left",
                "state", states);
static const char *const algorithms[] = {"rsa", "ecdsa", "sm2", "mldsa65"};
static_assert(METRIC_LENGTH(algorithms) == CONF_SITE_KEYS, "as conf_site_key_name says");
METRIC_GAUGE_TIME_BY(not_after, "site_certificate_not_after_timestamp_seconds",
                     "When the first of the sites' certificates ends", "algorithm", algorithms);

static const char *const staples[] = {"none", "missing", "good", "revoked"};
METRIC_GAUGE_BY(staples_gauge, "site_staples",
                "OCSP answers that are shown with the sites' certificates: none, where the "
                "certificate names no responder; missing, where there is none that is good now; "
                "otherwise what it says",
                "status", staples);
static_assert(METRIC_LENGTH(staples) == IPC_STAPLES, "as ipc_staple_name says");
METRIC_GAUGE_TIME(staple_oldest, "site_staple_oldest_timestamp_seconds",
                  "When the oldest of these OCSP answers was made");

static unsigned state_of(const struct keeper_slot *slot)
{
    if (slot->pair)
        return slot->failures + slot->public.failures ? FAILING : VALID;
    return slot->run ? OBTAINING : MISSING;
}

void keeper_measure(struct role_env *env)
{
    struct keeper *k = env->state;
    int64_t n[STATES] = {0};
    when_t first[METRIC_LENGTH(algorithms)] = {0};

    int64_t answers[IPC_STAPLES] = {0};
    when_t oldest = 0;

    LIST_FOREACH (it, &k->slots) {
        const struct keeper_slot *slot = LIST_ENTRY(it, struct keeper_slot, link);
        const struct keeper_staple *s = &slot->staple;

        if (slot->pair)
            answers[keeper_staple_state(slot)]++;
        if (s->der.n && (oldest == 0 || s->said.since < oldest))
            oldest = s->said.since;
        n[state_of(slot)]++;
        if (slot->pair && slot->algorithm < METRIC_LENGTH(first) &&
            (first[slot->algorithm] == 0 || slot->not_after < first[slot->algorithm]))
            first[slot->algorithm] = slot->not_after;
    }
    for (size_t i = 0; i < STATES; i++)
        metric_set(&certificates, i, n[i]);
    for (size_t i = 0; i < IPC_STAPLES; i++)
        metric_set(&staples_gauge, i, answers[i]);
    metric_set(&staple_oldest, 0, oldest ? oldest : METRIC_NONE);
    for (size_t i = 0; i < METRIC_LENGTH(first); i++)
        metric_set(&not_after, i, first[i] ? first[i] : METRIC_NONE);
}
