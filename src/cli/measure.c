/* measure - see measure.h: lookups, stores and signatures. */
#include "cli/measure.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/endpoint.h"
#include "bench/udp.h"
#include "core/store.h"
#include "crypto/crypto.h"
#include "crypto/rng.h"
#include "kad/testnet.h"
#include "store/lmdb.h"
#include "store/mem.h"

#define AT_ONCE        16
#define LOOKUPS_MAX    20000
#define GETS_A_RECORD  20
#define VALUE          500
#define PUTS_A_TURN    32
#define PUTS_A_SYNC    100
#define SIGNED         200
#define STORE_NOW      1000
#define DIFFERENT_KEYS 32 /* of signatures, so that no key's computations stay warm */

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

double kad_measure_median(double *values, unsigned n)
{
    qsort(values, n, sizeof *values, by_value);
    return n ? values[n / 2] : 0;
}

static double since_s(int64_t began_ns)
{
    return (double)(bench_now_ns() - began_ns) / 1e9;
}

static struct kad_id key_of(uint64_t number)
{
    struct kad_id key = {{0}};

    kad_sha1(&number, sizeof number, key.bytes);
    return key;
}

/* -- lookups ----------------------------------------------------------------------------------------------------- */

struct walks;

struct walk {
    struct walks *walks;
    int64_t began_ns;
};

/* Everything but `under_way` belongs to the network's thread. */
struct walks {
    struct kad_node *node;
    struct walk walk[AT_ONCE];
    double *ms; /* LOOKUPS_MAX */
    uint64_t n_done, n_failed, n_queries, number;
    int64_t until_ns;
    unsigned n_at_once;
    pthread_mutex_t lock;
    pthread_cond_t ended;
    unsigned under_way;
};

static void on_found(void *user, const struct kad_event *event);

static void begin(struct walk *walk)
{
    struct kad_request request = {.kind = KAD_REQUEST_CLOSEST, .target = key_of(walk->walks->number++)};

    walk->began_ns = bench_now_ns();
    if (kad_node_request(walk->walks->node, &request, on_found, walk, NULL) == KAD_OK)
        return;
    walk->walks->n_failed++;
    pthread_mutex_lock(&walk->walks->lock);
    walk->walks->under_way--;
    pthread_cond_signal(&walk->walks->ended);
    pthread_mutex_unlock(&walk->walks->lock);
}

static void on_found(void *user, const struct kad_event *event)
{
    struct walk *walk = user;
    struct walks *walks = walk->walks;
    const int64_t now = bench_now_ns();

    if (event->kind != KAD_EVENT_DONE)
        return;
    walks->n_failed += event->done.error != KAD_OK;
    walks->n_queries += event->done.n_queries;
    if (walks->n_done < LOOKUPS_MAX)
        walks->ms[walks->n_done++] = (double)(now - walk->began_ns) / 1e6;
    if (now < walks->until_ns && walks->n_done < LOOKUPS_MAX) {
        begin(walk);
        return;
    }
    pthread_mutex_lock(&walks->lock);
    walks->under_way--;
    pthread_cond_signal(&walks->ended);
    pthread_mutex_unlock(&walks->lock);
}

static void begin_all(struct kad_node *node, void *user)
{
    struct walks *walks = user;

    (void)node;
    for (unsigned i = 0; i < walks->n_at_once; i++)
        begin(&walks->walk[i]);
}

/* How long it took, in seconds; negative: it failed. */
static double walk_for(struct walks *walks, unsigned n_at_once, double seconds)
{
    const int64_t began = bench_now_ns();

    walks->n_done = 0;
    walks->until_ns = began + (int64_t)(seconds * 1e9);
    walks->under_way = walks->n_at_once = n_at_once;
    for (unsigned i = 0; i < n_at_once; i++)
        walks->walk[i].walks = walks;
    if (kad_node_call(walks->node, begin_all, walks) != KAD_OK)
        return -1;
    pthread_mutex_lock(&walks->lock);
    while (walks->under_way > 0)
        pthread_cond_wait(&walks->ended, &walks->lock);
    pthread_mutex_unlock(&walks->lock);
    return since_s(began);
}

bool kad_measure_lookups(double seconds, struct kad_lookup_figures *out_figures)
{
    struct walks walks = {.lock = PTHREAD_MUTEX_INITIALIZER, .ended = PTHREAD_COND_INITIALIZER};
    struct kad_testnet *net;
    double took_s = -1;
    char why[256];

    memset(out_figures, 0, sizeof *out_figures);
    if (kad_testnet_new(KAD_MEASURE_NODES, &net, why, sizeof why) != KAD_OK) {
        fprintf(stderr, "kad: %s\n", why);
        return false;
    }
    walks.node = kad_testnet_node(net, KAD_MEASURE_NODES - 1);
    walks.ms = malloc(LOOKUPS_MAX * sizeof *walks.ms);
    if (walks.ms && walk_for(&walks, 1, seconds / 2) > 0) {
        out_figures->alone_p50_ms = kad_measure_median(walks.ms, (unsigned)walks.n_done);
        out_figures->alone_p99_ms = walks.n_done ? walks.ms[walks.n_done * 99 / 100] : 0;
        took_s = walk_for(&walks, AT_ONCE, seconds / 2);
    }
    if (took_s > 0) {
        out_figures->per_s = (double)walks.n_done / took_s;
        out_figures->lookups = walks.number;
        out_figures->queries = (double)walks.n_queries / (double)walks.number;
        out_figures->failed = walks.n_failed;
    }
    kad_testnet_free(net);
    free(walks.ms);
    return took_s > 0;
}

/* -- stores ------------------------------------------------------------------------------------------------------ */

static struct kad_store *open_store(const char *folder, unsigned n_records)
{
    struct kad_lmdb_store_config config = {.path = folder};
    struct kad_store *store;
    char why[256] = "out of memory";
    int error;

    kad_mem_store_config_default(&config.mem);
    config.mem.max_records = (uint64_t)n_records * 4;
    config.mem.max_record_bytes = (uint64_t)n_records * 4 * KAD_RECORD_VALUE_MAX;
    if (folder)
        error = kad_lmdb_store_open(&kad_allocator_system, &config, 1, STORE_NOW, why, sizeof why, &store);
    else
        error = kad_mem_store_new(&kad_allocator_system, &config.mem, 1, &store);
    if (error == KAD_OK)
        return store;
    fprintf(stderr, "kad: %s: %s\n", folder ? folder : "memory", why);
    return NULL;
}

/* Puts `n` values, numbers from `first` on, and tells the store after each `turn` of them that a turn has ended. */
static bool put(struct kad_store *store, unsigned first, unsigned n, unsigned turn, bool sync)
{
    const uint8_t address[4] = {127, 0, 0, 1};
    const struct kad_endpoint publisher = kad_endpoint_v4(address, 6881);
    uint8_t value[VALUE] = {0};

    for (unsigned i = 0; i < n; i++) {
        struct kad_record record = {.type = KAD_RECORD_IMMUTABLE,
                                    .key = key_of(first + i),
                                    .value = {value, sizeof value},
                                    .expires_at = STORE_NOW + KAD_HOUR};

        memcpy(value, record.key.bytes, sizeof record.key.bytes);
        if (store->ops->put(store, &record, &publisher, STORE_NOW) != KAD_OK)
            return false;
        if ((i + 1) % turn != 0 && i + 1 != n)
            continue;
        if ((store->ops->commit && store->ops->commit(store) != KAD_OK) ||
            (sync && kad_lmdb_store_sync(store) != KAD_OK))
            return false;
    }
    return true;
}

static bool get(struct kad_store *store, unsigned n_records, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        const struct kad_id key = key_of((uint64_t)i * 7919 % n_records);
        struct kad_record record;

        if (store->ops->get(store, &key, STORE_NOW, &record) != KAD_OK)
            return false;
    }
    return true;
}

bool kad_measure_store(const char *folder, unsigned n_records, struct kad_store_figures *out_figures)
{
    struct kad_store *store = open_store(folder, n_records);
    const unsigned n_synced = n_records / 4;
    bool good = store != NULL;
    int64_t began = bench_now_ns();

    memset(out_figures, 0, sizeof *out_figures);
    if (!store)
        return false;
    good = put(store, 0, n_records, PUTS_A_TURN, false);
    out_figures->put_per_s = (double)n_records / since_s(began);
    began = bench_now_ns();
    good = good && get(store, n_records, GETS_A_RECORD * n_records);
    out_figures->get_per_s = GETS_A_RECORD * (double)n_records / since_s(began);
    began = bench_now_ns();
    if (folder && good) {
        good = put(store, n_records, n_synced, PUTS_A_SYNC, true);
        out_figures->synced_per_s = (double)n_synced / since_s(began);
    }
    store->ops->free(store);
    return good;
}

/* -- signatures -------------------------------------------------------------------------------------------------- */

void kad_measure_crypto(double seconds, struct kad_crypto_figures *out_figures)
{
    uint8_t seed[KAD_ED25519_SEED] = {0}, text[SIGNED] = {0};
    uint8_t public_keys[DIFFERENT_KEYS][KAD_ED25519_PUBLIC], secrets[DIFFERENT_KEYS][KAD_ED25519_SECRET];
    uint8_t signatures[DIFFERENT_KEYS][KAD_ED25519_SIGNATURE];
    uint64_t n = 0;
    bool good = true;
    int64_t began;

    for (unsigned i = 0; i < DIFFERENT_KEYS; i++) {
        seed[0] = (uint8_t)i;
        kad_ed25519_keypair(seed, public_keys[i], secrets[i]);
    }
    for (began = bench_now_ns(); since_s(began) < seconds / 2; n++)
        kad_ed25519_sign(secrets[n % DIFFERENT_KEYS], text, sizeof text, signatures[n % DIFFERENT_KEYS]);
    out_figures->sign_per_s = (double)n / since_s(began);
    n = 0;
    for (began = bench_now_ns(); since_s(began) < seconds / 2; n++)
        good &= kad_ed25519_verify(public_keys[n % DIFFERENT_KEYS], text, sizeof text,
                                   signatures[n % DIFFERENT_KEYS]);
    out_figures->verify_per_s = good ? (double)n / since_s(began) : 0;
}
