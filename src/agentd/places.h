/* SPDX-License-Identifier: Apache-2.0 */
/* Where `autarky obtain` has obtained something: by its directory, or the one above. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum { AGENTD_PLACES_MAX = 1000 };

/* Whether something was obtained in this very directory. */
bool agentd_is_place(const char *dir);
/* `dir` itself with those directly below it, for certificates of further kinds are there; or where
 * nothing was obtained in it, each directly below with its own. By name, one before what is below
 * it; hidden ones are passed over, and below a place what is a link, or whose owner is neither root
 * nor ourselves. Each is freed by the caller. Returns how many. */
size_t agentd_places(const char *dir, char *out[static AGENTD_PLACES_MAX]);
