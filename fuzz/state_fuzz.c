/*
 * state_fuzz - any bytes as a node's saved state: refused, or a state that writes back to the same bytes.
 *
 * The checksum is put right first, or a fuzzer would see nothing but its refusal; once in a while it is left alone.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/crypto.h"
#include "node/state.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void put_number(uint8_t *at, uint32_t number)
{
    for (int i = 0; i < 4; i++)
        at[i] = (uint8_t)(number >> (24 - 8 * i));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct kad_state state;
    uint8_t *bytes = malloc(size ? size : 1);

    if (!bytes)
        return 0;
    memcpy(bytes, data, size);
    if (size >= 20 && bytes[size - 1] != 0xff) {
        memcpy(bytes, "kadstate", 8);
        put_number(bytes + 8, 1);
        put_number(bytes + 12, (uint32_t)size);
        put_number(bytes + size - 4, kad_crc32c(bytes, size - 4));
    }
    kad_state_init(&state, &kad_allocator_system);
    if (kad_state_decode(&state, (struct kad_bytes){bytes, size}) == 0) {
        uint8_t *again = malloc(size);

        assert(state.n_contacts <= KAD_STATE_CONTACTS);
        /* Publications of one key may be there twice, the later counts: then it writes shorter. */
        assert(kad_state_encode(&state, NULL, 0) <= size);
        if (again && kad_state_encode(&state, NULL, 0) == size)
            kad_state_encode(&state, again, size);
        free(again);
        kad_state_clear(&state);
    }
    free(bytes);
    return 0;
}
