/* SPDX-License-Identifier: Apache-2.0 */
/* Renewal of what `autarky obtain` has obtained: one directory, or all below one. */
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "agent/place.h"
#include "cmd/agent_int.h"
#include "crypto/crypto.h"
#include "json/out.h"

enum { PLACES_MAX = 1000, ANSWER_MAX = 1 << 20 };

/* What came of all of them. */
struct tally {
    size_t done, failed, later, unproven;
    struct json_out *json; /* NULL: words */
};

static bool is_place(const char *dir)
{
    char path[AGENT_PATH_MAX];
    struct stat st;
    int n = snprintf(path, sizeof(path), "%s/" AGENT_HOME "/state.json", dir);

    return n > 0 && (size_t)n < sizeof(path) && stat(path, &st) == 0;
}

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

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Names of directories below `dir` in which something was obtained; freed by the caller. */
static size_t find_places(const char *dir, char **names)
{
    DIR *d = opendir(dir);
    const struct dirent *e;
    size_t n = 0;

    while (d && n < PLACES_MAX && (e = readdir(d)) != NULL) {
        char path[AGENT_PATH_MAX];
        int length = snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);

        if (e->d_name[0] == '.' || length < 0 || (size_t)length >= sizeof(path) || !is_place(path))
            continue;
        names[n] = mem_strdup(path);
        n += names[n] != NULL;
    }
    if (d)
        closedir(d);
    qsort(names, n, sizeof(*names), by_name);
    return n;
}

static int renew_all(const struct cmd_args *args, struct tally *t)
{
    const char *dir = args->operand;
    char *names[PLACES_MAX];
    size_t n;

    if (is_place(dir)) {
        renew_one(args, dir, t);
        return -1;
    }
    n = find_places(dir, names);
    if (n == 0)
        return cmd_failf("there is nothing to renew in %s, nor in the directories below it; "
                         "`autarky obtain --out DIR` obtains a certificate first",
                         dir);
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
    int status;

    signal(SIGPIPE, SIG_IGN);
    if (crypto_init() != RC_OK)
        return cmd_failf("OpenSSL cannot be initialised");
    status = renew(args);
    crypto_done();
    return status;
}
