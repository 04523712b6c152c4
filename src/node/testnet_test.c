// threads
// timeout 600
#include "kad/testnet.h"

#include <stdio.h>
#include <string.h>
#include <uv.h>

#include "base/test.h"
#include "kad/kad.h"

struct answer {
    uv_sem_t done;
    int error;
    char value[64];
    size_t n;
};

static void on_done(void *user, const struct kad_event *event)
{
    struct answer *answer = user;

    if (event->kind != KAD_EVENT_DONE)
        return;
    answer->error = event->done.error;
    if (event->done.record) {
        answer->n = event->done.record->value.size;
        memcpy(answer->value, event->done.record->value.data, answer->n);
    }
    uv_sem_post(&answer->done);
}

static int ask(struct kad_node *node, const struct kad_request *request, struct answer *answer)
{
    EXPECT_EQ(kad_node_post(node, request, on_done, answer), KAD_OK);
    uv_sem_wait(&answer->done);
    return answer->error;
}

/* P016 in small, and the promise of testnet.h: fifty nodes in one call, and what one stores any other finds. */
TEST(fifty_nodes_in_one_call_are_a_network)
{
    struct kad_request request = {.kind = KAD_REQUEST_PUT};
    struct answer answer = {.error = 1};
    struct kad_testnet *net;
    char why[256];

    EXPECT_MSG(kad_testnet_new(50, &net, why, sizeof(why)) == KAD_OK, "%s", why);
    EXPECT_EQ(kad_testnet_size(net), 50);
    EXPECT_EQ(uv_sem_init(&answer.done, 0), 0);
    request.record.type = KAD_RECORD_IMMUTABLE;
    request.record.value = (struct kad_bytes){(const uint8_t *)"5:hello", 7};
    kad_mainline_immutable_key(request.record.value, &request.record.key);
    request.target = request.record.key;
    EXPECT_EQ(ask(kad_testnet_node(net, 7), &request, &answer), KAD_OK);
    request.kind = KAD_REQUEST_GET;
    for (size_t i = 0; i < 50; i += 7) {
        answer.n = 0;
        EXPECT_EQ(ask(kad_testnet_node(net, i), &request, &answer), KAD_OK);
        EXPECT_EQ(answer.n, 7);
        EXPECT_MEM(answer.value, "5:hello", 7);
    }
    uv_sem_destroy(&answer.done);
    kad_testnet_free(net);
}

/* Each node is where it says, and no two in one place. */
TEST(addresses_are_there_to_be_joined_through)
{
    struct kad_testnet *net, *other;
    struct kad_endpoint a, b;
    char why[256];

    EXPECT_EQ(kad_testnet_new(3, &net, why, sizeof(why)), KAD_OK);
    EXPECT_EQ(kad_testnet_new(1, &other, why, sizeof(why)), KAD_OK); /* beside the first */
    EXPECT_EQ(kad_endpoint_parse(kad_testnet_address(net, 0), 0, &a), KAD_OK);
    EXPECT_EQ(kad_endpoint_parse(kad_testnet_address(net, 2), 0, &b), KAD_OK);
    EXPECT(a.address[0] == 127 && a.port != 0);
    EXPECT(memcmp(a.address, b.address, 16) != 0);
    EXPECT(strcmp(kad_testnet_address(net, 0), kad_testnet_address(other, 0)) != 0);
    kad_testnet_free(other);
    kad_testnet_free(net);
    kad_testnet_free(NULL);
}

TEST(what_cannot_be_is_refused_with_its_reason)
{
    struct kad_testnet *net;
    char why[256];

    EXPECT_EQ(kad_testnet_new(0, &net, why, sizeof(why)), KAD_E_INVALID);
    EXPECT_EQ(kad_testnet_new(KAD_TESTNET_MAX + 1, &net, why, sizeof(why)), KAD_E_INVALID);
    EXPECT_STR(why, "not between 1 and 1000 nodes");
}

/* The library says which version it is, as its headers do. */
TEST(library_and_headers_agree)
{
    char text[32];

    snprintf(text, sizeof(text), "%d.%d.%d", KAD_VERSION_MAJOR, KAD_VERSION_MINOR, KAD_VERSION_PATCH);
    EXPECT_STR(kad_version_text(), text);
    EXPECT_EQ(kad_version(), KAD_VERSION_NUMBER);
}
