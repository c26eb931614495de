/* SPDX-License-Identifier: Apache-2.0 */
/* Pieces of pages, for the files of ui/. */
#pragma once

#include "base/text.h"

/* From the doctype to the begin of <main>. `title` is ours, not escaped. */
void ui_html_begin(struct buf *b, const char *title);
void ui_html_end(struct buf *b);
/* <td>TEXT</td>, escaped; a dash when it is empty. */
void ui_html_cell(struct buf *b, struct str text);
