/* parts - what is in this build of the program and what was left out (cmake/parts.cmake, docs/building.md). */
#ifndef KAD_CLI_PARTS_H
#define KAD_CLI_PARTS_H

#include <stdbool.h>
#include <stdio.h>

struct kad_part {
    const char *name;
    bool in;
};

/* Ends with a NULL name. */
extern const struct kad_part kad_parts[];

/* "with mainline, kad; without HTTP", and a newline. */
void kad_parts_print(FILE *out);

#endif
