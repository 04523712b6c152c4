/*
 * key_pem - an identity's seed as others keep Ed25519 keys: PKCS#8 in PEM (RFC 8410), what `openssl pkey` reads and writes.
 *
 * With a passphrase it is an ENCRYPTED PRIVATE KEY (PBES2, AES-256-CBC). libcrypto does all of it, and so
 * reads version 1 only: no public key beside the private one.
 */
#ifndef KAD_NODE_KEY_PEM_H
#define KAD_NODE_KEY_PEM_H

#include "base/types.h"

#define KAD_PEM_MAX 4096 /* bytes */

/* `passphrase`: NULL: none. 0; KAD_E_INVALID: no private key in PEM, or none for Ed25519; KAD_E_NOT_FOUND: it needs a passphrase;
 * KAD_E_REFUSED: another passphrase. */
KAD_CHECK int kad_pem_read(struct kad_bytes text, const char *passphrase, uint8_t out_seed[32]);
/* Terminated. 0, KAD_E_SPACE, KAD_E_MEMORY. */
KAD_CHECK int kad_pem_write(const uint8_t seed[32], const char *passphrase, char *out_text, size_t room);

#endif
