/*
 * passphrase - where a passphrase comes from: --passphrase-file FILE (its first line), the variable KAD_PASSPHRASE, or whoever sits at
 * the terminal, who does not see it typed.
 *
 * It is never an argument: those are seen by everybody on the machine.
 */
#ifndef KAD_CLI_PASSPHRASE_H
#define KAD_CLI_PASSPHRASE_H

#include "cli/cli.h"

#define KAD_PASSPHRASE_TEXT 1024 /* bytes, with its zero */

/* `ask`: what the terminal is asked if nothing else gives one; NULL: it is not. `twice`: it is a new one. *out_given false: there is
 * none. Wipe it with kad_wipe(). An exit code; what went wrong was said. */
int kad_cli_passphrase(const struct kad_cli *cli, const char *ask, bool twice,
                       char out_text[KAD_PASSPHRASE_TEXT], bool *out_given);

#endif
