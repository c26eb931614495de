/* SPDX-License-Identifier: Apache-2.0 */
/* A reload in two phases, and how the configuration travels: reload.c. */
#pragma once

#include "base/err.h"
#include "conf/load.h"

struct ipc_config;
struct ipc_file;
struct ipc_req;
struct serve;
struct serve_proc;
struct serve_reload;

/* Reads the configuration anew and, unless something speaks against it, puts it in force. `req`
 * (NULL: a signal) gets the answer. */
void serve_reload_begin(struct serve *sup, struct ipc_req *req);
void serve_reload_again(void *sup); /* on a signal's behalf, as a deferred call */
void serve_reload_lost(struct serve *sup, struct serve_proc *p); /* it will not answer any more */
void serve_reload_cancel(struct serve *sup); /* drops what is under way; at the end */
/* The message for a role; borrows from `in`, and from `files`. */
void serve_conf_message(const struct conf_input *in, struct ipc_file files[static CONF_FILES_MAX],
                        struct ipc_config *out);
/* Reads and checks; RC_INVAL with every problem in the log and all of them as text in `err`. */
enum rc serve_conf_read(struct serve *sup, struct conf_input *in, const struct conf **out,
                        struct err *err);
