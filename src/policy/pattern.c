/* SPDX-License-Identifier: Apache-2.0 */
#include "base/name.h"
#include "policy/policy_int.h"

/* Without the leading "*.": what is written out, label by label. */
static struct str written(struct str pattern)
{
    if (str_eq(pattern, STR("*")))
        return STR("");
    return str_starts(pattern, STR("*.")) ? str_skip(pattern, 2) : pattern;
}

/* The last label, which is taken off. */
static struct str take_label(struct str *name)
{
    size_t at = name->n;
    struct str label;

    while (at > 0 && name->p[at - 1] != '.')
        at--;
    label = str_skip(*name, at);
    *name = str_head(*name, at ? at - 1 : 0);
    return label;
}

/* One label against one with stars, each of which stands for any characters, or none. As the stars
 * are few, going back to the last of them is enough. */
static bool label_fits(struct str glob, struct str label)
{
    size_t g = 0, l = 0, star = glob.n, back = 0;

    while (l < label.n) {
        if (g < glob.n && glob.p[g] == '*') {
            star = g++;
            back = l;
        } else if (g < glob.n && glob.p[g] == label.p[l]) {
            g++;
            l++;
        } else if (star < glob.n) {
            g = star + 1;
            l = ++back;
        } else {
            return false;
        }
    }
    while (g < glob.n && glob.p[g] == '*')
        g++;
    return g == glob.n;
}

/* Takes what is written out off the name's end; false when it is not there. */
static bool take_written(struct str rest, struct str *name)
{
    if (str_find(rest, '*') == rest.n) {
        if (!name_under(*name, rest) && rest.n)
            return false;
        *name = str_head(*name, name->n - rest.n);
        if (rest.n && name->n)
            *name = str_head(*name, name->n - 1);
        return true;
    }
    while (rest.n) {
        struct str label;

        if (name->n == 0)
            return false;
        label = take_label(name);
        if (!label_fits(take_label(&rest), label))
            return false;
    }
    return true;
}

bool policy_pattern_fits(struct str pattern, struct str name, uint64_t labels)
{
    struct str rest = written(pattern);

    if (!take_written(rest, &name))
        return false;
    if (rest.n == pattern.n)
        return name.n == 0;
    return name.n > 0 && (labels == 0 || name_labels(name) <= labels);
}

struct str policy_pattern_domain(struct str pattern)
{
    size_t at = pattern.n;

    while (at > 0 && pattern.p[at - 1] != '*')
        at--;
    if (at == 0)
        return pattern;
    pattern = str_skip(pattern, at);
    at = str_find(pattern, '.');
    return str_skip(pattern, at + 1);
}

uint32_t policy_pattern_rank(struct str pattern)
{
    struct str rest = written(pattern);
    uint32_t stars = 0;

    for (size_t i = 0; i < rest.n; i++)
        stars += rest.p[i] == '*';
    if (rest.n == 0)
        return 0;
    if (stars == 0 && rest.n == pattern.n)
        return UINT32_C(1) << 16;
    return (uint32_t)name_labels(rest) << 8 | ((uint32_t)rest.n - stars);
}

struct policy_star policy_pattern_star(struct str pattern)
{
    struct str domain = policy_pattern_domain(pattern), label;
    size_t last;

    if (domain.n == pattern.n)
        return (struct policy_star){STR(""), STR("")};
    pattern = str_head(pattern, pattern.n - domain.n - (domain.n > 0));
    label = take_label(&pattern);
    for (last = label.n; label.p[last - 1] != '*'; last--)
        ;
    return (struct policy_star){str_head(label, str_find(label, '*')), str_skip(label, last)};
}
