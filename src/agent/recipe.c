/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/recipe.h"

MSG(msg_none, "agent.recipe-none",
    "--for is \"{0}\"; there is something known of {1}. For any other service say it with --reload "
    "and --prove");
MSG(msg_combined, "agent.recipe-combined",
    "{0} reads certificates and key from one file: --combined FILE says which");

static const struct recipe {
    const char *name;
    const char *reload, *owner, *group, *mode; /* NULL: nothing of its own */
    struct str prove;                          /* empty: its port is not known */
    bool combined;
} recipes[] = {
    {.name = "apache", .reload = "unit:apache2.service", .prove = STR("443")},
    {.name = "dovecot", .reload = "unit:dovecot.service", .prove = STR("imap:143")},
    /* Since 4.95 it reads both beforehand, and watches the directory of the names alone. */
    {.name = "exim",
     .reload = "unit:exim4.service",
     .group = "Debian-exim",
     .mode = "0640",
     .prove = STR("smtp:25")},
    {.name = "haproxy", .reload = "unit:haproxy.service", .prove = STR("443"), .combined = true},
    {.name = "httpd", .reload = "unit:httpd.service", .prove = STR("443")},
    /* Its unit has no reload, and starting a database anew ends what everybody does there. Root is
     * its administrator, by its socket; LOCAL: replicas have certificates of their own. */
    {.name = "mariadb",
     .reload = "/usr/bin/mariadb --execute 'FLUSH LOCAL SSL'",
     .group = "mysql",
     .mode = "0640",
     .prove = STR("mysql:3306")},
    {.name = "nginx", .reload = "unit:nginx.service", .prove = STR("443")},
    {.name = "postfix", .reload = "unit:postfix.service", .prove = STR("smtp:25")},
    /* A key that it does not own has to be root's and of its group; so both ways are the same. */
    {.name = "postgresql",
     .reload = "unit:postgresql.service",
     .owner = "postgres",
     .group = "postgres",
     .mode = "0600",
     .prove = STR("postgres:5432")},
    {.name = "prosody",
     .reload = "unit:prosody.service",
     .group = "prosody",
     .mode = "0640",
     .prove = STR("xmpp:5222")},
    /* It and its exporters read both for each handshake (web.config.file). */
    {.name = "prometheus", .group = "prometheus", .mode = "0640"},
    /* Its unit has no reload, so it is started anew. */
    {.name = "slapd",
     .reload = "unit:slapd.service",
     .group = "openldap",
     .mode = "0640",
     .prove = STR("ldap:389")},
    /* Its unit has a reload, by HUP, at which it keeps the certificate that it has. */
    {.name = "vsftpd",
     .reload = "/usr/bin/systemctl try-restart vsftpd.service",
     .prove = STR("ftp:21")},
};

static const struct recipe *find(struct str name)
{
    for (size_t i = 0; i < sizeof(recipes) / sizeof(recipes[0]); i++)
        if (str_eq(name, str_of(recipes[i].name)))
            return &recipes[i];
    return NULL;
}

static void fill(struct str *field, const char *value)
{
    if (field->n == 0 && value)
        *field = str_of(value);
}

enum rc agent_recipe_apply(struct str name, struct agent_plan *plan, struct err *err)
{
    const struct recipe *r = find(name);

    if (!r)
        return ERR(err, RC_INVAL, msg_none, name, STR(AGENT_RECIPES));
    if (r->combined && plan->n_also == 0)
        return ERR(err, RC_INVAL, msg_combined, name);
    fill(&plan->reload, r->reload);
    fill(&plan->owner, r->owner);
    fill(&plan->group, r->group);
    fill(&plan->mode, r->mode);
    if (plan->n_prove == 0 && r->prove.n) {
        plan->prove = &r->prove;
        plan->n_prove = 1;
    }
    return RC_OK;
}
