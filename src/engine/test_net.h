/*
 * test_net - a handful of engines and a clock that is a variable: enough network for tests of the engine.
 *
 * Datagrams arrive `delay_ms` after they were sent, in order. The simulator proper is in sim/.
 */
#ifndef KAD_ENGINE_TEST_NET_H
#define KAD_ENGINE_TEST_NET_H

#include "kad/engine.h"

#define TEST_NET_MAX     128
#define TEST_NET_RECORDS 32

struct test_net;

struct test_node {
    struct test_net *net;
    struct kad_engine *engine; /* NULL: off */
    struct kad_endpoint endpoint;
    struct kad_event last_done; /* pointers in it are dead; see the copies */
    uint8_t value[1024];
    size_t n_value;
    struct kad_record records[TEST_NET_RECORDS]; /* of done.records, or done.record alone */
    uint8_t record_values[TEST_NET_RECORDS][1024];
    size_t n_records;
    struct kad_endpoint peers[256];
    size_t n_peers, n_done, n_hops, n_ready, n_warnings, n_wrong_keys, n_stored_events, n_discovered;
    struct kad_found closest[64];
    size_t n_closest;
    int64_t sequence;
    enum kad_warning warning; /* the last one */
    unsigned n_restarts;
};

struct test_packet {
    struct kad_endpoint from, to;
    kad_ms at;
    size_t size;
    uint8_t *bytes;
};

struct test_net {
    kad_ms now, delay_ms;
    const struct kad_network *network;
    struct kad_settings settings;
    const struct kad_gate *gate; /* of nodes that are switched on from now on */
    unsigned watch;
    size_t n_nodes;
    struct test_node nodes[TEST_NET_MAX];
    struct test_packet *packets;
    size_t n_packets, room_packets;
    uint64_t n_sent;
    bool (*lose)(struct test_net *net, const struct test_packet *packet); /* NULL: nothing is lost */
    void *user;
};

void test_net_init(struct test_net *net); /* Mainline */
void test_net_init_on(struct test_net *net, const struct kad_network *network);
void test_net_clear(struct test_net *net);
/* One on the heap, with `n` nodes (test_net_grow()). */
struct test_net *test_net_make(const struct kad_network *network, size_t n);
void test_net_free(struct test_net *net);
struct test_node *test_net_add(struct test_net *net, bool ipv6); /* started, not joined */
void test_net_off(struct test_node *node);
void test_net_leave(struct test_node *node); /* off, and says so before */
void test_net_on(struct test_node *node);    /* again, with its identity and other randomness */
/* The seed of its identity, in networks that have them. */
void test_net_secret(const struct test_node *node, uint8_t out_secret[32]);
void test_net_run(struct test_net *net, kad_ms duration_ms);
/* Runs until this node's request is done, or gives up after two minutes. The error of its DONE. */
int test_net_request(struct test_node *node, const struct kad_request *request);
/* `n` nodes that have joined through the first. */
void test_net_grow(struct test_net *net, size_t n);
void test_net_inject(struct test_net *net, const struct kad_endpoint *from, const struct kad_endpoint *to,
                     const void *bytes, size_t size);
const struct kad_info *test_net_info(struct test_node *node);

#endif
