/* SPDX-License-Identifier: Apache-2.0 */
/* How core tells the test what it was answered: as the text of an HTTP answer. Part of
 * service_roles.h. */
#pragma once

static void core_say(struct ipc_req *req, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
static void core_say(struct ipc_req *req, const char *fmt, ...)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(SERVICE_TEXT);
    struct ipc_http_reply m = {.status = 200};
    va_list ap;

    va_start(ap, fmt);
    buf_vprintf(&text, fmt, ap);
    va_end(ap);
    m.body = buf_str(&text);
    IGNORE_RC(ipc_reply(req, &m)); /* the test sees it missing */
}

static void core_on_issuers(void *arg, const struct ipc_answer *a)
{
    core_say(arg, "signer %s", rc_text(a->rc));
}

static void core_on_status(void *arg, const struct ipc_answer *a)
{
    const struct ipc_status *m = a->msg;
    CLEANUP(buf_done) struct buf text = BUF_INIT(SERVICE_TEXT);

    for (size_t i = 0; a->rc == RC_OK && i < m->processes.n; i++) {
        const struct ipc_process *p = &m->processes.v[i];

        buf_printf(&text, "%s pid=%u %.*s restarts=%u\n%.*s", role_name(p->role), p->pid,
                   STR_ARG(p->state), p->restarts, STR_ARG(p->sandbox));
    }
    if (a->rc == RC_OK && m->reload_at)
        buf_putz(&text, "a reload waits");
    if (a->rc == RC_OK && m->reload_refused.n)
        buf_printf(&text, "refused for %.*s", STR_ARG(m->reload_refused));
    core_say(arg, "%s", buf_z(&text));
}

static void core_on_gathered(void *arg, const struct ipc_answer *a)
{
    const struct ipc_gathered *m = a->msg;
    CLEANUP(buf_done) struct buf text = BUF_INIT(SERVICE_TEXT);

    for (size_t i = 0; a->rc == RC_OK && i < m->processes.n; i++)
        buf_printf(&text, "%s %u version %d\n", role_name((enum role)m->processes.v[i].role),
                   m->processes.v[i].number,
                   m->processes.v[i].snapshot.n ? m->processes.v[i].snapshot.p[0] : -1);
    core_say(arg, "%s: %s", rc_text(a->rc), buf_z(&text));
}

static void core_on_reloaded(void *arg, const struct ipc_answer *a)
{
    const struct ipc_reloaded *m = a->msg;
    char text[1024];

    if (a->rc == RC_OK && m->at)
        core_say(arg, "generation %llu waits for %.*s", (unsigned long long)m->generation,
                 STR_ARG(m->text));
    else if (a->rc == RC_OK)
        core_say(arg, "generation %llu: %.*s", (unsigned long long)m->generation, STR_ARG(m->text));
    else
        core_say(arg, "refused: %s", err_textz(a->err, text, sizeof(text)));
}
