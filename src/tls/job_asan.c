/* SPDX-License-Identifier: Apache-2.0 */
/* Only in builds with AddressSanitizer, which looks at the stack whenever somebody leaves it by
 * longjmp, as OpenSSL leaves its jobs', and complains of one that it does not know. It is told here
 * that this thread is about to be on the job's stack; it then takes for the present one whichever
 * of the two the stack pointer is in. What it is told last holds until it is told of another. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/async.h>

#include <pthread.h>
#include <sanitizer/common_interface_defs.h>

#include "tls/signing_int.h"

enum { JOB_STACK = 32 * 1024 /* bytes, as OpenSSL makes it */ };

/* From where the thread's own stack begins. */
static bool own_stack(const void **bottom, size_t *size)
{
    pthread_attr_t attr;
    void *begin;
    bool ok;

    if (pthread_getattr_np(pthread_self(), &attr) != 0)
        return false;
    ok = pthread_attr_getstack(&attr, &begin, size) == 0;
    pthread_attr_destroy(&attr);
    *bottom = begin;
    return ok;
}

void tls_job_mark(void)
{
    static _Thread_local const void *bottom;
    static _Thread_local size_t size;
    static _Thread_local char *told;
    static _Thread_local void *frames; /* its fake stack, which it would give up otherwise */
    char *here = __builtin_frame_address(0);

    if (!ASYNC_get_current_job() || (told && here >= told && here < told + 2 * JOB_STACK))
        return;
    if (!bottom && !own_stack(&bottom, &size))
        return;
    if (told) {
        __sanitizer_finish_switch_fiber(frames, NULL, NULL);
        __sanitizer_start_switch_fiber(&frames, bottom, size);
        __sanitizer_finish_switch_fiber(frames, NULL, NULL);
    }
    told = here - JOB_STACK;
    __sanitizer_start_switch_fiber(&frames, told, (size_t)2 * JOB_STACK);
}
