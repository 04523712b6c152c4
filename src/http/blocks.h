/*
 * blocks - a value that is longer than a record, as blocks that fit one each and a root that names them. Pure.
 *
 *     value      cut into pieces of 800 bytes: each, with the value's salt before it, is a block
 *     hashes     the blocks' SHA-256, one behind the other. More of them than the root has room for are cut in the same way
 *     root       "kad/1 blocks" 0 | u8 how often it was cut | u32 bytes of the value | 16 salt | hashes
 *
 * The root stands where the value would, in the record of its name. Blocks are immutable records: found by their hash, and sealed
 * under it, so a holder of one learns neither what it is a part of nor what it says. Whoever has the root can check each block by
 * itself. The salt is made of the name and all of the value: whoever does not know both cannot ask for a piece that he guessed, and
 * two values never share a block. docs/records.md, "Long values", has the rest.
 */
#ifndef KAD_HTTP_BLOCKS_H
#define KAD_HTTP_BLOCKS_H

#include "kad/secure.h"

#define KAD_BLOCKS_VALUE_MAX  (1 << 20) /* bytes of a value */
#define KAD_BLOCKS_PIECE      800       /* bytes of a block that are the value's, or hashes */
#define KAD_BLOCKS_SALT       16
#define KAD_BLOCKS_BLOCK_MAX  (KAD_BLOCKS_SALT + KAD_BLOCKS_PIECE)
#define KAD_BLOCKS_HASH       32
#define KAD_BLOCKS_LEVELS_MAX 4 /* a root with room for one hash */

/* A value that was cut. Owns what it points to. */
struct kad_blocks {
    uint8_t salt[KAD_BLOCKS_SALT];
    uint8_t root[KAD_SECURE_VALUE_MAX]; /* what is put under the name */
    size_t n_root;
    size_t size; /* of the value */
    size_t n;
    struct kad_block {
        uint16_t size;
        uint8_t bytes[KAD_BLOCKS_BLOCK_MAX];
    } * blocks;
};

/* What a root says. Its hashes borrow from its bytes. */
struct kad_blocks_root {
    unsigned levels; /* how often it was cut, 1 .. KAD_BLOCKS_LEVELS_MAX */
    size_t size;
    const uint8_t *salt;
    struct kad_bytes hashes;
};

/* Can values of this class be cut? Not where values are addresses, letters, of several owners, or checked by holders. */
bool kad_blocks_possible(const struct kad_class *class_);
/* Does this value have to be cut: too long, or what would be taken for a root? */
bool kad_blocks_wanted(const struct kad_class *class_, struct kad_bytes value);

/* Cuts `value` for this name (NULL: it is found by what it is, "immutable"). 0, KAD_E_LIMIT (too long), KAD_E_MEMORY. */
KAD_CHECK int kad_blocks_cut(const struct kad_secure_name *name, struct kad_bytes value,
                             struct kad_blocks *out_blocks);
void kad_blocks_clear(struct kad_blocks *blocks);

bool kad_blocks_is_root(struct kad_bytes value); /* by its first bytes */
/* 0 or KAD_E_CORRUPT: nobody cuts like that. */
KAD_CHECK int kad_blocks_read(struct kad_bytes value, struct kad_blocks_root *out_root);

/* Bytes of what is cut at a level: 0, the value; above, the hashes of the blocks below it. */
size_t kad_blocks_level_size(size_t size, unsigned level);
static inline size_t kad_blocks_count(size_t bytes)
{
    return (bytes + KAD_BLOCKS_PIECE - 1) / KAD_BLOCKS_PIECE;
}
size_t kad_blocks_total(const struct kad_blocks_root *root); /* blocks, of all levels */

#endif
