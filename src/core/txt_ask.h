/* SPDX-License-Identifier: Apache-2.0 */
/* What clients of the server of TXT records ask, read: bodies of acme-dns and of lego's httpreq,
 * and who says it. Pure. What is wrong with a body is a word, as acme-dns has them; these functions
 * return RC_OK with `*out_why` NULL, RC_INVAL with the word, or RC_NOMEM. */
#pragma once

#include "base/addr.h"
#include "base/buf.h"
#include "json/json.h"

enum {
    CORE_TXT_BODY_MAX = 8192,
    CORE_TXT_VALUE = 43, /* SHA-256 as base64url */
    CORE_TXT_PASSWORD = 40,
    CORE_TXT_NETWORKS_MAX = 32,
    CORE_TXT_NETWORK_MAX = 50, /* characters of one */
    CORE_TXT_BASIC_MAX = 128,
};

/* A value for a name; both borrowed from the document. */
struct core_txt_change {
    struct str name; /* a label: acme-dns; an absolute name: httpreq */
    struct str value;
};

/* {"subdomain","txt"}; "malformed_json_payload", "bad_subdomain", "bad_txt". */
enum rc core_txt_read_update(struct str body, struct json_doc **out_doc,
                             struct core_txt_change *out, const char **out_why);
/* {"fqdn","value"}; "malformed_json_payload", "bad_fqdn", "bad_value". */
enum rc core_txt_read_httpreq(struct str body, struct json_doc **out_doc,
                              struct core_txt_change *out, const char **out_why);
/* Empty, or {"allowfrom":[network...]}: they are appended, with spaces between them;
 * "malformed_json_payload", "invalid_allowfrom_cidr". */
enum rc core_txt_read_register(struct str body, struct buf *out_allow, const char **out_why);

/* Is it in one of these networks? All are, when there are none. */
bool core_txt_allows(struct str networks, const struct addr *client);

/* RFC 7617: what stands behind "Basic" is written into `room`. RC_PARSE, RC_NOMEM. */
enum rc core_txt_basic(struct str authorization, struct buf *room, struct str *out_user,
                       struct str *out_password);
/* Is `name` (with or without a final dot, in either case) that label of the zone? So is every
 * _acme-challenge.NAME, as clients say it that do not follow aliases: it counts for nothing, unless
 * somebody who may has made it one that leads to the label. */
bool core_txt_is_name(struct str name, struct str label, struct str zone);
