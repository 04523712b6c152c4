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

static struct kad_letter *copy_letter(const struct kad_mailbox *mailbox, const struct kad_letter *letter)
{
    struct kad_letter *copy = kad_alloc_zero(mailbox->allocator, sizeof(*copy));

    if (!copy)
        return NULL;
    *copy = *letter;
    if (kad_kept_copy(mailbox->allocator, &letter->request.request, &copy->request) < 0) {
        kad_free(mailbox->allocator, copy, sizeof(*copy));
        return NULL;
    }
    return copy;
}

int kad_mailbox_post(struct kad_mailbox *mailbox, const struct kad_letter *theirs)
{
    struct kad_letter *letter = copy_letter(mailbox, theirs);
    int error = KAD_OK;

    if (!letter)
        return KAD_E_MEMORY;
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

bool kad_mailbox_is_reader(struct kad_mailbox *mailbox)
{
    const uv_thread_t self = uv_thread_self();
    bool is;

    uv_mutex_lock(&mailbox->lock);
    is = mailbox->has_reader && uv_thread_equal(&mailbox->reader, &self);
    uv_mutex_unlock(&mailbox->lock);
    return is;
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
    mailbox->reader = uv_thread_self();
    mailbox->has_reader = true;
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
