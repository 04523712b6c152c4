/* sessions_walk - all sessions, written down and read back (base/walk.h). */
#include <string.h>

#include "base/endpoint.h"
#include "channel/format.h"
#include "channel/sessions.h"

static void walk_window(struct kad_walk *walk, struct kad_window *window)
{
    bool wide = window->words != NULL;

    KAD_WALK(walk, window->next);
    KAD_WALK(walk, window->recent);
    KAD_WALK(walk, wide);
    if (!wide)
        return;
    if (kad_walk_reads(walk))
        window->words = kad_walk_room(walk, KAD_WINDOW_WORDS, sizeof(*window->words));
    for (unsigned i = 0; i < KAD_WINDOW_WORDS && window->words; i++)
        KAD_WALK(walk, window->words[i]);
}

static void walk_waiting(struct kad_walk *walk, struct kad_sessions *sessions, struct kad_session *session)
{
    const struct kad_waiting *at = session->handshake->waiting;
    const size_t n = kad_walk_count(walk, session->handshake->n_waiting, UINT8_MAX);

    if (kad_walk_reads(walk))
        session->handshake->n_waiting = 0; /* as they are added, it grows */
    for (size_t i = 0; i < n && !walk->bad; i++) {
        uint8_t bytes[KAD_DATAGRAM];
        uint16_t size = at ? at->size : 0, wanted = at ? at->wanted : 0;

        KAD_WALK(walk, size);
        KAD_WALK(walk, wanted);
        if (size > sizeof(bytes)) {
            kad_walk_fail(walk);
            return;
        }
        if (at)
            memcpy(bytes, at->bytes, size);
        kad_walk_bytes(walk, bytes, size);
        if (kad_walk_reads(walk) && !walk->bad && !kad_sessions_wait(sessions, session, bytes, size, wanted))
            kad_walk_fail(walk);
        at = at ? at->next : NULL;
    }
}

static void walk_handshake(struct kad_walk *walk, struct kad_sessions *sessions, struct kad_session *session)
{
    bool there = session->handshake != NULL;
    struct kad_handshake *handshake;

    KAD_WALK(walk, there);
    if (!there)
        return;
    handshake = kad_sessions_handshake(sessions, session);
    if (!handshake) {
        walk->no_memory = true;
        kad_walk_fail(walk);
        return;
    }
    KAD_WALK_BYTES(walk, handshake->noise);
    KAD_WALK_BYTES(walk, handshake->ephemeral);
    KAD_WALK_BYTES(walk, handshake->tail);
    KAD_WALK_BYTES(walk, handshake->nonce);
    KAD_WALK_BYTES(walk, handshake->expect);
    KAD_WALK(walk, handshake->expects);
    KAD_WALK(walk, handshake->carried);
    KAD_WALK(walk, handshake->n_cookies);
    walk_waiting(walk, sessions, session);
    if (handshake->carried && !handshake->waiting)
        kad_walk_fail(walk);
}

static void walk_session(struct kad_walk *walk, struct kad_sessions *sessions, struct kad_session *session)
{
    uint8_t key[32];
    bool named = session->named;

    memcpy(key, session->key, sizeof(key));
    KAD_WALK(walk, named);
    KAD_WALK_BYTES(walk, key);
    KAD_WALK_BYTES(walk, session->send);
    KAD_WALK_BYTES(walk, session->receive);
    KAD_WALK_BYTES(walk, session->mask);
    KAD_WALK(walk, session->remote);
    KAD_WALK(walk, session->sent);
    walk_window(walk, &session->window);
    kad_walk_endpoint(walk, &session->endpoint);
    KAD_WALK(walk, session->ours);
    KAD_WALK(walk, session->proved);
    KAD_WALK(walk, session->packets);
    KAD_WALK(walk, session->pads_16);
    KAD_WALK(walk, session->credit);
    KAD_WALK_BYTES(walk, session->token);
    KAD_WALK(walk, session->began_at);
    KAD_WALK(walk, session->used_at);
    KAD_WALK(walk, session->asked_at);
    KAD_WALK(walk, session->first_at);
    walk_handshake(walk, sessions, session);
    if (!kad_walk_reads(walk) || walk->bad)
        return;
    if ((!named && session->state != KAD_SESSION_PENDING) ||
        (session->state == KAD_SESSION_PENDING && !session->handshake))
        kad_walk_fail(walk);
    else if (named && kad_sessions_name(sessions, session, key) != KAD_OK)
        kad_walk_fail(walk);
}

/* In the order in which they were used, so that lists come out as they were. */
static void walk_list(struct kad_walk *walk, struct kad_sessions *sessions, enum kad_session_state state)
{
    const size_t n = kad_walk_count(walk, sessions->n[state], sessions->n_slots);
    uint32_t slot = sessions->oldest[state];
    kad_ms used_at = INT64_MIN;

    for (size_t i = 0; i < n && !walk->bad; i++) {
        struct kad_session *session = kad_walk_reads(walk) ? NULL : sessions->slots[slot];
        uint32_t index = session ? session->index : 0;

        KAD_WALK(walk, index);
        if (!session)
            session = kad_sessions_place(sessions, index, state);
        if (!session) {
            kad_walk_fail(walk);
            return;
        }
        walk_session(walk, sessions, session);
        if (session->used_at < used_at)
            kad_walk_fail(walk);
        used_at = session->used_at;
        slot = session->newer;
    }
}

/* Which slot is taken next depends on the order in which they became free. */
static void walk_free_slots(struct kad_walk *walk, struct kad_sessions *sessions)
{
    struct kad_session taken; /* stands in a slot that was listed: none may be twice */
    const size_t n = kad_walk_count(walk, sessions->n_free, sessions->n_slots);

    if (!kad_walk_reads(walk)) {
        for (size_t i = 0; i < n; i++)
            KAD_WALK(walk, sessions->free_slots[i]);
        return;
    }
    for (size_t i = 0; i < n && !walk->bad; i++) {
        uint32_t slot = 0;

        KAD_WALK(walk, slot);
        if (slot >= sessions->n_slots || sessions->slots[slot]) {
            kad_walk_fail(walk);
            break;
        }
        sessions->slots[slot] = &taken;
        sessions->free_slots[sessions->n_free++] = slot;
    }
    for (uint32_t i = 0; i < sessions->n_free; i++)
        sessions->slots[sessions->free_slots[i]] = NULL;
}

void kad_sessions_walk(struct kad_walk *walk, struct kad_sessions *sessions)
{
    const size_t n_slots =
        kad_walk_count(walk, sessions->n_slots, sessions->max_sessions + sessions->max_pending);
    uint32_t n = 0;

    if (kad_walk_reads(walk) && !walk->bad && kad_sessions_slots(sessions, (uint32_t)n_slots) != KAD_OK) {
        walk->no_memory = true;
        kad_walk_fail(walk);
    }
    for (unsigned state = 0; state < KAD_SESSION_N_STATES && !walk->bad; state++) {
        walk_list(walk, sessions, state);
        n += sessions->n[state];
    }
    if (walk->bad)
        return;
    walk_free_slots(walk, sessions);
    if (n + sessions->n_free != sessions->n_slots ||
        sessions->n[KAD_SESSION_PENDING] > sessions->max_pending ||
        n - sessions->n[KAD_SESSION_PENDING] > sessions->max_sessions)
        kad_walk_fail(walk);
}
