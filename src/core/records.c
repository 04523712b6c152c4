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
    records->since = now;
    dht->member->records = records;
    return 0;
}

void kad_records_free(struct kad_dht *dht)
{
    if (!dht->member || !dht->member->records)
        return;
    kad_free(dht->allocator, dht->member->records, sizeof(*dht->member->records));
    dht->member->records = NULL;
}
