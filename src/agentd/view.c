/* SPDX-License-Identifier: Apache-2.0 */
#include "agentd/view.h"

#include <fcntl.h>

#include "agent/place.h"
#include "base/file.h"
#include "x509/cert.h"

enum { CERT_MAX = 64 * 1024, CERT_ARENA_MAX = 1 << 20, VIEW_MAX = 1 << 20 };

/* The certificate alone: its key is nobody's business here. */
static enum rc load_times(const struct agent_place *p, struct agentd_view *v)
{
    CLEANUP(buf_done) struct buf pem = BUF_INIT(CERT_MAX);
    CLEANUP(arena_done) struct arena a = ARENA_INIT(CERT_ARENA_MAX);
    char path[AGENT_PATH_MAX];
    struct x509_cert *certs;
    size_t n;

    if (p->live == 0)
        return RC_NOTFOUND;
    TRY(agent_place_file(p, p->live, "cert.pem", path));
    TRY(file_read(AT_FDCWD, path, &pem, NULL));
    TRY(x509_cert_read_pem(&a, buf_str(&pem), 1, &certs, &n, NULL));
    x509_serial_text(&certs[0].serial, v->serial);
    v->not_before = certs[0].not_before;
    v->not_after = certs[0].not_after;
    return RC_OK;
}

static enum rc load(const char *dir, struct agentd_view *v, struct err *err)
{
    CLEANUP(agent_place_done) struct agent_place p = AGENT_PLACE_INIT;
    CLEANUP(buf_done) struct buf text = BUF_INIT(AGENT_STATE_MAX);
    enum rc rc;

    TRY(agent_place_look(dir, &p, err));
    TRY(agent_place_state(&p, &text, err));
    TRY(agent_state_read(&v->arena, buf_str(&text), &v->state, err));
    rc = load_times(&p, v);
    return rc == RC_NOMEM ? rc : RC_OK;
}

enum rc agentd_view_load(const char *dir, struct agentd_view *out, struct err *err)
{
    CLEANUP(agentd_view_done) struct agentd_view v = {.arena = ARENA_INIT(VIEW_MAX)};

    TRY(load(dir, &v, err));
    *out = v;
    v = (struct agentd_view){};
    return RC_OK;
}

void agentd_view_done(struct agentd_view *v)
{
    arena_done(&v->arena);
    *v = (struct agentd_view){};
}

when_t agentd_view_next(const struct agentd_view *v, when_t now)
{
    return agent_next(&v->state, v->not_before, v->not_after, now);
}
