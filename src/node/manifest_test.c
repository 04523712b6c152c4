#include "node/manifest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/test.h"
#include "base/text.h"

#define JANUARY_2027 1798761600000 /* 2027-01-01T00:00:00Z */

static const char plain[] = "# whose it is\n"
                            "kad-manifest 1\n"
                            "network mainline\r\n"
                            "  valid-until 2027-01-31T00:00:00Z\n"
                            "\n"
                            "node router.example.org:6881\n"
                            "node [2001:db8::1]:6881\n";

static const uint8_t ours[KAD_ED25519_SEED] = {1}, theirs[KAD_ED25519_SEED] = {2};

static struct kad_manifest_keys trusting(const uint8_t seed[KAD_ED25519_SEED])
{
    struct kad_manifest_keys keys = {.n = 1};
    uint8_t secret[KAD_ED25519_SECRET];

    EXPECT_EQ(kad_crypto_init(), 0);
    kad_ed25519_keypair(seed, keys.keys[0], secret);
    return keys;
}

/* free() it. */
static char *signed_by(const char *text, const uint8_t seed[KAD_ED25519_SEED])
{
    char *out = NULL, why[200] = "";

    EXPECT_EQ(kad_crypto_init(), 0);
    EXPECT_MSG(kad_manifest_sign(text, strlen(text), seed, &out, why, sizeof why) == KAD_OK, "%s", why);
    return out;
}

static int reading(const char *text, const struct kad_manifest_keys *keys, kad_ms now, char why[200])
{
    static struct kad_manifest manifest;

    strcpy(why, "");
    return kad_manifest_read(text, strlen(text), keys, "mainline", now, &manifest, why, 200);
}

TEST(what_is_signed_reads_back)
{
    const struct kad_manifest_keys keys = trusting(ours);
    char *text = signed_by(plain, ours), why[200];
    struct kad_manifest manifest;

    EXPECT_EQ(
        kad_manifest_read(text, strlen(text), &keys, "mainline", JANUARY_2027, &manifest, why, sizeof why),
        0);
    EXPECT_EQ(manifest.n_nodes, 2);
    EXPECT_STR(manifest.nodes[0], "router.example.org:6881");
    EXPECT_STR(manifest.nodes[1], "[2001:db8::1]:6881");
    EXPECT_EQ(manifest.valid_until, JANUARY_2027 + 30 * 24 * KAD_HOUR);
    EXPECT_MEM(manifest.signer, keys.keys[0], sizeof manifest.signer);
    free(text);
}

/* However it was carried about: in a DNS record, with other ends of lines, with a comment that somebody added. */
TEST(what_carries_it_does_not_matter)
{
    const struct kad_manifest_keys keys = trusting(ours);
    char *text = signed_by(plain, ours), other[2048], why[200];
    size_t n = 0;

    for (const char *at = text; *at; at++)
        n += (size_t)sprintf(other + n, *at == '\n' ? " ; " : "%c", *at);
    EXPECT_EQ(reading(other, &keys, JANUARY_2027, why), 0);
    n = (size_t)sprintf(other, "# found; on a wall\r\n\r\n");
    for (const char *at = text; *at; at++)
        n += (size_t)sprintf(other + n, *at == '\n' ? "\t\r\n" : "%c", *at);
    EXPECT_EQ(reading(other, &keys, JANUARY_2027, why), 0);
    free(text);
}

/* Not one bit of what is signed can change, nor of the signature; a comment is not signed. */
TEST(any_change_is_noticed)
{
    const struct kad_manifest_keys keys = trusting(ours);
    char *text = signed_by(
        "kad-manifest 1\nnetwork mainline\nvalid-until 2027-01-31T00:00:00Z\nnode 10.0.0.1:1\n", ours);
    char why[200];

    for (size_t i = 0; i < strlen(text) - 1; i++) {
        const char was = text[i];

        text[i] = (char)(was ^ 1);
        EXPECT_MSG(reading(text, &keys, JANUARY_2027, why) < 0, "byte %zu", i);
        text[i] = was;
    }
    EXPECT_EQ(reading(text, &keys, JANUARY_2027, why), 0);
    free(text);
}

TEST(strangers_and_nobody_are_not_believed)
{
    const struct kad_manifest_keys keys = trusting(ours), none = {.n = 0};
    char *text = signed_by(plain, theirs), why[200];

    EXPECT_EQ(reading(text, &keys, JANUARY_2027, why), KAD_E_REFUSED);
    EXPECT_STR(why, "signed by no key that is trusted");
    EXPECT_EQ(reading(text, &none, JANUARY_2027, why), KAD_E_REFUSED);
    EXPECT_EQ(reading(plain, &keys, JANUARY_2027, why), KAD_E_REFUSED);
    EXPECT_STR(why, "not signed");
    EXPECT_EQ(reading(text, NULL, JANUARY_2027, why), 0); /* to look at it */
    free(text);
}

/* One of several keys is enough, whichever comes first: that is how a key is replaced. */
TEST(one_good_signature_is_enough)
{
    const struct kad_manifest_keys keys = trusting(ours);
    char *once = signed_by(plain, theirs), *twice = signed_by(once, ours), *again = NULL, why[200];

    EXPECT_EQ(reading(twice, &keys, JANUARY_2027, why), 0);
    EXPECT_EQ(kad_manifest_sign(twice, strlen(twice), ours, &again, why, sizeof why), KAD_E_EXISTS);
    EXPECT(again == NULL);
    free(once);
    free(twice);
}

TEST(it_ends)
{
    const struct kad_manifest_keys keys = trusting(ours);
    const kad_ms end = JANUARY_2027 + 30 * 24 * KAD_HOUR;
    char *text = signed_by(plain, ours), why[200];

    EXPECT_EQ(reading(text, &keys, end - 1, why), 0);
    EXPECT_EQ(reading(text, &keys, end, why), KAD_E_TIMEOUT);
    free(text);
}

TEST(what_is_no_manifest_is_not_signed)
{
    static const char *const wrong[] = {
        "",
        "kad-manifest 2\nnetwork mainline\nvalid-until 2027-01-31T00:00:00Z\nnode a:1\n",
        "kad-manifest 1\nvalid-until 2027-01-31T00:00:00Z\nnode a:1\n",
        "kad-manifest 1\nnetwork mainline\nvalid-until tomorrow\nnode a:1\n",
        "kad-manifest 1\nnetwork mainline\nvalid-until 2027-02-31T00:00:00Z\nnode a:1\n",
        "kad-manifest 1\nnetwork mainline\nvalid-until 2027-01-31T00:00:00Z\n",
        "kad-manifest 1\nnetwork mainline\nvalid-until 2027-01-31T00:00:00Z\nnode a\n",
        "kad-manifest 1\nnetwork mainline\nvalid-until 2027-01-31T00:00:00Z\nnode a:1\nand more\n",
        "kad-manifest 1\nnetwork mainline\nvalid-until 2027-01-31T00:00:00Z\nnode a:1\nsignature none\n",
    };
    char *out = NULL, why[200];

    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        EXPECT_MSG(kad_manifest_sign(wrong[i], strlen(wrong[i]), ours, &out, why, sizeof why) ==
                       KAD_E_INVALID,
                   "%zu: %s", i, wrong[i]);
}

TEST(limits_hold)
{
    const struct kad_manifest_keys keys = trusting(ours);
    char *text = malloc(KAD_MANIFEST_MAX + 64), *out = NULL, why[200];
    size_t n = (size_t)sprintf(text, "kad-manifest 1\nnetwork mainline\nvalid-until 2027-01-31T00:00:00Z\n");

    for (int i = 0; i < KAD_MANIFEST_NODES; i++)
        n += (size_t)sprintf(text + n, "node 10.0.0.%d:1\n", i);
    EXPECT_EQ(kad_manifest_sign(text, n, ours, &out, why, sizeof why), 0);
    EXPECT_EQ(reading(out, &keys, JANUARY_2027, why), 0);
    free(out);
    n += (size_t)sprintf(text + n, "node 10.0.1.1:1\n");
    EXPECT_EQ(kad_manifest_sign(text, n, ours, &out, why, sizeof why), KAD_E_INVALID);
    memset(text, '\n', KAD_MANIFEST_MAX + 1);
    text[KAD_MANIFEST_MAX + 1] = '\0';
    EXPECT_EQ(reading(text, &keys, JANUARY_2027, why), KAD_E_INVALID);
    free(text);
}

TEST(another_network_s_is_not_ours)
{
    const struct kad_manifest_keys keys = trusting(ours);
    char *text =
        signed_by("kad-manifest 1\nnetwork other\nvalid-until 2027-01-31T00:00:00Z\nnode a:1\n", ours);
    char why[200];

    EXPECT_EQ(reading(text, &keys, JANUARY_2027, why), KAD_E_INVALID);
    free(text);
}

TEST(keys_are_read_by_comma)
{
    struct kad_manifest_keys keys;
    char two[200], digits[65], why[200];

    memset(digits, 'a', 64);
    digits[64] = '\0';
    sprintf(two, "%s, %s", digits, digits);
    EXPECT_EQ(kad_manifest_read_keys(two, &keys, why, sizeof why), 0);
    EXPECT_EQ(keys.n, 2);
    EXPECT_EQ(kad_manifest_read_keys("", &keys, why, sizeof why), 0);
    EXPECT_EQ(keys.n, 0);
    two[3] = 'x';
    EXPECT_EQ(kad_manifest_read_keys(two, &keys, why, sizeof why), KAD_E_INVALID);
    EXPECT_EQ(kad_manifest_read_keys("abcd", &keys, why, sizeof why), KAD_E_INVALID);
}
