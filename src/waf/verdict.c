/* SPDX-License-Identifier: Apache-2.0 */
#include "waf/verdict.h"

#include <string.h>

enum { BOUNDARY_MAX = 200, REFUSED = 403 };

static const char unclear[] = "the request imitates lines of the log, so its rule cannot be told";

/* What follows `mark` in `s`; p == NULL: it is not there. */
static struct str behind(struct str s, const char *mark)
{
    const char *at = s.n ? memmem(s.p, s.n, mark, strlen(mark)) : NULL;

    if (!at)
        return (struct str){NULL, 0};
    at += strlen(mark);
    return str_bytes(at, (size_t)(s.p + s.n - at));
}

static struct str quoted(struct str s)
{
    return str_head(s, str_find(s, '"'));
}

static uint32_t number(struct str s)
{
    uint64_t v = 0;
    size_t n = 0;

    while (n < s.n && s.p[n] >= '0' && s.p[n] <= '9')
        n++;
    return str_u64(str_head(s, n), UINT32_MAX, &v) == RC_OK ? (uint32_t)v : 0;
}

static void add(struct waf_verdict *v, uint32_t id, struct str text)
{
    size_t i = v->n++;

    if (i >= IPC_INSPECTED_MATCHES)
        return;
    v->matches[i].id = id;
    text = str_head(text, IPC_INSPECTED_TEXT);
    for (size_t k = 0; k < text.n; k++)
        v->matches[i].text[k] = text.p[k] >= ' ' && text.p[k] <= '~' ? text.p[k] : '?';
    v->matches[i].text_n = text.n;
}

/* "Inbound Anomaly Score Exceeded (Total Score: 15)", of the core rule set. */
static void look_for_score(struct waf_verdict *v, struct str text)
{
    struct str at = behind(text, "Total Score: ");
    uint32_t score = at.p ? number(at) : 0;

    if (score > v->score)
        v->score = score;
}

void waf_verdict_line(struct waf_verdict *v, struct str line)
{
    static const char id_mark[] = "[id \"", msg_mark[] = "[msg \"";
    struct str id = behind(line, id_mark), text;

    if (!id.p)
        return;
    if (behind(id, id_mark).p || number(quoted(id)) == 0) {
        add(v, 0, str_of(unclear));
        return;
    }
    text = quoted(behind(id, msg_mark));
    look_for_score(v, text);
    add(v, number(quoted(id)), text);
}

void waf_verdict_refuse(struct waf_verdict *v, int status)
{
    v->status = status >= 400 && status <= 599 ? (uint16_t)status : REFUSED;
}

void waf_multipart_end(struct str content_type, struct buf *out)
{
    static const char type[] = "multipart/form-data", mark[] = "boundary=";
    struct str boundary;

    if (!str_ieq(str_head(content_type, sizeof(type) - 1), str_of(type)))
        return;
    boundary = behind(content_type, mark);
    if (str_starts(boundary, STR("\"")))
        boundary = quoted(str_skip(boundary, 1));
    else
        boundary = str_trim(str_head(boundary, str_find(boundary, ';')));
    if (boundary.n == 0 || boundary.n > BOUNDARY_MAX)
        return;
    buf_putz(out, "\r\n--");
    buf_puts(out, boundary);
    buf_putz(out, "--\r\n");
}
