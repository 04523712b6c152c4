#include "store/view.h"

#include <stdlib.h>
#include <string.h>

#include "store/test_store.h"

enum { ROOM = KAD_RECORD_CLASSES, NOW = 1000 * 3600 };

static struct kad_store *open_view(const struct kad_allocator *allocator,
                                   const struct kad_mem_store_config *config)
{
    struct kad_store_view *view = malloc(sizeof *view);
    struct kad_store *mem = NULL;

    if (!view || kad_mem_store_new(allocator, config, 42, &mem) != KAD_OK) {
        free(view);
        return NULL;
    }
    kad_store_view_init(view, mem, mem, (struct kad_mem_eye){KAD_MEM_BOTH, KAD_MEM_EYES - 1});
    return &view->store;
}

static void close_view(struct kad_store *store)
{
    struct kad_store_view *view = (struct kad_store_view *)(void *)store;

    view->under->ops->free(view->under);
    free(view);
}

static const struct test_store_kind view_kind = {.open = open_view, .close = close_view};

/* Through a view that sees everything a store is what it is without. */
TEST_STORE_SUITE(&view_kind)

/* Two networks with classes and one without, on one store of `most` records. */
struct shared {
    struct kad_store *mem;
    struct kad_store_view kad, ws, mainline;
};

static void share(struct shared *shared, uint64_t most)
{
    struct kad_mem_store_config config = test_store_plenty();

    config.max_records = most;
    EXPECT_EQ(kad_mem_store_new(&kad_allocator_system, &config, 42, &shared->mem), KAD_OK);
    kad_store_view_init(&shared->kad, shared->mem, shared->mem, (struct kad_mem_eye){KAD_MEM_CLASSED, 0});
    kad_store_view_init(&shared->ws, shared->mem, shared->mem, (struct kad_mem_eye){KAD_MEM_CLASSED, 1});
    kad_store_view_init(&shared->mainline, shared->mem, shared->mem, (struct kad_mem_eye){KAD_MEM_PLAIN, 0});
}

static struct kad_record room(unsigned key, int64_t sequence)
{
    struct kad_record record = {.type = ROOM,
                                .key = test_store_key(key),
                                .sequence = sequence,
                                .made_at = NOW,
                                .valid_until = NOW + KAD_HOUR,
                                .expires_at = NOW + KAD_HOUR,
                                .seen_at = NOW,
                                .value = {(const uint8_t *)"hello", 5}};

    memset(record.public_key, 9, sizeof record.public_key);
    return record;
}

static int put(struct kad_store_view *view, const struct kad_record *record)
{
    return view->store.ops->put(&view->store, record, NULL, NOW);
}

static bool has(struct kad_store_view *view, unsigned key, struct kad_record *out_record)
{
    const struct kad_id id = test_store_key(key);
    uint32_t next;

    return view->store.ops->list(&view->store, &id, 0, NOW, 0, out_record, 1, &next) == 1;
}

/* What came over one network is there for the other, once; and gone for both. */
TEST(networks_with_classes_hold_the_same_records)
{
    const struct kad_record record = room(1, 1);
    struct kad_record found;
    struct shared shared;

    share(&shared, 10);
    EXPECT_EQ(put(&shared.kad, &record), KAD_OK);
    EXPECT(has(&shared.ws, 1, &found));
    EXPECT_MEM(found.value.data, "hello", 5);
    EXPECT_EQ(test_store_stats(&shared.kad.store).n_records, 1);
    EXPECT_EQ(test_store_stats(&shared.ws.store).n_records, 1);
    EXPECT_EQ(test_store_stats(&shared.ws.store).record_bytes, 5);
    EXPECT_EQ(shared.ws.store.ops->remove(&shared.ws.store, &record), KAD_OK);
    EXPECT(!has(&shared.kad, 1, &found));
    EXPECT_EQ(put(&shared.ws, &record), KAD_OK);
    shared.ws.store.ops->expire(&shared.ws.store, NOW + KAD_HOUR);
    EXPECT_EQ(test_store_stats(&shared.kad.store).n_records, 0);
    shared.mem->ops->free(shared.mem);
}

/* To store again is a duty towards each network's own nodes: who has seen a holder do it in one, has not in the other. */
TEST(each_network_remembers_when_it_saw_a_record)
{
    struct kad_record record = room(1, 1), found;
    struct shared shared;

    share(&shared, 10);
    EXPECT_EQ(put(&shared.kad, &record), KAD_OK);
    EXPECT(has(&shared.kad, 1, &found) && found.seen_at == NOW);
    EXPECT(has(&shared.ws, 1, &found) && found.seen_at == 0);
    shared.ws.store.ops->touch(&shared.ws.store, &record, NOW + 7);
    EXPECT(has(&shared.ws, 1, &found) && found.seen_at == NOW + 7);
    EXPECT(has(&shared.kad, 1, &found) && found.seen_at == NOW);

    record = room(1, 2); /* a newer one came over kad: the holders of the other network have yet to get it */
    EXPECT_EQ(put(&shared.kad, &record), KAD_OK);
    EXPECT(has(&shared.ws, 1, &found) && found.seen_at == 0 && found.sequence == 2);
    shared.mem->ops->free(shared.mem);
}

static void count_record(void *context, const struct kad_record *record)
{
    (void)record;
    ((unsigned *)context)[0]++;
}

static void count_key(void *context, const struct kad_id *key, uint32_t n_peers)
{
    (void)key;
    (void)n_peers;
    ((unsigned *)context)[1]++;
}

static void look(const struct kad_store_view *view, unsigned out_counts[2])
{
    const struct kad_store_viewer viewer = {count_record, count_key, out_counts};

    out_counts[0] = out_counts[1] = 0;
    EXPECT_EQ(view->store.ops->look(&view->store, 0, 100, NOW, &viewer), 0);
}

/* The same key means nothing in the other half, and neither sees, nor crowds out, what is there. */
TEST(an_open_network_and_signed_records_keep_out_of_each_others_way)
{
    struct kad_record record = room(1, 1), found;
    const struct kad_id key = test_store_key(1);
    struct shared shared;
    unsigned seen[2];

    share(&shared, 2);
    EXPECT_EQ(put(&shared.kad, &record), KAD_OK);
    EXPECT_EQ(shared.mainline.store.ops->get(&shared.mainline.store, &key, NOW, &found), KAD_E_NOT_FOUND);
    EXPECT_EQ(test_store_put(&shared.mainline.store, 1, 10, NULL, NOW + 10, NOW), KAD_OK);
    EXPECT_EQ(test_store_put(&shared.mainline.store, 2, 10, NULL, NOW + 10, NOW), KAD_OK);
    EXPECT_EQ(test_store_put(&shared.mainline.store, 3, 10, NULL, NOW + 10, NOW), KAD_E_LIMIT);
    EXPECT_EQ(
        test_store_announce(&shared.mainline.store, 4, test_store_host(false, 1, 1, 1), false, NOW + 10, NOW),
        KAD_OK);
    EXPECT_EQ(shared.mainline.store.ops->get(&shared.mainline.store, &key, NOW, &found), KAD_OK);
    EXPECT_EQ(found.value.size, 10);
    EXPECT(has(&shared.kad, 1, &found) && found.type == ROOM);
    record = room(2, 1);
    EXPECT_EQ(put(&shared.ws, &record), KAD_OK);
    record = room(3, 1);
    EXPECT_EQ(put(&shared.kad, &record), KAD_E_LIMIT);

    look(&shared.mainline, seen);
    EXPECT(seen[0] == 2 && seen[1] == 1);
    look(&shared.ws, seen);
    EXPECT(seen[0] == 2 && seen[1] == 0);
    EXPECT_EQ(test_store_stats(&shared.kad.store).n_peers, 0);
    EXPECT_EQ(test_store_stats(&shared.mainline.store).n_peers, 1);
    shared.mem->ops->free(shared.mem);
}
