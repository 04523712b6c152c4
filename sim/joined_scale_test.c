// release
// timeout 600
/* joined_scale - the same as joined_test, where everybody can no longer know everybody. */
#include "base/test.h"
#include "sim/test_joined.h"

TEST(ten_thousand_joined_tables_of_eight_agree_with_the_model)
{
    test_joined(10000, 8);
}

TEST(ten_thousand_joined_tables_of_twenty_agree_with_the_model)
{
    test_joined(10000, 20);
}
