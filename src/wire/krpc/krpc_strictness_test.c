/* What is refused, what is dropped, and what is forgiven. */
#include <stdio.h>
#include <stdlib.h>

#include "crypto/test_seed.h"
#include "wire/krpc/test_decode.h"

/* A query good enough to be answered with an error, and with which. */
static void expect_refusal(struct kad_bytes bytes, enum kad_refusal refusal, int code)
{
    EXPECT_EQ(decode(bytes), KAD_DECODE_BAD_QUERY);
    EXPECT_EQ(message.kind, KAD_QUERY);
    EXPECT(is_text(message.transaction, "aa"));
    EXPECT_EQ(message.refusal, refusal);
    EXPECT_EQ(message.refusal_code, code);
    EXPECT(message.refusal_text.size > 0);
}

TEST(unknown_methods_with_a_target_are_answered)
{
    expect_query(QUERY("6:target20:" TARGET, "4:vote"), KAD_UNKNOWN);
    EXPECT(is_id(&message.target, TARGET));
    expect_query(QUERY("9:info_hash20:" TARGET, "9:find_peer"), KAD_UNKNOWN);
    EXPECT(is_id(&message.target, TARGET));
    expect_refusal(QUERY("", "5:quack"), KAD_REFUSAL_METHOD, 204);
    expect_refusal(QUERY("6:target3:abc", "0:"), KAD_REFUSAL_METHOD, 204);
}

TEST(broken_queries_are_refused_with_the_code_they_deserve)
{
    static char big[2048];
    int size;

    expect_refusal(BYTES("d1:q4:ping1:t2:aa1:y1:qe"), KAD_REFUSAL_PROTOCOL, 203);
    expect_refusal(BYTES("d1:ai1e1:q4:ping1:t2:aa1:y1:qe"), KAD_REFUSAL_PROTOCOL, 203);
    expect_refusal(BYTES("d1:ad2:id20:" ID "e1:t2:aa1:y1:qe"), KAD_REFUSAL_PROTOCOL, 203);
    expect_refusal(BYTES("d1:ad2:id3:abce1:q4:ping1:t2:aa1:y1:qe"), KAD_REFUSAL_PROTOCOL, 203);
    expect_refusal(BYTES("d1:ad2:idi1ee1:q4:ping1:t2:aa1:y1:qe"), KAD_REFUSAL_PROTOCOL, 203);
    expect_refusal(QUERY("", "9:find_node"), KAD_REFUSAL_PROTOCOL, 203);
    expect_refusal(QUERY("6:target19:mnopqrstuvwxyz12345", "9:find_node"), KAD_REFUSAL_PROTOCOL, 203);
    expect_refusal(QUERY("6:target20:" TARGET, "9:get_peers"), KAD_REFUSAL_PROTOCOL, 203);
    expect_refusal(QUERY("", "3:get"), KAD_REFUSAL_PROTOCOL, 203);
    expect_refusal(QUERY("", "17:sample_infohashes"), KAD_REFUSAL_PROTOCOL, 203);
    expect_refusal(QUERY("4:porti1e5:token1:x", "13:announce_peer"), KAD_REFUSAL_PROTOCOL, 203);
    expect_refusal(QUERY("9:info_hash20:" TARGET "4:porti1e", "13:announce_peer"), KAD_REFUSAL_PROTOCOL, 203);
    expect_refusal(QUERY("9:info_hash20:" TARGET "5:token1:x", "13:announce_peer"), KAD_REFUSAL_PROTOCOL,
                   203);
    expect_refusal(QUERY("9:info_hash20:" TARGET "4:porti0e5:token1:x", "13:announce_peer"),
                   KAD_REFUSAL_PROTOCOL, 203);
    expect_refusal(QUERY("9:info_hash20:" TARGET "4:porti65536e5:token1:x", "13:announce_peer"),
                   KAD_REFUSAL_PROTOCOL, 203);
    expect_refusal(QUERY("1:v1:x", "3:put"), KAD_REFUSAL_PROTOCOL, 203);
    expect_refusal(QUERY("5:token1:x", "3:put"), KAD_REFUSAL_PROTOCOL, 203);
    expect_refusal(QUERY("5:token1:x1:vd1:bi0e1:ai0ee", "3:put"), KAD_REFUSAL_PROTOCOL, 203);
    expect_refusal(QUERY("1:k3:abc3:seqi1e3:sig64:" SIG_44 "5:token1:x1:v1:x", "3:put"), KAD_REFUSAL_PROTOCOL,
                   203);
    expect_refusal(QUERY("1:k32:" KEY_44 "3:seqi1e5:token1:x1:v1:x", "3:put"), KAD_REFUSAL_PROTOCOL, 203);
    expect_refusal(QUERY("1:k32:" KEY_44 "3:sig64:" SIG_44 "5:token1:x1:v1:x", "3:put"), KAD_REFUSAL_PROTOCOL,
                   203);
    expect_refusal(QUERY("1:k32:" KEY_44 "3:seqi-1e3:sig64:" SIG_44 "5:token1:x1:v1:x", "3:put"),
                   KAD_REFUSAL_PROTOCOL, 203);
    expect_refusal(
        QUERY("1:k32:" KEY_44 "3:seqi9223372036854775808e3:sig64:" SIG_44 "5:token1:x1:v1:x", "3:put"),
        KAD_REFUSAL_PROTOCOL, 203);
    expect_refusal(QUERY("1:k32:" KEY_44 "4:salt65:" ID ID ID "12345"
                         "3:seqi1e3:sig64:" SIG_44 "5:token1:x1:v1:x",
                         "3:put"),
                   KAD_REFUSAL_SALT_TOO_BIG, 207);

    size = snprintf(big, sizeof big, "d1:ad2:id20:" ID "5:token1:x1:v997:%0997de1:q3:put1:t2:aa1:y1:qe", 0);
    expect_refusal((struct kad_bytes){(const uint8_t *)big, (size_t)size}, KAD_REFUSAL_TOO_BIG, 205);
    size = snprintf(big, sizeof big, "d1:ad2:id20:" ID "5:token1:x1:v996:%0996de1:q3:put1:t2:aa1:y1:qe", 0);
    expect_query((struct kad_bytes){(const uint8_t *)big, (size_t)size}, KAD_PUT);
    EXPECT_EQ(message.record.value.size, KAD_RECORD_VALUE_MAX);
}

/* With implied_port the port is the datagram's, whatever stands in the query; libtorrent ignores it too. */
TEST(an_implied_port_needs_no_port)
{
    expect_query(QUERY("12:implied_porti1e9:info_hash20:" TARGET "5:token1:x", "13:announce_peer"),
                 KAD_ANNOUNCE);
    EXPECT(message.implied_port);
    EXPECT_EQ(message.port, 0);
    expect_query(QUERY("12:implied_porti1e9:info_hash20:" TARGET "4:porti0e5:token1:x", "13:announce_peer"),
                 KAD_ANNOUNCE);
}

TEST(what_is_no_message_gets_no_answer)
{
    static const char *const cases[] = {
        "",
        "e",
        "d",
        "de",
        "le",
        "i1e",
        "4:spam",
        "hello",
        "GET / HTTP/1.0\r\n\r\n",
        "d1:y1:qe",       /* no transaction */
        "d1:ti1e1:y1:qe", /* not as a string */
        "d1:t2:aae",      /* of no kind */
        "d1:t2:aa1:y1:xe",
        "d1:t2:aa1:y2:qqe",
        "d1:t2:aa1:yi1ee",
        "d1:t2:aa1:y1:re",
        "d1:ri1e1:t2:aa1:y1:re",             /* a reply of nothing */
        "d1:ad2:id20:" ID "e1:t2:aa1:y1:re", /* a reply made of arguments */
        "d1:ad2:id20:" ID "e1:q4:ping1:t65:" ID ID ID "12345"
        "1:y1:qe", /* a transaction nobody needs */
        "d1:ad2:id20:" ID "1:q4:ping1:t2:aa1:y1:qe",
    };

    for (size_t i = 0; i < KAD_COUNT_OF(cases); i++)
        EXPECT_MSG(decode((struct kad_bytes){(const uint8_t *)cases[i], strlen(cases[i])}) ==
                       KAD_DECODE_MALFORMED,
                   "%s", cases[i]);
}

TEST(transactions_of_any_bearable_length_are_kept)
{
    EXPECT_EQ(decode(BYTES("d1:ad2:id20:" ID "e1:q4:ping1:t0:1:y1:qe")), KAD_DECODED);
    EXPECT_EQ(message.transaction.size, 0);
    EXPECT_EQ(decode(BYTES("d1:ad2:id20:" ID "e1:q4:ping1:t64:" ID ID ID "1234"
                           "1:y1:qe")),
              KAD_DECODED);
    EXPECT_EQ(message.transaction.size, 64);
}

/* Contacts that cannot be spoken to are left out; IPv4 in disguise would dodge whoever filters "nodes". */
TEST(impossible_endpoints_are_left_out)
{
    expect_reply(REPLY("5:nodes78:" OTHER "\x01\x02\x03\x04\0\0" OTHER "\0\0\0\0\x1a\xe1" NODE_V4));
    EXPECT_EQ(message.n_contacts, 1);
    expect_reply(REPLY("6:nodes6114:" OTHER "\0\0\0\0\0\0\0\0\0\0\xff\xff\x01\x02\x03\x04\x1a\xe1" OTHER
                       "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x1a\xe1" NODE_V6));
    EXPECT_EQ(message.n_contacts, 1);
    expect_endpoint(&message.contacts[0].endpoint, "[2001:4860::1]:6881");
    expect_reply(REPLY("6:valuesl6:\x01\x02\x03\x04\0\0"
                       "6:\0\0\0\0\x1a\xe1"
                       "4:abcdi1elee"));
    EXPECT_EQ(message.n_peers, 0);
}

/* A tail that makes no node is ignored, and so is what passes our ceilings: bittorrent-dht sends whole tables. */
TEST(more_than_we_hold_is_cut)
{
    static char text[16384];
    size_t size = 0, n = 3 * KAD_MESSAGE_CONTACTS;

    size += (size_t)sprintf(text + size, "d1:rd2:id20:" ID "5:nodes%zu:", n * 26 + 5);
    for (size_t i = 0; i < n; i++) {
        memcpy(text + size, NODE_V4, 26);
        size += 26;
    }
    size += (size_t)sprintf(text + size, "extra7:samples%d:", 20 * (KAD_MESSAGE_SAMPLES + 9));
    for (size_t i = 0; i < KAD_MESSAGE_SAMPLES + 9; i++)
        size += (size_t)sprintf(text + size, TARGET);
    size += (size_t)sprintf(text + size, "6:valuesl");
    for (size_t i = 0; i < KAD_MESSAGE_PEERS + 9; i++)
        size += (size_t)sprintf(text + size, "6:axje.u");
    size += (size_t)sprintf(text + size, "ee1:t2:aa1:y1:re");
    expect_reply((struct kad_bytes){(const uint8_t *)text, size});
    EXPECT_EQ(message.n_contacts, KAD_MESSAGE_CONTACTS);
    EXPECT_EQ(message.n_samples, KAD_MESSAGE_SAMPLES);
    EXPECT_EQ(message.n_peers, KAD_MESSAGE_PEERS);
}

/* What real clients do, and none of it is a reason to be silent. */
TEST(sloppy_clients_are_understood)
{
    /* Scripts that write keys in the order they think of them. jech's dht finds its keys by search, libtorrent keeps
     * unsorted keys as a "soft error". */
    expect_query(BYTES("d1:y1:q1:t2:aa1:q9:find_node1:ad6:target20:" TARGET "2:id20:" ID "ee"),
                 KAD_FIND_NODE);
    /* Whole buffers sent, zeros behind; libtorrent, jech's dht and aria2 stop where the message does. */
    expect_query(BYTES("d1:ad2:id20:" ID "e1:q4:ping1:t2:aa1:y1:qe\0\0\0\0"), KAD_PING);
    /* libtorrent: "n" names the torrent, "p" mirrors the port, "r" stands even in an error. */
    expect_query(QUERY("9:info_hash20:" TARGET "1:n5:a.iso4:porti1e4:seedi0e5:token1:x", "13:announce_peer"),
                 KAD_ANNOUNCE);
    expect_reply(REPLY("1:pi6881e"));
    EXPECT_EQ(decode(BYTES("d1:eli203e13:invalid tokene1:rd2:id20:" ID "1:pi6881ee1:t2:aa1:v4:LT\x02\0"
                           "1:y1:ee")),
              KAD_DECODED);
    EXPECT_EQ(message.refusal, KAD_REFUSAL_PROTOCOL);
    EXPECT(message.has_sender && is_id(&message.sender, ID));
    EXPECT_EQ(message.version.size, 4);
    /* k-rpc-socket (npm) puts the text of an Error alone into the list; others send no list. */
    EXPECT_EQ(decode(BYTES("d1:el7:no ideae1:t2:aa1:y1:ee")), KAD_DECODED);
    EXPECT(is_text(message.refusal_text, "no idea"));
    EXPECT_EQ(message.refusal_code, 201);
    EXPECT_EQ(decode(BYTES("d1:ei301e1:t2:aa1:y1:ee")), KAD_DECODED);
    EXPECT_EQ(message.refusal, KAD_REFUSAL_CAS);
    EXPECT_EQ(decode(BYTES("d1:e7:no idea1:t2:aa1:y1:ee")), KAD_DECODED);
    EXPECT(is_text(message.refusal_text, "no idea"));
    EXPECT_EQ(decode(BYTES("d1:t2:aa1:y1:ee")), KAD_DECODED);
    EXPECT_EQ(message.refusal, KAD_REFUSAL_GENERIC);
    /* The first BitTorrent put its peers into one string ("mainline format" in libtorrent). */
    expect_reply(REPLY("6:valuesl12:axje.uidhtnme"));
    EXPECT_EQ(message.n_peers, 2);
    expect_endpoint(&message.peers[1], "105.100.104.116:28269");
    EXPECT_EQ(kad_krpc.decode(REPLY("6:valuesl12:axje.uidhtnme"), KAD_IPV6, &message), KAD_DECODED);
    EXPECT_EQ(message.n_peers, 0);
    /* The first draft of BEP 32 had "want" as a string. */
    expect_query(QUERY("6:target20:" TARGET "4:want2:n6", "9:find_node"), KAD_FIND_NODE);
    EXPECT(message.want_ipv6 && !message.want_ipv4);
    /* Zeros before lengths and numbers. */
    expect_query(BYTES("d01:ad2:id020:" ID "e1:q04:ping1:t2:aa1:y1:qe"), KAD_PING);
    expect_query(QUERY("9:info_hash20:" TARGET "4:porti06881e5:token1:x", "13:announce_peer"), KAD_ANNOUNCE);
    EXPECT_EQ(message.port, 6881);
    /* Keys from the future, of any type. */
    expect_query(BYTES("d1:ad2:id20:" ID "3:newld1:xi1eeee2:zzi99999999999999999999e1:q4:ping1:t2:aa1:y1:qe"),
                 KAD_PING);
    /* No id in an answer: core decides. */
    EXPECT_EQ(decode(BYTES("d1:rde1:t2:aa1:y1:re")), KAD_DECODED);
    EXPECT(!message.has_sender);
}

TEST(of_a_repeated_key_the_first_counts)
{
    expect_query(BYTES("d1:ad2:id20:" ID "2:id20:" OTHER "e1:ad2:id20:" OTHER
                       "e1:q4:ping1:q9:find_node1:t2:aa1:t2:bb1:y1:q1:y1:re"),
                 KAD_PING);
}

static const struct {
    const char *text;
    size_t size;
} vectors[] = {
#define VECTOR(literal)              \
    {                                \
        literal, sizeof(literal) - 1 \
    }
    VECTOR("d1:ad2:id20:" ID "e1:q4:ping2:roi1e1:t2:aa1:v4:LT\x02\x08"
           "1:y1:qe"),
    VECTOR("d1:ad2:id20:" ID "6:target20:" TARGET "4:wantl2:n42:n6ee1:q9:find_node1:t2:aa1:y1:qe"),
    VECTOR("d1:ad2:id20:" ID "9:info_hash20:" TARGET "6:noseedi1e6:scrapei1ee1:q9:get_peers1:t2:aa1:y1:qe"),
    VECTOR("d1:ad2:id20:" ID "12:implied_porti1e9:info_hash20:" TARGET
           "4:porti6881e4:seedi1e5:token8:aoeusnthe1:q13:announce_peer1:t2:aa1:y1:qe"),
    VECTOR("d1:ad3:casi-5e2:id20:" ID "1:k32:" KEY_44 "4:salt6:foobar3:seqi1e3:sig64:" SIG_44
           "5:token3:tok1:vd1:ali1e3:abce1:b0:ee1:q3:put1:t2:aa1:y1:qe"),
    VECTOR("d1:ad2:id20:" ID "3:seqi4e6:target20:" TARGET "e1:q3:get1:t2:aa1:y1:qe"),
    VECTOR("d1:ad2:id20:" ID "6:target20:" TARGET "e1:q17:sample_infohashes1:t2:aa1:y1:qe"),
    VECTOR("d2:ip6:\x05\x06\x07\x08\x1a\xe1"
           "1:rd2:id20:" ID "5:nodes52:" NODE_V4 NODE_V4 "6:nodes638:" NODE_V6
           "5:token3:tok6:valuesl6:axje.u18:" V6 "ee1:t2:aa1:y1:re"),
    VECTOR("d1:rd2:id20:" ID "1:k32:" KEY_44 "3:seqi1e3:sig64:" SIG_44
           "5:token3:tok1:v12:Hello World!e1:t2:aa1:y1:re"),
    VECTOR("d1:rd2:id20:" ID "8:intervali600e3:numi300e7:samples40:" TARGET OTHER "e1:t2:aa1:y1:re"),
    VECTOR("d1:eli201e23:A Generic Error Ocurrede1:t2:aa1:y1:ee"),
    VECTOR("d1:ad2:id20:" ID "5:token1:x1:v12:Hello World!e1:q3:put1:t2:aa1:y1:qe"),
#undef VECTOR
};

/* A copy of exactly that size: under ASan a single byte read past it ends the test. */
static enum kad_decode decode_exactly(const char *text, size_t size)
{
    uint8_t *copy = malloc(size ? size : 1);
    enum kad_decode verdict;

    EXPECT(copy != NULL);
    memcpy(copy, text, size);
    verdict = decode((struct kad_bytes){copy, size});
    if (verdict == KAD_DECODED && message.record_checked)
        EXPECT_EQ(kad_krpc.check_record(&message.record), KAD_REFUSAL_NONE);
    free(copy);
    return verdict;
}

TEST(no_beginning_of_a_message_is_a_message)
{
    for (size_t i = 0; i < KAD_COUNT_OF(vectors); i++) {
        EXPECT_EQ(decode_exactly(vectors[i].text, vectors[i].size), KAD_DECODED);
        for (size_t size = 0; size < vectors[i].size; size++)
            EXPECT_MSG(decode_exactly(vectors[i].text, size) == KAD_DECODE_MALFORMED, "vector %zu cut to %zu",
                       i, size);
    }
}

/* Wrong bytes anywhere neither crash nor reach outside; and when it is refused, there is a reason to send. */
TEST(damaged_messages_do_no_harm)
{
    struct kad_rng rng = kad_test_rng(51);
    unsigned n_decoded = 0, n_refused = 0, n_malformed = 0, n_checked = 0;
    char damaged[512];

    for (int round = 0; round < 40000; round++) {
        size_t i = kad_rng_below(&rng, KAD_COUNT_OF(vectors)), size = vectors[i].size;
        unsigned n_wrong = 1 + kad_rng_below(&rng, 4);

        EXPECT(size <= sizeof damaged);
        if (size > sizeof damaged)
            return; /* EXPECT() has ended the test, which not every compiler can see */
        memcpy(damaged, vectors[i].text, size);
        while (n_wrong--)
            damaged[kad_rng_below(&rng, (uint32_t)size)] = "0123456789ledi:-\xff\0"[kad_rng_below(&rng, 18)];
        switch (decode_exactly(damaged, size)) {
        case KAD_DECODED:
            n_checked += message.record_checked;
            n_decoded++;
            break;
        case KAD_DECODE_BAD_QUERY:
            EXPECT(message.refusal != KAD_REFUSAL_NONE);
            EXPECT(message.refusal_text.size > 0);
            n_refused++;
            break;
        case KAD_DECODE_MALFORMED:
            n_malformed++;
            break;
        }
    }
    EXPECT_MSG(n_decoded > 1000 && n_refused > 100 && n_malformed > 1000 && n_checked > 100,
               "%u decoded, %u refused, %u malformed, %u with a record that is checked", n_decoded, n_refused,
               n_malformed, n_checked);
}
