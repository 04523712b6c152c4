#include "crypto/ready.h"

#include <string.h>

#include "base/test.h"
#include "crypto/crypto.h"

enum { LARGEST = 1200 };

static _Alignas(KAD_READY_ALIGN) uint8_t made_ready[KAD_READY_KEY];

static void fill(uint8_t *bytes, size_t size, unsigned seed)
{
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)((i * 131 + seed * 17 + i * i) >> 2);
}

/* Without the library, or on another processor, there is nothing to test, and everything works as without. */
static bool find(struct kad_ready *out_ready)
{
    EXPECT_EQ(kad_crypto_init(), KAD_OK);
    return kad_ready_find(out_ready);
}

/* One end may have its key made ready and the other not; so each length, and counters of all widths. */
TEST(a_ready_key_seals_the_same_bytes)
{
    static const uint64_t counters[] = {0, 1, 255, UINT64_C(1) << 33, UINT64_MAX - 1};
    struct kad_ready ready;

    if (!find(&ready))
        return;
    for (size_t n = 0; n <= LARGEST; n += n < 80 ? 1 : 61) {
        const uint64_t counter = counters[n % KAD_COUNT_OF(counters)];
        uint8_t key[KAD_SEAL_KEY], aside[32], plain[LARGEST], one[LARGEST + KAD_SEAL_TAG],
            two[LARGEST + KAD_SEAL_TAG];

        fill(key, sizeof(key), (unsigned)n);
        fill(aside, sizeof(aside), (unsigned)n + 1);
        fill(plain, n, (unsigned)n + 2);
        memcpy(one, plain, n);
        memcpy(two, plain, n);
        kad_ready_prepare(&ready, key, made_ready);
        kad_suite_real.seal(key, counter, aside, n % 33, one, n);
        kad_ready_seal(&ready, made_ready, counter, aside, n % 33, two, n);
        EXPECT_MEM(one, two, n + KAD_SEAL_TAG);
        EXPECT(kad_ready_open(&ready, made_ready, counter, aside, n % 33, one, n + KAD_SEAL_TAG));
        EXPECT_MEM(one, plain, n);
        EXPECT(kad_suite_real.open(key, counter, aside, n % 33, two, n + KAD_SEAL_TAG));
    }
}

TEST(a_ready_key_opens_nothing_that_was_changed)
{
    struct kad_ready ready;
    uint8_t key[KAD_SEAL_KEY], aside[16], sealed[48 + KAD_SEAL_TAG], data[48 + KAD_SEAL_TAG];

    if (!find(&ready))
        return;
    fill(key, sizeof(key), 1);
    fill(aside, sizeof(aside), 2);
    fill(sealed, 48, 3);
    kad_ready_prepare(&ready, key, made_ready);
    kad_ready_seal(&ready, made_ready, 7, aside, sizeof(aside), sealed, 48);
    for (size_t i = 0; i < 8 * sizeof(sealed); i++) {
        memcpy(data, sealed, sizeof(sealed));
        data[i / 8] ^= (uint8_t)(1 << i % 8);
        EXPECT(!kad_ready_open(&ready, made_ready, 7, aside, sizeof(aside), data, sizeof(data)));
    }
    memcpy(data, sealed, sizeof(sealed));
    EXPECT(!kad_ready_open(&ready, made_ready, 8, aside, sizeof(aside), data, sizeof(data)));
    memcpy(data, sealed, sizeof(sealed));
    EXPECT(!kad_ready_open(&ready, made_ready, 7, aside, sizeof(aside) - 1, data, sizeof(data)));
    for (size_t n = 0; n < sizeof(sealed); n++) {
        memcpy(data, sealed, sizeof(sealed));
        EXPECT(!kad_ready_open(&ready, made_ready, 7, aside, sizeof(aside), data, n));
    }
    memcpy(data, sealed, sizeof(sealed));
    EXPECT(kad_ready_open(&ready, made_ready, 7, aside, sizeof(aside), data, sizeof(data)));
}
