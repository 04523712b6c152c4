/* version - of the library that runs, which need not be that of the headers an application was built with. */
#include "kad/kad.h"

unsigned kad_version(void)
{
    return KAD_VERSION_NUMBER;
}

const char *kad_version_text(void)
{
    return KAD_VERSION;
}
