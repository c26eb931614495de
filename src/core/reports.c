/* SPDX-License-Identifier: Apache-2.0 */
/* Reports of months, as shelf/ finds them: a file as a browser saves or shows it, and by mail to a
 * receiver of alerts, whose queue delivers it. */
#include <fcntl.h>

#include "core/alerts.h"
#include "core/change.h"
#include "core/core_int.h"
#include "shelf/shelf.h"

MSG(msg_http, "core.report-file",
    "a file of a report is had at /api/v1/reports/MONTH/NAME; here it is in reports of the data "
    "directory");

/* ---- a file */

/* A page of a report has no script and wants none; `sandbox` takes the rights of our origin from
 * it, whatever is in it. */
#define REPORT_POLICY                                                                              \
    STR("default-src 'none'; style-src 'unsafe-inline'; sandbox; frame-ancestors 'none'")

static enum rc file_reply(struct ipc_req *req, const struct json *args, struct err *err)
{
    CLEANUP(buf_done) struct buf body = BUF_INIT(SHELF_FILE_MAX);
    struct str month = json_shown(args, "month"), name = json_shown(args, "name"), how;
    struct ipc_pair headers[4];
    const char *type = NULL;
    struct ipc_http_reply reply = {.status = 200, .headers = {headers, 4}};

    if (ipc_req_type(req) != IPC_HTTP)
        return ERR(err, RC_UNSUPPORTED, msg_http);
    TRY(shelf_file_at(AT_FDCWD, month, name, &body, &type, err));
    how = arena_printf(ipc_req_arena(req), "%s; filename=\"%.*s-%.*s\"",
                       str_ends(name, STR(".html")) ? "inline" : "attachment", STR_ARG(month),
                       STR_ARG(name));
    if (!how.p)
        return RC_NOMEM;
    headers[0] = (struct ipc_pair){STR("Content-Type"), str_of(type)};
    headers[1] = (struct ipc_pair){STR("Cache-Control"), STR("no-store")};
    headers[2] = (struct ipc_pair){STR("Content-Disposition"), how};
    headers[3] = (struct ipc_pair){STR("Content-Security-Policy"), REPORT_POLICY};
    reply.body = buf_str(&body);
    IGNORE_RC(ipc_reply(req, &reply)); /* on failure front has been told, by ipc_reply itself */
    return RC_OK;
}

void core_report_file(struct core *core, struct ipc_req *req, const struct json *args,
                      struct core_who who)
{
    struct err err = ERR_INIT;

    (void)core;
    (void)who; /* who may has been judged */
    err.rc = file_reply(req, args, &err);
    if (err.rc != RC_OK)
        core_admin_refuse(req, &err);
}

/* ---- by mail */

static enum rc write_mail(struct store_txn *txn, struct core_change *c)
{
    TRY(shelf_mail_write(txn, c->mail));
    for (size_t i = 0; i < c->mail->n_mailed; i++) {
        struct id none = {};

        TRY(core_change_audit(txn, c, "report.mailed", "report", &none,
                              str_of(c->mail->mailed[i].text)));
    }
    return RC_OK;
}

static void put_mail(struct core_change *c, struct json_out *o)
{
    struct shelf_mail *m = c->mail;

    if (c->dry)
        for (m->n_mailed = 0; m->n_mailed < m->n; m->n_mailed++)
            m->mailed[m->n_mailed] = m->letters[m->n_mailed].month;
    json_kv_str(o, "receiver", m->receiver);
    json_kv_str(o, "recipients", m->recipients);
    json_key(o, "mailed");
    json_arr(o);
    for (size_t i = 0; i < m->n_mailed; i++)
        json_put_z(o, m->mailed[i].text);
    json_end(o);
    if (!c->dry)
        core_alerts_queued(c->core);
}

static enum rc read_mail(struct core_change *c)
{
    struct str month;

    c->mail = ARENA_NEW(c->a, struct shelf_mail);
    if (!c->mail)
        return RC_NOMEM;
    c->mail->conf = c->core->conf;
    c->mail->now = c->now;
    TRY(core_change_text(c, "receiver", STORE_TEXT_MAX, &c->mail->receiver));
    TRY(core_change_text(c, "month", CORE_CHANGE_SHOWN, &month));
    c->write = write_mail;
    c->put = put_mail;
    return shelf_mail_read(AT_FDCWD, store_read(c->core->store), c->a, month, c->mail, &c->err);
}

void core_report_mail(struct core *core, struct ipc_req *req, const struct json *args,
                      struct core_who who)
{
    core_change_run(core, req, args, who, read_mail);
}
