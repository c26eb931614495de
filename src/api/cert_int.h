/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the files about certificates. */
#pragma once

#include "api/admin.h"
#include "store/certificates.h"

/* The members that lists and single certificates have in common, inside an object. */
void api_cert_put_fields(const struct api_view *v, const struct store_certificate *c,
                         struct json_out *o);
