#include "crypto/ready.h"

#include <assert.h>

#ifdef KAD_HAVE_IPSEC_MB

#include <intel-ipsec-mb.h>
#include <sodium.h>
#include <string.h>

static_assert(sizeof(struct gcm_key_data) <= KAD_READY_KEY &&
                  _Alignof(struct gcm_key_data) <= KAD_READY_ALIGN,
              "as the header says");

/* Its manager is for queues of jobs, and large. What is wanted of it, three functions that do not look at it, outlives it. */
bool kad_ready_find(struct kad_ready *out_ready)
{
    IMB_MGR *manager = alloc_mb_mgr(0);
    IMB_ARCH arch = IMB_ARCH_NONE;
    bool found;

    if (!manager)
        return false;
    init_mb_mgr_auto(manager, &arch);
    found =
        imb_get_errno(manager) == 0 && arch >= IMB_ARCH_SSE && !(manager->features & IMB_FEATURE_AESNI_EMU);
    if (found) {
        out_ready->prepare = (void (*)(void))manager->gcm256_pre;
        out_ready->seal = (void (*)(void))manager->gcm256_enc;
        out_ready->open = (void (*)(void))manager->gcm256_dec;
    }
    free_mb_mgr(manager);
    return found;
}

void kad_ready_prepare(const struct kad_ready *ready, const uint8_t key[KAD_SEAL_KEY],
                       uint8_t out_key[KAD_READY_KEY])
{
    assert((uintptr_t)out_key % KAD_READY_ALIGN == 0);
    ((aes_gcm_pre_t)ready->prepare)(key, (struct gcm_key_data *)(void *)out_key);
}

/* Either way. Noise, section 12.4: 32 zero bits, then the counter, big-endian. */
static void run(void (*function)(void), const uint8_t key[KAD_READY_KEY], uint64_t counter, const void *aside,
                size_t n_aside, uint8_t *data, size_t n, uint8_t out_tag[KAD_SEAL_TAG])
{
    struct gcm_context_data context;
    uint8_t nonce[12] = {0};

    for (unsigned i = 0; i < 8; i++)
        nonce[4 + i] = (uint8_t)(counter >> 8 * (7 - i));
    ((aes_gcm_enc_dec_t)function)((const struct gcm_key_data *)(const void *)key, &context, data, data, n,
                                  nonce, aside, n_aside, out_tag, KAD_SEAL_TAG);
}

void kad_ready_seal(const struct kad_ready *ready, const uint8_t key[KAD_READY_KEY], uint64_t counter,
                    const void *aside, size_t n_aside, uint8_t *data, size_t n)
{
    run(ready->seal, key, counter, aside, n_aside, data, n, data + n);
}

bool kad_ready_open(const struct kad_ready *ready, const uint8_t key[KAD_READY_KEY], uint64_t counter,
                    const void *aside, size_t n_aside, uint8_t *data, size_t n)
{
    uint8_t tag[KAD_SEAL_TAG];

    if (n < KAD_SEAL_TAG)
        return false;
    n -= KAD_SEAL_TAG;
    run(ready->open, key, counter, aside, n_aside, data, n, tag);
    return sodium_memcmp(tag, data + n, sizeof(tag)) == 0;
}

#else

bool kad_ready_find(struct kad_ready *out_ready)
{
    (void)out_ready;
    return false;
}

/* Nobody has a struct kad_ready to call these with. */

void kad_ready_prepare(const struct kad_ready *ready, const uint8_t key[KAD_SEAL_KEY],
                       uint8_t out_key[KAD_READY_KEY])
{
    (void)ready, (void)key, (void)out_key;
    assert(false);
}

void kad_ready_seal(const struct kad_ready *ready, const uint8_t key[KAD_READY_KEY], uint64_t counter,
                    const void *aside, size_t n_aside, uint8_t *data, size_t n)
{
    (void)ready, (void)key, (void)counter, (void)aside, (void)n_aside, (void)data, (void)n;
    assert(false);
}

bool kad_ready_open(const struct kad_ready *ready, const uint8_t key[KAD_READY_KEY], uint64_t counter,
                    const void *aside, size_t n_aside, uint8_t *data, size_t n)
{
    (void)ready, (void)key, (void)counter, (void)aside, (void)n_aside, (void)data, (void)n;
    assert(false);
    return false;
}

#endif
