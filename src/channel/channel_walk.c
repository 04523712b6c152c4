/* channel_walk - a channel's whole state, written down and read back (base/walk.h): its keys are among it. */
#include "channel/channel_parts.h"

static void walk_rng(struct kad_walk *walk, struct kad_rng *rng)
{
    KAD_WALK_BYTES(walk, rng->key);
    KAD_WALK_BYTES(walk, rng->block);
    KAD_WALK(walk, rng->counter);
    KAD_WALK(walk, rng->used);
    if (rng->used > sizeof(rng->block))
        kad_walk_fail(walk);
}

/* Its first message has paid for the answer: nothing else is sent to who has not shown that it is there. */
static bool may_answer(const struct kad_session *session)
{
    return !session || (session->state == KAD_SESSION_FRESH && session->named && session->packets > 0 &&
                        session->credit >= KAD_INIT_LEAST);
}

static void walk_asked(struct kad_walk *walk, struct kad_channel *channel)
{
    bool there = channel->asked && channel->asked->session;
    struct asked *asked;

    KAD_WALK(walk, there);
    if (!there)
        return;
    if (kad_walk_reads(walk))
        channel->asked = kad_walk_room(walk, 1, sizeof(*channel->asked));
    asked = channel->asked;
    if (!asked)
        return;
    KAD_WALK(walk, asked->session);
    KAD_WALK(walk, asked->answer);
    KAD_WALK_BYTES(walk, asked->noise);
    KAD_WALK_BYTES(walk, asked->theirs);
    KAD_WALK_BYTES(walk, asked->their_ephemeral);
    if (asked->answer && !may_answer(kad_sessions_at(&channel->sessions, asked->session)))
        kad_walk_fail(walk);
}

void kad_channel_walk(struct kad_walk *walk, struct kad_channel *channel)
{
    const struct kad_allocator *before = walk->allocator;

    walk->allocator = channel->allocator;
    walk_rng(walk, &channel->rng);
    KAD_WALK_BYTES(walk, channel->veil);
    kad_admit_walk(walk, &channel->admit);
    KAD_WALK(walk, channel->cookies.number);
    kad_sessions_walk(walk, &channel->sessions);
    walk_asked(walk, channel);
    KAD_WALK(walk, channel->work_second);
    KAD_WALK(walk, channel->work_tries);
    walk->allocator = before;
}
