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
 * (NULL: a signal) gets the answer. Where sites would pass requests on in another way, outside of
 * gateway.change_window, it is done when that opens, unless `despite_window`. */
void serve_reload_begin(struct serve *sup, struct ipc_req *req, bool despite_window);
void serve_reload_again(void *sup); /* on a signal's behalf, as a deferred call */
void serve_reload_lost(struct serve *sup, struct serve_proc *p); /* it will not answer any more */
void serve_reload_cancel(struct serve *sup); /* drops what is under way; at the end */
/* window.c. At the start, and at the end. */
void serve_window_init(struct serve *sup);
void serve_window_forget(struct serve *sup);
/* When `now` may be put in force, by the window of what is in force: *out is 0 when that is at
 * once, and otherwise a reload is done then. What it waits for is appended to `sites`. RC_NOMEM. */
enum rc serve_window_wait(struct serve *sup, const struct conf *now, struct buf *sites,
                          when_t *out);
/* The message for a role; borrows from `in`, and from `files`. */
void serve_conf_message(const struct conf_input *in, struct ipc_file files[static CONF_FILES_MAX],
                        struct ipc_config *out);
/* Reads and checks; RC_INVAL with every problem in the log and all of them as text in `err`. */
enum rc serve_conf_read(struct serve *sup, struct conf_input *in, const struct conf **out,
                        struct err *err);
