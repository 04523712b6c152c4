/*
 * bech32 - Bech32m (BIP-350): bytes as text with a prefix that says what they are and a checksum that finds typos.
 *
 *     prefix "1" data checksum          data in groups of five bits, one of 32 characters each; the checksum has six
 *
 * Any change of up to four characters is found, always; more with all but one chance in 10^9. Where one character alone was
 * mistyped, or two neighbours were swapped, the fault says where. It does not say what should stand there: who corrects
 * by guess what was typed wrong may end up with somebody else's (BIP-350 asks not to).
 *
 * Bech32 without the m (BIP-173), which lets characters be inserted before a final "p", is refused by its checksum.
 */
#ifndef KAD_CRYPTO_BECH32_H
#define KAD_CRYPTO_BECH32_H

#include "base/types.h"

#define KAD_BECH32_MAX 90 /* characters of a text, at most */
/* Characters of a text, without its zero. */
#define KAD_BECH32_LENGTH(n_prefix, n_bytes) ((n_prefix) + 1 + ((n_bytes)*8 + 4) / 5 + 6)

enum kad_bech32_kind {
    KAD_BECH32_GOOD = 0,
    KAD_BECH32_PREFIX,    /* none, or another one */
    KAD_BECH32_LENGTHS,   /* too long, too short, or not what was asked for */
    KAD_BECH32_CASE,      /* upper and lower case together */
    KAD_BECH32_CHARACTER, /* one that is none of the 32 */
    KAD_BECH32_CHECKSUM,
    KAD_BECH32_PADDING, /* bits behind the last byte that are not zero, or whole characters of them */
};

#define KAD_BECH32_NOWHERE SIZE_MAX

struct kad_bech32_fault {
    enum kad_bech32_kind kind;
    size_t at; /* index in the text of what is wrong, as far as can be told; else KAD_BECH32_NOWHERE */
};

/* Lower case, with its zero. `prefix` is lower case. 0, KAD_E_LIMIT (over KAD_BECH32_MAX) or KAD_E_SPACE. */
KAD_CHECK int kad_bech32_encode(const char *prefix, struct kad_bytes bytes, char *out_text, size_t room);

/* A text with any prefix, as groups of five bits. Returns what is wrong, GOOD with the outputs written. */
struct kad_bech32_fault kad_bech32_groups(const char *text, char out_prefix[KAD_BECH32_MAX],
                                          uint8_t out_groups[KAD_BECH32_MAX], size_t *out_n);
/* A text with this prefix (either case, but only one) that stands for `size` bytes. */
struct kad_bech32_fault kad_bech32_decode(const char *text, const char *prefix, uint8_t *out_bytes,
                                          size_t size);

#endif
