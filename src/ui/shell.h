/* SPDX-License-Identifier: Apache-2.0 */
/* The page around the dashboard's script: who is signed in and what that user may ask /api/v1/ for,
 * in attributes; and where the script and its style sheet are. All else the script asks for. Pure.
 */
#pragma once

#include "base/buf.h"

struct ui_session;

/* Whether the script has a page at this path: "/ui/", "/ui/certificates" ... */
bool ui_shell_has(struct str path);
void ui_page_shell(const struct ui_session *session, struct buf *out);
