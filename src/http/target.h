/*
 * target - the forms in which people write a Mainline key: a node id, an info-hash, the key of a stored value.
 *
 *     0123...cdef, 0x0123...cdef       40 hexadecimal digits: the key itself
 *     magnet:?xt=urn:btih:HASH         info-hash (BEP 9), 40 hexadecimal or 32 base32 digits
 *     magnet:?xt=urn:btmh:1220HASH     info-hash of version 2, of which the DHT uses the first 20 bytes (BEP 52)
 *     magnet:?xs=urn:btpk:KEY&s=SALT   public key and salt of a mutable value, hexadecimal (BEP 46)
 *     64 hexadecimal digits            public key of a mutable value
 *
 * The last two name a mutable value: which key that gives depends on the salt, so ask kad_target_id().
 */
#ifndef KAD_HTTP_TARGET_H
#define KAD_HTTP_TARGET_H

#include "kad/text.h"

struct kad_target {
    struct kad_id id; /* unless is_public */
    bool is_public;
    uint8_t public_key[32];
    uint8_t salt[KAD_RECORD_SALT_MAX];
    size_t salt_size; /* 0: none given */
};

/* 0 or KAD_E_INVALID. */
KAD_CHECK int kad_target_parse(const char *text, struct kad_target *out_target);

/* The id that `key` stands for; `salt`, if not empty, replaces the one in the link. */
struct kad_id kad_target_id(const struct kad_target *key, struct kad_bytes salt);

#endif
