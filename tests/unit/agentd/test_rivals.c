/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include <stdio.h>
#include <unistd.h>

#include "agentd/rivals.h"
#include "base/file.h"

static void lines(void)
{
    static const struct {
        const char *line, *client;
    } cases[] = {
        {"0 */12 * * * root test -x /usr/bin/certbot && certbot -q renew", "certbot"},
        {"  # 17 3 * * * root certbot renew", NULL},
        {"17 3 * * * root /opt/dehydrated/dehydrated -c", "dehydrated"},
        {"17 3 * * * \"/root/.acme.sh\"/acme.sh --cron --home \"/root/.acme.sh\"", "acme.sh"},
        {"1 1 * * * root lego --path /etc/lego renew", "lego"},
        {"1 1 * * * root mycertbot renew", NULL},
        {"1 1 * * * root certbot2 renew", NULL},
        {"1 1 * * * root ls /etc/letsencrypt/live", NULL},
        {"1 1 * * * root (certbot renew)", "certbot"},
        {"lego", "lego"},
        {"", NULL},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *got = agentd_rival_in(str_of(cases[i].line));

        if (!cases[i].client)
            CHECK(got == NULL);
        else
            CHECK_STR(got ? str_of(got) : STR("none"), cases[i].client);
    }
}

struct found {
    char text[4096];
};

static void on_rival(void *arg, const char *client, const char *where)
{
    struct found *f = arg;
    size_t n = strlen(f->text);
    const char *name = strrchr(where, '/');

    snprintf(f->text + n, sizeof(f->text) - n, "%s:%s ", client, name ? name + 1 : where);
}

static enum rc put(struct check_dir *d, const char *path, const char *text)
{
    return file_write(d->fd, path, str_of(text), 0644, FILE_OWNER_SELF, NULL);
}

static enum rc fill(struct check_dir *d)
{
    static const char *const dirs[] = {
        "etc",         "etc/cron.d",         "etc/cron.daily",
        "etc/systemd", "etc/systemd/system", "etc/systemd/system/timers.target.wants"};

    for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++)
        TRY(file_mkdir(d->fd, dirs[i], 0755, FILE_OWNER_SELF, NULL));
    TRY(put(d, "etc/crontab", "# certbot\n1 1 * * * root uacme issue\n"));
    TRY(put(d, "etc/cron.d/certbot", "certbot renew\ncertbot renew\n"));
    TRY(put(d, "etc/cron.d/.hidden", "lego renew\n"));
    TRY(put(d, "etc/cron.daily/it", "#!/bin/sh\n/usr/bin/dehydrated -c\n"));
    TRY(put(d, "etc/systemd/system/timers.target.wants/snap.certbot.renew.timer", ""));
    TRY(put(d, "etc/systemd/system/timers.target.wants/apt-daily.timer", ""));
    return put(d, "etc/systemd/system/timers.target.wants/certbot.service", "");
}

static void places(void)
{
    CLEANUP(check_dir_done) struct check_dir d = {};
    struct found f = {};

    check_dir_init(&d);
    CHECK_OK(CHECK_SPARED(fill(&d)));
    agentd_rivals(d.path, on_rival, &f);
    CHECK_STR(str_of(f.text),
              "certbot:snap.certbot.renew.timer uacme:crontab certbot:certbot dehydrated:it ");
    f.text[0] = '\0';
    agentd_rivals("/nowhere", on_rival, &f);
    CHECK_STR(str_of(f.text), "");
}

CHECK_MAIN(CHECK_TEST(lines), CHECK_TEST(places))
