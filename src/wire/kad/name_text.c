/* name_text - "room:lobby" becomes a name. */
#include <string.h>

#include "base/cid.h"
#include "base/text.h"
#include "crypto/identity.h"
#include "wire/kad/name.h"
#include "wire/kad/record.h"

static bool is_called(const struct kad_class *class, struct kad_bytes name)
{
    return strlen(class->name) == name.size && memcmp(class->name, name.data, name.size) == 0;
}

static const struct kad_class *find_class(struct kad_bytes name, const struct kad_class *classes,
                                          size_t n_classes)
{
    if (is_called(&kad_wire_class_plain, name))
        return &kad_wire_class_plain;
    for (unsigned type = KAD_RECORD_NONE; type < KAD_CLASS_USER; type++) {
        const struct kad_class *class = kad_wire_class_of((uint8_t)type);

        if (class && is_called(class, name))
            return class;
    }
    for (size_t i = 0; i < n_classes; i++) {
        if (is_called(&classes[i], name))
            return &classes[i];
    }
    return NULL;
}

static bool names_somebody(const struct kad_class *class)
{
    return class->type == KAD_CLASS_PEER || class->type == KAD_CLASS_MESSAGE;
}

static void set_bytes(struct kad_secure_name *name, const void *data, size_t size)
{
    name->size = (uint8_t)size;
    memcpy(name->bytes, data, size);
}

static void set_public_key(struct kad_secure_name *name, const uint8_t public_key[32])
{
    const struct kad_id id = kad_identity_id(public_key);

    name->has_public_key = true;
    memcpy(name->public_key, public_key, sizeof name->public_key);
    set_bytes(name, id.bytes, sizeof id.bytes);
}

int kad_name_of(const char *class_name, struct kad_bytes bytes, const struct kad_class *classes,
                size_t n_classes, struct kad_secure_name *out_name)
{
    const struct kad_bytes text = {(const uint8_t *)class_name, strlen(class_name)};
    struct kad_secure_name name = {.class_ = find_class(text, classes, n_classes)};

    if (!name.class_ || bytes.size == 0 || bytes.size > KAD_SECURE_NAME_MAX)
        return KAD_E_INVALID;
    if (names_somebody(name.class_)) {
        if (bytes.size != 32)
            return KAD_E_INVALID;
        set_public_key(&name, bytes.data);
    } else {
        if (name.class_->type == KAD_RECORD_IMMUTABLE && bytes.size != 32)
            return KAD_E_INVALID;
        set_bytes(&name, bytes.data, bytes.size);
    }
    *out_name = name;
    return 0;
}

static int parse_hex(const char *text, size_t least, size_t most, struct kad_secure_name *name)
{
    const size_t n = strlen(text);
    uint8_t bytes[KAD_SECURE_NAME_MAX];

    if (n % 2 || n / 2 < least || n / 2 > most || kad_unhex(text, bytes, n / 2) < 0)
        return KAD_E_INVALID;
    set_bytes(name, bytes, n / 2);
    return 0;
}

int kad_name_parse(const char *text, const struct kad_class *classes, size_t n_classes,
                   struct kad_secure_name *out_name)
{
    const char *colon = strchr(text, ':');
    struct kad_secure_name name = {.size = 0};
    uint8_t public_key[KAD_IDENTITY_SIZE], multihash[KAD_MULTIHASH_MAX];
    size_t n_multihash;
    const char *rest;
    int error = 0;

    if (!colon)
        return KAD_E_INVALID;
    rest = colon + 1;
    name.class_ =
        find_class((struct kad_bytes){(const uint8_t *)text, (size_t)(colon - text)}, classes, n_classes);
    if (!name.class_)
        return KAD_E_INVALID;
    if (names_somebody(name.class_)) {
        if (kad_identity_parse(rest, public_key) == 0)
            set_public_key(&name, public_key);
        else
            error = parse_hex(rest, 32, 32, &name);
    } else if (name.class_->type == KAD_RECORD_IMMUTABLE) {
        error = parse_hex(rest, 32, 32, &name);
    } else if (name.class_->type == KAD_CLASS_PROVIDER) {
        if (kad_cid_multihash(rest, multihash, &n_multihash) == 0)
            set_bytes(&name, multihash, n_multihash);
        else
            error = parse_hex(rest, 1, KAD_SECURE_NAME_MAX, &name);
    } else if (*rest && strlen(rest) <= KAD_SECURE_NAME_MAX) {
        set_bytes(&name, rest, strlen(rest));
    } else {
        error = KAD_E_INVALID;
    }
    if (!error)
        *out_name = name;
    return error;
}
