/*
 * mask - what makes the beginning of a datagram look like nothing to whoever does not know whom it is for.
 *
 * A stream of bytes from a key of the receiver's and from the datagram's last 16 bytes, which no two datagrams share, is
 * added to its first bytes. It hides; it proves nothing. docs/protocol.md, "Masks".
 */
#ifndef KAD_CHANNEL_MASK_H
#define KAD_CHANNEL_MASK_H

#include "base/types.h"

#define KAD_MASK_KEY 16

/* The first 16 bytes of H(purpose | 0 | text): SHA-256 with every suite, for it must be told apart by whoever has none. */
void kad_mask_key(const char *purpose, const void *text, size_t size, uint8_t out_key[KAD_MASK_KEY]);
/* Masks, or unmasks, the first `n` bytes; the datagram has `size`, at least n + 16. */
void kad_mask(const uint8_t key[KAD_MASK_KEY], uint8_t *datagram, size_t size, size_t n);
/* Only those from `from` to `to`, both multiples of 16. */
void kad_mask_part(const uint8_t key[KAD_MASK_KEY], uint8_t *datagram, size_t size, size_t from, size_t to);
/* The first 16 bytes, unmasked into `out`. */
void kad_mask_peek(const uint8_t key[KAD_MASK_KEY], const uint8_t *datagram, size_t size, uint8_t out[16]);

#endif
