/* terminal - see terminal.h. */
#include "cli/terminal.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

/* The other screen, without a cursor, without wrapping; and back. */
#define ENTER "\033[?1049h\033[?25l\033[?7l\033[2J"
#define LEAVE "\033[?7h\033[?25h\033[0m\033[?1049l"
/* Terminals that know it show a picture when it is complete; the others ignore it. */
#define PICTURE     "\033[?2026h\033[H"
#define PICTURE_END "\033[0m\033[J\033[?2026l"

/* What exit() has to put back: the program's, not the library's. */
static struct termios before;
static bool is_raw, is_taken;

static int write_all(const char *bytes, size_t size)
{
    while (size > 0) {
        const ssize_t n = write(STDOUT_FILENO, bytes, size);

        if (n < 0 && errno != EINTR)
            return KAD_E_CLOSED;
        bytes += n > 0 ? n : 0;
        size -= n > 0 ? (size_t)n : 0;
    }
    return KAD_OK;
}

static void put_back(void)
{
    if (is_taken)
        (void)!write_all(LEAVE, sizeof LEAVE - 1);
    is_taken = false;
    if (is_raw)
        tcsetattr(STDIN_FILENO, TCSADRAIN, &before);
    is_raw = false;
}

static void measure(struct kad_terminal *terminal)
{
    struct winsize size = {0};

    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_row == 0 || size.ws_col == 0)
        size = (struct winsize){.ws_row = 24, .ws_col = 80};
    terminal->rows = size.ws_row;
    terminal->columns = size.ws_col;
}

/* Keys come one by one and are not shown; Ctrl-C stays a signal. */
static void take(struct kad_terminal *terminal)
{
    struct termios raw;

    if (tcgetattr(STDIN_FILENO, &before) == 0) {
        raw = before;
        raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
        raw.c_cc[VMIN] = 0;
        raw.c_cc[VTIME] = 0;
        is_raw = tcsetattr(STDIN_FILENO, TCSADRAIN, &raw) == 0;
    }
    is_taken = write_all(ENTER, sizeof ENTER - 1) == KAD_OK;
    measure(terminal);
}

static void wanted_signals(sigset_t *out_set)
{
    static const int wanted[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH, SIGTSTP, SIGCONT, SIGPIPE};

    sigemptyset(out_set);
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++)
        sigaddset(out_set, wanted[i]);
}

int kad_terminal_enter(struct kad_terminal *terminal)
{
    sigset_t set;

    wanted_signals(&set);
    if (sigprocmask(SIG_BLOCK, &set, NULL) != 0)
        return KAD_E_SYSTEM;
    terminal->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (terminal->signals < 0)
        return KAD_E_SYSTEM;
    atexit(put_back);
    take(terminal);
    return KAD_OK;
}

void kad_terminal_leave(struct kad_terminal *terminal)
{
    put_back();
    if (terminal->signals >= 0)
        close(terminal->signals);
    terminal->signals = -1;
}

int kad_terminal_signal(struct kad_terminal *terminal)
{
    struct signalfd_siginfo info;

    if (read(terminal->signals, &info, sizeof info) != sizeof info)
        return 0;
    if (info.ssi_signo == SIGTSTP) {
        put_back();
        raise(SIGSTOP); /* goes on here when the shell says so */
        take(terminal);
    }
    if (info.ssi_signo == SIGWINCH)
        measure(terminal);
    return (int)info.ssi_signo;
}

int kad_terminal_key(void)
{
    unsigned char key;
    const ssize_t n = read(STDIN_FILENO, &key, 1);

    return n == 1 ? key : n == 0 || errno == EAGAIN || errno == EINTR ? 0 : -1;
}

int kad_terminal_draw(const struct kad_terminal *terminal, const char *text, size_t size)
{
    char *picture;
    size_t n;
    int error;
    FILE *out = open_memstream(&picture, &n);

    (void)terminal;
    if (!out)
        return KAD_OK; /* the next second has another */
    fputs(PICTURE, out);
    for (size_t i = 0; i < size; i++) {
        if (text[i] == '\n')
            fputs("\033[0m\033[K\r\n", out);
        else
            fputc(text[i], out);
    }
    fputs("\033[K" PICTURE_END, out);
    if (fclose(out) != 0)
        return KAD_OK;
    error = write_all(picture, n);
    free(picture);
    return error;
}
