/* SPDX-License-Identifier: Apache-2.0 */
/* The signing side of the audit log: a key that nothing else has, and what was signed with it last.
 * A head is signed only when a proof shows that it continues that one, so whoever has core can stop
 * the log, and cannot have it say something else about the past. Runs in the signer role alone.
 *
 * Below DATA: `ca/audit.key` (or audit.uri, as issuers have it; Ed25519), made with the passphrase
 * of the issuers' keys when there is none; `trust/audit.pub`, verifier keys, a line for each log
 * that was begun, of which the last one is in use; `ca/audit.head`, two slots of CA_HEAD_SLOT
 * bytes, in each a signed note with zeros behind it, written in turns. The one with more records
 * counts: after a power loss at least one of them is whole, and it is signed, so what is torn is
 * seen. */
#pragma once

#include "audit/note.h"
#include "ca/key_load.h"

struct ca_head;
struct ipc_sign_head;

enum { CA_HEAD_SLOT = NOTE_MAX };

#define CA_HEAD_FILE "ca/audit.head"
#define CA_HEAD_KEYS "trust/audit.pub"

/* While files can still be opened; afterwards one descriptor is all it uses. RC_NOTFOUND when there
 * is no key, and no passphrase to make one with; RC_CORRUPT when the file holds something and no
 * head by this key; otherwise as ca_key_load. */
enum rc ca_head_open(struct ca_key_loader *loader, struct ca_head **out, struct err *err);
void ca_head_free(struct ca_head *h);
DEFINE_FREEP(ca_head_free, struct ca_head)

/* The log that heads are signed for; borrowed. */
struct str ca_head_origin(const struct ca_head *h);
/* The note that was signed last, borrowed until the next signature; empty: none was. */
struct str ca_head_last(const struct ca_head *h);
/* Signs what `ask` says, if the proof holds and nothing else was signed since `ask->from`, and puts
 * it on disk before it returns. With size 0 it does nothing. RC_DENIED when it is no continuation;
 * RC_CONFLICT when another head was signed last; RC_INVAL; RC_IO when it cannot be written down:
 * then it is not signed, and no later one until it is. */
enum rc ca_head_sign(struct ca_head *h, const struct ipc_sign_head *ask, when_t now,
                     struct err *err);

/* For the command that begins a new log, with no signer running: takes `name/N` to `name/N+1` in
 * trust/audit.pub, and renames ca/audit.head to ca/audit.head.N. `last` gets the note that was
 * signed last, or nothing, `origin` the new name. RC_NOTFOUND when there is no log. */
enum rc ca_head_restart(int data, struct buf *last, struct buf *origin, struct err *err);
