#!/usr/bin/python3
# timeout 600
"""kad doctor: every cause of docs/troubleshooting.md is brought about in a network of its own, and named with its remedy; a
healthy network raises no alarm. kad get --explain and --wait. tests/doctor_world.py has the tools."""
import copy
import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from doctor_world import FakeDaemon, Wire, alone, heal, misbehave, nft, within  # noqa: E402
from program import KAD, ROOT, Node, check, eventually, kad, main  # noqa: E402

DONE, FOUND_SOMETHING, USAGE, NO_ANSWER = range(4)
QUIET = ("--api", "none", "--metrics", "none")
PATHS = ("/api/node", "/api/network/stats", "/api/network/table", "/api/settings", "/api/evidence")


class Findings:
    def __init__(self, result):
        self.code, self.json = result.code, result.json
        self.checks = {one["name"]: one for one in result.json["checks"]}

    def expect(self, name, states, cause="", remedy=""):
        one = self.checks[name]
        check(one["state"] in states.split(), name, "is", one)
        check(re.search(cause, one["cause"] or ""), name, "does not name", cause, one)
        check(re.search(remedy, one["remedy"] or ""), name, "does not advise", remedy, one)
        return one

    def alarms(self):
        return [one for one in self.checks.values() if one["state"] in ("warning", "problem")]


def doctor(*arguments, prefix=()):
    command = list(prefix) + [KAD, "--json", "doctor"] + [str(one) for one in arguments]
    done = subprocess.run(command, capture_output=True, timeout=120)
    error = done.stderr.decode()
    check("Sanitizer" not in error and "runtime error" not in error, error)

    class Result:
        code, json = done.returncode, None
    check(done.stdout.startswith(b"{"), command, done.returncode, done.stdout, error)
    Result.json = json.loads(done.stdout)
    return Findings(Result)


def of(node, *arguments):
    return doctor("--node", node.data, "--patience", "1", *arguments)


def network(folder, name, first, n, *more):
    """n nodes at loopback addresses from `first` on."""
    net = Node(folder, name, "--nodes", str(n), "--listen", first, *QUIET, *more)
    return net.await_ready(min(n - 1, 8))


def member(folder, name, address, bootstraps, *more):
    arguments = [part for one in bootstraps for part in ("--bootstrap", one)]
    return Node(folder, name, "--listen", address, *arguments, *QUIET, *more)


THREE = ["127.20.0.1:7000", "127.20.0.2:7000", "127.20.0.3:7000"]


# ---------------------------------------------------------------- nothing wrong


def healthy(folder, net):
    node = member(folder, "healthy", "127.21.0.1:7000", THREE).await_ready(8)
    key = net.kad("put", "something").out.decode().strip()
    node.kad("get", key)
    eventually("others have asked it something", lambda: sum(node.ask("stats")["queries_in"].values()))
    found = of(node)
    check(found.code == DONE and found.json["verdict"] == "healthy", found.alarms())
    check(found.json["problems"] == found.json["warnings"] == 0 and not found.alarms(), found.alarms())
    sure = [name for name, one in found.checks.items() if one["state"] == "ok"]
    check(len(sure) >= len(found.checks) - 2, "too much is unknown:", set(found.checks) - set(sure))
    text = node.kad("doctor").out.decode()
    check("healthy: 0 problems, 0 warnings" in text and "\033" not in text, text)
    return node


def documented(found):
    """docs/troubleshooting.md names every check there is, and no other."""
    with open(os.path.join(ROOT, "docs", "troubleshooting.md")) as file:
        text = file.read()
    named = set(re.findall(r"^### `([a-z-]+)`", text, re.M))
    check(named == set(found.checks), "documented and not there, or there and not documented:",
          named ^ set(found.checks))
    for row in re.findall(r"^\| .* \| (.*) \|$", text, re.M):
        for name in re.findall(r"`([a-z-]+)`", row):
            check(name in found.checks or name.startswith("kad"), "the tables name", name)
    causes = re.findall(r"^\| (?:cause|solution) \|", text, re.M)
    check(len(causes) == 24, "seed 001 has 12 causes and 12 solutions, there are", len(causes))


# ---------------------------------------------------------------- cannot bootstrap


def no_network(folder):
    """A namespace in which not even loopback is up has no network; one with an interface and no route, no way."""
    subprocess.run(["ip", "netns", "add", "bare"], check=True)
    found = doctor("--node", folder, "--bootstrap", "45.1.0.1:7000", prefix=within("bare"))
    check(found.code == NO_ANSWER, "no node runs, and it exits", found.code)
    found.expect("network", "problem", "no network", "ip link")
    found.expect("daemon", "problem", "no node runs", "kad node")
    for command in ("link add d0 type veth peer name d1", "addr add 192.168.77.1/24 dev d0", "link set d0 up", "link set d1 up"):
        subprocess.run(["ip", "-n", "bare"] + command.split(), check=True)
    doctor("--node", folder, "--bootstrap", "45.1.0.1:7000", prefix=within("bare")).expect(
        "network", "problem", "no route", "ip route")


def bad_bootstraps(folder):
    misbehave("garbage", ["127.22.0.1:7000"])
    nft("ip daddr 127.22.0.2 drop")
    node = member(folder, "lost", "127.22.0.9:7000", ["127.22.0.1:7000", "127.22.0.2:7000", "127.22.0.3:7000",
                                                     "nowhere.invalid:7000", "127.22.0.9:7000"])
    eventually("its socket", lambda: os.path.exists(node.socket))
    found = of(node)
    heal()
    check(found.code == FOUND_SOMETHING and found.json["verdict"] == "isolated", found.json["verdict"])
    one = found.expect("bootstrap", "problem", "", "bootstrap")
    for cause in (r"127.22.0.1:7000: something answers that does not speak", r"127.22.0.2:7000: no answer",
                  r"127.22.0.3:7000: nobody listens", r"nowhere.invalid:7000: the name does not resolve",
                  r"127.22.0.9:7000: that is this node itself"):
        check(re.search(cause, one["cause"]), cause, "is not in", one["cause"])
    found.expect("contacts", "problem", "knows nobody", "bootstrap")
    node.stop()

    alone_one = member(folder, "nobody", "127.22.0.10:7000", [])
    eventually("its socket", lambda: os.path.exists(alone_one.socket))
    of(alone_one).expect("bootstrap", "problem", "no bootstrap", "--bootstrap")
    alone_one.stop()


def firewalls(folder, node):
    nft("ip daddr 127.20.0.0/16 udp dport 7000 drop", "output")
    found = of(node)
    heal()
    found.expect("firewall-out", "problem", "firewall on this machine forbids", "nft add rule inet filter output")
    nft("ip daddr 127.20.0.0/16 udp dport 7000 drop")
    found = of(node)
    heal()
    found.expect("firewall-out", "problem", "drops UDP on its way out", "nft add rule")
    check(found.code == FOUND_SOMETHING, found.code)
    of(node).expect("firewall-out", "ok")

    # Queries begin with "d1:a": what a firewall that only lets answers in does, without its memory.
    nft("ip daddr 127.21.0.2 udp dport 7100 @th,64,32 0x64313a61 drop")
    shut = member(folder, "shut", "127.21.0.2:7100", THREE).await_ready(8)
    eventually("it is old enough", lambda: shut.ask("status")["uptime"] >= 2)
    found = of(shut)
    found.expect("firewall-in", "problem", "incoming UDP is blocked", "nft add rule inet filter input udp dport 7100 accept")
    check(found.checks["firewall-out"]["state"] == "ok", found.checks["firewall-out"])
    doctor("--node", shut.data).expect("firewall-in", "unknown")  # five minutes are not over
    heal()
    shut.stop()


# ---------------------------------------------------------------- over the wire: NAT, latency, timeouts, loss, one network


def over_the_wire(folder):
    wire = Wire()
    wire.address("near", "46.0.0.1")
    far = ["45.%d.0.1" % i for i in range(1, 5)]
    for address in far:
        wire.address("far", address)
    bootstraps = [address + ":7000" for address in far]
    swarm = misbehave("answer", bootstraps, within("far"))

    def start(name, listen, *more, to=bootstraps):
        arguments = [part for one in to for part in ("--bootstrap", one)]
        node = object.__new__(Node)
        node.data = os.path.join(folder, name)
        node.socket, node.log = os.path.join(node.data, "kad.sock"), node.data + ".log"
        with open(node.log, "ab") as log:
            node.process = subprocess.Popen([*within("near"), KAD, "node", "--data-dir", node.data, "--listen", listen,
                                             *QUIET, *arguments, *more], stdout=log, stderr=log)
        eventually("the node's socket", lambda: os.path.exists(node.socket))
        return node

    def examine(node, *more):
        return doctor("--node", node.data, "--patience", "1", *more, prefix=within("near"))

    node = start("wired", "46.0.0.1:7000", "--set", "address_quorum=1")
    node.await_ready(4)
    found = examine(node)
    check("one network" not in (found.checks["configuration"]["cause"] or ""), found.checks["configuration"])
    found.expect("port", "ok")
    found.expect("latency", "ok")
    found.expect("congestion", "ok")

    subprocess.run(["ip", "-n", "near", "link", "set", "t-near", "mtu", "1000"], check=True)
    examine(node).expect("network", "warning", "fragments", "MTU of 1280")
    subprocess.run(["ip", "-n", "near", "link", "set", "t-near", "mtu", "1500"], check=True)

    wire.delay_s = 0.3
    found = examine(node, "--patience", "300")  # these nodes ask nobody anything
    found.expect("latency", "warning", "high latency", "alpha")
    check(found.code == DONE and found.json["verdict"] == "degraded", found.json["verdict"], found.alarms())
    found.expect("timeouts", "ok")
    node.stop()
    wire.delay_s = 0.4
    hasty = start("hasty", "46.0.0.1:7001", "--set", "query_timeout=500ms", "--set", "patience_max=400ms")
    eventually("it has waited in vain", lambda: hasty.ask("stats")["timeouts"] >= 4)
    found = examine(hasty)
    one = found.expect("timeouts", "problem", "too short", r"kad config set query_timeout \d+ms")
    measured = int(re.search(r"percentile of round trips (\d+) ms", one["evidence"]).group(1))
    advised = int(re.search(r"query_timeout (\d+)ms", one["remedy"]).group(1))
    check(measured >= 800 and 3 * measured <= advised < 3 * measured + 100, "measured", measured, "advised", advised)
    hasty.kad("config", "set", "query_timeout", "%dms" % advised)  # P118: and it helps
    hasty.await_ready(4)
    hasty.stop()
    wire.delay_s = 0

    lossy = start("lossy", "46.0.0.1:7002")
    lossy.await_ready(4)
    wire.loss = 0.2
    examine(lossy).expect("congestion", "warning problem", "congestion", "alpha")
    wire.loss = 0
    lossy.stop()

    for rule in ("add table ip nat", "add chain ip nat out { type nat hook postrouting priority 100; }",
                 "add rule ip nat out meta l4proto udp masquerade to :20000-30000 random"):
        subprocess.run([*within("near"), "nft", rule], check=True)
    behind = start("behind", "46.0.0.1:7003", "--set", "address_quorum=1")
    behind.await_ready(4)
    eventually("it knows how others see it", lambda: behind.ask("status")["outside_address"])
    examine(behind).expect("port", "warning", "NAT translates ports", "forward UDP port 7003")
    behind.stop()
    heal(within("near"))
    inner = start("inner", "127.0.0.1:7004")
    examine(inner).expect("port", "problem", "loopback only", "listen")
    inner.stop()

    near_each_other = ["47.0.0.%d" % i for i in range(1, 13)]
    for address in near_each_other:
        wire.address("far", address)
    crowd = misbehave("answer", [address + ":7000" for address in near_each_other], within("far"))
    narrow = start("narrow", "46.0.0.1:7005", to=[address + ":7000" for address in near_each_other[:3]])
    eventually("some are kept out", lambda: narrow.ask("stats")["table_limited"] > 0)
    examine(narrow).expect("diversity", "problem", "too few networks", "narrow_per_table")
    narrow.stop()
    wide = start("wide", "46.0.0.1:7006", "--set", "narrow_per_table=0", "--set", "narrow_per_bucket=0", "--set",
                 "wide_per_table=0", "--set", "wide_per_bucket=0", to=[address + ":7000" for address in near_each_other])
    wide.await_ready(8)
    found = examine(wide)
    found.expect("diversity", "warning", "one network", "bootstraps in other networks")
    found.expect("configuration", "warning", "all bootstraps stand in one network", "in other networks too")
    check("event=few_networks" in open(wide.log).read(), "it did not say that all stand in one network")  # K47, K49
    wide.stop()
    swarm.kill()
    crowd.kill()


# ---------------------------------------------------------------- slow lookups, a table that does not hold


def overloaded(folder):
    misbehave("half", ["127.23.0.1:7000"])
    misbehave("error", ["127.23.0.2:7000"])
    found = doctor("--node", folder, "--bootstrap", "127.23.0.1:7000", "--bootstrap", "127.23.0.2:7000", "--bootstrap", THREE[0])
    found.expect("bootstrap-load", "warning", r"127.23.0.1:7000 \(2 of 4 .*127.23.0.2:7000 \(0 of 4 pings answered, 4 refused",
                 "add more `bootstrap` nodes")
    check(THREE[0] not in found.checks["bootstrap-load"]["cause"], found.checks["bootstrap-load"])


def interfered(_, node):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as attacker:
        host, port = node.ask("status")["listening"][0].rsplit(":", 1)
        before = node.ask("stats")["dropped"]["malformed"]
        n = max(400, node.ask("stats")["accepted"])
        for i in range(n):
            attacker.sendto(b"d1:ad2:id20:broken", (host, int(port)))
            if i % 100 == 99:
                time.sleep(0.01)
        eventually("they were dropped", lambda: node.ask("stats")["dropped"]["malformed"] - before >= n // 2)
    of(node).expect("interference", "warning problem", "interference", "enforce_id")


def surrounded(folder):
    """Nodes whose ids begin as the node's own does, 64 bits of them."""
    victim = member(folder, "victim", "127.21.0.3:7000", THREE).await_ready(8)
    node_id = victim.ask("status")["node_id"]
    of(victim).expect("interference", "ok")
    victim.stop()
    near = ["127.27.0.%d:7000" % i for i in range(1, 6)]
    crowd = misbehave(node_id, near)
    victim = member(folder, "victim", "127.21.0.3:7000", THREE + near)

    def met():
        check(victim.ask("status")["node_id"] == node_id, "it has another id")
        return sum(row["address"].startswith("127.27.") for row in victim.ask("table")["rows"]) >= 3

    victim.await_ready(8)
    eventually("they are in its table", met)
    of(victim).expect("interference", "warning", "eclipse", "enforce_id")
    eventually("it says so by itself", lambda: "event=crowded" in open(victim.log).read())  # P084
    victim.stop()
    crowd.kill()


def churned(folder):
    """Some leave: first their absence shows, then, once the node has looked after all of them, the coming and going."""
    node = member(folder, "watcher", "127.21.0.4:7000", THREE, "--set", "max_failures=1").await_ready(8)
    guests = network(folder, "guests", "127.24.0.1:7000", 40, "--bootstrap", "127.21.0.4:7000")

    def met():
        node.kad("closest", "%040x" % random.getrandbits(160))
        return sum(row["address"].startswith("127.24.") for row in node.ask("table")["rows"] if not row["replacement"])

    eventually("it knows the guests", lambda: met() >= 20)
    guests.stop(signal.SIGKILL)
    of(node).expect("availability", "warning", "less than 70 %", "ping_after")
    node.kad("config", "set", "dead_percent", "0", "query_timeout", "500ms", "refresh_pace", "10ms",
             "ping_after", "1s")
    eventually("the guests are gone", lambda: node.ask("stats")["table_removed"] >= 15)
    of(node).expect("churn", "warning", "churn", "ping_after 2m")
    node.stop()


def parted(folder):
    """A part of the network goes out of reach, and the size that is seen falls."""
    net = network(folder, "large", "127.25.0.1:7000", 60)
    node = member(folder, "side", "127.25.1.1:7000", ["127.25.0.1:7000", "127.25.0.2:7000", "127.25.0.3:7000"], "--set",
                  "dead_percent=0", "--set", "query_timeout=300ms", "--set", "patience_max=200ms", "--set", "max_failures=1",
                  "--set", "refresh_pace=20ms", "--set", "ping_after=1s", "--set", "refresh_after=1s").await_ready(8)
    eventually("it knows how large the network is", lambda: (node.ask("status")["network_size"]["ipv4"] or 0) >= 30)
    of(node).expect("partition", "ok")
    nft("ip saddr 127.25.0.9-127.25.0.255 ip daddr 127.25.1.1 drop")
    eventually("the estimate has fallen", lambda: (node.ask("status")["network_size"]["ipv4"] or 0) < 14)
    found = of(node)
    found.expect("partition", "warning problem", "out of reach", "bootstrap")
    heal()
    node.stop()
    net.stop()


# ---------------------------------------------------------------- the node itself


BAD = {
    "alpha = 90": "alpha",  # refused by the reader: a problem, with line and reason
    "put_again = 3h": "put_again is not shorter",
    "announce_again = 2h": "announce_again is not shorter",
    "query_timeout = 200ms": "query_timeout is under half a second",
    "patience_max = 30s": "patience_max is longer",
    "request_timeout = 1s": "request_timeout is shorter",
    "k = 2": "k is under 4",
    "alpha = 20": "alpha is larger than k",
    "replicas = 20": "replicas is larger than k",
    "max_failures = 1": "max_failures is 1",
    "dead_percent = 0\nrefresh_after = 6h": "refresh_after is over three hours",
    "unproven_gain = 0": "unproven_gain is 0",
    "read_only = yes": "read_only",
    "listen = 0.0.0.0:0": "listen has port 0",
    "bootstrap = %s" % THREE[0]: "fewer than three bootstraps",
}


def misconfigured(folder):
    three = "".join("bootstrap = %s\n" % one for one in THREE)
    path = os.path.join(folder, "bad.conf")
    for line, cause in BAD.items():
        with open(path, "w") as file:
            file.write(line + "\n" + ("" if "bootstrap" in line else three))
        one = doctor("--node", folder, "--config", path).expect("configuration", "warning problem", re.escape(cause), ".")
        check(line != "alpha = 90" or one["state"] == "problem" and "bad.conf:1" in one["cause"], one)
    with open(path, "w") as file:
        file.write(three)
    doctor("--node", folder, "--config", path).expect("configuration", "ok")


def full_store(folder):
    node = member(folder, "small", "127.21.0.5:7000", THREE, "--set", "store_max_bytes=4000", "--store", "mem").await_ready(8)
    of(node).expect("store", "ok")
    giver = member(folder, "giver", "127.21.0.6:7000", ["127.21.0.5:7000"]).await_ready(1)

    def full():
        for _ in range(10):
            giver.kad("put", "x" * 900 + str(time.monotonic()), expect=None)
        return of(node).checks["store"]["state"] != "ok"

    eventually("its store is full", full)
    of(node).expect("store", "warning", "store is full", "store_max_bytes")
    giver.stop()
    node.stop()


def told(folder, node):
    """What cannot be brought about here: a real node's answers with one thing changed."""
    answers = {}
    for path in PATHS:
        done = subprocess.run(["curl", "-sS", "--fail", "--unix-socket", node.socket, "http://localhost" + path],
                              capture_output=True, check=True)
        answers[path] = json.loads(done.stdout)
    stories = (
        ("clock", "warning", "clock of this machine was set", "timedatectl", {"/api/evidence": {"clock_moved_ms": 90000}}),
        ("store", "problem", "disk fails", "df -h", {"/api/network/stats": {"store_errors": 3}}),
        ("load", "problem", "cannot keep up", "CPU", {"/api/node": {"load_percent": 60}}),
        ("load", "warning", "at times it could not keep up", "shed",
         {"/api/network/stats": {"dropped": dict(answers["/api/network/stats"]["dropped"], shed=9)}}),
        ("publications", "problem", "not published again", "get KEY --explain",
         {"/api/node": {"publications": 2, "peer_count": 0, "ready": False}}),
        ("partition", "problem", "everybody it knew is gone", "link",
         {"/api/node": {"peer_count": 0}, "/api/evidence": {"warnings": {"few_contacts": {"count": 1, "last_at": None}}}}),
        ("contacts", "warning", "few peers", "bootstrap",
         {"/api/node": {"peer_count": 3, "network_size": {"ipv4": 900, "ipv6": None}}}),
        ("firewall-in", "warning", "only nodes it has asked before", "forward UDP",
         {"/api/node": {"network_size": {"ipv4": 100000, "ipv6": None}}, "/api/network/stats": {"strangers_in": 0}}),
        ("daemon", "problem", "has not joined", "bootstrap", {"/api/node": {"ready": False, "uptime": 100}}),
    )
    for i, (name, state, cause, remedy, changes) in enumerate(stories):
        changed = copy.deepcopy(answers)
        for path, fields in changes.items():
            changed[path].update(fields)
        fake = FakeDaemon(os.path.join(folder, "fake%d" % i), changed)
        doctor("--node", fake.path, "--patience", "1", "--timeout", "1").expect(name, state, cause, remedy)


def reported(folder, node):
    key = node.kad("put", "a secret", "--keep").out.decode().strip()
    public = node.ask("put", "--mutable", "--new-key", "--key-file", os.path.join(folder, "key"), "x", "--keep")["public_key"]
    with open(os.path.join(folder, "key")) as file:
        seed = file.read().strip()
    text = node.kad("doctor", "--report", expect=None).out.decode()
    report = json.loads(text)
    check(report["kad"] == kad("--json", "version").json["version"] and report["running"], report["kad"])
    check(report["settings"]["alpha"] and report["stats"]["messages_sent"] > 0 and len(report["table"]) >= 8, text)
    check(len(report["checks"]) == len(of(node).checks), "checks are missing")
    status = node.ask("status")
    rows = node.ask("table")["rows"]
    for secret in [key, public, seed, status["node_id"], node.data] + [row[field] for row in rows for field in ("id", "address")]:
        check(secret not in text, secret, "is in the report")
    check(not re.search(r"\d+\.\d+\.\d+\.\d+", text), re.findall(r".*\d+\.\d+\.\d+\.\d+.*", text))
    check(not re.search(r"[0-9a-fA-F]{16}", text), re.findall(r".*[0-9a-fA-F]{16}.*", text))
    lost = subprocess.run([KAD, "--node", folder, "doctor", "--report", "--bootstrap", "secret.example.invalid:6881", "--bootstrap",
                           "[fd00::77]:6881"], capture_output=True, text=True, timeout=120).stdout
    check("secret.example" not in lost and "fd00" not in lost and "<hidden>: the name does not resolve" in lost, lost)


# ---------------------------------------------------------------- kad get


def explained(folder, net):
    def explain(node, key, expect):
        answer = node.kad("--json", "get", key, "--explain", expect=expect).json
        return "\n".join(answer["explain"])

    lonely = member(folder, "lonely", "127.21.0.7:7000", [])
    eventually("its socket", lambda: os.path.exists(lonely.socket))
    said = explain(lonely, "1" * 40, None)
    check("there was nobody to ask" in said and "kad doctor" in said, said)
    lonely.stop()
    said = explain(net, "1" * 40, FOUND_SOMETHING)
    check("none has it" in said and "never stored, or it has expired" in said and "publisher has not put it" in said, said)
    key = net.kad("put", "here").out.decode().strip()
    check("found:" in explain(net, key, DONE), "found")
    check("never stored" in net.kad("get", "1" * 40, "--explain", expect=FOUND_SOMETHING).err, "for people")

    short = network(folder, "short", "127.26.0.1:7000", 6, "--set", "record_ttl=3s", "--set", "put_again=1h")
    gone = short.kad("put", "for a moment").out.decode().strip()
    kept = short.kad("put", "published", "--keep").out.decode().strip()
    five = ["--mutable", "--new-key", "--key-file", os.path.join(folder, "seq-key")]
    newest = short.ask("put", *five, "--seq", "5", "five")["key"]
    for key in (gone, kept, newest):
        eventually("it has expired", lambda key=key: short.kad("--json", "get", key, expect=None).code == FOUND_SOMETHING)
    said = explain(short, gone, FOUND_SOMETHING)
    check(re.search(r"expired at \d{4}-\d\d-\d\dT", said) and "it was put from here at" in said, said)
    said = explain(short, kept, FOUND_SOMETHING)
    check(re.search(r"this node publishes it: last put at \d{4}.*, at [1-9]\d* nodes", said), said)
    short.kad("put", *five, "--seq", "3", "three")
    said = explain(short, newest, DONE)
    check("only an older value was found: sequence number 3, and 5 was met" in said, said)

    # The holders do not answer: what is seen is silence, and said to be that.
    nft("ip daddr 127.26.0.2-127.26.0.255 drop")
    said = explain(short, "2" * 40, None)
    check("none of" in said and "answered" in said, said)
    heal()
    short.stop()


def waited(folder, net):
    """Partition and heal: a get that waits finds what it could not find before."""
    node = member(folder, "waiting", "127.21.0.8:7000", THREE, "--set", "query_timeout=500ms", "--set",
                  "request_timeout=3s", "--read-only").await_ready(8)  # it holds no copy itself
    key = net.kad("put", "beyond the gap").out.decode().strip()
    nft("ip daddr 127.21.0.8 udp dport 7000 drop")
    check(node.kad("--json", "get", key, expect=None).code in (FOUND_SOMETHING, NO_ANSWER), "there is no gap")
    begun = time.monotonic()
    check(node.kad("--json", "get", key, "--wait", "2", expect=None).code in (FOUND_SOMETHING, NO_ANSWER), "found, with a gap")
    check(time.monotonic() - begun >= 2, "it has not waited")
    healer = threading.Timer(3, heal)
    healer.start()
    check(node.kad("get", key, "--wait", "100").out == b"beyond the gap", "it came back and was not found")
    healer.join()
    node.stop()


def test(folder):
    net = network(folder, "net", THREE[0], 24)
    node = healthy(folder, net)
    documented(of(node))
    for step, *arguments in (
            (no_network,), (bad_bootstraps,), (firewalls, node), (over_the_wire,), (overloaded,), (misconfigured,), (told, node),
            (reported, node), (interfered, node), (surrounded,), (churned,), (parted,), (full_store,), (explained, net), (waited, net)):
        begun = time.monotonic()
        step(folder, *arguments)
        print("%5.1f s  %s" % (time.monotonic() - begun, step.__name__), flush=True)


if __name__ == "__main__":
    alone(lambda: main(test))
