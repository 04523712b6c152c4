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

/* js-libp2p loses what comes in one piece with the end of a stream and the words that agree to its protocol: of 3.3.11, in
 * @libp2p/utils, unwrap() puts back what was read too much, which a stream that has ended does not take. */
TEST(our_end_waits_for_their_consent)
{
    struct link_pair pair;
    uint8_t copy[1024];
    uint32_t stream;
    struct kad_bytes out;

    link_pair_make(&pair, &link_usual);
    link_pair_run(&pair);
    pair.ends[1].stopped = true;
    stream = kad_link_open(pair.ends[0].link, "/echo/1", NULL, pair.now);
    EXPECT(kad_link_write(pair.ends[0].link, stream, (struct kad_bytes){(const uint8_t *)"hello", 5}, true,
                          pair.now));
    EXPECT(!kad_link_write(pair.ends[0].link, stream, (struct kad_bytes){(const uint8_t *)"!", 1}, false,
                           pair.now)); /* it has ended all the same */
    out = kad_link_out(pair.ends[0].link);
    EXPECT(out.size > 0 && out.size < sizeof(copy));
    memcpy(copy, out.data, out.size);
    kad_link_bytes(pair.ends[1].link, copy, out.size, pair.now);
    kad_link_sent(pair.ends[0].link, out.size);
    for (struct kad_link_event event; kad_link_next_event(pair.ends[1].link, &event);)
        EXPECT(event.kind != KAD_LINK_ENDED);
    EXPECT_EQ(kad_link_unread(pair.ends[1].link, stream).size, 5);
    kad_link_read(pair.ends[1].link, stream, 5);
    EXPECT(!kad_link_has_ended(pair.ends[1].link, stream));
    link_pair_run(&pair);
    EXPECT(kad_link_has_ended(pair.ends[1].link, stream));
    link_pair_free(&pair);
}

TEST(our_end_of_their_stream_waits)
{
    struct link_pair pair;
    uint32_t stream;

    for (int ends = 0; ends < 2; ends++) {
        link_pair_make(&pair, &link_usual);
        link_pair_run(&pair);
        pair.ends[1].stopped = true;
        stream = kad_link_open(pair.ends[0].link, "/echo/1", NULL, pair.now);
        link_pair_run(&pair);
        EXPECT(kad_link_write(pair.ends[1].link, stream, (struct kad_bytes){(const uint8_t *)"hello", 5},
                              true, pair.now));
        link_pair_run(&pair);
        EXPECT_EQ(pair.ends[0].n_read, 5);
        EXPECT_EQ(pair.ends[0].n_ended, 0);
        if (ends) /* who has ended it has read the words */
            EXPECT(kad_link_write(pair.ends[0].link, stream, (struct kad_bytes){0}, true, pair.now));
        else
            pair.now = kad_link_wake_at(pair.ends[1].link);
        link_pair_run(&pair);
        EXPECT_EQ(pair.ends[0].n_ended, 1);
        link_pair_free(&pair);
    }
}

/* A thousand links that wake once a second each, for the sake of streams that are idle after a minute, would be no idle node. */
TEST(a_link_wakes_when_something_is_due)
{
    struct link_pair pair;
    uint32_t stream;

    link_pair_make(&pair, &link_usual);
    link_pair_run(&pair);
    EXPECT_EQ(kad_link_wake_at(pair.ends[0].link), pair.now + 30000); /* a ping */
    pair.now += 20000;
    stream = kad_link_open(pair.ends[0].link, "/silent/1", NULL, pair.now);
    link_pair_run(&pair);
    EXPECT_EQ(kad_link_n_streams(pair.ends[1].link), 1);
    EXPECT_EQ(kad_link_wake_at(pair.ends[0].link), pair.now + 30000);
    for (int i = 0; i < 2; i++) { /* pings go to and fro, and the stream stays idle */
        pair.now += 30000;
        EXPECT_EQ(kad_link_unread(pair.ends[1].link, stream).size, 0);
        EXPECT_EQ(pair.ends[0].n_reset, 0);
        link_pair_run(&pair);
    }
    EXPECT_EQ(kad_link_n_streams(pair.ends[0].link), 0);
    EXPECT_EQ(kad_link_n_streams(pair.ends[1].link), 0);
    link_pair_free(&pair);
}

TEST(who_is_left_goes)
{
    struct link_pair pair;

    link_pair_make(&pair, &link_usual);
    link_pair_run(&pair);
    kad_link_close(pair.ends[1].link);
    link_pair_run(&pair);
    EXPECT_EQ(pair.ends[1].down, KAD_LINK_CLOSED);
    EXPECT_EQ(pair.ends[0].down, KAD_LINK_LEFT);
    EXPECT_EQ(kad_link_wake_at(pair.ends[0].link), KAD_NEVER);
    link_pair_free(&pair);
}

/* What a node speaks may change while it is connected: from client to server, and back. */
TEST(what_is_spoken_may_change)
{
    struct link_pair pair;

    link_pair_make(&pair, &link_usual);
    link_pair_run(&pair);
    kad_link_speak(pair.ends[1].link, 0);
    EXPECT(kad_link_open(pair.ends[0].link, "/echo/1", NULL, pair.now) != 0);
    link_pair_run(&pair);
    EXPECT_EQ(pair.ends[0].n_refused, 1);
    kad_link_speak(pair.ends[1].link, 2);
    EXPECT(kad_link_open(pair.ends[0].link, "/echo/1", NULL, pair.now) != 0);
    link_pair_run(&pair);
    EXPECT_EQ(pair.ends[0].n_refused, 1);
    EXPECT_EQ(pair.ends[1].n_streams, 1);
    link_pair_free(&pair);
}
