/*
 * bencode - reads and writes BitTorrent's encoding (BEP 3); no allocation, no recursion.
 *
 * A reader stands in front of an item and moves past it. Containers are either walked, or taken as one item:
 *
 *     kad_bencode_open()    step into the list or dictionary in front
 *     kad_bencode_pair()    key and value of the dictionary stepped into; false: stepped out of it, or broken
 *     kad_bencode_next()    an element of the list stepped into; false: stepped out of it, or broken
 *     kad_bencode_key()     the key alone; then open, item or close
 *     kad_bencode_item()    whatever stands in front, checked to its end however it nests
 *
 * Once something is wrong the reader is broken, stays so, and gives nothing more; so one look at `broken` after the
 * last call covers all of them. It never reads past `end`.
 *
 * Structure is strict: what is accepted here has one meaning. Form is lenient, as every client's reader is: leading
 * zeros and unsorted or repeated keys pass. Where bytes are hashed or signed, kad_bencode_canonical() wants the form
 * as well.
 */
#ifndef KAD_WIRE_KRPC_BENCODE_H
#define KAD_WIRE_KRPC_BENCODE_H

#include <string.h>

#include "base/types.h"

/* How deep the inside of one item may nest. No client nests more than 4; libtorrent stops at 10. */
#define KAD_BENCODE_DEPTH 32

enum kad_bencode_type {
    KAD_BENCODE_INTEGER,
    KAD_BENCODE_BIG, /* an integer that int64_t does not hold */
    KAD_BENCODE_STRING,
    KAD_BENCODE_LIST,
    KAD_BENCODE_DICT,
};

struct kad_bencode_item {
    enum kad_bencode_type type;
    int64_t integer;         /* of KAD_BENCODE_INTEGER */
    struct kad_bytes string; /* of KAD_BENCODE_STRING */
    struct kad_bytes raw;    /* the whole item as it stands in the input */
};

struct kad_bencode_reader {
    const uint8_t *at, *end;
    bool broken;
};

struct kad_bencode_reader kad_bencode_reader(struct kad_bytes bytes);
bool kad_bencode_item(struct kad_bencode_reader *reader, struct kad_bencode_item *out_item);
bool kad_bencode_open(struct kad_bencode_reader *reader, enum kad_bencode_type type); /* LIST or DICT */
bool kad_bencode_close(
    struct kad_bencode_reader *reader); /* true, and stepped out, if the container ends here */
bool kad_bencode_key(struct kad_bencode_reader *reader, struct kad_bytes *out_key);
bool kad_bencode_next(struct kad_bencode_reader *reader, struct kad_bencode_item *out_item);
bool kad_bencode_pair(struct kad_bencode_reader *reader, struct kad_bytes *out_key,
                      struct kad_bencode_item *out_value);

/* Whether `bytes` are exactly one item in the one form BEP 3 allows: keys sorted and unique, no superfluous zeros. */
bool kad_bencode_canonical(struct kad_bytes bytes);

/* Appends to memory that somebody else owns. What does not fit is not written, and `full` stays set. */
struct kad_bencode_writer {
    uint8_t *at, *end;
    bool full;
};

struct kad_bencode_writer kad_bencode_writer(uint8_t *bytes, size_t room);
/* As it is. Here, because most of what is written is short and of a size the compiler knows. */
static inline void kad_bencode_put(struct kad_bencode_writer *writer, const void *bytes, size_t size)
{
    if (writer->full || size > (size_t)(writer->end - writer->at)) {
        writer->full = true;
        return;
    }
    if (size > 0)
        memcpy(writer->at, bytes, size);
    writer->at += size;
}
void kad_bencode_put_long_string(struct kad_bencode_writer *writer, const void *bytes, size_t size);
/* A string behind its length. Most are of one digit, and of these three sizes. */
static inline void kad_bencode_put_string(struct kad_bencode_writer *writer, const void *bytes, size_t size)
{
    uint8_t *at = writer->at;

    if (writer->full || size >= 10 || (size_t)(writer->end - at) < size + 2) {
        kad_bencode_put_long_string(writer, bytes, size);
        return;
    }
    at[0] = (uint8_t)('0' + size);
    at[1] = ':';
    if (size == 4)
        memcpy(at + 2, bytes, 4);
    else if (size == 8)
        memcpy(at + 2, bytes, 8);
    else if (size == 2)
        memcpy(at + 2, bytes, 2);
    else if (size > 0)
        memcpy(at + 2, bytes, size);
    writer->at = at + 2 + size;
}
void kad_bencode_put_integer(struct kad_bencode_writer *writer, int64_t integer);
/* Room for a string's bytes behind its length, for the caller to fill; NULL if it does not fit. */
uint8_t *kad_bencode_put_room(struct kad_bencode_writer *writer, size_t size);

#endif
