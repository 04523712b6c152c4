/* What the BEPs say, packet by packet. */
#include "base/text.h"
#include "wire/krpc/record.h"
#include "wire/krpc/test_decode.h"

/* BEP 5's example packets, as they stand there. */
TEST(queries_of_bep_5)
{
    expect_query(BYTES("d1:ad2:id20:abcdefghij0123456789e1:q4:ping1:t2:aa1:y1:qe"), KAD_PING);
    expect_query(
        BYTES("d1:ad2:id20:abcdefghij01234567896:target20:mnopqrstuvwxyz123456e1:q9:find_node1:t2:aa1:y1:qe"),
        KAD_FIND_NODE);
    EXPECT(is_id(&message.target, TARGET));
    EXPECT(!message.want_ipv4 && !message.want_ipv6);
    expect_query(BYTES("d1:ad2:id20:abcdefghij01234567899:info_hash20:mnopqrstuvwxyz123456e1:q9:get_peers1:"
                       "t2:aa1:y1:qe"),
                 KAD_GET_PEERS);
    EXPECT(is_id(&message.target, TARGET));
    EXPECT(!message.scrape && !message.no_seeds);
    expect_query(
        BYTES(
            "d1:ad2:id20:abcdefghij012345678912:implied_porti1e9:info_hash20:mnopqrstuvwxyz1234564:porti6881"
            "e5:token8:aoeusnthe1:q13:announce_peer1:t2:aa1:y1:qe"),
        KAD_ANNOUNCE);
    EXPECT(is_id(&message.target, TARGET));
    EXPECT(message.implied_port);
    EXPECT(!message.seed);
    EXPECT_EQ(message.port, 6881);
    EXPECT(is_text(message.token, "aoeusnth"));
}

TEST(replies_of_bep_5)
{
    expect_reply(BYTES("d1:rd2:id20:mnopqrstuvwxyz123456e1:t2:aa1:y1:re"));
    EXPECT(is_id(&message.sender, TARGET));
    expect_reply(BYTES("d1:rd2:id20:0123456789abcdefghij5:nodes9:def456...e1:t2:aa1:y1:re"));
    EXPECT(is_id(&message.sender, OTHER));
    EXPECT_EQ(message.n_contacts, 0); /* 9 bytes are no node */
    expect_reply(
        BYTES("d1:rd2:id20:abcdefghij01234567895:token8:aoeusnth6:valuesl6:axje.u6:idhtnmee1:t2:aa1:y1:re"));
    EXPECT(is_text(message.token, "aoeusnth"));
    EXPECT_EQ(message.n_peers, 2);
    expect_endpoint(&message.peers[0], "97.120.106.101:11893");
    expect_endpoint(&message.peers[1], "105.100.104.116:28269");
    expect_reply(BYTES("d1:rd2:id20:abcdefghij01234567895:nodes9:def456...5:token8:aoeusnthe1:t2:aa1:y1:re"));
    EXPECT(is_text(message.token, "aoeusnth"));
}

TEST(the_error_of_bep_5)
{
    EXPECT_EQ(decode(BYTES("d1:eli201e23:A Generic Error Ocurrede1:t2:aa1:y1:ee")), KAD_DECODED);
    EXPECT_EQ(message.kind, KAD_ERROR);
    EXPECT_EQ(message.refusal, KAD_REFUSAL_GENERIC);
    EXPECT_EQ(message.refusal_code, 201);
    EXPECT(is_text(message.refusal_text, "A Generic Error Ocurred"));
    EXPECT(is_text(message.transaction, "aa"));
    EXPECT(!message.has_sender);
}

TEST(error_codes_of_bep_5_and_44)
{
    static const struct {
        const char *text;
        enum kad_refusal refusal;
        int code;
    } cases[] = {
        {"d1:eli201e1:xe1:t2:aa1:y1:ee", KAD_REFUSAL_GENERIC, 201},
        {"d1:eli202e1:xe1:t2:aa1:y1:ee", KAD_REFUSAL_SERVER, 202},
        {"d1:eli203e1:xe1:t2:aa1:y1:ee", KAD_REFUSAL_PROTOCOL, 203},
        {"d1:eli204e1:xe1:t2:aa1:y1:ee", KAD_REFUSAL_METHOD, 204},
        {"d1:eli205e1:xe1:t2:aa1:y1:ee", KAD_REFUSAL_TOO_BIG, 205},
        {"d1:eli206e1:xe1:t2:aa1:y1:ee", KAD_REFUSAL_SIGNATURE, 206},
        {"d1:eli207e1:xe1:t2:aa1:y1:ee", KAD_REFUSAL_SALT_TOO_BIG, 207},
        {"d1:eli301e1:xe1:t2:aa1:y1:ee", KAD_REFUSAL_CAS, 301},
        {"d1:eli302e1:xe1:t2:aa1:y1:ee", KAD_REFUSAL_SEQUENCE, 302},
        {"d1:eli400e1:xe1:t2:aa1:y1:ee", KAD_REFUSAL_GENERIC,
         400}, /* bittorrent-dht: "verification not supported" */
    };

    for (size_t i = 0; i < KAD_COUNT_OF(cases); i++) {
        EXPECT_EQ(decode((struct kad_bytes){(const uint8_t *)cases[i].text, strlen(cases[i].text)}),
                  KAD_DECODED);
        EXPECT_EQ(message.refusal, cases[i].refusal);
        EXPECT_EQ(message.refusal_code, cases[i].code);
        if (cases[i].code != 400)
            EXPECT_EQ(kad_krpc_refusal_code(cases[i].refusal), cases[i].code);
    }
}

/* BEP 32: nodes6, hybrid values, want with flags of the future. */
TEST(both_families_of_bep_32)
{
    expect_query(QUERY("6:target20:" TARGET "4:wantl2:n42:n62:n81:xi4ee", "9:find_node"), KAD_FIND_NODE);
    EXPECT(message.want_ipv4 && message.want_ipv6);
    expect_query(QUERY("9:info_hash20:" TARGET "4:wantl2:n6e", "9:get_peers"), KAD_GET_PEERS);
    EXPECT(!message.want_ipv4 && message.want_ipv6);

    expect_reply(
        REPLY("5:nodes52:" NODE_V4 NODE_V4 "6:nodes638:" NODE_V6 "6:valuesl6:axje.u18:" V6 "6:idhtnme"));
    EXPECT_EQ(message.n_contacts, 3);
    EXPECT(is_id(&message.contacts[2].id, OTHER));
    expect_endpoint(&message.contacts[0].endpoint, "1.2.3.4:6881");
    expect_endpoint(&message.contacts[2].endpoint, "[2001:4860::1]:6881");
    EXPECT_EQ(message.n_peers, 3);
    expect_endpoint(&message.peers[1], "[2001:4860::1]:6881");
    expect_endpoint(&message.peers[2], "105.100.104.116:28269");
}

TEST(scrapes_of_bep_33)
{
    static char text[1024];
    size_t size = 0;
    uint8_t seeds[KAD_BLOOM_SIZE], peers[KAD_BLOOM_SIZE];

    expect_query(QUERY("9:info_hash20:" TARGET "6:noseedi1e6:scrapei1e", "9:get_peers"), KAD_GET_PEERS);
    EXPECT(message.no_seeds && message.scrape);
    expect_query(QUERY("9:info_hash20:" TARGET "4:porti1e4:seedi1e5:token1:x", "13:announce_peer"),
                 KAD_ANNOUNCE);
    EXPECT(message.seed);
    EXPECT(!message.implied_port);

    memset(seeds, 0x11, sizeof seeds);
    memset(peers, 0x80, sizeof peers);
#define ADD(data, n) (memcpy(text + size, (data), (n)), size += (n))
    ADD("d1:rd4:BFpe256:", 15);
    ADD(peers, sizeof peers);
    ADD("4:BFsd256:", 10);
    ADD(seeds, sizeof seeds);
    ADD("2:id20:" ID "e1:t2:aa1:y1:re", 42);
#undef ADD
    expect_reply((struct kad_bytes){(const uint8_t *)text, size});
    EXPECT(message.bloom_seeds && message.bloom_peers);
    EXPECT_MEM(message.bloom_seeds, seeds, sizeof seeds);
    EXPECT_MEM(message.bloom_peers, peers, sizeof peers);
    expect_reply(REPLY("4:BFpe3:abc")); /* no filter */
    EXPECT(!message.bloom_peers && !message.bloom_seeds);
}

TEST(our_address_as_bep_42_tells_it)
{
    expect_reply(BYTES("d2:ip6:\x05\x06\x07\x08\x1a\xe1"
                       "1:rd2:id20:" ID "e1:t2:aa1:y1:re"));
    expect_endpoint(&message.your_address, "5.6.7.8:6881");
    expect_reply(BYTES("d2:ip18:" V6 "1:rd2:id20:" ID "e1:t2:aa1:y1:re"));
    expect_endpoint(&message.your_address, "[2001:4860::1]:6881");
    expect_reply(BYTES("d2:ip18:\0\0\0\0\0\0\0\0\0\0\xff\xff\x05\x06\x07\x08\x1a\xe1"
                       "1:rd2:id20:" ID "e1:t2:aa1:y1:re"));
    expect_endpoint(&message.your_address, "5.6.7.8:6881");
    expect_reply(BYTES("d2:ip4:\x05\x06\x07\x08"
                       "1:rd2:id20:" ID "e1:t2:aa1:y1:re")); /* no port: not said */
    EXPECT_EQ(message.your_address.family, KAD_FAMILY_NONE);
    expect_reply(BYTES("d2:ip18:\0\0\0\0\0\0\0\0\0\0\xff\xff\0\0\0\0\x1a\xe1"
                       "1:rd2:id20:" ID "e1:t2:aa1:y1:re")); /* 0.0.0.0, as IPv6 */
    EXPECT_EQ(message.your_address.family, KAD_FAMILY_NONE);
    EXPECT_EQ(decode(BYTES("d1:eli203e1:xe2:ip6:\x05\x06\x07\x08\x1a\xe1"
                           "1:t2:aa1:y1:ee")),
              KAD_DECODED);
    expect_endpoint(&message.your_address, "5.6.7.8:6881");
}

TEST(read_only_nodes_of_bep_43)
{
    expect_query(BYTES("d1:ad2:id20:" ID "e1:q4:ping2:roi1e1:t2:aa1:y1:qe"), KAD_PING);
    EXPECT(message.read_only);
    expect_query(BYTES("d1:ad2:id20:" ID "e1:q4:ping2:roi0e1:t2:aa1:y1:qe"), KAD_PING);
    EXPECT(!message.read_only);
    expect_query(QUERY("", "4:ping"), KAD_PING);
    EXPECT(!message.read_only);
}

TEST(puts_of_bep_44)
{
    uint8_t key[20];

    expect_query(QUERY("5:token3:tok1:v12:Hello World!", "3:put"), KAD_PUT);
    EXPECT_EQ(message.record.type, KAD_RECORD_IMMUTABLE);
    EXPECT(is_text(message.record.value, "12:Hello World!"));
    EXPECT_EQ(kad_unhex("e5f96f6f38320f0f33959cb4d3d656452117aadb", key, 20), 0);
    EXPECT_MEM(message.record.key.bytes, key, 20);
    EXPECT_MEM(&message.target, &message.record.key, sizeof message.target);
    EXPECT_EQ(kad_krpc.check_record(&message.record), KAD_REFUSAL_NONE);
    EXPECT(message.record_checked); /* the value's hash is not computed twice */

    EXPECT_EQ(kad_crypto_init(), 0);
    expect_query(BYTES("d1:ad3:casi0e2:id20:" ID "1:k32:" KEY_44 "3:seqi1e3:sig64:" SIG_44
                       "5:token3:tok1:v12:Hello World!e1:q3:put1:t2:aa1:y1:qe"),
                 KAD_PUT);
    EXPECT_EQ(message.record.type, KAD_RECORD_MUTABLE);
    EXPECT_EQ(message.record.sequence, 1);
    EXPECT(message.has_cas);
    EXPECT_EQ(message.cas, 0);
    EXPECT_EQ(kad_unhex("4a533d47ec9c7d95b1ad75f576cffc641853b750", key, 20), 0);
    EXPECT_MEM(message.record.key.bytes, key, 20);
    EXPECT_EQ(kad_krpc.check_record(&message.record), KAD_REFUSAL_NONE);

    expect_query(QUERY("1:k32:" KEY_44 "4:salt6:foobar3:seqi1e3:sig64:" SIG_44
                       "5:token3:tok1:v12:Hello World!",
                       "3:put"),
                 KAD_PUT);
    EXPECT(is_text(message.record.salt, "foobar"));
    EXPECT_EQ(kad_unhex("411eba73b6f087ca51a3795d9c8c938d365e32c1", key, 20), 0);
    EXPECT_MEM(message.record.key.bytes, key, 20);
    EXPECT_EQ(kad_krpc.check_record(&message.record), KAD_REFUSAL_SIGNATURE); /* signed without salt */
    EXPECT(!message.record_checked);                                          /* nobody has looked */
}

TEST(gets_of_bep_44)
{
    expect_query(QUERY("3:seqi4e6:target20:" TARGET, "3:get"), KAD_GET);
    EXPECT(message.has_sequence);
    EXPECT_EQ(message.sequence, 4);
    expect_query(QUERY("6:target20:" TARGET, "3:get"), KAD_GET);
    EXPECT(!message.has_sequence);

    expect_reply(REPLY("1:k32:" KEY_44 "3:seqi1e3:sig64:" SIG_44 "5:token3:tok1:v12:Hello World!"));
    EXPECT_EQ(message.record.type, KAD_RECORD_MUTABLE);
    EXPECT(is_text(message.record.value, "12:Hello World!"));
    EXPECT_EQ(message.record.sequence, 1);
    EXPECT_MEM(message.record.public_key, KEY_44, 32);
    EXPECT_MEM(message.record.signature, SIG_44, 64);
    expect_reply(REPLY("5:token3:tok1:vd1:ali1eee"));
    EXPECT_EQ(message.record.type, KAD_RECORD_IMMUTABLE);
    EXPECT(is_text(message.record.value, "d1:ali1eee"));
    expect_reply(REPLY("3:seqi7e5:token3:tok")); /* "you have it already" */
    EXPECT_EQ(message.record.type, KAD_RECORD_NONE);
    EXPECT(message.has_sequence);
    EXPECT_EQ(message.sequence, 7);
    expect_reply(REPLY("1:k32:" KEY_44 "3:seqi1e1:v2:xx")); /* mutable without signature */
    EXPECT_EQ(message.record.type, KAD_RECORD_NONE);
}

TEST(samples_of_bep_51)
{
    expect_query(QUERY("6:target20:" TARGET, "17:sample_infohashes"), KAD_SAMPLE);
    EXPECT(is_id(&message.target, TARGET));

    expect_reply(REPLY("8:intervali600e3:numi300e7:samples40:" TARGET OTHER));
    EXPECT(message.has_samples);
    EXPECT_EQ(message.n_samples, 2);
    EXPECT(is_id(&message.samples[0], TARGET));
    EXPECT(is_id(&message.samples[1], OTHER));
    EXPECT_EQ(message.sample_total, 300);
    EXPECT_EQ(message.sample_interval_s, 600);
    expect_reply(REPLY("8:intervali0e3:numi0e7:samples0:"));
    EXPECT(message.has_samples); /* empty, but supported */
    EXPECT_EQ(message.n_samples, 0);
    expect_reply(REPLY(""));
    EXPECT(!message.has_samples);
}

TEST(the_codec_names_itself)
{
    EXPECT_STR(kad_krpc.name, "krpc");
    for (int i = KAD_REFUSAL_NONE; i < KAD_N_REFUSALS; i++) {
        EXPECT(kad_krpc_refusal_text((enum kad_refusal)i)[0] != '\0');
        if (i != KAD_REFUSAL_NONE && i <= KAD_REFUSAL_SEQUENCE) /* the others are other networks' */
            EXPECT_EQ(kad_krpc_refusal_of(kad_krpc_refusal_code((enum kad_refusal)i)), i);
    }
}
