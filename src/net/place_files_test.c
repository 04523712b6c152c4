/* Files of places, read through libmaxminddb. tests/vectors/places.mmdb is tests/mmdb.py's. */
#include "net/place_files.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/test.h"

#define VECTOR KAD_SOURCE_DIR "/tests/vectors/places.mmdb"

static struct kad_place_files *files;
static char why[300];

static int open_files(const char *first, const char *second)
{
    const char *const paths[] = {first, second};

    files = NULL;
    why[0] = '\0';
    return kad_place_files_open(paths, 2, &files, why, sizeof(why));
}

static void expect_place(const char *address, const char *country, uint32_t as_number)
{
    struct kad_place place = {0};
    struct kad_endpoint endpoint;

    EXPECT_EQ(kad_endpoint_parse(address, 1, &endpoint), 0);
    EXPECT(kad_place_files_find(files, &endpoint, &place));
    EXPECT_MSG(strlen(country) == (place.country[0] ? 2u : 0u) &&
                   memcmp(place.country, country, strlen(country)) == 0,
               "%s: %.2s, not %s", address, place.country, country);
    EXPECT_MSG(place.as_number == as_number, "%s: AS%u", address, place.as_number);
}

/* P091: as MaxMind, DB-IP and ipinfo name things. */
TEST(places_are_read_as_they_are_named)
{
    if (!kad_place_files_can())
        return;
    EXPECT_MSG(open_files(VECTOR, "") == 0, "%s", why);
    EXPECT_EQ(kad_place_files_count(files), 1);
    EXPECT_STR(kad_place_files_type(files, 0), "Test-Places");
    EXPECT_EQ(kad_place_files_made_at(files, 0), 1790000000);
    expect_place("20.1.2.3", "DE", 64500);
    expect_place("20.7.1.1", "FR", 4294967295);
    expect_place("20.7.7.7", "GB", 0);
    expect_place("21.1.1.1", "US", 0);
    expect_place("22.1.1.1", "NL", 64501);
    expect_place("23.1.1.1", "AT", 64502);
    expect_place("24.1.1.1", "", 0);
    expect_place("25.1.1.1", "", 0);
    expect_place("26.1.1.1", "", 64503);
    expect_place("27.1.1.1", "", 0);
    expect_place("[2001:db8::1]", "JP", 64504);
    expect_place("[2001:db9::1]", "", 0);
    kad_place_files_close(files);
}

/* The first file that knows a thing is believed. */
TEST(two_files_are_one_table)
{
    if (!kad_place_files_can())
        return;
    EXPECT_MSG(open_files(VECTOR, VECTOR) == 0, "%s", why);
    EXPECT_EQ(kad_place_files_count(files), 2);
    expect_place("20.1.2.3", "DE", 64500);
    kad_place_files_close(files);
    EXPECT_EQ(open_files("", ""), 0);
    EXPECT_EQ(kad_place_files_count(files), 0);
    kad_place_files_close(files);
}

static void write_file(const char *path, const char *bytes, size_t n)
{
    FILE *file = fopen(path, "wb");

    EXPECT(file && fwrite(bytes, 1, n, file) == n && fclose(file) == 0);
}

/* A file that is not there, that is something else, that is cut off, that is damaged: said, and nothing is open. */
TEST(what_cannot_be_read_is_named)
{
    char path[] = "/tmp/kad-places-XXXXXX", bytes[8192];
    const int fd = mkstemp(path);
    FILE *file = fopen(VECTOR, "rb");
    size_t n;

    EXPECT(fd >= 0 && file);
    close(fd);
    n = fread(bytes, 1, sizeof(bytes), file);
    fclose(file);
    EXPECT(n > 1000 && n < sizeof(bytes));
    if (kad_place_files_can()) {
        EXPECT_EQ(open_files("/nonexistent/places.mmdb", ""), KAD_E_SYSTEM);
        EXPECT_MSG(strstr(why, "cannot read /nonexistent/places.mmdb: No such file"), "%s", why);
        write_file(path, "not a table of places\n", 22);
        EXPECT_EQ(open_files(VECTOR, path), KAD_E_CORRUPT);
        EXPECT_MSG(strstr(why, path), "%s", why);
        write_file(path, bytes, n / 2);
        EXPECT_EQ(open_files(path, ""), KAD_E_CORRUPT);
        memset(bytes, 0x7f, n / 2); /* the tree points nowhere */
        write_file(path, bytes, n);
        EXPECT_EQ(open_files(path, ""), KAD_E_CORRUPT);
        EXPECT_MSG(strstr(why, "damaged"), "%s", why);
    } else {
        EXPECT_EQ(open_files(VECTOR, ""), KAD_E_REFUSED);
        EXPECT_MSG(strstr(why, "without libmaxminddb"), "%s", why);
    }
    EXPECT(!files);
    unlink(path);
}
