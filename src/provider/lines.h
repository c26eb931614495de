/* SPDX-License-Identifier: Apache-2.0 */
/* Files of settings for dns-01: lines "name: value" or "name = value", values perhaps in quotes,
 * comments behind '#'. */
#pragma once

#include "base/str.h"

#include <stdbool.h>

/* False when there is no setting in the line. A line without ':' and '=' is a name without value.
 */
bool provider_line(struct str line, struct str *out_name, struct str *out_value);
/* Without the quotes around it. */
struct str provider_unquote(struct str s);
