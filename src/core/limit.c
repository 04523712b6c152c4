#include "core/limit.h"

#include "base/hash.h"
#include "core/walk.h"

#include <assert.h>
#include <string.h>

/* Time is counted in 64ths of a second since the first call, and packets in 64ths too: what a bucket earns in one tick
 * is then its rate, without a fraction. */
#define TICKS_PER_S 64u
#define PACKET      TICKS_PER_S
#define MINUTE      (60u * TICKS_PER_S)
#define DAY         (24u * 60u * MINUTE)
#define EXPECTED    (10u * TICKS_PER_S) /* how long after a query its answer is let through */
#define PROVED      (10u * MINUTE)
#define FORGET      (UINT32_C(1) << 31) /* a year: all is forgotten and the count begins anew */

/* Bytes of the grant are counted in MINUTEths: half of a minute's grant is there at once, the other half is earned over
 * the minute, so that no minute, wherever it begins, sees more than the grant. */
#define GRANT_BYTE  MINUTE
#define MOST_CREDIT (64u * 1024u)
#define OWN_QUERY   256u /* at least: one whose session is still to come has no size yet */

#define MOST_DOUBLINGS 32u

#define WAYS 4u

struct head {
    uint64_t tag; /* keyed hash of what the entry is about; 0: unused */
    uint32_t used_at;
    uint32_t packets; /* in the bucket, times PACKET */
};

struct address {
    struct head head;
    uint32_t expected_until;
    uint32_t proved_until;
    uint32_t gray_until;
    uint32_t struck_at; /* the first of `strikes` */
    uint16_t strikes;
    uint16_t times_gray;
};

struct group {
    struct head head;
    uint32_t credit; /* bytes earned by bytes received */
    uint32_t grant;  /* bytes given, times GRANT_BYTE */
};

struct kad_limit {
    const struct kad_allocator *allocator;
    struct kad_limit_config config;
    uint64_t address_key, group_keys[2];
    kad_ms epoch;
    bool begun;
    uint32_t set_mask;
    struct address *addresses; /* sets of WAYS, behind this struct in one block of memory */
    struct group *groups;      /* as many */
};

size_t kad_limit_memory(const struct kad_limit *limit)
{
    return sizeof *limit + limit->config.addresses * (sizeof *limit->addresses + sizeof *limit->groups);
}

struct kad_limit *kad_limit_new(const struct kad_allocator *allocator, const struct kad_limit_config *config,
                                uint64_t hash_key)
{
    struct kad_limit measure = {.config = *config};
    struct kad_limit *limit;

    assert((config->addresses >= 16 || config->addresses == 0) && config->addresses <= 65536 &&
           "the tables are to be useful and cheap");
    assert((config->addresses & (config->addresses - 1)) == 0 && "a mask chooses the set");
    assert((!config->address_per_s || config->address_burst) &&
           (!config->group_per_s || config->group_burst));
    assert(config->address_burst <= UINT32_MAX / 2 / PACKET &&
           config->group_burst <= UINT32_MAX / 2 / PACKET);
    assert(config->grant <= UINT32_MAX / 2 / GRANT_BYTE && config->gain <= 1024);

    limit = kad_alloc_zero(allocator, kad_limit_memory(&measure));
    if (!limit)
        return NULL;
    limit->allocator = allocator;
    limit->config = *config;
    limit->address_key = kad_hash_word(hash_key, 1);
    limit->group_keys[0] = kad_hash_word(hash_key, 2);
    limit->group_keys[1] = kad_hash_word(hash_key, 3);
    limit->set_mask = config->addresses / WAYS - 1;
    limit->addresses = (struct address *)(void *)(limit + 1);
    limit->groups = (struct group *)(void *)(limit->addresses + config->addresses);
    return limit;
}

void kad_limit_configure(struct kad_limit *limit, const struct kad_limit_config *config)
{
    assert(config->addresses == limit->config.addresses && config->limit_local == limit->config.limit_local);
    limit->config = *config;
    /* What had been earned under a higher burst is more than there may be now. */
    for (unsigned i = 0; i < config->addresses; i++) {
        struct address *address = &limit->addresses[i];
        struct group *group = &limit->groups[i];

        if (address->head.packets > config->address_burst * PACKET)
            address->head.packets = config->address_burst * PACKET;
        if (group->head.packets > config->group_burst * PACKET)
            group->head.packets = config->group_burst * PACKET;
        if (group->grant > config->grant * (GRANT_BYTE / 2))
            group->grant = config->grant * (GRANT_BYTE / 2);
    }
}

void kad_limit_free(struct kad_limit *limit)
{
    if (limit)
        kad_free(limit->allocator, limit, kad_limit_memory(limit));
}

static uint32_t tick_of(struct kad_limit *limit, kad_ms now)
{
    uint64_t ticks;

    if (!limit->begun) {
        limit->epoch = now;
        limit->begun = true;
    }
    assert(now >= limit->epoch && "time never runs backwards");
    ticks = (uint64_t)(now - limit->epoch) * TICKS_PER_S / 1000;
    if (ticks >= FORGET) {
        memset(limit->addresses, 0, limit->config.addresses * sizeof *limit->addresses);
        memset(limit->groups, 0, limit->config.addresses * sizeof *limit->groups);
        limit->epoch = now;
        ticks = 0;
    }
    /* Nothing happens at tick 0, so that an instant of 0 in an entry is always past. */
    return (uint32_t)ticks + 1;
}

static bool is_exempt(const struct kad_limit *limit, const struct kad_endpoint *endpoint)
{
    if (limit->config.addresses == 0)
        return true;
    if (limit->config.limit_local)
        return false;
    switch (kad_endpoint_scope(endpoint)) {
    case KAD_SCOPE_LOOPBACK:
    case KAD_SCOPE_LINK:
    case KAD_SCOPE_PRIVATE:
        return true;
    case KAD_SCOPE_INVALID:
    case KAD_SCOPE_PUBLIC:
        break;
    }
    return false;
}

static void earn(uint32_t *level, uint32_t ticks, uint32_t per_tick, uint32_t most)
{
    const uint64_t full = *level + (uint64_t)ticks * per_tick;

    *level = full < most ? (uint32_t)full : most;
}

static uint32_t packets_at_most(unsigned burst)
{
    return burst * PACKET;
}

static uint32_t grant_at_most(const struct kad_limit *limit)
{
    return limit->config.grant * (GRANT_BYTE / 2);
}

/* Addresses. */

static uint64_t address_tag(const struct kad_limit *limit, const struct kad_endpoint *endpoint)
{
    const uint64_t tag = kad_hash(limit->address_key ^ endpoint->family, endpoint->address, 16);

    return tag ? tag : 1;
}

static struct address *address_set(struct kad_limit *limit, uint64_t tag)
{
    return &limit->addresses[(size_t)((uint32_t)(tag >> 32) & limit->set_mask) * WAYS];
}

/* What somebody real has earned outlasts what anybody can forge, and a forged bad name outlasts no more than forged
 * good ones: a flood of invented addresses takes the place of one entry per set, its own last one. */
static unsigned worth(const struct address *entry, uint32_t tick)
{
    if (entry->expected_until > tick)
        return 4;
    if (entry->proved_until > tick)
        return 3;
    if (entry->gray_until > tick)
        return 2;
    return entry->head.tag != 0;
}

static struct address *find_address(struct kad_limit *limit, const struct kad_endpoint *endpoint)
{
    const uint64_t tag = address_tag(limit, endpoint);
    struct address *set = address_set(limit, tag);

    for (unsigned i = 0; i < WAYS; i++) {
        if (set[i].head.tag == tag)
            return &set[i];
    }
    return NULL;
}

static struct address *touch_address(struct kad_limit *limit, const struct kad_endpoint *endpoint,
                                     uint32_t tick)
{
    const struct kad_limit_config *config = &limit->config;
    struct address *entry = find_address(limit, endpoint);

    if (!entry) {
        const uint64_t tag = address_tag(limit, endpoint);
        struct address *set = address_set(limit, tag);

        entry = &set[0];
        for (unsigned i = 1; i < WAYS; i++) {
            const unsigned of_this = worth(&set[i], tick), of_least = worth(entry, tick);

            if (of_this < of_least || (of_this == of_least && set[i].head.used_at < entry->head.used_at))
                entry = &set[i];
        }
        *entry = (struct address){.head = {tag, tick, packets_at_most(config->address_burst)}};
    }
    earn(&entry->head.packets, tick - entry->head.used_at, config->address_per_s,
         packets_at_most(config->address_burst));
    entry->head.used_at = tick;
    return entry;
}

/* Groups. */

/* `bytes`: what a group that is new here gets even when the table is overrun. */
static struct group *touch_group(struct kad_limit *limit, const struct kad_endpoint *endpoint, uint32_t tick,
                                 uint32_t bytes)
{
    const struct kad_limit_config *config = &limit->config;
    const uint64_t number = kad_endpoint_narrow_group(endpoint);
    uint64_t tag = kad_hash_word(limit->group_keys[1], kad_hash_word(limit->group_keys[0], number));
    struct group *set, *oldest;
    uint32_t ticks;

    tag = tag ? tag : 1;
    set = &limit->groups[(size_t)((uint32_t)(tag >> 32) & limit->set_mask) * WAYS];
    oldest = &set[0];
    for (unsigned i = 0; i < WAYS; i++) {
        if (set[i].head.tag == tag) {
            ticks = tick - set[i].head.used_at;
            earn(&set[i].head.packets, ticks, config->group_per_s, packets_at_most(config->group_burst));
            earn(&set[i].grant, ticks, config->grant / 2, grant_at_most(limit));
            set[i].head.used_at = tick;
            return &set[i];
        }
        if (set[i].head.used_at < oldest->head.used_at)
            oldest = &set[i];
    }
    /* Perhaps this group was here a moment ago and has had its grant: if so, all entries of the set have been used
     * since. Whoever overruns the table wins nothing that way. */
    ticks = oldest->head.tag ? tick - oldest->head.used_at : MINUTE;
    *oldest = (struct group){.head = {tag, tick, packets_at_most(config->group_burst)}};
    earn(&oldest->grant, ticks >= MINUTE ? config->grant : bytes, GRANT_BYTE, grant_at_most(limit));
    return oldest;
}

enum kad_limit_verdict kad_limit_receive(struct kad_limit *limit, const struct kad_endpoint *from,
                                         size_t size, kad_ms now)
{
    const struct kad_limit_config *config = &limit->config;
    enum kad_limit_verdict refusal = KAD_LIMIT_PASS;
    struct address *address;
    struct group *group = NULL;
    uint32_t tick;

    if (is_exempt(limit, from))
        return KAD_LIMIT_PASS;
    tick = tick_of(limit, now);
    address = touch_address(limit, from, tick);
    if (address->gray_until > tick)
        refusal = KAD_LIMIT_GRAY;
    else if (config->address_per_s && address->head.packets < PACKET)
        refusal = KAD_LIMIT_ADDRESS;
    if (refusal == KAD_LIMIT_PASS) {
        group = touch_group(limit, from, tick, 0);
        if (config->group_per_s && group->head.packets < PACKET)
            refusal = KAD_LIMIT_GROUP;
    }
    if (refusal != KAD_LIMIT_PASS)
        return address->expected_until > tick ? KAD_LIMIT_ANSWER : refusal;

    address->head.packets -= config->address_per_s ? PACKET : 0;
    group->head.packets -= config->group_per_s ? PACKET : 0;
    if (address->proved_until <= tick) {
        const uint32_t bytes = size < MOST_CREDIT ? (uint32_t)size : MOST_CREDIT;

        earn(&group->credit, bytes, config->gain, MOST_CREDIT);
    }
    return KAD_LIMIT_PASS;
}

void kad_limit_expect(struct kad_limit *limit, const struct kad_endpoint *to, size_t size, kad_ms now)
{
    uint32_t tick;

    if (is_exempt(limit, to))
        return;
    tick = tick_of(limit, now);
    touch_address(limit, to, tick)->expected_until = tick + EXPECTED;
    if (limit->config.gain)
        touch_group(limit, to, tick, size > OWN_QUERY ? (uint32_t)size : OWN_QUERY);
}

void kad_limit_proved(struct kad_limit *limit, const struct kad_endpoint *peer, kad_ms now)
{
    uint32_t tick;

    if (is_exempt(limit, peer))
        return;
    tick = tick_of(limit, now);
    touch_address(limit, peer, tick)->proved_until = tick + PROVED;
}

bool kad_limit_is_proved(struct kad_limit *limit, const struct kad_endpoint *peer, kad_ms now)
{
    const struct address *address = is_exempt(limit, peer) ? NULL : find_address(limit, peer);

    return address && address->proved_until > tick_of(limit, now);
}

void kad_limit_strike(struct kad_limit *limit, const struct kad_endpoint *peer, kad_ms now)
{
    const struct kad_limit_config *config = &limit->config;
    struct address *address;
    uint64_t ticks;
    uint32_t tick;

    if (config->strikes == 0 || is_exempt(limit, peer))
        return;
    tick = tick_of(limit, now);
    address = touch_address(limit, peer, tick);
    if (address->gray_until > tick)
        return;
    if (address->strikes == 0 || tick - address->struck_at >= MINUTE) {
        address->strikes = 0;
        address->struck_at = tick;
    }
    if (++address->strikes < config->strikes)
        return;
    if (tick - address->gray_until >= DAY)
        address->times_gray = 0; /* a day without: a new start */
    ticks = (uint64_t)kad_ms_min(config->gray_ms, KAD_HOUR * 24) * TICKS_PER_S / 1000 << address->times_gray;
    address->gray_until = tick + (ticks < DAY ? (uint32_t)ticks : DAY);
    if (address->times_gray < MOST_DOUBLINGS)
        address->times_gray++;
    address->strikes = 0;
}

bool kad_limit_send(struct kad_limit *limit, const struct kad_endpoint *to, size_t size, kad_ms now)
{
    const struct address *address;
    struct group *group;
    uint32_t tick, granted;

    if (limit->config.gain == 0 || is_exempt(limit, to))
        return true;
    tick = tick_of(limit, now);
    address = find_address(limit, to);
    if (address && address->proved_until > tick)
        return true;
    group = touch_group(limit, to, tick, 0);
    if (size > group->credit + group->grant / GRANT_BYTE)
        return false;
    granted = size > group->credit ? (uint32_t)size - group->credit : 0;
    group->credit -= (uint32_t)size - granted;
    group->grant -= granted * GRANT_BYTE;
    return true;
}

static void walk_head(struct kad_walk *walk, struct head *head)
{
    KAD_WALK(walk, head->tag);
    KAD_WALK(walk, head->used_at);
    KAD_WALK(walk, head->packets);
}

/* Places in use only, each behind its number: most are empty. */
static size_t next_used(const struct kad_limit *limit, bool groups, size_t at)
{
    while (at < limit->config.addresses &&
           !(groups ? limit->groups[at].head.tag : limit->addresses[at].head.tag))
        at++;
    return at;
}

void kad_limit_walk(struct kad_walk *walk, struct kad_limit *limit)
{
    const size_t end = limit->config.addresses;
    size_t at;

    /* Who shares whose set is part of what comes next, so the keys are, too. */
    KAD_WALK(walk, limit->address_key);
    KAD_WALK(walk, limit->group_keys[0]);
    KAD_WALK(walk, limit->group_keys[1]);
    KAD_WALK(walk, limit->epoch);
    KAD_WALK(walk, limit->begun);
    for (at = 0; (at = kad_walk_count(walk, next_used(limit, false, at), end)) < end && !walk->bad; at++) {
        struct address *entry = &limit->addresses[at];

        walk_head(walk, &entry->head);
        KAD_WALK(walk, entry->expected_until);
        KAD_WALK(walk, entry->proved_until);
        KAD_WALK(walk, entry->gray_until);
        KAD_WALK(walk, entry->struck_at);
        KAD_WALK(walk, entry->strikes);
        KAD_WALK(walk, entry->times_gray);
    }
    for (at = 0; (at = kad_walk_count(walk, next_used(limit, true, at), end)) < end && !walk->bad; at++) {
        struct group *entry = &limit->groups[at];

        walk_head(walk, &entry->head);
        KAD_WALK(walk, entry->credit);
        KAD_WALK(walk, entry->grant);
    }
}
