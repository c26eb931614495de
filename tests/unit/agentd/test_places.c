/* SPDX-License-Identifier: Apache-2.0 */
/* Where certificates are looked for. */
#include "check.h"

#include <sys/stat.h>
#include <unistd.h>

#include "agentd/places.h"
#include "base/file.h"
#include "made.h"

static enum rc make(const struct check_dir *dir, const char *name)
{
    struct agent_state s = place_state(AGENT_WEBROOT, "/var/www", 0);
    char path[PLACE_PATH];

    snprintf(path, sizeof(path), "%s/%s", dir->path, name);
    return place_make(path, NULL, &s);
}

/* All of them, each with a blank behind it, without the directory of the test. */
static void look(const struct check_dir *dir, const char *below, char out[static 256])
{
    char *names[AGENTD_PLACES_MAX];
    char path[PLACE_PATH];
    size_t n, at = 0;

    snprintf(path, sizeof(path), "%s%s", dir->path, below);
    n = agentd_places(path, names);
    out[0] = '\0';
    for (size_t i = 0; i < n; i++) {
        at += (size_t)snprintf(out + at, 256 - at, "%s ", names[i] + strlen(dir->path));
        mem_free(names[i]);
    }
}

static void each_with_its_further_ones(void)
{
    CLEANUP(check_dir_done) struct check_dir dir = {};
    char all[256];

    check_dir_init(&dir);
    look(&dir, "", all);
    CHECK_STR(str_of(all), "");
    CHECK_OK(make(&dir, "wiki"));
    CHECK_OK(make(&dir, "wiki/rsa2048"));
    CHECK_OK(make(&dir, "wiki/ed25519"));
    CHECK_OK(make(&dir, "wiki/rsa2048/deeper"));
    CHECK_OK(make(&dir, "mail"));
    CHECK_OK(make(&dir, ".hidden"));
    CHECK_OK(file_mkdir(dir.fd, "empty", 0755, FILE_OWNER_SELF, NULL));
    CHECK_OK(file_mkdir(dir.fd, "wiki/empty", 0755, FILE_OWNER_SELF, NULL));
    /* What may be somebody else's is not gone into. */
    CHECK_OK(make(&dir, "wiki/anybodys"));
    CHECK_INT(fchmodat(dir.fd, "wiki/anybodys", 0777, 0), 0);
    CHECK_INT(symlinkat("ed25519", dir.fd, "wiki/link"), 0);
    CHECK_OK(make(&dir, "open"));
    CHECK_OK(make(&dir, "open/below"));
    CHECK_INT(fchmodat(dir.fd, "open", 0777, 0), 0);
    look(&dir, "", all);
    CHECK_STR(str_of(all), "/mail /open /wiki /wiki/ed25519 /wiki/rsa2048 ");
    look(&dir, "/wiki", all);
    CHECK_STR(str_of(all), "/wiki /wiki/ed25519 /wiki/rsa2048 ");
    look(&dir, "/wiki/ed25519", all);
    CHECK_STR(str_of(all), "/wiki/ed25519 ");
    look(&dir, "/nowhere", all);
    CHECK_STR(str_of(all), "");
}

CHECK_MAIN(CHECK_TEST_ONCE(each_with_its_further_ones))
