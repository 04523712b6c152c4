// threads
#include "base/test.h"
#include "node/mailbox.h"

#include <string.h>

static void nobody(void *user, const struct kad_event *event)
{
    (void)user, (void)event;
}

static int post(struct kad_mailbox *mailbox, const struct kad_request *request, void *user)
{
    const struct kad_letter letter = {.request.request = *request, .callback = nobody, .user = user};

    return kad_mailbox_post(mailbox, &letter);
}

/* A letter is a copy: the poster's memory may be gone when it is read. */
TEST(letters_come_in_order_and_whole)
{
    struct kad_mailbox mailbox;
    struct kad_letter *letter;
    char value[] = "5:value";
    struct kad_request request = {.kind = KAD_REQUEST_PUT, .record.value = {(const uint8_t *)value, 7}};

    EXPECT_EQ(kad_mailbox_init(&mailbox, &kad_allocator_system), 0);
    for (int i = 0; i < 3; i++) {
        value[0] = (char)('0' + i);
        EXPECT_EQ(post(&mailbox, &request, &value[i]), 0);
    }
    memset(value, 'x', sizeof(value));
    for (int i = 0; i < 3; i++) {
        letter = kad_mailbox_take(&mailbox);
        EXPECT(letter != NULL);
        EXPECT_EQ(letter->request.request.record.value.data[0], '0' + i);
        EXPECT(letter->user == &value[i]);
        kad_letter_free(&mailbox, letter);
    }
    EXPECT(kad_mailbox_take(&mailbox) == NULL);
    kad_mailbox_clear(&mailbox);
}

TEST(a_full_mailbox_refuses_and_a_closed_one_too)
{
    const struct kad_request request = {.kind = KAD_REQUEST_GET};
    struct kad_mailbox mailbox;

    EXPECT_EQ(kad_mailbox_init(&mailbox, &kad_allocator_system), 0);
    for (int i = 0; i < KAD_MAILBOX_MAX; i++)
        EXPECT_EQ(post(&mailbox, &request, NULL), 0);
    EXPECT_EQ(post(&mailbox, &request, NULL), KAD_E_LIMIT);
    kad_letter_free(&mailbox, kad_mailbox_take(&mailbox));
    EXPECT_EQ(post(&mailbox, &request, NULL), 0);
    kad_mailbox_close(&mailbox);
    EXPECT_EQ(post(&mailbox, &request, NULL), KAD_E_CLOSED);
    EXPECT(!kad_mailbox_stop_asked(&mailbox));
    kad_mailbox_ask_to_stop(&mailbox);
    EXPECT(kad_mailbox_stop_asked(&mailbox));
    kad_mailbox_clear(&mailbox); /* what is left goes with it */
}

#define THREADS    8
#define PER_THREAD 2000

struct sender {
    struct kad_mailbox *mailbox;
    unsigned number, n_posted;
};

static void send_all(void *context)
{
    struct sender *sender = context;

    while (sender->n_posted < PER_THREAD) {
        struct kad_request request = {.kind = KAD_REQUEST_GET, .port = (uint16_t)sender->n_posted};

        request.target.bytes[0] = (uint8_t)sender->number;
        sender->n_posted += post(sender->mailbox, &request, NULL) == 0;
    }
}

struct receiver {
    struct kad_mailbox mailbox;
    uv_async_t bell;
    unsigned n_received, next[THREADS];
};

static void rang(uv_async_t *bell)
{
    struct receiver *receiver = bell->data;
    struct kad_letter *letter;

    while ((letter = kad_mailbox_take(&receiver->mailbox))) {
        const struct kad_request *request = &letter->request.request;

        EXPECT_EQ(request->port, receiver->next[request->target.bytes[0]]++);
        receiver->n_received++;
        kad_letter_free(&receiver->mailbox, letter);
    }
    if (receiver->n_received == THREADS * PER_THREAD) {
        kad_mailbox_close(&receiver->mailbox);
        uv_close((uv_handle_t *)bell, NULL);
    }
}

/* Eight threads write as fast as they can: nothing is lost, and each thread's letters stay in its order. */
TEST(eight_threads_lose_nothing)
{
    static struct receiver receiver;
    struct sender senders[THREADS];
    uv_thread_t threads[THREADS];
    uv_loop_t loop;

    EXPECT_EQ(uv_loop_init(&loop), 0);
    EXPECT_EQ(kad_mailbox_init(&receiver.mailbox, &kad_allocator_system), 0);
    EXPECT_EQ(uv_async_init(&loop, &receiver.bell, rang), 0);
    receiver.bell.data = &receiver;
    kad_mailbox_listen(&receiver.mailbox, &receiver.bell);
    for (unsigned i = 0; i < THREADS; i++) {
        senders[i] = (struct sender){.mailbox = &receiver.mailbox, .number = i};
        EXPECT_EQ(uv_thread_create(&threads[i], send_all, &senders[i]), 0);
    }
    uv_run(&loop, UV_RUN_DEFAULT);
    for (unsigned i = 0; i < THREADS; i++)
        uv_thread_join(&threads[i]);
    EXPECT_EQ(receiver.n_received, THREADS * PER_THREAD);
    EXPECT_EQ(uv_loop_close(&loop), 0);
    kad_mailbox_clear(&receiver.mailbox);
}
