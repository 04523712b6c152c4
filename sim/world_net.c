/* world_net - what becomes of a datagram between two hosts: loss, bursts, duplicates, delays, partitions. */
#include "sim/world_links.h"

#include <string.h>

#include "base/endpoint.h"
#include "base/hash.h"

#define BURST        8          /* datagrams a burst takes, on the average */
#define BURST_MOST   SIM_SECOND /* for whom that takes long */
#define REORDER_MOST (100 * 1000)
#define OUTSIDE_RTT  (80 * 1000) /* of hosts that are no nodes, and have no place */

/* A node's number says where as well as its address does. */
void sim_world_note(struct sim_world *world, uint32_t from, uint32_t receiver, const struct kad_endpoint *to,
                    struct kad_bytes bytes)
{
    const uint64_t where = receiver != SIM_NOBODY
                               ? (uint64_t)to->family << 32 | receiver
                               : (uint64_t)to->port << 32 ^ kad_hash(1, to->address, sizeof(to->address));

    world->trace = kad_hash(sim_mix(world->trace, (uint64_t)world->now, (uint64_t)from << 32 ^ where),
                            bytes.data, bytes.size);
}

static uint32_t receiver_of(const struct sim_world *world, const struct kad_endpoint *to)
{
    if (world->partner != SIM_NOBODY &&
        kad_endpoint_equal(&world->nodes[world->partner].endpoints[to->family == KAD_IPV4 ? 0 : 1], to))
        return world->partner;
    return sim_node_at(world, to);
}

static bool burst_takes(struct sim_world *world, uint32_t from)
{
    struct sim_node *node = from == SIM_NOBODY ? NULL : &world->nodes[from];

    if (!node || !world->config.burst_ppm)
        return false;
    if (world->now < node->bursts_until) {
        if (sim_below(&world->net_rng, BURST) > 0)
            return true;
        node->bursts_until = 0;
        return false;
    }
    if (!sim_chance(&world->net_rng, world->config.burst_ppm / BURST))
        return false;
    node->bursts_until = world->now + BURST_MOST;
    return true;
}

bool sim_world_cut(const struct sim_world *world, uint32_t from, uint32_t to)
{
    if (world->partition == SIM_WHOLE || from == SIM_NOBODY ||
        world->nodes[from].side == world->nodes[to].side)
        return false;
    return world->partition == SIM_CUT || world->nodes[to].side == 0;
}

void sim_world_post(struct sim_world *world, uint32_t from, const struct kad_endpoint *from_endpoint,
                    uint32_t to, struct kad_bytes bytes, sim_us late)
{
    const struct sim_node *receiver = &world->nodes[to];
    const uint32_t slot = sim_pool_take(world, &world->packets);
    struct sim_packet *packet;
    sim_us rtt = OUTSIDE_RTT;
    sim_us delay;

    if (slot == SIM_NOBODY)
        return;
    if (from != SIM_NOBODY)
        rtt = sim_rtt(&world->config.latency, from, &world->nodes[from].position, to, &receiver->position);
    delay = late + sim_delay(&world->config.latency, rtt, &world->net_rng);
    if (sim_chance(&world->net_rng, world->config.reorder_ppm))
        delay += sim_below(&world->net_rng, REORDER_MOST);
    packet = &((struct sim_packet *)world->packets.slots)[slot];
    *packet =
        (struct sim_packet){.from = *from_endpoint, .to = to, .sender = from, .size = (uint32_t)bytes.size};
    if (bytes.size) {
        packet->bytes = kad_alloc(&world->memory.allocator, bytes.size);
        if (!packet->bytes) {
            sim_pool_give(&world->packets, slot);
            sim_world_short(world);
            return;
        }
        memcpy(packet->bytes, bytes.data, bytes.size);
    }
    sim_world_schedule(world, world->now + delay, SIM_PACKET, slot);
}

static void carry(struct sim_world *world, uint32_t from, const struct kad_endpoint *from_endpoint,
                  uint32_t to, struct kad_bytes bytes)
{
    if (sim_world_cut(world, from, to)) {
        world->counts.cut++;
        return;
    }
    if (sim_chance(&world->net_rng, world->config.loss_ppm) || burst_takes(world, from)) {
        world->counts.lost++;
        return;
    }
    sim_world_post(world, from, from_endpoint, to, bytes, 0);
    if (sim_chance(&world->net_rng, world->config.duplicate_ppm)) {
        world->counts.duplicated++;
        sim_world_post(world, from, from_endpoint, to, bytes, 0);
    }
}

void sim_world_send(struct sim_world *world, uint32_t from, const struct kad_endpoint *from_endpoint,
                    const struct kad_endpoint *to, struct kad_bytes bytes)
{
    const uint32_t receiver = receiver_of(world, to);

    if (world->links) {
        sim_links_send(world, from, to, bytes);
        return;
    }
    sim_world_note(world, from, receiver, to, bytes);
    world->counts.datagrams++;
    world->counts.bytes += bytes.size;
    if (receiver != SIM_NOBODY) {
        carry(world, from, from_endpoint, receiver, bytes);
        return;
    }
    world->counts.strays++;
    world->counts.stray_bytes += bytes.size;
    if (world->config.stray)
        world->config.stray(world->config.context, world, from, from_endpoint, to, bytes);
}

void sim_world_inject(struct sim_world *world, const struct kad_endpoint *from, uint32_t to,
                      struct kad_bytes bytes)
{
    world->counts.injected++;
    world->counts.injected_bytes += bytes.size;
    carry(world, SIM_NOBODY, from, to, bytes);
}

void sim_world_partition(struct sim_world *world, enum sim_partition partition)
{
    world->partition = partition;
}

unsigned sim_node_on_side(const struct sim_world *world, uint32_t node)
{
    return world->nodes[node].side;
}

void sim_node_side(struct sim_world *world, uint32_t node, unsigned side)
{
    world->nodes[node].side = side != 0;
}
