/* SPDX-License-Identifier: Apache-2.0 */
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
