/* SPDX-License-Identifier: Apache-2.0 */
#include "takeover/shell.h"

struct reader {
    struct takeover_vars *v;
    struct str rest;
    unsigned line;
    unsigned depth; /* of if, for, case, while, { ... that are open */
    bool lost;      /* what follows cannot be told apart any more */
};

/* The value that is being read. */
struct value {
    struct buf *text;
    bool known;
};

enum { FIRST_CAP = 32 };

static bool is_first(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_name(char c)
{
    return is_first(c) || (c >= '0' && c <= '9');
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static char at(const struct reader *r)
{
    return r->rest.n ? r->rest.p[0] : '\0';
}

static void skip(struct reader *r, size_t n)
{
    for (size_t i = 0; i < n && i < r->rest.n; i++)
        r->line += r->rest.p[i] == '\n';
    r->rest = str_skip(r->rest, n);
}

static void skip_blanks(struct reader *r)
{
    while (r->rest.n && is_blank(at(r)))
        skip(r, 1);
}

/* A backslash at its end goes on with the next line. */
static struct str skip_line(struct reader *r)
{
    struct str all = r->rest;
    size_t n = 0;

    while (n < all.n && (all.p[n] != '\n' || (n && all.p[n - 1] == '\\')))
        n++;
    skip(r, n);
    return str_trim(str_head(all, n));
}

/* ---- what is found */

static enum rc add(struct takeover_vars *v, const struct takeover_var *var)
{
    struct takeover_var *list;
    size_t cap = v->cap ? 2 * v->cap : FIRST_CAP;

    if (v->n == TAKEOVER_VARS_MAX)
        return RC_TOOBIG;
    if (v->n == v->cap) {
        list = ARENA_ARRAY(v->arena, struct takeover_var, cap);
        if (!list)
            return RC_NOMEM;
        if (v->n)
            memcpy(list, v->list, v->n * sizeof(*list));
        v->list = list;
        v->cap = cap;
    }
    v->list[v->n] = *var;
    TRY(arena_str(v->arena, var->name, &v->list[v->n].name));
    TRY(arena_str(v->arena, var->value, &v->list[v->n].value));
    v->n++;
    return RC_OK;
}

enum rc takeover_shell_set(struct takeover_vars *v, struct str name, struct str value)
{
    return add(v, &(struct takeover_var){.name = name, .value = value, .known = true});
}

const struct takeover_var *takeover_shell_find(const struct takeover_vars *v, struct str name)
{
    for (size_t i = v->n; i > 0; i--)
        if (name.n && str_eq(v->list[i - 1].name, name))
            return &v->list[i - 1];
    return NULL;
}

struct str takeover_shell_value(const struct takeover_vars *v, const char *name)
{
    const struct takeover_var *var = takeover_shell_find(v, str_of(name));

    return var && var->known ? var->value : (struct str){"", 0};
}

void takeover_shell_quote(struct buf *out, struct str s)
{
    buf_u8(out, '\'');
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] == '\'')
            buf_putz(out, "'\\''");
        else
            buf_u8(out, (uint8_t)s.p[i]);
    buf_u8(out, '\'');
}

/* ---- values */

static void unknown(struct value *v)
{
    v->known = false;
}

/* Past the bracket that closes the one that was opened; quotes are not looked at. */
static void skip_brackets(struct reader *r, char open, char close)
{
    unsigned depth = 1;

    while (r->rest.n && depth) {
        depth += at(r) == open;
        depth -= at(r) == close;
        skip(r, 1);
    }
    r->lost |= depth > 0;
}

static void take_variable(struct reader *r, struct str name, struct value *v)
{
    const struct takeover_var *var = takeover_shell_find(r->v, name);

    if (var && var->known)
        buf_puts(v->text, var->value);
    else
        unknown(v);
}

static size_t name_length(struct str s)
{
    size_t n = 0;

    if (s.n && is_first(s.p[0]))
        while (n < s.n && is_name(s.p[n]))
            n++;
    return n;
}

/* At the dollar. */
static void expand(struct reader *r, struct value *v)
{
    size_t n;

    skip(r, 1);
    if (at(r) == '(' || at(r) == '{') {
        char open = at(r), close = open == '(' ? ')' : '}';

        n = name_length(str_skip(r->rest, 1));
        if (open == '{' && n && n + 1 < r->rest.n && r->rest.p[n + 1] == '}') {
            take_variable(r, str_bytes(r->rest.p + 1, n), v);
            skip(r, n + 2);
            return;
        }
        unknown(v);
        skip(r, 1);
        skip_brackets(r, open, close);
        return;
    }
    n = name_length(r->rest);
    if (n) {
        take_variable(r, str_head(r->rest, n), v);
    } else {
        unknown(v); /* $1, $? ... */
        n = 1;
    }
    skip(r, n);
}

static void take_backquotes(struct reader *r, struct value *v)
{
    size_t n = str_find(str_skip(r->rest, 1), '`');

    unknown(v);
    r->lost |= n + 1 >= r->rest.n;
    skip(r, n + 2);
}

static void take_single(struct reader *r, struct value *v)
{
    struct str inside = str_skip(r->rest, 1);
    size_t n = str_find(inside, '\'');

    if (n == inside.n) {
        r->lost = true;
        unknown(v);
    }
    buf_puts(v->text, str_head(inside, n));
    skip(r, n + 2);
}

static void take_char(struct reader *r, struct value *v)
{
    buf_u8(v->text, (uint8_t)at(r));
    skip(r, 1);
}

/* Behind a backslash between double quotes only some characters lose their meaning. */
static void take_escape(struct reader *r, struct value *v, bool quoted)
{
    char next = r->rest.n > 1 ? r->rest.p[1] : '\0';
    bool special = next == '"' || next == '\\' || next == '$' || next == '`';

    if (next == '\n') {
        skip(r, 2);
        return;
    }
    if (quoted && !special)
        take_char(r, v);
    else
        skip(r, 1);
    if (r->rest.n)
        take_char(r, v);
}

static void take_double(struct reader *r, struct value *v)
{
    skip(r, 1);
    while (r->rest.n && at(r) != '"') {
        if (at(r) == '\\')
            take_escape(r, v, true);
        else if (at(r) == '$')
            expand(r, v);
        else if (at(r) == '`')
            take_backquotes(r, v);
        else
            take_char(r, v);
    }
    if (r->rest.n == 0) {
        r->lost = true;
        unknown(v);
    }
    skip(r, 1);
}

static bool ends_value(char c)
{
    return c == '\0' || c == '\n' || c == ';' || c == '&' || c == '|' || is_blank(c);
}

static void take_value(struct reader *r, struct value *v)
{
    while (r->rest.n && !ends_value(at(r))) {
        switch (at(r)) {
        case '\'':
            take_single(r, v);
            break;
        case '"':
            take_double(r, v);
            break;
        case '\\':
            take_escape(r, v, false);
            break;
        case '$':
            expand(r, v);
            break;
        case '`':
            take_backquotes(r, v);
            break;
        case '(': /* an array */
            unknown(v);
            skip(r, 1);
            skip_brackets(r, '(', ')');
            break;
        case '<': /* of a process */
        case '>':
        case '~':
            unknown(v);
            skip(r, 1);
            break;
        default:
            take_char(r, v);
        }
    }
}

/* ---- lines */

/* What opens and closes blocks; in between assignments may or may not happen. */
static void count_blocks(struct reader *r, struct str line)
{
    static const struct {
        const char *word;
        int by;
    } words[] = {{"if", 1},  {"for", 1},   {"while", 1}, {"until", 1}, {"case", 1},
                 {"fi", -1}, {"done", -1}, {"esac", -1}, {"}", -1}};
    struct str rest = line, word;

    while (str_next(&rest, ' ', &word)) {
        while (str_ends(word, STR(";")))
            word.n--;
        if (str_eq(word, STR("{")) || str_ends(word, STR("(){")))
            r->depth++;
        for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
            if (str_eq(word, str_of(words[i].word)) && (words[i].by > 0 || r->depth))
                r->depth = (unsigned)((int)r->depth + words[i].by);
    }
    for (size_t i = 0; i + 1 < line.n; i++)
        r->lost |= line.p[i] == '<' && line.p[i + 1] == '<';
}

static enum rc odd_line(struct reader *r, unsigned line, struct str text)
{
    count_blocks(r, text);
    return add(r->v, &(struct takeover_var){.value = str_head(text, 80), .line = line});
}

/* `text` begins with the name; `r` stands behind the sign. */
static enum rc assignment(struct reader *r, struct str text, size_t n)
{
    CLEANUP(buf_wipe) struct buf b = BUF_INIT(TAKEOVER_SHELL_MAX);
    struct value v = {.text = &b, .known = true};
    struct takeover_var var = {.name = str_head(text, n), .line = r->line};
    struct str line = str_trim(str_head(text, str_find(text, '\n')));

    take_value(r, &v);
    TRY(buf_rc(&b));
    skip_blanks(r);
    if (at(r) == ';')
        skip(r, 1);
    else if (r->rest.n && at(r) != '\n' && at(r) != '#') {
        skip_line(r);
        return odd_line(r, var.line, line); /* for one command alone */
    }
    var.known = v.known && !r->depth && !r->lost;
    if (var.known)
        var.value = buf_str(&b);
    return add(r->v, &var);
}

static enum rc statement(struct reader *r)
{
    unsigned line = r->line;
    struct str begin;
    size_t n;

    skip_blanks(r);
    if (r->rest.n == 0)
        return RC_OK;
    if (at(r) == '#')
        skip(r, str_find(r->rest, '\n'));
    if (at(r) == '\n') {
        skip(r, 1);
        return RC_OK;
    }
    if (str_starts(r->rest, STR("export ")))
        skip(r, sizeof("export ") - 1);
    skip_blanks(r);
    begin = r->rest;
    n = name_length(begin);
    if (n && n < begin.n && begin.p[n] == '=') {
        skip(r, n + 1);
        return assignment(r, begin, n);
    }
    begin = skip_line(r);
    return begin.n ? odd_line(r, line, begin) : RC_OK;
}

enum rc takeover_shell_read(struct takeover_vars *v, struct str text)
{
    struct reader r = {.v = v, .rest = text, .line = 1};

    if (text.n > TAKEOVER_SHELL_MAX)
        return RC_TOOBIG;
    if (str_find(text, '\0') < text.n)
        return RC_PARSE;
    while (r.rest.n)
        TRY(statement(&r));
    return RC_OK;
}
