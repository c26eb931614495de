/* SPDX-License-Identifier: Apache-2.0 */
/* acme-dns: a name server of its own for nothing but such records, to which _acme-challenge.NAME is
 * an alias. It keeps the last two values, which a name and its wildcard take, and forgets by
 * itself: nothing is ever removed. */
#include "json/json.h"
#include "json/out.h"
#include "provider/provider_int.h"

MSG(msg_accounts, "provider.acme-dns-accounts",
    "{0}: either username, password and subdomain are given, or accounts");
MSG(msg_no_account, "provider.acme-dns-no-account",
    "{0} has no account for {1}: register one (curl -X POST {2}/register), put its answer there "
    "under that name, and make _acme-challenge.{1} an alias (CNAME) of its \"fulldomain\"");
MSG(msg_file, "provider.acme-dns-file",
    "{0} is no object with an account for each name, with username, password and subdomain");

enum { USERNAME, PASSWORD, SUBDOMAIN, ACCOUNTS };

struct account {
    struct str username, password, subdomain;
};

static enum rc read_account(const struct json *v, struct account *out)
{
    TRY(json_str(json_get(v, "username"), &out->username));
    TRY(json_str(json_get(v, "password"), &out->password));
    return json_str(json_get(v, "subdomain"), &out->subdomain);
}

static const struct json *find(const struct json *all, struct str identifier)
{
    struct json_iter it = json_iter(all);
    const struct json *v;
    struct str name;

    while (json_next(&it, &name, &v))
        if (str_ieq(name, identifier))
            return v;
    return NULL;
}

static enum rc put_update(const struct provider_call *call, const struct account *account,
                          struct provider_ask *out, struct err *err)
{
    struct json_out o;

    TRY(provider_put_header(call, out, "X-Api-User", account->username, err));
    TRY(provider_put_header(call, out, "X-Api-Key", account->password, err));
    provider_put_url(call, out, "/update");
    json_out_init(&o, &out->body, JSON_COMPACT);
    json_obj(&o);
    json_kv_str(&o, "subdomain", account->subdomain);
    json_kv_str(&o, "txt", call->value);
    json_end(&o);
    out->method = "POST";
    return json_out_done(&o);
}

static enum rc put_of_file(const struct provider_call *call, struct provider_ask *out,
                           struct err *err)
{
    CLEANUP(json_freep) struct json_doc *doc = NULL;
    struct str path = provider_own(call->p, ACCOUNTS);
    struct account account;
    const struct json *v;
    enum rc rc = json_parse(buf_str(&call->p->accounts), PROVIDER_ACCOUNTS_MAX, &doc, NULL);

    if (rc == RC_NOMEM)
        return rc;
    if (rc != RC_OK || json_type(json_root(doc)) != JSON_OBJECT)
        return ERR(err, RC_PARSE, msg_file, path);
    v = find(json_root(doc), call->identifier);
    if (!v)
        return ERR(err, RC_NOTFOUND, msg_no_account, path, call->identifier,
                   call->p->values[PROVIDER_URL]);
    if (read_account(v, &account) != RC_OK)
        return ERR(err, RC_PARSE, msg_file, path);
    return put_update(call, &account, out, err);
}

static enum rc ask(struct provider_call *call, struct provider_ask *out, struct err *err)
{
    const struct provider *p = call->p;
    const struct account account = {provider_own(p, USERNAME), provider_own(p, PASSWORD),
                                    provider_own(p, SUBDOMAIN)};
    size_t given = (account.username.n > 0) + (account.password.n > 0) + (account.subdomain.n > 0);

    if (call->remove)
        return RC_OK;
    if (provider_own(p, ACCOUNTS).n ? given > 0 : given < 3)
        return ERR(err, RC_PARSE, msg_accounts, str_of(p->file));
    return given ? put_update(call, &account, out, err) : put_of_file(call, out, err);
}

static enum rc take(struct provider_call *call, int status, struct str body, struct err *err)
{
    CLEANUP(json_freep) struct json_doc *doc = NULL;
    enum rc rc = json_parse(body, PROVIDER_BODY_MAX, &doc, NULL);
    struct str said = STR("");

    if (rc == RC_NOMEM)
        return rc;
    /* The same value twice would displace the other one of the two that it keeps. */
    if (provider_declined(status) && provider_later(call))
        return RC_OK;
    if (status != 200) {
        if (rc == RC_OK)
            said = json_shown(json_root(doc), "error");
        return provider_refused(call, status, said, err);
    }
    if (rc != RC_OK || !str_eq(json_shown(json_root(doc), "txt"), call->value))
        return provider_strange(call, err);
    call->done = true;
    return RC_OK;
}

const struct provider_kind provider_acme_dns = {
    .name = "acme-dns",
    .own = {[USERNAME] = {"username"},
            [PASSWORD] = {"password", .secret = true},
            [SUBDOMAIN] = {"subdomain"},
            [ACCOUNTS] = {"accounts"}},
    .ask = ask,
    .take = take,
};
