/* SPDX-License-Identifier: Apache-2.0 */
#include "dns/persist_rule.h"

#include "base/text.h"
#include "dns/issue_value.h"

MSG(msg_nobody, "dns.persist-nobody", "none of them is for this CA; they name {0}");
MSG(msg_near, "dns.persist-near", "the one that is for this CA {0}");
MSG(msg_expired, "dns.persist-expired", "the one that is for this CA ended at {0} (persistUntil)");

enum { SHOWN = 100, LIST_MAX = 400, DIGEST_TEXT = 43, DIGEST_BYTES = 32 };
#define SECONDS_MAX ((uint64_t)(INT64_MAX / WHEN_SECOND))

enum parameter { ACCOUNT, POLICY, UNTIL, PARAMETERS };

/* One record that means us, taken apart. */
struct record {
    struct str of[PARAMETERS];
    bool has[PARAMETERS];
    bool broken, twice;
    when_t until; /* 0: never */
};

/* How near a record came; what is further on in the list was reached later. */
enum lack {
    LACK_SYNTAX,
    LACK_TWICE,
    LACK_ACCOUNT,
    LACK_HASH,
    LACK_TIME,
    LACK_OTHER,
    LACK_WILDCARD,
    LACK_EXPIRED,
    LACK_NOTHING
};

static const struct {
    const char *type, *text;
} lacks[] = {
    [LACK_SYNTAX] = {"malformed",
                     "does not have the form of RFC 8659 section 4.2: the domain of the "
                     "CA, then parameters as in \"; tag=value\""},
    [LACK_TWICE] = {"malformed", "has a parameter twice"},
    [LACK_ACCOUNT] = {"malformed", "has no accounturi"},
    [LACK_HASH] = {"malformed", "has an accounturi that is no hash by sha-256, 43 characters of "
                                "base64url"},
    [LACK_TIME] = {"malformed", "has a persistUntil that is not a number of seconds since 1970"},
    [LACK_OTHER] = {"unauthorized", "is for another account, or for a key that the account no "
                                    "longer has (accounturi)"},
    [LACK_WILDCARD] = {"unauthorized", "does not allow wildcards (policy=wildcard)"},
    [LACK_EXPIRED] = {"unauthorized", NULL},
};

static void take(struct record *r, struct str tag, struct str value)
{
    static const char *const tags[] = {
        [ACCOUNT] = "accounturi", [POLICY] = "policy", [UNTIL] = "persistUntil"};

    for (unsigned i = 0; i < PARAMETERS; i++)
        if (str_ieq(tag, str_of(tags[i]))) {
            r->twice = r->twice || r->has[i];
            r->has[i] = true;
            r->of[i] = value;
        }
}

static void read_record(struct issue_value *v, struct record *out)
{
    struct str tag, value;

    *out = (struct record){.broken = false};
    while (issue_value_next(v, &tag, &value))
        take(out, tag, value);
    out->broken = v->broken;
}

/* Section 4.1: what comes behind the prefix is the hash's name, "/" and the digest. */
static bool is_digest(struct str s)
{
    CLEANUP(buf_done) struct buf digest = BUF_INIT(2 * DIGEST_BYTES);

    return str_starts(s, STR("sha-256/")) && str_skip(s, 8).n == DIGEST_TEXT &&
           text_unb64url(str_skip(s, 8), &digest) == RC_OK && digest.n == DIGEST_BYTES;
}

static bool is_ours(const struct persist_query *q, struct str uri)
{
    for (size_t i = 0; i < q->n_uris; i++)
        if (str_eq(uri, q->uris[i]))
            return true;
    return false;
}

/* A time that no clock here can reach is as good as none. */
static bool read_until(struct record *r)
{
    uint64_t seconds;
    enum rc rc = str_u64(r->of[UNTIL], SECONDS_MAX, &seconds);

    if (rc == RC_OK)
        r->until = seconds ? (when_t)seconds * WHEN_SECOND : 1;
    return rc == RC_OK || rc == RC_TOOBIG;
}

static enum lack judge(const struct persist_query *q, struct record *r)
{
    struct str uri = r->of[ACCOUNT];

    if (r->broken || r->twice)
        return r->broken ? LACK_SYNTAX : LACK_TWICE;
    if (!uri.n)
        return LACK_ACCOUNT;
    if (r->has[UNTIL] && !read_until(r))
        return LACK_TIME;
    if (!is_ours(q, uri))
        return q->prefix.n && str_starts(uri, q->prefix) && !is_digest(str_skip(uri, q->prefix.n))
                   ? LACK_HASH
                   : LACK_OTHER;
    if (q->wildcard && !str_ieq(r->of[POLICY], STR("wildcard")))
        return LACK_WILDCARD;
    return r->until && q->now > r->until ? LACK_EXPIRED : LACK_NOTHING;
}

static void add_shown(struct buf *out, struct str s)
{
    if (out->n + SHOWN + 2 > LIST_MAX)
        return;
    if (out->n)
        buf_putz(out, ", ");
    buf_puts(out, s.n && str_printable(s) ? str_head(s, SHOWN) : STR("nobody"));
}

static enum rc refuse(enum lack near, when_t until, struct str others, struct err *err)
{
    char at[WHEN_TEXT];

    if (near == LACK_NOTHING)
        return PROBLEM(err, RC_DENIED, "unauthorized", msg_nobody, others);
    if (near == LACK_EXPIRED)
        return PROBLEM(err, RC_DENIED, lacks[near].type, msg_expired, str_of(when_text(until, at)));
    return PROBLEM(err, RC_DENIED, lacks[near].type, msg_near, str_of(lacks[near].text));
}

enum rc persist_judge(const struct persist_query *q, const struct dns_record *records, size_t n,
                      when_t *out_until, struct err *err)
{
    CLEANUP(buf_done) struct buf others = BUF_INIT(LIST_MAX);
    enum lack near = LACK_NOTHING; /* none yet */
    when_t until = 0, ended = 0;
    bool found = false;

    for (size_t i = 0; i < n; i++) {
        struct issue_value v = issue_value_open(records[i].text);
        struct record r;
        enum lack lack;

        if (!issue_value_is(v.issuer, q->issuers, q->n_issuers)) {
            add_shown(&others, v.issuer);
            continue;
        }
        read_record(&v, &r);
        lack = judge(q, &r);
        if (lack == LACK_NOTHING) {
            until = !r.until || (found && !until) ? 0 : until > r.until ? until : r.until;
            found = true;
        } else if (near == LACK_NOTHING || lack > near) {
            near = lack;
            ended = r.until;
        }
    }
    if (!found)
        return refuse(near, ended, buf_str(&others), err);
    *out_until = until;
    return RC_OK;
}
