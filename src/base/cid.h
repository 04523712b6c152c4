/*
 * cid - names of content as IPFS writes them: from a CID's text to its multihash, and back.
 *
 * CIDv0 is a multihash of SHA-256 in base58 ("Qm..."); CIDv1 a version, a codec and a multihash in base32, base36, base58 or base16
 * behind the letter that says which ("b", "k", "z", "f"). Both name the same content when their multihashes are equal. See
 * the CID, multihash and multibase specifications of multiformats.
 */
#ifndef KAD_BASE_CID_H
#define KAD_BASE_CID_H

#include "base/types.h"

#define KAD_MULTIHASH_MAX 66 /* code, length, and a digest of 64 bytes at most */
#define KAD_CID_TEXT      (2 * (KAD_MULTIHASH_MAX + 10) + 2) /* room for any CID's text and its terminator */

/* What the content is, in a CIDv1. */
enum kad_cid_codec {
    KAD_CID_RAW = 0x55,
    KAD_CID_DAG_PB = 0x70,
    KAD_CID_LIBP2P_KEY = 0x72,
};

/* The multihash: a code and a length, and the digest. 0 or KAD_E_INVALID. */
KAD_CHECK int kad_cid_multihash(const char *text, uint8_t out_multihash[KAD_MULTIHASH_MAX], size_t *out_size);
/* The same of a CID's bytes: borrowed from them. */
KAD_CHECK int kad_cid_multihash_of(struct kad_bytes cid, struct kad_bytes *out_multihash);
/* Is it one multihash and nothing besides? */
bool kad_multihash_is_valid(struct kad_bytes multihash);
/* The multihash of a SHA-256 digest: 34 bytes. */
void kad_multihash_sha256(const uint8_t digest[32], uint8_t out_multihash[34]);

/* A CIDv1 in base32. 0, KAD_E_SPACE. */
KAD_CHECK int kad_cid_write(enum kad_cid_codec codec, struct kad_bytes multihash, char *out_text,
                            size_t room);

#endif
