/*
 * krpc_fuzz - any bytes as a Mainline datagram.
 *
 * What decodes must encode, and decode again to the same message; what is refused must give an error that decodes. A
 * decoded message points into the datagram and nowhere else: everything it names is read here, under ASan.
 */
#include <stdio.h>
#include <stdlib.h>

#include "fuzz/must.h"
#include "wire/krpc/record.h"
#include "wire/krpc/test_krpc.h"
#include "wire/krpc/usual.h"

#define ROOM 65536

static void check_again(const struct kad_message *message, bool same_text)
{
    static uint8_t bytes[ROOM];
    static struct kad_message again;
    size_t size = kad_krpc.encode(message, bytes, sizeof bytes);
    const char *part;

    must(size > 0, "does not fit");
    must(kad_krpc.decode((struct kad_bytes){bytes, size}, KAD_IPV4, &again) == KAD_DECODED,
         "does not decode again");
    if (!same_text)
        again.refusal_text = message->refusal_text;
    part = different_part(message, &again);
    must(!part, part);
}

/* The decoder of the usual layout says what the general one says, or nothing. */
static void check_usual(struct kad_bytes bytes, enum kad_family family)
{
    static struct kad_message usual, any;
    const char *part;

    if (!kad_krpc_decode_usual(bytes, &usual))
        return;
    must(kad_krpc_decode_any(bytes, family, &any) == KAD_DECODED, "usual, and yet refused");
    part = different_part(&usual, &any);
    must(!part, part);
    must(usual.record_checked == any.record_checked, "record_checked");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct kad_message message;
    static struct kad_message refusal;
    const enum kad_family family = size & 1 ? KAD_IPV4 : KAD_IPV6;

    if (size > ROOM / 2)
        return 0;
    check_usual((struct kad_bytes){data, size}, family);
    switch (kad_krpc.decode((struct kad_bytes){data, size}, family, &message)) {
    case KAD_DECODE_MALFORMED:
        break;
    case KAD_DECODE_BAD_QUERY:
        must(message.kind == KAD_QUERY && message.refusal != KAD_REFUSAL_NONE, "refused without a reason");
        kad_message_init(&refusal);
        refusal.kind = KAD_ERROR;
        refusal.transaction = message.transaction;
        refusal.refusal = message.refusal;
        refusal.refusal_code = message.refusal_code;
        refusal.refusal_text = message.refusal_text;
        check_again(&refusal, true);
        break;
    case KAD_DECODED:
        if (message.record.type != KAD_RECORD_NONE)
            must(kad_krpc.check_record(&message.record) == KAD_REFUSAL_NONE || !message.record_checked,
                 "said to be checked, and is wrong");
        if (message.kind == KAD_QUERY && message.method == KAD_UNKNOWN)
            break; /* its name is not kept: nothing to encode */
        if (message.kind == KAD_ERROR)
            message.has_sender = false, message.sender = (struct kad_id){{0}}; /* ours name no sender */
        check_again(&message, message.refusal_text.size > 0);
        break;
    }
    return 0;
}
