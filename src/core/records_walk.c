/* records_walk - what is kept for records' sake, field by field (core/walk.h). */
#include <string.h>

#include "core/dht.h"
#include "core/records.h"
#include "core/walk.h"

static void walk_due(struct kad_walk *walk, struct kad_restore *restore)
{
    const size_t n = kad_walk_count(walk, restore->n_due, KAD_RESTORE_DUE);

    if (kad_walk_reads(walk)) {
        restore->due = n ? kad_walk_room(walk, KAD_RESTORE_DUE, sizeof(*restore->due)) : NULL;
        restore->n_due = restore->first_due = 0;
    }
    for (size_t i = 0; i < n && !walk->bad; i++) {
        struct kad_restore_due *due = &restore->due[(restore->first_due + i) % KAD_RESTORE_DUE];

        KAD_WALK_BYTES(walk, due->key);
        KAD_WALK(walk, due->type);
        KAD_WALK_BYTES(walk, due->public_key);
        KAD_WALK(walk, due->conflicts);
        kad_walk_contact(walk, &due->to);
        if (kad_walk_reads(walk))
            restore->n_due++;
    }
}

static void walk_restore(struct kad_walk *walk, struct kad_restore *restore)
{
    KAD_WALK(walk, restore->look_at);
    KAD_WALK(walk, restore->cursor);
    KAD_WALK(walk, restore->n_seen);
    KAD_WALK(walk, restore->n_places);
    KAD_WALK(walk, restore->doubted_at);
    KAD_WALK(walk, restore->hand_cursor);
    KAD_WALK(walk, restore->n_running);
    walk_due(walk, restore);
    restore->n_newcomers = (uint8_t)kad_walk_count(walk, restore->n_newcomers, KAD_RESTORE_NEWCOMERS);
    for (size_t i = 0; i < restore->n_newcomers; i++) {
        kad_walk_contact(walk, &restore->newcomers[i]);
        if (restore->newcomers[i] == KAD_NO_CONTACT) {
            restore->n_newcomers = (uint8_t)i;
            kad_walk_fail(walk);
        }
    }
}

static void walk_results(struct kad_walk *walk, struct kad_results *results)
{
    const size_t n = kad_walk_count(walk, results->n, KAD_RESULTS);

    KAD_WALK(walk, results->n_gets);
    KAD_WALK_BYTES(walk, results->gets);
    if (kad_walk_reads(walk)) {
        results->results = n ? kad_walk_room(walk, KAD_RESULTS, sizeof(*results->results)) : NULL;
        results->n = 0;
    }
    for (size_t i = 0; i < n && !walk->bad; i++) {
        struct kad_result *result = &results->results[i];
        struct kad_bytes *value = &result->record.value;

        kad_record_walk(walk, &result->record);
        value->size = kad_walk_count(walk, value->size, KAD_RECORD_VALUE_MOST);
        value->data = kad_walk_owned(walk, (uint8_t *)(uintptr_t)value->data, value->size);
        if (!value->data)
            value->size = 0;
        KAD_WALK(walk, result->until);
        KAD_WALK(walk, result->used_at);
        if (kad_walk_reads(walk))
            results->n++;
    }
}

static void walk_region(struct kad_walk *walk, struct kad_region *region)
{
    KAD_WALK_BYTES(walk, region->middle);
    KAD_WALK(walk, region->at);
    KAD_WALK(walk, region->prefix);
    for (int family = 0; family < KAD_FAMILIES; family++) {
        const size_t n = kad_walk_count(walk, region->n[family], KAD_REGION_WIDTH);

        if (kad_walk_reads(walk))
            region->n[family] = 0;
        for (size_t i = 0; i < n && !walk->bad; i++) {
            kad_walk_contact(walk, &region->contacts[family][i]);
            if (region->contacts[family][i] == KAD_NO_CONTACT) {
                kad_walk_fail(walk);
                return;
            }
            region->n[family] = (uint8_t)(kad_walk_reads(walk) ? i + 1 : n);
        }
    }
}

static void walk_tokens(struct kad_walk *walk, struct kad_regions *regions)
{
    size_t n = 0;

    for (size_t i = 0; regions->tokens && i < KAD_REGION_TOKENS; i++)
        n += regions->tokens[i].contact != KAD_NO_CONTACT;
    n = kad_walk_count(walk, n, KAD_REGION_TOKENS);
    if (kad_walk_reads(walk))
        regions->tokens = n ? kad_walk_room(walk, KAD_REGION_TOKENS, sizeof(*regions->tokens)) : NULL;
    for (size_t i = 0, at = 0; i < n && !walk->bad; i++, at++) {
        struct kad_region_token *token;

        while (!kad_walk_reads(walk) && regions->tokens[at].contact == KAD_NO_CONTACT)
            at++;
        at = kad_walk_count(walk, at, KAD_REGION_TOKENS - 1);
        token = &regions->tokens[at];
        if (kad_walk_reads(walk) && token->contact != KAD_NO_CONTACT) {
            kad_walk_fail(walk); /* two in one place */
            return;
        }
        kad_walk_contact(walk, &token->contact);
        token->size = (uint8_t)kad_walk_count(walk, token->size, sizeof(token->bytes));
        kad_walk_bytes(walk, token->bytes, token->size);
        KAD_WALK(walk, token->at);
    }
}

void kad_records_walk(struct kad_walk *walk, struct kad_dht *dht)
{
    struct kad_records *records = dht->member->records;

    KAD_WALK(walk, records->since);
    KAD_WALK(walk, records->wake_at);
    KAD_WALK(walk, records->now);
    walk_restore(walk, &records->restore);
    walk_results(walk, &records->results);
    for (size_t i = 0; i < KAD_REGIONS; i++)
        walk_region(walk, &records->regions.regions[i]);
    KAD_WALK(walk, records->regions.next);
    if (records->regions.next >= KAD_REGIONS) {
        records->regions.next = 0;
        kad_walk_fail(walk);
    }
    walk_tokens(walk, &records->regions);
}
