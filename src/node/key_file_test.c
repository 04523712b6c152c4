#include "node/key_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/test.h"
#include "base/text.h"
#include "crypto/crypto.h"

static const struct kad_passphrase_cost cheap = {.passes = 1, .memory_kib = KAD_PASSPHRASE_LEAST};
static char why[256];

static struct kad_identity identity_of(uint8_t number)
{
    uint8_t seed[32] = {number};
    struct kad_identity identity;

    EXPECT_EQ(kad_crypto_init(), 0);
    kad_identity_from_seed(&identity, seed);
    return identity;
}

static struct kad_key_file file_of(uint8_t number, const char *passphrase)
{
    const struct kad_identity identity = identity_of(number);
    struct kad_key_file file;

    EXPECT_EQ(kad_key_file_make(&identity, passphrase, cheap, &file), 0);
    return file;
}

static int decode(const char *text, struct kad_key_file *out_file)
{
    return kad_key_file_decode((struct kad_bytes){(const uint8_t *)text, strlen(text)}, out_file, why,
                               sizeof why);
}

/* -- as text ----------------------------------------------------------------------------------------------------- */

TEST(an_open_file_is_what_the_manual_says)
{
    const struct kad_key_file file = file_of(1, NULL);
    char text[KAD_KEY_FILE_MAX], expected[512], id[KAD_IDENTITY_TEXT];
    struct kad_key_file back;
    struct kad_identity identity;

    snprintf(expected, sizeof expected,
             "kad identity 1\n# Whoever has this file, and its passphrase if it has one, is this node.\n"
             "id %s\nseed 01%062d\n",
             kad_identity_format(file.public_key, id), 0);
    EXPECT_EQ(kad_key_file_encode(&file, text, sizeof text), strlen(expected));
    EXPECT_STR(text, expected);
    EXPECT_EQ(decode(text, &back), 0);
    EXPECT_EQ(kad_key_file_open(&back, NULL, &identity), 0);
    EXPECT_EQ(identity.secret[0], 1);
    EXPECT_MEM(identity.public_key, file.public_key, 32);
}

TEST(a_sealed_file_tells_its_id_and_nothing_else)
{
    const struct kad_key_file file = file_of(0xab, "correct horse");
    char text[KAD_KEY_FILE_MAX];
    struct kad_key_file back;
    struct kad_identity identity;

    EXPECT(kad_key_file_encode(&file, text, sizeof text) < sizeof text);
    EXPECT(!strstr(text, "ab0000000000"));
    EXPECT_EQ(decode(text, &back), 0);
    EXPECT(back.is_sealed);
    EXPECT_MEM(back.public_key, file.public_key, 32);
    EXPECT_EQ(kad_key_file_open(&back, NULL, &identity), KAD_E_NOT_FOUND);
    EXPECT_EQ(kad_key_file_open(&back, "battery staple", &identity), KAD_E_REFUSED);
    EXPECT_EQ(kad_key_file_open(&back, "correct horse", &identity), 0);
    EXPECT_EQ(identity.secret[0], 0xab);
    /* Bound to its id: nobody puts one's secret under another's name. */
    back.public_key[0] ^= 1;
    EXPECT_EQ(kad_key_file_open(&back, "correct horse", &identity), KAD_E_REFUSED);
}

TEST(a_seed_that_is_not_the_id_s_is_noticed)
{
    struct kad_key_file file = file_of(1, NULL);
    struct kad_identity identity;

    file.seed[31] ^= 1;
    EXPECT_EQ(kad_key_file_open(&file, NULL, &identity), KAD_E_CORRUPT);
}

#define ID   "id id1xv7empyzlwuvlshs2vlf9eruf72jeesr8yxrrd3esusj75qsr6jqj6dv3p\n"
#define SEED "seed 0100000000000000000000000000000000000000000000000000000000000000\n"
#define SALT "00112233445566778899aabbccddeeff"

TEST(what_is_no_key_file_is_refused_with_its_line)
{
    static const struct {
        const char *text, *why;
    } rows[] = {
        {"", "line 1: empty"},
        {"-----BEGIN PRIVATE KEY-----\n", "line 1: no key file of kad"},
        {"kad identity 2\n" ID SEED, "line 1: no key file of kad"},
        {"kad identity 1\n" ID, "line 2: wants a seed, or argon2id and sealed"},
        {"kad identity 1\n" SEED, "line 2: no id"},
        {"kad identity 1\n" ID ID SEED, "line 3: a second id"},
        {"kad identity 1\n" ID SEED SEED, "line 4: a second seed"},
        {"kad identity 1\n" ID "seed 01\n", "line 3: not 64 hexadecimal digits"},
        {"kad identity 1\nid id1q\n" SEED, "line 2: no identity"},
        {"kad identity 1\n" ID "sealed 01\n", "line 3: not 144 hexadecimal digits, once"},
        {"kad identity 1\n" ID "argon2id 3 65536 " SALT "\n", "line 3: wants a seed, or argon2id and sealed"},
        {"kad identity 1\n" ID "color blue\n", "line 3: neither id, seed, argon2id, sealed nor moved"},
        {"kad identity 1\n" ID "color\n", "line 3: neither id, seed, argon2id, sealed nor moved"},
        {"kad identity 1\n" ID SEED "moved 00\n", "line 4: not 272 hexadecimal digits"},
    };
    struct kad_key_file file;

    for (size_t i = 0; i < KAD_COUNT_OF(rows); i++) {
        EXPECT_MSG(decode(rows[i].text, &file) == KAD_E_INVALID, "%s", rows[i].text);
        EXPECT_STR(why, rows[i].why);
    }
    EXPECT_EQ(decode("kad identity 1\n\n# a comment\n" ID SEED, &file), 0);
}

/* A file from a stranger cannot ask for all memory: it is refused before anything is tried. */
TEST(hostile_costs_are_refused)
{
    static const char *const costs[] = {"3 67108864", "3 524289",
                                        "17 65536",   "0 65536",
                                        "3 8191",     "4294967299 65536",
                                        "-1 65536",   "3 18446744073709551616",
                                        "3",          "x y"};
    char text[512];
    struct kad_key_file file;

    for (size_t i = 0; i < KAD_COUNT_OF(costs); i++) {
        snprintf(text, sizeof text, "kad identity 1\n" ID "argon2id %s " SALT "\n", costs[i]);
        EXPECT_MSG(decode(text, &file) == KAD_E_INVALID && strstr(why, "line 3: not PASSES"), "%s: %s", text,
                   why);
    }
}

TEST(long_lines_and_zeros_are_no_text)
{
    static char text[KAD_KEY_FILE_MAX + 2];
    struct kad_key_file file;

    memset(text, 'x', sizeof text - 1);
    EXPECT_EQ(decode(text, &file), KAD_E_INVALID);
    EXPECT(strstr(why, "longer than"));
    text[2000] = '\0';
    memcpy(text, "kad identity 1\n", 15);
    EXPECT_EQ(decode(text, &file), KAD_E_INVALID);
    EXPECT_STR(why, "line 2: too long, or no text");
    EXPECT_EQ(kad_key_file_decode((struct kad_bytes){(const uint8_t *)"kad identity 1\nid\0\n", 19}, &file,
                                  why, sizeof why),
              KAD_E_INVALID);
    EXPECT_STR(why, "line 2: too long, or no text");
}

/* -- moving ------------------------------------------------------------------------------------------------------ */

TEST(a_chain_of_moves_is_kept_and_checked)
{
    char text[KAD_KEY_FILE_MAX];
    struct kad_key_file file = file_of(20, NULL), back;
    struct kad_move move;

    /* Ten moves; the last eight are kept. */
    for (uint8_t i = 10; i < 20; i++) {
        const struct kad_identity from = identity_of(i), to = identity_of((uint8_t)(i + 1));

        kad_move_make(&move, &from, to.public_key, i);
        kad_key_file_moved(&file, &move);
    }
    EXPECT_EQ(file.n_moves, KAD_MOVES_MAX);
    EXPECT_EQ(file.moves[0].made_at, 12);
    EXPECT(kad_key_file_encode(&file, text, sizeof text) < sizeof text);
    EXPECT_EQ(decode(text, &back), 0);
    EXPECT_EQ(back.n_moves, KAD_MOVES_MAX);
    EXPECT_MEM(back.moves, file.moves, sizeof file.moves);

    file.moves[3].signature[0] ^= 1;
    kad_key_file_encode(&file, text, sizeof text);
    EXPECT_EQ(decode(text, &back), KAD_E_INVALID);
    EXPECT_STR(why, "line 8: not signed by who moved");
    file.moves[3] = file.moves[4];
    kad_key_file_encode(&file, text, sizeof text);
    EXPECT_EQ(decode(text, &back), KAD_E_INVALID);
    EXPECT_STR(why, "line 8: does not begin where the one before ends");
    file.n_moves = 3;
    kad_key_file_encode(&file, text, sizeof text);
    EXPECT_EQ(decode(text, &back), KAD_E_INVALID);
    EXPECT_STR(why, "line 7: was moved to another identity");
}

/* -- on disk ----------------------------------------------------------------------------------------------------- */

static char folder[64], path[128];

static void begin(void)
{
    EXPECT_EQ(kad_crypto_init(), 0);
    strcpy(folder, "/tmp/kad-identity-XXXXXX");
    EXPECT(mkdtemp(folder) != NULL);
    snprintf(path, sizeof path, "%s/identity", folder);
}

/* Nothing may be left beside the file: a temporary one would hold the secret. */
static void end(void)
{
    unlink(path);
    EXPECT_EQ(rmdir(folder), 0);
}

TEST(a_file_is_its_owner_s_alone)
{
    const struct kad_key_file file = file_of(1, NULL);
    struct kad_key_file back;
    struct stat status;

    begin();
    EXPECT_EQ(kad_key_file_load(path, &back, why, sizeof why), KAD_E_NOT_FOUND);
    umask(0);
    EXPECT_EQ(kad_key_file_save(path, &file, false, why, sizeof why), 0);
    EXPECT_EQ(stat(path, &status), 0);
    EXPECT_EQ(status.st_mode & 07777, 0600);
    EXPECT_EQ(kad_key_file_load(path, &back, why, sizeof why), 0);
    EXPECT_MEM(back.public_key, file.public_key, 32);
    for (mode_t bit = 1; bit < 0100; bit <<= 1) {
        EXPECT_EQ(chmod(path, 0600 | bit), 0);
        EXPECT_EQ(kad_key_file_load(path, &back, why, sizeof why), KAD_E_REFUSED);
        EXPECT(strstr(why, "chmod 600"));
    }
    EXPECT_EQ(chmod(path, 0400), 0);
    EXPECT_EQ(kad_key_file_load(path, &back, why, sizeof why), 0);
    end();
}

TEST(a_file_is_never_written_over_unless_asked)
{
    const struct kad_key_file one = file_of(1, NULL), two = file_of(2, NULL);
    struct kad_key_file back;

    begin();
    EXPECT_EQ(kad_key_file_save(path, &one, false, why, sizeof why), 0);
    EXPECT_EQ(kad_key_file_save(path, &two, false, why, sizeof why), KAD_E_EXISTS);
    EXPECT_EQ(kad_key_file_load(path, &back, why, sizeof why), 0);
    EXPECT_MEM(back.public_key, one.public_key, 32);
    EXPECT_EQ(kad_key_file_save(path, &two, true, why, sizeof why), 0);
    EXPECT_EQ(kad_key_file_load(path, &back, why, sizeof why), 0);
    EXPECT_MEM(back.public_key, two.public_key, 32);
    end();
    EXPECT_EQ(kad_key_file_save(path, &one, false, why, sizeof why), KAD_E_SYSTEM); /* no folder */
}

/* P031: the first start makes one, the second has it. */
TEST(made_once_and_loaded_again)
{
    struct kad_key_wish wish = {.path = path, .bits = 6};
    struct kad_identity first, second;
    bool made = false;

    begin();
    EXPECT_EQ(kad_key_file_load_or_make(&wish, &first, &made, why, sizeof why), 0);
    EXPECT(made && kad_identity_bits(first.public_key) >= 6);
    EXPECT_EQ(kad_key_file_load_or_make(&wish, &second, &made, why, sizeof why), 0);
    EXPECT(!made);
    EXPECT_MEM(&first, &second, sizeof first);
    /* A network that asks for more does not take it; nor is it replaced. */
    wish.bits = 32;
    EXPECT_EQ(kad_key_file_load_or_make(&wish, &second, &made, why, sizeof why), KAD_E_INVALID);
    EXPECT(strstr(why, "the network asks for 32"));
    end();
    /* Without a path: for this run. */
    wish = (struct kad_key_wish){.bits = 2};
    EXPECT_EQ(kad_key_file_load_or_make(&wish, &second, &made, why, sizeof why), 0);
    EXPECT(made && memcmp(first.public_key, second.public_key, 32) != 0);
}

TEST(a_sealed_one_needs_its_passphrase)
{
    struct kad_key_wish wish = {.path = path, .passphrase = "correct horse"};
    struct kad_identity first, second;

    begin();
    EXPECT_EQ(kad_key_file_load_or_make(&wish, &first, NULL, why, sizeof why), 0);
    EXPECT_EQ(kad_key_file_load_or_make(&wish, &second, NULL, why, sizeof why), 0);
    EXPECT_MEM(&first, &second, sizeof first);
    wish.passphrase = NULL;
    EXPECT_EQ(kad_key_file_load_or_make(&wish, &second, NULL, why, sizeof why), KAD_E_REFUSED);
    EXPECT(strstr(why, "needs its passphrase"));
    wish.passphrase = "battery staple";
    EXPECT_EQ(kad_key_file_load_or_make(&wish, &second, NULL, why, sizeof why), KAD_E_REFUSED);
    EXPECT(strstr(why, "the passphrase is another"));
    end();
}

static bool count_then_stop(void *context, const struct kad_key_progress *progress)
{
    unsigned *n = context;

    EXPECT(progress->bits == 32 && progress->n_tries > 0 && progress->elapsed_s >= 0);
    return ++*n < 3;
}

TEST(a_search_tells_how_far_it_is_and_can_be_ended)
{
    unsigned n = 0;
    const struct kad_key_wish wish = {
        .path = path, .bits = 32, .on_progress = count_then_stop, .context = &n};
    struct kad_identity identity;

    begin();
    EXPECT_EQ(kad_key_file_load_or_make(&wish, &identity, NULL, why, sizeof why), KAD_E_CLOSED);
    EXPECT_EQ(n, 3);
    end();
}
