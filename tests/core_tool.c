/* SPDX-License-Identifier: Apache-2.0 */
/* In core's place, an attacker:  core_tool PROGRAM DATA PER_HOUR
 * Starts the signer as the supervisor does and asks it for what a core that was taken over would
 * ask for. Between the attacks it asks for something right, which must still be signed. Prints a
 * line for each, "refused NAME: REASON"; ends with 1 and "signed NAME" at the first that is signed,
 * or when the signer does not live on. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/text.h"
#include "crypto/crypto.h"
#include "ev/clock.h"
#include "ev/ev.h"
#include "ipc/frame.h"
#include "ipc/messages.h"
#include "ipc/status_messages.h"
#include "keys_odd.h"
#include "role/roles.h"
#include "serve/serve_int.h"
#include "x509/cert.h"
#include "x509/serial.h"

enum { NAMES_MAX = 2000, TURNS_MICROS = 20'000'000, FLOOD = 500 };

struct tool {
    struct ev *ev;
    struct ipc_chan *supervisor, *core;
    const char *data;
    pid_t pid;
    uint8_t instance; /* of the core that is played */
    bool ready, lost, answered;
    enum rc rc;
    struct err err;
    struct buf certificate;
    struct crypto_key *key;
    struct ipc_sign good, ask;
    unsigned char serial[X509_SERIAL_MAX + 8];
    struct str names[NAMES_MAX];
    struct ipc_address addresses[4];
    struct buf bytes;
    struct arena arena;
    struct x509_cert issuer, root;
};

static _Noreturn void fail(const char *what, const struct err *err)
{
    char text[512] = "";

    printf("failed %s: %s\n", what, err ? err_textz(err, text, sizeof(text)) : "");
    exit(1);
}

static void need(enum rc rc, const char *what)
{
    if (rc != RC_OK)
        fail(what, &(struct err){.rc = rc});
}

/* ---- the signer's process */

static void on_ready(void *arg, struct ipc_req *, const void *, int)
{
    ((struct tool *)arg)->ready = true;
}

static void on_lost(void *arg, struct ipc_req *, const void *, int)
{
    ((struct tool *)arg)->lost = true;
}

static void on_end(void *, enum rc why, const struct err *err)
{
    if (why != RC_CLOSED)
        fail("the signer's channel", err);
}

static void on_core_end(void *arg, enum rc, const struct err *)
{
    struct tool *t = arg;

    ipc_chan_free(MOVE(t->core));
    t->lost = true;
}

static void turn_until(struct tool *t, const bool *flag, const char *what)
{
    int64_t end = clock_mono(clock_system()) + TURNS_MICROS;

    while (!*flag) {
        if (waitpid(t->pid, NULL, WNOHANG) == t->pid)
            fail("the signer ended", NULL);
        if (clock_mono(clock_system()) > end)
            fail(what, NULL);
        ev_run_once(t->ev, EV_NOWAIT);
        usleep(500);
    }
}

/* A fresh channel between the signer and a core; `raw`: its end, for bytes of one's own. */
static void connect_core(struct tool *t, int *raw)
{
    static const struct ipc_handler none[] = {{IPC_HTTP, on_lost}};
    const struct ipc_chan_conf conf = {.self = ROLE_CORE,
                                       .peer = ROLE_SIGNER,
                                       .handlers = none,
                                       .n_handlers = 0,
                                       .on_close = on_core_end,
                                       .arg = t};
    struct ipc_peer peer = {ROLE_CORE, t->instance++};
    int pair[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) != 0)
        fail("socketpair", NULL);
    need(ipc_notify(t->supervisor, IPC_PEER, &peer, pair[1]), "peer");
    close(pair[1]);
    if (raw)
        *raw = pair[0];
    else
        need(ipc_chan_new(t->ev, pair[0], &conf, &t->core), "core's channel");
}

static void send_conf(struct tool *t)
{
    CLEANUP(buf_done) struct buf path = BUF_INIT(4096), text = BUF_INIT(1 << 20);
    struct ipc_hello hello = {.version = IPC_VERSION,
                              .program = STR(AUTARKY_VERSION),
                              .data = str_of(t->data),
                              .unprivileged = geteuid() != 0,
                              .log_level = 2};
    struct ipc_file file = {.path = STR("autarky.yaml")};
    struct ipc_config conf = {.generation = 1};

    buf_printf(&path, "%s/autarky.yaml", t->data);
    need(file_read(AT_FDCWD, buf_z(&path), &text, NULL), "autarky.yaml");
    file.bytes = buf_str(&text);
    conf.files.v = &file;
    conf.files.n = 1;
    need(id_new(&hello.node), "id");
    need(ipc_notify(t->supervisor, IPC_HELLO, &hello, -1), "hello");
    need(ipc_notify(t->supervisor, IPC_CONFIG, &conf, -1), "config");
}

static void start(struct tool *t, const char *program)
{
    static const struct ipc_handler handlers[] = {{IPC_READY, on_ready}, {IPC_PEER_LOST, on_lost}};
    const struct ipc_chan_conf conf = {.self = ROLE_SUPERVISOR,
                                       .peer = ROLE_SIGNER,
                                       .handlers = handlers,
                                       .n_handlers = 2,
                                       .on_close = on_end,
                                       .arg = t};
    struct err err = ERR_INIT;
    int fd;

    need(ev_new(clock_system(), &t->ev), "loop");
    if (serve_spawn(&role_signer, program, -1, &t->pid, &fd, &err) != RC_OK)
        fail("spawn", &err);
    need(ipc_chan_new(t->ev, fd, &conf, &t->supervisor), "channel");
    send_conf(t);
    connect_core(t, NULL);
    need(ipc_notify(t->supervisor, IPC_START, NULL, -1), "start");
    turn_until(t, &t->ready, "the signer was not ready");
}

/* ---- asking */

static void on_answer(void *arg, const struct ipc_answer *a)
{
    struct tool *t = arg;

    buf_reset(&t->certificate);
    t->answered = true;
    t->rc = a->rc;
    t->err = a->err ? *a->err : (struct err){.rc = a->rc};
    if (a->rc == RC_OK)
        buf_puts(&t->certificate, ((const struct ipc_sign_reply *)a->msg)->certificate);
}

static void ask(struct tool *t, const char *what)
{
    struct ipc_ask call = {.type = IPC_SIGN, .msg = &t->ask, .fn = on_answer, .arg = t};
    enum rc rc;

    t->answered = false;
    rc = ipc_call(t->core, &call, NULL);
    if (rc != RC_OK) { /* our own side does not let it through; the raw frames do */
        t->rc = rc;
        t->err = (struct err){.rc = rc};
        return;
    }
    turn_until(t, &t->answered, what);
}

static void fresh_serial(struct tool *t)
{
    struct x509_serial serial;

    need(x509_serial_random(&serial), "serial");
    memcpy(t->serial, serial.b, serial.n);
    t->good.serial = str_bytes(t->serial, serial.n);
}

/* A leaf for what was asked, and nothing more. */
static void check_leaf(struct tool *t, const char *what)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(1 << 20);
    struct x509_cert cert;

    need(x509_cert_parse(&a, buf_str(&t->certificate), &cert, NULL), what);
    if (cert.basic == X509_BASIC_CA || !str_eq(cert.spki, crypto_key_spki(t->key)) ||
        (cert.key_usage & (X509_KU_CERT_SIGN | X509_KU_CRL_SIGN)))
        fail(what, NULL);
}

static void must_sign(struct tool *t, const char *after)
{
    fresh_serial(t);
    t->ask = t->good;
    ask(t, after);
    if (t->rc != RC_OK)
        fail(after, &t->err);
    check_leaf(t, after);
}

static void must_refuse(struct tool *t, const char *name)
{
    char text[512];

    ask(t, name);
    if (t->rc == RC_OK) {
        printf("signed %s\n", name);
        exit(1);
    }
    printf("refused %s: %s\n", name, err_textz(&t->err, text, sizeof(text)));
}

/* ---- attacks: each changes what would be right */

static void with_name(struct tool *t, const char *what, struct str name)
{
    t->ask = t->good;
    t->names[0] = name;
    t->ask.names.v = t->names;
    t->ask.names.n = 1;
    must_refuse(t, what);
}

static void bad_names(struct tool *t)
{
    static const struct {
        const char *what;
        struct str name;
    } names[] = {
        {"a public name", STR("www.example.com")},
        {"a name beside the domain", STR("evilhospital.example")},
        {"the domain in front of another", STR("hospital.example.evil.example")},
        {"a top-level domain", STR("example")},
        {"a wildcard over everything", STR("*")},
        {"a wildcard over a public domain", STR("*.com")},
        {"two wildcards", STR("*.*.hospital.example")},
        {"a wildcard inside", STR("a.*.hospital.example")},
        {"part of a label wild", STR("w*.hospital.example")},
        {"an empty name", STR("")},
        {"a final dot", STR("a.hospital.example.")},
        {"an empty label", STR("a..hospital.example")},
        {"upper case", STR("A.hospital.example")},
        {"a zero byte", STR("evil.com\0.hospital.example")},
        {"a line end", STR("a\n.hospital.example")},
        {"a blank", STR("a b.hospital.example")},
        {"a comma", STR("a,DNS:evil.com.hospital.example")},
        {"a name in UTF-8", STR("b\xc3\xbc.hospital.example")},
        {"an address as a name", STR("10.0.0.1")},
        {"a URI as a name", STR("https://a.hospital.example")},
    };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        with_name(t, names[i].what, names[i].name);
}

static void other_names(struct tool *t)
{
    static char label[300];

    memset(label, 'a', sizeof(label));
    memcpy(label + sizeof(label) - 17, ".hospital.example", 17);
    with_name(t, "a long name", str_bytes(label, sizeof(label)));
    t->ask = t->good;
    t->ask.names.n = 0;
    must_refuse(t, "no name at all");
    t->ask = t->good;
    t->names[0] = t->names[1] = t->good.names.v[0];
    t->ask.names.v = t->names;
    t->ask.names.n = 2;
    must_refuse(t, "the same name twice");
    for (size_t i = 0; i < NAMES_MAX; i++)
        t->names[i] = arena_printf(&t->arena, "n%zu.hospital.example", i);
    t->ask.names.n = NAMES_MAX;
    must_refuse(t, "two thousand names");
    t->ask = t->good;
    need(addr_parse(STR("8.8.8.8"), &t->addresses[0].addr), "address");
    t->ask.addresses.v = t->addresses;
    t->ask.addresses.n = 1;
    must_refuse(t, "a public address");
    need(addr_parse(STR("::ffff:8.8.8.8"), &t->addresses[0].addr), "address");
    must_refuse(t, "a public address in disguise");
}

static void bad_times(struct tool *t)
{
    const when_t now = t->good.not_before;
    const struct {
        const char *what;
        when_t from, to;
    } times[] = {
        {"a life of ten years", now, now + 3650 * WHEN_DAY},
        {"an hour more than the profile", now, now + 90 * WHEN_DAY + 2 * WHEN_HOUR},
        {"a beginning tomorrow", now + WHEN_DAY, now + 30 * WHEN_DAY},
        {"a beginning last year", now - 365 * WHEN_DAY, now + 30 * WHEN_DAY},
        {"an end before the beginning", now, now - WHEN_SECOND},
        {"an end at the beginning", now, now},
        {"the end of time", now, INT64_MAX},
        {"before all time", INT64_MIN, now + WHEN_DAY},
        {"all of time", INT64_MIN, INT64_MAX},
        {"a beginning far ahead", INT64_MAX - WHEN_DAY, INT64_MAX},
        {"the year 10000", now, INT64_C(253402300800) * WHEN_SECOND},
    };

    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
        t->ask = t->good;
        t->ask.not_before = times[i].from;
        t->ask.not_after = times[i].to;
        must_refuse(t, times[i].what);
    }
}

static void with_spki(struct tool *t, const char *what, struct str spki)
{
    t->ask = t->good;
    t->ask.spki = spki;
    must_refuse(t, what);
}

static void with_hex(struct tool *t, const char *what, const char *hex)
{
    buf_reset(&t->bytes);
    need(text_unhex(str_of(hex), &t->bytes), what);
    with_spki(t, what, buf_str(&t->bytes));
}

static void bad_keys(struct tool *t)
{
    struct str spki = crypto_key_spki(t->key);

    with_spki(t, "the issuer's own key", t->issuer.spki);
    with_spki(t, "the root's key", t->root.spki);
    with_spki(t, "no key", STR(""));
    with_spki(t, "half a key", str_head(spki, spki.n / 2));
    with_spki(t, "a certificate for a key", t->issuer.der);
    buf_reset(&t->bytes);
    buf_puts(&t->bytes, spki);
    buf_u8(&t->bytes, 0);
    with_spki(t, "a key with a byte behind it", buf_str(&t->bytes));
    with_hex(t, "a compressed point", spki_compressed);
    with_hex(t, "a curve with parameters of its own", spki_explicit);
    with_hex(t, "a curve that no profile has", spki_p521);
    with_hex(t, "RSA of 1024 bits", spki_rsa1024);
    with_hex(t, "a key of a broken generator", spki_roca);
    with_hex(t, "RSA of two near primes", spki_close);
}

static void bad_references(struct tool *t)
{
    static const struct str issuers[] = {STR("root-rsa"),         STR("rsa-9"),     STR(""),
                                         STR("../root/root-rsa"), STR("ecdsa-1\0"), STR("ECDSA-1")};
    static const struct str profiles[] = {STR("ca"), STR(""), STR("default\0"), STR("Default"),
                                          STR("../default")};

    for (size_t i = 0; i < sizeof(issuers) / sizeof(issuers[0]); i++) {
        t->ask = t->good;
        t->ask.issuer = issuers[i];
        must_refuse(t, "another issuer");
    }
    for (size_t i = 0; i < sizeof(profiles) / sizeof(profiles[0]); i++) {
        t->ask = t->good;
        t->ask.profile = profiles[i];
        must_refuse(t, "another profile");
    }
}

static void bad_serials(struct tool *t)
{
    static const unsigned char zero[16], high[20] = {0x80, 1}, lead[16] = {0, 0, 1};
    static const unsigned char huge[40] = {1};

    t->ask = t->good;
    t->ask.serial = STR("");
    must_refuse(t, "no serial number");
    t->ask.serial = str_bytes(zero, sizeof(zero));
    must_refuse(t, "serial number zero");
    t->ask.serial = str_bytes(high, sizeof(high));
    must_refuse(t, "a serial number of 21 bytes with its sign");
    t->ask.serial = str_bytes(lead, sizeof(lead));
    must_refuse(t, "a padded serial number");
    t->ask.serial = str_bytes(huge, sizeof(huge));
    must_refuse(t, "a long serial number");
}

static void other_kinds_of_names(struct tool *t)
{
    static const struct str mail = STR("root@evil.example"), uri = STR("https://evil.example/");

    t->ask = t->good;
    t->ask.emails.v = &mail;
    t->ask.emails.n = 1;
    must_refuse(t, "somebody's mail address");
    t->ask = t->good;
    t->ask.uris.v = &uri;
    t->ask.uris.n = 1;
    must_refuse(t, "somebody's URI");
    t->ask = t->good;
    t->ask.common_name = STR("www.evil.example");
    must_refuse(t, "somebody's common name");
}

/* ---- lists and answers about certificates */

static void on_status(void *arg, const struct ipc_answer *a)
{
    struct tool *t = arg;

    t->answered = true;
    t->rc = a->rc;
    t->err = a->err ? *a->err : (struct err){.rc = a->rc};
}

static void ask_status(struct tool *t, enum ipc_type type, const void *msg, const char *what)
{
    struct ipc_ask call = {.type = type, .msg = msg, .fn = on_status, .arg = t};

    t->answered = false;
    t->rc = ipc_call(t->core, &call, NULL);
    t->err = (struct err){.rc = t->rc};
    if (t->rc == RC_OK)
        turn_until(t, &t->answered, what);
}

static void refuse_status(struct tool *t, enum ipc_type type, const void *msg, const char *what)
{
    char text[512];

    ask_status(t, type, msg, what);
    if (t->rc == RC_OK) {
        printf("signed %s\n", what);
        exit(1);
    }
    printf("refused %s: %s\n", what, err_textz(&t->err, text, sizeof(text)));
}

static struct ipc_sign_crl good_crl(const struct tool *t)
{
    return (struct ipc_sign_crl){.issuer = STR("ecdsa-1"),
                                 .number = 7,
                                 .this_update = t->good.not_before,
                                 .next_update = t->good.not_before + 2 * WHEN_DAY};
}

static void bad_lists(struct tool *t)
{
    struct ipc_revoked entry = {.serial = t->good.serial, .at = t->good.not_before, .reason = 1};
    struct ipc_sign_crl ask = good_crl(t);

    ask_status(t, IPC_SIGN_CRL, &ask, "a list");
    if (t->rc != RC_OK)
        fail("a right list", &t->err);
    refuse_status(t, IPC_SIGN_CRL, &ask, "a list with the number of the last one");
    ask.number = 6;
    refuse_status(t, IPC_SIGN_CRL, &ask, "a list with a lower number");
    ask.number = 8;
    ask.issuer = STR("root-rsa");
    refuse_status(t, IPC_SIGN_CRL, &ask, "a root's list");
    ask = good_crl(t);
    ask.number = 9;
    ask.next_update = ask.this_update + 3650 * WHEN_DAY;
    refuse_status(t, IPC_SIGN_CRL, &ask, "a list for ten years");
    ask.next_update = INT64_MAX;
    refuse_status(t, IPC_SIGN_CRL, &ask, "a list for ever");
    ask = good_crl(t);
    ask.number = 10;
    ask.this_update += WHEN_DAY;
    ask.next_update += WHEN_DAY;
    refuse_status(t, IPC_SIGN_CRL, &ask, "a list of tomorrow");
    ask.this_update = INT64_MIN;
    refuse_status(t, IPC_SIGN_CRL, &ask, "a list from before all time");
    ask = good_crl(t);
    ask.number = 11;
    ask.entries.v = &entry;
    ask.entries.n = 1;
    entry.at = t->good.not_before + 365 * WHEN_DAY;
    refuse_status(t, IPC_SIGN_CRL, &ask, "a revocation in the future");
    entry.at = t->good.not_before;
    entry.serial = STR("");
    refuse_status(t, IPC_SIGN_CRL, &ask, "a revocation without a serial number");
}

static void bad_answers(struct tool *t)
{
    struct ipc_cert_status about = {.hash = 1, .serial = t->good.serial};
    struct ipc_sign_ocsp good = {.issuer = STR("ecdsa-1"),
                                 .this_update = t->good.not_before,
                                 .next_update = t->good.not_before + WHEN_DAY};
    struct ipc_sign_ocsp ask;

    good.about.v = &about;
    good.about.n = 1;
    ask_status(t, IPC_SIGN_OCSP, &good, "an answer");
    if (t->rc != RC_OK)
        fail("a right answer", &t->err);
    ask = good;
    ask.issuer = STR("root-rsa");
    refuse_status(t, IPC_SIGN_OCSP, &ask, "a root's answer");
    ask = good;
    ask.next_update = ask.this_update + 365 * WHEN_DAY;
    refuse_status(t, IPC_SIGN_OCSP, &ask, "an answer for a year");
    ask.this_update = ask.this_update - 30 * WHEN_DAY;
    refuse_status(t, IPC_SIGN_OCSP, &ask, "an answer of last month");
    ask = good;
    about.status = 9;
    refuse_status(t, IPC_SIGN_OCSP, &ask, "a status that there is not");
    about.status = 0;
    about.hash = 77;
    refuse_status(t, IPC_SIGN_OCSP, &ask, "a hash that there is not");
    about.hash = 1;
    about.serial = STR("");
    refuse_status(t, IPC_SIGN_OCSP, &ask, "an answer about no serial number");
}

/* ---- bytes of one's own */

static void put_request(struct buf *out, uint16_t type, uint64_t call, struct str payload)
{
    struct ipc_header h = {.type = type, .kind = IPC_REQUEST, .call = call};
    CLEANUP(buf_done) struct buf one = BUF_INIT(1 << 20);

    ipc_frame_begin(&one, &h);
    buf_puts(&one, payload);
    ipc_frame_end(&one);
    buf_puts(out, buf_str(&one));
}

/* Sends all of it on a channel of its own, which the signer then gives up; it lives on. */
static void raw(struct tool *t, const char *what, struct str bytes)
{
    CLEANUP(fd_closep) int fd = -1;
    size_t at = 0;
    char sink[4096];
    int64_t end = clock_mono(clock_system()) + TURNS_MICROS;
    bool gone = false;

    connect_core(t, &fd);
    while (!gone) {
        ssize_t n = at < bytes.n ? send(fd, bytes.p + at, bytes.n - at, MSG_NOSIGNAL) : 0;

        if (n > 0)
            at += (size_t)n;
        n = recv(fd, sink, sizeof(sink), 0);
        gone = n == 0 || (n < 0 && errno != EAGAIN);
        if (clock_mono(clock_system()) > end || waitpid(t->pid, NULL, WNOHANG) == t->pid)
            fail(what, NULL);
        ev_run_once(t->ev, EV_NOWAIT);
        usleep(500);
    }
    printf("channel closed after %s\n", what);
}

static void odd_bytes(struct tool *t)
{
    CLEANUP(buf_done) struct buf b = BUF_INIT(4 << 20), payload = BUF_INIT(1 << 20);

    raw(t, "noise",
        STR("GET / HTTP/1.1\r\nHost: signer\r\n\r\nand so on, for longer than a header"));
    put_request(&b, IPC_SIGN, 1, STR("no message"));
    raw(t, "a request that is none", buf_str(&b));
    buf_reset(&b);
    put_request(&b, IPC_STATUS, 1, STR(""));
    raw(t, "a message that core may not send", buf_str(&b));
    buf_reset(&b);
    put_request(&b, 60000, 1, STR(""));
    raw(t, "a type that nobody knows", buf_str(&b));
    buf_reset(&b);
    need(ipc_fields_encode(&ipc_sign_fields, &t->good, &payload), "encoding");
    put_request(&b, IPC_SIGN, 1, str_head(buf_str(&payload), buf_str(&payload).n - 1));
    raw(t, "a request cut short", buf_str(&b));
    buf_reset(&b);
    buf_puts(&payload, STR("more"));
    put_request(&b, IPC_SIGN, 1, buf_str(&payload));
    raw(t, "a request with more behind it", buf_str(&b));
    buf_reset(&b);
    for (size_t i = 0; i < sizeof(struct ipc_header) * 40; i++)
        buf_u8(&b, 0xff);
    raw(t, "ones", buf_str(&b));
}

/* More at a time than the table allows. */
static void flood(struct tool *t)
{
    CLEANUP(buf_done) struct buf b = BUF_INIT(16 << 20), payload = BUF_INIT(1 << 20);

    need(ipc_fields_encode(&ipc_sign_fields, &t->good, &payload), "encoding");
    for (uint64_t i = 1; i <= FLOOD; i++)
        put_request(&b, IPC_SIGN, i, buf_str(&payload));
    need(buf_rc(&b), "flood");
    raw(t, "a flood of requests", buf_str(&b));
}

/* ---- */

static void read_cert(struct tool *t, const char *name, struct x509_cert *out)
{
    CLEANUP(buf_done) struct buf path = BUF_INIT(4096), pem = BUF_INIT(1 << 18);
    struct x509_cert *certs;
    size_t n;

    buf_printf(&path, "%s/%s", t->data, name);
    need(file_read(AT_FDCWD, buf_z(&path), &pem, NULL), name);
    need(x509_cert_read_pem(&t->arena, buf_str(&pem), 8, &certs, &n, NULL), name);
    *out = certs[0];
}

static void prepare(struct tool *t)
{
    static const struct str name = STR("a.hospital.example");
    when_t now = clock_now(clock_system());

    arena_init(&t->arena, 4 << 20);
    buf_init(&t->certificate, X509_CERT_MAX);
    buf_init(&t->bytes, 1 << 20);
    read_cert(t, "ca/ecdsa-1.crt", &t->issuer);
    read_cert(t, "trust/roots.pem", &t->root);
    need(crypto_key_generate((struct crypto_key_spec){CRYPTO_KEY_P256, 0}, &t->key), "key");
    t->good = (struct ipc_sign){.issuer = STR("ecdsa-1"),
                                .profile = STR("default"),
                                .spki = crypto_key_spki(t->key),
                                .not_before = now - now % WHEN_SECOND};
    t->good.not_after = t->good.not_before + 30 * WHEN_DAY;
    t->good.names.v = &name;
    t->good.names.n = 1;
    need(id_new(&t->good.reference), "id");
}

/* The last: the hour's signatures are used up, and then there are none. */
static void use_up(struct tool *t, unsigned per_hour)
{
    unsigned n = 0;

    for (; n <= per_hour; n++) {
        fresh_serial(t);
        t->ask = t->good;
        ask(t, "the hour's signatures");
        if (t->rc != RC_OK)
            break;
    }
    if (n > per_hour || t->rc != RC_QUOTA)
        fail("more signatures than an hour has", &t->err);
    printf("refused more than the hour has: after %u\n", n);
}

int main(int argc, char **argv)
{
    static struct tool t = {.instance = 1};
    static void (*const attacks[])(struct tool *) = {
        bad_names,   other_names, other_kinds_of_names, bad_times, bad_keys, bad_references,
        bad_serials, bad_lists,   bad_answers,          odd_bytes, flood};

    if (argc != 4)
        return 64;
    t.data = argv[2];
    need(crypto_init(), "crypto");
    prepare(&t);
    start(&t, argv[1]);
    must_sign(&t, "before the attacks");
    for (size_t i = 0; i < sizeof(attacks) / sizeof(attacks[0]); i++) {
        attacks[i](&t);
        if (!t.core)
            connect_core(&t, NULL);
        must_sign(&t, "after an attack");
    }
    use_up(&t, (unsigned)strtoul(argv[3], NULL, 10));
    ipc_chan_free(t.core);
    ipc_chan_free(t.supervisor);
    kill(t.pid, SIGTERM);
    puts("the signer lived on");
    return 0;
}
