/* node - made, started, stopped, freed; and what others may ask about it. */
#include "kad/node.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/endpoint.h"
#include "base/text.h"
#include "crypto/crypto.h"
#include "engine/network.h"
#include "node/around.h"
#include "node/parts.h"
#include "node/state.h"

#define RECEIVE_BUFFER (2 << 20) /* asked of the system: a second of what one core can answer */

/* -- making ----------------------------------------------------------------------------------------------------- */

static size_t text_size(const char *text)
{
    return text ? strlen(text) + 1 : 0;
}

static const char *copy_text(char **at, const char *text)
{
    char *copy = *at;

    if (!text)
        return NULL;
    memcpy(copy, text, text_size(text));
    *at += text_size(text);
    return copy;
}

#define LIBP2P_TEXTS (KAD_NODE_PROTOCOLS_MAX + KAD_NODE_ANNOUNCE_MAX + 4)

static void gather_libp2p(struct kad_node_libp2p *libp2p, const char **out_texts[LIBP2P_TEXTS])
{
    size_t n = 0;

    for (size_t i = 0; i < KAD_NODE_PROTOCOLS_MAX; i++)
        out_texts[n++] = &libp2p->protocols[i];
    for (size_t i = 0; i < KAD_NODE_ANNOUNCE_MAX; i++)
        out_texts[n++] = &libp2p->announce[i];
    out_texts[n++] = &libp2p->certificate;
    out_texts[n++] = &libp2p->certificate_key;
    out_texts[n++] = &libp2p->authorities;
    out_texts[n++] = &libp2p->agent;
}

/* The host's texts may go; ours stay. */
static int copy_config(struct kad_node *node, const struct kad_node_config *config)
{
    const char **libp2p[LIBP2P_TEXTS];
    char *at;

    node->config = *config;
    gather_libp2p(&node->config.libp2p, libp2p);
    node->texts_size = text_size(config->data_dir) + text_size(config->name) + text_size(config->record) +
                       text_size(config->identity) + text_size(config->passphrase) +
                       text_size(config->relay.pinned) + 1;
    for (size_t i = 0; i < LIBP2P_TEXTS; i++)
        node->texts_size += text_size(*libp2p[i]);
    for (size_t i = 0; i < config->n_bootstrap; i++)
        node->texts_size += text_size(config->bootstrap[i]);
    at = node->texts = kad_alloc(node->allocator, node->texts_size);
    if (!node->texts)
        return KAD_E_MEMORY;
    node->config.data_dir = copy_text(&at, config->data_dir);
    node->config.name = copy_text(&at, config->name);
    node->config.record = copy_text(&at, config->record);
    node->config.identity = copy_text(&at, config->identity);
    node->config.passphrase = copy_text(&at, config->passphrase);
    node->config.relay.pinned = copy_text(&at, config->relay.pinned);
    for (size_t i = 0; i < LIBP2P_TEXTS; i++)
        *libp2p[i] = copy_text(&at, *libp2p[i]);
    for (size_t i = 0; i < config->n_bootstrap; i++)
        node->config.bootstrap[i] = copy_text(&at, config->bootstrap[i]);
    return KAD_OK;
}

static bool needs_certificate(const struct kad_node_config *config)
{
    for (size_t i = 0; i < config->n_listen && i < KAD_NODE_LISTEN_MAX; i++) {
        if (config->listen_as[i] == KAD_LISTEN_WSS)
            return true;
    }
    return false;
}

static int check(const struct kad_node_config *config, char *why, size_t why_size)
{
    const char *field;

    if (kad_settings_check(&config->settings, &field) < 0)
        snprintf(why, why_size, "%s: out of range", field);
    else if (config->n_listen == 0 || config->n_listen > KAD_NODE_LISTEN_MAX)
        snprintf(why, why_size, "listen: not between 1 and %d addresses", KAD_NODE_LISTEN_MAX);
    else if (config->n_bootstrap > KAD_NODE_BOOTSTRAP_MAX)
        snprintf(why, why_size, "bootstrap: more than %d", KAD_NODE_BOOTSTRAP_MAX);
    else if (config->store == KAD_STORE_LMDB && !config->data_dir)
        snprintf(why, why_size, "store: lmdb needs a data directory");
    else if (config->network->stream_protocol && needs_certificate(config) &&
             (!config->libp2p.certificate || !config->libp2p.certificate_key))
        snprintf(why, why_size, "listen: TLS needs a certificate and its key");
    else if (config->libp2p.n_protocols > KAD_NODE_PROTOCOLS_MAX ||
             config->libp2p.n_announce > KAD_NODE_ANNOUNCE_MAX)
        snprintf(why, why_size, "libp2p: too many protocols or addresses");
    else if (config->readers.identities > KAD_READERS_READY || config->readers.work_percent > 100)
        snprintf(why, why_size, "readers: %d identities and 100 percent at most", KAD_READERS_READY);
    else if (config->with && (!config->loop || config->loop != config->with->loop))
        snprintf(why, why_size, "with: that node is on another loop");
    else
        return KAD_OK;
    return KAD_E_INVALID;
}

static void readable(void *context, struct kad_udp *udp)
{
    kad_node_turn(context, udp);
}

static void unreachable(void *context, const struct kad_endpoint *peer)
{
    struct kad_node *node = context;

    if (node->phase == KAD_NODE_RUNNING)
        kad_engine_unreachable(node->engine, peer, kad_node_clock(node));
}

/* A machine without IPv6 still runs what listens to everything. */
static bool optional(const struct kad_node *node, const struct kad_endpoint *endpoint, int reason)
{
    static const uint8_t any[16];

    return node->config.n_listen > 1 && endpoint->family == KAD_IPV6 &&
           memcmp(endpoint->address, any, sizeof(any)) == 0 &&
           (reason == EAFNOSUPPORT || reason == EADDRNOTAVAIL);
}

static int open_sockets(struct kad_node *node, char *why, size_t why_size)
{
    struct kad_udp_config config = {
        .allocator = node->allocator,
        .buffers = node->buffers,
        .receive_buffer = RECEIVE_BUFFER,
        .on_readable = readable,
        .on_unreachable = unreachable,
        .context = node,
    };

    for (size_t i = 0; i < node->config.n_listen && !kad_node_is_linked(node) && !node->config.disabled;
         i++) {
        char address[KAD_ENDPOINT_TEXT];
        int error;

        config.endpoint = node->config.listen[i];
        error = kad_udp_open(&config, &node->sockets[node->n_sockets]);
        node->n_sockets += error == KAD_OK;
        if (error == KAD_E_SYSTEM && optional(node, &config.endpoint, errno)) {
            kad_tell(node, KAD_LOG_INFO, "no_ipv6", "why", strerror(errno), NULL);
        } else if (error) {
            snprintf(why, why_size, "cannot bind %s: %s", kad_endpoint_format(&config.endpoint, address),
                     error == KAD_E_SYSTEM ? strerror(errno) : kad_error_text(error));
            return error;
        }
    }
    return KAD_OK;
}

static bool speaks(const struct kad_node *node, enum kad_family family)
{
    for (size_t i = 0; i < node->config.n_listen && (kad_node_is_linked(node) || node->config.disabled);
         i++) {
        if (node->config.listen[i].family == family)
            return true;
    }
    for (size_t i = 0; i < node->n_sockets; i++) {
        if (kad_udp_endpoint(node->sockets[i]).family == family)
            return true;
    }
    return false;
}

/* Bound to a public address, that is what the world sees. */
static struct kad_endpoint own_address(const struct kad_node *node)
{
    for (size_t i = 0; i < node->n_sockets; i++) {
        const struct kad_endpoint endpoint = kad_udp_endpoint(node->sockets[i]);

        if (kad_endpoint_scope(&endpoint) == KAD_SCOPE_PUBLIC)
            return endpoint;
    }
    return (struct kad_endpoint){0};
}

static bool has_id(const struct kad_id *id)
{
    static const struct kad_id none;

    return memcmp(id, &none, sizeof(none)) != 0;
}

static int make_engine(struct kad_node *node, const struct kad_state *state, const uint8_t seed[32])
{
    struct kad_engine_config config = {
        .network = node->config.network,
        .settings = &node->config.settings,
        .allocator = node->allocator,
        .store = &node->store.store,
        .ipv4 = speaks(node, KAD_IPV4),
        .ipv6 = speaks(node, KAD_IPV6),
        .address = own_address(node),
        .watch = node->config.watch | KAD_WATCH_STATE,
        .measures = &node->measures,
    };
    int error;

    memcpy(config.seed, seed, sizeof(config.seed));
    memcpy(config.secret, node->config.secret, sizeof(config.secret));
    config.has_secret = node->config.has_secret;
    config.classes = node->config.classes;
    config.n_classes = node->config.n_classes;
    config.places = node->config.places;
    config.gate = node->config.gate;
    if (node->config.has_id)
        config.id = &node->config.id;
    else if (has_id(&state->id))
        config.id = &state->id;
    error = kad_engine_new(&config, node->now, &node->engine);
    kad_wipe(config.secret, sizeof(config.secret));
    if (!error && node->config.record)
        error = kad_recorder_begin(node);
    for (size_t i = 0; !error && i < state->n_peers; i++) {
        /* What is no longer possible, or finds no room, is forgotten. */
        if (kad_engine_remember(node->engine, &state->peers[i], node->now) == KAD_E_MEMORY)
            error = KAD_E_MEMORY;
    }
    for (size_t i = state->n_contacts; !error && i-- > 0;) { /* what is given last is asked first: anchors */
        /* One that is not acceptable any more (another family, our own address) is none. */
        const int refused = state->has_keys
                                ? kad_engine_contact_key(node->engine, &state->contacts[i].endpoint,
                                                         state->keys[i], false, node->now)
                                : kad_engine_contact(node->engine, &state->contacts[i], false, node->now);

        if (refused == KAD_E_MEMORY)
            error = KAD_E_MEMORY;
    }
    return error;
}

/* What needs the data directory, and the engine that is built on it. */
static int make_core(struct kad_node *node, struct kad_state *state, char *why, size_t why_size)
{
    uint8_t seed[32];
    uint64_t hash_key;
    int error = KAD_OK;

    if (node->config.has_seed)
        memcpy(seed, node->config.seed, sizeof(seed));
    else
        kad_entropy(seed, sizeof(seed));
    kad_entropy(&hash_key, sizeof(hash_key));
    snprintf(node->state_name, sizeof(node->state_name), "%.50s.state",
             kad_network_name(node->config.network));
    error = kad_storage_open(node, hash_key, why, why_size);
    if (!error)
        error = kad_move_in_files(node, why, why_size);
    if (!error && node->storage->has_data_dir)
        error = kad_memory_load(node, state, why, why_size);
    if (!error)
        error = kad_node_take_identity(node, why, why_size);
    if (!error)
        error = make_engine(node, state, seed);
    if (!error)
        error = kad_relay_init(node, why, why_size);
    if (!error && kad_node_is_libp2p(node))
        error = kad_libp2p_open(node, &node->libp2p, why, why_size);
    if (!error) {
        node->kept = state->kept; /* taken over */
        node->kept.ceiling = node->config.settings.max_publications;
        kad_kept_list_init(&state->kept, node->allocator, 0);
    }
    return error;
}

static int make_parts(struct kad_node *node, char *why, size_t why_size)
{
    struct kad_state *state;
    int error;

    node->buffers = kad_udp_buffers_new(node->allocator);
    node->out.datagrams = kad_alloc(node->allocator, KAD_NODE_BATCH * sizeof(*node->out.datagrams));
    node->out.each = kad_network_datagram(node->config.network);
    node->out.memory = kad_alloc(node->allocator, KAD_NODE_BATCH * (size_t)node->out.each);
    node->out.room = KAD_NODE_BATCH;
    state = kad_alloc(node->allocator, sizeof(*state));
    error = node->buffers && node->out.datagrams && node->out.memory && state ? KAD_OK : KAD_E_MEMORY;
    if (!error)
        error = open_sockets(node, why, why_size);
    if (!error)
        error = kad_bootstrap_init(node, why, why_size);
    if (!error && node->config.record)
        error = kad_recorder_open(node, node->config.record, true, node->config.record_max_bytes, 0, why,
                                  why_size);
    if (!error) {
        kad_state_init(state, node->allocator);
        error = make_core(node, state, why, why_size);
        kad_state_clear(state);
    }
    kad_free(node->allocator, state, state ? sizeof(*state) : 0);
    return error;
}

int kad_node_new(const struct kad_node_config *config, struct kad_node **out_node, char *out_why,
                 size_t why_size)
{
    const struct kad_allocator *allocator = &kad_allocator_system;
    struct kad_node_config own;
    struct kad_node *node;
    int error;

    snprintf(out_why, why_size, "%s", "");
    if (config->with) {
        own = *config;
        own.data_dir = config->with->config.data_dir;
        own.store = config->with->config.store;
        own.store_max_bytes = config->with->config.store_max_bytes;
        config = &own;
    }
    if (!kad_network_is_built(config->network)) {
        snprintf(out_why, why_size, "network: %s is not in this build", kad_network_name(config->network));
        return KAD_E_DISABLED;
    }
    error = check(config, out_why, why_size);
    if (error)
        return error;
    node = kad_alloc_zero(allocator, sizeof(*node));
    if (!node || kad_crypto_init() < 0 || kad_mailbox_init(&node->mailbox, allocator) < 0) {
        kad_free(allocator, node, sizeof(*node));
        snprintf(out_why, why_size, "%s", kad_error_text(KAD_E_MEMORY));
        return KAD_E_MEMORY;
    }
    node->allocator = allocator;
    node->loop = config->loop;
    node->restore_at = KAD_NEVER;
    node->presence.at = KAD_NEVER;
    node->former_at = KAD_NEVER;
    node->rotate_at = KAD_NEVER;
    node->around.variety_at = node->around.regions_at = KAD_NEVER;
    kad_clock_init(&node->clock);
    node->now = kad_clock_now(&node->clock);
    error = copy_config(node, config);
    if (!error && !node->loop) {
        error = uv_loop_init(&node->own_loop) < 0 ? KAD_E_SYSTEM : KAD_OK;
        node->own_loop_made = error == KAD_OK;
        node->loop = &node->own_loop;
    }
    if (!error)
        error = make_parts(node, out_why, why_size);
    if (!error) {
        *out_node = node;
        return KAD_OK;
    }
    if (out_why[0] == '\0')
        snprintf(out_why, why_size, "%s", kad_error_text(error));
    kad_node_free(node);
    return error;
}

/* -- life ------------------------------------------------------------------------------------------------------- */

static void bell_rang(uv_async_t *bell);

static void handle_closed(uv_handle_t *handle)
{
    kad_node_ended(handle->data);
}

static void socket_closed(void *context)
{
    kad_node_ended(context);
}

static void connections_closed(void *context)
{
    struct kad_node *node = context;

    kad_libp2p_free(node->libp2p);
    node->libp2p = NULL;
    kad_node_ended(node);
}

void kad_node_close_sockets(struct kad_node *node)
{
    /* Addresses stay known: kad_node_listening() may still be asked. */
    for (size_t i = 0; i < node->n_sockets; i++)
        node->config.listen[i] = kad_udp_endpoint(node->sockets[i]);
    node->config.n_listen = kad_node_is_linked(node) ? node->config.n_listen : node->n_sockets;
    for (size_t i = 0; i < node->n_sockets; i++)
        kad_udp_close(node->sockets[i], socket_closed);
    node->n_sockets = 0;
    kad_relay_close(node);
    if (node->libp2p)
        kad_libp2p_close(node->libp2p, connections_closed);
}

/* The system has no descriptors or memory for watching: back to where the node can be freed. */
static int give_up(struct kad_node *node, bool has_bell)
{
    node->phase = KAD_NODE_STOPPED;
    kad_mailbox_close(&node->mailbox);
    if (!has_bell) {
        kad_libp2p_free(node->libp2p);
        node->libp2p = NULL;
    }
    node->n_open = 1 + has_bell + (unsigned)node->n_sockets + (node->libp2p && has_bell);
    uv_close((uv_handle_t *)&node->timer, handle_closed);
    if (has_bell)
        uv_close((uv_handle_t *)&node->bell, handle_closed);
    kad_node_close_sockets(node);
    while (node->n_open)
        uv_run(node->loop, UV_RUN_NOWAIT);
    return KAD_E_SYSTEM;
}

static void tell_listening(const struct kad_node *node)
{
    for (size_t i = 0; i < node->n_sockets; i++) {
        const struct kad_endpoint endpoint = kad_udp_endpoint(node->sockets[i]);
        char address[KAD_ENDPOINT_TEXT];

        kad_tell(node, KAD_LOG_INFO, "listening", "address", kad_endpoint_format(&endpoint, address), NULL);
    }
}

/* Through how many names, and how many contacts that are known from before. */
static void tell_joining(const struct kad_node *node)
{
    struct kad_info info;
    char names[24], known[24];

    kad_engine_info(node->engine, &info);
    snprintf(names, sizeof(names), "%zu", node->n_bootstraps);
    snprintf(known, sizeof(known), "%zu", info.n_contacts[0] + info.n_contacts[1]);
    kad_tell(node, KAD_LOG_INFO, "joining", "bootstraps", names, "known", known, NULL);
}

int kad_node_start(struct kad_node *node)
{
    assert(node->phase == KAD_NODE_MADE && "a node starts once");
    uv_timer_init(node->loop, &node->timer);
    node->timer.data = node;
    if (uv_async_init(node->loop, &node->bell, bell_rang) < 0)
        return give_up(node, false);
    node->bell.data = node;
    for (size_t i = 0; i < node->n_sockets; i++) {
        if (kad_udp_start(node->sockets[i], node->loop) < 0)
            return give_up(node, true);
    }
    if (node->libp2p && kad_libp2p_start(node->libp2p) < 0)
        return give_up(node, true);
    node->n_open = 2 + (unsigned)node->n_sockets + (node->libp2p != NULL);
    node->phase = KAD_NODE_RUNNING;
    node->now = node->started_at = kad_clock_now(&node->clock);
    kad_memory_begin(node);
    kad_mailbox_listen(&node->mailbox, &node->bell);
    tell_listening(node);
    tell_joining(node);
    if (node->config.disabled)
        kad_tell(node, KAD_LOG_INFO, "disabled", "what", "no socket is open", NULL);
    kad_node_turn_soon(node);
    return KAD_OK;
}

int kad_node_run(struct kad_node *node)
{
    assert(node->own_loop_made && "a host's loop is the host's to run");
    while (node->phase == KAD_NODE_RUNNING || node->phase == KAD_NODE_STOPPING)
        uv_run(node->loop, UV_RUN_ONCE);
    return KAD_OK;
}

static void finish(struct kad_node *node)
{
    kad_memory_save_now(node);
    node->phase = KAD_NODE_STOPPED;
    kad_tell(node, KAD_LOG_INFO, "stopped", NULL, NULL);
    if (node->config.on_stopped)
        node->config.on_stopped(
            node->config.context); /* last: it may free the node, if the loop is the host's */
}

void kad_node_ended(struct kad_node *node)
{
    assert(node->n_open > 0);
    node->n_open--;
    if (node->phase == KAD_NODE_STOPPING && node->n_open == 0)
        finish(node);
    else
        kad_node_turn_soon(node);
}

/* Every callback is called, then everything that holds the loop is let go. */
static void begin_stop(struct kad_node *node)
{
    node->in_turn = true;
    node->now = kad_clock_now(&node->clock);
    kad_mailbox_close(&node->mailbox);
    node->phase = KAD_NODE_STOPPING; /* callbacks cannot ask for more */
    kad_engine_cancel_all(node->engine, node->now);
    kad_node_take_events(node);
    kad_posted_take(node);
    assert(!node->pending && "each request ends");
    kad_engine_leave(node->engine, node->now, &node->out);
    kad_node_send(node, NULL);
    kad_bootstrap_clear(node);
    kad_readers_stop(node);
    kad_recorder_stop(node);
    node->in_turn = false;
    uv_close((uv_handle_t *)&node->timer, handle_closed);
    uv_close((uv_handle_t *)&node->bell, handle_closed);
    kad_node_close_sockets(node);
}

static void bell_rang(uv_async_t *bell)
{
    struct kad_node *node = bell->data;

    if (node->phase != KAD_NODE_RUNNING)
        return;
    if (kad_mailbox_stop_asked(&node->mailbox))
        begin_stop(node);
    else
        kad_node_turn(node, NULL);
}

void kad_node_stop(struct kad_node *node)
{
    kad_mailbox_ask_to_stop(&node->mailbox);
}

static void close_own_loop(struct kad_node *node)
{
    /* A name server that hangs holds it up; nothing of the node's is left on it but that. */
    while (uv_loop_close(&node->own_loop) == UV_EBUSY)
        uv_run(&node->own_loop, UV_RUN_DEFAULT);
}

void kad_node_free(struct kad_node *node)
{
    if (!node)
        return;
    assert((node->phase == KAD_NODE_MADE || node->phase == KAD_NODE_STOPPED) && "it must have stopped");
    node->phase = KAD_NODE_STOPPED;
    for (size_t i = 0; i < node->n_sockets; i++)
        kad_udp_close(node->sockets[i], NULL);
    kad_bootstrap_clear(node);
    /* Asked of a node that was never started: their ends come now. */
    if (node->engine) {
        kad_engine_cancel_all(node->engine, node->now);
        kad_node_take_events(node);
    }
    kad_posted_take(node);
    kad_recorder_free(node);
    kad_readers_free(node);
    kad_libp2p_free(node->libp2p);
    kad_relay_free(node);
    kad_engine_free(node->engine);
    kad_storage_leave(node);
    if (node->own_loop_made)
        close_own_loop(node);
    kad_kept_list_clear(&node->kept);
    kad_taken_clear(&node->taken, node->allocator);
    kad_around_clear(node);
    kad_mailbox_clear(&node->mailbox);
    kad_udp_buffers_free(node->buffers);
    kad_free(node->allocator, node->out.datagrams, KAD_NODE_BATCH * sizeof(*node->out.datagrams));
    kad_free(node->allocator, node->out.memory, KAD_NODE_BATCH * (size_t)node->out.each);
    if (node->texts)
        kad_wipe(node->texts, node->texts_size); /* the passphrase is among them */
    kad_wipe(node->config.secret, sizeof(node->config.secret));
    kad_former_wipe(node);
    kad_free(node->allocator, node->texts, node->texts_size);
    kad_free(node->allocator, node, sizeof(*node));
}

/* -- what others may ask ---------------------------------------------------------------------------------------- */

size_t kad_node_listening(const struct kad_node *node, struct kad_endpoint *out_endpoints, size_t room)
{
    if (node->phase == KAD_NODE_STOPPING || node->phase == KAD_NODE_STOPPED || kad_node_is_linked(node)) {
        for (size_t i = 0; i < node->config.n_listen && i < room; i++)
            out_endpoints[i] = node->config.listen[i];
        return node->config.n_listen;
    }
    for (size_t i = 0; i < node->n_sockets && i < room; i++)
        out_endpoints[i] = kad_udp_endpoint(node->sockets[i]);
    return node->n_sockets;
}

struct kad_engine *kad_node_engine(struct kad_node *node)
{
    return node->engine;
}

struct uv_loop_s *kad_node_loop(struct kad_node *node)
{
    return node->loop;
}

const struct kad_node_config *kad_node_config_of(const struct kad_node *node)
{
    return &node->config;
}

const struct kad_measures *kad_node_measures(const struct kad_node *node)
{
    return &node->measures;
}

kad_ms kad_node_now(const struct kad_node *node)
{
    return kad_node_clock(node);
}

kad_ms kad_node_started_at(const struct kad_node *node)
{
    return node->started_at;
}
