#!/usr/bin/python3
# timeout 400
"""test_session - the state machine of the sessions (session.pml), explored whole by SPIN; and each of its checks is needed.

Every scenario must end without an error, its whole state space seen. Every mutant, the same model with one check dropped,
must end with a counterexample of the kind named beside it: else the check is idle, or the model is blind.

  test_session.py           all of it
  test_session.py NAME...   scenarios or mutants by name, with the counterexample told step by step
"""

import concurrent.futures
import os
import re
import subprocess
import sys
import tempfile
import time

MODEL = os.path.join(os.path.dirname(os.path.abspath(__file__)), "session.pml")

# What may happen, and how often.
SCENARIOS = {
    "handshakes": "NI=2 NK=2 ND=2",  # simultaneous open, rekey, replay of everything
    "rekeys": "NI=3 NK=3 ND=1",
    "nothing-lost": "NI=3 NK=3 ND=1 STRICT STRANGERS=1",
    "window": "NI=1 NK=1 ND=4",
    "forgetting": "NI=2 NK=2 ND=1 RESTARTS=1 EVICTIONS=1",
    "forgetting-often": "NI=2 NK=3 ND=1 RESTARTS=2 EVICTIONS=1",
    "wrong-clock": "NI=2 NK=2 ND=2 RESTARTS=1 CLOCK_BACK",
    "load": "NI=2 NK=2 ND=1 LOAD RESTARTS=1",
    "load-spoofed": "NI=1 NK=1 ND=2 LOAD ADDRESSES",
    "roaming": "NI=1 NK=1 ND=3 ADDRESSES VICTIM_PACKETS=3",
    "roaming-rekey": "NI=2 NK=2 ND=1 ADDRESSES VICTIM_PACKETS=2 RESTARTS=1",
}

# The check that is dropped: in which scenario, and what the assertion says that must fail.
TWICE = r"took\[x\]&"
FIRST_TWICE = r"took_init\["
OTHER_SIDE = r"c<sent\["
UNHEARD = r"violated ok\b"
HELD = r"ok\|\| !\(held\)"
UNPROVEN = r"balance>="
VICTIM_PROVEN = r"proven\[k\]&&"
MUTANTS = {
    "NO_REPLAY_WINDOW": ("handshakes", TWICE),
    "NO_WINDOW_EDGE": ("window", TWICE),
    "WINDOW_BEFORE_OPEN": ("handshakes", HELD),
    "NO_TIME_CHECK": ("handshakes", FIRST_TWICE),
    "NO_COOKIE_FOR_OLD_TIME": ("wrong-clock", UNHEARD),
    "NO_CONFIRM_BEFORE_SWITCH": ("handshakes", r"completed\["),
    "NO_INDEX_CHECK": ("handshakes", r"pend\[p\]==\(key_init"),
    "NO_KEY_CHECK": ("handshakes", OTHER_SIDE),
    "ONE_KEY_BOTH_WAYS": ("handshakes", OTHER_SIDE),
    "OLD_KEYS_DROPPED": ("nothing-lost", UNHEARD),
    "TWO_KEPT": ("nothing-lost", UNHEARD),
    "STRANGER_EVICTS": ("nothing-lost", UNHEARD),
    "NEVER_BEGINS_AGAIN": ("forgetting", UNHEARD),
    "NO_COOKIE": ("load-spoofed", r"loaded\[p\]\)\|\|\(src!=2"),
    "COOKIE_FOR_ANYBODY": ("load-spoofed", r"loaded\[p\]\)\|\|\(src!=2"),
    "COOKIE_KEEPS_STATE": ("load-spoofed", r"before=="),
    "NO_CREDIT": ("roaming", UNPROVEN),
    "CREDIT_MOVES_ALONG": ("roaming", UNPROVEN),
    "SHORT_INIT": ("roaming", UNPROVEN),
    "OLDER_MOVES": ("roaming", r"\(c\+1\)>top"),
    "DATA_PROVES": ("roaming", VICTIM_PROVEN),
    "TOKEN_KEPT": ("roaming", VICTIM_PROVEN),
    "WAITS_FOR_CREDIT": ("roaming", UNHEARD),
    "ANSWER_PROVES_ANY": ("roaming", VICTIM_PROVEN),
}

DEPTH = 20000
MEMORY_MB = 3000


def run(command, folder, seconds=200):
    done = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=seconds)
    return done.returncode, done.stdout


def explore(name):
    """(what is wrong or "", states, seconds, the counterexample) of a scenario or a mutant."""
    scenario, wanted = MUTANTS.get(name, (name, None))
    flags = ["-D" + flag for flag in SCENARIOS[scenario].split()] + (["-D" + name] if wanted else [])
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="kad-spin-") as folder:
        code, out = run(["spin", "-a"] + flags + [MODEL], folder)
        if code or "error" in out.lower():
            return "spin: " + out, 0, 0, ""
        # The whole world is one process: there is no order of steps to reduce.
        code, out = run(["gcc", "-O0" if wanted else "-O1", "-w", "-DSAFETY", "-DNOREDUCE", "-DMEMLIM=%d" % MEMORY_MB,
                         "-o", "pan", "pan.c"], folder)
        if code:
            return "gcc: " + out, 0, 0, ""
        code, out = run(["./pan", "-m%d" % DEPTH, "-w22"], folder)
        errors = re.search(r"errors: (\d+)", out)
        states = re.search(r"(\d+) states, stored", out)
        violated = re.search(r"pan:1: (.*)", out)
        violated = violated.group(1) if violated else ""
        story = ""
        if errors and errors.group(1) != "0":
            _, story = run(["./pan", "-r", "session.pml.trail"], folder)
            story = "\n".join(line.strip() for line in story.splitlines() if re.match(r" *([AB] |calm)|pan:1", line))
        wrong = ""
        if not errors or not states:
            wrong = "pan did not end: " + out[-600:]
        elif "too small" in out or "out of memory" in out or "truncated" in out:
            wrong = "the state space was not seen whole"
        elif wanted and not violated:
            wrong = "nobody misses this check"
        elif wanted and not re.search(wanted, violated):
            wrong = "caught by something else: " + violated
        elif not wanted and errors.group(1) != "0":
            wrong = violated
        return wrong, int(states.group(1)) if states else 0, time.monotonic() - started, story


def main(names):
    failed = 0
    chosen = names or list(SCENARIOS) + list(MUTANTS)
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for name, (wrong, states, seconds, story) in zip(chosen, pool.map(explore, chosen)):
            failed += bool(wrong)
            print("%-26s %9d states %5.1f s  %s" % (name, states, seconds,
                  "FAILED: " + wrong if wrong else "caught" if name in MUTANTS else "whole, no error"), flush=True)
            if story and (names or (wrong and name in SCENARIOS)):
                print(story)
    print("%d passed, %d failed" % (len(chosen) - failed, failed))
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main(sys.argv[1:])
