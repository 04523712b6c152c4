/* member - who an engine is, in a network with identities, and its sessions. */
#include "engine/engine_parts.h"

#include <string.h>

#include "crypto/crypto.h"
#include "crypto/identity.h"
#include "engine/network.h"

static struct kad_channel_config sessions_of(const struct kad_engine *engine,
                                             const struct kad_engine_config *config, const uint8_t secret[32])
{
    const struct kad_settings *settings = engine->settings;
    struct kad_channel_config sessions = {
        .allocator = &engine->allocator,
        .suite = engine->network->suite,
        .network = config->realm ? config->realm : engine->network->realm,
        .max_sessions = settings->max_sessions,
        .max_waiting = settings->max_handshakes,
        .waiting_ms = settings->handshake_ms,
        .rekey_after_ms = settings->rekey_after_ms,
        .puzzle_bits = engine->network->puzzle_bits,
        .cookie_per_s = settings->cookie_per_s,
        .work_per_s = settings->work_per_s,
        .work_bits_max = settings->work_bits_max,
        .pad_to = settings->pad_to,
        .open_door = settings->open_door,
    };
    static const char purpose[] = "kad/1 sessions"; /* not the generator's own bytes */
    uint8_t seed[sizeof(purpose) + sizeof(config->seed)];

    memcpy(sessions.secret, secret, sizeof(sessions.secret));
    memcpy(seed, purpose, sizeof(purpose));
    memcpy(seed + sizeof(purpose), config->seed, sizeof(config->seed));
    kad_sha256(seed, sizeof(seed), sessions.seed);
    kad_wipe(seed, sizeof(seed));
    return sessions;
}

/* Where no puzzle is asked for, whoever brings no identity gets one out of the engine's seed. */
static int take_identity(struct kad_engine *engine, const struct kad_engine_config *config,
                         uint8_t out_secret[32])
{
    struct kad_engine_member *member = kad_engine_member(engine);
    struct kad_identity identity;
    struct kad_id id;

    if (config->has_secret)
        memcpy(out_secret, config->secret, 32);
    else if (engine->network->puzzle_bits == 0)
        kad_sha256(config->seed, sizeof(config->seed), out_secret);
    else
        return KAD_E_INVALID;
    kad_identity_from_seed(&identity, out_secret);
    memcpy(member->core.public_key, identity.public_key, sizeof(member->core.public_key));
    memcpy(member->core.secret, identity.secret, sizeof(member->core.secret));
    kad_identity_wipe(&identity);
    if (!engine->network->rules.id_of_key &&
        !engine->network->rules.id_of((struct kad_bytes){member->core.public_key, 32}, &id))
        return KAD_E_INVALID;
    return 0;
}

int kad_engine_member_new(struct kad_engine *engine, const struct kad_engine_config *config, kad_ms now)
{
    struct kad_engine_member *member;
    uint8_t secret[32];
    int error;

    if (!engine->network->rules.identity_size)
        return 0;
    member = kad_alloc_zero(&engine->allocator, sizeof(*member));
    if (!member)
        return KAD_E_MEMORY;
    engine->dht.member = &member->core;
    member->core.classes = config->classes;
    member->core.n_classes = config->n_classes;
    kad_engine_use_gate(engine, config->gate);
    error = take_identity(engine, config, secret);
    if (!error && engine->network->carrier == KAD_CARRIER_SESSIONS) {
        struct kad_channel_config sessions = sessions_of(engine, config, secret);

        error = kad_channel_new(&sessions, now, &member->channel);
        kad_wipe(&sessions, sizeof(sessions));
    }
    kad_wipe(secret, sizeof(secret));
    return error;
}

void kad_engine_member_free(struct kad_engine *engine)
{
    struct kad_engine_member *member = kad_engine_member(engine);

    if (!member)
        return;
    kad_channel_free(member->channel);
    kad_wipe(member, sizeof(*member));
    kad_free(&engine->allocator, member, sizeof(*member));
    engine->dht.member = NULL;
}

const uint8_t *kad_engine_identity(const struct kad_engine *engine)
{
    return engine->dht.member ? engine->dht.member->public_key : NULL;
}

bool kad_engine_sessions(const struct kad_engine *engine, struct kad_session_counts *out_sessions)
{
    const struct kad_engine_member *member = kad_engine_member(engine);
    const struct kad_channel_counters *counters;

    if (!member || !member->channel)
        return false;
    counters = kad_channel_counters(member->channel);
    *out_sessions = (struct kad_session_counts){
        .begun = counters->begun,
        .answered = counters->answered,
        .established = counters->established,
        .expired = counters->expired,
        .evicted = counters->evicted,
        .cookies_sent = counters->cookies_sent,
        .cookies_taken = counters->cookies_taken,
        .work_done = counters->work_done,
        .public_key_operations = counters->public_key_operations,
        .memory = kad_channel_memory(member->channel),
    };
    return true;
}
