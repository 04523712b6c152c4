/* The key file is all that makes a mutable value its owner's: made once, for the owner alone, never written over. */
#include "cli/seed_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/test.h"

static char folder[64], path[96], why[256];

static void begin(void)
{
    strcpy(folder, "/tmp/kad-key-XXXXXX");
    EXPECT(mkdtemp(folder) != NULL);
    snprintf(path, sizeof path, "%s/key", folder);
}

static void end(void)
{
    unlink(path);
    rmdir(folder);
}

static void write_file(const char *text, mode_t mode)
{
    FILE *file = fopen(path, "w");

    EXPECT(file && fputs(text, file) >= 0 && fclose(file) == 0);
    EXPECT(chmod(path, mode) == 0);
}

TEST(made_once_and_read_again)
{
    uint8_t first[32], second[32];
    struct stat status;

    begin();
    EXPECT_EQ(kad_seed_file_read(path, false, first, why, sizeof why), KAD_E_NOT_FOUND);
    EXPECT(strstr(why, "--new-key"));
    EXPECT_EQ(kad_seed_file_read(path, true, first, why, sizeof why), KAD_OK);
    EXPECT(stat(path, &status) == 0 && (status.st_mode & 0777) == 0600);
    EXPECT_EQ(kad_seed_file_read(path, true, second, why, sizeof why), KAD_OK); /* kept, not made anew */
    EXPECT_MEM(first, second, 32);
    end();
}

TEST(a_secret_others_can_read_is_refused)
{
    uint8_t seed[32];

    begin();
    write_file("0000000000000000000000000000000000000000000000000000000000000001\n", 0640);
    EXPECT_EQ(kad_seed_file_read(path, false, seed, why, sizeof why), KAD_E_INVALID);
    EXPECT(strstr(why, "chmod 600"));
    EXPECT(chmod(path, 0600) == 0);
    EXPECT_EQ(kad_seed_file_read(path, false, seed, why, sizeof why), KAD_OK);
    EXPECT_EQ(seed[31], 1);
    end();
}

TEST(what_is_no_key_is_refused)
{
    uint8_t seed[32];

    begin();
    write_file("0001\n", 0600);
    EXPECT_EQ(kad_seed_file_read(path, false, seed, why, sizeof why), KAD_E_INVALID);
    write_file("", 0600);
    EXPECT_EQ(kad_seed_file_read(path, true, seed, why, sizeof why), KAD_E_INVALID);
    end();
}
