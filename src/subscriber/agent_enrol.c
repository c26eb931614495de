/* SPDX-License-Identifier: Apache-2.0 */
/* `autarky agent enrol`: this host becomes an agent of a server, which its token says it may. */
#include <stdio.h>
#include <unistd.h>

#include "agent/pin.h"
#include "agent/sealed.h"
#include "agentd/enrol.h"
#include "ev/clock.h"
#include "ev/ev.h"
#include "net/net.h"
#include "program/program.h"
#include "subscriber/agent_int.h"

enum { TOKEN_FILE_MAX = 4096, NAME_MAX_TEXT = 65 };

MSG(msg_token, "cmd.agent-token-file",
    "the first line of {0} is no token, as `autarky agent token create` prints it");

static enum rc read_token(const char *file, struct buf *out, struct err *err)
{
    TRY(agent_sealed_line(str_of(file), out, err));
    return str_printable(buf_str(out)) ? RC_OK : ERR(err, RC_PARSE, msg_token, str_of(file));
}

/* Of a file, or of the root with a fingerprint, which is looked for at the server. */
static enum rc read_roots(const struct cmd_args *args, const struct agent_world *w, struct buf *out,
                          struct err *err)
{
    const char *const *v = args->values;
    const struct agent_place nowhere = AGENT_PLACE_INIT;
    const bool stopped = false;
    const struct agent_pin pin = {w, &nowhere, &stopped};
    const struct agent_ca ca = {.server = str_of(v[CMD_OPT_AGENT_SERVER]),
                                .ca_fingerprint = str_of(v[CMD_OPT_CA_FINGERPRINT]),
                                .ca_url = str_of(v[CMD_OPT_CA_URL])};

    if (v[CMD_OPT_CA_FILE])
        return agent_file_read(str_of(v[CMD_OPT_CA_FILE]), out, err);
    return v[CMD_OPT_CA_FINGERPRINT] ? agent_pin_root(&pin, &ca, out, err) : RC_OK;
}

/* As the token has it, else this: what the host calls itself. */
static void own_name(const struct cmd_args *args, char out[static NAME_MAX_TEXT])
{
    if (args->values[CMD_OPT_AGENT_NAME] &&
        str_copyz(str_of(args->values[CMD_OPT_AGENT_NAME]), out, NAME_MAX_TEXT) == RC_OK)
        return;
    if (gethostname(out, NAME_MAX_TEXT) != 0)
        out[0] = '\0';
    out[NAME_MAX_TEXT - 1] = '\0';
}

struct enrolling {
    struct agent_world w;
    struct agentd_home home;
};

static void enrolling_done(struct enrolling *e)
{
    agentd_home_done(&e->home);
    net_free(e->w.net);
    ev_free(e->w.ev);
}

static enum rc enrol(const struct cmd_args *args, struct enrolling *e, struct err *err)
{
    CLEANUP(buf_wipe) struct buf token = BUF_INIT(TOKEN_FILE_MAX);
    CLEANUP(buf_done) struct buf roots = BUF_INIT(AGENTD_ROOTS_MAX);
    const char *const *v = args->values;
    char name[NAME_MAX_TEXT];
    struct agentd_enrolment what = {.server = str_of(v[CMD_OPT_AGENT_SERVER]),
                                    .renews = v[CMD_OPT_ALLOW_RENEW] != NULL};

    own_name(args, name);
    TRY(read_token(v[CMD_OPT_AGENT_TOKEN_FILE], &token, err));
    e->w.say = cmd_agent_say;
    TRY(ev_new(clock_system(), &e->w.ev));
    TRY(net_system(e->w.ev, &e->w.net));
    TRY(agentd_home_open(cmd_agent_home(args), true, &e->home, err));
    TRY(read_roots(args, &e->w, &roots, err));
    what.token = buf_str(&token);
    what.name = str_of(name);
    what.roots = buf_str(&roots);
    return agentd_enrol(&e->w, &e->home, &what, err);
}

static int run(const struct cmd_args *args)
{
    CLEANUP(enrolling_done) struct enrolling e = {.home = AGENTD_HOME_INIT};
    struct err err = ERR_INIT;
    char until[WHEN_TEXT];

    err.rc = enrol(args, &e, &err);
    if (err.rc == RC_AGAIN) {
        cmd_fail(&err);
        return CMD_LATER;
    }
    if (err.rc != RC_OK)
        return cmd_fail(&err);
    printf("enrolled as %.*s\n", STR_ARG(e.home.name));
    fprintf(stderr,
            "its own certificate is valid until %s, and renewed by `%s agent run`, which "
            "reports from now on; start it anew if it runs\n",
            when_text(e.home.not_after, until), program.name);
    return CMD_DONE;
}

const char *cmd_agent_home(const struct cmd_args *args)
{
    const char *given = args->values[CMD_OPT_AGENT_DIR];

    return given ? given : CMD_AGENT_HOME;
}

int cmd_agent_enrol(const struct cmd_args *args)
{
    const char *const *v = args->values;

    if (!v[CMD_OPT_AGENT_SERVER] || !v[CMD_OPT_AGENT_TOKEN_FILE])
        return cmd_usagef("--server says which server, as in https://ca.hospital.example:8555, and "
                          "--token-file where the token is that `autarky agent token create` made");
    if (v[CMD_OPT_CA_FINGERPRINT] && v[CMD_OPT_CA_FILE])
        return cmd_usagef("--ca-fingerprint and --ca-file are for the same: give one of them");
    return cmd_agent_run(args, run);
}
