#include "wire/krpc/usual.h"

#include <stdio.h>
#include <stdlib.h>

#include "wire/krpc/krpc.h"
#include "wire/krpc/test_decode.h"
#include "wire/krpc/test_krpc.h"

#define WANT "4:wantl2:n42:n6e"
#define HASH "9:info_hash20:" TARGET
#define TO   "6:target20:" TARGET
#define MANY 4096

/* What nodes send, and what the simulator and the benchmarks do. */
static const struct {
    const char *bytes;
    size_t size;
} usual[] = {
#define ONE(arguments, rest)                                                                         \
    {                                                                                                \
        "d1:ad2:id20:" ID arguments "e1:q" rest, sizeof("d1:ad2:id20:" ID arguments "e1:q" rest) - 1 \
    }
    ONE("", "4:ping1:t2:aa1:y1:qe"),
    ONE("", "4:ping1:t2:aa1:v4:LT\x01\x02"
            "1:y1:qe"),
    ONE(WANT, "4:ping2:roi1e1:t4:aaaa1:v4:KD011:y1:qe"),
    ONE(TO, "9:find_node1:t1:a1:y1:qe"),
    ONE(TO WANT, "9:find_node1:t2:aa1:y1:qetrailing"),
    ONE(TO "4:wantl2:n4e", "9:find_node2:roi1e1:t0:1:y1:qe"),
    ONE(TO "4:wantle", "3:get1:t12:abcdefghijkl1:y1:qe"),
    ONE(TO "4:wantl2:n6e", "17:sample_infohashes1:t2:aa1:v0:1:y1:qe"),
    ONE(HASH, "9:get_peers1:t2:aa1:y1:qe"),
    ONE(HASH WANT, "9:get_peers1:t2:aa1:v4:UT..1:y1:qe"),
    ONE(HASH "4:porti6881e5:token8:aoeusnth", "13:announce_peer1:t2:aa1:y1:qe"),
    ONE("12:implied_porti1e" HASH "4:porti1e5:token0:", "13:announce_peer1:t2:aa1:y1:qe"),
    ONE("5:token8:aoeusnth1:v12:Hello World!", "3:put1:t2:aa1:y1:qe"),
    ONE("5:token8:aoeusnth1:v0:" WANT, "3:put2:roi1e1:t2:aa1:v4:KD011:y1:qe"),
#undef ONE
};

/* Whether the query was taken; if so, it must be what the general decoder makes of it. In memory of its own, so that a byte
 * read too many is noticed. */
static bool taken(const uint8_t *query, size_t size)
{
    static struct kad_message found, expected;
    uint8_t *bytes = malloc(size ? size : 1);
    const struct kad_bytes datagram = {bytes, size};
    const char *part = NULL;
    bool took;

    if (size)
        memcpy(bytes, query, size);
    took = kad_krpc_decode_usual(datagram, &found);
    if (took) {
        EXPECT_EQ(kad_krpc_decode_any(datagram, KAD_IPV4, &expected), KAD_DECODED);
        part = different_part(&found, &expected);
        EXPECT_STR(part ? part : "none", "none");
        EXPECT_EQ(found.record_checked, expected.record_checked);
    }
    free(bytes);
    return took;
}

TEST(usual_queries_are_taken)
{
    for (size_t i = 0; i < KAD_COUNT_OF(usual); i++)
        EXPECT_MSG(taken((const uint8_t *)usual[i].bytes, usual[i].size), "query %zu", i);
}

/* The rest is the general decoder's, and with it every refusal. */
TEST(whatever_is_unusual_is_declined)
{
    static const struct kad_bytes unusual[] = {
        {NULL, 0},
#define ONE(literal) {(const uint8_t *)(literal), sizeof(literal) - 1}
        ONE("d1:rd2:id20:" ID "e1:t2:aa1:y1:re"),
        ONE("d1:q4:ping1:ad2:id20:" ID "e1:t2:aa1:y1:qe"),
        ONE("d1:ad2:id20:" ID "e1:q4:pong1:t2:aa1:y1:qe"),
        ONE("d1:ad2:id20:" ID "e1:q9:find_node1:t2:aa1:y1:qe"),      /* no target */
        ONE("d1:ad2:id20:" ID HASH "e1:q9:find_node1:t2:aa1:y1:qe"), /* another's key */
        ONE("d1:ad2:id20:" ID TO "e1:q9:get_peers1:t2:aa1:y1:qe"),
        ONE("d1:ad2:id20:" ID TO "e1:q3:put1:t2:aa1:y1:qe"),
        ONE("d1:ad2:id20:" ID HASH "4:porti0e5:token1:ae1:q13:announce_peer1:t2:aa1:y1:qe"),
        ONE("d1:ad2:id20:" ID HASH "4:porti65536e5:token1:ae1:q13:announce_peer1:t2:aa1:y1:qe"),
        ONE("d1:ad2:id20:" ID HASH "4:porti6881e5:token1:ae1:q9:get_peers1:t2:aa1:y1:qe"),
        ONE("d1:ad2:id20:" ID HASH "6:scrapei1ee1:q9:get_peers1:t2:aa1:y1:qe"),
        ONE("d1:ad2:id20:" ID "5:token1:a1:v02:abe1:q3:put1:t2:aa1:y1:qe"), /* not canonical */
        ONE("d1:ad2:id20:" ID "5:token1:a1:vi1ee1:q3:put1:t2:aa1:y1:qe"),
        ONE("d1:ad2:id20:" ID
            "e1:q4:ping1:t65:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
            "1:y1:qe"), /* a transaction too long to be echoed */
        ONE("d1:ad2:id20:" ID "e1:q4:ping1:t2:aa1:y1:q"),
#undef ONE
    };

    for (size_t i = 0; i < KAD_COUNT_OF(unusual); i++)
        EXPECT_MSG(!taken(unusual[i].data, unusual[i].size), "query %zu", i);
}

/* A value may be 1,000 bytes as it stands on the wire, its length included. */
TEST(large_values_are_the_general_decoders)
{
    static const char begin[] = "d1:ad2:id20:" ID "5:token1:a1:v", end[] = "e1:q3:put1:t2:aa1:y1:qe";

    for (unsigned size = 994; size <= 1003; size++) {
        uint8_t bytes[1200] = {0};
        size_t n = (size_t)snprintf((char *)bytes, sizeof bytes, "%s%u:", begin, size) + size;

        memcpy(bytes + n, end, sizeof end - 1);
        EXPECT_EQ(taken(bytes, n + sizeof end - 1), size + (size < 1000 ? 4 : 5) <= KAD_RECORD_VALUE_MAX);
    }
}

/* Cut short, with each byte changed, left out or doubled, and pieces of two queries put together: the two decoders never
 * say different things. */
TEST(both_decoders_agree_or_the_fast_one_declines)
{
    static const uint8_t bytes[] = "0123456789:adeilnpqrtvy\x00\xff";
    uint8_t query[512];
    unsigned n_taken = 0;

    for (size_t i = 0; i < KAD_COUNT_OF(usual); i++) {
        const size_t size = usual[i].size;

        for (size_t at = 0; at < size; at++) {
            taken((const uint8_t *)usual[i].bytes, at);
            for (size_t j = 0; j < sizeof bytes - 1; j++) {
                memcpy(query, usual[i].bytes, size);
                query[at] = bytes[j];
                n_taken += taken(query, size);
            }
            memcpy(query, usual[i].bytes, at);
            memcpy(query + at, usual[i].bytes + at + 1, size - at - 1);
            taken(query, size - 1);
            memcpy(query + at, usual[i].bytes + at, 1);
            memcpy(query + at + 1, usual[i].bytes + at, size - at);
            taken(query, size + 1);
            for (size_t other = 0; other < KAD_COUNT_OF(usual); other++) {
                if (at >= usual[other].size)
                    continue;
                memcpy(query, usual[i].bytes, at);
                memcpy(query + at, usual[other].bytes + at, usual[other].size - at);
                taken(query, usual[other].size);
            }
        }
    }
    EXPECT(n_taken > MANY); /* ids, targets and tokens may be anything */
}
