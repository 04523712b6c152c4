#include "node/manifest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/text.h"
#include "net/resolve.h"

#define SIGNATURE      "signature "
#define SIGNATURE_LINE (2 * KAD_ED25519_PUBLIC + 2 * KAD_ED25519_SIGNATURE + sizeof(SIGNATURE) + 2)

static int refuse(int error, char *why, size_t why_size, const char *text)
{
    snprintf(why, why_size, "%s", text);
    return error;
}

int kad_manifest_read_keys(const char *text, struct kad_manifest_keys *out_keys, char *out_why,
                           size_t why_size)
{
    struct kad_manifest_keys keys = {.n = 0};

    for (text += strspn(text, ", "); *text; text += strspn(text, ", ")) {
        char digits[2 * KAD_ED25519_PUBLIC + 1];
        const size_t size = strcspn(text, ", ");

        if (keys.n == KAD_MANIFEST_KEYS)
            return refuse(KAD_E_INVALID, out_why, why_size, "more than 16 keys");
        if (size == sizeof(digits) - 1) {
            memcpy(digits, text, size);
            digits[size] = '\0';
        }
        if (size != sizeof(digits) - 1 ||
            kad_unhex(digits, keys.keys[keys.n++], KAD_ED25519_PUBLIC) != KAD_OK)
            return refuse(KAD_E_INVALID, out_why, why_size, "a key is 64 hexadecimal digits");
        text += size;
    }
    *out_keys = keys;
    return KAD_OK;
}

/* -- lines ------------------------------------------------------------------------------------------------------- */

/* Each line trimmed and ended by one newline, in memory of the caller's (malloc); NULL: none. *out_body: bytes before the
 * first signature. */
static char *normal(const char *text, size_t size, size_t *out_body)
{
    char *lines = malloc(size + 2), *at = lines;
    size_t body = SIZE_MAX;

    for (size_t i = 0; lines && i < size;) {
        size_t end = i, last;

        while (end < size && text[end] != '\n' && text[end] != ';')
            end++;
        while (i < end && strchr(" \t\r", text[i]))
            i++;
        for (last = end; last > i && strchr(" \t\r", text[last - 1]);)
            last--;
        if (last > i && text[i] != '#') {
            if (body == SIZE_MAX && last - i > strlen(SIGNATURE) &&
                memcmp(text + i, SIGNATURE, strlen(SIGNATURE)) == 0)
                body = (size_t)(at - lines);
            memcpy(at, text + i, last - i);
            at += last - i;
            *at++ = '\n';
        } else if (last > i) { /* a comment goes to the end of its line, semicolons and all */
            while (end < size && text[end] != '\n')
                end++;
        }
        i = end + 1;
    }
    if (lines) {
        *at = '\0';
        *out_body = body == SIZE_MAX ? (size_t)(at - lines) : body;
    }
    return lines;
}

/* "2027-01-31T00:00:00Z" */
static bool read_instant(const char *text, kad_ms *out_at)
{
    struct tm day = {0};
    const char *end = strptime(text, "%Y-%m-%dT%H:%M:%SZ", &day);
    const int day_of_month = day.tm_mday; /* timegm() makes the 3rd of March of the 31st of February */
    time_t seconds;

    if (!end || *end)
        return false;
    seconds = timegm(&day);
    *out_at = (kad_ms)seconds * KAD_SECOND;
    return seconds >= 0 && day.tm_mday == day_of_month;
}

/* Of `lines`, the next without its newline. NULL: none. */
static char *next_line(char **lines)
{
    char *line = *lines, *end = strchr(line, '\n');

    if (!end)
        return NULL;
    *end = '\0';
    *lines = end + 1;
    return line;
}

/* Cuts `body` up. */
static int read_body(char *body, const char *network, struct kad_manifest *out, char *why, size_t why_size)
{
    char *line = next_line(&body), host[KAD_RESOLVE_HOST];
    uint16_t port;

    out->n_nodes = 0;
    if (!line || strcmp(line, "kad-manifest 1") != 0)
        return refuse(KAD_E_INVALID, why, why_size, "does not begin with \"kad-manifest 1\"");
    line = next_line(&body);
    if (!line || strncmp(line, "network ", 8) != 0)
        return refuse(KAD_E_INVALID, why, why_size, "\"network NAME\" does not come second");
    if (network && strcmp(line + 8, network) != 0)
        return refuse(KAD_E_INVALID, why, why_size, "is for another network");
    line = next_line(&body);
    if (!line || strncmp(line, "valid-until ", 12) != 0 || !read_instant(line + 12, &out->valid_until))
        return refuse(KAD_E_INVALID, why, why_size,
                      "\"valid-until 2027-01-31T00:00:00Z\", or another moment, does not come third");
    while ((line = next_line(&body))) {
        if (strncmp(line, "node ", 5) != 0 || strlen(line + 5) >= KAD_MANIFEST_HOST ||
            kad_resolve_split(line + 5, 0, host, &port) < 0) {
            snprintf(why, why_size, "\"%.100s\" is not \"node HOST:PORT\"", line);
            return KAD_E_INVALID;
        }
        if (out->n_nodes == KAD_MANIFEST_NODES)
            return refuse(KAD_E_INVALID, why, why_size, "more than 64 nodes");
        strcpy(out->nodes[out->n_nodes++], line + 5);
    }
    return out->n_nodes ? KAD_OK : refuse(KAD_E_INVALID, why, why_size, "names no node");
}

/* "signature KEY SIGNATURE", as bytes. */
static bool read_signature(const char *line, uint8_t key[KAD_ED25519_PUBLIC],
                           uint8_t signature[KAD_ED25519_SIGNATURE])
{
    char digits[2 * KAD_ED25519_PUBLIC + 1];

    if (strncmp(line, SIGNATURE, strlen(SIGNATURE)) != 0 || strlen(line) < strlen(SIGNATURE) + sizeof(digits))
        return false;
    line += strlen(SIGNATURE);
    memcpy(digits, line, sizeof(digits) - 1);
    digits[sizeof(digits) - 1] = '\0';
    return line[sizeof(digits) - 1] == ' ' && kad_unhex(digits, key, KAD_ED25519_PUBLIC) == KAD_OK &&
           kad_unhex(line + sizeof(digits), signature, KAD_ED25519_SIGNATURE) == KAD_OK;
}

static bool trusted(const struct kad_manifest_keys *keys, const uint8_t key[KAD_ED25519_PUBLIC])
{
    if (!keys)
        return true;
    for (size_t i = 0; i < keys->n; i++) {
        if (memcmp(keys->keys[i], key, KAD_ED25519_PUBLIC) == 0)
            return true;
    }
    return false;
}

/* -- reading and signing ----------------------------------------------------------------------------------------- */

/* Cuts the signatures up; the body stays. */
static int verify(char *lines, size_t body, const struct kad_manifest_keys *keys,
                  uint8_t signer[KAD_ED25519_PUBLIC], char *why, size_t why_size)
{
    char *rest = lines + body, *line;
    bool unknown = false, wrong = false;

    while ((line = next_line(&rest))) {
        uint8_t key[KAD_ED25519_PUBLIC], signature[KAD_ED25519_SIGNATURE];

        if (!read_signature(line, key, signature))
            return refuse(KAD_E_INVALID, why, why_size,
                          "something other than signatures follows the first one");
        if (!trusted(keys, key)) {
            unknown = true;
        } else if (!kad_ed25519_verify(key, lines, body, signature)) {
            wrong = true;
        } else {
            memcpy(signer, key, KAD_ED25519_PUBLIC);
            return KAD_OK;
        }
    }
    if (wrong)
        return refuse(KAD_E_REFUSED, why, why_size, "the signature is wrong");
    return refuse(KAD_E_REFUSED, why, why_size, unknown ? "signed by no key that is trusted" : "not signed");
}

int kad_manifest_read(const char *text, size_t size, const struct kad_manifest_keys *keys,
                      const char *network, kad_ms now, struct kad_manifest *out_manifest, char *out_why,
                      size_t why_size)
{
    size_t body;
    char *lines;
    int error;

    if (size > KAD_MANIFEST_MAX || memchr(text, '\0', size))
        return refuse(KAD_E_INVALID, out_why, why_size,
                      size > KAD_MANIFEST_MAX ? "larger than 32 KiB" : "not a text");
    lines = normal(text, size, &body);
    if (!lines)
        return refuse(KAD_E_MEMORY, out_why, why_size, "out of memory");
    error = verify(lines, body, keys, out_manifest->signer, out_why, why_size);
    if (!error) {
        lines[body] = '\0';
        error = read_body(lines, network, out_manifest, out_why, why_size);
    }
    free(lines);
    if (!error && now >= out_manifest->valid_until)
        error = refuse(KAD_E_TIMEOUT, out_why, why_size, "is out of date: its valid-until has passed");
    return error;
}

/* Those that are there, one of which may be this key's. Cuts them up. */
static int check_signatures(char *rest, const uint8_t key[KAD_ED25519_PUBLIC], char *why, size_t why_size)
{
    char *line;

    while ((line = next_line(&rest))) {
        uint8_t other[KAD_ED25519_PUBLIC], signature[KAD_ED25519_SIGNATURE];

        if (!read_signature(line, other, signature))
            return refuse(KAD_E_INVALID, why, why_size,
                          "something other than signatures follows the first one");
        if (memcmp(other, key, sizeof(other)) == 0)
            return refuse(KAD_E_EXISTS, why, why_size, "this key has signed it");
    }
    return KAD_OK;
}

int kad_manifest_sign(const char *text, size_t size, const uint8_t seed[KAD_ED25519_SEED], char **out_text,
                      char *out_why, size_t why_size)
{
    uint8_t key[KAD_ED25519_PUBLIC], secret[KAD_ED25519_SECRET], signature[KAD_ED25519_SIGNATURE];
    char key_text[2 * sizeof(key) + 1], signature_text[2 * sizeof(signature) + 1];
    struct kad_manifest *manifest = malloc(sizeof(*manifest));
    char *copy, *lines = NULL;
    size_t body = 0;
    int error = KAD_OK;

    if (size > KAD_MANIFEST_MAX - SIGNATURE_LINE || memchr(text, '\0', size)) {
        free(manifest);
        return refuse(KAD_E_INVALID, out_why, why_size, "not a text of at most 32 KiB");
    }
    copy = normal(text, size, &body);
    if (copy)
        lines = realloc(NULL, strlen(copy) + SIGNATURE_LINE + 1);
    if (!manifest || !copy || !lines) {
        error = refuse(KAD_E_MEMORY, out_why, why_size, "out of memory");
    } else {
        strcpy(lines, copy);
        kad_ed25519_keypair(seed, key, secret);
        kad_ed25519_sign(secret, lines, body, signature);
        kad_wipe(secret, sizeof(secret));
        error = check_signatures(copy + body, key, out_why, why_size);
        copy[body] = '\0';
    }
    if (!error)
        error = read_body(copy, NULL, manifest, out_why, why_size);
    free(copy);
    free(manifest);
    if (error) {
        free(lines);
        return error;
    }
    sprintf(lines + strlen(lines), SIGNATURE "%s %s\n", kad_hex(key, sizeof(key), key_text),
            kad_hex(signature, sizeof(signature), signature_text));
    *out_text = lines;
    return KAD_OK;
}
