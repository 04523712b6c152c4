#include "store/test_lmdb.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/test.h"

void test_folder_make(struct test_folder *folder)
{
    const char *root = getenv("TMPDIR");

    snprintf(folder->path, sizeof folder->path, "%.150s/kad-store-XXXXXX", root ? root : "/tmp");
    EXPECT(mkdtemp(folder->path) != NULL);
}

void test_folder_remove(const struct test_folder *folder)
{
    DIR *directory = opendir(folder->path);
    struct dirent *entry;
    char path[500];

    EXPECT(directory != NULL);
    while ((entry = readdir(directory)) != NULL) {
        snprintf(path, sizeof path, "%s/%s", folder->path, entry->d_name);
        unlink(path); /* fails for . and .., which is right */
    }
    closedir(directory);
    EXPECT_EQ(rmdir(folder->path), 0);
}
