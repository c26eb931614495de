/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of txt: txt.c (life, what core says, datagrams), names.c (what is in the zone), tcp.c
 * (connections), limit.c (how many answers a network gets). */
#pragma once

#include "base/list.h"
#include "base/map.h"
#include "conf/conf.h"
#include "dns/serve.h"
#include "ev/ev.h"
#include "ipc/text_messages.h"
#include "net/stream.h"
#include "role/role.h"

enum {
    TXT_NAMES_MAX = CONF_TXT_ACCOUNTS_MAX,
    TXT_QUESTION_MAX = 4096, /* bytes of one; what is longer is nothing that we answer */
    TXT_TURN = 64,           /* datagrams, or steps of a connection, before others have a turn */
    TXT_CONNECTIONS = 256,   /* by TCP; past it the one that was silent for longest goes */
    TXT_OF_CLIENT = 16,      /* of these, of one network */
    TXT_SILENT_SECONDS = 10, /* from one whole question to the next */
    TXT_RATE = 100,          /* answers by UDP in a second, for one network (IPv4 /24, IPv6 /56) */
    TXT_BURST = 200,         /* of these at once */
    TXT_BUCKETS = 4096,      /* networks that are told apart; a power of two */
    TXT_NETWORK_V4 = 24,
    TXT_NETWORK_V6 = 56,
};

/* ---- limit.c: an answer is longer than its question, and whose address a datagram bears is not
 * known. Whoever asks beyond the rate is told at every second question to come by TCP, which takes
 * no longer an answer than the question was, and not answered at the others. */

struct txt_limit {
    unsigned char key[16]; /* so that nobody can choose with whom to share */
    struct {
        int64_t at;   /* monotonic */
        int64_t left; /* millionths of an answer */
        bool slip;
    } buckets[TXT_BUCKETS];
};

enum txt_verdict { TXT_ANSWER, TXT_SHORT, TXT_DROP };

/* RC_IO: no random bytes. */
enum rc txt_limit_init(struct txt_limit *l);
enum txt_verdict txt_limit_take(struct txt_limit *l, const struct addr *client, int64_t now);
/* Do both belong to one network? */
bool txt_limit_same(const struct addr *a, const struct addr *b);

/* ---- names.c */

struct txt_names {
    struct map by_label;
};

void txt_names_init(struct txt_names *n);
void txt_names_done(struct txt_names *n);
/* Copies. RC_INVAL: a label or a value that cannot be; RC_TOOBIG past TXT_NAMES_MAX; RC_NOMEM. */
enum rc txt_names_set(struct txt_names *n, const struct ipc_text *text);
/* As find of struct dns_serve_zone; `arg` is the struct txt_names. */
bool txt_names_find(void *arg, struct str label, struct dns_serve_texts *out);

/* ---- txt.c */

struct txt;
struct txt_conn;

struct txt_listener {
    struct txt *txt;
    int fd;
    struct ev_fd *watch;
};

struct txt {
    struct role_env *env;
    const struct conf *conf;
    char contact[DNS_NAME_MAX + 1];
    struct dns_serve_zone zone;
    struct txt_names now, next;
    bool filling; /* `next` is being told */
    struct txt_limit limit;
    struct txt_listener listeners[ROLE_LISTENERS_MAX];
    size_t n_listeners;
    struct list conns; /* of struct txt_conn, the one silent for longest first */
    size_t n_conns;
    struct buf out; /* an answer by UDP */
    char in[TXT_QUESTION_MAX];
};

/* Answers one question into `out`, and counts it; RC_NOTFOUND, RC_NOMEM: there is no answer. */
enum rc txt_answer(struct txt *t, struct str wire, enum dns_serve_way way, struct buf *out);

/* ---- tcp.c (RFC 7766): one question after the other is answered. */

void txt_tcp_ready(void *listener, unsigned events);
void txt_tcp_close_all(struct txt *t);
