#include "net/local_discovery.h"

#include <string.h>

#include "base/test.h"

static bool reads(const char *text, uint16_t *out_port)
{
    uint32_t cookie;
    bool has_cookie;

    return kad_local_read(text, strlen(text), out_port, &has_cookie, &cookie);
}

TEST(what_is_written_reads_back)
{
    char message[KAD_LOCAL_MESSAGE];
    const size_t size = kad_local_write(6881, 0xfedcba98, message);
    bool has_cookie;
    uint32_t cookie;
    uint16_t port;

    EXPECT(size < sizeof(message));
    EXPECT(kad_local_read(message, size, &port, &has_cookie, &cookie));
    EXPECT_EQ(port, 6881);
    EXPECT(has_cookie);
    EXPECT_EQ(cookie, 0xfedcba98);
}

/* As clients send it, which write names in their own way and have cookies of their own kind. */
TEST(clients_are_understood)
{
    uint16_t port;

    EXPECT(reads("BT-SEARCH * HTTP/1.1\r\nHost: 239.192.152.143:6771\r\nPort: 51413\r\n"
                 "Infohash: 0123456789012345678901234567890123456789\r\ncookie: tr-abcdef\r\n\r\n\r\n",
                 &port));
    EXPECT_EQ(port, 51413);
    EXPECT(reads("BT-SEARCH * HTTP/1.1\r\nPORT: 1\r\n\r\n", &port));
    EXPECT(reads("BT-SEARCH * HTTP/1.0\nport:65535\n", &port));
    EXPECT_EQ(port, 65535);
}

TEST(what_is_none_is_none)
{
    static const char *const wrong[] = {
        "",
        "BT-SEARCH",
        "M-SEARCH * HTTP/1.1\r\nPort: 1\r\n\r\n",
        "BT-SEARCH * HTTP/1.1\r\n\r\n",
        "BT-SEARCH * HTTP/1.1\r\nPort: 0\r\n\r\n",
        "BT-SEARCH * HTTP/1.1\r\nPort: 65536\r\n\r\n",
        "BT-SEARCH * HTTP/1.1\r\nPort: 1x\r\n\r\n",
        "BT-SEARCH * HTTP/1.1\r\nPort: -1\r\n\r\n",
    };
    uint16_t port;

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        EXPECT_MSG(!reads(wrong[i], &port), "%s", wrong[i]);
}

/* Bytes at random behind a right beginning: never more is read than there is. */
TEST(garbage_is_harmless)
{
    char message[2000] = "BT-SEARCH * HTTP/1.1\r\n";
    const size_t head = strlen(message);
    uint32_t cookie, state = 7;
    bool has_cookie;
    uint16_t port;

    for (int round = 0; round < 2000; round++) {
        const size_t size = head + (size_t)round % (sizeof(message) - head);

        for (size_t i = head; i < size; i++) {
            state = state * 1664525 + 1013904223;
            message[i] = "Port: 16881\r\n\0cookie"[(state >> 24) % 20];
        }
        if (kad_local_read(message, size, &port, &has_cookie, &cookie))
            EXPECT(port != 0);
    }
}
