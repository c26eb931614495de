/* SPDX-License-Identifier: Apache-2.0 */
#include "agentd/places.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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

/* Of nobody else, who could lead us anywhere, or keep us busy. */
static bool is_ours(const struct stat *st)
{
    return S_ISDIR(st->st_mode) && (st->st_uid == 0 || st->st_uid == geteuid()) &&
           (st->st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

/* Nor is it a link. */
static bool is_plain_and_ours(const char *path)
{
    struct stat st;

    return lstat(path, &st) == 0 && is_ours(&st);
}

/* Appends those directly below, up to `most` in all. */
static void below(const char *dir, bool ours, size_t most, char **out, size_t *n)
{
    DIR *d = opendir(dir);
    const struct dirent *e;
    size_t from = *n;

    while (d && *n < most && (e = readdir(d)) != NULL) {
        char path[AGENT_PATH_MAX];
        int length = snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);

        if (e->d_name[0] == '.' || length < 0 || (size_t)length >= sizeof(path) ||
            !agentd_is_place(path) || (ours && !is_plain_and_ours(path)))
            continue;
        out[*n] = mem_strdup(path);
        *n += out[*n] != NULL;
    }
    if (d)
        closedir(d);
    qsort(out + from, *n - from, sizeof(*out), by_name);
}

/* `left`: so many others come behind. */
static void with_further(char *dir, size_t left, char **out, size_t *n)
{
    struct stat st;

    out[(*n)++] = dir;
    /* The place itself may be reached by a link. */
    if (stat(dir, &st) == 0 && is_ours(&st))
        below(dir, true, AGENTD_PLACES_MAX - left, out, n);
}

size_t agentd_places(const char *dir, char *out[static AGENTD_PLACES_MAX])
{
    char *tops[AGENTD_PLACES_MAX];
    size_t n_tops = 0, n = 0;

    if (agentd_is_place(dir)) {
        tops[0] = mem_strdup(dir);
        n_tops = tops[0] ? 1 : 0;
    } else {
        below(dir, false, AGENTD_PLACES_MAX, tops, &n_tops);
    }
    for (size_t i = 0; i < n_tops; i++) /* one that is in a list of its own is in this one */
        with_further(tops[i], n_tops - i - 1, out, &n);
    return n;
}
