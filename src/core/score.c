#include "core/score.h"

#include <assert.h>
#include <string.h>

#include "base/endpoint.h"
#include "base/hash.h"
#include "base/index.h"
#include "base/walk.h"
#include "core/id.h"

#define FIRST_ROOM 16
#define NONE       UINT32_MAX

#define ONE        1024u       /* seen once; fading needs the bits behind the point */
#define MOST_SEEN  (64 * ONE)  /* more of anything says nothing new */
#define MOST_HELD  (200 * ONE) /* against somebody */
#define GRAY       (40 * ONE)
#define BANNED     (80 * ONE)
#define GROUP      4 /* an address group is held to account for its nodes together */
#define BAN_MOST   (7 * 24 * KAD_HOUR)
#define TOO_SILENT 3      /* times in a row: whatever it was up for ends here */
#define STEPS      64     /* of a half-life */
#define STEP_65536 64830u /* 2^(-1/64) */

enum about { IDENTITY, ADDRESS, ADDRESS_GROUP, N_ABOUT };

struct entry {
    struct kad_id id;             /* IDENTITY */
    struct kad_endpoint endpoint; /* where it was last; the others: what they are about */
    kad_ms first_at, heard_at;    /* 0: not yet, or not any more */
    kad_ms faded_at;
    kad_ms banned_until, banned_for;
    uint32_t answers, silences, refusals, held; /* ONE each, fading; held: against it */
    uint32_t bytes, waited_ms;                  /* throughput: fading, too */
    uint32_t newer, older;
    int32_t rtt_8; /* smoothed, times 8; negative: unknown */
    uint8_t about, silent_in_a_row;
    bool by_operator;
};

struct kad_scores {
    struct kad_score_config config;
    struct kad_index index;
    struct entry *entries;
    uint32_t n, room;
    uint32_t newest, oldest;
};

/* -- fading ----------------------------------------------------------------------------------------------------- */

static kad_ms step_ms(const struct kad_scores *scores)
{
    return kad_ms_max(scores->config.half_life_ms / STEPS, 1);
}

static uint32_t faded(uint32_t value, uint64_t steps)
{
    const uint64_t halves = steps / STEPS;

    value = halves < 32 ? value >> halves : 0;
    for (uint64_t i = 0; i < steps % STEPS && value; i++)
        value = (uint32_t)((uint64_t)value * STEP_65536 >> 16);
    return value;
}

/* Of `entry`, as it stands now. */
static struct entry as_of(const struct kad_scores *scores, const struct entry *entry, kad_ms now)
{
    struct entry e = *entry;
    const kad_ms passed = now > e.faded_at ? now - e.faded_at : 0;
    const uint64_t steps = (uint64_t)(passed / step_ms(scores));

    e.answers = faded(e.answers, steps);
    e.silences = faded(e.silences, steps);
    e.refusals = faded(e.refusals, steps);
    e.held = faded(e.held, steps);
    e.bytes = faded(e.bytes, steps);
    e.waited_ms = faded(e.waited_ms, steps);
    e.faded_at += (kad_ms)steps * step_ms(scores);
    return e;
}

static uint32_t more(uint32_t value, uint64_t by, uint32_t most)
{
    return value + by < most ? (uint32_t)(value + by) : most;
}

/* -- who -------------------------------------------------------------------------------------------------------- */

/* All of one host, as far as that can be told: of IPv6 it has a /64. */
static struct kad_endpoint host_of(const struct kad_endpoint *endpoint)
{
    struct kad_endpoint host = *endpoint;

    host.port = 0;
    if (host.family == KAD_IPV6)
        memset(host.address + 8, 0, 8);
    return host;
}

static struct kad_endpoint group_of(const struct kad_endpoint *endpoint)
{
    struct kad_endpoint group = *endpoint;

    group.port = 0;
    if (group.family == KAD_IPV6)
        memset(group.address + 6, 0, 10); /* /48 */
    else
        group.address[3] = 0; /* /24 */
    return group;
}

static uint64_t hash_of(const struct kad_scores *scores, enum about about, const struct kad_id *id,
                        const struct kad_endpoint *endpoint)
{
    if (about == IDENTITY)
        return kad_hash(scores->config.hash_key, id->bytes, sizeof(id->bytes));
    return kad_hash(scores->config.hash_key ^ (uint64_t)about, endpoint, sizeof(*endpoint));
}

static uint64_t hash_of_entry(const struct kad_scores *scores, const struct entry *entry)
{
    return hash_of(scores, (enum about)entry->about, &entry->id, &entry->endpoint);
}

/* `endpoint` as host_of() or group_of() made it, where it is what the entry is about. */
static uint32_t find(const struct kad_scores *scores, enum about about, const struct kad_id *id,
                     const struct kad_endpoint *endpoint)
{
    const uint64_t hash = hash_of(scores, about, id, endpoint);

    for (uint32_t at = kad_index_first(&scores->index, hash); at != KAD_INDEX_END;
         at = kad_index_next(&scores->index, hash, at)) {
        const uint32_t slot = kad_index_slot(&scores->index, at);
        const struct entry *entry = &scores->entries[slot];

        if (entry->about == about && (about == IDENTITY ? kad_id_equal(&entry->id, id)
                                                        : kad_endpoint_equal(&entry->endpoint, endpoint)))
            return slot;
    }
    return NONE;
}

static const struct entry *found(const struct kad_scores *scores, enum about about, const struct kad_id *id,
                                 const struct kad_endpoint *endpoint)
{
    const uint32_t slot = find(scores, about, id, endpoint);

    return slot == NONE ? NULL : &scores->entries[slot];
}

/* -- places ----------------------------------------------------------------------------------------------------- */

static void link_newest(struct kad_scores *scores, uint32_t slot)
{
    struct entry *entry = &scores->entries[slot];

    entry->newer = NONE;
    entry->older = scores->newest;
    if (scores->newest != NONE)
        scores->entries[scores->newest].newer = slot;
    else
        scores->oldest = slot;
    scores->newest = slot;
}

static void unlink_entry(struct kad_scores *scores, uint32_t slot)
{
    const struct entry *entry = &scores->entries[slot];

    if (entry->older != NONE)
        scores->entries[entry->older].newer = entry->newer;
    else
        scores->oldest = entry->newer;
    if (entry->newer != NONE)
        scores->entries[entry->newer].older = entry->older;
    else
        scores->newest = entry->older;
}

/* The oldest that is not banned; else the oldest that is, by nobody's order. */
static uint32_t victim(const struct kad_scores *scores, kad_ms now)
{
    uint32_t banned = NONE;

    for (uint32_t at = scores->oldest; at != NONE; at = scores->entries[at].newer) {
        const struct entry *entry = &scores->entries[at];

        if (entry->banned_until <= now)
            return at;
        if (banned == NONE && !entry->by_operator)
            banned = at;
    }
    return banned;
}

static bool grow(struct kad_scores *scores)
{
    uint32_t room = scores->room ? 2 * scores->room : FIRST_ROOM;
    struct entry *entries;

    if (room > scores->config.ceiling)
        room = scores->config.ceiling;
    if (room <= scores->room)
        return false;
    entries = kad_resize(scores->config.allocator, scores->entries, scores->room * sizeof(*entries),
                         room * sizeof(*entries));
    if (!entries)
        return false;
    scores->entries = entries;
    scores->room = room;
    return true;
}

/* A place for this one, with nothing known. NULL: no memory, or nobody may give way. */
static struct entry *add(struct kad_scores *scores, enum about about, const struct kad_id *id,
                         const struct kad_endpoint *endpoint, kad_ms now)
{
    uint32_t slot = scores->n;
    struct entry *entry;

    if (scores->n == scores->room && !grow(scores)) {
        slot = victim(scores, now);
        if (slot == NONE)
            return NULL;
        unlink_entry(scores, slot);
        kad_index_remove(&scores->index, hash_of_entry(scores, &scores->entries[slot]), slot);
    } else {
        scores->n++;
    }
    entry = &scores->entries[slot];
    memset(entry, 0, sizeof(*entry));
    entry->about = (uint8_t)about;
    if (id)
        entry->id = *id;
    if (endpoint)
        entry->endpoint = *endpoint;
    entry->faded_at = now;
    entry->rtt_8 = -1;
    if (kad_index_add(&scores->index, hash_of_entry(scores, entry), slot) != 0) {
        /* What was forgotten for its sake is forgotten; its place is closed up. */
        const uint32_t last = --scores->n;

        if (slot != last) {
            const struct entry moved = scores->entries[last];

            scores->entries[slot] = moved;
            kad_index_move(&scores->index, hash_of_entry(scores, &moved), last, slot);
            if (moved.older != NONE)
                scores->entries[moved.older].newer = slot;
            else
                scores->oldest = slot;
            if (moved.newer != NONE)
                scores->entries[moved.newer].older = slot;
            else
                scores->newest = slot;
        }
        return NULL;
    }
    link_newest(scores, slot);
    return entry;
}

/* Found or made; the most recently noted from now on, and faded to now. */
static struct entry *noted(struct kad_scores *scores, enum about about, const struct kad_id *id,
                           const struct kad_endpoint *endpoint, kad_ms now)
{
    const uint32_t slot = find(scores, about, id, endpoint);
    struct entry *entry;

    if (slot == NONE)
        return add(scores, about, id, endpoint, now);
    unlink_entry(scores, slot);
    link_newest(scores, slot);
    entry = &scores->entries[slot];
    *entry = as_of(scores, entry, now);
    return entry;
}

struct kad_scores *kad_scores_new(const struct kad_score_config *config)
{
    struct kad_scores *scores = kad_alloc_zero(config->allocator, sizeof(*scores));

    assert(config->ceiling >= 16 && config->ceiling <= 65536 && "settings are checked before");
    if (!scores)
        return NULL;
    scores->config = *config;
    scores->newest = scores->oldest = NONE;
    kad_index_init(&scores->index, config->allocator, config->ceiling);
    return scores;
}

void kad_scores_free(struct kad_scores *scores)
{
    if (!scores)
        return;
    kad_index_clear(&scores->index);
    kad_free(scores->config.allocator, scores->entries, scores->room * sizeof(*scores->entries));
    kad_free(scores->config.allocator, scores, sizeof(*scores));
}

void kad_scores_configure(struct kad_scores *scores, kad_ms half_life_ms, kad_ms ban_ms)
{
    scores->config.half_life_ms = half_life_ms;
    scores->config.ban_ms = ban_ms;
}

/* -- deeds ------------------------------------------------------------------------------------------------------ */

static void ban(struct kad_scores *scores, struct entry *entry, kad_ms now)
{
    const bool soon_again = now - entry->banned_until < 4 * entry->banned_for;
    kad_ms wanted = scores->config.ban_ms;

    if (entry->banned_for && soon_again)
        wanted = kad_ms_min(2 * entry->banned_for, kad_ms_max(BAN_MOST, scores->config.ban_ms));
    entry->banned_for = wanted;
    entry->banned_until = now + wanted;
    entry->held = GRAY; /* when it is over it begins where others would be suspected */
}

static void hold_against(struct kad_scores *scores, struct entry *entry, uint32_t points, kad_ms now)
{
    entry->held = more(entry->held, points, MOST_HELD);
    if (entry->held >= BANNED && entry->banned_until <= now)
        ban(scores, entry, now);
}

static void answered(struct entry *entry, int rtt_ms, size_t bytes, kad_ms now)
{
    entry->answers = more(entry->answers, ONE, MOST_SEEN);
    entry->silent_in_a_row = 0;
    if (!entry->first_at)
        entry->first_at = now;
    entry->heard_at = now;
    if (rtt_ms < 0)
        return;
    entry->rtt_8 = entry->rtt_8 < 0 ? 8 * rtt_ms : entry->rtt_8 + rtt_ms - entry->rtt_8 / 8;
    if (!bytes)
        return;
    entry->bytes = more(entry->bytes, bytes, 1u << 30);
    entry->waited_ms = more(entry->waited_ms, (uint64_t)rtt_ms + 1, 1u << 30);
}

/* A network's nodes are no more guilty of what one of them does than that they are asked a little later: only many together
 * bring the group to where a single node gets alone. */
static void hold_group(struct kad_scores *scores, const struct kad_endpoint *endpoint, uint32_t points,
                       kad_ms now)
{
    const struct kad_endpoint group = group_of(endpoint);
    struct entry *entry;

    if (kad_endpoint_scope(endpoint) != KAD_SCOPE_PUBLIC)
        return; /* behind one private address may be all we know */
    entry = noted(scores, ADDRESS_GROUP, NULL, &group, now);
    if (entry)
        entry->held = more(entry->held, points / GROUP, MOST_HELD);
}

bool kad_score_note(struct kad_scores *scores, const struct kad_id *id, const struct kad_endpoint *endpoint,
                    enum kad_deed deed, int rtt_ms, size_t bytes, kad_ms now)
{
    static const uint32_t weights[] = {[KAD_DEED_BROKE] = 10 * ONE, [KAD_DEED_FORGED] = 20 * ONE};
    struct entry *entry;
    bool was_banned;

    if ((deed == KAD_DEED_SILENT || deed == KAD_DEED_REFUSED) && find(scores, IDENTITY, id, NULL) == NONE)
        return false; /* of nobody who is known: it may well not exist */
    entry = noted(scores, IDENTITY, id, endpoint, now);
    if (!entry)
        return false;
    was_banned = entry->banned_until > now;
    if (endpoint)
        entry->endpoint = *endpoint;
    switch (deed) {
    case KAD_DEED_ANSWERED:
        answered(entry, rtt_ms, bytes, now);
        break;
    case KAD_DEED_REFUSED:
        entry->refusals = more(entry->refusals, ONE, MOST_SEEN);
        entry->silent_in_a_row = 0;
        break;
    case KAD_DEED_SILENT:
        entry->silences = more(entry->silences, ONE, MOST_SEEN);
        if (++entry->silent_in_a_row >= TOO_SILENT) {
            entry->silent_in_a_row = 0;
            entry->first_at = 0;
        }
        break;
    case KAD_DEED_BROKE:
    case KAD_DEED_FORGED:
        hold_against(scores, entry, weights[deed], now);
        was_banned = was_banned || entry->banned_until <= now;
        if (endpoint)
            hold_group(scores, endpoint, weights[deed], now); /* `entry` may be elsewhere from here on */
        return !was_banned;
    }
    return false;
}

/* -- what follows ----------------------------------------------------------------------------------------------- */

static unsigned log2_of(uint64_t value)
{
    unsigned log = 0;

    while (value >>= 1)
        log++;
    return log;
}

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

static unsigned for_latency(const struct entry *entry)
{
    static const int32_t bounds[] = {50, 100, 200, 400, 800};

    for (unsigned i = 0; entry->rtt_8 >= 0 && i < KAD_COUNT_OF(bounds); i++) {
        if (entry->rtt_8 / 8 <= bounds[i])
            return 10 - 2 * i;
    }
    return 0;
}

static unsigned for_throughput(const struct entry *entry)
{
    if (!entry->waited_ms)
        return 0;
    return least(5, log2_of(1 + (uint64_t)entry->bytes * 1000 / entry->waited_ms / 1024));
}

/* Minutes between the first and the last answer, silences between them few. */
static unsigned for_uptime(const struct entry *entry)
{
    if (!entry->first_at)
        return 0;
    return least(15, log2_of(1 + (uint64_t)(entry->heard_at - entry->first_at) / KAD_MINUTE) * 3 / 2);
}

/* In points of the score, never below 0 in the end. */
static unsigned total(int points)
{
    return points < 0 ? 0 : points > KAD_SCORE_MOST ? KAD_SCORE_MOST : (unsigned)points;
}

static unsigned rate(const struct kad_scores *scores, const struct kad_id *id,
                     const struct kad_endpoint *endpoint, bool with_line, kad_ms now)
{
    const struct entry *entry;
    int points = KAD_SCORE_UNKNOWN;

    if (!scores)
        return KAD_SCORE_UNKNOWN;
    entry = found(scores, IDENTITY, id, NULL);
    if (entry) {
        const struct entry e = as_of(scores, entry, now);

        if (e.banned_until > now)
            return 0;
        points += (int)least(20, e.answers / ONE) + (int)for_uptime(&e);
        if (with_line)
            points += (int)for_latency(&e) + (int)for_throughput(&e);
        points -=
            (int)least(15, 2 * (e.silences / ONE)) + (int)least(5, e.refusals / ONE) + (int)(e.held / ONE);
    }
    if (endpoint) {
        const struct kad_endpoint group = group_of(endpoint);

        entry = found(scores, ADDRESS_GROUP, NULL, &group);
        if (entry)
            points -= (int)least(10, as_of(scores, entry, now).held / ONE);
    }
    return total(points);
}

unsigned kad_score_of(const struct kad_scores *scores, const struct kad_id *id,
                      const struct kad_endpoint *endpoint, kad_ms now)
{
    return rate(scores, id, endpoint, true, now);
}

unsigned kad_score_kept(const struct kad_scores *scores, const struct kad_id *id,
                        const struct kad_endpoint *endpoint, kad_ms now)
{
    return rate(scores, id, endpoint, false, now);
}

static enum kad_peer_state state_of(const struct kad_scores *scores, const struct entry *entry, kad_ms now)
{
    if (entry->banned_until > now)
        return KAD_PEER_BANNED;
    return entry->about == IDENTITY && as_of(scores, entry, now).held >= GRAY ? KAD_PEER_GRAY : KAD_PEER_FINE;
}

enum kad_peer_state kad_score_state(const struct kad_scores *scores, const struct kad_id *id,
                                    const struct kad_endpoint *endpoint, kad_ms now)
{
    enum kad_peer_state state = KAD_PEER_FINE;
    const struct entry *entry = NULL;

    if (!scores || !scores->n)
        return KAD_PEER_FINE;
    if (endpoint) {
        const struct kad_endpoint host = host_of(endpoint);

        entry = found(scores, ADDRESS, NULL, &host);
        if (entry && entry->banned_until > now)
            return KAD_PEER_BANNED;
    }
    if (id)
        entry = found(scores, IDENTITY, id, NULL);
    if (id && entry)
        state = state_of(scores, entry, now);
    return state;
}

/* -- the operator ----------------------------------------------------------------------------------------------- */

int kad_score_ban(struct kad_scores *scores, const struct kad_id *id, const struct kad_endpoint *endpoint,
                  kad_ms for_ms, kad_ms now)
{
    struct kad_endpoint host = {0};
    struct entry *entry;

    assert((id || endpoint) && "nobody to ban");
    if (!id)
        host = host_of(endpoint);
    entry = noted(scores, id ? IDENTITY : ADDRESS, id, &host, now);
    if (!entry)
        return scores->n == scores->config.ceiling ? KAD_E_LIMIT : KAD_E_MEMORY;
    if (id && endpoint)
        entry->endpoint = *endpoint;
    entry->by_operator = true;
    entry->banned_until = for_ms < KAD_NEVER - now ? now + for_ms : KAD_NEVER;
    return KAD_OK;
}

bool kad_score_pardon(struct kad_scores *scores, const struct kad_id *id, const struct kad_endpoint *endpoint,
                      kad_ms now)
{
    struct kad_endpoint host = {0};
    struct entry *entry;
    uint32_t slot;
    bool was;

    if (!id)
        host = host_of(endpoint);
    slot = find(scores, id ? IDENTITY : ADDRESS, id, &host);
    if (slot == NONE)
        return false;
    entry = &scores->entries[slot];
    was = entry->banned_until > now || as_of(scores, entry, now).held;
    entry->banned_until = entry->banned_for = 0;
    entry->held = 0;
    entry->by_operator = false;
    return was;
}

/* -- looking in, and over a restart ----------------------------------------------------------------------------- */

size_t kad_score_rows(const struct kad_scores *scores, struct kad_peer_row *out_rows, size_t room, kad_ms now)
{
    size_t n = 0;

    for (uint32_t at = scores ? scores->newest : NONE; at != NONE; at = scores->entries[at].older) {
        const struct entry e = as_of(scores, &scores->entries[at], now);

        if (e.about == ADDRESS_GROUP)
            continue;
        if (n < room)
            out_rows[n] = (struct kad_peer_row){
                .contact = {.id = e.id, .endpoint = e.endpoint},
                .is_address = e.about == ADDRESS,
                .score = e.about == ADDRESS ? 0 : kad_score_of(scores, &e.id, &e.endpoint, now),
                .state = state_of(scores, &scores->entries[at], now),
                .by_operator = e.by_operator && e.banned_until > now,
                .first_at = e.first_at,
                .heard_at = e.heard_at,
                .banned_until = e.banned_until > now ? e.banned_until : 0,
                .banned_for = e.banned_for,
                .rtt_ms = e.rtt_8 < 0 ? -1 : e.rtt_8 / 8,
                .answers = e.answers,
                .silences = e.silences,
                .refusals = e.refusals,
                .held = e.held,
                .bytes_per_s = e.waited_ms ? (uint32_t)((uint64_t)e.bytes * 1000 / e.waited_ms) : 0,
            };
        n++;
    }
    return n;
}

int kad_score_remember(struct kad_scores *scores, const struct kad_peer_row *row, kad_ms now)
{
    const struct kad_endpoint host = host_of(&row->contact.endpoint);
    struct entry *entry;

    if (row->answers > MOST_SEEN || row->silences > MOST_SEEN || row->refusals > MOST_SEEN ||
        row->held > MOST_HELD || row->first_at > now || row->heard_at > now || row->first_at < 0 ||
        (row->first_at && row->heard_at < row->first_at) || row->banned_for < 0 || row->banned_until < 0 ||
        row->banned_for > 366 * 24 * KAD_HOUR || row->rtt_ms > KAD_HOUR ||
        (row->is_address && row->contact.endpoint.family == KAD_FAMILY_NONE))
        return KAD_E_INVALID;
    entry = noted(scores, row->is_address ? ADDRESS : IDENTITY, row->is_address ? NULL : &row->contact.id,
                  row->is_address ? &host : &row->contact.endpoint, now);
    if (!entry)
        return scores->n == scores->config.ceiling ? KAD_E_LIMIT : KAD_E_MEMORY;
    entry->first_at = row->first_at;
    entry->heard_at = row->heard_at;
    entry->banned_until = row->banned_until;
    entry->banned_for = row->banned_for;
    entry->by_operator = row->by_operator;
    entry->answers = row->answers;
    entry->silences = row->silences;
    entry->refusals = row->refusals;
    entry->held = row->held;
    entry->rtt_8 = row->rtt_ms < 0 ? -1 : 8 * row->rtt_ms;
    return KAD_OK;
}

size_t kad_score_memory(const struct kad_scores *scores)
{
    if (!scores)
        return 0;
    return sizeof(*scores) + scores->room * sizeof(*scores->entries) +
           scores->index.n_cells * sizeof(*scores->index.cells);
}

static void walk_entry(struct kad_walk *walk, struct entry *entry)
{
    KAD_WALK_BYTES(walk, entry->id);
    kad_walk_endpoint(walk, &entry->endpoint);
    KAD_WALK(walk, entry->first_at);
    KAD_WALK(walk, entry->heard_at);
    KAD_WALK(walk, entry->faded_at);
    KAD_WALK(walk, entry->banned_until);
    KAD_WALK(walk, entry->banned_for);
    KAD_WALK(walk, entry->answers);
    KAD_WALK(walk, entry->silences);
    KAD_WALK(walk, entry->refusals);
    KAD_WALK(walk, entry->held);
    KAD_WALK(walk, entry->bytes);
    KAD_WALK(walk, entry->waited_ms);
    KAD_WALK(walk, entry->rtt_8);
    KAD_WALK(walk, entry->about);
    KAD_WALK(walk, entry->silent_in_a_row);
    KAD_WALK(walk, entry->by_operator);
    if (entry->about >= N_ABOUT || entry->answers > MOST_SEEN || entry->silences > MOST_SEEN ||
        entry->refusals > MOST_SEEN || entry->held > MOST_HELD || entry->silent_in_a_row >= TOO_SILENT ||
        entry->banned_for < 0 || entry->banned_for > KAD_NEVER / 8 || entry->banned_until < 0)
        kad_walk_fail(walk);
}

/* Oldest first. */
void kad_score_walk(struct kad_walk *walk, struct kad_scores *scores)
{
    const size_t n = kad_walk_count(walk, scores->n, scores->config.ceiling);
    uint32_t at = scores->oldest;

    for (size_t i = 0; i < n && !walk->bad; i++) {
        struct entry read = {0}, *entry;

        if (!kad_walk_reads(walk)) {
            walk_entry(walk, &scores->entries[at]);
            at = scores->entries[at].newer;
            continue;
        }
        walk_entry(walk, &read);
        if (walk->bad)
            return;
        if (find(scores, (enum about)read.about, &read.id, &read.endpoint) != NONE) {
            kad_walk_fail(walk);
            return;
        }
        entry = add(scores, (enum about)read.about, &read.id, &read.endpoint, 0);
        if (!entry) {
            walk->no_memory = true;
            kad_walk_fail(walk);
            return;
        }
        read.newer = entry->newer;
        read.older = entry->older;
        *entry = read;
    }
}

bool kad_score_sound(const struct kad_scores *scores, const char **out_why)
{
    uint32_t n = 0, before = NONE;

    *out_why = "scores: more than there may be";
    if (scores->n > scores->config.ceiling || scores->n > scores->room || scores->index.n_used != scores->n)
        return false;
    *out_why = "scores: the order of who was noted last";
    for (uint32_t at = scores->oldest; at != NONE; before = at, at = scores->entries[at].newer) {
        if (n++ > scores->n || scores->entries[at].older != before)
            return false;
    }
    if (n != scores->n || scores->newest != before)
        return false;
    *out_why = "scores: one that is not found, or stands there twice";
    for (uint32_t i = 0; i < scores->n; i++) {
        const struct entry *entry = &scores->entries[i];

        if (find(scores, (enum about)entry->about, &entry->id, &entry->endpoint) != i)
            return false;
        if (entry->held > MOST_HELD || entry->answers > MOST_SEEN)
            return false;
    }
    return true;
}
