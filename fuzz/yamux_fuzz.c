/* yamux_fuzz - any bytes from the other side, and what a user of the session may do between: it keeps to its ceilings, and its
 * invariants hold. */
#include <string.h>

#include "channel/yamux.h"
#include "fuzz/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct kad_yamux *yamux)
{
    const char *why = "";
    const bool sound = kad_yamux_sound(yamux, &why);

    must(sound, why);
}

static void take_news(struct kad_yamux *yamux, uint8_t how)
{
    struct kad_yamux_stream *stream;

    while ((stream = kad_yamux_next(yamux))) {
        const uint8_t news = stream->news;

        stream->news &= KAD_YAMUX_RESET;
        if (!(news & KAD_YAMUX_RESET) && (how & 1))
            kad_yamux_read(yamux, stream, kad_buffer_size(&stream->in));
        if (!(news & KAD_YAMUX_RESET) && (how & 2) && !stream->fin_due)
            (void)kad_yamux_write(yamux, stream, (struct kad_bytes){(const uint8_t *)"answer", 6}, how & 4);
        if ((how & 8) && kad_yamux_find(yamux, stream->id) == stream)
            kad_yamux_reset(yamux, stream);
        else if (kad_yamux_find(yamux, stream->id) == stream)
            (void)kad_yamux_settle(yamux, stream);
    }
}

/* Each piece: how the user behaves, how long it is, its bytes. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct kad_pipe pipe;
    const struct kad_yamux_config config = {
        .allocator = &kad_allocator_system,
        .pipe = &pipe,
        .client = size & 1,
        .max_in = 8,
        .max_out = 4,
        .max_buffered = 4096,
        .max_unsent = 2048,
    };
    struct kad_yamux yamux;

    kad_pipe_init(&pipe, config.allocator, &kad_suite_toy, 4096);
    kad_yamux_init(&yamux, &config);
    while (size >= 2 && !yamux.over) {
        const uint8_t how = data[0];
        size_t n = data[1];

        data += 2;
        size -= 2;
        if (n > size)
            n = size;
        (void)kad_yamux_bytes(&yamux, (struct kad_bytes){data, n});
        data += n;
        size -= n;
        check(&yamux);
        if (how & 16) {
            struct kad_yamux_stream *stream = kad_yamux_open(&yamux);

            if (stream)
                (void)kad_yamux_write(&yamux, stream, (struct kad_bytes){(const uint8_t *)"question", 8},
                                      how & 32);
        }
        take_news(&yamux, how);
        kad_yamux_flush(&yamux);
        check(&yamux);
        must(kad_pipe_waiting(&pipe) <= 4096, "more waits than may");
        if (how & 64)
            kad_pipe_sent(&pipe, kad_pipe_waiting(&pipe));
        if (how & 128)
            kad_yamux_ping(&yamux);
    }
    kad_yamux_clear(&yamux);
    kad_pipe_clear(&pipe);
    return 0;
}
