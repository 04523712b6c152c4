"""What a soak runs in: a network of kad processes that come and go, and one that stays and is watched.

Addresses are the public's (44.x.y.1), made local in the run's namespace, so that limits per network, rules for ids (BEP
42) and the vote on the outside address are all at work. An address is a network of its own, as on the real one.
"""
import os
import random
import shutil
import signal
import subprocess
import time

PORT = 6881
# Everything is held for minutes, not for hours: so in a soak it is held, published again and expires many times over.
SETTINGS = ["peer_ttl_ms=3m", "record_ttl_ms=3m", "announce_again_ms=1m", "put_again_ms=90s", "refresh_after_ms=1m",
            "ping_after_ms=2m", "sample_interval_ms=1m"]
PAUSE_S = 8      # between a death and the return, on average
STOPS_WITHIN_S = 20


class Process:
    """One `kad node`; `died` is what its end was not asked for."""

    def __init__(self, kad, folder, number, address, bootstraps, *options):
        self.kad, self.data, self.number, self.address = kad, os.path.join(folder, "node%d" % number), number, address
        self.bootstraps, self.options = bootstraps, list(options)
        self.process, self.died = None, None

    @property
    def endpoint(self):
        return "%s:%d" % (self.address, PORT)

    @property
    def socket(self):
        return os.path.join(self.data, "kad.sock")

    def start(self):
        command = [self.kad, "node", "--listen", self.endpoint, "--data-dir", self.data, "--log-level", "warn",
                   "--metrics", "none"] + (self.options or ["--api", "none"])
        command += [word for setting in SETTINGS for word in ("--set", setting)]
        command += [word for name in self.bootstraps if name != self.endpoint for word in ("--bootstrap", name)]
        with open(self.data + ".log", "ab") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def runs(self):
        return self.process is not None and self.process.poll() is None

    def stop(self, how=signal.SIGTERM):
        """True if it ended as it should: at once, or with status 0."""
        self.process.send_signal(how)
        try:
            return self.process.wait(STOPS_WITHIN_S) == (0 if how == signal.SIGTERM else -how)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            return False


class Network:
    """`n_steady` nodes that stay, of which the first is watched, and `n_churning` that live for `life_s` on average."""

    def __init__(self, kad, folder, n_steady, n_churning, life_s, seed):
        self.dice, self.folder, self.kad, self.life_s = random.Random(seed), folder, kad, life_s
        self.kills = self.stops = self.returns = self.newcomers = 0
        self.faults = []
        self.bootstraps = []
        steady = [self.address() for _ in range(n_steady)]
        self.bootstraps = ["%s:%d" % (address, PORT) for address in steady[1:4]]
        self.steady = [Process(kad, folder, i, address, self.bootstraps) for i, address in enumerate(steady)]
        self.watched = self.steady[0]
        self.watched.options = ["--api", "%s:8080" % "127.0.0.1", "--store", "lmdb"]
        self.churning = [Process(kad, folder, n_steady + i, self.address(), self.bootstraps) for i in range(n_churning)]
        self.next_number = n_steady + n_churning
        self.due = {}

    def address(self):
        return "44.%d.%d.1" % (self.dice.randrange(1, 250), self.dice.randrange(1, 250))

    def start(self):
        for node in self.steady + self.churning:
            node.start()
        now = time.monotonic()
        self.due = {i: now + self.dice.expovariate(1 / self.life_s) for i in range(len(self.churning))}

    def alive(self):
        return sum(node.runs() for node in self.steady + self.churning)

    def step(self):
        """Whoever is due dies or returns. Call it about once a second."""
        now = time.monotonic()
        for node in self.steady:
            if node.process and not node.runs():
                self.fault(node, "ended with status %d" % node.process.returncode)
                node.start()
        for i, node in enumerate(self.churning):
            if node.process and not node.runs():
                self.fault(node, "ended with status %d" % node.process.returncode)
                node.process = None
            if now < self.due[i]:
                continue
            if node.process:
                self.end(node)
                self.due[i] = now + self.dice.expovariate(1 / PAUSE_S)
            else:
                self.bring_back(i)
                self.due[i] = now + self.dice.expovariate(1 / self.life_s)

    def end(self, node):
        hard = self.dice.random() < 0.5
        self.kills, self.stops = self.kills + hard, self.stops + (not hard)
        if not node.stop(signal.SIGKILL if hard else signal.SIGTERM):
            self.fault(node, "did not stop well: status %s" % node.process.returncode)
        node.process = None

    def bring_back(self, i):
        """Two of three are the old node with its data; the third is one that nobody has ever seen."""
        if self.dice.random() < 1 / 3:
            shutil.rmtree(self.churning[i].data, ignore_errors=True)
            self.churning[i] = Process(self.kad, self.folder, self.next_number, self.address(), self.bootstraps)
            self.next_number += 1
            self.newcomers += 1
        else:
            self.returns += 1
        self.churning[i].start()

    def fault(self, node, what):
        with open(node.data + ".log", errors="replace") as log:
            self.faults.append("node %d %s: %s" % (node.number, what, log.read()[-300:].strip()))

    def stop(self):
        """The exit of the watched one, and then everybody's."""
        well = self.watched.runs() and self.watched.stop()
        for node in self.steady[1:] + self.churning:
            if node.runs():
                node.process.kill()
                node.process.wait()
        return well
