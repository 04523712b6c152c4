/* config_print - the configuration as a file, and the table of keys as documentation: a page and kad.conf(5). */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "node/config_keys.h"

struct printing {
    char *text;
    size_t room, n; /* n counts what did not fit, too */
};

static void print(struct printing *out, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void print(struct printing *out, const char *format, ...)
{
    va_list arguments;
    int n;

    va_start(arguments, format);
    n = vsnprintf(out->n < out->room ? out->text + out->n : NULL, out->n < out->room ? out->room - out->n : 0,
                  format, arguments);
    va_end(arguments);
    out->n += n > 0 ? (size_t)n : 0;
}

static size_t print_keys(const struct kad_config *config, bool all, char *out_text, size_t room)
{
    struct printing out = {.text = out_text, .room = room};
    const char *section = "";

    for (size_t i = 0; i < kad_n_keys; i++) {
        const struct kad_key *key = &kad_keys[i];
        const size_t n = kad_value_count(config, key);

        if (!all && !kad_key_is_networks(key))
            continue;
        if (strcmp(section, key->section) != 0)
            print(&out, "%s[%s]\n", *section ? "\n" : "", key->section);
        section = key->section;
        if (n == 0)
            print(&out, "# %s =\n", key->name);
        for (size_t entry = 0; entry < n; entry++) {
            char value[KAD_VALUE_TEXT];

            print(&out, "%s = %s\n", key->name, kad_value_print(config, key, entry, value));
        }
    }
    return out.n;
}

size_t kad_config_print(const struct kad_config *config, char *out_text, size_t room)
{
    return print_keys(config, true, out_text, room);
}

size_t kad_config_print_network(const struct kad_config *config, char *out_text, size_t room)
{
    return print_keys(config, false, out_text, room);
}

static const char *kind_text(enum kad_key_kind kind)
{
    switch (kind) {
    case KAD_KEY_COUNT:
        return "number";
    case KAD_KEY_DURATION:
        return "duration";
    case KAD_KEY_SIZE:
        return "size";
    case KAD_KEY_FLAG:
        return "yes/no";
    case KAD_KEY_TEXT:
    case KAD_KEY_VERSION:
        return "text";
    case KAD_KEY_CHOICE:
    case KAD_KEY_NETWORK:
        return "word";
    case KAD_KEY_LISTEN:
    case KAD_KEY_BOOTSTRAP:
    case KAD_KEY_CLASS:
    case KAD_KEY_PROTOCOL:
    case KAD_KEY_ANNOUNCE:
        return "list";
    }
    return "";
}

/* "1 .. 64", by reading it back as a value of the key's own. */
static void print_range(struct printing *out, const struct kad_key *key, struct kad_config *scratch)
{
    char text[KAD_VALUE_TEXT];
    int64_t bounds[2];

    if (key->kind != KAD_KEY_COUNT && key->kind != KAD_KEY_DURATION && key->kind != KAD_KEY_SIZE)
        return;
    kad_key_range(key, &bounds[0], &bounds[1]);
    for (int i = 0; i < 2; i++) {
        void *field = (char *)scratch + key->offset;

        if (key->kind == KAD_KEY_COUNT)
            *(unsigned *)field = (unsigned)bounds[i];
        else
            *(int64_t *)field = bounds[i];
        print(out, "%s%s", i ? " .. " : "", kad_value_print(scratch, key, 0, text));
    }
}

static const char *changes_text(const struct kad_key *key)
{
    return kad_key_live(key) ? "live" : kad_key_reloads(key) ? "reload" : "restart";
}

static void print_row(struct printing *out, const struct kad_key *key, const struct kad_config *defaults)
{
    struct kad_config scratch = *defaults;
    const size_t n = kad_value_count(defaults, key);

    print(out, "| `%s` | %s | ", key->name, kind_text(key->kind));
    print_range(out, key, &scratch);
    print(out, " | ");
    for (size_t entry = 0; entry < n; entry++) {
        char value[KAD_VALUE_TEXT];

        kad_value_print(defaults, key, entry, value);
        if (*value)
            print(out, "%s`%s`", entry ? ", " : "", value);
    }
    print(out, " | %s | %s |\n", changes_text(key), key->meaning);
}

static const char introduction[] =
    "# Configuration\n"
    "\n"
    "<!-- Made from the table in src/node/config_keys.c; its test (node.config) says how to make it again. "
    "-->\n"
    "\n";

static const char rules[] =
    "`kad node --config FILE` reads lines of `key = value` under `[section]`s; `#` and `;` begin comments. "
    "What flags say\n"
    "goes over what the file says. `kad node --print-config` prints everything that is in effect, as a file "
    "that can be\n"
    "read back. A mistake stops the start and is named by file and line.\n"
    "\n"
    "A daemon may take part in several networks: each `network = NAME` line but the first begins another "
    "one, "
    "and keys that\n"
    "are a network's (`listen`, `bootstrap`, `class`, `node_id`, and all that stand in sections from "
    "[lookup] to [sessions])\n"
    "are of the network named last before them. All other keys are the daemon's, wherever they stand. The "
    "networks share\n"
    "one data directory, one store and one key pair.\n"
    "\n"
    "Keys are unique over all sections. Lines before the first section may set any key. A list has one line "
    "per entry;\n"
    "any other key may stand in a file once, or once for each network. Durations take `ms`, `s`, `m`, `h` or "
    "`d` and are milliseconds "
    "without;\n"
    "sizes take `K`, `M`, `G`. A key that ends in `_ms` may be written without that. `refresh_interval` is\n"
    "`refresh_after_ms`, `bootstrap_nodes` is `bootstrap`, and `own_bytes_per_second` is `own_bytes_per_s`.\n"
    "A key that is a network's may have `network.dht.` before its name, and stand in a section "
    "[network.dht]: "
    "that is its place among\n"
    "all settings, in the API and on the dashboard.\n"
    "\n"
    "`kad config check FILE` reads a file as a node would and says what is wrong. What is `live` below can "
    "be "
    "changed while a\n"
    "node runs: in the file, followed by SIGHUP, with `kad config set KEY VALUE`, or with `PATCH "
    "/api/settings`. "
    "All else\n"
    "needs a restart, but for what is `reload`: that can be in the file alone, followed by SIGHUP.";

static const char of_defaults[] = "The defaults are those of the network `mainline`.\n";

size_t kad_config_document(char *out_text, size_t room)
{
    struct printing out = {.text = out_text, .room = room};
    struct kad_config defaults;
    const char *section = "";

    kad_config_default(kad_network_at(0), &defaults);
    print(&out, "%s%s See\n[operation](operation.md).\n\n%s", introduction, rules, of_defaults);
    for (size_t i = 0; i < kad_n_keys; i++) {
        const struct kad_key *key = &kad_keys[i];

        if (strcmp(section, key->section) != 0) {
            print(&out,
                  "\n## [%s]\n\n| key | kind | range | default | changes | meaning "
                  "|\n|---|---|---|---|---|---|\n",
                  key->section);
        }
        section = key->section;
        print_row(&out, key, &defaults);
    }
    return out.n;
}

/* -- kad.conf(5) ------------------------------------------------------------------------------------------------- */

/* The page's text as roff takes it: what is between backquotes is bold, an empty line a paragraph, and backslashes, hyphens
 * and leading dots are data. */
static void roff(struct printing *out, const char *text)
{
    bool is_bold = false;

    for (const char *at = text; *at; at++) {
        if (*at == '`')
            print(out, (is_bold = !is_bold) ? "\\fB" : "\\fR");
        else if (*at == '\\')
            print(out, "\\e");
        else if (*at == '-')
            print(out, "\\-");
        else if ((*at == '.' || *at == '\'') && (at == text || at[-1] == '\n'))
            print(out, "\\&%c", *at);
        else if (*at == ' ' && at > text && strchr(".!?", at[-1]))
            print(out, "\n"); /* a sentence begins on a line of its own */
        else if (*at == '\n' && at[1] == '\n')
            print(out, "\n.Pp");
        else
            print(out, "%c", *at);
    }
    if (text[0] && text[strlen(text) - 1] != '\n')
        print(out, "\n");
}

static void print_item(struct printing *out, const struct kad_key *key, const struct kad_config *defaults)
{
    struct kad_config scratch = *defaults;
    struct printing line;
    const size_t n = kad_value_count(defaults, key);
    char text[1024], value[KAD_VALUE_TEXT];

    line = (struct printing){.text = text, .room = sizeof text};
    print(&line, "%s", kind_text(key->kind));
    if (key->kind == KAD_KEY_COUNT || key->kind == KAD_KEY_DURATION || key->kind == KAD_KEY_SIZE)
        print(&line, " ");
    print_range(&line, key, &scratch);
    for (size_t entry = 0; entry < n; entry++) {
        kad_value_print(defaults, key, entry, value);
        if (*value)
            print(&line, "%s%s", entry ? ", " : "; default ", value);
    }
    print(&line, "; %s", changes_text(key));
    print(out, ".It Cm %s Pq ", key->name);
    roff(out, text);
    roff(out, key->meaning);
}

size_t kad_config_manual(char *out_text, size_t room)
{
    struct printing out = {.text = out_text, .room = room};
    struct kad_config defaults;
    const char *section = "";

    kad_config_default(kad_network_at(0), &defaults);
    print(&out, ".\\\" Written by kad --man-config out of the table of keys: change it there.\n"
                ".Dd November 21, 2026\n.Dt KAD.CONF 5\n.Os\n.Sh NAME\n.Nm kad.conf\n"
                ".Nd the configuration of a kad node\n.Sh DESCRIPTION\n");
    roff(&out, rules);
    print(&out, ".Pp\n");
    roff(&out, of_defaults);
    print(&out,
          ".Sh KEYS\nEach with its kind and range, its default, and when a change of it takes effect.\n");
    for (size_t i = 0; i < kad_n_keys; i++) {
        const struct kad_key *key = &kad_keys[i];

        if (strcmp(section, key->section) != 0)
            print(&out, "%s.Ss [%s]\n.Bl -tag -width Ds\n", *section ? ".El\n" : "", key->section);
        section = key->section;
        print_item(&out, key, &defaults);
    }
    print(&out, ".El\n.Sh FILES\n.Bl -tag -width Ds\n.It Pa /etc/kad/kad.conf\n"
                "The file of the service that the Debian package installs.\n.El\n"
                ".Sh EXAMPLES\n.Bd -literal\n[node]\nlisten = 0.0.0.0:6881\nbootstrap = public\n\n"
                "[lookup]\nalpha = 4\n\n[log]\nlog_level = info\n.Ed\n.Sh SEE ALSO\n.Xr kad 1\n");
    return out.n;
}
