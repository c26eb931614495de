/* SPDX-License-Identifier: Apache-2.0 */
#include "core/core_int.h"

struct core_who core_who_of(const struct net_cred *cred)
{
    struct core_who who = {.uid = cred->uid, .login = CORE_NO_LOGIN};

    IGNORE_RC(net_peer_login(cred, &who.login)); /* then the user alone counts */
    return who;
}

uid_t core_who_person(struct core_who who)
{
    return who.login == CORE_NO_LOGIN ? who.uid : who.login;
}

enum rc core_who_str(struct core_who who, struct arena *a, struct str *out)
{
    if (core_who_person(who) == who.uid)
        *out = arena_printf(a, "uid %u", (unsigned)who.uid);
    else
        *out = arena_printf(a, "uid %u (login %u)", (unsigned)who.uid, (unsigned)who.login);
    return out->p ? RC_OK : RC_NOMEM;
}
