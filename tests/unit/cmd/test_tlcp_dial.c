/* SPDX-License-Identifier: Apache-2.0 */
/* Servers of TLCP that ask for certificates, dialled: one that takes what the standard says, and
 * one that ends the connection unless it is answered as GmSSL 3 has it. They are a process of their
 * own that tells through a pipe what it was shown. */
#include "check.h"

#include <arpa/inet.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../tlcp/made.h"
#include "base/fd.h"
#include "cmd/tlcp_int.h"
#include "tls/tlcp_client.h"

enum takes { ANY, NONE, ONE, SECOND };

struct server {
    struct cmd_tlcp_target target;
    int listener, told; /* `told`: a byte for each handshake, how many certificates came */
    pid_t pid;
    enum takes takes;
    enum tlcp_ask ask;
    bool digest_only; /* CertificateVerify has to be of the digest */
};

/* In the child. */
static struct server *served;
static unsigned char shown, handshakes;

static enum rc choose(void *, const struct tlcp_hello *, struct tlcp_shown *out, struct err *)
{
    *out = (struct tlcp_shown){.identity = of_server.identity, .ask = served->ask};
    return RC_OK;
}

static enum rc judge(void *, const struct str *, size_t n, enum x509_trouble *, struct err *)
{
    bool good[] = {
        [ANY] = true, [NONE] = false, [ONE] = n == 1, [SECOND] = n == 2 && handshakes == 2};

    shown = (unsigned char)n;
    return good[served->takes] ? RC_OK : RC_DENIED;
}

static void answer(int fd)
{
    struct tlcp_server_conf conf = {
        .choose = choose, .judge = judge, .raw_verify = !served->digest_only};
    struct tlcp_conn *c = NULL;
    char rest[64];

    shown = 0;
    handshakes++;
    if (tlcp_server_new(&conf, NULL, &c) == RC_OK)
        IGNORE_RC(tls_tlcp_connect(c, fd, NULL));
    tlcp_conn_free(c);
    if (write(served->told, &shown, 1) != 1)
        _exit(1);
    shutdown(fd, SHUT_WR);
    while (read(fd, rest, sizeof(rest)) > 0)
        ;
    close(fd);
}

_Noreturn static void serve(struct server *s)
{
    int fd;

    mem_fail_hold(true);
    served = s;
    alarm(60);
    while ((fd = accept(s->listener, NULL, NULL)) >= 0)
        answer(fd);
    _exit(0);
}

static enum rc begin(struct server *s, enum takes takes, enum tlcp_ask ask, bool digest_only)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof(at);
    char text[32];
    int both[2];

    signal(SIGPIPE, SIG_IGN);
    s->takes = takes;
    s->ask = ask;
    s->digest_only = digest_only;
    s->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (s->listener < 0 || bind(s->listener, (struct sockaddr *)&at, n) != 0 ||
        listen(s->listener, 8) != 0 || getsockname(s->listener, (struct sockaddr *)&at, &n) != 0 ||
        pipe(both) != 0)
        return RC_IO;
    snprintf(text, sizeof(text), "127.0.0.1:%u", ntohs(at.sin_port));
    s->told = both[1];
    s->pid = fork();
    if (s->pid == 0)
        serve(s);
    s->told = both[0];
    close(both[1]);
    fd_close(&s->listener);
    return s->pid > 0 && cmd_tlcp_target(text, &s->target) ? RC_OK : RC_IO;
}

static void end(struct server *s)
{
    fd_close(&s->listener);
    fd_close(&s->told);
    if (s->pid > 0) {
        kill(s->pid, SIGKILL);
        waitpid(s->pid, NULL, 0);
    }
}

#define SERVER(s, takes, ask, digest_only)                                                         \
    CLEANUP(end) struct server s = {.listener = -1, .told = -1};                                   \
    CHECK_OK(begin(&s, takes, ask, digest_only))

#define DIAL(d, s, who)                                                                            \
    CLEANUP(cmd_tlcp_dial_done)                                                                    \
    struct cmd_tlcp_dial d = {.target = &s.target, .conf = {.identity = who}, .fd = -1}

/* How many certificates the next handshake had. */
static int told(const struct server *s)
{
    unsigned char n;

    return read(s->told, &n, 1) == 1 ? n : -1;
}

static void what_the_standard_says_goes_first(void)
{
    SERVER(s, ANY, TLCP_DEMAND, false);
    DIAL(d, s, of_client.identity);

    CHECK_OK(cmd_tlcp_dial(&d, NULL));
    CHECK(!d.gmssl && d.conn && d.fd >= 0);
    CHECK_INT(told(&s), 2);
}

static void then_one_certificate(void)
{
    SERVER(s, ONE, TLCP_DEMAND, false);
    DIAL(d, s, of_client.identity);

    CHECK_OK(cmd_tlcp_dial(&d, NULL));
    CHECK(d.gmssl);
    CHECK_INT(told(&s), 2);
    CHECK_INT(told(&s), 1);
}

/* And then the messages are what is signed. */
static void which_signs_the_messages(void)
{
    SERVER(s, ONE, TLCP_DEMAND, true);
    DIAL(d, s, of_client.identity);

    CHECK_RC(cmd_tlcp_dial(&d, NULL), RC_NET);
    CHECK(d.conn);
    CHECK_INT(tlcp_conn_alert(d.conn), 51);
}

/* There two are needed in either way. */
static void then_ecdhe(void)
{
    static const uint16_t suite = TLCP_ECDHE_SM4_GCM_SM3;
    SERVER(s, SECOND, TLCP_ASK_NOBODY, false);
    DIAL(d, s, of_client.identity);

    d.conf.suites = &suite;
    d.conf.n_suites = 1;
    CHECK_OK(cmd_tlcp_dial(&d, NULL));
    CHECK(d.gmssl);
    CHECK_INT(told(&s), 2);
    CHECK_INT(told(&s), 2);
}

/* Two handshakes, and what the first one met is what is told. */
static void who_takes_neither(void)
{
    SERVER(s, NONE, TLCP_DEMAND, false);
    DIAL(d, s, of_client.identity);
    struct err err = ERR_INIT;

    CHECK_RC(cmd_tlcp_dial(&d, &err), RC_NET);
    CHECK(d.gmssl && err.msg && d.conn && tlcp_conn_asked(d.conn));
    CHECK_INT(told(&s), 2);
    CHECK_INT(told(&s), 1);
}

/* Nothing to show, or nobody that asks: there is no other way to try. */
static void once_without_certificates(void)
{
    SERVER(s, ANY, TLCP_DEMAND, false);
    DIAL(d, s, NULL);

    CHECK_RC(cmd_tlcp_dial(&d, NULL), RC_NET);
    CHECK(!d.gmssl && d.conn && tlcp_conn_asked(d.conn));
    CHECK_INT(told(&s), 0);
}

static void once_where_nobody_asks(void)
{
    SERVER(s, NONE, TLCP_ASK_NOBODY, false);
    DIAL(d, s, of_client.identity);

    CHECK_OK(cmd_tlcp_dial(&d, NULL));
    CHECK(!d.gmssl && !tlcp_conn_asked(d.conn));
    CHECK_INT(told(&s), 0);
}

CHECK_MAIN_WITH(begin_all() == RC_OK, end_all(), CHECK_TEST(what_the_standard_says_goes_first),
                CHECK_TEST(then_one_certificate), CHECK_TEST(which_signs_the_messages),
                CHECK_TEST(then_ecdhe), CHECK_TEST(who_takes_neither),
                CHECK_TEST(once_without_certificates), CHECK_TEST(once_where_nobody_asks))
