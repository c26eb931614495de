/* SPDX-License-Identifier: Apache-2.0 */
/* The kinds of DNS providers, each with the least settings that it takes. Inputs name them by their
 * number, so what is new comes last. */
#pragma once

#include "provider/provider.h"

static const struct {
    const char *name, *settings;
} kinds[] = {{"acme-dns", "url: http://h\naccounts: /a"},
             {"httpreq", "url: http://h\npassword: p"},
             {"powerdns", "url: http://h\nkey: k"},
             {"cloudflare", "token: t"},
             {"route53", "access_key_id: a\nsecret_access_key: s"},
             {"alibaba", "access_key_id: a\naccess_key_secret: s"},
             {"tencent", "secret_id: a\nsecret_key: s"},
             {"azure", "tenant: a\nclient_id: b\nclient_secret: c\nsubscription: d\n"
                       "resource_group: e"}};
