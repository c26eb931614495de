/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/tell.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "agent/staple.h"

MSG(msg_csr, "agent.hook-csr",
    "the hook's generate_csr prints a certificate request; autarky makes key and request itself: "
    "have the hook print nothing");
MSG(msg_name, "agent.hook-names",
    "the hook fails for a name of a call that it does not know ({0}); it has to end with status 0 "
    "then, for new ones may come");

enum { OUTPUT_MAX = 64 * 1024, FILES = 4, STAMP = 24 };

#define MADE_UP STR("this_hook_does_not_exist__please_ignore_hooks_you_do_not_know")

static enum rc tell(struct agent_solver *s, const struct str *words, size_t n, struct err *err)
{
    return agent_hook_tell(s, words, n, NULL, err);
}

/* The name that stands for the certificate: its first, with the wildcard that it may be. */
static struct str domain_of(const struct agent_plan *plan, char text[static ADDR_TEXT])
{
    return plan->n_dns ? plan->dns[0] : str_of(addr_text(&plan->ips[0], text));
}

static enum rc all_names(const struct agent_plan *plan, struct buf *out)
{
    char text[ADDR_TEXT];

    for (size_t i = 0; i < plan->n_dns; i++)
        buf_printf(out, "%s%.*s", out->n ? " " : "", STR_ARG(plan->dns[i]));
    for (size_t i = 0; i < plan->n_ips; i++)
        buf_printf(out, "%s%s", out->n ? " " : "", addr_text(&plan->ips[i], text));
    return buf_rc(out);
}

enum rc agent_tell_begin(struct agent_solver *s, const struct agent_place *p,
                         const struct agent_plan *plan, struct err *err)
{
    CLEANUP(buf_done) struct buf names = BUF_INIT(OUTPUT_MAX), out = BUF_INIT(OUTPUT_MAX);
    const struct str start[] = {STR("startup_hook")}, made_up[] = {MADE_UP};
    struct err why = ERR_INIT;
    char text[ADDR_TEXT], line[512];
    enum rc rc;

    if (!agent_hook_listens(s))
        return RC_OK;
    rc = tell(s, made_up, 1, &why);
    if (rc != RC_OK)
        return ERR(err, rc, msg_name, str_of(err_textz(&why, line, sizeof(line))));
    TRY(tell(s, start, 1, err));
    TRY(all_names(plan, &names));
    TRY(agent_hook_tell(s,
                        (const struct str[]){STR("generate_csr"), domain_of(plan, text),
                                             str_of(p->path), buf_str(&names)},
                        4, &out, err));
    return str_starts(str_trim(buf_str(&out)), STR("-----BEGIN "))
               ? ERR(err, RC_UNSUPPORTED, msg_csr)
               : RC_OK;
}

struct files {
    char path[FILES][AGENT_PATH_MAX];
};

static enum rc files_of(const struct agent_place *p, unsigned long generation, struct files *out)
{
    static const char *const names[FILES] = {"privkey.pem", "cert.pem", "fullchain.pem",
                                             "chain.pem"};

    for (size_t i = 0; i < FILES; i++)
        TRY(agent_place_file(p, generation, names[i], out->path[i]));
    return RC_OK;
}

enum rc agent_tell_written(struct agent_solver *s, const struct agent_place *p,
                           unsigned long generation, struct err *err)
{
    struct files f = {};

    if (!agent_hook_listens(s))
        return RC_OK;
    TRY(files_of(p, generation, &f));
    /* There is no file with the request. */
    return tell(s,
                (const struct str[]){STR("sync_cert"), str_of(f.path[0]), str_of(f.path[1]),
                                     str_of(f.path[2]), str_of(f.path[3]), STR("")},
                6, err);
}

enum rc agent_tell_exit(struct agent_solver *s, struct err *err)
{
    return tell(s, (const struct str[]){STR("exit_hook")}, 1, err);
}

static struct str time_text(char text[static STAMP])
{
    snprintf(text, STAMP, "%lld", (long long)time(NULL));
    return str_of(text);
}

enum rc agent_tell_deployed(struct agent_solver *s, const struct agent_place *p,
                            const struct agent_plan *plan, struct err *err)
{
    char text[ADDR_TEXT], stamp[STAMP];
    struct files f = {};

    if (!agent_hook_listens(s))
        return RC_OK;
    TRY(files_of(p, 0, &f));
    return tell(s,
                (const struct str[]){STR("deploy_cert"), domain_of(plan, text), str_of(f.path[0]),
                                     str_of(f.path[1]), str_of(f.path[2]), str_of(f.path[3]),
                                     time_text(stamp)},
                7, err);
}

enum rc agent_tell_ocsp(struct agent_solver *s, const struct agent_place *p,
                        const struct agent_plan *plan, struct err *err)
{
    CLEANUP(buf_done) struct buf der = BUF_INIT(AGENT_STAPLE_MAX);
    char text[ADDR_TEXT], stamp[STAMP], path[AGENT_PATH_MAX];

    if (!agent_hook_listens(s) || plan->ocsp.n == 0 || agent_staple_get(p, p->live, &der) != RC_OK)
        return RC_OK;
    TRY(agent_place_file(p, 0, AGENT_STAPLE_FILE, path));
    return tell(s,
                (const struct str[]){STR("deploy_ocsp"), domain_of(plan, text), str_of(path),
                                     time_text(stamp)},
                4, err);
}

enum rc agent_tell_unchanged(struct agent_solver *s, const struct agent_place *p,
                             const struct agent_plan *plan, struct err *err)
{
    char text[ADDR_TEXT];
    struct files f = {};

    if (!agent_hook_listens(s))
        return RC_OK;
    TRY(files_of(p, 0, &f));
    TRY(tell(s, (const struct str[]){STR("startup_hook")}, 1, err));
    return tell(s,
                (const struct str[]){STR("unchanged_cert"), domain_of(plan, text),
                                     str_of(f.path[0]), str_of(f.path[1]), str_of(f.path[2]),
                                     str_of(f.path[3])},
                6, err);
}

static bool is_of_challenge(const struct err *why)
{
    return why->msg && (strcmp(why->msg->code, CLIENT_NOT_PROVEN) == 0 ||
                        strcmp(why->msg->code, CLIENT_NOT_SEEN) == 0);
}

void agent_tell_failed(struct agent_solver *s, const struct agent_world *w, int status,
                       const struct err *why)
{
    char text[AGENT_WHY_MAX], digits[16];
    struct err err = ERR_INIT;
    struct str reason = str_of(err_textz(why, text, sizeof(text)));
    enum rc rc;

    if (!agent_hook_listens(s))
        return;
    snprintf(digits, sizeof(digits), "%d", status);
    rc = RC_OK;
    if (status)
        rc = tell(s,
                  (const struct str[]){STR("request_failure"), str_of(digits), reason, STR("post"),
                                       STR("")},
                  5, &err);
    else if (is_of_challenge(why)) /* its name comes first */
        rc = tell(s, (const struct str[]){STR("invalid_challenge"), err_arg(why, 0), reason}, 3,
                  &err);
    if (rc == RC_OK)
        rc = tell(s, (const struct str[]){STR("exit_hook"), reason}, 2, &err);
    err.rc = rc;
    if (rc != RC_OK)
        agent_say_err(w, "the hook was not told of the failure", &err);
}
