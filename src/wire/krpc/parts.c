#include "wire/krpc/parts.h"

#include "wire/krpc/krpc.h"

static enum krpc_field field_of(struct kad_bytes key)
{
    switch (key.size) {
    case 1:
        return *key.data == 'v' ? KRPC_V : *key.data == 'k' ? KRPC_K : KRPC_NO_FIELD;
    case 2:
        return krpc_is(key, "id", 2) ? KRPC_ID : KRPC_NO_FIELD;
    case 3:
        return krpc_is(key, "seq", 3)   ? KRPC_SEQ
               : krpc_is(key, "sig", 3) ? KRPC_SIG
               : krpc_is(key, "cas", 3) ? KRPC_CAS
               : krpc_is(key, "num", 3) ? KRPC_NUM
                                        : KRPC_NO_FIELD;
    case 4:
        return krpc_is(key, "want", 4)   ? KRPC_WANT
               : krpc_is(key, "port", 4) ? KRPC_PORT
               : krpc_is(key, "seed", 4) ? KRPC_SEED
               : krpc_is(key, "salt", 4) ? KRPC_SALT
               : krpc_is(key, "BFpe", 4) ? KRPC_BFPE
               : krpc_is(key, "BFsd", 4) ? KRPC_BFSD
                                         : KRPC_NO_FIELD;
    case 5:
        return krpc_is(key, "nodes", 5) ? KRPC_NODES : krpc_is(key, "token", 5) ? KRPC_TOKEN : KRPC_NO_FIELD;
    case 6:
        return krpc_is(key, "target", 6)   ? KRPC_TARGET
               : krpc_is(key, "nodes6", 6) ? KRPC_NODES6
               : krpc_is(key, "values", 6) ? KRPC_VALUES
               : krpc_is(key, "noseed", 6) ? KRPC_NOSEED
               : krpc_is(key, "scrape", 6) ? KRPC_SCRAPE
                                           : KRPC_NO_FIELD;
    case 7:
        return krpc_is(key, "samples", 7) ? KRPC_SAMPLES : KRPC_NO_FIELD;
    case 8:
        return krpc_is(key, "interval", 8) ? KRPC_INTERVAL : KRPC_NO_FIELD;
    case 9:
        return krpc_is(key, "info_hash", 9) ? KRPC_INFO_HASH : KRPC_NO_FIELD;
    case 12:
        return krpc_is(key, "implied_port", 12) ? KRPC_IMPLIED_PORT : KRPC_NO_FIELD;
    default:
        return KRPC_NO_FIELD;
    }
}

static void read_body(struct kad_bencode_reader *reader, struct krpc_parts *parts)
{
    struct kad_bencode_item ignored;
    struct kad_bytes key;

    kad_bencode_open(reader, KAD_BENCODE_DICT);
    while (!kad_bencode_close(reader) && kad_bencode_key(reader, &key)) {
        enum krpc_field field = field_of(key);

        if (field == KRPC_NO_FIELD || krpc_has(parts, field))
            kad_bencode_item(reader, &ignored);
        else if (kad_bencode_item(reader, &parts->fields[field]))
            parts->present |= UINT32_C(1) << field;
    }
}

/* Notes a top-level value that must be a string; the first of its key counts. */
static void note_string(const struct kad_bencode_item *item, struct kad_bytes *string, bool *present)
{
    if (!*present && item->type == KAD_BENCODE_STRING) {
        *string = item->string;
        *present = true;
    }
}

static void note_short_key(uint8_t key, const struct kad_bencode_item *item, struct krpc_parts *parts)
{
    bool has_version = parts->version.data != NULL;

    switch (key) {
    case 't':
        note_string(item, &parts->transaction, &parts->has_transaction);
        break;
    case 'q':
        note_string(item, &parts->method, &parts->has_method);
        break;
    case 'v':
        note_string(item, &parts->version, &has_version);
        break;
    case 'y':
        if (!parts->kind && item->type == KAD_BENCODE_STRING && item->string.size == 1)
            parts->kind = *item->string.data;
        break;
    case 'e':
        if (!parts->has_error) {
            parts->error = *item;
            parts->has_error = true;
        }
        break;
    default:
        break;
    }
}

/* What stands behind the message's last "e" is not looked at: some clients send their whole buffer. */
bool kad_krpc_read_parts(struct kad_bytes bytes, struct krpc_parts *parts)
{
    struct kad_bencode_reader reader = kad_bencode_reader(bytes);
    struct kad_bencode_item item;
    struct kad_bytes key;
    bool has_address = false, has_read_only = false;

    memset((char *)parts + offsetof(struct krpc_parts, transaction), 0,
           sizeof *parts - offsetof(struct krpc_parts, transaction));
    kad_bencode_open(&reader, KAD_BENCODE_DICT);
    while (!kad_bencode_close(&reader) && kad_bencode_key(&reader, &key)) {
        if (key.size == 1 && (*key.data == 'a' || *key.data == 'r') && !parts->body &&
            reader.at < reader.end && *reader.at == 'd') {
            parts->body = *key.data;
            read_body(&reader, parts);
            continue;
        }
        if (!kad_bencode_item(&reader, &item))
            break;
        if (key.size == 1) {
            note_short_key(*key.data, &item, parts);
        } else if (key.size == 2 && krpc_is(key, "ip", 2)) {
            note_string(&item, &parts->address, &has_address);
        } else if (key.size == 2 && krpc_is(key, "ro", 2) && item.type == KAD_BENCODE_INTEGER &&
                   !has_read_only) {
            parts->read_only = item.integer != 0;
            has_read_only = true;
        }
    }
    return !reader.broken && parts->has_transaction && parts->transaction.size <= KAD_KRPC_TRANSACTION;
}
