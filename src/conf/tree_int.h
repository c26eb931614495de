/* SPDX-License-Identifier: Apache-2.0 */
/* YAML files as one tree of values that remember where they stand. Everything lives in an arena;
 * the files must outlive it. */
#pragma once

#include "base/arena.h"
#include "conf/load.h"

enum conf_shape {
    CONF_TREE_VALUE,
    CONF_TREE_LIST,
    CONF_TREE_MAP,
    CONF_TREE_BAD, /* something is wrong with it that is reported already */
};

struct conf_node {
    struct conf_node *up;   /* NULL: the root */
    struct conf_node *next; /* in the same map or list */
    struct conf_node *first;
    struct conf_node *last;
    struct str key;   /* in a map */
    struct str value; /* CONF_TREE_VALUE */
    const struct conf_file *file;
    unsigned line; /* of the key in a map, of the value elsewhere */
    enum conf_shape shape;
    bool plain; /* a value without quotes */
};

struct conf_tree {
    struct arena *arena;
    struct conf_report *report;
    struct conf_node *root; /* CONF_TREE_MAP */
    size_t nodes;
    bool broken; /* the end of some file could not be read: what is missing may stand there */
};

/* Reads the files in turn and merges each into what is there. What is wrong goes into the report;
 * the return value is RC_OK all the same, or RC_NOMEM. */
enum rc conf_tree_read(struct conf_tree *t, const struct conf_input *in);
/* The events of one file as a tree of its own, by libyaml; *out is a map, empty for an empty file.
 * As above. */
enum rc conf_yaml_read(struct conf_tree *t, const struct conf_file *file, struct conf_node **out);

/* A new node at the end of `up`'s; NULL when out of memory. */
struct conf_node *conf_node_new(struct conf_tree *t, struct conf_node *up,
                                const struct conf_file *file, unsigned line);
void conf_node_append(struct conf_node *up, struct conf_node *n);
/* Where in->one_site says so, leaves of gateway.sites the first alone, with those that have `dns`
 * if in->site_records wants them, and nothing that names sites; their names go into
 * out->gateway.names, of the arena, if in->site_names wants them. RC_NOMEM. */
enum rc conf_tree_sites(struct conf_tree *tree, const struct conf_input *in, struct arena *a,
                        struct conf *out);
/* The child of that name; NULL when there is none, or `map` is no map. */
struct conf_node *conf_node_get(const struct conf_node *map, struct str key);
/* "policy[0].allow", with `more` as a further step unless it is empty. */
void conf_node_path(const struct conf_node *n, struct str more, struct buf *out);

enum { CONF_PATH_MAX = 512 };

/* Adds a problem at a node; `missing` (may be empty) is a key that should be in it. RC_NOMEM. */
enum rc conf_report_at(struct conf_report *r, const struct conf_node *n, struct str missing,
                       const struct err *err);
/* The same by place. Problems are kept in the order of files and lines. */
enum rc conf_report_add(struct conf_report *r, const struct conf_file *file, unsigned line,
                        struct str key, const struct err *err);

#define CONF_COMPLAIN(report, node, m, ...)                                                        \
    ({                                                                                             \
        struct err complain_err_ = ERR_INIT;                                                       \
        IGNORE_RC(ERR(&complain_err_, RC_INVAL, m __VA_OPT__(, ) __VA_ARGS__));                    \
        conf_report_at((report), (node), STR(""), &complain_err_);                                 \
    })

/* profile.c. What the values of each profile, and the rest of the configuration, show together;
 * into the report. RC_NOMEM. */
enum rc conf_check_profiles(struct conf_report *report, const struct conf_node *root,
                            const struct conf *conf);
/* rules.c. The same of groups, of owners of the inventory and of the policy's rules. */
enum rc conf_check_rules(struct conf_report *report, const struct conf_node *root,
                         const struct conf *conf);

/* sites.c. Brings the sites what is in the files that they name; `a` is the configuration's. */
enum rc conf_fill_sites(struct conf_report *report, const struct conf_node *root,
                        const struct conf_input *in, struct arena *a, struct conf *conf);
/* Roots of other CAs; what of them goes together. */
enum rc conf_fill_public(struct conf_report *report, const struct conf_node *root,
                         const struct conf_input *in, struct arena *a, struct conf *conf);
enum rc conf_check_public(struct conf_report *report, const struct conf_node *root,
                          const struct conf *conf);
/* The same of the gateway's sites, once each value is right. */
enum rc conf_check_sites(struct conf_report *report, const struct conf_node *root,
                         const struct conf_input *in, const struct conf *conf);
/* escrow.c. What is in the file of ca.escrow: never a private key, which would go to every process.
 */
enum rc conf_fill_escrow(struct conf_report *report, const struct conf_node *root,
                         const struct conf_input *in, struct arena *a, struct conf *conf);
/* probers.c. The same of the probers. */
enum rc conf_check_probers(struct conf_report *report, const struct conf_node *root,
                           const struct conf *conf);
/* txt.c. The same of the server of TXT records. */
enum rc conf_check_txt(struct conf_report *report, const struct conf_node *root,
                       const struct conf *conf);
/* forward.c. The same of where the audit log goes. */
enum rc conf_check_forwards(struct conf_report *report, const struct conf_node *root,
                            const struct conf *conf);
/* alert.c. The same of receivers and routes of alerts. */
enum rc conf_check_alerts(struct conf_report *report, const struct conf_node *root,
                          const struct conf *conf);
