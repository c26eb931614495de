/* SPDX-License-Identifier: Apache-2.0 */
/* The snapshot. Each rule is spread out into entries: one of its patterns (or networks of
 * addresses), for one of its clients, from one of its networks. Entries for the same client from
 * the same network whose patterns end alike are a bucket, sorted so that the first that fits is the
 * most specific. Buckets are found by hash: a name is looked up with each of its ends ("a.b.c",
 * "b.c", "c", "") and, where patterns have something beside a star in the label before that, with
 * as much of it ("web-*.b.c", "*-db.b.c"); an address with each length of prefix that there is. The
 * bucket of an end for anybody from anywhere says which others there are. */
#pragma once

#include "base/arena.h"
#include "base/map.h"
#include "policy/policy.h"

/* What stands before and behind the stars of the label before a pattern's domain. */
struct policy_star {
    struct str prefix, suffix;
};

struct policy_entry {
    const struct conf_rule *rule; /* order of pointers is order of rules */
    struct str pattern;           /* empty: an address */
    struct addr_net net;          /* where from; base.n 0: from anywhere */
    uint32_t rank;                /* of the pattern; the higher, the more specific */
    uint32_t who;                 /* of the client, the kind of requester, the network */
};

/* Lengths of prefixes, 0 to 128: bit n % 64 of word n / 64. */
struct policy_bits {
    uint64_t words[3];
};

struct policy_bucket {
    const struct policy_entry *entries;
    size_t n;
    /* For anybody from anywhere only, of all buckets of the same end or network of addresses: */
    uint32_t rank;              /* the highest */
    bool clients;               /* there are some for single clients, by account or key */
    bool shown;                 /* or by their certificate */
    struct policy_bits nets[2]; /* there are some from single networks; IPv4, IPv6 */
    /* Bit n: of patterns with n characters before, behind the stars of the label before this end */
    uint64_t prefixes, suffixes;
};

struct policy {
    const struct conf *conf;
    size_t refs;
    struct arena arena;
    struct map index; /* see policy_key_* to struct policy_bucket */
    struct addr_net reserved[POLICY_RESERVED_NETS];
    bool gateway;      /* some rule is about it */
    bool shown;        /* some rule is about certificates of clients */
    bool bits[2][129]; /* lengths of networks of addresses, IPv4 and IPv6 */
};

enum { POLICY_KEY_MAX = 640 };
enum { POLICY_WHO_GROUP = 1, POLICY_WHO_EAB, POLICY_WHO_SHOWN, POLICY_WHO_ACCOUNT };

/* Keys of the index: an end of names, or a network of addresses; behind it, for a bucket of one
 * client, a NUL and 'e', 'a' or 'c' with key, account or certificate; behind that, for one from a
 * network, a NUL, 'n' and the network. */
struct policy_key {
    char text[POLICY_KEY_MAX];
    size_t n;
};
void policy_key_end(struct policy_key *k, struct str end);
void policy_key_net(struct policy_key *k, const struct addr *a, unsigned bits);
/* Too long to be anybody's: the key of nobody. */
void policy_key_client(struct policy_key *k, char kind, struct str client);
void policy_key_from(struct policy_key *k, const struct addr *a, unsigned bits);
/* Of the patterns whose label before that end begins and ends so, with stars between. */
void policy_key_star(struct policy_key *k, const struct policy_star *star, struct str end);

/* space.c */
enum policy_space policy_space_of_name(const struct conf *conf, struct str name);
enum policy_space policy_space_of_address(const struct addr_net nets[static POLICY_RESERVED_NETS],
                                          const struct addr *a);
enum rc policy_space_check(const struct conf *conf, enum policy_space space, struct str value,
                           bool special, struct err *err);

/* pattern.c */
uint32_t policy_pattern_rank(struct str pattern);
/* "web-" and "db" of "web-*db.d", of "*.web-*db.d" and of "web-*-*db.d"; both empty of "*.d" and
 * where there is no star. */
struct policy_star policy_pattern_star(struct str pattern);
