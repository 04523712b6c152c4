/*
 * test - what a *_test.c file needs, and nothing else.
 *
 *     TEST(an_empty_map_finds_nothing)
 *     {
 *         EXPECT(kad_map_find(&map, 7) == NULL);
 *         EXPECT_EQ(kad_map_count(&map), 0);
 *     }
 *
 * A test registers itself; test_main.c holds main() and runs, in the order they are
 * written, the tests of the one file it is linked with (cmocka prints the verdicts).
 * `./core-table_test split` runs those whose name contains "split". A program
 * without tests, or a filter that matches none, fails: silence must not look green.
 *
 * The first failed EXPECT ends its test by longjmp, so what the test allocated
 * leaks then; the failure is still what is reported first.
 */
#ifndef KAD_BASE_TEST_H
#define KAD_BASE_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

struct kad_test {
    const char *name;
    void (*run)(void **state);
    struct kad_test *next;
};

void kad_test_add(struct kad_test *test);

/* Each returns if its claim holds and otherwise prints why not and ends the test. `what` is the claim as written. */
void kad_test_expect(bool holds, const char *what, const char *file, int line);
void kad_test_expect_equal(long long left, long long right, const char *what, const char *file, int line);
void kad_test_expect_memory(const void *left, const void *right, size_t size, const char *what,
                            const char *file, int line);
void kad_test_expect_string(const char *left, const char *right, const char *what, const char *file,
                            int line);
void kad_test_explain(const char *format, ...) __attribute__((format(printf, 1, 2)));

#define TEST(name)                                                 \
    static void test_##name(void **kad_test_state);                \
    __attribute__((constructor)) static void register_##name(void) \
    {                                                              \
        static struct kad_test test = {#name, test_##name, NULL};  \
        kad_test_add(&test);                                       \
    }                                                              \
    static void test_##name(void **kad_test_state __attribute__((unused)))

#define EXPECT(condition) kad_test_expect((condition) ? true : false, #condition, __FILE__, __LINE__)

/* Integers, enums and booleans of any width and sign. Fractions do not compile: they would be cut off silently. */
#define EXPECT_EQ(left, right)                                                                            \
    kad_test_expect_equal(KAD_TEST_INTEGER(left), KAD_TEST_INTEGER(right), #left " == " #right, __FILE__, \
                          __LINE__)

#define EXPECT_MEM(left, right, size) \
    kad_test_expect_memory((left), (right), (size), #left " == " #right, __FILE__, __LINE__)

#define EXPECT_STR(left, right) \
    kad_test_expect_string((left), (right), #left " == " #right, __FILE__, __LINE__)

/* For what the condition alone does not tell: EXPECT_MSG(n >= 990, "seed %llu: found %d", seed, n). */
#define EXPECT_MSG(condition, ...)                                  \
    do {                                                            \
        if (!(condition)) {                                         \
            kad_test_explain(__VA_ARGS__);                          \
            kad_test_expect(false, #condition, __FILE__, __LINE__); \
        }                                                           \
    } while (0)

/* The | takes integers only. */
#define KAD_TEST_INTEGER(value) ((long long)((value) | 0))

#endif
