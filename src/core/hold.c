#include "core/hold.h"

#include <string.h>

#include "core/dht.h"
#include "core/records.h"
#include "core/store.h"

#define PAGE 16
#define FAR  4 /* times k nodes nearer to a key: no holder of it, even if puts go far */

const struct kad_class *kad_hold_class(const struct kad_dht *dht, uint8_t type)
{
    const struct kad_class *class = dht->rules->class_of(type);

    for (size_t i = 0; !class && i < dht->member->n_classes; i++) {
        if (dht->member->classes[i].type == type)
            class = &dht->member->classes[i];
    }
    return class;
}

enum kad_refusal kad_hold_check(const struct kad_dht *dht, const struct kad_record *record)
{
    const struct kad_class *class = kad_hold_class(dht, record->type);
    enum kad_refusal refusal;

    if (!class)
        return KAD_REFUSAL_CLASS;
    refusal = dht->rules->check_record(record);
    if (refusal == KAD_REFUSAL_NONE && class != dht->rules->class_of(record->type))
        refusal = kad_class_check(class, record);
    return refusal;
}

static bool same_bytes(struct kad_bytes a, struct kad_bytes b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

static bool same_owner(const struct kad_record *a, const struct kad_record *b)
{
    return memcmp(a->public_key, b->public_key, sizeof(a->public_key)) == 0;
}

int kad_hold_compare(const struct kad_dht *dht, const struct kad_record *a, const struct kad_record *b)
{
    const struct kad_class *class = kad_hold_class(dht, a->type);
    uint8_t digests[2][32];

    if (class && class->better && class->better(class->context, a, b))
        return -1;
    if (class && class->better && class->better(class->context, b, a))
        return 1;
    if (a->sequence != b->sequence)
        return a->sequence > b->sequence ? -1 : 1;
    if (same_owner(a, b) && a->withdrawn == b->withdrawn && same_bytes(a->value, b->value)) {
        if (a->made_at != b->made_at)
            return a->made_at > b->made_at ? -1 : 1;
        if (a->valid_until == b->valid_until)
            return 0;
        return a->valid_until > b->valid_until ? -1 : 1;
    }
    dht->rules->digest(a, digests[0]);
    dht->rules->digest(b, digests[1]);
    return memcmp(digests[0], digests[1], sizeof(digests[0]));
}

kad_ms kad_hold_life(const struct kad_dht *dht, const struct kad_class *class)
{
    if (!dht->rules->lives_by_settings)
        return class->ttl_ms;
    return class->type == KAD_CLASS_PROVIDER ? dht->settings->peer_ttl_ms : dht->settings->record_ttl_ms;
}

enum kad_refusal kad_hold_check_life(const struct kad_dht *dht, const struct kad_record *record, kad_ms now,
                                     kad_ms *out_expires_at)
{
    const struct kad_class *class = kad_hold_class(dht, record->type);

    if (!class || record->hashed)
        return KAD_REFUSAL_CLASS;
    if (record->made_at > now + KAD_HOLD_AHEAD || record->valid_until <= now)
        return KAD_REFUSAL_LIFE;
    /* A tombstone that ended before what it withdraws would let that come back. */
    if (record->withdrawn && (class->ttl_ms == KAD_NEVER || class->ttl_ms >= KAD_NEVER - record->made_at
                                  ? record->valid_until != KAD_NEVER
                                  : record->valid_until - record->made_at < class->ttl_ms))
        return KAD_REFUSAL_LIFE;
    *out_expires_at = record->valid_until;
    if (kad_hold_life(dht, class) < KAD_NEVER - now)
        *out_expires_at = kad_ms_min(record->valid_until, now + kad_hold_life(dht, class));
    return KAD_REFUSAL_NONE;
}

/* What stands where `record` would: its owner's, or the one value there is. How many owners there are besides. */
static bool find_held(struct kad_dht *dht, const struct kad_record *record, kad_ms now,
                      struct kad_record *out_held, unsigned *out_others)
{
    struct kad_record page[PAGE];
    uint32_t next = 0;
    bool found = false;

    *out_others = 0;
    do {
        const size_t n =
            dht->store->ops->list(dht->store, &record->key, record->type, now, next, page, PAGE, &next);

        for (size_t i = 0; i < n; i++) {
            if (record->many && !same_owner(&page[i], record)) {
                ++*out_others;
                continue;
            }
            *out_held = page[i];
            found = true;
        }
    } while (next);
    return found;
}

/* Against what is held. `out_same`: there is nothing to store. */
static enum kad_refusal check_order(const struct kad_dht *dht, const struct kad_record *record,
                                    const struct kad_record *held, const int64_t *cas, bool *out_same)
{
    const struct kad_class *class = kad_hold_class(dht, record->type);
    int order;

    if (class->first_owner && !same_owner(record, held))
        return KAD_REFUSAL_OWNER;
    if (cas && *cas != held->sequence)
        return KAD_REFUSAL_CAS;
    order = kad_hold_compare(dht, record, held);
    *out_same = order >= 0 && record->sequence == held->sequence && same_owner(record, held) &&
                record->withdrawn == held->withdrawn && same_bytes(record->value, held->value);
    return order > 0 && !*out_same ? KAD_REFUSAL_SEQUENCE : KAD_REFUSAL_NONE;
}

/* Who is far from a key was given it because it is read often. It keeps it for a time that halves with every k nodes there are
 * between (Kademlia, section 2.5, halves with each node: measured on a network whose size is known exactly). */
static kad_ms cached_until(const struct kad_dht *dht, const struct kad_record *record, kad_ms now)
{
    const struct kad_settings *settings = dht->settings;
    double nodes = 0, before;
    uint64_t distance = 0;

    if (settings->cache_ms == 0)
        return KAD_NEVER;
    for (int i = 0; i < KAD_FAMILIES; i++) {
        const double estimate = dht->tables[i] ? kad_estimate_nodes(&dht->estimates[i]) : 0;

        nodes = estimate > nodes ? estimate : nodes;
    }
    for (int i = 0; i < 8; i++)
        distance = distance << 8 | (uint8_t)(record->key.bytes[i] ^ dht->self.bytes[i]);
    before = nodes * ((double)distance / 18446744073709551616.0) - FAR * settings->replicas;
    if (before <= 0)
        return KAD_NEVER;
    before /= settings->replicas;
    return now + (before < 30 ? settings->cache_ms >> (unsigned)before : 0) + KAD_MINUTE;
}

struct kad_hold_kept kad_hold_keep(struct kad_dht *dht, const struct kad_record *record,
                                   const struct kad_endpoint *publisher, const int64_t *cas, kad_ms now)
{
    struct kad_hold_kept kept = {.held = -1};
    struct kad_record held, copy = *record;
    unsigned n_others;
    bool same = false;

    kept.refusal = kad_hold_check_life(dht, record, now, &kept.expires_at);
    if (kept.refusal != KAD_REFUSAL_NONE)
        return kept;
    if (find_held(dht, record, now, &held, &n_others)) {
        kept.refusal = check_order(dht, record, &held, cas, &same);
        if (kept.refusal == KAD_REFUSAL_CAS || kept.refusal == KAD_REFUSAL_SEQUENCE)
            kept.held = held.sequence;
        if (same)
            kept.expires_at = held.expires_at;
    } else if (n_others >= kad_hold_class(dht, record->type)->owners_max) {
        kept.refusal = KAD_REFUSAL_SERVER;
        kept.error = KAD_E_LIMIT;
    }
    if (same)
        dht->store->ops->touch(dht->store, &held, now);
    if (kept.refusal != KAD_REFUSAL_NONE || same)
        return kept;
    copy.seen_at = now;
    kept.expires_at = kad_ms_min(kept.expires_at, cached_until(dht, record, now));
    copy.expires_at = kept.expires_at;
    kept.error = dht->store->ops->put(dht->store, &copy, publisher, now);
    if (kept.error)
        kept.refusal = KAD_REFUSAL_SERVER;
    else
        dht->expire_at = kad_ms_min(dht->expire_at, copy.expires_at);
    return kept;
}

/* -- answers ---------------------------------------------------------------------------------------------------- */

static bool may_give(const struct kad_dht *dht, const struct kad_record *record, bool taking)
{
    const struct kad_class *class = kad_hold_class(dht, record->type);

    return class && class->taken_once == taking;
}

/* As many of the key's records from `from` on as fit an answer. */
static void give(struct kad_dht *dht, const struct kad_message *query, bool taking, kad_ms now,
                 struct kad_message *reply)
{
    uint32_t from = query->from;
    size_t size = 0;

    reply->from = 0;
    reply->has_places = true;
    for (;;) {
        struct kad_record record;
        uint32_t next;

        if (dht->store->ops->list(dht->store, &query->target, query->record_type, now, from, &record, 1,
                                  &next) == 0)
            return;
        if (may_give(dht, &record, taking)) {
            size += KAD_HOLD_HEAD + record.value.size;
            if (reply->record.type == KAD_RECORD_NONE) {
                reply->record = record;
            } else if (size > KAD_HOLD_PAGE || reply->n_records == KAD_MESSAGE_RECORDS) {
                reply->from = from;
                return;
            } else {
                reply->places[reply->n_records] = from;
                reply->records[reply->n_records++] = record;
            }
        }
        if (!next)
            return;
        from = next;
    }
}

static uint32_t list(struct kad_hold_rest *rest, const struct kad_id *key, uint32_t at, uint32_t *out_next)
{
    rest->n_records =
        (uint32_t)rest->dht->store->ops->list(rest->dht->store, key, rest->type, rest->now, rest->from[at],
                                              rest->records, KAD_HOLD_LISTED, out_next);
    rest->read = at + 1;
    return rest->n_records;
}

static bool next_held(struct kad_values *values, const struct kad_message *message,
                      struct kad_record *out_record)
{
    struct kad_hold_rest *rest = values->context;

    for (; values->n < rest->n_lists * KAD_HOLD_LISTED; values->n++) {
        const uint32_t at = (rest->first + values->n / KAD_HOLD_LISTED) % rest->n_lists;
        uint32_t next;

        if (rest->read != at + 1)
            list(rest, &message->record.key, at, &next);
        if (values->n % KAD_HOLD_LISTED >= rest->n_records)
            continue;
        *out_record = rest->records[values->n++ % KAD_HOLD_LISTED];
        return true;
    }
    return false;
}

static void give_all(struct kad_dht *dht, const struct kad_message *query, kad_ms now,
                     struct kad_hold_rest *rest, struct kad_message *reply)
{
    uint32_t next = 0;

    rest->dht = dht;
    rest->now = now;
    rest->type = query->record_type;
    rest->first = rest->n_lists = rest->read = rest->n_records = 0;
    do {
        rest->from[rest->n_lists] = next;
        if (list(rest, &query->target, rest->n_lists, &next) > 0)
            rest->n_lists++;
    } while (next && rest->n_lists < KAD_HOLD_LISTS);
    if (!rest->n_lists)
        return;
    rest->first = kad_rng_below(&dht->rng, rest->n_lists);
    reply->record.key = query->target;
    reply->more = (struct kad_values){.next = next_held, .context = rest};
    if (!next_held(&reply->more, reply, &reply->record))
        reply->more.next = NULL;
}

static void sign(struct kad_dht *dht, struct kad_message *reply)
{
    dht->rules->sign_attest(&reply->attest, dht->member->secret);
    reply->has_attest = true;
}

static bool is_mail(const struct kad_dht *dht, uint8_t type)
{
    const struct kad_class *class = kad_hold_class(dht, type);

    return class && class->taken_once;
}

/* Whether somebody has mail is nobody else's business; and that there is nothing, where mail lies, would be a lie. */
static bool concerns_mail(struct kad_dht *dht, const struct kad_message *query, kad_ms now)
{
    struct kad_record held, ghost;
    uint32_t next;

    if (query->record_type)
        return is_mail(dht, query->record_type);
    if (dht->store->ops->list(dht->store, &query->target, 0, now, 0, &held, 1, &next) > 0)
        return true; /* it was not given, so it is mail */
    return dht->store->ops->ghost(dht->store, &query->target, 0, now, &ghost) == 0 &&
           is_mail(dht, ghost.type);
}

/* Nothing is held: what was, or since when nothing has been. */
static void testify(struct kad_dht *dht, const struct kad_message *query, kad_ms now,
                    struct kad_message *reply)
{
    struct kad_record *ghost = &reply->ghost;

    reply->attest = (struct kad_attest){.key = query->target};
    if (dht->store->ops->ghost(dht->store, &query->target, query->record_type, now, ghost) == 0) {
        reply->has_ghost = true;
        reply->attest.kind = KAD_ATTEST_HELD;
        reply->attest.at = ghost->expires_at;
        dht->rules->digest(ghost, reply->attest.digest);
    } else {
        reply->attest.kind = KAD_ATTEST_NOTHING;
        reply->attest.at =
            kad_ms_max(kad_ms_max(dht->member->records->since, ghost->expires_at), now - 24 * KAD_HOUR);
    }
    sign(dht, reply);
}

void kad_hold_get(struct kad_dht *dht, const struct kad_message *query, kad_ms now,
                  struct kad_hold_rest *rest, struct kad_message *reply)
{
    if (query->prefix_bits) {
        kad_hold_get_prefix(dht, query, now, reply);
        return;
    }
    if (dht->rules->whole_lists)
        give_all(dht, query, now, rest, reply);
    else
        give(dht, query, false, now, reply);
    if (reply->record.type == KAD_RECORD_NONE) {
        if (query->wants_attest && !concerns_mail(dht, query, now))
            testify(dht, query, now, reply);
        return;
    }
    if (query->has_sequence && !reply->record.many && reply->n_records == 0 &&
        reply->record.sequence <= query->sequence) {
        reply->has_sequence = true; /* the asker has this one, or a newer */
        reply->sequence = reply->record.sequence;
        reply->record.type = KAD_RECORD_NONE;
    }
}

/* This very record, signature and all: there is nothing left to check. */
static bool is_held(struct kad_dht *dht, const struct kad_record *record, kad_ms now)
{
    struct kad_record held;
    unsigned n_others;

    return find_held(dht, record, now, &held, &n_others) && held.type == record->type &&
           held.withdrawn == record->withdrawn && held.sequence == record->sequence &&
           held.made_at == record->made_at && held.valid_until == record->valid_until &&
           same_owner(&held, record) &&
           memcmp(held.signature, record->signature, sizeof(held.signature)) == 0 &&
           same_bytes(held.value, record->value);
}

static bool is_forged(const struct kad_record *record, enum kad_refusal refusal)
{
    return refusal == KAD_REFUSAL_SIGNATURE ||
           /* a program's own classes may be others elsewhere */
           (record->type < KAD_CLASS_USER && (refusal == KAD_REFUSAL_LIFE || refusal == KAD_REFUSAL_OWNER));
}

/* Stake, work, a list of who may: the host's business, of whom networks without such a word know nothing. */
static bool is_vetoed(const struct kad_dht *dht, const struct kad_peer *from, const struct kad_id *sender,
                      const struct kad_record *record)
{
    const struct kad_gate *gate = &dht->member->gate;
    const struct kad_contact who = {*sender, from->endpoint};

    return record->type == KAD_CLASS_PROVIDER && gate->provides &&
           !gate->provides(gate->context, &who, from->identity, record);
}

enum kad_refusal kad_hold_put(struct kad_dht *dht, const struct kad_peer *from,
                              const struct kad_message *query, const struct kad_record *record, kad_ms now,
                              struct kad_message *reply, struct kad_hold_kept *out_kept, bool *out_strike)
{
    enum kad_refusal refusal = KAD_REFUSAL_NONE;
    kad_ms expires_at;

    *out_kept = (struct kad_hold_kept){.held = -1};
    if (!kad_hold_class(dht, record->type))
        return KAD_REFUSAL_CLASS;
    if (!query->record_checked && !is_held(dht, record, now))
        refusal = kad_hold_check(dht, record);
    *out_strike = is_forged(record, refusal);
    if (refusal == KAD_REFUSAL_NONE && dht->rules->may_put && !dht->rules->may_put(record, &query->sender))
        refusal = KAD_REFUSAL_OWNER;
    if (refusal == KAD_REFUSAL_NONE)
        refusal = kad_hold_check_life(dht, record, now, &expires_at);
    if (refusal == KAD_REFUSAL_NONE && is_vetoed(dht, from, &query->sender, record))
        refusal = KAD_REFUSAL_POLICY;
    if (refusal != KAD_REFUSAL_NONE)
        return refusal;
    *out_kept = kad_hold_keep(dht, record, &from->endpoint, query->has_cas ? &query->cas : NULL, now);
    if (out_kept->refusal == KAD_REFUSAL_OWNER)
        kad_restore_doubt(dht, from, record, now);
    if (out_kept->refusal == KAD_REFUSAL_CAS || out_kept->refusal == KAD_REFUSAL_SEQUENCE) {
        reply->has_sequence = true;
        reply->sequence = out_kept->held;
    }
    if (out_kept->refusal != KAD_REFUSAL_NONE)
        return out_kept->refusal;
    if (!query->wants_attest)
        return KAD_REFUSAL_NONE;
    reply->attest =
        (struct kad_attest){.kind = KAD_ATTEST_STORED, .key = record->key, .at = out_kept->expires_at};
    dht->rules->digest(record, reply->attest.digest);
    sign(dht, reply);
    return KAD_REFUSAL_NONE;
}

/* Those that arrived with the asker: a newer one of the same owner has not been given yet. */
static void forget(struct kad_dht *dht, const struct kad_message *query, kad_ms now)
{
    struct kad_record page[PAGE];
    uint32_t next = 0;

    do {
        const size_t n = dht->store->ops->list(dht->store, &query->target, query->record_type, now, next,
                                               page, PAGE, &next);

        for (size_t i = 0; i < n; i++) {
            for (size_t j = 0; j < query->n_records && may_give(dht, &page[i], true); j++) {
                if (page[i].type == query->records[j].type && same_owner(&page[i], &query->records[j]) &&
                    page[i].sequence == query->records[j].sequence) {
                    dht->store->ops->remove(dht->store, &page[i]);
                    break;
                }
            }
        }
    } while (query->n_records && next);
}

enum kad_refusal kad_hold_take(struct kad_dht *dht, const struct kad_peer *from,
                               const struct kad_message *query, kad_ms now, struct kad_message *reply)
{
    if (!dht->rules->is_for || !dht->rules->is_for(&query->target, from->identity))
        return KAD_REFUSAL_OWNER;
    forget(dht, query, now);
    give(dht, query, true, now, reply);
    return KAD_REFUSAL_NONE;
}
