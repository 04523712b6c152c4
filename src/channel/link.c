#include "channel/link_parts.h"

#include <assert.h>
#include <string.h>

#include "crypto/crypto.h"

#define UNSENT_LEAST 65536

const char *kad_link_end_text(enum kad_link_end end)
{
    static const char *const texts[] = {"going",  "closed", "left",    "slow",   "protocol",
                                        "crypto", "wrong",  "foreign", "memory", "full"};

    return texts[end];
}

/* -- life ------------------------------------------------------------------------------------------------------- */

void kad_link_fail(struct kad_link *link, enum kad_link_end why)
{
    if (link->phase == KAD_LINK_PHASE_DOWN)
        return;
    link->phase = KAD_LINK_PHASE_DOWN;
    link->end = why;
    link->tell_down = true;
}

int kad_link_new(const struct kad_link_config *config, kad_ms now, struct kad_link **out_link)
{
    struct kad_link *link = kad_alloc_zero(config->allocator, sizeof(*link));
    struct kad_link_handshake *handshake = kad_alloc_zero(config->allocator, sizeof(*handshake));
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
    kad_noise_xx_init(&handshake->noise, config->suite, &config->identity->keys, config->ephemeral);
    kad_wipe(link->config.ephemeral, sizeof(link->config.ephemeral));
    kad_link_begin(link);
    *out_link = link;
    return 0;
}

void kad_link_free(struct kad_link *link)
{
    if (!link)
        return;
    kad_link_drop_handshake(link);
    kad_yamux_clear(&link->yamux);
    kad_pipe_clear(&link->pipe);
    kad_free(link->config.allocator, link->peer_key, link->n_peer_key);
    kad_free(link->config.allocator, link, sizeof(*link));
}

/* -- bytes and time --------------------------------------------------------------------------------------------- */

void kad_link_take_plain(struct kad_link *link, struct kad_bytes plain, kad_ms now)
{
    if (link->phase == KAD_LINK_PHASE_MUXER)
        kad_link_take_muxer(link, plain, now);
    else if (link->phase == KAD_LINK_PHASE_UP && !kad_yamux_bytes(&link->yamux, plain))
        kad_link_fail(link, kad_pipe_waiting(&link->pipe) + KAD_YAMUX_HEAD > link->pipe.most
                                ? KAD_LINK_FULL
                                : KAD_LINK_PROTOCOL);
    if (link->phase == KAD_LINK_PHASE_UP && link->yamux.ping_back) {
        link->yamux.ping_back = link->yamux.ping_out = false;
        link->rtt_ms = (int32_t)(now - link->pinged_at);
        link->pinged_at = KAD_NEVER;
    }
}

static void take_sealed(struct kad_link *link, uint8_t *bytes, size_t n, kad_ms now)
{
    struct kad_bytes plain;
    int verdict;

    while (link->phase != KAD_LINK_PHASE_DOWN &&
           (verdict = kad_pipe_in(&link->pipe, &bytes, &n, &plain)) != 0) {
        if (verdict < 0)
            kad_link_fail(link, verdict == KAD_E_MEMORY ? KAD_LINK_MEMORY : KAD_LINK_CRYPTO);
        else
            kad_link_take_plain(link, plain, now);
    }
}

void kad_link_bytes(struct kad_link *link, uint8_t *bytes, size_t n, kad_ms now)
{
    link->heard_at = now;
    kad_link_put_off_sweep(link, now);
    if (link->phase == KAD_LINK_PHASE_DOWN)
        return;
    if (!link->pipe.sealed) {
        size_t left;

        kad_link_take_early(link, bytes, n, now);
        if (!link->pipe.sealed || link->phase == KAD_LINK_PHASE_DOWN)
            return;
        left = kad_buffer_size(
            &link->handshake->in); /* came with the last message of the handshake: the end of `bytes` */
        kad_buffer_take(&link->handshake->in, link->config.allocator, left, SIZE_MAX);
        bytes += n - left;
        n = left;
    }
    take_sealed(link, bytes, n, now);
    if (link->phase == KAD_LINK_PHASE_UP)
        kad_link_drop_handshake(link);
}

struct kad_bytes kad_link_out(struct kad_link *link)
{
    if (link->phase == KAD_LINK_PHASE_UP)
        kad_yamux_flush(&link->yamux);
    return kad_pipe_out(&link->pipe);
}

void kad_link_sent(struct kad_link *link, size_t n)
{
    kad_pipe_sent(&link->pipe, n);
}

void kad_link_close(struct kad_link *link)
{
    if (link->phase == KAD_LINK_PHASE_UP)
        kad_yamux_go_away(&link->yamux, KAD_YAMUX_NORMAL);
    kad_link_fail(link, KAD_LINK_CLOSED);
}

void kad_link_tick(struct kad_link *link, kad_ms now)
{
    if (link->handshake && link->phase != KAD_LINK_PHASE_DOWN && now >= link->handshake->until)
        kad_link_fail(link, KAD_LINK_SLOW);
    if (link->phase != KAD_LINK_PHASE_UP)
        return;
    if (now >= link->sweep_at)
        kad_link_reset_idle(link, now);
    if (now >= link->end_at)
        kad_link_say_ends(link, now);
    if (link->config.ping_ms && link->pinged_at != KAD_NEVER &&
        now - link->pinged_at >= link->config.ping_ms) {
        kad_link_fail(link, KAD_LINK_SLOW);
    } else if (link->config.ping_ms && link->pinged_at == KAD_NEVER &&
               now - link->heard_at >= link->config.ping_ms) {
        kad_yamux_rest(&link->yamux);
        kad_yamux_ping(&link->yamux);
        link->pinged_at = now;
    }
}

kad_ms kad_link_wake_at(const struct kad_link *link)
{
    kad_ms at = KAD_NEVER;

    if (link->phase == KAD_LINK_PHASE_DOWN)
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

/* -- for tests and figures -------------------------------------------------------------------------------------- */

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
