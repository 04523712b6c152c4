#include "node/config_classes.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "crypto/crypto.h"
#include "kad/secure.h"
#include "node/config_keys.h"

#define OWNERS_MOST 64 /* values of different owners under one key */

static const char *const selects[] = {"sequence", "newest", "first", NULL};
static const char *const validates[] = {"signed", "hash", "prefix:", NULL};

/* -- reading ----------------------------------------------------------------------------------------------------- */

static int index_of(const char *const *words, const char *text)
{
    for (int i = 0; words[i]; i++) {
        const size_t size = strlen(words[i]);

        if (words[i][size - 1] == ':' ? strncmp(words[i], text, size) == 0 : strcmp(words[i], text) == 0)
            return i;
    }
    return -1;
}

static bool read_count(const char *text, unsigned least, unsigned most, unsigned *out_value)
{
    char *end;
    const unsigned long value = strtoul(text, &end, 10);

    if (!isdigit((unsigned char)*text) || *end || value < least || value > most)
        return false;
    *out_value = (unsigned)value;
    return true;
}

static bool read_select(struct kad_config_class *class, const char *value)
{
    const int i = index_of(selects, value);

    class->select = i < 0 ? KAD_SELECT_SEQUENCE : (enum kad_class_select)i;
    return i >= 0;
}

static bool read_validate(struct kad_config_class *class, const char *value)
{
    const int i = index_of(validates, value);

    if (i < 0)
        return false;
    class->validate = (enum kad_class_validate)i;
    if (class->validate != KAD_VALIDATE_PREFIX)
        return true;
    value += strlen(validates[i]);
    snprintf(class->prefix, sizeof class->prefix, "%s", value);
    return *value && strlen(value) < sizeof class->prefix;
}

static bool read_ttl(const char *value, kad_ms *out_ttl_ms)
{
    if (strcmp(value, "never") == 0) {
        *out_ttl_ms = KAD_NEVER;
        return true;
    }
    return kad_duration_read(value, out_ttl_ms) && *out_ttl_ms >= KAD_SECOND;
}

static bool read_word(struct kad_config_class *class, const char *word, const char *value, bool *out_sealed)
{
    if (strcmp(word, "type") == 0)
        return read_count(value, KAD_CLASS_USER, 255, &class->type);
    if (strcmp(word, "ttl") == 0)
        return read_ttl(value, &class->ttl_ms);
    if (strcmp(word, "max-size") == 0)
        return read_count(value, 1, KAD_SECURE_VALUE_MAX, &class->max_size);
    if (strcmp(word, "owners") == 0)
        return read_count(value, 1, OWNERS_MOST, &class->owners);
    if (strcmp(word, "select") == 0)
        return read_select(class, value);
    if (strcmp(word, "validate") == 0)
        return read_validate(class, value);
    if (strcmp(word, "sealed") == 0) {
        *out_sealed = strcmp(value, "yes") == 0;
        class->open = strcmp(value, "no") == 0;
        return *out_sealed || class->open;
    }
    return false;
}

static bool is_name(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (!islower((unsigned char)text[i]) && !isdigit((unsigned char)text[i]) && text[i] != '-')
            return false;
    }
    return size > 0 && size <= KAD_CLASS_NAME_MAX && islower((unsigned char)*text);
}

static int refuse(char *why, size_t why_size, const char *text)
{
    snprintf(why, why_size, "%s", text);
    return KAD_E_INVALID;
}

static int check(struct kad_config_class *class, bool sealed, char *why, size_t why_size)
{
    static const char *const taken[] = {"immutable", "mutable", "peer",  "room",    "domain",
                                        "listing",   "msg",     "plain", "provider"};
    struct kad_class made;

    for (size_t i = 0; i < KAD_COUNT_OF(taken); i++) {
        if (strcmp(class->name, taken[i]) == 0)
            return refuse(why, why_size, "the network has a class of this name");
    }
    if (class->validate != KAD_VALIDATE_SIGNED && sealed)
        return refuse(why, why_size,
                      "what is sealed only readers can look into: validate goes with sealed=no");
    class->open |= class->validate != KAD_VALIDATE_SIGNED;
    if (class->select == KAD_SELECT_FIRST && class->owners > 1)
        return refuse(why, why_size, "select=first goes with one owner");
    kad_config_class_make(class, &made);
    if (kad_secure_room(&made) < class->max_size)
        return refuse(why, why_size, "max-size: a sealed value of this length does not fit a record");
    return KAD_OK;
}

int kad_config_class_read(const char *text, struct kad_config_class *out_class, char *why, size_t why_size)
{
    struct kad_config_class class = {.ttl_ms = KAD_HOUR, .max_size = 512, .owners = 1};
    size_t size = strcspn(text, " \t");
    bool sealed = false;
    int error;

    if (!is_name(text, size)) {
        snprintf(why, why_size, "a name is wanted: up to %d lower-case letters, digits and '-'",
                 KAD_CLASS_NAME_MAX);
        return KAD_E_INVALID;
    }
    snprintf(class.name, sizeof class.name, "%.*s", (int)size, text);
    for (text += size; *(text += strspn(text, " \t")); text += size) {
        char word[KAD_CONFIG_CLASS_TEXT];
        char *equals;

        size = strcspn(text, " \t");
        snprintf(word, sizeof word, "%.*s", (int)size, text);
        equals = strchr(word, '=');
        if (equals)
            *equals = '\0';
        if (!equals || !read_word(&class, word, equals + 1, &sealed)) {
            snprintf(
                why, why_size,
                "%.60s: there is type=%d..255, ttl=DURATION or never, max-size=1..%d, owners=1..%d, "
                "select=sequence, newest or first, validate=signed, hash or prefix:TEXT, sealed=yes or no",
                word, KAD_CLASS_USER, KAD_SECURE_VALUE_MAX, OWNERS_MOST);
            return KAD_E_INVALID;
        }
    }
    error = check(&class, sealed, why, why_size);
    if (error == KAD_OK)
        *out_class = class;
    return error;
}

/* -- printing ---------------------------------------------------------------------------------------------------- */

static void print_ttl(kad_ms ttl_ms, char *out_text, size_t room)
{
    if (ttl_ms == KAD_NEVER)
        snprintf(out_text, room, "never");
    else
        snprintf(out_text, room, "%lldms", (long long)ttl_ms);
}

char *kad_config_class_print(const struct kad_config_class *class, char *out_text, size_t room)
{
    char ttl[32];

    print_ttl(class->ttl_ms, ttl, sizeof ttl);
    snprintf(out_text, room, "%s type=%u ttl=%s max-size=%u owners=%u select=%s validate=%s%s sealed=%s",
             class->name, kad_config_class_type(class), ttl, class->max_size, class->owners,
             selects[class->select], validates[class->validate], class->prefix, class->open ? "no" : "yes");
    return out_text;
}

/* -- what the engine is told ------------------------------------------------------------------------------------- */

unsigned kad_config_class_type(const struct kad_config_class *class)
{
    uint8_t hash[KAD_SHA256_SIZE];

    if (class->type)
        return class->type;
    kad_sha256(class->name, strlen(class->name), hash);
    return KAD_CLASS_USER + ((unsigned)hash[0] << 8 | hash[1]) % (256u - KAD_CLASS_USER);
}

static bool is_newer(void *context, const struct kad_record *a, const struct kad_record *b)
{
    (void)context;
    return a->made_at > b->made_at;
}

static bool begins_so(void *context, const struct kad_record *record)
{
    const struct kad_config_class *class = context;
    const size_t size = strlen(class->prefix);

    return record->withdrawn ||
           (record->value.size >= size && memcmp(record->value.data, class->prefix, size) == 0);
}

static bool is_its_hash(void *context, const struct kad_record *record)
{
    struct kad_class made;
    struct kad_secure_name name;
    uint8_t hash[KAD_SHA256_SIZE];
    char digits[2 * KAD_SHA256_SIZE + 1];
    struct kad_id key;

    if (record->withdrawn)
        return true;
    kad_config_class_make(context, &made);
    kad_sha256(record->value.data, record->value.size, hash);
    kad_hex(hash, sizeof hash, digits);
    if (kad_secure_named(made.name, (struct kad_bytes){(const uint8_t *)digits, strlen(digits)}, &made, 1,
                         &name) != KAD_OK)
        return false;
    kad_secure_key(&name, &key);
    return memcmp(&key, &record->key, sizeof key) == 0;
}

void kad_config_class_make(const struct kad_config_class *class, struct kad_class *out_class)
{
    static bool (*const valid[])(void *, const struct kad_record *) = {NULL, is_its_hash, begins_so};

    *out_class = (struct kad_class){
        .name = class->name,
        .type = (uint8_t)kad_config_class_type(class),
        .first_owner = class->select == KAD_SELECT_FIRST,
        .plain = class->open,
        .value_max = (uint16_t) class->max_size,
        .owners_max = (uint16_t) class->owners,
        .ttl_ms = class->ttl_ms,
        .valid = valid[class->validate],
        .better = class->select == KAD_SELECT_NEWEST ? is_newer : NULL,
        .context = (void *)(uintptr_t) class,
    };
    /* On the wire a sealed value is longer: padded, and with what proves its owner. */
    while (out_class->value_max < KAD_SECURE_VALUE_MAX && kad_secure_room(out_class) < class->max_size)
        out_class->value_max++;
}
