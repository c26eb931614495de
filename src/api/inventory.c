/* SPDX-License-Identifier: Apache-2.0 */
#include "api/inventory.h"

#include "api/cert_int.h"
#include "api/page.h"
#include "base/text.h"
#include "inventory/owner.h"
#include "store/store.h"
#include "x509/cert.h"
#include "x509/serial.h"

enum {
    PAGE_ARENA = 32 * 1024 * 1024,
    PAGE_ROWS = 50, /* of the store at a time */
    PAGE_BYTES =
        2 * 1024 * 1024, /* a page that has grown to that ends: certificates may be large */
    HEX = 2 * STORE_SHA256,
    WORDS = 256,
    PORT_MAX = 65535,
};

MSG(msg_endpoint, "api.inventory-endpoint",
    "the inventory has no endpoint \"{0}\"; `autarky inventory list` shows those there are");
MSG(msg_verdict, "api.inventory-verdict", "\"{0}\" is no verdict; there are: {1}");
MSG(msg_network, "api.inventory-network",
    "\"{0}\" is no network or address, as in 10.1.0.0/16 or 2001:db8::7");
MSG(msg_port, "api.inventory-port", "\"port\" is a number from 1 to 65535");
MSG(msg_sort, "api.inventory-sort", "\"sort\" is \"{0}\"; it can be seen or expiry");

/* One endpoint, judged. */
struct judged {
    const struct store_endpoint *e;
    struct inventory_judged j;
    struct inventory_owner owner;
};

static enum rc judge(const struct api_view *v, struct arena *a, const struct store_endpoint *e,
                     struct judged *out)
{
    out->e = e;
    TRY(inventory_judge(store_read(v->store), a, e, v->now, &out->j));
    out->owner = inventory_owner_of(v->conf, e, &out->j);
    return RC_OK;
}

/* ---- writing */

static void put_hex(struct json_out *o, const char *name, const struct store_hash *hash)
{
    CLEANUP(buf_done) struct buf hex = BUF_INIT(HEX);

    text_hex(&hex, str_bytes(hash->b, STORE_SHA256));
    json_kv_str(o, name, buf_str(&hex));
}

static void put_words(struct json_out *o, const char *name, struct str words)
{
    struct str word;

    json_key(o, name);
    json_arr(o);
    while (words.n && str_next(&words, ' ', &word))
        json_put_str(o, word);
    json_end(o);
}

static void put_verdicts(struct json_out *o, unsigned verdicts)
{
    json_key(o, "verdicts");
    json_arr(o);
    for (unsigned i = 0; i < INVENTORY_VERDICTS; i++)
        if (verdicts >> i & 1)
            json_put_z(o, inventory_verdict_text(i));
    json_end(o);
}

static void put_certificate(struct json_out *o, const struct store_seen *s)
{
    char text[X509_SERIAL_TEXT];
    struct x509_serial serial;

    json_key(o, "certificate");
    json_obj(o);
    put_hex(o, "sha256", &s->sha256);
    if (s->not_after) {
        json_kv_str(o, "subject", s->subject);
        json_kv_str(o, "issuer", s->issuer);
        if (x509_serial_from_bytes(s->serial, &serial) == RC_OK)
            json_kv_z(o, "serial", x509_serial_text(&serial, text));
        json_kv_when(o, "not_before", s->not_before);
        json_kv_when(o, "not_after", s->not_after);
        json_kv_str(o, "key", s->key);
        json_kv_str(o, "signature", s->signature);
        json_key(o, "names");
        json_put_raw(o, s->names.n ? s->names : STR("[]"));
    }
    json_kv_when(o, "first_seen", s->first);
    json_kv_when(o, "last_seen", s->last);
    if (s->der.n) {
        CLEANUP(buf_done) struct buf pem = BUF_INIT((size_t)2 * STORE_SEEN_DER_MAX);

        x509_cert_put_pem(s->der, &pem);
        json_kv_str(o, "pem", buf_str(&pem));
    }
    json_end(o);
}

static void put_endpoint(struct json_out *o, const struct judged *d)
{
    const struct store_endpoint *e = d->e;
    char address[ADDR_TEXT];

    json_obj(o);
    json_kv_str(o, "endpoint", e->endpoint);
    json_kv_str(o, "protocol", e->protocol);
    json_kv_z(o, "address", addr_text(&e->address, address));
    json_kv_u64(o, "port", e->port);
    if (e->name.n)
        json_kv_str(o, "name", e->name);
    json_kv_z(o, "state", store_endpoint_state_text(e->state));
    put_words(o, "versions", e->versions);
    put_words(o, "groups", e->groups);
    if (e->cipher.n)
        json_kv_str(o, "cipher", e->cipher);
    put_verdicts(o, d->j.verdicts);
    if (e->weak.n)
        json_kv_str(o, "weak", e->weak);
    if (e->why.n)
        json_kv_str(o, "why", e->why);
    json_kv_when(o, "first_seen", e->first_seen);
    json_kv_when(o, "last_seen", e->last_seen);
    json_kv_when(o, "changed", e->changed);
    if (d->owner.from) {
        json_kv_str(o, "owner", d->owner.owner);
        json_kv_str(o, "service", d->owner.service);
        json_kv_z(o, "owner_from", inventory_owner_text(d->owner.from));
    }
    if (e->shown)
        put_certificate(o, &e->seen);
    json_end(o);
}

/* ---- what is asked for */

/* What the store does not look for itself. */
struct asked {
    struct store_endpoint_filter filter;
    struct store_cursor at;
    unsigned verdicts, limit;
    struct str under, owner;
};

static enum rc read_verdicts(const struct json *args, unsigned *out, struct err *err)
{
    CLEANUP(buf_done) struct buf all = BUF_INIT(WORDS);
    struct str text, word;

    TRY(api_arg_text(args, "verdict", &text, err));
    for (unsigned bit; text.n && str_next(&text, ',', &word); *out |= bit) {
        bit = inventory_verdict_bit(word);
        if (bit)
            continue;
        inventory_verdicts_put((1U << INVENTORY_VERDICTS) - 1, &all);
        return ERR(err, RC_INVAL, msg_verdict, str_head(word, API_SHOWN_MAX), buf_str(&all));
    }
    return RC_OK;
}

/* The first and the last address of it. */
static void range_of(const struct addr_net *net, struct addr *from, struct addr *to)
{
    *from = *to = net->base;
    for (unsigned bit = net->bits; bit < 8U * to->n; bit++)
        to->b[bit / 8] |= (uint8_t)(0x80U >> bit % 8);
}

static enum rc read_where(const struct json *args, struct store_endpoint_filter *f, struct err *err)
{
    const struct json *number = json_get(args, "port");
    struct addr_net net;
    uint64_t port = 0;
    struct str text;

    TRY(api_arg_text(args, "network", &text, err));
    if (text.n && addr_net_parse(text, &net) != RC_OK)
        return ERR(err, RC_INVAL, msg_network, str_head(text, API_SHOWN_MAX));
    if (text.n)
        range_of(&net, &f->from, &f->to);
    if (number && (json_u64(number, &port) != RC_OK || port == 0 || port > PORT_MAX))
        return ERR(err, RC_INVAL, msg_port);
    f->port = (uint16_t)port;
    return api_arg_text(args, "protocol", &f->protocol, err);
}

static enum rc read_asked(const struct json *args, struct asked *q, struct err *err)
{
    struct str text;

    TRY(api_page_limit(args, &q->limit, err));
    TRY(api_page_cursor(args, &q->at, err));
    TRY(read_where(args, &q->filter, err));
    TRY(read_verdicts(args, &q->verdicts, err));
    TRY(api_arg_text(args, "under", &q->under, err));
    TRY(api_arg_text(args, "owner", &q->owner, err));
    TRY(api_arg_when(args, "expires_before", &q->filter.not_after_before, err));
    TRY(api_arg_when(args, "seen_before", &q->filter.seen_before, err));
    TRY(api_arg_text(args, "sort", &text, err));
    if (str_eq(text, STR("expiry")) || (!text.n && q->filter.not_after_before))
        q->filter.sort = STORE_ENDPOINT_BY_EXPIRY;
    else if (text.n && !str_eq(text, STR("seen")))
        return ERR(err, RC_INVAL, msg_sort, str_head(text, API_SHOWN_MAX));
    return RC_OK;
}

static bool fits(const struct asked *q, const struct judged *d)
{
    return (!q->verdicts || d->j.verdicts & q->verdicts) &&
           (!q->under.n || inventory_under(d->e->name, q->under)) &&
           (!q->owner.n || str_eq(d->owner.owner, q->owner));
}

static unsigned rows_of(const struct asked *q, unsigned written)
{
    return q->limit - written < PAGE_ROWS ? q->limit - written : PAGE_ROWS;
}

static bool goes_on(const struct asked *q, const struct json_out *o, unsigned looked,
                    unsigned written)
{
    return !q->at.end && written < q->limit && looked < API_INVENTORY_LOOK && o->b->n < PAGE_BYTES;
}

/* Some rows of the store; what fits is written. */
static enum rc take_page(const struct api_view *v, struct asked *q, struct json_out *o,
                         unsigned *looked, unsigned *written)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(PAGE_ARENA);
    struct store_endpoint *rows;
    size_t n;

    q->filter.limit = rows_of(q, *written);
    TRY(store_endpoint_list(store_read(v->store), &a, &q->filter, &q->at, &rows, &n));
    for (size_t i = 0; i < n; i++) {
        struct judged d;

        TRY(judge(v, &a, &rows[i], &d));
        if (!fits(q, &d))
            continue;
        put_endpoint(o, &d);
        ++*written;
    }
    *looked += (unsigned)n;
    return RC_OK;
}

enum rc api_inventory_list(const struct api_view *v, const struct json *args, struct json_out *o,
                           struct err *err)
{
    struct asked q = {};
    unsigned looked = 0, written = 0;

    TRY(read_asked(args, &q, err));
    json_obj(o);
    json_key(o, "items");
    json_arr(o);
    while (goes_on(&q, o, looked, written))
        TRY(take_page(v, &q, o, &looked, &written));
    json_end(o);
    api_page_next(o, &q.at, !q.at.end);
    json_end(o);
    return RC_OK;
}

/* ---- one of them */

static enum rc find(const struct api_view *v, const struct json *args, struct arena *a,
                    struct store_endpoint *out, struct err *err)
{
    struct str text;
    enum rc rc;

    TRY(api_arg_text(args, "endpoint", &text, err));
    rc = store_endpoint_get(store_read(v->store), a, text, out);
    if (rc == RC_NOTFOUND || rc == RC_TOOBIG || rc == RC_INVAL)
        return ERR(err, RC_NOTFOUND, msg_endpoint, str_head(text, API_SHOWN_MAX));
    return rc;
}

enum rc api_inventory_show(const struct api_view *v, const struct json *args, struct json_out *o,
                           struct err *err)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(PAGE_ARENA);
    struct store_endpoint e;
    struct judged d;

    TRY(find(v, args, &a, &e, err));
    TRY(judge(v, &a, &e, &d));
    if (e.shown)
        TRY(store_seen_get(store_read(v->store), &a, &e.seen.sha256, &e.seen));
    put_endpoint(o, &d);
    return RC_OK;
}

/* Verdicts are kept as bits. */
static void put_change(struct json_out *o, const char *name, const struct store_endpoint_change *c,
                       struct str value)
{
    CLEANUP(buf_done) struct buf words = BUF_INIT(WORDS);
    uint64_t bits = 0;

    if (str_eq(c->what, STR("verdicts")) && str_u64(value, UINT32_MAX, &bits) == RC_OK) {
        inventory_verdicts_put((unsigned)bits, &words);
        value = buf_str(&words);
    }
    json_kv_str(o, name, value);
}

static enum rc put_row(const void *, const void *row, struct json_out *o)
{
    const struct store_endpoint_change *c = row;

    json_obj(o);
    json_kv_when(o, "time", c->at);
    json_kv_str(o, "what", c->what);
    put_change(o, "old", c, c->old);
    put_change(o, "new", c, c->value);
    json_end(o);
    return RC_OK;
}

enum rc api_inventory_history(const struct api_view *v, const struct json *args, struct json_out *o,
                              struct err *err)
{
    static const struct api_rows rows = {.name = "changes",
                                         .size = sizeof(struct store_endpoint_change),
                                         .at = offsetof(struct store_endpoint_change, n),
                                         .order = API_BY_NUMBER,
                                         .put = put_row};
    CLEANUP(arena_done) struct arena a = ARENA_INIT(PAGE_ARENA);
    struct api_memory all = {.down = true};
    struct store_endpoint_change *list;
    struct store_endpoint e;

    TRY(find(v, args, &a, &e, err));
    TRY(store_endpoint_changes(store_read(v->store), &a, &e.id, &list, &all.n));
    all.rows = list;
    json_obj(o);
    json_kv_str(o, "endpoint", e.endpoint);
    TRY(api_list_of(&rows, &all, args, NULL, o, err));
    json_end(o);
    return RC_OK;
}

/* ---- certificates that are nowhere */

static enum rc take_orphans(const struct api_view *v, struct asked *q, struct json_out *o,
                            unsigned *looked, unsigned *written)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(PAGE_ARENA);
    const struct store_certificate_filter filter = {
        .statuses = 1U << STORE_CERTIFICATE_VALID,
        .staging = STORE_STAGING_NOT,
        .not_after_from = v->now,
        .sort = STORE_CERTIFICATE_BY_ISSUED,
        .without_der = true,
        .living = true,
        .limit = rows_of(q, *written),
    };
    struct store_certificate *rows;
    bool orphaned;
    size_t n;

    TRY(store_certificate_list(store_read(v->store), &a, &filter, &q->at, &rows, &n));
    for (size_t i = 0; i < n; i++) {
        TRY(inventory_orphaned(store_read(v->store), &rows[i], v->now, &orphaned));
        if (!orphaned)
            continue;
        json_obj(o);
        api_cert_put_fields(v, &rows[i], o);
        json_end(o);
        ++*written;
    }
    *looked += (unsigned)n;
    return RC_OK;
}

enum rc api_inventory_orphans(const struct api_view *v, const struct json *args, struct json_out *o,
                              struct err *err)
{
    struct asked q = {};
    unsigned looked = 0, written = 0;

    TRY(api_page_limit(args, &q.limit, err));
    TRY(api_page_cursor(args, &q.at, err));
    json_obj(o);
    json_key(o, "items");
    json_arr(o);
    while (goes_on(&q, o, looked, written))
        TRY(take_orphans(v, &q, o, &looked, &written));
    json_end(o);
    api_page_next(o, &q.at, !q.at.end);
    json_end(o);
    return RC_OK;
}
