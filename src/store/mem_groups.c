#include "store/mem_groups.h"

#include <assert.h>

#include "base/hash.h"

/* The index's "slot" is the count itself, and a count that changes is a slot that moves. */
uint32_t kad_mem_groups_count(const struct kad_index *groups, uint64_t hash_key, uint64_t group)
{
    uint32_t at;

    if (group == 0)
        return 0;
    at = kad_index_first(groups, kad_hash_word(hash_key, group));
    return at == KAD_INDEX_END ? 0 : kad_index_slot(groups, at);
}

int kad_mem_groups_add(struct kad_index *groups, uint64_t hash_key, uint64_t group, uint32_t n)
{
    const uint32_t count = kad_mem_groups_count(groups, hash_key, group);

    if (group == 0 || n == 0)
        return KAD_OK;
    if (count == 0)
        return kad_index_add(groups, kad_hash_word(hash_key, group), n);
    kad_index_move(groups, kad_hash_word(hash_key, group), count, count + n);
    return KAD_OK;
}

void kad_mem_groups_remove(struct kad_index *groups, uint64_t hash_key, uint64_t group, uint32_t n)
{
    const uint32_t count = kad_mem_groups_count(groups, hash_key, group);

    if (group == 0 || n == 0)
        return;
    assert(count >= n && "a group gives back what it took");
    if (count == n)
        kad_index_remove(groups, kad_hash_word(hash_key, group), n);
    else
        kad_index_move(groups, kad_hash_word(hash_key, group), count, count - n);
}
