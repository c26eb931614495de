/* SPDX-License-Identifier: Apache-2.0 */
/* A service of TLCP for scenarios, which reads its pair from files as others do, and again at
 * SIGHUP:
 *   tlcp_server PORT SIGN.pem SIGN.key ENCRYPT.pem ENCRYPT.key
 * Says "ready" once it listens, and "reloaded" each time; shakes hands with one client after the
 * other, and hangs up. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/mem.h"
#include "crypto/crypto.h"
#include "crypto/pem.h"
#include "tlcp/conn.h"
#include "tlcp/identity.h"

enum { FILE_BYTES = 64 * 1024, PATIENCE = 5 };

static struct tlcp_identity *identity;
static volatile sig_atomic_t again, over;

static void fail(const char *what)
{
    fprintf(stderr, "tlcp_server: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void on_signal(int number)
{
    if (number == SIGHUP)
        again = 1;
    else
        over = 1;
}

/* Links are followed: that is how a service finds its files. */
static void read_file(const char *path, struct buf *out)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    char *room = buf_reserve(out, FILE_BYTES - 1);
    ssize_t n = fd >= 0 && room ? read(fd, room, FILE_BYTES - 1) : -1;

    if (n < 0)
        fail(path);
    buf_advance(out, (size_t)n);
    close(fd);
}

static struct crypto_key *read_key(const char *path)
{
    CLEANUP(buf_wipe) struct buf pem = BUF_INIT(FILE_BYTES);
    struct crypto_key *key = NULL;

    read_file(path, &pem);
    if (crypto_pem_read(buf_str(&pem), NULL, &key, NULL) != RC_OK)
        fail(path);
    return key;
}

static void load(char **files)
{
    CLEANUP(buf_done) struct buf sign = BUF_INIT(FILE_BYTES);
    CLEANUP(buf_done) struct buf encrypt = BUF_INIT(FILE_BYTES);
    CLEANUP(crypto_key_unrefp) struct crypto_key *sign_key = read_key(files[1]);
    CLEANUP(crypto_key_unrefp) struct crypto_key *encrypt_key = read_key(files[3]);
    struct tlcp_identity_in in = {.sign_key = sign_key, .encrypt_key = encrypt_key};
    struct tlcp_identity *fresh = NULL;

    read_file(files[0], &sign);
    read_file(files[2], &encrypt);
    in.sign_pem = buf_str(&sign);
    in.encrypt_pem = buf_str(&encrypt);
    if (tlcp_identity_new(&in, &fresh, NULL) != RC_OK) {
        fprintf(stderr, "tlcp_server: these files are no pair; the one before is served\n");
        return;
    }
    tlcp_identity_unref(identity);
    identity = fresh;
}

static enum rc choose(void *, const struct tlcp_hello *, struct tlcp_shown *out, struct err *)
{
    *out = (struct tlcp_shown){.identity = identity};
    return RC_OK;
}

/* Blocks, within the limits of time of the socket. */
static enum rc carry(struct tlcp_conn *c, int fd)
{
    struct str out;
    size_t room = 0;
    unsigned char *p;
    ssize_t n;

    while ((out = tlcp_conn_pending(c)).n) {
        n = send(fd, out.p, out.n, MSG_NOSIGNAL);
        if (n <= 0)
            return RC_NET;
        tlcp_conn_sent(c, (size_t)n);
    }
    p = tlcp_conn_room(c, &room);
    n = p ? recv(fd, p, room, 0) : -1;
    if (n <= 0)
        return RC_NET;
    tlcp_conn_came(c, (size_t)n);
    return RC_OK;
}

static void serve(int fd)
{
    static const struct tlcp_server_conf conf = {.choose = choose};
    static const struct timeval patience = {.tv_sec = PATIENCE};
    CLEANUP(tlcp_conn_freep) struct tlcp_conn *c = NULL;
    enum rc rc = tlcp_server_new(&conf, NULL, &c);

    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    while (rc == RC_OK) {
        rc = tlcp_conn_shake(c, NULL);
        if (rc == RC_OK || rc == RC_AGAIN)
            rc = carry(c, fd); /* once open, until the client goes */
    }
    close(fd);
}

static int listen_at(const char *port)
{
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)strtoul(port, NULL, 10)),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    static const int yes = 1;

    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) != 0 ||
        bind(fd, (const struct sockaddr *)(const void *)&at, sizeof(at)) != 0 ||
        listen(fd, 64) != 0)
        fail(port);
    return fd;
}

static void say(const char *what)
{
    puts(what);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    struct sigaction act = {.sa_handler = on_signal}; /* no SA_RESTART: accept ends */
    int fd, client;

    if (argc != 6 || crypto_init() != RC_OK)
        fail("usage: PORT SIGN.pem SIGN.key ENCRYPT.pem ENCRYPT.key");
    sigaction(SIGHUP, &act, NULL);
    sigaction(SIGTERM, &act, NULL);
    load(argv + 2);
    if (!identity)
        exit(1);
    fd = listen_at(argv[1]);
    say("ready");
    while (!over) {
        client = accept(fd, NULL, NULL);
        if (again) {
            again = 0;
            load(argv + 2);
            say("reloaded");
        }
        if (client >= 0)
            serve(client);
    }
    close(fd);
    tlcp_identity_unref(identity);
    crypto_done();
    return 0;
}
