/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "net/net.h"

static struct addr_port at(const char *text)
{
    struct addr_port ap = {.port = 0};

    assert_int_equal(addr_port_parse(str_of(text), &ap), RC_OK);
    return ap;
}

static bool message_has(const struct err *err, const char *what)
{
    char text[2048];

    return strstr(err_textz(err, text, sizeof(text)), what) || mem_fail_fired();
}

/* A plain blocking client, so that what is tested is only the listening side. */
static int client_of(const struct addr_port *ap)
{
    struct sockaddr_in sa = {
        .sin_family = AF_INET, .sin_port = htons(ap->port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd >= 0 && connect(fd, (struct sockaddr *)&sa, sizeof(sa)) != 0)
        fd_close(&fd);
    return fd;
}

static bool sends_without_delay(int fd)
{
    int on = 0;
    socklen_t n = sizeof(on);

    return getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, &n) == 0 && on;
}

static bool wait_readable(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};

    return poll(&p, 1, 10000) == 1;
}

static void listens_and_accepts(void)
{
    struct addr_port any = at("127.0.0.1:0");
    CLEANUP(fd_closep) int l = -1;
    CLEANUP(fd_closep) int c = -1;
    CLEANUP(fd_closep) int s = -1;
    struct addr_port local, peer, seen;

    CHECK_OK(net_listen(&any, &l, &local, NULL));
    CHECK(local.port != 0);
    CHECK(addr_eq(&local.addr, &any.addr));
    CHECK(fcntl(l, F_GETFD) & FD_CLOEXEC);
    CHECK_RC(net_accept(l, &s, NULL), RC_AGAIN);
    c = client_of(&local);
    CHECK(c >= 0 && wait_readable(l));
    CHECK_OK(net_accept(l, &s, &peer));
    CHECK(fcntl(s, F_GETFD) & FD_CLOEXEC);
    CHECK(fcntl(s, F_GETFL) & O_NONBLOCK);
    CHECK(sends_without_delay(s));
    CHECK_OK(net_local_addr(c, &seen));
    CHECK(addr_eq(&seen.addr, &peer.addr) && seen.port == peer.port);
    CHECK_OK(net_peer_addr(s, &seen));
    CHECK_INT(seen.port, peer.port);
    CHECK_RC(net_peer_cred(s, &(struct net_cred){0}), RC_INVAL);
}

static void any_address_takes_ipv4_too(void)
{
    struct addr_port any = at("[::]:0");
    CLEANUP(fd_closep) int l = -1;
    CLEANUP(fd_closep) int c = -1;
    CLEANUP(fd_closep) int s = -1;
    struct addr_port local, peer;

    CHECK_OK(net_listen(&any, &l, &local, NULL));
    c = client_of(&local);
    CHECK(c >= 0 && wait_readable(l));
    CHECK_OK(net_accept(l, &s, &peer));
    /* Not ::ffff:127.0.0.1: one host has one form. */
    CHECK_INT(peer.addr.n, 4);
}

static void says_what_is_in_the_way(void)
{
    struct addr_port any = at("127.0.0.1:0");
    struct addr_port foreign = at("192.0.2.1:0");
    CLEANUP(fd_closep) int l = -1;
    int none = -1;
    struct addr_port local;
    struct err err = ERR_INIT;

    CHECK_OK(net_listen(&any, &l, &local, NULL));
    CHECK_RC(net_listen(&local, &none, NULL, &err), RC_EXISTS);
    CHECK(message_has(&err, "127.0.0.1:") && message_has(&err, "another program"));
    CHECK_RC(net_listen(&foreign, &none, NULL, &err), RC_NOTFOUND);
    CHECK(message_has(&err, "192.0.2.1:0") && message_has(&err, "no such address"));
    CHECK_RC(net_listen(&(struct addr_port){.port = 1}, &none, NULL, &err), RC_IO);
    CHECK_INT(none, -1);
}

/* Each connection meets one of them, and no third party comes in between unnoticed. */
static void several_share_one_address(void)
{
    struct addr_port any = at("127.0.0.1:0");
    CLEANUP(fd_closep) int first = -1;
    CLEANUP(fd_closep) int second = -1;
    CLEANUP(fd_closep) int c = -1;
    CLEANUP(fd_closep) int s = -1;
    int none = -1;
    struct addr_port local, same;
    struct err err = ERR_INIT;

    CHECK_OK(net_listen_shared(&any, false, &first, &local, NULL));
    CHECK_RC(net_listen_shared(&local, false, &none, NULL, &err), RC_EXISTS);
    CHECK(message_has(&err, "another program"));
    CHECK_RC(net_listen(&local, &none, NULL, &err), RC_EXISTS);
    CHECK_INT(none, -1);
    CHECK_OK(net_listen_shared(&local, true, &second, &same, NULL));
    CHECK_INT(same.port, local.port);
    c = client_of(&local);
    CHECK(c >= 0);
    CHECK(net_accept(first, &s, NULL) == RC_OK || net_accept(second, &s, NULL) == RC_OK);
}

static void one_that_is_alone_is_not_joined(void)
{
    struct addr_port any = at("127.0.0.1:0");
    CLEANUP(fd_closep) int l = -1;
    int none = -1;

    CHECK_OK(net_listen(&any, &l, &any, NULL));
    CHECK_RC(net_listen_shared(&any, true, &none, NULL, NULL), RC_EXISTS);
    CHECK_INT(none, -1);
}

static void privileged_ports_need_privilege(void)
{
    struct addr_port low = at("127.0.0.1:1");
    int none = -1;
    struct err err = ERR_INIT;

    if (geteuid() == 0 && (setegid(65534) != 0 || seteuid(65534) != 0))
        skip();
    CHECK_RC(net_listen(&low, &none, NULL, &err), RC_DENIED);
    CHECK_INT(seteuid(getuid()), 0);
    CHECK_INT(setegid(getgid()), 0);
    CHECK(message_has(&err, "127.0.0.1:1") && message_has(&err, "1024"));
}

static void remove_dir(char (*dir)[64])
{
    char path[128];

    snprintf(path, sizeof(path), "%s/sock", *dir);
    unlink(path);
    rmdir(*dir);
}

#define WITH_DIR                                                                                   \
    CLEANUP(remove_dir) char dir[64] = "/tmp/autarky-test-XXXXXX";                                 \
    char path[128];                                                                                \
    CHECK(mkdtemp(dir));                                                                           \
    snprintf(path, sizeof(path), "%s/sock", dir)

static void unix_sockets_know_their_peer(void)
{
    WITH_DIR;
    CLEANUP(fd_closep) int l = -1;
    CLEANUP(fd_closep) int c = -1;
    CLEANUP(fd_closep) int s = -1;
    struct addr_port peer = {.port = 9};
    struct net_cred cred = {0};
    struct stat st;
    mode_t mask = umask(077);
    enum rc rc = net_listen_unix(path, 0666, &l, NULL);

    umask(mask);
    CHECK_OK(rc);
    CHECK_INT(stat(path, &st), 0);
    CHECK(S_ISSOCK(st.st_mode));
    CHECK_INT(st.st_mode & 0777, 0666);
    CHECK_OK(net_connect_unix(path, &c, NULL));
    CHECK_OK(net_accept(l, &s, &peer));
    CHECK_INT(peer.addr.n, 0);
    CHECK_OK(net_peer_cred(s, &cred));
    CHECK_INT(cred.pid, getpid());
    CHECK_INT(cred.uid, geteuid());
    CHECK_RC(net_peer_addr(s, &peer), RC_INVAL);
    CHECK_RC(net_local_addr(s, &peer), RC_INVAL);
}

/* In a process of its own, which may sign in only where the kernel has an audit trail and we are
 * root: 77 then; else 0 when the peer's login is what it should be. */
static int signs_in(const char *path, int l)
{
    CLEANUP(fd_closep) int c = -1;
    CLEANUP(fd_closep) int s = -1;
    CLEANUP(fd_closep) int file = open("/proc/self/loginuid", O_WRONLY | O_CLOEXEC);
    struct net_cred cred = {0};
    uid_t login = 0;

    if (file < 0 || write(file, "12345", 5) != 5)
        return 77;
    if (net_connect_unix(path, &c, NULL) != RC_OK || net_accept(l, &s, NULL) != RC_OK ||
        net_peer_cred(s, &cred) != RC_OK || net_peer_login(&cred, &login) != RC_OK)
        return 1;
    return login == 12345 ? 0 : 2;
}

static void a_peer_has_signed_in(void)
{
    WITH_DIR;
    CLEANUP(fd_closep) int l = -1;
    uid_t login = 0;
    int status = -1;
    pid_t child;

    CHECK_OK(net_listen_unix(path, 0600, &l, NULL));
    child = fork();
    if (child == 0)
        _exit(signs_in(path, l));
    CHECK_INT(waitpid(child, &status, 0), child);
    CHECK(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == 77);
    CHECK_RC(net_peer_login(&(struct net_cred){.pid = INT_MAX}, &login), RC_NOTFOUND);
}

static void unix_sockets_replace_only_the_dead(void)
{
    WITH_DIR;
    CLEANUP(fd_closep) int l = -1;
    CLEANUP(fd_closep) int second = -1;
    int none = -1;
    struct err err = ERR_INIT;

    CHECK_RC(net_connect_unix(path, &none, &err), RC_NOTFOUND);
    CHECK(message_has(&err, path) && message_has(&err, "running"));
    CHECK_OK(net_listen_unix(path, 0600, &l, NULL));
    CHECK_RC(net_listen_unix(path, 0600, &none, &err), RC_EXISTS);
    CHECK(message_has(&err, "another process"));
    fd_close(&l);
    CHECK_RC(net_connect_unix(path, &none, NULL), RC_NET);
    CHECK_OK(net_listen_unix(path, 0600, &second, NULL));
    CHECK_INT(unlink(path), 0);
    CHECK_INT(mkdir(path, 0700), 0);
    CHECK_RC(net_listen_unix(path, 0600, &none, &err), RC_EXISTS);
    CHECK_INT(rmdir(path), 0);
    CHECK(message_has(&err, "no socket"));
    CHECK_INT(none, -1);
}

static void unix_paths_have_a_limit(void)
{
    char path[NET_UNIX_PATH_MAX + 2];
    int none = -1;
    struct err err = ERR_INIT;

    memset(path, 'x', sizeof(path) - 1);
    path[sizeof(path) - 1] = '\0';
    CHECK_RC(net_listen_unix(path, 0600, &none, &err), RC_TOOBIG);
    CHECK(message_has(&err, "108 bytes") && message_has(&err, "allows 107"));
    CHECK_RC(net_connect_unix(path, &none, &err), RC_TOOBIG);
    CHECK_RC(net_connect_unix("", &none, &err), RC_TOOBIG);
}

static void accept_needs_a_listener(void)
{
    CLEANUP(fd_closep) int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    int none = -1;

    CHECK_RC(net_accept(fd, &none, NULL), RC_IO);
    CHECK_RC(net_accept(-1, &none, NULL), RC_IO);
}

CHECK_MAIN(CHECK_TEST(listens_and_accepts), CHECK_TEST(any_address_takes_ipv4_too),
           CHECK_TEST(says_what_is_in_the_way), CHECK_TEST(several_share_one_address),
           CHECK_TEST(one_that_is_alone_is_not_joined), CHECK_TEST(privileged_ports_need_privilege),
           CHECK_TEST(unix_sockets_know_their_peer), CHECK_TEST_ONCE(a_peer_has_signed_in),
           CHECK_TEST(unix_sockets_replace_only_the_dead), CHECK_TEST(unix_paths_have_a_limit),
           CHECK_TEST(accept_needs_a_listener))
