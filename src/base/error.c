#include "base/types.h"

const char *kad_error_text(int error)
{
    switch (error) {
    case KAD_OK:
        return "done";
    case KAD_E_MEMORY:
        return "out of memory";
    case KAD_E_LIMIT:
        return "limit reached";
    case KAD_E_INVALID:
        return "invalid";
    case KAD_E_NOT_FOUND:
        return "not found";
    case KAD_E_EXISTS:
        return "exists already";
    case KAD_E_SPACE:
        return "does not fit";
    case KAD_E_TIMEOUT:
        return "no answer in time";
    case KAD_E_REFUSED:
        return "refused";
    case KAD_E_SYSTEM:
        return "system error";
    case KAD_E_CORRUPT:
        return "stored data is damaged";
    case KAD_E_CLOSED:
        return "stopped";
    case KAD_E_DISABLED:
        return "disabled";
    default:
        return "unknown error";
    }
}
