/*
 * statement - a scenario's text as statements, and their words as numbers, times and shares.
 *
 * Knows how statements are written, not what they mean: sim/condition.c and sim/scenario.c do.
 */
#ifndef SIM_STATEMENT_H
#define SIM_STATEMENT_H

#include "sim/scenario.h"

#define SIM_WORDS_MAX 16
#define SIM_WORD_MAX  48

struct sim_statement {
    char words[SIM_WORDS_MAX][SIM_WORD_MAX];
    size_t n;
    int line;
};

struct sim_reader {
    struct sim_scenario *scenario;
    char *problem; /* SIM_PROBLEM_MAX */
    int line;
};

/* "line: what is wrong" into reader->problem; KAD_E_INVALID, to be returned at once. */
int sim_complain(const struct sim_reader *reader, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The words up to the next newline or semicolon, taken off `text`; *out_end: nothing follows them. */
KAD_CHECK int sim_statement_next(struct sim_reader *reader, struct kad_bytes *text, struct sim_statement *out,
                                 bool *out_end);
bool sim_statement_is(const struct sim_statement *statement, size_t i, const char *word);
/* The word after `name`, and both taken out; NULL: there is none. `place` keeps it. */
const char *sim_statement_take_after(struct sim_statement *statement, const char *name,
                                     char place[SIM_WORD_MAX]);
/* Whether `name` is there, not as the first word; it is taken out. */
bool sim_statement_take(struct sim_statement *statement, const char *name);

/* A number with up to six digits behind its point, in millionths, and what follows it. */
bool sim_word_number(const char *word, uint64_t *out_millionths, const char **out_unit);
bool sim_word_time(const char *word, sim_us *out_time);     /* "5s" */
bool sim_word_share(const char *word, uint32_t *out_ppm);   /* "2.5%" */
bool sim_word_count(const char *word, uint32_t *out_count); /* 0 .. 10^8 */

/* sim/condition.c: what holds from the beginning. 1: it is no such statement. */
int sim_scenario_condition(const struct sim_reader *reader, struct sim_statement *statement);

#endif
