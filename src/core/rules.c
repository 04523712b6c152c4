/* rules - what a class demands of its records, whatever the network. */
#include "core/rules.h"

enum kad_refusal kad_class_check(const struct kad_class *class, const struct kad_record *record)
{
    if (record->value.size > class->value_max && !record->hashed)
        return KAD_REFUSAL_TOO_BIG;
    if (record->many != (class->owners_max > 1))
        return KAD_REFUSAL_PROTOCOL;
    if (record->made_at < 0 || record->valid_until <= record->made_at)
        return KAD_REFUSAL_LIFE;
    /* Both are at least 0 wherever they come from, so the difference is no overflow. */
    if (class->ttl_ms != KAD_NEVER &&
        (record->valid_until == KAD_NEVER || record->valid_until - record->made_at > class->ttl_ms))
        return KAD_REFUSAL_LIFE;
    if (class->valid && !record->hashed && !class->valid(class->context, record))
        return KAD_REFUSAL_PROTOCOL;
    return KAD_REFUSAL_NONE;
}
