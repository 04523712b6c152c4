/*
 * walk - one pass over everything a participant's future depends on: to write it down, to read it back, or to hash it.
 *
 * A structure is listed once, field by field, in a function that does all three, so what is written is what is read. What
 * cannot be seen from outside and decides nothing (memory's addresses, room kept in reserve, the order of a hash table,
 * the host's pointers) is left out. Numbers are zigzag LEB128. The same state gives the same bytes in every build and
 * on every machine.
 *
 * Reading believes nothing: what cannot be is `bad`, and what had been read can be cleared as usual.
 */
#ifndef KAD_BASE_WALK_H
#define KAD_BASE_WALK_H

#include "base/alloc.h"

struct kad_book;

struct kad_walk {
    /* Writing: where bytes go. NULL: this is reading. */
    void (*put)(void *context, const void *bytes, size_t size);
    void *context;
    /* Reading: what is left; it is lent. */
    const uint8_t *at;
    size_t left;
    bool bad;       /* reading: the bytes cannot be what was written; all that follows reads as zeros */
    bool no_memory; /* reading: memory was refused; `bad` too */
    const struct kad_allocator *allocator;
    struct kad_book *book; /* core's: where contacts read are kept (core/walk.h) */
};

static inline bool kad_walk_reads(const struct kad_walk *walk)
{
    return walk->put == NULL;
}

void kad_walk_bytes(struct kad_walk *walk, void *bytes, size_t size);
void kad_walk_number(struct kad_walk *walk, int64_t *number);
/* A number that cannot be more than `most`: how many things follow. */
size_t kad_walk_count(struct kad_walk *walk, size_t n, size_t most);
void kad_walk_endpoint(struct kad_walk *walk, struct kad_endpoint *endpoint);
/* `size` bytes that are somebody's own: reading allocates them. NULL when size is 0 or it failed. */
uint8_t *kad_walk_owned(struct kad_walk *walk, uint8_t *bytes, size_t size);
/* Reading: `n` cleared things, or NULL (and bad); n 0: NULL. */
void *kad_walk_room(struct kad_walk *walk, size_t n, size_t size);
/* The rest is left alone when reading has failed. */
void kad_walk_fail(struct kad_walk *walk);

/* Any integer, enum or bool but a bit-field; reading refuses what it cannot hold. */
#define KAD_WALK(walk, field)                     \
    do {                                          \
        int64_t number_ = (int64_t)(field);       \
        kad_walk_number((walk), &number_);        \
        if (kad_walk_reads(walk)) {               \
            (field) = (__typeof__(field))number_; \
            if ((int64_t)(field) != number_)      \
                kad_walk_fail(walk);              \
        }                                         \
    } while (0)

/* Everything in bits, that is doubles too. */
#define KAD_WALK_BYTES(walk, field) kad_walk_bytes((walk), &(field), sizeof(field))

#endif
