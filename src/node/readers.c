/*
 * readers - members for one get each (kad/node.h): who waits for one, the identities that are ready, and the search for more.
 *
 *     WAITING --an identity, and less than at_once--> OPEN --kad_reader_end(), its time, or the node's end--> CLOSING --> gone
 *        through the node's relay: --> OPENING --> OPEN
 *
 * Identities are searched for on the loop's worker threads, a few milliseconds at a time. While somebody waits that goes on at once;
 * else the next piece comes when the last one is no more than work_percent of the time since. Nothing is searched for before the
 * first use. An identity serves one reader and is never seen again.
 *
 * Where the node has a relay a reader takes the same one, in a session of its own, with a second identity that is used for that alone; a
 * node that hides behind relays has no reader while it has none.
 */
#include <assert.h>
#include <string.h>

#include "base/alloc.h"
#include "base/endpoint.h"
#include "crypto/crypto.h"
#include "engine/network.h"
#include "node/parts.h"
#include "node/relay_parts.h"

#define AT_ONCE      4
#define IDENTITIES   8
#define WORK_PERCENT 5
#define WAITING_MOST 64
#define TRIES        1000 /* at a time: some 15 ms */
#define LIFE         (10 * KAD_MINUTE)
#define GIVEN_LEAST  32 /* contacts of ours that a reader begins with; half of them, if there are more */
#define GIVEN_MOST   128
#define SESSIONS     512
#define RELAY_WAIT   (5 * KAD_SECOND) /* for a place there, at least */
#define RELAY_AGAIN  (20)             /* milliseconds until it is looked at again */
#define RELAY_TEXT   (KAD_ENDPOINT_TEXT + KAD_IDENTITY_TEXT + 1)

enum state { WAITING, OPENING, OPEN, CLOSING };

struct kad_reader {
    struct kad_reader *next;
    struct kad_node *main; /* NULL: it is over, and its memory its user's */
    struct kad_node *node; /* from OPENING on */
    kad_reader_function *ready;
    void *user;
    kad_ms until; /* it waits, or lives */
    enum state state;
    bool ended, cancelled;
};

struct kad_readers {
    struct kad_reader *all; /* in the order they came */
    struct kad_reader_counts counts;
    uint8_t secrets[KAD_READERS_READY][32]; /* counts.n_ready of them */
    struct kad_identity_search search;      /* the job's while it runs */
    struct kad_job job;
    uint64_t took_ns;
    kad_ms search_at;
};

/* -- what is set -------------------------------------------------------------------------------------------------- */

static unsigned at_once(const struct kad_node *node)
{
    return node->config.readers.at_once ? node->config.readers.at_once : AT_ONCE;
}

static unsigned n_kept(const struct kad_node *node)
{
    return node->config.readers.identities ? node->config.readers.identities : IDENTITIES;
}

static unsigned work_percent(const struct kad_node *node)
{
    return node->config.readers.work_percent ? node->config.readers.work_percent : WORK_PERCENT;
}

/* Any identity will do, or there are none: nothing is to be searched for. */
static bool is_free(const struct kad_node *node)
{
    return kad_network_puzzle(node->config.network) == 0;
}

/* Whether it speaks through the node's relay. */
static bool is_relayed(const struct kad_node *node)
{
    struct kad_endpoint address;

    return kad_relay_address(node, &address);
}

/* Identities that one takes. */
static unsigned n_needed(const struct kad_node *node)
{
    return is_relayed(node) ? 2 : 1;
}

/* -- identities --------------------------------------------------------------------------------------------------- */

static bool wants_more(const struct kad_node *node)
{
    const struct kad_reader_counts *counts = &node->readers->counts;

    return !is_free(node) && counts->n_ready < KAD_READERS_READY &&
           (counts->n_ready < n_kept(node) || counts->n_ready < n_needed(node) * counts->n_waiting);
}

static kad_ms search_at(const struct kad_node *node)
{
    const struct kad_readers *readers = node->readers;

    if (readers->job.running || !wants_more(node))
        return KAD_NEVER;
    return n_needed(node) * readers->counts.n_waiting > readers->counts.n_ready ? 0 : readers->search_at;
}

static void search_work(uv_work_t *work)
{
    struct kad_readers *readers = ((struct kad_job *)work->data)->node->readers;
    const uint64_t began = uv_hrtime();

    (void)kad_identity_try(&readers->search, TRIES);
    readers->took_ns = uv_hrtime() - began;
}

static void begin_search(struct kad_readers *readers, const struct kad_network *network)
{
    kad_identity_search_wipe(&readers->search);
    kad_identity_search_init(&readers->search, NULL, kad_network_puzzle(network));
}

static void search_done(uv_work_t *work, int status)
{
    struct kad_node *node = ((struct kad_job *)work->data)->node;
    struct kad_readers *readers = node->readers;
    const kad_ms took = (kad_ms)(readers->took_ns / 1000000) + 1;

    (void)status;
    readers->job.running = false;
    readers->search_at = kad_node_clock(node) + took * (100 - work_percent(node)) / work_percent(node);
    if (readers->search.found && readers->counts.n_ready < KAD_READERS_READY) {
        memcpy(readers->secrets[readers->counts.n_ready++], readers->search.identity.secret, 32);
        readers->counts.identities++;
        readers->counts.tries += readers->search.n_tries;
        begin_search(readers, node->config.network);
    }
    kad_node_ended(node); /* last: the node may have waited for it alone */
}

static void take_secret(struct kad_node *node, uint8_t out_secret[32])
{
    struct kad_readers *readers = node->readers;
    uint8_t *last;

    if (is_free(node)) {
        kad_entropy(out_secret, 32);
        return;
    }
    assert(readers->counts.n_ready > 0 && "as could_have_one() says");
    last = readers->secrets[--readers->counts.n_ready];
    memcpy(out_secret, last, 32);
    kad_wipe(last, 32);
}

static bool could_have_one(const struct kad_node *node)
{
    const struct kad_reader_counts *counts = &node->readers->counts;

    if (kad_relay_hides(node) && !is_relayed(node))
        return false;
    return counts->n_open < at_once(node) && (is_free(node) || counts->n_ready >= n_needed(node));
}

/* -- contacts ----------------------------------------------------------------------------------------------------- */

/* Another half each time: who is asked first would tell whose reader it is. Those who kept silent are left out. */
static size_t choose(struct kad_table_row *rows, size_t n)
{
    size_t n_good = 0, n_given;

    for (size_t i = 0; i < n; i++) {
        if (!rows[i].replacement && rows[i].failures == 0)
            rows[n_good++] = rows[i];
    }
    n_given = n_good / 2 > GIVEN_LEAST ? n_good / 2 : n_good < GIVEN_LEAST ? n_good : GIVEN_LEAST;
    n_given = n_given < GIVEN_MOST ? n_given : GIVEN_MOST;
    for (size_t i = 0; i < n_given; i++) {
        uint32_t random;
        struct kad_table_row row;
        size_t j;

        kad_entropy(&random, sizeof(random));
        j = i + random % (n_good - i);
        row = rows[i];
        rows[i] = rows[j];
        rows[j] = row;
    }
    return n_given;
}

/* Into the reader's table as they are, so that it need not join: it asks for nothing but what it is there for. */
static void give_contacts(struct kad_node *node, struct kad_node *reader, enum kad_family family)
{
    const size_t room = kad_engine_table(node->engine, family, NULL, 0);
    struct kad_table_row *rows = room ? kad_alloc(node->allocator, room * sizeof(*rows)) : NULL;
    const size_t n = rows ? choose(rows, kad_engine_table(node->engine, family, rows, room)) : 0;
    const kad_ms now = kad_node_clock(reader);

    for (size_t i = 0; i < n; i++) {
        const struct kad_contact *contact = &rows[i].contact;

        /* One that is not acceptable is none. */
        if (kad_network_has_identities(node->config.network))
            (void)!kad_engine_contact_key(reader->engine, &contact->endpoint, rows[i].public_key, true, now);
        else
            (void)!kad_engine_contact(reader->engine, contact, true, now);
    }
    kad_free(node->allocator, rows, room * sizeof(*rows));
}

/* -- a reader ----------------------------------------------------------------------------------------------------- */

static void unlink_reader(struct kad_reader *reader)
{
    struct kad_reader **at = &reader->main->readers->all;

    while (*at != reader)
        at = &(*at)->next;
    *at = reader->next;
    reader->next = NULL;
}

static void forget(struct kad_reader *reader)
{
    kad_free(&kad_allocator_system, reader, sizeof(*reader));
}

static void on_stopped(void *context)
{
    struct kad_reader *reader = context;
    struct kad_node *main = reader->main;

    kad_node_free(reader->node);
    reader->node = NULL;
    unlink_reader(reader);
    reader->main = NULL;
    main->readers->counts.n_open--;
    if (reader->ended)
        forget(reader);
    kad_node_ended(main); /* last, as above */
}

static void close_reader(struct kad_reader *reader)
{
    if (reader->state != CLOSING)
        kad_node_stop(reader->node);
    reader->state = CLOSING;
}

/* Its own port at each of the node's addresses, one for each family; relays speak IPv4. */
static void set_addresses(const struct kad_node *node, struct kad_node_config *config)
{
    config->n_listen = 0;
    for (size_t i = 0; i < node->n_sockets && config->n_listen < 2; i++) {
        struct kad_endpoint at = kad_udp_endpoint(node->sockets[i]);

        at.port = 0;
        if ((config->n_listen == 0 || config->listen[0].family != at.family) &&
            (at.family == KAD_IPV4 || !is_relayed(node)))
            config->listen[config->n_listen++] = at;
    }
}

/* "host:port/id1..." of the node's own, or nothing to do. */
static void set_relay(const struct kad_node *node, struct kad_node_config *config, char text[RELAY_TEXT])
{
    struct kad_relay_status status;
    size_t n;

    if (!is_relayed(node))
        return;
    kad_node_relay_status(node, &status);
    kad_endpoint_format(&status.relay, text);
    n = strlen(text);
    text[n] = '/';
    kad_identity_format(status.relay_key, text + n + 1);
    config->relay = (struct kad_node_relay){.mode = KAD_RELAY_ALWAYS, .pinned = text};
}

/* What the node is set to, but for what a member does beside asking. */
static void set_settings(const struct kad_node *node, struct kad_settings *settings)
{
    *settings = node->config.settings;
    settings->read_only = true;
    settings->open_door = false;
    settings->follow_address = false;
    settings->max_peers = 0;
    settings->cover_per_hour = 0;
    settings->restore_ms = 0;
    settings->cache_ms = 0;
    settings->verify_per_s = 0;
    settings->refresh_pace_ms = 10 * KAD_MINUTE;
    if (settings->max_sessions > SESSIONS)
        settings->max_sessions = SESSIONS;
}

static void configure(struct kad_reader *reader, const uint8_t secret[32], struct kad_node_config *config)
{
    const struct kad_node *node = reader->main;

    kad_node_config_default(node->config.network, config);
    set_settings(node, &config->settings);
    set_addresses(node, config);
    config->loop = node->loop;
    config->has_secret = kad_network_has_identities(node->config.network);
    memcpy(config->secret, secret, sizeof(config->secret));
    config->announce_self = false;
    config->classes = node->config.classes;
    config->n_classes = node->config.n_classes;
    config->places = node->config.places;
    config->gate = node->config.gate;
    config->readers.use = KAD_READERS_OFF;
    config->on_stopped = on_stopped;
    config->context = reader;
}

static int make_node(struct kad_reader *reader, const uint8_t secret[32], struct kad_node **out_node)
{
    struct kad_node_config *config = kad_alloc(reader->main->allocator, sizeof(*config));
    char relay[RELAY_TEXT], why[256];
    int error;

    if (!config)
        return KAD_E_MEMORY;
    configure(reader, secret, config);
    set_relay(reader->main, config, relay);
    error = kad_node_new(config, out_node, why, sizeof(why));
    kad_wipe(config, sizeof(*config));
    kad_free(reader->main->allocator, config, sizeof(*config));
    if (error)
        kad_tell(reader->main, KAD_LOG_WARN, "reader_failed", "why", why, NULL);
    return error;
}

/* The identity that its relay sees. */
static void give_relay_secret(struct kad_node *main, struct kad_node *node)
{
    take_secret(main, node->relay->use.secret);
    node->relay->use.has_secret = true;
}

static int open_node(struct kad_reader *reader)
{
    struct kad_node *main = reader->main, *node;
    uint8_t secret[32];
    int error;

    take_secret(main, secret);
    error = make_node(reader, secret, &node);
    kad_wipe(secret, sizeof(secret));
    if (error)
        return error;
    if (is_relayed(main))
        give_relay_secret(main, node);
    give_contacts(main, node, KAD_IPV4);
    give_contacts(main, node, KAD_IPV6);
    error = kad_node_start(node);
    if (error) {
        kad_node_free(node);
        return error;
    }
    reader->node = node;
    return KAD_OK;
}

/* The reader is gone after that, or when its node has stopped. */
static void refuse(struct kad_reader *reader, int error)
{
    struct kad_reader_counts *counts = &reader->main->readers->counts;
    kad_reader_function *ready = reader->ready;
    void *user = reader->user;

    counts->timeouts += error == KAD_E_TIMEOUT;
    if (reader->state == WAITING) {
        counts->n_waiting--;
        unlink_reader(reader);
        forget(reader);
    } else {
        reader->ended = true;
        close_reader(reader);
    }
    ready(user, NULL, error);
}

static void give(struct kad_reader *reader)
{
    reader->state = OPEN;
    reader->until = reader->main->now + LIFE;
    reader->main->readers->counts.begun++;
    reader->ready(reader->user, reader->node, KAD_OK);
}

static void open_reader(struct kad_reader *reader)
{
    struct kad_node *main = reader->main;
    const bool relayed = is_relayed(main);
    const int error = open_node(reader);

    if (error) {
        refuse(reader, error);
        return;
    }
    main->n_open++;
    main->readers->counts.n_open++;
    main->readers->counts.n_waiting--;
    reader->state = OPENING;
    if (!relayed)
        give(reader);
    else if (reader->until < main->now + RELAY_WAIT)
        reader->until = main->now + RELAY_WAIT;
}

/* -- when --------------------------------------------------------------------------------------------------------- */

/* Something is to be done for it. Not for those that close, nor for a relay before its time. */
static bool is_due(const struct kad_reader *reader, bool could)
{
    if (reader->state == CLOSING)
        return false;
    return (reader->state == WAITING && could) || (reader->state == OPENING && is_relayed(reader->node)) ||
           reader->main->now >= reader->until;
}

/* Callbacks may change the list: it is looked at anew each time. */
static struct kad_reader *due(const struct kad_node *node)
{
    const bool could = could_have_one(node);
    struct kad_reader *reader = node->readers->all;

    while (reader && !is_due(reader, could))
        reader = reader->next;
    return reader;
}

static void serve(struct kad_reader *reader)
{
    if (reader->state == OPEN)
        close_reader(reader);
    else if (reader->cancelled)
        refuse(reader, KAD_E_CLOSED);
    else if (reader->state == OPENING && is_relayed(reader->node))
        give(reader);
    else if (reader->state == WAITING && could_have_one(reader->main))
        open_reader(reader);
    else
        refuse(reader, KAD_E_TIMEOUT);
}

void kad_readers_tick(struct kad_node *node)
{
    struct kad_reader *reader;

    if (!node->readers)
        return;
    while ((reader = due(node)))
        serve(reader);
    if (node->now >= search_at(node))
        (void)kad_memory_begin_job(node, &node->readers->job, search_work, search_done);
}

kad_ms kad_readers_wake_at(const struct kad_node *node)
{
    kad_ms at = KAD_NEVER;

    if (!node->readers)
        return at;
    if (due(node))
        return 0;
    at = search_at(node);
    for (const struct kad_reader *reader = node->readers->all; reader; reader = reader->next) {
        if (reader->state == OPENING)
            at = kad_ms_min(at, node->now + RELAY_AGAIN);
        if (reader->state != CLOSING)
            at = kad_ms_min(at, reader->until);
    }
    return at;
}

/* One that has not been given yet. */
static struct kad_reader *awaited(const struct kad_node *node)
{
    struct kad_reader *reader = node->readers->all;

    while (reader && reader->state > OPENING)
        reader = reader->next;
    return reader;
}

void kad_readers_stop(struct kad_node *node)
{
    struct kad_reader *reader;

    if (!node->readers)
        return;
    while ((reader = awaited(node)))
        refuse(reader, KAD_E_CLOSED);
    for (reader = node->readers->all; reader; reader = reader->next)
        close_reader(reader);
}

void kad_readers_free(struct kad_node *node)
{
    struct kad_readers *readers = node->readers;

    if (!readers)
        return;
    assert(!readers->all && !readers->job.running && "the node has waited for them");
    kad_wipe(readers, sizeof(*readers));
    kad_free(node->allocator, readers, sizeof(*readers));
    node->readers = NULL;
}

/* -- kad/node.h --------------------------------------------------------------------------------------------------- */

static int make_readers(struct kad_node *node)
{
    node->readers = kad_alloc_zero(node->allocator, sizeof(*node->readers));
    if (!node->readers)
        return KAD_E_MEMORY;
    begin_search(node->readers, node->config.network);
    return KAD_OK;
}

int kad_reader_new(struct kad_node *node, kad_ms wait_ms, kad_reader_function *ready, void *user,
                   struct kad_reader **out_reader)
{
    struct kad_reader *reader, **last;

    if (node->phase != KAD_NODE_RUNNING)
        return KAD_E_CLOSED;
    if (node->config.readers.use == KAD_READERS_OFF || node->config.disabled ||
        node->config.network->carrier == KAD_CARRIER_HOST)
        return KAD_E_DISABLED;
    if (!node->readers && make_readers(node) != KAD_OK)
        return KAD_E_MEMORY;
    if (node->readers->counts.n_waiting >= WAITING_MOST || (wait_ms <= 0 && !could_have_one(node))) {
        node->readers->counts.refused++;
        kad_node_turn_soon(node); /* the next one is to find an identity */
        return KAD_E_LIMIT;
    }
    reader = kad_alloc_zero(&kad_allocator_system, sizeof(*reader));
    if (!reader)
        return KAD_E_MEMORY;
    *reader = (struct kad_reader){.main = node,
                                  .ready = ready,
                                  .user = user,
                                  .until = kad_node_clock(node) + kad_ms_min(wait_ms, KAD_HOUR) + 1};
    for (last = &node->readers->all; *last; last = &(*last)->next)
        ;
    *last = reader;
    node->readers->counts.n_waiting++;
    kad_node_turn_soon(node);
    *out_reader = reader;
    return KAD_OK;
}

void kad_reader_end(struct kad_reader *reader)
{
    if (!reader)
        return;
    if (!reader->main) {
        forget(reader);
    } else if (reader->state == WAITING) {
        unlink_reader(reader);
        reader->main->readers->counts.n_waiting--;
        forget(reader);
    } else {
        reader->ended = true;
        close_reader(reader);
    }
}

void kad_reader_cancel(struct kad_reader *reader)
{
    reader->cancelled = true;
    reader->until = 0;
    kad_node_turn_soon(reader->main);
}

void kad_node_reader_counts(const struct kad_node *node, struct kad_reader_counts *out_counts)
{
    *out_counts = node->readers ? node->readers->counts : (struct kad_reader_counts){0};
}
