/* SPDX-License-Identifier: Apache-2.0 */
#include "dns_fake.h"

#include <strings.h>
#include <sys/socket.h>

#include "base/fd.h"

enum {
    HEADER = 12,
    MESSAGE = 4096,
    CHAIN = 12,
    NS = 2,
    CNAME = 5,
    TXT = 16,
    AAAA = 28,
    DNAME = 39,
    CAA = 257,
    NAME = 300
};

void dns_fake_init(struct dns_fake *f, struct net *net)
{
    *f = (struct dns_fake){.net = net, .other = -1};
}

void dns_fake_done(struct dns_fake *f)
{
    for (size_t i = 0; i < f->n_sockets; i++)
        fd_close(&f->sockets[i].fd);
    fd_close(&f->other);
}

struct dns_fake_server *dns_fake_add(struct dns_fake *f, const char *at,
                                     const struct dns_fake_rr *rrs)
{
    struct dns_fake_server *s = f->servers;
    struct addr_port ap;

    while (s->at)
        s++;
    *s = (struct dns_fake_server){.at = at, .rrs = rrs};
    if (addr_port_parse(str_of(at), &ap) == RC_OK)
        IGNORE_RC(net_fake_rule(f->net, &ap, NET_FAKE_ACCEPT));
    return s;
}

struct message {
    unsigned char b[MESSAGE];
    size_t n;
};

static void u16(struct message *m, unsigned v)
{
    m->b[m->n++] = (unsigned char)(v >> 8);
    m->b[m->n++] = (unsigned char)v;
}

static void put_name(struct message *m, const char *name)
{
    while (*name) {
        size_t n = strcspn(name, ".");

        m->b[m->n++] = (unsigned char)n;
        memcpy(m->b + m->n, name, n);
        m->n += n;
        name += n + (name[n] == '.');
    }
    m->b[m->n++] = 0;
}

static void put_rr(struct message *m, const struct dns_fake_rr *rr)
{
    size_t at;
    struct addr addr;

    put_name(m, rr->name);
    u16(m, (unsigned)rr->type);
    u16(m, 1);
    u16(m, 0);
    u16(m, 60);
    at = m->n;
    u16(m, 0);
    if (rr->type == CNAME || rr->type == DNAME || rr->type == NS) {
        put_name(m, rr->data);
    } else if (rr->type == CAA) { /* "issue ca.example", "!critical value" */
        const char *tag = rr->data + (rr->data[0] == '!');
        size_t n = strcspn(tag, " ");
        size_t rest = strlen(tag + n) - (tag[n] == ' ');

        m->b[m->n++] = rr->data[0] == '!' ? 0x80 : 0;
        m->b[m->n++] = (unsigned char)n;
        memcpy(m->b + m->n, tag, n);
        m->n += n;
        memcpy(m->b + m->n, tag + n + (tag[n] == ' '), rest);
        m->n += rest;
    } else if (rr->type == TXT) {
        m->b[m->n++] = (unsigned char)strlen(rr->data);
        memcpy(m->b + m->n, rr->data, strlen(rr->data));
        m->n += strlen(rr->data);
    } else if (addr_parse(str_of(rr->data), &addr) == RC_OK) {
        if (rr->type == AAAA && addr.n == 4) { /* IPv4-mapped */
            memset(m->b + m->n, 0, 10);
            memset(m->b + m->n + 10, 0xff, 2);
            m->n += 12;
        }
        memcpy(m->b + m->n, addr.b, addr.n);
        m->n += addr.n;
    }
    m->b[at] = (unsigned char)((m->n - at - 2) >> 8);
    m->b[at + 1] = (unsigned char)(m->n - at - 2);
}

/* Appends what there is, along the aliases; returns the rcode. */
static unsigned put_answers(const struct dns_fake_server *s, const char *name, int type,
                            struct message *m)
{
    unsigned count = 0;
    bool known = false;

    for (int step = 0; step < CHAIN && name; step++) {
        const char *next = NULL;

        known = false;
        for (const struct dns_fake_rr *rr = s->rrs; rr && rr->name; rr++) {
            size_t longer = strlen(name) - strlen(rr->name);

            if (rr->type == DNAME && strlen(name) > strlen(rr->name) && name[longer - 1] == '.' &&
                strcasecmp(name + longer, rr->name) == 0) {
                put_rr(m, rr); /* without the CNAME that servers make of it */
                count++;
            }
            if (strcasecmp(rr->name, name) != 0)
                continue;
            known = true;
            if (rr->type == type || rr->type == CNAME) {
                put_rr(m, rr);
                count++;
            }
            next = rr->type == CNAME ? rr->data : next;
        }
        name = next;
    }
    m->b[7] = (unsigned char)count;
    return known || count ? 0 : 3;
}

static size_t take_name(const unsigned char *q, size_t n, char name[static NAME])
{
    size_t at = HEADER, out = 0;

    while (at < n && q[at] && at + q[at] + 1 < n && out + q[at] + 2 < NAME) {
        memcpy(name + out, q + at + 1, q[at]);
        out += q[at];
        name[out++] = '.';
        at += q[at] + 1u;
    }
    name[out ? out - 1 : 0] = '\0';
    return at + 1;
}

static void answer(struct dns_fake_server *s, const struct dns_fake_socket *sock,
                   const unsigned char *q, size_t n, struct message *m)
{
    char name[NAME];
    size_t end = take_name(q, n, name) + 4;
    bool truncate = s->only_tcp && !sock->tcp;
    unsigned rcode = s->rcode, flags = 0x8000;

    memcpy(m->b, q, end);
    m->n = end;
    memset(m->b + 6, 0, 6);
    if (s->no_edns && q[11]) {
        rcode = 1;
        m->b[5] = 0;
        m->n = HEADER;
    } else if (s->broken && strcasecmp(s->broken, name) == 0) {
        rcode = 2;
    } else if (!rcode && !truncate) {
        rcode = put_answers(s, name, q[end - 4] << 8 | q[end - 3], m);
    }
    flags |= s->knows_nothing ? 0 : s->authoritative ? 0x0400 : 0x0080;
    flags |= (truncate ? 0x0200 : 0) | rcode | ((unsigned)q[2] & 1) << 8;
    m->b[2] = (unsigned char)(flags >> 8);
    m->b[3] = (unsigned char)flags;
    if (s->garbage)
        m->b[7] = 9;
}

static void reply(struct dns_fake_server *s, const struct dns_fake_socket *sock,
                  const unsigned char *q, size_t n)
{
    unsigned char prefix[2];
    struct message m = {.n = 0};

    s->queries++;
    s->by_tcp += sock->tcp;
    s->recursive += q[2] & 1;
    if (s->silent)
        return;
    answer(s, sock, q, n, &m);
    prefix[0] = (unsigned char)(m.n >> 8);
    prefix[1] = (unsigned char)m.n;
    for (unsigned i = 0; i < s->strays; i++) {
        struct message stray = m;

        stray.b[i % 2 ? 1 : HEADER + 1] ^= 1; /* another id, another name */
        (void)!send(sock->fd, stray.b, stray.n, MSG_NOSIGNAL);
    }
    /* In two pieces, as TCP may. */
    if (sock->tcp && send(sock->fd, prefix, 2, MSG_NOSIGNAL) != 2)
        return;
    (void)!send(sock->fd, m.b, m.n, MSG_NOSIGNAL);
}

static void take_new(struct dns_fake *f)
{
    struct net_target target;
    int fd;

    while (f->n_sockets < DNS_FAKE_SOCKETS && net_fake_take(f->net, &fd, &target) == RC_OK) {
        char at[ADDR_TEXT];
        struct dns_fake_server *s = f->servers;
        int type = 0;
        socklen_t n = sizeof(type);

        addr_port_text(&target.to, at);
        while (s < f->servers + DNS_FAKE_SERVERS && s->at && strcmp(s->at, at) != 0)
            s++;
        if (s < f->servers + DNS_FAKE_SERVERS && s->at &&
            getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &n) == 0) {
            f->sockets[f->n_sockets++] = (struct dns_fake_socket){fd, type == SOCK_STREAM, s};
        } else {
            fd_close(&f->other);
            f->other = fd;
            f->other_target = target;
        }
    }
}

void dns_fake_serve(struct dns_fake *f)
{
    unsigned char q[MESSAGE];

    take_new(f);
    for (size_t i = 0; i < f->n_sockets; i++) {
        struct dns_fake_socket *sock = &f->sockets[i];
        size_t skip = sock->tcp ? 2 : 0;
        ssize_t n = recv(sock->fd, q, sizeof(q), MSG_DONTWAIT);

        if (n > (ssize_t)(HEADER + skip))
            reply(sock->server, sock, q + skip, (size_t)n - skip);
    }
}
