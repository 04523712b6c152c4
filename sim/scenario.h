/*
 * scenario - what a file of statements asks for.
 *
 *     seed 7; peers 2000; latency world; loss 2%; churn kad; tables join
 *     put 1000 at 60s
 *     at 180s crash 50%
 *     at 600s get all
 *     expect found >= 99%
 *
 * Statements stand on lines or between semicolons; # begins a comment. docs/simulator.md lists them.
 */
#ifndef SIM_SCENARIO_H
#define SIM_SCENARIO_H

#include "sim/churn.h"
#include "sim/world.h"

enum sim_action_kind {
    SIM_DO_LOOKUP,   /* n: CLOSEST of random targets by random nodes */
    SIM_DO_PUT,      /* n new records */
    SIM_DO_GET,      /* n of them, or all: by random nodes */
    SIM_DO_ANNOUNCE, /* n new keys */
    SIM_DO_FIND,     /* n of them, or all */
    SIM_DO_LEAVE,    /* share of those that are on */
    SIM_DO_CRASH,
    SIM_DO_START,     /* share of those that are off */
    SIM_DO_MOVE,      /* share of those that are on: another address */
    SIM_DO_PARTITION, /* share on the other side, for `span` */
    SIM_DO_ATTACK,    /* for `span` */
    SIM_DO_COUNT,     /* begin to: effort */
    SIM_DO_REWRITE,   /* n records, by their owners, on both sides at once */
    SIM_DO_CLAIM,     /* n new names, by an owner of each side */
    SIM_DO_AGAIN,     /* n of them, or all: put by their publishers once more */
    SIM_DO_RESTART,   /* those that are watched; off for `span` */
    SIM_DO_ANEW,      /* requests: those that begin from here on */
    SIM_DO_EXPECT,    /* n: which of the expectations is judged now */
};

enum sim_attack_kind {
    SIM_FLOOD,
    SIM_FLOOD_SUBNET,
    SIM_FLOOD_SPOOFED,
    SIM_REFLECT,
    SIM_LIARS,
    SIM_MUTE,
    SIM_SYBIL,   /* sim/collude.h */
    SIM_COLLUDE, /* ... */
    SIM_SIEGE,   /* ..., and sim/siege.h */
    SIM_N_ATTACKS
};

#define SIM_ALL UINT32_MAX

struct sim_action {
    enum sim_action_kind kind;
    enum sim_attack_kind attack;
    sim_us at, span; /* span: `over` or `for` */
    uint32_t n;      /* SIM_ALL; of attacks: hosts or targets */
    uint32_t ppm;    /* share of nodes */
    uint32_t rate;   /* of attacks: datagrams a second towards each target */
    uint32_t around; /* SYBIL: so many keys, `n` Sybils each; 0: anywhere */
    uint32_t groups; /* SYBIL: /16s that all have their addresses of; 0: anywhere */
    bool apart;      /* SYBIL: one between each two honest nodes; else nearer than those */
    bool held;       /* SYBIL: around keys that were put already */
    bool forge;      /* SYBIL, COLLUDE: altered values and invented contacts */
    bool keep;       /* PUT, ANNOUNCE: published again and again */
    bool bulk;       /* PUT: all by one node, as providers of so many contents, later (kad_request.later) */
    bool lose;       /* CRASH: the disk too */
    bool one_way;    /* PARTITION */
    bool alone;      /* START: through nobody but whom they knew */
    bool both;       /* GET: by a node of each side */
    bool hostile;    /* RESTART: all bootstraps are */
    bool elsewhere;  /* RESTART: at another address */
    sim_us growing;  /* SIEGE: until all are there */
    uint8_t region;  /* PARTITION: of this registry (lookout/registry.h); 0: a share of all */
};

enum sim_comparison { SIM_AT_LEAST, SIM_AT_MOST };

struct sim_expectation {
    char metric[32];
    enum sim_comparison comparison;
    double value;
    int line;
    bool timed; /* judged when its time comes, not at the end */
    bool held;  /* what came of that */
    double was;
};

#define SIM_ACTIONS_MAX 256
#define SIM_EXPECTS_MAX 64

struct sim_scenario {
    struct sim_config config;
    struct sim_churn churn;
    uint32_t dead_ppm; /* in all tables, and off */
    bool lose_disk;    /* churn takes the disk too */
    bool ideal;        /* tables; else nodes join, over join_span */
    sim_us join_span;
    sim_us watch_span; /* watched nodes come over so long */
    sim_us end;        /* at the least; 0: when the last action has had a minute */
    struct sim_action actions[SIM_ACTIONS_MAX];
    size_t n_actions;
    struct sim_expectation expects[SIM_EXPECTS_MAX];
    size_t n_expects;
};

#define SIM_PROBLEM_MAX 160

void sim_scenario_init(struct sim_scenario *scenario);
/* Nodes are of this network, with its settings. */
void sim_scenario_network(struct sim_scenario *scenario, const struct kad_network *network);
/* Adds the statements of `text`, which need not end in NUL. Otherwise KAD_E_INVALID, and "line: what is wrong" in `out_problem`. */
KAD_CHECK int sim_scenario_read(struct sim_scenario *scenario, struct kad_bytes text,
                                char out_problem[SIM_PROBLEM_MAX]);
/* When the last action is over, and what it started has had its time; conspiracies may last longer. */
sim_us sim_scenario_end(const struct sim_scenario *scenario);
/* Whether there is a figure of this name (sim/figures.h). */
bool sim_figure_exists(const char *name);

#endif
