/* SPDX-License-Identifier: Apache-2.0 */
/* What a scan goes on from. */
#include "check.h"

#include "base/file.h"
#include "scan/state.h"

static void as_it_was_saved(void)
{
    CLEANUP(check_dir_done) struct check_dir d = {};
    CLEANUP(mem_freep) struct scan_saved *a = MEM_NEW(struct scan_saved);
    CLEANUP(mem_freep) struct scan_saved *b = MEM_NEW(struct scan_saved);

    check_dir_init(&d);
    CHECK(a && b);
    *a = (struct scan_saved){
        .digest = {1, 2, 255}, .low = 1ULL << 40, .bytes = 77, .began = -5, .n_more = 2};
    a->more[0] = 3;
    a->more[1] = SCAN_WINDOW - 1;
    CHECK_OK(scan_state_save(d.fd, "s", a, NULL));
    CHECK_OK(scan_state_load(d.fd, "s", b, NULL));
    CHECK(memcmp(a, b, sizeof(*a)) == 0);
}

static void a_full_window_fits(void)
{
    CLEANUP(check_dir_done) struct check_dir d = {};
    CLEANUP(mem_freep) struct scan_saved *a = MEM_NEW(struct scan_saved);

    check_dir_init(&d);
    CHECK(a);
    for (; a->n_more < SCAN_WINDOW; a->n_more++)
        a->more[a->n_more] = (uint32_t)a->n_more;
    CHECK_OK(scan_state_save(d.fd, "s", a, NULL));
    CHECK_OK(scan_state_load(d.fd, "s", a, NULL));
    CHECK_INT(a->n_more, SCAN_WINDOW);
}

#define HEX "0102030405060708091011121314151617181920212223242526272829303132"

static void not_a_state(void)
{
    static const char *const bad[] = {
        "",
        "{}",
        "{\"format\":2,\"targets\":\"" HEX "\",\"began\":0,\"bytes\":0,\"low\":0,\"more\":[]}",
        "{\"format\":1,\"targets\":\"01\",\"began\":0,\"bytes\":0,\"low\":0,\"more\":[]}",
        "{\"format\":1,\"targets\":\"" HEX "\",\"began\":0,\"bytes\":-1,\"low\":0,\"more\":[]}",
        "{\"format\":1,\"targets\":\"" HEX "\",\"began\":0,\"bytes\":0,\"low\":0,\"more\":[65536]}",
    };
    CLEANUP(check_dir_done) struct check_dir d = {};
    CLEANUP(mem_freep) struct scan_saved *a = MEM_NEW(struct scan_saved);

    check_dir_init(&d);
    CHECK(a);
    CHECK_RC(scan_state_load(d.fd, "s", a, NULL), RC_NOTFOUND);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct err err = ERR_INIT;

        CHECK_OK(file_write(d.fd, "s", str_of(bad[i]), 0600, FILE_OWNER_SELF, NULL));
        CHECK_RC(scan_state_load(d.fd, "s", a, &err), RC_CORRUPT);
        CHECK(err.msg);
    }
}

CHECK_MAIN(CHECK_TEST(as_it_was_saved), CHECK_TEST_ONCE(a_full_window_fits),
           CHECK_TEST(not_a_state))
