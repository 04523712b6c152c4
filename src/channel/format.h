/*
 * format - where things stand in a datagram of the session layer (docs/protocol.md, "Sessions").
 *
 *     0  type | zero(3)      what it is; the zeros tell a datagram for us from any other
 *     4  index(4)            of the receiver's session or handshake; 0 in INIT and HELLO
 *     8  counter(8)          DATA, COOKIE: the message's number; INIT, HELLO: the sender's own index; else 0
 *    16  ...                 by type
 *
 * Numbers are big-endian. Every datagram is of one of six sizes, or of a seventh, and ends in 16 bytes that cannot be foretold: what the
 * mask over its beginning is made from (mask.h).
 */
#ifndef KAD_CHANNEL_FORMAT_H
#define KAD_CHANNEL_FORMAT_H

#include "base/types.h"

enum kad_channel_type {
    KAD_TYPE_INIT = 1, /* a first message */
    KAD_TYPE_RESPONSE, /* its answer */
    KAD_TYPE_DATA,     /* everything after that */
    KAD_TYPE_HELLO,    /* "who are you?", through the open door */
    KAD_TYPE_OPEN,     /* its answer */
    KAD_TYPE_COOKIE,   /* "first show that you receive at this address" */
    KAD_TYPE_PROBE,    /* DATA that begins with 8 bytes to be sent back */
    KAD_TYPE_ECHO,     /* DATA that begins with these 8 bytes */
};

enum {
    KAD_AT_INDEX = 4,
    KAD_AT_COUNTER = 8,
    KAD_HEAD = 16,
    KAD_TAIL = 16, /* bytes at the end that the mask depends on; where something is sealed: its tag */

    KAD_INIT_COOKIE = 16,
    KAD_INIT_COMMITMENT = 32, /* 16 */
    KAD_INIT_NONCE = 48,      /* 8: solves the work that was asked for */
    KAD_INIT_VEIL = 56,       /* 8: what a COOKIE in answer is masked with */
    KAD_INIT_E = 64,        /* all before it is part of the prologue: whoever changes it spoils the message */
    KAD_INIT_S = 96,        /* ephemeral key above; sealed static key, 48 */
    KAD_INIT_PAYLOAD = 144, /* sealed: identity(32) | time(8) | versions(2) | message | padding */
    KAD_INIT_MESSAGE = 186,
    KAD_INIT_MASKED = 96,

    KAD_RESPONSE_E = 16,
    KAD_RESPONSE_PAYLOAD = 48, /* sealed: version(1) | the answerer's index(4) | message | padding */
    KAD_RESPONSE_INDEX = 49,
    KAD_RESPONSE_MESSAGE = 53,
    KAD_RESPONSE_MASKED = 48,

    KAD_DATA_MESSAGE = 16,  /* sealed: message | padding */
    KAD_PROBE_MESSAGE = 24, /* sealed: token(8) | message | padding; ECHO as well */
    KAD_TOKEN = 8,

    KAD_HELLO_NONCE = 16,   /* 16, then padding that is random */
    KAD_OPEN_SEALED = 32,   /* after 16 random bytes; sealed: identity(32) | zeros */
    KAD_COOKIE_SEALED = 16, /* sealed: cookie(16) | epoch(4) | bits(1) | zeros */
    KAD_COOKIE_SIZE = 16,

    KAD_PADDING = 1, /* at least: a byte 0x80, then zeros */
    KAD_INIT_LEAST = 256,
    KAD_DOOR_SIZE = 128, /* of HELLO, OPEN and COOKIE */
    KAD_DATA_LEAST = 64,
    KAD_DATAGRAM = 1200,
    KAD_WRAPPED = 1240, /* of DATA alone: one that has another inside (docs/protocol.md, "Relays") */
};

#define KAD_CHANNEL_VERSION 1

/* The least of the sizes that holds n; 0: none does. */
static inline size_t kad_size_for(size_t n)
{
    static const uint16_t sizes[] = {64, 128, 256, 512, 896, KAD_DATAGRAM, KAD_WRAPPED};

    for (size_t i = 0; i < KAD_COUNT_OF(sizes); i++) {
        if (n <= sizes[i])
            return sizes[i];
    }
    return 0;
}

/* The largest of them that is no more than n, the one for what has another inside aside; 0: none is. */
static inline size_t kad_size_within(size_t n)
{
    static const uint16_t sizes[] = {KAD_DATAGRAM, 896, 512, 256, 128, 64};

    for (size_t i = 0; i < KAD_COUNT_OF(sizes); i++) {
        if (n >= sizes[i])
            return sizes[i];
    }
    return 0;
}

static inline void kad_write_u32(uint8_t out[4], uint32_t number)
{
    for (unsigned i = 0; i < 4; i++)
        out[i] = (uint8_t)(number >> 8 * (3 - i));
}

static inline void kad_write_u64(uint8_t out[8], uint64_t number)
{
    for (unsigned i = 0; i < 8; i++)
        out[i] = (uint8_t)(number >> 8 * (7 - i));
}

static inline uint32_t kad_read_u32(const uint8_t in[4])
{
    return (uint32_t)in[0] << 24 | (uint32_t)in[1] << 16 | (uint32_t)in[2] << 8 | in[3];
}

static inline uint64_t kad_read_u64(const uint8_t in[8])
{
    return (uint64_t)kad_read_u32(in) << 32 | kad_read_u32(in + 4);
}

#endif
