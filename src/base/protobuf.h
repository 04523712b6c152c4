/*
 * protobuf - the wire format of protocol buffers, field by field (protobuf.dev, encoding): what libp2p's messages are made of.
 *
 * Reading borrows; what a message means, and which fields it must have, is its reader's business. Groups, which proto3 does not
 * have, are refused. Varints take up to ten bytes, and may be longer than need be, as the specification has it.
 */
#ifndef KAD_BASE_PROTOBUF_H
#define KAD_BASE_PROTOBUF_H

#include "base/types.h"

/* How a field's value is written. */
enum kad_proto_kind {
    KAD_PROTO_VARINT = 0,
    KAD_PROTO_FIXED64 = 1,
    KAD_PROTO_BYTES = 2,
    KAD_PROTO_FIXED32 = 5
};

struct kad_proto_field {
    uint32_t number;
    enum kad_proto_kind kind;
    uint64_t value;         /* of all kinds but bytes */
    struct kad_bytes bytes; /* of bytes; borrowed */
};

/* The next field, which leaves `rest`. 1; 0: there is none; KAD_E_INVALID: cut off, or no such format. */
KAD_CHECK int kad_proto_next(struct kad_bytes *rest, struct kad_proto_field *out_field);

/* A message that is being written. What does not fit sets `full`, and nothing more is written. */
struct kad_proto_writer {
    uint8_t *bytes;
    size_t room;
    size_t n;
    bool full;
};

void kad_proto_put_varint(struct kad_proto_writer *writer, uint32_t number, uint64_t value);
void kad_proto_put_bytes(struct kad_proto_writer *writer, uint32_t number, struct kad_bytes bytes);
/* A field whose `size` bytes the caller writes next, with kad_proto_put_raw() or as fields of their own. */
void kad_proto_begin(struct kad_proto_writer *writer, uint32_t number, size_t size);
void kad_proto_put_raw(struct kad_proto_writer *writer, const void *bytes, size_t n);

/* What these take. */
size_t kad_proto_size_varint(uint32_t number, uint64_t value);
size_t kad_proto_size_bytes(uint32_t number, size_t size);

#endif
