/* SPDX-License-Identifier: Apache-2.0 */
/* Read by clang-tidy before every file: what the code's own headers do not tell its analyzer. */
#pragma once

/* fail(), fail_msg() and the assertions of cmocka end the test. */
_Noreturn void _fail(const char *file, int line);
