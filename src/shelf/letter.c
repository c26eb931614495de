/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "alert/alert.h"
#include "base/file.h"
#include "report/report.h"
#include "shelf/shelf.h"
#include "store/deliveries.h"
#include "store/meta.h"
#include "store/store.h"

MSG(msg_receiver, "report.receiver",
    "the configuration has no receiver \"{0}\"; `receivers` in autarky.yaml names them");
MSG(msg_kind, "report.receiver-kind", "the receiver {0} is not of mail; reports go by mail alone");
MSG(msg_none, "report.none",
    "there is no report of {0} in " SHELF_DIR " of the data directory; `autarky report` writes it");
MSG(msg_numbers, "report.numbers", "numbers.json of the report of {0} cannot be used: {1}");

enum { KEY_ROOM = 64, PATH_ROOM = 128, SHOWN = 64, WHY_BYTES = 256 };

/* The name of a receiver may be longer than a key. What two names have in common would only keep
 * one of them from being mailed by itself: a long one is cut, and its length added. */
static void key_of(struct str receiver, char out[static KEY_ROOM])
{
    size_t n = 0, at;

    at = (size_t)snprintf(out, KEY_ROOM, "report-mailed-%zu-", receiver.n);
    for (; n < receiver.n && at + n + 1 < KEY_ROOM; n++) {
        char x = receiver.p[n];
        bool plain =
            (x >= 'a' && x <= 'z') || (x >= 'A' && x <= 'Z') || (x >= '0' && x <= '9') || x == '-';

        out[at + n] = plain ? x : '.';
    }
    out[at + n] = 0;
}

/* Of the last one that the receiver was mailed; "": none. */
static enum rc last_mailed(struct store_txn *txn, struct str receiver, struct shelf_month *out)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(STORE_BLOB_MAX);
    char key[KEY_ROOM];
    struct str text;
    enum rc rc;

    *out = (struct shelf_month){};
    key_of(receiver, key);
    rc = store_meta_get(txn, &a, key, &text);
    if (rc == RC_NOTFOUND)
        return RC_OK;
    TRY(rc);
    return str_copyz(text, out->text, sizeof(out->text)) == RC_OK ? RC_OK : RC_CORRUPT;
}

/* ---- letters */

static void put_body(const struct conf *conf, const char *month, const struct json *root,
                     struct buf *out)
{
    const struct json *numbers = json_get(root, "numbers");
    struct report_number all[REPORT_NUMBERS];
    const struct report_numbers none = {};

    report_numbers_list(&none, all);
    buf_printf(out, "Certificates of %.*s (%.*s) in %s, as of %.*s:\n\n",
               STR_ARG(conf->organization), STR_ARG(conf->domain), month,
               STR_ARG(json_shown(root, "before")));
    for (size_t i = 0; i < REPORT_NUMBERS; i++)
        buf_printf(out, "%12llu  %s\n", (unsigned long long)json_shown_u64(numbers, all[i].name),
                   all[i].title);
    buf_putz(out, "\nAll of it, with names, owners and reasons:\n");
    if (conf->urls.api.n)
        buf_printf(out, "  %.*s/ui/reports\n", STR_ARG(conf->urls.api));
    buf_printf(out, "  " SHELF_DIR "/%s of the data directory (report.html, CSV, JSON)\n", month);
}

static void put_subject(const struct conf *conf, const char *month, const struct json *root,
                        struct buf *out)
{
    const struct json *numbers = json_get(root, "numbers");

    buf_printf(out,
               "[%.*s] certificates in %s: %llu in force, %llu issued, %llu without a successor",
               STR_ARG(conf->domain), month, (unsigned long long)json_shown_u64(numbers, "active"),
               (unsigned long long)json_shown_u64(numbers, "issued"),
               (unsigned long long)json_shown_u64(numbers, "lapsed"));
}

static enum rc read_letter(int dir, struct arena *a, const struct conf *conf,
                           struct shelf_letter *l, struct err *err)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(SHELF_NUMBERS_MAX);
    CLEANUP(buf_done) struct buf subject = BUF_INIT(STORE_TEXT_MAX);
    CLEANUP(buf_done) struct buf body = BUF_INIT(SHELF_LETTER_MAX);
    CLEANUP(json_freep) struct json_doc *doc = NULL;
    struct err why = ERR_INIT;
    char path[PATH_ROOM], said[WHY_BYTES];
    enum rc rc;

    (void)snprintf(path, sizeof(path), SHELF_DIR "/%s/numbers.json", l->month.text);
    rc = file_read(dir, path, &text, &why);
    if (rc == RC_NOTFOUND)
        return ERR(err, rc, msg_none, str_of(l->month.text));
    if (rc == RC_OK)
        rc = json_parse(buf_str(&text), SHELF_NUMBERS_MAX, &doc, &why);
    if (rc != RC_OK && rc != RC_NOMEM)
        return ERR(err, RC_CORRUPT, msg_numbers, str_of(l->month.text),
                   str_of(err_textz(&why, said, sizeof(said))));
    TRY(rc);
    put_subject(conf, l->month.text, json_root(doc), &subject);
    put_body(conf, l->month.text, json_root(doc), &body);
    TRY(buf_rc(&subject));
    TRY(buf_rc(&body));
    TRY(arena_str(a, buf_str(&subject), &l->subject));
    return arena_str(a, buf_str(&body), &l->body);
}

/* ---- which */

static enum rc choose(int dir, struct store_txn *txn, struct str month, struct shelf_mail *m,
                      struct err *err)
{
    struct shelf_month all[SHELF_MONTHS_MAX], last;
    struct report_span span;
    size_t n, want;

    if (m->asked) {
        m->n = 1;
        if (report_month(month, &span) != RC_OK)
            return ERR(err, RC_NOTFOUND, msg_none, str_head(month, SHOWN));
        return str_copyz(month, m->letters[0].month.text, sizeof(m->letters[0].month.text));
    }
    TRY(shelf_months(dir, all, &n));
    TRY(last_mailed(txn, m->receiver, &last));
    for (want = 0; want < n && want < SHELF_LETTERS_MAX; want++)
        if (strcmp(all[want].text, last.text) <= 0)
            break;
    if (!last.text[0] && want > 1)
        want = 1;
    for (size_t i = 0; i < want; i++)
        m->letters[i].month = all[want - 1 - i]; /* the oldest first */
    m->n = want;
    return RC_OK;
}

static enum rc find_receiver(struct shelf_mail *m, struct arena *a, struct err *err)
{
    const struct conf_receiver *r = conf_receiver_find(m->conf, m->receiver);
    const struct store_alert nobody = {};

    if (!r)
        return ERR(err, RC_NOTFOUND, msg_receiver, str_head(m->receiver, SHOWN));
    if (r->kind != CONF_RECEIVER_MAIL)
        return ERR(err, RC_INVAL, msg_kind, r->name);
    m->receiver = r->name;
    /* No owner and no team: the configuration sees to it that there is another address. */
    return alert_recipients(a, r, &nobody, &m->recipients);
}

enum rc shelf_mail_read(int dir, struct store_txn *txn, struct arena *a, struct str month,
                        struct shelf_mail *m, struct err *err)
{
    m->asked = month.n > 0;
    TRY(find_receiver(m, a, err));
    TRY(choose(dir, txn, month, m, err));
    for (size_t i = 0; i < m->n; i++)
        TRY(read_letter(dir, a, m->conf, &m->letters[i], err));
    return RC_OK;
}

/* ---- written down */

static enum rc send(struct store_txn *txn, const struct shelf_mail *m, const struct shelf_letter *l)
{
    struct store_delivery d = {.receiver = m->receiver,
                               .recipients = m->recipients,
                               .subject = l->subject,
                               .body = l->body,
                               .created = m->now,
                               .next = m->now};

    TRY(id_new(&d.id));
    return store_delivery_add(txn, &d);
}

enum rc shelf_mail_write(struct store_txn *txn, struct shelf_mail *m)
{
    struct shelf_month last;
    char key[KEY_ROOM];

    m->n_mailed = 0;
    key_of(m->receiver, key);
    TRY(last_mailed(txn, m->receiver, &last));
    for (size_t i = 0; i < m->n; i++) {
        const struct shelf_letter *l = &m->letters[i];

        if (!m->asked && strcmp(l->month.text, last.text) <= 0)
            continue;
        TRY(send(txn, m, l));
        m->mailed[m->n_mailed++] = l->month;
        if (strcmp(l->month.text, last.text) > 0) {
            last = l->month;
            TRY(store_meta_set(txn, key, str_of(last.text)));
        }
    }
    return RC_OK;
}
