/* SPDX-License-Identifier: Apache-2.0 */
/* Secrets of the client, by where they are and never by themselves: "credential:NAME", which
 * systemd has opened for this service as $CREDENTIALS_DIRECTORY/NAME and keeps encrypted at rest,
 * with the TPM where there is one; or the path of a file that nobody but its owner may read. */
#pragma once

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"

#define AGENT_CREDENTIAL "credential:"

/* Whether it names a credential, and no file. */
bool agent_sealed(struct str where);

/* Appends the content, in one piece, so that no copy of it is left behind where the buffer was
 * empty; the caller wipes it. RC_DENIED: others than its owner may read or change the file;
 * RC_NOTFOUND: there is no such file or credential, or no unit that would have one; RC_INVAL: no
 * name of a credential; RC_IO, RC_TOOBIG. */
enum rc agent_sealed_read(struct str where, struct buf *out, struct err *err);
/* The same of a file that another program's group has to read as well, as a key of BIND's. */
enum rc agent_sealed_read_shared(struct str where, struct buf *out, struct err *err);
/* Its first line, without blanks around it. RC_PARSE: that is empty. */
enum rc agent_sealed_line(struct str where, struct buf *out, struct err *err);

/* Whether a file, relative to `dir`, is fit for a secret: RC_DENIED and what to do; RC_NOTFOUND,
 * RC_IO. */
enum rc agent_sealed_check(int dir, const char *path, struct err *err);
