#include "sim/siege.h"

#include <string.h>

#include "core/id.h"
#include "engine/network.h"
#include "lookout/anchors.h"
#include "lookout/regions.h"
#include "lookout/variety.h"

#define ROWS       512
#define NEAREST    20
#define DAYS       64
#define LOOK_EVERY SIM_MINUTE
#define SETTLED    (10 * SIM_MINUTE) /* who has just started knows nobody yet */
#define RECENT     24                /* records, one an hour */
#define PESTER     (15 * SIM_MINUTE)
#define THROUGH    3
#define BUCKETS    8

/* Sums over samples. */
struct sums {
    uint64_t samples, paths, nearest, read, found;
    uint64_t contacts, hostile, near, near_hostile, active, active_hostile, anchors, anchors_hostile;
    uint64_t in_bucket[BUCKETS], hostile_in_bucket[BUCKETS]; /* the last: all beyond */
};

struct watched {
    struct kad_regions regions;
    uint64_t told; /* of their changes */
    sim_us on_since;
    bool alarmed, alarmed_in_peace;
};

struct pest {
    struct pest *next;
    sim_us until;
    uint32_t sybil, victim;
};

struct sim_siege {
    struct sim_run *run;
    struct watched *watched;
    uint32_t n;
    struct sums days[DAYS];
    struct sums peace, war; /* before and under attack */
    double hostile_most, active_most, anchors_most;
    sim_us attacked_until; /* 0: nobody has attacked yet */
    uint64_t regions_silent, regions_back;
    sim_us cut_at, alarm_at;
    struct pest *pests; /* one of each Sybil */
};

/* -- requests --------------------------------------------------------------------------------------------------- */

struct job {
    struct sim_siege *siege;
    struct kad_id target;
    uint32_t honest[NEAREST]; /* nearest first, as it began */
    uint32_t n_honest;
    bool met, met_nearest, attacked;
    unsigned day;
};

static bool is_attacked(const struct sim_siege *siege)
{
    return sim_world_now(siege->run->world) < siege->attacked_until;
}

static struct sums *of_phase(struct sim_siege *siege, bool attacked)
{
    return attacked ? &siege->war : &siege->peace;
}

static unsigned today(const struct sim_siege *siege)
{
    const sim_us day = sim_world_now(siege->run->world) / (24 * SIM_HOUR);

    return (unsigned)(day < DAYS ? day : DAYS - 1);
}

static void find_honest(const struct sim_run *run, struct job *job)
{
    const uint32_t n = sim_world_n_honest(run->world);

    for (uint32_t node = 0; node < n; node++) {
        uint32_t at = job->n_honest;

        if (!sim_node_engine(run->world, node) || sim_node_hostile(run->world, node) ||
            node < run->scenario.config.n_watched)
            continue;
        while (at > 0 && kad_id_compare(&job->target, sim_node_id(run->world, node),
                                        sim_node_id(run->world, job->honest[at - 1])) < 0)
            at--;
        if (at == NEAREST)
            continue;
        job->n_honest += job->n_honest < NEAREST;
        memmove(job->honest + at + 1, job->honest + at, (job->n_honest - at - 1) * sizeof(*job->honest));
        job->honest[at] = node;
    }
}

static void give_up(struct job *job)
{
    kad_allocator_system.resize(NULL, job, sizeof(*job), 0);
}

static void told_of_lookup(void *context, struct sim_world *world, uint32_t node,
                           const struct kad_event *event)
{
    struct job *job = context;
    struct sums *day = &job->siege->days[job->day], *phase = of_phase(job->siege, job->attacked);

    (void)node;
    if (event && event->kind == KAD_EVENT_HOP) {
        const uint32_t who = sim_node_at(world, &event->contact.endpoint);

        for (uint32_t i = 0; i < job->n_honest && event->hop.what == KAD_HOP_ANSWERED; i++) {
            job->met = job->met || job->honest[i] == who;
            job->met_nearest = job->met_nearest || (i == 0 && job->honest[i] == who);
        }
        return;
    }
    if (event && event->kind != KAD_EVENT_DONE)
        return;
    if (event) { /* else it was switched off meanwhile */
        day->samples++;
        phase->samples++;
        day->paths += job->met;
        phase->paths += job->met;
        day->nearest += job->met_nearest;
        phase->nearest += job->met_nearest;
    }
    give_up(job);
}

static void told_of_get(void *context, struct sim_world *world, uint32_t node, const struct kad_event *event)
{
    struct job *job = context;
    struct sums *day = &job->siege->days[job->day], *phase = of_phase(job->siege, job->attacked);

    (void)world;
    (void)node;
    if (event && event->kind != KAD_EVENT_DONE)
        return;
    if (event) {
        const bool good = event->done.error == 0 && event->done.record &&
                          kad_id_equal(&event->done.record->key, &job->target);

        day->read++;
        phase->read++;
        day->found += good;
        phase->found += good;
    }
    give_up(job);
}

static void ask(struct sim_siege *siege, uint32_t node, const struct kad_request *request, sim_told *told)
{
    struct job *job = kad_allocator_system.resize(NULL, NULL, 0, sizeof(*job));

    if (!job) {
        sim_world_violated(siege->run->world, SIM_NOBODY, "out of memory");
        return;
    }
    *job = (struct job){
        .siege = siege, .target = request->target, .attacked = is_attacked(siege), .day = today(siege)};
    find_honest(siege->run, job);
    if (sim_node_request(siege->run->world, node, request, told, job) != 0)
        give_up(job);
}

static void look_something_up(struct sim_siege *siege, uint32_t node)
{
    struct kad_request request = {.kind = KAD_REQUEST_CLOSEST, .trace = true};

    for (size_t i = 0; i < siege->run->scenario.config.network->rules.id_bits / 8; i++)
        request.target.bytes[i] = (uint8_t)sim_random(sim_world_rng(siege->run->world));
    ask(siege, node, &request, told_of_lookup);
}

static void read_something(struct sim_siege *siege, uint32_t node)
{
    const struct sim_items *records = &siege->run->records;
    const uint32_t from = records->n > RECENT ? records->n - RECENT : 0;
    struct kad_request request = {.kind = KAD_REQUEST_GET, .fresh = true};

    for (int i = 0; i < 64 && records->n; i++) {
        const struct sim_item *item =
            &records->items[from + sim_below(sim_world_rng(siege->run->world), records->n - from)];

        if (!item->stored || item->publisher == node)
            continue;
        request.target = item->key;
        ask(siege, node, &request, told_of_get);
        return;
    }
}

/* -- tables ----------------------------------------------------------------------------------------------------- */

static bool is_enemy(const struct sim_run *run, const struct kad_contact *contact)
{
    const uint32_t node = sim_node_at(run->world, &contact->endpoint);

    return node != SIM_NOBODY && sim_node_hostile(run->world, node);
}

static double share(uint64_t part, uint64_t whole)
{
    return whole ? 100.0 * (double)part / (double)whole : 0;
}

static void add(struct sums *to, const struct sums *more)
{
    const uint64_t *from = (const uint64_t *)(const void *)more;
    uint64_t *sums = (uint64_t *)(void *)to;

    for (size_t i = 0; i < sizeof(*to) / sizeof(*sums); i++)
        sums[i] += from[i];
}

/* The twenty nearest of the table, and who is hostile of them. */
static void count_near(const struct sim_run *run, const struct kad_table_row *rows, size_t n,
                       const struct kad_id *self, struct sums *sums)
{
    for (size_t i = 0; i < n; i++) {
        size_t nearer = 0;

        for (size_t j = 0; j < n && !rows[i].replacement; j++)
            nearer +=
                !rows[j].replacement && kad_id_compare(self, &rows[j].contact.id, &rows[i].contact.id) < 0;
        if (rows[i].replacement || nearer >= NEAREST)
            continue;
        sums->near++;
        sums->near_hostile += is_enemy(run, &rows[i].contact);
    }
}

/* Whom it would ask first if it started again now, and its active peers. */
static void count_peers(struct sim_siege *siege, uint32_t node, const struct kad_table_row *rows, size_t n,
                        struct sums *sums)
{
    struct sim_world *world = siege->run->world;
    struct kad_engine *engine = sim_node_engine(world, node);
    const size_t room = kad_engine_peers(engine, NULL, 0, sim_world_ms(world));
    struct kad_peer_row *peers = kad_allocator_system.resize(NULL, NULL, 0, (room + 1) * sizeof(*peers));
    struct kad_contact contacts[ROWS];
    uint8_t(*keys)[32] = kad_allocator_system.resize(NULL, NULL, 0, sizeof(uint8_t[ROWS][32]));
    size_t n_contacts = 0, n_peers, n_anchors;

    if (!peers || !keys) {
        sim_world_violated(world, SIM_NOBODY, "out of memory");
    } else {
        memset(keys, 0, sizeof(uint8_t[ROWS][32]));
        n_peers = kad_engine_peers(engine, peers, room, sim_world_ms(world));
        for (size_t i = 0; i < n; i++) {
            if (!rows[i].replacement)
                contacts[n_contacts++] = rows[i].contact;
        }
        n_anchors = kad_anchors_first(contacts, keys, n_contacts, peers, n_peers);
        sums->anchors = n_anchors;
        for (size_t i = 0; i < n_anchors; i++)
            sums->anchors_hostile += is_enemy(siege->run, &contacts[i]);
        for (size_t i = 0; i < n_peers; i++) {
            sums->active += peers[i].is_active;
            sums->active_hostile += peers[i].is_active && is_enemy(siege->run, &peers[i].contact);
        }
    }
    kad_allocator_system.resize(NULL, peers, 0, 0);
    kad_allocator_system.resize(NULL, keys, 0, 0);
}

static size_t read_table(struct sim_siege *siege, uint32_t node, struct kad_table_row rows[ROWS])
{
    const size_t n = kad_engine_table(sim_node_engine(siege->run->world, node), KAD_IPV4, rows, ROWS);

    return n < ROWS ? n : ROWS;
}

static void most(double *worst, double value)
{
    *worst = value > *worst ? value : *worst;
}

static void count_table(struct sim_siege *siege, uint32_t node)
{
    struct kad_table_row rows[ROWS];
    const size_t n = read_table(siege, node, rows);
    struct sums sums = {0};

    for (size_t i = 0; i < n; i++) {
        const unsigned bucket = rows[i].bucket < BUCKETS ? rows[i].bucket : BUCKETS - 1;
        const bool hostile = is_enemy(siege->run, &rows[i].contact);

        sums.contacts += !rows[i].replacement;
        sums.hostile += !rows[i].replacement && hostile;
        sums.in_bucket[bucket] += !rows[i].replacement;
        sums.hostile_in_bucket[bucket] += !rows[i].replacement && hostile;
    }
    count_near(siege->run, rows, n, sim_node_id(siege->run->world, node), &sums);
    count_peers(siege, node, rows, n, &sums);
    most(&siege->hostile_most, share(sums.hostile, sums.contacts));
    most(&siege->active_most, share(sums.active_hostile, sums.active));
    most(&siege->anchors_most, share(sums.anchors_hostile, sums.anchors));
    add(&siege->days[today(siege)], &sums);
    add(of_phase(siege, is_attacked(siege)), &sums);
}

static bool is_settled(const struct sim_siege *siege, uint32_t node)
{
    return sim_node_engine(siege->run->world, node) &&
           sim_world_now(siege->run->world) - siege->watched[node].on_since >= SETTLED;
}

static void each_hour(void *context, struct sim_world *world, uint64_t number)
{
    struct sim_siege *siege = context;
    const uint32_t node = (uint32_t)number;

    if (node == 0)
        sim_work_put(siege->run, false, false);
    if (is_settled(siege, node)) {
        count_table(siege, node);
        look_something_up(siege, node);
        read_something(siege, node);
    }
    sim_world_after(world, SIM_HOUR, each_hour, siege, number);
}

/* -- what a daemon judges by itself ------------------------------------------------------------------------------- */

static void judge_variety(struct sim_siege *siege, uint32_t node, const struct kad_table_row *rows, size_t n)
{
    struct watched *watched = &siege->watched[node];
    struct kad_endpoint endpoints[ROWS];
    uint64_t groups[ROWS];
    struct kad_variety variety;
    struct kad_info info;
    size_t n_in = 0;
    bool alarm;

    kad_engine_info(sim_node_engine(siege->run->world, node), &info);
    for (size_t i = 0; i < n; i++) {
        if (!rows[i].replacement)
            endpoints[n_in++] = rows[i].contact.endpoint;
    }
    variety = kad_variety_of(endpoints, n_in, groups);
    alarm = kad_variety_is_poor(&variety) || kad_variety_crowd(rows, n, &info.id, info.network_size[0]) > 0;
    if (is_attacked(siege))
        watched->alarmed = watched->alarmed || alarm;
    else if (!siege->attacked_until)
        watched->alarmed_in_peace = watched->alarmed_in_peace || alarm;
}

static void judge_regions(struct sim_siege *siege, uint32_t node, const struct kad_table_row *rows, size_t n)
{
    struct watched *watched = &siege->watched[node];
    struct kad_engine *engine = sim_node_engine(siege->run->world, node);
    const struct kad_region_change *change;
    struct kad_regions_look look;
    uint64_t scratch[4 * ROWS];
    static const uint8_t no_key[32];

    kad_regions_look(&watched->regions, rows, n, NULL, scratch, sim_world_ms(siege->run->world), &look);
    while ((change = kad_regions_news(&watched->regions, &watched->told))) {
        siege->regions_silent += change->what == KAD_REGION_SILENT;
        siege->regions_back += change->what == KAD_REGION_BACK;
        if (change->what == KAD_REGION_SILENT)
            siege->alarm_at = sim_world_now(siege->run->world);
    }
    for (size_t i = 0; i < look.n_probes; i++) {
        const struct kad_region_peer *peer = &look.probes[i];
        const bool keyed = memcmp(peer->public_key, no_key, sizeof(no_key)) != 0;
        const kad_ms now = sim_world_ms(siege->run->world);
        const int error =
            keyed ? kad_engine_contact_key(engine, &peer->contact.endpoint, peer->public_key, false, now)
                  : kad_engine_contact(engine, &peer->contact, false, now);

        if (error)
            kad_regions_cannot_ask(&watched->regions, peer);
    }
    if (look.n_probes)
        sim_node_wake(siege->run->world, node);
}

static void each_minute(void *context, struct sim_world *world, uint64_t number)
{
    struct sim_siege *siege = context;
    const uint32_t node = (uint32_t)number;
    struct kad_table_row rows[ROWS];

    if (is_settled(siege, node)) {
        const size_t n = read_table(siege, node, rows);

        if (sim_world_now(world) / LOOK_EVERY % 5 == 0)
            judge_variety(siege, node, rows, n);
        judge_regions(siege, node, rows, n);
    }
    sim_world_after(world, LOOK_EVERY, each_minute, siege, number);
}

/* -- life ------------------------------------------------------------------------------------------------------- */

enum { ANYBODY, ALONE, HOSTILE };

static void start_watched(struct sim_siege *siege, uint32_t node, unsigned how)
{
    struct sim_world *world = siege->run->world;
    const uint32_t first = sim_world_n_honest(world), n = sim_world_n_nodes(world) - first;
    uint32_t through[THROUGH];
    unsigned n_through = 0;

    for (int i = 0; i < 64 && how != ALONE && n_through < THROUGH; i++) {
        const uint32_t other =
            how == HOSTILE ? first + sim_below(sim_world_rng(world), n ? n : 1) : sim_world_anybody(world);

        if (other < sim_world_n_nodes(world) && sim_node_engine(world, other))
            through[n_through++] = other;
    }
    siege->watched[node].on_since = sim_world_now(world);
    if (!sim_node_engine(world, node) && sim_node_start_through(world, node, through, n_through) != 0)
        sim_world_violated(world, node, "cannot start: out of memory");
}

static void come(void *context, struct sim_world *world, uint64_t number)
{
    struct sim_siege *siege = context;

    start_watched(siege, (uint32_t)number, ANYBODY);
    kad_regions_init(&siege->watched[number].regions, KAD_REGIONS_QUIET_MS);
    sim_world_after(world, SIM_HOUR, each_hour, siege, number);
    sim_world_after(world, LOOK_EVERY, each_minute, siege, number);
}

static void come_back(void *context, struct sim_world *world, uint64_t number)
{
    (void)world;
    start_watched(context, (uint32_t)number, (unsigned)(number >> 32));
}

void sim_siege_restart(struct sim_run *run, const struct sim_action *action)
{
    const uint64_t how = action->alone ? ALONE : action->hostile ? HOSTILE : ANYBODY;

    for (uint32_t i = 0; run->siege && i < run->siege->n; i++) {
        if (!sim_node_engine(run->world, i))
            continue;
        sim_node_stop(run->world, i, SIM_CRASH_KEEP);
        if (action->elsewhere && sim_node_move(run->world, i) != 0)
            sim_world_violated(run->world, SIM_NOBODY, "out of memory");
        sim_world_after(run->world, action->span, come_back, run->siege, how << 32 | i);
    }
}

int sim_siege_begin(struct sim_run *run, sim_us over)
{
    const uint32_t n = run->scenario.config.n_watched;
    struct sim_siege *siege = kad_allocator_system.resize(NULL, NULL, 0, sizeof(*siege));

    if (!siege)
        return KAD_E_MEMORY;
    memset(siege, 0, sizeof(*siege));
    run->siege = siege;
    siege->run = run;
    siege->n = n;
    siege->watched = kad_allocator_system.resize(NULL, NULL, 0, n * sizeof(*siege->watched));
    if (!siege->watched)
        return KAD_E_MEMORY;
    memset(siege->watched, 0, n * sizeof(*siege->watched));
    for (uint32_t i = 0; i < n; i++) /* when there is somebody to join through */
        sim_world_after(run->world, 10 * SIM_MINUTE + over * i / n, come, siege, i);
    return 0;
}

void sim_siege_clear(struct sim_run *run)
{
    while (run->siege && run->siege->pests) {
        struct pest *next = run->siege->pests->next;

        kad_allocator_system.resize(NULL, run->siege->pests, sizeof(*next), 0);
        run->siege->pests = next;
    }
    if (run->siege)
        kad_allocator_system.resize(NULL, run->siege->watched, 0, 0);
    kad_allocator_system.resize(NULL, run->siege, 0, 0);
    run->siege = NULL;
}

/* -- those who besiege ------------------------------------------------------------------------------------------ */

static void ignore(void *context, struct sim_world *world, uint32_t node, const struct kad_event *event)
{
    (void)context;
    (void)world;
    (void)node;
    (void)event;
}

static void pester(void *context, struct sim_world *world, uint64_t argument)
{
    struct pest *pest = context;
    struct kad_request request = {.kind = KAD_REQUEST_CLOSEST};

    (void)argument;
    if (sim_world_now(world) >= pest->until)
        return;
    request.target = *sim_node_id(world, pest->sybil);
    request.endpoint = *sim_node_endpoint(world, pest->victim, KAD_IPV4);
    if (sim_node_engine(world, pest->sybil) && sim_node_engine(world, pest->victim) &&
        sim_node_request(world, pest->sybil, &request, ignore, NULL) != 0)
        sim_world_violated(world, pest->sybil, "cannot ask");
    sim_world_after(world, PESTER / 2 + sim_below(sim_world_rng(world), (uint32_t)(PESTER / 1000)) * 1000,
                    pester, pest, 0);
}

uint32_t sim_siege_victim(const struct sim_run *run, uint32_t n)
{
    return run->siege ? n / 2 % run->siege->n : 0; /* of two that have one victim, one stands near it */
}

void sim_siege_pester(struct sim_run *run, uint32_t sybil, uint32_t victim, sim_us until)
{
    struct pest *pest = kad_allocator_system.resize(NULL, NULL, 0, sizeof(*pest));

    if (!pest) {
        sim_world_violated(run->world, SIM_NOBODY, "out of memory");
        return;
    }
    *pest = (struct pest){.next = run->siege->pests, .until = until, .sybil = sybil, .victim = victim};
    run->siege->pests = pest;
    sim_world_after(run->world, sim_below(sim_world_rng(run->world), (uint32_t)(PESTER / 1000)) * 1000,
                    pester, pest, 0);
}

void sim_siege_attacked(struct sim_run *run, sim_us until)
{
    if (run->siege)
        run->siege->attacked_until = until;
}

void sim_siege_cut(struct sim_run *run)
{
    if (run->siege)
        run->siege->cut_at = sim_world_now(run->world);
}

/* -- what came of it -------------------------------------------------------------------------------------------- */

struct sim_siege_figures sim_siege_figures(const struct sim_run *run)
{
    const struct sim_siege *siege = run->siege;
    struct sim_siege_figures figures = {0};
    struct sums all;

    if (!siege)
        return figures;
    all = siege->peace;
    add(&all, &siege->war);
    figures.samples = all.samples;
    figures.paths = share(all.paths, all.samples);
    figures.nearest = share(all.nearest, all.samples);
    figures.found = share(all.found, all.read);
    figures.contacts = share(siege->war.contacts, siege->war.samples) / 100;
    figures.hostile = share(siege->war.hostile, siege->war.contacts);
    figures.hostile_most = siege->hostile_most;
    figures.hostile_near = share(siege->war.near_hostile, siege->war.near);
    figures.hostile_active = share(siege->war.active_hostile, siege->war.active);
    figures.hostile_active_most = siege->active_most;
    figures.hostile_anchors = share(siege->war.anchors_hostile, siege->war.anchors);
    figures.hostile_anchors_most = siege->anchors_most;
    for (uint32_t i = 0; i < siege->n; i++) {
        figures.alarms += siege->watched[i].alarmed;
        figures.false_alarms += siege->watched[i].alarmed_in_peace;
    }
    figures.regions_silent = siege->regions_silent;
    figures.regions_back = siege->regions_back;
    figures.region_alarm_ms =
        siege->alarm_at > siege->cut_at ? (double)(siege->alarm_at - siege->cut_at) / 1000 : 0;
    return figures;
}

void sim_siege_print(const struct sim_run *run, FILE *out)
{
    const struct sim_siege *siege = run->siege;

    fputs("\nday samples paths% nearest% found% contacts hostile% near% active% anchors%  hostile% by bucket "
          "(of 0 to 6, and beyond)\n",
          out);
    for (unsigned day = 0; siege && day < DAYS; day++) {
        const struct sums *sums = &siege->days[day];

        if (!sums->samples)
            continue;
        fprintf(out, "%3u %7u %6.1f %8.1f %6.1f %8.1f %8.1f %5.1f %7.1f %8.1f ", day, (unsigned)sums->samples,
                share(sums->paths, sums->samples), share(sums->nearest, sums->samples),
                share(sums->found, sums->read), share(sums->contacts, sums->samples) / 100,
                share(sums->hostile, sums->contacts), share(sums->near_hostile, sums->near),
                share(sums->active_hostile, sums->active), share(sums->anchors_hostile, sums->anchors));
        for (unsigned i = 0; i < BUCKETS; i++)
            fprintf(out, " %.0f", share(sums->hostile_in_bucket[i], sums->in_bucket[i]));
        fputc('\n', out);
    }
}
