/* SPDX-License-Identifier: Apache-2.0 */
/* Runs another program on bytes and takes its answer: a second opinion on what we write. For
 * CHECK_TEST_ONCE tests. */
#pragma once

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"

enum { TOOL_OUT_MAX = 1 << 18, TOOL_MISSING = 127 };

/* In the child: `in` becomes standard input, `out` standard output and error. */
[[maybe_unused]] static void tool_exec(char *const argv[], int in, int out)
{
    if (dup2(in, 0) >= 0 && dup2(out, 1) >= 0 && dup2(out, 2) >= 0)
        execvp(argv[0], argv);
    _exit(TOOL_MISSING);
}

/* The command line of the OpenSSL that we build with, whose algorithms are ours; the machine's own
 * may be older. No configuration of the machine counts. */
[[maybe_unused]] static char *tool_openssl(void)
{
    static char fallback[] = "openssl";
    char *named = getenv("AUTARKY_OPENSSL");

    setenv("OPENSSL_CONF", "/dev/null", 1);
    return named && *named ? named : fallback;
}

/* Exit status, TOOL_MISSING when the program is not installed, -1 when it could not be run; what it
 * printed is appended to `out`. Input goes through an unlinked file, so that neither side waits for
 * the other. */
[[maybe_unused]] static int tool_run(char *const argv[], struct str in, struct buf *out)
{
    FILE *input = tmpfile();
    int pipe_fds[2], status = -1;
    char piece[4096];
    ssize_t n;
    pid_t pid;

    if (!input || fwrite(in.p, 1, in.n, input) != in.n || fflush(input) != 0 ||
        lseek(fileno(input), 0, SEEK_SET) != 0 || pipe2(pipe_fds, O_CLOEXEC) != 0)
        return -1;
    pid = fork();
    if (pid == 0)
        tool_exec(argv, fileno(input), pipe_fds[1]);
    close(pipe_fds[1]);
    while ((n = read(pipe_fds[0], piece, sizeof(piece))) > 0)
        buf_put(out, piece, (size_t)n);
    close(pipe_fds[0]);
    fclose(input);
    if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
        return -1;
    return WEXITSTATUS(status);
}
