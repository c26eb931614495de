/* SPDX-License-Identifier: Apache-2.0 */
/* All names of a certificate together, as the policy's rules want to see them. */
#include "acme/parts_int.h"

enum { RULES_TEXT_MAX = 8 * 1024 };

enum rc acme_whole(struct acme_request *r, const struct acme_identifier *ids, size_t n,
                   struct policy_whole *w)
{
    struct policy_verdict *verdicts = ARENA_ARRAY(r->arena, struct policy_verdict, n);
    struct str *names = ARENA_ARRAY(r->arena, struct str, n);

    if (!verdicts || !names)
        return RC_NOMEM;
    for (size_t i = 0; i < n; i++) {
        verdicts[i] = ids[i].verdict;
        names[i] = ids[i].name.value;
    }
    w->verdicts = verdicts;
    w->names = names;
    w->n = n;
    return RC_OK;
}

enum rc acme_whole_rules(struct arena *a, const struct policy_whole *w, struct str *out)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(RULES_TEXT_MAX);

    for (size_t i = 0; i < w->n; i++) {
        bool again = false;

        for (size_t k = 0; k < i && !again; k++)
            again = str_eq(w->verdicts[k].rule, w->verdicts[i].rule);
        if (again)
            continue;
        buf_putz(&text, text.n ? ", " : "");
        buf_puts(&text, w->verdicts[i].rule);
    }
    TRY(buf_rc(&text));
    return arena_str(a, buf_str(&text), out);
}
