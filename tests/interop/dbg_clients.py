#!/usr/bin/python3
# timeout 300
"""Three real clients find each other through our nodes alone, and download.

libtorrent, transmission and aria2 are each once the seeder and the other two download from a
magnet link: six downloads, whose sha256 and piece hashes are checked. Tracker, peer exchange and
local discovery are off everywhere; the only DHT nodes a client is told of are ours.

Every client has a network namespace and an address of its own (transmission drops 127/8 as
martian), on a bridge where twelve of our nodes have theirs. A leecher gets its magnet only when our
nodes hold the seeder's announce: a client that looks before would come back only minutes later.
"""

import json
import os
import sys
import threading
import time
import urllib.error
import urllib.request

from harness import (Bridge, Content, Failure, Host, KadNet, KadNode, NotYet, Process, Session, eventually, expect,
                     holders, main, say, standing_in)
import krpc

N_NODES = 12  # transmission looks nothing up before it knows nine
LIMIT_S = 280
PEER_PORT = 6881


class Libtorrent:
    """Told of two of our nodes, which it keeps out of its table; the rest it is introduced to."""

    def __init__(self, folder, host, net):
        self.folder = os.path.join(folder, host.name)
        self.session = Session(folder, host.name, [(host.address, PEER_PORT)], net.bootstraps, host)

    def seed(self, content):
        self.session.request(do="add", folder=self.folder, torrent_path=content.write(self.folder))

    def leech(self, content):
        os.makedirs(self.folder, exist_ok=True)
        self.session.request(do="add", folder=self.folder, magnet=content.magnet)

    def seeding(self):
        return self.session.request(do="progress")["done"]

    done = seeding

    def sources(self):
        """How it says it met its peers."""
        return set(self.session.request(do="progress")["sources"])


class Transmission:
    """Reads its bootstrap nodes from two files in its configuration folder. Those in dht.bootstrap it pings
    15 seconds apart, those in dht.dat (where it saves its table) 2 seconds apart; and it looks nothing up
    before four have answered and nine are known. So it gets the net's nodes by dht.dat."""

    SETTINGS = {
        "dht-enabled": True, "pex-enabled": False, "lpd-enabled": False,
        "utp-enabled": False,  # over uTP it waits about a minute before it asks for a magnet's metadata
        "port-forwarding-enabled": False, "peer-port": PEER_PORT, "peer-port-random-on-start": False,
        "rpc-enabled": True, "rpc-port": 9091, "rpc-whitelist-enabled": False, "rpc-host-whitelist-enabled": False,
        "rpc-authentication-required": False, "incomplete-dir-enabled": False, "rename-partial-files": False,
        "ratio-limit-enabled": False, "idle-seeding-limit-enabled": False, "blocklist-enabled": False,
        "download-queue-enabled": False, "message-level": 3,
    }

    def __init__(self, folder, host, net):
        self.folder = os.path.join(folder, host.name)
        self.url = "http://%s:9091/transmission/rpc" % host.address
        self.token = ""
        config = self.folder + "-config"
        os.makedirs(self.folder)
        os.makedirs(config)
        with open(os.path.join(config, "settings.json"), "w") as file:
            json.dump(dict(self.SETTINGS, **{"download-dir": self.folder, "bind-address-ipv4": host.address,
                                             "rpc-bind-address": host.address}), file)
        with open(os.path.join(config, "dht.bootstrap"), "w") as file:
            file.writelines("%s %d\n" % peer for peer in net.bootstraps)
        with open(os.path.join(config, "dht.dat"), "wb") as file:
            file.write(krpc.encode({"id": os.urandom(20),
                                    "nodes": b"".join(krpc.compact(*node.peer) for node in net.nodes)}))
        self.process = Process(folder, host.name, ["transmission-daemon", "-f", "--config-dir", config], host)
        eventually("%s answers" % host.name, lambda: self.call("session-get") is not None, 30)

    def call(self, method, **arguments):
        request = urllib.request.Request(
            self.url, json.dumps({"method": method, "arguments": arguments}).encode(),
            {"X-Transmission-Session-Id": self.token})
        try:
            with urllib.request.urlopen(request, timeout=10) as response:
                answer = json.load(response)
        except urllib.error.HTTPError as error:
            if error.code != 409:
                raise
            self.token = error.headers["X-Transmission-Session-Id"]
            return self.call(method, **arguments)
        expect(answer["result"] == "success", "%s: %s" % (method, answer["result"]))
        return answer["arguments"]

    def torrent(self, *fields):
        return self.call("torrent-get", fields=list(fields))["torrents"][0]

    def seed(self, content):
        self.call("torrent-add", filename=content.write(self.folder), paused=True)
        self.call("torrent-verify")
        eventually("transmission has verified", lambda: self.torrent("percentDone")["percentDone"] == 1, 30)
        self.call("torrent-start")

    def leech(self, content):
        self.call("torrent-add", filename=content.magnet)

    def seeding(self):
        return self.torrent("status")["status"] == 6

    def done(self):
        facts = self.torrent("percentDone", "metadataPercentComplete", "leftUntilDone", "errorString")
        expect(not facts["errorString"], "transmission: " + facts["errorString"])
        return facts["metadataPercentComplete"] == 1 and facts["percentDone"] == 1 and facts["leftUntilDone"] == 0

    def sources(self):
        names = {"fromDht": "dht", "fromIncoming": "incoming", "fromPex": "pex", "fromTracker": "tracker",
                 "fromLpd": "lsd", "fromCache": "resume_data", "fromLtep": "ltep"}
        return {names[k] for k, n in self.torrent("peersFrom")["peersFrom"].items() if n}


class Aria2:
    """Has a DHT only while a torrent is open, and takes a single entry point."""

    def __init__(self, folder, host, net):
        self.top, self.host, self.entry = folder, host, net.bootstraps[0]
        self.folder = os.path.join(folder, host.name)
        self.process = None

    def start(self, what):
        os.makedirs(self.folder, exist_ok=True)
        host, port = self.entry
        self.process = Process(self.top, self.host.name, [
            "aria2c", "--no-conf", "--dir", self.folder, "--check-integrity=true",
            "--enable-dht=true", "--enable-dht6=false", "--dht-entry-point=%s:%d" % (host, port),
            "--dht-listen-port=%d" % PEER_PORT, "--dht-file-path=%s.dht" % self.folder,
            "--dht-message-timeout=3", "--listen-port=%d" % PEER_PORT,
            "--bt-enable-lpd=false", "--enable-peer-exchange=false", "--bt-tracker=", "--seed-ratio=0.0",
            "--enable-rpc=true", "--rpc-listen-all=true", "--rpc-listen-port=6800",
            "--summary-interval=0", "--console-log-level=info", "--show-console-readout=false", what], self.host)

    def call(self, method, *arguments):
        request = json.dumps({"jsonrpc": "2.0", "id": "x", "method": "aria2." + method, "params": arguments})
        with urllib.request.urlopen("http://%s:6800/jsonrpc" % self.host.address, request.encode(), timeout=10) as r:
            return json.load(r)["result"]

    def seed(self, content):
        self.start(content.write(self.folder))

    def leech(self, content):
        self.start(content.magnet)

    def seeding(self):
        expect(self.process.running(), "aria2c ended with status %s" % self.process.child.poll())
        return any(d.get("seeder") == "true" and "followedBy" not in d for d in self.call("tellActive"))

    done = seeding

    def sources(self):
        return set()  # it does not say


CLIENTS = {"libtorrent": Libtorrent, "transmission": Transmission, "aria2": Aria2}


def finish(seeder_kind, clients, leechers, content, began, results):
    """Checks and strikes off the leechers that are done."""
    for kind in [k for k in leechers if clients[k][0].done()]:
        client = clients[kind][0]
        took = time.monotonic() - began
        digest = content.check(client.folder)
        sources = client.sources()
        expect(not sources - {"dht", "incoming"}, "%s met peers by %s" % (kind, sources))
        say("%s -> %s: %d bytes in %.1f s, sha256 %s..., peers by %s"
            % (seeder_kind, kind, len(content.bytes), took, digest[:16], sorted(sources) or "(it does not say)"))
        results.append((seeder_kind, kind))
        leechers.remove(kind)
    if leechers:
        raise NotYet("missing: " + ", ".join(leechers))
    return True


def scenario(number, seeder_kind, clients, content, net, asker, results):
    """One seeder, two leechers, one torrent."""
    try:
        seeder, address = clients[seeder_kind]
        started = time.monotonic()
        seeder.seed(content)
        eventually("%s seeds" % seeder_kind, seeder.seeding, 60)
        wanted = "%s:%d" % (address, PEER_PORT)
        peers = [node.peer for node in net.nodes]
        eventually("our nodes hold %s's announce" % seeder_kind,
                   lambda: wanted in holders(asker, peers, content.info_hash), 150, 0.5)
        say("%s (seeder) is announced at our nodes after %.1f s" % (seeder_kind, time.monotonic() - started))

        leechers = [kind for kind in CLIENTS if kind != seeder_kind]
        began = time.monotonic()
        for kind in leechers:
            clients[kind][0].leech(content)
        eventually("both have downloaded from %s" % seeder_kind,
                   lambda: finish(seeder_kind, clients, leechers, content, began, results), 180, 0.5)
    except Exception as error:  # the main thread reports it
        results.append(Failure("seeder %s: %s" % (seeder_kind, error)))


def join_through(folder, bridge, kind, address, wanted):
    """A node of ours whose only bootstrap is this client finds the peers of a torrent."""
    info_hash, seeder = wanted
    probe = krpc.Socket("10.77.0.2")
    for k in range(3):
        try: say("probe %r" % probe.ask((address, PEER_PORT), "ping", {}, seconds=2))
        except Exception as e: say("probe NO %s" % e)
    import subprocess
    print(subprocess.getoutput("ps axo pid,stat,wchan:20,args | grep aria2c | cut -c1-100; ip netns exec aria2-seeder-of-aria2 ss -uanp; ip netns exec aria2-seeder-of-aria2 ss -tanp | head -20"))
    late = KadNode(folder, "by-" + kind, [(bridge.address("10.77.0.%d" % (50 + len(kind)), 24), 6881)],
                   [(address, PEER_PORT)])
    KadNet.await_answers([late])
    eventually("a kad node that knows only %s finds the seeder" % kind,
               lambda: seeder in late.peers(info_hash.hex()), 60)
    expect(late.stop() == 0, "exit status")
    say("a kad node joined with %s as its only bootstrap" % kind)


def test(folder):
    bridge = Bridge()
    asker = [krpc.Socket(bridge.address("10.77.0.%d" % (2 + i), 24)) for i in range(3)]
    ours = [bridge.address("10.77.0.%d" % (10 + i), 24) for i in range(N_NODES)]
    net = KadNet(folder, [[(address, 6881)] for address in ours])
    net.await_tables(8, asker[0])  # the 8 nearest to itself is what a node must know

    threads, results, worlds = [], [], []
    for number, seeder_kind in enumerate(CLIENTS):
        clients = {}
        for index, (kind, make) in enumerate(CLIENTS.items()):
            role = "seeder" if kind == seeder_kind else "leecher"
            host = Host(bridge, "%s-%s-of-%s" % (kind, role, seeder_kind), "10.77.0.%d" % (100 + 10 * number + index))
            clients[kind] = (make(folder, host, net), host.address)
        worlds.append((number, seeder_kind, clients, Content(7700 + number)))
    say("9 clients, and no DHT node but ours known to any")
    for number, seeder_kind, clients, content in worlds:
        thread = threading.Thread(target=scenario, daemon=True, args=(
            number, seeder_kind, clients, content, net, asker[number], results))
        thread.start()
        threads.append(thread)
    for thread in threads:
        thread.join()
    failures = [result for result in results if isinstance(result, Failure)]
    expect(not failures, "; ".join(map(str, failures)))
    expect(len(results) == 6, "%d of 6 downloads" % len(results))
    if not standing_in():
        for _, kind, clients, content in worlds:
            address = clients[kind][1]
            join_through(folder, bridge, kind, address, (content.info_hash, "%s:%d" % (address, PEER_PORT)))
        net.stop()


if __name__ == "__main__":
    sys.exit(main(test, LIMIT_S))
