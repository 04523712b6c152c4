/* member_proof - see member_proof.h. */
#include "http/member_proof.h"

#include <stdio.h>
#include <string.h>

#include "http/member_json.h"

enum role { SERVER = 1, CLIENT = 2 };

/* -- what is signed ------------------------------------------------------------------------------------------------ */

#define NETWORK_MAX 64
#define SIGNED_MAX \
    (2 + 1 + NETWORK_MAX + 2 * (KAD_IDENTITY_SIZE + KAD_MEMBER_NONCE) + 2 + 1 + KAD_MEMBER_HOST_MAX)

static uint8_t *add(uint8_t *at, const void *bytes, size_t size)
{
    memcpy(at, bytes, size);
    return at + size;
}

static uint8_t *add_text(uint8_t *at, const char *text)
{
    const size_t size = strlen(text);

    *at++ = (uint8_t)size;
    return add(at, text, size);
}

/* role 1 | version 1 | network's length 1, network | client's key, server's key | client's nonce, server's nonce |
 * client's port 2 | host's length 1, host */
static size_t what_is_signed(const struct kad_member_proof *proof, enum role role, uint8_t out[SIGNED_MAX])
{
    const uint8_t *own = proof->self->identity->public_key;
    uint8_t *at = out;

    *at++ = (uint8_t)role;
    *at++ = KAD_MEMBER_VERSION;
    at = add_text(at, proof->self->network);
    at = add(at, proof->is_server ? proof->peer : own, KAD_IDENTITY_SIZE);
    at = add(at, proof->is_server ? own : proof->peer, KAD_IDENTITY_SIZE);
    at = add(at, proof->nonces, sizeof proof->nonces);
    *at++ = (uint8_t)(proof->port >> 8);
    *at++ = (uint8_t)proof->port;
    at = add_text(at, proof->host);
    return (size_t)(at - out);
}

static json_t *sign(const struct kad_member_proof *proof)
{
    uint8_t bytes[SIGNED_MAX], signature[KAD_SIGNATURE_SIZE];
    const size_t n = what_is_signed(proof, proof->is_server ? SERVER : CLIENT, bytes);

    if (kad_identity_sign(proof->self->identity, "ws", (struct kad_bytes){bytes, n}, signature) != KAD_OK)
        return NULL;
    return kad_member_json_bytes(signature, sizeof signature);
}

static bool take_fixed(const json_t *object, const char *name, uint8_t *out, size_t size)
{
    size_t n;

    return kad_member_json_take_bytes(json_object_get(object, name), out, size, &n) && n == size;
}

static bool other_signed(const struct kad_member_proof *proof, const json_t *object)
{
    uint8_t bytes[SIGNED_MAX], signature[KAD_SIGNATURE_SIZE];
    const size_t n = what_is_signed(proof, proof->is_server ? CLIENT : SERVER, bytes);

    return take_fixed(object, "signature", signature, sizeof signature) &&
           kad_identity_verify(proof->peer, "ws", (struct kad_bytes){bytes, n}, signature);
}

/* -- both ends ----------------------------------------------------------------------------------------------------- */

static json_t *fail(struct kad_member_proof *proof, const json_t *message, const char *why)
{
    proof->stage = KAD_MEMBER_FAILED;
    return proof->is_server ? kad_member_json_refuse(message, why) : NULL;
}

static bool take_identity(const json_t *object, const char *name, uint8_t out_key[KAD_IDENTITY_SIZE])
{
    const char *text = json_string_value(json_object_get(object, name));

    return text && kad_identity_parse(text, out_key) == KAD_OK;
}

/* One that may take part, and another than ourselves. */
static bool welcome(const struct kad_member_self *self, const uint8_t key[KAD_IDENTITY_SIZE])
{
    return memcmp(key, self->identity->public_key, KAD_IDENTITY_SIZE) != 0 && kad_identity_valid(key) &&
           (self->puzzle_bits == 0 || kad_identity_bits(key) >= self->puzzle_bits);
}

static json_t *own_name(const struct kad_member_self *self)
{
    char text[KAD_IDENTITY_TEXT];

    return json_string(kad_identity_format(self->identity->public_key, text));
}

/* -- the server ---------------------------------------------------------------------------------------------------- */

void kad_member_proof_serve(struct kad_member_proof *proof, const struct kad_member_self *self,
                            const uint8_t nonce[KAD_MEMBER_NONCE])
{
    *proof = (struct kad_member_proof){.self = self, .is_server = true};
    memcpy(proof->nonces[1], nonce, KAD_MEMBER_NONCE);
}

static const json_t *arguments(const json_t *message, const char *command)
{
    const char *name = json_string_value(json_object_get(message, "command"));

    if (!name || strcmp(name, command) != 0)
        return NULL;
    return json_array_get(json_object_get(message, "args"), 0);
}

static const char *what_is_wrong(struct kad_member_proof *proof, const json_t *args,
                                 bool (*is_own)(void *context, const char *host), void *context)
{
    const struct kad_member_self *self = proof->self;
    const char *network = json_string_value(json_object_get(args, "network"));
    const char *host = json_string_value(json_object_get(args, "host"));
    const json_t *port = json_object_get(args, "port");

    if (!args)
        return "Kad.connect comes first";
    if (json_integer_value(json_object_get(args, "version")) != KAD_MEMBER_VERSION)
        return "version: 1 is spoken here";
    if (!network || strcmp(network, self->network) != 0)
        return "network: another one is here";
    if (!host || strlen(host) > KAD_MEMBER_HOST_MAX || !is_own(context, host))
        return "host: that is not here (api_names lists names and addresses of this node)";
    if (!take_identity(args, "nodeId", proof->peer) || !welcome(self, proof->peer))
        return "nodeId: no identity that may take part";
    if (!take_fixed(args, "nonce", proof->nonces[0], KAD_MEMBER_NONCE))
        return "nonce: 32 bytes, fresh ones";
    if (port && (!json_is_integer(port) || json_integer_value(port) < 1 || json_integer_value(port) > 65535))
        return "port: from 1 to 65535";
    proof->port = (uint16_t)json_integer_value(port);
    snprintf(proof->host, sizeof proof->host, "%s", host);
    return NULL;
}

static json_t *answer_connect(struct kad_member_proof *proof, const json_t *message,
                              bool (*is_own)(void *context, const char *host), void *context)
{
    const char *wrong = what_is_wrong(proof, arguments(message, "Kad.connect"), is_own, context);

    if (wrong)
        return fail(proof, message, wrong);
    proof->stage = KAD_MEMBER_SIGNED;
    return json_pack("{s:O?, s:s, s:{s:o, s:o, s:o}}", "responseId", json_object_get(message, "messageId"),
                     "command", "Kad.connect", "data", "nodeId", own_name(proof->self), "nonce",
                     kad_member_json_bytes(proof->nonces[1], KAD_MEMBER_NONCE), "signature", sign(proof));
}

static json_t *answer_verify(struct kad_member_proof *proof, const json_t *message)
{
    if (!other_signed(proof, arguments(message, "Kad.verify")))
        return fail(proof, message, "signature: not by that nodeId over this handshake");
    proof->stage = KAD_MEMBER_PROVED;
    return json_pack("{s:O?, s:s, s:{}}", "responseId", json_object_get(message, "messageId"), "command",
                     "Kad.verify", "data");
}

/* -- the client ---------------------------------------------------------------------------------------------------- */

json_t *kad_member_proof_connect(struct kad_member_proof *proof, const struct kad_member_self *self,
                                 const uint8_t nonce[KAD_MEMBER_NONCE], const char *host, uint16_t port,
                                 const uint8_t *expected)
{
    json_t *args;

    *proof = (struct kad_member_proof){.self = self, .port = port, .has_expected = expected != NULL};
    memcpy(proof->nonces[0], nonce, KAD_MEMBER_NONCE);
    snprintf(proof->host, sizeof proof->host, "%s", host);
    if (expected)
        memcpy(proof->peer, expected, KAD_IDENTITY_SIZE);
    args = json_pack("{s:i, s:s, s:s, s:o, s:o}", "version", KAD_MEMBER_VERSION, "network", self->network,
                     "host", host, "nodeId", own_name(self), "nonce",
                     kad_member_json_bytes(nonce, KAD_MEMBER_NONCE));
    if (args && port)
        json_object_set_new(args, "port", json_integer(port));
    return args ? json_pack("{s:i, s:s, s:[o]}", "messageId", 0, "command", "Kad.connect", "args", args)
                : NULL;
}

static json_t *verify(struct kad_member_proof *proof, const json_t *message)
{
    const json_t *data = json_object_get(message, "data");
    uint8_t key[KAD_IDENTITY_SIZE];

    if (!take_identity(data, "nodeId", key) ||
        !take_fixed(data, "nonce", proof->nonces[1], KAD_MEMBER_NONCE) || !welcome(proof->self, key))
        return fail(proof, message, "");
    proof->wrong_key = proof->has_expected && memcmp(key, proof->peer, sizeof key) != 0;
    memcpy(proof->peer, key, sizeof key);
    if (proof->wrong_key || !other_signed(proof, data))
        return fail(proof, message, "");
    proof->stage = KAD_MEMBER_SIGNED;
    return json_pack("{s:i, s:s, s:[{s:o}]}", "messageId", 1, "command", "Kad.verify", "args", "signature",
                     sign(proof));
}

json_t *kad_member_proof_hear(struct kad_member_proof *proof, const json_t *message,
                              bool (*is_own)(void *context, const char *host), void *context)
{
    if (proof->stage == KAD_MEMBER_FAILED)
        return NULL;
    if (proof->is_server)
        return proof->stage == KAD_MEMBER_BEGUN ? answer_connect(proof, message, is_own, context)
                                                : answer_verify(proof, message);
    if (proof->stage == KAD_MEMBER_BEGUN)
        return verify(proof, message);
    if (!json_object_get(message, "data"))
        return fail(proof, message, "");
    proof->stage = KAD_MEMBER_PROVED;
    return NULL;
}
