/* SPDX-License-Identifier: Apache-2.0 */
/* The public suffixes: names below which strangers register, so that no private CA may be bound to
 * one. By libpsl's built-in list, which is as new as the distribution's package. */
#pragma once

#include <stdbool.h>

#include "base/str.h"

/* `name` (canonical, ended by a zero) is itself such a suffix: "com", "co.uk", "github.io". A
 * top-level domain that the list does not have ("lan", "internal") is none. */
bool conf_public_suffix(struct str name);
