#include "node/config_classes.h"

#include <stdio.h>
#include <string.h>

#include "base/test.h"
#include "base/text.h"
#include "crypto/crypto.h"
#include "kad/secure.h"

static struct kad_config_class read_class(const char *text)
{
    struct kad_config_class class = {0};
    char why[512] = "";

    EXPECT_MSG(kad_config_class_read(text, &class, why, sizeof(why)) == 0, "%s: %s", text, why);
    return class;
}

static const char *refused(const char *text)
{
    static char why[512];
    struct kad_config_class class;

    strcpy(why, "was taken");
    EXPECT_EQ(kad_config_class_read(text, &class, why, sizeof(why)), KAD_E_INVALID);
    return why;
}

TEST(a_line_says_all_that_a_struct_does)
{
    const struct kad_config_class class = read_class(
        "recipe  type=77 ttl=7d max-size=600 owners=3 select=newest validate=prefix:{\"t sealed=no");
    struct kad_class made;
    char text[KAD_CONFIG_CLASS_TEXT + 60];

    kad_config_class_make(&class, &made);
    EXPECT_STR(made.name, "recipe");
    EXPECT_EQ(made.type, 77);
    EXPECT_EQ(made.ttl_ms, 7 * 24 * KAD_HOUR);
    EXPECT_EQ(made.value_max, 600);
    EXPECT_EQ(made.owners_max, 3);
    EXPECT(made.plain && made.valid && made.better && !made.first_owner);
    EXPECT_STR(
        kad_config_class_print(&class, text, sizeof(text)),
        "recipe type=77 ttl=604800000ms max-size=600 owners=3 select=newest validate=prefix:{\"t sealed=no");
}

/* Nodes agree on a class by its name alone, in whatever order their files have them. */
TEST(a_type_follows_from_the_name)
{
    const struct kad_config_class class = read_class("recipe"), other = read_class("menu");

    EXPECT(kad_config_class_type(&class) >= KAD_CLASS_USER && kad_config_class_type(&class) <= 255);
    EXPECT(kad_config_class_type(&class) != kad_config_class_type(&other));
    EXPECT_EQ(kad_config_class_type(&class), 9 + 0xe1d8 % 247); /* the first bytes of the name's SHA-256 */
}

/* A sealed value is padded: so much more goes over the wire that a value of max-size fits. */
TEST(max_size_is_of_the_value)
{
    static const unsigned sizes[] = {1, 30, 100, 500, 700};
    struct kad_class made;

    for (size_t i = 0; i < KAD_COUNT_OF(sizes); i++) {
        char text[64];
        struct kad_config_class class;

        snprintf(text, sizeof(text), "note max-size=%u", sizes[i]);
        class = read_class(text);
        kad_config_class_make(&class, &made);
        EXPECT(!made.plain && kad_secure_room(&made) >= sizes[i] && kad_secure_room(&made) < sizes[i] + 64);
        snprintf(text, sizeof(text), "note max-size=%u sealed=no", sizes[i]);
        class = read_class(text);
        kad_config_class_make(&class, &made);
        EXPECT_EQ(kad_secure_room(&made), sizes[i]);
    }
}

TEST(what_is_no_class_is_refused_with_its_reason)
{
    EXPECT(strstr(refused("Recipe"), "a name is wanted"));
    EXPECT(strstr(refused(""), "a name is wanted"));
    EXPECT(strstr(refused("room"), "has a class of this name"));
    EXPECT(strstr(refused("recipe ttl=0"), "ttl: there is"));
    EXPECT(strstr(refused("recipe max-size=897"), "max-size: there is"));
    EXPECT(strstr(refused("recipe max-size=896"), "does not fit"));
    EXPECT(strstr(refused("recipe type=3"), "type: there is"));
    EXPECT(strstr(refused("recipe colour=red"), "colour: there is"));
    EXPECT(strstr(refused("recipe validate=hash sealed=yes"), "sealed=no"));
    EXPECT(strstr(refused("recipe validate=prefix:"), "validate: there is"));
    EXPECT(strstr(refused("recipe select=first owners=2"), "one owner"));
}

static struct kad_record record_of(const char *value)
{
    return (struct kad_record){.value = {(const uint8_t *)value, strlen(value)}};
}

TEST(validators_and_selectors_do_what_they_are_called)
{
    const struct kad_config_class prefix = read_class("recipe validate=prefix:{"),
                                  hash = read_class("blob validate=hash"),
                                  newest = read_class("news select=newest"),
                                  first = read_class("claim select=first");
    struct kad_record good = record_of("{}"), bad = record_of("x"), old = {.made_at = 1, .sequence = 9},
                      young = {.made_at = 2, .sequence = 1};
    struct kad_secure_name name;
    struct kad_class made;
    uint8_t digest[32];
    char digits[65];

    kad_config_class_make(&prefix, &made);
    EXPECT(made.valid(made.context, &good) && !made.valid(made.context, &bad));
    bad.withdrawn = true; /* a tombstone has no value */
    EXPECT(made.valid(made.context, &bad));

    kad_config_class_make(&hash, &made);
    kad_sha256("{}", 2, digest);
    kad_hex(digest, sizeof(digest), digits);
    EXPECT_EQ(kad_secure_named("blob", (struct kad_bytes){(const uint8_t *)digits, 64}, &made, 1, &name), 0);
    kad_secure_key(&name, &good.key);
    bad = record_of("x");
    bad.key = good.key;
    EXPECT(made.valid(made.context, &good) && !made.valid(made.context, &bad));

    kad_config_class_make(&newest, &made);
    EXPECT(made.better(made.context, &young, &old) && !made.better(made.context, &old, &young));
    kad_config_class_make(&first, &made);
    EXPECT(made.first_owner && !made.better);
}
