/* SPDX-License-Identifier: Apache-2.0 */
#include "ceremony/transcript.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "ceremony/show.h"
#include "crypto/crypto.h"
#include "crypto/sign.h"

MSG(msg_full, "ceremony.transcript-full",
    "the transcript has {0} entries, which is the most there can be");

static const char dir[] = "root/transcript";

void ceremony_transcript_done(struct ceremony_transcript *t)
{
    buf_done(&t->text);
}

static void path_of(unsigned number, const char *ending, char path[static 64])
{
    snprintf(path, 64, "%s/%04u%s", dir, number, ending);
}

static enum rc last_entry(int data, unsigned *out, struct err *err)
{
    char path[64];
    struct stat st;
    unsigned n = 0;

    for (; n < CEREMONY_ENTRIES_MAX; n++) {
        path_of(n + 1, ".txt", path);
        if (fstatat(data, path, &st, 0) != 0)
            break;
    }
    if (n == CEREMONY_ENTRIES_MAX)
        return ERR(err, RC_TOOBIG, msg_full, STR("9999"));
    *out = n;
    return RC_OK;
}

void ceremony_transcript_put(struct ceremony_transcript *t, const char *name, struct str value)
{
    struct str line;
    bool first = true;

    buf_printf(&t->text, "%s:", name);
    while (str_next(&value, '\n', &line)) {
        if (line.n || first)
            buf_printf(&t->text, "%s%.*s\n", first ? " " : "  ", STR_ARG(line));
        first = false;
    }
    if (first)
        buf_putz(&t->text, " -\n");
}

static void put_who(struct ceremony_transcript *t)
{
    CLEANUP(buf_done) struct buf who = BUF_INIT(1024);
    /* cppcheck-suppress getpwuidCalled ; one thread */
    const struct passwd *pw = getpwuid(getuid()); /* NOLINT(concurrency-mt-unsafe): one thread */
    /* cppcheck-suppress getloginCalled ; one thread */
    const char *sudo = getenv("SUDO_USER"), *login = getlogin();
    char host[256] = "";

    buf_printf(&who, "uid %u (%s)", (unsigned)getuid(), pw ? pw->pw_name : "without a name");
    if (login)
        buf_printf(&who, ", logged in as %s", login);
    if (sudo)
        buf_printf(&who, ", by sudo from %s", sudo);
    ceremony_transcript_put(t, "who", buf_str(&who));
    if (gethostname(host, sizeof(host) - 1) != 0)
        host[0] = '\0';
    ceremony_transcript_put(t, "host", str_of(host));
}

static void put_command(struct ceremony_transcript *t, char *const argv[])
{
    CLEANUP(buf_done) struct buf line = BUF_INIT(8192);

    for (size_t i = 0; argv[i]; i++)
        buf_printf(&line, "%s%s", i ? " " : "", argv[i]);
    ceremony_transcript_put(t, "command", buf_str(&line));
}

static enum rc put_previous(struct ceremony_transcript *t, int data, struct err *err)
{
    CLEANUP(buf_done) struct buf before = BUF_INIT(CEREMONY_TRANSCRIPT_MAX);
    CLEANUP(buf_done) struct buf digest = BUF_INIT(256);
    char path[64];

    if (t->number == 1) {
        ceremony_transcript_put(t, "previous", STR("none"));
        return RC_OK;
    }
    path_of(t->number - 1, ".txt", path);
    TRY(file_read(data, path, &before, err));
    TRY(ceremony_digest_put(buf_str(&before), &digest));
    ceremony_transcript_put(t, "previous", buf_str(&digest));
    return RC_OK;
}

enum rc ceremony_transcript_begin(int data, when_t now, char *const argv[],
                                  struct ceremony_transcript *out, struct err *err)
{
    char when[WHEN_TEXT], program[128];

    buf_init(&out->text, CEREMONY_TRANSCRIPT_MAX);
    TRY(last_entry(data, &out->number, err));
    out->number++;
    buf_printf(&out->text, "Autarky ceremony, entry %u\n", out->number);
    ceremony_transcript_put(out, "time", str_of(when_text(now, when)));
    put_who(out);
    snprintf(program, sizeof(program), "autarky %s, %s", AUTARKY_VERSION, crypto_version());
    ceremony_transcript_put(out, "program", str_of(program));
    put_command(out, argv);
    return put_previous(out, data, err);
}

enum rc ceremony_transcript_end(struct ceremony_transcript *t, int data, struct str root,
                                const struct crypto_key *key, struct err *err)
{
    CLEANUP(buf_done) struct buf sig = BUF_INIT(CRYPTO_SIG_MAX);
    char path[64];

    ceremony_transcript_put(t, "signed by", root);
    TRY(buf_rc(&t->text));
    TRY(crypto_sign(key, crypto_sig_default(key), CRYPTO_SIG_DER, buf_str(&t->text), &sig));
    TRY(file_mkdir(data, "root", 0700, FILE_OWNER_SELF, err));
    TRY(file_mkdir(data, dir, 0700, FILE_OWNER_SELF, err));
    path_of(t->number, ".sig", path);
    TRY(file_write(data, path, buf_str(&sig), 0600, FILE_OWNER_SELF, err));
    path_of(t->number, ".txt", path);
    return file_create(data, path, buf_str(&t->text), 0600, FILE_OWNER_SELF, err);
}
