/*
 * world - a Mainline network that needs no memory per table.
 *
 * `n_nodes` nodes with random ids, each with the routing table an ideal Kademlia node
 * has: in every bucket k of the nodes that belong there, or all if they are fewer.
 * Which k is a function of the node and the bucket, so a table is the same whenever it
 * is asked, and is made from the sorted list of all ids when it is asked. Dead nodes
 * stand in the tables of others like living ones: that is what a lookup meets.
 *
 * A node is named by its number; number and address (`top`.x.y.z) are made from each
 * other, neighbours in number being far apart in address, so that limits per network
 * see a world spread as the real one is.
 */
#ifndef BENCH_WORLD_H
#define BENCH_WORLD_H

#include "bench/krpc.h"

enum { WORLD_K = 8 };

struct world_node {
    uint8_t id[KRPC_ID];
    uint32_t number;
};

struct world {
    struct world_node *by_id; /* sorted; owned */
    uint32_t n_nodes;
    uint32_t top;        /* first byte of all addresses */
    uint32_t dead_share; /* of 2^32 */
    uint64_t seed;
};

void world_make(struct world *out_world, uint32_t n_nodes, uint32_t top, double dead, uint64_t seed);

uint32_t world_address(const struct world *world, uint32_t number);
/* UINT32_MAX if no node has it. */
uint32_t world_number(const struct world *world, uint32_t address);
bool world_dead(const struct world *world, uint32_t number);
void world_id(const struct world *world, uint32_t number, uint8_t out_id[KRPC_ID]);

/* What node `number` answers: of its table the WORLD_K closest to `target`, closest first. Returns how many. */
size_t world_answer(const struct world *world, uint32_t number, const uint8_t target[KRPC_ID],
                    uint32_t out_numbers[WORLD_K]);

/* The WORLD_K closest of all living nodes, closest first. */
size_t world_closest(const struct world *world, const uint8_t target[KRPC_ID], uint32_t out_numbers[WORLD_K]);

#endif
