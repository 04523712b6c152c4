/*
 * relay_use - this node as a client: which relay it takes, its session with it, and how everything passes through.
 *
 *     OFF, NOT_NEEDED -> LOOKING   relays are gathered (contacts that say they are one; the provider record of all relays; the one
 *                                  given) and asked how they stand
 *             LOOKING -> ASKING    the best of them is asked for a place
 *              ASKING -> USED      it gave one;  -> LOOKING: it did not, or kept silent, and is left alone for a while
 *                USED -> LOOKING   it does not answer any more
 *
 * The session is a channel of its own (channel/channel.h) on a socket of its own, with an identity that is used nowhere else: it is
 * searched for when it is first needed, on another thread, and forgotten with the process.
 */
#include "node/relay_parts.h"

#include <stdio.h>
#include <string.h>

#include "base/endpoint.h"
#include "crypto/crypto.h"
#include "engine/network.h"
#include "kad/secure.h"
#include "node/portmap.h"

#define QUIET        KAD_MINUTE        /* nobody came by himself for so long: nobody can */
#define SOON         (200)             /* milliseconds between two looks at what is under way */
#define RENEW        (15 * KAD_SECOND) /* routers forget UDP after 30 s, some of them */
#define RENEW_AGAIN  (2 * KAD_SECOND)
#define TRIES        5
#define ASK_AGAIN    (10 * KAD_SECOND) /* how it stands */
#define TABLE_AGAIN  (5 * KAD_SECOND)
#define LOOKUP_AGAIN KAD_MINUTE
#define HEAR_OTHERS  KAD_SECOND        /* after the first answer others may still turn out to be nearer */
#define LISTEN       (20 * KAD_SECOND) /* after somebody asked which relays there are */
#define PEERS_MAX    1024
#define ANSWER       64

static bool is_wanted(const struct kad_relay_use *use)
{
    return use->mode != KAD_RELAY_OFF;
}

/* -- its own session ---------------------------------------------------------------------------------------------- */

/* False: it was not sent. */
static bool say(struct kad_relay *relay, const struct kad_relay_candidate *to, struct kad_bytes head,
                struct kad_bytes body)
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
        (void)say(relay, to, word, (struct kad_bytes){0});
        kad_relay_flush(relay, use->udp);
    } else {
        (void)kad_relay_say(relay, &to->endpoint, to->key, word);
        kad_relay_flush(relay, kad_relay_socket(relay->node));
    }
    return open.nonce;
}

static void ask(struct kad_relay *relay, struct kad_relay_candidate *candidate)
{
    kad_relay_pick_asked(candidate, say_open(relay, candidate, true), kad_node_clock(relay->node));
}

static void ask_for_place(struct kad_relay *relay)
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
        ask(relay, candidate);
    if (use->state >= KAD_RELAY_STATE_ASKING && use->n_tries > 0 && memcmp(use->current.key, key, 32) == 0)
        ask_for_place(relay);
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
    for (int i = 0; i < 4 * KAD_UDP_BATCH && kad_udp_receive(udp, &in.peer, &in.bytes); i++) {
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

    if (use->state >= KAD_RELAY_STATE_ASKING && kad_endpoint_equal(peer, &use->current.endpoint)) {
        use->n_tries = TRIES; /* somebody on the way says that nobody is there: not to be believed at once */
        use->renew_at = 0;
    }
}

static void socket_closed(void *context)
{
    kad_node_ended(((struct kad_relay *)context)->node);
}

static int open_session(struct kad_relay *relay)
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
    error = kad_udp_open(&socket, &use->udp);
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

static void search(uv_work_t *work)
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

/* -- which relays there are --------------------------------------------------------------------------------------- */

static void add(struct kad_relay *relay, const struct kad_endpoint *endpoint, const uint8_t key[32])
{
    const uint8_t *own = kad_engine_identity(relay->node->engine);

    if (endpoint->family == KAD_IPV4 && endpoint->port && memcmp(own, key, 32) != 0)
        (void)kad_relay_pick_add(&relay->use.pick, endpoint, key);
}

static void add_contacts(struct kad_relay *relay)
{
    struct kad_node *node = relay->node;
    struct kad_peer_row *rows = kad_alloc(node->allocator, PEERS_MAX * sizeof(*rows));
    size_t n = rows ? kad_engine_peers(node->engine, rows, PEERS_MAX, kad_node_clock(node)) : 0;

    n = n < PEERS_MAX ? n : PEERS_MAX;
    for (size_t i = 0; i < n; i++) {
        uint8_t key[32];

        if (!rows[i].is_address && rows[i].role == KAD_ROLE_RELAY && rows[i].state == KAD_PEER_FINE &&
            kad_engine_key_of(node->engine, &rows[i].contact, key))
            add(relay, &rows[i].contact.endpoint, key);
    }
    kad_free(node->allocator, rows, PEERS_MAX * sizeof(*rows));
}

static void looked_up(void *user, const struct kad_event *event)
{
    struct kad_node *node = user;
    struct kad_relay *relay = node->relay;
    struct kad_secure_name name;

    if (event->kind != KAD_EVENT_DONE || !relay)
        return;
    relay->use.looking_up = false;
    relay->use.at = 0;
    kad_relay_name(&name);
    for (size_t i = 0; i < event->done.n_records; i++) {
        struct kad_endpoint endpoints[KAD_SECURE_ENDPOINTS_MAX];
        uint8_t value[KAD_SECURE_VALUE_MAX];
        struct kad_secure_opened opened;

        if (kad_secure_open(&name, &event->done.records[i], NULL, value, &opened) == KAD_OK &&
            opened.has_owner && kad_secure_get_endpoints(opened.value, endpoints) > 0)
            add(relay, &endpoints[0], opened.owner);
    }
}

static void look_up(struct kad_relay *relay)
{
    struct kad_secure_name name;
    struct kad_request request;
    struct kad_info info;

    kad_engine_info(relay->node->engine, &info);
    if (relay->use.looking_up || !info.ready)
        return;
    kad_relay_name(&name);
    kad_secure_request(&name, 0, &request);
    relay->use.looking_up = kad_requests_of_this_run(relay->node, &request, looked_up, relay->node) == KAD_OK;
}

static void resolved(void *context, int error, const char *why, const struct kad_endpoint *found, size_t n)
{
    struct kad_relay *relay = ((struct kad_node *)context)->relay;

    (void)why;
    relay->use.resolving = NULL;
    for (size_t i = 0; i < n && !error; i++) {
        if (found[i].family != KAD_IPV4)
            continue;
        add(relay, &found[i], relay->use.pinned.key);
        break;
    }
    relay->use.at = 0;
    kad_node_turn_soon(relay->node);
}

static void add_pinned(struct kad_relay *relay)
{
    struct kad_relay_use *use = &relay->use;
    struct kad_endpoint endpoint;

    if (kad_endpoint_parse(use->pinned.address, use->pinned.port, &endpoint) == 0)
        add(relay, &endpoint, use->pinned.key);
    else if (!use->resolving &&
             kad_resolve_start(relay->node->loop, relay->node->allocator, use->pinned.host, use->pinned.port,
                               resolved, relay->node, &use->resolving) < 0)
        use->resolving = NULL;
}

/* From all sides. While no relay carries it, a lookup would show who looks. */
static void look_around(struct kad_relay *relay, kad_ms now)
{
    struct kad_relay_use *use = &relay->use;

    if (now >= use->table_at) {
        use->table_at = now + TABLE_AGAIN;
        if (use->is_pinned)
            add_pinned(relay);
        else
            add_contacts(relay);
    }
    if (now >= use->lookup_at && !use->is_pinned && (!use->closed || use->state == KAD_RELAY_STATE_USED)) {
        use->lookup_at = now + LOOKUP_AGAIN;
        look_up(relay);
        if (!use->looking_up)
            use->lookup_at = now + KAD_SECOND;
    }
}

/* And who has not said for a while how it stands is asked. */
static void gather(struct kad_relay *relay, kad_ms now)
{
    struct kad_relay_use *use = &relay->use;

    look_around(relay, now);
    for (unsigned i = 0; i < use->pick.n; i++) {
        struct kad_relay_candidate *candidate = &use->pick.list[i];
        const kad_ms since = now - candidate->asked_at;

        if (candidate->asked_at == 0 || since >= ASK_AGAIN || (candidate->waiting && since >= KAD_SECOND))
            ask(relay, candidate);
    }
}

/* -- whether it needs one ----------------------------------------------------------------------------------------- */

static bool is_own_interface(const struct kad_endpoint *address)
{
    uv_interface_address_t *all;
    bool found = false;
    int n;

    if (uv_interface_addresses(&all, &n) < 0)
        return true;
    for (int i = 0; i < n; i++) {
        const struct sockaddr_in *in = &all[i].address.address4;

        found |= in->sin_family == AF_INET && memcmp(&in->sin_addr, address->address, 4) == 0;
    }
    uv_free_interface_addresses(all, n);
    return found;
}

/* Others see it elsewhere than it is, so a router stands between, and in a minute nobody came by himself. */
static bool is_cut_off(struct kad_relay *relay, kad_ms now)
{
    struct kad_relay_use *use = &relay->use;
    struct kad_node *node = relay->node;
    const struct kad_mapper_status *mapping = node->mapping; /* portmap.c is of the program */
    const uint64_t strangers = kad_engine_counters(node->engine)->strangers_in;
    struct kad_info info;

    kad_engine_info(node->engine, &info);
    if (!info.ready || info.address.family != KAD_IPV4 || is_own_interface(&info.address) ||
        (mapping && mapping->state == KAD_MAPPER_MAPPED)) {
        use->ready_at = 0;
        return false;
    }
    if (use->ready_at == 0 || strangers != use->strangers) {
        use->ready_at = now;
        use->strangers = strangers;
    }
    return now - use->ready_at >= QUIET;
}

/* -- what becomes of it ------------------------------------------------------------------------------------------- */

static void tell(const struct kad_relay *relay, const char *event)
{
    const struct kad_relay_use *use = &relay->use;
    char at[KAD_ENDPOINT_TEXT], address[KAD_ENDPOINT_TEXT];

    kad_tell(relay->node, KAD_LOG_INFO, event, "relay", kad_endpoint_format(&use->current.endpoint, at),
             "address", use->address.family ? kad_endpoint_format(&use->address, address) : "none", NULL);
}

static void give_up(struct kad_relay *relay, const char *event)
{
    struct kad_relay_use *use = &relay->use;
    struct kad_relay_candidate *candidate = kad_relay_pick_find(&use->pick, use->current.key);

    tell(relay, event);
    if (candidate)
        kad_relay_pick_failed(candidate, kad_node_clock(relay->node));
    if (use->address.family)
        kad_presence_changed(relay->node);
    use->address = (struct kad_endpoint){0};
    use->state = KAD_RELAY_STATE_LOOKING;
    use->table_at = use->lookup_at = use->at = 0;
}

static void granted(struct kad_relay *relay, const struct kad_relay_place *place, kad_ms now)
{
    struct kad_relay_use *use = &relay->use;
    struct kad_relay_candidate *candidate = kad_relay_pick_find(&use->pick, use->current.key);
    struct kad_endpoint address = use->current.endpoint;
    const kad_ms life = place->lifetime_s * KAD_SECOND;

    address.port = place->port;
    use->n_tries = 0;
    use->renew_at = now + (life / 3 < RENEW ? life / 3 : RENEW);
    if (candidate)
        kad_relay_pick_served(candidate);
    if (use->state == KAD_RELAY_STATE_USED && kad_endpoint_equal(&address, &use->address))
        return;
    use->state = KAD_RELAY_STATE_USED;
    use->address = address;
    use->closed |= use->mode == KAD_RELAY_ALWAYS;
    kad_presence_changed(relay->node);
    tell(relay, "relay_used");
}

void kad_relay_use_told(struct kad_relay *relay, const uint8_t key[32], struct kad_bytes bytes)
{
    struct kad_relay_use *use = &relay->use;
    struct kad_relay_candidate *candidate = kad_relay_pick_find(&use->pick, key);
    const kad_ms now = kad_node_clock(relay->node);
    struct kad_relay_place place;

    if (!kad_relay_get_place(bytes, &place))
        return;
    if (candidate && kad_relay_pick_told(candidate, &place, now))
        use->listen_until = use->state == KAD_RELAY_STATE_LOOKING && use->listen_until < now
                                ? now + HEAR_OTHERS
                                : use->listen_until;
    if (use->state < KAD_RELAY_STATE_ASKING || memcmp(use->current.key, key, 32) != 0 || use->n_tries == 0 ||
        place.nonce != use->nonce)
        return;
    if (place.verdict == KAD_RELAY_GRANTED)
        granted(relay, &place, now);
    else
        give_up(relay, "relay_refused");
}

static void look(struct kad_relay *relay, kad_ms now)
{
    struct kad_relay_use *use = &relay->use;
    struct kad_relay_candidate *best;

    gather(relay, now);
    best = kad_relay_pick_best(&use->pick, now);
    if (!best || (now < use->listen_until && !use->is_pinned))
        return;
    use->current = *best;
    use->state = KAD_RELAY_STATE_ASKING;
    use->n_tries = 0;
    ask_for_place(relay);
}

static void prepare(struct kad_relay *relay, kad_ms now)
{
    struct kad_relay_use *use = &relay->use;

    if (!use->has_secret) {
        if (!use->search.running)
            (void)kad_memory_begin_job(relay->node, &use->search, search, searched);
        return;
    }
    if (open_session(relay) < 0) {
        use->at = now + KAD_MINUTE;
        return;
    }
    use->state = KAD_RELAY_STATE_LOOKING;
    use->table_at = use->lookup_at = 0;
    for (unsigned i = 0; i < use->pick.n; i++)
        use->pick.list[i].asked_at = 0; /* in this session, from here on */
}

void kad_relay_use_tick(struct kad_relay *relay)
{
    struct kad_relay_use *use = &relay->use;
    const kad_ms now = relay->node->now;

    if (now < use->at)
        return;
    use->at = now + SOON;
    if (use->state < KAD_RELAY_STATE_LOOKING) {
        if (is_wanted(use) && (use->mode == KAD_RELAY_ALWAYS || is_cut_off(relay, now)))
            prepare(relay, now);
        else if (now < use->listen_until)
            gather(relay, now);
        else
            use->at = is_wanted(use) ? now + KAD_SECOND : KAD_NEVER;
        return;
    }
    if (use->state == KAD_RELAY_STATE_LOOKING) {
        look(relay, now);
    } else if (use->state == KAD_RELAY_STATE_ASKING) {
        if (now - use->asked_at < KAD_SECOND)
            return;
        if (use->n_tries >= TRIES)
            give_up(relay, "relay_silent");
        else
            ask_for_place(relay);
    } else if (now >= use->renew_at) {
        look_around(relay, now); /* who else there is, while that can be asked */
        use->renew_at = now + RENEW_AGAIN;
        if (use->n_tries >= TRIES)
            give_up(relay, "relay_lost");
        else
            ask_for_place(relay);
    }
}

kad_ms kad_relay_use_wake_at(const struct kad_relay *relay)
{
    const struct kad_relay_use *use = &relay->use;

    if (use->state == KAD_RELAY_STATE_USED)
        return use->renew_at > use->at ? use->renew_at : use->at;
    return use->at;
}

/* -- what passes through ------------------------------------------------------------------------------------------ */

static bool wrap(struct kad_relay *relay, const struct kad_datagram *datagram)
{
    struct kad_relay_use *use = &relay->use;
    uint8_t head[KAD_RELAY_HEAD];
    const struct kad_bytes words = {head, kad_relay_put_head(KAD_RELAY_SEND, &datagram->peer, head)};

    if (use->state != KAD_RELAY_STATE_USED || datagram->peer.family != KAD_IPV4 ||
        datagram->bytes.size > KAD_RELAY_DATAGRAM || !say(relay, &use->current, words, datagram->bytes))
        return false;
    use->bytes_out += datagram->bytes.size;
    return true;
}

/* IPv6 is not relayed: where only reach is wanted it goes by itself. */
void kad_relay_send(struct kad_node *node)
{
    struct kad_relay *relay = node->relay;
    unsigned kept = 0;

    if (!relay)
        return;
    kad_relay_serve_send(relay);
    if (relay->use.state != KAD_RELAY_STATE_USED && !relay->use.closed)
        return;
    for (unsigned i = 0; i < node->out.n; i++) {
        if (node->out.datagrams[i].peer.family != KAD_IPV4 && !relay->use.closed)
            node->out.datagrams[kept++] = node->out.datagrams[i];
        else if (!wrap(relay, &node->out.datagrams[i]))
            relay->use.unsent++;
    }
    node->out.n = kept;
    kad_relay_flush(relay, relay->use.udp);
}

bool kad_relay_hides(const struct kad_node *node)
{
    return node->relay && node->relay->use.closed;
}

bool kad_relay_address(const struct kad_node *node, struct kad_endpoint *out_address)
{
    if (!node->relay || node->relay->use.state != KAD_RELAY_STATE_USED)
        return false;
    *out_address = node->relay->use.address;
    return true;
}

/* -- which there are, for whoever asks ---------------------------------------------------------------------------- */

static bool goes_before(const struct kad_relay_candidate *a, const struct kad_relay_candidate *b)
{
    const uint32_t x = (uint32_t)a->rtt_ms, y = (uint32_t)b->rtt_ms; /* -1 is last */

    return x != y ? x < y : a->n_free > b->n_free;
}

size_t kad_node_relays(struct kad_node *node, struct kad_relay_row *out_rows, size_t room)
{
    struct kad_relay *relay = node->relay;
    const struct kad_relay_candidate *sorted[KAD_RELAY_PICK_MAX];
    unsigned n = 0;

    if (!relay || node->phase != KAD_NODE_RUNNING)
        return 0;
    if (relay->use.state < KAD_RELAY_STATE_LOOKING || relay->use.state == KAD_RELAY_STATE_USED) {
        relay->use.listen_until = kad_node_clock(node) + LISTEN;
        gather(relay, kad_node_clock(node));
        relay->use.at = 0;
        kad_node_turn_soon(node);
    }
    for (unsigned i = 0; i < relay->use.pick.n; i++) {
        unsigned at = n++;

        for (; at > 0 && goes_before(&relay->use.pick.list[i], sorted[at - 1]); at--)
            sorted[at] = sorted[at - 1];
        sorted[at] = &relay->use.pick.list[i];
    }
    for (unsigned i = 0; i < n && i < room; i++) {
        out_rows[i] = (struct kad_relay_row){
            .endpoint = sorted[i]->endpoint,
            .rtt_ms = sorted[i]->rtt_ms,
            .told = sorted[i]->told,
            .bytes_per_s = sorted[i]->bytes_per_s,
            .n_places = sorted[i]->n_places,
            .n_free = sorted[i]->n_free,
            .ours = relay->use.state == KAD_RELAY_STATE_USED &&
                    memcmp(sorted[i]->key, relay->use.current.key, 32) == 0,
            .shunned = sorted[i]->shunned_until > kad_node_clock(node),
        };
        memcpy(out_rows[i].public_key, sorted[i]->key, 32);
    }
    return n;
}

/* -- life --------------------------------------------------------------------------------------------------------- */

int kad_relay_use_init(struct kad_relay *relay, char *why, size_t why_size)
{
    const struct kad_node_config *config = &relay->node->config;
    struct kad_relay_use *use = &relay->use;

    use->mode = relay->serve.places ? KAD_RELAY_OFF : config->relay.mode; /* a relay is reached by itself */
    use->at = KAD_NEVER;
    use->last_nonce = (uint32_t)relay->node->now;
    if (config->relay.pinned) {
        if (kad_bootstrap_name_read(config->relay.pinned, config->network, &use->pinned) < 0 ||
            !use->pinned.has_key) {
            snprintf(why, why_size, "relay: %s is not host:port/id1...", config->relay.pinned);
            return KAD_E_INVALID;
        }
        use->is_pinned = use->closed = true;
        use->mode = KAD_RELAY_ALWAYS;
    }
    if (use->mode != KAD_RELAY_OFF) {
        use->state = KAD_RELAY_STATE_NOT_NEEDED;
        use->at = 0;
    }
    return KAD_OK;
}

void kad_relay_use_close(struct kad_relay *relay)
{
    struct kad_relay_use *use = &relay->use;
    static const uint8_t word[] = {KAD_RELAY_CLOSE};

    __atomic_store_n(&use->stop_search, true, __ATOMIC_RELAXED);
    if (use->resolving)
        kad_resolve_forget(use->resolving);
    use->resolving = NULL;
    if (!use->udp)
        return;
    if (use->state == KAD_RELAY_STATE_USED &&
        say(relay, &use->current, (struct kad_bytes){word, 1}, (struct kad_bytes){0}))
        kad_relay_flush(relay, use->udp);
    kad_udp_close(use->udp, socket_closed);
    use->udp = NULL;
    use->state = KAD_RELAY_STATE_OFF;
}

void kad_relay_use_free(struct kad_relay *relay)
{
    kad_channel_free(relay->use.channel);
    relay->use.channel = NULL;
}
