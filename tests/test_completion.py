#!/usr/bin/python3
"""The command line is completed in bash, zsh and fish, each asked in the shell itself: bash and fish say what they would offer; zsh is
typed to on a terminal, for it has no other way. Every command and every option of the help is there."""
import os
import pty
import re
import select
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from program import check, eventually, kad, main  # noqa: E402

SHELLS = ("bash", "zsh", "fish")


def commands():
    text = kad("--help").out.decode()
    return re.findall(r"^  ([a-z]+) ", text.split("\nCommands\n")[1].split("\nOptions")[0], re.M)


def options(command):
    return re.findall(r"^  --([a-z-]+)", kad(command, "--help").out.decode(), re.M)


BASH = """
source "$1"; shift
complete -p kad >&2
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMP_LINE="$*"; COMP_POINT=${#COMP_LINE}
_kad
printf '%s\\n' "${COMPREPLY[@]}"
"""


def bash(script, *words):
    """What bash offers for the last word."""
    done = subprocess.run(["bash", "--norc", "-c", BASH, "bash", script] + list(words), stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, timeout=60)
    check(done.returncode == 0 and "complete -F _kad kad" in done.stderr, done.stderr)
    check(done.stderr.strip() == "complete -F _kad kad", "bash complains:", done.stderr)
    return done.stdout.split()


def fish(script, line):
    done = subprocess.run(["fish", "--no-config", "-c", "source %s; complete -C '%s'" % (script, line)],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60,
                          env=dict(os.environ, HOME=os.path.dirname(script)))
    check(done.returncode == 0 and not done.stderr, done.stderr)
    return [row.split("\t")[0] for row in done.stdout.splitlines()]


def in_bash(folder, script):
    check(set(bash(script, "kad", "")) >= set(commands()), "not all commands")
    check(bash(script, "kad", "sta") == ["status", "stats"], bash(script, "kad", "sta"))
    for command in commands():
        wanted = {"--" + name for name in options(command)}
        found = set(bash(script, "kad", command, "--"))
        check(found == wanted, command, "offers", found, "not", wanted)
    check(bash(script, "kad", "node", "--log-level", "") == ["error", "warn", "info", "debug", "trace"], "levels")
    check(bash(script, "kad", "--json", "--node", "x", "config", "s") == ["show", "set"], "words of a command")
    check(bash(script, "kad", "node", "--log-format", "=", "j") == ["json"], "after an equals sign")
    check("bootstrap=" in bash(script, "kad", "node", "--set", "boot"), "settings")
    check(bash(script, "kad", "--completion", "") == list(SHELLS), "shells")
    check(bash(script, "kad", "get", "") == [], "a key is nothing to be guessed")
    name = os.path.join(folder, "a file.conf")
    open(name, "w").close()
    # `complete` inserts it quoted; COMPREPLY has it bare, split here by spaces
    check(" ".join(bash(script, "kad", "node", "--config", name[:-5])) == name, "a file with a space")


def in_fish(script):
    check(set(fish(script, "kad ")) >= set(commands()), fish(script, "kad "))
    for command in commands():
        wanted = {"--" + name for name in options(command)}
        found = set(fish(script, "kad %s --" % command))
        check(found >= wanted, command, "lacks", wanted - found)
    check("--listen" not in fish(script, "kad get --"), "an option of another command")
    check(set(fish(script, "kad node --log-format ")) == {"logfmt", "json"}, fish(script, "kad node --log-format "))
    check(set(fish(script, "kad config s")) == {"show", "set"}, fish(script, "kad config s"))


class Zsh:
    """A zsh on a terminal of its own."""

    def __init__(self, folder, script):
        self.seen = b""
        self.child, self.terminal = pty.fork()
        if self.child == 0:
            os.environ.update(TERM="dumb", ZDOTDIR=folder, PS1="")
            os.execvp("zsh", ["zsh", "-f", "-i"])
        self.type("PS1='READY> '; unsetopt zle_bracketed_paste; fpath=(%s $fpath); autoload -Uz compinit; compinit -D -u; "
                  "LISTMAX=10000; stty cols 300 rows 500; echo LOAD''ED\n" % os.path.dirname(script))
        self.until("LOADED")

    def type(self, text):
        os.write(self.terminal, text.encode())

    def until(self, wanted):
        def look():
            while select.select([self.terminal], [], [], 0)[0]:
                self.seen += os.read(self.terminal, 65536)
            return wanted.encode() in self.seen

        eventually("zsh shows %r; so far %r" % (wanted, self.seen[-2000:]), look, 60)

    def shows(self, line, *wanted):
        """After a tab (or two, to list)."""
        self.seen = b""
        self.type(line + "\t\t")
        for text in wanted:
            self.until(text)
        self.type("\x15")  # ^U
        time.sleep(0.1)

    def end(self):
        self.type("\x15exit\n")
        os.close(self.terminal)
        os.waitpid(self.child, 0)


def in_zsh(folder, script):
    zsh = Zsh(folder, script)
    zsh.shows("kad ", *("%s " % command for command in commands()))
    zsh.shows("kad stat", "status", "stats")
    zsh.shows("kad node --", *("--" + name for name in options("node")))
    zsh.shows("kad manifest check --tr", "--trust=")
    zsh.shows("kad node --log-level=", "error", "trace")
    zsh.shows("kad config s", "show", "set")
    zsh.end()


def test(folder):
    scripts = {}
    for shell in SHELLS:
        os.makedirs(os.path.join(folder, shell))
        scripts[shell] = os.path.join(folder, shell, "_kad")
        with open(scripts[shell], "wb") as file:
            file.write(kad("--completion", shell).out)
        check(subprocess.run([shell, "-n", scripts[shell]], timeout=60).returncode == 0, shell, "cannot read it")
    kad("--completion", "tcsh", expect=2)
    check(len(commands()) > 15, commands())
    in_bash(folder, scripts["bash"])
    in_fish(scripts["fish"])
    in_zsh(folder, scripts["zsh"])


main(test)
