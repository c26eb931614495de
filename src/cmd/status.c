/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "base/text.h"
#include "cmd/cmd.h"
#include "json/json.h"

MSG(msg_answer, "cmd.status-answer",
    "the server answered with something that is not a status; compare its version with `autarky "
    "version`");

enum { ANSWER_MAX = 4 * 1024 * 1024, LISTENERS_MAX = 64 * 1024 };

/* The content of listeners.json, or null. */
static void put_listeners(struct buf *out, const char *data)
{
    CLEANUP(json_freep) struct json_doc *doc = NULL;
    CLEANUP(buf_done) struct buf text = BUF_INIT(LISTENERS_MAX);

    if (cmd_listeners(data, &text, &doc) == RC_OK)
        buf_puts(out, str_trim(buf_str(&text)));
    else
        buf_putz(out, "null");
}

/* The server's object, with the data directory and the listeners, which the supervisor has written
 * down, put in front. */
static enum rc status_json(const char *data, struct buf *out, struct err *err)
{
    CLEANUP(buf_done) struct buf answer = BUF_INIT(ANSWER_MAX);
    struct str body;

    TRY(cmd_control(data, "status", STR(""), &answer, err));
    body = str_trim(buf_str(&answer));
    if (!str_starts(body, STR("{")))
        return ERR(err, RC_PARSE, msg_answer);
    buf_putz(out, "{\"data\":\"");
    text_json_escape(out, str_of(data));
    buf_putz(out, "\",\"listeners\":");
    put_listeners(out, data);
    buf_putz(out, ",");
    buf_puts(out, str_skip(body, 1));
    buf_putz(out, "\n");
    return buf_rc(out);
}

static void show_listeners(const struct json *all)
{
    struct json_iter kinds = json_iter(all);
    const struct json *value;
    struct str name;

    while (json_next(&kinds, &name, &value)) {
        struct json_iter addresses = json_iter(value);
        const struct json *address;
        struct str text;

        while (json_next(&addresses, NULL, &address))
            if (json_str(address, &text) == RC_OK)
                printf("  %-8.*s %.*s\n", STR_ARG(name), STR_ARG(text));
    }
}

/* "confined", or what of it is missing: "confined but for user (off), capabilities (partly)". A
 * line of the report is "landlock: on: what that means". */
static void show_confinement(struct str report)
{
    const char *between = " but for ";
    struct str line, name, rest, state, means;

    if (report.n)
        printf(", confined");
    while (str_next(&report, '\n', &line)) {
        str_cut(line, ':', &name, &rest);
        str_cut(str_trim(rest), ':', &state, &means);
        if (line.n == 0 || str_eq(state, STR("on")))
            continue;
        printf("%s%.*s (%.*s)", between, STR_ARG(name), STR_ARG(state));
        between = ", ";
    }
}

static void show_processes(const struct json *list)
{
    struct json_iter it = json_iter(list);
    const struct json *p;

    while (json_next(&it, NULL, &p)) {
        unsigned long long restarts = json_shown_u64(p, "restarts");

        printf("  %-10.*s %-8.*s pid %llu", STR_ARG(json_shown(p, "role")),
               STR_ARG(json_shown(p, "state")), (unsigned long long)json_shown_u64(p, "pid"));
        if (restarts)
            printf(", restarted %llu times", restarts);
        show_confinement(json_shown(p, "sandbox"));
        printf("\n");
    }
}

static void show_probers(const struct json *list)
{
    struct json_iter it = json_iter(list);
    const struct json *p;

    if (json_len(list))
        printf("Remote probers:\n");
    while (json_next(&it, NULL, &p)) {
        struct str seen = json_shown(p, "seen");
        bool connected = false;

        IGNORE_RC(json_bool(json_get(p, "connected"), &connected)); /* missing is away */
        printf("  %-10.*s %s", STR_ARG(json_shown(p, "name")), connected ? "connected" : "AWAY");
        if (connected)
            printf(" since %.*s from %.*s", STR_ARG(json_shown(p, "since")),
                   STR_ARG(json_shown(p, "address")));
        printf(", last seen %.*s, %llu attempts\n", STR_ARG(seen.n ? seen : STR("never")),
               (unsigned long long)json_shown_u64(p, "attempts"));
    }
}

static void show_forwards(const struct json *list)
{
    struct json_iter it = json_iter(list);
    const struct json *f;

    if (json_len(list))
        printf("Copies of the audit log:\n");
    while (json_next(&it, NULL, &f)) {
        unsigned long long backlog = json_shown_u64(f, "backlog");

        printf("  %-10.*s %.*s, up to record %llu", STR_ARG(json_shown(f, "name")),
               STR_ARG(json_shown(f, "kind")), (unsigned long long)json_shown_u64(f, "through"));
        if (backlog)
            printf(", %llu behind (%llu s)", backlog,
                   (unsigned long long)json_shown_u64(f, "lag_seconds"));
        if (json_shown_u64(f, "failures"))
            printf("; FAILING since %.*s: %.*s", STR_ARG(json_shown(f, "failing_since")),
                   STR_ARG(json_shown(f, "error")));
        printf("\n");
    }
}

static void show_alerts(const struct json *alerts)
{
    unsigned long long waiting = json_shown_u64(alerts, "waiting");

    printf("Alerts: %llu critical, %llu warnings",
           (unsigned long long)json_shown_u64(alerts, "critical"),
           (unsigned long long)json_shown_u64(alerts, "warning"));
    if (waiting)
        printf("; %llu messages wait, %llu of them in vain", waiting,
               (unsigned long long)json_shown_u64(alerts, "failing"));
    printf("\n");
}

static void show_issuers(const struct json *list)
{
    struct json_iter it = json_iter(list);
    const struct json *issuer;

    while (json_next(&it, NULL, &issuer))
        printf("  %-10.*s until %.10s  %.*s\n", STR_ARG(json_shown(issuer, "name")),
               json_shown(issuer, "not_after").p ? json_shown(issuer, "not_after").p : "-",
               STR_ARG(json_shown(issuer, "subject")));
}

static void show(const struct json *root)
{
    const struct json *certificates = json_get(root, "certificates");
    bool healthy = false, other = false;

    IGNORE_RC(json_bool(json_get(root, "healthy"), &healthy)); /* missing is unhealthy */
    printf("Autarky %.*s for %.*s (%.*s): %s\n", STR_ARG(json_shown(root, "version")),
           STR_ARG(json_shown(root, "organization")), STR_ARG(json_shown(root, "domain")),
           healthy ? "healthy" : "NOT HEALTHY; `autarky doctor` says why");
    if (json_len(json_get(root, "frozen")))
        printf("Issuance is frozen, or a part of it: `autarky issuance status` says since when, by "
               "whom and why\n");
    IGNORE_RC(json_bool(json_get(root, "policy_other"), &other)); /* missing: no */
    if (other)
        printf("The files have another policy than the accepted one, which is in force: `autarky "
               "reload --reason TEXT` asks for a second person\n");
    if (json_shown(root, "policy_waits").n)
        printf("Another policy waits for a second person, and the old one is in force: `autarky "
               "approval show %.*s`\n",
               STR_ARG(json_shown(root, "policy_waits")));
    if (json_shown(root, "reload_at").n)
        printf("A reload waits for gateway.change_window, which opens at %.*s; `autarky reload "
               "--despite-window` does it now\n",
               STR_ARG(json_shown(root, "reload_at")));
    printf("Certificates: %llu valid, %llu of them end within 30 days, %llu revoked\n",
           (unsigned long long)json_shown_u64(certificates, "valid"),
           (unsigned long long)json_shown_u64(certificates, "expiring_in_30d"),
           (unsigned long long)json_shown_u64(certificates, "revoked"));
    if (!json_is_null(json_get(root, "staging")))
        printf("Staging (%.*s): %llu valid\n",
               STR_ARG(json_shown(json_get(root, "staging"), "directory")),
               (unsigned long long)json_shown_u64(json_get(root, "staging"), "valid"));
    printf("Issuers:\n");
    show_issuers(json_get(root, "issuers"));
    printf("Listeners:\n");
    show_listeners(json_get(root, "listeners"));
    printf("Processes:\n");
    show_processes(json_get(root, "processes"));
    show_probers(json_get(root, "probers"));
    show_forwards(json_get(root, "forward"));
    show_alerts(json_get(root, "alerts"));
}

int cmd_status(const struct cmd_args *args)
{
    CLEANUP(json_freep) struct json_doc *doc = NULL;
    CLEANUP(buf_done) struct buf text = BUF_INIT(ANSWER_MAX);
    struct err err = ERR_INIT;
    enum rc rc;

    rc = status_json(cmd_data(args), &text, &err);
    if (rc == RC_OK && !cmd_json(args))
        rc = json_parse(buf_str(&text), ANSWER_MAX, &doc, &err);
    if (rc != RC_OK) {
        err.rc = rc;
        return cmd_fail(&err);
    }
    if (cmd_json(args))
        cmd_print(buf_str(&text));
    else
        show(json_root(doc));
    return CMD_DONE;
}
