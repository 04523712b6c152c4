/* commands - the rows of the table of commands (cli/commands.c), each beside its function in cmd_*.c. */
#ifndef KAD_CLI_COMMANDS_H
#define KAD_CLI_COMMANDS_H

#include "cli/cli.h"

extern const struct kad_command kad_command_node, kad_command_tour, kad_command_sim;
extern const struct kad_command kad_command_watch, kad_command_status, kad_command_stats, kad_command_table;
extern const struct kad_command kad_command_ping, kad_command_find, kad_command_closest, kad_command_sample;
extern const struct kad_command kad_command_get, kad_command_put;
extern const struct kad_command kad_command_announce, kad_command_peers, kad_command_withdraw;
extern const struct kad_command kad_command_relays;
extern const struct kad_command kad_command_ban, kad_command_pardon;
extern const struct kad_command kad_command_provide, kad_command_providers, kad_command_take;
extern const struct kad_command kad_command_record, kad_command_replay, kad_command_crawl;
extern const struct kad_command kad_command_join, kad_command_query;
extern const struct kad_command kad_command_cid, kad_command_distance, kad_command_version, kad_command_bench;
extern const struct kad_command kad_command_config, kad_command_doctor;
extern const struct kad_command kad_command_manifest, kad_command_id;

#endif
