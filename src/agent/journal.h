/* SPDX-License-Identifier: Apache-2.0 */
/* What a job has changed outside of its own directory, or tried to: records of DNS, the files that
 * a service reads, the service itself. DIR/.autarky/journal has a line of JSON for each,
 *
 *     {"n":1790000000000000,"at":"2026-09-21T13:33:20Z","what":"record-added",
 *      "subject":"_acme-challenge.wiki.hospital.example","by":"dynamic update, 10.0.0.53:53"}
 *
 * with "why" where it failed, synced before the job goes on. Numbers grow, and are not used again
 * even when the file is lost: they are the time in microseconds, or one more than the last. Only
 * who has the lock of the directory writes to it; the newest AGENT_JOURNAL_KEPT bytes or more stay.
 * journal.told beside it has the number up to which a server knows of them, and as whom it was
 * told. */
#pragma once

#include "agent/place.h"
#include "agent/solver.h"

enum {
    AGENT_JOURNAL_KEPT = 64 * 1024, /* of twice that, when a job begins */
    AGENT_JOURNAL_MAX = 1024 * 1024,
    AGENT_NOTE_TEXT = 300, /* bytes of one text */
};

enum agent_change {
    AGENT_RECORD_ADDED,   /* subject: its name; by: how and where */
    AGENT_RECORD_REMOVED, /* the same */
    AGENT_INSTALLED,      /* a new certificate is what the links lead to; subject: which */
    AGENT_RESTORED,       /* the one before is again */
    AGENT_RELOADED,       /* subject: what the service was told by */
    AGENT_CHANGES
};

struct agent_note {
    uint64_t n;
    when_t at;
    enum agent_change what;
    struct str subject, by, why; /* empty: it has none, it succeeded */
};

/* "record-added", as it is written. */
const char *agent_change_name(enum agent_change what);

/* Opened for writing, by who has the lock; lines of before are shortened. RC_NOMEM, RC_IO. */
enum rc agent_journal_open(const struct agent_place *p, struct agent_journal **out,
                           struct err *err);
void agent_journal_free(struct agent_journal *j);
DEFINE_FREEP(agent_journal_free, struct agent_journal)

/* Notes it in the journal of the world, where that has one; number and time are filled in. `why` is
 * NULL, or of RC_OK, for what succeeded. What cannot be written is warned of, once. */
void agent_note(const struct agent_world *w, enum agent_change what, struct str subject,
                struct str by, const struct err *why);

/* Calls `fn` for those with a greater number, oldest first, until it says false; texts are borrowed
 * for the call. A line that cannot be read is passed over. RC_OK without a journal; RC_IO,
 * RC_TOOBIG, RC_NOMEM. */
typedef bool (*agent_note_fn)(void *arg, const struct agent_note *note);
enum rc agent_journal_each(const struct agent_place *p, uint64_t after, agent_note_fn fn,
                           void *arg);
/* The number of the last line; 0 where there is none, or it cannot be read. Costs little. */
uint64_t agent_journal_last(const struct agent_place *p);
/* Up to which number a server was told by the agent `who`, its id; 0 where that is not known, or it
 * was another one. */
uint64_t agent_journal_told(const struct agent_place *p, struct str who);
enum rc agent_journal_tell(const struct agent_place *p, struct str who, uint64_t n,
                           struct err *err);
