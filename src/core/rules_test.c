#include "core/rules.h"

#include "base/test.h"

static bool starts_with_a(void *context, const struct kad_record *record)
{
    ++*(int *)context;
    return record->value.size && record->value.data[0] == 'a';
}

TEST(what_a_class_demands)
{
    static const uint8_t value[4] = "abcd";
    int asked = 0;
    const struct kad_class class = {
        .value_max = 4, .owners_max = 2, .ttl_ms = 100, .valid = starts_with_a, .context = &asked};
    struct kad_record good = {.many = true, .value = {value, 4}, .made_at = 50, .valid_until = 150}, record;

    EXPECT_EQ(kad_class_check(&class, &good), KAD_REFUSAL_NONE);
    EXPECT_EQ(asked, 1);
    record = good;
    record.value.size = 5;
    EXPECT_EQ(kad_class_check(&class, &record), KAD_REFUSAL_TOO_BIG);
    record = good;
    record.many = false;
    EXPECT_EQ(kad_class_check(&class, &record), KAD_REFUSAL_PROTOCOL);
    record = good;
    record.valid_until = 151;
    EXPECT_EQ(kad_class_check(&class, &record), KAD_REFUSAL_LIFE);
    record.valid_until = KAD_NEVER;
    EXPECT_EQ(kad_class_check(&class, &record), KAD_REFUSAL_LIFE);
    record.valid_until = 50;
    EXPECT_EQ(kad_class_check(&class, &record), KAD_REFUSAL_LIFE);
    record = good;
    record.made_at = -1; /* would overflow */
    EXPECT_EQ(kad_class_check(&class, &record), KAD_REFUSAL_LIFE);
    EXPECT_EQ(asked, 1); /* last of all */
    record = good;
    record.value.data = value + 1;
    EXPECT_EQ(kad_class_check(&class, &record), KAD_REFUSAL_PROTOCOL);
    record.hashed = true; /* there is no value to look at */
    EXPECT_EQ(kad_class_check(&class, &record), KAD_REFUSAL_NONE);
}

TEST(a_class_for_good_has_any_life)
{
    const struct kad_class class = {.value_max = 4, .owners_max = 1, .ttl_ms = KAD_NEVER};
    struct kad_record record = {.made_at = 0, .valid_until = KAD_NEVER};

    EXPECT_EQ(kad_class_check(&class, &record), KAD_REFUSAL_NONE);
    record.valid_until = KAD_NEVER - 1;
    EXPECT_EQ(kad_class_check(&class, &record), KAD_REFUSAL_NONE);
}
