/*
 * journal_fuzz - any bytes as a journal: refused, or replayed to some end, without harm.
 *
 * Behind the state of a new engine the input stands as items, in a block whose checksum is right; with a first byte of 0xff
 * it is the file itself. (The state is not made up: what it may be is checked only as far as damage goes, for a journal
 * is trusted as the program is.)
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/crypto.h"
#include "engine/replay.h"

#define BEGINNING 65536

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct tape {
    uint8_t bytes[BEGINNING];
    size_t n;
};

static bool keep(void *context, struct kad_bytes block)
{
    struct tape *tape = context;

    if (tape->n + block.size > sizeof(tape->bytes))
        return false;
    memcpy(tape->bytes + tape->n, block.data, block.size);
    tape->n += block.size;
    return true;
}

/* What kad_journal_begin() writes of a new engine: one block. */
static void begin(struct tape *tape)
{
    static struct kad_settings settings;
    const struct kad_journal_config config = {.version = "fuzz", .write = keep, .context = tape};
    struct kad_engine_config fresh = {.network = kad_network_mainline(),
                                      .settings = &settings,
                                      .ipv4 = true,
                                      .ipv6 = true,
                                      .watch = KAD_WATCH_ALL};
    struct kad_journal *journal;
    struct kad_engine *engine;
    size_t n;

    kad_settings_default(kad_network_mainline(), &settings);
    settings.limit_addresses = 16;
    if (kad_engine_new(&fresh, 1000, &engine) != KAD_OK)
        abort();
    if (kad_journal_begin(engine, &config, 1000, &journal) != KAD_OK)
        abort();
    n = tape->n;
    kad_journal_end(journal, 1000);
    kad_engine_free(engine);
    tape->n = n;
}

static void put_number(uint8_t *at, uint32_t number)
{
    for (int i = 0; i < 4; i++)
        at[i] = (uint8_t)(number >> (24 - 8 * i));
}

static size_t append(uint8_t *file, size_t n, const uint8_t *data, size_t size)
{
    uint8_t *block = file + n;

    if (size == 0 || size > KAD_JOURNAL_BLOCK - KAD_JOURNAL_BLOCK_HEAD)
        return n;
    memcpy(block, "KADJ", 4);
    put_number(block + 4, 1);
    put_number(block + 8, (uint32_t)size);
    put_number(block + 12, 0);
    memcpy(block + KAD_JOURNAL_BLOCK_HEAD, data, size);
    put_number(block + 12, kad_crc32c(block, KAD_JOURNAL_BLOCK_HEAD + size));
    return n + KAD_JOURNAL_BLOCK_HEAD + size;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct tape tape;
    struct kad_replay_config config = {.file = {data, size}};
    struct kad_replay *replay;
    uint8_t *file;
    size_t n;
    char why[128];

    if (!tape.n)
        begin(&tape);
    file = malloc(tape.n + size + KAD_JOURNAL_BLOCK_HEAD);
    if (!file)
        return 0;
    if (size && data[0] != 0xff) {
        memcpy(file, tape.bytes, tape.n);
        n = append(file, tape.n, data, size);
        config.file = (struct kad_bytes){file, n};
    }
    if (kad_replay_open(&config, &replay, why, sizeof(why)) == KAD_OK) {
        while (kad_replay_step(replay, NULL) == KAD_REPLAY_MORE)
            continue;
        kad_replay_free(replay);
    } else {
        assert(why[0] && "a refusal has a reason");
    }
    free(file);
    return 0;
}
