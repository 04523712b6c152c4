/* What a relay lets through (T11): its places, its line, and that nobody reaches through it what he would not reach himself (rows 8
 * and 10 of the scorecard). */
#include "node/relay_places.h"

#include <string.h>

#include "base/test.h"

#define PLACES 4
#define RATE   20000

static struct kad_relay_places *places;
static const struct kad_relay_places_config config = {.allocator = &kad_allocator_system,
                                                      .places = PLACES,
                                                      .bytes_per_s = RATE,
                                                      .lifetime_ms = 60000,
                                                      .hash_key = 7};

static struct kad_endpoint at(unsigned net, unsigned host, uint16_t port)
{
    return kad_endpoint_v4((const uint8_t[4]){80, 1, (uint8_t)net, (uint8_t)host}, port);
}

static int open_place(unsigned n, kad_ms now)
{
    const uint8_t key[32] = {(uint8_t)n};
    const struct kad_endpoint from = at(n, 1, 5000);
    bool crowded;

    return kad_relay_places_open(places, key, &from, now, &crowded);
}

static enum kad_relay_drop send_to(unsigned place, struct kad_endpoint to, size_t size, kad_ms now)
{
    return kad_relay_places_send(places, place, &to, size, false, now);
}

static void make(void)
{
    places = kad_relay_places_new(&config);
    EXPECT(places != NULL);
}

/* A place is one key's, until it is given back or not asked for any more. */
TEST(places_are_few_and_end)
{
    const uint8_t third[32] = {3};

    make();
    for (unsigned i = 0; i < PLACES; i++)
        EXPECT_EQ(open_place(i + 1, 1000), (int)i);
    EXPECT_EQ(open_place(9, 1000), -1);
    EXPECT_EQ(open_place(3, 2000), 2); /* still his */
    EXPECT_EQ(kad_relay_places_used(places), PLACES);
    kad_relay_places_follow(places, 1,
                            &(struct kad_endpoint){.address = {80, 9, 9, 9}, .port = 77, .family = KAD_IPV4});
    EXPECT_EQ(kad_relay_places_at(places, 1)->endpoint.port, 77); /* its router has given it another port */
    kad_relay_places_close(places, 2);
    EXPECT_EQ(kad_relay_places_find(places, third), -1);
    EXPECT_EQ(open_place(9, 2000), 2);
    EXPECT_EQ(kad_relay_places_expired(places, 60999), -1);
    EXPECT_EQ(kad_relay_places_expired(places, 61000), 0);
    EXPECT_EQ(send_to(0, at(50, 1, 5000), 100, 61000), KAD_RELAY_DROP_STRANGER);
    kad_relay_places_free(places);
}

/* One /24 does not take them all. */
TEST(a_crowd_from_one_place_is_refused)
{
    bool crowded;
    unsigned n = 0;

    make();
    for (uint8_t i = 0; i < PLACES; i++) {
        const uint8_t key[32] = {100, i};
        const struct kad_endpoint from = at(7, i + 1u, 5000);

        n += kad_relay_places_open(places, key, &from, 1000, &crowded) >= 0;
    }
    EXPECT_EQ(n, 2);
    EXPECT(crowded);
    EXPECT(open_place(1, 1000) >= 0);
    kad_relay_places_free(places);
}

/* Whatever clients and strangers do, the line gives no more than it should, and one client no more than its share. */
TEST(the_cap_holds_and_is_shared)
{
    uint64_t all = 0, first = 0;

    make();
    EXPECT_EQ(open_place(1, 0), 0);
    EXPECT_EQ(open_place(2, 0), 1);
    for (kad_ms now = 0; now < 20000; now++) {
        const struct kad_endpoint from = at(60, 1, 6000);

        for (unsigned place = 0; place < 2; place++) {
            if (kad_relay_places_bring(places, place, &from, 1200, now) == KAD_RELAY_FORWARDED) {
                all += 1200;
                first += place == 0 ? 1200 : 0;
            }
        }
    }
    EXPECT_MSG(all > 19 * RATE && all <= 21 * RATE, "%llu bytes in 20 s", (unsigned long long)all);
    EXPECT_MSG(first > 9 * RATE && first <= 11 * RATE, "%llu of one", (unsigned long long)first);
    /* Alone it has all of it. */
    kad_relay_places_close(places, 1);
    first = 0;
    for (kad_ms now = 20000; now < 40000; now++) {
        const struct kad_endpoint from = at(60, 1, 6000);

        if (now % 10000 == 0)
            EXPECT_EQ(open_place(1, now), 0);
        first += kad_relay_places_bring(places, 0, &from, 1200, now) == KAD_RELAY_FORWARDED ? 1200 : 0;
    }
    EXPECT(first > 19 * RATE && first <= 21 * RATE);
    kad_relay_places_free(places);
}

/* No flood of crumbs costs more than the line gives, nor does a client that has all padded. */
TEST(small_ones_and_padding_count)
{
    const struct kad_endpoint from = at(60, 1, 6000);
    unsigned n = 0;

    make();
    EXPECT_EQ(open_place(1, 0), 0);
    EXPECT_EQ(kad_relay_places_bring(places, 0, &from, 63, 0), KAD_RELAY_DROP_FORM);
    EXPECT_EQ(kad_relay_places_send(places, 0, &from, 63, true, 0), KAD_RELAY_DROP_FORM);
    for (kad_ms now = 0; now < 10000; now++) {
        if (kad_relay_places_bring(places, 0, &from, 64, now) != KAD_RELAY_FORWARDED)
            continue;
        n++;
        kad_relay_places_padded(places, 0, 64, 1200);
    }
    EXPECT_MSG(n > 9 * RATE / 1200 && n * (1200 - 64) <= 11 * RATE + 1200, "%u padded", n);
    kad_relay_places_free(places);
}

/* No proxy towards victims: what goes to a /24 is bounded by what came from there and 4 KiB a minute, over all clients; and a
 * forged sender's datagrams buy no more than their own bytes. */
TEST(more_does_not_go_than_came)
{
    const struct kad_endpoint victim = at(200, 9, 5353), other = at(200, 77, 6000);
    uint64_t to = 0, came = 0;

    make();
    EXPECT_EQ(open_place(1, 0), 0);
    EXPECT_EQ(open_place(2, 0), 1);
    for (kad_ms now = 0; now < 59000; now += 10) {
        if (send_to(now % 20 ? 0 : 1, now % 30 ? victim : other, 300, now) == KAD_RELAY_FORWARDED)
            to += 300;
        if (now % 5000 == 0) { /* somebody writes in the victim's name */
            (void)kad_relay_places_bring(places, 0, &victim, 500, now);
            came += 500;
        }
    }
    EXPECT_MSG(to <= came + 2 * 4096, "%llu bytes for %llu", (unsigned long long)to,
               (unsigned long long)came);
    EXPECT(to > 0);
    /* Whom the relay's engine knows to receive is beyond that. */
    EXPECT_EQ(send_to(0, victim, 1200, 59980), KAD_RELAY_DROP_UNPROVED);
    EXPECT_EQ(kad_relay_places_send(places, 0, &victim, 1200, true, 59990), KAD_RELAY_FORWARDED);
    kad_relay_places_free(places);
}

/* Nor into the relay's own network, nor to services that are no nodes. */
TEST(some_targets_are_nobodys)
{
    static const uint8_t never[][4] = {{127, 0, 0, 1},   {10, 1, 2, 3}, {192, 168, 0, 9},    {169, 254, 0, 1},
                                       {224, 0, 0, 251}, {0, 0, 0, 0},  {255, 255, 255, 255}};

    make();
    EXPECT_EQ(open_place(1, 0), 0);
    for (size_t i = 0; i < KAD_COUNT_OF(never); i++)
        EXPECT_EQ(send_to(0, kad_endpoint_v4(never[i], 6881), 100, 0), KAD_RELAY_DROP_TARGET);
    EXPECT_EQ(send_to(0, at(200, 1, 53), 100, 0), KAD_RELAY_DROP_TARGET);
    EXPECT_EQ(send_to(0, at(200, 1, 0), 100, 0), KAD_RELAY_DROP_TARGET);
    EXPECT_EQ(send_to(0, kad_endpoint_v6((const uint8_t[16]){0x2a, 1}, 6881), 100, 0), KAD_RELAY_DROP_TARGET);
    EXPECT_EQ(send_to(0, at(200, 1, 6881), 100, 0), KAD_RELAY_FORWARDED);
    EXPECT_EQ(send_to(0, at(200, 1, 6881), 1201, 0), KAD_RELAY_DROP_FORM);
    kad_relay_places_free(places);
}

/* A client of a private network may speak there: the relay is in it. */
TEST(who_lives_there_may_go_there)
{
    const uint8_t key[32] = {1};
    const struct kad_endpoint from = kad_endpoint_v4((const uint8_t[4]){10, 0, 0, 5}, 5000);
    bool crowded;

    make();
    EXPECT_EQ(kad_relay_places_open(places, key, &from, 0, &crowded), 0);
    EXPECT_EQ(send_to(0, kad_endpoint_v4((const uint8_t[4]){10, 9, 9, 9}, 6881), 100, 0),
              KAD_RELAY_FORWARDED);
    EXPECT_EQ(send_to(0, kad_endpoint_v4((const uint8_t[4]){127, 0, 0, 1}, 6881), 100, 0),
              KAD_RELAY_DROP_TARGET);
    kad_relay_places_free(places);
}
