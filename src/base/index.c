#include "base/index.h"

#include <assert.h>
#include <string.h>

/* Cells are filled to three quarters at most: linear probing then looks at two or three of them. */
#define LEAST_CELLS 8u

static uint32_t upper(uint64_t hash)
{
    return (uint32_t)(hash >> 32);
}

/* A cell's place follows from the half of the hash it holds, so that growing needs nobody's help. */
static uint32_t home(const struct kad_index *index, uint32_t hash)
{
    return hash & (index->n_cells - 1);
}

static uint32_t after(const struct kad_index *index, uint32_t at)
{
    return (at + 1) & (index->n_cells - 1);
}

void kad_index_init(struct kad_index *index, const struct kad_allocator *allocator, uint32_t ceiling)
{
    assert(ceiling <= UINT32_MAX / 4 && "three quarters of 2^31 cells hold no more");
    *index = (struct kad_index){.allocator = allocator, .ceiling = ceiling};
}

void kad_index_clear(struct kad_index *index)
{
    kad_free(index->allocator, index->cells, index->n_cells * sizeof *index->cells);
    kad_index_init(index, index->allocator, index->ceiling);
}

static void put(struct kad_index *index, struct kad_index_cell cell)
{
    uint32_t at = home(index, cell.hash);

    while (index->cells[at].slot)
        at = after(index, at);
    index->cells[at] = cell;
}

static int grow(struct kad_index *index)
{
    struct kad_index grown = *index;

    grown.n_cells = index->n_cells ? 2 * index->n_cells : LEAST_CELLS;
    grown.cells = kad_alloc_zero(index->allocator, grown.n_cells * sizeof *grown.cells);
    if (!grown.cells)
        return KAD_E_MEMORY;
    for (uint32_t i = 0; i < index->n_cells; i++) {
        if (index->cells[i].slot)
            put(&grown, index->cells[i]);
    }
    kad_free(index->allocator, index->cells, index->n_cells * sizeof *index->cells);
    *index = grown;
    return KAD_OK;
}

int kad_index_add(struct kad_index *index, uint64_t hash, uint32_t slot)
{
    assert(slot != KAD_INDEX_END && "slot + 1 must fit");
    if (index->n_used >= index->ceiling)
        return KAD_E_LIMIT;
    if (index->n_used >= index->n_cells - index->n_cells / 4) {
        const int error = grow(index);

        if (error)
            return error;
    }
    put(index, (struct kad_index_cell){upper(hash), slot + 1});
    index->n_used++;
    return KAD_OK;
}

static uint32_t find(const struct kad_index *index, uint64_t hash, uint32_t slot)
{
    uint32_t at = kad_index_first(index, hash);

    while (at != KAD_INDEX_END && index->cells[at].slot != slot + 1)
        at = kad_index_next(index, hash, at);
    assert(at != KAD_INDEX_END && "only what was added can be removed or moved");
    return at;
}

void kad_index_remove(struct kad_index *index, uint64_t hash, uint32_t slot)
{
    uint32_t hole = find(index, hash, slot);

    /* What follows moves back over the hole unless that would put it before its home: no tombstones, so searches
     * do not slow down with age. */
    for (uint32_t at = after(index, hole); index->cells[at].slot; at = after(index, at)) {
        const uint32_t mask = index->n_cells - 1;

        if (((at - home(index, index->cells[at].hash)) & mask) >= ((at - hole) & mask)) {
            index->cells[hole] = index->cells[at];
            hole = at;
        }
    }
    index->cells[hole] = (struct kad_index_cell){0, 0};
    index->n_used--;
}

void kad_index_move(struct kad_index *index, uint64_t hash, uint32_t old_slot, uint32_t new_slot)
{
    assert(new_slot != KAD_INDEX_END && "slot + 1 must fit");
    index->cells[find(index, hash, old_slot)].slot = new_slot + 1;
}

static uint32_t scan(const struct kad_index *index, uint32_t hash, uint32_t at)
{
    while (index->cells[at].slot) {
        if (index->cells[at].hash == hash)
            return at;
        at = after(index, at);
    }
    return KAD_INDEX_END;
}

void kad_index_prefetch(const struct kad_index *index, uint64_t hash)
{
    if (index->n_cells)
        __builtin_prefetch(&index->cells[home(index, upper(hash))]);
}

uint32_t kad_index_first(const struct kad_index *index, uint64_t hash)
{
    return index->n_cells ? scan(index, upper(hash), home(index, upper(hash))) : KAD_INDEX_END;
}

uint32_t kad_index_next(const struct kad_index *index, uint64_t hash, uint32_t at)
{
    return scan(index, upper(hash), after(index, at));
}
