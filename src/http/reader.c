/* SPDX-License-Identifier: Apache-2.0 */
#include "http/reader.h"

#include "http/reader_int.h"
#include "http/url.h"

MSG(msg_request, "http.refused", "the request was refused: {0}");
MSG(msg_response, "http.answer", "the answer was refused: {0}");

enum { KEEP = 4096 }; /* bytes of text, from one message to the next */

static const char head_long[] = "first line and headers are longer than 32 KiB";
static const char many_fields[] = "there are more than 100 headers";

int http_reader_refuse(struct http_reader *r, int status, const char *why)
{
    if (r->status == 0) {
        r->status = status;
        r->why = why;
    }
    return HPE_USER;
}

int http_reader_append(struct http_reader *r, const char *at, size_t n)
{
    buf_put(&r->text, at, n);
    if (buf_rc(&r->text) == RC_OK)
        return 0;
    if (buf_rc(&r->text) != RC_NOMEM)
        return http_reader_refuse(r, 431, head_long);
    r->rc = RC_NOMEM;
    return HPE_USER;
}

/* ---- llhttp's callbacks */

static int on_target(llhttp_t *ll, const char *at, size_t n)
{
    struct http_reader *r = ll->data;

    if (r->target_n + n > r->conf->target_max)
        return http_reader_refuse(r, 414, "the request target is too long");
    r->target_n += n;
    return http_reader_append(r, at, n);
}

/* llhttp lets several spaces pass between the parts of the first line, which others read
 * otherwise. */
static int on_version(llhttp_t *ll, const char *at, size_t)
{
    struct http_reader *r = ll->data;
    uint64_t from = r->fed + (uint64_t)(at - r->in);
    size_t method_n = r->conf->responses ? 0 : strlen(llhttp_method_name(ll->method)) + 1;
    size_t target_n = r->conf->responses ? 0 : r->target_n + 1;

    if (r->versioned)
        return 0;
    r->versioned = true;
    if (from != method_n + target_n + sizeof("HTTP/") - 1)
        return http_reader_refuse(r, 400, "the first line has more than two spaces");
    return 0;
}

/* Trailers are kept behind the headers. */
static struct http_reader_field *current(struct http_reader *r)
{
    return &r->fields[r->n_fields + r->n_trailers];
}

/* Those of requests are not: nobody behind us could tell that they are not headers. */
static bool dropped(const struct http_reader *r)
{
    return r->phase == HTTP_PHASE_BODY && !r->conf->responses;
}

static int on_name(llhttp_t *ll, const char *at, size_t n)
{
    struct http_reader *r = ll->data;
    size_t from = r->text.n;
    int e;

    if (r->n_fields + r->n_trailers == HTTP_HEADERS_MAX)
        return http_reader_refuse(r, 431, many_fields);
    if (dropped(r))
        return 0;
    if (current(r)->name_n == 0)
        current(r)->name = (uint32_t)from;
    e = http_reader_append(r, at, n);
    if (e)
        return e;
    for (; from < r->text.n; from++)
        if (r->text.p[from] >= 'A' && r->text.p[from] <= 'Z')
            r->text.p[from] |= 0x20;
    current(r)->name_n = (uint16_t)(current(r)->name_n + n);
    return 0;
}

bool http_reader_controls(const char *at, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (((unsigned char)at[i] < 0x20 && at[i] != '\t') || at[i] == 0x7f)
            return true;
    return false;
}

static int on_reason(llhttp_t *ll, const char *at, size_t n)
{
    return http_reader_controls(at, n)
               ? http_reader_refuse(ll->data, 502, "its first line has a control character")
               : 0;
}

static int on_value(llhttp_t *ll, const char *at, size_t n)
{
    struct http_reader *r = ll->data;

    if (http_reader_controls(at, n))
        return http_reader_refuse(r, 400, "a header has a control character");
    if (dropped(r))
        return 0;
    if (current(r)->value_n == 0)
        current(r)->value = (uint32_t)r->text.n;
    current(r)->value_n += (uint32_t)n;
    return http_reader_append(r, at, n);
}

static int on_field_end(llhttp_t *ll)
{
    struct http_reader *r = ll->data;
    struct http_reader_field *f = current(r);

    f->what = (uint8_t)http_name_of(str_bytes(r->text.p + f->name, f->name_n));
    if (r->phase == HTTP_PHASE_BODY)
        r->n_trailers++;
    else
        r->n_fields++;
    if (r->n_fields + r->n_trailers < HTTP_HEADERS_MAX)
        *current(r) = (struct http_reader_field){.name = 0};
    return 0;
}

static int on_extension(llhttp_t *ll, const char *, size_t)
{
    struct http_reader *r = ll->data;

    return r->conf->chunk_extensions ? 0 : http_reader_refuse(r, 400, "a chunk has an extension");
}

static int on_head_end(llhttp_t *ll)
{
    struct http_reader *r = ll->data;
    int e = http_rules_check(r);

    if (e)
        return e;
    r->phase = HTTP_PHASE_BODY;
    r->fed = 0;
    return HPE_PAUSED;
}

static int on_body(llhttp_t *ll, const char *at, size_t n)
{
    struct http_reader *r = ll->data;

    if (n > r->conf->body_max - r->body)
        return http_reader_refuse(r, 413, "the body is longer than what is taken here");
    r->piece = str_bytes(at, n);
    r->body += n;
    return HPE_PAUSED;
}

static int on_end(llhttp_t *ll)
{
    struct http_reader *r = ll->data;

    r->phase = HTTP_PHASE_DONE;
    return HPE_PAUSED;
}

static const llhttp_settings_t settings = {
    .on_url = on_target,
    .on_version = on_version,
    .on_status = on_reason,
    .on_header_field = on_name,
    .on_header_value = on_value,
    .on_header_value_complete = on_field_end,
    .on_chunk_extension_name = on_extension,
    .on_chunk_extension_value = on_extension,
    .on_headers_complete = on_head_end,
    .on_body = on_body,
    .on_message_complete = on_end,
};

/* ---- life */

enum rc http_reader_new(const struct http_reader_conf *conf, struct http_reader **out)
{
    struct http_reader *r = MEM_NEW(struct http_reader);

    if (!r)
        return RC_NOMEM;
    r->conf = conf;
    buf_init(&r->text, HTTP_HEAD_MAX);
    buf_init(&r->host, HTTP_URL_MAX);
    http_reader_next(r, false);
    *out = r;
    return RC_OK;
}

void http_reader_free(struct http_reader *r)
{
    if (!r)
        return;
    buf_done(&r->text);
    buf_done(&r->host);
    mem_free(r);
}

void http_reader_next(struct http_reader *r, bool headless)
{
    llhttp_init(&r->ll, r->conf->responses ? HTTP_RESPONSE : HTTP_REQUEST, &settings);
    r->ll.data = r;
    r->phase = HTTP_PHASE_IDLE;
    r->headless = headless;
    r->cr = r->blank = r->versioned = r->lists = r->bare = r->websocket = false;
    r->status = 0;
    r->why = NULL;
    r->rc = RC_OK;
    r->fed = r->body = 0;
    r->target_n = 0;
    r->piece = (struct str){NULL, 0};
    r->head = (struct http_head){.status = 0};
    r->n_fields = r->n_trailers = 0;
    memset(r->pseudo, 0, sizeof(r->pseudo));
    r->fields[0] = (struct http_reader_field){.name = 0};
    buf_reset(&r->text);
    if (r->text.cap > KEEP)
        buf_done(&r->text);
    buf_done(&r->host);
}

/* ---- reading */

enum rc http_reader_failed(const struct http_reader *r, struct err *err)
{
    if (r->rc != RC_OK)
        return r->rc;
    if (r->conf->responses)
        return ERR(err, RC_PARSE, msg_response, str_of(r->why));
    return err_problem(err, ERR(err, RC_DENIED, msg_request, str_of(r->why)), "malformed",
                       r->status);
}

/* One empty line before a request is forgiven (RFC 9112 section 2.2), exactly CR LF; then a method
 * must begin, or the version of a response. */
static enum rc begin(struct http_reader *r, struct str *in)
{
    while (in->n && r->status == 0) {
        char c = in->p[0];
        bool first = r->conf->responses ? c == 'H' : c >= 'A' && c <= 'Z';

        if (first && !r->cr) {
            r->phase = HTTP_PHASE_HEAD;
            return RC_OK;
        }
        if (r->conf->responses)
            http_reader_refuse(r, 502, "it does not begin with HTTP/");
        else if (c == '\n' && r->cr)
            r->cr = !(r->blank = true);
        else if (c == '\r' && !r->cr && !r->blank)
            r->cr = true;
        else
            http_reader_refuse(r, 400, "it does not begin with a method");
        *in = str_skip(*in, 1);
    }
    return r->status ? RC_DENIED : RC_AGAIN;
}

/* Reasons that llhttp finds itself, in our words. */
static void refused_by_llhttp(struct http_reader *r, llhttp_errno_t e)
{
    static const struct {
        llhttp_errno_t e;
        int status;
        const char *why;
    } reasons[] = {
        {HPE_INVALID_METHOD, 400, "the method is malformed or unknown"},
        {HPE_INVALID_VERSION, 400, "its version is not HTTP/1.0 or HTTP/1.1"},
        {HPE_PAUSED_H2_UPGRADE, 505, "only HTTP/1.0 and HTTP/1.1 are spoken here"},
        {HPE_INVALID_CONTENT_LENGTH, 400,
         "Content-Length is malformed, doubled, or beside Transfer-Encoding"},
        {HPE_UNEXPECTED_CONTENT_LENGTH, 400,
         "Content-Length is malformed, doubled, or beside Transfer-Encoding"},
        {HPE_INVALID_TRANSFER_ENCODING, 400, "Transfer-Encoding is malformed"},
        {HPE_INVALID_CHUNK_SIZE, 400, "a chunk's size is malformed"},
    };

    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
        if (reasons[i].e == e)
            http_reader_refuse(r, reasons[i].status, reasons[i].why);
    http_reader_refuse(r, 400, "it is malformed");
}

/* As much of `in` as may be looked at before the limits must be asked again. */
static size_t portion(const struct http_reader *r, struct str in)
{
    size_t room = r->phase == HTTP_PHASE_HEAD ? HTTP_HEAD_MAX - (size_t)r->fed : in.n;

    return in.n < room ? in.n : room;
}

static void check_portion(struct http_reader *r, enum http_phase before, size_t n)
{
    uint64_t excused = r->body * r->conf->chunk_framing + HTTP_CHUNK_OVERHEAD_MAX;

    if (r->phase != before)
        return;
    r->fed += n;
    if (r->phase == HTTP_PHASE_HEAD && r->fed >= HTTP_HEAD_MAX)
        http_reader_refuse(r, 431, head_long);
    if (r->phase == HTTP_PHASE_BODY && r->fed - r->body > excused)
        http_reader_refuse(r, 400, "there is more chunk framing than body");
}

/* Runs llhttp up to the next stop; true when it stopped by our wish. */
static bool run(struct http_reader *r, struct str *in)
{
    enum http_phase before = r->phase;
    size_t n = portion(r, *in);
    llhttp_errno_t e;

    llhttp_resume(&r->ll);
    r->in = n ? in->p : "";
    e = llhttp_execute(&r->ll, r->in, n);
    if (e == HPE_PAUSED && r->status == 0)
        n = (size_t)(llhttp_get_error_pos(&r->ll) - r->in);
    else if (e != HPE_OK && r->status == 0 && r->rc == RC_OK)
        refused_by_llhttp(r, e);
    *in = str_skip(*in, n);
    check_portion(r, before, n);
    return e == HPE_PAUSED;
}

static bool sound(const struct http_reader *r)
{
    return r->status == 0 && r->rc == RC_OK;
}

enum rc http_reader_head(struct http_reader *r, struct str *in, struct err *err)
{
    if (r->phase == HTTP_PHASE_IDLE && sound(r) && begin(r, in) == RC_AGAIN)
        return RC_AGAIN;
    while (in->n && sound(r))
        if (run(r, in) && sound(r))
            return RC_OK;
    return sound(r) ? RC_AGAIN : http_reader_failed(r, err);
}

/* Without framing. */
static enum rc bare_body(struct http_reader *r, struct str *in, struct str *out_piece,
                         struct err *err)
{
    bool known = r->head.framing == HTTP_FRAMING_LENGTH;
    uint64_t left = known ? r->head.length - r->body : r->conf->body_max - r->body;

    if (in->n > left)
        http_reader_refuse(r, known ? 400 : 413,
                           known ? "the body is longer than Content-Length says"
                                 : "the body is longer than what is taken here");
    if (!sound(r))
        return http_reader_failed(r, err);
    if (known && left == 0)
        r->phase = HTTP_PHASE_DONE;
    if (r->phase == HTTP_PHASE_DONE || in->n == 0)
        return r->phase == HTTP_PHASE_DONE ? RC_CLOSED : RC_AGAIN;
    *out_piece = *in;
    r->body += in->n;
    *in = str_skip(*in, in->n);
    return RC_OK;
}

enum rc http_reader_body(struct http_reader *r, struct str *in, struct str *out_piece,
                         struct err *err)
{
    bool stopped = false;

    if (r->phase == HTTP_PHASE_DONE)
        return RC_CLOSED;
    if (r->bare)
        return bare_body(r, in, out_piece, err);
    r->piece = (struct str){NULL, 0};
    /* Without bytes it may still have a stop to go on from: the end of what has come. */
    if (sound(r) && (in->n || llhttp_get_errno(&r->ll) == HPE_PAUSED))
        stopped = run(r, in);
    if (!sound(r))
        return http_reader_failed(r, err);
    if (r->phase == HTTP_PHASE_DONE)
        return RC_CLOSED;
    if (!stopped || r->piece.n == 0)
        return RC_AGAIN;
    *out_piece = r->piece;
    return RC_OK;
}

bool http_reader_eof(struct http_reader *r)
{
    enum http_framing open = r->bare ? HTTP_FRAMING_CHUNKED : HTTP_FRAMING_CLOSE;

    if (r->phase == HTTP_PHASE_DONE)
        return true;
    if (r->bare && r->head.framing == HTTP_FRAMING_LENGTH && r->body == r->head.length)
        open = HTTP_FRAMING_LENGTH;
    if (r->phase != HTTP_PHASE_BODY || r->head.framing != open || !sound(r))
        return false;
    r->phase = HTTP_PHASE_DONE;
    return true;
}

/* ---- looking */

enum http_phase http_reader_phase(const struct http_reader *r)
{
    return r->phase;
}

const struct http_head *http_reader_get(const struct http_reader *r)
{
    return &r->head;
}

size_t http_reader_fields(const struct http_reader *r)
{
    return r->n_fields;
}

size_t http_reader_trailers(const struct http_reader *r)
{
    return r->conf->responses ? r->n_trailers : 0;
}

struct http_field http_reader_field(const struct http_reader *r, size_t i)
{
    const struct http_reader_field *f = &r->fields[i];

    return (struct http_field){
        (enum http_name)f->what,
        str_bytes(r->text.p + f->name, f->name_n),
        str_trim(str_bytes(r->text.p + f->value, f->value_n)),
    };
}

struct str http_reader_value(const struct http_reader *r, enum http_name what)
{
    for (size_t i = 0; i < r->n_fields; i++)
        if (r->fields[i].what == what)
            return http_reader_field(r, i).value;
    return (struct str){NULL, 0};
}

/* ---- HTTP/2 */

void http_reader_allow_websocket(struct http_reader *r)
{
    r->websocket = true;
}

static int put_pseudo(struct http_reader *r, struct str name, struct str value)
{
    static const struct str names[HTTP_PSEUDOS] = {
        STR(":method"), STR(":scheme"), STR(":authority"), STR(":path"), STR(":protocol")};
    struct http_reader_field *f;
    size_t i = 0;

    while (i < HTTP_PSEUDOS && !str_eq(names[i], name))
        i++;
    if (i == HTTP_PSEUDOS || r->n_fields || r->pseudo[i].what)
        return http_reader_refuse(r, 400, "a pseudo-field is unknown, late or doubled");
    if (i == HTTP_PATH && value.n > r->conf->target_max)
        return http_reader_refuse(r, 414, "the request target is too long");
    f = &r->pseudo[i];
    f->what = 1;
    f->value = (uint32_t)r->text.n;
    f->value_n = (uint32_t)value.n;
    return http_reader_append(r, value.p, value.n);
}

static bool bad_name(struct str name)
{
    for (size_t i = 0; i < name.n; i++)
        if (name.p[i] <= ' ' || name.p[i] > '~' || name.p[i] == ':' ||
            (name.p[i] >= 'A' && name.p[i] <= 'Z'))
            return true;
    return name.n == 0;
}

static int put_field(struct http_reader *r, struct str name, struct str value)
{
    struct http_reader_field *f = &r->fields[r->n_fields];

    if (r->n_fields == HTTP_HEADERS_MAX)
        return http_reader_refuse(r, 431, many_fields);
    if (bad_name(name))
        return http_reader_refuse(r, 400, "the name of a header is malformed");
    *f = (struct http_reader_field){.name = (uint32_t)r->text.n,
                                    .value = (uint32_t)(r->text.n + name.n),
                                    .value_n = (uint32_t)value.n,
                                    .name_n = (uint16_t)name.n,
                                    .what = (uint8_t)http_name_of(name)};
    r->n_fields++;
    return http_reader_append(r, name.p, name.n) || http_reader_append(r, value.p, value.n);
}

enum rc http_reader_put(struct http_reader *r, struct str name, struct str value)
{
    r->phase = HTTP_PHASE_HEAD;
    r->fed += name.n + value.n + 4; /* ": ", CR LF */
    if (r->fed > HTTP_HEAD_BORNE)
        return RC_TOOBIG;
    if (!sound(r))
        return RC_OK;
    if (r->fed >= HTTP_HEAD_MAX)
        http_reader_refuse(r, 431, head_long);
    else if (http_reader_controls(value.p, value.n))
        http_reader_refuse(r, 400, "a header has a control character");
    else if (name.n && name.p[0] == ':')
        put_pseudo(r, name, value);
    else
        put_field(r, name, value);
    return RC_OK;
}

enum rc http_reader_put_end(struct http_reader *r, bool whole, struct err *err)
{
    if (sound(r) && http_rules_check_fields(r, whole) == 0) {
        r->bare = true;
        r->phase = r->head.framing == HTTP_FRAMING_NONE ? HTTP_PHASE_DONE : HTTP_PHASE_BODY;
        return RC_OK;
    }
    return http_reader_failed(r, err);
}
