/*
 * print - how people see results: aligned columns, colour on a terminal, nothing a stranger could smuggle in.
 *
 * What comes from other nodes is printed through kad_print_text() or a cell: on a terminal control characters are shown
 * as dots, so a stored value cannot move the cursor or rewrite the title.
 */
#ifndef KAD_CLI_PRINT_H
#define KAD_CLI_PRINT_H

#include <jansson.h>
#include <stdio.h>

#include "cli/cli.h"

enum kad_style { KAD_PLAIN, KAD_BOLD, KAD_DIM, KAD_GREEN, KAD_YELLOW, KAD_RED, KAD_CYAN };

/* Escape sequences; empty without colour. */
const char *kad_style(bool colour, enum kad_style style);
const char *kad_style_end(bool colour);

/* Bytes as they are, or made harmless when standard output is a terminal. */
void kad_print_text(const char *bytes, size_t size);
/* "name       value": names are padded to 16. */
void kad_print_pair(const struct kad_cli *cli, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#define KAD_COLUMNS_MAX 10
#define KAD_CELL_MAX    80

/* Rows are collected, then printed with each column as wide as its widest cell. A column whose heading begins with '>'
 * is aligned to the right. */
struct kad_columns {
    size_t n_columns, n_rows, room;
    const char *headings[KAD_COLUMNS_MAX];
    char (*cells)[KAD_CELL_MAX]; /* n_rows * n_columns */
    enum kad_style *styles;      /* of each row */
};

void kad_columns_init(struct kad_columns *columns, const char *const *headings, size_t n_columns);
/* n_columns strings; NULL is "-". Longer ones are cut. */
void kad_columns_add(struct kad_columns *columns, enum kad_style style, ...);
/* Prints and frees. */
void kad_columns_print(struct kad_columns *columns, const struct kad_cli *cli);

/* Fields of an object; what is missing or null reads as "-", 0 or -1. */
const char *kad_json_text(const json_t *object, const char *name);
int64_t kad_json_number(const json_t *object, const char *name);
/* "12 ms", "-" if unknown. Returns `text`. */
#define KAD_NUMBER_TEXT 32
const char *kad_json_ms(const json_t *object, const char *name, char text[KAD_NUMBER_TEXT]);
const char *kad_json_count(const json_t *object, const char *name, char text[KAD_NUMBER_TEXT]);

#endif
