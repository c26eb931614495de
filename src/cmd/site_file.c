/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/site_int.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/name.h"
#include "cmd/cmd.h"
#include "conf/load.h"
#include "json/json.h"
#include "json/out.h"

MSG(msg_dir, "cmd.conf-d", "the directory conf.d of the data directory: {0}");
MSG(msg_changed, "cmd.sites-changed",
    "conf.d/sites.yaml has been changed by somebody else meanwhile and is left as it is now: look "
    "at it, then run `autarky reload`");

#define LOCK_FILE ".lock"

#define LINE_BEGIN "    - "

static const char header[] =
    "# Sites of the gateway, one a line, as `autarky site add` and `autarky site remove` write "
    "them.\ngateway:\n  sites:\n";

/* Not the directory itself: whoever may read it may hold it. Who may not open the file may not
 * write the other one either, and only looks. */
static enum rc lock(struct site_file *f, struct err *err)
{
    f->lock = openat(f->dir, LOCK_FILE, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (f->lock < 0 && (errno == EACCES || errno == EROFS))
        return RC_OK;
    if (f->lock < 0 || flock(f->lock, LOCK_EX) != 0)
        return ERR(err, RC_IO, msg_dir, str_of(strerrordesc_np(errno)));
    return RC_OK;
}

static enum rc open_dir(struct site_file *f, bool make, struct err *err)
{
    if (make && mkdirat(f->data, "conf.d", 0755) != 0 && errno != EEXIST)
        return ERR(err, RC_IO, msg_dir, str_of(strerrordesc_np(errno)));
    f->dir = openat(f->data, "conf.d", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (f->dir < 0 && errno == ENOENT)
        return RC_OK;
    if (f->dir < 0)
        return ERR(err, RC_IO, msg_dir, str_of(strerrordesc_np(errno)));
    return lock(f, err);
}

enum rc site_file_open(struct site_file *f, const struct cmd_args *args, bool make, struct err *err)
{
    enum rc rc;

    *f = (struct site_file)SITE_FILE_INIT;
    buf_init(&f->is, CONF_FILE_BYTES_MAX);
    buf_init(&f->to, CONF_FILE_BYTES_MAX);
    TRY(cmd_open_data(args, &f->data, err));
    TRY(open_dir(f, make, err));
    if (f->dir < 0)
        return RC_OK;
    rc = file_read(f->dir, SITE_FILE, &f->is, err);
    f->exists = rc == RC_OK;
    if (rc != RC_OK && rc != RC_NOTFOUND)
        return rc;
    buf_puts(&f->to, buf_str(&f->is));
    return buf_rc(&f->to);
}

void site_file_done(struct site_file *f)
{
    fd_close(&f->lock);
    fd_close(&f->dir);
    fd_close(&f->data);
    buf_done(&f->is);
    buf_done(&f->to);
}

static void put_algorithms(struct json_out *o, struct str list)
{
    struct str one;

    json_key(o, "algorithms");
    json_arr(o);
    while (str_next(&list, ',', &one))
        json_put_str(o, str_trim(one));
    json_end(o);
}

enum rc site_file_add(struct site_file *f, const struct site_line *line)
{
    struct json_out o;

    if (!f->to.n)
        buf_putz(&f->to, header);
    else if (!str_ends(buf_str(&f->to), STR("\n")))
        buf_putz(&f->to, "\n");
    buf_putz(&f->to, LINE_BEGIN);
    json_out_init(&o, &f->to, JSON_COMPACT);
    json_obj(&o);
    json_kv_str(&o, "name", line->name);
    json_key(&o, "backends");
    json_arr(&o);
    for (size_t i = 0; i < line->n_backends; i++)
        json_put_z(&o, line->backends[i]);
    json_end(&o);
    if (line->algorithms.n)
        put_algorithms(&o, line->algorithms);
    if (line->profile.n)
        json_kv_str(&o, "profile", line->profile);
    json_end(&o);
    TRY(json_out_done(&o));
    buf_putz(&f->to, "\n");
    return buf_rc(&f->to);
}

/* Is it a line of ours? */
static bool is_site(struct str line, struct json_doc **out)
{
    return str_starts(line, STR(LINE_BEGIN "{")) &&
           json_parse(str_skip(line, sizeof(LINE_BEGIN) - 1), CONF_FILE_BYTES_MAX, out, NULL) ==
               RC_OK;
}

/* `out_ours` tells whether any line of ours is left over. */
static bool is_named(struct str line, struct str name, bool *out_ours)
{
    CLEANUP(json_freep) struct json_doc *doc = NULL;
    char has[NAME_MAX_BYTES + 1];
    struct str text;
    bool same;

    if (!is_site(line, &doc))
        return false;
    same = json_str(json_get(json_root(doc), "name"), &text) == RC_OK &&
           name_canonical(text, false, has) == RC_OK && str_eq(str_of(has), name);
    *out_ours |= !same;
    return same;
}

enum rc site_file_remove(struct site_file *f, struct str name)
{
    struct str rest = buf_str(&f->is), line;
    bool found = false, others = false;

    buf_reset(&f->to);
    while (str_next(&rest, '\n', &line)) {
        if (is_named(line, name, &others)) {
            found = true;
            continue;
        }
        buf_puts(&f->to, line);
        buf_putz(&f->to, "\n");
    }
    /* An empty list under the header is no error, but nobody needs the file any more. */
    if (!others && str_eq(buf_str(&f->to), str_of(header)))
        buf_reset(&f->to);
    TRY(buf_rc(&f->to));
    return found ? RC_OK : RC_NOTFOUND;
}

/* Editors take no lock. */
static enum rc still(const struct site_file *f, const struct buf *text, struct err *err)
{
    CLEANUP(buf_done) struct buf now = BUF_INIT(CONF_FILE_BYTES_MAX);
    enum rc rc = file_read(f->dir, SITE_FILE, &now, err);

    if (rc != RC_OK && rc != RC_NOTFOUND)
        return rc;
    return str_eq(buf_str(&now), buf_str(text)) ? RC_OK : ERR(err, RC_CONFLICT, msg_changed);
}

enum rc site_file_write(const struct site_file *f, const struct buf *from, const struct buf *to,
                        struct err *err)
{
    TRY(still(f, from, err));
    if (to->n)
        return file_write(f->dir, SITE_FILE, buf_str(to), 0644, FILE_OWNER_SELF, err);
    if (unlinkat(f->dir, SITE_FILE, 0) != 0 && errno != ENOENT)
        return ERR(err, RC_IO, msg_dir, str_of(strerrordesc_np(errno)));
    return file_sync_dir(f->dir, ".", err);
}
