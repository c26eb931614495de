/* SPDX-License-Identifier: Apache-2.0 */
/* A request taken apart and authenticated (RFC 8555 section 6), in the order that gives away least:
 * route, content type, form of the JWS, url, nonce, account, signature, payload. */
#include "acme/parts_int.h"
#include "acme/shown.h"
#include "ev/clock.h"

MSG(msg_no_route, "acme.no-such-resource",
    "there is nothing at {0}; the directory at {1}{2}/directory lists what there is");
MSG(msg_host, "acme.host-unknown",
    "\"{0}\" is not a name of this server; use one that its certificate names, or set urls.api in "
    "its configuration");
MSG(msg_method, "acme.method",
    "{0} is not possible here; ACME resources are read by POST with an empty payload (RFC 8555 "
    "section 6.3), directory and nonces also by GET or HEAD");
MSG(msg_content_type, "acme.content-type",
    "the content type is \"{0}\"; requests are sent as application/jose+json (RFC 8555 section "
    "6.2)");
MSG(msg_url, "acme.url-differs",
    "the signed url is {0}, but the request was sent to {1}; sign the URL that is asked (RFC 8555 "
    "section 6.4)");
MSG(msg_need_jwk, "acme.need-jwk",
    "this resource needs \"jwk\" in the protected header, not \"kid\"");
MSG(msg_need_kid, "acme.need-kid",
    "this resource needs \"kid\", the URL of the account, in the protected header, not \"jwk\"");
MSG(msg_kid_form, "acme.kid-form",
    "\"kid\" is {0}, which is not the URL of an account of this server");
MSG(msg_no_account, "acme.no-account",
    "this server has no account {0}; register the key at new-account");
MSG(msg_account_status, "acme.account-status", "the account is {0} and may do nothing more");
MSG(msg_payload, "acme.payload", "the payload is not the JSON object this resource takes: {0}");
MSG(msg_payload_empty, "acme.payload-empty",
    "the payload is empty; this resource takes a JSON object and cannot be read by POST-as-GET");
MSG(msg_not_yours, "acme.not-yours", "this account has no {0} at this address");

#define PRIVATE_BASE "https://localhost"

static const struct acme_route routes[] = {
    {"/acme/directory", NULL, ACME_ALSO_OPEN, acme_directory},
    {"/acme/new-nonce", NULL, ACME_ALSO_OPEN, acme_new_nonce},
    {"/acme/new-account", NULL, ACME_BY_KEY, acme_new_account},
    {"/acme/new-order", NULL, ACME_BY_KID, acme_new_order},
    {"/acme/revoke-cert", NULL, ACME_BY_EITHER, acme_revoke},
    {"/acme/new-authz", NULL, ACME_BY_KID, acme_new_authorization},
    {"/acme/key-change", NULL, ACME_BY_KID, acme_key_change},
    {ACME_PREFLIGHT_PATH, NULL, ACME_BY_KID, acme_preflight},
    {"/acme/renewal-info/", NULL, ACME_OPEN, acme_renewal_info, true},
    {"/acme/account/", NULL, ACME_BY_KID, acme_account},
    {"/acme/account/", "/orders", ACME_BY_KID, acme_account_orders},
    {"/acme/order/", NULL, ACME_BY_KID, acme_order},
    {"/acme/order/", "/finalize", ACME_BY_KID, acme_finalize},
    {"/acme/authorization/", NULL, ACME_BY_KID, acme_authorization},
    {"/acme/challenge/", NULL, ACME_BY_KID, acme_challenge},
    {"/acme/certificate/", NULL, ACME_BY_KID, acme_certificate},
    {"/acme/certificate/", "/alternate-1", ACME_BY_KID, acme_certificate},
    {"/acme/certificate/", "/alternate-2", ACME_BY_KID, acme_certificate},
    {"/acme/certificate/", "/alternate-3", ACME_BY_KID, acme_certificate},
    {"/acme/star-certificate/", NULL, ACME_BY_KID_OR_OPEN, acme_star_certificate},
    {"/acme/star-certificate/", "/alternate-1", ACME_BY_KID_OR_OPEN, acme_star_certificate},
    {"/acme/star-certificate/", "/alternate-2", ACME_BY_KID_OR_OPEN, acme_star_certificate},
    {"/acme/star-certificate/", "/alternate-3", ACME_BY_KID_OR_OPEN, acme_star_certificate},
};

static bool route_fits(const struct acme_route *route, struct str path, struct acme_request *r)
{
    struct str head = str_of(route->path);
    struct str tail = route->tail ? str_of(route->tail) : (struct str){NULL, 0};
    struct str middle;

    if (!str_ends(head, STR("/")))
        return str_eq(path, head);
    if (!str_starts(path, head) || path.n < head.n + tail.n || !str_ends(path, tail))
        return false;
    middle = str_skip(str_head(path, path.n - tail.n), head.n);
    r->text = middle;
    return route->text ? middle.n > 0 : id_parse(middle, &r->id) == RC_OK;
}

/* RFC 8555 section 6.3: POST-as-GET is for the two that GET reads, too. */
static const struct {
    bool get, post;
    const char *allow;
} methods[] = {
    [ACME_OPEN] = {true, false, "GET, HEAD"},
    [ACME_ALSO_OPEN] = {true, true, "GET, HEAD, POST"},
    [ACME_BY_KEY] = {false, true, "POST"},
    [ACME_BY_KID] = {false, true, "POST"},
    [ACME_BY_EITHER] = {false, true, "POST"},
    [ACME_BY_KID_OR_OPEN] = {true, true, "GET, HEAD, POST"},
};

static enum rc find_route(struct acme_request *r)
{
    const struct http_request *req = &r->x->req;
    bool get = str_eq(req->method, STR("GET")) || str_eq(req->method, STR("HEAD"));
    enum acme_auth auth;

    r->post = str_eq(req->method, STR("POST"));
    for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
        if (routes[i].handle == acme_preflight && !r->acme->options.preflight)
            continue;
        if (!route_fits(&routes[i], r->path, r))
            continue;
        auth = routes[i].auth;
        if ((r->post && methods[auth].post) || (get && methods[auth].get)) {
            r->route = &routes[i];
            r->anybody = get && auth == ACME_BY_KID_OR_OPEN;
            return RC_OK;
        }
        http_header_add(r->x, "Allow", str_of(methods[auth].allow));
        IGNORE_RC(ACME_ERR(r, RC_INVAL, "malformed", msg_method, req->method));
        return err_problem(&r->err, RC_INVAL, "malformed", 405);
    }
    IGNORE_RC(ACME_ERR(r, RC_NOTFOUND, "malformed", msg_no_route, req->path, r->base,
                       str_of(acme_staging_prefix(r->staging))));
    return err_problem(&r->err, RC_NOTFOUND, "malformed", 404);
}

/* "name", "name:port" or "[v6]:port", where the name is one of ours and the port a number. */
static bool own_host(const struct acme *a, struct str host)
{
    size_t bracket = host.n && host.p[0] == '[' ? str_find(host, ']') : 0;
    size_t colon = bracket + str_find(str_skip(host, bracket), ':');
    struct str name = str_head(host, colon);
    uint64_t port;

    if (colon < host.n && str_u64(str_skip(host, colon + 1), UINT16_MAX, &port) != RC_OK)
        return false;
    if (a->conf->urls.api.n)
        return str_eq(host, str_skip(a->conf->urls.api, strlen("https://")));
    for (size_t i = 0; i < a->n_hosts; i++)
        if (str_ieq(a->hosts[i], name))
            return true;
    return false;
}

/* The public base: urls.api once it is set, and nothing else. Before that, the name under which the
 * client reached us, if it is one of our own: a Host header is a stranger's text. Whoever came by
 * the private listener asked no host. */
static enum rc choose_base(struct acme_request *r)
{
    r->base = r->acme->conf->urls.api;
    if (r->base.n)
        return RC_OK;
    if (acme_is_private(r)) {
        r->base = STR(PRIVATE_BASE);
        return RC_OK;
    }
    if (own_host(r->acme, r->x->req.host)) {
        r->base = arena_printf(r->arena, "https://%.*s", STR_ARG(r->x->req.host));
        return r->base.p ? RC_OK : RC_NOMEM;
    }
    r->base = STR("");
    IGNORE_RC(ACME_ERR(r, RC_DENIED, "malformed", msg_host, r->x->req.host));
    return err_problem(&r->err, RC_DENIED, "malformed", 421);
}

static enum rc check_content_type(struct acme_request *r)
{
    struct str type = http_header_get(&r->x->req, STR("content-type"));
    struct str media, parameters;

    str_cut(type, ';', &media, &parameters);
    if (str_ieq(str_trim(media), STR("application/jose+json")))
        return RC_OK;
    IGNORE_RC(ACME_ERR(r, RC_INVAL, "malformed", msg_content_type, type));
    return err_problem(&r->err, RC_INVAL, "malformed", 415);
}

/* RFC 8555 section 6.4: the signature covers where the request was sent. */
static enum rc check_url(struct acme_request *r)
{
    struct str wanted =
        arena_printf(r->arena, "%.*s%.*s%s%.*s", STR_ARG(r->base), STR_ARG(r->x->req.path),
                     r->x->req.query.n ? "?" : "", STR_ARG(r->x->req.query));

    if (!wanted.p)
        return RC_NOMEM;
    if (str_eq(r->jws.url, wanted))
        return RC_OK;
    return ACME_ERR(r, RC_DENIED, "unauthorized", msg_url, r->jws.url, wanted);
}

static enum rc check_kind(struct acme_request *r)
{
    if (r->route->auth == ACME_BY_KEY && !r->jws.jwk)
        return ACME_ERR(r, RC_INVAL, "malformed", msg_need_jwk);
    if (r->route->auth != ACME_BY_KEY && r->route->auth != ACME_BY_EITHER && r->jws.jwk)
        return ACME_ERR(r, RC_INVAL, "malformed", msg_need_kid);
    return RC_OK;
}

static enum rc parse_kid(struct acme_request *r, struct id *out)
{
    struct str kid = r->jws.kid;
    struct str path = r->staging ? STR("/acme/staging/account/") : STR("/acme/account/");
    struct str rest = STR(PRIVATE_BASE);
    size_t slash;

    /* Also once urls.api is set: the account is the same. */
    if (acme_is_private(r) && str_starts(kid, rest) && str_starts(str_skip(kid, rest.n), path) &&
        id_parse(str_skip(kid, rest.n + path.n), out) == RC_OK)
        return RC_OK;
    if (str_starts(kid, STR("https://"))) {
        rest = str_skip(kid, 8);
        slash = str_find(rest, '/');
        if (own_host(r->acme, str_head(rest, slash)) && str_starts(str_skip(rest, slash), path) &&
            id_parse(str_skip(rest, slash + path.n), out) == RC_OK)
            return RC_OK;
    }
    return ACME_ERR(r, RC_DENIED, "accountDoesNotExist", msg_kid_form, kid);
}

static enum rc load_account(struct acme_request *r)
{
    struct id id;
    enum rc rc;

    TRY(parse_kid(r, &id));
    rc = store_known_get(&r->acme->known, r->acme->store, r->arena, &id, &r->account);
    if (rc == RC_NOTFOUND || (rc == RC_OK && r->account.staging != r->staging))
        return ACME_ERR(r, RC_DENIED, "accountDoesNotExist", msg_no_account, r->jws.kid);
    return rc;
}

static enum rc check_signature(struct acme_request *r)
{
    const struct jose_jwk *jwk;

    if (r->jws.jwk)
        return jose_jws_verify(&r->jws, jose_jwk_key(r->jws.jwk), &r->err);
    TRY(load_account(r));
    TRY(acme_keys_get(&r->acme->keys, r->account.jwk, &jwk));
    TRY(jose_jws_verify(&r->jws, jose_jwk_key(jwk), &r->err));
    /* Only the holder of the key learns what became of the account. */
    if (r->account.status != STORE_ACCOUNT_VALID)
        return ACME_ERR(r, RC_DENIED, "unauthorized", msg_account_status,
                        str_of(store_account_status_text(r->account.status)));
    return RC_OK;
}

static enum rc parse_payload(struct acme_request *r)
{
    struct err why = ERR_INIT;
    char text[512];
    enum rc rc;

    if (r->jws.payload.n == 0)
        return RC_OK;
    rc = json_parse(r->jws.payload, JOSE_JWS_MAX, &r->payload_doc, &why);
    if (rc == RC_NOMEM)
        return rc;
    if (rc != RC_OK)
        return ACME_ERR(r, rc, "malformed", msg_payload,
                        str_of(err_textz(&why, text, sizeof(text))));
    r->payload = json_root(r->payload_doc);
    if (json_type(r->payload) != JSON_OBJECT)
        return ACME_ERR(r, RC_PARSE, "malformed", msg_payload,
                        str_of(json_type_text(json_type(r->payload))));
    return RC_OK;
}

/* Those that change something and have no representation of their own to read. */
static bool takes_empty(const struct acme_request *r)
{
    acme_handler h = r->route->handle;

    return h != acme_new_account && h != acme_new_order && h != acme_finalize && h != acme_revoke &&
           h != acme_new_authorization && h != acme_key_change && h != acme_preflight;
}

static enum rc authenticate(struct acme_request *r)
{
    TRY(check_content_type(r));
    TRY(jose_jws_parse(r->arena, r->x->req.body, JOSE_REQUEST, &r->jws, &r->err));
    TRY(check_kind(r));
    TRY(check_url(r));
    TRY(acme_nonce_use(acme_staging_nonces(r), r->jws.nonce, &r->err));
    TRY(check_signature(r));
    TRY(acme_shown_look(r));
    TRY(parse_payload(r));
    if (!r->payload && !takes_empty(r))
        return ACME_ERR(r, RC_INVAL, "malformed", msg_payload_empty);
    return RC_OK;
}

static enum rc run(struct acme_request *r)
{
    TRY(choose_base(r));
    TRY(acme_staging_look(r));
    TRY(find_route(r));
    if (r->post)
        TRY(authenticate(r));
    return r->route->handle(r);
}

void acme_request_run(struct acme *a, struct http_exchange *x)
{
    struct acme_request *r = ARENA_NEW(&x->arena, struct acme_request);
    enum rc rc;

    if (!r) {
        http_finish(x);
        return;
    }
    r->acme = a;
    r->x = x;
    r->client = x->req.client;
    r->arena = &x->arena;
    r->now = clock_now(ev_clock(a->ev));
    rc = run(r);
    if (rc != RC_OK)
        acme_reply_fail(r, rc);
}

enum rc acme_request_owns(struct acme_request *r, const struct id *account, const char *what)
{
    if (str_eq(id_str(account), id_str(&r->account.id)))
        return RC_OK;
    /* The same answer as for what does not exist: whether others have it is none of this client's
     * business. */
    IGNORE_RC(ACME_ERR(r, RC_NOTFOUND, "malformed", msg_not_yours, str_of(what)));
    return err_problem(&r->err, RC_NOTFOUND, "malformed", 404);
}
