/* SPDX-License-Identifier: Apache-2.0 */
/* The client's transport over sockets: HTTP/1.1 with connections that are kept. What a connection
 * stands on is a net_stream: a Unix socket, or whatever client/reach.h comes back with. */
#pragma once

#include "client/reach.h"
#include "client/transport.h"

struct ev;

enum {
    CLIENT_HTTP_CONNECTIONS_MAX = 4,
    CLIENT_HTTP_WAITING_MAX = 64,         /* requests that have no connection yet */
    CLIENT_HTTP_ANSWER_SLACK = 64 * 1024, /* bytes received beyond the body allowed */
    CLIENT_HTTP_REQUEST_MAX = 256 * 1024, /* bytes of a request, its head included */
    CLIENT_HTTP_PATH_MAX = 108,           /* of a Unix socket, with the terminator */
    CLIENT_HTTP_ORIGIN_MAX = 280,         /* "https://host:port", with the terminator */
};

/* Everything goes over the Unix stream socket at `path`, whatever the URL's host and scheme: for a
 * server on this machine that the file's owner and mode protect. The path is copied. RC_NOMEM,
 * RC_TOOBIG. */
enum rc client_http_unix(struct ev *ev, const char *path, struct client_transport **out);
/* To whatever host the URL names, by http and https; connections are kept for each origin. `conf`
 * is copied. RC_NOMEM. */
enum rc client_http_net(const struct client_reach_conf *conf, struct client_transport **out);
