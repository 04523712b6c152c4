/*
 * test_malloc - malloc that counts, and refuses, for the one file of a test program that includes this.
 *
 * The definitions below take the place of libc's in the whole program, libraries included, so not under sanitizers, which
 * have their own. While `armed`, the fail_at-th call of any thread fails, alone or with all that follow. Freed memory is
 * overwritten, so that who reads it is seen.
 */
#ifndef KAD_TEST_MALLOC_H
#define KAD_TEST_MALLOC_H

#include <errno.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *old, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);
extern void __libc_free(void *block);

static struct {
    atomic_ulong n, fail_at, n_refused; /* fail_at: 1 is the first; 0: none */
    atomic_bool for_ever, armed;
    atomic_long n_blocks; /* that are out, of the whole process */
} test_malloc;

static bool test_malloc_refused(void)
{
    unsigned long n, at;

    if (!test_malloc.armed)
        return false;
    n = ++test_malloc.n;
    at = test_malloc.fail_at;
    if (at == 0 || n < at || (n > at && !test_malloc.for_ever))
        return false;
    test_malloc.n_refused++;
    errno = ENOMEM;
    return true;
}

static void *test_malloc_counted(void *block)
{
    test_malloc.n_blocks += block != NULL;
    return block;
}

void *malloc(size_t size)
{
    return test_malloc_refused() ? NULL : test_malloc_counted(__libc_malloc(size));
}

void *calloc(size_t n, size_t size)
{
    return test_malloc_refused() ? NULL : test_malloc_counted(__libc_calloc(n, size));
}

void free(void *block)
{
    if (!block)
        return;
    test_malloc.n_blocks--;
    memset(block, 0xdd, malloc_usable_size(block));
    __libc_free(block);
}

void *realloc(void *old, size_t size)
{
    if (old && size == 0) {
        free(old);
        return NULL;
    }
    if (test_malloc_refused())
        return NULL;
    return old ? __libc_realloc(old, size) : test_malloc_counted(__libc_realloc(NULL, size));
}

int posix_memalign(void **out_block, size_t alignment, size_t size)
{
    void *block = test_malloc_refused() ? NULL : test_malloc_counted(__libc_memalign(alignment, size));

    if (!block)
        return ENOMEM;
    *out_block = block;
    return 0;
}

void *aligned_alloc(size_t alignment, size_t size)
{
    return test_malloc_refused() ? NULL : test_malloc_counted(__libc_memalign(alignment, size));
}

/* The next life: the at-th call fails. */
static void test_malloc_fail_at(unsigned long at, bool for_ever)
{
    test_malloc.n = test_malloc.n_refused = 0;
    test_malloc.fail_at = at;
    test_malloc.for_ever = for_ever;
}

#endif
