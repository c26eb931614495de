/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

static void every_code_has_its_own_text(void)
{
    for (int i = 0; i < RC_COUNT; i++) {
        const char *text = rc_text((enum rc)i);

        CHECK(text && *text);
        CHECK(strcmp(text, "unknown") != 0);
        for (int k = 0; k < i; k++)
            CHECK(strcmp(text, rc_text((enum rc)k)) != 0);
    }
    CHECK_STR(str_of(rc_text(RC_COUNT)), "unknown");
    CHECK_STR(str_of(rc_text((enum rc) - 1)), "unknown");
}

static int evaluated;

static enum rc count_and_return(enum rc rc)
{
    evaluated++;
    return rc;
}

static enum rc tries(enum rc first, bool *went_on)
{
    TRY(count_and_return(first));
    *went_on = true;
    return RC_QUOTA;
}

static void try_forwards_failures(void)
{
    bool went_on = false;

    evaluated = 0;
    CHECK_RC(tries(RC_AGAIN, &went_on), RC_AGAIN);
    CHECK(!went_on);
    CHECK_RC(tries(RC_OK, &went_on), RC_QUOTA);
    CHECK(went_on);
    IGNORE_RC(count_and_return(RC_IO));
    CHECK_INT(evaluated, 3);
}

CHECK_MAIN(CHECK_TEST(every_code_has_its_own_text), CHECK_TEST(try_forwards_failures))
