#include "channel/link.h"

#include <assert.h>
#include <string.h>

#include "base/protobuf.h"
#include "crypto/crypto.h"

#define HEAD            2    /* bytes of length before a message of the handshake */
#define MESSAGE_MOST    8192 /* bytes of one: keys and signatures of RSA with 8,192 bits, and room */
#define EXTENSIONS_MOST 64   /* muxers that are looked at */
#define SWEEP_MS        1000 /* streams are looked through for idle ones no more often */
#define UNSENT_LEAST    65536
#define END_MS          250 /* an end waits so long for the other side to have read what agrees to the protocol */

static const char noise_protocol[] = "/noise";
static const char yamux_protocol[] = "/yamux/1.0.0";
static const char signed_before[] = "noise-libp2p-static-key:";

enum phase {
    PHASE_SECURITY, /* which security protocol */
    PHASE_NOISE,    /* the handshake */
    PHASE_MUXER,    /* which muxer, inside it */
    PHASE_UP,
    PHASE_DOWN,
};

/* What a handshake needs, and nobody after it. */
struct handshake {
    struct kad_multistream negotiation;
    struct kad_noise_xx noise;
    struct kad_buffer in;
    unsigned n_messages; /* sent or read so far */
    bool muxer_agreed;
    uint8_t expected[KAD_PEER_ID_MAX];
    size_t n_expected;
    kad_ms until;
};

struct kad_link {
    struct kad_link_config config;
    enum phase phase;
    enum kad_link_end end;
    bool tell_up, tell_down;
    struct kad_pipe pipe;
    struct handshake *handshake; /* NULL once it is up */
    struct kad_yamux yamux;
    uint8_t *peer_key; /* n_peer_key bytes */
    size_t n_peer_key;
    uint8_t peer[KAD_PEER_ID_MAX];
    size_t n_peer;
    int32_t rtt_ms;
    kad_ms heard_at, pinged_at, sweep_at, end_at; /* end_at: when the end of a stream is due */
};

const char *kad_link_end_text(enum kad_link_end end)
{
    static const char *const texts[] = {"going",  "closed", "left",    "slow",   "protocol",
                                        "crypto", "wrong",  "foreign", "memory", "full"};

    return texts[end];
}

/* -- the payload ------------------------------------------------------------------------------------------------ */

/* NoiseHandshakePayload { identity_key = 1; identity_sig = 2; extensions = 4 { stream_muxers = 2 } } */
enum { FIELD_KEY = 1, FIELD_SIGNATURE = 2, FIELD_EXTENSIONS = 4, FIELD_MUXERS = 2 };

void kad_link_identity_make(struct kad_link_identity *identity, const struct kad_suite *suite,
                            const uint8_t secret[64], const uint8_t static_secret[KAD_DH_SIZE])
{
    uint8_t key[KAD_PEER_KEY_OWN], covered[sizeof(signed_before) - 1 + KAD_DH_SIZE], signature[64];
    const struct kad_bytes muxer = {(const uint8_t *)yamux_protocol, sizeof(yamux_protocol) - 1};
    struct kad_proto_writer writer = {.bytes = identity->payload, .room = sizeof(identity->payload)};

    memcpy(identity->static_secret, static_secret, KAD_DH_SIZE);
    memcpy(covered, signed_before, sizeof(signed_before) - 1);
    suite->keypair(static_secret, covered + sizeof(signed_before) - 1);
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

/* -- life ------------------------------------------------------------------------------------------------------- */

static void end(struct kad_link *link, enum kad_link_end why)
{
    if (link->phase == PHASE_DOWN)
        return;
    link->phase = PHASE_DOWN;
    link->end = why;
    link->tell_down = true;
}

static void drop_handshake(struct kad_link *link)
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
        end(link, KAD_LINK_MEMORY);
}

/* A message of the handshake: `before` bytes of Noise's, our payload, a tag. */
static uint8_t *message_room(struct kad_link *link, size_t before, size_t *out_size)
{
    const struct kad_link_identity *identity = link->config.identity;
    const size_t n = before + identity->n_payload;
    uint8_t *room = kad_pipe_append(&link->pipe, HEAD + n);

    *out_size = n;
    if (!room) {
        end(link, KAD_LINK_MEMORY);
        return NULL;
    }
    room[0] = (uint8_t)(n >> 8);
    room[1] = (uint8_t)n;
    memcpy(room + HEAD + before - KAD_SEAL_TAG, identity->payload, identity->n_payload);
    return room + HEAD;
}

static void begin(struct kad_link *link)
{
    struct handshake *handshake = link->handshake;
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

int kad_link_new(const struct kad_link_config *config, kad_ms now, struct kad_link **out_link)
{
    struct kad_link *link = kad_alloc_zero(config->allocator, sizeof(*link));
    struct handshake *handshake = kad_alloc_zero(config->allocator, sizeof(*handshake));
    struct kad_yamux_config yamux = {
        .allocator = config->allocator,
        .client = config->initiator,
        .max_in = config->max_in,
        .max_out = config->max_out,
        .max_buffered = config->max_buffered,
        .max_unsent = config->max_unsent,
    };

    if (!link || !handshake) {
        kad_free(config->allocator, link, sizeof(*link));
        kad_free(config->allocator, handshake, sizeof(*handshake));
        return KAD_E_MEMORY;
    }
    assert(config->expected.size <= KAD_PEER_ID_MAX && "a peer id");
    link->config = *config;
    link->handshake = handshake;
    link->rtt_ms = -1;
    link->heard_at = now;
    link->pinged_at = link->sweep_at = link->end_at = KAD_NEVER;
    handshake->until = now + config->handshake_ms;
    handshake->n_expected = config->expected.size;
    if (config->expected.size)
        memcpy(handshake->expected, config->expected.data, config->expected.size);
    link->config.expected = (struct kad_bytes){0};
    kad_pipe_init(&link->pipe, link->config.allocator, config->suite,
                  config->max_unsent > UNSENT_LEAST ? config->max_unsent : UNSENT_LEAST);
    yamux.pipe = &link->pipe;
    kad_yamux_init(&link->yamux, &yamux);
    kad_noise_xx_init(&handshake->noise, config->suite, config->identity->static_secret, config->ephemeral);
    kad_wipe(link->config.ephemeral, sizeof(link->config.ephemeral));
    begin(link);
    *out_link = link;
    return 0;
}

void kad_link_free(struct kad_link *link)
{
    if (!link)
        return;
    drop_handshake(link);
    kad_yamux_clear(&link->yamux);
    kad_pipe_clear(&link->pipe);
    kad_free(link->config.allocator, link->peer_key, link->n_peer_key);
    kad_free(link->config.allocator, link, sizeof(*link));
}

/* -- the handshake ---------------------------------------------------------------------------------------------- */

/* Who it is: the key it names has signed the key it has proved to have. */
static bool identify(struct kad_link *link, const struct payload *payload)
{
    struct handshake *handshake = link->handshake;
    uint8_t covered[sizeof(signed_before) - 1 + KAD_DH_SIZE];

    memcpy(covered, signed_before, sizeof(signed_before) - 1);
    memcpy(covered + sizeof(signed_before) - 1, handshake->noise.theirs, KAD_DH_SIZE);
    if (kad_peer_id_of_key(payload->key, link->peer, &link->n_peer) < 0 ||
        !kad_peer_key_verify(payload->key, (struct kad_bytes){covered, sizeof(covered)},
                             payload->signature)) {
        end(link, KAD_LINK_CRYPTO);
        return false;
    }
    if (handshake->n_expected && (handshake->n_expected != link->n_peer ||
                                  memcmp(handshake->expected, link->peer, link->n_peer) != 0)) {
        end(link, KAD_LINK_WRONG);
        return false;
    }
    link->peer_key = kad_alloc(link->config.allocator, payload->key.size);
    if (!link->peer_key) {
        end(link, KAD_LINK_MEMORY);
        return false;
    }
    link->n_peer_key = payload->key.size;
    memcpy(link->peer_key, payload->key.data, payload->key.size);
    return true;
}

/* What the handshake has read beyond its end is still to be looked at, so it stays until then. */
static void come_up(struct kad_link *link, kad_ms now)
{
    link->phase = PHASE_UP;
    link->tell_up = true;
    link->sweep_at = now + link->config.idle_ms;
}

/* The handshake is over: from here on all is sealed. */
static void seal(struct kad_link *link, const struct payload *payload, kad_ms now)
{
    struct handshake *handshake = link->handshake;
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
            end(link, KAD_LINK_FOREIGN);
        return;
    }
    link->phase = PHASE_MUXER;
    if (link->config.initiator)
        say_raw(link, said, kad_multistream_begin(&handshake->negotiation, yamux_protocol, said));
    else
        kad_multistream_listen(&handshake->negotiation);
}

static void take_second(struct kad_link *link, uint8_t *message, size_t n, kad_ms now)
{
    struct handshake *handshake = link->handshake;
    struct kad_bytes bytes;
    struct payload payload;
    uint8_t *room;
    size_t size;

    if (!kad_noise_xx_read_second(&handshake->noise, link->config.suite, message, n, &bytes) ||
        !read_payload(bytes, &payload)) {
        end(link, KAD_LINK_CRYPTO);
        return;
    }
    if (!identify(link, &payload))
        return;
    room = message_room(link, KAD_NOISE_XX_THIRD, &size);
    if (room && !kad_noise_xx_write_third(&handshake->noise, link->config.suite, room,
                                          link->config.identity->n_payload))
        end(link, KAD_LINK_CRYPTO);
    else if (room)
        seal(link, &payload, now);
}

static void take_first(struct kad_link *link, const uint8_t *message, size_t n)
{
    struct handshake *handshake = link->handshake;
    uint8_t *room;
    size_t size;

    if (n != KAD_NOISE_XX_FIRST) { /* a payload that nothing seals: nobody sends one */
        end(link, KAD_LINK_CRYPTO);
        return;
    }
    kad_noise_xx_read_first(&handshake->noise, link->config.suite, message);
    room = message_room(link, KAD_NOISE_XX_SECOND, &size);
    if (room && !kad_noise_xx_write_second(&handshake->noise, link->config.suite, room,
                                           link->config.identity->n_payload)) {
        kad_pipe_sent(&link->pipe, 0);
        end(link, KAD_LINK_CRYPTO);
    }
}

static void take_third(struct kad_link *link, uint8_t *message, size_t n, kad_ms now)
{
    struct kad_bytes bytes;
    struct payload payload;

    if (!kad_noise_xx_read_third(&link->handshake->noise, link->config.suite, message, n, &bytes) ||
        !read_payload(bytes, &payload))
        end(link, KAD_LINK_CRYPTO);
    else if (identify(link, &payload))
        seal(link, &payload, now);
}

/* One message of it, if it is all there. False: it is not. */
static bool take_message(struct kad_link *link, kad_ms now)
{
    struct handshake *handshake = link->handshake;
    struct kad_buffer *in = &handshake->in;
    uint8_t *message = in->data + in->from;
    size_t n;

    if (kad_buffer_size(in) < HEAD)
        return false;
    n = (size_t)message[0] << 8 | message[1];
    if (n > MESSAGE_MOST) {
        end(link, KAD_LINK_PROTOCOL);
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
        end(link, step.verdict == KAD_MULTISTREAM_BROKEN ? KAD_LINK_PROTOCOL : KAD_LINK_FOREIGN);
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
        end(link, KAD_LINK_MEMORY);
        return false;
    }
    memcpy(room, bytes, n);
    return true;
}

static void take_plain(struct kad_link *link, struct kad_bytes plain, kad_ms now);

/* Before there are keys. What is left of the bytes then is sealed already. */
static void take_early(struct kad_link *link, uint8_t *bytes, size_t n, kad_ms now)
{
    bool agreed;

    if (!keep(link, bytes, n))
        return;
    while (link->phase == PHASE_SECURITY && take_token(link, &link->handshake->in, noise_protocol, &agreed)) {
        if (agreed)
            link->phase = PHASE_NOISE;
    }
    while (link->phase == PHASE_NOISE && take_message(link, now))
        ;
}

/* Inside Noise, which muxer it is to be. */
static void take_muxer(struct kad_link *link, struct kad_bytes plain, kad_ms now)
{
    struct kad_buffer in;
    bool agreed = false;

    if (!keep(link, plain.data, plain.size))
        return;
    while (link->phase == PHASE_MUXER && !agreed &&
           take_token(link, &link->handshake->in, yamux_protocol, &agreed))
        ;
    if (!agreed)
        return;
    in = link->handshake->in; /* what came behind it is yamux's */
    link->handshake->in = (struct kad_buffer){0};
    come_up(link, now);
    if (kad_buffer_size(&in))
        take_plain(link, kad_buffer_bytes(&in), now);
    kad_buffer_clear(&in, link->config.allocator);
}

/* -- once it is up ---------------------------------------------------------------------------------------------- */

static void take_plain(struct kad_link *link, struct kad_bytes plain, kad_ms now)
{
    if (link->phase == PHASE_MUXER)
        take_muxer(link, plain, now);
    else if (link->phase == PHASE_UP && !kad_yamux_bytes(&link->yamux, plain))
        end(link, kad_pipe_waiting(&link->pipe) + KAD_YAMUX_HEAD > link->pipe.most ? KAD_LINK_FULL
                                                                                   : KAD_LINK_PROTOCOL);
    if (link->phase == PHASE_UP && link->yamux.ping_back) {
        link->yamux.ping_back = link->yamux.ping_out = false;
        link->rtt_ms = (int32_t)(now - link->pinged_at);
        link->pinged_at = KAD_NEVER;
    }
}

static void take_sealed(struct kad_link *link, uint8_t *bytes, size_t n, kad_ms now)
{
    struct kad_bytes plain;
    int verdict;

    while (link->phase != PHASE_DOWN && (verdict = kad_pipe_in(&link->pipe, &bytes, &n, &plain)) != 0) {
        if (verdict < 0)
            end(link, verdict == KAD_E_MEMORY ? KAD_LINK_MEMORY : KAD_LINK_CRYPTO);
        else
            take_plain(link, plain, now);
    }
}

/* No stream is idle before the first of them can be: while there are none, that is later and later. */
static void put_off_sweep(struct kad_link *link, kad_ms now)
{
    if (link->phase == PHASE_UP && link->yamux.n_in + link->yamux.n_out == 0)
        link->sweep_at = now + link->config.idle_ms;
}

void kad_link_bytes(struct kad_link *link, uint8_t *bytes, size_t n, kad_ms now)
{
    link->heard_at = now;
    put_off_sweep(link, now);
    if (link->phase == PHASE_DOWN)
        return;
    if (!link->pipe.sealed) {
        size_t left;

        take_early(link, bytes, n, now);
        if (!link->pipe.sealed || link->phase == PHASE_DOWN)
            return;
        left = kad_buffer_size(
            &link->handshake->in); /* came with the last message of the handshake: the end of `bytes` */
        kad_buffer_take(&link->handshake->in, link->config.allocator, left, SIZE_MAX);
        bytes += n - left;
        n = left;
    }
    take_sealed(link, bytes, n, now);
    if (link->phase == PHASE_UP)
        drop_handshake(link);
}

struct kad_bytes kad_link_out(struct kad_link *link)
{
    if (link->phase == PHASE_UP)
        kad_yamux_flush(&link->yamux);
    return kad_pipe_out(&link->pipe);
}

void kad_link_sent(struct kad_link *link, size_t n)
{
    kad_pipe_sent(&link->pipe, n);
}

void kad_link_close(struct kad_link *link)
{
    if (link->phase == PHASE_UP)
        kad_yamux_go_away(&link->yamux, KAD_YAMUX_NORMAL);
    end(link, KAD_LINK_CLOSED);
}

static void reset_idle(struct kad_link *link, kad_ms now)
{
    kad_ms next = now + link->config.idle_ms;

    for (uint32_t i = 0; i < link->yamux.n_slots; i++) {
        struct kad_yamux_stream *stream = link->yamux.streams[i];

        if (!stream || (stream->news & KAD_YAMUX_RESET))
            continue;
        if (now - stream->used_at >= link->config.idle_ms)
            kad_yamux_expire(&link->yamux, stream);
        else if (stream->used_at + link->config.idle_ms < next)
            next = stream->used_at + link->config.idle_ms;
    }
    link->sweep_at = next > now + SWEEP_MS ? next : now + SWEEP_MS;
}

/* js-libp2p loses what came in one piece with the end of a stream and the words that agree to its protocol. So the end of ours waits
 * for their consent, and of theirs, until they end it or END_MS are over. */
static bool must_wait(const struct kad_yamux_stream *stream)
{
    return stream->remote ? !stream->fin_heard : !stream->negotiated;
}

static void say_end(struct kad_link *link, struct kad_yamux_stream *stream)
{
    stream->end_waits = false;
    (void)kad_yamux_write(&link->yamux, stream, (struct kad_bytes){0}, true);
}

static void say_ends(struct kad_link *link, kad_ms now)
{
    link->end_at = KAD_NEVER;
    for (uint32_t i = 0; i < link->yamux.n_slots; i++) {
        struct kad_yamux_stream *stream = link->yamux.streams[i];

        if (!stream || !stream->end_waits || (stream->news & KAD_YAMUX_RESET))
            continue;
        if (now >= stream->end_at)
            say_end(link, stream);
        else if (stream->end_at < link->end_at)
            link->end_at = stream->end_at;
    }
}

void kad_link_tick(struct kad_link *link, kad_ms now)
{
    if (link->handshake && link->phase != PHASE_DOWN && now >= link->handshake->until)
        end(link, KAD_LINK_SLOW);
    if (link->phase != PHASE_UP)
        return;
    if (now >= link->sweep_at)
        reset_idle(link, now);
    if (now >= link->end_at)
        say_ends(link, now);
    if (link->config.ping_ms && link->pinged_at != KAD_NEVER &&
        now - link->pinged_at >= link->config.ping_ms) {
        end(link, KAD_LINK_SLOW);
    } else if (link->config.ping_ms && link->pinged_at == KAD_NEVER &&
               now - link->heard_at >= link->config.ping_ms) {
        kad_yamux_ping(&link->yamux);
        link->pinged_at = now;
    }
}

kad_ms kad_link_wake_at(const struct kad_link *link)
{
    kad_ms at = KAD_NEVER;

    if (link->phase == PHASE_DOWN)
        return at;
    if (link->handshake)
        return link->handshake->until;
    if (link->yamux.n_in + link->yamux.n_out || link->yamux.gone)
        at = link->sweep_at;
    if (link->end_at < at)
        at = link->end_at;
    if (link->config.ping_ms) {
        const kad_ms from = link->pinged_at != KAD_NEVER ? link->pinged_at : link->heard_at;

        at = from + link->config.ping_ms < at ? from + link->config.ping_ms : at;
    }
    return at;
}

/* -- events ----------------------------------------------------------------------------------------------------- */

/* Goes on with a stream's negotiation. False: it is not over, and nothing is told. */
static bool negotiate(struct kad_link *link, struct kad_yamux_stream *stream,
                      struct kad_link_event *out_event)
{
    const char *const *protocols = stream->remote ? link->config.protocols : &stream->proposed;
    const unsigned n_protocols = stream->remote ? link->config.n_protocols : 1;
    uint8_t said[KAD_MULTISTREAM_ROOM];
    struct kad_multistream_step step;

    do {
        step = kad_multistream_step(&stream->negotiation, kad_buffer_bytes(&stream->in), protocols,
                                    n_protocols, said);
        if (step.n_read)
            kad_yamux_read(&link->yamux, stream, step.n_read);
        if (step.n_said && !kad_yamux_hold(&link->yamux, stream, (struct kad_bytes){said, step.n_said}))
            step.verdict = KAD_MULTISTREAM_BROKEN;
    } while (step.verdict == KAD_MULTISTREAM_MORE && step.n_read);
    if (step.verdict == KAD_MULTISTREAM_MORE && !stream->fin_heard)
        return false;
    if (step.verdict != KAD_MULTISTREAM_AGREED) {
        const bool ours = !stream->remote;

        *out_event = (struct kad_link_event){
            .kind = step.verdict == KAD_MULTISTREAM_REFUSED ? KAD_LINK_REFUSED : KAD_LINK_RESET,
            .stream = stream->id,
            .context = stream->context,
        };
        kad_yamux_reset(&link->yamux, stream);
        return ours;
    }
    stream->negotiated = true;
    stream->protocol = (uint8_t)step.protocol;
    if (stream->end_waits)
        say_end(link, stream);
    if (kad_buffer_size(&stream->in))
        kad_yamux_tell(&link->yamux, stream, KAD_YAMUX_DATA);
    if (stream->fin_heard)
        kad_yamux_tell(&link->yamux, stream, KAD_YAMUX_ENDED);
    *out_event =
        (struct kad_link_event){.kind = KAD_LINK_STREAM, .stream = stream->id, .protocol = step.protocol};
    return stream->remote;
}

/* One piece of news of a stream, as an event. False: nothing to tell. */
static bool tell_news(struct kad_link *link, struct kad_yamux_stream *stream,
                      struct kad_link_event *out_event)
{
    static const struct {
        enum kad_yamux_news news;
        enum kad_link_event_kind kind;
    } kinds[] = {{KAD_YAMUX_DATA, KAD_LINK_DATA},
                 {KAD_YAMUX_ENDED, KAD_LINK_ENDED},
                 {KAD_YAMUX_WRITABLE, KAD_LINK_SENT}};
    const uint8_t news = stream->news;

    *out_event = (struct kad_link_event){
        .stream = stream->id, .protocol = stream->protocol, .context = stream->context};
    if (news & KAD_YAMUX_RESET) {
        const bool known = stream->negotiated || !stream->remote;

        out_event->kind = KAD_LINK_RESET;
        (void)kad_yamux_settle(&link->yamux, stream);
        return known;
    }
    stream->news &= (uint8_t)~KAD_YAMUX_OPENED;
    if (stream->end_waits && !must_wait(stream))
        say_end(link, stream);
    if (!stream->negotiated) {
        stream->news &= KAD_YAMUX_WRITABLE;
        return negotiate(link, stream, out_event);
    }
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (!(news & kinds[i].news))
            continue;
        stream->news &= (uint8_t)~kinds[i].news;
        if (stream->news)
            kad_yamux_tell(&link->yamux, stream, (enum kad_yamux_news)0);
        out_event->kind = kinds[i].kind;
        if (!stream->news)
            (void)kad_yamux_settle(&link->yamux, stream);
        return true;
    }
    (void)kad_yamux_settle(&link->yamux, stream);
    return false;
}

bool kad_link_next_event(struct kad_link *link, struct kad_link_event *out_event)
{
    struct kad_yamux_stream *stream;

    if (link->tell_up) {
        link->tell_up = false;
        *out_event = (struct kad_link_event){.kind = KAD_LINK_UP};
        return true;
    }
    while (link->phase == PHASE_UP && (stream = kad_yamux_next(&link->yamux))) {
        if (stream->news & KAD_YAMUX_OPENED) {
            kad_multistream_listen(&stream->negotiation);
            stream->used_at = link->heard_at;
        }
        if (stream->news & (KAD_YAMUX_DATA | KAD_YAMUX_ENDED))
            stream->used_at = link->heard_at;
        if (tell_news(link, stream, out_event))
            return true;
    }
    if (link->phase == PHASE_UP && link->yamux.gone && link->yamux.n_in + link->yamux.n_out == 0)
        end(link, KAD_LINK_LEFT);
    if (!link->tell_down)
        return false;
    link->tell_down = false;
    *out_event = (struct kad_link_event){.kind = KAD_LINK_DOWN, .end = link->end};
    return true;
}

/* -- streams ---------------------------------------------------------------------------------------------------- */

bool kad_link_is_up(const struct kad_link *link)
{
    return link->phase == PHASE_UP;
}

struct kad_bytes kad_link_peer(const struct kad_link *link)
{
    return (struct kad_bytes){link->peer, link->n_peer};
}

struct kad_bytes kad_link_peer_key(const struct kad_link *link)
{
    return (struct kad_bytes){link->peer_key, link->n_peer_key};
}

int32_t kad_link_rtt_ms(const struct kad_link *link)
{
    return link->rtt_ms;
}

unsigned kad_link_n_streams(const struct kad_link *link)
{
    return link->yamux.n_in + link->yamux.n_out;
}

/* NULL: there is none, or it was reset and the news is not taken yet. */
static struct kad_yamux_stream *find(const struct kad_link *link, uint32_t stream)
{
    struct kad_yamux_stream *found =
        link->phase == PHASE_UP && stream ? kad_yamux_find(&link->yamux, stream) : NULL;

    return found && !(found->news & KAD_YAMUX_RESET) ? found : NULL;
}

void kad_link_speak(struct kad_link *link, unsigned n_protocols)
{
    link->config.n_protocols = n_protocols;
}

uint32_t kad_link_open(struct kad_link *link, const char *protocol, void *context, kad_ms now)
{
    uint8_t said[KAD_MULTISTREAM_ROOM];
    struct kad_yamux_stream *stream;
    size_t n;

    if (link->phase != PHASE_UP)
        return 0;
    put_off_sweep(link, now);
    stream = kad_yamux_open(&link->yamux);
    if (!stream)
        return 0;
    stream->proposed = protocol;
    stream->context = context;
    stream->used_at = now;
    n = kad_multistream_begin(&stream->negotiation, protocol, said);
    if (!kad_yamux_hold(&link->yamux, stream, (struct kad_bytes){said, n})) {
        kad_yamux_reset(&link->yamux, stream);
        return 0;
    }
    return stream->id;
}

void kad_link_set_context(struct kad_link *link, uint32_t stream, void *context)
{
    struct kad_yamux_stream *found = find(link, stream);

    if (found)
        found->context = context;
}

struct kad_bytes kad_link_unread(const struct kad_link *link, uint32_t stream)
{
    const struct kad_yamux_stream *found = find(link, stream);

    return found && found->negotiated ? kad_buffer_bytes(&found->in) : (struct kad_bytes){0};
}

void kad_link_read(struct kad_link *link, uint32_t stream, size_t n)
{
    struct kad_yamux_stream *found = find(link, stream);

    if (!found)
        return;
    kad_yamux_read(&link->yamux, found, n);
    if (!found->in_news)
        (void)kad_yamux_settle(&link->yamux, found);
}

bool kad_link_write(struct kad_link *link, uint32_t stream, struct kad_bytes bytes, bool last, kad_ms now)
{
    struct kad_yamux_stream *found = find(link, stream);
    bool waits;

    if (!found || found->fin_due || found->end_waits)
        return false;
    waits = last && must_wait(found);
    if (!kad_yamux_write(&link->yamux, found, bytes, last && !waits))
        return false;
    found->used_at = now;
    if (waits) {
        found->end_waits = true;
        found->end_at = found->remote ? now + END_MS : KAD_NEVER;
        if (found->end_at < link->end_at)
            link->end_at = found->end_at;
    }
    if (!found->in_news && !found->in_dirty)
        (void)kad_yamux_settle(&link->yamux, found);
    return true;
}

void kad_link_reset(struct kad_link *link, uint32_t stream)
{
    struct kad_yamux_stream *found = find(link, stream);

    if (found)
        kad_yamux_reset(&link->yamux, found);
}

bool kad_link_has_agreed(const struct kad_link *link, uint32_t stream)
{
    const struct kad_yamux_stream *found = find(link, stream);

    return found && found->negotiated;
}

bool kad_link_has_ended(const struct kad_link *link, uint32_t stream)
{
    const struct kad_yamux_stream *found = find(link, stream);

    return found && found->fin_heard && !kad_buffer_size(&found->in);
}

size_t kad_link_memory(const struct kad_link *link)
{
    size_t size = sizeof(*link) + link->pipe.in.room + link->pipe.out.room + link->n_peer_key +
                  kad_yamux_memory(&link->yamux);

    return link->handshake ? size + sizeof(*link->handshake) + link->handshake->in.room : size;
}

bool kad_link_sound(const struct kad_link *link, const char **out_why)
{
    *out_why = "more waits for the socket than may";
    if (kad_pipe_waiting(&link->pipe) > link->pipe.most)
        return false;
    return kad_yamux_sound(&link->yamux, out_why);
}
