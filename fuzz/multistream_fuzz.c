/* multistream_fuzz - any bytes as the other side of a negotiation, in pieces: the same end, however they are cut. */
#include <string.h>

#include "channel/multistream.h"
#include "fuzz/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const protocols[] = {"/ipfs/id/1.0.0", "/icn/kad/1.0.0"};

/* How it ends when it comes in pieces of this size, and how much was read. */
static enum kad_multistream_verdict play(const uint8_t *data, size_t size, bool initiator, size_t piece,
                                         size_t *out_read)
{
    uint8_t said[KAD_MULTISTREAM_ROOM];
    struct kad_multistream stream;
    size_t there = 0;

    *out_read = 0;
    if (initiator)
        must(kad_multistream_begin(&stream, protocols[1], said) <= sizeof(said), "too long a beginning");
    else
        kad_multistream_listen(&stream);
    do {
        struct kad_multistream_step step;

        there = size - there < piece ? size : there + piece;
        do {
            step = kad_multistream_step(&stream, (struct kad_bytes){data + *out_read, there - *out_read},
                                        initiator ? protocols + 1 : protocols, initiator ? 1 : 2, said);
            must(step.n_said <= sizeof(said), "too much was said");
            must(step.n_read <= there - *out_read, "more was read than came");
            *out_read += step.n_read;
            if (step.verdict != KAD_MULTISTREAM_MORE)
                return step.verdict;
        } while (step.n_read);
    } while (there < size);
    return KAD_MULTISTREAM_MORE;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t whole, pieces;

    for (int initiator = 0; initiator < 2; initiator++) {
        const enum kad_multistream_verdict verdict = play(data, size, initiator, SIZE_MAX, &whole);

        must(play(data, size, initiator, 1, &pieces) == verdict, "byte by byte it ends otherwise");
        must(whole == pieces, "byte by byte another amount is read");
    }
    return 0;
}
