/* SPDX-License-Identifier: Apache-2.0 */
/* What one program hands to the next one, as JSON in a memory file. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "json/json.h"
#include "json/out.h"
#include "serve/serve_int.h"

MSG(msg_state, "serve.handover-state",
    "what the program before has handed over cannot be used ({0}): it is of another kind, or was "
    "changed; restart the service");
MSG(msg_memory, "serve.handover-memory", "a memory file for what is handed over: {0}");

#ifdef MFD_NOEXEC_SEAL
#define NOEXEC_SEAL MFD_NOEXEC_SEAL
#else
#define NOEXEC_SEAL 0x0008U /* linux/memfd.h */
#endif

enum {
    SEALS = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE,
    MEMBERS = 6,
    MEMBERS_SOCKET = 5,
    MEMBERS_LEFT = 6,
};

/* ---- written */

static void put_socket(struct json_out *o, const struct serve_socket *s)
{
    char want[ADDR_TEXT] = "";

    json_obj(o);
    json_kv_z(o, "kind", s->l.kind);
    json_kv_u64(o, "number", s->number);
    json_kv_u64(o, "fd", (uint64_t)s->l.fd);
    json_kv_z(o, "want", s->want.addr.n ? addr_port_text(&s->want, want) : "");
    json_kv_z(o, "address", s->l.address);
    json_end(o);
}

static void put_left(struct json_out *o, const struct serve_left *l)
{
    json_obj(o);
    json_kv_z(o, "role", role_name(l->role));
    json_kv_u64(o, "number", l->number);
    json_kv_u64(o, "instance", l->instance);
    json_kv_u64(o, "pid", (uint64_t)l->pid);
    json_kv_i64(o, "since", l->since);
    json_kv_i64(o, "until", l->until);
    json_end(o);
}

enum rc serve_handover_put(const struct serve_handover *h, struct buf *out)
{
    struct json_out o;

    json_out_init(&o, out, JSON_COMPACT);
    json_obj(&o);
    json_kv_u64(&o, "handover", SERVE_HANDOVER);
    json_kv_z(&o, "version", h->version);
    json_kv_u64(&o, "generation", h->generation);
    json_kv_u64(&o, "lock", (uint64_t)h->lock);
    json_key(&o, "sockets");
    json_arr(&o);
    for (size_t i = 0; i < h->sockets.n; i++)
        put_socket(&o, &h->sockets.v[i]);
    json_end(&o);
    json_key(&o, "left");
    json_arr(&o);
    for (size_t i = 0; i < h->n_left; i++)
        put_left(&o, &h->left[i]);
    json_end(&o);
    json_end(&o);
    return json_out_done(&o);
}

/* ---- read */

static enum rc wrong(struct err *err, const char *what)
{
    return ERR(err, RC_PARSE, msg_state, str_of(what));
}

static enum rc number(const struct json *obj, const char *name, uint64_t most, uint64_t *out,
                      struct err *err)
{
    if (json_u64(json_get(obj, name), out) != RC_OK || *out > most)
        return wrong(err, name);
    return RC_OK;
}

static enum rc descriptor(const struct json *obj, const char *name, int *out, struct err *err)
{
    uint64_t v;

    TRY(number(obj, name, SERVE_HANDOVER_FD_MAX, &v, err));
    if (v <= STDERR_FILENO)
        return wrong(err, name);
    *out = (int)v;
    return RC_OK;
}

static enum rc text(const struct json *obj, const char *name, char *out, size_t n, struct err *err)
{
    struct str s;

    if (json_str(json_get(obj, name), &s) != RC_OK || str_copyz(s, out, n) != RC_OK)
        return wrong(err, name);
    return RC_OK;
}

/* Those that have a path, and no others, have no address that was wanted. */
static enum rc addresses(const struct json *v, struct serve_socket *s, struct err *err)
{
    bool path = strcmp(s->l.kind, "control") == 0 || strcmp(s->l.kind, "private") == 0;
    char want[ADDR_TEXT];

    TRY(text(v, "want", want, sizeof(want), err));
    TRY(text(v, "address", s->l.address, sizeof(s->l.address), err));
    if (path)
        return want[0] || !s->l.address[0] ? wrong(err, "address") : RC_OK;
    if (addr_port_parse(str_of(want), &s->want) != RC_OK)
        return wrong(err, "want");
    if (addr_port_parse(str_of(s->l.address), &s->local) != RC_OK || s->local.port == 0)
        return wrong(err, "address");
    return RC_OK;
}

static bool has_fd(const struct serve_handover *h, int fd)
{
    if (fd == h->lock)
        return true;
    for (size_t i = 0; i < h->sockets.n; i++)
        if (h->sockets.v[i].l.fd == fd)
            return true;
    return false;
}

static enum rc read_socket(const struct json *v, struct serve_handover *h, struct err *err)
{
    struct serve_socket *s = &h->sockets.v[h->sockets.n];
    uint64_t n;

    if (json_len(v) != MEMBERS_SOCKET || h->sockets.n == SERVE_SOCKETS_MAX)
        return wrong(err, "sockets");
    *s = (struct serve_socket){};
    TRY(text(v, "kind", s->l.kind, sizeof(s->l.kind), err));
    if (!serve_socket_known(s->l.kind))
        return wrong(err, "kind");
    TRY(number(v, "number", CONF_WORKERS_MAX - 1, &n, err));
    s->number = (unsigned)n;
    TRY(descriptor(v, "fd", &s->l.fd, err));
    if (has_fd(h, s->l.fd))
        return wrong(err, "fd");
    TRY(addresses(v, s, err));
    h->sockets.n++;
    return RC_OK;
}

static enum rc read_left(const struct json *v, struct serve_handover *h, struct err *err)
{
    struct serve_left *l = &h->left[h->n_left];
    char role[ROLE_KIND_MAX];
    uint64_t n;

    if (json_len(v) != MEMBERS_LEFT || h->n_left == SERVE_LEFT_MAX)
        return wrong(err, "left");
    TRY(text(v, "role", role, sizeof(role), err));
    if (strcmp(role, role_name(ROLE_GATEWAY)) == 0)
        l->role = ROLE_GATEWAY;
    else if (strcmp(role, role_name(ROLE_FRONT)) == 0)
        l->role = ROLE_FRONT;
    else
        return wrong(err, "role");
    TRY(number(v, "number", CONF_WORKERS_MAX - 1, &n, err));
    l->number = (unsigned)n;
    TRY(number(v, "instance", UINT8_MAX, &n, err));
    l->instance = (uint8_t)n;
    TRY(number(v, "pid", INT32_MAX, &n, err));
    l->pid = (pid_t)n;
    if (n <= 1 || json_i64(json_get(v, "since"), &l->since) != RC_OK ||
        json_i64(json_get(v, "until"), &l->until) != RC_OK)
        return wrong(err, n <= 1 ? "pid" : "until");
    h->n_left++;
    return RC_OK;
}

static enum rc read_list(const struct json *root, const char *name, struct serve_handover *h,
                         enum rc (*one)(const struct json *v, struct serve_handover *h,
                                        struct err *err),
                         struct err *err)
{
    const struct json *list = json_get(root, name), *v;
    struct json_iter it = json_iter(list);

    if (json_type(list) != JSON_ARRAY)
        return wrong(err, name);
    while (json_next(&it, NULL, &v))
        TRY(one(v, h, err));
    return RC_OK;
}

enum rc serve_handover_parse(struct str json, struct serve_handover *out, struct err *err)
{
    CLEANUP(json_freep) struct json_doc *doc = NULL;
    const struct json *root;
    uint64_t format;
    enum rc rc = json_parse(json, SERVE_HANDOVER_MAX, &doc, NULL);

    if (rc == RC_NOMEM)
        return rc;
    if (rc != RC_OK)
        return wrong(err, "JSON");
    root = json_root(doc);
    TRY(number(root, "handover", UINT32_MAX, &format, err));
    if (format != SERVE_HANDOVER || json_len(root) != MEMBERS)
        return wrong(err, "handover");
    *out = (struct serve_handover){};
    TRY(text(root, "version", out->version, sizeof(out->version), err));
    TRY(number(root, "generation", INT64_MAX, &out->generation, err));
    TRY(descriptor(root, "lock", &out->lock, err));
    TRY(read_list(root, "sockets", out, read_socket, err));
    return read_list(root, "left", out, read_left, err);
}

/* ---- in memory */

static enum rc no_file(struct err *err)
{
    return ERR(err, RC_IO, msg_memory, str_of(strerrordesc_np(errno)));
}

/* Kernels before 6.3 do not know what cannot be executed, those after it may want no other. */
static int make_file(void)
{
    int fd = memfd_create("handover", MFD_CLOEXEC | MFD_ALLOW_SEALING | NOEXEC_SEAL);

    return fd < 0 && errno == EINVAL ? memfd_create("handover", MFD_CLOEXEC | MFD_ALLOW_SEALING)
                                     : fd;
}

enum rc serve_handover_seal(const struct serve_handover *h, int *out_fd, struct err *err)
{
    CLEANUP(buf_done) struct buf json = BUF_INIT(SERVE_HANDOVER_MAX);
    CLEANUP(fd_closep) int fd = -1;

    TRY(serve_handover_put(h, &json));
    fd = make_file();
    if (fd < 0 || write(fd, json.p, json.n) != (ssize_t)json.n ||
        fcntl(fd, F_ADD_SEALS, SEALS) != 0)
        return no_file(err);
    *out_fd = fd_move(&fd);
    return RC_OK;
}

enum rc serve_handover_open(int fd, struct serve_handover *out, struct err *err)
{
    CLEANUP(buf_done) struct buf json = BUF_INIT(SERVE_HANDOVER_MAX);
    int seals = fcntl(fd, F_GET_SEALS);
    struct stat st;

    if (seals < 0 || (seals & SEALS) != SEALS)
        return ERR(err, RC_INVAL, msg_state, STR("seals"));
    if (fstat(fd, &st) != 0)
        return no_file(err);
    if (st.st_size <= 0 || st.st_size > SERVE_HANDOVER_MAX)
        return ERR(err, RC_INVAL, msg_state, STR("size"));
    if (!buf_reserve(&json, (size_t)st.st_size))
        return RC_NOMEM;
    if (pread(fd, json.p, (size_t)st.st_size, 0) != st.st_size)
        return no_file(err);
    json.n = (size_t)st.st_size;
    return serve_handover_parse(buf_str(&json), out, err);
}
