/*
 * content - the forms in which people write what content is called in libp2p's networks: its multihash.
 *
 *     bafkrei..., Qm..., f01551220...     a CID of version 0 or 1
 *     0x1234...abcd                       32 bytes: the content's SHA-256, as T024 writes hashes of shards (H256)
 *     0xABCD                              shorter: bytes that are hashed first
 *     0x1220...                           34 bytes: the multihash itself
 *
 * "0x" may be left out, and digits may be of either case. 31 bytes, and more than 32 that are no multihash, are hashes that were
 * mistyped: they are refused, and where they go wrong is said.
 */
#ifndef KAD_HTTP_CONTENT_H
#define KAD_HTTP_CONTENT_H

#include "base/cid.h"

struct kad_content {
    uint8_t multihash[KAD_MULTIHASH_MAX];
    size_t size;
};

#define KAD_CONTENT_WHY 100

/* 0; KAD_E_INVALID with the reason. */
KAD_CHECK int kad_content_read(const char *text, struct kad_content *out_content,
                               char out_why[KAD_CONTENT_WHY]);
/* A hash of 32 bytes and nothing else. */
KAD_CHECK int kad_content_read_hash(const char *text, struct kad_content *out_content,
                                    char out_why[KAD_CONTENT_WHY]);
void kad_content_of_digest(const uint8_t digest[32], struct kad_content *out_content);
/* Its SHA-256; NULL: it is called by another hash. */
const uint8_t *kad_content_digest(const struct kad_content *content);
/* As a CIDv1 of the codec raw. */
void kad_content_cid(const struct kad_content *content, char out_text[KAD_CID_TEXT]);
/* As a CIDv0, "Qm..."; false: it has none. */
bool kad_content_cid_v0(const struct kad_content *content, char out_text[KAD_CID_TEXT]);
/* Where it stands in the key space. */
void kad_content_key(const struct kad_content *content, struct kad_id *out_key);

#endif
