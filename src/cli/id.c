/* id - see id.h. */
#include "cli/id.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "cli/ask.h"
#include "cli/host.h"
#include "cli/print.h"
#include "crypto/crypto.h"

enum kad_exit kad_id_exit(int error)
{
    switch (error) {
    case KAD_E_NOT_FOUND:
        return KAD_EXIT_NOT_FOUND;
    case KAD_E_INVALID:
        return KAD_EXIT_USAGE;
    case KAD_E_REFUSED:
    case KAD_E_EXISTS:
    case KAD_E_CORRUPT:
        return KAD_EXIT_REFUSED;
    default:
        return KAD_EXIT_INTERNAL;
    }
}

/* The file that is meant: `named`, or where a node of this user keeps its own. */
const char *kad_id_path(const char *named, char room[KAD_ID_PATH])
{
    char folder[KAD_ID_PATH - 16];

    if (named)
        return named;
    kad_default_data_dir(folder, sizeof folder);
    snprintf(room, KAD_ID_PATH, "%s/" KAD_KEY_FILE_NAME, folder);
    return room;
}

const char *kad_id_argument(const struct kad_cli *cli)
{
    return cli->n_arguments > 1 ? cli->arguments[1] : NULL;
}

int kad_id_load(const struct kad_cli *cli, const char *path, struct kad_key_file *out_file)
{
    char why[256];
    const int error = kad_key_file_load(path, out_file, why, sizeof why);

    return error ? kad_cli_fail(cli, kad_id_exit(error), "no identity", why) : KAD_EXIT_DONE;
}

/* The key pair in a file; the passphrase is asked for when there is one. *out_given: `passphrase` holds it. */
int kad_id_open(const struct kad_cli *cli, const char *path, const struct kad_key_file *file, bool ask,
                char passphrase[KAD_PASSPHRASE_TEXT], bool *out_given, struct kad_identity *out_identity)
{
    int code, error;

    *out_given = false;
    passphrase[0] = '\0';
    if (file->is_sealed) {
        code = kad_cli_passphrase(cli, ask ? "Passphrase: " : NULL, false, passphrase, out_given);
        if (code != KAD_EXIT_DONE)
            return code;
    }
    error = kad_key_file_open(file, *out_given ? passphrase : NULL, out_identity);
    if (!error)
        return KAD_EXIT_DONE;
    kad_wipe(passphrase, KAD_PASSPHRASE_TEXT);
    if (error == KAD_E_NOT_FOUND)
        return kad_cli_fail(cli, KAD_EXIT_REFUSED, path, "sealed; give --passphrase-file or KAD_PASSPHRASE");
    if (error == KAD_E_REFUSED)
        return kad_cli_fail(cli, KAD_EXIT_REFUSED, path,
                            "the passphrase is another, or the file was changed");
    if (error == KAD_E_CORRUPT)
        return kad_cli_fail(cli, KAD_EXIT_REFUSED, path, "the secret in it is not this id's");
    return kad_cli_fail(cli, KAD_EXIT_INTERNAL, path, kad_error_text(error));
}

json_t *kad_id_describe(const uint8_t key[KAD_IDENTITY_SIZE])
{
    const struct kad_id id = kad_identity_id(key);
    char text[KAD_IDENTITY_TEXT], node_id[KAD_ID_TEXT], public_key[2 * KAD_IDENTITY_SIZE + 1];

    return json_pack("{s:s, s:s, s:s, s:i}", "identity", kad_identity_format(key, text), "node_id",
                     kad_hex(id.bytes, sizeof id.bytes, node_id), "public_key",
                     kad_hex(key, KAD_IDENTITY_SIZE, public_key), "puzzle_bits", (int)kad_identity_bits(key));
}

/* Takes over `object`. For people: the pairs of it that they look for. */
void kad_id_print(const struct kad_cli *cli, json_t *object)
{
    static const struct {
        const char *name, *shown;
    } rows[] = {
        {"identity", "identity"},   {"was", "was"},
        {"node_id", "node id"},     {"puzzle_bits", "puzzle bits"},
        {"file", "file"},           {"sealed", "sealed"},
        {"old_file", "old file"},   {"moved_from", "moved from"},
        {"statement", "statement"},
    };

    if (cli->options.json) {
        json_dumpf(object, stdout, JSON_ENSURE_ASCII | JSON_REAL_PRECISION(6));
        putchar('\n');
        json_decref(object);
        return;
    }
    for (size_t i = 0; i < KAD_COUNT_OF(rows); i++) {
        const json_t *value = json_object_get(object, rows[i].name);
        json_t *item;
        size_t at;

        if (json_is_string(value))
            kad_print_pair(cli, rows[i].shown, "%s", json_string_value(value));
        else if (json_is_integer(value))
            kad_print_pair(cli, rows[i].shown, "%lld", (long long)json_integer_value(value));
        else if (json_is_boolean(value))
            kad_print_pair(cli, rows[i].shown, "%s", json_is_true(value) ? "yes" : "no");
        json_array_foreach(value, at, item)
            kad_print_pair(cli, rows[i].shown, "%s", kad_json_text(item, "identity"));
    }
    json_decref(object);
}

/* `passphrase`: NULL: not sealed. */
int kad_id_save(const struct kad_cli *cli, const char *path, const struct kad_identity *identity,
                const char *passphrase)
{
    struct kad_key_file file;
    char why[256];
    int error = kad_key_file_make(identity, passphrase, KAD_PASSPHRASE_COST, &file);

    if (error)
        return kad_cli_fail(cli, KAD_EXIT_INTERNAL, path, kad_error_text(error));
    error = kad_key_file_save(path, &file, false, why, sizeof why);
    kad_key_file_wipe(&file);
    return error ? kad_cli_fail(cli, kad_id_exit(error), "not saved", why) : KAD_EXIT_DONE;
}

/* Before a search that may take long: would there be a place for what is found? */
int kad_id_check_place(const struct kad_cli *cli, const char *path)
{
    char folder[KAD_ID_PATH];
    char *slash;

    if (access(path, F_OK) == 0)
        return kad_cli_fail(cli, KAD_EXIT_REFUSED, path,
                            "there is an identity already; kad id rotate replaces it");
    if (!cli->options.file) { /* our own folder is ours to make */
        snprintf(folder, sizeof folder, "%s", path);
        slash = strrchr(folder, '/');
        *slash = '\0';
        if (!kad_host_make_folder(folder))
            return kad_cli_fail(cli, KAD_EXIT_INTERNAL, folder, strerror(errno));
    }
    return KAD_EXIT_DONE;
}
