#include "core/cover.h"

#include "core/operation.h"

static kad_ms part_of_hour(const struct kad_dht *dht)
{
    return KAD_HOUR / dht->settings->cover_per_hour;
}

static bool covers(const struct kad_dht *dht)
{
    return dht->settings->cover_per_hour && dht->rules->class_of;
}

static void begin(struct kad_dht *dht, kad_ms now)
{
    struct kad_request request = {.kind = KAD_REQUEST_GET};
    const struct kad_class *class;
    struct kad_operation *operation;

    do
        class = dht->rules->class_of((uint8_t)(1 + kad_rng_below(&dht->rng, KAD_CLASS_USER - 1)));
    while (!class || class->taken_once); /* those are taken, not got */
    request.target = request.record.key = kad_id_random(&dht->rng, dht->rules->id_bits);
    request.record.type = class->type;
    if (kad_operation_begin(dht, &request, KAD_OWNER_COVER, now, &operation) == 0)
        dht->counters->covers++;
}

void kad_cover_tick(struct kad_dht *dht, kad_ms now)
{
    struct kad_cover *cover;
    kad_ms part;

    if (!covers(dht))
        return;
    cover = &dht->member->cover;
    part = part_of_hour(dht);
    if (!cover->began_at || now - cover->began_at >= part) {
        /* Part after part, so that as many begin as there are parts; after a sleep from now on. */
        cover->began_at = cover->began_at && now - cover->began_at < 2 * part ? cover->began_at + part : now;
        cover->due_at = cover->began_at + kad_rng_below(&dht->rng, (uint32_t)part);
    }
    if (now < cover->due_at)
        return;
    cover->due_at = KAD_NEVER;
    if (dht->join.ready)
        begin(dht, now);
}

kad_ms kad_cover_wake_at(const struct kad_dht *dht)
{
    const struct kad_cover *cover;

    if (!covers(dht))
        return KAD_NEVER;
    cover = &dht->member->cover;
    return cover->began_at ? kad_ms_min(cover->due_at, cover->began_at + part_of_hour(dht)) : 0;
}
