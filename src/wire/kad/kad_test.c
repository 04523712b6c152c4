#include "wire/kad/kad.h"

#include <stdlib.h>
#include <string.h>

#include "base/endpoint.h"
#include "base/test.h"
#include "crypto/crypto.h"
#include "crypto/test_seed.h"
#include "kad/engine.h"
#include "wire/kad/fields.h"
#include "wire/kad/test_message.h"

#define SESSION  32   /* bytes of a datagram that are the session's: head and tag */
#define DATAGRAM 1200 /* the largest */

static const uint8_t transaction[4] = {1, 2, 3, 4};

static void start(struct kad_message *message, enum kad_message_kind kind, enum kad_method method)
{
    kad_message_init(message);
    message->kind = kind;
    message->method = method;
    message->transaction = (struct kad_bytes){transaction, sizeof transaction};
}

/* -- any message ------------------------------------------------------------------------------------------------- */

static uint8_t some[4096]; /* what random messages point into */

static struct kad_bytes some_bytes(struct kad_rng *rng, size_t size)
{
    return (struct kad_bytes){some + kad_rng_below(rng, (uint32_t)(sizeof some - size)), size};
}

static struct kad_endpoint some_endpoint(struct kad_rng *rng)
{
    uint8_t address[16];

    kad_rng_bytes(rng, address, sizeof address);
    address[0] = 0x20; /* not IPv4 in IPv6 */
    return kad_rng_below(rng, 2) ? kad_endpoint_v4(address, (uint16_t)kad_rng_u32(rng))
                                 : kad_endpoint_v6(address, (uint16_t)kad_rng_u32(rng));
}

static struct kad_record some_record(struct kad_rng *rng, size_t most)
{
    struct kad_record record = {
        .type = (uint8_t)(1 + kad_rng_below(rng, 255)),
        .many = kad_rng_below(rng, 2),
        .withdrawn = kad_rng_below(rng, 2),
        .sequence = (int64_t)(kad_rng_u64(rng) >> (1 + kad_rng_below(rng, 63))),
        .made_at = (kad_ms)(kad_rng_u64(rng) >> (2 + kad_rng_below(rng, 60))),
        .valid_until =
            kad_rng_below(rng, 4) ? (kad_ms)(kad_rng_u64(rng) >> (2 + kad_rng_below(rng, 60))) : KAD_NEVER,
        .value = some_bytes(rng, kad_rng_below(rng, (uint32_t)most + 1)),
    };

    if (record.sequence == INT64_MAX)
        record.sequence--;
    kad_rng_bytes(rng, record.key.bytes, 32);
    kad_rng_bytes(rng, record.public_key, 32);
    kad_rng_bytes(rng, record.signature, 64);
    return record;
}

static void some_contacts(struct kad_rng *rng, struct kad_message *message)
{
    const unsigned n = kad_rng_below(rng, 12);
    const unsigned n_v4 = kad_rng_below(rng, n + 1); /* IPv4 comes first on the wire */

    while (message->n_contacts < n) {
        const unsigned i = message->n_contacts;
        struct kad_endpoint endpoint = some_endpoint(rng);

        if (endpoint.family != (i < n_v4 ? KAD_IPV4 : KAD_IPV6))
            continue;
        message->identities[i] = some_bytes(rng, 32);
        kad_sha256(message->identities[i].data, 32, message->contacts[i].id.bytes);
        message->contacts[i].endpoint = endpoint;
        message->n_contacts++;
    }
}

static void some_query(struct kad_rng *rng, struct kad_message *message)
{
    const enum kad_method method = message->method;

    if (method == KAD_LEAVE)
        return; /* it has no fields */
    message->read_only = kad_rng_below(rng, 2);
    message->want_ipv4 = kad_rng_below(rng, 2);
    message->want_ipv6 = kad_rng_below(rng, 2);
    message->wants_attest = kad_rng_below(rng, 2);
    if (method != KAD_PING)
        kad_rng_bytes(rng, message->target.bytes, 32);
    if (method == KAD_GET || method == KAD_TAKE) {
        message->record_type = (uint8_t)kad_rng_below(rng, 256);
        message->from = kad_rng_below(rng, 2) ? kad_rng_u32(rng) : 0;
    }
    if (method == KAD_GET) {
        message->has_sequence = kad_rng_below(rng, 2);
        message->sequence = message->has_sequence ? (int64_t)kad_rng_u64(rng) : 0;
    }
    if (method == KAD_PUT) {
        message->token = some_bytes(rng, 1 + kad_rng_below(rng, 32));
        message->record = some_record(rng, 900);
        message->target = message->record.key;
        message->has_cas = kad_rng_below(rng, 2);
        message->cas = message->has_cas ? (int64_t)kad_rng_u64(rng) : 0;
        if (!message->has_cas && !message->wants_attest && kad_rng_below(rng, 2)) {
            message->record = some_record(rng, 100);
            message->target = message->record.key;
            message->n_records = (uint16_t)kad_rng_below(rng, 4);
            for (unsigned i = 0; i < message->n_records; i++)
                message->records[i] = some_record(rng, 100);
        }
    }
    if (method == KAD_TAKE) {
        message->n_records = (uint16_t)kad_rng_below(rng, KAD_MESSAGE_RECORDS + 1);
        for (unsigned i = 0; i < message->n_records; i++) {
            message->records[i] = (struct kad_record){
                .type = 7, .many = true, .key = message->target, .sequence = kad_rng_below(rng, 1000)};
            kad_rng_bytes(rng, message->records[i].public_key, 32);
        }
    }
}

static void some_reply(struct kad_rng *rng, struct kad_message *message)
{
    const enum kad_method method = message->method;

    if (method == KAD_LEAVE)
        return;
    if (kad_rng_below(rng, 2))
        message->your_address = some_endpoint(rng);
    if (method == KAD_FIND_NODE || method == KAD_GET || method == KAD_TAKE)
        some_contacts(rng, message);
    if (method == KAD_PUT || method == KAD_GET || method == KAD_TAKE) {
        message->has_attest = kad_rng_below(rng, 2);
        message->attest =
            (struct kad_attest){.kind = (uint8_t)(1 + kad_rng_below(rng, 3)), .at = kad_rng_u32(rng)};
        kad_rng_bytes(rng, message->attest.digest, 32);
        kad_rng_bytes(rng, message->attest.signature, 64);
    }
    if (method == KAD_PUT && kad_rng_below(rng, 2)) {
        message->n_results = (uint16_t)(2 + kad_rng_below(rng, KAD_MESSAGE_RESULTS - 1));
        for (unsigned i = 0; i < message->n_results; i++)
            message->results[i] = (uint8_t)kad_rng_below(rng, KAD_N_REFUSALS);
    }
    if (method == KAD_GET || method == KAD_TAKE) {
        message->token = some_bytes(rng, kad_rng_below(rng, 33));
        message->has_sequence = kad_rng_below(rng, 2);
        message->sequence = message->has_sequence ? (int64_t)kad_rng_u64(rng) : 0;
        message->from = kad_rng_below(rng, 2) ? kad_rng_u32(rng) : 0;
        if (kad_rng_below(rng, 2)) {
            message->record = some_record(rng, 300);
            message->n_records = (uint16_t)kad_rng_below(rng, 4);
            for (unsigned i = 0; i < message->n_records; i++)
                message->records[i] = some_record(rng, 300);
        } else if (kad_rng_below(rng, 2)) {
            message->has_ghost = true;
            message->ghost = some_record(rng, 0);
            message->ghost.hashed = true;
            message->ghost.value = some_bytes(rng, 32);
        }
    }
}

static void some_error(struct kad_rng *rng, struct kad_message *message)
{
    message->refusal_code = (int32_t)(1 + kad_rng_below(rng, KAD_N_REFUSALS - 1));
    message->refusal = (enum kad_refusal)message->refusal_code;
    message->refusal_text = some_bytes(rng, kad_rng_below(rng, KAD_WIRE_TEXT_MAX + 1));
    message->has_sequence = kad_rng_below(rng, 2);
    message->sequence = message->has_sequence ? (int64_t)kad_rng_u64(rng) : 0;
}

static void some_message(struct kad_rng *rng, struct kad_message *message)
{
    static const enum kad_method methods[] = {KAD_PING, KAD_FIND_NODE, KAD_GET, KAD_PUT, KAD_TAKE, KAD_LEAVE};
    const enum kad_message_kind kind = (enum kad_message_kind)kad_rng_below(rng, 3);

    start(message, kind, methods[kad_rng_below(rng, KAD_COUNT_OF(methods))]);
    if (kind == KAD_QUERY)
        some_query(rng, message);
    else if (kind == KAD_REPLY)
        some_reply(rng, message);
    else
        some_error(rng, message);
}

/* What goes out comes in, and has one form: written again it is the same bytes. Zeros behind it are padding. */
TEST(any_message_comes_back)
{
    static struct kad_message message, again;
    static uint8_t bytes[4096], twice[4096];

    for (uint64_t seed = 1; seed <= 4000; seed++) {
        struct kad_rng rng = kad_test_rng(seed);
        const char *part;
        size_t size, padded;

        kad_rng_bytes(&rng, some, sizeof some);
        some_message(&rng, &message);
        size = kad_wire.encode(&message, bytes, sizeof bytes - 100);
        EXPECT_MSG(size > 0, "seed %llu: does not fit", (unsigned long long)seed);
        padded = size + kad_rng_below(&rng, 100);
        memset(bytes + size, 0, padded - size);
        EXPECT_MSG(kad_wire.decode((struct kad_bytes){bytes, padded}, KAD_IPV4, &again) == KAD_DECODED,
                   "seed %llu: does not decode", (unsigned long long)seed);
        part = wire_different_part(&message, &again);
        EXPECT_MSG(!part, "seed %llu: %s", (unsigned long long)seed, part ? part : "");
        EXPECT_EQ(kad_wire.encode(&again, twice, sizeof twice), size);
        EXPECT_MEM(bytes, twice, size);
    }
}

/* A byte too few is noticed where it is missing; no room at all writes nothing past its end. */
TEST(what_is_cut_off_is_refused_or_another_message)
{
    static struct kad_message message, again;
    static uint8_t bytes[4096];

    for (uint64_t seed = 1; seed <= 200; seed++) {
        struct kad_rng rng = kad_test_rng(seed);
        size_t size;

        kad_rng_bytes(&rng, some, sizeof some);
        some_message(&rng, &message);
        size = kad_wire.encode(&message, bytes, sizeof bytes);
        for (size_t n = 0; n < size; n++) {
            uint8_t *exact = malloc(n + 1); /* what is read or written past it, a sanitizer sees */

            EXPECT(exact);
            memcpy(exact, bytes, n);
            if (kad_wire.decode((struct kad_bytes){exact, n}, KAD_IPV4, &again) == KAD_DECODED)
                EXPECT(wire_different_part(&message, &again) != NULL);
            EXPECT(kad_wire.encode(&message, exact, n) <= n);
            free(exact);
        }
    }
}

/* -- sizes ------------------------------------------------------------------------------------------------------- */

/* K37, and with the padding of sessions to 64 bytes both are 64. */
TEST(ping_and_pong_are_small)
{
    struct kad_message message;
    uint8_t bytes[DATAGRAM];
    const uint8_t v6[16] = {0x20, 1};

    start(&message, KAD_QUERY, KAD_PING);
    EXPECT(kad_wire.encode(&message, bytes, sizeof bytes) + SESSION <= 64);
    message.read_only = true;
    EXPECT(kad_wire.encode(&message, bytes, sizeof bytes) + SESSION <= 64);
    start(&message, KAD_REPLY, KAD_PING);
    message.your_address = kad_endpoint_v6(v6, 4242);
    EXPECT(kad_wire.encode(&message, bytes, sizeof bytes) + SESSION <= 64);
    message.role = KAD_ROLE_RELAY;
    EXPECT(kad_wire.encode(&message, bytes, sizeof bytes) + SESSION <= 64);
}

static void name_contacts(struct kad_message *message, unsigned n, enum kad_family family)
{
    static const uint8_t key[32] = {7};
    const uint8_t address[16] = {0x20, 1};

    for (unsigned i = 0; i < n; i++) {
        const unsigned at = message->n_contacts++;

        message->identities[at] = (struct kad_bytes){key, sizeof key};
        message->contacts[at].endpoint =
            family == KAD_IPV4 ? kad_endpoint_v4(address, 4242) : kad_endpoint_v6(address, 4242);
    }
}

static unsigned count_contacts(const uint8_t *bytes, size_t size, enum kad_family family)
{
    static struct kad_message again;
    unsigned n = 0;

    EXPECT_EQ(kad_wire.decode((struct kad_bytes){bytes, size}, KAD_IPV4, &again), KAD_DECODED);
    for (unsigned i = 0; i < again.n_contacts; i++)
        n += again.contacts[i].endpoint.family == family;
    return n;
}

/* K38: the request in at most 150 bytes, 20 contacts of 256-bit ids in one datagram of 1,200, of either family, with the token of
 * a get beside them. */
TEST(twenty_contacts_fit_one_datagram)
{
    static struct kad_message message;
    uint8_t bytes[DATAGRAM];
    const uint8_t token[8] = {0}, v6[16] = {0x20, 1};

    start(&message, KAD_QUERY, KAD_FIND_NODE);
    message.want_ipv4 = message.want_ipv6 = true;
    EXPECT(kad_wire.encode(&message, bytes, sizeof bytes) + SESSION <= 128);
    for (unsigned family = KAD_IPV4; family <= KAD_IPV6; family += 2) {
        size_t size;

        start(&message, KAD_REPLY, KAD_GET);
        message.your_address = kad_endpoint_v6(v6, 4242);
        message.token = (struct kad_bytes){token, sizeof token};
        name_contacts(&message, 20, (enum kad_family)family);
        size = kad_wire.encode(&message, bytes, DATAGRAM - SESSION);
        EXPECT_EQ(count_contacts(bytes, size, (enum kad_family)family), 20);
    }
}

/* Contacts that do not fit are left out, of both families alike. */
TEST(contacts_take_the_room_there_is)
{
    static struct kad_message message;
    uint8_t bytes[DATAGRAM];
    size_t size;

    start(&message, KAD_REPLY, KAD_FIND_NODE);
    name_contacts(&message, 20, KAD_IPV4);
    name_contacts(&message, 20, KAD_IPV6);
    size = kad_wire.encode(&message, bytes, DATAGRAM - SESSION);
    EXPECT(size > DATAGRAM - SESSION - KAD_WIRE_CONTACT_V6);
    EXPECT_EQ(count_contacts(bytes, size, KAD_IPV4), 13);
    EXPECT_EQ(count_contacts(bytes, size, KAD_IPV6), 13);
    for (size_t room = 0; room < 200; room++) {
        size = kad_wire.encode(&message, bytes, room);
        EXPECT(size <= room && (size > 0) == (room >= KAD_WIRE_HEAD));
    }
}

/* A contact whose key nobody knows cannot be spoken to. */
TEST(a_contact_without_a_key_is_not_named)
{
    static struct kad_message message;
    uint8_t bytes[DATAGRAM];

    start(&message, KAD_REPLY, KAD_FIND_NODE);
    name_contacts(&message, 3, KAD_IPV4);
    message.identities[1].size = 0;
    EXPECT_EQ(count_contacts(bytes, kad_wire.encode(&message, bytes, sizeof bytes), KAD_IPV4), 2);
}

/* The largest value goes into one datagram of a session, asked for and put. */
TEST(the_largest_value_fits_one_datagram)
{
    static struct kad_message message;
    static const uint8_t value[KAD_SECURE_VALUE_MAX];
    uint8_t bytes[DATAGRAM];
    const uint8_t v6[16] = {0x20, 1};
    struct kad_rng rng = kad_test_rng(1);

    start(&message, KAD_QUERY, KAD_PUT);
    message.token = (struct kad_bytes){value, KAD_WIRE_TOKEN_MAX};
    message.record = some_record(&rng, 0);
    message.record.value = (struct kad_bytes){value, sizeof value};
    message.has_cas = true;
    EXPECT(kad_wire.encode(&message, bytes, 1152 - SESSION) > 0);
    message.kind = KAD_REPLY;
    message.method = KAD_GET;
    message.your_address = kad_endpoint_v6(v6, 4242);
    message.token.size = 8;
    EXPECT(kad_wire.encode(&message, bytes, 1152 - SESSION) > 0);
}

/* -- values of a key --------------------------------------------------------------------------------------------- */

/* The first always; others as long as the closest contacts have room; the rest is asked for from where it goes on. */
TEST(values_that_do_not_fit_are_asked_for_again)
{
    static struct kad_message message, again;
    const uint32_t places[] = {22, 33, 44, 55};
    uint8_t bytes[DATAGRAM];
    struct kad_rng rng = kad_test_rng(2);
    size_t size;

    start(&message, KAD_REPLY, KAD_GET);
    message.record = some_record(&rng, 0);
    message.record.value = (struct kad_bytes){some, 128};
    message.n_records = 4;
    for (unsigned i = 0; i < 4; i++)
        message.records[i] = message.record;
    message.from = 66;
    name_contacts(&message, 20, KAD_IPV4);
    EXPECT_EQ(kad_wire.encode(&message, bytes, DATAGRAM - SESSION), 0); /* nothing says where to go on */
    message.has_places = true;
    memcpy(message.places, places, sizeof places);
    size = kad_wire.encode(&message, bytes, DATAGRAM - SESSION);
    EXPECT_EQ(kad_wire.decode((struct kad_bytes){bytes, size}, KAD_IPV4, &again), KAD_DECODED);
    EXPECT_EQ(again.n_records, 1); /* and `record` */
    EXPECT_EQ(again.from, 33);
    EXPECT(again.n_contacts >= 8);
    message.n_contacts = 0;
    size = kad_wire.encode(&message, bytes, DATAGRAM - SESSION);
    EXPECT_EQ(kad_wire.decode((struct kad_bytes){bytes, size}, KAD_IPV4, &again), KAD_DECODED);
    EXPECT_EQ(again.n_records, 3);
    EXPECT_EQ(again.from, 55);
    size = kad_wire.encode(&message, bytes, 300); /* not even the second */
    EXPECT_EQ(kad_wire.decode((struct kad_bytes){bytes, size}, KAD_IPV4, &again), KAD_DECODED);
    EXPECT_EQ(again.n_records, 0);
    EXPECT_EQ(again.from, 22);
}

/* K-anonymity: of what is asked for only the prefix leaves the machine, and more is refused. */
TEST(a_prefix_query_hides_the_rest)
{
    struct kad_message message, again;
    uint8_t bytes[DATAGRAM];

    for (unsigned bits = 1; bits < 256; bits++) {
        size_t size;

        start(&message, KAD_QUERY, KAD_GET);
        memset(message.target.bytes, 0xff, 32);
        message.prefix_bits = (uint8_t)bits;
        size = kad_wire.encode(&message, bytes, sizeof bytes);
        EXPECT_EQ(kad_wire.decode((struct kad_bytes){bytes, size}, KAD_IPV4, &again), KAD_DECODED);
        for (unsigned bit = 0; bit < 256; bit++)
            EXPECT_EQ(again.target.bytes[bit / 8] >> (7 - bit % 8) & 1, bit < bits);
        bytes[KAD_WIRE_HEAD + 3 + bits / 8] |= (uint8_t)(0x80 >> bits % 8);
        EXPECT_EQ(kad_wire.decode((struct kad_bytes){bytes, size}, KAD_IPV4, &again), KAD_DECODE_BAD_QUERY);
    }
}

/* -- strictness -------------------------------------------------------------------------------------------------- */

#define BYTES(...) \
    ((struct kad_bytes){(const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__})})

TEST(what_is_malformed)
{
    const struct kad_bytes wrong[] = {
        {NULL, 0},
        BYTES(1, 0, 0, 0),                            /* no whole transaction */
        BYTES(0xc1, 0, 0, 0, 0),                      /* a fourth kind */
        BYTES(1, 0, 0, 0, 0, 0, 1),                   /* padding that is not zero */
        BYTES(1, 0, 0, 0, 0, 2),                      /* a tag without a length */
        BYTES(1, 0, 0, 0, 0, 2, 0),                   /* half a length */
        BYTES(1, 0, 0, 0, 0, 2, 0, 1),                /* no value */
        BYTES(1, 0, 0, 0, 0, 2, 0, 2, 1, 0),          /* two bytes of flags */
        BYTES(1, 0, 0, 0, 0, 2, 0, 1, 1, 2, 0, 1, 1), /* twice */
        BYTES(1, 0, 0, 0, 0, 3, 0, 1, 1, 2, 0, 1, 1), /* descending */
        BYTES(1, 0, 0, 0, 0, 19, 0, 0),               /* must be known, and is not */
        BYTES(0x41, 0, 0, 0, 0, 2, 0, 1, 1),          /* flags in a reply */
        BYTES(0x40, 0, 0, 0, 0),                      /* a reply to no method */
        BYTES(0x47, 0, 0, 0, 0),                      /* or to one that we never ask */
        BYTES(0x81, 0, 0, 0, 0),                      /* an error without a refusal */
        BYTES(0x81, 0, 0, 0, 0, 9, 0, 1, 0),          /* or with none */
    };
    struct kad_message message;

    for (unsigned i = 0; i < KAD_COUNT_OF(wrong); i++)
        EXPECT_MSG(kad_wire.decode(wrong[i], KAD_IPV4, &message) == KAD_DECODE_MALFORMED, "case %u", i);
}

/* Whole, but not what we answer: the sender is told. */
TEST(what_is_refused)
{
    const struct {
        struct kad_bytes bytes;
        enum kad_refusal refusal;
    } wrong[] = {
        {BYTES(0, 0, 0, 0, 9), KAD_REFUSAL_METHOD},
        {BYTES(7, 0, 0, 0, 9), KAD_REFUSAL_METHOD},
        {BYTES(63, 0, 0, 0, 9), KAD_REFUSAL_METHOD},
        {BYTES(2, 0, 0, 0, 9), KAD_REFUSAL_PROTOCOL},              /* no target */
        {BYTES(1, 0, 0, 0, 9, 2, 0, 1, 0), KAD_REFUSAL_PROTOCOL},  /* flags without a flag */
        {BYTES(1, 0, 0, 0, 9, 2, 0, 1, 16), KAD_REFUSAL_PROTOCOL}, /* a flag that means nothing */
        {BYTES(1, 0, 0, 0, 9, 3, 0, 1, 1), KAD_REFUSAL_PROTOCOL},  /* a class to ping */
        {BYTES(4, 0, 0, 0, 9, 8, 0, 1, 1), KAD_REFUSAL_PROTOCOL},  /* a put of nothing */
        {BYTES(1, 0, 0, 0, 9, 15, 0, 4, 0, 0, 0, 1), KAD_REFUSAL_PROTOCOL},
        {BYTES(6, 0, 0, 0, 9, 2, 0, 1, 1), KAD_REFUSAL_PROTOCOL}, /* flags of one that leaves */
    };
    struct kad_message message;

    for (unsigned i = 0; i < KAD_COUNT_OF(wrong); i++) {
        EXPECT_MSG(kad_wire.decode(wrong[i].bytes, KAD_IPV4, &message) == KAD_DECODE_BAD_QUERY, "case %u", i);
        EXPECT_EQ(message.refusal, wrong[i].refusal);
        EXPECT_EQ(message.transaction.data[3], 9);
    }
}

/* What later versions add: an even tag is theirs to add. */
TEST(an_unknown_even_tag_is_skipped)
{
    struct kad_message message;

    EXPECT_EQ(kad_wire.decode(BYTES(1, 0, 0, 0, 0, 20, 0, 2, 5, 5, 0, 0), KAD_IPV4, &message), KAD_DECODED);
    EXPECT_EQ(message.method, KAD_PING);
}

/* T11: told in two kinds of answers; a role that is not known yet is none. */
TEST(a_role_is_told)
{
    static const enum kad_method methods[] = {KAD_PING, KAD_FIND_NODE, KAD_GET};
    struct kad_message message, again;
    uint8_t bytes[DATAGRAM];

    for (unsigned i = 0; i < KAD_COUNT_OF(methods); i++) {
        size_t size;

        start(&message, KAD_REPLY, methods[i]);
        message.role = KAD_ROLE_RELAY;
        size = kad_wire.encode(&message, bytes, sizeof bytes);
        EXPECT_EQ(kad_wire.decode((struct kad_bytes){bytes, size}, KAD_IPV4, &again), KAD_DECODED);
        EXPECT_EQ(again.role, methods[i] == KAD_GET ? KAD_ROLE_REGULAR : KAD_ROLE_RELAY);
    }
    EXPECT_EQ(kad_wire.decode(BYTES(0x41, 0, 0, 0, 0, 18, 0, 1, 77), KAD_IPV4, &again), KAD_DECODED);
    EXPECT_EQ(again.role, KAD_ROLE_REGULAR);
    EXPECT_EQ(kad_wire.decode(BYTES(1, 0, 0, 0, 9, 18, 0, 1, 2), KAD_IPV4, &again),
              KAD_DECODE_BAD_QUERY); /* of queries */
}

TEST(other_networks_methods_are_not_spoken)
{
    static const enum kad_method methods[] = {KAD_GET_PEERS, KAD_ANNOUNCE, KAD_SAMPLE, KAD_UNKNOWN};
    struct kad_message message;
    uint8_t bytes[64];

    for (unsigned i = 0; i < KAD_COUNT_OF(methods); i++) {
        start(&message, KAD_QUERY, methods[i]);
        EXPECT_EQ(kad_wire.encode(&message, bytes, sizeof bytes), 0);
        start(&message, KAD_ERROR, methods[i]); /* but refused */
        message.refusal = KAD_REFUSAL_METHOD;
        EXPECT(kad_wire.encode(&message, bytes, sizeof bytes) > 0);
    }
}
