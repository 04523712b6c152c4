/* mine - see mine.h. */
#include "cli/mine.h"

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define SLICE    500 /* tries between two looks at the others: 7 ms */
#define LOOK_MS  250
#define BLANK    "\r\033[K" /* the line is ours alone */
#define LINE_AGO 2          /* looks before the first line: half a second needs none */

struct mine {
    unsigned bits;
    atomic_bool over;
    atomic_ullong n_tries;
    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t found;
    bool has_found;
    struct kad_identity identity;
};

static double seconds_now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void *dig(void *context)
{
    struct mine *mine = context;
    struct kad_identity_search search;
    uint64_t before = 0;

    kad_identity_search_init(&search, NULL, mine->bits); /* from entropy of its own */
    while (!atomic_load(&mine->over) && !kad_identity_try(&search, SLICE)) {
        atomic_fetch_add(&mine->n_tries, search.n_tries - before);
        before = search.n_tries;
    }
    atomic_fetch_add(&mine->n_tries, search.n_tries - before);
    pthread_mutex_lock(&mine->lock);
    if (search.found && !mine->has_found) {
        mine->identity = search.identity;
        mine->has_found = true;
        atomic_store(&mine->over, true);
        pthread_cond_signal(&mine->found);
    }
    pthread_mutex_unlock(&mine->lock);
    kad_identity_search_wipe(&search);
    return NULL;
}

/* The search has no memory: what is expected is the same at any time. */
static void show_progress(const struct mine *mine, double elapsed_s)
{
    const double n = (double)atomic_load(&mine->n_tries), rate = n / elapsed_s;

    if (n > 0)
        fprintf(stderr, BLANK "searching %u bits: %.0f tries, %.0f/s, expected %.1f s more", mine->bits, n,
                rate, ldexp(1, (int)mine->bits) / rate);
}

/* Holds the lock. */
static void wait_for_one(struct mine *mine, bool show, double began)
{
    bool shown = false;

    for (unsigned looks = 1; !mine->has_found; looks++) {
        struct timespec until;

        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += LOOK_MS * 1000000L;
        until.tv_sec += until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
        pthread_cond_timedwait(&mine->found, &mine->lock, &until);
        if (show && looks >= LINE_AGO && !mine->has_found) {
            show_progress(mine, seconds_now() - began);
            shown = true;
        }
    }
    if (shown)
        fputs(BLANK, stderr);
}

static void init(struct mine *mine, unsigned bits)
{
    pthread_condattr_t monotonic;

    mine->bits = bits;
    pthread_mutex_init(&mine->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&mine->found, &monotonic);
    pthread_condattr_destroy(&monotonic);
}

int kad_mine(unsigned bits, unsigned jobs, bool show, struct kad_mined *out_mined)
{
    pthread_t threads[KAD_MINE_JOBS];
    struct mine *mine = calloc(1, sizeof *mine);
    const double began = seconds_now();
    unsigned n = 0;

    if (!mine)
        return KAD_E_MEMORY;
    if (!jobs)
        jobs = (unsigned)sysconf(_SC_NPROCESSORS_ONLN);
    jobs = jobs < 1 ? 1 : jobs > KAD_MINE_JOBS ? KAD_MINE_JOBS : jobs;
    init(mine, bits);
    while (n < jobs && pthread_create(&threads[n], NULL, dig, mine) == 0)
        n++;
    if (n) {
        pthread_mutex_lock(&mine->lock);
        wait_for_one(mine, show, began);
        pthread_mutex_unlock(&mine->lock);
    }
    for (unsigned i = 0; i < n; i++)
        pthread_join(threads[i], NULL);
    if (n)
        *out_mined = (struct kad_mined){
            .identity = mine->identity, .n_tries = mine->n_tries, .seconds = seconds_now() - began};
    kad_identity_wipe(&mine->identity);
    pthread_cond_destroy(&mine->found);
    pthread_mutex_destroy(&mine->lock);
    free(mine);
    return n ? KAD_OK : KAD_E_SYSTEM;
}
