/*
 * peer_id - libp2p's identities: public keys of four kinds, their peer ids, and signatures of theirs (libp2p/specs, peer-ids).
 *
 * A public key travels as a protobuf message, PublicKey { Type = 1; Data = 2 }, whose bytes are hashed and signed and so have one
 * form only. A peer id is the multihash of those bytes: the bytes themselves if they are short (Ed25519, secp256k1), else
 * their SHA-256. Where a peer stands in the key space is the SHA-256 of its peer id.
 *
 * Our own keys are Ed25519. Others' are verified if they are Ed25519, RSA of 2,048 to 8,192 bits, ECDSA on P-256 or secp256k1.
 */
#ifndef KAD_CRYPTO_PEER_ID_H
#define KAD_CRYPTO_PEER_ID_H

#include "base/types.h"

#define KAD_PEER_KEY_OWN  36   /* bytes of an Ed25519 key's message */
#define KAD_PEER_KEY_MAX  1200 /* of any we take: RSA of 8,192 bits is 1,066 */
#define KAD_PEER_ID_MAX   44   /* bytes: the multihash of a message of 42 bytes */
#define KAD_PEER_ID_TEXT  64   /* room for its base58 and the terminator */
#define KAD_PEER_SIGN_MAX 1024 /* bytes of a signature: RSA of 8,192 bits */

/* As libp2p numbers them. */
enum kad_peer_key_kind {
    KAD_PEER_RSA = 0,
    KAD_PEER_ED25519 = 1,
    KAD_PEER_SECP256K1 = 2,
    KAD_PEER_ECDSA = 3,
};

/* The message of an Ed25519 public key. */
void kad_peer_key_ed25519(const uint8_t public_key[32], uint8_t out_key[KAD_PEER_KEY_OWN]);
/* Its parts, `out_data` borrowed from it. 0; KAD_E_INVALID: not the one form, or sizes that no key of its kind has. */
KAD_CHECK int kad_peer_key_parse(struct kad_bytes key, enum kad_peer_key_kind *out_kind,
                                 struct kad_bytes *out_data);
/* Did the owner of `key` sign `data`? False also: a key or a signature that is none. */
bool kad_peer_key_verify(struct kad_bytes key, struct kad_bytes data, struct kad_bytes signature);

/* The peer id of a key (its message, which must parse): out_id has its size. 0 or KAD_E_INVALID. */
KAD_CHECK int kad_peer_id_of_key(struct kad_bytes key, uint8_t out_id[KAD_PEER_ID_MAX], size_t *out_size);
/* Is it one: an identity multihash of a key that parses, or one of SHA-256? */
bool kad_peer_id_is_valid(struct kad_bytes id);
/* The key that a peer id contains, borrowed from it; false: it is a hash. */
bool kad_peer_id_key(struct kad_bytes id, struct kad_bytes *out_key);
/* Where it stands in the key space. */
void kad_peer_id_place(struct kad_bytes id, struct kad_id *out_place);

/* Its text: base58 ("12D3Koo...", "16Uiu2...", "Qm..."), or a CIDv1 with the codec libp2p-key ("bafz...", "k51..."). The `n` characters
 * need no terminator. 0 or KAD_E_INVALID. */
KAD_CHECK int kad_peer_id_read(const char *text, size_t n, uint8_t out_id[KAD_PEER_ID_MAX], size_t *out_size);
/* As base58. */
void kad_peer_id_write(struct kad_bytes id, char out_text[KAD_PEER_ID_TEXT]);
/* As a CIDv1 in base36, as names of IPNS are written. 0 or KAD_E_SPACE; KAD_E_INVALID: no peer id. */
KAD_CHECK int kad_peer_id_write_cid(struct kad_bytes id, char *out_text, size_t room);

#endif
