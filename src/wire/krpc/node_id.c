/* node_id - ids bound to addresses (BEP 42): the first 21 bits follow from the address and 3 bits of the last byte. */
#include <assert.h>
#include <string.h>

#include "base/endpoint.h"
#include "crypto/crypto.h"
#include "wire/krpc/krpc.h"

/* Addresses of a local network are exempt: nobody outside sees them, so nothing could be checked against them. With
 * the BEP's five blocks go their IPv6 counterparts and the carriers' 100.64/10. */
static bool exempt(const struct kad_endpoint *endpoint)
{
    struct kad_endpoint host = *endpoint;

    host.port = 1; /* the rule is about addresses; without a port every scope is invalid */
    switch (kad_endpoint_scope(&host)) {
    case KAD_SCOPE_LOOPBACK:
    case KAD_SCOPE_LINK:
    case KAD_SCOPE_PRIVATE:
        return true;
    case KAD_SCOPE_INVALID:
    case KAD_SCOPE_PUBLIC:
        break;
    }
    return host.family == KAD_FAMILY_NONE;
}

/* The hash whose first 21 bits an id must have. Of `r`, 3 bits count. */
static uint32_t prefix_hash(const struct kad_endpoint *endpoint, uint8_t r)
{
    static const uint8_t mask_v4[4] = {0x03, 0x0f, 0x3f, 0xff};
    static const uint8_t mask_v6[8] = {0x01, 0x03, 0x07, 0x0f, 0x1f, 0x3f, 0x7f, 0xff};
    const bool v4 = endpoint->family == KAD_IPV4;
    const uint8_t *mask = v4 ? mask_v4 : mask_v6;
    const size_t size = v4 ? sizeof mask_v4 : sizeof mask_v6;
    uint8_t masked[8];

    for (size_t i = 0; i < size; i++)
        masked[i] = endpoint->address[i] & mask[i];
    masked[0] |= (uint8_t)((r & 7) << 5);
    return kad_crc32c(masked, size);
}

bool kad_krpc_id_allowed(const struct kad_id *id, const struct kad_endpoint *endpoint)
{
    uint32_t hash;

    if (exempt(endpoint))
        return true;
    hash = prefix_hash(endpoint, id->bytes[KAD_KRPC_ID - 1]);
    return id->bytes[0] == (uint8_t)(hash >> 24) && id->bytes[1] == (uint8_t)(hash >> 16) &&
           ((id->bytes[2] ^ (uint8_t)(hash >> 8)) & 0xf8) == 0;
}

/* Random but for what the address asks. Of an exempt address nothing is asked, and nothing is taken: the nodes of one
 * loopback network would otherwise share eight prefixes. */
struct kad_id kad_krpc_make_id(const struct kad_endpoint *endpoint, struct kad_rng *rng)
{
    struct kad_id id = {{0}};

    kad_rng_bytes(rng, id.bytes, KAD_KRPC_ID);
    if (endpoint && !exempt(endpoint)) {
        const uint32_t hash = prefix_hash(endpoint, id.bytes[KAD_KRPC_ID - 1]);

        id.bytes[0] = (uint8_t)(hash >> 24);
        id.bytes[1] = (uint8_t)(hash >> 16);
        id.bytes[2] = (uint8_t)((hash >> 8 & 0xf8) | (id.bytes[2] & 7));
        assert(kad_krpc_id_allowed(&id, endpoint));
    }
    return id;
}
