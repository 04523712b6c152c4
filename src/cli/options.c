/* options - see options.h. */
#include "cli/options.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

#define OPTIONS_MAX 48

static size_t add(const struct kad_option *table, const struct kad_option **all, size_t n)
{
    for (; table && table->name && n < OPTIONS_MAX; table++)
        all[n++] = table;
    return n;
}

static bool read_seconds(const char *text, struct kad_number *out_ms)
{
    char *end;
    double seconds;

    errno = 0;
    seconds = strtod(text, &end);
    if (end == text || *end || errno || !isfinite(seconds) || seconds < 0.001 || seconds > 86400)
        return false;
    *out_ms = (struct kad_number){(int64_t)(seconds * 1000), true};
    return true;
}

/* Whether `text` is a right value; the reason otherwise. */
static bool set(const struct kad_option *option, const char *text, struct kad_options *options, char *why,
                size_t size)
{
    void *field = (char *)options + option->offset;
    struct kad_number *number = field;
    struct kad_list *list = field;

    switch (option->kind) {
    case KAD_OPTION_FLAG:
        *(bool *)field = true;
        return true;
    case KAD_OPTION_TEXT:
        *(const char **)field = text;
        return true;
    case KAD_OPTION_NUMBER:
        if (kad_parse_number(text, option->least, option->most, &number->value) != KAD_OK) {
            snprintf(why, size, "--%s takes a number from %lld to %lld, not \"%.40s\"", option->name,
                     (long long)option->least, (long long)option->most, text);
            return false;
        }
        number->given = true;
        return true;
    case KAD_OPTION_SECONDS:
        if (!read_seconds(text, number)) {
            snprintf(why, size, "--%s takes seconds from 0.001 to 86400, not \"%.40s\"", option->name, text);
            return false;
        }
        return true;
    case KAD_OPTION_LIST:
        if (list->n == KAD_LIST_MAX) {
            snprintf(why, size, "--%s may be given %d times at most", option->name, KAD_LIST_MAX);
            return false;
        }
        list->networks[list->n] = (uint8_t)options->network.n;
        list->items[list->n++] = text;
        return true;
    }
    return false;
}

int kad_options_read(const struct kad_option *own, const struct kad_option *global, int argc, char **argv,
                     bool stop_at_argument, struct kad_options *options, char *out_why, size_t why_size)
{
    const struct kad_option *all[OPTIONS_MAX];
    struct option longs[OPTIONS_MAX + 1] = {{0}};
    const size_t n = add(global, all, add(own, all, 0));
    int chosen;

    for (size_t i = 0; i < n; i++)
        longs[i] =
            (struct option){all[i]->name, all[i]->kind == KAD_OPTION_FLAG ? no_argument : required_argument,
                            NULL, 256 + (int)i};
    opterr = 0;
    optind = 0; /* glibc: start anew */
    while ((chosen = getopt_long(argc, argv, stop_at_argument ? "+:h" : ":h", longs, NULL)) != -1) {
        if (chosen == 'h') {
            options->help = true;
        } else if (chosen == '?' || chosen == ':') {
            const char *what = optopt > ' ' && optopt < 127 ? "" : argv[optind - 1];

            if (chosen == ':')
                snprintf(out_why, why_size, "%.60s needs a value", argv[optind - 1]);
            else if (*what)
                snprintf(out_why, why_size, "there is no option %.60s here", what);
            else
                snprintf(out_why, why_size, "there is no option -%c here", optopt);
            return -1;
        } else if (!set(all[chosen - 256], optarg, options, out_why, why_size)) {
            return -1;
        }
    }
    return optind;
}
