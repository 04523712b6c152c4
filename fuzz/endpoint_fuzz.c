/* endpoint_fuzz - the text parsers: endpoints, hexadecimal, numbers. The first byte chooses lengths and defaults. */
#include "base/endpoint.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

/* What was taken means itself: written out and read again it is the same, and writing it again gives the same text. */
static void check_endpoint(const char *text, uint16_t default_port)
{
    struct kad_endpoint endpoint, again;
    char first[KAD_ENDPOINT_TEXT], second[KAD_ENDPOINT_TEXT];

    if (kad_endpoint_parse(text, default_port, &endpoint))
        return;
    require(endpoint.family == KAD_IPV4 || endpoint.family == KAD_IPV6);
    require(endpoint.zero == 0);
    kad_endpoint_format(&endpoint, first);
    require(kad_endpoint_parse(first, 0, &again) == KAD_OK);
    require(kad_endpoint_equal(&endpoint, &again));
    kad_endpoint_format(&again, second);
    require(strcmp(first, second) == 0);
    require(kad_endpoint_narrow_group(&endpoint) != 0 && kad_endpoint_wide_group(&endpoint) != 0);
    require(kad_endpoint_scope(&endpoint) <= KAD_SCOPE_PUBLIC);
}

static void check_hex(const char *text, size_t size)
{
    uint8_t bytes[64], again[64];
    char back[2 * sizeof bytes + 1];

    if (kad_unhex(text, bytes, size))
        return;
    require(strlen(text) == 2 * size || strlen(text) == 2 * size + 2);
    kad_hex(bytes, size, back);
    require(kad_unhex(back, again, size) == KAD_OK);
    require(memcmp(bytes, again, size) == 0);
}

static void check_number(const char *text, int64_t least, int64_t most)
{
    int64_t number;

    if (kad_parse_number(text, least, most, &number))
        return;
    require(number >= least && number <= most);
    require(number == strtoll(text, NULL, 10));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text;

    if (size == 0)
        return 0;
    text = malloc(size); /* exactly: a read past the end is seen */
    require(text != NULL);
    memcpy(text, data + 1, size - 1);
    text[size - 1] = '\0';
    check_endpoint(text, data[0]);
    check_hex(text, data[0] % 64);
    check_number(text, INT64_MIN, INT64_MAX);
    check_number(text, -(int64_t)data[0], data[0]);
    free(text);
    return 0;
}
