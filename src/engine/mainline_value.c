/* mainline_value - what programs put into Mainline and look for there: ids from anything, texts as values. */
#include "kad/engine.h"

#include "core/id.h"
#include "crypto/crypto.h"
#include "wire/krpc/bencode.h"

void kad_mainline_id_of(struct kad_bytes bytes, struct kad_id *out_id)
{
    uint8_t hash[KAD_SHA1_SIZE];

    kad_sha1(bytes.data, bytes.size, hash);
    *out_id = kad_id_from_bytes(hash, sizeof(hash));
}

int kad_mainline_wrap(struct kad_bytes text, uint8_t *out_value, size_t room, size_t *out_size)
{
    struct kad_bencode_writer writer = kad_bencode_writer(out_value, room);

    kad_bencode_put_string(&writer, text.data, text.size);
    if (writer.full)
        return KAD_E_SPACE;
    *out_size = (size_t)(writer.at - out_value);
    return KAD_OK;
}

int kad_mainline_unwrap(struct kad_bytes value, struct kad_bytes *out_text)
{
    struct kad_bencode_reader reader = kad_bencode_reader(value);
    struct kad_bencode_item item;

    if (!kad_bencode_item(&reader, &item) || item.type != KAD_BENCODE_STRING || reader.at != reader.end)
        return KAD_E_INVALID;
    *out_text = item.string;
    return KAD_OK;
}
