/* SPDX-License-Identifier: Apache-2.0 */
/* Who is trusted to be the ACME server: the roots of this machine, and beside them, never instead,
 * those of one file for one server; or, where that root is pinned, it alone. */
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include "tls/trust.h"

enum { AGENT_TRUST_FILE_MAX = 8 << 20, AGENT_TRUST_ROOTS_MAX = 1000 };

struct agent_trust {
    struct tls_trust *tls; /* for connections */
    struct str *roots;     /* the same in DER, for chains; in the arena */
    size_t n_roots;
    struct arena arena;
};

/* `ca_file` may be empty; `pinned`, in PEM, too, or is all that is trusted. RC_NOTFOUND, RC_PARSE,
 * RC_IO of that file; a machine without a bundle of its own trusts that file alone. */
enum rc agent_trust_load(struct agent_trust *t, struct str ca_file, struct str pinned,
                         struct err *err);
void agent_trust_done(struct agent_trust *t);

/* The roots of this machine, PEM, as its distribution keeps them; nothing where there are none, for
 * without a root no server is believed. RC_NOMEM. */
enum rc agent_trust_machine(struct buf *out);
/* Reads a file that the administrator named, through symbolic links. As file_read. */
enum rc agent_file_read(struct str path, struct buf *out, struct err *err);
