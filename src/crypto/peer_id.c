#include "crypto/peer_id.h"

#include <string.h>

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/x509.h>

#include "base/cid.h"
#include "base/multibase.h"
#include "base/varint.h"
#include "crypto/crypto.h"

#define FIELD_KIND   0x08 /* field 1, a varint */
#define FIELD_DATA   0x12 /* field 2, bytes */
#define INLINE_MAX   42   /* bytes of a message that is its own multihash */
#define HASH_NONE    0x00
#define HASH_SHA256  0x12
#define POINT_SIZE   33 /* of secp256k1, compressed */
#define RSA_BITS_MIN 2048
#define RSA_BITS_MAX 8192

/* -- keys ------------------------------------------------------------------------------------------------------- */

void kad_peer_key_ed25519(const uint8_t public_key[32], uint8_t out_key[KAD_PEER_KEY_OWN])
{
    out_key[0] = FIELD_KIND;
    out_key[1] = KAD_PEER_ED25519;
    out_key[2] = FIELD_DATA;
    out_key[3] = 32;
    memcpy(out_key + 4, public_key, 32);
}

int kad_peer_key_parse(struct kad_bytes key, enum kad_peer_key_kind *out_kind, struct kad_bytes *out_data)
{
    struct kad_bytes rest;
    uint64_t size;
    int n;

    if (key.size < 4 || key.size > KAD_PEER_KEY_MAX || key.data[0] != FIELD_KIND ||
        key.data[1] > KAD_PEER_ECDSA || key.data[2] != FIELD_DATA)
        return KAD_E_INVALID;
    rest = (struct kad_bytes){key.data + 3, key.size - 3};
    n = kad_varint_read(rest, &size);
    if (n <= 0 || rest.size - (size_t)n != size || !size)
        return KAD_E_INVALID;
    *out_kind = (enum kad_peer_key_kind)key.data[1];
    *out_data = (struct kad_bytes){rest.data + n, size};
    if (*out_kind == KAD_PEER_ED25519 && size != 32)
        return KAD_E_INVALID;
    if (*out_kind == KAD_PEER_SECP256K1 && (size != POINT_SIZE || (out_data->data[0] & ~1) != 2))
        return KAD_E_INVALID;
    return 0;
}

/* A SubjectPublicKeyInfo and nothing behind it. */
static EVP_PKEY *key_of_der(struct kad_bytes der)
{
    const unsigned char *at = der.data;
    EVP_PKEY *key = d2i_PUBKEY(NULL, &at, (long)der.size);

    if (key && at != der.data + der.size) {
        EVP_PKEY_free(key);
        return NULL;
    }
    return key;
}

static EVP_PKEY *key_of_point(struct kad_bytes point)
{
    char group[] = "secp256k1";
    uint8_t copy[POINT_SIZE];
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, copy, sizeof(copy)),
        OSSL_PARAM_construct_end(),
    };
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    EVP_PKEY *key = NULL;

    memcpy(copy, point.data, sizeof(copy));
    if (!context || EVP_PKEY_fromdata_init(context) <= 0 ||
        EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, params) <= 0)
        key = NULL;
    EVP_PKEY_CTX_free(context);
    return key;
}

static bool is_p256(EVP_PKEY *key)
{
    char group[32];
    size_t n;

    return EVP_PKEY_get_base_id(key) == EVP_PKEY_EC &&
           EVP_PKEY_get_group_name(key, group, sizeof(group), &n) == 1 && strcmp(group, "prime256v1") == 0;
}

static bool is_fair_rsa(EVP_PKEY *key)
{
    const int bits = EVP_PKEY_get_bits(key);

    return EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA && bits >= RSA_BITS_MIN && bits <= RSA_BITS_MAX;
}

static EVP_PKEY *key_of(enum kad_peer_key_kind kind, struct kad_bytes data)
{
    EVP_PKEY *key = kind == KAD_PEER_SECP256K1 ? key_of_point(data) : key_of_der(data);

    if (key && ((kind == KAD_PEER_RSA && !is_fair_rsa(key)) || (kind == KAD_PEER_ECDSA && !is_p256(key)))) {
        EVP_PKEY_free(key);
        return NULL;
    }
    return key;
}

bool kad_peer_key_verify(struct kad_bytes key, struct kad_bytes data, struct kad_bytes signature)
{
    enum kad_peer_key_kind kind;
    struct kad_bytes bytes;
    EVP_PKEY *public_key;
    EVP_MD_CTX *context;
    bool valid;

    if (kad_peer_key_parse(key, &kind, &bytes) < 0 || signature.size > KAD_PEER_SIGN_MAX)
        return false;
    if (kind == KAD_PEER_ED25519)
        return signature.size == KAD_ED25519_SIGNATURE &&
               kad_ed25519_verify(bytes.data, data.data, data.size, signature.data);
    public_key = key_of(kind, bytes);
    context = EVP_MD_CTX_new();
    valid = public_key && context &&
            EVP_DigestVerifyInit(context, NULL, EVP_sha256(), NULL, public_key) == 1 &&
            EVP_DigestVerify(context, signature.data, signature.size, data.data, data.size) == 1;
    EVP_MD_CTX_free(context);
    EVP_PKEY_free(public_key);
    return valid;
}

/* -- peer ids --------------------------------------------------------------------------------------------------- */

int kad_peer_id_of_key(struct kad_bytes key, uint8_t out_id[KAD_PEER_ID_MAX], size_t *out_size)
{
    enum kad_peer_key_kind kind;
    struct kad_bytes data;
    uint8_t digest[32];

    if (kad_peer_key_parse(key, &kind, &data) < 0)
        return KAD_E_INVALID;
    if (key.size <= INLINE_MAX) {
        out_id[0] = HASH_NONE;
        out_id[1] = (uint8_t)key.size;
        memcpy(out_id + 2, key.data, key.size);
        *out_size = 2 + key.size;
        return 0;
    }
    kad_sha256(key.data, key.size, digest);
    kad_multihash_sha256(digest, out_id);
    *out_size = 34;
    return 0;
}

bool kad_peer_id_key(struct kad_bytes id, struct kad_bytes *out_key)
{
    if (id.size < 3 || id.data[0] != HASH_NONE || id.data[1] != id.size - 2)
        return false;
    *out_key = (struct kad_bytes){id.data + 2, id.size - 2};
    return true;
}

bool kad_peer_id_is_valid(struct kad_bytes id)
{
    enum kad_peer_key_kind kind;
    struct kad_bytes key, data;

    if (kad_peer_id_key(id, &key))
        return key.size <= INLINE_MAX && kad_peer_key_parse(key, &kind, &data) == 0;
    return id.size == 34 && id.data[0] == HASH_SHA256 && id.data[1] == 32;
}

void kad_peer_id_place(struct kad_bytes id, struct kad_id *out_place)
{
    kad_sha256(id.data, id.size, out_place->bytes);
}

/* -- text ------------------------------------------------------------------------------------------------------- */

static int read_cid(const char *text, size_t n, uint8_t out_id[KAD_PEER_ID_MAX], size_t *out_size)
{
    uint8_t bytes[KAD_PEER_ID_MAX + 2]; /* version and codec before it, a byte each */
    size_t size;

    if (kad_multibase_read(text, n, bytes, sizeof(bytes), &size) < 0 || size < 3 || bytes[0] != 1 ||
        bytes[1] != KAD_CID_LIBP2P_KEY)
        return KAD_E_INVALID;
    *out_size = size - 2;
    memcpy(out_id, bytes + 2, *out_size);
    return 0;
}

int kad_peer_id_read(const char *text, size_t n, uint8_t out_id[KAD_PEER_ID_MAX], size_t *out_size)
{
    const bool is_base58 = n >= 2 && (text[0] == '1' || strncmp(text, "Qm", 2) == 0);
    int error;

    if (is_base58)
        error = kad_base_read(KAD_BASE58, text, n, out_id, KAD_PEER_ID_MAX, out_size);
    else
        error = read_cid(text, n, out_id, out_size);
    return error || !kad_peer_id_is_valid((struct kad_bytes){out_id, *out_size}) ? KAD_E_INVALID : 0;
}

void kad_peer_id_write(struct kad_bytes id, char out_text[KAD_PEER_ID_TEXT])
{
    if (id.size > KAD_PEER_ID_MAX || kad_base_write(KAD_BASE58, id, out_text, KAD_PEER_ID_TEXT) < 0)
        out_text[0] = '\0';
}

int kad_peer_id_write_cid(struct kad_bytes id, char *out_text, size_t room)
{
    uint8_t bytes[KAD_PEER_ID_MAX + 2] = {1, KAD_CID_LIBP2P_KEY};

    if (!kad_peer_id_is_valid(id))
        return KAD_E_INVALID;
    memcpy(bytes + 2, id.data, id.size);
    return kad_multibase_write(KAD_BASE36, (struct kad_bytes){bytes, id.size + 2}, out_text, room);
}
