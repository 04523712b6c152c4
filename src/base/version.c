/* version - of the library that runs, which need not be that of the headers an application was built with. */
#include "kad/kad.h"

#define TEXT_OF(number)             #number
#define DOTTED(major, minor, patch) TEXT_OF(major) "." TEXT_OF(minor) "." TEXT_OF(patch)

unsigned kad_version(void)
{
    return KAD_VERSION_NUMBER;
}

const char *kad_version_text(void)
{
    return DOTTED(KAD_VERSION_MAJOR, KAD_VERSION_MINOR, KAD_VERSION_PATCH);
}
