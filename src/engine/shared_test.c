/* What engines of one process may share so that each is smaller: counters; and a limiter that is not there. */
#include "kad/engine.h"

#include "base/alloc.h"
#include "base/endpoint.h"
#include "base/test.h"
#include "engine/journal.h"
#include "engine/test_net.h"

static struct kad_engine *make(const struct kad_settings *settings, struct kad_counters *counters)
{
    const struct kad_engine_config config = {.network = kad_network_mainline(),
                                             .settings = settings,
                                             .ipv4 = true,
                                             .seed = {5},
                                             .counters = counters};
    struct kad_engine *engine = NULL;

    EXPECT_EQ(kad_engine_new(&config, 0, &engine), 0);
    return engine;
}

static void hear_noise(struct kad_engine *engine)
{
    static uint8_t memory[4 * KAD_DATAGRAM_MAX];
    struct kad_datagram sent[4];
    struct kad_batch batch = {.datagrams = sent, .memory = memory, .room = 4};
    const struct kad_datagram noise = {.peer = kad_endpoint_v4((uint8_t[]){20, 0, 0, 1}, 6881),
                                       .bytes = {(const uint8_t *)"noise", 5}};

    kad_engine_datagram(engine, &noise, 0, &batch);
}

static uint64_t memory_of(const struct kad_engine *engine)
{
    struct kad_info info;

    kad_engine_info(engine, &info);
    return info.memory;
}

/* Engines that were lent the same counters count together; one that was lent none counts alone. */
TEST(engines_may_count_together)
{
    struct kad_settings settings;
    struct kad_counters together = {0};
    struct kad_engine *a, *b, *alone;

    kad_settings_default(kad_network_mainline(), &settings);
    a = make(&settings, &together);
    b = make(&settings, &together);
    alone = make(&settings, NULL);
    hear_noise(a);
    hear_noise(b);
    hear_noise(alone);

    EXPECT(kad_engine_counters(a) == &together && kad_engine_counters(b) == &together);
    EXPECT_EQ(together.received[KAD_DROP_MALFORMED], 2);
    EXPECT_EQ(kad_engine_counters(alone)->received[KAD_DROP_MALFORMED], 1);
    EXPECT_EQ(memory_of(alone) - memory_of(a), sizeof(struct kad_counters));
    kad_engine_free(a);
    kad_engine_free(b);
    kad_engine_free(alone);
    EXPECT_EQ(together.bytes_in, 10); /* the host's, whoever is gone */
}

static bool keep_nothing(void *context, struct kad_bytes block)
{
    (void)context;
    (void)block;
    return true;
}

/* What others count in between would not be there when a recording is run again. */
TEST(an_engine_that_counts_with_others_is_not_recorded)
{
    const struct kad_journal_config config = {.version = "test", .write = keep_nothing};
    struct kad_settings settings;
    struct kad_counters together = {0};
    struct kad_journal *journal = NULL;
    struct kad_engine *engine;

    kad_settings_default(kad_network_mainline(), &settings);
    engine = make(&settings, &together);
    EXPECT_EQ(kad_journal_begin(engine, &config, 0, &journal), KAD_E_INVALID);
    EXPECT(!journal);
    kad_engine_free(engine);
}

/* limit_addresses = 0: a network without limits finds, stores and answers as any other, and a node is a KiB smaller than
 * with the fewest places. */
TEST(a_network_without_a_limiter_works)
{
    static struct test_net net;
    struct kad_record record = {.type = KAD_RECORD_IMMUTABLE, .value = {(const uint8_t *)"4:free", 6}};
    struct kad_request request = {.kind = KAD_REQUEST_PUT};
    struct kad_settings least;
    struct kad_engine *with, *without;

    test_net_init(&net);
    net.settings.limit_addresses = 0;
    test_net_grow(&net, 20);
    kad_mainline_immutable_key(record.value, &record.key);
    request.target = record.key;
    request.record = record;
    EXPECT_EQ(test_net_request(&net.nodes[3], &request), 0);
    request.kind = KAD_REQUEST_GET;
    EXPECT_EQ(test_net_request(&net.nodes[17], &request), 0);
    EXPECT_MEM(net.nodes[17].value, "4:free", 6);

    least = net.settings;
    least.limit_addresses = 16;
    with = make(&least, NULL);
    without = make(&net.settings, NULL);
    EXPECT_EQ(memory_of(with) - memory_of(without), 1024);
    kad_engine_free(with);
    kad_engine_free(without);
    test_net_clear(&net);
}
