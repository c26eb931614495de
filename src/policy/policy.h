/* SPDX-License-Identifier: Apache-2.0 */
/* Who may have which certificates: the rules of the configuration, judged. Nothing is allowed but
 * by a rule. The engine does no input or output: a configuration is compiled once, into a snapshot
 * that nobody changes, and a decision allocates nothing.
 *
 * Of the rules that have both the requester and the name, the most specific decides, alone:
 *   1. an exact name before a pattern; of patterns the one with more labels that are written out,
 *      then the one with more characters beside stars; of networks of addresses the smaller;
 *   2. who: an account before a client certificate before a key (EAB) before a group before
 *      anybody;
 *   3. a rule for clients, the gateway or operators alone before one for several of them;
 *   4. from where: the smaller network, and any network before none;
 *   5. the rule that stands first.
 *
 * Runs in core, at newOrder, when a challenge is answered and again at finalize; commands explain
 * and check with it. */
#pragma once

#include "base/id.h"
#include "policy/space.h"

struct arena;

enum {
    POLICY_SHOWN_MAX = 104, /* texts by which rules may name one certificate */
    /* Ways to ask for something: patterns times clients times networks, of all rules together. */
    POLICY_ENTRIES_MAX = 100'000,
};

struct policy;

/* Keeps a reference to the configuration. RC_TOOBIG past POLICY_ENTRIES_MAX, with a message. */
enum rc policy_new(const struct conf *conf, struct policy **out, struct err *err);
/* Shared ownership, counted, within one thread. policy_unref takes NULL. */
struct policy *policy_ref(struct policy *p);
void policy_unref(struct policy *p);
DEFINE_FREEP(policy_unref, struct policy)
/* Borrowed. */
const struct conf *policy_conf(const struct policy *p);

/* A client certificate by all that rules may name it by (conf_rule.client_certificates), borrowed.
 * It is of this CA, valid and not revoked at this moment: whoever fills it has looked. */
struct policy_shown {
    struct id id; /* its row's, for the register; "": none */
    struct str texts[POLICY_SHOWN_MAX];
    size_t n; /* 0: none is shown */
};

/* Some rule is about certificates of clients: without, none need be looked for. */
bool policy_wants_shown(const struct policy *p);
/* Adds `kind` ("", "team:" ...) with what is behind it, in the arena; nothing where that is empty,
 * or there is no room for more. */
enum rc policy_shown_add(struct policy_shown *s, struct arena *a, const char *kind,
                         struct str what);

struct policy_query {
    enum policy_identifier_type type;
    struct str value; /* canonical name (a wildcard with its "*."), or text of an address */
    enum conf_from from;
    struct addr requester; /* where the request came from; none: over a socket of this host */
    bool special;          /* the special hierarchy exists, so its space is open */
    struct str account;    /* id; empty: none */
    struct str eab;        /* name of the key that the account was bound with; empty: none */
    const struct policy_shown *shown; /* NULL: none */
};

struct policy_verdict {
    struct str rule;               /* name of the rule that allows it, borrowed */
    const struct conf_rule *terms; /* what else it says, borrowed; NULL: "gateway.sites" */
    struct str pattern;            /* of the rule, that the name fits; empty: of an address */
    unsigned challenges;           /* bit 1 << enum conf_challenge: which may prove control */
    bool vouched;                  /* nothing has to be proven */
};

/* RC_OK and the verdict of the most specific rule; RC_DENIED with a rejectedIdentifier problem
 * otherwise, which names the rule that stands in the way and nothing else of the configuration.
 * While no rule is about the gateway, its sites are the rule (policy_judge_vouched comes first). */
enum rc policy_judge(const struct policy *p, const struct policy_query *q,
                     struct policy_verdict *out, struct err *err);

/* The most specific rule that allows this requester everything below a name (the query's, no
 * wildcard) and lets one proof count for all of it ("subdomains", RFC 9444); whether the name
 * itself, is not asked. RC_DENIED when there is none. */
enum rc policy_judge_below(const struct policy *p, const struct policy_query *q,
                           struct policy_verdict *out);

/* A certificate as a whole. */
struct policy_whole {
    struct str profile;
    unsigned key_algorithm;                /* 1 << enum conf_key_algorithm; 0: not known yet */
    const struct str *names;               /* texts, as they were judged */
    const struct policy_verdict *verdicts; /* of each */
    size_t n;
};
/* What the rules that decided say beside names: RC_DENIED with the rule, what it wants and what was
 * found; rejectedIdentifier (how many, what goes together), invalidProfile, badPublicKey. */
enum rc policy_judge_whole(const struct policy_whole *w, struct err *err);
/* How many persons have to allow it, the most that any of the rules wants; 0: none has to. */
unsigned policy_approvers(const struct policy_whole *w);
/* The first of the rules that wants a reason for the certificate; NULL: none does. */
const struct conf_rule *policy_reason(const struct policy_whole *w);
/* The longest that it may live; 0: the rules say nothing. */
when_t policy_lifetime(const struct policy_whole *w);

/* ---- one rule by itself, for messages and explanations */

enum policy_fault {
    POLICY_FITS,
    POLICY_OTHER_FROM, /* the rule is for clients, operators ... */
    POLICY_OTHER_NAME,
    POLICY_WILDCARD, /* has names like it, and no wildcards */
    POLICY_NETWORK,
    POLICY_CLIENT, /* has it, for other accounts, keys or client certificates */
};
/* Why the rule does not have what is asked for; the first that applies. Slow. */
enum policy_fault policy_rule_fault(const struct policy *p, const struct conf_rule *rule,
                                    const struct policy_query *q);

/* `pattern` fits the canonical name: "*" fits every name, "*.d" every name below d with at most
 * `labels` (0: any number) for the star, a star inside of a label anything in this label, anything
 * else itself only. */
bool policy_pattern_fits(struct str pattern, struct str name, uint64_t labels);
/* Its part behind all stars: "d" of "*.d" and of "web-*.d", itself without stars, "" of "*". */
struct str policy_pattern_domain(struct str pattern);
