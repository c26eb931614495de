/* SPDX-License-Identifier: Apache-2.0 */
/* What the questions for lists have in common: their arguments, and pages. */
#pragma once

#include "base/err.h"
#include "base/when.h"
#include "json/out.h"

struct json;
struct store_cursor;

enum { API_SHOWN_MAX = 80 /* bytes of what was given, in messages */ };

/* "limit": 1 to API_LIST_MAX, otherwise API_LIST_DEFAULT. RC_INVAL. */
enum rc api_page_limit(const struct json *args, unsigned *out, struct err *err);
/* "cursor": what api_page_next gave, or the beginning. RC_INVAL. */
enum rc api_page_cursor(const struct json *args, struct store_cursor *at, struct err *err);
/* Writes "next": a text, or null when there is nothing more. */
void api_page_next(struct json_out *o, const struct store_cursor *at, bool more);
/* The text of a member; empty when it is not there. RC_INVAL. */
enum rc api_arg_text(const struct json *args, const char *name, struct str *out, struct err *err);
/* The same for a time in RFC 3339; unchanged when it is not there. RC_INVAL. */
enum rc api_arg_when(const struct json *args, const char *name, when_t *out, struct err *err);
