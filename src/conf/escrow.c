/* SPDX-License-Identifier: Apache-2.0 */
/* The key of escrow, as far as its text tells: whether it is a key is for who knows keys
 * (ca/escrow.h). */
#include "conf/tree_int.h"

MSG(msg_file, "conf.escrow-file",
    "{0} is not in conf.d of the data directory: put it there, with a name that ends in .pem, "
    "owned "
    "by root and writable by nobody else");
MSG(msg_private, "conf.escrow-private",
    "{0} has a private key in it, and ca.escrow takes the public one alone: whoever gets at this "
    "host could open all that was escrowed. Remove the file, take that key for known to others, "
    "and make a new one where there is no network");
MSG(msg_one, "conf.escrow-one",
    "{0} has to be one PUBLIC KEY or CERTIFICATE in PEM, {1} bytes at most, and nothing else");

enum { KEY_TEXT_MAX = 16 * 1024 };

static bool has(struct str text, struct str word)
{
    return memmem(text.p, text.n, word.p, word.n) != NULL;
}

static size_t blocks(struct str text)
{
    static const struct str begins = STR("-----BEGIN ");
    const char *at;
    size_t n = 0;

    while ((at = memmem(text.p, text.n, begins.p, begins.n)) != NULL) {
        text = str_skip(text, (size_t)(at - text.p) + begins.n);
        n++;
    }
    return n;
}

/* Nothing stands around the block: what is recorded of a change has no room for more. */
static bool is_all(struct str text)
{
    static const struct str ends = STR("-----END ");
    const char *at = memmem(text.p, text.n, ends.p, ends.n);

    return at && str_starts(text, STR("-----BEGIN ")) &&
           !memchr(at, '\n', text.n - (size_t)(at - text.p));
}

enum rc conf_fill_escrow(struct conf_report *report, const struct conf_node *root,
                         const struct conf_input *in, struct arena *a, struct conf *conf)
{
    const struct conf_node *n = conf_node_get(conf_node_get(root, STR("ca")), STR("escrow"));
    struct str file = conf->ca.escrow, text;

    if (!n || report->n || file.n == 0)
        return RC_OK;
    text = conf_input_pem(in, file);
    if (!text.p)
        return CONF_COMPLAIN(report, n, msg_file, file);
    if (has(text, STR("PRIVATE KEY-----")))
        return CONF_COMPLAIN(report, n, msg_private, file);
    if (text.n > KEY_TEXT_MAX || blocks(text) != 1 || !is_all(str_trim(text)) ||
        (!has(text, STR("-----BEGIN PUBLIC KEY-----")) &&
         !has(text, STR("-----BEGIN CERTIFICATE-----"))))
        return CONF_COMPLAIN(report, n, msg_one, file, STR("16384"));
    return arena_str(a, text, &conf->ca.escrow_key);
}
