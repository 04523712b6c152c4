/*
 * without_mainline - stands for Mainline in a build that leaves it out (cmake/parts.cmake): the network can be named, and
 * kad_engine_new() refuses it. What programs put there and look for (mainline_value.c) is in every build.
 */
#include "engine/network.h"

#include "wire/krpc/krpc.h"

static const struct kad_network mainline = {.name = "mainline"};

const struct kad_network *kad_network_mainline(void)
{
    return &mainline;
}

static enum kad_decode decode(struct kad_bytes bytes, enum kad_family family, struct kad_message *out_message)
{
    (void)bytes;
    (void)family;
    (void)out_message;
    return KAD_DECODE_MALFORMED;
}

static size_t encode(const struct kad_message *message, uint8_t *out_bytes, size_t room)
{
    (void)message;
    (void)out_bytes;
    (void)room;
    return 0;
}

/* For those who speak Mainline without an engine: nothing can be said in it. */
const struct kad_codec kad_krpc = {.name = "krpc", .decode = decode, .encode = encode};
