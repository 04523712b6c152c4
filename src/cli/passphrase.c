/* passphrase - see passphrase.h. */
#include "cli/passphrase.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "crypto/crypto.h"

/* -- a file ------------------------------------------------------------------------------------------------------ */

static int from_file(const struct kad_cli *cli, const char *path, char out_text[KAD_PASSPHRASE_TEXT])
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat status;
    ssize_t n;

    if (fd < 0)
        return kad_cli_fail(cli, errno == ENOENT ? KAD_EXIT_NOT_FOUND : KAD_EXIT_USAGE, path,
                            strerror(errno));
    if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && status.st_mode & (S_IRWXG | S_IRWXO)) {
        close(fd);
        return kad_cli_fail(cli, KAD_EXIT_REFUSED, path, "others may read this secret; chmod 600 it");
    }
    n = read(fd, out_text, KAD_PASSPHRASE_TEXT - 1);
    close(fd);
    out_text[n > 0 ? n : 0] = '\0';
    out_text[strcspn(out_text, "\r\n")] = '\0';
    if (out_text[0])
        return KAD_EXIT_DONE;
    return kad_cli_fail(cli, KAD_EXIT_USAGE, path, "no passphrase in its first line");
}

/* -- the terminal ------------------------------------------------------------------------------------------------ */

/* Character by character, so that Ctrl-C ends it with the terminal as it was. False: no more is to come. */
static bool read_keys(int terminal, char text[KAD_PASSPHRASE_TEXT])
{
    size_t n = 0;
    char c = 0;

    while (read(terminal, &c, 1) == 1 && c != '\n' && c != '\r') {
        if (c == 3 || (c == 4 && n == 0)) /* Ctrl-C, Ctrl-D */
            return false;
        if (c == 127 || c == 8)
            n -= n > 0;
        else if (c == 21) /* Ctrl-U */
            n = 0;
        else if (n + 1 < KAD_PASSPHRASE_TEXT)
            text[n++] = c;
    }
    text[n] = '\0';
    return c == '\n' || c == '\r';
}

static bool ask_terminal(int terminal, const char *question, char text[KAD_PASSPHRASE_TEXT])
{
    struct termios before, silent;
    bool good;

    if (tcgetattr(terminal, &before) != 0)
        return false;
    silent = before;
    silent.c_lflag &= ~(tcflag_t)(ICANON | ECHO | ISIG);
    silent.c_cc[VMIN] = 1;
    silent.c_cc[VTIME] = 0;
    if (tcsetattr(terminal, TCSAFLUSH, &silent) != 0)
        return false;
    (void)!write(terminal, question, strlen(question));
    good = read_keys(terminal, text);
    tcsetattr(terminal, TCSAFLUSH, &before);
    (void)!write(terminal, "\n", 1);
    return good;
}

static int from_terminal(const struct kad_cli *cli, const char *ask, bool twice,
                         char out_text[KAD_PASSPHRASE_TEXT], bool *out_given)
{
    const int terminal = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
    char again[KAD_PASSPHRASE_TEXT];
    int code = KAD_EXIT_DONE;

    if (terminal < 0)
        return KAD_EXIT_DONE;
    if (tcgetpgrp(terminal) != getpgrp()) { /* in the background it would be stopped */
        close(terminal);
        return KAD_EXIT_DONE;
    }
    if (!ask_terminal(terminal, ask, out_text) || !out_text[0])
        code = kad_cli_fail(cli, KAD_EXIT_USAGE, "no passphrase", NULL);
    else if (twice && (!ask_terminal(terminal, "The same again: ", again) || strcmp(again, out_text) != 0))
        code = kad_cli_fail(cli, KAD_EXIT_USAGE, "two different passphrases", NULL);
    close(terminal);
    kad_wipe(again, sizeof again);
    *out_given = code == KAD_EXIT_DONE;
    return code;
}

/* ---------------------------------------------------------------------------------------------------------------- */

int kad_cli_passphrase(const struct kad_cli *cli, const char *ask, bool twice,
                       char out_text[KAD_PASSPHRASE_TEXT], bool *out_given)
{
    const char *variable = getenv("KAD_PASSPHRASE");
    int code = KAD_EXIT_DONE;

    *out_given = false;
    out_text[0] = '\0';
    if (cli->options.passphrase_file) {
        code = from_file(cli, cli->options.passphrase_file, out_text);
        *out_given = code == KAD_EXIT_DONE;
    } else if (variable && *variable) {
        if (strlen(variable) >= KAD_PASSPHRASE_TEXT)
            return kad_cli_fail(cli, KAD_EXIT_USAGE, "KAD_PASSPHRASE", "longer than 1023 bytes");
        strcpy(out_text, variable);
        *out_given = true;
    } else if (ask) {
        code = from_terminal(cli, ask, twice, out_text, out_given);
    }
    if (code != KAD_EXIT_DONE)
        kad_wipe(out_text, KAD_PASSPHRASE_TEXT);
    return code;
}
