/* text - hexadecimal and number parsing, strict: the whole of the text, or nothing. */
#ifndef KAD_BASE_TEXT_H
#define KAD_BASE_TEXT_H

#include "base/types.h"

/* `text` gets 2 * size + 1 bytes. Returns `text`. */
char *kad_hex(const void *data, size_t size, char *text);
/* Exactly 2 * size digits, either case, an optional 0x before them. 0 or KAD_E_INVALID. */
KAD_CHECK int kad_unhex(const char *text, void *out_data, size_t size);
/* A decimal number within [least, most], nothing around it. 0 or KAD_E_INVALID. */
KAD_CHECK int kad_parse_number(const char *text, int64_t least, int64_t most, int64_t *out_number);

#endif
