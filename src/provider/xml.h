/* SPDX-License-Identifier: Apache-2.0 */
/* Just enough of XML to read the answers of an API: elements found by name. Prefixes, comments and
 * CDATA are not understood, and what has them is not found. */
#pragma once

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>

/* The content of the next element `name` in `*rest`, which moves behind it; false when there is
 * none that ends. Elements of one name inside each other are not told apart. */
bool provider_xml_next(struct str *rest, const char *name, struct str *out);
/* The content of the first one; empty when there is none. */
struct str provider_xml_first(struct str text, const char *name);
/* With the five entities and characters by number undone, those of ASCII. RC_PARSE for others. */
enum rc provider_xml_unescape(struct str text, struct buf *out);
