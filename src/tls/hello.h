/* SPDX-License-Identifier: Apache-2.0 */
/* What is read of a ClientHello beside OpenSSL. */
#pragma once

#include "base/name.h"
#include "base/str.h"

/* The host name in the body of a server_name extension (RFC 6066 section 3), lower-cased into
 * `out`. RC_PARSE when its lengths do not fit (decode_error); RC_INVAL (illegal_parameter) unless
 * there is exactly one name, of type host_name, that name_canonical accepts and that has no final
 * dot. */
enum rc tls_hello_server_name(struct str body, char out[static NAME_MAX_BYTES + 1]);
