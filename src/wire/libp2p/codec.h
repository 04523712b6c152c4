/*
 * codec - libp2p's Kademlia as the engine's codec. A stream says who speaks and which answer belongs to which question; a frame says
 * the same for a datagram, and is never sent: between the engine and its host (engine/swarm.h) it stands in front of the protobuf
 * message.
 *
 *     frame := kind 1 | flags 1 | n 1 | transaction n | made_at 8, big-endian, if flagged | Message
 *
 * Of an answer the Message has no type and no key: those are the question's, which the host still has and puts before it (they are
 * its first fields). Of a question the key is the 32-byte hash that the engine looks for, and the host puts in its place what is hashed
 * to it.
 */
#ifndef KAD_WIRE_LIBP2P_CODEC_H
#define KAD_WIRE_LIBP2P_CODEC_H

#include "wire/codec.h"

enum kad_p2p_kind { KAD_P2P_QUERY = 0, KAD_P2P_REPLY = 1, KAD_P2P_ERROR = 2 };
enum kad_p2p_flags {
    KAD_P2P_CLIENT = 1,  /* the sender answers nothing: not to be kept or named */
    KAD_P2P_PINGS = 2,   /* a ping or its answer: no Message follows */
    KAD_P2P_MADE_AT = 4, /* made_at follows: what is in it came at that time */
};

struct kad_p2p_frame {
    enum kad_p2p_kind kind;
    uint8_t flags;
    struct kad_bytes transaction;
    int64_t made_at;
    struct kad_bytes message;
};

/* 0 or KAD_E_INVALID. Borrowed. */
KAD_CHECK int kad_p2p_frame_read(struct kad_bytes bytes, struct kad_p2p_frame *out_frame);
/* Its head: bytes written, 0 when it does not fit. frame->message is not written. */
size_t kad_p2p_frame_write_head(const struct kad_p2p_frame *frame, uint8_t *out_bytes, size_t room);

/* kad_rules.id_of: an identity is a peer id; where it stands in the key space. */
bool kad_p2p_id_of(struct kad_bytes identity, struct kad_id *out_id);
/* The first address that we could dial, of an IP address with TCP (below WebSocket or not). False: there is none. */
bool kad_p2p_endpoint_of(struct kad_bytes peer_body, struct kad_endpoint *out_endpoint);

extern const struct kad_codec kad_libp2p_codec;

#endif
