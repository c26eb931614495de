/* SPDX-License-Identifier: Apache-2.0 */
/* The table of what may be said, and every message in it. AUTARKY_WRITE_CORPUS=1 writes the corpus
 * anew. */
#include "check.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "ipc/chan.h"
#include "ipc/frame.h"
#include "unit/ipc/samples.h"

enum { REPLY_BIT = 0x80 };

static const struct sample *sample_of(uint16_t type)
{
    for (size_t i = 0; i < N_SAMPLES; i++)
        if (samples[i].type == type)
            return &samples[i];
    return NULL;
}

static bool is_one_role(uint16_t mask)
{
    return mask && (mask & (mask - 1)) == 0;
}

static void the_table_is_sound(void)
{
    size_t n = 0;
    const struct ipc_rule *rules = ipc_rules(&n);

    CHECK_INT(n, IPC_TYPE_END);
    for (size_t i = 0; i < n; i++) {
        const struct ipc_rule *r = &rules[i];
        bool notify = r->flags & IPC_F_NOTIFY;

        if (!r->name) {
            CHECK(!r->from && !r->to && !r->request);
            continue;
        }
        CHECK_INT(r->type, i);
        CHECK_STR(str_of(ipc_type_name(r->type)), r->name);
        CHECK(r->from && r->to && !(r->from & r->to) && r->request);
        CHECK(r->from < IPC_ROLE(ROLE_COUNT) && r->to < IPC_ROLE(ROLE_COUNT));
        CHECK_INT(notify, r->reply == NULL);
        CHECK_INT(notify, r->credits == 0);
        CHECK(r->max_request <= IPC_PAYLOAD_MAX && r->max_reply <= IPC_PAYLOAD_MAX);
        CHECK_INT((r->flags & IPC_F_STREAM) != 0, r->max_stream != 0);
        /* Descriptors come from the supervisor, with notifications; and one is the keeper's. */
        if (r->flags & IPC_F_FD)
            CHECK(notify && (r->from == IPC_ROLE(ROLE_SUPERVISOR) || r->type == IPC_SEGMENT));
        /* Many may ask the supervisor, or be told by it; everything else joins two roles. */
        if (!((r->from | r->to) & IPC_ROLE(ROLE_SUPERVISOR)))
            CHECK(is_one_role(r->from) && is_one_role(r->to));
        CHECK(sample_of(r->type));
    }
}

static void the_table_says_who_may(void)
{
    CHECK(ipc_rule_find(ROLE_FRONT, ROLE_CORE, IPC_HTTP));
    CHECK(!ipc_rule_find(ROLE_CORE, ROLE_FRONT, IPC_HTTP));
    CHECK(!ipc_rule_find(ROLE_FRONT, ROLE_SIGNER, IPC_HTTP));
    CHECK(!ipc_rule_find(ROLE_FRONT, ROLE_SIGNER, IPC_SIGN));
    CHECK(!ipc_rule_find(ROLE_GATEWAY, ROLE_CORE, IPC_HTTP));
    CHECK(!ipc_rule_find(ROLE_FRONT, ROLE_SUPERVISOR, IPC_RELOAD));
    CHECK(!ipc_rule_find(ROLE_ADMIN, ROLE_SUPERVISOR, IPC_READY));
    CHECK(!ipc_rule_find(ROLE_FRONT, ROLE_CORE, 0));
    CHECK(!ipc_rule_find(ROLE_FRONT, ROLE_CORE, IPC_TYPE_END));
    CHECK(!ipc_rule_find(ROLE_COUNT, ROLE_CORE, IPC_HTTP));
    CHECK(ipc_rules_fd(ROLE_SUPERVISOR, ROLE_CORE));
    CHECK(!ipc_rules_fd(ROLE_CORE, ROLE_SUPERVISOR));
    CHECK(!ipc_rules_fd(ROLE_SUPERVISOR, ROLE_ADMIN));
    CHECK(!ipc_rules_fd(ROLE_FRONT, ROLE_CORE));
    CHECK_STR(str_of(ipc_type_name(0)), "unknown");
}

static void roles_have_names(void)
{
    enum role role;

    for (unsigned i = 0; i < ROLE_COUNT; i++) {
        CHECK_OK(role_parse(str_of(role_name((enum role)i)), &role));
        CHECK_INT(role, i);
    }
    CHECK_RC(role_parse(STR("root"), &role), RC_NOTFOUND);
    CHECK_STR(str_of(role_name(ROLE_COUNT)), "unknown");
}

/* Encodes, decodes, encodes again: the same bytes; then every prefix, and one byte more, is
 * refused. */
static void round_trip(const struct ipc_fields *f, const void *msg, uint32_t max)
{
    CLEANUP(buf_done) struct buf first = {};
    CLEANUP(buf_done) struct buf second = {};
    CLEANUP(arena_done) struct arena a = ARENA_INIT(IPC_REQ_ARENA);
    CLEANUP(mem_freep) void *copy = NULL;

    buf_init(&first, max);
    buf_init(&second, max + 1);
    copy = mem_alloc(f->size);
    CHECK(copy);
    CHECK_OK(ipc_fields_encode(f, msg, &first));
    CHECK_OK(ipc_fields_decode(f, buf_str(&first), &a, copy));
    CHECK_OK(ipc_fields_encode(f, copy, &second));
    CHECK(str_eq(buf_str(&first), buf_str(&second)));
    for (size_t n = 0; n < first.n; n++)
        CHECK(ipc_fields_decode(f, str_head(buf_str(&first), n), &a, copy) != RC_OK);
    buf_u8(&second, 0);
    CHECK_OK(buf_rc(&second));
    CHECK_RC(ipc_fields_decode(f, buf_str(&second), &a, copy), RC_PARSE);
}

static void every_message_survives_the_trip(void)
{
    for (size_t i = 0; i < N_SAMPLES; i++) {
        const struct ipc_rule *r = &ipc_rules(&(size_t){0})[samples[i].type];

        round_trip(r->request, samples[i].request, r->max_request);
        CHECK_INT(samples[i].reply != NULL, r->reply != NULL);
        if (r->reply)
            round_trip(r->reply, samples[i].reply, r->max_reply);
    }
}

/* The largest encoding that the tables allow must fit the limits of the rules where those are meant
 * to allow it. */
/* NOLINTNEXTLINE(misc-no-recursion): as deep as the tables. */
static uint64_t largest(const struct ipc_fields *f)
{
    uint64_t n = 0;

    for (size_t i = 0; i < f->n; i++) {
        const struct ipc_field *d = &f->field[i];

        switch (d->kind) {
        case IPC_KIND_U8:
        case IPC_KIND_BOOL:
            n += 1;
            break;
        case IPC_KIND_U16:
            n += 2;
            break;
        case IPC_KIND_U32:
            n += 4;
            break;
        case IPC_KIND_U64:
        case IPC_KIND_I64:
            n += 8;
            break;
        case IPC_KIND_STR:
            n += 4 + d->max;
            break;
        case IPC_KIND_STRS:
            n += 4 + d->max * (4 + d->each);
            break;
        case IPC_KIND_LIST:
            n += 4 + d->max * largest(d->of);
            break;
        case IPC_KIND_STRUCT:
            n += largest(d->of);
            break;
        case IPC_KIND_ADDR:
            n += 17;
            break;
        case IPC_KIND_ADDR_PORT:
            n += 19;
            break;
        case IPC_KIND_ID:
            n += 26;
            break;
        case IPC_KIND_ERR:
            n += IPC_ERROR_MAX;
            break;
        }
    }
    return n;
}

static void limits_of_rules_fit_their_structs(void)
{
    size_t n = 0;
    const struct ipc_rule *rules = ipc_rules(&n);

    for (size_t i = 0; i < n; i++) {
        const struct ipc_rule *r = &rules[i];

        /* These may hold many large files and records, not all of them of the largest size. */
        if (!r->name || r->request == &ipc_config_fields || r->request == &ipc_deliver_fields)
            continue;
        if (largest(r->request) > r->max_request)
            fail_msg("%s: a request may take %lu bytes", r->name,
                     (unsigned long)largest(r->request));
        if (r->reply && r->reply != &ipc_gathered_fields && largest(r->reply) > r->max_reply)
            fail_msg("%s: a reply may take %lu bytes", r->name, (unsigned long)largest(r->reply));
    }
}

static void keep_corpus(uint16_t type, uint8_t bit, const struct ipc_fields *f, const void *msg)
{
    const char *tests = getenv("AUTARKY_TESTS");
    CLEANUP(buf_done) struct buf want = BUF_INIT(64 << 10);
    CLEANUP(buf_done) struct buf have = BUF_INIT(64 << 10);
    char path[512];

    CHECK(tests);
    buf_u8(&want, (uint8_t)(type | bit));
    CHECK_OK(ipc_fields_encode(f, msg, &want));
    snprintf(path, sizeof(path), "%s/corpus/ipc/%s-%s", tests, ipc_type_name(type),
             bit ? "reply" : "request");
    if (getenv("AUTARKY_WRITE_CORPUS"))
        CHECK_OK(file_write(AT_FDCWD, path, buf_str(&want), 0644, FILE_OWNER_SELF, NULL));
    CHECK_OK(file_read(AT_FDCWD, path, &have, NULL));
    if (!str_eq(buf_str(&have), buf_str(&want)))
        fail_msg("%s: other bytes than those kept; a new IPC_VERSION?", path);
}

static void the_corpus_is_the_samples(void)
{
    for (size_t i = 0; i < N_SAMPLES; i++) {
        const struct ipc_rule *r = &ipc_rules(&(size_t){0})[samples[i].type];

        keep_corpus(r->type, 0, r->request, samples[i].request);
        if (r->reply)
            keep_corpus(r->type, REPLY_BIT, r->reply, samples[i].reply);
    }
}

CHECK_MAIN(CHECK_TEST(the_table_is_sound), CHECK_TEST(the_table_says_who_may),
           CHECK_TEST(roles_have_names), CHECK_TEST_ONCE(every_message_survives_the_trip),
           CHECK_TEST(limits_of_rules_fit_their_structs),
           CHECK_TEST_ONCE(the_corpus_is_the_samples))
