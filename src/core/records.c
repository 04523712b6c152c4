#include "core/records.h"

#include <assert.h>

#include "core/dht.h"

int kad_records_new(struct kad_dht *dht, kad_ms now)
{
    struct kad_records *records;

    assert(dht->member && "classes of records need somebody who signs");
    records = kad_alloc_zero(dht->allocator, sizeof(*records));
    if (!records)
        return KAD_E_MEMORY;
    records->since = records->now = records->wake_at = now;
    records->restore.look_at = KAD_NEVER;
    dht->member->records = records;
    return 0;
}

void kad_records_free(struct kad_dht *dht)
{
    if (!dht->member || !dht->member->records)
        return;
    kad_restore_clear(dht);
    kad_regions_clear(dht);
    kad_results_clear(dht);
    kad_free(dht->allocator, dht->member->records, sizeof(*dht->member->records));
    dht->member->records = NULL;
}

void kad_records_tick(struct kad_dht *dht, kad_ms now)
{
    struct kad_records *records = dht->member->records;

    records->now = now;
    if (now < records->wake_at)
        return;
    records->wake_at = KAD_NEVER; /* what happens now may want it sooner than what is seen afterwards */
    kad_restore_tick(dht, now);
    records->wake_at = kad_ms_min(records->wake_at, kad_restore_wake_at(dht));
}
