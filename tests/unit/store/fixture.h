/* SPDX-License-Identifier: Apache-2.0 */
/* A store in a directory of its own, and objects that are whole, for tests to change one thing of.
 * The functions return codes and check nothing, so that they work in the failing-allocation mode.
 */
#pragma once

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/accounts.h"
#include "store/authorizations.h"
#include "store/certificates.h"
#include "store/events.h"
#include "store/issuances.h"
#include "store/issuers.h"
#include "store/keys.h"
#include "store/meta.h"
#include "store/orders.h"
#include "store/store_int.h"

#define FIX_NOW (INT64_C(1'763'000'000) * WHEN_SECOND)

struct fix {
    char dir[64];
    struct store *s;
    struct arena a;
};

[[maybe_unused]] static enum rc fix_dir(struct fix *f)
{
    const char *base = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";

    *f = (struct fix){};
    arena_init(&f->a, 16 << 20);
    (void)snprintf(f->dir, sizeof(f->dir), "%s/autarky-XXXXXX", base);
    return mkdtemp(f->dir) ? RC_OK : RC_IO;
}

/* Empties the directory; false when the removal of a file failed. */
[[maybe_unused]] static bool fix_empty(const char *dir)
{
    DIR *d = opendir(dir);
    bool good = d != NULL;

    for (struct dirent *e = d ? readdir(d) : NULL; e; e = readdir(d))
        if (e->d_name[0] != '.')
            good = unlinkat(dirfd(d), e->d_name, 0) == 0 && good;
    if (d)
        closedir(d);
    return good;
}

[[maybe_unused]] static void fix_done(struct fix *f)
{
    store_close(f->s);
    arena_done(&f->a);
    if (f->dir[0] && fix_empty(f->dir))
        (void)rmdir(f->dir);
}

[[maybe_unused]] static struct store_options fix_options(const struct fix *f)
{
    return (struct store_options){
        .dir = f->dir, .now = FIX_NOW, .create = true, .sync = STORE_SYNC_OFF, .busy_ms = 50};
}

[[maybe_unused]] static enum rc fix_copy(const char *from, const char *to)
{
    FILE *in = fopen(from, "rb"), *out = fopen(to, "wb");
    char bytes[4096];
    bool good = in && out;

    for (size_t n = 1; good && n > 0;) {
        n = fread(bytes, 1, sizeof(bytes), in);
        good = fwrite(bytes, 1, n, out) == n;
    }
    if (in)
        fclose(in);
    if (out)
        good = fclose(out) == 0 && good;
    return good ? RC_OK : RC_IO;
}

/* A database with all migrations applied, made once by main and copied by fix_open: the
 * failing-allocation mode would otherwise be busy with nothing but migrations. */
static struct fix fix_template;

[[maybe_unused]] static void fix_start(void)
{
    struct store_options o;

    if (fix_dir(&fix_template) != RC_OK)
        return;
    o = fix_options(&fix_template);
    IGNORE_RC(store_open(&o, &fix_template.s, NULL)); /* fix_open tells */
    store_close(fix_template.s);
    fix_template.s = NULL;
}

/* With CLEANUP(fix_done). Opening allocates a thousand times, the same in every test: test_store
 * lets it fail, here it is spared. */
[[maybe_unused]] static enum rc fix_open(struct fix *f)
{
    struct store_options o;
    char from[128], to[128];

    TRY(fix_dir(f));
    (void)snprintf(from, sizeof(from), "%s/store.db", fix_template.dir);
    (void)snprintf(to, sizeof(to), "%s/store.db", f->dir);
    TRY(fix_copy(from, to));
    o = fix_options(f);
    return CHECK_SPARED(store_open(&o, &f->s, NULL));
}

/* A write transaction around one expression, which uses `T`: CHECK_OK(DO(&f, store_order_add(T,
 * &o))). Without a thread nobody else has the connection. */
#define T (&fix_txn)
#define DO(f, expr)                                                                                \
    ({                                                                                             \
        struct store_txn fix_txn = {.store = (f)->s, .db = &(f)->s->write_db, .writable = true};   \
        enum rc fix_rc = sql_exec(fix_txn.db, "BEGIN IMMEDIATE");                                  \
                                                                                                   \
        fix_rc = fix_rc == RC_OK ? (expr) : fix_rc;                                                \
        fix_end(&fix_txn, fix_rc);                                                                 \
    })

[[maybe_unused]] static enum rc fix_end(struct store_txn *txn, enum rc rc)
{
    if (rc == RC_OK)
        rc = sql_exec(txn->db, "COMMIT");
    if (!sqlite3_get_autocommit(txn->db->c))
        IGNORE_RC(sql_exec(txn->db, "ROLLBACK"));
    return rc;
}

/* What orders and certificates refer to: account 1, authorization 2 of it, issuer 3. */
[[maybe_unused]] static enum rc fix_base(struct fix *f);

#define FIX_MAIN(...)                                                                              \
    int main(void)                                                                                 \
    {                                                                                              \
        static const struct check_test tests_[] = {__VA_ARGS__};                                   \
        int failed;                                                                                \
                                                                                                   \
        fix_start();                                                                               \
        failed = check_run(tests_, sizeof(tests_) / sizeof(tests_[0]));                            \
        fix_done(&fix_template);                                                                   \
        return failed;                                                                             \
    }

/* The n-th id, the same in every run; digest and serial likewise. */
[[maybe_unused]] static struct id fix_id(unsigned n)
{
    struct id id;

    (void)snprintf(id.z, sizeof(id.z), "%026u", n);
    return id;
}

[[maybe_unused]] static struct store_hash fix_hash(unsigned n)
{
    struct store_hash h = {};

    memcpy(h.b, &n, sizeof(n));
    return h;
}

struct fix_serial {
    uint8_t b[16];
};
[[maybe_unused]] static struct str fix_serial(unsigned n, struct fix_serial *room)
{
    *room = (struct fix_serial){{0x40}};
    memcpy(room->b + 4, &n, sizeof(n));
    return str_bytes(room->b, sizeof(room->b));
}

[[maybe_unused]] static struct store_account fix_account(unsigned n)
{
    return (struct store_account){
        .id = fix_id(n),
        .jwk = STR("{\"crv\":\"P-256\",\"kty\":\"EC\"}"),
        .thumbprint = fix_hash(n),
        .created = FIX_NOW + n,
        .created_from = {4, {10, 0, 0, 1}},
    };
}

[[maybe_unused]] static struct store_authorization fix_authorization(unsigned n, unsigned account)
{
    return (struct store_authorization){
        .id = fix_id(n),
        .account = fix_id(account),
        .name = {STORE_NAME_DNS, STR("wiki.hospital.example")},
        .expires = FIX_NOW + WHEN_DAY + n,
        .created = FIX_NOW + n,
    };
}

/* With one name under that authorization; `name` is room for it. */
[[maybe_unused]] static struct store_order
fix_order(unsigned n, unsigned account, unsigned authorization, struct store_order_name *name)
{
    *name = (struct store_order_name){.name = {STORE_NAME_DNS, STR("wiki.hospital.example")},
                                      .authorization = fix_id(authorization)};
    return (struct store_order){
        .id = fix_id(n),
        .account = fix_id(account),
        .expires = FIX_NOW + WHEN_DAY,
        .names = name,
        .n_names = 1,
        .created = FIX_NOW + n,
    };
}

[[maybe_unused]] static struct store_issuer fix_issuer(unsigned n)
{
    static char name[32];

    (void)snprintf(name, sizeof(name), "issuer-%u", n);
    return (struct store_issuer){
        .id = fix_id(n),
        .name = str_of(name),
        .hierarchy = STR("intranet"),
        .algorithm = STR("ecdsa"),
        .subject = STR("CN=Example Hospital ECDSA"),
        .certificate = STR("certificate"),
        .not_after = FIX_NOW + 3650 * WHEN_DAY,
        .created = FIX_NOW + n,
    };
}

static const struct store_name fix_names[] = {
    {STORE_NAME_DNS, {"wiki.hospital.example", 21}},
    {STORE_NAME_DNS, {"*.apps.hospital.example", 23}},
    {STORE_NAME_IP, {"10.0.0.7", 8}},
};

[[maybe_unused]] static struct store_issuance fix_issuance(unsigned n, unsigned issuer,
                                                           struct fix_serial *room)
{
    return (struct store_issuance){
        .id = fix_id(n),
        .serial = fix_serial(n, room),
        .tbs = STR("to be signed"),
        .tbs_sha256 = fix_hash(n),
        .issuer = fix_id(issuer),
        .profile = STR("default"),
        .spki_sha256 = fix_hash(n + 1),
        .names = fix_names,
        .n_names = 3,
        .origin = STR("acme"),
        .created = FIX_NOW + n,
    };
}

[[maybe_unused]] static struct store_certificate fix_certificate(unsigned n, unsigned issuer,
                                                                 struct fix_serial *room)
{
    return (struct store_certificate){
        .id = fix_id(n),
        .serial = fix_serial(n, room),
        .der = STR("certificate"),
        .issuer = fix_id(issuer),
        .hierarchy = STR("intranet"),
        .profile = STR("default"),
        .not_before = FIX_NOW,
        .not_after = FIX_NOW + 90 * WHEN_DAY + n,
        .spki_sha256 = fix_hash(n + 1),
        .fingerprint = fix_hash(n + 2),
        .names = fix_names,
        .n_names = 3,
        .origin = STR("acme"),
        .logical = fix_id(n),
        .issued = FIX_NOW + n,
    };
}

static enum rc fix_base(struct fix *f)
{
    struct store_account account = fix_account(1);
    struct store_authorization authorization = fix_authorization(2, 1);
    struct store_issuer issuer = fix_issuer(3);

    TRY(fix_open(f));
    TRY(DO(f, store_account_add(T, &account)));
    TRY(DO(f, store_authorization_add(T, &authorization)));
    return DO(f, store_issuer_add(T, &issuer));
}

#define READ(f) store_read((f)->s)

/* So many alerts that are not over, about certificates, of which nobody is told: their ids are the
 * numbers from 1 on, with zeros before them. */
[[maybe_unused]] static enum rc fix_alerts(struct fix *f, int n)
{
    char sql[512];

    (void)snprintf(
        sql, sizeof(sql),
        "WITH RECURSIVE i (k) AS (SELECT 1 UNION ALL SELECT k + 1 FROM i WHERE k < %d)"
        " INSERT INTO alerts (id, key, kind, severity, summary, started, updated)"
        " SELECT printf('%%026d', k), 'f' || k, 'certificate', 'warning', 'filler', 0, 0 FROM i",
        n);
    return DO(f, sql_exec((T)->db, sql));
}
