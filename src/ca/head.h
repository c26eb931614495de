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
 * seen. `ca/audit.restarted`: of which log somebody said what when they began it, three lines. */
#pragma once

#include "audit/note.h"
#include "ca/key_load.h"

struct ca_head;
struct ipc_sign_head;

enum { CA_HEAD_SLOT = NOTE_MAX, CA_HEAD_WHO_MAX = 64, CA_HEAD_WHY_MAX = 1024 };

/* Who began a log in place of another, and why. */
struct ca_head_restart {
    struct str by;  /* at most CA_HEAD_WHO_MAX bytes */
    struct str why; /* at most CA_HEAD_WHY_MAX bytes, on one line; may be empty */
    bool apart;     /* of ca_head_begin_anew: the same log may be followed elsewhere, too */
};

#define CA_HEAD_FILE "ca/audit.head"
#define CA_HEAD_KEYS "trust/audit.pub"
#define CA_HEAD_RESTARTED "ca/audit.restarted"

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
/* Of the log that heads are signed for, borrowed; empty when nobody has said. */
struct ca_head_restart ca_head_restarted(const struct ca_head *h);
/* Signs what `ask` says, if the proof holds and nothing else was signed since `ask->from`, and puts
 * it on disk before it returns. With size 0 it does nothing. RC_DENIED when it is no continuation;
 * RC_CONFLICT when another head was signed last; RC_INVAL; RC_IO when it cannot be written down:
 * then it is not signed, and no later one until it is. */
enum rc ca_head_sign(struct ca_head *h, const struct ipc_sign_head *ask, when_t now,
                     struct err *err);

/* The note with more records that a file of slots holds, of which nobody has checked the signature;
 * appended. RC_NOTFOUND: there is none. */
enum rc ca_head_newest(struct str slots, struct buf *out);

/* For the command that begins a new log, with no signer running: takes `name/N` or `name/N-ID` to
 * `name/N+1` in trust/audit.pub, or with restart->apart to `name/N+1-ID`, whose ID no other one
 * gets, and renames ca/audit.head to ca/audit.head.N. `last` gets the note that was
 * signed last, or nothing, `origin` the new name. RC_NOTFOUND when there is no log; RC_INVAL when
 * the reason cannot be written down. */
enum rc ca_head_begin_anew(int data, const struct ca_head_restart *restart, struct buf *last,
                           struct buf *origin, struct err *err);
