/* A client, its relay and somebody else, on sockets (T11, T13, I018): reached at the relay's port, also when the relay means ill. */
#include <stdio.h>
#include <string.h>

#include "base/endpoint.h"
#include "base/test.h"
#include "kad/identity.h"
#include "kad/secure.h"
#include "node/relay_parts.h"
#include "node/test_member.h"

#define RELAY  21
#define CLIENT 31
#define OTHER  41

static struct member relay, client, other;

static void configure(struct kad_node_config *config, struct member *member, unsigned last,
                      const char *bootstrap)
{
    const struct kad_endpoint at = kad_endpoint_v4((const uint8_t[4]){127, 0, 0, (uint8_t)last}, 0);

    member_configure(config, member, last, bootstrap);
    config->network = kad_network_kad_easy();
    kad_settings_default(config->network, &config->settings);
    config->listen[0] = at;
    config->has_secret = true;
    memset(config->secret, (int)last, sizeof(config->secret));
    config->announce_self = false;
}

static void start_relay(struct member *member, unsigned last, const char *bootstrap, bool limit_local)
{
    struct kad_node_config config;

    configure(&config, member, last, bootstrap);
    config.settings.role = KAD_ROLE_RELAY;
    config.settings.limit_local = limit_local;
    config.relay.clients = 4;
    member_start(member, &config);
}

static void start_client(const char *bootstrap)
{
    struct kad_node_config config;

    configure(&config, &client, CLIENT, bootstrap);
    config.relay.mode = KAD_RELAY_ALWAYS;
    member_start(&client, &config);
}

static void start_other(const char *bootstrap)
{
    struct kad_node_config config;

    configure(&config, &other, OTHER, bootstrap);
    member_start(&other, &config);
}

static struct kad_endpoint reached_at(void)
{
    struct kad_relay_status status;

    kad_node_relay_status(client.node, &status);
    return status.address;
}

static void await_relay(void)
{
    while (reached_at().family == KAD_FAMILY_NONE)
        uv_run(&member_loop, UV_RUN_ONCE);
}

/* The error of a ping that `asker` sends there. */
static int ping(struct member *asker, const struct kad_endpoint *there)
{
    const struct kad_request request = {.kind = KAD_REQUEST_PING, .endpoint = *there};

    return member_ask(asker, &request);
}

static void stop_all(void)
{
    member_stop(&other);
    member_stop(&client);
    member_stop(&relay);
    member_close_loop();
}

static void start_all(bool limit_local)
{
    member_open_loop();
    start_relay(&relay, RELAY, NULL, limit_local);
    start_client(relay.address);
    start_other(relay.address);
}

TEST(a_client_is_reached_at_its_relays_port)
{
    struct kad_endpoint at, known;
    struct kad_relay_status status;
    struct kad_table_row rows[8];
    size_t n, n_at = 0;

    start_all(false);
    await_relay();
    at = reached_at();
    known = kad_udp_endpoint(kad_relay_socket(relay.node));
    EXPECT(kad_endpoint_same_host(&at, &known) && at.port != known.port);
    EXPECT_EQ(ping(&other, &at), 0);
    EXPECT_EQ(ping(&client, &known), 0); /* the relay's own node, too, through its port */
    n = kad_engine_table(kad_node_engine(other.node), KAD_IPV4, rows, 8);
    for (size_t i = 0; i < n && i < 8; i++) {
        const bool is_client =
            memcmp(rows[i].public_key, kad_engine_identity(kad_node_engine(client.node)), 32) == 0;

        n_at += is_client && kad_endpoint_equal(&rows[i].contact.endpoint, &at);
        EXPECT(!is_client || kad_endpoint_equal(&rows[i].contact.endpoint, &at));
    }
    EXPECT_EQ(n_at, 1);
    kad_node_relay_status(relay.node, &status);
    EXPECT(status.n_clients == 1 && status.relayed_in > 0 && status.relayed_out > 0);
    /* It does not know who that is. */
    EXPECT(kad_relay_places_find(relay.node->relay->serve.places,
                                 kad_engine_identity(kad_node_engine(client.node))) < 0);
    stop_all();
}

static size_t n_answers;

static void count_answers(void *context, const struct kad_aside *aside)
{
    (void)context;
    (void)aside;
    n_answers++;
}

/* Whoever asks a node that hides whether it is a relay hears nothing: the answer would come from where it is. */
TEST(who_hides_says_nothing_from_where_he_is)
{
    static const struct kad_relay_open open = {.nonce = 7, .ask = true};
    struct kad_endpoint at;
    uint8_t bytes[KAD_RELAY_OPEN_SIZE];
    const struct kad_bytes word = {bytes, kad_relay_put_open(&open, bytes)};
    uint64_t sent;

    start_all(false);
    await_relay();
    member_await_ready(&other);
    at = reached_at();
    EXPECT_EQ(ping(&other, &at), 0);
    sent = kad_udp_counters(kad_relay_socket(client.node))->sent;
    n_answers = 0;
    kad_engine_on_aside(kad_node_engine(other.node), count_answers, NULL);
    EXPECT(kad_relay_say(other.node->relay, &at, kad_engine_identity(kad_node_engine(client.node)), word));
    kad_relay_flush(other.node->relay, kad_relay_socket(other.node));
    for (unsigned i = 0; i < 3; i++) {
        uv_sleep(2); /* a session that begins in the millisecond of the last one is none */
        EXPECT_EQ(ping(&other, &at), 0); /* behind the word, the same way */
    }
    EXPECT_EQ(n_answers, 0);
    EXPECT_EQ(kad_udp_counters(kad_relay_socket(client.node))->sent, sent);
    stop_all();
}

/* -- a relay that means ill --------------------------------------------------------------------------------------- */

static struct {
    struct kad_udp *udp;
    struct kad_endpoint client;
    uint8_t key[32];
    uint32_t nonce;
    bool asks, spoils;
    unsigned n_closed, n_seen, n_spoilt, n_found;
} evil;

static void look_through(struct kad_bytes bytes)
{
    static const char word[] = "a word that nobody";

    evil.n_seen++;
    for (size_t i = 0; i + sizeof(word) - 1 <= bytes.size; i++)
        evil.n_found += memcmp(bytes.data + i, word, sizeof(word) - 1) == 0;
}

static void spoil(uint8_t *bytes, size_t n)
{
    bytes[(evil.n_spoilt++ * 37) % n] ^= 0x10;
}

static void evil_hear(void *context, const struct kad_aside *aside)
{
    uint8_t copy[KAD_ASIDE_MAX];
    struct kad_endpoint to;
    struct kad_bytes datagram;
    struct kad_relay_open open;

    (void)context;
    if (aside->bytes.data[0] == KAD_RELAY_OPEN && kad_relay_get_open(aside->bytes, &open)) {
        evil.client = aside->from;
        memcpy(evil.key, aside->public_key, 32);
        evil.nonce = open.nonce;
        evil.asks = true;
    } else if (aside->bytes.data[0] == KAD_RELAY_SEND &&
               kad_relay_get_datagram(aside->bytes, &to, &datagram)) {
        look_through(datagram);
        memcpy(copy, datagram.data, datagram.size);
        if (evil.spoils)
            spoil(copy, datagram.size);
        kad_udp_queue(evil.udp, &to, (struct kad_bytes){copy, datagram.size});
        kad_udp_flush(evil.udp);
    }
}

static void evil_readable(void *context, struct kad_udp *udp)
{
    struct kad_relay *through = relay.node->relay;
    struct kad_endpoint from;
    struct kad_bytes bytes;

    (void)context;
    while (kad_udp_receive(udp, &from, &bytes)) {
        uint8_t words[KAD_ASIDE_MAX];
        const size_t n = kad_relay_put_head(KAD_RELAY_DATA, &from, words);

        if (bytes.size > KAD_RELAY_DATAGRAM)
            continue;
        look_through(bytes);
        memcpy(words + n, bytes.data, bytes.size);
        if (evil.spoils)
            spoil(words + n, bytes.size);
        (void)kad_relay_say(through, &evil.client, evil.key, (struct kad_bytes){words, n + bytes.size});
    }
    kad_relay_flush(through, kad_relay_socket(relay.node));
}

static void evil_answer(void)
{
    const struct kad_relay_place place = {.nonce = evil.nonce,
                                          .verdict = KAD_RELAY_GRANTED,
                                          .lifetime_s = 60,
                                          .bytes_per_s = 1 << 20,
                                          .n_free = 1,
                                          .n_places = 1,
                                          .port = kad_udp_endpoint(evil.udp).port};
    uint8_t bytes[KAD_RELAY_PLACE_SIZE];

    evil.asks = false;
    kad_relay_put_place(&place, bytes);
    (void)kad_relay_say(relay.node->relay, &evil.client, evil.key, (struct kad_bytes){bytes, sizeof(bytes)});
    kad_relay_flush(relay.node->relay, kad_relay_socket(relay.node));
}

static void evil_unreachable(void *context, const struct kad_endpoint *peer)
{
    (void)context;
    (void)peer;
}

static void evil_closed(void *context)
{
    (void)context;
    evil.n_closed++;
}

static void evil_start(void)
{
    struct kad_udp_config config = {.allocator = &kad_allocator_system,
                                    .buffers = relay.node->buffers,
                                    .endpoint = kad_udp_endpoint(kad_relay_socket(relay.node)),
                                    .on_readable = evil_readable,
                                    .on_unreachable = evil_unreachable};

    memset(&evil, 0, sizeof(evil));
    config.endpoint.port = 0;
    EXPECT_EQ(kad_udp_open(&config, &evil.udp), 0);
    EXPECT_EQ(kad_udp_start(evil.udp, &member_loop), 0);
    kad_engine_on_aside(kad_node_engine(relay.node), evil_hear, NULL);
}

/* As long as it forwards honestly all is well, and it finds nothing to read; what it changes, either way, is noise to both. */
TEST(a_relay_reads_changes_and_forges_nothing)
{
    struct kad_request put = {.kind = KAD_REQUEST_PUT};
    struct kad_secure_name name;
    const struct kad_secure_draft draft = {.name = &name,
                                           .value = {(const uint8_t *)"a word that nobody may read", 27},
                                           .seed = (const uint8_t[32]){1},
                                           .sequence = 1};
    struct kad_secure_draft dated = draft;
    uint8_t sealed[KAD_SECURE_VALUE_MAX];
    struct kad_endpoint at;
    uint64_t noise;

    member_open_loop();
    start_relay(&relay, RELAY, NULL, false);
    evil_start();
    start_client(relay.address);
    start_other(relay.address);
    while (reached_at().family == KAD_FAMILY_NONE) {
        if (evil.asks)
            evil_answer();
        uv_run(&member_loop, UV_RUN_ONCE);
    }
    at = reached_at();
    EXPECT_EQ(ping(&other, &at), 0);
    EXPECT_EQ(kad_secure_parse("room:a word that nobody may read", NULL, 0, &name), 0);
    dated.made_at = kad_node_now(client.node);
    EXPECT_EQ(kad_secure_make(&dated, sealed, &put.record), 0);
    put.target = put.record.key;
    EXPECT_EQ(member_ask(&client, &put), 0);
    EXPECT(client.n_stored > 0);
    EXPECT(evil.n_seen > 4);
    EXPECT_EQ(evil.n_found, 0);

    evil.spoils = true;
    noise = kad_engine_counters(kad_node_engine(client.node))->received[KAD_DROP_NOISE] +
            kad_engine_counters(kad_node_engine(client.node))->received[KAD_DROP_FORGED];
    EXPECT(ping(&other, &at) != 0);
    EXPECT(evil.n_spoilt > 0);
    EXPECT(kad_engine_counters(kad_node_engine(client.node))->received[KAD_DROP_NOISE] +
               kad_engine_counters(kad_node_engine(client.node))->received[KAD_DROP_FORGED] >
           noise);
    kad_udp_close(evil.udp, evil_closed);
    while (!evil.n_closed)
        uv_run(&member_loop, UV_RUN_ONCE);
    kad_engine_on_aside(kad_node_engine(relay.node), NULL, NULL);
    stop_all();
}

/* -- one that is misused ------------------------------------------------------------------------------------------ */

static size_t n_hit, n_hits;

static void victim_readable(void *context, struct kad_udp *udp)
{
    struct kad_endpoint from;
    struct kad_bytes bytes;

    (void)context;
    while (kad_udp_receive(udp, &from, &bytes)) {
        n_hit += bytes.size;
        n_hits++;
    }
}

/* A client that sends to somebody who never asked for it: rows 8 and 10 of the scorecard. */
TEST(a_relay_cannot_be_aimed_at_victims)
{
    struct kad_udp_config config = {.allocator = &kad_allocator_system,
                                    .endpoint = kad_endpoint_v4((const uint8_t[4]){127, 0, 9, 9}, 0),
                                    .on_readable = victim_readable,
                                    .on_unreachable = evil_unreachable};
    struct kad_udp_buffers *buffers = kad_udp_buffers_new(&kad_allocator_system);
    static uint8_t bytes[300];
    struct kad_endpoint victim;
    struct kad_relay_status status;
    struct kad_udp *udp;

    n_hit = n_hits = 0;
    evil.n_closed = 0;
    start_all(true);
    config.buffers = buffers;
    EXPECT_EQ(kad_udp_open(&config, &udp), 0);
    EXPECT_EQ(kad_udp_start(udp, &member_loop), 0);
    victim = kad_udp_endpoint(udp);
    await_relay();
    for (unsigned i = 0; i < 100; i++) {
        EXPECT_EQ(client.node->out.n, 0);
        client.node->out.datagrams[0] =
            (struct kad_datagram){.peer = victim, .bytes = {bytes, sizeof(bytes)}};
        client.node->out.n = 1;
        kad_relay_send(client.node);
        uv_run(&member_loop, UV_RUN_ONCE);
    }
    do {
        uv_run(&member_loop, UV_RUN_ONCE);
        kad_node_relay_status(relay.node, &status);
    } while (status.datagrams[KAD_RELAY_DROP_UNPROVED] == 0);
    for (unsigned i = 0; i < 20; i++)
        uv_run(&member_loop, UV_RUN_ONCE);
    EXPECT(n_hits > 0);
    EXPECT_MSG(n_hit <= 2 * 4096, "%zu bytes for none", n_hit); /* the relay's own ping among them */
    kad_udp_close(udp, evil_closed);
    while (!evil.n_closed)
        uv_run(&member_loop, UV_RUN_ONCE);
    kad_udp_buffers_free(buffers);
    stop_all();
}

TEST(a_lost_relay_gives_way_to_the_next)
{
    static struct member second;
    struct kad_endpoint before, at;
    bool was_first;

    member_open_loop();
    start_relay(&relay, RELAY, NULL, false);
    start_relay(&second, RELAY + 1, relay.address, false);
    start_client(relay.address);
    start_other(relay.address);
    await_relay();
    before = reached_at();
    at = kad_udp_endpoint(kad_relay_socket(relay.node));
    was_first = kad_endpoint_same_host(&before, &at);
    member_stop(was_first ? &relay : &second);
    do {
        uv_run(&member_loop, UV_RUN_ONCE);
        at = reached_at();
    } while (at.family == KAD_FAMILY_NONE || kad_endpoint_same_host(&at, &before));
    EXPECT_EQ(ping(&other, &at), 0);
    member_stop(&other);
    member_stop(&client);
    member_stop(was_first ? &second : &relay);
    member_close_loop();
}

/* Whoever has a relay by name speaks to nobody else, not even at the beginning. */
TEST(with_a_given_relay_nothing_goes_elsewhere)
{
    struct kad_node_config config;
    char text[160], identity[80];
    struct kad_relay_row rows[4];
    struct kad_endpoint at;

    member_open_loop();
    start_relay(&relay, RELAY, NULL, false);
    start_other(relay.address);
    kad_identity_format(kad_engine_identity(kad_node_engine(relay.node)), identity);
    snprintf(text, sizeof(text), "%s/%s", relay.address, identity);
    configure(&config, &client, CLIENT, other.address);
    config.relay.pinned = text;
    member_start(&client, &config);
    EXPECT_EQ(kad_node_relays(client.node, rows, 4), 0); /* it asks none before it can do so as nobody */
    await_relay();
    member_await_ready(&client);
    at = reached_at();
    EXPECT_EQ(kad_node_relays(client.node, rows, 4), 1);
    EXPECT(rows[0].ours && rows[0].rtt_ms >= 0 && rows[0].n_places == 4);
    EXPECT_EQ(kad_udp_counters(kad_relay_socket(client.node))->sent, 0);
    EXPECT_EQ(ping(&other, &at), 0);
    at = kad_udp_endpoint(kad_relay_socket(client.node)); /* and does not answer at its own port */
    EXPECT(ping(&other, &at) != 0);
    stop_all();
}
