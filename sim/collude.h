/*
 * collude - nodes that work together against lookups and records, as full participants.
 *
 *     attack collude 20%       of all nodes turn hostile: real engines, in tables as everybody
 *     attack sybil 40 around 25       40 newcomers around each of the next 25 keys that will be put
 *
 * They know everything: who is asked for nodes or a value names the nearest colluders to the target that this asker has not asked
 * for it yet; puts are taken, with a signed receipt, and later denied, signed as well. `forging` ones give what they hold, altered, and
 * invent contacts.
 *
 * Sybils around a key have identities that were searched for: ids are hashes of keys here as everywhere, and what the search costs
 * is counted (tried). Without a puzzle and with 60 tries for each honest node, it takes seconds.
 */
#ifndef SIM_COLLUDE_H
#define SIM_COLLUDE_H

#include "sim/run.h"

struct sim_conspiracy;

KAD_CHECK int sim_collude_begin(struct sim_run *run, const struct sim_action *action); /* 0, KAD_E_MEMORY */
void sim_collude_clear(struct sim_run *run);
/* sim_config.lie */
bool sim_collude_lie(void *context, struct sim_world *world, uint32_t node, uint32_t asker,
                     const struct kad_message *query, struct kad_message *reply);

#endif
