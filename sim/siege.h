/*
 * siege - some nodes are watched for days, hour by hour, while somebody tries to surround them (K46).
 *
 *     watch 4 over 4d                                     the first four nodes; they come one after another, and do not churn
 *     attack siege 1000 in 10 growing 7d for 18d at 3d    1,000 Sybils, against all of them
 *     at 5d restart alone for 30m                         the watched ones are off for so long; `alone`: no bootstrap is there,
 *                                                         `hostile`: all are Sybils; `elsewhere`: at another address
 *
 * Watched nodes keep what a daemon keeps: anchors first, and what they think of whom. Each hour each of them reads a record that
 * somebody put within the last day and looks up a random key, and its table is counted. What a daemon judges of its own accord (lookout/variety.h,
 * lookout/regions.h) is judged here too, by the same code, and pings that it asks for are sent.
 *
 * Sybils (sim/collude.h has their lies): every second one of an id that was searched for, nearer to its victim than honest nodes are;
 * the others anywhere. Each asks its victim something every quarter of an hour, is there for good, and spares itself all upkeep.
 */
#ifndef SIM_SIEGE_H
#define SIM_SIEGE_H

#include <stdio.h>

#include "sim/run.h"

struct sim_siege;

KAD_CHECK int sim_siege_begin(struct sim_run *run, sim_us over); /* 0, KAD_E_MEMORY */
void sim_siege_clear(struct sim_run *run);
void sim_siege_restart(struct sim_run *run, const struct sim_action *action);
/* The n-th of a siege's Sybils has this victim; and pesters it from now on. */
uint32_t sim_siege_victim(const struct sim_run *run, uint32_t n);
void sim_siege_pester(struct sim_run *run, uint32_t sybil, uint32_t victim, sim_us until);
void sim_siege_attacked(struct sim_run *run, sim_us until); /* from now on */

struct sim_siege_figures {
    uint64_t samples;
    double paths, nearest, found; /* per cent of samples: see docs/simulator.md */
    double contacts;              /* of a table, mean */
    double hostile, hostile_most; /* per cent of a table, while attacked: mean, and at the worst */
    double hostile_near;          /* ... of the twenty nearest */
    double hostile_active, hostile_active_most;
    double hostile_anchors, hostile_anchors_most;
    double alarms, false_alarms; /* watched ones that told of a crowd or few networks: attacked, and before */
    uint64_t regions_silent, regions_back; /* told */
    double region_alarm_ms;                /* from a cut to the last of these */
};
struct sim_siege_figures sim_siege_figures(const struct sim_run *run);
/* A line a day: what was counted. */
void sim_siege_print(const struct sim_run *run, FILE *out);
void sim_siege_cut(struct sim_run *run); /* a region is cut off now */

#endif
