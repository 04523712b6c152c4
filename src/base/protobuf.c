#include "base/protobuf.h"

#include <string.h>

#include "base/varint.h"

#define VARINT_MOST 10

static bool take_varint(struct kad_bytes *rest, uint64_t *out_value)
{
    uint64_t value = 0;

    if (rest->size && rest->data[0] < 0x80) {
        *out_value = rest->data[0];
        rest->data++;
        rest->size--;
        return true;
    }
    for (unsigned i = 0; i < VARINT_MOST && i < rest->size; i++) {
        value |= (uint64_t)(rest->data[i] & 0x7f) << (7 * i);
        if (rest->data[i] & 0x80)
            continue;
        rest->data += i + 1;
        rest->size -= i + 1;
        *out_value = value;
        return true;
    }
    return false;
}

static bool take_fixed(struct kad_bytes *rest, size_t n, uint64_t *out_value)
{
    if (rest->size < n)
        return false;
    *out_value = 0;
    for (size_t i = 0; i < n; i++)
        *out_value |= (uint64_t)rest->data[i] << (8 * i);
    rest->data += n;
    rest->size -= n;
    return true;
}

static bool take_bytes(struct kad_bytes *rest, struct kad_bytes *out_bytes)
{
    uint64_t size;

    if (!take_varint(rest, &size) || size > rest->size)
        return false;
    *out_bytes = (struct kad_bytes){rest->data, (size_t)size};
    rest->data += size;
    rest->size -= (size_t)size;
    return true;
}

int kad_proto_next(struct kad_bytes *rest, struct kad_proto_field *out_field)
{
    uint64_t tag;
    bool good = false;

    if (!rest->size)
        return 0;
    if (!take_varint(rest, &tag) || tag >> 3 == 0 || tag > UINT32_MAX)
        return KAD_E_INVALID;
    *out_field =
        (struct kad_proto_field){.number = (uint32_t)(tag >> 3), .kind = (enum kad_proto_kind)(tag & 7)};
    switch (out_field->kind) {
    case KAD_PROTO_VARINT:
        good = take_varint(rest, &out_field->value);
        break;
    case KAD_PROTO_FIXED64:
        good = take_fixed(rest, 8, &out_field->value);
        break;
    case KAD_PROTO_FIXED32:
        good = take_fixed(rest, 4, &out_field->value);
        break;
    case KAD_PROTO_BYTES:
        good = take_bytes(rest, &out_field->bytes);
        break;
    }
    return good ? 1 : KAD_E_INVALID;
}

static size_t varint_size(uint64_t value)
{
    return value >> 63 ? VARINT_MOST : kad_varint_size(value);
}

static void put_varint(struct kad_proto_writer *writer, uint64_t value)
{
    uint8_t bytes[VARINT_MOST];
    size_t n = 0;

    if (value < 0x80 && writer->n < writer->room && !writer->full) { /* most are lengths and tags */
        writer->bytes[writer->n++] = (uint8_t)value;
        return;
    }
    for (; value >= 0x80; value >>= 7)
        bytes[n++] = (uint8_t)(value | 0x80);
    bytes[n++] = (uint8_t)value;
    kad_proto_put_raw(writer, bytes, n);
}

void kad_proto_put_raw(struct kad_proto_writer *writer, const void *bytes, size_t n)
{
    if (writer->full || writer->room - writer->n < n) {
        writer->full = true;
        return;
    }
    if (n)
        memcpy(writer->bytes + writer->n, bytes, n);
    writer->n += n;
}

void kad_proto_put_varint(struct kad_proto_writer *writer, uint32_t number, uint64_t value)
{
    put_varint(writer, (uint64_t)number << 3 | KAD_PROTO_VARINT);
    put_varint(writer, value);
}

void kad_proto_begin(struct kad_proto_writer *writer, uint32_t number, size_t size)
{
    put_varint(writer, (uint64_t)number << 3 | KAD_PROTO_BYTES);
    put_varint(writer, size);
}

void kad_proto_put_bytes(struct kad_proto_writer *writer, uint32_t number, struct kad_bytes bytes)
{
    kad_proto_begin(writer, number, bytes.size);
    kad_proto_put_raw(writer, bytes.data, bytes.size);
}

size_t kad_proto_size_varint(uint32_t number, uint64_t value)
{
    return varint_size((uint64_t)number << 3) + varint_size(value);
}

size_t kad_proto_size_bytes(uint32_t number, size_t size)
{
    return varint_size((uint64_t)number << 3) + varint_size(size) + size;
}
