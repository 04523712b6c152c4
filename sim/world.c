#include "sim/world_links.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/endpoint.h"
#include "base/hash.h"
#include "crypto/identity.h"
#include "engine/network.h"
#include "wire/krpc/krpc.h"

#define BATCH_ROOM 32

/* -- slots ------------------------------------------------------------------------------------------------------ */

void sim_world_short(struct sim_world *world)
{
    sim_world_violated(world, SIM_NOBODY, "out of memory");
}

uint32_t sim_pool_take(struct sim_world *world, struct sim_pool *pool)
{
    const struct kad_allocator *allocator = &world->memory.allocator;

    if (!pool->n_free && pool->n_slots == pool->room) {
        const uint32_t room = pool->room ? 2 * pool->room : 64;
        void *slots =
            kad_resize(allocator, pool->slots, pool->room * pool->slot_size, room * pool->slot_size);
        uint32_t *stack;

        if (!slots) {
            sim_world_short(world);
            return SIM_NOBODY;
        }
        pool->slots = slots;
        stack = kad_resize(allocator, pool->free, pool->room * sizeof(*stack), room * sizeof(*stack));
        if (!stack) {
            pool->slots = kad_resize(allocator, slots, room * pool->slot_size, pool->room * pool->slot_size);
            sim_world_short(world);
            return SIM_NOBODY;
        }
        pool->free = stack;
        pool->room = room;
    }
    return pool->n_free ? pool->free[--pool->n_free] : pool->n_slots++;
}

void sim_pool_give(struct sim_pool *pool, uint32_t slot)
{
    pool->free[pool->n_free++] = slot;
}

static void clear_pool(struct sim_world *world, struct sim_pool *pool)
{
    kad_free(&world->memory.allocator, pool->slots, pool->room * pool->slot_size);
    kad_free(&world->memory.allocator, pool->free, pool->room * sizeof(*pool->free));
}

/* -- making ----------------------------------------------------------------------------------------------------- */

static int make_world(struct sim_world *world)
{
    const struct kad_allocator *allocator = &world->memory.allocator;
    const uint32_t n = world->config.n_nodes;
    int error;

    world->nodes = kad_alloc_zero(allocator, n * sizeof(*world->nodes));
    if (world->config.network->rules.identity_size)
        world->keys = kad_alloc(allocator, n * sizeof(*world->keys));
    world->by_id = kad_alloc(allocator, n * sizeof(*world->by_id));
    world->on = kad_alloc(allocator, n * sizeof(*world->on));
    if (world->config.check_every)
        world->sound_before = kad_alloc_zero(allocator, n * sizeof(*world->sound_before));
    world->batch = (struct kad_batch){
        .datagrams = kad_alloc(allocator, BATCH_ROOM * sizeof(struct kad_datagram)),
        .memory = kad_alloc(allocator, BATCH_ROOM * kad_network_datagram(world->config.network)),
        .room = BATCH_ROOM,
        .each = kad_network_datagram(world->config.network),
    };
    world->book = kad_book_new(allocator, UINT32_MAX / 16, sim_mix(world->config.seed, 0, 8));
    if (!world->nodes || !world->by_id || !world->on || !world->batch.datagrams || !world->batch.memory ||
        !world->book || (world->config.network->rules.identity_size && !world->keys) ||
        (world->config.check_every && !world->sound_before))
        return KAD_E_MEMORY;
    world->client_settings = world->config.settings;
    world->client_settings.read_only = true;
    world->idle_settings = world->config.others;
    world->idle_settings.ping_after_ms = world->idle_settings.refresh_after_ms = 24 * KAD_HOUR;
    world->idle_settings.refresh_pace_ms = KAD_HOUR;
    error = sim_world_make_nodes(world);
    if (!error)
        sim_world_sort(world);
    if (!error && world->config.network->carrier == KAD_CARRIER_HOST)
        error = sim_links_new(world);
    return error;
}

int sim_world_new(const struct sim_config *config, struct sim_world **out_world)
{
    struct sim_world *world;
    const char *field;
    int error = kad_settings_check(&config->settings, &field);

    if (error)
        return error;
    if (config->network &&
        (config->network->puzzle_bits || /* a second of searching for each node */
         (config->network->carrier == KAD_CARRIER_HOST && !config->network->rules.identity_of)))
        return KAD_E_INVALID;
    if (config->n_nodes == 0 || config->n_nodes >= SIM_WAKE / SIM_FAMILIES - config->n_intruders ||
        (!config->ipv4 && !config->ipv6))
        return KAD_E_INVALID;
    world = kad_alloc_zero(&kad_allocator_system, sizeof(*world));
    if (!world)
        return KAD_E_MEMORY;
    world->config = *config;
    world->n_honest = config->n_nodes;
    world->config.n_nodes += config->n_intruders;
    if (!config->network)
        world->config.network = kad_network_mainline();
    world->config.latency.seed = sim_mix(config->seed, 0, 1);
    world->rng.state = sim_mix(config->seed, 0, 2);
    world->net_rng.state = sim_mix(config->seed, 0, 3);
    world->trace = config->seed;
    world->partner = SIM_NOBODY;
    sim_memory_init(&world->memory);
    kad_index_init(&world->addresses, &world->memory.allocator, (1u << 30) - 1);
    kad_heap_init(&world->heap, &world->memory.allocator, UINT32_MAX / 2);
    world->packets.slot_size = sizeof(struct sim_packet);
    world->timers.slot_size = sizeof(struct sim_timer);
    world->pending.slot_size = sizeof(struct sim_pending);
    error = make_world(world);
    if (error) {
        sim_world_free(world);
        return error;
    }
    *out_world = world;
    return 0;
}

static void free_packets(struct sim_world *world)
{
    struct kad_heap_entry entry;
    struct sim_packet *packets = world->packets.slots;

    while (kad_heap_pop(&world->heap, INT64_MAX, &entry)) {
        if ((entry.slot & SIM_KIND) == SIM_PACKET)
            kad_free(&world->memory.allocator, packets[entry.slot].bytes, packets[entry.slot].size);
    }
}

void sim_world_free(struct sim_world *world)
{
    const struct kad_allocator *allocator;

    if (!world)
        return;
    allocator = &world->memory.allocator;
    for (uint32_t i = 0; world->nodes && i < world->config.n_nodes; i++) {
        struct sim_node *node = &world->nodes[i];

        kad_engine_free(node->engine);
        if (node->store)
            node->store->ops->free(node->store);
        kad_free(allocator, node->saved, node->n_saved * sizeof(*node->saved));
        kad_free(allocator, node->peers, node->n_peers * sizeof(*node->peers));
    }
    free_packets(world);
    sim_links_free(world);
    kad_book_free(world->book);
    kad_index_clear(&world->addresses);
    kad_heap_clear(&world->heap);
    clear_pool(world, &world->packets);
    clear_pool(world, &world->timers);
    clear_pool(world, &world->pending);
    kad_free(allocator, world->batch.datagrams, BATCH_ROOM * sizeof(struct kad_datagram));
    kad_free(allocator, world->batch.memory, BATCH_ROOM * kad_network_datagram(world->config.network));
    kad_free(allocator, world->on, world->config.n_nodes * sizeof(*world->on));
    if (world->sound_before)
        kad_free(allocator, world->sound_before, world->config.n_nodes * sizeof(*world->sound_before));
    if (world->secrets)
        kad_free(allocator, world->secrets, world->config.n_intruders * sizeof(*world->secrets));
    if (world->keys)
        kad_free(allocator, world->keys, world->config.n_nodes * sizeof(*world->keys));
    kad_free(allocator, world->by_id, world->config.n_nodes * sizeof(*world->by_id));
    kad_free(allocator, world->nodes, world->config.n_nodes * sizeof(*world->nodes));
    sim_memory_clear(&world->memory);
    kad_free(&kad_allocator_system, world, sizeof(*world));
}

/* -- time ------------------------------------------------------------------------------------------------------- */

void sim_world_schedule(struct sim_world *world, sim_us at, uint32_t kind, uint32_t slot)
{
    assert(at >= world->now && "nothing happens in the past");
    if (kad_heap_add(&world->heap, at, kind | slot) != 0)
        sim_world_short(world);
}

void sim_world_after(struct sim_world *world, sim_us delay, void (*run)(void *, struct sim_world *, uint64_t),
                     void *context, uint64_t argument)
{
    const uint32_t slot = sim_pool_take(world, &world->timers);

    if (slot == SIM_NOBODY)
        return;
    ((struct sim_timer *)world->timers.slots)[slot] = (struct sim_timer){run, context, argument};
    sim_world_schedule(world, world->now + delay, SIM_TIMER, slot);
}

static void deliver(struct sim_world *world, uint32_t slot)
{
    const struct sim_packet packet = ((struct sim_packet *)world->packets.slots)[slot];
    const struct kad_datagram in = {.peer = packet.from, .bytes = {packet.bytes, packet.size}};

    sim_pool_give(&world->packets, slot);
    if (world->nodes[packet.to].engine && world->links) {
        sim_links_deliver(world, &packet);
    } else if (world->nodes[packet.to].engine) {
        world->counts.delivered++;
        world->partner = packet.sender;
        sim_node_turn(world, packet.to, &in);
        world->partner = SIM_NOBODY;
    } else {
        world->counts.off++;
    }
    kad_free(&world->memory.allocator, packet.bytes, packet.size);
}

static void happen(struct sim_world *world, const struct kad_heap_entry *entry)
{
    const uint32_t slot = entry->slot & ~SIM_KIND;
    struct sim_timer timer;

    switch (entry->slot & SIM_KIND) {
    case SIM_PACKET:
        deliver(world, slot);
        break;
    case SIM_WAKE:
        if (world->nodes[slot].scheduled_at != entry->at || !world->nodes[slot].engine)
            return; /* stale */
        world->nodes[slot].scheduled_at = -1;
        sim_node_turn(world, slot, NULL);
        break;
    default:
        timer = ((struct sim_timer *)world->timers.slots)[slot];
        sim_pool_give(&world->timers, slot);
        timer.run(timer.context, world, timer.argument);
        break;
    }
    world->counts.events++;
}

/* What the last level's fetch has brought leads to what this one's fetches. */
static void fetch(const struct sim_world *world, uint32_t entry, unsigned level)
{
    const bool is_packet = (entry & SIM_KIND) == SIM_PACKET;
    const struct sim_packet *packet = is_packet ? (struct sim_packet *)world->packets.slots + entry : NULL;
    const struct sim_node *node;

    if ((entry & SIM_KIND) == SIM_TIMER)
        return;
    if (level == SIM_AHEAD_LEVELS - 1) {
        if (packet)
            __builtin_prefetch(packet);
        return;
    }
    node = &world->nodes[packet ? packet->to : entry & ~SIM_KIND];
    if (level == SIM_AHEAD_LEVELS - 2) {
        sim_node_ahead(node);
        if (packet)
            __builtin_prefetch(packet->bytes);
        if (packet && packet->sender != SIM_NOBODY)
            sim_node_ahead(&world->nodes[packet->sender]);
    } else if (node->engine) {
        kad_engine_ahead(node->engine, KAD_AHEAD_STEPS - 1 - level);
    }
}

/* Who comes up next stands in the upper levels of the heap. Of a world larger than the processor's caches nothing is where it is needed,
 * so on its way up it is fetched in steps, each through what the last one brought: packet, node, engine, the engine's parts. */
static void look_ahead(struct sim_world *world)
{
    uint32_t i = 0;

    for (unsigned level = 0; level < SIM_AHEAD_LEVELS; level++) {
        for (; i < (2u << level) - 1 && i < world->heap.n_entries; i++) {
            const uint32_t entry = world->heap.entries[i].slot;

            if (world->ahead[i] != entry) /* has moved up, or is new */
                fetch(world, entry, level);
            world->ahead[i] = entry;
        }
    }
}

bool sim_world_run(struct sim_world *world, sim_us until)
{
    struct kad_heap_entry entry;

    while (!world->why[0] && kad_heap_pop(&world->heap, until, &entry)) {
        world->now = entry.at;
        look_ahead(world);
        happen(world, &entry);
        if (world->now - world->scanned_at >= SIM_SECOND)
            sim_world_scan(world);
    }
    if (world->why[0])
        return false;
    if (until > world->now)
        world->now = until;
    return true;
}

/* -- looking in ------------------------------------------------------------------------------------------------- */

sim_us sim_world_now(const struct sim_world *world)
{
    return world->now;
}

kad_ms sim_world_ms(const struct sim_world *world)
{
    return SIM_EPOCH + world->now / 1000;
}

const char *sim_world_why(const struct sim_world *world)
{
    return world->why[0] ? world->why : NULL;
}

/* The first one counts: what follows may follow from it. */
void sim_world_violated(struct sim_world *world, uint32_t node, const char *format, ...)
{
    const int n =
        world->why[0]
            ? -1
            : snprintf(world->why, sizeof(world->why),
                       "seed %llu, at %lld.%06lld s, node %d: ", (unsigned long long)world->config.seed,
                       (long long)(world->now / SIM_SECOND), (long long)(world->now % SIM_SECOND), (int)node);
    va_list arguments;

    if (n < 0 || (size_t)n >= sizeof(world->why))
        return;
    va_start(arguments, format);
    vsnprintf(world->why + n, sizeof(world->why) - (size_t)n, format, arguments);
    va_end(arguments);
}

uint64_t sim_world_trace(const struct sim_world *world)
{
    return world->trace;
}

const struct sim_counts *sim_world_counts(const struct sim_world *world)
{
    return &world->counts;
}

size_t sim_world_memory(const struct sim_world *world)
{
    return world->memory.now;
}

size_t sim_world_memory_peak(const struct sim_world *world)
{
    return world->memory.peak;
}

struct sim_rng *sim_world_rng(struct sim_world *world)
{
    return &world->rng;
}

struct kad_settings *sim_world_settings(struct sim_world *world)
{
    return &world->config.settings;
}

uint32_t sim_world_n_nodes(const struct sim_world *world)
{
    return world->config.n_nodes;
}

uint32_t sim_world_n_on(const struct sim_world *world)
{
    return world->n_on;
}

uint32_t sim_world_n_honest(const struct sim_world *world)
{
    return world->n_honest;
}

uint32_t sim_world_anybody(struct sim_world *world)
{
    for (uint32_t draws = 0; world->n_on && draws < 1000; draws++) {
        const uint32_t node = world->on[sim_below(&world->rng, world->n_on)];

        if (!world->nodes[node].hostile)
            return node;
    }
    return SIM_NOBODY;
}

void sim_node_corrupt(struct sim_world *world, uint32_t node, bool hostile, bool forges)
{
    world->nodes[node].hostile = hostile;
    world->nodes[node].forges = hostile && forges;
}

bool sim_node_hostile(const struct sim_world *world, uint32_t node)
{
    return world->nodes[node].hostile;
}
