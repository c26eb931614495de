/* SPDX-License-Identifier: Apache-2.0 */
#include "validate/caa_rule.h"

#include "dns/issue_value.h"

MSG(msg_critical, "validate.caa-critical",
    "a CAA record that must be understood has the property \"{0}\", which is not known here");
MSG(msg_nobody, "validate.caa-nobody",
    "its CAA records allow {0} and not this CA, which they would call {1}");
MSG(msg_near, "validate.caa-near", "its CAA record for this CA {0}");

enum { SHOWN = 100, LIST_MAX = 400, CRITICAL = 0x80 };

/* RFC 8659 section 4.2, one "issue" or "issuewild" value taken apart. */
struct value {
    struct str issuer; /* empty: nobody may issue */
    struct str account;
    struct str methods;
    bool has_account, has_methods;
    bool broken; /* then it allows nothing */
};

static void take_parameter(struct value *v, struct str tag, struct str value)
{
    if (str_ieq(tag, STR("accounturi"))) {
        v->broken = v->broken || v->has_account; /* RFC 8657 section 3: one at most */
        v->has_account = true;
        v->account = value;
    } else if (str_ieq(tag, STR("validationmethods"))) {
        v->broken = v->broken || v->has_methods;
        v->has_methods = true;
        v->methods = value;
    }
}

static struct value parse(struct str text)
{
    struct issue_value in = issue_value_open(text);
    struct value v = {.issuer = in.issuer};
    struct str tag, value;

    while (!v.broken && issue_value_next(&in, &tag, &value))
        take_parameter(&v, tag, value);
    v.broken = v.broken || in.broken;
    return v;
}

static bool lists(struct str methods, struct str method)
{
    struct str field;

    while (str_next(&methods, ',', &field))
        if (str_eq(issue_value_trim(field), method))
            return true;
    return false;
}

/* Why a value that means us does not allow it; NULL: it does. */
static const char *objection(const struct caa_query *q, const struct value *v)
{
    if (v->broken)
        return "cannot be understood (RFC 8659 section 4.2), and so allows nothing";
    if (v->has_account && !str_eq(v->account, q->account))
        return "is for another account (accounturi)";
    if (v->has_methods && !lists(v->methods, q->method))
        return "does not allow this kind of challenge (validationmethods)";
    return NULL;
}

static bool known(struct str tag)
{
    static const char *const tags[] = {"issue",        "issuewild", "iodef",   "contactemail",
                                       "contactphone", "issuemail", "issuevmc"};

    for (size_t i = 0; i < sizeof(tags) / sizeof(tags[0]); i++)
        if (str_ieq(tag, str_of(tags[i])))
            return true;
    return false;
}

static bool has_tag(const struct dns_record *records, size_t n, struct str tag)
{
    for (size_t i = 0; i < n; i++)
        if (str_ieq(records[i].tag, tag))
            return true;
    return false;
}

static void add_shown(struct buf *out, struct str s)
{
    if (out->n + SHOWN + 2 > LIST_MAX)
        return;
    if (out->n)
        buf_putz(out, ", ");
    buf_puts(out, s.n && str_printable(s) ? str_head(s, SHOWN) : STR("nobody"));
}

static enum rc judge_tag(const struct caa_query *q, const struct dns_record *records, size_t n,
                         struct str tag, struct err *err)
{
    CLEANUP(buf_done) struct buf others = BUF_INIT(LIST_MAX);
    CLEANUP(buf_done) struct buf us = BUF_INIT(LIST_MAX);
    const char *near = NULL;

    for (size_t i = 0; i < n; i++) {
        struct value v;

        if (!str_ieq(records[i].tag, tag))
            continue;
        v = parse(records[i].text);
        if (issue_value_is(v.issuer, q->identities, q->n_identities)) {
            const char *no = objection(q, &v);

            if (!no)
                return RC_OK;
            near = no;
        } else {
            add_shown(&others, v.issuer);
        }
    }
    if (near)
        return ERR(err, RC_DENIED, msg_near, str_of(near));
    for (size_t i = 0; i < q->n_identities; i++)
        add_shown(&us, q->identities[i]);
    return ERR(err, RC_DENIED, msg_nobody, buf_str(&others), buf_str(&us));
}

enum rc caa_judge(const struct caa_query *q, const struct dns_record *records, size_t n,
                  struct err *err)
{
    bool wild = q->wildcard && has_tag(records, n, STR("issuewild"));

    for (size_t i = 0; i < n; i++)
        if (records[i].flags & CRITICAL && !known(records[i].tag))
            return ERR(err, RC_DENIED, msg_critical,
                       str_printable(records[i].tag) ? str_head(records[i].tag, SHOWN) : STR("?"));
    /* Without either there is nothing about us (RFC 8659 section 4.1). */
    if (!wild && !has_tag(records, n, STR("issue")))
        return RC_OK;
    return judge_tag(q, records, n, wild ? STR("issuewild") : STR("issue"), err);
}
