/* content - see content.h. */
#include "http/content.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/multibase.h"
#include "base/text.h"
#include "crypto/crypto.h"

#define DIGEST 32

static const char digits[] = "0123456789abcdefABCDEF";

static int refuse(char why[KAD_CONTENT_WHY], const char *text, const char *what, size_t at)
{
    if (at < strlen(text))
        snprintf(why, KAD_CONTENT_WHY, "%s, at character %zu (\"%.1s\")", what, at + 1, text + at);
    else
        snprintf(why, KAD_CONTENT_WHY, "%s, at its end (character %zu)", what, at + 1);
    return KAD_E_INVALID;
}

static size_t skip_0x(const char *text)
{
    return strncasecmp(text, "0x", 2) == 0 ? 2 : 0;
}

/* The bytes that digits stand for, up to `room` of them. */
static int read_hex(const char *text, uint8_t *out_bytes, size_t room, size_t *out_size, char *why)
{
    const size_t skip = skip_0x(text), n = strlen(text) - skip, good = strspn(text + skip, digits);

    if (good < n)
        return refuse(why, text, "no hexadecimal digit", skip + good);
    if (n == 0)
        return refuse(why, text, "hexadecimal digits are wanted", skip);
    if (n > 2 * room)
        return refuse(why, text, "longer than a hash", skip + 2 * room);
    if (n % 2)
        return refuse(why, text, "an odd number of digits", strlen(text));
    *out_size = n / 2;
    return kad_unhex(text + skip, out_bytes, n / 2);
}

static int read_digits(const char *text, struct kad_content *out_content, char *why)
{
    const size_t skip = skip_0x(text);
    uint8_t bytes[DIGEST + 2], digest[DIGEST];
    size_t n;
    int error = read_hex(text, bytes, sizeof bytes, &n, why);

    if (error)
        return error;
    if (n == sizeof bytes && bytes[0] == 0x12 && bytes[1] == DIGEST) {
        kad_content_of_digest(bytes + 2, out_content);
        return KAD_OK;
    }
    if (n > DIGEST)
        return refuse(why, text, "longer than a hash of 32 bytes", skip + 2 * (size_t)DIGEST);
    if (n == DIGEST - 1)
        return refuse(why, text, "31 bytes: a hash has 32", strlen(text));
    if (n == DIGEST) {
        kad_content_of_digest(bytes, out_content);
    } else {
        kad_sha256(bytes, n, digest);
        kad_content_of_digest(digest, out_content);
    }
    return KAD_OK;
}

int kad_content_read(const char *text, struct kad_content *out_content, char out_why[KAD_CONTENT_WHY])
{
    const size_t n = strlen(text);
    const bool is_hex = strspn(text, digits) == n;

    /* "f0155..." is digits too, yet a CID has an odd number of them. */
    if (skip_0x(text) == 0 && !(is_hex && n == 2 * (size_t)DIGEST) &&
        kad_cid_multihash(text, out_content->multihash, &out_content->size) == 0)
        return KAD_OK;
    if (skip_0x(text) || is_hex)
        return read_digits(text, out_content, out_why);
    snprintf(out_why, KAD_CONTENT_WHY, "a CID, or a hash in hexadecimal digits behind 0x, is wanted");
    return KAD_E_INVALID;
}

int kad_content_read_hash(const char *text, struct kad_content *out_content, char out_why[KAD_CONTENT_WHY])
{
    const size_t skip = skip_0x(text);
    uint8_t bytes[DIGEST];
    size_t n;
    int error = read_hex(text, bytes, sizeof bytes, &n, out_why);

    if (!error && n < DIGEST)
        error = refuse(out_why, text, "shorter than a hash of 32 bytes", skip + 2 * n);
    if (!error)
        kad_content_of_digest(bytes, out_content);
    return error;
}

void kad_content_of_digest(const uint8_t digest[DIGEST], struct kad_content *out_content)
{
    kad_multihash_sha256(digest, out_content->multihash);
    out_content->size = DIGEST + 2;
}

const uint8_t *kad_content_digest(const struct kad_content *content)
{
    const bool is_sha256 =
        content->size == DIGEST + 2 && content->multihash[0] == 0x12 && content->multihash[1] == DIGEST;

    return is_sha256 ? content->multihash + 2 : NULL;
}

void kad_content_cid(const struct kad_content *content, char out_text[KAD_CID_TEXT])
{
    /* There is room for any. */
    (void)!kad_cid_write(KAD_CID_RAW, (struct kad_bytes){content->multihash, content->size}, out_text,
                         KAD_CID_TEXT);
}

bool kad_content_cid_v0(const struct kad_content *content, char out_text[KAD_CID_TEXT])
{
    return kad_content_digest(content) &&
           kad_base_write(KAD_BASE58, (struct kad_bytes){content->multihash, content->size}, out_text,
                          KAD_CID_TEXT) == KAD_OK;
}

void kad_content_key(const struct kad_content *content, struct kad_id *out_key)
{
    kad_sha256(content->multihash, content->size, out_key->bytes);
}
