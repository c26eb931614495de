/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/accepted.h"

#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "conf/policy.h"

#define HEAD "autarky accepted configuration 1"
#define TWO "two_persons: yes"
#define ONE "two_persons: no"

enum { NUMBER_MAX = 9 };

void conf_accepted_put(const struct conf_input *in, bool two, struct buf *out)
{
    buf_printf(out, "%s\n%s\n", HEAD, two ? TWO : ONE);
    for (size_t i = 0; i < in->n; i++)
        buf_printf(out, "file: %zu %zu\n%.*s\n%.*s\n", in->files[i].name.n, in->files[i].text.n,
                   STR_ARG(in->files[i].name), STR_ARG(in->files[i].text));
}

/* So many bytes, and the end of the line behind them. */
static enum rc take_bytes(struct str *rest, struct str number, struct str *out)
{
    uint64_t n;

    if (number.n > NUMBER_MAX || str_u64(number, CONF_ACCEPTED_MAX, &n) != RC_OK || n >= rest->n ||
        rest->p[n] != '\n')
        return RC_CORRUPT;
    *out = str_head(*rest, n);
    *rest = str_skip(*rest, n + 1);
    return RC_OK;
}

static enum rc take_file(struct str *rest, struct conf_input *in)
{
    struct str line, name_n, text_n, name, text;

    if (!str_next(rest, '\n', &line) || !str_starts(line, STR("file: ")) ||
        !str_cut(str_skip(line, strlen("file: ")), ' ', &name_n, &text_n))
        return RC_CORRUPT;
    TRY(take_bytes(rest, name_n, &name));
    TRY(take_bytes(rest, text_n, &text));
    return conf_input_add(in, name, text);
}

enum rc conf_accepted_parse(struct str text, struct conf_accepted *out)
{
    struct str head, two;

    if (!str_next(&text, '\n', &head) || !str_eq(head, STR(HEAD)) || !str_next(&text, '\n', &two) ||
        (!str_eq(two, STR(TWO)) && !str_eq(two, STR(ONE))))
        return RC_CORRUPT;
    out->two_persons = str_eq(two, STR(TWO));
    conf_input_init(&out->input);
    while (text.n)
        TRY(take_file(&text, &out->input));
    return out->input.n ? RC_OK : RC_CORRUPT;
}

enum rc conf_accepted_two_persons(int data, unsigned *out)
{
    CLEANUP(buf_done) struct buf file = BUF_INIT(CONF_ACCEPTED_MAX);
    CLEANUP(conf_report_done) struct conf_report report = {};
    CLEANUP(conf_unrefp) const struct conf *conf = NULL;
    struct conf_accepted a = {};
    enum rc rc = file_read(data, CONF_POLICY_ACCEPTED, &file, NULL);

    *out = 0;
    if (rc == RC_NOTFOUND || rc == RC_NOMEM)
        return rc == RC_NOTFOUND ? RC_OK : rc;
    if (rc != RC_OK || conf_accepted_parse(buf_str(&file), &a) != RC_OK)
        return RC_CORRUPT;
    conf_report_init(&report);
    a.input.unprivileged = geteuid() != 0;
    rc = conf_load(&a.input, &conf, &report);
    if (rc == RC_OK)
        *out = conf->control.two_persons;
    return rc == RC_OK || rc == RC_NOMEM ? rc : RC_CORRUPT;
}
