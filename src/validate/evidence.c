/* SPDX-License-Identifier: Apache-2.0 */
#include "ev/clock.h"
#include "json/out.h"
#include "validate/validate_int.h"

enum { URL_SHOWN = 200, WHY_SHOWN = 120 };

/* How much is told, so that it fits. */
enum detail { DETAIL_LAST_HOP, DETAIL_NO_LOOKUPS, DETAIL_ALL, DETAIL_COUNT };

static void put_dial(struct json_out *o, const struct validate_dial *dial)
{
    char text[ADDR_TEXT];

    json_obj(o);
    json_kv_z(o, "address", addr_port_text(&dial->to, text));
    json_kv_z(o, "result", dial->rc == RC_OK ? "connected" : rc_text(dial->rc));
    if (dial->why.n)
        json_kv_str(o, "why", str_utf8_head(dial->why, WHY_SHOWN));
    json_kv_i64(o, "us", dial->micros);
    json_end(o);
}

static void put_hop(struct json_out *o, const struct validate_hop *hop, enum detail detail)
{
    json_obj(o);
    json_kv_str(o, "url", str_utf8_head(hop->text, URL_SHOWN));
    if (detail == DETAIL_ALL && (hop->aaaa || hop->a)) {
        json_key(o, "dns");
        json_arr(o);
        if (hop->aaaa)
            dns_answer_put(o, hop->aaaa);
        if (hop->a)
            dns_answer_put(o, hop->a);
        json_end(o);
    }
    json_key(o, "dials");
    json_arr(o);
    for (size_t i = 0; i < hop->n_dials; i++)
        put_dial(o, &hop->dials[i]);
    json_end(o);
    if (hop->status) {
        json_kv_i64(o, "status", hop->status);
        json_kv_u64(o, "body_bytes", hop->body_n);
    }
    json_end(o);
}

static void put_txt(struct json_out *o, const struct validation *run, enum detail detail)
{
    if (!run->txt_name.n)
        return;
    json_kv_str(o, "record", run->txt_name);
    if (!run->txt || detail == DETAIL_LAST_HOP)
        return;
    json_key(o, "dns");
    dns_answer_put(o, run->txt);
}

/* The last one is where records were found, or what failed. */
static void put_caa(struct json_out *o, const struct validation *run, enum detail detail)
{
    size_t from = detail == DETAIL_ALL || run->n_caa == 0 ? 0 : run->n_caa - 1;

    if (!run->in_caa)
        return;
    json_key(o, "caa");
    json_arr(o);
    for (size_t i = from; i < run->n_caa; i++)
        dns_answer_put(o, run->caa[i]);
    json_end(o);
}

static void put_hops(struct json_out *o, const struct validation *run, enum detail detail)
{
    size_t from = detail == DETAIL_LAST_HOP && run->n_hops ? run->n_hops - 1 : 0;

    if (run->n_hops > 1)
        json_kv_u64(o, "redirects", run->n_hops - 1);
    if (!run->n_hops)
        return;
    json_key(o, "fetched");
    json_arr(o);
    for (size_t i = from; i < run->n_hops; i++)
        put_hop(o, &run->hops[i], detail);
    json_end(o);
}

static enum rc put(const struct validation *run, enum detail detail, struct buf *out)
{
    struct json_out o;

    json_out_init(&o, out, JSON_COMPACT);
    json_obj(&o);
    json_kv_str(&o, "challenge", run->ask.challenge);
    json_kv_u64(&o, "attempt", run->ask.attempt);
    json_kv_when(&o, "at", clock_now(ev_clock(run->owner->ev)));
    json_kv_i64(&o, "us", clock_mono(ev_clock(run->owner->ev)) - run->began);
    if (detail != DETAIL_ALL)
        json_kv_bool(&o, "shortened", true);
    put_hops(&o, run, detail);
    put_txt(&o, run, detail);
    put_caa(&o, run, detail);
    json_end(&o);
    return json_out_done(&o);
}

enum rc validate_evidence(const struct validation *run, struct buf *out)
{
    enum rc rc = RC_TOOBIG;

    for (int detail = DETAIL_COUNT; rc == RC_TOOBIG && detail-- > 0;) {
        buf_reset(out);
        rc = put(run, (enum detail)detail, out);
    }
    return rc;
}
