/* SPDX-License-Identifier: Apache-2.0 */
/* `autarky root export` and `autarky root forget`. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "authority/root_int.h"
#include "base/fd.h"
#include "base/file.h"
#include "ceremony/show.h"
#include "crypto/crypto.h"

MSG(msg_no_roots, "cmd.export-none", "there is no root here; `autarky root create` makes one");
MSG(msg_wipe, "cmd.forget-wipe", "{0} could not be wiped: {1}");

enum { WIPES = 2, CHUNK = 64 * 1024 };

/* ---- export */

static enum rc export_roots(const struct root_session *s, struct err *err)
{
    for (size_t i = 0; i < s->n; i++) {
        CLEANUP(buf_done) struct buf pem = BUF_INIT(ROOT_FILE_MAX), digest = BUF_INIT(256);
        char name[128];

        x509_cert_put_pem(s->roots[i].cert.der, &pem);
        TRY(buf_rc(&pem));
        TRY(ceremony_digest_put(s->roots[i].cert.der, &digest));
        root_media_name(ROOT_MEDIA_ROOT, s->roots[i].ref, name);
        TRY(file_write(s->media, name, buf_str(&pem), 0644, FILE_OWNER_SELF, err));
        printf("%s\n  SHA-256 %s\n", name, buf_z(&digest));
    }
    return RC_OK;
}

static enum rc export_transcript(const struct root_session *s, size_t *n, struct err *err)
{
    static const char *const endings[] = {".txt", ".sig"};

    for (unsigned i = 1; i <= CEREMONY_ENTRIES_MAX; i++)
        for (size_t k = 0; k < 2; k++) {
            CLEANUP(buf_done) struct buf content = BUF_INIT(CEREMONY_TRANSCRIPT_MAX);
            char from[64], to[128];
            enum rc rc;

            snprintf(from, sizeof(from), "root/transcript/%04u%s", i, endings[k]);
            snprintf(to, sizeof(to), ROOT_MEDIA_TRANSCRIPT, i, endings[k]);
            rc = file_read(s->data, from, &content, err);
            if (rc == RC_NOTFOUND && k == 0) {
                *n = i - 1;
                if (err)
                    *err = ERR_INIT;
                return RC_OK;
            }
            TRY(rc);
            TRY(file_write(s->media, to, buf_str(&content), 0644, FILE_OWNER_SELF, err));
        }
    return RC_OK;
}

int cmd_root_export(const struct cmd_args *args)
{
    CLEANUP(root_done) struct root_session s = {.data = -1, .media = -1};
    struct err err = ERR_INIT;
    size_t entries = 0;
    int status = root_open(args, &s);

    if (status != CMD_DONE)
        return status;
    err.rc = s.n ? export_roots(&s, &err) : ERR(&err, RC_NOTFOUND, msg_no_roots);
    if (err.rc == RC_OK)
        err.rc = export_transcript(&s, &entries, &err);
    if (err.rc != RC_OK)
        return cmd_fail(&err);
    printf("and %zu entries of the transcript; no key is among them.\n"
           "Write the fingerprints down, and compare them on the server:\n"
           "  autarky init --offline-root DIR ...\n",
           entries);
    return CMD_DONE;
}

/* ---- forget */

/* Overwritten in place, which reaches the bytes themselves on disks that write in place. */
static enum rc wipe_file(int dir, const char *name)
{
    CLEANUP(fd_closep) int fd = openat(dir, name, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
    static unsigned char noise[CHUNK];
    struct stat st;

    if (fd < 0 || fstat(fd, &st) != 0)
        return RC_IO;
    for (int pass = 0; pass < WIPES; pass++) {
        off_t left = st.st_size;

        if (lseek(fd, 0, SEEK_SET) != 0)
            return RC_IO;
        while (left > 0) {
            size_t n = left < CHUNK ? (size_t)left : CHUNK;
            ssize_t written;

            TRY(crypto_random(noise, n));
            written = write(fd, noise, n);
            if (written <= 0)
                return RC_IO;
            left -= written;
        }
        if (fsync(fd) != 0)
            return RC_IO;
    }
    return unlinkat(dir, name, 0) == 0 ? RC_OK : RC_IO;
}

struct wiped {
    size_t files, tokens;
};

static int is_secret(const struct dirent *e)
{
    struct str name = str_of(e->d_name);

    return str_ends(name, STR(".key")) || str_ends(name, STR(".uri")) ||
           str_eq(name, STR("passphrase"));
}

static int is_share(const struct dirent *e)
{
    return str_starts(str_of(e->d_name), STR("share-"));
}

static enum rc wipe_all(int data, const char *path, int (*which)(const struct dirent *),
                        struct wiped *w, struct err *err)
{
    CLEANUP(fd_closep) int dir = openat(data, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct dirent **found = NULL;
    enum rc rc = RC_OK;
    int n;

    if (dir < 0)
        return RC_OK;
    n = scandirat(dir, ".", &found, which, alphasort);
    for (int i = 0; i < n; i++) {
        if (rc == RC_OK && wipe_file(dir, found[i]->d_name) != RC_OK)
            rc = ERR(err, RC_IO, msg_wipe, str_of(found[i]->d_name), str_of(strerror(errno)));
        w->tokens += str_ends(str_of(found[i]->d_name), STR(".uri"));
        w->files++;
        free(found[i]); /* checksrc: allow free: scandirat's own memory */
    }
    free(found); /* checksrc: allow free: scandirat's own memory */
    if (rc == RC_OK && fsync(dir) != 0)
        rc = ERR(err, RC_IO, msg_wipe, str_of(path), str_of(strerror(errno)));
    return rc;
}

static void say(const struct wiped *w)
{
    printf("%zu files overwritten and removed.\n", w->files);
    if (w->tokens)
        printf("The keys in tokens are still there: %zu; remove them with the vendor's tool.\n",
               w->tokens);
    if (w->files)
        printf(
            "What this cannot promise: a disk of flash memory (SSD, USB stick, SD card) and a "
            "file system\nthat copies on write (btrfs, ZFS) keep old bytes elsewhere, and backups "
            "and snapshots are not\ntouched. Where that matters, destroy the medium; an encrypted "
            "key is worth nothing without its\npassphrase, so destroy that as well.\n");
}

int cmd_root_forget(const struct cmd_args *args)
{
    CLEANUP(fd_closep) int data = -1;
    bool shares_only = args->values[CMD_OPT_SHARES_ONLY] != NULL;
    struct err err = ERR_INIT;
    struct wiped w = {};

    if (crypto_init() != RC_OK)
        return cmd_failf("OpenSSL cannot be set up; `autarky version` shows which one is used");
    err.rc = cmd_open_data(args, &data, &err);
    if (err.rc == RC_OK)
        err.rc = root_confirm(args,
                              shares_only ? "Wipe the sheets with the shares on this machine?"
                                          : "Wipe the root keys on this machine, for good?",
                              &err);
    if (err.rc == RC_OK)
        err.rc = wipe_all(data, "root/shares", is_share, &w, &err);
    if (err.rc == RC_OK && !shares_only)
        err.rc = wipe_all(data, "root", is_secret, &w, &err);
    if (err.rc != RC_OK)
        return cmd_fail(&err);
    say(&w);
    return CMD_DONE;
}
