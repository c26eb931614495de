/* SPDX-License-Identifier: Apache-2.0 */
/* What the audit log says of a certificate: enough for who has nothing else of it. */
#include "acme_client.h"

#include <stdio.h>
#include <string.h>

#include "base/name.h"
#include "base/text.h"
#include "ca/issue.h"
#include "store/certificates.h"
#include "store/events.h"

enum { DETAIL_MAX = 64 * 1024, NAME_BYTES = NAME_MAX_BYTES + 1 };

struct trail {
    struct world w;
    struct crypto_key *key;
    struct arena arena;
    struct json_doc *doc;
    const struct json *detail;
    enum rc rc;
    struct store_certificate cert; /* as it was handed over; texts are in the arena */
};

static void trail_done(struct trail *t)
{
    json_free(t->doc);
    arena_done(&t->arena);
    crypto_key_unref(t->key);
    world_done(&t->w);
}

static void issued(void *arg, enum rc rc, const struct store_certificate *certificate,
                   const struct err *)
{
    struct trail *t = arg;

    t->rc = rc;
    if (rc == RC_OK)
        t->rc =
            store_certificate_get(store_read(t->w.store), &t->arena, &certificate->id, &t->cert);
}

static enum rc issue(struct trail *t, struct ca_request *req)
{
    struct err err = ERR_INIT;

    req->profile = STR("default");
    req->spki = crypto_key_spki(t->key);
    req->key_type = CRYPTO_KEY_P256;
    req->origin = STR("test");
    t->rc = RC_AGAIN;
    TRY(ca_issue(t->w.ca, req, issued, t, &err));
    world_spin(&t->w);
    return t->rc;
}

static enum rc read_event(struct trail *t, const char *action)
{
    struct store_event_filter filter = {.action = str_of(action), .limit = 1};
    struct store_event *list;
    size_t n;

    json_free(MOVE(t->doc));
    TRY(store_event_list(store_read(t->w.store), &t->arena, &filter, &list, &n));
    if (n != 1)
        return RC_NOTFOUND;
    TRY(json_parse(list[0].bytes, DETAIL_MAX, &t->doc, NULL));
    t->detail = json_get(json_root(t->doc), "detail");
    return RC_OK;
}

#define BEGIN(t)                                                                                   \
    CLEANUP(trail_done) struct trail t = {.w.dir.fd = -1, .arena = ARENA_INIT(1 << 22)};           \
    CHECK(world_start(&t.w, NULL));                                                                \
    CHECK_OK(crypto_key_generate((struct crypto_key_spec){CRYPTO_KEY_P256, 0}, &t.key))

static void an_issuance_names_the_certificate(void)
{
    const struct str dns[] = {STR("a.hospital.example"), STR("b.hospital.example")};
    CLEANUP(buf_done) struct buf sha256 = BUF_INIT(64);
    char from[WHEN_TEXT], until[WHEN_TEXT];
    const struct json *name = NULL;

    BEGIN(t);
    CHECK_OK(issue(&t, &(struct ca_request){.dns = dns, .n_dns = 2}));
    CHECK_OK(read_event(&t, "certificate.issued"));
    text_b64url(&sha256, str_bytes(t.cert.fingerprint.b, STORE_SHA256));
    CHECK(str_eq(json_shown(t.detail, "sha256"), buf_str(&sha256)));
    CHECK_STR(json_shown(t.detail, "not_before"), when_text(t.cert.not_before, from));
    CHECK_STR(json_shown(t.detail, "not_after"), when_text(t.cert.not_after, until));
    for (struct json_iter it = json_iter(json_get(t.detail, "names")); it.left;) {
        struct str text = {};
        size_t i = 2 - it.left;

        CHECK(i < 2 && json_next(&it, NULL, &name));
        CHECK_OK(json_str(name, &text));
        CHECK(str_eq(text, dns[i]));
    }
    CHECK(name);
}

/* Names as many and as long as they may be have room in the record. */
static void the_largest_certificate_has_room(void)
{
    static char text[STORE_NAMES_MAX][NAME_BYTES];
    struct str dns[STORE_NAMES_MAX];
    char label[64];

    BEGIN(t);
    memset(label, 'a', 63);
    label[63] = 0;
    for (int i = 0; i < STORE_NAMES_MAX; i++) {
        int n = snprintf(text[i], NAME_BYTES, "n%03d%.40s.%s.%s.%s.hospital.example", i, label,
                         label, label, label);

        CHECK_INT(n, NAME_MAX_BYTES);
        dns[i] = str_of(text[i]);
    }
    CHECK_OK(issue(&t, &(struct ca_request){.dns = dns, .n_dns = STORE_NAMES_MAX}));
    CHECK_OK(read_event(&t, "certificate.issued"));
    CHECK_INT(json_len(json_get(t.detail, "names")), STORE_NAMES_MAX);
}

CHECK_MAIN(CHECK_TEST_ONCE(an_issuance_names_the_certificate),
           CHECK_TEST_ONCE(the_largest_certificate_has_room))
