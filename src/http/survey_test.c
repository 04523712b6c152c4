/* Whatever the order a store shows things in, the lists have the same heads; and a store of any size has a bounded step. */
#include "http/survey.h"

#include <stdlib.h>

#include "base/test.h"

#define N 200

static struct kad_id id_of(unsigned n)
{
    return (struct kad_id){{(uint8_t)(n >> 8), (uint8_t)n}};
}

TEST(lists_have_the_newest_and_the_largest)
{
    static struct kad_survey_result result;
    const uint8_t bytes[10] = {0};

    for (unsigned i = 0; i < N; i++) {
        const unsigned n = i * 37 % N; /* in no order */
        const struct kad_id id = id_of(n);
        const struct kad_record record = {.type = n % 2 ? KAD_RECORD_MUTABLE : KAD_RECORD_IMMUTABLE,
                                          .key = id,
                                          .value = {bytes, sizeof bytes},
                                          .salt = {bytes, n % 2 ? 2 : 0},
                                          .expires_at = 1000 + (kad_ms)n};

        kad_survey_add_record(&result, &record);
        kad_survey_add_key(&result, &id, n + 1);
    }
    EXPECT_EQ(result.n_values[0], N / 2);
    EXPECT_EQ(result.n_values[1], N / 2);
    EXPECT_EQ(result.bytes[0], N / 2 * 10);
    EXPECT_EQ(result.bytes[1], N / 2 * 12);
    EXPECT_EQ(result.n_keys, N);
    EXPECT_EQ(result.n_peers, N * (N + 1) / 2);
    EXPECT_EQ(result.n_newest, KAD_SURVEY_TOP);
    EXPECT_EQ(result.n_largest, KAD_SURVEY_TOP);
    for (unsigned i = 0; i < KAD_SURVEY_TOP; i++) {
        EXPECT_EQ(result.newest[i].expires_at, 1000 + N - 1 - i);
        EXPECT_EQ(result.largest[i].n_peers, N - i);
    }
}
