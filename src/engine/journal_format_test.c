/*
 * What a journal holds changes with every field of state, and a program of yesterday must not be believed to have written
 * what one of today reads. So KAD_JOURNAL_FORMAT is raised with each change, and this test holds whoever forgets: recordings
 * of the present format lie in tests/vectors, and must read as they were meant. After raising it:
 *
 *     KAD_WRITE_JOURNALS=1 build/dev/tests/engine-journal_format_test        and git add tests/vectors/journal-*
 *
 * What the states hold: requests of each kind under way with candidates, tokens and values, queries, publications, votes,
 * limits, contacts in wait; of kad's own network sessions as well. What stands in none of them can still be forgotten.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/test.h"
#include "engine/journal.h"
#include "engine/test_journal.h"
#include "engine/test_net.h"
#include "kad/secure.h"

#define NODES 16
#define WHO   3

static void path_of(char path[256], unsigned format, const char *network)
{
    snprintf(path, 256, "%s/tests/vectors/journal-%u-%s", KAD_SOURCE_DIR, format, network);
}

static struct kad_record a_value(unsigned i, char text[32])
{
    struct kad_record record = {.type = KAD_RECORD_IMMUTABLE};

    snprintf(text, 32, "7:value%02u", i);
    record.value = (struct kad_bytes){(const uint8_t *)text, strlen(text)};
    kad_mainline_immutable_key(record.value, &record.key);
    return record;
}

/* Asks for everything there is; nothing of it is waited for. */
static void ask(struct test_net *net, unsigned round)
{
    char mine[32], theirs[32];
    const struct kad_record put = a_value(round, mine), get = a_value(round + 1, theirs);
    const struct kad_request requests[] = {
        {.kind = KAD_REQUEST_PUT, .target = put.key, .record = put, .keep = true},
        {.kind = KAD_REQUEST_GET, .target = get.key},
        {.kind = KAD_REQUEST_ANNOUNCE, .target.bytes = {1}, .port = 99, .keep = true},
        {.kind = KAD_REQUEST_PEERS, .target.bytes = {1}, .progress = true},
        {.kind = KAD_REQUEST_PEERS, .target.bytes = {1}, .scrape = true},
        {.kind = KAD_REQUEST_SAMPLE, .target.bytes = {2}},
        {.kind = KAD_REQUEST_CLOSEST, .target.bytes = {(uint8_t)round, 3}, .trace = true},
    };

    for (size_t i = 0; i < KAD_COUNT_OF(requests); i++) {
        uint64_t id;

        (void)!kad_engine_request(net->nodes[WHO].engine, &requests[i], net->now, &id);
    }
}

static void write_mainline(struct test_tape *tape)
{
    static struct test_net net;

    test_net_init(&net);
    net.settings.limit_local = true;
    test_net_grow(&net, NODES);
    for (unsigned round = 0; round < 3; round++) {
        ask(&net, round);
        test_net_run(&net, KAD_MINUTE);
    }
    test_net_off(&net.nodes[9]); /* somebody who is not there when he is asked */
    ask(&net, 4);
    test_net_run(&net, 35); /* answers have come, and more are to come */
    EXPECT(test_net_info(&net.nodes[WHO])->n_queries > 0 &&
           test_net_info(&net.nodes[WHO])->n_publications > 0);
    kad_journal_end(test_tape_begin(tape, net.nodes[WHO].engine, KAD_SECOND, net.now), net.now);
    test_net_clear(&net);
}

static void write_kad(struct test_tape *tape)
{
    static struct test_net net;
    struct kad_secure_name name;

    EXPECT_EQ(kad_secure_parse("room:format", NULL, 0, &name), 0);
    test_net_init_on(&net, kad_network_kad_easy());
    test_net_grow(&net, NODES);
    for (unsigned round = 0; round < 3; round++) {
        const struct kad_request closest = {
            .kind = KAD_REQUEST_CLOSEST, .target.bytes = {(uint8_t)(50 * round)}, .trace = true};
        uint8_t seed[32], entropy[32] = {(uint8_t)round}, bytes[KAD_SECURE_VALUE_MAX];
        const struct kad_secure_draft draft = {.name = &name,
                                               .value = {(const uint8_t *)"as it was", 9},
                                               .seed = seed,
                                               .entropy = entropy,
                                               .sequence = round + 1,
                                               .made_at = net.now};
        struct kad_request put = {.kind = KAD_REQUEST_PUT, .keep = true};
        uint64_t id;

        test_net_secret(&net.nodes[WHO], seed);
        EXPECT_EQ(kad_secure_make(&draft, bytes, &put.record), 0);
        put.target = put.record.key;
        EXPECT_EQ(kad_engine_request(net.nodes[WHO].engine, &put, net.now, &id), 0);
        EXPECT_EQ(kad_engine_request(net.nodes[WHO].engine, &closest, net.now, &id), 0);
        test_net_run(&net, round < 2 ? KAD_MINUTE : 35);
    }
    EXPECT(test_net_info(&net.nodes[WHO])->n_queries > 0);
    kad_journal_end(test_tape_begin(tape, net.nodes[WHO].engine, KAD_SECOND, net.now), net.now);
    test_net_clear(&net);
}

static void save(const struct test_tape *tape, const char *network)
{
    char path[256], before[256];
    FILE *file;

    path_of(path, KAD_JOURNAL_FORMAT, network);
    path_of(before, KAD_JOURNAL_FORMAT - 1, network);
    file = fopen(path, "wx");
    EXPECT_MSG(file != NULL, "%s is there: raise KAD_JOURNAL_FORMAT first", path);
    if (file) {
        EXPECT_EQ(fwrite(tape->bytes, 1, tape->n, file), tape->n);
        EXPECT_EQ(fclose(file), 0);
        unlink(before);
    }
}

static bool load(struct test_tape *tape, const char *network)
{
    char path[256];
    FILE *file;

    path_of(path, KAD_JOURNAL_FORMAT, network);
    file = fopen(path, "rb");
    if (!file)
        return false;
    tape->room = 1 << 20;
    tape->bytes = malloc(tape->room);
    EXPECT(tape->bytes != NULL);
    tape->n = fread(tape->bytes, 1, tape->room, file);
    fclose(file);
    return tape->n < tape->room;
}

static void check(const char *network, void (*write)(struct test_tape *tape))
{
    struct test_tape fresh = {0}, kept = {0};
    char why[TEST_TAPE_WHY] = "";

    write(&fresh);
    EXPECT_MSG(test_tape_replay(&fresh, NULL, why) == KAD_REPLAY_END, "%s: %s", network, why);
    if (getenv("KAD_WRITE_JOURNALS")) {
        save(&fresh, network);
    } else {
        EXPECT_MSG(load(&kept, network), "no recording of format %d, network %s: see the top of this file",
                   KAD_JOURNAL_FORMAT, network);
        EXPECT_MSG(
            test_tape_replay(&kept, NULL, why) == KAD_REPLAY_END,
            "a recording of format %d (%s) does not read as it was meant: %s. Raise KAD_JOURNAL_FORMAT, "
            "and see the top of this file",
            KAD_JOURNAL_FORMAT, network, why);
    }
    test_tape_clear(&fresh);
    test_tape_clear(&kept);
}

TEST(journals_of_this_format_are_read)
{
    check("mainline", write_mainline);
}

TEST(so_are_those_of_kads_own_network)
{
    check("kad", write_kad);
}
