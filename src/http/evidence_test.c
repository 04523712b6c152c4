#include "http/evidence.h"

#include <string.h>

#include "base/test.h"

static struct kad_evidence evidence;

static struct kad_id key(uint8_t set, uint8_t number)
{
    struct kad_id id = {{number}};

    id.bytes[19] = set;
    return id;
}

/* Bounded: the fifth of a set takes the place of the one unused the longest, and of no other. */
TEST(the_memo_unused_the_longest_gives_way)
{
    memset(&evidence, 0, sizeof evidence);
    for (uint8_t i = 0; i < KAD_EVIDENCE_WAYS; i++) {
        const struct kad_id id = key(7, i);

        kad_evidence_memo(&evidence, &id, 100 + i)->put_at = 1 + i;
    }
    const struct kad_id first = key(7, 0), second = key(7, 1), other = key(7, 9);

    EXPECT_EQ(kad_evidence_memo(&evidence, &first, 200)->put_at, 1); /* used again */
    EXPECT_EQ(kad_evidence_memo(&evidence, &other, 201)->put_at, 0);
    EXPECT_EQ(kad_evidence_memo(&evidence, &first, 202)->put_at, 1);
    EXPECT_EQ(kad_evidence_memo(&evidence, &second, 203)->put_at, 0); /* it was the one */
}

TEST(the_peak_is_of_the_last_day)
{
    memset(&evidence, 0, sizeof evidence);
    EXPECT(kad_evidence_peak(&evidence, 0, 1000 * KAD_HOUR) == 0);
    kad_evidence_size(&evidence, 0, 500, 1000 * KAD_HOUR);
    kad_evidence_size(&evidence, 0, 200, 1000 * KAD_HOUR + 1);
    kad_evidence_size(&evidence, 0, 300, 1005 * KAD_HOUR);
    EXPECT(kad_evidence_peak(&evidence, 0, 1006 * KAD_HOUR) == 500);
    EXPECT(kad_evidence_peak(&evidence, 1, 1006 * KAD_HOUR) == 0);
    EXPECT(kad_evidence_peak(&evidence, 0, 1024 * KAD_HOUR) == 300);
    kad_evidence_size(&evidence, 0, 10, 1024 * KAD_HOUR); /* in the place of the first */
    EXPECT(kad_evidence_peak(&evidence, 0, 1024 * KAD_HOUR) == 300);
    EXPECT(kad_evidence_peak(&evidence, 0, 1030 * KAD_HOUR) == 10);
}
