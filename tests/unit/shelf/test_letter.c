/* SPDX-License-Identifier: Apache-2.0 */
/* Each month to each receiver, once by itself, whoever asks how often. */
#include "reports.h"

#include "conf/load.h"
#include "store/deliveries.h"
#include "unit/store/fixture.h"

#define CONF                                                                                       \
    "organization: Example Hospital\ndomain: hospital.example\n"                                   \
    "urls: {api: \"https://ca.hospital.example:8555\"}\nreceivers:\n"                              \
    "  - {name: hook, kind: webhook, url: \"http://10.0.0.9:80/\", plain: true, secret_file: s}\n" \
    "  - {name: pki, kind: mail, server: \"10.0.0.25:25\", plain: true,"                           \
    " from: ca@hospital.example, to: [owner, pki@hospital.example, b@hospital.example]}\n"         \
    "  - {name: other, kind: mail, server: \"10.0.0.25:25\", plain: true,"                         \
    " from: ca@hospital.example, to: [c@hospital.example]}\n"

struct post {
    struct fix f;
    struct check_dir d;
    const struct conf *conf;
    struct arena a;
    struct shelf_mail m;
    struct err err;
};

static void post_done(struct post *p)
{
    fix_done(&p->f);
    check_dir_done(&p->d);
    conf_unref(p->conf);
    arena_done(&p->a);
}

static enum rc load(const struct conf **out)
{
    CLEANUP(conf_report_done) struct conf_report report = {};
    struct conf_input in;

    conf_input_init(&in);
    conf_report_init(&report);
    TRY(conf_input_add(&in, STR("test.yaml"), STR(CONF)));
    return conf_load(&in, out, &report);
}

static enum rc begin(struct post *p)
{
    arena_init(&p->a, 16 << 20);
    check_dir_init(&p->d);
    TRY(fix_open(&p->f));
    return CHECK_SPARED(load(&p->conf));
}

static enum rc read_mail(struct post *p, const char *receiver, const char *month)
{
    p->m = (struct shelf_mail){.conf = p->conf, .receiver = str_of(receiver), .now = FIX_NOW};
    return shelf_mail_read(p->d.fd, store_read(p->f.s), &p->a, str_of(month), &p->m, &p->err);
}

static enum rc write_mail(struct post *p)
{
    return DO(&p->f, shelf_mail_write(T, &p->m));
}

static enum rc mail(struct post *p, const char *receiver, const char *month)
{
    TRY(read_mail(p, receiver, month));
    return write_mail(p);
}

/* How many wait; in the list the newest first. */
static enum rc waiting(struct post *p, size_t *out_n, struct store_delivery **out)
{
    return store_delivery_list(store_read(p->f.s), &p->a, &(struct store_cursor){}, 0, out, out_n);
}

#define CHECK_WAITING(p, wanted)                                                                   \
    do {                                                                                           \
        struct store_delivery *list_ = NULL;                                                       \
        size_t n_ = 0;                                                                             \
                                                                                                   \
        CHECK_OK(waiting(p, &n_, &list_));                                                         \
        CHECK_INT(n_, wanted);                                                                     \
    } while (0)

static void the_newest_first_and_then_what_is_new(void)
{
    CLEANUP(post_done) struct post p = {};
    struct store_delivery *list = NULL, d;
    size_t n = 0;

    CHECK_OK(begin(&p));
    put_month(&p.d, "2026-08");
    put_month(&p.d, "2026-09");
    CHECK_OK(mail(&p, "pki", "")); /* of what was before, the newest alone */
    CHECK_INT(p.m.n_mailed, 1);
    CHECK_STR(str_of(p.m.mailed[0].text), "2026-09");
    CHECK_OK(waiting(&p, &n, &list));
    CHECK_INT(n, 1);
    CHECK_OK(store_delivery_get(store_read(p.f.s), &p.a, &list[0].id, &d));
    CHECK_STR(d.recipients, "pki@hospital.example,b@hospital.example");
    CHECK_STR(d.subject, "[hospital.example] certificates in 2026-09: 12 in force, 5 issued, 1 "
                         "without a successor");
    CHECK(strstr(d.body.p, "          12  certificates in force\n"));
    CHECK(strstr(d.body.p, "https://ca.hospital.example:8555/ui/reports\n"));
    CHECK_INT(d.next, FIX_NOW);
    CHECK_OK(mail(&p, "pki", ""));
    CHECK_INT(p.m.n_mailed, 0);
    put_month(&p.d, "2026-10");
    put_month(&p.d, "2026-11");
    CHECK_OK(mail(&p, "pki", "")); /* nobody asked for a while */
    CHECK_INT(p.m.n_mailed, 2);
    CHECK_STR(str_of(p.m.mailed[0].text), "2026-10");
    CHECK_STR(str_of(p.m.mailed[1].text), "2026-11");
    CHECK_OK(mail(&p, "pki", ""));
    CHECK_OK(mail(&p, "other", ""));
    CHECK_INT(p.m.n_mailed, 1);
    CHECK_WAITING(&p, 4);
}

/* Who asks for a month gets it again; what is mailed by itself goes on from the newest. */
static void a_month_that_is_asked_for(void)
{
    CLEANUP(post_done) struct post p = {};

    CHECK_OK(begin(&p));
    put_month(&p.d, "2026-09");
    put_month(&p.d, "2026-10");
    CHECK_OK(mail(&p, "pki", "2026-10"));
    CHECK_OK(mail(&p, "pki", "2026-10"));
    CHECK_OK(mail(&p, "pki", "2026-09"));
    CHECK_WAITING(&p, 3);
    CHECK_OK(mail(&p, "pki", ""));
    CHECK_WAITING(&p, 3);
}

/* Two who ask at the same time: both have read that nothing was mailed. */
static void two_at_a_time(void)
{
    CLEANUP(post_done) struct post p = {};
    struct shelf_mail first;

    CHECK_OK(begin(&p));
    put_month(&p.d, "2026-10");
    CHECK_OK(read_mail(&p, "pki", ""));
    first = p.m;
    CHECK_OK(read_mail(&p, "pki", ""));
    CHECK_INT(p.m.n, 1);
    CHECK_OK(DO(&p.f, shelf_mail_write(T, &first)));
    CHECK_OK(write_mail(&p));
    CHECK_INT(first.n_mailed, 1);
    CHECK_INT(p.m.n_mailed, 0);
    CHECK_WAITING(&p, 1);
}

static void to_nobody(void)
{
    CLEANUP(post_done) struct post p = {};

    CHECK_OK(begin(&p));
    put_month(&p.d, "2026-10");
    CHECK_RC(mail(&p, "nobody", ""), RC_NOTFOUND);
    CHECK_RC(mail(&p, "hook", ""), RC_INVAL);
    CHECK_RC(mail(&p, "pki", "2026-07"), RC_NOTFOUND);
    CHECK_RC(mail(&p, "pki", "../2026"), RC_NOTFOUND);
    CHECK_RC(mail(&p, "pki", "2026-1"), RC_NOTFOUND);
    (void)put_file(&p.d, "2026-10", "numbers.json", STR("{"));
    CHECK_RC(mail(&p, "pki", ""), RC_CORRUPT);
    CHECK_WAITING(&p, 0);
}

static void none_yet(void)
{
    CLEANUP(post_done) struct post p = {};

    CHECK_OK(begin(&p));
    CHECK_OK(mail(&p, "pki", ""));
    CHECK_INT(p.m.n_mailed, 0);
}

FIX_MAIN(CHECK_TEST(the_newest_first_and_then_what_is_new), CHECK_TEST(a_month_that_is_asked_for),
         CHECK_TEST(two_at_a_time), CHECK_TEST(to_nobody), CHECK_TEST(none_yet))
