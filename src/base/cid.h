/*
 * cid - names of content as IPFS writes them: from a CID's text to its multihash.
 *
 * CIDv0 is a multihash in base58 ("Qm..."); CIDv1 a version, a codec and a multihash in base32, base58 or base16 behind the
 * letter that says which ("b", "z", "f"). Both name the same content when their multihashes are equal. See the CID and
 * multibase specifications of multiformats.
 */
#ifndef KAD_BASE_CID_H
#define KAD_BASE_CID_H

#include "base/types.h"

#define KAD_MULTIHASH_MAX 66 /* code, length, and a digest of 64 bytes at most */

/* The multihash: a code and a length, one byte each or two, and the digest. 0 or KAD_E_INVALID. */
KAD_CHECK int kad_cid_multihash(const char *text, uint8_t out_multihash[KAD_MULTIHASH_MAX], size_t *out_size);

#endif
