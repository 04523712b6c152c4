/* world_people - who the nodes are: their identities, ids and addresses, and those of intruders. */
#include "sim/world_parts.h"

#include <assert.h>
#include <string.h>

#include "base/endpoint.h"
#include "base/hash.h"
#include "crypto/identity.h"
#include "engine/network.h"
#include "wire/krpc/krpc.h"

/* The n-th of a permutation of all 32-bit numbers. */
static uint32_t shuffle(uint64_t seed, uint32_t n)
{
    uint32_t x = n ^ (uint32_t)seed;

    for (int i = 0; i < 3; i++) {
        x ^= x >> 16;
        x *= 0x7feb352d;
        x ^= x >> 15;
        x *= 0x846ca68b;
        x ^= (uint32_t)(seed >> 32);
    }
    return x ^ x >> 16;
}

static struct kad_endpoint make_v4(const struct sim_world *world, uint32_t *counter)
{
    for (;;) {
        const uint32_t bits = shuffle(world->config.seed, (*counter)++);
        const uint8_t address[4] = {(uint8_t)(bits >> 24), (uint8_t)(bits >> 16), (uint8_t)(bits >> 8),
                                    (uint8_t)bits};
        const struct kad_endpoint endpoint = kad_endpoint_v4(address, 6881);

        if (kad_endpoint_scope(&endpoint) == KAD_SCOPE_PUBLIC)
            return endpoint;
    }
}

/* 2a00::/16, a /48 for each node: as homes have. */
static struct kad_endpoint make_v6(const struct sim_world *world, uint32_t node)
{
    const uint32_t bits = shuffle(world->config.seed ^ 6, node);
    const uint8_t address[16] = {0x2a,
                                 0,
                                 (uint8_t)(bits >> 24),
                                 (uint8_t)(bits >> 16),
                                 (uint8_t)(bits >> 8),
                                 (uint8_t)bits,
                                 0,
                                 0,
                                 2,
                                 0,
                                 0,
                                 0,
                                 0,
                                 0,
                                 0,
                                 1};

    return kad_endpoint_v6(address, 6881);
}

static uint64_t address_hash(const struct kad_endpoint *endpoint)
{
    return kad_hash(UINT64_C(0x6b61642d73696d21), endpoint->address, sizeof(endpoint->address)) +
           endpoint->port;
}

static void node_rng(const struct sim_world *world, uint32_t node, struct kad_rng *out_rng)
{
    uint8_t seed[KAD_SEED_SIZE] = {'i', 'd'};

    for (size_t j = 0; j < 8; j++)
        seed[8 + j] = (uint8_t)(world->config.seed >> 8 * j);
    for (size_t j = 0; j < 4; j++)
        seed[16 + j] = (uint8_t)(node >> 8 * j);
    kad_rng_init(out_rng, seed);
}

void sim_node_secret(const struct sim_world *world, uint32_t node, uint8_t out_secret[32])
{
    struct kad_rng rng;

    node_rng(world, node, &rng);
    if (world->secrets && node >= world->n_honest)
        memcpy(out_secret, world->secrets[node - world->n_honest], 32);
    else
        kad_rng_bytes(&rng, out_secret, 32);
}

static struct kad_id make_id(struct sim_world *world, uint32_t number)
{
    const struct sim_node *node = &world->nodes[number];
    struct kad_identity identity;
    uint8_t secret[32];
    struct kad_rng rng;
    struct kad_id id;

    if (world->keys) {
        sim_node_secret(world, number, secret);
        kad_identity_from_seed(&identity, secret);
        memcpy(world->keys[number], identity.public_key, sizeof(world->keys[number]));
        if (!world->config.network->rules.id_of_key)
            return kad_identity_id(identity.public_key);
        world->config.network->rules.id_of_key(identity.public_key, &id);
        return id;
    }
    node_rng(world, number, &rng);
    return world->config.ids_fit ? kad_krpc_make_id(&node->endpoints[world->config.ipv4 ? 0 : 1], &rng)
                                 : kad_id_random(&rng, world->config.network->rules.id_bits);
}

int sim_world_make_nodes(struct sim_world *world)
{
    for (uint32_t i = 0; i < world->config.n_nodes; i++) {
        struct sim_node *node = &world->nodes[i];

        node->position = sim_position_of(&world->config.latency, i);
        node->scheduled_at = -1;
        node->client = sim_mix(world->config.seed, i, 9) % 1000000 < world->config.client_ppm;
        if (world->config.ipv4)
            node->endpoints[0] = make_v4(world, &world->n_addresses);
        if (world->config.ipv6)
            node->endpoints[1] = make_v6(world, i);
        for (uint32_t j = 0; j < SIM_FAMILIES; j++) {
            int error;

            if (node->endpoints[j].family == KAD_FAMILY_NONE)
                continue;
            error = kad_index_add(&world->addresses, address_hash(&node->endpoints[j]), i * SIM_FAMILIES + j);
            if (error)
                return error;
        }
        node->id = make_id(world, i);
    }
    return 0;
}

int sim_node_readdress(struct sim_world *world, uint32_t number, const struct kad_endpoint *endpoint)
{
    struct kad_endpoint *place = &world->nodes[number].endpoints[0];
    const uint32_t slot = number * SIM_FAMILIES;

    kad_index_remove(&world->addresses, address_hash(place), slot);
    *place = *endpoint;
    return kad_index_add(&world->addresses, address_hash(place), slot);
}

int sim_node_move(struct sim_world *world, uint32_t number)
{
    struct kad_endpoint elsewhere;

    if (world->nodes[number].endpoints[0].family == KAD_FAMILY_NONE)
        return 0;
    elsewhere = make_v4(world, &world->n_addresses);
    return sim_node_readdress(world, number, &elsewhere);
}

static struct kad_endpoint address_in_group(const struct sim_world *world, uint32_t group, uint32_t n)
{
    uint32_t draw = 1u << 31; /* none that anybody else draws from */
    struct kad_endpoint endpoint;

    for (uint32_t i = 0; i <= group; i++)
        endpoint = make_v4(world, &draw);
    endpoint.address[2] = (uint8_t)(n >> 8);
    endpoint.address[3] = (uint8_t)n;
    endpoint.port = (uint16_t)(6881 + (n >> 16));
    return endpoint;
}

int sim_world_intrude(struct sim_world *world, uint32_t first, uint32_t n, const uint8_t (*secrets)[32],
                      uint32_t groups)
{
    const size_t size = world->config.n_intruders * sizeof(*world->secrets);
    int error = 0;

    assert(first >= world->n_honest && first + n <= world->config.n_nodes && "not intruders");
    if (secrets && !world->secrets) {
        uint8_t(*own)[32] = kad_alloc(&world->memory.allocator, size);

        if (!own)
            return KAD_E_MEMORY;
        for (uint32_t i = 0; i < world->config.n_intruders; i++)
            sim_node_secret(world, world->n_honest + i, own[i]);
        world->secrets = own;
    }
    for (uint32_t i = 0; i < n && !error; i++) {
        const uint32_t node = first + i;

        if (secrets) {
            memcpy(world->secrets[node - world->n_honest], secrets[i], 32);
            world->nodes[node].id = make_id(world, node);
        }
        if (groups && world->nodes[node].endpoints[0].family != KAD_FAMILY_NONE) {
            const struct kad_endpoint place = address_in_group(world, i % groups, i / groups);

            if (sim_node_at(world, &place) == SIM_NOBODY)
                error = sim_node_readdress(world, node, &place);
        }
    }
    sim_world_sort(world);
    return error;
}

uint32_t sim_node_at(const struct sim_world *world, const struct kad_endpoint *endpoint)
{
    const uint64_t hash = address_hash(endpoint);

    for (uint32_t at = kad_index_first(&world->addresses, hash); at != KAD_INDEX_END;
         at = kad_index_next(&world->addresses, hash, at)) {
        const uint32_t slot = kad_index_slot(&world->addresses, at);

        if (kad_endpoint_equal(&world->nodes[slot / SIM_FAMILIES].endpoints[slot % SIM_FAMILIES], endpoint))
            return slot / SIM_FAMILIES;
    }
    return SIM_NOBODY;
}
