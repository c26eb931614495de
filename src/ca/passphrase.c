/* SPDX-License-Identifier: Apache-2.0 */
#include "ca/passphrase.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <termios.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/text.h"
#include "conf/conf.h"
#include "crypto/crypto.h"

MSG(msg_no_credentials, "ca.passphrase-no-credentials",
    "the configuration takes the passphrase or PIN from the systemd credential \"{0}\", but "
    "$CREDENTIALS_DIRECTORY is not set; start it by a systemd unit with "
    "LoadCredentialEncrypted={0}:FILE");
MSG(msg_open_to_others, "ca.passphrase-open",
    "{0} can be read by others than its owner; close it with `chmod 600 {0}`");
MSG(msg_short, "ca.passphrase-short",
    "the passphrase or PIN from {0} is shorter than {1} characters; its first line is what counts");
MSG(msg_no_terminal, "ca.passphrase-no-terminal",
    "the passphrase is to be typed in, but there is no terminal; set ca.passphrase.from to "
    "\"file\" or \"credential\" for an unattended start");
MSG(msg_not_typed, "ca.passphrase-not-typed", "no passphrase for {0} was typed; start again");
MSG(msg_different, "ca.passphrase-different", "the two passphrases are not the same; start again");
MSG(msg_file, "ca.passphrase-file", "passphrase file {0}: {1}");

static enum rc check_mode(int dir, const char *path, struct err *err)
{
    struct stat st;

    if (fstatat(dir, path, &st, 0) != 0)
        return ERR(err, errno == ENOENT ? RC_NOTFOUND : RC_IO, msg_file, str_of(path),
                   str_of(strerror(errno)));
    if (st.st_mode & (S_IRWXG | S_IRWXO))
        return ERR(err, RC_DENIED, msg_open_to_others, str_of(path));
    return RC_OK;
}

/* The line without its end. */
static enum rc first_line(struct secret *s, const char *source, size_t min, struct err *err)
{
    struct str line, rest;
    char least[16];

    str_cut(str_bytes(secret_bytes(s), secret_len(s)), '\n', &line, &rest);
    if (line.n && line.p[line.n - 1] == '\r')
        line.n--;
    snprintf(least, sizeof(least), "%zu", min);
    if (line.n < min)
        return ERR(err, RC_INVAL, msg_short, str_of(source), str_of(least));
    secret_trim(s, line.n);
    return RC_OK;
}

static enum rc from_file(int dir, const char *path, size_t min, struct secret **out,
                         struct err *err)
{
    CLEANUP(secret_freep) struct secret *s = NULL;

    TRY(check_mode(dir, path, err));
    TRY(file_read_secret(dir, path, CA_PASSPHRASE_MAX, &s, err));
    TRY(first_line(s, path, min, err));
    *out = MOVE(s);
    return RC_OK;
}

enum rc ca_passphrase_file(int dir, const char *path, struct secret **out, struct err *err)
{
    return from_file(dir, path, CA_PASSPHRASE_MIN, out, err);
}

static enum rc from_credential(struct str name, size_t min, struct secret **out, struct err *err)
{
    const char *dir = getenv("CREDENTIALS_DIRECTORY");
    CLEANUP(buf_done) struct buf path = BUF_INIT(4096);

    if (!dir || !dir[0])
        return ERR(err, RC_NOTFOUND, msg_no_credentials, name);
    buf_printf(&path, "%s/%.*s", dir, STR_ARG(name));
    TRY(buf_rc(&path));
    return from_file(AT_FDCWD, buf_z(&path), min, out, err);
}

/* ---- asking */

static volatile sig_atomic_t interrupted;

static void on_interrupt(int signum)
{
    interrupted = signum;
}

enum { INTERRUPTS = 4 };
static const int interrupts[INTERRUPTS] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};

/* A line of the terminal, or false when a signal comes before it. The signals are let in while
 * waiting and at no other time, so that none comes between a look and a wait. */
static bool read_line(FILE *tty, char *line, int cap)
{
    struct pollfd waiting = {.fd = fileno(tty), .events = POLLIN};
    sigset_t ours, before;
    bool got;

    sigemptyset(&ours);
    for (size_t i = 0; i < INTERRUPTS; i++)
        sigaddset(&ours, interrupts[i]);
    if (sigprocmask(SIG_BLOCK, &ours, &before) != 0)
        return false;
    while (!interrupted && ppoll(&waiting, 1, NULL, &before) < 0 && errno == EINTR)
        continue;
    got = !interrupted && fgets(line, cap, tty) != NULL;
    return sigprocmask(SIG_SETMASK, &before, NULL) == 0 && got && !interrupted;
}

/* One line, not echoed. Whatever happens here but SIGKILL, the terminal echoes again afterwards. */
static bool read_quietly(FILE *tty, const char *question, char *line, int cap)
{
    struct sigaction own = {.sa_handler = on_interrupt};
    struct sigaction before[INTERRUPTS];
    struct termios was, quiet;
    bool got;

    if (tcgetattr(fileno(tty), &was) != 0)
        return false;
    quiet = was;
    quiet.c_lflag &= ~(tcflag_t)ECHO;
    interrupted = 0;
    for (size_t i = 0; i < INTERRUPTS; i++)
        sigaction(interrupts[i], &own, &before[i]);
    tcsetattr(fileno(tty), TCSAFLUSH, &quiet);
    fputs(question, tty);
    fflush(tty);
    got = read_line(tty, line, cap);
    tcsetattr(fileno(tty), TCSAFLUSH, &was);
    rewind(tty); /* between reading and writing, as C wants it; a terminal has no position */
    fputs("\n", tty);
    for (size_t i = 0; i < INTERRUPTS; i++)
        sigaction(interrupts[i], &before[i], NULL);
    if (interrupted)
        raise(interrupted); /* now for whom it was meant */
    return got;
}

static enum rc ask_once(FILE *tty, const char *what, const char *again, struct secret **out,
                        struct err *err)
{
    CLEANUP(secret_freep) struct secret *s = NULL;
    CLEANUP(buf_done) struct buf question = BUF_INIT(256);

    buf_printf(&question, "%s%s: ", what, again);
    TRY(buf_rc(&question));
    TRY(secret_new(CA_PASSPHRASE_MAX, &s));
    if (!read_quietly(tty, buf_z(&question), (char *)secret_bytes(s), CA_PASSPHRASE_MAX))
        return ERR(err, RC_NOTFOUND, msg_not_typed, str_of(what));
    /* The end of input may come instead of a newline. */
    secret_trim(s, strlen((char *)secret_bytes(s)));
    *out = MOVE(s);
    return RC_OK;
}

static void close_tty(FILE **tty)
{
    if (*tty)
        fclose(*tty);
}

static enum rc ask(const char *what, bool confirm, size_t min, struct secret **out, struct err *err)
{
    CLEANUP(close_tty) FILE *tty = fopen("/dev/tty", "r+e");
    CLEANUP(secret_freep) struct secret *s = NULL;
    CLEANUP(secret_freep) struct secret *second = NULL;

    if (!tty)
        return ERR(err, RC_NOTFOUND, msg_no_terminal);
    setvbuf(tty, NULL, _IONBF, 0); /* no copy of it in a stream's buffer */
    TRY(ask_once(tty, what, "", &s, err));
    TRY(first_line(s, "the terminal", min, err));
    if (confirm) {
        TRY(ask_once(tty, what, ", once more", &second, err));
        TRY(first_line(second, "the terminal", min, err));
        if (!str_eq(str_bytes(secret_bytes(s), secret_len(s)),
                    str_bytes(secret_bytes(second), secret_len(second))))
            return ERR(err, RC_INVAL, msg_different);
    }
    *out = MOVE(s);
    return RC_OK;
}

enum rc ca_passphrase_ask(const char *what, bool confirm, struct secret **out, struct err *err)
{
    CLEANUP(buf_done) struct buf question = BUF_INIT(256);

    buf_printf(&question, "Passphrase for %s", what);
    TRY(buf_rc(&question));
    return ask(buf_z(&question), confirm, CA_PASSPHRASE_MIN, out, err);
}

enum rc ca_passphrase_make(struct secret **out)
{
    CLEANUP(secret_freep) struct secret *s = NULL;
    CLEANUP(buf_wipe) struct buf hex = {};
    unsigned char random[CA_PASSPHRASE_MADE];

    buf_init(&hex, 2 * sizeof(random));
    TRY(crypto_random(random, sizeof(random)));
    text_hex(&hex, str_bytes(random, sizeof(random)));
    explicit_bzero(random, sizeof(random));
    TRY(buf_rc(&hex));
    TRY(secret_new(hex.n, &s));
    memcpy(secret_bytes(s), buf_str(&hex).p, hex.n);
    *out = MOVE(s);
    return RC_OK;
}

enum rc ca_passphrase_read(const struct conf *conf, int data, struct secret **out, struct err *err)
{
    char path[4096];

    switch (conf->ca.passphrase.from) {
    case CONF_PASSPHRASE_CREDENTIAL:
        return from_credential(conf->ca.passphrase.name, CA_PASSPHRASE_MIN, out, err);
    case CONF_PASSPHRASE_PROMPT:
        return ca_passphrase_ask("the keys of the certificate authority", false, out, err);
    case CONF_PASSPHRASE_FILE:
        break;
    }
    TRY(str_copyz(conf->ca.passphrase.file, path, sizeof(path)));
    return ca_passphrase_file(data, path, out, err);
}

enum rc ca_passphrase_pin(const struct conf *conf, int data, struct secret **out, struct err *err)
{
    char path[4096];

    switch (conf->ca.pkcs11.pin.from) {
    case CONF_PASSPHRASE_CREDENTIAL:
        return from_credential(conf->ca.pkcs11.pin.name, CA_PIN_MIN, out, err);
    case CONF_PASSPHRASE_PROMPT:
        return ask("PIN of the token", false, CA_PIN_MIN, out, err);
    case CONF_PASSPHRASE_FILE:
        break;
    }
    TRY(str_copyz(conf->ca.pkcs11.pin.file, path, sizeof(path)));
    return from_file(data, path, CA_PIN_MIN, out, err);
}
