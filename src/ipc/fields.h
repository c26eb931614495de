/* SPDX-License-Identifier: Apache-2.0 */
/* C structs to bytes and back, by table. A message is a plain struct and a list of its fields with
 * their limits; the same table encodes, decodes and is fuzzed. Decoding is strict: every limit
 * holds, a bool is 0 or 1, no byte is left over.
 *
 *   struct ipc_ping { uint32_t n; struct str who; };
 *   IPC_FIELDS(ipc_ping, IPC_F_U32(ipc_ping, n), IPC_F_STR(ipc_ping, who, 64));      in messages.c
 *   extern const struct ipc_fields ipc_ping_fields;                                  in messages.h
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/id.h"

enum ipc_field_kind {
    IPC_KIND_U8,
    IPC_KIND_U16,
    IPC_KIND_U32,
    IPC_KIND_U64,
    IPC_KIND_I64,
    IPC_KIND_BOOL,
    IPC_KIND_STR,    /* bytes, any */
    IPC_KIND_STRS,   /* struct ipc_strs */
    IPC_KIND_LIST,   /* IPC_LIST(type) of structs with a table of their own */
    IPC_KIND_STRUCT, /* one such struct, embedded */
    IPC_KIND_ADDR,   /* struct addr; none is allowed */
    IPC_KIND_ADDR_PORT,
    IPC_KIND_ID,  /* struct id; empty is allowed */
    IPC_KIND_ERR, /* struct err: code, message, arguments, problem type and status */
};

struct ipc_fields;

struct ipc_field {
    enum ipc_field_kind kind;
    uint16_t offset;
    uint64_t max;  /* largest number, most bytes, most elements */
    uint32_t each; /* most bytes of each element of IPC_KIND_STRS */
    const struct ipc_fields *of;
};

struct ipc_fields {
    const char *name;
    uint16_t size; /* of the struct */
    uint16_t n;
    const struct ipc_field *field;
};

struct ipc_strs {
    const struct str *v;
    size_t n;
};

/* A list of structs inside a message. */
#define IPC_LIST(type)                                                                             \
    struct {                                                                                       \
        const type *v;                                                                             \
        size_t n;                                                                                  \
    }

/* Appends the encoding of `msg`. RC_TOOBIG or RC_INVAL when the message breaks its own table (also
 * left in `out`). */
enum rc ipc_fields_encode(const struct ipc_fields *f, const void *msg, struct buf *out);
/* Fills the struct at `msg`, f->size bytes. Strings borrow from `bytes`; lists live in `a`.
 * RC_PARSE, RC_TOOBIG (a limit of the table), RC_NOMEM. On failure `msg` holds zeroes. */
enum rc ipc_fields_decode(const struct ipc_fields *f, struct str bytes, struct arena *a, void *msg);

/* The offset of a member, if it has that type; does not compile otherwise. */
#define IPC_F_AT(s, m, type) _Generic(((struct s *)0)->m, type : offsetof(struct s, m))
#define IPC_F_U8(s, m, below_or_at)                                                                \
    {                                                                                              \
        IPC_KIND_U8, IPC_F_AT(s, m, uint8_t), (below_or_at), 0, NULL                               \
    }
#define IPC_F_U16(s, m)                                                                            \
    {                                                                                              \
        IPC_KIND_U16, IPC_F_AT(s, m, uint16_t), UINT16_MAX, 0, NULL                                \
    }
#define IPC_F_U32(s, m)                                                                            \
    {                                                                                              \
        IPC_KIND_U32, IPC_F_AT(s, m, uint32_t), UINT32_MAX, 0, NULL                                \
    }
#define IPC_F_U64(s, m)                                                                            \
    {                                                                                              \
        IPC_KIND_U64, IPC_F_AT(s, m, uint64_t), UINT64_MAX, 0, NULL                                \
    }
#define IPC_F_I64(s, m)                                                                            \
    {                                                                                              \
        IPC_KIND_I64, IPC_F_AT(s, m, int64_t), 0, 0, NULL                                          \
    }
#define IPC_F_BOOL(s, m)                                                                           \
    {                                                                                              \
        IPC_KIND_BOOL, IPC_F_AT(s, m, bool), 1, 0, NULL                                            \
    }
#define IPC_F_STR(s, m, max_bytes)                                                                 \
    {                                                                                              \
        IPC_KIND_STR, IPC_F_AT(s, m, struct str), (max_bytes), 0, NULL                             \
    }
#define IPC_F_STRS(s, m, max_count, max_each)                                                      \
    {                                                                                              \
        IPC_KIND_STRS, IPC_F_AT(s, m, struct ipc_strs), (max_count), (max_each), NULL              \
    }
/* IPC_LIST(struct elem) whose table is elem_fields. */
#define IPC_F_LIST(s, m, elem, max_count)                                                          \
    {                                                                                              \
        IPC_KIND_LIST, IPC_F_AT_LIST(s, m, elem), (max_count), 0, &elem##_fields                   \
    }
#define IPC_F_AT_LIST(s, m, elem)                                                                  \
    _Generic(((struct s *)0)->m.v, const struct elem * : offsetof(struct s, m))
#define IPC_F_STRUCT(s, m, elem)                                                                   \
    {                                                                                              \
        IPC_KIND_STRUCT, IPC_F_AT(s, m, struct elem), 0, 0, &elem##_fields                         \
    }
#define IPC_F_ADDR(s, m)                                                                           \
    {                                                                                              \
        IPC_KIND_ADDR, IPC_F_AT(s, m, struct addr), 0, 0, NULL                                     \
    }
#define IPC_F_ADDR_PORT(s, m)                                                                      \
    {                                                                                              \
        IPC_KIND_ADDR_PORT, IPC_F_AT(s, m, struct addr_port), 0, 0, NULL                           \
    }
#define IPC_F_ID(s, m)                                                                             \
    {                                                                                              \
        IPC_KIND_ID, IPC_F_AT(s, m, struct id), 0, 0, NULL                                         \
    }
#define IPC_F_ERR(s, m)                                                                            \
    {                                                                                              \
        IPC_KIND_ERR, IPC_F_AT(s, m, struct err), 0, 0, NULL                                       \
    }

/* Defines struct_name##_fields. */
#define IPC_FIELDS(s, ...)                                                                         \
    const struct ipc_fields s##_fields = {#s, sizeof(struct s),                                    \
                                          sizeof((const struct ipc_field[]){__VA_ARGS__}) /        \
                                              sizeof(struct ipc_field),                            \
                                          (const struct ipc_field[]){__VA_ARGS__}}
