/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include <fcntl.h>
#include <pty.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "ca/passphrase.h"

enum { ANOTHER = 100, TEXT_MAX = 4096 };

/* What is typed at each prompt; ends with NULL. */
struct typing {
    const char *lines[3];
    bool confirm;
    const char *expected;
};

static int ask(const struct typing *t)
{
    CLEANUP(secret_freep) struct secret *s = NULL;
    enum rc rc = ca_passphrase_ask("a test", t->confirm, &s, NULL);

    if (rc != RC_OK)
        return (int)rc;
    return str_eq(str_bytes(secret_bytes(s), secret_len(s)), str_of(t->expected)) ? 0 : ANOTHER;
}

/* Reads what the terminal shows up to the next prompt; false when there is none. */
static bool prompted(int terminal)
{
    char shown[TEXT_MAX];
    size_t n = 0;

    while (n < sizeof(shown)) {
        ssize_t got = read(terminal, shown + n, sizeof(shown) - n);

        if (got <= 0)
            return false;
        n += (size_t)got;
        if (str_ends(str_bytes(shown, n), STR(": ")))
            return true;
    }
    return false;
}

/* Types into a child whose controlling terminal is ours, which then ends with `wanted`: 0 for the
 * passphrase that is expected. */
static void type(const struct typing *t, int wanted)
{
    int terminal, status = 0;
    pid_t child = forkpty(&terminal, NULL, NULL, NULL);

    if (child == 0)
        _exit(ask(t));
    CHECK(child > 0);
    for (size_t i = 0; t->lines[i]; i++) {
        CHECK(prompted(terminal));
        CHECK(write(terminal, t->lines[i], strlen(t->lines[i])) > 0);
    }
    (void)prompted(terminal);
    CHECK_INT(waitpid(child, &status, 0), child);
    close(terminal);
    CHECK(WIFEXITED(status));
    CHECK_INT(WEXITSTATUS(status), wanted);
}

static void a_line_is_typed(void)
{
    struct typing once = {{"correct horse\n"}, false, "correct horse"};
    struct typing twice = {{"correct horse\n", "correct horse\n"}, true, "correct horse"};
    struct typing different = {{"correct horse\n", "correct house\n"}, true, ""};
    struct typing open_end = {{"correct horse\x04\x04"}, false, "correct horse"};

    type(&once, 0);
    type(&twice, 0);
    type(&different, RC_INVAL);
    type(&open_end, 0);
}

/* The end of input is no passphrase of a thousand zero bytes. */
static void nothing_is_typed(void)
{
    struct typing end = {{"\x04"}, false, ""};
    struct typing line = {{"\n"}, false, ""};
    struct typing little = {{"1234567\n"}, false, ""};
    struct typing little_and_end = {{"1234567\x04\x04"}, false, ""};

    type(&end, RC_NOTFOUND);
    type(&line, RC_INVAL);
    type(&little, RC_INVAL);
    type(&little_and_end, RC_INVAL);
}

static enum rc from_file(const struct check_dir *d, const char *text, mode_t mode,
                         struct secret **out)
{
    TRY(file_write(d->fd, "p", str_of(text), mode, FILE_OWNER_SELF, NULL));
    return ca_passphrase_file(d->fd, "p", out, NULL);
}

static void the_first_line_of_a_file(void)
{
    CLEANUP(check_dir_done) struct check_dir d = {};
    CLEANUP(secret_freep) struct secret *s = NULL;
    struct secret *none = NULL;

    check_dir_init(&d);
    CHECK_OK(from_file(&d, "correct horse\r\nbattery\n", 0600, &s));
    CHECK_STR(str_bytes(secret_bytes(s), secret_len(s)), "correct horse");
    CHECK_RC(from_file(&d, "correct horse", 0640, &none), RC_DENIED);
    CHECK_RC(from_file(&d, "1234567\nlonger than eight", 0600, &none), RC_INVAL);
    CHECK_RC(ca_passphrase_file(d.fd, "missing", &none, NULL), RC_NOTFOUND);
    CHECK(!none);
}

CHECK_MAIN(CHECK_TEST_ONCE(a_line_is_typed), CHECK_TEST_ONCE(nothing_is_typed),
           CHECK_TEST_ONCE(the_first_line_of_a_file))
