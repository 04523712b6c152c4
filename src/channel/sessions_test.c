#include "channel/sessions.h"

#include <string.h>

#include "base/test.h"

struct memory {
    size_t in_use;
    uint64_t state;
    unsigned failing; /* of 256 */
};

static void *resize(void *context, void *old, size_t old_size, size_t new_size)
{
    struct memory *memory = context;
    void *block;

    memory->state = memory->state * UINT64_C(6364136223846793005) + 1;
    if (new_size > old_size && (memory->state >> 56) < memory->failing)
        return NULL;
    block = kad_allocator_system.resize(NULL, old, old_size, new_size);
    if (block || !new_size)
        memory->in_use += new_size - old_size;
    return block;
}

static void key_of(unsigned number, uint8_t out_key[32])
{
    memset(out_key, 0, 32);
    out_key[0] = (uint8_t)number;
    out_key[31] = (uint8_t)(number >> 8);
}

static struct kad_session *add(struct kad_sessions *sessions, enum kad_session_state state, unsigned number,
                               kad_ms now)
{
    uint8_t key[32];

    key_of(number, key);
    return kad_sessions_add(sessions, state, key, number * 7, now);
}

static unsigned n_with(const struct kad_sessions *sessions, unsigned number)
{
    uint8_t key[32];
    unsigned n = 0;

    key_of(number, key);
    for (uint32_t at = 0; kad_sessions_next(sessions, key, &at);)
        n++;
    return n;
}

/* What a node of a large network has thousands of. */
TEST(a_session_is_small)
{
    EXPECT(sizeof(struct kad_session) <= 256);
}

/* A slot that is used again has another generation: what was meant for the one before finds nothing. */
TEST(an_index_names_one_session_for_ever)
{
    struct memory memory = {0};
    const struct kad_allocator allocator = {resize, &memory};
    struct kad_sessions sessions;
    uint32_t first;

    kad_sessions_init(&sessions, &allocator, 4, 2, 0, 42);
    EXPECT(kad_sessions_at(&sessions, 1) == NULL);
    first = add(&sessions, KAD_SESSION_LIVE, 1, 0)->index;
    EXPECT(first != 0);
    EXPECT(kad_sessions_at(&sessions, first) != NULL);
    EXPECT(kad_sessions_at(&sessions, first ^ 1u << 20) == NULL);
    kad_sessions_drop(&sessions, kad_sessions_at(&sessions, first));
    EXPECT(kad_sessions_at(&sessions, first) == NULL);
    EXPECT(add(&sessions, KAD_SESSION_LIVE, 2, 0)->index != first);
    EXPECT(kad_sessions_at(&sessions, first) == NULL);
    kad_sessions_clear(&sessions);
    EXPECT_EQ(memory.in_use, 0);
}

/* OLD before FRESH before LIVE, the longest unused first; FRESH ones only when they are a quarter. */
TEST(who_gives_way)
{
    struct memory memory = {0};
    const struct kad_allocator allocator = {resize, &memory};
    struct kad_sessions sessions;

    kad_sessions_init(&sessions, &allocator, 8, 2, 0, 42);
    for (unsigned i = 0; i < 6; i++)
        (void)add(&sessions, KAD_SESSION_LIVE, i, i);
    (void)add(&sessions, KAD_SESSION_FRESH, 6, 6);
    (void)add(&sessions, KAD_SESSION_OLD, 7, 7);
    (void)add(&sessions, KAD_SESSION_LIVE, 8, 8);
    EXPECT_EQ(n_with(&sessions, 7), 0); /* the OLD one */
    (void)add(&sessions, KAD_SESSION_FRESH, 9, 9);
    EXPECT_EQ(n_with(&sessions, 0), 0); /* the LIVE one used longest ago: of FRESH there was but one */
    EXPECT_EQ(n_with(&sessions, 6), 1);
    (void)add(&sessions, KAD_SESSION_FRESH, 10, 10);
    EXPECT_EQ(n_with(&sessions, 6), 0); /* now FRESH ones push out each other */
    (void)add(&sessions, KAD_SESSION_LIVE, 11, 11);
    EXPECT_EQ(n_with(&sessions, 9), 0);
    EXPECT_EQ(sessions.evicted, 4);
    EXPECT_EQ(n_with(&sessions, 1), 1);
    (void)add(&sessions, KAD_SESSION_PENDING, 12, 12);
    (void)add(&sessions, KAD_SESSION_PENDING, 13, 13);
    EXPECT(add(&sessions, KAD_SESSION_PENDING, 14, 14) == NULL); /* these never give way */
    kad_sessions_clear(&sessions);
    EXPECT_EQ(memory.in_use, 0);
}

static uint32_t draw(uint64_t *state, uint32_t below)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)((*state >> 33) % below);
}

/* Any sequence of operations, with memory that is refused now and then: always sound, what it says of its memory is true,
 * and all is given back. */
TEST(any_sequence_leaves_it_sound)
{
    for (uint64_t seed = 1; seed <= 60; seed++) {
        struct memory memory = {.state = seed, .failing = seed % 3 == 0 ? 30 : 0};
        const struct kad_allocator allocator = {resize, &memory};
        struct kad_sessions sessions;
        uint64_t state = seed;
        const char *why = "";

        kad_sessions_init(&sessions, &allocator, 1 + draw(&state, 12), 1 + draw(&state, 6), 0, seed);
        for (unsigned i = 0; i < 500; i++) {
            const enum kad_session_state kind = draw(&state, KAD_SESSION_N_STATES);
            struct kad_session *session = kad_sessions_oldest(&sessions, kind);
            uint8_t key[32];

            key_of(draw(&state, 10), key);
            switch (draw(&state, 6)) {
            case 0:
            case 1:
                session = kad_sessions_add(&sessions, kind,
                                           kind == KAD_SESSION_PENDING && draw(&state, 2) ? NULL : key,
                                           draw(&state, 5000), i);
                if (session && kind == KAD_SESSION_PENDING && !kad_sessions_handshake(&sessions, session))
                    kad_sessions_drop(&sessions, session);
                break;
            case 2:
                if (session && session->named && draw(&state, 2))
                    kad_sessions_set(&sessions, session,
                                     kind == KAD_SESSION_PENDING ? KAD_SESSION_LIVE : kind, i);
                else if (session)
                    kad_sessions_drop(&sessions, session);
                break;
            case 3:
                if (session)
                    (void)kad_sessions_wait(&sessions, session, key, draw(&state, 32), 0);
                break;
            case 4:
                if (session && session->handshake && session->handshake->waiting)
                    kad_sessions_shift(&sessions, session);
                break;
            default:
                if (session && !session->named)
                    EXPECT(kad_sessions_name(&sessions, session, key) == KAD_OK || memory.failing);
                break;
            }
            EXPECT_MSG(kad_sessions_sound(&sessions, &why), "seed %llu: %s", (unsigned long long)seed, why);
            EXPECT_EQ(kad_sessions_memory(&sessions), memory.in_use);
        }
        kad_sessions_clear(&sessions);
        EXPECT_EQ(memory.in_use, 0);
    }
}
