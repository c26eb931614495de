/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the files of this folder. */
#pragma once

#include <openssl/types.h>

#include "base/str.h"

struct tls_context;

enum { TLS_REASON_MAX = 160 };

/* OpenSSL's last error of this thread as text; empties the queue. Returns `text`. */
struct str tls_reason(char text[static TLS_REASON_MAX]);
SSL_CTX *tls_context_ssl(const struct tls_context *ctx);
struct str tls_context_plain_answer(const struct tls_context *ctx);
