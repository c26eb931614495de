/* SPDX-License-Identifier: Apache-2.0 */
#include "api/cert_sign.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "ca/escrow.h"
#include "policy/policy.h"
#include "store/types.h"
#include "x509/envelope.h"

MSG(msg_csr, "api.sign-csr", "\"csr\" has to be a PKCS#10 request in DER, as base64url");
MSG(msg_ca, "api.sign-ca",
    "the request asks for the certificate of a CA, and those are made by `autarky issuer create` "
    "only");
MSG(msg_profile, "api.sign-profile", "the configuration has no profile \"{0}\"; there are: {1}");
MSG(msg_no_names, "api.sign-no-names",
    "the request names nothing that could be certified; give names with --name");
MSG(msg_reason, "api.sign-reason",
    "policy rule \"{0}\" wants a reason or ticket for each certificate: give --reason");
MSG(msg_by_ca, "api.sign-key-by-ca", "\"key_by_ca\" has to be true or false");
MSG(msg_by_ca_sm2, "api.sign-key-by-ca-sm2",
    "a key made by the CA is for SM2: the request has to be signed with an SM2 key");
MSG(msg_by_ca_signs, "api.sign-key-by-ca-signs",
    "keys of profile \"{0}\" sign, and those are made by who signs with them; the CA makes keys of "
    "profiles like tlcp-enc");
MSG(msg_text, "api.sign-text", "\"{0}\" has to be a text of at most 1024 bytes");

enum { PROFILES_SHOWN = 512 };

static enum rc read_csr(const struct conf *conf, const struct json *args, struct arena *a,
                        struct api_signing *s, struct err *err)
{
    CLEANUP(buf_done) struct buf der = BUF_INIT(X509_CSR_MAX);
    struct str text, kept;

    if (json_str(json_get(args, "csr"), &text) != RC_OK || text_unb64url(text, &der) != RC_OK)
        return ERR(err, RC_PARSE, msg_csr);
    TRY(arena_str(a, buf_str(&der), &kept));
    TRY(x509_csr_parse(a, kept, X509_CSR_LENIENT, &s->csr, err));
    TRY(x509_csr_check_id(&s->csr, conf->ca.sm2_empty_id, err));
    return s->csr.ca ? ERR(err, RC_DENIED, msg_ca) : RC_OK;
}

static enum rc no_profile(const struct conf *conf, struct str name, struct err *err)
{
    CLEANUP(buf_done) struct buf all = BUF_INIT(PROFILES_SHOWN);

    for (size_t i = 0; i < conf->n_profiles; i++)
        if (all.n + conf->profiles[i].name.n + 2 < PROFILES_SHOWN)
            buf_printf(&all, "%s%.*s", i ? ", " : "", STR_ARG(conf->profiles[i].name));
    TRY(buf_rc(&all));
    return ERR(err, RC_NOTFOUND, msg_profile, str_head(name, 64), buf_str(&all));
}

/* An optional text; `out` stays as it is without one. */
static enum rc read_text(const struct json *args, const char *name, struct arena *a,
                         struct str *out, struct err *err)
{
    const struct json *value = json_get(args, name);
    struct str text;

    if (!value || json_is_null(value))
        return RC_OK;
    if (json_str(value, &text) != RC_OK || text.n > STORE_TEXT_MAX || !str_utf8(text))
        return ERR(err, RC_INVAL, msg_text, str_of(name));
    return arena_str(a, text, out);
}

/* Those of the request, unless others are given: then exactly these. A common name that is a name
 * is among those of the request already. */
static enum rc read_names(const struct json *args, struct arena *a, struct api_signing *s,
                          struct err *err)
{
    const struct json *given = json_get(args, "names");
    const struct x509_csr *csr = &s->csr;
    struct ca_request *r = &s->request;
    struct api_names names;

    r->dns = csr->dns;
    r->n_dns = csr->n_dns;
    r->ips = csr->ips;
    r->n_ips = csr->n_ips;
    r->emails = csr->emails;
    r->n_emails = csr->n_emails;
    r->uris = csr->uris;
    r->n_uris = csr->n_uris;
    if (given) {
        TRY(api_names_read(a, given, &names, err));
        r->dns = names.dns;
        r->n_dns = names.n_dns;
        r->ips = names.ips;
        r->n_ips = names.n_ips;
        r->emails = names.emails;
        r->n_emails = names.n_emails;
        r->uris = names.uris;
        r->n_uris = names.n_uris;
    }
    if (r->n_dns + r->n_ips + r->n_emails + r->n_uris == 0)
        return ERR(err, RC_INVAL, msg_no_names);
    return RC_OK;
}

/* The common name of a request is a wish: where the profile cannot fulfil it, or other names were
 * given, it is left out. One that is given beside the request is not. */
static enum rc read_common_name(const struct json *args, struct arena *a, struct api_signing *s,
                                struct err *err)
{
    const struct x509_csr *csr = &s->csr;
    bool names_given = json_get(args, "names") != NULL;
    struct addr ip;

    if (json_get(args, "common_name"))
        return read_text(args, "common_name", a, &s->request.common_name, err);
    if (names_given || csr->common_name.n > X509_ATTR_MAX ||
        addr_parse(csr->common_name, &ip) == RC_OK)
        return RC_OK;
    if (csr->common_name_is_name ? s->profile->common_name != CONF_CN_NONE
                                 : s->profile->common_name == CONF_CN_TEXT)
        s->request.common_name = csr->common_name;
    return RC_OK;
}

/* ---- whether it can be issued */

struct judged {
    struct policy_verdict *verdicts;
    struct str *names;
    size_t n;
};

static enum rc judge_one(const struct api_view *v, struct policy_query *q, struct judged *j,
                         struct err *err)
{
    TRY(policy_judge(v->policy, q, &j->verdicts[j->n], err));
    j->names[j->n++] = q->value;
    return RC_OK;
}

/* The hosts of all names, mail addresses and URIs included. */
static enum rc judge_hosts(const struct api_view *v, const struct policy_names *names,
                           struct arena *a, struct judged *j, struct err *err)
{
    struct policy_query q = {
        .type = POLICY_DNS,
        .from = CONF_FROM_OPERATORS,
        .special = ca_hierarchy_open(v->ca, policy_space_text(POLICY_SPECIAL)),
    };
    char text[ADDR_TEXT];

    for (size_t i = 0; i < names->n_dns; i++) {
        q.value = names->dns[i];
        TRY(judge_one(v, &q, j, err));
    }
    q.type = POLICY_IP;
    for (size_t i = 0; i < names->n_ips; i++) {
        TRY(arena_str(a, str_of(addr_text(&names->ips[i], text)), &q.value));
        TRY(judge_one(v, &q, j, err));
    }
    return RC_OK;
}

/* Each rule once. */
static enum rc name_rules(const struct judged *j, struct arena *a, struct str *out)
{
    struct str all = STR("");

    for (size_t i = 0; i < j->n; i++) {
        size_t k = 0;

        while (!str_eq(j->verdicts[k].rule, j->verdicts[i].rule))
            k++;
        if (k < i)
            continue;
        all = arena_printf(a, "%.*s%s%.*s", STR_ARG(all), all.n ? ", " : "",
                           STR_ARG(j->verdicts[i].rule));
        if (!all.p)
            return RC_NOMEM;
    }
    *out = all;
    return RC_OK;
}

static enum rc judge(const struct api_view *v, struct api_signing *s,
                     const struct policy_names *names, struct arena *a, struct err *err)
{
    size_t n = names->n_dns + names->n_ips;
    struct judged j = {.verdicts = ARENA_ARRAY(a, struct policy_verdict, n),
                       .names = ARENA_ARRAY(a, struct str, n)};
    struct policy_whole w = {.profile = s->profile->name,
                             .key_algorithm = ca_leaf_algorithm(s->csr.key_type)};
    when_t life;

    if (!j.verdicts || !j.names)
        return RC_NOMEM;
    TRY(judge_hosts(v, names, a, &j, err));
    w.names = j.names;
    w.verdicts = j.verdicts;
    w.n = j.n;
    TRY(policy_judge_whole(&w, err));
    if (policy_reason(&w) && s->request.reason.n == 0)
        return ERR(err, RC_DENIED, msg_reason, policy_reason(&w)->name);
    s->approvers = policy_approvers(&w);
    life = policy_lifetime(&w);
    if (life)
        s->request.not_after = v->now - s->profile->backdate + life - WHEN_SECOND;
    return name_rules(&j, a, &s->request.rules);
}

/* One hierarchy for all names, an issuer in it that was made for them, and the policy's rules. */
static enum rc check_hosts(const struct api_view *v, struct api_signing *s, struct arena *a,
                           struct err *err)
{
    struct policy_names names;

    TRY(ca_request_hosts(&s->request, a, &names));
    TRY(ca_serves(v->ca, &names, false, err));
    return judge(v, s, &names, a, err);
}

/* What ca_issue and the signer would refuse, before anything is reserved. */
static enum rc check(const struct api_view *v, struct api_signing *s, struct arena *a,
                     struct err *err)
{
    const struct ca_request *r = &s->request;
    struct ca_leaf leaf = {
        .dns = r->dns,
        .n_dns = r->n_dns,
        .ips = r->ips,
        .n_ips = r->n_ips,
        .emails = r->emails,
        .n_emails = r->n_emails,
        .uris = r->uris,
        .n_uris = r->n_uris,
        .common_name = r->common_name,
    };

    TRY(ca_leaf_check_key(s->profile, s->csr.key_type, s->csr.key_bits, err));
    TRY(ca_leaf_check_names(&leaf, s->profile, err));
    return check_hosts(v, s, a, err);
}

/* GB/T 20518: a key to encrypt to may be made for its owner, one that signs never. */
static enum rc read_key_by_ca(const struct json *args, struct api_signing *s, struct err *err)
{
    enum { SIGNS = X509_KU_DIGITAL_SIGNATURE | X509_KU_NON_REPUDIATION };
    const struct json *value = json_get(args, "key_by_ca");

    if (value && json_bool(value, &s->key_by_ca) != RC_OK)
        return ERR(err, RC_INVAL, msg_by_ca);
    if (s->key_by_ca && s->csr.key_type != CRYPTO_KEY_SM2)
        return ERR(err, RC_INVAL, msg_by_ca_sm2);
    if (s->key_by_ca && ca_leaf_key_usage(s->profile, s->csr.key_type) & SIGNS)
        return ERR(err, RC_DENIED, msg_by_ca_signs, s->profile->name);
    return RC_OK;
}

enum rc api_cert_sign_read(const struct api_view *v, const struct json *args, struct arena *a,
                           struct api_signing *out, struct err *err)
{
    struct api_signing s = {.request = {.origin = STR("operator")}};
    struct str profile = STR("default");

    TRY(read_csr(v->conf, args, a, &s, err));
    TRY(read_text(args, "profile", a, &profile, err));
    s.profile = conf_profile_find(v->conf, profile);
    if (!s.profile)
        return no_profile(v->conf, profile, err);
    s.request.profile = profile;
    s.request.spki = s.csr.spki;
    s.request.key_type = s.csr.key_type;
    TRY(read_key_by_ca(args, &s, err));
    TRY(read_names(args, a, &s, err));
    TRY(read_common_name(args, a, &s, err));
    TRY(read_text(args, "reason", a, &s.request.reason, err));
    s.request.reason = str_trim(s.request.reason); /* blanks are none */
    TRY(read_text(args, "owner", a, &s.request.owner, err));
    TRY(read_text(args, "team", a, &s.request.team, err));
    TRY(read_text(args, "service", a, &s.request.service, err));
    TRY(check(v, &s, a, err));
    *out = s;
    return RC_OK;
}

static enum rc seal(const struct crypto_key *key, const struct crypto_key *to, struct arena *a,
                    struct str *out)
{
    CLEANUP(buf_done) struct buf der = BUF_INIT(X509_ENVELOPE_MAX);

    TRY(x509_envelope_seal(key, to, &der));
    return arena_str(a, buf_str(&der), out);
}

enum rc api_cert_sign_make_key(const struct conf *conf, struct api_signing *s, struct arena *a,
                               struct err *err)
{
    CLEANUP(crypto_key_unrefp) struct crypto_key *key = NULL, *to = NULL, *escrow = NULL;

    TRY(ca_escrow_key(conf, &escrow, err));
    TRY(crypto_key_from_spki(s->csr.spki, &to, NULL));
    TRY(crypto_key_generate((struct crypto_key_spec){CRYPTO_KEY_SM2, 0}, &key));
    TRY(seal(key, to, a, &s->enveloped));
    if (escrow) {
        TRY(seal(key, escrow, a, &s->request.escrow));
        memcpy(s->request.escrow_to.b, crypto_key_spki_sha256(escrow).p, STORE_SHA256);
    }
    TRY(arena_str(a, crypto_key_spki(key), &s->request.spki));
    s->request.key_made = true;
    return RC_OK;
}

/* ---- what would be done */

static void put_names(const struct ca_request *r, struct json_out *o)
{
    char text[ADDR_TEXT];

    json_key(o, "names");
    json_arr(o);
    for (size_t i = 0; i < r->n_dns; i++)
        json_put_str(o, r->dns[i]);
    for (size_t i = 0; i < r->n_ips; i++)
        json_put_z(o, addr_text(&r->ips[i], text));
    for (size_t i = 0; i < r->n_emails; i++)
        json_put_str(o, r->emails[i]);
    for (size_t i = 0; i < r->n_uris; i++)
        json_put_str(o, r->uris[i]);
    json_end(o);
}

void api_cert_sign_put_plan(const struct api_view *v, const struct api_signing *s,
                            struct json_out *o)
{
    when_t from = v->now - s->profile->backdate;
    when_t to = from + s->profile->lifetime - WHEN_SECOND;

    json_obj(o);
    json_kv_bool(o, "dry_run", true);
    put_names(&s->request, o);
    json_kv_str(o, "profile", s->profile->name);
    json_kv_z(o, "key", crypto_key_type_text(s->csr.key_type));
    json_kv_when(o, "not_before", from);
    json_kv_when(o, "not_after",
                 s->request.not_after && s->request.not_after < to ? s->request.not_after : to);
    json_kv_str(o, "rules", s->request.rules);
    json_kv_u64(o, "approvers", s->approvers);
    json_kv_bool(o, "escrowed", s->key_by_ca && v->conf->ca.escrow.n > 0);
    json_end(o);
}
