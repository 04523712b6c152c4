/* What people paste is understood, and nothing else is: a key read wrongly would look for something else in silence. */
#include "http/target.h"

#include "base/test.h"
#include "base/text.h"
#include "kad/engine.h"

#define HASH   "0123456789abcdef0123456789abcdef01234567"
#define BASE32 "AERUKZ4JVPG66AJDIVTYTK6N54ASGRLH" /* the same 20 bytes */

static void expect_key(const char *text, const char *hash)
{
    struct kad_target key;
    char room[KAD_ID_TEXT];

    EXPECT_MSG(kad_target_parse(text, &key) == KAD_OK, "%s", text);
    EXPECT(!key.is_public);
    EXPECT_STR(kad_id_format(&key.id, room), hash);
}

static void expect_none(const char *text)
{
    struct kad_target key;

    EXPECT_MSG(kad_target_parse(text, &key) == KAD_E_INVALID, "%s", text);
}

TEST(hexadecimal_digits_with_and_without_0x)
{
    expect_key(HASH, HASH);
    expect_key("0x" HASH, HASH);
    expect_key("0X0123456789ABCDEF0123456789ABCDEF01234567", HASH);
}

/* Links come with trackers and names around the hash, in any order, in either alphabet, sometimes escaped. */
TEST(magnet_links)
{
    expect_key("magnet:?xt=urn:btih:" HASH, HASH);
    expect_key("magnet:?dn=a%20name&tr=udp%3A%2F%2Ft.example%3A1&xt=urn:btih:" HASH "&x.pe=1.2.3.4:5", HASH);
    expect_key("magnet:?xt=urn:btih:" BASE32, HASH);
    expect_key("MAGNET:?XT=URN:BTIH:aerukz4jvpg66ajdivtytk6n54asgrlh", HASH);
    expect_key("magnet:?xt=urn%3abtih%3A" HASH, HASH);
    expect_key("magnet:?xt.1=urn:sha1:whatever&xt.2=urn:btih:" HASH, HASH);
}

/* Version 2 has 32-byte hashes; the DHT knows their first 20 bytes (BEP 52). */
TEST(version_2_hashes_are_cut)
{
    expect_key("magnet:?xt=urn:btmh:1220" HASH "aaaaaaaaaaaaaaaaaaaaaaaa", HASH);
    expect_none("magnet:?xt=urn:btmh:1114" HASH "aaaaaaaaaaaaaaaaaaaaaaaa"); /* another hash function */
    expect_none("magnet:?xt=urn:btmh:1220" HASH);
}

/* A public key stands for a mutable value: which key that is depends on the salt. */
TEST(public_keys_with_salt)
{
    static const char public_hex[] = "77ff84905a91936367c01360803104f92432fcd904a43511876df5cdf3e7e548";
    struct kad_target key;
    char room[KAD_ID_TEXT];
    struct kad_id id;

    /* BEP 44's second and third test vector. */
    EXPECT(kad_target_parse(public_hex, &key) == KAD_OK && key.is_public);
    id = kad_target_id(&key, (struct kad_bytes){0});
    EXPECT_STR(kad_id_format(&id, room), "4a533d47ec9c7d95b1ad75f576cffc641853b750");
    id = kad_target_id(&key, (struct kad_bytes){(const uint8_t *)"foobar", 6});
    EXPECT_STR(kad_id_format(&id, room), "411eba73b6f087ca51a3795d9c8c938d365e32c1");

    EXPECT(kad_target_parse(
               "magnet:?xs=urn:btpk:77ff84905a91936367c01360803104f92432fcd904a43511876df5cdf3e7e548"
               "&s=666f6f626172",
               &key) == KAD_OK);
    id = kad_target_id(&key, (struct kad_bytes){0});
    EXPECT_STR(kad_id_format(&id, room), "411eba73b6f087ca51a3795d9c8c938d365e32c1");
}

TEST(what_is_no_key)
{
    static const char *const wrong[] = {
        "",
        "0x",
        "hello",
        "0123456789abcdef0123456789abcdef0123456",   /* 39 */
        "0123456789abcdef0123456789abcdef012345678", /* 41 */
        "0123456789abcdef0123456789abcdef0123456g",
        " " HASH,
        HASH " ",
        "0x0x" HASH,
        "magnet:?",
        "magnet:?dn=nothing",
        "magnet:?xt=urn:btih:",
        "magnet:?xt=urn:btih:0123",
        "magnet:?xt=urn:btih:AERUKZ4JVPG66AJDIVTYTK6N54ASGRL1", /* no 1 in base32 */
        "magnet:?xt=urn:btih:%",
        "magnet:?xt=urn:btih:" HASH "&s=xyz",
        "magnet:?xt",
        "magnet:?=&==&&%00",
    };

    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        expect_none(wrong[i]);
}
