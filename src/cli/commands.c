/* commands - see commands.h. In the order of the help: run one, look at it, ask the network, the rest. */
#include "cli/commands.h"

const struct kad_command *const kad_commands[] = {
    &kad_command_node,     &kad_command_tour,     &kad_command_status,
    &kad_command_watch,    &kad_command_stats,    &kad_command_table,
    &kad_command_ban,      &kad_command_pardon,   &kad_command_ping,
    &kad_command_find,     &kad_command_closest,  &kad_command_get,
    &kad_command_put,      &kad_command_announce, &kad_command_peers,
    &kad_command_sample,   &kad_command_provide,  &kad_command_providers,
    &kad_command_take,     &kad_command_withdraw, &kad_command_cid,
    &kad_command_distance, &kad_command_bench,    &kad_command_sim,
    &kad_command_record,   &kad_command_replay,   &kad_command_crawl,
    &kad_command_config,   &kad_command_id,       &kad_command_manifest,
    &kad_command_doctor,   &kad_command_version,  NULL,
};
