/* Which relay is taken (I018, I027): by how soon it answers and what it gives; and what is said between the two. */
#include "node/relay_pick.h"

#include <string.h>

#include "base/endpoint.h"
#include "base/test.h"

static struct kad_relay_pick pick;

static struct kad_relay_candidate *add(unsigned n)
{
    const uint8_t key[32] = {(uint8_t)n};
    const struct kad_endpoint endpoint = kad_endpoint_v4((const uint8_t[4]){80, 1, 1, (uint8_t)n}, 4000);

    return kad_relay_pick_add(&pick, &endpoint, key);
}

static void answer(unsigned n, kad_ms rtt, uint32_t bytes_per_s, uint16_t n_free, uint16_t n_places)
{
    const uint8_t key[32] = {(uint8_t)n};
    struct kad_relay_candidate *candidate = kad_relay_pick_find(&pick, key);
    const struct kad_relay_place place = {.nonce = 40 + n,
                                          .verdict = KAD_RELAY_ANSWERED,
                                          .bytes_per_s = bytes_per_s,
                                          .n_free = n_free,
                                          .n_places = n_places};

    kad_relay_pick_asked(candidate, 40 + n, 1000);
    EXPECT(kad_relay_pick_told(candidate, &place, 1000 + rtt));
    EXPECT(!kad_relay_pick_told(candidate, &place, 1000 + rtt)); /* once asked, once answered */
}

static unsigned best(kad_ms now)
{
    const struct kad_relay_candidate *candidate = kad_relay_pick_best(&pick, now);

    return candidate ? candidate->key[0] : 0;
}

TEST(the_one_that_answers_soonest_is_taken)
{
    memset(&pick, 0, sizeof(pick));
    for (unsigned i = 1; i <= 3; i++)
        EXPECT(add(i) != NULL);
    EXPECT_EQ(best(0), 0); /* nobody was heard */
    answer(1, 80, 1 << 20, 4, 4);
    answer(2, 20, 1 << 20, 4, 4);
    EXPECT_EQ(best(2000), 2);
    answer(3, 10, 1 << 20, 0, 4); /* has no place */
    EXPECT_EQ(best(2000), 2);
}

/* Near and narrow is worse than far and wide. */
TEST(what_it_gives_counts)
{
    memset(&pick, 0, sizeof(pick));
    add(1);
    add(2);
    answer(1, 20, 32768, 1, 32); /* a kilobyte a second for each */
    answer(2, 90, 1 << 20, 30, 32);
    EXPECT_EQ(best(2000), 2);
}

/* Each failure lets it alone for longer, until it has served. */
TEST(who_failed_is_left_alone)
{
    struct kad_relay_candidate *first;

    memset(&pick, 0, sizeof(pick));
    first = add(1);
    add(2);
    answer(1, 10, 1 << 20, 4, 4);
    answer(2, 50, 1 << 20, 4, 4);
    kad_relay_pick_failed(first, 2000);
    EXPECT_EQ(best(2000), 2);
    EXPECT_EQ(best(31999), 2);
    EXPECT_EQ(best(32000), 1);
    kad_relay_pick_failed(first, 32000);
    EXPECT_EQ(best(91999), 2);
    EXPECT_EQ(best(92000), 1);
    kad_relay_pick_served(first);
    kad_relay_pick_failed(first, 92000);
    EXPECT_EQ(best(122000), 1);
}

/* Whoever invents relays does not push out those that answered. */
TEST(there_is_an_end_of_them)
{
    memset(&pick, 0, sizeof(pick));
    for (unsigned i = 1; i <= KAD_RELAY_PICK_MAX; i++)
        EXPECT(add(i) != NULL);
    EXPECT(add(100) == NULL); /* of none is anything known */
    answer(3, 500, 1 << 20, 4, 4);
    answer(4, 5, 1 << 20, 4, 4);
    EXPECT(add(100) == NULL || kad_relay_pick_find(&pick, (const uint8_t[32]){4}) != NULL);
    EXPECT_EQ(pick.n, KAD_RELAY_PICK_MAX);
    EXPECT(best(2000) == 4);
}

/* Nor does he keep others away with some that never answer: they are asked less and less, and give way. */
TEST(who_never_answers_gives_way)
{
    memset(&pick, 0, sizeof(pick));
    for (unsigned i = 1; i <= KAD_RELAY_PICK_MAX; i++)
        EXPECT(add(i) != NULL);
    for (unsigned i = 1; i <= 5; i++) {
        EXPECT(add(100) == NULL);
        kad_relay_pick_asked(&pick.list[6], i, i * 1000);
        kad_relay_pick_silent(&pick.list[6], (i + 1) * 1000);
    }
    EXPECT_EQ(pick.list[6].shunned_until, 36000);
    EXPECT(add(100) == &pick.list[6]);
    answer(100, 10, 1 << 20, 4, 4);
    EXPECT_EQ(best(2000), 100);
}

TEST(words_say_the_same_at_the_other_end)
{
    const struct kad_relay_open open = {.nonce = 0x01020304, .ask = true};
    const struct kad_relay_place place = {.nonce = 0xfffefdfc,
                                          .verdict = KAD_RELAY_GRANTED,
                                          .lifetime_s = 120,
                                          .bytes_per_s = 262144,
                                          .n_free = 300,
                                          .n_places = 4096,
                                          .port = 40001};
    const struct kad_endpoint to = kad_endpoint_v4((const uint8_t[4]){1, 2, 3, 4}, 4242);
    uint8_t bytes[KAD_ASIDE_MAX] = {0};
    struct kad_relay_open heard_open;
    struct kad_relay_place heard;
    struct kad_endpoint endpoint;
    struct kad_bytes datagram;
    size_t n = kad_relay_put_open(&open, bytes);

    EXPECT(kad_relay_get_open((struct kad_bytes){bytes, n}, &heard_open));
    EXPECT(heard_open.nonce == open.nonce && heard_open.ask);
    EXPECT(!kad_relay_get_open((struct kad_bytes){bytes, n - 1}, &heard_open));
    n = kad_relay_put_place(&place, bytes);
    EXPECT_EQ(n, KAD_RELAY_PLACE_SIZE);
    EXPECT(kad_relay_get_place((struct kad_bytes){bytes, n}, &heard));
    EXPECT(heard.nonce == place.nonce && heard.lifetime_s == 120 && heard.bytes_per_s == 262144 &&
           heard.n_free == 300 && heard.n_places == 4096 && heard.port == 40001);
    EXPECT(!kad_relay_get_place((struct kad_bytes){bytes, n - 1}, &heard));
    bytes[18] = bytes[19] = 0; /* granted, and no port */
    EXPECT(!kad_relay_get_place((struct kad_bytes){bytes, n}, &heard));
    n = kad_relay_put_head(KAD_RELAY_SEND, &to, bytes);
    EXPECT(!kad_relay_get_datagram((struct kad_bytes){bytes, n}, &endpoint, &datagram)); /* nothing in it */
    bytes[n] = 9;
    EXPECT(kad_relay_get_datagram((struct kad_bytes){bytes, n + 1}, &endpoint, &datagram));
    EXPECT(kad_endpoint_equal(&endpoint, &to) && datagram.size == 1 && *datagram.data == 9);
    EXPECT(kad_relay_get_datagram((struct kad_bytes){bytes, KAD_ASIDE_MAX}, &endpoint, &datagram));
}
