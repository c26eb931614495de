/* SPDX-License-Identifier: Apache-2.0 */
/* A configuration with the memory that it lives in. */
#pragma once

#include "base/arena.h"
#include "conf/conf.h"

enum { CONF_ARENA_MAX = 16 << 20 };

struct conf_box {
    struct conf conf; /* first: a struct conf is found in its box */
    struct arena arena;
    size_t refs;
};

/* With one reference and an empty configuration; NULL when out of memory. */
struct conf_box *conf_box_new(void);
