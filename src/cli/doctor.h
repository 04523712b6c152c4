/*
 * doctor - what may be wrong with a node, each thing a check with evidence, cause and remedy.
 *
 *     doctor_facts.c    what the running node says of itself; what a configuration says
 *     doctor_probe.c    what this machine can find out by itself: pings from sockets of its own
 *     doctor_reach.c    \
 *     doctor_lookup.c    | the checks: facts in, one finding out, nothing asked and nothing printed
 *     doctor_table.c     |
 *     doctor_node.c     /
 *     doctor_report.c   all of it for others to read, without addresses, ids and keys
 *     cmd_doctor.c      the table of checks, and what is printed
 *
 * A check says only what there is evidence for; where there is none yet, it says so (UNKNOWN).
 */
#ifndef KAD_CLI_DOCTOR_H
#define KAD_CLI_DOCTOR_H

#include <jansson.h>

#include "cli/cli.h"
#include "node/config.h"

#define KAD_PROBE_PINGS  4
#define KAD_PROBE_MAX    64 /* bootstraps */
#define KAD_PROBE_SAMPLE 16 /* contacts of the table that are pinged as well */

/* One address that was pinged, or a name that means none. */
struct kad_probe {
    char name[KAD_CONFIG_TEXT]; /* as configured; of a contact its address */
    bool is_contact;            /* of the running node's table, else a bootstrap */
    bool unresolved;            /* the name means no address */
    struct kad_endpoint to;
    unsigned n_sent, n_answers, n_errors; /* n_errors: it answered that it cannot or will not */
    unsigned n_garbage;                   /* datagrams that are no answer to us */
    int error;                            /* errno that sending or receiving met first; 0: none */
    int64_t rtt_ms[KAD_PROBE_PINGS];      /* n_answers of them, sorted */
    bool is_self;                         /* the running node's own id answered */
    int mtu;                              /* of the way there, as far as this machine knows; 0: unknown */
    uint16_t from_port;                   /* ours */
    struct kad_endpoint seen_as;          /* who it says we are; family 0: it does not */
};

/* What there is to look at. A JSON object is NULL when no node runs. */
struct kad_doctor_facts {
    json_t *node, *stats, *table, *settings, *evidence; /* docs/api.md */
    const struct kad_config *config;                    /* of --config and flags; NULL: it does not hold */
    const char *config_why;                             /* then */
    struct kad_probe *probes;
    size_t n_probes;
    int n_addresses;         /* of interfaces that are up, but loopback; -1: unknown */
    bool route_v4, route_v6; /* there is one to the rest of the world */
    int64_t patience_s;      /* a node up for less has no evidence yet of who comes by himself */
    int64_t wall_ms;         /* Unix time of this machine */
};

enum kad_doctor_state { KAD_DOCTOR_OK, KAD_DOCTOR_UNKNOWN, KAD_DOCTOR_WARNING, KAD_DOCTOR_PROBLEM };

#define KAD_FINDING_TEXT 600

struct kad_finding {
    enum kad_doctor_state state;
    char evidence[KAD_FINDING_TEXT]; /* numbers */
    char cause[KAD_FINDING_TEXT];    /* of a warning or problem, else empty; so is: */
    char remedy[KAD_FINDING_TEXT];
};

struct kad_check {
    const char *name;
    void (*look)(const struct kad_doctor_facts *facts, struct kad_finding *finding);
    const char *about; /* one line */
};
extern const struct kad_check kad_checks[]; /* ends with a NULL name */

/* -- facts and probes -------------------------------------------------------------------------------------------- */

/* Asks the running node; those it does not answer stay NULL. */
void kad_doctor_ask(struct kad_cli *cli, struct kad_doctor_facts *facts);
void kad_doctor_facts_clear(struct kad_doctor_facts *facts);
/* Interfaces and routes: no packet leaves. */
void kad_doctor_look_around(struct kad_doctor_facts *facts);
/* Whom to ping: bootstraps of the node and of the configuration, and a sample of the table. False: no memory. */
bool kad_doctor_choose(struct kad_doctor_facts *facts);
/* Resolves names, pings all at once, and waits until all have answered or `wait_ms` have passed. */
void kad_doctor_probe(struct kad_doctor_facts *facts, int64_t wait_ms);

/* A number in an object in an object ("stats", "dropped.malformed"); -1: not there. */
int64_t kad_doctor_number(const json_t *object, const char *path);
/* Of all numbers of the object with this name in `object`: queries by method, drops by reason. */
int64_t kad_doctor_sum(const json_t *object, const char *name);
int64_t kad_doctor_setting_ms(const struct kad_doctor_facts *facts, const char *key); /* -1: unknown */
int64_t kad_doctor_contacts(const struct kad_doctor_facts *facts);                    /* -1: unknown */
/* The p-th percentile of round trips, of contacts or (when there are none) of bootstraps; -1: nobody answered. */
int64_t kad_doctor_rtt(const struct kad_doctor_facts *facts, unsigned percentile);

void kad_doctor_say(struct kad_finding *finding, enum kad_doctor_state state, const char *cause,
                    const char *remedy);
/* Appends to a text of a finding. */
void kad_doctor_add(char text[KAD_FINDING_TEXT], const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* -- checks ------------------------------------------------------------------------------------------------------ */

typedef void kad_doctor_look(const struct kad_doctor_facts *facts, struct kad_finding *finding);

kad_doctor_look kad_doctor_network, kad_doctor_firewall_out, kad_doctor_firewall_in, kad_doctor_bootstrap,
    kad_doctor_port;
kad_doctor_look kad_doctor_diversity, kad_doctor_latency, kad_doctor_bootstrap_load, kad_doctor_congestion,
    kad_doctor_timeouts;
kad_doctor_look kad_doctor_contacts_few, kad_doctor_availability, kad_doctor_partition, kad_doctor_churn,
    kad_doctor_interference;
kad_doctor_look kad_doctor_daemon, kad_doctor_configuration, kad_doctor_clock, kad_doctor_store,
    kad_doctor_publications, kad_doctor_load;

/* -- report ------------------------------------------------------------------------------------------------------ */

/* `checks`: as with --json. NULL: no memory. */
json_t *kad_doctor_report(const struct kad_doctor_facts *facts, const json_t *checks);

#endif
