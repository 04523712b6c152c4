/* The eight test cases of the source text T024, in virtual time: nodes of libp2p's network, "/icn/kad/1.0.0", whose connections are
 * memory. tests/libp2p has those among real ones. */
#include "engine/swarm.h"

#include <stdlib.h>
#include <string.h>

#include "base/cid.h"
#include "base/test.h"
#include "core/id.h"
#include "core/message.h"
#include "crypto/crypto.h"
#include "engine/test_swarm.h"
#include "wire/libp2p/message.h"

#define ROWS 256

static struct kad_id id_of(const struct swarm_node *node)
{
    struct kad_info info;

    kad_engine_info(node->engine, &info);
    return info.id;
}

/* All contacts, or those of the farthest bucket, without those in reserve. */
static unsigned rows_of(const struct swarm_node *node, bool far, struct kad_table_row rows[ROWS])
{
    const size_t n = kad_engine_table(node->engine, KAD_IPV4, rows, ROWS);
    const struct kad_id self = id_of(node);
    unsigned kept = 0;

    for (size_t i = 0; i < n && i < ROWS; i++) {
        if (!rows[i].replacement && (!far || kad_id_prefix(&self, &rows[i].contact.id) == 0))
            rows[kept++] = rows[i];
    }
    return kept;
}

static bool has(const struct swarm_node *node, const struct kad_id *id)
{
    struct kad_table_row rows[ROWS];
    const unsigned n = rows_of(node, false, rows);

    for (unsigned i = 0; i < n; i++) {
        if (memcmp(rows[i].contact.id.bytes, id->bytes, sizeof(id->bytes)) == 0)
            return true;
    }
    return false;
}

/* A shard of T024's: its key is "0xABCD", hashed, as it is shorter than a digest. */
static void shard(struct swarm_node *node, struct kad_request *request, uint8_t multihash[34])
{
    uint8_t digest[32];

    kad_sha256((const uint8_t *)"\xab\xcd", 2, digest);
    kad_multihash_sha256(digest, multihash);
    kad_swarm_learn_key(node->swarm, (struct kad_bytes){multihash, 34}, &request->target);
}

static void provide_until(struct swarm_node *node, bool keep, kad_ms until)
{
    const uint8_t addr[8] = {4, 10, 0, 1, 1, 6, 0x23, 0x28};
    struct kad_request request = {.kind = KAD_REQUEST_PUT, .keep = keep, .renews = keep, .keep_until = until};
    uint8_t multihash[34];

    shard(node, &request, multihash);
    swarm_node_provide(node, &request, multihash, (struct kad_bytes){addr, sizeof(addr)});
}

static void provide(struct swarm_node *node, bool keep)
{
    provide_until(node, keep, 0);
}

static void providers(struct swarm_node *node)
{
    uint8_t multihash[34];
    struct kad_request request = {.kind = KAD_REQUEST_GET, .fresh = true};

    shard(node, &request, multihash);
    request.record.type = KAD_CLASS_PROVIDER;
    swarm_node_request(node, &request);
}

static void peer_discovery(unsigned n)
{
    struct swarm_net *net = swarm_net_make(n, 200, NULL);
    struct swarm_node *a = &net->nodes[n > 3 ? 7 : 0];
    struct kad_request request = {.kind = KAD_REQUEST_CLOSEST};
    const kad_ms began = net->now;

    kad_swarm_learn_key(a->swarm, (struct kad_bytes){(const uint8_t *)"a random peer", 13}, &request.target);
    swarm_node_request(a, &request);
    EXPECT(net->now - began < 5 * KAD_SECOND);
    EXPECT_EQ(a->n_contacts, n - 1 < 20 ? n - 1 : 20);
    for (unsigned i = 0; i < a->n_contacts; i++) { /* nobody that was left out is nearer than who was named */
        const struct kad_id *found = &a->found[i];
        unsigned nearer = 0;

        for (unsigned k = 0; k < n; k++) {
            const struct kad_id id = id_of(&net->nodes[k]);

            nearer += &net->nodes[k] != a && kad_id_compare(&request.target, &id, found) < 0;
        }
        EXPECT_EQ(nearer, i);
    }
    swarm_net_free(net);
}

TEST(test_case_1_peer_discovery) /* I042 - I045 */
{
    peer_discovery(3);
    peer_discovery(30);
}

TEST(test_case_2_provider_record_publication) /* I046 - I049 */
{
    for (unsigned n = 3; n <= 30; n += 27) {
        struct swarm_net *net = swarm_net_make(n, 200, NULL);
        unsigned holders = 0;

        provide(&net->nodes[0], true);
        EXPECT(net->nodes[0].n_stored >= (n - 1 < 15 ? n - 1 : 15)); /* put_enough: the others follow */
        swarm_net_run(net, KAD_SECOND);
        for (unsigned i = 1; i < n; i++) {
            struct kad_info info;

            kad_engine_info(net->nodes[i].engine, &info);
            holders += info.n_records == 1;
        }
        EXPECT(holders == (n - 1 < 20 ? n - 1 : 20) || holders == 19); /* we are one of the 20 */
        swarm_net_free(net);
    }
}

TEST(test_case_3_provider_record_lookup) /* I051 - I054 */
{
    for (unsigned n = 3; n <= 30; n += 27) {
        struct swarm_net *net = swarm_net_make(n, 200, NULL);
        const struct kad_id a = id_of(&net->nodes[0]);

        provide(&net->nodes[0], false);
        for (unsigned i = 1; i < n; i++) {
            const kad_ms began = net->now;
            struct kad_swarm_peer peer;

            providers(&net->nodes[i]);
            EXPECT(net->now - began < 2 * KAD_SECOND);
            EXPECT_EQ(net->nodes[i].n_records, 1);
            EXPECT_MEM(net->nodes[i].owners[0], a.bytes, 32);
            EXPECT(kad_swarm_find_place(net->nodes[i].swarm, &a, &peer));
            EXPECT(peer.n_addrs > 0);
        }
        swarm_net_free(net);
    }
}

TEST(test_case_4_dht_bootstrap) /* I055 - I058 */
{
    struct swarm_net *net = swarm_net_make(30, 200, NULL);
    struct swarm_node *node = swarm_net_add(net, KAD_SWARM_SERVER);
    uint64_t asked;

    for (unsigned i = 4; i < 7; i++)
        swarm_node_connect(node, &net->nodes[i]);
    swarm_net_run(net, 30 * KAD_SECOND);
    EXPECT(swarm_node_contacts(node) > 10);
    asked = kad_engine_counters(node->engine)->queries_out[KAD_FIND_NODE];
    EXPECT(asked > 3);
    swarm_net_free(net);
}

TEST(test_case_5_routing_table_refresh) /* I059 - I063 */
{
    struct swarm_net *net = swarm_net_make(51, 200, NULL);
    struct swarm_node *node = &net->nodes[0];
    struct kad_id dead[10], fresh[10];
    const uint64_t refreshes = kad_engine_counters(node->engine)->refreshes;
    const uint64_t asked = kad_engine_counters(node->engine)->queries_out[KAD_FIND_NODE];
    unsigned n_fresh = 0;

    EXPECT_EQ(swarm_node_contacts(node), 50);
    for (unsigned i = 0; i < 10; i++) {
        dead[i] = id_of(&net->nodes[40 + i]);
        swarm_node_stop(&net->nodes[40 + i]);
    }
    for (unsigned i = 0; i < 10; i++) { /* they come through somebody else */
        struct swarm_node *newcomer = swarm_net_add(net, KAD_SWARM_SERVER);

        swarm_node_connect(newcomer, &net->nodes[20 + i]);
        fresh[i] = id_of(newcomer);
    }
    swarm_net_run(net, 6 * KAD_MINUTE);
    EXPECT(kad_engine_counters(node->engine)->refreshes > refreshes);
    EXPECT(kad_engine_counters(node->engine)->queries_out[KAD_FIND_NODE] > asked);
    for (unsigned i = 0; i < 10; i++) {
        EXPECT(!has(node, &dead[i]));
        n_fresh += has(node, &fresh[i]);
    }
    EXPECT(n_fresh >= 5);
    EXPECT(swarm_node_contacts(node) >= 45 && swarm_node_contacts(node) <= 55);
    swarm_net_free(net);
}

TEST(test_case_6_provider_record_expiry) /* I064 - I067 */
{
    for (int provides = 0; provides < 2; provides++) { /* still, or not any more */
        struct swarm_net *net = swarm_net_make(6, 200, NULL);

        provide(&net->nodes[1], provides);
        if (!provides)
            swarm_node_stop(&net->nodes[1]);
        for (int hour = 1; hour <= 13; hour++) {
            swarm_net_run(net, hour == 12   ? KAD_HOUR - KAD_MINUTE
                               : hour == 13 ? KAD_HOUR + KAD_MINUTE
                                            : KAD_HOUR);
            providers(&net->nodes[4]);
            EXPECT_EQ(net->nodes[4].n_records, provides || hour < 13);
        }
        for (unsigned i = 0; i < 6 && !provides; i++) { /* and nobody holds it */
            struct kad_info info;

            if (i == 1)
                continue;
            kad_engine_info(net->nodes[i].engine, &info);
            EXPECT_EQ(info.n_records, 0);
        }
        swarm_net_free(net);
    }
}

/* I140: who provides until a date says so until then. Here nobody can take anything back: what others were told last they forget
 * a life later (12 h), and not after that; what the node itself has of it ends at the date. */
TEST(providing_until_a_date_ends_by_itself)
{
    struct swarm_net *net = swarm_net_make(6, 200, NULL);
    const kad_ms day = 24 * KAD_HOUR, until = net->now + 7 * day;
    struct kad_info info;
    uint64_t n_published;

    provide_until(&net->nodes[1], true, until);
    swarm_net_run(net, 69 * day / 10);
    providers(&net->nodes[4]);
    EXPECT_EQ(net->nodes[4].n_records, 1); /* on day 6.9 */
    swarm_net_run(net, until - net->now + KAD_MINUTE);
    kad_engine_info(net->nodes[1].engine, &info);
    EXPECT_EQ(info.n_publications, 0);
    EXPECT_EQ(info.n_records, 0);
    n_published = kad_engine_counters(net->nodes[1].engine)->published;
    EXPECT_MSG(n_published >= 7 * 24 / 5 && n_published < 7 * 24 / 3, "%llu times in 7 days",
               (unsigned long long)n_published);
    swarm_net_run(net, 12 * KAD_HOUR);
    providers(&net->nodes[4]);
    EXPECT_EQ(net->nodes[4].n_records, 0);
    swarm_net_run(net, 12 * KAD_HOUR);
    providers(&net->nodes[4]);
    EXPECT_EQ(net->nodes[4].n_records, 0); /* on day 8 */
    EXPECT_EQ(kad_engine_counters(net->nodes[1].engine)->published, n_published);
    swarm_net_free(net);
}

static void six_hours(struct kad_settings *settings)
{
    settings->peer_ttl_ms = 6 * KAD_HOUR;
}

static void a_day(struct kad_settings *settings)
{
    settings->peer_ttl_ms = 24 * KAD_HOUR;
}

/* I141, I142: other lives than the presets' are a setting; who still provides says so in time, whatever it is. */
TEST(providers_live_as_long_as_the_setting_says)
{
    for (int hours = 6; hours <= 24; hours += 18) {
        for (int provides = 0; provides < 2; provides++) {
            struct swarm_net *net = swarm_net_make(4, 200, hours == 6 ? six_hours : a_day);

            provide(&net->nodes[1], provides);
            if (!provides)
                swarm_node_stop(&net->nodes[1]);
            swarm_net_run(net, (unsigned)(hours * KAD_HOUR - KAD_MINUTE));
            providers(&net->nodes[3]);
            EXPECT_EQ(net->nodes[3].n_records, 1);
            swarm_net_run(net, 2 * KAD_MINUTE);
            providers(&net->nodes[3]);
            EXPECT_EQ(net->nodes[3].n_records, provides);
            swarm_net_free(net);
        }
    }
}

TEST(test_case_7_query_timeout) /* I068 - I071: nobody is there who could answer */
{
    struct swarm_net *net = swarm_net_make(3, 200, NULL);
    struct swarm_node *node = &net->nodes[0];
    struct kad_request request = {.kind = KAD_REQUEST_FIND, .timeout_ms = 10 * KAD_SECOND};
    kad_ms began;

    memset(request.target.bytes, 0x5a, sizeof(request.target.bytes));
    for (unsigned i = 1; i < 3; i++)
        net->nodes[i].silent = true;
    began = net->now;
    swarm_node_request(node, &request);
    EXPECT_EQ(node->reason, KAD_REASON_DEADLINE);
    EXPECT(net->now - began >= 10 * KAD_SECOND && net->now - began <= 10 * KAD_SECOND + 200);
    swarm_net_free(net);
}

static void narrow(struct kad_settings *settings)
{
    settings->table_wide = 0; /* the farthest bucket has k places, too */
}

TEST(test_case_8_k_bucket_replacement) /* I072 - I075 */
{
    struct swarm_net *net = swarm_net_make(2, 200, narrow);
    struct swarm_node *node = &net->nodes[0];
    struct kad_table_row rows[ROWS];
    struct kad_id stale;
    unsigned n, most = 0, left = 0;

    while ((n = rows_of(node, true, rows)) < 20) { /* until the farthest bucket is full */
        struct swarm_node *newcomer = swarm_net_add(net, KAD_SWARM_SERVER);

        swarm_node_connect(newcomer, node);
        swarm_net_run(net, 2000);
    }
    stale = rows[3].contact.id;
    for (unsigned i = 1; i < net->n_nodes; i++) {
        const struct kad_id id = id_of(&net->nodes[i]);

        if (memcmp(id.bytes, stale.bytes, sizeof(id.bytes)) == 0) {
            swarm_node_stop(&net->nodes[i]);
            break;
        }
    }
    for (unsigned far = 0; far == 0;) { /* until there is one more for this bucket */
        struct swarm_node *newcomer = swarm_net_add(net, KAD_SWARM_SERVER);
        const struct kad_id id = id_of(newcomer), self = id_of(node);

        swarm_node_connect(newcomer, node);
        swarm_net_run(net, 100);
        far = kad_id_prefix(&id, &self) == 0;
    }
    for (int i = 0; i < 3600; i++) { /* six minutes */
        swarm_net_run(net, 100);
        n = rows_of(node, true, rows);
        most = n > most ? n : most;
    }
    for (unsigned i = 0; i < n; i++)
        left += memcmp(rows[i].contact.id.bytes, stale.bytes, sizeof(stale.bytes)) == 0;
    EXPECT_EQ(most, 20);
    EXPECT_EQ(n, 20);
    EXPECT_EQ(left, 0);
    swarm_net_free(net);
}
