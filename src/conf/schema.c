/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/schema_int.h"

#include <assert.h>

MSG(msg_in_roots, "conf.in-roots",
    "it stands in the CA certificates; another one takes a new installation in another DATA "
    "directory, made with autarky init");
MSG(msg_in_issuers, "conf.in-issuers",
    "the present issuers are made for the old names; the new ones take a new issuer: autarky "
    "issuer rotate");
MSG(msg_next_issuer, "conf.next-issuer", "of issuers made from now on");
MSG(msg_in_database, "conf.in-database", "what was issued is recorded in the present database");

static const struct conf_take live = {CONF_LIVE, "", NULL};
static const struct conf_take front = {CONF_RESTARTS, "front", NULL};
static const struct conf_take signer = {CONF_RESTARTS, "signer", NULL};
static const struct conf_take core = {CONF_RESTARTS, "core", NULL};
static const struct conf_take gateway = {CONF_RESTARTS, "gateway", NULL};
static const struct conf_take courier = {CONF_RESTARTS, "courier", NULL};
static const struct conf_take txt = {CONF_RESTARTS, "txt", NULL};
static const struct conf_take keeper = {CONF_RESTARTS, "keeper", NULL};
static const struct conf_take emissary = {CONF_RESTARTS, "emissary", NULL};
static const struct conf_take runner = {CONF_RESTARTS, "runner", NULL};
static const struct conf_take core_signer = {CONF_RESTARTS, "core signer", NULL};
static const struct conf_take front_core = {CONF_RESTARTS, "front core", NULL};
static const struct conf_take in_roots = {CONF_REFUSED, "", &msg_in_roots};
/* Live, and the rest of it is a person's to do. */
static const struct conf_take in_issuers = {CONF_LIVE, "", &msg_in_issuers};
static const struct conf_take next_issuer = {CONF_LIVE, "", &msg_next_issuer};
static const struct conf_take in_database = {CONF_REFUSED, "", &msg_in_database};

/* Choices are stored as unsigned, lists as struct conf_list. */
static_assert(sizeof(enum conf_database) == sizeof(unsigned));
static_assert(sizeof(enum conf_caa) == sizeof(unsigned));
static_assert(sizeof(enum conf_switch) == sizeof(unsigned));
static_assert(sizeof(enum conf_wildcards) == sizeof(unsigned));
static_assert(sizeof(enum conf_together) == sizeof(unsigned));
static_assert(sizeof(enum conf_reasons) == sizeof(unsigned));
static_assert(sizeof(enum conf_limit) == sizeof(unsigned));
static_assert(sizeof(enum conf_automatic) == sizeof(unsigned));
static_assert(sizeof(enum conf_receiver_kind) == sizeof(unsigned));
static_assert(sizeof(enum conf_balance) == sizeof(unsigned));
static_assert(sizeof(enum conf_site_challenge) == sizeof(unsigned));
static_assert(sizeof(enum conf_hook_style) == sizeof(unsigned));
static_assert(sizeof(struct conf_strs) == sizeof(struct conf_list));
#define ADJACENT(type, p, n) static_assert(offsetof(type, n) == offsetof(type, p) + sizeof(void *))
ADJACENT(struct conf, resolvers, n_resolvers);
ADJACENT(struct conf, probers, n_probers);
ADJACENT(struct conf, profiles, n_profiles);
ADJACENT(struct conf, groups, n_groups);
ADJACENT(struct conf, policy, n_policy);
ADJACENT(struct conf, audit.forward, audit.n_forward);
ADJACENT(struct conf, receivers, n_receivers);
ADJACENT(struct conf, routes, n_routes);
ADJACENT(struct conf_route, at, n_at);
ADJACENT(struct conf, inventory.owners, inventory.n_owners);
ADJACENT(struct conf, gateway.sites, gateway.n_sites);
ADJACENT(struct conf, gateway.paths, gateway.n_paths);
ADJACENT(struct conf, gateway.others.directories, gateway.others.n_directories);
ADJACENT(struct conf, gateway.others.updates, gateway.others.n_updates);
ADJACENT(struct conf, gateway.others.hooks, gateway.others.n_hooks);
ADJACENT(struct conf, limits.overrides, limits.n_overrides);
ADJACENT(struct conf, control.operators, control.n_operators);

static const char *const builtin_profiles[] = {"default",   "short",    "device", "client",
                                               "tlcp-sign", "tlcp-enc", NULL};

/* Where a built-in profile begins with something else than the rest. TLCP's pair is that of GB/T
 * 20518 and GM/T 0015: one key signs, the other is encrypted to. */
static const struct preset {
    const char *profile, *key, *initial;
} presets[] = {
    {"short", "lifetime", "6d"},
    {"short", "revocation", "none"},
    {"device", "lifetime", "365d"},
    {"client", "extended_key_usage", "clientAuth"},
    {"client", "names", "dns ip email uri"},
    {"client", "common_name", "text"},
    {"tlcp-sign", "key_algorithms", "sm2"},
    {"tlcp-sign", "key_usage", "digitalSignature nonRepudiation"},
    {"tlcp-enc", "key_algorithms", "sm2"},
    {"tlcp-enc", "key_usage", "keyEncipherment dataEncipherment keyAgreement"},
};

#define MAP_OF_KEYS(p)                                                                             \
    {                                                                                              \
        .path = (p), .form = CONF_MAP                                                              \
    }
#define KEY(p, f, field, k)                                                                        \
    .path = (p), .form = (f), .offset = offsetof(struct conf, field), .kind = (k)
#define KEY_IN(p, f, type, field, k)                                                               \
    .path = (p), .form = (f), .offset = offsetof(type, field), .kind = (k)
#define STRUCTS(p, f, field, type)                                                                 \
    .path = (p), .form = (f), .offset = offsetof(struct conf, field), .size = sizeof(type)

/* clang-format off */
const struct conf_key conf_schema[] = {
    {KEY("organization", CONF_ONE, organization, &conf_kind_text),
     .required = true, .min = 1, .max = 64, .take = &in_roots,
     .help = "Legal name, as it stands in the CA certificates"},
    {KEY("country", CONF_ONE, country, &conf_kind_country), .take = &in_roots,
     .help = "Country of the organization in the CA certificates, two letters of ISO 3166"},
    {KEY("locality", CONF_ONE, locality, &conf_kind_text), .min = 1, .max = 64,
     .take = &next_issuer,
     .help = "Town of the organization in the CA certificates"},
    {KEY("unit", CONF_ONE, unit, &conf_kind_text), .min = 1, .max = 64, .take = &next_issuer,
     .help = "Organizational unit in the CA certificates"},
    {KEY("domain", CONF_ONE, domain, &conf_kind_domain), .required = true, .take = &in_issuers,
     .help = "The CA vouches for this domain and what is below it, and for names"},

    MAP_OF_KEYS("names"),
    {KEY("names.internal", CONF_MANY, names.internal, &conf_kind_internal), .take = &in_issuers,
     .initial = "internal home.arpa lan corp local",
     .help = "Domains that exist only inside and that the CA may vouch for as well"},
    {KEY("names.single", CONF_MANY, names.single, &conf_kind_single), .take = &in_issuers,
     .initial = "localhost",
     .help = "Names of a single label, each by itself, that the CA may vouch for as well"},

    MAP_OF_KEYS("urls"),
    {KEY("urls.api", CONF_ONE, urls.api, &conf_kind_base_url),
     .names = conf_choice_https, .take = &front_core,
     .help = "Public base of ACME and the API; unset: the name under which a client reaches it"},
    {KEY("urls.plain", CONF_ONE, urls.plain, &conf_kind_base_url),
     .names = conf_choice_http, .take = &front_core,
     .help = "Public base of CA certificates, written into certificates; unset: none is written"},

    MAP_OF_KEYS("listen"),
    {KEY("listen.api", CONF_MANY, listen.api, &conf_kind_listen), .take = &front, .filled = true,
     .initial = "[::]:8555",
     .help = "Addresses and ports of HTTPS; port 0 is chosen by the system"},
    {KEY("listen.plain", CONF_MANY, listen.plain, &conf_kind_listen),
     .take = &front, .filled = true,
     .help = "Addresses and ports of HTTP; default [::]:80, without privileges [::]:8080"},
    {KEY("listen.gateway", CONF_MANY, listen.gateway, &conf_kind_listen),
     .take = &gateway, .filled = true,
     .help = "Addresses and ports of the gateway's sites; default [::]:443, without privileges "
             "[::]:8443; open only while there are sites"},

    MAP_OF_KEYS("gateway"),
    {KEY("gateway.workers", CONF_ONE, gateway.workers, &conf_kind_number),
     .min = 0, .max = CONF_WORKERS_MAX, .initial = "0", .take = &live,
     .help = "Processes that share the connections; 0: one for each CPU"},
    {STRUCTS("gateway.sites", CONF_ITEMS, gateway.sites, struct conf_site), .take = &live,
     .help = "Web sites that get HTTPS from here"},
    {KEY_IN("gateway.sites[].name", CONF_ONE, struct conf_site, name, &conf_kind_host),
     .required = true, .unique = true, .take = &live,
     .help = "As browsers ask for it"},
    {KEY_IN("gateway.sites[].backends", CONF_MANY, struct conf_site, backends,
            &conf_kind_base_url), .required = true, .filled = true, .passing = true,
     .names = conf_choice_backends, .take = &live,
     .help = "Where the site really is, as in http://10.0.3.7:8080; several: see balance; "
             "h2c:// and h2://: HTTP/2 is spoken there, as gRPC wants; tls://10.0.3.7:443: TLS is "
             "not ended here, connections go there as they are"},
    {KEY_IN("gateway.sites[].algorithms", CONF_BITS, struct conf_site, algorithms,
            &conf_kind_choice),
     .names = conf_choice_site_keys, .initial = "ecdsa rsa sm2", .take = &live,
     .help = "A certificate for each; a client gets the one that it understands"},
    {KEY_IN("gateway.sites[].tls_sm", CONF_ONE, struct conf_site, tls_sm, &conf_kind_bool),
     .initial = "false", .take = &live,
     .help = "true: with the SM2 certificate also TLS 1.3 with SM2, SM3 and SM4 is spoken (RFC "
             "8998), to clients that can all of it; takes OpenSSL 4.0 or later"},
    {KEY_IN("gateway.sites[].profile", CONF_ONE, struct conf_site, profile, &conf_kind_ident),
     .initial = "default", .take = &live,
     .help = "Of its certificates"},
#include "conf/schema_sites.h"
#include "conf/schema_waits.h"
#include "conf/schema_public.h"

    {KEY("database", CONF_ONE, database, &conf_kind_choice), .names = conf_choice_databases,
     .initial = "sqlite", .take = &in_database,
     .help = "sqlite: a file in DATA"},

    {STRUCTS("resolvers", CONF_ITEMS, resolvers, struct conf_resolver), .take = &live,
     .help = "Name servers by zone, the longest that fits; none: those of /etc/resolv.conf"},
    {KEY_IN("resolvers[].zone", CONF_ONE, struct conf_resolver, zone, &conf_kind_zone),
     .required = true, .unique = true, .take = &live,
     .help = "A domain, or \".\" for all names"},
    {KEY_IN("resolvers[].servers", CONF_MANY, struct conf_resolver, servers, &conf_kind_server),
     .take = &live,
     .help = "Addresses, with a port where it is not 53; may be missing with authoritative: found "
             "by NS records"},
    {KEY_IN("resolvers[].mode", CONF_ONE, struct conf_resolver, mode, &conf_kind_choice),
     .names = conf_choice_resolver_modes, .initial = "recursive", .take = &live,
     .help = "recursive: they find out; authoritative: they hold the zone"},
    {KEY_IN("resolvers[].agree", CONF_ONE, struct conf_resolver, agree, &conf_kind_number),
     .min = 1, .max = 8, .initial = "1", .take = &live,
     .help = "How many of the servers must give the same answer"},

    MAP_OF_KEYS("validation"),
    {KEY("validation.http_port", CONF_ONE, validation.http_port, &conf_kind_number),
     .min = 1, .max = 65535, .initial = "80", .take = &live,
     .help = "Port of http-01; RFC 8555 says 80, closed networks may differ"},
    {KEY("validation.tls_port", CONF_ONE, validation.tls_port, &conf_kind_number),
     .min = 1, .max = 65535, .initial = "443", .take = &live,
     .help = "Port of tls-alpn-01; RFC 8737 says 443, closed networks may differ"},
    {KEY("validation.redirect_ports", CONF_MANY, validation.redirect_ports, &conf_kind_number),
     .min = 1, .max = 65535, .initial = "80 443", .take = &live,
     .help = "Ports to which http-01 follows redirects, beside http_port"},
    {KEY("validation.caa", CONF_ONE, validation.caa, &conf_kind_choice),
     .names = conf_choice_caa_modes,
     .initial = "check", .take = &live,
     .help = "check: CAA records may forbid a certificate; strict: so does no answer about a "
             "top-level domain; off: they are not looked at"},
    {KEY("validation.allow", CONF_MANY, validation.allow, &conf_kind_net), .take = &live,
     .help = "Networks to connect to although denied by default (loopback, link-local ...)"},
    {KEY("validation.deny", CONF_MANY, validation.deny, &conf_kind_net), .take = &live,
     .help = "Networks never to connect to; stronger than allow"},
    {KEY("validation.timeout", CONF_ONE, validation.timeout, &conf_kind_span),
     .min = WHEN_SECOND, .max = WHEN_MINUTE, .initial = "10s", .take = &live,
     .help = "Of one attempt"},
    {KEY("validation.attempts", CONF_ONE, validation.attempts, &conf_kind_number),
     .min = 1, .max = 20, .initial = "5", .take = &live,
     .help = "Until a challenge that finds nobody is invalid"},

    {STRUCTS("probers", CONF_ITEMS, probers, struct conf_prober), .take = &live,
     .help = "Hosts that validate (`autarky prober`) for what this one cannot reach"},
    {KEY_IN("probers[].name", CONF_ONE, struct conf_prober, name, &conf_kind_ident),
     .required = true, .unique = true, .take = &live,
     .help = "For messages and the audit log"},
    {KEY_IN("probers[].zones", CONF_MANY, struct conf_prober, zones, &conf_kind_host),
     .take = &live,
     .help = "Domains whose names, with all below, it alone validates; the longest counts"},
    {KEY_IN("probers[].networks", CONF_MANY, struct conf_prober, networks, &conf_kind_net),
     .take = &live,
     .help = "Addresses that it alone validates; the narrowest network counts"},
    {KEY_IN("probers[].keys", CONF_MANY, struct conf_prober, keys, &conf_kind_sha256),
     .required = true, .filled = true, .take = &live,
     .help = "SHA-256 of the public key of its certificate, which must be one of this CA: "
             "\"spki_sha256\" of `autarky cert show --json`; two while it is renewed"},

    MAP_OF_KEYS("agents"),
    {KEY("agents.enabled", CONF_ONE, agents.enabled, &conf_kind_bool),
     .initial = "false", .take = &live,
     .help = "Whether agents on other hosts (`autarky agent enrol`) may enrol and report"},
    {KEY("agents.silent", CONF_ONE, agents.silent, &conf_kind_span),
     .min = 10 * WHEN_MINUTE, .max = 30 * WHEN_DAY, .initial = "1h", .take = &live,
     .help = "After how long without a report one is an alert; they report every five minutes"},

    MAP_OF_KEYS("backup"),
    {KEY("backup.age", CONF_ONE, backup.age, &conf_kind_span),
     .min = 0, .max = 365 * WHEN_DAY, .initial = "8d", .take = &live,
     .help = "After how long without a new one, once there was one, it is an alert; 0s: never"},
    {KEY("backup.expected", CONF_ONE, backup.expected, &conf_kind_bool),
     .initial = "false", .take = &live,
     .help = "Whether it is an alert, too, that there has been no backup yet"},

    {STRUCTS("profiles", CONF_NAMED, profiles, struct conf_profile), .always = builtin_profiles,
     .take = &live,
     .help = "Kinds of certificates to be asked for by name; \"default\" where none is named"},
    {KEY_IN("profiles.*.lifetime", CONF_ONE, struct conf_profile, lifetime, &conf_kind_span),
     .min = WHEN_HOUR, .max = 825 * WHEN_DAY, .initial = "90d", .take = &live,
     .help = "From notBefore to notAfter"},
    {KEY_IN("profiles.*.backdate", CONF_ONE, struct conf_profile, backdate, &conf_kind_span),
     .min = 0, .max = 7 * WHEN_DAY, .initial = "5m", .take = &live,
     .help = "How long before its signing a certificate becomes valid, for clocks that are slow"},
    {KEY_IN("profiles.*.key_algorithms", CONF_BITS, struct conf_profile, key_algorithms,
            &conf_kind_choice),
     .names = conf_choice_key_algorithms, .initial = "rsa ecdsa sm2 mldsa ed25519", .filled = true,
     .take = &live,
     .help = "Algorithms that the certified key may have"},
    {KEY_IN("profiles.*.rsa_bits", CONF_ONE, struct conf_profile, rsa_bits, &conf_kind_number),
     .min = 2048, .max = 8192, .initial = "2048", .take = &live,
     .help = "The least that an RSA key has"},
    {KEY_IN("profiles.*.curves", CONF_BITS, struct conf_profile, curves, &conf_kind_choice),
     .names = conf_choice_curves, .initial = "p256 p384", .filled = true, .take = &live,
     .help = "Curves of ECDSA keys"},
    {KEY_IN("profiles.*.mldsa", CONF_BITS, struct conf_profile, mldsa, &conf_kind_choice),
     .names = conf_choice_mldsa, .initial = "44 65 87", .filled = true, .take = &live,
     .help = "Parameter sets of ML-DSA keys"},
    {KEY_IN("profiles.*.key_usage", CONF_BITS, struct conf_profile, key_usage, &conf_kind_choice),
     .names = conf_choice_key_usages, .take = &live,
     .help = "What the key may be used for; none: what its algorithm is used for in TLS"},
    {KEY_IN("profiles.*.extended_key_usage", CONF_BITS, struct conf_profile, extended_usage,
            &conf_kind_choice),
     .names = conf_choice_extended_usages,
     .initial = "serverAuth clientAuth", .filled = true, .take = &live,
     .help = "serverAuth for servers, clientAuth for who signs in to them"},
    {KEY_IN("profiles.*.names", CONF_BITS, struct conf_profile, names, &conf_kind_choice),
     .names = conf_choice_sans, .initial = "dns ip", .filled = true, .take = &live,
     .help = "Kinds of names that it may carry: dns, ip, email, uri"},
    {KEY_IN("profiles.*.common_name", CONF_ONE, struct conf_profile, common_name,
            &conf_kind_choice),
     .names = conf_choice_common_names, .initial = "name", .take = &live,
     .help = "CN of the subject. name: one of its names; text: what is asked for; none"},
    {KEY_IN("profiles.*.locality", CONF_ONE, struct conf_profile, locality, &conf_kind_text),
     .min = 1, .max = 64, .take = &live,
     .help = "L of the subject, beside the organization and the country"},
    {KEY_IN("profiles.*.unit", CONF_ONE, struct conf_profile, unit, &conf_kind_text),
     .min = 1, .max = 64, .take = &live,
     .help = "OU of the subject"},
    {KEY_IN("profiles.*.revocation", CONF_ONE, struct conf_profile, revocation,
            &conf_kind_choice),
     .names = conf_choice_revocations, .initial = "auto", .take = &live,
     .help = "What it says of where revocation is looked up: none (and that it is not, RFC 9608), "
             "crl, ocsp, both; auto: both where urls.plain is set"},
    {KEY_IN("profiles.*.must_staple", CONF_ONE, struct conf_profile, must_staple, &conf_kind_bool),
     .initial = "false", .take = &live,
     .help = "Clients must refuse a server that does not staple an OCSP answer"},
    {KEY_IN("profiles.*.policies", CONF_MANY, struct conf_profile, policies, &conf_kind_oid),
     .take = &live,
     .help = "Object identifiers of certificate policies, as in 1.3.6.1.4.1.32473.1"},

    {STRUCTS("groups", CONF_ITEMS, groups, struct conf_group), .take = &live,
     .help = "Several clients under one name, for rules"},
    {KEY_IN("groups[].name", CONF_ONE, struct conf_group, name, &conf_kind_ident),
     .required = true, .unique = true, .take = &live,
     .help = "As rules have it"},
    {KEY_IN("groups[].eab", CONF_MANY, struct conf_group, eab, &conf_kind_ident), .take = &live,
     .help = "Accounts made with one of these keys of `autarky eab create`"},
    {KEY_IN("groups[].accounts", CONF_MANY, struct conf_group, accounts, &conf_kind_ident),
     .take = &live,
     .help = "These accounts, by the ids of `autarky account list`"},
    {KEY_IN("groups[].client_certificates", CONF_MANY, struct conf_group, client_certificates,
            &conf_kind_client), .take = &live,
     .help = "Clients that show one of these certificates, as in policy[].client_certificates"},

    {STRUCTS("policy", CONF_ITEMS, policy, struct conf_rule), .take = &live,
     .help = "Rules; of those that fit, the most specific decides; what none fits is refused"},
    {KEY_IN("policy[].name", CONF_ONE, struct conf_rule, name, &conf_kind_ident),
     .required = true, .unique = true, .take = &live,
     .help = "For messages and the audit log"},
    {KEY_IN("policy[].from", CONF_BITS, struct conf_rule, from, &conf_kind_choice),
     .names = conf_choice_asking, .initial = "clients operators", .filled = true, .take = &live,
     .help = "clients by ACME, the gateway for its sites, operators by `autarky cert`"},
    {KEY_IN("policy[].eab", CONF_MANY, struct conf_rule, eab, &conf_kind_ident), .take = &live,
     .help = "Only for accounts made with one of these keys of `autarky eab create`"},
    {KEY_IN("policy[].accounts", CONF_MANY, struct conf_rule, accounts, &conf_kind_ident),
     .take = &live,
     .help = "Only for these accounts, or those of eab and groups"},
    {KEY_IN("policy[].client_certificates", CONF_MANY, struct conf_rule, client_certificates,
            &conf_kind_client), .take = &live,
     .help = "Or for clients that show such a certificate of this CA: a name in it, team:T, "
             "owner:O, sha256:HEX"},
    {KEY_IN("policy[].groups", CONF_MANY, struct conf_rule, groups, &conf_kind_ident),
     .take = &live,
     .help = "Only for the clients of these groups, or those of eab and accounts"},
    {KEY_IN("policy[].networks", CONF_MANY, struct conf_rule, networks, &conf_kind_net),
     .take = &live,
     .help = "Where the request may come from; none: from anywhere"},
    {KEY_IN("policy[].allow", CONF_MANY, struct conf_rule, allow, &conf_kind_pattern),
     .required = true, .filled = true, .take = &live,
     .help = "Names: \"host.d\" itself, \"*.d\" all below d, \"*\" every name; \"web-*.d\" in a "
             "label"},
    {KEY_IN("policy[].addresses", CONF_MANY, struct conf_rule, addresses, &conf_kind_net),
     .take = &live,
     .help = "Addresses that certificates may name, as networks; none: no address"},
    {KEY_IN("policy[].labels", CONF_ONE, struct conf_rule, labels, &conf_kind_number),
     .min = 0, .max = 126, .initial = "0", .take = &live,
     .help = "At most so many labels for the \"*\" in front of a pattern; 0: any number"},
    {KEY_IN("policy[].wildcards", CONF_ONE, struct conf_rule, wildcards, &conf_kind_choice),
     .names = conf_choice_wildcards, .initial = "false", .take = &live,
     .help = "true, allow: \"*.a.d\" fits \"*.d\"; approval: if persons do; false: others; never"},
    {KEY_IN("policy[].names_max", CONF_ONE, struct conf_rule, names_max, &conf_kind_number),
     .min = 1, .max = CONF_RULE_NAMES_MAX, .initial = "100", .take = &live,
     .help = "Names and addresses that one certificate has at most"},
    {KEY_IN("policy[].together", CONF_ONE, struct conf_rule, together, &conf_kind_choice),
     .names = conf_choice_togethers, .initial = "any", .take = &live,
     .help = "project: all names of a certificate are at or below the domain of one pattern"},
    {KEY_IN("policy[].profiles", CONF_MANY, struct conf_rule, profiles, &conf_kind_ident),
     .take = &live,
     .help = "Profiles that may be asked for; none: any"},
    {KEY_IN("policy[].lifetime", CONF_ONE, struct conf_rule, lifetime, &conf_kind_span),
     .min = 0, .max = 825 * WHEN_DAY, .initial = "0s", .take = &live,
     .help = "The longest that a certificate lives; 0s: as its profile has it"},
    {KEY_IN("policy[].key_algorithms", CONF_BITS, struct conf_rule, key_algorithms,
            &conf_kind_choice),
     .names = conf_choice_key_algorithms, .initial = "rsa ecdsa sm2 mldsa ed25519", .filled = true,
     .take = &live,
     .help = "Algorithms that the certified key may have, of those of the profile"},
    {KEY_IN("policy[].challenges", CONF_BITS, struct conf_rule, challenges, &conf_kind_choice),
     .names = conf_choice_challenges, .initial = "http-01", .filled = true, .take = &live,
     .help = "What may prove control of a name; none, with eab: the key is the proof"},
    {KEY_IN("policy[].reuse", CONF_ONE, struct conf_rule, reuse, &conf_kind_bool),
     .initial = "true", .take = &live,
     .help = "Whether a proof may be used again, as acme.reuse has it"},
    {.path = "policy[].limits", .form = CONF_MAP, .take = &live, .help = "Rates of its own"},
    {KEY_IN("policy[].limits.certificates", CONF_ONE, struct conf_rule, certificates,
            &conf_kind_rate), .initial = "none", .take = &live,
     .help = "Those that it allows to clients, instead of limits.certificates_per_rule"},
    {KEY_IN("policy[].subdomains", CONF_ONE, struct conf_rule, subdomains, &conf_kind_bool),
     .initial = "false", .take = &live,
     .help = "Whether one proof in the DNS, for a domain, may count for all below it (RFC 9444)"},
    {KEY_IN("policy[].approval", CONF_ONE, struct conf_rule, approval, &conf_kind_bool),
     .initial = "false", .take = &live,
     .help = "Whether persons of control.people have to allow each certificate"},
    {KEY_IN("policy[].reason", CONF_ONE, struct conf_rule, reason, &conf_kind_bool),
     .initial = "false", .take = &live,
     .help = "Whether each certificate takes a reason or ticket: of the account's key, of an "
             "approval, of --reason"},
    {KEY_IN("policy[].approvers", CONF_ONE, struct conf_rule, approvers, &conf_kind_number),
     .min = 1, .max = CONF_APPROVERS_MAX, .initial = "1", .take = &live,
     .help = "How many of them, each time, where the rule has \"approval\""},

    MAP_OF_KEYS("acme"),
    {KEY("acme.terms_of_service", CONF_ONE, acme.terms_of_service, &conf_kind_url),
     .names = conf_choice_web,
     .take = &live,
     .help = "URL of terms that a client must agree to"},
    {KEY("acme.website", CONF_ONE, acme.website, &conf_kind_url),
     .names = conf_choice_web, .take = &live,
     .help = "URL of a page about this CA"},
    {KEY("acme.eab", CONF_ONE, acme.eab, &conf_kind_choice), .names = conf_choice_bindings,
     .initial = "optional", .take = &live,
     .help = "Whether an account can only be made with a key of `autarky eab create`"},
    {KEY("acme.orders_open", CONF_ONE, acme.orders_open, &conf_kind_number),
     .min = 1, .max = 10000, .initial = "300", .take = &live,
     .help = "Orders of one account that are neither finished nor expired, and authorizations made "
             "ahead of them"},
    MAP_OF_KEYS("acme.reuse"),
    {KEY("acme.reuse.authorizations", CONF_ONE, acme.reuse.authorizations, &conf_kind_span),
     .min = 0, .max = 30 * WHEN_DAY, .initial = "0s", .take = &live,
     .help = "How long after its proof a name needs no other for new orders of the account; 0s: "
             "each order is proven"},
    {KEY("acme.reuse.orders", CONF_ONE, acme.reuse.orders, &conf_kind_bool), .initial = "false",
     .take = &live,
     .help = "Whether an order for the same names is answered with the one that is still open; not "
             "with clients that order two certificates for a name at a time"},
    MAP_OF_KEYS("acme.renewal"),
    {KEY("acme.renewal.at", CONF_ONE, acme.renewal.at, &conf_kind_number),
     .min = 10, .max = 95, .initial = "66", .take = &live,
     .help = "Percent of a certificate's life after which clients are told to renew it"},
    {KEY("acme.renewal.spread", CONF_ONE, acme.renewal.spread, &conf_kind_number),
     .min = 0, .max = 30, .initial = "10", .take = &live,
     .help = "Percent of that life over which the renewals of many are spread"},
    MAP_OF_KEYS("acme.star"),
    {KEY("acme.star.enabled", CONF_ONE, acme.star.enabled, &conf_kind_bool), .initial = "false",
     .take = &live,
     .help = "Whether orders can renew themselves (RFC 8739); those that do go on when it is false "
             "again"},
    {KEY("acme.star.min_lifetime", CONF_ONE, acme.star.min_lifetime, &conf_kind_span),
     .min = 10 * WHEN_SECOND, .max = 30 * WHEN_DAY, .initial = "1d", .take = &live,
     .help = "The shortest certificates that such an order may ask for"},
    {KEY("acme.star.max_duration", CONF_ONE, acme.star.max_duration, &conf_kind_span),
     .min = WHEN_HOUR, .max = 3653 * WHEN_DAY, .initial = "365d", .take = &live,
     .help = "From the beginning of such an order to its end"},
    {KEY("acme.star.allow_get", CONF_ONE, acme.star.get, &conf_kind_bool), .initial = "true",
     .take = &live,
     .help = "Whether an order may let everybody who knows the URL read its certificate"},
    {KEY("acme.star.orders", CONF_ONE, acme.star.orders, &conf_kind_number),
     .min = 1, .max = 10000, .initial = "100", .take = &live,
     .help = "Such orders of one account that are not over"},

    MAP_OF_KEYS("keep"),
    {KEY("keep.orders", CONF_ONE, keep.orders, &conf_kind_span),
     .min = WHEN_HOUR, .max = 3650 * WHEN_DAY, .initial = "30d", .take = &live,
     .help = "How long orders and authorizations stay after they have expired"},
    {KEY("keep.certificates", CONF_ONE, keep.certificates, &conf_kind_span),
     .min = WHEN_DAY, .max = 36500 * WHEN_DAY, .initial = "365d", .take = &live,
     .help = "How long a certificate stays after its end, before only serial, dates and hashes do"},
    {KEY("acme.caa_identities", CONF_MANY, acme.caa_identities, &conf_kind_domain), .take = &live,
     .help = "Domains by which CAA records mean this CA; default: the host of urls.api, else "
             "`domain`"},

#include "conf/schema_ca.h"

    MAP_OF_KEYS("revocation"),
    MAP_OF_KEYS("revocation.crl"),
    {KEY("revocation.crl.lifetime", CONF_ONE, revocation.crl.lifetime, &conf_kind_span),
     .min = WHEN_HOUR, .max = 31 * WHEN_DAY, .initial = "7d", .take = &live,
     .help = "How long a revocation list is valid"},
    {KEY("revocation.crl.every", CONF_ONE, revocation.crl.every, &conf_kind_span),
     .min = WHEN_MINUTE, .max = 15 * WHEN_DAY, .initial = "1d", .take = &live,
     .help = "After that time a list is made anew although nothing changed; at most half of its "
             "lifetime counts"},
    {KEY("revocation.crl.within", CONF_ONE, revocation.crl.within, &conf_kind_span),
     .min = 0, .max = WHEN_DAY, .initial = "10s", .take = &live,
     .help = "A revocation is on a list after that time; a compromised key at once"},
    {KEY("revocation.crl.delta", CONF_ONE, revocation.crl.delta, &conf_kind_choice),
     .names = conf_choice_switches, .initial = "off", .take = &live,
     .help = "on: between two complete lists revocations are on a delta; off: each makes a new "
             "complete list"},
    MAP_OF_KEYS("revocation.ocsp"),
    {KEY("revocation.ocsp.lifetime", CONF_ONE, revocation.ocsp.lifetime, &conf_kind_span),
     .min = WHEN_HOUR, .max = 3 * WHEN_DAY, .initial = "1d", .take = &live,
     .help = "How long an OCSP answer is valid; a new one is made after half of it"},

#include "conf/schema_alerts.h"
#include "conf/schema_audit.h"
#include "conf/schema_txt.h"

    MAP_OF_KEYS("metrics"),
    {KEY("metrics.allow", CONF_MANY, metrics.allow, &conf_kind_net), .take = &live,
     .initial = "127.0.0.0/8 ::1/128",
     .help = "Networks from which /metrics of the API may be read"},

#include "conf/schema_control.h"

    MAP_OF_KEYS("log"),
    {KEY("log.level", CONF_ONE, log.level, &conf_kind_choice), .names = conf_choice_log_levels,
     .initial = "info", .take = &live,
     .help = "The least that is logged: error, warn, info, debug"},
    {KEY("log.format", CONF_ONE, log.format, &conf_kind_choice), .names = conf_choice_log_formats,
     .initial = "text", .take = &live,
     .help = "text or json, on standard error"},
};
/* clang-format on */
const size_t conf_schema_n = sizeof(conf_schema) / sizeof(conf_schema[0]);

static struct str rest_below(const struct conf_key *above, const struct conf_key *key)
{
    static const char *const steps[] = {
        [CONF_MAP] = ".", [CONF_ITEMS] = "[].", [CONF_NAMED] = ".*."};
    struct str path = str_of(key->path);
    struct str step;

    if (!above)
        return path;
    step = str_of(steps[above->form]);
    if (!str_starts(path, str_of(above->path)))
        return (struct str){NULL, 0};
    path = str_skip(path, strlen(above->path));
    return str_starts(path, step) ? str_skip(path, step.n) : (struct str){NULL, 0};
}

const struct conf_key *conf_schema_next(const struct conf_key *above, size_t *at)
{
    while (*at < conf_schema_n) {
        const struct conf_key *key = &conf_schema[(*at)++];
        struct str rest = rest_below(above, key);

        if (rest.n && str_find(rest, '.') == rest.n)
            return key;
    }
    return NULL;
}

struct str conf_key_name(const struct conf_key *key)
{
    const char *dot = strrchr(key->path, '.');

    return str_of(dot ? dot + 1 : key->path);
}

const char *conf_schema_initial(const struct conf_key *key, const void *base)
{
    struct str name;

    if (!str_starts(str_of(key->path), STR("profiles.*.")))
        return key->initial;
    memcpy(&name, base, sizeof(name));
    for (size_t i = 0; i < sizeof(presets) / sizeof(presets[0]); i++)
        if (str_eq(name, str_of(presets[i].profile)) &&
            str_eq(conf_key_name(key), str_of(presets[i].key)))
            return presets[i].initial;
    return key->initial;
}
