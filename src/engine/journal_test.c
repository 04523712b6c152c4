#include "engine/journal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/test.h"
#include "core/operation.h"
#include "crypto/crypto.h"
#include "engine/engine_parts.h"
#include "engine/test_journal.h"
#include "engine/test_net.h"

#define NODES 24

static struct kad_id key_of(unsigned i)
{
    struct kad_id id = {{(uint8_t)(37 * i), (uint8_t)i}};

    return id;
}

static struct kad_request put_of(char *value, size_t room, unsigned i)
{
    struct kad_request request = {.kind = KAD_REQUEST_PUT};

    snprintf(value, room, "7:value%02u", i % 100);
    request.record.type = KAD_RECORD_IMMUTABLE;
    request.record.value = (struct kad_bytes){(const uint8_t *)value, strlen(value)};
    kad_mainline_immutable_key(request.record.value, &request.record.key);
    request.target = request.record.key;
    request.keep = i % 2;
    return request;
}

/* Every node asks something at once, and all of it is still under way when this returns. */
static void make_noise(struct test_net *net, unsigned round)
{
    char value[16], other[16];

    for (unsigned i = 0; i < net->n_nodes; i++) {
        const unsigned n = round * 8 + i;
        struct kad_request requests[] = {
            {.kind = KAD_REQUEST_ANNOUNCE,
             .target = key_of(n % 5),
             .port = (uint16_t)(1000 + i),
             .seed = i & 1},
            {.kind = KAD_REQUEST_PEERS, .target = key_of(n % 5), .progress = true},
            {.kind = KAD_REQUEST_PEERS, .target = key_of(n % 5), .scrape = true},
            {.kind = KAD_REQUEST_CLOSEST, .target = key_of(n), .trace = true},
            {.kind = KAD_REQUEST_SAMPLE, .target = key_of(n)},
            put_of(value, sizeof(value), n),
            {.kind = KAD_REQUEST_GET, .target = put_of(other, sizeof(other), n + 1).target},
        };
        uint64_t id;

        if (net->nodes[i].engine)
            EXPECT_EQ(kad_engine_request(net->nodes[i].engine, &requests[n % KAD_COUNT_OF(requests)],
                                         net->now, &id),
                      0);
    }
}

static void open_net(struct test_net *net)
{
    test_net_init(net);
    net->settings.limit_local = true;
    test_net_grow(net, NODES);
}

/* The point of it all: begun in the middle of things, with lookups, announces and republications under way and others
 * leaving, what is recorded comes out the same, at every checkpoint and in every byte that was sent. */
TEST(a_recorded_node_replays_to_the_same_state)
{
    static struct test_net net;
    struct test_tape tape = {0};
    struct kad_replay_stats stats;
    struct kad_journal_stats written;
    struct kad_journal *journal;
    char why[TEST_TAPE_WHY];
    uint64_t end;

    open_net(&net);
    make_noise(&net, 0);
    test_net_run(&net, 25);
    EXPECT(test_net_info(&net.nodes[3])->n_queries > 0);
    journal = test_tape_begin(&tape, net.nodes[3].engine, KAD_SECOND, net.now);
    for (unsigned round = 1; round < 11; round++) {
        make_noise(&net, round);
        test_net_run(&net, round < 9 ? 15 : 20 * KAD_MINUTE); /* long enough to publish again */
        if (round == 4) {
            test_net_off(&net.nodes[9]);
            test_net_off(&net.nodes[10]);
            kad_engine_unreachable(net.nodes[3].engine, &net.nodes[9].endpoint, net.now);
        }
    }
    end = kad_engine_hash(net.nodes[3].engine);
    kad_journal_stats(journal, &written);
    kad_journal_end(journal, net.now);
    EXPECT_EQ(kad_engine_hash(net.nodes[3].engine), end);

    EXPECT_MSG(test_tape_replay(&tape, &stats, why) == KAD_REPLAY_END, "%s", why);
    EXPECT(written.n_checks > 100);
    EXPECT(written.n_datagrams > 300);
    EXPECT_EQ(stats.n_inputs[KAD_JOURNAL_DATAGRAM], written.n_datagrams);
    EXPECT_EQ(stats.n_inputs[KAD_JOURNAL_REQUEST], 10);
    EXPECT_EQ(stats.n_inputs[KAD_JOURNAL_UNREACHABLE], 1);
    EXPECT(stats.n_inputs[KAD_JOURNAL_GET] > 0 && stats.n_inputs[KAD_JOURNAL_PUT] > 0 &&
           stats.n_inputs[KAD_JOURNAL_PEERS] > 0 && stats.n_inputs[KAD_JOURNAL_ADD_PEER] > 0 &&
           stats.n_inputs[KAD_JOURNAL_SAMPLE] > 0 && stats.n_inputs[KAD_JOURNAL_EACH_PEER] > 0);
    test_tape_clear(&tape);
    test_net_clear(&net);
}

/* A recording may be anybody's: a state that would make the engine divide by nothing, or wait for nothing, is none. */
TEST(a_state_that_cannot_be_is_refused)
{
    static struct test_net net;

    open_net(&net);
    for (unsigned wrong = 0; wrong < 3; wrong++) {
        struct kad_engine *engine = net.nodes[3].engine;
        const struct kad_churn churn = engine->dht.churn;
        struct test_tape tape = {0};
        struct kad_lookup *lookup;

        for (unsigned round = 0; round < 7; round++)
            make_noise(&net, round);
        lookup = &engine->dht.operations->paths[0].first;
        if (wrong == 0)
            engine->dht.churn = (struct kad_churn){.seen_s = 1};
        else if (wrong == 1)
            engine->dht.churn.seen_s = INT64_MAX;
        else
            lookup->config.parallel = 0;
        kad_journal_end(test_tape_begin(&tape, engine, KAD_SECOND, net.now), net.now);
        EXPECT_EQ(test_tape_replay(&tape, NULL, NULL), KAD_REPLAY_CORRUPT);
        test_tape_clear(&tape);
        engine->dht.churn = churn;
        lookup->config.parallel = net.settings.alpha;
        test_net_run(&net, KAD_MINUTE);
    }
    test_net_clear(&net);
}

/* More queries may wait than are allowed by now: that is a state like any other. */
TEST(a_recording_may_begin_after_a_ceiling_came_down)
{
    static struct test_net net;
    struct test_tape tape = {0};
    struct kad_settings lower;
    struct kad_engine *engine;
    struct kad_journal *journal;
    const char *field;
    char why[TEST_TAPE_WHY];

    open_net(&net);
    engine = net.nodes[3].engine;
    for (unsigned round = 0; round < 4; round++)
        make_noise(&net, round);
    test_net_run(&net, 5);
    EXPECT(test_net_info(&net.nodes[3])->n_queries > 8);
    lower = net.settings;
    lower.max_queries = 8;
    EXPECT_EQ(kad_engine_set_settings(engine, &lower, net.now, &field), 0);
    journal = test_tape_begin(&tape, engine, KAD_SECOND, net.now);
    make_noise(&net, 5);
    test_net_run(&net, KAD_MINUTE);
    kad_journal_end(journal, net.now);
    EXPECT_MSG(test_tape_replay(&tape, NULL, why) == KAD_REPLAY_END, "%s", why);
    test_tape_clear(&tape);
    test_net_clear(&net);
}

/* Recording is looking: whether it is done changes nothing. */
TEST(recording_changes_nothing)
{
    static struct test_net net;
    uint64_t hashes[2];

    for (int recorded = 0; recorded < 2; recorded++) {
        struct test_tape tape = {0};
        struct kad_journal *journal = NULL;

        open_net(&net);
        if (recorded)
            journal = test_tape_begin(&tape, net.nodes[3].engine, 100, net.now);
        make_noise(&net, 1);
        test_net_run(&net, KAD_MINUTE);
        hashes[recorded] = kad_engine_hash(net.nodes[3].engine);
        kad_journal_end(journal, net.now);
        test_tape_clear(&tape);
        test_net_clear(&net);
    }
    EXPECT(hashes[0] == hashes[1]);
}

/* What distinguishes two engines shows in the hash, or it would prove nothing. */
TEST(the_hash_sees_one_more_contact_counter_or_request)
{
    static struct test_net net;
    struct kad_engine *engine;
    const struct kad_contact contact = {key_of(200), net.nodes[0].endpoint};
    const struct kad_request request = {.kind = KAD_REQUEST_CLOSEST, .target = key_of(1)};
    struct kad_contact other = contact;
    uint64_t hashes[4], id;

    open_net(&net);
    engine = net.nodes[3].engine;
    other.endpoint = net.nodes[5].endpoint;
    other.endpoint.port++;
    hashes[0] = kad_engine_hash(engine);
    EXPECT_EQ(kad_engine_contact(engine, &other, false, net.now), 0);
    hashes[1] = kad_engine_hash(engine);
    EXPECT_EQ(kad_engine_request(engine, &request, net.now, &id), 0);
    hashes[2] = kad_engine_hash(engine);
    EXPECT(kad_engine_cancel(engine, id, net.now));
    hashes[3] = kad_engine_hash(engine);
    for (int i = 0; i < 4; i++) {
        for (int j = 0; j < i; j++)
            EXPECT(hashes[i] != hashes[j]);
    }
    test_net_clear(&net);
}

static void record_a_minute(struct test_net *net, struct test_tape *tape)
{
    struct kad_journal *journal;

    open_net(net);
    journal = test_tape_begin(tape, net->nodes[3].engine, KAD_SECOND, net->now);
    make_noise(net, 1);
    test_net_run(net, KAD_MINUTE);
    kad_journal_end(journal, net->now);
}

/* A killed recorder leaves a file that ends anywhere. */
TEST(a_journal_that_ends_early_replays_as_far_as_it_goes)
{
    static struct test_net net;
    struct test_tape tape = {0};
    unsigned n_cut = 0;
    size_t whole;

    record_a_minute(&net, &tape);
    whole = tape.n;
    for (size_t n = 0; n < whole; n += 1 + whole / 61) {
        enum kad_replay_verdict verdict;
        struct test_tape part = {.bytes = tape.bytes, .n = n};

        verdict = test_tape_replay(&part, NULL, NULL);
        EXPECT(verdict == KAD_REPLAY_CUT || verdict == KAD_REPLAY_CORRUPT);
        n_cut += verdict == KAD_REPLAY_CUT;
    }
    EXPECT(n_cut > 20);
    test_tape_clear(&tape);
    test_net_clear(&net);
}

/* Disks lie. A byte that changed is found by its block's checksum, wherever it stands. */
TEST(a_changed_byte_is_found)
{
    static struct test_net net;
    struct test_tape tape = {0};

    record_a_minute(&net, &tape);
    for (size_t at = 0; at < tape.n; at += 1 + tape.n / 97) {
        enum kad_replay_verdict verdict;

        tape.bytes[at] ^= 0x10;
        verdict = test_tape_replay(&tape, NULL, NULL);
        /* a block's size that has grown looks like a file that ends early */
        EXPECT(verdict == KAD_REPLAY_CORRUPT || verdict == KAD_REPLAY_CUT);
        tape.bytes[at] ^= 0x10;
    }
    EXPECT(test_tape_replay(&tape, NULL, NULL) == KAD_REPLAY_END);
    test_tape_clear(&tape);
    test_net_clear(&net);
}

static void seal(uint8_t *block)
{
    const uint32_t size =
        (uint32_t)block[8] << 24 | (uint32_t)block[9] << 16 | (uint32_t)block[10] << 8 | block[11];
    uint32_t crc;

    memset(block + 12, 0, 4);
    crc = kad_crc32c(block, KAD_JOURNAL_BLOCK_HEAD + size);
    for (int i = 0; i < 4; i++)
        block[12 + i] = (uint8_t)(crc >> (24 - 8 * i));
}

/* Whatever is wrong and has a right checksum is refused or found different, and breaks nothing. A bit that nobody ever looks
 * at (an asker's version, say) may be another: those are few. */
TEST(a_bit_changed_under_a_right_checksum_comes_out_different)
{
    static struct test_net net;
    struct test_tape tape = {0};
    unsigned n_tried = 0, n_same = 0;
    size_t size;

    record_a_minute(&net, &tape);
    size = KAD_JOURNAL_BLOCK_HEAD + ((size_t)tape.bytes[8] << 24 | (size_t)tape.bytes[9] << 16 |
                                     (size_t)tape.bytes[10] << 8 | tape.bytes[11]);
    for (size_t at = KAD_JOURNAL_BLOCK_HEAD; at < size; at += 1 + size / 197, n_tried++) {
        tape.bytes[at] ^= (uint8_t)(1u << at % 8);
        seal(tape.bytes);
        n_same += test_tape_replay(&tape, NULL, NULL) == KAD_REPLAY_END;
        tape.bytes[at] ^= (uint8_t)(1u << at % 8);
        seal(tape.bytes);
    }
    EXPECT_MSG(n_same * 20 < n_tried, "%u of %u changes went unnoticed", n_same, n_tried);
    EXPECT(test_tape_replay(&tape, NULL, NULL) == KAD_REPLAY_END);
    test_tape_clear(&tape);
    test_net_clear(&net);
}

/* Who cannot keep up loses the rest, never something in the middle, and says so. */
TEST(a_refused_block_ends_the_journal_and_is_told)
{
    static struct test_net net;
    struct test_tape tape = {.most = 40000};
    struct kad_journal_stats stats;
    struct kad_journal *journal;

    open_net(&net);
    journal = test_tape_begin(&tape, net.nodes[3].engine, KAD_SECOND, net.now);
    for (unsigned i = 0; i < 10; i++) {
        make_noise(&net, i);
        test_net_run(&net, KAD_MINUTE);
    }
    kad_journal_stats(journal, &stats);
    EXPECT(stats.lost);
    kad_journal_end(journal, net.now);
    EXPECT(test_tape_replay(&tape, NULL, NULL) == KAD_REPLAY_CUT);
    tape.bytes = realloc(tape.bytes, tape.n + KAD_JOURNAL_BLOCK_HEAD);
    memcpy(tape.bytes + tape.n, kad_journal_lost_mark, KAD_JOURNAL_BLOCK_HEAD);
    tape.n += KAD_JOURNAL_BLOCK_HEAD;
    EXPECT(test_tape_replay(&tape, NULL, NULL) == KAD_REPLAY_LOST);
    test_tape_clear(&tape);
    test_net_clear(&net);
}
