#include "channel/sessions.h"

#include <assert.h>
#include <string.h>

#include "base/hash.h"
#include "crypto/crypto.h"

enum { SLOT_BITS = 20, SLOTS_FIRST = 4, WAITING_PER_SESSION = 8 };

#define SLOT_MASK ((1u << SLOT_BITS) - 1)

void kad_sessions_init(struct kad_sessions *sessions, const struct kad_allocator *allocator,
                       uint32_t max_sessions, uint32_t max_pending, uint32_t max_busy, uint64_t hash_key)
{
    assert(max_sessions > 0 && max_pending > 0 && max_sessions + max_pending < KAD_SESSIONS_MAX);
    *sessions = (struct kad_sessions){.allocator = allocator,
                                      .max_sessions = max_sessions,
                                      .max_pending = max_pending,
                                      .hash_key = hash_key};
    for (unsigned i = 0; i < KAD_SESSION_N_STATES; i++)
        sessions->newest[i] = sessions->oldest[i] = KAD_SESSION_NONE;
    kad_index_init(&sessions->by_key, allocator, max_sessions + max_pending);
    kad_busy_init(&sessions->busy, allocator, max_busy);
}

void kad_sessions_clear(struct kad_sessions *sessions)
{
    for (uint32_t i = 0; i < sessions->n_slots; i++) {
        if (sessions->slots[i])
            kad_sessions_drop(sessions, sessions->slots[i]);
    }
    kad_free(sessions->allocator, sessions->slots, sessions->n_slots * sizeof(*sessions->slots));
    kad_free(sessions->allocator, sessions->free_slots, sessions->n_slots * sizeof(*sessions->free_slots));
    kad_index_clear(&sessions->by_key);
    kad_busy_clear(&sessions->busy);
    sessions->slots = NULL;
    sessions->free_slots = NULL;
    sessions->n_slots = sessions->n_free = 0;
}

/* -- finding ----------------------------------------------------------------------------------------------------- */

static uint32_t slot_of(const struct kad_session *session)
{
    return (session->index & SLOT_MASK) - 1;
}

struct kad_session *kad_sessions_at(const struct kad_sessions *sessions, uint32_t index)
{
    const uint32_t slot = (index & SLOT_MASK) - 1;
    struct kad_session *session = slot < sessions->n_slots ? sessions->slots[slot] : NULL;

    return session && session->index == index ? session : NULL;
}

static uint64_t hash_of(const struct kad_sessions *sessions, const uint8_t key[32])
{
    return kad_hash(sessions->hash_key, key, 32);
}

struct kad_session *kad_sessions_next(const struct kad_sessions *sessions, const uint8_t key[32],
                                      uint32_t *io_at)
{
    const uint64_t hash = hash_of(sessions, key);
    uint32_t at;

    if (!sessions->by_key.n_cells)
        return NULL;
    at = *io_at ? kad_index_next(&sessions->by_key, hash, *io_at - 1)
                : kad_index_first(&sessions->by_key, hash);
    for (; at != KAD_INDEX_END; at = kad_index_next(&sessions->by_key, hash, at)) {
        struct kad_session *session = sessions->slots[kad_index_slot(&sessions->by_key, at)];

        if (memcmp(session->key, key, 32) == 0) {
            *io_at = at + 1;
            return session;
        }
    }
    return NULL;
}

struct kad_session *kad_sessions_oldest(const struct kad_sessions *sessions, enum kad_session_state state)
{
    const uint32_t slot = sessions->oldest[state];

    return slot == KAD_SESSION_NONE ? NULL : sessions->slots[slot];
}

/* -- lists ------------------------------------------------------------------------------------------------------- */

static void unlink_from_list(struct kad_sessions *sessions, struct kad_session *session)
{
    const unsigned list = session->state;

    if (session->newer == KAD_SESSION_NONE)
        sessions->newest[list] = session->older;
    else
        sessions->slots[session->newer]->older = session->older;
    if (session->older == KAD_SESSION_NONE)
        sessions->oldest[list] = session->newer;
    else
        sessions->slots[session->older]->newer = session->newer;
    sessions->n[list]--;
}

static void link_to_list(struct kad_sessions *sessions, struct kad_session *session)
{
    const unsigned list = session->state;
    const uint32_t slot = slot_of(session);

    session->newer = KAD_SESSION_NONE;
    session->older = sessions->newest[list];
    if (session->older == KAD_SESSION_NONE)
        sessions->oldest[list] = slot;
    else
        sessions->slots[session->older]->newer = slot;
    sessions->newest[list] = slot;
    sessions->n[list]++;
}

static void make_room(struct kad_sessions *sessions, const struct kad_session *spared)
{
    static const uint8_t order[] = {KAD_SESSION_OLD, KAD_SESSION_FRESH, KAD_SESSION_LIVE, KAD_SESSION_FRESH};

    while (sessions->n[KAD_SESSION_FRESH] + sessions->n[KAD_SESSION_LIVE] + sessions->n[KAD_SESSION_OLD] >=
           sessions->max_sessions) {
        struct kad_session *victim = NULL;

        for (unsigned i = 0; i < KAD_COUNT_OF(order) && !victim; i++) {
            const enum kad_session_state state = order[i];

            if (i == 1 && sessions->n[state] < (sessions->max_sessions + 3) / 4)
                continue;
            victim = kad_sessions_oldest(sessions, state);
            if (victim == spared && victim)
                victim = victim->newer == KAD_SESSION_NONE ? NULL : sessions->slots[victim->newer];
        }
        if (!victim)
            return; /* only the spared one is there */
        kad_sessions_drop(sessions, victim);
        sessions->evicted++;
    }
}

void kad_sessions_set(struct kad_sessions *sessions, struct kad_session *session,
                      enum kad_session_state state, kad_ms now)
{
    if (session->state == KAD_SESSION_PENDING && state != KAD_SESSION_PENDING)
        make_room(sessions, session);
    unlink_from_list(sessions, session);
    session->state = (uint8_t)state;
    session->used_at = now;
    link_to_list(sessions, session);
}

/* -- coming and going --------------------------------------------------------------------------------------------- */

/* Room for so many. */
static bool resize_slots(struct kad_sessions *sessions, uint32_t n)
{
    const uint32_t before = sessions->n_slots;
    struct kad_session **slots =
        kad_resize(sessions->allocator, sessions->slots, before * sizeof(*slots), n * sizeof(*slots));
    uint32_t *free_slots;

    if (!slots)
        return false;
    sessions->slots = slots;
    free_slots = kad_resize(sessions->allocator, sessions->free_slots, before * sizeof(*free_slots),
                            n * sizeof(*free_slots));
    if (free_slots) {
        sessions->free_slots = free_slots;
        memset(slots + before, 0, (n - before) * sizeof(*slots));
        sessions->n_slots = n;
        return true;
    }
    /* The first goes back to the size that n_slots says. */
    slots = kad_resize(sessions->allocator, slots, n * sizeof(*slots), before * sizeof(*slots));
    assert((slots || !before) && "an allocator that refuses to shrink");
    sessions->slots = slots;
    return false;
}

static bool more_slots(struct kad_sessions *sessions)
{
    const uint32_t most = sessions->max_sessions + sessions->max_pending, before = sessions->n_slots;
    uint32_t n = before ? before * 2 : SLOTS_FIRST;

    if (n > most)
        n = most;
    assert(n > before && "both ceilings were kept");
    if (!resize_slots(sessions, n))
        return false;
    for (uint32_t slot = n; slot-- > before;)
        sessions->free_slots[sessions->n_free++] = slot;
    return true;
}

int kad_sessions_slots(struct kad_sessions *sessions, uint32_t n)
{
    assert(sessions->n_slots == 0);
    return n == 0 || resize_slots(sessions, n) ? KAD_OK : KAD_E_MEMORY;
}

struct kad_session *kad_sessions_place(struct kad_sessions *sessions, uint32_t index,
                                       enum kad_session_state state)
{
    const uint32_t slot = (index & SLOT_MASK) - 1;
    struct kad_session *session;

    if (slot >= sessions->n_slots || sessions->slots[slot])
        return NULL;
    session = kad_alloc_zero(sessions->allocator, sizeof(*session));
    if (!session)
        return NULL;
    session->index = index;
    session->state = (uint8_t)state;
    sessions->slots[slot] = session;
    link_to_list(sessions, session);
    return session;
}

struct kad_session *kad_sessions_add(struct kad_sessions *sessions, enum kad_session_state state,
                                     const uint8_t *key, uint32_t random, kad_ms now)
{
    struct kad_session *session;
    uint32_t slot;

    if (state != KAD_SESSION_PENDING)
        make_room(sessions, NULL);
    else if (sessions->n[KAD_SESSION_PENDING] == sessions->max_pending)
        return NULL;
    if (!sessions->n_free && !more_slots(sessions))
        return NULL;
    session = kad_alloc_zero(sessions->allocator, sizeof(*session));
    if (!session)
        return NULL;
    slot = sessions->free_slots[sessions->n_free - 1];
    if (key && kad_index_add(&sessions->by_key, hash_of(sessions, key), slot) != KAD_OK) {
        kad_free(sessions->allocator, session, sizeof(*session));
        return NULL;
    }
    sessions->n_free--;
    sessions->slots[slot] = session;
    session->named = key != NULL;
    if (key)
        memcpy(session->key, key, sizeof(session->key));
    session->index = random << SLOT_BITS | (slot + 1);
    session->state = (uint8_t)state;
    session->began_at = session->used_at = now;
    session->asked_at = KAD_NEVER;
    session->first_at = INT64_MIN;
    link_to_list(sessions, session);
    return session;
}

int kad_sessions_name(struct kad_sessions *sessions, struct kad_session *session, const uint8_t key[32])
{
    assert(!session->named);
    if (kad_index_add(&sessions->by_key, hash_of(sessions, key), slot_of(session)) != KAD_OK)
        return KAD_E_MEMORY;
    memcpy(session->key, key, sizeof(session->key));
    session->named = true;
    return KAD_OK;
}

void kad_sessions_drop(struct kad_sessions *sessions, struct kad_session *session)
{
    const uint32_t slot = slot_of(session);

    unlink_from_list(sessions, session);
    if (session->named)
        kad_index_remove(&sessions->by_key, hash_of(sessions, session->key), slot);
    kad_sessions_end_handshake(sessions, session);
    kad_busy_drop(&sessions->busy, session);
    kad_window_clear(&session->window, sessions->allocator);
    kad_wipe(session, sizeof(*session));
    kad_free(sessions->allocator, session, sizeof(*session));
    sessions->slots[slot] = NULL;
    sessions->free_slots[sessions->n_free++] = slot;
}

/* -- what waits --------------------------------------------------------------------------------------------------- */

struct kad_handshake *kad_sessions_handshake(struct kad_sessions *sessions, struct kad_session *session)
{
    if (!session->handshake)
        session->handshake = kad_alloc_zero(sessions->allocator, sizeof(*session->handshake));
    return session->handshake;
}

void kad_sessions_end_handshake(struct kad_sessions *sessions, struct kad_session *session)
{
    if (!session->handshake)
        return;
    while (session->handshake->waiting)
        kad_sessions_shift(sessions, session);
    kad_wipe(session->handshake, sizeof(*session->handshake));
    kad_free(sessions->allocator, session->handshake, sizeof(*session->handshake));
    session->handshake = NULL;
}

bool kad_sessions_wait(struct kad_sessions *sessions, struct kad_session *session, const uint8_t *bytes,
                       size_t size, size_t wanted)
{
    struct kad_handshake *handshake = kad_sessions_handshake(sessions, session);
    struct kad_waiting *waiting, **end;

    if (!handshake || handshake->n_waiting == WAITING_PER_SESSION ||
        sessions->n_waiting == 2 * sessions->max_pending)
        return false;
    waiting = kad_alloc(sessions->allocator, sizeof(*waiting) + size);
    if (!waiting)
        return false;
    *waiting = (struct kad_waiting){.size = (uint16_t)size, .wanted = (uint16_t)wanted};
    if (size)
        memcpy(waiting->bytes, bytes, size);
    for (end = &handshake->waiting; *end; end = &(*end)->next)
        continue;
    *end = waiting;
    handshake->n_waiting++;
    sessions->n_waiting++;
    return true;
}

void kad_sessions_shift(struct kad_sessions *sessions, struct kad_session *session)
{
    struct kad_waiting *first = session->handshake->waiting;

    session->handshake->waiting = first->next;
    session->handshake->n_waiting--;
    sessions->n_waiting--;
    kad_wipe(first->bytes, first->size);
    kad_free(sessions->allocator, first, sizeof(*first) + first->size);
}

/* -- accounts ----------------------------------------------------------------------------------------------------- */

size_t kad_sessions_memory(const struct kad_sessions *sessions)
{
    size_t memory = sessions->n_slots * (sizeof(*sessions->slots) + sizeof(*sessions->free_slots)) +
                    sessions->by_key.n_cells * sizeof(*sessions->by_key.cells) +
                    kad_busy_memory(&sessions->busy);

    for (uint32_t i = 0; i < sessions->n_slots; i++) {
        const struct kad_session *session = sessions->slots[i];

        if (!session)
            continue;
        memory += sizeof(*session);
        if (session->window.words)
            memory += KAD_WINDOW_WORDS * sizeof(*session->window.words);
        if (!session->handshake)
            continue;
        memory += sizeof(*session->handshake);
        for (const struct kad_waiting *at = session->handshake->waiting; at; at = at->next)
            memory += sizeof(*at) + at->size;
    }
    return memory;
}

static bool list_sound(const struct kad_sessions *sessions, unsigned list, const char **out_why)
{
    uint32_t newer = KAD_SESSION_NONE, n = 0;

    for (uint32_t slot = sessions->newest[list]; slot != KAD_SESSION_NONE;
         slot = sessions->slots[slot]->older) {
        const struct kad_session *session = sessions->slots[slot];

        *out_why = "a list of sessions is broken";
        if (!session || session->state != list || session->newer != newer || slot_of(session) != slot)
            return false;
        *out_why = "sessions are not in the order they were used";
        if (newer != KAD_SESSION_NONE && sessions->slots[newer]->used_at < session->used_at)
            return false;
        newer = slot;
        if (++n > sessions->n[list])
            break;
    }
    *out_why = "a list of sessions is not as long as counted";
    return n == sessions->n[list] && sessions->oldest[list] == newer;
}

bool kad_sessions_sound(const struct kad_sessions *sessions, const char **out_why)
{
    uint32_t n = 0, n_waiting = 0, n_named = 0;

    for (unsigned i = 0; i < KAD_SESSION_N_STATES; i++) {
        if (!list_sound(sessions, i, out_why))
            return false;
        n += sessions->n[i];
    }
    *out_why = "more sessions than may be";
    if (n - sessions->n[KAD_SESSION_PENDING] > sessions->max_sessions ||
        sessions->n[KAD_SESSION_PENDING] > sessions->max_pending)
        return false;
    *out_why = "slots do not add up";
    if (n + sessions->n_free != sessions->n_slots)
        return false;
    for (uint32_t i = 0; i < sessions->n_slots; i++) {
        const struct kad_session *session = sessions->slots[i], *found;
        uint32_t at = 0;

        if (!session)
            continue;
        if (session->handshake)
            n_waiting += session->handshake->n_waiting;
        *out_why = "a session that waits has no handshake";
        if (session->state == KAD_SESSION_PENDING && !session->handshake)
            return false;
        if (!session->named)
            continue;
        n_named++;
        *out_why = "a session is not found by its key";
        do {
            found = kad_sessions_next(sessions, session->key, &at);
            if (!found)
                return false;
        } while (found != session);
    }
    *out_why = "what waits is not as counted";
    if (n_waiting != sessions->n_waiting || n_waiting > 2 * sessions->max_pending)
        return false;
    *out_why = "the index of keys has more than there is";
    return sessions->by_key.n_used == n_named;
}
