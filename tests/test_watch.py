#!/usr/bin/python3
"""kad watch: a picture on a terminal of any size that leaves the terminal as it was, lines and JSON everywhere else; a node
that goes is waited for, and nobody who stops reading hangs it."""
import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from program import KAD, PATIENCE_S, LocalNet, Node, check, eventually, kad, loopback, main  # noqa: E402

ENTER, LEAVE = b"\x1b[?1049h", b"\x1b[?1049l"


class Screen:
    """kad watch on a pty, and just enough of a terminal to say what it shows."""

    def __init__(self, node, rows=24, columns=80, *arguments):
        self.master, slave = pty.openpty()
        self.rows, self.columns = rows, columns
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.before = termios.tcgetattr(slave)
        self.slave = slave
        self.all = b""

        def lead():
            os.setsid()
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)

        self.process = subprocess.Popen([KAD, "--node", node.data, "watch"] + list(arguments), stdin=slave,
                                        stdout=slave, stderr=slave, preexec_fn=lead,
                                        env=dict(os.environ, TERM="xterm"))

    def read(self):
        while select.select([self.master], [], [], 0)[0]:
            try:
                part = os.read(self.master, 65536)
            except OSError:
                return
            if not part:
                return
            self.all += part

    def picture(self):
        """The lines of the last whole picture, without colours; None if there is none yet."""
        self.read()
        pictures = re.findall(rb"\x1b\[\?2026h\x1b\[H(.*?)\x1b\[\?2026l", self.all, re.S)
        if not pictures:
            return None
        text = re.sub(rb"\x1b\[[0-9;]*[A-Za-z]", b"", pictures[-1]).decode()
        return text.replace("\r", "").split("\n")

    def await_text(self, pattern):
        return eventually("%s on the screen" % pattern,
                          lambda: next((match for match in (re.search(pattern, line) for line in self.picture() or [])
                                        if match), None))

    def resize(self, rows, columns):
        self.rows, self.columns = rows, columns
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def ended(self, code=0):
        eventually("it ends", lambda: (self.read(), self.process.poll() is not None)[1])
        self.read()
        check(self.process.returncode == code, "exit status", self.process.returncode, self.all[-500:])
        check(self.all.count(ENTER) == self.all.count(LEAVE), "the screen is given back")
        check(self.all.rstrip().endswith(LEAVE) or code, self.all[-200:])
        check(b"\x1b[?25h" in self.all, "the cursor is back")
        check(termios.tcgetattr(self.slave) == self.before, "the terminal is as it was")
        os.close(self.master)
        os.close(self.slave)


def what_it_shows(net):
    screen = Screen(net)
    screen.await_text("first, joined")
    status = net.ask("status")
    screen.await_text("node +" + status["node_id"])
    screen.await_text(r"table +%d IPv4, 0 IPv6" % status["contacts"]["ipv4"])
    screen.await_text(r"memory +[0-9.]+ [KM]iB in engine and store, [0-9.]+ MiB resident")
    screen.await_text(r"traffic +in .*/s .*, out .*/s")
    key = net.ask("put", "watched")["key"]
    net.kad("get", key)
    screen.await_text("put +" + key[:12] + " .*queries")
    screen.await_text("get +" + key[:12] + " .*satisfied|get +" + key[:12] + " .*converged")
    net.kad("get", "7" * 40, expect=1)
    screen.await_text("get +" + "7" * 12 + " .*not found")
    held = kad("--json", "--standalone", "--bootstrap", net.first, "put", "held by all").json["key"]
    screen.await_text("stored +" + held)
    check(b"\x1b[2J" not in screen.all.split(ENTER, 1)[1].split(b"\x1b[?2026h", 1)[1],
          "pictures are drawn over each other, never onto a cleared screen: that would flicker")
    os.write(screen.master, b"x")
    os.write(screen.master, b"q")
    screen.ended()


def sizes(net):
    """Any size: no line too long, no line too many, whatever matters most on top."""
    screen = Screen(net, 24, 80)
    screen.await_text("joined")
    for rows, columns in ((10, 40), (1, 1), (2, 200), (60, 200), (4, 13), (5, 3), (24, 80)):
        screen.resize(rows, columns)

        def fits():
            picture = screen.picture()
            return (len(picture) <= rows and max(map(len, picture)) <= columns and
                    picture[0][:9] == "kad watch"[:columns] and
                    (rows < 4 or len(picture) == rows and picture[-1] == "q quits"[:columns]))

        eventually("a picture of %d lines of %d" % (rows, columns), fits)
    os.kill(screen.process.pid, signal.SIGINT)
    screen.ended()
    empty = Screen(net, 0, 0)  # a terminal that does not know its size
    empty.await_text("joined")
    os.write(empty.master, b"\x03")
    empty.ended()


def ways_out(net):
    for how in (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGINT):
        screen = Screen(net)
        screen.await_text("joined")
        os.kill(screen.process.pid, how)
        screen.ended()
    # Stopped and continued, as by Ctrl-Z and fg: the terminal is the shell's in between.
    screen = Screen(net)
    screen.await_text("joined")
    os.kill(screen.process.pid, signal.SIGTSTP)
    eventually("it is stopped", lambda: os.waitpid(screen.process.pid, os.WUNTRACED | os.WNOHANG)[0])
    screen.read()
    check(screen.all.count(LEAVE) == 1 and termios.tcgetattr(screen.slave) == screen.before, "the shell has it back")
    os.kill(screen.process.pid, signal.SIGCONT)
    eventually("it goes on", lambda: (screen.read(), screen.all.count(ENTER) == 2)[1])
    os.write(screen.master, b"q")
    screen.ended()
    # The terminal itself goes, as when its window is closed.
    screen = Screen(net)
    screen.await_text("joined")
    os.close(screen.slave)
    os.close(screen.master)
    eventually("it ends with its terminal", lambda: screen.process.poll() is not None)


class Lines:
    """kad watch into a pipe."""

    def __init__(self, node, *arguments):
        self.process = subprocess.Popen([KAD, "--node", node.data, "watch"] + list(arguments), stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def next(self, wanted):
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            line = self.process.stdout.readline().decode()
            check(line, "the lines ended:", self.process.stderr.read() if self.process.poll() is not None else "")
            if wanted(line):
                return line
        check(False, "no such line")

    def json(self, kind, where=lambda data: True):
        def wanted(line):
            event = json.loads(line)
            return event["event"] == kind and where(event["data"])

        return json.loads(self.next(wanted))["data"]

    def ended(self):
        code = self.process.wait(PATIENCE_S)
        error = self.process.stderr.read().decode()
        check("Sanitizer" not in error, error)
        return code, error


def lines(net):
    plain, objects = Lines(net), Lines(net, "--json")
    check(objects.json("connected")["node_id"] == net.ask("status")["node_id"])
    check(objects.json("stats")["ready"] is True)
    key = net.ask("put", "a line")["key"]
    plain.next(lambda line: re.match(r"\d\d:\d\d:\d\d  put +%s " % key[:12], line))
    begun = objects.json("lookup_begun", lambda data: data["target"] == key)
    check(objects.json("lookup_completed", lambda data: data["request"] == begun["request"])["stored"])
    check("\x1b" not in plain.next(lambda line: "stats" in line), "no colours in a pipe")
    plain.process.send_signal(signal.SIGTERM)
    check(plain.ended()[0] == -signal.SIGTERM)
    # Who reads goes: it ends at once, without a word.
    objects.process.stdout.close()
    check(objects.ended() == (0, ""), "a broken pipe")
    head = subprocess.run("'%s' --node '%s' watch --json | head -n 1" % (KAD, net.data), shell=True, timeout=PATIENCE_S,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    check(json.loads(head.stdout)["event"] == "connected" and head.stderr == b"", head.stderr)


def a_restart(folder):
    address = loopback()
    arguments = ("--listen", address, "--api", "none", "--metrics", "none")

    def begin():
        node = Node(folder, "alone", *arguments)
        eventually("it answers", lambda: kad("--node", node.data, "status", expect=None).code == 0)
        return node

    node = begin()
    screen, objects, impatient = Screen(node), Lines(node, "--json"), Lines(node, "--timeout", "0.2")
    screen.await_text("joining|joined")
    identity = objects.json("connected")["node_id"]
    impatient.next(lambda line: "stats" in line)
    check(node.stop() == 0)
    screen.await_text("the node has gone|no node answers")
    check(objects.json("disconnected", lambda data: data is None) is None)
    impatient.process.stdout.read()
    code, error = impatient.ended()
    check(code == 3 and "did not come back" in error, code, error)
    node = begin()
    screen.await_text("^kad watch +join")
    check(objects.json("connected")["node_id"] == identity)
    objects.json("stats")
    os.write(screen.master, b"q")
    screen.ended()
    objects.process.stdout.close()
    check(objects.ended()[0] == 0)
    check(node.stop(signal.SIGKILL) == -signal.SIGKILL)


def nobody(folder):
    gone = kad("--node", os.path.join(folder, "nothing"), "watch", expect=3)
    check(gone.out == b"" and "no node answers" in gone.err, gone.out, gone.err)
    check(json.loads(kad("--node", os.path.join(folder, "nothing"), "watch", "--json", expect=3).out)["error"])
    check("running node" in kad("watch", "--standalone", expect=2).err)
    kad("watch", "more", expect=2)


def test(folder):
    nobody(folder)
    a_restart(folder)
    net = LocalNet(folder, 6, "--api", "none", "--metrics", "none")
    what_it_shows(net)
    sizes(net)
    ways_out(net)
    lines(net)
    check(net.stop() == 0)


main(test)
