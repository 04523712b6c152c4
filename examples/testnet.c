/*
 * testnet - a network of 50 nodes on this machine in one call; a text is stored at one node and read from another.
 *
 *     testnet             does that and ends
 *     testnet ADDRESS     says where to join (in the file ADDRESS), then stays until its standard input ends
 *
 * What a test of your own program needs: no configuration, no fixed ports, nothing left behind.
 */
#include <kad/kad.h>
#include <kad/testnet.h>
#include <semaphore.h>
#include <stdio.h>
#include <string.h>

struct answer {
    sem_t done;
    int error;
    char text[KAD_RECORD_VALUE_MAX];
    size_t size;
};

/* On the network's thread. The record is the node's and gone when this returns. */
static void on_done(void *user, const struct kad_event *event)
{
    struct answer *answer = user;
    struct kad_bytes text;

    answer->error = event->done.error;
    if (event->done.record && kad_mainline_unwrap(event->done.record->value, &text) == KAD_OK) {
        memcpy(answer->text, text.data, text.size);
        answer->size = text.size;
    }
    sem_post(&answer->done);
}

/* Asks and waits, which a thread that is not the network's may do. */
static int ask(struct kad_node *node, const struct kad_request *request, struct answer *answer)
{
    const int error = kad_node_post(node, request, on_done, answer);

    if (error)
        return error;
    sem_wait(&answer->done);
    return answer->error;
}

static int store_and_read(struct kad_testnet *net)
{
    static struct answer answer;
    const char *text = "Hello from node 7!";
    uint8_t value[64];
    struct kad_request request = {.kind = KAD_REQUEST_PUT, .record.type = KAD_RECORD_IMMUTABLE};
    int error;

    sem_init(&answer.done, 0, 0);
    request.record.value.data = value;
    error = kad_mainline_wrap((struct kad_bytes){(const uint8_t *)text, strlen(text)}, value, sizeof value,
                              &request.record.value.size);
    kad_mainline_immutable_key(request.record.value, &request.record.key);
    request.target = request.record.key;
    if (!error)
        error = ask(kad_testnet_node(net, 7), &request, &answer);
    request.kind = KAD_REQUEST_GET;
    if (!error)
        error = ask(kad_testnet_node(net, 42), &request, &answer);
    if (!error)
        printf("node 42 reads: %.*s\n", (int)answer.size, answer.text);
    sem_destroy(&answer.done);
    return error;
}

int main(int argc, char **argv)
{
    struct kad_testnet *net;
    char why[256];
    FILE *file;
    int error = kad_testnet_new(50, &net, why, sizeof why);

    if (error)
        return fprintf(stderr, "testnet: %s\n", why), 1;
    printf("50 nodes, the first at %s\n", kad_testnet_address(net, 0));
    error = store_and_read(net);
    fflush(stdout);
    if (argc > 1 && !error) {
        file = fopen(argv[1], "w");
        if (file) {
            fprintf(file, "%s\n", kad_testnet_address(net, 0));
            fclose(file);
        }
        while (getchar() != EOF)
            ;
    }
    kad_testnet_free(net);
    if (error)
        fprintf(stderr, "testnet: %s\n", kad_error_text(error));
    return error ? 1 : 0;
}
