/* SPDX-License-Identifier: Apache-2.0 */
/* Identifiers of orders and authorizations: RFC 8555 section 7.1.3 (names, wildcards), RFC 8738
 * (addresses). What may prove control of which is one table. */
#include "acme/parts_int.h"
#include "base/name.h"
#include "base/text.h"
#include "ca/issue.h"
#include "crypto/crypto.h"

MSG(msg_form, "acme.identifier-form",
    "an identifier has to be an object with the texts \"type\" and \"value\"");
MSG(msg_type, "acme.identifier-type",
    "identifier type \"{0}\" is not offered by this server; it certifies \"dns\" names and \"ip\" "
    "addresses");
MSG(msg_name, "acme.identifier-name", "\"{0}\" is not a DNS name: {1}");
MSG(msg_address, "acme.identifier-address",
    "\"{0}\" is not an address as RFC 8738 section 3 wants it: four decimal numbers, or RFC 5952 "
    "text of IPv6 as in 2001:db8::7");
MSG(msg_no_challenge, "acme.identifier-no-challenge",
    "policy rule \"{0}\" allows {1}, but none of its challenges can prove control of {2}; add one "
    "that can to the rule's \"challenges\", or ask for something else");

MSG(msg_method, "acme.challenge-refused",
    "policy rule \"{0}\" does not take {1} as proof of {2} any more; make a new order");
MSG(msg_below, "acme.challenge-subdomains",
    "no policy rule lets a proof of {0} count for what is below it any more; make a new order");

enum { FOR_NAMES = 1, FOR_ADDRESSES = 2, FOR_WILDCARDS = 4, FOR_SUBDOMAINS = 8 };

/* RFC 8555 sections 8.3 and 8.4, RFC 8738 section 4: a wildcard, or all below a name, is proven in
 * the DNS, and an address nowhere there. */
static const unsigned proves[CONF_CHALLENGE_COUNT] = {
    [CONF_CHALLENGE_HTTP_01] = FOR_NAMES | FOR_ADDRESSES,
    [CONF_CHALLENGE_DNS_01] = FOR_NAMES | FOR_WILDCARDS | FOR_SUBDOMAINS,
    [CONF_CHALLENGE_TLS_ALPN_01] = FOR_NAMES | FOR_ADDRESSES,
    [CONF_CHALLENGE_DNS_ACCOUNT_01] = FOR_NAMES | FOR_WILDCARDS | FOR_SUBDOMAINS,
    [CONF_CHALLENGE_DNS_PERSIST_01] = FOR_NAMES | FOR_WILDCARDS,
};

static const char *name_fault(enum rc rc)
{
    return rc == RC_TOOBIG        ? "it is longer than 253 bytes, or a label longer than 63"
           : rc == RC_UNSUPPORTED ? "write international names as A-labels (xn--...)"
           : rc == RC_INVAL       ? "it is an address, or its last label is a number"
                            : "labels are letters, digits and hyphens inside, divided by dots";
}

static enum rc read_name(struct acme_request *r, struct str value, struct acme_identifier *out,
                         struct err *err)
{
    char name[NAME_MAX_BYTES + 1];
    enum rc rc = name_canonical(value, true, name);

    if (rc != RC_OK)
        return PROBLEM(err, RC_INVAL, "malformed", msg_name, value, str_of(name_fault(rc)));
    out->name.type = STORE_NAME_DNS;
    TRY(arena_str(r->arena, str_of(name), &out->name.value));
    out->wildcard = name_is_wildcard(out->name.value);
    out->proven = out->name;
    if (out->wildcard)
        out->proven.value = str_skip(out->name.value, 2);
    return RC_OK;
}

static enum rc read_address(struct acme_request *r, struct str value, struct acme_identifier *out,
                            struct err *err)
{
    char text[ADDR_TEXT];
    struct addr address;

    if (addr_parse(value, &address) != RC_OK)
        return PROBLEM(err, RC_INVAL, "malformed", msg_address, value);
    out->name.type = STORE_NAME_IP;
    TRY(arena_str(r->arena, str_of(addr_text(&address, text)), &out->name.value));
    out->proven = out->name;
    return RC_OK;
}

enum rc acme_identifier_read(struct acme_request *r, const struct json *v,
                             struct acme_identifier *out, struct err *err)
{
    struct str type, value;

    *out = (struct acme_identifier){.wildcard = false};
    if (json_str(json_get(v, "type"), &type) != RC_OK ||
        json_str(json_get(v, "value"), &value) != RC_OK)
        return PROBLEM(err, RC_PARSE, "malformed", msg_form);
    out->name.value = value;
    if (str_eq(type, STR("dns")))
        return read_name(r, value, out, err);
    if (str_eq(type, STR("ip")))
        return read_address(r, value, out, err);
    return PROBLEM(err, RC_UNSUPPORTED, "unsupportedIdentifier", msg_type, type);
}

unsigned acme_identifier_challenges(const struct acme_identifier *i, unsigned allowed)
{
    unsigned wanted = i->name.type == STORE_NAME_IP ? FOR_ADDRESSES : FOR_NAMES;
    unsigned fit = 0;

    if (i->wildcard)
        wanted = FOR_WILDCARDS;
    if (i->subdomains)
        wanted |= FOR_SUBDOMAINS;
    for (unsigned c = 0; c < CONF_CHALLENGE_COUNT; c++)
        if ((allowed & (1u << c)) && (proves[c] & wanted) == wanted)
            fit |= 1u << c;
    return fit;
}

struct policy_query acme_policy_query(const struct acme_request *r, const struct store_name *name)
{
    return (struct policy_query){
        .type = name->type == STORE_NAME_IP ? POLICY_IP : POLICY_DNS,
        .value = name->value,
        .requester = r->client,
        .special = acme_special_open(r),
        .account = id_str(&r->account.id),
        .eab = r->account.eab_key,
        .shown = r->shown,
    };
}

static enum rc judge_name(struct acme_request *r, struct acme_identifier *i, struct err *err)
{
    struct policy_query q = acme_policy_query(r, &i->name);

    TRY(policy_judge(r->acme->policy, &q, &i->verdict, err));
    i->challenges = acme_identifier_challenges(i, i->verdict.challenges);
    if (i->challenges || i->verdict.vouched)
        return RC_OK;
    return PROBLEM(err, RC_DENIED, "rejectedIdentifier", msg_no_challenge, i->verdict.rule,
                   i->name.value,
                   i->wildcard                     ? STR("a wildcard")
                   : i->name.type == STORE_NAME_IP ? STR("an address")
                                                   : STR("a name"));
}

enum rc acme_identifier_judge(struct acme_request *r, struct acme_identifier *i, struct err *err)
{
    TRY(judge_name(r, i, err));
    if (i->verdict.terms->subdomains)
        acme_subdomains_take(r, i);
    return RC_OK;
}

enum rc acme_identifier_judge_ahead(struct acme_request *r, struct acme_identifier *i,
                                    struct err *err)
{
    return acme_subdomains_take(r, i) ? RC_OK : judge_name(r, i, err);
}

enum rc acme_identifier_judge_again(struct acme_request *r, const struct store_authorization *z,
                                    struct acme_identifier *i)
{
    *i = (struct acme_identifier){.name = z->name, .proven = z->name, .wildcard = z->wildcard};
    i->subdomains = z->subdomains;
    if (z->subdomains)
        return acme_subdomains_judge(r, i)
                   ? RC_OK
                   : ACME_ERR(r, RC_DENIED, "rejectedIdentifier", msg_below, z->name.value);
    if (z->wildcard)
        i->name.value = arena_printf(r->arena, "*.%.*s", STR_ARG(z->name.value));
    TRY(i->name.value.p ? RC_OK : RC_NOMEM);
    return judge_name(r, i, &r->err);
}

unsigned acme_challenge_bit(struct str type)
{
    for (unsigned c = 0; c < CONF_CHALLENGE_COUNT; c++)
        if (str_eq(type, str_of(conf_challenge_name(c))))
            return 1u << c;
    return 0;
}

enum rc acme_identifier_judge_challenge(struct acme_request *r, const struct store_authorization *z,
                                        struct str type)
{
    struct acme_identifier i;

    TRY(acme_identifier_judge_again(r, z, &i));
    if (i.challenges & acme_challenge_bit(type))
        return RC_OK;
    return ACME_ERR(r, RC_DENIED, "unauthorized", msg_method, i.verdict.rule, type, i.name.value);
}

static enum rc add_challenge(struct acme_request *r, const char *type, struct store_challenge *c)
{
    unsigned char random[ACME_TOKEN_BYTES];
    CLEANUP(buf_done) struct buf token = BUF_INIT(2 * sizeof(random));

    TRY(id_new(&c->id));
    TRY(crypto_random(random, sizeof(random)));
    text_b64url(&token, str_bytes(random, sizeof(random)));
    TRY(buf_rc(&token));
    c->type = str_of(type);
    return arena_str(r->arena, buf_str(&token), &c->token);
}

enum rc acme_identifier_authorization(struct acme_request *r, const struct acme_identifier *i,
                                      struct store_authorization *out)
{
    struct store_challenge *list =
        ARENA_ARRAY(r->arena, struct store_challenge, CONF_CHALLENGE_COUNT);
    size_t n = 0;

    if (!list)
        return RC_NOMEM;
    out->account = r->account.id;
    out->name = i->proven;
    out->wildcard = i->wildcard;
    out->subdomains = i->subdomains;
    out->status = STORE_AUTHORIZATION_PENDING;
    out->expires = r->now + ACME_ORDER_LIFE;
    out->created = r->now;
    TRY(id_new(&out->id));
    for (unsigned c = 0; c < CONF_CHALLENGE_COUNT; c++)
        if (i->challenges & (1u << c))
            TRY(add_challenge(r, conf_challenge_name(c), &list[n++]));
    out->challenges = list;
    out->n_challenges = n;
    return RC_OK;
}

bool acme_name_eq(const struct store_name *a, const struct store_name *b)
{
    return a->type == b->type && str_eq(a->value, b->value);
}
