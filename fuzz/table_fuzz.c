/*
 * table_fuzz - any history of a routing table and of a lookup beside it.
 *
 * The first bytes choose the settings, each further operation is a byte and its arguments. After each the table must be
 * sound, the closest contacts sorted, and the lookup within its bounds; at the end the book must be empty.
 */
#include <assert.h>
#include <stdio.h>

#include "core/lookup.h"
#include "core/table.h"

enum { NODES = 96, MOST_NAMED = 8 };

struct input {
    const uint8_t *data;
    size_t size;
};

struct run {
    struct kad_book *book;
    struct kad_table *table;
    struct kad_lookup lookup;
    struct kad_id self;
    kad_contact_ref nodes[NODES]; /* retained while not 0 */
    kad_ms now;
    unsigned n_asked;
};

static uint8_t take(struct input *in)
{
    if (in->size == 0)
        return 0;
    in->size--;
    return *in->data++;
}

/* An id that shares `prefix` bits with ours and ends in three bytes of input. */
static struct kad_id take_id(const struct run *run, struct input *in)
{
    const unsigned prefix = take(in) % 160u;
    struct kad_id id = run->self;

    id.bytes[prefix / 8] ^= (uint8_t)(0x80u >> prefix % 8);
    for (unsigned i = prefix / 8 + 1; i < 20 && i < prefix / 8 + 3; i++)
        id.bytes[i] = take(in);
    return id;
}

static kad_contact_ref take_node(struct run *run, struct input *in)
{
    return run->nodes[take(in) % NODES];
}

static void check_table(const struct run *run)
{
    const char *why = NULL;
    const bool sound = kad_table_sound(run->table, &why);

    if (!sound)
        fprintf(stderr, "%s\n", why);
    assert(sound);
    assert(kad_table_count(run->table) <= kad_book_count(run->book));
}

static void check_update(struct run *run, const struct kad_table_update *update)
{
    if (update->probe != KAD_NO_CONTACT)
        assert(kad_table_find(run->table, update->probe)->flags & KAD_SLOT_PROBED);
    if (update->added != KAD_NO_CONTACT)
        assert(kad_table_find(run->table, update->added));
    if (update->removed != KAD_NO_CONTACT)
        assert(!kad_table_find(run->table, update->removed));
    kad_book_release(run->book, update->removed);
}

static void meet(struct run *run, struct input *in)
{
    kad_contact_ref *node = &run->nodes[take(in) % NODES];
    const struct kad_id id = take_id(run, in);
    const uint8_t host = take(in);
    const struct kad_endpoint endpoint = {
        .address = {host & 1 ? 8 : 10, host & 6, host & 24, host}, .port = 1, .family = KAD_IPV4};

    kad_book_release(run->book, *node);
    *node = kad_book_intern(run->book, &id, &endpoint, (struct kad_bytes){NULL, 0});
}

static void hear(struct run *run, struct input *in)
{
    const kad_contact_ref node = take_node(run, in);
    const uint8_t how = take(in);
    const struct kad_contact *contact;
    struct kad_table_update update;
    bool wanted, known;

    if (node == KAD_NO_CONTACT)
        return;
    contact = kad_book_contact(run->book, node);
    known = kad_table_find(run->table, node);
    wanted = kad_table_wants(run->table, &contact->id, &contact->endpoint);
    update = kad_table_heard(run->table, node, how & 1, how & 2 ? how * 300 : -1, run->now);
    if (known)
        assert(update.change == KAD_TABLE_SAME && !wanted);
    else if (wanted) /* preference may let in more than are wanted */
        assert(update.change == KAD_TABLE_ADDED || update.change == KAD_TABLE_REPLACED);
    else
        assert(update.change != KAD_TABLE_ADDED);
    check_update(run, &update);
}

static void ask_closest(struct run *run, struct input *in)
{
    const struct kad_id target = take_id(run, in);
    const size_t n = take(in) % (NODES + 1u);
    kad_contact_ref found[NODES];
    const size_t n_found = kad_table_closest(run->table, &target, n, found);

    assert(n_found == (n < kad_table_count(run->table) ? n : kad_table_count(run->table)));
    for (size_t i = 1; i < n_found; i++)
        assert(kad_id_compare(&target, &kad_book_contact(run->book, found[i - 1])->id,
                              &kad_book_contact(run->book, found[i])->id) < 0);
}

static void check_lookup(const struct run *run)
{
    const struct kad_lookup *lookup = &run->lookup;
    unsigned n_in_flight = 0;

    assert(lookup->n_candidates <= lookup->room && lookup->room <= KAD_LOOKUP_CANDIDATES);
    for (size_t i = 0; i < lookup->n_candidates; i++) {
        const struct kad_candidate *c = &lookup->candidates[i];

        n_in_flight += c->state == KAD_CANDIDATE_ASKED;
        if (i > 0)
            assert(kad_id_compare(&lookup->target, &kad_book_contact(run->book, c[-1].contact)->id,
                                  &kad_book_contact(run->book, c->contact)->id) <= 0);
    }
    assert(n_in_flight <= lookup->config.parallel);
    assert(lookup->n_asked == run->n_asked && run->n_asked <= KAD_LOOKUP_CANDIDATES);
    assert(lookup->n_answered + lookup->n_failed <= lookup->n_asked);
}

static void step_lookup(struct run *run)
{
    const struct kad_lookup_step step = kad_lookup_next(&run->lookup, run->now);

    if (step.verdict == KAD_LOOKUP_ASK)
        run->n_asked++;
    else if (step.verdict == KAD_LOOKUP_WAIT)
        assert(step.wake_at > run->now);
    else
        assert(run->lookup.reason != KAD_REASON_NONE);
}

static void answer_lookup(struct run *run, struct input *in)
{
    const kad_contact_ref from = take_node(run, in);
    kad_contact_ref named[MOST_NAMED];
    size_t n = 0;

    for (unsigned i = take(in) % (MOST_NAMED + 1u); i > 0; i--) {
        named[n] = take_node(run, in);
        n += named[n] != KAD_NO_CONTACT;
    }
    if (from != KAD_NO_CONTACT)
        kad_lookup_reply(&run->lookup, from, named, n);
}

static void one_operation(struct run *run, struct input *in)
{
    const uint8_t what = take(in) % 12;
    kad_contact_ref node;
    struct kad_table_update update;
    struct kad_id id;

    switch (what) {
    case 0:
    case 1:
        meet(run, in);
        break;
    case 2:
    case 3:
        hear(run, in);
        break;
    case 4:
    case 5:
        node = take_node(run, in);
        if (node == KAD_NO_CONTACT)
            break;
        update = what == 4 ? kad_table_failed(run->table, node, run->now)
                           : kad_table_remove(run->table, node, run->now);
        check_update(run, &update);
        break;
    case 6:
        ask_closest(run, in);
        break;
    case 7:
        run->now += take(in) * 100;
        id = take_id(run, in);
        kad_table_touch(run->table, &id, run->now);
        assert(kad_table_stale_bucket(run->table, 1 << 20, run->now) < (int)kad_table_n_buckets(run->table));
        node = kad_table_stale_contact(run->table, 1000, run->now);
        assert(node == KAD_NO_CONTACT || kad_table_find(run->table, node));
        break;
    case 8:
        node = take_node(run, in);
        if (node != KAD_NO_CONTACT)
            kad_lookup_add(&run->lookup, node);
        break;
    case 9:
        step_lookup(run);
        break;
    case 10:
        answer_lookup(run, in);
        break;
    default:
        node = take_node(run, in);
        if (node != KAD_NO_CONTACT)
            kad_lookup_fail(&run->lookup, node);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {data, size};
    const uint8_t k = take(&in), limits = take(&in), parallel = take(&in);
    const struct kad_table_config table_config = {
        .id_bits = 160,
        .k = 1 + k % 8u,
        .wide = k & 64 ? 32 : 0,
        .cache = k >> 3 & 3,
        .max_failures = 1 + (limits & 3),
        .narrow_per_bucket = limits >> 2 & 3,
        .narrow_per_table = limits >> 4 & 3,
        .wide_per_table = limits >> 6 & 3,
        .limit_local = k & 128,
    };
    const struct kad_lookup_config lookup_config = {.width = 1 + parallel % 8u,
                                                    .parallel = 1 + (parallel >> 3 & 3u),
                                                    .patience_ms = 1000,
                                                    .narrow_per_lookup = limits & 7};
    struct run run = {.self = {{0x5a, 0xa5, 0x0f}}};

    run.book = kad_book_new(&kad_allocator_system, 4 * NODES, 1);
    run.table = kad_table_new(&kad_allocator_system, run.book, &run.self, &table_config, 0);
    assert(run.table && "memory");
    kad_lookup_init(&run.lookup, &kad_allocator_system, run.book, &run.self, &lookup_config);
    while (in.size > 0) {
        one_operation(&run, &in);
        check_table(&run);
        check_lookup(&run);
    }
    kad_lookup_clear(&run.lookup);
    kad_table_free(run.table);
    for (size_t i = 0; i < NODES; i++)
        kad_book_release(run.book, run.nodes[i]);
    assert(kad_book_count(run.book) == 0);
    kad_book_free(run.book);
    return 0;
}
