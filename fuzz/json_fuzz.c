/*
 * json_fuzz - any text as a message of a WebSocket's member, and any bytes of the wire as what it is told.
 *
 * What is read has a JSON that is read to the same bytes again; a message of the wire that has a JSON is a message again. A text
 * begins with a brace; all else is taken for the wire's.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz/must.h"
#include "http/member_json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_text(const uint8_t *data, size_t size)
{
    static uint8_t bytes[KAD_MEMBER_MESSAGE_MAX], again[KAD_MEMBER_MESSAGE_MAX];
    json_t *json = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES, NULL), *written;
    char why[128];
    size_t n;

    if (!json)
        return;
    n = kad_member_json_read(json, bytes, sizeof bytes, why, sizeof why);
    json_decref(json);
    if (n == 0)
        return;
    written = kad_member_json_write((struct kad_bytes){bytes, n});
    must(written, "what was read cannot be written");
    must(kad_member_json_read(written, again, sizeof again, why, sizeof why) > 0, why);
    json_decref(written);
}

static void check_wire(const uint8_t *data, size_t size)
{
    static uint8_t bytes[KAD_MEMBER_MESSAGE_MAX];
    json_t *json = kad_member_json_write((struct kad_bytes){data, size}), *again;
    char why[128];
    size_t n;

    if (!json)
        return;
    n = kad_member_json_read(json, bytes, sizeof bytes, why, sizeof why);
    if (n > 0) { /* not so with a port 0, which has no text that means it */
        again = kad_member_json_write((struct kad_bytes){bytes, n});
        must(again && json_equal(json, again), "two forms");
        json_decref(again);
    }
    json_decref(json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 0 && data[0] == '{')
        check_text(data, size);
    else if (size <= KAD_MEMBER_MESSAGE_MAX / 4)
        check_wire(data, size);
    return 0;
}
