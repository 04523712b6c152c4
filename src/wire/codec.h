/*
 * codec - one wire protocol: bytes to messages and back. Pure.
 */
#ifndef KAD_WIRE_CODEC_H
#define KAD_WIRE_CODEC_H

#include "core/message.h"

enum kad_decode {
    KAD_DECODED = 0,
    KAD_DECODE_MALFORMED, /* not this protocol, or structure broken: no answer */
    KAD_DECODE_BAD_QUERY, /* a query good enough to refuse: transaction, method and refusal are set; answer an error */
};

struct kad_codec {
    const char *name;
    /* Message borrows from `bytes`. Never allocates. */
    enum kad_decode (*decode)(struct kad_bytes bytes, enum kad_family family,
                              struct kad_message *out_message);
    /* Bytes written, or 0 when it does not fit `room` (nothing meaningful is written then). */
    size_t (*encode)(const struct kad_message *message, uint8_t *out_bytes, size_t room);
    /* Checks a record against its key (hash, signature, sizes). */
    enum kad_refusal (*check_record)(const struct kad_record *record);
    /* The rule that ties an id to an address (BEP 42), or NULL. */
    bool (*id_allowed)(const struct kad_id *id, const struct kad_endpoint *endpoint);
    struct kad_id (*make_id)(const struct kad_endpoint *endpoint, struct kad_rng *rng);
};

extern const struct kad_codec kad_krpc;
extern const struct kad_codec kad_wire; /* wire/kad/kad.h */

#endif
