#include "engine/journal.h"

#include <assert.h>
#include <string.h>

#include "base/hash.h"
#include "crypto/crypto.h"
#include "engine/engine_parts.h"
#include "engine/network.h"

#define CHECK_EVERY (10 * KAD_SECOND)
#define FLUSH_EVERY KAD_SECOND /* what a crash may take along */

static const uint8_t magic[4] = {'K', 'A', 'D', 'J'};
const uint8_t kad_journal_lost_mark[KAD_JOURNAL_BLOCK_HEAD] = "KADJ was cut off";

struct kad_journal {
    struct kad_store store; /* first: stands before the engine's own while it records */
    struct kad_store *real;
    struct kad_allocator allocator;
    struct kad_journal_config config;
    struct kad_engine *engine;
    struct kad_settings settings; /* as last recorded */
    struct kad_journal_stats stats;
    struct kad_walk walk;
    kad_ms before, check_at, flush_at;
    uint64_t sent, n_taking;
    uint32_t n_blocks;
    uint32_t n; /* bytes of `block` */
    uint8_t block[KAD_JOURNAL_BLOCK];
};

/* -- blocks ----------------------------------------------------------------------------------------------------- */

static void put_number(uint8_t *at, uint32_t number)
{
    for (int i = 0; i < 4; i++)
        at[i] = (uint8_t)(number >> (24 - 8 * i));
}

static void flush(struct kad_journal *journal)
{
    const uint32_t size = journal->n - KAD_JOURNAL_BLOCK_HEAD;
    uint8_t *block = journal->block;

    if (journal->stats.lost || size == 0)
        return;
    memcpy(block, magic, sizeof(magic));
    put_number(block + 4, journal->n_blocks++);
    put_number(block + 8, size);
    put_number(block + 12, 0);
    put_number(block + 12, kad_crc32c(block, journal->n));
    if (!journal->config.write(journal->config.context, (struct kad_bytes){block, journal->n}))
        journal->stats.lost = true;
    else
        journal->stats.n_bytes += journal->n;
    journal->n = KAD_JOURNAL_BLOCK_HEAD;
}

static void put(void *context, const void *bytes, size_t size)
{
    struct kad_journal *journal = context;
    const uint8_t *from = bytes;

    while (size && !journal->stats.lost) {
        const size_t room = sizeof(journal->block) - journal->n;
        const size_t n = size < room ? size : room;

        memcpy(journal->block + journal->n, from, n);
        journal->n += (uint32_t)n;
        from += n;
        size -= n;
        if (journal->n == sizeof(journal->block))
            flush(journal);
    }
}

/* -- items ------------------------------------------------------------------------------------------------------ */

static void write_item(struct kad_journal *journal, struct kad_journal_item *item)
{
    kad_journal_walk_item(&journal->walk, item, &journal->before);
    journal->stats.n_items++;
}

/* Before an input: the events that were taken, and settings that have changed, by whomever. */
static void begin_input(struct kad_journal *journal, kad_ms now)
{
    if (journal->n_taking) {
        struct kad_journal_item item = {
            .kind = KAD_JOURNAL_EVENTS, .now = journal->before, .number = journal->n_taking};

        journal->n_taking = 0;
        write_item(journal, &item);
    }
    if (memcmp(&journal->settings, journal->engine->settings, sizeof(journal->settings)) != 0) {
        struct kad_journal_item item = {
            .kind = KAD_JOURNAL_SETTINGS, .now = now, .settings = *journal->engine->settings};

        memcpy(&journal->settings, journal->engine->settings, sizeof(journal->settings));
        write_item(journal, &item);
    }
}

static void write_input(struct kad_journal *journal, struct kad_journal_item *item)
{
    if (journal->stats.lost)
        return;
    begin_input(journal, item->now);
    write_item(journal, item);
}

static void checkpoint(struct kad_journal *journal, enum kad_journal_kind kind, kad_ms now)
{
    struct kad_journal_item item = {
        .kind = (uint8_t)kind,
        .now = now,
        .state = kad_engine_hash(journal->engine),
        .sent = journal->sent,
    };

    write_input(journal, &item);
    journal->stats.n_checks++;
    journal->check_at = now + (journal->config.check_every_ms ? journal->config.check_every_ms : CHECK_EVERY);
}

void kad_journal_datagram(struct kad_journal *journal, const struct kad_datagram *in, kad_ms now,
                          const struct kad_batch *out)
{
    struct kad_journal_item item = {
        .kind = KAD_JOURNAL_DATAGRAM,
        .now = now,
        .room = out->room - out->n,
        .endpoint = in->peer,
        .bytes = in->bytes,
    };

    if (journal->engine->network->carrier == KAD_CARRIER_HOST)
        item.identity = in->identity;

    write_input(journal, &item);
    journal->stats.n_datagrams++;
}

void kad_journal_tick(struct kad_journal *journal, kad_ms now, const struct kad_batch *out)
{
    struct kad_journal_item item = {.kind = KAD_JOURNAL_TICK, .now = now, .room = out->room - out->n};

    if (now >= journal->check_at && !journal->engine->dht.events.n && !journal->stats.lost)
        checkpoint(journal, KAD_JOURNAL_CHECK, now);
    if (now >= journal->flush_at) {
        journal->flush_at = now + FLUSH_EVERY;
        flush(journal);
    }
    write_input(journal, &item);
}

void kad_journal_leave(struct kad_journal *journal, kad_ms now, const struct kad_batch *out)
{
    struct kad_journal_item item = {.kind = KAD_JOURNAL_LEAVE, .now = now, .room = out->room - out->n};

    write_input(journal, &item);
}

void kad_journal_aside(struct kad_journal *journal, const struct kad_endpoint *to, struct kad_bytes key,
                       struct kad_bytes bytes, kad_ms now, const struct kad_batch *out)
{
    struct kad_journal_item item = {
        .kind = KAD_JOURNAL_ASIDE,
        .now = now,
        .room = out->room - out->n,
        .endpoint = *to,
        .bytes = bytes,
        .identity = key,
    };

    write_input(journal, &item);
}

void kad_journal_unreachable(struct kad_journal *journal, const struct kad_endpoint *peer, kad_ms now)
{
    struct kad_journal_item item = {.kind = KAD_JOURNAL_UNREACHABLE, .now = now, .endpoint = *peer};

    write_input(journal, &item);
}

void kad_journal_request(struct kad_journal *journal, const struct kad_request *request, kad_ms now)
{
    struct kad_journal_item item = {.kind = KAD_JOURNAL_REQUEST, .now = now, .request = *request};

    write_input(journal, &item);
    journal->stats.n_requests++;
}

void kad_journal_cancel(struct kad_journal *journal, uint64_t id, kad_ms now)
{
    struct kad_journal_item item = {.kind = KAD_JOURNAL_CANCEL, .now = now, .number = id};

    write_input(journal, &item);
}

void kad_journal_withdraw(struct kad_journal *journal, const struct kad_id *key)
{
    struct kad_journal_item item = {.kind = KAD_JOURNAL_WITHDRAW, .now = journal->before, .key = *key};

    write_input(journal, &item);
}

void kad_journal_bootstrap(struct kad_journal *journal, const struct kad_endpoint *endpoint,
                           struct kad_bytes identity, kad_ms now)
{
    struct kad_journal_item item = {
        .kind = KAD_JOURNAL_BOOTSTRAP, .now = now, .endpoint = *endpoint, .identity = identity};

    write_input(journal, &item);
}

void kad_journal_contact(struct kad_journal *journal, const struct kad_contact *contact,
                         struct kad_bytes identity, bool trusted, kad_ms now)
{
    struct kad_journal_item item = {.kind = KAD_JOURNAL_CONTACT,
                                    .now = now,
                                    .contact = *contact,
                                    .identity = identity,
                                    .trusted = trusted};

    write_input(journal, &item);
}

void kad_journal_settings(struct kad_journal *journal, kad_ms now)
{
    if (!journal->stats.lost)
        begin_input(journal, now);
}

void kad_journal_load(struct kad_journal *journal, unsigned percent)
{
    struct kad_journal_item item = {.kind = KAD_JOURNAL_LOAD, .now = journal->before, .number = percent};

    write_input(journal, &item);
}

void kad_journal_peer(struct kad_journal *journal, enum kad_journal_peer what,
                      const struct kad_peer_row *peer, kad_ms now)
{
    struct kad_journal_item item = {.kind = KAD_JOURNAL_PEER, .now = now, .number = what, .peer = *peer};

    write_input(journal, &item);
}

void kad_journal_places(struct kad_journal *journal, const struct kad_places *places, kad_ms now)
{
    struct kad_journal_item item = {.kind = KAD_JOURNAL_PLACES, .now = now, .number = places != NULL};

    write_input(journal, &item);
}

void kad_journal_taking(struct kad_journal *journal)
{
    journal->n_taking++;
}

uint64_t kad_journal_hash_sent(uint64_t before, const struct kad_datagram *datagram)
{
    const uint64_t to = kad_hash(kad_hash_word(before, datagram->peer.port), datagram->peer.address,
                                 sizeof(datagram->peer.address));

    return kad_hash(to, datagram->bytes.data, datagram->bytes.size);
}

void kad_journal_sent(struct kad_journal *journal, const struct kad_datagram *datagram)
{
    journal->sent = kad_journal_hash_sent(journal->sent, datagram);
}

/* -- the store -------------------------------------------------------------------------------------------------- */

static struct kad_journal *of(struct kad_store *store)
{
    return (struct kad_journal *)(void *)store;
}

static void write_answer(struct kad_journal *journal, struct kad_journal_item *item)
{
    if (!journal->stats.lost)
        write_item(journal, item);
}

void kad_journal_place(struct kad_journal *journal, const struct kad_endpoint *endpoint,
                       const struct kad_place *place)
{
    struct kad_journal_item item = {.kind = KAD_JOURNAL_PLACE, .endpoint = *endpoint, .place = *place};

    write_answer(journal, &item);
}

void kad_journal_gate(struct kad_journal *journal, const struct kad_id *id, unsigned answer)
{
    struct kad_journal_item item = {.kind = KAD_JOURNAL_GATE, .key = *id, .number = answer};

    write_answer(journal, &item);
}

/* How many bytes of its stream a generator has given since its key changed. */
static uint64_t position(const struct kad_rng *rng)
{
    return (uint64_t)rng->counter * sizeof(rng->block) + rng->used;
}

static int get(struct kad_store *store, const struct kad_id *key, kad_ms now, struct kad_record *out_record)
{
    struct kad_journal *journal = of(store);
    struct kad_journal_item item = {.kind = KAD_JOURNAL_GET, .key = *key};

    item.error = journal->real->ops->get(journal->real, key, now, out_record);
    if (!item.error)
        item.record = *out_record;
    write_answer(journal, &item);
    return item.error;
}

static int put_record(struct kad_store *store, const struct kad_record *record,
                      const struct kad_endpoint *publisher, kad_ms now)
{
    struct kad_journal *journal = of(store);
    struct kad_journal_item item = {.kind = KAD_JOURNAL_PUT, .key = record->key};

    item.error = journal->real->ops->put(journal->real, record, publisher, now);
    write_answer(journal, &item);
    return item.error;
}

static int add_peer(struct kad_store *store, const struct kad_id *key, const struct kad_endpoint *peer,
                    bool seed, kad_ms expires_at, kad_ms now)
{
    struct kad_journal *journal = of(store);
    struct kad_journal_item item = {.kind = KAD_JOURNAL_ADD_PEER, .key = *key, .endpoint = *peer};

    item.error = journal->real->ops->add_peer(journal->real, key, peer, seed, expires_at, now);
    write_answer(journal, &item);
    return item.error;
}

static size_t peers(struct kad_store *store, const struct kad_id *key, enum kad_family family, bool no_seeds,
                    struct kad_rng *rng, kad_ms now, struct kad_endpoint *out_peers, size_t n)
{
    struct kad_journal *journal = of(store);
    struct kad_journal_item item = {.kind = KAD_JOURNAL_PEERS, .key = *key};
    const uint64_t before = position(rng);
    const size_t found =
        journal->real->ops->peers(journal->real, key, family, no_seeds, rng, now, out_peers, n);

    item.drawn = (uint32_t)(position(rng) - before);
    item.n = (uint32_t)found;
    write_answer(journal, &item);
    for (size_t i = 0; i < found; i++)
        kad_walk_endpoint(&journal->walk, &out_peers[i]);
    return found;
}

struct forwarding {
    struct kad_journal *journal;
    void (*add)(void *context, const struct kad_endpoint *peer, bool seed);
    void *context;
};

static void forward(void *context, const struct kad_endpoint *peer, bool seed)
{
    const struct forwarding *forwarding = context;
    struct kad_walk *walk = &forwarding->journal->walk;
    struct kad_endpoint copy = *peer;
    bool more = true;

    KAD_WALK(walk, more);
    kad_walk_endpoint(walk, &copy);
    KAD_WALK(walk, seed);
    forwarding->add(forwarding->context, peer, seed);
}

static void each_peer(struct kad_store *store, const struct kad_id *key, kad_ms now,
                      void (*add)(void *context, const struct kad_endpoint *peer, bool seed), void *context)
{
    struct kad_journal *journal = of(store);
    struct kad_journal_item item = {.kind = KAD_JOURNAL_EACH_PEER, .key = *key};
    struct forwarding forwarding = {journal, add, context};
    bool more = false;

    write_answer(journal, &item);
    journal->real->ops->each_peer(journal->real, key, now, forward, &forwarding);
    KAD_WALK(&journal->walk, more);
}

static size_t sample(struct kad_store *store, struct kad_rng *rng, kad_ms now, struct kad_id *out_keys,
                     size_t n, uint32_t *out_total)
{
    struct kad_journal *journal = of(store);
    struct kad_journal_item item = {.kind = KAD_JOURNAL_SAMPLE};
    const uint64_t before = position(rng);
    const size_t found = journal->real->ops->sample(journal->real, rng, now, out_keys, n, out_total);

    item.drawn = (uint32_t)(position(rng) - before);
    item.n = (uint32_t)found;
    item.total = *out_total;
    write_answer(journal, &item);
    for (size_t i = 0; i < found; i++)
        KAD_WALK_BYTES(&journal->walk, out_keys[i]);
    return found;
}

static kad_ms expire(struct kad_store *store, kad_ms now)
{
    struct kad_journal *journal = of(store);
    struct kad_journal_item item = {.kind = KAD_JOURNAL_EXPIRE};

    item.at = journal->real->ops->expire(journal->real, now);
    write_answer(journal, &item);
    return item.at;
}

static int commit(struct kad_store *store)
{
    struct kad_store *real = of(store)->real;

    return real->ops->commit ? real->ops->commit(real) : KAD_OK;
}

static void stats(const struct kad_store *store, struct kad_store_stats *out_stats)
{
    const struct kad_store *real = ((const struct kad_journal *)(const void *)store)->real;

    real->ops->stats(real, out_stats);
}

static size_t list(struct kad_store *store, const struct kad_id *key, uint8_t type, kad_ms now, uint32_t from,
                   struct kad_record *out_records, size_t n, uint32_t *out_next)
{
    struct kad_journal *journal = of(store);
    struct kad_journal_item item = {.kind = KAD_JOURNAL_LIST, .key = *key};
    const size_t found =
        journal->real->ops->list(journal->real, key, type, now, from, out_records, n, out_next);

    item.n = (uint32_t)found;
    item.next = *out_next;
    write_answer(journal, &item);
    for (size_t i = 0; i < found; i++)
        kad_journal_walk_record(&journal->walk, &out_records[i]);
    return found;
}

static int remove_record(struct kad_store *store, const struct kad_record *record)
{
    struct kad_journal *journal = of(store);
    struct kad_journal_item item = {.kind = KAD_JOURNAL_REMOVE, .key = record->key};

    item.error = journal->real->ops->remove(journal->real, record);
    write_answer(journal, &item);
    return item.error;
}

static void touch(struct kad_store *store, const struct kad_record *record, kad_ms seen_at)
{
    struct kad_store *real = of(store)->real;

    real->ops->touch(real, record, seen_at);
}

static int ghost(struct kad_store *store, const struct kad_id *key, uint8_t type, kad_ms now,
                 struct kad_record *out_record)
{
    struct kad_journal *journal = of(store);
    struct kad_journal_item item = {.kind = KAD_JOURNAL_GHOST, .key = *key};

    item.error = journal->real->ops->ghost(journal->real, key, type, now, out_record);
    if (!item.error)
        item.record = *out_record;
    else
        item.at = out_record->expires_at;
    write_answer(journal, &item);
    return item.error;
}

struct looking {
    struct kad_journal *journal;
    const struct kad_store_viewer *viewer;
};

static void show_record(void *context, const struct kad_record *record)
{
    const struct looking *looking = context;
    struct kad_record copy = *record;
    bool more = true;

    KAD_WALK(&looking->journal->walk, more);
    kad_journal_walk_record(&looking->journal->walk, &copy);
    looking->viewer->record(looking->viewer->context, record);
}

static void show_key(void *context, const struct kad_id *key, uint32_t n_peers)
{
    (void)context;
    (void)key;
    (void)n_peers;
}

/* The engine looks for records only. */
static uint64_t look(const struct kad_store *store, uint64_t from, unsigned n, kad_ms now,
                     const struct kad_store_viewer *viewer)
{
    struct kad_journal *journal = (struct kad_journal *)(void *)(uintptr_t)store;
    const struct kad_store *real = journal->real;
    struct looking looking = {journal, viewer};
    const struct kad_store_viewer own = {show_record, show_key, &looking};
    struct kad_journal_item item = {.kind = KAD_JOURNAL_LOOK};
    bool more = false;
    uint64_t next;

    write_answer(journal, &item);
    next = real->ops->look ? real->ops->look(real, from, n, now, &own) : 0;
    KAD_WALK(&journal->walk, more);
    KAD_WALK(&journal->walk, next);
    return next;
}

static void free_store(struct kad_store *store)
{
    (void)store;
    assert(false && "the journal is not the engine's to free");
}

static const struct kad_store_ops store_ops = {
    .get = get,
    .put = put_record,
    .add_peer = add_peer,
    .peers = peers,
    .each_peer = each_peer,
    .sample = sample,
    .expire = expire,
    .commit = commit,
    .look = look,
    .list = list,
    .remove = remove_record,
    .touch = touch,
    .ghost = ghost,
    .stats = stats,
    .free = free_store,
};

/* -- life ------------------------------------------------------------------------------------------------------- */

static void copy_text(char *to, size_t room, const char *from)
{
    size_t n = strlen(from);

    n = n < room ? n : room - 1;
    memcpy(to, from, n);
    to[n] = '\0';
}

static void write_head(struct kad_journal *journal, kad_ms now)
{
    struct kad_journal_head head = {
        .at = now,
        .n_listen = journal->config.n_listen,
        .ipv4 = journal->engine->dht.tables[0],
        .ipv6 = journal->engine->dht.tables[1],
        .has_places = journal->engine->places,
        .settings = journal->settings,
    };

    copy_text(head.version, sizeof(head.version), journal->config.version ? journal->config.version : "");
    copy_text(head.network, sizeof(head.network), journal->engine->network->name);
    memcpy(head.listen, journal->config.listen, sizeof(head.listen));
    if (journal->engine->dht.member) {
        head.has_secret = true;
        memcpy(head.secret, journal->engine->dht.member->secret, sizeof(head.secret));
        head.gate_reputation = journal->engine->dht.member->gate.reputation;
        head.gate_provides = journal->engine->dht.member->gate.provides;
    }
    kad_journal_walk_head(&journal->walk, &head);
    kad_wipe(head.secret, sizeof(head.secret));
}

int kad_journal_begin(struct kad_engine *engine, const struct kad_journal_config *config, kad_ms now,
                      struct kad_journal **out_journal)
{
    const struct kad_allocator *allocator = config->allocator ? config->allocator : &kad_allocator_system;
    struct kad_journal *journal;

    assert(config->n_listen <= KAD_JOURNAL_LISTEN_MAX);
    if (engine->journal)
        return KAD_E_EXISTS;
    if (engine->lent_counters)
        return KAD_E_INVALID; /* others count there, too: a replay would not come to the same */
    journal = kad_alloc(allocator, sizeof(*journal));
    if (!journal)
        return KAD_E_MEMORY;
    memset(journal, 0, offsetof(struct kad_journal, block));
    journal->allocator = *allocator;
    journal->config = *config;
    journal->engine = engine;
    journal->store.ops = &store_ops;
    journal->real = engine->dht.store;
    memcpy(&journal->settings, engine->settings, sizeof(journal->settings));
    journal->walk = (struct kad_walk){.put = put, .context = journal, .book = engine->dht.book};
    journal->n = KAD_JOURNAL_BLOCK_HEAD;
    journal->before = now;
    journal->flush_at = now + FLUSH_EVERY;
    write_head(journal, now);
    kad_engine_walk(&journal->walk, engine);
    checkpoint(journal, KAD_JOURNAL_CHECK, now);
    flush(journal);
    engine->dht.store = &journal->store;
    engine->journal = journal;
    *out_journal = journal;
    return KAD_OK;
}

bool kad_journal_end(struct kad_journal *journal, kad_ms now)
{
    struct kad_allocator allocator;
    bool lost;

    if (!journal)
        return false;
    if (!journal->stats.lost)
        checkpoint(journal, KAD_JOURNAL_END, now);
    flush(journal);
    journal->engine->dht.store = journal->real;
    journal->engine->journal = NULL;
    allocator = journal->allocator;
    lost = journal->stats.lost;
    kad_free(&allocator, journal, sizeof(*journal));
    return lost;
}

void kad_journal_stats(const struct kad_journal *journal, struct kad_journal_stats *out_stats)
{
    *out_stats = journal->stats;
}
