/* krpc - see krpc.h */
#include "bench/krpc.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

struct cursor {
    const uint8_t *at, *end;
};

static bool take_number(struct cursor *cursor, char stop, int64_t *out_value)
{
    bool negative = cursor->at < cursor->end && *cursor->at == '-';
    int64_t value = 0;
    int digits = 0;

    if (negative)
        cursor->at++;
    while (cursor->at < cursor->end && *cursor->at >= '0' && *cursor->at <= '9' && digits < 18) {
        value = value * 10 + (*cursor->at++ - '0');
        digits++;
    }
    if (!digits || cursor->at == cursor->end || *cursor->at != (uint8_t)stop)
        return false;
    cursor->at++;
    *out_value = negative ? -value : value;
    return true;
}

static bool take_string(struct cursor *cursor, struct krpc_bytes *out_bytes)
{
    int64_t size;

    if (!take_number(cursor, ':', &size) || size < 0 || size > cursor->end - cursor->at)
        return false;
    out_bytes->data = cursor->at;
    out_bytes->size = (size_t)size;
    cursor->at += size;
    return true;
}

static bool skip(struct cursor *cursor, int depth)
{
    struct krpc_bytes ignored;
    int64_t number;

    if (cursor->at == cursor->end || depth > 16)
        return false;
    if (*cursor->at == 'i') {
        cursor->at++;
        return take_number(cursor, 'e', &number);
    }
    if (*cursor->at != 'l' && *cursor->at != 'd')
        return take_string(cursor, &ignored);
    for (cursor->at++; cursor->at < cursor->end && *cursor->at != 'e';)
        if (!skip(cursor, depth + 1))
            return false;
    if (cursor->at == cursor->end)
        return false;
    cursor->at++;
    return true;
}

static bool is(const struct krpc_bytes *key, const char *name)
{
    return key->size == strlen(name) && !memcmp(key->data, name, key->size);
}

static size_t count_list(struct krpc_bytes list)
{
    struct cursor cursor = {list.data, list.data + list.size};
    size_t n = 0;

    if (!list.size || *cursor.at != 'l')
        return 0;
    for (cursor.at++; cursor.at < cursor.end && *cursor.at != 'e'; n++)
        if (!skip(&cursor, 0))
            break;
    return n;
}

/* The dictionary under "a" or "r". */
static bool read_body(struct cursor *cursor, struct krpc_message *message)
{
    if (cursor->at == cursor->end || *cursor->at != 'd')
        return false;
    for (cursor->at++; cursor->at < cursor->end && *cursor->at != 'e';) {
        struct krpc_bytes key, *text = NULL;
        const uint8_t *start;

        if (!take_string(cursor, &key))
            return false;
        if (is(&key, "id"))
            text = &message->id;
        else if (is(&key, "target") || is(&key, "info_hash"))
            text = &message->target;
        else if (is(&key, "nodes"))
            text = &message->nodes;
        else if (is(&key, "token"))
            text = &message->token;
        else if (is(&key, "samples"))
            text = &message->samples;

        start = cursor->at;
        if (text ? !take_string(cursor, text) : !skip(cursor, 0))
            return false;
        if (is(&key, "values"))
            message->n_values = count_list((struct krpc_bytes){start, (size_t)(cursor->at - start)});
        else if (is(&key, "v"))
            message->value = (struct krpc_bytes){start, (size_t)(cursor->at - start)};
    }
    return cursor->at++ < cursor->end;
}

static bool read_error(struct cursor *cursor, struct krpc_message *message)
{
    if (cursor->end - cursor->at < 2 || memcmp(cursor->at, "li", 2) != 0)
        return false;
    cursor->at += 2;
    if (!take_number(cursor, 'e', &message->error_code) || !take_string(cursor, &message->error))
        return false;
    return cursor->at < cursor->end && *cursor->at++ == 'e';
}

bool krpc_read(const void *datagram, size_t size, struct krpc_message *out_message)
{
    struct cursor cursor = {datagram, (const uint8_t *)datagram + size};
    struct krpc_bytes kind = {0};

    memset(out_message, 0, sizeof *out_message);
    if (!size || *cursor.at != 'd')
        return false;
    for (cursor.at++; cursor.at < cursor.end && *cursor.at != 'e';) {
        struct krpc_bytes key;
        bool good;

        if (!take_string(&cursor, &key))
            return false;
        if (is(&key, "a") || is(&key, "r"))
            good = read_body(&cursor, out_message);
        else if (is(&key, "e"))
            good = read_error(&cursor, out_message);
        else if (is(&key, "t"))
            good = take_string(&cursor, &out_message->tid);
        else if (is(&key, "q"))
            good = take_string(&cursor, &out_message->query);
        else if (is(&key, "y"))
            good = take_string(&cursor, &kind);
        else
            good = skip(&cursor, 0);
        if (!good)
            return false;
    }
    if (cursor.at == cursor.end || kind.size != 1)
        return false;
    out_message->kind = (char)kind.data[0];
    return true;
}

void krpc_copy(struct krpc_writer *writer, const void *data, size_t size)
{
    assert(writer->size + size <= KRPC_MESSAGE_MAX && "a bench message is longer than planned");
    memcpy(writer->data + writer->size, data, size);
    writer->size += size;
}

void krpc_raw(struct krpc_writer *writer, const char *text)
{
    krpc_copy(writer, text, strlen(text));
}

static void write_number(struct krpc_writer *writer, uint64_t value)
{
    char digits[20];
    size_t n = sizeof digits;

    do
        digits[--n] = (char)('0' + value % 10);
    while (value /= 10);
    krpc_copy(writer, digits + n, sizeof digits - n);
}

void krpc_string(struct krpc_writer *writer, const void *data, size_t size)
{
    write_number(writer, size);
    krpc_raw(writer, ":");
    krpc_copy(writer, data, size);
}

void krpc_int(struct krpc_writer *writer, int64_t value)
{
    krpc_raw(writer, value < 0 ? "i-" : "i");
    write_number(writer, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
    krpc_raw(writer, "e");
}

uint64_t krpc_mix(uint64_t value)
{
    value += 0x9e3779b97f4a7c15u;
    value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9u;
    value = (value ^ (value >> 27)) * 0x94d049bb133111ebu;
    return value ^ (value >> 31);
}

void krpc_fill(void *out_bytes, size_t size, uint64_t seed)
{
    uint8_t *out = out_bytes;

    for (size_t i = 0; i < size; i += 8) {
        uint64_t word = krpc_mix(seed + i * 0x2545f4914f6cdd1du);

        memcpy(out + i, &word, size - i < 8 ? size - i : 8);
    }
}
