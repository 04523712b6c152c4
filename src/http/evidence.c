/* evidence - see evidence.h. */
#include "http/evidence.h"

#include <string.h>
#include <time.h>

#include "base/types.h"
#include "core/id.h"
#include "http/json.h"
#include "node/look.h"

/* -- memos ------------------------------------------------------------------------------------------------------- */

static const struct kad_evidence_memo *find(const struct kad_evidence *evidence, const struct kad_id *key)
{
    const struct kad_evidence_memo *set = evidence->memos[key->bytes[19] % KAD_EVIDENCE_SETS];

    for (unsigned i = 0; i < KAD_EVIDENCE_WAYS; i++) {
        if (set[i].used_at && kad_id_equal(&set[i].key, key))
            return &set[i];
    }
    return NULL;
}

struct kad_evidence_memo *kad_evidence_memo(struct kad_evidence *evidence, const struct kad_id *key,
                                            kad_ms now)
{
    struct kad_evidence_memo *set = evidence->memos[key->bytes[19] % KAD_EVIDENCE_SETS];
    struct kad_evidence_memo *oldest = &set[0];

    for (unsigned i = 0; i < KAD_EVIDENCE_WAYS; i++) {
        if (set[i].used_at && kad_id_equal(&set[i].key, key)) {
            set[i].used_at = now;
            return &set[i];
        }
        if (set[i].used_at < oldest->used_at)
            oldest = &set[i];
    }
    *oldest = (struct kad_evidence_memo){.key = *key, .sequence = -1, .used_at = now};
    return oldest;
}

static void note_sequence(struct kad_evidence_memo *memo, const struct kad_record *record)
{
    if (record->type == KAD_RECORD_MUTABLE && record->sequence > memo->sequence)
        memo->sequence = record->sequence;
}

static void note_held(struct kad_evidence *evidence, struct kad_node *node, const struct kad_id *key)
{
    struct kad_evidence_memo *memo;
    struct kad_record record;

    if (!kad_node_held(node, key, &record))
        return; /* an announce: peers, not a value */
    memo = kad_evidence_memo(evidence, key, kad_node_now(node));
    memo->held_at = kad_node_now(node);
    memo->expires_at = record.expires_at;
    note_sequence(memo, &record);
}

/* -- what happens ------------------------------------------------------------------------------------------------ */

void kad_evidence_event(struct kad_evidence *evidence, struct kad_node *node, const struct kad_event *event)
{
    if (event->kind == KAD_EVENT_WARNING) {
        evidence->warnings[event->warning].n++;
        evidence->warnings[event->warning].last_at = kad_node_now(node);
    } else if (event->kind == KAD_EVENT_STORED) {
        note_held(evidence, node, &event->key);
    }
}

void kad_evidence_done(struct kad_evidence *evidence, struct kad_node *node, const struct kad_event *event)
{
    const kad_ms now = kad_node_now(node);
    struct kad_evidence_memo *memo;

    if (!evidence || event->kind != KAD_EVENT_DONE)
        return;
    if (event->done.kind == KAD_REQUEST_PUT && event->done.n_stored > 0) {
        if (event->done.stored_here)
            note_held(evidence, node, &event->done.target);
        memo = kad_evidence_memo(evidence, &event->done.target, now);
        memo->put_at = now;
        memo->n_copies = event->done.n_stored;
    } else if (event->done.kind == KAD_REQUEST_GET && event->done.record) {
        memo = kad_evidence_memo(evidence, &event->done.target, now);
        memo->seen_at = now;
        note_sequence(memo, event->done.record);
    }
}

void kad_evidence_size(struct kad_evidence *evidence, unsigned family, double size, kad_ms now)
{
    const int64_t hour = now / KAD_HOUR;
    struct kad_evidence_peak *peak = &evidence->peaks[family][hour % KAD_EVIDENCE_HOURS];

    if (peak->hour != hour)
        *peak = (struct kad_evidence_peak){.hour = hour};
    if (size > peak->size)
        peak->size = size;
}

double kad_evidence_peak(const struct kad_evidence *evidence, unsigned family, kad_ms now)
{
    double most = 0;

    for (unsigned i = 0; i < KAD_EVIDENCE_HOURS; i++) {
        const struct kad_evidence_peak *peak = &evidence->peaks[family][i];

        if (now / KAD_HOUR - peak->hour < KAD_EVIDENCE_HOURS && peak->size > most)
            most = peak->size;
    }
    return most;
}

/* Only once the node has joined: the first lookups of a start say little. */
void kad_evidence_second(struct kad_evidence *evidence, struct kad_node *node)
{
    struct kad_info info;

    kad_engine_info(kad_node_engine(node), &info);
    for (unsigned i = 0; i < 2 && info.ready; i++)
        kad_evidence_size(evidence, i, info.network_size[i], kad_node_now(node));
}

/* -- what is told ------------------------------------------------------------------------------------------------ */

static json_t *instant_or_null(kad_ms at)
{
    return at > 0 ? kad_json_instant(at) : json_null();
}

static json_t *warnings(const struct kad_evidence *evidence)
{
    json_t *object = json_object();

    for (unsigned i = 0; i < KAD_N_WARNINGS; i++)
        json_object_set_new(object, kad_warning_text((enum kad_warning)i),
                            json_pack("{s:I, s:o}", "count", (json_int_t)evidence->warnings[i].n, "last_at",
                                      instant_or_null(evidence->warnings[i].last_at)));
    return object;
}

static json_t *peak(const struct kad_evidence *evidence, unsigned family, kad_ms now)
{
    const double size = kad_evidence_peak(evidence, family, now);

    return size > 0 ? json_integer((json_int_t)(size + 0.5)) : json_null();
}

/* Of the wall clock against the node's, which was set by it at the start and is moved by nobody. */
static json_int_t clock_moved_ms(struct kad_node *node)
{
    struct timespec wall;

    if (clock_gettime(CLOCK_REALTIME, &wall) != 0)
        return 0;
    return (json_int_t)wall.tv_sec * KAD_SECOND + wall.tv_nsec / 1000000 - kad_node_now(node);
}

json_t *kad_evidence_json(const struct kad_evidence *evidence, struct kad_node *node)
{
    const struct kad_node_config *config = kad_node_config_of(node);
    const kad_ms now = kad_node_now(node);
    json_t *bootstrap = json_array();

    for (size_t i = 0; i < config->n_bootstrap; i++)
        json_array_append_new(bootstrap, json_string(config->bootstrap[i]));
    return json_pack("{s:o, s:o, s:{s:o, s:o}, s:I, s:I}", "bootstrap", bootstrap, "warnings",
                     warnings(evidence), "network_size_peak", "ipv4", peak(evidence, 0, now), "ipv6",
                     peak(evidence, 1, now), "clock_moved_ms", clock_moved_ms(node), "store_max_bytes",
                     (json_int_t)config->store_max_bytes);
}

static json_t *held(struct kad_node *node, const struct kad_id *key)
{
    struct kad_record record;

    if (!kad_node_held(node, key, &record))
        return json_null();
    return json_pack("{s:o, s:o}", "expires_at", kad_json_instant(record.expires_at), "seq",
                     record.type == KAD_RECORD_MUTABLE ? json_integer(record.sequence) : json_null());
}

static json_t *published(struct kad_node *node, const struct kad_id *key,
                         const struct kad_evidence_memo *memo)
{
    struct kad_published published;
    kad_ms at;

    if (!kad_engine_published(kad_node_engine(node), key, &published))
        return json_null();
    at = published.last_at > 0 ? published.last_at : memo ? memo->put_at : 0;
    return json_pack("{s:o, s:I, s:o, s:o}", "last_at", instant_or_null(at), "copies",
                     (json_int_t)(published.last_at > 0 ? published.n_stored
                                  : memo                ? memo->n_copies
                                                        : 0),
                     "due_at", instant_or_null(published.due_at), "keep_until",
                     instant_or_null(published.keep_until));
}

json_t *kad_evidence_of(const struct kad_evidence *evidence, struct kad_node *node, const struct kad_id *key)
{
    const struct kad_evidence_memo *memo = find(evidence, key);
    const kad_ms now = kad_node_now(node);

    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "key", kad_json_id(key), "now",
                     kad_json_instant(now), "held", held(node, key), "published", published(node, key, memo),
                     "held_at", instant_or_null(memo ? memo->held_at : 0), "expired_at",
                     memo && memo->expires_at > 0 && memo->expires_at <= now
                         ? kad_json_instant(memo->expires_at)
                         : json_null(),
                     "put_at", instant_or_null(memo ? memo->put_at : 0), "put_copies",
                     memo && memo->put_at ? json_integer(memo->n_copies) : json_null(), "seen_at",
                     instant_or_null(memo ? memo->seen_at : 0), "seq",
                     memo && memo->sequence >= 0 ? json_integer(memo->sequence) : json_null());
}
