/* SPDX-License-Identifier: Apache-2.0 */
/* Target: inventory_record_read. What it takes fits into the store, and is safe to be written. */
#include "inventory/record.h"

#include "crypto/crypto.h"
#include "json/json.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n);

static bool fits(struct str s, size_t max)
{
    return s.n <= max && str_utf8(s);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(1 << 20);
    CLEANUP(json_freep) struct json_doc *doc = NULL, *names = NULL;
    struct store_endpoint e;

    if (crypto_init() != RC_OK || json_parse(str_bytes(data, n), 1 << 17, &doc, NULL) != RC_OK ||
        inventory_record_read(&a, json_root(doc), 1 + WHEN_DAY, &e, NULL) != RC_OK)
        return 0;
    if (!fits(e.endpoint, STORE_ENDPOINT_TEXT) || !fits(e.why, STORE_TEXT_MAX) ||
        !fits(e.seen.subject, STORE_TEXT_MAX) || !fits(e.seen.issuer, STORE_TEXT_MAX) ||
        !fits(e.seen.names, STORE_SEEN_NAMES_MAX) || e.seen.serial.n > STORE_SERIAL_MAX ||
        e.last_seen > 1 + WHEN_DAY || e.verdicts & ~(unsigned)INVENTORY_SEEN || !e.port)
        __builtin_trap();
    if (e.seen.names.n && json_parse(e.seen.names, STORE_SEEN_NAMES_MAX, &names, NULL) != RC_OK)
        __builtin_trap();
    return 0;
}
