#include "store/lmdb_env.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/lmdb_check.h"
#include "store/lmdb_entry.h"

#define FIRST_MAP (UINT64_C(1) << 20)
#define SLACK \
    (UINT64_C(128) << 10) /* map behind the last page: what a damaged page points at is still ours */
#define COMPACT_FROM (UINT64_C(4) << 20) /* smaller files are not worth it */
#define FREE_TABLE   0                   /* LMDB's own table of free pages */

static const char format_name[] = "kad-store-format";

static uint64_t round_up(uint64_t size)
{
    return (size + 65535) / 65536 * 65536;
}

static void on_assert(MDB_env *mdb, const char *message)
{
    struct kad_env *env = mdb_env_get_userctx(mdb);

    (void)message;
    if (env->guarded)
        longjmp(env->on_assert, 1);
}

static int set_map(struct kad_env *env, uint64_t size)
{
    struct stat status;

    if (fstat(env->fd, &status) < 0)
        return errno;
    if ((uint64_t)status.st_size < size && ftruncate(env->fd, (off_t)size) < 0)
        return errno;
    env->map_size = size;
    return mdb_env_set_mapsize(env->mdb, size);
}

static int open_tables(struct kad_env *env, MDB_txn *txn, unsigned flags)
{
    int error = mdb_dbi_open(txn, "records", flags, &env->records);

    if (error == 0)
        error = mdb_dbi_open(txn, "peers", flags, &env->peers);
    if (error == 0)
        error = mdb_dbi_open(txn, "state", flags, &env->state);
    return error;
}

/* Our mark in a new file, or whether an old one has it. What format 1 can say, format 2 says in the same bytes: a file of
 * format 1 only gets the new mark, so that an older kad leaves it alone from now on. */
static int open_format(struct kad_env *env, MDB_txn *txn, void *context)
{
    uint8_t number[4] = {KAD_ENTRY_FORMAT, 0, 0, 0}, older[4] = {1, 0, 0, 0};
    MDB_val name = {sizeof format_name - 1, (void *)(uintptr_t)format_name}, value;
    bool *is_ours = context;
    MDB_stat stat;
    MDB_dbi main;
    int error = mdb_dbi_open(txn, NULL, 0, &main);

    if (error == 0)
        error = mdb_stat(txn, main, &stat);
    if (error)
        return error;
    if (stat.ms_entries == 0) {
        value = (MDB_val){sizeof number, number};
        error = mdb_put(txn, main, &name, &value, 0);
        return error ? error : open_tables(env, txn, MDB_CREATE);
    }
    error = mdb_get(txn, main, &name, &value);
    if (error == 0 && value.mv_size == 4 && memcmp(value.mv_data, older, 4) == 0) {
        value = (MDB_val){sizeof number, number};
        error = mdb_put(txn, main, &name, &value, 0);
    } else if (error == MDB_NOTFOUND ||
               (error == 0 && (value.mv_size != 4 || memcmp(value.mv_data, number, 4) != 0))) {
        *is_ours = false;
    }
    return error ? error : open_tables(env, txn, 0);
}

static uint64_t page_bytes(MDB_txn *txn, MDB_dbi table)
{
    MDB_stat stat;

    if (mdb_stat(txn, table, &stat) != 0)
        return 0;
    return ((uint64_t)stat.ms_branch_pages + stat.ms_leaf_pages + stat.ms_overflow_pages) * stat.ms_psize;
}

static uint64_t file_used(const struct kad_env *env)
{
    MDB_envinfo info;
    MDB_stat stat;

    if (mdb_env_info(env->mdb, &info) != 0 || mdb_env_stat(env->mdb, &stat) != 0)
        return 0;
    return ((uint64_t)info.me_last_pgno + 1) * stat.ms_psize;
}

/* What an assertion interrupted is not safe to touch: its memory is left. */
static void close_mdb(struct kad_env *env)
{
    if (env->mdb && !env->broken)
        mdb_env_close(env->mdb);
    env->mdb = NULL;
}

static int open_mdb(struct kad_env *env, bool *out_is_ours)
{
    const unsigned flags = MDB_NOSUBDIR | MDB_NOSYNC | MDB_NOTLS | MDB_NOLOCK | MDB_NORDAHEAD;
    uint64_t used;
    int error = mdb_env_create(&env->mdb);

    if (error) {
        env->mdb = NULL;
        return error;
    }
    mdb_env_set_userctx(env->mdb, env);
    mdb_env_set_assert(env->mdb, on_assert);
    mdb_env_set_maxdbs(env->mdb, 4);
    error = mdb_env_set_mapsize(env->mdb, FIRST_MAP < env->max_size ? FIRST_MAP : env->max_size);
    if (error == 0)
        error = mdb_env_open(env->mdb, env->path, flags, 0600);
    if (error == 0) {
        used = file_used(env);
        /* A file that is larger than max_size was written under another one; it is read, and takes nothing new. */
        error = set_map(env, round_up(used + used / 4 + SLACK > FIRST_MAP ? used + used / 4 + SLACK
                                      : FIRST_MAP < env->max_size         ? FIRST_MAP
                                                                          : env->max_size));
    }
    *out_is_ours = true;
    if (error == 0)
        error = kad_env_run(env, KAD_ENV_WRITE, open_format, out_is_ours);
    if (error)
        close_mdb(env);
    return error;
}

static int fail(struct kad_env *env, int error, char *out_why, size_t why_size, const char *what,
                const char *detail)
{
    snprintf(out_why, why_size, "%s: %s%s%s", env->path, what, detail ? ": " : "", detail ? detail : "");
    if (env->fd >= 0)
        close(env->fd);
    env->fd = -1;
    return error;
}

static int check_file(int fd, size_t size, const struct kad_allocator *allocator, const char **out_what)
{
    void *map = size > 0 ? mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0) : NULL;
    int error;

    if (map == MAP_FAILED) {
        *out_what = strerror(errno);
        return KAD_E_SYSTEM;
    }
    error = kad_lmdb_check(allocator, (struct kad_bytes){map, size}, out_what);
    if (size > 0)
        munmap(map, size);
    return error;
}

int kad_env_open(struct kad_env *env, const struct kad_allocator *allocator, const char *path,
                 uint64_t max_size, char *out_why, size_t why_size)
{
    const char *what = NULL;
    struct stat status;
    bool is_ours;
    int error, length;

    *env = (struct kad_env){.fd = -1, .max_size = max_size / 65536 * 65536};
    length = snprintf(env->path, sizeof env->path, "%s%s", path,
                      stat(path, &status) == 0 && S_ISDIR(status.st_mode) ? "/store.mdb" : "");
    if (length < 0 || (size_t)length >= sizeof env->path - sizeof ".compact")
        return fail(env, KAD_E_INVALID, out_why, why_size, "path too long", NULL);
    if (max_size < KAD_ENV_LEAST_SIZE)
        return fail(env, KAD_E_INVALID, out_why, why_size, "a store needs at least 256 KiB", NULL);
    env->fd = open(env->path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (env->fd < 0 || fstat(env->fd, &status) < 0)
        return fail(env, KAD_E_SYSTEM, out_why, why_size, "cannot open", strerror(errno));
    if (flock(env->fd, LOCK_EX | LOCK_NB) < 0)
        return fail(env, KAD_E_EXISTS, out_why, why_size, "in use by another process", NULL);
    error = check_file(env->fd, (size_t)status.st_size, allocator, &what);
    if (error != KAD_OK)
        return fail(env, error, out_why, why_size,
                    error == KAD_E_CORRUPT ? "damaged, or not a store" : "cannot be checked", what);
    error = open_mdb(env, &is_ours);
    if (!is_ours) {
        close_mdb(env);
        return fail(env, KAD_E_CORRUPT, out_why, why_size,
                    "an LMDB file, but not a store of this version of kad (format 2)", NULL);
    }
    if (error)
        return fail(env, kad_env_is_corrupt(error) ? KAD_E_CORRUPT : KAD_E_SYSTEM, out_why, why_size,
                    kad_env_is_corrupt(error) ? "damaged" : "cannot open", kad_env_text(error));
    return KAD_OK;
}

void kad_env_close(struct kad_env *env)
{
    close_mdb(env);
    if (env->fd >= 0)
        close(env->fd);
    env->fd = -1;
}

static int run_once(struct kad_env *env, bool read_only,
                    int (*work)(struct kad_env *env, MDB_txn *txn, void *context), void *context)
{
    MDB_txn *txn;
    int error = mdb_txn_begin(env->mdb, NULL, read_only ? MDB_RDONLY : 0, &txn);
    uint64_t live;

    if (error)
        return error;
    error = work(env, txn, context);
    if (error) {
        mdb_txn_abort(txn);
        return error;
    }
    live = page_bytes(txn, env->records) + page_bytes(txn, env->peers) + page_bytes(txn, env->state) +
           page_bytes(txn, FREE_TABLE);
    error = mdb_txn_commit(txn);
    if (error == 0)
        env->live_size = live;
    return error;
}

static int run_guarded(struct kad_env *env, bool read_only,
                       int (*work)(struct kad_env *env, MDB_txn *txn, void *context), void *context)
{
    int error;

    if (setjmp(env->on_assert) != 0) {
        env->guarded = false;
        env->broken = true;
        return KAD_ENV_BROKEN;
    }
    env->guarded = true;
    error = run_once(env, read_only, work, context);
    env->guarded = false;
    return error;
}

/* Twice the map, as far as the ceiling lets it. */
static bool grow(struct kad_env *env)
{
    const uint64_t size = 2 * env->map_size < env->max_size ? 2 * env->map_size : env->max_size;

    return size > env->map_size && set_map(env, size) == 0;
}

int kad_env_run(struct kad_env *env, bool read_only,
                int (*work)(struct kad_env *env, MDB_txn *txn, void *context), void *context)
{
    bool is_ours;
    int error;

    if (env->broken)
        return KAD_ENV_BROKEN;
    if (!env->mdb) {
        error = open_mdb(env, &is_ours);
        if (error || !is_ours)
            return error ? error : MDB_INVALID;
    }
    do {
        error = run_guarded(env, read_only, work, context);
    } while (error == MDB_MAP_FULL && grow(env));
    if (error == MDB_PANIC)
        close_mdb(env);
    return error;
}

int kad_env_compact(struct kad_env *env)
{
    const uint64_t used = file_used(env);
    char copy[sizeof env->path + sizeof ".compact"];
    bool is_ours;
    int fd, error;

    if (used < COMPACT_FROM || env->live_size > used / 4)
        return 0;
    snprintf(copy, sizeof copy, "%s.compact", env->path);
    unlink(copy);
    error = mdb_env_copy2(env->mdb, copy, MDB_CP_COMPACT);
    fd = error ? -1 : open(copy, O_RDWR | O_CLOEXEC);
    /* On disk before it takes the old one's name: whoever looks finds one whole file or the other. */
    if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0 || fsync(fd) < 0 || rename(copy, env->path) < 0) {
        error = error ? error : errno;
        if (fd >= 0)
            close(fd);
        unlink(copy);
        return error;
    }
    close_mdb(env);
    close(env->fd);
    env->fd = fd;
    return open_mdb(env, &is_ours);
}

int kad_env_sync(const struct kad_env *env)
{
    return fdatasync(env->fd) < 0 ? KAD_E_SYSTEM : KAD_OK;
}

bool kad_env_is_corrupt(int error)
{
    switch (error) {
    case MDB_CORRUPTED:
    case MDB_INVALID:
    case MDB_PAGE_NOTFOUND:
    case MDB_VERSION_MISMATCH:
    case MDB_INCOMPATIBLE:
    case MDB_CURSOR_FULL:
    case MDB_BAD_TXN:
    case MDB_BAD_DBI:
    case MDB_NOTFOUND: /* a table that must be there */
    case KAD_ENV_BROKEN:
        return true;
    default:
        return false;
    }
}

const char *kad_env_text(int error)
{
    return error == KAD_ENV_BROKEN ? "a page that contradicts itself" : mdb_strerror(error);
}
