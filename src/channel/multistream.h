/*
 * multistream - which protocol a stream speaks: multistream-select 1.0 (multiformats/multistream-select), one negotiation.
 *
 * Both sides say the header; the initiator says the protocol it wants, and may go on in that protocol at once; the responder
 * says the same again, or "na" and waits for another. Each of these is a token: a varint length, the text, a newline.
 *
 *     kad_multistream_begin()   the initiator's first words
 *     kad_multistream_step()    what came, one token at a time, until it is AGREED, or not to be had
 */
#ifndef KAD_CHANNEL_MULTISTREAM_H
#define KAD_CHANNEL_MULTISTREAM_H

#include "base/types.h"

#define KAD_MULTISTREAM_TOKEN 1024 /* bytes of one, its newline included: as go and js have it */
#define KAD_MULTISTREAM_TRIES 16   /* proposals that a responder hears */
#define KAD_PROTOCOL_MAX      128  /* bytes of a protocol's name */
/* Room for what one step says, or begin(). */
#define KAD_MULTISTREAM_ROOM (2 * (KAD_PROTOCOL_MAX + 3))

enum kad_multistream_verdict {
    KAD_MULTISTREAM_MORE, /* the next token, or what is missing of this one */
    KAD_MULTISTREAM_AGREED,
    KAD_MULTISTREAM_REFUSED, /* initiator: it is not spoken there */
    KAD_MULTISTREAM_BROKEN,
};

struct kad_multistream {
    bool initiator;
    bool greeted; /* the other's header was heard */
    uint8_t tries;
};

struct kad_multistream_step {
    enum kad_multistream_verdict verdict;
    unsigned protocol; /* AGREED, responder: which of them */
    size_t n_read;     /* of what came: 0, MORE: no whole token yet */
    size_t n_said;     /* written */
};

/* An initiator's: `protocol` is lent until it is agreed. Returns bytes written. */
size_t kad_multistream_begin(struct kad_multistream *stream, const char *protocol,
                             uint8_t out_said[KAD_MULTISTREAM_ROOM]);
void kad_multistream_listen(struct kad_multistream *stream);
/* The first token of what came. `protocols`: what a responder speaks, a NULL among them being none; the one that an initiator
 * proposed. */
struct kad_multistream_step kad_multistream_step(struct kad_multistream *stream, struct kad_bytes came,
                                                 const char *const *protocols, unsigned n_protocols,
                                                 uint8_t out_said[KAD_MULTISTREAM_ROOM]);

#endif
