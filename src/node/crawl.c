#include "node/crawl.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "base/endpoint.h"
#include "base/hash.h"
#include "base/index.h"

#define TRIES       2 /* a datagram may just have been lost */
#define FAR_BITS    16
#define RANGE       4 /* answering nodes of a range that is not cut further */
#define ASKED_PER   2 /* of a range */
#define FIRST_ROOM  1024
#define HARDLY_ANY  0.001 /* of all that answer: a sweep that finds so few is the last */
#define OFTEN       3     /* named so often: no need to count on */
#define NINETY_FIVE 1.96

/* A sweep's question, waiting. */
struct question {
    uint32_t node;
    struct kad_id target;
};

struct kad_crawl {
    struct kad_crawl_config config;
    struct kad_rng rng;
    uint64_t hash_key;
    struct kad_crawl_node *nodes;
    uint32_t n_nodes, room;
    struct kad_index index;
    uint32_t next_new, next_again; /* nodes before these have been asked, asked again */
    uint32_t n_answered, n_silent, n_in_flight;
    uint64_t n_refused;

    struct question *questions;
    uint32_t n_questions, room_questions, next_question;
    uint32_t n_sweeps;
    uint32_t n_before;          /* nodes known when the sweep began */
    uint32_t n_late, last_late; /* answering nodes that this, the last sweep found */
    bool done, failed;          /* failed: memory for a sweep was refused */
};

/* -- nodes ------------------------------------------------------------------------------------------------------ */

static uint64_t hash_of(const struct kad_crawl *crawl, const struct kad_endpoint *endpoint)
{
    return kad_hash(crawl->hash_key, endpoint, sizeof(*endpoint));
}

static uint32_t find(const struct kad_crawl *crawl, const struct kad_endpoint *endpoint)
{
    const uint64_t hash = hash_of(crawl, endpoint);

    for (uint32_t at = kad_index_first(&crawl->index, hash); at != KAD_INDEX_END;
         at = kad_index_next(&crawl->index, hash, at)) {
        const uint32_t i = kad_index_slot(&crawl->index, at);

        if (kad_endpoint_equal(&crawl->nodes[i].contact.endpoint, endpoint))
            return i;
    }
    return KAD_INDEX_END;
}

static bool grow(struct kad_crawl *crawl)
{
    uint32_t room = crawl->room ? crawl->room * 2 : FIRST_ROOM;
    struct kad_crawl_node *nodes;

    if (room > crawl->config.max_nodes)
        room = crawl->config.max_nodes;
    if (room == crawl->room)
        return false;
    nodes = kad_resize(crawl->config.allocator, crawl->nodes, crawl->room * sizeof(*nodes),
                       room * sizeof(*nodes));
    if (!nodes)
        return false;
    crawl->nodes = nodes;
    crawl->room = room;
    return true;
}

bool kad_crawl_add(struct kad_crawl *crawl, const struct kad_contact *contact)
{
    if (kad_endpoint_scope(&contact->endpoint) == KAD_SCOPE_INVALID ||
        find(crawl, &contact->endpoint) != KAD_INDEX_END)
        return false;
    if ((crawl->n_nodes == crawl->room && !grow(crawl)) ||
        kad_index_add(&crawl->index, hash_of(crawl, &contact->endpoint), crawl->n_nodes) != KAD_OK) {
        crawl->n_refused++;
        return false;
    }
    crawl->nodes[crawl->n_nodes++] = (struct kad_crawl_node){.contact = *contact, .rtt_ms = -1};
    return true;
}

int kad_crawl_new(const struct kad_crawl_config *config, struct kad_crawl **out_crawl)
{
    struct kad_crawl *crawl = kad_alloc_zero(config->allocator, sizeof(*crawl));

    assert(config->max_nodes > 0 && config->max_nodes <= 1u << 28);
    if (!crawl)
        return KAD_E_MEMORY;
    crawl->config = *config;
    kad_rng_init(&crawl->rng, config->seed);
    crawl->hash_key = kad_rng_u64(&crawl->rng);
    kad_index_init(&crawl->index, config->allocator, config->max_nodes);
    *out_crawl = crawl;
    return KAD_OK;
}

void kad_crawl_free(struct kad_crawl *crawl)
{
    const struct kad_allocator *allocator;

    if (!crawl)
        return;
    allocator = crawl->config.allocator;
    kad_index_clear(&crawl->index);
    kad_free(allocator, crawl->nodes, crawl->room * sizeof(*crawl->nodes));
    kad_free(allocator, crawl->questions, crawl->room_questions * sizeof(*crawl->questions));
    kad_free(allocator, crawl, sizeof(*crawl));
}

/* -- a sweep ---------------------------------------------------------------------------------------------------- */

static bool add_question(struct kad_crawl *crawl, uint32_t node, const struct kad_id *target)
{
    if (crawl->n_questions == crawl->room_questions) {
        const uint32_t room = crawl->room_questions ? 2 * crawl->room_questions : FIRST_ROOM;
        struct question *questions =
            kad_resize(crawl->config.allocator, crawl->questions, crawl->room_questions * sizeof(*questions),
                       room * sizeof(*questions));

        if (!questions)
            return false;
        crawl->questions = questions;
        crawl->room_questions = room;
    }
    crawl->questions[crawl->n_questions++] = (struct question){node, *target};
    return true;
}

/* A random place among the ids that share the first `bits` with `prefix`. */
static struct kad_id place_in(struct kad_crawl *crawl, const struct kad_id *prefix, unsigned bits)
{
    struct kad_id id = kad_id_random(&crawl->rng, crawl->config.id_bits);

    for (unsigned bit = 0; bit < bits; bit++) {
        const uint8_t mask = (uint8_t)(0x80u >> bit % 8);

        id.bytes[bit / 8] = (uint8_t)((id.bytes[bit / 8] & ~mask) | (prefix->bytes[bit / 8] & mask));
    }
    return id;
}

/* In a list sorted by id neighbours in the list share the longest prefixes: whoever stands in the range, else beside it. */
static bool ask_range(struct kad_crawl *crawl, const uint32_t *sorted, uint32_t n, uint32_t from, uint32_t to,
                      const struct kad_id *prefix, unsigned bits)
{
    uint32_t whom[ASKED_PER], n_whom = 0;

    if (to > from)
        whom[n_whom++] = sorted[from + kad_rng_below(&crawl->rng, to - from)];
    if (to > from + 1) {
        do
            whom[1] = sorted[from + kad_rng_below(&crawl->rng, to - from)];
        while (whom[1] == whom[0]);
        n_whom = 2;
    }
    if (n_whom < ASKED_PER && from > 0)
        whom[n_whom++] = sorted[from - 1];
    if (n_whom < ASKED_PER && to < n)
        whom[n_whom++] = sorted[to];
    for (uint32_t i = 0; i < n_whom; i++) {
        const struct kad_id target = place_in(crawl, prefix, bits);

        if (!add_question(crawl, whom[i], &target))
            return false;
    }
    return true;
}

static bool cut(struct kad_crawl *crawl, const uint32_t *sorted, uint32_t n, uint32_t from, uint32_t to,
                struct kad_id prefix, unsigned bits)
{
    uint32_t middle = from;

    if (to - from <= RANGE || bits + 1 >= crawl->config.id_bits)
        return ask_range(crawl, sorted, n, from, to, &prefix, bits);
    while (middle < to && !kad_id_bit(&crawl->nodes[sorted[middle]].contact.id, bits))
        middle++;
    if (!cut(crawl, sorted, n, from, middle, prefix, bits + 1))
        return false;
    prefix.bytes[bits / 8] |= (uint8_t)(0x80u >> bits % 8);
    return cut(crawl, sorted, n, middle, to, prefix, bits + 1);
}

/* Heap sort by id: in place, and never slow, whatever ids strangers choose. */
static bool before(const struct kad_crawl *crawl, uint32_t a, uint32_t b)
{
    return memcmp(&crawl->nodes[a].contact.id, &crawl->nodes[b].contact.id, sizeof(struct kad_id)) < 0;
}

static void sink(const struct kad_crawl *crawl, uint32_t *list, uint32_t at, uint32_t n)
{
    for (uint32_t child; (child = 2 * at + 1) < n; at = child) {
        const uint32_t moved = list[at];

        if (child + 1 < n && before(crawl, list[child], list[child + 1]))
            child++;
        if (!before(crawl, moved, list[child]))
            return;
        list[at] = list[child];
        list[child] = moved;
    }
}

static void sort_by_id(const struct kad_crawl *crawl, uint32_t *list, uint32_t n)
{
    for (uint32_t i = n / 2; i-- > 0;)
        sink(crawl, list, i, n);
    for (uint32_t end = n; end-- > 1;) {
        const uint32_t last = list[end];

        list[end] = list[0];
        list[0] = last;
        sink(crawl, list, 0, end);
    }
}

static void begin_sweep(struct kad_crawl *crawl)
{
    const size_t size = crawl->n_answered * sizeof(uint32_t);
    uint32_t *sorted = crawl->n_answered ? kad_alloc(crawl->config.allocator, size) : NULL;
    uint32_t n = 0;

    crawl->n_questions = crawl->next_question = 0;
    crawl->n_late = 0;
    crawl->n_before = crawl->n_nodes;
    if (!sorted) {
        crawl->done = true;
        return;
    }
    for (uint32_t i = 0; i < crawl->n_nodes; i++) {
        if (crawl->nodes[i].state == KAD_CRAWL_ANSWERED)
            sorted[n++] = i;
    }
    assert(n == crawl->n_answered);
    sort_by_id(crawl, sorted, n);
    crawl->failed = !cut(crawl, sorted, n, 0, n, (struct kad_id){{0}}, 0);
    crawl->done = crawl->failed;
    kad_free(crawl->config.allocator, sorted, size);
}

static void end_sweep(struct kad_crawl *crawl)
{
    crawl->n_sweeps++;
    crawl->last_late = crawl->n_late;
    crawl->n_questions = crawl->next_question = 0;
    crawl->done = crawl->n_sweeps == KAD_CRAWL_SWEEPS || crawl->n_late <= HARDLY_ANY * crawl->n_answered;
}

/* -- whom to ask ------------------------------------------------------------------------------------------------- */

static bool ask_new(struct kad_crawl *crawl, struct kad_crawl_ask *out_ask)
{
    uint32_t *at = crawl->next_new < crawl->n_nodes ? &crawl->next_new : &crawl->next_again;

    while (at == &crawl->next_again && *at < crawl->n_nodes &&
           (crawl->nodes[*at].state != KAD_CRAWL_SILENT || crawl->nodes[*at].n_tries >= TRIES))
        (*at)++;
    if (*at >= crawl->n_nodes)
        return false;
    *out_ask = (struct kad_crawl_ask){
        .node = *at, .endpoint = crawl->nodes[*at].contact.endpoint, .target = crawl->nodes[*at].contact.id};
    if (*at % 2) { /* every other one: what is far from it, so that the crawl spreads at once */
        const uint32_t bit = kad_rng_below(&crawl->rng, FAR_BITS);

        out_ask->target.bytes[bit / 8] ^= (uint8_t)(0x80u >> bit % 8);
    }
    if (crawl->nodes[*at].state == KAD_CRAWL_SILENT)
        crawl->n_silent--;
    crawl->nodes[*at].state = KAD_CRAWL_ASKED;
    (*at)++;
    return true;
}

enum kad_crawl_verdict kad_crawl_next(struct kad_crawl *crawl, struct kad_crawl_ask *out_ask)
{
    bool found = ask_new(crawl, out_ask);

    if (!found && crawl->next_question < crawl->n_questions) {
        const struct question *question = &crawl->questions[crawl->next_question++];

        *out_ask = (struct kad_crawl_ask){.node = question->node,
                                          .sweep = true,
                                          .endpoint = crawl->nodes[question->node].contact.endpoint,
                                          .target = question->target};
        found = true;
    }
    if (found) {
        crawl->n_in_flight++;
        return KAD_CRAWL_ASK;
    }
    if (crawl->n_in_flight)
        return KAD_CRAWL_WAIT;
    if (!crawl->done && crawl->n_questions)
        end_sweep(crawl);
    if (!crawl->done) {
        begin_sweep(crawl);
        if (!crawl->done)
            return kad_crawl_next(crawl, out_ask);
    }
    return KAD_CRAWL_DONE;
}

static void note_named(struct kad_crawl *crawl, const struct kad_contact *named, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t known = find(crawl, &named[i].endpoint);

        if (known == KAD_INDEX_END && kad_crawl_add(crawl, &named[i]))
            known = crawl->n_nodes - 1;
        if (known != KAD_INDEX_END && crawl->nodes[known].n_named < OFTEN)
            crawl->nodes[known].n_named++;
    }
}

void kad_crawl_answered(struct kad_crawl *crawl, const struct kad_crawl_ask *ask, const struct kad_id *id,
                        const char version[5], int32_t rtt_ms, const struct kad_contact *named, size_t n)
{
    struct kad_crawl_node *node = &crawl->nodes[ask->node];

    assert(crawl->n_in_flight > 0 && "answered twice");
    crawl->n_in_flight--;
    if (node->state == KAD_CRAWL_ASKED) {
        node->state = KAD_CRAWL_ANSWERED;
        node->n_tries++;
        node->contact.id = *id;
        node->rtt_ms = rtt_ms;
        memcpy(node->version, version, sizeof(node->version));
        crawl->n_answered++;
        /* Found while a sweep was on: it had been missed until then. */
        crawl->n_late += crawl->n_questions > 0 && ask->node >= crawl->n_before;
    }
    note_named(crawl, named, n);
}

void kad_crawl_failed(struct kad_crawl *crawl, const struct kad_crawl_ask *ask)
{
    struct kad_crawl_node *node = &crawl->nodes[ask->node];

    assert(crawl->n_in_flight > 0 && "failed twice");
    crawl->n_in_flight--;
    if (node->state != KAD_CRAWL_ASKED)
        return; /* a sweep's question: it has answered before */
    node->state = KAD_CRAWL_SILENT;
    node->n_tries++;
    crawl->n_silent++;
    if (node->n_tries < TRIES && ask->node < crawl->next_again)
        crawl->next_again = ask->node;
}

/* -- what it came to ---------------------------------------------------------------------------------------------- */

/* Chao's estimate, and the upper end of his interval. The lower one is what was seen: his would leave out that it was all. */
static void estimate(const struct kad_crawl *crawl, struct kad_crawl_result *result)
{
    const uint32_t n_asked = crawl->n_answered + crawl->n_silent;
    /* Of those not asked yet as many will answer as did of the others. */
    const double share = n_asked ? (double)crawl->n_answered / n_asked : 0;
    const double seen = crawl->n_answered + share * (crawl->n_nodes - n_asked);
    double once = 0, twice = 0, unseen, ratio, variance;

    for (uint32_t i = 0; i < crawl->n_nodes; i++) {
        const struct kad_crawl_node *node = &crawl->nodes[i];

        if (node->state == KAD_CRAWL_SILENT)
            continue;
        once += node->n_named <= 1; /* whom we were given and nobody named was seen once, too */
        twice += node->n_named == 2;
    }
    result->n_low = result->n_estimate = result->n_high = seen;
    once *= share;
    twice *= share;
    unseen = once * (once - 1) / (2 * (twice + 1));
    if (unseen <= 0)
        return;
    ratio = once / (twice + 1);
    variance = (twice + 1) * (ratio * ratio / 2 + ratio * ratio * ratio + ratio * ratio * ratio * ratio / 4);
    ratio = exp(NINETY_FIVE * sqrt(log(1 + variance / (unseen * unseen))));
    result->n_estimate = seen + unseen;
    result->n_high = seen + unseen * ratio;
}

void kad_crawl_result(const struct kad_crawl *crawl, struct kad_crawl_result *out_result)
{
    *out_result = (struct kad_crawl_result){
        .n_seen = crawl->n_nodes,
        .n_answered = crawl->n_answered,
        .n_silent = crawl->n_silent,
        .n_unasked = crawl->n_nodes - crawl->n_answered - crawl->n_silent,
        .n_refused = crawl->n_refused,
        .n_sweeps = crawl->n_sweeps,
        .n_late = crawl->last_late,
    };
    estimate(crawl, out_result);
}

const struct kad_crawl_node *kad_crawl_node(const struct kad_crawl *crawl, uint32_t i)
{
    return i < crawl->n_nodes ? &crawl->nodes[i] : NULL;
}
