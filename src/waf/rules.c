/* SPDX-License-Identifier: Apache-2.0 */
#include "waf/rules.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"

enum { PATH_BYTES = 4096, TAIL_MAX = 512 };

MSG(msg_rules, "waf.rules-refused", "the rules for inspecting requests cannot be used: {0}");
MSG(msg_no_rules, "waf.rules-missing",
    "the core rule set is not where it is looked for, {0}; Debian has it in the package "
    "modsecurity-crs (apt install modsecurity-crs), or name rules of your own in "
    "`gateway.waf.rules`");

/* Our own word comes first, and what is said first counts. */
static const char settings[] =
    "SecRuleEngine On\n"
    "SecRequestBodyAccess On\n"
    "SecRequestBodyLimit 1048576\n"
    "SecRequestBodyNoFilesLimit 1048576\n"
    "SecRequestBodyLimitAction ProcessPartial\n"
    "SecResponseBodyAccess Off\n"
    "SecAuditEngine Off\n"
    "SecDebugLogLevel 0\n"
    "SecUploadKeepFiles Off\n"
    "SecTmpSaveUploadedFiles Off\n"
    "SecRule REQUEST_HEADERS:Content-Type \"@rx ^application/(?:[a-z0-9.+-]+\\+)?json\" "
    "\"id:99800001,phase:1,pass,nolog,noauditlog,t:none,t:lowercase,ctl:requestBodyProcessor="
    "JSON\"\n"
    "SecRule REQUEST_HEADERS:Content-Type \"@rx ^(?:application|text)/(?:[a-z0-9.+-]+\\+)?xml\" "
    "\"id:99800002,phase:1,pass,nolog,noauditlog,t:none,t:lowercase,ctl:requestBodyProcessor=XML\""
    "\n"
    /* What cannot be taken apart cannot be looked at, whatever a more lenient backend makes of it.
     */
    "SecRule REQBODY_ERROR \"!@eq 0\" \"id:99800004,phase:2,t:none,log,deny,status:400,"
    "msg:'The body cannot be taken apart'\"\n"
    "SecRule MULTIPART_STRICT_ERROR \"!@eq 0\" \"id:99800005,phase:2,t:none,log,deny,status:400,"
    "msg:'A form of several parts is not formed as it should be'\"\n"
    "SecRule MULTIPART_UNMATCHED_BOUNDARY \"@eq 1\" \"id:99800006,phase:2,t:none,log,deny,"
    "status:400,msg:'A form of several parts has a boundary that is not its own'\"\n"
    "SecRule TX:/^MSC_/ \"!@streq 0\" \"id:99800007,phase:2,t:none,log,deny,status:400,"
    "msg:'A rule could not be matched within its limits'\"\n"
    /* A body of which only the beginning is here is not whole, and that is no attack. */
    "SecRule REQUEST_HEADERS:X-Autarky-Cut \"@streq 1\" "
    "\"id:99800003,phase:1,pass,nolog,noauditlog,t:none,ctl:ruleRemoveById=99800004,"
    "ctl:ruleRemoveById=99800005,ctl:ruleRemoveById=99800006\"\n"
    /* Nothing at all is no XML either. */
    "SecRule REQUEST_HEADERS:X-Autarky-Cut \"@streq 0\" "
    "\"id:99800008,phase:1,pass,nolog,noauditlog,t:none,ctl:ruleRemoveById=99800004\"\n";

static const char cut_header[] = "x-autarky-cut";

/* ---- loading */

#define CRS_RULES "/usr/share/modsecurity-crs/rules"

/* The library knows no Include of a file that need not be there. */
static const struct {
    const char *path;
    bool needed;
} core_rule_set[] = {
    {"/etc/modsecurity/crs/crs-setup.conf", true},
    {"/etc/modsecurity/crs/REQUEST-900-EXCLUSION-RULES-BEFORE-CRS.conf", false},
    {CRS_RULES "/*.conf", true},
    {"/etc/modsecurity/crs/RESPONSE-999-EXCLUSION-RULES-AFTER-CRS.conf", false},
};

static enum rc refused(const char *why, struct err *err)
{
    return ERR(err, RC_INVAL, msg_rules, str_trim(str_of(why ? why : "the library does not say")));
}

static enum rc load_core(const struct waf_library *lib, void *set, struct err *err)
{
    char text[PATH_BYTES] = "";
    size_t at = 0;
    const char *why = NULL;

    for (size_t i = 0; i < sizeof(core_rule_set) / sizeof(core_rule_set[0]); i++) {
        const char *path = core_rule_set[i].path;
        bool several = strchr(path, '*');

        if (access(several ? CRS_RULES : path, R_OK) == 0)
            at += (size_t)snprintf(text + at, sizeof(text) - at, "Include %s\n", path);
        else if (core_rule_set[i].needed)
            return ERR(err, RC_NOTFOUND, msg_no_rules, str_of(path));
    }
    return lib->rules_add(set, text, &why) < 0 ? refused(why, err) : RC_OK;
}

enum rc waf_rules_load(const struct waf_library *lib, struct str path, struct waf_rules *out,
                       struct err *err)
{
    struct waf_rules rules = {.lib = lib, .set = lib->create_rules_set()};
    char file[PATH_BYTES];
    const char *why = NULL;

    if (!rules.set)
        return RC_NOMEM;
    if (lib->rules_add(rules.set, settings, &why) < 0)
        return refused(why, err);
    if (path.n == 0) {
        TRY(load_core(lib, rules.set, err));
    } else {
        TRY(str_copyz(path, file, sizeof(file)));
        if (lib->rules_add_file(rules.set, file, &why) < 0)
            return refused(why, err);
    }
    *out = rules;
    return RC_OK;
}

/* ---- a request */

static void on_line(void *arg, const void *line)
{
    waf_verdict_line(arg, str_of(line));
}

static const unsigned char *bytes(struct str s)
{
    return (const unsigned char *)(s.p ? s.p : "");
}

static void add_header(const struct waf_library *lib, void *t, struct str name, struct str value)
{
    (void)lib->add_header(t, bytes(name), name.n, bytes(value), value.n);
}

/* True: it is refused. */
static bool intervenes(const struct waf_library *lib, void *t, struct waf_verdict *out)
{
    struct waf_intervention i = {.status = 200};
    bool refuses = lib->intervention(t, &i) != 0 && i.disruptive;

    if (refuses) {
        if (i.log)
            waf_verdict_line(out, str_of(i.log));
        waf_verdict_refuse(out, i.status);
    }
    free(i.url); /* checksrc: allow free: the library hands out malloc's memory */
    free(i.log); /* checksrc: allow free: the library hands out malloc's memory */
    return refuses;
}

static enum rc add_body(const struct waf_library *lib, void *t, const struct ipc_inspect *r,
                        struct str type)
{
    CLEANUP(buf_done) struct buf tail = BUF_INIT(TAIL_MAX);

    (void)lib->append_body(t, bytes(r->body), r->body.n);
    if (r->whole)
        return RC_OK;
    waf_multipart_end(type, &tail);
    TRY(buf_rc(&tail));
    if (tail.n)
        (void)lib->append_body(t, bytes(buf_str(&tail)), tail.n);
    return RC_OK;
}

static enum rc inspect(const struct waf_rules *rules, void *t, const struct ipc_inspect *r,
                       struct waf_verdict *out)
{
    const struct waf_library *lib = rules->lib;
    char client[ADDR_TEXT], target[IPC_INSPECT_TARGET + 1], method[64], version[16];
    struct str type = {NULL, 0}, rest = r->headers, name, value;

    TRY(str_copyz(r->target, target, sizeof(target)));
    TRY(str_copyz(r->method, method, sizeof(method)));
    TRY(str_copyz(r->version, version, sizeof(version)));
    (void)lib->process_connection(t, addr_text(&r->client.addr, client), r->client.port,
                                  "127.0.0.1", 443);
    (void)lib->process_uri(t, target, method, version);
    while (str_next(&rest, '\0', &name) && str_next(&rest, '\0', &value)) {
        if (str_eq(name, str_of(cut_header)))
            continue;
        if (str_eq(name, STR("content-type")))
            type = value;
        add_header(lib, t, name, value);
    }
    if (!r->whole || r->body.n == 0)
        add_header(lib, t, str_of(cut_header), r->whole ? STR("0") : STR("1"));
    (void)lib->process_headers(t);
    if (intervenes(lib, t, out))
        return RC_OK;
    if (r->body.n)
        TRY(add_body(lib, t, r, type));
    (void)lib->process_body(t); /* the rules for requests with a body run without one, too */
    (void)intervenes(lib, t, out);
    return RC_OK;
}

enum rc waf_rules_inspect(const struct waf_rules *rules, const struct ipc_inspect *request,
                          const char *id, struct waf_verdict *out)
{
    void *t;
    enum rc rc;

    *out = (struct waf_verdict){};
    rules->lib->set_log_cb(rules->lib->engine, on_line);
    t = rules->lib->new_transaction(rules->lib->engine, rules->set, id, out);
    if (!t)
        return RC_NOMEM;
    rc = inspect(rules, t, request, out);
    rules->lib->transaction_cleanup(t);
    return rc;
}
