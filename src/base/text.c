#include "base/text.h"

#include <string.h>

char *kad_hex(const void *data, size_t size, char *text)
{
    const uint8_t *bytes = data;

    for (size_t i = 0; i < size; i++) {
        text[2 * i] = "0123456789abcdef"[bytes[i] >> 4];
        text[2 * i + 1] = "0123456789abcdef"[bytes[i] & 15];
    }
    text[2 * size] = '\0';
    return text;
}

static int digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

int kad_unhex(const char *text, void *out_data, size_t size)
{
    uint8_t *bytes = out_data;
    size_t n_digits = 0;

    if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X'))
        text += 2;
    while (digit(text[n_digits]) >= 0)
        n_digits++;
    if (text[n_digits] != '\0' || n_digits % 2 != 0 || n_digits / 2 != size)
        return KAD_E_INVALID;
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)(digit(text[2 * i]) << 4 | digit(text[2 * i + 1]));
    return KAD_OK;
}

int kad_parse_number(const char *text, int64_t least, int64_t most, int64_t *out_number)
{
    const bool negative = text[0] == '-';
    int64_t number = 0;

    text += negative;
    if (*text == '\0')
        return KAD_E_INVALID;
    for (; *text; text++) {
        const int value = *text - '0';

        if (value < 0 || value > 9)
            return KAD_E_INVALID;
        /* Counted downwards: there is one more number below zero than above. */
        if (number < (INT64_MIN + value) / 10)
            return KAD_E_INVALID;
        number = 10 * number - value;
    }
    if (!negative && number == INT64_MIN)
        return KAD_E_INVALID;
    if (!negative)
        number = -number;
    if (number < least || number > most)
        return KAD_E_INVALID;
    *out_number = number;
    return KAD_OK;
}
