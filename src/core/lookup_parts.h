/*
 * lookup_parts - what the files of a lookup share.
 *
 *     lookup.c           whom to ask next, and when to stop
 *     lookup_beyond.c    whom to ask who stands behind silent ones
 *
 * Nobody else includes this.
 */
#ifndef KAD_CORE_LOOKUP_PARTS_H
#define KAD_CORE_LOOKUP_PARTS_H

#include "core/lookup.h"

/* `from`, who stands at `hop`, named these. */
void kad_lookup_name(struct kad_lookup *lookup, kad_contact_ref from, uint8_t hop,
                     const kad_contact_ref *closer, size_t n_closer);

/* The k nearest that were named reach to `named_to`, the window to `window_to`. True: *out_step asks somebody about what is
 * between. */
bool kad_lookup_beyond_next(struct kad_lookup *lookup, uint64_t named_to, uint64_t window_to, kad_ms now,
                            struct kad_lookup_step *out_step);
/* Questions that are worth waiting for; *wake_at is lowered to when the next of them is late. */
unsigned kad_lookup_beyond_pending(struct kad_lookup *lookup, kad_ms now, kad_ms *wake_at);

#endif
