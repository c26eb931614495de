/* SPDX-License-Identifier: Apache-2.0 */
/* How test builds bend the machine's clock; clock.c alone uses it. */
#pragma once

#include <stdint.h>

int64_t clock_test_now(int64_t now);
int64_t clock_test_mono(int64_t mono);
int64_t clock_test_sleep(int64_t micros);
