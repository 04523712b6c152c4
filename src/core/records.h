/*
 * records - what a node of a network with classes of records keeps and does for their sake (kad_member.records).
 */
#ifndef KAD_CORE_RECORDS_H
#define KAD_CORE_RECORDS_H

#include "core/region.h"
#include "core/restore.h"
#include "core/results.h"

struct kad_dht;

struct kad_records {
    kad_ms since; /* when this node began: what it has not seen since, it can vouch for */
    kad_ms wake_at, now;
    struct kad_restore restore;
    struct kad_results results;
    struct kad_regions regions;
};

/* 0 or KAD_E_MEMORY. */
KAD_CHECK int kad_records_new(struct kad_dht *dht, kad_ms now);
void kad_records_free(struct kad_dht *dht);
struct kad_walk;
void kad_records_walk(struct kad_walk *walk, struct kad_dht *dht);
void kad_records_tick(struct kad_dht *dht, kad_ms now);
static inline kad_ms kad_records_wake_at(const struct kad_records *records)
{
    return records->wake_at;
}

#endif
