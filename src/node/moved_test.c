#include "node/moved.h"

#include <string.h>

#include "base/test.h"

#define WHEN 1750000000123

static struct kad_identity nth(uint8_t n)
{
    const uint8_t seed[32] = {n, 1};
    struct kad_identity identity;

    EXPECT_EQ(kad_identity_start(), 0);
    kad_identity_from_seed(&identity, seed);
    return identity;
}

static struct kad_bytes all(const uint8_t value[KAD_MOVED_SIZE])
{
    return (struct kad_bytes){value, KAD_MOVED_SIZE};
}

TEST(p012_both_say_so)
{
    const struct kad_identity old = nth(1), new = nth(2);
    uint8_t value[KAD_MOVED_SIZE];
    struct kad_move move;

    kad_moved_write(&old, &new, WHEN, value);
    EXPECT_EQ(kad_moved_read(all(value), old.public_key, &move), 0);
    EXPECT_MEM(move.from, old.public_key, 32);
    EXPECT_MEM(move.to, new.public_key, 32);
    EXPECT_EQ(move.made_at, WHEN);
}

/* Every bit of it counts, and so does its length. */
TEST(p012_altered_moves_are_none)
{
    const struct kad_identity old = nth(1), new = nth(2);
    uint8_t value[KAD_MOVED_SIZE + 1] = {0};
    struct kad_move move;

    kad_moved_write(&old, &new, WHEN, value);
    for (size_t at = 1; at < KAD_MOVED_SIZE; at++) {
        value[at] ^= (uint8_t)(1 << at % 8);
        EXPECT_MSG(kad_moved_read(all(value), old.public_key, &move) == KAD_E_CORRUPT, "byte %zu", at);
        value[at] ^= (uint8_t)(1 << at % 8);
    }
    EXPECT_EQ(kad_moved_read((struct kad_bytes){value, KAD_MOVED_SIZE - 1}, old.public_key, &move),
              KAD_E_CORRUPT);
    EXPECT_EQ(kad_moved_read((struct kad_bytes){value, KAD_MOVED_SIZE + 1}, old.public_key, &move),
              KAD_E_CORRUPT);
    EXPECT_EQ(kad_moved_read((struct kad_bytes){value, 1}, old.public_key, &move), KAD_E_CORRUPT);
    EXPECT_EQ(kad_moved_read(all(value), old.public_key, &move), 0);
}

/* A move of somebody else under one's own name; and to somebody who never said that he is it. */
TEST(p012_nobody_is_moved_by_others)
{
    const struct kad_identity old = nth(1), new = nth(2), thief = nth(3);
    struct kad_identity pretended = new;
    uint8_t value[KAD_MOVED_SIZE];
    struct kad_move move;

    kad_moved_write(&old, &new, WHEN, value);
    EXPECT_EQ(kad_moved_read(all(value), thief.public_key, &move), KAD_E_CORRUPT);

    memcpy(pretended.secret, thief.secret,
           sizeof(pretended.secret)); /* the new one's name, the thief's key */
    kad_moved_write(&old, &pretended, WHEN, value);
    EXPECT_EQ(kad_moved_read(all(value), old.public_key, &move), KAD_E_CORRUPT);

    pretended = old;
    memcpy(pretended.secret, thief.secret, sizeof(pretended.secret));
    kad_moved_write(&pretended, &thief, WHEN, value);
    EXPECT_EQ(kad_moved_read(all(value), old.public_key, &move), KAD_E_CORRUPT);
}

TEST(p012_addresses_are_no_move)
{
    static const uint8_t address[] = {4, 192, 0, 2, 1, 0x1a, 0xe1};
    const struct kad_identity who = nth(1);
    struct kad_move move;

    EXPECT_EQ(kad_moved_read((struct kad_bytes){address, sizeof(address)}, who.public_key, &move),
              KAD_E_NOT_FOUND);
    EXPECT_EQ(kad_moved_read((struct kad_bytes){NULL, 0}, who.public_key, &move), KAD_E_NOT_FOUND);
}

static struct kad_move from_to(uint8_t from, uint8_t to)
{
    const struct kad_identity old = nth(from), new = nth(to);
    struct kad_move move;

    kad_move_make(&move, &old, new.public_key, WHEN);
    return move;
}

TEST(p012_chains_are_followed_so_far)
{
    struct kad_trail trail = {.n = 0};
    struct kad_move move;

    for (uint8_t i = 0; i < KAD_MOVED_HOPS; i++) {
        move = from_to(i, i + 1);
        EXPECT_EQ(kad_trail_step(&trail, &move), 0);
    }
    EXPECT_EQ(trail.n, KAD_MOVED_HOPS + 1);
    move = from_to(KAD_MOVED_HOPS, KAD_MOVED_HOPS + 1);
    EXPECT_EQ(kad_trail_step(&trail, &move), KAD_E_LIMIT);
    EXPECT_EQ(trail.n, KAD_MOVED_HOPS + 1);
}

TEST(p012_circles_end)
{
    struct kad_trail trail = {.n = 0};
    struct kad_move move = from_to(1, 1);

    EXPECT_EQ(kad_trail_step(&trail, &move), KAD_E_EXISTS);
    trail.n = 0;
    move = from_to(1, 2);
    EXPECT_EQ(kad_trail_step(&trail, &move), 0);
    move = from_to(2, 3);
    EXPECT_EQ(kad_trail_step(&trail, &move), 0);
    move = from_to(3, 1);
    EXPECT_EQ(kad_trail_step(&trail, &move), KAD_E_EXISTS);
    move = from_to(3, 2);
    EXPECT_EQ(kad_trail_step(&trail, &move), KAD_E_EXISTS);
}
