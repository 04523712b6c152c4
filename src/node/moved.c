#include "node/moved.h"

#include <assert.h>
#include <string.h>

#define TAG     1 /* where an address has its family, 4 or 6 */
#define PURPOSE "moved"
#define SIGNED  (KAD_MOVE_SIZE - KAD_SIGNATURE_SIZE) /* both sign from, to and when */

void kad_moved_write(const struct kad_identity *from, const struct kad_identity *to, kad_ms made_at,
                     uint8_t out_value[KAD_MOVED_SIZE])
{
    struct kad_move move;
    int error;

    kad_move_make(&move, from, to->public_key, made_at);
    out_value[0] = TAG;
    kad_move_encode(&move, out_value + 1);
    error = kad_identity_sign(to, PURPOSE, (struct kad_bytes){out_value + 1, SIGNED},
                              out_value + 1 + KAD_MOVE_SIZE);
    assert(!error && "72 bytes are not too many");
    (void)error;
}

int kad_moved_read(struct kad_bytes value, const uint8_t owner[KAD_IDENTITY_SIZE], struct kad_move *out_move)
{
    struct kad_move move;

    if (value.size == 0 || value.data[0] != TAG)
        return KAD_E_NOT_FOUND;
    if (value.size != KAD_MOVED_SIZE)
        return KAD_E_CORRUPT;
    kad_move_decode(value.data + 1, &move);
    if (memcmp(move.from, owner, sizeof(move.from)) != 0 || !kad_move_check(&move) ||
        !kad_identity_verify(move.to, PURPOSE, (struct kad_bytes){value.data + 1, SIGNED},
                             value.data + 1 + KAD_MOVE_SIZE))
        return KAD_E_CORRUPT;
    *out_move = move;
    return KAD_OK;
}

static void note(struct kad_trail *trail, const uint8_t key[KAD_IDENTITY_SIZE])
{
    memcpy(trail->keys[trail->n++], key, KAD_IDENTITY_SIZE);
}

int kad_trail_step(struct kad_trail *trail, const struct kad_move *move)
{
    if (trail->n == 0)
        note(trail, move->from);
    for (size_t i = 0; i < trail->n; i++) {
        if (memcmp(trail->keys[i], move->to, KAD_IDENTITY_SIZE) == 0)
            return KAD_E_EXISTS;
    }
    if (trail->n > KAD_MOVED_HOPS)
        return KAD_E_LIMIT;
    note(trail, move->to);
    return KAD_OK;
}
