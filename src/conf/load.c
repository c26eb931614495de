/* SPDX-License-Identifier: Apache-2.0 */
/* From the tree to struct conf: walks the schema and the tree side by side, and goes on after every
 * problem, so that all of them are found. */
#include "conf/load.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/map.h"
#include "conf/conf_int.h"
#include "conf/kind_int.h"
#include "conf/tree_int.h"

MSG(msg_unknown, "conf.unknown-key", "unknown key; nearest valid key \"{0}\"");
MSG(msg_missing, "conf.missing", "is missing");
MSG(msg_no_value, "conf.no-value", "has no value");
MSG(msg_no_value_default, "conf.no-value-default",
    "has no value; leave the key out for its default");
MSG(msg_want_one, "conf.want-one", "must be a single value, not {0}");
MSG(msg_want_list, "conf.want-list", "must be a list, as in [{0}]");
MSG(msg_map_not_list, "conf.map-not-list", "must be a list, not a map");
MSG(msg_want_map, "conf.want-map", "must be a map of keys, not {0}");
MSG(msg_empty, "conf.empty", "may not be empty");
MSG(msg_same, "conf.same", "\"{0}\" is the {1} of two; the first is in {2}, line {3}");
MSG(msg_site_profile, "conf.site-profile",
    "the site {0} names the profile \"{1}\", which is not among `profiles`");
MSG(msg_site_algorithms, "conf.site-algorithms",
    "the site {0} wants a key algorithm that its profile \"{1}\" does not allow: change "
    "`algorithms` of the site or `key_algorithms` of the profile");
MSG(msg_resolver_servers, "conf.resolver-servers",
    "the zone {0} needs `servers`; only those that hold a zone (mode: authoritative) can be found "
    "without");
MSG(msg_resolver_agree, "conf.resolver-agree",
    "the zone {0} wants {1} servers to agree, and names fewer");
MSG(msg_file_unused, "conf.file-unused", "has no effect while ca.passphrase.from is \"{0}\"");

enum {
    TREE_ARENA_MAX = 64 << 20,
    INPUT_BYTES_MAX = CONF_BYTES_MAX + CONF_FILES_MAX * (CONF_NAME_BYTES_MAX + 16),
};

struct loader {
    struct arena *out;
    struct conf_report *report;
    const struct conf_input *in;
    bool broken; /* a key that is missing may stand where the file could not be read */
};

#define COMPLAIN(l, node, m, ...) CONF_COMPLAIN((l)->report, node, m __VA_OPT__(, ) __VA_ARGS__)

static bool is_null(const struct conf_node *n)
{
    static const char *const nulls[] = {"", "~", "null", "Null", "NULL"};

    if (n->shape != CONF_TREE_VALUE || !n->plain)
        return false;
    for (size_t i = 0; i < sizeof(nulls) / sizeof(nulls[0]); i++)
        if (str_eq(n->value, str_of(nulls[i])))
            return true;
    return false;
}

static struct str shape_text(const struct conf_node *n)
{
    if (n->shape == CONF_TREE_VALUE)
        return STR("a single value");
    return n->shape == CONF_TREE_LIST ? STR("a list") : STR("a map");
}

static struct conf_node *below(const struct conf_node *map, const struct conf_key *key)
{
    return conf_node_get(map, conf_key_name(key));
}

static enum rc no_value(struct loader *l, const struct conf_key *key, const struct conf_node *n)
{
    return key->required ? COMPLAIN(l, n, msg_no_value) : COMPLAIN(l, n, msg_no_value_default);
}

/* One value into `out`; what is wrong with it goes into the report. */
static enum rc load_value(struct loader *l, const struct conf_key *key, const struct conf_node *n,
                          void *out)
{
    struct conf_scalar in = {n->value, n->plain};
    struct err err = ERR_INIT;
    enum rc rc;

    if (n->shape == CONF_TREE_BAD)
        return RC_OK;
    if (n->shape != CONF_TREE_VALUE)
        return COMPLAIN(l, n, msg_want_one, shape_text(n));
    if (is_null(n))
        return no_value(l, key, n);
    rc = key->kind->parse(key, &in, l->out, out, &err);
    if (rc != RC_OK && rc != RC_NOMEM)
        return conf_report_at(l->report, n, STR(""), &err);
    return rc;
}

static size_t count(const struct conf_node *list)
{
    size_t n = 0;

    for (const struct conf_node *e = list->first; e; e = e->next)
        n++;
    return n;
}

static enum rc want_list(struct loader *l, const struct conf_node *n)
{
    CLEANUP(buf_done) struct buf element = BUF_INIT(1024);

    conf_put_scalar(conf_shown(n->value), &element);
    TRY(buf_rc(&element));
    return COMPLAIN(l, n, msg_want_list, buf_str(&element));
}

/* Says so unless the node is a list that may be taken. */
static enum rc check_list(struct loader *l, const struct conf_key *key, const struct conf_node *n,
                          bool *out_good)
{
    *out_good = false;
    if (n->shape == CONF_TREE_BAD)
        return RC_OK;
    if (n->shape == CONF_TREE_MAP)
        return COMPLAIN(l, n, msg_map_not_list);
    if (is_null(n))
        return no_value(l, key, n);
    if (n->shape == CONF_TREE_VALUE)
        return want_list(l, n);
    if (key->filled && !n->first)
        return COMPLAIN(l, n, msg_empty);
    *out_good = true;
    return RC_OK;
}

static void store_list(const struct conf_key *key, void *base, const void *p, size_t n)
{
    struct conf_list list = {p, n};

    memcpy((char *)base + key->offset, &list, sizeof(list));
}

static enum rc load_many(struct loader *l, const struct conf_key *key, const struct conf_node *n,
                         void *base)
{
    bool alone = key->alone && n->shape == CONF_TREE_VALUE && !is_null(n), good = alone;
    char *values;
    size_t i = 0;

    if (!alone)
        TRY(check_list(l, key, n, &good));
    if (!good || (!alone && !n->first))
        return RC_OK;
    values = arena_calloc(l->out, alone ? 1 : count(n), key->kind->size);
    if (!values)
        return RC_NOMEM;
    for (const struct conf_node *e = alone ? n : n->first; e; e = alone ? NULL : e->next)
        TRY(load_value(l, key, e, values + key->kind->size * i++));
    store_list(key, base, values, i);
    return RC_OK;
}

static enum rc load_bits(struct loader *l, const struct conf_key *key, const struct conf_node *n,
                         void *base)
{
    unsigned bits = 0;
    bool good;

    TRY(check_list(l, key, n, &good));
    if (!good)
        return RC_OK;
    for (const struct conf_node *e = n->first; e; e = e->next) {
        unsigned bit = 0;

        TRY(load_value(l, key, e, &bit));
        bits |= 1U << bit;
    }
    memcpy((char *)base + key->offset, &bits, sizeof(bits));
    return RC_OK;
}

/* The default of a value: one, many or bits. What the schema says is right. */
static enum rc load_initial(struct loader *l, const struct conf_key *key, void *base)
{
    struct str rest = str_of(conf_schema_initial(key, base)), field;
    char *to = (char *)base + key->offset;
    unsigned bits = 0;
    size_t n = 0;

    if (key->form == CONF_MANY && rest.n == 0)
        return RC_OK; /* as it is: of many thousand sites each has some of these */
    if (key->form == CONF_MANY) {
        to = arena_calloc(l->out, 1 + rest.n / 2, key->kind->size);
        if (!to)
            return RC_NOMEM;
    }
    while (str_next(&rest, key->form == CONF_ONE ? '\n' : ' ', &field)) {
        struct conf_scalar in = {field, true};
        unsigned bit = 0;
        void *out = key->form == CONF_BITS ? (void *)&bit : to + n * key->kind->size;
        enum rc rc = key->kind->parse(key, &in, l->out, out, NULL);

        if (rc == RC_NOMEM)
            return rc;
        assert(rc == RC_OK);
        if (key->form == CONF_BITS)
            bits |= 1U << bit;
        else
            n++;
    }
    if (key->form == CONF_MANY)
        store_list(key, base, to, n);
    if (key->form == CONF_BITS)
        memcpy(to, &bits, sizeof(bits));
    return RC_OK;
}

static enum rc load_map(struct loader *l, const struct conf_key *above, const struct conf_node *map,
                        const struct conf_node *place, void *base);

static enum rc say_same(struct loader *l, const struct conf_key *key, const struct conf_node *mine,
                        const struct conf_node *same)
{
    char text[16];
    struct str line = {text, (size_t)snprintf(text, sizeof(text), "%u", same->line)};

    return COMPLAIN(l, mine, msg_same, conf_shown(mine->value), conf_key_name(key),
                    same->file->name, line);
}

/* No two elements of the list may have the same value at the key, small and capital letters being
 * the same. */
static enum rc check_unique(struct loader *l, const struct conf_key *key,
                            const struct conf_node *list)
{
    CLEANUP(map_done) struct map seen = {};
    CLEANUP(buf_done) struct buf small = BUF_INIT(CONF_FILE_BYTES_MAX);
    enum rc rc = RC_OK;

    map_init(&seen, count(list));
    for (const struct conf_node *e = list->first; e && rc == RC_OK; e = e->next) {
        struct conf_node *mine = conf_node_get(e, conf_key_name(key));

        if (!mine)
            continue;
        buf_reset(&small);
        buf_put_lower(&small, mine->value);
        TRY(buf_rc(&small));
        rc = map_add(&seen, buf_str(&small), mine);
        if (rc == RC_EXISTS)
            rc = say_same(l, key, mine, map_get(&seen, buf_str(&small)));
    }
    return rc;
}

static enum rc load_items(struct loader *l, const struct conf_key *key, const struct conf_node *n,
                          void *base)
{
    char *items;
    size_t i = 0, at = 0;
    bool good;

    TRY(check_list(l, key, n, &good));
    if (!good || !n->first)
        return RC_OK;
    items = arena_calloc(l->out, count(n), key->size);
    if (!items)
        return RC_NOMEM;
    for (const struct conf_node *e = n->first; e; e = e->next, i++) {
        if (e->shape == CONF_TREE_MAP)
            TRY(load_map(l, key, e, e, items + key->size * i));
        else if (e->shape != CONF_TREE_BAD)
            TRY(COMPLAIN(l, e, msg_want_map, shape_text(e)));
    }
    for (const struct conf_key *k; (k = conf_schema_next(key, &at));)
        if (k->unique)
            TRY(check_unique(l, k, n));
    store_list(key, base, items, i);
    return RC_OK;
}

static int by_name(const void *a, const void *b)
{
    struct str s, t;

    memcpy(&s, a, sizeof(s));
    memcpy(&t, b, sizeof(t));
    return str_cmp(s, t);
}

static enum rc load_named_item(struct loader *l, const struct conf_key *key,
                               const struct conf_node *n, void *item)
{
    struct err err = ERR_INIT;

    if (conf_ident_check(n->key, &err) != RC_OK)
        return conf_report_at(l->report, n, STR(""), &err);
    TRY(conf_store_str(l->out, n->key, item));
    if (n->shape == CONF_TREE_BAD)
        return RC_OK;
    if (n->shape != CONF_TREE_MAP && !is_null(n))
        return COMPLAIN(l, n, msg_want_map, shape_text(n));
    return load_map(l, key, n, n, item);
}

static size_t names_count(const char *const *names)
{
    size_t n = 0;

    while (names[n])
        n++;
    return n;
}

static enum rc load_named(struct loader *l, const struct conf_key *key, const struct conf_node *n,
                          const struct conf_node *place, void *base)
{
    size_t size = key->size, i = 0;
    char *items;

    if (n && n->shape != CONF_TREE_MAP && !is_null(n))
        return n->shape == CONF_TREE_BAD ? RC_OK : COMPLAIN(l, n, msg_want_map, shape_text(n));
    items = arena_calloc(l->out, names_count(key->always) + (n ? count(n) : 0), size);
    if (!items)
        return RC_NOMEM;
    for (const struct conf_node *e = n ? n->first : NULL; e; e = e->next)
        TRY(load_named_item(l, key, e, items + size * i++));
    for (const char *const *name = key->always; *name; name++) {
        if (conf_node_get(n, str_of(*name)))
            continue;
        TRY(conf_store_str(l->out, str_of(*name), items + size * i));
        TRY(load_map(l, key, NULL, place, items + size * i++));
    }
    qsort(items, i, size, by_name);
    store_list(key, base, items, i);
    return RC_OK;
}

/* A key that is not in the file. */
static enum rc load_absent(struct loader *l, const struct conf_key *key,
                           const struct conf_node *place, void *base)
{
    struct err err = ERR_INIT;

    if (conf_schema_initial(key, base))
        return load_initial(l, key, base);
    if (!key->required || l->broken)
        return RC_OK;
    IGNORE_RC(ERR(&err, RC_INVAL, msg_missing)); /* err has it */
    return conf_report_at(l->report, place, conf_key_name(key), &err);
}

/* `n` is NULL when the key is not there; `place` is what it would be in, or the nearest above. */
static enum rc load_key(struct loader *l, const struct conf_key *key, const struct conf_node *n,
                        const struct conf_node *place, void *base)
{
    if (key->form == CONF_NAMED)
        return load_named(l, key, n, place, base);
    if (key->form == CONF_MAP) {
        if (n && n->shape != CONF_TREE_MAP && n->shape != CONF_TREE_BAD && !is_null(n))
            TRY(COMPLAIN(l, n, msg_want_map, shape_text(n)));
        return load_map(l, key, n, n ? n : place, base);
    }
    if (!n)
        return load_absent(l, key, place, base);
    if (key->form == CONF_MANY)
        return load_many(l, key, n, base);
    if (key->form == CONF_BITS)
        return load_bits(l, key, n, base);
    if (key->form == CONF_ITEMS)
        return load_items(l, key, n, base);
    return load_value(l, key, n, (char *)base + key->offset);
}

static bool known(const struct conf_key *above, struct str name)
{
    size_t at = 0;

    for (const struct conf_key *key; (key = conf_schema_next(above, &at));)
        if (str_eq(conf_key_name(key), name))
            return true;
    return false;
}

static enum rc load_map(struct loader *l, const struct conf_key *above, const struct conf_node *map,
                        const struct conf_node *place, void *base)
{
    size_t at = 0;

    for (const struct conf_key *key; (key = conf_schema_next(above, &at));)
        TRY(load_key(l, key, map ? below(map, key) : NULL, place, base));
    if (!map || map->shape != CONF_TREE_MAP)
        return RC_OK;
    for (const struct conf_node *n = map->first; n; n = n->next)
        if (!known(above, n->key))
            TRY(COMPLAIN(l, n, msg_unknown, conf_schema_nearest(above, n->key)));
    return RC_OK;
}

static enum rc listen_everywhere(struct arena *a, uint16_t port, struct conf_ports *ports)
{
    struct addr_port *at;

    if (ports->n)
        return RC_OK;
    at = ARENA_NEW(a, struct addr_port);
    if (!at)
        return RC_NOMEM;
    *at = (struct addr_port){.addr = {.n = 16}, .port = port};
    *ports = (struct conf_ports){at, 1};
    return RC_OK;
}

/* "https://ca.hospital.example:8555" or so: the name in it; the organisation's domain when there is
 * none, or an address. */
static struct str own_identity(const struct conf *conf)
{
    struct str scheme, host;
    struct addr addr;

    if (!str_cut(conf->urls.api, '/', &scheme, &host) || !str_starts(host, STR("/")))
        return conf->domain;
    host = str_skip(host, 1);
    host = str_head(host, str_find(host, ':'));
    return host.n == 0 || host.p[0] == '[' || addr_parse(host, &addr) == RC_OK ? conf->domain
                                                                               : host;
}

static enum rc identify(struct arena *a, struct conf *conf)
{
    struct str *one;

    conf->acme.identities = conf->acme.caa_identities;
    if (conf->acme.identities.n)
        return RC_OK;
    one = ARENA_NEW(a, struct str);
    if (!one)
        return RC_NOMEM;
    *one = own_identity(conf);
    conf->acme.identities = (struct conf_strs){one, 1};
    return RC_OK;
}

/* Defaults that depend on other values. */
static enum rc derive(struct arena *a, bool unprivileged, struct conf *conf)
{
    TRY(identify(a, conf));
    TRY(listen_everywhere(a, unprivileged ? 8080 : 80, &conf->listen.plain));
    return listen_everywhere(a, unprivileged ? 8443 : 443, &conf->listen.gateway);
}

/* Each site's profile exists and allows all of the site's algorithms, but for SM2, which has the
 * two profiles of TLCP; checked only when the file has no other fault, for then items and nodes
 * correspond. */
static enum rc check_sites(struct loader *l, const struct conf_node *root, const struct conf *conf)
{
    const struct conf_node *gateway = conf_node_get(root, STR("gateway"));
    const struct conf_node *sites = conf_node_get(gateway, STR("sites"));
    const struct conf_node *n = sites ? sites->first : NULL;

    for (size_t i = 0; n && !l->report->n && i < conf->gateway.n_sites; i++, n = n->next) {
        const struct conf_site *site = &conf->gateway.sites[i];
        const struct conf_profile *profile = conf_profile_find(conf, site->profile);

        if (!profile)
            TRY(COMPLAIN(l, n, msg_site_profile, site->name, site->profile));
        else if (site->algorithms & ~profile->key_algorithms & ~(1u << CONF_KEY_SM2))
            TRY(COMPLAIN(l, n, msg_site_algorithms, site->name, site->profile));
    }
    return RC_OK;
}

static enum rc check_resolvers(struct loader *l, const struct conf_node *root,
                               const struct conf *conf)
{
    const struct conf_node *list = conf_node_get(root, STR("resolvers"));
    const struct conf_node *n = list ? list->first : NULL;

    for (size_t i = 0; n && !l->report->n && i < conf->n_resolvers; i++, n = n->next) {
        const struct conf_resolver *r = &conf->resolvers[i];
        char text[24];

        snprintf(text, sizeof(text), "%u", (unsigned)r->agree);
        if (r->servers.n == 0 && r->mode != CONF_RESOLVER_AUTHORITATIVE)
            TRY(COMPLAIN(l, n, msg_resolver_servers, r->zone));
        else if (r->servers.n && r->servers.n < r->agree)
            TRY(COMPLAIN(l, n, msg_resolver_agree, r->zone, str_of(text)));
    }
    return RC_OK;
}

/* What only several values together show. */
static enum rc check_together(struct loader *l, const struct conf_node *root,
                              const struct conf *conf)
{
    const struct conf_node *ca = conf_node_get(root, STR("ca"));
    const struct conf_node *passphrase = conf_node_get(ca, STR("passphrase"));
    const struct conf_node *file = conf_node_get(passphrase, STR("file"));

    TRY(check_sites(l, root, conf));
    TRY(conf_check_sites(l->report, root, l->in, conf));
    TRY(conf_check_public(l->report, root, conf));
    TRY(check_resolvers(l, root, conf));
    TRY(conf_check_probers(l->report, root, conf));
    TRY(conf_check_txt(l->report, root, conf));
    TRY(conf_check_forwards(l->report, root, conf));
    TRY(conf_check_alerts(l->report, root, conf));
    TRY(conf_check_rules(l->report, root, conf));
    TRY(conf_check_profiles(l->report, root, conf));
    if (!file || conf->ca.passphrase.from == CONF_PASSPHRASE_FILE)
        return RC_OK;
    return COMPLAIN(l, file, msg_file_unused,
                    conf->ca.passphrase.from == CONF_PASSPHRASE_PROMPT ? STR("prompt")
                                                                       : STR("credential"));
}

static enum rc load_tree(struct conf_tree *tree, const struct conf_input *in, struct conf_box *box)
{
    struct loader l = {&box->arena, tree->report, in, false};

    TRY(conf_tree_read(tree, in));
    TRY(conf_tree_sites(tree, in, &box->arena, &box->conf));
    l.broken = tree->broken;
    TRY(load_map(&l, NULL, tree->root, tree->root, &box->conf));
    TRY(conf_fill_sites(tree->report, tree->root, in, &box->arena, &box->conf));
    TRY(conf_fill_public(tree->report, tree->root, in, &box->arena, &box->conf));
    TRY(conf_fill_escrow(tree->report, tree->root, in, &box->arena, &box->conf));
    TRY(check_together(&l, tree->root, &box->conf));
    if (tree->report->n)
        return RC_INVAL;
    return derive(&box->arena, in->unprivileged, &box->conf);
}

enum rc conf_load(const struct conf_input *in, const struct conf **out, struct conf_report *report)
{
    struct arena arena;
    struct conf_tree tree = {.arena = &arena, .report = report};
    struct conf_box *box = conf_box_new();
    enum rc rc;

    if (!box)
        return RC_NOMEM;
    arena_init(&arena, TREE_ARENA_MAX);
    rc = load_tree(&tree, in, box);
    arena_done(&arena);
    if (rc == RC_OK)
        *out = &box->conf;
    else
        conf_unref(&box->conf);
    return rc;
}

/* ---- what is read ---- */

void conf_input_init(struct conf_input *in)
{
    *in = (struct conf_input){};
    buf_init(&in->bytes, INPUT_BYTES_MAX);
}

void conf_input_done(struct conf_input *in)
{
    buf_done(&in->bytes);
    conf_input_init(in);
}

bool conf_file_is_pem(struct str name)
{
    return str_ends(name, STR(".pem"));
}

struct str conf_input_pem(const struct conf_input *in, struct str name)
{
    for (size_t i = 0; i < in->n; i++) {
        struct str path = in->files[i].name;
        size_t slash = path.n;

        while (slash > 0 && path.p[slash - 1] != '/')
            slash--;
        if (conf_file_is_pem(path) && str_eq(str_skip(path, slash), name))
            return in->files[i].text;
    }
    return (struct str){NULL, 0};
}

enum rc conf_input_add(struct conf_input *in, struct str name, struct str text)
{
    size_t total = text.n;

    for (size_t i = 0; i < in->n; i++)
        total += in->files[i].text.n;
    if (in->n == CONF_FILES_MAX || name.n > CONF_NAME_BYTES_MAX || text.n > CONF_FILE_BYTES_MAX ||
        total > CONF_BYTES_MAX)
        return RC_TOOBIG;
    in->files[in->n++] = (struct conf_file){name, text};
    return RC_OK;
}
