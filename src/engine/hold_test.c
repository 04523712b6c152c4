#include "core/hold.h"

#include <stdlib.h>
#include <string.h>

#include "base/test.h"
#include "engine/test_members.h"
#include "wire/kad/record.h"

/* One holder, and others who ask it, message by message. */
struct scene {
    struct members net;
    struct member *holder, *asker;
    struct kad_received received;
    uint8_t value[KAD_SECURE_VALUE_MAX];
};

static struct scene *begin(void)
{
    struct scene *s = calloc(1, sizeof(*s));

    members_init(&s->net);
    s->holder = members_add(&s->net);
    s->asker = members_add(&s->net);
    return s;
}

static void end(struct scene *s)
{
    members_clear(&s->net);
    free(s);
}

static struct kad_message *get(struct scene *s, const struct kad_id *key, uint8_t type, uint32_t from)
{
    struct kad_message query;

    kad_message_init(&query);
    query.method = KAD_GET;
    query.target = *key;
    query.record_type = type;
    query.from = from;
    query.wants_attest = true;
    return members_ask(&s->net, 0, s->asker, &query, &s->received);
}

static struct kad_message *put_cas(struct scene *s, const struct kad_record *record, const int64_t *cas)
{
    uint8_t token[64];
    struct kad_message query, *reply = get(s, &record->key, record->type, 0);

    kad_message_init(&query);
    EXPECT(reply->token.size > 0 && reply->token.size <= sizeof token);
    memcpy(token, reply->token.data, reply->token.size);
    query.method = KAD_PUT;
    query.target = record->key;
    query.token = (struct kad_bytes){token, reply->token.size};
    query.record = *record;
    query.has_cas = cas;
    query.wants_attest = true;
    query.cas = cas ? *cas : 0;
    return members_ask(&s->net, 0, s->asker, &query, &s->received);
}

static struct kad_message *put(struct scene *s, const struct kad_record *record)
{
    return put_cas(s, record, NULL);
}

static enum kad_refusal refusal_of(const struct kad_message *reply)
{
    return reply->kind == KAD_ERROR ? reply->refusal : KAD_REFUSAL_NONE;
}

/* What a reply brings lacks what its reader knows. */
static bool attested(const struct scene *s, const struct kad_message *reply, const struct kad_id *key)
{
    struct kad_attest attest = reply->attest;

    attest.key = *key;
    memcpy(attest.public_key, s->holder->who.public_key, 32);
    return reply->has_attest && kad_wire_check_attest(&attest);
}

/* K20-K24: each class lives as long as it says and not a minute longer, with a receipt that says so. */
TEST(each_class_has_its_life)
{
    static const struct {
        const char *name;
        kad_ms life;
    } classes[] = {{"peer:#1", KAD_HOUR},
                   {"room:lobby", 24 * KAD_HOUR},
                   {"listing:bicycle", 7 * 24 * KAD_HOUR},
                   {"mutable:diary", 24 * KAD_HOUR},
                   {"provider:00ff", 12 * KAD_HOUR}};

    for (size_t i = 0; i < KAD_COUNT_OF(classes); i++) {
        struct scene *s = begin();
        const struct kad_record record = members_record(&s->net, classes[i].name, 1, 1, "here", s->value);
        struct kad_message *reply = put(s, &record);

        EXPECT_EQ(refusal_of(reply), KAD_REFUSAL_NONE);
        EXPECT(attested(s, reply, &record.key));
        EXPECT_EQ(reply->attest.kind, KAD_ATTEST_STORED);
        EXPECT_EQ(reply->attest.at, s->net.now + classes[i].life);
        members_run(&s->net, classes[i].life - KAD_MINUTE);
        reply = get(s, &record.key, 0, 0);
        EXPECT_MSG(reply->record.type == record.type, "%s", classes[i].name);
        EXPECT_EQ(reply->record.sequence, 1);
        EXPECT_MEM(reply->record.signature, record.signature, 64);
        EXPECT(!reply->has_attest);
        members_run(&s->net, 2 * KAD_MINUTE);
        reply = get(s, &record.key, 0, 0);
        EXPECT_EQ(reply->record.type, KAD_RECORD_NONE);
        EXPECT_MSG(attested(s, reply, &record.key), "%s", classes[i].name);
        EXPECT_EQ(reply->attest.kind, KAD_ATTEST_HELD);
        EXPECT_EQ(reply->attest.at, record.valid_until);
        EXPECT(reply->has_ghost && kad_wire_check_record(&reply->ghost) == KAD_REFUSAL_NONE);
        EXPECT_MEM(reply->ghost.signature, record.signature, 64);
        end(s);
    }
}

/* K22: a domain is for good. */
TEST(a_domain_stays)
{
    struct scene *s = begin();
    const struct kad_record record = members_record(&s->net, "domain:example", 1, 1, "here", s->value);

    EXPECT_EQ(refusal_of(put(s, &record)), KAD_REFUSAL_NONE);
    members_run(&s->net, 370 * 24 * KAD_HOUR);
    EXPECT_EQ(get(s, &record.key, 0, 0)->record.type, KAD_CLASS_DOMAIN);
    end(s);
}

/* K52, K53: whatever a holder could alter is signed; what was altered is refused and counts against who brought it. */
TEST(what_was_altered_is_refused_and_its_sender_marked)
{
    struct scene *s = begin();
    const struct kad_record good = members_record(&s->net, "room:lobby", 1, 1, "a value", s->value);
    uint8_t value[KAD_SECURE_VALUE_MAX];

    for (int what = 0; what < 8; what++) {
        struct kad_record bad = good;

        memcpy(value, good.value.data, good.value.size);
        bad.value.data = value;
        switch (what) {
        case 0:
            value[3] ^= 1;
            break;
        case 1:
            bad.sequence++;
            break;
        case 2:
            bad.made_at++;
            break;
        case 3:
            bad.valid_until--;
            break;
        case 4:
            bad.key.bytes[31] ^= 1;
            break;
        case 5:
            bad.type = KAD_CLASS_LISTING;
            break;
        case 6:
            bad.public_key[0] ^= 1;
            break;
        default:
            memset(bad.signature, 0, sizeof bad.signature);
            break;
        }
        EXPECT_MSG(refusal_of(put(s, &bad)) == KAD_REFUSAL_SIGNATURE, "%d", what);
        EXPECT(s->received.strike);
        EXPECT_EQ(get(s, &bad.key, 0, 0)->record.type, KAD_RECORD_NONE);
    }
    EXPECT_EQ(refusal_of(put(s, &good)), KAD_REFUSAL_NONE);
    EXPECT(!s->received.strike);
    end(s);
}

/* K29: nobody can sign a longer life than the class has, a birth in the future, or for a class that is none. */
TEST(a_life_is_what_its_class_allows)
{
    struct scene *s = begin();
    struct kad_record record = members_record(&s->net, "room:lobby", 1, 1, "a value", s->value);
    uint8_t seed[32] = {9};

    record.valid_until += 1;
    kad_wire_sign_record(&record, seed);
    EXPECT_EQ(refusal_of(put(s, &record)), KAD_REFUSAL_LIFE);
    EXPECT(s->received.strike);
    record.made_at = s->net.now + 11 * KAD_MINUTE;
    record.valid_until = record.made_at + KAD_HOUR;
    kad_wire_sign_record(&record, seed);
    EXPECT_EQ(refusal_of(put(s, &record)), KAD_REFUSAL_LIFE);
    EXPECT(!s->received.strike); /* a clock may be wrong */
    record.made_at = s->net.now - 2 * KAD_HOUR;
    record.valid_until = s->net.now;
    kad_wire_sign_record(&record, seed);
    EXPECT_EQ(refusal_of(put(s, &record)), KAD_REFUSAL_LIFE);
    record.made_at = s->net.now + 9 * KAD_MINUTE;
    record.valid_until = record.made_at + 24 * KAD_HOUR;
    kad_wire_sign_record(&record, seed);
    EXPECT_EQ(refusal_of(put(s, &record)), KAD_REFUSAL_NONE);
    EXPECT(get(s, &record.key, 0, 0)->record.expires_at <= s->net.now + 24 * KAD_HOUR);
    record.type = 200;
    kad_wire_sign_record(&record, seed);
    EXPECT_EQ(refusal_of(put(s, &record)), KAD_REFUSAL_CLASS);
    end(s);
}

/* The higher sequence stands, compare-and-swap holds, and who loses is told what stands there. */
TEST(an_owner_replaces_only_with_what_is_newer)
{
    struct scene *s = begin();
    uint8_t values[6][KAD_SECURE_VALUE_MAX];
    const struct kad_record first = members_record(&s->net, "mutable:diary", 1, 5, "five", values[0]);
    const struct kad_record second = members_record(&s->net, "mutable:diary", 1, 7, "seven", values[1]);
    const struct kad_record third = members_record(&s->net, "mutable:diary", 1, 8, "eight", values[2]);
    const struct kad_record twin = members_record(&s->net, "mutable:diary", 1, 8, "ocho", values[3]);
    struct kad_record refreshed;
    struct kad_message *reply;
    uint8_t digests[2][32];

    EXPECT_EQ(refusal_of(put(s, &second)), KAD_REFUSAL_NONE);
    reply = put(s, &first);
    EXPECT_EQ(refusal_of(reply), KAD_REFUSAL_SEQUENCE);
    EXPECT(reply->has_sequence && reply->sequence == 7);
    reply = put_cas(s, &third, &(int64_t){5});
    EXPECT_EQ(refusal_of(reply), KAD_REFUSAL_CAS);
    EXPECT(reply->has_sequence && reply->sequence == 7);
    EXPECT_EQ(refusal_of(put_cas(s, &third, &(int64_t){7})), KAD_REFUSAL_NONE);
    EXPECT_EQ(refusal_of(put(s, &third)), KAD_REFUSAL_NONE); /* again: a re-storing holder */

    /* Signed twice with one number: all holders end with the same of the two. */
    kad_wire_digest(&third, digests[0]);
    kad_wire_digest(&twin, digests[1]);
    EXPECT_EQ(refusal_of(put(s, &twin)),
              memcmp(digests[1], digests[0], 32) < 0 ? KAD_REFUSAL_NONE : KAD_REFUSAL_SEQUENCE);
    reply = get(s, &third.key, 0, 0);
    EXPECT_MEM(reply->record.signature,
               memcmp(digests[1], digests[0], 32) < 0 ? twin.signature : third.signature, 64);

    /* The same value with a newer date lives longer; the older date changes nothing and is no conflict. */
    members_run(&s->net, 10 * KAD_HOUR);
    refreshed = members_record(&s->net, "mutable:diary", 1, 9, "nine", values[4]);
    EXPECT_EQ(refusal_of(put(s, &refreshed)), KAD_REFUSAL_NONE);
    members_run(&s->net, KAD_HOUR);
    refreshed = members_record(&s->net, "mutable:diary", 1, 9, "nine", values[5]);
    EXPECT_EQ(refusal_of(put(s, &refreshed)), KAD_REFUSAL_NONE);
    EXPECT_EQ(get(s, &third.key, 0, 0)->record.valid_until, s->net.now + 24 * KAD_HOUR);
    end(s);
}

/* First come, first served, while it is held: its owner may withdraw it, and then it is still not free for the rest of its life. */
TEST(the_first_owner_of_a_domain_keeps_it)
{
    struct scene *s = begin();
    uint8_t values[4][KAD_SECURE_VALUE_MAX];
    const struct kad_record ours = members_record(&s->net, "domain:example", 1, 1, "ours", values[0]);
    const struct kad_record theirs = members_record(&s->net, "domain:example", 2, 99, "theirs", values[1]);
    const struct kad_record tombstone = members_record(&s->net, "domain:example", 1, 2, NULL, values[2]);
    struct kad_message *reply;

    EXPECT_EQ(refusal_of(put(s, &ours)), KAD_REFUSAL_NONE);
    EXPECT_EQ(refusal_of(put(s, &theirs)), KAD_REFUSAL_OWNER);
    EXPECT(!s->received.strike);
    reply = get(s, &ours.key, 0, 0);
    EXPECT_EQ(reply->record.sequence, 1);
    EXPECT_EQ(reply->n_records, 0);
    EXPECT_EQ(refusal_of(put(s, &tombstone)), KAD_REFUSAL_NONE);
    reply = get(s, &ours.key, 0, 0);
    EXPECT(reply->record.withdrawn && reply->record.value.size == 0);
    EXPECT_EQ(refusal_of(put(s, &theirs)), KAD_REFUSAL_OWNER);
    EXPECT_EQ(refusal_of(put(s, &ours)), KAD_REFUSAL_SEQUENCE);
    end(s);
}

/* While anything that was withdrawn is still valid, its tombstone stands: one that would end before is not taken, and an honest
 * writer makes none. */
TEST(what_was_withdrawn_cannot_be_put_again)
{
    struct scene *s = begin();
    uint8_t values[3][KAD_SECURE_VALUE_MAX];
    struct kad_record late, brief, tombstone;
    kad_ms end_at;

    s->net.now += KAD_HOUR;
    tombstone = members_record(&s->net, "listing:car", 1, 2, NULL, values[1]);
    late = members_record(&s->net, "listing:car", 1, 1, "for sale", values[0]);
    brief = tombstone;
    brief.valid_until = brief.made_at + KAD_HOUR;
    {
        struct kad_secure_name name;
        uint8_t seed[32], signer[32];

        members_seed(1, seed);
        EXPECT_EQ(kad_secure_parse("listing:car", NULL, 0, &name), 0);
        EXPECT_EQ(kad_secure_signer(&name, seed, signer), 0);
        EXPECT_EQ(kad_secure_renew(&brief, signer, brief.made_at, brief.valid_until), 0);
    }
    EXPECT_EQ(refusal_of(put(s, &late)), KAD_REFUSAL_NONE);
    EXPECT_EQ(refusal_of(put(s, &brief)), KAD_REFUSAL_LIFE);
    EXPECT(!s->received.strike);
    EXPECT_EQ(refusal_of(put(s, &tombstone)), KAD_REFUSAL_NONE);
    end_at = late.valid_until;
    for (kad_ms at = s->net.now; at < end_at; at += 6 * KAD_HOUR) {
        s->net.now = at;
        EXPECT_EQ(refusal_of(put(s, &late)), KAD_REFUSAL_SEQUENCE);
    }
    s->net.now = end_at;
    EXPECT_EQ(refusal_of(put(s, &late)), KAD_REFUSAL_LIFE);
    end(s);
}

/* Providers: a value of each owner, page by page, each once; one may withdraw. */
TEST(many_values_come_page_by_page)
{
    struct scene *s = begin();
    struct kad_record tombstone;
    struct kad_id key = members_key(&s->net, "provider:00ff");
    uint32_t from = 0;
    unsigned n = 0, n_pages = 0, n_withdrawn = 0;

    for (unsigned owner = 1; owner <= 40; owner++) {
        const struct kad_record record =
            members_record(&s->net, "provider:00ff", owner, 1, "somewhere, at some address", s->value);

        EXPECT_EQ(refusal_of(put(s, &record)), KAD_REFUSAL_NONE);
    }
    tombstone = members_record(&s->net, "provider:00ff", 7, 2, NULL, s->value);
    EXPECT_EQ(refusal_of(put(s, &tombstone)), KAD_REFUSAL_NONE);
    do {
        const struct kad_message *reply = get(s, &key, KAD_CLASS_PROVIDER, from);

        EXPECT(reply->record.type == KAD_CLASS_PROVIDER && reply->record.many);
        n += 1u + reply->n_records;
        n_withdrawn += reply->record.withdrawn;
        for (size_t i = 0; i < reply->n_records; i++)
            n_withdrawn += reply->records[i].withdrawn;
        from = reply->from;
        n_pages++;
    } while (from && n < 100);
    EXPECT_EQ(n, 40);
    EXPECT_EQ(n_withdrawn, 1);
    EXPECT(n_pages > 3 && n_pages < 20);
    end(s);
}

static struct kad_message *take(struct scene *s, const struct member *asker, const struct kad_id *key,
                                const struct kad_record *arrived, size_t n)
{
    struct kad_message query;

    kad_message_init(&query);
    query.method = KAD_TAKE;
    query.target = *key;
    for (size_t i = 0; i < n; i++)
        query.records[i] = arrived[i];
    query.n_records = (uint16_t)n;
    return members_ask(&s->net, 0, asker, &query, &s->received);
}

/* K24: a mailbox is its recipient's: given to nobody else, given until it arrived, and then forgotten. */
TEST(a_message_is_taken_once_by_whom_it_is_for)
{
    struct scene *s = begin();
    struct member *stranger = members_add(&s->net);
    struct kad_id key = members_key(&s->net, "msg:#1");
    struct kad_message *reply;
    struct kad_record arrived[2];

    for (unsigned sender = 3; sender < 5; sender++) {
        const struct kad_record record = members_record(&s->net, "msg:#1", sender, 1, "hello", s->value);

        EXPECT_EQ(refusal_of(put(s, &record)), KAD_REFUSAL_NONE);
    }
    EXPECT_EQ(get(s, &key, 0, 0)->record.type, KAD_RECORD_NONE);
    EXPECT_EQ(refusal_of(take(s, stranger, &key, NULL, 0)), KAD_REFUSAL_OWNER);
    for (int again = 0; again < 2; again++) { /* an answer may be lost */
        reply = take(s, s->asker, &key, NULL, 0);
        EXPECT_EQ(reply->record.type, KAD_CLASS_MESSAGE);
        EXPECT_EQ(reply->n_records, 1);
    }
    arrived[0] = reply->record;
    arrived[1] = reply->records[0];
    arrived[0].value.size = arrived[1].value.size = 0;
    EXPECT_EQ(refusal_of(take(s, stranger, &key, arrived, 2)), KAD_REFUSAL_OWNER);
    reply = take(s, s->asker, &key, arrived, 1);
    EXPECT_EQ(reply->record.type, KAD_CLASS_MESSAGE);
    EXPECT_MEM(reply->record.public_key, arrived[1].public_key, 32);
    EXPECT_EQ(reply->n_records, 0);
    EXPECT_EQ(take(s, s->asker, &key, arrived + 1, 1)->record.type, KAD_RECORD_NONE);
    EXPECT_EQ(take(s, s->asker, &key, NULL, 0)->record.type, KAD_RECORD_NONE);
    end(s);
}

/* Nothing that others can ask tells whether somebody has mail, or had. */
TEST(nobody_is_told_of_others_mail)
{
    struct scene *s = begin();
    const struct kad_record record = members_record(&s->net, "msg:#1", 3, 1, "hello", s->value);

    EXPECT(!get(s, &record.key, record.type, 0)->has_attest); /* there is none yet */
    EXPECT_EQ(refusal_of(put(s, &record)), KAD_REFUSAL_NONE);
    for (int round = 0; round < 2; round++) { /* while it lies there, and when it has expired */
        EXPECT_EQ(get(s, &record.key, record.type, 0)->record.type, KAD_RECORD_NONE);
        EXPECT(!get(s, &record.key, record.type, 0)->has_attest);
        EXPECT(!get(s, &record.key, 0, 0)->has_attest);
        EXPECT(!get(s, &record.key, 0, 0)->has_ghost);
        members_run(&s->net, 2 * KAD_HOUR);
    }
    end(s);
}

/* A mailbox is bounded, and says that it is full. */
TEST(a_mailbox_has_room_for_so_many)
{
    struct scene *s = begin();
    unsigned n = 0;

    for (unsigned sender = 10; sender < 80; sender++) {
        const struct kad_record record = members_record(&s->net, "msg:#1", sender, 1, "hello", s->value);
        const enum kad_refusal refusal = refusal_of(put(s, &record));

        EXPECT(refusal == KAD_REFUSAL_NONE || refusal == KAD_REFUSAL_SERVER);
        n += refusal == KAD_REFUSAL_NONE;
    }
    EXPECT_EQ(n, 64);
    end(s);
}

/* Who has nothing signs since when; not further back than it can remember. */
TEST(nothing_is_signed_since_when)
{
    struct scene *s = begin();
    struct kad_id key = members_key(&s->net, "room:nobody's");
    const kad_ms began = s->net.now;
    struct kad_message *reply;

    members_run(&s->net, KAD_HOUR);
    reply = get(s, &key, 0, 0);
    EXPECT(attested(s, reply, &key));
    EXPECT_EQ(reply->attest.kind, KAD_ATTEST_NOTHING);
    EXPECT_EQ(reply->attest.at, began);
    members_run(&s->net, 30 * KAD_HOUR);
    reply = get(s, &key, 0, 0);
    EXPECT_EQ(reply->attest.at, s->net.now - 24 * KAD_HOUR);
    reply->attest.at = began;
    EXPECT(!attested(s, reply, &key));
    end(s);
}
