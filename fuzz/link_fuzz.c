/*
 * link_fuzz - a whole connection: any bytes from the other side, before and after it is up. With the null cipher the fuzzer gets
 * behind the handshake; with an odd first byte the cipher is the real one.
 *
 * data: setting | pieces: length 1, bytes. With bit 1 of the setting an honest handshake comes first, and each piece is sealed as the
 * other side would.
 */
#include <stdlib.h>
#include <string.h>

#include "channel/link.h"
#include "crypto/crypto.h"
#include "fuzz/must.h"
#include "fuzz/null_suite.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const protocols[] = {"/ipfs/id/1.0.0", "/icn/kad/1.0.0"};

static void identify(struct kad_link_identity *identity, const struct kad_suite *suite, uint8_t number)
{
    uint8_t seed[32], public_key[32], secret[64];

    memset(seed, number, sizeof(seed));
    kad_ed25519_keypair(seed, public_key, secret);
    kad_link_identity_make(identity, suite, secret, seed);
}

static struct kad_link *make(const struct kad_suite *suite, const struct kad_link_identity *identity,
                             bool initiator)
{
    struct kad_link_config config = {
        .allocator = &kad_allocator_system,
        .suite = suite,
        .identity = identity,
        .ephemeral = {(uint8_t)(initiator + 3)},
        .initiator = initiator,
        .protocols = protocols,
        .n_protocols = 2,
        .max_in = 8,
        .max_out = 8,
        .max_buffered = 65536,
        .max_unsent = 65536,
        .handshake_ms = 10000,
        .idle_ms = 60000,
        .ping_ms = 30000,
    };
    struct kad_link *link = NULL;

    must(kad_link_new(&config, 0, &link) == 0, "no memory");
    return link;
}

static void feed(struct kad_link *link, const uint8_t *bytes, size_t n, kad_ms now)
{
    uint8_t *copy = malloc(n ? n : 1); /* its own block, so that ASan sees a byte too far */

    must(copy, "no memory");
    if (n)
        memcpy(copy, bytes, n);
    kad_link_bytes(link, copy, n, now);
    free(copy);
}

/* Takes what is new, as a peer would that echoes. */
static void use(struct kad_link *link, kad_ms now)
{
    struct kad_link_event event;
    const char *why = "";

    while (kad_link_next_event(link, &event)) {
        const struct kad_bytes unread = kad_link_unread(link, event.stream);

        if (event.kind == KAD_LINK_UP)
            (void)kad_link_open(link, protocols[1], NULL, now);
        if (event.kind == KAD_LINK_DATA && unread.size > 3 &&
            kad_link_write(link, event.stream, unread, false, now))
            kad_link_read(link, event.stream, unread.size);
        if (event.kind == KAD_LINK_ENDED)
            (void)kad_link_write(link, event.stream, (struct kad_bytes){0}, true, now);
    }
    if (!kad_link_sound(link, &why))
        must(false, why);
    must(kad_link_memory(link) < 1 << 20, "more memory than a link may take");
}

static bool carry(struct kad_link *from, struct kad_link *to)
{
    const struct kad_bytes out = kad_link_out(from);

    if (!out.size)
        return false;
    feed(to, out.data, out.size, 0);
    kad_link_sent(from, out.size);
    return true;
}

/* What the other side would make of these bytes: a message of Noise's. */
static void feed_sealed(struct kad_link *link, const struct kad_suite *suite, const uint8_t *bytes, size_t n,
                        kad_ms now)
{
    uint8_t message[2 + 256 + KAD_SEAL_TAG] = {(uint8_t)((n + KAD_SEAL_TAG) >> 8),
                                               (uint8_t)(n + KAD_SEAL_TAG)};
    static const uint8_t key[KAD_SEAL_KEY];

    memcpy(message + 2, bytes, n);
    suite->seal(key, 0, NULL, 0, message + 2, n);
    feed(link, message, 2 + n + KAD_SEAL_TAG, now);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct kad_link_identity identities[2][2];
    const struct kad_suite *suite;
    struct kad_link *link, *other = NULL;
    bool real, behind;
    kad_ms now = 0;

    if (!identities[0][0].n_payload) {
        must(kad_crypto_init() == 0, "no cryptography");
        for (uint8_t i = 0; i < 4; i++)
            identify(&identities[i / 2][i % 2], i / 2 ? &kad_suite_libp2p : null_suite(),
                     (uint8_t)(i % 2 + 1));
    }
    if (size == 0)
        return 0;
    real = data[0] & 1;
    behind = (data[0] & 2) && !real;
    suite = real ? &kad_suite_libp2p : null_suite();
    link = make(suite, &identities[real][0], data[0] & 4);
    if (behind) {
        other = make(suite, &identities[real][1], !(data[0] & 4));
        while (carry(link, other) || carry(other, link))
            ;
        must(kad_link_is_up(link), "an honest handshake does not come up");
        use(link, now);
    }
    for (data++, size--; size > 0;) {
        size_t n = data[0];

        data++;
        size--;
        if (n > size)
            n = size;
        if (behind)
            feed_sealed(link, suite, data, n, now);
        else
            feed(link, data, n, now);
        data += n;
        size -= n;
        use(link, now);
        if (n & 1)
            kad_link_sent(link, kad_link_out(link).size);
        now += (kad_ms)n * 16;
        kad_link_tick(link, now);
    }
    use(link, now);
    kad_link_free(link);
    kad_link_free(other);
    return 0;
}
