/* SPDX-License-Identifier: Apache-2.0 */
#include "operators/roles.h"

#define V (1u << OPERATORS_VIEWER)
#define O (1u << OPERATORS_OPERATOR)
#define A (1u << OPERATORS_APPROVER)
#define S (1u << OPERATORS_OFFICER)
#define U (1u << OPERATORS_AUDITOR)
/* Who decides need not see all there is: their decisions show what they are about. */
#define SEES (V | O | S | U)

/* The order is that of the table of commands in core/admin.c. */
static const struct operators_action actions[] = {
    {"status", SEES, false},
    {"doctor", SEES, false},
    {"cert list", SEES, false},
    {"cert show", SEES, false},
    {"cert sign", O, false},
    {"cert revoke", O | S, false},
    {"ui link", 0, true}, /* it signs in whoever has it */
    {"reload", O | S, false},
    {"site list", SEES, false},
    {"site renew", O, false},
    {"issuer list", SEES, false},
    {"issuer change", S, true},
    {"signer restart", S, true},
    {"approval list", SEES | A, false},
    {"approval show", SEES | A, false},
    {"approval grant", A, true},
    {"approval deny", A, true},
    {"eab create", S, false},
    {"eab list", SEES, false},
    {"eab revoke", O | S, false},
    {"account list", SEES, false},
    {"account show", SEES, false},
    {"account deactivate", O | S, false},
    {"renewal pull", O | S, false},
    {"renewal list", SEES, false},
    {"issuance freeze", O | S, false},
    {"issuance thaw", S, true},
    {"issuance status", SEES, false},
    {"probe", O | S, false},
    {"drill runner", S, false},
    {"audit head", S | U, false},
    {"user add", S, true},
    {"user list", S | U, false},
    {"user password", S, true},
    {"user remove", S, true},
    {"user role", S, true},
    {"user totp", S, true},
    {"token create", S, true},
    {"token list", S | U, false},
    {"token revoke", S, true},
    {"session list", S | U, false},
    {"session end", S, true},
};

static const char *const roles[OPERATORS_ROLES] = {
    [OPERATORS_VIEWER] = "viewer",     [OPERATORS_OPERATOR] = "operator",
    [OPERATORS_APPROVER] = "approver", [OPERATORS_OFFICER] = "officer",
    [OPERATORS_AUDITOR] = "auditor",
};

const struct operators_action *operators_actions(size_t *out_n)
{
    *out_n = sizeof(actions) / sizeof(actions[0]);
    return actions;
}

const struct operators_action *operators_action_find(struct str name)
{
    for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++)
        if (str_eq(name, str_of(actions[i].name)))
            return &actions[i];
    return NULL;
}

const char *operators_role_text(enum operators_role role)
{
    return roles[role];
}

enum rc operators_roles_parse(struct str text, unsigned *out)
{
    unsigned bits = 0;
    struct str one;

    while (str_next(&text, ',', &one)) {
        unsigned i = 0;

        while (i < OPERATORS_ROLES && !str_eq(str_trim(one), str_of(roles[i])))
            i++;
        if (i == OPERATORS_ROLES)
            return RC_INVAL;
        bits |= 1u << i;
    }
    if (!bits)
        return RC_INVAL;
    *out = bits;
    return RC_OK;
}

void operators_roles_put(unsigned bits, struct buf *out)
{
    const char *comma = "";

    for (unsigned i = 0; i < OPERATORS_ROLES; i++)
        if (bits & 1u << i) {
            buf_printf(out, "%s%s", comma, roles[i]);
            comma = ",";
        }
}

bool operators_name_good(struct str name)
{
    for (size_t i = 0; i < name.n; i++) {
        char x = name.p[i];
        bool plain = (x >= 'a' && x <= 'z') || (x >= 'A' && x <= 'Z') || (x >= '0' && x <= '9');

        if (!plain && (i == 0 || str_find(STR("-_.@"), x) == 4))
            return false;
    }
    return name.n > 0 && name.n <= OPERATORS_NAME_MAX;
}
