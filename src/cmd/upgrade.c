/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <time.h>

#include "cmd/ask.h"
#include "ev/clock.h"
#include "json/out.h"

MSG(msg_slow, "cmd.upgrade-slow",
    "the new program has taken over, and not all of its processes are ready after {0} seconds; "
    "`autarky status` and its log say which");
MSG(msg_went_on, "cmd.upgrade-went-on",
    "the new program could not be executed, and the one before goes on; its log says why "
    "(serve.upgrade-refused)");

enum { WAIT_SECONDS = 120, ANSWER_MAX = 4 * 1024 * 1024 };

/* Which process decides, and whether all is as it is to be. */
struct look {
    uint64_t core, generation;
    bool ready;
    uint64_t left; /* processes that finish what they have */
};

static struct look look_at(const struct json *root)
{
    struct json_iter it = json_iter(json_get(root, "processes"));
    struct look l = {.ready = true, .generation = json_shown_u64(root, "generation")};
    const struct json *p;

    while (json_next(&it, NULL, &p)) {
        struct str state = json_shown(p, "state");

        if (str_eq(json_shown(p, "role"), STR("core")) && str_eq(state, STR("ready")))
            l.core = json_shown_u64(p, "pid");
        l.left += str_eq(state, STR("draining"));
        l.ready &= str_eq(state, STR("draining")) || str_eq(state, STR("ready"));
    }
    return l;
}

static enum rc ask_status(const struct cmd_args *args, struct json_doc **out, struct err *err)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(ANSWER_MAX);

    TRY(cmd_control(cmd_data(args), "status", STR(""), &text, err));
    return json_parse(buf_str(&text), ANSWER_MAX, out, err);
}

/* The socket stays, so who asks meanwhile waits; a question that the one before has taken and not
 * answered any more is asked again. */
static enum rc wait_for_next(const struct cmd_args *args, const struct look *before,
                             struct look *out, struct err *err)
{
    static const struct timespec pause = {.tv_nsec = 200'000'000};
    int64_t end = clock_mono(clock_system()) + WAIT_SECONDS * WHEN_SECOND;

    while (clock_mono(clock_system()) < end) {
        CLEANUP(json_freep) struct json_doc *doc = NULL;
        struct err ignored = ERR_INIT;

        nanosleep(&pause, NULL);
        if (ask_status(args, &doc, &ignored) != RC_OK)
            continue;
        *out = look_at(json_root(doc));
        if (out->ready && out->core && out->core != before->core)
            return out->generation != before->generation ? RC_OK : ERR(err, RC_IO, msg_went_on);
    }
    return ERR(err, RC_TIMEOUT, msg_slow, STR("120"));
}

static enum rc show(const struct cmd_args *args, struct str version, const struct look *l)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(ANSWER_MAX);
    struct json_out o;

    if (!cmd_json(args)) {
        printf("version %.*s has taken over; %llu processes of the program before finish what "
               "they have\n",
               STR_ARG(version), (unsigned long long)l->left);
        return RC_OK;
    }
    json_out_init(&o, &text, JSON_PRETTY);
    json_obj(&o);
    json_kv_str(&o, "version", version);
    json_kv_u64(&o, "draining", l->left);
    json_end(&o);
    TRY(json_out_done(&o));
    cmd_print(buf_str(&text));
    return RC_OK;
}

static enum rc upgrade(const struct cmd_args *args, struct err *err)
{
    CLEANUP(json_freep) struct json_doc *before = NULL, *answer = NULL;
    CLEANUP(buf_done) struct buf ask = BUF_INIT(ASK_MAX), text = BUF_INIT(ANSWER_MAX);
    struct look was, l = {};

    TRY(ask_reason(args, &ask));
    TRY(ask_status(args, &before, err));
    TRY(cmd_control(cmd_data(args), "upgrade", buf_str(&ask), &text, err));
    TRY(json_parse(buf_str(&text), ANSWER_MAX, &answer, err));
    was = look_at(json_root(before));
    TRY(wait_for_next(args, &was, &l, err));
    return show(args, json_shown(json_root(answer), "version"), &l);
}

int cmd_upgrade(const struct cmd_args *args)
{
    struct err err = ERR_INIT;

    err.rc = upgrade(args, &err);
    return err.rc == RC_OK ? CMD_DONE : cmd_fail(&err);
}
