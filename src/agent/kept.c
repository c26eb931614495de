/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/kept.h"

#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "crypto/hash.h"
#include "crypto/pem.h"

MSG(msg_write, "agent.kept-not-written", "in {0}: {1}");
MSG(msg_form, "agent.kept-form", "{0}/" AGENT_HOME "/order is no order that was kept");

#define KEPT AGENT_HOME "/order"
#define UNDECIDED "undecided yes"

enum {
    DIGESTED_MAX = 64 * 1024,
    KEPT_MAX = CRYPTO_PEM_MAX + 2 * CLIENT_URL_MAX + 256,
};

enum rc agent_kept_what(const struct agent_plan *plan, struct str profile,
                        char out[static AGENT_KEPT_DIGEST + 1])
{
    CLEANUP(buf_done) struct buf b = BUF_INIT(DIGESTED_MAX), hex = BUF_INIT(AGENT_KEPT_DIGEST);
    unsigned char digest[CRYPTO_SHA256_BYTES];
    char text[ADDR_TEXT];

    buf_printf(&b, "%.*s\n%.*s\n%.*s\n%.*s\n", STR_ARG(profile), STR_ARG(plan->key),
               STR_ARG(plan->key_uri), STR_ARG(plan->reuse_key));
    for (size_t i = 0; i < plan->n_dns; i++)
        buf_printf(&b, "%.*s\n", STR_ARG(plan->dns[i]));
    for (size_t i = 0; i < plan->n_ips; i++)
        buf_printf(&b, "%s\n", addr_text(&plan->ips[i], text));
    TRY(buf_rc(&b));
    TRY(crypto_sha256(buf_str(&b), digest));
    text_hex(&hex, str_bytes(digest, sizeof(digest)));
    TRY(buf_rc(&hex));
    return str_copyz(buf_str(&hex), out, AGENT_KEPT_DIGEST + 1);
}

enum rc agent_kept_put(const struct agent_place *p, const struct agent_kept *k, struct err *err)
{
    CLEANUP(buf_wipe) struct buf b = BUF_INIT(KEPT_MAX);
    struct err why = ERR_INIT;
    char text[512];

    if (!buf_reserve(&b, KEPT_MAX)) /* at once: growing leaves copies of the key behind */
        return RC_NOMEM;
    buf_printf(&b, "server %.*s\norder %.*s\nfor %s\nat %lld\ntries %u\n", STR_ARG(k->server),
               STR_ARG(k->order), k->what, (long long)k->at, k->tries);
    if (k->undecided)
        buf_putz(&b, UNDECIDED "\n");
    TRY(buf_rc(&b));
    if (k->key)
        TRY(crypto_pem_put_clear(k->key, &b));
    TRY(file_step());
    why.rc = file_write(p->dir, KEPT, buf_str(&b), 0600, FILE_OWNER_SELF, &why);
    if (why.rc == RC_OK || why.rc == RC_NOMEM)
        return why.rc;
    return ERR(err, why.rc, msg_write, str_of(p->path),
               str_of(err_textz(&why, text, sizeof(text))));
}

/* "NAME VALUE", the next line. */
static bool take_line(struct str *rest, const char *name, struct str *value)
{
    struct str line, first;

    return str_cut(*rest, '\n', &line, rest) && str_cut(line, ' ', &first, value) &&
           str_eq(first, str_of(name)) && value->n;
}

static enum rc parse(struct arena *a, struct str text, struct agent_kept *out)
{
    struct str server, order, what, at, tries;
    uint64_t n, tried;

    if (!take_line(&text, "server", &server) || !take_line(&text, "order", &order) ||
        !take_line(&text, "for", &what) || !take_line(&text, "at", &at) ||
        !take_line(&text, "tries", &tries) || str_u64(at, INT64_MAX, &n) != RC_OK ||
        str_u64(tries, UINT32_MAX, &tried) != RC_OK || order.n > CLIENT_URL_MAX ||
        str_copyz(what, out->what, sizeof(out->what)) != RC_OK)
        return RC_PARSE;
    out->at = (when_t)n;
    out->tries = (unsigned)tried;
    TRY(arena_str(a, server, &out->server));
    TRY(arena_str(a, order, &out->order));
    out->undecided = str_starts(text, STR(UNDECIDED "\n"));
    if (out->undecided)
        text = str_skip(text, strlen(UNDECIDED "\n"));
    return str_trim(text).n ? crypto_pem_read(text, NULL, &out->key, NULL) : RC_OK;
}

enum rc agent_kept_get(const struct agent_place *p, struct arena *a, struct agent_kept *out,
                       struct err *err)
{
    CLEANUP(buf_wipe) struct buf b = BUF_INIT(KEPT_MAX);
    struct agent_kept k = {};
    enum rc rc;

    if (!buf_reserve(&b, KEPT_MAX))
        return RC_NOMEM;
    TRY(file_read(p->dir, KEPT, &b, err));
    rc = parse(a, buf_str(&b), &k);
    if (rc == RC_NOMEM)
        return rc;
    if (rc != RC_OK)
        return ERR(err, RC_PARSE, msg_form, str_of(p->path));
    *out = k;
    return RC_OK;
}

bool agent_kept_over(const struct agent_kept *k, when_t now)
{
    when_t age = now - k->at;
    when_t most = k->undecided ? AGENT_KEPT_DAYS * WHEN_DAY : AGENT_KEPT_HOURS * WHEN_HOUR;

    return age >= most || age <= -AGENT_KEPT_HOURS * WHEN_HOUR || k->tries >= AGENT_KEPT_TRIES;
}

void agent_kept_drop(const struct agent_place *p)
{
    if (unlinkat(p->dir, KEPT, 0) == 0)
        IGNORE_RC(
            file_sync_dir(p->dir, AGENT_HOME, NULL)); /* it may come back: it is looked at then */
}
