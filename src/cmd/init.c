/* SPDX-License-Identifier: Apache-2.0 */
/* `autarky init`: everything is checked first, then made, and autarky.yaml is written last: a data
 * directory without it is one that init did not finish, and what this run made is then removed
 * again. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/name.h"
#include "ca/hierarchy.h"
#include "ca/passphrase.h"
#include "cmd/cmd.h"
#include "conf/conf.h"
#include "conf/load.h"
#include "conf/text.h"
#include "crypto/crypto.h"
#include "ev/clock.h"
#include "sandbox/users.h"
#include "store/store.h"
#include "json/out.h"

enum { CONFIG_MAX = 64 * 1024, SUBDIRS = 5 };

static const char *const subdirs[SUBDIRS] = {"ca", "root", "trust", "db", "front"};

struct init {
    const struct cmd_args *args;
    struct conf_template template;
    char domain[NAME_MAX_BYTES + 1];
    struct buf config;
    const struct conf *conf;
    int data;
    bool root;
    struct secret *root_passphrase;
    struct secret *passphrase;
    bool made_root_passphrase;
    bool made_passphrase;
    struct ca_hierarchy hierarchy;
    struct file_owner core, front;
};

static void init_done(struct init *i)
{
    buf_done(&i->config);
    conf_unref(i->conf);
    fd_close(&i->data);
    secret_free(i->root_passphrase);
    secret_free(i->passphrase);
    ca_hierarchy_done(&i->hierarchy);
}

static const char *value(const struct init *i, enum cmd_option o)
{
    return i->args->values[o];
}

/* ---- checks */

static int ask_line(const char *what, char *line, size_t cap)
{
    fprintf(stderr, "%s: ", what);
    if (!fgets(line, (int)cap, stdin))
        return cmd_failf("nothing was typed");
    line[strcspn(line, "\n")] = '\0';
    return CMD_DONE;
}

/* A required text: given, or asked for when a person is there. */
static int want(const struct init *i, enum cmd_option o, const char *what, char *line, size_t cap)
{
    const char *given = value(i, o);

    if (given)
        return str_copyz(str_of(given), line, cap) == RC_OK
                   ? CMD_DONE
                   : cmd_failf("%s is too long", cmd_option_rows()[o].name);
    if (isatty(STDIN_FILENO))
        return ask_line(what, line, cap);
    cmd_failf(
        "%s is missing; for example: autarky init --data DIR --organization \"Example Hospital\" "
        "--domain hospital.example",
        cmd_option_rows()[o].name);
    return CMD_USAGE;
}

static int check_algorithms(const struct init *i)
{
    struct str list = str_of(value(i, CMD_OPT_ALGORITHMS));
    struct str one;
    bool rsa = false;
    bool ecdsa = false;

    if (!value(i, CMD_OPT_ALGORITHMS))
        return CMD_DONE;
    while (str_next(&list, ',', &one)) {
        rsa |= str_eq(one, STR("rsa"));
        ecdsa |= str_eq(one, STR("ecdsa"));
        if (!str_eq(one, STR("rsa")) && !str_eq(one, STR("ecdsa")))
            return cmd_failf(
                "--algorithms: \"%.*s\" is not one of this version; it makes rsa,ecdsa",
                STR_ARG(one));
    }
    if (rsa && ecdsa)
        return CMD_DONE;
    return cmd_failf(
        "--algorithms: this version makes rsa,ecdsa together: the RSA root signs both issuers");
}

static int choose_passphrase(struct init *i)
{
    int given = 0;

    i->template.passphrase_from = CONF_PASSPHRASE_FILE;
    if (value(i, CMD_OPT_PASSPHRASE_FILE)) {
        given++;
        i->template.passphrase = str_of(value(i, CMD_OPT_PASSPHRASE_FILE));
        if (i->template.passphrase.p[0] != '/')
            return cmd_failf("--passphrase-file: give the path from the root (\"/...\"); it is "
                             "read at every start");
    }
    if (value(i, CMD_OPT_PASSPHRASE_CREDENTIAL)) {
        given++;
        i->template.passphrase_from = CONF_PASSPHRASE_CREDENTIAL;
        i->template.passphrase = str_of(value(i, CMD_OPT_PASSPHRASE_CREDENTIAL));
    }
    if (value(i, CMD_OPT_PASSPHRASE_PROMPT)) {
        given++;
        i->template.passphrase_from = CONF_PASSPHRASE_PROMPT;
    }
    return given <= 1 ? CMD_DONE : cmd_failf("the passphrase can come from one place only");
}

/* The configuration that will be written, read back by the same code that will read it at every
 * start. */
static int make_config(struct init *i)
{
    struct conf_input in;
    struct conf_report report;
    CLEANUP(buf_done) struct buf text = BUF_INIT(CONFIG_MAX);
    enum rc rc;

    buf_init(&i->config, CONFIG_MAX);
    conf_template_put(&i->template, &i->config);
    conf_input_init(&in);
    conf_report_init(&report);
    in.unprivileged = !i->root;
    rc = conf_input_add(&in, STR("(options of init)"), buf_str(&i->config));
    if (rc == RC_OK)
        rc = conf_load(&in, &i->conf, &report);
    if (rc == RC_INVAL) {
        conf_report_text(&report, &text);
        fputs(buf_z(&text), stderr);
    } else if (rc != RC_OK) {
        cmd_failf("the configuration cannot be made: %s", rc_text(rc));
    }
    conf_report_done(&report);
    conf_input_done(&in);
    return rc == RC_OK ? CMD_DONE : CMD_FAILED;
}

static int check_options(struct init *i, char organization[static 512], char domain[static 512])
{
    int status = want(i, CMD_OPT_ORGANIZATION, "Name of the organisation", organization, 512);
    enum rc rc;

    if (status == CMD_DONE)
        status = want(i, CMD_OPT_DOMAIN, "Its domain (hospital.example)", domain, 512);
    if (status != CMD_DONE)
        return status;
    rc = name_canonical(str_of(domain), false, i->domain);
    if (rc != RC_OK)
        return cmd_failf("--domain: \"%s\" is not a domain name: %s", domain,
                         rc == RC_UNSUPPORTED
                             ? "write international names as A-labels (xn--...)"
                             : "labels of letters, digits and hyphens, divided by dots");
    i->template.organization = str_of(organization);
    i->template.country = str_of(value(i, CMD_OPT_COUNTRY));
    i->template.domain = str_of(i->domain);
    i->template.unprivileged = !i->root;
    status = check_algorithms(i);
    if (status == CMD_DONE)
        status = choose_passphrase(i);
    return status == CMD_DONE ? make_config(i) : status;
}

/* ---- the directory */

static int refuse_existing(const char *path, const char *what)
{
    return cmd_failf(
        "%s/%s exists; init overwrites nothing. `autarky status --data %s` shows what is there, "
        "another --data makes another authority",
        path, what, path);
}

static int open_directory(struct init *i)
{
    const char *path = cmd_data(i->args);
    struct stat st;

    if (mkdir(path, 0755) != 0 && errno != EEXIST)
        return cmd_failf(
            "data directory %s: %s; make its parent directory first, or choose another by --data",
            path, strerror(errno));
    i->data = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (i->data < 0 || fstat(i->data, &st) != 0)
        return cmd_failf("data directory %s: %s", path, strerror(errno));
    if ((st.st_uid != geteuid() && st.st_uid != 0) || st.st_mode & (S_IWGRP | S_IWOTH))
        return cmd_failf(
            "data directory %s belongs to another user or can be written by others; `chown %u %s; "
            "chmod 755 %s`",
            path, geteuid(), path, path);
    if (faccessat(i->data, "autarky.yaml", F_OK, AT_SYMLINK_NOFOLLOW) == 0)
        return refuse_existing(path, "autarky.yaml");
    for (size_t d = 0; d < SUBDIRS; d++)
        if (faccessat(i->data, subdirs[d], F_OK, AT_SYMLINK_NOFOLLOW) == 0)
            return refuse_existing(path, subdirs[d]);
    return CMD_DONE;
}

static int make_users(struct init *i)
{
    struct err err = ERR_INIT;

    i->core = FILE_OWNER_SELF;
    i->front = FILE_OWNER_SELF;
    if (!i->root)
        return CMD_DONE;
    for (size_t u = 0; u < SANDBOX_USERS; u++)
        if (sandbox_user_create(sandbox_users[u], NULL, &err) != RC_OK)
            return cmd_fail(&err);
    if (sandbox_user_find("autarky-core", &i->core.uid, &i->core.gid, &err) != RC_OK ||
        sandbox_user_find("autarky-front", &i->front.uid, &i->front.gid, &err) != RC_OK)
        return cmd_fail(&err);
    return CMD_DONE;
}

/* One level deep, which is all that init makes. */
static void remove_subdir(int data, const char *name)
{
    int fd = openat(data, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;

    if (!dir) {
        fd_close(&fd);
        return;
    }
    for (const struct dirent *e; (e = readdir(dir));)
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            unlinkat(dirfd(dir), e->d_name, 0);
    closedir(dir);
    unlinkat(data, name, AT_REMOVEDIR);
}

static void undo(const struct init *i)
{
    for (size_t d = 0; d < SUBDIRS; d++)
        remove_subdir(i->data, subdirs[d]);
    if (i->made_passphrase)
        unlinkat(i->data, "ca.passphrase", 0);
}

/* ---- passphrases */

static enum rc write_secret(int data, const char *path, struct secret *s, struct err *err)
{
    CLEANUP(buf_wipe) struct buf line = BUF_INIT(CA_PASSPHRASE_MAX + 1);

    buf_put(&line, secret_bytes(s), secret_len(s));
    buf_u8(&line, '\n');
    TRY(buf_rc(&line));
    return file_create(data, path, buf_str(&line), 0600, FILE_OWNER_SELF, err);
}

static enum rc get_passphrases(struct init *i, struct err *err)
{
    const char *root_file = value(i, CMD_OPT_ROOT_PASSPHRASE_FILE);
    bool prompt = i->template.passphrase_from == CONF_PASSPHRASE_PROMPT;

    i->made_root_passphrase = !root_file;
    i->made_passphrase =
        i->template.passphrase_from == CONF_PASSPHRASE_FILE && i->template.passphrase.n == 0;
    if (root_file)
        TRY(ca_passphrase_file(AT_FDCWD, root_file, &i->root_passphrase, err));
    else
        TRY(ca_passphrase_make(&i->root_passphrase));
    if (i->made_passphrase)
        return ca_passphrase_make(&i->passphrase);
    if (prompt)
        return ca_passphrase_ask("the keys of the certificate authority", true, &i->passphrase,
                                 err);
    return ca_passphrase_read(i->conf, i->data, &i->passphrase, err);
}

/* ---- making it */

static void show_step(void *arg, const char *what)
{
    (void)arg;
    fprintf(stderr, "  %s\n", what);
}

static enum rc make_hierarchy(struct init *i, struct err *err)
{
    struct ca_ceremony c = {
        .data = i->data,
        .conf = i->conf,
        .now = clock_now(clock_system()),
        .root_passphrase = i->root_passphrase,
        .passphrase = i->passphrase,
        .step = show_step,
    };

    TRY(ca_hierarchy_make(&c, &i->hierarchy, err));
    if (i->made_root_passphrase)
        TRY(write_secret(i->data, "root/passphrase", i->root_passphrase, err));
    if (i->made_passphrase)
        TRY(write_secret(i->data, "ca.passphrase", i->passphrase, err));
    return RC_OK;
}

static enum rc make_database(struct init *i, struct err *err)
{
    CLEANUP(store_closep) struct store *store = NULL;
    CLEANUP(buf_done) struct buf dir = BUF_INIT(4096);
    struct store_options options = {
        .now = clock_now(clock_system()),
        .create = true,
        .owner = &i->core,
    };

    TRY(file_mkdir(i->data, "db", 0700, i->core, err));
    buf_printf(&dir, "%s/db", cmd_data(i->args));
    TRY(buf_rc(&dir));
    options.dir = buf_z(&dir);
    TRY(store_open(&options, &store, err));
    return store_write_now(store, ca_hierarchy_register, &i->hierarchy);
}

static enum rc make_all(struct init *i, struct err *err)
{
    fprintf(stderr, "Making the certificate authority of %.*s:\n", STR_ARG(i->conf->organization));
    TRY(make_hierarchy(i, err));
    TRY(make_database(i, err));
    TRY(file_mkdir(i->data, "front", 0700, i->front, err));
    return file_create(i->data, "autarky.yaml", buf_str(&i->config), 0644, FILE_OWNER_SELF, err);
}

static void say_passphrase(const struct init *i, const char *data)
{
    switch (i->template.passphrase_from) {
    case CONF_PASSPHRASE_FILE:
        printf("Passphrase of the issuers' keys, read at every start: %s%s\n",
               i->made_passphrase ? data : i->template.passphrase.p,
               i->made_passphrase ? "/ca.passphrase" : "");
        break;
    case CONF_PASSPHRASE_CREDENTIAL:
        printf("Passphrase of the issuers' keys, read at every start: systemd credential \"%s\"\n",
               i->template.passphrase.p);
        break;
    case CONF_PASSPHRASE_PROMPT:
        printf(
            "Passphrase of the issuers' keys: asked at every start, so no start is unattended\n");
        break;
    }
    if (i->made_root_passphrase)
        printf("Root key and its passphrase: %s/root; move both off this machine, to two places. "
               "Nothing here needs them\n",
               data);
    else
        printf("Root key: %s/root; move it off this machine. Nothing here needs it\n", data);
}

static void say_json(const struct init *i, const char *data)
{
    CLEANUP(buf_done) struct buf root = BUF_INIT(8192);
    CLEANUP(buf_done) struct buf text = BUF_INIT(CONFIG_MAX);
    struct json_out o;

    buf_printf(&root, "%s/trust/roots.pem", data);
    json_out_init(&o, &text, JSON_PRETTY);
    json_obj(&o);
    json_kv_z(&o, "data", data);
    json_kv_str(&o, "root", buf_str(&root));
    json_kv_z(&o, "root_sha256", i->hierarchy.root_fingerprint);
    json_end(&o);
    if (json_out_done(&o) == RC_OK)
        cmd_print(buf_str(&text));
}

static void say_result(const struct init *i)
{
    const char *data = cmd_data(i->args);

    if (cmd_json(i->args)) {
        say_json(i, data);
        return;
    }
    printf("Trust root: %s/trust/roots.pem\n  SHA-256 %s\n", data, i->hierarchy.root_fingerprint);
    say_passphrase(i, data);
    printf("Configuration: %s/autarky.yaml\nNow: autarky serve --data %s\n", data, data);
}

static int dry_run(const struct init *i)
{
    printf("Would make in %s: an RSA root and an RSA and an ECDSA issuer for %.*s, names at and "
           "below %s;\n"
           "a database; and this autarky.yaml:\n\n",
           cmd_data(i->args), STR_ARG(i->conf->organization), i->domain);
    return cmd_print(buf_str(&i->config));
}

int cmd_init(const struct cmd_args *args)
{
    CLEANUP(init_done) struct init i = {.args = args, .data = -1, .root = geteuid() == 0};
    struct err err = ERR_INIT;
    char organization[512], domain[512];
    enum rc rc;
    int status;

    umask(022);
    buf_init(&i.config, CONFIG_MAX);
    if (crypto_init() != RC_OK)
        return cmd_failf("OpenSSL cannot be set up");
    status = check_options(&i, organization, domain);
    if (status != CMD_DONE || args->values[CMD_OPT_DRY_RUN])
        return status == CMD_DONE ? dry_run(&i) : status;
    status = open_directory(&i);
    if (status == CMD_DONE)
        status = make_users(&i);
    if (status != CMD_DONE)
        return status;
    rc = get_passphrases(&i, &err);
    if (rc == RC_OK)
        rc = make_all(&i, &err);
    if (rc == RC_OK) {
        say_result(&i);
        return CMD_DONE;
    }
    undo(&i);
    err.rc = rc;
    return cmd_fail(&err);
}
