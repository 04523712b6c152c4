/*
 * relay_session - a client's session with its relay: a channel of its own (channel/channel.h) on a socket of its own, with an identity
 * that is used nowhere else. That is searched for when it is first needed, on another thread, and forgotten with the process.
 */
#include "node/relay_parts.h"

#include <string.h>

#include "base/endpoint.h"
#include "crypto/crypto.h"
#include "engine/network.h"

#define ANSWER 64 /* bytes at most that come back for what begins a session */

/* False: it was not sent. */
bool kad_relay_session_say(struct kad_relay *relay, const struct kad_relay_candidate *to,
                           struct kad_bytes head, struct kad_bytes body)
{
    struct kad_relay_use *use = &relay->use;
    const kad_ms now = kad_node_clock(relay->node);
    const struct kad_channel_to where = {.key = to->key, .endpoint = to->endpoint, .aside = body.size > 0};
    struct kad_channel_plan plan;
    uint8_t *datagram;
    bool failed = false;
    size_t n;

    if (relay->out.n == relay->out.room)
        kad_relay_flush(relay, use->udp);
    plan = kad_channel_plan(use->channel, &where, body.size ? 0 : ANSWER, now);
    if (plan.room < head.size + body.size)
        return false;
    datagram = relay->memory + (size_t)relay->out.n * KAD_DATAGRAM_MAX;
    memcpy(datagram + plan.head, head.data, head.size);
    if (body.size)
        memcpy(datagram + plan.head + head.size, body.data, body.size);
    n = kad_channel_seal(use->channel, &plan, &where, datagram, head.size + body.size, now, &failed);
    if (n)
        relay->datagrams[relay->out.n++] =
            (struct kad_datagram){.peer = to->endpoint, .bytes = {datagram, n}};
    return n > 0;
}

static uint32_t say_open(struct kad_relay *relay, const struct kad_relay_candidate *to, bool ask)
{
    struct kad_relay_use *use = &relay->use;
    const struct kad_relay_open open = {.nonce = ++use->last_nonce, .ask = ask};
    uint8_t bytes[KAD_RELAY_OPEN_SIZE];
    const struct kad_bytes word = {bytes, kad_relay_put_open(&open, bytes)};

    if (use->channel) {
        (void)kad_relay_session_say(relay, to, word, (struct kad_bytes){0});
        kad_relay_flush(relay, use->udp);
    } else {
        (void)kad_relay_say(relay, &to->endpoint, to->key, word);
        kad_relay_flush(relay, kad_relay_socket(relay->node));
    }
    return open.nonce;
}

void kad_relay_ask(struct kad_relay *relay, struct kad_relay_candidate *candidate)
{
    kad_relay_pick_asked(candidate, say_open(relay, candidate, true), kad_node_clock(relay->node));
}

void kad_relay_ask_for_place(struct kad_relay *relay)
{
    struct kad_relay_use *use = &relay->use;

    use->asked_at = kad_node_clock(relay->node);
    use->nonce = say_open(relay, &use->current, false);
    use->n_tries++;
}

/* The first words of a session are not heard (kad_engine_say()): now that there is one, again. */
static void again(struct kad_relay *relay, const uint8_t key[32])
{
    struct kad_relay_use *use = &relay->use;
    struct kad_relay_candidate *candidate = kad_relay_pick_find(&use->pick, key);

    if (candidate && candidate->waiting)
        kad_relay_ask(relay, candidate);
    if (use->state >= KAD_RELAY_STATE_ASKING && use->n_tries > 0 && memcmp(use->current.key, key, 32) == 0)
        kad_relay_ask_for_place(relay);
}

static void take(struct kad_relay *relay, const struct kad_channel_in *in)
{
    struct kad_relay_use *use = &relay->use;
    struct kad_node *node = relay->node;
    struct kad_datagram datagram = {0};

    if (in->first || in->plain.data[0] < KAD_ASIDE)
        return;
    if (in->plain.data[0] == KAD_RELAY_PLACE) {
        kad_relay_use_told(relay, in->key, in->plain);
    } else if (in->plain.data[0] == KAD_RELAY_DATA && use->state == KAD_RELAY_STATE_USED &&
               memcmp(in->key, use->current.key, 32) == 0 &&
               kad_relay_get_datagram(in->plain, &datagram.peer, &datagram.bytes)) {
        use->bytes_in += datagram.bytes.size;
        kad_engine_datagram(node->engine, &datagram, node->now, &node->out);
    }
}

static void readable(void *context, struct kad_udp *udp)
{
    struct kad_relay *relay = context;
    struct kad_relay_use *use = &relay->use;
    struct kad_node *node = relay->node;
    struct kad_datagram in;

    if (node->phase != KAD_NODE_RUNNING)
        return;
    node->in_turn = true;
    node->now = kad_clock_now(&node->clock);
    for (int i = 0;
         (i < 4 * KAD_UDP_BATCH || kad_udp_fetched(udp)) && kad_udp_receive(udp, &in.peer, &in.bytes); i++) {
        struct kad_channel_in got;

        if (relay->out.room - relay->out.n < KAD_RELAY_BATCH / 2)
            kad_relay_flush(relay, udp);
        got = kad_channel_receive(use->channel, &in, node->now, &relay->out);
        if (got.verdict == KAD_CHANNEL_MESSAGE)
            take(relay, &got);
        else if (got.verdict == KAD_CHANNEL_HANDLED)
            again(relay, got.key);
        if (node->out.n > KAD_NODE_BATCH / 2)
            kad_node_send(node, NULL);
    }
    kad_channel_finish(use->channel, node->now, &relay->out);
    kad_relay_flush(relay, udp);
    kad_node_send(node, NULL);
    node->in_turn = false;
    kad_node_turn(node, NULL);
}

static void unreachable(void *context, const struct kad_endpoint *peer)
{
    struct kad_relay_use *use = &((struct kad_relay *)context)->use;

    /* Somebody on the way says that nobody is there: not to be believed at once, so it is asked once more. */
    if (use->state >= KAD_RELAY_STATE_ASKING && use->n_tries < KAD_RELAY_TRIES - 1 &&
        kad_endpoint_equal(peer, &use->current.endpoint)) {
        use->n_tries = KAD_RELAY_TRIES - 1;
        use->renew_at = 0;
    }
}

static void socket_closed(void *context)
{
    kad_node_ended(((struct kad_relay *)context)->node);
}

int kad_relay_session_open(struct kad_relay *relay)
{
    struct kad_relay_use *use = &relay->use;
    struct kad_node *node = relay->node;
    const struct kad_network *network = node->config.network;
    const struct kad_settings *settings = &node->config.settings;
    struct kad_channel_config config = {
        .allocator = node->allocator,
        .suite = network->suite,
        .network = network->realm,
        .max_sessions = 2 * KAD_RELAY_PICK_MAX,
        .max_waiting = KAD_RELAY_PICK_MAX,
        .waiting_ms = settings->handshake_ms,
        .rekey_after_ms = settings->rekey_after_ms,
        .puzzle_bits = network->puzzle_bits,
        .work_bits_max = settings->work_bits_max,
        .pad_to = settings->pad_to,
    };
    struct kad_udp_config socket = {
        .allocator = node->allocator,
        .buffers = node->buffers,
        .endpoint = kad_udp_endpoint(kad_relay_socket(node)),
        .on_readable = readable,
        .on_unreachable = unreachable,
        .context = relay,
    };
    int error;

    memcpy(config.secret, use->secret, sizeof(config.secret));
    kad_entropy(config.seed, sizeof(config.seed));
    socket.endpoint.port = 0;
    error = kad_relay_make_room(relay) ? kad_udp_open(&socket, &use->udp) : KAD_E_MEMORY;
    if (error) {
        use->udp = NULL;
        return error;
    }
    error = kad_channel_new(&config, node->now, &use->channel);
    kad_wipe(&config, sizeof(config));
    if (!error)
        error = kad_udp_start(use->udp, node->loop);
    node->n_open += error == KAD_OK;
    if (error) {
        kad_udp_close(use->udp, NULL);
        kad_channel_free(use->channel);
        use->udp = NULL;
        use->channel = NULL;
    }
    return error;
}

/* -- its identity for relays -------------------------------------------------------------------------------------- */

static void look_for(uv_work_t *work)
{
    struct kad_job *job = work->data;
    struct kad_relay_use *use = &job->node->relay->use;
    struct kad_identity_search search;

    kad_identity_search_init(&search, NULL, job->node->config.network->puzzle_bits);
    while (!__atomic_load_n(&use->stop_search, __ATOMIC_RELAXED)) {
        if (!kad_identity_try(&search, 200))
            continue;
        memcpy(use->searched, search.identity.secret, sizeof(use->searched));
        break;
    }
    kad_identity_search_wipe(&search);
}

static void searched(uv_work_t *work, int status)
{
    struct kad_job *job = work->data;
    struct kad_node *node = job->node;
    struct kad_relay_use *use = &node->relay->use;

    job->running = false;
    if (status == 0 && !use->stop_search) {
        memcpy(use->secret, use->searched, sizeof(use->secret));
        use->has_secret = true;
        use->at = 0;
    }
    kad_wipe(use->searched, sizeof(use->searched));
    kad_node_ended(node);
}

void kad_relay_session_search(struct kad_relay *relay)
{
    if (!relay->use.search.running)
        (void)kad_memory_begin_job(relay->node, &relay->use.search, look_for, searched);
}

void kad_relay_session_close(struct kad_relay *relay)
{
    struct kad_relay_use *use = &relay->use;
    static const uint8_t word[] = {KAD_RELAY_CLOSE};

    __atomic_store_n(&use->stop_search, true, __ATOMIC_RELAXED);
    if (!use->udp)
        return;
    if (use->state == KAD_RELAY_STATE_USED &&
        kad_relay_session_say(relay, &use->current, (struct kad_bytes){word, 1}, (struct kad_bytes){0}))
        kad_relay_flush(relay, use->udp);
    kad_udp_close(use->udp, socket_closed);
    use->udp = NULL;
}
