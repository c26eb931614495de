/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include "client/renewal.h"

#define NOW (1000 * WHEN_DAY)
#define LATEST (NOW + 3 * WHEN_DAY)

static void falls_back(void)
{
    static const struct {
        struct client_trouble trouble;
        when_t latest;
        bool falls;
    } cases[] = {
        /* one that ails, whether there is a certificate or not */
        {{.rc = RC_NET, .ill = true}, 0, true},
        {{.rc = RC_NET, .ill = true}, LATEST, true},
        {{.rc = RC_NET, .ill = true, .retry_at = NOW + WHEN_HOUR}, LATEST, true},
        {{.rc = RC_TIMEOUT, .ill = true}, LATEST, true},
        /* one that refuses; a proof that was not found or not made */
        {{.rc = RC_DENIED}, 0, false},
        {{.rc = RC_DENIED}, LATEST, false},
        {{.rc = RC_CONFLICT}, LATEST, false},
        {{.rc = RC_TIMEOUT}, LATEST, false},
        {{.rc = RC_UNSUPPORTED}, 0, false},
        /* one that asks for patience, of which there is as much as the certificate has time */
        {{.rc = RC_QUOTA, .retry_at = NOW + WHEN_DAY}, LATEST, false},
        {{.rc = RC_QUOTA, .retry_at = LATEST}, LATEST, true},
        {{.rc = RC_QUOTA, .retry_at = NOW + WHEN_DAY}, 0, true},
        {{.rc = RC_QUOTA, .retry_at = NOW + WHEN_MINUTE}, NOW - WHEN_DAY, true},
        {{.rc = RC_QUOTA}, LATEST, false},
        {{.rc = RC_QUOTA}, NOW + WHEN_HOUR, true},
        /* persons who have not decided: they have as much time as the certificate */
        {{.rc = RC_AGAIN, .retry_at = NOW + WHEN_HOUR}, 0, false},
        {{.rc = RC_AGAIN, .retry_at = NOW + WHEN_HOUR}, LATEST, false},
        {{.rc = RC_AGAIN, .retry_at = NOW + WHEN_HOUR}, NOW - WHEN_HOUR, true},
        /* one that is not who it should be: at first its roots are missing */
        {{.rc = RC_CRYPTO, .ill = true}, 0, false},
        {{.rc = RC_CRYPTO, .ill = true}, LATEST, true},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        if (client_falls_back(&cases[i].trouble, cases[i].latest, NOW) != cases[i].falls)
            fail_msg("case %zu", i);
}

CHECK_MAIN(CHECK_TEST(falls_back))
