#include "channel/cookies.h"

#include "channel/format.h"
#include "crypto/crypto.h"

enum { READY_MEMORY = KAD_READY_KEY + KAD_READY_ALIGN };

void kad_cookies_key(const struct kad_suite *suite, const uint8_t answerer[32], uint8_t out_key[KAD_SEAL_KEY])
{
    static const char purpose[] = "kad/1 cookie";

    suite->hash(purpose, sizeof(purpose), answerer, 32, out_key);
}

void kad_cookies_init(struct kad_cookies *cookies, const struct kad_suite *suite, const uint8_t answerer[32],
                      uint64_t number)
{
    *cookies = (struct kad_cookies){.number = number};
    kad_cookies_key(suite, answerer, cookies->key);
}

void kad_cookies_clear(struct kad_cookies *cookies, const struct kad_allocator *allocator)
{
    kad_free(allocator, cookies->memory, READY_MEMORY);
    cookies->memory = cookies->ready = NULL;
    cookies->looked = false;
}

size_t kad_cookies_memory(const struct kad_cookies *cookies)
{
    return cookies->memory ? READY_MEMORY : 0;
}

static void make_ready(struct kad_cookies *cookies, const struct kad_ready *ready,
                       const struct kad_allocator *allocator)
{
    cookies->memory = ready ? kad_alloc(allocator, READY_MEMORY) : NULL;
    if (!cookies->memory)
        return;
    cookies->ready = cookies->memory + (KAD_READY_ALIGN - (uintptr_t)cookies->memory % KAD_READY_ALIGN);
    kad_ready_prepare(ready, cookies->key, cookies->ready);
}

void kad_cookies_seal(struct kad_cookies *cookies, const struct kad_suite *suite, struct kad_busy_list *list,
                      const uint8_t tail[KAD_TAIL], uint8_t *data, size_t n)
{
    const uint64_t number = cookies->number++;

    if (!cookies->looked && suite->ready)
        make_ready(cookies, kad_busy_ready(list), list->allocator);
    cookies->looked = true;
    if (cookies->ready)
        kad_ready_seal(&list->ready, cookies->ready, number, tail, KAD_TAIL, data, n);
    else
        suite->seal(cookies->key, number, tail, KAD_TAIL, data, n);
}
