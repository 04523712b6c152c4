"""The HTTP face under load while the DHT is served: what each costs the other.

Round by round, all on one server core: nothing, 500 slow clients, wrk as fast as it goes. In each, a prober asks `ping`
at a steady pace and takes the round trips, and bench-load asks as fast as it is answered. The prober runs ahead of
everything else on its core, so what it measures is the server's doing.
"""
import os
import re
import shutil
import socket
import statistics
import subprocess
import time

import servers
from servers import note

API = ("127.0.0.1", 18080)
SLOW = 500
PATHS = ["/healthz", "/api/network/peers", "/api/network/stats"]
PING = b"d1:ad2:id20:probeprobeprobeprobee1:q4:ping1:t4:%s1:y1:qe"


class Face(servers.Kad):
    name = "kad"
    options = ["--api", "%s:%d" % API, "--metrics", "none", "--set", "api_max_connections=2000"]


def probe(server, seconds, every=0.002):
    """Round trips of pings in ms, in order of size, and how many were lost."""
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(10))
    except PermissionError:
        pass
    client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    client.bind(("127.64.0.2", 0))
    client.connect((server.host, server.port))
    client.settimeout(0.5)
    times, lost = [], 0
    end, n = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        n += 1
        started = time.perf_counter()
        client.send(PING % (b"%04d" % (n % 10000)))
        try:
            client.recv(2048)
            times.append((time.perf_counter() - started) * 1000)
        except TimeoutError:
            lost += 1
        time.sleep(max(0.0, every - (time.perf_counter() - started)))
    os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    return sorted(times), lost


class SlowClients:
    """A third trickle their request, a third say nothing, a third take their answer byte by byte. Who is cut off comes
    again at once."""

    def __init__(self, n):
        self.clients = [self.new(i) for i in range(n)]
        self.cut = 0

    @staticmethod
    def new(i):
        client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        client.connect(API)
        client.setblocking(False)
        if i % 3 == 0:
            client.send(b"GET /api/node HTTP/1.1\r\nHost: localhost\r\nX: ")
        elif i % 3 == 1:
            client.send(b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n" * 4)
        return client

    def step(self):
        for i, client in enumerate(self.clients):
            try:
                if i % 3 == 0:
                    client.send(b"x")
                if i % 3 == 1 and client.recv(1) == b"":
                    raise ConnectionError
            except BlockingIOError:
                pass
            except ConnectionError:
                client.close()
                self.cut += 1
                self.clients[i] = self.new(i)

    def close(self):
        for client in self.clients:
            client.close()


def slow_clients_forever(pipe):
    """In a process of its own, so that the prober's is not held up."""
    clients = SlowClients(SLOW)
    os.write(pipe, b"r")
    while True:
        clients.step()
        time.sleep(0.5)


def wrk(seconds, path, connections=64):
    done = subprocess.run(["wrk", "-t1", "-c", str(connections), "-d", f"{seconds:g}s", "--latency",
                           "http://%s:%d%s" % (API[0], API[1], path)], capture_output=True, text=True, timeout=seconds + 30)
    found = {"per_second": float(re.search(r"Requests/sec:\s+([\d.]+)", done.stdout).group(1))}
    latency = re.search(r"99%\s+([\d.]+)(us|ms|s)", done.stdout)
    found["p99_ms"] = float(latency.group(1)) * {"us": 0.001, "ms": 1, "s": 1000}[latency.group(2)]
    bad = re.search(r"Non-2xx or 3xx responses: (\d+)", done.stdout)
    found["bad"] = int(bad.group(1)) if bad else 0
    return found


def measured(server, load, seconds):
    times, lost = probe(server, seconds)
    asked = load(server, "ping", "--core", 0, "--seconds", 1, "--port", server.port + 2000)
    return {"p50_ms": statistics.median(times), "p99_ms": times[int(len(times) * 0.99)], "max_ms": times[-1],
            "pings": len(times), "lost": lost, "answers_per_second": asked.get("per_second"),
            "error": asked.get("error") or None}


def during_wrk(server, load, seconds, path):
    command = ["wrk", "-t1", "-c64", "-d", "60s", "http://%s:%d%s" % (API[0], API[1], path)]
    process = servers.start(command, 0, stdout=subprocess.DEVNULL)
    time.sleep(0.5)
    found = measured(server, load, seconds)
    servers.stop(process)
    return found


def during_slow_clients(server, load, seconds):
    ours, theirs = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            slow_clients_forever(theirs)
        finally:
            os._exit(1)
    os.read(ours, 1)
    found = measured(server, load, seconds)
    found["requests_per_second"] = {path: wrk(seconds, path) for path in PATHS}
    os.kill(child, 9)
    os.waitpid(child, 0)
    return found


def run(programs, core, load, quick):
    """{"alone", "slow clients", "wrk PATH": {latencies, answers a second}, "http": {path: requests a second}}"""
    if not shutil.which("wrk"):
        return {"skipped": "wrk is missing"}
    server, seconds = Face(programs, 17900, core), 2 if quick else 6
    if server.missing():
        return {"skipped": server.missing()}
    server.up()
    time.sleep(2)
    found = {"alone": measured(server, load, seconds)}
    found["http"] = {path: wrk(seconds, path) for path in PATHS}
    found["slow clients"] = during_slow_clients(server, load, seconds)
    for path in PATHS:
        found["wrk " + path] = during_wrk(server, load, seconds, path)
    found["alone again"] = measured(server, load, seconds)
    server.down()
    for name, figures in found.items():
        note(f"  {name}: {figures}")
    return found


def report(found, table):
    if "skipped" in found:
        return f"## HTTP beside the DHT\n\nskipped: {found['skipped']}\n"
    rows = [[name, f"{f['p50_ms']:.2f}", f"{f['p99_ms']:.2f}", f"{f['max_ms']:.2f}", str(f["lost"]),
             f"{(f['answers_per_second'] or 0) / 1000:.0f}k"] for name, f in found.items() if name != "http"]
    text = ("## HTTP beside the DHT, on one core\n\n" +
            table(["with", "ping p50 ms", "p99 ms", "worst ms", "lost", "DHT answers/s at most"], rows) + "\n")
    slow = found["slow clients"]["requests_per_second"]
    return text + table(["wrk, 64 connections", "requests/s", "p99 ms", f"requests/s with {SLOW} slow clients", "p99 ms"],
                        [[path, f"{f['per_second']:.0f}", f"{f['p99_ms']:.1f}", f"{slow[path]['per_second']:.0f}",
                          f"{slow[path]['p99_ms']:.1f}"] for path, f in found["http"].items()])
