/* SPDX-License-Identifier: Apache-2.0 */
/* `autarky scan`: what is served in a network. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/file.h"
#include "crypto/crypto.h"
#include "ev/clock.h"
#include "ev/ev.h"
#include "json/out.h"
#include "net/net.h"
#include "scan/record.h"
#include "survey/scan_int.h"

enum {
    AT_ONCE = 500,
    PER_HOST = 4,
    RATE = 500,
    TIMEOUT_SECONDS = 5,
    DEADLINE_HOURS = 24,
    SPARE_DESCRIPTORS = 64,
    PEM_MAX = 4 * 1024 * 1024,
    FOUND_MEMORY = 2 * 1024 * 1024,
    PLAIN_SECONDS = 10,
    BAR = 30,
};

MSG(msg_machine, "cmd.scan-machine",
    "this machine has not enough of something (descriptors, memory, ports): {0}; what was found is "
    "kept, and the same command goes on, better with a smaller --at-once");

struct run {
    const struct cmd_args *args;
    struct scan_targets targets;
    struct scan_judge *judge;
    struct scan_out out;
    struct scan_tally tally;
    struct ev *ev;
    struct scan *scan;
    struct ev_timer save, show;
    bool terminal, judged;
    unsigned at_once, per_host, rate;
    int64_t timeout, deadline;
    struct err err;
    enum rc rc;
};

/* ---- options */

static int number_of(const struct cmd_args *args, enum cmd_option o, unsigned most, unsigned *out)
{
    uint64_t n = 0;

    if (!args->values[o])
        return CMD_DONE;
    if (str_u64(str_of(args->values[o]), most, &n) != RC_OK || n == 0)
        return cmd_usagef("%s is a number from 1 to %u", cmd_option_rows()[o].name, most);
    *out = (unsigned)n;
    return CMD_DONE;
}

static int span_of(const struct cmd_args *args, enum cmd_option o, int64_t *out)
{
    if (!args->values[o])
        return CMD_DONE;
    if (when_parse_span(str_of(args->values[o]), out) != RC_OK || *out <= 0)
        return cmd_usagef("%s is a length of time, as in 5s or 12h", cmd_option_rows()[o].name);
    return CMD_DONE;
}

static int read_options(struct run *r)
{
    int status = number_of(r->args, CMD_OPT_AT_ONCE, SCAN_AT_ONCE_MAX, &r->at_once);

    if (status == CMD_DONE)
        status = number_of(r->args, CMD_OPT_PER_HOST, SCAN_AT_ONCE_MAX, &r->per_host);
    if (status == CMD_DONE)
        status = number_of(r->args, CMD_OPT_RATE, SCAN_RATE_MAX, &r->rate);
    if (status == CMD_DONE)
        status = span_of(r->args, CMD_OPT_SCAN_TIMEOUT, &r->timeout);
    if (status == CMD_DONE)
        status = span_of(r->args, CMD_OPT_DEADLINE, &r->deadline);
    return status;
}

/* ---- targets */

static void unknown_name(void *, const struct err *err)
{
    cmd_fail(err); /* said; the others are looked at */
}

static enum rc add_target(struct run *r, const char *word, struct err *err)
{
    if (word[0] == '@')
        return scan_import(&r->targets, word + 1, unknown_name, r, err);
    return scan_target_add(&r->targets, str_of(word), err);
}

static int read_targets(struct run *r)
{
    const char *ports = r->args->values[CMD_OPT_PORTS];
    struct err err = ERR_INIT;
    uint64_t n = 0;

    err.rc = scan_ports_parse(&r->targets, str_of(ports ? ports : scan_default_ports), &err);
    for (size_t i = 0; err.rc == RC_OK && i < r->args->n_many; i++)
        err.rc = add_target(r, r->args->many[i], &err);
    if (err.rc == RC_OK)
        err.rc = scan_targets_count(&r->targets, &n, &err);
    if (err.rc == RC_INVAL || err.rc == RC_TOOBIG) {
        cmd_fail(&err);
        return CMD_USAGE;
    }
    if (err.rc != RC_OK)
        return cmd_fail(&err);
    return n ? CMD_DONE : cmd_usagef("there is nothing to look at");
}

/* ---- what is ours */

static enum rc add_ours(struct run *r, const char *path, struct err *err)
{
    CLEANUP(buf_done) struct buf pem = BUF_INIT(PEM_MAX);

    TRY(file_read(AT_FDCWD, path, &pem, err));
    TRY(scan_judge_add(r->judge, buf_str(&pem), err));
    r->judged = true;
    return RC_OK;
}

/* The data directory's own roots, where there are any and this user may read them. */
static enum rc add_own_roots(struct run *r, struct err *err)
{
    static const char *const names[] = {"roots-all.pem", "roots-all-special.pem"};
    char path[SCAN_PATH_MAX];

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        enum rc rc;

        snprintf(path, sizeof(path), "%s/trust/%s", cmd_data(r->args), names[i]);
        rc = access(path, R_OK) == 0 ? add_ours(r, path, err) : RC_OK;
        if (rc != RC_OK && rc != RC_NOTFOUND)
            return rc;
    }
    if (!r->judged)
        fprintf(stderr,
                "autarky: no roots in %s/trust: whose the certificates are is not judged; "
                "--ours names roots\n",
                cmd_data(r->args));
    return RC_OK;
}

static int read_ours(struct run *r)
{
    const char *path = r->args->values[CMD_OPT_OURS];
    struct err err = ERR_INIT;

    err.rc = scan_judge_new(&r->judge);
    if (err.rc == RC_OK)
        err.rc = path ? add_ours(r, path, &err) : add_own_roots(r, &err);
    return err.rc == RC_OK ? CMD_DONE : cmd_fail(&err);
}

/* ---- what is found */

static void count(struct scan_tally *t, const struct scan_found *f, unsigned verdicts)
{
    t->tls += f->state == SCAN_TLS;
    t->other += f->state == SCAN_OTHER;
    for (unsigned i = 0; i < SCAN_VERDICTS; i++)
        t->verdicts[i] += verdicts >> i & 1;
}

static enum rc on_found(void *arg, const struct scan_found *f)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(FOUND_MEMORY);
    struct run *r = arg;
    struct scan_judged judged = {};

    if (f->state == SCAN_CLOSED)
        return RC_OK;
    if (f->state == SCAN_TLS)
        TRY(scan_judge_found(r->judge, &a, f, clock_now(ev_clock(r->ev)), &judged));
    count(&r->tally, f, judged.verdicts);
    return scan_record_put(f, &judged, &r->out.lines);
}

static void on_ended(void *arg, enum rc rc)
{
    struct run *r = arg;

    if (r->rc == RC_OK)
        r->rc = rc;
    ev_stop(r->ev);
}

static void on_save(void *arg)
{
    struct run *r = arg;

    if (r->rc != RC_OK)
        return;
    r->rc = scan_out_save(&r->out, r->scan, &r->err);
    if (r->rc != RC_OK)
        scan_stop(r->scan);
}

/* ---- what is shown */

static void show(void *arg)
{
    struct run *r = arg;
    struct scan_progress p = scan_progress(r->scan);
    unsigned full = p.total ? (unsigned)(p.finished * BAR / p.total) : BAR;

    if (r->terminal)
        fprintf(stderr, "\r[%.*s%.*s] %llu of %llu, %llu with TLS ", (int)full,
                "##############################", (int)(BAR - full),
                "..............................", (unsigned long long)p.finished,
                (unsigned long long)p.total, (unsigned long long)r->tally.tls);
    else
        fprintf(stderr, "autarky: looked at %llu of %llu endpoints, %llu with TLS\n",
                (unsigned long long)p.finished, (unsigned long long)p.total,
                (unsigned long long)r->tally.tls);
}

static void print_tally(const struct run *r, const struct scan_progress *p)
{
    printf("%llu endpoints, %llu with TLS, %llu that speak something else\n",
           (unsigned long long)p->finished, (unsigned long long)r->tally.tls,
           (unsigned long long)r->tally.other);
    for (unsigned i = 0; i < SCAN_VERDICTS; i++)
        if (r->tally.verdicts[i])
            printf("%10llu  %s\n", (unsigned long long)r->tally.verdicts[i], scan_verdict_text(i));
}

static enum rc print_json(const struct run *r, const struct scan_progress *p)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(SCAN_WHY_MAX + SCAN_PATH_MAX);
    struct json_out o;

    json_out_init(&o, &text, JSON_PRETTY);
    json_obj(&o);
    json_kv_u64(&o, "endpoints", p->total);
    json_kv_u64(&o, "finished", p->finished);
    json_kv_u64(&o, "tls", r->tally.tls);
    json_kv_u64(&o, "other", r->tally.other);
    json_kv_bool(&o, "resumed", r->out.resumed);
    json_key(&o, "verdicts");
    json_obj(&o);
    for (unsigned i = 0; i < SCAN_VERDICTS; i++)
        json_kv_u64(&o, scan_verdict_text(i), r->tally.verdicts[i]);
    json_end(&o);
    json_end(&o);
    TRY(json_out_done(&o));
    cmd_print(buf_str(&text));
    return RC_OK;
}

/* ---- the run */

static void on_signal(void *arg, int)
{
    scan_stop(((struct run *)arg)->scan);
}

/* As many descriptors as this process may have. */
static unsigned bounded(unsigned at_once)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return at_once;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur > at_once + SPARE_DESCRIPTORS)
        return at_once;
    return limit.rlim_cur > SPARE_DESCRIPTORS ? (unsigned)limit.rlim_cur - SPARE_DESCRIPTORS : 1;
}

static enum rc start(struct run *r, struct net *net)
{
    const struct scan_saved *saved = &r->out.saved;
    const struct scan_conf conf = {
        .ev = r->ev,
        .net = net,
        .targets = &r->targets,
        .at_once = bounded(r->at_once),
        .per_host = r->per_host,
        .rate = r->rate,
        .timeout = r->timeout,
        .deadline = r->deadline,
        .quick = r->args->values[CMD_OPT_QUICK] != NULL,
        .at = {.low = saved->low, .more = saved->more, .n_more = saved->n_more},
        .found = on_found,
        .ended = on_ended,
        .arg = r,
    };

    TRY(scan_new(&conf, &r->scan, &r->err));
    /* From here on it can be gone on with. */
    TRY(scan_out_save(&r->out, r->scan, &r->err));
    ev_timer_start(&r->save, SCAN_SAVE_SECONDS * WHEN_SECOND, SCAN_SAVE_SECONDS * WHEN_SECOND);
    ev_timer_start(&r->show, r->terminal ? WHEN_SECOND / 5 : PLAIN_SECONDS * WHEN_SECOND,
                   r->terminal ? WHEN_SECOND / 5 : PLAIN_SECONDS * WHEN_SECOND);
    return RC_OK;
}

static enum rc loop(struct run *r)
{
    CLEANUP(net_freep) struct net *net = NULL;
    CLEANUP(ev_signal_freep) struct ev_signal *term = NULL, *interrupt = NULL;
    enum rc rc = net_system(r->ev, &net);

    if (rc == RC_OK)
        rc = ev_signal_new(r->ev, SIGTERM, on_signal, r, &term);
    if (rc == RC_OK)
        rc = ev_signal_new(r->ev, SIGINT, on_signal, r, &interrupt);
    if (rc == RC_OK)
        rc = start(r, net);
    if (rc == RC_OK) {
        ev_run(r->ev);
        rc = r->rc;
    }
    if (r->terminal && r->scan) {
        show(r);
        fprintf(stderr, "\n");
    }
    ev_timer_stop(&r->save);
    ev_timer_stop(&r->show);
    return rc;
}

/* What was found is kept, whatever ended it. */
static enum rc keep(struct run *r, enum rc rc)
{
    if (!r->scan)
        return rc;
    if (rc == RC_OK)
        return scan_out_finish(&r->out, &r->err);
    if (!r->err.msg)
        TRY(scan_out_save(&r->out, r->scan, &r->err));
    return rc;
}

static int finish(struct run *r, enum rc rc)
{
    struct scan_progress p = r->scan ? scan_progress(r->scan) : (struct scan_progress){};

    scan_free(MOVE(r->scan));
    if (rc != RC_OK && rc != RC_TIMEOUT && rc != RC_CANCELLED) {
        if (!r->err.msg)
            IGNORE_RC(ERR(&r->err, rc, msg_machine, str_of(rc_text(rc))));
        r->err.rc = rc;
        return cmd_fail(&r->err);
    }
    if (!cmd_json(r->args))
        print_tally(r, &p);
    else if (print_json(r, &p) != RC_OK)
        return cmd_fail(&r->err);
    if (rc == RC_OK)
        return CMD_DONE;
    fprintf(stderr, "autarky: %s; the same command goes on from there\n",
            rc == RC_TIMEOUT ? "the deadline came before the end" : "ended before its end");
    return CMD_PARTLY;
}

static enum rc open_out(struct run *r, const unsigned char digest[static 32])
{
    const char *path = r->args->values[CMD_OPT_SCAN_OUT];

    r->out.quick = r->args->values[CMD_OPT_QUICK] != NULL;
    if (path)
        return scan_out_open(&r->out, path, digest, &r->err);
    return scan_out_server(&r->out, cmd_data(r->args), digest, &r->err);
}

static int scan_all(struct run *r)
{
    unsigned char digest[32] = {};
    enum rc rc = scan_targets_digest(&r->targets, digest);

    digest[0] ^= r->args->values[CMD_OPT_QUICK] != NULL;
    if (rc == RC_OK)
        rc = open_out(r, digest);
    if (rc == RC_OK)
        rc = ev_new(clock_system(), &r->ev);
    if (rc != RC_OK) {
        r->err.rc = rc;
        return cmd_fail(&r->err);
    }
    ev_timer_init(&r->save, r->ev, on_save, r);
    ev_timer_init(&r->show, r->ev, show, r);
    return finish(r, keep(r, loop(r)));
}

static void run_done(struct run *r)
{
    scan_free(r->scan);
    ev_free(r->ev);
    scan_out_done(&r->out);
    scan_judge_free(r->judge);
    scan_targets_done(&r->targets);
}

static int run(struct run *r)
{
    struct err err = ERR_INIT;
    int status;

    signal(SIGPIPE, SIG_IGN);
    err.rc = crypto_init();
    if (err.rc != RC_OK)
        return cmd_fail(&err);
    status = read_options(r);
    if (status == CMD_DONE)
        status = read_targets(r);
    if (status == CMD_DONE)
        status = read_ours(r);
    if (status == CMD_DONE)
        status = scan_all(r);
    return status;
}

int cmd_scan(const struct cmd_args *args)
{
    struct run *r = MEM_NEW(struct run);
    struct err err = {.rc = RC_NOMEM};
    int status;

    if (!r)
        return cmd_fail(&err);
    *r = (struct run){.args = args,
                      .terminal = isatty(STDERR_FILENO) == 1 && !cmd_json(args),
                      .at_once = AT_ONCE,
                      .per_host = PER_HOST,
                      .rate = RATE,
                      .timeout = TIMEOUT_SECONDS * WHEN_SECOND,
                      .deadline = DEADLINE_HOURS * WHEN_HOUR};
    scan_targets_init(&r->targets);
    scan_out_init(&r->out);
    status = run(r);
    run_done(r);
    crypto_done();
    mem_free(r);
    return status;
}
