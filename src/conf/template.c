/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/kind_int.h"
#include "conf/text.h"

static void put_key(struct buf *out, const char *name, struct str value)
{
    buf_printf(out, "%s: ", name);
    conf_put_scalar(value, out);
    buf_putz(out, "\n");
}

static void put_urls(const struct conf_template *t, struct buf *out)
{
    buf_putz(out,
             "\n# Public URLs. Once set they are written into certificates and protocol messages: "
             "settle them\n# before the first client is set up, and keep them. Until then clients "
             "may use any name of\n# this host, and certificates point to nothing.\n# urls:\n");
    buf_printf(out, "#   api: \"https://ca.%.*s:8555\"\n", STR_ARG(t->domain));
    buf_printf(out, "#   plain: \"http://ca.%.*s%s\"\n", STR_ARG(t->domain),
               t->unprivileged ? ":8080" : "");
    if (t->unprivileged)
        buf_putz(out,
                 "\n# Ports below 1024 take privileges; ACME clients and the readers of CRLs must "
                 "reach this one.\nlisten:\n  plain: [\"[::]:8080\"]\n");
}

static void put_passphrase(const struct conf_template *t, struct buf *out)
{
    buf_putz(out,
             "\n# Where the passphrase of the CA keys comes from at start.\nca:\n  passphrase:\n");
    switch (t->passphrase_from) {
    case CONF_PASSPHRASE_CREDENTIAL:
        buf_putz(out, "    from: credential   # of systemd: LoadCredentialEncrypted=\n");
        if (t->passphrase.n)
            put_key(out, "    name", t->passphrase);
        break;
    case CONF_PASSPHRASE_FILE:
        buf_putz(out, "    from: file\n");
        if (t->passphrase.n)
            put_key(out, "    file", t->passphrase);
        break;
    case CONF_PASSPHRASE_PROMPT:
        buf_putz(out, "    from: prompt\n");
        break;
    }
}

static void put_policy(const struct conf_template *t, struct buf *out)
{
    buf_putz(out,
             "\n# Who may have which names. The most specific rule decides; what no rule allows is "
             "refused.\npolicy:\n  - name: everything-inside\n    allow: [");
    conf_put_scalar(t->domain, out);
    buf_printf(out, ", \"*.%.*s\"]\n", STR_ARG(t->domain));
    buf_putz(out, "    challenges: [http-01]\n"
                  "    # networks: [10.0.0.0/8]   # where requests may come from; without it, from "
                  "anywhere\n"
                  "  - name: operators            # autarky cert issue, cert sign\n"
                  "    from: [operators]\n"
                  "    allow: [\"*\"]               # all that the CA may vouch for\n"
                  "    addresses: [0.0.0.0/0, \"::/0\"]\n"
                  "    wildcards: allow\n");
}

void conf_template_put(const struct conf_template *t, struct buf *out)
{
    buf_putz(out,
             "# Configuration of Autarky. Every key that is not here has a default: `autarky "
             "config show`\n# prints them all and what they mean, `autarky config check` says what "
             "is wrong. Files\n# conf.d/*.yaml beside this one add to it.\n\n");
    put_key(out, "organization", t->organization);
    if (t->country.n)
        put_key(out, "country", t->country);
    put_key(out, "domain", t->domain);
    if (t->host.n) {
        buf_putz(out, "\n# Names of a single label that the CA vouches for, each by itself. "
                      "Issuers list them, as they do\n"
                      "# the domain: after a change, `autarky issuer rotate`.\nnames:\n  single: "
                      "[localhost, ");
        conf_put_scalar(t->host, out);
        buf_putz(out, "]\n");
    }
    put_urls(t, out);
    put_passphrase(t, out);
    put_policy(t, out);
}
