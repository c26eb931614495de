/* SPDX-License-Identifier: Apache-2.0 */
/* httpreq, as lego speaks it: a service of one's own is told of each record, POST URL/present and
 * URL/cleanup. */
#include "base/text.h"
#include "json/out.h"
#include "provider/provider_int.h"

MSG(msg_mode, "provider.httpreq-mode", "{0}: mode cannot be \"{1}\"; it is default or raw");

enum { USERNAME, PASSWORD, MODE, PAIR_MAX = 1024, FQDN_MAX = PROVIDER_NAME_MAX + 1 };

/* RFC 7617. */
static enum rc put_basic(const struct provider_call *call, struct provider_ask *out,
                         struct err *err)
{
    CLEANUP(buf_wipe) struct buf pair = BUF_INIT(PAIR_MAX), word = BUF_INIT(2 * PAIR_MAX);

    if (provider_own(call->p, USERNAME).n == 0 && provider_own(call->p, PASSWORD).n == 0)
        return RC_OK;
    buf_printf(&pair, "%.*s:%.*s", STR_ARG(provider_own(call->p, USERNAME)),
               STR_ARG(provider_own(call->p, PASSWORD)));
    TRY(buf_rc(&pair));
    buf_putz(&word, "Basic ");
    text_b64(&word, buf_str(&pair));
    TRY(buf_rc(&word));
    return provider_put_header(call, out, "Authorization", buf_str(&word), err);
}

static enum rc put_body(const struct provider_call *call, bool raw, struct buf *out)
{
    CLEANUP(buf_done) struct buf fqdn = BUF_INIT(FQDN_MAX);
    struct json_out o;

    buf_printf(&fqdn, "%.*s.", STR_ARG(call->name));
    TRY(buf_rc(&fqdn));
    json_out_init(&o, out, JSON_COMPACT);
    json_obj(&o);
    if (raw) {
        json_kv_str(&o, "domain", call->identifier);
        json_kv_str(&o, "token", call->token);
        json_kv_str(&o, "keyAuth", call->key_authorization);
    } else {
        json_kv_str(&o, "fqdn", buf_str(&fqdn));
        json_kv_str(&o, "value", call->value);
    }
    json_end(&o);
    return json_out_done(&o);
}

static enum rc ask(struct provider_call *call, struct provider_ask *out, struct err *err)
{
    struct str mode = provider_own(call->p, MODE);
    bool raw = str_ieq(mode, STR("raw"));

    if (!raw && !str_ieq(mode, STR("default")))
        return ERR(err, RC_PARSE, msg_mode, str_of(call->p->file), mode);
    TRY(put_basic(call, out, err));
    provider_put_url(call, out, call->remove ? "/cleanup" : "/present");
    out->method = "POST";
    return put_body(call, raw, &out->body);
}

static enum rc take(struct provider_call *call, int status, struct str body, struct err *err)
{
    if (provider_declined(status) && provider_later(call)) /* who knows what twice would do */
        return RC_OK;
    call->done = status >= 200 && status < 300;
    return call->done ? RC_OK : provider_refused(call, status, body, err);
}

const struct provider_kind provider_httpreq = {
    .name = "httpreq",
    .own = {[USERNAME] = {"username"},
            [PASSWORD] = {"password", .secret = true},
            [MODE] = {"mode", .initial = STR("default")}},
    .ask = ask,
    .take = take,
};
