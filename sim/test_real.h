/* test_real - libp2p nodes as the daemon has them, swarms and links and ciphers, in virtual time with the simulator's latencies: what
 * the simulator's model of connections (sim/world_links.h) is held against. */
#ifndef SIM_TEST_REAL_H
#define SIM_TEST_REAL_H

#include "engine/swarm.h"
#include "sim/latency.h"

struct real_net;

/* `n` servers of IPFS's network, off. At most `links` connections each. */
struct real_net *real_net_new(uint32_t n, unsigned links, const struct sim_latency *latency,
                              const struct kad_settings *settings);
void real_net_free(struct real_net *net);
/* On; it is told of `through`, unless it is itself. */
void real_net_start(struct real_net *net, uint32_t node, uint32_t through);
void real_net_run(struct real_net *net, sim_us us);

/* Says that it provides content of this number, or looks for its provider; ends at the latest after a minute. Milliseconds it took (of a
 * find: until the first was found); -1: it failed. */
kad_ms real_net_provide(struct real_net *net, uint32_t node, uint32_t content);
kad_ms real_net_find(struct real_net *net, uint32_t node, uint32_t content);
/* The time from a question to its answer, to a node it is not connected to. */
kad_ms real_net_ping(struct real_net *net, uint32_t node, uint32_t other);
unsigned real_net_links(const struct real_net *net, uint32_t node);
size_t real_net_contacts(const struct real_net *net, uint32_t node); /* in its table */

#endif
