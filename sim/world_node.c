/* world_node - nodes on and off, their turns, and their requests. */
#include "sim/world_links.h"

#include <assert.h>
#include <string.h>

#include "core/message.h"
#include "engine/network.h"
#include "lookout/anchors.h"

#define MOST_TICKS       1000 /* of one turn: an engine that wants more never comes to rest */
#define SAVED_MOST       256
#define LOOK_AGAIN_EVERY 64         /* checks: then nothing is taken to be what it was */
#define LATE_MOST        SIM_SECOND /* a request that lives this much longer than its deadline has been forgotten */

/* -- turns ------------------------------------------------------------------------------------------------------ */

static void settle(struct sim_world *world, uint32_t number)
{
    struct sim_node *node = &world->nodes[number];
    struct kad_batch *batch = &world->batch;
    struct kad_event event;

    for (unsigned i = 0; i < batch->n; i++) {
        const struct kad_datagram *datagram = &batch->datagrams[i];

        sim_world_send(world, number, &node->endpoints[datagram->peer.family == KAD_IPV4 ? 0 : 1],
                       &datagram->peer, datagram->bytes);
    }
    batch->n = 0;
    while (kad_engine_next_event(node->engine, &event))
        sim_world_tell(world, number, &event);
}

static void schedule_wake(struct sim_world *world, uint32_t number)
{
    struct sim_node *node = &world->nodes[number];
    const kad_ms wake = kad_engine_wake_at(node->engine);
    sim_us at;

    if (wake == KAD_NEVER)
        return;
    at = wake <= SIM_EPOCH ? world->now : (wake - SIM_EPOCH) * 1000;
    if (at < world->now)
        at = world->now;
    if (node->scheduled_at >= 0 && node->scheduled_at <= at)
        return; /* wakes earlier, and will look again */
    node->scheduled_at = at;
    sim_world_schedule(world, at, SIM_WAKE, number);
}

/* Something happened to this node, and to no other: it is the one to look at. */
static void touched(struct sim_world *world, uint32_t number)
{
    world->counts.turns++;
    if (world->config.check_every && world->counts.turns % world->config.check_every == 0)
        sim_node_check(world, number);
}

void sim_node_turn(struct sim_world *world, uint32_t number, const struct kad_datagram *in)
{
    struct sim_node *node = &world->nodes[number];
    const kad_ms now = sim_world_ms(world);

    if (in) {
        if (node->hostile)
            sim_hostile_datagram(world, number, in);
        else
            kad_engine_datagram(node->engine, in, now, &world->batch);
        settle(world, number);
    }
    for (int i = 0; kad_engine_wake_at(node->engine) <= now; i++) {
        if (i == MOST_TICKS) {
            sim_world_violated(world, number, "an engine that never comes to rest");
            return;
        }
        if (node->hostile)
            sim_hostile_tick(world, number);
        else
            kad_engine_tick(node->engine, now, &world->batch);
        settle(world, number);
    }
    schedule_wake(world, number);
    touched(world, number);
}

/* -- on and off ------------------------------------------------------------------------------------------------- */

static const struct kad_settings *settings_of(const struct sim_world *world, uint32_t number)
{
    if (world->nodes[number].client)
        return &world->client_settings;
    if (!world->config.has_others || number < world->config.n_watched)
        return &world->config.settings;
    return number < world->n_honest ? &world->config.others : &world->idle_settings;
}

static int make_engine(struct sim_world *world, uint32_t number)
{
    struct sim_node *node = &world->nodes[number];
    struct kad_engine_config config = {
        .network = world->config.network,
        .settings = settings_of(world, number),
        .allocator = &world->memory.allocator,
        .id = &node->id,
        .book = world->book,
        .ipv4 = world->config.ipv4,
        .ipv6 = world->config.ipv6,
        .watch = 0,
        .counters = &world->counters,
    };
    int error;

    for (size_t i = 0; i < 4; i++) {
        const uint64_t word = sim_mix(world->config.seed ^ 4, (uint64_t)node->starts << 32 | number, i);

        for (size_t j = 0; j < 8; j++)
            config.seed[8 * i + j] = (uint8_t)(word >> 8 * j);
    }
    if (world->config.ids_fit)
        config.address = node->endpoints[world->config.ipv4 ? 0 : 1];
    if (world->keys) {
        sim_node_secret(world, number, config.secret);
        config.has_secret = true;
    }
    if (!node->store)
        node->store = sim_guard_new(world, number);
    if (!node->store)
        return KAD_E_MEMORY;
    config.store = node->store;
    error = kad_engine_new(&config, sim_world_ms(world), &node->engine);
    if (error)
        return error;
    if (world->sound_before)
        world->sound_before[number] = (struct kad_sound_before){0};
    node->starts++;
    node->on_since = sim_world_ms(world);
    node->on_at = world->n_on;
    world->on[world->n_on++] = number;
    world->counts.starts++;
    if (world->links)
        sim_links_start(world, number);
    return 0;
}

/* A node that was saved, or is introduced: known to the world, so its key is. */
static int add_contact(struct sim_world *world, struct kad_engine *engine, const struct kad_contact *contact,
                       bool trusted)
{
    uint32_t other;

    if (!world->keys)
        return kad_engine_contact(engine, contact, trusted, sim_world_ms(world));
    other = sim_node_with_id(world, &contact->id);
    if (other == SIM_NOBODY)
        return KAD_E_NOT_FOUND;
    return kad_engine_contact_key(engine, &contact->endpoint, world->keys[other], trusted,
                                  sim_world_ms(world));
}

static void take_back(struct sim_world *world, struct sim_node *node)
{
    for (uint32_t i = node->n_peers; i-- > 0;) { /* those noted longest ago first */
        const int error = kad_engine_remember(node->engine, &node->peers[i], sim_world_ms(world));

        (void)error; /* what does not fit was not worth keeping */
    }
    for (uint32_t i = 0; i < node->n_saved; i++) {
        const int error = add_contact(world, node->engine, &node->saved[i], false);

        (void)error;
    }
    kad_free(&world->memory.allocator, node->peers, node->n_peers * sizeof(*node->peers));
    node->peers = NULL;
    node->n_peers = 0;
    kad_free(&world->memory.allocator, node->saved, node->n_saved * sizeof(*node->saved));
    node->saved = NULL;
    node->n_saved = 0;
}

void sim_node_wake(struct sim_world *world, uint32_t number)
{
    if (world->nodes[number].engine)
        schedule_wake(world, number);
}

int sim_node_start(struct sim_world *world, uint32_t number, unsigned n_bootstraps)
{
    uint32_t others[8];
    unsigned n = 0;

    for (unsigned i = 0; i < n_bootstraps && i < 8 && world->n_on; i++)
        others[n++] = sim_world_anybody(world);
    return sim_node_start_through(world, number, others, n);
}

int sim_node_start_through(struct sim_world *world, uint32_t number, const uint32_t *others, unsigned n)
{
    struct sim_node *node = &world->nodes[number];
    int error;

    assert(!node->engine && "on already");
    error = make_engine(world, number);
    if (error)
        return error;
    take_back(world, node);
    for (unsigned i = 0; i < n; i++) {
        for (int j = 0; j < SIM_FAMILIES; j++) {
            const struct kad_endpoint *endpoint = &world->nodes[others[i]].endpoints[j];

            if (endpoint->family != KAD_FAMILY_NONE)
                error = kad_engine_bootstrap(node->engine, endpoint, sim_world_ms(world));
            if (error)
                return error;
        }
    }
    schedule_wake(world, number);
    touched(world, number);
    return 0;
}

/* As a daemon's state has it: anchors are asked first, and what is given last is. */
static void save_state(struct sim_world *world, struct sim_node *node)
{
    const size_t n = kad_engine_peers(node->engine, NULL, 0, sim_world_ms(world));
    uint8_t keys[SAVED_MOST][32] = {{0}};

    if (!n || !node->n_saved)
        return;
    node->peers = kad_alloc(&world->memory.allocator, n * sizeof(*node->peers));
    if (!node->peers) {
        sim_world_short(world);
        return;
    }
    node->n_peers = (uint32_t)kad_engine_peers(node->engine, node->peers, n, sim_world_ms(world));
    (void)kad_anchors_first(node->saved, keys, node->n_saved, node->peers, node->n_peers);
    for (uint32_t i = 0; i < node->n_saved / 2; i++) {
        const struct kad_contact contact = node->saved[i];

        node->saved[i] = node->saved[node->n_saved - 1 - i];
        node->saved[node->n_saved - 1 - i] = contact;
    }
}

static void save_table(struct sim_world *world, struct sim_node *node)
{
    struct kad_table_row rows[SAVED_MOST];
    struct kad_contact contacts[SAVED_MOST];
    uint32_t n = 0;

    for (int i = 0; i < SIM_FAMILIES; i++) {
        size_t n_rows;

        if (node->endpoints[i].family == KAD_FAMILY_NONE)
            continue;
        n_rows = kad_engine_table(node->engine, i ? KAD_IPV6 : KAD_IPV4, rows, SAVED_MOST);
        for (size_t j = 0; j < n_rows && j < SAVED_MOST && n < SAVED_MOST; j++) {
            if (!rows[j].replacement)
                contacts[n++] = rows[j].contact;
        }
    }
    if (!n)
        return;
    node->saved = kad_alloc(&world->memory.allocator, n * sizeof(*contacts));
    if (!node->saved) {
        sim_world_short(world);
        return;
    }
    memcpy(node->saved, contacts, n * sizeof(*contacts));
    node->n_saved = n;
}

static uint64_t time_on(const struct sim_world *world, const struct sim_node *node)
{
    return (uint64_t)(sim_world_ms(world) - node->on_since);
}

struct sim_effort sim_world_effort(const struct sim_world *world)
{
    struct sim_effort effort = {.on_ms = world->counts.on_ms};

    for (size_t i = 0; i < KAD_METHODS; i++)
        effort.queries += world->counters.queries_out[i];
    effort.storing = world->counters.queries_out[KAD_GET] + world->counters.queries_out[KAD_PUT];
    for (uint32_t i = 0; i < world->n_on; i++)
        effort.on_ms += time_on(world, &world->nodes[world->on[i]]);
    effort.queries -= world->spent_before.queries;
    effort.storing -= world->spent_before.storing;
    effort.on_ms -= world->spent_before.on_ms;
    return effort;
}

void sim_world_count_from(struct sim_world *world)
{
    const struct sim_effort until_now = sim_world_effort(world);

    world->spent_before.queries += until_now.queries;
    world->spent_before.storing += until_now.storing;
    world->spent_before.on_ms += until_now.on_ms;
}

void sim_node_stop(struct sim_world *world, uint32_t number, enum sim_stop how)
{
    struct sim_node *node = &world->nodes[number];
    const uint32_t last = world->on[world->n_on - 1];

    assert(node->engine && "off already");
    if (how == SIM_LEAVE) {
        kad_engine_cancel_all(node->engine, sim_world_ms(world));
        settle(world, number);
    }
    sim_world_forget(world, number);
    if (how != SIM_CRASH_LOSE)
        save_table(world, node);
    if (how != SIM_CRASH_LOSE && number < world->config.n_watched)
        save_state(world, node);
    world->counts.on_ms += time_on(world, node);
    if (world->links)
        sim_links_stop(world, number, how);
    kad_engine_free(node->engine);
    node->engine = NULL;
    node->scheduled_at = -1;
    if (how == SIM_CRASH_LOSE) {
        node->store->ops->free(node->store);
        node->store = NULL;
    }
    world->on[node->on_at] = last;
    world->nodes[last].on_at = node->on_at;
    world->n_on--;
    world->counts.stops++;
}

/* -- ideal tables ----------------------------------------------------------------------------------------------- */

#define AT_ONCE 32 /* introductions whose memory is fetched together: each is somewhere else */

/* `n` of them, AT_ONCE at most. */
static int introduce_family(struct sim_world *world, uint32_t number, const uint32_t *others, uint32_t n,
                            int family)
{
    struct kad_contact contacts[AT_ONCE];
    uint32_t n_contacts = 0;
    int error = 0;

    for (uint32_t i = 0; i < n; i++) {
        const struct sim_node *other = &world->nodes[others[i]];

        if (other->endpoints[family].family != KAD_FAMILY_NONE)
            contacts[n_contacts++] =
                (struct kad_contact){.id = other->id, .endpoint = other->endpoints[family]};
    }
    if (!n_contacts)
        return 0;
    kad_book_prefetch(world->book, contacts, n_contacts);
    for (uint32_t i = 0; i < n_contacts && !error; i++)
        error = add_contact(world, world->nodes[number].engine, &contacts[i], true);
    return error;
}

static int introduce(struct sim_world *world, uint32_t number, const uint32_t *others, uint32_t n)
{
    int error = 0;

    for (uint32_t from = 0; from < n && !error; from += AT_ONCE) {
        const uint32_t n_now = n - from < AT_ONCE ? n - from : AT_ONCE;

        for (uint32_t i = from; i < from + n_now; i++)
            sim_node_ahead(&world->nodes[others[i]]);
        for (int family = 0; family < SIM_FAMILIES && !error; family++)
            error = introduce_family(world, number, others + from, n_now, family);
    }
    return error;
}

/* Nodes in the order of their ids. */
struct ranks {
    const uint32_t *nodes;
    uint32_t n;
};

/* The first place in [from, to) whose id has `bit` set; all share the bits before it. */
static uint32_t first_with(const struct sim_world *world, const struct ranks *ranks, uint32_t from,
                           uint32_t to, unsigned bit)
{
    while (from < to) {
        const uint32_t middle = from + (to - from) / 2;

        if (kad_id_bit(&world->nodes[ranks->nodes[middle]].id, bit))
            to = middle;
        else
            from = middle + 1;
    }
    return from;
}

/* `most` distinct ones of [from, to), or all. Floyd's sample: no list of what is left. */
static int introduce_some(struct sim_world *world, struct sim_rng *rng, const struct ranks *ranks,
                          uint32_t number, uint32_t from, uint32_t to, uint32_t most)
{
    uint32_t chosen[128];
    uint32_t n = 0;

    if (to - from <= most)
        return introduce(world, number, &ranks->nodes[from], to - from);
    for (uint32_t i = to - from - most; i < to - from; i++) {
        uint32_t at = sim_below(rng, i + 1);

        for (uint32_t j = 0; j < n; j++) {
            if (chosen[j] == at) {
                at = i;
                break;
            }
        }
        chosen[n++] = at;
    }
    for (uint32_t i = 0; i < n; i++)
        chosen[i] = ranks->nodes[from + chosen[i]];
    return introduce(world, number, chosen, n);
}

static int fill_table(struct sim_world *world, const struct ranks *ranks, uint32_t number)
{
    const struct kad_settings *settings = &world->config.settings;
    struct sim_rng rng = {sim_mix(world->config.seed, number, 5)};
    const unsigned id_bits = world->config.network->rules.id_bits;
    uint32_t from = 0, to = ranks->n;
    int error = 0;

    for (unsigned bit = 0; to - from > 1 && bit < id_bits && !error; bit++) {
        const uint32_t middle = first_with(world, ranks, from, to, bit);
        const uint32_t wide = bit < 32 ? settings->table_wide >> bit : 0;
        const uint32_t most = wide > settings->k ? wide : settings->k;

        if (kad_id_bit(&world->nodes[number].id, bit)) {
            error = introduce_some(world, &rng, ranks, number, from, middle, most);
            from = middle;
        } else {
            error = introduce_some(world, &rng, ranks, number, middle, to, most);
            to = middle;
        }
    }
    return error;
}

/* Of those that are off, in millionths: so many in tables are `dead_ppm` of all there. */
static uint32_t known_of_off(const struct sim_world *world, uint32_t dead_ppm)
{
    uint64_t on = 0, off = 0, wanted;

    for (uint32_t i = 0; i < world->n_honest; i++) {
        on += world->nodes[i].engine && !world->nodes[i].client;
        off += !world->nodes[i].engine && !world->nodes[i].client;
    }
    if (!dead_ppm || !off)
        return 0;
    wanted = dead_ppm < 1000000 ? on * dead_ppm / (1000000 - dead_ppm) : off;
    return wanted < off ? (uint32_t)(wanted * 1000000 / off) : 1000000;
}

int sim_world_fill(struct sim_world *world, uint32_t off_ppm, uint32_t dead_ppm)
{
    const uint32_t n = world->n_honest;
    uint32_t *nodes = kad_alloc(&world->memory.allocator, n * sizeof(*nodes));
    struct ranks ranks = {.nodes = nodes};
    int error = nodes ? 0 : KAD_E_MEMORY;
    uint32_t known;

    for (uint32_t i = 0; i < n && !error; i++) {
        if (!sim_chance(&world->rng, off_ppm))
            error = make_engine(world, i);
    }
    known = known_of_off(world, dead_ppm);
    for (uint32_t i = 0; i < world->config.n_nodes && !error; i++) {
        const uint32_t number = world->by_id[i];

        if (number < n && !world->nodes[number].client &&
            (world->nodes[number].engine || known == 1000000 || (known && sim_chance(&world->rng, known))))
            nodes[ranks.n++] = number;
    }
    for (uint32_t i = 0; i < world->n_on && !error; i++)
        error = fill_table(world, &ranks, world->on[i]);
    if (!error && world->links && world->config.dialling.ready)
        sim_links_make_ready(world);
    for (uint32_t i = 0; i < world->n_on && !error; i++)
        schedule_wake(world, world->on[i]);
    kad_free(&world->memory.allocator, nodes, n * sizeof(*nodes));
    return error;
}

/* -- requests --------------------------------------------------------------------------------------------------- */

int sim_node_request(struct sim_world *world, uint32_t number, const struct kad_request *request,
                     sim_told *told, void *context)
{
    struct sim_node *node = &world->nodes[number];
    const kad_ms patience =
        request->timeout_ms ? request->timeout_ms : world->config.settings.request_timeout_ms;
    struct kad_request asked = *request;
    const uint32_t slot = sim_pool_take(world, &world->pending);
    struct sim_pending *pending;
    int error;

    assert(node->engine && told && "who is off asks nothing");
    if (slot == SIM_NOBODY)
        return KAD_E_MEMORY;
    pending = &((struct sim_pending *)world->pending.slots)[slot];
    *pending = (struct sim_pending){0};
    asked.user = (void *)((uintptr_t)slot + 1);
    error = kad_engine_request(node->engine, &asked, sim_world_ms(world), &pending->request);
    if (error) {
        sim_pool_give(&world->pending, slot);
        return error;
    }
    pending->told = told;
    pending->context = context;
    pending->node = number;
    pending->deadline = world->now + patience * 1000;
    schedule_wake(world, number);
    touched(world, number);
    return 0;
}

void sim_world_tell(struct sim_world *world, uint32_t number, const struct kad_event *event)
{
    const uintptr_t slot = (uintptr_t)event->user;
    struct sim_pending *pending;
    sim_told *told;
    void *context;

    if (event->kind != KAD_EVENT_DONE && event->kind != KAD_EVENT_HOP && event->kind != KAD_EVENT_PEERS)
        return;
    pending = slot && slot <= world->pending.n_slots ? &((struct sim_pending *)world->pending.slots)[slot - 1]
                                                     : NULL;
    if (!pending || !pending->told || pending->node != number || pending->request != event->request) {
        sim_world_violated(world, number, "an event of request %llu, which is not under way",
                           (unsigned long long)event->request);
        return;
    }
    told = pending->told;
    context = pending->context;
    if (event->kind == KAD_EVENT_DONE) {
        pending->told = NULL;
        sim_pool_give(&world->pending, (uint32_t)slot - 1);
    }
    told(context, world, number, event);
}

void sim_world_forget(struct sim_world *world, uint32_t number)
{
    for (uint32_t i = 0; i < world->pending.n_slots; i++) {
        struct sim_pending *pending = &((struct sim_pending *)world->pending.slots)[i];
        sim_told *told = pending->told;

        if (!told || pending->node != number)
            continue;
        pending->told = NULL;
        sim_pool_give(&world->pending, i);
        told(pending->context, world, number, NULL);
    }
}

/* -- checks ----------------------------------------------------------------------------------------------------- */

void sim_node_check(struct sim_world *world, uint32_t number)
{
    const struct kad_engine *engine = world->nodes[number].engine;
    const char *why = "nothing";

    if (world->counts.checks++ % LOOK_AGAIN_EVERY == 0)
        world->sound_before[number] = (struct kad_sound_before){0};
    if (!kad_engine_still_sound(engine, sim_world_ms(world), &world->sound_before[number], &why))
        sim_world_violated(world, number, "%s", why);
    if (world->config.memory_ceiling) {
        struct kad_info info;

        kad_engine_info(engine, &info);
        if (info.memory > world->config.memory_ceiling)
            sim_world_violated(world, number, "holds %llu bytes, and may hold %u",
                               (unsigned long long)info.memory, world->config.memory_ceiling);
    }
}

void sim_world_scan(struct sim_world *world)
{
    world->scanned_at = world->now;
    for (uint32_t i = 0; i < world->pending.n_slots; i++) {
        const struct sim_pending *pending = &((struct sim_pending *)world->pending.slots)[i];

        if (pending->told && world->now > pending->deadline + LATE_MOST)
            sim_world_violated(world, pending->node, "request %llu has outlived its deadline",
                               (unsigned long long)pending->request);
    }
}
