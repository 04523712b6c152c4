#include "bench/member_client.h"

#include <err.h>
#include <string.h>

#include "kad/identity.h"
#include "wire/codec.h"

struct kad_endpoint client_endpoint(uint32_t number)
{
    struct kad_endpoint at = {.family = KAD_IPV4, .port = 4242};
    const uint8_t address[4] = {127, (uint8_t)(64 + number % 64), (uint8_t)(number / 64 >> 8),
                                (uint8_t)(number / 64)};

    memcpy(at.address, address, sizeof address);
    return at;
}

void client_bytes(uint8_t out[32], uint32_t number)
{
    for (uint32_t i = 0; i < 32; i++)
        out[i] = (uint8_t)((number * 2654435761u + i * 40503u) >> 11);
    memcpy(out, &number, sizeof number);
}

void client_make(struct client *client, const struct kad_network *network, uint32_t number, uint32_t seed,
                 kad_ms now)
{
    struct kad_channel_config config = {
        .allocator = &kad_allocator_system,
        .suite = network->suite,
        .network = network->realm,
        .max_sessions = 64,
        .max_waiting = 16,
        .waiting_ms = 10000,
        .rekey_after_ms = 3600000,
        .cookie_per_s = 1000,
        .work_per_s = 1000,
        .work_bits_max = 16,
    };

    client_clear(client);
    client->endpoint = client_endpoint(number);
    client_bytes(client->id.bytes, number);
    memset(client->id.bytes + 20, 0, sizeof client->id.bytes - 20);
    if (network->carrier != KAD_CARRIER_SESSIONS)
        return;
    client_bytes(config.secret, number + 1);
    client_bytes(config.seed, seed);
    if (kad_channel_new(&config, now, &client->channel) < 0)
        errx(1, "no channel");
    client->id = kad_identity_id(kad_channel_key(client->channel));
}

void client_clear(struct client *client)
{
    kad_channel_free(client->channel);
    client->channel = NULL;
}

static size_t write_query(const struct client *client, const struct kad_network *network,
                          enum kad_method method, uint32_t number, uint8_t *bytes, size_t room)
{
    static struct kad_message message;
    uint8_t transaction[4];

    kad_message_init(&message);
    memcpy(transaction, &number, sizeof transaction);
    message.kind = KAD_QUERY;
    message.method = method;
    message.transaction = (struct kad_bytes){transaction, sizeof transaction};
    message.sender = client->id;
    message.has_sender = true;
    message.read_only = true; /* nobody is asked back: answers alone are measured */
    message.want_ipv4 = true;
    client_bytes(message.target.bytes, number);
    if (network->rules.id_bits == 160)
        memset(message.target.bytes + 20, 0, sizeof message.target.bytes - 20);
    return network->codec->encode(&message, bytes, room);
}

size_t client_ask(struct client *client, const struct kad_network *network, const struct kad_endpoint *server,
                  const uint8_t *key, enum kad_method method, uint32_t number, uint8_t *bytes, size_t room,
                  kad_ms now)
{
    const struct kad_channel_to to = {.key = key, .endpoint = *server};
    struct kad_channel_plan plan;
    bool failed = false;
    size_t n;

    if (!client->channel)
        return write_query(client, network, method, number, bytes, room);
    plan = kad_channel_plan(client->channel, &to, method == KAD_PING ? 128 : KAD_CHANNEL_DATAGRAM, now);
    n = plan.room ? write_query(client, network, method, number, bytes + plan.head, plan.room) : 0;
    return n ? kad_channel_seal(client->channel, &plan, &to, bytes, n, now, &failed) : 0;
}

bool client_take(struct client *client, const struct kad_datagram *in, kad_ms now)
{
    static struct kad_datagram datagrams[8];
    static uint8_t memory[8 * KAD_DATAGRAM_MAX];
    struct kad_batch back = {.datagrams = datagrams, .memory = memory, .room = 8};

    if (!client->channel)
        return true;
    return kad_channel_receive(client->channel, in, now, &back).verdict == KAD_CHANNEL_MESSAGE;
}
