/* SPDX-License-Identifier: Apache-2.0 */
/* Where records of the audit log go as well: what of a destination goes together. */
#include "conf/tree_int.h"

MSG(msg_many, "conf.forwards-many", "there are more than {0} destinations in audit.forward");
MSG(msg_name, "conf.forward-name",
    "\"{0}\" cannot be the name of a destination: at most {1} letters, digits and hyphens, for "
    "files "
    "are called so");
MSG(msg_roots, "conf.forward-roots",
    "the destination {0} needs `roots`, the file with the CA certificates that its server is held "
    "against; or `plain: true`, when everybody on the way may read and change the records");
MSG(msg_tls, "conf.forward-tls",
    "the destination {0} is plain TCP: `roots`, `server_name` and `bare_close` are about TLS");
MSG(msg_file, "conf.forward-file",
    "the destination {0} is a file, for it has no `server`: `roots`, `server_name`, `plain` and "
    "`bare_close` are about servers");

static bool name_good(struct str name)
{
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];

        if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') &&
            (c != '-' || i == 0))
            return false;
    }
    return name.n > 0 && name.n <= CONF_FORWARD_NAME_MAX;
}

static enum rc check_one(struct conf_report *report, const struct conf_node *n,
                         const struct conf_forward *f)
{
    bool tls = f->roots.n || f->server_name.n || f->bare_close;

    if (!name_good(f->name))
        return CONF_COMPLAIN(report, n, msg_name, f->name, STR("40"));
    if (f->server.n == 0)
        return tls || f->plain ? CONF_COMPLAIN(report, n, msg_file, f->name) : RC_OK;
    if (f->plain)
        return tls ? CONF_COMPLAIN(report, n, msg_tls, f->name) : RC_OK;
    return f->roots.n ? RC_OK : CONF_COMPLAIN(report, n, msg_roots, f->name);
}

enum rc conf_check_forwards(struct conf_report *report, const struct conf_node *root,
                            const struct conf *conf)
{
    const struct conf_node *audit = conf_node_get(root, STR("audit"));
    const struct conf_node *list = audit ? conf_node_get(audit, STR("forward")) : NULL;
    const struct conf_node *n = list ? list->first : NULL;

    for (size_t i = 0; n && !report->n && i < conf->audit.n_forward; i++, n = n->next) {
        if (i == CONF_FORWARDS_MAX)
            return CONF_COMPLAIN(report, n, msg_many, STR("8"));
        TRY(check_one(report, n, &conf->audit.forward[i]));
    }
    return RC_OK;
}

const struct conf_forward *conf_forward_find(const struct conf *conf, struct str name)
{
    for (size_t i = 0; i < conf->audit.n_forward; i++)
        if (str_eq(conf->audit.forward[i].name, name))
            return &conf->audit.forward[i];
    return NULL;
}
