/* world_ids - all nodes in the order of their ids: who is nearest to what, as nobody inside the world knows. */
#include "sim/world_parts.h"

#include <assert.h>
#include <string.h>

static int order(const struct sim_world *world, uint32_t a, uint32_t b)
{
    return memcmp(&world->nodes[a].id, &world->nodes[b].id, sizeof(struct kad_id));
}

static void sift(const struct sim_world *world, uint32_t *heap, uint32_t n, uint32_t i)
{
    const uint32_t moved = heap[i];

    for (;;) {
        uint32_t child = 2 * i + 1;

        if (child + 1 < n && order(world, heap[child], heap[child + 1]) < 0)
            child++;
        if (child >= n || order(world, heap[child], moved) <= 0)
            break;
        heap[i] = heap[child];
        i = child;
    }
    heap[i] = moved;
}

/* Heap sort: qsort() has no argument for the world, and needs none of ours to agree with other machines' this way. */
void sim_world_sort(struct sim_world *world)
{
    const uint32_t n = world->config.n_nodes;

    for (uint32_t i = 0; i < n; i++)
        world->by_id[i] = i;
    for (uint32_t i = n / 2; i-- > 0;)
        sift(world, world->by_id, n, i);
    for (uint32_t i = n; i-- > 1;) {
        const uint32_t largest = world->by_id[0];

        world->by_id[0] = world->by_id[i];
        world->by_id[i] = largest;
        sift(world, world->by_id, i, 0);
    }
}

const struct kad_id *sim_node_id(const struct sim_world *world, uint32_t node)
{
    return &world->nodes[node].id;
}

const struct kad_endpoint *sim_node_endpoint(const struct sim_world *world, uint32_t node,
                                             enum kad_family family)
{
    return &world->nodes[node].endpoints[family == KAD_IPV6];
}

bool sim_node_client(const struct sim_world *world, uint32_t node)
{
    return world->nodes[node].client;
}

struct kad_engine *sim_node_engine(struct sim_world *world, uint32_t node)
{
    return world->nodes[node].engine;
}

struct kad_store *sim_node_store(struct sim_world *world, uint32_t node)
{
    return world->nodes[node].engine ? world->nodes[node].store : NULL;
}

uint32_t sim_node_with_id(const struct sim_world *world, const struct kad_id *id)
{
    uint32_t from = 0, to = world->config.n_nodes;

    while (from < to) {
        const uint32_t middle = from + (to - from) / 2;
        const int c = memcmp(&world->nodes[world->by_id[middle]].id, id, sizeof(*id));

        if (c == 0)
            return world->by_id[middle];
        if (c < 0)
            from = middle + 1;
        else
            to = middle;
    }
    return SIM_NOBODY;
}

/* by_id[from..to) share `bit` bits. The half that shares one more with the target comes first, all of it. */
static size_t collect(const struct sim_world *world, const struct kad_id *target, uint32_t from, uint32_t to,
                      unsigned bit, size_t n, uint32_t *out_nodes, size_t found)
{
    uint32_t middle = from, end = to;

    if (found == n || from == to)
        return found;
    if (to - from == 1 || bit == 256) {
        if (world->nodes[world->by_id[from]].engine && !world->nodes[world->by_id[from]].client)
            out_nodes[found++] = world->by_id[from];
        return found;
    }
    while (middle < end) {
        const uint32_t half = middle + (end - middle) / 2;

        if (kad_id_bit(&world->nodes[world->by_id[half]].id, bit))
            end = half;
        else
            middle = half + 1;
    }
    if (kad_id_bit(target, bit)) {
        found = collect(world, target, middle, to, bit + 1, n, out_nodes, found);
        return collect(world, target, from, middle, bit + 1, n, out_nodes, found);
    }
    found = collect(world, target, from, middle, bit + 1, n, out_nodes, found);
    return collect(world, target, middle, to, bit + 1, n, out_nodes, found);
}

size_t sim_world_closest(const struct sim_world *world, const struct kad_id *target, size_t n,
                         uint32_t *out_nodes)
{
    return collect(world, target, 0, world->config.n_nodes, 0, n, out_nodes, 0);
}
