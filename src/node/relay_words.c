#include "node/relay_words.h"

#include <string.h>

#include "base/endpoint.h"

const char *kad_relay_verdict_text(unsigned verdict)
{
    static const char *const texts[KAD_RELAY_N_VERDICTS] = {"granted", "full", "crowded", "no_relay",
                                                            "answered"};

    return verdict < KAD_RELAY_N_VERDICTS ? texts[verdict] : "unknown";
}

static uint8_t *put(uint8_t *at, uint64_t number, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        at[i] = (uint8_t)(number >> 8 * (n - 1 - i));
    return at + n;
}

static uint32_t get(const uint8_t *at, unsigned n)
{
    uint32_t number = 0;

    for (unsigned i = 0; i < n; i++)
        number = number << 8 | at[i];
    return number;
}

size_t kad_relay_put_open(const struct kad_relay_open *open, uint8_t out_bytes[KAD_RELAY_OPEN_SIZE])
{
    out_bytes[0] = KAD_RELAY_OPEN;
    put(out_bytes + 1, open->nonce, 4)[0] = open->ask ? KAD_RELAY_ASK : 0;
    return KAD_RELAY_OPEN_SIZE;
}

size_t kad_relay_put_place(const struct kad_relay_place *place, uint8_t out_bytes[KAD_RELAY_PLACE_SIZE])
{
    uint8_t *at = out_bytes;

    *at++ = KAD_RELAY_PLACE;
    at = put(at, place->nonce, 4);
    *at++ = place->verdict;
    at = put(at, place->lifetime_s, 4);
    at = put(at, place->bytes_per_s, 4);
    at = put(at, place->n_free, 2);
    at = put(at, place->n_places, 2);
    put(at, place->port, 2);
    return KAD_RELAY_PLACE_SIZE;
}

size_t kad_relay_put_head(enum kad_relay_word word, const struct kad_endpoint *endpoint,
                          uint8_t out_bytes[KAD_RELAY_HEAD])
{
    out_bytes[0] = (uint8_t)word;
    memcpy(out_bytes + 1, endpoint->address, 4);
    put(out_bytes + 5, endpoint->port, 2);
    return KAD_RELAY_HEAD;
}

bool kad_relay_get_open(struct kad_bytes bytes, struct kad_relay_open *out_open)
{
    if (bytes.size < KAD_RELAY_OPEN_SIZE)
        return false;
    out_open->nonce = get(bytes.data + 1, 4);
    out_open->ask = bytes.data[5] & KAD_RELAY_ASK;
    return true;
}

bool kad_relay_get_place(struct kad_bytes bytes, struct kad_relay_place *out_place)
{
    const uint8_t *at = bytes.data;

    if (bytes.size < KAD_RELAY_PLACE_SIZE)
        return false;
    *out_place = (struct kad_relay_place){
        .nonce = get(at + 1, 4),
        .verdict = at[5],
        .lifetime_s = get(at + 6, 4),
        .bytes_per_s = get(at + 10, 4),
        .n_free = (uint16_t)get(at + 14, 2),
        .n_places = (uint16_t)get(at + 16, 2),
        .port = (uint16_t)get(at + 18, 2),
    };
    return out_place->verdict != KAD_RELAY_GRANTED || (out_place->port && out_place->lifetime_s);
}

bool kad_relay_get_datagram(struct kad_bytes bytes, struct kad_endpoint *out_endpoint,
                            struct kad_bytes *out_datagram)
{
    if (bytes.size <= KAD_RELAY_HEAD || bytes.size > KAD_RELAY_HEAD + KAD_RELAY_DATAGRAM)
        return false;
    *out_endpoint = kad_endpoint_v4(bytes.data + 1, (uint16_t)get(bytes.data + 5, 2));
    *out_datagram = (struct kad_bytes){bytes.data + KAD_RELAY_HEAD, bytes.size - KAD_RELAY_HEAD};
    return true;
}
