#include "node/data_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static void path_of(const struct kad_data_dir *dir, const char *name, const char *suffix,
                    char out_path[KAD_DATA_PATH])
{
    snprintf(out_path, KAD_DATA_PATH, "%s/%.120s%s", dir->path, name, suffix);
}

static int fail(char *why, size_t why_size, const char *what, const char *path)
{
    snprintf(why, why_size, "%s %.200s: %s", what, path, strerror(errno));
    return KAD_E_SYSTEM;
}

/* For people who ask who it is; nothing depends on it. */
static void sign(int lock)
{
    char text[24];
    const int size = snprintf(text, sizeof(text), "%ld\n", (long)getpid());

    if (ftruncate(lock, 0) == 0 && pwrite(lock, text, (size_t)size, 0) != size)
        (void)ftruncate(lock, 0);
}

static int take_lock(struct kad_data_dir *dir, char *why, size_t why_size)
{
    char path[KAD_DATA_PATH];

    path_of(dir, "lock", "", path);
    dir->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (dir->lock < 0)
        return fail(why, why_size, "cannot open", path);
    if (flock(dir->lock, LOCK_EX | LOCK_NB) == 0) {
        sign(dir->lock);
        return KAD_OK;
    }
    if (errno == EWOULDBLOCK) {
        char holder[24] = "";
        const ssize_t n = pread(dir->lock, holder, sizeof(holder) - 1, 0);

        holder[n > 0 ? strspn(holder, "0123456789") : 0] = '\0';
        snprintf(why, why_size, "data directory %.200s is in use by another node (process %s)", dir->path,
                 holder[0] ? holder : "unknown");
        close(dir->lock);
        return KAD_E_EXISTS;
    }
    close(dir->lock);
    return fail(why, why_size, "cannot lock", path);
}

int kad_data_dir_open(struct kad_data_dir *dir, const char *path, char *out_why, size_t why_size)
{
    struct stat status;

    if (strlen(path) >= sizeof(dir->path) || path[0] == '\0') {
        snprintf(out_why, why_size, "data directory: the path is empty or longer than %zu characters",
                 sizeof(dir->path) - 1);
        return KAD_E_INVALID;
    }
    strcpy(dir->path, path);
    if (mkdir(path, 0700) < 0 && errno != EEXIST)
        return fail(out_why, why_size, "cannot make data directory", path);
    if (stat(path, &status) < 0)
        return fail(out_why, why_size, "cannot use data directory", path);
    if (!S_ISDIR(status.st_mode)) {
        errno = ENOTDIR;
        return fail(out_why, why_size, "cannot use data directory", path);
    }
    return take_lock(dir, out_why, why_size);
}

void kad_data_dir_close(struct kad_data_dir *dir)
{
    close(dir->lock);
    dir->lock = -1;
}

static int read_whole(int fd, uint8_t *bytes, size_t size)
{
    size_t n = 0;

    while (n < size) {
        const ssize_t got = read(fd, bytes + n, size - n);

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return KAD_E_SYSTEM;
        n += (size_t)got;
    }
    return KAD_OK;
}

int kad_data_dir_read(const struct kad_data_dir *dir, const char *name, size_t most,
                      const struct kad_allocator *allocator, struct kad_bytes *out_bytes)
{
    char path[KAD_DATA_PATH];
    uint8_t *bytes = NULL;
    struct stat status;
    int fd, error = KAD_E_SYSTEM;
    size_t size = 0;

    path_of(dir, name, "", path);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? KAD_E_NOT_FOUND : KAD_E_SYSTEM;
    if (fstat(fd, &status) == 0) {
        size = (size_t)status.st_size;
        error = size > most ? KAD_E_LIMIT : KAD_OK;
    }
    if (!error && size) {
        bytes = kad_alloc(allocator, size);
        error = bytes ? read_whole(fd, bytes, size) : KAD_E_MEMORY;
        if (error && bytes)
            kad_free(allocator, bytes, size);
    }
    close(fd);
    if (!error)
        *out_bytes = (struct kad_bytes){bytes, size};
    return error;
}

static int write_whole(int fd, struct kad_bytes bytes)
{
    while (bytes.size) {
        const ssize_t n = write(fd, bytes.data, bytes.size);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return KAD_E_SYSTEM;
        bytes.data += n;
        bytes.size -= (size_t)n;
    }
    return fsync(fd) < 0 ? KAD_E_SYSTEM : KAD_OK;
}

/* A rename is on disk when its directory is. */
static int sync_directory(const struct kad_data_dir *dir)
{
    const int fd = open(dir->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int error;

    if (fd < 0)
        return KAD_E_SYSTEM;
    error = fsync(fd) < 0 ? KAD_E_SYSTEM : KAD_OK;
    close(fd);
    return error;
}

int kad_data_dir_write(const struct kad_data_dir *dir, const char *name, struct kad_bytes bytes)
{
    char path[KAD_DATA_PATH], temporary[KAD_DATA_PATH];
    int fd, error, reason;

    path_of(dir, name, "", path);
    path_of(dir, name, ".new", temporary);
    fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return KAD_E_SYSTEM;
    error = write_whole(fd, bytes);
    reason = errno;
    close(fd);
    if (!error && rename(temporary, path) == 0)
        return sync_directory(dir);
    if (error)
        errno = reason;
    reason = errno;
    unlink(temporary);
    errno = reason;
    return KAD_E_SYSTEM;
}

void kad_data_dir_set_aside(const struct kad_data_dir *dir, const char *name)
{
    char path[KAD_DATA_PATH], aside[KAD_DATA_PATH];

    path_of(dir, name, "", path);
    path_of(dir, name, ".bad", aside);
    (void)rename(path, aside);
}
