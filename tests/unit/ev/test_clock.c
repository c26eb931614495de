/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

#include "base/fd.h"
#include "ev/clock.h"

static void fake_moves_only_when_told(void)
{
    struct clock_fake f;
    struct clock *c = &f.clock;
    int64_t mono;

    clock_fake_init(&f, 1000 * WHEN_SECOND);
    CHECK_INT(clock_now(c), 1000 * WHEN_SECOND);
    mono = clock_mono(c);
    clock_fake_advance(&f, 5);
    CHECK_INT(clock_now(c), 1000 * WHEN_SECOND + 5);
    CHECK_INT(clock_mono(c), mono + 5);
    clock_fake_set(&f, 3);
    CHECK_INT(clock_now(c), 3);
    CHECK_INT(clock_mono(c), mono + 5);
    CHECK_INT(clock_sleep(c, 1), INT64_MAX);
}

static void system_is_the_machine(void)
{
    struct clock *c = clock_system();
    int64_t first = clock_mono(c);
    when_t before = (when_t)time(NULL) * WHEN_SECOND;

    CHECK(clock_now(c) >= before);
    CHECK(clock_now(c) < before + WHEN_MINUTE);
    CHECK(clock_mono(c) >= first);
    CHECK_INT(clock_sleep(c, 7), 7);
}

#ifdef AUTARKY_TEST_HOOKS
static void hook_moves_the_clocks(void)
{
    CLEANUP(fd_closep) int fd = memfd_create("clock", MFD_CLOEXEC);
    struct clock *c = clock_system();
    int64_t offsets[2] = {WHEN_DAY, WHEN_HOUR};
    when_t now = clock_now(c);
    int64_t mono = clock_mono(c);

    CHECK(fd >= 0);
    CHECK_RC(clock_test_attach(fd), RC_INVAL);
    CHECK_INT(write(fd, offsets, sizeof(offsets)), sizeof(offsets));
    CHECK_OK(clock_test_attach(fd));
    CHECK(clock_now(c) >= now + WHEN_DAY);
    CHECK(clock_mono(c) >= mono + WHEN_HOUR);
    CHECK(clock_sleep(c, WHEN_HOUR) < WHEN_SECOND);
    /* The file steers from now on; the monotonic clock does not follow it back. */
    mono = clock_mono(c);
    offsets[0] = -WHEN_DAY;
    offsets[1] = 0;
    CHECK_INT(pwrite(fd, offsets, sizeof(offsets), 0), sizeof(offsets));
    CHECK(clock_now(c) < now);
    CHECK_INT(clock_mono(c), mono);
    /* Eight bytes leave the monotonic clock alone. */
    CHECK_INT(ftruncate(fd, 8), 0);
    CHECK_OK(clock_test_attach(fd));
    CHECK(clock_now(c) < now);
}

static void hook_is_named_by_the_environment(void)
{
    CLEANUP(fd_closep) int fd = -1;

    unsetenv("AUTARKY_TEST_CLOCK");
    CHECK_OK(clock_test_open(&fd));
    CHECK_INT(fd, -1);
    setenv("AUTARKY_TEST_CLOCK", "/nonexistent/clock", 1);
    CHECK_RC(clock_test_open(&fd), RC_IO);
    setenv("AUTARKY_TEST_CLOCK", "/dev/null", 1);
    CHECK_RC(clock_test_open(&fd), RC_INVAL);
    unsetenv("AUTARKY_TEST_CLOCK");
}
#endif

CHECK_MAIN(CHECK_TEST(fake_moves_only_when_told), CHECK_TEST(system_is_the_machine),
#ifdef AUTARKY_TEST_HOOKS
           CHECK_TEST(hook_moves_the_clocks), CHECK_TEST(hook_is_named_by_the_environment)
#endif
)
