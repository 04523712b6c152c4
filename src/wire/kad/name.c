#include "wire/kad/name.h"

#include <assert.h>
#include <string.h>

#include "core/id.h"
#include "crypto/crypto.h"
#include "crypto/seal.h"
#include "wire/kad/record.h"
#include "wire/kad/wire.h"

#define PURPOSE_MAX 32
#define PAD         64
#define OWNER_SIZE  (32 + 64) /* who, and the signature that says so */
#define SIZE_SIZE   2

/* What is hashed or signed here: a purpose with its zero, and parts behind it. */
struct text {
    uint8_t
        bytes[PURPOSE_MAX + 3 * 32 + 8 + KAD_CLASS_NAME_MAX + 1 + KAD_SECURE_NAME_MAX + KAD_SECURE_VALUE_MAX];
    size_t size;
};

static void add(struct text *text, const void *data, size_t size)
{
    assert(size <= sizeof text->bytes - text->size && "room for all that is ever added");
    if (size)
        memcpy(text->bytes + text->size, data, size);
    text->size += size;
}

static void begin(struct text *text, const char *purpose)
{
    text->size = 0;
    add(text, purpose, strlen(purpose) + 1);
}

static void add_name(struct text *text, const char *class_name, struct kad_bytes name)
{
    add(text, class_name, strlen(class_name) + 1);
    add(text, name.data, name.size);
}

static void hash_and_wipe(struct text *text, uint8_t out_hash[32])
{
    kad_sha256(text->bytes, text->size, out_hash);
    kad_wipe(text->bytes, text->size);
}

static struct kad_bytes bytes_of(const struct kad_secure_name *name)
{
    return (struct kad_bytes){name->bytes, name->size};
}

enum kad_signer kad_wire_signer(const struct kad_class *class)
{
    if (class->type == KAD_RECORD_IMMUTABLE)
        return KAD_SIGNER_CONTENT;
    if (class->type == KAD_CLASS_MESSAGE)
        return KAD_SIGNER_LETTER;
    if (class->plain || class->type == KAD_CLASS_PEER || class->type == KAD_CLASS_PROVIDER)
        return KAD_SIGNER_IDENTITY;
    return KAD_SIGNER_NAME;
}

struct kad_id kad_wire_key(const char *class_name, struct kad_bytes name)
{
    struct text text;
    struct kad_id key;

    begin(&text, "kad/1 key");
    add_name(&text, class_name, name);
    kad_sha256(text.bytes, text.size, key.bytes);
    return key;
}

/* Whoever knows the content's hash can sign for it, and nobody else. */
static void content_signer(const struct kad_secure_name *name, uint8_t out_signer[32])
{
    struct text text;

    begin(&text, "kad/1 immutable");
    add(&text, name->bytes, name->size);
    hash_and_wipe(&text, out_signer);
}

void kad_name_key(const struct kad_secure_name *name, struct kad_id *out_key)
{
    uint8_t signer[32], public_key[KAD_ED25519_PUBLIC], secret[KAD_ED25519_SECRET];

    if (name->class_->type != KAD_RECORD_IMMUTABLE || name->class_->plain) {
        *out_key = kad_wire_key(name->class_->name, bytes_of(name));
        return;
    }
    content_signer(name, signer);
    kad_ed25519_keypair(signer, public_key, secret);
    *out_key = kad_wire_key(name->class_->name, (struct kad_bytes){public_key, sizeof public_key});
}

static void seal_key(const struct kad_secure_name *name, uint8_t out_key[KAD_SEAL_KEY])
{
    struct text text;

    begin(&text, "kad/1 seal");
    add_name(&text, name->class_->name, bytes_of(name));
    hash_and_wipe(&text, out_key);
}

/* Different for each plaintext, so that a sequence number used twice gives nothing away. */
static void seal_nonce(const uint8_t key[KAD_SEAL_KEY], const struct kad_record *record,
                       struct kad_bytes plain, uint8_t out_nonce[KAD_SEAL_NONCE])
{
    struct text text;
    uint8_t sequence[8], hash[32];

    kad_wire_put_u64(sequence, (uint64_t)record->sequence);
    begin(&text, "kad/1 nonce");
    add(&text, key, KAD_SEAL_KEY);
    add(&text, record->public_key, sizeof record->public_key);
    add(&text, sequence, sizeof sequence);
    add(&text, plain.data, plain.size);
    hash_and_wipe(&text, hash);
    memcpy(out_nonce, hash, KAD_SEAL_NONCE);
}

/* What an owner signs: that this key signs for this name. */
static void owner_text(const struct kad_secure_name *name, const uint8_t signer[32], struct text *out_text)
{
    begin(out_text, "kad/1 name-owner");
    add(out_text, signer, 32);
    add_name(out_text, name->class_->name, bytes_of(name));
}

int kad_name_signer(const struct kad_secure_name *name, const uint8_t *seed, uint8_t out_signer[32])
{
    const enum kad_signer signer = kad_wire_signer(name->class_);
    struct text text;

    if (signer == KAD_SIGNER_CONTENT) {
        content_signer(name, out_signer);
        return 0;
    }
    if (signer == KAD_SIGNER_LETTER || !seed)
        return KAD_E_INVALID;
    if (signer == KAD_SIGNER_IDENTITY) {
        memcpy(out_signer, seed, 32);
        return 0;
    }
    begin(&text, "kad/1 name key");
    add(&text, seed, 32);
    add_name(&text, name->class_->name, bytes_of(name));
    hash_and_wipe(&text, out_signer);
    return 0;
}

/* Bytes of a sealed value that are not padded plaintext. */
static size_t extra_of(enum kad_signer signer)
{
    return signer == KAD_SIGNER_LETTER ? KAD_BOX_EXTRA : KAD_SEAL_NONCE + KAD_SEAL_TAG;
}

/* Bytes of the plaintext that are not the value. */
static size_t head_of(enum kad_signer signer)
{
    return SIZE_SIZE + (signer == KAD_SIGNER_NAME || signer == KAD_SIGNER_LETTER ? OWNER_SIZE : 0);
}

size_t kad_name_room(const struct kad_class *class)
{
    const enum kad_signer signer = kad_wire_signer(class);
    const size_t most = class->value_max < KAD_SECURE_VALUE_MAX ? class->value_max : KAD_SECURE_VALUE_MAX;
    const size_t taken = extra_of(signer) + head_of(signer);

    if (class->plain)
        return most;
    return most / PAD * PAD > taken ? most / PAD * PAD - taken : 0;
}

/* -- making ------------------------------------------------------------------------------------------------------ */

/* Does this identity have this node id? */
static bool is_itself(const struct kad_secure_name *name, const uint8_t *seed)
{
    uint8_t public_key[KAD_ED25519_PUBLIC], secret[KAD_ED25519_SECRET], id[32];

    kad_ed25519_keypair(seed, public_key, secret);
    kad_wipe(secret, sizeof secret);
    kad_sha256(public_key, sizeof public_key, id);
    return memcmp(id, name->bytes, sizeof id) == 0;
}

/* Everything that can be refused before anything is made. */
static int check_draft(const struct kad_secure_draft *draft, kad_ms valid_until)
{
    const struct kad_secure_name *name = draft->name;
    const struct kad_class *class = name->class_;
    const enum kad_signer signer = kad_wire_signer(class);
    uint8_t hash[32];

    if (draft->sequence < 0 || draft->sequence == INT64_MAX || draft->made_at < 0 ||
        valid_until <= draft->made_at)
        return KAD_E_INVALID;
    if (class->ttl_ms != KAD_NEVER &&
        (valid_until == KAD_NEVER || valid_until - draft->made_at > class->ttl_ms))
        return KAD_E_INVALID;
    if (draft->value.size > (draft->withdrawn ? 0 : kad_name_room(class)))
        return draft->withdrawn ? KAD_E_INVALID : KAD_E_SPACE;
    switch (signer) {
    case KAD_SIGNER_CONTENT:
        kad_sha256(draft->value.data, draft->value.size, hash);
        if (draft->withdrawn || draft->sequence || name->size != sizeof hash ||
            memcmp(hash, name->bytes, sizeof hash) != 0)
            return KAD_E_INVALID;
        return 0;
    case KAD_SIGNER_LETTER:
        return !draft->withdrawn && draft->entropy && name->has_public_key ? 0 : KAD_E_INVALID;
    case KAD_SIGNER_IDENTITY:
        if (!draft->seed || (class->type == KAD_CLASS_PEER && !is_itself(name, draft->seed)))
            return KAD_E_INVALID;
        return 0;
    case KAD_SIGNER_NAME:
        break;
    }
    return draft->seed ? 0 : KAD_E_INVALID;
}

static void letter_seed(const char *purpose, const uint8_t entropy[32], uint8_t out_seed[32])
{
    struct text text;

    begin(&text, purpose);
    add(&text, entropy, 32);
    hash_and_wipe(&text, out_seed);
}

/* Who the owner is and that it says so; zero without one. */
static void put_owner(const struct kad_secure_draft *draft, const uint8_t signer[32], uint8_t *out_owner)
{
    uint8_t secret[KAD_ED25519_SECRET];
    struct text text;

    memset(out_owner, 0, OWNER_SIZE);
    if (!draft->seed)
        return;
    kad_ed25519_keypair(draft->seed, out_owner, secret);
    owner_text(draft->name, signer, &text);
    kad_ed25519_sign(secret, text.bytes, text.size, out_owner + 32);
    kad_wipe(secret, sizeof secret);
}

/* Owner, size, value, and zeros up to where the sealed value is a multiple of PAD. */
static size_t put_plain(const struct kad_secure_draft *draft, const uint8_t signer[32], uint8_t *out_plain)
{
    const enum kad_signer kind = kad_wire_signer(draft->name->class_);
    const size_t taken = head_of(kind) + draft->value.size;
    const size_t size = (taken + extra_of(kind) + PAD - 1) / PAD * PAD - extra_of(kind);
    uint8_t *at = out_plain;

    if (head_of(kind) > SIZE_SIZE) {
        put_owner(draft, signer, at);
        at += OWNER_SIZE;
    }
    at = kad_wire_put_u16(at, draft->value.size);
    if (draft->value.size)
        memcpy(at, draft->value.data, draft->value.size);
    memset(out_plain + taken, 0, size - taken);
    return size;
}

/* False: the recipient's public key is none. */
static bool seal_value(const struct kad_secure_draft *draft, struct kad_record *record, uint8_t *out_value)
{
    uint8_t plain[KAD_SECURE_VALUE_MAX], key[KAD_SEAL_KEY];
    const struct kad_bytes text = {plain, put_plain(draft, record->public_key, plain)};
    bool sealed = true;

    if (kad_wire_signer(draft->name->class_) == KAD_SIGNER_LETTER) {
        letter_seed("kad/1 letter box", draft->entropy, key);
        sealed = kad_box_seal(draft->name->public_key, key, text, out_value);
        record->value = (struct kad_bytes){out_value, text.size + KAD_BOX_EXTRA};
    } else {
        seal_key(draft->name, key);
        seal_nonce(key, record, text, out_value);
        kad_seal(key, out_value, text, out_value + KAD_SEAL_NONCE);
        record->value = (struct kad_bytes){out_value, KAD_SEAL_NONCE + text.size + KAD_SEAL_TAG};
    }
    kad_wipe(key, sizeof key);
    kad_wipe(plain, sizeof plain);
    return sealed;
}

int kad_name_make(const struct kad_secure_draft *draft, uint8_t *out_value, struct kad_record *out_record)
{
    const struct kad_class *class = draft->name->class_;
    uint8_t signer[32], secret[KAD_ED25519_SECRET];
    struct kad_record record = {
        .type = class->type,
        .many = class->owners_max > 1,
        .withdrawn = draft->withdrawn,
        .sequence = draft->sequence,
        .made_at = draft->made_at,
        .valid_until = draft->valid_until,
    };
    int error;

    if (!record.valid_until || record.withdrawn) /* a tombstone outlives whatever it may withdraw */
        record.valid_until = class->ttl_ms == KAD_NEVER ? KAD_NEVER : draft->made_at + class->ttl_ms;
    error = check_draft(draft, record.valid_until);
    if (error)
        return error;
    if (kad_wire_signer(class) == KAD_SIGNER_LETTER)
        letter_seed("kad/1 letter sign", draft->entropy, signer);
    else
        error = kad_name_signer(draft->name, draft->seed, signer);
    assert(!error && "the draft was checked");
    kad_ed25519_keypair(signer, record.public_key, secret);
    kad_wipe(secret, sizeof secret);

    kad_name_key(draft->name, &record.key);
    if (class->plain && !draft->withdrawn) {
        if (draft->value.size)
            memcpy(out_value, draft->value.data, draft->value.size);
        record.value = (struct kad_bytes){out_value, draft->value.size};
    } else if (!draft->withdrawn && !seal_value(draft, &record, out_value)) {
        kad_wipe(signer, sizeof signer);
        return KAD_E_INVALID;
    }
    kad_wire_sign_record(&record, signer);
    kad_wipe(signer, sizeof signer);
    *out_record = record;
    return 0;
}

/* -- opening ----------------------------------------------------------------------------------------------------- */

/* The plaintext of a value. Returns its size, 0: it does not open. */
static size_t unseal_value(const struct kad_secure_name *name, const struct kad_record *record,
                           const uint8_t *seed, uint8_t *out_plain)
{
    const enum kad_signer signer = kad_wire_signer(name->class_);
    const struct kad_bytes value = record->value;
    uint8_t key[KAD_SEAL_KEY];
    bool opened;

    if (value.size % PAD || value.size < extra_of(signer) + head_of(signer))
        return 0;
    if (signer == KAD_SIGNER_LETTER) {
        opened = seed && kad_box_open(seed, value, out_plain);
    } else {
        const struct kad_bytes sealed = {value.data + KAD_SEAL_NONCE, value.size - KAD_SEAL_NONCE};

        seal_key(name, key);
        opened = kad_unseal(key, value.data, sealed, out_plain);
        kad_wipe(key, sizeof key);
    }
    return opened ? value.size - extra_of(signer) : 0;
}

/* Who the plaintext says is the owner. False: it is not true. */
static bool get_owner(const struct kad_secure_name *name, const struct kad_record *record,
                      const uint8_t *owner, struct kad_secure_opened *opened)
{
    static const uint8_t nobody[OWNER_SIZE];
    struct text text;

    if (kad_wire_signer(name->class_) == KAD_SIGNER_LETTER && memcmp(owner, nobody, OWNER_SIZE) == 0)
        return true;
    owner_text(name, record->public_key, &text);
    if (!kad_ed25519_verify(owner, text.bytes, text.size, owner + 32))
        return false;
    opened->has_owner = true;
    memcpy(opened->owner, owner, sizeof opened->owner);
    return true;
}

/* Takes a plaintext apart: its padding is zero and shorter than PAD, or it is none. */
static bool read_plain(const struct kad_secure_name *name, const struct kad_record *record,
                       const uint8_t *plain, size_t size, uint8_t *out_value,
                       struct kad_secure_opened *opened)
{
    const enum kad_signer signer = kad_wire_signer(name->class_);
    const size_t head = head_of(signer);
    const size_t n = kad_wire_get_u16(plain + head - SIZE_SIZE);

    if (n > size - head || size - head - n >= PAD)
        return false;
    for (size_t i = head + n; i < size; i++) {
        if (plain[i])
            return false;
    }
    if (head > SIZE_SIZE && !get_owner(name, record, plain, opened))
        return false;
    memcpy(out_value, plain + head, n);
    opened->value = (struct kad_bytes){out_value, n};
    return true;
}

static bool content_is(const struct kad_secure_name *name, struct kad_bytes content)
{
    uint8_t hash[32];

    kad_sha256(content.data, content.size, hash);
    return name->size == sizeof hash && memcmp(hash, name->bytes, sizeof hash) == 0;
}

int kad_name_open(const struct kad_secure_name *name, const struct kad_record *record, const uint8_t *seed,
                  uint8_t *out_value, struct kad_secure_opened *out_opened)
{
    const enum kad_signer signer = kad_wire_signer(name->class_);
    struct kad_class class = *name->class_;
    struct kad_secure_opened opened = {.has_owner = signer == KAD_SIGNER_IDENTITY};
    uint8_t plain[KAD_SECURE_VALUE_MAX];
    struct kad_id key;
    size_t size;
    bool good;

    class.valid = NULL; /* the engine has asked it, on its own thread */
    kad_name_key(name, &key);
    if (record->type != class.type || !kad_id_equal(&key, &record->key) ||
        kad_class_check(&class, record) != KAD_REFUSAL_NONE ||
        kad_wire_check_record(record) != KAD_REFUSAL_NONE)
        return KAD_E_INVALID;
    if (record->withdrawn || record->hashed)
        return KAD_E_NOT_FOUND;
    memcpy(opened.owner, record->public_key, opened.has_owner ? sizeof opened.owner : 0);
    if (class.plain) {
        if (record->value.size)
            memcpy(out_value, record->value.data, record->value.size);
        opened.value = (struct kad_bytes){out_value, record->value.size};
        good = true;
    } else {
        size = unseal_value(name, record, seed, plain);
        good = size > 0 && read_plain(name, record, plain, size, out_value, &opened);
        kad_wipe(plain, sizeof plain);
    }
    if (!good || (signer == KAD_SIGNER_CONTENT && !content_is(name, opened.value)))
        return KAD_E_CORRUPT;
    *out_opened = opened;
    return 0;
}
