#include "wire/kad/fields.h"

#include "wire/kad/kad.h"
#include "wire/kad/wire.h"

/* Lengths of each field: from `least`, in steps, to `most`. */
static const struct {
    uint16_t least, step, most;
} lengths[KAD_N_TAGS] = {
    [KAD_TAG_TARGET] = {32, 1, 32},
    [KAD_TAG_FLAGS] = {1, 1, 1},
    [KAD_TAG_CLASS] = {1, 1, 1},
    [KAD_TAG_PREFIX] = {1, 1, 1},
    [KAD_TAG_SEQUENCE] = {8, 1, 8},
    [KAD_TAG_CAS] = {8, 1, 8},
    [KAD_TAG_YOUR_ADDRESS] = {6, 12, 18},
    [KAD_TAG_TOKEN] = {1, 1, KAD_WIRE_TOKEN_MAX},
    [KAD_TAG_REFUSAL] = {1, 1, 1},
    [KAD_TAG_TEXT] = {1, 1, KAD_WIRE_TEXT_MAX},
    [KAD_TAG_FORGET] = {KAD_WIRE_FORGET, KAD_WIRE_FORGET, KAD_WIRE_FORGET *KAD_MESSAGE_RECORDS},
    [KAD_TAG_ATTEST] = {KAD_WIRE_ATTEST, 1, KAD_WIRE_ATTEST},
    [KAD_TAG_GHOST] = {KAD_WIRE_RECORD + 32, 1, KAD_WIRE_RECORD + 32},
    [KAD_TAG_RECORD] = {KAD_WIRE_RECORD, 1, UINT16_MAX},
    [KAD_TAG_FROM] = {4, 1, 4},
    [KAD_TAG_CONTACTS_V4] = {KAD_WIRE_CONTACT_V4, KAD_WIRE_CONTACT_V4,
                             KAD_WIRE_CONTACT_V4 *KAD_MESSAGE_CONTACTS},
    [KAD_TAG_ROLE] = {1, 1, 1},
    [KAD_TAG_CONTACTS_V6] = {KAD_WIRE_CONTACT_V6, KAD_WIRE_CONTACT_V6,
                             KAD_WIRE_CONTACT_V6 *KAD_MESSAGE_CONTACTS},
    [KAD_TAG_RESULTS] = {2, 1, KAD_MESSAGE_RESULTS},
};

static bool length_fits(unsigned tag, size_t size)
{
    return size >= lengths[tag].least && size <= lengths[tag].most &&
           (size - lengths[tag].least) % lengths[tag].step == 0;
}

static bool only_zeros(const uint8_t *at, const uint8_t *end)
{
    uint8_t any = 0;

    while (at < end)
        any |= *at++;
    return any == 0;
}

static bool note(struct kad_fields *fields, unsigned tag, struct kad_bytes value)
{
    if (!length_fits(tag, value.size))
        return false;
    if (tag == KAD_TAG_RECORD) {
        if (fields->n_records == KAD_FIELDS_RECORDS)
            return false;
        fields->records[fields->n_records++] = value;
    }
    fields->of[tag] = value;
    fields->present |= KAD_TAG_BIT(tag);
    return true;
}

bool kad_fields_read(struct kad_bytes bytes, struct kad_fields *out_fields)
{
    const uint8_t *at = bytes.data, *const end = bytes.data + bytes.size;
    unsigned last = KAD_TAG_END;

    out_fields->present = 0;
    out_fields->n_records = 0;
    while (at < end) {
        const unsigned tag = *at;
        struct kad_bytes value;

        if (tag == KAD_TAG_END)
            return only_zeros(at, end);
        if (end - at < 3 || tag < last || (tag == last && tag != KAD_TAG_RECORD))
            return false;
        value = (struct kad_bytes){at + 3, kad_wire_get_u16(at + 1)};
        if (value.size > (size_t)(end - value.data))
            return false;
        if (tag < KAD_N_TAGS ? !note(out_fields, tag, value) : tag % 2)
            return false;
        last = tag;
        at = value.data + value.size;
    }
    return true;
}
