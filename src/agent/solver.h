/* SPDX-License-Identifier: Apache-2.0 */
/* Ways to prove control over names, behind the one interface of the client (client/client.h). Each
 * is a solver of one type of challenge; some have work left after the client is done with them
 * (records to remove, hooks to run), for which the loop has to go on. */
#pragma once

#include <sys/types.h>

#include "client/client.h"

struct agent_journal;
struct agent_tokens;
struct ev;
struct client_proxy;
struct net;

/* A record of DNS that was changed, or was to be; borrowed for the call. */
struct agent_record {
    bool removed;
    const char *zone, *name; /* behind aliases */
    const char *server;      /* as it is configured */
    const struct err *why;   /* NULL, or of RC_OK: it was done */
};

/* What all of them share, and outlives them. */
struct agent_world {
    struct ev *ev;
    struct net *net;
    /* Tells a person what goes on, a line without its end; what it is told is of no use to anybody
     * else. `warn`: something did not go as it should. */
    void (*say)(void *arg, bool warn, const char *line);
    void *arg;
    const struct client_proxy *proxies; /* as in client/reach.h; of servers, not of proofs */
    struct agent_journal *journal; /* of what is changed (agent/journal.h); NULL: none is kept */
    struct agent_tokens *tokens;   /* those that are open (agent/token.h); NULL: each for its key */
    /* Told of each dynamic update that was sent, and what became of it; NULL: nobody is. */
    void (*changed)(void *arg, const struct agent_record *record);
    void *changed_arg;
    bool confined; /* no file can be opened, and nobody may wait: libc looks up no name */
};

void agent_say(const struct agent_world *w, bool warn, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* A warning: "WHAT: error". */
void agent_say_err(const struct agent_world *w, const char *what, const struct err *err);

struct agent_solver;

struct agent_solver_ops {
    /* There is work left. */
    bool (*busy)(const struct agent_solver *s);
    void (*free)(struct agent_solver *s);
};

struct agent_solver {
    struct client_solver solver;
    const struct agent_solver_ops *ops;
};

static inline bool agent_solver_busy(const struct agent_solver *s)
{
    return s->ops->busy && s->ops->busy(s);
}

/* After client_free. Work that is left is given up. */
static inline void agent_solver_free(struct agent_solver *s)
{
    if (s)
        s->ops->free(s);
}
DEFINE_FREEP(agent_solver_free, struct agent_solver)

struct agent_plan;
/* The one that the plan names, with `dir`, where the certificate goes, told to hooks. RC_INVAL: the
 * address to listen at is none; errors as of the one that is made. `plan` outlives it. */
enum rc agent_solver_new(const struct agent_world *w, const struct agent_plan *plan,
                         const char *dir, struct agent_solver **out, struct err *err);

/* http-01 (RFC 8555 section 8.3) by a listener of our own, while a proof is to be seen and only
 * then. Errors as net_listen, when the listener is tried now. */
enum rc agent_http01_new(const struct agent_world *w, const struct addr_port *at,
                         struct agent_solver **out, struct err *err);

/* http-01 by files below a web server's directory: DIR/.well-known/acme-challenge/TOKEN, or
 * (`bare`) DIR/TOKEN, which others may read and which are removed again. RC_NOTFOUND (no such
 * directory), RC_IO. */
enum rc agent_webroot_new(const struct agent_world *w, const char *dir, bool bare,
                          struct agent_solver **out, struct err *err);

/* tls-alpn-01 (RFC 8737) by a listener of our own. As agent_http01_new. */
enum rc agent_alpn01_new(const struct agent_world *w, const struct addr_port *at,
                         struct agent_solver **out, struct err *err);

/* dns-01 (RFC 8555 section 8.4) by dynamic updates (RFC 2136), as `file` says
 * (agent/dns_conf.h). Errors as agent_dns_conf_load. */
enum rc agent_rfc2136_new(const struct agent_world *w, struct str file, struct agent_solver **out,
                          struct err *err);

struct agent_dns_conf;
/* The same with settings that were read before, which are copied. RC_NOMEM. */
enum rc agent_rfc2136_with(const struct agent_world *w, const struct agent_dns_conf *conf,
                           struct agent_solver **out);

/* Whether the name server takes an update without a signature for that name, which anybody may send
 * who reaches it: asked, in a loop of its own, by the removal of a record that has a value of
 * chance, so that nothing changes whatever it allows. *out is set with RC_OK only. Errors of the
 * way there. */
enum rc agent_rfc2136_unsigned(const struct agent_dns_conf *conf, struct str name, bool *out,
                               struct err *err);

/* dns-01 by the HTTP API of a provider (provider/provider.h), as `file` says.
 * RC_UNSUPPORTED: there is no such kind; errors as provider_parse. */
enum rc agent_dns_provider_new(const struct agent_world *w, struct str kind, struct str conf,
                               struct agent_solver **out, struct err *err);

/* dns-persist-01: the record is looked for by the resolvers of the plan, and is never taken away.
 * Where it is not there, it is written as `value` of the plan says, by dynamic updates (style
 * AGENT_DNS_UPDATES), or what to write is said. `plan` outlives it. As agent_rfc2136_new. */
enum rc agent_persist_new(const struct agent_world *w, const struct agent_plan *plan,
                          struct agent_solver **out, struct err *err);

/* ---- hooks: programs of others that answer challenges, called as they are used to */

/* For one call, unless the plan says otherwise: a hook waits for its records to be seen. */
#define AGENT_HOOK_TIME (5 * WHEN_MINUTE)
/* The same, as the plan has it; 0: that is no time. */
int64_t agent_hook_time(const struct agent_plan *plan);

/* "dehydrated", "certbot", "lego", "lego-raw", "uacme", "acme.sh", "mod_md" or "mod_md-2". `value`
 * of the plan is the program, for certbot the auth and, behind a comma, the cleanup hook, for
 * acme.sh a plugin and, behind a comma, acme.sh itself, for mod_md a command; `challenge` "dns-01"
 * or, of some, "http-01".
 * RC_UNSUPPORTED, RC_INVAL and what is possible; RC_NOTFOUND; RC_DENIED: others could replace what
 * is executed, or only root can become that user. `dir` is where the certificate goes.
 */
enum rc agent_hook_new(const struct agent_world *w, const struct agent_plan *plan, const char *dir,
                       struct agent_solver **out, struct err *err);
/* Whether it could be made, without making it. As agent_hook_new. */
enum rc agent_hook_check(const struct agent_plan *plan, const char *dir, struct err *err);
struct agent_user;
/* A hook for dns-01 in a process that has given its rights away: what it needs was looked up
 * before. */
struct agent_hook_conf {
    struct str style;                    /* any but acme.sh, whose plugins a shell reads */
    const struct str *command, *cleanup; /* the program by its absolute path, first arguments;
                                            `cleanup` of certbot alone, and perhaps none */
    size_t n_command, n_cleanup;
    const struct agent_user *user;
    struct str variables; /* lines NAME=value */
    int64_t timeout;      /* of a call */
    uid_t owner;          /* who but root may have the programs; as `self` of owned_program */
    struct str identifier;
    const char *dir; /* where the certificate goes */
    /* A call has ended, and none is left; the solver is not to be freed from inside. */
    void (*idle)(void *arg);
    void *arg;
};
/* `conf` is not needed afterwards. As agent_hook_new; what it executes is killed when this process
 * ends, and can gain no rights. */
enum rc agent_hook_as(const struct agent_world *w, const struct agent_hook_conf *conf,
                      struct agent_solver **out, struct err *err);
/* Appends the lines NAME=value of a file, as agent/sealed.h names it, without comments; the caller
 * wipes them. RC_PARSE; errors as agent_sealed_read. */
enum rc agent_hook_variables(struct str file, struct buf *out, struct err *err);
/* What is left to a call of a hook after a signal to stop; then it is killed. */
#define AGENT_HOOK_STOP (20 * WHEN_SECOND)
/* There was one: the call that is under way has `grace`, those that take proofs away
 * AGENT_HOOK_STOP; others are not begun. Nothing for other solvers. */
void agent_hook_stop(struct agent_solver *s, int64_t grace);
/* What dehydrated calls a kind of key; borrowed. */
struct str agent_dehydrated_key(struct str kind);
/* Whether the solver is a hook of dehydrated's style, which is told of more than challenges. */
bool agent_hook_listens(const struct agent_solver *s);
/* Tells it: words[0] is the name of the call, in dehydrated's words; runs the loop until it has
 * ended. Nothing for other solvers, or after a failed startup_hook. As agent_child_end;
 * RC_CANCELLED also after agent_hook_stop; the output, if `out` is not NULL, is appended. */
enum rc agent_hook_tell(struct agent_solver *s, const struct str *words, size_t n, struct buf *out,
                        struct err *err);
