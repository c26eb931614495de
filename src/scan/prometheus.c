/* SPDX-License-Identifier: Apache-2.0 */
#include "scan/prometheus.h"

#include "conf/scrape.h"
#include "starttls/starttls.h"

MSG(msg_left, "scan.prometheus-left", "left out, job {0}: {1}");
MSG(msg_target, "scan.prometheus-target", "left out, {0}: {1}");

enum { TARGET_MAX = 512 };

struct import {
    struct scan_targets *targets;
    scan_unknown_fn left;
    void *arg;
    struct err *err;
};

static enum rc leave(const struct import *i, const struct msg *m, struct str what, struct str why)
{
    const struct str args[] = {what.n ? what : STR("without a name"), why};
    struct err err = ERR_INIT;

    IGNORE_RC(err_set(&err, RC_NOTFOUND, m, (struct err_at){__FILE__, __LINE__}, args, 2));
    i->left(i->arg, &err);
    return RC_OK;
}

/* The protocol whose port it is, or after which the module is called; "": TLS from the start. */
static struct str protocol_of(struct str module, struct str port)
{
    static const struct {
        const char *port, *protocol;
    } ports[] = {{"25", "smtp"},   {"587", "smtp"},        {"143", "imap"},      {"110", "pop3"},
                 {"389", "ldap"},  {"21", "ftp"},          {"5432", "postgres"}, {"3306", "mysql"},
                 {"5222", "xmpp"}, {"5269", "xmpp-server"}};
    struct str word;

    for (size_t i = 0; i < sizeof(ports) / sizeof(ports[0]); i++)
        if (str_eq(port, str_of(ports[i].port)))
            return str_of(ports[i].protocol);
    if (!str_ends(module, STR("starttls")))
        return (struct str){};
    while (str_next(&module, '_', &word))
        if (starttls_find(word))
            return word;
    return (struct str){};
}

/* What is behind the last colon that is not inside of brackets; "": nothing. */
static struct str port_of(struct str authority)
{
    size_t at = authority.n;

    while (at > 0 && authority.p[at - 1] != ':' && authority.p[at - 1] != ']')
        at--;
    return at > 0 && authority.p[at - 1] == ':' ? str_skip(authority, at) : (struct str){};
}

static struct str authority_of(struct str url)
{
    size_t n = 0;

    while (n < url.n && url.p[n] != '/' && url.p[n] != '?' && url.p[n] != '#')
        n++;
    return str_head(url, n);
}

static enum rc add(const struct import *i, const struct conf_scrape *one, struct str authority,
                   const char *port)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(TARGET_MAX);
    struct str own = port_of(authority);
    struct str protocol = *port ? (struct str){} : protocol_of(one->module, own);
    struct err why = ERR_INIT;
    char said[TARGET_MAX];
    enum rc rc;

    if (protocol.n)
        buf_printf(&text, "%.*s:", STR_ARG(protocol));
    buf_puts(&text, authority);
    if (!own.n && *port)
        buf_printf(&text, ":%s", port);
    rc = buf_rc(&text);
    if (rc == RC_OK)
        rc = scan_target_add(i->targets, buf_str(&text), &why);
    if (rc == RC_INVAL || rc == RC_NOTFOUND)
        return leave(i, &msg_target, one->target, str_of(err_textz(&why, said, sizeof(said))));
    if (rc != RC_OK && i->err)
        *i->err = why;
    return rc;
}

static enum rc take(void *arg, const struct conf_scrape *one)
{
    static const struct str https = STR("https://");
    const struct import *i = arg;
    struct str target = one->target;
    size_t colon = str_find(target, ':');

    if (one->left.n)
        return leave(i, &msg_left, one->job, one->left);
    if (target.n > TARGET_MAX / 2)
        return leave(i, &msg_target, str_head(target, 64), STR("it is longer than any name"));
    if (str_starts(target, https))
        return add(i, one, authority_of(str_skip(target, https.n)), "443");
    if (str_starts(str_skip(target, colon < target.n ? colon : target.n), STR("://")))
        return leave(i, &msg_target, target, STR("it is asked without TLS"));
    if (!port_of(target).n)
        return leave(i, &msg_target, target,
                     STR("it names no port, so the exporter asks it without TLS"));
    return add(i, one, authority_of(target), "");
}

enum rc scan_prometheus_read(struct scan_targets *t, struct str name, struct str text,
                             scan_unknown_fn left, void *arg, struct err *err)
{
    struct import i = {t, left, arg, err};

    return conf_scrape_read(name, text, take, &i, err);
}
