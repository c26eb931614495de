/* SPDX-License-Identifier: Apache-2.0 */
/* Which allocations of a test are worth failing. A loop over a thousand rows allocates a thousand
 * times by the same way through the program, and what is done about a failure is a matter of the
 * way: of each, the first and the last are enough. Where a way leads within a library does not
 * tell ways apart: SQLite allocates in a hundred places for one statement, and all that its caller
 * learns is that there was no memory. What all tests of a program begin with is not failed in all
 * of them: a way that TORTURE_TESTS tests have been along is left out. */
#pragma once

#include <stddef.h>

enum { TORTURE_ALLOCATIONS_MAX = 100000, TORTURE_TESTS = 3 };

/* Runs `fn` once, without failure; then *out has the numbers of these allocations, from 1 and
 * rising. Returns how many; the array is valid until the next call. Ends the test where there are
 * more than TORTURE_ALLOCATIONS_MAX. */
size_t torture_ways(void (*fn)(void), const unsigned long **out);
