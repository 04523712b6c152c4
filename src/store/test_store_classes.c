/* test_store_classes - records that say how long they are valid: many values of a key, shares, ghosts. */
#include <string.h>

#include "crypto/crypto.h"
#include "store/test_store.h"

enum { ROOM = KAD_RECORD_CLASSES, NOTE, START = 1000 * 3600 };

struct place {
    unsigned key, owner;
    uint8_t type;
    bool many;
};

static struct kad_record make(struct place place, int64_t sequence, size_t size, kad_ms expires_at,
                              struct test_store_content *room)
{
    struct kad_record record = {.type = place.type,
                                .many = place.many,
                                .withdrawn = size == 0,
                                .key = test_store_key(place.key),
                                .sequence = sequence,
                                .made_at = START - 7,
                                .valid_until = expires_at == KAD_NEVER ? KAD_NEVER : expires_at + 5,
                                .expires_at = expires_at};

    for (size_t i = 0; i < size; i++)
        room->value[i] = (uint8_t)(place.key * 7 + place.owner * 3 + (unsigned)sequence * 31 + i);
    record.value = (struct kad_bytes){room->value, size};
    memset(record.public_key, (int)place.owner + 1, sizeof record.public_key);
    memset(record.signature, (int)(sequence % 255 + 1), sizeof record.signature);
    return record;
}

static int put(struct kad_store *store, struct place place, int64_t sequence, size_t size, kad_ms expires_at,
               kad_ms now)
{
    struct test_store_content room;
    const struct kad_record record = make(place, sequence, size, expires_at, &room);

    return store->ops->put(store, &record, NULL, now);
}

static size_t list(struct kad_store *store, unsigned key, uint8_t type, kad_ms now, uint32_t from,
                   struct kad_record *out_records, size_t n, uint32_t *out_next)
{
    const struct kad_id id = test_store_key(key);

    return store->ops->list(store, &id, type, now, from, out_records, n, out_next);
}

static size_t count(struct kad_store *store, unsigned key, uint8_t type, kad_ms now)
{
    struct kad_record records[64];
    uint32_t next;

    return list(store, key, type, now, 0, records, 64, &next);
}

static int ghost(struct kad_store *store, unsigned key, uint8_t type, kad_ms now,
                 struct kad_record *out_record)
{
    const struct kad_id id = test_store_key(key);

    return store->ops->ghost(store, &id, type, now, out_record);
}

/* Each owner has a value of its own under the key, replaces no other, and can be removed alone. */
void test_store_a_key_has_a_value_of_each_owner(const struct test_store_kind *kind)
{
    const struct kad_mem_store_config config = test_store_plenty();
    struct kad_store *store = test_store_open(kind, &config);
    struct kad_record records[16];
    struct test_store_content room;
    uint32_t next;

    for (unsigned owner = 0; owner < 9; owner++)
        EXPECT_EQ(put(store, (struct place){1, owner, NOTE, true}, 1, 50, START + 100, START), KAD_OK);
    EXPECT_EQ(put(store, (struct place){1, 4, NOTE, true}, 2, 60, START + 100, START), KAD_OK);
    EXPECT_EQ(list(store, 1, NOTE, START, 0, records, 16, &next), 9);
    EXPECT_EQ(next, 0);
    for (size_t i = 0; i < 9; i++) {
        const struct kad_record expected =
            make((struct place){1, records[i].public_key[0] - 1u, NOTE, true}, records[i].sequence,
                 records[i].value.size, START + 100, &room);

        EXPECT(test_store_same(&records[i], &expected));
        EXPECT_EQ(records[i].sequence, records[i].public_key[0] == 5 ? 2 : 1);
        for (size_t j = 0; j < i; j++)
            EXPECT(records[j].public_key[0] != records[i].public_key[0]);
    }
    EXPECT_EQ(store->ops->remove(store,
                                 &(struct kad_record){
                                     .type = NOTE, .many = true, .key = test_store_key(1), .valid_until = 1}),
              KAD_E_NOT_FOUND); /* nobody's */
    EXPECT_EQ(store->ops->remove(store, &records[3]), KAD_OK);
    EXPECT_EQ(count(store, 1, NOTE, START), 8);
    EXPECT_EQ(test_store_stats(store).n_records, 8);
    EXPECT_EQ(ghost(store, 1, NOTE, START, &records[0]), KAD_E_NOT_FOUND); /* removed is not expired */
    kind->close(store);
}

/* When it was last stored elsewhere is noted without replacing anything, and nothing else is touched. */
void test_store_a_record_can_be_touched(const struct test_store_kind *kind)
{
    const struct kad_mem_store_config config = test_store_plenty();
    struct kad_store *store = test_store_open(kind, &config);
    struct kad_record records[3];
    uint32_t next;

    for (unsigned owner = 0; owner < 3; owner++)
        EXPECT_EQ(put(store, (struct place){1, owner, NOTE, true}, 1, 50, START + 100, START), KAD_OK);
    EXPECT_EQ(list(store, 1, NOTE, START, 0, records, 3, &next), 3);
    EXPECT_EQ(records[1].seen_at, 0);
    store->ops->touch(store, &records[1], START + 5);
    EXPECT_EQ(list(store, 1, NOTE, START, 0, records, 3, &next), 3);
    EXPECT_EQ(records[0].seen_at, 0);
    EXPECT_EQ(records[1].seen_at, START + 5);
    EXPECT_EQ(records[2].seen_at, 0);
    EXPECT_EQ(records[1].valid_until, START + 105);
    EXPECT_EQ(test_store_put(store, 9, 10, NULL, START + 100, START), KAD_OK);
    records[0] = (struct kad_record){.key = test_store_key(9), .type = KAD_RECORD_IMMUTABLE};
    store->ops->touch(store, &records[0], START + 5); /* of no class: nowhere to note it */
    EXPECT_EQ(store->ops->get(store, &records[0].key, START, &records[2]), KAD_OK);
    EXPECT_EQ(records[2].seen_at, 0);
    kind->close(store);
}

/* Pages of any size show each once, and their order is the same the next time, whatever is replaced meanwhile. */
void test_store_pages_show_every_value_once(const struct test_store_kind *kind)
{
    const struct kad_mem_store_config config = test_store_plenty();
    struct kad_store *store = test_store_open(kind, &config);
    struct kad_record records[16];

    for (unsigned owner = 0; owner < 40; owner++) {
        EXPECT_EQ(put(store, (struct place){1, owner, NOTE, true}, 1, 50, START + 100, START), KAD_OK);
        EXPECT_EQ(put(store, (struct place){2 + owner, owner, NOTE, true}, 1, 50, START + 100, START),
                  KAD_OK);
    }
    for (size_t size = 1; size <= 16; size++) {
        uint8_t first[40], second[40];
        uint8_t *const orders[] = {first, second};

        for (int round = 0; round < 2; round++) {
            uint32_t next = 0;
            size_t n_seen = 0;

            do {
                const size_t n = list(store, 1, 0, START, next, records, size, &next);

                EXPECT(n_seen + n <= 40);
                for (size_t i = 0; i < n; i++)
                    orders[round][n_seen++] = records[i].public_key[0];
                EXPECT_EQ(put(store, (struct place){1, (unsigned)n_seen % 40, NOTE, true}, 2 + round, 90,
                              START + 100, START),
                          KAD_OK);
            } while (next);
            EXPECT_EQ(n_seen, 40);
        }
        EXPECT_MEM(first, second, sizeof first);
    }
    kind->close(store);
}

/* Whoever can name a key can put something of another class there: it must not push out, or hide, what stands there. */
void test_store_classes_have_places_of_their_own(const struct test_store_kind *kind)
{
    const struct kad_mem_store_config config = test_store_plenty();
    struct kad_store *store = test_store_open(kind, &config);
    struct kad_record record;
    uint32_t next;

    EXPECT_EQ(put(store, (struct place){1, 1, ROOM, false}, 1, 50, START + 100, START), KAD_OK);
    EXPECT_EQ(put(store, (struct place){1, 2, NOTE, true}, 1, 50, START + 100, START), KAD_OK);
    EXPECT_EQ(put(store, (struct place){1, 3, KAD_RECORD_MUTABLE, false}, 1, 50, START + 100, START), KAD_OK);
    EXPECT_EQ(put(store, (struct place){1, 4, KAD_RECORD_IMMUTABLE, false}, 1, 50, START + 100, START),
              KAD_OK);
    EXPECT_EQ(count(store, 1, 0, START), 4);
    EXPECT_EQ(count(store, 1, ROOM, START), 1);
    EXPECT_EQ(put(store, (struct place){1, 5, ROOM, false}, 2, 70, START + 100, START),
              KAD_OK); /* who may is not the store's to say */
    EXPECT_EQ(list(store, 1, ROOM, START, 0, &record, 1, &next), 1);
    EXPECT_EQ(record.public_key[0], 6);
    EXPECT_EQ(count(store, 1, 0, START), 4);
    kind->close(store);
}

/* An expired record leaves its head for a day: enough to show who had signed what, and no value. */
void test_store_what_expired_leaves_a_ghost_for_a_day(const struct test_store_kind *kind)
{
    struct kad_mem_store_config config = test_store_plenty();
    const struct place place = {1, 1, ROOM, false};
    struct test_store_content room;
    const struct kad_record expected = make(place, 3, 77, START + 100, &room);
    uint8_t hash[KAD_SHA256_SIZE];
    struct kad_store *store;
    struct kad_record record;

    config.max_ghosts = 100;
    store = test_store_open(kind, &config);
    kad_sha256(expected.value.data, expected.value.size, hash);
    EXPECT_EQ(put(store, place, 3, 77, START + 100, START), KAD_OK);
    EXPECT_EQ(ghost(store, 1, ROOM, START + 99, &record), KAD_E_NOT_FOUND);
    EXPECT_EQ(ghost(store, 1, ROOM, START + 100, &record), KAD_OK);
    EXPECT(record.hashed && record.sequence == 3 && record.valid_until == expected.valid_until &&
           record.made_at == expected.made_at && record.expires_at == START + 100);
    EXPECT_MEM(record.public_key, expected.public_key, sizeof record.public_key);
    EXPECT_MEM(record.signature, expected.signature, sizeof record.signature);
    EXPECT_EQ(record.value.size, sizeof hash);
    EXPECT_MEM(record.value.data, hash, sizeof hash);
    EXPECT_EQ(count(store, 1, 0, START + 100), 0);
    EXPECT_EQ(ghost(store, 1, NOTE, START + 100, &record), KAD_E_NOT_FOUND);
    EXPECT_EQ(ghost(store, 1, 0, START + 99 + 24 * KAD_HOUR, &record), KAD_OK);
    EXPECT_EQ(ghost(store, 1, 0, START + 100 + 24 * KAD_HOUR, &record), KAD_E_NOT_FOUND);
    EXPECT_EQ(record.expires_at, 0);
    kind->close(store);
}

/* A ceiling on ghosts costs the oldest, and the store says up to when it may have forgotten some. */
void test_store_ghosts_are_bounded(const struct test_store_kind *kind)
{
    struct kad_mem_store_config config = test_store_plenty();
    struct kad_store *store;
    struct kad_record record;

    config.max_ghosts = 10;
    store = test_store_open(kind, &config);
    for (unsigned i = 0; i < 25; i++)
        EXPECT_EQ(put(store, (struct place){i, 1, ROOM, false}, 1, 50, START + 100 + i, START), KAD_OK);
    test_store_expire_all(store, START + 1000);
    for (unsigned i = 0; i < 25; i++)
        EXPECT_EQ(ghost(store, i, ROOM, START + 1000, &record), i < 15 ? KAD_E_NOT_FOUND : KAD_OK);
    EXPECT_EQ(ghost(store, 3, ROOM, START + 1000, &record), KAD_E_NOT_FOUND);
    EXPECT_EQ(record.expires_at, START + 114);
    kind->close(store);
}

/* No class and no owner fills the store alone, and what never expires is no exception. */
void test_store_a_class_and_an_owner_have_their_shares(const struct test_store_kind *kind)
{
    struct kad_mem_store_config config = test_store_plenty();
    struct kad_store *store;
    unsigned n = 0;

    config.max_records = 40;
    config.max_record_bytes = 10000;
    config.class_percent = 50;
    config.max_records_per_owner = 8;
    store = test_store_open(kind, &config);
    for (unsigned i = 0; i < 20; i++)
        n += put(store, (struct place){i, 1, ROOM, false}, 1, 10, KAD_NEVER, START) == KAD_OK;
    EXPECT_EQ(n, 8); /* of this owner */
    for (unsigned i = 20; i < 60; i++)
        n += put(store, (struct place){i, i, ROOM, false}, 1, 10, KAD_NEVER, START) == KAD_OK;
    EXPECT_EQ(n, 20);                 /* half of 40 */
    for (unsigned i = 0; i < 12; i++) /* what has no owner is nobody's share */
        EXPECT_EQ(put(store, (struct place){i, 255, NOTE + 1, false}, 1, 10, START + 100, START), KAD_OK);
    EXPECT_EQ(put(store, (struct place){1, 1, ROOM, false}, 2, 10, KAD_NEVER, START + 1),
              KAD_OK); /* a refresh */
    EXPECT_EQ(put(store, (struct place){1, 1, ROOM, false}, 3, 900, KAD_NEVER, START + 1), KAD_OK);
    for (unsigned i = 0; i < 5; i++)
        n += put(store, (struct place){i, 99, NOTE, true}, 1, 1000, START + 100, START) == KAD_OK;
    EXPECT_EQ(n, 25); /* its half of 10,000 bytes */
    EXPECT_EQ(put(store, (struct place){5, 99, NOTE, true}, 1, 1, START + 100, START), KAD_E_LIMIT);
    test_store_expire_all(store, START + 365 * 24 * KAD_HOUR);
    EXPECT_EQ(test_store_stats(store).n_records, 20);
    EXPECT_EQ(put(store, (struct place){5, 99, NOTE, true}, 1, 1, START + 366 * 24 * KAD_HOUR,
                  START + 365 * 24 * KAD_HOUR),
              KAD_OK);
    kind->close(store);
}

/* A mailbox that is filled and emptied all day must not make the store refuse: removed records leave nothing behind. */
void test_store_removing_leaves_nothing_behind(const struct test_store_kind *kind)
{
    struct kad_mem_store_config config = test_store_plenty();
    struct test_store_memory memory;
    struct kad_store *store;
    uint64_t before = 0;

    config.max_records = 50;
    test_store_memory_init(&memory);
    store = kind->open(&memory.allocator, &config);
    for (unsigned round = 0; round < 800; round++) {
        struct kad_record records[32];
        uint32_t next;

        for (unsigned i = 0; i < 20; i++)
            EXPECT_EQ(put(store, (struct place){1, i, NOTE, true}, 1, 10, START + KAD_HOUR, START), KAD_OK);
        EXPECT_EQ(list(store, 1, NOTE, START, 0, records, 32, &next), 20);
        for (unsigned i = 0; i < 20; i++)
            EXPECT_EQ(put(store, (struct place){2, i, NOTE, true}, 1, 10, START + KAD_HOUR, START), KAD_OK);
        for (unsigned i = 0; i < 20; i++) {
            struct test_store_content room;
            const struct kad_record a =
                make((struct place){1, i, NOTE, true}, 1, 10, START + KAD_HOUR, &room);
            const struct kad_record b =
                make((struct place){2, i, NOTE, true}, 1, 10, START + KAD_HOUR, &room);

            EXPECT_EQ(store->ops->remove(store, &a), KAD_OK);
            EXPECT_EQ(store->ops->remove(store, &b), KAD_OK);
        }
        if (store->ops->commit)
            EXPECT_EQ(store->ops->commit(store), KAD_OK);
        if (round == 400)
            before = memory.in_use;
    }
    EXPECT_EQ(memory.in_use, before);
    EXPECT_EQ(test_store_stats(store).n_records, 0);
    kind->close(store);
    EXPECT_EQ(memory.in_use, 0);
}

/* -- against a model --------------------------------------------------------------------------------------------- */

enum { KEYS = 5, OWNERS = 6, TYPES = 2, STEPS = 4000 };

struct held {
    bool held, ghostly; /* now; expired within a day, while not held */
    int64_t sequence;
    size_t size;
    kad_ms expires_at, ghost_at;
};

struct model {
    const struct test_store_kind *kind;
    const struct kad_allocator *allocator;
    struct kad_mem_store_config config;
    struct kad_store *store;
    struct kad_rng rng;
    kad_ms now;
    unsigned step;
    bool exact;
    struct held held[TYPES][KEYS][OWNERS]; /* type 0 has one value: of owner `owners[key]`, kept at index 0 */
    unsigned owners[KEYS];
};

static struct place place_of(const struct model *m, unsigned type, unsigned key, unsigned owner)
{
    return (struct place){key, type == 0 ? m->owners[key] : owner, (uint8_t)(type == 0 ? ROOM : NOTE),
                          type != 0};
}

static void expire_model(struct model *m)
{
    for (unsigned t = 0; t < TYPES; t++) {
        for (unsigned k = 0; k < KEYS; k++) {
            for (unsigned o = 0; o < OWNERS; o++) {
                struct held *h = &m->held[t][k][o];

                if (h->held && h->expires_at <= m->now) {
                    h->held = false;
                    h->ghostly = true;
                    h->ghost_at = h->expires_at;
                }
            }
        }
    }
}

static void model_put(struct model *m)
{
    const unsigned t = kad_rng_below(&m->rng, TYPES), k = kad_rng_below(&m->rng, KEYS);
    const unsigned o = kad_rng_below(&m->rng, OWNERS), at = t == 0 ? 0 : o;
    const struct place place = {k, o, (uint8_t)(t == 0 ? ROOM : NOTE), t != 0};
    const struct held new = {.held = true,
                             .sequence = m->step,
                             .size = kad_rng_below(&m->rng, 5) ? kad_rng_below(&m->rng, 200) : 0,
                             .expires_at = kad_rng_below(&m->rng, 8)
                                               ? m->now + 1 + (kad_ms)kad_rng_below(&m->rng, 5000)
                                               : KAD_NEVER};
    struct held *h = &m->held[t][k][at];
    size_t n = 0;
    int expected = KAD_OK, result;

    for (unsigned i = 0; i < KEYS; i++) {
        for (unsigned j = 0; j < OWNERS; j++)
            n += m->held[t][i][j].held;
    }
    if (!h->held && n >= m->config.max_records / 2)
        expected = KAD_E_LIMIT;
    result = put(m->store, place, new.sequence, new.size, new.expires_at, m->now);
    if (!m->exact && (result == KAD_E_MEMORY || result == KAD_E_LIMIT))
        return;
    EXPECT_MSG(result == expected, "step %u: put said %d, not %d", m->step, result, expected);
    if (result == KAD_OK) {
        const bool ghostly = h->ghostly && t != 0;
        const kad_ms ghost_at = h->ghost_at;

        *h = new;
        h->ghostly = ghostly;
        h->ghost_at = ghost_at;
        if (t == 0)
            m->owners[k] = o;
    }
}

static void model_remove(struct model *m)
{
    const unsigned t = kad_rng_below(&m->rng, TYPES), k = kad_rng_below(&m->rng, KEYS);
    const unsigned at = t == 0 ? 0 : kad_rng_below(&m->rng, OWNERS);
    struct held *h = &m->held[t][k][at];
    struct test_store_content room;
    const struct kad_record record = make(place_of(m, t, k, at), 0, 0, 1, &room);

    if (h->held) {
        EXPECT_EQ(m->store->ops->remove(m->store, &record), KAD_OK);
        h->held = false;
    }
}

static void check_key(struct model *m, unsigned k)
{
    struct kad_record records[2 * OWNERS];
    uint32_t next = 0;
    size_t n = 0, n_expected = 0;

    do {
        n += list(m->store, k, 0, m->now, next, records + n, 1 + kad_rng_below(&m->rng, 3), &next);
    } while (next && n < 10);
    for (unsigned t = 0; t < TYPES; t++) {
        for (unsigned o = 0; o < OWNERS; o++) {
            const struct held *h = &m->held[t][k][o];
            struct test_store_content room;
            const struct kad_record expected =
                make(place_of(m, t, k, o), h->sequence, h->size, h->expires_at, &room);
            size_t n_same = 0;

            n_expected += h->held;
            for (size_t i = 0; i < n && h->held; i++)
                n_same += test_store_same(&records[i], &expected);
            EXPECT_MSG(!h->held || n_same == 1, "step %u: key %u", m->step, k);
        }
    }
    EXPECT_EQ(n, n_expected);
}

static void check_ghost(struct model *m, unsigned k)
{
    struct kad_record record;
    kad_ms last = 0;
    const int result = ghost(m->store, k, NOTE, m->now, &record);

    for (unsigned o = 0; o < OWNERS; o++) {
        const struct held *h = &m->held[1][k][o];

        if (h->ghostly && m->now - h->ghost_at < 24 * KAD_HOUR)
            last = kad_ms_max(last, h->ghost_at);
    }
    EXPECT_MSG(result == (last ? KAD_OK : KAD_E_NOT_FOUND), "step %u: ghost of %u said %d", m->step, k,
               result);
    if (result == KAD_OK)
        EXPECT_EQ(record.expires_at, last);
}

static void run(struct model *m)
{
    m->store = m->kind->open(m->allocator, &m->config);
    if (!m->store)
        return;
    m->now = START;
    for (m->step = 1; m->step <= STEPS; m->step++) {
        const unsigned what = kad_rng_below(&m->rng, 100);

        if (what < 50)
            model_put(m);
        else if (what < 60)
            model_remove(m);
        else if (what < 80)
            check_key(m, kad_rng_below(&m->rng, KEYS));
        else if (what < 90 && m->exact && !m->kind->reopen) /* a restart forgets them */
            check_ghost(m, kad_rng_below(&m->rng, KEYS));
        else if (what < 99)
            m->now += kad_rng_below(&m->rng, 700);
        else
            m->now += kad_rng_below(&m->rng, 12 * KAD_HOUR);
        expire_model(m);
        if (m->step % 7 == 0)
            test_store_expire_all(m->store, m->now);
        if (m->store->ops->commit)
            EXPECT_EQ(m->store->ops->commit(m->store), KAD_OK);
        if (m->exact && m->kind->reopen && m->step % 300 == 0) {
            m->store = m->kind->reopen(m->store, m->allocator, &m->config, m->now);
            EXPECT(m->store != NULL);
        }
        if (m->exact)
            EXPECT_EQ(test_store_stats(m->store).memory,
                      ((const struct test_store_memory *)m->allocator->context)->in_use);
    }
    for (unsigned k = 0; k < KEYS; k++)
        check_key(m, k);
    m->kind->close(m->store);
}

void test_store_random_classes_match_a_model(const struct test_store_kind *kind)
{
    for (uint64_t seed = 1; seed <= 16; seed++) {
        struct test_store_memory memory;
        struct model m = {
            .kind = kind, .allocator = &memory.allocator, .config = test_store_plenty(), .exact = seed <= 8};

        m.config.max_records = 30;
        m.config.class_percent = 50;
        m.config.max_ghosts = 64;
        test_store_memory_init(&memory);
        memory.state = seed;
        memory.fail_percent = m.exact ? 0 : 20;
        test_store_rng(&m.rng, seed);
        run(&m);
        EXPECT_EQ(memory.in_use, 0);
    }
}
