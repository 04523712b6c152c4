/* ipns - records of IPNS: IpnsEntry { value 1; signatureV1 2; validityType 3; validity 4; sequence 5; ttl 6; pubKey 7; signatureV2 8;
 * data 9 }. What counts is what is signed: `data`, a map of DAG-CBOR; what stands beside it must say the same. */
#include "wire/libp2p/records.h"

#include <string.h>

#include "base/protobuf.h"
#include "crypto/peer_id.h"
#include "wire/libp2p/cbor.h"

enum {
    VALUE = 1,
    VALIDITY_TYPE = 3,
    VALIDITY = 4,
    SEQUENCE = 5,
    TTL = 6,
    PUBLIC_KEY = 7,
    SIGNATURE = 8,
    DATA = 9
};

#define ENTRIES_MOST 16

static const char prefix[] = "/ipns/";
static const char signed_before[] = "ipns-signature:";

struct fields {
    bool has[DATA + 1];
    struct kad_bytes bytes[DATA + 1];
    uint64_t number[DATA + 1];
};

static bool read_fields(struct kad_bytes rest, struct fields *fields)
{
    struct kad_proto_field field;
    int verdict;

    memset(fields, 0, sizeof(*fields));
    while ((verdict = kad_proto_next(&rest, &field)) > 0) {
        if (field.number > DATA)
            continue;
        fields->has[field.number] = true;
        fields->bytes[field.number] = field.bytes;
        fields->number[field.number] = field.value;
    }
    return verdict == 0 && fields->has[SIGNATURE] && fields->has[DATA];
}

/* The signed map into the same places. */
static bool read_data(struct kad_bytes rest, struct fields *out_signed)
{
    static const struct {
        const char *name;
        int field;
    } names[] = {{"Value", VALUE},
                 {"Validity", VALIDITY},
                 {"ValidityType", VALIDITY_TYPE},
                 {"Sequence", SEQUENCE},
                 {"TTL", TTL}};
    struct kad_cbor_entry entry;
    uint64_t n;

    memset(out_signed, 0, sizeof(*out_signed));
    if (kad_cbor_map(&rest, &n) < 0 || n > ENTRIES_MOST)
        return false;
    for (; n > 0; n--) {
        if (kad_cbor_entry(&rest, &entry) < 0)
            return false;
        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
            const int field = names[i].field;
            const bool is_bytes = field == VALUE || field == VALIDITY;

            if (entry.key.size != strlen(names[i].name) ||
                memcmp(entry.key.data, names[i].name, entry.key.size) != 0)
                continue;
            if (out_signed->has[field] || entry.is_number == is_bytes)
                return false;
            out_signed->has[field] = true;
            out_signed->bytes[field] = entry.bytes;
            out_signed->number[field] = entry.number;
        }
    }
    return rest.size == 0 && out_signed->has[VALUE] && out_signed->has[VALIDITY] &&
           out_signed->has[VALIDITY_TYPE] && out_signed->has[SEQUENCE];
}

static bool say_the_same(const struct fields *said, const struct fields *covered)
{
    for (int i = VALUE; i <= TTL; i++) {
        if (!said->has[i] || !covered->has[i])
            continue;
        if (said->number[i] != covered->number[i] || said->bytes[i].size != covered->bytes[i].size ||
            (said->bytes[i].size &&
             memcmp(said->bytes[i].data, covered->bytes[i].data, said->bytes[i].size) != 0))
            return false;
    }
    return true;
}

/* The key that the name stands for: in it, or in the record. */
static bool key_of(struct kad_bytes name, const struct fields *said, struct kad_bytes *out_key)
{
    const struct kad_bytes id = {name.data + sizeof(prefix) - 1, name.size - (sizeof(prefix) - 1)};
    uint8_t of_key[KAD_PEER_ID_MAX];
    size_t n;

    if (!kad_peer_id_is_valid(id))
        return false;
    if (!said->has[PUBLIC_KEY])
        return kad_peer_id_key(id, out_key);
    *out_key = said->bytes[PUBLIC_KEY];
    return kad_peer_id_of_key(*out_key, of_key, &n) == 0 && n == id.size && memcmp(of_key, id.data, n) == 0;
}

static bool is_signed(struct kad_bytes key, const struct fields *said)
{
    uint8_t covered[sizeof(signed_before) - 1 + KAD_IPNS_MAX];
    const struct kad_bytes data = said->bytes[DATA];

    memcpy(covered, signed_before, sizeof(signed_before) - 1);
    memcpy(covered + sizeof(signed_before) - 1, data.data, data.size);
    return kad_peer_key_verify(key, (struct kad_bytes){covered, sizeof(signed_before) - 1 + data.size},
                               said->bytes[SIGNATURE]);
}

/* What a record says, its signature aside. */
static bool read_record(struct kad_bytes name, struct kad_bytes value, struct fields *said,
                        struct kad_ipns *out_ipns)
{
    struct fields covered;

    if (name.size <= sizeof(prefix) - 1 || memcmp(name.data, prefix, sizeof(prefix) - 1) != 0 ||
        value.size > KAD_IPNS_MAX || !read_fields(value, said) || !said->bytes[DATA].size ||
        !read_data(said->bytes[DATA], &covered) || !say_the_same(said, &covered))
        return false;
    if (covered.number[VALIDITY_TYPE] != 0 || covered.number[SEQUENCE] >= INT64_MAX ||
        kad_ipns_read_time(covered.bytes[VALIDITY], &out_ipns->valid_until) < 0)
        return false;
    out_ipns->value = covered.bytes[VALUE];
    out_ipns->sequence = covered.number[SEQUENCE];
    out_ipns->ttl_ns = covered.number[TTL];
    return true;
}

int kad_ipns_read(struct kad_bytes name, struct kad_bytes value, struct kad_ipns *out_ipns)
{
    struct fields said;

    return read_record(name, value, &said, out_ipns) ? 0 : KAD_E_INVALID;
}

int kad_ipns_check(struct kad_bytes name, struct kad_bytes value, struct kad_ipns *out_ipns)
{
    struct fields said;
    struct kad_bytes key;

    return read_record(name, value, &said, out_ipns) && key_of(name, &said, &key) && is_signed(key, &said)
               ? 0
               : KAD_E_INVALID;
}

/* -- time: RFC 3339, UTC ---------------------------------------------------------------------------------------- */

/* Days from 1970-01-01 of a day of the Gregorian calendar (years from March on, so that leap days come last). */
static int64_t days_of(int64_t year, int64_t month, int64_t day)
{
    const int64_t y = month <= 2 ? year - 1 : year, m = month <= 2 ? month + 9 : month - 3;

    return 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - 719468;
}

static bool digits(const uint8_t *at, unsigned n, int64_t *out)
{
    *out = 0;
    for (unsigned i = 0; i < n; i++) {
        if (at[i] < '0' || at[i] > '9')
            return false;
        *out = 10 * *out + (at[i] - '0');
    }
    return true;
}

int kad_ipns_read_time(struct kad_bytes text, kad_ms *out_time)
{
    static const uint8_t in_month[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    const uint8_t *at = text.data;
    int64_t year, month, day, hour, minute, second, milliseconds = 0, scale = 100;
    size_t i = 19;

    if (text.size < 20 || text.size > 35 || at[4] != '-' || at[7] != '-' || at[10] != 'T' || at[13] != ':' ||
        at[16] != ':' || at[text.size - 1] != 'Z' || !digits(at, 4, &year) || !digits(at + 5, 2, &month) ||
        !digits(at + 8, 2, &day) || !digits(at + 11, 2, &hour) || !digits(at + 14, 2, &minute) ||
        !digits(at + 17, 2, &second))
        return KAD_E_INVALID;
    if (year < 1970 || month < 1 || month > 12 || day < 1 || day > in_month[month - 1] || hour > 23 ||
        minute > 59 || second > 60)
        return KAD_E_INVALID;
    if (at[i] == '.') {
        if (text.size == 21)
            return KAD_E_INVALID;
        for (i++; i < text.size - 1; i++, scale /= 10) {
            if (at[i] < '0' || at[i] > '9')
                return KAD_E_INVALID;
            milliseconds += scale * (at[i] - '0');
        }
    }
    if (i != text.size - 1)
        return KAD_E_INVALID;
    *out_time = ((days_of(year, month, day) * 24 + hour) * 60 + minute) * KAD_MINUTE + second * KAD_SECOND +
                milliseconds;
    return 0;
}

static void put(char *at, unsigned n, int64_t value)
{
    for (; n > 0; n--, value /= 10)
        at[n - 1] = (char)('0' + value % 10);
}

void kad_ipns_write_time(kad_ms time, char out_text[25])
{
    const int64_t days = time / (24 * KAD_HOUR), rest = time % (24 * KAD_HOUR);
    int64_t year = 1970 + days / 366, month = 1;

    while (days_of(year + 1, 1, 1) <= days)
        year++;
    while (month < 12 && days_of(year, month + 1, 1) <= days)
        month++;
    memcpy(out_text, "0000-00-00T00:00:00.000Z", 25);
    put(out_text, 4, year);
    put(out_text + 5, 2, month);
    put(out_text + 8, 2, days - days_of(year, month, 1) + 1);
    put(out_text + 11, 2, rest / KAD_HOUR);
    put(out_text + 14, 2, rest / KAD_MINUTE % 60);
    put(out_text + 17, 2, rest / KAD_SECOND % 60);
    put(out_text + 20, 3, rest % KAD_SECOND);
}
