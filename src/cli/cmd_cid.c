/* kad cid: what content is called, without asking anybody. */
#include "cli/commands.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "cli/print.h"
#include "http/content.h"
#include "kad/text.h"

/* 0 or an exit code. */
static int hash_file(struct kad_cli *cli, const char *path, struct kad_content *out_content)
{
    FILE *in = strcmp(path, "-") == 0 ? stdin : fopen(path, "rb");
    crypto_hash_sha256_state state;
    uint8_t bytes[16384], digest[crypto_hash_sha256_BYTES];
    bool failed;
    size_t n;

    if (!in)
        return kad_cli_fail(cli, KAD_EXIT_USAGE, path, strerror(errno));
    crypto_hash_sha256_init(&state);
    while ((n = fread(bytes, 1, sizeof bytes, in)) > 0)
        crypto_hash_sha256_update(&state, bytes, n);
    failed = ferror(in) != 0;
    if (in != stdin)
        fclose(in);
    if (failed)
        return kad_cli_fail(cli, KAD_EXIT_USAGE, path, strerror(EIO));
    crypto_hash_sha256_final(&state, digest);
    kad_content_of_digest(digest, out_content);
    return KAD_EXIT_DONE;
}

static json_t *hex(const char *before, const uint8_t *bytes, size_t n)
{
    char text[2 * KAD_MULTIHASH_MAX + 1];

    return json_sprintf("%s%s", before, kad_hex(bytes, n, text));
}

static int show(const struct kad_cli *cli, const struct kad_content *content, bool was_cid)
{
    const uint8_t *digest = kad_content_digest(content);
    char cid[KAD_CID_TEXT], v0[KAD_CID_TEXT], key_text[KAD_ID_TEXT];
    struct kad_id key;
    json_t *object;

    kad_content_cid(content, cid);
    kad_content_key(content, &key);
    object = json_pack("{s:s, s:s?, s:o, s:o, s:s}", "cid", cid, "cid_v0",
                       kad_content_cid_v0(content, v0) ? v0 : NULL, "multihash",
                       hex("", content->multihash, content->size), "hash",
                       digest ? hex("0x", digest, 32) : json_null(), "key", kad_id_format(&key, key_text));
    if (cli->options.json) {
        json_dumpf(object, stdout, 0);
        putchar('\n');
    } else if (was_cid) {
        puts(kad_json_text(object, digest ? "hash" : "multihash"));
    } else {
        puts(cid);
    }
    json_decref(object);
    return KAD_EXIT_DONE;
}

static int run_cid(struct kad_cli *cli)
{
    const char *text = cli->arguments[0];
    const bool is_hash = strncmp(text, "0x", 2) == 0 || strncmp(text, "0X", 2) == 0;
    char why[KAD_CONTENT_WHY];
    struct kad_content content;
    int code;

    if (kad_content_read(text, &content, why) == KAD_OK) {
        const bool is_digits = strspn(text, "0123456789abcdefABCDEF") == strlen(text);

        /* A short run of digits may well be a file's name. */
        if (is_hash || !is_digits || strlen(text) >= 64)
            return show(cli, &content, !is_hash && (!is_digits || strlen(text) % 2));
    } else if (is_hash) {
        return kad_cli_usage(cli, "\"%.80s\": %s", text, why);
    }
    code = hash_file(cli, text, &content);
    return code == KAD_EXIT_DONE ? show(cli, &content, false) : code;
}

const struct kad_command kad_command_cid = {
    .name = "cid",
    .arguments = "FILE|-|0xHASH|CID",
    .summary = "what content is called in libp2p's networks",
    .details =
        "Of a file, or - for standard input: its CID (version 1, raw, SHA-256), as one block. Of a hash of "
        "32 "
        "bytes the\n"
        "CID of what has this SHA-256; fewer bytes are hashed first. Of a CID the hash. With --json also "
        "cid_v0,\n"
        "multihash and key (where it stands in the key space). Asks no node.",
    .n_least = 1,
    .n_most = 1,
    .offline = true,
    .run = run_cid,
};
