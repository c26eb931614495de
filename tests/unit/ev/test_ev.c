/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "ev/clock.h"
#include "ev/ev.h"

/* What happened, one letter each. */
static char seen[64];
static struct ev *loop;

static void note(char c)
{
    size_t n = strlen(seen);

    if (n + 1 < sizeof(seen)) {
        seen[n] = c;
        seen[n + 1] = '\0';
    }
}

static void on_a(void *arg)
{
    (void)arg;
    note('a');
}

static void on_b(void *arg)
{
    (void)arg;
    note('b');
}

static void on_stop(void *arg)
{
    note('s');
    ev_stop(arg);
}

#define WITH_LOOP                                                                                  \
    struct clock_fake clock;                                                                       \
    CLEANUP(ev_freep) struct ev *ev = NULL;                                                        \
    clock_fake_init(&clock, 0);                                                                    \
    seen[0] = '\0';                                                                                \
    CHECK_OK(ev_new(&clock.clock, &ev));                                                           \
    loop = ev

static void timers_follow_the_clock(void)
{
    WITH_LOOP;
    struct ev_timer a, b;

    ev_timer_init(&a, ev, on_a, NULL);
    ev_timer_init(&b, ev, on_b, NULL);
    ev_timer_start(&a, 20, 0);
    ev_timer_start(&b, 10, 10);
    CHECK(ev_timer_running(&a));
    ev_run_once(ev, EV_NOWAIT);
    CHECK_STR(str_of(seen), "");
    clock_fake_advance(&clock, 10);
    ev_run_once(ev, EV_NOWAIT);
    CHECK_STR(str_of(seen), "b");
    clock_fake_advance(&clock, 10);
    ev_run_once(ev, EV_NOWAIT);
    CHECK_STR(str_of(seen), "bab");
    CHECK(!ev_timer_running(&a));
    /* A late loop does not make up for what it missed. */
    clock_fake_advance(&clock, 1000);
    ev_run_once(ev, EV_NOWAIT);
    ev_run_once(ev, EV_NOWAIT);
    CHECK_STR(str_of(seen), "babb");
    ev_timer_stop(&b);
    ev_timer_stop(&b);
    clock_fake_advance(&clock, 1000);
    ev_run_once(ev, EV_NOWAIT);
    CHECK_STR(str_of(seen), "babb");
}

static struct ev_timer again;

static void on_again(void *arg)
{
    (void)arg;
    note('g');
    ev_timer_start(&again, 0, 0);
}

static void a_timer_may_restart_itself(void)
{
    WITH_LOOP;

    ev_timer_init(&again, ev, on_again, NULL);
    ev_timer_start(&again, 0, 0);
    CHECK_STR(str_of(seen), "");
    ev_run_once(ev, EV_NOWAIT);
    CHECK_STR(str_of(seen), "g");
    ev_run_once(ev, EV_NOWAIT);
    CHECK_STR(str_of(seen), "gg");
    ev_timer_stop(&again);
}

static void on_free_timer(void *arg)
{
    note('f');
    mem_free(arg);
}

static void a_timer_may_free_itself(void)
{
    WITH_LOOP;
    struct ev_timer *t = MEM_NEW(struct ev_timer);

    CHECK(t);
    ev_timer_init(t, ev, on_free_timer, t);
    ev_timer_start(t, 0, 0);
    ev_run_once(ev, EV_NOWAIT);
    CHECK_STR(str_of(seen), "f");
}

static void on_stop_other(void *arg)
{
    note('o');
    ev_timer_stop(arg);
}

static void a_timer_may_stop_another_due_one(void)
{
    WITH_LOOP;
    struct ev_timer a, b;

    ev_timer_init(&b, ev, on_b, NULL);
    ev_timer_init(&a, ev, on_stop_other, &b);
    ev_timer_start(&a, 5, 0);
    ev_timer_start(&b, 5, 0);
    clock_fake_advance(&clock, 5);
    ev_run_once(ev, EV_NOWAIT);
    CHECK_STR(str_of(seen), "o");
}

static void the_real_clock_wakes_the_loop(void)
{
    CLEANUP(ev_freep) struct ev *ev = NULL;
    struct ev_timer a;
    int64_t start;

    seen[0] = '\0';
    CHECK_OK(ev_new(clock_system(), &ev));
    CHECK(ev_clock(ev) == clock_system());
    ev_timer_init(&a, ev, on_stop, ev);
    start = clock_mono(clock_system());
    ev_timer_start(&a, 3000, 0);
    ev_run(ev);
    CHECK_STR(str_of(seen), "s");
    CHECK(clock_mono(clock_system()) >= start + 3000);
}

/* Whoever waits for what a timer says, or a deferred call, does not sleep on when it has. */
static void one_iteration_ends_with_what_ran(void)
{
    CLEANUP(ev_freep) struct ev *ev = NULL;
    struct ev_timer a;
    struct ev_defer d;
    int turns = 0;

    seen[0] = '\0';
    CHECK_OK(ev_new(clock_system(), &ev));
    ev_timer_init(&a, ev, on_a, &a);
    ev_defer_init(&d, on_a, &d);
    ev_timer_start(&a, 2000, 0);
    for (; !seen[0] && turns < 100; turns++)
        ev_run_once(ev, EV_WAIT);
    CHECK(turns < 100);
    ev_defer(ev, &d);
    ev_run_once(ev, EV_WAIT);
    CHECK_STR(str_of(seen), "aa");
}

static void on_soon(void *arg)
{
    struct ev_timer *t = arg;

    ev_timer_start(t, 0, 0);
}

static void on_now(void *arg)
{
    ev_stop(arg);
}

/* With nothing else to wait for, a timer that is due when the loop goes to sleep still comes. */
static void a_lone_timer_that_is_due_comes(void)
{
    CLEANUP(ev_freep) struct ev *ev = NULL;
    struct ev_timer t;
    struct ev_defer d;

    CHECK_OK(ev_new(clock_system(), &ev));
    ev_timer_init(&t, ev, on_now, ev);
    ev_defer_init(&d, on_soon, &t);
    ev_defer(ev, &d);
    ev_run(ev);
    CHECK(!ev_timer_running(&t));
}

static void stop_before_run_counts_once(void)
{
    WITH_LOOP;
    struct ev_defer d;

    ev_stop(ev);
    ev_run(ev);
    ev_defer_init(&d, on_stop, ev);
    ev_defer(ev, &d);
    ev_run(ev);
    CHECK_STR(str_of(seen), "s");
}

static struct ev_fd *watch;
static int pipe_fds[2];

static void on_readable(void *arg, unsigned events)
{
    char c;

    (void)arg;
    if (events & EV_READ)
        note(read(pipe_fds[0], &c, 1) == 1 ? c : '0');
    if (events & EV_WRITE)
        note('w');
}

static void on_free_watch(void *arg, unsigned events)
{
    (void)arg;
    (void)events;
    note('x');
    ev_fd_free(MOVE(watch));
}

static void close_pipe(int (*fds)[2])
{
    fd_close(&(*fds)[0]);
    fd_close(&(*fds)[1]);
}

#define WITH_PAIR                                                                                  \
    CLEANUP(close_pipe) int fds[2] = {-1, -1};                                                     \
    CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);                         \
    pipe_fds[0] = fds[0];                                                                          \
    pipe_fds[1] = fds[1]

static void descriptors_say_when_they_are_ready(void)
{
    WITH_LOOP;
    WITH_PAIR;
    CLEANUP(ev_fd_freep) struct ev_fd *f = NULL;

    CHECK_OK(ev_fd_new(ev, fds[0], on_readable, NULL, &f));
    CHECK(fcntl(fds[0], F_GETFL) & O_NONBLOCK);
    CHECK_INT(write(fds[1], "xy", 2), 2);
    ev_run_once(ev, EV_NOWAIT);
    CHECK_STR(str_of(seen), "");
    ev_fd_watch(f, EV_READ);
    ev_run_once(ev, EV_WAIT);
    CHECK_STR(str_of(seen), "x");
    /* Level triggered: there is one byte left. */
    ev_run_once(ev, EV_WAIT);
    CHECK_STR(str_of(seen), "xy");
    ev_fd_watch(f, EV_WRITE);
    ev_run_once(ev, EV_WAIT);
    CHECK_STR(str_of(seen), "xyw");
    ev_fd_watch(f, 0);
    CHECK_INT(write(fds[1], "z", 1), 1);
    ev_run_once(ev, EV_NOWAIT);
    CHECK_STR(str_of(seen), "xyw");
    ev_fd_watch(f, EV_READ);
    ev_run_once(ev, EV_WAIT);
    fd_close(&fds[1]);
    ev_run_once(ev, EV_WAIT);
    CHECK_STR(str_of(seen), "xywz0");
}

static void a_watch_may_be_freed_in_its_callback(void)
{
    WITH_LOOP;
    WITH_PAIR;

    watch = NULL;
    CHECK_OK(ev_fd_new(ev, fds[0], on_free_watch, NULL, &watch));
    ev_fd_watch(watch, EV_READ | EV_WRITE);
    CHECK_INT(write(fds[1], "x", 1), 1);
    ev_run_once(ev, EV_WAIT);
    ev_run_once(ev, EV_NOWAIT);
    CHECK_STR(str_of(seen), "x");
    /* The descriptor can be watched anew at once. */
    CHECK_OK(ev_fd_new(ev, fds[0], on_free_watch, NULL, &watch));
    ev_fd_free(MOVE(watch));
}

static void a_broken_pipe_is_told(void)
{
    WITH_LOOP;
    CLEANUP(close_pipe) int fds[2] = {-1, -1};
    CLEANUP(ev_fd_freep) struct ev_fd *f = NULL;

    CHECK_INT(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
    pipe_fds[0] = fds[0];
    /* Filled up, so that nothing but the error can make it ready. */
    for (char c[4096] = {0}; write(fds[1], c, sizeof(c)) > 0;)
        ;
    CHECK_OK(ev_fd_new(ev, fds[1], on_readable, NULL, &f));
    ev_fd_watch(f, EV_WRITE);
    ev_run_once(ev, EV_NOWAIT);
    CHECK_STR(str_of(seen), "");
    pipe_fds[0] = -1;
    fd_close(&fds[0]);
    ev_run_once(ev, EV_WAIT);
    CHECK_STR(str_of(seen), "0w");
    /* Watching has stopped, otherwise this would come again and again. */
    ev_run_once(ev, EV_NOWAIT);
    CHECK_STR(str_of(seen), "0w");
    /* Until it is asked for again. */
    ev_fd_watch(f, EV_WRITE);
    ev_run_once(ev, EV_WAIT);
    CHECK_STR(str_of(seen), "0w0w");
}

static void files_cannot_be_watched(void)
{
    WITH_LOOP;
    CLEANUP(fd_closep) int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    struct ev_fd *f = NULL;

    CHECK(fd >= 0);
    CHECK_RC(ev_fd_new(ev, fd, on_readable, NULL, &f), RC_IO);
    CHECK_RC(ev_fd_new(ev, -1, on_readable, NULL, &f), RC_IO);
    CHECK(!f);
}

static void on_signal(void *arg, int signum)
{
    (void)arg;
    note(signum == SIGUSR1 ? '1' : '?');
}

static void signals_arrive_in_the_loop(void)
{
    WITH_LOOP;
    CLEANUP(ev_signal_freep) struct ev_signal *s = NULL;
    struct ev_signal *bad = NULL;

    CHECK_OK(ev_signal_new(ev, SIGUSR1, on_signal, NULL, &s));
    raise(SIGUSR1);
    CHECK_STR(str_of(seen), "");
    ev_run_once(ev, EV_WAIT);
    CHECK_STR(str_of(seen), "1");
    CHECK_RC(ev_signal_new(ev, SIGKILL, on_signal, NULL, &bad), RC_IO);
    CHECK(!bad);
}

static void *thread_main(void *arg)
{
    ev_wake_send(arg);
    return NULL;
}

static void threads_wake_the_loop(void)
{
    WITH_LOOP;
    CLEANUP(ev_wake_freep) struct ev_wake *w = NULL;
    pthread_t thread;

    CHECK_OK(ev_wake_new(ev, on_stop, ev, &w));
    CHECK_INT(pthread_create(&thread, NULL, thread_main, w), 0);
    ev_run(ev);
    pthread_join(thread, NULL);
    CHECK_STR(str_of(seen), "s");
}

static struct ev_defer first, second;

static void on_defer_second(void *arg)
{
    (void)arg;
    note('1');
    ev_defer(loop, &second);
    ev_defer(loop, &second);
}

static void deferred_calls_come_in_the_next_iteration(void)
{
    WITH_LOOP;

    ev_defer_init(&first, on_defer_second, NULL);
    ev_defer_init(&second, on_b, NULL);
    ev_defer(ev, &first);
    CHECK_STR(str_of(seen), "");
    /* Does not wait: there is something to do. */
    ev_run_once(ev, EV_WAIT);
    CHECK_STR(str_of(seen), "1");
    ev_run_once(ev, EV_NOWAIT);
    CHECK_STR(str_of(seen), "1b");
    ev_defer(ev, &first);
    ev_defer_cancel(&first);
    ev_run_once(ev, EV_NOWAIT);
    CHECK_STR(str_of(seen), "1b");
}

static struct ev_hook gone;

static void on_remove_hook(void *arg)
{
    note('r');
    ev_hook_remove(arg);
}

static void hooks_come_before_each_wait(void)
{
    WITH_LOOP;
    struct ev_hook a;
    struct ev_timer t;

    ev_hook_init(&a, on_a, NULL);
    ev_hook_init(&gone, on_remove_hook, &gone);
    ev_timer_init(&t, ev, on_b, NULL);
    ev_timer_start(&t, 0, 0);
    ev_hook_add(ev, &gone);
    ev_hook_add(ev, &a);
    ev_run_once(ev, EV_NOWAIT);
    CHECK_STR(str_of(seen), "bra");
    ev_run_once(ev, EV_NOWAIT);
    CHECK_STR(str_of(seen), "braa");
    ev_hook_remove(&a);
    ev_run_once(ev, EV_NOWAIT);
    CHECK_STR(str_of(seen), "braa");
}

CHECK_MAIN(CHECK_TEST(timers_follow_the_clock), CHECK_TEST(a_timer_may_restart_itself),
           CHECK_TEST(a_timer_may_free_itself), CHECK_TEST(a_timer_may_stop_another_due_one),
           CHECK_TEST(the_real_clock_wakes_the_loop), CHECK_TEST(a_lone_timer_that_is_due_comes),
           CHECK_TEST(one_iteration_ends_with_what_ran), CHECK_TEST(stop_before_run_counts_once),
           CHECK_TEST(descriptors_say_when_they_are_ready),
           CHECK_TEST(a_watch_may_be_freed_in_its_callback), CHECK_TEST(a_broken_pipe_is_told),
           CHECK_TEST(files_cannot_be_watched), CHECK_TEST(signals_arrive_in_the_loop),
           CHECK_TEST(threads_wake_the_loop), CHECK_TEST(deferred_calls_come_in_the_next_iteration),
           CHECK_TEST(hooks_come_before_each_wait))
