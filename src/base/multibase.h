/*
 * multibase - bytes as text: base58 of Bitcoin's alphabet, and the four encodings of the multibase specification that names of
 * peers and of content come in, behind the letter that says which: "z" base58, "b" base32, "k" base36, "f" base16.
 *
 * For names, which are short: reading and writing base58 and base36 take time that grows with the square of the length.
 */
#ifndef KAD_BASE_MULTIBASE_H
#define KAD_BASE_MULTIBASE_H

#include "base/types.h"

#define KAD_MULTIBASE_MAX 512 /* bytes, read or written at once */
/* Characters that n bytes take at most, in the widest of them, with letter and terminator. */
#define KAD_MULTIBASE_TEXT(n) (2 * (n) + 2)

/* The letter of an encoding. */
enum kad_multibase {
    KAD_BASE16 = 'f',
    KAD_BASE32 = 'b', /* RFC 4648 without padding, lower case */
    KAD_BASE36 = 'k', /* lower case */
    KAD_BASE58 = 'z',
};

/* Text without a letter before it. 0, KAD_E_INVALID (a character that is none of it, bits left over), KAD_E_SPACE. */
KAD_CHECK int kad_base_read(enum kad_multibase base, const char *text, size_t n, uint8_t *out_bytes,
                            size_t room, size_t *out_size);
/* Writes it with a terminator; KAD_E_SPACE: `room` does not hold it, or it is longer than KAD_MULTIBASE_MAX. */
KAD_CHECK int kad_base_write(enum kad_multibase base, struct kad_bytes bytes, char *out_text, size_t room);

/* The same with the letter. KAD_E_INVALID also: an encoding that is none of these. */
KAD_CHECK int kad_multibase_read(const char *text, size_t n, uint8_t *out_bytes, size_t room,
                                 size_t *out_size);
KAD_CHECK int kad_multibase_write(enum kad_multibase base, struct kad_bytes bytes, char *out_text,
                                  size_t room);

#endif
