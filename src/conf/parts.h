/* SPDX-License-Identifier: Apache-2.0 */
/* What the configuration is made of: choices, lists, and the things that there may be several of;
 * profiles are in conf/profile.h, sites in conf/site.h, what is about proofs in conf/proof.h. Part
 * of conf/conf.h. */
#pragma once

#include "base/addr.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/when.h"
#include "conf/profile.h"
#include "conf/public.h"
#include "conf/rules.h"
#include "conf/site.h"
#include "conf/value.h"

struct conf_numbers {
    const uint64_t *p;
    size_t n;
};

enum conf_database { CONF_DATABASE_SQLITE };

enum conf_binding { CONF_BINDING_OPTIONAL, CONF_BINDING_REQUIRED };

enum conf_passphrase_from {
    CONF_PASSPHRASE_CREDENTIAL, /* a systemd credential: $CREDENTIALS_DIRECTORY/NAME */
    CONF_PASSPHRASE_FILE,
    CONF_PASSPHRASE_PROMPT, /* asked on the terminal at every start */
};

/* Name constraints (RFC 5280 section 4.2.1.10) of CA certificates. */
enum conf_constraints {
    CONF_CONSTRAINTS_CRITICAL,
    CONF_CONSTRAINTS_NONCRITICAL, /* for clients that do not know them */
    CONF_CONSTRAINTS_NONE,
};

enum { CONF_WORKERS_MAX = 32 };

enum conf_switch { CONF_OFF, CONF_ON };

/* Where records of the audit log go as well: to a file, or with `server` by syslog. */
struct conf_forward {
    struct str name;        /* unique; letters, digits, hyphens */
    struct str server;      /* address and port in canonical form; empty: a file */
    struct str roots;       /* path of CA certificates in PEM; empty only without TLS */
    struct str server_name; /* in its certificate; empty: its address */
    bool plain;             /* without TLS */
    bool bare_close;        /* an end without TLS's close_notify counts as receipt */
    uint64_t size;          /* of a file, in bytes; then the next one begins */
    uint64_t keep;          /* full ones that stay */
};

/* Whose endpoints of the inventory are. What is set must hold of one. */
struct conf_owner {
    struct conf_nets networks; /* none: any */
    struct conf_strs under;    /* domains, with all below; none: any */
    struct conf_numbers ports; /* none: any */
    struct str owner;
    struct str service; /* empty: not said */
};

enum { CONF_OWNERS_MAX = 1000 }; /* each with lists of CONF_RULE_LIST_MAX */

enum { CONF_FORWARDS_MAX = 8, CONF_FORWARD_NAME_MAX = 40 };

/* Named and ordered as log/ has them. */
enum conf_log_level { CONF_LOG_ERROR, CONF_LOG_WARN, CONF_LOG_INFO, CONF_LOG_DEBUG };
enum conf_log_format { CONF_LOG_TEXT, CONF_LOG_JSON };

/* What is limited: so often in a time. */
enum conf_limit {
    CONF_LIMIT_ACCOUNTS_PER_NETWORK,
    CONF_LIMIT_ORDERS_PER_ACCOUNT,
    CONF_LIMIT_ORDERS_PER_NETWORK,
    CONF_LIMIT_CERTIFICATES_PER_EAB,
    CONF_LIMIT_CERTIFICATES_PER_ZONE,
    CONF_LIMIT_CERTIFICATES_PER_NAMES,
    CONF_LIMIT_CERTIFICATES_PER_RULE,
    CONF_LIMIT_CERTIFICATES,
    CONF_LIMITS
};

/* Another rate for one account, network, key of bindings, zone, or list of names. */
struct conf_override {
    enum conf_limit limit;
    struct str of; /* as the message of the limit calls it; empty for all certificates */
    struct conf_rate rate;
    when_t until;
};

/* What an unusual hour leads to. */
enum conf_automatic { CONF_AUTOMATIC_OFF, CONF_AUTOMATIC_WARN, CONF_AUTOMATIC_ON };
struct conf_locks {
    enum conf_automatic automatic;
};

/* Whether commands that change something have to say why. */
enum conf_reasons { CONF_REASONS_OPTIONAL, CONF_REASONS_REQUIRED };

/* What may take a second person. */
enum conf_two_persons {
    CONF_TWO_ISSUER_CREATE,
    CONF_TWO_ISSUER_ROTATE,
    CONF_TWO_ISSUER_REVOKE,
    CONF_TWO_THAW,
    CONF_TWO_OPERATORS,
    CONF_TWO_POLICY,
    CONF_TWO_BACKUP,
    CONF_TWO_RESTORE,
    CONF_TWO_ESCROW, /* an escrowed key is handed out */
    CONF_TWO_COUNT
};

/* A user or group of this host who may use the control socket. */
struct conf_operator {
    struct str name;
    bool group;
    unsigned roles; /* bits in the order of enum operators_role */
};

/* Agents on other hosts. */
struct conf_agents {
    bool enabled;  /* they may enrol and report */
    when_t silent; /* who has not reported for longer is an alert */
};
