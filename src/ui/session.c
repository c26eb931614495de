/* SPDX-License-Identifier: Apache-2.0 */
#include "ui/session.h"

#include <string.h>

#include "base/text.h"
#include "crypto/crypto.h"

static bool same(const unsigned char a[static CRYPTO_SHA256_BYTES],
                 const unsigned char b[static CRYPTO_SHA256_BYTES])
{
    return str_eq_ct(str_bytes(a, CRYPTO_SHA256_BYTES), str_bytes(b, CRYPTO_SHA256_BYTES));
}

static enum rc make(char token[static UI_TOKEN_TEXT],
                    unsigned char digest[static CRYPTO_SHA256_BYTES])
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(UI_TOKEN_TEXT);
    unsigned char random[UI_TOKEN_BYTES];

    TRY(crypto_random(random, sizeof(random)));
    text_b64url(&text, str_bytes(random, sizeof(random)));
    TRY(buf_rc(&text));
    TRY(str_copyz(buf_str(&text), token, UI_TOKEN_TEXT));
    return crypto_sha256(buf_str(&text), digest);
}

enum rc ui_link_new(struct ui_sessions *all, when_t now, char out_token[static UI_TOKEN_TEXT])
{
    unsigned char digest[CRYPTO_SHA256_BYTES];
    size_t oldest = 0;

    TRY(make(out_token, digest));
    for (size_t i = 1; i < UI_LINKS_MAX; i++)
        if (all->links[i].until < all->links[oldest].until)
            oldest = i;
    memcpy(all->links[oldest].digest, digest, sizeof(digest));
    all->links[oldest].until = now + UI_LINK_LIFE;
    return RC_OK;
}

/* Its place, or UI_LINKS_MAX. */
static size_t find_link(const struct ui_sessions *all, struct str token, when_t now)
{
    unsigned char digest[CRYPTO_SHA256_BYTES];
    size_t found = UI_LINKS_MAX;

    if (token.n != UI_TOKEN_TEXT - 1 || crypto_sha256(token, digest) != RC_OK)
        return found;
    for (size_t i = 0; i < UI_LINKS_MAX; i++)
        if (same(all->links[i].digest, digest) && all->links[i].until > now)
            found = i;
    return found;
}

bool ui_link_good(const struct ui_sessions *all, struct str token, when_t now)
{
    return find_link(all, token, now) < UI_LINKS_MAX;
}

bool ui_session_over(const struct ui_session *s, when_t now)
{
    return s->began == 0 || now < s->began || now - s->began > UI_SESSION_LIFE ||
           now - s->seen > UI_SESSION_IDLE;
}

/* A free place, or that of the session which was idle longest. */
static struct ui_session *place(struct ui_sessions *all, when_t now)
{
    struct ui_session *best = &all->sessions[0];

    for (size_t i = 0; i < UI_SESSIONS_MAX; i++) {
        if (ui_session_over(&all->sessions[i], now))
            return &all->sessions[i];
        if (all->sessions[i].seen < best->seen)
            best = &all->sessions[i];
    }
    return best;
}

enum rc ui_session_new(struct ui_sessions *all, const struct ui_user *user, const struct addr *from,
                       when_t now, char out_token[static UI_TOKEN_TEXT])
{
    struct ui_session s = {.began = now, .seen = now, .user = *user, .from = *from};
    struct id form;

    TRY(make(out_token, s.digest));
    TRY(id_new(&form));
    TRY(id_new(&s.id));
    memcpy(s.form, form.z, sizeof(s.form));
    *place(all, now) = s;
    return RC_OK;
}

enum rc ui_link_use(struct ui_sessions *all, struct str token, when_t now,
                    char out_token[static UI_TOKEN_TEXT])
{
    const struct ui_user anybody = {.roles = 1u << OPERATORS_VIEWER};
    const struct addr unknown = {};
    size_t link = find_link(all, token, now);

    if (link == UI_LINKS_MAX)
        return RC_DENIED;
    TRY(ui_session_new(all, &anybody, &unknown, now, out_token));
    all->links[link].until = 0;
    return RC_OK;
}

void ui_sessions_end_user(struct ui_sessions *all, int64_t user)
{
    for (size_t i = 0; i < UI_SESSIONS_MAX; i++)
        if (user && all->sessions[i].user.n == user)
            ui_session_end(&all->sessions[i]);
}

struct ui_session *ui_session_find(struct ui_sessions *all, struct str token, when_t now)
{
    unsigned char digest[CRYPTO_SHA256_BYTES];
    struct ui_session *found = NULL;

    if (token.n != UI_TOKEN_TEXT - 1 || crypto_sha256(token, digest) != RC_OK)
        return NULL;
    for (size_t i = 0; i < UI_SESSIONS_MAX; i++)
        if (same(all->sessions[i].digest, digest) && !ui_session_over(&all->sessions[i], now))
            found = &all->sessions[i];
    if (found)
        found->seen = now;
    return found;
}

void ui_session_end(struct ui_session *s)
{
    *s = (struct ui_session){.began = 0};
}

bool ui_session_form(const struct ui_session *s, struct str form)
{
    return form.n == ID_TEXT - 1 && str_eq_ct(str_of(s->form), form);
}
