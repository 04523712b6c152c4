/* pipe_fuzz - Noise's framing: any bytes from the other side, in pieces, mean the same however they are cut; and what one pipe
 * writes the other reads, if nothing changes it. */
#include <stdlib.h>
#include <string.h>

#include "channel/pipe.h"
#include "fuzz/must.h"
#include "fuzz/null_suite.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t keys[2][KAD_SEAL_KEY] = {{1}, {2}};

static struct kad_pipe make(const struct kad_suite *suite, unsigned side)
{
    struct kad_pipe pipe;

    kad_pipe_init(&pipe, &kad_allocator_system, suite, 1 << 20);
    kad_pipe_seal(&pipe, keys[side], keys[1 - side]);
    return pipe;
}

/* A sum over all that comes out, and whether it ends in an error. */
static uint64_t play(const struct kad_suite *suite, const uint8_t *data, size_t size, size_t piece,
                     bool *out_broken)
{
    struct kad_pipe pipe = make(suite, 1);
    uint64_t sum = 0;

    *out_broken = false;
    for (size_t at = 0; at < size && !*out_broken; at += piece) {
        const size_t n = size - at < piece ? size - at : piece;
        uint8_t *copy = malloc(n), *bytes = copy; /* its own block, so that ASan sees a byte too far */
        struct kad_bytes plain;
        size_t left = n;
        int verdict;

        must(copy, "no memory");
        memcpy(copy, data + at, n);
        while ((verdict = kad_pipe_in(&pipe, &bytes, &left, &plain)) > 0) {
            for (size_t i = 0; i < plain.size; i++)
                sum = sum * 31 + plain.data[i] + 1;
        }
        *out_broken = verdict < 0;
        must(verdict < 0 || left == 0, "bytes were left behind");
        free(copy);
    }
    kad_pipe_clear(&pipe);
    return sum;
}

static void check_pieces(const uint8_t *data, size_t size)
{
    bool broken[2];
    const uint64_t whole = play(null_suite(), data, size, SIZE_MAX / 2, &broken[0]);

    must(play(null_suite(), data, size, 1, &broken[1]) == whole && broken[0] == broken[1],
         "byte by byte it says otherwise");
}

#define PIECE_MAX UINT16_MAX /* bytes of a frame */

/* What is written: byte n of all is n modulo 256, so that a piece is a look into this from some byte below 256 on. */
static const uint8_t *pattern(void)
{
    static uint8_t bytes[PIECE_MAX + 256];

    if (!bytes[1]) {
        for (size_t i = 0; i < sizeof(bytes); i++)
            bytes[i] = (uint8_t)i;
    }
    return bytes;
}

/* `data` as lengths of what is written between two moments of sending. */
static void check_there(const struct kad_suite *suite, const uint8_t *data, size_t size)
{
    struct kad_pipe from = make(suite, 0), to = make(suite, 1);
    uint8_t next_written = 0, next_read = 0;

    for (size_t i = 0; i + 1 < size && i < 32; i += 2) {
        const size_t n =
            (size_t)data[i] * (data[i + 1] >> 4 == 7 ? 127 : 1); /* most are short: frames are large */
        uint8_t *room = kad_pipe_append(&from, n);
        struct kad_bytes out, plain;
        uint8_t *bytes, *copy;
        size_t left;

        must(room, "a pipe that is emptied was full");
        memcpy(room, pattern() + next_written, n);
        next_written = (uint8_t)(next_written + n);
        if (data[i + 1] & 1)
            continue;
        out = kad_pipe_out(&from);
        left = out.size;
        copy = bytes = malloc(left ? left : 1);
        must(copy, "no memory");
        memcpy(copy, out.data, left);
        kad_pipe_sent(&from, left);
        while (kad_pipe_in(&to, &bytes, &left, &plain) > 0) {
            must(plain.size <= PIECE_MAX && memcmp(plain.data, pattern() + next_read, plain.size) == 0,
                 "another byte was read");
            next_read = (uint8_t)(next_read + plain.size);
        }
        free(copy);
        must(next_read == next_written, "not all was read");
    }
    kad_pipe_clear(&from);
    kad_pipe_clear(&to);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check_pieces(data, size);
    check_there(&kad_suite_toy, data, size);
    return 0;
}
