/* help - kad --help, kad COMMAND --help and kad.1, all out of the table of commands. */
#include "cli/cli.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "cli/parts.h"
#include "cli/print.h"

static const struct {
    int code;
    const char *meaning;
} exits[] = {
    {KAD_EXIT_DONE, "done"},
    {KAD_EXIT_NOT_FOUND, "not found"},
    {KAD_EXIT_USAGE, "the command line is wrong"},
    {KAD_EXIT_NO_ANSWER, "no answer in time, or no node runs that could be asked"},
    {KAD_EXIT_REFUSED, "refused"},
    {KAD_EXIT_INTERNAL, "something else went wrong, here or in the node"},
};

static const char keys_text[] =
    "KEY is 40 hexadecimal digits (0x before them is fine) or a magnet link "
    "(btih, btmh). For get it may also be the\n"
    "public key of a mutable value, as 64 digits or in a magnet link (btpk). In the kad "
    "network it is a name: room:lobby,\ndomain:example, peer:id1... and so on "
    "(kad put --help has the classes).\n";

static void print_options(FILE *out, const struct kad_option *option)
{
    for (; option && option->name; option++) {
        char left[64];

        snprintf(left, sizeof left, "--%s%s%s", option->name, option->metavar ? " " : "",
                 option->metavar ? option->metavar : "");
        fprintf(out, "  %-24s %s%s\n", left, option->help,
                option->kind == KAD_OPTION_LIST ? " (repeatable)" : "");
    }
}

static void print_heading(FILE *out, bool colour, const char *text)
{
    fprintf(out, "\n%s%s%s\n", kad_style(colour, KAD_BOLD), text, kad_style_end(colour));
}

void kad_help_overview(FILE *out, bool colour)
{
    fprintf(out, "usage: kad [OPTION]... COMMAND [OPTION]... [ARGUMENT]...\n"
                 "A node of a distributed hash table, BitTorrent's or kad's own, and commands to ask one.\n");
    print_heading(out, colour, "Commands");
    for (size_t i = 0; kad_commands[i]; i++) {
        char left[64];

        snprintf(left, sizeof left, "%s %s", kad_commands[i]->name, kad_commands[i]->arguments);
        fprintf(out, "  %-24s %s\n", left, kad_commands[i]->summary);
    }
    print_heading(out, colour, "Options of all commands");
    print_options(out, kad_global_options);
    print_heading(out, colour, "Exit status");
    for (size_t i = 0; i < sizeof exits / sizeof exits[0]; i++)
        fprintf(out, "  %d  %s\n", exits[i].code, exits[i].meaning);
    fprintf(out,
            "\n%s\nThe node asked is that of $KAD_DATA_DIR (for root /var/lib/kad, else ~/.local/share/kad) "
            "unless --node\n"
            "names another. kad COMMAND --help says more; kad tour shows all of it at work.\n",
            keys_text);
    fputs("\nThis build is ", out);
    kad_parts_print(out);
}

void kad_help_command(FILE *out, const struct kad_command *command, bool colour)
{
    fprintf(out, "usage: kad %s%s%s [OPTION]...\n%s\n", command->name, *command->arguments ? " " : "",
            command->arguments, command->summary);
    if (command->details)
        fprintf(out, "\n%s\n", command->details);
    if (command->options) {
        print_heading(out, colour, "Options");
        print_options(out, command->options);
    }
    print_heading(out, colour, "Options of all commands");
    print_options(out, kad_global_options);
}

/* -- kad.1 ------------------------------------------------------------------------------------------------------- */

/* Text as roff takes it: backslashes and leading dots are data, and a hyphen that can be typed is one. */
static void roff(FILE *out, const char *text)
{
    const char *at;

    for (at = text; *at; at++) {
        if (*at == '\\')
            fputs("\\e", out);
        else if (*at == '-')
            fputs("\\-", out);
        else if ((*at == '.' || *at == '\'') && (at == text || at[-1] == '\n'))
            fprintf(out, "\\&%c", *at);
        else if (*at == ' ' && at > text && strchr(".!?", at[-1]))
            fputc('\n', out); /* a sentence begins on a line of its own */
        else if (*at == '\n' && at[1] == '\n')
            fputs("\n.Pp", out);
        else
            fputc(*at, out);
    }
    if (at == text || at[-1] != '\n')
        fputc('\n', out);
}

/* "run a node" -> "Run a node." */
static void roff_sentence(FILE *out, const char *text)
{
    char room[256];
    const size_t size = strlen(text);

    snprintf(room, sizeof room, "%c%s%s", toupper((unsigned char)text[0]), text + 1,
             text[size - 1] == '.' ? "" : ".");
    roff(out, room);
}

static void roff_options(FILE *out, const struct kad_option *option)
{
    if (!option || !option->name)
        return;
    fprintf(out, ".Bl -tag -width Ds\n");
    for (; option->name; option++) {
        fprintf(out, ".It Fl Fl ");
        for (const char *at = option->name; *at; at++)
            fprintf(out, *at == '-' ? "\\-" : "%c", *at);
        if (option->metavar)
            fprintf(out, " Ar %s", option->metavar);
        fputc('\n', out);
        roff_sentence(out, option->help);
        if (option->kind == KAD_OPTION_LIST)
            roff(out, "May be given more than once.");
    }
    fprintf(out, ".El\n");
}

void kad_help_manual(FILE *out)
{
    fprintf(out, ".\\\" Written by kad --man out of the table of commands: change it there.\n"
                 ".Dd November 21, 2026\n.Dt KAD 1\n.Os\n.Sh NAME\n.Nm kad\n"
                 ".Nd a node of a distributed hash table, and commands to ask one\n"
                 ".Sh SYNOPSIS\n.Nm\n.Op Ar option ...\n.Ar command\n.Op Ar option ...\n.Op Ar argument ...\n"
                 ".Sh DESCRIPTION\n");
    roff(out, "kad node runs a node of the Mainline DHT (BEP 5, 32, 33, 42, 43, 44 and 51). The other "
              "commands ask a\n"
              "running node over its local socket, or with --standalone a short-lived one of their own.\n");
    roff(out, keys_text);
    fprintf(out, ".Sh COMMANDS\n");
    for (size_t i = 0; kad_commands[i]; i++) {
        const struct kad_command *command = kad_commands[i];

        fprintf(out, ".Ss kad %s ", command->name);
        roff(out, command->arguments);
        roff_sentence(out, command->summary);
        if (command->details) {
            fprintf(out, ".Pp\n");
            roff(out, command->details);
        }
        roff_options(out, command->options);
    }
    fprintf(out, ".Sh OPTIONS OF ALL COMMANDS\n");
    roff_options(out, kad_global_options);
    fprintf(out, ".Sh OPTIONS INSTEAD OF A COMMAND\n");
    roff_options(out, kad_first_options);
    fprintf(out,
            ".Sh ENVIRONMENT\n.Bl -tag -width KAD_DATA_DIR\n.It Ev KAD_DATA_DIR\n"
            "The data directory of the node that is run or asked.\n"
            ".It Ev NO_COLOR\nIf set, nothing is coloured.\n.El\n"
            ".Sh FILES\n.Bl -tag -width Ds\n.It Pa /var/lib/kad , ~/.local/share/kad\n"
            "Data directories of root and of others.\n.It Pa kad.sock\n"
            "In the data directory: the local socket, which speaks HTTP and JSON.\n.El\n.Sh EXIT STATUS\n"
            ".Bl -tag -width Ds\n");
    for (size_t i = 0; i < sizeof exits / sizeof exits[0]; i++) {
        fprintf(out, ".It %d\n", exits[i].code);
        roff_sentence(out, exits[i].meaning);
    }
    fprintf(out, ".El\n.Sh EXAMPLES\n.Bd -literal\nkad node --bootstrap public\nkad put \"Hello World!\"\n"
                 "kad get e5f96f6f38320f0f33959cb4d3d656452117aadb --trace\n"
                 "kad peers 'magnet:?xt=urn:btih:...' --json\n.Ed\n.Sh SEE ALSO\n.Xr kad.conf 5\n");
}
