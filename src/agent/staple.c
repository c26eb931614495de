/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/staple.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "client/http.h"
#include "client/reach.h"
#include "ev/clock.h"
#include "ev/ev.h"

MSG(msg_none, "agent.staple-none",
    "the certificate names no OCSP responder that is reached by http: leave --ocsp out, or have "
    "the CA name one");
MSG(msg_status, "agent.staple-status", "the OCSP responder {0} answers with status {1}");
MSG(msg_stopped, "agent.staple-stopped", "stopped by a signal while an OCSP answer was fetched");
MSG(msg_age, "agent.staple-age", "--ocsp-age is \"{0}\"; it takes a time up to 30d, as in 12h");
MSG(msg_write, "agent.staple-not-written", "{0}/{1} cannot be put in place: {2}");

#define LINK_TARGET AGENT_HOME "/live/" AGENT_STAPLE_FILE
/* Removed by the next run, should this one be cut off. */
#define FRESH AGENT_HOME "/" FILE_TEMP_PREFIX "ocsp"
#define FRESH_LINK AGENT_HOME "/" AGENT_STAPLE_FILE ".new"

enum { ARENA_BYTES = 4 << 20, PATH = 64, PAUSE_SECONDS = 1 };

/* ---- asking */

struct fetch {
    const struct agent_staple_ask *ask;
    struct client_staple_of of;
    struct arena *a;
    struct str url;
    struct agent_staple *out;
    struct err *err;
    enum rc rc;
    bool ended;
};

static enum rc take(struct fetch *f, const struct client_answer *answer)
{
    char status[16];

    snprintf(status, sizeof(status), "%d", answer->status);
    if (answer->status != 200)
        return ERR(f->err, RC_AGAIN, msg_status, f->url, str_of(status));
    f->of.now = clock_now(ev_clock(f->ask->w->ev));
    TRY(client_staple_check(f->a, answer->body, &f->of, &f->out->said, f->err));
    buf_reset(&f->out->der);
    buf_puts(&f->out->der, answer->body);
    return buf_rc(&f->out->der);
}

static void on_answer(void *arg, const struct client_answer *answer)
{
    struct fetch *f = arg;

    f->ended = true;
    f->rc = answer->rc;
    if (f->rc == RC_OK)
        f->rc = take(f, answer);
    else if (answer->err)
        *f->err = *answer->err;
}

static enum rc ask_once(struct fetch *f, struct client_transport *transport, struct str body)
{
    const struct agent_staple_ask *a = f->ask;
    struct client_ask ask = {.method = "POST",
                             .url = f->url,
                             .content_type = STR("application/ocsp-request"),
                             .accept = STR("application/ocsp-response"),
                             .body = body,
                             .max_body = AGENT_STAPLE_MAX,
                             .timeout = AGENT_STAPLE_SECONDS * WHEN_SECOND};
    struct client_exchange *exchange = NULL;

    f->ended = false;
    *f->err = (struct err)ERR_INIT;
    TRY(client_transport_send(transport, &ask, on_answer, f, &exchange));
    while (!f->ended && !*a->stopped)
        ev_run_once(a->w->ev, EV_WAIT);
    if (f->ended)
        return f->rc;
    client_transport_cancel(transport, exchange);
    return ERR(f->err, RC_CANCELLED, msg_stopped);
}

static void on_pause(void *arg)
{
    bool *over = arg;

    *over = true;
}

static void pause_for(const struct agent_staple_ask *a, int64_t time)
{
    struct ev_timer timer;
    bool over = false;

    ev_timer_init(&timer, a->w->ev, on_pause, &over);
    ev_timer_start(&timer, time, 0);
    while (!over && !*a->stopped)
        ev_run_once(a->w->ev, EV_WAIT);
    ev_timer_stop(&timer);
}

static enum rc ask_all(struct fetch *f)
{
    CLEANUP(client_transport_freep) struct client_transport *transport = NULL;
    CLEANUP(buf_done) struct buf body = BUF_INIT(X509_OCSP_REQUEST_MAX);
    const struct agent_world *w = f->ask->w;
    const struct client_reach_conf reach = {.ev = w->ev, .net = w->net, .proxies = w->proxies};
    enum rc rc = RC_AGAIN;

    TRY(client_staple_request(&f->of, &body));
    TRY(client_http_net(&reach, &transport));
    for (unsigned i = 0; i < f->ask->tries && rc != RC_OK && rc != RC_CANCELLED; i++) {
        if (i)
            pause_for(f->ask, PAUSE_SECONDS * WHEN_SECOND << (i - 1));
        if (*f->ask->stopped)
            return ERR(f->err, RC_CANCELLED, msg_stopped);
        rc = ask_once(f, transport, buf_str(&body));
        if (rc == RC_NOMEM)
            return rc;
    }
    return rc;
}

static struct str responder_of(const struct x509_cert *leaf)
{
    for (size_t i = 0; i < leaf->n_ocsp_urls; i++)
        if (str_starts(leaf->ocsp_urls[i], STR("http://")))
            return leaf->ocsp_urls[i];
    return STR("");
}

enum rc agent_staple_fetch(const struct agent_staple_ask *ask, struct agent_staple *out,
                           struct err *err)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(ARENA_BYTES);
    struct fetch f = {.ask = ask, .a = &a, .out = out, .err = err};
    struct client_staple_chain chain = {.roots = ask->roots, .n_roots = ask->n_roots};
    struct x509_cert *certs;

    TRY(x509_cert_read_pem(&a, ask->chain, X509_CHAIN_MAX, &certs, &chain.n, err));
    chain.certs = certs;
    f.url = responder_of(&certs[0]);
    if (f.url.n == 0)
        return ERR(err, RC_UNSUPPORTED, msg_none);
    f.of.serial = &certs[0].serial;
    TRY(client_staple_issuer(&a, &chain, &f.of.issuer, err));
    return ask_all(&f);
}

/* ---- its file */

static enum rc failed(const struct agent_place *p, const char *what, struct err *err)
{
    return ERR(err, RC_IO, msg_write, str_of(p->path), str_of(what),
               str_of(strerrordesc_np(errno)));
}

static void file_of(unsigned long generation, char out[static PATH])
{
    snprintf(out, PATH, AGENT_HOME "/%lu/" AGENT_STAPLE_FILE, generation);
}

static enum rc give_label(const struct agent_place *p, struct err *err)
{
    CLEANUP(fd_closep) int fd = -1;

    if (!p->owner.label[0])
        return RC_OK;
    fd = openat(p->dir, FRESH, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    return fd < 0 ? failed(p, FRESH, err) : agent_owner_label(&p->owner, fd, FRESH, err);
}

/* Written beside the generations and moved into its own: what is cut off is found where it is
 * looked for, and a generation has no other files than those that are removed with it. */
enum rc agent_staple_put(const struct agent_place *p, unsigned long generation, struct str der,
                         struct err *err)
{
    char path[PATH], dir[PATH];

    file_of(generation, path);
    snprintf(dir, sizeof(dir), AGENT_HOME "/%lu", generation);
    TRY(file_step());
    TRY(file_write(p->dir, FRESH, der, 0644, p->owner.who, err));
    TRY(give_label(p, err));
    TRY(file_step());
    if (renameat(p->dir, FRESH, p->dir, path) != 0) {
        enum rc rc = failed(p, path, err);

        unlinkat(p->dir, FRESH, 0);
        return rc;
    }
    return file_sync_dir(p->dir, dir, err);
}

enum rc agent_staple_get(const struct agent_place *p, unsigned long generation, struct buf *out)
{
    char path[PATH];

    if (generation == 0)
        return RC_NOTFOUND;
    file_of(generation, path);
    return file_read(p->dir, path, out, NULL);
}

static bool is_ours(const struct agent_place *p)
{
    char target[PATH];
    ssize_t n = readlinkat(p->dir, AGENT_STAPLE_FILE, target, sizeof(target));

    return n > 0 && str_eq(str_bytes(target, (size_t)n), STR(LINK_TARGET));
}

enum rc agent_staple_link(const struct agent_place *p, bool wanted, struct err *err)
{
    if (is_ours(p) == wanted)
        return RC_OK;
    TRY(file_step());
    if (!wanted) {
        if (unlinkat(p->dir, AGENT_STAPLE_FILE, 0) != 0)
            return failed(p, AGENT_STAPLE_FILE, err);
        return file_sync_dir(p->dir, ".", err);
    }
    unlinkat(p->dir, FRESH_LINK, 0);
    if (symlinkat(LINK_TARGET, p->dir, FRESH_LINK) != 0 ||
        renameat(p->dir, FRESH_LINK, p->dir, AGENT_STAPLE_FILE) != 0)
        return failed(p, AGENT_STAPLE_FILE, err);
    return file_sync_dir(p->dir, ".", err);
}

/* ---- when */

static enum rc read_age(struct str text, int64_t *out)
{
    return when_parse_span(text, out) == RC_OK && *out > 0 && *out <= 30 * WHEN_DAY ? RC_OK
                                                                                    : RC_INVAL;
}

enum rc agent_staple_check_plan(const struct agent_plan *plan, struct err *err)
{
    int64_t age;

    return plan->ocsp_age.n == 0 || read_age(plan->ocsp_age, &age) == RC_OK
               ? RC_OK
               : ERR(err, RC_INVAL, msg_age, plan->ocsp_age);
}

/* By the age that the plan wants, or as responders make them; never so late that what fails cannot
 * be tried again. */
when_t agent_staple_next(const struct agent_plan *plan, const struct client_staple *s)
{
    int64_t life = s->until - s->since, age;
    when_t next = client_staple_next(s), latest = s->until - life / 4;

    if (plan->ocsp_age.n && read_age(plan->ocsp_age, &age) == RC_OK)
        next = s->since + age;
    return next < latest ? next : latest;
}
