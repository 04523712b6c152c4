/* journal_format - header and items, written and read by the same functions (core/walk.h). */
#include <string.h>

#include "engine/journal.h"
#include "engine/network.h"

#define DATAGRAM_MAX 65535
#define IDENTITY_MAX 32

static void walk_text(struct kad_walk *walk, char *text, size_t room)
{
    const size_t n = kad_walk_count(walk, kad_walk_reads(walk) ? 0 : strlen(text), room - 1);

    kad_walk_bytes(walk, text, n);
    text[n] = '\0';
}

void kad_journal_walk_head(struct kad_walk *walk, struct kad_journal_head *head)
{
    unsigned format = KAD_JOURNAL_FORMAT;

    KAD_WALK(walk, format);
    if (format != KAD_JOURNAL_FORMAT)
        kad_walk_fail(walk);
    walk_text(walk, head->version, sizeof(head->version));
    walk_text(walk, head->network, sizeof(head->network));
    KAD_WALK(walk, head->at);
    head->n_listen = kad_walk_count(walk, head->n_listen, KAD_JOURNAL_LISTEN_MAX);
    for (size_t i = 0; i < head->n_listen; i++)
        kad_walk_endpoint(walk, &head->listen[i]);
    KAD_WALK(walk, head->ipv4);
    KAD_WALK(walk, head->ipv6);
    KAD_WALK(walk, head->has_places);
    KAD_WALK(walk, head->has_secret);
    if (head->has_secret) {
        KAD_WALK_BYTES(walk, head->secret);
        KAD_WALK(walk, head->gate_reputation);
        KAD_WALK(walk, head->gate_provides);
    }
    kad_settings_walk(walk, &head->settings);
}

/* Borrowed, or written. */
static void walk_bytes(struct kad_walk *walk, struct kad_bytes *bytes, size_t most)
{
    bytes->size = kad_walk_count(walk, bytes->size, most);
    if (!kad_walk_reads(walk)) {
        kad_walk_bytes(walk, (void *)(uintptr_t)bytes->data, bytes->size);
        return;
    }
    if (bytes->size > walk->left)
        kad_walk_fail(walk);
    if (walk->bad) {
        *bytes = (struct kad_bytes){0};
        return;
    }
    bytes->data = walk->at;
    walk->at += bytes->size;
    walk->left -= bytes->size;
}

void kad_journal_walk_record(struct kad_walk *walk, struct kad_record *record)
{
    kad_record_walk(walk, record);
    walk_bytes(walk, &record->value, KAD_RECORD_VALUE_MOST);
    walk_bytes(walk, &record->salt, KAD_RECORD_SALT_MOST);
}

static void walk_contact(struct kad_walk *walk, struct kad_contact *contact)
{
    KAD_WALK_BYTES(walk, contact->id);
    kad_walk_endpoint(walk, &contact->endpoint);
}

static void walk_request(struct kad_walk *walk, struct kad_request *request)
{
    struct kad_record *record = &request->record;

    /* A host's request may be anything; what makes it invalid (too long a value) is cut to what still makes it so. */
    if (record->value.size > KAD_RECORD_VALUE_MOST + 1)
        record->value.size = KAD_RECORD_VALUE_MOST + 1;
    if (record->salt.size > KAD_RECORD_SALT_MOST + 1)
        record->salt.size = KAD_RECORD_SALT_MOST + 1;
    kad_request_walk(walk, request);
    walk_bytes(walk, &record->value, KAD_RECORD_VALUE_MOST + 1);
    walk_bytes(walk, &record->salt, KAD_RECORD_SALT_MOST + 1);
}

static void walk_time(struct kad_walk *walk, struct kad_journal_item *item, kad_ms *before)
{
    int64_t passed = (int64_t)((uint64_t)item->now - (uint64_t)*before);

    kad_walk_number(walk, &passed);
    item->now = (kad_ms)((uint64_t)*before + (uint64_t)passed);
    *before = item->now;
}

static void walk_peer(struct kad_walk *walk, struct kad_peer_row *peer)
{
    KAD_WALK_BYTES(walk, peer->contact.id);
    kad_walk_endpoint(walk, &peer->contact.endpoint);
    KAD_WALK(walk, peer->is_address);
    KAD_WALK(walk, peer->by_operator);
    KAD_WALK(walk, peer->first_at);
    KAD_WALK(walk, peer->heard_at);
    KAD_WALK(walk, peer->banned_until);
    KAD_WALK(walk, peer->banned_for);
    KAD_WALK(walk, peer->rtt_ms);
    KAD_WALK(walk, peer->answers);
    KAD_WALK(walk, peer->silences);
    KAD_WALK(walk, peer->refusals);
    KAD_WALK(walk, peer->held);
}

static void walk_input(struct kad_walk *walk, struct kad_journal_item *item)
{
    switch ((enum kad_journal_kind)item->kind) {
    case KAD_JOURNAL_DATAGRAM:
    case KAD_JOURNAL_ASIDE:
        KAD_WALK(walk, item->room);
        kad_walk_endpoint(walk, &item->endpoint);
        walk_bytes(walk, &item->bytes, DATAGRAM_MAX);
        walk_bytes(walk, &item->identity, IDENTITY_MAX);
        break;
    case KAD_JOURNAL_TICK:
    case KAD_JOURNAL_LEAVE:
        KAD_WALK(walk, item->room);
        break;
    case KAD_JOURNAL_UNREACHABLE:
        kad_walk_endpoint(walk, &item->endpoint);
        break;
    case KAD_JOURNAL_BOOTSTRAP:
        kad_walk_endpoint(walk, &item->endpoint);
        walk_bytes(walk, &item->identity, IDENTITY_MAX);
        break;
    case KAD_JOURNAL_REQUEST:
        walk_request(walk, &item->request);
        break;
    case KAD_JOURNAL_CANCEL:
    case KAD_JOURNAL_EVENTS:
        KAD_WALK(walk, item->number);
        break;
    case KAD_JOURNAL_WITHDRAW:
        KAD_WALK_BYTES(walk, item->key);
        break;
    case KAD_JOURNAL_CONTACT:
        walk_contact(walk, &item->contact);
        walk_bytes(walk, &item->identity, IDENTITY_MAX);
        KAD_WALK(walk, item->trusted);
        break;
    case KAD_JOURNAL_LOAD:
    case KAD_JOURNAL_PLACES:
        KAD_WALK(walk, item->number);
        break;
    case KAD_JOURNAL_PEER:
        KAD_WALK(walk, item->number);
        walk_peer(walk, &item->peer);
        break;
    case KAD_JOURNAL_SETTINGS:
        kad_settings_walk(walk, &item->settings);
        break;
    case KAD_JOURNAL_CHECK:
    case KAD_JOURNAL_END:
        KAD_WALK_BYTES(walk, item->state);
        KAD_WALK_BYTES(walk, item->sent);
        break;
    default:
        kad_walk_fail(walk);
        break;
    }
}

static void walk_answer(struct kad_walk *walk, struct kad_journal_item *item)
{
    switch ((enum kad_journal_kind)item->kind) {
    case KAD_JOURNAL_GET:
        KAD_WALK_BYTES(walk, item->key);
        KAD_WALK(walk, item->error);
        if (item->error == KAD_OK)
            kad_journal_walk_record(walk, &item->record);
        break;
    case KAD_JOURNAL_PUT:
        KAD_WALK_BYTES(walk, item->key);
        KAD_WALK(walk, item->error);
        break;
    case KAD_JOURNAL_ADD_PEER:
        KAD_WALK_BYTES(walk, item->key);
        kad_walk_endpoint(walk, &item->endpoint);
        KAD_WALK(walk, item->error);
        break;
    case KAD_JOURNAL_PEERS:
        KAD_WALK_BYTES(walk, item->key);
        KAD_WALK(walk, item->drawn);
        KAD_WALK(walk, item->n);
        break;
    case KAD_JOURNAL_SAMPLE:
        KAD_WALK(walk, item->drawn);
        KAD_WALK(walk, item->n);
        KAD_WALK(walk, item->total);
        break;
    case KAD_JOURNAL_EACH_PEER:
        KAD_WALK_BYTES(walk, item->key);
        break;
    case KAD_JOURNAL_EXPIRE:
        KAD_WALK(walk, item->at);
        break;
    case KAD_JOURNAL_LIST:
        KAD_WALK_BYTES(walk, item->key);
        KAD_WALK(walk, item->n);
        KAD_WALK(walk, item->next);
        break;
    case KAD_JOURNAL_REMOVE:
        KAD_WALK_BYTES(walk, item->key);
        KAD_WALK(walk, item->error);
        break;
    case KAD_JOURNAL_GHOST:
        KAD_WALK_BYTES(walk, item->key);
        KAD_WALK(walk, item->error);
        if (item->error == KAD_OK)
            kad_journal_walk_record(walk, &item->record);
        else
            KAD_WALK(walk, item->at);
        break;
    case KAD_JOURNAL_LOOK:
        break;
    case KAD_JOURNAL_PLACE:
        kad_walk_endpoint(walk, &item->endpoint);
        kad_walk_place(walk, &item->place);
        break;
    case KAD_JOURNAL_GATE:
        KAD_WALK_BYTES(walk, item->key);
        KAD_WALK(walk, item->number);
        break;
    default:
        kad_walk_fail(walk);
        break;
    }
}

void kad_journal_walk_item(struct kad_walk *walk, struct kad_journal_item *item, kad_ms *before)
{
    kad_walk_bytes(walk, &item->kind, 1);
    if (item->kind >= KAD_JOURNAL_GET) {
        walk_answer(walk, item);
        return;
    }
    walk_time(walk, item, before);
    walk_input(walk, item);
}

const char *kad_journal_kind_text(unsigned kind)
{
    static const char *const texts[KAD_JOURNAL_N_KINDS] = {
        "nothing",      "end",        "checkpoint",   "datagram",    "tick",       "unreachable",
        "request",      "cancel",     "withdraw",     "bootstrap",   "contact",    "events",
        "settings",     "load",       "peer",         "places",      "leave",      "aside",
        "store get",    "store put",  "store add",    "store peers", "store each", "store sample",
        "store expire", "store list", "store remove", "store ghost", "store look", "place",
        "gate",
    };

    return kind < KAD_JOURNAL_N_KINDS ? texts[kind] : "unknown";
}
