/* kad id: makes, shows, checks and replaces the key pair that a node of the kad network is. */
#include "cli/commands.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/text.h"
#include "cli/id.h"
#include "cli/id_bench.h"
#include "cli/mine.h"
#include "crypto/crypto.h"

static unsigned wanted_bits(const struct kad_cli *cli)
{
    return cli->options.bits.given ? (unsigned)cli->options.bits.value : KAD_PUZZLE_BITS;
}

static int mine(const struct kad_cli *cli, struct kad_mined *out_mined)
{
    const bool show = !cli->options.json && isatty(STDERR_FILENO);
    const int error = kad_mine(wanted_bits(cli), (unsigned)cli->options.jobs.value, show, out_mined);

    return error ? kad_cli_fail(cli, KAD_EXIT_INTERNAL, "cannot search", kad_error_text(error))
                 : KAD_EXIT_DONE;
}

/* -- new --------------------------------------------------------------------------------------------------------- */

static int run_new(struct kad_cli *cli)
{
    char room[KAD_ID_PATH], passphrase[KAD_PASSPHRASE_TEXT];
    const char *path = kad_id_path(cli->options.file, room);
    struct kad_mined mined;
    bool sealed = false;
    json_t *answer;
    int code = kad_id_check_place(cli, path);

    if (code == KAD_EXIT_DONE)
        code = kad_cli_passphrase(cli, cli->options.passphrase ? "New passphrase: " : NULL, true, passphrase,
                                  &sealed);
    if (code == KAD_EXIT_DONE && cli->options.passphrase && !sealed)
        code = kad_cli_usage(cli, "--passphrase needs a terminal; there is --passphrase-file");
    if (code != KAD_EXIT_DONE)
        return code;
    code = mine(cli, &mined);
    if (code == KAD_EXIT_DONE) {
        code = kad_id_save(cli, path, &mined.identity, sealed ? passphrase : NULL);
        kad_identity_wipe(&mined.identity);
    }
    kad_wipe(passphrase, sizeof passphrase);
    if (code != KAD_EXIT_DONE)
        return code;
    answer = kad_id_describe(mined.identity.public_key);
    json_object_set_new(answer, "file", json_string(path));
    json_object_set_new(answer, "sealed", json_boolean(sealed));
    json_object_set_new(answer, "tries", json_integer((json_int_t)mined.n_tries));
    json_object_set_new(answer, "seconds", json_real(mined.seconds));
    kad_id_print(cli, answer);
    return KAD_EXIT_DONE;
}

/* -- show, check ------------------------------------------------------------------------------------------------- */

static json_t *describe_file(const char *path, const struct kad_key_file *file)
{
    json_t *answer = kad_id_describe(file->public_key), *moves = json_array();

    json_object_set_new(answer, "file", json_string(path));
    json_object_set_new(answer, "sealed", json_boolean(file->is_sealed));
    for (size_t i = 0; i < file->n_moves; i++) {
        uint8_t bytes[KAD_MOVE_SIZE];
        char text[KAD_IDENTITY_TEXT], statement[2 * KAD_MOVE_SIZE + 1];

        kad_move_encode(&file->moves[i], bytes);
        json_array_append_new(moves, json_pack("{s:s, s:s}", "identity",
                                               kad_identity_format(file->moves[i].from, text), "statement",
                                               kad_hex(bytes, sizeof bytes, statement)));
    }
    json_object_set_new(answer, "moved_from", moves);
    return answer;
}

/* An identity as text, also a mistyped one; all else is a file's name. */
static bool is_text(const char *what)
{
    const size_t size = strlen(what);

    if (access(what, F_OK) == 0 || strchr(what, '/') || strchr(what, '.'))
        return false;
    return strncmp(what, "id1", 3) == 0 || strncmp(what, "ID1", 3) == 0 || (size > 50 && size < 80);
}

static int parse(const struct kad_cli *cli, const char *text, uint8_t out_key[KAD_IDENTITY_SIZE])
{
    char why[120];

    if (kad_identity_parse(text, out_key) == KAD_OK)
        return KAD_EXIT_DONE;
    return kad_cli_fail(cli, KAD_EXIT_USAGE, "no identity", kad_identity_why(text, why, sizeof why));
}

static int run_show(struct kad_cli *cli)
{
    const char *what = kad_id_argument(cli);
    uint8_t key[KAD_IDENTITY_SIZE];
    char room[KAD_ID_PATH];
    struct kad_key_file file;
    int code;

    if (what && is_text(what)) {
        code = parse(cli, what, key);
        if (code == KAD_EXIT_DONE)
            kad_id_print(cli, kad_id_describe(key));
        return code;
    }
    code = kad_id_load(cli, kad_id_path(what, room), &file);
    if (code == KAD_EXIT_DONE) {
        kad_id_print(cli, describe_file(kad_id_path(what, room), &file));
        kad_key_file_wipe(&file);
    }
    return code;
}

/* What the network would say of it. */
static int check_key(const struct kad_cli *cli, const uint8_t key[KAD_IDENTITY_SIZE])
{
    char why[120];

    if (!kad_identity_valid(key))
        return kad_cli_fail(cli, KAD_EXIT_REFUSED, "no identity", "nobody can have this key: it is no point");
    if (kad_identity_bits(key) >= wanted_bits(cli))
        return KAD_EXIT_DONE;
    snprintf(why, sizeof why, "its puzzle has %u bits, %u are asked for", kad_identity_bits(key),
             wanted_bits(cli));
    return kad_cli_fail(cli, KAD_EXIT_REFUSED, "too easy", why);
}

static int run_check(struct kad_cli *cli)
{
    const char *what = kad_id_argument(cli);
    char room[KAD_ID_PATH], passphrase[KAD_PASSPHRASE_TEXT];
    struct kad_key_file file = {.is_sealed = false};
    struct kad_identity identity = {.secret = {0}};
    bool text = what && is_text(what), given = false;
    const char *opened = "yes";
    json_t *answer;
    int code;

    if (text) {
        code = parse(cli, what, file.public_key);
    } else {
        code = kad_id_load(cli, kad_id_path(what, room), &file);
        /* Whoever only wants to know whether the file is whole need not have the passphrase. */
        if (code == KAD_EXIT_DONE && file.is_sealed && !cli->options.passphrase_file &&
            !getenv("KAD_PASSPHRASE"))
            opened = "no: sealed";
        else if (code == KAD_EXIT_DONE)
            code = kad_id_open(cli, kad_id_path(what, room), &file, false, passphrase, &given, &identity);
    }
    kad_wipe(passphrase, sizeof passphrase);
    kad_identity_wipe(&identity);
    kad_key_file_wipe(&file);
    if (code == KAD_EXIT_DONE)
        code = check_key(cli, file.public_key);
    if (code != KAD_EXIT_DONE)
        return code;
    if (cli->options.json) {
        answer = text ? kad_id_describe(file.public_key) : describe_file(kad_id_path(what, room), &file);
        json_object_set_new(answer, "good", json_true());
        if (!text)
            json_object_set_new(answer, "opened", json_boolean(opened[0] == 'y'));
        kad_id_print(cli, answer);
    } else {
        printf("good: %u bits%s\n", kad_identity_bits(file.public_key),
               text || opened[0] == 'y' ? "" : "; sealed, its secret was not looked at");
    }
    return KAD_EXIT_DONE;
}

/* -- rotate ------------------------------------------------------------------------------------------------------ */

static kad_ms unix_now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_REALTIME, &time);
    return (kad_ms)time.tv_sec * KAD_SECOND + time.tv_nsec / 1000000;
}

static int run_rotate(struct kad_cli *cli)
{
    char room[KAD_ID_PATH], old_path[KAD_ID_PATH], passphrase[KAD_PASSPHRASE_TEXT], why[256];
    const char *path = kad_id_path(kad_id_argument(cli), room);
    struct kad_identity old_identity;
    struct kad_key_file old;
    struct kad_mined mined;
    struct kad_move move;
    bool given = false;
    uint8_t bytes[KAD_MOVE_SIZE];
    char text[KAD_IDENTITY_TEXT], statement[2 * KAD_MOVE_SIZE + 1];
    json_t *answer;
    int code = kad_id_load(cli, path, &old);

    if (code != KAD_EXIT_DONE)
        return code;
    code = kad_id_open(cli, path, &old, true, passphrase, &given, &old_identity);
    if (code == KAD_EXIT_DONE) {
        code = mine(cli, &mined);
        if (code == KAD_EXIT_DONE) {
            const int error =
                kad_key_file_rotate(path, &old, &old_identity, &mined.identity, given ? passphrase : NULL,
                                    unix_now(), &move, why, sizeof why);

            if (error)
                code = kad_cli_fail(cli, kad_id_exit(error), "cannot rotate", why);
            kad_identity_wipe(&mined.identity);
        }
        kad_identity_wipe(&old_identity);
    }
    kad_wipe(passphrase, sizeof passphrase);
    kad_key_file_wipe(&old);
    if (code != KAD_EXIT_DONE)
        return code;
    if (!kad_key_file_old_path(path, old.public_key, old_path, sizeof old_path))
        old_path[0] = '\0';
    kad_move_encode(&move, bytes);
    answer = kad_id_describe(mined.identity.public_key);
    json_object_set_new(answer, "was", json_string(kad_identity_format(old.public_key, text)));
    json_object_set_new(answer, "file", json_string(path));
    json_object_set_new(answer, "old_file", json_string(old_path));
    json_object_set_new(answer, "statement", json_string(kad_hex(bytes, sizeof bytes, statement)));
    kad_id_print(cli, answer);
    return KAD_EXIT_DONE;
}

/* ---------------------------------------------------------------------------------------------------------------- */

static int run_id(struct kad_cli *cli)
{
    static const struct {
        const char *name;
        int n_most;
        int (*run)(struct kad_cli *cli);
    } rows[] = {
        {"new", 1, run_new},          {"show", 2, run_show},        {"check", 2, run_check},
        {"export", 2, kad_id_export}, {"import", 2, kad_id_import}, {"rotate", 2, run_rotate},
        {"bench", 1, kad_id_bench},
    };

    for (size_t i = 0; i < KAD_COUNT_OF(rows); i++) {
        if (strcmp(cli->arguments[0], rows[i].name) != 0)
            continue;
        if (cli->n_arguments > rows[i].n_most)
            return kad_cli_usage(cli, "id %s does not know what to do with \"%.60s\"", rows[i].name,
                                 cli->arguments[rows[i].n_most]);
        return rows[i].run(cli);
    }
    return kad_cli_usage(cli, "id %.40s: there is new, show, check, export, import, rotate and bench",
                         cli->arguments[0]);
}

static const struct kad_option id_options[] = {
    KAD_TEXT("file", file, "FILE",
             "new, import: the key file to make; export: the PEM file (default: standard output)"),
    KAD_NUMBER("bits", bits, "N", 0, KAD_PUZZLE_MAX,
               "new, rotate, check: the puzzle's leading zero bits (default: 16)"),
    KAD_NUMBER("jobs", jobs, "N", 1, KAD_MINE_JOBS,
               "new, rotate: threads that search (default: one per processor)"),
    KAD_FLAG("passphrase", passphrase, "new: ask for one on the terminal, to seal the file under"),
    KAD_TEXT("passphrase-file", passphrase_file, "FILE",
             "its first line is the passphrase (or the variable KAD_PASSPHRASE)"),
    KAD_FLAG("open", open, "export, import: what comes out is not sealed, though what went in was"),
    KAD_FLAG("quick", quick, "bench: in half a second; noisier"),
    KAD_OPTIONS_END,
};

const struct kad_command kad_command_id = {
    .name = "id",
    .arguments =
        "new | show [FILE|ID] | check [FILE|ID] | export [FILE] | import PEM | rotate [FILE] | bench",
    .summary = "the key pair that a node of the kad network is: make, show, check, replace it",
    .details =
        "FILE is a key file; by default that of this user's node, \"identity\" in its data directory. new "
        "searches "
        "for a\n"
        "key that solves the network's puzzle, a second or two with 16 bits. check: 0 when it is good, 1 "
        "when there "
        "is no such\n"
        "file, 2 when it is no identity (a mistyped character is named), 4 when others may read it, the "
        "passphrase is wrong,\n"
        "or the puzzle is too easy. export writes the key as PKCS#8 in PEM, for openssl pkey; import reads "
        "one. "
        "rotate makes a\n"
        "new identity beside the running node and has the old one sign that it moved; the node takes it with "
        "its "
        "next start.\n"
        "bench: what identities cost on this machine, and what an attacker pays. docs/identity.md says more.",
    .options = id_options,
    .n_least = 1,
    .n_most = 2,
    .offline = true,
    .run = run_id,
};
