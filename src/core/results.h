/*
 * results - what gets of ours have brought, kept for a while; and what a get does for those it met.
 *
 * A get of the same key is answered out of it for settings.result_ms, no longer than the record lives, unless the request says
 * `fresh`; a put of ours of that key forgets it. Bounded: KAD_RESULTS records. When they are that many, and none is over, the one
 * asked for least often gives way, of several the one used longest ago, and a record that is asked for less often than it is not
 * kept: what is wanted once does not drive out what is wanted again and again. How often is a guess that is never too low, and
 * fades: two rows of counts that keys share by chance, halved each KAD_RESULTS_FADE gets (Einziger, Friedman and Manes 2017, TinyLFU).
 *
 * After a get that found something, at most KAD_RESULTS_REPAIRED nodes that gave an older value are given the one found; and with
 * settings.cache_ms, the nearest node that was asked and had none is, too (the paper's caching along the path): what is read
 * often comes to lie ever further out, and holders that are far from a key keep it the shorter the farther (core/hold.h).
 */
#ifndef KAD_CORE_RESULTS_H
#define KAD_CORE_RESULTS_H

#include "core/message.h"

struct kad_dht;
struct kad_operation;

#define KAD_RESULTS          64
#define KAD_RESULTS_REPAIRED 8
#define KAD_RESULTS_FADE     (16 * KAD_RESULTS)

struct kad_result {
    struct kad_record record; /* its value is a block of its own */
    kad_ms until, used_at;
};

struct kad_results {
    struct kad_result *results; /* KAD_RESULTS; allocated with the first */
    uint32_t n, n_gets;         /* since the counts were halved */
    uint8_t gets[2][256];
};

void kad_results_clear(struct kad_dht *dht);
/* NULL: none that is still good. */
const struct kad_record *kad_results_find(struct kad_dht *dht, const struct kad_id *key, uint8_t type,
                                          kad_ms now);
void kad_results_forget(struct kad_dht *dht, const struct kad_id *key);
/* A get of the host's is over. */
void kad_results_got(struct kad_dht *dht, const struct kad_operation *operation, kad_ms now);

#endif
