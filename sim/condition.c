/* condition - the statements that say what holds from the beginning. */
#include "sim/statement.h"

#include <string.h>

#include "base/text.h"
#include "sim/setting.h"

static bool choose(const struct sim_statement *statement, const char *yes, const char *no, bool *out)
{
    *out = sim_statement_is(statement, 1, yes);
    return statement->n == 2 && (*out || sim_statement_is(statement, 1, no));
}

static void limits_off(struct kad_settings *settings)
{
    settings->narrow_per_bucket = settings->narrow_per_table = settings->narrow_per_lookup = 0;
    settings->wide_per_bucket = settings->wide_per_table = 0;
    settings->address_per_s = settings->address_burst = settings->group_per_s = settings->group_burst =
        10000000;
    settings->unproven_gain = 0;
    settings->strikes = 0;
    settings->limit_addresses = 0; /* nothing would be kept in it */
}

static bool read_latency(const struct sim_statement *statement, struct sim_latency *latency)
{
    if (statement->n == 2 && sim_statement_is(statement, 1, "world")) {
        latency->kind = SIM_LATENCY_WORLD;
        return true;
    }
    latency->kind = SIM_LATENCY_FIXED;
    return statement->n == 3 && sim_statement_is(statement, 1, "fixed") &&
           sim_word_time(statement->words[2], &latency->one_way);
}

static bool read_length(const char *word, struct sim_weibull *out, sim_q32 shape)
{
    sim_us time;

    out->shape = shape;
    if (!sim_word_time(word, &time) || time < 1000 || time / 1000 > UINT32_MAX)
        return false;
    out->scale_ms = (uint64_t)time / 1000;
    return true;
}

static bool read_churn(const struct sim_statement *statement, struct sim_churn *churn)
{
    const sim_q32 shape = sim_statement_is(statement, 1, "exponential") ? SIM_ONE : 0;

    if (statement->n == 2)
        return sim_churn_named(statement->words[1], churn);
    return statement->n == 4 && (shape || sim_statement_is(statement, 1, "fixed")) &&
           read_length(statement->words[2], &churn->on, shape) &&
           read_length(statement->words[3], &churn->off, shape);
}

static bool read_family(const struct sim_statement *statement, struct sim_config *config)
{
    const bool dual = sim_statement_is(statement, 1, "dual");

    config->ipv4 = dual || sim_statement_is(statement, 1, "ipv4");
    config->ipv6 = dual || sim_statement_is(statement, 1, "ipv6");
    return statement->n == 2 && (config->ipv4 || config->ipv6);
}

static bool read_tables(struct sim_statement *statement, struct sim_scenario *scenario)
{
    char place[SIM_WORD_MAX];
    const char *over = sim_statement_take_after(statement, "over", place);

    if (over && !sim_word_time(over, &scenario->join_span))
        return false;
    scenario->config.dialling.ready = sim_statement_take(statement, "connected");
    if (scenario->config.dialling.ready && !sim_statement_is(statement, 1, "ideal"))
        return false;
    return choose(statement, "ideal", "join", &scenario->ideal) && (!over || !scenario->ideal);
}

static int read_setting(const struct sim_reader *reader, const struct sim_statement *statement,
                        struct kad_settings *settings)
{
    int64_t value = 0;
    sim_us time;
    int error;

    if (statement->n != 3)
        return sim_complain(reader, "set NAME VALUE");
    if (strcmp(statement->words[2], "on") == 0)
        value = 1;
    else if (strcmp(statement->words[2], "off") != 0 &&
             kad_parse_number(statement->words[2], 0, INT64_C(1) << 40, &value) != 0) {
        if (!sim_word_time(statement->words[2], &time))
            return sim_complain(reader, "'%s' is neither a number, a time, on nor off", statement->words[2]);
        value = time / 1000;
    }
    error = sim_setting(settings, statement->words[1], value);
    if (error == KAD_E_NOT_FOUND)
        return sim_complain(reader, "there is no setting '%s'", statement->words[1]);
    return error
               ? sim_complain(reader, "'%s' is out of range for %s", statement->words[2], statement->words[1])
               : 0;
}

static bool read_watch(struct sim_statement *statement, struct sim_scenario *scenario)
{
    char place[SIM_WORD_MAX];
    const char *over = sim_statement_take_after(statement, "over", place);

    return (!over || sim_word_time(over, &scenario->watch_span)) && statement->n == 2 &&
           sim_word_count(statement->words[1], &scenario->config.n_watched) && scenario->config.n_watched > 0;
}

static int count_setting(const struct sim_reader *reader, const struct sim_statement *statement,
                         const char *name)
{
    uint32_t n;

    if (statement->n != 2 || !sim_word_count(statement->words[1], &n))
        return sim_complain(reader, "%s NUMBER", name);
    return sim_setting(&reader->scenario->config.settings, name, n)
               ? sim_complain(reader, "%s is out of range", name)
               : 0;
}

static bool choose_network(struct sim_scenario *scenario, const char *name)
{
    const struct kad_network *network = kad_network_named(name);

    if (!network || kad_network_puzzle(network))
        return false;
    sim_scenario_network(scenario, network);
    return true;
}

static int check_one(const struct sim_reader *reader, bool good, const char *usage)
{
    return good ? 0 : sim_complain(reader, "expected: %s", usage);
}

/* What connections may cost. 1: it is no such statement. */
static int read_dialling(const struct sim_reader *reader, const struct sim_statement *s,
                         struct sim_dialling *dialling)
{
    const bool two = s->n == 2;
    const char *value = two ? s->words[1] : "";

    if (strcmp(s->words[0], "connections") == 0)
        return check_one(reader, two && sim_word_count(value, &dialling->links) && dialling->links > 0,
                         "connections NUMBER");
    if (strcmp(s->words[0], "dials") == 0)
        return check_one(reader, two && sim_word_count(value, &dialling->dials) && dialling->dials > 0,
                         "dials NUMBER");
    if (strcmp(s->words[0], "handshake") == 0)
        return check_one(reader, two && sim_word_count(value, &dialling->trips) && dialling->trips > 0,
                         "handshake ROUNDTRIPS");
    if (strcmp(s->words[0], "dial_timeout") == 0)
        return check_one(reader, two && sim_word_time(value, &dialling->dial_us) && dialling->dial_us > 0,
                         "dial_timeout TIME");
    if (strcmp(s->words[0], "dial_pause") == 0)
        return check_one(reader, two && sim_word_time(value, &dialling->pause_us) && dialling->pause_us > 0,
                         "dial_pause TIME");
    return 1;
}

int sim_scenario_condition(const struct sim_reader *reader, struct sim_statement *s)
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
    if (strcmp(what, "network") == 0)
        return check_one(
            reader, two && choose_network(scenario, value),
            "network mainline|kad-toy|kad-easy|libp2p|libp2p-ipfs, before what changes settings");
    if (strcmp(what, "peers") == 0)
        return check_one(reader, two && sim_word_count(value, &config->n_nodes) && config->n_nodes > 0,
                         "peers NUMBER");
    if (strcmp(what, "latency") == 0)
        return check_one(reader, read_latency(s, &config->latency), "latency world | latency fixed TIME");
    if (strcmp(what, "loss") == 0)
        return check_one(reader, two && sim_word_share(value, &config->loss_ppm), "loss SHARE%");
    if (strcmp(what, "bursts") == 0)
        return check_one(reader, two && sim_word_share(value, &config->burst_ppm), "bursts SHARE%");
    if (strcmp(what, "duplicate") == 0)
        return check_one(reader, two && sim_word_share(value, &config->duplicate_ppm), "duplicate SHARE%");
    if (strcmp(what, "reorder") == 0)
        return check_one(reader, two && sim_word_share(value, &config->reorder_ppm), "reorder SHARE%");
    if (strcmp(what, "dead") == 0)
        return check_one(reader, two && sim_word_share(value, &scenario->dead_ppm), "dead SHARE%");
    if (strcmp(what, "churn") == 0)
        return check_one(reader, read_churn(s, &scenario->churn),
                         "churn none|kad|ipfs|flatout | churn exponential|fixed ON OFF");
    if (strcmp(what, "disk") == 0)
        return check_one(reader, choose(s, "lose", "keep", &scenario->lose_disk), "disk keep|lose");
    if (strcmp(what, "tables") == 0)
        return check_one(reader, read_tables(s, scenario),
                         "tables ideal [connected] | tables join [over TIME]");
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
        return check_one(reader, two && sim_word_count(value, &config->check_every), "check NUMBER");
    if (strcmp(what, "memory_ceiling") == 0)
        return check_one(reader,
                         two && sim_word_count(value, &config->memory_ceiling) && config->memory_ceiling > 0,
                         "memory_ceiling BYTES");
    if (strcmp(what, "end") == 0) {
        good = s->n == 2 && sim_word_time(value, &scenario->end);
        return check_one(reader, good, "end TIME");
    }
    if (strcmp(what, "k") == 0 || strcmp(what, "alpha") == 0)
        return count_setting(reader, s, what);
    if (strcmp(what, "set") == 0)
        return read_setting(reader, s, &config->settings);
    if (strcmp(what, "others") == 0) {
        if (!config->has_others)
            config->others = config->settings;
        config->has_others = true;
        return read_setting(reader, s, &config->others);
    }
    if (strcmp(what, "watch") == 0)
        return check_one(reader, read_watch(s, scenario), "watch NUMBER [over TIME]");
    if (strcmp(what, "clients") == 0)
        return check_one(reader, two && sim_word_share(value, &config->client_ppm), "clients SHARE%");
    return read_dialling(reader, s, &config->dialling);
}
