#include "channel/buffer.h"

#include <assert.h>
#include <string.h>

#define LEAST 256 /* bytes of memory */

uint8_t *kad_buffer_grow(struct kad_buffer *buffer, const struct kad_allocator *allocator, size_t n,
                         size_t most)
{
    const size_t size = kad_buffer_size(buffer);
    size_t room = buffer->room ? buffer->room : LEAST;
    uint8_t *data;

    if (n > most || size > most - n)
        return NULL;
    if (buffer->room - buffer->end >= n && buffer->data) {
        buffer->end += n;
        return buffer->data + buffer->end - n;
    }
    if (buffer->from && buffer->room - size >= n &&
        buffer->from >= size) { /* room at the front, and little to move */
        memcpy(buffer->data, buffer->data + buffer->from, size);
    } else {
        while (room < size + n || room < buffer->room)
            room *= 2;
        data = kad_alloc(allocator, room);
        if (!data)
            return NULL;
        if (size)
            memcpy(data, buffer->data + buffer->from, size);
        kad_free(allocator, buffer->data, buffer->room);
        buffer->data = data;
        buffer->room = room;
    }
    buffer->from = 0;
    buffer->end = size + n;
    return buffer->data + size;
}

void kad_buffer_take(struct kad_buffer *buffer, const struct kad_allocator *allocator, size_t n, size_t keep)
{
    assert(n <= kad_buffer_size(buffer) && "more than there is");
    buffer->from += n;
    if (buffer->from < buffer->end)
        return;
    buffer->from = buffer->end = 0;
    if (buffer->room > keep)
        kad_buffer_clear(buffer, allocator);
}

void kad_buffer_clear(struct kad_buffer *buffer, const struct kad_allocator *allocator)
{
    kad_free(allocator, buffer->data, buffer->room);
    memset(buffer, 0, sizeof(*buffer));
}
