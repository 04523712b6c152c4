#include "core/gather.h"

#include <stdlib.h>
#include <string.h>

#include "base/test.h"
#include "engine/test_members.h"

struct scene {
    struct members net;
    uint8_t value[KAD_SECURE_VALUE_MAX];
};

static struct scene *begin(unsigned n)
{
    struct scene *s = calloc(1, sizeof(*s));

    members_init(&s->net);
    members_grow(&s->net, n);
    return s;
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

static int get(struct scene *s, unsigned number, const char *name)
{
    const struct kad_request request = {.kind = KAD_REQUEST_GET, .target = members_key(&s->net, name)};

    return members_request(&s->net, number, &request);
}

static int take(struct scene *s, unsigned number, const char *name)
{
    const struct kad_request request = {.kind = KAD_REQUEST_TAKE, .target = members_key(&s->net, name)};

    return members_request(&s->net, number, &request);
}

/* K25: the k nearest hold it, and each has signed for it. Whoever put it is one of them, or not. */
TEST(a_put_brings_a_receipt_of_each_holder)
{
    struct scene *s = begin(60);
    struct member *putter = s->net.members[5];
    const struct kad_id key = members_key(&s->net, "room:lobby");
    unsigned nearest[8], n_remote = 0;

    EXPECT_EQ(put(s, 5, "room:lobby", 5, 1, "hello"), 0);
    members_nearest(&s->net, &key, nearest, 8);
    EXPECT_EQ(members_holding(&s->net, &key, NULL), putter->done.done.n_stored);
    for (unsigned i = 0; i < 8; i++) {
        struct kad_record held;

        EXPECT_EQ(s->net.members[nearest[i]]->store->ops->get(s->net.members[nearest[i]]->store, &key,
                                                              s->net.now, &held),
                  0);
        if (nearest[i] == 5)
            continue;
        n_remote++;
        for (size_t j = 0; j <= putter->done.done.n_receipts; j++) {
            EXPECT(j < putter->done.done.n_receipts);
            if (kad_id_equal(&putter->receipts[j].contact.id, &s->net.members[nearest[i]]->dht.self)) {
                EXPECT_EQ(putter->receipts[j].attest.kind, KAD_ATTEST_STORED);
                EXPECT_MEM(putter->receipts[j].attest.public_key, s->net.members[nearest[i]]->who.public_key,
                           32);
                break;
            }
        }
    }
    EXPECT(n_remote >= 7);
    EXPECT_EQ(putter->done.done.n_receipts,
              putter->done.done.n_stored - (unsigned)putter->done.done.stored_here);
    end(s);
}

/* What --explain needs: never stored, expired, withdrawn, unreachable, each from what nodes and owners signed. */
TEST(a_get_that_finds_nothing_says_why)
{
    struct scene *s = begin(40);
    struct member *reader = s->net.members[9];

    EXPECT_EQ(get(s, 9, "room:never"), KAD_E_NOT_FOUND);
    EXPECT(reader->done.done.n_nothing >= 8);
    EXPECT_EQ(reader->done.done.n_held, 0);
    EXPECT(reader->done.done.record == NULL);
    EXPECT(reader->done.done.n_receipts >= 8);

    EXPECT_EQ(put(s, 3, "peer:#3", 3, 1, "here"), 0);
    EXPECT_EQ(get(s, 9, "peer:#3"), 0);
    EXPECT_EQ(reader->record.sequence, 1);
    EXPECT(!reader->record.hashed);
    members_run(&s->net, KAD_HOUR + 1);
    EXPECT_EQ(get(s, 9, "peer:#3"), KAD_E_NOT_FOUND);
    EXPECT(reader->done.done.n_held >= 7);
    EXPECT(reader->done.done.record && reader->record.hashed && reader->record.valid_until < s->net.now);
    EXPECT_MEM(reader->record.public_key, s->net.members[3]->who.public_key, 32);

    EXPECT_EQ(put(s, 3, "room:mine", 3, 1, "here"), 0);
    EXPECT_EQ(put(s, 3, "room:mine", 3, 2, NULL), 0);
    EXPECT_EQ(get(s, 9, "room:mine"), KAD_E_NOT_FOUND);
    EXPECT(reader->done.done.record && reader->record.withdrawn && reader->record.sequence == 2);

    for (unsigned i = 0; i < 40; i++) {
        if (i != 9)
            members_off(&s->net, i);
    }
    EXPECT_EQ(get(s, 9, "room:never"), KAD_E_TIMEOUT);
    EXPECT_EQ(reader->done.done.n_answers, 0);
    EXPECT_EQ(reader->done.done.n_receipts, 0);
    end(s);
}

/* K22: whoever comes second to a domain is told so, and changes nothing. */
TEST(a_second_owner_is_refused)
{
    struct scene *s = begin(40);

    EXPECT_EQ(put(s, 3, "domain:example", 3, 1, "first"), 0);
    EXPECT_EQ(put(s, 4, "domain:example", 4, 77, "second"), KAD_E_REFUSED);
    EXPECT_EQ(s->net.members[4]->done.done.refusal, KAD_REFUSAL_OWNER);
    EXPECT_EQ(get(s, 20, "domain:example"), 0);
    EXPECT_EQ(s->net.members[20]->record.sequence, 1);
    EXPECT_EQ(put(s, 5, "domain:example", 3, 2, "first, renewed"), 0); /* the owner, from wherever it is */
    end(s);
}

/* The putter of an older value, or against a spent number, learns what stands there. */
TEST(a_conflict_names_the_number_held)
{
    struct scene *s = begin(40);
    struct kad_record record;
    struct kad_request request = {.kind = KAD_REQUEST_PUT, .has_cas = true, .cas = 4};

    EXPECT_EQ(put(s, 3, "mutable:diary", 3, 5, "five"), 0);
    EXPECT_EQ(s->net.members[3]->done.done.held_sequence, -1);
    EXPECT_EQ(put(s, 7, "mutable:diary", 3, 4, "four"), KAD_E_REFUSED);
    EXPECT_EQ(s->net.members[7]->done.done.refusal, KAD_REFUSAL_SEQUENCE);
    EXPECT_EQ(s->net.members[7]->done.done.held_sequence, 5);
    record = members_record(&s->net, "mutable:diary", 3, 6, "six", s->value);
    request.record = record;
    request.target = record.key;
    EXPECT_EQ(members_request(&s->net, 8, &request), KAD_E_REFUSED);
    EXPECT_EQ(s->net.members[8]->done.done.refusal, KAD_REFUSAL_CAS);
    EXPECT_EQ(s->net.members[8]->done.done.held_sequence, 5);
    request.cas = 5;
    EXPECT_EQ(members_request(&s->net, 8, &request), 0);
    EXPECT_EQ(get(s, 9, "mutable:diary"), 0);
    EXPECT_EQ(s->net.members[9]->record.sequence, 6);
    end(s);
}

/* Providers: all of them, over all pages, each once; who withdrew is not among them. */
TEST(a_get_brings_every_value_of_a_key)
{
    struct scene *s = begin(50);
    struct member *reader = s->net.members[30];

    for (unsigned owner = 0; owner < 45; owner++)
        EXPECT_EQ(put(s, owner, "provider:00ff", owner, 1, "at this address and at that"), 0);
    EXPECT_EQ(put(s, 11, "provider:00ff", 11, 2, NULL), 0);
    EXPECT_EQ(get(s, 30, "provider:00ff"), 0);
    EXPECT_EQ(reader->done.done.n_records, 44);
    for (size_t i = 0; i < 44; i++) {
        EXPECT(memcmp(reader->records[i].public_key, s->net.members[11]->who.public_key, 32) != 0);
        EXPECT(reader->records[i].value.size > 20 && !reader->records[i].withdrawn);
        for (size_t j = 0; j < i; j++)
            EXPECT(memcmp(reader->records[i].public_key, reader->records[j].public_key, 32) != 0);
    }
    end(s);
}

/* K24: the sender is gone; the recipient gets all that was left for it, once; nobody else gets anything. */
TEST(a_mailbox_is_emptied_by_its_owner_alone)
{
    struct scene *s = begin(50);
    struct member *owner = s->net.members[30];
    const struct kad_id key = members_key(&s->net, "msg:#30");

    for (unsigned sender = 0; sender < 21; sender++)
        EXPECT_EQ(put(s, sender, "msg:#30", sender, 1, "a message for you"), 0);
    for (unsigned sender = 0; sender < 5; sender++)
        members_off(&s->net, sender);
    EXPECT_EQ(get(s, 40, "msg:#30"), KAD_E_NOT_FOUND);
    EXPECT(take(s, 40, "msg:#30") != 0);
    EXPECT_EQ(s->net.members[40]->done.done.n_records, 0);
    EXPECT_EQ(take(s, 30, "msg:#30"), 0);
    EXPECT_EQ(owner->done.done.n_records, 21);
    EXPECT_EQ(members_holding(&s->net, &key, NULL), 0);
    EXPECT_EQ(take(s, 30, "msg:#30"), KAD_E_NOT_FOUND);
    EXPECT_EQ(owner->done.done.n_records, 0);
    end(s);
}

/* P050: how many hold it is said for each put. */
TEST(a_put_names_how_many_shall_hold_it)
{
    struct scene *s = begin(50);
    const struct kad_record record = members_record(&s->net, "listing:bicycle", 3, 1, "blue", s->value);
    const struct kad_request request = {
        .kind = KAD_REQUEST_PUT, .target = record.key, .record = record, .replicas = 3};
    unsigned n;

    EXPECT_EQ(members_request(&s->net, 3, &request), 0);
    n = members_holding(&s->net, &record.key, NULL);
    EXPECT(n == 3 || (n == 4 && s->net.members[3]->done.done.stored_here));
    end(s);
}

/* P019: who still has the older value is given the newer one by whoever sees both. */
static bool never(void *context, const struct kad_record *record)
{
    (void)context;
    (void)record;
    return false;
}

/* Two programs have a class of one name with different rules: what passes here and not there makes nobody a forger. */
TEST(another_programs_rules_are_no_offence)
{
    static const struct kad_class lax = {.name = "mine",
                                         .type = KAD_CLASS_USER,
                                         .value_max = KAD_SECURE_VALUE_MAX,
                                         .owners_max = 1,
                                         .ttl_ms = KAD_HOUR};
    struct kad_class strict = lax;
    struct scene *s = calloc(1, sizeof(*s));
    struct member *reader;

    strict.valid = never;
    members_init(&s->net);
    s->net.classes = &lax;
    s->net.n_classes = 1;
    members_grow(&s->net, 40);
    EXPECT_EQ(put(s, 3, "mine:own", 3, 1, "hello"), 0);
    EXPECT_EQ(get(s, 7, "mine:own"), 0);
    EXPECT_EQ(s->net.members[7]->record.sequence, 1);
    reader = s->net.members[8];
    reader->who.classes = &strict;
    EXPECT(get(s, 8, "mine:own") != 0 || reader->done.done.n_copies == 0);
    EXPECT_EQ(reader->n_strikes, 0);
    end(s);
}

static struct kad_store_ops babbling;
static size_t (*honest_list)(struct kad_store *store, const struct kad_id *key, uint8_t type, kad_ms now,
                             uint32_t from, struct kad_record *out_records, size_t room, uint32_t *out_next);

/* The same again and again, and no end of it. */
static size_t babble(struct kad_store *store, const struct kad_id *key, uint8_t type, kad_ms now,
                     uint32_t from, struct kad_record *out_records, size_t room, uint32_t *out_next)
{
    const size_t n = honest_list(store, key, type, now, 0, out_records, room, out_next);

    *out_next = from + 1;
    return n;
}

/* Where a key has one value a holder has one voice, whatever it says how often, and no further pages to ask for. */
TEST(who_repeats_himself_is_heard_once)
{
    struct scene *s = begin(40);
    const struct kad_id key = members_key(&s->net, "room:lobby");
    struct member *reader;
    unsigned nearest[24];

    EXPECT_EQ(put(s, 3, "room:lobby", 3, 1, "hello"), 0);
    members_nearest(&s->net, &key, nearest, 24);
    reader = s->net.members[nearest[23]];
    babbling = *s->net.members[0]->store->ops;
    honest_list = babbling.list;
    babbling.list = babble;
    for (unsigned i = 0; i < 5; i++)
        s->net.members[nearest[i]]->store->ops = &babbling;
    s->net.n_sent_of[KAD_GET] = 0;
    EXPECT_EQ(get(s, nearest[23], "room:lobby"), 0);
    EXPECT_EQ(reader->record.sequence, 1);
    EXPECT(reader->done.done.n_copies <= 24);
    EXPECT(reader->n_strikes >= 5);
    EXPECT_MSG(s->net.n_sent_of[KAD_GET] <= 40, "%u queries", (unsigned)s->net.n_sent_of[KAD_GET]);
    end(s);
}

TEST(the_newest_value_wins_whoever_has_it)
{
    struct scene *s = begin(50);
    const struct kad_id key = members_key(&s->net, "mutable:diary");
    struct kad_record record;
    unsigned nearest[8];

    EXPECT_EQ(put(s, 3, "mutable:diary", 3, 1, "old"), 0);
    members_nearest(&s->net, &key, nearest, 8);
    record = members_record(&s->net, "mutable:diary", 3, 2, "new", s->value);
    record.expires_at = record.valid_until;
    EXPECT_EQ(s->net.members[nearest[6]]->store->ops->put(s->net.members[nearest[6]]->store, &record, NULL,
                                                          s->net.now),
              0);
    EXPECT_EQ(get(s, nearest[6] == 40 ? 41 : 40, "mutable:diary"), 0);
    EXPECT_EQ(s->net.members[nearest[6] == 40 ? 41 : 40]->record.sequence, 2);
    end(s);
}
