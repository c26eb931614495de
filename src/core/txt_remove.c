/* SPDX-License-Identifier: Apache-2.0 */
/* `autarky txt remove`: an account of the server of TXT records that nobody needs any more. */
#include "core/txt.h"

#include "audit/audit.h"
#include "core/change.h"
#include "store/txt.h"

MSG(msg_unknown, "core.txt-unknown",
    "there is no account of TXT records \"{0}\"; `autarky txt list` shows all");

static enum rc remove_account(struct store_txn *txn, struct core_change *c)
{
    struct audit_event event = {.at = c->now,
                                .actor_kind = AUDIT_OPERATOR,
                                .actor = c->asker,
                                .action = "txt-account.removed",
                                .object_kind = "txt-account",
                                .object = c->txt,
                                .reason = c->why};
    enum rc rc = store_txt_remove(txn, c->txt);

    if (rc == RC_NOTFOUND)
        return ERR(&c->err, rc, msg_unknown, c->txt);
    TRY(rc);
    return audit_append(txn, &event, NULL);
}

/* It is written by now, unless this is a dry run. */
static void put_removed(struct core_change *c, struct json_out *o)
{
    json_kv_str(o, "name", c->txt);
    if (!c->dry)
        core_txt_forget(c->core);
}

static enum rc read_account(struct core_change *c)
{
    struct store_txt there;
    struct str name, zone;
    enum rc rc;

    TRY(core_change_text(c, "name", STORE_TEXT_MAX, &name));
    if (!str_cut(name, '.', &c->txt, &zone))
        c->txt = name;
    else if (!str_eq(zone, c->core->conf->txt.zone))
        return ERR(&c->err, RC_NOTFOUND, msg_unknown, name);
    rc = store_txt_named(store_read(c->core->store), c->a, c->txt, &there);
    if (rc == RC_NOTFOUND || rc == RC_INVAL)
        return ERR(&c->err, RC_NOTFOUND, msg_unknown, name);
    TRY(rc);
    c->write = remove_account;
    c->put = put_removed;
    return RC_OK;
}

void core_txt_remove(struct core *core, struct ipc_req *req, const struct json *args,
                     struct core_who who)
{
    core_change_run(core, req, args, who, read_account);
}
