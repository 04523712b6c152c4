// release
// timeout 900
/* 1,000 nodes that start and stop, in one process under valgrind: no byte is lost, none is read that was not written, and no
 * descriptor stays open. Half of them run alone on a loop of their own, half join a network on a shared one. A release
 * build, because valgrind and sanitizers exclude each other. */
#include "base/test.h"
#include "kad/node.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/endpoint.h"
#include "node/test_member.h"

#define CYCLES  500 /* of each kind */
#define INSIDE  "KAD_UNDER_VALGRIND"
#define ON_DISK 4 /* each fourth has an LMDB store */

static unsigned n_done, n_found;

static void on_done(void *user, const struct kad_event *event)
{
    struct kad_node *node = *(struct kad_node **)user;

    if (event->kind != KAD_EVENT_DONE)
        return;
    n_done++;
    n_found += event->done.record != NULL;
    kad_node_stop(node);
}

static void run_one(struct kad_node_config *config, const struct kad_request *request)
{
    struct kad_node *node;
    char why[256];

    EXPECT_MSG(kad_node_new(config, &node, why, sizeof(why)) == 0, "%s", why);
    EXPECT_EQ(kad_node_request(node, request, on_done, &node, NULL), 0);
    EXPECT_EQ(kad_node_start(node), 0);
    EXPECT_EQ(kad_node_run(node), 0);
    kad_node_free(node);
}

static unsigned open_descriptors(void)
{
    DIR *all = opendir("/proc/self/fd");
    unsigned n = 0;

    while (readdir(all))
        n++;
    closedir(all);
    return n;
}

static struct kad_request a_put(void)
{
    struct kad_request put = member_put_of("5:cycle");

    put.keep = true;
    return put;
}

/* Nodes that run alone; those on disk must have what the one before them put. */
static void cycle_alone(const char *directory)
{
    const struct kad_request put = a_put(), get = {.kind = KAD_REQUEST_GET, .target = put.target};
    static const uint8_t loopback[4] = {127, 0, 0, 1};
    struct kad_node_config config;

    for (unsigned i = 0; i < CYCLES; i++) {
        const bool on_disk = i % ON_DISK == 0;

        kad_node_config_default(kad_network_mainline(), &config);
        config.listen[0] = kad_endpoint_v4(loopback, 0);
        config.n_listen = 1;
        config.data_dir = on_disk ? directory : NULL;
        config.store = on_disk ? KAD_STORE_LMDB : KAD_STORE_MEMORY;
        n_found = 0;
        run_one(&config, on_disk && i > 0 ? &get : &put);
        EXPECT_EQ(n_found, on_disk && i > 0);
    }
    EXPECT_EQ(n_done, CYCLES);
}

/* Nodes that join through one that stays, and store there. */
static void cycle_in_a_network(const char *directory)
{
    static struct member resident, member;
    const struct kad_request put = a_put();
    struct kad_node_config config;

    member_open_loop();
    member_join(&resident, 1, NULL);
    for (unsigned i = 0; i < CYCLES; i++) {
        const bool on_disk = i % ON_DISK == 0;

        member_configure(&config, &member, 2 + i % 200, resident.address);
        config.data_dir = on_disk ? directory : NULL;
        config.store = on_disk ? KAD_STORE_LMDB : KAD_STORE_MEMORY;
        member_start(&member, &config);
        member_await_ready(&member);
        EXPECT_EQ(member_ask(&member, &put), 0);
        member_stop(&member);
    }
    member_stop(&resident);
    member_close_loop();
}

/* What valgrind runs. */
static void cycle(void)
{
    char directory[] = "/tmp/kad-cycles-XXXXXX", command[64];
    unsigned descriptors;

    EXPECT(mkdtemp(directory) != NULL);
    cycle_alone(directory); /* libuv opens what it keeps for its threads */
    descriptors = open_descriptors();
    cycle_in_a_network(directory);
    EXPECT_EQ(open_descriptors(), descriptors);
    snprintf(command, sizeof(command), "rm -r %s", directory);
    EXPECT_EQ(system(command), 0);
}

static int run_under_valgrind(const char *program)
{
    const pid_t child = fork();
    int status;

    EXPECT(child >= 0);
    if (child == 0) {
        setenv(INSIDE, "1", 1);
        execlp("valgrind", "valgrind", "--quiet", "--error-exitcode=9", "--leak-check=full",
               "--show-leak-kinds=all", "--errors-for-leak-kinds=all", program, "start_and_stop", NULL);
        perror("valgrind");
        _exit(127);
    }
    EXPECT_EQ(waitpid(child, &status, 0), child);
    return status;
}

TEST(a_thousand_nodes_start_and_stop_cleanly)
{
    char program[512];
    ssize_t n;

    if (getenv(INSIDE)) {
        cycle();
        return;
    }
    n = readlink("/proc/self/exe", program, sizeof(program) - 1);
    EXPECT(n > 0);
    program[n] = '\0';
    EXPECT_EQ(run_under_valgrind(program), 0);
}
