/* load - see load.h */
#include "bench/load.h"

#include <assert.h>
#include <err.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    LOST_AFTER_MS = 800,
    TRIES_MAX = 8,
    SETTLE_MS = 4,
    MS = 1000000,
};

void bench_load_init(struct bench_load *load)
{
    memset(load, 0, sizeof *load);
    load->base = bench_address("127.64.0.1");
    load->window = 128;
    load->n_sources = 64;
    load->seconds = 1;
    load->warm_seconds = 0.1;
    load->echo_query = 100;
    load->echo_answer = 300;
}

void bench_load_clear(struct bench_load *load)
{
    free(load->keys);
    load->keys = NULL;
    load->n_keys = 0;
}

/* Sources far apart, so that limits per network see as many networks: 127.64.0.1, 127.65.0.1, ... 127.64.1.1, ... */
static uint32_t source_address(const struct bench_load *load, uint32_t source)
{
    const uint32_t n = source % load->n_sources;

    return load->base + ((n % 64) << 16) + (n / 64 << 8);
}

static void source_id(uint8_t out_id[KRPC_ID], uint32_t address)
{
    krpc_fill(out_id, KRPC_ID, address);
}

void bench_load_ask(struct bench_load *load, enum ask ask, uint32_t key_number, uint8_t tries)
{
    const struct ask_key *key = key_number == UINT32_MAX ? NULL : &load->keys[key_number];
    const uint16_t i = load->idle[--load->n_idle];
    struct bench_slot *slot = &load->slots[i];
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
static void answer_query(struct bench_load *load, const struct udp_datagram *in,
                         const struct krpc_message *query)
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

static void take_answer(struct bench_load *load, const struct udp_datagram *in)
{
    struct bench_tally *tally = &load->tally;
    struct krpc_message message;
    struct bench_slot *slot;
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

void bench_load_take(struct bench_load *load)
{
    struct udp_datagram in[UDP_BATCH];
    size_t n = udp_receive(load->udp, in);

    for (size_t i = 0; i < n; i++)
        take_answer(load, &in[i]);
    if (n)
        load->tally.last_at = bench_now_ns();
}

static void give_up_lost(struct bench_load *load, int64_t now)
{
    for (unsigned i = 0; i < load->window; i++) {
        struct bench_slot *slot = &load->slots[i];

        if (!slot->busy || now - slot->sent_at < (int64_t)LOST_AFTER_MS * MS)
            continue;
        slot->busy = false;
        load->idle[load->n_idle++] = (uint16_t)i;
        load->tally.lost++;
        if (load->again && slot->key != UINT32_MAX && slot->tries < TRIES_MAX)
            load->again[load->n_again++] = slot->key;
    }
}

void bench_load_restart(struct bench_load *load)
{
    load->n_idle = 0;
    for (unsigned i = 0; i < load->window; i++) {
        load->slots[i].busy = false;
        load->idle[load->n_idle++] = (uint16_t)i;
    }
}

static void drain(struct bench_load *load)
{
    const int64_t until = bench_now_ns() + (int64_t)LOST_AFTER_MS * MS;

    udp_flush(load->udp);
    while (load->n_idle < load->window && bench_now_ns() < until)
        bench_load_take(load);
    give_up_lost(load, bench_now_ns());
}

/* Asks for every key once, again where an answer is missing: for tokens and for filling. In bursts too. */
void bench_load_once(struct bench_load *load, enum ask ask)
{
    uint32_t next = 0;
    int64_t scan_at = 0, pause_until = 0;
    unsigned in_burst = 0;

    load->again = calloc(load->n_keys + BENCH_WINDOW_MAX, sizeof *load->again);
    if (!load->again)
        err(1, "calloc");
    bench_load_restart(load);
    while (next < load->n_keys || load->n_again || load->n_idle < load->window) {
        const int64_t now = bench_now_ns();

        if (load->burst && in_burst >= load->burst) {
            in_burst = 0;
            pause_until = now + (int64_t)load->pause_ms * MS;
        }
        while (now >= pause_until && load->n_idle && (!load->burst || in_burst < load->burst)) {
            if (next < load->n_keys)
                bench_load_ask(load, ask, next++, 0);
            else if (load->n_again)
                bench_load_ask(load, ask, load->again[--load->n_again], 1);
            else
                break;
            in_burst++;
        }
        udp_flush(load->udp);
        if (now < pause_until)
            usleep(1000); /* a pause is long: nobody is measured now */
        bench_load_take(load);
        if (now >= scan_at) {
            give_up_lost(load, now);
            scan_at = now + (int64_t)20 * MS;
        }
        if (load->tally.lost > load->n_keys * 4 + 1000)
            errx(1, "%s: the server does not answer (%" PRIu64 " lost, %s)", ask_name(ask), load->tally.lost,
                 load->tally.error);
    }
    free(load->again);
    load->again = NULL;
}

/* Half of the keys asked for are known to the server, half are not, as on the real network. */
static uint32_t choose_key(const struct bench_load *load, enum ask ask)
{
    if (!load->n_keys || (ask == ASK_GET_PEERS && (load->seed & 1)))
        return UINT32_MAX;
    return (uint32_t)((load->seed >> (ask == ASK_GET_PEERS)) % load->n_keys);
}

static void run_for(struct bench_load *load, enum ask ask, double seconds)
{
    const int64_t until = bench_now_ns() + (int64_t)(seconds * 1e9);
    int64_t scan_at = 0, now;

    bench_load_restart(load);
    while ((now = bench_now_ns()) < until) {
        while (load->n_idle)
            bench_load_ask(load, ask, choose_key(load, ask), 0);
        udp_flush(load->udp);
        bench_load_take(load);
        if (now >= scan_at) {
            give_up_lost(load, now);
            scan_at = now + (int64_t)20 * MS;
        }
    }
    drain(load);
}

static void run_burst(struct bench_load *load, enum ask ask)
{
    bench_load_restart(load);
    for (unsigned n = 0; n < load->burst;) {
        while (load->n_idle && n < load->burst) {
            bench_load_ask(load, ask, choose_key(load, ask), 0);
            n++;
        }
        udp_flush(load->udp);
        bench_load_take(load);
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

void bench_load_measure(struct bench_load *load, enum ask ask)
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

void bench_load_keys(struct bench_load *load, uint64_t first, size_t n, uint64_t n_infohashes,
                     bool with_signature)
{
    load->n_keys = n;
    load->keys = realloc(load->keys, n * sizeof *load->keys);
    if (!load->keys)
        err(1, "realloc");
    for (size_t i = 0; i < n; i++)
        ask_make_key(&load->keys[i], first + i, n_infohashes, with_signature);
}

void bench_load_tokens(struct bench_load *load, enum ask ask)
{
    size_t n = 0;

    bench_load_once(load, ask);
    for (size_t i = 0; i < load->n_keys; i++)
        n += load->keys[i].token_size > 0;
    if (n < load->n_keys)
        errx(1, "%s: tokens for %zu of %zu keys only (%s)", ask_name(ask), n, load->n_keys,
             load->tally.errors ? load->tally.error : "none given");
}

void bench_load_prepare(struct bench_load *load, enum ask ask, size_t n_keys)
{
    const bool peers = ask == ASK_GET_PEERS || ask == ASK_ANNOUNCE || ask == ASK_SAMPLE;
    const bool items = ask == ASK_GET || ask == ASK_PUT,
               mutables = ask == ASK_GET_MUTABLE || ask == ASK_PUT_MUTABLE;

    if (!peers && !items && !mutables)
        return;
    bench_load_keys(load, 0, n_keys, n_keys, mutables);
    bench_load_tokens(load, peers ? ASK_GET_PEERS : items ? ASK_GET : ASK_GET_MUTABLE);
    memset(&load->tally, 0, sizeof load->tally);
    bench_load_once(load, peers ? ASK_ANNOUNCE : items ? ASK_PUT : ASK_PUT_MUTABLE);
    if (load->tally.answers < n_keys)
        errx(1, "%s: stored %" PRIu64 " of %zu (%s)", ask_name(ask), load->tally.answers, n_keys,
             load->tally.error);
    if (ask == ASK_SAMPLE)
        load->n_keys = 0;
}
