/* SPDX-License-Identifier: Apache-2.0 */
/* What the commands on the root's machine have in common (root.c): the data directory with its
 * configuration, the roots whose certificates are in trust/, and what opens their keys. */
#pragma once

#include "ca/key_load.h"
#include "ca/ref.h"
#include "ceremony/files.h"
#include "ceremony/share.h"
#include "ceremony/transcript.h"
#include "cmd/cmd.h"
#include "x509/cert.h"

enum { ROOTS_MAX = 64, ROOT_FILE_MAX = 256 * 1024 };

/* On removable media, so that both sides know what to look for. */
#define ROOT_MEDIA_ROOT "autarky-%s.pem"                  /* a root's certificate */
#define ROOT_MEDIA_REQUEST "autarky-request-%s.csr"       /* of an issuer, from its server */
#define ROOT_MEDIA_CONFIG "autarky-request-%s.yaml"       /* by which it is to be made */
#define ROOT_MEDIA_SIG "autarky-request-%s.sig"           /* of that, by the request's key */
#define ROOT_MEDIA_ISSUER "autarky-issuer-%s.crt"         /* the certificate, from the root */
#define ROOT_MEDIA_REVOKE "autarky-revoke-%s.pem"         /* an issuer that is to be revoked */
#define ROOT_MEDIA_CROSS "autarky-cross-%s.pem"           /* a root, for another to certify */
#define ROOT_MEDIA_CROSSED "autarky-cross-%s.crt"         /* the certificate that came of it */
#define ROOT_MEDIA_CRL "autarky-%s.crl"                   /* a root's list, both ways */
#define ROOT_MEDIA_TRANSCRIPT "autarky-transcript-%04u%s" /* ".txt" and ".sig" */

struct root_entry {
    char ref[CA_REF_MAX + 1];
    struct ca_ref parts;
    struct x509_cert cert;
    bool has_signed; /* something, just now: its list goes along */
};

struct root_session {
    const struct cmd_args *args;
    int data, media; /* media: -1 when the command was given none */
    const struct conf *conf;
    struct ca_key_loader loader;
    struct secret *passphrase;
    struct arena arena;
    struct root_entry roots[ROOTS_MAX];
    size_t n;
    struct buf custody; /* how the keys were opened, for the transcript */
};

/* Opens DATA (--media as well when the row takes it) and reads configuration and roots. Returns
 * CMD_DONE, or the exit status after having said what is wrong. */
int root_open(const struct cmd_args *args, struct root_session *s);
void root_done(struct root_session *s);
/* trust/REF.pem of all roots. */
enum rc root_read(struct root_session *s, struct err *err);
/* Whether the key of `ref` is in this data directory, in a file or named as a token's. */
bool root_key_is_here(const struct root_session *s, const char *ref);
/* The root key of `ref`; passphrase, shares or PIN are asked for when the first one needs them. */
enum rc root_key(struct root_session *s, const char *ref, struct crypto_key **out, struct err *err);
/* A new key for `ref`, its file added to `files`: DIR/REF.key, encrypted with s->passphrase, or
 * with
 * --token the key in that token and its URI in DIR/REF.uri. DIR is root for roots, else ca. */
enum rc root_key_make(struct root_session *s, const struct ca_ref *ref,
                      struct ceremony_files *files, struct crypto_key **out, struct err *err);
/* The newest root that signs such issuers; NULL: none. */
struct root_entry *root_for(struct root_session *s, const struct ca_ref *issuer);
/* Begins an entry with this process's own command line. */
enum rc root_transcript(const struct root_session *s, struct ceremony_transcript *t,
                        struct err *err);
/* What became of a request. */
struct root_signed {
    struct str file, request; /* its name, and as it lay there */
    struct str shown;         /* what was confirmed */
    struct str cert;          /* DER */
    struct str root;          /* who signed */
};
/* A whole entry about it, signed by the root's key. */
enum rc root_transcribe(const struct root_session *s, const struct root_signed *what,
                        const struct crypto_key *key, struct err *err);
/* "yes" on the terminal, or --yes. RC_CANCELLED. */
enum rc root_confirm(const struct cmd_args *args, const char *question, struct err *err);
/* For CLEANUP. */
void root_tty_close(FILE **tty);
/* The directory of --media. Returns CMD_DONE, or the exit status after having said what is wrong.
 */
int root_media_open(const struct cmd_args *args, int *out);
/* What the request's key signs, so that what lies beside the request is what its server wrote:
 * appended to `out`. */
void root_media_binding(struct str ref, struct str conf, struct buf *out);
/* "name" with `ref` in it, as of ROOT_MEDIA_*. */
const char *root_media_name(const char *form, const char *ref, char out[static 128]);

/* init_offline.c: the certificate of a root that lies in a directory as ROOT_MEDIA_ROOT: added to
 * `made`, once it is a root of this organisation; `said` gets its name and fingerprint. */
struct ceremony_made;
struct root_taking {
    int dir;
    const struct conf *conf;
    when_t now;
    struct buf said;
};
enum rc root_take(struct root_taking *t, const char *name, struct ceremony_made *made,
                  struct err *err);

/* root_cross.c: signs what lies on the media as ROOT_MEDIA_CROSS and has no ROOT_MEDIA_CROSSED yet,
 * for roots of this machine by those whose keys are here. `done` counts them. */
enum rc root_crosses(struct root_session *s, size_t *done, struct err *err);
/* "root-rsa-2-by-root-rsa", cut in two; false when it is no such name. */
bool root_cross_name(struct str name, char subject[static CA_REF_MAX + 1],
                     char signer[static CA_REF_MAX + 1]);

/* root_crl.c: revokes what lies on the media as ROOT_MEDIA_REVOKE, and writes a list of each root
 * that does so, that has just signed an issuer, or, with --crl, that has its key here. `done`
 * counts them. */
enum rc root_lists(struct root_session *s, size_t *done, struct err *err);

/* custody.c */
/* The passphrase of the root keys: --root-passphrase-file, or shares where root/custody says so, or
 * root/passphrase, or the terminal. `said` gets how. */
enum rc custody_open(const struct cmd_args *args, int data, struct secret **out, struct buf *said,
                     struct err *err);
/* For new keys: what opens those that are here already (RC_EXISTS with --shares), else made and
 * split with --shares, else as --root-passphrase-file says, else made and kept in root/passphrase.
 * Writes root/custody. */
enum rc custody_make(struct root_session *s, struct err *err);
/* The sheets, once the roots are there: root/shares/share-N.txt. */
enum rc custody_sheets(struct root_session *s, struct err *err);
