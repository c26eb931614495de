/* SPDX-License-Identifier: Apache-2.0 */
/* What became of certificates at other CAs, for the audit log: told one after the other, in order,
 * and again when core was away. The oldest is dropped when core has been away for too long. */
#include "keeper/keeper_int.h"

#include "base/text.h"
#include "log/log.h"

enum { REASON_BYTES = 1024, AGAIN_SECONDS = 5, SHA256_HEX = 64 };

struct event {
    struct list link;
    enum ipc_public_what what;
    char site[NAME_MAX_BYTES + 1], directory[CLIENT_URL_MAX + 1];
    uint8_t algorithm;
    char serial[X509_SERIAL_TEXT], sha256[SHA256_HEX + 1], reason[REASON_BYTES];
    when_t not_after;
    unsigned failures;
};

/* There is one. */
static struct event *first_of(struct keeper *k)
{
    return LIST_ENTRY(k->events.next, struct event, link);
}

static void drop_first(struct keeper *k)
{
    struct event *e = first_of(k);

    list_remove(&e->link);
    k->n_events--;
    mem_free(e);
}

static void send(struct keeper *k);

static void on_told(void *arg, const struct ipc_answer *a)
{
    struct keeper *k = arg;

    k->telling = NULL;
    if (a->rc == RC_CLOSED || a->rc == RC_CANCELLED)
        return; /* the next core is told */
    if (a->rc == RC_OK || a->rc == RC_INVAL) {
        if (a->rc != RC_OK)
            log_error("keeper.event-refused", LOG_RC(a->rc), LOG_ERR(a->err));
        drop_first(k);
        send(k);
    } else {
        ev_timer_start(&k->tell_again, AGAIN_SECONDS * WHEN_SECOND, 0);
    }
}

static void send(struct keeper *k)
{
    const struct event *e;
    struct ipc_public msg;
    struct ipc_ask ask = {.type = IPC_PUBLIC,
                          .msg = &msg,
                          .timeout = KEEPER_EVENT_SECONDS * WHEN_SECOND,
                          .fn = on_told,
                          .arg = k};

    if (list_empty(&k->events) || !k->core || k->telling)
        return;
    e = first_of(k);
    msg = (struct ipc_public){.what = (uint8_t)e->what,
                              .site = str_of(e->site),
                              .algorithm = e->algorithm,
                              .directory = str_of(e->directory),
                              .serial = str_of(e->serial),
                              .not_after = e->not_after,
                              .sha256 = str_of(e->sha256),
                              .reason = str_of(e->reason),
                              .failures = e->failures};
    if (ipc_call(k->core, &ask, &k->telling) != RC_OK)
        ev_timer_start(&k->tell_again, AGAIN_SECONDS * WHEN_SECOND, 0);
}

void keeper_record_look(struct keeper *k)
{
    send(k);
}

/* Of the certificate, hexadecimal; empty without memory. */
static void put_sha256(const struct keeper_slot *slot, char out[static SHA256_HEX + 1])
{
    CLEANUP(buf_done) struct buf hex = BUF_INIT(SHA256_HEX);
    unsigned char digest[CRYPTO_SHA256_BYTES];

    if (crypto_sha256(keeper_pair_leaf(slot->pair), digest) != RC_OK)
        return;
    text_hex(&hex, str_bytes(digest, sizeof(digest)));
    IGNORE_RC(str_copyz(buf_str(&hex), out, SHA256_HEX + 1));
}

void keeper_record(struct keeper_slot *slot, enum ipc_public_what what, const struct err *why)
{
    struct keeper *k = slot->keeper;
    struct event *e;

    if (k->n_events >= KEEPER_EVENTS_MAX && !k->telling)
        drop_first(k);
    e = k->n_events < KEEPER_EVENTS_MAX ? MEM_NEW(struct event) : NULL;
    if (!e) {
        log_error("keeper.event-lost", LOG_Z("site", slot->name));
        return;
    }
    e->what = what;
    e->algorithm = (uint8_t)slot->algorithm;
    e->failures = slot->public.failures;
    IGNORE_RC(str_copyz(str_of(slot->name), e->site, sizeof(e->site)));
    IGNORE_RC(str_copyz(str_of(slot->at->url), e->directory, sizeof(e->directory)));
    if (what == IPC_PUBLIC_INSTALLED) {
        x509_serial_text(&slot->serial, e->serial);
        put_sha256(slot, e->sha256);
        e->not_after = slot->not_after;
    }
    if (why)
        err_textz(why, e->reason, sizeof(e->reason));
    list_push(&k->events, &e->link);
    k->n_events++;
    send(k);
}

void keeper_record_free(struct keeper *k)
{
    ev_timer_stop(&k->tell_again);
    while (!list_empty(&k->events))
        drop_first(k);
}
