/* Providing is done when enough of the nearest have taken it, and goes on until all have. */
#include "engine/swarm.h"

#include <string.h>

#include "base/cid.h"
#include "base/test.h"
#include "core/message.h"
#include "crypto/crypto.h"
#include "engine/test_swarm.h"
#include "wire/libp2p/message.h"

#define NODES  60
#define SILENT 12

static void wait_for_all(struct kad_settings *settings)
{
    settings->put_enough = 0;
}

static void make_request(struct swarm_node *node, struct kad_request *request, uint8_t multihash[34],
                         struct kad_proto_writer *writer)
{
    const uint8_t addr[8] = {4, 10, 0, 1, 1, 6, 0x23, 0x28};
    struct kad_info info;
    uint8_t digest[32];

    kad_sha256((const uint8_t *)"content", 7, digest);
    kad_multihash_sha256(digest, multihash);
    kad_swarm_learn_key(node->swarm, (struct kad_bytes){multihash, 34}, &request->target);
    kad_proto_put_bytes(writer, 1, kad_swarm_self(node->swarm));
    kad_proto_put_bytes(writer, 2, (struct kad_bytes){addr, sizeof(addr)});
    kad_engine_info(node->engine, &info);
    request->record = (struct kad_record){
        .type = KAD_CLASS_PROVIDER,
        .many = true,
        .key = request->target,
        .salt = {multihash, 34},
        .value = {writer->bytes, writer->n},
        .made_at = node->net->now,
        .sequence = node->net->now,
        .valid_until = KAD_NEVER,
    };
    memcpy(request->record.public_key, info.id.bytes, 32);
}

/* By the first node, when so many others have fallen silent: how long until it was told, and how many hold it in the end. */
static kad_ms provide(void (*adjust)(struct kad_settings *settings), unsigned *out_stored,
                      unsigned *out_holders)
{
    struct swarm_net *net = swarm_net_make(NODES, 200, adjust);
    struct kad_request request = {.kind = KAD_REQUEST_PUT};
    uint8_t multihash[34], value[128];
    struct kad_proto_writer writer = {.bytes = value, .room = sizeof(value)};
    kad_ms began, took;

    for (unsigned i = 1; i <= SILENT; i++)
        net->nodes[4 * i].silent = true;
    make_request(&net->nodes[0], &request, multihash, &writer);
    began = net->now;
    swarm_node_request(&net->nodes[0], &request);
    took = net->now - began;
    *out_stored = net->nodes[0].n_stored;
    swarm_net_run(net, 30 * KAD_SECOND);
    *out_holders = 0;
    for (unsigned i = 1; i < NODES; i++) {
        struct kad_info info;

        kad_engine_info(net->nodes[i].engine, &info);
        *out_holders += info.n_records == 1 && !net->nodes[i].silent;
    }
    EXPECT_EQ(net->nodes[0].n_stored, *out_stored); /* it is told once */
    swarm_net_free(net);
    return took;
}

/* A fifth of the nearest says nothing: whoever waited for all would wait for them. The last ones get it all the same. */
TEST(providing_does_not_wait_for_the_silent)
{
    unsigned stored, holders;
    const kad_ms hurried = provide(NULL, &stored, &holders);
    kad_ms patient;

    EXPECT(hurried <= 200);
    EXPECT(stored >= 15);
    EXPECT(holders >= 20);
    patient = provide(wait_for_all, &stored, &holders);
    EXPECT(patient > hurried);
    EXPECT(stored >= 20 && holders >= 20);
}
