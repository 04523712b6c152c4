#include "channel/link.h"

#include <string.h>

#include "base/test.h"
#include "channel/test_link.h"

TEST(both_ends_know_each_other) /* I002, I114 */
{
    struct link_pair pair;

    link_pair_make(&pair, &link_usual);
    link_pair_run(&pair);
    EXPECT(kad_link_is_up(pair.ends[0].link) && kad_link_is_up(pair.ends[1].link));
    for (int i = 0; i < 2; i++) {
        const struct kad_bytes seen = kad_link_peer(pair.ends[i].link);

        EXPECT_EQ(seen.size, pair.ends[1 - i].n_id);
        EXPECT_MEM(seen.data, pair.ends[1 - i].id, seen.size);
    }
    link_pair_free(&pair);
}

TEST(a_request_and_its_answer) /* one frame there, with the negotiation and the end in it, and one back */
{
    struct link_pair pair;
    uint32_t stream;

    link_pair_make(&pair, &link_usual);
    link_pair_run(&pair);
    stream = kad_link_open(pair.ends[0].link, "/echo/1", NULL, pair.now);
    EXPECT(stream != 0);
    EXPECT(kad_link_write(pair.ends[0].link, stream, (struct kad_bytes){(const uint8_t *)"hello", 5}, true,
                          pair.now));
    link_pair_run(&pair);
    EXPECT_EQ(pair.ends[0].n_read, 5);
    EXPECT_MEM(pair.ends[0].read, "hello", 5);
    EXPECT_EQ(pair.ends[0].n_ended, 1);
    EXPECT_EQ(kad_link_n_streams(pair.ends[0].link), 0);
    EXPECT_EQ(kad_link_n_streams(pair.ends[1].link), 0);
    link_pair_free(&pair);
}

TEST(bytes_may_come_one_at_a_time)
{
    struct link_pair pair;
    uint32_t stream;

    for (size_t piece = 1; piece < 40; piece += 6) {
        link_pair_make(&pair, &link_usual);
        pair.piece = piece;
        link_pair_run(&pair);
        stream = kad_link_open(pair.ends[1].link, "/echo/1", NULL, pair.now);
        EXPECT(kad_link_write(pair.ends[1].link, stream, (struct kad_bytes){(const uint8_t *)"hello", 5},
                              true, pair.now));
        link_pair_run(&pair);
        EXPECT_EQ(pair.ends[1].n_read, 5);
        EXPECT_EQ(kad_link_n_streams(pair.ends[0].link), 0);
        link_pair_free(&pair);
    }
}

TEST(much_more_than_a_window)
{
    static uint8_t much[200000];
    struct link_pair pair;
    uint32_t stream;

    for (size_t i = 0; i < sizeof(much); i++)
        much[i] = (uint8_t)(i * 7 + i / 256);
    link_pair_make(&pair, &link_usual);
    link_pair_run(&pair);
    stream = kad_link_open(pair.ends[0].link, "/echo/1", NULL, pair.now);
    for (int i = 0; i < 5; i++) { /* a megabyte */
        EXPECT(kad_link_write(pair.ends[0].link, stream, (struct kad_bytes){much, sizeof(much)}, i == 4,
                              pair.now));
        link_pair_run(&pair);
    }
    EXPECT_EQ(pair.ends[0].n_read, 5 * sizeof(much));
    EXPECT_EQ(pair.ends[0].n_ended, 1);
    EXPECT_EQ(kad_link_n_streams(pair.ends[0].link), 0);
    EXPECT_EQ(kad_link_n_streams(pair.ends[1].link), 0);
    link_pair_free(&pair);
}

TEST(a_protocol_that_is_not_spoken_is_refused)
{
    struct link_pair pair;
    uint32_t stream;

    link_pair_make(&pair, &link_usual);
    link_pair_run(&pair);
    stream = kad_link_open(pair.ends[0].link, "/other/1", NULL, pair.now);
    EXPECT(kad_link_write(pair.ends[0].link, stream, (struct kad_bytes){(const uint8_t *)"hello", 5}, false,
                          pair.now));
    link_pair_run(&pair);
    EXPECT_EQ(pair.ends[0].n_refused, 1);
    EXPECT_EQ(kad_link_n_streams(pair.ends[0].link), 0);
    pair.now += 61000;
    link_pair_run(&pair);
    EXPECT_EQ(kad_link_n_streams(pair.ends[1].link), 0);
    link_pair_free(&pair);
}

TEST(somebody_else_than_was_dialled)
{
    struct link_pair pair;
    struct link_setting setting = link_usual;

    setting.expect_other = true;
    link_pair_make(&pair, &setting);
    link_pair_run(&pair);
    EXPECT_EQ(pair.ends[0].down, KAD_LINK_WRONG);
    EXPECT(!kad_link_is_up(pair.ends[1].link));
    link_pair_free(&pair);
}
