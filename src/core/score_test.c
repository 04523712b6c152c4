#include "core/score.h"

#include <string.h>

#include "base/endpoint.h"
#include "base/test.h"
#include "core/id.h"
#include "core/table.h"

#define HALF (6 * KAD_HOUR)
#define T0   (1000 * KAD_HOUR)

static struct kad_scores *new_scores(uint32_t ceiling)
{
    const struct kad_score_config config = {
        .allocator = &kad_allocator_system,
        .ceiling = ceiling,
        .half_life_ms = HALF,
        .ban_ms = KAD_HOUR,
        .hash_key = 7,
    };

    return kad_scores_new(&config);
}

static struct kad_id id_of(unsigned n)
{
    struct kad_id id = {0};

    id.bytes[0] = (uint8_t)(n >> 8);
    id.bytes[1] = (uint8_t)n;
    return id;
}

static struct kad_endpoint at(uint8_t c, uint8_t d)
{
    const uint8_t address[4] = {93, 10, c, d};

    return kad_endpoint_v4(address, 4242);
}

static void note(struct kad_scores *scores, unsigned n, enum kad_deed deed, int rtt_ms, kad_ms now)
{
    const struct kad_id id = id_of(n);
    const struct kad_endpoint endpoint = at((uint8_t)n, 1);
    const char *why;

    kad_score_note(scores, &id, &endpoint, deed, rtt_ms, 0, now);
    EXPECT_MSG(kad_score_sound(scores, &why), "%s", why);
}

static unsigned score(const struct kad_scores *scores, unsigned n, kad_ms now)
{
    const struct kad_id id = id_of(n);
    const struct kad_endpoint endpoint = at((uint8_t)n, 1);

    return kad_score_of(scores, &id, &endpoint, now);
}

static enum kad_peer_state state(const struct kad_scores *scores, unsigned n, kad_ms now)
{
    const struct kad_id id = id_of(n);

    return kad_score_state(scores, &id, NULL, now);
}

/* K44: what somebody does moves its score, each way; of whom nothing is known stands in the middle. */
TEST(deeds_move_a_score)
{
    struct kad_scores *scores = new_scores(16);
    kad_ms now = T0;

    EXPECT_EQ(score(scores, 1, now), KAD_SCORE_UNKNOWN);
    for (int i = 0; i < 20; i++, now += KAD_MINUTE)
        note(scores, 1, KAD_DEED_ANSWERED, 30, now);
    EXPECT(score(scores, 1, now) > 80);
    note(scores, 2, KAD_DEED_ANSWERED, 30, now);
    EXPECT(score(scores, 2, now) > KAD_SCORE_UNKNOWN);
    EXPECT(score(scores, 2, now) < score(scores, 1, now));
    note(scores, 3, KAD_DEED_ANSWERED, 900, now);
    EXPECT(score(scores, 3, now) < score(scores, 2, now));
    note(scores, 4, KAD_DEED_FORGED, -1, now);
    EXPECT(score(scores, 4, now) < KAD_SCORE_UNKNOWN - 15);
    kad_scores_free(scores);
}

/* A good line must not win a place: what somebody is kept for is the same for the quick and the slow. */
TEST(a_good_line_is_no_reason_to_be_kept)
{
    struct kad_scores *scores = new_scores(16);
    const struct kad_id quick = id_of(1), slow = id_of(2);

    for (int i = 0; i < 5; i++) {
        kad_score_note(scores, &quick, NULL, KAD_DEED_ANSWERED, 5, 900, T0 + i);
        kad_score_note(scores, &slow, NULL, KAD_DEED_ANSWERED, 900, 10, T0 + i);
    }
    EXPECT(kad_score_of(scores, &quick, NULL, T0 + 9) > kad_score_of(scores, &slow, NULL, T0 + 9));
    EXPECT_EQ(kad_score_kept(scores, &quick, NULL, T0 + 9), kad_score_kept(scores, &slow, NULL, T0 + 9));
    kad_scores_free(scores);
}

/* Whoever can cut a line must not be able to have an honest node thrown out. */
TEST(silence_alone_makes_nobody_gray)
{
    struct kad_scores *scores = new_scores(16);
    const struct kad_id id = id_of(1);

    note(scores, 1, KAD_DEED_ANSWERED, 30, T0);
    for (int i = 0; i < 1000; i++)
        note(scores, 1, KAD_DEED_SILENT, -1, T0 + i);
    EXPECT_EQ(state(scores, 1, T0 + 1000), KAD_PEER_FINE);
    EXPECT(kad_score_kept(scores, &id, NULL, T0 + 1000) >= KAD_TABLE_DISTRUST);
    kad_scores_free(scores);
}

/* Silence of somebody never heard of leaves no trace: addresses that do not exist would push out those that do. */
TEST(strangers_that_may_not_exist_leave_no_trace)
{
    struct kad_scores *scores = new_scores(16);

    for (unsigned i = 0; i < 100; i++)
        note(scores, i, i % 2 ? KAD_DEED_SILENT : KAD_DEED_REFUSED, -1, T0);
    EXPECT_EQ(kad_score_rows(scores, NULL, 0, T0), 0);
    kad_scores_free(scores);
}

TEST(what_was_seen_fades_by_half)
{
    struct kad_scores *scores = new_scores(16);
    struct kad_peer_row row;
    uint32_t before;

    note(scores, 1, KAD_DEED_FORGED, -1, T0);
    EXPECT_EQ(kad_score_rows(scores, &row, 1, T0), 1);
    before = row.held;
    kad_score_rows(scores, &row, 1, T0 + HALF);
    EXPECT_EQ(row.held, before / 2);
    kad_score_rows(scores, &row, 1, T0 + HALF / 2);
    EXPECT(row.held > before * 70 / 100 && row.held < before * 71 / 100);
    kad_score_rows(scores, &row, 1, T0 + 40 * HALF);
    EXPECT_EQ(row.held, 0);
    EXPECT(score(scores, 1, T0 + 40 * HALF) == KAD_SCORE_UNKNOWN);
    kad_scores_free(scores);
}

/* Noting often must not keep what fades from fading. */
TEST(fading_does_not_depend_on_how_often_it_is_looked_at)
{
    struct kad_scores *scores = new_scores(16);
    struct kad_peer_row rows[2];

    note(scores, 1, KAD_DEED_FORGED, -1, T0);
    note(scores, 2, KAD_DEED_FORGED, -1, T0);
    for (kad_ms t = T0; t <= T0 + HALF; t += KAD_MINUTE)
        note(scores, 2, KAD_DEED_ANSWERED, 30, t);
    EXPECT_EQ(kad_score_rows(scores, rows, 2, T0 + HALF), 2);
    EXPECT(rows[0].held <= rows[1].held && rows[0].held + 1024 > rows[1].held);
    kad_scores_free(scores);
}

/* Gray, banned for an hour, for two when it goes on, and fine again when it stops for long. */
TEST(broken_rules_lead_from_gray_to_bans_that_double)
{
    struct kad_scores *scores = new_scores(16);
    kad_ms now = T0;

    note(scores, 1, KAD_DEED_FORGED, -1, now);
    EXPECT_EQ(state(scores, 1, now), KAD_PEER_FINE);
    note(scores, 1, KAD_DEED_FORGED, -1, now);
    EXPECT_EQ(state(scores, 1, now), KAD_PEER_GRAY);
    note(scores, 1, KAD_DEED_FORGED, -1, now);
    note(scores, 1, KAD_DEED_FORGED, -1, now);
    EXPECT_EQ(state(scores, 1, now), KAD_PEER_BANNED);
    EXPECT_EQ(score(scores, 1, now), 0);
    EXPECT_EQ(state(scores, 1, now + KAD_HOUR - 1), KAD_PEER_BANNED);
    now += KAD_HOUR;
    EXPECT(state(scores, 1, now) != KAD_PEER_BANNED);
    for (int i = 0; i < 4; i++)
        note(scores, 1, KAD_DEED_FORGED, -1, now);
    EXPECT_EQ(state(scores, 1, now + 2 * KAD_HOUR - 1), KAD_PEER_BANNED);
    EXPECT(state(scores, 1, now + 2 * KAD_HOUR) != KAD_PEER_BANNED);
    now += 40 * HALF;
    EXPECT_EQ(state(scores, 1, now), KAD_PEER_FINE);
    for (int i = 0; i < 4; i++)
        note(scores, 1, KAD_DEED_FORGED, -1, now);
    EXPECT(state(scores, 1, now + KAD_HOUR) != KAD_PEER_BANNED); /* an hour again: long ago counts no more */
    kad_scores_free(scores);
}

/* One node's forgeries lower its neighbours a little, never to where they leave. Elsewhere nobody notices. */
TEST(an_address_group_is_held_to_account_a_little)
{
    struct kad_scores *scores = new_scores(64);
    const struct kad_endpoint bad = at(7, 1), beside = at(7, 2), elsewhere = at(8, 2);
    const struct kad_id one = id_of(1), two = id_of(2);

    for (int i = 0; i < 4; i++)
        kad_score_note(scores, &one, &bad, KAD_DEED_FORGED, -1, 0, T0);
    EXPECT(kad_score_of(scores, &two, &beside, T0) < KAD_SCORE_UNKNOWN);
    EXPECT(kad_score_kept(scores, &two, &beside, T0) >= KAD_TABLE_DISTRUST);
    EXPECT_EQ(kad_score_of(scores, &two, &elsewhere, T0), KAD_SCORE_UNKNOWN);
    EXPECT_EQ(kad_score_state(scores, &two, &beside, T0), KAD_PEER_FINE);
    kad_scores_free(scores);
}

/* Where nobody proved to be, nobody is blamed. */
TEST(an_unproved_address_is_not_blamed)
{
    struct kad_scores *scores = new_scores(64);
    const struct kad_endpoint there = at(7, 2);
    const struct kad_id one = id_of(1), two = id_of(2);

    for (int i = 0; i < 4; i++)
        kad_score_note(scores, &one, NULL, KAD_DEED_FORGED, -1, 0, T0);
    EXPECT_EQ(kad_score_of(scores, &two, &there, T0), KAD_SCORE_UNKNOWN);
    kad_scores_free(scores);
}

TEST(the_operator_bans_and_pardons)
{
    struct kad_scores *scores = new_scores(16);
    const struct kad_id id = id_of(1), other = id_of(2);
    struct kad_endpoint there = at(7, 1), other_port = there, beside = at(7, 2);

    other_port.port = 99;
    EXPECT_EQ(kad_score_ban(scores, &id, NULL, KAD_MINUTE, T0), 0);
    EXPECT_EQ(kad_score_state(scores, &id, NULL, T0 + KAD_MINUTE - 1), KAD_PEER_BANNED);
    EXPECT_EQ(kad_score_state(scores, &id, NULL, T0 + KAD_MINUTE), KAD_PEER_FINE);
    EXPECT_EQ(kad_score_ban(scores, &id, NULL, KAD_NEVER, T0), 0);
    EXPECT_EQ(kad_score_state(scores, &id, NULL, T0 + 100000 * KAD_HOUR), KAD_PEER_BANNED);
    EXPECT(kad_score_pardon(scores, &id, NULL, T0));
    EXPECT(!kad_score_pardon(scores, &id, NULL, T0));
    EXPECT(!kad_score_pardon(scores, &other, NULL, T0));
    EXPECT_EQ(kad_score_state(scores, &id, NULL, T0), KAD_PEER_FINE);

    EXPECT_EQ(kad_score_ban(scores, NULL, &there, KAD_HOUR, T0), 0);
    EXPECT_EQ(kad_score_state(scores, &other, &other_port, T0), KAD_PEER_BANNED);
    EXPECT_EQ(kad_score_state(scores, NULL, &other_port, T0), KAD_PEER_BANNED);
    EXPECT_EQ(kad_score_state(scores, &other, &beside, T0), KAD_PEER_FINE);
    EXPECT(kad_score_pardon(scores, NULL, &other_port, T0));
    EXPECT_EQ(kad_score_state(scores, &other, &there, T0), KAD_PEER_FINE);
    kad_scores_free(scores);
}

/* IPv6 hosts have a /64 each to choose addresses from. */
TEST(a_ban_of_an_ipv6_address_is_of_its_64)
{
    struct kad_scores *scores = new_scores(16);
    uint8_t address[16] = {0x2a, 0x01, 0x04, 0xf8, 1, 2, 3, 4, 5};
    const struct kad_endpoint there = kad_endpoint_v6(address, 4242);
    struct kad_endpoint same, beside;

    address[15] = 9;
    same = kad_endpoint_v6(address, 1);
    address[7] = 9;
    beside = kad_endpoint_v6(address, 1);
    EXPECT_EQ(kad_score_ban(scores, NULL, &there, KAD_HOUR, T0), 0);
    EXPECT_EQ(kad_score_state(scores, NULL, &same, T0), KAD_PEER_BANNED);
    EXPECT_EQ(kad_score_state(scores, NULL, &beside, T0), KAD_PEER_FINE);
    kad_scores_free(scores);
}

/* Who floods the memory with identities must not wash away what it knows: bans go last, the operator's never. */
TEST(a_flood_of_identities_does_not_wash_bans_away)
{
    struct kad_scores *scores = new_scores(16);
    const struct kad_id mine = id_of(500);

    EXPECT_EQ(kad_score_ban(scores, &mine, NULL, KAD_NEVER, T0), 0);
    for (int i = 0; i < 4; i++)
        kad_score_note(scores, &(struct kad_id){{9}}, NULL, KAD_DEED_FORGED, -1, 0, T0);
    for (unsigned i = 0; i < 400; i++)
        note(scores, i, KAD_DEED_ANSWERED, 30, T0 + 1);
    EXPECT_EQ(kad_score_rows(scores, NULL, 0, T0 + 1), 16);
    EXPECT_EQ(kad_score_state(scores, &mine, NULL, T0 + 1), KAD_PEER_BANNED);
    EXPECT_EQ(kad_score_state(scores, &(struct kad_id){{9}}, NULL, T0 + 1), KAD_PEER_BANNED);
    for (unsigned i = 0; i < 400; i++) { /* at 65,536 hashes each */
        const struct kad_id id = id_of(1000 + i);

        for (int j = 0; j < 4; j++)
            kad_score_note(scores, &id, NULL, KAD_DEED_FORGED, -1, 0, T0 + 2);
    }
    EXPECT_EQ(kad_score_state(scores, &mine, NULL, T0 + 2), KAD_PEER_BANNED);
    for (unsigned i = 0; i < 15; i++) {
        const struct kad_id id = id_of(2000 + i);

        EXPECT_EQ(kad_score_ban(scores, &id, NULL, KAD_NEVER, T0 + 3), 0);
    }
    EXPECT_EQ(kad_score_ban(scores, &(struct kad_id){{77}}, NULL, KAD_NEVER, T0 + 3), KAD_E_LIMIT);
    kad_scores_free(scores);
}

/* P081: rows come back as they were. */
TEST(rows_survive_a_restart)
{
    struct kad_scores *before = new_scores(64), *after = new_scores(64);
    struct kad_peer_row rows[64], again[64];
    const struct kad_endpoint there = at(200, 1);
    const kad_ms now = T0 + 30 * KAD_MINUTE;
    size_t n;

    for (kad_ms t = T0; t < now; t += KAD_MINUTE) {
        for (unsigned i = 0; i < 8; i++)
            note(before, i, i & 1 ? KAD_DEED_ANSWERED : KAD_DEED_BROKE, 40, t);
    }
    EXPECT_EQ(kad_score_ban(before, NULL, &there, KAD_HOUR, now), 0);
    n = kad_score_rows(before, rows, 64, now);
    EXPECT_EQ(n, 9);
    for (size_t i = n; i-- > 0;)
        EXPECT_EQ(kad_score_remember(after, &rows[i], now), 0);
    EXPECT_EQ(kad_score_rows(after, again, 64, now), n);
    for (size_t i = 0; i < n; i++) {
        EXPECT(kad_id_equal(&again[i].contact.id, &rows[i].contact.id));
        EXPECT_EQ(again[i].state, rows[i].state);
        EXPECT_EQ(again[i].held, rows[i].held);
        EXPECT_EQ(again[i].banned_until, rows[i].banned_until);
        EXPECT_EQ(again[i].by_operator, rows[i].by_operator);
        EXPECT(again[i].score + 10 >= rows[i].score); /* but for what its address group did */
    }
    rows[0] = (struct kad_peer_row){.heard_at = now + 1};
    EXPECT_EQ(kad_score_remember(after, &rows[0], now), KAD_E_INVALID);
    rows[0] = (struct kad_peer_row){.held = UINT32_MAX};
    EXPECT_EQ(kad_score_remember(after, &rows[0], now), KAD_E_INVALID);
    kad_scores_free(before);
    kad_scores_free(after);
}

/* Where nobody need be asked about, nobody is distrusted; and a quarrel is over some day. */
TEST(without_doubts_nobody_is_distrusted)
{
    struct kad_scores *scores = new_scores(64);
    unsigned n_doubts = 0, n_calm = 0;
    kad_ms now = T0;

    EXPECT(!kad_score_doubts(NULL, now) && !kad_score_doubts(scores, now));
    for (unsigned round = 0; round < 4000; round++) {
        const uint32_t dice = round * 2654435761u >> 7;

        /* Months of small faults, then years of silences only, and a ban now and then. */
        now += round < 2000 ? KAD_HOUR : 6 * KAD_HOUR;
        if (round < 2000 && dice % 50 == 0)
            note(scores, dice % 7, dice & 64 ? KAD_DEED_BROKE : KAD_DEED_FORGED, -1, now);
        else
            note(scores, dice % 7, dice & 32 ? KAD_DEED_ANSWERED : KAD_DEED_SILENT, 900, now);
        if (round == 2500)
            EXPECT_EQ(kad_score_ban(scores, &(struct kad_id){{0, 3}}, NULL, 24 * KAD_HOUR, now), 0);
        for (unsigned i = 0; i < 7; i++) {
            const struct kad_id id = id_of(i);
            const struct kad_endpoint endpoint = at((uint8_t)i, 1);

            EXPECT(kad_score_doubts(scores, now) ||
                   kad_score_kept(scores, &id, &endpoint, now) >= KAD_TABLE_DISTRUST);
        }
        n_doubts += kad_score_doubts(scores, now);
        n_calm += !kad_score_doubts(scores, now);
    }
    EXPECT_MSG(n_doubts > 500 && n_calm > 1400 && !kad_score_doubts(scores, now), "%u, %u", n_doubts, n_calm);
    kad_scores_free(scores);
}
