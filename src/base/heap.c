#include "base/heap.h"

#define LEAST_CAPACITY 16u

/* Orders wrap around; entries that lie 2^31 additions apart and fall on the same instant may swap, no others. */
static bool before(const struct kad_heap_entry *a, const struct kad_heap_entry *b)
{
    if (a->at != b->at)
        return a->at < b->at;
    return (int32_t)(a->order - b->order) < 0;
}

void kad_heap_init(struct kad_heap *heap, const struct kad_allocator *allocator, uint32_t ceiling)
{
    *heap = (struct kad_heap){.allocator = allocator, .ceiling = ceiling};
}

void kad_heap_clear(struct kad_heap *heap)
{
    kad_free(heap->allocator, heap->entries, heap->capacity * sizeof *heap->entries);
    kad_heap_init(heap, heap->allocator, heap->ceiling);
}

static int grow(struct kad_heap *heap)
{
    const uint32_t wished = heap->capacity ? heap->capacity : LEAST_CAPACITY / 2;
    const uint32_t capacity = wished > heap->ceiling / 2 ? heap->ceiling : 2 * wished;
    struct kad_heap_entry *entries;

    entries = kad_resize(heap->allocator, heap->entries, heap->capacity * sizeof *entries,
                         capacity * sizeof *entries);
    if (!entries)
        return KAD_E_MEMORY;
    heap->entries = entries;
    heap->capacity = capacity;
    return KAD_OK;
}

int kad_heap_add(struct kad_heap *heap, kad_ms at, uint32_t slot)
{
    struct kad_heap_entry entry = {.at = at, .slot = slot};
    uint32_t i = heap->n_entries;

    if (i >= heap->ceiling)
        return KAD_E_LIMIT;
    if (i == heap->capacity) {
        const int error = grow(heap);

        if (error)
            return error;
    }
    entry.order = heap->next_order++;
    heap->n_entries++;
    for (; i > 0 && before(&entry, &heap->entries[(i - 1) / 2]); i = (i - 1) / 2)
        heap->entries[i] = heap->entries[(i - 1) / 2];
    heap->entries[i] = entry;
    return KAD_OK;
}

bool kad_heap_pop(struct kad_heap *heap, kad_ms now, struct kad_heap_entry *out_entry)
{
    struct kad_heap_entry moved;
    uint32_t i = 0;

    if (heap->n_entries == 0 || heap->entries[0].at > now)
        return false;
    *out_entry = heap->entries[0];
    moved = heap->entries[--heap->n_entries];
    for (;;) {
        size_t child = 2 * (size_t)i + 1;

        if (child + 1 < heap->n_entries && before(&heap->entries[child + 1], &heap->entries[child]))
            child++;
        if (child >= heap->n_entries || !before(&heap->entries[child], &moved))
            break;
        heap->entries[i] = heap->entries[child];
        i = (uint32_t)child;
    }
    heap->entries[i] = moved;
    return true;
}
