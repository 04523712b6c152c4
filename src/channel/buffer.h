/*
 * buffer - bytes that come in at one end and leave at the other: one block, grown as needed and given back when it is empty.
 */
#ifndef KAD_CHANNEL_BUFFER_H
#define KAD_CHANNEL_BUFFER_H

#include "base/alloc.h"

/* Zero is an empty one. */
struct kad_buffer {
    uint8_t *data;
    size_t room;
    size_t from, end; /* what is in it */
};

static inline size_t kad_buffer_size(const struct kad_buffer *buffer)
{
    return buffer->end - buffer->from;
}

/* All of it, until it is changed. */
static inline struct kad_bytes kad_buffer_bytes(const struct kad_buffer *buffer)
{
    return (struct kad_bytes){buffer->data ? buffer->data + buffer->from : NULL, kad_buffer_size(buffer)};
}

/* `n` more bytes at its end, for the caller to write; NULL: more than `most` in all, or no memory. What was there may move. */
uint8_t *kad_buffer_grow(struct kad_buffer *buffer, const struct kad_allocator *allocator, size_t n,
                         size_t most);
/* The first `n` are done with. An empty buffer keeps no more than `keep` bytes of memory. */
void kad_buffer_take(struct kad_buffer *buffer, const struct kad_allocator *allocator, size_t n, size_t keep);
void kad_buffer_clear(struct kad_buffer *buffer, const struct kad_allocator *allocator);

#endif
