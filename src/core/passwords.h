/* SPDX-License-Identifier: Apache-2.0 */
/* Hashing passwords takes long and must not hold up who asks for certificates: a thread of core's
 * does it, one at a time, in the order they were asked for, and the loop hears of it. */
#pragma once

#include "base/list.h"
#include "base/rc.h"
#include "crypto/password.h"

struct ev;
struct core_passwords;

/* At once; each waits some 30 ms for each before it, so that nobody waits for more than a second.
 */
enum { CORE_PASSWORDS_MAX = 16 };

/* One to be hashed. The asker's memory, which must stay until `done`. */
struct core_password {
    struct list link;
    char text[CRYPTO_PASSWORD_MAX]; /* a copy, wiped before `done` */
    size_t n;
    bool make; /* `kept` is made; otherwise it is compared with */
    unsigned char kept[CRYPTO_PASSWORD_BYTES];
    enum rc rc;
    void (*done)(void *arg, enum rc rc); /* as crypto_password_make, or crypto_password_check */
    void *arg;
};

/* RC_IO: no thread. To be called after confinement. */
enum rc core_passwords_new(struct ev *ev, struct core_passwords **out);
/* What waits ends with RC_CANCELLED, inside of this. */
void core_passwords_free(struct core_passwords *p);
/* The password goes into `job`, longer ones as far as there is room, and are denied for it. */
void core_password_put(struct core_password *job, struct str password);
/* `done` comes from the loop, never from inside. RC_QUOTA: CORE_PASSWORDS_MAX wait already;
 * RC_CANCELLED: core ends. */
enum rc core_password_run(struct core_passwords *p, struct core_password *job);
/* How many have not been answered. */
size_t core_passwords_pending(const struct core_passwords *p);
