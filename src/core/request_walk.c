/* request_walk - a record and a request, field by field (core/walk.h): the state has them, and what goes in. */
#include "core/walk.h"

void kad_record_walk(struct kad_walk *walk, struct kad_record *record)
{
    KAD_WALK(walk, record->type);
    KAD_WALK(walk, record->many);
    KAD_WALK(walk, record->withdrawn);
    KAD_WALK(walk, record->hashed);
    KAD_WALK_BYTES(walk, record->key);
    KAD_WALK(walk, record->sequence);
    KAD_WALK_BYTES(walk, record->public_key);
    KAD_WALK_BYTES(walk, record->signature);
    KAD_WALK(walk, record->made_at);
    KAD_WALK(walk, record->valid_until);
    KAD_WALK(walk, record->expires_at);
    KAD_WALK(walk, record->seen_at);
}

void kad_request_walk(struct kad_walk *walk, struct kad_request *request)
{
    KAD_WALK(walk, request->kind);
    KAD_WALK_BYTES(walk, request->target);
    kad_walk_endpoint(walk, &request->endpoint);
    kad_record_walk(walk, &request->record);
    KAD_WALK(walk, request->cas);
    KAD_WALK(walk, request->timeout_ms);
    KAD_WALK(walk, request->keep_until);
    KAD_WALK(walk, request->port);
    KAD_WALK(walk, request->seed);
    KAD_WALK(walk, request->scrape);
    KAD_WALK(walk, request->has_cas);
    KAD_WALK(walk, request->first);
    KAD_WALK(walk, request->keep);
    KAD_WALK(walk, request->later);
    KAD_WALK(walk, request->trace);
    KAD_WALK(walk, request->progress);
    KAD_WALK(walk, request->fresh);
    KAD_WALK(walk, request->replicas);
    KAD_WALK(walk, request->renews);
    KAD_WALK_BYTES(walk, request->signer);
    KAD_WALK(walk, request->prefix_bits);
    if (kad_walk_reads(walk))
        request->user = NULL; /* the host's */
}
