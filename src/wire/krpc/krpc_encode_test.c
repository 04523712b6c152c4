#include "wire/krpc/krpc.h"

#include <stdlib.h>
#include <string.h>

#include "base/endpoint.h"
#include "base/test.h"
#include "crypto/test_seed.h"
#include "wire/krpc/record.h"
#include "wire/krpc/test_krpc.h"

#define ID     "abcdefghij0123456789"
#define TARGET "mnopqrstuvwxyz123456"
#define OTHER  "0123456789abcdefghij"
#define V6     "\x20\x01\x48\x60\0\0\0\0\0\0\0\0\0\0\0\x01\x1a\xe1"

#define BYTES(literal) ((struct kad_bytes){(const uint8_t *)(literal), sizeof(literal) - 1})

static struct kad_message message;

static void start(enum kad_message_kind kind, enum kad_method method, const char *sender)
{
    kad_message_init(&message);
    message.kind = kind;
    message.method = method;
    message.transaction = BYTES("aa");
    message.has_sender = true;
    memcpy(message.sender.bytes, sender, KAD_KRPC_ID);
}

static void aim(const char *target)
{
    memcpy(message.target.bytes, target, KAD_KRPC_ID);
}

static void add_contact(const char *id, const struct kad_endpoint *endpoint)
{
    struct kad_contact *contact = &message.contacts[message.n_contacts++];

    memset(contact, 0, sizeof *contact);
    memcpy(contact->id.bytes, id, KAD_KRPC_ID);
    contact->endpoint = *endpoint;
}

/* Byte by byte; and in less room nothing comes out, nor is anything written past it. */
static void expect_bytes(struct kad_bytes expected)
{
    static uint8_t bytes[4096];
    size_t size = kad_krpc.encode(&message, bytes, sizeof bytes);

    EXPECT_EQ(size, expected.size);
    EXPECT_MEM(bytes, expected.data, expected.size);
    for (size_t room = 0; room <= size; room++) {
        uint8_t *exact = malloc(room ? room : 1);

        EXPECT(exact != NULL);
        EXPECT_EQ(kad_krpc.encode(&message, exact, room), room == size ? size : 0);
        free(exact);
    }
}

TEST(queries_of_bep_5)
{
    start(KAD_QUERY, KAD_PING, ID);
    expect_bytes(BYTES("d1:ad2:id20:abcdefghij0123456789e1:q4:ping1:t2:aa1:y1:qe"));
    start(KAD_QUERY, KAD_FIND_NODE, ID);
    aim(TARGET);
    expect_bytes(BYTES(
        "d1:ad2:id20:abcdefghij01234567896:target20:mnopqrstuvwxyz123456e1:q9:find_node1:t2:aa1:y1:qe"));
    start(KAD_QUERY, KAD_GET_PEERS, ID);
    aim(TARGET);
    expect_bytes(BYTES(
        "d1:ad2:id20:abcdefghij01234567899:info_hash20:mnopqrstuvwxyz123456e1:q9:get_peers1:t2:aa1:y1:qe"));
    start(KAD_QUERY, KAD_ANNOUNCE, ID);
    aim(TARGET);
    message.implied_port = true;
    message.port = 6881;
    message.token = BYTES("aoeusnth");
    expect_bytes(BYTES(
        "d1:ad2:id20:abcdefghij012345678912:implied_porti1e9:info_hash20:mnopqrstuvwxyz1234564:porti6881"
        "e5:token8:aoeusnthe1:q13:announce_peer1:t2:aa1:y1:qe"));
}

TEST(replies_of_bep_5)
{
    start(KAD_REPLY, KAD_PING, TARGET);
    expect_bytes(BYTES("d1:rd2:id20:mnopqrstuvwxyz123456e1:t2:aa1:y1:re"));
    start(KAD_REPLY, KAD_GET_PEERS, ID);
    message.token = BYTES("aoeusnth");
    message.peers[0] = kad_endpoint_v4((const uint8_t *)"axje", '.' << 8 | 'u');
    message.peers[1] = kad_endpoint_v4((const uint8_t *)"idht", 'n' << 8 | 'm');
    message.n_peers = 2;
    expect_bytes(
        BYTES("d1:rd2:id20:abcdefghij01234567895:token8:aoeusnth6:valuesl6:axje.u6:idhtnmee1:t2:aa1:y1:re"));
}

TEST(the_error_of_bep_5)
{
    start(KAD_ERROR, KAD_UNKNOWN, ID);
    message.refusal = KAD_REFUSAL_GENERIC;
    message.refusal_text = BYTES("A Generic Error Ocurred");
    expect_bytes(BYTES("d1:eli201e23:A Generic Error Ocurrede1:t2:aa1:y1:ee"));
    message.refusal = KAD_REFUSAL_CAS;
    message.refusal_text = BYTES("");
    expect_bytes(BYTES("d1:eli301e41:CAS mismatch, re-read value and try againe1:t2:aa1:y1:ee"));
}

/* Nodes of both families, ours at the top with "ip" and "v"; keys in bencode's order. */
TEST(a_whole_reply_in_order)
{
    const struct kad_endpoint v4 = kad_endpoint_v4((const uint8_t *)"\1\2\3\4", 6881);
    const struct kad_endpoint v6 = kad_endpoint_v6((const uint8_t *)V6, 6881);

    start(KAD_REPLY, KAD_GET_PEERS, ID);
    message.your_address = v4;
    message.version = BYTES("KD01");
    message.token = BYTES("tok");
    add_contact(OTHER, &v6);
    add_contact(TARGET, &v4);
    message.peers[0] = v6;
    message.n_peers = 1;
    expect_bytes(BYTES("d2:ip6:\1\2\3\4\x1a\xe1"
                       "1:rd2:id20:" ID "5:nodes26:" TARGET "\1\2\3\4\x1a\xe1"
                       "6:nodes638:" OTHER V6 "5:token3:tok6:valuesl18:" V6 "ee1:t2:aa1:v4:KD011:y1:re"));
}

/* An empty list of nodes says "none", where find_node asked; elsewhere nobody needs it. */
TEST(empty_nodes_only_where_they_were_asked_for)
{
    start(KAD_REPLY, KAD_FIND_NODE, ID);
    message.want_ipv4 = true;
    expect_bytes(BYTES("d1:rd2:id20:" ID "5:nodes0:e1:t2:aa1:y1:re"));
    message.want_ipv6 = true;
    expect_bytes(BYTES("d1:rd2:id20:" ID "5:nodes0:6:nodes60:e1:t2:aa1:y1:re"));
    message.want_ipv4 = false;
    expect_bytes(BYTES("d1:rd2:id20:" ID "6:nodes60:e1:t2:aa1:y1:re"));
    message.want_ipv6 = false;
    expect_bytes(BYTES("d1:rd2:id20:" ID "e1:t2:aa1:y1:re"));
    message.method = KAD_GET_PEERS;
    message.want_ipv4 = true;
    expect_bytes(BYTES("d1:rd2:id20:" ID "e1:t2:aa1:y1:re"));
}

TEST(queries_with_everything_in_order)
{
    start(KAD_QUERY, KAD_GET_PEERS, ID);
    aim(TARGET);
    message.no_seeds = message.scrape = message.want_ipv4 = message.want_ipv6 = message.read_only = true;
    message.version = BYTES("KD01");
    expect_bytes(BYTES("d1:ad2:id20:" ID "9:info_hash20:" TARGET
                       "6:noseedi1e6:scrapei1e4:wantl2:n42:n6ee1:q9:get_peers"
                       "2:roi1e1:t2:aa1:v4:KD011:y1:qe"));
    start(KAD_QUERY, KAD_GET, ID);
    aim(TARGET);
    message.has_sequence = true;
    message.sequence = 4;
    expect_bytes(BYTES("d1:ad2:id20:" ID "3:seqi4e6:target20:" TARGET "e1:q3:get1:t2:aa1:y1:qe"));
    start(KAD_QUERY, KAD_SAMPLE, ID);
    aim(TARGET);
    message.want_ipv6 = true;
    expect_bytes(
        BYTES("d1:ad2:id20:" ID "6:target20:" TARGET "4:wantl2:n6ee1:q17:sample_infohashes1:t2:aa1:y1:qe"));
    start(KAD_QUERY, KAD_ANNOUNCE, ID);
    aim(TARGET);
    message.port = 1;
    message.seed = true;
    message.token = BYTES("x");
    expect_bytes(BYTES("d1:ad2:id20:" ID "9:info_hash20:" TARGET
                       "4:porti1e4:seedi1e5:token1:xe1:q13:announce_peer1:t2:aa1:y1:qe"));
}

TEST(puts_of_bep_44)
{
    start(KAD_QUERY, KAD_PUT, ID);
    message.token = BYTES("tok");
    message.record.type = KAD_RECORD_IMMUTABLE;
    message.record.value = BYTES("12:Hello World!");
    expect_bytes(BYTES("d1:ad2:id20:" ID "5:token3:tok1:v12:Hello World!e1:q3:put1:t2:aa1:y1:qe"));
    message.record.type = KAD_RECORD_MUTABLE;
    message.record.sequence = 1;
    message.record.salt = BYTES("foobar");
    memset(message.record.public_key, 'k', sizeof message.record.public_key);
    memset(message.record.signature, 's', sizeof message.record.signature);
    message.has_cas = true;
#define K32 "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk"
#define S64 "ssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssss"
    expect_bytes(BYTES("d1:ad3:casi0e2:id20:" ID "1:k32:" K32 "4:salt6:foobar3:seqi1e3:sig64:" S64
                       "5:token3:tok1:v12:Hello World!e1:q3:put1:t2:aa1:y1:qe"));
    /* The answer to a get names neither salt nor key: who asks knows them. */
    message.kind = KAD_REPLY;
    message.method = KAD_GET;
    expect_bytes(BYTES("d1:rd2:id20:" ID "1:k32:" K32 "3:seqi1e3:sig64:" S64
                       "5:token3:tok1:v12:Hello World!e1:t2:aa1:y1:re"));
    message.record.type = KAD_RECORD_NONE;
    message.has_sequence = true;
    message.sequence = 9;
    expect_bytes(BYTES("d1:rd2:id20:" ID "3:seqi9e5:token3:toke1:t2:aa1:y1:re"));
#undef K32
#undef S64
}

TEST(samples_of_bep_51)
{
    start(KAD_REPLY, KAD_SAMPLE, ID);
    message.has_samples = true;
    expect_bytes(BYTES("d1:rd2:id20:" ID "8:intervali0e3:numi0e7:samples0:e1:t2:aa1:y1:re"));
    message.sample_total = 300;
    message.sample_interval_s = 600;
    message.n_samples = 2;
    message.samples[0] = message.samples[1] = (struct kad_id){{0}};
    memcpy(message.samples[0].bytes, TARGET, KAD_KRPC_ID);
    memcpy(message.samples[1].bytes, OTHER, KAD_KRPC_ID);
    expect_bytes(
        BYTES("d1:rd2:id20:" ID "8:intervali600e3:numi300e7:samples40:" TARGET OTHER "e1:t2:aa1:y1:re"));
}

/* Round trips of random messages. */

static uint8_t pool[4096];

static struct kad_bytes some_bytes(struct kad_rng *rng, uint32_t most)
{
    return (struct kad_bytes){pool + kad_rng_below(rng, 1024), kad_rng_below(rng, most + 1)};
}

static bool coin(struct kad_rng *rng)
{
    return kad_rng_below(rng, 2) == 1;
}

static struct kad_endpoint some_endpoint(struct kad_rng *rng, bool v6)
{
    uint8_t address[16];
    uint16_t port = (uint16_t)(1 + kad_rng_below(rng, UINT16_MAX));

    kad_rng_bytes(rng, address, sizeof address);
    address[0] = (uint8_t)(1 + kad_rng_below(rng, 255));
    return v6 ? kad_endpoint_v6(address, port) : kad_endpoint_v4(address, port);
}

static struct kad_record some_record(struct kad_rng *rng, bool salted)
{
    static const char *const values[] = {"0:", "i-7e", "le", "d1:ai1e1:bl3:abcee", "12:Hello World!"};
    const char *value = values[kad_rng_below(rng, KAD_COUNT_OF(values))];
    struct kad_record record = {.type = coin(rng) ? KAD_RECORD_MUTABLE : KAD_RECORD_IMMUTABLE};

    record.value = (struct kad_bytes){(const uint8_t *)value, strlen(value)};
    if (record.type == KAD_RECORD_MUTABLE) {
        record.sequence = (int64_t)(kad_rng_u64(rng) >> (1 + kad_rng_below(rng, 60)));
        kad_rng_bytes(rng, record.public_key, sizeof record.public_key);
        kad_rng_bytes(rng, record.signature, sizeof record.signature);
        if (salted)
            record.salt = some_bytes(rng, KAD_RECORD_SALT_MAX);
    }
    return record;
}

static void make_query(struct kad_rng *rng)
{
    message.method = (enum kad_method)kad_rng_below(rng, KAD_TAKE); /* which is not spoken */
    message.sender = kad_id_random(rng, 160);
    message.has_sender = true;
    message.read_only = coin(rng);
    message.want_ipv4 = coin(rng);
    message.want_ipv6 = coin(rng);
    if (message.method != KAD_PING)
        message.target = kad_id_random(rng, 160);
    if (message.method == KAD_GET_PEERS) {
        message.no_seeds = coin(rng);
        message.scrape = coin(rng);
    } else if (message.method == KAD_ANNOUNCE) {
        message.token = some_bytes(rng, 40);
        message.port = (uint16_t)(1 + kad_rng_below(rng, UINT16_MAX));
        message.implied_port = coin(rng);
        message.seed = coin(rng);
    } else if (message.method == KAD_GET && coin(rng)) {
        message.has_sequence = true;
        message.sequence = (int64_t)kad_rng_u64(rng);
    } else if (message.method == KAD_PUT) {
        message.token = some_bytes(rng, 40);
        message.record = some_record(rng, true);
        message.target = message.record.key = kad_krpc_record_key(&message.record);
        if (message.record.type == KAD_RECORD_MUTABLE && coin(rng)) {
            message.has_cas = true;
            message.cas = (int64_t)kad_rng_u64(rng);
        }
    }
}

/* The wire has IPv4 first, so they stand first here as well. */
static void make_reply(struct kad_rng *rng)
{
    const uint32_t n_v4 = kad_rng_below(rng, KAD_MESSAGE_CONTACTS / 2),
                   n_v6 = kad_rng_below(rng, KAD_MESSAGE_CONTACTS / 2);

    message.method = KAD_UNKNOWN;
    message.has_sender = coin(rng);
    if (message.has_sender)
        message.sender = kad_id_random(rng, 160);
    if (coin(rng))
        message.your_address = some_endpoint(rng, coin(rng));
    message.token = some_bytes(rng, 40);
    for (; message.n_contacts < n_v4 + n_v6; message.n_contacts++) {
        message.contacts[message.n_contacts].id = kad_id_random(rng, 160);
        message.contacts[message.n_contacts].endpoint = some_endpoint(rng, message.n_contacts >= n_v4);
    }
    for (uint32_t n = coin(rng) ? kad_rng_below(rng, KAD_MESSAGE_PEERS + 1) : 0; message.n_peers < n;
         message.n_peers++)
        message.peers[message.n_peers] = some_endpoint(rng, coin(rng));
    if (coin(rng)) {
        message.has_samples = true;
        message.sample_total = kad_rng_u32(rng);
        message.sample_interval_s = kad_rng_u32(rng);
        for (uint32_t n = kad_rng_below(rng, KAD_MESSAGE_SAMPLES + 1); message.n_samples < n;
             message.n_samples++)
            message.samples[message.n_samples] = kad_id_random(rng, 160);
    }
    if (coin(rng)) {
        message.record = some_record(rng, false);
    } else if (coin(rng)) {
        message.has_sequence = true;
        message.sequence = (int64_t)(kad_rng_u64(rng) >> 1);
    }
    if (coin(rng))
        message.bloom_seeds = pool + kad_rng_below(rng, 256);
    if (coin(rng))
        message.bloom_peers = pool + kad_rng_below(rng, 256);
}

static void make_error(struct kad_rng *rng)
{
    message.method = KAD_UNKNOWN;
    message.refusal = (enum kad_refusal)(1 + kad_rng_below(rng, KAD_REFUSAL_SEQUENCE));
    message.refusal_code = kad_krpc_refusal_code(message.refusal);
    message.refusal_text = some_bytes(rng, 60);
    if (message.refusal_text.size == 0)
        message.refusal_text = BYTES("no");
    if (coin(rng))
        message.your_address = some_endpoint(rng, coin(rng));
}

TEST(what_is_encoded_decodes_to_the_same)
{
    static uint8_t bytes[16384];
    static struct kad_message again;
    struct kad_rng rng = kad_test_rng(5);

    kad_rng_bytes(&rng, pool, sizeof pool);
    for (int round = 0; round < 5000; round++) {
        const char *part;
        size_t size;

        kad_message_init(&message);
        message.kind = (enum kad_message_kind)kad_rng_below(&rng, 3);
        message.transaction = some_bytes(&rng, KAD_KRPC_TRANSACTION);
        message.version = some_bytes(&rng, 6);
        if (message.kind == KAD_QUERY)
            make_query(&rng);
        else if (message.kind == KAD_REPLY)
            make_reply(&rng);
        else
            make_error(&rng);

        size = kad_krpc.encode(&message, bytes, sizeof bytes);
        EXPECT(size > 0);
        EXPECT_MSG(kad_krpc.decode((struct kad_bytes){bytes, size}, KAD_IPV4, &again) == KAD_DECODED,
                   "round %d", round);
        part = different_part(&message, &again);
        EXPECT_MSG(!part, "round %d, method %d: %s differs", round, (int)message.method, part);
    }
}
