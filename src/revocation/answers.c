/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "revocation/revocation_int.h"

struct revocation_key revocation_key_of(enum x509_ocsp_hash hash, struct str ref,
                                        const struct x509_serial *serial)
{
    struct revocation_key key;
    char text[X509_SERIAL_TEXT];

    snprintf(key.z, sizeof(key.z), "%d %.*s %s", (int)hash, STR_ARG(str_head(ref, CA_REF_MAX)),
             x509_serial_text(serial, text));
    return key;
}

void revocation_answers_init(struct revocation_answers *a)
{
    *a = (struct revocation_answers){.n = 0};
    map_init(&a->map, REVOCATION_ANSWERS_MAX);
    list_init(&a->list);
}

static void drop(struct revocation_answers *a, struct revocation_answer *answer)
{
    map_remove(&a->map, str_of(answer->key.z));
    list_remove(&answer->link);
    a->n--;
    a->bytes -= answer->n;
    mem_free(answer);
}

void revocation_answers_clear(struct revocation_answers *a)
{
    for (struct list *link; (link = list_pop(&a->list));)
        drop(a, LIST_ENTRY(link, struct revocation_answer, link));
}

void revocation_answers_done(struct revocation_answers *a)
{
    revocation_answers_clear(a);
    map_done(&a->map);
}

bool revocation_answers_drop(struct revocation_answers *a, const struct revocation_key *key)
{
    struct revocation_answer *answer = map_get(&a->map, str_of(key->z));

    if (answer)
        drop(a, answer);
    return answer != NULL;
}

void revocation_answers_keep(struct revocation_answers *a, const struct revocation_key *key,
                             const struct x509_ocsp_single *single, struct str der)
{
    struct revocation_answer *answer = mem_alloc(sizeof(*answer) + der.n);

    revocation_answers_drop(a, key);
    if (!answer)
        return;
    *answer = (struct revocation_answer){.key = *key,
                                         .this_update = single->this_update,
                                         .next_update = single->next_update,
                                         .n = der.n};
    memcpy(answer->der, der.p, der.n);
    while (!list_empty(&a->list) &&
           (a->n >= REVOCATION_ANSWERS_MAX || a->bytes + der.n > REVOCATION_ANSWER_BYTES))
        drop(a, LIST_ENTRY(a->list.next, struct revocation_answer, link));
    if (map_add(&a->map, str_of(answer->key.z), answer) != RC_OK) {
        mem_free(answer);
        return;
    }
    list_push(&a->list, &answer->link);
    a->n++;
    a->bytes += der.n;
}

const struct revocation_answer *
revocation_answers_find(struct revocation_answers *a, const struct revocation_key *key, when_t now)
{
    struct revocation_answer *answer = map_get(&a->map, str_of(key->z));

    if (!answer)
        return NULL;
    if (answer->next_update <= now) {
        drop(a, answer);
        return NULL;
    }
    list_remove(&answer->link);
    list_push(&a->list, &answer->link);
    return answer;
}
