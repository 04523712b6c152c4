#!/usr/bin/python3
"""The manual pages: what the program prints, complete, and without a warning of either formatter."""
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from program import ROOT, check, kad, main  # noqa: E402

PAGES = {"kad.1": "--man", "kad.conf.5": "--man-config"}


def run(*command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60,
                          env=dict(os.environ, LC_ALL="C.UTF-8", MANROFFSEQ="", MANWIDTH="100"))
    check(done.returncode == 0, " ".join(command), "exits", done.returncode, done.stdout, done.stderr)
    return done.stdout, done.stderr


def a_page(name, option):
    path = os.path.join(ROOT, "packaging", name)
    with open(path) as file:
        check(file.read() == kad(option).out.decode(),
              "packaging/%s is out of date: kad %s >packaging/%s" % (name, option, name))
    warnings = run("man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z", path)[1]
    check(not warnings, "groff:", warnings)
    check(run("mandoc", "-T", "lint", "-W", "warning", path) == ("", ""))
    text = run("mandoc", "-T", "ascii", path)[0]
    return re.sub(r".\x08", "", text)


def test(folder):
    pages = {name: a_page(name, option) for name, option in PAGES.items()}
    overview = kad("--help").out.decode()
    commands = re.findall(r"^  ([a-z]+)(?: |$)", overview.split("Commands\n")[1].split("\n\n")[0], re.M)
    check(len(commands) > 20 and "watch" in commands, commands)
    for command in commands:
        check(re.search(r"^   kad %s( |$)" % command, pages["kad.1"], re.M), command, "is not in kad.1")
        for option in re.findall(r"^  (--[a-z-]+)", kad(command, "--help").out.decode(), re.M):
            check(option in pages["kad.1"], option, "of", command, "is not in kad.1")
    keys = re.findall(r"^(?:# )?([a-z0-9_]+) =", kad("node", "--print-config").out.decode(), re.M)
    check(len(keys) > 50, keys)
    for key in keys:
        check(re.search(r"^     %s \(" % key, pages["kad.conf.5"], re.M), key, "is not in kad.conf.5")


main(test)
