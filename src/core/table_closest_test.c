#include "base/test.h"
#include "core/table.h"
#include "core/test_core.h"

#include <string.h>

enum { MOST = 1500 };

struct world {
    struct kad_book *book;
    struct kad_table *table;
    struct kad_rng rng;
    kad_contact_ref held[MOST], good[MOST], truth[MOST], found[MOST + 1];
    size_t n_held, n_good;
};

/* A table of random contacts, of which `failing_percent` have failed. Some are picked near ourselves, so that deep buckets
 * are filled too. */
static void build(struct world *w, const struct kad_table_config *config, uint64_t seed, size_t n_offered,
                  unsigned failing_percent)
{
    struct kad_id self;

    memset(w, 0, sizeof(*w));
    test_rng_init(&w->rng, seed);
    self = kad_id_random(&w->rng, config->id_bits);
    w->book = kad_book_new(&kad_allocator_system, 2 * MOST, 1);
    w->table = kad_table_new(&kad_allocator_system, w->book, &self, config, 0);
    for (uint32_t i = 0; i < n_offered; i++) {
        const unsigned prefix = kad_rng_below(&w->rng, config->id_bits < 24 ? config->id_bits : 24);
        const struct kad_id id = kad_rng_below(&w->rng, 2)
                                     ? kad_id_random(&w->rng, config->id_bits)
                                     : kad_id_random_at(&w->rng, &self, prefix, config->id_bits);
        const kad_contact_ref contact = test_contact(w->book, &id, i);

        kad_book_release(w->book, kad_table_heard(w->table, contact, true, -1, 0).removed);
        kad_book_release(w->book, contact);
    }
    w->n_held = kad_table_all(w->table, MOST, w->held);
    EXPECT_EQ(w->n_held, kad_table_count(w->table));
    for (size_t i = 0; i < w->n_held; i++) {
        if (kad_rng_below(&w->rng, 100) < failing_percent)
            EXPECT_EQ(kad_table_failed(w->table, w->held[i], 0).change, KAD_TABLE_SAME);
        else
            w->good[w->n_good++] = w->held[i];
    }
}

static void clear(struct world *w)
{
    kad_table_free(w->table);
    kad_book_free(w->book);
}

/* A target anywhere, in some bucket's range, or one of the contacts themselves. */
static struct kad_id some_target(struct world *w, unsigned id_bits)
{
    switch (kad_rng_below(&w->rng, 4)) {
    case 0:
        return kad_id_random(&w->rng, id_bits);
    case 1:
        return kad_id_random_at(&w->rng, kad_table_self(w->table), kad_rng_below(&w->rng, id_bits), id_bits);
    case 2:
        return *kad_table_self(w->table);
    default:
        return w->n_held ? *test_id_of(w->book, w->held[kad_rng_below(&w->rng, (uint32_t)w->n_held)])
                         : kad_id_random(&w->rng, id_bits);
    }
}

/* What must come out: the closest without failures; when they are too few, all of them and the closest of the rest. */
static size_t expected(struct world *w, const struct kad_id *target, size_t n)
{
    kad_contact_ref failing[MOST];
    size_t n_failing = 0;

    if (n <= w->n_good)
        return test_closest(w->book, target, w->good, w->n_good, n, w->truth);
    for (size_t i = 0; i < w->n_held; i++) {
        if (kad_table_find(w->table, w->held[i])->failures > 0)
            failing[n_failing++] = w->held[i];
    }
    memcpy(w->truth, w->good, w->n_good * sizeof(*w->good));
    n_failing = test_closest(w->book, target, failing, n_failing, n - w->n_good, w->truth + w->n_good);
    memcpy(failing, w->truth, (w->n_good + n_failing) * sizeof(*failing));
    return test_closest(w->book, target, failing, w->n_good + n_failing, n, w->truth);
}

static void compare_with_truth(struct world *w, const struct kad_table_config *config, uint64_t seed)
{
    for (int i = 0; i < 30; i++) {
        const struct kad_id target = some_target(w, config->id_bits);
        const size_t n = kad_rng_below(&w->rng, 4) ? 1 + kad_rng_below(&w->rng, 64) : MOST;
        const size_t n_true = expected(w, &target, n);
        const size_t n_found = kad_table_closest(w->table, &target, n, w->found);

        EXPECT_MSG(n_found == n_true, "seed %llu: %zu of %zu", (unsigned long long)seed, n_found, n_true);
        EXPECT_MSG(memcmp(w->found, w->truth, n_true * sizeof(*w->truth)) == 0, "seed %llu, target %d, n %zu",
                   (unsigned long long)seed, i, n);
    }
}

/* P150: exact, against sorting the whole table; for both widths, narrow and wide buckets, with and without failures. Eight-bit
 * ids make tables in which everything ties and ranges end. */
TEST(closest_is_what_brute_force_finds_P150)
{
    static struct world w;

    for (uint64_t seed = 1; seed <= 150; seed++) {
        const unsigned widths[] = {160, 256, 8}, ks[] = {1, 3, 8, 20, 64}, wides[] = {0, 32, 128};
        const struct kad_table_config config = {
            .id_bits = widths[seed % 3],
            .k = ks[seed % 5],
            .wide = wides[seed / 5 % 3],
            .cache = 0, /* else a probed one that fails is replaced */
            .max_failures = 2,
        };

        build(&w, &config, seed, seed % 4 ? seed * 9 : seed % 30, seed % 2 ? 0 : (unsigned)(seed % 101));
        compare_with_truth(&w, &config, seed);
        clear(&w);
    }
}

/* 32 bits of an id decide nearly always. Where they do not, the rest must. */
TEST(contacts_that_agree_in_more_bits_than_a_slot_has)
{
    static struct world w;
    const struct kad_table_config config = {.id_bits = 160, .k = 20, .cache = 0, .max_failures = 2};
    struct kad_id self, id;

    build(&w, &config, 1, 0, 0);
    self = *kad_table_self(w.table);
    id = kad_id_random_at(&w.rng, &self, 0, 160);
    for (uint32_t i = 0; i < 20; i++) {
        id.bytes[19] = (uint8_t)(7 * i);
        w.held[i] = w.good[i] = test_contact(w.book, &id, i);
        EXPECT_EQ(kad_table_heard(w.table, w.held[i], true, -1, 0).change, KAD_TABLE_ADDED);
        kad_book_release(w.book, w.held[i]);
    }
    w.n_held = w.n_good = 20;
    for (size_t n = 1; n <= 20; n++) { /* all tie, across every cut */
        id = some_target(&w, config.id_bits);
        EXPECT_EQ(expected(&w, &id, n), n);
        EXPECT_EQ(kad_table_closest(w.table, &id, n, w.found), n);
        EXPECT_MEM(w.found, w.truth, n * sizeof(*w.found));
    }
    clear(&w);
}

TEST(none_are_asked_for)
{
    static struct world w;
    const struct kad_table_config config = {.id_bits = 160, .k = 20, .max_failures = 2};

    build(&w, &config, 1, 100, 0);
    EXPECT_EQ(kad_table_closest(w.table, kad_table_self(w.table), 0, w.found), 0);
    clear(&w);
}
