#include "channel/noise_xx.h"

#include <string.h>

#include "base/test.h"
#include "base/text.h"

/* libp2p-vectors.json, noise_xx: bytes that js-libp2p made and took. Frames have two bytes of length before them. */
static const char h_after_empty_prologue[] =
    "f3d15e6108ed9556171207baa58f97d29a13c6be40595166066e2e0958dc002d";
static const char payload_initiator[] =
    "0a2408011220c6822637c7d310ec57627be00ba259d253749f4aaf644470cffbe53a35f7324212406372086acc8c92992a00"
    "c6f0deba0abaea71b2f3f347bed772078c0ea3983f648c35d52fc4a61c9299281108ee7f10e1420b9dc51e21baed0fb2d4c8"
    "7c86ef01220e120c2f79616d75782f312e302e30";
static const char payload_responder[] =
    "0a240801122034b4d9043156cb6dcf0beb0a2949b7559c940d2bcb6dbe8c53a9b30278e3a74612404523a022cf5a6d84ab45"
    "761a3a830de43852515e9ffc1b49d22f87429fcd11f5a0c837e27dfe0613e990524f8735ed59010c6b25244af25fb8ec1b4f"
    "d79ea803220e120c2f79616d75782f312e302e30";
static const char message_1[] = "00207b4e909bbe7ffe44c465a220037d608ee35897d31ef972f07f74892cb0f73f13";
static const char message_2[] =
    "00d87b0d47d93427f8311160781c7c733fd89f88970aef490d8aa0ee19a4cb8a1b14c397174f4837000ddcbb12813288249a"
    "5b12d88516876da181ce0fc959b99e517ea8998c13dc2b6f0c0dd1008f6a2fb91abebf4319bf9631adbb3d84876d3bf95100"
    "8f6be54334c3bf7625a7584bccfe0244f33b784488c7a6fefd572dd8cfaad1a7e74019aa52e730e8414cc6d7e17f714a3441"
    "4d58358f988f649eb2ab40ecc7adc97b9dbb60dd426af175d422277b03e948184dff751e101ce3ff36cc602f1671f019382a"
    "f1b6efc14aa9a9526b8722c428991551e6b8";
static const char message_3[] =
    "00b8cb841bb9a3d8fff17ed00e6c7a898c0a701ffe7a08e25ff252fc2e7deecd31220547d3895a6475a3ba732db9cb285823"
    "6466462950390045a2b53b30a020e0f215fa5ed2af9f50e2ef62b8d9dc76748cd0d88aca251d595ee925fa454d243c080740"
    "6c78848ac20a2efddc621c6c71fa0330b2b809169268bb0bf42078363db6d3f48fd27456a48143c7279b68311810ecee9035"
    "4574fd811e86195b98bfbe5d389b98f0e8ccdea844f5009beb82ba867a5fb2295e444df1";
static const char handshake_hash[] = "fb0a2bedfd573e1e548114a335718aee492e3853f0b580f6b771a969b333cc4c";
static const char key_initiator_to_responder[] =
    "530c3f6f9316268d31d426e3ead445b1a0d92fd664e2cd0d220bcb0e7ac62a80";
static const char key_responder_to_initiator[] =
    "fff2cd9dff44357d67d942ed1df3c04ba58108d53009471d81b084e49e9ebaf2";
static const char first_plain[] = "68656c6c6f",
                  first_sealed[] = "0015230247bb1fe59de7e6c327a703765ce954be48cd22";
static const char second_plain[] = "776f726c64",
                  second_sealed[] = "0015049f0be0675e2fa1d029cb6d9e307a17bc444f1d50";

static struct kad_bytes unhex(const char *hex, uint8_t *out_bytes)
{
    const size_t n = strlen(hex) / 2;

    EXPECT_EQ(kad_unhex(hex, out_bytes, n), 0);
    return (struct kad_bytes){out_bytes, n};
}

struct pair {
    struct kad_noise_xx initiator, responder;
    uint8_t message[1024];
    size_t n;
};

static void begin(struct pair *pair, const struct kad_suite *suite)
{
    struct kad_noise_keys keys;
    uint8_t e[KAD_DH_SIZE];

    memset(e, 0x11, sizeof(e));
    memset(keys.secret, 0x22, sizeof(keys.secret));
    suite->keypair(keys.secret, keys.public_key);
    kad_noise_xx_init(&pair->initiator, suite, &keys, e);
    memset(e, 0x33, sizeof(e));
    memset(keys.secret, 0x44, sizeof(keys.secret));
    suite->keypair(keys.secret, keys.public_key);
    kad_noise_xx_init(&pair->responder, suite, &keys, e);
}

static void expect_message(const struct pair *pair, const char *hex)
{
    uint8_t bytes[1024];
    const struct kad_bytes wanted = unhex(hex, bytes);

    EXPECT_EQ(pair->n + 2, wanted.size);
    EXPECT_EQ(wanted.data[0] << 8 | wanted.data[1], pair->n);
    EXPECT_MEM(pair->message, wanted.data + 2, pair->n);
}

TEST(a_whole_handshake_byte_by_byte) /* I002 */
{
    const struct kad_suite *suite = &kad_suite_libp2p;
    uint8_t bytes[1024], keys[4][KAD_SEAL_KEY];
    struct kad_bytes payload, wanted;
    struct pair pair;

    begin(&pair, suite);
    EXPECT_MEM(pair.initiator.noise.hash, unhex(h_after_empty_prologue, bytes).data, 32);
    kad_noise_xx_write_first(&pair.initiator, suite, pair.message);
    pair.n = KAD_NOISE_XX_FIRST;
    expect_message(&pair, message_1);
    kad_noise_xx_read_first(&pair.responder, suite, pair.message);

    wanted = unhex(payload_responder, bytes);
    memcpy(pair.message + KAD_NOISE_XX_SECOND - KAD_SEAL_TAG, wanted.data, wanted.size);
    EXPECT(kad_noise_xx_write_second(&pair.responder, suite, pair.message, wanted.size));
    pair.n = KAD_NOISE_XX_SECOND + wanted.size;
    expect_message(&pair, message_2);
    EXPECT(kad_noise_xx_read_second(&pair.initiator, suite, pair.message, pair.n, &payload));
    EXPECT_EQ(payload.size, wanted.size);
    EXPECT_MEM(payload.data, wanted.data, payload.size);
    EXPECT_MEM(pair.initiator.theirs, pair.responder.ours.public_key, KAD_DH_SIZE);

    wanted = unhex(payload_initiator, bytes);
    memcpy(pair.message + KAD_NOISE_XX_THIRD - KAD_SEAL_TAG, wanted.data, wanted.size);
    EXPECT(kad_noise_xx_write_third(&pair.initiator, suite, pair.message, wanted.size));
    pair.n = KAD_NOISE_XX_THIRD + wanted.size;
    expect_message(&pair, message_3);
    EXPECT(kad_noise_xx_read_third(&pair.responder, suite, pair.message, pair.n, &payload));
    EXPECT_EQ(payload.size, wanted.size);
    EXPECT_MEM(payload.data, wanted.data, payload.size);
    EXPECT_MEM(pair.responder.theirs, pair.initiator.ours.public_key, KAD_DH_SIZE);
    EXPECT_MEM(pair.responder.noise.hash, unhex(handshake_hash, bytes).data, 32);

    kad_noise_xx_split(&pair.initiator, suite, keys[0], keys[1]);
    kad_noise_xx_split(&pair.responder, suite, keys[2], keys[3]);
    EXPECT_MEM(keys[0], keys[2], 2 * KAD_SEAL_KEY);
    EXPECT_MEM(keys[0], unhex(key_initiator_to_responder, bytes).data, KAD_SEAL_KEY);
    EXPECT_MEM(keys[1], unhex(key_responder_to_initiator, bytes).data, KAD_SEAL_KEY);

    wanted = unhex(first_plain, bytes);
    suite->seal(keys[0], 0, NULL, 0, bytes, wanted.size);
    EXPECT_MEM(bytes, unhex(first_sealed, pair.message).data + 2, wanted.size + KAD_SEAL_TAG);
    wanted = unhex(second_plain, bytes);
    suite->seal(keys[0], 1, NULL, 0, bytes, wanted.size);
    EXPECT_MEM(bytes, unhex(second_sealed, pair.message).data + 2, wanted.size + KAD_SEAL_TAG);
    EXPECT(suite->open(keys[0], 1, NULL, 0, bytes, wanted.size + KAD_SEAL_TAG));
    EXPECT_MEM(bytes, unhex(second_plain, pair.message).data, wanted.size);
}

/* Brings a pair to where the message `upto` (1 .. 3) was written. */
static void play(struct pair *pair, const struct kad_suite *suite, unsigned upto)
{
    struct kad_bytes payload;

    begin(pair, suite);
    kad_noise_xx_write_first(&pair->initiator, suite, pair->message);
    pair->n = KAD_NOISE_XX_FIRST;
    if (upto == 1)
        return;
    kad_noise_xx_read_first(&pair->responder, suite, pair->message);
    memset(pair->message + KAD_NOISE_XX_SECOND - KAD_SEAL_TAG, 7, 10);
    EXPECT(kad_noise_xx_write_second(&pair->responder, suite, pair->message, 10));
    pair->n = KAD_NOISE_XX_SECOND + 10;
    if (upto == 2)
        return;
    EXPECT(kad_noise_xx_read_second(&pair->initiator, suite, pair->message, pair->n, &payload));
    memset(pair->message + KAD_NOISE_XX_THIRD - KAD_SEAL_TAG, 8, 10);
    EXPECT(kad_noise_xx_write_third(&pair->initiator, suite, pair->message, 10));
    pair->n = KAD_NOISE_XX_THIRD + 10;
}

TEST(no_byte_of_it_may_change)
{
    static const struct kad_suite *const suites[] = {&kad_suite_libp2p, &kad_suite_toy};
    struct kad_bytes payload;
    struct pair pair;

    for (size_t k = 0; k < KAD_COUNT_OF(suites); k++) {
        for (unsigned at = 0; at < KAD_NOISE_XX_SECOND + 10; at += 3) {
            play(&pair, suites[k], 2);
            pair.message[at] ^= 1;
            EXPECT(!kad_noise_xx_read_second(&pair.initiator, suites[k], pair.message, pair.n, &payload));
        }
        for (unsigned at = 0; at < KAD_NOISE_XX_THIRD + 10; at += 3) {
            play(&pair, suites[k], 3);
            pair.message[at] ^= 1;
            EXPECT(!kad_noise_xx_read_third(&pair.responder, suites[k], pair.message, pair.n, &payload));
        }
        play(&pair, suites[k], 2);
        for (size_t n = 0; n < KAD_NOISE_XX_SECOND; n++)
            EXPECT(!kad_noise_xx_read_second(&pair.initiator, suites[k], pair.message, n, &payload));
        play(&pair, suites[k], 3);
        for (size_t n = 0; n < KAD_NOISE_XX_THIRD; n++)
            EXPECT(!kad_noise_xx_read_third(&pair.responder, suites[k], pair.message, n, &payload));
    }
}

/* A key of low order makes what both share known to everybody. */
TEST(keys_of_low_order_are_refused)
{
    struct kad_bytes payload;
    struct pair pair;

    play(&pair, &kad_suite_libp2p, 1);
    memset(pair.message, 0, KAD_DH_SIZE);
    kad_noise_xx_read_first(&pair.responder, &kad_suite_libp2p, pair.message);
    EXPECT(!kad_noise_xx_write_second(&pair.responder, &kad_suite_libp2p, pair.message, 0));
    play(&pair, &kad_suite_libp2p, 2);
    memset(pair.message, 0, KAD_DH_SIZE);
    EXPECT(!kad_noise_xx_read_second(&pair.initiator, &kad_suite_libp2p, pair.message, pair.n, &payload));
}
