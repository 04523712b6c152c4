#include "sim/collude.h"

#include <string.h>

#include "base/endpoint.h"
#include "core/id.h"
#include "crypto/identity.h"
#include "engine/network.h"
#include "sim/grind.h"
#include "sim/siege.h"

#define TRIES \
    60 /* identities searched for each honest node, so many per Sybil that a key wants nearer than all honest ones */
#define QUESTS      16384
#define QUEST_LIFE  (60 * SIM_SECOND)
#define USED_MOST   120
#define NAMED_MOST  20
#define ARRIVE_OVER (20 * SIM_SECOND)
#define ARRIVE_MOST 50 /* a second */
#define HUNT_EVERY  SIM_HOUR

/* Whom somebody who looks for something has asked of us so far. */
struct quest {
    uint64_t key;
    sim_us at;
    uint32_t n;
    uint32_t used[USED_MOST];
};

struct colluder {
    uint64_t head;
    uint32_t node;
};

struct sim_conspiracy {
    struct sim_conspiracy *next;
    struct sim_run *run;
    struct sim_action action;
    sim_us until;
    uint32_t first, n_intruders; /* of the world's nodes, none if nodes were turned */
    struct colluder *members;
    uint32_t n_members;
    struct quest *quests;
    struct sim_rng rng;
    uint8_t altered[KAD_DATAGRAM_MAX];
};

static uint64_t head_of(const struct sim_run *run, uint32_t node)
{
    return kad_id_head(sim_node_id(run->world, node));
}

/* -- lies ------------------------------------------------------------------------------------------------------- */

static struct quest *quest_of(struct sim_conspiracy *all, uint32_t asker, uint64_t target)
{
    const uint64_t key = sim_mix(target, asker, 11);
    struct quest *quest = &all->quests[key % QUESTS];
    const sim_us now = sim_world_now(all->run->world);

    if (quest->key != key || now - quest->at > QUEST_LIFE)
        *quest = (struct quest){.key = key};
    quest->at = now;
    return quest;
}

static bool was_used(const struct quest *quest, uint32_t node)
{
    for (uint32_t i = 0; i < quest->n; i++) {
        if (quest->used[i] == node)
            return true;
    }
    return false;
}

/* The nearest colluders to `target` that are on, nearest first. */
static size_t choose(const struct sim_conspiracy *all, const struct quest *quest, uint64_t target,
                     size_t most, uint32_t out_nodes[NAMED_MOST])
{
    uint64_t distances[NAMED_MOST];
    size_t n = 0;

    for (uint32_t i = 0; i < all->n_members; i++) {
        const struct colluder *one = &all->members[i];
        const uint64_t distance = one->head ^ target;
        size_t at = n;

        if ((n == most && distance >= distances[n - 1]) || !sim_node_engine(all->run->world, one->node) ||
            was_used(quest, one->node))
            continue;
        n += n < most;
        for (at = at < most ? at : most - 1; at > 0 && distances[at - 1] > distance; at--) {
            distances[at] = distances[at - 1];
            out_nodes[at] = out_nodes[at - 1];
        }
        distances[at] = distance;
        out_nodes[at] = one->node;
    }
    return n;
}

static struct sim_conspiracy *conspiracy_of(const struct sim_run *run, uint32_t node)
{
    for (struct sim_conspiracy *all = run->conspiracies; all; all = all->next) {
        uint32_t from = 0, to = all->n_members; /* in the order of their numbers */

        while (from < to) {
            const uint32_t middle = from + (to - from) / 2;

            if (all->members[middle].node < node)
                from = middle + 1;
            else
                to = middle;
        }
        if (from < all->n_members && all->members[from].node == node)
            return all;
    }
    return NULL;
}

static const uint8_t *key_of(struct sim_run *run, uint32_t node)
{
    return kad_engine_identity(sim_node_engine(run->world, node));
}

static void name_colluders(struct sim_conspiracy *all, const struct kad_message *query, uint32_t asker,
                           uint32_t node, struct kad_message *reply)
{
    const uint64_t target = kad_id_head(&query->target);
    const unsigned k = all->run->scenario.config.settings.k;
    struct quest *quest = quest_of(all, asker, target);
    uint32_t nodes[NAMED_MOST];
    size_t n;

    if (quest->n < USED_MOST && !was_used(quest, node))
        quest->used[quest->n++] = node;
    n = choose(all, quest, target, k < NAMED_MOST ? k : NAMED_MOST, nodes);
    reply->named = NULL;
    reply->named_identities = NULL;
    reply->n_contacts = 0;
    for (size_t i = 0; i < n; i++) {
        const uint8_t *key = key_of(all->run, nodes[i]);

        reply->contacts[i] =
            (struct kad_contact){.id = *sim_node_id(all->run->world, nodes[i]),
                                 .endpoint = *sim_node_endpoint(all->run->world, nodes[i], KAD_IPV4)};
        reply->identities[i] = (struct kad_bytes){key, key ? KAD_IDENTITY_SIZE : 0};
        reply->n_contacts++;
    }
}

/* Half of those named do not exist: random keys, somewhere. */
static void invent(struct sim_conspiracy *all, struct kad_message *reply)
{
    for (size_t i = 0; i < reply->n_contacts; i += 2) {
        uint8_t *key = all->altered + sizeof(all->altered) - (i + 1) * KAD_IDENTITY_SIZE;

        for (size_t j = 0; j < KAD_IDENTITY_SIZE; j++)
            key[j] = (uint8_t)sim_random(&all->rng);
        reply->identities[i] = (struct kad_bytes){key, reply->identities[i].size};
        reply->contacts[i].id = kad_identity_id(key);
        reply->contacts[i].endpoint.address[1] = (uint8_t)sim_random(&all->rng);
        reply->contacts[i].endpoint.address[3] = (uint8_t)sim_random(&all->rng);
    }
}

static void alter(struct sim_conspiracy *all, struct kad_record *record)
{
    if (record->type == KAD_RECORD_NONE || !record->value.size || record->value.size > 512)
        return;
    memcpy(all->altered, record->value.data, record->value.size);
    all->altered[0] ^= 1;
    record->value.data = all->altered;
}

bool sim_collude_lie(void *context, struct sim_world *world, uint32_t node, uint32_t asker,
                     const struct kad_message *query, struct kad_message *reply)
{
    struct sim_run *run = context;
    struct sim_conspiracy *all = conspiracy_of(run, node);

    (void)world;
    if (!all ||
        (query->method != KAD_FIND_NODE && query->method != KAD_GET && query->method != KAD_GET_PEERS))
        return true;
    name_colluders(all, query, asker, node, reply);
    reply->n_peers = 0;
    if (all->action.forge) {
        invent(all, reply);
        alter(all, &reply->record);
    }
    return true;
}

/* -- who -------------------------------------------------------------------------------------------------------- */

static void arrive(void *context, struct sim_world *world, uint64_t node)
{
    struct sim_conspiracy *all = context;

    if (sim_world_now(world) < all->until && !sim_node_engine(world, (uint32_t)node) &&
        sim_node_start(world, (uint32_t)node, 3) != 0)
        sim_world_violated(world, (uint32_t)node, "cannot start: out of memory");
}

static void told(void *context, struct sim_world *world, uint32_t node, const struct kad_event *event)
{
    (void)context;
    (void)world;
    (void)node;
    (void)event;
}

/* Who wants to be in many tables shows itself, at a random place each time. */
static void hunt(void *context, struct sim_world *world, uint64_t node)
{
    struct sim_conspiracy *all = context;
    struct kad_request request = {.kind = KAD_REQUEST_CLOSEST};

    if (sim_world_now(world) >= all->until)
        return;
    request.target = *sim_node_id(world, sim_below(&all->rng, sim_world_n_honest(world)));
    if (sim_node_engine(world, (uint32_t)node) &&
        sim_node_request(world, (uint32_t)node, &request, told, NULL) != 0)
        sim_world_violated(world, (uint32_t)node, "cannot ask");
    sim_world_after(world, HUNT_EVERY / 2 + sim_below(&all->rng, (uint32_t)(HUNT_EVERY / 1000)) * 1000, hunt,
                    all, node);
}

static void leave(void *context, struct sim_world *world, uint64_t argument)
{
    struct sim_conspiracy *all = context;

    (void)argument;
    for (uint32_t i = 0; i < all->n_members; i++) {
        const uint32_t node = all->members[i].node;

        if (all->n_intruders && sim_node_engine(world, node))
            sim_node_stop(world, node, SIM_CRASH_KEEP);
        sim_node_corrupt(world, node, false, false);
    }
    all->n_members = 0;
}

static void add_member(struct sim_conspiracy *all, uint32_t node)
{
    all->members[all->n_members++] = (struct colluder){.head = head_of(all->run, node), .node = node};
    sim_node_corrupt(all->run->world, node, true, all->action.forge);
}

static void turn_some(struct sim_conspiracy *all)
{
    const uint32_t n = sim_world_n_honest(all->run->world);

    for (uint32_t i = 0; i < n; i++) {
        if (sim_chance(&all->rng, all->action.ppm))
            add_member(all, i);
    }
}

/* Around one key: nearer than anybody, or one between each two honest nodes, so that the density tells nothing. */
static int grind_around(struct sim_conspiracy *all, struct sim_grind *pool, uint64_t target,
                        const struct kad_id *key, uint8_t (*out_secrets)[32])
{
    uint32_t honest[64];
    const size_t n_honest = sim_world_closest(all->run->world, key, 64, honest);

    for (uint32_t i = 0; i < all->action.n; i++) {
        const size_t between = i < n_honest ? i : n_honest;
        const uint64_t beyond =
            all->action.apart && between ? head_of(all->run, honest[between - 1]) ^ target : 0;

        if (!sim_grind_take(pool, target, beyond, out_secrets[i]))
            return KAD_E_LIMIT;
    }
    return 0;
}

/* Every second one as near to its victim as can be had; the others anywhere. */
static int grind_siege(struct sim_conspiracy *all, uint8_t (*secrets)[32])
{
    struct sim_grind pool;
    int error = sim_grind_new(&pool, TRIES * sim_world_n_honest(all->run->world), sim_random(&all->rng));

    for (uint32_t i = 0; i < all->action.n && !error; i++) {
        const uint64_t target =
            i % 2 ? sim_random(&all->rng) : head_of(all->run, sim_siege_victim(all->run, i));

        error = sim_grind_take(&pool, target, 0, secrets[i]) ? 0 : KAD_E_LIMIT;
    }
    sim_grind_clear(&pool);
    return error;
}

static int grind(struct sim_conspiracy *all, uint8_t (*secrets)[32])
{
    const struct sim_run *run = all->run;
    const uint32_t from = all->action.held ? 0 : run->records.n;
    struct sim_grind pool;
    int error = sim_grind_new(&pool, TRIES * sim_world_n_honest(run->world), sim_random(&all->rng));

    for (uint32_t i = 0; i < all->action.around && !error; i++) {
        const struct kad_id key = sim_work_key(run, from + i);

        error = grind_around(all, &pool, kad_id_head(&key), &key, secrets + (size_t)i * all->action.n);
    }
    sim_grind_clear(&pool);
    return error;
}

static int invite(struct sim_conspiracy *all)
{
    struct sim_world *world = all->run->world;
    const uint32_t n = all->n_intruders;
    uint8_t(*secrets)[32] = NULL;
    const bool besieges = all->action.attack == SIM_SIEGE;
    const sim_us soon =
        n / ARRIVE_MOST * SIM_SECOND > ARRIVE_OVER ? n / ARRIVE_MOST * SIM_SECOND : ARRIVE_OVER;
    const sim_us over = all->action.growing > soon ? all->action.growing : soon;
    int error = 0;

    if (all->action.around || besieges) {
        secrets = kad_allocator_system.resize(NULL, NULL, 0, n * sizeof(*secrets));
        error = !secrets ? KAD_E_MEMORY : besieges ? grind_siege(all, secrets) : grind(all, secrets);
    }
    if (!error)
        error = sim_world_intrude(world, all->first, n, (const uint8_t(*)[32])secrets, all->action.groups);
    kad_allocator_system.resize(NULL, secrets, n * sizeof(*secrets), 0);
    for (uint32_t i = 0; i < n && !error; i++) {
        const sim_us at = over * i / n;

        add_member(all, all->first + i);
        sim_world_after(world, at, arrive, all, all->first + i);
        if (besieges)
            sim_siege_pester(all->run, all->first + i, sim_siege_victim(all->run, i), all->until);
        else if (!all->action.around)
            sim_world_after(world, at + sim_below(&all->rng, (uint32_t)(HUNT_EVERY / 1000)) * 1000, hunt, all,
                            all->first + i);
    }
    return error;
}

/* -- life ------------------------------------------------------------------------------------------------------- */

int sim_collude_begin(struct sim_run *run, const struct sim_action *action)
{
    struct sim_conspiracy *all = kad_allocator_system.resize(NULL, NULL, 0, sizeof(*all));
    uint32_t n;

    if (!all)
        return KAD_E_MEMORY;
    memset(all, 0, sizeof(*all));
    all->run = run;
    all->action = *action;
    all->until = sim_world_now(run->world) + action->span;
    all->rng.state = sim_random(sim_world_rng(run->world));
    all->next = run->conspiracies;
    run->conspiracies = all;
    if (action->attack == SIM_SIEGE)
        sim_siege_attacked(run, all->until);
    if (action->attack == SIM_SYBIL || action->attack == SIM_SIEGE) {
        all->n_intruders = action->n * (action->around ? action->around : 1);
        all->first = sim_world_n_honest(run->world) + run->n_intruders;
        run->n_intruders += all->n_intruders;
    }
    n = all->n_intruders ? all->n_intruders : sim_world_n_honest(run->world);
    all->members = kad_allocator_system.resize(NULL, NULL, 0, n * sizeof(*all->members));
    all->quests = kad_allocator_system.resize(NULL, NULL, 0, QUESTS * sizeof(*all->quests));
    if (!all->members || !all->quests)
        return KAD_E_MEMORY;
    memset(all->quests, 0, QUESTS * sizeof(*all->quests));
    sim_world_after(run->world, action->span, leave, all, 0);
    if (all->n_intruders)
        return invite(all);
    turn_some(all);
    return 0;
}

void sim_collude_clear(struct sim_run *run)
{
    while (run->conspiracies) {
        struct sim_conspiracy *all = run->conspiracies;

        run->conspiracies = all->next;
        kad_allocator_system.resize(NULL, all->members, 0, 0);
        kad_allocator_system.resize(NULL, all->quests, 0, 0);
        kad_allocator_system.resize(NULL, all, sizeof(*all), 0);
    }
}
