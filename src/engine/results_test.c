/* P017: what one's own gets have brought, and which of it is kept. */
#include "core/results.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/test.h"
#include "core/records.h"
#include "engine/test_members.h"

#define NODES  16
#define READER 5
#define KEYS   200
#define GETS   2500

static double weights_up_to(unsigned rank)
{
    double sum = 0;

    for (unsigned r = 1; r <= rank; r++)
        sum += 1.0 / r;
    return sum;
}

/* A key by Zipf's law: that of rank r one r-th as often as the first. */
static unsigned draw(uint64_t *state)
{
    double at;
    unsigned rank = 1;

    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    at = (double)(*state >> 11) / 0x1p53 * weights_up_to(KEYS);
    for (; rank < KEYS && at >= 1.0 / rank; rank++)
        at -= 1.0 / rank;
    return rank - 1;
}

/* The cache this is compared with: as many places, the one used longest ago gives way. True: it has it. */
static bool lru_has(unsigned lru[KAD_RESULTS], unsigned *n, unsigned key)
{
    unsigned at = 0;
    bool has;

    while (at < *n && lru[at] != key)
        at++;
    has = at < *n;
    if (!has && *n < KAD_RESULTS)
        at = (*n)++;
    else if (!has)
        at = KAD_RESULTS - 1;
    memmove(&lru[1], &lru[0], at * sizeof(*lru));
    lru[0] = key;
    return has;
}

/* P017: under a load by Zipf's law no fewer gets are answered by what is kept than by one that keeps what was used last, and what is
 * kept never passes its ceiling. */
TEST(what_is_wanted_again_is_kept_under_a_zipf_load_P017)
{
    struct members *net = calloc(1, sizeof(*net));
    uint8_t value[KAD_SECURE_VALUE_MAX];
    unsigned lru[KAD_RESULTS], n_lru = 0, n_hits = 0, n_lru_hits = 0;
    const struct kad_results *results;
    uint64_t state = 17;
    char name[32];

    members_init(net);
    net->settings.result_ms = 24 * KAD_HOUR;
    members_grow(net, NODES);
    for (unsigned i = 0; i < KEYS; i++) {
        struct kad_record record;
        struct kad_request request = {.kind = KAD_REQUEST_PUT, .replicas = 1};

        snprintf(name, sizeof name, "mutable:k%u", i);
        record = members_record(net, name, 0, 1, "something", value);
        request.target = record.key;
        request.record = record;
        EXPECT_EQ(members_request(net, 0, &request), 0);
    }
    results = &net->members[READER]->dht.member->records->results;
    for (unsigned i = 0; i < GETS; i++) {
        const unsigned key = draw(&state);
        struct kad_request request = {.kind = KAD_REQUEST_GET, .first = true};
        size_t bytes = 0;

        snprintf(name, sizeof name, "mutable:k%u", key);
        request.target = members_key(net, name);
        EXPECT_EQ(members_request(net, READER, &request), 0);
        n_hits += net->members[READER]->done.done.cached;
        n_lru_hits += lru_has(lru, &n_lru, key);
        EXPECT(results->n <= KAD_RESULTS);
        for (uint32_t j = 0; j < results->n; j++)
            bytes += results->results[j].record.value.size;
        EXPECT(bytes <= KAD_RESULTS * KAD_SECURE_VALUE_MAX);
    }
    members_clear(net);
    free(net);
    printf("%u of %u gets answered by what was kept, %u by the last used\n", n_hits, GETS, n_lru_hits);
    EXPECT(n_hits >= n_lru_hits);
    EXPECT(n_hits > GETS / 2);
}

/* P060: with no time to keep results there are none, at once. */
TEST(results_are_gone_with_their_time)
{
    struct members *net = calloc(1, sizeof(*net));
    uint8_t value[KAD_SECURE_VALUE_MAX];
    struct kad_request put = {.kind = KAD_REQUEST_PUT}, get = {.kind = KAD_REQUEST_GET};
    struct member *reader;

    members_init(net);
    net->settings.result_ms = KAD_HOUR;
    members_grow(net, NODES);
    reader = net->members[READER];
    put.record = members_record(net, "mutable:diary", 0, 1, "one", value);
    put.target = get.target = put.record.key;
    EXPECT_EQ(members_request(net, 0, &put), 0);
    EXPECT_EQ(members_request(net, READER, &get), 0);
    EXPECT_EQ(members_request(net, READER, &get), 0);
    EXPECT(reader->done.done.cached || reader->done.done.n_queries == 0);
    net->settings.result_ms = 0;
    kad_dht_set_settings(&reader->dht, &net->settings, net->now);
    EXPECT_EQ(reader->dht.member->records->results.n, 0);
    members_clear(net);
    free(net);
}
