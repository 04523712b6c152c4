#include "net/place_files.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/address.h"

#ifdef KAD_HAVE_MAXMINDDB

#include <maxminddb.h>

struct kad_place_files {
    MMDB_s files[KAD_PLACE_FILES_MAX];
    size_t n;
};

bool kad_place_files_can(void)
{
    return true;
}

/* Where a record may say it, in the order in which it is believed. */
static const char *const country_paths[][3] = {
    {"country", "iso_code", NULL},
    {"registered_country", "iso_code", NULL},
    {"country_code", NULL, NULL},
    {"country", NULL, NULL},
};
static const char *const system_paths[][3] = {
    {"autonomous_system_number", NULL, NULL},
    {"traits", "autonomous_system_number", NULL},
    {"asn", NULL, NULL},
};

static bool is_letter(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static bool take_country(const MMDB_entry_data_s *data, struct kad_place *place)
{
    if (data->type != MMDB_DATA_TYPE_UTF8_STRING || data->data_size != sizeof(place->country) ||
        !is_letter(data->utf8_string[0]) || !is_letter(data->utf8_string[1]))
        return false;
    place->country[0] = (char)(data->utf8_string[0] & ~0x20); /* upper case */
    place->country[1] = (char)(data->utf8_string[1] & ~0x20);
    return true;
}

/* "AS64500", "64500". */
static uint32_t read_system(const char *text, size_t size)
{
    uint64_t number = 0;
    size_t i = size > 2 && (text[0] & ~0x20) == 'A' && (text[1] & ~0x20) == 'S' ? 2 : 0;

    if (i == size)
        return 0;
    for (; i < size; i++) {
        if (text[i] < '0' || text[i] > '9' || number > UINT32_MAX / 10)
            return 0;
        number = 10 * number + (uint64_t)(text[i] - '0');
    }
    return number <= UINT32_MAX ? (uint32_t)number : 0;
}

static bool take_system(const MMDB_entry_data_s *data, struct kad_place *place)
{
    switch (data->type) {
    case MMDB_DATA_TYPE_UINT16:
        place->as_number = data->uint16;
        break;
    case MMDB_DATA_TYPE_UINT32:
        place->as_number = data->uint32;
        break;
    case MMDB_DATA_TYPE_UTF8_STRING:
        place->as_number = read_system(data->utf8_string, data->data_size);
        break;
    default:
        break;
    }
    return place->as_number;
}

/* A path that is not there is no error; a record that cannot be read is. */
static bool search(MMDB_entry_s *entry, const char *const (*paths)[3], size_t n,
                   bool (*take)(const MMDB_entry_data_s *data, struct kad_place *place),
                   struct kad_place *place)
{
    for (size_t i = 0; i < n; i++) {
        MMDB_entry_data_s data = {.has_data = false};
        const int status = MMDB_aget_value(entry, &data, paths[i]);

        if (status == MMDB_SUCCESS && data.has_data && take(&data, place))
            return true;
        if (status != MMDB_SUCCESS && status != MMDB_LOOKUP_PATH_DOES_NOT_MATCH_DATA_ERROR &&
            status != MMDB_INVALID_LOOKUP_PATH_ERROR)
            return false;
    }
    return true;
}

static bool find_in(const MMDB_s *file, const struct kad_endpoint *endpoint, struct kad_place *place)
{
    union kad_address address;
    MMDB_lookup_result_s result;
    int status = MMDB_SUCCESS;

    (void)kad_address_from(endpoint, &address);
    result = MMDB_lookup_sockaddr(file, &address.any, &status);
    if (status == MMDB_IPV6_LOOKUP_IN_IPV4_DATABASE_ERROR)
        return true;
    if (status != MMDB_SUCCESS)
        return false;
    return !result.found_entry ||
           ((place->country[0] ||
             search(&result.entry, country_paths, KAD_COUNT_OF(country_paths), take_country, place)) &&
            (place->as_number ||
             search(&result.entry, system_paths, KAD_COUNT_OF(system_paths), take_system, place)));
}

bool kad_place_files_find(const struct kad_place_files *files, const struct kad_endpoint *endpoint,
                          struct kad_place *out_place)
{
    bool fine = true;

    for (size_t i = 0; i < files->n && endpoint->family != KAD_FAMILY_NONE; i++)
        fine = find_in(&files->files[i], endpoint, out_place) && fine;
    return fine;
}

/* Looked up here and there: nobody else checks what stands behind the index. */
static bool is_readable(const MMDB_s *file)
{
    for (unsigned i = 0; i < 256; i++) {
        const struct kad_endpoint endpoint = {
            .address = {(uint8_t)i, (uint8_t)(37 * i), (uint8_t)(101 * i), 1}, .family = KAD_IPV4};
        struct kad_place place = {0};

        if (!find_in(file, &endpoint, &place))
            return false;
    }
    return true;
}

static int open_one(const char *path, MMDB_s *file, char *why, size_t why_size)
{
    const int status = MMDB_open(path, MMDB_MODE_MMAP, file);

    if (status == MMDB_SUCCESS && is_readable(file))
        return KAD_OK;
    if (status == MMDB_FILE_OPEN_ERROR || status == MMDB_IO_ERROR) {
        snprintf(why, why_size, "cannot read %.200s: %s", path, strerror(errno));
        return KAD_E_SYSTEM;
    }
    snprintf(why, why_size, "%.200s: %s", path,
             status == MMDB_SUCCESS ? "a damaged table: some of its records cannot be read"
                                    : MMDB_strerror(status));
    if (status == MMDB_SUCCESS)
        MMDB_close(file);
    return status == MMDB_OUT_OF_MEMORY_ERROR ? KAD_E_MEMORY : KAD_E_CORRUPT;
}

int kad_place_files_open(const char *const *paths, size_t n, struct kad_place_files **out_files,
                         char *out_why, size_t why_size)
{
    struct kad_place_files *files = calloc(1, sizeof(*files));
    int error = files ? KAD_OK : KAD_E_MEMORY;

    snprintf(out_why, why_size, "%s", kad_error_text(KAD_E_MEMORY));
    for (size_t i = 0; i < n && !error; i++) {
        if (!*paths[i])
            continue;
        error = open_one(paths[i], &files->files[files->n], out_why, why_size);
        files->n += error == KAD_OK;
    }
    if (error)
        kad_place_files_close(files);
    else
        *out_files = files;
    return error;
}

void kad_place_files_close(struct kad_place_files *files)
{
    for (size_t i = 0; files && i < files->n; i++)
        MMDB_close(&files->files[i]);
    free(files);
}

const char *kad_place_files_type(const struct kad_place_files *files, size_t file)
{
    return files->files[file].metadata.database_type;
}

int64_t kad_place_files_made_at(const struct kad_place_files *files, size_t file)
{
    return (int64_t)files->files[file].metadata.build_epoch;
}

size_t kad_place_files_count(const struct kad_place_files *files)
{
    return files->n;
}

#else

bool kad_place_files_can(void)
{
    return false;
}

int kad_place_files_open(const char *const *paths, size_t n, struct kad_place_files **out_files,
                         char *out_why, size_t why_size)
{
    (void)paths;
    (void)n;
    (void)out_files;
    snprintf(out_why, why_size, "this kad was built without libmaxminddb");
    return KAD_E_REFUSED;
}

void kad_place_files_close(struct kad_place_files *files)
{
    (void)files;
}

bool kad_place_files_find(const struct kad_place_files *files, const struct kad_endpoint *endpoint,
                          struct kad_place *out_place)
{
    (void)files;
    (void)endpoint;
    (void)out_place;
    return true;
}

const char *kad_place_files_type(const struct kad_place_files *files, size_t file)
{
    (void)files;
    (void)file;
    return "";
}

int64_t kad_place_files_made_at(const struct kad_place_files *files, size_t file)
{
    (void)files;
    (void)file;
    return 0;
}

size_t kad_place_files_count(const struct kad_place_files *files)
{
    (void)files;
    return 0;
}

#endif
