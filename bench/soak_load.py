"""The load of a soak: requests to the watched node's HTTP API, raw KRPC, and a prober that takes round trips."""
import http.client
import json
import os
import random
import re
import select
import socket
import subprocess
import threading
import time

ECHO = ("53.0.0.1", 6000)
RAW_MODES = ["find_node", "get_peers", "announce_peer", "get", "put", "ping", "put_mutable", "sample_infohashes"]
LOST_AFTER_S = 1.0
PROBES_PER_S = 10
PROBER_ID = b"soak soak soak soak "
REMEMBERED_S = 100  # values are asked for while they are younger; the soak's nodes hold them for 180


class Api(http.client.HTTPConnection):
    """Over a node's local socket, a connection per request, as the commands of kad do."""

    def __init__(self, path, timeout=40):
        super().__init__("localhost", timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def ask(path, method, target, body=None):
    """(status, answer, ms). Status 0: no answer."""
    began = time.perf_counter()
    connection = Api(path)
    try:
        connection.request(method, target, json.dumps(body) if body is not None else None)
        answer = connection.getresponse()
        text = answer.read()
        status = answer.status
    except (OSError, http.client.HTTPException):
        status, text = 0, b""
    finally:
        connection.close()
    ms = (time.perf_counter() - began) * 1000
    try:
        return status, json.loads(text), ms
    except ValueError:
        return status, None, ms


class ApiLoad:
    """Threads that ask as users do, each at its own pace. `take()` gives what has come since it was called last."""

    def __init__(self, network, folder, pace, seed):
        self.watched, self.other = network.watched, network.steady[1]
        self.kad, self.folder, self.pace, self.seed = network.kad, folder, pace, seed
        self.lock, self.ended = threading.Lock(), threading.Event()
        self.results, self.values, self.announced, self.copies, self.errors = [], [], [], [], {}
        jobs = [(self.closest, 1.0), (self.put, 0.5), (self.get, 1.0), (self.announce, 0.5), (self.peers, 0.5),
                (self.keep_and_withdraw, 0.2), (self.put_mutable, 0.1), (self.look_around, 0.3), (self.events, 0.05)]
        self.threads = [threading.Thread(target=self.work, args=(job, rate * pace, number), daemon=True)
                        for number, (job, rate) in enumerate(jobs)]

    def start(self):
        for thread in self.threads:
            thread.start()

    def stop(self):
        self.ended.set()
        for thread in self.threads:
            thread.join(60)

    def work(self, job, rate, number):
        dice = random.Random("%s %d" % (self.seed, number))
        while not self.ended.wait(dice.expovariate(rate)):
            job(dice)

    def note(self, kind, status, ms, good, answer, told=""):
        with self.lock:
            self.results.append((kind, ms, good))
            if not good:
                error = " ".join(filter(None, [kind + ":", str(status or "no answer"), (answer or {}).get("error"), told]))
                self.errors[error] = self.errors.get(error, 0) + 1

    def request(self, kind, method, target, body=None, node=None, told=""):
        """`told` is said of it when it fails."""
        status, answer, ms = ask((node or self.watched).socket, method, target, body)
        self.note(kind, status, ms, status == 200, answer, told)
        return answer if status == 200 else None

    def remember(self, held, what):
        with self.lock:
            held.append((time.monotonic(), what))

    def remembered(self, held, dice):
        with self.lock:
            while held and time.monotonic() - held[0][0] > REMEMBERED_S:
                held.pop(0)
            old = [what for at, what in held if time.monotonic() - at > 1]
        return dice.choice(old) if old else None

    def closest(self, dice):
        self.request("closest", "GET", "/api/dht/closest?key=%040x" % dice.getrandbits(160))

    def put(self, dice):
        text = "%x" % dice.getrandbits(8 * dice.randrange(8, 400))
        node = dice.choice([self.watched, self.other])
        answer = self.request("put", "POST", "/api/dht/put", {"value": text}, node)
        if answer:
            self.copies.append(answer["stored"])
            self.remember(self.values, (answer["key"], text, answer["stored"]))

    def get(self, dice):
        known = self.remembered(self.values, dice)
        if known:
            answer = self.request("get", "GET", "/api/dht/get?key=" + known[0], told="of %d copies" % known[2])
            if answer and answer["value"] != known[1]:
                self.note("get, another value", 200, 0, False, answer)

    def announce(self, dice):
        key = "%040x" % dice.getrandbits(160)
        node = dice.choice([self.watched, self.other])
        if self.request("announce", "POST", "/api/dht/announce", {"key": key, "port": 6000}, node):
            self.remember(self.announced, key)

    def peers(self, dice):
        key = self.remembered(self.announced, dice)
        if key:
            self.request("peers", "GET", "/api/dht/peers?key=" + key)

    def keep_and_withdraw(self, dice):
        """Of what is kept a tenth is not taken back for two minutes: published again meanwhile."""
        answer = self.request("keep", "POST", "/api/dht/put", {"value": "kept %d" % dice.getrandbits(64), "keep": True})
        if not answer:
            return
        if dice.random() < 0.1:
            self.ended.wait(120)
        self.request("withdraw", "POST", "/api/dht/withdraw", {"key": answer["key"]})

    def put_mutable(self, dice):
        """By the command, which signs."""
        began = time.perf_counter()
        done = subprocess.run([self.kad, "--node", self.watched.data, "--json", "put", "now %d" % dice.getrandbits(32),
                               "--mutable", "--new-key", "--key-file", os.path.join(self.folder, "key"),
                               "--salt", str(dice.randrange(50))], capture_output=True)
        self.note("put mutable", done.returncode, (time.perf_counter() - began) * 1000, done.returncode == 0,
                  {"error": done.stderr.decode(errors="replace")[-80:]})

    def look_around(self, dice):
        target = dice.choice(["/metrics", "/api/node", "/api/network/table", "/api/network/stats", "/api/network/peers",
                              "/api/network/records", "/api/network/history", "/healthz", "/"])
        self.request("look", "GET", target)

    def events(self, dice):
        """A listener that comes, reads for a while and goes without a word."""
        connection = Api(self.watched.socket)
        try:
            connection.request("GET", "/events")
            answer = connection.getresponse()
            until = time.monotonic() + dice.uniform(1, 15)
            while time.monotonic() < until and not self.ended.is_set() and answer.read1(4096):
                pass
            self.note("events", answer.status, 0, answer.status == 200, None)
        except OSError:
            self.note("events", 0, 0, False, None)
        finally:
            connection.close()

    def take(self):
        with self.lock:
            results, self.results = self.results, []
        return results


class RawLoad:
    """bench-load in bursts, one kind of query after the other, from 64 networks. `take()` as above."""

    def __init__(self, program, endpoint, pid, per_s):
        self.program, self.endpoint, self.pid, self.per_s = program, endpoint, pid, per_s
        self.found, self.failures, self.ended = [], [], threading.Event()
        self.thread = threading.Thread(target=self.work, daemon=True)

    def work(self):
        burst = 128
        n = 0
        while not self.ended.is_set():
            mode = RAW_MODES[n % len(RAW_MODES)]
            n += 1
            command = [self.program, mode, "--to", self.endpoint, "--from", "51.0.1.1", "--pid", str(self.pid), "--port", "7001",
                       "--window", "32", "--keys", "300", "--seconds", "8", "--burst", str(burst),
                       "--pause", str(int(1000 * burst / self.per_s))]
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode:
                self.failures.append(done.stderr.strip()[-200:])
                self.ended.wait(1)
            else:
                self.found.append(json.loads(done.stdout.splitlines()[-1]))

    def start(self):
        self.thread.start()

    def stop(self):
        self.ended.set()
        self.thread.join(30)

    def take(self):
        found, self.found = self.found, []
        return found


class Prober:
    """A process that runs ahead of all others and asks kad (find_node) and the bare echo in turn; so what the machine does
    to both can be told from what kad does. `take()`: {"kad": ([ms], lost), "echo": ([ms], lost)}."""

    def __init__(self, endpoint):
        host, port = endpoint.split(":")
        self.targets = {"kad": (host, int(port)), "echo": ECHO}
        self.buffer = b""
        self.pipe, theirs = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            try:
                os.close(self.pipe)
                self.run(theirs)
            finally:
                os._exit(1)
        os.close(theirs)
        os.set_blocking(self.pipe, False)

    def run(self, pipe):
        try:
            os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(10))
        except PermissionError:
            pass
        sockets = {}
        for name, target in self.targets.items():
            sockets[name] = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            sockets[name].bind(("52.0.0.1", 0))
            sockets[name].connect(target)
        n, next_at = 0, time.monotonic()
        while True:
            n += 1
            for name, client in sockets.items():
                tid = b"%04d" % (n % 10000)
                ms = self.round_trip(client, tid, self.query(name, tid))
                os.write(pipe, b"%s %s\n" % (name.encode(), b"lost" if ms is None else b"%.4f" % ms))
            next_at = max(next_at + 1 / PROBES_PER_S, time.monotonic())
            time.sleep(max(0.0, next_at - time.monotonic()))

    @staticmethod
    def query(name, tid):
        if name == "echo":  # bench/echo.c: how many bytes it wants, behind the tid
            return b"d1:t4:" + tid + b"1:n2:" + (270).to_bytes(2, "little") + b"x" * 78
        return b"d1:ad2:id20:" + PROBER_ID + b"6:target20:" + os.urandom(20) + b"e1:q9:find_node1:t4:" + tid + b"1:y1:qe"

    @staticmethod
    def round_trip(client, tid, query):
        began = time.perf_counter()
        client.send(query)
        while True:
            left = began + LOST_AFTER_S - time.perf_counter()
            if left <= 0 or not select.select([client], [], [], left)[0]:
                return None
            datagram = client.recv(4096)
            if b"1:y1:q" in datagram:  # who never answers pings is a stranger, and gets fewer bytes
                found = re.search(rb"1:t(\d+):", datagram)
                client.send(b"d1:rd2:id20:" + PROBER_ID + b"e" + datagram[found.start():found.end() + int(found.group(1))] +
                            b"1:y1:re")
            elif b"1:t4:" + tid in datagram:
                return (time.perf_counter() - began) * 1000

    def take(self):
        found = {name: ([], 0) for name in self.targets}
        try:
            while True:
                part = os.read(self.pipe, 65536)
                if not part:
                    break
                self.buffer += part
        except BlockingIOError:
            pass
        *lines, self.buffer = self.buffer.split(b"\n")
        for line in lines:
            name, ms = line.decode().split()
            times, lost = found[name]
            found[name] = (times, lost + 1) if ms == "lost" else (times + [float(ms)], lost)
        return found

    def stop(self):
        os.kill(self.pid, 9)
        os.waitpid(self.pid, 0)
