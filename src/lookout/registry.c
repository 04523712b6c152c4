#include "lookout/registry.h"

struct range {
    uint8_t first, last, registry;
};

/* The first byte of IPv4 addresses; all others are ARIN's. */
static const struct range blocks_v4[] = {
    {1, 1, KAD_APNIC},      {2, 2, KAD_RIPE},        {5, 5, KAD_RIPE},       {14, 14, KAD_APNIC},
    {25, 25, KAD_RIPE},     {27, 27, KAD_APNIC},     {31, 31, KAD_RIPE},     {36, 36, KAD_APNIC},
    {37, 37, KAD_RIPE},     {39, 39, KAD_APNIC},     {41, 41, KAD_AFRINIC},  {42, 43, KAD_APNIC},
    {46, 46, KAD_RIPE},     {49, 49, KAD_APNIC},     {51, 51, KAD_RIPE},     {53, 53, KAD_RIPE},
    {57, 57, KAD_RIPE},     {58, 61, KAD_APNIC},     {62, 62, KAD_RIPE},     {77, 95, KAD_RIPE},
    {101, 101, KAD_APNIC},  {102, 102, KAD_AFRINIC}, {103, 103, KAD_APNIC},  {105, 105, KAD_AFRINIC},
    {106, 106, KAD_APNIC},  {109, 109, KAD_RIPE},    {110, 126, KAD_APNIC},  {133, 133, KAD_APNIC},
    {141, 141, KAD_RIPE},   {145, 145, KAD_RIPE},    {150, 150, KAD_APNIC},  {151, 151, KAD_RIPE},
    {153, 153, KAD_APNIC},  {154, 154, KAD_AFRINIC}, {163, 163, KAD_APNIC},  {171, 171, KAD_APNIC},
    {175, 175, KAD_APNIC},  {176, 176, KAD_RIPE},    {177, 177, KAD_LACNIC}, {178, 178, KAD_RIPE},
    {179, 179, KAD_LACNIC}, {180, 180, KAD_APNIC},   {181, 181, KAD_LACNIC}, {182, 183, KAD_APNIC},
    {185, 185, KAD_RIPE},   {186, 187, KAD_LACNIC},  {188, 188, KAD_RIPE},   {189, 191, KAD_LACNIC},
    {193, 195, KAD_RIPE},   {196, 197, KAD_AFRINIC}, {200, 201, KAD_LACNIC}, {202, 203, KAD_APNIC},
    {210, 211, KAD_APNIC},  {212, 213, KAD_RIPE},    {217, 217, KAD_RIPE},   {218, 223, KAD_APNIC},
};

/* The second byte of IPv6 addresses under 2001::/16, in whose second half they are given out: its first. */
static const struct range blocks_2001[] = {
    {0x02, 0x03, KAD_APNIC},   {0x04, 0x05, KAD_ARIN},  {0x06, 0x0b, KAD_RIPE}, {0x0c, 0x0f, KAD_APNIC},
    {0x12, 0x13, KAD_LACNIC},  {0x14, 0x17, KAD_RIPE},  {0x18, 0x19, KAD_ARIN}, {0x1a, 0x41, KAD_RIPE},
    {0x42, 0x43, KAD_AFRINIC}, {0x44, 0x45, KAD_APNIC}, {0x46, 0x47, KAD_RIPE}, {0x48, 0x49, KAD_ARIN},
    {0x4a, 0x5f, KAD_RIPE},    {0x80, 0xbf, KAD_APNIC},
};

/* The first byte of the others. */
static const struct range blocks_v6[] = {
    {0x24, 0x25, KAD_APNIC}, {0x26, 0x26, KAD_ARIN},    {0x28, 0x28, KAD_LACNIC},
    {0x2a, 0x2a, KAD_RIPE},  {0x2c, 0x2c, KAD_AFRINIC},
};

static enum kad_registry find(const struct range *ranges, size_t n, uint8_t byte, enum kad_registry other)
{
    for (size_t i = 0; i < n; i++) {
        if (byte >= ranges[i].first && byte <= ranges[i].last)
            return (enum kad_registry)ranges[i].registry;
    }
    return other;
}

enum kad_registry kad_registry_of(const struct kad_endpoint *endpoint)
{
    const uint8_t *address = endpoint->address;

    if (kad_endpoint_scope(endpoint) != KAD_SCOPE_PUBLIC)
        return KAD_REGISTRY_NONE;
    if (endpoint->family == KAD_IPV4)
        return find(blocks_v4, KAD_COUNT_OF(blocks_v4), address[0], KAD_ARIN);
    if (address[0] == 0x20 && address[1] == 0x01)
        return find(blocks_2001, KAD_COUNT_OF(blocks_2001), address[2], KAD_REGISTRY_NONE);
    if (address[0] == 0x20 && address[1] == 0x03)
        return KAD_RIPE;
    return find(blocks_v6, KAD_COUNT_OF(blocks_v6), address[0], KAD_REGISTRY_NONE);
}

const char *kad_registry_text(enum kad_registry registry)
{
    static const char *const texts[KAD_N_REGISTRIES] = {"none", "afrinic", "apnic", "arin", "lacnic", "ripe"};

    return texts[registry];
}
