/* Everybody reads the one feed from a place of their own: nobody holds it up, and who is overtaken is told. */
#include "http/feed.h"

#include <stdlib.h>
#include <string.h>

#include "base/test.h"

static struct kad_feed feed;
static char out[KAD_FEED_BYTES * 2];

static void add(int n, bool secret)
{
    kad_feed_add(&feed, "mainline", "tick", json_pack("{s:i}", "n", n), secret);
}

/* All there is to read now, in pieces of `piece` bytes. */
static const char *read_all(struct kad_feed_reader *reader, size_t piece)
{
    size_t n = 0;
    long got;

    while ((got = kad_feed_read(&feed, reader, out + n, piece)) > 0)
        n += (size_t)got;
    EXPECT_EQ(got, KAD_FEED_NOTHING);
    out[n] = 0;
    return out;
}

TEST(a_reader_hears_what_comes_after_it_joined)
{
    struct kad_feed_reader first, second;

    kad_feed_init(&feed);
    EXPECT(!kad_feed_wanted(&feed));
    add(1, false); /* nobody listens: not kept */
    first = kad_feed_join(&feed, true, NULL);
    EXPECT(kad_feed_wanted(&feed));
    EXPECT(!kad_feed_has(&feed, &first));
    add(2, false);
    second = kad_feed_join(&feed, true, NULL);
    add(3, false);
    EXPECT_STR(read_all(&first, sizeof out),
               "event: tick\ndata: {\"n\":2,\"network\":\"mainline\"}\n\nevent: tick\ndata: "
               "{\"n\":3,\"network\":\"mainline\"}\n\n");
    EXPECT_STR(read_all(&second, 1),
               "event: tick\ndata: {\"n\":3,\"network\":\"mainline\"}\n\n"); /* a byte at a time */
    EXPECT(!kad_feed_has(&feed, &first) && !kad_feed_has(&feed, &second));
    kad_feed_leave(&feed);
    kad_feed_leave(&feed);
    EXPECT_EQ(feed.bytes, 0);
}

/* What the owner looks for is nobody else's business. */
TEST(secrets_are_for_trusted_readers)
{
    struct kad_feed_reader stranger, owner;
    const struct kad_feed_message *message;
    long why;

    kad_feed_init(&feed);
    stranger = kad_feed_join(&feed, false, NULL);
    owner = kad_feed_join(&feed, true, NULL);
    add(1, true);
    EXPECT(!kad_feed_has(&feed, &stranger) && kad_feed_has(&feed, &owner));
    add(2, false);
    EXPECT_STR(read_all(&stranger, 5), "event: tick\ndata: {\"n\":2,\"network\":\"mainline\"}\n\n");
    message = kad_feed_take(&feed, &owner, &why);
    EXPECT(message && message->secret && strcmp(message->kind, "tick") == 0);
    EXPECT_MEM(message->text + message->data_at, "{\"n\":1,\"network\":\"mainline\"}", message->data_size);
    EXPECT(kad_feed_take(&feed, &owner, &why) != NULL);
    EXPECT(!kad_feed_take(&feed, &owner, &why) && why == KAD_FEED_NOTHING);
    kad_feed_close(&feed);
    EXPECT(!kad_feed_take(&feed, &owner, &why) && why == KAD_FEED_END);
    EXPECT_EQ(kad_feed_read(&feed, &stranger, out, sizeof out), KAD_FEED_END);
    kad_feed_leave(&feed);
    kad_feed_leave(&feed);
}

/* The memory is the same whoever reads, and however slowly. */
TEST(who_is_overtaken_is_told)
{
    struct kad_feed_reader slow, quick;

    kad_feed_init(&feed);
    slow = kad_feed_join(&feed, true, NULL);
    quick = kad_feed_join(&feed, true, NULL);
    add(0, false);
    EXPECT_EQ(kad_feed_read(&feed, &slow, out, 3), 3); /* in the middle of the first */
    for (int i = 1; i < 3 * KAD_FEED_MESSAGES; i++) {
        add(i, false);
        read_all(&quick, sizeof out);
        EXPECT(feed.next - feed.first <= KAD_FEED_MESSAGES && feed.bytes <= KAD_FEED_BYTES);
    }
    EXPECT(kad_feed_overtook(&feed, &slow) && kad_feed_has(&feed, &slow));
    EXPECT_EQ(kad_feed_read(&feed, &slow, out, sizeof out), KAD_FEED_LOST);
    EXPECT(!kad_feed_overtook(&feed, &quick));
    kad_feed_leave(&feed);
    kad_feed_leave(&feed);
}

TEST(bytes_are_bounded_too)
{
    char *text = malloc(KAD_FEED_BYTES);
    struct kad_feed_reader reader;

    kad_feed_init(&feed);
    reader = kad_feed_join(&feed, true, NULL);
    memset(text, 'x', KAD_FEED_BYTES);
    for (int i = 0; i < 40; i++) {
        kad_feed_add(&feed, "mainline", "large", json_pack("{s:s#}", "x", text, KAD_FEED_BYTES / 4), false);
        EXPECT(feed.bytes <= KAD_FEED_BYTES && feed.next > feed.first);
    }
    EXPECT(kad_feed_overtook(&feed, &reader));
    reader.at = feed.next;
    kad_feed_add(&feed, "mainline", "larger", json_pack("{s:s#}", "x", text, KAD_FEED_BYTES - 100), false);
    EXPECT_EQ(reader.at, feed.next); /* too large for any feed: left out */
    kad_feed_leave(&feed);
    free(text);
}

/* Who named a network hears of nothing else. */
TEST(a_reader_of_one_network_hears_of_that)
{
    struct kad_feed_reader one, all;

    kad_feed_init(&feed);
    one = kad_feed_join(&feed, true, "kad");
    all = kad_feed_join(&feed, true, NULL);
    add(1, false);
    EXPECT(!kad_feed_has(&feed, &one));
    kad_feed_add(&feed, "kad", "tick", json_pack("{s:i}", "n", 2), false);
    EXPECT_STR(read_all(&one, sizeof out), "event: tick\ndata: {\"n\":2,\"network\":\"kad\"}\n\n");
    EXPECT_STR(read_all(&all, sizeof out), "event: tick\ndata: {\"n\":1,\"network\":\"mainline\"}\n\n"
                                           "event: tick\ndata: {\"n\":2,\"network\":\"kad\"}\n\n");
    kad_feed_leave(&feed);
    kad_feed_leave(&feed);
}
