/* SPDX-License-Identifier: Apache-2.0 */
#include "world.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "ca/status.h"
#include "conf/load.h"
#include "crypto/crypto.h"

enum { CONFIG_MAX = 64 * 1024, SPINS = 64, SPINS_MAX = 4000, FILE_MAX = 16 << 20 };

const char *world_config = WORLD_CONFIG;
static unsigned world_kinds = 3;

static bool world_staging;

void world_set_staging(void)
{
    world_staging = true;
}

void world_set_kinds(unsigned kinds)
{
    world_kinds = kinds;
}

static bool load_conf(const char *first, const char *extra, const struct conf **out)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(CONFIG_MAX);
    CLEANUP(buf_done) struct buf problems = BUF_INIT(CONFIG_MAX);
    struct conf_report report;
    struct conf_input in;
    enum rc rc;

    buf_putz(&text, first);
    if (extra)
        buf_putz(&text, extra);
    conf_input_init(&in);
    conf_report_init(&report);
    rc = conf_input_add(&in, STR("test.yaml"), buf_str(&text));
    if (rc == RC_OK)
        rc = conf_load(&in, out, &report);
    conf_report_text(&report, &problems);
    if (rc != RC_OK)
        print_message("%s\n", buf_z(&problems));
    conf_report_done(&report);
    conf_input_done(&in);
    return rc == RC_OK;
}

/* The program's first world keeps the files of its ceremony for the others. */
static struct check_dir first = {.fd = -1};

static void forget_first(void)
{
    check_dir_done(&first);
}

static bool copy_file(int from, int to, const char *name)
{
    CLEANUP(buf_done) struct buf content = BUF_INIT(FILE_MAX);

    return file_read(from, name, &content, NULL) == RC_OK &&
           file_write(to, name, buf_str(&content), 0600, FILE_OWNER_SELF, NULL) == RC_OK;
}

/* Directories with files in them, as a data directory has. */
static bool copy_tree(int from, int to, unsigned depth)
{
    DIR *dir = fdopendir(dup(from));
    bool ok = dir != NULL;

    while (ok) {
        const struct dirent *e = readdir(dir);

        if (!e)
            break;
        if (e->d_name[0] == '.')
            continue;
        if (e->d_type == DT_DIR && depth > 0) {
            CLEANUP(fd_closep) int sub = -1;
            CLEANUP(fd_closep) int made = -1;

            struct stat st;

            ok = fstatat(from, e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
                 mkdirat(to, e->d_name, st.st_mode & 0777) == 0;
            sub = openat(from, e->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
            made = openat(to, e->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
            ok = ok && sub >= 0 && made >= 0 && copy_tree(sub, made, depth - 1);
        } else {
            ok = copy_file(from, to, e->d_name);
        }
    }
    if (dir) {
        rewinddir(dir);
        closedir(dir);
    }
    return ok;
}

bool world_passphrase(struct secret **out)
{
    if (secret_new(16, out) != RC_OK)
        return false;
    memcpy(secret_bytes(*out), "correct horse 16", 16);
    return true;
}

static bool ceremony(struct world *w)
{
    CLEANUP(secret_freep) struct secret *secret = NULL;
    struct ceremony c = {
        .data = w->dir.fd, .conf = w->conf, .now = WORLD_NOW, .make_key = world_make_key};
    struct err err = ERR_INIT;

    if (!world_passphrase(&secret))
        return false;
    c.root_passphrase = secret;
    c.passphrase = secret;
    c.arg = secret;
    err.rc = ceremony_make_hierarchy(&c, world_kinds, CA_INTRANET, &w->made, &err);
    if (err.rc == RC_OK && world_staging)
        err.rc = ceremony_make_hierarchy(&c, world_kinds, CA_STAGING, &w->made, &err);
    if (err.rc == RC_OK)
        err.rc = ceremony_write(&c, &w->made, &err);
    if (err.rc == RC_OK)
        err.rc = ceremony_publish(&c, &w->made, &err);
    if (err.rc == RC_OK)
        err.rc = ceremony_rules_write(w->dir.fd, w->conf, false, &err);
    if (err.rc == RC_OK)
        return world_audit_key(w->dir.fd);
    print_message("%s\n", err.msg ? err.msg->code : rc_text(err.rc));
    return false;
}

static bool open_store(struct world *w, bool create)
{
    struct store_options options = {.dir = w->db,
                                    .now = w->clock.now,
                                    .create = create,
                                    .sync = w->disk.sync,
                                    .vfs = w->disk.vfs};
    struct ceremony c = {.now = WORLD_NOW};
    struct ca_change change;

    if (store_open(&options, &w->store, NULL) != RC_OK)
        return false;
    change = ceremony_change(&c, &w->made, "init");
    return !create || store_write_now(w->store, ca_change_apply, &change) == RC_OK;
}

static enum rc play_prober(void *arg, const struct acme_validation *v, acme_validated_fn fn,
                           void *fn_arg);

static enum rc play_look(void *arg, const struct acme_preflight *p, acme_seen_fn fn, void *fn_arg);

static void note_forgotten(void *arg, struct str tag)
{
    struct world *w = arg;

    w->forgotten++;
    snprintf(w->last_forgotten, sizeof(w->last_forgotten), "%.*s", STR_ARG(tag));
}

static enum rc play_register(void *arg, const struct http_shown *, struct arena *,
                             struct store_certificate *out, struct err *)
{
    const struct world *w = arg;

    *out = w->shown_as;
    return w->shown_rc;
}

static bool start_core(struct world *w)
{
    struct ca_options ca = {
        .ev = w->ev, .store = w->store, .conf = w->conf, .orders = acme_order_ops()};
    struct acme_options acme = {.ev = w->ev,
                                .store = w->store,
                                .conf = w->conf,
                                .validate = play_prober,
                                .validate_arg = w,
                                .preflight = play_look,
                                .preflight_arg = w,
                                .shown = play_register,
                                .shown_arg = w,
                                .eab_key = STR("0123456789abcdef0123456789abcdef")};
    struct revocation_options revocation = {
        .ev = w->ev, .store = w->store, .conf = w->conf, .forget = note_forgotten, .arg = w};
    struct str hosts[] = {STR("ca.hospital.example"), STR("localhost")};

    if (ca_new(&ca, &w->ca, NULL) != RC_OK)
        return false;
    revocation.ca = w->ca;
    if (revocation_new(&revocation, &w->revocation) != RC_OK)
        return false;
    if (policy_new(w->conf, &w->policy, NULL) != RC_OK)
        return false;
    acme.policy = w->policy;
    acme.ca = w->ca;
    acme.revocation = w->revocation;
    return acme_new(&acme, &w->acme) == RC_OK && acme_set_hosts(w->acme, hosts, 2) == RC_OK;
}

static void answer_sign(struct world *w, struct ipc_req *req, const struct ipc_sign *msg)
{
    CLEANUP(buf_done) struct buf der = BUF_INIT(X509_CERT_MAX);
    struct ipc_sign_reply reply;
    struct err err = ERR_INIT;
    enum rc rc = ca_signer_answer(w->signer, msg, w->clock.now, &der, &err);

    if (rc != RC_OK) {
        err.rc = rc;
        ipc_reply_err(req, &err);
        return;
    }
    w->signatures++;
    reply.certificate = buf_str(&der);
    IGNORE_RC(ipc_reply(req, &reply));
}

static void on_sign(void *arg, struct ipc_req *req, const void *msg, int fd)
{
    struct world *w = arg;

    (void)fd;
    if (w->signer_silent)
        ipc_req_drop(req);
    else if (w->signer_holds && w->n_held < sizeof(w->held) / sizeof(w->held[0]))
        w->held[w->n_held++] = (struct world_held){req, msg};
    else
        answer_sign(w, req, msg);
}

void world_sign_held(struct world *w, size_t n)
{
    for (size_t i = 0; i < n && w->n_held; i++) {
        struct world_held oldest = w->held[0];

        w->n_held--;
        memmove(w->held, w->held + 1, w->n_held * sizeof(w->held[0]));
        answer_sign(w, oldest.req, oldest.msg);
    }
    world_spin(w);
}

static void on_sign_crl(void *arg, struct ipc_req *req, const void *msg, int fd)
{
    struct world *w = arg;
    CLEANUP(buf_done) struct buf der = BUF_INIT(X509_CRL_MAX);
    struct ipc_sign_crl_reply reply;
    struct err err = ERR_INIT;

    (void)fd;
    err.rc = w->signer_silent ? RC_IO : ca_status_crl(w->signer, msg, w->clock.now, &der, &err);
    if (err.rc != RC_OK) {
        ipc_reply_err(req, &err);
        return;
    }
    reply.crl = buf_str(&der);
    IGNORE_RC(ipc_reply(req, &reply));
}

static void answer_ocsp(struct world *w, struct ipc_req *req, const void *msg)
{
    CLEANUP(buf_done) struct buf der = BUF_INIT(X509_OCSP_MAX);
    struct ipc_sign_ocsp_reply reply;
    struct err err = ERR_INIT;

    err.rc = ca_status_ocsp(w->signer, msg, w->clock.now, &der, &err);
    if (err.rc != RC_OK) {
        ipc_reply_err(req, &err);
        return;
    }
    w->ocsp_signatures++;
    reply.response = buf_str(&der);
    IGNORE_RC(ipc_reply(req, &reply));
}

static void on_sign_ocsp(void *arg, struct ipc_req *req, const void *msg, int fd)
{
    struct world *w = arg;

    (void)fd;
    if (w->signer_silent) {
        ipc_req_drop(req);
    } else if (w->signer_holds && !w->held_ocsp) {
        w->held_ocsp = req;
        w->held_ocsp_msg = msg;
    } else {
        answer_ocsp(w, req, msg);
    }
}

void world_ocsp_held(struct world *w)
{
    if (w->held_ocsp)
        answer_ocsp(w, MOVE(w->held_ocsp), w->held_ocsp_msg);
    world_spin(w);
}

static void drop_held(struct world *w)
{
    while (w->n_held)
        ipc_req_drop(w->held[--w->n_held].req);
    ipc_req_drop(MOVE(w->held_ocsp));
}

static void on_close(void *arg, enum rc why, const struct err *err)
{
    (void)arg;
    (void)why;
    (void)err;
}

void world_signer(struct world *w, bool there)
{
    static const struct ipc_handler handlers[] = {
        {IPC_SIGN, on_sign}, {IPC_SIGN_CRL, on_sign_crl}, {IPC_SIGN_OCSP, on_sign_ocsp}};
    struct ipc_chan_conf core = {
        .self = ROLE_CORE, .peer = ROLE_SIGNER, .on_close = on_close, .arg = w};
    struct ipc_chan_conf signer = {.self = ROLE_SIGNER,
                                   .peer = ROLE_CORE,
                                   .handlers = handlers,
                                   .n_handlers = 3,
                                   .on_close = on_close,
                                   .arg = w};
    int fds[2];

    if (w->ca)
        ca_set_signer(w->ca, NULL);
    if (w->revocation)
        revocation_set_signer(w->revocation, NULL);
    drop_held(w);
    ipc_chan_free(MOVE(w->to_signer));
    ipc_chan_free(MOVE(w->at_signer));
    if (!there || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0)
        return;
    if (ipc_chan_new(w->ev, fds[0], &core, &w->to_signer) != RC_OK ||
        ipc_chan_new(w->ev, fds[1], &signer, &w->at_signer) != RC_OK)
        return;
    ca_set_signer(w->ca, w->to_signer);
    revocation_set_signer(w->revocation, w->to_signer);
}

bool world_signer_again(struct world *w)
{
    CLEANUP(secret_freep) struct secret *secret = NULL;
    struct ca_signer *next;

    if (!world_passphrase(&secret) ||
        ca_signer_open(w->dir.fd, secret, w->conf, &next, NULL) != RC_OK)
        return false;
    world_signer(w, false);
    ca_signer_free(w->signer);
    w->signer = next;
    world_signer(w, true);
    return w->to_signer != NULL;
}

static bool make_files(struct world *w)
{
    if (first.fd >= 0 && !w->disk.vfs)
        return copy_tree(first.fd, w->dir.fd, 1) && open_store(w, false);
    if (!ceremony(w) || mkdir(w->db, 0700) != 0 || !open_store(w, true))
        return false;
    store_close(MOVE(w->store));
    if (first.fd < 0) {
        check_dir_init(&first);
        atexit(forget_first);
        if (!copy_tree(w->dir.fd, first.fd, 1))
            return false;
    }
    return open_store(w, false);
}

bool world_start(struct world *w, const char *extra)
{
    return world_start_on(w, extra, &(struct world_disk){.sync = STORE_SYNC_OFF});
}

bool world_start_on(struct world *w, const char *extra, const struct world_disk *disk)
{
    CLEANUP(secret_freep) struct secret *secret = NULL;

    *w = (struct world){.verdict = RC_OK, .disk = *disk};
    ceremony_made_init(&w->made);
    w->dir.fd = -1;
    if (crypto_init() != RC_OK)
        return false;
    check_dir_init(&w->dir);
    snprintf(w->db, sizeof(w->db), "%s/db", w->dir.path);
    clock_fake_init(&w->clock, WORLD_NOW);
    if (ev_new(&w->clock.clock, &w->ev) != RC_OK || !load_conf(world_config, extra, &w->conf) ||
        !make_files(w) || !world_passphrase(&secret) ||
        ca_signer_open(w->dir.fd, secret, w->conf, &w->signer, NULL) != RC_OK || !start_core(w))
        return false;
    world_signer(w, true);
    world_spin(w);
    return w->to_signer != NULL;
}

static void stop_core(struct world *w)
{
    if (w->ca)
        ca_set_signer(w->ca, NULL);
    if (w->revocation)
        revocation_set_signer(w->revocation, NULL);
    drop_held(w);
    ipc_chan_free(MOVE(w->to_signer));
    ipc_chan_free(MOVE(w->at_signer));
    store_close(MOVE(w->store));
    revocation_free(MOVE(w->revocation));
    acme_free(MOVE(w->acme));
    policy_unref(MOVE(w->policy));
    ca_free(MOVE(w->ca));
}

void world_done(struct world *w)
{
    stop_core(w);
    while (w->n_probes)
        mem_free(w->probes[--w->n_probes]);
    while (w->n_looks)
        mem_free(w->looks[--w->n_looks]);
    ca_signer_free(w->signer);
    ceremony_made_done(&w->made);
    conf_unref(w->conf);
    ev_free(w->ev);
    check_dir_done(&w->dir);
}

bool world_restart(struct world *w)
{
    stop_core(w);
    if (!open_store(w, false) || !start_core(w))
        return false;
    world_signer(w, true);
    world_spin(w);
    return true;
}

bool world_reload(struct world *w, const char *text)
{
    const struct conf *next;
    struct policy *policy;

    if (!load_conf(text, NULL, &next))
        return false;
    if (policy_new(next, &policy, NULL) != RC_OK) {
        conf_unref(next);
        return false;
    }
    policy_unref(w->policy);
    w->policy = policy;
    acme_set_conf(w->acme, next, policy);
    ca_set_conf(w->ca, next);
    revocation_set_conf(w->revocation, next);
    conf_unref(w->conf);
    w->conf = next;
    return true;
}

void world_stop(struct world *w)
{
    stop_core(w);
}

bool world_visit(struct world *w, struct store *s)
{
    w->store = s;
    if (!start_core(w))
        return false;
    world_signer(w, true);
    world_spin(w);
    return true;
}

void world_leave(struct world *w)
{
    while (w->store && store_pending(w->store))
        (void)store_collect(w->store);
    w->store = NULL;
    stop_core(w);
}

void world_spin(struct world *w)
{
    size_t quiet = 0;

    for (size_t i = 0; i < SPINS_MAX && quiet < SPINS; i++) {
        bool busy = w->store && store_collect(w->store) > 0;

        ev_run_once(w->ev, EV_NOWAIT);
        quiet = busy ? 0 : quiet + 1;
    }
}

/* ---- the prober, played */

MSG(msg_refused, "test.refused", "played: not what was looked for");

static void give_answer(void *arg)
{
    struct world_probe *a = arg;
    struct err err = ERR_INIT;
    struct acme_validated v = {
        .rc = a->w->verdict, .evidence = STR("{\"played\":true}"), .until = a->w->until};

    if (v.rc != RC_OK)
        IGNORE_RC(PROBLEM(&err, RC_DENIED, "unauthorized", msg_refused));
    v.why = v.rc == RC_OK ? NULL : &err;
    a->fn(a->arg, &v);
    mem_free(a);
}

static enum rc play_prober(void *arg, const struct acme_validation *v, acme_validated_fn fn,
                           void *fn_arg)
{
    struct world *w = arg;
    struct world_probe *a = MEM_NEW(struct world_probe);

    if (!a)
        return RC_NOMEM;
    w->validations++;
    *a = (struct world_probe){.w = w, .fn = fn, .arg = fn_arg};
    IGNORE_RC(str_copyz(v->identifier, a->name, sizeof(a->name))); /* "" is as good */
    ev_defer_init(&a->defer, give_answer, a);
    if (w->prober_holds && w->n_probes < sizeof(w->probes) / sizeof(w->probes[0]))
        w->probes[w->n_probes++] = a;
    else
        ev_defer(w->ev, &a->defer);
    return RC_OK;
}

static void show_look(void *arg)
{
    struct world_look *look = arg;
    struct world *w = look->w;

    look->fn(look->arg, w->seen_rc, w->seen_rc == RC_OK ? str_of(w->seen) : STR(""));
    mem_free(look);
}

static enum rc play_look(void *arg, const struct acme_preflight *p, acme_seen_fn fn, void *fn_arg)
{
    struct world *w = arg;
    struct world_look *look = w->seen ? MEM_NEW(struct world_look) : NULL;

    if (!look)
        return w->seen ? RC_NOMEM : RC_CLOSED;
    w->n_seen++;
    IGNORE_RC(str_copyz(p->challenge, w->seen_challenge, sizeof(w->seen_challenge)));
    IGNORE_RC(str_copyz(p->key_authorization, w->seen_proof, sizeof(w->seen_proof)));
    IGNORE_RC(str_copyz(p->identifier, w->seen_name, sizeof(w->seen_name)));
    *look = (struct world_look){.w = w, .fn = fn, .arg = fn_arg};
    ev_defer_init(&look->defer, show_look, look);
    if (w->looks_held && w->n_looks < sizeof(w->looks) / sizeof(w->looks[0]))
        w->looks[w->n_looks++] = look;
    else
        ev_defer(w->ev, &look->defer);
    return RC_OK;
}

void world_looks_held(struct world *w)
{
    while (w->n_looks)
        ev_defer(w->ev, &w->looks[--w->n_looks]->defer);
    world_spin(w);
}

void world_probe_held(struct world *w, size_t n)
{
    for (size_t i = 0; i < n && w->n_probes; i++) {
        struct world_probe *oldest = w->probes[0];

        w->n_probes--;
        memmove(w->probes, w->probes + 1, w->n_probes * sizeof(w->probes[0]));
        ev_defer(w->ev, &oldest->defer);
    }
    world_spin(w);
}

/* ---- requests */

static void answered(struct http_exchange *x, void *arg)
{
    struct world_call *call = arg;

    call->done = true;
    if (call->w->on_answer)
        call->w->on_answer(call->w->on_answer_arg, x);
}

bool world_call(struct world *w, const char *method, const char *path, struct str body,
                struct world_call *call)
{
    CLEANUP(http_exchange_freep) struct http_exchange *x = NULL;
    struct str target;

    *call = (struct world_call){.w = w};
    if (http_exchange_new(answered, call, &x) != RC_OK)
        return false;
    x->req.listener = w->private_listener ? STR("private") : STR("api");
    x->req.shown = w->shown;
    x->req.method = str_of(method);
    x->req.host = w->private_listener ? STR("localhost") : STR("ca.hospital.example:8555");
    if (!w->private_listener)
        x->req.client = (struct addr){4, {10, 0, 0, 7}};
    x->req.headers[0] = (struct http_header){STR("content-type"), STR("application/jose+json")};
    x->req.n_headers = 1;
    if (id_new(&x->id) != RC_OK || arena_str(&x->arena, body, &x->req.body) != RC_OK ||
        arena_str(&x->arena, str_of(path), &target) != RC_OK)
        return false;
    str_cut(target, '?', &x->req.path, &x->req.query);
    call->x = MOVE(x);
    acme_handle(w->acme, call->x);
    return true;
}

struct http_exchange *world_call_end(struct world_call *call)
{
    for (size_t i = 0; i < SPINS_MAX && !call->done; i++) {
        world_spin(call->w);
        if (i == 0 && !call->done && call->w->n_probes) /* a challenge that is not settled soon */
            clock_fake_advance(&call->w->clock, ACME_SETTLE);
    }
    if (!call->done)
        http_exchange_free(MOVE(call->x));
    return MOVE(call->x);
}

struct http_exchange *world_request(struct world *w, const char *method, const char *path,
                                    struct str body)
{
    struct world_call call;

    return world_call(w, method, path, body, &call) ? world_call_end(&call) : NULL;
}

struct str world_header(const struct http_exchange *x, const char *name)
{
    for (size_t i = 0; i < x->res.n_headers; i++)
        if (str_ieq(x->res.headers[i].name, str_of(name)))
            return x->res.headers[i].value;
    return (struct str){NULL, 0};
}
