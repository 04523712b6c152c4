/* P090: gets that cannot be linked: what holders see of them, what they cost, how they end. */
// threads
#include <string.h>

#include "base/endpoint.h"
#include "base/test.h"
#include "channel/channel_parts.h"
#include "engine/engine_parts.h"
#include "kad/secure.h"
#include "node/parts.h"
#include "node/test_member.h"

#define HOLDERS 8

static struct member holders[HOLDERS], me;

static void configure(struct kad_node_config *config, struct member *member,
                      const struct kad_network *network, unsigned last, const char *bootstrap)
{
    struct kad_node_config its;

    kad_node_config_default(network, &its);
    member_configure(config, member, last, bootstrap);
    config->network = network;
    config->settings = its.settings;
}

static void open_network(const struct kad_network *network)
{
    struct kad_node_config config;

    member_open_loop();
    for (unsigned i = 0; i < HOLDERS; i++) {
        configure(&config, &holders[i], network, 10 + i, i ? holders[0].address : NULL);
        member_start(&holders[i], &config);
    }
    for (unsigned i = 1; i < HOLDERS; i++)
        member_await_ready(&holders[i]);
    configure(&config, &me, network, 9, holders[0].address);
    config.readers.at_once = 2;
    config.readers.work_percent = 100;
    member_start(&me, &config);
    member_await_ready(&me);
}

static void close_network(void)
{
    if (me.node)
        member_stop(&me);
    for (unsigned i = 0; i < HOLDERS; i++)
        member_stop(&holders[i]);
    member_close_loop();
}

/* What came of asking for a reader, and what the reader then found. */
struct asking {
    struct kad_reader *reader;
    struct kad_node *node;
    unsigned n_ready;
    int error;
    struct member found;
};

static void on_ready(void *user, struct kad_node *node, int error)
{
    struct asking *asked = user;

    asked->n_ready++;
    asked->node = node;
    asked->error = error;
    EXPECT((node != NULL) == (error == KAD_OK));
}

static int ask_for(struct asking *asked, kad_ms wait_ms)
{
    memset(asked, 0, sizeof *asked);
    return kad_reader_new(me.node, wait_ms, on_ready, asked, &asked->reader);
}

static void await_ready(struct asking *asked)
{
    while (asked->n_ready == 0)
        uv_run(&member_loop, UV_RUN_ONCE);
    EXPECT_EQ(asked->n_ready, 1);
}

static void await_gone(void)
{
    struct kad_reader_counts counts;

    do {
        uv_run(&member_loop, UV_RUN_ONCE);
        kad_node_reader_counts(me.node, &counts);
    } while (counts.n_open > 0);
}

static void get(struct asking *asked, const struct kad_request *request)
{
    asked->found.node = asked->node;
    EXPECT_EQ(member_ask(&asked->found, request), KAD_OK);
}

/* -- what holders see ---------------------------------------------------------------------------------------------- */

/* Their sessions with whoever has this key: how many, and where the first of them says it is. */
static unsigned sessions_with(const uint8_t key[32], struct kad_endpoint *out_at, uint32_t indices[HOLDERS])
{
    unsigned n = 0;

    for (unsigned i = 0; i < HOLDERS; i++) {
        const struct kad_channel *channel = kad_engine_member(kad_node_engine(holders[i].node))->channel;
        uint32_t at = 0;
        const struct kad_session *session = kad_sessions_next(&channel->sessions, key, &at);

        if (!session)
            continue;
        EXPECT(n == 0 || kad_endpoint_equal(out_at, &session->endpoint));
        *out_at = session->endpoint;
        indices[n++] = session->remote;
    }
    return n;
}

static void put(const struct kad_secure_name *name)
{
    uint8_t value[KAD_SECURE_VALUE_MAX];
    const uint8_t seed[32] = {7};
    const struct kad_secure_draft draft = {.name = name,
                                           .value = {(const uint8_t *)"hello", 5},
                                           .seed = seed,
                                           .sequence = 1,
                                           .made_at = kad_node_now(me.node)};
    struct kad_request request = {.kind = KAD_REQUEST_PUT};

    EXPECT_EQ(kad_secure_make(&draft, value, &request.record), KAD_OK);
    request.target = request.record.key;
    EXPECT_EQ(member_ask(&me, &request), KAD_OK);
    EXPECT(me.n_stored >= HOLDERS / 2);
}

/* Two readers of one node and the node itself: each holder has them as three strangers, and each found the same. */
TEST(p090_two_gets_of_one_reader_share_nothing)
{
    struct kad_secure_name name;
    struct kad_request request;
    struct asking first, second;
    struct kad_endpoint at[3];
    uint32_t indices[3][HOLDERS];
    const uint8_t *keys[3];
    unsigned n[3];

    open_network(kad_network_kad_easy());
    EXPECT_EQ(kad_secure_parse("room:lobby", NULL, 0, &name), KAD_OK);
    put(&name);
    kad_secure_request(&name, 0, &request);
    EXPECT_EQ(ask_for(&first, KAD_SECOND), KAD_OK);
    EXPECT_EQ(ask_for(&second, KAD_SECOND), KAD_OK);
    await_ready(&first);
    await_ready(&second);
    EXPECT_EQ(first.error, KAD_OK);
    EXPECT_EQ(second.error, KAD_OK);
    get(&first, &request);
    get(&second, &request);
    EXPECT_EQ(member_ask(&me, &request), KAD_OK);
    EXPECT_EQ(first.found.n_value, me.n_value);
    EXPECT_MEM(first.found.value, me.value, me.n_value);
    EXPECT_EQ(second.found.n_value, me.n_value);
    EXPECT_MEM(second.found.value, me.value, me.n_value);

    keys[0] = kad_engine_identity(kad_node_engine(me.node));
    keys[1] = kad_engine_identity(kad_node_engine(first.node));
    keys[2] = kad_engine_identity(kad_node_engine(second.node));
    for (unsigned i = 0; i < 3; i++) {
        n[i] = sessions_with(keys[i], &at[i], indices[i]);
        EXPECT(n[i] >= HOLDERS / 2);
    }
    for (unsigned i = 0; i < 3; i++) {
        for (unsigned j = 0; j < i; j++) {
            EXPECT(memcmp(keys[i], keys[j], 32) != 0);
            EXPECT(at[i].port != at[j].port);
            for (unsigned a = 0; a < n[i]; a++) {
                for (unsigned b = 0; b < n[j]; b++)
                    EXPECT(indices[i][a] != indices[j][b]);
            }
        }
    }
    kad_reader_end(first.reader);
    kad_reader_end(second.reader);
    await_gone();
    close_network();
}

/* A member for one get does nothing else: it neither joins nor keeps its table fresh, and nobody has it in a table. */
TEST(p090_a_reader_asks_for_what_it_is_there_for)
{
    struct kad_request request = {.kind = KAD_REQUEST_GET, .target = {{1, 2, 3}}};
    struct kad_table_row rows[64];
    struct asking asked;
    const struct kad_counters *counters;
    const uint8_t *key;
    uint64_t n_queries = 0;

    open_network(kad_network_kad_easy());
    EXPECT_EQ(ask_for(&asked, KAD_SECOND), KAD_OK);
    await_ready(&asked);
    asked.found.node = asked.node;
    (void)member_ask(&asked.found, &request);
    for (int i = 0; i < 50; i++) /* half a second */
        uv_run(&member_loop, UV_RUN_ONCE);
    counters = kad_engine_counters(kad_node_engine(asked.node));
    for (unsigned i = 0; i < KAD_METHODS; i++)
        n_queries += counters->queries_out[i];
    EXPECT_EQ(counters->refreshes, 0);
    EXPECT_EQ(counters->queries_out[0], 0);
    EXPECT(n_queries <= HOLDERS + 1); /* the node itself is a member, too */
    key = kad_engine_identity(kad_node_engine(asked.node));
    for (unsigned i = 0; i < HOLDERS; i++) {
        const size_t n = kad_engine_table(kad_node_engine(holders[i].node), KAD_IPV4, rows, 64);

        for (size_t j = 0; j < n && j < 64; j++)
            EXPECT(memcmp(rows[j].public_key, key, 32) != 0);
    }
    kad_reader_end(asked.reader);
    await_gone();
    close_network();
}

/* -- how many, and how they end ------------------------------------------------------------------------------------ */

TEST(p090_no_more_at_once_than_were_allowed)
{
    struct asking first, second, third, fourth;
    struct kad_reader_counts counts;

    open_network(kad_network_kad_easy());
    EXPECT_EQ(ask_for(&first, 0), KAD_OK); /* any identity will do here: one is to be had at once */
    EXPECT_EQ(ask_for(&second, 0), KAD_OK);
    await_ready(&first);
    await_ready(&second);
    EXPECT_EQ(ask_for(&third, 0), KAD_E_LIMIT);
    EXPECT_EQ(ask_for(&third, 30), KAD_OK);
    EXPECT_EQ(ask_for(&fourth, KAD_HOUR), KAD_OK);
    await_ready(&third);
    EXPECT_EQ(third.error, KAD_E_TIMEOUT);
    kad_reader_end(first.reader);
    await_ready(&fourth);
    EXPECT_EQ(fourth.error, KAD_OK);
    kad_node_reader_counts(me.node, &counts);
    EXPECT_EQ(counts.begun, 3);
    EXPECT_EQ(counts.refused, 1);
    EXPECT_EQ(counts.timeouts, 1);
    EXPECT_EQ(counts.n_waiting, 0);
    kad_reader_end(second.reader);
    kad_reader_end(fourth.reader);
    await_gone();
    close_network();
}

/* The node waits for its readers when it stops; who was waiting for one is told, who was asking gets an end. */
TEST(p090_readers_end_with_their_node)
{
    struct kad_request request = {.kind = KAD_REQUEST_GET, .target = {{1}}};
    struct asking open, asking, waiting, ended, cancelled;

    open_network(kad_network_kad_easy());
    EXPECT_EQ(ask_for(&open, KAD_SECOND), KAD_OK);
    EXPECT_EQ(ask_for(&asking, KAD_SECOND), KAD_OK);
    await_ready(&open);
    await_ready(&asking);
    EXPECT_EQ(ask_for(&waiting, KAD_HOUR), KAD_OK);
    EXPECT_EQ(ask_for(&ended, KAD_HOUR), KAD_OK);
    EXPECT_EQ(ask_for(&cancelled, KAD_HOUR), KAD_OK);
    kad_reader_end(ended.reader);
    kad_reader_cancel(cancelled.reader);
    await_ready(&cancelled);
    EXPECT_EQ(cancelled.error, KAD_E_CLOSED);
    EXPECT_EQ(kad_node_request(asking.node, &request, member_on_done, &asking.found, NULL), KAD_OK);
    member_stop(&me);
    EXPECT_EQ(waiting.n_ready, 1);
    EXPECT_EQ(waiting.error, KAD_E_CLOSED);
    EXPECT_EQ(ended.n_ready, 0);
    EXPECT_EQ(asking.found.n_done, 1);
    EXPECT_EQ(asking.found.reason, KAD_REASON_CANCELLED);
    kad_reader_end(open.reader);
    kad_reader_end(asking.reader);
    close_network();
}

/* -- the puzzle ---------------------------------------------------------------------------------------------------- */

/* Nothing is searched for before the first use. Then none is ready: whoever does not wait gets none, and never the node's own; whoever waits
 * gets one; and there are as many as are to be kept after that. */
TEST(p090_identities_are_made_ahead)
{
    struct kad_node_config config;
    struct kad_reader_counts counts;
    struct asking asked;

    member_open_loop();
    configure(&config, &me, kad_network_kad(), 9, NULL);
    config.readers.identities = 1;
    config.readers.work_percent = 100;
    member_start(&me, &config);
    kad_node_reader_counts(me.node, &counts);
    EXPECT_EQ(counts.n_ready, 0);
    EXPECT_EQ(ask_for(&asked, 0), KAD_E_LIMIT);
    EXPECT_EQ(ask_for(&asked, KAD_HOUR), KAD_OK);
    await_ready(&asked);
    EXPECT_EQ(asked.error, KAD_OK);
    EXPECT(kad_identity_bits(kad_engine_identity(kad_node_engine(asked.node))) >= KAD_PUZZLE_BITS);
    kad_reader_end(asked.reader);
    do {
        uv_run(&member_loop, UV_RUN_ONCE);
        kad_node_reader_counts(me.node, &counts);
    } while (counts.n_ready == 0 || counts.n_open > 0);
    EXPECT_EQ(counts.identities, 2);
    EXPECT(counts.tries > 2);
    EXPECT_EQ(ask_for(&asked, 0), KAD_OK);
    await_ready(&asked);
    EXPECT_EQ(asked.error, KAD_OK);
    kad_reader_end(asked.reader);
    await_gone();
    member_stop(&me);
    member_close_loop();
}

TEST(p090_where_there_are_none)
{
    struct kad_node_config config;
    struct asking asked;

    member_open_loop();
    configure(&config, &me, kad_network_kad_easy(), 9, NULL);
    config.readers.use = KAD_READERS_OFF;
    member_start(&me, &config);
    EXPECT_EQ(ask_for(&asked, KAD_HOUR), KAD_E_DISABLED);
    member_stop(&me);
    member_close_loop();
}

/* Mainline's nodes have no identities, but ids and ports. */
TEST(p090_mainline_has_readers_too)
{
    struct asking asked;
    struct kad_info its, ours;
    const struct kad_request put_request = member_put_of("5:hello");
    struct kad_request request = {.kind = KAD_REQUEST_GET, .target = put_request.record.key};

    open_network(kad_network_mainline());
    EXPECT_EQ(member_ask(&holders[3], &put_request), KAD_OK);
    EXPECT_EQ(ask_for(&asked, KAD_SECOND), KAD_OK);
    await_ready(&asked);
    get(&asked, &request);
    EXPECT_EQ(asked.found.n_value, 7);
    kad_engine_info(kad_node_engine(asked.node), &its);
    kad_engine_info(kad_node_engine(me.node), &ours);
    EXPECT(memcmp(&its.id, &ours.id, sizeof its.id) != 0);
    kad_reader_end(asked.reader);
    await_gone();
    close_network();
}
