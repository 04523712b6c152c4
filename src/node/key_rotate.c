/* key_rotate - one identity takes over another's file. See key_file.h. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "node/key_file.h"

#define PATH_SIZE 4096

bool kad_key_file_old_path(const char *path, const uint8_t old_key[KAD_IDENTITY_SIZE], char *out_path,
                           size_t room)
{
    char text[KAD_IDENTITY_TEXT];

    return (size_t)snprintf(out_path, room, "%s.%.12s", path, kad_identity_format(old_key, text)) < room;
}

/* A rotation that failed half way left it there. */
static bool is_kept(const char *path, const struct kad_key_file *old)
{
    struct kad_key_file kept;
    char why[256];
    bool same;

    if (kad_key_file_load(path, &kept, why, sizeof why) != KAD_OK)
        return false;
    same = memcmp(kept.public_key, old->public_key, sizeof kept.public_key) == 0;
    kad_key_file_wipe(&kept);
    return same;
}

/* Its secret is still needed, to say that it moved and for what it owns. */
static int keep(const char *path, const struct kad_key_file *old, char *why, size_t why_size)
{
    char old_path[PATH_SIZE];
    int error;

    if (!kad_key_file_old_path(path, old->public_key, old_path, sizeof old_path)) {
        snprintf(why, why_size, "%.200s: too long a name", path);
        return KAD_E_INVALID;
    }
    error = kad_key_file_save(old_path, old, false, why, why_size);
    return error == KAD_E_EXISTS && is_kept(old_path, old) ? KAD_OK : error;
}

int kad_key_file_rotate(const char *path, const struct kad_key_file *old,
                        const struct kad_identity *old_identity, const struct kad_identity *identity,
                        const char *passphrase, kad_ms now, struct kad_move *out_move, char *out_why,
                        size_t why_size)
{
    struct kad_key_file file;
    struct kad_move move;
    int error = keep(path, old, out_why, why_size);

    if (error)
        return error;
    error = kad_key_file_make(identity, passphrase, KAD_PASSPHRASE_COST, &file);
    if (error) {
        snprintf(out_why, why_size, "%.200s: %s", path, kad_error_text(error));
        return error;
    }
    kad_move_make(&move, old_identity, identity->public_key, now);
    for (size_t i = 0; i < old->n_moves; i++)
        kad_key_file_moved(&file, &old->moves[i]);
    kad_key_file_moved(&file, &move);
    error = kad_key_file_save(path, &file, true, out_why, why_size);
    kad_key_file_wipe(&file);
    if (!error && out_move)
        *out_move = move;
    return error;
}

kad_ms kad_key_file_since(const char *path, const struct kad_key_file *file)
{
    struct stat status;

    if (file->n_moves)
        return file->moves[file->n_moves - 1].made_at;
    return stat(path, &status) == 0 ? (kad_ms)status.st_mtim.tv_sec * KAD_SECOND : 0;
}
