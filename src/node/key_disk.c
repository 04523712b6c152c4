/* key_disk - key files on disk: whole or not at all, and nobody else's business. See key_file.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "crypto/crypto.h"
#include "node/key_file.h"

#define PATH_SIZE 4096

static int fail(int error, char *why, size_t why_size, const char *path, const char *what)
{
    snprintf(why, why_size, "%s: %s", path, what);
    return error;
}

/* -- loading ----------------------------------------------------------------------------------------------------- */

static ssize_t read_all(int fd, uint8_t *bytes, size_t room)
{
    size_t n = 0;

    while (n < room) {
        const ssize_t got = read(fd, bytes + n, room - n);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -1;
        if (got == 0)
            break;
        n += (size_t)got;
    }
    return (ssize_t)n;
}

/* Looked at after opening, so that what was looked at is what is read. */
static int read_private(int fd, const char *path, uint8_t *bytes, size_t room, size_t *out_size, char *why,
                        size_t why_size)
{
    struct stat status;
    ssize_t n;

    if (fstat(fd, &status) < 0)
        return fail(KAD_E_SYSTEM, why, why_size, path, strerror(errno));
    if (!S_ISREG(status.st_mode))
        return fail(KAD_E_INVALID, why, why_size, path, "no file");
    if (status.st_mode & (S_IRWXG | S_IRWXO))
        return fail(KAD_E_REFUSED, why, why_size, path, "others may read this secret; chmod 600 it");
    n = read_all(fd, bytes, room);
    if (n < 0)
        return fail(KAD_E_SYSTEM, why, why_size, path, strerror(errno));
    *out_size = (size_t)n;
    return KAD_OK;
}

int kad_key_file_load(const char *path, struct kad_key_file *out_file, char *out_why, size_t why_size)
{
    uint8_t bytes[KAD_KEY_FILE_MAX + 1];
    char wrong[160];
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe must not hold us up */
    size_t size = 0;
    int error;

    if (fd < 0)
        return fail(errno == ENOENT ? KAD_E_NOT_FOUND : KAD_E_SYSTEM, out_why, why_size, path,
                    strerror(errno));
    error = read_private(fd, path, bytes, sizeof(bytes), &size, out_why, why_size);
    close(fd);
    if (!error) {
        error = kad_key_file_decode((struct kad_bytes){bytes, size}, out_file, wrong, sizeof(wrong));
        if (error)
            (void)fail(error, out_why, why_size, path, wrong);
    }
    kad_wipe(bytes, sizeof(bytes));
    return error;
}

/* -- saving ------------------------------------------------------------------------------------------------------ */

static int write_all(int fd, const char *text, size_t size)
{
    while (size) {
        const ssize_t n = write(fd, text, size);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        text += n;
        size -= (size_t)n;
    }
    return fsync(fd);
}

/* A name is on disk when its directory is. */
static int sync_folder(const char *path)
{
    char folder[PATH_SIZE];
    const char *slash = strrchr(path, '/');
    const size_t size = slash ? (size_t)(slash - path) + (slash == path) : 1;
    int fd, result;

    memcpy(folder, slash ? path : ".", size);
    folder[size] = '\0';
    fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    result = fsync(fd);
    close(fd);
    return result;
}

/* Gives the finished file its name. Without `replace` a link, which fails where there is a file, unlike a rename. */
static int give_name(const char *temporary, const char *path, bool replace)
{
    if (replace)
        return rename(temporary, path);
    if (renameat2(AT_FDCWD, temporary, AT_FDCWD, path, RENAME_NOREPLACE) == 0)
        return 0;
    if (errno != EINVAL && errno != ENOSYS)
        return -1;
    if (link(temporary, path) < 0) /* a file system that knows no such rename */
        return -1;
    return unlink(temporary);
}

static int write_file(const char *path, const char *text, size_t size, bool replace)
{
    char temporary[PATH_SIZE];
    int fd, result, reason;

    if (snprintf(temporary, sizeof(temporary), "%s.%ld.new", path, (long)getpid()) >= PATH_SIZE) {
        errno = ENAMETOOLONG;
        return -1;
    }
    unlink(temporary); /* of a process with our number that died in the middle */
    fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return -1;
    result = write_all(fd, text, size);
    reason = errno;
    close(fd);
    if (result == 0) {
        result = give_name(temporary, path, replace);
        reason = errno;
    }
    if (result == 0)
        return sync_folder(path);
    unlink(temporary);
    errno = reason;
    return -1;
}

int kad_key_file_save(const char *path, const struct kad_key_file *file, bool replace, char *out_why,
                      size_t why_size)
{
    char text[KAD_KEY_FILE_MAX];
    const size_t size = kad_key_file_encode(file, text, sizeof(text));
    const int result = write_file(path, text, size, replace), reason = errno;

    kad_wipe(text, sizeof(text));
    if (result == 0)
        return KAD_OK;
    errno = reason;
    return fail(reason == EEXIST ? KAD_E_EXISTS : KAD_E_SYSTEM, out_why, why_size, path, strerror(reason));
}

/* -- loading or making ------------------------------------------------------------------------------------------- */

#define SLICE  4000 /* tries between two looks at the clock: some 60 ms */
#define TELL_S 0.5  /* between two that tell how far it is */

static double seconds(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static int mine(const struct kad_key_wish *wish, struct kad_identity *out_identity)
{
    struct kad_key_progress progress = {.bits = wish->bits};
    const double began = seconds();
    struct kad_identity_search search;
    double told_s = 0;
    bool wanted = true;

    kad_identity_search_init(&search, NULL, wish->bits);
    while (wanted && !kad_identity_try(&search, SLICE)) {
        progress.n_tries = search.n_tries;
        progress.elapsed_s = seconds() - began;
        if (!wish->on_progress || progress.elapsed_s - told_s < TELL_S)
            continue;
        told_s = progress.elapsed_s;
        wanted = wish->on_progress(wish->context, &progress);
    }
    if (search.found)
        *out_identity = search.identity;
    wanted = search.found;
    kad_identity_search_wipe(&search);
    return wanted ? KAD_OK : KAD_E_CLOSED;
}

static int make(const struct kad_key_wish *wish, struct kad_identity *identity, char *why, size_t why_size)
{
    struct kad_key_file file;
    int error = mine(wish, identity);

    if (error) {
        snprintf(why, why_size, "the search for an identity was given up");
        return error;
    }
    if (!wish->path)
        return KAD_OK;
    error = kad_key_file_make(identity, wish->passphrase, KAD_PASSPHRASE_COST, &file);
    if (error)
        (void)fail(error, why, why_size, wish->path, kad_error_text(error));
    else
        error = kad_key_file_save(wish->path, &file, false, why, why_size);
    kad_key_file_wipe(&file);
    if (error)
        kad_identity_wipe(identity);
    return error;
}

static int open_file(const struct kad_key_wish *wish, const struct kad_key_file *file,
                     struct kad_identity *identity, char *why, size_t why_size)
{
    const int error = kad_key_file_open(file, wish->passphrase, identity);
    char what[120];

    switch (error) {
    case KAD_OK:
        break;
    case KAD_E_NOT_FOUND:
        return fail(KAD_E_REFUSED, why, why_size, wish->path, "sealed; it needs its passphrase");
    case KAD_E_REFUSED:
        return fail(error, why, why_size, wish->path, "the passphrase is another, or the file was changed");
    case KAD_E_CORRUPT:
        return fail(KAD_E_INVALID, why, why_size, wish->path, "the secret in it is not this id's");
    default:
        return fail(error, why, why_size, wish->path, kad_error_text(error));
    }
    if (kad_identity_bits(identity->public_key) >= wish->bits)
        return KAD_OK;
    snprintf(what, sizeof(what), "solves a puzzle of %u bits, the network asks for %u",
             kad_identity_bits(identity->public_key), wish->bits);
    kad_identity_wipe(identity);
    return fail(KAD_E_INVALID, why, why_size, wish->path, what);
}

int kad_key_file_load_or_make(const struct kad_key_wish *wish, struct kad_identity *out_identity,
                              bool *out_made, char *out_why, size_t why_size)
{
    struct kad_key_file file;
    int error = wish->path ? kad_key_file_load(wish->path, &file, out_why, why_size) : KAD_E_NOT_FOUND;
    const bool is_new = error == KAD_E_NOT_FOUND;

    if (is_new)
        error = make(wish, out_identity, out_why, why_size);
    else if (!error) {
        error = open_file(wish, &file, out_identity, out_why, why_size);
        kad_key_file_wipe(&file);
    }
    if (!error && out_made)
        *out_made = is_new;
    return error;
}
