/* work - what nodes of a scenario ask for, and how it went. */
#include "sim/run.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/cid.h"
#include "base/multiaddr.h"
#include "core/id.h"
#include "crypto/crypto.h"
#include "engine/network.h"
#include "kad/secure.h"
#include "wire/libp2p/message.h"

struct job {
    struct sim_run *run;
    struct sim_tally *tally;
    struct kad_id target;
    unsigned epoch;
    uint32_t item;
    uint32_t n_dialled; /* by its node when it began */
    uint32_t n_closest;
    uint32_t closest[64]; /* the truth when it began */
    bool met;             /* one of them has answered */
};

static void sample(struct sim_sample *sample, kad_ms value)
{
    if (sample->n == sample->room) {
        const size_t room = sample->room ? 2 * sample->room : 256;
        uint32_t *values = kad_allocator_system.resize(NULL, sample->values, 0, room * sizeof(*values));

        if (!values)
            return;
        sample->values = values;
        sample->room = room;
    }
    sample->values[sample->n++] = (uint32_t)value;
    sample->sorted = false;
}

static bool among(const struct job *job, uint32_t node)
{
    for (uint32_t i = 0; i < job->n_closest; i++) {
        if (job->closest[i] == node)
            return true;
    }
    return false;
}

static void first(struct job *job, uint8_t hop, kad_ms at)
{
    job->met = true;
    job->tally->first_hops[hop < SIM_HOPS_MAX ? hop : SIM_HOPS_MAX - 1]++;
    sample(&job->tally->first, at);
}

/* SIM_NOBODY: no node has this id at this address. */
static uint32_t node_of(const struct sim_world *world, const struct kad_contact *contact)
{
    const uint32_t node = sim_node_at(world, &contact->endpoint);

    return node != SIM_NOBODY && kad_id_equal(sim_node_id(world, node), &contact->id) ? node : SIM_NOBODY;
}

static void take_hop(struct job *job, const struct kad_event *event)
{
    const uint32_t node = node_of(job->run->world, &event->contact);

    if (job->met || job->epoch != job->run->epoch || event->kind != KAD_EVENT_HOP ||
        (event->hop.what != KAD_HOP_ANSWERED && event->hop.what != KAD_HOP_LATE))
        return;
    if (among(job, node) && !sim_node_hostile(job->run->world, node))
        first(job, event->hop.hop, event->hop.at_ms);
}

static bool is_value_of(const struct job *job, const struct kad_event *event)
{
    return event->done.record && kad_id_equal(&event->done.record->key, &job->target);
}

/* Does any node that is on hold what was looked for? */
static bool held(struct job *job, struct sim_world *world)
{
    struct kad_record record;

    for (uint32_t i = 0; i < sim_world_n_nodes(world); i++) {
        struct kad_store *store = sim_node_store(world, i);

        if (store && store->ops->get(store, &job->target, sim_world_ms(world), &record) == 0)
            return true;
    }
    return false;
}

static void count_contest(struct sim_run *run, uint32_t number, const struct kad_record *record);

static void end(struct job *job, struct sim_world *world, uint32_t node, const struct kad_event *event)
{
    struct sim_tally *tally = job->tally;
    bool good = event->done.error == 0;

    if (tally == &job->run->puts)
        job->run->records.items[job->item].stored |= good;
    if (tally == &job->run->announces)
        job->run->keys.items[job->item].stored |= good;
    if (job->epoch != job->run->epoch)
        return;
    tally->ended++;
    tally->queries += event->done.n_queries;
    tally->timeouts += event->done.n_timeouts;
    tally->dials += sim_node_dialled(world, node) - job->n_dialled;
    tally->hops[event->done.hops < SIM_HOPS_MAX ? event->done.hops : SIM_HOPS_MAX - 1]++;
    sample(&tally->took, event->done.duration_ms);
    if (tally == &job->run->lookups) {
        tally->wanted += job->n_closest;
        for (size_t i = 0; i < event->done.n_closest; i++)
            tally->reached += among(job, node_of(world, &event->done.closest[i].contact));
    } else if (event->done.first_ms >= 0) {
        first(job, (uint8_t)event->done.hops_to_first, event->done.first_ms);
    }
    if (tally == &job->run->gets) {
        good = good && is_value_of(job, event);
        tally->missed += !good && held(job, world);
        count_contest(job->run, job->item, good ? event->done.record : NULL);
    }
    if (tally == &job->run->finds) {
        const struct kad_endpoint *publisher =
            sim_node_endpoint(world, job->run->keys.items[job->item].publisher, KAD_IPV4);
        const struct kad_endpoint *other =
            sim_node_endpoint(world, job->run->keys.items[job->item].publisher, KAD_IPV6);

        good = false;
        for (size_t i = 0; i < event->peers.n; i++)
            good = good || memcmp(&event->peers.peers[i], publisher, sizeof(*publisher)) == 0 ||
                   memcmp(&event->peers.peers[i], other, sizeof(*other)) == 0;
    }
    tally->stored += event->done.n_stored;
    tally->copies += event->done.n_copies;
    tally->succeeded += good;
}

static void told(void *context, struct sim_world *world, uint32_t node, const struct kad_event *event)
{
    struct job *job = context;

    if (!event) {
        job->tally->aborted += job->epoch == job->run->epoch;
    } else if (event->kind != KAD_EVENT_DONE) {
        take_hop(job, event);
        return;
    } else {
        end(job, world, node, event);
    }
    kad_allocator_system.resize(NULL, job, sizeof(*job), 0);
}

static void begin(struct sim_run *run, struct sim_tally *tally, uint32_t node, uint32_t item,
                  const struct kad_request *request)
{
    struct job *job = kad_allocator_system.resize(NULL, NULL, 0, sizeof(*job));
    int error;

    if (!job)
        return;
    *job = (struct job){
        .run = run, .tally = tally, .target = request->target, .item = item, .epoch = run->epoch};
    job->n_dialled = sim_node_dialled(run->world, node);
    if (tally == &run->lookups)
        job->n_closest = (uint32_t)sim_world_closest(run->world, &job->target,
                                                     run->scenario.config.settings.k, job->closest);
    tally->started++;
    error = sim_node_request(run->world, node, request, told, job);
    if (error) { /* refused: too many at once counts as a failure */
        tally->ended++;
        kad_allocator_system.resize(NULL, job, sizeof(*job), 0);
    }
}

static struct kad_id random_id(struct sim_run *run)
{
    struct kad_id id = {{0}};

    for (size_t i = 0; i < run->scenario.config.network->rules.id_bits / 8; i += 4) {
        const uint64_t word = sim_random(sim_world_rng(run->world));

        for (size_t j = 0; j < 4; j++)
            id.bytes[i + j] = (uint8_t)(word >> 8 * j);
    }
    return id;
}

static bool has_names(const struct sim_run *run)
{
    return run->scenario.config.network->stream_protocol;
}

/* In networks of libp2p a place can be asked for only by something that is hashed to it. */
static struct kad_id random_place(struct sim_run *run)
{
    struct kad_id id = random_id(run), place;

    if (!has_names(run))
        return id;
    if (sim_world_name(run->world, (struct kad_bytes){id.bytes, sizeof(id.bytes)}, &place) != 0)
        sim_world_violated(run->world, SIM_NOBODY, "out of memory");
    return place;
}

void sim_work_lookup(struct sim_run *run)
{
    const uint32_t node = sim_world_anybody(run->world);
    const struct kad_request request = {
        .kind = KAD_REQUEST_CLOSEST, .target = random_place(run), .trace = true};

    if (node != SIM_NOBODY)
        begin(run, &run->lookups, node, 0, &request);
}

static struct sim_item *add_item(struct sim_items *items)
{
    if (items->n == items->room) {
        const uint32_t room = items->room ? 2 * items->room : 64;
        struct sim_item *more = kad_allocator_system.resize(NULL, items->items, 0, room * sizeof(*more));

        if (!more)
            return NULL;
        items->items = more;
        items->room = room;
    }
    items->items[items->n] = (struct sim_item){.publisher = SIM_NOBODY, .number = items->n + 1};
    return &items->items[items->n++];
}

static void make_immutable(const char *text, struct kad_record *out_record)
{
    out_record->type = KAD_RECORD_IMMUTABLE;
    out_record->value = (struct kad_bytes){(const uint8_t *)text, strlen(text)};
    kad_mainline_immutable_key(out_record->value, &out_record->key);
}

#define TEXT_MAX 40

static void name_of(const struct sim_run *run, uint32_t number, char out_text[TEXT_MAX])
{
    snprintf(out_text, TEXT_MAX, "24:%08x%016llx", number, (unsigned long long)run->scenario.config.seed);
}

static void name_in(const char *class_name, const char *text, struct kad_secure_name *out_name)
{
    const int error = kad_secure_named(class_name, (struct kad_bytes){(const uint8_t *)text, strlen(text)},
                                       NULL, 0, out_name);

    assert(!error && "a short name");
    (void)error;
}

struct kad_id sim_work_key(const struct sim_run *run, uint32_t number)
{
    struct kad_secure_name name;
    struct kad_record record;
    char text[TEXT_MAX];

    name_of(run, number + 1, text);
    if (!run->scenario.config.network->rules.identity_size) {
        make_immutable(text, &record);
        return record.key;
    }
    name_in("listing", text, &name);
    kad_secure_key(&name, &record.key);
    return record.key;
}

/* A record of that name, this node's, that lives as long as its class may. */
static void make_signed(struct sim_run *run, uint32_t node, const char *class_name, const char *text,
                        int64_t sequence, uint8_t value[KAD_SECURE_VALUE_MAX], struct kad_record *out_record)
{
    const struct kad_bytes name_bytes = {(const uint8_t *)text, strlen(text)};
    struct kad_secure_name name;
    uint8_t secret[32];
    const struct kad_secure_draft draft = {.name = &name,
                                           .value = name_bytes,
                                           .seed = secret,
                                           .sequence = sequence,
                                           .made_at = sim_world_ms(run->world)};
    int error;

    name_in(class_name, text, &name);
    sim_node_secret(run->world, node, secret);
    error = kad_secure_make(&draft, value, out_record);
    assert(!error && "a short name, of a class of the network's");
    (void)error;
}

static bool has_owners(const struct sim_run *run)
{
    return run->scenario.config.network->rules.identity_size;
}

/* That this node provides what has this name. */
static void make_provider(struct sim_run *run, uint32_t node, const char *text,
                          uint8_t value[KAD_SECURE_VALUE_MAX], struct kad_request *request)
{
    struct kad_secure_name name;
    uint8_t secret[32];
    const struct kad_secure_draft draft = {
        .name = &name, .seed = secret, .sequence = 1, .made_at = sim_world_ms(run->world)};
    int error;

    name_in("provider", text, &name);
    sim_node_secret(run->world, node, secret);
    error = kad_secure_make(&draft, value, &request->record);
    if (!error)
        error = kad_secure_signer(&name, secret, request->signer);
    assert(!error && "a provider of what has a short name");
    (void)error;
    request->renews = request->later = true;
}

struct content {
    uint8_t multihash[34];
    uint8_t peer[KAD_P2P_PEER_MAX];
};

/* That this node provides content, as libp2p's networks have it. `content` is borrowed by the request. */
static void make_announced(struct sim_run *run, uint32_t node, const char *text, struct content *content,
                           struct kad_request *request)
{
    struct kad_proto_writer writer = {.bytes = content->peer, .room = sizeof(content->peer)};
    const enum kad_family family = run->scenario.config.ipv4 ? KAD_IPV4 : KAD_IPV6;
    uint8_t digest[32], peer[KAD_IDENTITY_MAX], addr[64];
    const size_t n_peer = sim_node_peer_id(run->world, node, peer);
    struct kad_record *record = &request->record;
    const size_t n_addr = kad_multiaddr_make(sim_node_endpoint(run->world, node, family), KAD_TRANSPORT_TCP,
                                             addr, sizeof(addr));

    kad_sha256((const uint8_t *)text, strlen(text), digest);
    kad_multihash_sha256(digest, content->multihash);
    kad_proto_put_bytes(&writer, 1, (struct kad_bytes){peer, n_peer});
    kad_proto_put_bytes(&writer, 2, (struct kad_bytes){addr, n_addr});
    record->type = KAD_CLASS_PROVIDER;
    record->many = true;
    record->salt = (struct kad_bytes){content->multihash, sizeof(content->multihash)};
    record->value = (struct kad_bytes){content->peer, writer.n};
    record->made_at = record->sequence = sim_world_ms(run->world);
    record->valid_until = KAD_NEVER;
    memcpy(record->public_key, sim_node_id(run->world, node)->bytes, sizeof(record->public_key));
    request->renews = request->keep;
    if (sim_world_name(run->world, record->salt, &record->key) != 0)
        sim_world_violated(run->world, node, "out of memory");
}

void sim_work_put(struct sim_run *run, bool keep, bool bulk)
{
    const uint32_t node = bulk && run->provider != SIM_NOBODY ? run->provider : sim_world_anybody(run->world);
    struct sim_item *item = node == SIM_NOBODY ? NULL : add_item(&run->records);
    struct kad_request request = {.kind = KAD_REQUEST_PUT, .keep = keep};
    uint8_t value[KAD_SECURE_VALUE_MAX];
    struct content content;
    char text[TEXT_MAX];

    if (!item)
        return;
    name_of(run, item->number, text);
    if (bulk)
        run->provider = node;
    if (has_names(run))
        make_announced(run, node, text, &content, &request);
    else if (bulk && has_owners(run))
        make_provider(run, node, text, value, &request);
    else if (has_owners(run))
        make_signed(run, node, "listing", text, 1, value, &request.record);
    else
        make_immutable(text, &request.record);
    request.target = request.record.key;
    item->key = request.target;
    item->publisher = node;
    begin(run, &run->puts, node, run->records.n - 1, &request);
}

void sim_work_again(struct sim_run *run, uint32_t number)
{
    const struct sim_item *item = &run->records.items[number];
    struct kad_request request = {.kind = KAD_REQUEST_PUT};
    struct content content;
    char text[TEXT_MAX];

    if (!has_names(run) || !sim_node_engine(run->world, item->publisher))
        return;
    name_of(run, item->number, text);
    make_announced(run, item->publisher, text, &content, &request);
    request.target = request.record.key;
    begin(run, &run->puts, item->publisher, number, &request);
}

/* Somebody else than the publisher, who would find it at home. `side`: 0: of any, else of side 0 or 1. */
static uint32_t reader(struct sim_run *run, const struct sim_item *item, unsigned side)
{
    uint32_t node = sim_world_anybody(run->world);

    for (int i = 0; i < 64 && (node == item->publisher || (side && node != SIM_NOBODY &&
                                                           sim_node_on_side(run->world, node) + 1 != side));
         i++)
        node = sim_world_anybody(run->world);
    return node;
}

void sim_work_get(struct sim_run *run, uint32_t number, unsigned side)
{
    const struct sim_item *item = &run->records.items[number];
    const uint32_t node = reader(run, item, side);
    const struct kad_request request = {.kind = KAD_REQUEST_GET,
                                        .target = item->key,
                                        .first = has_names(run),
                                        .record.type = has_names(run) ? KAD_CLASS_PROVIDER : 0};

    assert(number < run->records.n);
    if (node != SIM_NOBODY)
        begin(run, &run->gets, node, number, &request);
}

/* -- written on two sides --------------------------------------------------------------------------------------- */

#define REWRITTEN 2 /* the first side's number; the second's is one higher */

/* By a node of this side, signed with the keys of `owner`. */
static void put_on_side(struct sim_run *run, uint32_t number, uint32_t owner, unsigned side)
{
    struct sim_item *item = &run->records.items[number];
    const bool claimed = item->contest == SIM_CLAIMED;
    const uint32_t writer = claimed ? owner : reader(run, item, side + 1);
    struct kad_request request = {.kind = KAD_REQUEST_PUT};
    uint8_t value[KAD_SECURE_VALUE_MAX];
    char text[TEXT_MAX];

    if (writer == SIM_NOBODY)
        return;
    name_of(run, item->number, text);
    make_signed(run, owner, claimed ? "domain" : "listing", text, claimed ? 1 : REWRITTEN + (int64_t)side,
                value, &request.record);
    request.target = item->key = request.record.key;
    memcpy(item->rivals[side], request.record.public_key, sizeof(item->rivals[side]));
    begin(run, &run->puts, writer, number, &request);
}

void sim_work_rewrite(struct sim_run *run, uint32_t number)
{
    struct sim_item *item = &run->records.items[number];

    if (!has_owners(run) || item->contest != SIM_UNCONTESTED)
        return;
    item->contest = SIM_REWRITTEN;
    for (unsigned side = 0; side < SIM_RIVALS; side++)
        put_on_side(run, number, item->publisher, side);
}

void sim_work_claim(struct sim_run *run)
{
    struct sim_item *item = has_owners(run) ? add_item(&run->records) : NULL;

    if (!item)
        return;
    item->contest = SIM_CLAIMED;
    for (unsigned side = 0; side < SIM_RIVALS; side++) {
        const uint32_t owner = reader(run, item, side + 1);

        if (owner != SIM_NOBODY)
            put_on_side(run, run->records.n - 1, owner, side);
    }
}

/* A get brought this; NULL: nothing. */
static void count_contest(struct sim_run *run, uint32_t number, const struct kad_record *record)
{
    struct sim_item *item = &run->records.items[number];
    unsigned whose = SIM_RIVALS;

    if (item->contest == SIM_UNCONTESTED)
        return;
    for (unsigned side = 0; record && side < SIM_RIVALS; side++) {
        const bool its = item->contest == SIM_REWRITTEN ? record->sequence == REWRITTEN + (int64_t)side
                                                        : memcmp(record->public_key, item->rivals[side],
                                                                 sizeof(item->rivals[side])) == 0;

        if (its)
            whose = side;
    }
    item->votes[whose]++;
    run->gets.contested++;
}

uint64_t sim_work_agreed(const struct sim_run *run)
{
    uint64_t agreed = 0;

    for (uint32_t i = 0; i < run->records.n; i++) {
        const struct sim_item *item = &run->records.items[i];
        const uint32_t first = item->contest == SIM_REWRITTEN ? 0 : item->votes[0];

        agreed += first > item->votes[1] ? first : item->votes[1];
    }
    return agreed;
}

static void clear_tally(struct sim_tally *tally)
{
    kad_allocator_system.resize(NULL, tally->took.values, 0, 0);
    kad_allocator_system.resize(NULL, tally->first.values, 0, 0);
    *tally = (struct sim_tally){0};
}

void sim_work_anew(struct sim_run *run)
{
    run->epoch++;
    clear_tally(&run->lookups);
    clear_tally(&run->puts);
    clear_tally(&run->gets);
    clear_tally(&run->announces);
    clear_tally(&run->finds);
    for (uint32_t i = 0; i < run->records.n; i++)
        memset(run->records.items[i].votes, 0, sizeof(run->records.items[i].votes));
}

/* -- peers ------------------------------------------------------------------------------------------------------ */

void sim_work_announce(struct sim_run *run, bool keep)
{
    const uint32_t node = sim_world_anybody(run->world);
    struct sim_item *item = node == SIM_NOBODY ? NULL : add_item(&run->keys);
    struct kad_request request = {.kind = KAD_REQUEST_ANNOUNCE, .keep = keep};

    if (!item)
        return;
    request.target = random_id(run);
    item->key = request.target;
    item->publisher = node;
    begin(run, &run->announces, node, run->keys.n - 1, &request);
}

void sim_work_find(struct sim_run *run, uint32_t number)
{
    const struct sim_item *item = &run->keys.items[number];
    const uint32_t node = reader(run, item, 0);
    const struct kad_request request = {.kind = KAD_REQUEST_PEERS, .target = item->key};

    if (node != SIM_NOBODY)
        begin(run, &run->finds, node, number, &request);
}
