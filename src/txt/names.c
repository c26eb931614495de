/* SPDX-License-Identifier: Apache-2.0 */
#include "txt/txt_int.h"

struct name {
    size_t n, length[DNS_SERVE_TEXTS];
    char values[DNS_SERVE_TEXTS][DNS_SERVE_TEXT_MAX];
};

void txt_names_init(struct txt_names *n)
{
    map_init(&n->by_label, TXT_NAMES_MAX);
}

void txt_names_done(struct txt_names *n)
{
    size_t at = 0;
    struct str label;
    void *value;

    while (map_next(&n->by_label, &at, &label, &value))
        mem_free(value);
    map_done(&n->by_label);
    txt_names_init(n);
}

static bool is_label(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!(s.p[i] >= 'a' && s.p[i] <= 'z') && !(s.p[i] >= '0' && s.p[i] <= '9') && s.p[i] != '-')
            return false;
    return s.n > 0 && s.n <= IPC_TEXT_LABEL;
}

static enum rc fill(struct name *name, const struct ipc_strs *values)
{
    if (values->n > DNS_SERVE_TEXTS)
        return RC_INVAL;
    for (size_t i = 0; i < values->n; i++)
        if (values->v[i].n > DNS_SERVE_TEXT_MAX || !str_printable(values->v[i]))
            return RC_INVAL;
    name->n = values->n;
    for (size_t i = 0; i < values->n; i++) {
        name->length[i] = values->v[i].n;
        if (values->v[i].n)
            memcpy(name->values[i], values->v[i].p, values->v[i].n);
    }
    return RC_OK;
}

enum rc txt_names_set(struct txt_names *n, const struct ipc_text *text)
{
    struct name *name = map_get(&n->by_label, text->label);
    CLEANUP(mem_freep) struct name *fresh = NULL;

    if (name)
        return fill(name, &text->values);
    if (!is_label(text->label))
        return RC_INVAL;
    fresh = MEM_NEW(struct name);
    if (!fresh)
        return RC_NOMEM;
    TRY(fill(fresh, &text->values));
    TRY(map_add(&n->by_label, text->label, fresh));
    fresh = NULL;
    return RC_OK;
}

bool txt_names_find(void *arg, struct str label, struct dns_serve_texts *out)
{
    const struct txt_names *n = arg;
    const struct name *name = map_get(&n->by_label, label);

    out->n = name ? name->n : 0;
    for (size_t i = 0; i < out->n; i++)
        out->v[i] = str_bytes(name->values[i], name->length[i]);
    return name != NULL;
}
