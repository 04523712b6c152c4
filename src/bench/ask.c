/* ask - see ask.h */
#include "bench/ask.h"

#include <assert.h>
#include <openssl/sha.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

static const char *const names[ASK_KINDS] = {
    [ASK_ECHO] = "echo",
    [ASK_PING] = "ping",
    [ASK_FIND_NODE] = "find_node",
    [ASK_GET_PEERS] = "get_peers",
    [ASK_ANNOUNCE] = "announce_peer",
    [ASK_GET] = "get",
    [ASK_PUT] = "put",
    [ASK_GET_MUTABLE] = "get_mutable",
    [ASK_PUT_MUTABLE] = "put_mutable",
    [ASK_SAMPLE] = "sample_infohashes",
};

const char *ask_name(enum ask ask)
{
    return ask < ASK_KINDS ? names[ask] : NULL;
}

enum ask ask_by_name(const char *name)
{
    enum ask ask = 0;

    while (ask < ASK_KINDS && strcmp(names[ask], name) != 0)
        ask++;
    return ask;
}

/* BEP 44: what is signed is the tail of the put message, without salt here. */
static void sign(struct ask_key *key, uint64_t number)
{
    uint8_t seed[crypto_sign_SEEDBYTES], secret[crypto_sign_SECRETKEYBYTES];
    uint8_t text[32 + sizeof key->value];
    size_t size = (size_t)snprintf((char *)text, sizeof text, "3:seqi1e1:v");

    krpc_fill(seed, sizeof seed, number ^ 0x6b6579u);
    crypto_sign_seed_keypair(key->public_key, secret, seed);
    memcpy(text + size, key->value, sizeof key->value);
    crypto_sign_detached(key->signature, NULL, text, size + sizeof key->value, secret);
    SHA1(key->public_key, sizeof key->public_key, key->mutable);
}

void ask_make_key(struct ask_key *out_key, uint64_t number, uint64_t n_infohashes, bool with_signature)
{
    memset(out_key, 0, sizeof *out_key);
    krpc_fill(out_key->infohash, KRPC_ID, krpc_mix(number % n_infohashes) ^ 0x696e666fu);
    memcpy(out_key->value, "200:", 4);
    krpc_fill(out_key->value + 4, ASK_VALUE, krpc_mix(number) ^ 0x6974656du);
    SHA1(out_key->value, sizeof out_key->value, out_key->immutable);
    out_key->source = (uint32_t)number;
    if (with_signature)
        sign(out_key, number);
}

static void write_target(struct krpc_writer *writer, const char *name, const uint8_t *target, uint64_t seed)
{
    uint8_t random[KRPC_ID];

    if (!target) {
        krpc_fill(random, sizeof random, krpc_mix(seed));
        target = random;
    }
    krpc_raw(writer, name);
    krpc_string(writer, target, KRPC_ID);
}

size_t ask_write(uint8_t *out, enum ask ask, const struct ask_key *key, const uint8_t from[KRPC_ID],
                 uint64_t seed, uint32_t tid)
{
    struct krpc_writer writer = {out, 0};
    const char *query = names[ask];

    assert(ask != ASK_ECHO && "that is ask_write_echo()");
    krpc_raw(&writer, "d1:ad2:id20:");
    krpc_copy(&writer, from, KRPC_ID);
    switch (ask) {
    case ASK_FIND_NODE:
    case ASK_SAMPLE:
        write_target(&writer, "6:target", NULL, seed);
        break;
    case ASK_GET:
        write_target(&writer, "6:target", key ? key->immutable : NULL, seed);
        break;
    case ASK_GET_MUTABLE:
        query = "get";
        write_target(&writer, "6:target", key ? key->mutable : NULL, seed);
        break;
    case ASK_GET_PEERS:
        write_target(&writer, "9:info_hash", key ? key->infohash : NULL, seed);
        break;
    case ASK_ANNOUNCE:
        write_target(&writer, "9:info_hash", key->infohash, seed);
        krpc_raw(&writer, "4:port");
        krpc_int(&writer, 6881);
        krpc_raw(&writer, "5:token");
        krpc_string(&writer, key->token, key->token_size);
        break;
    case ASK_PUT_MUTABLE:
        query = "put";
        krpc_raw(&writer, "1:k");
        krpc_string(&writer, key->public_key, sizeof key->public_key);
        krpc_raw(&writer, "3:seqi1e3:sig");
        krpc_string(&writer, key->signature, sizeof key->signature);
        /* fallthrough */
    case ASK_PUT:
        krpc_raw(&writer, "5:token");
        krpc_string(&writer, key->token, key->token_size);
        krpc_raw(&writer, "1:v");
        krpc_copy(&writer, key->value, sizeof key->value);
        break;
    default:
        break; /* ping */
    }
    krpc_raw(&writer, "e1:q");
    krpc_string(&writer, query, strlen(query));
    krpc_raw(&writer, "1:t4:");
    krpc_copy(&writer, &tid, sizeof tid);
    krpc_raw(&writer, "1:y1:qe");
    return writer.size;
}

size_t ask_write_echo(uint8_t *out, size_t size, uint16_t answer, uint32_t tid)
{
    struct krpc_writer writer = {out, 0};

    assert(size >= ASK_ECHO_MIN && size <= KRPC_MESSAGE_MAX && "room for what it must say");
    krpc_raw(&writer, "d1:t4:"); /* echo.c looks for both at fixed places */
    krpc_copy(&writer, &tid, sizeof tid);
    krpc_raw(&writer, "1:n2:");
    krpc_copy(&writer, &answer, sizeof answer);
    krpc_raw(&writer, "1:y1:qe");
    memset(out + writer.size, 0, size - writer.size);
    return size;
}
