#include "channel/multistream.h"

#include <string.h>

#include "base/test.h"

static const char *const spoken[] = {"/ipfs/id/1.0.0", "/icn/kad/1.0.0"};

#define HEADER "\x13/multistream/1.0.0\n"
#define KAD    "\x0f/icn/kad/1.0.0\n"
#define NA     "\x03na\n"

static struct kad_bytes text(const char *bytes)
{
    return (struct kad_bytes){(const uint8_t *)bytes, strlen(bytes)};
}

/* Steps as long as there are whole tokens. *said: all that was said to them; *came: what is left. */
static struct kad_multistream_step run(struct kad_multistream *stream, struct kad_bytes *came,
                                       const char *const *protocols, unsigned n_protocols, char said[1024])
{
    struct kad_multistream_step step;
    uint8_t room[KAD_MULTISTREAM_ROOM];
    size_t n = 0;

    do {
        step = kad_multistream_step(stream, *came, protocols, n_protocols, room);
        memcpy(said + n, room, step.n_said);
        n += step.n_said;
        came->data += step.n_read;
        came->size -= step.n_read;
    } while (step.verdict == KAD_MULTISTREAM_MORE && step.n_read);
    said[n] = '\0';
    return step;
}

static struct kad_multistream_step respond(const char *bytes, char said[1024], struct kad_bytes *out_left)
{
    struct kad_multistream stream;

    kad_multistream_listen(&stream);
    *out_left = text(bytes);
    return run(&stream, out_left, spoken, 2, said);
}

TEST(an_initiator_says_all_at_once)
{
    struct kad_multistream stream;
    uint8_t said[KAD_MULTISTREAM_ROOM];
    char answer[1024];
    struct kad_bytes came = text(HEADER KAD "data");
    size_t n = kad_multistream_begin(&stream, spoken[1], said);

    EXPECT_EQ(n, strlen(HEADER KAD));
    EXPECT_MEM(said, HEADER KAD, n);
    EXPECT_EQ(run(&stream, &came, &spoken[1], 1, answer).verdict, KAD_MULTISTREAM_AGREED);
    EXPECT_STR(answer, "");
    EXPECT_EQ(came.size, 4); /* what follows is the protocol's */
}

/* go's responder says the header before it has read anything. */
TEST(an_initiator_hears_the_header_early_and_no)
{
    struct kad_multistream stream;
    uint8_t said[KAD_MULTISTREAM_ROOM];
    char answer[1024];
    struct kad_bytes came = text(HEADER);

    (void)kad_multistream_begin(&stream, spoken[1], said);
    EXPECT_EQ(run(&stream, &came, &spoken[1], 1, answer).verdict, KAD_MULTISTREAM_MORE);
    came = text(NA);
    EXPECT_EQ(run(&stream, &came, &spoken[1], 1, answer).verdict, KAD_MULTISTREAM_REFUSED);
    (void)kad_multistream_begin(&stream, spoken[1], said);
    came = text(HEADER "\x10/icn/kad/1.0.01\n"); /* something else than was asked for */
    EXPECT_EQ(run(&stream, &came, &spoken[1], 1, answer).verdict, KAD_MULTISTREAM_BROKEN);
}

TEST(a_responder_takes_header_proposal_and_data_in_one_piece)
{
    char said[1024];
    struct kad_bytes left;
    const struct kad_multistream_step step = respond(HEADER KAD "data", said, &left);

    EXPECT_EQ(step.verdict, KAD_MULTISTREAM_AGREED);
    EXPECT_EQ(step.protocol, 1);
    EXPECT_STR(said, HEADER KAD);
    EXPECT_EQ(left.size, 4);
    EXPECT_MEM(left.data, "data", 4);
}

TEST(a_responder_takes_them_byte_by_byte)
{
    static const char bytes[] = HEADER "\x04/no\n" KAD;
    struct kad_multistream stream;
    char said[1024], all[1024] = "";
    size_t from = 0;
    enum kad_multistream_verdict verdict = KAD_MULTISTREAM_MORE;

    kad_multistream_listen(&stream);
    for (size_t n = 1; n < sizeof(bytes); n++) {
        struct kad_bytes came = {(const uint8_t *)bytes + from, n - from};

        EXPECT_EQ(verdict, KAD_MULTISTREAM_MORE);
        verdict = run(&stream, &came, spoken, 2, said).verdict;
        from = n - came.size;
        strcat(all, said);
    }
    EXPECT_EQ(verdict, KAD_MULTISTREAM_AGREED);
    EXPECT_STR(all, HEADER NA KAD);
}

TEST(what_is_not_spoken_is_answered_no_and_the_next_is_heard)
{
    char said[1024];
    struct kad_bytes left;

    EXPECT_EQ(respond(HEADER "\x03ls\n\x1f/libp2p/simultaneous-connect\n\n\n" KAD, said, &left).verdict,
              KAD_MULTISTREAM_AGREED);
    EXPECT_STR(said, HEADER NA NA KAD);
    EXPECT_EQ(respond(HEADER "\x0e/icn/kad/1.0.\n", said, &left).verdict, KAD_MULTISTREAM_MORE);
    EXPECT_STR(said, HEADER NA); /* the beginning of a name is not the name */
}

TEST(who_proposes_without_end_is_not_heard)
{
    char bytes[1024] = HEADER, said[1024];
    struct kad_bytes left;

    for (int i = 0; i < KAD_MULTISTREAM_TRIES; i++)
        strcat(bytes, "\x04/no\n");
    EXPECT_EQ(respond(bytes, said, &left).verdict, KAD_MULTISTREAM_BROKEN);
}

TEST(what_is_no_token_ends_it)
{
    static const char *const wrong[] = {
        KAD,                                    /* no header first */
        "\x13/multistream/2.0.0\n",             /* another */
        "\x13/multistream/1.0.0 ",              /* its end is a newline */
        "\x81\x08/multi",                       /* 1,025 bytes */
        "\xff\xff\xff\xff\x0f",                 /* and many more */
        "\x93\x80\x80\x80\x80\x80\x80\x80\x80", /* a length longer than lengths are */
        "GET / HTTP/1.1\r\n\r\n GET / HTTP/1.1\r\n\r\n GET / HTTP/1.1\r\n\r\n GET / HTTP/1.1\r\n\r\n",
    };
    char said[1024];
    struct kad_bytes left;

    for (size_t i = 0; i < KAD_COUNT_OF(wrong); i++) {
        EXPECT_EQ(respond(wrong[i], said, &left).verdict, KAD_MULTISTREAM_BROKEN);
        EXPECT_STR(said, "");
    }
    EXPECT_EQ(respond("\x80\x08/multi", said, &left).verdict, KAD_MULTISTREAM_MORE); /* 1,024 may be */
}
