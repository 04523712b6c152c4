#include "base/protobuf.h"

#include <string.h>

#include "base/test.h"
#include "base/text.h"

TEST(fields_are_written_and_read)
{
    static const uint64_t values[] = {0, 1, 127, 128, 300, UINT32_MAX, INT64_MAX, UINT64_MAX};
    uint8_t bytes[200];
    struct kad_proto_writer writer = {.bytes = bytes, .room = sizeof(bytes)};
    struct kad_proto_field field;
    struct kad_bytes rest;
    size_t size = 0;

    for (size_t i = 0; i < KAD_COUNT_OF(values); i++) {
        kad_proto_put_varint(&writer, (uint32_t)i + 15, values[i]);
        size += kad_proto_size_varint((uint32_t)i + 15, values[i]);
    }
    kad_proto_put_bytes(&writer, 666, (struct kad_bytes){(const uint8_t *)"hello", 5});
    size += kad_proto_size_bytes(666, 5);
    EXPECT(!writer.full);
    EXPECT_EQ(writer.n, size);
    rest = (struct kad_bytes){bytes, writer.n};
    for (size_t i = 0; i < KAD_COUNT_OF(values); i++) {
        EXPECT_EQ(kad_proto_next(&rest, &field), 1);
        EXPECT_EQ(field.number, i + 15);
        EXPECT_EQ(field.kind, KAD_PROTO_VARINT);
        EXPECT(field.value == values[i]);
    }
    EXPECT_EQ(kad_proto_next(&rest, &field), 1);
    EXPECT_EQ(field.number, 666);
    EXPECT_EQ(field.bytes.size, 5);
    EXPECT_MEM(field.bytes.data, "hello", 5);
    EXPECT_EQ(kad_proto_next(&rest, &field), 0);
}

TEST(fixed_numbers_and_wide_varints_are_read) /* protobuf.dev, encoding */
{
    static const uint8_t bytes[] = {0x09, 1, 2, 3, 4,    5,    6,    7,    8,   0x15,
                                    1,    2, 3, 4, 0x08, 0x96, 0x81, 0x80, 0x00};
    struct kad_bytes rest = {bytes, sizeof(bytes)};
    struct kad_proto_field field;

    EXPECT_EQ(kad_proto_next(&rest, &field), 1);
    EXPECT(field.number == 1 && field.value == UINT64_C(0x0807060504030201));
    EXPECT_EQ(kad_proto_next(&rest, &field), 1);
    EXPECT(field.number == 2 && field.value == 0x04030201);
    EXPECT_EQ(kad_proto_next(&rest, &field), 1);
    EXPECT_EQ(field.value, 150);
    EXPECT_EQ(rest.size, 0);
}

TEST(what_is_cut_off_or_no_field_is_refused)
{
    static const char *const wrong[] = {"08",
                                        "0880",
                                        "0a",
                                        "0a05616263",
                                        "0901020304",
                                        "0d0102",
                                        "00",
                                        "0001",
                                        "0b",
                                        "0c",
                                        "0e",
                                        "0f",
                                        "08ffffffffffffffffffff01",
                                        "ffffffffff0f01"};
    uint8_t bytes[16];
    struct kad_proto_field field;

    for (size_t i = 0; i < KAD_COUNT_OF(wrong); i++) {
        struct kad_bytes rest = {bytes, strlen(wrong[i]) / 2};

        EXPECT_EQ(kad_unhex(wrong[i], bytes, rest.size), 0);
        EXPECT_EQ(kad_proto_next(&rest, &field), KAD_E_INVALID);
    }
}

TEST(what_does_not_fit_is_not_written)
{
    uint8_t bytes[8];

    for (size_t room = 0; room < 7; room++) {
        struct kad_proto_writer writer = {.bytes = bytes, .room = room};

        kad_proto_put_bytes(&writer, 1, (struct kad_bytes){(const uint8_t *)"hello", 5});
        EXPECT(writer.full);
        EXPECT(writer.n <= room);
    }
}
