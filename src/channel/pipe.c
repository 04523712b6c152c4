#include "channel/pipe.h"

#include <assert.h>
#include <string.h>

#include "crypto/crypto.h"

#define HEAD 2
#define KEEP 4096 /* bytes of memory that an empty buffer keeps */
#define NONE SIZE_MAX

void kad_pipe_init(struct kad_pipe *pipe, const struct kad_allocator *allocator,
                   const struct kad_suite *suite, size_t most)
{
    *pipe = (struct kad_pipe){.allocator = allocator, .suite = suite, .most = most, .open_at = NONE};
}

void kad_pipe_clear(struct kad_pipe *pipe)
{
    kad_buffer_clear(&pipe->out, pipe->allocator);
    kad_buffer_clear(&pipe->in, pipe->allocator);
    kad_wipe(pipe->out_key, sizeof(pipe->out_key));
    kad_wipe(pipe->in_key, sizeof(pipe->in_key));
}

void kad_pipe_seal(struct kad_pipe *pipe, const uint8_t out_key[KAD_SEAL_KEY],
                   const uint8_t in_key[KAD_SEAL_KEY])
{
    assert(!pipe->sealed && "keys are had once");
    memcpy(pipe->out_key, out_key, KAD_SEAL_KEY);
    memcpy(pipe->in_key, in_key, KAD_SEAL_KEY);
    pipe->sealed = true;
}

/* -- out -------------------------------------------------------------------------------------------------------- */

/* The message that is being filled is whole: its length and its tag. The room for both was had before. */
static void close_message(struct kad_pipe *pipe)
{
    uint8_t *message = pipe->out.data + pipe->out.from + pipe->open_at;
    const size_t n = kad_buffer_size(&pipe->out) - pipe->open_at - HEAD;

    pipe->suite->seal(pipe->out_key, pipe->out_counter++, NULL, 0, message + HEAD, n);
    message[0] = (uint8_t)((n + KAD_SEAL_TAG) >> 8);
    message[1] = (uint8_t)(n + KAD_SEAL_TAG);
    pipe->out.end += KAD_SEAL_TAG;
    pipe->open_at = NONE;
}

uint8_t *kad_pipe_append(struct kad_pipe *pipe, size_t n)
{
    size_t head = 0;
    uint8_t *room;

    assert(n <= KAD_PIPE_PLAIN && "no message holds that");
    if (!pipe->sealed)
        return kad_buffer_grow(&pipe->out, pipe->allocator, n, pipe->most);
    if (pipe->open_at != NONE && kad_buffer_size(&pipe->out) - pipe->open_at - HEAD + n > KAD_PIPE_PLAIN)
        close_message(pipe);
    if (pipe->open_at == NONE)
        head = HEAD;
    /* Its tag's room is had with it, and given back until it is closed. */
    room = kad_buffer_grow(&pipe->out, pipe->allocator, head + n + KAD_SEAL_TAG, pipe->most);
    if (!room)
        return NULL;
    pipe->out.end -= KAD_SEAL_TAG;
    if (head)
        pipe->open_at = kad_buffer_size(&pipe->out) - n - head;
    return room + head;
}

struct kad_bytes kad_pipe_out(struct kad_pipe *pipe)
{
    if (pipe->open_at != NONE)
        close_message(pipe);
    return kad_buffer_bytes(&pipe->out);
}

void kad_pipe_sent(struct kad_pipe *pipe, size_t n)
{
    assert((pipe->open_at == NONE || n <= pipe->open_at) && "what is not sealed was not sent");
    if (pipe->open_at != NONE)
        pipe->open_at -= n;
    kad_buffer_take(&pipe->out, pipe->allocator, n, KEEP);
}

size_t kad_pipe_waiting(const struct kad_pipe *pipe)
{
    return kad_buffer_size(&pipe->out);
}

/* -- in --------------------------------------------------------------------------------------------------------- */

static size_t length_of(const uint8_t head[HEAD])
{
    return (size_t)head[0] << 8 | head[1];
}

/* Moves up to `n` of what came behind what is kept. */
static int keep(struct kad_pipe *pipe, uint8_t **bytes, size_t *left, size_t n)
{
    uint8_t *room;

    if (n > *left)
        n = *left;
    room = kad_buffer_grow(&pipe->in, pipe->allocator, n, HEAD + KAD_PIPE_FRAME);
    if (!room)
        return KAD_E_MEMORY;
    memcpy(room, *bytes, n);
    *bytes += n;
    *left -= n;
    return 0;
}

/* A message came before, in pieces: all that is missing of it, and no more. 1: it is whole. */
static int complete(struct kad_pipe *pipe, uint8_t **bytes, size_t *n)
{
    for (;;) {
        const size_t size = kad_buffer_size(&pipe->in);
        const size_t whole = size < HEAD ? HEAD : HEAD + length_of(pipe->in.data + pipe->in.from);

        if (size >= HEAD && size == whole)
            return 1;
        if (*n == 0)
            return 0;
        if (keep(pipe, bytes, n, whole - size) < 0)
            return KAD_E_MEMORY;
    }
}

static int open_message(struct kad_pipe *pipe, uint8_t *message, struct kad_bytes *out_plain)
{
    const size_t n = length_of(message);

    if (n < KAD_SEAL_TAG || !pipe->suite->open(pipe->in_key, pipe->in_counter++, NULL, 0, message + HEAD, n))
        return KAD_E_INVALID;
    *out_plain = (struct kad_bytes){message + HEAD, n - KAD_SEAL_TAG};
    return 1;
}

int kad_pipe_in(struct kad_pipe *pipe, uint8_t **bytes, size_t *n, struct kad_bytes *out_plain)
{
    uint8_t *message = *bytes;
    int verdict;

    if (kad_buffer_size(&pipe->in) >= HEAD &&
        kad_buffer_size(&pipe->in) == HEAD + length_of(pipe->in.data + pipe->in.from)) /* the last call's */
        kad_buffer_take(&pipe->in, pipe->allocator, kad_buffer_size(&pipe->in), KEEP);
    if (kad_buffer_size(&pipe->in)) {
        verdict = complete(pipe, bytes, n);
        return verdict <= 0 ? verdict : open_message(pipe, pipe->in.data + pipe->in.from, out_plain);
    }
    if (*n < HEAD || *n - HEAD < length_of(*bytes))
        return *n ? keep(pipe, bytes, n, *n) : 0;
    *bytes += HEAD + length_of(message);
    *n -= HEAD + length_of(message);
    return open_message(pipe, message, out_plain);
}
