/* SPDX-License-Identifier: Apache-2.0 */
#include "agentd/places.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/place.h"
#include "base/mem.h"

bool agentd_is_place(const char *dir)
{
    char path[AGENT_PATH_MAX];
    struct stat st;
    int n = snprintf(path, sizeof(path), "%s/" AGENT_HOME "/state.json", dir);

    return n > 0 && (size_t)n < sizeof(path) && stat(path, &st) == 0;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static size_t below(DIR *d, const char *dir, char **out)
{
    const struct dirent *e;
    size_t n = 0;

    while (n < AGENTD_PLACES_MAX && (e = readdir(d)) != NULL) {
        char path[AGENT_PATH_MAX];
        int length = snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);

        if (e->d_name[0] == '.' || length < 0 || (size_t)length >= sizeof(path) ||
            !agentd_is_place(path))
            continue;
        out[n] = mem_strdup(path);
        n += out[n] != NULL;
    }
    qsort(out, n, sizeof(*out), by_name);
    return n;
}

size_t agentd_places(const char *dir, char *out[static AGENTD_PLACES_MAX])
{
    size_t n;
    DIR *d;

    if (agentd_is_place(dir)) {
        out[0] = mem_strdup(dir);
        return out[0] ? 1 : 0;
    }
    d = opendir(dir);
    if (!d)
        return 0;
    n = below(d, dir, out);
    closedir(d);
    return n;
}
