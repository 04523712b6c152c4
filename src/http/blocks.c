/* blocks - see blocks.h. */
#include "http/blocks.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/crypto.h"

static const char mark[] = "kad/1 blocks"; /* with its zero */

#define HEAD (sizeof mark + 1 + 4 + KAD_BLOCKS_SALT)

bool kad_blocks_possible(const struct kad_class *class_)
{
    return class_->type != KAD_CLASS_PEER && class_->type != KAD_CLASS_PROVIDER && !class_->taken_once &&
           class_->owners_max <= 1 && !class_->valid && kad_secure_room(class_) >= HEAD + KAD_BLOCKS_HASH;
}

bool kad_blocks_wanted(const struct kad_class *class_, struct kad_bytes value)
{
    return kad_blocks_possible(class_) && (value.size > kad_secure_room(class_) || kad_blocks_is_root(value));
}

bool kad_blocks_is_root(struct kad_bytes value)
{
    return value.size >= sizeof mark && memcmp(value.data, mark, sizeof mark) == 0;
}

size_t kad_blocks_level_size(size_t size, unsigned level)
{
    for (; level > 0; level--)
        size = kad_blocks_count(size) * KAD_BLOCKS_HASH;
    return size;
}

size_t kad_blocks_total(const struct kad_blocks_root *root)
{
    size_t n = 0;

    for (unsigned level = 0; level < root->levels; level++)
        n += kad_blocks_count(kad_blocks_level_size(root->size, level));
    return n;
}

/* -- reading ------------------------------------------------------------------------------------------------------ */

int kad_blocks_read(struct kad_bytes value, struct kad_blocks_root *out_root)
{
    const uint8_t *at = value.data + sizeof mark;
    struct kad_blocks_root root;

    if (value.size < HEAD || !kad_blocks_is_root(value))
        return KAD_E_CORRUPT;
    root.levels = at[0];
    root.size = (size_t)at[1] << 24 | (size_t)at[2] << 16 | (size_t)at[3] << 8 | at[4];
    root.salt = at + 5;
    root.hashes = (struct kad_bytes){value.data + HEAD, value.size - HEAD};
    if (root.levels == 0 || root.levels > KAD_BLOCKS_LEVELS_MAX || root.size == 0 ||
        root.size > KAD_BLOCKS_VALUE_MAX || kad_blocks_level_size(root.size, root.levels) != root.hashes.size)
        return KAD_E_CORRUPT;
    *out_root = root;
    return KAD_OK;
}

/* -- cutting ------------------------------------------------------------------------------------------------------ */

/* H("kad/1 blocks" | 0 | class | 0 | u8 size | name | H(value)); content that has no name counts as one of no bytes. */
static void make_salt(const struct kad_secure_name *name, struct kad_bytes value,
                      uint8_t out_salt[KAD_BLOCKS_SALT])
{
    uint8_t text[sizeof mark + KAD_CLASS_NAME_MAX + 2 + KAD_SECURE_NAME_MAX + KAD_SHA256_SIZE];
    uint8_t hash[KAD_SHA256_SIZE];
    const char *class_name = name ? name->class_->name : "immutable";
    const uint8_t n = name ? name->size : 0;
    size_t size = 0;

    assert(strlen(class_name) <= KAD_CLASS_NAME_MAX && "names of classes are checked");
    memcpy(text, mark, sizeof mark);
    size += sizeof mark;
    memcpy(text + size, class_name, strlen(class_name) + 1);
    size += strlen(class_name) + 1;
    text[size++] = n;
    if (n)
        memcpy(text + size, name->bytes, n);
    size += n;
    kad_sha256(value.data, value.size, text + size);
    kad_sha256(text, size + KAD_SHA256_SIZE, hash);
    memcpy(out_salt, hash, KAD_BLOCKS_SALT);
}

/* Cuts `bytes` into blocks behind those there are, and writes their hashes. Returns the hashes' size. */
static size_t cut(struct kad_blocks *blocks, struct kad_bytes bytes, uint8_t *out_hashes)
{
    size_t n = 0;

    for (size_t at = 0; at < bytes.size; at += KAD_BLOCKS_PIECE) {
        struct kad_block *block = &blocks->blocks[blocks->n++];
        const size_t size = bytes.size - at < KAD_BLOCKS_PIECE ? bytes.size - at : KAD_BLOCKS_PIECE;

        memcpy(block->bytes, blocks->salt, KAD_BLOCKS_SALT);
        memcpy(block->bytes + KAD_BLOCKS_SALT, bytes.data + at, size);
        block->size = (uint16_t)(KAD_BLOCKS_SALT + size);
        kad_sha256(block->bytes, block->size, out_hashes + n);
        n += KAD_BLOCKS_HASH;
    }
    return n;
}

static void write_root(struct kad_blocks *blocks, unsigned levels, const uint8_t *hashes, size_t n)
{
    uint8_t *at = blocks->root;

    memcpy(at, mark, sizeof mark);
    at += sizeof mark;
    *at++ = (uint8_t)levels;
    for (int shift = 24; shift >= 0; shift -= 8)
        *at++ = (uint8_t)(blocks->size >> shift);
    memcpy(at, blocks->salt, KAD_BLOCKS_SALT);
    memcpy(at + KAD_BLOCKS_SALT, hashes, n);
    blocks->n_root = HEAD + n;
}

int kad_blocks_cut(const struct kad_secure_name *name, struct kad_bytes value, struct kad_blocks *out_blocks)
{
    struct kad_secure_name nameless;
    size_t room, total = 0, n;
    unsigned levels = 0;
    uint8_t *hashes;

    if (value.size == 0 || value.size > KAD_BLOCKS_VALUE_MAX)
        return KAD_E_LIMIT;
    if (!name)
        kad_secure_content_name(value, &nameless);
    room = kad_secure_room(name ? name->class_ : nameless.class_) - HEAD;
    while (levels == 0 || kad_blocks_level_size(value.size, levels) > room)
        total += kad_blocks_count(kad_blocks_level_size(value.size, levels++));
    assert(levels <= KAD_BLOCKS_LEVELS_MAX && "each cut leaves a twenty-fifth");

    *out_blocks = (struct kad_blocks){.size = value.size};
    out_blocks->blocks = malloc(total * sizeof *out_blocks->blocks);
    hashes = malloc(total * KAD_BLOCKS_HASH);
    if (!out_blocks->blocks || !hashes) {
        free(hashes);
        kad_blocks_clear(out_blocks);
        return KAD_E_MEMORY;
    }
    make_salt(name, value, out_blocks->salt);
    n = cut(out_blocks, value, hashes);
    for (unsigned level = 1; level < levels; level++) {
        uint8_t *above = hashes + n;
        const size_t n_above = cut(out_blocks, (struct kad_bytes){hashes, n}, above);

        memmove(hashes, above, n_above); /* those below stand in blocks now */
        n = n_above;
    }
    write_root(out_blocks, levels, hashes, n);
    assert(out_blocks->n == total && "as counted");
    free(hashes);
    return KAD_OK;
}

void kad_blocks_clear(struct kad_blocks *blocks)
{
    free(blocks->blocks);
    *blocks = (struct kad_blocks){0};
}
