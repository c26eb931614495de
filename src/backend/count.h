/* SPDX-License-Identifier: Apache-2.0 */
/* How often backends fail, for /metrics. */
#pragma once

enum backend_failure {
    BACKEND_FAILED_CONNECT, /* not reached, or its name not resolved */
    BACKEND_FAILED_ANSWER,  /* its answer broke the rules */
    BACKEND_FAILED_CUT,     /* it broke off */
    BACKEND_FAILED_TIME,    /* it took too long */
    BACKEND_FAILED_CHECK,   /* a check of it failed */
};

void backend_count_failure(enum backend_failure what);
