/*
 * relay_fuzz - a relay's words and its places: whatever clients say and strangers send.
 *
 * The input is a run of steps: a word (bytes) is read; or a client opens, is heard from elsewhere, closes; something is to leave or has
 * come; time passes. Always: places within their number, no key with two; over any stretch no more bytes pass than the line gives
 * and a second saved up; towards a group of whom nothing is proved no more than came from there and the grant, half of it at once.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/endpoint.h"
#include "node/relay_places.h"
#include "node/relay_words.h"

#define PLACES  5
#define CLIENTS 8
#define GROUPS  4
#define RATE    20000
#define GRANT   4096

static void require(bool holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "relay_fuzz: %s\n", what);
        abort();
    }
}

static void read_words(struct kad_bytes bytes)
{
    struct kad_relay_open open;
    struct kad_relay_place place;
    struct kad_endpoint endpoint;
    struct kad_bytes datagram;
    uint8_t again[KAD_RELAY_PLACE_SIZE];

    if (!bytes.size)
        return;
    (void)kad_relay_get_open(bytes, &open);
    if (kad_relay_get_place(bytes, &place)) {
        require(kad_relay_put_place(&place, again) == KAD_RELAY_PLACE_SIZE, "a place has its size");
        require(memcmp(again + 1, bytes.data + 1, KAD_RELAY_PLACE_SIZE - 1) == 0, "a place reads back");
    }
    if (kad_relay_get_datagram(bytes, &endpoint, &datagram))
        require(endpoint.family == KAD_IPV4 && datagram.size > 0 && datagram.size <= KAD_RELAY_DATAGRAM &&
                    datagram.data + datagram.size == bytes.data + bytes.size,
                "a datagram is the rest");
}

static struct kad_endpoint somewhere(uint8_t what)
{
    return kad_endpoint_v4((const uint8_t[4]){90, 1, what % GROUPS, (uint8_t)(what >> 4)},
                           (uint16_t)(4000 + what));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct kad_relay_places_config config = {.allocator = &kad_allocator_system,
                                                   .places = PLACES,
                                                   .bytes_per_s = RATE,
                                                   .lifetime_ms = 60000,
                                                   .hash_key = 3};
    struct kad_relay_places *places = kad_relay_places_new(&config);
    uint64_t passed = 0, to[GROUPS] = {0}, from[GROUPS] = {0};
    kad_ms now = 1000, began = 1000;

    read_words((struct kad_bytes){data, size});
    for (size_t i = 0; places && i + 4 <= size; i += 4) {
        const uint8_t key[32] = {(uint8_t)(data[i + 1] % CLIENTS + 1)};
        const size_t n = (size_t)data[i + 3] * 5;
        const struct kad_endpoint there = somewhere(data[i + 2]);
        int place = kad_relay_places_find(places, key);
        bool crowded;

        switch (data[i] % 6) {
        case 0:
            place = kad_relay_places_open(places, key, &there, now, &crowded);
            require(place < PLACES && (place < 0 || kad_relay_places_find(places, key) == place),
                    "one place a key");
            break;
        case 1:
            if (place >= 0 && data[i] & 64)
                kad_relay_places_close(places, (unsigned)place);
            else if (place >= 0)
                kad_relay_places_follow(places, (unsigned)place, &there);
            break;
        case 2:
        case 3:
            if (place >= 0 && kad_relay_places_send(places, (unsigned)place, &there, n, data[i] & 128, now) ==
                                  KAD_RELAY_FORWARDED) {
                passed += n;
                to[data[i + 2] % GROUPS] += data[i] & 128 ? 0 : n;
            }
            break;
        case 4:
            if (place >= 0) {
                from[data[i + 2] % GROUPS] += n;
                if (kad_relay_places_bring(places, (unsigned)place, &there, n, now) == KAD_RELAY_FORWARDED)
                    passed += n;
            }
            break;
        default:
            now += (kad_ms)data[i + 1] * (data[i + 2] & 1 ? 200 : 1);
            while ((place = kad_relay_places_expired(places, now)) >= 0)
                kad_relay_places_close(places, (unsigned)place);
            break;
        }
        require(kad_relay_places_used(places) <= PLACES, "places within their number");
        require(passed <= (uint64_t)(now - began + 1000) * RATE / 1000, "no more than the line gives");
        for (unsigned g = 0; g < GROUPS; g++)
            require(to[g] <= from[g] + GRANT / 2 + (uint64_t)(now - began) * GRANT / 60000 + 1,
                    "no more than came, and the grant");
    }
    kad_relay_places_free(places);
    return 0;
}
