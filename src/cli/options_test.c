/* A command line means one thing, or is refused with a sentence that names what is wrong. */
#include "cli/options.h"

#include <string.h>

#include "base/test.h"

static const struct kad_option own[] = {
    KAD_FLAG("trace", trace, ""),
    KAD_NUMBER("port", port, "N", 1, 65535, ""),
    KAD_LIST("listen", listen, "ADDR", ""),
    KAD_OPTIONS_END,
};

static const struct kad_option global[] = {
    KAD_TEXT("node", node, "PATH", ""),
    KAD_SECONDS("timeout", timeout, "SECONDS", ""),
    KAD_OPTIONS_END,
};

static struct kad_options options;
static char *arguments[16], why[256];

/* `line` is split at blanks. Returns what kad_options_read() does. */
static int read_line(const char *line, bool stop)
{
    static char room[512];
    int argc = 0;

    strcpy(room, line);
    memset(&options, 0, sizeof options);
    for (char *word = strtok(room, " "); word; word = strtok(NULL, " "))
        arguments[argc++] = word;
    arguments[argc] = NULL;
    return kad_options_read(own, global, argc, arguments, stop, &options, why, sizeof why);
}

TEST(options_may_stand_anywhere)
{
    int first = read_line("announce HASH --port 6881 --node=/x --trace MORE", false);

    EXPECT_STR(arguments[first], "HASH");
    EXPECT_STR(arguments[first + 1], "MORE");
    EXPECT(options.trace && options.port.given && options.port.value == 6881);
    EXPECT_STR(options.node, "/x");
}

/* Before the command only global options are read, and the command's own are left for it. */
TEST(the_first_argument_may_end_it)
{
    int first = read_line("kad --node /x ping --trace", true);

    EXPECT_STR(arguments[first], "ping");
    EXPECT(!options.trace);
}

TEST(two_dashes_end_options)
{
    int first = read_line("put -- --trace", false);

    EXPECT_STR(arguments[first], "--trace");
    EXPECT(!options.trace);
}

TEST(a_single_dash_is_an_argument)
{
    EXPECT_STR(arguments[read_line("put -", false)], "-");
}

TEST(lists_collect)
{
    EXPECT(read_line("node --listen a --listen b", false) > 0);
    EXPECT_EQ(options.listen.n, 2);
    EXPECT_STR(options.listen.items[1], "b");
}

TEST(seconds_may_have_a_fraction)
{
    EXPECT(read_line("get --timeout 2.5", false) > 0);
    EXPECT_EQ(options.timeout.value, 2500);
}

TEST(what_is_wrong_is_named)
{
    static const struct {
        const char *line, *why;
    } wrong[] = {
        {"x --nothing", "there is no option --nothing here"},
        {"x -q", "there is no option -q here"},
        {"x --node", "--node needs a value"},
        {"x --trace=1", "there is no option --trace=1 here"},
        {"x --port 0", "--port takes a number from 1 to 65535, not \"0\""},
        {"x --port 1e3", "--port takes a number from 1 to 65535, not \"1e3\""},
        {"x --timeout nan", "--timeout takes seconds from 0.001 to 86400, not \"nan\""},
        {"x --timeout -1", "--timeout takes seconds from 0.001 to 86400, not \"-1\""},
        {"x --timeout 5s", "--timeout takes seconds from 0.001 to 86400, not \"5s\""},
    };

    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        EXPECT_EQ(read_line(wrong[i].line, false), -1);
        EXPECT_STR(why, wrong[i].why);
    }
}

/* Every command's help must be there, and every option say what it does: help and manual page come from the table. */
TEST(the_table_is_complete)
{
    for (size_t i = 0; kad_commands[i]; i++) {
        const struct kad_command *command = kad_commands[i];

        EXPECT_MSG(command->run && command->arguments && *command->summary, "%s", command->name);
        EXPECT(command->n_least <= command->n_most);
        EXPECT(kad_command_named(command->name) == command);
        for (const struct kad_option *option = command->options; option && option->name; option++) {
            EXPECT_MSG(*option->help, "%s --%s", command->name, option->name);
            EXPECT_MSG((option->kind == KAD_OPTION_FLAG) == !option->metavar, "%s --%s", command->name,
                       option->name);
            for (const struct kad_option *other = kad_global_options; other->name; other++)
                EXPECT_MSG(strcmp(option->name, other->name) != 0 || other->offset == option->offset,
                           "%s --%s", command->name, option->name);
        }
    }
}
