/* id_text - ids as hexadecimal digits (kad/text.h). */
#include "kad/text.h"

#include <string.h>

#include "base/text.h"

#define MAINLINE_SIZE 20 /* bytes */

int kad_id_parse(const char *text, struct kad_id *out_id)
{
    const size_t n_digits = strlen(text);
    struct kad_id id = {{0}};

    /* kad_unhex() would take a 0x before the digits. */
    if ((n_digits != 2 * MAINLINE_SIZE && n_digits != 2 * KAD_ID_SIZE) ||
        kad_unhex(text, id.bytes, n_digits / 2) < 0)
        return KAD_E_INVALID;
    *out_id = id;
    return KAD_OK;
}

char *kad_id_format(const struct kad_id *id, char text[KAD_ID_TEXT])
{
    static const uint8_t zeros[KAD_ID_SIZE - MAINLINE_SIZE];
    const bool is_short = memcmp(id->bytes + MAINLINE_SIZE, zeros, sizeof(zeros)) == 0;

    return kad_hex(id->bytes, is_short ? MAINLINE_SIZE : KAD_ID_SIZE, text);
}
