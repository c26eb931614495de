/* SPDX-License-Identifier: Apache-2.0 */
#include "tls/tls_int.h"

#include <openssl/ssl.h>

#include "base/map.h"
#include "tlcp/conn.h"
#include "tls/hello.h"

MSG(msg_name, "tls.server-name",
    "the client's server_name extension is damaged or holds no name of a host");
MSG(msg_changed, "tls.server-name-changed",
    "the client asked for another server name when it was asked to try again");
MSG(msg_no_site, "tls.no-site", "the client asked for \"{0}\", which is no site here");
MSG(msg_bare, "tls.no-tlcp", "the site \"{0}\" has no certificates for TLCP");
MSG(msg_unnamed, "tls.no-name", "the client named no site");

static int refuse(struct tls_choice *c, int *alert, int what, const struct msg *m, struct str arg)
{
    IGNORE_RC(err_set(c->why, RC_CRYPTO, m, (struct err_at){__FILE__, __LINE__}, &arg, 1));
    *alert = what;
    return SSL_CLIENT_HELLO_ERROR;
}

/* Before sessions are looked at: one of another site is then as good as unknown. */
static bool take(struct tls_choice *c, SSL *ssl, struct tls_site *site)
{
    const struct tls_context_conf *conf = tls_context_conf(c->context);

    if (SSL_set_session_id_context(ssl, site->session, sizeof(site->session)) != 1)
        return false;
    if (conf->choose && conf->site_ref)
        conf->site_ref(site);
    c->site = site;
    return true;
}

/* Who finds another name with the same hash gets what the first one gets. */
static uint64_t hash(struct str name)
{
    static const unsigned char key[16];

    return map_siphash(key, name);
}

static int choose(struct tls_choice *c, SSL *ssl, int *alert, struct str name)
{
    const struct tls_context_conf *conf = tls_context_conf(c->context);
    struct tls_hello hello = {name};
    struct tls_site *site = conf->choose(conf->arg, &hello);

    if (!site)
        return refuse(c, alert, SSL_AD_UNRECOGNIZED_NAME, name.n ? &msg_no_site : &msg_unnamed,
                      name);
    c->asked = hash(name);
    if (take(c, ssl, site)) {
        c->passes = site->passes;
        return c->passes ? SSL_CLIENT_HELLO_RETRY : SSL_CLIENT_HELLO_SUCCESS;
    }
    *alert = SSL_AD_INTERNAL_ERROR;
    return SSL_CLIENT_HELLO_ERROR;
}

int tls_choice_on_hello(SSL *ssl, int *alert, void *)
{
    struct tls_choice *c = SSL_get_app_data(ssl);
    char name[NAME_MAX_BYTES + 1] = "";
    const unsigned char *p;
    enum rc rc;
    size_t n;

    if (!tls_context_ask(c->context, ssl)) {
        *alert = SSL_AD_INTERNAL_ERROR;
        return SSL_CLIENT_HELLO_ERROR;
    }
    if (!tls_context_conf(c->context)->choose) {
        if (c->site || take(c, ssl, tls_context_own_site(c->context)))
            return SSL_CLIENT_HELLO_SUCCESS;
        *alert = SSL_AD_INTERNAL_ERROR;
        return SSL_CLIENT_HELLO_ERROR;
    }
    if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &p, &n) == 1) {
        rc = tls_hello_server_name(str_bytes(p, n), name);
        if (rc != RC_OK)
            return refuse(c, alert, rc == RC_PARSE ? SSL_AD_DECODE_ERROR : SSL_AD_ILLEGAL_PARAMETER,
                          &msg_name, STR(""));
    }
    if (!c->site)
        return choose(c, ssl, alert, str_of(name));
    /* RFC 8446 section 4.1.2: a second ClientHello is the first one again. */
    if (c->asked != hash(str_of(name)))
        return refuse(c, alert, SSL_AD_ILLEGAL_PARAMETER, &msg_changed, STR(""));
    return SSL_CLIENT_HELLO_SUCCESS;
}

enum rc tls_choice_tlcp(void *arg, const struct tlcp_hello *hello, struct tlcp_shown *out,
                        struct err *err)
{
    struct tls_choice *c = arg;
    const struct tls_context_conf *conf = tls_context_conf(c->context);
    char text[NAME_MAX_BYTES + 1] = "";
    struct tls_site *site = tls_context_own_site(c->context);
    struct str name;
    enum rc rc;

    if (conf->choose && hello->named) {
        rc = tls_hello_server_name(hello->server_name, text);
        if (rc != RC_OK)
            return ERR(err, rc, msg_name);
    }
    name = str_of(text);
    if (conf->choose)
        site = conf->choose(conf->arg, &(struct tls_hello){name});
    if (!site)
        return name.n ? ERR(err, RC_NOTFOUND, msg_no_site, name)
                      : ERR(err, RC_NOTFOUND, msg_unnamed);
    if (!site->tlcp)
        return ERR(err, RC_UNSUPPORTED, msg_bare, name);
    if (conf->choose && conf->site_ref)
        conf->site_ref(site);
    c->site = site;
    out->identity = site->tlcp;
    memcpy(out->bound, site->session, sizeof(out->bound));
    return RC_OK;
}

/* OpenSSL counts references to each part, so what the site has may change right after. Also called
 * for a second ClientHello, which gets what the first one got. */
int tls_choice_on_certificate(SSL *ssl, void *)
{
    struct tls_choice *c = SSL_get_app_data(ssl);

    if (c->installed)
        return 1;
    for (size_t i = 0; i < TLS_IDENTITIES_MAX; i++) {
        const struct tls_identity *id = c->site->identities[i];

        if (!id)
            continue;
        if (!tls_identity_install(id, ssl))
            return 0;
        c->installed = true;
    }
    return c->installed;
}

/* RFC 6066 section 3: a name that was used is acknowledged. */
int tls_choice_on_name(SSL *ssl, int *, void *)
{
    const struct tls_choice *c = SSL_get_app_data(ssl);

    return tls_context_conf(c->context)->choose ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}

void tls_choice_done(struct tls_choice *c)
{
    const struct tls_context_conf *conf = tls_context_conf(c->context);
    struct tls_site *site = MOVE(c->site);

    if (site && conf->choose && conf->site_unref)
        conf->site_unref(site);
}
