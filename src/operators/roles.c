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
    {"status", SEES, false, ""},
    {"doctor", SEES, false, ""},
    {"cert list", SEES, false,
     "limit:i cursor name under status sort serial key issuer owner profile expires_after "
     "expires_before staging:b",
     "items"},
    {"cert show", SEES, false, "serial!"},
    {"cert numbers", SEES, false, ""},
    {"cert sign", O, false,
     "csr! profile names:l common_name reason owner team service key_by_ca:b dry_run:b"},
    {"cert revoke", O | S, false, "serial! reason! whole:b why dry_run:b"},
    {"cert escrow", S, true, "serial! reason! dry_run:b"},
    {"ui link", 0, true, "reason"}, /* it signs in whoever has it */
    {"reload", O | S, false, "reason"},
    {"upgrade", 0, true, "reason"}, /* another program is root's */
    {"site list", SEES, false, "limit:i cursor", "items"},
    {"site renew", O, false, "name! reason"},
    {"issuer list", SEES, false, "limit:i cursor", "issuers"},
    {"issuer change", S, true, "issuers:l crosses:l retire:l revoke:l crls:l reason"},
    {"signer restart", S, true, "reason"},
    {"approval list", SEES | A, false, "limit:i cursor", "approvals"},
    {"approval show", SEES | A, false, "id!"},
    {"approval grant", A, true, "id! for renewals:b reason dry_run:b"},
    {"approval deny", A, true, "id! reason dry_run:b"},
    {"eab create", S, false, "name! accounts:i expires reason dry_run:b"},
    {"eab list", SEES, false, "limit:i cursor", "items"},
    {"eab revoke", O | S, false, "name! reason dry_run:b"},
    {"account list", SEES, false, "eab limit:i status cursor", "items"},
    {"account show", SEES, false, "id!"},
    {"account deactivate", O | S, false, "id! reason dry_run:b"},
    {"renewal pull", O | S, false,
     "issuer public_key profile name under within url reason dry_run:b"},
    {"renewal list", SEES, false, "limit:i cursor", "items"},
    {"txt list", SEES, false, "limit:i cursor", "items"},
    {"txt remove", O | S, false, "name! reason dry_run:b"},
    {"inventory list", SEES, false,
     "limit:i cursor verdict port:i network protocol under owner expires_before seen_before sort",
     "items"},
    {"inventory show", SEES, false, "endpoint!"},
    {"inventory history", SEES, false, "endpoint! limit:i cursor", "changes"},
    {"inventory orphans", SEES, false, "limit:i cursor", "items"},
    {"inventory deliver", O, false, "records:l! quick:b"},
    {"inventory owner", O | S, false, "endpoint! owner service reason dry_run:b"},
    {"agent list", SEES, false, "limit:i cursor", "items"},
    {"agent show", SEES, false, "name!"},
    {"agent tokens", SEES, false, "limit:i cursor", "items"},
    {"agent token", O | S, false, "name within reason dry_run:b"},
    {"agent remove", O | S, false, "name! reason dry_run:b"},
    {"agent renew", O | S, false, "name! reason dry_run:b"},
    {"alert list", SEES, false, "limit:i cursor kind owner over:b", "items"},
    {"alert show", SEES, false, "id!"},
    {"alert deliveries", SEES, false, "limit:i cursor", "items"},
    {"alert silences", SEES, false, "limit:i cursor", "items"},
    {"alert ack", O | S, false, "id! reason dry_run:b"},
    {"alert silence", O | S, false, "kind object owner until! reason dry_run:b"},
    {"alert unsilence", O | S, false, "id! reason dry_run:b"},
    {"alert test", O | S, false, "receiver! reason"},
    {"report list", S | U, false, "limit:i cursor", "items"},
    {"report file", S | U, false, "month! name!"},
    {"report mail", S, false, "receiver! month reason dry_run:b"},
    {"issuance freeze", O | S, false, "zone issuer account renewals:b reason dry_run:b"},
    {"issuance thaw", S, true, "id zone issuer account reason dry_run:b"},
    {"issuance status", SEES, false, "limit:i cursor", "lifted"},
    {"probe", O | S, false, "name!"},
    {"drill runner", S, false, "reason"},
    {"audit head", S | U, false, ""},
    {"backup begin", 0, true, "reason"}, /* who may do it owns the data directory */
    {"backup created", 0, true, "id! bytes:i! sha256! records:i! note"},
    {"audit list", S | U, false, "limit:i cursor below:i action actor object request from before",
     "items"},
    {"policy explain", SEES, false, "names:l! account eab client_certificate from profile"},
    {"config show", O | S | U, false, ""},
    {"user add", S, true, "name! roles! host_user:i! password! reason dry_run:b"},
    {"user-certificate add", S, true, "name! serial! reason dry_run:b"},
    {"user-certificate list", S | U, false, "limit:i cursor", "certificates"},
    {"user-certificate remove", S, true, "name! serial! reason dry_run:b"},
    {"user list", S | U, false, "limit:i cursor", "users"},
    {"user password", S, true, "name! password! reason dry_run:b"},
    {"user remove", S, true, "name! reason dry_run:b"},
    {"user role", S, true, "name! roles! reason dry_run:b"},
    {"user totp", S, true, "name! reason dry_run:b"},
    {"token create", S, true, "name! roles! expires! reason dry_run:b"},
    {"token list", S | U, false, "limit:i cursor", "tokens"},
    {"token revoke", S, true, "name! reason dry_run:b"},
    {"session list", S | U, false, "limit:i cursor", "sessions"},
    {"session end", S, true, "id name reason dry_run:b"},
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

bool operators_take_next(struct str *rest, struct operators_take *out)
{
    struct str one, type;

    do {
        if (!str_next(rest, ' ', &one))
            return false;
    } while (!one.n);
    out->required = one.p[one.n - 1] == '!';
    if (out->required)
        one = str_head(one, one.n - 1);
    str_cut(one, ':', &out->name, &type);
    out->type = type.n ? type.p[0] : 's';
    return true;
}
