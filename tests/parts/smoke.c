/*
 * smoke - libkad of a build that leaves parts out, as a program of others' has it: smoke [NETWORK:in | NETWORK:out]...
 *
 * A network that is out can be named and gives no engine: KAD_E_DISABLED. One that is in gives engines (of one with a
 * puzzle only to who solved it: KAD_E_INVALID); where these speak datagrams without more (Mainline, kad-easy), sixteen of them join
 * through the first, and each finds the others.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kad/kad.h"

#define N    16
#define ROOM 64

struct world {
    struct kad_engine *engines[N];
    struct kad_settings settings;
    kad_ms now;
    unsigned n_found;
};

static struct kad_endpoint place_of(unsigned i)
{
    struct kad_endpoint place = {.address = {10, (uint8_t)i, 0, 1}, .port = 4000, .family = KAD_IPV4};

    return place;
}

static int make(struct world *world, const struct kad_network *network, unsigned i)
{
    struct kad_engine_config config = {
        .network = network, .settings = &world->settings, .ipv4 = true, .watch = KAD_WATCH_STATE};

    memset(config.seed, (int)(i + 1), sizeof config.seed);
    return kad_engine_new(&config, world->now, &world->engines[i]);
}

/* What one engine said goes to the others, which say more, until all are silent. */
static void deliver(struct world *world, unsigned from, const struct kad_batch *said)
{
    static const unsigned deepest = 64;
    static unsigned depth;

    for (unsigned i = 0; i < said->n && depth < deepest; i++) {
        const unsigned to = said->datagrams[i].peer.address[1];
        struct kad_datagram datagrams[ROOM];
        uint8_t *memory = malloc((size_t)ROOM * KAD_DATAGRAM_MAX);
        struct kad_batch answers = {.datagrams = datagrams, .memory = memory, .room = ROOM};
        struct kad_datagram in = {.peer = place_of(from), .bytes = said->datagrams[i].bytes};

        if (!memory)
            exit(2);
        depth++;
        if (to < N) {
            kad_engine_datagram(world->engines[to], &in, world->now, &answers);
            deliver(world, to, &answers);
        }
        depth--;
        free(memory);
    }
}

static void turn(struct world *world)
{
    struct kad_event event;

    for (unsigned i = 0; i < N; i++) {
        static struct kad_datagram datagrams[ROOM];
        static uint8_t memory[ROOM * KAD_DATAGRAM_MAX];
        struct kad_batch said = {.datagrams = datagrams, .memory = memory, .room = ROOM};

        kad_engine_tick(world->engines[i], world->now, &said);
        deliver(world, i, &said);
        while (kad_engine_next_event(world->engines[i], &event))
            world->n_found += event.kind == KAD_EVENT_DONE && event.done.n_closest >= 7;
    }
    world->now += 20;
}

static int lookups(struct world *world, const struct kad_network *network)
{
    const struct kad_endpoint first = place_of(0);
    struct kad_request request = {.kind = KAD_REQUEST_CLOSEST, .target = {{0x5a}}};
    uint64_t number;

    kad_settings_default(network, &world->settings);
    for (unsigned i = 0; i < N; i++) {
        if (make(world, network, i) != KAD_OK ||
            (i > 0 && kad_engine_bootstrap(world->engines[i], &first, world->now) != KAD_OK))
            return fprintf(stderr, "smoke: %s: no engine\n", kad_network_name(network)), 1;
    }
    for (unsigned t = 0; t < 1000; t++)
        turn(world);
    for (unsigned i = 0; i < N; i++) {
        if (kad_engine_request(world->engines[i], &request, world->now, &number) != KAD_OK)
            return fprintf(stderr, "smoke: %s: no request\n", kad_network_name(network)), 1;
    }
    for (unsigned t = 0; t < 500; t++)
        turn(world);
    for (unsigned i = 0; i < N; i++)
        kad_engine_free(world->engines[i]);
    printf("%s: %u of %d lookups found\n", kad_network_name(network), world->n_found, N);
    return world->n_found == N ? 0 : 1;
}

/* 0, or what is wrong: "kad:out" says what is expected of it. */
static int look_at(char *said)
{
    char *colon = strchr(said, ':');
    const bool in = colon && strcmp(colon + 1, "in") == 0;
    static struct world world;
    const struct kad_network *network;
    int error;

    if (colon)
        *colon = 0;
    memset(&world, 0, sizeof world);
    world.now = 1700000000000;
    network = kad_network_named(said);
    if (!network || kad_network_is_built(network) != in)
        return fprintf(stderr, "smoke: %s is not %s\n", said, in ? "in" : "out"), 1;
    if (in && (network == kad_network_mainline() || network == kad_network_kad_easy()))
        return lookups(&world, network);
    kad_settings_default(network, &world.settings);
    error = make(&world, network, 0);
    if (error == KAD_OK)
        kad_engine_free(world.engines[0]);
    printf("%s: %s\n", said, kad_error_text(error));
    return error != (!in ? KAD_E_DISABLED : kad_network_puzzle(network) ? KAD_E_INVALID : KAD_OK);
}

int main(int argc, char **argv)
{
    int wrong = 0;

    for (int i = 1; i < argc; i++)
        wrong |= look_at(argv[i]);
    return wrong;
}
