#include "node/kept.h"

#include <string.h>

int kad_kept_copy(const struct kad_allocator *allocator, const struct kad_request *request,
                  struct kad_kept *out_kept)
{
    const struct kad_record *record = &request->record;
    const bool has_record = request->kind == KAD_REQUEST_PUT || request->kind == KAD_REQUEST_GET;
    const size_t n = has_record ? record->value.size + record->salt.size : 0;
    struct kad_kept kept = {.request = *request, .n_bytes = n};

    if (n) {
        kept.bytes = kad_alloc(allocator, n);
        if (!kept.bytes)
            return KAD_E_MEMORY;
        if (record->value.size)
            memcpy(kept.bytes, record->value.data, record->value.size);
        if (record->salt.size)
            memcpy(kept.bytes + record->value.size, record->salt.data, record->salt.size);
    }
    if (!has_record)
        kept.request.record = (struct kad_record){0};
    kept.request.record.value.data = kept.bytes;
    kept.request.record.salt.data = kept.bytes ? kept.bytes + record->value.size : NULL;
    kept.request.user = NULL;
    *out_kept = kept;
    return KAD_OK;
}

void kad_kept_clear(const struct kad_allocator *allocator, struct kad_kept *kept)
{
    kad_free(allocator, kept->bytes, kept->n_bytes);
    *kept = (struct kad_kept){0};
}

void kad_kept_list_init(struct kad_kept_list *list, const struct kad_allocator *allocator, size_t ceiling)
{
    *list = (struct kad_kept_list){.allocator = allocator, .ceiling = ceiling, .next_until = KAD_NEVER};
}

void kad_kept_list_clear(struct kad_kept_list *list)
{
    for (size_t i = 0; i < list->n; i++)
        kad_kept_clear(list->allocator, &list->list[i]);
    kad_free(list->allocator, list->list, list->room * sizeof(*list->list));
    kad_kept_list_init(list, list->allocator, list->ceiling);
}

static bool same_key(const struct kad_kept *kept, const struct kad_id *key)
{
    return memcmp(&kept->request.target, key, sizeof(*key)) == 0;
}

static kad_ms until(const struct kad_kept *kept)
{
    return kept->request.keep_until ? kept->request.keep_until : KAD_NEVER;
}

static int make_room(struct kad_kept_list *list)
{
    const size_t room = list->room ? 2 * list->room : 8;
    void *larger;

    if (list->n >= list->ceiling)
        return KAD_E_LIMIT;
    if (list->n < list->room)
        return KAD_OK;
    larger =
        kad_resize(list->allocator, list->list, list->room * sizeof(*list->list), room * sizeof(*list->list));
    if (!larger)
        return KAD_E_MEMORY;
    list->list = larger;
    list->room = room;
    return KAD_OK;
}

int kad_kept_add(struct kad_kept_list *list, struct kad_kept *kept)
{
    int error;

    list->next_until = kad_ms_min(list->next_until, until(kept));
    for (size_t i = 0; i < list->n; i++) {
        if (list->list[i].request.kind == kept->request.kind &&
            same_key(&list->list[i], &kept->request.target)) {
            kad_kept_clear(list->allocator, &list->list[i]);
            list->list[i] = *kept;
            return KAD_OK;
        }
    }
    error = make_room(list);
    if (error)
        kad_kept_clear(list->allocator, kept);
    else
        list->list[list->n++] = *kept;
    return error;
}

bool kad_kept_remove(struct kad_kept_list *list, const struct kad_id *key)
{
    size_t n_left = 0;
    bool found = false;

    for (size_t i = 0; i < list->n; i++) {
        if (same_key(&list->list[i], key)) {
            kad_kept_clear(list->allocator, &list->list[i]);
            found = true;
        } else {
            list->list[n_left++] = list->list[i];
        }
    }
    list->n = n_left;
    return found;
}

size_t kad_kept_end(struct kad_kept_list *list, kad_ms now)
{
    const size_t n_before = list->n;
    size_t n_left = 0;

    if (now < list->next_until)
        return 0;
    list->next_until = KAD_NEVER;
    for (size_t i = 0; i < list->n; i++) {
        struct kad_kept *kept = &list->list[i];

        if (until(kept) <= now) {
            kad_kept_clear(list->allocator, kept);
            continue;
        }
        list->next_until = kad_ms_min(list->next_until, until(kept));
        list->list[n_left++] = *kept;
    }
    list->n = n_left;
    return n_before - n_left;
}
