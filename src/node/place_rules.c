#include "node/place_rules.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

static bool is_letter(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static bool read_country(const char *text, struct kad_place_rule *rule)
{
    if (strlen(text) != 2 || !is_letter(text[0]) || !is_letter(text[1]))
        return false;
    rule->kind = KAD_RULE_COUNTRY;
    rule->country[0] = (char)(text[0] & ~0x20);
    rule->country[1] = (char)(text[1] & ~0x20);
    return true;
}

static bool read_system(const char *text, struct kad_place_rule *rule)
{
    int64_t number;

    if ((text[0] & ~0x20) != 'A' || (text[1] & ~0x20) != 'S' ||
        kad_parse_number(text + 2, 1, UINT32_MAX, &number) < 0)
        return false;
    rule->kind = KAD_RULE_SYSTEM;
    rule->as_number = (uint32_t)number;
    return true;
}

/* All but its first `n_bits` become zero. */
static void cut(uint8_t *address, size_t size, unsigned n_bits)
{
    for (size_t i = 0; i < size; i++) {
        const unsigned left = n_bits > 8 * i ? n_bits - 8 * (unsigned)i : 0;

        if (left < 8)
            address[i] &= (uint8_t)(0xff00 >> left);
    }
}

static bool read_network(const char *text, struct kad_place_rule *rule)
{
    const char *slash = strchr(text, '/');
    char address[KAD_ENDPOINT_TEXT];
    int64_t n_bits;

    snprintf(address, sizeof(address), "%.*s", slash ? (int)(slash - text) : (int)strlen(text), text);
    if ((slash && slash - text >= (int)sizeof(address)) || kad_endpoint_parse(address, 1, &rule->network) < 0)
        return false;
    rule->network.port = 0;
    n_bits = 8 * (int64_t)kad_endpoint_address_size(&rule->network);
    if (slash && kad_parse_number(slash + 1, 0, n_bits, &n_bits) < 0)
        return false;
    rule->kind = KAD_RULE_NETWORK;
    rule->n_bits = (unsigned)n_bits;
    cut(rule->network.address, kad_endpoint_address_size(&rule->network), rule->n_bits);
    return true;
}

int kad_place_list_read(const char *text, struct kad_place_list *out_list, char *why, size_t why_size)
{
    out_list->n = 0;
    text += strspn(text, " ");
    while (*text) {
        struct kad_place_rule *rule = &out_list->rules[out_list->n];
        size_t size = strcspn(text, ",");
        const char *next = text[size] ? text + size + 1 : text + size;
        char one[80];

        while (size && text[size - 1] == ' ')
            size--;
        snprintf(one, sizeof(one), "%.*s", (int)size, text);
        if (out_list->n == KAD_PLACE_RULES_MAX) {
            snprintf(why, why_size, "more than %d entries", KAD_PLACE_RULES_MAX);
            return KAD_E_INVALID;
        }
        *rule = (struct kad_place_rule){.kind = KAD_RULE_COUNTRY};
        if (size >= sizeof(one) ||
            (!read_country(one, rule) && !read_system(one, rule) && !read_network(one, rule))) {
            snprintf(why, why_size,
                     "\"%s\" is no country (DE), autonomous system (AS64500) or network (192.0.2.0/24)", one);
            return KAD_E_INVALID;
        }
        out_list->n++;
        text = next + strspn(next, " ");
    }
    return KAD_OK;
}

static bool matches(const struct kad_place_rule *rule, const struct kad_endpoint *endpoint,
                    const struct kad_place *place)
{
    struct kad_endpoint network = *endpoint;

    switch (rule->kind) {
    case KAD_RULE_COUNTRY:
        return memcmp(rule->country, place->country, sizeof(rule->country)) == 0;
    case KAD_RULE_SYSTEM:
        return rule->as_number == place->as_number;
    case KAD_RULE_NETWORK:
        break;
    }
    network.port = 0;
    cut(network.address, kad_endpoint_address_size(&network), rule->n_bits);
    return kad_endpoint_equal(&network, &rule->network);
}

bool kad_place_list_has(const struct kad_place_list *list, const struct kad_endpoint *endpoint,
                        const struct kad_place *place)
{
    for (size_t i = 0; i < list->n; i++) {
        if (matches(&list->rules[i], endpoint, place))
            return true;
    }
    return false;
}

bool kad_place_list_needs_table(const struct kad_place_list *list)
{
    for (size_t i = 0; i < list->n; i++) {
        if (list->rules[i].kind != KAD_RULE_NETWORK)
            return true;
    }
    return false;
}
