#include "wire/krpc/bencode.h"

#include <assert.h>
#include <string.h>

static bool is_digit(uint8_t byte)
{
    return byte >= '0' && byte <= '9';
}

static bool fail(struct kad_bencode_reader *reader)
{
    reader->broken = true;
    reader->at = reader->end; /* nothing more comes of it */
    return false;
}

struct kad_bencode_reader kad_bencode_reader(struct kad_bytes bytes)
{
    return (struct kad_bencode_reader){.at = bytes.data,
                                       .end = bytes.size ? bytes.data + bytes.size : bytes.data};
}

/* "4:spam". The length is held against what is left with each digit, so it cannot overflow. */
static inline bool read_string(struct kad_bencode_reader *reader, struct kad_bytes *out_string)
{
    const uint8_t *at = reader->at;
    size_t size = 0;

    for (; at < reader->end && is_digit(*at); at++) {
        size = 10 * size + (size_t)(*at - '0');
        if (size > (size_t)(reader->end - at))
            return fail(reader);
    }
    if (at == reader->at || at == reader->end || *at != ':' || size > (size_t)(reader->end - at - 1))
        return fail(reader);
    *out_string = (struct kad_bytes){at + 1, size};
    reader->at = at + 1 + size;
    return true;
}

/* "i-42e". */
static bool read_integer(struct kad_bencode_reader *reader, struct kad_bencode_item *out_item)
{
    const uint8_t *at = reader->at + 1, *digits;
    bool negative = at < reader->end && *at == '-', big = false;
    const uint64_t most = (uint64_t)INT64_MAX + negative;
    uint64_t size = 0;

    digits = at += negative;
    for (; at < reader->end && is_digit(*at); at++) {
        const uint64_t digit = (uint64_t)(*at - '0');

        if (size > (most - digit) / 10)
            big = true;
        else
            size = 10 * size + digit;
    }
    if (at == digits || at == reader->end || *at != 'e')
        return fail(reader);
    reader->at = at + 1;
    out_item->type = big ? KAD_BENCODE_BIG : KAD_BENCODE_INTEGER;
    if (big)
        out_item->integer = 0;
    else if (negative && size > 0)
        out_item->integer = -(int64_t)(size - 1) - 1; /* INT64_MIN has no positive twin */
    else
        out_item->integer = (int64_t)size;
    return true;
}

/* Moves past a container. One bit a level: is it a dictionary, and does its last key still lack a value? */
static bool skip_container(struct kad_bencode_reader *reader)
{
    struct kad_bencode_item ignored;
    uint64_t dicts = 0, lacking = 0, level = 0; /* level: the bit of the container we are in */

    do {
        uint8_t byte;

        if (reader->at == reader->end)
            return fail(reader);
        byte = *reader->at;
        if ((dicts & level & ~lacking) && byte != 'e' && !is_digit(byte))
            return fail(reader);
        switch (byte) {
        case 'd':
        case 'l':
            level = level ? level << 1 : 1;
            if (level == UINT64_C(1) << KAD_BENCODE_DEPTH)
                return fail(reader);
            dicts = byte == 'd' ? dicts | level : dicts & ~level;
            lacking &= ~level;
            reader->at++;
            continue; /* not whole yet */
        case 'e':
            if (lacking & level)
                return fail(reader);
            level >>= 1;
            reader->at++;
            break;
        case 'i':
            if (!read_integer(reader, &ignored))
                return false;
            break;
        default:
            if (!read_string(reader, &ignored.string))
                return false;
        }
        lacking ^= dicts & level; /* a key now lacks its value, or a value has come */
    } while (level);
    return true;
}

bool kad_bencode_item(struct kad_bencode_reader *reader, struct kad_bencode_item *out_item)
{
    const uint8_t *start = reader->at;
    bool whole;

    if (reader->broken || start == reader->end)
        return fail(reader);
    switch (*start) {
    case 'i':
        whole = read_integer(reader, out_item);
        break;
    case 'l':
        out_item->type = KAD_BENCODE_LIST;
        whole = skip_container(reader);
        break;
    case 'd':
        out_item->type = KAD_BENCODE_DICT;
        whole = skip_container(reader);
        break;
    default:
        out_item->type = KAD_BENCODE_STRING;
        whole = read_string(reader, &out_item->string);
    }
    if (!whole)
        return false;
    out_item->raw = (struct kad_bytes){start, (size_t)(reader->at - start)};
    return true;
}

bool kad_bencode_open(struct kad_bencode_reader *reader, enum kad_bencode_type type)
{
    assert((type == KAD_BENCODE_LIST || type == KAD_BENCODE_DICT) && "only containers have an inside");
    if (reader->broken || reader->at == reader->end || *reader->at != (type == KAD_BENCODE_DICT ? 'd' : 'l'))
        return fail(reader);
    reader->at++;
    return true;
}

bool kad_bencode_close(struct kad_bencode_reader *reader)
{
    if (reader->broken || reader->at == reader->end || *reader->at != 'e')
        return false;
    reader->at++;
    return true;
}

bool kad_bencode_key(struct kad_bencode_reader *reader, struct kad_bytes *out_key)
{
    if (reader->broken)
        return false;
    return read_string(reader, out_key);
}

bool kad_bencode_next(struct kad_bencode_reader *reader, struct kad_bencode_item *out_item)
{
    return !kad_bencode_close(reader) && kad_bencode_item(reader, out_item);
}

bool kad_bencode_pair(struct kad_bencode_reader *reader, struct kad_bytes *out_key,
                      struct kad_bencode_item *out_value)
{
    return !kad_bencode_close(reader) && kad_bencode_key(reader, out_key) &&
           kad_bencode_item(reader, out_value);
}

/* A number's digits: none superfluous. */
static bool digits_canonical(const uint8_t *digits)
{
    return digits[0] != '0' || !is_digit(digits[1]);
}

/* Whether `a` sorts before `b`, as raw bytes. */
static bool sorts_before(struct kad_bytes a, struct kad_bytes b)
{
    int order = memcmp(a.data, b.data, a.size < b.size ? a.size : b.size);

    return order < 0 || (order == 0 && a.size < b.size);
}

bool kad_bencode_canonical(struct kad_bytes bytes)
{
    struct {
        struct kad_bytes key; /* the last one; data NULL: none yet */
        bool dict;
    } levels[KAD_BENCODE_DEPTH];
    struct kad_bencode_reader reader = kad_bencode_reader(bytes);
    struct kad_bencode_item item;
    size_t depth = 0;

    /* The structure first: from here on it is only looked at how things are written. */
    if (bytes.size == 0 || !kad_bencode_item(&reader, &item) || reader.at != reader.end)
        return false;
    reader = kad_bencode_reader(bytes);
    while (reader.at < reader.end) {
        if (kad_bencode_close(&reader)) {
            depth--;
            continue;
        }
        if (depth > 0 && levels[depth - 1].dict) {
            struct kad_bytes last = levels[depth - 1].key;

            if (!digits_canonical(reader.at) || !kad_bencode_key(&reader, &levels[depth - 1].key))
                return false;
            if (last.data && !sorts_before(last, levels[depth - 1].key))
                return false;
        }
        switch (*reader.at) {
        case 'l':
        case 'd':
            levels[depth].dict = *reader.at == 'd';
            levels[depth++].key = (struct kad_bytes){NULL, 0};
            reader.at++;
            continue;
        case 'i':
            if (!digits_canonical(reader.at[1] == '-' ? reader.at + 2 : reader.at + 1))
                return false;
            if (reader.at[1] == '-' && reader.at[2] == '0')
                return false;
            break;
        default:
            if (!digits_canonical(reader.at))
                return false;
        }
        if (!kad_bencode_item(&reader, &item))
            return false;
    }
    return true;
}

struct kad_bencode_writer kad_bencode_writer(uint8_t *bytes, size_t room)
{
    return (struct kad_bencode_writer){.at = bytes, .end = bytes + room};
}

static void put_number(struct kad_bencode_writer *writer, uint64_t number, char mark)
{
    char text[21];
    char *at = text + sizeof text;

    if (number < 1000 && !writer->full && writer->end - writer->at >= 4) { /* nearly all of them */
        const uint32_t small = (uint32_t)number;

        *writer->at = (uint8_t)('0' + small / 100);
        writer->at += small >= 100;
        *writer->at = (uint8_t)('0' + small / 10 % 10);
        writer->at += small >= 10;
        *writer->at++ = (uint8_t)('0' + small % 10);
        *writer->at++ = (uint8_t)mark;
        return;
    }
    *--at = mark;
    do
        *--at = (char)('0' + number % 10);
    while (number /= 10);
    kad_bencode_put(writer, at, (size_t)(text + sizeof text - at));
}

uint8_t *kad_bencode_put_room(struct kad_bencode_writer *writer, size_t size)
{
    uint8_t *room;

    put_number(writer, size, ':');
    if (writer->full || size > (size_t)(writer->end - writer->at)) {
        writer->full = true;
        return NULL;
    }
    room = writer->at;
    writer->at += size;
    return room;
}

void kad_bencode_put_long_string(struct kad_bencode_writer *writer, const void *bytes, size_t size)
{
    uint8_t *room = kad_bencode_put_room(writer, size);

    if (room && size > 0)
        memcpy(room, bytes, size);
}

void kad_bencode_put_integer(struct kad_bencode_writer *writer, int64_t integer)
{
    if (integer < 0)
        kad_bencode_put(writer, "i-", 2);
    else
        kad_bencode_put(writer, "i", 1);
    put_number(writer, integer < 0 ? 0 - (uint64_t)integer : (uint64_t)integer, 'e');
}
