#include "core/restore.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/test.h"
#include "engine/test_members.h"

struct scene {
    struct members net;
    uint8_t value[KAD_SECURE_VALUE_MAX];
};

static struct scene *begin_wide(unsigned n, unsigned wide)
{
    struct scene *s = calloc(1, sizeof(*s));

    members_init(&s->net);
    s->net.settings.restore_ms = KAD_HOUR;
    s->net.settings.refresh_after_ms = KAD_HOUR;
    s->net.settings.table_wide = wide;
    members_grow(&s->net, n);
    return s;
}

static struct scene *begin(unsigned n)
{
    return begin_wide(n, 128);
}

static void end(struct scene *s)
{
    members_clear(&s->net);
    free(s);
}

static int put(struct scene *s, unsigned number, const char *name, unsigned owner, int64_t sequence,
               const char *value)
{
    const struct kad_record record = members_record(&s->net, name, owner, sequence, value, s->value);
    const struct kad_request request = {.kind = KAD_REQUEST_PUT, .target = record.key, .record = record};

    return members_request(&s->net, number, &request);
}

static int get(struct scene *s, unsigned number, const char *name, bool fresh)
{
    const struct kad_request request = {
        .kind = KAD_REQUEST_GET, .target = members_key(&s->net, name), .fresh = fresh};

    return members_request(&s->net, number, &request);
}

static void owner_key(unsigned number, struct scene *s, const char *name, uint8_t out_public_key[32])
{
    const struct kad_record record = members_record(&s->net, name, number, 1, "x", s->value);

    memcpy(out_public_key, record.public_key, 32);
}

static unsigned holding_nearest(struct scene *s, const struct kad_id *key, unsigned k)
{
    unsigned nearest[64], n = 0;

    members_nearest(&s->net, key, nearest, k);
    for (unsigned i = 0; i < k; i++) {
        struct kad_record held;
        struct kad_store *store = s->net.members[nearest[i]]->store;

        n += store->ops->get(store, key, s->net.now, &held) == 0;
    }
    return n;
}

/* K28: publisher and holders die one by one, and each time the k nearest that are left hold it again within the hour. */
TEST(holders_that_die_are_replaced)
{
    struct scene *s = begin(60);
    const struct kad_id key = members_key(&s->net, "listing:bicycle");

    EXPECT_EQ(put(s, 7, "listing:bicycle", 7, 1, "blue"), 0);
    members_off(&s->net, 7);
    for (int round = 0; round < 6; round++) {
        unsigned nearest[2];

        EXPECT_EQ(holding_nearest(s, &key, 8), 8);
        members_nearest(&s->net, &key, nearest, 2);
        members_off(&s->net, nearest[0]);
        members_off(&s->net, nearest[1]);
        members_run(&s->net, 80 * KAD_MINUTE);
    }
    EXPECT_EQ(holding_nearest(s, &key, 8), 8);
    end(s);
}

/* Of all holders about one stores again in an hour: it does it for all. */
TEST(one_holder_does_it_for_all)
{
    struct scene *s = begin(60);
    uint64_t before;

    EXPECT_EQ(put(s, 7, "listing:bicycle", 7, 1, "blue"), 0);
    before = s->net.n_sent_of[KAD_PUT];
    members_run(&s->net, 24 * KAD_HOUR);
    /* Eight holders of eight replicas: 64 an hour if each did it for itself. */
    EXPECT_MSG(s->net.n_sent_of[KAD_PUT] - before >= 20 * 7 && s->net.n_sent_of[KAD_PUT] - before < 24 * 20,
               "%llu puts in a day", (unsigned long long)(s->net.n_sent_of[KAD_PUT] - before));
    end(s);
}

/* Nobody stores again what its publisher still does. */
TEST(nobody_stores_again_what_its_publisher_does)
{
    struct scene *s = begin(40);
    uint64_t before;

    members_run(&s->net, KAD_MINUTE); /* everybody has met everybody */
    for (int i = 1; i < 10; i++) {
        EXPECT_EQ(put(s, 7, "room:lobby", 7, i, "hello"), 0);
        if (i == 1)
            before = s->net.n_sent_of[KAD_PUT];
        members_run(&s->net, 40 * KAD_MINUTE);
    }
    EXPECT(s->net.n_sent_of[KAD_PUT] - before <= 8 * 8);
    end(s);
}

/* A node that comes near a key is given its record within minutes, not when the hour is over. */
TEST(a_newcomer_is_given_what_it_should_hold)
{
    struct scene *s = begin(40);
    unsigned n_new = 0, nearest[8];
    char name[32];

    for (unsigned i = 0; i < 30; i++) {
        snprintf(name, sizeof name, "listing:%u", i);
        EXPECT_EQ(put(s, i, name, i, 1, "something"), 0);
    }
    members_add(&s->net);
    members_join(&s->net, 40);
    members_run(&s->net, 10 * KAD_MINUTE);
    for (unsigned i = 0; i < 30; i++) {
        struct kad_id key;
        struct kad_record held;

        snprintf(name, sizeof name, "listing:%u", i);
        key = members_key(&s->net, name);
        members_nearest(&s->net, &key, nearest, 8);
        for (unsigned j = 0; j < 8; j++) {
            if (nearest[j] != 40)
                continue;
            n_new++;
            EXPECT_EQ(s->net.members[40]->store->ops->get(s->net.members[40]->store, &key, s->net.now, &held),
                      0);
        }
    }
    EXPECT(n_new >= 3);
    end(s);
}

/* P019: a get that meets an older value gives its holder the newer one. */
TEST(a_get_repairs_those_behind)
{
    struct scene *s = begin(50);
    const struct kad_id key = members_key(&s->net, "mutable:diary");
    struct kad_record record, held;
    unsigned nearest[8];

    EXPECT_EQ(put(s, 3, "mutable:diary", 3, 1, "old"), 0);
    members_nearest(&s->net, &key, nearest, 8);
    record = members_record(&s->net, "mutable:diary", 3, 2, "new", s->value);
    record.expires_at = record.valid_until;
    for (unsigned i = 0; i < 3; i++)
        EXPECT_EQ(s->net.members[nearest[i]]->store->ops->put(s->net.members[nearest[i]]->store, &record,
                                                              NULL, s->net.now),
                  0);
    EXPECT_EQ(get(s, 40, "mutable:diary", false), 0);
    members_run(&s->net, KAD_SECOND);
    for (unsigned i = 0; i < 8; i++) {
        EXPECT_EQ(s->net.members[nearest[i]]->store->ops->get(s->net.members[nearest[i]]->store, &key,
                                                              s->net.now, &held),
                  0);
        EXPECT_EQ(held.sequence, 2);
    }
    end(s);
}

/* P057, P060: the second get asks nobody, for a while, unless it is told to; what we put ourselves is never hidden by it. */
TEST(a_second_get_asks_nobody)
{
    struct scene *s = begin(40);
    struct member *reader = s->net.members[30];

    s->net.settings.result_ms = 10 * KAD_MINUTE;
    EXPECT_EQ(put(s, 3, "mutable:diary", 3, 1, "one"), 0);
    EXPECT_EQ(get(s, 30, "mutable:diary", false), 0);
    EXPECT(!reader->done.done.cached && reader->done.done.n_queries > 0);
    EXPECT_EQ(put(s, 3, "mutable:diary", 3, 2, "two"), 0);
    EXPECT_EQ(get(s, 30, "mutable:diary", false), 0);
    EXPECT(reader->done.done.cached && reader->done.done.n_queries == 0);
    EXPECT_EQ(get(s, 30, "mutable:diary", true), 0);
    EXPECT(!reader->done.done.cached && reader->record.sequence == 2);
    EXPECT_EQ(put(s, 30, "mutable:diary", 3, 3, "three"), 0);
    EXPECT_EQ(get(s, 30, "mutable:diary", false), 0);
    EXPECT_EQ(reader->record.sequence, 3);
    members_run(&s->net, 11 * KAD_MINUTE);
    EXPECT_EQ(get(s, 30, "mutable:diary", false), 0);
    EXPECT(!reader->done.done.cached);
    end(s);
}

/* K32: what is read often comes to lie further out than it was put, for a while. */
TEST(what_is_read_often_lies_further_out)
{
    struct scene *s = begin_wide(120, 0); /* so that a lookup takes some steps */
    const struct kad_id key = members_key(&s->net, "mutable:diary");
    unsigned before, after;

    s->net.settings.cache_ms = 10 * KAD_MINUTE;
    s->net.settings.restore_ms = 0;
    EXPECT_EQ(put(s, 3, "mutable:diary", 3, 1, "one"), 0);
    before = members_holding(&s->net, &key, NULL);
    for (unsigned reader = 20; reader < 60; reader++)
        EXPECT_EQ(get(s, reader, "mutable:diary", false), 0);
    members_run(&s->net, KAD_SECOND);
    after = members_holding(&s->net, &key, NULL);
    EXPECT_MSG(after > before + 3 && after < 60, "%u hold it, %u did", after, before);
    end(s);
}

static bool halves(const struct members *net, unsigned from, unsigned to)
{
    (void)net;
    return from % 2 == to % 2;
}

/* Two owners took a domain on two sides of a split; when it heals all holders agree on one of them, and none is without. */
TEST(after_a_split_holders_agree_on_one_owner)
{
    struct scene *s = begin(60);
    uint8_t owners[2][32];
    const struct kad_id key = members_key(&s->net, "domain:example");
    unsigned nearest[8], n[2] = {0, 0}, minutes = 0;

    owner_key(2, s, "domain:example", owners[0]);
    owner_key(3, s, "domain:example", owners[1]);
    s->net.reaches = halves;
    members_run(&s->net, 20 * KAD_MINUTE);
    EXPECT_EQ(put(s, 2, "domain:example", 2, 1, "of the even"), 0);
    EXPECT_EQ(put(s, 3, "domain:example", 3, 1, "of the odd"), 0);
    members_run(&s->net, KAD_HOUR);
    s->net.reaches = NULL;
    members_nearest(&s->net, &key, nearest, 8);
    do {
        n[0] = n[1] = 0;
        for (unsigned i = 0; i < 8; i++) {
            struct kad_record held;
            struct kad_store *store = s->net.members[nearest[i]]->store;

            if (store->ops->get(store, &key, s->net.now, &held) == 0)
                n[memcmp(held.public_key, owners[1], 32) == 0]++;
        }
        members_run(&s->net, KAD_MINUTE);
    } while (++minutes < 120 && (n[0] + n[1] < 8 || (n[0] && n[1])));
    EXPECT_MSG(n[0] + n[1] == 8 && (!n[0] || !n[1]), "%u and %u of 8 after %u minutes", n[0], n[1], minutes);
    EXPECT_MSG(minutes < 10, "it took %u minutes", minutes);
    for (unsigned reader = 0; reader < 60; reader += 7) {
        EXPECT_EQ(get(s, reader, "domain:example", true), 0);
        EXPECT_MEM(s->net.members[reader]->record.public_key, owners[n[1] > 0], 32);
    }
    end(s);
}

/* What a node holds lies around itself: one lookup serves it all, and each record costs its stores and little else. */
TEST(one_lookup_serves_a_region)
{
    struct scene *s = begin(100);
    uint64_t gets, puts, n_records = 0;
    char name[32];

    for (unsigned i = 0; i < 100; i++) {
        snprintf(name, sizeof name, "listing:%u", i);
        EXPECT_EQ(put(s, i, name, i, 1, "something"), 0);
        n_records++;
    }
    gets = s->net.n_sent_of[KAD_GET];
    puts = s->net.n_sent_of[KAD_PUT];
    members_run(&s->net, 4 * KAD_HOUR);
    gets = s->net.n_sent_of[KAD_GET] - gets;
    puts = s->net.n_sent_of[KAD_PUT] - puts;
    EXPECT_MSG(gets < 2 * puts && puts < 4 * n_records * 24, "%llu gets, %llu puts", (unsigned long long)gets,
               (unsigned long long)puts);
    end(s);
}

static int want(struct scene *s, unsigned number, const char *name, const char *value, bool later,
                struct kad_request *out_request)
{
    struct kad_secure_name parsed;
    const struct kad_record record = members_record(&s->net, name, number, 1, value, s->value);
    uint8_t seed[32];

    *out_request = (struct kad_request){.kind = KAD_REQUEST_PUT,
                                        .target = record.key,
                                        .record = record,
                                        .keep = true,
                                        .renews = true,
                                        .later = later};
    members_seed(number, seed);
    EXPECT_EQ(kad_secure_parse(name, NULL, 0, &parsed), 0);
    return kad_secure_signer(&parsed, seed, out_request->signer);
}

static int keep_so(struct scene *s, unsigned number, const char *name, const char *value, bool later)
{
    struct kad_request request;

    EXPECT_EQ(want(s, number, name, value, later, &request), 0);
    return members_request(&s->net, number, &request);
}

static int keep(struct scene *s, unsigned number, const char *name, const char *value)
{
    return keep_so(s, number, name, value, false);
}

static int keep_later(struct scene *s, unsigned number, const char *name, const char *value)
{
    return keep_so(s, number, name, value, true);
}

/* K30: a publisher that stays puts its record again, under a new date, before half of its life is over: at no moment is it
 * missing. One that leaves takes it along: it is there for its life, and no longer. */
TEST(a_publisher_renews_its_record)
{
    struct scene *s = begin(40);
    const struct kad_id key = members_key(&s->net, "room:lobby");
    struct kad_record held;

    EXPECT_EQ(keep(s, 5, "room:lobby", "hello"), 0);
    for (int hour = 0; hour < 80; hour++) {
        unsigned nearest[8];

        members_run(&s->net, KAD_HOUR);
        members_nearest(&s->net, &key, nearest, 8);
        for (unsigned i = 0; i < 8; i++) {
            EXPECT_EQ(s->net.members[nearest[i]]->store->ops->get(s->net.members[nearest[i]]->store, &key,
                                                                  s->net.now, &held),
                      0);
            EXPECT(held.valid_until - s->net.now > 11 * KAD_HOUR);
        }
    }
    members_off(&s->net, 5);
    members_run(&s->net, 11 * KAD_HOUR);
    EXPECT_EQ(get(s, 9, "room:lobby", true), 0);
    members_run(&s->net, 14 * KAD_HOUR);
    EXPECT_EQ(get(s, 9, "room:lobby", true), KAD_E_NOT_FOUND);
    end(s);
}

/* I140: with a date it is published until then and no longer, by itself. Its last lives end there, so the network has forgotten it
 * whether or not this node is still up; and however short what is left of them gets, it is not put more often. */
TEST(a_publication_with_a_date_ends_by_itself)
{
    struct scene *s = begin(24);
    const kad_ms day = 24 * KAD_HOUR, until = s->net.now + 7 * day;
    const struct member *publisher = s->net.members[5];
    struct kad_request request;
    uint64_t n_published;

    EXPECT_EQ(want(s, 5, "room:shard", "hello", false, &request), 0);
    request.keep_until = until;
    EXPECT_EQ(members_request(&s->net, 5, &request), 0);
    members_run(&s->net, 69 * day / 10);
    EXPECT_EQ(get(s, 9, "room:shard", true), 0); /* on day 6.9 */
    EXPECT_EQ(publisher->dht.publications.n, 1);
    members_run(&s->net, until - s->net.now + KAD_MINUTE);
    EXPECT_EQ(get(s, 9, "room:shard", true), KAD_E_NOT_FOUND);
    EXPECT_EQ(publisher->dht.publications.n, 0);
    n_published = publisher->counters.published;
    EXPECT_MSG(n_published >= 7 * 24 && n_published < 2 * 7 * 24, "%llu times in 7 days",
               (unsigned long long)n_published);
    members_run(&s->net, day); /* day 8 */
    EXPECT_EQ(get(s, 9, "room:shard", true), KAD_E_NOT_FOUND);
    EXPECT_EQ(publisher->counters.published, n_published);
    end(s);
}

/* A date before a record's own end, or without a publication that could end, is a mistake of who asks. */
TEST(a_date_that_nothing_can_keep_is_refused)
{
    struct scene *s = begin(10);
    struct kad_request request;

    EXPECT_EQ(want(s, 5, "room:shard", "hello", false, &request), 0);
    request.keep_until = request.record.valid_until - 1;
    EXPECT_EQ(members_request(&s->net, 5, &request), KAD_E_INVALID);
    request.keep_until = request.record.valid_until;
    request.keep = false;
    EXPECT_EQ(members_request(&s->net, 5, &request), KAD_E_INVALID);
    request.keep = true;
    EXPECT_EQ(members_request(&s->net, 5, &request), 0);
    end(s);
}

/* Keeps what many `room:` names hold, all at once; what is said of them later goes by regions and bundles. */
static void keep_many(struct scene *s, unsigned number, unsigned n)
{
    char name[32];

    for (unsigned i = 0; i < n; i++) {
        snprintf(name, sizeof name, "room:%u", i);
        EXPECT_EQ(keep_later(s, number, name, "hello"), 0);
    }
}

/* Of the places where the keys should be held, as many have what was made after this. */
static double held_since(struct scene *s, unsigned n, kad_ms made_at)
{
    unsigned held = 0;
    char name[32];

    for (unsigned i = 0; i < n; i++) {
        unsigned nearest[20];
        struct kad_id key;

        snprintf(name, sizeof name, "room:%u", i);
        key = members_key(&s->net, name);
        members_nearest(&s->net, &key, nearest, 20);
        for (unsigned j = 0; j < 20; j++) {
            struct kad_store *store = s->net.members[nearest[j]]->store;
            struct kad_record record;

            held += store->ops->get(store, &key, s->net.now, &record) == 0 && record.made_at >= made_at;
        }
    }
    return held / (20.0 * n);
}

/* Publications go by regions, and several in a datagram: the more keys, the fewer packets each of them costs. */
TEST(packets_per_key_fall_as_keys_grow)
{
    static const unsigned n_keys[] = {10, 100};
    double per_key[2];

    for (int round = 0; round < 2; round++) {
        struct scene *s = calloc(1, sizeof(*s));
        uint64_t before;
        kad_ms middle;

        members_init(&s->net);
        s->net.settings.k = s->net.settings.replicas = 20;
        s->net.settings.ping_after_ms = s->net.settings.refresh_after_ms = 24 * KAD_HOUR;
        members_grow(&s->net, 120);
        before = s->net.n_sent_of[KAD_PUT] + s->net.n_sent_of[KAD_GET];
        s->net.settings.restore_ms = 0;
        s->net.settings.put_again_ms = 30 * KAD_MINUTE;
        s->net.settings.max_queries = 4000;
        keep_many(s, 5, n_keys[round]);
        if (round == 0) /* nobody is asked at once */
            EXPECT_EQ(s->net.n_sent_of[KAD_PUT] + s->net.n_sent_of[KAD_GET], before);
        members_run(&s->net, 10 * KAD_MINUTE);
        EXPECT_MSG(held_since(s, n_keys[round], 0) > 0.95, "%.3f", held_since(s, n_keys[round], 0));
        before = s->net.n_sent_of[KAD_PUT] + s->net.n_sent_of[KAD_GET];
        middle = s->net.now;
        members_run(&s->net, 30 * KAD_MINUTE);
        per_key[round] =
            (double)(s->net.n_sent_of[KAD_PUT] + s->net.n_sent_of[KAD_GET] - before) / n_keys[round];
        EXPECT_MSG(held_since(s, n_keys[round], middle) > 0.95, "%.3f are put again",
                   held_since(s, n_keys[round], middle));
        end(s);
    }
    EXPECT_MSG(per_key[1] < per_key[0] / 1.5, "%.1f, %.1f", per_key[0], per_key[1]);
    EXPECT_MSG(per_key[1] < 20, "%.1f: fewer than a datagram to each holder", per_key[1]);
}
