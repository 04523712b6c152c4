#include "node/relay_places.h"

#include <string.h>

#include "base/hash.h"
#include "base/index.h"
#include "core/limit.h"
#include "node/relay_words.h"

#define LEAST_BURST 4960 /* four of the largest: a slow relay forwards them all the same, only not often */
#define GROUPS      1024 /* that are remembered */
#define GRANT       4096 /* bytes a minute to a group that has sent nothing */
#define LEAST_PORT  1024

struct bucket {
    int64_t tokens; /* thousandths of a byte */
    kad_ms filled_at;
};

struct place {
    struct kad_relay_client client; /* until 0: free */
    struct bucket bucket;
};

struct kad_relay_places {
    struct kad_relay_places_config config;
    struct kad_limit *limit; /* towards others */
    struct kad_index index;  /* of keys */
    struct bucket all;
    bool begun; /* somebody has had a place: time has a beginning */
    unsigned n_used;
    struct place places[];
};

const char *kad_relay_drop_text(unsigned drop)
{
    static const char *const texts[KAD_RELAY_N_DROPS] = {"forwarded", "stranger", "form", "target",
                                                         "unproved",  "share",    "full", "client"};

    return drop < KAD_RELAY_N_DROPS ? texts[drop] : "unknown";
}

static size_t size_of(unsigned n)
{
    return sizeof(struct kad_relay_places) + n * sizeof(struct place);
}

struct kad_relay_places *kad_relay_places_new(const struct kad_relay_places_config *config)
{
    const struct kad_limit_config limits = {
        .addresses = GROUPS, .gain = 1, .grant = GRANT, .limit_local = config->limit_local};
    struct kad_relay_places *places = kad_alloc_zero(config->allocator, size_of(config->places));

    if (!places)
        return NULL;
    places->config = *config;
    kad_index_init(&places->index, config->allocator, config->places);
    places->limit = kad_limit_new(config->allocator, &limits, config->hash_key);
    if (places->limit)
        return places;
    kad_relay_places_free(places);
    return NULL;
}

void kad_relay_places_free(struct kad_relay_places *places)
{
    if (!places)
        return;
    kad_limit_free(places->limit);
    kad_index_clear(&places->index);
    kad_free(places->config.allocator, places, size_of(places->config.places));
}

/* -- who has one -------------------------------------------------------------------------------------------------- */

static uint64_t hash_of(const struct kad_relay_places *places, const uint8_t key[32])
{
    return kad_hash(places->config.hash_key, key, 32);
}

int kad_relay_places_find(const struct kad_relay_places *places, const uint8_t key[32])
{
    const uint64_t hash = hash_of(places, key);

    for (uint32_t at = kad_index_first(&places->index, hash); at != KAD_INDEX_END;
         at = kad_index_next(&places->index, hash, at)) {
        const uint32_t place = kad_index_slot(&places->index, at);

        if (memcmp(places->places[place].client.key, key, 32) == 0)
            return (int)place;
    }
    return -1;
}

/* A quarter of the places at most, but two: a household or an office may have as many nodes. */
static bool is_crowded(const struct kad_relay_places *places, const struct kad_endpoint *from)
{
    const unsigned most = places->config.places / 4 > 2 ? places->config.places / 4 : 2;
    const uint64_t group = kad_endpoint_narrow_group(from);
    unsigned n = 0;

    if (kad_endpoint_scope(from) != KAD_SCOPE_PUBLIC && !places->config.limit_local)
        return false;
    for (unsigned i = 0; i < places->config.places; i++)
        n += places->places[i].client.until &&
             kad_endpoint_narrow_group(&places->places[i].client.endpoint) == group;
    return n >= most;
}

static int take(struct kad_relay_places *places, const uint8_t key[32], kad_ms now)
{
    unsigned i = 0;

    while (i < places->config.places && places->places[i].client.until)
        i++;
    if (i == places->config.places || kad_index_add(&places->index, hash_of(places, key), i) < 0)
        return -1;
    places->places[i] = (struct place){.client.since = now, .bucket.filled_at = now - KAD_SECOND};
    memcpy(places->places[i].client.key, key, 32);
    if (!places->begun)
        places->all.filled_at = now - KAD_SECOND;
    places->begun = true;
    places->n_used++;
    return (int)i;
}

int kad_relay_places_open(struct kad_relay_places *places, const uint8_t key[32],
                          const struct kad_endpoint *from, kad_ms now, bool *out_crowded)
{
    int place = kad_relay_places_find(places, key);

    *out_crowded = place < 0 && is_crowded(places, from);
    if (*out_crowded)
        return -1;
    if (place < 0)
        place = take(places, key, now);
    if (place < 0)
        return -1;
    places->places[place].client.endpoint = *from;
    places->places[place].client.until = now + places->config.lifetime_ms;
    return place;
}

void kad_relay_places_follow(struct kad_relay_places *places, unsigned place, const struct kad_endpoint *from)
{
    if (places->places[place].client.until)
        places->places[place].client.endpoint = *from;
}

void kad_relay_places_close(struct kad_relay_places *places, unsigned place)
{
    struct kad_relay_client *client = &places->places[place].client;

    if (!client->until)
        return;
    kad_index_remove(&places->index, hash_of(places, client->key), place);
    client->until = 0;
    places->n_used--;
}

int kad_relay_places_expired(const struct kad_relay_places *places, kad_ms now)
{
    for (unsigned i = 0; i < places->config.places; i++) {
        if (places->places[i].client.until && places->places[i].client.until <= now)
            return (int)i;
    }
    return -1;
}

const struct kad_relay_client *kad_relay_places_at(const struct kad_relay_places *places, unsigned place)
{
    return places->places[place].client.until ? &places->places[place].client : NULL;
}

unsigned kad_relay_places_used(const struct kad_relay_places *places)
{
    return places->n_used;
}

/* -- how much ----------------------------------------------------------------------------------------------------- */

static bool has(struct bucket *bucket, uint64_t per_s, size_t size, kad_ms now)
{
    const int64_t rate = (int64_t)per_s, most = 1000 * (rate > LEAST_BURST ? rate : (int64_t)LEAST_BURST);
    const kad_ms passed = now - bucket->filled_at;

    if (passed > 0) { /* a second fills it, or what is least takes longer */
        bucket->tokens = passed > KAD_HOUR ? most : bucket->tokens + passed * rate;
        bucket->tokens = bucket->tokens < most ? bucket->tokens : most;
        bucket->filled_at = now;
    }
    return bucket->tokens >= 1000 * (int64_t)size;
}

static void take_away(struct kad_relay_places *places, struct place *place, size_t size)
{
    place->bucket.tokens -= 1000 * (int64_t)size;
    places->all.tokens -= 1000 * (int64_t)size;
}

static enum kad_relay_drop spend(struct kad_relay_places *places, struct place *place, size_t size,
                                 kad_ms now)
{
    const uint64_t all = places->config.bytes_per_s;

    if (!has(&place->bucket, all / places->n_used, size, now))
        return KAD_RELAY_DROP_SHARE;
    if (!has(&places->all, all, size, now))
        return KAD_RELAY_DROP_FULL;
    take_away(places, place, size);
    return KAD_RELAY_FORWARDED;
}

void kad_relay_places_padded(struct kad_relay_places *places, unsigned place, size_t size, size_t as)
{
    if (places->places[place].client.until && as > 2 * size)
        take_away(places, &places->places[place], as - 2 * size);
}

/* May this client's datagrams go there at all? */
static bool is_target(const struct kad_relay_client *client, const struct kad_endpoint *to)
{
    const enum kad_scope scope = kad_endpoint_scope(to), own = kad_endpoint_scope(&client->endpoint);

    return to->family == KAD_IPV4 && to->port >= LEAST_PORT && scope != KAD_SCOPE_INVALID && scope >= own;
}

enum kad_relay_drop kad_relay_places_send(struct kad_relay_places *places, unsigned place,
                                          const struct kad_endpoint *to, size_t size, bool proved, kad_ms now)
{
    struct place *from = &places->places[place];
    enum kad_relay_drop drop;

    if (!from->client.until || from->client.until <= now)
        return KAD_RELAY_DROP_STRANGER;
    if (size < KAD_RELAY_LEAST || size > KAD_RELAY_DATAGRAM)
        return KAD_RELAY_DROP_FORM;
    if (!is_target(&from->client, to))
        return KAD_RELAY_DROP_TARGET;
    drop = spend(places, from, size, now);
    if (drop != KAD_RELAY_FORWARDED)
        return drop;
    if (!proved && !kad_limit_send(places->limit, to, size, now))
        return KAD_RELAY_DROP_UNPROVED;
    from->client.bytes_out += size;
    return KAD_RELAY_FORWARDED;
}

enum kad_relay_drop kad_relay_places_bring(struct kad_relay_places *places, unsigned place,
                                           const struct kad_endpoint *from, size_t size, kad_ms now)
{
    struct place *to = &places->places[place];
    enum kad_relay_drop drop;

    if (!to->client.until || to->client.until <= now)
        return KAD_RELAY_DROP_STRANGER;
    if (size < KAD_RELAY_LEAST || size > KAD_RELAY_DATAGRAM || from->family != KAD_IPV4)
        return KAD_RELAY_DROP_FORM;
    (void)kad_limit_receive(places->limit, from, size, now); /* so much may go back */
    drop = spend(places, to, size, now);
    if (drop == KAD_RELAY_FORWARDED)
        to->client.bytes_in += size;
    return drop;
}
