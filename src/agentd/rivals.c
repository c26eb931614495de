/* SPDX-License-Identifier: Apache-2.0 */
#include "agentd/rivals.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>

#include "agent/place.h"
#include "base/file.h"

/* By the name of the program, without its folder. */
static const char *const clients[] = {"certbot",   "dehydrated", "acme.sh", "lego",
                                      "acmetool",  "uacme",      "getssl",  "simp_le",
                                      "acme-tiny", "letsencrypt"};
enum { CLIENTS = sizeof(clients) / sizeof(clients[0]) };

struct search {
    const char *root;
    agentd_rival_fn fn;
    void *arg;
};

static bool ends_word(char c)
{
    return c == ' ' || c == '\t' || c == ';' || c == '&' || c == '|' || c == '"' || c == '\'' ||
           c == ')' || c == '>';
}

static bool begins_word(char c)
{
    return ends_word(c) || c == '/' || c == '(' || c == '=' || c == '-' || c == '+';
}

static bool runs(struct str line, struct str client)
{
    for (size_t i = 0; i + client.n <= line.n; i++) {
        size_t end = i + client.n;

        if (str_eq(str_bytes(line.p + i, client.n), client) &&
            (i == 0 || begins_word(line.p[i - 1])) && (end == line.n || ends_word(line.p[end])))
            return true;
    }
    return false;
}

const char *agentd_rival_in(struct str line)
{
    line = str_trim(line);
    if (str_starts(line, STR("#")))
        return NULL;
    for (size_t i = 0; i < CLIENTS; i++)
        if (runs(line, str_of(clients[i])))
            return clients[i];
    return NULL;
}

static void look_in_file(const struct search *s, const char *path)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(AGENTD_RIVAL_FILE_MAX);
    bool told[CLIENTS] = {};
    struct str rest, line;

    if (file_read(AT_FDCWD, path, &text, NULL) != RC_OK)
        return;
    rest = buf_str(&text);
    while (str_next(&rest, '\n', &line)) {
        const char *client = agentd_rival_in(line);

        for (size_t i = 0; client && i < CLIENTS; i++) {
            if (clients[i] != client || told[i])
                continue;
            told[i] = true;
            s->fn(s->arg, client, path);
        }
    }
}

/* By its name: "certbot.timer", "acme.sh.timer", "snap.certbot.renew.timer". */
static const char *timer_of(struct str name)
{
    for (size_t i = 0; i < CLIENTS; i++) {
        struct str client = str_of(clients[i]);

        for (size_t k = 0; k + client.n <= name.n; k++)
            if (str_eq(str_bytes(name.p + k, client.n), client) && (k == 0 || name.p[k - 1] == '.'))
                return clients[i];
    }
    return NULL;
}

/* A file of a directory of cron. */
static void look_at_cron(const struct search *s, const char *name, const char *path)
{
    if (name[0] != '.')
        look_in_file(s, path);
}

/* One that is enabled is a link by its name. */
static void look_at_timer(const struct search *s, const char *name, const char *path)
{
    const char *client = str_ends(str_of(name), STR(".timer")) ? timer_of(str_of(name)) : NULL;

    if (client)
        s->fn(s->arg, client, path);
}

/* What is in it; a name that makes the path too long is passed over. */
static void look_through(const struct search *s, const char *dir,
                         void (*look)(const struct search *s, const char *name, const char *path))
{
    char path[AGENT_PATH_MAX];
    const struct dirent *e;
    DIR *d;

    snprintf(path, sizeof(path), "%s%s", s->root, dir);
    d = opendir(path);
    if (!d)
        return;
    for (size_t i = 0; i < AGENTD_RIVALS_FILES_MAX && (e = readdir(d)) != NULL; i++) {
        int n = snprintf(path, sizeof(path), "%s%s/%s", s->root, dir, e->d_name);

        if (n > 0 && (size_t)n < sizeof(path))
            look(s, e->d_name, path);
    }
    closedir(d);
}

void agentd_rivals(const char *root, agentd_rival_fn fn, void *arg)
{
    static const char *const crons[] = {
        "/etc/cron.d",       "/etc/cron.hourly",         "/etc/cron.daily", "/etc/cron.weekly",
        "/etc/cron.monthly", "/var/spool/cron/crontabs", "/var/spool/cron"};
    const struct search s = {root, fn, arg};
    char path[AGENT_PATH_MAX];

    look_through(&s, "/etc/systemd/system/timers.target.wants", look_at_timer);
    snprintf(path, sizeof(path), "%s/etc/crontab", root);
    look_in_file(&s, path);
    for (size_t i = 0; i < sizeof(crons) / sizeof(crons[0]); i++)
        look_through(&s, crons[i], look_at_cron);
}
