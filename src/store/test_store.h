/*
 * test_store - one suite for every store behind core/store.h (I136).
 *
 *     static const struct test_store_kind kind = {...};
 *     TEST_STORE_SUITE(&kind)
 *
 * The cases stand in test_store_records.c, _limits.c, _peers.c, _classes.c and _model.c.
 */
#ifndef KAD_STORE_TEST_STORE_H
#define KAD_STORE_TEST_STORE_H

#include "base/test.h"
#include "store/mem.h"

struct test_store_kind {
    /* A new, empty store; NULL when the allocator refused. */
    struct kad_store *(*open)(const struct kad_allocator *allocator,
                              const struct kad_mem_store_config *config);
    /* The same store after a restart; NULL in a kind that forgets. */
    struct kad_store *(*reopen)(struct kad_store *store, const struct kad_allocator *allocator,
                                const struct kad_mem_store_config *config, kad_ms now);
    void (*close)(struct kad_store *store);
};

/* malloc that counts, and refuses the fail_at-th growth from now (0: none), or each with `fail_percent`. */
struct test_store_memory {
    struct kad_allocator allocator;
    uint64_t in_use, fail_at, fail_percent, state;
};

void test_store_memory_init(struct test_store_memory *memory);

struct kad_mem_store_config test_store_plenty(void);
struct kad_id test_store_key(unsigned number);
/* A public host; `group` makes the /24 or /64. */
struct kad_endpoint test_store_host(bool v6, unsigned group, unsigned host, uint16_t port);
void test_store_rng(struct kad_rng *rng, uint64_t seed);
/* A record whose content follows from its numbers; `room` backs it. */
struct test_store_content {
    uint8_t value[1000], salt[64];
};
struct kad_record test_store_make(unsigned key, int64_t sequence, size_t value_size, bool is_mutable,
                                  kad_ms expires_at, struct test_store_content *room);
bool test_store_same(const struct kad_record *a, const struct kad_record *b);
int test_store_put(struct kad_store *store, unsigned key, size_t value_size,
                   const struct kad_endpoint *publisher, kad_ms expires_at, kad_ms now);
int test_store_announce(struct kad_store *store, unsigned key, struct kad_endpoint peer, bool seed,
                        kad_ms expires_at, kad_ms now);

struct kad_store *test_store_open(const struct test_store_kind *kind,
                                  const struct kad_mem_store_config *config);
bool test_store_holds(struct kad_store *store, unsigned key, kad_ms now);
/* peers() of a key, with randomness from `seed`. */
size_t test_store_ask(struct kad_store *store, unsigned key, enum kad_family family, bool no_seeds,
                      uint64_t seed, kad_ms now, struct kad_endpoint *out_peers, size_t n);
struct kad_store_stats test_store_stats(const struct kad_store *store);
bool test_store_among(const struct kad_endpoint *peers, size_t n, struct kad_endpoint peer);
void test_store_expire_all(struct kad_store *store, kad_ms now); /* until nothing more is due */

#define TEST_STORE_CASES(x)                                                                                  \
    x(an_empty_store_has_nothing) x(a_record_comes_back_as_it_was) x(a_later_put_replaces)                   \
        x(nothing_is_served_from_its_expiry_on) x(a_refresh_moves_the_expiry_both_ways)                      \
            x(expiring_is_bounded_and_gives_all_back) x(records_stay_under_their_ceilings)                   \
                x(a_group_pays_for_what_it_puts) x(long_records_count_as_several)                            \
                    x(peers_stay_under_their_ceilings) x(a_group_adds_only_so_many_peers)                    \
                        x(local_addresses_are_nobodys_group) x(a_full_key_gives_up_its_oldest)               \
                            x(families_and_seeds_are_told_apart) x(a_choice_of_peers_is_fair)                \
                                x(a_sample_of_keys_is_fair) x(expired_peers_do_not_hide_live_ones)           \
                                    x(each_peer_is_shown_once) x(a_key_has_a_value_of_each_owner)            \
                                        x(a_record_can_be_touched) x(pages_show_every_value_once)            \
                                            x(classes_have_places_of_their_own) x(                           \
                                                what_expired_leaves_a_ghost_for_a_day) x(ghosts_are_bounded) \
                                                x(a_class_and_an_owner_have_their_shares)                    \
                                                    x(removing_leaves_nothing_behind)                        \
                                                        x(random_classes_match_a_model)                      \
                                                            x(random_operations_match_a_model)               \
                                                                x(random_operations_survive_want_of_memory)  \
                                                                    x(every_single_allocation_may_fail)

#define TEST_STORE_DECLARE(name) void test_store_##name(const struct test_store_kind *kind);
TEST_STORE_CASES(TEST_STORE_DECLARE)

#define TEST_STORE_RUN(name)         \
    TEST(name)                       \
    {                                \
        test_store_##name(the_kind); \
    }
#define TEST_STORE_SUITE(kind)                                    \
    static const struct test_store_kind *const the_kind = (kind); \
    TEST_STORE_CASES(TEST_STORE_RUN)

#endif
