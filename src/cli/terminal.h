/*
 * terminal - the whole terminal for a while: its size, its keys, a picture that is drawn over the one before.
 *
 * Plain ANSI sequences, as VT100 and everything since understands them, and termios: a curses library would bring a second
 * owner of signals and standard output for the nine sequences used here.
 *
 * Signals come as numbers from the descriptor, so that nothing happens in the middle of something else. Leaving gives back
 * what was there: kad_terminal_leave(), also before the process stops (SIGTSTP) and when it ends in exit().
 */
#ifndef KAD_CLI_TERMINAL_H
#define KAD_CLI_TERMINAL_H

#include "kad/types.h"

struct kad_terminal {
    int signals; /* to be polled */
    unsigned rows, columns;
};

/* Takes standard output, and keys from standard input if that is a terminal. Once per process. 0 or KAD_E_SYSTEM. */
KAD_CHECK int kad_terminal_enter(struct kad_terminal *terminal);
void kad_terminal_leave(struct kad_terminal *terminal);

/* The next signal that came, after acting on it: SIGWINCH and SIGCONT ask for a new picture, SIGTSTP has stopped the process
 * and continued it, any other asks to end. 0: none. */
int kad_terminal_signal(struct kad_terminal *terminal);
/* A key that was pressed; 0: none, -1: there is no keyboard any more. */
int kad_terminal_key(void);

/* Draws `text`, whose lines fit, with "\n" between them. 0 or KAD_E_CLOSED (nobody looks any more). */
KAD_CHECK int kad_terminal_draw(const struct kad_terminal *terminal, const char *text, size_t size);

#endif
