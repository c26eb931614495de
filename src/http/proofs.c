/* SPDX-License-Identifier: Apache-2.0 */
#include "http/proofs.h"

#include "base/text.h"

#include "base/mem.h"
#include "base/name.h"

#define WELL_KNOWN STR("/.well-known/acme-challenge/")

struct proof {
    struct list link;
    char host[NAME_MAX_BYTES + 1], token[HTTP_PROOF_MAX + 1], answer[HTTP_PROOF_MAX + 1];
};

static struct proof *proof_at(struct list *link)
{
    return LIST_ENTRY(link, struct proof, link);
}

void http_proofs_init(struct http_proofs *p)
{
    list_init(&p->list);
    p->n = 0;
}

static struct proof *find(const struct http_proofs *p, struct str host, struct str answer)
{
    LIST_FOREACH (it, &p->list)
        if (str_ieq(str_of(proof_at(it)->host), host) &&
            str_eq(str_of(proof_at(it)->answer), answer))
            return proof_at(it);
    return NULL;
}

enum rc http_proofs_add(struct http_proofs *p, struct str host, struct str token, struct str answer)
{
    CLEANUP(mem_freep) struct proof *one = NULL;

    if (!text_is_b64url(token) || answer.n == 0)
        return RC_INVAL;
    if (find(p, host, answer))
        return RC_OK;
    if (p->n >= HTTP_PROOFS_MAX)
        return RC_QUOTA;
    one = MEM_NEW(struct proof);
    if (!one)
        return RC_NOMEM;
    TRY(str_copyz(host, one->host, sizeof(one->host)));
    TRY(str_copyz(token, one->token, sizeof(one->token)));
    TRY(str_copyz(answer, one->answer, sizeof(one->answer)));
    list_push(&p->list, &one->link);
    p->n++;
    one = NULL; /* the list's */
    return RC_OK;
}

static void drop(struct http_proofs *p, struct proof *one)
{
    list_remove(&one->link);
    p->n--;
    mem_free(one);
}

void http_proofs_remove(struct http_proofs *p, struct str host, struct str answer)
{
    struct proof *one = find(p, host, answer);

    if (one)
        drop(p, one);
}

struct str http_proofs_find(const struct http_proofs *p, struct str host, struct str path)
{
    struct str token;

    if (p->n == 0 || !str_starts(path, WELL_KNOWN))
        return (struct str){NULL, 0};
    token = str_skip(path, WELL_KNOWN.n);
    if (str_ends(host, STR(".")))
        host.n--;
    LIST_FOREACH (it, &p->list)
        if (str_ieq(str_of(proof_at(it)->host), host) && str_eq(str_of(proof_at(it)->token), token))
            return str_of(proof_at(it)->answer);
    return (struct str){NULL, 0};
}

void http_proofs_clear(struct http_proofs *p)
{
    while (p->n)
        drop(p, proof_at(p->list.next));
}
