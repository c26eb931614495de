/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include "base/list.h"

struct item {
    char c;
    struct list link;
};

/* The characters of the items, in order and, walking back, in reverse. */
static const char *spell(const struct list *head, char text[static 32])
{
    size_t n = 0;

    LIST_FOREACH (it, head)
        text[n++] = LIST_ENTRY(it, struct item, link)->c;
    text[n++] = '|';
    for (struct list *it = head->prev; it != head; it = it->prev)
        text[n++] = LIST_ENTRY(it, struct item, link)->c;
    text[n] = '\0';
    return text;
}

static void keeps_order(void)
{
    struct item a = {.c = 'a'}, b = {.c = 'b'}, c = {.c = 'c'};
    struct list head;
    char text[32];

    list_init(&head);
    CHECK(list_empty(&head));
    CHECK_STR(str_of(spell(&head, text)), "|");
    list_push(&head, &a.link);
    list_push(&head, &c.link);
    list_insert(&c.link, &b.link);
    CHECK_STR(str_of(spell(&head, text)), "abc|cba");
    list_remove(&b.link);
    CHECK_STR(str_of(spell(&head, text)), "ac|ca");
    CHECK(list_empty(&b.link));
    list_remove(&b.link);
    CHECK_STR(str_of(spell(&head, text)), "ac|ca");
    CHECK(list_pop(&head) == &a.link);
    CHECK(list_empty(&a.link));
    CHECK(list_pop(&head) == &c.link);
    CHECK(list_pop(&head) == NULL);
}

static void removal_while_iterating(void)
{
    struct item items[4] = {{.c = 'a'}, {.c = 'b'}, {.c = 'c'}, {.c = 'd'}};
    struct list head;
    char text[32];

    list_init(&head);
    for (size_t i = 0; i < 4; i++)
        list_push(&head, &items[i].link);
    LIST_FOREACH (it, &head)
        if (LIST_ENTRY(it, struct item, link)->c != 'c')
            list_remove(it);
    CHECK_STR(str_of(spell(&head, text)), "c|c");
}

static void splices(void)
{
    struct item a = {.c = 'a'}, b = {.c = 'b'}, c = {.c = 'c'};
    struct list to, from;
    char text[32];

    list_init(&to);
    list_init(&from);
    list_splice(&to, &from);
    CHECK(list_empty(&to));
    list_push(&from, &a.link);
    list_push(&from, &b.link);
    list_splice(&to, &from);
    CHECK(list_empty(&from));
    list_push(&from, &c.link);
    list_splice(&to, &from);
    CHECK_STR(str_of(spell(&to, text)), "abc|cba");
    CHECK(list_empty(&from));
}

CHECK_MAIN(CHECK_TEST(keeps_order), CHECK_TEST(removal_while_iterating), CHECK_TEST(splices))
