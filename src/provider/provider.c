/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/provider_int.h"

#include <stdio.h>

#include "base/text.h"
#include "client/client.h"
#include "crypto/hash.h"
#include "http/url.h"
#include "provider/lines.h"

MSG(msg_line, "provider.line", "{0}: there is no setting \"{1}\" for {2}; there are {3}");
MSG(msg_missing, "provider.setting-missing", "{0}: \"{1}\" is missing, for {2}");
MSG(msg_wait, "provider.wait",
    "{0}: wait cannot be \"{1}\"; it is all, or a time up to 1h, as in 30s");
MSG(msg_timeout, "provider.timeout",
    "{0}: timeout cannot be \"{1}\"; it is a time up to 1h, as in 2m");
MSG(msg_ttl, "provider.ttl", "{0}: ttl cannot be \"{1}\"; it is seconds, 1 to 86400");
MSG(msg_url, "provider.url",
    "{0}: {1} cannot be \"{2}\"; it begins with https:// or http:// and has neither query nor "
    "password");
MSG(msg_header, "provider.header", "{0}: what is sent as {1} has characters that cannot be sent");
MSG(msg_refused, "provider.refused",
    "{0} refuses the record {1}: status {2}{3}; compare the settings in {4} with what that server "
    "expects");
MSG(msg_strange, "provider.strange-answer",
    "{0} answers what a server of {1} does not answer; is that the URL of its API?");
MSG(msg_long, "provider.no-end", "{0} sends from one question to the next about the record {1}");

enum {
    SAID_MAX = 200,
    STATUS_MAX = 16,
    CALL_BYTES = 2 * PROVIDER_ASK_MAX,
    NAMES_MAX = 256,
    ID_MAX = 300,
    TTL_MAX = 86400,
    RACES_MAX = 5,
    BUSY_MAX = 5 /* pauses; half a minute altogether, where there is no Retry-After */
};

#define RETRY_AFTER_MAX WHEN_MINUTE

static const struct provider_kind *const kinds[] = {
    &provider_acme_dns, &provider_alibaba,  &provider_azure,   &provider_cloudflare,
    &provider_httpreq,  &provider_powerdns, &provider_route53, &provider_tencent};
enum { KINDS = sizeof(kinds) / sizeof(kinds[0]) };

static const struct provider_setting common[PROVIDER_OWN] = {
    [PROVIDER_URL] = {"url", .required = true},
    [PROVIDER_CA_FILE] = {"ca_file"},
    [PROVIDER_WAIT] = {"wait", .initial = STR("all")},
    [PROVIDER_RESOLVER] = {"resolver"},
    [PROVIDER_TIMEOUT] = {"timeout", .initial = STR("2m")},
};

const struct provider_kind *provider_kind_find(struct str name)
{
    for (size_t i = 0; i < KINDS; i++)
        if (str_eq(name, str_of(kinds[i]->name)))
            return kinds[i];
    return NULL;
}

void provider_ask_done(struct provider_ask *ask)
{
    buf_wipe(&ask->url);
    buf_wipe(&ask->headers);
    buf_wipe(&ask->body);
}

/* ---- settings */

/* NULL behind the last one. */
static const struct provider_setting *setting_at(const struct provider_kind *kind, size_t i)
{
    const struct provider_setting *s;

    if (i >= PROVIDER_SETTINGS_MAX)
        return NULL;
    s = i < PROVIDER_OWN ? &common[i] : &kind->own[i - PROVIDER_OWN];
    return s->name ? s : NULL;
}

static enum rc no_such(const struct provider *p, struct str name, struct err *err)
{
    CLEANUP(buf_done) struct buf names = BUF_INIT(NAMES_MAX);

    for (size_t i = 0; setting_at(p->kind, i); i++)
        buf_printf(&names, "%s%s", i ? ", " : "", setting_at(p->kind, i)->name);
    return ERR(err, RC_PARSE, msg_line, str_of(p->file), name, str_of(p->kind->name),
               buf_str(&names));
}

static enum rc take_line(struct provider *p, struct str line, struct err *err)
{
    struct str name, value;

    if (!provider_line(line, &name, &value))
        return RC_OK;
    for (size_t i = 0; setting_at(p->kind, i); i++)
        if (str_eq(name, str_of(setting_at(p->kind, i)->name))) {
            p->values[i] = value;
            return RC_OK;
        }
    return no_such(p, name, err);
}

/* `url`, and `login` of the kinds that have one. */
static enum rc check_url(const struct provider *p, struct str name, struct str value,
                         struct err *err)
{
    struct http_url url;

    if (!str_eq(name, STR("url")) && !str_eq(name, STR("login")))
        return RC_OK;
    if (http_url_parse(value, &url, NULL) == RC_OK && !url.query.p)
        return RC_OK;
    return ERR(err, RC_PARSE, msg_url, str_of(p->file), name, value);
}

/* Of the kinds that have one. */
static enum rc check_ttl(struct provider *p, size_t i, struct err *err)
{
    if (str_eq(str_of(setting_at(p->kind, i)->name), STR("ttl")) &&
        (str_u64(p->values[i], TTL_MAX, &p->ttl) != RC_OK || p->ttl == 0))
        return ERR(err, RC_PARSE, msg_ttl, str_of(p->file), p->values[i]);
    return RC_OK;
}

static enum rc check_wait(struct provider *p, struct err *err)
{
    struct str wait = p->values[PROVIDER_WAIT], timeout = p->values[PROVIDER_TIMEOUT];

    p->wait_all = str_eq(wait, STR("all"));
    if (!p->wait_all && (when_parse_span(wait, &p->wait) != RC_OK || p->wait > WHEN_HOUR))
        return ERR(err, RC_PARSE, msg_wait, str_of(p->file), wait);
    if (when_parse_span(timeout, &p->timeout) != RC_OK || p->timeout <= 0 || p->timeout > WHEN_HOUR)
        return ERR(err, RC_PARSE, msg_timeout, str_of(p->file), timeout);
    return RC_OK;
}

static enum rc check(struct provider *p, struct err *err)
{
    for (size_t i = 0; setting_at(p->kind, i); i++) {
        const struct provider_setting *s = setting_at(p->kind, i);

        if (p->values[i].n == 0)
            p->values[i] = i == PROVIDER_URL && p->kind->url ? str_of(p->kind->url) : s->initial;
        if (p->values[i].n == 0 && s->required)
            return ERR(err, RC_PARSE, msg_missing, str_of(p->file), str_of(s->name),
                       str_of(p->kind->name));
        TRY(check_ttl(p, i, err));
        TRY(check_url(p, str_of(s->name), p->values[i], err));
    }
    return check_wait(p, err);
}

enum rc provider_parse(const struct provider_kind *kind, struct str text, struct str file,
                       struct provider **out, struct err *err)
{
    CLEANUP(provider_freep) struct provider *p = MEM_NEW(struct provider);
    struct str rest, line;

    if (!p)
        return RC_NOMEM;
    p->kind = kind;
    buf_init(&p->text, PROVIDER_FILE_MAX);
    buf_init(&p->secrets, PROVIDER_SECRETS_MAX);
    buf_init(&p->accounts, PROVIDER_ACCOUNTS_MAX);
    buf_init(&p->token, PROVIDER_TOKEN_MAX);
    TRY(str_copyz(file, p->file, sizeof(p->file)));
    buf_puts(&p->text, text);
    TRY(buf_rc(&p->text));
    rest = buf_str(&p->text);
    while (str_next(&rest, '\n', &line))
        TRY(take_line(p, line, err));
    TRY(check(p, err));
    *out = MOVE(p);
    return RC_OK;
}

/* ---- secrets that are elsewhere */

static bool is_elsewhere(struct str value)
{
    return str_starts(value, STR("credential:"));
}

static bool is_secret(const struct provider *p, size_t i)
{
    const struct provider_setting *s = i >= PROVIDER_OWN ? setting_at(p->kind, i) : NULL;

    return s && s->secret;
}

bool provider_elsewhere(const struct provider *p, size_t *i, struct str *out_where)
{
    for (; setting_at(p->kind, *i); ++*i)
        if (is_secret(p, *i) && is_elsewhere(p->values[*i])) {
            *out_where = p->values[*i];
            return true;
        }
    return false;
}

enum rc provider_bring(struct provider *p, size_t i, struct str value)
{
    size_t at = p->secrets.n;

    /* At once: values borrow from it, and a buffer that grows leaves copies behind. */
    if (at == 0 && !buf_reserve(&p->secrets, PROVIDER_SECRETS_MAX))
        return RC_NOMEM;
    buf_puts(&p->secrets, value);
    TRY(buf_rc(&p->secrets));
    p->values[i] = str_skip(buf_str(&p->secrets), at);
    return RC_OK;
}

bool provider_has_secret(const struct provider *p)
{
    for (size_t i = 0; setting_at(p->kind, i); i++)
        if (is_secret(p, i) && p->values[i].n && !is_elsewhere(p->values[i]))
            return true;
    return false;
}

/* Empty: not set, or the kind has none of that name. */
static struct str value_of(const struct provider *p, struct str name)
{
    for (size_t i = PROVIDER_OWN; setting_at(p->kind, i); i++)
        if (str_eq(str_of(setting_at(p->kind, i)->name), name))
            return p->values[i];
    return STR("");
}

struct str provider_accounts(const struct provider *p)
{
    return value_of(p, STR("accounts"));
}

void provider_free(struct provider *p)
{
    if (!p)
        return;
    buf_wipe(&p->text);
    buf_wipe(&p->secrets);
    buf_wipe(&p->accounts);
    buf_wipe(&p->token);
    mem_free(p);
}

/* ---- one record */

static enum rc describe(struct provider_call *call, const struct client_proof *proof)
{
    CLEANUP(buf_done) struct buf value = BUF_INIT(CRYPTO_SHA256_BYTES * 2);
    unsigned char digest[CRYPTO_SHA256_BYTES];

    TRY(arena_str(&call->arena, proof->identifier, &call->identifier));
    TRY(arena_str(&call->arena, proof->token, &call->token));
    TRY(arena_str(&call->arena, proof->key_authorization, &call->key_authorization));
    call->name = arena_printf(&call->arena, "_acme-challenge.%.*s", STR_ARG(proof->identifier));
    if (!call->name.p)
        return RC_NOMEM;
    call->from = call->identifier;
    TRY(crypto_sha256(proof->key_authorization, digest));
    text_b64url(&value, str_bytes(digest, sizeof(digest)));
    TRY(buf_rc(&value));
    return arena_str(&call->arena, buf_str(&value), &call->value);
}

enum rc provider_call_init(struct provider_call *call, struct provider *p,
                           const struct client_proof *proof, bool remove)
{
    enum rc rc;

    *call = (struct provider_call){.p = p, .remove = remove};
    arena_init(&call->arena, CALL_BYTES);
    rc = describe(call, proof);
    if (rc == RC_OK && call->name.n > PROVIDER_NAME_MAX)
        rc = RC_TOOBIG;
    if (rc != RC_OK)
        provider_call_done(call);
    return rc;
}

enum rc provider_call_move(struct provider_call *call, struct str name)
{
    struct str moved;

    if (str_ieq(name, call->name))
        return RC_OK;
    if (name.n > PROVIDER_NAME_MAX)
        return RC_TOOBIG;
    TRY(arena_str(&call->arena, name, &moved));
    call->alias = call->name;
    call->name = call->from = moved;
    return RC_OK;
}

void provider_call_done(struct provider_call *call)
{
    arena_done(&call->arena);
}

enum rc provider_ask(struct provider_call *call, struct provider_ask *out, struct err *err)
{
    if (call->done)
        return RC_OK;
    if (call->step >= PROVIDER_STEPS_MAX)
        return ERR(err, RC_CONFLICT, msg_long, call->p->values[PROVIDER_URL], call->name);
    if (call->pause > 0) {
        out->after = call->pause;
        call->pause = 0;
        return RC_OK;
    }
    TRY(call->p->kind->ask(call, out, err));
    TRY(buf_rc(&out->url));
    TRY(buf_rc(&out->headers));
    return buf_rc(&out->body);
}

enum rc provider_take(struct provider_call *call, int status, struct str body, struct err *err)
{
    TRY(call->p->kind->take(call, status, body, err));
    call->step++;
    return RC_OK;
}

/* ---- for the kinds */

void provider_put_base(struct str base, const char *path, struct buf *out)
{
    while (base.n && base.p[base.n - 1] == '/')
        base.n--;
    buf_puts(out, base);
    buf_putz(out, path);
}

void provider_put_url(const struct provider_call *call, struct provider_ask *out, const char *path)
{
    provider_put_base(call->p->values[PROVIDER_URL], path, &out->url);
}

enum rc provider_check_header(const struct provider_call *call, const char *name, struct str value,
                              struct err *err)
{
    return str_printable(value)
               ? RC_OK
               : ERR(err, RC_INVAL, msg_header, str_of(call->p->file), str_of(name));
}

enum rc provider_put_header(const struct provider_call *call, struct provider_ask *out,
                            const char *name, struct str value, struct err *err)
{
    TRY(provider_check_header(call, name, value, err));
    buf_printf(&out->headers, "%s: %.*s\r\n", name, STR_ARG(value));
    return RC_OK;
}

bool provider_shorten(struct str *name)
{
    struct str head, rest;

    if (!str_cut(*name, '.', &head, &rest) || str_find(rest, '.') == rest.n)
        return false;
    *name = rest;
    return true;
}

struct str provider_undot(struct str name)
{
    return str_ends(name, STR(".")) ? str_head(name, name.n - 1) : name;
}

struct str provider_below(struct str name, struct str zone)
{
    if (zone.n == 0 || name.n < zone.n || !str_ieq(str_skip(name, name.n - zone.n), zone))
        return STR("");
    if (name.n == zone.n)
        return STR("@");
    return name.p[name.n - zone.n - 1] == '.' ? str_head(name, name.n - zone.n - 1) : STR("");
}

enum rc provider_next_zone(struct provider_call *call, struct err *err)
{
    if (value_of(call->p, STR("zone")).n == 0 && provider_shorten(&call->at))
        return RC_OK;
    return ERR(err, RC_NOTFOUND, *call->p->kind->no_zone, str_of(call->p->file),
               call->p->values[PROVIDER_URL], call->name);
}

enum rc provider_take_zone(struct provider_call *call, struct str name, struct str puny,
                           struct err *err)
{
    if (name.n == 0)
        return provider_strange(call, err);
    if ((!str_ieq(name, call->at) && !str_ieq(puny, call->at)) ||
        provider_below(call->name, call->at).n == 0)
        return provider_next_zone(call, err);
    return arena_str(&call->arena, call->at, &call->zone);
}

bool provider_later(struct provider_call *call)
{
    if (call->busy >= BUSY_MAX || call->retry_after > RETRY_AFTER_MAX)
        return false;
    call->pause = WHEN_SECOND << call->busy++;
    if (call->pause < call->retry_after)
        call->pause = call->retry_after;
    call->listed = false; /* what was asked may have happened all the same */
    call->seen = 0;
    return true;
}

bool provider_raced(struct provider_call *call)
{
    if (call->races >= RACES_MAX)
        return false;
    call->races++;
    call->listed = false;
    return true;
}

bool provider_safe(struct str id)
{
    for (size_t i = 0; i < id.n; i++) {
        char c = id.p[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              c == '-' || c == '_' || c == '.' || c == '='))
            return false;
    }
    return id.n > 0 && id.n < ID_MAX && id.p[0] != '.'; /* nor leads upwards */
}

static enum rc refused(const struct provider_call *call, struct str at, int status, struct str said,
                       struct err *err)
{
    char code[STATUS_MAX], text[SAID_MAX + 4] = "", line[SAID_MAX + 4] = "";
    size_t n = 0;

    for (size_t i = 0; said.n && i < said.n && n < SAID_MAX; i++)
        text[n++] = (char)(said.p[i] >= ' ' && said.p[i] <= '~' ? said.p[i] : ' ');
    said = str_trim(str_bytes(text, n));
    snprintf(code, sizeof(code), "%d", status);
    if (said.n)
        snprintf(line, sizeof(line), ", %.*s", STR_ARG(said));
    return ERR(err, RC_DENIED, msg_refused, at, call->name, str_of(code), str_of(line),
               str_of(call->p->file));
}

enum rc provider_refused(const struct provider_call *call, int status, struct str said,
                         struct err *err)
{
    return refused(call, call->p->values[PROVIDER_URL], status, said, err);
}

enum rc provider_refused_at(struct provider_call *call, struct str at, int status, struct str code,
                            struct str message, struct err *err)
{
    struct str both = message;

    if (code.n)
        both = arena_printf(&call->arena, "%.*s%s%.*s", STR_ARG(code), message.n ? ": " : "",
                            STR_ARG(message));
    return !code.n || both.p ? refused(call, at, status, both, err) : RC_NOMEM;
}

enum rc provider_refused_code(struct provider_call *call, int status, struct str code,
                              struct str message, struct err *err)
{
    return provider_refused_at(call, call->p->values[PROVIDER_URL], status, code, message, err);
}

enum rc provider_strange_at(const struct provider_call *call, struct str at, struct err *err)
{
    return ERR(err, RC_PARSE, msg_strange, at, str_of(call->p->kind->name));
}

enum rc provider_strange(const struct provider_call *call, struct err *err)
{
    return provider_strange_at(call, call->p->values[PROVIDER_URL], err);
}
