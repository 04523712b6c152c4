/* Records of kad's own network from one program to another: sealed, in sessions, over the codec, in stores, and opened. */
#include <stdlib.h>
#include <string.h>

#include "base/test.h"
#include "core/message.h"
#include "engine/test_net.h"
#include "kad/identity.h"
#include "kad/secure.h"
#include "base/types.h"

#define NODES 24

static size_t largest; /* datagram that was sent */

static bool measure(struct test_net *net, const struct test_packet *packet)
{
    (void)net;
    if (packet->size > largest)
        largest = packet->size;
    return false;
}

static struct test_net *make(void)
{
    struct test_net *net = calloc(1, sizeof(*net));

    EXPECT(net);
    test_net_init_on(net, kad_network_kad_easy());
    largest = 0;
    net->lose = measure;
    test_net_grow(net, NODES);
    return net;
}

static void unmake(struct test_net *net)
{
    EXPECT(largest > 0 && largest <= 1200);
    test_net_clear(net);
    free(net);
}

/* Puts as much as `name` has room for. */
static void put(struct test_node *node, const struct kad_secure_name *name, uint8_t mark, int64_t sequence,
                bool withdrawn)
{
    uint8_t seed[32], entropy[32] = {mark}, bytes[KAD_SECURE_VALUE_MAX], value[KAD_SECURE_VALUE_MAX];
    struct kad_request request = {.kind = KAD_REQUEST_PUT};
    const struct kad_secure_draft draft = {
        .name = name,
        .value = {value, withdrawn ? 0 : kad_secure_room(name->class_)},
        .seed = seed,
        .entropy = entropy,
        .sequence = sequence,
        .made_at = node->net->now,
        .withdrawn = withdrawn,
    };

    memset(value, mark, sizeof(value));
    test_net_secret(node, seed);
    EXPECT_EQ(kad_secure_make(&draft, bytes, &request.record), 0);
    request.target = request.record.key;
    EXPECT_EQ(test_net_request(node, &request), 0);
    EXPECT_EQ(node->last_done.done.n_refused, 0);
    EXPECT_MSG(node->last_done.done.n_stored >= NODES / 2, "%s: %u took it", name->class_->name,
               node->last_done.done.n_stored);
}

/* What `node` finds under `name`. Returns how many. */
static size_t get(struct test_node *node, const struct kad_secure_name *name, enum kad_request_kind kind)
{
    struct kad_request request = {.kind = kind, .record.type = name->class_->type};

    kad_secure_key(name, &request.target);
    (void)test_net_request(node, &request); /* nothing found is an error */
    return node->n_records;
}

static void expect_opens(const struct test_node *reader, size_t i, const struct kad_secure_name *name,
                         uint8_t mark, const struct test_node *owner)
{
    uint8_t seed[32], value[KAD_SECURE_VALUE_MAX];
    struct kad_secure_opened opened;

    test_net_secret(reader, seed);
    EXPECT_EQ(kad_secure_open(name, &reader->records[i], seed, value, &opened), 0);
    EXPECT_EQ(opened.value.size, kad_secure_room(name->class_));
    for (size_t at = 0; at < opened.value.size; at++)
        EXPECT_EQ(value[at], mark);
    if (owner)
        EXPECT_MEM(opened.owner, kad_engine_identity(owner->engine), 32);
}

static struct kad_secure_name name_of(const char *class_name, const void *bytes, size_t size)
{
    struct kad_secure_name name;

    EXPECT_EQ(kad_secure_named(class_name, (struct kad_bytes){bytes, size}, NULL, 0, &name), 0);
    return name;
}

/* The largest value of each class goes there and comes back, and no datagram on the way is above 1,200 bytes. */
TEST(the_largest_value_of_each_class_is_put_and_found)
{
    static const char *const classes[] = {"room", "domain", "listing", "mutable", "provider", "peer"};
    struct test_net *net = make();
    struct test_node *owner = &net->nodes[3], *reader = &net->nodes[17];

    for (unsigned i = 0; i < KAD_COUNT_OF(classes); i++) {
        const bool peer = strcmp(classes[i], "peer") == 0;
        const struct kad_secure_name name =
            peer ? name_of("peer", kad_engine_identity(owner->engine), 32) : name_of(classes[i], "a name", 6);

        put(owner, &name, (uint8_t)(10 + i), 5, false);
        EXPECT_MSG(get(reader, &name, KAD_REQUEST_GET) == 1, "%s", classes[i]);
        expect_opens(reader, 0, &name, (uint8_t)(10 + i), owner);
    }
    unmake(net);
}

TEST(content_is_found_by_its_hash)
{
    struct test_net *net = make();
    uint8_t value[KAD_SECURE_VALUE_MAX];
    struct kad_secure_name name;

    memset(value, 42, sizeof(value));
    EXPECT_EQ(kad_secure_parse("immutable:0000000000000000000000000000000000000000000000000000000000000000",
                               NULL, 0, &name),
              0);
    kad_secure_content_name((struct kad_bytes){value, kad_secure_room(name.class_)}, &name);
    put(&net->nodes[3], &name, 42, 0, false);
    EXPECT_EQ(get(&net->nodes[17], &name, KAD_REQUEST_GET), 1);
    expect_opens(&net->nodes[17], 0, &name, 42, NULL);
    unmake(net);
}

/* Each provider its own record, of which only a few fit an answer; who takes his back is gone, and the others stay. */
TEST(all_providers_are_found)
{
    struct test_net *net = make();
    const struct kad_secure_name name = name_of("provider", "content", 7);
    struct test_node *reader = &net->nodes[20];
    size_t n_withdrawn = 0;

    for (unsigned i = 0; i < 12; i++)
        put(&net->nodes[i], &name, (uint8_t)(100 + i), 1, false);
    EXPECT_EQ(get(reader, &name, KAD_REQUEST_GET), 12);
    for (unsigned i = 0; i < 12; i++) {
        unsigned whose = 0;

        while (whose < 12 &&
               memcmp(reader->records[i].public_key, kad_engine_identity(net->nodes[whose].engine), 32) != 0)
            whose++;
        EXPECT(whose < 12);
        expect_opens(reader, i, &name, (uint8_t)(100 + whose), &net->nodes[whose]);
    }
    put(&net->nodes[4], &name, 0, 2, true);
    (void)get(&net->nodes[21], &name, KAD_REQUEST_GET);
    for (size_t i = 0; i < net->nodes[21].n_records; i++)
        n_withdrawn += net->nodes[21].records[i].withdrawn;
    EXPECT_EQ(net->nodes[21].n_records - n_withdrawn, 11);
    unmake(net);
}

/* K24: left while the recipient is away; fetched by it alone, once. */
TEST(letters_are_taken_once_by_their_recipient)
{
    struct test_net *net = make();
    struct test_node *recipient = &net->nodes[7], *other = &net->nodes[8];
    const struct kad_secure_name mailbox = name_of("msg", kad_engine_identity(recipient->engine), 32);
    bool seen[10] = {false};

    for (unsigned i = 0; i < 10; i++)
        put(&net->nodes[10 + i], &mailbox, (uint8_t)(1 + i), 1, false);
    EXPECT_EQ(get(other, &mailbox, KAD_REQUEST_TAKE), 0);
    EXPECT_EQ(get(other, &mailbox, KAD_REQUEST_GET), 0); /* nobody looks in, either */
    EXPECT_EQ(get(recipient, &mailbox, KAD_REQUEST_TAKE), 10);
    for (unsigned i = 0; i < 10; i++) {
        uint8_t seed[32], value[KAD_SECURE_VALUE_MAX];
        struct kad_secure_opened opened;

        test_net_secret(recipient, seed);
        EXPECT_EQ(kad_secure_open(&mailbox, &recipient->records[i], seed, value, &opened), 0);
        EXPECT(value[0] >= 1 && value[0] <= 10 && !seen[value[0] - 1]);
        seen[value[0] - 1] = true;
        EXPECT_MEM(opened.owner, kad_engine_identity(net->nodes[9 + value[0]].engine), 32);
    }
    test_net_run(net, KAD_MINUTE);
    EXPECT_EQ(get(recipient, &mailbox, KAD_REQUEST_TAKE), 0);
    unmake(net);
}

/* What holders sign for comes through the wire whole: who took it, who once had it, who never saw it. */
TEST(receipts_and_evidence_arrive)
{
    struct test_net *net = make();
    struct test_node *owner = &net->nodes[3], *reader = &net->nodes[17];
    const struct kad_secure_name name = name_of("peer", kad_engine_identity(owner->engine), 32);
    const struct kad_secure_name never = name_of("room", "nothing", 7);
    struct kad_secure_opened opened;
    uint8_t value[KAD_SECURE_VALUE_MAX];

    put(owner, &name, 1, 1, false);
    EXPECT(owner->last_done.done.n_receipts + owner->last_done.done.stored_here >=
           owner->last_done.done.n_stored);
    EXPECT_EQ(get(reader, &never, KAD_REQUEST_GET), 0);
    EXPECT(reader->last_done.done.n_nothing >= NODES / 2);
    EXPECT_EQ(reader->last_done.done.n_held, 0);

    test_net_run(net, KAD_HOUR + KAD_MINUTE);
    EXPECT_EQ(get(reader, &name, KAD_REQUEST_GET), 1);
    EXPECT(reader->records[0].hashed); /* no value, but what its owner signed */
    EXPECT_EQ(kad_secure_open(&name, &reader->records[0], NULL, value, &opened), KAD_E_NOT_FOUND);
    EXPECT(reader->last_done.done.n_held >= NODES / 2);
    unmake(net);
}

/* Stores that a node has asked of others, whatever for. */
static uint64_t puts_of(const struct test_node *node)
{
    return kad_engine_counters(node->engine)->queries_out[KAD_PUT];
}

/* Of the key only its beginning leaves the machine; everything that begins so comes, and one of it was wanted. */
TEST(a_prefix_finds_what_it_hides)
{
    struct test_net *net = make();
    static const char *const texts[] = {"room:a", "room:b", "room:c", "room:d", "room:e", "room:f"};
    struct test_node *owner = &net->nodes[3], *reader = &net->nodes[17];
    struct kad_secure_name name;
    struct kad_request request;
    uint64_t n_puts;

    for (unsigned i = 0; i < KAD_COUNT_OF(texts); i++) {
        EXPECT_EQ(kad_secure_parse(texts[i], NULL, 0, &name), 0);
        put(owner, &name, (uint8_t)(1 + i), 1, false);
    }
    n_puts = puts_of(reader);
    for (unsigned i = 0; i < KAD_COUNT_OF(texts); i++) {
        EXPECT_EQ(kad_secure_parse(texts[i], NULL, 0, &name), 0);
        kad_secure_request(&name, (uint8_t)(1 + i % 4), &request);
        EXPECT_EQ(test_net_request(reader, &request), 0);
        EXPECT_EQ(reader->n_records, 1);
        expect_opens(reader, 0, &name, (uint8_t)(1 + i), owner);
    }
    test_net_run(net, KAD_MINUTE);
    EXPECT_EQ(puts_of(reader), n_puts); /* a copy left on the way, or a repair, would tell which it was */
    EXPECT_EQ(kad_secure_parse("room:nobody's", NULL, 0, &name), 0);
    kad_secure_request(&name, 1, &request);
    (void)test_net_request(reader, &request);
    EXPECT_EQ(reader->n_records, 0);
    request.target.bytes[31] |= 1; /* would tell more than the prefix */
    EXPECT_EQ(kad_engine_request(reader->engine, &request, net->now, &(uint64_t){0}), KAD_E_INVALID);
    unmake(net);
}
