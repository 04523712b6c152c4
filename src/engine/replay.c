#include "engine/replay.h"

#include <assert.h>
#include <string.h>

#include "base/endpoint.h"
#include "crypto/crypto.h"
#include "engine/engine_parts.h"
#include "engine/network.h"

#define ROOM_MAX 1024 /* datagrams of a batch a host may have lent */
#define WHY      200

static const uint8_t magic[4] = {'K', 'A', 'D', 'J'};

struct kad_replay {
    struct kad_store store; /* first: the engine's */
    struct kad_allocator allocator;
    struct kad_places places; /* the same of the table of places */
    struct kad_gate gate;     /* and of the host's gate */
    struct kad_replay_config config;
    struct kad_engine *engine;
    bool started; /* the state at the beginning is read, and tells where its contacts are */
    struct kad_journal_head head;
    struct kad_settings
        changed[2]; /* those that hold, if others than the head's do, and those before or after */
    unsigned n_changed;
    struct kad_journal_item item, answer;
    struct kad_replay_stats stats;
    struct kad_walk walk; /* over `bytes` */
    kad_ms before;
    uint64_t sent;
    uint8_t *bytes; /* the blocks' contents, one after the other */
    size_t n_bytes, room_bytes;
    bool damaged; /* a block was not what it should be; what stands before it is fine */
    bool lost;    /* the recorder's mark: it wrote nothing more */
    enum kad_replay_verdict verdict;
    struct kad_batch batch;
    char why[WHY];
};

const char *kad_replay_verdict_text(enum kad_replay_verdict verdict)
{
    switch (verdict) {
    case KAD_REPLAY_MORE:
        return "more to come";
    case KAD_REPLAY_END:
        return "the same";
    case KAD_REPLAY_CUT:
        return "the same as far as the file goes: its end is missing";
    case KAD_REPLAY_LOST:
        return "the same as far as was recorded: the recorder stopped before the node did";
    case KAD_REPLAY_CORRUPT:
        return "the file is damaged";
    case KAD_REPLAY_DIVERGED:
        return "different";
    }
    return "unknown";
}

/* -- blocks ----------------------------------------------------------------------------------------------------- */

static uint32_t number_at(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static bool block_is_sound(const uint8_t *block, uint32_t size)
{
    uint8_t copy[KAD_JOURNAL_BLOCK];

    memcpy(copy, block, KAD_JOURNAL_BLOCK_HEAD + size);
    memset(copy + 12, 0, 4);
    return kad_crc32c(copy, KAD_JOURNAL_BLOCK_HEAD + size) == number_at(block + 12);
}

/* Takes the blocks' contents together, up to the first that is damaged or cut off. */
static void join_blocks(struct kad_replay *replay)
{
    const uint8_t *at = replay->config.file.data;
    size_t left = replay->config.file.size;

    for (uint32_t number = 0; left >= KAD_JOURNAL_BLOCK_HEAD; number++) {
        const uint32_t size = number_at(at + 8);

        if (memcmp(at, kad_journal_lost_mark, KAD_JOURNAL_BLOCK_HEAD) == 0) {
            replay->lost = true;
            return;
        }
        if (memcmp(at, magic, sizeof(magic)) != 0 || number_at(at + 4) != number || size == 0 ||
            size > KAD_JOURNAL_BLOCK - KAD_JOURNAL_BLOCK_HEAD) {
            replay->damaged = true;
            return;
        }
        if (left - KAD_JOURNAL_BLOCK_HEAD < size)
            return;
        if (!block_is_sound(at, size)) {
            replay->damaged = true;
            return;
        }
        memcpy(replay->bytes + replay->n_bytes, at + KAD_JOURNAL_BLOCK_HEAD, size);
        replay->n_bytes += size;
        at += KAD_JOURNAL_BLOCK_HEAD + size;
        left -= KAD_JOURNAL_BLOCK_HEAD + size;
    }
}

/* -- saying where ----------------------------------------------------------------------------------------------- */

static void say(struct kad_replay *replay, const char *text)
{
    const size_t n = strlen(replay->why), more = strlen(text);

    if (n + more < sizeof(replay->why))
        memcpy(replay->why + n, text, more + 1);
}

static void say_number(struct kad_replay *replay, uint64_t number)
{
    char text[24];
    size_t at = sizeof(text) - 1;

    text[at] = '\0';
    do
        text[--at] = (char)('0' + number % 10);
    while (number /= 10);
    say(replay, text + at);
}

static void differ(struct kad_replay *replay, const char *what)
{
    if (replay->verdict == KAD_REPLAY_DIVERGED)
        return;
    replay->verdict = KAD_REPLAY_DIVERGED;
    replay->why[0] = '\0';
    say(replay, what);
    say(replay, " at item ");
    say_number(replay, replay->stats.n_items);
    say(replay, " (");
    say(replay, kad_journal_kind_text(replay->item.kind));
    say(replay, "), ");
    say_number(replay, (uint64_t)(replay->item.now - replay->head.at));
    say(replay, " ms after the beginning");
}

/* -- the store that answers as it did --------------------------------------------------------------------------- */

static struct kad_replay *of(struct kad_store *store)
{
    return (struct kad_replay *)(void *)store;
}

/* The next item must be the answer to this question. */
static const struct kad_journal_item *answer(struct kad_store *store, enum kad_journal_kind kind,
                                             const struct kad_id *key)
{
    struct kad_replay *replay = of(store);
    struct kad_journal_item *item = &replay->answer;

    if (replay->verdict != KAD_REPLAY_MORE)
        return NULL;
    if (replay->walk.left == 0) {
        replay->verdict = KAD_REPLAY_CUT;
        return NULL;
    }
    if (*replay->walk.at != kind) {
        differ(replay, "the store is asked something else");
        return NULL;
    }
    memset(item, 0, sizeof(*item));
    kad_journal_walk_item(&replay->walk, item, &replay->before);
    replay->stats.n_items++;
    replay->stats.n_inputs[kind]++;
    if (replay->walk.bad) {
        replay->verdict = KAD_REPLAY_CUT;
        return NULL;
    }
    if (key && !kad_id_equal(key, &item->key)) {
        differ(replay, "the store is asked about another key");
        return NULL;
    }
    return item;
}

static void draw(struct kad_rng *rng, uint32_t n)
{
    uint8_t bytes[64];

    for (; n; n -= n < sizeof(bytes) ? n : (uint32_t)sizeof(bytes))
        kad_rng_bytes(rng, bytes, n < sizeof(bytes) ? n : sizeof(bytes));
}

static int get(struct kad_store *store, const struct kad_id *key, kad_ms now, struct kad_record *out_record)
{
    const struct kad_journal_item *item = answer(store, KAD_JOURNAL_GET, key);

    (void)now;
    if (!item)
        return KAD_E_NOT_FOUND;
    if (!item->error)
        *out_record = item->record;
    return item->error;
}

static int put(struct kad_store *store, const struct kad_record *record, const struct kad_endpoint *publisher,
               kad_ms now)
{
    const struct kad_journal_item *item = answer(store, KAD_JOURNAL_PUT, &record->key);

    (void)publisher;
    (void)now;
    return item ? item->error : KAD_E_SYSTEM;
}

static int add_peer(struct kad_store *store, const struct kad_id *key, const struct kad_endpoint *peer,
                    bool seed, kad_ms expires_at, kad_ms now)
{
    const struct kad_journal_item *item = answer(store, KAD_JOURNAL_ADD_PEER, key);

    (void)seed;
    (void)expires_at;
    (void)now;
    if (item && !kad_endpoint_equal(peer, &item->endpoint))
        differ(of(store), "another peer is announced");
    return item ? item->error : KAD_E_SYSTEM;
}

static size_t peers(struct kad_store *store, const struct kad_id *key, enum kad_family family, bool no_seeds,
                    struct kad_rng *rng, kad_ms now, struct kad_endpoint *out_peers, size_t n)
{
    const struct kad_journal_item *item = answer(store, KAD_JOURNAL_PEERS, key);

    (void)family;
    (void)no_seeds;
    (void)now;
    if (!item || item->drawn > 64) {
        kad_walk_fail(&of(store)->walk);
        return 0;
    }
    if (item->n > n) {
        differ(of(store), "fewer peers are asked for");
        return 0;
    }
    draw(rng, item->drawn);
    for (uint32_t i = 0; i < item->n; i++)
        kad_walk_endpoint(&of(store)->walk, &out_peers[i]);
    return of(store)->walk.bad ? 0 : item->n;
}

static void each_peer(struct kad_store *store, const struct kad_id *key, kad_ms now,
                      void (*add)(void *context, const struct kad_endpoint *peer, bool seed), void *context)
{
    struct kad_walk *walk = &of(store)->walk;
    bool more = answer(store, KAD_JOURNAL_EACH_PEER, key) != NULL;

    (void)now;
    if (more)
        KAD_WALK(walk, more);
    while (more && !walk->bad) {
        struct kad_endpoint peer;
        bool seed;

        memset(&peer, 0, sizeof(peer));
        kad_walk_endpoint(walk, &peer);
        seed = false;
        KAD_WALK(walk, seed);
        if (!walk->bad && peer.family != KAD_FAMILY_NONE)
            add(context, &peer, seed);
        KAD_WALK(walk, more);
    }
}

static size_t sample(struct kad_store *store, struct kad_rng *rng, kad_ms now, struct kad_id *out_keys,
                     size_t n, uint32_t *out_total)
{
    const struct kad_journal_item *item = answer(store, KAD_JOURNAL_SAMPLE, NULL);

    (void)now;
    *out_total = 0;
    if (!item || item->n > n || item->drawn > 64) {
        kad_walk_fail(&of(store)->walk);
        return 0;
    }
    *out_total = item->total;
    draw(rng, item->drawn);
    for (uint32_t i = 0; i < item->n; i++)
        KAD_WALK_BYTES(&of(store)->walk, out_keys[i]);
    return of(store)->walk.bad ? 0 : item->n;
}

static kad_ms expire(struct kad_store *store, kad_ms now)
{
    const struct kad_journal_item *item = answer(store, KAD_JOURNAL_EXPIRE, NULL);

    (void)now;
    return item ? item->at : KAD_NEVER;
}

static size_t list(struct kad_store *store, const struct kad_id *key, uint8_t type, kad_ms now, uint32_t from,
                   struct kad_record *out_records, size_t n, uint32_t *out_next)
{
    const struct kad_journal_item *item = answer(store, KAD_JOURNAL_LIST, key);
    struct kad_walk *walk = &of(store)->walk;

    (void)type;
    (void)now;
    (void)from;
    *out_next = 0;
    if (!item || item->n > n) {
        kad_walk_fail(walk);
        return 0;
    }
    *out_next = (uint32_t)item->next;
    for (uint32_t i = 0; i < item->n; i++) {
        out_records[i] = (struct kad_record){0}; /* to be read into */
        kad_journal_walk_record(walk, &out_records[i]);
    }
    return walk->bad ? 0 : item->n;
}

static int remove_record(struct kad_store *store, const struct kad_record *record)
{
    const struct kad_journal_item *item = answer(store, KAD_JOURNAL_REMOVE, &record->key);

    return item ? item->error : KAD_E_NOT_FOUND;
}

static void touch(struct kad_store *store, const struct kad_record *record, kad_ms seen_at)
{
    (void)store;
    (void)record;
    (void)seen_at;
}

static int ghost(struct kad_store *store, const struct kad_id *key, uint8_t type, kad_ms now,
                 struct kad_record *out_record)
{
    const struct kad_journal_item *item = answer(store, KAD_JOURNAL_GHOST, key);

    (void)type;
    (void)now;
    *out_record = (struct kad_record){0};
    if (!item)
        return KAD_E_NOT_FOUND;
    if (!item->error)
        *out_record = item->record;
    else
        out_record->expires_at = item->at;
    return item->error;
}

static uint64_t look(const struct kad_store *store, uint64_t from, unsigned n, kad_ms now,
                     const struct kad_store_viewer *viewer)
{
    struct kad_store *mine = (struct kad_store *)(uintptr_t)store;
    struct kad_walk *walk = &of(mine)->walk;
    bool more = answer(mine, KAD_JOURNAL_LOOK, NULL) != NULL;
    uint64_t next = 0;

    (void)from;
    (void)n;
    (void)now;
    if (!more)
        return 0;
    KAD_WALK(walk, more);
    while (more && !walk->bad) {
        struct kad_record record = {0};

        kad_journal_walk_record(walk, &record);
        if (!walk->bad)
            viewer->record(viewer->context, &record);
        KAD_WALK(walk, more);
    }
    KAD_WALK(walk, next);
    return walk->bad ? 0 : next;
}

static void stats(const struct kad_store *store, struct kad_store_stats *out_stats)
{
    (void)store;
    *out_stats = (struct kad_store_stats){0}; /* what it holds is not in the journal */
}

static void free_store(struct kad_store *store)
{
    (void)store;
    assert(false && "lent to the engine");
}

static const struct kad_store_ops store_ops = {
    .get = get,
    .put = put,
    .add_peer = add_peer,
    .peers = peers,
    .each_peer = each_peer,
    .sample = sample,
    .expire = expire,
    .stats = stats,
    .look = look,
    .list = list,
    .remove = remove_record,
    .touch = touch,
    .ghost = ghost,
    .free = free_store,
};

static void place_of(void *context, const struct kad_endpoint *endpoint, struct kad_place *out_place)
{
    struct kad_replay *replay = context;
    const struct kad_journal_item *item =
        replay->started ? answer(&replay->store, KAD_JOURNAL_PLACE, NULL) : NULL;

    if (item && !kad_endpoint_equal(endpoint, &item->endpoint))
        differ(replay, "another address is looked up");
    if (item)
        *out_place = item->place;
}

/* Whom the host let in then. */
static unsigned reputation(void *context, const struct kad_contact *who, struct kad_bytes identity)
{
    struct kad_replay *replay = context;
    const struct kad_journal_item *item = answer(&replay->store, KAD_JOURNAL_GATE, &who->id);

    (void)identity;
    return item ? (unsigned)item->number : 0;
}

static bool provides(void *context, const struct kad_contact *from, struct kad_bytes identity,
                     const struct kad_record *record)
{
    struct kad_replay *replay = context;
    const struct kad_journal_item *item = answer(&replay->store, KAD_JOURNAL_GATE, &record->key);

    (void)from;
    (void)identity;
    return item && item->number;
}

/* -- opening ---------------------------------------------------------------------------------------------------- */

static void tell(char *out_why, size_t size, const char *text)
{
    const size_t n = strlen(text) < size ? strlen(text) : size - 1;

    memcpy(out_why, text, n);
    out_why[n] = '\0';
}

static int make_engine(struct kad_replay *replay, char *out_why, size_t why_size)
{
    const struct kad_network *network = kad_network_named(replay->head.network);
    struct kad_engine_config config = {
        .network = network,
        .settings = &replay->head.settings,
        .allocator = &replay->allocator,
        .store = &replay->store,
        .ipv4 = replay->head.ipv4,
        .ipv6 = replay->head.ipv6,
        .has_secret = replay->head.has_secret,
        .places = replay->head.has_places ? &replay->places : NULL,
        .gate = &replay->gate,
    };
    const char *why = "the state at the beginning is not sound";
    int error;

    replay->gate = (struct kad_gate){.reputation = replay->head.gate_reputation ? reputation : NULL,
                                     .provides = replay->head.gate_provides ? provides : NULL,
                                     .context = replay};
    memcpy(config.secret, replay->head.secret, sizeof(config.secret));
    if (!network) {
        tell(out_why, why_size, "recorded on a network that this program does not know");
        return KAD_E_NOT_FOUND;
    }
    replay->batch.each = kad_network_datagram(network);
    replay->batch.memory = kad_alloc(&replay->allocator, ROOM_MAX * (size_t)replay->batch.each);
    if (!replay->batch.memory) {
        tell(out_why, why_size, "out of memory");
        return KAD_E_MEMORY;
    }
    error = kad_engine_new(&config, replay->head.at, &replay->engine);
    if (error) {
        tell(out_why, why_size, error == KAD_E_MEMORY ? "out of memory" : "impossible settings");
        return error == KAD_E_MEMORY ? error : KAD_E_CORRUPT;
    }
    kad_engine_walk(&replay->walk, replay->engine);
    if (replay->walk.bad || !kad_engine_sound(replay->engine, replay->head.at, &why)) {
        tell(out_why, why_size, replay->walk.bad ? "the state at the beginning cannot be read" : why);
        return replay->walk.no_memory ? KAD_E_MEMORY : KAD_E_CORRUPT;
    }
    replay->started = true;
    return KAD_OK;
}

static int read_beginning(struct kad_replay *replay, char *out_why, size_t why_size)
{
    join_blocks(replay);
    replay->walk =
        (struct kad_walk){.at = replay->bytes, .left = replay->n_bytes, .allocator = &replay->allocator};
    kad_journal_walk_head(&replay->walk, &replay->head);
    if (replay->walk.bad) {
        tell(out_why, why_size,
             replay->n_bytes ? "a journal of another version of kad, or damaged" : "not a journal");
        return KAD_E_CORRUPT;
    }
    replay->before = replay->stats.now = replay->head.at;
    return make_engine(replay, out_why, why_size);
}

int kad_replay_open(const struct kad_replay_config *config, struct kad_replay **out_replay, char *out_why,
                    size_t why_size)
{
    const struct kad_allocator *allocator = config->allocator ? config->allocator : &kad_allocator_system;
    struct kad_replay *replay = kad_alloc_zero(allocator, sizeof(*replay));
    int error = KAD_E_MEMORY;

    tell(out_why, why_size, "out of memory");
    if (!replay)
        return error;
    replay->allocator = *allocator;
    replay->config = *config;
    replay->store.ops = &store_ops;
    replay->places = (struct kad_places){place_of, replay};
    replay->room_bytes = config->file.size + 1;
    replay->bytes = kad_alloc(allocator, replay->room_bytes);
    replay->batch.datagrams = kad_alloc(allocator, ROOM_MAX * sizeof(*replay->batch.datagrams));
    if (replay->bytes && replay->batch.datagrams)
        error = read_beginning(replay, out_why, why_size);
    if (error) {
        kad_replay_free(replay);
        return error;
    }
    *out_replay = replay;
    return KAD_OK;
}

void kad_replay_free(struct kad_replay *replay)
{
    struct kad_allocator allocator;

    if (!replay)
        return;
    allocator = replay->allocator;
    kad_engine_free(replay->engine);
    kad_free(&allocator, replay->bytes, replay->room_bytes);
    kad_free(&allocator, replay->batch.datagrams, ROOM_MAX * sizeof(*replay->batch.datagrams));
    kad_free(&allocator, replay->batch.memory, ROOM_MAX * (size_t)replay->batch.each);
    kad_free(&allocator, replay, sizeof(*replay));
}

/* -- running ---------------------------------------------------------------------------------------------------- */

static void hash_batch(struct kad_replay *replay)
{
    for (unsigned i = 0; i < replay->batch.n; i++)
        replay->sent = kad_journal_hash_sent(replay->sent, &replay->batch.datagrams[i]);
    replay->stats.n_sent += replay->batch.n;
    replay->batch.n = 0;
}

static bool lend_room(struct kad_replay *replay, uint32_t room)
{
    replay->batch.n = 0;
    replay->batch.room = room;
    if (room <= ROOM_MAX)
        return true;
    replay->verdict = KAD_REPLAY_CORRUPT;
    return false;
}

static void take_events(struct kad_replay *replay, uint64_t n)
{
    struct kad_event event;

    for (uint64_t i = 0; i < n; i++) {
        if (!kad_engine_next_event(replay->engine, &event)) {
            if (i + 1 < n && replay->engine->dht.events.n == 0 && !replay->engine->dht.finished)
                return; /* asked again and again in vain */
            continue;
        }
        if (replay->config.on_event)
            replay->config.on_event(replay->config.context, &event, replay->stats.now);
    }
}

static void compare(struct kad_replay *replay, const struct kad_journal_item *item)
{
    if (replay->engine->dht.events.n)
        differ(replay, "there are events that nobody took");
    else if (item->sent != replay->sent)
        differ(replay, "other datagrams were sent by then;");
    else if (item->state != kad_engine_hash(replay->engine))
        differ(replay, "the state has become another;");
    else if (item->kind == KAD_JOURNAL_END)
        replay->verdict = KAD_REPLAY_END;
}

static int set_settings(struct kad_replay *replay, const struct kad_journal_item *item)
{
    struct kad_settings *settings = &replay->changed[replay->n_changed++ % 2];
    const char *field;

    *settings = item->settings;
    return kad_engine_set_settings(replay->engine, settings, item->now, &field);
}

static void apply_peer(struct kad_engine *engine, const struct kad_journal_item *item)
{
    const struct kad_peer_row *peer = &item->peer;
    const struct kad_id *const id = peer->is_address ? NULL : &peer->contact.id;
    const struct kad_endpoint *const address =
        peer->contact.endpoint.family != KAD_FAMILY_NONE ? &peer->contact.endpoint : NULL;
    int error = KAD_OK;

    if (item->number == KAD_JOURNAL_BAN)
        error = kad_engine_ban(engine, id, address, peer->banned_for, item->now);
    else if (item->number == KAD_JOURNAL_PARDON)
        (void)kad_engine_pardon(engine, id, address, item->now);
    else
        error = kad_engine_remember(engine, peer, item->now);
    (void)error; /* the recorded one failed the same way, or a checkpoint tells */
}

static void apply(struct kad_replay *replay)
{
    const struct kad_journal_item *item = &replay->item;
    struct kad_engine *engine = replay->engine;
    const struct kad_datagram in = {item->endpoint, item->bytes, item->identity};
    const uint8_t *const key = item->identity.size == 32 ? item->identity.data : NULL;
    uint64_t id;
    int error = KAD_OK;

    switch ((enum kad_journal_kind)item->kind) {
    case KAD_JOURNAL_DATAGRAM:
        if (lend_room(replay, item->room))
            kad_engine_datagram(engine, &in, item->now, &replay->batch);
        hash_batch(replay);
        break;
    case KAD_JOURNAL_TICK:
        if (lend_room(replay, item->room))
            kad_engine_tick(engine, item->now, &replay->batch);
        hash_batch(replay);
        break;
    case KAD_JOURNAL_LEAVE:
        if (lend_room(replay, item->room))
            kad_engine_leave(engine, item->now, &replay->batch);
        hash_batch(replay);
        break;
    case KAD_JOURNAL_ASIDE:
        if (key && lend_room(replay, item->room))
            (void)kad_engine_say(engine, &item->endpoint, key, item->bytes, item->now, &replay->batch);
        hash_batch(replay);
        break;
    case KAD_JOURNAL_UNREACHABLE:
        kad_engine_unreachable(engine, &item->endpoint, item->now);
        break;
    case KAD_JOURNAL_REQUEST:
        error = kad_engine_request(engine, &item->request, item->now, &id);
        break;
    case KAD_JOURNAL_CANCEL:
        if (item->number)
            kad_engine_cancel(engine, item->number, item->now);
        else
            kad_engine_cancel_all(engine, item->now);
        break;
    case KAD_JOURNAL_WITHDRAW:
        kad_engine_withdraw(engine, &item->key);
        break;
    case KAD_JOURNAL_BOOTSTRAP:
        error = key ? kad_engine_bootstrap_key(engine, &item->endpoint, key, item->now)
                    : kad_engine_bootstrap(engine, &item->endpoint, item->now);
        break;
    case KAD_JOURNAL_CONTACT:
        error = key ? kad_engine_contact_key(engine, &item->contact.endpoint, key, item->trusted, item->now)
                    : kad_engine_contact(engine, &item->contact, item->trusted, item->now);
        break;
    case KAD_JOURNAL_EVENTS:
        take_events(replay, item->number);
        break;
    case KAD_JOURNAL_SETTINGS:
        error = set_settings(replay, item);
        break;
    case KAD_JOURNAL_PEER:
        apply_peer(engine, item);
        break;
    case KAD_JOURNAL_PLACES:
        error = kad_engine_set_places(engine, item->number ? &replay->places : NULL, item->now);
        break;
    case KAD_JOURNAL_LOAD:
        kad_engine_load(engine, (unsigned)item->number);
        break;
    case KAD_JOURNAL_CHECK:
    case KAD_JOURNAL_END:
        compare(replay, item);
        break;
    default:
        break; /* the store's: kad_replay_step() has turned them away */
    }
    (void)error; /* refused then, refused now: if not, the state shows it */
}

/* An honest journal ends with the end; one that breaks off says why it may. */
static enum kad_replay_verdict at_the_end(const struct kad_replay *replay)
{
    if (replay->damaged)
        return KAD_REPLAY_CORRUPT;
    return replay->lost ? KAD_REPLAY_LOST : KAD_REPLAY_CUT;
}

enum kad_replay_verdict kad_replay_step(struct kad_replay *replay, const struct kad_journal_item **out_item)
{
    const char *field;

    if (replay->verdict != KAD_REPLAY_MORE)
        return replay->verdict;
    if (replay->walk.left == 0)
        return replay->verdict = at_the_end(replay);
    memset(&replay->item, 0, sizeof(replay->item));
    replay->item.settings = *replay->engine->settings;
    kad_journal_walk_item(&replay->walk, &replay->item, &replay->before);
    if (replay->walk.bad)
        return replay->verdict = at_the_end(replay); /* the rest of it stands in a block that is not there */
    if (replay->item.kind < KAD_JOURNAL_GET &&
        (replay->item.now < replay->stats.now || replay->item.now > INT64_MAX / 4))
        return replay->verdict = KAD_REPLAY_CORRUPT; /* time never runs backwards */
    if (replay->item.kind == KAD_JOURNAL_SETTINGS &&
        kad_settings_check(&replay->item.settings, &field) != KAD_OK)
        return replay->verdict = KAD_REPLAY_CORRUPT;
    replay->stats.n_items++;
    replay->stats.n_inputs[replay->item.kind]++;
    if (replay->item.kind >= KAD_JOURNAL_GET) {
        differ(replay, "the store was asked something that it is not asked now");
        return replay->verdict;
    }
    replay->stats.now = replay->item.now;
    apply(replay);
    if (replay->verdict == KAD_REPLAY_CUT || (replay->verdict == KAD_REPLAY_MORE && replay->walk.bad))
        replay->verdict = at_the_end(replay);
    if (out_item)
        *out_item = &replay->item;
    return replay->verdict;
}

const char *kad_replay_why(const struct kad_replay *replay)
{
    return replay->why;
}

const struct kad_journal_head *kad_replay_head(const struct kad_replay *replay)
{
    return &replay->head;
}

struct kad_engine *kad_replay_engine(struct kad_replay *replay)
{
    return replay->engine;
}

const struct kad_replay_stats *kad_replay_stats(const struct kad_replay *replay)
{
    return &replay->stats;
}
