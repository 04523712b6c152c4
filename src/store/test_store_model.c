/*
 * test_store_model - random operations on a store and on the simplest thing that could be one.
 *
 * The model is two arrays that are searched from end to end. Every answer of the store must be the model's, or one of
 * those it allows. Time jumps; ceilings are low, so that most of them are met; a store that survives restarts is
 * restarted now and then. Every expiry is an instant of its own, so "the oldest" is never a matter of taste.
 */
#include <string.h>

#include "base/endpoint.h"
#include "store/test_store.h"

enum { RECORDS = 40, KEYS = 20, HOSTS = 40, STEPS = 3000, UNIT = 100000 };

struct model_record {
    bool held;
    int64_t sequence;
    size_t size;
    bool is_mutable;
    kad_ms expires_at;
    unsigned payer; /* 1 + group; 0: nobody */
};

struct model_peer {
    bool held, seed;
    kad_ms expires_at;
};

struct model {
    const struct test_store_kind *kind;
    const struct kad_allocator *allocator;
    struct kad_mem_store_config config;
    struct kad_store *store;
    struct kad_rng rng;
    uint64_t seed;
    kad_ms now;
    unsigned step;
    bool exact; /* memory is never refused: counts must match too */
    struct model_record records[RECORDS];
    struct model_peer peers[KEYS][HOSTS];
};

static struct kad_mem_store_config tight(void)
{
    return (struct kad_mem_store_config){.max_records = 25,
                                         .max_record_bytes = 6000,
                                         .max_records_per_group = 6,
                                         .max_keys = 15,
                                         .max_peers_per_key = 14,
                                         .max_peers = 120,
                                         .max_peers_per_group = 25};
}

/* Eight groups, IPv4 and IPv6; the last is local. */
static struct kad_endpoint host(unsigned i)
{
    const uint8_t local[4] = {127, 0, 0, (uint8_t)(i + 1)};

    return i % 8 == 7 ? kad_endpoint_v4(local, 5) : test_store_host(i % 2, i % 8, i, (uint16_t)(i + 1));
}

static unsigned payer(unsigned host_number)
{
    return host_number % 8 == 7 ? 0 : 1 + host_number % 8;
}

static unsigned below(struct model *m, unsigned bound)
{
    return kad_rng_below(&m->rng, bound);
}

static kad_ms some_expiry(struct model *m)
{
    return m->now / UNIT * UNIT + (kad_ms)(1 + below(m, 30)) * UNIT + m->step;
}

static void forget_expired(struct model *m)
{
    for (unsigned i = 0; i < RECORDS; i++)
        m->records[i].held = m->records[i].held && m->records[i].expires_at > m->now;
    for (unsigned k = 0; k < KEYS; k++) {
        for (unsigned h = 0; h < HOSTS; h++)
            m->peers[k][h].held = m->peers[k][h].held && m->peers[k][h].expires_at > m->now;
    }
}

static struct kad_record make(const struct model_record *r, unsigned i, struct test_store_content *room)
{
    return test_store_make(i, r->sequence, r->size, r->is_mutable, r->expires_at, room);
}

static int put_expected(const struct model *m, unsigned i, const struct model_record *new)
{
    size_t n = 0, bytes = 0, of_payer = 0;
    struct test_store_content room;

    for (unsigned j = 0; j < RECORDS; j++) {
        if (m->records[j].held && j != i) {
            const struct kad_record record = make(&m->records[j], j, &room);

            n++;
            bytes += record.value.size + record.salt.size;
            of_payer += m->records[j].payer == new->payer &&new->payer != 0;
        }
    }
    bytes += new->size + make(new, i, &room).salt.size;
    if (bytes > m->config.max_record_bytes)
        return KAD_E_LIMIT;
    if (!m->records[i].held && (n >= m->config.max_records || of_payer >= m->config.max_records_per_group))
        return KAD_E_LIMIT;
    return KAD_OK;
}

static void do_put(struct model *m)
{
    const unsigned i = below(m, RECORDS), h = below(m, HOSTS);
    struct model_record new = {.held = true,
                               .sequence = m->step,
                               .size = below(m, 10) == 0 ? 1000 : below(m, 300),
                               .is_mutable = i % 2,
                               .expires_at = some_expiry(m),
                               .payer = payer(h)};
    const struct kad_endpoint publisher = host(h);
    struct test_store_content room;
    const struct kad_record record = make(&new, i, &room);
    const int expected = put_expected(m, i, &new);
    const int result = m->store->ops->put(m->store, &record, &publisher, m->now);

    if (!m->exact && (result == KAD_E_MEMORY || result == KAD_E_LIMIT))
        return; /* a limit: what now expires sooner is dropped late when there was no memory to note it */
    EXPECT_MSG(result == expected, "seed %llu step %u: put said %d, not %d", (unsigned long long)m->seed,
               m->step, result, expected);
    if (result == KAD_OK) {
        if (m->records[i].held)
            new.payer = m->records[i].payer;
        m->records[i] = new;
    }
}

static void do_announce(struct model *m)
{
    const unsigned k = below(m, KEYS), h = below(m, HOSTS);
    const struct kad_endpoint peer = host(h);
    const struct model_peer new = {.held = true, .seed = below(m, 3) == 0, .expires_at = some_expiry(m)};
    size_t n_keys = 0, n_peers = 0, n_here = 0, of_payer = 0;
    unsigned oldest = HOSTS;
    int expected = KAD_OK, result;

    for (unsigned i = 0; i < KEYS; i++) {
        bool any = false;

        for (unsigned j = 0; j < HOSTS; j++) {
            if (!m->peers[i][j].held)
                continue;
            any = true;
            n_peers++;
            of_payer += payer(j) == payer(h) && payer(h) != 0;
            if (i == k) {
                n_here++;
                if (oldest == HOSTS || m->peers[k][j].expires_at < m->peers[k][oldest].expires_at)
                    oldest = j;
            }
        }
        n_keys += any;
    }
    if (!m->peers[k][h].held) {
        if (of_payer >= m->config.max_peers_per_group)
            expected = KAD_E_LIMIT;
        else if (n_here < m->config.max_peers_per_key &&
                 (n_peers >= m->config.max_peers || (n_here == 0 && n_keys >= m->config.max_keys)))
            expected = KAD_E_LIMIT;
    }
    result = test_store_announce(m->store, k, peer, new.seed, new.expires_at, m->now);
    if (!m->exact && (result == KAD_E_MEMORY || result == KAD_E_LIMIT))
        return; /* a limit: what now expires sooner is dropped late when there was no memory to note it */
    EXPECT_MSG(result == expected, "seed %llu step %u: announce said %d, not %d", (unsigned long long)m->seed,
               m->step, result, expected);
    if (result == KAD_OK) {
        if (!m->peers[k][h].held && n_here >= m->config.max_peers_per_key)
            m->peers[k][oldest].held = false;
        m->peers[k][h] = new;
    }
}

static void check_get(struct model *m, unsigned i)
{
    const struct kad_id key = test_store_key(i);
    struct test_store_content room;
    struct kad_record expected, got;
    const int result = m->store->ops->get(m->store, &key, m->now, &got);

    EXPECT_MSG(result == (m->records[i].held ? KAD_OK : KAD_E_NOT_FOUND), "seed %llu step %u: get %u said %d",
               (unsigned long long)m->seed, m->step, i, result);
    if (result == KAD_OK) {
        expected = make(&m->records[i], i, &room);
        EXPECT_MSG(test_store_same(&got, &expected), "seed %llu step %u: get %u", (unsigned long long)m->seed,
                   m->step, i);
    }
}

static void check_peers(struct model *m, unsigned k, enum kad_family family, bool no_seeds, size_t wanted,
                        bool expired)
{
    const struct kad_id key = test_store_key(k);
    struct kad_endpoint got[HOSTS];
    size_t n, n_there = 0, n_found = 0;

    n = m->store->ops->peers(m->store, &key, family, no_seeds, &m->rng, m->now, got, wanted);
    for (unsigned h = 0; h < HOSTS; h++) {
        const struct kad_endpoint peer = host(h);

        if (!m->peers[k][h].held || (family != KAD_FAMILY_NONE && peer.family != family) ||
            (no_seeds && m->peers[k][h].seed))
            continue;
        n_there++;
        for (size_t i = 0; i < n; i++)
            n_found += kad_endpoint_equal(&got[i], &peer);
    }
    /* Each answer is one of those there, and they are too few to come twice unnoticed. */
    EXPECT_MSG(n_found == n && n <= wanted && n <= n_there, "seed %llu step %u: %zu of %zu peers are right",
               (unsigned long long)m->seed, m->step, n_found, n);
    if (expired)
        EXPECT_MSG(n == (wanted < n_there ? wanted : n_there),
                   "seed %llu step %u: %zu peers of %zu, %zu wanted", (unsigned long long)m->seed, m->step, n,
                   n_there, wanted);
}

static void check_stats(struct model *m)
{
    struct kad_store_stats stats;
    uint64_t n_records = 0, n_keys = 0, n_peers = 0, bytes = 0;
    struct test_store_content room;
    struct kad_id keys[KEYS];
    uint32_t total;
    size_t n;

    for (unsigned i = 0; i < RECORDS; i++) {
        if (m->records[i].held) {
            const struct kad_record record = make(&m->records[i], i, &room);

            n_records++;
            bytes += record.value.size + record.salt.size;
        }
    }
    for (unsigned k = 0; k < KEYS; k++) {
        uint64_t here = 0;

        for (unsigned h = 0; h < HOSTS; h++)
            here += m->peers[k][h].held;
        n_peers += here;
        n_keys += here > 0;
    }
    m->store->ops->stats(m->store, &stats);
    EXPECT_MSG(stats.n_records == n_records && stats.record_bytes == bytes && stats.n_keys == n_keys &&
                   stats.n_peers == n_peers,
               "seed %llu step %u: %llu records of %llu, %llu peers of %llu", (unsigned long long)m->seed,
               m->step, (unsigned long long)stats.n_records, (unsigned long long)n_records,
               (unsigned long long)stats.n_peers, (unsigned long long)n_peers);
    EXPECT_EQ(stats.memory, ((const struct test_store_memory *)m->allocator->context)->in_use);
    n = m->store->ops->sample(m->store, &m->rng, m->now, keys, KEYS, &total);
    EXPECT_EQ(n, n_keys);
    EXPECT_EQ(total, n_keys);
}

static void check_all(struct model *m, bool expired)
{
    for (unsigned i = 0; i < RECORDS; i++)
        check_get(m, i);
    for (unsigned k = 0; k < KEYS; k++)
        check_peers(m, k, KAD_FAMILY_NONE, false, HOSTS, expired);
}

static bool run(struct model *m, unsigned n_steps)
{
    m->store = m->kind->open(m->allocator, &m->config);
    if (!m->store)
        return false;
    m->now = 1000 * UNIT;
    for (m->step = 1; m->step <= n_steps; m->step++) {
        const unsigned what = below(m, 100);

        if (what < 30) {
            do_put(m);
        } else if (what < 70) {
            do_announce(m);
        } else if (what < 80) {
            check_get(m, below(m, RECORDS));
        } else if (what < 90) {
            static const enum kad_family families[] = {KAD_FAMILY_NONE, KAD_IPV4, KAD_IPV6};

            check_peers(m, below(m, KEYS), families[below(m, 3)], below(m, 2), below(m, HOSTS), false);
        } else if (what < 94) {
            m->now += below(m, 6 * UNIT);
            forget_expired(m);
        } else {
            m->store->ops->expire(m->store, m->now); /* all of it: there are not 256 things */
            if (m->exact)
                check_stats(m);
            check_peers(m, below(m, KEYS), KAD_FAMILY_NONE, below(m, 2), below(m, HOSTS), m->exact);
        }
        if (m->store->ops->commit)
            EXPECT_EQ(m->store->ops->commit(m->store), KAD_OK);
        if (m->exact && m->kind->reopen && m->step % 300 == 0) {
            m->store = m->kind->reopen(m->store, m->allocator, &m->config, m->now);
            EXPECT(m->store != NULL);
            check_stats(m);
            check_all(m, true);
        }
    }
    check_all(m, false);
    m->kind->close(m->store);
    return true;
}

void test_store_random_operations_match_a_model(const struct test_store_kind *kind)
{
    for (uint64_t seed = 1; seed <= 12; seed++) {
        struct test_store_memory memory;
        struct model m = {
            .kind = kind, .allocator = &memory.allocator, .config = tight(), .seed = seed, .exact = true};

        test_store_memory_init(&memory);
        test_store_rng(&m.rng, seed);
        EXPECT(run(&m, STEPS));
        EXPECT_EQ(memory.in_use, 0);
    }
}

/* One allocation in five is refused: what was refused has changed nothing, and everything is given back. */
void test_store_random_operations_survive_want_of_memory(const struct test_store_kind *kind)
{
    for (uint64_t seed = 1; seed <= 12; seed++) {
        struct test_store_memory memory;
        struct model m = {.kind = kind, .allocator = &memory.allocator, .config = tight(), .seed = seed};

        test_store_memory_init(&memory);
        memory.state = seed;
        memory.fail_percent = 20;
        test_store_rng(&m.rng, seed);
        (void)run(&m, STEPS);
        EXPECT_EQ(memory.in_use, 0);
    }
}

void test_store_every_single_allocation_may_fail(const struct test_store_kind *kind)
{
    bool failed = true;

    for (unsigned n = 1; failed; n++) {
        struct test_store_memory memory;
        struct model m = {.kind = kind, .allocator = &memory.allocator, .config = tight(), .seed = n};

        test_store_memory_init(&memory);
        memory.fail_at = n;
        test_store_rng(&m.rng, 77);
        (void)run(&m, 120);
        EXPECT_EQ(memory.in_use, 0);
        failed = memory.fail_at == 0; /* still counting: there was no n-th allocation, and we are through */
        EXPECT(n < 10000);
    }
}
