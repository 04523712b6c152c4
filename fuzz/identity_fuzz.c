/*
 * identity_fuzz - any bytes as an identity's text, as Bech32m and as a key file: refused with a reason, or what was taken is the one
 * text there is for it. The first byte chooses.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/bech32.h"
#include "crypto/crypto.h"
#include "node/key_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void check_identity(const char *text)
{
    uint8_t key[KAD_IDENTITY_SIZE];
    char again[KAD_IDENTITY_TEXT], why[48];

    memset(why, 'x', sizeof why);
    kad_identity_why(text, why, sizeof why);
    require(memchr(why, 0, sizeof why) != NULL);
    if (kad_identity_parse(text, key) == KAD_OK) {
        require(why[0] == '\0');
        require(strcmp(kad_identity_format(key, again), text) == 0);
    } else {
        require(why[0] != '\0');
    }
}

static void check_bech32(const char *text)
{
    char prefix[KAD_BECH32_MAX];
    uint8_t groups[KAD_BECH32_MAX], bytes[KAD_BECH32_MAX];
    char again[KAD_BECH32_MAX + 1];
    struct kad_bech32_fault fault;
    size_t n = 0;

    fault = kad_bech32_groups(text, prefix, groups, &n);
    require(fault.kind == KAD_BECH32_GOOD || fault.at == KAD_BECH32_NOWHERE || fault.at < strlen(text));
    if (fault.kind != KAD_BECH32_GOOD || n * 5 / 8 == 0)
        return;
    require(strlen(prefix) + 1 + n + 6 == strlen(text));
    if (kad_bech32_decode(text, prefix, bytes, n * 5 / 8).kind != KAD_BECH32_GOOD)
        return;
    require(kad_bech32_encode(prefix, (struct kad_bytes){bytes, n * 5 / 8}, again, sizeof again) == KAD_OK);
    for (size_t i = 0; text[i]; i++)
        require(again[i] == text[i] || again[i] == text[i] + 32);
}

/* Written out and read again it is the same. Nothing is unsealed: the costs would be the fuzzer's. */
static void check_file(const uint8_t *data, size_t size)
{
    struct kad_key_file file, again;
    char text[KAD_KEY_FILE_MAX], second[KAD_KEY_FILE_MAX], why[200];
    size_t n;

    why[0] = '\0';
    if (kad_key_file_decode((struct kad_bytes){data, size}, &file, why, sizeof why) != KAD_OK) {
        require(why[0] != '\0');
        return;
    }
    require(file.n_moves <= KAD_MOVES_MAX);
    require(!file.is_sealed || kad_passphrase_cost_allowed(&file.sealed.cost));
    n = kad_key_file_encode(&file, text, sizeof text);
    require(n < sizeof text);
    require(kad_key_file_decode((struct kad_bytes){(const uint8_t *)text, n}, &again, why, sizeof why) ==
            KAD_OK);
    require(kad_key_file_encode(&again, second, sizeof second) == n && memcmp(text, second, n) == 0);
    require(memcmp(file.public_key, again.public_key, sizeof file.public_key) == 0);
    require(file.is_sealed == again.is_sealed && file.n_moves == again.n_moves);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *bytes;

    if (size == 0 || kad_crypto_init() != KAD_OK)
        return 0;
    bytes = malloc(size); /* exactly: a read past the end is seen */
    require(bytes != NULL);
    memcpy(bytes, data + 1, size - 1);
    bytes[size - 1] = 0;
    switch (data[0] % 3) {
    case 0:
        check_identity((const char *)bytes);
        break;
    case 1:
        check_bech32((const char *)bytes);
        break;
    default:
        check_file(data + 1, size - 1);
        break;
    }
    free(bytes);
    return 0;
}
