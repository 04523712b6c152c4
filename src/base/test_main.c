/* test_main - runs the tests that registered themselves; see test.h. */
#include "base/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct kad_test *first;
static struct kad_test **last = &first;

void kad_test_add(struct kad_test *test)
{
    *last = test;
    last = &test->next;
}

void kad_test_expect(bool holds, const char *what, const char *file, int line)
{
    if (holds)
        return;
    print_error("expected: %s\n", what);
    _fail(file, line);
}

void kad_test_expect_equal(long long left, long long right, const char *what, const char *file, int line)
{
    if (left == right)
        return;
    print_error("expected: %s\n%lld (%#llx) != %lld (%#llx)\n", what, left, (unsigned long long)left, right,
                (unsigned long long)right);
    _fail(file, line);
}

static void print_bytes(const char *side, const unsigned char *bytes, size_t size, size_t at)
{
    const size_t from = at < 4 ? 0 : at - 4;
    char line[16 * 3 + 1] = "";

    for (size_t i = from; i < size && i < from + 16; i++)
        snprintf(line + (i - from) * 3, 4, " %02x", bytes[i]);
    print_error("  %s from byte %zu:%s\n", side, from, line);
}

void kad_test_expect_memory(const void *left, const void *right, size_t size, const char *what,
                            const char *file, int line)
{
    const unsigned char *a = left, *b = right;
    size_t at = 0;

    while (at < size && a[at] == b[at])
        at++;
    if (at == size)
        return;
    print_error("expected: %s, %zu bytes; they differ at byte %zu\n", what, size, at);
    print_bytes("left ", a, size, at);
    print_bytes("right", b, size, at);
    _fail(file, line);
}

void kad_test_expect_string(const char *left, const char *right, const char *what, const char *file, int line)
{
    if (left && right && strcmp(left, right) == 0)
        return;
    print_error("expected: %s\n\"%s\" != \"%s\"\n", what, left ? left : "(null)", right ? right : "(null)");
    _fail(file, line);
}

void kad_test_explain(const char *format, ...)
{
    char text[1024];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    print_error("%s\n", text);
}

int main(int argc, char **argv)
{
    const char *program = strrchr(argv[0], '/') ? strrchr(argv[0], '/') + 1 : argv[0];
    const char *filter = argc > 1 ? argv[1] : "";
    size_t n_registered = 0, n_chosen = 0;
    struct CMUnitTest *chosen;
    int n_failed;

    for (const struct kad_test *test = first; test; test = test->next)
        n_registered++;
    chosen = calloc(n_registered + 1, sizeof *chosen);
    if (!chosen)
        return EXIT_FAILURE;
    for (const struct kad_test *test = first; test; test = test->next) {
        if (strstr(test->name, filter))
            chosen[n_chosen++] = (struct CMUnitTest){.name = test->name, .test_func = test->run};
    }
    if (n_chosen == 0) {
        fprintf(stderr, "%s: no test matches \"%s\" (of %zu)\n", program, filter, n_registered);
        free(chosen);
        return EXIT_FAILURE;
    }
    n_failed = _cmocka_run_group_tests(program, chosen, n_chosen, NULL, NULL);
    free(chosen);
    return n_failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
