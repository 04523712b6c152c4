#include "cli/completion.h"

#include <ctype.h>
#include <string.h>

#include "node/config_keys.h"

/* -- what the shells share --------------------------------------------------------------------------------------- */

/* Values that are words. Others are files, by their metavar, or nothing that could be guessed. */
static const char *words_of(const struct kad_option *option)
{
    static const struct {
        const char *name, *words;
    } rows[] = {
        {"log-level", "error warn info debug trace"},
        {"log-format", "logfmt json"},
        {"store", "lmdb mem"},
        {"network", "mainline kad"},
        {"completion", "bash zsh fish"},
        {"bootstrap", "public"},
    };

    for (size_t i = 0; i < KAD_COUNT_OF(rows); i++) {
        if (strcmp(rows[i].name, option->name) == 0)
            return rows[i].words;
    }
    return NULL;
}

static bool takes_key(const struct kad_option *option)
{
    return strcmp(option->name, "set") == 0;
}

static bool takes_folder(const struct kad_option *option)
{
    return option->metavar && strcmp(option->metavar, "DIR") == 0;
}

static bool takes_file(const struct kad_option *option)
{
    return option->metavar && (strcmp(option->metavar, "FILE") == 0 || strcmp(option->metavar, "PATH") == 0);
}

/* Calls `each` with the words that a command's first argument may be: "check [FILE] | set KEY" has check and set. */
static size_t for_subcommands(const struct kad_command *command,
                              void (*each)(FILE *out, const char *word, int size), FILE *out)
{
    size_t n = 0;

    for (const char *at = command->arguments; at; at = strstr(at, " | ")) {
        int size = 0;

        at += at == command->arguments ? 0 : 3;
        while (islower((unsigned char)at[size]))
            size++;
        if (size && (at[size] == ' ' || at[size] == '\0')) {
            n++;
            if (each)
                each(out, at, size);
        }
    }
    return n;
}

static bool argument_is_file(const struct kad_command *command)
{
    return strstr(command->arguments, "FILE") || strstr(command->arguments, "SCENARIO");
}

static void print_word(FILE *out, const char *word, int size)
{
    fprintf(out, " %.*s", size, word);
}

static void print_settings(FILE *out, const char *before, const char *after)
{
    for (size_t i = 0; i < kad_n_keys; i++)
        fprintf(out, "%s%s%s", before, kad_keys[i].name, after);
}

/* -- bash -------------------------------------------------------------------------------------------------------- */

static void bash_names(FILE *out, const struct kad_option *option)
{
    for (; option && option->name; option++)
        fprintf(out, " --%s", option->name);
}

/* "--config|--record)" of those that `fits`; false: none does. */
static bool bash_pattern(FILE *out, const struct kad_option *const *tables, size_t n,
                         bool (*fits)(const struct kad_option *))
{
    bool any = false;

    for (size_t i = 0; i < n; i++) {
        for (const struct kad_option *option = tables[i]; option && option->name; option++) {
            if (fits(option)) {
                fprintf(out, "%s--%s", any ? "|" : "    ", option->name);
                any = true;
            }
        }
    }
    if (any)
        fputs(")\n", out);
    return any;
}

static bool has_value(const struct kad_option *option)
{
    return option->kind != KAD_OPTION_FLAG;
}

/* Commands agree on what an option's name means, so one list will do for all of them. */
static size_t all_tables(const struct kad_option *first, const struct kad_option **out_tables, size_t room)
{
    size_t n = 0;

    out_tables[n++] = first;
    out_tables[n++] = kad_global_options;
    for (size_t i = 0; kad_commands[i] && n < room; i++)
        out_tables[n++] = kad_commands[i]->options;
    return n;
}

static void bash_values(FILE *out, const struct kad_option *const *tables, size_t n)
{
    fputs("    case $previous in\n", out);
    if (bash_pattern(out, tables, n, takes_file))
        fputs("        compopt -o filenames 2>/dev/null\n"
              "        COMPREPLY=($(compgen -f -- \"$current\")); return ;;\n",
              out);
    if (bash_pattern(out, tables, n, takes_folder))
        fputs("        compopt -o filenames 2>/dev/null\n"
              "        COMPREPLY=($(compgen -d -- \"$current\")); return ;;\n",
              out);
    if (bash_pattern(out, tables, n, takes_key)) {
        fputs("        compopt -o nospace 2>/dev/null\n        COMPREPLY=($(compgen -W '", out);
        print_settings(out, "", "= ");
        fputs("' -- \"$current\")); return ;;\n", out);
    }
    for (size_t i = 0; i < n; i++) {
        for (const struct kad_option *option = tables[i]; option && option->name; option++) {
            if (words_of(option))
                fprintf(out, "    --%s) COMPREPLY=($(compgen -W '%s' -- \"$current\")); return ;;\n",
                        option->name, words_of(option));
        }
    }
    if (bash_pattern(out, tables, n, has_value)) /* of the others */
        fputs("        return ;;\n", out);
    fputs("    esac\n", out);
}

static void bash(FILE *out, const struct kad_option *first)
{
    const struct kad_option *tables[64];
    const size_t n = all_tables(first, tables, KAD_COUNT_OF(tables));

    fputs(
        "# kad - completion for bash. Written by kad --completion bash.\n_kad()\n{\n"
        "    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} command= i\n"
        "    COMPREPLY=()\n"
        "    if [[ $current == '=' ]]; then current=; fi\n"
        "    if [[ $previous == '=' && COMP_CWORD -gt 2 ]]; then previous=${COMP_WORDS[COMP_CWORD - 2]}; fi\n"
        "    for ((i = 1; i < COMP_CWORD; i++)); do\n        case ${COMP_WORDS[i]} in\n",
        out);
    if (bash_pattern(out, tables, n, has_value))
        fputs("        ((i++)); [[ ${COMP_WORDS[i]} == '=' ]] && ((i++)) ;;\n", out);
    fputs("        -*|=) ;;\n        *) command=${COMP_WORDS[i]}; break ;;\n        esac\n    done\n", out);
    bash_values(out, tables, n);
    fputs("    case $command in\n    '')\n        COMPREPLY=($(compgen -W 'help", out);
    for (size_t i = 0; kad_commands[i]; i++)
        fprintf(out, " %s", kad_commands[i]->name);
    bash_names(out, first);
    bash_names(out, kad_global_options);
    fputs("' -- \"$current\")) ;;\n    help)\n        COMPREPLY=($(compgen -W '", out);
    for (size_t i = 0; kad_commands[i]; i++)
        fprintf(out, " %s", kad_commands[i]->name);
    fputs("' -- \"$current\")) ;;\n", out);
    for (size_t i = 0; kad_commands[i]; i++) {
        const struct kad_command *command = kad_commands[i];

        fprintf(out, "    %s)\n        if [[ $current == -* ]]; then\n            COMPREPLY=($(compgen -W '",
                command->name);
        bash_names(out, command->options);
        bash_names(out, kad_global_options);
        fputs("' -- \"$current\"))\n", out);
        if (for_subcommands(command, NULL, NULL)) {
            fputs("        elif ((i == COMP_CWORD - 1)); then\n            COMPREPLY=($(compgen -W '", out);
            for_subcommands(command, print_word, out);
            fputs("' -- \"$current\"))\n", out);
        }
        if (argument_is_file(command))
            fputs("        else\n            compopt -o filenames 2>/dev/null\n"
                  "            COMPREPLY=($(compgen -f -- \"$current\"))\n",
                  out);
        fputs("        fi ;;\n", out);
    }
    fputs("    esac\n}\ncomplete -F _kad kad\n", out);
}

/* -- zsh --------------------------------------------------------------------------------------------------------- */

/* Text inside single quotes, and of it what `special` names behind a backslash. */
static void quoted(FILE *out, const char *text, const char *special)
{
    for (; *text; text++) {
        if (*text == '\'')
            fputs("'\\''", out);
        else if (strchr(special, *text))
            fprintf(out, "\\%c", *text);
        else
            fputc(*text, out);
    }
}

static void zsh_options(FILE *out, const struct kad_option *option, const char *indent)
{
    for (; option && option->name; option++) {
        fprintf(out, "%s'%s--%s%s[", indent, option->kind == KAD_OPTION_LIST ? "*" : "", option->name,
                has_value(option) ? "=" : "");
        quoted(out, option->help, "[]:\\");
        fputc(']', out);
        if (has_value(option)) {
            fputc(':', out);
            quoted(out, option->metavar, ":\\");
            fputc(':', out);
            if (words_of(option))
                fprintf(out, "(%s)", words_of(option));
            else if (takes_file(option))
                fputs("_files", out);
            else if (takes_folder(option))
                fputs("_files -/", out);
            else if (takes_key(option)) {
                fputc('(', out);
                print_settings(out, "", "= ");
                fputc(')', out);
            }
        }
        fputs("' \\\n", out);
    }
}

static void zsh(FILE *out, const struct kad_option *first)
{
    fputs("#compdef kad\n# kad - completion for zsh. Written by kad --completion zsh.\n_kad()\n{\n"
          "    local context state state_descr line\n    typeset -A opt_args\n    local -a commands\n"
          "    commands=(\n        'help:show help'\n",
          out);
    for (size_t i = 0; kad_commands[i]; i++) {
        fprintf(out, "        '%s:", kad_commands[i]->name);
        quoted(out, kad_commands[i]->summary, ":\\");
        fputs("'\n", out);
    }
    fputs("    )\n    _arguments -C \\\n", out);
    zsh_options(out, first, "        ");
    zsh_options(out, kad_global_options, "        ");
    fputs("        '1:command:->command' '*::argument:->argument'\n    case $state in\n    command)\n"
          "        _describe command commands ;;\n    argument)\n        case $words[1] in\n"
          "        help)\n            _describe command commands ;;\n",
          out);
    for (size_t i = 0; kad_commands[i]; i++) {
        const struct kad_command *command = kad_commands[i];

        fprintf(out, "        %s)\n            _arguments \\\n", command->name);
        zsh_options(out, command->options, "                ");
        zsh_options(out, kad_global_options, "                ");
        if (for_subcommands(command, NULL, NULL)) {
            fputs("                '1:what:(", out);
            for_subcommands(command, print_word, out);
            fputs(")' \\\n", out);
        }
        fprintf(out, "                '*:argument:%s' ;;\n", argument_is_file(command) ? "_files" : "");
    }
    fputs("        esac ;;\n    esac\n}\n"
          "if [[ ${funcstack[1]} == _kad ]]; then _kad \"$@\"; else compdef _kad kad; fi\n",
          out);
}

/* -- fish -------------------------------------------------------------------------------------------------------- */

/* -l of each option, under `condition`. */
static void fish_options(FILE *out, const struct kad_option *option, const char *condition, const char *name)
{
    for (; option && option->name; option++) {
        fprintf(out, "complete -c kad");
        if (condition)
            fprintf(out, " -n '%s%s%s'", condition, name ? " " : "", name ? name : "");
        fprintf(out, " -l %s", option->name);
        if (has_value(option) && (takes_file(option) || takes_folder(option)))
            fprintf(out, takes_folder(option) ? " -x -a '(__fish_complete_directories)'" : " -r -F");
        else if (has_value(option))
            fprintf(out, " -x");
        if (words_of(option))
            fprintf(out, " -a '%s'", words_of(option));
        if (takes_key(option)) {
            fputs(" -a '", out);
            print_settings(out, "", "= ");
            fputc('\'', out);
        }
        fputs(" -d '", out);
        for (const char *at = option->help; *at; at++)
            fprintf(out, *at == '\'' || *at == '\\' ? "\\%c" : "%c", *at);
        fputs("'\n", out);
    }
}

static void fish(FILE *out, const struct kad_option *first)
{
    static const char before[] = "__fish_use_subcommand", after[] = "__fish_seen_subcommand_from";

    fputs("# kad - completion for fish. Written by kad --completion fish.\ncomplete -c kad -f\n", out);
    fprintf(out, "complete -c kad -n %s -a help -d 'show help'\n", before);
    for (size_t i = 0; kad_commands[i]; i++) {
        fprintf(out, "complete -c kad -n %s -a %s -d '", before, kad_commands[i]->name);
        for (const char *at = kad_commands[i]->summary; *at; at++)
            fprintf(out, *at == '\'' || *at == '\\' ? "\\%c" : "%c", *at);
        fputs("'\n", out);
    }
    fish_options(out, first, before, NULL);
    fish_options(out, kad_global_options, NULL, NULL);
    for (size_t i = 0; kad_commands[i]; i++) {
        const struct kad_command *command = kad_commands[i];

        fish_options(out, command->options, after, command->name);
        if (for_subcommands(command, NULL, NULL)) {
            fprintf(out, "complete -c kad -n '%s %s; and not %s", after, command->name, after);
            for_subcommands(command, print_word, out);
            fputs("' -a '", out);
            for_subcommands(command, print_word, out);
            fputs("'\n", out);
        }
        if (argument_is_file(command)) {
            fprintf(out, "complete -c kad -n '%s %s", after, command->name);
            if (for_subcommands(command, NULL, NULL)) {
                fprintf(out, "; and %s", after);
                for_subcommands(command, print_word, out);
            }
            fputs("' -F\n", out);
        }
    }
}

bool kad_completion_write(FILE *out, const char *shell, const struct kad_option *first)
{
    if (strcmp(shell, "bash") == 0)
        bash(out, first);
    else if (strcmp(shell, "zsh") == 0)
        zsh(out, first);
    else if (strcmp(shell, "fish") == 0)
        fish(out, first);
    else
        return false;
    return true;
}
