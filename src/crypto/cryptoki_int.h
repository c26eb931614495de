/* SPDX-License-Identifier: Apache-2.0 */
/* As much of PKCS #11 v2.40 (Cryptoki) as asking a module for its tokens and trying a PIN takes.
 * Keys are used through OpenSSL's provider, not through this. Names as the standard has them, in
 * our spelling; layouts and values are those of sections 3 and 6 of its base specification. */
#pragma once

typedef unsigned long ck_ulong;

enum {
    CK_OK = 0x00,
    CK_HOST_MEMORY = 0x02,
    CK_SLOT_ID_INVALID = 0x03,
    CK_GENERAL_ERROR = 0x05,
    CK_FUNCTION_FAILED = 0x06,
    CK_DEVICE_ERROR = 0x30,
    CK_DEVICE_MEMORY = 0x31,
    CK_DEVICE_REMOVED = 0x32,
    CK_FUNCTION_NOT_SUPPORTED = 0x54,
    CK_KEY_HANDLE_INVALID = 0x60,
    CK_KEY_SIZE_RANGE = 0x62,
    CK_KEY_TYPE_INCONSISTENT = 0x63,
    CK_MECHANISM_INVALID = 0x70,
    CK_MECHANISM_PARAM_INVALID = 0x71,
    CK_OBJECT_HANDLE_INVALID = 0x82,
    CK_PIN_INCORRECT = 0xa0,
    CK_PIN_INVALID = 0xa1,
    CK_PIN_LEN_RANGE = 0xa2,
    CK_PIN_EXPIRED = 0xa3,
    CK_PIN_LOCKED = 0xa4,
    CK_SESSION_CLOSED = 0xb0,
    CK_SESSION_COUNT = 0xb1,
    CK_SESSION_HANDLE_INVALID = 0xb3,
    CK_TOKEN_NOT_PRESENT = 0xe0,
    CK_TOKEN_NOT_RECOGNIZED = 0xe1,
    CK_TOKEN_WRITE_PROTECTED = 0xe2,
    CK_USER_ALREADY_LOGGED_IN = 0x100,
    CK_USER_NOT_LOGGED_IN = 0x101,
    CK_USER_PIN_NOT_INITIALIZED = 0x102,
    CK_CURVE_NOT_SUPPORTED = 0x140,
    CK_CRYPTOKI_ALREADY_INITIALIZED = 0x191,
};

/* Of ck_token_info.flags. */
enum {
    CK_FLAG_WRITE_PROTECTED = 1 << 1,
    CK_FLAG_LOGIN_REQUIRED = 1 << 2,
    CK_FLAG_PIN_INITIALIZED = 1 << 3,
    CK_FLAG_TOKEN_INITIALIZED = 1 << 10,
    CK_FLAG_PIN_FINAL_TRY = 1 << 17,
    CK_FLAG_PIN_LOCKED = 1 << 18,
};

enum {
    CK_INIT_OS_LOCKING = 1 << 1,
    CK_SESSION_SERIAL = 1 << 2,
    CK_USER = 1,
};

struct ck_version {
    unsigned char major, minor;
};

struct ck_initialize_args {
    void *create_mutex, *destroy_mutex, *lock_mutex, *unlock_mutex;
    ck_ulong flags;
    void *reserved;
};

/* Text is padded with blanks and not terminated. */
struct ck_token_info {
    unsigned char label[32], manufacturer[32], model[16], serial[16];
    ck_ulong flags;
    ck_ulong max_sessions, sessions, max_rw_sessions, rw_sessions;
    ck_ulong max_pin, min_pin;
    ck_ulong total_public, free_public, total_private, free_private;
    struct ck_version hardware, firmware;
    unsigned char utc_time[16];
};

/* CK_FUNCTION_LIST as far as C_Login, the last one that is called here. */
struct ck_functions {
    struct ck_version version;
    ck_ulong (*initialize)(struct ck_initialize_args *);
    ck_ulong (*finalize)(void *);
    void *get_info, *get_function_list;
    ck_ulong (*get_slot_list)(unsigned char present, ck_ulong *slots, ck_ulong *n);
    void *get_slot_info;
    ck_ulong (*get_token_info)(ck_ulong slot, struct ck_token_info *);
    void *get_mechanism_list, *get_mechanism_info, *init_token, *init_pin, *set_pin;
    ck_ulong (*open_session)(ck_ulong slot, ck_ulong flags, void *arg, void *notify, ck_ulong *out);
    ck_ulong (*close_session)(ck_ulong session);
    void *close_all_sessions, *get_session_info, *get_operation_state, *set_operation_state;
    ck_ulong (*login)(ck_ulong session, ck_ulong user, const unsigned char *pin, ck_ulong n);
};

typedef ck_ulong (*ck_get_function_list)(struct ck_functions **out);
