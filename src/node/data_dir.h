/*
 * data_dir - the directory a node keeps its things in, and one node's hold on it.
 *
 * The hold is a lock on DATA_DIR/lock (flock): it ends with the process, however that ends. Files are replaced as a
 * whole: whoever reads sees the old or the new one, also after a crash.
 */
#ifndef KAD_NODE_DATA_DIR_H
#define KAD_NODE_DATA_DIR_H

#include "base/alloc.h"

#define KAD_DATA_PATH 1024 /* longest path in a data directory, zero included */

struct kad_data_dir {
    char path[KAD_DATA_PATH - 256];
    int lock; /* descriptor */
};

/* Makes the directory (one level, mode 0700) if it is not there, and locks it. 0; KAD_E_EXISTS (another node holds it),
 * KAD_E_INVALID (path too long), KAD_E_SYSTEM, with the reason in `out_why`. */
KAD_CHECK int kad_data_dir_open(struct kad_data_dir *dir, const char *path, char *out_why, size_t why_size);
void kad_data_dir_close(struct kad_data_dir *dir);

/* The whole file, at most `most` bytes; kad_free(allocator, data, size). An empty file has NULL. 0, KAD_E_NOT_FOUND,
 * KAD_E_LIMIT, KAD_E_MEMORY, KAD_E_SYSTEM and errno. */
KAD_CHECK int kad_data_dir_read(const struct kad_data_dir *dir, const char *name, size_t most,
                                const struct kad_allocator *allocator, struct kad_bytes *out_bytes);
/* On disk when it returns. Any thread, one at a time per name. 0 or KAD_E_SYSTEM and errno. */
KAD_CHECK int kad_data_dir_write(const struct kad_data_dir *dir, const char *name, struct kad_bytes bytes);
/* Moves a damaged file out of the way, to NAME.bad, for whoever wants to know why. */
void kad_data_dir_set_aside(const struct kad_data_dir *dir, const char *name);

#endif
