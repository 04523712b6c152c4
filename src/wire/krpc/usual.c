#include "wire/krpc/usual.h"

#include <string.h>

#include "wire/krpc/krpc.h"
#include "wire/krpc/record.h"

#define STRING_MOST 9999 /* of tokens and versions: no datagram holds more */

/* Where the values of a query stand. NULL: not there. */
struct query {
    const uint8_t *at, *end;
    const uint8_t *sender, *target;
    struct kad_bytes token, value, transaction, version;
    enum kad_method method;
    uint16_t port;
    bool is_info_hash; /* `target` */
    bool has_port, implied_port, want_ipv4, want_ipv6, read_only;
};

/* Moves past `literal` if it is what comes. */
#define NEXT(q, literal) next((q), (literal), sizeof(literal) - 1)

static inline bool next(struct query *q, const char *literal, size_t size)
{
    if ((size_t)(q->end - q->at) < size || memcmp(q->at, literal, size) != 0)
        return false;
    q->at += size;
    return true;
}

static inline bool next_id(struct query *q, const uint8_t **out_id)
{
    if (q->end - q->at < KAD_KRPC_ID)
        return false;
    *out_id = q->at;
    q->at += KAD_KRPC_ID;
    return true;
}

/* Digits up to `mark`, none superfluous, that come to `most` or less. */
static inline bool next_number(struct query *q, uint8_t mark, uint32_t most, uint32_t *out_number)
{
    uint32_t number = 0;
    const uint8_t *at = q->at;

    while (at < q->end && *at >= '0' && *at <= '9' && number <= most)
        number = 10 * number + (uint32_t)(*at++ - '0');
    if (at == q->at || at == q->end || *at != mark || number > most || (*q->at == '0' && at - q->at > 1))
        return false;
    q->at = at + 1;
    *out_number = number;
    return true;
}

static inline bool next_string(struct query *q, size_t most, struct kad_bytes *out_string)
{
    uint32_t size;

    if (!next_number(q, ':', (uint32_t)most, &size) || size > (size_t)(q->end - q->at))
        return false;
    *out_string = (struct kad_bytes){q->at, size};
    q->at += size;
    return true;
}

/* Arguments behind "id". What announces and puts have beside a token is what tells their names. */

static bool read_announce(struct query *q)
{
    uint32_t port;

    if (!NEXT(q, "4:porti") || !next_number(q, 'e', UINT16_MAX, &port) || port == 0)
        return false;
    q->port = (uint16_t)port;
    q->has_port = true;
    return NEXT(q, "5:token") && next_string(q, STRING_MOST, &q->token);
}

/* An immutable value that is a string. */
static bool read_put(struct query *q)
{
    struct kad_bytes ignored;
    const uint8_t *value;

    if (!NEXT(q, "5:token") || !next_string(q, STRING_MOST, &q->token) || !NEXT(q, "1:v"))
        return false;
    value = q->at;
    if (!next_string(q, KAD_RECORD_VALUE_MAX, &ignored))
        return false;
    q->value = (struct kad_bytes){value, (size_t)(q->at - value)};
    return q->value.size <= KAD_RECORD_VALUE_MAX;
}

static bool read_arguments(struct query *q)
{
    if (q->at == q->end)
        return false;
    switch (*q->at) {
    case '6':
        return NEXT(q, "6:target20:") && next_id(q, &q->target);
    case '1':
        if (!NEXT(q, "12:implied_porti1e") || !NEXT(q, "9:info_hash20:") || !next_id(q, &q->target))
            return false;
        q->is_info_hash = q->implied_port = true;
        return read_announce(q);
    case '9':
        if (!NEXT(q, "9:info_hash20:") || !next_id(q, &q->target))
            return false;
        q->is_info_hash = true;
        return q->end - q->at < 3 || q->at[2] != 'p' || read_announce(q); /* "4:port" */
    case '5':
        return read_put(q);
    default:
        return true; /* "e", or "4:want" */
    }
}

static bool read_want(struct query *q)
{
    if (q->at == q->end || *q->at != '4')
        return true;
    if (!NEXT(q, "4:wantl"))
        return false;
    q->want_ipv4 = NEXT(q, "2:n4");
    q->want_ipv6 = NEXT(q, "2:n6");
    return NEXT(q, "e");
}

/* The method's name, which has to go with what came before it. */
static bool read_method(struct query *q)
{
    const bool plain = q->target && !q->has_port;

    if (q->end - q->at < 4)
        return false;
    switch (q->at[2]) {
    case 'p':
        if (q->at[3] == 'i') {
            q->method = KAD_PING;
            return !q->target && !q->token.data && NEXT(q, "4:ping");
        }
        q->method = KAD_PUT;
        return q->value.data && NEXT(q, "3:put");
    case 'f':
        q->method = KAD_FIND_NODE;
        return plain && !q->is_info_hash && NEXT(q, "9:find_node");
    case 'g':
        if (*q->at == '3') {
            q->method = KAD_GET;
            return plain && !q->is_info_hash && NEXT(q, "3:get");
        }
        q->method = KAD_GET_PEERS;
        return plain && q->is_info_hash && NEXT(q, "9:get_peers");
    default:
        if (q->at[1] == '3') {
            q->method = KAD_ANNOUNCE;
            return q->has_port && NEXT(q, "13:announce_peer");
        }
        q->method = KAD_SAMPLE;
        return plain && !q->is_info_hash && NEXT(q, "17:sample_infohashes");
    }
}

static bool read_query(struct query *q)
{
    if (!NEXT(q, "d1:ad2:id20:") || !next_id(q, &q->sender) || !read_arguments(q) || !read_want(q) ||
        !NEXT(q, "e1:q") || !read_method(q))
        return false;
    if (q->end - q->at < 3)
        return false;
    if (*q->at == '2') {
        if (!NEXT(q, "2:roi1e"))
            return false;
        q->read_only = true;
    }
    if (!NEXT(q, "1:t") || !next_string(q, KAD_KRPC_TRANSACTION, &q->transaction))
        return false;
    if (q->end - q->at > 2 && q->at[2] == 'v' &&
        (!NEXT(q, "1:v") || !next_string(q, STRING_MOST, &q->version)))
        return false;
    return NEXT(q, "1:y1:qe");
}

bool kad_krpc_decode_usual(struct kad_bytes bytes, struct kad_message *message)
{
    struct query q = {.at = bytes.data, .end = bytes.size ? bytes.data + bytes.size : bytes.data};

    if (!read_query(&q))
        return false;
    kad_message_init(message);
    message->kind = KAD_QUERY;
    message->method = q.method;
    message->transaction = q.transaction;
    message->version = q.version;
    memcpy(message->sender.bytes, q.sender, KAD_KRPC_ID);
    message->has_sender = true;
    message->read_only = q.read_only;
    message->want_ipv4 = q.want_ipv4;
    message->want_ipv6 = q.want_ipv6;
    message->token = q.token;
    message->port = q.port;
    message->implied_port = q.implied_port;
    if (q.target) {
        memcpy(message->target.bytes, q.target, KAD_KRPC_ID);
    } else if (q.value.data) {
        message->record.type = KAD_RECORD_IMMUTABLE;
        message->record.value = q.value;
        message->record.key = message->target = kad_krpc_record_key(&message->record);
        message->record_checked = true; /* a string with its shortest length is canonical */
    }
    return true;
}
