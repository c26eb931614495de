/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/core_names.h>
#include <openssl/evp.h>

#include "base/file.h"
#include "base/text.h"
#include "crypto/crypto_int.h"
#include "crypto/weak.h"

MSG(msg_open, "crypto.weak-list-open", "the list of weak keys {0} cannot be read: {1}");
MSG(msg_name, "crypto.weak-list-name",
    "the list of weak keys {0} does not say of which size they are: its name has to end in "
    "RSA-2048, or another number of bits, as Debian's blacklist.RSA-2048 does");
MSG(msg_line, "crypto.weak-list-line",
    "line {1} of the list of weak keys {0} is none of 20 hexadecimal digits, nor a comment");
MSG(msg_none, "crypto.weak-list-none",
    "the directory {0} has no list of weak keys: files were looked for whose names end in "
    "RSA-2048, or another number of bits");
MSG(msg_many, "crypto.weak-list-many",
    "the list of weak keys {0} is longer than 128 MiB, or there are more than 16 lists");
MSG(msg_listed, "crypto.weak-listed",
    "the RSA key can be broken: it is one of those that Debian's faulty random generator of 2006 "
    "to 2008 made (CVE-2008-0166), or another on the list of weak keys; make a new one");

enum {
    FINGERPRINT = 10, /* the lower half of a SHA-1 */
    SHA1 = 20,
    NAME_BITS_MAX = 16384,
    MODULUS_TEXT = CRYPTO_RSA_BITS_MAX / 4,
};

/* Sorted. Loaded before there are threads, and looked at by all. */
static struct list {
    unsigned bits;
    size_t n;
    unsigned char (*p)[FINGERPRINT];
} lists[CRYPTO_WEAK_LISTS_MAX];
static size_t n_lists;

void crypto_weak_unload(void)
{
    for (size_t i = 0; i < n_lists; i++)
        mem_free(lists[i].p);
    n_lists = 0;
}

size_t crypto_weak_listed(unsigned bits)
{
    size_t n = 0;

    for (size_t i = 0; i < n_lists; i++)
        n += lists[i].bits == bits ? lists[i].n : 0;
    return n;
}

/* The number behind the last "RSA-"; 0 when the name does not end so. */
static unsigned bits_of(struct str name)
{
    static const struct str mark = STR("RSA-");
    uint64_t bits;

    for (size_t i = name.n; i-- > 0;)
        if (str_starts(str_skip(name, i), mark))
            return str_u64(str_skip(name, i + mark.n), NAME_BITS_MAX, &bits) == RC_OK
                       ? (unsigned)bits
                       : 0;
    return 0;
}

static int compare(const void *a, const void *b)
{
    return memcmp(a, b, FINGERPRINT);
}

static bool parse_line(struct str line, unsigned char out[static FINGERPRINT])
{
    CLEANUP(buf_done) struct buf b = BUF_INIT(FINGERPRINT);

    if (line.n != 2 * FINGERPRINT || text_unhex(line, &b) != RC_OK)
        return false;
    memcpy(out, b.p, FINGERPRINT);
    return true;
}

static enum rc parse(struct str text, struct str path, struct list *l, struct err *err)
{
    char number[24];
    struct str line;
    size_t at = 0;

    /* No line is shorter, but for comments. */
    l->p = mem_calloc(text.n / (2 * FINGERPRINT) + 1, FINGERPRINT);
    if (!l->p)
        return RC_NOMEM;
    while (str_next(&text, '\n', &line)) {
        at++;
        line = str_trim(line);
        if (line.n == 0 || line.p[0] == '#')
            continue;
        if (!parse_line(line, l->p[l->n])) {
            snprintf(number, sizeof(number), "%zu", at);
            return ERR(err, RC_PARSE, msg_line, path, str_of(number));
        }
        l->n++;
    }
    qsort(l->p, l->n, FINGERPRINT, compare);
    return RC_OK;
}

static void list_done(struct list *l)
{
    mem_free(l->p);
}

static enum rc load_file(int dir, const char *name, struct str path, struct err *err)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(CRYPTO_WEAK_LIST_MAX);
    CLEANUP(list_done) struct list l = {.bits = bits_of(path)};
    enum rc rc;

    if (l.bits == 0)
        return ERR(err, RC_INVAL, msg_name, path);
    if (n_lists == CRYPTO_WEAK_LISTS_MAX)
        return ERR(err, RC_TOOBIG, msg_many, path);
    rc = file_read(dir, name, &text, err);
    if (rc == RC_TOOBIG)
        return ERR(err, rc, msg_many, path);
    TRY(rc);
    TRY(parse(buf_str(&text), path, &l, err));
    lists[n_lists++] = l;
    l.p = NULL;
    return RC_OK;
}

static void close_dir(DIR **d)
{
    if (*d)
        closedir(*d);
}

static enum rc load_dir(int fd, struct str path, struct err *err)
{
    CLEANUP(close_dir) DIR *d = fdopendir(fd);
    size_t before = n_lists;

    if (!d) {
        close(fd);
        return ERR(err, RC_IO, msg_open, path, str_of(strerror(errno)));
    }
    for (const struct dirent *e; (e = readdir(d));)
        if (bits_of(str_of(e->d_name)))
            TRY(load_file(dirfd(d), e->d_name, str_of(e->d_name), err));
    return n_lists > before ? RC_OK : ERR(err, RC_NOTFOUND, msg_none, path);
}

static enum rc load_path(struct str path, struct err *err)
{
    char z[CRYPTO_WEAK_PATH_MAX + 1];
    int fd;

    if (str_copyz(path, z, sizeof(z)) != RC_OK)
        return ERR(err, RC_TOOBIG, msg_many, path);
    fd = open(z, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0)
        return load_dir(fd, path, err);
    if (errno != ENOTDIR)
        return ERR(err, errno == ENOENT ? RC_NOTFOUND : RC_IO, msg_open, path,
                   str_of(strerror(errno)));
    return load_file(AT_FDCWD, z, path, err);
}

enum rc crypto_weak_load(const struct str *paths, size_t n, struct err *err)
{
    enum rc rc = RC_OK;

    crypto_weak_unload();
    for (size_t i = 0; i < n && rc == RC_OK; i++)
        rc = load_path(paths[i], err);
    if (rc != RC_OK)
        crypto_weak_unload();
    return rc;
}

/* SHA-1 of the line that `openssl rsa -modulus` prints, its second half: so are Debian's lists. */
static enum rc fingerprint(const BIGNUM *n, unsigned char out[static SHA1])
{
    CLEANUP(buf_done) struct buf line = BUF_INIT(MODULUS_TEXT + 16);
    char *hex = BN_bn2hex(n);
    bool made;

    if (!hex)
        return RC_CRYPTO;
    buf_printf(&line, "Modulus=%s\n", hex);
    OPENSSL_free(hex);
    TRY(buf_rc(&line));
    made = EVP_Q_digest(crypto_ossl_ctx(), "SHA1", NULL, line.p, line.n, out, NULL) == 1;
    return made ? RC_OK : RC_CRYPTO;
}

enum rc crypto_weak_look_up(const BIGNUM *n, struct err *err)
{
    unsigned char sha1[SHA1];
    unsigned bits = (unsigned)BN_num_bits(n);

    if (crypto_weak_listed(bits) == 0)
        return RC_OK;
    TRY(fingerprint(n, sha1));
    for (size_t i = 0; i < n_lists; i++)
        if (lists[i].bits == bits &&
            bsearch(sha1 + SHA1 - FINGERPRINT, lists[i].p, lists[i].n, FINGERPRINT, compare))
            return ERR(err, RC_DENIED, msg_listed);
    return RC_OK;
}
