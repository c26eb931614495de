/* SPDX-License-Identifier: Apache-2.0 */
/* Datagrams answered from where they arrived, by sockets of either family. */
#include "check.h"

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "net/datagram.h"
#include "net/net.h"

enum { ROOM = 64, MILLISECONDS = 5000 };

static struct sockaddr_in loopback(uint32_t address, uint16_t port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {.s_addr = htonl(address)}};
}

static bool waits(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};

    return poll(&p, 1, MILLISECONDS) == 1;
}

/* Asks at 127.0.0.7, which is one of many addresses of this host, and looks who answers. */
static void answered_from_there(const struct addr_port *at)
{
    CLEANUP(fd_closep) int server = -1;
    CLEANUP(fd_closep) int client = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct addr_port local = {.port = 0};
    struct net_origin from;
    struct sockaddr_in to, who;
    socklen_t n_who = sizeof(who);
    char room[ROOM];
    size_t n = 0;

    CHECK(client >= 0);
    CHECK_OK(net_listen_datagrams(at, &server, &local, NULL));
    CHECK(local.port != 0);
    CHECK_RC(net_datagram_take(server, room, sizeof(room), &n, &from), RC_AGAIN);
    to = loopback(0x7f000007, local.port);
    CHECK_INT(sendto(client, "what?", 5, 0, (struct sockaddr *)&to, sizeof(to)), 5);
    CHECK(waits(server));
    CHECK_OK(net_datagram_take(server, room, sizeof(room), &n, &from));
    CHECK_STR(str_bytes(room, n), "what?");
    CHECK_INT(from.peer.addr.n, 4);
    CHECK_OK(net_datagram_give(server, STR("that"), &from));
    CHECK(waits(client));
    CHECK_INT(recvfrom(client, room, sizeof(room), 0, (struct sockaddr *)&who, &n_who), 4);
    CHECK_INT(ntohl(who.sin_addr.s_addr), 0x7f000007);
    CHECK_INT(ntohs(who.sin_port), local.port);
}

static void of_ipv4(void)
{
    answered_from_there(&(struct addr_port){.addr = {.n = 4}});
}

static void of_both(void)
{
    answered_from_there(&(struct addr_port){.addr = {.n = 16}});
}

/* What is too long is passed over, and what comes behind it is not. */
static void too_long(void)
{
    CLEANUP(fd_closep) int server = -1;
    CLEANUP(fd_closep) int client = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct addr_port local = {.port = 0};
    struct net_origin from;
    struct sockaddr_in to;
    char room[ROOM], big[ROOM + 1] = "";
    size_t n = 0;

    CHECK(client >= 0);
    CHECK_OK(net_listen_datagrams(&(struct addr_port){.addr = {4, {127, 0, 0, 1}}}, &server, &local,
                                  NULL));
    to = loopback(0x7f000001, local.port);
    CHECK_INT(sendto(client, big, sizeof(big), 0, (struct sockaddr *)&to, sizeof(to)), ROOM + 1);
    CHECK_INT(sendto(client, "ok", 2, 0, (struct sockaddr *)&to, sizeof(to)), 2);
    CHECK(waits(server));
    CHECK_OK(net_datagram_take(server, room, sizeof(room), &n, &from));
    CHECK_STR(str_bytes(room, n), "ok");
}

/* Another one there is noticed, although the kernel would let both have it. */
static void one_alone(void)
{
    CLEANUP(fd_closep) int first = -1;
    CLEANUP(fd_closep) int second = -1;
    struct addr_port at = {.addr = {4, {127, 0, 0, 1}}};
    struct err err = ERR_INIT;

    CHECK_OK(net_listen_datagrams(&at, &first, &at, NULL));
    CHECK_RC(net_listen_datagrams(&at, &second, NULL, &err), RC_EXISTS);
    CHECK_STR(str_of(err.msg->code), "net.address-in-use");
}

CHECK_MAIN(CHECK_TEST(of_ipv4), CHECK_TEST(of_both), CHECK_TEST(too_long), CHECK_TEST(one_alone))
