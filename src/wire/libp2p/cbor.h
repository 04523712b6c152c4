/* cbor - the maps of DAG-CBOR that records of IPNS carry: text keys, and byte strings, texts or whole numbers under them. */
#ifndef KAD_WIRE_LIBP2P_CBOR_H
#define KAD_WIRE_LIBP2P_CBOR_H

#include "base/types.h"

struct kad_cbor_entry {
    struct kad_bytes key;
    bool is_number;
    uint64_t number;
    struct kad_bytes bytes; /* of a byte string or a text */
};

/* The head of a map: how many entries follow in `rest`. 0 or KAD_E_INVALID. */
KAD_CHECK int kad_cbor_map(struct kad_bytes *rest, uint64_t *out_n);
/* The next entry. 0; KAD_E_INVALID: cut off, or a value that is none of these. Lengths and numbers have their shortest form, as
 * DAG-CBOR wants it. */
KAD_CHECK int kad_cbor_entry(struct kad_bytes *rest, struct kad_cbor_entry *out_entry);

#endif
