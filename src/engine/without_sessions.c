/*
 * without_sessions - stands for sessions (channel/channel.h) and for messages in them (carrier_sessions.c) in a build without the
 * network that has them (cmake/parts.cmake). None can be made, so there is none to be asked anything.
 */
#include "engine/carrier.h"

#include "channel/channel.h"

int kad_channel_new(const struct kad_channel_config *config, kad_ms now, struct kad_channel **out_channel)
{
    (void)config;
    (void)now;
    (void)out_channel;
    return KAD_E_DISABLED;
}

void kad_channel_free(struct kad_channel *channel)
{
    (void)channel;
}

bool kad_channel_crowded(const struct kad_channel *channel, kad_ms now)
{
    (void)channel;
    (void)now;
    return true;
}

struct kad_channel_in kad_channel_receive(struct kad_channel *channel, const struct kad_datagram *in,
                                          kad_ms now, struct kad_batch *out)
{
    (void)channel;
    (void)in;
    (void)now;
    (void)out;
    return (struct kad_channel_in){.verdict = KAD_CHANNEL_NOISE};
}

uint32_t kad_channel_session_with(const struct kad_channel *channel, const uint8_t key[KAD_KEY_SIZE])
{
    (void)channel;
    (void)key;
    return 0;
}

void kad_channel_shun(struct kad_channel *channel, uint32_t session)
{
    (void)channel;
    (void)session;
}

struct kad_channel_plan kad_channel_plan(struct kad_channel *channel, const struct kad_channel_to *to,
                                         size_t wanted, kad_ms now)
{
    (void)channel;
    (void)to;
    (void)wanted;
    (void)now;
    return (struct kad_channel_plan){.room = 0};
}

size_t kad_channel_seal(struct kad_channel *channel, const struct kad_channel_plan *plan,
                        const struct kad_channel_to *to, uint8_t *datagram, size_t n_plain, kad_ms now,
                        bool *out_failed)
{
    (void)channel;
    (void)plan;
    (void)to;
    (void)datagram;
    (void)n_plain;
    (void)now;
    *out_failed = true;
    return 0;
}

const struct kad_channel_counters *kad_channel_counters(const struct kad_channel *channel)
{
    static const struct kad_channel_counters none;

    (void)channel;
    return &none;
}

void kad_channel_walk(struct kad_walk *walk, struct kad_channel *channel)
{
    (void)walk;
    (void)channel;
}

size_t kad_channel_memory(const struct kad_channel *channel)
{
    (void)channel;
    return 0;
}

bool kad_channel_sound(const struct kad_channel *channel, const char **out_why)
{
    (void)channel;
    (void)out_why;
    return true;
}

/* -- carrier_sessions.c ----------------------------------------------------------------------------------------- */

enum kad_drop kad_carrier_open_session(struct kad_carrier *carrier, const struct kad_datagram *in,
                                       struct kad_opened *out_opened)
{
    (void)carrier;
    (void)in;
    (void)out_opened;
    return KAD_DROP_NOISE;
}

void kad_carrier_close_session(struct kad_carrier *carrier)
{
    (void)carrier;
}

size_t kad_carrier_write_session(struct kad_carrier *carrier, const struct kad_peer *to,
                                 const struct kad_message *message, uint8_t *bytes,
                                 enum kad_unsent *out_unsent)
{
    (void)carrier;
    (void)to;
    (void)message;
    (void)bytes;
    *out_unsent = KAD_UNSENT_SESSION;
    return 0;
}
