#include "kad/secure.h"

#include <string.h>

#include "base/endpoint.h"
#include "base/test.h"

static const uint8_t owner[32] = {1};

TEST(addresses_come_back)
{
    const uint8_t v6[16] = {0x20, 1};
    struct kad_endpoint list[KAD_SECURE_ENDPOINTS_MAX + 1], again[KAD_SECURE_ENDPOINTS_MAX];
    uint8_t value[400];

    for (unsigned i = 0; i < KAD_COUNT_OF(list); i++)
        list[i] = i % 3 ? kad_endpoint_v4((uint8_t[]){10, 0, 0, (uint8_t)i}, (uint16_t)(4242 + i))
                        : kad_endpoint_v6(v6, 1);
    for (unsigned n = 0; n <= KAD_SECURE_ENDPOINTS_MAX; n++) {
        const size_t size = kad_secure_put_endpoints(list, n, value, sizeof value);

        EXPECT_EQ(size > 0, n > 0);
        EXPECT_EQ(kad_secure_get_endpoints((struct kad_bytes){value, size}, again), n);
        EXPECT_MEM(list, again, n * sizeof *list);
        for (size_t room = 0; room < size; room++)
            EXPECT_EQ(kad_secure_put_endpoints(list, n, value, room), 0);
    }
    EXPECT_EQ(kad_secure_put_endpoints(list, KAD_SECURE_ENDPOINTS_MAX + 1, value, sizeof value), 0);
}

TEST(addresses_that_are_none)
{
    static const uint8_t wrong[][8] = {{4, 1, 2, 3, 4, 0}, {5, 1, 2, 3, 4, 0, 1}, {6, 1, 2, 3, 4, 0, 1}};
    static const size_t sizes[] = {6, 7, 7};
    struct kad_endpoint list[KAD_SECURE_ENDPOINTS_MAX];
    uint8_t many[7 * (KAD_SECURE_ENDPOINTS_MAX + 1)];

    for (unsigned i = 0; i < KAD_COUNT_OF(wrong); i++)
        EXPECT_EQ(kad_secure_get_endpoints((struct kad_bytes){wrong[i], sizes[i]}, list), 0);
    memset(many, 4, sizeof many); /* 4.4.4.4:1028, once too often */
    EXPECT_EQ(kad_secure_get_endpoints((struct kad_bytes){many, sizeof many}, list), 0);
    EXPECT_EQ(kad_secure_get_endpoints((struct kad_bytes){many, sizeof many - 7}, list),
              KAD_SECURE_ENDPOINTS_MAX);
}

/* Republishing: the value stays, its date moves, and who may do that knows neither name nor owner. */
TEST(what_is_renewed_is_the_same_value_for_longer)
{
    struct kad_secure_name name;
    uint8_t value[KAD_SECURE_VALUE_MAX], out[KAD_SECURE_VALUE_MAX], signer[32];
    struct kad_secure_opened opened;
    struct kad_record record, before;
    const struct kad_secure_draft draft = {
        .name = &name, .value = {(const uint8_t *)"hello", 5}, .seed = owner, .sequence = 3, .made_at = 1000};

    EXPECT_EQ(kad_secure_parse("room:lobby", NULL, 0, &name), 0);
    EXPECT_EQ(kad_secure_make(&draft, value, &record), 0);
    EXPECT_EQ(kad_secure_signer(&name, owner, signer), 0);
    before = record;
    EXPECT_EQ(kad_secure_renew(&record, signer, 5000, 5000 + 24 * KAD_HOUR), 0);
    EXPECT_EQ(record.made_at, 5000);
    EXPECT_EQ(kad_secure_open(&name, &record, NULL, out, &opened), 0);
    EXPECT_EQ(opened.value.size, 5);
    EXPECT_MEM(out, "hello", 5);

    record = before;
    EXPECT_EQ(kad_secure_renew(&record, signer, 5000, 5001 + 24 * KAD_HOUR), KAD_E_INVALID); /* too long */
    EXPECT_EQ(kad_secure_renew(&record, owner, 5000, 6000), KAD_E_INVALID); /* not its signer */
    EXPECT_EQ(kad_secure_renew(&record, signer, 5000, 5000), KAD_E_INVALID);
    EXPECT_EQ(memcmp(&record, &before, sizeof record), 0);
}

TEST(drafts_that_cannot_be)
{
    struct kad_secure_name name;
    uint8_t value[KAD_SECURE_VALUE_MAX];
    struct kad_record record;
    struct kad_secure_draft good = {.name = &name, .seed = owner, .made_at = 1000}, draft;

    EXPECT_EQ(kad_secure_parse("room:lobby", NULL, 0, &name), 0);
    EXPECT_EQ(kad_secure_make(&good, value, &record), 0);
    draft = good;
    draft.seed = NULL;
    EXPECT_EQ(kad_secure_make(&draft, value, &record), KAD_E_INVALID);
    draft = good;
    draft.sequence = -1;
    EXPECT_EQ(kad_secure_make(&draft, value, &record), KAD_E_INVALID);
    draft = good;
    draft.made_at = -1;
    EXPECT_EQ(kad_secure_make(&draft, value, &record), KAD_E_INVALID);
    draft = good;
    draft.valid_until = 1000;
    EXPECT_EQ(kad_secure_make(&draft, value, &record), KAD_E_INVALID);
    draft.valid_until = KAD_NEVER;
    EXPECT_EQ(kad_secure_make(&draft, value, &record), KAD_E_INVALID);
    draft.valid_until = 2000; /* shorter than it might live */
    EXPECT_EQ(kad_secure_make(&draft, value, &record), 0);
    EXPECT_EQ(record.valid_until, 2000);
}

TEST(content_is_named_by_its_hash)
{
    static const char *const abc =
        "immutable:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    struct kad_secure_name name, parsed;
    struct kad_id key, parsed_key;

    kad_secure_content_name((struct kad_bytes){(const uint8_t *)"abc", 3}, &name);
    EXPECT_EQ(kad_secure_parse(abc, NULL, 0, &parsed), 0);
    kad_secure_key(&name, &key);
    kad_secure_key(&parsed, &parsed_key);
    EXPECT_MEM(key.bytes, parsed_key.bytes, 32);
}
