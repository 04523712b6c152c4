/*
 * identify - who a peer says it is, where, and what it speaks: /ipfs/id/1.0.0 (libp2p/specs, identify).
 *
 *     Identify { publicKey 1; listenAddrs 2, repeated; protocols 3, repeated; observedAddr 4; protocolVersion 5; agentVersion 6;
 *                signedPeerRecord 8 }
 *
 * A message may come in several parts, as go sends it: reading them one after the other into the same struct merges them.
 */
#ifndef KAD_WIRE_LIBP2P_IDENTIFY_H
#define KAD_WIRE_LIBP2P_IDENTIFY_H

#include "base/protobuf.h"

#define KAD_IDENTIFY_SENT_MAX  4096 /* bytes of one of ours: what rust takes */
#define KAD_IDENTIFY_TAKEN_MAX 8192 /* and of one that we take */
#define KAD_IDENTIFY_ADDRS     16   /* that are taken */
#define KAD_IDENTIFY_PROTOCOLS 64
#define KAD_IDENTIFY_TEXT      128 /* bytes of a protocol's name, an agent, a version */

struct kad_identify {
    struct kad_bytes public_key; /* the message of it, crypto/peer_id.h; empty: not said */
    struct kad_bytes observed;   /* how the sender sees us: a multiaddr */
    struct kad_bytes protocol_version, agent_version;
    struct kad_bytes signed_record; /* an envelope */
    unsigned n_addrs, n_protocols;
    struct kad_bytes addrs[KAD_IDENTIFY_ADDRS];
    struct kad_bytes protocols[KAD_IDENTIFY_PROTOCOLS];
};

/* Borrowed. 0; KAD_E_INVALID: no such message. *identify is cleared by the caller before the first part. */
KAD_CHECK int kad_identify_decode(struct kad_bytes bytes, struct kad_identify *identify);
/* Bytes written; 0: it does not fit. */
size_t kad_identify_encode(const struct kad_identify *identify, uint8_t *out_bytes, size_t room);
bool kad_identify_speaks(const struct kad_identify *identify, const char *protocol);

/* -- signed peer records: RFC 0002 and 0003 of libp2p/specs, with the domain that go and js use ------------------- */

/* Who signed it, and that the record is the signer's own, is checked before anything of it is given. 0; KAD_E_INVALID. */
KAD_CHECK int kad_peer_record_open(struct kad_bytes envelope, struct kad_bytes *out_peer_id,
                                   uint64_t *out_sequence, struct kad_bytes out_addrs[KAD_IDENTIFY_ADDRS],
                                   unsigned *out_n_addrs);
/* One of our own, with the secret as kad_ed25519_keypair() has it. Bytes written; 0: it does not fit. */
size_t kad_peer_record_seal(const uint8_t secret[64], uint64_t sequence, const struct kad_bytes *addrs,
                            size_t n_addrs, uint8_t *out_bytes, size_t room);

#endif
