/*
 * busy - what is kept of sessions that say much, so that each message costs less: both keys made ready, and whose they are.
 *
 * Nothing here is state: without it, or without memory for it, the same datagrams go and come, only slower. It takes 2.2 KiB a
 * session, of so many at most; beyond them, one that was not used lately gives way, and that not with each message, or else more
 * busy sessions than places would have keys made ready all the time.
 */
#ifndef KAD_CHANNEL_BUSY_H
#define KAD_CHANNEL_BUSY_H

#include "base/alloc.h"
#include "crypto/ready.h"
#include "kad/types.h"

struct kad_session;

struct kad_busy {
    struct kad_session *session;
    uint32_t at; /* its place among all */
    bool used;   /* since the hand passed */
    struct kad_id id;
    const uint8_t *send, *receive; /* KAD_READY_KEY bytes each, in `keys` */
    uint8_t keys[2 * KAD_READY_KEY + KAD_READY_ALIGN];
};

struct kad_busy_list {
    const struct kad_allocator *allocator;
    struct kad_ready ready; /* found when first wanted */
    bool looked, found;
    struct kad_busy **all; /* n of them, places for n_room */
    uint32_t n, n_room, n_most, hand, n_refused;
};

/* n_most 0: none. */
void kad_busy_init(struct kad_busy_list *list, const struct kad_allocator *allocator, uint32_t n_most);
void kad_busy_clear(struct kad_busy_list *list); /* of which none is left */
/* What is kept of this session, which has its keys; NULL: nothing. */
struct kad_busy *kad_busy_of(struct kad_busy_list *list, struct kad_session *session);
/* Wipes and frees. A session without is fine. */
void kad_busy_drop(struct kad_busy_list *list, struct kad_session *session);
/* The functions, looked for when they are first wanted; NULL: there are none. */
const struct kad_ready *kad_busy_ready(struct kad_busy_list *list);
size_t kad_busy_memory(const struct kad_busy_list *list);

#endif
