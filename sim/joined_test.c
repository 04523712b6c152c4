// timeout 300
/* joined - where a model draws its own tables only the lookup is compared with a second opinion; here, what joining made of tables. */
#include "base/test.h"
#include "sim/test_joined.h"

TEST(joined_tables_of_eight_agree_with_the_model)
{
    test_joined(1000, 8);
}

TEST(joined_tables_of_twenty_agree_with_the_model)
{
    test_joined(1000, 20);
}
