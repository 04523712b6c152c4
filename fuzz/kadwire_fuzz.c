/*
 * kadwire_fuzz - any bytes as a plaintext of kad's own network.
 *
 * What decodes must encode, decode again to the same message, and encode to the same bytes; what is refused must give an error
 * that decodes. No room makes the encoder write past its end. A decoded message points into the plaintext and nowhere
 * else: everything it names is read here, under ASan.
 */
#include <stdio.h>
#include <stdlib.h>

#include "fuzz/must.h"
#include "wire/kad/record.h"
#include "wire/kad/test_message.h"

#define ROOM 65536

/* An own block of exactly this size, so that ASan sees a byte too far. */
static void check_small_room(const struct kad_message *message, size_t room)
{
    uint8_t *bytes = malloc(room ? room : 1);

    must(bytes, "no memory");
    must(kad_wire.encode(message, bytes, room) <= room, "says it wrote more than fits");
    free(bytes);
}

static void check_again(const struct kad_message *message)
{
    static uint8_t bytes[ROOM], twice[ROOM];
    static struct kad_message again;
    const size_t size = kad_wire.encode(message, bytes, sizeof bytes);
    const char *part;

    must(size > 0, "does not fit");
    must(kad_wire.decode((struct kad_bytes){bytes, size}, KAD_IPV4, &again) == KAD_DECODED,
         "does not decode again");
    part = wire_different_part(message, &again);
    must(!part, part);
    must(kad_wire.encode(&again, twice, sizeof twice) == size && memcmp(bytes, twice, size) == 0,
         "has two forms");
    for (size_t room = size > 8 ? size - 8 : 0; room < size; room++)
        check_small_room(message, room);
    check_small_room(message, size / 2);
}

static void check_record(const struct kad_record *record)
{
    uint8_t digest[32];

    (void)kad_wire_check_record(record);
    kad_wire_digest(record, digest);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct kad_message message, refusal;

    if (size > ROOM / 2)
        return 0;
    switch (kad_wire.decode((struct kad_bytes){data, size}, KAD_IPV4, &message)) {
    case KAD_DECODE_MALFORMED:
        break;
    case KAD_DECODE_BAD_QUERY:
        must(message.kind == KAD_QUERY && message.refusal != KAD_REFUSAL_NONE, "refused without a reason");
        kad_message_init(&refusal);
        refusal.kind = KAD_ERROR;
        refusal.method = message.method;
        refusal.transaction = message.transaction;
        refusal.refusal = message.refusal;
        refusal.refusal_code = message.refusal_code;
        check_again(&refusal);
        break;
    case KAD_DECODED:
        if (message.record.type != KAD_RECORD_NONE)
            check_record(&message.record);
        if (message.has_ghost)
            check_record(&message.ghost);
        check_again(&message);
        break;
    }
    return 0;
}
