/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of `autarky cert` share. */
#pragma once

#include "base/file.h"
#include "cmd/cert.h"
#include "cmd/cmd.h"
#include "crypto/key.h"
#include "json/json.h"
#include "json/out.h"

enum { CERT_ANSWER_MAX = 16 * 1024 * 1024, CERT_ARGS_MAX = 64 * 1024, CERT_FILES_MAX = 8 };

enum { CERT_PEM = 1 << 0, CERT_DER = 1 << 1, CERT_P12 = 1 << 2 };

/* Where a certificate is written, and how. */
struct cert_out {
    const char *path; /* of the directory; NULL: none was given */
    int dir;          /* -1: not open */
    unsigned formats;
    bool with_root, force, has_key;
    bool enveloped; /* the CA makes the key, and the answer has it as SM2EnvelopedKey */
    const struct crypto_key *opens; /* that; NULL: it is written as it came */
    bool made; /* the directory was; it goes again unless something is written into it */
    struct secret *password; /* of the PKCS#12 file */
    struct file_owner owner;
    const char *names[CERT_FILES_MAX]; /* of the files, for whom is told */
    size_t n;
};
#define CERT_OUT_INIT ((struct cert_out){.dir = -1})

/* Reads --out, --format, --with-root, --force and --p12-password-file, opens the directory, or
 * makes it unless this is --dry-run, and sees to it that nothing would be overwritten without
 * --force. `has_key`: a private key will be written, too. CMD_DONE, or the exit status after having
 * said what is wrong. */
int cert_out_open(const struct cmd_args *args, bool has_key, struct cert_out *o);
/* The same for privkey.pem alone, of --out and --force. */
int cert_out_open_for_key(const struct cmd_args *args, struct cert_out *o);
void cert_out_done(struct cert_out *o);
/* Writes the certificate that the server's answer holds, and the key (may be NULL): all of the
 * files or, where one cannot be written, none. Keys have mode 0600. Run as root, they belong to
 * whom the directory belongs to. */
enum rc cert_out_write(const struct cert_out *o, const struct json *answer,
                       const struct crypto_key *key, struct err *err);
/* That file alone. */
enum rc cert_out_write_key(const struct cert_out *o, const struct crypto_key *key, struct err *err);
/* cert_set.c. One file of `o->names`, complete and on disk, under another name; a failure leaves it
 * to cert_set_recover. */
enum rc cert_set_stage(const struct cert_out *o, const char *name, struct str content, mode_t mode,
                       struct err *err);
/* All of `o->names`, which have been staged, get their names, in this order. RC_EXISTS without
 * `o->force`. */
enum rc cert_set_commit(const struct cert_out *o, struct err *err);
/* What an earlier commit did not finish is finished, and what no commit was begun of is removed.
 * Nobody else may be at work in the directory. */
enum rc cert_set_recover(int dir, struct err *err);
/* "files": [paths] into an object. */
void cert_out_put(const struct cert_out *o, struct json_out *j);

/* The members "profile", "reason", "owner" ... that `cert issue` and `cert sign` have in common,
 * and "names" when --name was given and `names` is set. */
void cert_put_common(const struct cmd_args *args, bool names, struct json_out *j);
/* Asks for `cert sign` with these arguments, writes the files and says so. Returns the exit status.
 */
int cert_ask_and_write(const struct cmd_args *args, struct cert_out *o, struct str ask,
                       const struct crypto_key *key);

/* The private key of a PEM file, not encrypted. */
enum rc cert_private_key(const char *path, struct crypto_key **out, struct err *err);
/* cert_envelope.c. What an answer to "key_by_ca" has under "enveloped_key", appended, DER.
 * RC_NOTFOUND: the server knows nothing of it. */
enum rc cert_envelope_read(const struct json *answer, struct buf *der, struct err *err);
/* The key in it. RC_DENIED unless it opens and is the key of the first certificate in the PEM. */
enum rc cert_envelope_open(const struct crypto_key *opens, struct str der, struct str cert_pem,
                           struct crypto_key **out, struct err *err);
/* The SHA-256 of a SubjectPublicKeyInfo, in hexadecimal: as given, or of the certificate, request
 * or key in that file (PEM or DER). */
enum rc cert_read_key(const char *given, struct buf *out, struct err *err);
