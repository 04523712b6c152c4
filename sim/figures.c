#include "sim/figures.h"

#include <stdlib.h>
#include <string.h>

#include "core/id.h"
#include "engine/network.h"
#include "sim/attack.h"
#include "sim/siege.h"

#define CRAWLED_MOST 2000 /* nodes whose tables are looked into */
#define ROWS_MOST    512

/* -- tables ----------------------------------------------------------------------------------------------------- */

struct crawl {
    uint64_t contacts, live, nodes, know_all, know_most, fakes;
    uint64_t hostile, hostile_most;
    uint64_t of_full, live_of_full; /* contacts in buckets that are full; the others are the rest */
};

/* Rows of a bucket stand together. */
static size_t n_in_bucket(const struct kad_table_row *rows, size_t n, size_t row)
{
    size_t first = row, last = row, count = 0;

    while (first > 0 && rows[first - 1].bucket == rows[row].bucket)
        first--;
    while (last < n && rows[last].bucket == rows[row].bucket)
        count += !rows[last++].replacement;
    while (first < row)
        count += !rows[first++].replacement;
    return count;
}

/* A contact is live if the node of that address and id is on. */
static void crawl_rows(const struct sim_run *run, const struct kad_table_row *rows, size_t n,
                       struct crawl *crawl)
{
    uint64_t hostile = 0;

    for (size_t i = 0; i < n; i++) {
        const struct kad_contact *contact = &rows[i].contact;
        const uint32_t node = sim_node_at(run->world, &contact->endpoint);
        const bool full = n_in_bucket(rows, n, i) >= run->scenario.config.settings.k;
        const bool real = node != SIM_NOBODY && kad_id_equal(sim_node_id(run->world, node), &contact->id);

        crawl->fakes += !real && !sim_attack_owns(run, &contact->endpoint);
        if (rows[i].replacement)
            continue;
        crawl->contacts++;
        crawl->live += real && sim_node_engine(run->world, node);
        crawl->of_full += full;
        crawl->live_of_full += full && real && sim_node_engine(run->world, node);
        hostile += real && sim_node_hostile(run->world, node);
    }
    crawl->hostile += hostile;
    crawl->hostile_most = hostile > crawl->hostile_most ? hostile : crawl->hostile_most;
}

static bool knows(const struct kad_table_row *rows, size_t n, const struct kad_id *id)
{
    for (size_t i = 0; i < n; i++) {
        if (!rows[i].replacement && kad_id_equal(&rows[i].contact.id, id))
            return true;
    }
    return false;
}

static void crawl_node(struct sim_run *run, uint32_t node, struct crawl *crawl)
{
    static const enum kad_family families[] = {KAD_IPV4, KAD_IPV6};
    const unsigned k = run->scenario.config.settings.k;
    uint32_t nearest[65];
    const size_t n_nearest = sim_world_closest(run->world, sim_node_id(run->world, node), k + 1, nearest);
    size_t missing = 0;

    for (int i = 0; i < 2; i++) {
        struct kad_table_row rows[ROWS_MOST];
        size_t n;

        if (!(i ? run->scenario.config.ipv6 : run->scenario.config.ipv4))
            continue;
        n = kad_engine_table(sim_node_engine(run->world, node), families[i], rows, ROWS_MOST);
        n = n < ROWS_MOST ? n : ROWS_MOST;
        crawl_rows(run, rows, n, crawl);
        for (size_t j = 0; j < n_nearest; j++)
            missing += nearest[j] != node && !knows(rows, n, sim_node_id(run->world, nearest[j]));
    }
    crawl->nodes++;
    crawl->know_all += missing == 0;
    crawl->know_most += missing <= k / 10; /* 18 of 20 */
}

static double percent(uint64_t part, uint64_t whole)
{
    return whole ? 100.0 * (double)part / (double)whole : 0;
}

/* Of a record, at honest nodes that are on. */
static double count_copies(const struct sim_run *run)
{
    uint64_t copies = 0;

    for (uint32_t i = 0; i < sim_world_n_honest(run->world); i++) {
        struct kad_store *store = sim_node_store(run->world, i);
        struct kad_record record;

        for (uint32_t j = 0; store && j < run->records.n; j++)
            copies +=
                store->ops->get(store, &run->records.items[j].key, sim_world_ms(run->world), &record) == 0;
    }
    return run->records.n ? (double)copies / run->records.n : 0;
}

static void count_health(struct sim_run *run)
{
    const uint32_t n = sim_world_n_honest(run->world);
    const uint32_t step = n / CRAWLED_MOST + 1;
    struct crawl crawl = {0};

    if (run->counted_health)
        return;
    for (uint32_t i = 0; i < n; i += step) {
        if (sim_node_engine(run->world, i) && !sim_node_hostile(run->world, i))
            crawl_node(run, i, &crawl);
    }
    run->live_percent = percent(crawl.live, crawl.contacts);
    run->live_full_percent = percent(crawl.live_of_full, crawl.of_full);
    run->live_rest_percent = percent(crawl.live - crawl.live_of_full, crawl.contacts - crawl.of_full);
    run->known_percent = percent(crawl.know_all, crawl.nodes);
    run->nearly_known_percent = percent(crawl.know_most, crawl.nodes);
    run->fakes = crawl.fakes;
    run->contacts_mean = crawl.nodes ? (double)crawl.contacts / (double)crawl.nodes : 0;
    run->hostile_mean = crawl.nodes ? (double)crawl.hostile / (double)crawl.nodes : 0;
    run->hostile_most = crawl.hostile_most;
    run->honest_copies = count_copies(run);
    run->counted_health = true;
}

/* -- kinds of figures ------------------------------------------------------------------------------------------- */

static double mean_of(const uint64_t hops[SIM_HOPS_MAX])
{
    uint64_t n = 0, sum = 0;

    for (uint64_t i = 0; i < SIM_HOPS_MAX; i++) {
        n += hops[i];
        sum += i * hops[i];
    }
    return n ? (double)sum / (double)n : 0;
}

static double hops_percentile(const uint64_t hops[SIM_HOPS_MAX], uint64_t wanted)
{
    uint64_t n = 0, seen = 0;

    for (size_t i = 0; i < SIM_HOPS_MAX; i++)
        n += hops[i];
    for (size_t i = 0; i < SIM_HOPS_MAX; i++) {
        seen += hops[i];
        if (seen * 100 >= n * wanted)
            return (double)i;
    }
    return 0;
}

static int by_size(const void *a, const void *b)
{
    const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

static double percentile(struct sim_sample *sample, size_t wanted)
{
    if (!sample->n)
        return 0;
    if (!sample->sorted)
        qsort(sample->values, sample->n, sizeof(*sample->values), by_size);
    sample->sorted = true;
    return sample->values[(sample->n - 1) * wanted / 100];
}

static double per(uint64_t sum, uint64_t n)
{
    return n ? (double)sum / (double)n : 0;
}

/* -- the list --------------------------------------------------------------------------------------------------- */

enum which {
    NODES,
    ON,
    LOOKUPS,
    SUCCESS,
    CLOSEST,
    HOPS,
    HOPS_50,
    HOPS_99,
    MET,
    FIRST_HOPS,
    FIRST_HOPS_99,
    FIRST_50,
    FIRST_99,
    QUERIES,
    TIMEOUTS,
    TOOK_50,
    TOOK_90,
    TOOK_99,
    PUTS,
    STORED,
    COPIES,
    PUT_QUERIES,
    PUT_DIALS,
    PUT_50,
    PUT_95,
    PUT_99,
    GETS,
    FOUND,
    FOUND_HELD,
    AGREED,
    GET_HOPS,
    GET_QUERIES,
    GET_DIALS,
    GET_50,
    GET_95,
    GET_99,
    ANNOUNCES,
    ANNOUNCED,
    FINDS,
    PEERS_FOUND,
    LIVE,
    LIVE_FULL,
    LIVE_REST,
    KNOWN,
    NEARLY_KNOWN,
    EFFORT,
    CONTACTS,
    HOSTILE,
    HOSTILE_MOST,
    HONEST_COPIES,
    STORING,
    FAKES,
    STRAYS,
    SENT_FALSELY,
    AMPLIFIED,
    REFLECTED,
    DATAGRAMS,
    LOST,
    ABORTED,
    LINKS,
    DIALS,
    DIALS_FAILED,
    DIALS_SPARED,
    TRIMMED,
    MEMORY,
    EVENTS,
    CHECKS,
    WATCHED,
    PATHS,
    NEAREST_HONEST,
    WATCHED_FOUND,
    WATCHED_CONTACTS,
    IN_TABLE,
    IN_TABLE_MOST,
    IN_NEAR,
    IN_ACTIVE,
    IN_ACTIVE_MOST,
    IN_ANCHORS,
    IN_ANCHORS_MOST,
    ALARMED,
    ALARMED_IN_PEACE,
    REGIONS_SILENT,
    REGIONS_BACK,
    REGION_ALARM,
};

/* Which tally must have begun for the figure to mean anything. */
enum of {
    ALWAYS,
    OF_LOOKUPS,
    OF_PUTS,
    OF_GETS,
    OF_ANNOUNCES,
    OF_FINDS,
    OF_REFLECTION,
    OF_CONTESTS,
    OF_LINKS,
    OF_PUT_DIALS,
    OF_GET_DIALS,
    OF_WATCHED
};

static const struct {
    const char *name, *unit;
    enum which which;
    enum of of;
} list[] = {
    {"nodes", "", NODES, ALWAYS},
    {"nodes on", "", ON, ALWAYS},
    {"lookups", "", LOOKUPS, OF_LOOKUPS},
    {"success", "%", SUCCESS, OF_LOOKUPS},
    {"true closest", "%", CLOSEST, OF_LOOKUPS},
    {"hops", "", HOPS, OF_LOOKUPS},
    {"hops p50", "", HOPS_50, OF_LOOKUPS},
    {"hops p99", "", HOPS_99, OF_LOOKUPS},
    {"holders met", "%", MET, OF_LOOKUPS},
    {"hops to holder", "", FIRST_HOPS, OF_LOOKUPS},
    {"hops to holder p99", "", FIRST_HOPS_99, OF_LOOKUPS},
    {"holder p50", "ms", FIRST_50, OF_LOOKUPS},
    {"holder p99", "ms", FIRST_99, OF_LOOKUPS},
    {"queries per lookup", "", QUERIES, OF_LOOKUPS},
    {"timeouts per lookup", "", TIMEOUTS, OF_LOOKUPS},
    {"lookup p50", "ms", TOOK_50, OF_LOOKUPS},
    {"lookup p90", "ms", TOOK_90, OF_LOOKUPS},
    {"lookup p99", "ms", TOOK_99, OF_LOOKUPS},
    {"puts", "", PUTS, OF_PUTS},
    {"stored", "%", STORED, OF_PUTS},
    {"copies per put", "", COPIES, OF_PUTS},
    {"honest copies", "", HONEST_COPIES, OF_PUTS},
    {"queries per put", "", PUT_QUERIES, OF_PUTS},
    {"dials per put", "", PUT_DIALS, OF_PUT_DIALS},
    {"put p50", "ms", PUT_50, OF_PUTS},
    {"put p95", "ms", PUT_95, OF_PUTS},
    {"put p99", "ms", PUT_99, OF_PUTS},
    {"gets", "", GETS, OF_GETS},
    {"found", "%", FOUND, OF_GETS},
    {"found of held", "%", FOUND_HELD, OF_GETS},
    {"agreed", "%", AGREED, OF_CONTESTS},
    {"hops to value", "", GET_HOPS, OF_GETS},
    {"queries per get", "", GET_QUERIES, OF_GETS},
    {"dials per get", "", GET_DIALS, OF_GET_DIALS},
    {"value p50", "ms", GET_50, OF_GETS},
    {"value p95", "ms", GET_95, OF_GETS},
    {"value p99", "ms", GET_99, OF_GETS},
    {"announces", "", ANNOUNCES, OF_ANNOUNCES},
    {"announced", "%", ANNOUNCED, OF_ANNOUNCES},
    {"finds", "", FINDS, OF_FINDS},
    {"peers found", "%", PEERS_FOUND, OF_FINDS},
    {"contacts live", "%", LIVE, ALWAYS},
    {"live in full buckets", "%", LIVE_FULL, ALWAYS},
    {"live in others", "%", LIVE_REST, ALWAYS},
    {"neighbourhoods known", "%", KNOWN, ALWAYS},
    {"nine tenths known", "%", NEARLY_KNOWN, ALWAYS},
    {"queries per node hour", "", EFFORT, ALWAYS},
    {"contacts per table", "", CONTACTS, ALWAYS},
    {"hostile contacts", "", HOSTILE, ALWAYS},
    {"hostile contacts most", "", HOSTILE_MOST, ALWAYS},
    {"queries per record", "", STORING, OF_PUTS},
    {"fake contacts", "", FAKES, ALWAYS},
    {"strays", "", STRAYS, ALWAYS},
    {"sent falsely", "bytes", SENT_FALSELY, OF_REFLECTION},
    {"amplification", "", AMPLIFIED, OF_REFLECTION},
    {"reflected of allowed", "%", REFLECTED, OF_REFLECTION},
    {"datagrams", "", DATAGRAMS, ALWAYS},
    {"datagrams lost", "", LOST, ALWAYS},
    {"requests cut off", "", ABORTED, ALWAYS},
    {"connections per node", "", LINKS, OF_LINKS},
    {"dials", "", DIALS, OF_LINKS},
    {"dials failed", "", DIALS_FAILED, OF_LINKS},
    {"dials spared", "", DIALS_SPARED, OF_LINKS},
    {"connections trimmed", "", TRIMMED, OF_LINKS},
    {"memory per node", "bytes", MEMORY, ALWAYS},
    {"events", "", EVENTS, ALWAYS},
    {"checks", "", CHECKS, ALWAYS},
    {"watched samples", "", WATCHED, OF_WATCHED},
    {"honest path", "%", PATHS, OF_WATCHED},
    {"nearest honest", "%", NEAREST_HONEST, OF_WATCHED},
    {"watched found", "%", WATCHED_FOUND, OF_WATCHED},
    {"watched contacts", "", WATCHED_CONTACTS, OF_WATCHED},
    {"hostile in table", "%", IN_TABLE, OF_WATCHED},
    {"hostile in table most", "%", IN_TABLE_MOST, OF_WATCHED},
    {"hostile nearest", "%", IN_NEAR, OF_WATCHED},
    {"hostile active", "%", IN_ACTIVE, OF_WATCHED},
    {"hostile active most", "%", IN_ACTIVE_MOST, OF_WATCHED},
    {"hostile anchors", "%", IN_ANCHORS, OF_WATCHED},
    {"hostile anchors most", "%", IN_ANCHORS_MOST, OF_WATCHED},
    {"alarmed", "", ALARMED, OF_WATCHED},
    {"alarmed in peace", "", ALARMED_IN_PEACE, OF_WATCHED},
    {"regions silent", "", REGIONS_SILENT, OF_WATCHED},
    {"regions back", "", REGIONS_BACK, OF_WATCHED},
    {"region alarm after", "ms", REGION_ALARM, OF_WATCHED},
};

#define N_FIGURES (sizeof(list) / sizeof(list[0]))

bool sim_figure_exists(const char *name)
{
    for (size_t i = 0; i < N_FIGURES; i++) {
        if (strcmp(list[i].name, name) == 0)
            return true;
    }
    return false;
}

static bool has_links(const struct sim_run *run)
{
    return run->scenario.config.network->carrier == KAD_CARRIER_HOST;
}

static double links_per_node(const struct sim_run *run)
{
    uint64_t links = 0;

    for (uint32_t i = 0; i < sim_world_n_nodes(run->world); i++)
        links += sim_node_links(run->world, i);
    return per(links, sim_world_n_on(run->world));
}

static bool means_something(const struct sim_run *run, enum of of)
{
    switch (of) {
    case ALWAYS:
        return true;
    case OF_LOOKUPS:
        return run->lookups.started;
    case OF_PUTS:
        return run->puts.started;
    case OF_GETS:
        return run->gets.started;
    case OF_ANNOUNCES:
        return run->announces.started;
    case OF_FINDS:
        return run->finds.started;
    case OF_REFLECTION:
        return sim_attack_reflection(run).sent_bytes;
    case OF_CONTESTS:
        return run->gets.contested;
    case OF_LINKS:
        return has_links(run);
    case OF_PUT_DIALS:
        return has_links(run) && run->puts.started;
    case OF_WATCHED:
        return run->siege;
    case OF_GET_DIALS:
        return has_links(run) && run->gets.started;
    }
    return false;
}

static double evaluate(struct sim_run *run, enum which which)
{
    const struct sim_counts *counts = sim_world_counts(run->world);
    const struct sim_reflection reflection = sim_attack_reflection(run);
    const struct sim_siege_figures siege = sim_siege_figures(run);
    struct sim_tally *lookups = &run->lookups, *gets = &run->gets, *puts = &run->puts;

    if (which >= LIVE && which <= FAKES)
        count_health(run);
    switch (which) {
    case NODES:
        return sim_world_n_nodes(run->world);
    case ON:
        return sim_world_n_on(run->world);
    case LOOKUPS:
        return (double)lookups->ended;
    case SUCCESS:
        return percent(lookups->succeeded, lookups->ended);
    case CLOSEST:
        return percent(lookups->reached, lookups->wanted);
    case HOPS:
        return mean_of(lookups->hops);
    case HOPS_50:
        return hops_percentile(lookups->hops, 50);
    case HOPS_99:
        return hops_percentile(lookups->hops, 99);
    case MET: /* one that is honest answered */
        return percent(lookups->first.n, lookups->ended);
    case FIRST_HOPS:
        return mean_of(lookups->first_hops);
    case FIRST_HOPS_99:
        return hops_percentile(lookups->first_hops, 99);
    case FIRST_50:
        return percentile(&lookups->first, 50);
    case FIRST_99:
        return percentile(&lookups->first, 99);
    case QUERIES:
        return per(lookups->queries, lookups->ended);
    case TIMEOUTS:
        return per(lookups->timeouts, lookups->ended);
    case TOOK_50:
        return percentile(&lookups->took, 50);
    case TOOK_90:
        return percentile(&lookups->took, 90);
    case TOOK_99:
        return percentile(&lookups->took, 99);
    case PUTS:
        return (double)puts->ended;
    case STORED:
        return percent(puts->succeeded, puts->ended);
    case COPIES:
        return per(puts->stored, puts->ended);
    case PUT_QUERIES:
        return per(puts->queries, puts->ended);
    case PUT_DIALS:
        return per(puts->dials, puts->ended);
    case PUT_95:
        return percentile(&puts->took, 95);
    case PUT_50:
        return percentile(&puts->took, 50);
    case PUT_99:
        return percentile(&puts->took, 99);
    case GETS:
        return (double)gets->ended;
    case FOUND:
        return percent(gets->succeeded, gets->ended);
    case FOUND_HELD:
        return percent(gets->succeeded, gets->succeeded + gets->missed);
    case AGREED:
        return percent(sim_work_agreed(run), gets->contested);
    case GET_HOPS:
        return mean_of(gets->first_hops);
    case GET_QUERIES:
        return per(gets->queries, gets->ended);
    case GET_DIALS:
        return per(gets->dials, gets->ended);
    case GET_95:
        return percentile(&gets->first, 95);
    case GET_50:
        return percentile(&gets->first, 50);
    case GET_99:
        return percentile(&gets->first, 99);
    case ANNOUNCES:
        return (double)run->announces.ended;
    case ANNOUNCED:
        return percent(run->announces.succeeded, run->announces.ended);
    case FINDS:
        return (double)run->finds.ended;
    case PEERS_FOUND:
        return percent(run->finds.succeeded, run->finds.ended);
    case LIVE:
        return run->live_percent;
    case LIVE_FULL:
        return run->live_full_percent;
    case LIVE_REST:
        return run->live_rest_percent;
    case KNOWN:
        return run->known_percent;
    case NEARLY_KNOWN:
        return run->nearly_known_percent;
    case EFFORT:
        return per(sim_world_effort(run->world).queries * 3600000, sim_world_effort(run->world).on_ms);
    case CONTACTS:
        return run->contacts_mean;
    case HOSTILE:
        return run->hostile_mean;
    case HOSTILE_MOST:
        return (double)run->hostile_most;
    case HONEST_COPIES:
        return run->honest_copies;
    case STORING:
        return per(sim_world_effort(run->world).storing, run->records.n);
    case FAKES:
        return (double)run->fakes;
    case STRAYS:
        return (double)counts->strays;
    case SENT_FALSELY:
        return (double)reflection.sent_bytes;
    case AMPLIFIED:
        return per(reflection.received_bytes, reflection.sent_bytes);
    case REFLECTED:
        return percent(reflection.received_bytes, 3 * reflection.sent_bytes + reflection.grants);
    case DATAGRAMS:
        return (double)counts->datagrams;
    case LOST:
        return (double)counts->lost;
    case ABORTED:
        return (double)(lookups->aborted + gets->aborted + puts->aborted + run->announces.aborted +
                        run->finds.aborted);
    case LINKS:
        return links_per_node(run);
    case DIALS:
        return (double)counts->dials;
    case DIALS_FAILED:
        return (double)counts->dials_failed;
    case DIALS_SPARED:
        return (double)counts->dials_spared;
    case TRIMMED:
        return (double)counts->links_trimmed;
    case MEMORY:
        return per(sim_world_memory(run->world), sim_world_n_nodes(run->world));
    case EVENTS:
        return (double)counts->events;
    case CHECKS:
        return (double)counts->checks;
    case WATCHED:
        return (double)siege.samples;
    case PATHS:
        return siege.paths;
    case NEAREST_HONEST:
        return siege.nearest;
    case WATCHED_FOUND:
        return siege.found;
    case WATCHED_CONTACTS:
        return siege.contacts;
    case IN_TABLE:
        return siege.hostile;
    case IN_TABLE_MOST:
        return siege.hostile_most;
    case IN_NEAR:
        return siege.hostile_near;
    case IN_ACTIVE:
        return siege.hostile_active;
    case IN_ACTIVE_MOST:
        return siege.hostile_active_most;
    case IN_ANCHORS:
        return siege.hostile_anchors;
    case IN_ANCHORS_MOST:
        return siege.hostile_anchors_most;
    case ALARMED:
        return siege.alarms;
    case ALARMED_IN_PEACE:
        return siege.false_alarms;
    case REGIONS_SILENT:
        return (double)siege.regions_silent;
    case REGIONS_BACK:
        return (double)siege.regions_back;
    case REGION_ALARM:
        return siege.region_alarm_ms;
    }
    return 0;
}

bool sim_figure(struct sim_run *run, const char *name, double *out_value)
{
    for (size_t i = 0; i < N_FIGURES; i++) {
        if (strcmp(list[i].name, name) != 0)
            continue;
        if (!means_something(run, list[i].of))
            return false;
        *out_value = evaluate(run, list[i].which);
        return true;
    }
    return false;
}

size_t sim_figures(struct sim_run *run, struct sim_figure_row *out_rows, size_t room)
{
    size_t n = 0;

    for (size_t i = 0; i < N_FIGURES; i++) {
        if (!means_something(run, list[i].of))
            continue;
        if (n < room)
            out_rows[n] = (struct sim_figure_row){list[i].name, list[i].unit, evaluate(run, list[i].which)};
        n++;
    }
    return n;
}

bool sim_expectation_holds(struct sim_run *run, const struct sim_expectation *expect, double *out_value)
{
    *out_value = expect->was;
    if (expect->timed)
        return expect->held;
    return sim_expectation_judge(run, expect, out_value);
}

bool sim_expectation_judge(struct sim_run *run, const struct sim_expectation *expect, double *out_value)
{
    *out_value = 0;
    run->counted_health = false; /* tables are not what they were */
    if (!sim_figure(run, expect->metric, out_value))
        return false;
    return expect->comparison == SIM_AT_LEAST ? *out_value >= expect->value : *out_value <= expect->value;
}
