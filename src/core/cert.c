/* SPDX-License-Identifier: Apache-2.0 */
/* The API's own certificate: front makes the key and asks; the names are decided here. It is
 * Autarky's own, so no rule of the policy and no limit reaches it: without it nobody could repair
 * anything. */
#include "base/text.h"
#include "core/core_int.h"
#include "log/log.h"
#include "x509/csr.h"

MSG(msg_later, "core.api-certificate-later", "the signer is away; ask again");

struct api_cert {
    struct core *core;
    struct ipc_req *req;
    struct x509_csr csr;
    struct str dns[CORE_NAMES_MAX]; /* of this host, those that an issuer is made for */
    struct addr ips[CORE_NAMES_MAX];
    size_t n_dns, n_ips;
};

static void reply(const struct api_cert *a, const struct store_certificate *cert)
{
    struct str all[2 * CORE_NAMES_MAX];
    char texts[CORE_NAMES_MAX][ADDR_TEXT];
    struct ipc_api_cert_reply msg = {.names = {all, 0}, .not_after = cert->not_after};
    CLEANUP(buf_done) struct buf chain = BUF_INIT(4 * X509_CERT_MAX);
    enum rc rc;

    for (size_t i = 0; i < a->n_dns; i++)
        all[msg.names.n++] = a->dns[i];
    for (size_t i = 0; i < a->n_ips; i++)
        all[msg.names.n++] = str_of(addr_text(&a->ips[i], texts[i]));
    rc = ca_chain_pem(a->core->ca, &cert->issuer, cert->der, &chain);
    msg.chain = buf_str(&chain);
    if (rc == RC_OK)
        IGNORE_RC(
            ipc_reply(a->req, &msg)); /* on failure front has been told, by ipc_reply itself */
    else
        ipc_req_drop(a->req);
}

/* The profile has DNS names always (conf sees to it), addresses not. */
static bool profile_has_ips(const struct conf *conf)
{
    return conf_profile_find(conf, STR("default"))->names & 1u << CONF_SAN_IP;
}

static void issued(void *arg, enum rc rc, const struct store_certificate *cert,
                   const struct err *err)
{
    const struct api_cert *a = arg;
    struct err later = ERR_INIT;
    char until[WHEN_TEXT];

    if (rc == RC_OK) {
        log_info("core.api-certificate-issued", LOG_Z("until", when_text(cert->not_after, until)),
                 LOG_STR("left_out", a->core->names.left_out));
        reply(a, cert);
        return;
    }
    if (rc == RC_AGAIN) {
        IGNORE_RC(ERR(&later, RC_AGAIN, msg_later));
        err = &later;
    }
    log_error("core.api-certificate-failed", LOG_ERR(err));
    ipc_reply_err(a->req, err);
}

/* After the domain was changed and before there is an issuer for the new one, the API must be there
 * all the same. */
static void take_covered(struct api_cert *a)
{
    const struct core_names *names = &a->core->names;

    for (size_t i = 0; i < names->n_dns; i++)
        if (ca_covers_dns(a->core->ca, names->dns[i]))
            a->dns[a->n_dns++] = names->dns[i];
    for (size_t i = 0; i < names->n_ips && profile_has_ips(a->core->conf); i++)
        if (ca_covers_ip(a->core->ca, &names->ips[i]))
            a->ips[a->n_ips++] = names->ips[i];
}

void core_on_api_cert(void *arg, struct ipc_req *req, const void *msg, int fd)
{
    const struct role_env *env = arg;
    const struct ipc_api_cert *ask = msg;
    struct arena *arena = ipc_req_arena(req);
    struct api_cert *a = ARENA_NEW(arena, struct api_cert);
    struct err err = ERR_INIT;
    struct ca_request request = {
        .profile = STR("default"), .origin = STR("system"), .lineage = STR("system api")};
    enum rc rc;

    (void)fd;
    if (!a) {
        ipc_req_drop(req);
        return;
    }
    a->core = env->state;
    a->req = req;
    rc = x509_csr_parse(arena, ask->csr, X509_CSR_LENIENT, &a->csr, &err);
    if (rc == RC_OK) {
        request.spki = a->csr.spki;
        request.key_type = a->csr.key_type;
        take_covered(a);
        request.dns = a->dns;
        request.n_dns = a->n_dns;
        request.ips = a->ips;
        request.n_ips = a->n_ips;
        rc = ca_issue(a->core->ca, &request, issued, a, &err);
    }
    if (rc == RC_OK)
        return;
    err.rc = rc;
    ipc_reply_err(req, &err);
}
