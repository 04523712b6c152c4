/* main - the program `kad`. */
#include <signal.h>

#include "cli/cli.h"

int main(int argc, char **argv)
{
    /* A reader that goes away is an error of write(), not the end of the process. */
    signal(SIGPIPE, SIG_IGN);
    return kad_cli_main(argc, argv);
}
