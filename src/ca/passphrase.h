/* SPDX-License-Identifier: Apache-2.0 */
/* Where the passphrase of the issuers' keys comes from at an unattended start, as the configuration
 * says: a systemd credential, a file, or a person at the terminal. Read by the signer while it may
 * still open files, and by init. */
#pragma once

#include "base/err.h"
#include "base/secret.h"

struct conf;

enum {
    CA_PASSPHRASE_MAX = 1024,
    CA_PASSPHRASE_MIN = 8,
    CA_PIN_MIN = 4,
    CA_PASSPHRASE_MADE = 32, /* bytes of random behind one that is made up */
};

/* By conf->ca.passphrase; a relative file is below `data`. RC_NOTFOUND, RC_DENIED when the file is
 * open to others, RC_INVAL shorter than CA_PASSPHRASE_MIN; the message names the source and the
 * cure. */
enum rc ca_passphrase_read(const struct conf *conf, int data, struct secret **out, struct err *err);
/* The PIN of the token, by conf->ca.pkcs11.pin, the same way; at least CA_PIN_MIN characters. */
enum rc ca_passphrase_pin(const struct conf *conf, int data, struct secret **out, struct err *err);
/* The first line of a file that only its owner (root or the caller) can read. `dir` as openat's. */
enum rc ca_passphrase_file(int dir, const char *path, struct secret **out, struct err *err);
/* Asks on the controlling terminal, twice when `confirm`; RC_NOTFOUND when there is none. */
enum rc ca_passphrase_ask(const char *what, bool confirm, struct secret **out, struct err *err);
/* 256 random bits as text. */
enum rc ca_passphrase_make(struct secret **out);
