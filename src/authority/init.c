/* SPDX-License-Identifier: Apache-2.0 */
/* `autarky init`: everything is checked first, then made, and autarky.yaml is written last. What a
 * run that fails has made it removes again; what a run that is killed has made the next one removes
 * (init_int.h). */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "authority/init_int.h"
#include "base/file.h"
#include "base/name.h"
#include "base/text.h"
#include "ca/passphrase.h"
#include "ceremony/make.h"
#include "cmd/cmd.h"
#include "conf/conf.h"
#include "conf/load.h"
#include "conf/suffix.h"
#include "conf/text.h"
#include "crypto/crypto.h"
#include "ev/clock.h"
#include "json/out.h"
#include "sandbox/users.h"
#include "store/store.h"

enum { CONFIG_MAX = 64 * 1024 };

MSG(msg_database, "cmd.init-database",
    "the database in {0}/db could not be filled ({1}); is there room on that disk?");

struct init {
    const struct cmd_args *args;
    struct conf_template template;
    char domain[NAME_MAX_BYTES + 1];
    struct buf config;
    const struct conf *conf;
    struct init_dir dir;
    bool root;
    struct secret *root_passphrase;
    struct secret *passphrase;
    bool made_root_passphrase;
    const char *offline; /* where the certificates of roots are that are kept elsewhere; or NULL */
    bool made_passphrase;
    unsigned kinds; /* of ceremony_kinds */
    bool special, staging;
    char host[NAME_MAX_BYTES + 1];
    struct ceremony_made made;
    char root_fingerprint[2 * CRYPTO_SHA256_BYTES + 1];
    struct file_owner core, front;
};

static void init_done(struct init *i)
{
    buf_done(&i->config);
    conf_unref(i->conf);
    init_dir_done(&i->dir);
    secret_free(i->root_passphrase);
    secret_free(i->passphrase);
    ceremony_made_done(&i->made);
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
                   : cmd_usagef("%s is too long", cmd_option_rows()[o].name);
    if (isatty(STDIN_FILENO))
        return ask_line(what, line, cap);
    return cmd_usagef(
        "%s is missing; for example: autarky init --data DIR --organization \"Example Hospital\" "
        "--domain hospital.example",
        cmd_option_rows()[o].name);
}

static int check_algorithms(struct init *i)
{
    struct err err = ERR_INIT;
    char text[512];

    i->special = value(i, CMD_OPT_SPECIAL) != NULL;
    i->staging = value(i, CMD_OPT_STAGING) != NULL;
    i->kinds = (1u << CEREMONY_KINDS) - 1;
    if (value(i, CMD_OPT_ALGORITHMS) &&
        ceremony_kinds_parse(str_of(value(i, CMD_OPT_ALGORITHMS)), &i->kinds, &err) != RC_OK)
        return cmd_usagef("--algorithms: %s", err_textz(&err, text, sizeof(text)));
    return CMD_DONE;
}

/* What this host is called by those beside it, when it is called so: for names.single. */
static void find_host(struct init *i)
{
    char name[NAME_MAX_BYTES + 1] = "", canonical[NAME_MAX_BYTES + 1];
    struct str label, rest;

    if (gethostname(name, sizeof(name) - 1) != 0)
        return;
    str_cut(str_of(name), '.', &label, &rest);
    if (name_canonical(label, false, canonical) == RC_OK && strlen(canonical) > 2 &&
        !conf_public_suffix(str_of(canonical)) && strcmp(canonical, "localhost") != 0)
        IGNORE_RC(str_copyz(str_of(canonical), i->host, sizeof(i->host)));
}

static int choose_passphrase(struct init *i)
{
    const char *file = value(i, CMD_OPT_PASSPHRASE_FILE);
    const char *credential = value(i, CMD_OPT_PASSPHRASE_CREDENTIAL);
    const char *prompt = value(i, CMD_OPT_PASSPHRASE_PROMPT);
    const char *credentials = getenv("CREDENTIALS_DIRECTORY");

    if (!!file + !!credential + !!prompt > 1)
        return cmd_usagef("--passphrase-file, --passphrase-credential and --passphrase-prompt: the "
                          "passphrase comes from one place; give one of them");
    if (file && file[0] != '/')
        return cmd_usagef("--passphrase-file is \"%s\"; give the whole path (\"/...\"): it is read "
                          "at every start",
                          file);
    if (credential && !(credentials && credentials[0]))
        return cmd_failf("--passphrase-credential: the passphrase is read now, too, but "
                         "$CREDENTIALS_DIRECTORY is not set; run init by systemd-run with "
                         "LoadCredential=%s:FILE, or set the variable to a directory that holds "
                         "the file %s",
                         credential, credential);
    i->template.passphrase_from = CONF_PASSPHRASE_FILE;
    i->template.passphrase = str_of(file ? file : credential);
    if (credential)
        i->template.passphrase_from = CONF_PASSPHRASE_CREDENTIAL;
    if (prompt)
        i->template.passphrase_from = CONF_PASSPHRASE_PROMPT;
    i->offline = value(i, CMD_OPT_OFFLINE_ROOT);
    i->made_root_passphrase = !value(i, CMD_OPT_ROOT_PASSPHRASE_FILE) && !i->offline;
    i->made_passphrase = !file && !credential && !prompt;
    return CMD_DONE;
}

/* What is wrong with the configuration is wrong with the option that it was made from. */
static int show_problems(const struct conf_report *report)
{
    static const struct {
        const char *key;
        enum cmd_option option;
    } from[] = {
        {"organization", CMD_OPT_ORGANIZATION},
        {"country", CMD_OPT_COUNTRY},
        {"domain", CMD_OPT_DOMAIN},
        {"ca.passphrase.name", CMD_OPT_PASSPHRASE_CREDENTIAL},
        {"ca.passphrase.file", CMD_OPT_PASSPHRASE_FILE},
    };

    for (const struct conf_problem *p = report->first; p; p = p->next) {
        struct str name = p->key;
        char text[1024];

        for (size_t k = 0; k < sizeof(from) / sizeof(from[0]); k++)
            if (str_eq(p->key, str_of(from[k].key)))
                name = str_of(cmd_option_rows()[from[k].option].name);
        cmd_usagef("%.*s: %s", STR_ARG(name), err_textz(&p->err, text, sizeof(text)));
    }
    return CMD_USAGE;
}

/* The configuration that will be written, read back by the same code that will read it at every
 * start. */
static int make_config(struct init *i)
{
    struct conf_input in;
    struct conf_report report;
    int status = CMD_DONE;
    enum rc rc;

    conf_template_put(&i->template, &i->config);
    conf_input_init(&in);
    conf_report_init(&report);
    in.unprivileged = !i->root;
    rc = buf_rc(&i->config);
    if (rc == RC_OK)
        rc = conf_input_add(&in, STR("autarky.yaml"), buf_str(&i->config));
    if (rc == RC_OK)
        rc = conf_load(&in, &i->conf, &report);
    if (rc == RC_INVAL)
        status = show_problems(&report);
    else if (rc != RC_OK)
        status = cmd_failf("the configuration cannot be made: %s", rc_text(rc));
    conf_report_done(&report);
    conf_input_done(&in);
    return status;
}

static int check_options(struct init *i, char organization[static 512], char domain[static 512])
{
    int status = want(i, CMD_OPT_ORGANIZATION, "Name of the organisation", organization, 512);
    enum rc rc;

    if (status == CMD_DONE)
        status = want(i, CMD_OPT_DOMAIN, "Its domain (hospital.example)", domain, 512);
    if (status != CMD_DONE)
        return status;
    if (!str_utf8(str_of(organization)))
        return cmd_usagef("--organization: is not UTF-8; check the locale of this terminal");
    rc = name_canonical(str_of(domain), false, i->domain);
    if (rc != RC_OK)
        return cmd_usagef("--domain: \"%s\" is not a domain name: %s", domain,
                          rc == RC_UNSUPPORTED
                              ? "write international names as A-labels (xn--...)"
                              : "labels of letters, digits and hyphens, divided by dots");
    i->template.organization = str_of(organization);
    i->template.country = str_of(value(i, CMD_OPT_COUNTRY));
    i->template.domain = str_of(i->domain);
    i->template.unprivileged = !i->root;
    find_host(i);
    i->template.host = str_of(i->host);
    status = check_algorithms(i);
    if (status == CMD_DONE)
        status = choose_passphrase(i);
    return status == CMD_DONE ? make_config(i) : status;
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

/* ---- passphrases */

static enum rc write_secret(int data, const char *path, struct secret *s, struct err *err)
{
    CLEANUP(buf_wipe) struct buf line = BUF_INIT(CA_PASSPHRASE_MAX + 1);

    buf_put(&line, secret_bytes(s), secret_len(s));
    buf_u8(&line, '\n');
    TRY(buf_rc(&line));
    return file_create(data, path, buf_str(&line), 0600, FILE_OWNER_SELF, err);
}

/* Before anything is made: a passphrase that cannot be had leaves nothing behind. */
static enum rc get_passphrases(struct init *i, struct err *err)
{
    const char *root_file = value(i, CMD_OPT_ROOT_PASSPHRASE_FILE);

    if (root_file)
        TRY(ca_passphrase_file(AT_FDCWD, root_file, &i->root_passphrase, err));
    else if (!i->offline)
        TRY(ca_passphrase_make(&i->root_passphrase));
    if (i->made_passphrase)
        return ca_passphrase_make(&i->passphrase);
    if (i->template.passphrase_from == CONF_PASSPHRASE_PROMPT)
        return ca_passphrase_ask("the keys of the certificate authority", true, &i->passphrase,
                                 err);
    return ca_passphrase_read(i->conf, AT_FDCWD, &i->passphrase, err);
}

/* ---- making it */

static void show_step(void *arg, const char *what)
{
    (void)arg;
    fprintf(stderr, "  %s\n", what);
}

static struct ceremony ceremony_of(const struct init *i)
{
    return (struct ceremony){
        .data = i->dir.fd,
        .conf = i->conf,
        .now = clock_now(clock_system()),
        .root_passphrase = i->root_passphrase,
        .passphrase = i->passphrase,
        .step = show_step,
    };
}

static enum rc fingerprint(struct init *i)
{
    CLEANUP(buf_done) struct buf hex = BUF_INIT(2 * CRYPTO_SHA256_BYTES);
    unsigned char digest[CRYPTO_SHA256_BYTES];

    TRY(x509_cert_fingerprint(&i->made.certs[0], digest));
    text_hex(&hex, str_bytes(digest, sizeof(digest)));
    TRY(buf_rc(&hex));
    return str_copyz(buf_str(&hex), i->root_fingerprint, sizeof(i->root_fingerprint));
}

static enum rc make_hierarchy(struct init *i, struct err *err)
{
    struct ceremony c = ceremony_of(i);

    if (i->offline)
        TRY(init_offline(i->offline, i->conf, c.now, &i->made, err));
    else
        TRY(ceremony_make_hierarchy(&c, i->kinds, CA_INTRANET, &i->made, err));
    if (i->special && !i->offline)
        TRY(ceremony_make_hierarchy(&c, i->kinds, CA_SPECIAL, &i->made, err));
    if (i->staging && !i->offline)
        TRY(ceremony_make_hierarchy(&c, i->kinds, CA_STAGING, &i->made, err));
    TRY(ceremony_write(&c, &i->made, err));
    TRY(ceremony_publish(&c, &i->made, err));
    TRY(ceremony_rules_write(i->dir.fd, i->conf, i->special, err));
    if (i->made_root_passphrase)
        TRY(write_secret(i->dir.fd, "root/passphrase", i->root_passphrase, err));
    if (i->made_passphrase)
        TRY(write_secret(i->dir.fd, "ca.passphrase", i->passphrase, err));
    return fingerprint(i);
}

/* Only once SQLite is done with it: as root it must not work in a directory where core's user could
 * put files of its own. */
static enum rc give_to_core(const struct init *i, struct err *err)
{
    if (!i->root)
        return RC_OK;
    if (fchownat(i->dir.fd, "db/store.db", i->core.uid, i->core.gid, AT_SYMLINK_NOFOLLOW) != 0 ||
        fchownat(i->dir.fd, "db", i->core.uid, i->core.gid, AT_SYMLINK_NOFOLLOW) != 0)
        return ERR(err, RC_IO, msg_database, str_of(cmd_data(i->args)), str_of(strerror(errno)));
    return RC_OK;
}

static enum rc make_database(struct init *i, struct err *err)
{
    CLEANUP(store_closep) struct store *store = NULL;
    CLEANUP(buf_done) struct buf dir = BUF_INIT(4096);
    struct store_options options = {
        .now = clock_now(clock_system()),
        .create = true,
    };
    struct ceremony c = ceremony_of(i);
    struct init_register r = {.change = ceremony_change(&c, &i->made, "init")};
    enum rc rc;

    TRY(init_lists(&c, &i->made, &r, err));
    TRY(file_mkdir(i->dir.fd, "db", 0700, FILE_OWNER_SELF, err));
    buf_printf(&dir, "%s/db", cmd_data(i->args));
    TRY(buf_rc(&dir));
    options.dir = buf_z(&dir);
    TRY(store_open(&options, &store, err));
    rc = store_write_now(store, init_register_fn, &r);
    if (rc != RC_OK && r.err.msg) {
        *err = r.err;
        return rc;
    }
    if (rc != RC_OK)
        return ERR(err, rc, msg_database, str_of(cmd_data(i->args)), str_of(rc_text(rc)));
    store_close(MOVE(store));
    return give_to_core(i, err);
}

static enum rc make_all(struct init *i, struct err *err)
{
    fprintf(stderr, "Making the certificate authority of %.*s:\n", STR_ARG(i->conf->organization));
    TRY(make_hierarchy(i, err));
    TRY(make_database(i, err));
    TRY(file_mkdir(i->dir.fd, "front", 0700, i->front, err));
    TRY(file_create(i->dir.fd, "autarky.yaml", buf_str(&i->config), 0644, FILE_OWNER_SELF, err));
    return init_dir_finish(&i->dir, err);
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
    if (i->offline)
        return;
    if (i->made_root_passphrase)
        printf("Root key and its passphrase: %s/root; move both off this machine, to two places. "
               "The server does not need them, replacing an issuer does\n",
               data);
    else
        printf("Root key: %s/root; move it off this machine. The server does not need it, "
               "replacing an issuer does\n",
               data);
}

static void say_json(const struct init *i)
{
    const char *data = cmd_data(i->args);
    bool dry = i->args->values[CMD_OPT_DRY_RUN] != NULL;
    CLEANUP(buf_done) struct buf root = BUF_INIT(8192);
    CLEANUP(buf_done) struct buf text = BUF_INIT(4 * CONFIG_MAX);
    struct json_out o;

    buf_printf(&root, "%s/trust/roots.pem", data);
    json_out_init(&o, &text, JSON_PRETTY);
    json_obj(&o);
    json_kv_bool(&o, "dry_run", dry);
    json_kv_z(&o, "data", data);
    json_kv_str(&o, "root", buf_str(&root));
    json_kv_z(&o, "root_sha256", dry ? NULL : i->root_fingerprint);
    json_kv_bool(&o, "made_passphrase", i->made_passphrase);
    json_kv_bool(&o, "made_root_passphrase", i->made_root_passphrase);
    json_kv_str(&o, "configuration", buf_str(&i->config));
    json_end(&o);
    if (json_out_done(&o) == RC_OK)
        cmd_print(buf_str(&text));
}

static void say_result(const struct init *i)
{
    const char *data = cmd_data(i->args);

    if (cmd_json(i->args)) {
        say_json(i);
        return;
    }
    printf("Trust root: %s/trust/roots.pem\n  SHA-256 %s\n", data, i->root_fingerprint);
    say_passphrase(i, data);
    printf("Configuration: %s/autarky.yaml\n", data);
    if (!i->root)
        printf("Made by an ordinary user: the processes of the server will all run as that user, "
               "not each as one of its own,\nand HTTP is on port 8080. Run init and serve as root "
               "where keys are to be kept apart\n");
    printf("Now: autarky serve --data %s\n", data);
    if (i->offline)
        printf("and beside it: autarky issuer create --csr --data %s --media DIR\n", data);
}

static void print_kinds(unsigned kinds)
{
    printf("roots and issuers (");
    for (size_t k = 0; k < CEREMONY_KINDS; k++)
        if (kinds & 1u << k)
            printf("%s%s", kinds & ((1u << k) - 1) ? ", " : "", ceremony_kinds[k].label);
    printf(")");
}

static int dry_run(const struct init *i)
{
    if (cmd_json(i->args)) {
        say_json(i);
        return CMD_DONE;
    }
    printf("Would make in %s: ", cmd_data(i->args));
    if (i->offline)
        printf("no key, for the roots are those of %s,", i->offline);
    else
        print_kinds(i->kinds);
    printf(" for %.*s, names at and below %s%s%s;\na database;%s and this autarky.yaml:\n\n",
           STR_ARG(i->conf->organization), i->domain,
           i->special && !i->offline ? ", and the same again for names of others" : "",
           i->staging && !i->offline ? ", and the same again to try things out" : "",
           i->root ? " the system users autarky-*, where they are missing;" : "");
    cmd_print(buf_str(&i->config));
    return CMD_DONE;
}

/* From here on something is made. */
static int make(struct init *i, struct err *err)
{
    int status = init_dir_open(&i->dir, cmd_data(i->args), i->made_passphrase);

    if (status == CMD_DONE)
        status = make_users(i);
    if (status != CMD_DONE)
        return status;
    err->rc = make_all(i, err);
    if (err->rc == RC_OK)
        return CMD_DONE;
    init_dir_undo(&i->dir);
    return cmd_fail(err);
}

int cmd_init(const struct cmd_args *args)
{
    CLEANUP(init_done)
    struct init i = {.args = args, .dir = {.fd = -1, .mark = -1}, .root = geteuid() == 0};
    struct err err = ERR_INIT;
    char organization[512], domain[512];
    int status;

    umask(022);
    signal(SIGPIPE, SIG_IGN); /* whoever read the progress may go; the work is finished */
    buf_init(&i.config, CONFIG_MAX);
    ceremony_made_init(&i.made);
    if (crypto_init() != RC_OK)
        return cmd_failf("OpenSSL cannot be set up; `autarky version` shows which one is used");
    status = check_options(&i, organization, domain);
    if (status == CMD_DONE)
        status = init_dir_check(cmd_data(args));
    if (status != CMD_DONE || args->values[CMD_OPT_DRY_RUN])
        return status == CMD_DONE ? dry_run(&i) : status;
    err.rc = get_passphrases(&i, &err);
    if (err.rc != RC_OK)
        return cmd_fail(&err);
    status = make(&i, &err);
    if (status == CMD_DONE)
        say_result(&i);
    return status;
}
