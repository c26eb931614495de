/* SPDX-License-Identifier: Apache-2.0 */
#include "agentd/changes.h"

#include "agent/journal.h"

enum { DIRS_BYTES = AGENTD_CHANGES * (AGENT_PATH_MAX + 16), ONE_BYTES = 4096 };

struct gathering {
    struct agentd_batch *b;
    struct json_out *o;
    const char *dir;
    size_t bytes;
    enum rc rc;
};

void agentd_batch_init(struct agentd_batch *b, struct str who)
{
    *b = (struct agentd_batch){.arena = ARENA_INIT(DIRS_BYTES), .who = who};
}

void agentd_batch_done(struct agentd_batch *b)
{
    arena_done(&b->arena);
}

static enum rc put_note(const struct gathering *g, const struct agent_note *note, struct buf *out)
{
    struct json_out o;

    json_out_init(&o, out, JSON_COMPACT);
    json_obj(&o);
    json_kv_printable(&o, "directory", str_of(g->dir), AGENT_NOTE_TEXT);
    json_kv_u64(&o, "n", note->n);
    json_kv_when(&o, "at", note->at);
    json_kv_z(&o, "what", agent_change_name(note->what));
    json_kv_printable(&o, "subject", note->subject, AGENT_NOTE_TEXT);
    json_kv_printable(&o, "by", note->by, AGENT_NOTE_TEXT);
    json_kv_printable(&o, "why", note->why, AGENT_NOTE_TEXT);
    json_end(&o);
    return json_out_done(&o);
}

/* The last of `told` is this directory's, once something of it is in the batch. */
static enum rc remember(struct gathering *g, uint64_t n)
{
    struct agentd_batch *b = g->b;
    struct str dir;

    if (b->n_told == 0 || strcmp(b->told[b->n_told - 1].dir, g->dir) != 0) {
        TRY(arena_str(&b->arena, str_of(g->dir), &dir));
        b->told[b->n_told++].dir = dir.p;
    }
    b->told[b->n_told - 1].n = n;
    return RC_OK;
}

static bool take(void *arg, const struct agent_note *note)
{
    CLEANUP(buf_done) struct buf one = BUF_INIT(ONE_BYTES);
    struct gathering *g = arg;

    g->rc = put_note(g, note, &one);
    if (g->rc != RC_OK)
        return false;
    if (g->b->n == AGENTD_CHANGES || g->bytes + one.n > AGENTD_CHANGES_BYTES) {
        g->b->more = true;
        return false;
    }
    g->rc = remember(g, note->n);
    if (g->rc != RC_OK)
        return false;
    json_put_raw(g->o, buf_str(&one));
    g->bytes += one.n;
    g->b->n++;
    return true;
}

static void gather(void *arg, const struct agentd_seen *s)
{
    CLEANUP(agent_place_done) struct agent_place p = AGENT_PLACE_INIT;
    struct gathering *g = arg;
    uint64_t told;

    if (g->rc != RC_OK || g->b->more || agent_place_look(s->dir, &p, NULL) != RC_OK)
        return;
    told = agent_journal_told(&p, g->b->who);
    if (agent_journal_last(&p) == told)
        return;
    g->dir = s->dir;
    if (agent_journal_each(&p, told, take, g) == RC_NOMEM)
        g->rc = RC_NOMEM;
}

enum rc agentd_batch_put(struct agentd_batch *b, const struct agentd *a, struct json_out *o)
{
    struct gathering g = {.b = b, .o = o};

    json_arr(o);
    agentd_each(a, gather, &g);
    json_end(o);
    return g.rc;
}

static enum rc tell(const char *dir, struct str who, uint64_t n, struct err *err)
{
    CLEANUP(agent_place_done) struct agent_place p = AGENT_PLACE_INIT;

    TRY(agent_place_look(dir, &p, err));
    return agent_journal_tell(&p, who, n, err);
}

void agentd_batch_told(const struct agentd_batch *b, const struct agent_world *w)
{
    for (size_t i = 0; i < b->n_told; i++) {
        struct err err = ERR_INIT;

        err.rc = tell(b->told[i].dir, b->who, b->told[i].n, &err);
        if (err.rc != RC_OK)
            agent_say_err(w, "that the server knows of a change cannot be noted", &err);
    }
}
