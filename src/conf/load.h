/* SPDX-License-Identifier: Apache-2.0 */
/* From files to struct conf. The supervisor and the commands read the files (conf_input_read, the
 * only function of this folder that touches the file system); what they read travels to every role
 * as one block of bytes and is loaded there by the same code.
 *
 * YAML of a plain kind: one document a file; no anchors, aliases, tags or merge keys, no key twice.
 * DATA/autarky.yaml, then DATA/conf.d/ *.yaml in the order of their names, are merged: maps merge,
 * lists append, a single value given twice is an error. DATA/conf.d/ *.pem travel along for the
 * keys that name them. Checked against the one schema table (schema.c); every error is reported,
 * not only the first. */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "conf/conf.h"

enum {
    CONF_FILES_MAX = 64,
    CONF_FILE_BYTES_MAX = 4 << 20, /* some twenty thousand sites */
    CONF_BYTES_MAX = 8 << 20,      /* of all files together */
    CONF_NAME_BYTES_MAX = 4096,
    CONF_NODES_MAX = 200000, /* values, maps and lists of all files together */
    CONF_DEPTH_MAX = 16,
    CONF_PROBLEMS_MAX = 100, /* kept; those beyond are counted */
};

struct conf_file {
    struct str name; /* as messages show it */
    struct str text;
};

/* All that decides what the configuration is. */
struct conf_input {
    struct conf_file files[CONF_FILES_MAX];
    size_t n;
    bool unprivileged; /* ports below 1024 are out of reach: decides the default of listen.plain */
    bool one_site;   /* of gateway.sites only the first is taken: for who has to know whether there
                        are    any, and of thousands need not keep what he never looks at */
    bool site_names; /* of the others their names are kept all the same */
    bool site_records;      /* those with `dns` are taken, too */
    const char *without_sm; /* the OpenSSL that would have to speak `tls_sm` of sites and does not,
                               by name and version, borrowed; NULL: it does, or nobody asks */
    struct buf bytes;       /* what the files point into after conf_input_read; else empty */
};

void conf_input_init(struct conf_input *in);
void conf_input_done(struct conf_input *in);
/* Adds a file whose name and text outlive `in`. RC_TOOBIG past a limit above. */
enum rc conf_input_add(struct conf_input *in, struct str name, struct str text);

/* The one of these names is no YAML: a file that a key names. */
bool conf_file_is_pem(struct str name);
/* The text of the file of that name in DATA/conf.d; p == NULL: there is none. */
struct str conf_input_pem(const struct conf_input *in, struct str name);

/* Reads `config` (NULL: DATA/autarky.yaml), DATA/conf.d/ *.yaml and *.pem into `in`, which was
 * initialised and is empty. `data` is an open directory and `data_name` its path for messages; a
 * relative `config` is relative to the working directory. DATA, conf.d and every file must belong
 * to root or the caller and be writable by nobody else: RC_DENIED with the name, what is wrong and
 * the command that mends it. RC_NOTFOUND when there is no configuration. */
enum rc conf_input_read(struct conf_input *in, int data, const char *data_name, const char *config,
                        struct err *err);

/* One thing that is wrong, and where. */
struct conf_problem {
    struct conf_problem *next;
    const struct conf_file *of; /* for their order only: the input may be gone */
    struct str file;
    unsigned line;  /* from 1; 0: the configuration as a whole */
    struct str key; /* "policy[0].allow"; empty: the file as such */
    struct err err;
};

/* What conf_load found. */
struct conf_report {
    struct conf_problem *first;
    size_t n; /* of all problems, also those past CONF_PROBLEMS_MAX */
};

void conf_report_init(struct conf_report *r);
void conf_report_done(struct conf_report *r);
/* One line each: "file:line: key: what is wrong". */
void conf_report_text(const struct conf_report *r, struct buf *out);

/* RC_INVAL when `report` holds at least one problem, RC_NOMEM. On success the caller owns one
 * reference. */
enum rc conf_load(const struct conf_input *in, const struct conf **out, struct conf_report *report);
