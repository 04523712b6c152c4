/* The socket is where the node is reached, and only by its owner: what is in its way is removed only if it is dead. */
#include "http/unix_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/test.h"

static char folder[64], path[5000];

static void begin(const char *name)
{
    strcpy(folder, "/tmp/kad-unix-XXXXXX");
    EXPECT(mkdtemp(folder) != NULL);
    snprintf(path, sizeof path, "%s/%s", folder, name);
}

static void end(void)
{
    unlink(path);
    rmdir(folder);
}

TEST(only_the_owner_may_connect)
{
    struct stat status;
    int fd;

    begin("kad.sock");
    fd = kad_unix_listen(path);
    EXPECT(fd >= 0);
    EXPECT(stat(path, &status) == 0 && S_ISSOCK(status.st_mode));
    EXPECT_EQ(status.st_mode & 0777, 0600);
    close(fd);
    end();
}

TEST(a_dead_nodes_socket_is_replaced_a_living_ones_is_not)
{
    int first, second, client;

    begin("kad.sock");
    EXPECT_EQ(kad_unix_connect(path), KAD_E_NOT_FOUND);
    first = kad_unix_listen(path);
    EXPECT(first >= 0);
    EXPECT_EQ(kad_unix_listen(path), KAD_E_EXISTS);
    client = kad_unix_connect(path);
    EXPECT(client >= 0);
    close(client);
    close(first);
    EXPECT_EQ(kad_unix_connect(path), KAD_E_REFUSED);
    second = kad_unix_listen(path);
    EXPECT(second >= 0);
    close(second);
    end();
}

/* A wrong --data-dir must not cost somebody a file. */
TEST(a_file_in_the_way_stays)
{
    struct stat status;
    int fd;

    begin("precious");
    fd = open(path, O_CREAT | O_WRONLY, 0644);
    EXPECT(fd >= 0 && write(fd, "data", 4) == 4);
    close(fd);
    EXPECT_EQ(kad_unix_listen(path), KAD_E_EXISTS);
    EXPECT(stat(path, &status) == 0 && status.st_size == 4);
    end();
}

TEST(a_missing_folder_is_said)
{
    begin("none/kad.sock");
    EXPECT_EQ(kad_unix_listen(path), KAD_E_SYSTEM);
    EXPECT_EQ(errno, ENOENT);
    EXPECT_EQ(kad_unix_connect(path), KAD_E_NOT_FOUND);
    end();
}

/* sun_path ends at 107 bytes; data directories do not. */
TEST(long_paths_work)
{
    char deep[300], name[400];
    int fd, client;

    begin("x");
    memset(deep, 'd', 200);
    deep[200] = 0;
    snprintf(name, sizeof name, "%s/%s", folder, deep);
    EXPECT(mkdir(name, 0700) == 0);
    snprintf(path, sizeof path, "%s/kad.sock", name);
    fd = kad_unix_listen(path);
    EXPECT(fd >= 0);
    client = kad_unix_connect(path);
    EXPECT(client >= 0);
    close(client);
    close(fd);
    unlink(path);
    rmdir(name);
    rmdir(folder);
}
