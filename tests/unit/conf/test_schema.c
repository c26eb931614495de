/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include "conf/schema_int.h"

static const struct conf_key *above_of(const struct conf_key *key)
{
    for (size_t i = 0; i < conf_schema_n; i++) {
        size_t at = 0;

        for (const struct conf_key *k; (k = conf_schema_next(&conf_schema[i], &at));)
            if (k == key)
                return &conf_schema[i];
    }
    return NULL;
}

static bool is_outermost(const struct conf_key *key)
{
    size_t at = 0;

    for (const struct conf_key *k; (k = conf_schema_next(NULL, &at));)
        if (k == key)
            return true;
    return false;
}

/* Nobody may add a key and forget to say what a change of it takes. */
static void every_key_says_what_a_change_takes(void)
{
    for (size_t i = 0; i < conf_schema_n; i++) {
        const struct conf_key *key = &conf_schema[i];

        if (key->form == CONF_MAP && !strchr(key->path, '[')) {
            CHECK(!key->take && !key->help);
            continue;
        }
        if (!key->take)
            fail_msg("%s lacks its class", key->path);
        CHECK(key->help && key->help[0]);
        CHECK((key->take->class == CONF_RESTARTS) == (key->take->roles[0] != 0));
        CHECK(key->take->class != CONF_REFUSED || key->take->reason);
        CHECK(key->take->class != CONF_RESTARTS || !key->take->reason);
    }
}

static void every_key_is_found(void)
{
    for (size_t i = 0; i < conf_schema_n; i++) {
        const struct conf_key *key = &conf_schema[i];

        if (!is_outermost(key) && !above_of(key))
            fail_msg("%s is below nothing", key->path);
        CHECK(!is_outermost(key) || !above_of(key));
        for (size_t j = 0; j < i; j++)
            CHECK(strcmp(conf_schema[j].path, key->path) != 0);
    }
}

static bool in_maps_only(const struct conf_key *key)
{
    while ((key = above_of(key)))
        if (key->form != CONF_MAP)
            return false;
    return true;
}

/* What the loader relies on without looking. */
static void lines_are_sound(void)
{
    for (size_t i = 0; i < conf_schema_n; i++) {
        const struct conf_key *key = &conf_schema[i];
        bool leaf = key->form == CONF_ONE || key->form == CONF_MANY || key->form == CONF_BITS;
        bool structs = key->form == CONF_ITEMS || key->form == CONF_NAMED;

        CHECK(leaf == (key->kind != NULL));
        CHECK(structs == (key->size > 0));
        CHECK((key->form == CONF_NAMED) == (key->always != NULL));
        CHECK(!(key->required && key->initial));
        CHECK(key->kind != &conf_kind_choice || (key->names && key->names[0]));
        CHECK((key->kind != &conf_kind_number && key->kind != &conf_kind_span &&
               key->kind != &conf_kind_text) ||
              (key->min >= 0 && key->min <= key->max && key->max > 0));
        CHECK(!key->unique || (key->form == CONF_ONE && key->kind->size == sizeof(struct str)));
        CHECK(!structs || in_maps_only(key)); /* offsets count from struct conf */
    }
}

/* Every default is a value that the file could hold. */
static void defaults_are_valid(void)
{
    for (size_t i = 0; i < conf_schema_n; i++) {
        const struct conf_key *key = &conf_schema[i];
        CLEANUP(arena_done) struct arena arena = ARENA_INIT(1 << 20);
        struct str rest = str_of(key->initial), one;

        while (str_next(&rest, key->form == CONF_ONE ? '\n' : ' ', &one)) {
            struct conf_scalar in = {one, true};
            _Alignas(max_align_t) char value[64];

            CHECK(key->kind->size <= sizeof(value));
            CHECK_OK(key->kind->parse(key, &in, &arena, value, NULL));
        }
    }
}

static void names_and_places(void)
{
    size_t at = 0, n = 0;

    while (conf_schema_next(NULL, &at))
        n++;
    CHECK_INT(n, 32);
    for (size_t i = 0; i < conf_schema_n; i++) {
        const struct conf_key *above;

        if (strcmp(conf_schema[i].path, "ca.passphrase.from") != 0)
            continue;
        CHECK_STR(conf_key_name(&conf_schema[i]), "from");
        above = above_of(&conf_schema[i]);
        CHECK(above);
        if (above)
            CHECK_STR(str_of(above->path), "ca.passphrase");
    }
}

CHECK_MAIN(CHECK_TEST(every_key_says_what_a_change_takes), CHECK_TEST(every_key_is_found),
           CHECK_TEST(lines_are_sound), CHECK_TEST(defaults_are_valid),
           CHECK_TEST(names_and_places))
