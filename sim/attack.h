/*
 * attack - hosts that are no nodes and mean harm.
 *
 *     flood     one address sends garbage and queries to `n` nodes, `rate` a second each
 *     subnet    ... from the 256 addresses of one /24
 *     spoofed   ... from a new address with each datagram
 *     reflect   small queries for large answers, in the name of a victim's /24, to `n` nodes
 *     liars     `n` hosts that make themselves known, and answer everything with contacts that do not exist, near whatever
 *               is asked for
 *     mute      `n` hosts that make themselves known, answer pings, and nothing else
 */
#ifndef SIM_ATTACK_H
#define SIM_ATTACK_H

#include "sim/run.h"

KAD_CHECK int sim_attack_begin(struct sim_run *run, const struct sim_action *action); /* 0, KAD_E_MEMORY */
void sim_attack_clear(struct sim_run *run);
/* A datagram to nobody's address: perhaps to one of these hosts. */
void sim_attack_stray(void *context, struct sim_world *world, uint32_t from,
                      const struct kad_endpoint *from_endpoint, const struct kad_endpoint *to,
                      struct kad_bytes bytes);

/* What reached victims' addresses, and what was sent in their names. */
struct sim_reflection {
    uint64_t sent_bytes, received_bytes;
    uint64_t
        grants; /* bytes that nodes may send unproven addresses: 4 KiB a minute each (SCORECARD, row 9) */
};
struct sim_reflection sim_attack_reflection(const struct sim_run *run);
/* Whether an attacker of some kind uses this address. */
bool sim_attack_owns(const struct sim_run *run, const struct kad_endpoint *endpoint);

#endif
