#include "channel/test_link.h"

#include <stdlib.h>
#include <string.h>

#include "base/test.h"
#include "crypto/crypto.h"

static const char *const protocols[] = {"/echo/1", "/silent/1"};

const struct link_setting link_usual = {.suite = &kad_suite_libp2p, .max_in = 128};

void link_pair_make(struct link_pair *pair, const struct link_setting *setting)
{
    uint8_t other[KAD_PEER_ID_MAX] = {0x12, 32};

    memset(pair, 0, sizeof(*pair));
    pair->now = 1000000;
    for (uint8_t i = 0; i < 2; i++) {
        struct link_end *end = &pair->ends[i];
        uint8_t seed[32], key[KAD_PEER_KEY_OWN], public_key[32], secret[64];

        memset(seed, 0x40 + i, sizeof(seed));
        kad_ed25519_keypair(seed, public_key, secret);
        kad_peer_key_ed25519(public_key, key);
        EXPECT_EQ(kad_peer_id_of_key((struct kad_bytes){key, sizeof(key)}, end->id, &end->n_id), 0);
        memset(seed, 0x50 + i, sizeof(seed));
        kad_link_identity_make(&end->identity, setting->suite, secret, seed);
    }
    for (uint8_t i = 0; i < 2; i++) {
        struct kad_link_config config = {
            .allocator = &kad_allocator_system,
            .suite = setting->suite,
            .identity = &pair->ends[i].identity,
            .initiator = i == 0,
            .protocols = protocols,
            .n_protocols = 2,
            .max_in = setting->max_in,
            .max_out = 64,
            .max_buffered = 1 << 20,
            .max_unsent = 1 << 19,
            .handshake_ms = 10000,
            .idle_ms = 60000,
            .ping_ms = 30000,
        };

        memset(config.ephemeral, 0x60 + i, sizeof(config.ephemeral));
        if (i == 0)
            config.expected = setting->expect_other
                                  ? (struct kad_bytes){other, 34}
                                  : (struct kad_bytes){pair->ends[1].id, pair->ends[1].n_id};
        EXPECT_EQ(kad_link_new(&config, pair->now, &pair->ends[i].link), 0);
    }
}

void link_pair_free(struct link_pair *pair)
{
    kad_link_free(pair->ends[0].link);
    kad_link_free(pair->ends[1].link);
}

/* Streams of the other side are echoed; what comes on our own is counted. */
static void take(struct link_pair *pair, struct link_end *end, const struct kad_link_event *event)
{
    const bool theirs = (event->stream & 1) == (end == &pair->ends[1]);
    const struct kad_bytes unread = kad_link_unread(end->link, event->stream);

    if (theirs) {
        if (event->kind == KAD_LINK_DATA && unread.size && event->protocol == 0 &&
            kad_link_write(end->link, event->stream, unread, false, pair->now))
            kad_link_read(end->link, event->stream, unread.size);
        if (event->kind == KAD_LINK_ENDED)
            (void)kad_link_write(end->link, event->stream, (struct kad_bytes){0}, true, pair->now);
        return;
    }
    if (event->kind != KAD_LINK_DATA)
        return;
    for (size_t i = 0; i < unread.size && end->n_read + i < sizeof(end->read); i++)
        end->read[end->n_read + i] = unread.data[i];
    end->n_read += unread.size;
    kad_link_read(end->link, event->stream, unread.size);
}

static void drain_events(struct link_pair *pair, struct link_end *end)
{
    struct kad_link_event event;
    const char *why;

    while (kad_link_next_event(end->link, &event)) {
        end->n_up += event.kind == KAD_LINK_UP;
        end->n_streams += event.kind == KAD_LINK_STREAM;
        end->n_ended += event.kind == KAD_LINK_ENDED && event.context == NULL &&
                        (event.stream & 1) != (end == &pair->ends[1]);
        end->n_refused += event.kind == KAD_LINK_REFUSED;
        end->n_reset += event.kind == KAD_LINK_RESET;
        if (event.kind == KAD_LINK_DOWN)
            end->down = event.end;
        if (!end->stopped)
            take(pair, end, &event);
    }
    if (!kad_link_sound(end->link, &why))
        kad_test_expect(false, why, __FILE__, __LINE__);
}

/* True: something went over. */
static bool carry(struct link_pair *pair, struct link_end *from, struct link_end *to)
{
    const struct kad_bytes out = kad_link_out(from->link);
    size_t n = out.size;
    uint8_t *copy;

    if (pair->piece && n > pair->piece)
        n = pair->piece;
    if (!n)
        return false;
    copy = malloc(n); /* exactly as much, so that ASan sees a byte too far */
    EXPECT(copy != NULL);
    memcpy(copy, out.data, n);
    kad_link_sent(from->link, n);
    kad_link_bytes(to->link, copy, n, pair->now);
    free(copy);
    drain_events(pair, to);
    return true;
}

void link_pair_run(struct link_pair *pair)
{
    bool more;

    for (int i = 0; i < 2; i++) {
        kad_link_tick(pair->ends[i].link, pair->now);
        drain_events(pair, &pair->ends[i]);
    }
    do {
        more = carry(pair, &pair->ends[0], &pair->ends[1]);
        more |= carry(pair, &pair->ends[1], &pair->ends[0]);
    } while (more);
}
