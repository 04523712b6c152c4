#include "core/serve_merge.h"

#include "base/test.h"

/* Nearest first over both lists, who is in both once, and no more than an answer names. */
TEST(two_lists_become_one)
{
    static const uint8_t places[] = {1, 4, 9, 2, 4, 7, 8}; /* three of the one family, four of the other */
    const struct kad_contact *named[KAD_MESSAGE_CONTACTS];
    struct kad_bytes identities[KAD_MESSAGE_CONTACTS];
    struct kad_contact contacts[KAD_COUNT_OF(places)];
    const struct kad_id target = {{0}};

    for (unsigned most = 1; most < 8; most++) {
        static const uint8_t expected[] = {1, 2, 4, 7, 8, 9};
        unsigned n;

        for (size_t i = 0; i < KAD_COUNT_OF(places); i++) {
            contacts[i] = (struct kad_contact){.id = {{places[i]}}};
            named[i] = &contacts[i];
            identities[i] = (struct kad_bytes){contacts[i].id.bytes, places[i]};
        }
        n = kad_serve_merge(&target, most, 3, KAD_COUNT_OF(places), named, identities);
        EXPECT_EQ(n, most < 6 ? most : 6);
        for (unsigned i = 0; i < n; i++) {
            EXPECT_EQ(named[i]->id.bytes[0], expected[i]);
            EXPECT_EQ(identities[i].size, expected[i]);
        }
    }
    EXPECT_EQ(kad_serve_merge(&target, 20, 0, 4, named, identities), 4);
    EXPECT_EQ(kad_serve_merge(&target, 20, 4, 4, named, identities), 4);
}
