/* SPDX-License-Identifier: Apache-2.0 */
#include "prove/target.h"

#include "base/addr.h"
#include "base/name.h"

MSG(msg_target, "prove.target",
    "\"{0}\" says not where to look: [PROTOCOL:][HOST:]PORT, as in mail.hospital.example:443, "
    "smtp:mail.hospital.example:25, [2001:db8::1]:443, or smtp:25 for every name");
MSG(msg_protocol, "prove.protocol",
    "\"{0}\": there is no protocol \"{1}\"; there are tls, tlcp, {2}");

enum { PORT_MAX = 65535 };

/* Cuts at the last colon that stands behind brackets. */
static bool cut_last(struct str s, struct str *head, struct str *tail)
{
    for (size_t i = s.n; i > 0 && s.p[i - 1] != ']'; i--)
        if (s.p[i - 1] == ':') {
            *head = str_head(s, i - 1);
            *tail = str_skip(s, i);
            return true;
        }
    return false;
}

/* "" and the protocol's name are no host. */
static enum rc take_protocol(struct str text, struct str name, struct prove_target *t,
                             struct err *err)
{
    t->protocol = starttls_find(name);
    t->tlcp = str_eq(name, STR("tlcp"));
    if (t->protocol || t->tlcp || name.n == 0 || str_eq(name, STR("tls")))
        return RC_OK;
    return ERR(err, RC_INVAL, msg_protocol, text, name, starttls_names());
}

static bool is_protocol(struct str s)
{
    return s.n == 0 || str_eq(s, STR("tls")) || str_eq(s, STR("tlcp")) || starttls_find(s);
}

static bool is_host(struct str *host)
{
    char name[NAME_MAX_BYTES + 1];
    struct addr a;
    bool brackets = str_starts(*host, STR("[")) && str_ends(*host, STR("]"));

    if (brackets) {
        *host = str_head(str_skip(*host, 1), host->n - 2);
        return addr_parse(*host, &a) == RC_OK && a.n == sizeof(a.b);
    }
    return addr_parse(*host, &a) == RC_OK || name_canonical(*host, false, name) == RC_OK;
}

enum rc prove_target_parse(struct str text, struct prove_target *out, struct err *err)
{
    struct prove_target t = {};
    struct str rest = {}, port = text, protocol = {}, host;
    uint64_t number = 0;

    if (!cut_last(text, &rest, &port))
        port = text;
    if (str_u64(port, PORT_MAX, &number) != RC_OK || number == 0)
        return ERR(err, RC_INVAL, msg_target, text);
    t.port = (uint16_t)number;
    host = rest;
    if (is_protocol(rest)) {
        protocol = rest;
        host = (struct str){};
    } else if (rest.p[0] != '[' && str_find(rest, ':') < rest.n) {
        str_cut(rest, ':', &protocol, &host);
    }
    TRY(take_protocol(text, protocol, &t, err));
    if (host.n && !is_host(&host))
        return ERR(err, RC_INVAL, msg_target, text);
    t.host = host;
    *out = t;
    return RC_OK;
}
