#include "sim/statement.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

int sim_complain(const struct sim_reader *reader, const char *format, ...)
{
    const int n = snprintf(reader->problem, SIM_PROBLEM_MAX, "%d: ", reader->line);
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(reader->problem + n, SIM_PROBLEM_MAX - (size_t)n, format, arguments);
    va_end(arguments);
    return KAD_E_INVALID;
}

bool sim_word_number(const char *word, uint64_t *out_millionths, const char **out_unit)
{
    uint64_t value = 0, part = 1000000;
    size_t n = 0;

    for (; word[n] >= '0' && word[n] <= '9'; n++) {
        if (n == 12)
            return false;
        value = value * 10 + (uint64_t)(word[n] - '0');
    }
    if (n == 0)
        return false;
    value *= 1000000;
    if (word[n] == '.') {
        for (n++; word[n] >= '0' && word[n] <= '9'; n++) {
            part /= 10;
            value += part * (uint64_t)(word[n] - '0');
        }
    }
    *out_millionths = value;
    *out_unit = word + n;
    return true;
}

bool sim_word_time(const char *word, sim_us *out_time)
{
    static const struct {
        const char *name;
        sim_us length;
    } units[] = {{"us", 1},         {"ms", 1000},    {"s", SIM_SECOND},
                 {"m", SIM_MINUTE}, {"h", SIM_HOUR}, {"d", 24 * SIM_HOUR}};
    uint64_t millionths;
    const char *unit;

    if (!sim_word_number(word, &millionths, &unit) || millionths > UINT64_C(1000000) * 1000000)
        return false;
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (strcmp(unit, units[i].name) == 0) {
            /* whole units and their fraction apart, so that nothing overflows */
            *out_time = (sim_us)(millionths / 1000000) * units[i].length +
                        (sim_us)(millionths % 1000000) * (units[i].length / 1000) / 1000;
            return *out_time <= 400 * 24 * SIM_HOUR;
        }
    }
    return millionths == 0 && *unit == '\0' && ((*out_time = 0), true);
}

bool sim_word_share(const char *word, uint32_t *out_ppm)
{
    uint64_t millionths;
    const char *unit;

    if (!sim_word_number(word, &millionths, &unit) || strcmp(unit, "%") != 0 || millionths > 100000000)
        return false;
    *out_ppm = (uint32_t)(millionths / 100);
    return true;
}

bool sim_word_count(const char *word, uint32_t *out_count)
{
    int64_t number;

    if (kad_parse_number(word, 0, 100000000, &number) != 0)
        return false;
    *out_count = (uint32_t)number;
    return true;
}

const char *sim_statement_take_after(struct sim_statement *statement, const char *name,
                                     char place[SIM_WORD_MAX])
{
    for (size_t i = 0; i + 1 < statement->n; i++) {
        if (strcmp(statement->words[i], name) != 0)
            continue;
        memcpy(place, statement->words[i + 1], SIM_WORD_MAX);
        memmove(statement->words[i], statement->words[i + 2], (statement->n - i - 2) * SIM_WORD_MAX);
        statement->n -= 2;
        return place;
    }
    return NULL;
}

bool sim_statement_take(struct sim_statement *statement, const char *name)
{
    for (size_t i = 1; i < statement->n; i++) {
        if (strcmp(statement->words[i], name) != 0)
            continue;
        memmove(statement->words[i], statement->words[i + 1], (statement->n - i - 1) * SIM_WORD_MAX);
        statement->n--;
        return true;
    }
    return false;
}

bool sim_statement_is(const struct sim_statement *statement, size_t i, const char *word)
{
    return i < statement->n && strcmp(statement->words[i], word) == 0;
}

int sim_statement_next(struct sim_reader *reader, struct kad_bytes *text, struct sim_statement *out,
                       bool *out_end)
{
    size_t length = 0;
    bool comment = false;

    out->n = 0;
    *out_end = false;
    while (text->size) {
        const char c = (char)*text->data;

        text->data++;
        text->size--;
        comment = comment ? c != '\n' : c == '#';
        if (comment || c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == ';') {
            if (length)
                out->words[out->n++][length] = '\0';
            length = 0;
            if (!comment && (c == '\n' || c == ';')) {
                out->line = reader->line;
                return 0;
            }
            continue;
        }
        if (c < 0x21 || c > 0x7e)
            return sim_complain(reader, "a character that does not belong in a scenario");
        if (out->n == SIM_WORDS_MAX)
            return sim_complain(reader, "more than %d words", SIM_WORDS_MAX);
        if (length == SIM_WORD_MAX - 1)
            return sim_complain(reader, "a word of more than %d letters", SIM_WORD_MAX - 1);
        out->words[out->n][length++] = c;
    }
    if (length)
        out->words[out->n++][length] = '\0';
    *out_end = true;
    return 0;
}
