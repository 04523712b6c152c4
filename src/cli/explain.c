/* explain - see explain.h. */
#include "cli/explain.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cli/ask.h"
#include "cli/print.h"

static void say(json_t *list, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void say(json_t *list, const char *format, ...)
{
    char text[400];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    json_array_append_new(list, json_string(text));
}

static bool known(const json_t *evidence, const char *name)
{
    const json_t *value = json_object_get(evidence, name);

    return value && !json_is_null(value);
}

/* What the node remembers. Instants of the future are promises, those of the past are facts. */
static void say_remembered(json_t *list, const json_t *evidence)
{
    const json_t *published = json_object_get(evidence, "published");

    if (json_is_object(published) && known(published, "last_at"))
        say(list, "this node publishes it: last put at %s, at %lld nodes; due again at %s",
            kad_json_text(published, "last_at"), (long long)kad_json_number(published, "copies"),
            kad_json_text(published, "due_at"));
    else if (json_is_object(published))
        say(list, "this node publishes it, and has not put it since it was started; due at %s",
            kad_json_text(published, "due_at"));
    else if (known(evidence, "put_at"))
        say(list,
            "it was put from here at %s, at %lld nodes, and is not kept published (put --keep): they forget "
            "it in time",
            kad_json_text(evidence, "put_at"), (long long)kad_json_number(evidence, "put_copies"));
    if (known(evidence, "expired_at"))
        say(list, "expired at %s here: this node held it until then, and nobody has put it again",
            kad_json_text(evidence, "expired_at"));
    if (known(evidence, "seen_at"))
        say(list, "it was found from here at %s: it was there, and has gone since",
            kad_json_text(evidence, "seen_at"));
}

static void say_absent(json_t *list, const json_t *answer, const json_t *evidence)
{
    const long long answers = kad_json_number(answer, "answers"),
                    timeouts = kad_json_number(answer, "timeouts");
    const bool remembered = known(evidence, "published") || known(evidence, "put_at") ||
                            known(evidence, "expired_at") || known(evidence, "seen_at");

    say_remembered(list, evidence);
    say(list, "%lld nodes answered, the closest to the key among them, and none has it", answers);
    if (!remembered)
        say(list, "so it was never stored, or it has expired: this node has not met it before and cannot "
                  "tell which");
    say(list, "its publisher has not put it for as long as nodes hold values (2 h as a rule): offline, or "
              "done with it");
    if (timeouts > 0)
        say(list, "%lld nodes did not answer: one of them may hold it; try again, or --wait", timeouts);
}

static void say_found(json_t *list, const json_t *answer, const json_t *evidence)
{
    const long long seq = kad_json_number(answer, "seq"), newest = kad_json_number(evidence, "seq");

    if (kad_json_number(answer, "mutable") > 0 && newest > seq)
        say(list,
            "only an older value was found: sequence number %lld, and %lld was met here before; its holders "
            "are away",
            seq, newest);
    else
        say(list, "found: %lld of %lld nodes that answered have it",
            (long long)kad_json_number(answer, "copies"), (long long)kad_json_number(answer, "answers"));
}

/* -- where holders sign what they know ----------------------------------------------------------------------------- */

struct signatures {
    long long held, nothing;
    const char *expired_at; /* the latest of those who held one */
    const char *since;      /* the earliest of those who saw none */
};

/* Instants are texts of one form, so that their order is that of their characters. */
static struct signatures count_signatures(const json_t *answer)
{
    struct signatures found = {.expired_at = "", .since = ""};
    const json_t *receipt;
    size_t i;

    json_array_foreach(json_object_get(answer, "receipts"), i, receipt)
    {
        const char *says = kad_json_text(receipt, "says"), *at = kad_json_text(receipt, "at");

        if (strcmp(says, "held") == 0) {
            found.held++;
            if (strcmp(at, found.expired_at) > 0)
                found.expired_at = at;
        } else if (strcmp(says, "nothing") == 0) {
            found.nothing++;
            if (!*found.since || strcmp(at, found.since) < 0)
                found.since = at;
        }
    }
    return found;
}

static bool is_withdrawn(const json_t *answer)
{
    return strcmp(kad_json_text(answer, "problem"), "withdrawn") == 0;
}

static void say_signed(json_t *list, const json_t *answer, const json_t *evidence)
{
    const struct signatures found = count_signatures(answer);
    const long long answers = kad_json_number(answer, "answers"),
                    timeouts = kad_json_number(answer, "timeouts");

    if (found.held > 0)
        say(list,
            "it expired at %s: %lld nodes sign that they held it until then, and nobody has put it again: "
            "its "
            "publisher is offline, or done with it",
            found.expired_at, found.held);
    else if (found.nothing > 0)
        say(list,
            "it was never stored, or it was long ago: %lld nodes sign that they have seen none, the longest "
            "of them since %s",
            found.nothing, found.since);
    else
        say(list, "%lld nodes answered without it, and none signed what it knows", answers);
    say_remembered(list, evidence);
    if (timeouts > 0)
        say(list, "%lld nodes did not answer: one of them may hold it; try again, or --wait", timeouts);
}

json_t *kad_explain(int code, const json_t *answer, const json_t *evidence)
{
    const long long queries = kad_json_number(answer, "queries"),
                    answers = kad_json_number(answer, "answers");
    json_t *list = json_array();

    if (is_withdrawn(answer)) {
        say(list, "its owner withdrew it at %s", kad_json_text(answer, "made_at"));
    } else if (code == KAD_EXIT_DONE) {
        say_found(list, answer, evidence);
    } else if (queries <= 0) {
        say(list, "there was nobody to ask: this node knows no other; `kad doctor` says why");
        say_remembered(list, evidence);
    } else if (answers <= 0) {
        say(list,
            "none of %lld nodes asked answered: the link is down or they are gone; `kad doctor` says more",
            queries);
        say_remembered(list, evidence);
    } else if (strcmp(kad_json_text(answer, "reason"), "deadline") == 0) {
        say(list,
            "the time ran out before the lookup ended: %lld of %lld nodes asked had answered; give it more "
            "--timeout",
            answers, queries);
        say_remembered(list, evidence);
    } else if (json_is_array(json_object_get(answer, "receipts"))) {
        say_signed(list, answer, evidence);
    } else {
        say_absent(list, answer, evidence);
    }
    return list;
}

/* A record that names its publisher: is it there itself? */
static void say_publisher(struct kad_cli *cli, const json_t *answer, json_t *list)
{
    const char *name = kad_json_text(answer, "name");
    json_t *parameters, *found = NULL;
    int code;

    if (strncmp(name, "peer:", 5) != 0 || kad_json_number(answer, "answers") <= 0)
        return;
    parameters = kad_ask_parameters(cli);
    json_object_set_new(parameters, "id", json_string(name + 5));
    code = kad_ask_quietly(cli, "POST", "/api/dht/find", parameters, &found);
    if (code == KAD_EXIT_DONE)
        say(list, "its publisher is online, at %s", kad_json_text(found, "address"));
    else if (code == KAD_EXIT_NOT_FOUND)
        say(list, "its publisher is offline: nobody answers under its identity");
    json_decref(found);
}

/* A node that this process has just made remembers nothing. */
void kad_explain_get(struct kad_cli *cli, int code, json_t *answer)
{
    char path[120];
    json_t *evidence = NULL, *list;

    if (!cli->options.standalone) {
        snprintf(path, sizeof path, "/api/evidence?key=%.64s", kad_json_text(answer, "key"));
        if (kad_ask_quietly(cli, "GET", path, json_object(), &evidence) != KAD_EXIT_DONE) {
            json_decref(evidence);
            evidence = NULL;
        }
    }
    list = kad_explain(code, answer, evidence);
    if (code == KAD_EXIT_NOT_FOUND)
        say_publisher(cli, answer, list);
    json_object_set_new(answer, "explain", list);
    json_decref(evidence);
}
