/* What an engine makes of others: bans, pardons, and what broken rules bring about (docs/peers.md). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/endpoint.h"
#include "base/test.h"
#include "base/types.h"
#include "core/peers.h"
#include "engine/engine_parts.h"
#include "engine/network.h"
#include "engine/test_net.h"
#include "kad/secure.h"
#include "wire/kad/kad.h"

static const struct kad_endpoint *banner, *outcast;
static unsigned n_to_outcast;

static bool count(struct test_net *net, const struct test_packet *packet)
{
    (void)net;
    n_to_outcast += kad_endpoint_equal(&packet->from, banner) && kad_endpoint_equal(&packet->to, outcast);
    return false;
}

static struct test_net *make(size_t n)
{
    struct test_net *net = calloc(1, sizeof(*net));

    EXPECT(net);
    test_net_init_on(net, kad_network_kad_easy());
    test_net_grow(net, n);
    banner = &net->nodes[1].endpoint;
    outcast = &net->nodes[2].endpoint;
    net->lose = count;
    n_to_outcast = 0;
    return net;
}

static bool in_table(struct test_node *node, const struct kad_id *id)
{
    struct kad_table_row rows[128];
    const size_t n = kad_engine_table(node->engine, KAD_IPV4, rows, 128);

    for (size_t i = 0; i < n; i++) {
        if (memcmp(&rows[i].contact.id, id, sizeof(*id)) == 0)
            return true;
    }
    return false;
}

static int ping(struct test_node *from, const struct test_node *to)
{
    const struct kad_request request = {
        .kind = KAD_REQUEST_PING, .endpoint = to->endpoint, .timeout_ms = 5000};

    return test_net_request(from, &request);
}

/* Nothing of it is taken, nothing is sent to it, nobody's word brings it back; and then it is as if nothing had been. */
TEST(a_banned_identity_is_out_until_it_is_pardoned)
{
    struct test_net *net = make(8);
    struct test_node *a = &net->nodes[1], *b = &net->nodes[2];
    const struct kad_id id = test_net_info(b)->id;
    const struct kad_counters *counters = kad_engine_counters(a->engine);
    const struct kad_request lookup = {.kind = KAD_REQUEST_CLOSEST, .target = id};

    EXPECT(in_table(a, &id));
    EXPECT_EQ(kad_engine_ban(a->engine, &id, NULL, KAD_NEVER, net->now), 0);
    EXPECT(!in_table(a, &id));
    test_net_run(net, KAD_MINUTE); /* what was under way */
    n_to_outcast = 0;
    EXPECT(ping(b, a) != 0);
    EXPECT(n_to_outcast <= 1); /* who knocks at the open door has not said who it is */
    n_to_outcast = 0;
    EXPECT(counters->received[KAD_DROP_BANNED] > 0);
    EXPECT_EQ(test_net_request(a, &lookup), 0);
    for (size_t i = 0; i < a->n_closest; i++)
        EXPECT(memcmp(&a->closest[i].contact.id, &id, sizeof(id)) != 0);
    test_net_run(net, KAD_HOUR);
    EXPECT(!in_table(a, &id));
    EXPECT_EQ(n_to_outcast, 0);

    EXPECT(kad_engine_pardon(a->engine, &id, NULL, net->now));
    EXPECT_EQ(ping(b, a), 0);
    test_net_run(net, KAD_HOUR);
    EXPECT(in_table(a, &id));
    test_net_free(net);
}

/* Before anything is decrypted. All who are there are meant. */
TEST(a_banned_address_is_out)
{
    struct test_net *net = make(8);
    struct test_node *a = &net->nodes[1], *b = &net->nodes[2];
    const struct kad_id id = test_net_info(b)->id;
    struct kad_session_counts before, after;

    EXPECT_EQ(kad_engine_ban(a->engine, NULL, &b->endpoint, KAD_HOUR, net->now), 0);
    EXPECT(!in_table(a, &id));
    n_to_outcast = 0;
    test_net_run(net, 20 * KAD_MINUTE);
    EXPECT(kad_engine_sessions(a->engine, &before));
    EXPECT(ping(b, a) != 0);
    EXPECT_EQ(n_to_outcast, 0);
    EXPECT(kad_engine_sessions(a->engine, &after));
    EXPECT_EQ(after.answered, before.answered);
    test_net_run(net, KAD_HOUR);
    EXPECT_EQ(ping(b, a), 0); /* over */
    test_net_free(net);
}

/* K44: whoever sends what no honest node does is gray, then banned, for a while; nobody has to look. */
TEST(broken_rules_end_in_a_ban)
{
    struct test_net *net = make(8);
    struct test_node *a = &net->nodes[1], *b = &net->nodes[2];
    const struct kad_id id = test_net_info(b)->id;
    const struct kad_contact contact = {id, b->endpoint};
    enum kad_peer_state state;
    const char *why;
    unsigned score;

    score = kad_engine_score(a->engine, &contact, net->now, &state);
    EXPECT(score > KAD_SCORE_UNKNOWN);
    EXPECT_EQ(state, KAD_PEER_FINE);
    for (int i = 0; i < 2; i++)
        kad_peers_broke(&a->engine->dht, &id, &b->endpoint, KAD_DEED_FORGED, net->now);
    EXPECT(kad_engine_score(a->engine, &contact, net->now, &state) < score);
    EXPECT_EQ(state, KAD_PEER_GRAY);
    EXPECT(in_table(a, &id)); /* nobody waits for its place */
    for (int i = 0; i < 2; i++)
        kad_peers_broke(&a->engine->dht, &id, &b->endpoint, KAD_DEED_FORGED, net->now);
    EXPECT_EQ(kad_engine_score(a->engine, &contact, net->now, &state), 0);
    EXPECT_EQ(state, KAD_PEER_BANNED);
    EXPECT(!in_table(a, &id));
    EXPECT_MSG(kad_engine_sound(a->engine, net->now, &why), "%s", why);
    test_net_run(net, 10 * KAD_MINUTE);
    EXPECT(ping(b, a) != 0);
    test_net_run(net, KAD_HOUR);
    EXPECT_EQ(ping(b, a), 0);
    test_net_free(net);
}

/* Its own identity, nobody, and where nobody has an identity. */
TEST(what_cannot_be_banned)
{
    struct test_net *net = make(2), *mainline = calloc(1, sizeof(*mainline));
    struct kad_engine *engine = net->nodes[1].engine;
    const struct kad_id own = test_net_info(&net->nodes[1])->id;
    const struct kad_endpoint nowhere = {0};

    EXPECT_EQ(kad_engine_ban(engine, &own, NULL, KAD_HOUR, net->now), KAD_E_INVALID);
    EXPECT_EQ(kad_engine_ban(engine, NULL, &nowhere, KAD_HOUR, net->now), KAD_E_INVALID);
    EXPECT_EQ(kad_engine_ban(engine, NULL, outcast, 0, net->now), KAD_E_INVALID);
    EXPECT(!kad_engine_pardon(engine, NULL, outcast, net->now));
    EXPECT(mainline);
    test_net_init(mainline);
    EXPECT_EQ(kad_engine_ban(test_net_add(mainline, false)->engine, NULL, outcast, KAD_HOUR, 1),
              KAD_E_INVALID);
    EXPECT_EQ(kad_engine_peers(mainline->nodes[0].engine, NULL, 0, 1), 0);
    test_net_clear(mainline);
    free(mainline);
    test_net_free(net);
}

/* Nothing that a node says of itself moves its score: only what was asked of it and answered. */
TEST(asking_moves_no_score)
{
    struct test_net *net = make(8);
    struct test_node *a = &net->nodes[1], *b = &net->nodes[2];
    const struct kad_contact contact = {test_net_info(b)->id, b->endpoint};
    struct kad_peer_row rows[16];
    enum kad_peer_state state;
    uint64_t answered = 0;
    size_t n;

    for (int i = 0; i < 200; i++)
        EXPECT_EQ(ping(b, a), 0);
    n = kad_engine_peers(a->engine, rows, 16, net->now);
    EXPECT(n <= 7);
    for (size_t i = 0; i < n; i++)
        answered += rows[i].answers;
    EXPECT(answered <= 1024 * kad_engine_counters(a->engine)->answers_in);
    EXPECT(kad_engine_counters(a->engine)->answers_in < 100);
    (void)kad_engine_score(a->engine, &contact, net->now, &state);
    EXPECT_EQ(state, KAD_PEER_FINE);
    test_net_free(net);
}

/* A colluder's answers to gets have a record whose value it has changed: sealed in its own session, under its own identity. */
static size_t encode_lies(const struct kad_message *message, uint8_t *bytes, size_t room)
{
    struct kad_message lie = *message;
    uint8_t value[KAD_SECURE_VALUE_MAX];

    if (message->kind == KAD_REPLY && message->method == KAD_GET && message->record.value.size &&
        message->record.value.size <= sizeof(value)) {
        memcpy(value, message->record.value.data, message->record.value.size);
        value[0] ^= 1;
        lie.record.value.data = value;
    }
    return kad_wire.encode(&lie, bytes, room);
}

#define HONEST    24
#define COLLUDERS 8

/* A quarter of the network lies. Honest nodes that look things up find the truth all the same, and the liars leave their tables, one
 * after the other, with nobody's help; no honest node does. */
TEST(colluders_that_misbehave_are_evicted)
{
    struct test_net *net = make(HONEST);
    struct kad_codec lies = kad_wire;
    struct kad_network theirs = *net->network;
    const struct kad_network *const ours = net->network;
    uint8_t seed[32], bytes[KAD_SECURE_VALUE_MAX];
    size_t n_before = 0, n_after = 0, n_found = 0;
    struct kad_secure_name name;

    lies.encode = encode_lies;
    theirs.codec = &lies;
    net->network = &theirs;
    for (int i = 0; i < COLLUDERS; i++)
        EXPECT_EQ(kad_engine_bootstrap(test_net_add(net, false)->engine, &net->nodes[0].endpoint, net->now),
                  0);
    net->network = ours;
    test_net_run(net, 30 * KAD_MINUTE);
    for (int i = 0; i < HONEST; i++) {
        for (int j = HONEST; j < HONEST + COLLUDERS; j++)
            n_before += in_table(&net->nodes[i], &test_net_info(&net->nodes[j])->id);
    }
    EXPECT(n_before > HONEST * COLLUDERS / 2);
    for (uint8_t i = 0; i < 40; i++) {
        const uint8_t entropy[32] = {i};
        char text[32];
        struct kad_request request = {.kind = KAD_REQUEST_PUT};
        struct kad_secure_draft draft = {.name = &name, .seed = seed, .entropy = entropy, .sequence = 1};

        snprintf(text, sizeof(text), "room:%u", (unsigned)i);
        EXPECT_EQ(kad_secure_parse(text, NULL, 0, &name), 0);
        draft.value = (struct kad_bytes){(const uint8_t *)text, strlen(text)};
        draft.made_at = net->now;
        test_net_secret(&net->nodes[i % HONEST], seed);
        EXPECT_EQ(kad_secure_make(&draft, bytes, &request.record), 0);
        request.target = request.record.key;
        EXPECT_EQ(test_net_request(&net->nodes[i % HONEST], &request), 0);
        for (int j = 0; j < HONEST; j++) {
            const struct kad_request get = {.kind = KAD_REQUEST_GET,
                                            .target = request.target,
                                            .record.type = request.record.type,
                                            .fresh = true};

            n_found += test_net_request(&net->nodes[j], &get) == 0;
        }
    }
    EXPECT_EQ(n_found, 40 * HONEST);
    for (int i = 0; i < HONEST; i++) {
        size_t n_honest = 0;

        for (int j = HONEST; j < HONEST + COLLUDERS; j++)
            n_after += in_table(&net->nodes[i], &test_net_info(&net->nodes[j])->id);
        for (int j = 0; j < HONEST; j++) {
            const struct kad_contact other = {test_net_info(&net->nodes[j])->id, net->nodes[j].endpoint};
            enum kad_peer_state state;

            (void)kad_engine_score(net->nodes[i].engine, &other, net->now, &state);
            EXPECT_EQ(state, KAD_PEER_FINE);
            n_honest += in_table(&net->nodes[i], &other.id);
        }
        EXPECT(n_honest >= HONEST / 2);
    }
    EXPECT_MSG(n_after * 10 <= n_before, "%zu of %zu places are still the liars'", n_after, n_before);
    test_net_free(net);
}

/* K50, T29: with more contacts than it wants, a node keeps those it joined through, its neighbours and the best. */
TEST(bootstraps_stay_where_others_have_to_leave)
{
    struct test_net *net = calloc(1, sizeof(*net));
    struct kad_table_row rows[128];
    struct test_node *crowded;
    size_t n_in = 0;

    EXPECT(net);
    test_net_init_on(net, kad_network_kad_easy());
    test_net_grow(net, 40);
    net->settings.max_contacts = 12; /* lent to all: of those there are, too */
    crowded = test_net_add(net, false);
    EXPECT_EQ(kad_engine_bootstrap(crowded->engine, &net->nodes[5].endpoint, net->now), 0);
    test_net_run(net, KAD_HOUR);
    for (int i = 0; i < 30; i++) {
        const struct kad_request lookup = {.kind = KAD_REQUEST_CLOSEST, .target.bytes = {(uint8_t)(8 * i)}};

        EXPECT_EQ(test_net_request(crowded, &lookup), 0);
    }
    EXPECT(in_table(crowded, &test_net_info(&net->nodes[5])->id));
    n_in = kad_engine_table(crowded->engine, KAD_IPV4, rows, 128);
    EXPECT(n_in > 12); /* some wait */
    EXPECT_EQ(test_net_info(crowded)->n_contacts[0], 12);

    test_net_off(&net->nodes[5]); /* while it answers */
    test_net_run(net, 3 * KAD_HOUR);
    EXPECT(test_net_info(crowded)->n_contacts[0] <= 12);
    for (size_t i = 0; i < kad_engine_table(crowded->engine, KAD_IPV4, rows, 128); i++)
        EXPECT(!kad_endpoint_equal(&rows[i].contact.endpoint, &net->nodes[5].endpoint));
    test_net_free(net);
}
