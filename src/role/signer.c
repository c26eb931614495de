/* SPDX-License-Identifier: Apache-2.0 */
/* signer
 * owns     the CA's keys, its own limits (ca/rules.json, which root owns), its own clock
 * may      rebuild the to-be-signed certificate from profile, public key and names, judge all of it
 * again, lint it, sign may not  open a socket or a file, read the database, write anything, sign
 * bytes it was handed, believe core about limits asked by core, and nobody else */
#include "role/roles_int.h"

/* Keys and rules are read in `open`; afterwards there is nothing that it must reach. */
static const struct sandbox sandbox = {
    .user = "autarky-signer",
    .promises = SB_STDIO | SB_FDPASS,
    .files = 64,
};

/* Where systemd puts the passphrase that opens the keys. */
static const char *const environment[] = {"CREDENTIALS_DIRECTORY", NULL};

const struct role_def role_signer = {
    .role = ROLE_SIGNER,
    .sandbox = &sandbox,
    .environment = environment,
    .start_seconds = 600, /* somebody may have to type the passphrase */
    .drain_order = 2,
};
