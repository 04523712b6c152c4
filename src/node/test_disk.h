/*
 * test_disk - a disk that waits, fails or ends the process, for the one file of a test program that includes this.
 *
 * The definitions below take the place of libc's in the whole program, liblmdb included. Only regular files and
 * directories under test_disk.under are touched, so sockets and the test's own output are not. Calls come from several
 * threads. An operation is one call that changes the disk or could tell of it: open to write, write, truncate, sync,
 * rename, mkdir.
 */
#ifndef KAD_NODE_TEST_DISK_H
#define KAD_NODE_TEST_DISK_H

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static struct {
    const char *under;        /* NULL: nothing is touched */
    atomic_uint n;            /* operations so far */
    atomic_uint n_data_syncs; /* of which fdatasync */
    atomic_uint n_held;       /* waiting for the gate now */
    atomic_bool gate_is_shut; /* syncs wait while it is */
    atomic_uint fail_at;      /* this operation fails, 1 is the first; 0: none */
    atomic_bool fails_on;     /* and all after it */
    atomic_bool writes_fail;  /* a full disk: what needs no room works */
    atomic_bool syncs_fail;   /* a broken one */
    atomic_bool ends_process; /* instead of failing: a write has then written half */
    atomic_int error;         /* errno of failures */
    char order[64];           /* letters of the first operations: o w t s d r m (d: a directory synced) */
} test_disk;

static bool test_disk_is_ours(int fd)
{
    char link[64], path[512];
    ssize_t n;

    if (!test_disk.under || fd <= 2)
        return false;
    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    n = readlink(link, path, sizeof(path) - 1);
    return n > 0 && (size_t)n >= strlen(test_disk.under) &&
           memcmp(path, test_disk.under, strlen(test_disk.under)) == 0;
}

static bool test_disk_is_ours_path(const char *path)
{
    return test_disk.under && strncmp(path, test_disk.under, strlen(test_disk.under)) == 0;
}

/* Counts one operation; true: it fails, errno is set. */
static bool test_disk_fails(char letter)
{
    const unsigned n = ++test_disk.n;
    const unsigned at = test_disk.fail_at;
    bool fails = at != 0 && (n == at || (test_disk.fails_on && n > at));

    if (n <= sizeof(test_disk.order) - 1)
        test_disk.order[n - 1] = letter;
    fails |= test_disk.writes_fail && strchr("owm", letter);
    fails |= test_disk.syncs_fail && strchr("sd", letter);
    if (fails)
        errno = test_disk.error;
    return fails;
}

static void test_disk_end_or_fail(void)
{
    if (test_disk.ends_process)
        _exit(77);
}

static void test_disk_wait_at_gate(void)
{
    test_disk.n_held++;
    while (test_disk.gate_is_shut)
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    test_disk.n_held--;
}

ssize_t write(int fd, const void *bytes, size_t size)
{
    if (test_disk_is_ours(fd) && test_disk_fails('w')) {
        const int error = errno;

        if (test_disk.ends_process)
            (void)!syscall(SYS_write, fd, bytes, size / 2);
        test_disk_end_or_fail();
        errno = error;
        return -1;
    }
    return syscall(SYS_write, fd, bytes, size);
}

ssize_t pwrite(int fd, const void *bytes, size_t size, off_t at)
{
    if (test_disk_is_ours(fd) && test_disk_fails('w')) {
        const int error = errno;

        if (test_disk.ends_process)
            (void)!syscall(SYS_pwrite64, fd, bytes, size / 2, at);
        test_disk_end_or_fail();
        errno = error;
        return -1;
    }
    return syscall(SYS_pwrite64, fd, bytes, size, at);
}

struct iovec;
ssize_t writev(int fd, const struct iovec *parts, int n)
{
    if (test_disk_is_ours(fd) && test_disk_fails('w')) {
        test_disk_end_or_fail();
        return -1;
    }
    return syscall(SYS_writev, fd, parts, n);
}

int ftruncate(int fd, off_t size)
{
    if (test_disk_is_ours(fd) && test_disk_fails('t')) {
        test_disk_end_or_fail();
        return -1;
    }
    return (int)syscall(SYS_ftruncate, fd, size);
}

int fdatasync(int fd)
{
    if (test_disk_is_ours(fd)) {
        test_disk.n_data_syncs++;
        test_disk_wait_at_gate();
        if (test_disk_fails('s')) {
            test_disk_end_or_fail();
            return -1;
        }
    }
    return (int)syscall(SYS_fdatasync, fd);
}

int fsync(int fd)
{
    struct stat status;

    if (test_disk_is_ours(fd)) {
        test_disk_wait_at_gate();
        if (test_disk_fails(fstat(fd, &status) == 0 && S_ISDIR(status.st_mode) ? 'd' : 's')) {
            test_disk_end_or_fail();
            return -1;
        }
    }
    return (int)syscall(SYS_fsync, fd);
}

int open(const char *path, int flags, ...)
{
    va_list list;
    mode_t mode;

    va_start(list, flags);
    mode = flags & O_CREAT ? va_arg(list, mode_t) : 0;
    va_end(list);
    if (test_disk_is_ours_path(path) && (flags & O_ACCMODE) != O_RDONLY && test_disk_fails('o')) {
        test_disk_end_or_fail();
        return -1;
    }
    return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

int rename(const char *from, const char *to)
{
    if (test_disk_is_ours_path(to) && test_disk_fails('r')) {
        test_disk_end_or_fail();
        return -1;
    }
    return (int)syscall(SYS_renameat, AT_FDCWD, from, AT_FDCWD, to);
}

int mkdir(const char *path, mode_t mode)
{
    if (test_disk_is_ours_path(path) && test_disk_fails('m')) {
        test_disk_end_or_fail();
        return -1;
    }
    return (int)syscall(SYS_mkdirat, AT_FDCWD, path, mode);
}

/* A quiet disk again. */
static void test_disk_reset(const char *under)
{
    test_disk.gate_is_shut = test_disk.fails_on = false;
    test_disk.writes_fail = test_disk.syncs_fail = test_disk.ends_process = false;
    test_disk.n = test_disk.n_data_syncs = test_disk.fail_at = 0;
    test_disk.error = EIO;
    memset(test_disk.order, 0, sizeof(test_disk.order));
    test_disk.under = under;
}

#endif
