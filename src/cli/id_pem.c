/* id_pem - kad id export and import: the same key as everybody else keeps it. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/id.h"
#include "crypto/crypto.h"
#include "node/key_pem.h"

/* To standard output, or into a file for its owner only that was not there. */
static int write_text(const struct kad_cli *cli, const char *path, const char *text)
{
    const size_t size = strlen(text);
    bool good;
    int fd, reason;

    if (!path) {
        fputs(text, stdout);
        return KAD_EXIT_DONE;
    }
    fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return kad_cli_fail(cli, errno == EEXIST ? KAD_EXIT_REFUSED : KAD_EXIT_INTERNAL, path,
                            strerror(errno));
    good = write(fd, text, size) == (ssize_t)size && fsync(fd) == 0;
    reason = errno;
    if (close(fd) == 0 && good)
        return KAD_EXIT_DONE;
    unlink(path);
    return kad_cli_fail(cli, KAD_EXIT_INTERNAL, path, strerror(reason));
}

/* What was under a passphrase stays under it, unless --open. */
int kad_id_export(struct kad_cli *cli)
{
    char room[KAD_ID_PATH], passphrase[KAD_PASSPHRASE_TEXT], text[KAD_PEM_MAX];
    const char *path = kad_id_path(kad_id_argument(cli), room);
    struct kad_identity identity;
    struct kad_key_file file;
    bool given = false;
    json_t *answer;
    int code = kad_id_load(cli, path, &file), error;

    if (code != KAD_EXIT_DONE)
        return code;
    code = kad_id_open(cli, path, &file, true, passphrase, &given, &identity);
    kad_key_file_wipe(&file);
    if (code != KAD_EXIT_DONE)
        return code;
    error =
        kad_pem_write(identity.secret, given && !cli->options.open ? passphrase : NULL, text, sizeof text);
    kad_wipe(passphrase, sizeof passphrase);
    kad_identity_wipe(&identity);
    if (error)
        return kad_cli_fail(cli, KAD_EXIT_INTERNAL, "no PEM", kad_error_text(error));
    if (!cli->options.json || cli->options.file) {
        code = write_text(cli, cli->options.file, text);
    } else {
        answer = kad_id_describe(identity.public_key);
        json_object_set_new(answer, "pem", json_string(text));
        kad_id_print(cli, answer);
    }
    kad_wipe(text, sizeof text);
    if (code == KAD_EXIT_DONE && cli->options.json && cli->options.file) {
        answer = kad_id_describe(identity.public_key);
        json_object_set_new(answer, "file", json_string(cli->options.file));
        kad_id_print(cli, answer);
    }
    return code;
}

static int read_pem(const struct kad_cli *cli, const char *path, char passphrase[KAD_PASSPHRASE_TEXT],
                    bool *out_given, uint8_t out_seed[32])
{
    char text[KAD_PEM_MAX];
    const int fd = strcmp(path, "-") == 0 ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = 0, got;
    int code, error;

    if (fd < 0)
        return kad_cli_fail(cli, errno == ENOENT ? KAD_EXIT_NOT_FOUND : KAD_EXIT_INTERNAL, path,
                            strerror(errno));
    while (n < (ssize_t)sizeof text && (got = read(fd, text + n, sizeof text - (size_t)n)) > 0)
        n += got;
    close(fd);
    code = kad_cli_passphrase(cli, NULL, false, passphrase, out_given);
    if (code != KAD_EXIT_DONE)
        return code;
    error = kad_pem_read((struct kad_bytes){(const uint8_t *)text, (size_t)n}, *out_given ? passphrase : NULL,
                         out_seed);
    if (error == KAD_E_NOT_FOUND) {
        code = kad_cli_passphrase(cli, "Passphrase: ", false, passphrase, out_given);
        if (code == KAD_EXIT_DONE && *out_given)
            error = kad_pem_read((struct kad_bytes){(const uint8_t *)text, (size_t)n}, passphrase, out_seed);
    }
    kad_wipe(text, sizeof text);
    if (code != KAD_EXIT_DONE || !error)
        return code;
    if (error == KAD_E_INVALID)
        return kad_cli_fail(cli, KAD_EXIT_USAGE, path, "no private Ed25519 key in PEM (PKCS#8)");
    return kad_cli_fail(cli, KAD_EXIT_REFUSED, path,
                        error == KAD_E_NOT_FOUND ? "sealed; give --passphrase-file or KAD_PASSPHRASE"
                                                 : "the passphrase is another, or the file was changed");
}

int kad_id_import(struct kad_cli *cli)
{
    char room[KAD_ID_PATH], passphrase[KAD_PASSPHRASE_TEXT];
    const char *path = kad_id_path(cli->options.file, room);
    struct kad_identity identity;
    uint8_t seed[32];
    bool given = false, sealed;
    json_t *answer;
    int code;

    if (!kad_id_argument(cli))
        return kad_cli_usage(cli, "id import wants a PEM file, or -");
    code = kad_id_check_place(cli, path);
    if (code == KAD_EXIT_DONE)
        code = read_pem(cli, kad_id_argument(cli), passphrase, &given, seed);
    if (code != KAD_EXIT_DONE)
        return code;
    kad_identity_from_seed(&identity, seed);
    kad_wipe(seed, sizeof seed);
    sealed = given && !cli->options.open;
    code = kad_id_save(cli, path, &identity, sealed ? passphrase : NULL);
    kad_wipe(passphrase, sizeof passphrase);
    kad_identity_wipe(&identity);
    if (code != KAD_EXIT_DONE)
        return code;
    answer = kad_id_describe(identity.public_key);
    json_object_set_new(answer, "file", json_string(path));
    json_object_set_new(answer, "sealed", json_boolean(sealed));
    kad_id_print(cli, answer);
    if (kad_identity_bits(identity.public_key) < KAD_PUZZLE_BITS)
        fprintf(stderr, "kad: its puzzle has %u bits; kad's own network asks for %u and will not take it\n",
                kad_identity_bits(identity.public_key), KAD_PUZZLE_BITS);
    return KAD_EXIT_DONE;
}
