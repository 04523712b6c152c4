/* operation_answer - what comes back from those a request asked. */
#include "core/bundle.h"
#include "core/gather.h"
#include "core/operation_parts.h"

void kad_operation_restart(struct kad_dht *dht, struct kad_operation *operation, int family)
{
    struct kad_paths *paths = &operation->paths[family];
    const struct kad_lookup_config config = paths->first.config;

    kad_paths_clear(paths);
    kad_paths_init(paths, dht->allocator, dht->book, &operation->request.target, &config);
}

static void restart_lookups(struct kad_dht *dht, struct kad_operation *operation)
{
    for (int i = 0; i < KAD_FAMILIES; i++) {
        if (operation->families[i] && kad_paths_reason(&operation->paths[i]) != KAD_REASON_NONE &&
            !kad_paths_answered(&operation->paths[i]))
            kad_operation_restart(dht, operation, i);
    }
}

static void note_first(struct kad_operation *operation, uint8_t hop, kad_ms now)
{
    if (operation->first_at != KAD_NEVER)
        return;
    operation->first_at = now;
    operation->hops_to_first = hop;
}

/* A single node was asked: who it is. */
static void note_answerer(struct kad_operation *operation, const struct kad_contact *from,
                          struct kad_bytes version)
{
    const size_t n =
        version.size < sizeof(operation->version) ? version.size : sizeof(operation->version) - 1;

    operation->answerer = *from;
    if (n)
        memcpy(operation->version, version.data, n);
}

/* A single node was asked: the result is itself (ping), or whom it named. */
static void list_named(struct kad_dht *dht, struct kad_operation *operation, const struct kad_query *query,
                       const kad_contact_ref *contacts, size_t n_contacts, kad_ms now)
{
    const bool itself = operation->request.kind == KAD_REQUEST_PING;
    const size_t n = itself ? 1 : n_contacts;

    if (!n)
        return;
    operation->found = kad_alloc(dht->allocator, n * sizeof(*operation->found));
    if (!operation->found)
        return;
    operation->n_found = (uint32_t)n;
    for (size_t i = 0; i < n; i++) {
        const kad_contact_ref contact = itself ? query->contact : contacts[i];

        operation->found[i] = (struct kad_found){
            .contact = *kad_book_contact(dht->book, contact),
            .rtt_ms = itself ? (int32_t)(now - query->sent_at) : -1,
            .hop = itself ? 1 : 2,
        };
        kad_dht_copy_key(dht, contact, operation->found[i].public_key);
    }
}

static bool answered_before(const struct kad_operation *operation, const struct kad_query *query)
{
    const int family = kad_family_index(query->to.family);
    const struct kad_candidate *candidate;

    if (!operation->families[family])
        return false;
    candidate = kad_paths_candidate(&operation->paths[family], query->contact);
    return candidate && candidate->state == KAD_CANDIDATE_ANSWERED;
}

bool kad_operation_answered(struct kad_dht *dht, struct kad_operation *operation,
                            const struct kad_query *query, const struct kad_message *answer,
                            const kad_contact_ref *contacts, size_t n_contacts, kad_ms now,
                            struct kad_outbox *out)
{
    const struct kad_contact *from = kad_book_contact(dht->book, query->contact);
    bool broke_rules = false, satisfied;

    operation->n_in_flight--;
    if (query->purpose == KAD_FOR_LOOKUP && answered_before(operation, query)) {
        kad_operation_go_on(dht, operation, now, out);
        return true; /* it was only slow, and asked twice: what it says counts once */
    }
    operation->n_answers++;
    kad_operation_trace(dht, operation, query,
                        query->purpose == KAD_FOR_STORING || query->purpose == KAD_FOR_BUNDLE
                            ? KAD_HOP_STORED
                            : KAD_HOP_ANSWERED,
                        answer, now);
    if (query->purpose == KAD_FOR_STORING) {
        if (dht->rules->class_of && !kad_gather_receipt(dht, operation, query, answer))
            operation->n_refused++;
        else
            operation->n_stored++;
        kad_operation_taken(operation, query->contact);
        kad_operation_go_on(dht, operation, now, out);
        return true;
    }
    if (query->purpose == KAD_FOR_BUNDLE) {
        kad_bundle_answered(operation, query, answer);
        kad_operation_go_on(dht, operation, now, out);
        return true;
    }
    if (query->purpose == KAD_FOR_BOOTSTRAP) {
        operation->n_bootstraps--;
        restart_lookups(dht, operation);
        kad_paths_add(&operation->paths[kad_family_index(from->endpoint.family)], query->contact);
    }
    if (query->hop > operation->hops)
        operation->hops = query->hop;
    for (int i = 0; i < KAD_FAMILIES && operation->phase == KAD_PHASE_LOOKUP; i++) {
        struct kad_paths *paths = &operation->paths[i];
        kad_contact_ref named[KAD_MESSAGE_CONTACTS];
        size_t n = 0;

        if (!operation->families[i])
            continue;
        for (size_t j = 0; j < n_contacts && !operation->only; j++) {
            if (kad_family_index(kad_book_contact(dht->book, contacts[j])->endpoint.family) == i)
                named[n++] = contacts[j];
        }
        n = kad_paths_believe(paths, named, n);
        if (query->purpose == KAD_FOR_BEYOND ? kad_paths_beyond_reply(paths, query->contact, named, n)
                                             : kad_paths_reply(paths, query->contact, named, n))
            continue;
        if (n && kad_paths_reason(paths) == KAD_REASON_NO_CONTACTS)
            kad_operation_restart(dht, operation,
                                  i); /* the other family's nodes are the first to name any of this one */
        for (size_t j = 0; j < n; j++)
            kad_paths_add_named(paths, named[j]);
    }
    satisfied = kad_operation_harvest(dht, operation, query, answer, now, &broke_rules);
    for (int i = 0; broke_rules && i < KAD_FAMILIES; i++) {
        if (operation->families[i])
            kad_paths_bad(&operation->paths[i], query->contact);
    }
    if (operation->n_peers || operation->best.type != KAD_RECORD_NONE || operation->n_samples)
        note_first(operation, query->hop, now);
    if (operation->request.kind == KAD_REQUEST_FIND && kad_id_equal(&from->id, &operation->request.target)) {
        note_first(operation, query->hop, now);
        satisfied = true;
    }
    if (operation->phase == KAD_PHASE_SINGLE)
        list_named(dht, operation, query, contacts, n_contacts, now);
    if (operation->phase == KAD_PHASE_SINGLE)
        note_answerer(operation, from, answer->version);
    if (satisfied || operation->phase == KAD_PHASE_SINGLE)
        kad_operation_end(dht, operation, KAD_REASON_SATISFIED, now);
    else
        kad_operation_go_on(dht, operation, now, out);
    return !broke_rules;
}

void kad_operation_failed(struct kad_dht *dht, struct kad_operation *operation, const struct kad_query *query,
                          const struct kad_message *error, kad_ms now, struct kad_outbox *out)
{
    operation->n_in_flight--;
    operation->n_timeouts += !error;
    kad_operation_trace(dht, operation, query, error ? KAD_HOP_REFUSED : KAD_HOP_FAILED, NULL, now);
    switch ((enum kad_query_purpose)query->purpose) {
    case KAD_FOR_LOOKUP:
        for (int i = 0; i < KAD_FAMILIES; i++) {
            if (operation->families[i])
                kad_paths_fail(&operation->paths[i], query->contact);
        }
        break;
    case KAD_FOR_BEYOND:
        for (int i = 0; i < KAD_FAMILIES; i++) {
            if (operation->families[i])
                kad_paths_beyond_fail(&operation->paths[i], query->contact);
        }
        break;
    case KAD_FOR_STORING:
        operation->n_refused++;
        if (error && operation->refusal == KAD_REFUSAL_NONE)
            operation->refusal = error->refusal;
        if (error && dht->rules->class_of)
            kad_gather_refused(dht, operation, error);
        break;
    case KAD_FOR_BUNDLE:
        kad_bundle_answered(operation, query, error);
        break;
    case KAD_FOR_MORE:
        kad_gather_failed(operation, query->contact);
        break;
    case KAD_FOR_BOOTSTRAP:
        operation->n_bootstraps--;
        break;
    case KAD_FOR_SINGLE:
        if (error) {
            operation->n_answers++; /* alive, if unwilling */
            operation->refusal = error->refusal;
        }
        kad_operation_end(dht, operation, error ? KAD_REASON_SATISFIED : KAD_REASON_DEADLINE, now);
        return;
    case KAD_FOR_TABLE:
    case KAD_FOR_NEAR:
        break;
    }
    kad_operation_go_on(dht, operation, now, out);
}
