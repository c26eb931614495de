/* SPDX-License-Identifier: Apache-2.0 */
#include "base/name.h"
#include "conf/kind_int.h"
#include "conf/load.h"
#include "conf/text.h"

static void print_many(const struct conf_key *key, const void *base, struct buf *out)
{
    struct conf_list list = conf_list_at(key, base);

    buf_putz(out, "[");
    for (size_t i = 0; i < list.n; i++) {
        buf_putz(out, i ? ", " : "");
        key->kind->print(key, (const char *)list.p + i * key->kind->size, out);
    }
    buf_putz(out, "]");
}

static void print_bits(const struct conf_key *key, const void *base, struct buf *out)
{
    const char *comma = "";
    unsigned bits;

    memcpy(&bits, conf_field(key, base), sizeof(bits));
    buf_putz(out, "[");
    for (unsigned i = 0; key->names[i]; i++) {
        if (!(bits & 1U << i))
            continue;
        buf_putz(out, comma);
        key->kind->print(key, &i, out);
        comma = ", ";
    }
    buf_putz(out, "]");
}

static bool is_set(const struct conf_key *key, const void *base)
{
    struct str s;

    if (key->form != CONF_ONE || key->kind->print != conf_print_str)
        return true;
    memcpy(&s, conf_field(key, base), sizeof(s));
    return s.n > 0;
}

void conf_print_item(const struct conf_key *key, const void *item, struct buf *out)
{
    const char *comma = "";
    size_t at = 0;

    buf_putz(out, "{");
    for (const struct conf_key *k; (k = conf_schema_next(key, &at));) {
        if (!is_set(k, item))
            continue;
        buf_putz(out, comma);
        buf_puts(out, conf_key_name(k));
        buf_putz(out, ": ");
        conf_print(k, item, out);
        comma = ", ";
    }
    buf_putz(out, "}");
}

static const void *item_at(const struct conf_key *key, struct conf_list list, size_t i)
{
    return (const char *)list.p + i * key->size;
}

static void print_items(const struct conf_key *key, const void *base, struct buf *out)
{
    struct conf_list list = conf_list_at(key, base);
    bool named = key->form == CONF_NAMED;

    buf_putz(out, named ? "{" : "[");
    for (size_t i = 0; i < list.n; i++) {
        buf_putz(out, i ? ", " : "");
        if (named) {
            conf_print_str(NULL, item_at(key, list, i), out);
            buf_putz(out, ": ");
        }
        conf_print_item(key, item_at(key, list, i), out);
    }
    buf_putz(out, named ? "}" : "]");
}

void conf_print(const struct conf_key *key, const void *base, struct buf *out)
{
    switch (key->form) {
    case CONF_MAP: /* of an element; its keys are the element's fields */
        conf_print_item(key, base, out);
        break;
    case CONF_ONE:
        key->kind->print(key, conf_field(key, base), out);
        break;
    case CONF_MANY:
        print_many(key, base, out);
        break;
    case CONF_BITS:
        print_bits(key, base, out);
        break;
    case CONF_ITEMS:
    case CONF_NAMED:
        print_items(key, base, out);
        break;
    }
}

static void indent(unsigned depth, struct buf *out)
{
    for (unsigned i = 0; i < depth; i++)
        buf_putz(out, "  ");
}

static void dump_keys_help(const struct conf_key *key, unsigned depth, struct buf *out)
{
    size_t at = 0;

    for (const struct conf_key *k; (k = conf_schema_next(key, &at));) {
        indent(depth, out);
        buf_putz(out, "#   ");
        buf_puts(out, conf_key_name(k));
        buf_printf(out, ": %s\n", k->help);
        if (k->form == CONF_MAP)
            dump_keys_help(k, depth + 1, out);
    }
}

/* What the key is for, and, of a list of maps, what its keys are for: that stands once, and also
 * where the list is empty. */
static void dump_help(const struct conf_key *key, unsigned depth, struct buf *out)
{
    indent(depth, out);
    buf_printf(out, "# %s\n", key->help);
    if (key->form == CONF_ITEMS || key->form == CONF_NAMED)
        dump_keys_help(key, depth, out);
}

static void dump_item(const struct conf_key *key, const void *item, unsigned depth, struct buf *out)
{
    size_t at = 0;
    bool first = true;

    for (const struct conf_key *k; (k = conf_schema_next(key, &at)); first = false) {
        if (!is_set(k, item))
            continue; /* never the first: of a list of maps, that is required */
        indent(first && key->form == CONF_ITEMS ? depth - 1 : depth, out);
        buf_putz(out, first && key->form == CONF_ITEMS ? "- " : "");
        buf_puts(out, conf_key_name(k));
        buf_putz(out, ": ");
        conf_print(k, item, out);
        buf_putz(out, "\n");
    }
}

static void dump_items(const struct conf_key *key, struct conf_list list, unsigned depth,
                       struct buf *out)
{
    indent(depth, out);
    buf_puts(out, conf_key_name(key));
    buf_putz(out, ":\n");
    for (size_t i = 0; i < list.n; i++) {
        if (key->form == CONF_NAMED) {
            indent(depth + 1, out);
            conf_print_str(NULL, item_at(key, list, i), out);
            buf_putz(out, ":\n");
        }
        dump_item(key, item_at(key, list, i), depth + 2, out);
    }
}

static void dump_value(const struct conf_key *key, const void *base, unsigned depth,
                       struct buf *out)
{
    bool items = key->form == CONF_ITEMS || key->form == CONF_NAMED;

    dump_help(key, depth, out);
    if (items && conf_list_at(key, base).n) {
        dump_items(key, conf_list_at(key, base), depth, out);
        return;
    }
    indent(depth, out);
    buf_putz(out, is_set(key, base) ? "" : "# not set: ");
    buf_puts(out, conf_key_name(key));
    buf_putz(out, is_set(key, base) ? ": " : "");
    conf_print(key, base, out);
    buf_putz(out, "\n");
}

static void dump_below(const struct conf_key *above, const void *base, unsigned depth,
                       struct buf *out)
{
    size_t at = 0;

    for (const struct conf_key *key; (key = conf_schema_next(above, &at));) {
        if (key->form != CONF_MAP) {
            dump_value(key, base, depth, out);
            continue;
        }
        indent(depth, out);
        buf_puts(out, conf_key_name(key));
        buf_putz(out, ":\n");
        dump_below(key, base, depth + 1, out);
    }
}

void conf_dump(const struct conf *conf, struct buf *out)
{
    dump_below(NULL, conf, 0, out);
}

/* ---- a part of it */

static const struct conf_key *find_key(struct str path)
{
    for (size_t i = 0; i < conf_schema_n; i++)
        if (str_eq(str_of(conf_schema[i].path), path))
            return &conf_schema[i];
    return NULL;
}

static bool is_of(const struct conf_prober *prober, const struct conf_resolver *r)
{
    for (size_t i = 0; i < prober->zones.n; i++)
        if (name_under(r->zone, prober->zones.p[i]))
            return true;
    return false;
}

void conf_prober_settings(const struct conf *conf, const struct conf_prober *prober,
                          struct buf *out)
{
    const struct conf_key *resolvers = find_key(STR("resolvers"));
    const struct conf_key *validation = find_key(STR("validation"));
    size_t at = 0;

    buf_putz(out, "organization: prober\ndomain: ");
    conf_put_scalar(conf->domain, out);
    /* It listens nowhere, so no port is its own (validate_reach_self). */
    buf_putz(out, "\nlisten: {api: [\"127.0.0.1:0\"], plain: [\"127.0.0.1:0\"]}\n"
                  "acme: {caa_identities: [");
    for (size_t i = 0; i < conf->acme.identities.n; i++) {
        buf_putz(out, i ? ", " : "");
        conf_put_scalar(conf->acme.identities.p[i], out);
    }
    buf_putz(out, "]}\nvalidation:\n");
    for (const struct conf_key *key; (key = conf_schema_next(validation, &at));) {
        buf_printf(out, "  %.*s: ", STR_ARG(conf_key_name(key)));
        conf_print(key, conf, out);
        buf_putz(out, "\n");
    }
    buf_putz(out, "resolvers: [");
    for (size_t i = 0, n = 0; i < conf->n_resolvers; i++) {
        if (!is_of(prober, &conf->resolvers[i]))
            continue;
        buf_putz(out, n++ ? ", " : "");
        conf_print_item(resolvers, &conf->resolvers[i], out);
    }
    buf_putz(out, "]\n");
}

/* ---- the same as JSON */

/* As YAML prints it; what is quoted there is a string of JSON already. */
static void json_value(const struct conf_key *key, const void *field, struct buf *out)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(CONF_FILE_BYTES_MAX);
    struct str s;

    key->kind->print(key, field, &text);
    s = buf_str(&text);
    buf_fail(out, buf_rc(&text));
    if (s.n == 0) {
        buf_putz(out, "null");
        return;
    }
    if (key->kind == &conf_kind_number || key->kind == &conf_kind_bool || s.p[0] == '"') {
        buf_puts(out, s);
        return;
    }
    buf_putz(out, "\"");
    buf_puts(out, s); /* a plain scalar: nothing to escape */
    buf_putz(out, "\"");
}

static void json_values(const struct conf_key *key, const void *base, struct buf *out)
{
    struct conf_list list = conf_list_at(key, base);

    buf_putz(out, "[");
    for (size_t i = 0; i < list.n; i++) {
        buf_putz(out, i ? "," : "");
        json_value(key, (const char *)list.p + i * key->kind->size, out);
    }
    buf_putz(out, "]");
}

static void json_bits(const struct conf_key *key, const void *base, struct buf *out)
{
    const char *comma = "";
    unsigned bits;

    memcpy(&bits, conf_field(key, base), sizeof(bits));
    buf_putz(out, "[");
    for (unsigned i = 0; key->names[i]; i++) {
        if (!(bits & 1U << i))
            continue;
        buf_putz(out, comma);
        json_value(key, &i, out);
        comma = ",";
    }
    buf_putz(out, "]");
}

/* NOLINTBEGIN(misc-no-recursion): as deep as the schema, no deeper */
static void json_below(const struct conf_key *above, const void *base, struct buf *out);

static void json_items(const struct conf_key *key, const void *base, struct buf *out)
{
    struct conf_list list = conf_list_at(key, base);
    bool named = key->form == CONF_NAMED;

    buf_putz(out, named ? "{" : "[");
    for (size_t i = 0; i < list.n; i++) {
        struct str name;

        buf_putz(out, i ? "," : "");
        if (named) {
            memcpy(&name, item_at(key, list, i), sizeof(name));
            buf_printf(out, "\"%.*s\":", STR_ARG(name)); /* checked by conf_ident_check */
        }
        json_below(key, item_at(key, list, i), out);
    }
    buf_putz(out, named ? "}" : "]");
}

static void json_key(const struct conf_key *key, const void *base, struct buf *out)
{
    switch (key->form) {
    case CONF_MAP:
        json_below(key, base, out);
        break;
    case CONF_ONE:
        json_value(key, conf_field(key, base), out);
        break;
    case CONF_MANY:
        json_values(key, base, out);
        break;
    case CONF_BITS:
        json_bits(key, base, out);
        break;
    case CONF_ITEMS:
    case CONF_NAMED:
        json_items(key, base, out);
        break;
    }
}

static void json_below(const struct conf_key *above, const void *base, struct buf *out)
{
    const char *comma = "";
    size_t at = 0;

    buf_putz(out, "{");
    for (const struct conf_key *key; (key = conf_schema_next(above, &at));) {
        buf_printf(out, "%s\"%.*s\":", comma, STR_ARG(conf_key_name(key)));
        json_key(key, base, out);
        comma = ",";
    }
    buf_putz(out, "}");
}
/* NOLINTEND(misc-no-recursion) */

void conf_dump_json(const struct conf *conf, struct buf *out)
{
    json_below(NULL, conf, out);
    buf_putz(out, "\n");
}
