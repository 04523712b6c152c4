#include "node/mailbox.h"

int kad_mailbox_init(struct kad_mailbox *mailbox, const struct kad_allocator *allocator)
{
    *mailbox = (struct kad_mailbox){.allocator = allocator};
    mailbox->last = &mailbox->first;
    return uv_mutex_init(&mailbox->lock) < 0 ? KAD_E_SYSTEM : KAD_OK;
}

void kad_mailbox_clear(struct kad_mailbox *mailbox)
{
    struct kad_letter *letter;

    while ((letter = kad_mailbox_take(mailbox)))
        kad_letter_free(mailbox, letter);
    uv_mutex_destroy(&mailbox->lock);
}

void kad_letter_free(struct kad_mailbox *mailbox, struct kad_letter *letter)
{
    kad_kept_clear(mailbox->allocator, &letter->request);
    kad_free(mailbox->allocator, letter, sizeof(*letter));
}

static struct kad_letter *write_letter(const struct kad_mailbox *mailbox, const struct kad_request *request)
{
    struct kad_letter *letter = kad_alloc_zero(mailbox->allocator, sizeof(*letter));

    if (letter && kad_kept_copy(mailbox->allocator, request, &letter->request) < 0) {
        kad_free(mailbox->allocator, letter, sizeof(*letter));
        return NULL;
    }
    return letter;
}

int kad_mailbox_post(struct kad_mailbox *mailbox, const struct kad_request *request,
                     kad_node_callback *callback, void *user)
{
    struct kad_letter *letter = write_letter(mailbox, request);
    int error = KAD_OK;

    if (!letter)
        return KAD_E_MEMORY;
    letter->callback = callback;
    letter->user = user;
    uv_mutex_lock(&mailbox->lock);
    if (mailbox->closed) {
        error = KAD_E_CLOSED;
    } else if (mailbox->n == KAD_MAILBOX_MAX) {
        error = KAD_E_LIMIT;
    } else {
        *mailbox->last = letter;
        mailbox->last = &letter->next;
        mailbox->n++;
        if (mailbox->bell)
            uv_async_send(mailbox->bell); /* under the lock: the bell cannot be closed meanwhile */
    }
    uv_mutex_unlock(&mailbox->lock);
    if (error)
        kad_letter_free(mailbox, letter);
    return error;
}

void kad_mailbox_ask_to_stop(struct kad_mailbox *mailbox)
{
    uv_mutex_lock(&mailbox->lock);
    mailbox->stop = true;
    if (mailbox->bell)
        uv_async_send(mailbox->bell);
    uv_mutex_unlock(&mailbox->lock);
}

void kad_mailbox_listen(struct kad_mailbox *mailbox, uv_async_t *bell)
{
    uv_mutex_lock(&mailbox->lock);
    mailbox->bell = bell;
    if (mailbox->first || mailbox->stop)
        uv_async_send(bell);
    uv_mutex_unlock(&mailbox->lock);
}

struct kad_letter *kad_mailbox_take(struct kad_mailbox *mailbox)
{
    struct kad_letter *letter;

    uv_mutex_lock(&mailbox->lock);
    letter = mailbox->first;
    if (letter) {
        mailbox->first = letter->next;
        mailbox->n--;
        if (!mailbox->first)
            mailbox->last = &mailbox->first;
    }
    uv_mutex_unlock(&mailbox->lock);
    return letter;
}

bool kad_mailbox_stop_asked(struct kad_mailbox *mailbox)
{
    bool asked;

    uv_mutex_lock(&mailbox->lock);
    asked = mailbox->stop;
    uv_mutex_unlock(&mailbox->lock);
    return asked;
}

void kad_mailbox_close(struct kad_mailbox *mailbox)
{
    uv_mutex_lock(&mailbox->lock);
    mailbox->closed = true;
    mailbox->bell = NULL;
    uv_mutex_unlock(&mailbox->lock);
}
