/*
 * bencode_fuzz - any bytes through the bencode reader.
 *
 * An item accepted whole must be accepted by walking it too, and the other way round; and what is canonical must come
 * out of the writer as it went in.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz/must.h"
#include "wire/krpc/bencode.h"

#define ROOM 65536

/* Copies one item by walking it with its own stack. False: the item is not whole, or nests too deep. */
static bool rewrite(struct kad_bencode_reader *reader, struct kad_bencode_writer *writer, bool *out_big)
{
    bool dicts[KAD_BENCODE_DEPTH];
    size_t depth = 0;

    do {
        struct kad_bencode_item item;
        struct kad_bytes key;

        if (depth > 0 && kad_bencode_close(reader)) {
            kad_bencode_put(writer, "e", 1);
            depth--;
            continue;
        }
        if (depth > 0 && dicts[depth - 1]) {
            if (!kad_bencode_key(reader, &key))
                return false;
            kad_bencode_put_string(writer, key.data, key.size);
        }
        if (reader->at < reader->end && (*reader->at == 'd' || *reader->at == 'l')) {
            if (depth == KAD_BENCODE_DEPTH)
                return false;
            dicts[depth] = *reader->at == 'd';
            kad_bencode_put(writer, reader->at, 1);
            must(kad_bencode_open(reader, dicts[depth] ? KAD_BENCODE_DICT : KAD_BENCODE_LIST),
                 "does not open");
            depth++;
            continue;
        }
        if (!kad_bencode_item(reader, &item))
            return false;
        if (item.type == KAD_BENCODE_STRING)
            kad_bencode_put_string(writer, item.string.data, item.string.size);
        else if (item.type == KAD_BENCODE_INTEGER)
            kad_bencode_put_integer(writer, item.integer);
        else
            kad_bencode_put(writer, item.raw.data, item.raw.size);
        *out_big |= item.type == KAD_BENCODE_BIG;
    } while (depth > 0);
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t bytes[2 * ROOM];
    const struct kad_bytes input = {data, size};
    struct kad_bencode_reader whole = kad_bencode_reader(input), walked = kad_bencode_reader(input);
    struct kad_bencode_writer writer = kad_bencode_writer(bytes, sizeof bytes);
    struct kad_bencode_item item;
    bool accepted, big = false;

    if (size > ROOM)
        return 0;
    accepted = kad_bencode_item(&whole, &item);
    must(accepted == rewrite(&walked, &writer, &big), "skipping and walking disagree");
    must(accepted == !whole.broken, "a failure that does not stay");
    if (!accepted) {
        must(!kad_bencode_canonical(input), "canonical but not readable");
        return 0;
    }
    must(whole.at == walked.at && item.raw.data == data && item.raw.size == (size_t)(whole.at - data),
         "skipping and walking end apart");
    must(!writer.full, "grew");
    /* Written anew, an item has no superfluous zeros; so it changes if it had any. */
    if (kad_bencode_canonical(input))
        must(item.raw.size == size && (size_t)(writer.at - bytes) == size && memcmp(bytes, data, size) == 0,
             "canonical but written otherwise");
    return 0;
}
