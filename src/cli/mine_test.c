// threads
/* The search on several threads: one of them finds, all end, and all tries are counted. */
#include "cli/mine.h"

#include <string.h>

#include "base/test.h"

TEST(one_of_many_finds_and_all_end)
{
    struct kad_mined first, second;

    EXPECT_EQ(kad_identity_start(), 0);
    EXPECT_EQ(kad_mine(8, 8, false, &first), 0);
    EXPECT(kad_identity_bits(first.identity.public_key) >= 8);
    EXPECT(first.n_tries >= 1 && first.seconds >= 0);
    EXPECT_EQ(kad_mine(8, 8, false, &second), 0);
    EXPECT(memcmp(first.identity.public_key, second.identity.public_key, KAD_IDENTITY_SIZE) != 0);
}

TEST(alone_each_try_is_counted_once)
{
    struct kad_mined mined;

    EXPECT_EQ(kad_identity_start(), 0);
    EXPECT_EQ(kad_mine(0, 1, false, &mined), 0);
    EXPECT_EQ(mined.n_tries, 1);
    EXPECT_EQ(kad_mine(0, 0, false, &mined), 0); /* one for each processor: each has tried once at most */
    EXPECT(mined.n_tries >= 1 && mined.n_tries <= KAD_MINE_JOBS);
}
