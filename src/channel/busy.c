#include "channel/busy.h"

#include <assert.h>
#include <string.h>

#include "channel/sessions.h"
#include "crypto/crypto.h"
#include "crypto/identity.h"

enum {
    BUSY_FROM = 32, /* messages, both ways together */
    ROOM_FIRST = 8,
    REFUSED_MOST = 16, /* who comes to a full list so often before one gives way */
};

void kad_busy_init(struct kad_busy_list *list, const struct kad_allocator *allocator, uint32_t n_most)
{
    *list = (struct kad_busy_list){.allocator = allocator, .n_most = n_most};
}

void kad_busy_clear(struct kad_busy_list *list)
{
    assert(list->n == 0);
    kad_free(list->allocator, list->all, list->n_room * sizeof(struct kad_busy *));
    list->all = NULL;
    list->n_room = 0;
}

size_t kad_busy_memory(const struct kad_busy_list *list)
{
    return list->n * sizeof(struct kad_busy) + list->n_room * sizeof(struct kad_busy *);
}

void kad_busy_drop(struct kad_busy_list *list, struct kad_session *session)
{
    struct kad_busy *busy = session->busy;

    if (!busy)
        return;
    session->busy = NULL;
    list->all[busy->at] = list->all[--list->n];
    list->all[busy->at]->at = busy->at;
    kad_wipe(busy, sizeof(*busy));
    kad_free(list->allocator, busy, sizeof(*busy));
}

static bool make_room(struct kad_busy_list *list)
{
    if (list->n == list->n_most) {
        if (++list->n_refused % REFUSED_MOST)
            return false;
        for (;; list->hand++) {
            struct kad_busy *busy = list->all[list->hand % list->n];

            if (!busy->used) {
                kad_busy_drop(list, busy->session);
                return true;
            }
            busy->used = false;
        }
    }
    if (list->n == list->n_room) {
        uint32_t n = list->n_room ? 2 * list->n_room : ROOM_FIRST;
        struct kad_busy **all;

        if (n > list->n_most)
            n = list->n_most;
        all = kad_resize(list->allocator, list->all, list->n_room * sizeof(*all), n * sizeof(*all));
        if (!all)
            return false;
        list->all = all;
        list->n_room = n;
    }
    return true;
}

const struct kad_ready *kad_busy_ready(struct kad_busy_list *list)
{
    if (!list->looked) {
        list->looked = true;
        list->found = kad_ready_find(&list->ready);
    }
    return list->found ? &list->ready : NULL;
}

static struct kad_busy *add(struct kad_busy_list *list, struct kad_session *session)
{
    struct kad_busy *busy;
    uint8_t *keys;

    if (!kad_busy_ready(list) || !make_room(list))
        return NULL;
    busy = kad_alloc(list->allocator, sizeof(*busy));
    if (!busy)
        return NULL;
    keys = busy->keys + (KAD_READY_ALIGN - (uintptr_t)busy->keys % KAD_READY_ALIGN);
    busy->session = session;
    busy->at = list->n;
    busy->id = kad_identity_id(session->key);
    busy->send = keys;
    busy->receive = keys + KAD_READY_KEY;
    kad_ready_prepare(&list->ready, session->send, keys);
    kad_ready_prepare(&list->ready, session->receive, keys + KAD_READY_KEY);
    list->all[list->n++] = busy;
    return session->busy = busy;
}

struct kad_busy *kad_busy_of(struct kad_busy_list *list, struct kad_session *session)
{
    struct kad_busy *busy = session->busy;

    if (!busy && list->n_most && session->sent + session->window.next >= BUSY_FROM)
        busy = add(list, session);
    if (busy)
        busy->used = true;
    return busy;
}
