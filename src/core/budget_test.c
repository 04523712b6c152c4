#include "core/budget.h"

#include "base/test.h"
#include "base/types.h"

static struct kad_settings settings_with(unsigned bytes_per_s, unsigned packets_per_s)
{
    struct kad_settings settings = {.own_bytes_per_s = bytes_per_s, .own_packets_per_s = packets_per_s};

    return settings;
}

TEST(without_a_budget_nothing_waits)
{
    const struct kad_settings settings = settings_with(0, 0);
    struct kad_budget budget;

    kad_budget_init(&budget, &settings, 1);
    for (int i = 0; i < 100000; i++) {
        EXPECT_EQ(kad_budget_wait(&budget, &settings, i & 1, 1), 0);
        kad_budget_spend(&budget, 1400);
    }
}

/* Sends `size` bytes whenever it may, for so long. Returns the bytes. */
static size_t send_for(const struct kad_settings *settings, struct kad_budget *budget, bool for_host,
                       size_t size, kad_ms from, kad_ms duration)
{
    size_t sent = 0;

    for (kad_ms now = from; now < from + duration;) {
        const kad_ms wait = kad_budget_wait(budget, settings, for_host, now);

        now += wait;
        if (wait)
            continue;
        kad_budget_spend(budget, size);
        sent += size;
    }
    return sent;
}

/* Whatever the size of a query, an hour holds what the rate allows, and what was saved up: no more, and hardly less. */
TEST(the_rate_is_kept_and_used)
{
    const struct kad_settings settings = settings_with(5000, 0);
    static const size_t sizes[] = {1, 100, 1400};

    for (size_t i = 0; i < KAD_COUNT_OF(sizes); i++) {
        for (int for_host = 0; for_host < 2; for_host++) {
            struct kad_budget budget;
            size_t sent;

            kad_budget_init(&budget, &settings, 0);
            sent = send_for(&settings, &budget, for_host, sizes[i], 0, KAD_HOUR);
            EXPECT_MSG(sent <= 3601u * 5000 + 1400, "%zu bytes", sent);
            EXPECT_MSG(sent >= 3590u * 5000, "%zu bytes", sent);
        }
    }
}

TEST(packets_are_a_budget_of_their_own)
{
    const struct kad_settings settings = settings_with(0, 20);
    struct kad_budget budget;

    kad_budget_init(&budget, &settings, 0);
    EXPECT(send_for(&settings, &budget, true, 1, 0, 100 * KAD_SECOND) <= 20 * 101);
    kad_budget_init(&budget, &settings, 0);
    EXPECT(send_for(&settings, &budget, true, 1, 0, 100 * KAD_SECOND) >= 20 * 99);
}

/* Upkeep cannot use up what a user's lookup will want a moment later. */
TEST(the_last_half_is_the_hosts)
{
    const struct kad_settings settings = settings_with(10000, 0);
    struct kad_budget budget;
    size_t upkeep = 0, host = 0;

    kad_budget_init(&budget, &settings, 0);
    while (kad_budget_wait(&budget, &settings, false, 0) == 0) {
        kad_budget_spend(&budget, 100);
        upkeep += 100;
    }
    while (kad_budget_wait(&budget, &settings, true, 0) == 0) {
        kad_budget_spend(&budget, 100);
        host += 100;
    }
    EXPECT(upkeep >= 4900 && upkeep <= 5100);
    EXPECT(host >= 4900 && host <= 5100);
    EXPECT(kad_budget_wait(&budget, &settings, false, 0) > kad_budget_wait(&budget, &settings, true, 0));
}

/* The least rate there is still lets something through, in time. */
TEST(a_byte_a_second_is_slow_and_not_for_ever)
{
    const struct kad_settings settings = settings_with(1, 1);
    struct kad_budget budget;

    kad_budget_init(&budget, &settings, 0);
    kad_budget_spend(&budget, 3000);
    EXPECT(kad_budget_wait(&budget, &settings, true, 0) > 0);
    EXPECT_EQ(kad_budget_wait(&budget, &settings, true, 953 * KAD_SECOND), 0);
}
