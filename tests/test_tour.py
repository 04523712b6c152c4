#!/usr/bin/python3
"""kad tour, which `make run` runs: it ends well without a terminal, stays up with one, and leaves nothing behind."""
import os
import pty
import re
import select
import shlex
import signal
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from program import KAD, PATIENCE_S, check, kad, main  # noqa: E402


def left_behind():
    return [name for name in os.listdir(tempfile.gettempdir()) if name.startswith("kad-tour-")]


def without_a_terminal():
    text = kad("tour").out.decode()
    for title in ("A network", "A value", "A value that changes", "A peer", "A lookup, hop by hop", "What a node knows",
                  "Your turn"):
        check("== " + title in text, title, "is missing:", text)
    check("Hello from a distributed hash table!" in text and "version two" in text and ":51413" in text, text)

    told = kad("--json", "tour").json
    check(told["nodes"] == 51 and told["put"]["stored"] > 0 and told["get_mutable"]["value"] == "version two", told)
    check(len(told["peers"]["peers"]) == 1 and len(told["closest"]["trace"]) > 0 and len(told["table"]["rows"]) > 8, told)


def read_until(terminal, pattern):
    """What it printed, up to the pattern."""
    text = ""
    while not re.search(pattern, text):
        readable, _, _ = select.select([terminal], [], [], PATIENCE_S)
        check(readable, "waited for", pattern, "after", text)
        text += os.read(terminal, 65536).decode(errors="replace")
    return text


def with_a_terminal(folder):
    data = os.path.join(folder, "tour-data")
    ours, theirs = pty.openpty()
    tour = subprocess.Popen([KAD, "tour", "--data-dir", data], stdin=theirs, stdout=theirs, stderr=theirs,
                            env=dict(os.environ, TERM="dumb"))
    text = read_until(ours, "And the public network")
    printed = [shlex.split(line) for line in text.splitlines() if " --node " in line]
    check(len(printed) >= 5, text)
    for line in printed:
        check(kad(*line[1:]).out, line)
    tour.send_signal(signal.SIGINT)
    read_end(ours)
    check(tour.wait(PATIENCE_S) == 0, "exit status after Ctrl-C")
    os.close(ours)
    os.close(theirs)


def read_end(terminal):
    while select.select([terminal], [], [], 0.1)[0]:
        os.read(terminal, 65536)


def test(folder):
    os.environ["TMPDIR"] = folder
    tempfile.tempdir = folder
    without_a_terminal()
    with_a_terminal(folder)
    check(left_behind() == [], left_behind())


main(test)
