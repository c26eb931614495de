/* SPDX-License-Identifier: Apache-2.0 */
/* Which processes there are to be: some roles have several, some only with some configurations. */
#include "serve/serve_int.h"

MSG(msg_slots, "serve.many-roles", "more roles than the supervisor has room for");

MSG(msg_no_role, "serve.no-role", "this program has no role {0}");

static unsigned count(const struct role_def *def, const struct conf *conf)
{
    unsigned n = def->wanted ? def->wanted(conf) : 1;

    return n < CONF_WORKERS_MAX ? n : CONF_WORKERS_MAX;
}

static bool there_is(const struct serve *sup, const struct role_def *def, unsigned number)
{
    for (size_t i = 0; i < sup->n_slots; i++)
        if (sup->slots[i].def == def && sup->slots[i].number == number)
            return true;
    return false;
}

static enum rc make(struct serve *sup, const struct role_def *def, unsigned number, struct err *err)
{
    struct serve_slot *slot = &sup->slots[sup->n_slots];

    if (sup->n_slots == SERVE_SLOTS_MAX)
        return ERR(err, RC_TOOBIG, msg_slots);
    *slot = (struct serve_slot){
        .sup = sup, .def = def, .number = number, .backoff = SERVE_BACKOFF_FIRST};
    ev_timer_init(&slot->again, sup->ev, serve_slot_again, slot);
    sup->n_slots++;
    return RC_OK;
}

enum rc serve_slots_make(struct serve *sup, const struct conf *conf, struct serve_wanted *out,
                         struct err *err)
{
    const struct role_def *const *defs = serve_defs(sup);
    struct serve_wanted wanted = {};

    for (; *defs; defs++) {
        wanted.v[(*defs)->role] = count(*defs, conf);
        for (unsigned i = 0; i < wanted.v[(*defs)->role]; i++)
            if (!there_is(sup, *defs, i))
                TRY(make(sup, *defs, i, err));
    }
    *out = wanted;
    return RC_OK;
}

enum rc serve_slot_of(struct serve *sup, enum role role, unsigned number, struct serve_slot **out,
                      struct err *err)
{
    const struct role_def *const *defs = serve_defs(sup);

    while (*defs && (*defs)->role != role)
        defs++;
    if (!*defs)
        return ERR(err, RC_NOTFOUND, msg_no_role, str_of(role_name(role)));
    if (!there_is(sup, *defs, number))
        TRY(make(sup, *defs, number, err));
    for (size_t i = 0; i < sup->n_slots; i++)
        if (sup->slots[i].def == *defs && sup->slots[i].number == number)
            *out = &sup->slots[i];
    return RC_OK;
}

bool serve_slot_wanted(const struct serve_slot *slot)
{
    return slot->number < slot->sup->wanted.v[slot->def->role];
}

void serve_slot_end(struct serve_slot *slot)
{
    ev_timer_stop(&slot->again);
    LIST_FOREACH (it, &slot->sup->procs) {
        struct serve_proc *p = serve_proc_at(it);

        if (p->slot == slot)
            serve_proc_drain(p);
    }
}
