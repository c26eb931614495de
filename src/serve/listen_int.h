/* SPDX-License-Identifier: Apache-2.0 */
/* The sockets that the supervisor holds for the roles: listen.c. */
#pragma once

#include "base/addr.h"
#include "base/buf.h"
#include "role/role.h"

struct serve_slot;
struct serve_wanted;

enum { SERVE_SOCKETS_MAX = 512 /* each worker has its own for each address */ };

struct serve_socket {
    struct role_listener l;
    struct addr_port want;  /* without address: it has a path, and stays */
    struct addr_port local; /* in force */
    unsigned number;        /* of the slot that it is for */
    bool fresh;             /* bound for a reload that is not decided yet */
};

struct serve_sockets {
    struct serve_socket v[SERVE_SOCKETS_MAX];
    size_t n;
};

/* Binds the control socket; `people`: others than its owner may connect. */
enum rc serve_sockets_control(struct serve_sockets *s, const char *data, bool people,
                              struct err *err);
/* Binds front's private listener in DATA, for that system user. */
enum rc serve_sockets_private(struct serve_sockets *s, int data, const char *user, struct err *err);
/* Removes the files of those that have one; the sockets are closed before or afterwards. */
void serve_sockets_unlink(const struct serve_sockets *s, int data);
/* Binds what `conf` asks for, for so many processes, taking over from `old` what stays. On failure
 * nothing new is left bound. */
enum rc serve_sockets_bind(const struct conf *conf, const struct serve_wanted *wanted,
                           const struct serve_sockets *old, struct serve_sockets *out,
                           struct err *err);
/* `next` takes the place of `now`, whose sockets are closed where they are not in `next`. */
void serve_sockets_adopt(struct serve_sockets *now, struct serve_sockets *next);
/* Closes what was bound anew. */
void serve_sockets_drop(struct serve_sockets *next);
/* Whether there is such a kind. */
bool serve_socket_known(const char *kind);
/* Whether that slot's process accepts on it. */
bool serve_socket_is_for(const struct serve_socket *s, const struct serve_slot *slot);
/* The text of listeners.json. */
enum rc serve_sockets_json(const struct serve_sockets *s, struct buf *out);
