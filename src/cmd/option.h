/* SPDX-License-Identifier: Apache-2.0 */
/* The options of the commands; part of cmd/cmd.h. What they are called stands in options.c. */
#pragma once

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

/* Every option there is; a command's row says which it takes. */
enum cmd_option {
    CMD_OPT_DATA,
    CMD_OPT_CONFIG,
    CMD_OPT_JSON,
    CMD_OPT_HELP,
    CMD_OPT_DRY_RUN,
    CMD_OPT_ORGANIZATION,
    CMD_OPT_COUNTRY,
    CMD_OPT_DOMAIN,
    CMD_OPT_ALGORITHMS,
    CMD_OPT_ROOT_PASSPHRASE_FILE,
    CMD_OPT_PASSPHRASE_FILE,
    CMD_OPT_PASSPHRASE_CREDENTIAL,
    CMD_OPT_PASSPHRASE_PROMPT,
    CMD_OPT_LIMIT,
    CMD_OPT_CURSOR,
    CMD_OPT_NAME,
    CMD_OPT_UNDER,
    CMD_OPT_STATUS,
    CMD_OPT_BACKEND,
    CMD_OPT_PROFILE,
    CMD_OPT_SPECIAL,
    CMD_OPT_STAGING,
    CMD_OPT_MEDIA,
    CMD_OPT_SHARES,
    CMD_OPT_SHARE,
    CMD_OPT_SHARES_ONLY,
    CMD_OPT_TOKEN,
    CMD_OPT_PKCS11_MODULE,
    CMD_OPT_PIN_FILE,
    CMD_OPT_CSR,
    CMD_OPT_NEXT,
    CMD_OPT_OFFLINE_ROOT,
    CMD_OPT_OUT,
    CMD_OPT_FORCE,
    CMD_OPT_REASON, /* a person's words */
    CMD_OPT_CERT_NAME,
    CMD_OPT_COMMON_NAME,
    CMD_OPT_KEY,
    CMD_OPT_FORMAT,
    CMD_OPT_P12_PASSWORD_FILE,
    CMD_OPT_WITH_ROOT,
    CMD_OPT_KEY_FILE,
    CMD_OPT_OWNER,
    CMD_OPT_TEAM,
    CMD_OPT_SERVICE,
    CMD_OPT_SERIAL,
    CMD_OPT_PUBLIC_KEY,
    CMD_OPT_ISSUER,
    CMD_OPT_EXPIRES_BEFORE,
    CMD_OPT_EXPIRES_AFTER,
    CMD_OPT_REVOKE_REASON, /* of RFC 5280 */
    CMD_OPT_WHY,
    CMD_OPT_DUE,
    CMD_OPT_NOW,
    CMD_OPT_YES,
    CMD_OPT_ACCOUNTS,
    CMD_OPT_EXPIRES,
    CMD_OPT_EAB,
    CMD_OPT_WITHIN,
    CMD_OPT_URL,
    CMD_OPT_ACCOUNT_STATUS,
    CMD_OPT_AS_CA,
    CMD_OPT_TLCP,
    CMD_OPT_CRL,
    CMD_OPT_CRL_DAYS,
    CMD_OPT_AUDIT_KEY,
    CMD_OPT_HEAD,
    CMD_OPT_WITNESS,
    CMD_OPT_ZONE,
    CMD_OPT_ACCOUNT,
    CMD_OPT_RENEWALS,
    CMD_OPT_SERVER,
    CMD_OPT_CERT,
    CMD_OPT_KEY_PEM,
    CMD_OPT_ROOT,
    CMD_OPT_FROM,
    CMD_OPT_FOR,
    CMD_OPT_GRANT_RENEWALS, /* --renewals of a grant */
    CMD_OPT_ACME_SERVER,
    CMD_OPT_CA_FILE,
    CMD_OPT_ACME_NAME,
    CMD_OPT_ACME_KEY,
    CMD_OPT_ACME_PROFILE,
    CMD_OPT_ACME_OUT,
    CMD_OPT_AGREE_TOS,
    CMD_OPT_HTTP_LISTEN,
    CMD_OPT_WEBROOT,
    CMD_OPT_ALPN_LISTEN,
    CMD_OPT_DNS,
    CMD_OPT_DNS_CONFIG,
    CMD_OPT_HOOK,
    CMD_OPT_HOOK_ENV,
    CMD_OPT_CHALLENGE,
    CMD_OPT_EAB_KID,
    CMD_OPT_EAB_KEY_FILE,
    CMD_OPT_CONTACT,
    CMD_OPT_CHAIN,
    CMD_OPT_ACCOUNT_KEY,
    CMD_OPT_RENEW_FORCE,
    CMD_OPT_JITTER,
    CMD_OPT_FILE_OWNER,
    CMD_OPT_FILE_GROUP,
    CMD_OPT_KEY_MODE,
    CMD_OPT_RELOAD,
    CMD_OPT_RELOAD_TIMEOUT,
    CMD_OPT_PROVE,
    CMD_OPT_PROVE_FOR,
    CMD_OPT_PORTS,
    CMD_OPT_AT_ONCE,
    CMD_OPT_PER_HOST,
    CMD_OPT_RATE,
    CMD_OPT_SCAN_TIMEOUT,
    CMD_OPT_DEADLINE,
    CMD_OPT_QUICK,
    CMD_OPT_OURS,
    CMD_OPT_SCAN_OUT,
    CMD_OPT_ROLE,
    CMD_OPT_HOST_USER,
    CMD_OPT_PASSWORD_FILE,
    CMD_OPT_TOKEN_EXPIRES,
    CMD_OPT_NETWORK,
    CMD_OPT_VERDICT,
    CMD_OPT_UNSEEN_FOR,
    CMD_OPT_CSV,
    CMD_OPT_IMPORT_NAME,
    CMD_OPT_DESPITE_TIMER,
    CMD_OPT_COUNT,
};
/* A set of them. */
__extension__ typedef unsigned __int128 cmd_option_set;
/* Of the first 128 options, and of those behind them. */
#define CMD_BIT(option) ((option) < 128 ? (cmd_option_set)1 << ((option) % 128) : 0)
#define CMD_BIT2(option) ((option) < 128 ? 0 : (cmd_option_set)1 << ((option) % 128))
static_assert(CMD_OPT_COUNT <= 256, "one bit for each option");

enum cmd_repeats { CMD_ONCE, CMD_MANY, CMD_MORE };

struct cmd_option_row {
    const char *name;  /* "--data" */
    const char *value; /* "DIR"; NULL: takes none */
    const char *help;
    /* At most one of each kind in a row: what is given goes to cmd_args.many or .more. */
    enum cmd_repeats repeats;
};
