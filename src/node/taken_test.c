#include "node/taken.h"

#include <string.h>

#include "base/test.h"

static struct kad_record letter(uint8_t number, kad_ms valid_until)
{
    return (struct kad_record){.public_key = {number},
                               .sequence = number,
                               .valid_until = valid_until,
                               .value = {(const uint8_t *)"hello", 5}};
}

static size_t take(struct kad_taken *taken, const struct kad_record *records, size_t n, kad_ms now,
                   int *out_error)
{
    struct kad_event event = {.kind = KAD_EVENT_DONE};
    struct kad_record *copies;
    size_t room, n_left;

    event.done.records = records;
    event.done.n_records = n;
    event.done.record = n ? &records[0] : NULL;
    kad_taken_filter(taken, &kad_allocator_system, &event, now, &copies, &room);
    n_left = event.done.n_records;
    *out_error = event.done.error;
    EXPECT((event.done.record != NULL) == (n_left > 0));
    kad_free(&kad_allocator_system, copies, room * sizeof(*copies));
    return n_left;
}

TEST(a_letter_is_handed_over_once)
{
    struct kad_record letters[3] = {letter(1, 5000), letter(2, 5000), letter(3, 5000)};
    struct kad_taken taken = {0};
    int error;

    EXPECT_EQ(take(&taken, letters, 2, 1000, &error), 2);
    EXPECT_EQ(error, 0);
    EXPECT_EQ(take(&taken, letters, 3, 2000, &error), 1); /* the third is new */
    EXPECT_EQ(take(&taken, letters, 3, 3000, &error), 0);
    EXPECT_EQ(error, KAD_E_NOT_FOUND);
    letters[0].sequence++; /* another letter of the same sender */
    EXPECT_EQ(take(&taken, letters, 3, 3000, &error), 1);
    EXPECT_EQ(take(&taken, letters, 0, 3000, &error), 0);
    EXPECT_EQ(error, 0);
    kad_taken_clear(&taken, &kad_allocator_system);
}

TEST(the_oldest_are_forgotten)
{
    struct kad_taken taken = {0};
    int error;

    for (int i = 0; i <= KAD_TAKEN_MAX; i++) {
        struct kad_record record = letter(1, 5000);

        record.sequence = i;
        EXPECT_EQ(take(&taken, &record, 1, 1000, &error), 1);
    }
    for (int i = KAD_TAKEN_MAX; i >= 0; i -= KAD_TAKEN_MAX) {
        struct kad_record record = letter(1, 5000);

        record.sequence = i;
        EXPECT_EQ(take(&taken, &record, 1, 1000, &error), i == 0); /* all but the first are known */
    }
    kad_taken_clear(&taken, &kad_allocator_system);
}
