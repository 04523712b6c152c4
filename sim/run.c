#include "sim/run.h"

#include <string.h>

#include "sim/attack.h"
#include "sim/collude.h"
#include "sim/figures.h"
#include "sim/siege.h"
#include "lookout/registry.h"

#define JOIN_THROUGH 3 /* random others that a starting node knows of */

/* -- each action, spread over its span -------------------------------------------------------------------------- */

static struct sim_run *run_of(void *context)
{
    return context;
}

static void do_lookup(void *context, struct sim_world *world, uint64_t argument)
{
    (void)world;
    (void)argument;
    sim_work_lookup(run_of(context));
}

static void do_put(void *context, struct sim_world *world, uint64_t keep)
{
    (void)world;
    sim_work_put(run_of(context), keep, false);
}

static void do_bulk(void *context, struct sim_world *world, uint64_t keep)
{
    (void)world;
    sim_work_put(run_of(context), keep, true);
}

static void do_announce(void *context, struct sim_world *world, uint64_t keep)
{
    (void)world;
    sim_work_announce(run_of(context), keep);
}

/* `item`: above its 32 bits stands whose turn it is. */
static void do_get(void *context, struct sim_world *world, uint64_t item)
{
    (void)world;
    sim_work_get(run_of(context), (uint32_t)item, (unsigned)(item >> 32));
}

static void do_again(void *context, struct sim_world *world, uint64_t item)
{
    (void)world;
    sim_work_again(run_of(context), (uint32_t)item);
}

static void do_rewrite(void *context, struct sim_world *world, uint64_t item)
{
    (void)world;
    sim_work_rewrite(run_of(context), (uint32_t)item);
}

static void do_claim(void *context, struct sim_world *world, uint64_t argument)
{
    (void)world;
    (void)argument;
    sim_work_claim(run_of(context));
}

static void do_find(void *context, struct sim_world *world, uint64_t item)
{
    (void)world;
    sim_work_find(run_of(context), (uint32_t)item);
}

static void start_node(struct sim_run *run, uint32_t node, unsigned through)
{
    if (sim_node_engine(run->world, node))
        return;
    if (sim_node_start(run->world, node, through) != 0)
        sim_world_violated(run->world, node, "cannot start: out of memory");
}

static void do_start(void *context, struct sim_world *world, uint64_t node)
{
    (void)world;
    start_node(run_of(context), (uint32_t)node, JOIN_THROUGH);
}

static void do_start_alone(void *context, struct sim_world *world, uint64_t node)
{
    (void)world;
    start_node(run_of(context), (uint32_t)node, 0);
}

static void do_whole(void *context, struct sim_world *world, uint64_t argument)
{
    (void)context;
    (void)argument;
    sim_world_partition(world, SIM_WHOLE);
}

static void spread(struct sim_run *run, const struct sim_action *action, uint32_t n,
                   void (*one)(void *context, struct sim_world *world, uint64_t argument), bool number,
                   uint64_t argument)
{
    for (uint32_t i = 0; i < n; i++)
        sim_world_after(run->world, action->span * i / n, one, run, number ? i : argument);
}

/* `n` random ones of what was stored; what could not be stored cannot be asked back. */
static void spread_items(struct sim_run *run, const struct sim_action *action, const struct sim_items *items,
                         void (*one)(void *context, struct sim_world *world, uint64_t argument))
{
    const uint32_t n = action->n == SIM_ALL ? items->n : action->n;

    for (uint32_t i = 0; i < n && items->n; i++) {
        const uint32_t item = action->n == SIM_ALL ? i : sim_below(sim_world_rng(run->world), items->n);

        for (uint64_t side = action->both ? 1 : 0;
             items->items[item].stored && side <= (action->both ? 2 : 0); side++)
            sim_world_after(run->world, action->span * i / n, one, run, side << 32 | item);
    }
}

/* The first `n` that were stored: each once. */
static void spread_rewrites(struct sim_run *run, const struct sim_action *action)
{
    const uint32_t n = action->n < run->records.n ? action->n : run->records.n;

    for (uint32_t i = 0; i < n; i++) {
        if (run->records.items[i].stored)
            sim_world_after(run->world, action->span * i / n, do_rewrite, run, i);
    }
}

static void stop_share(struct sim_run *run, uint32_t ppm, enum sim_stop how)
{
    for (uint32_t i = run->scenario.config.n_watched; i < sim_world_n_honest(run->world); i++) {
        if (sim_node_engine(run->world, i) && sim_chance(sim_world_rng(run->world), ppm))
            sim_node_stop(run->world, i, how);
    }
}

static void start_share(struct sim_run *run, const struct sim_action *action)
{
    struct sim_rng *rng = sim_world_rng(run->world);

    for (uint32_t i = run->scenario.config.n_watched; i < sim_world_n_honest(run->world); i++) {
        if (!sim_node_engine(run->world, i) && sim_chance(rng, action->ppm))
            sim_world_after(run->world, (sim_us)(sim_random(rng) % (uint64_t)(action->span + 1)),
                            action->alone ? do_start_alone : do_start, run, i);
    }
}

static void move_share(struct sim_run *run, uint32_t ppm)
{
    for (uint32_t i = 0; i < sim_world_n_nodes(run->world); i++) {
        if (sim_node_engine(run->world, i) && sim_chance(sim_world_rng(run->world), ppm) &&
            sim_node_move(run->world, i) != 0)
            sim_world_violated(run->world, SIM_NOBODY, "out of memory");
    }
}

static void part(struct sim_run *run, const struct sim_action *action)
{
    for (uint32_t i = 0; i < sim_world_n_nodes(run->world); i++) {
        const struct kad_endpoint *endpoint = sim_node_endpoint(run->world, i, KAD_IPV4);

        sim_node_side(run->world, i,
                      action->region ? kad_registry_of(endpoint) == action->region
                                     : sim_chance(sim_world_rng(run->world), action->ppm));
    }
    sim_siege_cut(run);
    sim_world_partition(run->world, action->one_way ? SIM_CUT_ONE_WAY : SIM_CUT);
    sim_world_after(run->world, action->span, do_whole, run, 0);
}

static void act(void *context, struct sim_world *world, uint64_t number)
{
    struct sim_run *run = context;
    const struct sim_action *action = &run->scenario.actions[number];

    switch (action->kind) {
    case SIM_DO_LOOKUP:
        spread(run, action, action->n, do_lookup, false, 0);
        break;
    case SIM_DO_PUT:
        spread(run, action, action->n, action->bulk ? do_bulk : do_put, false, action->keep);
        break;
    case SIM_DO_ANNOUNCE:
        spread(run, action, action->n, do_announce, false, action->keep);
        break;
    case SIM_DO_GET:
        spread_items(run, action, &run->records, do_get);
        break;
    case SIM_DO_FIND:
        spread_items(run, action, &run->keys, do_find);
        break;
    case SIM_DO_LEAVE:
        stop_share(run, action->ppm, SIM_LEAVE);
        break;
    case SIM_DO_CRASH:
        stop_share(run, action->ppm, action->lose ? SIM_CRASH_LOSE : SIM_CRASH_KEEP);
        break;
    case SIM_DO_START:
        start_share(run, action);
        break;
    case SIM_DO_MOVE:
        move_share(run, action->ppm);
        break;
    case SIM_DO_PARTITION:
        part(run, action);
        break;
    case SIM_DO_COUNT:
        sim_world_count_from(world);
        break;
    case SIM_DO_AGAIN:
        spread_items(run, action, &run->records, do_again);
        break;
    case SIM_DO_REWRITE:
        spread_rewrites(run, action);
        break;
    case SIM_DO_CLAIM:
        spread(run, action, action->n, do_claim, false, 0);
        break;
    case SIM_DO_RESTART:
        sim_siege_restart(run, action);
        break;
    case SIM_DO_ANEW:
        sim_work_anew(run);
        break;
    case SIM_DO_EXPECT:
        run->scenario.expects[action->n].held = sim_expectation_judge(run, &run->scenario.expects[action->n],
                                                                      &run->scenario.expects[action->n].was);
        break;
    case SIM_DO_ATTACK:
        if ((action->attack >= SIM_SYBIL ? sim_collude_begin(run, action) : sim_attack_begin(run, action)) !=
            0)
            sim_world_violated(world, SIM_NOBODY, "out of memory");
        break;
    }
}

/* -- churn ------------------------------------------------------------------------------------------------------ */

static void come_back(void *context, struct sim_world *world, uint64_t node);

static void go(void *context, struct sim_world *world, uint64_t node)
{
    struct sim_run *run = context;

    if (sim_node_engine(world, (uint32_t)node))
        sim_node_stop(world, (uint32_t)node, run->scenario.lose_disk ? SIM_CRASH_LOSE : SIM_CRASH_KEEP);
    sim_world_after(world, sim_churn_draw(&run->scenario.churn.off, sim_world_rng(world)), come_back, run,
                    node);
}

static void come_back(void *context, struct sim_world *world, uint64_t node)
{
    struct sim_run *run = context;

    start_node(run, (uint32_t)node, JOIN_THROUGH);
    sim_world_after(world, sim_churn_draw(&run->scenario.churn.on, sim_world_rng(world)), go, run, node);
}

/* As if it had always been going on: who is on is in the middle of a session, who is off in the middle of a pause. */
static void begin_churn(struct sim_run *run)
{
    const struct sim_churn *churn = &run->scenario.churn;
    struct sim_rng *rng = sim_world_rng(run->world);

    for (uint32_t i = 0; i < sim_world_n_honest(run->world); i++) {
        if (sim_node_engine(run->world, i))
            sim_world_after(run->world, sim_churn_draw_rest(&churn->on, rng), go, run, i);
        else
            sim_world_after(run->world, sim_churn_draw_rest(&churn->off, rng), come_back, run, i);
    }
}

/* How many are off at any time: mean pause over mean pause and session, both by drawing. */
static uint32_t off_share(struct sim_run *run)
{
    uint64_t on = 0, off = 0;

    for (int i = 0; i < 20000; i++) {
        on += (uint64_t)sim_churn_draw(&run->scenario.churn.on, sim_world_rng(run->world)) / 1000;
        off += (uint64_t)sim_churn_draw(&run->scenario.churn.off, sim_world_rng(run->world)) / 1000;
    }
    return (uint32_t)(off / ((on + off) / 1000000 + 1));
}

/* -- life ------------------------------------------------------------------------------------------------------- */

/* The first session begins when everybody is invited, not when the world does. */
static void do_join(void *context, struct sim_world *world, uint64_t node)
{
    struct sim_run *run = context;

    start_node(run, (uint32_t)node, JOIN_THROUGH);
    if (run->scenario.churn.on.scale_ms)
        sim_world_after(world, sim_churn_draw_rest(&run->scenario.churn.on, sim_world_rng(world)), go, run,
                        node);
}

static void invite(struct sim_run *run, uint32_t off_ppm)
{
    const struct sim_scenario *scenario = &run->scenario;
    struct sim_rng *rng = sim_world_rng(run->world);

    for (uint32_t i = scenario->config.n_watched; i < scenario->config.n_nodes; i++) {
        const sim_us at = scenario->join_span * i / scenario->config.n_nodes;

        if (i < scenario->config.n_watched + 2 || !sim_chance(rng, off_ppm))
            sim_world_after(run->world, at, do_join, run, i);
        else if (scenario->churn.on.scale_ms)
            sim_world_after(run->world, sim_churn_draw_rest(&scenario->churn.off, rng), come_back, run, i);
    }
}

static int set_up(struct sim_run *run)
{
    const struct sim_scenario *scenario = &run->scenario;
    const bool churns = scenario->churn.on.scale_ms > 0;
    const uint32_t off = churns ? off_share(run) : scenario->dead_ppm;
    const uint32_t known = churns || !scenario->dead_ppm ? scenario->dead_ppm : 1000000;

    if (scenario->ideal) {
        const int error = sim_world_fill(run->world, off, known);

        if (error)
            return error;
        if (churns)
            begin_churn(run);
    } else {
        invite(run, off);
    }
    if (scenario->config.n_watched && sim_siege_begin(run, scenario->watch_span) != 0)
        return KAD_E_MEMORY;
    for (size_t i = 0; i < scenario->n_actions; i++)
        sim_world_after(run->world, scenario->actions[i].at, act, run, i);
    run->base_memory = sim_world_memory(run->world);
    return 0;
}

int sim_run_new(const struct sim_scenario *scenario, struct sim_run **out_run)
{
    struct sim_run *run = kad_allocator_system.resize(NULL, NULL, 0, sizeof(*run));
    int error;

    if (!run)
        return KAD_E_MEMORY;
    memset(run, 0, sizeof(*run));
    run->scenario = *scenario;
    run->provider = SIM_NOBODY;
    run->scenario.config.stray = sim_attack_stray;
    run->scenario.config.lie = sim_collude_lie;
    run->scenario.config.context = run;
    if (!scenario->config.ids_fit) /* a random id would soon be given up for one that fits */
        run->scenario.config.settings.follow_address = run->scenario.config.others.follow_address = false;
    run->end = sim_scenario_end(scenario);
    error = sim_world_new(&run->scenario.config, &run->world);
    if (!error)
        error = set_up(run);
    if (error) {
        sim_run_free(run);
        return error;
    }
    *out_run = run;
    return 0;
}

void sim_run_free(struct sim_run *run)
{
    if (!run)
        return;
    for (uint32_t i = 0; run->world && i < sim_world_n_nodes(run->world); i++) {
        if (sim_node_engine(run->world, i))
            sim_node_stop(run->world, i, SIM_CRASH_LOSE); /* its requests' jobs end too */
    }
    sim_attack_clear(run);
    sim_collude_clear(run);
    sim_siege_clear(run);
    sim_world_free(run->world);
    sim_work_anew(run);
    kad_allocator_system.resize(NULL, run->records.items, 0, 0);
    kad_allocator_system.resize(NULL, run->keys.items, 0, 0);
    kad_allocator_system.resize(NULL, run, sizeof(*run), 0);
}

bool sim_run_until(struct sim_run *run, sim_us until)
{
    return sim_world_run(run->world, until < run->end ? until : run->end);
}
