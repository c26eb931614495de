/* SPDX-License-Identifier: Apache-2.0 */
/* Whether the rules of a configuration can be used, before it is: for commands, and for the
 * supervisor where nothing runs yet that could tell. */
#pragma once

#include "base/err.h"

struct conf;

enum { WAF_CHECK_SECONDS = 10 };

/* Loads library and rules in a process made for that, which becomes the user of the role where the
 * caller is root, and waits for it. `data` is DATA, open. RC_OK also where no site is inspected.
 * RC_INVAL, RC_NOTFOUND: `err` has the library's words, or names the package; RC_IO. */
enum rc waf_check(const struct conf *conf, int data, struct err *err);
