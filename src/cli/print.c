/* print - see print.h. */
#include "cli/print.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *kad_style(bool colour, enum kad_style style)
{
    static const char *const escapes[] = {"",         "\033[1m",  "\033[2m", "\033[32m",
                                          "\033[33m", "\033[31m", "\033[36m"};

    return colour ? escapes[style] : "";
}

const char *kad_style_end(bool colour)
{
    return colour ? "\033[0m" : "";
}

/* C0, DEL, and C1 as UTF-8 writes it (0xc2 0x80..0x9f), which terminals obey as well. */
static bool is_harmful(const unsigned char *at, size_t left)
{
    if (at[0] < 0x20)
        return at[0] != '\n' && at[0] != '\t';
    return at[0] == 0x7f || (at[0] == 0xc2 && left > 1 && at[1] >= 0x80 && at[1] <= 0x9f);
}

void kad_print_text(const char *bytes, size_t size)
{
    const bool terminal = isatty(STDOUT_FILENO);
    const unsigned char *at = (const unsigned char *)bytes;

    for (size_t i = 0; i < size; i++) {
        if (terminal && is_harmful(at + i, size - i)) {
            putchar('.');
            i += at[i] == 0xc2;
        } else {
            putchar(at[i]);
        }
    }
}

void kad_print_pair(const struct kad_cli *cli, const char *name, const char *format, ...)
{
    va_list list;

    printf("%s%-16s%s ", kad_style(cli->colour, KAD_DIM), name, kad_style_end(cli->colour));
    va_start(list, format);
    vprintf(format, list);
    va_end(list);
    putchar('\n');
}

void kad_columns_init(struct kad_columns *columns, const char *const *headings, size_t n_columns)
{
    memset(columns, 0, sizeof *columns);
    columns->n_columns = n_columns;
    for (size_t i = 0; i < n_columns; i++)
        columns->headings[i] = headings[i];
}

static bool grow(struct kad_columns *columns)
{
    const size_t room = columns->room ? 2 * columns->room : 32;
    char(*cells)[KAD_CELL_MAX] = realloc(columns->cells, room * columns->n_columns * sizeof *cells);
    enum kad_style *styles = cells ? realloc(columns->styles, room * sizeof *styles) : NULL;

    if (cells)
        columns->cells = cells;
    if (!styles)
        return false;
    columns->styles = styles;
    columns->room = room;
    return true;
}

void kad_columns_add(struct kad_columns *columns, enum kad_style style, ...)
{
    va_list list;

    if (columns->n_rows == columns->room && !grow(columns))
        return;
    va_start(list, style);
    for (size_t i = 0; i < columns->n_columns; i++) {
        const char *text = va_arg(list, const char *);

        snprintf(columns->cells[columns->n_rows * columns->n_columns + i], KAD_CELL_MAX, "%s",
                 text ? text : "-");
    }
    va_end(list);
    columns->styles[columns->n_rows++] = style;
}

static const char *heading(const struct kad_columns *columns, size_t i)
{
    return columns->headings[i] + (columns->headings[i][0] == '>');
}

static void print_row(const struct kad_columns *columns, const char *const *texts, const size_t *widths)
{
    for (size_t i = 0; i < columns->n_columns; i++) {
        const bool right = columns->headings[i][0] == '>', last = i + 1 == columns->n_columns;

        printf("%s%*s", i ? "  " : "", right ? (int)widths[i] : last ? 0 : -(int)widths[i], texts[i]);
    }
}

void kad_columns_print(struct kad_columns *columns, const struct kad_cli *cli)
{
    size_t widths[KAD_COLUMNS_MAX];
    const char *texts[KAD_COLUMNS_MAX];

    for (size_t i = 0; i < columns->n_columns; i++) {
        widths[i] = strlen(heading(columns, i));
        texts[i] = heading(columns, i);
        for (size_t row = 0; row < columns->n_rows; row++) {
            const size_t width = strlen(columns->cells[row * columns->n_columns + i]);

            widths[i] = width > widths[i] ? width : widths[i];
        }
    }
    printf("%s", kad_style(cli->colour, KAD_BOLD));
    print_row(columns, texts, widths);
    printf("%s\n", kad_style_end(cli->colour));
    for (size_t row = 0; row < columns->n_rows; row++) {
        const bool styled = columns->styles[row] != KAD_PLAIN;

        for (size_t i = 0; i < columns->n_columns; i++)
            texts[i] = columns->cells[row * columns->n_columns + i];
        printf("%s", kad_style(cli->colour, columns->styles[row]));
        print_row(columns, texts, widths);
        printf("%s\n", styled ? kad_style_end(cli->colour) : "");
    }
    free(columns->cells);
    free(columns->styles);
    memset(columns, 0, sizeof *columns);
}

const char *kad_json_text(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text ? text : "-";
}

int64_t kad_json_number(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);

    return json_is_integer(value)   ? json_integer_value(value)
           : json_is_boolean(value) ? json_is_true(value)
                                    : -1;
}

const char *kad_json_ms(const json_t *object, const char *name, char text[KAD_NUMBER_TEXT])
{
    const int64_t ms = kad_json_number(object, name);

    if (ms < 0)
        return "-";
    snprintf(text, KAD_NUMBER_TEXT, "%lld ms", (long long)ms);
    return text;
}

const char *kad_json_count(const json_t *object, const char *name, char text[KAD_NUMBER_TEXT])
{
    const int64_t count = kad_json_number(object, name);

    if (count < 0)
        return "-";
    snprintf(text, KAD_NUMBER_TEXT, "%lld", (long long)count);
    return text;
}
