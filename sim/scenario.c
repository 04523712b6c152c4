#include "sim/scenario.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "sim/setting.h"

#define WORDS_MAX 16
#define WORD_MAX  48

struct statement {
    char words[WORDS_MAX][WORD_MAX];
    size_t n;
    int line;
};

struct reader {
    struct sim_scenario *scenario;
    char *problem;
    int line;
};

static int complain(const struct reader *reader, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static int complain(const struct reader *reader, const char *format, ...)
{
    const int n = snprintf(reader->problem, SIM_PROBLEM_MAX, "%d: ", reader->line);
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(reader->problem + n, SIM_PROBLEM_MAX - (size_t)n, format, arguments);
    va_end(arguments);
    return KAD_E_INVALID;
}

/* -- words ------------------------------------------------------------------------------------------------------ */

/* A number with up to six digits behind its point, in millionths, and what follows it. */
static bool split_number(const char *word, uint64_t *out_millionths, const char **out_unit)
{
    uint64_t value = 0, part = 1000000;
    size_t n = 0;

    for (; word[n] >= '0' && word[n] <= '9'; n++) {
        if (n == 12)
            return false;
        value = value * 10 + (uint64_t)(word[n] - '0');
    }
    if (n == 0)
        return false;
    value *= 1000000;
    if (word[n] == '.') {
        for (n++; word[n] >= '0' && word[n] <= '9'; n++) {
            part /= 10;
            value += part * (uint64_t)(word[n] - '0');
        }
    }
    *out_millionths = value;
    *out_unit = word + n;
    return true;
}

static bool read_time(const char *word, sim_us *out_time)
{
    static const struct {
        const char *name;
        sim_us length;
    } units[] = {{"us", 1},         {"ms", 1000},    {"s", SIM_SECOND},
                 {"m", SIM_MINUTE}, {"h", SIM_HOUR}, {"d", 24 * SIM_HOUR}};
    uint64_t millionths;
    const char *unit;

    if (!split_number(word, &millionths, &unit) || millionths > UINT64_C(1000000) * 1000000)
        return false;
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (strcmp(unit, units[i].name) == 0) {
            /* whole units and their fraction apart, so that nothing overflows */
            *out_time = (sim_us)(millionths / 1000000) * units[i].length +
                        (sim_us)(millionths % 1000000) * (units[i].length / 1000) / 1000;
            return *out_time <= 400 * 24 * SIM_HOUR;
        }
    }
    return millionths == 0 && *unit == '\0' && ((*out_time = 0), true);
}

static bool read_share(const char *word, uint32_t *out_ppm)
{
    uint64_t millionths;
    const char *unit;

    if (!split_number(word, &millionths, &unit) || strcmp(unit, "%") != 0 || millionths > 100000000)
        return false;
    *out_ppm = (uint32_t)(millionths / 100);
    return true;
}

static bool read_count(const char *word, uint32_t *out_count)
{
    int64_t number;

    if (kad_parse_number(word, 0, 100000000, &number) != 0)
        return false;
    *out_count = (uint32_t)number;
    return true;
}

/* The word after `name`, and both taken out; NULL: there is none. `place` keeps it. */
static const char *take_after(struct statement *statement, const char *name, char place[WORD_MAX])
{
    for (size_t i = 0; i + 1 < statement->n; i++) {
        if (strcmp(statement->words[i], name) != 0)
            continue;
        memcpy(place, statement->words[i + 1], WORD_MAX);
        memmove(statement->words[i], statement->words[i + 2], (statement->n - i - 2) * WORD_MAX);
        statement->n -= 2;
        return place;
    }
    return NULL;
}

static bool take(struct statement *statement, const char *name)
{
    for (size_t i = 1; i < statement->n; i++) {
        if (strcmp(statement->words[i], name) != 0)
            continue;
        memmove(statement->words[i], statement->words[i + 1], (statement->n - i - 1) * WORD_MAX);
        statement->n--;
        return true;
    }
    return false;
}

static bool is(const struct statement *statement, size_t i, const char *word)
{
    return i < statement->n && strcmp(statement->words[i], word) == 0;
}

/* -- what holds from the beginning ------------------------------------------------------------------------------ */

static bool choose(const struct statement *statement, const char *yes, const char *no, bool *out)
{
    *out = is(statement, 1, yes);
    return statement->n == 2 && (*out || is(statement, 1, no));
}

static void limits_off(struct kad_settings *settings)
{
    settings->narrow_per_bucket = settings->narrow_per_table = settings->narrow_per_lookup = 0;
    settings->wide_per_bucket = settings->wide_per_table = 0;
    settings->address_per_s = settings->address_burst = settings->group_per_s = settings->group_burst =
        10000000;
    settings->unproven_gain = 0;
    settings->strikes = 0;
    settings->limit_addresses = 16; /* the least: nothing is kept in it */
}

static bool read_latency(const struct statement *statement, struct sim_latency *latency)
{
    if (statement->n == 2 && is(statement, 1, "world")) {
        latency->kind = SIM_LATENCY_WORLD;
        return true;
    }
    latency->kind = SIM_LATENCY_FIXED;
    return statement->n == 3 && is(statement, 1, "fixed") &&
           read_time(statement->words[2], &latency->one_way);
}

static bool read_length(const char *word, struct sim_weibull *out, sim_q32 shape)
{
    sim_us time;

    out->shape = shape;
    if (!read_time(word, &time) || time < 1000 || time / 1000 > UINT32_MAX)
        return false;
    out->scale_ms = (uint64_t)time / 1000;
    return true;
}

static bool read_churn(const struct statement *statement, struct sim_churn *churn)
{
    const sim_q32 shape = is(statement, 1, "exponential") ? SIM_ONE : 0;

    if (statement->n == 2)
        return sim_churn_named(statement->words[1], churn);
    return statement->n == 4 && (shape || is(statement, 1, "fixed")) &&
           read_length(statement->words[2], &churn->on, shape) &&
           read_length(statement->words[3], &churn->off, shape);
}

static bool read_family(const struct statement *statement, struct sim_config *config)
{
    const bool dual = is(statement, 1, "dual");

    config->ipv4 = dual || is(statement, 1, "ipv4");
    config->ipv6 = dual || is(statement, 1, "ipv6");
    return statement->n == 2 && (config->ipv4 || config->ipv6);
}

static bool read_tables(struct statement *statement, struct sim_scenario *scenario)
{
    char place[WORD_MAX];
    const char *over = take_after(statement, "over", place);

    if (over && !read_time(over, &scenario->join_span))
        return false;
    return choose(statement, "ideal", "join", &scenario->ideal) && (!over || !scenario->ideal);
}

static int read_setting(const struct reader *reader, const struct statement *statement)
{
    int64_t value = 0;
    sim_us time;
    int error;

    if (statement->n != 3)
        return complain(reader, "set NAME VALUE");
    if (strcmp(statement->words[2], "on") == 0)
        value = 1;
    else if (strcmp(statement->words[2], "off") != 0 &&
             kad_parse_number(statement->words[2], 0, INT64_C(1) << 40, &value) != 0) {
        if (!read_time(statement->words[2], &time))
            return complain(reader, "'%s' is neither a number, a time, on nor off", statement->words[2]);
        value = time / 1000;
    }
    error = sim_setting(&reader->scenario->config.settings, statement->words[1], value);
    if (error == KAD_E_NOT_FOUND)
        return complain(reader, "there is no setting '%s'", statement->words[1]);
    return error ? complain(reader, "'%s' is out of range for %s", statement->words[2], statement->words[1])
                 : 0;
}

static int count_setting(const struct reader *reader, const struct statement *statement, const char *name)
{
    uint32_t n;

    if (statement->n != 2 || !read_count(statement->words[1], &n))
        return complain(reader, "%s NUMBER", name);
    return sim_setting(&reader->scenario->config.settings, name, n)
               ? complain(reader, "%s is out of range", name)
               : 0;
}

static int check_one(const struct reader *reader, bool good, const char *usage)
{
    return good ? 0 : complain(reader, "expected: %s", usage);
}

/* 1: no such statement. */
static int read_condition(const struct reader *reader, struct statement *s)
{
    struct sim_scenario *scenario = reader->scenario;
    struct sim_config *config = &scenario->config;
    const char *what = s->words[0];
    const char *value = s->n > 1 ? s->words[1] : "";
    const bool two = s->n == 2;
    int64_t number = 0;
    bool yes = false, good;

    if (strcmp(what, "seed") == 0) {
        good = two && kad_parse_number(value, 0, INT64_MAX, &number) == 0;
        config->seed = (uint64_t)number;
        return check_one(reader, good, "seed NUMBER");
    }
    if (strcmp(what, "peers") == 0)
        return check_one(reader, two && read_count(value, &config->n_nodes) && config->n_nodes > 0,
                         "peers NUMBER");
    if (strcmp(what, "latency") == 0)
        return check_one(reader, read_latency(s, &config->latency), "latency world | latency fixed TIME");
    if (strcmp(what, "loss") == 0)
        return check_one(reader, two && read_share(value, &config->loss_ppm), "loss SHARE%");
    if (strcmp(what, "bursts") == 0)
        return check_one(reader, two && read_share(value, &config->burst_ppm), "bursts SHARE%");
    if (strcmp(what, "duplicate") == 0)
        return check_one(reader, two && read_share(value, &config->duplicate_ppm), "duplicate SHARE%");
    if (strcmp(what, "reorder") == 0)
        return check_one(reader, two && read_share(value, &config->reorder_ppm), "reorder SHARE%");
    if (strcmp(what, "dead") == 0)
        return check_one(reader, two && read_share(value, &scenario->dead_ppm), "dead SHARE%");
    if (strcmp(what, "churn") == 0)
        return check_one(reader, read_churn(s, &scenario->churn),
                         "churn none|kad|ipfs|flatout | churn exponential|fixed ON OFF");
    if (strcmp(what, "disk") == 0)
        return check_one(reader, choose(s, "lose", "keep", &scenario->lose_disk), "disk keep|lose");
    if (strcmp(what, "tables") == 0)
        return check_one(reader, read_tables(s, scenario), "tables ideal | tables join [over TIME]");
    if (strcmp(what, "ids") == 0)
        return check_one(reader, choose(s, "bep42", "random", &config->ids_fit), "ids random|bep42");
    if (strcmp(what, "family") == 0)
        return check_one(reader, read_family(s, config), "family ipv4|ipv6|dual");
    if (strcmp(what, "limits") == 0) {
        good = choose(s, "off", "on", &yes);
        if (good && yes)
            limits_off(&config->settings);
        return check_one(reader, good, "limits on|off");
    }
    if (strcmp(what, "check") == 0)
        return check_one(reader, two && read_count(value, &config->check_every), "check NUMBER");
    if (strcmp(what, "end") == 0) {
        good = s->n == 2 && read_time(value, &scenario->end);
        return check_one(reader, good, "end TIME");
    }
    if (strcmp(what, "k") == 0 || strcmp(what, "alpha") == 0)
        return count_setting(reader, s, what);
    if (strcmp(what, "set") == 0)
        return read_setting(reader, s);
    return 1;
}

/* -- what happens ----------------------------------------------------------------------------------------------- */

static bool read_number_or_all(const struct statement *statement, uint32_t *out)
{
    *out = SIM_ALL;
    return statement->n == 2 && (is(statement, 1, "all") || read_count(statement->words[1], out));
}

static bool read_attack(struct statement *statement, struct sim_action *action)
{
    static const char *const names[SIM_N_ATTACKS] = {"flood", "subnet", "spoofed", "reflect", "liars"};
    char place[WORD_MAX];
    const char *word;
    size_t i = 0;

    action->n = 1;
    action->rate = 100;
    word = take_after(statement, "rate", place);
    if (word && !read_count(word, &action->rate))
        return false;
    word = take_after(statement, "on", place);
    if (word && (!read_count(word, &action->n) || action->n == 0))
        return false;
    while (i < SIM_N_ATTACKS && !is(statement, 1, names[i]))
        i++;
    action->attack = (enum sim_attack_kind)i;
    return statement->n == 2 && i < SIM_N_ATTACKS && action->span > 0;
}

static int read_action(const struct reader *reader, struct statement *s, sim_us at)
{
    static const struct {
        const char *name, *usage;
        enum sim_action_kind kind;
    } names[] = {
        {"lookup", "lookup NUMBER [over TIME]", SIM_DO_LOOKUP},
        {"put", "put NUMBER [keep] [over TIME]", SIM_DO_PUT},
        {"get", "get NUMBER|all [over TIME]", SIM_DO_GET},
        {"announce", "announce NUMBER [keep] [over TIME]", SIM_DO_ANNOUNCE},
        {"find", "find NUMBER|all [over TIME]", SIM_DO_FIND},
        {"leave", "leave SHARE%", SIM_DO_LEAVE},
        {"crash", "crash SHARE% [lose]", SIM_DO_CRASH},
        {"start", "start SHARE% [over TIME]", SIM_DO_START},
        {"partition", "partition SHARE% for TIME [one-way]", SIM_DO_PARTITION},
        {"attack", "attack flood|subnet|spoofed|reflect|liars [on NUMBER] [rate NUMBER] for TIME",
         SIM_DO_ATTACK},
    };
    struct sim_action action = {.at = at, .span = 10 * SIM_SECOND};
    char place[WORD_MAX];
    const char *word;
    bool good = true;
    size_t i = 0;

    while (i < sizeof(names) / sizeof(names[0]) && !is(s, 0, names[i].name))
        i++;
    if (i == sizeof(names) / sizeof(names[0]))
        return complain(reader, "there is no statement '%s'", s->words[0]);
    if (reader->scenario->n_actions == SIM_ACTIONS_MAX)
        return complain(reader, "more than %d actions", SIM_ACTIONS_MAX);
    action.kind = names[i].kind;
    word = take_after(s, "over", place);
    if (!word)
        word = take_after(s, "for", place);
    if (word)
        good = read_time(word, &action.span);
    action.keep = take(s, "keep");
    action.lose = take(s, "lose");
    action.one_way = take(s, "one-way");
    switch (action.kind) {
    case SIM_DO_GET:
    case SIM_DO_FIND:
        good = good && read_number_or_all(s, &action.n);
        break;
    case SIM_DO_LOOKUP:
    case SIM_DO_PUT:
    case SIM_DO_ANNOUNCE:
        good = good && s->n == 2 && read_count(s->words[1], &action.n);
        break;
    case SIM_DO_LEAVE:
    case SIM_DO_CRASH:
    case SIM_DO_START:
        good = good && s->n == 2 && read_share(s->words[1], &action.ppm);
        break;
    case SIM_DO_PARTITION:
        good = good && word && s->n == 2 && read_share(s->words[1], &action.ppm);
        break;
    case SIM_DO_ATTACK:
        good = good && word && read_attack(s, &action);
        break;
    }
    if (!good)
        return complain(reader, "expected: %s", names[i].usage);
    reader->scenario->actions[reader->scenario->n_actions++] = action;
    return 0;
}

/* -- what must come of it --------------------------------------------------------------------------------------- */

/* "%", "ms", and the like are for the reader: each figure has one unit. */
static bool read_value(const char *word, double *out_value)
{
    uint64_t millionths;
    const char *unit;

    if (!split_number(word, &millionths, &unit))
        return false;
    *out_value = (double)millionths / 1000000;
    if (strcmp(unit, "s") == 0)
        *out_value *= 1000; /* times are milliseconds */
    return *unit == '\0' || strcmp(unit, "%") == 0 || strcmp(unit, "ms") == 0 || strcmp(unit, "s") == 0;
}

static int read_expectation(const struct reader *reader, const struct statement *s)
{
    struct sim_expectation expect = {.line = reader->line};
    const size_t last = s->n - 1;
    size_t n = 0;

    if (s->n < 4 || !read_value(s->words[last], &expect.value))
        return complain(reader, "expected: expect FIGURE >=|<= VALUE");
    if (is(s, last - 1, ">="))
        expect.comparison = SIM_AT_LEAST;
    else if (is(s, last - 1, "<="))
        expect.comparison = SIM_AT_MOST;
    else
        return complain(reader, "'%s' is neither >= nor <=", s->words[last - 1]);
    for (size_t i = 1; i + 1 < last; i++) {
        const size_t length = strlen(s->words[i]);

        if (n + length + 2 > sizeof(expect.metric))
            return complain(reader, "there is no figure of such a long name");
        if (n)
            expect.metric[n++] = ' ';
        memcpy(expect.metric + n, s->words[i], length);
        n += length;
    }
    if (!sim_figure_exists(expect.metric))
        return complain(reader, "there is no figure '%s'", expect.metric);
    if (reader->scenario->n_expects == SIM_EXPECTS_MAX)
        return complain(reader, "more than %d expectations", SIM_EXPECTS_MAX);
    reader->scenario->expects[reader->scenario->n_expects++] = expect;
    return 0;
}

/* -- statements ------------------------------------------------------------------------------------------------- */

static int read_statement(const struct reader *reader, struct statement *s)
{
    char place[WORD_MAX];
    const char *word;
    sim_us at = 0;
    int error;

    if (s->n == 0)
        return 0;
    if (is(s, 0, "expect"))
        return read_expectation(reader, s);
    word = take_after(s, "at", place);
    if (word && !read_time(word, &at))
        return complain(reader, "'%s' is no time", word);
    if (s->n == 0)
        return complain(reader, "at TIME, and what then?");
    error = word ? 1 : read_condition(reader, s);
    return error == 1 ? read_action(reader, s, at) : error;
}

/* The next statement's words; false: the text is at its end. */
static int next_statement(struct reader *reader, struct kad_bytes *text, struct statement *out, bool *out_end)
{
    size_t length = 0;
    bool comment = false;

    out->n = 0;
    *out_end = false;
    while (text->size) {
        const char c = (char)*text->data;

        text->data++;
        text->size--;
        comment = comment ? c != '\n' : c == '#';
        if (comment || c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == ';') {
            if (length)
                out->words[out->n++][length] = '\0';
            length = 0;
            if (!comment && (c == '\n' || c == ';')) {
                out->line = reader->line;
                return 0;
            }
            continue;
        }
        if (c < 0x21 || c > 0x7e)
            return complain(reader, "a character that does not belong in a scenario");
        if (out->n == WORDS_MAX)
            return complain(reader, "more than %d words", WORDS_MAX);
        if (length == WORD_MAX - 1)
            return complain(reader, "a word of more than %d letters", WORD_MAX - 1);
        out->words[out->n][length++] = c;
    }
    if (length)
        out->words[out->n++][length] = '\0';
    *out_end = true;
    return 0;
}

int sim_scenario_read(struct sim_scenario *scenario, struct kad_bytes text, char out_problem[SIM_PROBLEM_MAX])
{
    struct reader reader = {.scenario = scenario, .problem = out_problem, .line = 1};
    bool end = false;
    int error = 0;

    while (!error && !end) {
        const uint8_t *begin = text.data;
        struct statement statement;

        error = next_statement(&reader, &text, &statement, &end);
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
    scenario->config.check_every = 8;
    scenario->join_span = SIM_MINUTE;
    kad_settings_default(kad_network_mainline(), &scenario->config.settings);
    scenario->config.settings.limit_addresses =
        256; /* 16 KB a node; fewer than a node hears, and honest answers are lost */
}

sim_us sim_scenario_end(const struct sim_scenario *scenario)
{
    sim_us end = scenario->end;

    for (size_t i = 0; i < scenario->n_actions; i++) {
        const struct sim_action *action = &scenario->actions[i];
        const sim_us over =
            action->at + action->span + scenario->config.settings.request_timeout_ms * 1000 + 2 * SIM_SECOND;

        if (over > end)
            end = over;
    }
    return end;
}
