/* SPDX-License-Identifier: Apache-2.0 */
#include "problems.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"

/* A directory for one test. */
struct place {
    char path[64];
    int fd;
};

static int drop(const char *path, const struct stat *, int, struct FTW *)
{
    return remove(path);
}

static void place_done(struct place *p)
{
    fd_close(&p->fd);
    if (p->path[0])
        nftw(p->path, drop, 8, FTW_DEPTH | FTW_PHYS);
}

static bool place_init(struct place *p)
{
    *p = (struct place){"/tmp/autarky-conf-XXXXXX", -1};
    if (!mkdtemp(p->path)) {
        p->path[0] = 0;
        return false;
    }
    p->fd = open(p->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return p->fd >= 0;
}

static bool put(const struct place *p, const char *name, const char *text, mode_t mode)
{
    CLEANUP(fd_closep) int fd = openat(p->fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    size_t n = strlen(text);

    return fd >= 0 && write(fd, text, n) == (ssize_t)n && fchmod(fd, mode) == 0;
}

/* Reading fails; `expected` has DATA for the directory's path. */
#define CHECK_REFUSED(p, config, expected_rc, expected)                                            \
    do {                                                                                           \
        CLEANUP(conf_input_done) struct conf_input in_ = {};                                       \
        CLEANUP(buf_done) struct buf shown_ = BUF_INIT(4096);                                      \
        struct err err_ = ERR_INIT;                                                                \
        conf_input_init(&in_);                                                                     \
        CHECK_RC(conf_input_read(&in_, (p).fd, (p).path, (config), &err_), (expected_rc));         \
        CHECK(in_.n == 0 && in_.bytes.n == 0);                                                     \
        show(&(p), &err_, &shown_);                                                                \
        CHECK_OK(buf_rc(&shown_));                                                                 \
        CHECK_STR(buf_str(&shown_), (expected));                                                   \
    } while (0)

static void show(const struct place *p, const struct err *err, struct buf *out)
{
    char text[2048];
    struct str rest = str_of(err_textz(err, text, sizeof(text)));
    struct str path = str_of(p->path);

    while (rest.n) {
        bool here = str_starts(rest, path);

        buf_puts(out, here ? STR("DATA") : str_head(rest, 1));
        rest = str_skip(rest, here ? path.n : 1);
    }
}

static void reads_in_order(void)
{
    CLEANUP(place_done) struct place p = {.fd = -1};
    CLEANUP(conf_input_done) struct conf_input in = {};
    struct err err = ERR_INIT;

    conf_input_init(&in);
    CHECK(place_init(&p));
    CHECK(put(&p, "autarky.yaml", LEAST, 0644));
    CHECK(mkdirat(p.fd, "conf.d", 0755) == 0);
    CHECK(put(&p, "conf.d/20-b.yaml", "b: 1\n", 0600));
    CHECK(put(&p, "conf.d/10-a.yaml", "", 0640));
    CHECK(put(&p, "conf.d/README", "not read", 0666));
    CHECK(put(&p, "conf.d/.hidden.yaml", "not read", 0666));
    CHECK(put(&p, "conf.d/x.yaml~", "not read", 0666));
    CHECK_OK(conf_input_read(&in, p.fd, p.path, NULL, &err));
    CHECK_INT(in.n, 3);
    CHECK(str_ends(in.files[0].name, STR("/autarky.yaml")));
    CHECK(str_starts(in.files[0].name, str_of(p.path)));
    CHECK_STR(in.files[0].text, LEAST);
    CHECK(str_ends(in.files[1].name, STR("/conf.d/10-a.yaml")));
    CHECK_INT(in.files[1].text.n, 0);
    CHECK(str_ends(in.files[2].name, STR("/conf.d/20-b.yaml")));
    CHECK_STR(in.files[2].text, "b: 1\n");
}

static void another_file(void)
{
    CLEANUP(place_done) struct place p = {.fd = -1};
    CLEANUP(conf_input_done) struct conf_input in = {};
    char path[128];

    conf_input_init(&in);
    CHECK(place_init(&p));
    CHECK(put(&p, "other.conf", LEAST, 0644));
    snprintf(path, sizeof(path), "%s/other.conf", p.path);
    CHECK_OK(conf_input_read(&in, p.fd, p.path, path, NULL));
    CHECK_INT(in.n, 1);
    CHECK_STR(in.files[0].name, path);
    CHECK_REFUSED(p, "/nonexistent/x.yaml", RC_NOTFOUND,
                  "/nonexistent/x.yaml does not exist; autarky init makes it, --data and --config "
                  "say where it is");
}

static void none(void)
{
    CLEANUP(place_done) struct place p = {.fd = -1};

    CHECK(place_init(&p));
    CHECK_REFUSED(
        p, NULL, RC_NOTFOUND,
        "DATA/autarky.yaml does not exist; autarky init makes it, --data and --config say "
        "where it is");
}

static void modes(void)
{
    CLEANUP(place_done) struct place p = {.fd = -1};

    CHECK(place_init(&p));
    CHECK(put(&p, "autarky.yaml", LEAST, 0664));
    CHECK_REFUSED(p, NULL, RC_DENIED,
                  "DATA/autarky.yaml has mode 0664: others than its owner may write it; chmod go-w "
                  "DATA/autarky.yaml");
    CHECK(fchmodat(p.fd, "autarky.yaml", 0602, 0) == 0);
    CHECK_REFUSED(p, NULL, RC_DENIED,
                  "DATA/autarky.yaml has mode 0602: others than its owner may write it; chmod go-w "
                  "DATA/autarky.yaml");
    CHECK(fchmodat(p.fd, "autarky.yaml", 0600, 0) == 0);
    CHECK(mkdirat(p.fd, "conf.d", 0755) == 0 && fchmodat(p.fd, "conf.d", 0775, 0) == 0);
    CHECK_REFUSED(p, NULL, RC_DENIED,
                  "DATA/conf.d has mode 0775: others than its owner may write it; chmod go-w "
                  "DATA/conf.d");
    CHECK(fchmodat(p.fd, "conf.d", 0755, 0) == 0);
    CHECK(put(&p, "conf.d/a.yaml", "", 0666));
    CHECK_REFUSED(
        p, NULL, RC_DENIED,
        "DATA/conf.d/a.yaml has mode 0666: others than its owner may write it; chmod go-w "
        "DATA/conf.d/a.yaml");
    CHECK(unlinkat(p.fd, "conf.d/a.yaml", 0) == 0);
    CHECK(fchmod(p.fd, 0777) == 0);
    CHECK_REFUSED(p, NULL, RC_DENIED,
                  "DATA has mode 0777: others than its owner may write it; chmod go-w DATA");
}

static void owners(void)
{
    CLEANUP(place_done) struct place p = {.fd = -1};

    if (geteuid() != 0)
        skip(); /* only root gives files away */
    CHECK(place_init(&p));
    CHECK(put(&p, "autarky.yaml", LEAST, 0644));
    CHECK(fchownat(p.fd, "autarky.yaml", 65534, (gid_t)-1, 0) == 0);
    CHECK_REFUSED(p, NULL, RC_DENIED,
                  "DATA/autarky.yaml belongs to user 65534, who could so change what this program "
                  "does; chown 0 DATA/autarky.yaml");
}

static void not_a_file(void)
{
    CLEANUP(place_done) struct place p = {.fd = -1};

    CHECK(place_init(&p));
    CHECK(mkdirat(p.fd, "autarky.yaml", 0755) == 0);
    CHECK_REFUSED(p, NULL, RC_DENIED, "DATA/autarky.yaml is no regular file");
    CHECK(unlinkat(p.fd, "autarky.yaml", AT_REMOVEDIR) == 0);
    CHECK(symlinkat("/etc/passwd", p.fd, "autarky.yaml") == 0);
    CHECK_REFUSED(p, NULL, RC_DENIED,
                  "DATA/autarky.yaml is a symbolic link; put the file itself there");
    CHECK(unlinkat(p.fd, "autarky.yaml", 0) == 0);
    CHECK(mkfifoat(p.fd, "autarky.yaml", 0600) == 0);
    CHECK_REFUSED(p, NULL, RC_DENIED, "DATA/autarky.yaml is no regular file");
    CHECK(unlinkat(p.fd, "autarky.yaml", 0) == 0);
    CHECK(put(&p, "autarky.yaml", LEAST, 0644));
    CHECK(put(&p, "conf.d", "", 0644));
    CHECK_REFUSED(p, NULL, RC_DENIED, "DATA/conf.d is no directory");
}

static void a_name_that_would_be_missed(void)
{
    CLEANUP(place_done) struct place p = {.fd = -1};

    CHECK(place_init(&p));
    CHECK(put(&p, "autarky.yaml", LEAST, 0644));
    CHECK(mkdirat(p.fd, "conf.d", 0755) == 0);
    CHECK(put(&p, "conf.d/a.yml", "", 0644));
    CHECK_REFUSED(p, NULL, RC_INVAL,
                  "DATA/conf.d/a.yml would not be read, for its name does not end in .yaml; rename "
                  "it");
}

/* The roots of backends are public; who puts a file with more than them there shall hear of it. */
static void a_private_key(void)
{
    CLEANUP(place_done) struct place p = {.fd = -1};

    CHECK(place_init(&p));
    CHECK(put(&p, "autarky.yaml", LEAST, 0644));
    CHECK(mkdirat(p.fd, "conf.d", 0755) == 0);
    CHECK(put(&p, "conf.d/roots.pem",
              "-----BEGIN CERTIFICATE-----\n-----BEGIN EC PRIVATE KEY-----\n", 0600));
    CHECK_REFUSED(p, NULL, RC_INVAL,
                  "DATA/conf.d/roots.pem holds a private key, and what is in conf.d is told to "
                  "several processes; keep the key elsewhere, certificates alone belong here");
}

static void too_many(void)
{
    CLEANUP(place_done) struct place p = {.fd = -1};

    CHECK(place_init(&p));
    CHECK(put(&p, "autarky.yaml", LEAST, 0644));
    CHECK(mkdirat(p.fd, "conf.d", 0755) == 0);
    for (int i = 0; i < CONF_FILES_MAX; i++) {
        char name[32];

        snprintf(name, sizeof(name), "conf.d/%03d.yaml", i);
        CHECK(put(&p, name, "", 0644));
    }
    CHECK_REFUSED(p, NULL, RC_TOOBIG,
                  "there are more than 64 configuration files, DATA/conf.d/063.yaml among them");
}

static void too_large(void)
{
    CLEANUP(place_done) struct place p = {.fd = -1};

    CHECK(place_init(&p));
    CHECK(put(&p, "autarky.yaml", LEAST, 0644));
    CHECK(mkdirat(p.fd, "conf.d", 0755) == 0);
    for (int c = 'a'; c <= 'b'; c++) {
        char name[] = {'c', 'o', 'n', 'f', '.', 'd', '/', (char)c, '.', 'y', 'a', 'm', 'l', 0};
        CLEANUP(fd_closep) int fd = -1;

        CHECK(put(&p, name, "", 0644));
        fd = openat(p.fd, name, O_WRONLY | O_CLOEXEC);
        CHECK(fd >= 0 && ftruncate(fd, CONF_FILE_BYTES_MAX) == 0);
    }
    CHECK_REFUSED(p, NULL, RC_TOOBIG,
                  "with DATA/conf.d/b.yaml the configuration files have more than 8388608 bytes "
                  "together");
    CHECK(put(&p, "conf.d/0.yaml", "", 0644));
    {
        CLEANUP(fd_closep) int fd = openat(p.fd, "conf.d/0.yaml", O_WRONLY | O_CLOEXEC);

        CHECK(fd >= 0 && ftruncate(fd, CONF_FILE_BYTES_MAX + 1) == 0);
    }
    CHECK_REFUSED(p, NULL, RC_TOOBIG,
                  "DATA/conf.d/0.yaml is larger than 4194304 bytes, the most that a configuration "
                  "file has");
}

CHECK_MAIN(CHECK_TEST(reads_in_order), CHECK_TEST(another_file), CHECK_TEST(none),
           CHECK_TEST(modes), CHECK_TEST(owners), CHECK_TEST(not_a_file),
           CHECK_TEST(a_name_that_would_be_missed), CHECK_TEST(a_private_key),
           CHECK_TEST_ONCE(too_many), CHECK_TEST(too_large))
