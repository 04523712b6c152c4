/*
 * message - what libp2p's Kademlia nodes say: the protobuf messages of libp2p/specs, kad-dht, as go, rust and js have them.
 *
 *     Message { type 1; key 2; record 3; closerPeers 8; providerPeers 9; clusterLevelRaw 10 }
 *     Peer    { id 1; addrs 2, repeated; connection 3 }      Record { key 1; value 2; timeReceived 5 }
 *
 * Reading borrows and allocates nothing. Unknown fields are passed over; of peers beyond the ceilings the first count, and of those
 * without an id that is one, none. What a request must have is checked here, so that nobody else needs to.
 */
#ifndef KAD_WIRE_LIBP2P_MESSAGE_H
#define KAD_WIRE_LIBP2P_MESSAGE_H

#include "base/protobuf.h"

enum kad_p2p_type {
    KAD_P2P_PUT_VALUE = 0,
    KAD_P2P_GET_VALUE = 1,
    KAD_P2P_ADD_PROVIDER = 2,
    KAD_P2P_GET_PROVIDERS = 3,
    KAD_P2P_FIND_NODE = 4,
    KAD_P2P_PING = 5,
};

#define KAD_P2P_KEY_MAX     128 /* bytes of a key: KAD_RECORD_SALT_MOST */
#define KAD_P2P_CONTENT_MAX 80  /* of content, as go has it */
#define KAD_P2P_CLOSER      64  /* peers that are taken of a list */
#define KAD_P2P_PROVIDERS   256
#define KAD_P2P_ADDRS       16     /* addresses that are taken of a peer */
#define KAD_P2P_ANSWER_MAX  16000  /* bytes of an answer of ours: rust takes 16 KiB, its length included */
#define KAD_P2P_NAMED_MAX   12000  /* bytes of it for providers: those who are closer have the rest */
#define KAD_P2P_TAKEN_MAX   131072 /* bytes of an answer that we take */

/* One of a message's peers. Its addresses are read one by one. */
struct kad_p2p_peer {
    struct kad_bytes id;
    struct kad_bytes body; /* the Peer message: kad_p2p_next_addr() */
    uint8_t connection;    /* 0 not connected, 1 connected, 2 can, 3 cannot; others read as 0 */
};

struct kad_p2p_record {
    struct kad_bytes key, value;
    struct kad_bytes time_received; /* text; never trusted */
};

struct kad_p2p_message {
    enum kad_p2p_type type;
    struct kad_bytes key;
    bool has_record;
    struct kad_p2p_record record;
    uint16_t n_closer, n_providers;
    struct kad_p2p_peer closer[KAD_P2P_CLOSER];
    struct kad_p2p_peer providers[KAD_P2P_PROVIDERS];
};

/* 0; KAD_E_INVALID: no such message. */
KAD_CHECK int kad_p2p_decode(struct kad_bytes bytes, struct kad_p2p_message *out_message);
/* Does it have what a request of its type must have: a key that is not too long, a record of that key? */
bool kad_p2p_is_request(const struct kad_p2p_message *message);

#define KAD_P2P_CLOSER_FIELD    8 /* closerPeers and providerPeers: their numbers in Message */
#define KAD_P2P_PROVIDERS_FIELD 9

/* The next peer of a list that has an id; `rest` begins as the message. False: there are no more. */
bool kad_p2p_next_peer(struct kad_bytes *rest, uint32_t field, struct kad_p2p_peer *out_peer);
/* The next address of a peer; `rest` begins as its body. False: there are no more. */
bool kad_p2p_next_addr(struct kad_bytes *rest, struct kad_bytes *out_addr);

/* -- writing, field by field ------------------------------------------------------------------------------------ */

/* Type (0 is left out, as proto3 has it) and, unless it is empty, key. */
void kad_p2p_put_head(struct kad_proto_writer *writer, enum kad_p2p_type type, struct kad_bytes key);
void kad_p2p_put_record(struct kad_proto_writer *writer, const struct kad_p2p_record *record);
/* Addresses that make the peer longer than KAD_P2P_PEER_MAX are left out. */
#define KAD_P2P_PEER_MAX 1000 /* what a provider's record holds */
void kad_p2p_put_peer(struct kad_proto_writer *writer, uint32_t field, struct kad_bytes id,
                      const struct kad_bytes *addrs, size_t n_addrs, uint8_t connection);

#endif
