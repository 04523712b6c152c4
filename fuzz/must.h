/* must - what a fuzz target asserts: said with the target's file before it aborts. */
#ifndef KAD_FUZZ_MUST_H
#define KAD_FUZZ_MUST_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

static inline void must_in(const char *target, bool holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "%s: %s\n", target, what);
        abort();
    }
}

#define must(holds, what) must_in(__FILE__, (holds), (what))

#endif
