#include "net/portmap_wire.h"

#include <stdio.h>
#include <string.h>

#define PCP_VERSION         2
#define PCP_MAP             1
#define PMP_MAP_UDP         1
#define ANSWER              0x80 /* in the second byte */
#define UDP                 17
#define UNSUPPORTED_VERSION 1

static void put16(uint8_t *at, uint16_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static void put32(uint8_t *at, uint32_t value)
{
    put16(at, (uint16_t)(value >> 16));
    put16(at + 2, (uint16_t)value);
}

static uint16_t get16(const uint8_t *at)
{
    return (uint16_t)(at[0] << 8 | at[1]);
}

static uint32_t get32(const uint8_t *at)
{
    return (uint32_t)get16(at) << 16 | get16(at + 2);
}

/* As ::ffff:1.2.3.4; a PCP message has room for IPv6. */
static void put_address(uint8_t *at, const uint8_t address[4])
{
    memset(at, 0, 10);
    memset(at + 10, 0xff, 2);
    memcpy(at + 12, address, 4);
}

void kad_pcp_write(const struct kad_pcp_map *map, uint8_t out_message[KAD_PCP_MESSAGE])
{
    memset(out_message, 0, KAD_PCP_MESSAGE);
    out_message[0] = PCP_VERSION;
    out_message[1] = PCP_MAP;
    put32(out_message + 4, map->lifetime_s);
    put_address(out_message + 8, map->client);
    memcpy(out_message + 24, map->nonce, sizeof(map->nonce));
    out_message[36] = UDP;
    put16(out_message + 40, map->inside_port);
    put16(out_message + 42, map->outside_port);
    put_address(out_message + 44, map->outside_address);
}

int kad_pcp_read(const uint8_t *message, size_t size, const struct kad_pcp_map *asked,
                 struct kad_pcp_map *out_map, unsigned *out_result)
{
    static const uint8_t ipv4[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

    *out_result = 0;
    if (size < 4 || !(message[1] & ANSWER))
        return KAD_E_INVALID;
    if (message[0] != PCP_VERSION) {
        *out_result = UNSUPPORTED_VERSION;
        return KAD_E_REFUSED;
    }
    if (size < KAD_PCP_MESSAGE || message[1] != (ANSWER | PCP_MAP) || message[36] != UDP ||
        memcmp(message + 24, asked->nonce, sizeof(asked->nonce)) != 0 ||
        get16(message + 40) != asked->inside_port)
        return KAD_E_INVALID;
    *out_result = message[3];
    if (*out_result != 0)
        return KAD_E_REFUSED;
    if (memcmp(message + 44, ipv4, sizeof(ipv4)) != 0)
        return KAD_E_INVALID;
    *out_map = *asked;
    out_map->lifetime_s = get32(message + 4);
    out_map->outside_port = get16(message + 42);
    memcpy(out_map->outside_address, message + 56, 4);
    return KAD_OK;
}

size_t kad_pmp_write_address(uint8_t out_message[KAD_PMP_MESSAGE])
{
    memset(out_message, 0, KAD_PMP_MESSAGE);
    return 2;
}

size_t kad_pmp_write_map(uint16_t inside_port, uint16_t outside_port, uint32_t lifetime_s,
                         uint8_t out_message[KAD_PMP_MESSAGE])
{
    memset(out_message, 0, KAD_PMP_MESSAGE);
    out_message[1] = PMP_MAP_UDP;
    put16(out_message + 4, inside_port);
    put16(out_message + 6, outside_port);
    put32(out_message + 8, lifetime_s);
    return 12;
}

/* Version, kind and result of a NAT-PMP answer of `wanted` bytes. */
static int read_head(const uint8_t *message, size_t size, uint8_t kind, size_t wanted, unsigned *out_result)
{
    *out_result = 0;
    if (size < 4 || message[0] != 0 || message[1] != (ANSWER | kind))
        return KAD_E_INVALID;
    *out_result = get16(message + 2);
    if (*out_result != 0)
        return KAD_E_REFUSED;
    return size < wanted ? KAD_E_INVALID : KAD_OK;
}

int kad_pmp_read_address(const uint8_t *message, size_t size, uint8_t out_address[4], unsigned *out_result)
{
    const int error = read_head(message, size, 0, 12, out_result);

    if (!error)
        memcpy(out_address, message + 8, 4);
    return error;
}

int kad_pmp_read_map(const uint8_t *message, size_t size, uint16_t inside_port, uint16_t *out_outside_port,
                     uint32_t *out_lifetime_s, unsigned *out_result)
{
    const int error = read_head(message, size, PMP_MAP_UDP, 16, out_result);

    if (error)
        return error;
    if (get16(message + 8) != inside_port)
        return KAD_E_INVALID;
    *out_outside_port = get16(message + 10);
    *out_lifetime_s = get32(message + 12);
    return KAD_OK;
}

bool kad_route_gateway(const char *text, uint8_t out_gateway[4])
{
    unsigned best = 0;
    bool found = false;

    /* Interface Destination Gateway Flags RefCnt Use Metric Mask ...; addresses as the machine's own words. */
    for (const char *line = strchr(text, '\n'); line; line = strchr(line + 1, '\n')) {
        unsigned destination, gateway, flags, metric, mask;
        uint32_t address;

        if (sscanf(line + 1, "%*s %x %x %x %*d %*u %u %x", &destination, &gateway, &flags, &metric, &mask) !=
            5)
            continue;
        if (destination != 0 || mask != 0 || gateway == 0 || (flags & 3) != 3) /* up, by a gateway */
            continue;
        if (found && metric >= best)
            continue;
        address = gateway;
        memcpy(out_gateway, &address, 4);
        best = metric;
        found = true;
    }
    return found;
}
