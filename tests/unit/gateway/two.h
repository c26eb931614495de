/* SPDX-License-Identifier: Apache-2.0 */
/* A client of HTTP/2 before a gateway with one site. */
#pragma once

#include "world.h"

#include "h2_frames.h"
#include "http/h2.h"

#define REQUEST(method_, path_)                                                                    \
    ":method: " method_ "\n:scheme: https\n:authority: wiki.example\n:path: " path_ "\n"
#define GET2 REQUEST("GET", "/x")
#define POST2 REQUEST("POST", "/")

/* A client of HTTP/2, with its first words said. */
struct two {
    struct world w; /* first */
    nghttp2_hd_inflater *hd;
    struct buf told; /* what came, as text */
};

static void two_done(struct two *t)
{
    world_done(&t->w);
    nghttp2_hd_inflate_del(t->hd);
    buf_done(&t->told);
}

static void go(struct two *t)
{
    turn(&t->w);
    h2_read(t->hd, &t->w.t.out, &t->told);
}

static enum rc two_init(struct two *t)
{
    buf_init(&t->told, OUT_MAX);
    if (nghttp2_hd_inflate_new(&t->hd) != 0)
        return RC_NOMEM;
    TRY(world_init_for(&t->w, &gateway_h2_speaker));
    buf_putz(&t->w.t.in, H2_MAGIC);
    h2_frame(&t->w.t.in, H2_SETTINGS, 0, 0, STR(""));
    go(t);
    return RC_OK;
}

#define TWO                                                                                        \
    CLEANUP(two_done) struct two t = {};                                                           \
    CHECK_OK(two_init(&t))

[[maybe_unused]] static void ask(struct two *t, uint32_t id, const char *lines)
{
    h2_headers(&t->w.t.in, H2_END_STREAM, id, lines);
    go(t);
}

[[maybe_unused]] static void send_data(struct two *t, uint32_t id, unsigned flags, const char *text)
{
    h2_frame(&t->w.t.in, H2_DATA, flags, id, str_of(text));
    go(t);
}

[[maybe_unused]] static void answer(struct two *t, const char *text)
{
    reply(&t->w, text);
    go(t);
}

[[maybe_unused]] static void again(struct two *t)
{
    buf_reset(&t->told);
    buf_reset(&t->w.asked);
}
