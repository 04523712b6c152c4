/*
 * kadname_fuzz - any text as a name, any bytes as a record found under it.
 *
 *     text, up to the first 0 | rest
 *
 * A text that names something makes records that open under it, of the value that the rest is; a record whose value is the rest,
 * however validly signed, opens to nothing that was not sealed under this name, and never crashes its reader.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz/must.h"
#include "crypto/crypto.h"
#include "wire/kad/name.h"
#include "wire/kad/record.h"

static const uint8_t owner[32] = {1}, entropy[32] = {2};

static void check_own(const struct kad_secure_name *name, struct kad_bytes value)
{
    const bool letter = kad_wire_signer(name->class_) == KAD_SIGNER_LETTER;
    const struct kad_secure_draft draft = {
        .name = name, .value = value, .seed = owner, .entropy = letter ? entropy : NULL, .made_at = 1000};
    uint8_t sealed[KAD_SECURE_VALUE_MAX], out[KAD_SECURE_VALUE_MAX];
    struct kad_secure_opened opened;
    struct kad_record record;

    if (kad_name_make(&draft, sealed, &record) != 0)
        return;
    must(kad_wire_check_record(&record) == KAD_REFUSAL_NONE, "made what is refused");
    if (letter)
        return; /* the recipient's to open */
    must(kad_name_open(name, &record, NULL, out, &opened) == 0, "does not open");
    must(opened.value.size == value.size && (!value.size || memcmp(out, value.data, value.size) == 0),
         "opens to another value");
}

static void check_foreign(const struct kad_secure_name *name, struct kad_bytes value)
{
    uint8_t out[KAD_SECURE_VALUE_MAX], signer[32] = {3};
    struct kad_secure_opened opened;
    struct kad_record record = {.type = name->class_->type,
                                .many = name->class_->owners_max > 1,
                                .value = value,
                                .made_at = 1000,
                                .valid_until = 2000};

    if (value.size > KAD_SECURE_VALUE_MAX)
        return;
    if (kad_wire_signer(name->class_) != KAD_SIGNER_LETTER)
        must(kad_name_signer(name, owner, signer) == 0, "no signer");
    kad_name_key(name, &record.key);
    kad_wire_sign_record(&record, signer);
    if (kad_name_open(name, &record, owner, out, &opened) == 0)
        must(name->class_->plain, "opened what nobody sealed");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct kad_class own = {
        .name = "chess", .type = KAD_CLASS_USER, .value_max = 512, .owners_max = 1, .ttl_ms = KAD_HOUR};
    const uint8_t *end = size ? memchr(data, 0, size) : NULL;
    struct kad_secure_name name;
    struct kad_bytes rest;

    if (!end)
        return 0;
    rest = (struct kad_bytes){end + 1, size - (size_t)(end + 1 - data)};
    if (kad_name_parse((const char *)data, &own, 1, &name) != 0)
        return 0;
    must(name.size > 0, "a name of nothing");
    check_own(&name, rest);
    check_foreign(&name, rest);
    return 0;
}
