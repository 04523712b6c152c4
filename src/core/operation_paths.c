/* operation_paths - on how many paths a request looks, how far, and how far its result can be believed. */
#include "core/confidence.h"
#include "core/gather.h"
#include "core/operation_parts.h"
#include "core/peers.h"

#include "base/endpoint.h"

#define SAMPLES_ENOUGH 8   /* lookups, until the size of the network counts as known */
#define SPARSE         20  /* thousandths: sparser than this, somebody is hidden from us */
#define DEALT_MOST     128 /* contacts of the own table that further paths begin with */
#define HEAD           0x1p64
#define AROUND_MOST    2.0 /* times the size that our own neighbourhood says, which errs by a fifth */

static double nodes_of(const struct kad_dht *dht, int family)
{
    const struct kad_estimate *estimate = &dht->estimates[family];

    return estimate->n_samples < SAMPLES_ENOUGH ? 0 : kad_estimate_nodes(estimate);
}

static double distance_between(const struct kad_id *a, const struct kad_id *b)
{
    const struct kad_id distance = kad_id_xor(a, b);

    return (double)kad_id_head(&distance) / HEAD;
}

/* From how dense our own neighbourhood is, which we know best. 0: we know too few. */
static double nodes_around_us(const struct kad_dht *dht, int family)
{
    const unsigned k = dht->settings->k;
    kad_contact_ref own[64];
    double distance;

    if (!dht->tables[family] || kad_table_closest(dht->tables[family], &dht->self, k, own) < k)
        return 0;
    distance = distance_between(&dht->self, &kad_book_contact(dht->book, own[k - 1])->id);
    return distance > 0 ? (k - 1) / distance : 0;
}

/* What lookups say, unless it is far more than our own neighbourhood says: somebody may stand around all keys that our users care
 * for. Who wants the radius small has to stand around us as well. */
static double nodes_believed(const struct kad_dht *dht, int family)
{
    const double sampled = nodes_of(dht, family), around = nodes_around_us(dht, family);

    return sampled <= 0 || (around > 0 && sampled > AROUND_MOST * around) ? around : sampled;
}

/* The radius that should hold `region_k` nodes, of whom no Sybil can push one out. */
uint64_t kad_operation_radius(const struct kad_dht *dht, int family)
{
    const double k = dht->settings->region_k;
    const double nodes = k > 0 ? nodes_believed(dht, family) : 0;

    return nodes <= 2 * k ? 0 : (uint64_t)(k / nodes * HEAD);
}

#define HOLDS 0.75 /* of those who are expected to hold a record, so that few are asked who do not */

/* How near to its key surely holds a record; 0: that cannot be told, or the request asks all of them anyway. */
static uint64_t holders_within(const struct kad_dht *dht, const struct kad_operation *operation, int family)
{
    const struct kad_request *request = &operation->request;
    const double nodes = nodes_believed(dht, family), replicas = dht->settings->replicas;

    if (!dht->settings->spread_gets || request->kind != KAD_REQUEST_GET ||
        !(request->first || request->record.type == KAD_RECORD_IMMUTABLE) || nodes <= 2 * replicas)
        return 0;
    return (uint64_t)(HOLDS * replicas / nodes * HEAD);
}

uint64_t kad_operation_nearby(const struct kad_dht *dht, int family)
{
    const double k = dht->settings->k, nodes = nodes_believed(dht, family);

    return nodes <= 2 * k ? 0 : (uint64_t)(k / nodes * HEAD);
}

/* Targets of users are no random ones: where they stand too close, somebody chose to stand there. Those of our own refreshing nobody
 * could foresee. */
void kad_operation_learn_size(struct kad_dht *dht, const struct kad_operation *operation, int family,
                              const struct kad_id *kth)
{
    const unsigned k = dht->settings->k;
    const double nodes = dht->settings->region_k ? nodes_believed(dht, family) : 0;
    bool sparse = true;

    if (operation->owner != KAD_OWNER_REFRESH && nodes > 2 * k &&
        kad_density_confidence(nodes, k, distance_between(&operation->request.target, kth), &sparse) < 1000 &&
        !sparse)
        return;
    kad_estimate_add(&dht->estimates[family], &operation->request.target, kth, k);
}

#define RANK_MS    25 /* of latency are one step */
#define RANKS_FAST 200

/* Whom we know to be fast before whom we do not know, and those before the slow; the gray last. */
uint8_t kad_operation_rank(const void *context, kad_contact_ref contact)
{
    const struct kad_dht *dht = context;
    const struct kad_contact *who = kad_book_contact(dht->book, contact);
    const struct kad_table *table = dht->tables[kad_family_index(who->endpoint.family)];
    const struct kad_slot *slot = table ? kad_table_find(table, contact) : NULL;
    kad_ms rtt = dht->rtt_8 < 0 ? 0 : dht->rtt_8 / 8;

    if (kad_score_state(kad_peers_scores(dht), &who->id, NULL, dht->member ? dht->member->scored_at : 0) !=
        KAD_PEER_FINE)
        return KAD_LOOKUP_LAST;
    if (slot && slot->rtt_ms != UINT16_MAX)
        rtt = slot->rtt_ms;
    return (uint8_t)(rtt / RANK_MS < RANKS_FAST ? rtt / RANK_MS : RANKS_FAST);
}

static struct kad_lookup_config config_of(const struct kad_dht *dht)
{
    const struct kad_settings *settings = dht->settings;

    return (struct kad_lookup_config){
        .width = settings->k,
        .parallel = settings->alpha,
        .parallel_end = settings->alpha_end,
        .retries = settings->lookup_retries,
        .spare = settings->lookup_spare,
        .beyond = settings->lookup_beyond,
        .per_introducer = settings->per_introducer,
        .narrow_per_lookup = settings->narrow_per_lookup,
        .limit_local = settings->limit_local,
        .rank = kad_operation_rank,
        .rank_context = dht,
    };
}

/* One of many: narrower, one question at a time on the way, and no more than its share where others are dead. */
static struct kad_lookup_config config_of_path(const struct kad_dht *dht, unsigned n_paths, uint64_t region)
{
    struct kad_lookup_config config = config_of(dht);

    config.width = kad_paths_width(config.width, n_paths);
    config.parallel = n_paths > 2 ? 1 : config.parallel;
    config.spare = config.beyond = 0;
    config.region = region;
    return config;
}

/* What we ask for ourselves again and again is not worth many paths. */
static bool on_many_paths(const struct kad_dht *dht, const struct kad_operation *operation)
{
    return dht->settings->paths > 1 &&
           (kad_operation_is_hosts(operation) || operation->owner == KAD_OWNER_REST);
}

void kad_operation_seed(struct kad_dht *dht, struct kad_operation *operation)
{
    const bool stores = kad_request_stores(&operation->request);
    /* Who holds a record and stores it again goes to the nearest: the publisher covers the region. */
    const bool publishes =
        stores && (operation->owner == KAD_OWNER_HOST || operation->owner == KAD_OWNER_PUBLISH);
    const unsigned k = dht->settings->k;

    for (int i = 0; i < KAD_FAMILIES; i++) {
        const uint64_t region = publishes && !operation->request.replicas ? kad_operation_radius(dht, i) : 0;
        struct kad_lookup_config config = config_of(dht);
        kad_contact_ref closest[64], others[64];
        size_t n, n_paths = 1, n_others = 0;

        if (!dht->tables[i])
            continue;
        operation->families[i] = true;
        config.region = region;
        config.alike = holders_within(dht, operation, i);
        /* Where the slowest of the k nearest ends it, all of them are asked at once, as the paper has it. */
        if (operation->request.kind == KAD_REQUEST_CLOSEST && operation->owner == KAD_OWNER_HOST &&
            config.parallel_end)
            config.parallel_end = config.width;
        config.alike_seed = kad_id_head(&dht->self);
        /* Twice the width: when the nearest have all just died, there is somebody left to ask. */
        n = kad_table_closest(dht->tables[i], &operation->request.target,
                              k < 32 && !dht->settings->per_introducer ? 2 * k : 64, closest);
        if (stores && on_many_paths(dht, operation) && !kad_operation_hurries(dht, operation))
            n_paths = n / 2 < dht->settings->paths ? n / 2 : dht->settings->paths;
        if (n_paths > 1) {
            const unsigned beyond = config.beyond, spare = config.spare;

            config = config_of_path(dht, (unsigned)n_paths, region);
            config.beyond = beyond;
            config.spare = spare;
        }
        kad_paths_init(&operation->paths[i], dht->allocator, dht->book, &operation->request.target, &config);
        operation->paths[i].keep_going = dht->settings->path_keep_going;
        for (size_t j = 0; j < n; j++) {
            if (n_paths <= 1 || j % n_paths == 0)
                kad_paths_add(&operation->paths[i], closest[j]);
            else
                others[n_others++] = closest[j];
        }
        if (n_paths > 1) {
            config = config_of_path(dht, (unsigned)n_paths, region);
            kad_paths_open(&operation->paths[i], (unsigned)n_paths - 1, &config, others, n_others);
        }
    }
}

/* -- once more -------------------------------------------------------------------------------------------------- */

bool kad_operation_found_nothing(const struct kad_operation *operation)
{
    if (operation->request.kind == KAD_REQUEST_GET || operation->request.kind == KAD_REQUEST_TAKE)
        return operation->best.type == KAD_RECORD_NONE &&
               (!operation->gathered || !operation->gathered->n_records);
    return operation->request.kind == KAD_REQUEST_PEERS && !operation->n_peers && !operation->request.scrape;
}

/* The lookup as it was goes on, wider, and with all that our table knows near the target. */
static void go_on(struct kad_dht *dht, struct kad_operation *operation, int family, unsigned wider)
{
    struct kad_lookup *lookup = &operation->paths[family].first;
    kad_contact_ref known[64];
    const size_t n =
        kad_table_closest(dht->tables[family], &operation->request.target, KAD_COUNT_OF(known), known);

    kad_lookup_resume(lookup, lookup->config.width + wider);
    for (size_t j = 0; j < n; j++)
        kad_lookup_add(lookup, known[j]);
}

static bool open_more(struct kad_dht *dht, struct kad_operation *operation, int family)
{
    const unsigned n_paths = dht->settings->paths;
    const struct kad_lookup_config config = config_of_path(dht, n_paths, kad_operation_radius(dht, family));
    kad_contact_ref known[DEALT_MOST];
    const size_t n =
        kad_table_closest(dht->tables[family], &operation->request.target, KAD_COUNT_OF(known), known);

    return kad_paths_open(&operation->paths[family], n_paths, &config, known, n);
}

/* Once: where nodes come and go, those who hold a value need not be among the k nearest of today; where most of the nearest name
 * nobody alive, our own table has others; and where the result is too sparse, or a value nowhere, liars may have led all of the
 * way, so others of our contacts are asked on paths of their own. */
bool kad_operation_look_further(struct kad_dht *dht, struct kad_operation *operation)
{
    const bool nothing = kad_operation_found_nothing(operation);
    bool goes_on = false;

    if (operation->looked_further || operation->only)
        return false;
    operation->looked_further = true;
    for (int i = 0; i < KAD_FAMILIES; i++) {
        bool exhausted;

        if (!operation->families[i])
            continue;
        exhausted = kad_paths_reason(&operation->paths[i]) == KAD_REASON_EXHAUSTED;
        if (on_many_paths(dht, operation) && (nothing || kad_operation_confidence(dht, operation, i).sparse))
            goes_on = open_more(dht, operation, i) || goes_on;
        if ((nothing && dht->settings->lookup_widen) || exhausted) {
            go_on(dht, operation, i, nothing ? dht->settings->lookup_widen : 0);
            goes_on = true;
        }
    }
    return goes_on;
}

/* -- how far it can be believed --------------------------------------------------------------------------------- */

static int16_t groups_among(const struct kad_dht *dht, const kad_contact_ref *contacts, size_t n)
{
    uint64_t groups[64];
    size_t n_groups = 0, n_counted = 0;

    for (size_t i = 0; i < n && i < KAD_COUNT_OF(groups); i++) {
        const struct kad_endpoint *endpoint = &kad_book_contact(dht->book, contacts[i])->endpoint;
        const uint64_t group = kad_endpoint_wide_group(endpoint);
        size_t j = 0;

        if (!dht->settings->limit_local && kad_endpoint_scope(endpoint) != KAD_SCOPE_PUBLIC)
            continue;
        n_counted++;
        while (j < n_groups && groups[j] != group)
            j++;
        if (j == n_groups)
            groups[n_groups++] = group;
    }
    if (!n_counted)
        return -1;
    return (int16_t)(2 * n_groups >= n_counted ? 1000 : 2000 * n_groups / n_counted);
}

static void least(struct kad_confidence *confidence, int16_t figure)
{
    if (figure >= 0 && (confidence->all < 0 || figure < confidence->all))
        confidence->all = figure;
}

struct kad_confidence kad_operation_confidence(const struct kad_dht *dht,
                                               const struct kad_operation *operation, int family)
{
    struct kad_confidence confidence = {.all = -1, .density = -1, .groups = -1, .agreement = -1};
    const struct kad_paths *paths = &operation->paths[family];
    const double nodes = nodes_of(dht, family);
    kad_contact_ref closest[64];
    bool sparse = false;
    size_t n;

    if (!operation->families[family])
        return confidence;
    n = kad_paths_closest(paths, dht->settings->k, closest);
    if (n == 0)
        return confidence;
    confidence.groups = groups_among(dht, closest, n);
    if (paths->n_more)
        confidence.agreement = (int16_t)kad_paths_agreement(paths, closest, n);
    if (n == dht->settings->k && nodes > 2.0 * (double)n) {
        const struct kad_id *kth = &kad_book_contact(dht->book, closest[n - 1])->id;

        confidence.density = (int16_t)kad_density_confidence(
            nodes, (unsigned)n, distance_between(&operation->request.target, kth), &sparse);
    }
    confidence.sparse = sparse && confidence.density < SPARSE;
    least(&confidence, confidence.density);
    least(&confidence, confidence.groups);
    least(&confidence, confidence.agreement);
    return confidence;
}
