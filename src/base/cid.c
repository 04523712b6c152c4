#include "base/cid.h"

#include <string.h>

#include "base/multibase.h"
#include "base/varint.h"

#define BYTES_MAX   80 /* of a whole CID: version, codec, multihash */
#define V0_TEXT     46 /* characters of a CIDv0 */
#define HASH_SHA256 0x12

static bool skip_varint(struct kad_bytes *bytes, uint64_t *out_value)
{
    const int n = kad_varint_read(*bytes, out_value);

    if (n <= 0)
        return false;
    bytes->data += n;
    bytes->size -= (size_t)n;
    return true;
}

bool kad_multihash_is_valid(struct kad_bytes multihash)
{
    struct kad_bytes rest = multihash;
    uint64_t code, length;

    return multihash.size <= KAD_MULTIHASH_MAX && skip_varint(&rest, &code) && skip_varint(&rest, &length) &&
           rest.size == length && length > 0;
}

void kad_multihash_sha256(const uint8_t digest[32], uint8_t out_multihash[34])
{
    out_multihash[0] = HASH_SHA256;
    out_multihash[1] = 32;
    memcpy(out_multihash + 2, digest, 32);
}

int kad_cid_multihash_of(struct kad_bytes cid, struct kad_bytes *out_multihash)
{
    struct kad_bytes rest = cid;
    uint64_t version, codec;

    if (cid.size == 34 && cid.data[0] == HASH_SHA256 && cid.data[1] == 32) { /* CIDv0 */
        *out_multihash = cid;
        return 0;
    }
    if (!skip_varint(&rest, &version) || version != 1 || !skip_varint(&rest, &codec) ||
        !kad_multihash_is_valid(rest))
        return KAD_E_INVALID;
    *out_multihash = rest;
    return 0;
}

int kad_cid_multihash(const char *text, uint8_t out_multihash[KAD_MULTIHASH_MAX], size_t *out_size)
{
    const size_t n = strlen(text);
    const bool is_v0 = n == V0_TEXT && strncmp(text, "Qm", 2) == 0;
    uint8_t bytes[BYTES_MAX];
    struct kad_bytes multihash = {bytes, 0};
    int error;

    if (is_v0)
        error = kad_base_read(KAD_BASE58, text, n, bytes, sizeof(bytes), &multihash.size);
    else
        error = kad_multibase_read(text, n, bytes, sizeof(bytes), &multihash.size);
    if (error)
        return KAD_E_INVALID;
    if (is_v0 ? !kad_multihash_is_valid(multihash) : kad_cid_multihash_of(multihash, &multihash) < 0)
        return KAD_E_INVALID;
    if (!is_v0 && multihash.data == bytes) /* a CIDv0 with a letter before it */
        return KAD_E_INVALID;
    memcpy(out_multihash, multihash.data, multihash.size);
    *out_size = multihash.size;
    return 0;
}

int kad_cid_write(enum kad_cid_codec codec, struct kad_bytes multihash, char *out_text, size_t room)
{
    uint8_t bytes[BYTES_MAX];
    size_t n = 0;

    if (multihash.size > KAD_MULTIHASH_MAX)
        return KAD_E_SPACE;
    n += kad_varint_write(1, bytes + n);
    n += kad_varint_write(codec, bytes + n);
    memcpy(bytes + n, multihash.data, multihash.size);
    return kad_multibase_write(KAD_BASE32, (struct kad_bytes){bytes, n + multihash.size}, out_text, room);
}
