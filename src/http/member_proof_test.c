#include "http/member_proof.h"

#include <string.h>

#include "base/test.h"
#include "crypto/crypto.h"
#include "http/member_json.h"

static const char here[] = "192.0.2.1:4280";
static const uint8_t nonces[4][KAD_MEMBER_NONCE] = {{1}, {2}, {3}, {4}};

struct ends {
    struct kad_identity identities[2];
    struct kad_member_self selves[2];
    struct kad_member_proof client, server;
    json_t *said; /* last, by whoever it was */
};

static bool is_here(void *context, const char *host)
{
    (void)context;
    return strcmp(host, here) == 0;
}

static void start(struct ends *ends)
{
    EXPECT_EQ(kad_crypto_init(), 0);
    memset(ends, 0, sizeof *ends);
    for (int i = 0; i < 2; i++) {
        const uint8_t seed[32] = {(uint8_t)(i + 1)};

        kad_identity_from_seed(&ends->identities[i], seed);
        ends->selves[i] = (struct kad_member_self){.identity = &ends->identities[i], .network = "net"};
    }
    kad_member_proof_serve(&ends->server, &ends->selves[1], nonces[1]);
}

static void say(struct ends *ends, json_t *message)
{
    json_decref(ends->said);
    ends->said = message;
}

static void connect_to(struct ends *ends, const char *host, const uint8_t *expected)
{
    say(ends, kad_member_proof_connect(&ends->client, &ends->selves[0], nonces[0], host, 7, expected));
    EXPECT(ends->said);
}

static void to_server(struct ends *ends)
{
    say(ends, kad_member_proof_hear(&ends->server, ends->said, is_here, NULL));
}

static void to_client(struct ends *ends)
{
    say(ends, kad_member_proof_hear(&ends->client, ends->said, is_here, NULL));
}

static void expect_refused(struct ends *ends, const char *why)
{
    const char *text = json_string_value(json_object_get(json_object_get(ends->said, "error"), "message"));

    EXPECT(ends->server.stage == KAD_MEMBER_FAILED);
    EXPECT_MSG(text && strncmp(text, why, strlen(why)) == 0, "%s", text);
    say(ends, NULL);
}

TEST(both_know_each_other_in_the_end)
{
    struct ends ends;

    start(&ends);
    connect_to(&ends, here, ends.identities[1].public_key);
    to_server(&ends);
    to_client(&ends);
    EXPECT(ends.client.stage == KAD_MEMBER_SIGNED);
    to_server(&ends);
    EXPECT(ends.server.stage == KAD_MEMBER_PROVED);
    to_client(&ends);
    EXPECT(ends.client.stage == KAD_MEMBER_PROVED);
    EXPECT_MEM(ends.server.peer, ends.identities[0].public_key, 32);
    EXPECT_MEM(ends.client.peer, ends.identities[1].public_key, 32);
    EXPECT_EQ(ends.server.port, 7);
    say(&ends, NULL);
}

TEST(somebody_else_than_expected_is_left)
{
    struct ends ends;
    uint8_t other[32];

    start(&ends);
    memcpy(other, ends.identities[0].public_key, 32);
    connect_to(&ends, here, other);
    to_server(&ends);
    to_client(&ends);
    EXPECT(ends.client.stage == KAD_MEMBER_FAILED && ends.client.wrong_key && !ends.said);
}

/* The same words again, to the same server: its nonce is another one now. */
TEST(an_old_handshake_is_worth_nothing)
{
    struct ends ends;
    json_t *connect, *verify;

    start(&ends);
    connect_to(&ends, here, NULL);
    connect = json_incref(ends.said);
    to_server(&ends);
    to_client(&ends);
    verify = json_incref(ends.said);
    to_server(&ends);
    EXPECT(ends.server.stage == KAD_MEMBER_PROVED);

    kad_member_proof_serve(&ends.server, &ends.selves[1], nonces[2]);
    say(&ends, connect);
    to_server(&ends);
    say(&ends, verify);
    to_server(&ends);
    expect_refused(&ends, "signature");
}

/* Nor is the server's half to a client: its nonce is fresh as well. */
TEST(an_old_answer_is_worth_nothing)
{
    struct ends ends;
    json_t *answer;

    start(&ends);
    connect_to(&ends, here, NULL);
    to_server(&ends);
    answer = json_incref(ends.said);
    say(&ends, kad_member_proof_connect(&ends.client, &ends.selves[0], nonces[3], here, 7, NULL));
    say(&ends, answer);
    to_client(&ends);
    EXPECT(ends.client.stage == KAD_MEMBER_FAILED && !ends.said);
}

TEST(what_was_signed_as_a_server_is_no_clients_signature)
{
    struct ends ends;
    json_t *signature;

    start(&ends);
    connect_to(&ends, here, NULL);
    to_server(&ends);
    signature = json_incref(json_object_get(json_object_get(ends.said, "data"), "signature"));
    say(&ends, json_pack("{s:i, s:s, s:[{s:o}]}", "messageId", 1, "command", "Kad.verify", "args",
                         "signature", signature));
    to_server(&ends);
    expect_refused(&ends, "signature");
}

TEST(every_part_that_is_signed_counts)
{
    static const char *const parts[] = {"host", "network", "version", "nodeId", "nonce", "port"};

    for (size_t i = 0; i < KAD_COUNT_OF(parts); i++) {
        struct ends ends;
        json_t *args;
        uint8_t other[32] = {9};
        char id[KAD_IDENTITY_TEXT];

        start(&ends);
        connect_to(&ends, here, NULL);
        args = json_array_get(json_object_get(ends.said, "args"), 0);
        if (strcmp(parts[i], "port") == 0 || strcmp(parts[i], "version") == 0)
            json_object_set_new(args, parts[i], json_integer(2));
        else if (strcmp(parts[i], "nonce") == 0)
            json_object_set_new(args, parts[i], kad_member_json_bytes(other, 32));
        else if (strcmp(parts[i], "nodeId") == 0)
            json_object_set_new(args, parts[i],
                                json_string(kad_identity_format(ends.identities[1].public_key, id)));
        else
            json_object_set_new(args, parts[i], json_string("192.0.2.9:1"));
        to_server(&ends);
        if (ends.server.stage != KAD_MEMBER_FAILED) {
            to_client(&ends); /* what the server signed is not what the client said */
            EXPECT_MSG(ends.client.stage == KAD_MEMBER_FAILED, "%s", parts[i]);
        }
        say(&ends, NULL);
    }
}

TEST(nothing_comes_before_it)
{
    struct ends ends;

    start(&ends);
    say(&ends, json_pack("{s:i, s:s, s:[{}]}", "messageId", 5, "command", "Kad.ping", "args"));
    to_server(&ends);
    expect_refused(&ends, "Kad.connect comes first");
    say(&ends, json_pack("{s:i, s:s, s:[{}]}", "messageId", 5, "command", "Kad.ping", "args"));
    to_server(&ends); /* and after a failure nothing is answered at all */
    EXPECT(!ends.said);
}

TEST(an_identity_without_the_puzzle_stays_outside)
{
    struct ends ends;

    start(&ends);
    ends.selves[1].puzzle_bits = KAD_PUZZLE_MAX;
    connect_to(&ends, here, NULL);
    to_server(&ends);
    expect_refused(&ends, "nodeId");
}
