/*
 * load - asks one server as fast as it answers, and tells what an answer cost it.
 *
 *     load MODE --to HOST:PORT --pid PID [options]        one line of JSON on stdout
 *
 * MODE is a query (ping, find_node, get_peers, announce_peer, get, put, get_mutable,
 * put_mutable, sample_infohashes, echo), or `first` (asks every millisecond until the
 * first answer), or `fill` (stores --announces and --items once each).
 *
 * Closed loop: --window requests are always under way, so the server is never idle
 * and its batches are as full as it can take them. More than about 160 would overflow
 * the default socket buffer (208 KiB) of a server that does not ask for a larger one. The load itself spins rather than
 * sleeps: waking a sleeper would be charged to the server that sent the datagram.
 * The cost is the CPU time of the server's process (all threads, nanoseconds) between
 * the first and the last measured request, divided by the answers.
 *
 * A server that answers only so many a second is measured in bursts: --burst requests,
 * then --pause milliseconds that are not counted.
 */
#include "ask.h"
#include "udp.h"

#include <assert.h>
#include <err.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    WINDOW_MAX = 4096,
    LOST_AFTER_MS = 800,
    TRIES_MAX = 8,
    FILL_CHUNK = 4096,
    SETTLE_MS = 4,
    MS = 1000000,
};

struct slot {
    uint16_t generation;
    bool busy;
    uint8_t tries;
    uint32_t key; /* UINT32_MAX: a random target */
    int64_t sent_at;
};

struct tally {
    uint64_t asked, answers, errors, lost, bytes_asked, bytes, nodes, peers, values;
    int64_t wall_ns, cpu_ns, load_ns, last_at; /* last_at: of the last answer */
    char error[80];                            /* the first one, as a sample */
};

struct load {
    struct udp_socket *udp;
    uint32_t to, base;
    uint16_t to_port;
    pid_t pid;
    unsigned window, n_sources;
    double seconds, warm_seconds;
    unsigned burst, pause_ms;
    unsigned echo_query, echo_answer; /* bytes */
    uint64_t seed;

    struct ask_key *keys;
    size_t n_keys;
    uint32_t *again; /* keys whose query got lost, to be asked again; FILL_CHUNK or n_keys of them */
    size_t n_again;

    struct slot slots[WINDOW_MAX];
    uint16_t idle[WINDOW_MAX];
    unsigned n_idle;
    struct tally tally;
};

/* Sources far apart, so that limits per network see as many networks: 127.64.0.1, 127.65.0.1, ... 127.64.1.1, ... */
static uint32_t source_address(const struct load *load, uint32_t source)
{
    const uint32_t n = source % load->n_sources;

    return load->base + ((n % 64) << 16) + (n / 64 << 8);
}

static void source_id(uint8_t out_id[KRPC_ID], uint32_t address)
{
    krpc_fill(out_id, KRPC_ID, address);
}

static void ask_one(struct load *load, enum ask ask, uint32_t key_number, uint8_t tries)
{
    const struct ask_key *key = key_number == UINT32_MAX ? NULL : &load->keys[key_number];
    const uint16_t i = load->idle[--load->n_idle];
    struct slot *slot = &load->slots[i];
    uint8_t bytes[KRPC_MESSAGE_MAX], id[KRPC_ID];
    struct udp_datagram out = {.theirs = load->to, .port = load->to_port, .data = bytes};

    slot->busy = true;
    slot->generation++;
    slot->key = key_number;
    slot->tries = tries;
    slot->sent_at = bench_now_ns();
    out.ours = source_address(load, key ? key->source : (uint32_t)load->seed);
    source_id(id, out.ours);
    if (ask == ASK_ECHO)
        out.size = ask_write_echo(bytes, load->echo_query, (uint16_t)load->echo_answer,
                                  (uint32_t)slot->generation << 16 | i);
    else
        out.size = ask_write(bytes, ask, key, id, load->seed++, (uint32_t)slot->generation << 16 | i);
    udp_send(load->udp, &out);
    load->tally.asked++;
    load->tally.bytes_asked += out.size;
}

/* Servers ping whoever asks them; a load that kept silent would look like a dead node. */
static void answer_query(struct load *load, const struct udp_datagram *in, const struct krpc_message *query)
{
    uint8_t bytes[KRPC_MESSAGE_MAX], id[KRPC_ID];
    struct krpc_writer writer = {bytes, 0};
    struct udp_datagram out = *in;

    if (!query->tid.data || query->tid.size > 20)
        return;
    source_id(id, in->ours);
    krpc_raw(&writer, "d1:rd2:id");
    krpc_string(&writer, id, sizeof id);
    krpc_raw(&writer, "e1:t");
    krpc_string(&writer, query->tid.data, query->tid.size);
    krpc_raw(&writer, "1:y1:re");
    out.data = bytes;
    out.size = writer.size;
    udp_send(load->udp, &out);
}

static void take_answer(struct load *load, const struct udp_datagram *in)
{
    struct tally *tally = &load->tally;
    struct krpc_message message;
    struct slot *slot;
    uint32_t tid;

    if (!krpc_read(in->data, in->size, &message))
        return;
    if (message.kind == 'q') {
        answer_query(load, in, &message);
        return;
    }
    if (message.tid.size != sizeof tid)
        return;
    memcpy(&tid, message.tid.data, sizeof tid);
    slot = &load->slots[tid & 0xffff];
    if ((tid & 0xffff) >= load->window || !slot->busy || slot->generation != tid >> 16)
        return;
    slot->busy = false;
    load->idle[load->n_idle++] = (uint16_t)(tid & 0xffff);
    if (message.kind == 'e') {
        if (!tally->errors++)
            snprintf(tally->error, sizeof tally->error, "%" PRId64 " %.*s", message.error_code,
                     (int)(message.error.size < 60 ? message.error.size : 60),
                     (const char *)message.error.data);
        return;
    }
    tally->answers++;
    tally->bytes += in->size;
    tally->nodes += message.nodes.size / KRPC_CONTACT;
    tally->peers += message.n_values;
    tally->values += message.value.data || message.samples.data;
    if (message.token.data && message.token.size <= ASK_TOKEN_MAX && slot->key != UINT32_MAX) {
        memcpy(load->keys[slot->key].token, message.token.data, message.token.size);
        load->keys[slot->key].token_size = message.token.size;
    }
}

static void take_answers(struct load *load)
{
    struct udp_datagram in[UDP_BATCH];
    size_t n = udp_receive(load->udp, in);

    for (size_t i = 0; i < n; i++)
        take_answer(load, &in[i]);
    if (n)
        load->tally.last_at = bench_now_ns();
}

static void give_up_lost(struct load *load, int64_t now)
{
    for (unsigned i = 0; i < load->window; i++) {
        struct slot *slot = &load->slots[i];

        if (!slot->busy || now - slot->sent_at < (int64_t)LOST_AFTER_MS * MS)
            continue;
        slot->busy = false;
        load->idle[load->n_idle++] = (uint16_t)i;
        load->tally.lost++;
        if (load->again && slot->key != UINT32_MAX && slot->tries < TRIES_MAX)
            load->again[load->n_again++] = slot->key;
    }
}

static void start_window(struct load *load)
{
    load->n_idle = 0;
    for (unsigned i = 0; i < load->window; i++) {
        load->slots[i].busy = false;
        load->idle[load->n_idle++] = (uint16_t)i;
    }
}

static void drain(struct load *load)
{
    const int64_t until = bench_now_ns() + (int64_t)LOST_AFTER_MS * MS;

    udp_flush(load->udp);
    while (load->n_idle < load->window && bench_now_ns() < until)
        take_answers(load);
    give_up_lost(load, bench_now_ns());
}

/* Asks for every key once, again where an answer is missing: for tokens and for filling. In bursts too. */
static void run_once(struct load *load, enum ask ask)
{
    uint32_t next = 0;
    int64_t scan_at = 0, pause_until = 0;
    unsigned in_burst = 0;

    load->again = calloc(load->n_keys + WINDOW_MAX, sizeof *load->again);
    if (!load->again)
        err(1, "calloc");
    start_window(load);
    while (next < load->n_keys || load->n_again || load->n_idle < load->window) {
        const int64_t now = bench_now_ns();

        if (load->burst && in_burst >= load->burst) {
            in_burst = 0;
            pause_until = now + (int64_t)load->pause_ms * MS;
        }
        while (now >= pause_until && load->n_idle && (!load->burst || in_burst < load->burst)) {
            if (next < load->n_keys)
                ask_one(load, ask, next++, 0);
            else if (load->n_again)
                ask_one(load, ask, load->again[--load->n_again], 1);
            else
                break;
            in_burst++;
        }
        udp_flush(load->udp);
        if (now < pause_until)
            usleep(1000); /* a pause is long: nobody is measured now */
        take_answers(load);
        if (now >= scan_at) {
            give_up_lost(load, now);
            scan_at = now + 20 * MS;
        }
        if (load->tally.lost > load->n_keys * 4 + 1000)
            errx(1, "%s: the server does not answer (%" PRIu64 " lost, %s)", ask_name(ask), load->tally.lost,
                 load->tally.error);
    }
    free(load->again);
    load->again = NULL;
}

/* Half of the keys asked for are known to the server, half are not, as on the real network. */
static uint32_t choose_key(const struct load *load, enum ask ask)
{
    if (!load->n_keys || (ask == ASK_GET_PEERS && (load->seed & 1)))
        return UINT32_MAX;
    return (uint32_t)((load->seed >> (ask == ASK_GET_PEERS)) % load->n_keys);
}

static void run_for(struct load *load, enum ask ask, double seconds)
{
    const int64_t until = bench_now_ns() + (int64_t)(seconds * 1e9);
    int64_t scan_at = 0, now;

    start_window(load);
    while ((now = bench_now_ns()) < until) {
        while (load->n_idle)
            ask_one(load, ask, choose_key(load, ask), 0);
        udp_flush(load->udp);
        take_answers(load);
        if (now >= scan_at) {
            give_up_lost(load, now);
            scan_at = now + 20 * MS;
        }
    }
    drain(load);
}

static void run_burst(struct load *load, enum ask ask)
{
    start_window(load);
    for (unsigned n = 0; n < load->burst;) {
        while (load->n_idle && n < load->burst) {
            ask_one(load, ask, choose_key(load, ask), 0);
            n++;
        }
        udp_flush(load->udp);
        take_answers(load);
        give_up_lost(load, bench_now_ns());
    }
    drain(load);
}

/* Another process's CPU clock lags by up to a tick while that process runs: it is exact once it sleeps. */
static int64_t settled_cpu_ns(pid_t pid)
{
    usleep(SETTLE_MS * 1000);
    return bench_cpu_ns(pid);
}

static void measure(struct load *load, enum ask ask)
{
    int64_t wall_at, cpu_at, load_at;

    if (!load->burst)
        run_for(load, ask, load->warm_seconds);
    memset(&load->tally, 0, sizeof load->tally);
    for (int64_t until = bench_now_ns() + (int64_t)(load->seconds * 1e9);;) {
        if (load->burst)
            usleep(load->pause_ms * 1000);
        cpu_at = settled_cpu_ns(load->pid);
        wall_at = bench_now_ns();
        load_at = bench_cpu_ns(getpid());
        if (load->burst)
            run_burst(load, ask);
        else
            run_for(load, ask, load->seconds);
        load->tally.load_ns += bench_cpu_ns(getpid()) - load_at;
        load->tally.wall_ns += load->tally.last_at - wall_at;
        load->tally.cpu_ns += settled_cpu_ns(load->pid) - cpu_at;
        if (!load->burst || bench_now_ns() >= until)
            break;
    }
}

static void make_keys(struct load *load, uint64_t first, size_t n, uint64_t n_infohashes, bool with_signature)
{
    load->n_keys = n;
    load->keys = realloc(load->keys, n * sizeof *load->keys);
    if (!load->keys)
        err(1, "realloc");
    for (size_t i = 0; i < n; i++)
        ask_make_key(&load->keys[i], first + i, n_infohashes, with_signature);
}

static void need_tokens(struct load *load, enum ask ask)
{
    size_t n = 0;

    run_once(load, ask);
    for (size_t i = 0; i < load->n_keys; i++)
        n += load->keys[i].token_size > 0;
    if (n < load->n_keys)
        errx(1, "%s: tokens for %zu of %zu keys only (%s)", ask_name(ask), n, load->n_keys,
             load->tally.errors ? load->tally.error : "none given");
}

static void prepare(struct load *load, enum ask ask, size_t n_keys)
{
    const bool peers = ask == ASK_GET_PEERS || ask == ASK_ANNOUNCE || ask == ASK_SAMPLE;
    const bool items = ask == ASK_GET || ask == ASK_PUT,
               mutables = ask == ASK_GET_MUTABLE || ask == ASK_PUT_MUTABLE;

    if (!peers && !items && !mutables)
        return;
    make_keys(load, 0, n_keys, n_keys, mutables);
    need_tokens(load, peers ? ASK_GET_PEERS : items ? ASK_GET : ASK_GET_MUTABLE);
    memset(&load->tally, 0, sizeof load->tally);
    run_once(load, peers ? ASK_ANNOUNCE : items ? ASK_PUT : ASK_PUT_MUTABLE);
    if (load->tally.answers < n_keys)
        errx(1, "%s: stored %" PRIu64 " of %zu (%s)", ask_name(ask), load->tally.answers, n_keys,
             load->tally.error);
    if (ask == ASK_SAMPLE)
        load->n_keys = 0;
}

static void fill(struct load *load, enum ask get, enum ask put, uint64_t n, uint64_t n_infohashes)
{
    uint64_t stored = 0, refused = 0;

    for (uint64_t first = 0; first < n; first += FILL_CHUNK) {
        const uint64_t left = n - first;

        make_keys(load, first, left < FILL_CHUNK ? left : FILL_CHUNK, n_infohashes, false);
        need_tokens(load, get);
        memset(&load->tally, 0, sizeof load->tally);
        run_once(load, put);
        stored += load->tally.answers;
        refused += load->tally.errors;
    }
    printf("{\"mode\": \"fill\", \"ask\": \"%s\", \"stored\": %" PRIu64 ", \"refused\": %" PRIu64 "}\n",
           ask_name(put), stored, refused);
}

/* Not spinning here: the server being started shares the machine. */
static void wait_first(struct load *load, double seconds)
{
    const int64_t until = bench_now_ns() + (int64_t)(seconds * 1e9);

    start_window(load);
    puts("ready");
    fflush(stdout);
    while (bench_now_ns() < until && !load->tally.answers) {
        if (!load->n_idle)
            start_window(load);
        ask_one(load, ASK_PING, UINT32_MAX, 0);
        udp_flush(load->udp);
        for (int i = 0; i < 10 && !load->tally.answers; i++) {
            usleep(100);
            take_answers(load);
        }
    }
    printf("{\"mode\": \"first\", \"answered\": %s, \"at_ns\": %" PRId64 "}\n",
           load->tally.answers ? "true" : "false", bench_now_ns());
}

static void report(const struct load *load, enum ask ask)
{
    const struct tally *t = &load->tally;
    const double answers = t->answers ? (double)t->answers : 1,
                 seconds = t->wall_ns > 0 ? (double)t->wall_ns / 1e9 : 1;

    printf("{\"mode\": \"%s\", \"answers\": %" PRIu64 ", \"errors\": %" PRIu64 ", \"lost\": %" PRIu64
           ", \"seconds\": %.3f, \"per_second\": %.0f, \"cpu_us\": %.3f, \"busy\": %.3f, \"load_us\": %.3f, "
           "\"query_bytes\": %.1f, \"bytes\": %.1f, \"nodes\": %.2f, \"peers\": %.2f, \"values\": %.2f, "
           "\"error\": \"%s\"}\n",
           ask_name(ask), t->answers, t->errors, t->lost, seconds, (double)t->answers / seconds,
           (double)t->cpu_ns / 1e3 / answers, (double)t->cpu_ns / (seconds * 1e9),
           (double)t->load_ns / 1e3 / answers, (double)t->bytes_asked / (double)(t->asked ? t->asked : 1),
           (double)t->bytes / answers, (double)t->nodes / answers, (double)t->peers / answers,
           (double)t->values / answers, t->error);
}

static void usage(void)
{
    errx(2,
         "usage: load MODE --to HOST:PORT --pid PID [--from ADDRESS --sources N --port PORT] [--window N] "
         "[--seconds S --warm S] [--keys N] [--burst N --pause MS] [--core N] "
         "[--announces N --infohashes N --items N] [--query BYTES --answer BYTES]   (the last two: of echo)");
}

int main(int argc, char **argv)
{
    static struct load load = {.window = 128,
                               .n_sources = 64,
                               .seconds = 1,
                               .warm_seconds = 0.1,
                               .echo_query = 100,
                               .echo_answer = 300};
    static const struct option options[] = {
        {"to", 1, NULL, 't'},        {"pid", 1, NULL, 'p'},    {"from", 1, NULL, 'f'},
        {"sources", 1, NULL, 's'},   {"port", 1, NULL, 'P'},   {"window", 1, NULL, 'w'},
        {"seconds", 1, NULL, 'd'},   {"warm", 1, NULL, 'W'},   {"keys", 1, NULL, 'k'},
        {"burst", 1, NULL, 'b'},     {"pause", 1, NULL, 'u'},  {"core", 1, NULL, 'c'},
        {"announces", 1, NULL, 'a'}, {"items", 1, NULL, 'i'},  {"infohashes", 1, NULL, 'h'},
        {"query", 1, NULL, 'q'},     {"answer", 1, NULL, 'A'}, {NULL, 0, NULL, 0},
    };
    uint64_t n_announces = 0, n_items = 0, n_infohashes = 0;
    size_t n_keys = 1000;
    uint16_t port = 0;
    enum ask ask;
    int c;

    load.base = bench_address("127.64.0.1");
    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (c) {
        case 't':
            bench_endpoint(optarg, &load.to, &load.to_port);
            break;
        case 'p':
            load.pid = atoi(optarg);
            break;
        case 'f':
            load.base = bench_address(optarg);
            break;
        case 's':
            load.n_sources = (unsigned)strtoul(optarg, NULL, 10);
            break;
        case 'P':
            port = (uint16_t)strtoul(optarg, NULL, 10);
            break;
        case 'w':
            load.window = (unsigned)strtoul(optarg, NULL, 10);
            break;
        case 'd':
            load.seconds = strtod(optarg, NULL);
            break;
        case 'W':
            load.warm_seconds = strtod(optarg, NULL);
            break;
        case 'k':
            n_keys = strtoul(optarg, NULL, 10);
            break;
        case 'b':
            load.burst = (unsigned)strtoul(optarg, NULL, 10);
            break;
        case 'u':
            load.pause_ms = (unsigned)strtoul(optarg, NULL, 10);
            break;
        case 'c':
            bench_pin(atoi(optarg));
            break;
        case 'a':
            n_announces = strtoull(optarg, NULL, 10);
            break;
        case 'i':
            n_items = strtoull(optarg, NULL, 10);
            break;
        case 'h':
            n_infohashes = strtoull(optarg, NULL, 10);
            break;
        case 'q':
            load.echo_query = (unsigned)strtoul(optarg, NULL, 10);
            break;
        case 'A':
            load.echo_answer = (unsigned)strtoul(optarg, NULL, 10);
            break;
        default:
            usage();
        }
    }
    if (optind + 1 != argc || !load.to || !load.n_sources || load.n_sources > 16384 || !load.window ||
        load.window > WINDOW_MAX || load.echo_query < ASK_ECHO_MIN || load.echo_query > KRPC_MESSAGE_MAX ||
        load.echo_answer > UINT16_MAX)
        usage();
    load.udp = udp_open(0, port, true);

    if (!strcmp(argv[optind], "first")) {
        wait_first(&load, load.seconds);
        return 0;
    }
    if (!strcmp(argv[optind], "fill")) {
        if (n_announces)
            fill(&load, ASK_GET_PEERS, ASK_ANNOUNCE, n_announces, n_infohashes ? n_infohashes : n_announces);
        if (n_items)
            fill(&load, ASK_GET, ASK_PUT, n_items, n_items);
        return 0;
    }
    ask = ask_by_name(argv[optind]);
    if (ask == ASK_KINDS || !load.pid || bench_cpu_ns(load.pid) < 0)
        usage();
    prepare(&load, ask, n_keys);
    measure(&load, ask);
    report(&load, ask);
    return 0;
}
