/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>

#include "base/addr.h"
#include "base/fd.h"
#include "base/file.h"
#include "cmd/cmd.h"
#include "json/json.h"

enum { LISTENERS_MAX = 64 * 1024 };

enum rc cmd_listeners(const char *data, struct buf *text, struct json_doc **out)
{
    CLEANUP(fd_closep) int dir = open(data, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (dir < 0)
        return RC_NOTFOUND;
    TRY(file_read(dir, "listeners.json", text, NULL));
    return json_parse(buf_str(text), LISTENERS_MAX, out, NULL);
}

bool cmd_listener(const char *data, const char *kind, struct addr_port *out)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(LISTENERS_MAX);
    CLEANUP(json_freep) struct json_doc *doc = NULL;
    struct json_iter addresses;
    const struct json *first;
    struct str address;

    if (cmd_listeners(data, &text, &doc) != RC_OK)
        return false;
    addresses = json_iter(json_get(json_root(doc), kind));
    return json_next(&addresses, NULL, &first) && json_str(first, &address) == RC_OK &&
           addr_port_parse(address, out) == RC_OK;
}
