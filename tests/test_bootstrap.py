#!/usr/bin/python3
"""Each way of finding the first nodes is enough alone: list, list changed while it runs, manifest (file, address), DNS, local network.

In namespaces without a way out. One network of nodes stands on 127.1.0.x; newcomers, who know nothing but the source under test, join
it or must not: by a manifest that is good (T68), and neither by one that nobody trusted has signed, nor one that was changed, nor one
that is out of date. For the local network two hosts hang on one bridge.
"""
# serial
# timeout 300
import http.server
import os
import signal
import socket
import struct
import subprocess
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "interop"))
from harness import PYTHON, Bridge, Host, KadNet, Process, eventually, expect, main, run, say  # noqa: E402

KAD = os.environ.get("KAD", "build/kad")
FUTURE, PAST = "2096-01-31T00:00:00Z", "2020-01-31T00:00:00Z"


def kad(*arguments, expected=0):
    done = subprocess.run([KAD] + list(arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60)
    expect(done.returncode == expected, "kad %s: exit %d, not %d: %s%s" % (" ".join(arguments), done.returncode, expected,
                                                                          done.stdout, done.stderr))
    return done.stdout


class Newcomer(Process):
    """A node with settings in a file, that knows nobody."""

    def __init__(self, folder, name, listen, *settings, host=None):
        self.data = os.path.join(folder, name)
        self.config = os.path.join(folder, name + ".conf")
        self.write(*settings)
        super().__init__(folder, name, [KAD, "node", "--data-dir", self.data, "--listen", listen, "--config", self.config,
                                        "--api", "none", "--metrics", "none", "--store", "mem"], host=host)

    def write(self, *settings):
        with open(self.config, "w") as file:
            file.write("\n".join(settings) + "\n")

    def status(self):
        done = subprocess.run([KAD, "--node", self.data, "--json", "status"], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, timeout=60)
        return done.stdout if done.returncode == 0 else None

    def said(self, text):
        with open(self.log) as file:
            return text in file.read()

    def joined(self):
        def look():
            expect(self.running(), "it ended")
            return self.said("event=ready")

        eventually("%s joins" % self.name, look, 60)
        return self

    def stays_alone(self, reason):
        """It says why, and knows nobody by then."""
        eventually("%s says: %s" % (self.name, reason), lambda: self.said(reason), 60)
        expect(not self.said("event=ready"), "it joined all the same")
        return self

    def end(self):
        expect(self.stop() == 0, "%s did not stop in order" % self.name)
        with open(self.log) as file:
            expect("Sanitizer" not in file.read(), "a sanitizer complains in " + self.log)


addresses = ("127.9.%d.1:6881" % n for n in range(1, 200))


# ---------------------------------------------------------------- the list


def by_list(folder, known):
    """P109: the list changes while the node runs, by the file and SIGHUP and by the API."""
    node = Newcomer(folder, "list", next(addresses))
    eventually("it answers", node.status, 60)
    expect(not node.said("event=ready"), "it joined by itself")
    node.write("bootstrap = %s, nobody.invalid:1" % known)
    node.child.send_signal(signal.SIGHUP)
    node.joined()
    expect(node.said('event=setting_changed key=bootstrap old="" new="%s, nobody.invalid:1"' % known), "it does not say so")
    kad("--node", node.data, "config", "set", "bootstrap", "none")
    expect(kad("--node", node.data, "config", "set", "bootstrap", known) == "bootstrap:  -> %s\n" % known,
           "the list was not emptied")
    node.end()

    node = Newcomer(folder, "list-api", next(addresses), "bootstrap = none")
    eventually("it answers", node.status, 60)
    kad("--node", node.data, "config", "set", "bootstrap", "no port", expected=2)
    kad("--node", node.data, "config", "set", "bootstrap", known)
    node.joined().end()


# ---------------------------------------------------------------- manifests


def make_manifest(folder, known, until, key="ours"):
    path = os.path.join(folder, "list.txt")
    with open(path, "w") as file:
        file.write("# by hand\nkad-manifest 1\nnetwork mainline\nvalid-until %s\nnode %s\n" % (until, known))
    return kad("manifest", "sign", path, "--key-file", os.path.join(folder, key + ".key"))


def write(folder, name, text):
    path = os.path.join(folder, name)
    with open(path, "w") as file:
        file.write(text)
    return path


def by_manifest(folder, known, keys):
    settings = "manifest_keys = %s" % keys["ours"]
    good = write(folder, "good.manifest", make_manifest(folder, known, FUTURE))
    Newcomer(folder, "good", next(addresses), settings, "manifest = " + good).joined().end()
    cases = {
        "stranger": (make_manifest(folder, known, FUTURE, "theirs"), "signed by no key that is trusted"),
        "unsigned": (open(good).read().split("signature")[0], "not signed"),
        "changed": (open(good).read().replace("2096", "2097"), "the signature is wrong"),
        "old": (make_manifest(folder, known, PAST), "is out of date"),
        "garbage": ("\x01\x02 no manifest at all\n", "not signed"),
        "large": ("node a:1\n" * 5000, "larger than 32768 bytes"),
    }
    for name, (text, reason) in cases.items():
        path = write(folder, name + ".manifest", text)
        node = Newcomer(folder, name, next(addresses), settings, "manifest = " + path)
        node.stays_alone("event=manifest_ignored from=%s why=\"%s" % (path, reason))
        if name == "stranger":  # and once its key is trusted, it is: read anew at SIGHUP
            node.write("manifest_keys = %s, %s" % (keys["ours"], keys["theirs"]), "manifest = " + path)
            node.child.send_signal(signal.SIGHUP)
            node.joined()
        node.end()
    for name, code in (("good", 0), ("stranger", 4), ("changed", 4), ("old", 4), ("unsigned", 4)):
        kad("manifest", "check", os.path.join(folder, name + ".manifest"), "--trust", keys["ours"], expected=code)
    expect("signed by %s" % keys["theirs"] in kad("manifest", "check", os.path.join(folder, "stranger.manifest")),
           "who has signed it is not shown")


class Web(http.server.BaseHTTPRequestHandler):
    body, asked = b"", 0
    silent, over = threading.Event(), threading.Event()

    def do_GET(self):
        Web.asked += 1
        if self.path == "/moved":
            self.send_response(302)
            self.send_header("Location", "/manifest")
            self.end_headers()
        elif self.path == "/gone":
            self.send_error(404)
        elif self.path == "/silent":
            Web.silent.set()
            Web.over.wait(60)
        elif self.path == "/endless":
            self.send_response(200)
            self.end_headers()
            try:
                for _ in range(10000):
                    self.wfile.write(b"node a:1\n" * 100)
            except OSError:
                pass
        else:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(Web.body)

    def log_message(self, *arguments):
        pass


def by_address(folder, known, keys):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Web)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    at = "http://127.0.0.1:%d" % server.server_address[1]
    settings = "manifest_keys = %s" % keys["ours"]
    Web.body = make_manifest(folder, known, FUTURE).encode()
    Newcomer(folder, "web", next(addresses), settings, "manifest = %s/moved" % at).joined().end()
    for name, path, reason in (("gone", "/gone", "HTTP status 404"), ("endless", "/endless", "larger than 32768 bytes")):
        node = Newcomer(folder, name, next(addresses), settings, "manifest = " + at + path)
        node.stays_alone("event=manifest_ignored from=%s%s why=\"%s" % (at, path, reason)).end()
    expect(Web.asked >= 4, "the server was not asked")
    # A server that says nothing does not keep a node from stopping, nor anything it held from being freed.
    node = Newcomer(folder, "silent", next(addresses), settings, "manifest = " + at + "/silent")
    expect(Web.silent.wait(60), "the server was not asked")
    node.end()
    Web.over.set()


# ---------------------------------------------------------------- DNS


class Names(threading.Thread):
    """A name server: TXT records as they are given, lists of strings."""

    def __init__(self):
        super().__init__(daemon=True)
        self.records, self.asked = {}, []
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self.udp.getsockname()[1]
        self.start()

    def run(self):
        while True:
            query, peer = self.udp.recvfrom(2000)
            labels, at = [], 12
            while query[at]:
                labels.append(query[at + 1:at + 1 + query[at]].decode())
                at += 1 + query[at]
            name, kind = ".".join(labels).lower(), struct.unpack("!H", query[at + 1:at + 3])[0]
            question = query[12:at + 5]
            self.asked.append((name, kind))
            found = self.records.get(name) if kind == 16 else None
            answer = b""
            for strings in found or []:
                data = b"".join(bytes([len(s)]) + s for s in (text.encode() for text in strings))
                answer += b"\xc0\x0c" + struct.pack("!HHIH", 16, 1, 60, len(data)) + data
            head = query[:2] + struct.pack("!HHHHH", 0x8180 if found else 0x8183, 1, len(found or []), 0, 0)
            self.udp.sendto(head + question + answer, peer)


def strings_of(zone):
    """What `kad manifest sign --txt` prints, as strings."""
    return [part for part in zone.strip()[1:-1].split('" "')]


def by_dns(folder, known, keys):
    names = Names()
    path = write(folder, "list.txt", "kad-manifest 1\nnetwork mainline\nvalid-until %s\nnode %s\n" % (FUTURE, known))
    zone = kad("manifest", "sign", path, "--txt", "--key-file", os.path.join(folder, "ours.key"))
    expect(all(len(part) <= 255 for part in strings_of(zone)) and len(strings_of(zone)) == 2, zone)
    names.records = {
        "plain.example": [["127.0.0.99:1 ", known], ["not an address"]],
        "signed.example": [["v=something else"], strings_of(zone)],
        "bad.example": [["v=spf1 -all"]],
    }
    server = "bootstrap_dns_server = " + names.address
    trust = "manifest_keys = " + keys["ours"]
    Newcomer(folder, "dns-plain", next(addresses), server, "bootstrap_dns = plain.example").joined().end()
    Newcomer(folder, "dns-signed", next(addresses), server, trust, "bootstrap_dns = signed.example").joined().end()
    node = Newcomer(folder, "dns-unsigned", next(addresses), server, trust, "bootstrap_dns = plain.example")
    node.stays_alone("a record without signature, and there are manifest_keys").end()
    node = Newcomer(folder, "dns-bad", next(addresses), server, "bootstrap_dns = bad.example")
    node.stays_alone("a record has a word that is not host:port").end()
    node = Newcomer(folder, "dns-none", next(addresses), server, "bootstrap_dns = nobody.example")
    node.stays_alone("there is no such name").end()
    expect({name for name, _ in names.asked} >= {"plain.example", "signed.example", "nobody.example"}, names.asked)
    # The system's own servers, when none is named: /etc/resolv.conf of this mount namespace.
    system = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    system.bind(("127.0.0.1", 53))
    names.udp, old = system, names.udp
    old.sendto(b"\0" * 12 + b"\0" + b"\0\1\0\1", old.getsockname())  # it wakes up and goes on with the other
    run("mount", "--bind", write(folder, "resolv.conf", "nameserver 127.0.0.1\n"), os.path.realpath("/etc/resolv.conf"))
    Newcomer(folder, "dns-system", next(addresses), "bootstrap_dns = plain.example").joined().end()


# ---------------------------------------------------------------- the local network


def by_local_network(folder):
    bridge = Bridge()
    run("ip", "link", "set", bridge.name, "type", "bridge", "mcast_snooping", "0")  # nobody here asks who listens
    hosts = [Host(bridge, "lan%d" % i, "10.7.0.%d" % i) for i in (1, 2, 3)]
    say("two nodes and one that is not to be found")
    hidden = Newcomer(folder, "hidden", "0.0.0.0:6881", host=hosts[2])
    one = Newcomer(folder, "one", "0.0.0.0:6881", "local_discovery = yes", host=hosts[0])
    eventually("the first listens", one.status, 60)
    two = Newcomer(folder, "two", "0.0.0.0:7000", "local_discovery = yes", host=hosts[1])
    one.joined()
    two.joined()
    expect(one.said("event=local_node address=10.7.0.2:7000") or two.said("event=local_node address=10.7.0.1:6881"),
           "they found each other some other way")
    expect("10.7.0.3" not in one.status() + two.status() and not hidden.said("event=ready"), "the third was found")
    for node in (one, two, hidden):
        node.end()
    # Two of one host, on two ports; and one that listens on loopback alone, which tells nobody.
    one = Newcomer(folder, "same-1", "10.7.0.1:6881", "local_discovery = yes", host=hosts[0])
    eventually("the first listens", one.status, 60)
    two = Newcomer(folder, "same-2", "10.7.0.1:6882", "local_discovery = yes", host=hosts[0])
    three = Newcomer(folder, "loopback", "127.0.0.1:6883", "local_discovery = yes", host=hosts[0])
    one.joined()
    two.joined()
    three.stays_alone("event=local_discovery_off")
    expect(not (one.said(":6883") or two.said(":6883")), "a node on loopback told others of itself")
    for node in (one, two, three):
        node.end()
    by_client(folder, bridge)


# An ordinary client with one torrent, which it tells the local network of (BEP 14).
CLIENT = """
import libtorrent, sys, time
session = libtorrent.session({"listen_interfaces": "%s:6881", "enable_lsd": True, "enable_dht": True, "enable_upnp": False,
                              "enable_natpmp": False, "dht_bootstrap_nodes": ""})
torrent = libtorrent.add_torrent_params()
torrent.info_hashes = libtorrent.info_hash_t(libtorrent.sha1_hash(b"k" * 20))
torrent.save_path = sys.argv[1]
session.add_torrent(torrent)
time.sleep(300)
"""


def by_client(folder, bridge):
    """Somebody's BitTorrent client on the same network is a way in, too."""
    here, there = Host(bridge, "lan4", "10.7.0.4"), Host(bridge, "lan5", "10.7.0.5")
    node = Newcomer(folder, "client", "0.0.0.0:6881", "local_discovery = yes", host=here)
    eventually("it listens", node.status, 60)
    client = Process(folder, "libtorrent", [PYTHON, "-c", CLIENT % there.address, folder], host=there)
    node.joined()
    expect(node.said("event=local_node address=10.7.0.5:6881"), "it found it some other way")
    node.end()
    client.terminate()


def test(folder):
    keys = {name: kad("manifest", "key", "--new-key", "--key-file", os.path.join(folder, name + ".key")).strip()
            for name in ("ours", "theirs")}
    net = KadNet(folder, [[("127.1.0.%d" % i, 6881)] for i in range(1, 9)],
                 more=["--api", "none", "--metrics", "none"])
    known = "127.1.0.1:6881"
    for name, step in (("list", lambda: by_list(folder, known)), ("manifest", lambda: by_manifest(folder, known, keys)),
                       ("address", lambda: by_address(folder, known, keys)), ("DNS", lambda: by_dns(folder, known, keys)),
                       ("local network", lambda: by_local_network(folder))):
        step()
        say(name)
    for node in net.nodes:
        node.terminate()


main(test, 280)
