#include "sim/scenario.h"

#include <string.h>

#include "engine/network.h"
#include "lookout/registry.h"
#include "sim/statement.h"

/* -- what happens ----------------------------------------------------------------------------------------------- */

static bool read_number_or_all(const struct sim_statement *statement, uint32_t *out)
{
    *out = SIM_ALL;
    return statement->n == 2 &&
           (sim_statement_is(statement, 1, "all") || sim_word_count(statement->words[1], out));
}

static bool read_count_after(struct sim_statement *statement, const char *name, uint32_t *out)
{
    char place[SIM_WORD_MAX];
    const char *word = sim_statement_take_after(statement, name, place);

    return !word || (sim_word_count(word, out) && *out > 0);
}

static bool read_conspiracy(struct sim_statement *statement, struct sim_action *action)
{
    char place[SIM_WORD_MAX];
    const char *growing =
        action->attack == SIM_SIEGE ? sim_statement_take_after(statement, "growing", place) : NULL;

    if (growing && !sim_word_time(growing, &action->growing))
        return false;
    action->forge = sim_statement_take(statement, "forging");
    if (action->attack == SIM_COLLUDE)
        return statement->n == 3 && sim_word_share(statement->words[2], &action->ppm);
    action->apart = sim_statement_take(statement, "apart");
    action->held = sim_statement_take(statement, "held");
    return read_count_after(statement, "around", &action->around) &&
           read_count_after(statement, "in", &action->groups) && statement->n == 3 &&
           sim_word_count(statement->words[2], &action->n) && action->n > 0 &&
           (action->around || (!action->apart && !action->held)) &&
           !(action->attack == SIM_SIEGE && action->around);
}

static bool read_attack(struct sim_statement *statement, struct sim_action *action)
{
    static const char *const names[SIM_N_ATTACKS] = {"flood", "subnet", "spoofed", "reflect", "liars",
                                                     "mute",  "sybil",  "collude", "siege"};
    char place[SIM_WORD_MAX];
    const char *word;
    size_t i = 0;

    action->n = 1;
    action->rate = 100;
    word = sim_statement_take_after(statement, "rate", place);
    if (word && !sim_word_count(word, &action->rate))
        return false;
    word = sim_statement_take_after(statement, "on", place);
    if (word && (!sim_word_count(word, &action->n) || action->n == 0))
        return false;
    while (i < SIM_N_ATTACKS && !sim_statement_is(statement, 1, names[i]))
        i++;
    action->attack = (enum sim_attack_kind)i;
    if (action->span <= 0)
        return false;
    if (i == SIM_SYBIL || i == SIM_COLLUDE || i == SIM_SIEGE)
        return read_conspiracy(statement, action);
    return statement->n == 2 && i < SIM_N_ATTACKS;
}

static bool read_registry(const char *word, uint8_t *out_registry)
{
    for (uint8_t i = 1; i < KAD_N_REGISTRIES; i++) {
        *out_registry = i;
        if (strcmp(kad_registry_text((enum kad_registry)i), word) == 0)
            return true;
    }
    *out_registry = 0;
    return false;
}

static int read_action(const struct sim_reader *reader, struct sim_statement *s, sim_us at)
{
    static const struct {
        const char *name, *usage;
        enum sim_action_kind kind;
    } names[] = {
        {"lookup", "lookup NUMBER [over TIME]", SIM_DO_LOOKUP},
        {"put", "put NUMBER [keep [bulk]] [over TIME]", SIM_DO_PUT},
        {"get", "get NUMBER|all [both] [over TIME]", SIM_DO_GET},
        {"announce", "announce NUMBER [keep] [over TIME]", SIM_DO_ANNOUNCE},
        {"find", "find NUMBER|all [over TIME]", SIM_DO_FIND},
        {"leave", "leave SHARE%", SIM_DO_LEAVE},
        {"crash", "crash SHARE% [lose]", SIM_DO_CRASH},
        {"start", "start SHARE% [alone] [over TIME]", SIM_DO_START},
        {"move", "move SHARE%", SIM_DO_MOVE},
        {"partition", "partition SHARE%|REGISTRY for TIME [one-way]", SIM_DO_PARTITION},
        {"restart", "restart [alone|hostile] [elsewhere] for TIME", SIM_DO_RESTART},
        {"attack",
         "attack flood|subnet|spoofed|reflect|liars|mute [on NUMBER] [rate NUMBER] for TIME, or collude "
         "SHARE%, sybil|siege NUMBER (docs/simulator.md)",
         SIM_DO_ATTACK},
        {"count", "count", SIM_DO_COUNT},
        {"again", "again NUMBER|all [over TIME]", SIM_DO_AGAIN},
        {"rewrite", "rewrite NUMBER [over TIME]", SIM_DO_REWRITE},
        {"claim", "claim NUMBER [over TIME]", SIM_DO_CLAIM},
        {"anew", "anew", SIM_DO_ANEW},
    };
    struct sim_action action = {.at = at, .span = 10 * SIM_SECOND};
    char place[SIM_WORD_MAX];
    const char *word;
    bool good = true;
    size_t i = 0;

    while (i < sizeof(names) / sizeof(names[0]) && !sim_statement_is(s, 0, names[i].name))
        i++;
    if (i == sizeof(names) / sizeof(names[0]))
        return sim_complain(reader, "there is no statement '%s'", s->words[0]);
    if (reader->scenario->n_actions == SIM_ACTIONS_MAX)
        return sim_complain(reader, "more than %d actions", SIM_ACTIONS_MAX);
    action.kind = names[i].kind;
    word = sim_statement_take_after(s, "over", place);
    if (!word)
        word = sim_statement_take_after(s, "for", place);
    if (word)
        good = sim_word_time(word, &action.span);
    action.keep = sim_statement_take(s, "keep");
    action.bulk = sim_statement_take(s, "bulk");
    action.lose = sim_statement_take(s, "lose");
    action.one_way = sim_statement_take(s, "one-way");
    action.alone = sim_statement_take(s, "alone");
    action.both = sim_statement_take(s, "both");
    action.hostile = sim_statement_take(s, "hostile");
    action.elsewhere = sim_statement_take(s, "elsewhere");
    switch (action.kind) {
    case SIM_DO_GET:
    case SIM_DO_AGAIN:
    case SIM_DO_FIND:
        good = good && read_number_or_all(s, &action.n);
        break;
    case SIM_DO_LOOKUP:
    case SIM_DO_PUT:
    case SIM_DO_ANNOUNCE:
    case SIM_DO_REWRITE:
    case SIM_DO_CLAIM:
        good = good && s->n == 2 && sim_word_count(s->words[1], &action.n);
        break;
    case SIM_DO_LEAVE:
    case SIM_DO_CRASH:
    case SIM_DO_START:
    case SIM_DO_MOVE:
        good = good && s->n == 2 && sim_word_share(s->words[1], &action.ppm);
        break;
    case SIM_DO_PARTITION:
        good = good && word && s->n == 2 &&
               (read_registry(s->words[1], &action.region) || sim_word_share(s->words[1], &action.ppm));
        break;
    case SIM_DO_RESTART:
        good = good && word && s->n == 1 && reader->scenario->config.n_watched > 0;
        break;
    case SIM_DO_COUNT:
    case SIM_DO_ANEW:
        good = good && s->n == 1;
        break;
    case SIM_DO_EXPECT: /* read_expectation() */
        break;
    case SIM_DO_ATTACK:
        good = good && word && read_attack(s, &action) &&
               ((action.attack != SIM_SYBIL && action.attack != SIM_SIEGE) ||
                reader->scenario->config.network->rules.identity_size > 0) &&
               (action.attack != SIM_SIEGE || reader->scenario->config.n_watched > 0);
        if (good && (action.attack == SIM_SYBIL || action.attack == SIM_SIEGE))
            reader->scenario->config.n_intruders += action.n * (action.around ? action.around : 1);
        break;
    }
    if (!good)
        return sim_complain(reader, "expected: %s", names[i].usage);
    reader->scenario->actions[reader->scenario->n_actions++] = action;
    return 0;
}

/* -- what must come of it --------------------------------------------------------------------------------------- */

/* "%", "ms", and the like are for the reader: each figure has one unit. */
static bool read_value(const char *word, double *out_value)
{
    uint64_t millionths;
    const char *unit;

    if (!sim_word_number(word, &millionths, &unit))
        return false;
    *out_value = (double)millionths / 1000000;
    if (strcmp(unit, "s") == 0)
        *out_value *= 1000; /* times are milliseconds */
    return *unit == '\0' || strcmp(unit, "%") == 0 || strcmp(unit, "ms") == 0 || strcmp(unit, "s") == 0;
}

/* `timed`: judged at `at`, else at the end. */
static int read_expectation(const struct sim_reader *reader, const struct sim_statement *s, bool timed,
                            sim_us at)
{
    struct sim_scenario *scenario = reader->scenario;
    struct sim_expectation expect = {.line = reader->line, .timed = timed};
    const size_t last = s->n - 1;
    size_t n = 0;

    if (s->n < 4 || !read_value(s->words[last], &expect.value))
        return sim_complain(reader, "expected: expect FIGURE >=|<= VALUE");
    if (sim_statement_is(s, last - 1, ">="))
        expect.comparison = SIM_AT_LEAST;
    else if (sim_statement_is(s, last - 1, "<="))
        expect.comparison = SIM_AT_MOST;
    else
        return sim_complain(reader, "'%s' is neither >= nor <=", s->words[last - 1]);
    for (size_t i = 1; i + 1 < last; i++) {
        const size_t length = strlen(s->words[i]);

        if (n + length + 2 > sizeof(expect.metric))
            return sim_complain(reader, "there is no figure of such a long name");
        if (n)
            expect.metric[n++] = ' ';
        memcpy(expect.metric + n, s->words[i], length);
        n += length;
    }
    if (!sim_figure_exists(expect.metric))
        return sim_complain(reader, "there is no figure '%s'", expect.metric);
    if (scenario->n_expects == SIM_EXPECTS_MAX)
        return sim_complain(reader, "more than %d expectations", SIM_EXPECTS_MAX);
    if (timed && scenario->n_actions == SIM_ACTIONS_MAX)
        return sim_complain(reader, "more than %d actions", SIM_ACTIONS_MAX);
    if (timed)
        scenario->actions[scenario->n_actions++] =
            (struct sim_action){.kind = SIM_DO_EXPECT, .at = at, .n = (uint32_t)scenario->n_expects};
    scenario->expects[scenario->n_expects++] = expect;
    return 0;
}

/* -- statements ------------------------------------------------------------------------------------------------- */

static int read_statement(const struct sim_reader *reader, struct sim_statement *s)
{
    char place[SIM_WORD_MAX];
    const char *word;
    sim_us at = 0;
    int error;

    if (s->n == 0)
        return 0;
    word = sim_statement_take_after(s, "at", place);
    if (word && !sim_word_time(word, &at))
        return sim_complain(reader, "'%s' is no time", word);
    if (s->n == 0)
        return sim_complain(reader, "at TIME, and what then?");
    if (sim_statement_is(s, 0, "expect"))
        return read_expectation(reader, s, word, at);
    error = word ? 1 : sim_scenario_condition(reader, s);
    return error == 1 ? read_action(reader, s, at) : error;
}

int sim_scenario_read(struct sim_scenario *scenario, struct kad_bytes text, char out_problem[SIM_PROBLEM_MAX])
{
    struct sim_reader reader = {.scenario = scenario, .problem = out_problem, .line = 1};
    bool end = false;
    int error = 0;

    while (!error && !end) {
        const uint8_t *begin = text.data;
        struct sim_statement statement;

        error = sim_statement_next(&reader, &text, &statement, &end);
        if (!error)
            error = read_statement(&reader, &statement);
        for (; begin < text.data; begin++)
            reader.line += *begin == '\n';
    }
    return error;
}

void sim_scenario_init(struct sim_scenario *scenario)
{
    memset(scenario, 0, sizeof(*scenario));
    scenario->config.seed = 1;
    scenario->config.n_nodes = 1000;
    scenario->config.ipv4 = true;
    scenario->config.check_every = 1;
    scenario->join_span = SIM_MINUTE;
    sim_scenario_network(scenario, kad_network_mainline());
}

void sim_scenario_network(struct sim_scenario *scenario, const struct kad_network *network)
{
    scenario->config.network = network;
    kad_settings_default(network, &scenario->config.settings);
    scenario->config.settings.limit_addresses =
        256; /* 16 KB a node; fewer than a node hears, and honest answers are lost */
}

sim_us sim_scenario_end(const struct sim_scenario *scenario)
{
    sim_us end = scenario->end;

    for (size_t i = 0; i < scenario->n_actions; i++) {
        const struct sim_action *action = &scenario->actions[i];
        const bool lasts = action->kind == SIM_DO_ATTACK && action->attack >= SIM_SYBIL;
        const bool asks = action->kind != SIM_DO_EXPECT && action->kind != SIM_DO_ANEW;
        const sim_us patience = scenario->config.settings.request_timeout_ms * 1000 + 2 * SIM_SECOND;
        const sim_us over = action->at + (lasts ? 0 : action->span) + (asks ? patience : 0);

        if (over > end)
            end = over;
    }
    return end;
}
