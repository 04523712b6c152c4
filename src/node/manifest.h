/*
 * manifest - a list of nodes to join through that somebody has signed.
 *
 * Lines, in this order; what a `#` begins is a comment, and is not signed:
 *
 *     kad-manifest 1
 *     network mainline
 *     valid-until 2027-01-31T00:00:00Z
 *     node router.example.org:6881          up to KAD_MANIFEST_NODES of these
 *     node [2001:db8::1]:6881
 *     signature PUBLIC-KEY SIGNATURE        64 and 128 hexadecimal digits; one trusted key of several is enough
 *
 * A semicolon is as good as the end of a line, so that a whole manifest fits one DNS TXT record. What is signed (Ed25519)
 * is the lines before the first signature without comments, blank lines and the spaces around them, each ended by one
 * newline: however a file was carried about, it verifies. Nothing but the signatures is looked at before one is good.
 */
#ifndef KAD_NODE_MANIFEST_H
#define KAD_NODE_MANIFEST_H

#include "base/types.h"
#include "crypto/crypto.h"

#define KAD_MANIFEST_NODES 64
#define KAD_MANIFEST_MAX   (32 * 1024) /* bytes */
#define KAD_MANIFEST_HOST  272         /* "host:port" and a zero */
#define KAD_MANIFEST_KEYS  16          /* trusted ones */

struct kad_manifest_keys {
    uint8_t keys[KAD_MANIFEST_KEYS][KAD_ED25519_PUBLIC];
    size_t n;
};

struct kad_manifest {
    kad_ms valid_until; /* Unix time */
    uint8_t signer[KAD_ED25519_PUBLIC];
    char nodes[KAD_MANIFEST_NODES][KAD_MANIFEST_HOST];
    size_t n_nodes;
};

/* Keys as 64 digits each, by commas or spaces. 0, or KAD_E_INVALID with the reason. */
KAD_CHECK int kad_manifest_read_keys(const char *text, struct kad_manifest_keys *out_keys, char *out_why,
                                     size_t why_size);

/* `text` need not end in a zero. `keys` NULL: any good signature will do (to look at one). `now`: Unix time. 0, or with the
 * reason in `out_why` KAD_E_INVALID (malformed), KAD_E_REFUSED (no trusted key has signed this), KAD_E_TIMEOUT (it was valid
 * once), KAD_E_MEMORY. */
KAD_CHECK int kad_manifest_read(const char *text, size_t size, const struct kad_manifest_keys *keys,
                                const char *network, kad_ms now, struct kad_manifest *out_manifest,
                                char *out_why, size_t why_size);

/* `text`, without comments, with the signatures it has and one more. What comes out is yours: free() it. 0, KAD_E_INVALID
 * (`text` is no manifest), KAD_E_EXISTS (this key has signed it), KAD_E_MEMORY. */
KAD_CHECK int kad_manifest_sign(const char *text, size_t size, const uint8_t seed[KAD_ED25519_SEED],
                                char **out_text, char *out_why, size_t why_size);

#endif
