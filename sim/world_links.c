#include "sim/world_links.h"

#include <assert.h>
#include <string.h>

#include "base/endpoint.h"
#include "engine/network.h"
#include "engine/swarm.h"

#define US(ms)     ((sim_us)1000 * (ms))
#define LINKS      KAD_SWARM_LINKS
#define DIALS      KAD_SWARM_DIALS
#define DIAL_US    US(KAD_SWARM_DIAL_MS)
#define PAUSE_US   US(KAD_SWARM_BACKOFF_MS)
#define PAUSE_MOST US(KAD_SWARM_BACKOFF_MOST)
#define QUEUE_US   US(KAD_SWARM_RACE_MS) /* until a dial that had no place is tried again */
#define SETTLED_US US(KAD_SWARM_SETTLED_MS)
#define BRIEF_US   US(KAD_SWARM_BRIEF_MS)
#define REFUSED_US US(KAD_SWARM_REFUSED_MS)
#define BUSY_US    SIM_SECOND        /* used so lately that an answer may be on its way */
#define NOTICED_US (60 * SIM_SECOND) /* two pings of 30 s, the second unanswered */
#define AGAIN_US   (200 * 1000)      /* TCP's least until a lost packet is sent again */
#define AGAIN_MOST 6

enum state {
    QUEUED, /* waits for a place among the dials */
    DIALLING,
    UP,
    BROKEN,  /* one end is gone in an instant; the other does not know */
    SHUNNED, /* could not be dialled; not again before `until` */
};

struct sim_link {
    uint32_t node[2]; /* who dialled last, and whom */
    uint32_t next[2], before[2];
    sim_us since, used_at, until;
    uint32_t first_waiting, last_waiting; /* packets */
    uint32_t turn;                        /* timers of earlier ones are stale */
    uint8_t state, n_failed, n_refused;
};

/* What a node has of it. */
struct end {
    uint32_t first; /* link; SIM_NOBODY */
    uint32_t n_dialled;
    uint16_t n_up; /* BROKEN ones it has not noticed, too */
    uint16_t n_dials;
};

struct sim_links {
    struct sim_pool pool;
    struct kad_index by_pair;
    struct end *ends;
    uint32_t turns;
    bool unanswered;              /* a question was delivered, and the engine has not said a word to it yet */
    uint8_t frame[SIM_WORDS_MAX]; /* on its way */
};

/* -- life ------------------------------------------------------------------------------------------------------- */

static struct sim_link *at(const struct sim_world *world, uint32_t slot)
{
    return &((struct sim_link *)world->links->pool.slots)[slot];
}

int sim_links_new(struct sim_world *world)
{
    const struct kad_allocator *allocator = &world->memory.allocator;
    struct sim_dialling *dialling = &world->config.dialling;
    const uint32_t n = world->config.n_nodes;

    world->links = kad_alloc_zero(allocator, sizeof(*world->links));
    if (!world->links)
        return KAD_E_MEMORY;
    dialling->links = dialling->links ? dialling->links : LINKS;
    dialling->trips = dialling->trips ? dialling->trips : SIM_HANDSHAKE_TRIPS;
    dialling->dials = dialling->dials ? dialling->dials : DIALS;
    dialling->dial_us = dialling->dial_us ? dialling->dial_us : DIAL_US;
    dialling->pause_us = dialling->pause_us ? dialling->pause_us : PAUSE_US;
    world->links->pool.slot_size = sizeof(struct sim_link);
    kad_index_init(&world->links->by_pair, allocator, (1u << 30) - 1);
    world->links->ends = kad_alloc_zero(allocator, n * sizeof(*world->links->ends));
    if (!world->links->ends)
        return KAD_E_MEMORY;
    for (uint32_t i = 0; i < n; i++)
        world->links->ends[i].first = SIM_NOBODY;
    return sim_words_new(world, &world->names);
}

static void drop_waiting(struct sim_world *world, struct sim_link *link)
{
    struct sim_packet *packets = world->packets.slots;

    while (link->first_waiting != SIM_NOBODY) {
        const uint32_t slot = link->first_waiting;

        link->first_waiting = packets[slot].next;
        kad_free(&world->memory.allocator, packets[slot].bytes, packets[slot].size);
        sim_pool_give(&world->packets, slot);
    }
    link->last_waiting = SIM_NOBODY;
}

void sim_links_free(struct sim_world *world)
{
    const struct kad_allocator *allocator = &world->memory.allocator;
    struct sim_links *links = world->links;

    if (!links)
        return;
    for (uint32_t i = 0; links->ends && i < world->config.n_nodes; i++) {
        for (uint32_t slot = links->ends[i].first; slot != SIM_NOBODY;) {
            struct sim_link *link = at(world, slot);

            drop_waiting(world, link);
            slot = link->next[link->node[0] == i ? 0 : 1];
        }
    }
    kad_index_clear(&links->by_pair);
    kad_free(allocator, links->pool.slots, links->pool.room * links->pool.slot_size);
    kad_free(allocator, links->pool.free, links->pool.room * sizeof(*links->pool.free));
    if (links->ends)
        kad_free(allocator, links->ends, world->config.n_nodes * sizeof(*links->ends));
    sim_words_free(world, world->names);
    kad_free(allocator, links, sizeof(*links));
    world->links = NULL;
    world->names = NULL;
}

static uint64_t hash_of(uint32_t a, uint32_t b)
{
    return sim_mix(UINT64_C(0x6c696e6b), a < b ? a : b, a < b ? b : a);
}

static uint32_t find(const struct sim_world *world, uint32_t a, uint32_t b)
{
    const struct kad_index *index = &world->links->by_pair;
    const uint64_t hash = hash_of(a, b);

    for (uint32_t i = kad_index_first(index, hash); i != KAD_INDEX_END; i = kad_index_next(index, hash, i)) {
        const struct sim_link *link = at(world, kad_index_slot(index, i));

        if ((link->node[0] == a && link->node[1] == b) || (link->node[0] == b && link->node[1] == a))
            return kad_index_slot(index, i);
    }
    return SIM_NOBODY;
}

static unsigned side_of(const struct sim_link *link, uint32_t node)
{
    return link->node[0] == node ? 0 : 1;
}

static void hang(struct sim_world *world, uint32_t slot, unsigned side)
{
    struct sim_link *link = at(world, slot);
    struct end *end = &world->links->ends[link->node[side]];

    link->before[side] = SIM_NOBODY;
    link->next[side] = end->first;
    if (end->first != SIM_NOBODY) {
        struct sim_link *next = at(world, end->first);

        next->before[side_of(next, link->node[side])] = slot;
    }
    end->first = slot;
}

static void unhang(struct sim_world *world, uint32_t slot, unsigned side)
{
    struct sim_link *link = at(world, slot);
    const uint32_t node = link->node[side], next = link->next[side], before = link->before[side];

    if (next != SIM_NOBODY)
        at(world, next)->before[side_of(at(world, next), node)] = before;
    if (before != SIM_NOBODY)
        at(world, before)->next[side_of(at(world, before), node)] = next;
    else
        world->links->ends[node].first = next;
}

/* Nothing has begun on it. */
static uint32_t make(struct sim_world *world, uint32_t from, uint32_t to)
{
    const uint32_t slot = sim_pool_take(world, &world->links->pool);
    struct sim_link *link;

    if (slot == SIM_NOBODY)
        return SIM_NOBODY;
    link = at(world, slot);
    *link = (struct sim_link){.node = {from, to},
                              .first_waiting = SIM_NOBODY,
                              .last_waiting = SIM_NOBODY,
                              .turn = ++world->links->turns,
                              .state = SHUNNED};
    if (kad_index_add(&world->links->by_pair, hash_of(from, to), slot) != 0) {
        sim_pool_give(&world->links->pool, slot);
        sim_world_short(world);
        return SIM_NOBODY;
    }
    hang(world, slot, 0);
    hang(world, slot, 1);
    return slot;
}

static void set_state(struct sim_world *world, struct sim_link *link, enum state state)
{
    const bool was_up = link->state == UP || link->state == BROKEN, is_up = state == UP || state == BROKEN;

    for (unsigned i = 0; i < 2; i++) {
        struct end *end = &world->links->ends[link->node[i]];

        end->n_up = (uint16_t)(end->n_up + is_up - was_up);
    }
    world->links->ends[link->node[0]].n_dials = (uint16_t)(world->links->ends[link->node[0]].n_dials +
                                                           (state == DIALLING) - (link->state == DIALLING));
    link->state = (uint8_t)state;
    link->turn = ++world->links->turns;
}

static void destroy(struct sim_world *world, uint32_t slot)
{
    struct sim_link *link = at(world, slot);

    drop_waiting(world, link);
    set_state(world, link, SHUNNED);
    unhang(world, slot, 0);
    unhang(world, slot, 1);
    kad_index_remove(&world->links->by_pair, hash_of(link->node[0], link->node[1]), slot);
    sim_pool_give(&world->links->pool, slot);
}

/* -- who hears of it -------------------------------------------------------------------------------------------- */

static void tell_now(void *context, struct sim_world *world, uint64_t pair)
{
    const uint32_t node = (uint32_t)(pair >> 32), other = (uint32_t)pair;

    (void)context;
    if (!world->nodes[node].engine)
        return;
    for (int i = 0; i < SIM_FAMILIES; i++) {
        const struct kad_endpoint *endpoint = &world->nodes[other].endpoints[i];

        if (endpoint->family != KAD_FAMILY_NONE)
            kad_engine_unreachable(world->nodes[node].engine, endpoint, sim_world_ms(world));
    }
    sim_node_turn(world, node, NULL);
}

/* That nobody is to be had there: not now, for its engine may be in the middle of something. */
static void tell_dead(struct sim_world *world, uint32_t node, uint32_t other, sim_us delay)
{
    sim_world_after(world, delay, tell_now, NULL, (uint64_t)node << 32 | other);
}

static void after(struct sim_world *world, sim_us delay, uint32_t slot,
                  void (*run)(void *context, struct sim_world *world, uint64_t argument))
{
    sim_world_after(world, delay, run, NULL, (uint64_t)at(world, slot)->turn << 32 | slot);
}

/* The link that a timer was for; SIM_NOBODY: something else has become of it. */
static uint32_t of_timer(const struct sim_world *world, uint64_t argument)
{
    const uint32_t slot = (uint32_t)argument;

    return at(world, slot)->turn == (uint32_t)(argument >> 32) ? slot : SIM_NOBODY;
}

static sim_us rtt_of(const struct sim_world *world, const struct sim_link *link)
{
    const uint32_t a = link->node[0], b = link->node[1];

    return sim_rtt(&world->config.latency, a, &world->nodes[a].position, b, &world->nodes[b].position);
}

/* TCP loses nothing: what is lost comes later. */
static void post(struct sim_world *world, uint32_t from, uint32_t to, const uint8_t *bytes, size_t n)
{
    const struct sim_node *sender = &world->nodes[from];
    const struct kad_endpoint *endpoint = &sender->endpoints[world->config.ipv4 ? 0 : 1];
    sim_us late = 0;

    for (unsigned i = 0; i < AGAIN_MOST && sim_chance(&world->net_rng, world->config.loss_ppm); i++) {
        world->counts.lost++;
        late += AGAIN_US << i;
    }
    if (sim_world_cut(world, from, to)) {
        world->counts.cut++;
        return;
    }
    sim_world_note(world, from, to, &world->nodes[to].endpoints[world->config.ipv4 ? 0 : 1],
                   (struct kad_bytes){bytes, n});
    world->counts.datagrams++;
    world->counts.bytes += n;
    sim_world_post(world, from, endpoint, to, (struct kad_bytes){bytes, n}, late);
}

/* -- room ------------------------------------------------------------------------------------------------------- */

static bool has_room(const struct sim_world *world, uint32_t node, bool inbound)
{
    const uint32_t most = world->config.dialling.links;
    const struct end *end = &world->links->ends[node];
    uint32_t n = 0;

    if (end->n_up >= most)
        return false;
    if (!inbound || end->n_up < most - most / 8)
        return true;
    for (uint32_t slot = end->first; slot != SIM_NOBODY;
         slot = at(world, slot)->next[side_of(at(world, slot), node)])
        n += at(world, slot)->node[1] == node &&
             (at(world, slot)->state == UP || at(world, slot)->state == BROKEN);
    return n < most - most / 8;
}

/* Whoever was used least lately of those that are old enough, and unused for long enough. */
static uint32_t least_of(const struct sim_world *world, uint32_t node, bool inbound, sim_us age,
                         sim_us unused)
{
    uint32_t least = SIM_NOBODY;

    for (uint32_t slot = world->links->ends[node].first; slot != SIM_NOBODY;) {
        const struct sim_link *link = at(world, slot);
        const bool may = (link->state == UP || link->state == BROKEN) &&
                         (!inbound || link->node[1] == node) && world->now - link->since >= age &&
                         world->now - link->used_at >= unused;

        if (may && (least == SIM_NOBODY || link->used_at < at(world, least)->used_at))
            least = slot;
        slot = link->next[side_of(link, node)];
    }
    return least;
}

static bool make_room(struct sim_world *world, uint32_t node, bool inbound)
{
    uint32_t least;

    if (has_room(world, node, inbound))
        return true;
    least = least_of(world, node, inbound, SETTLED_US, BUSY_US);
    if (least == SIM_NOBODY)
        least = least_of(world, node, inbound, BRIEF_US, BRIEF_US);
    if (least == SIM_NOBODY)
        return false;
    world->counts.links_trimmed++;
    destroy(world, least);
    return has_room(world, node, inbound);
}

/* -- dials ------------------------------------------------------------------------------------------------------ */

static void dial(struct sim_world *world, uint32_t slot);
static void dial_again(void *context, struct sim_world *world, uint64_t argument);

static void greet(struct sim_world *world, uint32_t from, uint32_t to)
{
    uint8_t frame[SIM_WORDS_MAX];

    if (!sim_node_client(world, from))
        post(world, from, to, frame, sim_words_greeting(frame));
}

static void come_up(struct sim_world *world, uint32_t slot)
{
    struct sim_link *link = at(world, slot);
    struct sim_packet *packets = world->packets.slots;
    const uint32_t a = link->node[0], b = link->node[1];

    set_state(world, link, UP);
    world->counts.links_up++;
    link->n_failed = link->n_refused = 0;
    link->since = link->used_at = world->now;
    while (at(world, slot)->first_waiting != SIM_NOBODY) {
        const uint32_t first = at(world, slot)->first_waiting;
        const struct sim_packet packet = packets[first];

        at(world, slot)->first_waiting = packet.next;
        post(world, packet.sender, packet.to, packet.bytes, packet.size);
        packets = world->packets.slots;
        kad_free(&world->memory.allocator, packet.bytes, packet.size);
        sim_pool_give(&world->packets, first);
    }
    at(world, slot)->last_waiting = SIM_NOBODY;
    greet(world, a, b);
    greet(world, b, a);
}

static void give_up(struct sim_world *world, uint32_t slot)
{
    struct sim_link *link = at(world, slot);
    sim_us pause = world->config.dialling.pause_us;

    for (unsigned i = 0; i < link->n_failed && pause < PAUSE_MOST; i++)
        pause *= 2;
    if (link->n_failed < UINT8_MAX)
        link->n_failed++;
    set_state(world, link, SHUNNED);
    link->until = world->now + (pause < PAUSE_MOST ? pause : PAUSE_MOST);
    drop_waiting(world, link);
    world->counts.dials_failed++;
    tell_dead(world, link->node[0], link->node[1], 0);
}

static void give_up_now(void *context, struct sim_world *world, uint64_t argument)
{
    const uint32_t slot = of_timer(world, argument);

    (void)context;
    if (slot != SIM_NOBODY)
        give_up(world, slot);
}

static void shake_hands(void *context, struct sim_world *world, uint64_t argument)
{
    const uint32_t slot = of_timer(world, argument);
    struct sim_link *link;

    (void)context;
    if (slot == SIM_NOBODY)
        return;
    link = at(world, slot);
    if (!world->nodes[link->node[1]].engine) { /* gone meanwhile */
        after(world, world->config.dialling.dial_us, slot, give_up_now);
        return;
    }
    if (make_room(world, link->node[1], true) && make_room(world, link->node[0], false)) {
        come_up(world, slot);
    } else if (link->n_refused < KAD_SWARM_REFUSALS) {
        set_state(world, link, QUEUED);
        after(world, REFUSED_US << link->n_refused++, slot, dial_again);
    } else {
        link->n_refused = 0;
        give_up(world, slot);
    }
}

static void dial_again(void *context, struct sim_world *world, uint64_t argument)
{
    const uint32_t slot = of_timer(world, argument);

    (void)context;
    if (slot != SIM_NOBODY)
        dial(world, slot);
}

static bool reaches(const struct sim_world *world, uint32_t from, uint32_t to)
{
    return world->nodes[to].engine &&
           (world->partition == SIM_WHOLE || world->nodes[from].side == world->nodes[to].side);
}

static void dial(struct sim_world *world, uint32_t slot)
{
    struct sim_link *link = at(world, slot);
    const sim_us rtt = rtt_of(world, link);

    if (world->links->ends[link->node[0]].n_dials >= world->config.dialling.dials) {
        set_state(world, link, QUEUED);
        after(world, QUEUE_US, slot, dial_again);
        return;
    }
    set_state(world, link, DIALLING);
    world->counts.dials++;
    world->links->ends[link->node[0]].n_dialled++;
    if (reaches(world, link->node[0], link->node[1]))
        after(world, world->config.dialling.trips * rtt + SIM_HANDSHAKE_CPU, slot, shake_hands);
    else
        after(world, world->config.dialling.dial_us, slot, give_up_now);
}

/* -- messages --------------------------------------------------------------------------------------------------- */

static void wait_for_it(struct sim_world *world, uint32_t slot, uint32_t from, uint32_t to,
                        const uint8_t *bytes, size_t n)
{
    const uint32_t place = sim_pool_take(world, &world->packets);
    struct sim_packet *packets = world->packets.slots;
    struct sim_link *link = at(world, slot);

    if (place == SIM_NOBODY)
        return;
    packets[place] = (struct sim_packet){.to = to, .sender = from, .size = (uint32_t)n, .next = SIM_NOBODY};
    packets[place].bytes = kad_alloc(&world->memory.allocator, n);
    if (!packets[place].bytes) {
        sim_pool_give(&world->packets, place);
        sim_world_short(world);
        return;
    }
    memcpy(packets[place].bytes, bytes, n);
    if (link->last_waiting == SIM_NOBODY)
        link->first_waiting = place;
    else
        packets[link->last_waiting].next = place;
    link->last_waiting = place;
}

static void ask(struct sim_world *world, uint32_t from, uint32_t to, const uint8_t *bytes, size_t n)
{
    uint32_t slot = find(world, from, to);
    struct sim_link *link;

    if (slot == SIM_NOBODY)
        slot = make(world, from, to);
    if (slot == SIM_NOBODY)
        return;
    link = at(world, slot);
    switch ((enum state)link->state) {
    case UP:
        link->used_at = world->now;
        post(world, from, to, bytes, n);
        return;
    case BROKEN: /* nobody is there to hear it */
        link->used_at = world->now;
        return;
    case QUEUED:
    case DIALLING:
        wait_for_it(world, slot, from, to, bytes, n);
        return;
    case SHUNNED:
        break;
    }
    if (link->node[0] != from) { /* it was the other who could not get through */
        const struct sim_link was = *link;

        link->node[0] = from;
        link->node[1] = to;
        for (unsigned i = 0; i < 2; i++) {
            link->next[i] = was.next[1 - i];
            link->before[i] = was.before[1 - i];
        }
        link->n_failed = 0;
        link->until = 0;
    }
    if (world->now < link->until) {
        world->counts.dials_spared++;
        tell_dead(world, from, to, 0);
        return;
    }
    wait_for_it(world, slot, from, to, bytes, n);
    dial(world, slot);
}

static void answer(struct sim_world *world, uint32_t from, uint32_t to, const uint8_t *bytes, size_t n)
{
    const uint32_t slot = find(world, from, to);

    if (slot != SIM_NOBODY && at(world, slot)->state == UP)
        post(world, from, to, bytes, n);
}

void sim_links_send(struct sim_world *world, uint32_t from, const struct kad_endpoint *endpoint,
                    struct kad_bytes bytes)
{
    const uint32_t to = sim_node_at(world, endpoint);
    size_t n;
    const enum sim_words what = sim_words_carry(world, from, bytes, world->links->frame, &n);

    if (to == SIM_NOBODY || to == from) {
        world->counts.strays++;
        return;
    }
    if (what == SIM_WORDS_QUESTION || what == SIM_WORDS_PING) {
        ask(world, from, to, world->links->frame, n);
    } else if (what == SIM_WORDS_ANSWER) {
        world->links->unanswered = false;
        answer(world, from, to, world->links->frame, n);
    }
}

void sim_links_deliver(struct sim_world *world, const struct sim_packet *packet)
{
    const uint32_t slot = find(world, packet->sender, packet->to);
    uint8_t identity[KAD_IDENTITY_MAX];
    const struct kad_datagram in = {
        .peer = packet->from,
        .bytes = {packet->bytes, packet->size},
        .identity = {identity, sim_node_peer_id(world, packet->sender, identity)},
    };
    bool greets;
    const enum sim_words what = sim_words_kind(in.bytes, &greets);

    if (slot == SIM_NOBODY || at(world, slot)->state != UP)
        return;
    world->counts.delivered++;
    if (what == SIM_WORDS_PING && !greets) {
        const size_t n = sim_words_pong(in.bytes, world->links->frame);

        answer(world, packet->to, packet->sender, world->links->frame, n);
        return;
    }
    if (what == SIM_WORDS_QUESTION && sim_node_client(world, packet->to)) { /* speaks another protocol */
        const size_t n = sim_words_refuse(in.bytes, world->links->frame);

        answer(world, packet->to, packet->sender, world->links->frame, n);
        return;
    }
    if (what != SIM_WORDS_PING)
        at(world, slot)->used_at = world->now;
    world->links->unanswered = what == SIM_WORDS_QUESTION;
    world->partner = packet->sender;
    sim_node_turn(world, packet->to, &in);
    world->partner = SIM_NOBODY;
    if (world->links->unanswered) {
        const size_t n = sim_words_refuse(in.bytes, world->links->frame);

        answer(world, packet->to, packet->sender, world->links->frame, n);
    }
    world->links->unanswered = false;
}

/* -- on and off ------------------------------------------------------------------------------------------------- */

static void notice(void *context, struct sim_world *world, uint64_t argument)
{
    const uint32_t slot = of_timer(world, argument);

    (void)context;
    if (slot == SIM_NOBODY)
        return;
    for (unsigned i = 0; i < 2; i++)
        tell_dead(world, at(world, slot)->node[i], at(world, slot)->node[1 - i], 0);
    destroy(world, slot);
}

void sim_links_stop(struct sim_world *world, uint32_t node, enum sim_stop how)
{
    for (uint32_t slot = world->links->ends[node].first, next; slot != SIM_NOBODY; slot = next) {
        struct sim_link *link = at(world, slot);
        const unsigned side = side_of(link, node);

        next = link->next[side];
        if (link->state == UP && how != SIM_LEAVE) {
            set_state(world, link, BROKEN);
            after(world, NOTICED_US, slot, notice);
        } else if (link->state == UP) {
            tell_dead(world, link->node[1 - side], node, rtt_of(world, link) / 2);
            destroy(world, slot);
        } else if (side == 0 ||
                   link->state == BROKEN) { /* what it was about, or had failed at: nobody knows of it now */
            destroy(world, slot);
        }
    }
}

void sim_links_start(struct sim_world *world, uint32_t node)
{
    for (uint32_t slot = world->links->ends[node].first, next; slot != SIM_NOBODY; slot = next) {
        next = at(world, slot)->next[side_of(at(world, slot), node)];
        if (at(world, slot)->state == BROKEN) /* whoever writes there now is told that nobody knows of it */
            destroy(world, slot);
    }
}

/* -- from the beginning ----------------------------------------------------------------------------------------- */

#define ROWS 512

static void connect(struct sim_world *world, uint32_t node, const struct kad_table_row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const uint32_t other = sim_node_at(world, &rows[i].contact.endpoint);
        uint32_t slot;

        if (rows[i].replacement || other == SIM_NOBODY || !world->nodes[other].engine ||
            find(world, node, other) != SIM_NOBODY || !has_room(world, node, false) ||
            !has_room(world, other, true))
            continue;
        slot = make(world, node, other);
        if (slot == SIM_NOBODY)
            return;
        set_state(world, at(world, slot), UP);
    }
}

void sim_links_make_ready(struct sim_world *world)
{
    for (uint32_t i = 0; i < world->n_on; i++) {
        const uint32_t node = world->on[i];
        struct kad_table_row rows[ROWS];
        const size_t n =
            kad_engine_table(world->nodes[node].engine, world->config.ipv4 ? KAD_IPV4 : KAD_IPV6, rows, ROWS);

        connect(world, node, rows, n < ROWS ? n : ROWS);
    }
}

uint32_t sim_node_links(const struct sim_world *world, uint32_t node)
{
    return world->links ? world->links->ends[node].n_up : 0;
}

uint32_t sim_node_dialled(const struct sim_world *world, uint32_t node)
{
    return world->links ? world->links->ends[node].n_dialled : 0;
}
