/* SPDX-License-Identifier: Apache-2.0 */
/* Keys that the CA made and keeps sealed (store/escrows.h), as administrators see them. Runs in
 * core, which cannot open one. */
#pragma once

#include "api/admin.h"

struct store_escrow;

/* The member "escrow" of a certificate: {"key": SHA-256 of the escrow key's SubjectPublicKeyInfo in
 * hexadecimal, "since"}, or null: nobody keeps a copy here. */
void api_escrow_put(const struct api_view *v, const struct id *certificate, struct json_out *o);
/* The member "escrow" of the status: {"key": that of the configuration, or null, "keys": how many
 * there are, "others": how many of them that key does not open}. */
void api_escrow_put_status(const struct api_view *v, struct json_out *o);
/* For `doctor`: puts what is to be said, and returns the state; NULL: there is no escrow and never
 * was one. `cure` is borrowed, constant, or NULL. */
const char *api_escrow_judge(const struct api_view *v, struct buf *out, const char **cure);

/* {"serial"}: the certificate, and the key of it that is kept. RC_INVAL; RC_NOTFOUND when there is
 * none, or this CA made no such certificate. */
enum rc api_escrow_find(const struct api_view *v, const struct json *args, struct arena *a,
                        struct store_certificate *out, struct store_escrow *out_escrow,
                        struct err *err);
/* What is handed out, inside of an object: the members of a list's item, "escrow" as above, and
 * with `sealed` "enveloped_key", base64url. */
void api_escrow_put_sealed(const struct api_view *v, const struct store_certificate *c,
                           const struct store_escrow *escrow, bool sealed, struct json_out *o);
