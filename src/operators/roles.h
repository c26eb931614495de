/* SPDX-License-Identifier: Apache-2.0 */
/* Who may do what: the roles of people and programs that operate the CA, and the one table of
 * actions, which says for each of them what roles may do it. Actions are the commands of the
 * control socket, which are those of /api/v1/ as well. What is not in the table nobody may do.
 * Pure. */
#pragma once

#include <stdbool.h>

#include "base/buf.h"

enum operators_role {
    OPERATORS_VIEWER,   /* sees how everything is, and changes nothing */
    OPERATORS_OPERATOR, /* runs it from day to day: certificates, sites, renewals, freezing */
    OPERATORS_APPROVER, /* sees and decides on what others ask for, and nothing else */
    OPERATORS_OFFICER,  /* security officer: authorities, keys of accounts, thawing, who may operate
                         */
    OPERATORS_AUDITOR,  /* sees how everything is, who may operate, and the audit log */
    OPERATORS_ROLES
};

enum { OPERATORS_NAME_MAX = 64, OPERATORS_ALL = (1 << OPERATORS_ROLES) - 1 };

struct operators_action {
    const char *name;  /* "cert revoke" */
    unsigned roles;    /* who may: bits 1 << enum operators_role; 0: root alone */
    bool person;       /* a person has to do it: no token may, whatever its role */
    const char *takes; /* its arguments, with spaces between; operators_take_next */
    const char *lists; /* the member of its answer that is a list in pages: it takes "limit" and
                          "cursor", and answers "next" as well; NULL: it has none */
};

/* One argument: "serial!" is a text that has to be there, "limit:i" a number that may be. */
struct operators_take {
    struct str name;
    char type; /* 's' text, 'i' whole number, 'b' true or false, 'l' list */
    bool required;
};

/* The whole table. */
const struct operators_action *operators_actions(size_t *out_n);
/* The next of action->takes, `rest` of which is what has not been looked at; false: no more. */
bool operators_take_next(struct str *rest, struct operators_take *out);
/* NULL when it is not in the table. */
const struct operators_action *operators_action_find(struct str name);

/* "viewer", "operator", "approver", "officer", "auditor". */
const char *operators_role_text(enum operators_role role);
/* "operator,approver" as bits. RC_INVAL: empty, or one that there is not. */
enum rc operators_roles_parse(struct str text, unsigned *out);
/* The other way round, with commas. */
void operators_roles_put(unsigned bits, struct buf *out);
/* What users and tokens can be called: 1 to OPERATORS_NAME_MAX letters, digits, "-", "_", "." and
 * "@", the first a letter or digit. */
bool operators_name_good(struct str name);
