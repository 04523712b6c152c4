/* test_decode - packets as literals, and what to expect of them: shared by the decoder's tests. */
#ifndef KAD_WIRE_KRPC_TEST_DECODE_H
#define KAD_WIRE_KRPC_TEST_DECODE_H

#include <string.h>

#include "base/endpoint.h"
#include "base/test.h"
#include "wire/krpc/krpc.h"

#define ID      "abcdefghij0123456789"
#define TARGET  "mnopqrstuvwxyz123456"
#define OTHER   "0123456789abcdefghij"
#define NODE_V4 OTHER "\x01\x02\x03\x04\x1a\xe1"
#define V6      "\x20\x01\x48\x60\0\0\0\0\0\0\0\0\0\0\0\x01\x1a\xe1"
#define NODE_V6 OTHER V6

/* Public key and signature of BEP 44, test 1. */
#define KEY_44                                                         \
    "\x77\xff\x84\x90\x5a\x91\x93\x63\x67\xc0\x13\x60\x80\x31\x04\xf9" \
    "\x24\x32\xfc\xd9\x04\xa4\x35\x11\x87\x6d\xf5\xcd\xf3\xe7\xe5\x48"
#define SIG_44                                                         \
    "\x30\x5a\xc8\xae\xb6\xc9\xc1\x51\xfa\x12\x0f\x12\x0e\xa2\xcf\xb9" \
    "\x23\x56\x4e\x11\x55\x2d\x06\xa5\xd8\x56\x09\x1e\x5e\x85\x3c\xff" \
    "\x12\x60\xd3\xf3\x9e\x49\x99\x68\x4a\xa9\x2e\xb7\x3f\xfd\x13\x6e" \
    "\x6f\x4f\x3e\xcb\xfd\xa0\xce\x53\xa1\x60\x8e\xcd\x7a\xe2\x1f\x01"

/* A literal, with the zeros that stand in it. */
#define BYTES(literal) ((struct kad_bytes){(const uint8_t *)(literal), sizeof(literal) - 1})

#define QUERY(arguments, method) BYTES("d1:ad2:id20:" ID arguments "e1:q" method "1:t2:aa1:y1:qe")
#define REPLY(values)            BYTES("d1:rd2:id20:" ID values "e1:t2:aa1:y1:re")

/* What was decoded last. */
static struct kad_message message;

static inline enum kad_decode decode(struct kad_bytes bytes)
{
    return kad_krpc.decode(bytes, KAD_IPV4, &message);
}

static inline bool is_id(const struct kad_id *id, const char *text)
{
    struct kad_id expected = {{0}};

    memcpy(expected.bytes, text, KAD_KRPC_ID);
    return memcmp(id, &expected, sizeof expected) == 0;
}

static inline bool is_text(struct kad_bytes bytes, const char *text)
{
    return bytes.size == strlen(text) && memcmp(bytes.data, text, bytes.size) == 0;
}

static inline void expect_query(struct kad_bytes bytes, enum kad_method method)
{
    EXPECT_EQ(decode(bytes), KAD_DECODED);
    EXPECT_EQ(message.kind, KAD_QUERY);
    EXPECT_EQ(message.method, method);
    EXPECT(is_text(message.transaction, "aa"));
    EXPECT(message.has_sender);
    EXPECT(is_id(&message.sender, ID));
}

static inline void expect_reply(struct kad_bytes bytes)
{
    EXPECT_EQ(decode(bytes), KAD_DECODED);
    EXPECT_EQ(message.kind, KAD_REPLY);
    EXPECT(is_text(message.transaction, "aa"));
}

static inline void expect_endpoint(const struct kad_endpoint *endpoint, const char *text)
{
    char found[KAD_ENDPOINT_TEXT];

    EXPECT_STR(kad_endpoint_format(endpoint, found), text);
}

#endif
