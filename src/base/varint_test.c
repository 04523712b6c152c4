#include "base/varint.h"

#include "base/test.h"
#include "base/text.h"

TEST(known_bytes) /* libp2p-vectors.json, uvarint */
{
    static const struct {
        uint64_t value;
        const char *hex;
    } known[] = {{0, "00"},
                 {1, "01"},
                 {127, "7f"},
                 {128, "8001"},
                 {300, "ac02"},
                 {16384, "808001"},
                 {INT64_MAX, "ffffffffffffffff7f"}};
    uint8_t bytes[KAD_VARINT_MAX], wanted[KAD_VARINT_MAX];

    for (size_t i = 0; i < KAD_COUNT_OF(known); i++) {
        const unsigned n = kad_varint_size(known[i].value);
        uint64_t value;

        EXPECT_EQ(kad_unhex(known[i].hex, wanted, n), 0);
        EXPECT_EQ(kad_varint_write(known[i].value, bytes), n);
        EXPECT_MEM(bytes, wanted, n);
        for (unsigned cut = 0; cut < n; cut++)
            EXPECT_EQ(kad_varint_read((struct kad_bytes){bytes, cut}, &value), 0);
        EXPECT_EQ(kad_varint_read((struct kad_bytes){bytes, n}, &value), n);
        EXPECT(value == known[i].value);
    }
}

TEST(longer_than_need_be_or_endless)
{
    static const char *const wrong[] = {"8000", "ff00", "80808000", "ffffffffffffffffff01",
                                        "808080808080808080"};
    uint8_t bytes[10];
    uint64_t value;

    for (size_t i = 0; i < KAD_COUNT_OF(wrong); i++) {
        size_t n = 0;

        for (; wrong[i][2 * n]; n++)
            ;
        EXPECT_EQ(kad_unhex(wrong[i], bytes, n), 0);
        EXPECT_EQ(kad_varint_read((struct kad_bytes){bytes, n}, &value), KAD_E_INVALID);
    }
}
