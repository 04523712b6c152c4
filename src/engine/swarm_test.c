/* Nodes of libp2p's network: they meet, find one another, and provide; through swarm, links and all. */
#include "engine/swarm.h"

#include <stdlib.h>
#include <string.h>

#include "base/cid.h"
#include "base/test.h"
#include "core/id.h"
#include "crypto/crypto.h"
#include "engine/test_swarm.h"
#include "wire/libp2p/message.h"

TEST(nodes_meet_and_fill_their_tables) /* I001, I057 */
{
    struct swarm_net *net = swarm_net_make(8, 500, NULL);

    for (unsigned i = 0; i < 8; i++)
        EXPECT_EQ(swarm_node_contacts(&net->nodes[i]), 7);
    swarm_net_free(net);
}

/* What a peer says of itself is heeded when it is there: the end of that stream may come much later. */
TEST(nodes_that_met_know_each_other_at_once)
{
    struct swarm_net *net = calloc(1, sizeof(*net));

    swarm_net_init(net, kad_network_libp2p_icn());
    swarm_net_add(net, KAD_SWARM_SERVER);
    swarm_node_connect(swarm_net_add(net, KAD_SWARM_SERVER), &net->nodes[0]);
    swarm_net_run(net, 100);
    EXPECT_EQ(swarm_node_contacts(&net->nodes[1]), 1);
    swarm_net_free(net);
}

TEST(pieces_of_any_size_make_no_difference)
{
    struct swarm_net *net = calloc(1, sizeof(*net));

    swarm_net_init(net, kad_network_libp2p_icn());
    net->piece = 7;
    for (unsigned i = 0; i < 3; i++) {
        struct swarm_node *node = swarm_net_add(net, KAD_SWARM_SERVER);

        if (i > 0)
            swarm_node_connect(node, &net->nodes[0]);
        swarm_net_run(net, 500);
    }
    swarm_net_run(net, 20000);
    EXPECT_EQ(swarm_node_contacts(&net->nodes[2]), 2);
    swarm_net_free(net);
}

/* A provider record of our own: its Peer message names us; the swarm puts the addresses in. */
static void provide(struct swarm_node *node, const uint8_t digest[32])
{
    const uint8_t addr[8] = {4, 127, 0, 0, 1, 6, 1, 1};
    struct kad_request request = {.kind = KAD_REQUEST_PUT};
    uint8_t multihash[34];

    kad_multihash_sha256(digest, multihash);
    swarm_node_provide(node, &request, multihash, (struct kad_bytes){addr, sizeof(addr)});
}

static void find_providers(struct swarm_node *node, const uint8_t digest[32])
{
    uint8_t multihash[34];
    struct kad_request request = {.kind = KAD_REQUEST_GET};

    kad_multihash_sha256(digest, multihash);
    kad_swarm_learn_key(node->swarm, (struct kad_bytes){multihash, 34}, &request.target);
    request.record.type = KAD_CLASS_PROVIDER;
    swarm_node_request(node, &request);
}

TEST(what_one_provides_all_find) /* I031, I032 */
{
    struct swarm_net *net = swarm_net_make(10, 500, NULL);
    const uint8_t digest[32] = {0xab, 0xcd};
    struct kad_info info;

    provide(&net->nodes[3], digest);
    EXPECT(net->nodes[3].n_stored >= 9);
    kad_engine_info(net->nodes[3].engine, &info);
    for (unsigned i = 0; i < 10; i++) {
        find_providers(&net->nodes[i], digest);
        EXPECT_EQ(net->nodes[i].n_records, 1);
        EXPECT_MEM(net->nodes[i].owners[0], info.id.bytes, 32);
    }
    swarm_net_free(net);
}

TEST(the_closest_are_found) /* I030 */
{
    struct swarm_net *net = swarm_net_make(12, 500, NULL);
    struct kad_request request = {.kind = KAD_REQUEST_CLOSEST};

    kad_swarm_learn_key(net->nodes[0].swarm, (struct kad_bytes){(const uint8_t *)"anything", 8},
                        &request.target);
    swarm_node_request(&net->nodes[0], &request);
    EXPECT_EQ(net->nodes[0].n_contacts, 11);
    swarm_net_free(net);
}

TEST(a_client_asks_and_is_in_no_table)
{
    struct swarm_net *net = swarm_net_make(4, 500, NULL);
    struct swarm_node *client = swarm_net_add(net, KAD_SWARM_CLIENT);
    const uint8_t digest[32] = {1};

    swarm_node_connect(client, &net->nodes[1]);
    swarm_net_run(net, 20000);
    EXPECT(swarm_node_contacts(client) == 4);
    for (unsigned i = 0; i < 4; i++)
        EXPECT_EQ(swarm_node_contacts(&net->nodes[i]), 3);
    provide(&net->nodes[0], digest);
    find_providers(client, digest);
    EXPECT_EQ(client->n_records, 1);
    swarm_net_free(net);
}

/* After a restart, or with more names than the swarm remembers. */
TEST(what_a_request_says_is_hashed_to_its_key_is_asked_for)
{
    struct swarm_net *net = swarm_net_make(4, 500, NULL);
    struct swarm_node *client = swarm_net_add(net, KAD_SWARM_CLIENT);
    struct kad_request request = {.kind = KAD_REQUEST_GET};
    uint8_t digest[32] = {3}, multihash[34];
    struct kad_bytes name;

    swarm_node_connect(client, &net->nodes[1]);
    swarm_net_run(net, 20000);
    provide(&net->nodes[0], digest);
    kad_multihash_sha256(digest, multihash);
    kad_sha256(multihash, sizeof(multihash), request.target.bytes);
    request.record.type = KAD_CLASS_PROVIDER;
    request.record.salt = (struct kad_bytes){multihash, sizeof(multihash)};
    swarm_node_request(client, &request);
    EXPECT_EQ(client->n_records, 1);
    EXPECT(!kad_engine_name(client->engine, &request.target, &name)); /* it is over */
    swarm_net_free(net);
}

TEST(dead_peers_are_noticed)
{
    struct swarm_net *net = swarm_net_make(8, 500, NULL);
    const uint8_t digest[32] = {2};

    provide(&net->nodes[1], digest);
    for (unsigned i = 5; i < 8; i++)
        swarm_node_stop(&net->nodes[i]);
    find_providers(&net->nodes[4], digest);
    EXPECT_EQ(net->nodes[4].n_records, 1);
    swarm_net_free(net);
}

struct list {
    struct kad_bytes refused; /* a peer id */
    struct kad_id key;        /* what was asked about last */
    unsigned n_asked, n_refused;
};

static bool is_off_the_list(void *context, const struct kad_contact *from, struct kad_bytes identity,
                            const struct kad_record *record)
{
    struct list *list = context;
    const bool refused =
        identity.size == list->refused.size && memcmp(identity.data, list->refused.data, identity.size) == 0;

    EXPECT(kad_id_equal(&from->id, (const struct kad_id *)(const void *)record->public_key));
    EXPECT(record->type == KAD_CLASS_PROVIDER && from->endpoint.family == KAD_IPV4);
    list->key = record->key;
    list->n_asked++;
    list->n_refused += refused;
    return !refused;
}

/* I153: the wire has no word for it, so who is refused is told by a reset, and counts nobody who took it. */
TEST(a_host_says_who_may_provide_I153)
{
    struct swarm_net *net = calloc(1, sizeof(*net));
    struct list list = {0};
    const struct kad_gate gate = {.provides = is_off_the_list, .context = &list};
    const uint8_t theirs[32] = {7}, good[32] = {8};
    uint64_t n_counted = 0;
    struct kad_id key;
    uint8_t multihash[34];

    swarm_net_init(net, kad_network_libp2p_icn());
    for (unsigned i = 0; i < 8; i++) {
        net->gate = i < 6 ? &gate : NULL;
        swarm_net_add(net, KAD_SWARM_SERVER);
        if (i > 0)
            swarm_node_connect(&net->nodes[i], &net->nodes[0]);
        swarm_net_run(net, 500);
    }
    swarm_net_run(net, 20000);
    list.refused = kad_swarm_self(net->nodes[6].swarm);
    provide(&net->nodes[6], theirs);
    EXPECT_EQ(list.n_refused, 6);
    EXPECT_EQ(net->nodes[6].n_stored, 2); /* itself, and the one that lets everybody in */
    kad_multihash_sha256(theirs, multihash);
    kad_sha256(multihash, sizeof(multihash), key.bytes);
    EXPECT(kad_id_equal(&list.key, &key));
    for (unsigned i = 0; i < 6; i++)
        n_counted += kad_engine_counters(net->nodes[i].engine)->refused[KAD_REFUSAL_POLICY];
    EXPECT_EQ(n_counted, 6);
    provide(&net->nodes[7], good);
    EXPECT(net->nodes[7].n_stored >= 7);
    EXPECT_EQ(list.n_refused, 6);
    find_providers(&net->nodes[2], good);
    EXPECT_EQ(net->nodes[2].n_records, 1);
    swarm_net_free(net);
}
