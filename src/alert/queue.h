/* SPDX-License-Identifier: Apache-2.0 */
/* The way of deliveries to their receivers: one that waits in the database is given to the courier,
 * or the runner where the receiver is a program, and what comes of it is written down. One at a
 * time for each receiver, so none holds up another; one that fails waits longer each time, and lets
 * those behind it pass. Whoever dies in between has one sent again, as it was. Runs in core, on its
 * loop's thread. */
#pragma once

#include "conf/conf.h"
#include "store/deliveries.h"

struct alert_queue;
struct ev;
struct ipc_chan;
struct store;

#define ALERT_PAUSE_FIRST (10 * WHEN_SECOND) /* after the first failure; doubled by each */
#define ALERT_PAUSE_MOST WHEN_HOUR
#define ALERT_GIVE_UP (7 * WHEN_DAY) /* after it was written down */

/* When one that has failed `attempts` times is tried next; 0: not any more. */
when_t alert_queue_pause(const struct store_delivery *d, when_t now);

enum rc alert_queue_new(struct ev *ev, struct store *store, const struct conf *conf,
                        struct alert_queue **out);
/* The channel to the courier is now that one, or NULL. */
void alert_queue_courier(struct alert_queue *q, struct ipc_chan *chan);
void alert_queue_runner(struct alert_queue *q, struct ipc_chan *chan);
void alert_queue_conf(struct alert_queue *q, const struct conf *conf);
/* There may be something new. */
void alert_queue_look(struct alert_queue *q);
/* Nothing new is begun; what is under way is still written down when the answer comes. */
void alert_queue_stop(struct alert_queue *q);
/* Whether something is under way. */
bool alert_queue_busy(const struct alert_queue *q);
/* When the store is closed. */
void alert_queue_free(struct alert_queue *q);

/* What came of it. */
struct alert_brought {
    enum rc rc;
    const struct err *err; /* unless RC_OK */
    bool final;            /* trying it again makes no sense: the receiver has said so */
    bool unknown;          /* whether it has it: the same attempt is to be asked for again */
    struct str text;       /* RC_OK: what the receiver said */
};

/* Asks courier or runner to bring it, now, whatever waits. RC_CLOSED without one; else `fn` is
 * called once, later, and `b` lives until then. */
struct alert_bring {
    void (*fn)(void *arg, const struct alert_brought *brought);
    void *arg;
};
enum rc alert_queue_bring(struct alert_queue *q, const struct store_delivery *d,
                          struct alert_bring *b);
