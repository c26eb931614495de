/* SPDX-License-Identifier: Apache-2.0 */
/* ServerHelloDone, GB/T 38636 section 6.4.5.6: there is nothing in it. */
#include "tlcp/message_int.h"

enum rc tlcp_done_read(struct str body)
{
    return body.n ? RC_PARSE : RC_OK;
}
