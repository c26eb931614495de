/* SPDX-License-Identifier: Apache-2.0 */
#include "json/out.h"

#include <assert.h>
#include <inttypes.h>

#include "base/text.h"

static_assert(JSON_OUT_DEPTH_MAX <= 32, "a level is a bit of a uint32_t");

static uint32_t level_bit(const struct json_out *o)
{
    return UINT32_C(1) << (o->depth - 1);
}

static void newline(struct json_out *o)
{
    if (o->style != JSON_PRETTY)
        return;
    buf_u8(o->b, '\n');
    for (unsigned i = 0; i < o->depth; i++)
        buf_putz(o->b, "  ");
}

/* Comma and line break before an element or a member's name. */
static void separate(struct json_out *o)
{
    if (o->has_items & level_bit(o))
        buf_u8(o->b, ',');
    o->has_items |= level_bit(o);
    newline(o);
}

static void before_value(struct json_out *o)
{
    assert(!o->complete);
    if (o->depth == 0)
        return;
    if (o->in_object & level_bit(o)) {
        assert(o->after_key);
        o->after_key = false;
        return;
    }
    separate(o);
}

static void after_value(struct json_out *o)
{
    if (o->depth)
        return;
    o->complete = true;
    if (o->style == JSON_PRETTY)
        buf_u8(o->b, '\n');
}

static void put(struct json_out *o, struct str s)
{
    before_value(o);
    buf_puts(o->b, s);
    after_value(o);
}

static void quoted(struct json_out *o, struct str s)
{
    buf_u8(o->b, '"');
    text_json_escape(o->b, s);
    buf_u8(o->b, '"');
}

void json_out_init(struct json_out *o, struct buf *b, enum json_style style)
{
    *o = (struct json_out){.b = b, .style = style};
}

enum rc json_out_done(struct json_out *o)
{
    assert(o->complete);
    return buf_rc(o->b);
}

static void open_level(struct json_out *o, char bracket, bool object)
{
    before_value(o);
    assert(o->depth < JSON_OUT_DEPTH_MAX);
    o->depth++;
    o->has_items &= ~level_bit(o);
    o->in_object &= ~level_bit(o);
    if (object)
        o->in_object |= level_bit(o);
    buf_u8(o->b, (uint8_t)bracket);
}

void json_obj(struct json_out *o)
{
    open_level(o, '{', true);
}

void json_arr(struct json_out *o)
{
    open_level(o, '[', false);
}

void json_end(struct json_out *o)
{
    assert(o->depth > 0 && !o->after_key);

    bool object = o->in_object & level_bit(o);
    bool items = o->has_items & level_bit(o);

    o->depth--;
    if (items)
        newline(o);
    buf_u8(o->b, object ? '}' : ']');
    after_value(o);
}

void json_key(struct json_out *o, const char *name)
{
    json_key_str(o, str_of(name));
}

void json_key_str(struct json_out *o, struct str name)
{
    assert(o->depth > 0 && (o->in_object & level_bit(o)) && !o->after_key);
    separate(o);
    quoted(o, name);
    buf_u8(o->b, ':');
    if (o->style == JSON_PRETTY)
        buf_u8(o->b, ' ');
    o->after_key = true;
}

void json_put_str(struct json_out *o, struct str s)
{
    before_value(o);
    quoted(o, s);
    after_value(o);
}

void json_put_z(struct json_out *o, const char *z)
{
    if (z)
        json_put_str(o, str_of(z));
    else
        json_put_null(o);
}

void json_put_i64(struct json_out *o, int64_t v)
{
    before_value(o);
    buf_printf(o->b, "%" PRId64, v);
    after_value(o);
}

void json_put_u64(struct json_out *o, uint64_t v)
{
    before_value(o);
    buf_printf(o->b, "%" PRIu64, v);
    after_value(o);
}

void json_put_bool(struct json_out *o, bool v)
{
    put(o, v ? STR("true") : STR("false"));
}

void json_put_null(struct json_out *o)
{
    put(o, STR("null"));
}

void json_put_when(struct json_out *o, when_t t)
{
    char text[WHEN_TEXT];

    if (t < 0 || t > WHEN_MAX)
        json_put_null(o);
    else
        json_put_z(o, when_text(t, text));
}

void json_put_id(struct json_out *o, const struct id *id)
{
    json_put_str(o, id_str(id));
}

void json_put_b64url(struct json_out *o, struct str bytes)
{
    before_value(o);
    buf_u8(o->b, '"');
    text_b64url(o->b, bytes);
    buf_u8(o->b, '"');
    after_value(o);
}

void json_put_raw(struct json_out *o, struct str json)
{
    assert(json.n > 0);
    put(o, json);
}

void json_kv_str(struct json_out *o, const char *name, struct str s)
{
    json_key(o, name);
    json_put_str(o, s);
}

void json_kv_z(struct json_out *o, const char *name, const char *z)
{
    json_key(o, name);
    json_put_z(o, z);
}

void json_kv_i64(struct json_out *o, const char *name, int64_t v)
{
    json_key(o, name);
    json_put_i64(o, v);
}

void json_kv_u64(struct json_out *o, const char *name, uint64_t v)
{
    json_key(o, name);
    json_put_u64(o, v);
}

void json_kv_bool(struct json_out *o, const char *name, bool v)
{
    json_key(o, name);
    json_put_bool(o, v);
}

void json_kv_null(struct json_out *o, const char *name)
{
    json_key(o, name);
    json_put_null(o);
}

void json_kv_when(struct json_out *o, const char *name, when_t t)
{
    json_key(o, name);
    json_put_when(o, t);
}

void json_kv_id(struct json_out *o, const char *name, const struct id *id)
{
    json_key(o, name);
    json_put_id(o, id);
}

void json_kv_strs(struct json_out *o, const char *name, const struct str *list, size_t n)
{
    json_key(o, name);
    json_arr(o);
    for (size_t i = 0; i < n; i++)
        json_put_str(o, list[i]);
    json_end(o);
}

void json_kv_b64url(struct json_out *o, const char *name, struct str bytes)
{
    json_key(o, name);
    json_put_b64url(o, bytes);
}

void json_kv_printable(struct json_out *o, const char *name, struct str text, size_t max)
{
    CLEANUP(buf_done) struct buf b = BUF_INIT(max);

    for (text = str_utf8_head(text, max); text.n;) {
        uint32_t cp;
        size_t n = str_utf8_next(text, &cp);

        if (n == 0)
            buf_u8(&b, '?');
        else if (str_is_control(cp))
            buf_u8(&b, ' ');
        else
            buf_puts(&b, str_head(text, n));
        text = str_skip(text, n ? n : 1);
    }
    if (b.n && buf_rc(&b) == RC_OK)
        json_kv_str(o, name, buf_str(&b));
}
