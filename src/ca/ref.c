/* SPDX-License-Identifier: Apache-2.0 */
#include "ca/ref.h"

#include <stdio.h>

static const struct str algorithms[] = {{"rsa", 3}, {"ecdsa", 5}, {"sm2", 3}, {"mldsa", 5}};

static const struct {
    struct str text, ref; /* as a word; behind a reference */
    const char *file;     /* behind the name of a file */
} hierarchies[CA_HIERARCHIES] = {
    [CA_INTRANET] = {{"intranet", 8}, {"", 0}, ""},
    [CA_SPECIAL] = {{"special", 7}, {"-s", 2}, "-special"},
    [CA_STAGING] = {{"staging", 7}, {"-staging", 8}, "-staging"},
};

static bool known(struct str name, struct str *out)
{
    for (size_t i = 0; i < sizeof(algorithms) / sizeof(algorithms[0]); i++)
        if (str_eq(name, algorithms[i])) {
            *out = algorithms[i];
            return true;
        }
    return false;
}

enum rc ca_ref_parse(struct str text, struct ca_ref *out)
{
    struct ca_ref ref = {.number = 1};
    struct str rest = text, algorithm, number;
    char again[CA_REF_MAX + 1];
    uint64_t n;

    if (str_starts(rest, STR("root-"))) {
        ref.root = true;
        rest = str_skip(rest, 5);
    }
    for (unsigned h = CA_INTRANET + 1; h < CA_HIERARCHIES; h++)
        if (ref.hierarchy == CA_INTRANET && str_ends(rest, hierarchies[h].ref)) {
            ref.hierarchy = h;
            rest = str_head(rest, rest.n - hierarchies[h].ref.n);
        }
    str_cut(rest, '-', &algorithm, &number);
    if (!known(algorithm, &ref.algorithm))
        return RC_PARSE;
    if (number.n) {
        if (str_u64(number, CA_NUMBER_MAX, &n) != RC_OK)
            return RC_PARSE;
        ref.number = (unsigned)n;
    }
    if (ref.number == 0 || !str_eq(str_of(ca_ref_text(&ref, again)), text))
        return RC_PARSE;
    *out = ref;
    return RC_OK;
}

const char *ca_ref_text(const struct ca_ref *ref, char text[static CA_REF_MAX + 1])
{
    const char *end = hierarchies[ref->hierarchy].ref.p;

    if (ref->root && ref->number == 1)
        snprintf(text, CA_REF_MAX + 1, "root-%.*s%s", STR_ARG(ref->algorithm), end);
    else
        snprintf(text, CA_REF_MAX + 1, "%s%.*s-%u%s", ref->root ? "root-" : "",
                 STR_ARG(ref->algorithm), ref->number, end);
    return text;
}

struct str ca_hierarchy_text(enum ca_hierarchy hierarchy)
{
    return hierarchies[hierarchy].text;
}

const char *ca_hierarchy_ending(enum ca_hierarchy hierarchy)
{
    return hierarchies[hierarchy].file;
}

struct str ca_ref_hierarchy(const struct ca_ref *ref)
{
    return ca_hierarchy_text(ref->hierarchy);
}

struct str ca_algorithm_of(enum crypto_key_type type)
{
    switch (type) {
    case CRYPTO_KEY_RSA:
        return STR("rsa");
    case CRYPTO_KEY_P256:
    case CRYPTO_KEY_P384:
    case CRYPTO_KEY_ED25519:
        return STR("ecdsa");
    case CRYPTO_KEY_SM2:
        return STR("sm2");
    case CRYPTO_KEY_MLDSA44:
    case CRYPTO_KEY_MLDSA65:
    case CRYPTO_KEY_MLDSA87:
        return STR("mldsa");
    }
    return STR("");
}
