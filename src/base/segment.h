/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that one process fills and others read: a sealed memfd, mapped by each. What is in it
 * stays where it is and as it is until the last of them lets the whole go; nothing in it is freed
 * before. Where it has holes, or what is in it is no longer wanted, its owner makes another. */
#pragma once

#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

struct segment;

enum { SEGMENT_BYTES_MAX = 1 << 30 };

/* One to fill, of at most `max` bytes (1 .. SEGMENT_BYTES_MAX); only what is used takes memory.
 * RC_NOMEM, RC_IO when the system has no such memory. */
enum rc segment_new(size_t max, struct segment **out);
/* That of another process, to read; `fd` is segment_fd's, handed over, and stays the caller's.
 * RC_DENIED when it could be written, or get shorter, under who reads it; RC_NOMEM, RC_IO. */
enum rc segment_open(int fd, struct segment **out);
struct segment *segment_ref(struct segment *s);
/* NULL: nothing. */
void segment_unref(struct segment *s);
static inline void segment_unrefp(struct segment **s)
{
    segment_unref(*s);
}

/* Borrowed; -1 for a reader. Whoever has it can read all, and write nothing. */
int segment_fd(const struct segment *s);
/* Room for `n` bytes, for its owner; NULL: it is full, or the system has no memory. */
unsigned char *segment_alloc(struct segment *s, size_t n);
/* Of all that segment_alloc gave out. */
size_t segment_used(const struct segment *s);
/* Where in it these bytes are, for segment_look of a reader. */
uint64_t segment_at(const struct segment *s, const void *bytes);
/* The `n` bytes there, borrowed with the segment; false: they are not all in it. */
bool segment_look(const struct segment *s, uint64_t at, size_t n, struct str *out);
