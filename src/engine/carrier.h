/*
 * carrier - how messages travel from engine to engine.
 *
 *     plain      a datagram is a message; nobody proves anything
 *     sessions   a datagram belongs to a session (channel/channel.h), which proves who speaks
 *     host       the host proves who speaks, and says so in kad_datagram.identity
 *
 *     in    kad_carrier_open()     a datagram -> a message's bytes, and who sent them
 *           kad_carrier_close()    when the message was dealt with
 *     out   the outbox             a message -> a datagram in the host's batch
 *
 * The outbox never lets pass what the limiter refuses. Where there are sessions the channel keeps to its own, narrower
 * budget before: towards an address that has not shown that it receives, no more bytes out than came in.
 */
#ifndef KAD_ENGINE_CARRIER_H
#define KAD_ENGINE_CARRIER_H

#include "engine/engine_parts.h"

/* The batch of the host's that is being filled, as core's outbox. */
struct kad_carrier {
    struct kad_outbox outbox; /* first: core hands it back */
    struct kad_engine *engine;
    struct kad_batch *batch;
    kad_ms now;
};

struct kad_carrier kad_carrier_for(struct kad_engine *engine, struct kad_batch *batch, kad_ms now);

struct kad_opened {
    struct kad_bytes bytes; /* the message */
    bool none;              /* there was none: the session layer's own business */
    struct kad_peer from;   /* `identity` borrows from here or from the datagram */
    struct kad_id id;       /* whose it is, with from.identity */
    bool proved;            /* the sender has shown that it receives at this address */
    uint8_t key[32];
};

/* KAD_DROP_NONE, or what is wrong with it. May have written datagrams of the session layer's own. */
enum kad_drop kad_carrier_open(struct kad_carrier *carrier, const struct kad_datagram *in,
                               struct kad_opened *out_opened);
void kad_carrier_close(struct kad_carrier *carrier);
/* Did it come in the session that its sender is spoken to in? One that was held back until that is another says nothing about now. */
bool kad_carrier_is_current(const struct kad_carrier *carrier, const struct kad_opened *opened);
/* Instead of that: whoever sent it is not to hear of us. */
void kad_carrier_shun(struct kad_carrier *carrier, const struct kad_opened *opened);

/* -- carrier_sessions.c ----------------------------------------------------------------------------------------- */

enum kad_drop kad_carrier_open_session(struct kad_carrier *carrier, const struct kad_datagram *in,
                                       struct kad_opened *out_opened);
void kad_carrier_close_session(struct kad_carrier *carrier);
/* Writes the datagram with this message to `bytes` (KAD_DATAGRAM_MAX). Its size; 0: it waits for its session and is sent
 * then, or (*out_unsent not KAD_N_UNSENT) cannot be sent. */
size_t kad_carrier_write_session(struct kad_carrier *carrier, const struct kad_peer *to,
                                 const struct kad_message *message, uint8_t *bytes,
                                 enum kad_unsent *out_unsent);

/* Encodes into `room` bytes; an answer that is too large says less of contacts and peers. 0: it does not fit. */
size_t kad_carrier_encode(const struct kad_engine *engine, const struct kad_message *message, uint8_t *bytes,
                          size_t room);

/* -- aside.c ---------------------------------------------------------------------------------------------------- */

bool kad_carrier_is_aside(const struct kad_carrier *carrier, const struct kad_opened *opened);
enum kad_drop kad_carrier_take_aside(struct kad_carrier *carrier, const struct kad_opened *opened);

#endif
