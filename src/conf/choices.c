/* SPDX-License-Identifier: Apache-2.0 */
/* What the keys that are choices can be, in the order of their enumerations. */
#include <assert.h>

#include "conf/schema_int.h"

const char *const conf_choice_https[] = {"https", NULL};
const char *const conf_choice_http[] = {"http", NULL};
const char *const conf_choice_backends[] = {"http", "https", "h2", "h2c", "tls", NULL};
const char *const conf_choice_web[] = {"https", "http", NULL};
const char *const conf_choice_no_yes[] = {"no", "yes", NULL};
const char *const conf_choice_constraints[] = {"critical", "noncritical", "none", NULL};
const char *const conf_choice_databases[] = {"sqlite", NULL};
const char *const conf_choice_resolver_modes[] = {"recursive", "authoritative", NULL};
const char *const conf_choice_curves[] = {"p256", "p384", NULL};
const char *const conf_choice_mldsa[] = {"44", "65", "87", NULL};
const char *const conf_choice_key_usages[] = {"digitalSignature", "nonRepudiation",
                                              "keyEncipherment",  "dataEncipherment",
                                              "keyAgreement",     NULL};
const char *const conf_choice_extended_usages[] = {"serverAuth", "clientAuth", NULL};
const char *const conf_choice_sans[] = {"dns", "ip", "email", "uri", NULL};
const char *const conf_choice_common_names[] = {"name", "text", "none", NULL};
const char *const conf_choice_revocations[] = {"auto", "none", "crl", "ocsp", "both", NULL};
const char *const conf_choice_key_algorithms[] = {"rsa", "ecdsa", "sm2", "mldsa", "ed25519", NULL};
const char *const conf_choice_site_keys[] = {"rsa", "ecdsa", "sm2", "mldsa65", NULL};
const char *const conf_choice_balances[] = {"first", "round-robin", "least-connections", NULL};
const char *const conf_choice_send_proxies[] = {"off", "v1", "v2", NULL};
const char *const conf_choice_client_headers[] = {"subject", "issuer",      "serial", "sha256",
                                                  "names",   "certificate", NULL};
const char *const conf_choice_site_challenges[] = {"http-01", "tls-alpn-01", "dns-01", NULL};
const char *const conf_choice_hook_styles[] = {"dehydrated", "certbot", "lego",     "lego-raw",
                                               "uacme",      "mod_md",  "mod_md-2", NULL};
const char *const conf_choice_keys[] = {"workers", "keeper", NULL};
const char *const conf_choice_accesses[] = {"off", "json", "combined", NULL};
const char *const conf_choice_wafs[] = {"off", "detect", "block", NULL};
const char *const conf_choice_unavailables[] = {"block", "pass", NULL};
const char *const conf_choice_challenges[] = {
    "http-01", "dns-01", "tls-alpn-01", "dns-account-01", "dns-persist-01", "none", NULL};
const char *const conf_choice_asking[] = {"clients", "gateway", "operators", NULL};
const char *const conf_choice_wildcards[] = {"false", "true", "never", "allow", "approval", NULL};
const char *const conf_choice_togethers[] = {"any", "project", NULL};
const char *const conf_choice_caa_modes[] = {"check", "strict", "off", NULL};
const char *const conf_choice_bindings[] = {"optional", "required", NULL};
const char *const conf_choice_passphrase_froms[] = {"credential", "file", "prompt", NULL};
const char *const conf_choice_switches[] = {"off", "on", NULL};
const char *const conf_choice_two_persons[] = {
    "issuer.create", "issuer.rotate", "issuer.revoke",  "issuance.thaw", "operators.change",
    "policy.change", "backup.create", "backup.restore", "key.escrow",    NULL};
const char *const conf_choice_roles[] = {"viewer",  "operator", "approver",
                                         "officer", "auditor",  NULL};
const char *const conf_choice_limits[] = {
    "accounts_per_network",  "orders_per_account",    "orders_per_network",
    "certificates_per_eab",  "certificates_per_zone", "certificates_per_names",
    "certificates_per_rule", "certificates",          NULL};
const char *const conf_choice_automatic[] = {"off", "warn", "on", NULL};
const char *const conf_choice_receivers[] = {"webhook", "alertmanager", "mail",
                                             "syslog",  "exec",         NULL};
const char *const conf_choice_reasons[] = {"optional", "required", NULL};
const char *const conf_choice_log_levels[] = {"error", "warn", "info", "debug", NULL};
const char *const conf_choice_log_formats[] = {"text", "json", NULL};

static_assert(sizeof(conf_choice_key_algorithms) / sizeof(char *) == CONF_KEY_COUNT + 1);
static_assert(sizeof(conf_choice_curves) / sizeof(char *) == CONF_CURVE_COUNT + 1);
static_assert(sizeof(conf_choice_mldsa) / sizeof(char *) == CONF_MLDSA_COUNT + 1);
static_assert(sizeof(conf_choice_key_usages) / sizeof(char *) == CONF_USAGE_COUNT + 1);
static_assert(sizeof(conf_choice_extended_usages) / sizeof(char *) == CONF_EKU_COUNT + 1);
static_assert(sizeof(conf_choice_sans) / sizeof(char *) == CONF_SAN_COUNT + 1);
static_assert(sizeof(conf_choice_client_headers) / sizeof(char *) == CONF_CLIENT_COUNT + 1);
static_assert(sizeof(conf_choice_site_keys) / sizeof(char *) == CONF_SITE_KEYS + 1);
static_assert(sizeof(conf_choice_two_persons) / sizeof(char *) == CONF_TWO_COUNT + 1);
static_assert(sizeof(conf_choice_limits) / sizeof(char *) == CONF_LIMITS + 1);
/* With "none", CONF_PROOF_NONE. */
static_assert(sizeof(conf_choice_challenges) / sizeof(char *) == CONF_CHALLENGE_COUNT + 2);
static_assert(sizeof(enum conf_send_proxy) == sizeof(unsigned));
static_assert(sizeof(enum conf_access) == sizeof(unsigned));
static_assert(sizeof(conf_choice_asking) / sizeof(char *) == CONF_FROM_COUNT + 1);

const char *conf_challenge_name(unsigned challenge)
{
    return challenge < CONF_CHALLENGE_COUNT ? conf_choice_challenges[challenge] : "unknown";
}

const char *conf_from_name(enum conf_from from)
{
    return conf_choice_asking[from];
}

const char *conf_key_algorithm_name(unsigned algorithm)
{
    return algorithm < CONF_KEY_COUNT ? conf_choice_key_algorithms[algorithm] : "unknown";
}

const char *conf_site_key_name(unsigned algorithm)
{
    return algorithm < CONF_SITE_KEYS ? conf_choice_site_keys[algorithm] : "unknown";
}

const char *conf_san_name(enum conf_san kind)
{
    return conf_choice_sans[kind];
}

const char *conf_automatic_text(enum conf_automatic automatic)
{
    return conf_choice_automatic[automatic];
}

const char *conf_receiver_kind_text(enum conf_receiver_kind kind)
{
    return conf_choice_receivers[kind];
}

const char *conf_limit_text(enum conf_limit limit)
{
    return conf_choice_limits[limit];
}

const char *conf_site_challenge_name(unsigned challenge)
{
    return challenge < CONF_SITE_CHALLENGES ? conf_choice_site_challenges[challenge] : "unknown";
}

const char *conf_hook_style_name(unsigned style)
{
    return style < CONF_HOOK_STYLES ? conf_choice_hook_styles[style] : "unknown";
}
