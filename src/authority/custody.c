/* SPDX-License-Identifier: Apache-2.0 */
/* Who can open the root keys: a passphrase, whole or in shares. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "authority/root_int.h"
#include "base/file.h"
#include "base/text.h"
#include "ca/passphrase.h"
#include "ceremony/show.h"
#include "ev/clock.h"
#include "x509/name.h"

MSG(msg_share_file, "cmd.share-file", "--share {0}: {1}");
MSG(msg_share_tty, "cmd.share-terminal",
    "the root passphrase is split into shares, which are asked for on the terminal, and there is "
    "none; give them by --share FILE, one after the other");
MSG(msg_share_end, "cmd.share-end", "no more shares were typed: nothing was done");
MSG(msg_opened, "cmd.shares-too-late",
    "--shares: the root keys here are opened by {0}, and a new one by the same; new shares take a "
    "data directory of their own");
MSG(msg_custody, "cmd.custody", "root/custody in the data directory cannot be understood");

MSG(msg_other_set, "cmd.share-other-set",
    "the shares are of set {0}, and the root keys here are under set {1}");

static const char custody_file[] = "root/custody";
static const char passphrase_file[] = "root/passphrase";

enum { CUSTODY_MAX = 128, LINE_BYTES = 512 };

static bool is_there(int data, const char *path)
{
    struct stat st;

    return fstatat(data, path, &st, 0) == 0;
}

struct custody {
    unsigned need, all;
    char set[CEREMONY_SET_TEXT];
};

/* "shares 3/5 1A2B3C4D" */
static enum rc read_custody(int data, struct custody *out, struct err *err)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(CUSTODY_MAX);
    struct str word, rest, spec;

    TRY(file_read(data, custody_file, &text, err));
    if (!str_cut(str_trim(buf_str(&text)), ' ', &word, &rest) || !str_eq(word, STR("shares")))
        return ERR(err, RC_CORRUPT, msg_custody);
    str_cut(rest, ' ', &spec, &rest);
    if (ceremony_shares_parse(spec, &out->need, &out->all, err) != RC_OK ||
        str_copyz(str_trim(rest), out->set, sizeof(out->set)) != RC_OK)
        return ERR(err, RC_CORRUPT, msg_custody);
    return RC_OK;
}

/* Shares of another set join to a passphrase as well: a new root under it could never be opened by
 * those who hold the shares of this one. */
static enum rc check_set(const struct custody *c, const struct ceremony_share *share,
                         struct err *err)
{
    char set[CEREMONY_SET_TEXT];

    ceremony_set_text(share->set, set);
    if (str_eq(str_of(set), str_of(c->set)))
        return RC_OK;
    return ERR(err, RC_DENIED, msg_other_set, str_of(set), str_of(c->set));
}

/* ---- shares */

static enum rc share_of_file(const char *path, struct ceremony_share *out, struct err *err)
{
    CLEANUP(buf_wipe) struct buf text = BUF_INIT(CEREMONY_SHARE_TEXT_MAX);
    struct err why = ERR_INIT;
    char line[512];
    enum rc rc = file_read(AT_FDCWD, path, &text, &why);

    if (rc == RC_OK)
        rc = ceremony_share_parse(buf_str(&text), out, &why);
    if (rc != RC_OK)
        return ERR(err, rc, msg_share_file, str_of(path),
                   str_of(err_textz(&why, line, sizeof(line))));
    return RC_OK;
}

/* Lines until they are a share; says what is wrong with one and asks for it again. */
static enum rc share_of_tty(FILE *tty, unsigned number, unsigned need, struct ceremony_share *out,
                            struct err *err)
{
    for (;;) {
        CLEANUP(buf_wipe) struct buf text = BUF_INIT(CEREMONY_SHARE_TEXT_MAX);
        struct err why = ERR_INIT;
        char line[LINE_BYTES];

        fprintf(tty,
                "\nShare %u of %u that are needed: its three lines, then an empty line (an empty "
                "line alone ends).\n",
                number, need);
        /* cppcheck-suppress IOWithoutPositioning ; a terminal has no position */
        while (fgets(line, sizeof(line), tty) && line[0] != '\n')
            buf_putz(&text, line);
        explicit_bzero(line, sizeof(line));
        if (buf_str(&text).n == 0)
            return ERR(err, RC_CANCELLED, msg_share_end);
        if (ceremony_share_parse(buf_str(&text), out, &why) == RC_OK)
            return RC_OK;
        fprintf(tty, "%s\n", err_textz(&why, line, sizeof(line)));
    }
}

static enum rc shares_of_tty(unsigned need, struct ceremony_share *shares, struct err *err)
{
    CLEANUP(root_tty_close) FILE *tty = fopen("/dev/tty", "r+e");

    if (!tty)
        return ERR(err, RC_NOTFOUND, msg_share_tty);
    setvbuf(tty, NULL, _IONBF, 0);
    for (unsigned i = 0; i < need; i++)
        TRY(share_of_tty(tty, i + 1, need, &shares[i], err));
    return RC_OK;
}

static enum rc open_shares(const struct cmd_args *args, int data, struct secret **out,
                           struct buf *said, struct err *err)
{
    struct ceremony_share shares[CEREMONY_SHARES_MAX] = {};
    size_t n = args->n_many < CEREMONY_SHARES_MAX ? args->n_many : CEREMONY_SHARES_MAX;
    char set[CEREMONY_SET_TEXT];
    struct custody c;
    enum rc rc = RC_OK;

    TRY(read_custody(data, &c, err));
    for (size_t i = 0; i < n && rc == RC_OK; i++)
        rc = share_of_file(args->many[i], &shares[i], err);
    if (rc == RC_OK && n == 0) {
        rc = shares_of_tty(c.need, shares, err);
        n = c.need;
    }
    if (rc == RC_OK && n > 0)
        rc = check_set(&c, &shares[0], err);
    if (rc == RC_OK)
        rc = ceremony_shares_join(shares, n, out, err);
    if (rc == RC_OK) {
        buf_putz(said, "shares");
        for (size_t i = 0; i < n; i++)
            buf_printf(said, "%s %u", i ? "," : "", shares[i].number);
        buf_printf(said, " of %u, %u needed, set %s", c.all, c.need,
                   ceremony_set_text(shares[0].set, set));
    }
    explicit_bzero(shares, sizeof(shares));
    return rc;
}

enum rc custody_open(const struct cmd_args *args, int data, struct secret **out, struct buf *said,
                     struct err *err)
{
    const char *file = args->values[CMD_OPT_ROOT_PASSPHRASE_FILE];

    if (file) {
        buf_putz(said, "a passphrase from a file");
        return ca_passphrase_file(AT_FDCWD, file, out, err);
    }
    if (is_there(data, custody_file))
        return open_shares(args, data, out, said, err);
    if (is_there(data, passphrase_file)) {
        buf_putz(said, "root/passphrase, which lies beside the key");
        return ca_passphrase_file(data, passphrase_file, out, err);
    }
    buf_putz(said, "a passphrase that was typed");
    return ca_passphrase_ask("the root keys", false, out, err);
}

/* ---- making */

/* Kept between making the passphrase and writing the sheets, which name the roots. */
static struct ceremony_share made[CEREMONY_SHARES_MAX];
static unsigned n_made;

static enum rc make_shares(struct root_session *s, struct str spec, struct err *err)
{
    CLEANUP(buf_done) struct buf line = BUF_INIT(CUSTODY_MAX);
    char set[CEREMONY_SET_TEXT];
    unsigned need;

    TRY(ceremony_shares_parse(spec, &need, &n_made, err));
    TRY(ceremony_shares_make(need, n_made, made, &s->passphrase));
    buf_printf(&line, "shares %u/%u %s\n", need, n_made, ceremony_set_text(made[0].set, set));
    buf_printf(&s->custody, "%u shares made, %u needed, set %s", n_made, need, set);
    TRY(buf_rc(&line));
    return file_create(s->data, custody_file, buf_str(&line), 0600, FILE_OWNER_SELF, err);
}

enum rc custody_make(struct root_session *s, struct err *err)
{
    const char *shares = s->args->values[CMD_OPT_SHARES];
    const char *file = s->args->values[CMD_OPT_ROOT_PASSPHRASE_FILE];
    CLEANUP(buf_wipe) struct buf line = BUF_INIT(CA_PASSPHRASE_MAX + 1);

    /* A second root is opened by what opens the first. */
    if (is_there(s->data, custody_file) || is_there(s->data, passphrase_file))
        return shares ? ERR(err, RC_EXISTS, msg_opened,
                            str_of(is_there(s->data, custody_file) ? "shares" : passphrase_file))
                      : custody_open(s->args, s->data, &s->passphrase, &s->custody, err);
    if (shares)
        return make_shares(s, str_of(shares), err);
    if (file) {
        buf_putz(&s->custody, "a passphrase from a file");
        return ca_passphrase_file(AT_FDCWD, file, &s->passphrase, err);
    }
    buf_putz(&s->custody, "a passphrase that was made, in root/passphrase");
    TRY(ca_passphrase_make(&s->passphrase));
    buf_put(&line, secret_bytes(s->passphrase), secret_len(s->passphrase));
    buf_u8(&line, '\n');
    TRY(buf_rc(&line));
    return file_create(s->data, passphrase_file, buf_str(&line), 0600, FILE_OWNER_SELF, err);
}

static enum rc put_roots(const struct root_session *s, struct buf *out)
{
    for (size_t i = 0; i < s->n; i++) {
        CLEANUP(buf_done) struct buf name = BUF_INIT(X509_NAME_MAX);

        x509_name_text(s->roots[i].cert.subject, &name);
        buf_printf(out, "Root:         %.*s\n  ", STR_ARG(buf_str(&name)));
        TRY(ceremony_digest_put(s->roots[i].cert.der, out));
        buf_putz(out, i + 1 < s->n ? "\n" : "");
    }
    return buf_rc(out);
}

enum rc custody_sheets(struct root_session *s, struct err *err)
{
    CLEANUP(buf_done) struct buf roots = BUF_INIT(64 * 1024);
    struct ceremony_sheet sheet = {.organization = s->conf->organization};
    char day[WHEN_TEXT];
    enum rc rc;

    if (n_made == 0)
        return RC_OK;
    TRY(put_roots(s, &roots));
    sheet.root = buf_str(&roots);
    sheet.made = str_head(str_of(when_text(clock_now(clock_system()), day)), 10);
    rc = file_mkdir(s->data, "root/shares", 0700, FILE_OWNER_SELF, err);
    for (unsigned i = 0; i < n_made && rc == RC_OK; i++) {
        CLEANUP(buf_wipe) struct buf text = BUF_INIT(CEREMONY_SHARE_TEXT_MAX);
        char path[64];

        ceremony_sheet_put(&made[i], &sheet, &text);
        snprintf(path, sizeof(path), "root/shares/share-%u.txt", i + 1);
        rc = buf_rc(&text);
        if (rc == RC_OK)
            rc = file_create(s->data, path, buf_str(&text), 0600, FILE_OWNER_SELF, err);
    }
    explicit_bzero(made, sizeof(made));
    return rc;
}
