/* SPDX-License-Identifier: Apache-2.0 */
#include "tls/signing_int.h"

void tls_job_mark(void)
{
}
