/* SPDX-License-Identifier: Apache-2.0 */
/* What holds, out of what is known: pure. Whoever knows it fills in the facts; what is not known is
 * zero, and nothing follows from it. */
#pragma once

#include "alert/alert.h"

struct store_approval;
struct store_lock;

#define ALERT_AWAY_AFTER (2 * WHEN_MINUTE)      /* that a process may be away */
#define ALERT_COPY_BEHIND (15 * WHEN_MINUTE)    /* a copy of the audit log */
#define ALERT_APPROVAL_AFTER (8 * WHEN_HOUR)    /* that a request waits */
#define ALERT_CRL_LEFT (6 * WHEN_HOUR)          /* of a list that should have been replaced */
#define ALERT_ISSUER_WARNING (380 * WHEN_DAY)   /* `issuer rotate --due` does it 400 days before */
#define ALERT_ISSUER_CRITICAL (100 * WHEN_DAY)  /* certificates become shorter */
#define ALERT_ROOT_WARNING (4 * 365 * WHEN_DAY) /* it has to outlive issuers */
#define ALERT_ROOT_CRITICAL (365 * WHEN_DAY)
#define ALERT_SITE_CRITICAL (2 * WHEN_DAY)
#define ALERT_STAPLES_AFTER WHEN_HOUR /* that OCSP answers for sites may be missing */
#define ALERT_SKEW (5 * WHEN_MINUTE)  /* that the clock of an agent's host may be off */
enum {
    ALERT_DISK_WARNING = 10, /* percent free */
    ALERT_DISK_CRITICAL = 3,
    ALERT_SITE_FAILURES = 3, /* attempts in a row */
    ALERT_HEAD_FAILURES = 3,
    ALERT_FACTS_MAX = 64, /* of each kind of the lists below but sites */
    ALERT_SITES_MAX = 200,
    ALERT_TROUBLES_MAX = 64,
    ALERT_AGENTS_MAX = 20, /* silent ones that are told of one by one; more are one alert */
};

/* The last of its kind that signs. */
struct alert_authority {
    struct str ref;
    bool root;
    when_t ends; /* or retires */
};

struct alert_away {
    const char *kind; /* "process", "prober" */
    struct str name;
    when_t since; /* 0: it is there */
    struct str action;
};

struct alert_copy {
    struct str name;
    when_t oldest; /* record that it lacks; 0: none */
    struct str why;
};

struct alert_agent {
    struct str name;
    when_t heard; /* of it, the last time */
};

/* A certificate on an agent's host that fails, is not seen to be served, or was due long ago. */
struct alert_trouble {
    struct str agent, directory;
    struct str name; /* the first one in it */
    uint64_t failures;
    bool unproven;
    when_t ends; /* 0: there is none */
    when_t due;  /* when nothing failed: since when it should have been renewed; 0: it is not */
    struct str why;
};

struct alert_clock {
    struct str agent;
    int64_t skew; /* it is so far ahead, microseconds */
};

struct alert_site {
    struct str name;
    const char *algorithm;
    when_t ends; /* 0: it has no certificate */
    unsigned failures;
    struct str why;
};

struct alert_facts {
    when_t now;
    struct str clock;              /* why nothing is issued; empty: the clock is right */
    struct str database;           /* what failed last; empty: nothing did */
    uint64_t disk_free, disk_size; /* bytes */
    unsigned head_failures;        /* of the audit log, in a row */
    struct str head_why;
    uint64_t lists, lists_overdue;
    when_t lists_end; /* the first of them */
    uint64_t
        staples_late;   /* OCSP answers of sites that ended, or have a fifth of their life left */
    when_t staples_end; /* of the first of them; 0: none of them was ever had */
    when_t backup;      /* the last one; 0: none was made */
    when_t backup_age;  /* that it may have; 0: any */
    bool backup_expected;
    uint64_t given_up; /* deliveries that nobody got */
    const struct store_lock *locks;
    size_t n_locks;
    const struct store_approval *approvals;
    size_t n_approvals;
    struct alert_authority authorities[ALERT_FACTS_MAX];
    size_t n_authorities;
    struct alert_away away[ALERT_FACTS_MAX];
    size_t n_away;
    struct alert_copy copies[ALERT_FACTS_MAX];
    size_t n_copies;
    struct alert_agent agents[ALERT_AGENTS_MAX]; /* that are silent */
    size_t n_agents;
    uint64_t silent; /* how many there are, these included */
    struct alert_trouble troubles[ALERT_TROUBLES_MAX];
    size_t n_troubles;
    bool more_troubles; /* than these */
    struct alert_clock clocks[ALERT_AGENTS_MAX];
    size_t n_clocks;
    struct alert_site sites[ALERT_SITES_MAX];
    size_t n_sites;
};

void alert_judge(const struct alert_facts *f, struct alert_conditions *out);
