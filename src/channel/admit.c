#include "channel/admit.h"

#include <assert.h>
#include <string.h>

#include "crypto/crypto.h"

enum {
    USED_FIRST = 256,
    USED_MOST = 16384,
    FILTER_BITS = 64 * USED_MOST,
    FILTER_HARD = FILTER_BITS / 4 /* solutions, each so many of which make the work a bit harder */
};

#define EPOCH KAD_MINUTE

void kad_admit_init(struct kad_admit *admit, const struct kad_allocator *allocator, const uint8_t secret[16],
                    uint32_t cookie_per_s, uint32_t work_per_s)
{
    *admit =
        (struct kad_admit){.allocator = allocator, .cookie_per_s = cookie_per_s, .work_per_s = work_per_s};
    memcpy(admit->secret, secret, sizeof(admit->secret));
}

static void forget(const struct kad_admit *admit, struct kad_admit_used *used, uint32_t epoch)
{
    kad_free(admit->allocator, used->cells, used->n_cells * sizeof(*used->cells));
    *used = (struct kad_admit_used){.epoch = epoch};
}

void kad_admit_clear(struct kad_admit *admit)
{
    for (unsigned i = 0; i < KAD_COUNT_OF(admit->used); i++)
        forget(admit, &admit->used[i], 0);
}

size_t kad_admit_memory(const struct kad_admit *admit)
{
    return (admit->used[0].n_cells + admit->used[1].n_cells) * sizeof(*admit->used[0].cells);
}

/* -- cookies ----------------------------------------------------------------------------------------------------- */

uint32_t kad_admit_epoch(kad_ms now)
{
    return (uint32_t)(now / EPOCH);
}

/* Of an address; and with `last`, which is not 0, of the newest first message of somebody there. */
static void cookie_of(struct kad_admit *admit, const struct kad_endpoint *from, kad_ms last, uint32_t epoch,
                      uint8_t out_cookie[KAD_COOKIE_SIZE])
{
    struct kad_admit_key *key = &admit->keys[epoch & 1];
    uint8_t bytes[sizeof(from->address) + 4 + 8];

    if (!key->made || key->epoch != epoch) {
        kad_write_u32(bytes, epoch);
        kad_siphash_128(admit->secret, bytes, 4, key->key);
        key->epoch = epoch;
        key->made = true;
    }
    memcpy(bytes, from->address, sizeof(from->address));
    kad_write_u32(bytes + sizeof(from->address), (uint32_t)from->family << 16 | from->port);
    kad_write_u64(bytes + sizeof(from->address) + 4, (uint64_t)last);
    kad_siphash_128(key->key, bytes, sizeof(bytes), out_cookie);
    out_cookie[KAD_COOKIE_SIZE - 1] = (uint8_t)epoch;
}

void kad_admit_cookie(struct kad_admit *admit, const struct kad_endpoint *from, kad_ms now,
                      uint8_t out_cookie[KAD_COOKIE_SIZE])
{
    cookie_of(admit, from, 0, kad_admit_epoch(now), out_cookie);
}

void kad_admit_late_cookie(struct kad_admit *admit, const struct kad_endpoint *from, kad_ms last, kad_ms now,
                           uint8_t out_cookie[KAD_COOKIE_SIZE])
{
    cookie_of(admit, from, last, kad_admit_epoch(now), out_cookie);
}

/* The one that a cookie says it is of: one of the last 256. */
static uint32_t epoch_of(const uint8_t cookie[KAD_COOKIE_SIZE], kad_ms now)
{
    const uint32_t epoch = kad_admit_epoch(now);

    return epoch - (uint8_t)(epoch - cookie[KAD_COOKIE_SIZE - 1]);
}

/* Of this epoch or the one before. Of most that are none only the last byte is looked at. */
static bool cookie_good(struct kad_admit *admit, const struct kad_endpoint *from, kad_ms last,
                        const uint8_t cookie[KAD_COOKIE_SIZE], kad_ms now)
{
    const uint32_t epoch = epoch_of(cookie, now);
    uint8_t good[KAD_COOKIE_SIZE], difference = 0;

    if (kad_admit_epoch(now) - epoch > 1)
        return false;
    cookie_of(admit, from, last, epoch, good);
    for (unsigned i = 0; i < KAD_COOKIE_SIZE;
         i++) /* all of it: how much of a guess was right stays unknown */
        difference |= (uint8_t)(good[i] ^ cookie[i]);
    return difference == 0;
}

bool kad_admit_late(struct kad_admit *admit, const struct kad_endpoint *from, kad_ms last,
                    const uint8_t cookie[KAD_COOKIE_SIZE], kad_ms now)
{
    return last != 0 && cookie_good(admit, from, last, cookie, now);
}

static void count(uint32_t *number)
{
    if (*number < UINT32_MAX)
        (*number)++;
}

/* -- work -------------------------------------------------------------------------------------------------------- */

void kad_admit_commitment(const struct kad_suite *suite, const uint8_t identity[32],
                          const uint8_t ephemeral[KAD_DH_SIZE], uint8_t out_commitment[16])
{
    static const char purpose[] = "kad/1 commit";
    uint8_t bytes[2 * 32], hash[KAD_HASH_SIZE];

    memcpy(bytes, identity, 32);
    memcpy(bytes + 32, ephemeral, KAD_DH_SIZE);
    suite->hash(purpose, sizeof(purpose), bytes, sizeof(bytes), hash);
    memcpy(out_commitment, hash, 16);
}

static unsigned zero_bits(const uint8_t hash[KAD_HASH_SIZE])
{
    unsigned n = 0;

    while (n < 64 && !(hash[n / 8] >> (7 - n % 8) & 1))
        n++;
    return n;
}

static unsigned work_bits(const struct kad_suite *suite, const uint8_t cookie[KAD_COOKIE_SIZE],
                          const uint8_t commitment[16], const uint8_t nonce[8])
{
    static const char purpose[] = "kad/1 work";
    uint8_t bytes[KAD_COOKIE_SIZE + 16 + 8], hash[KAD_HASH_SIZE];

    memcpy(bytes, cookie, KAD_COOKIE_SIZE);
    memcpy(bytes + KAD_COOKIE_SIZE, commitment, 16);
    memcpy(bytes + KAD_COOKIE_SIZE + 16, nonce, 8);
    suite->hash(purpose, sizeof(purpose), bytes, sizeof(bytes), hash);
    return zero_bits(hash);
}

void kad_admit_work(const struct kad_suite *suite, const uint8_t cookie[KAD_COOKIE_SIZE],
                    const uint8_t commitment[16], unsigned bits, uint8_t io_nonce[8])
{
    assert(bits <= KAD_WORK_MOST);
    while (work_bits(suite, cookie, commitment, io_nonce) < bits)
        kad_write_u64(io_nonce, kad_read_u64(io_nonce) + 1);
}

unsigned kad_admit_bits(const struct kad_admit *admit)
{
    const struct kad_admit_rate *rate = &admit->cookied;
    uint32_t per_s = rate->n > rate->n_before ? rate->n : rate->n_before;
    unsigned bits = KAD_WORK_LEAST;
    uint32_t n_used = 0;

    if (per_s < admit->work_per_s || (per_s == 0 && admit->work_per_s > 0))
        return 0;
    for (; bits < KAD_WORK_MOST && per_s / 2 >= admit->work_per_s && per_s > 1; per_s /= 2)
        bits++;
    for (unsigned i = 0; i < KAD_COUNT_OF(admit->used); i++) {
        if (admit->used[i].n > n_used)
            n_used = admit->used[i].n;
    }
    bits += n_used / FILTER_HARD;
    return bits < KAD_WORK_MOST ? bits : KAD_WORK_MOST;
}

static bool insert(uint64_t *cells, uint32_t n_cells, uint64_t number)
{
    uint32_t at = (uint32_t)number & (n_cells - 1);

    for (; cells[at]; at = (at + 1) & (n_cells - 1)) {
        if (cells[at] == number)
            return false;
    }
    cells[at] = number;
    return true;
}

/* False: both bits are set, by this number or by others. */
static bool insert_bits(uint64_t *cells, uint64_t number)
{
    bool new = false;

    for (unsigned i = 0; i < 2; i++) {
        const uint32_t bit = (uint32_t)(number >> (8 + 28 * i)) & (FILTER_BITS - 1);

        new |= !(cells[bit / 64] >> bit % 64 & 1);
        cells[bit / 64] |= UINT64_C(1) << bit % 64;
    }
    return new;
}

/* Twice the cells; what has the most of them becomes a filter. */
static bool more_room(const struct kad_admit *admit, struct kad_admit_used *used)
{
    const bool filter = used->n_cells == USED_MOST;
    const uint32_t n = filter ? USED_MOST : used->n_cells ? 2 * used->n_cells : USED_FIRST;
    uint64_t *cells = kad_alloc_zero(admit->allocator, n * sizeof(*cells));

    if (!cells)
        return false;
    for (uint32_t i = 0; i < used->n_cells; i++) {
        if (used->cells[i])
            (void)(filter ? insert_bits(cells, used->cells[i]) : insert(cells, n, used->cells[i]));
    }
    kad_free(admit->allocator, used->cells, used->n_cells * sizeof(*used->cells));
    used->cells = cells;
    used->n_cells = n;
    used->filter = filter;
    return true;
}

/* Each cookie and nonce once in an epoch. */
static bool first_use(struct kad_admit *admit, const uint8_t *datagram, uint32_t epoch)
{
    struct kad_admit_used *used = &admit->used[epoch & 1];
    uint8_t bytes[KAD_COOKIE_SIZE + 8];
    uint64_t number;

    memcpy(bytes, datagram + KAD_INIT_COOKIE, KAD_COOKIE_SIZE);
    memcpy(bytes + KAD_COOKIE_SIZE, datagram + KAD_INIT_NONCE, 8);
    if (used->epoch != epoch)
        forget(admit, used, epoch);
    if (!used->filter && used->n >= used->n_cells / 4 * 3 && !more_room(admit, used))
        return false;
    number = kad_siphash(admit->secret, bytes, sizeof(bytes)) | 1; /* 0 is an empty cell */
    if (!(used->filter ? insert_bits(used->cells, number) : insert(used->cells, used->n_cells, number)))
        return false;
    count(&used->n);
    return true;
}

/* -- admission ---------------------------------------------------------------------------------------------------- */

static void pass_seconds(struct kad_admit *admit, kad_ms now)
{
    const kad_ms second = now / KAD_SECOND;

    if (second == admit->second)
        return;
    admit->first.n_before = second == admit->second + 1 ? admit->first.n : 0;
    admit->cookied.n_before = second == admit->second + 1 ? admit->cookied.n : 0;
    admit->first.n = admit->cookied.n = 0;
    admit->second = second;
    for (unsigned i = 0; i < KAD_COUNT_OF(admit->used); i++) { /* no cookie of that time is good any more */
        if (admit->used[i].cells && kad_admit_epoch(now) - admit->used[i].epoch > 1)
            forget(admit, &admit->used[i], admit->used[i].epoch);
    }
}

static bool loaded(const struct kad_admit *admit)
{
    const struct kad_admit_rate *rate = &admit->first;

    return (rate->n > rate->n_before ? rate->n : rate->n_before) > admit->cookie_per_s;
}

enum kad_admission kad_admit_check(struct kad_admit *admit, const struct kad_endpoint *from,
                                   const uint8_t cookie[KAD_COOKIE_SIZE], kad_ms now)
{
    pass_seconds(admit, now);
    count(&admit->first.n);
    if (!cookie_good(admit, from, 0, cookie, now))
        return loaded(admit) ? KAD_ADMIT_REFUSED : KAD_ADMIT;
    count(&admit->cookied.n);
    return loaded(admit) && kad_admit_bits(admit) ? KAD_ADMIT_DUE : KAD_ADMIT_PROVED;
}

enum kad_admission kad_admit_check_work(struct kad_admit *admit, const struct kad_suite *suite,
                                        const uint8_t *datagram, kad_ms now)
{
    const uint8_t *cookie = datagram + KAD_INIT_COOKIE;

    /* One bit less will do: the load may have risen since the cookie was given. */
    if (work_bits(suite, cookie, datagram + KAD_INIT_COMMITMENT, datagram + KAD_INIT_NONCE) + 1 <
            kad_admit_bits(admit) ||
        !first_use(admit, datagram, epoch_of(cookie, now)))
        return KAD_ADMIT_REFUSED;
    return KAD_ADMIT_WORKED;
}

/* -- written down ------------------------------------------------------------------------------------------------- */

static void walk_used(struct kad_walk *walk, struct kad_admit *admit, struct kad_admit_used *used)
{
    uint32_t n_cells = used->n_cells;
    bool filter = used->filter;

    KAD_WALK(walk, used->epoch);
    KAD_WALK(walk, n_cells);
    KAD_WALK(walk, filter);
    if (filter && n_cells != USED_MOST) {
        kad_walk_fail(walk);
        return;
    }
    if (kad_walk_reads(walk) && !walk->bad && n_cells) {
        if (n_cells > USED_MOST || n_cells < USED_FIRST || (n_cells & (n_cells - 1)) ||
            n_cells > walk->left) {
            kad_walk_fail(walk);
            return;
        }
        used->cells = kad_alloc_zero(admit->allocator, n_cells * sizeof(*used->cells));
        walk->no_memory |= !used->cells;
        if (!used->cells) {
            kad_walk_fail(walk);
            return;
        }
        used->n_cells = n_cells;
        used->filter = filter;
    }
    for (uint32_t i = 0; i < used->n_cells; i++) {
        KAD_WALK(walk, used->cells[i]);
        if (kad_walk_reads(walk) && !used->filter)
            used->n += used->cells[i] != 0;
    }
    if (used->filter)
        KAD_WALK(walk, used->n);
    else if (kad_walk_reads(walk) && used->n > used->n_cells / 4 * 3)
        kad_walk_fail(walk); /* a search in it would not end */
}

static void walk_rate(struct kad_walk *walk, struct kad_admit_rate *rate)
{
    KAD_WALK(walk, rate->n);
    KAD_WALK(walk, rate->n_before);
}

void kad_admit_walk(struct kad_walk *walk, struct kad_admit *admit)
{
    KAD_WALK_BYTES(walk, admit->secret);
    if (kad_walk_reads(walk))
        memset(admit->keys, 0, sizeof(admit->keys));
    KAD_WALK(walk, admit->second);
    walk_rate(walk, &admit->first);
    walk_rate(walk, &admit->cookied);
    for (unsigned i = 0; i < KAD_COUNT_OF(admit->used); i++)
        walk_used(walk, admit, &admit->used[i]);
}
