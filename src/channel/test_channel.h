/*
 * test_channel - a few channels and the wire between them, for tests.
 *
 * What a channel sends waits on the wire; the test delivers, drops, changes or keeps it. A received plaintext is answered
 * by the peer's `answer` bytes, in the session it came in. All bytes to and from addresses are counted, independently of
 * the channels' own accounts.
 */
#ifndef KAD_CHANNEL_TEST_CHANNEL_H
#define KAD_CHANNEL_TEST_CHANNEL_H

#include "channel/channel.h"

enum { TEST_PEERS = 4, TEST_WIRE = 256 };

struct test_packet {
    struct kad_endpoint from, to;
    size_t size;
    uint8_t bytes[KAD_CHANNEL_DATAGRAM];
};

struct test_peer {
    struct kad_channel *channel;
    struct kad_channel_config config;
    struct kad_endpoint at;
    int answer;                   /* bytes of answer to whatever comes; negative: none */
    unsigned n_messages, n_first; /* that came */
    struct kad_channel_in last;   /* plain.data points into `plain` */
    uint8_t plain[KAD_CHANNEL_DATAGRAM];
};

struct test_world {
    struct kad_allocator allocator;
    size_t in_use;
    long fail_at; /* the allocation that is refused, counted from 1; 0: none */
    kad_ms now;
    struct test_peer peers[TEST_PEERS];
    struct test_packet wire[TEST_WIRE];
    unsigned n_wire;
};

void test_world_init(struct test_world *world);
void test_world_clear(struct test_world *world); /* all memory must be given back */
#define test_endpoint test_channel_endpoint      /* core/test_core.h has one by that name */
struct kad_endpoint test_endpoint(unsigned number);
/* Fills world->peers[i]: change its config, then start it. */
void test_peer_init(struct test_world *world, unsigned i);
void test_peer_start(struct test_world *world, unsigned i);
const uint8_t *test_key(const struct test_world *world, unsigned i);
/* A world whose first n peers are started as they are filled in. */
void test_begin(struct test_world *world, unsigned n);
const struct kad_channel_counters *test_counters(const struct test_world *world, unsigned i);
/* Says something and expects it to come through with all that this takes. */
void test_through(struct test_world *world, unsigned from, unsigned to, uint8_t fill);

/* What `from` has to say to `to`: n bytes of `fill`. False: it could not be sent, nor does it wait. */
bool test_say(struct test_world *world, unsigned from, unsigned to, uint8_t fill, size_t n, size_t wanted);
bool test_say_at(struct test_world *world, unsigned from, const struct kad_channel_to *to, uint8_t fill,
                 size_t n, size_t wanted);
/* The i-th packet on the wire arrives where it is addressed to; it stays on the wire. */
enum kad_channel_verdict test_arrive(struct test_world *world, unsigned i);
void test_take(struct test_world *world, unsigned i); /* it leaves the wire */
void test_deliver(struct test_world *world);          /* the oldest arrives and leaves */
void test_deliver_all(struct test_world *world);
enum kad_channel_verdict test_receive(struct test_world *world, unsigned i, const struct kad_endpoint *from,
                                      const uint8_t *bytes, size_t size);
struct test_packet test_caught(struct test_world *world); /* takes the only packet from the wire */
enum kad_channel_verdict test_play(struct test_world *world, unsigned i, const struct test_packet *packet);
void test_sound(const struct test_world *world);

#endif
