/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of hooks: hook.c (calls, one after the other), hook_style.c (the words and variables
 * of each style), hook_acme_sh.c (plugins of acme.sh). */
#pragma once

#include "agent/child.h"
#include "agent/owner.h"
#include "agent/plan.h"
#include "base/list.h"
#include "ev/ev.h"

enum {
    HOOK_ENV_MAX = 64,
    HOOK_ENV_BYTES = 256 * 1024,
    HOOK_WORDS_MAX = 16,
    HOOK_CHAIN_WORDS = 3, /* of each challenge, where one call is for all of an order */
    HOOK_ARGS_MAX = HOOK_WORDS_MAX + HOOK_CHAIN_WORDS * CLIENT_NAMES_MAX,
    HOOK_OUTPUT_MAX = 16 * 1024,
    HOOK_FILES_MAX = 3, /* that are executed, or read by a shell */
    /* Of a call, beside its time, which it may also compute for: */
    HOOK_OPEN_MAX = 1024,
    HOOK_PROCESSES_MAX = 512, /* of its user, where it has one of its own */
};
#define HOOK_MEMORY_MAX                                                                            \
    (UINT64_C(4) << 30) /* of addresses: some runtimes reserve more than they use */
#define HOOK_FILE_MAX (UINT64_C(256) << 20) /* bytes of one that it writes */

enum hook_style {
    HOOK_DEHYDRATED,
    HOOK_CERTBOT,
    HOOK_LEGO,
    HOOK_LEGO_RAW,
    HOOK_UACME,
    HOOK_MOD_MD,
    HOOK_MOD_MD_2,
    HOOK_ACME_SH,
    HOOK_STYLES
};

/* One call that waits, or is under way. */
struct hook_call {
    struct list link;
    struct arena arena;
    const char *argv[HOOK_ARGS_MAX + 1];
    size_t n_argv;
    const char *env[HOOK_ENV_MAX + 1];
    size_t n_env;
    const char *verb;       /* for messages */
    client_presented_fn fn; /* NULL: nobody waits, and a failure is told of */
    void *arg;
    const struct str *records; /* of DNS, which it adds or removes */
    size_t n_records;
    bool removes;
    bool auth;  /* certbot: what it prints is for its cleanup hook */
    bool tells; /* of more than a challenge: it may start a service, which would keep its limits */
};

struct hook {
    struct agent_solver s; /* first */
    const struct agent_world *w;
    enum hook_style style;
    struct arena arena;
    /* What each call begins with, `cleanup` that of certbot's for taking away; empty: it is not
     * called. */
    const char *program[HOOK_WORDS_MAX + 1], *cleanup[HOOK_WORDS_MAX + 1];
    const char *name; /* of the program, for messages */
    struct hook_file {
        struct str path;
        bool script; /* that a shell reads */
    } files[HOOK_FILES_MAX];
    size_t n_files;
    struct agent_user user;
    struct sandbox_child_as as; /* the same, its groups in `user` */
    struct sandbox_child_limits limits;
    int64_t timeout;                   /* of a call */
    const char *env[HOOK_ENV_MAX + 1]; /* of all calls */
    size_t n_env;
    bool http;
    bool apart; /* agent_hook_as: who executes is another than who may be executed as */
    uid_t owner;
    void (*idle)(void *arg);
    void *idle_arg;
    bool stopping;
    struct list queue;
    struct hook_call *at;
    struct agent_child *child;
    struct ev_defer go;
    char printed[HOOK_OUTPUT_MAX]; /* by certbot's auth hook, last */
    /* agent_hook_tell */
    bool told;
    enum rc told_rc;
    struct buf *told_out;
    struct err *told_err;
};

enum rc agent_hook_word(struct hook_call *c, struct str word);

/* One of the files of the plan, which is looked at before each call as well: nobody but root, and
 * who runs this, may be able to put another one there. As owned_program; RC_TOOBIG. */
enum rc agent_hook_file(struct hook *h, struct str path, bool script, struct err *err);

/* hook_style.c. The style and the programs of the plan. RC_UNSUPPORTED, RC_INVAL, RC_NOTFOUND. */
/* The same of agent_hook_as. */
enum rc agent_hook_style_as(struct hook *h, const struct agent_hook_conf *conf, struct err *err);
enum rc agent_hook_style(struct hook *h, const struct agent_plan *plan, const char *dir,
                         struct err *err);
/* Variables of all calls: those of the style, then those of the plan's file, which count for more.
 * RC_PARSE. */
enum rc agent_hook_env(struct hook *h, const struct agent_plan *plan, const char *dir,
                       struct err *err);
/* Words and variables of one about a challenge. */
enum rc agent_hook_words(struct hook *h, struct hook_call *c, const struct client_proof *p,
                         bool begin);
/* Words of one about all of them, as dehydrated has it with HOOK_CHAIN=yes. */
enum rc agent_hook_chain_words(struct hook *h, struct hook_call *c, const struct client_proof *p,
                               size_t n, bool begin);
/* Another variable, or another value of one. RC_TOOBIG, RC_NOMEM. */
enum rc agent_hook_set(struct hook *h, const char *name, struct str value);

/* hook_acme_sh.c. "PLUGIN" or "PLUGIN,ACME.SH" becomes what is executed, and its variables. */
enum rc agent_hook_acme_sh(struct hook *h, struct str value, const char *dir, struct err *err);
