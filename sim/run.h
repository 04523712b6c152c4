/*
 * run - a scenario in its world, and what was measured.
 *
 *     sim_run_new()     the world, its nodes and tables, and all that shall happen
 *     sim_run_until()   in steps, if somebody wants to watch
 *     sim_figure()      what came of it
 */
#ifndef SIM_RUN_H
#define SIM_RUN_H

#include "sim/scenario.h"
#include "sim/world.h"

#define SIM_HOPS_MAX 64

/* Lengths in milliseconds, for percentiles. */
struct sim_sample {
    uint32_t *values;
    size_t n, room;
    bool sorted;
};

struct sim_tally {
    uint64_t started, ended, aborted, succeeded; /* aborted: its node was switched off */
    uint64_t queries, timeouts, dials;           /* dials: by its node while it was under way */
    uint64_t wanted, reached; /* lookups: of the true k closest, how many; how many it found */
    uint64_t hops[SIM_HOPS_MAX],
        first_hops[SIM_HOPS_MAX]; /* deepest; first answer of one of the true k closest */
    uint64_t stored, copies;
    uint64_t missed;               /* gets: what was not found though a node that is on holds it */
    uint64_t contested;            /* gets of what was written on two sides */
    struct sim_sample took, first; /* until the end, until the first holder or value */
};

#define SIM_RIVALS 2

enum sim_contest {
    SIM_UNCONTESTED,
    SIM_REWRITTEN, /* by its owner on both sides: the second's number is higher, and wins */
    SIM_CLAIMED,   /* by two owners: one of them has it in the end, whoever it is */
};

/* Something published. */
struct sim_item {
    struct kad_id key;
    uint32_t number; /* its name is made of */
    uint32_t publisher;
    bool stored;
    uint8_t contest; /* enum sim_contest */
    uint32_t
        votes[SIM_RIVALS + 1]; /* gets that brought what this one wrote; the last: neither's, or nothing */
    uint8_t rivals[SIM_RIVALS][32]; /* CLAIMED: with which keys they sign */
};

struct sim_items {
    struct sim_item *items;
    uint32_t n, room;
};

struct sim_attack; /* sim/attack.h */

struct sim_run {
    struct sim_scenario scenario;
    struct sim_world *world;
    struct sim_tally lookups, puts, gets, announces, finds;
    struct sim_items records, keys;
    uint32_t provider; /* of puts in bulk; SIM_NOBODY: there was none yet */
    struct sim_attack *attacks;
    struct sim_conspiracy *conspiracies; /* sim/collude.h */
    struct sim_siege *siege;             /* sim/siege.h; NULL: nobody is watched */
    uint32_t n_intruders;                /* that came so far */
    size_t base_memory;                  /* once all was set up */
    sim_us end;
    unsigned epoch; /* requests of earlier ones are not counted any more */
    bool counted_health;
    double live_percent, live_full_percent, live_rest_percent, known_percent,
        nearly_known_percent; /* see sim/figures.c */
    uint64_t fakes, hostile_most;
    double contacts_mean, hostile_mean, honest_copies;
};

/* 0, KAD_E_MEMORY, KAD_E_INVALID. `scenario` is copied. */
KAD_CHECK int sim_run_new(const struct sim_scenario *scenario, struct sim_run **out_run);
void sim_run_free(struct sim_run *run); /* NULL is fine */
/* False: an invariant broke; sim_world_why(run->world). */
bool sim_run_until(struct sim_run *run, sim_us until);

/* The key of the record that is put as the `number`-th. */
struct kad_id sim_work_key(const struct sim_run *run, uint32_t number);
/* sim/work.c: starts one, by a random node that is on. */
void sim_work_lookup(struct sim_run *run);
/* `bulk`: by the same node as all others so, to be published later (kad_request.later). */
void sim_work_put(struct sim_run *run, bool keep, bool bulk);
/* `side`: 0: anybody, else by a node of side 0 or 1. */
void sim_work_get(struct sim_run *run, uint32_t item, unsigned side);
/* In networks of libp2p: its publisher says once more that it provides it. */
void sim_work_again(struct sim_run *run, uint32_t item);
void sim_work_rewrite(struct sim_run *run, uint32_t item);
void sim_work_claim(struct sim_run *run);
void sim_work_anew(struct sim_run *run);
/* Of the gets of what was written on two sides, how many brought what most did, or what must win. */
uint64_t sim_work_agreed(const struct sim_run *run);
void sim_work_announce(struct sim_run *run, bool keep);
void sim_work_find(struct sim_run *run, uint32_t item);

#endif
