/* SPDX-License-Identifier: Apache-2.0 */
/* The dashboard's scripts and style sheet, and the licences of what is in them, as ui/build.mjs has
 * bundled and compressed them. Their paths hold a digest of their bytes, so that whoever has one
 * may keep it forever. */
#pragma once

#include <stddef.h>

struct ui_asset {
    const char *path; /* "/ui/script-ABCD1234.js" */
    const char *type; /* Content-Type */
    const unsigned char *gzip;
    size_t n;
};

extern const struct ui_asset ui_assets[];
extern const size_t ui_assets_n;
/* Of the script with which it begins, the style sheet of all pages, the licences. */
extern const char ui_path_script[], ui_path_sheet[], ui_path_licences[];
