/* SPDX-License-Identifier: Apache-2.0 */
/* Every message that handshakes of every kind are made of, held against its parser, and against the
 * corpus of that message's fuzzer, tests/corpus/tlcp_NAME: there is an input like it.
 * AUTARKY_WRITE_CORPUS=1 writes these: what each kind of handshake says, as it is, without its last
 * byte, and with one more. */
#include "check.h"

#include <fcntl.h>
#include <stdio.h>

#include "base/file.h"
#include "ways.h"

static enum rc hello_of_client(struct str body, bool)
{
    struct tlcp_client_hello h;

    return tlcp_client_hello_read(body, &h);
}

static enum rc hello_of_server(struct str body, bool)
{
    struct tlcp_server_hello h;

    return tlcp_server_hello_read(body, &h);
}

static enum rc new_ticket(struct str body, bool)
{
    return tlcp_new_ticket_read(body, &(struct str){});
}

static enum rc certificate(struct str body, bool)
{
    struct tlcp_certificates c;

    return tlcp_certificates_read(body, &c);
}

static enum rc server_key(struct str body, bool of_ecdhe)
{
    struct tlcp_server_key k;

    return tlcp_server_key_read(body, of_ecdhe, &k);
}

static enum rc request(struct str body, bool)
{
    return tlcp_request_read(body);
}

static enum rc done(struct str body, bool)
{
    return tlcp_done_read(body);
}

static enum rc verify(struct str body, bool)
{
    return tlcp_signature_read(body, &(struct str){});
}

static enum rc client_key(struct str body, bool of_ecdhe)
{
    return of_ecdhe ? tlcp_client_key_read_point(body, &(struct str){})
                    : tlcp_client_key_read_cipher(body, &(struct str){});
}

static enum rc finished(struct str body, bool)
{
    return tlcp_finished_read(body, &(struct str){});
}

static enum rc change(struct str body, bool)
{
    return tlcp_change_read(body);
}

static enum rc alert(struct str body, bool)
{
    uint8_t level, what;

    return tlcp_alert_read(body, &level, &what);
}

/* `suited`: it is read by suite, and inputs of its fuzzer begin with a byte that says which;
 * `alike`: one handshake's is another's. */
static const struct message {
    const char *name;
    unsigned type;
    bool suited, alike;
    enum rc (*read)(struct str body, bool of_ecdhe);
} messages[] = {
    {"client_hello", TLCP_CLIENT_HELLO, false, false, hello_of_client},
    {"server_hello", TLCP_SERVER_HELLO, false, false, hello_of_server},
    {"new_session_ticket", TLCP_NEW_SESSION_TICKET, false, false, new_ticket},
    {"certificate", TLCP_CERTIFICATE, false, false, certificate},
    {"server_key_exchange", TLCP_SERVER_KEY_EXCHANGE, true, false, server_key},
    {"certificate_request", TLCP_CERTIFICATE_REQUEST, false, true, request},
    {"server_hello_done", TLCP_SERVER_HELLO_DONE, false, true, done},
    {"certificate_verify", TLCP_CERTIFICATE_VERIFY, false, false, verify},
    {"client_key_exchange", TLCP_CLIENT_KEY_EXCHANGE, true, false, client_key},
    {"finished", TLCP_FINISHED, false, true, finished},
    {"change_cipher_spec", TLCP_CHANGE_CIPHER_SPEC, false, true, change},
    {"alert", TLCP_ALERT << 8, false, true, alert},
};
enum { MESSAGES = sizeof(messages) / sizeof(messages[0]) };

static const struct message *find_message(unsigned type)
{
    for (size_t i = 0; i < MESSAGES; i++)
        if (messages[i].type == type)
            return &messages[i];
    return NULL;
}

static enum rc keep(const struct message *m, enum way way, const char *what, struct str bytes)
{
    char path[512];

    if (!getenv("AUTARKY_WRITE_CORPUS") || (m->alike && way != PLAIN && way != PROVEN))
        return RC_OK;
    snprintf(path, sizeof(path), "%s/corpus/tlcp_%s/%s", getenv("AUTARKY_TESTS"), m->name, what);
    return file_write(AT_FDCWD, path, bytes, 0644, FILE_OWNER_SELF, NULL);
}

/* As it is, cut, and longer: only the first is one, where the second is not the same. */
static enum rc meet(const struct message *m, enum way way, bool to_client, struct str body)
{
    static const char *const kinds[] = {"plain",   "proven",    "ecdhe",  "ticket",
                                        "resumed", "by_ticket", "renewed"};
    static const char *const harms[] = {"", "_cut", "_long"};
    bool of_ecdhe = way == ECDHE;
    char what[64];

    for (size_t i = 0; i < 3; i++) {
        CLEANUP(buf_done) struct buf out = BUF_INIT(TLCP_CERTIFICATES_MAX + 2);
        struct str text;
        enum rc rc;

        if (m->suited)
            buf_u8(&out, of_ecdhe);
        buf_puts(&out, i == 1 ? str_head(body, body.n ? body.n - 1 : 0) : body);
        if (i == 2)
            buf_u8(&out, 0);
        TRY(buf_rc(&out));
        text = str_skip(buf_str(&out), m->suited);
        rc = m->read(text, of_ecdhe);
        if ((rc == RC_OK) != (i == 0 || text.n == body.n))
            return RC_CORRUPT;
        snprintf(what, sizeof(what), "%s_%s%s", kinds[way], to_client ? "server" : "client",
                 harms[i]);
        TRY(keep(m, way, what, buf_str(&out)));
    }
    return RC_OK;
}

static bool met[MESSAGES];

/* What is next for one end, or RC_NOTFOUND. */
static enum rc overhear(struct world *w, enum way way, bool to_client)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(TLCP_PLAIN_MAX + 1);
    struct tlcp_conn *to = to_client ? w->client : w->server;
    struct tlcp_conn *from = to_client ? w->server : w->client;
    const struct message *m;
    enum tlcp_record type;
    struct str body;

    TRY(look(from, to, &type, &text));
    body = buf_str(&text);
    if (type == TLCP_CHANGE) {
        m = find_message(TLCP_CHANGE_CIPHER_SPEC);
    } else if (type == TLCP_ALERT) {
        m = find_message(TLCP_ALERT << 8);
    } else {
        m = find_message((unsigned char)body.p[0]);
        body = str_skip(body, TLCP_MESSAGE_HEADER);
    }
    if (!m)
        return RC_CORRUPT;
    met[m - messages] = true;
    TRY(meet(m, way, to_client, body));
    return pass_one(from, to) ? RC_OK : RC_CORRUPT;
}

/* Both say all they have to say, and goodbye. */
static enum rc listen_to_all(struct world *w, enum way way)
{
    enum { STEPS = 64 };
    bool closed = false;

    TRY(connect_pair(w));
    for (int i = 0; i < STEPS; i++) {
        enum rc to_server, to_client;

        TRY(go_on(w->client));
        to_server = overhear(w, way, false);
        TRY(go_on(w->server));
        to_client = overhear(w, way, true);
        if ((to_server != RC_OK && to_server != RC_NOTFOUND) ||
            (to_client != RC_OK && to_client != RC_NOTFOUND))
            return RC_CORRUPT;
        if (to_server == RC_OK || to_client == RC_OK)
            continue;
        if (w->client->state != TLCP_OPEN || w->server->state != TLCP_OPEN)
            return RC_CORRUPT;
        if (closed)
            return RC_OK;
        TRY(tlcp_conn_close(w->client));
        TRY(tlcp_conn_close(w->server));
        closed = true;
    }
    return RC_CORRUPT;
}

static void messages_of_all_handshakes(void)
{
    memset(met, 0, sizeof(met));
    for (enum way way = 0; way < WAYS; way++) {
        HOUSE(h, way);
        CHECK_OK(listen_to_all(&h.w, way));
    }
    for (size_t i = 0; i < MESSAGES; i++)
        if (!met[i])
            fail_msg("no handshake has a %s", messages[i].name);
}

/* What was written once is still one: of each kind at least one that is taken. */
static void the_corpora_are_such_messages(void)
{
    static const char *const kept[] = {"plain_client",  "plain_server", "proven_client",
                                       "proven_server", "ecdhe_client", "ecdhe_server",
                                       "ticket_server"};

    for (size_t i = 0; i < MESSAGES; i++) {
        size_t good = 0;

        for (size_t k = 0; k < sizeof(kept) / sizeof(kept[0]); k++) {
            CLEANUP(buf_done) struct buf in = BUF_INIT(1 << 20);
            struct str body;
            char path[512];

            snprintf(path, sizeof(path), "%s/corpus/tlcp_%s/%s", getenv("AUTARKY_TESTS"),
                     messages[i].name, kept[k]);
            if (file_read(AT_FDCWD, path, &in, NULL) != RC_OK)
                continue;
            body = str_skip(buf_str(&in), messages[i].suited);
            CHECK_OK(messages[i].read(body, messages[i].suited && in.p[0]));
            good++;
        }
        if (!good)
            fail_msg("tests/corpus/tlcp_%s has nothing of a handshake", messages[i].name);
    }
}

TLCP_MAIN(CHECK_TEST_ONCE(messages_of_all_handshakes),
          CHECK_TEST_ONCE(the_corpora_are_such_messages))
