#include "sim/test_joined.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/test.h"
#include "sim/test_oracle.h"
#include "sim/test_run.h"

#define ROWS_MOST 512

static uint64_t head_of(const struct kad_id *id)
{
    uint64_t head = 0;

    for (int i = 0; i < 8; i++)
        head = head << 8 | id->bytes[i];
    return head;
}

/* What each node holds in its table now, as plain numbers. */
static struct test_oracle_graph graph_of(struct sim_world *world)
{
    const size_t n = sim_world_n_nodes(world);
    struct test_oracle_graph graph = {.ids = malloc(n * sizeof(*graph.ids)),
                                      .first = malloc((n + 1) * sizeof(*graph.first)),
                                      .known = malloc(n * ROWS_MOST * sizeof(*graph.known)),
                                      .n_nodes = n};
    size_t n_known = 0;

    for (uint32_t i = 0; i < n; i++) {
        struct kad_table_row rows[ROWS_MOST];
        const size_t n_rows = kad_engine_table(sim_node_engine(world, i), KAD_IPV4, rows, ROWS_MOST);

        EXPECT(n_rows > 0 && n_rows <= ROWS_MOST);
        graph.ids[i] = head_of(sim_node_id(world, i));
        graph.first[i] = n_known;
        for (size_t j = 0; j < n_rows; j++) {
            if (!rows[j].replacement)
                graph.known[n_known++] = sim_node_with_id(world, &rows[j].contact.id);
        }
    }
    graph.first[n] = n_known;
    return graph;
}

static void expect_near(double got, double wanted, const char *what, unsigned k)
{
    EXPECT_MSG(fabs(got - wanted) <= wanted * .05, "k %u: %s: %.3f, the model has %.3f", k, what, got,
               wanted);
    printf("k %u: %s %.3f, the model has %.3f\n", k, what, got, wanted);
}

void test_joined(unsigned n_nodes, unsigned k)
{
    char text[512];
    struct sim_run *run;
    struct test_oracle_graph graph;
    struct test_oracle_result model;

    snprintf(text, sizeof(text),
             "seed 17; peers %u; k %u; alpha 3; tables join over %us; limits off; latency world; check 512;"
             "set alpha_end 0; set table_wide 0; set follow_address off; lookup 2000 at 300s over 10s",
             n_nodes, k, n_nodes / 100);
    run = test_run_begin(text);
    EXPECT_MSG(sim_run_until(run, 299 * SIM_SECOND), "%s", sim_world_why(run->world));
    graph = graph_of(run->world);
    EXPECT_MSG(sim_run_until(run, run->end), "%s", sim_world_why(run->world));
    model = test_oracle_run_on(&graph, k, 3, 4000, 1);
    EXPECT(test_figure(run, "true closest") >= 99);
    EXPECT_MSG(model.closest_percent >= 99, "%.2f", model.closest_percent);
    expect_near(test_figure(run, "hops to holder"), model.hops_to_holder, "hops to holder", k);
    expect_near(test_figure(run, "queries per lookup"), model.queries, "queries per lookup", k);
    free(graph.ids);
    free(graph.first);
    free(graph.known);
    sim_run_free(run);
}
