/* SPDX-License-Identifier: Apache-2.0 */
#include "waf/queue.h"

#include <string.h>

void waf_queue_init(struct waf_queue *q)
{
    map_init(&q->sites, WAF_SITES_MAX);
    list_init(&q->turns);
}

void waf_queue_done(struct waf_queue *q)
{
    map_done(&q->sites);
}

static enum rc site_of(struct waf_queue *q, struct str name, struct waf_site **out)
{
    CLEANUP(mem_freep) struct waf_site *s = map_get(&q->sites, name);
    char *text;

    if (s) {
        *out = MOVE(s);
        return RC_OK;
    }
    s = mem_calloc(1, sizeof(*s) + name.n + 1);
    if (!s)
        return RC_NOMEM;
    text = (char *)(s + 1);
    if (name.n)
        memcpy(text, name.p, name.n);
    s->name = str_bytes(text, name.n);
    list_init(&s->link);
    list_init(&s->jobs);
    TRY(map_add(&q->sites, s->name, s));
    *out = MOVE(s);
    return RC_OK;
}

static void look_at(struct waf_queue *q, struct waf_site *s)
{
    if (list_empty(&s->jobs))
        list_remove(&s->link);
    if (!list_empty(&s->jobs) || s->running)
        return;
    map_remove(&q->sites, s->name);
    mem_free(s);
}

enum rc waf_queue_put(struct waf_queue *q, struct waf_job *job, struct str site)
{
    list_init(&job->link);
    TRY(site_of(q, site, &job->site));
    if (list_empty(&job->site->jobs))
        list_push(&q->turns, &job->site->link);
    list_push(&job->site->jobs, &job->link);
    return RC_OK;
}

struct waf_job *waf_queue_take(struct waf_queue *q, unsigned share)
{
    LIST_FOREACH (it, &q->turns) {
        struct waf_site *s = LIST_ENTRY(it, struct waf_site, link);
        struct waf_job *job;

        if (s->running >= share)
            continue;
        job = LIST_ENTRY(s->jobs.next, struct waf_job, link);
        list_remove(&job->link);
        s->running++;
        list_remove(&s->link);
        if (!list_empty(&s->jobs))
            list_push(&q->turns, &s->link);
        return job;
    }
    return NULL;
}

void waf_queue_drop(struct waf_queue *q, struct waf_job *job)
{
    struct waf_site *s = job->site;

    if (list_empty(&job->link))
        s->running--;
    else
        list_remove(&job->link);
    look_at(q, s);
}
