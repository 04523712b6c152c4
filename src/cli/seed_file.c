/* seed_file - see seed_file.h. */
#include "cli/seed_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "crypto/crypto.h"

#define SEED 32

/* 0, KAD_E_EXISTS (never written over) or KAD_E_SYSTEM. */
static int make_file(const char *path)
{
    uint8_t seed[SEED];
    char text[2 * SEED + 2];
    const int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    bool written;

    if (fd < 0)
        return errno == EEXIST ? KAD_E_EXISTS : KAD_E_SYSTEM;
    kad_entropy(seed, sizeof seed);
    kad_hex(seed, sizeof seed, text);
    text[sizeof text - 2] = '\n';
    written = write(fd, text, 2 * SEED + 1) == 2 * SEED + 1 && fsync(fd) == 0;
    kad_wipe(seed, sizeof seed);
    kad_wipe(text, sizeof text);
    if (close(fd) == 0 && written)
        return KAD_OK;
    unlink(path);
    return KAD_E_SYSTEM;
}

int kad_seed_file_read(const char *path, bool make, uint8_t out_seed[32], char *out_why, size_t why_size)
{
    const int made = make ? make_file(path) : KAD_E_EXISTS;
    char text[128] = "";
    struct stat status;
    ssize_t n;
    int fd, error = KAD_OK;

    if (made == KAD_E_SYSTEM) {
        snprintf(out_why, why_size, "%s: %s", path, strerror(errno));
        return made;
    }
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &status) < 0) {
        snprintf(out_why, why_size, "%s: %s%s", path, strerror(errno),
                 errno == ENOENT ? "; --new-key makes it" : "");
        error = errno == ENOENT ? KAD_E_NOT_FOUND : KAD_E_SYSTEM;
        if (fd >= 0)
            close(fd);
        return error;
    }
    n = read(fd, text, sizeof text - 1);
    close(fd);
    while (n > 0 && strchr(" \t\r\n", text[n - 1]))
        text[--n] = 0;
    if (status.st_mode & (S_IRWXG | S_IRWXO)) {
        snprintf(out_why, why_size, "%s: others may read this secret; chmod 600 it", path);
        error = KAD_E_INVALID;
    } else if (n < 0 || kad_unhex(text, out_seed, SEED) != KAD_OK) {
        snprintf(out_why, why_size, "%s: not 64 hexadecimal digits", path);
        error = KAD_E_INVALID;
    }
    kad_wipe(text, sizeof text);
    return error;
}
