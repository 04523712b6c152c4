#include "crypto/identity.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

#include "crypto/bech32.h"
#include "crypto/crypto.h"

#define DOMAIN     "kad/1 "
#define DOMAIN_MAX (sizeof(DOMAIN) + KAD_PURPOSE_MAX) /* with its zero */

int kad_identity_start(void)
{
    return kad_crypto_init();
}

/* -- key pairs --------------------------------------------------------------------------------------------------- */

void kad_identity_from_seed(struct kad_identity *out_identity, const uint8_t seed[32])
{
    kad_ed25519_keypair(seed, out_identity->public_key, out_identity->secret);
}

void kad_identity_wipe(struct kad_identity *identity)
{
    kad_wipe(identity->secret, sizeof(identity->secret));
}

struct kad_id kad_identity_id(const uint8_t public_key[KAD_IDENTITY_SIZE])
{
    struct kad_id id;

    kad_sha256(public_key, KAD_IDENTITY_SIZE, id.bytes);
    return id;
}

static void puzzle_hash(const uint8_t public_key[KAD_IDENTITY_SIZE], uint8_t out_hash[KAD_SHA256_SIZE])
{
    const struct kad_id id = kad_identity_id(public_key);

    kad_sha256(id.bytes, sizeof(id.bytes), out_hash);
}

/* X25519 does not see the sign of x: who has the secret of a key has its negative's as well, and the handshake proves both. So
 * of the two only the one with the smaller hash solves any puzzle. Honest searches hardly ever notice: the one they found has
 * many zero bits, and the other is as good as drawn. */
unsigned kad_identity_bits(const uint8_t public_key[KAD_IDENTITY_SIZE])
{
    uint8_t hash[KAD_SHA256_SIZE], negative[KAD_IDENTITY_SIZE], other[KAD_SHA256_SIZE];
    unsigned bits = 0;

    memcpy(negative, public_key, sizeof(negative));
    negative[KAD_IDENTITY_SIZE - 1] ^= 0x80;
    puzzle_hash(public_key, hash);
    puzzle_hash(negative, other);
    if (memcmp(other, hash, sizeof(hash)) < 0)
        return 0;
    while (bits < 8 * sizeof(hash) && !(hash[bits / 8] >> (7 - bits % 8) & 1))
        bits++;
    return bits;
}

bool kad_identity_valid(const uint8_t public_key[KAD_IDENTITY_SIZE])
{
    return crypto_core_ed25519_is_valid_point(public_key) == 1;
}

/* -- searching --------------------------------------------------------------------------------------------------- */

void kad_identity_search_init(struct kad_identity_search *search, const uint8_t *seed, unsigned bits)
{
    assert(bits <= KAD_PUZZLE_MAX && "no machine finds that");
    *search = (struct kad_identity_search){.bits = bits};
    if (seed)
        memcpy(search->seed, seed, sizeof(search->seed));
    else
        kad_entropy(search->seed, sizeof(search->seed));
}

/* Every candidate is a standard key of its own seed, the hash of the search's and a number. Adding points would be many
 * times faster and would end at a secret scalar without a seed, which no other program reads. */
bool kad_identity_try(struct kad_identity_search *search, unsigned n_tries)
{
    uint8_t material[sizeof(search->seed) + 8], seed[KAD_SHA256_SIZE];

    memcpy(material, search->seed, sizeof(search->seed));
    for (unsigned i = 0; i < n_tries && !search->found; i++) {
        for (unsigned byte = 0; byte < 8; byte++)
            material[sizeof(search->seed) + byte] = (uint8_t)(search->n_tries >> 8 * (7 - byte));
        kad_sha256(material, sizeof(material), seed);
        kad_identity_from_seed(&search->identity, seed);
        search->n_tries++;
        search->found = kad_identity_bits(search->identity.public_key) >= search->bits;
    }
    kad_wipe(material, sizeof(material));
    kad_wipe(seed, sizeof(seed));
    return search->found;
}

void kad_identity_search_wipe(struct kad_identity_search *search)
{
    kad_wipe(search, sizeof(*search));
}

/* -- text -------------------------------------------------------------------------------------------------------- */

char *kad_identity_format(const uint8_t public_key[KAD_IDENTITY_SIZE], char text[KAD_IDENTITY_TEXT])
{
    const struct kad_bytes bytes = {public_key, KAD_IDENTITY_SIZE};
    const int error = kad_bech32_encode(KAD_IDENTITY_PREFIX, bytes, text, KAD_IDENTITY_TEXT);

    assert(!error && "all identities are as long");
    (void)error;
    return text;
}

/* Bech32 also allows all upper case, for QR codes; but an identity has one text, that can be compared. */
static struct kad_bech32_fault read_text(const char *text, uint8_t out_key[KAD_IDENTITY_SIZE])
{
    struct kad_bech32_fault fault = kad_bech32_decode(text, KAD_IDENTITY_PREFIX, out_key, KAD_IDENTITY_SIZE);

    if (fault.kind == KAD_BECH32_GOOD && text[0] != KAD_IDENTITY_PREFIX[0])
        fault = (struct kad_bech32_fault){.kind = KAD_BECH32_CASE, .at = 0};
    return fault;
}

int kad_identity_parse(const char *text, uint8_t out_public_key[KAD_IDENTITY_SIZE])
{
    uint8_t key[KAD_IDENTITY_SIZE];

    if (read_text(text, key).kind != KAD_BECH32_GOOD)
        return KAD_E_INVALID;
    memcpy(out_public_key, key, sizeof(key));
    return KAD_OK;
}

struct sentence {
    char *text;
    size_t room, n;
};

static void say(struct sentence *sentence, const char *text)
{
    for (; *text && sentence->n + 1 < sentence->room; text++)
        sentence->text[sentence->n++] = *text;
    if (sentence->room)
        sentence->text[sentence->n] = '\0';
}

/* At most three digits: no text of an identity is that long. */
static void say_number(struct sentence *sentence, size_t number)
{
    char digits[4];
    size_t at = sizeof(digits) - 1;

    digits[at] = '\0';
    number = number > 999 ? 999 : number;
    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number);
    say(sentence, digits + at);
}

/* Which character, as people count them. What cannot be seen is not shown: it could move a cursor. */
static void say_character(struct sentence *sentence, const char *text, size_t at)
{
    const char shown[] = {text[at] >= ' ' && text[at] <= '~' ? text[at] : '?', '\0'};

    say(sentence, "character ");
    say_number(sentence, at + 1);
    say(sentence, ", \"");
    say(sentence, shown);
    say(sentence, "\", ");
}

char *kad_identity_why(const char *text, char *out_why, size_t why_size)
{
    struct sentence why = {.text = out_why, .room = why_size};
    uint8_t key[KAD_IDENTITY_SIZE];
    const struct kad_bech32_fault fault = read_text(text, key);

    say(&why, "");
    switch (fault.kind) {
    case KAD_BECH32_GOOD:
        break;
    case KAD_BECH32_PREFIX:
        say(&why, "an identity begins with id1");
        break;
    case KAD_BECH32_LENGTHS:
        say(&why, "an identity has 61 characters, this has ");
        say(&why, strlen(text) > 999 ? "more than " : "");
        say_number(&why, strlen(text));
        break;
    case KAD_BECH32_CASE:
        say(&why, "an identity is written in lower case");
        break;
    case KAD_BECH32_CHARACTER:
        say_character(&why, text, fault.at);
        say(&why, "is in no identity");
        break;
    case KAD_BECH32_CHECKSUM:
        if (fault.at == KAD_BECH32_NOWHERE) {
            say(&why, "several characters are mistyped");
            break;
        }
        say_character(&why, text, fault.at);
        say(&why, "is mistyped, or swapped with the next");
        break;
    case KAD_BECH32_PADDING:
        say_character(&why, text, fault.at);
        say(&why, "stands for no whole byte");
        break;
    }
    return out_why;
}

/* -- signatures -------------------------------------------------------------------------------------------------- */

/* "kad/1 PURPOSE", a zero and the data: what is really signed. Returns its size; 0: too much. */
static size_t frame(const char *purpose, struct kad_bytes data, uint8_t out_frame[DOMAIN_MAX + KAD_SIGN_MAX])
{
    const size_t n_domain = sizeof(DOMAIN) - 1, n_purpose = strlen(purpose);

    assert(n_purpose > 0 && n_purpose <= KAD_PURPOSE_MAX && "not a purpose");
    if (data.size > KAD_SIGN_MAX)
        return 0;
    memcpy(out_frame, DOMAIN, n_domain);
    memcpy(out_frame + n_domain, purpose, n_purpose + 1);
    if (data.size)
        memcpy(out_frame + n_domain + n_purpose + 1, data.data, data.size);
    return n_domain + n_purpose + 1 + data.size;
}

int kad_identity_sign(const struct kad_identity *identity, const char *purpose, struct kad_bytes data,
                      uint8_t out_signature[KAD_SIGNATURE_SIZE])
{
    uint8_t bytes[DOMAIN_MAX + KAD_SIGN_MAX];
    const size_t size = frame(purpose, data, bytes);

    if (!size)
        return KAD_E_LIMIT;
    kad_ed25519_sign(identity->secret, bytes, size, out_signature);
    return KAD_OK;
}

bool kad_identity_verify(const uint8_t public_key[KAD_IDENTITY_SIZE], const char *purpose,
                         struct kad_bytes data, const uint8_t signature[KAD_SIGNATURE_SIZE])
{
    uint8_t bytes[DOMAIN_MAX + KAD_SIGN_MAX];
    const size_t size = frame(purpose, data, bytes);

    return size && kad_ed25519_verify(public_key, bytes, size, signature);
}

/* -- moving ------------------------------------------------------------------------------------------------------ */

#define MOVE_PURPOSE "move"
#define MOVE_SIGNED  72 /* bytes: from | to | made_at */

void kad_move_encode(const struct kad_move *move, uint8_t out_bytes[KAD_MOVE_SIZE])
{
    memcpy(out_bytes, move->from, 32);
    memcpy(out_bytes + 32, move->to, 32);
    for (unsigned i = 0; i < 8; i++)
        out_bytes[64 + i] = (uint8_t)((uint64_t)move->made_at >> 8 * (7 - i));
    memcpy(out_bytes + MOVE_SIGNED, move->signature, 64);
}

void kad_move_decode(const uint8_t bytes[KAD_MOVE_SIZE], struct kad_move *out_move)
{
    uint64_t made_at = 0;

    memcpy(out_move->from, bytes, 32);
    memcpy(out_move->to, bytes + 32, 32);
    for (unsigned i = 0; i < 8; i++)
        made_at = made_at << 8 | bytes[64 + i];
    out_move->made_at = (kad_ms)made_at;
    memcpy(out_move->signature, bytes + MOVE_SIGNED, 64);
}

void kad_move_make(struct kad_move *out_move, const struct kad_identity *from,
                   const uint8_t to[KAD_IDENTITY_SIZE], kad_ms made_at)
{
    uint8_t bytes[KAD_MOVE_SIZE];
    int error;

    *out_move = (struct kad_move){.made_at = made_at};
    memcpy(out_move->from, from->public_key, sizeof(out_move->from));
    memcpy(out_move->to, to, sizeof(out_move->to));
    kad_move_encode(out_move, bytes);
    error =
        kad_identity_sign(from, MOVE_PURPOSE, (struct kad_bytes){bytes, MOVE_SIGNED}, out_move->signature);
    assert(!error && "72 bytes are not too many");
    (void)error;
}

bool kad_move_check(const struct kad_move *move)
{
    uint8_t bytes[KAD_MOVE_SIZE];

    kad_move_encode(move, bytes);
    return kad_identity_verify(move->from, MOVE_PURPOSE, (struct kad_bytes){bytes, MOVE_SIGNED},
                               move->signature);
}
