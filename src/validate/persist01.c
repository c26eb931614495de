/* SPDX-License-Identifier: Apache-2.0 */
/* dns-persist-01: a TXT record that stays, and names the CA and the account (draft-ietf-acme-dns-
 * persist). An account is named by a hash over domain, key and URL (-02 section 4.1), or by its URL
 * as -00 and -01 have it, which is what most of today's clients write. */
#include <stdio.h>

#include "base/text.h"
#include "crypto/hash.h"
#include "dns/persist_rule.h"
#include "ev/clock.h"
#include "validate/validate_int.h"

MSG(msg_dns, "validate.persist",
    "{0}: found no TXT record of {1}: {2}. Write one, {1} TXT \"{3}\", or set `resolvers` to name "
    "servers that know it");
MSG(msg_content, "validate.persist-content",
    "{0}: {1} has {2} TXT {3}, says {4}: {5}. Write beside them {1} TXT \"{6}\"");
MSG(msg_no_account, "validate.persist-account",
    "{0}: the record names the account by its URL, which is not known: set `urls.api`");

enum { HASHED_MAX = 512, PREFIX_MAX = 1024 };

/* Of length_of_domain, domain_name, key, account_URL. */
static enum rc put_hashed(const struct validation *run, struct str domain, struct buf *out)
{
    CLEANUP(buf_done) struct buf in = BUF_INIT(HASHED_MAX + PREFIX_MAX);
    unsigned char digest[CRYPTO_SHA256_BYTES];
    struct str token, thumbprint;

    str_cut(run->ask.key_authorization, '.', &token, &thumbprint);
    buf_u8(&in, (uint8_t)domain.n);
    buf_puts(&in, domain);
    buf_puts(&in, thumbprint);
    buf_puts(&in, run->ask.account);
    TRY(buf_rc(&in));
    TRY(crypto_sha256(buf_str(&in), digest));
    buf_putz(out, "sha-256/");
    text_b64url(out, str_bytes(digest, sizeof(digest)));
    return buf_rc(out);
}

/* One URI that names the account. */
static enum rc add_uri(struct validation *run, struct persist_query *q, struct str domain)
{
    CLEANUP(buf_done) struct buf uri = BUF_INIT(PREFIX_MAX + HASHED_MAX);

    buf_puts(&uri, q->prefix);
    TRY(put_hashed(run, domain, &uri));
    return arena_str(&run->arena, buf_str(&uri), &q->uris[q->n_uris++]);
}

static enum rc make_query(struct validation *run, struct persist_query *q)
{
    const struct conf *conf = run->conf;

    *q = (struct persist_query){
        .issuers = conf->acme.identities.p,
        .n_issuers = conf->acme.identities.n,
        .uris = {run->ask.account},
        .n_uris = 1,
        .prefix = arena_printf(&run->arena, "%.*s" CONF_ACCOUNT_HASH, STR_ARG(conf->urls.api)),
        .wildcard = run->ask.wildcard,
        .now = clock_now(ev_clock(run->owner->ev)),
    };
    if (!q->prefix.p)
        return RC_NOMEM;
    TRY(add_uri(run, q, run->ask.identifier));
    return add_uri(run, q, STR("*"));
}

/* What to write so that it works. */
static struct str advice(struct validation *run)
{
    struct str s = arena_printf(&run->arena, "%.*s; accounturi=%.*s%s",
                                STR_ARG(run->conf->acme.identities.p[0]), STR_ARG(run->ask.account),
                                run->ask.wildcard ? "; policy=wildcard" : "");

    return s.p ? s : STR("");
}

static void fail_content(struct validation *run, const struct err *why)
{
    const struct dns_answer *a = run->txt;
    char count[24], at[ADDR_TEXT];

    snprintf(count, sizeof(count), "%zu", a->n);
    IGNORE_RC(ERR(&run->err, RC_DENIED, msg_content, run->what, run->txt_name, str_of(count),
                  a->n == 1 ? STR("record") : STR("records"),
                  a->n_tries ? str_of(addr_port_text(&a->tries[a->n_tries - 1].server, at))
                             : STR("nobody"),
                  validate_text(run, why), advice(run)));
    validate_fail(run, why->type);
}

static void judge(struct validation *run)
{
    struct err why = ERR_INIT;
    struct persist_query q;
    enum rc rc;

    if (dns_answer_err(run->txt, &why) != RC_OK) {
        IGNORE_RC(ERR(&run->err, RC_DENIED, msg_dns, run->what, run->txt_name,
                      validate_text(run, &why), advice(run)));
        validate_fail(run, why.rc == RC_NOTFOUND ? "unauthorized" : "dns");
        return;
    }
    rc = make_query(run, &q);
    if (rc == RC_OK)
        rc = persist_judge(&q, run->txt->records, run->txt->n, &run->until, &why);
    if (rc == RC_OK)
        validate_proven(run);
    else if (rc == RC_DENIED)
        fail_content(run, &why);
    else
        validate_finish(run, rc);
}

static void begin(struct validation *run)
{
    if (!run->ask.account.n || !run->conf->urls.api.n) {
        IGNORE_RC(ERR(&run->err, RC_DENIED, msg_no_account, run->what));
        validate_fail(run, "serverInternal");
        return;
    }
    run->on_txt = judge;
    validate_txt(run);
}

const struct validate_method validate_dns_persist01 = {
    .name = "dns-persist-01", .begin = begin, .late = validate_txt_late};
