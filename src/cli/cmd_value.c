/* kad get, kad put: values (BEP 44). */
#include "cli/commands.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "base/text.h"
#include "cli/explain.h"
#include "cli/seed_file.h"
#include "cli/print.h"
#include "cli/show.h"
#include "crypto/crypto.h"
#include "http/blocks.h"
#include "http/target.h"
#include "wire/krpc/bencode.h"

#define PAUSE_FIRST_MS 500
#define PAUSE_MOST_MS  5000

static const struct kad_option get_options[] = {
    KAD_TEXT("salt", salt, "TEXT", "the salt of a mutable value"),
    KAD_FLAG("first", first,
             "take the first valid value, be it one that was got before, and look for no newer one"),
    KAD_FLAG("raw", raw, "print the value as it is stored, bencoded"),
    KAD_NUMBER("prefix", prefix, "BITS", 1, 255,
               "in the kad network: tell nobody more of the key than so many bits"),
    KAD_FLAG("unlinked", unlinked,
             "ask under an identity and from a port that serve this get only, so that holders cannot link it "
             "to others"),
    KAD_FLAG("unlinked-now", unlinked_now, "the same, and fail if no such identity is ready"),
    KAD_FLAG("explain", explain, "say why it was not found, as far as there is evidence"),
    KAD_SECONDS("wait", wait, "SECONDS", "when it is not found, look again and again for so long"),
    KAD_FLAG("trace", trace, "show every step of the lookup"),
    KAD_OPTIONS_END,
};

static const struct kad_option put_options[] = {
    KAD_TEXT("class", class_name, "CLASS",
             "in the kad network: room, domain, listing, mutable, peer, msg, provider, plain; then NAME "
             "stands before the value"),
    KAD_TEXT("file", file, "FILE", "the value is the content of FILE"),
    KAD_FLAG("raw", raw, "the value is bencoded already"),
    KAD_FLAG("keep", keep, "publish it again and again, until kad withdraw"),
    KAD_TEXT("for", duration, "TIME", "with --keep: for so long (7d), and then no longer, by itself"),
    KAD_FLAG("later", later,
             "with --class and --keep: within minutes, with others near its key; see kad provide"),
    KAD_TEXT("as", as, "ID",
             "with --class: signed by this identity, which the node was before kad id rotate"),
    KAD_FLAG("mutable", mutable, "a value that can be replaced, signed with --key-file"),
    KAD_TEXT("key-file", key_file, "FILE", "holds the secret seed, 64 hexadecimal digits"),
    KAD_FLAG("new-key", new_key, "make the key file if there is none"),
    KAD_TEXT("salt", salt, "TEXT", "tells several values of one key apart; at most 64 bytes"),
    KAD_NUMBER("seq", seq, "N", 0, INT64_MAX, "sequence number (default: the stored one's plus 1)"),
    KAD_NUMBER("cas", cas, "N", 0, INT64_MAX, "replace only what has this sequence number"),
    KAD_FLAG("trace", trace, "show every step of the lookup"),
    KAD_OPTIONS_END,
};

/* -- get --------------------------------------------------------------------------------------------------------- */

/* Hexadecimal digits of an answer as bytes, which the caller frees. */
static uint8_t *unhex(const json_t *answer, const char *name, size_t *out_size)
{
    const char *digits = kad_json_text(answer, name);
    uint8_t *bytes = malloc(strlen(digits) / 2 + 1);

    *out_size = strlen(digits) / 2;
    if (bytes && kad_unhex(digits, bytes, *out_size) == KAD_OK)
        return bytes;
    free(bytes);
    return NULL;
}

static void show_explained(const json_t *answer)
{
    json_t *sentence;
    size_t i;

    json_array_foreach(json_object_get(answer, "explain"), i, sentence)
        fprintf(stderr, "%s\n", json_string_value(sentence));
}

/* Where a node says it is, in its `peer:` record. False: this is not one, or holds something else. */
static bool show_addresses(const struct kad_cli *cli, const json_t *answer)
{
    const json_t *addresses = json_object_get(answer, "addresses");
    json_t *address;
    size_t i;

    if (cli->options.raw || strcmp(kad_json_text(answer, "class"), "peer") != 0)
        return false;
    json_array_foreach(addresses, i, address) puts(json_string_value(address));
    return json_array_size(addresses) > 0;
}

/* Only the value goes to standard output, so that it can be piped; what is known about it, to standard error. */
void kad_show_value(struct kad_cli *cli, const json_t *answer, int code)
{
    uint8_t *bytes;
    size_t size;

    kad_show_trace(cli, answer);
    show_explained(answer);
    kad_show_moves(answer);
    if (code != KAD_EXIT_DONE)
        return;
    if (!show_addresses(cli, answer)) {
        bytes = unhex(answer, cli->options.raw ? "bencoded_hex" : "value_hex", &size);
        if (bytes)
            kad_print_text((const char *)bytes, size);
        free(bytes);
        if (isatty(STDOUT_FILENO))
            putchar('\n');
    }
    fflush(stdout);
    if (!isatty(STDERR_FILENO))
        return;
    if (kad_json_number(answer, "mutable") > 0)
        fprintf(stderr, "sequence number %lld, ", (long long)kad_json_number(answer, "seq"));
    fprintf(stderr, "%lld copies, first after %lld ms, %lld queries: %s\n",
            (long long)kad_json_number(answer, "copies"), (long long)kad_json_number(answer, "first_ms"),
            (long long)kad_json_number(answer, "queries"), kad_json_text(answer, "reason"));
}

static json_t *get_parameters(const struct kad_cli *cli)
{
    json_t *parameters = kad_ask_parameters(cli);

    json_object_set_new(parameters, "key", json_string(cli->arguments[0]));
    if (cli->options.salt)
        json_object_set_new(parameters, "salt", json_string(cli->options.salt));
    if (cli->options.first)
        json_object_set_new(parameters, "first", json_true());
    if (cli->options.unlinked || cli->options.unlinked_now)
        json_object_set_new(parameters, "unlinked",
                            cli->options.unlinked_now ? json_string("now") : json_true());
    if (cli->options.prefix.given)
        json_object_set_new(parameters, "prefix", json_integer(cli->options.prefix.value));
    return parameters;
}

static int64_t now_ms(void)
{
    return (int64_t)(uv_hrtime() / 1000000);
}

/* Each time a lookup from the beginning, which refreshes what the node knows of the key's surroundings. In between the node
 * has time to find its way back when it was cut off. */
static int run_get(struct kad_cli *cli)
{
    const int64_t until = now_ms() + (cli->options.wait.given ? cli->options.wait.value : 0);
    unsigned pause_ms = PAUSE_FIRST_MS;
    json_t *answer;
    int64_t left;
    int code;

    for (;;) {
        code = kad_ask_quietly(cli, "POST", "/api/dht/get", get_parameters(cli), &answer);
        left = until - now_ms();
        if (!answer || left <= 0 || (code != KAD_EXIT_NOT_FOUND && code != KAD_EXIT_NO_ANSWER))
            break;
        json_decref(answer);
        uv_sleep(left < pause_ms ? (unsigned)left : pause_ms);
        pause_ms = pause_ms < PAUSE_MOST_MS / 2 ? 2 * pause_ms : PAUSE_MOST_MS;
    }
    if (answer && cli->options.explain && code != KAD_EXIT_USAGE)
        kad_explain_get(cli, code, answer);
    return kad_ask_show(cli, code, answer, kad_show_value);
}

const struct kad_command kad_command_get = {
    .name = "get",
    .arguments = "KEY",
    .summary = "the value stored under a key",
    .details = "Prints the value and nothing else. Of a mutable value the one with the highest sequence "
               "number is taken;\n"
               "KEY may then be the public key. In the kad network KEY is a name, such as room:lobby; of "
               "peer:id1...\n"
               "the addresses are printed at which that node says it is. With --json: value (text or "
               "number), value_hex (its bytes),\n"
               "bencoded_hex (as stored), seq, copies; with --explain: explain, a list of sentences.",
    .options = get_options,
    .n_least = 1,
    .n_most = 1,
    .run = run_get,
};

/* -- put --------------------------------------------------------------------------------------------------------- */

#define VALUE_ROOM \
    (KAD_BLOCKS_VALUE_MAX + 1) /* more than may be stored, so that what is too long is seen to be */
#define STRING_MAX 996         /* bytes that are 1000 once bencoded */

/* "/ipns/k51..." and the like, of libp2p's networks, with its value behind it; of "/pk/" the value is in the name. */
static bool is_named(const struct kad_cli *cli)
{
    const char *name = cli->n_arguments > 0 ? cli->arguments[0] : "";

    return !cli->options.class_name && name[0] == '/' && strchr(name + 1, '/') &&
           (cli->n_arguments == 2 || cli->options.file || strncmp(name, "/pk/", 4) == 0);
}

/* Reads the value's bytes, from an argument, a file or standard input; VALUE_ROOM of them at most. 0 or an exit code. */
static int read_value(struct kad_cli *cli, uint8_t *bytes, size_t *out_size)
{
    const int at = cli->options.class_name || is_named(cli) ? 1 : 0; /* behind its name */
    const char *argument = cli->n_arguments > at ? cli->arguments[at] : NULL;
    const char *file = cli->options.file;
    FILE *in;

    if (!argument == !file)
        return kad_cli_usage(cli, "put takes one value: TEXT, - for standard input, or --file FILE");
    if (argument && strcmp(argument, "-") != 0) {
        *out_size = strlen(argument) < VALUE_ROOM ? strlen(argument) : VALUE_ROOM;
        memcpy(bytes, argument, *out_size);
        return KAD_EXIT_DONE;
    }
    in = file ? fopen(file, "rb") : stdin;
    if (!in)
        return kad_cli_fail(cli, KAD_EXIT_USAGE, file, strerror(errno));
    *out_size = fread(bytes, 1, VALUE_ROOM, in);
    if (ferror(in)) {
        if (file)
            fclose(in);
        return kad_cli_fail(cli, KAD_EXIT_USAGE, file ? file : "standard input", strerror(errno));
    }
    if (file)
        fclose(in);
    return KAD_EXIT_DONE;
}

/* `bytes` as they will be stored: one bencoded item. 0 or an exit code. */
static int bencode(struct kad_cli *cli, struct kad_bytes bytes, uint8_t room[KAD_RECORD_VALUE_MAX],
                   struct kad_bytes *out_value)
{
    struct kad_bencode_writer writer = kad_bencode_writer(room, KAD_RECORD_VALUE_MAX);

    if (cli->options.raw && !kad_bencode_canonical(bytes))
        return kad_cli_usage(cli, "the value is not one bencoded item in its canonical form");
    if (cli->options.raw)
        kad_bencode_put(&writer, bytes.data, bytes.size);
    else
        kad_bencode_put_string(&writer, bytes.data, bytes.size);
    if (writer.full)
        return kad_cli_usage(cli, "the value is too long: 1000 bytes at most once bencoded, so 996 of text");
    *out_value = (struct kad_bytes){room, (size_t)(writer.at - room)};
    return KAD_EXIT_DONE;
}

static void set_hex(json_t *parameters, const char *name, const void *bytes, size_t size)
{
    char *text = malloc(2 * size + 1);

    json_object_set_new(parameters, name, text ? json_string(kad_hex(bytes, size, text)) : NULL);
    free(text);
}

/* One more than what is stored now; the first is 1. 0 or an exit code. */
static int next_sequence(struct kad_cli *cli, const struct kad_record *record, int64_t *out_sequence)
{
    json_t *parameters = json_object(), *answer;
    struct kad_id key;
    char text[KAD_ID_TEXT];
    int code;

    kad_mainline_mutable_key(record->public_key, record->salt, &key);
    json_object_set_new(parameters, "key", json_string(kad_id_format(&key, text)));
    set_hex(parameters, "salt_hex", record->salt.data, record->salt.size);
    if (cli->options.timeout.given)
        json_object_set_new(parameters, "timeout_ms", json_integer(cli->options.timeout.value));
    code = kad_ask_quietly(cli, "POST", "/api/dht/get", parameters, &answer);
    if (code == KAD_EXIT_DONE || code == KAD_EXIT_NOT_FOUND) {
        const int64_t stored = code == KAD_EXIT_DONE ? kad_json_number(answer, "seq") : 0;

        *out_sequence = stored < INT64_MAX ? stored + 1 : stored;
        code = KAD_EXIT_DONE;
    } else if (answer) {
        return kad_ask_show(cli, code, answer, kad_show_value);
    }
    json_decref(answer);
    return code;
}

/* Signs here, so that the secret does not leave this process. 0 or an exit code. */
static int sign(struct kad_cli *cli, struct kad_record *record, json_t *parameters)
{
    uint8_t seed[KAD_ED25519_SEED], secret[KAD_ED25519_SECRET];
    char why[256];
    int code = KAD_EXIT_DONE, error;

    if (!cli->options.key_file)
        return kad_cli_usage(cli, "--mutable needs --key-file FILE (--new-key makes one)");
    record->type = KAD_RECORD_MUTABLE;
    record->salt = (struct kad_bytes){(const uint8_t *)cli->options.salt,
                                      cli->options.salt ? strlen(cli->options.salt) : 0};
    if (record->salt.size > KAD_RECORD_SALT_MAX)
        return kad_cli_usage(cli, "--salt takes 64 bytes at most");
    if (kad_seed_file_read(cli->options.key_file, cli->options.new_key, seed, why, sizeof why) != KAD_OK)
        return kad_cli_fail(cli, KAD_EXIT_USAGE, why, NULL);
    kad_ed25519_keypair(seed, record->public_key, secret);
    kad_wipe(secret, sizeof secret);
    if (cli->options.seq.given)
        record->sequence = cli->options.seq.value;
    else
        code = next_sequence(cli, record, &record->sequence);
    if (code == KAD_EXIT_DONE) {
        error = kad_mainline_sign(record, seed);
        if (error != KAD_OK)
            code = kad_cli_fail(cli, KAD_EXIT_INTERNAL, "cannot sign", kad_error_text(error));
    }
    kad_wipe(seed, sizeof seed);
    if (code != KAD_EXIT_DONE)
        return code;
    set_hex(parameters, "public_key", record->public_key, sizeof record->public_key);
    set_hex(parameters, "signature", record->signature, sizeof record->signature);
    set_hex(parameters, "salt_hex", record->salt.data, record->salt.size);
    json_object_set_new(parameters, "seq", json_integer(record->sequence));
    if (cli->options.cas.given)
        json_object_set_new(parameters, "cas", json_integer(cli->options.cas.value));
    return code;
}

void kad_show_stored(struct kad_cli *cli, const json_t *answer, int code)
{
    kad_show_trace(cli, answer);
    if (code == KAD_EXIT_USAGE)
        return;
    printf("%s\n", kad_json_text(answer, json_is_string(json_object_get(answer, "name")) ? "name" : "key"));
    fflush(stdout);
    if (json_is_true(json_object_get(answer, "later"))) {
        fprintf(stderr, "is published within minutes\n");
        return;
    }
    fprintf(stderr, "stored at %lld nodes", (long long)kad_json_number(answer, "stored"));
    if (kad_json_number(answer, "blocks") > 0)
        fprintf(stderr, ", %lld bytes in %lld blocks", (long long)kad_json_number(answer, "size"),
                (long long)kad_json_number(answer, "blocks"));
    if (kad_json_number(answer, "refused") > 0)
        fprintf(stderr, ", refused by %lld (%s)", (long long)kad_json_number(answer, "refused"),
                kad_json_text(answer, "refusal"));
    if (json_is_integer(json_object_get(answer, "seq")))
        fprintf(stderr, "; sequence number %lld, public key %s", (long long)kad_json_number(answer, "seq"),
                kad_json_text(answer, "public_key"));
    fputc('\n', stderr);
}

static int check_put(const struct kad_cli *cli)
{
    const struct kad_options *options = &cli->options;

    if (!options->mutable && (options->key_file || options->new_key || options->salt ||
                              (!options->class_name && (options->seq.given || options->cas.given))))
        return kad_cli_usage(cli, "--key-file, --new-key, --salt, --seq and --cas go with --mutable");
    if ((options->as || options->later) && !options->class_name)
        return kad_cli_usage(cli, "--as and --later go with --class");
    if (options->later && !options->keep)
        return kad_cli_usage(cli, "--later goes with --keep");
    if (options->class_name && (options->mutable || options->raw))
        return kad_cli_usage(cli, "--mutable and --raw are not for --class: its nodes sign and seal");
    if (cli->n_arguments > 1 && !options->class_name && !is_named(cli))
        return kad_cli_usage(cli, "put takes one value; a name goes with --class");
    if (options->class_name && cli->n_arguments == 0)
        return kad_cli_usage(cli, "--class %.20s wants NAME, and then its value", options->class_name);
    return kad_ask_keep_is_right(cli) ? KAD_EXIT_DONE : KAD_EXIT_USAGE;
}

/* The node seals and signs it. */
static void set_named(const struct kad_cli *cli, json_t *parameters, struct kad_bytes value)
{
    char name[400];

    if (cli->options.class_name)
        snprintf(name, sizeof name, "%s:%s", cli->options.class_name, cli->arguments[0]);
    else
        snprintf(name, sizeof name, "%s", cli->arguments[0]);
    json_object_set_new(parameters, "key", json_string(name));
    if (value.size > 0 || cli->options.class_name)
        set_hex(parameters, "value_hex", value.data, value.size);
    if (cli->options.later)
        json_object_set_new(parameters, "later", json_true());
    if (cli->options.as)
        json_object_set_new(parameters, "as", json_string(cli->options.as));
    if (cli->options.seq.given)
        json_object_set_new(parameters, "seq", json_integer(cli->options.seq.value));
    if (cli->options.cas.given)
        json_object_set_new(parameters, "cas", json_integer(cli->options.cas.value));
}

/* More than Mainline takes: the node knows whether its network cuts such a value into blocks. */
static bool is_long(const struct kad_cli *cli, struct kad_bytes value)
{
    return value.size > STRING_MAX && !cli->options.class_name && !cli->options.raw && !cli->options.mutable;
}

static int put(struct kad_cli *cli, struct kad_bytes value)
{
    struct kad_record record = {.type = KAD_RECORD_IMMUTABLE};
    uint8_t room[KAD_RECORD_VALUE_MAX];
    json_t *parameters, *answer;
    const bool named = cli->options.class_name || is_named(cli);
    int code = KAD_EXIT_DONE;

    if (value.size > KAD_BLOCKS_VALUE_MAX)
        return kad_cli_usage(cli, "the value is too long: 1 MiB at most");
    if (!named && !is_long(cli, value))
        code = bencode(cli, value, room, &record.value);
    if (code != KAD_EXIT_DONE)
        return code;
    parameters = kad_ask_parameters(cli);
    if (named)
        set_named(cli, parameters, value);
    else if (is_long(cli, value))
        set_hex(parameters, "value_hex", value.data, value.size);
    else
        set_hex(parameters, "bencoded_hex", record.value.data, record.value.size);
    kad_ask_keep(cli, parameters);
    if (cli->options.mutable)
        code = sign(cli, &record, parameters);
    if (code != KAD_EXIT_DONE) {
        json_decref(parameters);
        return code;
    }
    code = kad_ask_quietly(cli, "POST", "/api/dht/put", parameters, &answer);
    if (answer && cli->options.mutable) {
        json_object_set_new(answer, "seq", json_integer(record.sequence));
        set_hex(answer, "public_key", record.public_key, sizeof record.public_key);
    }
    return kad_ask_show(cli, code, answer, kad_show_stored);
}

static int run_put(struct kad_cli *cli)
{
    uint8_t *bytes = malloc(VALUE_ROOM);
    size_t size = 0;
    int code =
        bytes ? check_put(cli) : kad_cli_fail(cli, KAD_EXIT_INTERNAL, kad_error_text(KAD_E_MEMORY), NULL);

    if (code == KAD_EXIT_DONE && !(is_named(cli) && cli->n_arguments == 1 && !cli->options.file))
        code = read_value(cli, bytes, &size);
    if (code == KAD_EXIT_DONE)
        code = put(cli, (struct kad_bytes){bytes, size});
    free(bytes);
    return code;
}

const struct kad_command kad_command_put = {
    .name = "put",
    .arguments = "[NAME] TEXT|-",
    .summary = "store a value; prints its key",
    .details =
        "The value is stored, as one bencoded string, at the nodes closest to its key. Without --mutable the "
        "key is\n"
        "the value's hash. With it the key comes from a public key (and a salt), and whoever has the secret "
        "in the\n"
        "key file can replace the value; the signature is made here, the secret does not leave this "
        "process.\n"
        "In the kad network --class and NAME say what it is to be found by, and the node seals and signs it: "
        "kad put "
        "--class\n"
        "room lobby \"hello\", and then kad get room:lobby. A value that is too long for one record, up to 1 "
        "MiB, is\ncut into blocks there, which kad get puts together again. "
        "In libp2p's networks NAME is /ipns/PEER, /pk/PEER (whose value is in the name, if the key is short) "
        "or\n"
        "/namespace/name. Nodes forget what is not published again: see --keep. Exit status 4: refused, say "
        "because of --cas.",
    .options = put_options,
    .n_least = 0,
    .n_most = 2,
    .run = run_put,
};
