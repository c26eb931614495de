/* SPDX-License-Identifier: Apache-2.0 */
/* The numbers of processes that core does not reach: gather.c. */
#pragma once

#include "base/arena.h"
#include "base/when.h"
#include "conf/conf.h"
#include "ipc/messages.h"
#include "ipc/role.h"

struct serve;

enum { SERVE_GATHER_ASKERS = 8, SERVE_GATHER_MAX = ROLE_COUNT + CONF_WORKERS_MAX };
/* Whoever takes longer is left out. */
#define SERVE_MEASURE_TIMEOUT WHEN_SECOND

/* A round of asking all of them. */
struct serve_gather {
    struct ipc_req *reqs[SERVE_GATHER_ASKERS];
    size_t n_reqs; /* 0: none is under way */
    size_t waiting;
    struct arena arena;
    struct ipc_measured v[SERVE_GATHER_MAX];
    size_t n, bytes;
};

/* Answers IPC_GATHER when all have answered or their time is over. */
void serve_gather_begin(struct serve *sup, struct ipc_req *req);
