/* target - see target.h. */
#include "http/target.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "kad/engine.h"

#define MAINLINE_ID 20

/* RFC 4648, no padding: 32 digits are exactly 20 bytes. */
static int base32(const char *text, uint8_t out_bytes[MAINLINE_ID])
{
    uint32_t bits = 0;
    unsigned n_bits = 0, n = 0;

    if (strlen(text) != 32)
        return KAD_E_INVALID;
    for (; *text; text++) {
        const int c = toupper((unsigned char)*text);
        unsigned digit;

        if (c >= 'A' && c <= 'Z')
            digit = (unsigned)(c - 'A');
        else if (c >= '2' && c <= '7')
            digit = (unsigned)(c - '2') + 26;
        else
            return KAD_E_INVALID;
        bits = bits << 5 | digit;
        n_bits += 5;
        if (n_bits >= 8) {
            n_bits -= 8;
            out_bytes[n++] = (uint8_t)(bits >> n_bits);
        }
    }
    return KAD_OK;
}

static int read_info_hash(const char *text, struct kad_target *out_target)
{
    if (strlen(text) == 32)
        return base32(text, out_target->id.bytes);
    return kad_unhex(text, out_target->id.bytes, MAINLINE_ID);
}

/* A multihash: 0x12 is SHA-256, 0x20 its size. */
static int read_multihash(const char *text, struct kad_target *out_target)
{
    uint8_t bytes[34];

    if (kad_unhex(text, bytes, sizeof bytes) != KAD_OK || bytes[0] != 0x12 || bytes[1] != 0x20)
        return KAD_E_INVALID;
    memcpy(out_target->id.bytes, bytes + 2, MAINLINE_ID);
    return KAD_OK;
}

static int read_public_key(const char *text, struct kad_target *out_target)
{
    out_target->is_public = true;
    return kad_unhex(text, out_target->public_key, sizeof out_target->public_key);
}

/* One parameter of a magnet link, percent signs resolved. False: it is longer than anything we look for, or broken. */
static bool unescape(const char *from, size_t size, char *text, size_t room)
{
    size_t n = 0;

    for (size_t i = 0; i < size; i++) {
        uint8_t c = (uint8_t)from[i];

        if (c == '%') {
            char digits[3] = {0};

            if (size - i < 3)
                return false;
            memcpy(digits, from + i + 1, 2);
            /* Two digits, not "0x" and none. */
            if (!isxdigit((unsigned char)digits[0]) || !isxdigit((unsigned char)digits[1]) ||
                kad_unhex(digits, &c, 1) != KAD_OK)
                return false;
            i += 2;
        }
        if (c == 0 || n + 1 >= room)
            return false;
        text[n++] = (char)c;
    }
    text[n] = 0;
    return true;
}

static int read_magnet(const char *at, struct kad_target *out_target)
{
    static const struct {
        const char *prefix;
        int (*read)(const char *text, struct kad_target *out_target);
    } forms[] = {
        {"urn:btih:", read_info_hash},
        {"urn:btmh:", read_multihash},
        {"urn:btpk:", read_public_key},
    };
    bool found = false;

    while (*at) {
        const size_t size = strcspn(at, "&");
        char text[256];

        if (unescape(at, size, text, sizeof text)) {
            char *value = strchr(text, '=');

            if (value)
                *value++ = 0;
            if (value && !found && (strncasecmp(text, "xt", 2) == 0 || strcasecmp(text, "xs") == 0)) {
                for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
                    const size_t prefix = strlen(forms[i].prefix);

                    if (strncasecmp(value, forms[i].prefix, prefix) != 0)
                        continue;
                    if (forms[i].read(value + prefix, out_target) != KAD_OK)
                        return KAD_E_INVALID;
                    found = true;
                }
            } else if (value && strcasecmp(text, "s") == 0) {
                out_target->salt_size = strlen(value) / 2;
                if (out_target->salt_size > KAD_RECORD_SALT_MAX ||
                    kad_unhex(value, out_target->salt, out_target->salt_size) != KAD_OK)
                    return KAD_E_INVALID;
            }
        }
        at += size + (at[size] == '&');
    }
    return found ? KAD_OK : KAD_E_INVALID;
}

int kad_target_parse(const char *text, struct kad_target *out_target)
{
    static const char magnet[] = "magnet:?";
    const char *digits = text[0] == '0' && (text[1] == 'x' || text[1] == 'X') ? text + 2 : text;
    struct kad_target key = {0};
    int error;

    if (strncasecmp(text, magnet, sizeof magnet - 1) == 0)
        error = read_magnet(text + sizeof magnet - 1, &key);
    else if (strlen(digits) == 64)
        error = read_public_key(text, &key);
    else
        error = kad_unhex(text, key.id.bytes, MAINLINE_ID);
    if (error == KAD_OK)
        *out_target = key;
    return error;
}

struct kad_id kad_target_id(const struct kad_target *key, struct kad_bytes salt)
{
    struct kad_id target = key->id;

    if (key->is_public) {
        if (salt.size == 0)
            salt = (struct kad_bytes){key->salt, key->salt_size};
        kad_mainline_mutable_key(key->public_key, salt, &target);
    }
    return target;
}
