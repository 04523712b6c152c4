/* A value is cut so that its blocks say again what it was, and no other way of cutting is taken. */
#include "http/blocks.h"

#include <stdlib.h>
#include <string.h>

#include "base/test.h"
#include "crypto/crypto.h"
#include "kad/identity.h"

static void name_it(const char *text, struct kad_secure_name *out_name)
{
    EXPECT_EQ(kad_secure_parse(text, NULL, 0, out_name), KAD_OK);
}

static const struct kad_block *block_of(const struct kad_blocks *blocks, const uint8_t *hash)
{
    uint8_t own[KAD_SHA256_SIZE];

    for (size_t i = 0; i < blocks->n; i++) {
        kad_sha256(blocks->blocks[i].bytes, blocks->blocks[i].size, own);
        if (memcmp(own, hash, sizeof own) == 0)
            return &blocks->blocks[i];
    }
    return NULL;
}

/* What a reader does: by hashes alone, from the root down. */
static void expect_put_together(const struct kad_blocks *blocks, struct kad_bytes value)
{
    struct kad_blocks_root root;
    uint8_t *bytes, *below;
    size_t n;

    EXPECT_EQ(kad_blocks_read((struct kad_bytes){blocks->root, blocks->n_root}, &root), KAD_OK);
    EXPECT_EQ(root.size, value.size);
    EXPECT_EQ(kad_blocks_total(&root), blocks->n);
    n = root.hashes.size;
    bytes = malloc(n);
    memcpy(bytes, root.hashes.data, n);
    for (unsigned level = root.levels; level-- > 0;) {
        const size_t size = kad_blocks_level_size(value.size, level);

        EXPECT_EQ(n, kad_blocks_count(size) * KAD_BLOCKS_HASH);
        below = malloc(size);
        for (size_t i = 0, at = 0; at < size; i++) {
            const struct kad_block *block = block_of(blocks, bytes + i * KAD_BLOCKS_HASH);

            EXPECT(block != NULL);
            EXPECT_MEM(block->bytes, root.salt, KAD_BLOCKS_SALT);
            memcpy(below + at, block->bytes + KAD_BLOCKS_SALT, block->size - KAD_BLOCKS_SALT);
            at += block->size - KAD_BLOCKS_SALT;
        }
        free(bytes);
        bytes = below;
        n = size;
    }
    EXPECT_MEM(bytes, value.data, value.size);
    free(bytes);
}

/* At each size where something is added: a block, a level. */
TEST(every_size_is_put_together_again)
{
    static const size_t sizes[] = {
        1, 799, 800, 801, 17600, 17601, 20000, 20001, 440000, 440001, KAD_BLOCKS_VALUE_MAX};
    static const char *const names[] = {"room:lobby", "domain:example", NULL};
    uint8_t *value = malloc(KAD_BLOCKS_VALUE_MAX);

    EXPECT_EQ(kad_identity_start(), KAD_OK);
    for (size_t i = 0; i < KAD_BLOCKS_VALUE_MAX; i++)
        value[i] = (uint8_t)(i * i >> 7);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        for (size_t j = 0; j < sizeof names / sizeof names[0]; j++) {
            struct kad_secure_name name;
            struct kad_blocks blocks;

            if (sizes[i] > 20001 && j > 0)
                continue;
            if (names[j])
                name_it(names[j], &name);
            EXPECT_EQ(kad_blocks_cut(names[j] ? &name : NULL, (struct kad_bytes){value, sizes[i]}, &blocks),
                      KAD_OK);
            EXPECT(!names[j] || blocks.n_root <= kad_secure_room(name.class_));
            expect_put_together(&blocks, (struct kad_bytes){value, sizes[i]});
            kad_blocks_clear(&blocks);
        }
    }
    free(value);
}

/* A class with the least room there may be for a root makes the tallest tree. */
TEST(the_narrowest_root_holds_the_longest_value)
{
    const struct kad_class narrow = {
        .name = "narrow", .type = 200, .value_max = 256, .owners_max = 1, .ttl_ms = KAD_HOUR};
    struct kad_secure_name name = {.class_ = &narrow, .size = 1, .bytes = {'x'}};
    uint8_t *value = calloc(1, KAD_BLOCKS_VALUE_MAX);
    struct kad_blocks blocks;

    EXPECT_EQ(kad_identity_start(), KAD_OK);
    EXPECT(kad_blocks_possible(&narrow));
    EXPECT_EQ(kad_blocks_cut(&name, (struct kad_bytes){value, KAD_BLOCKS_VALUE_MAX}, &blocks), KAD_OK);
    EXPECT(blocks.n_root <= kad_secure_room(&narrow));
    kad_blocks_clear(&blocks);
    EXPECT_EQ(kad_blocks_cut(&name, (struct kad_bytes){value, KAD_BLOCKS_VALUE_MAX + 1}, &blocks),
              KAD_E_LIMIT);
    free(value);
}

/* The same value under another name, or another value with the same piece in it, has no block in common. */
TEST(values_share_no_blocks)
{
    struct kad_secure_name lobby, hall;
    struct kad_blocks first, second;
    uint8_t value[1600] = {0};

    EXPECT_EQ(kad_identity_start(), KAD_OK);
    name_it("room:lobby", &lobby);
    name_it("room:hall", &hall);
    EXPECT_EQ(kad_blocks_cut(&lobby, (struct kad_bytes){value, sizeof value}, &first), KAD_OK);
    EXPECT_EQ(kad_blocks_cut(&hall, (struct kad_bytes){value, sizeof value}, &second), KAD_OK);
    EXPECT(memcmp(first.blocks[0].bytes, second.blocks[0].bytes, KAD_BLOCKS_SALT) != 0);
    kad_blocks_clear(&second);
    value[1599] = 1;
    EXPECT_EQ(kad_blocks_cut(&lobby, (struct kad_bytes){value, sizeof value}, &second), KAD_OK);
    EXPECT(memcmp(first.blocks[0].bytes, second.blocks[0].bytes, KAD_BLOCKS_SALT) != 0);
    kad_blocks_clear(&first);
    kad_blocks_clear(&second);
}

/* Whoever may write a name may write any root: nothing in one makes a reader ask for more than a value has. */
TEST(only_roots_that_are_cut_so_are_read)
{
    struct kad_secure_name name;
    struct kad_blocks_root root;
    struct kad_blocks blocks;
    uint8_t value[1000] = {0};

    EXPECT_EQ(kad_identity_start(), KAD_OK);
    name_it("room:lobby", &name);
    EXPECT_EQ(kad_blocks_cut(&name, (struct kad_bytes){value, sizeof value}, &blocks), KAD_OK);
    for (size_t size = 0; size < blocks.n_root; size++)
        EXPECT_EQ(kad_blocks_read((struct kad_bytes){blocks.root, size}, &root), KAD_E_CORRUPT);
    EXPECT_EQ(kad_blocks_read((struct kad_bytes){blocks.root, blocks.n_root + 1}, &root), KAD_E_CORRUPT);
    for (size_t at = 13; at < 18; at++) { /* levels and size */
        for (unsigned byte = 0; byte < 256; byte++) {
            const uint8_t was = blocks.root[at];

            blocks.root[at] = (uint8_t)byte;
            if (kad_blocks_read((struct kad_bytes){blocks.root, blocks.n_root}, &root) == KAD_OK) {
                EXPECT(root.size <= 1600 && root.size > 800 && root.levels == 1);
                EXPECT_EQ(kad_blocks_total(&root), 2);
            }
            blocks.root[at] = was;
        }
    }
    kad_blocks_clear(&blocks);
}

TEST(addresses_and_letters_are_not_cut)
{
    static const struct {
        const char *name;
        bool possible;
    } wanted[] = {{"room:x", true},
                  {"domain:x", true},
                  {"listing:x", true},
                  {"mutable:x", true},
                  {"provider:00", false}};
    static const uint8_t key[32] = {1};
    struct kad_secure_name name;

    EXPECT_EQ(kad_identity_start(), KAD_OK);
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
        name_it(wanted[i].name, &name);
        EXPECT_MSG(kad_blocks_possible(name.class_) == wanted[i].possible, "%s", wanted[i].name);
    }
    EXPECT_EQ(kad_secure_named("msg", (struct kad_bytes){key, sizeof key}, NULL, 0, &name), KAD_OK);
    EXPECT(!kad_blocks_possible(name.class_));
    EXPECT_EQ(kad_secure_named("peer", (struct kad_bytes){key, sizeof key}, NULL, 0, &name), KAD_OK);
    EXPECT(!kad_blocks_possible(name.class_));
}
