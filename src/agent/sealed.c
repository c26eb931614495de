/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/sealed.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/place.h"
#include "agent/trust.h"
#include "base/file.h"

MSG(msg_name, "agent.credential-name",
    "\"{0}\" is no name of a credential: it is a file's name of up to 255 characters, without "
    "\"/\"");
MSG(msg_no_credentials, "agent.credential-nowhere",
    "\"credential:{0}\" is opened by systemd for a unit, and $CREDENTIALS_DIRECTORY is not set: "
    "run this as a unit with LoadCredentialEncrypted={0}:FILE, or by hand as `systemd-run --pipe "
    "--wait --property=LoadCredentialEncrypted={0}:FILE autarky ...`");
MSG(msg_no_credential, "agent.credential-missing",
    "this unit has no credential \"{0}\": give it LoadCredentialEncrypted={0}:FILE");
MSG(msg_open, "agent.secret-open",
    "{0} holds a secret, and others may read it or change it (mode {1}): `chmod 600 {0}`");
MSG(msg_owner, "agent.secret-owner",
    "{0} holds a secret, and belongs to another user, who can change it: `chown root {0}`");
MSG(msg_file, "agent.secret-file", "{0} cannot be opened: {1}");
MSG(msg_empty, "agent.secret-empty", "the first line of {0} is empty");

enum { NAME_BYTES = 255, LINE_MAX_BYTES = 16 * 1024 };

/* What of its mode is too much: a file's group may be somebody else's, and a credential is shown to
 * the user of the unit by an access list, which looks like rights of a group. */
enum { ALONE = S_IRWXG | S_IRWXO, SHARED = S_IWGRP | S_IXGRP | S_IRWXO };

bool agent_sealed(struct str where)
{
    return str_starts(where, STR(AGENT_CREDENTIAL));
}

static enum rc check(int dir, const char *path, const char *shown, mode_t bad, struct err *err)
{
    char mode[8];
    struct stat st;

    if (fstatat(dir, path, &st, 0) != 0)
        return ERR(err, errno == ENOENT || errno == ENOTDIR ? RC_NOTFOUND : RC_IO, msg_file,
                   str_of(shown), str_of(strerrordesc_np(errno)));
    /* Whose it is may have put something into it; credentials and keys of others' programs are
     * theirs to give. */
    if (bad == ALONE && st.st_uid != 0 && st.st_uid != geteuid())
        return ERR(err, RC_DENIED, msg_owner, str_of(shown));
    if (!(st.st_mode & bad))
        return RC_OK;
    snprintf(mode, sizeof(mode), "%04o", st.st_mode & 07777);
    return ERR(err, RC_DENIED, msg_open, str_of(shown), str_of(mode));
}

enum rc agent_sealed_check(int dir, const char *path, struct err *err)
{
    return check(dir, path, path, ALONE, err);
}

static bool is_name(struct str name)
{
    return name.n > 0 && name.n <= NAME_BYTES && str_printable(name) &&
           str_find(name, '/') == name.n && !str_eq(name, STR(".")) && !str_eq(name, STR(".."));
}

static enum rc read_credential(struct str name, struct buf *out, struct err *err)
{
    const char *dir =
        getenv("CREDENTIALS_DIRECTORY"); /* NOLINT(concurrency-mt-unsafe): one thread */
    char path[AGENT_PATH_MAX];
    enum rc rc;
    int n;

    if (!is_name(name))
        return ERR(err, RC_INVAL, msg_name, name);
    if (!dir || !dir[0])
        return ERR(err, RC_NOTFOUND, msg_no_credentials, name);
    n = snprintf(path, sizeof(path), "%s/%.*s", dir, STR_ARG(name));
    if (n < 0 || (size_t)n >= sizeof(path))
        return RC_TOOBIG;
    rc = check(AT_FDCWD, path, path, SHARED, err);
    if (rc == RC_NOTFOUND)
        return ERR(err, rc, msg_no_credential, name);
    TRY(rc);
    return file_read(AT_FDCWD, path, out, err);
}

/* At once: a buffer that grows leaves copies of the secret behind. */
static enum rc make_room(struct buf *out)
{
    return out->n || buf_reserve(out, out->max) ? RC_OK : RC_NOMEM;
}

static enum rc read_any(struct str where, mode_t bad, struct buf *out, struct err *err)
{
    char path[AGENT_PATH_MAX];

    TRY(make_room(out));
    if (agent_sealed(where))
        return read_credential(str_skip(where, strlen(AGENT_CREDENTIAL)), out, err);
    TRY(str_copyz(where, path, sizeof(path)));
    TRY(check(AT_FDCWD, path, path, bad, err));
    return agent_file_read(where, out, err);
}

enum rc agent_sealed_read(struct str where, struct buf *out, struct err *err)
{
    return read_any(where, ALONE, out, err);
}

enum rc agent_sealed_read_shared(struct str where, struct buf *out, struct err *err)
{
    return read_any(where, SHARED, out, err);
}

enum rc agent_sealed_line(struct str where, struct buf *out, struct err *err)
{
    CLEANUP(buf_wipe) struct buf text = BUF_INIT(LINE_MAX_BYTES);
    struct str line, rest;

    TRY(agent_sealed_read(where, &text, err));
    str_cut(buf_str(&text), '\n', &line, &rest);
    line = str_trim(line);
    if (line.n == 0)
        return ERR(err, RC_PARSE, msg_empty, where);
    buf_puts(out, line);
    return buf_rc(out);
}
