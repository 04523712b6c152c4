#include "core/serve_merge.h"

#include <string.h>

#include "core/id.h"

uint16_t kad_serve_merge(const struct kad_id *target, unsigned most, unsigned n_first, unsigned n,
                         const struct kad_contact *named[KAD_MESSAGE_CONTACTS],
                         struct kad_bytes identities[KAD_MESSAGE_CONTACTS])
{
    const struct kad_contact *contacts[KAD_MESSAGE_CONTACTS];
    struct kad_bytes beside[KAD_MESSAGE_CONTACTS];
    unsigned a = 0, b = n_first;
    uint16_t merged = 0;

    if (!n_first || n_first == n) /* one of them is empty: the other is it */
        return (uint16_t)n;
    memcpy(contacts, named, n * sizeof(*named));
    memcpy(beside, identities, n * sizeof(*identities));
    while (merged < most && (a < n_first || b < n)) {
        const bool first =
            b == n || (a < n_first && kad_id_compare(target, &contacts[a]->id, &contacts[b]->id) <= 0);
        const unsigned at = first ? a++ : b++;

        if (merged && kad_id_equal(&named[merged - 1]->id, &contacts[at]->id))
            continue;
        named[merged] = contacts[at];
        identities[merged++] = beside[at];
    }
    return merged;
}
