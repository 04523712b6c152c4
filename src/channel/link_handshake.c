#include "channel/link_parts.h"

#include <assert.h>
#include <string.h>

#include "base/protobuf.h"
#include "crypto/crypto.h"

#define HEAD         2    /* bytes of length before a message of the handshake */
#define MESSAGE_MOST 8192 /* bytes of one: keys and signatures of RSA with 8,192 bits, and room */

static const char noise_protocol[] = "/noise";
static const char yamux_protocol[] = "/yamux/1.0.0";
static const char signed_before[] = "noise-libp2p-static-key:";

/* -- the payload ------------------------------------------------------------------------------------------------ */

/* NoiseHandshakePayload { identity_key = 1; identity_sig = 2; extensions = 4 { stream_muxers = 2 } } */
enum { FIELD_KEY = 1, FIELD_SIGNATURE = 2, FIELD_EXTENSIONS = 4, FIELD_MUXERS = 2 };

void kad_link_identity_make(struct kad_link_identity *identity, const struct kad_suite *suite,
                            const uint8_t secret[64], const uint8_t static_secret[KAD_DH_SIZE])
{
    uint8_t key[KAD_PEER_KEY_OWN], covered[sizeof(signed_before) - 1 + KAD_DH_SIZE], signature[64];
    const struct kad_bytes muxer = {(const uint8_t *)yamux_protocol, sizeof(yamux_protocol) - 1};
    struct kad_proto_writer writer = {.bytes = identity->payload, .room = sizeof(identity->payload)};

    memcpy(identity->keys.secret, static_secret, KAD_DH_SIZE);
    suite->keypair(static_secret, identity->keys.public_key); /* once: a tenth of a handshake */
    memcpy(covered, signed_before, sizeof(signed_before) - 1);
    memcpy(covered + sizeof(signed_before) - 1, identity->keys.public_key, KAD_DH_SIZE);
    kad_ed25519_sign(secret, covered, sizeof(covered), signature);
    kad_peer_key_ed25519(secret + 32, key);
    kad_proto_put_bytes(&writer, FIELD_KEY, (struct kad_bytes){key, sizeof(key)});
    kad_proto_put_bytes(&writer, FIELD_SIGNATURE, (struct kad_bytes){signature, sizeof(signature)});
    kad_proto_begin(&writer, FIELD_EXTENSIONS, kad_proto_size_bytes(FIELD_MUXERS, muxer.size));
    kad_proto_put_bytes(&writer, FIELD_MUXERS, muxer);
    assert(!writer.full && "its size is known");
    identity->n_payload = writer.n;
}

struct payload {
    struct kad_bytes key, signature;
    bool has_muxers, has_yamux;
};

static bool read_extensions(struct kad_bytes rest, struct payload *payload)
{
    struct kad_proto_field field;
    int verdict;

    while ((verdict = kad_proto_next(&rest, &field)) > 0) {
        if (field.number != FIELD_MUXERS || field.kind != KAD_PROTO_BYTES)
            continue;
        payload->has_muxers = true;
        payload->has_yamux |= field.bytes.size == sizeof(yamux_protocol) - 1 &&
                              memcmp(field.bytes.data, yamux_protocol, field.bytes.size) == 0;
    }
    return verdict == 0;
}

static bool read_payload(struct kad_bytes rest, struct payload *payload)
{
    struct kad_proto_field field;
    int verdict;

    memset(payload, 0, sizeof(*payload));
    while ((verdict = kad_proto_next(&rest, &field)) > 0) {
        if (field.kind != KAD_PROTO_BYTES)
            continue;
        if (field.number == FIELD_KEY)
            payload->key = field.bytes;
        else if (field.number == FIELD_SIGNATURE)
            payload->signature = field.bytes;
        else if (field.number == FIELD_EXTENSIONS && !read_extensions(field.bytes, payload))
            return false;
    }
    return verdict == 0 && payload->key.size && payload->signature.size;
}

/* -- what we say ------------------------------------------------------------------------------------------------ */

void kad_link_drop_handshake(struct kad_link *link)
{
    if (!link->handshake)
        return;
    kad_buffer_clear(&link->handshake->in, link->config.allocator);
    kad_wipe(link->handshake, sizeof(*link->handshake));
    kad_free(link->config.allocator, link->handshake, sizeof(*link->handshake));
    link->handshake = NULL;
}

static void say_raw(struct kad_link *link, const void *bytes, size_t n)
{
    uint8_t *room = kad_pipe_append(&link->pipe, n);

    if (room)
        memcpy(room, bytes, n);
    else
        kad_link_fail(link, KAD_LINK_MEMORY);
}

/* A message of the handshake: `before` bytes of Noise's, our payload, a tag. */
static uint8_t *message_room(struct kad_link *link, size_t before, size_t *out_size)
{
    const struct kad_link_identity *identity = link->config.identity;
    const size_t n = before + identity->n_payload;
    uint8_t *room = kad_pipe_append(&link->pipe, HEAD + n);

    *out_size = n;
    if (!room) {
        kad_link_fail(link, KAD_LINK_MEMORY);
        return NULL;
    }
    room[0] = (uint8_t)(n >> 8);
    room[1] = (uint8_t)n;
    memcpy(room + HEAD + before - KAD_SEAL_TAG, identity->payload, identity->n_payload);
    return room + HEAD;
}

void kad_link_begin(struct kad_link *link)
{
    struct kad_link_handshake *handshake = link->handshake;
    uint8_t said[KAD_MULTISTREAM_ROOM + HEAD + KAD_NOISE_XX_FIRST];
    size_t n;

    if (!link->config.initiator) {
        kad_multistream_listen(&handshake->negotiation);
        return;
    }
    n = kad_multistream_begin(&handshake->negotiation, noise_protocol, said);
    said[n] = 0;
    said[n + 1] = KAD_NOISE_XX_FIRST;
    kad_noise_xx_write_first(&handshake->noise, link->config.suite, said + n + HEAD);
    handshake->n_messages = 1;
    say_raw(link, said, n + HEAD + KAD_NOISE_XX_FIRST);
}

/* -- what is said to us ----------------------------------------------------------------------------------------- */

/* Who it is: the key it names has signed the key it has proved to have. */
static bool identify(struct kad_link *link, const struct payload *payload)
{
    struct kad_link_handshake *handshake = link->handshake;
    uint8_t covered[sizeof(signed_before) - 1 + KAD_DH_SIZE];

    memcpy(covered, signed_before, sizeof(signed_before) - 1);
    memcpy(covered + sizeof(signed_before) - 1, handshake->noise.theirs, KAD_DH_SIZE);
    if (kad_peer_id_of_key(payload->key, link->peer, &link->n_peer) < 0 ||
        !kad_peer_key_verify(payload->key, (struct kad_bytes){covered, sizeof(covered)},
                             payload->signature)) {
        kad_link_fail(link, KAD_LINK_CRYPTO);
        return false;
    }
    if (handshake->n_expected && (handshake->n_expected != link->n_peer ||
                                  memcmp(handshake->expected, link->peer, link->n_peer) != 0)) {
        kad_link_fail(link, KAD_LINK_WRONG);
        return false;
    }
    link->peer_key = kad_alloc(link->config.allocator, payload->key.size);
    if (!link->peer_key) {
        kad_link_fail(link, KAD_LINK_MEMORY);
        return false;
    }
    link->n_peer_key = payload->key.size;
    memcpy(link->peer_key, payload->key.data, payload->key.size);
    return true;
}

/* What the handshake has read beyond its end is still to be looked at, so it stays until then. */
static void come_up(struct kad_link *link, kad_ms now)
{
    link->phase = KAD_LINK_PHASE_UP;
    link->tell_up = true;
    link->sweep_at = now + link->config.idle_ms;
}

/* The handshake is over: from here on all is sealed. */
static void seal(struct kad_link *link, const struct payload *payload, kad_ms now)
{
    struct kad_link_handshake *handshake = link->handshake;
    uint8_t initiator[KAD_SEAL_KEY], responder[KAD_SEAL_KEY], said[KAD_MULTISTREAM_ROOM];

    kad_noise_xx_split(&handshake->noise, link->config.suite, initiator, responder);
    if (link->config.initiator)
        kad_pipe_seal(&link->pipe, initiator, responder);
    else
        kad_pipe_seal(&link->pipe, responder, initiator);
    kad_wipe(initiator, sizeof(initiator));
    kad_wipe(responder, sizeof(responder));
    if (payload->has_muxers) { /* both sides named theirs, and ours is one */
        if (payload->has_yamux)
            come_up(link, now);
        else
            kad_link_fail(link, KAD_LINK_FOREIGN);
        return;
    }
    link->phase = KAD_LINK_PHASE_MUXER;
    if (link->config.initiator)
        say_raw(link, said, kad_multistream_begin(&handshake->negotiation, yamux_protocol, said));
    else
        kad_multistream_listen(&handshake->negotiation);
}

static void take_second(struct kad_link *link, uint8_t *message, size_t n, kad_ms now)
{
    struct kad_link_handshake *handshake = link->handshake;
    struct kad_bytes bytes;
    struct payload payload;
    uint8_t *room;
    size_t size;

    if (!kad_noise_xx_read_second(&handshake->noise, link->config.suite, message, n, &bytes) ||
        !read_payload(bytes, &payload)) {
        kad_link_fail(link, KAD_LINK_CRYPTO);
        return;
    }
    if (!identify(link, &payload))
        return;
    room = message_room(link, KAD_NOISE_XX_THIRD, &size);
    if (room && !kad_noise_xx_write_third(&handshake->noise, link->config.suite, room,
                                          link->config.identity->n_payload))
        kad_link_fail(link, KAD_LINK_CRYPTO);
    else if (room)
        seal(link, &payload, now);
}

static void take_first(struct kad_link *link, const uint8_t *message, size_t n)
{
    struct kad_link_handshake *handshake = link->handshake;
    uint8_t *room;
    size_t size;

    if (n != KAD_NOISE_XX_FIRST) { /* a payload that nothing seals: nobody sends one */
        kad_link_fail(link, KAD_LINK_CRYPTO);
        return;
    }
    kad_noise_xx_read_first(&handshake->noise, link->config.suite, message);
    room = message_room(link, KAD_NOISE_XX_SECOND, &size);
    if (room && !kad_noise_xx_write_second(&handshake->noise, link->config.suite, room,
                                           link->config.identity->n_payload)) {
        kad_pipe_sent(&link->pipe, 0);
        kad_link_fail(link, KAD_LINK_CRYPTO);
    }
}

static void take_third(struct kad_link *link, uint8_t *message, size_t n, kad_ms now)
{
    struct kad_bytes bytes;
    struct payload payload;

    if (!kad_noise_xx_read_third(&link->handshake->noise, link->config.suite, message, n, &bytes) ||
        !read_payload(bytes, &payload))
        kad_link_fail(link, KAD_LINK_CRYPTO);
    else if (identify(link, &payload))
        seal(link, &payload, now);
}

/* One message of it, if it is all there. False: it is not. */
static bool take_message(struct kad_link *link, kad_ms now)
{
    struct kad_link_handshake *handshake = link->handshake;
    struct kad_buffer *in = &handshake->in;
    uint8_t *message = in->data + in->from;
    size_t n;

    if (kad_buffer_size(in) < HEAD)
        return false;
    n = (size_t)message[0] << 8 | message[1];
    if (n > MESSAGE_MOST) {
        kad_link_fail(link, KAD_LINK_PROTOCOL);
        return false;
    }
    if (kad_buffer_size(in) < HEAD + n)
        return false;
    kad_buffer_take(in, link->config.allocator, HEAD + n, SIZE_MAX); /* the bytes stay where they are */
    switch (handshake->n_messages++) {
    case 0:
        take_first(link, message + HEAD, n);
        handshake->n_messages++; /* ours */
        break;
    case 1:
        take_second(link, message + HEAD, n, now);
        break;
    default:
        take_third(link, message + HEAD, n, now);
    }
    return true;
}

/* One token of a negotiation before there are streams. False: it is not all there, or there is an end to it. */
static bool take_token(struct kad_link *link, struct kad_buffer *in, const char *protocol, bool *out_agreed)
{
    uint8_t said[KAD_MULTISTREAM_ROOM];
    const struct kad_multistream_step step =
        kad_multistream_step(&link->handshake->negotiation, kad_buffer_bytes(in), &protocol, 1, said);

    *out_agreed = step.verdict == KAD_MULTISTREAM_AGREED;
    if (step.verdict == KAD_MULTISTREAM_BROKEN || step.verdict == KAD_MULTISTREAM_REFUSED) {
        kad_link_fail(link, step.verdict == KAD_MULTISTREAM_BROKEN ? KAD_LINK_PROTOCOL : KAD_LINK_FOREIGN);
        return false;
    }
    kad_buffer_take(in, link->config.allocator, step.n_read, SIZE_MAX);
    if (step.n_said)
        say_raw(link, said, step.n_said);
    return step.n_read > 0;
}

/* Moves what came behind what is kept. */
static bool keep(struct kad_link *link, const uint8_t *bytes, size_t n)
{
    uint8_t *room = kad_buffer_grow(&link->handshake->in, link->config.allocator, n, SIZE_MAX / 2);

    if (!room) {
        kad_link_fail(link, KAD_LINK_MEMORY);
        return false;
    }
    memcpy(room, bytes, n);
    return true;
}

/* Before there are keys. What is left of the bytes then is sealed already. */
void kad_link_take_early(struct kad_link *link, const uint8_t *bytes, size_t n, kad_ms now)
{
    bool agreed;

    if (!keep(link, bytes, n))
        return;
    while (link->phase == KAD_LINK_PHASE_SECURITY &&
           take_token(link, &link->handshake->in, noise_protocol, &agreed)) {
        if (agreed)
            link->phase = KAD_LINK_PHASE_NOISE;
    }
    while (link->phase == KAD_LINK_PHASE_NOISE && take_message(link, now))
        ;
}

/* Inside Noise, which muxer it is to be. */
void kad_link_take_muxer(struct kad_link *link, struct kad_bytes plain, kad_ms now)
{
    struct kad_buffer in;
    bool agreed = false;

    if (!keep(link, plain.data, plain.size))
        return;
    while (link->phase == KAD_LINK_PHASE_MUXER && !agreed &&
           take_token(link, &link->handshake->in, yamux_protocol, &agreed))
        ;
    if (!agreed)
        return;
    in = link->handshake->in; /* what came behind it is yamux's */
    link->handshake->in = (struct kad_buffer){0};
    come_up(link, now);
    if (kad_buffer_size(&in))
        kad_link_take_plain(link, kad_buffer_bytes(&in), now);
    kad_buffer_clear(&in, link->config.allocator);
}
