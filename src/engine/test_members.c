#include "engine/test_members.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/endpoint.h"
#include "base/test.h"
#include "core/operation.h"
#include "crypto/crypto.h"
#include "store/mem.h"
#include "wire/kad/name.h"
#include "wire/kad/record.h"

#define BEGINNING ((kad_ms)1790000000000) /* Unix time: what is signed has dates */
#define COPY_ROOM 16384

struct member_message {
    kad_ms at;
    uint64_t order;
    unsigned from, to;
    struct kad_message message;
    size_t n_bytes;
    uint8_t bytes[COPY_ROOM]; /* cut to what is used */
};

static const struct kad_rules rules = {
    .id_bits = 256,
    .check_record = kad_wire_check_record,
    .identity_size = 32,
    .id_of = kad_wire_id_of,
    .class_of = kad_wire_class_of,
    .is_for = kad_wire_is_for,
    .digest = kad_wire_digest,
    .sign_record = kad_wire_sign_record,
    .sign_attest = kad_wire_sign_attest,
    .check_attest = kad_wire_check_attest,
};

void members_seed(unsigned number, uint8_t out_seed[32])
{
    memset(out_seed, 0, 32);
    memcpy(out_seed, "member", 6);
    out_seed[8] = (uint8_t)(number >> 8);
    out_seed[9] = (uint8_t)number;
}

void members_init(struct members *net)
{
    memset(net, 0, sizeof(*net));
    EXPECT_EQ(kad_crypto_init(), 0);
    net->now = BEGINNING;
    net->delay_ms = 20;
    kad_settings_default(kad_network_mainline(), &net->settings);
    net->settings.k = net->settings.replicas = 8;
    net->settings.follow_address = false;
    net->settings.narrow_per_bucket = net->settings.narrow_per_table = 0;
    net->settings.wide_per_bucket = net->settings.wide_per_table = 0;
    net->settings.narrow_per_lookup = 0;
}

static void clear_member(struct member *member)
{
    if (member->on)
        kad_dht_clear(&member->dht);
    member->on = false;
}

void members_clear(struct members *net)
{
    for (unsigned i = 0; i < net->n; i++) {
        struct member *member = net->members[i];

        clear_member(member);
        kad_book_free(member->dht.book);
        member->store->ops->free(member->store);
        free(member);
    }
    for (size_t i = 0; i < net->n_heap; i++)
        free(net->heap[i]);
    free(net->heap);
    free(net->members);
}

/* -- messages --------------------------------------------------------------------------------------------------- */

static struct kad_bytes keep(struct member_message *copy, struct kad_bytes bytes)
{
    uint8_t *at = copy->bytes + copy->n_bytes;

    EXPECT(copy->n_bytes + bytes.size <= COPY_ROOM);
    if (bytes.size)
        memcpy(at, bytes.data, bytes.size);
    copy->n_bytes += bytes.size;
    return (struct kad_bytes){at, bytes.size};
}

static void copy_message(struct member_message *copy, const struct kad_message *message)
{
    struct kad_message *to = &copy->message;

    memcpy(to, message, offsetof(struct kad_message, contacts));
    copy->n_bytes = 0;
    to->transaction = keep(copy, message->transaction);
    to->version = keep(copy, message->version);
    to->token = keep(copy, message->token);
    to->refusal_text = keep(copy, message->refusal_text);
    to->record.value = keep(copy, message->record.value);
    to->record.salt = keep(copy, message->record.salt);
    for (size_t i = 0; i < message->n_records; i++) {
        if (message->method == KAD_TAKE && message->kind == KAD_QUERY) { /* to be forgotten: as on the wire */
            to->records[i] = (struct kad_record){.type = message->records[i].type,
                                                 .sequence = message->records[i].sequence};
            memcpy(to->records[i].public_key, message->records[i].public_key, 32);
            continue;
        }
        to->records[i] = message->records[i];
        to->records[i].value = keep(copy, message->records[i].value);
    }
    for (size_t i = 0; i < message->n_contacts; i++) {
        to->contacts[i] = message->named ? *message->named[i] : message->contacts[i];
        to->identities[i] =
            keep(copy, message->named_identities ? message->named_identities[i] : message->identities[i]);
    }
    memcpy(to->peers, message->peers, message->n_peers * sizeof(*to->peers));
    to->named = NULL;
    to->named_identities = NULL;
    memcpy(to->places, message->places, sizeof(to->places));
    memcpy(to->results, message->results, message->n_results);
    if (message->has_ghost) {
        to->ghost = message->ghost;
        to->ghost.value = keep(copy, message->ghost.value);
    }
    if (message->has_attest) { /* as on the wire: who asked knows these */
        to->attest = message->attest;
        memset(&to->attest.key, 0, sizeof(to->attest.key));
        memset(to->attest.public_key, 0, sizeof(to->attest.public_key));
    }
}

static bool earlier(const struct member_message *a, const struct member_message *b)
{
    return a->at != b->at ? a->at < b->at : a->order < b->order;
}

static void push(struct members *net, struct member_message *message)
{
    size_t at = net->n_heap++;

    if (net->n_heap > net->room_heap) {
        net->room_heap = net->room_heap ? 2 * net->room_heap : 256;
        net->heap = realloc(net->heap, net->room_heap * sizeof(*net->heap));
    }
    for (; at > 0 && earlier(message, net->heap[(at - 1) / 2]); at = (at - 1) / 2)
        net->heap[at] = net->heap[(at - 1) / 2];
    net->heap[at] = message;
}

static struct member_message *pop(struct members *net)
{
    struct member_message *first = net->heap[0], *last = net->heap[--net->n_heap];
    size_t at = 0;

    for (;;) {
        size_t child = 2 * at + 1;

        if (child >= net->n_heap)
            break;
        if (child + 1 < net->n_heap && earlier(net->heap[child + 1], net->heap[child]))
            child++;
        if (!earlier(net->heap[child], last))
            break;
        net->heap[at] = net->heap[child];
        at = child;
    }
    if (net->n_heap)
        net->heap[at] = last;
    return first;
}

static unsigned number_at(const struct kad_endpoint *endpoint)
{
    return (unsigned)(endpoint->address[1] << 16 | endpoint->address[2] << 8 | endpoint->address[3]);
}

struct carrier {
    struct kad_outbox outbox; /* first */
    struct member *member;
    struct member_message *reply; /* not NULL: the next message goes here */
};

static bool send_message(struct kad_outbox *outbox, const struct kad_peer *to,
                         const struct kad_message *message)
{
    struct carrier *carrier = (struct carrier *)(void *)outbox;
    struct members *net = carrier->member->net;
    struct member_message *copy;

    outbox->n_sent = 200 + message->record.value.size;
    net->n_sent++;
    if (message->kind == KAD_QUERY)
        net->n_sent_of[message->method]++;
    carrier->member->n_served += message->kind == KAD_REPLY && message->record.type != KAD_RECORD_NONE;
    if (carrier->reply) {
        copy_message(carrier->reply, message);
        return true;
    }
    copy = malloc(sizeof(*copy));
    copy->at = net->now + net->delay_ms;
    copy->order = net->n_order++;
    copy->from = carrier->member->number;
    copy->to = number_at(&to->endpoint);
    copy_message(copy, message);
    push(net, copy);
    return true;
}

static struct kad_peer peer_of(const struct member *member)
{
    return (struct kad_peer){.endpoint = member->endpoint, .identity = {member->who.public_key, 32}};
}

/* -- members ---------------------------------------------------------------------------------------------------- */

static void start(struct member *member)
{
    struct members *net = member->net;
    struct kad_id id;
    struct kad_dht_config config = {
        .allocator = &kad_allocator_system,
        .settings = &net->settings,
        .rules = &rules,
        .member = &member->who,
        .book = member->dht.book,
        .store = member->store,
        .counters = &member->counters,
        .seed = member->who.secret,
        .id = &id,
        .address = member->endpoint,
        .ipv4 = true,
    };

    EXPECT(kad_wire_id_of((struct kad_bytes){member->who.public_key, 32}, &id));
    member->who.records = NULL;
    EXPECT_EQ(kad_dht_init(&member->dht, &config, net->now), 0);
    member->on = true;
}

struct member *members_add(struct members *net)
{
    struct member *member = calloc(1, sizeof(*member));
    struct kad_mem_store_config config;
    uint8_t seed[32];
    const uint8_t address[4] = {20, (uint8_t)(net->n >> 16), (uint8_t)(net->n >> 8), (uint8_t)net->n};

    if (net->n == net->room) {
        net->room = net->room ? 2 * net->room : 64;
        net->members = realloc(net->members, net->room * sizeof(*net->members));
    }
    net->members[net->n] = member;
    member->net = net;
    member->number = net->n++;
    member->endpoint = kad_endpoint_v4(address, 4242);
    member->who.classes = net->classes;
    member->who.n_classes = net->n_classes;
    members_seed(member->number, seed);
    kad_ed25519_keypair(seed, member->who.public_key, member->who.secret);
    kad_mem_store_config_default(&config);
    EXPECT_EQ(kad_mem_store_new(&kad_allocator_system, &config, 7, &member->store), 0);
    member->dht.book = kad_book_new(&kad_allocator_system, 100000, 9);
    start(member);
    return member;
}

static kad_contact_ref contact_of(struct member *member, const struct member *other)
{
    return kad_book_intern(member->dht.book, &other->dht.self, &other->endpoint,
                           (struct kad_bytes){other->who.public_key, 32});
}

static void introduce(struct member *member, const struct member *other)
{
    const kad_contact_ref contact = contact_of(member, other);

    kad_dht_heard(&member->dht, contact, 20, member->net->now, NULL);
    kad_book_release(member->dht.book, contact);
}

void members_grow(struct members *net, unsigned n)
{
    const unsigned before = net->n;

    while (net->n < n)
        members_add(net);
    for (unsigned i = 0; i < net->n; i++) {
        unsigned *nearest = malloc(net->n * sizeof(*nearest));

        if (i < before) {
            free(nearest);
            continue;
        }
        members_nearest(net, &net->members[i]->dht.self, nearest, net->n);
        for (unsigned j = 1; j < net->n; j++)
            introduce(net->members[i], net->members[nearest[j]]);
        free(nearest);
        net->members[i]->dht.join.ready = true;
    }
}

void members_join(struct members *net, unsigned number)
{
    struct member *member = net->members[number];

    for (unsigned i = 0; i < net->n; i++) {
        const unsigned other = (number * 7 + i * 13 + 1) % net->n;

        if (other == number || !net->members[other]->on)
            continue;
        EXPECT_EQ(kad_join_add_saved(
                      &member->dht,
                      &(struct kad_contact){net->members[other]->dht.self, net->members[other]->endpoint},
                      (struct kad_bytes){net->members[other]->who.public_key, 32}, net->now),
                  0);
        return;
    }
}

void members_off(struct members *net, unsigned number)
{
    clear_member(net->members[number]);
}

void members_on(struct members *net, unsigned number)
{
    start(net->members[number]);
    members_join(net, number);
}

static void note(struct member *member, const struct kad_event *event)
{
    if (event->kind != KAD_EVENT_DONE)
        return;
    member->done = *event;
    member->n_done++;
    if (event->done.record) {
        member->record = *event->done.record;
        if (member->record.value.size)
            memcpy(member->value, event->done.record->value.data, member->record.value.size);
        member->record.value.data = member->value;
        member->done.done.record = &member->record;
    }
    EXPECT(event->done.n_records <= KAD_COUNT_OF(member->records) &&
           event->done.n_receipts <= KAD_COUNT_OF(member->receipts));
    for (size_t i = 0; i < event->done.n_records; i++) {
        member->records[i] = event->done.records[i];
        if (member->records[i].value.size)
            memcpy(member->values[i], event->done.records[i].value.data, member->records[i].value.size);
        member->records[i].value.data = member->values[i];
    }
    if (event->done.n_receipts)
        memcpy(member->receipts, event->done.receipts, event->done.n_receipts * sizeof(*member->receipts));
    member->done.done.records = member->records;
    member->done.done.receipts = member->receipts;
}

static void settle(struct member *member)
{
    struct kad_event event;
    const char *why = "";

    while (kad_dht_next_event(&member->dht, &event))
        note(member, &event);
    EXPECT_MSG(kad_dht_sound(&member->dht, member->net->now, &why), "%s", why);
}

static struct carrier carry(struct member *member)
{
    return (struct carrier){.outbox = {.send = send_message, .room = 1000}, .member = member};
}

static void tick(struct member *member)
{
    struct carrier carrier = carry(member);

    for (int i = 0; kad_dht_wake_at(&member->dht) <= member->net->now; i++) {
        EXPECT(i < 1000);
        kad_dht_tick(&member->dht, member->net->now, &carrier.outbox);
    }
    settle(member);
}

static void deliver(struct members *net, struct member_message *message)
{
    struct member *to = net->members[message->to];
    const struct kad_peer from = peer_of(net->members[message->from]);
    struct carrier carrier = carry(to);

    if (to->on && net->members[message->from]->on &&
        (!net->reaches || net->reaches(net, message->from, message->to))) {
        to->n_strikes +=
            kad_dht_receive(&to->dht, &from, &message->message, net->now, &carrier.outbox).strike;
        tick(to);
    }
    free(message);
}

void members_run(struct members *net, kad_ms duration_ms)
{
    const kad_ms end = net->now + duration_ms;

    for (;;) {
        kad_ms next = net->n_heap ? net->heap[0]->at : KAD_NEVER;
        struct member *first = NULL;

        for (unsigned i = 0; i < net->n; i++) {
            if (net->members[i]->on && kad_dht_wake_at(&net->members[i]->dht) < next) {
                next = kad_dht_wake_at(&net->members[i]->dht);
                first = net->members[i];
            }
        }
        if (next > end)
            break;
        net->now = kad_ms_max(net->now, next);
        if (first)
            tick(first);
        else
            while (net->n_heap && net->heap[0]->at <= net->now)
                deliver(net, pop(net));
    }
    net->now = end;
}

int members_request(struct members *net, unsigned number, const struct kad_request *request)
{
    struct member *member = net->members[number];
    const unsigned before = member->n_done;
    struct kad_operation *operation;
    int error = kad_operation_begin(&member->dht, request, KAD_OWNER_HOST, net->now, &operation);

    if (error)
        return error;
    for (int i = 0; i < 1200 && member->n_done == before; i++)
        members_run(net, 100);
    EXPECT_EQ(member->n_done, before + 1);
    return member->done.done.error;
}

struct kad_message *members_ask(struct members *net, unsigned number, const struct member *from,
                                struct kad_message *query, struct kad_received *out_received)
{
    static struct member_message reply;
    struct member *member = net->members[number];
    const struct kad_peer peer = peer_of(from);
    struct carrier carrier = carry(member);

    query->kind = KAD_QUERY;
    query->transaction = (struct kad_bytes){(const uint8_t *)"tt", 2};
    query->sender = from->dht.self;
    query->has_sender = true;
    query->read_only = true; /* nobody asks back */
    carrier.reply = &reply;
    *out_received = kad_dht_receive(&member->dht, &peer, query, net->now, &carrier.outbox);
    return &reply.message;
}

unsigned members_holding(struct members *net, const struct kad_id *key, const uint8_t *owner)
{
    unsigned n = 0;

    for (unsigned i = 0; i < net->n; i++) {
        struct member *member = net->members[i];
        struct kad_record records[16];
        uint32_t next = 0;
        bool holds = false;

        if (!member->on)
            continue;
        do {
            const size_t n_listed =
                member->store->ops->list(member->store, key, 0, net->now, next, records, 16, &next);

            for (size_t j = 0; j < n_listed; j++)
                holds = holds || !owner || memcmp(records[j].public_key, owner, 32) == 0;
        } while (next);
        n += holds;
    }
    return n;
}

void members_nearest(const struct members *net, const struct kad_id *key, unsigned *out_numbers, unsigned n)
{
    unsigned found = 0;

    for (unsigned i = 0; i < net->n; i++) {
        unsigned at;

        if (!net->members[i]->on)
            continue;
        for (at = found; at > 0 && kad_id_compare(key, &net->members[i]->dht.self,
                                                  &net->members[out_numbers[at - 1]]->dht.self) < 0;
             at--) {
            if (at < n)
                out_numbers[at] = out_numbers[at - 1];
        }
        if (at < n)
            out_numbers[at] = i;
        found += found < n;
    }
}

/* -- records ---------------------------------------------------------------------------------------------------- */

/* "peer:#3" and "msg:#3" are member 3's. */
static struct kad_secure_name parse(const struct members *net, const char *text)
{
    const char *hash = strchr(text, '#');
    struct kad_secure_name name;
    uint8_t seed[32], public_key[32], secret[64];
    char class_name[32] = "";

    if (!hash) {
        EXPECT_EQ(kad_secure_parse(text, net->classes, net->n_classes, &name), 0);
        return name;
    }
    memcpy(class_name, text, (size_t)(hash - text) - 1);
    members_seed((unsigned)atoi(hash + 1), seed);
    kad_ed25519_keypair(seed, public_key, secret);
    EXPECT_EQ(
        kad_secure_named(class_name, (struct kad_bytes){public_key, 32}, net->classes, net->n_classes, &name),
        0);
    return name;
}

struct kad_id members_key(const struct members *net, const char *name)
{
    const struct kad_secure_name parsed = parse(net, name);
    struct kad_id key;

    kad_secure_key(&parsed, &key);
    return key;
}

struct kad_record members_record(const struct members *net, const char *name, unsigned owner,
                                 int64_t sequence, const char *value, uint8_t out_value[KAD_SECURE_VALUE_MAX])
{
    const struct kad_secure_name parsed = parse(net, name);
    struct kad_record record = {0};
    uint8_t seed[32], entropy[32];
    struct kad_secure_draft draft = {
        .name = &parsed,
        .value = {(const uint8_t *)value, value ? strlen(value) : 0},
        .seed = seed,
        .entropy = entropy,
        .sequence = sequence,
        .made_at = net->now,
        .withdrawn = !value,
    };

    members_seed(owner, seed);
    kad_sha256(name, strlen(name), entropy);
    memcpy(entropy, &net->now, sizeof(net->now));
    entropy[9] = (uint8_t)sequence;
    entropy[10] = (uint8_t)owner;
    if (parsed.class_->type != KAD_CLASS_MESSAGE)
        draft.entropy = NULL;
    EXPECT_MSG(kad_secure_make(&draft, out_value, &record) == 0, "%s", name);
    return record;
}
