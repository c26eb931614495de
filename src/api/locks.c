/* SPDX-License-Identifier: Apache-2.0 */
/* A lock as it is shown. */
#include "store/locks.h"
#include "api/admin.h"
#include "json/out.h"

void api_lock_put(struct json_out *o, const struct store_lock *lock)
{
    json_kv_id(o, "id", &lock->id);
    json_kv_z(o, "scope", store_lock_scope_text(lock->scope));
    if (lock->value.n)
        json_kv_str(o, "value", lock->value);
    json_kv_bool(o, "renewals", lock->renewals);
    json_kv_bool(o, "new_names", lock->new_names);
    json_kv_str(o, "reason", lock->reason);
    json_kv_str(o, "set_by", lock->set_by);
    json_kv_when(o, "set", lock->set);
    if (lock->lifted) {
        json_kv_when(o, "lifted", lock->lifted);
        json_kv_str(o, "lifted_by", lock->lifted_by);
        json_kv_str(o, "lifted_reason", lock->lifted_why);
    }
}
