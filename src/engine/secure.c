/* secure - the public face of wire/kad/name and record, and the value that tells addresses. */
#include "kad/secure.h"

#include <string.h>

#include "base/endpoint.h"
#include "crypto/crypto.h"
#include "wire/kad/name.h"
#include "wire/kad/record.h"
#include "wire/kad/wire.h"

int kad_secure_parse(const char *text, const struct kad_class *classes, size_t n_classes,
                     struct kad_secure_name *out_name)
{
    return kad_name_parse(text, classes, n_classes, out_name);
}

int kad_secure_named(const char *class_name, struct kad_bytes bytes, const struct kad_class *classes,
                     size_t n_classes, struct kad_secure_name *out_name)
{
    return kad_name_of(class_name, bytes, classes, n_classes, out_name);
}

void kad_secure_content_name(struct kad_bytes content, struct kad_secure_name *out_name)
{
    *out_name =
        (struct kad_secure_name){.class_ = kad_wire_class_of(KAD_RECORD_IMMUTABLE), .size = KAD_SHA256_SIZE};
    kad_sha256(content.data, content.size, out_name->bytes);
}

void kad_secure_key(const struct kad_secure_name *name, struct kad_id *out_key)
{
    kad_name_key(name, out_key);
}

void kad_secure_request(const struct kad_secure_name *name, uint8_t prefix_bits,
                        struct kad_request *out_request)
{
    struct kad_request request = {.kind = KAD_REQUEST_GET, .record.type = name->class_->type};

    kad_name_key(name, &request.target);
    request.record.key = request.target;
    request.prefix_bits = prefix_bits;
    for (unsigned bit = prefix_bits; prefix_bits && bit < 8 * KAD_ID_SIZE; bit++)
        request.target.bytes[bit / 8] &= (uint8_t) ~(0x80 >> bit % 8);
    *out_request = request;
}

size_t kad_secure_room(const struct kad_class *class_)
{
    return kad_name_room(class_);
}

int kad_secure_make(const struct kad_secure_draft *draft, uint8_t *out_value, struct kad_record *out_record)
{
    return kad_name_make(draft, out_value, out_record);
}

int kad_secure_signer(const struct kad_secure_name *name, const uint8_t *seed, uint8_t out_signer[32])
{
    return kad_name_signer(name, seed, out_signer);
}

int kad_secure_renew(struct kad_record *record, const uint8_t signer[32], kad_ms made_at, kad_ms valid_until)
{
    const struct kad_class *class = kad_wire_class_of(record->type);
    struct kad_record renewed = *record;

    renewed.made_at = made_at;
    renewed.valid_until = valid_until;
    kad_wire_sign_record(&renewed, signer);
    if (memcmp(renewed.public_key, record->public_key, sizeof renewed.public_key) != 0 || made_at < 0 ||
        valid_until <= made_at || record->hashed ||
        (class && kad_class_check(class, &renewed) != KAD_REFUSAL_NONE))
        return KAD_E_INVALID;
    *record = renewed;
    return 0;
}

int kad_secure_open(const struct kad_secure_name *name, const struct kad_record *record, const uint8_t *seed,
                    uint8_t *out_value, struct kad_secure_opened *out_opened)
{
    return kad_name_open(name, record, seed, out_value, out_opened);
}

/* -- addresses: family (4 or 6), address, port; one behind the other ----------------------------------------------- */

size_t kad_secure_put_endpoints(const struct kad_endpoint *endpoints, size_t n, uint8_t *out_value,
                                size_t room)
{
    uint8_t *at = out_value;

    if (n > KAD_SECURE_ENDPOINTS_MAX)
        return 0;
    for (size_t i = 0; i < n; i++) {
        const size_t size = kad_endpoint_address_size(&endpoints[i]);

        if (!size || room - (size_t)(at - out_value) < 1 + size + 2)
            return 0;
        *at++ = endpoints[i].family;
        memcpy(at, endpoints[i].address, size);
        at = kad_wire_put_u16(at + size, endpoints[i].port);
    }
    return (size_t)(at - out_value);
}

size_t kad_secure_get_endpoints(struct kad_bytes value,
                                struct kad_endpoint out_endpoints[KAD_SECURE_ENDPOINTS_MAX])
{
    size_t n = 0;

    for (size_t at = 0; at < value.size; n++) {
        const uint8_t family = value.data[at];
        const size_t size = family == KAD_IPV4 ? 4 : family == KAD_IPV6 ? 16 : 0;
        uint16_t port;

        if (!size || value.size - at < 1 + size + 2 || n == KAD_SECURE_ENDPOINTS_MAX)
            return 0;
        port = kad_wire_get_u16(value.data + at + 1 + size);
        out_endpoints[n] = family == KAD_IPV4 ? kad_endpoint_v4(value.data + at + 1, port)
                                              : kad_endpoint_v6(value.data + at + 1, port);
        at += 1 + size + 2;
    }
    return n;
}
