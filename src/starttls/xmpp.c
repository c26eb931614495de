/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 6120 section 5: the stream's head, its features, <starttls/>, <proceed/>. Of XML as much as
 * a server may send here: tags and text between them. Comments, declarations and instructions are
 * forbidden in XMPP (section 11.1), but for the declaration in front. */
#include "starttls/starttls_int.h"

enum { HEAD, FEATURES, AGREEMENT, CLOSING };

#define TLS "urn:ietf:params:xml:ns:xmpp-tls"

static void open_stream(const struct starttls *s, const char *kind, struct buf *out)
{
    buf_printf(out,
               "<?xml version='1.0'?><stream:stream to='%s' version='1.0' xmlns='jabber:%s' "
               "xmlns:stream='http://etherx.jabber.org/streams'>",
               s->name, kind);
}

static void start_client(struct starttls *s, struct buf *out)
{
    open_stream(s, "client", out);
}

static void start_server(struct starttls *s, struct buf *out)
{
    open_stream(s, "server", out);
}

struct tag {
    struct str name, attributes; /* the name without a prefix */
    bool closing, empty;         /* </name>, <name/> */
};

/* Where the '>' of the tag stands that `in` begins with; in.n: it has not come yet. One inside of
 * quotation marks is none. */
static size_t end_of(struct str in)
{
    char quote = '\0';
    size_t i;

    for (i = 0; i < in.n; i++) {
        char c = in.p[i];

        if (quote)
            quote = c == quote ? '\0' : quote;
        else if (c == '\'' || c == '"')
            quote = c;
        else if (c == '>')
            break;
    }
    return i;
}

/* `in` is a tag without its brackets. */
static struct tag read_tag(struct str in)
{
    struct tag t = {};
    struct str prefix, local;
    size_t n = 0;

    t.closing = str_starts(in, STR("/"));
    t.empty = str_ends(in, STR("/"));
    in = str_skip(in, t.closing);
    in = str_head(in, in.n && t.empty ? in.n - 1 : in.n);
    while (n < in.n && in.p[n] != ' ' && in.p[n] != '\t' && in.p[n] != '\r' && in.p[n] != '\n')
        n++;
    t.name = str_head(in, n);
    t.attributes = str_skip(in, n);
    if (str_cut(t.name, ':', &prefix, &local))
        t.name = local;
    return t;
}

static bool mentions(struct str text, struct str word)
{
    for (size_t i = 0; i + word.n <= text.n; i++)
        if (str_starts(str_skip(text, i), word))
            return true;
    return false;
}

static bool is(const struct tag *t, const char *name)
{
    return str_eq(t->name, str_of(name));
}

/* Inside of the features: that of TLS, and their end. */
static enum rc feature(struct starttls *s, const struct tag *t, struct buf *out, struct err *err)
{
    if (is(t, "starttls") && mentions(t->attributes, STR(TLS)))
        s->offered = true;
    if (!is(t, "features") || !(t->closing || t->empty))
        return RC_AGAIN;
    if (!s->offered)
        return starttls_lacking(s, err);
    buf_putz(out, "<starttls xmlns='" TLS "'/>");
    s->step = AGREEMENT;
    return RC_AGAIN;
}

static enum rc answer(struct starttls *s, const struct tag *t, struct str in, struct err *err)
{
    if (is(t, "failure"))
        return starttls_refused(s, STR("failure"), err);
    if (!is(t, "proceed") || !mentions(t->attributes, STR(TLS)) || t->closing)
        return starttls_nonsense(s, in, err);
    s->step = CLOSING;
    return t->empty ? RC_OK : RC_AGAIN;
}

static enum rc take_tag(struct starttls *s, struct str in, struct buf *out, struct err *err)
{
    const struct tag t = read_tag(in);

    if (is(&t, "error") || (is(&t, "stream") && t.closing))
        return starttls_refused(s, STR("it ends the stream"), err);
    switch (s->step) {
    case HEAD:
        if (!is(&t, "stream") || t.empty)
            return starttls_nonsense(s, in, err);
        s->step = FEATURES;
        return RC_AGAIN;
    case FEATURES:
        return feature(s, &t, out, err);
    case AGREEMENT:
        return answer(s, &t, in, err);
    default:
        return is(&t, "proceed") && t.closing ? RC_OK : starttls_nonsense(s, in, err);
    }
}

/* Text up to the next tag; in front of the agreement and in it there may be white space only. */
static enum rc take_text(struct starttls *s, struct str in, size_t *out_used, struct err *err)
{
    struct str text = str_head(in, str_find(in, '<'));

    *out_used = text.n;
    if (s->step == FEATURES || str_trim(text).n == 0)
        return RC_AGAIN;
    return starttls_nonsense(s, in, err);
}

static enum rc take(struct starttls *s, struct str in, size_t *out_used, struct buf *out,
                    struct err *err)
{
    size_t end;

    if (in.p[0] != '<')
        return take_text(s, in, out_used, err);
    end = end_of(in);
    if (end == in.n)
        return RC_AGAIN;
    *out_used = end + 1;
    if (s->step == HEAD && str_starts(in, STR("<?xml ")))
        return RC_AGAIN;
    if (in.p[1] == '!' || in.p[1] == '?')
        return starttls_nonsense(s, in, err);
    return take_tag(s, str_skip(str_head(in, end), 1), out, err);
}

const struct starttls_protocol starttls_xmpp = {
    .name = "xmpp", .start = start_client, .take = take};
const struct starttls_protocol starttls_xmpp_server = {
    .name = "xmpp-server", .start = start_server, .take = take};
