/*
 * parts - a datagram taken apart: which keys are there, and what stands under each. What it means is krpc_decode's.
 *
 * One pass, no order of keys assumed. Of a key that comes twice the first counts. Everything borrows from the datagram.
 */
#ifndef KAD_WIRE_KRPC_PARTS_H
#define KAD_WIRE_KRPC_PARTS_H

#include <string.h>

#include "wire/krpc/bencode.h"

/* Keys of "a" and "r". */
enum krpc_field {
    KRPC_BFPE,
    KRPC_BFSD,
    KRPC_CAS,
    KRPC_ID,
    KRPC_IMPLIED_PORT,
    KRPC_INFO_HASH,
    KRPC_INTERVAL,
    KRPC_K,
    KRPC_NODES,
    KRPC_NODES6,
    KRPC_NOSEED,
    KRPC_NUM,
    KRPC_PORT,
    KRPC_SALT,
    KRPC_SAMPLES,
    KRPC_SCRAPE,
    KRPC_SEED,
    KRPC_SEQ,
    KRPC_SIG,
    KRPC_TARGET,
    KRPC_TOKEN,
    KRPC_V,
    KRPC_VALUES,
    KRPC_WANT,
    KRPC_N_FIELDS,
    KRPC_NO_FIELD = KRPC_N_FIELDS,
};

/* Only the fields whose bit is set in `present` mean anything. */
struct krpc_parts {
    struct kad_bencode_item fields[KRPC_N_FIELDS];
    struct kad_bencode_item error; /* "e" */
    struct kad_bytes transaction, method, version, address;
    uint32_t present;
    uint8_t kind; /* 'q', 'r', 'e' */
    uint8_t body; /* which dictionary the fields are from: 'a', 'r', or 0 for none */
    bool has_transaction, has_method, has_error, read_only;
};

/* False if this is no KRPC message, or none that could be answered: broken, or without a transaction of bearable
 * length. */
bool kad_krpc_read_parts(struct kad_bytes bytes, struct krpc_parts *out_parts);

static inline bool krpc_is(struct kad_bytes key, const char *name, size_t size)
{
    return memcmp(key.data, name, size) == 0;
}

static inline bool krpc_has(const struct krpc_parts *parts, enum krpc_field field)
{
    return parts->present >> field & 1;
}

/* Each gives a field's value if it is there and of the right kind; otherwise it changes nothing. */
static inline const struct kad_bencode_item *krpc_get(const struct krpc_parts *parts, enum krpc_field field,
                                                      enum kad_bencode_type type)
{
    const struct kad_bencode_item *item = &parts->fields[field];

    return krpc_has(parts, field) && item->type == type ? item : NULL;
}

static inline bool krpc_get_string(const struct krpc_parts *parts, enum krpc_field field,
                                   struct kad_bytes *out_string)
{
    const struct kad_bencode_item *item = krpc_get(parts, field, KAD_BENCODE_STRING);

    if (item)
        *out_string = item->string;
    return item != NULL;
}

static inline bool krpc_get_integer(const struct krpc_parts *parts, enum krpc_field field, int64_t least,
                                    int64_t most, int64_t *out)
{
    const struct kad_bencode_item *item = krpc_get(parts, field, KAD_BENCODE_INTEGER);

    if (!item || item->integer < least || item->integer > most)
        return false;
    *out = item->integer;
    return true;
}

static inline bool krpc_get_flag(const struct krpc_parts *parts, enum krpc_field field)
{
    const struct kad_bencode_item *item = krpc_get(parts, field, KAD_BENCODE_INTEGER);

    return item && item->integer != 0;
}

static inline bool krpc_get_exactly(const struct krpc_parts *parts, enum krpc_field field, size_t size,
                                    void *out_bytes)
{
    struct kad_bytes string;

    if (!krpc_get_string(parts, field, &string) || string.size != size)
        return false;
    memcpy(out_bytes, string.data, size);
    return true;
}

#endif
