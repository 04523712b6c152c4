/* without_lmdb - stands for the store on disk in a build that leaves it out (cmake/parts.cmake): it cannot be opened, so there is
 * none to be asked anything. */
#include "store/lmdb.h"

#include <string.h>

static int refuse(char *out_why, size_t why_size)
{
    static const char why[] = "store: lmdb is not in this build";

    if (why_size >= sizeof(why))
        memcpy(out_why, why, sizeof(why));
    return KAD_E_DISABLED;
}

int kad_lmdb_store_open(const struct kad_allocator *allocator, const struct kad_lmdb_store_config *config,
                        uint64_t hash_key, kad_ms now, char *out_why, size_t why_size,
                        struct kad_store **out_store)
{
    (void)allocator;
    (void)config;
    (void)hash_key;
    (void)now;
    (void)out_store;
    return refuse(out_why, why_size);
}

int kad_lmdb_store_sync(struct kad_store *store)
{
    (void)store;
    return KAD_E_DISABLED;
}

struct kad_store *kad_lmdb_store_mem(struct kad_store *store)
{
    return store;
}

int kad_lmdb_store_import(struct kad_store *store, const char *path, kad_ms now, char *out_why,
                          size_t why_size, uint64_t *out_n)
{
    (void)store;
    (void)path;
    (void)now;
    (void)out_n;
    return refuse(out_why, why_size);
}

void kad_lmdb_store_info(const struct kad_store *store, struct kad_lmdb_store_info *out_info)
{
    (void)store;
    memset(out_info, 0, sizeof(*out_info));
}
