/* SPDX-License-Identifier: Apache-2.0 */
/* The register in numbers. */
#include "api/admin.h"
#include "outlook/outlook.h"
#include "store/hours.h"
#include "store/store.h"

static void put_days(struct json_out *o, const char *name, const uint64_t *v, size_t n)
{
    json_key(o, name);
    json_arr(o);
    for (size_t i = 0; i < n; i++)
        json_put_u64(o, v[i]);
    json_end(o);
}

static enum rc put_hours(const struct api_view *v, struct json_out *o, const char *name,
                         enum store_hour_what what)
{
    when_t end = store_hour_of(v->now) + WHEN_HOUR;
    uint64_t day, week;

    TRY(store_hour_sum(store_read(v->store), what, end - WHEN_DAY, end, &day));
    TRY(store_hour_sum(store_read(v->store), what, end - 7 * WHEN_DAY, end, &week));
    json_key(o, name);
    json_obj(o);
    json_kv_u64(o, "day", day);
    json_kv_u64(o, "week", week);
    json_end(o);
    return RC_OK;
}

enum rc api_cert_numbers(const struct api_view *v, const struct json *args, struct json_out *o,
                         struct err *err)
{
    uint64_t ahead[API_DAYS_AHEAD], back[API_DAYS_BACK], later;
    const struct outlook_ask ask = {.store = v->store, .conf = v->conf, .now = v->now};
    struct store_txn *txn = store_read(v->store);

    (void)args;
    (void)err;
    TRY(store_certificates_daily(txn, STORE_CERTIFICATES_ENDING, STORE_STAGING_NOT, v->now,
                                 API_DAYS_AHEAD, ahead));
    TRY(store_certificates_within(txn, STORE_CERTIFICATES_ENDING, STORE_STAGING_NOT,
                                  v->now + API_DAYS_AHEAD * WHEN_DAY, WHEN_MAX, &later));
    TRY(store_certificates_daily(txn, STORE_CERTIFICATES_ISSUED, STORE_STAGING_TOO,
                                 v->now - API_DAYS_BACK * WHEN_DAY, API_DAYS_BACK, back));
    json_obj(o);
    json_kv_when(o, "at", v->now);
    put_days(o, "days", ahead, API_DAYS_AHEAD);
    json_kv_u64(o, "later", later);
    put_days(o, "issued", back, API_DAYS_BACK);
    TRY(put_hours(v, o, "validated", STORE_HOUR_VALIDATED));
    TRY(put_hours(v, o, "failed", STORE_HOUR_FAILED));
    TRY(outlook_put(&ask, o));
    json_end(o);
    return RC_OK;
}
