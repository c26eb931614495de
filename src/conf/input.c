/* SPDX-License-Identifier: Apache-2.0 */
/* The bytes of the configuration: read from files, sent to a role, received by it. */
#include "conf/load.h"

enum { INPUT_BYTES_MAX = CONF_BYTES_MAX + CONF_FILES_MAX * (CONF_NAME_BYTES_MAX + 16) };

void conf_input_init(struct conf_input *in)
{
    *in = (struct conf_input){};
    buf_init(&in->bytes, INPUT_BYTES_MAX);
}

void conf_input_done(struct conf_input *in)
{
    buf_done(&in->bytes);
    conf_input_init(in);
}

enum rc conf_input_add(struct conf_input *in, struct str name, struct str text)
{
    size_t total = text.n;

    for (size_t i = 0; i < in->n; i++)
        total += in->files[i].text.n;
    if (in->n == CONF_FILES_MAX || name.n > CONF_NAME_BYTES_MAX || text.n > CONF_FILE_BYTES_MAX ||
        total > CONF_BYTES_MAX)
        return RC_TOOBIG;
    in->files[in->n++] = (struct conf_file){name, text};
    return RC_OK;
}

void conf_input_put(const struct conf_input *in, struct buf *out)
{
    buf_u8(out, in->unprivileged);
    buf_u32(out, (uint32_t)in->n);
    for (size_t i = 0; i < in->n; i++) {
        buf_lstr(out, in->files[i].name);
        buf_lstr(out, in->files[i].text);
    }
}

static enum rc get_files(struct conf_input *in, struct rd *from, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        struct str name = rd_lstr(from, CONF_NAME_BYTES_MAX);
        struct str text = rd_lstr(from, CONF_FILE_BYTES_MAX);

        TRY(rd_rc(from));
        TRY(conf_input_add(in, name, text));
    }
    return RC_OK;
}

/* Points the files into a copy of what they point into now. */
static enum rc own(struct conf_input *in)
{
    const char *p;

    for (size_t i = 0; i < in->n; i++) {
        buf_puts(&in->bytes, in->files[i].name);
        buf_puts(&in->bytes, in->files[i].text);
    }
    TRY(buf_rc(&in->bytes));
    p = buf_str(&in->bytes).p;
    for (size_t i = 0; i < in->n; i++) {
        in->files[i].name.p = p;
        p += in->files[i].name.n;
        in->files[i].text.p = p;
        p += in->files[i].text.n;
    }
    return RC_OK;
}

enum rc conf_input_get(struct conf_input *in, struct rd *from)
{
    uint8_t unprivileged = rd_u8(from);
    uint32_t n = rd_u32(from);
    enum rc rc;

    TRY(rd_rc(from));
    if (unprivileged > 1 || n > CONF_FILES_MAX)
        return RC_PARSE;
    rc = get_files(in, from, n);
    if (rc == RC_OK)
        rc = own(in);
    if (rc != RC_OK) {
        conf_input_done(in);
        return rc;
    }
    in->unprivileged = unprivileged;
    return RC_OK;
}
