/* methods - which methods there are on this wire, and which fields each may and must have. */
#ifndef KAD_WIRE_KAD_METHODS_H
#define KAD_WIRE_KAD_METHODS_H

#include "wire/kad/fields.h"

struct kad_wire_form {
    uint8_t code; /* on the wire */
    enum kad_method method;
    uint32_t query, query_must, reply; /* KAD_TAG_BITs */
};

/* KAD_UNKNOWN's, with the code 0, if there is no other. */
const struct kad_wire_form *kad_wire_form_of(unsigned code);
/* NULL: not spoken here. */
const struct kad_wire_form *kad_wire_form_for(enum kad_method method);

/* An error, whatever was asked. */
#define KAD_WIRE_ERROR                                                                              \
    (KAD_TAG_BIT(KAD_TAG_REFUSAL) | KAD_TAG_BIT(KAD_TAG_TEXT) | KAD_TAG_BIT(KAD_TAG_YOUR_ADDRESS) | \
     KAD_TAG_BIT(KAD_TAG_SEQUENCE))

#endif
