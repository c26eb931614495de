/* SPDX-License-Identifier: Apache-2.0 */
/* The inventory, as people and programs ask for it. Runs in core; read only. */
#pragma once

#include "api/admin.h"

/* Endpoints looked at for one page: what is asked for may be rare, and others wait. */
enum { API_INVENTORY_LOOK = 2000 };

/* {"items":[...],"next"}. Arguments: limit, cursor, network (CIDR or address), port, protocol,
 * verdict (one of those, or several with commas: any of them), under (a domain), owner,
 * expires_before and seen_before (RFC 3339), sort ("seen": first seen first, or
 * "expiry", which it is with expires_before). A page
 * may be shorter than its limit, even empty, and have a "next". */
enum rc api_inventory_list(const struct api_view *v, const struct json *args, struct json_out *o,
                           struct err *err);
/* {endpoint}: what the list has, and the certificate as PEM. RC_NOTFOUND. */
enum rc api_inventory_show(const struct api_view *v, const struct json *args, struct json_out *o,
                           struct err *err);
/* {endpoint, limit, cursor}: {"endpoint","changes":[{"time","what","old","new"}...],"next"}, newest
 * first. RC_NOTFOUND. */
enum rc api_inventory_history(const struct api_view *v, const struct json *args, struct json_out *o,
                              struct err *err);
/* {"items":[...],"next"}: living certificates that no scan has ever found, as `cert list` shows
 * them. Arguments: limit, cursor. Pages as above. */
enum rc api_inventory_orphans(const struct api_view *v, const struct json *args, struct json_out *o,
                              struct err *err);
