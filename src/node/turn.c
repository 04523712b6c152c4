/* turn - where everything meets: what happens when something comes, or time has passed. */
#include "node/around.h"
#include "node/parts.h"

/* Datagrams per turn: after these the loop's timers and other sockets have their say. */
#define TURN_DATAGRAMS (4 * KAD_UDP_BATCH)
/* Full batches of queries a tick may send in one turn. */
#define TURN_TICKS 8

static bool batch_is_filling(const struct kad_node *node)
{
    return node->out.n > KAD_NODE_BATCH / 2;
}

static void receive(struct kad_node *node, struct kad_udp *readable)
{
    struct kad_datagram in;

    /* A batch is taken to its end: the next socket's comes into the same buffers. */
    for (int i = 0;
         (i < TURN_DATAGRAMS || kad_udp_fetched(readable)) && kad_udp_receive(readable, &in.peer, &in.bytes);
         i++) {
        if (!kad_relay_hides(node))
            kad_engine_datagram(node->engine, &in, node->now, &node->out);
        if (kad_udp_fetched(readable) == 0 || batch_is_filling(node))
            kad_node_send(node, readable);
    }
}

static void tick(struct kad_node *node, struct kad_udp *readable)
{
    for (int i = 0; i < TURN_TICKS; i++) {
        bool full;

        kad_engine_tick(node->engine, node->now, &node->out);
        full = node->out.n == node->out.room;
        kad_node_send(node, readable);
        if (!full)
            return;
    }
}

static kad_ms wake_at(const struct kad_node *node)
{
    kad_ms at = kad_engine_wake_at(node->engine);

    at = at < kad_memory_wake_at(node) ? at : kad_memory_wake_at(node);
    at = at < kad_bootstrap_wake_at(node) ? at : kad_bootstrap_wake_at(node);
    if (node->load.percent && node->load.sample_at < at)
        at = node->load.sample_at; /* a quiet second is what ends it */
    at = at < kad_around_wake_at(node) ? at : kad_around_wake_at(node);
    at = at < kad_presence_wake_at(node) ? at : kad_presence_wake_at(node);
    at = at < kad_relay_wake_at(node) ? at : kad_relay_wake_at(node);
    at = at < kad_former_wake_at(node) ? at : kad_former_wake_at(node);
    at = at < kad_readers_wake_at(node) ? at : kad_readers_wake_at(node);
    at = at < kad_recorder_wake_at(node) ? at : kad_recorder_wake_at(node);
    return at < node->restore_at ? at : node->restore_at;
}

static void timer_fired(uv_timer_t *timer)
{
    struct kad_node *node = timer->data;

    kad_load_late(&node->load, kad_clock_now(&node->clock) - node->timer_due);
    kad_node_turn(node, NULL);
}

static void set_timer(struct kad_node *node, kad_ms at)
{
    if (at == node->timer_at && uv_is_active((uv_handle_t *)&node->timer))
        return;
    node->timer_at = at;
    node->timer_due = at > node->now ? at : node->now;
    if (at == KAD_NEVER)
        uv_timer_stop(&node->timer);
    else
        uv_timer_start(&node->timer, timer_fired, at > node->now ? (uint64_t)(at - node->now) : 0, 0);
}

static void look_at_load(struct kad_node *node)
{
    const unsigned before = node->load.percent;
    uint32_t overflows = 0;

    if (node->now < node->load.sample_at)
        return;
    for (size_t i = 0; i < node->n_sockets; i++)
        overflows += kad_udp_overflows(node->sockets[i]);
    if (kad_load_sample(&node->load, overflows, node->now))
        kad_tell_load(node, overflows);
    if (node->load.percent != before)
        kad_engine_load(node->engine, node->load.percent);
}

void kad_node_turn(struct kad_node *node, struct kad_udp *readable)
{
    if (node->phase != KAD_NODE_RUNNING)
        return;
    node->in_turn = true;
    node->now = kad_clock_now(&node->clock); /* the one clock read of this turn */

    look_at_load(node);
    kad_posted_take(node);
    kad_bootstrap_tick(node);
    if (readable)
        receive(node, readable);
    tick(node, readable);
    kad_node_take_events(node);

    kad_memory_tick(node);
    kad_requests_restore(node);
    kad_presence_tick(node);
    kad_former_tick(node);
    kad_around_tick(node);
    kad_relay_tick(node);
    kad_readers_tick(node);
    kad_recorder_tick(node);
    kad_tell_work(node);
    node->in_turn = false;
    set_timer(node, wake_at(node));
}

void kad_node_turn_soon(struct kad_node *node)
{
    if (node->phase == KAD_NODE_RUNNING && !node->in_turn) {
        node->timer_at = 0;
        node->timer_due = kad_clock_now(&node->clock);
        uv_timer_start(&node->timer, timer_fired, 0, 0);
    }
}

kad_ms kad_node_clock(const struct kad_node *node)
{
    return node->in_turn ? node->now : kad_clock_now(&node->clock);
}

/* Answers leave by the socket the question came to; all else by the first of its family. */
static const struct kad_udp *socket_for(const struct kad_node *node, uint8_t family,
                                        const struct kad_udp *readable)
{
    if (readable && kad_udp_endpoint(readable).family == family)
        return readable;
    for (size_t i = 0; i < node->n_sockets; i++) {
        if (kad_udp_endpoint(node->sockets[i]).family == family)
            return node->sockets[i];
    }
    return NULL;
}

void kad_node_send(struct kad_node *node, struct kad_udp *readable)
{
    const struct kad_udp *const v4 = socket_for(node, KAD_IPV4, readable);
    const struct kad_udp *const v6 = socket_for(node, KAD_IPV6, readable);

    kad_storage_commit(node);
    kad_node_link_send(node);
    kad_relay_send(node);
    /* Socket by socket: they share buffers. */
    for (size_t i = 0; i < node->n_sockets && node->out.n; i++) {
        struct kad_udp *udp = node->sockets[i];

        for (unsigned j = 0; j < node->out.n; j++) {
            const struct kad_datagram *datagram = &node->out.datagrams[j];

            if ((datagram->peer.family == KAD_IPV4 ? v4 : v6) == udp)
                kad_udp_queue(udp, &datagram->peer, datagram->bytes);
        }
        kad_udp_flush(udp);
    }
    node->out.n = 0;
}

/* Only what the host watches; the node itself watches more. */
static bool wanted(const struct kad_node *node, enum kad_event_kind kind)
{
    switch (kind) {
    case KAD_EVENT_NODE:
        return node->config.watch & KAD_WATCH_NODES;
    case KAD_EVENT_TABLE:
        return node->config.watch & KAD_WATCH_TABLE;
    case KAD_EVENT_STORED:
        return node->config.watch & KAD_WATCH_STORED;
    default:
        return node->config.watch & KAD_WATCH_STATE;
    }
}

static void take_news(struct kad_node *node, const struct kad_event *event)
{
    kad_tell_event(node, event);
    if (event->kind == KAD_EVENT_READY)
        node->restore_at = node->now;
    if (event->kind == KAD_EVENT_READY)
        kad_around_begin(node);
    if (event->kind == KAD_EVENT_READY || event->kind == KAD_EVENT_ADDRESS)
        kad_presence_changed(node);
    if (event->kind == KAD_EVENT_ADDRESS)
        kad_relay_moved(node);
    if (event->kind == KAD_EVENT_READY)
        kad_former_begin(node);
    if (event->kind == KAD_EVENT_READY || event->kind == KAD_EVENT_ID)
        kad_memory_changed(node, KAD_SECOND); /* and what comes with it */
    if (event->kind == KAD_EVENT_WARNING && event->warning == KAD_WARN_NO_BOOTSTRAP)
        kad_bootstrap_again(node);
    if (node->config.on_event && wanted(node, event->kind))
        node->config.on_event(node->config.context, event);
}

void kad_node_take_events(struct kad_node *node)
{
    struct kad_event event;

    while (kad_engine_next_event(node->engine, &event)) {
        if (event.kind == KAD_EVENT_DONE || event.kind == KAD_EVENT_HOP || event.kind == KAD_EVENT_PEERS)
            kad_requests_event(node, &event);
        else
            take_news(node, &event);
    }
}
