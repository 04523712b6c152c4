"""program - what the tests of the whole program share: a local network of kad nodes, and commands that ask it.

  LocalNet(n)     `kad node --nodes n` on loopback addresses of its own, with a temporary data directory
  kad(...)        one command; its exit status, output and, with --json, the object it printed
  eventually()    polls; the deadline is a bound on hanging, never the property under test
  check()         a claim, with what was found instead
  main(test)      runs test(folder), shows the node's log when it fails; exits 0 or 1
"""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback

ROOT = os.environ.get("KAD_SOURCE") or os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
KAD = os.environ.get("KAD") or os.path.join(ROOT, "build", "kad")
# Sanitizers make everything slower, and other tests run beside this one.
PATIENCE_S = 120


class Failure(Exception):
    pass


def check(condition, *found):
    if not condition:
        raise Failure(" ".join(str(part) for part in found) or "a claim does not hold")


def eventually(what, test, seconds=PATIENCE_S):
    """The first true value of test()."""
    deadline = time.monotonic() + seconds
    while True:
        result = test()
        if result:
            return result
        if time.monotonic() > deadline:
            raise Failure("not within %d s: %s" % (seconds, what))
        time.sleep(0.05)


class Result:
    def __init__(self, command, code, out, err):
        self.command, self.code, self.out, self.err = command, code, out, err
        self.json = json.loads(out) if "--json" in command and out.startswith(b"{") else None


def kad(*arguments, expect=0, stdin=b"", env=None):
    """Runs the command; a sanitizer's report or another exit status than expected (None: any) is a failure."""
    command = [KAD] + [str(argument) for argument in arguments]
    done = subprocess.run(command, input=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=PATIENCE_S,
                          env=dict(os.environ, **(env or {})))
    error = done.stderr.decode(errors="replace")
    check("Sanitizer" not in error and "runtime error" not in error, error)
    check(expect is None or done.returncode == expect, " ".join(command), "exits", done.returncode, "not", expect,
          done.stdout, error)
    return Result(command, done.returncode, done.stdout, error)


def loopback():
    """An address of 127/8 that no other test uses, with room for a thousand behind it."""
    return "127.%d.%d.1:%d" % (random.randrange(16, 250), random.randrange(0, 250), random.randrange(10000, 30000))


class Node:
    """A `kad node` process; its log is data + ".log"."""

    def __init__(self, folder, name, *arguments):
        self.data = os.path.join(folder, name)
        self.socket = os.path.join(self.data, "kad.sock")
        self.log = self.data + ".log"
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen([KAD, "node", "--data-dir", self.data] + list(arguments),
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def kad(self, *arguments, **more):
        return kad("--node", self.data, *arguments, **more)

    def ask(self, *arguments, **more):
        return self.kad("--json", *arguments, **more).json

    def await_ready(self, contacts=1):
        def ready():
            check(self.process.poll() is None, "the node ended:", open(self.log).read()[-2000:])
            if not os.path.exists(self.socket):
                return False
            status = self.kad("--json", "status", expect=None)
            return status.code == 0 and status.json["ready"] and status.json["peer_count"] >= contacts

        eventually("the node has joined", ready)
        return self

    def stop(self, how=signal.SIGTERM):
        """Its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(how)
        try:
            return self.process.wait(PATIENCE_S)
        finally:
            self.process.kill()


class LocalNet(Node):
    def __init__(self, folder, n, *arguments):
        self.first = loopback()
        self.port = int(self.first.split(":")[1])
        super().__init__(folder, "net", "--nodes", str(n), "--listen", self.first, "--name", "first", *arguments)
        self.await_ready(min(n - 1, 8))

    def address(self, i):
        host = self.first.split(":")[0].split(".")
        number = int(host[2]) * 256 + int(host[3]) + i
        return "%s.%s.%d.%d:%d" % (host[0], host[1], number // 256, number % 256, self.port)


def main(test):
    folder = tempfile.mkdtemp(prefix="kad-test-")
    started = time.monotonic()
    code = 0
    try:
        test(folder)
        print("passed in %.1f s" % (time.monotonic() - started))
    except BaseException as error:
        code = 1
        if isinstance(error, Failure):
            where = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename.endswith(os.path.basename(sys.argv[0]))]
            print("FAILED at line %s: %s" % (where[-1].lineno if where else "?", error))
        else:
            traceback.print_exc()
        for name in sorted(os.listdir(folder)):
            if name.endswith(".log"):
                with open(os.path.join(folder, name), errors="replace") as log:
                    print("--- %s\n%s" % (name, "".join(log.readlines()[-20:])))
    finally:
        for node in list(running):
            if node.poll() is None:
                node.kill()
        shutil.rmtree(folder, ignore_errors=True)
    sys.exit(code)


# Every child, so that none outlives a failed test.
running = []
_popen = subprocess.Popen


class _Popen(_popen):
    def __init__(self, *arguments, **more):
        super().__init__(*arguments, **more)
        running.append(self)


subprocess.Popen = _Popen
