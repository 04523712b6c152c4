/*
 * outbox - where core puts what it has to say. The engine's implementation encodes at once into the host's batch.
 */
#ifndef KAD_CORE_OUTBOX_H
#define KAD_CORE_OUTBOX_H

#include "core/message.h"

struct kad_outbox {
    /* False: it could not be sent (no room, over a byte budget, too large); counted by the engine. */
    bool (*send)(struct kad_outbox *outbox, const struct kad_peer *to, const struct kad_message *message);
    unsigned room; /* datagrams that still fit. At 0 queries wait for the next tick */
    bool crowded;  /* too many sessions are being begun to begin another: who can wait asks later */
    size_t n_sent; /* bytes of the last message that was sent */
};

#endif
