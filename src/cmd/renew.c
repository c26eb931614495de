/* SPDX-License-Identifier: Apache-2.0 */
/* Renewal of what `autarky obtain` has obtained: one directory, or all below one. */
#include <stdio.h>
#include <time.h>

#include "agentd/places.h"
#include "cmd/agent_int.h"
#include "crypto/crypto.h"
#include "json/out.h"

enum { ANSWER_MAX = 1 << 20 };

/* What came of all of them. */
struct tally {
    size_t done, failed, later, unproven;
    struct json_out *json; /* NULL: words */
};

static void put_json(struct json_out *j, const char *dir, const struct agent_outcome *out,
                     const struct err *err)
{
    char text[AGENT_WHY_MAX];

    json_obj(j);
    json_kv_z(j, "directory", dir);
    json_kv_bool(j, "issued", out->issued);
    if (out->not_after)
        json_kv_when(j, "not_after", out->not_after);
    if (out->renew_at)
        json_kv_when(j, "renew_at", out->renew_at);
    if (out->unproven)
        json_kv_bool(j, "unproven", true);
    if (err->rc != RC_OK)
        json_kv_z(j, "error", err_textz(err, text, sizeof(text)));
    json_end(j);
}

static void put_words(const char *dir, const struct agent_outcome *out)
{
    char until[WHEN_TEXT], renew[WHEN_TEXT];

    if (out->issued)
        printf("%s: renewed, valid until %s\n", dir, when_text(out->not_after, until));
    else if (out->waits)
        printf("%s: the last attempt failed, the next one is not before %s (--force)\n", dir,
               when_text(out->waits, renew));
    else
        printf("%s: not due before %s\n", dir, when_text(out->renew_at, renew));
}

static void renew_one(const struct cmd_args *args, const char *dir, struct tally *t)
{
    const struct agent_options options = {.dir = dir,
                                          .say = cmd_agent_say,
                                          .dry_run = args->values[CMD_OPT_DRY_RUN] != NULL,
                                          .force = args->values[CMD_OPT_RENEW_FORCE] != NULL};
    struct agent_outcome out = {};
    struct err err = ERR_INIT;

    err.rc = agent_renew(&options, &out, &err);
    if (t->json)
        put_json(t->json, dir, &out, &err);
    if (err.rc == RC_OK) {
        t->done++;
        if (!t->json)
            put_words(dir, &out);
        return;
    }
    t->failed++;
    switch (cmd_agent_fail(&out, &err)) {
    case CMD_LATER:
        t->later++;
        break;
    case CMD_UNPROVEN:
        t->unproven++;
        break;
    default:
        break;
    }
}

static int renew_all(const struct cmd_args *args, struct tally *t)
{
    char *names[AGENTD_PLACES_MAX];
    size_t n = agentd_places(args->operand, names);

    if (n == 0)
        return cmd_failf("there is nothing to renew in %s, nor in the directories below it; "
                         "`autarky obtain --out DIR` obtains a certificate first",
                         args->operand);
    for (size_t i = 0; i < n; i++) {
        renew_one(args, names[i], t);
        mem_free(names[i]);
    }
    return -1;
}

static int status_of(const struct tally *t)
{
    if (t->failed == 0)
        return CMD_DONE;
    if (t->done)
        return CMD_PARTLY;
    if (t->unproven)
        return t->unproven == t->failed ? CMD_UNPROVEN : CMD_FAILED;
    return t->later == t->failed ? CMD_LATER : CMD_FAILED;
}

/* Those who were installed together do not all come at the same second. */
static int wait_a_while(const char *most)
{
    when_t span;
    uint64_t dice = 0;
    struct timespec ts;

    if (!most)
        return -1;
    if (when_parse_span(str_of(most), &span) != RC_OK || span > WHEN_DAY)
        return cmd_usagef("--jitter takes a time up to a day, as in 10m or 1h");
    if (crypto_random(&dice, sizeof(dice)) != RC_OK || span == 0)
        return -1;
    span = (when_t)(dice % (uint64_t)span);
    ts = (struct timespec){span / WHEN_SECOND, span % WHEN_SECOND * 1000};
    nanosleep(&ts, NULL);
    return -1;
}

static int renew(const struct cmd_args *args)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(ANSWER_MAX);
    struct json_out j = {};
    struct tally t = {.json = cmd_json(args) ? &j : NULL};
    int status = wait_a_while(args->values[CMD_OPT_JITTER]);

    if (status >= 0)
        return status;
    json_out_init(&j, &text, JSON_PRETTY);
    json_arr(&j);
    status = renew_all(args, &t);
    json_end(&j);
    if (status >= 0)
        return status;
    if (t.json && json_out_done(&j) == RC_OK)
        cmd_print(buf_str(&text));
    return status_of(&t);
}

int cmd_renew(const struct cmd_args *args)
{
    return cmd_agent_run(args, renew);
}
