/* kad manifest: signs a list of nodes to join through, and looks at one as a node would. */
#include "cli/commands.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/text.h"
#include "cli/seed_file.h"
#include "net/fetch.h"
#include "node/manifest.h"

#define STRING_MAX 255 /* of one string of a TXT record (RFC 1035, section 3.3) */

static int read_seed(struct kad_cli *cli, uint8_t seed[KAD_ED25519_SEED])
{
    const struct kad_options *options = &cli->options;
    char why[256];

    if (!options->key_file)
        return kad_cli_usage(cli, "manifest %s needs --key-file", cli->arguments[0]);
    if (kad_seed_file_read(options->key_file, options->new_key, seed, why, sizeof why) != KAD_OK)
        return kad_cli_fail(cli, KAD_EXIT_USAGE, "no key", why);
    return KAD_EXIT_DONE;
}

static int key(struct kad_cli *cli)
{
    uint8_t seed[KAD_ED25519_SEED], public_key[KAD_ED25519_PUBLIC], secret[KAD_ED25519_SECRET];
    char text[2 * KAD_ED25519_PUBLIC + 1];
    const int code = read_seed(cli, seed);

    if (code != KAD_EXIT_DONE)
        return code;
    kad_ed25519_keypair(seed, public_key, secret);
    kad_wipe(seed, sizeof seed);
    kad_wipe(secret, sizeof secret);
    kad_hex(public_key, sizeof public_key, text);
    if (cli->options.json)
        printf("{\"public_key\": \"%s\"}\n", text);
    else
        puts(text);
    return KAD_EXIT_DONE;
}

/* The file's bytes in memory to free(). NULL: *out_code. */
static char *read_manifest(struct kad_cli *cli, size_t *out_size, int *out_code)
{
    char *text = malloc(KAD_MANIFEST_MAX);
    char why[256] = "out of memory";

    if (text && kad_fetch_is_url(cli->arguments[1]))
        snprintf(why, sizeof why, "give a file");
    else if (text &&
             kad_fetch(cli->arguments[1], NULL, text, KAD_MANIFEST_MAX, out_size, why, sizeof why) == KAD_OK)
        return text;
    free(text);
    *out_code = kad_cli_fail(cli, KAD_EXIT_USAGE, cli->arguments[1], why);
    return NULL;
}

/* As the data of a record in a zone file: strings of at most 255 characters, semicolons for newlines. */
static void print_txt(const char *text)
{
    size_t n = 0;

    putchar('"');
    for (; *text; text++) {
        const char *piece = *text == '\n' ? "; " : NULL;

        if (piece && text[1] == '\0')
            break;
        for (size_t i = 0; i < (piece ? 2 : 1); i++) {
            if (n == STRING_MAX)
                fputs("\" \"", stdout);
            n = n == STRING_MAX ? 1 : n + 1;
            putchar(piece ? piece[i] : *text);
        }
    }
    puts("\"");
}

static int sign(struct kad_cli *cli)
{
    uint8_t seed[KAD_ED25519_SEED];
    char *text, *signed_text = NULL, why[256];
    size_t size = 0;
    int code = read_seed(cli, seed), error;

    if (code != KAD_EXIT_DONE)
        return code;
    text = read_manifest(cli, &size, &code);
    if (!text)
        return code;
    error = kad_manifest_sign(text, size, seed, &signed_text, why, sizeof why);
    kad_wipe(seed, sizeof seed);
    free(text);
    if (error)
        return kad_cli_fail(cli, error == KAD_E_MEMORY ? KAD_EXIT_INTERNAL : KAD_EXIT_USAGE, "not signed",
                            why);
    if (cli->options.json) {
        json_t *object = json_pack("{s:s}", "manifest", signed_text);

        json_dumpf(object, stdout, JSON_ENSURE_ASCII);
        putchar('\n');
        json_decref(object);
    } else if (cli->options.txt) {
        print_txt(signed_text);
    } else {
        fputs(signed_text, stdout);
    }
    free(signed_text);
    return KAD_EXIT_DONE;
}

static void print_manifest(const struct kad_cli *cli, const struct kad_manifest *manifest)
{
    const time_t seconds = (time_t)(manifest->valid_until / KAD_SECOND);
    char signer[2 * KAD_ED25519_PUBLIC + 1], until[40] = "";
    json_t *nodes = json_array(), *object;
    struct tm day;

    if (gmtime_r(&seconds, &day))
        strftime(until, sizeof until, "%Y-%m-%dT%H:%M:%SZ", &day);
    kad_hex(manifest->signer, sizeof manifest->signer, signer);
    for (size_t i = 0; i < manifest->n_nodes; i++)
        json_array_append_new(nodes, json_string(manifest->nodes[i]));
    if (!cli->options.json) {
        json_decref(nodes);
        printf("good: signed by %s, valid until %s\n", signer, until);
        for (size_t i = 0; i < manifest->n_nodes; i++)
            printf("  %s\n", manifest->nodes[i]);
        return;
    }
    object = json_pack("{s:b, s:s, s:s, s:o}", "good", 1, "signed_by", signer, "valid_until", until, "nodes",
                       nodes);
    json_dumpf(object, stdout, 0);
    putchar('\n');
    json_decref(object);
}

static int check(struct kad_cli *cli)
{
    struct kad_manifest *manifest = malloc(sizeof *manifest);
    struct kad_manifest_keys keys = {.n = 0};
    struct timespec now;
    char *text = NULL, why[256];
    size_t size = 0;
    int code = KAD_EXIT_INTERNAL, error = KAD_E_MEMORY;

    if (cli->options.trust && kad_manifest_read_keys(cli->options.trust, &keys, why, sizeof why) != KAD_OK) {
        free(manifest);
        return kad_cli_usage(cli, "--trust: %s", why);
    }
    clock_gettime(CLOCK_REALTIME, &now);
    if (manifest)
        text = read_manifest(cli, &size, &code);
    if (text)
        error = kad_manifest_read(text, size, cli->options.trust ? &keys : NULL, "mainline",
                                  (kad_ms)now.tv_sec * KAD_SECOND, manifest, why, sizeof why);
    if (text && error)
        code = kad_cli_fail(cli, error == KAD_E_INVALID ? KAD_EXIT_USAGE : KAD_EXIT_REFUSED,
                            cli->arguments[1], why);
    else if (text)
        code = KAD_EXIT_DONE;
    if (code == KAD_EXIT_DONE)
        print_manifest(cli, manifest);
    free(text);
    free(manifest);
    return code;
}

static int run_manifest(struct kad_cli *cli)
{
    const char *what = cli->arguments[0];
    const int wanted = strcmp(what, "key") == 0 ? 1 : 2;

    if (strcmp(what, "key") != 0 && strcmp(what, "sign") != 0 && strcmp(what, "check") != 0)
        return kad_cli_usage(cli, "manifest %.40s: there is key, sign and check", what);
    if (cli->n_arguments != wanted)
        return kad_cli_usage(cli, "manifest %s wants %s", what, wanted == 1 ? "no argument" : "a FILE");
    if (wanted == 1)
        return key(cli);
    return strcmp(what, "sign") == 0 ? sign(cli) : check(cli);
}

static const struct kad_option manifest_options[] = {
    KAD_TEXT("key-file", key_file, "FILE", "key, sign: holds the secret seed, 64 hexadecimal digits"),
    KAD_FLAG("new-key", new_key, "key, sign: make the key file if there is none"),
    KAD_FLAG("txt", txt, "sign: as the data of a DNS TXT record in a zone file"),
    KAD_TEXT("trust", trust, "KEYS", "check: only these public keys, by comma (default: any)"),
    KAD_OPTIONS_END,
};

const struct kad_command kad_command_manifest = {
    .name = "manifest",
    .arguments = "key | sign FILE | check FILE",
    .summary = "sign a list of nodes to join through, or check one",
    .details =
        "key prints the public key that belongs to --key-file: what others put into manifest_keys. sign "
        "prints FILE with\n"
        "a signature more. check verifies: 0 when it is good, 4 when no trusted key has signed it or it is "
        "out of date,\n"
        "2 when it is no manifest. docs/bootstrap.md has the format.",
    .options = manifest_options,
    .n_least = 1,
    .n_most = 2,
    .offline = true,
    .run = run_manifest,
};
