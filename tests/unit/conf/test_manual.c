/* SPDX-License-Identifier: Apache-2.0 */
/* The manual page autarky.yaml(5) and the schema say the same. */
#include "check.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "conf/schema_int.h"

enum { PAGE_MAX = 256 * 1024 };

static enum rc read_page(struct buf *out)
{
    char path[4096];
    const char *tests = getenv("AUTARKY_TESTS");

    snprintf(path, sizeof(path), "%s/../man/autarky.yaml.5", tests ? tests : "tests");
    return file_read(AT_FDCWD, path, out, NULL);
}

static struct str find(struct str in, const char *what)
{
    for (size_t i = 0; i < in.n; i++)
        if (str_starts(str_skip(in, i), str_of(what)))
            return str_skip(in, i);
    return (struct str){NULL, 0};
}

/* What stands behind ".It Cm KEY", up to the next item. */
static struct str item(struct str page, const char *key)
{
    char head[128];
    struct str at, end;

    snprintf(head, sizeof(head), "\n.It Cm %s\n", key);
    at = str_skip(find(page, head), strlen(head));
    end = find(at, "\n.It ");
    if (!end.p)
        end = find(at, "\n.El");
    return str_head(at, at.n - end.n);
}

static bool holds(struct str text, const char *what)
{
    return find(text, what).p != NULL;
}

/* Each element of the default; without one, that there is none. */
static bool tells_default(struct str text, const struct conf_key *key)
{
    struct str rest = str_of(key->initial);
    struct str one;
    char z[128];

    if (key->required)
        return holds(text, "Required; ");
    if (!key->initial)
        return holds(text, "Default") || holds(text, "No default");
    while (str_next(&rest, ' ', &one))
        if (str_copyz(one, z, sizeof(z)) != RC_OK || !holds(text, z))
            return false;
    return holds(text, "Default");
}

/* From where the default is told on; what a change takes stands behind it. */
static struct str end_of(struct str text)
{
    static const char *const begins[] = {"Required; ", "No default", "Default"};

    for (size_t i = 0; i < sizeof(begins) / sizeof(begins[0]); i++)
        if (holds(text, begins[i]))
            return find(text, begins[i]);
    return text;
}

static bool tells_take(struct str text, const struct conf_take *take)
{
    struct str rest = str_of(take->roles);
    struct str role;
    char z[64];

    if (take->class != CONF_RESTARTS)
        return (holds(text, "live") || holds(text, "Live")) == (take->class == CONF_LIVE) &&
               holds(text, "refused.") == (take->class == CONF_REFUSED);
    while (str_next(&rest, ' ', &role))
        if (str_copyz(role, z, sizeof(z)) != RC_OK || !holds(text, z))
            return false;
    return holds(text, "restarts ");
}

static void page_has_every_key(void)
{
    CLEANUP(buf_done) struct buf page = BUF_INIT(PAGE_MAX);

    CHECK_OK(read_page(&page));
    for (size_t i = 0; i < conf_schema_n; i++) {
        const struct conf_key *key = &conf_schema[i];
        struct str text = item(buf_str(&page), key->path);

        if (key->form == CONF_MAP)
            continue;
        if (text.n == 0)
            fail_msg("autarky.yaml(5) has no item \".It Cm %s\"", key->path);
        if (!tells_default(text, key))
            fail_msg("autarky.yaml(5): %s: not with its default: %.*s", key->path, STR_ARG(text));
        if (!tells_take(end_of(text), key->take))
            fail_msg("autarky.yaml(5): %s: not what a change takes: %.*s", key->path,
                     STR_ARG(text));
    }
}

/* And none that the schema does not have. */
static void page_has_no_other_key(void)
{
    CLEANUP(buf_done) struct buf page = BUF_INIT(PAGE_MAX);
    struct str rest, line;
    size_t found = 0;

    CHECK_OK(read_page(&page));
    rest = buf_str(&page);
    while (str_next(&rest, '\n', &line)) {
        bool known = false;

        if (!str_starts(line, STR(".It Cm ")))
            continue;
        found++;
        for (size_t i = 0; i < conf_schema_n; i++)
            known |= str_eq(str_skip(line, strlen(".It Cm ")), str_of(conf_schema[i].path));
        if (!known)
            fail_msg("autarky.yaml(5): %.*s: the schema has no such key", STR_ARG(line));
    }
    CHECK(found > 20);
}

CHECK_MAIN(CHECK_TEST(page_has_every_key), CHECK_TEST(page_has_no_other_key))
