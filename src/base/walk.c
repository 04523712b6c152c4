#include "base/walk.h"

#include <string.h>

#include "base/endpoint.h"

void kad_walk_fail(struct kad_walk *walk)
{
    walk->bad = true;
    walk->left = 0;
}

void kad_walk_bytes(struct kad_walk *walk, void *bytes, size_t size)
{
    if (!size)
        return;
    if (walk->put) {
        walk->put(walk->context, bytes, size);
        return;
    }
    if (walk->bad || size > walk->left) {
        kad_walk_fail(walk);
        memset(bytes, 0, size);
        return;
    }
    memcpy(bytes, walk->at, size);
    walk->at += size;
    walk->left -= size;
}

void kad_walk_number(struct kad_walk *walk, int64_t *number)
{
    uint8_t bytes[10];
    uint64_t left = ((uint64_t)*number << 1) ^ (*number < 0 ? UINT64_MAX : 0), value = 0;
    size_t n = 0;

    if (walk->put) {
        while (left >= 0x80) {
            bytes[n++] = (uint8_t)(left | 0x80);
            left >>= 7;
        }
        bytes[n++] = (uint8_t)left;
        walk->put(walk->context, bytes, n);
        return;
    }
    do {
        uint8_t byte = 0;

        kad_walk_bytes(walk, &byte, 1);
        if (n == 9 && byte > 1)
            kad_walk_fail(walk); /* more than 64 bits */
        bytes[n] = byte;
        value |= (uint64_t)(byte & 0x7f) << 7 * n;
    } while ((bytes[n++] & 0x80) && n < sizeof bytes);
    *number = walk->bad ? 0 : (int64_t)((value >> 1) ^ (value & 1 ? UINT64_MAX : 0));
}

size_t kad_walk_count(struct kad_walk *walk, size_t n, size_t most)
{
    KAD_WALK(walk, n);
    if (kad_walk_reads(walk) && n > most)
        kad_walk_fail(walk);
    return walk->bad ? 0 : n;
}

void kad_walk_endpoint(struct kad_walk *walk, struct kad_endpoint *endpoint)
{
    struct kad_endpoint read = {.family = endpoint->family};
    size_t size;

    kad_walk_bytes(walk, &read.family, 1);
    size = kad_endpoint_address_size(&read);
    if (!kad_walk_reads(walk)) {
        kad_walk_bytes(walk, endpoint->address, size);
        KAD_WALK(walk, endpoint->port);
        return;
    }
    if (size == 0 && read.family != KAD_FAMILY_NONE)
        kad_walk_fail(walk);
    kad_walk_bytes(walk, read.address, size);
    KAD_WALK(walk, read.port);
    *endpoint = walk->bad ? (struct kad_endpoint){0} : read;
}

void *kad_walk_room(struct kad_walk *walk, size_t n, size_t size)
{
    void *room;

    if (!n || walk->bad)
        return NULL;
    room = kad_alloc_zero(walk->allocator, n * size);
    if (!room) {
        walk->no_memory = true;
        kad_walk_fail(walk);
    }
    return room;
}

uint8_t *kad_walk_owned(struct kad_walk *walk, uint8_t *bytes, size_t size)
{
    if (kad_walk_reads(walk)) {
        if (size > walk->left)
            kad_walk_fail(walk);
        bytes = kad_walk_room(walk, size, 1);
    }
    if (bytes)
        kad_walk_bytes(walk, bytes, size);
    return bytes;
}
