#include "cli/parts.h"

#include <kad_parts.h> /* written by CMake into the build directory */

const struct kad_part kad_parts[] = {
    {"mainline", KAD_PART_MAINLINE}, {"kad", KAD_PART_KAD},   {"kad-ws", KAD_PART_KAD_WS},
    {"libp2p", KAD_PART_LIBP2P},     {"http", KAD_PART_HTTP}, {"sim", KAD_PART_SIM},
    {"lmdb", KAD_PART_LMDB},         {NULL, false},
};

static unsigned print_those(FILE *out, bool in, const char *before)
{
    unsigned n = 0;

    for (const struct kad_part *part = kad_parts; part->name; part++) {
        if (part->in == in)
            fprintf(out, "%s%s", n++ ? ", " : before, part->name);
    }
    return n;
}

void kad_parts_print(FILE *out)
{
    const unsigned n = print_those(out, true, "with ");

    print_those(out, false, n ? "; without " : "without ");
    fputc('\n', out);
}
