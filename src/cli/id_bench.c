/* id_bench - see id_bench.h. */
#include "cli/id_bench.h"

#include <math.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/print.h"
#include "crypto/crypto.h"
#include "kad/identity.h"

#define SIGNED 200 /* bytes, a small record's */
#define KEYS   32  /* different ones, so that no key's computations stay warm */
#define NEAR   20  /* identities that surround a key: k */
#define DAY    86400.0

static const unsigned puzzles[] = {8, 12, 16, 20};
static const double networks[] = {1e4, 1e6};

/* All per second, on one core. */
struct rates {
    double keys; /* made and held against the puzzle, as kad id new does */
    double sha256, sign, verify, x25519;
};

/* -- measuring --------------------------------------------------------------------------------------------------- */

/* Of processor, not of clock: a busy machine gives fewer turns, not slower ones. */
static double now_s(void)
{
    struct timespec time;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static double since_s(double began_s)
{
    return now_s() - began_s;
}

static double measure_keys(double seconds)
{
    const double began = now_s();
    struct kad_identity_search search;
    double rate;

    kad_identity_search_init(&search, NULL, KAD_PUZZLE_MAX);
    while (since_s(began) < seconds && !kad_identity_try(&search, 200))
        ;
    rate = (double)search.n_tries / since_s(began);
    kad_identity_search_wipe(&search);
    return rate;
}

/* Each hashes what the one before gave, so that none can be left out. */
static double measure_sha256(double seconds)
{
    const double began = now_s();
    uint8_t hash[KAD_SHA256_SIZE] = {0};
    uint64_t n = 0;

    for (; since_s(began) < seconds; n += 500) {
        for (unsigned i = 0; i < 500; i++)
            kad_sha256(hash, sizeof hash, hash);
    }
    return (double)n / since_s(began);
}

static double measure_x25519(double seconds)
{
    const double began = now_s();
    uint8_t secret[32] = {1}, point[32] = {9};
    uint64_t n = 0;

    for (; since_s(began) < seconds; n += 10) {
        for (unsigned i = 0; i < 10; i++) {
            if (crypto_scalarmult_curve25519(point, secret, point) != 0)
                return 0;
        }
    }
    return (double)n / since_s(began);
}

static void measure_signatures(double seconds, struct rates *rates)
{
    struct kad_identity identities[KEYS];
    uint8_t signatures[KEYS][KAD_SIGNATURE_SIZE], text[SIGNED] = {0};
    const struct kad_bytes data = {text, sizeof text};
    uint64_t n = 0;
    bool good = true;
    double began;

    for (unsigned i = 0; i < KEYS; i++) {
        const uint8_t seed[32] = {(uint8_t)i};

        kad_identity_from_seed(&identities[i], seed);
    }
    /* At least once with each key: they are all verified. */
    for (began = now_s(); since_s(began) < seconds || n < KEYS; n++)
        good &= kad_identity_sign(&identities[n % KEYS], "bench", data, signatures[n % KEYS]) == KAD_OK;
    rates->sign = (double)n / since_s(began);
    n = 0;
    for (began = now_s(); since_s(began) < seconds; n++)
        good &= kad_identity_verify(identities[n % KEYS].public_key, "bench", data, signatures[n % KEYS]);
    rates->verify = good ? (double)n / since_s(began) : 0;
}

/* -- prices ------------------------------------------------------------------------------------------------------ */

/* An identity's, in seconds, on average: the number of tries is geometric, so that one in a hundred takes 4.6 times that. */
static double honest_s(const struct rates *rates, unsigned bits)
{
    return ldexp(1, (int)bits) / rates->keys;
}

/* One of n * 2^bits keys lies nearer to a place than any of n honest nodes and solves the puzzle. Days of one core. */
static double attack_days(double keys_per_s, double n_nodes, unsigned bits)
{
    return NEAR * n_nodes * ldexp(1, (int)bits) / keys_per_s / DAY;
}

/* Whoever needs no standard seed walks from key to key by adding points; each must still be hashed once. */
static double attack_rate(const struct rates *rates)
{
    return rates->sha256;
}

/* -- showing ----------------------------------------------------------------------------------------------------- */

#define CELL 32

static const char *cell(double number, char text[CELL])
{
    snprintf(text, CELL,
             number < 0.095  ? "%.3f"
             : number < 9.95 ? "%.2f"
             : number < 995  ? "%.1f"
                             : "%.0f",
             number);
    return text;
}

static void show_rates(const struct kad_cli *cli, const struct rates *rates)
{
    static const char *const headings[] = {"on one core", ">per second", ">us each"};
    const struct {
        const char *what;
        double rate;
    } rows[] = {
        {"identities tried (a key, its place, its puzzle)", rates->keys},
        {"SHA-256 of 32 bytes", rates->sha256},
        {"signatures made", rates->sign},
        {"signatures verified", rates->verify},
        {"X25519 shared secrets", rates->x25519},
    };
    struct kad_columns columns;

    kad_columns_init(&columns, headings, KAD_COUNT_OF(headings));
    for (size_t i = 0; i < KAD_COUNT_OF(rows); i++) {
        char per_s[CELL], us[CELL];

        snprintf(per_s, CELL, "%.0f", rows[i].rate);
        kad_columns_add(&columns, KAD_PLAIN, rows[i].what, per_s, cell(1e6 / rows[i].rate, us));
    }
    kad_columns_print(&columns, cli);
}

static void show_prices(const struct kad_cli *cli, const struct rates *rates)
{
    static const char *const headings[] = {">puzzle bits",      ">one identity, s",  ">one in 100, s",
                                           ">10^4 nodes, days", ">10^6 nodes, days", ">10^4, at best",
                                           ">10^6, at best"};
    struct kad_columns columns;

    kad_columns_init(&columns, headings, KAD_COUNT_OF(headings));
    for (size_t i = 0; i < KAD_COUNT_OF(puzzles); i++) {
        const unsigned bits = puzzles[i];
        char cells[7][CELL];

        snprintf(cells[0], CELL, "%u", bits);
        kad_columns_add(&columns, bits == KAD_PUZZLE_BITS ? KAD_BOLD : KAD_PLAIN, cells[0],
                        cell(honest_s(rates, bits), cells[1]),
                        cell(log(100) * honest_s(rates, bits), cells[2]),
                        cell(attack_days(rates->keys, networks[0], bits), cells[3]),
                        cell(attack_days(rates->keys, networks[1], bits), cells[4]),
                        cell(attack_days(attack_rate(rates), networks[0], bits), cells[5]),
                        cell(attack_days(attack_rate(rates), networks[1], bits), cells[6]));
    }
    kad_columns_print(&columns, cli);
}

static void show(const struct kad_cli *cli, const struct rates *rates)
{
    show_rates(cli, rates);
    printf("\nWhat an identity costs, once; and what %d of them cost, nearer to a key than any honest node, "
           "in days of\n"
           "one core: by this program's search, and at best, that is by adding points, with one SHA-256 for "
           "each key.\n\n",
           NEAR);
    show_prices(cli, rates);
    printf("\nkad's network asks for %u bits. Adding points makes such a search 10 to 100 times cheaper, and "
           "cores can be\n"
           "rented: puzzles raise the price, they carry nothing. What keeps a key reachable is that values "
           "are stored\n"
           "at all nodes around it, and that no address range has many of these (docs/identity.md).\n",
           KAD_PUZZLE_BITS);
}

static json_t *attack(const struct rates *rates, unsigned bits)
{
    json_t *rows = json_array();

    for (size_t i = 0; i < KAD_COUNT_OF(networks); i++)
        json_array_append_new(rows,
                              json_pack("{s:I, s:f, s:f}", "nodes", (json_int_t)networks[i], "core_days",
                                        attack_days(rates->keys, networks[i], bits), "core_days_at_best",
                                        attack_days(attack_rate(rates), networks[i], bits)));
    return rows;
}

static void print_json(const struct rates *rates)
{
    json_t *prices = json_array(), *object;

    for (size_t i = 0; i < KAD_COUNT_OF(puzzles); i++)
        json_array_append_new(prices, json_pack("{s:i, s:f, s:f, s:o}", "puzzle_bits", (int)puzzles[i],
                                                "honest_s", honest_s(rates, puzzles[i]), "honest_p99_s",
                                                log(100) * honest_s(rates, puzzles[i]), "attack",
                                                attack(rates, puzzles[i])));
    object =
        json_pack("{s:{s:f, s:f, s:f, s:f, s:f}, s:i, s:i, s:o}", "per_s", "identities", rates->keys,
                  "sha256", rates->sha256, "sign", rates->sign, "verify", rates->verify, "x25519",
                  rates->x25519, "network_bits", KAD_PUZZLE_BITS, "identities_near", NEAR, "prices", prices);
    json_dumpf(object, stdout, JSON_REAL_PRECISION(6));
    putchar('\n');
    json_decref(object);
}

int kad_id_bench(struct kad_cli *cli)
{
    const double seconds = cli->options.quick ? 0.05 : 0.5;
    struct rates rates = {0};

    if (!cli->options.json && isatty(STDERR_FILENO))
        fputs("measuring ...\n", stderr);
    rates.keys = measure_keys(2 * seconds);
    rates.sha256 = measure_sha256(seconds);
    rates.x25519 = measure_x25519(seconds);
    measure_signatures(seconds, &rates);
    if (rates.verify <= 0 || rates.x25519 <= 0)
        return kad_cli_fail(cli, KAD_EXIT_INTERNAL, "what was signed does not verify", NULL);
    if (cli->options.json)
        print_json(&rates);
    else
        show(cli, &rates);
    return KAD_EXIT_DONE;
}
