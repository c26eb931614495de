/* SPDX-License-Identifier: Apache-2.0 */
/* Other CAs of the gateway's sites: what only several values together show. */
#include "conf/tree_int.h"

#include "conf/alert.h"

MSG(msg_many, "conf.directories-many", "there are more than {0} directories");
MSG(msg_unknown, "conf.site-directory",
    "the site {0} names {1}, which is not the `url` of one of `directories`: put it there, too");
MSG(msg_terms, "conf.directory-terms",
    "the site {0} takes certificates from {1}, whose terms of service nobody has agreed to: read "
    "them, and set `agree_terms: true` there");
MSG(msg_alone, "conf.site-directory-alone",
    "the site {0} has `{1}`, which does nothing without `directory`");
MSG(msg_same, "conf.site-fallback", "the site {0} falls back to {1}, which is its `directory`");
MSG(msg_passes, "conf.site-directory-passes",
    "the site {0} passes connections on as they are (tls://): its certificates are its backends'");
MSG(msg_kinds, "conf.site-directory-algorithms",
    "the site {0} takes certificates from {1}, and has neither ecdsa nor rsa among its "
    "`algorithms`: others are issued by no other CA");
MSG(msg_dns, "conf.site-dns",
    "the site {0} has `challenge: dns-01` and no `dns`: name one of `updates`, which says what "
    "name server takes them, or of `hooks`, a program that sets them");
MSG(msg_no_dns, "conf.site-dns-unused",
    "the site {0} has `dns`, which is for `challenge: dns-01` alone");
MSG(msg_no_update, "conf.site-dns-unknown",
    "the site {0} has `dns: {1}`, which is none of `updates` or `hooks`");
MSG(msg_updates, "conf.updates-many", "there are more than {0} name servers in `updates`");
MSG(msg_hooks, "conf.hooks-many", "there are more than {0} programs in `hooks`");
MSG(msg_both, "conf.hook-twice",
    "\"{0}\" is the name of one of `updates`, too: sites could mean either; give the hook another");
MSG(msg_command, "conf.hook-command",
    "the hook {0}: `{1}` is a program by its absolute path, and at most {2} words in all");
MSG(msg_cleanup, "conf.hook-cleanup",
    "the hook {0} has `cleanup`, which certbot's alone have: of style {1}, `command` is called for "
    "both");
MSG(msg_hook_as, "conf.hook-user",
    "the hook {0} would run as {1}: name a user that has nothing of the authority's, made for it: "
    "useradd --system --no-create-home --shell /usr/sbin/nologin acme-dns");
MSG(msg_environment, "conf.hook-environment",
    "the hook {0}: `environment` is the absolute path of a file, or credential:NAME");
MSG(msg_contact, "conf.directory-contact", "\"{0}\" is no mailbox, as in pki@hospital.example");
MSG(msg_contacts, "conf.directory-contacts", "{0} has more than {1} mailboxes in `contact`");
MSG(msg_eab, "conf.directory-eab",
    "{0} has one of `eab_kid` and `eab_key_file`: a binding takes both");
MSG(msg_relative, "conf.public-file-relative",
    "the path {0} does not begin with /, and where it begins would depend on who reads it");
MSG(msg_trust_file, "conf.directory-trust",
    "{0} names {1}, which is not in conf.d of the data directory: put it there, with a name that "
    "ends in .pem, owned by root and writable by nobody else");
MSG(msg_trust_text, "conf.directory-trust-empty",
    "{0} names {1}, in which there is no certificate");

const struct conf_directory *conf_directory_find(const struct conf *conf, struct str url)
{
    for (size_t i = 0; i < conf->gateway.others.n_directories; i++)
        if (str_eq(conf->gateway.others.directories[i].url, url))
            return &conf->gateway.others.directories[i];
    return NULL;
}

const struct conf_update *conf_update_find(const struct conf *conf, struct str name)
{
    for (size_t i = 0; i < conf->gateway.others.n_updates; i++)
        if (str_eq(conf->gateway.others.updates[i].name, name))
            return &conf->gateway.others.updates[i];
    return NULL;
}

const struct conf_hook *conf_hook_find(const struct conf *conf, struct str name)
{
    for (size_t i = 0; i < conf->gateway.others.n_hooks; i++)
        if (str_eq(conf->gateway.others.hooks[i].name, name))
            return &conf->gateway.others.hooks[i];
    return NULL;
}

static const struct conf_node *first_of(const struct conf_node *root, struct str key)
{
    const struct conf_node *list = conf_node_get(conf_node_get(root, STR("gateway")), key);

    return list ? list->first : NULL;
}

/* ---- files */

static enum rc fill(struct conf_report *report, const struct conf_node *n,
                    const struct conf_input *in, struct arena *a, struct conf_directory *d)
{
    static const struct str begins = STR("-----BEGIN CERTIFICATE-----");
    struct str text;

    if (d->trust.n == 0)
        return RC_OK;
    text = conf_input_pem(in, d->trust);
    if (!text.p)
        return CONF_COMPLAIN(report, n, msg_trust_file, d->url, d->trust);
    if (!memmem(text.p, text.n, begins.p, begins.n))
        return CONF_COMPLAIN(report, n, msg_trust_text, d->url, d->trust);
    return arena_str(a, text, &d->roots);
}

enum rc conf_fill_public(struct conf_report *report, const struct conf_node *root,
                         const struct conf_input *in, struct arena *a, struct conf *conf)
{
    const struct conf_node *n = first_of(root, STR("directories"));
    size_t count = conf->gateway.others.n_directories;
    struct conf_directory *all;

    if (count == 0)
        return RC_OK;
    all = ARENA_ARRAY(a, struct conf_directory, count);
    if (!all)
        return RC_NOMEM;
    memcpy(all, conf->gateway.others.directories, count * sizeof(*all));
    conf->gateway.others.directories = all;
    for (size_t i = 0; n && !report->n && i < count; i++, n = n->next)
        TRY(fill(report, n, in, a, &all[i]));
    return RC_OK;
}

/* ---- checks */

static enum rc check_directory(struct conf_report *report, const struct conf_node *n,
                               const struct conf_directory *d)
{
    if ((d->eab_kid.n > 0) != (d->eab_key_file.n > 0))
        return CONF_COMPLAIN(report, n, msg_eab, d->url);
    if (d->eab_key_file.n && !str_starts(d->eab_key_file, STR("/")))
        return CONF_COMPLAIN(report, n, msg_relative, d->eab_key_file);
    if (d->contact.n > CONF_CONTACTS_MAX)
        return CONF_COMPLAIN(report, n, msg_contacts, d->url, STR("8"));
    for (size_t i = 0; i < d->contact.n; i++)
        if (!conf_mailbox_good(d->contact.p[i]))
            return CONF_COMPLAIN(report, n, msg_contact, d->contact.p[i]);
    return RC_OK;
}

static enum rc check_known(struct conf_report *report, const struct conf_node *n,
                           const struct conf *conf, const struct conf_site *s, struct str url)
{
    const struct conf_directory *d = conf_directory_find(conf, url);

    if (!d)
        return CONF_COMPLAIN(report, n, msg_unknown, s->name, url);
    return d->terms ? RC_OK : CONF_COMPLAIN(report, n, msg_terms, s->name, url);
}

static enum rc check_proof(struct conf_report *report, const struct conf_node *n,
                           const struct conf *conf, const struct conf_site *s)
{
    bool by_dns = s->challenge == CONF_SITE_DNS_01;

    if (by_dns && s->dns.n == 0)
        return CONF_COMPLAIN(report, n, msg_dns, s->name);
    if (!by_dns && s->dns.n)
        return CONF_COMPLAIN(report, n, msg_no_dns, s->name);
    return by_dns && !conf_update_find(conf, s->dns) && !conf_hook_find(conf, s->dns)
               ? CONF_COMPLAIN(report, n, msg_no_update, s->name, s->dns)
               : RC_OK;
}

static bool is_command(const struct conf_strs *words)
{
    return words->n && words->n <= CONF_HOOK_WORDS_MAX && str_starts(words->p[0], STR("/"));
}

/* As of receivers: who has something of the authority's is nobody for a program of others. */
static enum rc check_hook(struct conf_report *report, const struct conf_node *n,
                          const struct conf *conf, const struct conf_hook *h)
{
    struct str style = str_of(conf_hook_style_name(h->style));

    if (conf_update_find(conf, h->name))
        return CONF_COMPLAIN(report, n, msg_both, h->name);
    if (!is_command(&h->command))
        return CONF_COMPLAIN(report, n, msg_command, h->name, STR("command"), STR("12"));
    if (h->cleanup.n && h->style != CONF_HOOK_CERTBOT)
        return CONF_COMPLAIN(report, n, msg_cleanup, h->name, style);
    if (h->cleanup.n && !is_command(&h->cleanup))
        return CONF_COMPLAIN(report, n, msg_command, h->name, STR("cleanup"), STR("12"));
    if (str_eq(h->user, STR("root")) || str_starts(h->user, STR("autarky-")) ||
        (h->user.n && h->user.p[0] >= '0' && h->user.p[0] <= '9'))
        return CONF_COMPLAIN(report, n, msg_hook_as, h->name, h->user);
    if (h->environment.n && !str_starts(h->environment, STR("/")) &&
        !str_starts(h->environment, STR("credential:")))
        return CONF_COMPLAIN(report, n, msg_environment, h->name);
    return RC_OK;
}

static enum rc check_hooks(struct conf_report *report, const struct conf_node *root,
                           const struct conf *conf)
{
    const struct conf_node *n = first_of(root, STR("hooks"));

    if (n && conf->gateway.others.n_hooks > CONF_HOOKS_MAX)
        return CONF_COMPLAIN(report, n, msg_hooks, STR("16"));
    for (size_t i = 0; n && !report->n && i < conf->gateway.others.n_hooks; i++, n = n->next)
        TRY(check_hook(report, n, conf, &conf->gateway.others.hooks[i]));
    return RC_OK;
}

static enum rc check_site(struct conf_report *report, const struct conf_node *n,
                          const struct conf *conf, const struct conf_site *s)
{
    const unsigned kinds = 1u << CONF_KEY_ECDSA | 1u << CONF_KEY_RSA;

    if (s->directory.n == 0 && (s->fallback.n || s->dns.n || s->challenge != CONF_SITE_HTTP_01))
        return CONF_COMPLAIN(report, n, msg_alone, s->name,
                             s->fallback.n ? STR("fallback")
                             : s->dns.n    ? STR("dns")
                                           : STR("challenge"));
    if (s->directory.n == 0)
        return RC_OK;
    if (s->passes)
        return CONF_COMPLAIN(report, n, msg_passes, s->name);
    if (!(s->algorithms & kinds))
        return CONF_COMPLAIN(report, n, msg_kinds, s->name, s->directory);
    TRY(check_proof(report, n, conf, s));
    if (report->n)
        return RC_OK;
    TRY(check_known(report, n, conf, s, s->directory));
    if (report->n || s->fallback.n == 0)
        return RC_OK;
    if (str_eq(s->fallback, s->directory))
        return CONF_COMPLAIN(report, n, msg_same, s->name, s->fallback);
    return check_known(report, n, conf, s, s->fallback);
}

enum rc conf_check_public(struct conf_report *report, const struct conf_node *root,
                          const struct conf *conf)
{
    const struct conf_node *n = first_of(root, STR("directories"));

    if (n && conf->gateway.others.n_directories > CONF_DIRECTORIES_MAX)
        return CONF_COMPLAIN(report, n, msg_many, STR("16"));
    for (size_t i = 0; n && !report->n && i < conf->gateway.others.n_directories; i++, n = n->next)
        TRY(check_directory(report, n, &conf->gateway.others.directories[i]));
    n = first_of(root, STR("updates"));
    if (n && conf->gateway.others.n_updates > CONF_UPDATES_MAX)
        return CONF_COMPLAIN(report, n, msg_updates, STR("64"));
    for (size_t i = 0; n && !report->n && i < conf->gateway.others.n_updates; i++, n = n->next)
        if (!str_starts(conf->gateway.others.updates[i].file, STR("/")))
            return CONF_COMPLAIN(report, n, msg_relative, conf->gateway.others.updates[i].file);
    TRY(check_hooks(report, root, conf));
    n = first_of(root, STR("sites"));
    for (size_t i = 0; n && !report->n && i < conf->gateway.n_sites; i++, n = n->next)
        TRY(check_site(report, n, conf, &conf->gateway.sites[i]));
    return RC_OK;
}
