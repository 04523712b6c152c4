/*
 * memory - where a simulated world's memory comes from: counted, and laid out for a processor that misses its caches.
 *
 * A world of 100,000 nodes is larger than any cache and than what the processor remembers of page addresses, and each event
 * touches another node. So blocks begin at a cache line (what is 64 bytes long is one line, not two), have no headers
 * between them, and stand in pages of 2 MiB where the system has such. Blocks of one size are used again for that size;
 * large ones are the system's own. Builds with AddressSanitizer take every block from malloc, so that it sees them all.
 */
#ifndef SIM_MEMORY_H
#define SIM_MEMORY_H

#include "base/alloc.h"

#define SIM_MEMORY_LINE    64u
#define SIM_MEMORY_MOST    4096u /* larger ones are not kept here */
#define SIM_MEMORY_CLASSES (SIM_MEMORY_MOST / SIM_MEMORY_LINE + 2)

struct sim_memory {
    struct kad_allocator allocator; /* its context points here: it must not move */
    size_t now, peak;               /* bytes asked for and not given back */
    /* Free blocks, each beginning with a pointer to the next: of 16 and 32 bytes, then of 64, 128, 192 ... */
    void *free[SIM_MEMORY_CLASSES];
    uint8_t *fresh; /* of the newest chunk: `left` bytes that were never a block */
    size_t left;
    void *chunks; /* each begins with a pointer to the one before */
};

void sim_memory_init(struct sim_memory *memory);
/* All blocks must have been given back. */
void sim_memory_clear(struct sim_memory *memory);

#endif
