// release

#include "sim/memory.h"

#include <string.h>

#include "base/test.h"
#include "crypto/test_seed.h"

#define BLOCKS 512

/* Sizes around every border there is: 16, 32, a line, the largest that is kept, a large page. */
static size_t some_size(struct kad_rng *rng)
{
    static const size_t borders[] = {16, 32, 64, 320, SIM_MEMORY_MOST, 2 << 20};
    const size_t border = borders[kad_rng_below(rng, KAD_COUNT_OF(borders))];

    return border + kad_rng_below(rng, 3) - 1;
}

static void fill(uint8_t *block, size_t size, unsigned mark)
{
    memset(block, (int)(mark & 255), size);
}

static void expect_filled(const uint8_t *block, size_t size, unsigned mark)
{
    EXPECT(size == 0 || (block[0] == (mark & 255) && memcmp(block, block + 1, size - 1) == 0));
}

/* Whatever the order of taking, resizing and giving back: nobody's bytes are another's, resizing keeps them, blocks are
 * aligned as malloc's are, and all is counted. */
TEST(blocks_do_not_overlap)
{
    static struct {
        uint8_t *at;
        size_t size;
    } blocks[BLOCKS];
    struct kad_rng rng = kad_test_rng(1);
    struct sim_memory memory;
    size_t sum = 0;

    sim_memory_init(&memory);
    for (unsigned round = 0; round < 20000; round++) {
        const unsigned i = kad_rng_below(&rng, BLOCKS);
        const size_t size = blocks[i].at && kad_rng_below(&rng, 2) ? 0 : some_size(&rng);
        uint8_t *at = kad_resize(&memory.allocator, blocks[i].at, blocks[i].size, size);

        EXPECT((at != NULL) == (size > 0));
        EXPECT_EQ((uintptr_t)at % 16, 0);
        expect_filled(at, size < blocks[i].size ? size : blocks[i].size, i);
        sum += size - blocks[i].size;
        blocks[i].at = at;
        blocks[i].size = size;
        if (size)
            fill(at, size, i);
        EXPECT_EQ(memory.now, sum);
        EXPECT(memory.peak >= sum);
    }
    for (unsigned i = 0; i < BLOCKS; i++) {
        expect_filled(blocks[i].at, blocks[i].size, i);
        kad_free(&memory.allocator, blocks[i].at, blocks[i].size);
    }
    EXPECT_EQ(memory.now, 0);
    sim_memory_clear(&memory);
}
