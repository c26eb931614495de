/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration that is accepted, as it is kept in DATA/CONF_POLICY_ACCEPTED: a copy, whole, of
 * the one that was in force last. Written by the supervisor; read by it at its start, and by
 * commands that have to know what takes a second person while no server runs. */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "conf/load.h"

enum {
    CONF_ACCEPTED_MAX = CONF_BYTES_MAX + CONF_FILES_MAX * (CONF_NAME_BYTES_MAX + 64),
};

struct conf_accepted {
    bool two_persons;        /* another policy takes a second person */
    struct conf_input input; /* borrows the file's text */
};

/* The file's text: a line that says what it is, whether another policy takes a second person, and
 * each file of the configuration with the lengths of its name and text before them. */
void conf_accepted_put(const struct conf_input *in, bool two, struct buf *out);
/* RC_CORRUPT, RC_TOOBIG. `out` owns nothing. */
enum rc conf_accepted_parse(struct str text, struct conf_accepted *out);

/* control.two_persons of what is accepted in the open directory `data`, bits 1 << enum
 * conf_two_persons; 0 where nothing was accepted yet. RC_CORRUPT when it cannot be read, or not be
 * loaded by this program. */
enum rc conf_accepted_two_persons(int data, unsigned *out);
