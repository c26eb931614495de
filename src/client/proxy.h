/* SPDX-License-Identifier: Apache-2.0 */
/* Which connections go through an HTTP proxy, and what is said to it (CONNECT, RFC 9110 section
 * 9.3.6): pure. What a proxy answers is bounded, and nothing may follow its head: the server behind
 * it does not speak first, so whoever does is somebody else. */
#pragma once

#include "base/addr.h"
#include "base/buf.h"
#include "base/err.h"

enum {
    CLIENT_PROXY_RULES_MAX = 64,
    CLIENT_PROXY_LIST_MAX = 4096,
    CLIENT_PROXY_HOST_MAX = 253,
    CLIENT_PROXY_SECRET_MAX = 512,       /* of user and password, in base64 */
    CLIENT_PROXY_ANSWER_MAX = 16 * 1024, /* bytes of its head */
    CLIENT_PROXY_ANSWER_SECONDS = 30,
};

/* An exception: a name with all below it, or a network. */
struct client_proxy_rule {
    char name[CLIENT_PROXY_HOST_MAX + 1]; /* "": a network */
    struct addr_net net;
};

struct client_proxy {
    char host[CLIENT_PROXY_HOST_MAX + 1]; /* "": there is none */
    uint16_t port;
    char secret[CLIENT_PROXY_SECRET_MAX + 1]; /* of Basic (RFC 7617); "": none */
    struct client_proxy_rule rules[CLIENT_PROXY_RULES_MAX];
    size_t n_rules;
    bool never;       /* an exception is "*" */
    bool for_private; /* servers with addresses that are not public, too */
};

/* "http://[USER:PASSWORD@]HOST[:PORT][/]", or without the scheme; port 3128 if none is given. Sets
 * host, port and secret alone. RC_PARSE, RC_UNSUPPORTED for another scheme. */
enum rc client_proxy_parse(struct str url, struct client_proxy *out, struct err *err);
/* Adds a list of exceptions with commas or blanks between: names ("example", ".example",
 * "*.example" are the same), addresses, networks in CIDR, "*". A port behind a name is not looked
 * at. RC_PARSE, RC_TOOBIG. */
enum rc client_proxy_except(struct client_proxy *p, struct str list, struct err *err);
/* Whether it is used for that server: `addrs` are the addresses that its name has here, which may
 * be none. Without for_private it is not where every one of them is private, of this host or of its
 * links. */
bool client_proxy_applies(const struct client_proxy *p, struct str host, const struct addr *addrs,
                          size_t n);
/* What is sent to it; `where` is "host:port". */
enum rc client_proxy_ask(const struct client_proxy *p, struct str where, struct buf *out);
/* All that it has sent so far. RC_AGAIN: more has to come; RC_OK: the way is open; RC_DENIED: it
 * refuses; RC_PARSE, RC_CONFLICT (it goes on speaking), RC_TOOBIG. */
enum rc client_proxy_answer(struct str in, struct err *err);
