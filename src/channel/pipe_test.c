#include "channel/pipe.h"

#include <stdlib.h>
#include <string.h>

#include "base/test.h"

#define MOST 400000

static uint8_t many[MOST];

/* Two ends that have the same keys. */
static void start(struct kad_pipe ends[2])
{
    static const uint8_t keys[2][KAD_SEAL_KEY] = {{1}, {2}};

    for (int i = 0; i < 2; i++) {
        kad_pipe_init(&ends[i], &kad_allocator_system, &kad_suite_libp2p, MOST);
        kad_pipe_seal(&ends[i], keys[i], keys[1 - i]);
    }
    for (size_t i = 0; i < sizeof(many); i++)
        many[i] = (uint8_t)(i * 31 + i / 256);
}

static void stop(struct kad_pipe ends[2])
{
    kad_pipe_clear(&ends[0]);
    kad_pipe_clear(&ends[1]);
}

static void put(struct kad_pipe *pipe, const uint8_t *bytes, size_t n)
{
    uint8_t *room = kad_pipe_append(pipe, n);

    EXPECT(room != NULL);
    memcpy(room, bytes, n);
}

/* Carries over all that waits, in pieces of `piece` bytes. Bytes that came out, into `out`; *out_messages says in how many. */
static size_t carry(struct kad_pipe ends[2], size_t piece, uint8_t *out, unsigned *out_messages)
{
    size_t n_out = 0;

    *out_messages = 0;
    for (struct kad_bytes waiting; (waiting = kad_pipe_out(&ends[0])).size;) {
        size_t n = waiting.size < piece ? waiting.size : piece;
        uint8_t *copy = malloc(n), *at = copy; /* exactly as much, so that ASan sees a byte too far */
        struct kad_bytes plain;
        int verdict;

        EXPECT(copy != NULL);
        memcpy(copy, waiting.data, n);
        kad_pipe_sent(&ends[0], n);
        while ((verdict = kad_pipe_in(&ends[1], &at, &n, &plain)) > 0) {
            memcpy(out + n_out, plain.data, plain.size);
            n_out += plain.size;
            ++*out_messages;
        }
        EXPECT_EQ(verdict, 0);
        EXPECT_EQ(n, 0);
        free(copy);
    }
    return n_out;
}

TEST(what_is_written_together_is_one_message)
{
    static uint8_t out[MOST];
    struct kad_pipe ends[2];
    unsigned n_messages;

    start(ends);
    put(&ends[0], many, 12);
    put(&ends[0], many + 12, 100);
    EXPECT_EQ(kad_pipe_out(&ends[0]).size, 2 + 112 + KAD_SEAL_TAG);
    put(&ends[0], many + 112, 8); /* what may be on its way is not added to */
    EXPECT_EQ(carry(ends, SIZE_MAX, out, &n_messages), 120);
    EXPECT_EQ(n_messages, 2);
    EXPECT_MEM(out, many, 120);
    stop(ends);
}

TEST(no_message_is_longer_than_65535_bytes)
{
    static uint8_t out[MOST];
    struct kad_pipe ends[2];
    unsigned n_messages;

    start(ends);
    put(&ends[0], many, KAD_PIPE_PLAIN - 1);
    put(&ends[0], many + KAD_PIPE_PLAIN - 1, 1);
    put(&ends[0], many + KAD_PIPE_PLAIN, 1);
    EXPECT_EQ(kad_pipe_out(&ends[0]).size, 2 + KAD_PIPE_FRAME + 2 + 1 + KAD_SEAL_TAG);
    EXPECT_EQ(kad_pipe_out(&ends[0]).data[0], 0xff);
    EXPECT_EQ(kad_pipe_out(&ends[0]).data[1], 0xff);
    EXPECT_EQ(carry(ends, SIZE_MAX, out, &n_messages), KAD_PIPE_PLAIN + 1);
    EXPECT_EQ(n_messages, 2);
    EXPECT_MEM(out, many, KAD_PIPE_PLAIN + 1);
    stop(ends);
}

TEST(pieces_of_any_size_make_no_difference)
{
    static uint8_t out[MOST];
    static const size_t pieces[] = {1, 2, 3, 17, 18, 19, 1000, 65536, 65537, 100000};

    for (size_t i = 0; i < KAD_COUNT_OF(pieces); i++) {
        struct kad_pipe ends[2];
        unsigned n_messages;
        size_t n = 0;

        start(ends);
        for (size_t size = 1; n + size < 150000; n += size, size = size * 3 % 5000 + 1) {
            put(&ends[0], many + n, size);
            if (size % 2)
                (void)kad_pipe_out(&ends[0]);
        }
        EXPECT_EQ(carry(ends, pieces[i], out, &n_messages), n);
        EXPECT_MEM(out, many, n);
        stop(ends);
    }
}

TEST(an_empty_message_is_one)
{
    static uint8_t out[16];
    struct kad_pipe ends[2];
    unsigned n_messages;

    start(ends);
    put(&ends[0], many, 0);
    (void)kad_pipe_out(&ends[0]);
    put(&ends[0], many, 3);
    EXPECT_EQ(carry(ends, 5, out, &n_messages), 3);
    EXPECT_EQ(n_messages, 2);
    stop(ends);
}

/* A message that was changed, left out, or is too short for a tag. */
TEST(what_does_not_open_is_no_message)
{
    for (int wrong = 0; wrong < 4; wrong++) {
        uint8_t bytes[64], *at = bytes;
        struct kad_pipe ends[2];
        struct kad_bytes plain, out;
        size_t n;

        start(ends);
        if (wrong == 1) { /* the first of two is missing */
            put(&ends[0], many, 4);
            kad_pipe_sent(&ends[0], kad_pipe_out(&ends[0]).size);
        }
        put(&ends[0], many, 4);
        out = kad_pipe_out(&ends[0]);
        n = out.size;
        memcpy(bytes, out.data, n);
        if (wrong == 0)
            bytes[3] ^= 1;
        if (wrong == 2)
            bytes[1] = KAD_SEAL_TAG - 1;
        if (wrong == 3)
            bytes[0] = bytes[1] = 0;
        EXPECT_EQ(kad_pipe_in(&ends[1], &at, &n, &plain), KAD_E_INVALID);
        stop(ends);
    }
}

TEST(what_waits_has_a_ceiling)
{
    static uint8_t out[MOST];
    struct kad_pipe ends[2];
    unsigned n_messages;
    size_t n = 0;

    start(ends);
    while (n < MOST) {
        uint8_t *room = kad_pipe_append(&ends[0], 1000);

        if (!room)
            break;
        memcpy(room, many + n, 1000);
        n += 1000;
    }
    EXPECT(n > MOST - 2000 && n < MOST);
    EXPECT(kad_pipe_waiting(&ends[0]) <= MOST);
    EXPECT_EQ(carry(ends, SIZE_MAX, out, &n_messages), n); /* what was taken is whole */
    EXPECT_MEM(out, many, n);
    EXPECT(kad_pipe_append(&ends[0], 1000) != NULL);
    stop(ends);
}
