/* SPDX-License-Identifier: Apache-2.0 */
#include "problems.h"

/* The input may go once it is loaded, and the last of several owners frees. */
static void owns_its_memory(void)
{
    CLEANUP(conf_unrefp) const struct conf *conf = NULL, *other = NULL;
    CLEANUP(conf_report_done) struct conf_report report = {};
    CLEANUP(mem_freep) char *text = mem_strdup(LEAST "policy: [{name: a, allow: [b.c]}]\n");

    conf_report_init(&report);
    CHECK(text);
    CHECK_OK(load_text(str_of(text), &conf, &report));
    memset(text, 'x', strlen(text));
    mem_free(MOVE(text));
    other = conf_ref(conf);
    CHECK(other == conf);
    conf_unref(conf);
    conf = NULL;
    CHECK_STR(other->domain, "hospital.example");
    CHECK_STR(other->policy[0].allow.p[0], "b.c");
    conf_unref(NULL);
}

CHECK_MAIN(CHECK_TEST(owns_its_memory))
