/* SPDX-License-Identifier: Apache-2.0 */
/* Targets: client_directory_read, client_order_read, client_authorization_read,
 * client_challenge_read, client_window_read, client_verdict_read, client_problem_read,
 * client_retry_after. */
#include "client/documents.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n);

#define NOW (INT64_C(1'800'000'000) * WHEN_SECOND)

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(1 << 20);
    struct str json = str_bytes(data, n);
    struct client_directory directory;
    struct client_order order;
    struct client_authorization authorization;
    struct client_challenge challenge;
    struct client_window window = {};
    struct client_problem problem;
    struct client_verdict verdict;
    when_t at = client_retry_after(json, NOW);
    struct err err = ERR_INIT;

    if (at && (at <= NOW || at > NOW + CLIENT_RETRY_MAX * WHEN_SECOND))
        __builtin_trap();
    IGNORE_RC(client_directory_read(&a, json, &directory, &err)); /* any outcome is allowed */
    if (client_order_read(&a, json, &order, &err) == RC_OK &&
        (order.status == CLIENT_VALID) > (order.certificate.n > 0))
        __builtin_trap();
    if (client_authorization_read(&a, json, &authorization, &err) == RC_OK &&
        authorization.n_challenges > CLIENT_CHALLENGES_MAX)
        __builtin_trap();
    IGNORE_RC(client_challenge_read(&a, json, &challenge, &err)); /* as above */
    if (client_window_read(&a, json, &window, &err) == RC_OK && window.end < window.start)
        __builtin_trap();
    IGNORE_RC(client_verdict_read(&a, json, &verdict, &err)); /* as above */
    client_problem_read(&a, json, &problem);
    return problem.line.n > CLIENT_PROBLEM_TEXT ? __builtin_trap(), 0 : 0;
}
