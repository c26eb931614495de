/* SPDX-License-Identifier: Apache-2.0 */
/* For the files of this folder. */
#pragma once

#include "jose/jwk.h"
#include "json/json.h"

/* jose_jwk_parse of a value that is parsed already. */
enum rc jose_jwk_read(const struct json *o, struct jose_jwk **out, struct err *err);
