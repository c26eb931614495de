/* SPDX-License-Identifier: Apache-2.0 */
/* `autarky root create`: on a machine without a network. */
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "authority/issuer_int.h"
#include "authority/root_int.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/name.h"
#include "ceremony/certify.h"
#include "ceremony/files.h"
#include "ceremony/show.h"
#include "conf/text.h"
#include "crypto/crypto.h"
#include "ev/clock.h"
#include "x509/name.h"

MSG(msg_there, "cmd.root-there", "{0} is there already; --next makes its successor");

enum { CONFIG_MAX = 64 * 1024 };

struct creation {
    struct root_session *s;
    struct ceremony_files files;
    struct crypto_key *first; /* signs the transcript */
    char first_ref[CA_REF_MAX + 1];
    struct buf said; /* for the transcript: what was made */
    when_t now;
};

static void creation_done(struct creation *c)
{
    ceremony_files_done(&c->files);
    crypto_key_unref(c->first);
    buf_done(&c->said);
}

/* It is said and not refused: who tries it out has one machine. */
static void warn_of_network(void)
{
    struct ifaddrs *all = NULL;

    if (getifaddrs(&all) != 0)
        return;
    for (struct ifaddrs *i = all; i; i = i->ifa_next)
        if ((i->ifa_flags & IFF_UP) && !(i->ifa_flags & IFF_LOOPBACK) && i->ifa_addr &&
            (i->ifa_addr->sa_family == AF_INET || i->ifa_addr->sa_family == AF_INET6)) {
            fprintf(stderr,
                    "autarky: warning: this machine has a network (%s is up); the key of a root "
                    "belongs on one without\n",
                    i->ifa_name);
            break;
        }
    freeifaddrs(all);
}

/* ---- the directory */

static void put_pkcs11(const struct cmd_args *args, struct buf *out)
{
    if (!args->values[CMD_OPT_PKCS11_MODULE])
        return;
    buf_printf(out, "  pkcs11:\n    module: \"%s\"\n", args->values[CMD_OPT_PKCS11_MODULE]);
    if (args->values[CMD_OPT_PIN_FILE])
        buf_printf(out, "    pin: {from: file, file: \"%s\"}\n", args->values[CMD_OPT_PIN_FILE]);
    else
        buf_putz(out, "    pin: {from: prompt}\n");
}

/* The same names as the server has: they go into the certificates. */
static int write_config(const struct cmd_args *args, int data)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(CONFIG_MAX);
    const char *organization = args->values[CMD_OPT_ORGANIZATION];
    const char *domain = args->values[CMD_OPT_DOMAIN];
    char canonical[NAME_MAX_BYTES + 1];
    struct err err = ERR_INIT;

    if (faccessat(data, "autarky.yaml", F_OK, 0) == 0)
        return CMD_DONE;
    if (!organization || !domain)
        return cmd_usagef("--organization and --domain are missing: they are to be those of the "
                          "server, for example --organization \"Example Hospital\" --domain "
                          "hospital.example");
    if (strpbrk(organization, "\"\\\n") ||
        name_canonical(str_of(domain), false, canonical) != RC_OK)
        return cmd_usagef("--organization or --domain cannot be written into certificates");
    buf_printf(&text,
               "# The machine of the root keys. Nothing is served here.\n"
               "organization: \"%s\"\ndomain: %s\n",
               organization, canonical);
    if (args->values[CMD_OPT_COUNTRY])
        buf_printf(&text, "country: %s\n", args->values[CMD_OPT_COUNTRY]);
    buf_printf(&text, "policy:\n  - {name: all, allow: [%s]}\nca:\n  passphrase: {from: prompt}\n",
               canonical);
    put_pkcs11(args, &text);
    err.rc = file_create(data, "autarky.yaml", buf_str(&text), 0644, FILE_OWNER_SELF, &err);
    return err.rc == RC_OK ? CMD_DONE : cmd_fail(&err);
}

static bool has_server(const struct cmd_args *args)
{
    CLEANUP(buf_done) struct buf path = BUF_INIT(4096);

    buf_printf(&path, "%s/db", cmd_data(args));
    return buf_rc(&path) == RC_OK && access(buf_z(&path), F_OK) == 0;
}

static int make_directory(const struct cmd_args *args)
{
    CLEANUP(fd_closep) int data = -1;
    const char *path = cmd_data(args);
    struct err err = ERR_INIT;

    umask(022);
    if (mkdir(path, 0700) != 0 && errno != EEXIST)
        return cmd_failf("%s cannot be made: %s", path, strerror(errno));
    data = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (data < 0)
        return cmd_failf("%s cannot be opened: %s", path, strerror(errno));
    err.rc = file_mkdir(data, "root", 0700, FILE_OWNER_SELF, &err);
    return err.rc == RC_OK ? write_config(args, data) : cmd_fail(&err);
}

/* ---- making */

static enum rc make_root(struct creation *c, const struct ca_ref *ref, struct err *err)
{
    CLEANUP(crypto_key_unrefp) struct crypto_key *key = NULL;
    struct root_session *s = c->s;
    struct root_entry *entry = &s->roots[s->n];
    struct ceremony_plan plan = {.ref = *ref, .conf = s->conf, .now = c->now};
    struct buf *pem;

    if (s->n == ROOTS_MAX)
        return RC_TOOBIG;
    *entry = (struct root_entry){.parts = *ref};
    ca_ref_text(ref, entry->ref);
    fprintf(stderr, "  %s\n", entry->ref);
    TRY(root_key_make(s, ref, &c->files, &key, err));
    TRY(ceremony_certify_root(&plan, key, &s->arena, &entry->cert, err));
    pem = ceremony_files_add(&c->files, "trust", entry->ref, ".pem", 0644);
    x509_cert_put_pem(entry->cert.der, pem);
    buf_printf(&c->said, "%s%s, %s\n", entry->ref,
               key && crypto_key_in_token(key) ? " (token)" : "", crypto_key_text(key));
    TRY(ceremony_show(&entry->cert, &c->said));
    buf_putz(&c->said, "  certificate ");
    TRY(ceremony_digest_put(entry->cert.der, &c->said));
    buf_putz(&c->said, "\n");
    if (!c->first) {
        c->first = crypto_key_ref(key);
        memcpy(c->first_ref, entry->ref, sizeof(c->first_ref));
    }
    s->n++;
    return RC_OK;
}

/* Of each kind that was asked for, the first, or with --next the one behind the last. */
static enum rc plan_one(const struct creation *c, const struct ceremony_kind *kind,
                        struct ca_ref *out, struct err *err)
{
    const struct cmd_args *args = c->s->args;

    *out = (struct ca_ref){str_of(kind->root), 1, true, cmd_hierarchy(args)};
    for (size_t i = 0; i < c->s->n; i++) {
        const struct root_entry *r = &c->s->roots[i];

        if (!str_eq(r->parts.algorithm, out->algorithm) || r->parts.hierarchy != out->hierarchy)
            continue;
        if (!args->values[CMD_OPT_NEXT])
            return ERR(err, RC_EXISTS, msg_there, str_of(r->ref));
        if (r->parts.number >= out->number)
            out->number = r->parts.number + 1;
    }
    return RC_OK;
}

static enum rc plan(const struct creation *c, unsigned kinds, struct ca_ref *refs, size_t *n,
                    struct err *err)
{
    *n = 0;
    for (size_t i = 0; i < CEREMONY_KINDS; i++) {
        bool twice = false;

        if (!(kinds & 1u << i))
            continue;
        TRY(plan_one(c, &ceremony_kinds[i], &refs[*n], err));
        for (size_t k = 0; k < *n; k++) /* one root signs for several */
            twice |= str_eq(refs[k].algorithm, refs[*n].algorithm);
        *n += !twice;
    }
    return RC_OK;
}

static enum rc finish(struct creation *c, struct err *err)
{
    CLEANUP(ceremony_transcript_done) struct ceremony_transcript t = {};
    struct root_session *s = c->s;

    TRY(ceremony_files_write(&c->files, s->data, err));
    TRY(custody_sheets(s, err));
    TRY(root_transcript(s, &t, err));
    ceremony_transcript_put(&t, "custody", buf_str(&s->custody));
    ceremony_transcript_put(&t, "made", buf_str(&c->said));
    return ceremony_transcript_end(&t, s->data, str_of(c->first_ref), c->first, err);
}

static enum rc create(struct creation *c, unsigned kinds, struct err *err)
{
    struct ca_ref refs[CEREMONY_KINDS];
    size_t n;

    TRY(plan(c, kinds, refs, &n, err));
    if (!c->s->args->values[CMD_OPT_TOKEN])
        TRY(custody_make(c->s, err));
    else
        buf_putz(&c->s->custody, "a token and its PIN");
    for (size_t i = 0; i < n; i++)
        TRY(make_root(c, &refs[i], err));
    return finish(c, err);
}

static void say(const struct creation *c)
{
    const struct cmd_args *args = c->s->args;
    const char *data = cmd_data(args);

    printf("%.*s", STR_ARG(buf_str(&c->said)));
    if (args->values[CMD_OPT_SHARES])
        printf(
            "\nShares: %s/root/shares, a sheet for each person. Print them, give each to another "
            "one, then\n`autarky root forget --shares-only --data %s`. The passphrase itself is "
            "kept nowhere.\n",
            data, data);
    printf("\nNow: autarky root export --data %s --media DIR\n", data);
}

/* --shares is about a passphrase that is made up here; with another one they would open nothing. */
static int check_shares(const struct cmd_args *args)
{
    if (!args->values[CMD_OPT_SHARES])
        return CMD_DONE;
    if (args->values[CMD_OPT_TOKEN])
        return cmd_usagef("--shares split a passphrase, and keys in a token have none; leave "
                          "--shares or --token out");
    if (args->values[CMD_OPT_ROOT_PASSPHRASE_FILE])
        return cmd_usagef("--shares split a passphrase that is made up; leave "
                          "--root-passphrase-file out");
    return CMD_DONE;
}

int cmd_root_create(const struct cmd_args *args)
{
    CLEANUP(root_done) struct root_session s = {.data = -1, .media = -1};
    CLEANUP(creation_done) struct creation c = {.s = &s, .now = clock_now(clock_system())};
    struct err err = ERR_INIT;
    unsigned kinds = (1u << CEREMONY_KINDS) - 1;
    char text[512];
    int status;

    buf_init(&c.said, 256 * 1024);
    if (args->values[CMD_OPT_ALGORITHMS] &&
        ceremony_kinds_parse(str_of(args->values[CMD_OPT_ALGORITHMS]), &kinds, &err) != RC_OK)
        return cmd_usagef("--algorithms: %s", err_textz(&err, text, sizeof(text)));
    if (has_server(args) && args->values[CMD_OPT_NEXT])
        return issuer_next_root(args);
    if (has_server(args))
        return cmd_failf("%s belongs to a server; root keys are made elsewhere, on a machine "
                         "without a network, and never come here; --next makes the successor of "
                         "one that is here all the same",
                         cmd_data(args));
    status = check_shares(args);
    if (status == CMD_DONE)
        status = make_directory(args);
    if (status == CMD_DONE)
        status = root_open(args, &s);
    if (status != CMD_DONE)
        return status;
    warn_of_network();
    fprintf(stderr, "Making the root of %.*s:\n", STR_ARG(s.conf->organization));
    err.rc = create(&c, kinds, &err);
    if (err.rc != RC_OK)
        return cmd_fail(&err);
    say(&c);
    return CMD_DONE;
}
