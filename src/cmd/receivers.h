/* SPDX-License-Identifier: Apache-2.0 */
/* Programs that are receivers of alerts, or hooks that prove names of sites, as they are on this
 * host. */
#pragma once

#include "conf/conf.h"

/* RC_INVAL, and in `problems` a line for each that the runner would not execute, which says what
 * mends it. Without root the user is not looked for: the program runs as who runs the service. */
enum rc cmd_check_programs(const struct conf *conf, struct buf *problems);
