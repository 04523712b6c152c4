#include "node/places.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct kad_place_table {
    struct kad_places places; /* its context is this */
    struct kad_place_files *files;
    struct kad_place_list deny, allow, deny_store;
};

static void place_of(void *context, const struct kad_endpoint *endpoint, struct kad_place *out_place)
{
    const struct kad_place_table *table = context;

    if (table->files)
        (void)kad_place_files_find(table->files, endpoint, out_place); /* unreadable: unknown */
    out_place->shunned = kad_place_list_has(&table->deny, endpoint, out_place) ||
                         (table->allow.n && !kad_place_list_has(&table->allow, endpoint, out_place) &&
                          kad_endpoint_scope(endpoint) == KAD_SCOPE_PUBLIC);
    out_place->no_store = kad_place_list_has(&table->deny_store, endpoint, out_place);
}

static int read_list(const char *key, const char *text, bool has_files, struct kad_place_list *list,
                     char why[KAD_CONFIG_WHY])
{
    const int n = snprintf(why, KAD_CONFIG_WHY, "%s: ", key);

    if (kad_place_list_read(text, list, why + n, KAD_CONFIG_WHY - (size_t)n) < 0)
        return KAD_E_INVALID;
    if (!has_files && kad_place_list_needs_table(list)) {
        snprintf(why + n, KAD_CONFIG_WHY - (size_t)n,
                 "countries and systems need a table of them: geo_database, asn_database");
        return KAD_E_INVALID;
    }
    return KAD_OK;
}

static int read_lists(const struct kad_config *config, struct kad_place_table *table,
                      char why[KAD_CONFIG_WHY])
{
    const bool has_files = *config->geo_database || *config->asn_database;

    if (has_files && !kad_place_files_can()) {
        snprintf(why, KAD_CONFIG_WHY, "%s: this kad was built without libmaxminddb",
                 *config->geo_database ? "geo_database" : "asn_database");
        return KAD_E_INVALID;
    }
    if (read_list("places_deny", config->places_deny, has_files, &table->deny, why) < 0 ||
        read_list("places_allow", config->places_allow, has_files, &table->allow, why) < 0 ||
        read_list("places_deny_store", config->places_deny_store, has_files, &table->deny_store, why) < 0)
        return KAD_E_INVALID;
    return KAD_OK;
}

int kad_place_table_check(const struct kad_config *config, char why[KAD_CONFIG_WHY])
{
    struct kad_place_table table = {.files = NULL};

    return read_lists(config, &table, why);
}

int kad_place_table_new(const struct kad_config *config, struct kad_place_table **out_table,
                        char why[KAD_CONFIG_WHY])
{
    const char *const paths[KAD_PLACE_FILES_MAX] = {config->geo_database, config->asn_database};
    struct kad_place_table *table = calloc(1, sizeof(*table));
    int error;

    *out_table = NULL;
    if (!table) {
        snprintf(why, KAD_CONFIG_WHY, "%s", kad_error_text(KAD_E_MEMORY));
        return KAD_E_MEMORY;
    }
    error = read_lists(config, table, why);
    if (!error && (*paths[0] || *paths[1]))
        error = kad_place_files_open(paths, KAD_PLACE_FILES_MAX, &table->files, why, KAD_CONFIG_WHY);
    if (error || (!table->files && !table->deny.n && !table->allow.n && !table->deny_store.n)) {
        kad_place_table_free(table);
        return error;
    }
    table->places = (struct kad_places){place_of, table};
    *out_table = table;
    return KAD_OK;
}

void kad_place_table_take(struct kad_config *to, const struct kad_config *from)
{
    memcpy(to->geo_database, from->geo_database, sizeof(to->geo_database));
    memcpy(to->asn_database, from->asn_database, sizeof(to->asn_database));
    memcpy(to->places_deny, from->places_deny, sizeof(to->places_deny));
    memcpy(to->places_allow, from->places_allow, sizeof(to->places_allow));
    memcpy(to->places_deny_store, from->places_deny_store, sizeof(to->places_deny_store));
}

void kad_place_table_free(struct kad_place_table *table)
{
    if (table && table->files)
        kad_place_files_close(table->files);
    free(table);
}

const struct kad_places *kad_place_table_places(const struct kad_place_table *table)
{
    return table ? &table->places : NULL;
}

const struct kad_place_files *kad_place_table_files(const struct kad_place_table *table)
{
    return table ? table->files : NULL;
}
