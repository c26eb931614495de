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

/* Appends those directly below. */
static void below(const char *dir, char **out, size_t *n)
{
    DIR *d = opendir(dir);
    const struct dirent *e;
    size_t from = *n;

    while (d && *n < AGENTD_PLACES_MAX && (e = readdir(d)) != NULL) {
        char path[AGENT_PATH_MAX];
        int length = snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);

        if (e->d_name[0] == '.' || length < 0 || (size_t)length >= sizeof(path) ||
            !agentd_is_place(path))
            continue;
        out[*n] = mem_strdup(path);
        *n += out[*n] != NULL;
    }
    if (d)
        closedir(d);
    qsort(out + from, *n - from, sizeof(*out), by_name);
}

static void with_further(char *dir, char **out, size_t *n)
{
    out[(*n)++] = dir;
    below(dir, out, n);
}

size_t agentd_places(const char *dir, char *out[static AGENTD_PLACES_MAX])
{
    char *tops[AGENTD_PLACES_MAX];
    size_t n_tops = 0, n = 0;

    if (agentd_is_place(dir)) {
        tops[0] = mem_strdup(dir);
        n_tops = tops[0] ? 1 : 0;
    } else {
        below(dir, tops, &n_tops);
    }
    for (size_t i = 0; i < n_tops; i++) {
        if (n < AGENTD_PLACES_MAX)
            with_further(tops[i], out, &n);
        else
            mem_free(tops[i]);
    }
    return n;
}
