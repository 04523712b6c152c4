"""kad beside js-libp2p as nodes of libp2p's network: what an answer and a handshake cost the server, memory with many connections,
and how long it takes to provide and to find providers among fifty nodes.

Both servers stand in one network with the same contacts and are asked in turn by the same client (bench/libp2p.c), on a core of
their own. The network is all of it kad, a daemon each, and then all of it js, in one process.
"""
import hashlib
import http.client
import json
import os
import socket
import statistics
import sys
import subprocess
import tempfile
import time

import servers
from servers import note

LOAD_CORE = 0
CONTACTS = 24
KEYS = 200
SHAPES = {  # connections, streams at once on each, questions on a stream
    "one connection": (1, 16, 1),
    "one, 16 questions a stream": (1, 16, 16),
    "64 connections": (64, 4, 1),
}
TARGETS = {"handshake": 500, "find_node": 20, "get_providers": 20}  # us of the server's
MEMORY_MB, FIRST_MS, PROVIDE_MS = 40, 15, 60
WAITS = ("provide", "first", "all")
NAMES = ("kad", "js-libp2p")


def world(programs):
    """tests/libp2p's helpers, which start both."""
    os.environ["KAD"] = programs.kad
    sys.path.insert(0, os.path.join(os.path.dirname(servers.BENCH), "tests", "libp2p"))
    import libp2p_world
    return libp2p_world


def missing(programs):
    try:
        node = world(programs).NODE
    except ImportError as error:
        return str(error)
    return None if os.access(node, os.X_OK) else f"{node} is missing (tools/install-deps bench)"


def pin(pid, core):
    for thread in os.listdir(f"/proc/{pid}/task"):
        os.sched_setaffinity(int(thread), {core})


def ahead(pid):
    """Before all else that runs here, or one of two that wait for one another waits for others, too."""
    for thread in os.listdir(f"/proc/{pid}/task"):
        os.sched_setscheduler(int(thread), os.SCHED_RR, os.sched_param(1))


def anonymous_mb(pid):
    with open(f"/proc/{pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("RssAnon")) / 1024


class Server:
    def __init__(self, programs, name, pid, port, address):
        self.programs, self.name, self.pid, self.port, self.address = programs, name, pid, port, address

    def command(self, mode, *options):
        return [self.programs.path("libp2p"), mode, "--to", f"127.0.0.1:{self.port}", "--pid", str(self.pid), "--core",
                str(LOAD_CORE), "--keys", str(KEYS)] + [str(o) for o in options]

    def load(self, mode, *options, limit=300):
        ahead_of = (lambda: os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1)))
        try:
            done = subprocess.run(self.command(mode, *options), capture_output=True, text=True, timeout=limit,
                                  preexec_fn=ahead_of)
        except subprocess.TimeoutExpired:
            return {"error": f"no end within {limit} s"}
        if done.returncode:
            return {"error": (done.stderr.strip() or f"status {done.returncode}")[-200:]}
        return json.loads(done.stdout.splitlines()[-1])


class World:
    """A kad and a js-libp2p, and small nodes that both know."""

    def __init__(self, programs, folder, core):
        self.of = world(programs)
        self.kad = self.of.KadPeer(folder, "kad", "--set", "libp2p_max_connections=1500", "--store", "mem")
        self.js = self.of.JsNodes(folder)
        node = self.js.start(connections=2000)
        self.servers = [
            Server(programs, "kad", self.kad.process.pid, self.kad.port, self.kad.address),
            Server(programs, "js-libp2p", self.js.process.pid, int(node.address.split("/")[4]), node.address)]
        self.contacts = [self.of.KadPeer(folder, f"contact{i}", "--store", "mem",
                                         bootstrap=[server.address for server in self.servers])
                         for i in range(CONTACTS)]
        self.of.eventually("js has its contacts", lambda: len(node.call("table")["peers"]) >= 20)
        self.of.eventually("kad has its contacts", lambda: self.kad.contacts() >= 20)
        for server in self.servers:
            pin(server.pid, core)
            ahead(server.pid)

    def stop(self):
        for peer in self.contacts + [self.kad]:
            peer.process.terminate()
        for peer in self.contacts + [self.kad]:
            peer.stop()
        self.js.stop()


def serve(world_of, found, quick):
    seconds = 0.5 if quick else 1.0
    for server in world_of.servers:
        server.load("fill", "--times", 2)
    for ask in ("find_node", "get_providers"):
        for shape, (connections, window, per_stream) in SHAPES.items():
            for _ in range(1 if quick else 3):
                for server in world_of.servers:
                    found["serve"].setdefault(f"{ask}, {shape}", {}).setdefault(server.name, []).append(server.load(
                        ask, "--connections", connections, "--window", window, "--per-stream", per_stream, "--seconds", seconds))
            tell(found["serve"], f"{ask}, {shape}", "us")
    for _ in range(1 if quick else 3):
        for server in world_of.servers:
            found["serve"].setdefault("handshake", {}).setdefault(server.name, []).append(
                server.load("handshake", "--window", 8, "--seconds", 2 * seconds))
    tell(found["serve"], "handshake", "us")


def memory(world_of, found, quick):
    for server in world_of.servers:
        n = 1000 if server.name == "kad" or not quick else 200
        before = anonymous_mb(server.pid)
        client = subprocess.Popen(server.command("idle", "--connections", n), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                  text=True)
        said = json.loads(client.stdout.readline() or "{}")
        found["memory"][server.name] = {"before": before, "with": anonymous_mb(server.pid), "connections": said.get("open", 0)}
        client.communicate(timeout=60)
    note("  memory: " + ", ".join(f"{name} {m['before']:.1f} MB, {m['with']:.1f} with {m['connections']} connections"
                                  for name, m in found["memory"].items()))


# -- fifty nodes -----------------------------------------------------------------------------------------------------------


class Unix(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=60)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.connect(self.path)


def asked(peer, method, path, body=None):
    """The answer of a daemon's API and how many ms it took."""
    client = Unix(peer.socket)
    client.connect()
    begun = time.perf_counter()
    client.request(method, path, json.dumps(body) if body else None, {"Content-Type": "application/json"} if body else {})
    answer = json.loads(client.getresponse().read())
    took = (time.perf_counter() - begun) * 1000
    client.close()
    return answer, took


def contents(n):
    return [hashlib.sha256(b"content %d" % i).hexdigest() for i in range(n)]


def strangers(of, peers, content):
    """Of these, who is not told of it: the others have what they are asked for."""
    key = of.place(b"\x12\x20" + bytes.fromhex(content))
    return sorted(peers, key=lambda peer: of.place(of.unbase58(peer.peer)) ^ key)[20:]


def kad_network(programs, folder, n, turns):
    of = world(programs)
    times = {what: [] for what in WAITS}
    peers = [of.KadPeer(folder, "net0", "--store", "mem")]
    peers += [of.KadPeer(folder, f"net{i}", "--store", "mem", bootstrap=[peers[0].address]) for i in range(1, n)]
    of.eventually("the nodes know one another", lambda: all(peer.contacts() >= min(20, n - 1) for peer in peers))
    for pid in [peer.process.pid for peer in peers] + [os.getpid()]:
        ahead(pid)
    for i, content in enumerate(contents(turns)):
        key = "provider:" + content
        said, took = asked(peers[i % n], "POST", "/api/dht/put", {"key": key})
        of.check(said.get("stored", 0) > 0, "nobody was told", said)
        times["provide"].append(took)
        others = [peer for peer in strangers(of, peers, content) if peer is not peers[i % n]]
        said, took = asked(others[-1], "GET", f"/api/dht/get?key={key}&first=true")
        of.check(said.get("providers"), "not found", said)
        times["first"].append(took)
        said, took = asked(others[-2], "GET", f"/api/dht/get?key={key}")
        of.check(said.get("providers"), "not found", said)
        times["all"].append(took)
    os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    for peer in peers:
        peer.process.terminate()
    for peer in peers:
        peer.stop()
    return times


def patiently(call, *arguments, **more):
    """All of js is in one process, and on a busy machine one of its nodes may give another up."""
    for patience in (2, 1, 0):
        try:
            return call(*arguments, **more)
        except Exception:
            if not patience:
                raise


def js_network(programs, folder, n, turns):
    of = world(programs)
    times = {what: [] for what in WAITS}
    js = of.JsNodes(folder, "js-net")
    ahead(js.process.pid)
    nodes = [js.start() for _ in range(n)]
    for node in nodes[1:]:
        patiently(node.call, "dial", address=nodes[0].address)
    for node in nodes:
        patiently(js.look_for_themselves, [node])
    known = [len(node.call("table")["peers"]) for node in nodes]
    of.check(min(known) >= min(20, n - 1), "they do not know one another:", known)
    for i, content in enumerate(contents(turns)):
        cid = of.cid_of(bytes.fromhex(content))
        times["provide"].append(nodes[i % n].call("provide", cid=cid)["all"])
        others = [node for node in strangers(of, nodes, content) if node is not nodes[i % n]]
        said = others[-1].call("providers", cid=cid)
        of.check(said["providers"], "not found", said)
        times["first"].append(said["first"])
        times["all"].append(others[-2].call("providers", cid=cid)["all"])
    js.stop()
    return times


def network(programs, folder, found, quick):
    turns = 10 if quick else 30
    for name, n, measure in (("kad", 50, kad_network), ("js-libp2p", 30 if quick else 50, js_network)):
        found["network"][name] = dict(measure(programs, folder, n, turns), nodes=n)
        note(f"  network of {n} {name}: " + ", ".join(f"{what} {statistics.median(found['network'][name][what]):.1f} ms"
                                                      for what in WAITS))


# -- what came of it -------------------------------------------------------------------------------------------------------


def middle(rounds, key):
    good = [r[key] for r in rounds if key in r]
    return statistics.median(good) if good else None


def tell(found, what, unit):
    note(f"  {what}: " + ", ".join(
        f"{name} {middle(rounds, 'cpu_us'):.1f} {unit}, {middle(rounds, 'per_second'):.0f}/s" if middle(rounds, "cpu_us")
        else f"{name} {rounds[-1].get('error')}" for name, rounds in found[what].items()))


def run(programs, core, quick):
    found = {"serve": {}, "memory": {}, "network": {}}
    with tempfile.TemporaryDirectory(prefix="kad-bench-libp2p-", ignore_cleanup_errors=True) as folder:
        both = World(programs, folder, core)
        try:
            memory(both, found, quick)
            serve(both, found, quick)
        finally:
            both.stop()
        network(programs, folder, found, quick)
    return found


def report(found, table):
    def cell(rounds):
        if not rounds or middle(rounds, "cpu_us") is None:
            return "failed: " + (rounds[-1].get("error", "?") if rounds else "?")
        return f"{middle(rounds, 'cpu_us'):,.1f} us, {middle(rounds, 'per_second'):,.0f}/s"

    rows = [[what] + [cell(by.get(name)) for name in NAMES] for what, by in found["serve"].items()]
    text = "## libp2p: the server's CPU for an answer, answers a second from one core\n\n" + table(["", *NAMES], rows)
    rows = [[f"{m['connections']} connections beside {m['before']:.1f} MB", name, f"{m['with']:.1f}",
             f"{(m['with'] - m['before']) * 1024 / max(1, m['connections']):.1f}"] for name, m in found["memory"].items()]
    text += "\n## libp2p: memory, anonymous MB\n\n" + table(["", "server", "MB", "KiB a connection"], rows)
    rows = [[f"{times['nodes']} of {name}"] + [f"{statistics.median(times[what]):.1f} ({max(times[what]):.1f})" for what in WAITS]
            for name, times in found["network"].items()]
    return text + "\n## libp2p: a network's times, ms, median (most)\n\n" + table(
        ["", "provide", "first provider", "all that are there"], rows)


def judged(found):
    """(what, figure, limit) of kad's."""
    rows = []
    for what, by in found["serve"].items():
        cost = middle(by["kad"], "cpu_us")
        if cost is not None:
            rows.append((f"libp2p {what}, us", cost, TARGETS[what.split(",")[0]]))
    if found["memory"].get("kad", {}).get("connections", 0) >= 1000:
        rows.append(("libp2p with 1,000 connections, MB", found["memory"]["kad"]["with"], MEMORY_MB))
    times = found["network"]["kad"]
    rows.append(("libp2p, 50 nodes: provide, ms, p50", statistics.median(times["provide"]), PROVIDE_MS))
    rows.append(("libp2p, 50 nodes: first provider, ms, p50", statistics.median(times["first"]), FIRST_MS))
    return rows
