#include "node/key_pem.h"

#include <limits.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <string.h>

struct asked {
    const char *passphrase;
    bool was_asked;
};

/* libcrypto wants a passphrase; without this it would ask the terminal itself. */
static int give_passphrase(char *out_text, int room, int writing, void *context)
{
    struct asked *asked = context;
    const size_t size = asked->passphrase ? strlen(asked->passphrase) : 0;

    (void)writing;
    asked->was_asked = true;
    if (!asked->passphrase || size > (size_t)room)
        return -1;
    memcpy(out_text, asked->passphrase, size);
    return (int)size;
}

int kad_pem_read(struct kad_bytes text, const char *passphrase, uint8_t out_seed[32])
{
    struct asked asked = {.passphrase = passphrase};
    BIO *bio = text.size <= INT_MAX ? BIO_new_mem_buf(text.data, (int)text.size) : NULL;
    EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, give_passphrase, &asked) : NULL;
    size_t size = 32;
    int error = KAD_E_INVALID;

    if (!key && asked.was_asked)
        error = passphrase ? KAD_E_REFUSED : KAD_E_NOT_FOUND;
    else if (key && EVP_PKEY_id(key) == EVP_PKEY_ED25519 &&
             EVP_PKEY_get_raw_private_key(key, out_seed, &size) == 1 && size == 32)
        error = KAD_OK;
    EVP_PKEY_free(key); /* which wipes it */
    BIO_free(bio);
    ERR_clear_error();
    return error;
}

int kad_pem_write(const uint8_t seed[32], const char *passphrase, char *out_text, size_t room)
{
    struct asked asked = {.passphrase = passphrase};
    EVP_PKEY *key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, 32);
    BIO *bio = BIO_new(BIO_s_secmem());
    const EVP_CIPHER *cipher = passphrase ? EVP_aes_256_cbc() : NULL;
    int error = KAD_E_MEMORY;
    char *text;
    long size;

    if (key && bio &&
        PEM_write_bio_PKCS8PrivateKey(bio, key, cipher, NULL, 0, give_passphrase, &asked) == 1) {
        size = BIO_get_mem_data(bio, &text);
        error = size > 0 && (size_t)size < room ? KAD_OK : KAD_E_SPACE;
        if (!error) {
            memcpy(out_text, text, (size_t)size);
            out_text[size] = '\0';
        }
    }
    EVP_PKEY_free(key);
    BIO_free(bio);
    ERR_clear_error();
    return error;
}
