/* unix_socket - see unix_socket.h. */
#include "http/unix_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 128

/* Fills in the address. For a long path *out_folder stays open until the address has been used; else -1. */
static int make_address(const char *path, struct sockaddr_un *out_address, int *out_folder)
{
    const char *slash = strrchr(path, '/');
    char folder[4096];
    int n;

    *out_folder = -1;
    memset(out_address, 0, sizeof *out_address);
    out_address->sun_family = AF_UNIX;
    if (strlen(path) < sizeof out_address->sun_path) {
        memcpy(out_address->sun_path, path, strlen(path));
        return KAD_OK;
    }
    if (!slash || (size_t)(slash - path) >= sizeof folder) {
        errno = ENAMETOOLONG;
        return KAD_E_SYSTEM;
    }
    memcpy(folder, path, (size_t)(slash - path));
    folder[slash - path] = 0;
    *out_folder = open(slash == path ? "/" : folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (*out_folder < 0)
        return errno == ENOENT ? KAD_E_NOT_FOUND : KAD_E_SYSTEM;
    n = snprintf(out_address->sun_path, sizeof out_address->sun_path, "/proc/self/fd/%d/%s", *out_folder,
                 slash + 1);
    if (n < 0 || (size_t)n >= sizeof out_address->sun_path) {
        close(*out_folder);
        errno = ENAMETOOLONG;
        return KAD_E_SYSTEM;
    }
    return KAD_OK;
}

/* Closes both and keeps errno for whoever reports it. */
static void close_all(int fd, int folder)
{
    const int why = errno;

    if (fd >= 0)
        close(fd);
    if (folder >= 0)
        close(folder);
    errno = why;
}

int kad_unix_connect(const char *path)
{
    struct sockaddr_un address;
    int folder, fd, error = make_address(path, &address, &folder);

    if (error != KAD_OK)
        return error;
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof address) == 0) {
        close_all(-1, folder);
        return fd;
    }
    if (fd < 0)
        error = KAD_E_SYSTEM;
    else if (errno == ENOENT || errno == ENOTDIR)
        error = KAD_E_NOT_FOUND;
    else
        error = errno == ECONNREFUSED || errno == EACCES ? KAD_E_REFUSED : KAD_E_SYSTEM;
    close_all(fd, folder);
    return error;
}

/* Removes a socket nobody answers on. 0 if the path is free now. */
static int clear_the_way(const char *path)
{
    struct stat status;
    int fd;

    if (lstat(path, &status) < 0)
        return errno == ENOENT ? KAD_OK : KAD_E_SYSTEM;
    if (!S_ISSOCK(status.st_mode))
        return KAD_E_EXISTS;
    fd = kad_unix_connect(path);
    if (fd >= 0) {
        close(fd);
        return KAD_E_EXISTS;
    }
    if (fd == KAD_E_SYSTEM && errno == EAGAIN) /* alive, and busy */
        return KAD_E_EXISTS;
    if (unlink(path) < 0 && errno != ENOENT)
        return KAD_E_SYSTEM;
    return KAD_OK;
}

int kad_unix_listen(const char *path)
{
    struct sockaddr_un address;
    int folder, fd, error = clear_the_way(path);

    if (error == KAD_OK)
        error = make_address(path, &address, &folder);
    if (error != KAD_OK)
        return error == KAD_E_NOT_FOUND ? KAD_E_SYSTEM : error;
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    /* The mode is that of the descriptor when it is bound (Linux): there is no moment in which others may connect. */
    if (fd >= 0 && fchmod(fd, 0600) == 0 &&
        bind(fd, (const struct sockaddr *)&address, sizeof address) == 0 && chmod(path, 0600) == 0 &&
        listen(fd, BACKLOG) == 0) {
        close_all(-1, folder);
        return fd;
    }
    close_all(fd, folder);
    return KAD_E_SYSTEM;
}
