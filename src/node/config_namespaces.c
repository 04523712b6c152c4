#include "node/config_namespaces.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "wire/libp2p/records.h"

enum selector { GREATER, NEWEST };

struct space {
    const char *name;
    size_t n;
    enum selector selector;
    bool is_good;
};

static bool is(const char *text, size_t n, const char *word)
{
    return n == strlen(word) && memcmp(text, word, n) == 0;
}

/* The next of the list, which leaves it. False: there are no more. */
static bool next(const char **text, struct space *out_space)
{
    size_t n, n_name;

    *text += strspn(*text, ", \t");
    n = strcspn(*text, ", \t");
    n_name = strcspn(*text, ", \t:");
    *out_space = (struct space){.name = *text, .n = n_name};
    out_space->is_good =
        n_name > 0 && n_name <= KAD_CLASS_NAME_MAX && !is(*text, n_name, "pk") && !is(*text, n_name, "ipns");
    for (size_t i = 0; i < n_name; i++)
        out_space->is_good &= isalnum((unsigned char)(*text)[i]) || strchr("-_.", (*text)[i]) != NULL;
    if (n > n_name) {
        out_space->selector = is(*text + n_name, n - n_name, ":newest") ? NEWEST : GREATER;
        out_space->is_good &= out_space->selector == NEWEST || is(*text + n_name, n - n_name, ":greater");
    }
    *text += n;
    return n > 0;
}

int kad_namespaces_check(const char *text, char *why, size_t why_size)
{
    struct space space;

    while (next(&text, &space)) {
        if (space.is_good)
            continue;
        snprintf(why, why_size,
                 "%.40s: a list of names by comma is wanted, each with :greater or :newest behind it if need "
                 "be; pk and ipns are there anyway",
                 space.name);
        return KAD_E_INVALID;
    }
    return KAD_OK;
}

/* The one that a value's name begins with: "/NAME/". */
static bool space_of(const char *text, struct kad_bytes name, struct space *out_space)
{
    while (next(&text, out_space)) {
        if (name.size > out_space->n + 2 && name.data[0] == '/' && name.data[out_space->n + 1] == '/' &&
            memcmp(name.data + 1, out_space->name, out_space->n) == 0)
            return true;
    }
    return false;
}

static bool valid(void *context, const struct kad_record *record)
{
    struct space space;

    return record->value.size > 0 && space_of(context, record->salt, &space);
}

static bool better(void *context, const struct kad_record *a, const struct kad_record *b)
{
    const size_t n = a->value.size < b->value.size ? a->value.size : b->value.size;
    const struct kad_bytes name = a->salt.size ? a->salt : b->salt;
    struct space space;
    int order;

    if (space_of(context, name, &space) && space.selector == NEWEST)
        return a->made_at > b->made_at;
    order = n ? memcmp(a->value.data, b->value.data, n) : 0;
    return order > 0 || (order == 0 && a->value.size > b->value.size);
}

bool kad_namespaces_class(const char *text, struct kad_class *out_class)
{
    const char *rest = text;
    struct space space;

    if (!next(&rest, &space))
        return false;
    *out_class = (struct kad_class){
        .name = "namespace",
        .type = KAD_CLASS_USER,
        .plain = true,
        .value_max = KAD_RECORD_VALUE_MOST,
        .owners_max = 1,
        .ttl_ms = KAD_P2P_VALUE_LIFE,
        .valid = valid,
        .better = better,
        .context = (void *)(uintptr_t)text,
    };
    return true;
}
