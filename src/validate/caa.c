/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 8659 section 3: the CAA records of the name, or of the nearest name above it that has any. */
#include "base/name.h"
#include "base/when.h"
#include "validate/caa_rule.h"
#include "validate/validate_int.h"

MSG(msg_forbids, "validate.caa-forbids",
    "{0}: {1} may not have a certificate of this CA: {2}, at {3}. Whoever holds the zone can "
    "change them; acme.caa_identities are the names by which they may mean this CA");
MSG(msg_failed, "validate.caa-failed",
    "{0}: it could not be found out whether CAA records forbid the certificate: {1}. Until the "
    "name servers answer, it counts as forbidden (RFC 8659)");
MSG(msg_slow, "validate.caa-slow",
    "{0}: the name servers did not say in time whether {1} has CAA records");
MSG(msg_deep, "validate.caa-deep", "{0}: the name has more than 16 labels");

static void look(struct validation *run);

static void fail_lookup(struct validation *run, const struct dns_answer *answer)
{
    struct err why = ERR_INIT;

    IGNORE_RC(dns_answer_err(answer, &why));
    IGNORE_RC(ERR(&run->err, RC_DENIED, msg_failed, run->what, validate_text(run, &why)));
    validate_fail(run, "dns");
}

static void judge(struct validation *run, const struct dns_answer *answer)
{
    const struct conf_strs *identities = &run->conf->acme.identities;
    struct caa_query q = {
        .identities = identities->p,
        .n_identities = identities->n,
        .account = run->ask.account,
        .method = run->ask.challenge,
        .wildcard = run->ask.wildcard,
    };
    struct err why = ERR_INIT;

    if (caa_judge(&q, answer->records, answer->n, &why) == RC_OK) {
        validate_finish(run, RC_OK);
        return;
    }
    IGNORE_RC(ERR(&run->err, RC_DENIED, msg_forbids, run->what, run->ask.identifier,
                  validate_text(run, &why), run->caa_at));
    validate_fail(run, "caa");
}

static void climb(struct validation *run)
{
    struct str label, rest;

    if (str_cut(run->caa_at, '.', &label, &rest)) {
        run->caa_at = rest;
        look(run);
    } else {
        validate_finish(run, RC_OK);
    }
}

/* In a closed network nobody may be there to ask about a top-level domain, and what has CAA records
 * is what somebody holds. */
static bool excused(const struct validation *run, const struct dns_answer *answer)
{
    bool above = run->caa_at.n < run->ask.identifier.n;

    if (run->conf->validation.caa == CONF_CAA_STRICT)
        return false;
    if (answer->status == DNS_NO_SERVER && answer->n_tries == 0)
        return above;
    return name_labels(run->caa_at) == 1;
}

static void on_caa(void *arg, enum rc rc, const struct dns_answer *answer)
{
    struct validation *run = arg;

    run->lookup_caa = NULL;
    if (rc != RC_OK) {
        validate_finish(run, rc);
        return;
    }
    run->caa[run->n_caa++] = answer;
    switch (answer->status) {
    case DNS_FOUND:
        judge(run, answer);
        break;
    case DNS_NO_NAME:
    case DNS_NO_DATA:
        climb(run);
        break;
    case DNS_FAILED:
    case DNS_TIMED_OUT:
    case DNS_LOOP:
    case DNS_NO_SERVER:
    case DNS_DISAGREE:
        if (excused(run, answer))
            climb(run);
        else
            fail_lookup(run, answer);
        break;
    }
}

static void look(struct validation *run)
{
    struct dns_question q = {
        .name = run->caa_at, .type = DNS_CAA, .timeout = validate_left(run), .arena = &run->arena};
    enum rc rc;

    if (run->n_caa == CAA_STEPS_MAX) {
        IGNORE_RC(ERR(&run->err, RC_DENIED, msg_deep, run->what));
        validate_fail(run, "dns");
        return;
    }
    rc = dns_lookup_start(run->owner->resolver, &q, on_caa, run, &run->lookup_caa);
    if (rc != RC_OK)
        validate_finish(run, rc);
}

void validate_caa(struct validation *run)
{
    run->caa_at = run->ask.identifier;
    look(run);
}

void validate_caa_late(struct validation *run)
{
    IGNORE_RC(ERR(&run->err, RC_DENIED, msg_slow, run->what, run->caa_at));
    validate_fail(run, "dns");
}
